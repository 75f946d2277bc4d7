/* snapshot_internal.h - what the writer and the readers of snapshots share: paths, keys, the meta
 * value, the root. For the snapshot*.c files only. */
#ifndef ORDO_JOURNAL_SNAPSHOT_INTERNAL_H
#define ORDO_JOURNAL_SNAPSHOT_INTERNAL_H

#include "base/hash.h"
#include "journal/snapshot.h"
#include "journal/snapshot_env.h"

#define ORDO_SNAPSHOT_PATH_MAX 1024
#define ORDO_SNAPSHOT_KEY_SIZE 8
#define ORDO_SNAPSHOT_META_MAX (160 + ORDO_SNAPSHOT_SECTIONS_MAX * 4)

/* DATA/snapshot, DATA/snapshot/a, DATA/snapshot/a.invalid. False: too long. */
bool ordo_snapshot_folder(const char *data, char path[ORDO_SNAPSHOT_PATH_MAX]);
bool ordo_snapshot_path(
    const char *data,
    enum ordo_snapshot_which which,
    const char *suffix,
    char path[ORDO_SNAPSHOT_PATH_MAX]);
/* A flush of a folder. */
enum ordo_err ordo_snapshot_flush_folder(const char *path, struct ordo_fail *fail) ORDO_MUST_USE;

struct ordo_bytes ordo_snapshot_meta_key(void);
void ordo_snapshot_key(uint32_t section, uint32_t chunk, uint8_t key[ORDO_SNAPSHOT_KEY_SIZE]);
/* False: not the key of a chunk. */
bool ordo_snapshot_key_read(struct ordo_bytes key, uint32_t *section, uint32_t *chunk);

/* The meta value, with a digest at its end. */
uint32_t ordo_snapshot_meta_write(
    const struct ordo_snapshot_info *info, uint8_t value[ORDO_SNAPSHOT_META_MAX]);
/* Sets status to COMPLETE, INCOMPLETE, NEWER or DAMAGED; the fields as far as they can be read. */
void ordo_snapshot_meta_read(struct ordo_bytes value, struct ordo_snapshot_info *info);

/* A chunk's value: its digest, then its bytes. */
void ordo_snapshot_digest(
    uint32_t section, uint32_t chunk, struct ordo_bytes bytes, uint8_t digest[ORDO_HASH_SIZE]);

/* The digests of all chunks in the order of their keys, for the root. */
struct ordo_snapshot_root {
    uint8_t *digests;
    uint64_t count;
    uint64_t room;
};
enum ordo_err ordo_snapshot_root_add(
    struct ordo_snapshot_root *root,
    const uint8_t digest[ORDO_HASH_SIZE],
    struct ordo_fail *fail) ORDO_MUST_USE;
/* SHA-256 over the digests and then the meta value with a root of zeros. */
void ordo_snapshot_root_end(
    const struct ordo_snapshot_root *root, const struct ordo_snapshot_info *info, uint8_t out[32]);
void ordo_snapshot_root_fini(struct ordo_snapshot_root *root);

/* Walks an open environment: every chunk's digest recomputed, keys without a gap, counts and root
 * as the meta value says, and (visit not NULL) each chunk visited. beat is called now and then. */
struct ordo_snapshot_check {
    ordo_snapshot_visit *visit;
    void *context;
    void (*beat)(void *context);
    void *beat_context;
};
enum ordo_err ordo_snapshot_check(
    struct ordo_env *env,
    const struct ordo_snapshot_check *check,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
