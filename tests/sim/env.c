/* The twin of LMDB behind snapshot_env.h: the same promises (a transaction is there whole or not at
 * all, and is durable when its commit has returned), kept in one file of the simulated disk, so
 * that power cuts and errors meet the product's own code above it. LMDB itself is tested elsewhere.
 *
 * The file is a row of transactions, each with a hash; opening plays them, up to the first that is
 * not whole. The child process that the product reads a snapshot in (it guards against crashes of
 * LMDB) is done without.
 */
#include "host.h"

#include "base/assert.h"
#include "base/hash.h"
#include "journal/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX      16
#define PAIRS_MAX    4096
#define HEAD_SIZE    16
#define DELETED      UINT32_MAX
#define FILE_SIZE    SIM_FILE_MAX
#define TXN_ROOM_MAX (FILE_SIZE / 2)

struct pair_of {
    uint8_t key[KEY_MAX];
    uint32_t key_size;
    uint32_t size;
    uint32_t at; /* in bytes */
};

struct twin {
    int fd;
    bool readonly;
    uint8_t *bytes; /* the file as it is, and the transaction behind it */
    uint64_t end;   /* of whole transactions */
    uint64_t used;  /* of the open one */
    bool full;
    struct pair_of pairs[PAIRS_MAX]; /* sorted by key */
    uint32_t count;
};

#define REAL(result, name, ...)                                                                    \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

static int compare(const struct pair_of *a, const uint8_t *key, uint32_t size)
{
    uint32_t common = a->key_size < size ? a->key_size : size;
    int order = memcmp(a->key, key, common);
    return order != 0 ? order : (int)a->key_size - (int)size;
}

/* Where the key is or belongs. */
static uint32_t find(const struct twin *t, const uint8_t *key, uint32_t size, bool *found)
{
    uint32_t low = 0;
    uint32_t high = t->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (compare(&t->pairs[middle], key, size) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = low < t->count && compare(&t->pairs[low], key, size) == 0;
    return low;
}

static void set(struct twin *t, const uint8_t *key, uint32_t key_size, uint32_t size, uint32_t at)
{
    bool found;
    uint32_t i = find(t, key, key_size, &found);
    if (size == DELETED) {
        if (found) {
            memmove(&t->pairs[i], &t->pairs[i + 1], (--t->count - i) * sizeof(t->pairs[0]));
        }
        return;
    }
    if (!found) {
        ORDO_ASSERT(t->count < PAIRS_MAX && key_size <= KEY_MAX);
        memmove(&t->pairs[i + 1], &t->pairs[i], (t->count++ - i) * sizeof(t->pairs[0]));
    }
    t->pairs[i] = (struct pair_of){.key_size = key_size, .size = size, .at = at};
    memcpy(t->pairs[i].key, key, key_size);
}

/* One transaction's pairs; each is: size of key, key, size of value, value. */
static void play(struct twin *t, uint64_t from, uint64_t to)
{
    uint64_t at = from;
    while (at < to) {
        uint32_t key_size = t->bytes[at++];
        const uint8_t *key = t->bytes + at;
        at += key_size;
        uint32_t size = ordo_get_le32(t->bytes + at);
        at += 4;
        set(t, key, key_size, size, (uint32_t)at);
        at += size == DELETED ? 0 : size;
    }
}

static bool is_whole(const struct twin *t, uint64_t at, uint64_t size)
{
    if (at + HEAD_SIZE > size) {
        return false;
    }
    uint64_t bytes = ordo_get_le64(t->bytes + at);
    return bytes != 0 && bytes <= size - at - HEAD_SIZE &&
           ordo_hash64(t->bytes + at + HEAD_SIZE, bytes, at + 1) ==
               ordo_get_le64(t->bytes + at + 8);
}

static enum ordo_err
fail_errno(const struct ordo_env *env, const char *what, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail, ordo_err_from_errno(errno), "%s: %s: %s", env->path, what, strerror(errno));
}

static bool read_file(struct twin *t, uint64_t *size)
{
    struct stat about;
    if (fstat(t->fd, &about) != 0) {
        return false;
    }
    *size = (uint64_t)about.st_size;
    return pread(t->fd, t->bytes, *size, 0) == (ssize_t)*size;
}

REAL(
    enum ordo_err,
    ordo_env_open,
    struct ordo_env *env,
    const char *path,
    uint64_t map_size,
    bool readonly,
    struct ordo_fail *fail)
{
    char name[sizeof(env->path) + 16];
    uint64_t size = 0;
    *env = (struct ordo_env){.map_size = map_size};
    (void)snprintf(env->path, sizeof(env->path), "%s", path);
    (void)snprintf(name, sizeof(name), "%s/data.mdb", path);
    struct twin *t = calloc(1, sizeof(*t));
    ORDO_ASSERT(t != NULL);
    t->bytes = malloc(FILE_SIZE);
    ORDO_ASSERT(t->bytes != NULL);
    t->readonly = readonly;
    t->fd = open(name, readonly ? O_RDONLY : O_RDWR | O_CREAT, 0600);
    env->env = t;
    if (t->fd < 0 || !read_file(t, &size)) {
        return fail_errno(env, "open", fail);
    }
    while (is_whole(t, t->end, size)) {
        uint64_t bytes = ordo_get_le64(t->bytes + t->end);
        play(t, t->end + HEAD_SIZE, t->end + HEAD_SIZE + bytes);
        t->end += HEAD_SIZE + bytes;
    }
    return ORDO_OK;
}

REAL(void, ordo_env_close, struct ordo_env *env)
{
    struct twin *t = env->env;
    if (t != NULL) {
        if (t->fd >= 0) {
            (void)close(t->fd);
        }
        free(t->bytes);
        free(t);
    }
    *env = (struct ordo_env){.env = NULL};
}

/* ---- writing ---- */

static enum ordo_err poison(struct ordo_env *env, const char *what, struct ordo_fail *fail)
{
    env->txn = NULL;
    env->poisoned = true;
    return fail_errno(env, what, fail);
}

REAL(enum ordo_err, ordo_env_begin, struct ordo_env *env, uint64_t room, struct ordo_fail *fail)
{
    struct twin *t = env->env;
    (void)room;
    ORDO_ASSERT(env->txn == NULL && !t->readonly);
    if (env->poisoned) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s: had an error before", env->path);
    }
    t->used = t->end + HEAD_SIZE;
    env->txn = t;
    return ORDO_OK;
}

static uint8_t *add(struct twin *t, struct ordo_bytes key, uint32_t size)
{
    uint32_t value = size == DELETED ? 0 : size;
    if (t->used + 1 + key.size + 4 + value > FILE_SIZE) {
        errno = ENOSPC;
        return NULL;
    }
    t->bytes[t->used++] = (uint8_t)key.size;
    memcpy(t->bytes + t->used, key.data, key.size);
    t->used += key.size;
    ordo_put_le32(t->bytes + t->used, size);
    t->used += 4 + (uint64_t)value;
    return t->bytes + t->used - value;
}

REAL(
    enum ordo_err,
    ordo_env_put,
    struct ordo_env *env,
    struct ordo_bytes key,
    uint32_t size,
    uint8_t **value,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(env->txn != NULL);
    *value = add(env->env, key, size);
    return *value != NULL ? ORDO_OK : poison(env, "put", fail);
}

REAL(
    enum ordo_err,
    ordo_env_delete,
    struct ordo_env *env,
    struct ordo_bytes key,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(env->txn != NULL);
    return add(env->env, key, DELETED) != NULL ? ORDO_OK : poison(env, "delete", fail);
}

REAL(enum ordo_err, ordo_env_commit, struct ordo_env *env, struct ordo_fail *fail)
{
    struct twin *t = env->env;
    uint8_t *head = t->bytes + t->end;
    uint64_t bytes = t->used - t->end - HEAD_SIZE;
    ORDO_ASSERT(env->txn != NULL);
    env->txn = NULL;
    if (bytes == 0) {
        return ORDO_OK;
    }
    ordo_put_le64(head, bytes);
    ordo_put_le64(head + 8, ordo_hash64(head + HEAD_SIZE, bytes, t->end + 1));
    for (uint64_t done = t->end; done < t->used;) {
        ssize_t wrote = pwrite(t->fd, t->bytes + done, t->used - done, (off_t)done);
        if (wrote <= 0) {
            return poison(env, "commit", fail);
        }
        done += (uint64_t)wrote;
    }
    if (fdatasync(t->fd) != 0) {
        return poison(env, "commit", fail);
    }
    play(t, t->end + HEAD_SIZE, t->used);
    t->end = t->used;
    return ORDO_OK;
}

REAL(void, ordo_env_abort, struct ordo_env *env)
{
    env->txn = NULL;
}

/* ---- reading ---- */

REAL(enum ordo_err, ordo_env_hold, struct ordo_env *env, struct ordo_fail *fail)
{
    (void)env;
    (void)fail;
    return ORDO_OK;
}

REAL(
    enum ordo_err,
    ordo_env_walk,
    struct ordo_env *env,
    ordo_env_visit *visit,
    void *context,
    struct ordo_fail *fail)
{
    const struct twin *t = env->env;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < t->count && err == ORDO_OK; i++) {
        const struct pair_of *p = &t->pairs[i];
        struct ordo_bytes key = {p->key, p->key_size};
        struct ordo_bytes value = {t->bytes + p->at, p->size};
        err = visit(context, key, value, fail);
    }
    return err;
}

REAL(
    enum ordo_err,
    ordo_env_get,
    struct ordo_env *env,
    struct ordo_bytes key,
    uint8_t *value,
    uint32_t size_max,
    uint32_t *size,
    struct ordo_fail *fail)
{
    const struct twin *t = env->env;
    bool found;
    uint32_t i = find(t, key.data, key.size, &found);
    if (!found || t->pairs[i].size > size_max) {
        return ordo_fail_set(
            fail, found ? ORDO_ERR_LIMIT : ORDO_ERR_NOT_FOUND, "%s: no such key", env->path);
    }
    *size = t->pairs[i].size;
    memcpy(value, t->bytes + t->pairs[i].at, *size);
    return ORDO_OK;
}

/* ---- looking at a snapshot, without a child ---- */

static enum ordo_err
read_info(struct ordo_env *env, bool whole, struct ordo_snapshot_info *info, struct ordo_fail *fail)
{
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    struct ordo_snapshot_check check = {.visit = NULL};
    uint32_t size = 0;
    enum ordo_err err =
        ordo_env_get(env, ordo_snapshot_meta_key(), meta, sizeof(meta), &size, fail);
    if (err == ORDO_ERR_NOT_FOUND) {
        info->status = ORDO_SNAPSHOT_INCOMPLETE;
        return ORDO_OK;
    }
    if (err == ORDO_OK) {
        ordo_snapshot_meta_read((struct ordo_bytes){meta, size}, info);
    }
    if (err == ORDO_OK && whole && info->status == ORDO_SNAPSHOT_COMPLETE) {
        err = ordo_snapshot_check(env, &check, info, fail);
    }
    return err;
}

static enum ordo_snapshot_status status_of(
    const char *data,
    enum ordo_snapshot_which which,
    bool whole,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat about;
    struct ordo_env env;
    *info = (struct ordo_snapshot_info){.status = ORDO_SNAPSHOT_ABSENT};
    fail->err = ORDO_OK;
    fail->text[0] = '\0';
    (void)ordo_snapshot_path(data, which, "/data.mdb", path);
    if (stat(path, &about) != 0) {
        return ORDO_SNAPSHOT_ABSENT;
    }
    (void)ordo_snapshot_path(data, which, "", path);
    enum ordo_err err = ordo_env_open(&env, path, 0, true, fail);
    if (err == ORDO_OK) {
        err = read_info(&env, whole, info, fail);
    }
    if (err != ORDO_OK) {
        info->status = about.st_size == 0 ? ORDO_SNAPSHOT_INCOMPLETE : ORDO_SNAPSHOT_DAMAGED;
    }
    ordo_env_close(&env);
    return info->status;
}

REAL(
    enum ordo_snapshot_status,
    ordo_snapshot_verify,
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    return status_of(data, which, true, info, fail);
}

REAL(
    enum ordo_snapshot_status,
    ordo_snapshot_look,
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    return status_of(data, which, false, info, fail);
}
