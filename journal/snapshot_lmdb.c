/* LMDB with the flags that are safe: no WRITEMAP (stray writes, SIGBUS), no NOSYNC, no NOMEMINIT
 * (heap leftovers in the file). The map grows before a transaction that might fill it, when no
 * transaction is open, because a full map in the middle of one loses what it had put.
 */
#include "journal/snapshot_env.h"

#include "base/assert.h"
#include "base/canary.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

#define OVERHEAD  4             /* a transaction may take this many times its bytes in pages */
#define SPARE     (64ull << 20) /* bytes that are left at least */
#define FILE_MODE 0600

static enum ordo_err
fail_mdb(const struct ordo_env *env, int code, const char *what, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_ERR_IO;
    if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
        code == MDB_VERSION_MISMATCH || code == MDB_PANIC) {
        err = ORDO_ERR_DAMAGED;
    } else if (code == MDB_MAP_FULL || code == ENOSPC) {
        err = ORDO_ERR_NO_SPACE;
    } else if (code == ENOMEM) {
        err = ORDO_ERR_NO_MEMORY;
    }
    return ordo_fail_set(fail, err, "%s: %s: %s", env->path, what, mdb_strerror(code));
}

/* A reader that was killed keeps its place in the table of readers until somebody looks. */
static int begin_to_read(struct ordo_env *env, MDB_txn **txn)
{
    int dead = 0;
    int code = mdb_txn_begin(env->env, NULL, MDB_RDONLY, txn);
    if (code == MDB_READERS_FULL && mdb_reader_check(env->env, &dead) == 0 && dead != 0) {
        code = mdb_txn_begin(env->env, NULL, MDB_RDONLY, txn);
    }
    return code;
}

enum ordo_err ordo_env_open(
    struct ordo_env *env,
    const char *path,
    uint64_t map_size,
    bool readonly,
    struct ordo_fail *fail)
{
    MDB_env *mdb = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi table = 0;
    unsigned flags = MDB_NOTLS | (readonly ? MDB_RDONLY : 0u);

    *env = (struct ordo_env){.map_size = map_size};
    (void)snprintf(env->path, sizeof(env->path), "%s", path);
    int code = mdb_env_create(&mdb);
    if (code != 0) {
        return fail_mdb(env, code, "create", fail);
    }
    code = mdb_env_set_mapsize(mdb, map_size);
    if (code == 0) {
        code = mdb_env_open(mdb, path, flags, FILE_MODE);
    }
    if (code == 0 && !readonly) {
        int dead = 0;
        code = mdb_reader_check(mdb, &dead); /* a reader that crashed keeps pages from reuse */
    }
    if (code == 0) {
        env->env = mdb;
        code = readonly ? begin_to_read(env, &txn) : mdb_txn_begin(mdb, NULL, 0, &txn);
        env->env = NULL;
    }
    if (code == 0) {
        code = mdb_dbi_open(txn, NULL, 0, &table);
        int end = code == 0 ? mdb_txn_commit(txn) : 0;
        if (code != 0) {
            mdb_txn_abort(txn);
        }
        code = code != 0 ? code : end;
    }
    if (code != 0) {
        mdb_env_close(mdb);
        return fail_mdb(env, code, "open", fail);
    }
    env->env = mdb;
    env->table = table;
    return ORDO_OK;
}

void ordo_env_close(struct ordo_env *env)
{
    if (env->txn != NULL) {
        ordo_env_abort(env);
    }
    if (env->reading != NULL) {
        mdb_txn_abort(env->reading);
    }
    if (env->env != NULL) {
        mdb_env_close(env->env);
    }
    *env = (struct ordo_env){.env = NULL};
}

/* ---- writing ---- */

static enum ordo_err
poison(struct ordo_env *env, int code, const char *what, struct ordo_fail *fail)
{
    ordo_env_abort(env);
    env->poisoned = !ORDO_CANARY(snapshot_goes_on_after_error);
    return fail_mdb(env, code, what, fail);
}

static enum ordo_err grow(struct ordo_env *env, uint64_t room, struct ordo_fail *fail)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(env->env, &info);
    if (code == 0) {
        code = mdb_env_stat(env->env, &stat);
    }
    if (code != 0) {
        return poison(env, code, "info", fail);
    }
    uint64_t used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    uint64_t wanted = used + room * OVERHEAD + SPARE;
    if (wanted <= env->map_size || ORDO_CANARY(map_full_ignored)) {
        return ORDO_OK;
    }
    while (env->map_size < wanted) {
        env->map_size *= 2;
    }
    code = mdb_env_set_mapsize(env->env, env->map_size);
    return code == 0 ? ORDO_OK : poison(env, code, "grow the map", fail);
}

enum ordo_err ordo_env_begin(struct ordo_env *env, uint64_t room, struct ordo_fail *fail)
{
    MDB_txn *txn = NULL;
    ORDO_ASSERT(env->txn == NULL);
    if (env->poisoned) {
        return ordo_fail_set(
            fail, ORDO_ERR_IO, "%s: had an error before: nothing more is written", env->path);
    }
    enum ordo_err err = grow(env, room, fail);
    if (err != ORDO_OK) {
        return err;
    }
    int code = mdb_txn_begin(env->env, NULL, 0, &txn);
    if (code != 0) {
        return poison(env, code, "begin", fail);
    }
    env->txn = txn;
    return ORDO_OK;
}

enum ordo_err ordo_env_commit(struct ordo_env *env, struct ordo_fail *fail)
{
    ORDO_ASSERT(env->txn != NULL);
    int code = mdb_txn_commit(env->txn);
    env->txn = NULL; /* gone, also after an error */
    return code == 0 ? ORDO_OK : poison(env, code, "commit", fail);
}

void ordo_env_abort(struct ordo_env *env)
{
    if (env->txn != NULL) {
        mdb_txn_abort(env->txn);
        env->txn = NULL;
    }
}

static MDB_val val_of(struct ordo_bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

enum ordo_err ordo_env_put(
    struct ordo_env *env,
    struct ordo_bytes key,
    uint32_t size,
    uint8_t **value,
    struct ordo_fail *fail)
{
    MDB_val k = val_of(key);
    MDB_val v = {.mv_size = size, .mv_data = NULL};
    ORDO_ASSERT(env->txn != NULL);
    int code = mdb_put(env->txn, env->table, &k, &v, MDB_RESERVE);
    if (code != 0) {
        return poison(env, code, "put", fail);
    }
    *value = v.mv_data;
    return ORDO_OK;
}

enum ordo_err ordo_env_delete(struct ordo_env *env, struct ordo_bytes key, struct ordo_fail *fail)
{
    MDB_val k = val_of(key);
    ORDO_ASSERT(env->txn != NULL);
    int code = mdb_del(env->txn, env->table, &k, NULL);
    return code == 0 || code == MDB_NOTFOUND ? ORDO_OK : poison(env, code, "delete", fail);
}

/* ---- reading ---- */

enum ordo_err ordo_env_hold(struct ordo_env *env, struct ordo_fail *fail)
{
    MDB_txn *txn = NULL;
    ORDO_ASSERT(env->reading == NULL);
    int code = begin_to_read(env, &txn);
    env->reading = code == 0 ? txn : NULL;
    return code == 0 ? ORDO_OK : fail_mdb(env, code, "begin to read", fail);
}

static int begin_read(struct ordo_env *env, MDB_txn **txn)
{
    *txn = env->reading;
    return *txn != NULL ? 0 : begin_to_read(env, txn);
}

static void end_read(struct ordo_env *env, MDB_txn *txn)
{
    if (txn != env->reading && !ORDO_CANARY(reader_slot_leaked)) {
        mdb_txn_abort(txn);
    }
}

static enum ordo_err walk_cursor(
    struct ordo_env *env,
    MDB_cursor *cursor,
    ordo_env_visit *visit,
    void *context,
    struct ordo_fail *fail)
{
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (code == 0) {
        if (key.mv_size > UINT32_MAX || value.mv_size > UINT32_MAX) {
            return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "%s: a value of no size", env->path);
        }
        struct ordo_bytes k = {key.mv_data, (uint32_t)key.mv_size};
        struct ordo_bytes v = {value.mv_data, (uint32_t)value.mv_size};
        enum ordo_err err = visit(context, k, v, fail);
        if (err != ORDO_OK) {
            return err;
        }
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? ORDO_OK : fail_mdb(env, code, "read", fail);
}

enum ordo_err
ordo_env_walk(struct ordo_env *env, ordo_env_visit *visit, void *context, struct ordo_fail *fail)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    int code = begin_read(env, &txn);
    if (code != 0) {
        return fail_mdb(env, code, "begin to read", fail);
    }
    code = mdb_cursor_open(txn, env->table, &cursor);
    if (code != 0) {
        end_read(env, txn);
        return fail_mdb(env, code, "begin to read", fail);
    }
    enum ordo_err err = walk_cursor(env, cursor, visit, context, fail);
    mdb_cursor_close(cursor);
    end_read(env, txn);
    return err;
}

enum ordo_err ordo_env_get(
    struct ordo_env *env,
    struct ordo_bytes key,
    uint8_t *value,
    uint32_t size_max,
    uint32_t *size,
    struct ordo_fail *fail)
{
    MDB_txn *txn = NULL;
    MDB_val k = val_of(key);
    MDB_val v;
    int code = begin_read(env, &txn);
    if (code != 0) {
        return fail_mdb(env, code, "begin to read", fail);
    }
    enum ordo_err err = ORDO_OK;
    code = mdb_get(txn, env->table, &k, &v);
    if (code == MDB_NOTFOUND) {
        err = ordo_fail_set(fail, ORDO_ERR_NOT_FOUND, "%s: no such key", env->path);
    } else if (code != 0) {
        err = fail_mdb(env, code, "read", fail);
    } else if (v.mv_size > size_max) {
        err = ordo_fail_set(fail, ORDO_ERR_LIMIT, "%s: a value is too large", env->path);
    } else {
        *size = (uint32_t)v.mv_size;
        memcpy(value, v.mv_data, v.mv_size);
    }
    end_read(env, txn);
    return err;
}
