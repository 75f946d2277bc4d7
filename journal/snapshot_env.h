/* snapshot_env.h - one LMDB environment of a snapshot. The only file that includes LMDB is
 * snapshot_lmdb.c.
 *
 * Keys: section and chunk as big-endian u32 each, so that a walk goes in their order; the key of
 * what the environment says of itself is META_KEY. After an error of a write the environment is
 * poisoned: LMDB 0.9.24 lets the next commit succeed after one whose flush failed.
 */
#ifndef ORDO_JOURNAL_SNAPSHOT_ENV_H
#define ORDO_JOURNAL_SNAPSHOT_ENV_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

struct ordo_env {
    void *env;     /* MDB_env */
    void *txn;     /* MDB_txn of the writer; NULL = none */
    void *reading; /* MDB_txn that all reads share; NULL = each has its own */
    unsigned table;
    uint64_t map_size;
    bool poisoned;
    char path[1024]; /* for errors */
};

/* Of a folder that exists. readonly: takes no lock file's write permission for granted. */
enum ordo_err ordo_env_open(
    struct ordo_env *env,
    const char *path,
    uint64_t map_size,
    bool readonly,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_env_close(struct ordo_env *env); /* accepts a zeroed struct */

/* One write transaction at a time; room: bytes that it will put at most, for which the map is grown
 * before. An error aborts it and poisons the environment. */
enum ordo_err
ordo_env_begin(struct ordo_env *env, uint64_t room, struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err ordo_env_commit(struct ordo_env *env, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_env_abort(struct ordo_env *env);

/* The value's memory, to be filled before the next call. */
enum ordo_err ordo_env_put(
    struct ordo_env *env,
    struct ordo_bytes key,
    uint32_t size,
    uint8_t **value,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Deletes key when it is there. */
enum ordo_err
ordo_env_delete(struct ordo_env *env, struct ordo_bytes key, struct ordo_fail *fail) ORDO_MUST_USE;

/* From now on all reads see the same, whatever a writer does meanwhile. */
enum ordo_err ordo_env_hold(struct ordo_env *env, struct ordo_fail *fail) ORDO_MUST_USE;

/* A read transaction over all: visit each pair in the order of keys until it returns an error. */
typedef enum ordo_err ordo_env_visit(
    void *context, struct ordo_bytes key, struct ordo_bytes value, struct ordo_fail *fail);
enum ordo_err
ordo_env_walk(struct ordo_env *env, ordo_env_visit *visit, void *context, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* The value of one key, copied: NOT_FOUND, or LIMIT when it has more than size_max bytes. */
enum ordo_err ordo_env_get(
    struct ordo_env *env,
    struct ordo_bytes key,
    uint8_t *value,
    uint32_t size_max,
    uint32_t *size,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
