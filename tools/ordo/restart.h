/* restart.h - from which snapshot a node starts: the newest that holds, then the other, then none.
 *
 * A snapshot is a candidate when a child process has read all of it and found every digest and the
 * root right, and it is of this node, of rules and rows that this program knows. What is refused is
 * named with its reason. The journal then has the last word: it must go on where the snapshot ends.
 */
#ifndef ORDO_TOOLS_RESTART_H
#define ORDO_TOOLS_RESTART_H

#include "journal/snapshot.h"
#include "replay.h"

struct ordo_candidate {
    enum ordo_snapshot_which which;
    enum ordo_snapshot_status status;
    struct ordo_snapshot_info info;
    struct ordo_fail why; /* it cannot be taken; err is OK when it can */
};

struct ordo_restart {
    struct ordo_candidate candidates[ORDO_SNAPSHOT_WHICH_COUNT]; /* the newest first */
    int chosen;               /* index of the one that was loaded; -1 = none: the whole journal */
    uint64_t after_seq;       /* replay what is behind it; 0 = everything */
    struct ordo_fail journal; /* err: OK, NOT_FOUND = none; else nobody could read whose it is */
};

/* Looks at both environments of a data folder, without changing anything. Blocks as long as reading
 * them takes. */
void ordo_restart_look(struct ordo_restart *restart, const char *data);

/* The best candidate's name by the look: an index, or -1. */
int ordo_restart_best(const struct ordo_restart *restart);

/* Loads the best candidate into the replay, or the next when it does not hold after all; or
 * nothing. Logs what was taken and what was refused. DAMAGED when there are snapshots that hold and
 * no journal, IO when there is one and it could not be read. Starter thread. */
enum ordo_err ordo_restart_load(
    struct ordo_restart *restart,
    const char *data,
    struct ordo_replay *replay,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* For who reads a journal whose beginning is gone: loads the oldest snapshot whose sequence is at
 * or behind first_seq (what was trimmed ends there) and not behind last_seq, so that as many
 * records as can be are left to prove; chosen and after_seq say which. NOT_FOUND names both when
 * none fits, with what is wrong with each. Starter thread. */
enum ordo_err ordo_restart_load_oldest(
    struct ordo_restart *restart,
    const char *data,
    uint64_t first_seq,
    uint64_t last_seq,
    struct ordo_replay *replay,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* 'a' or 'b'. */
static inline char ordo_snapshot_letter(enum ordo_snapshot_which which)
{
    return which == ORDO_SNAPSHOT_A ? 'a' : 'b';
}

#endif
