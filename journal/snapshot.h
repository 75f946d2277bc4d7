/* snapshot.h - where snapshots lie: two LMDB environments, A and B, each of which holds one whole
 * state at one sequence.
 *
 * Knows sections, chunks and bytes, never orders. The folder is DATA/snapshot/{a,b}. An environment
 * is incomplete from the first transaction of a writer until its last, which writes sequence, root
 * and "complete" together; so at any instant at least one of two complete ones stays as it was.
 * Each chunk carries its own digest (XXH3-128 of section, number and bytes); the root is SHA-256
 * over the chunks' digests in the order of (section, chunk) and the fields of struct
 * ordo_snapshot_info.
 *
 * LMDB has no checksums and may crash on a damaged file (research: 32 of 3,000 flips): whatever
 * opens an environment that this process did not write does so in a child process first
 * (ordo_snapshot_verify). After any error of an environment nothing more is written to it by this
 * process. Format and keys: journal/README.md "Snapshots".
 */
#ifndef ORDO_JOURNAL_SNAPSHOT_H
#define ORDO_JOURNAL_SNAPSHOT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

#define ORDO_SNAPSHOT_FORMAT       1
#define ORDO_SNAPSHOT_SECTIONS_MAX 32
#define ORDO_SNAPSHOT_CHUNK_MAX    (64u << 10) /* bytes of one chunk */

enum ordo_snapshot_which { ORDO_SNAPSHOT_A, ORDO_SNAPSHOT_B, ORDO_SNAPSHOT_WHICH_COUNT };

enum ordo_snapshot_status {
    ORDO_SNAPSHOT_ABSENT,
    ORDO_SNAPSHOT_COMPLETE,
    ORDO_SNAPSHOT_INCOMPLETE, /* a writer did not come to its end */
    ORDO_SNAPSHOT_INVALID,    /* an operator said so */
    ORDO_SNAPSHOT_DAMAGED,    /* does not hold; the text of fail says where */
    ORDO_SNAPSHOT_NEWER,      /* of a format that this program does not know */
};

/* What an environment says of itself. */
struct ordo_snapshot_info {
    enum ordo_snapshot_status status;
    uint32_t format;
    uint32_t rules;
    uint32_t layout;     /* of the sections' rows; the caller's own number */
    uint64_t generation; /* grows by one with each snapshot of a folder, over both environments */
    uint64_t seq;        /* the state is that after this command */
    uint64_t update_seq;
    uint64_t time_us;
    uint8_t stream_hash[16];
    uint8_t node[16]; /* of the journal that it belongs to */
    uint8_t root[32];
    uint32_t section_count;
    uint32_t chunk_counts[ORDO_SNAPSHOT_SECTIONS_MAX]; /* of each section; 0..count-1 are there */
    uint64_t bytes;                                    /* of all chunks */
};

struct ordo_snapshot_store;

/* Makes DATA/snapshot when missing (and flushes the folder). map_size: bytes of address space for
 * each environment, grown when it is full. Blocks. Snapshot thread, as all that follow. */
enum ordo_err ordo_snapshot_open(
    const char *data, uint64_t map_size, struct ordo_snapshot_store **out, struct ordo_fail *fail)
    ORDO_MUST_USE;
void ordo_snapshot_close(struct ordo_snapshot_store *store);

/* True unless this store itself has finished the environment, without an error since, and no
 * operator has marked it invalid: then the next snapshot must be whole. So nothing that another
 * process wrote is ever built upon, and no LMDB file of unknown content is opened by a writer. */
bool ordo_snapshot_needs_whole(
    const struct ordo_snapshot_store *store, enum ordo_snapshot_which which);

/* Begins to write `which`: from now on it is incomplete. whole: what it held is thrown away, all
 * chunks will come; else only the changed ones do (INVALID when it needs a whole one). */
enum ordo_err ordo_snapshot_begin(
    struct ordo_snapshot_store *store,
    enum ordo_snapshot_which which,
    bool whole,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One chunk, in any order. Written in transactions of a bounded size. */
enum ordo_err ordo_snapshot_put(
    struct ordo_snapshot_store *store,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* All chunks are there: info has everything but status, format, root, bytes, which are filled in.
 * Every chunk that was put is read again and compared with its digest, then comes the last
 * transaction, and the folder is flushed. The caller has waited until info->seq was durable. */
enum ordo_err ordo_snapshot_finish(
    struct ordo_snapshot_store *store,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The writer gives up; the environment stays incomplete. */
void ordo_snapshot_abandon(struct ordo_snapshot_store *store);

/* ---- reading: never writes; on live and on crashed folders ---- */

/* Reads everything in a child process and checks every digest and the root: the status, and in fail
 * what does not hold. A child that crashes or hangs (bounded by time) means DAMAGED. */
enum ordo_snapshot_status ordo_snapshot_verify(
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail);

/* What the environment says of itself, read in a child process, unchecked. */
enum ordo_snapshot_status ordo_snapshot_look(
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail);

typedef enum ordo_err ordo_snapshot_visit(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail);

/* Every chunk in the order of (section, chunk), each checked against its digest. Call it after a
 * verify: it runs in this process. */
enum ordo_err ordo_snapshot_load(
    const char *data,
    enum ordo_snapshot_which which,
    ordo_snapshot_visit *visit,
    void *context,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Marks it invalid (a file beside the environment, flushed): recovery takes the other one, the next
 * snapshot overwrites it. The server need not be stopped. */
enum ordo_err ordo_snapshot_invalidate(
    const char *data, enum ordo_snapshot_which which, struct ordo_fail *fail) ORDO_MUST_USE;

const char *ordo_snapshot_status_name(enum ordo_snapshot_status status);

#endif
