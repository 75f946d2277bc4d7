/* snapshots.h - the snapshotter's port onto the store of the data folder: which environment is
 * next, what its last transaction says. After each snapshot the closed segments that no recovery
 * needs any more move to the archive, a few at a time, on the snapshotter's thread. */
#ifndef ORDO_TOOLS_SNAPSHOTS_H
#define ORDO_TOOLS_SNAPSHOTS_H

#include "pipeline/snapshotter.h"
#include "restart.h"

struct ordo_snapshots {
    struct ordo_snapshot_store *store; /* NULL = not open */
    uint8_t node[16];
    uint64_t generation; /* the highest of the folder */
    int newest;          /* enum ordo_snapshot_which of the one to keep; -1 = none */
    enum ordo_snapshot_which which;
    uint64_t seqs[ORDO_SNAPSHOT_WHICH_COUNT]; /* of each that is known to hold; 0 = not known */
    const char *data;                         /* the data folder; not owned */
    bool archive;                             /* closed segments that nobody needs, by themselves */
    bool whole;                               /* every snapshot: for benchmarks */
};

/* restart: what the start has found; the snapshot that it took is kept, the other is written first.
 * Starter thread. */
enum ordo_err ordo_snapshots_open(
    struct ordo_snapshots *snapshots,
    const char *data,
    const struct ordo_restart *restart,
    const uint8_t node[16],
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_snapshots_close(struct ordo_snapshots *snapshots);

struct ordo_snapshotter_port ordo_snapshots_port(struct ordo_snapshots *snapshots);

#endif
