/* The writer of snapshots. Chunks go out in transactions of a bounded size, so that LMDB's list of
 * dirty pages and the time of one commit stay bounded; the environment says "incomplete" from the
 * first of them to the last. What was put is read again before the last of them, so that "complete"
 * is never said of something that was not there.
 *
 * A store builds only upon what it has written and finished itself. After a start, an error or an
 * operator's word, the files are thrown away and made anew: pages of an inode whose flush failed
 * are not trusted, and no file of unknown content gets a writer.
 */
#include "journal/snapshot.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/failpoint.h"
#include "journal/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRANSACTION_MAX (1u << 18)   /* bytes of chunks in one */
#define MAP_MIN         (1ull << 20) /* bytes; a map is a multiple of it */

/* What an environment has of one section, as far as this store has written it: with it the root
 * costs no walk over what has not changed. */
struct kept {
    struct {
        uint8_t digest[ORDO_HASH_SIZE];
        uint32_t size; /* bytes; 0 = not there */
    } * chunks;
    uint32_t count; /* highest chunk + 1 */
    uint32_t room;
};

struct ordo_snapshot_store {
    char data[ORDO_SNAPSHOT_PATH_MAX];
    uint64_t map_size;
    struct ordo_env env; /* of the environment that is being written */
    enum ordo_snapshot_which which;
    bool good[ORDO_SNAPSHOT_WHICH_COUNT]; /* finished by this store, no error since */
    bool writing;
    uint64_t pending; /* bytes in the open transaction */
    struct kept kept[ORDO_SNAPSHOT_WHICH_COUNT][ORDO_SNAPSHOT_SECTIONS_MAX];
    uint8_t *put; /* keys of what was put in this snapshot, to be read again */
    uint64_t put_count;
    uint64_t put_room;
};

static enum ordo_err make_folder(const char *path, struct ordo_fail *fail)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s: make the folder: %s", path, strerror(errno));
    }
    return ORDO_OK;
}

enum ordo_err ordo_snapshot_open(
    const char *data, uint64_t map_size, struct ordo_snapshot_store **out, struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    if (!ordo_snapshot_path(data, ORDO_SNAPSHOT_A, ".invalid", path)) {
        return ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: the path is too long", data);
    }
    (void)ordo_snapshot_folder(data, path);
    enum ordo_err err = make_folder(path, fail);
    if (err == ORDO_OK) {
        err = ordo_snapshot_flush_folder(data, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_snapshot_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "snapshot: no memory");
    }
    (void)snprintf(store->data, sizeof(store->data), "%s", data);
    store->map_size = (map_size < MAP_MIN ? MAP_MIN : map_size) & ~(uint64_t)(MAP_MIN - 1);
    *out = store;
    return ORDO_OK;
}

static void end_writing(struct ordo_snapshot_store *store)
{
    store->map_size = store->env.map_size > store->map_size ? store->env.map_size : store->map_size;
    ordo_env_close(&store->env);
    store->writing = false;
    store->pending = 0;
    store->put_count = 0;
}

static void forget_kept(struct ordo_snapshot_store *store, enum ordo_snapshot_which which)
{
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_SECTIONS_MAX; i++) {
        free(store->kept[which][i].chunks);
        store->kept[which][i] = (struct kept){.chunks = NULL};
    }
}

void ordo_snapshot_close(struct ordo_snapshot_store *store)
{
    if (store->writing) {
        end_writing(store);
    }
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        forget_kept(store, (enum ordo_snapshot_which)i);
    }
    free(store->put);
    free(store);
}

void ordo_snapshot_abandon(struct ordo_snapshot_store *store)
{
    if (store->writing) {
        end_writing(store);
    }
}

/* ---- begin ---- */

static enum ordo_err remove_file(const char *path, struct ordo_fail *fail)
{
    if (unlink(path) != 0 && errno != ENOENT) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s: remove: %s", path, strerror(errno));
    }
    return ORDO_OK;
}

/* The environment's files go, so that the next open makes empty ones. */
static enum ordo_err throw_away(
    const struct ordo_snapshot_store *store, enum ordo_snapshot_which which, struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    (void)ordo_snapshot_path(store->data, which, "/data.mdb", path);
    enum ordo_err err = remove_file(path, fail);
    if (err == ORDO_OK) {
        (void)ordo_snapshot_path(store->data, which, "/lock.mdb", path);
        err = remove_file(path, fail);
    }
    return err;
}

static enum ordo_err put_meta(
    struct ordo_snapshot_store *store,
    const struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    uint8_t bytes[ORDO_SNAPSHOT_META_MAX];
    uint8_t *value = NULL;
    uint32_t size = ordo_snapshot_meta_write(info, bytes);
    enum ordo_err err = ordo_env_put(&store->env, ordo_snapshot_meta_key(), size, &value, fail);
    if (err == ORDO_OK) {
        memcpy(value, bytes, size);
    }
    return err;
}

bool ordo_snapshot_needs_whole(
    const struct ordo_snapshot_store *store, enum ordo_snapshot_which which)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat stat_of;
    (void)ordo_snapshot_path(store->data, which, ".invalid", path);
    return !store->good[which] || stat(path, &stat_of) == 0;
}

static enum ordo_err mark_incomplete(struct ordo_snapshot_store *store, struct ordo_fail *fail)
{
    struct ordo_snapshot_info info = {
        .status = ORDO_SNAPSHOT_INCOMPLETE, .format = ORDO_SNAPSHOT_FORMAT};
    char path[ORDO_SNAPSHOT_PATH_MAX];
    enum ordo_err err = ordo_env_begin(&store->env, ORDO_SNAPSHOT_META_MAX, fail);
    if (err == ORDO_OK) {
        err = put_meta(store, &info, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_env_commit(&store->env, fail);
    }
    if (err == ORDO_OK) { /* the new content is not what the operator did not want */
        (void)ordo_snapshot_path(store->data, store->which, ".invalid", path);
        err = remove_file(path, fail);
    }
    if (err == ORDO_OK) {
        (void)ordo_snapshot_folder(store->data, path);
        err = ordo_snapshot_flush_folder(path, fail);
    }
    return err;
}

enum ordo_err ordo_snapshot_begin(
    struct ordo_snapshot_store *store,
    enum ordo_snapshot_which which,
    bool whole,
    struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    ORDO_ASSERT(!store->writing);
    (void)ordo_snapshot_path(store->data, which, "", path);
    if (!whole && ordo_snapshot_needs_whole(store, which)) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%s: cannot be built upon: write it whole", path);
    }
    store->good[which] = false;
    enum ordo_err err = make_folder(path, fail);
    if (err == ORDO_OK && whole) {
        forget_kept(store, which);
        err = throw_away(store, which, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_env_open(&store->env, path, store->map_size, false, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_snapshot_flush_folder(path, fail); /* LMDB does not do it for its files */
    }
    if (err != ORDO_OK) {
        ordo_env_close(&store->env);
        return err;
    }
    store->which = which;
    store->writing = true;
    ORDO_FAILPOINT("snapshot.opened");
    err = ORDO_CANARY(snapshot_seq_in_another_transaction) ? ORDO_OK : mark_incomplete(store, fail);
    ORDO_FAILPOINT("snapshot.incomplete");
    if (err != ORDO_OK) {
        end_writing(store);
    }
    return err;
}

/* ---- chunks ---- */

static enum ordo_err note_put(
    struct ordo_snapshot_store *store,
    const uint8_t key[ORDO_SNAPSHOT_KEY_SIZE],
    struct ordo_fail *fail)
{
    if (store->put_count == store->put_room) {
        uint64_t room = store->put_room == 0 ? 4096 : store->put_room * 2;
        uint8_t *more = realloc(store->put, room * ORDO_SNAPSHOT_KEY_SIZE);
        if (more == NULL) {
            return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "snapshot: no memory");
        }
        store->put = more;
        store->put_room = room;
    }
    memcpy(store->put + store->put_count * ORDO_SNAPSHOT_KEY_SIZE, key, ORDO_SNAPSHOT_KEY_SIZE);
    store->put_count++;
    return ORDO_OK;
}

static enum ordo_err keep(
    struct kept *kept,
    uint32_t chunk,
    const uint8_t digest[ORDO_HASH_SIZE],
    uint32_t size,
    struct ordo_fail *fail)
{
    if (chunk >= kept->room) {
        uint64_t room = (uint64_t)chunk + chunk / 2 + 64;
        void *more = realloc(kept->chunks, room * sizeof(kept->chunks[0]));
        if (more == NULL) {
            return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "snapshot: no memory");
        }
        kept->chunks = more;
        kept->room = (uint32_t)room;
    }
    for (; kept->count <= chunk; kept->count++) {
        kept->chunks[kept->count].size = 0;
    }
    memcpy(kept->chunks[chunk].digest, digest, ORDO_HASH_SIZE);
    kept->chunks[chunk].size = size;
    return ORDO_OK;
}

static enum ordo_err commit(struct ordo_snapshot_store *store, struct ordo_fail *fail)
{
    store->pending = 0;
    return store->env.txn == NULL ? ORDO_OK : ordo_env_commit(&store->env, fail);
}

static enum ordo_err begin_unless(struct ordo_snapshot_store *store, struct ordo_fail *fail)
{
    uint64_t room = TRANSACTION_MAX + ORDO_SNAPSHOT_CHUNK_MAX;
    return store->env.txn != NULL ? ORDO_OK : ordo_env_begin(&store->env, room, fail);
}

enum ordo_err ordo_snapshot_put(
    struct ordo_snapshot_store *store,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *fail)
{
    uint8_t key[ORDO_SNAPSHOT_KEY_SIZE];
    uint8_t *value = NULL;
    ORDO_ASSERT(store->writing);
    ORDO_ASSERT(section < ORDO_SNAPSHOT_SECTIONS_MAX);
    ORDO_ASSERT(chunk < UINT32_MAX / 2);
    ORDO_ASSERT(bytes.size > 0 && bytes.size <= ORDO_SNAPSHOT_CHUNK_MAX);
    ordo_snapshot_key(section, chunk, key);
    enum ordo_err err = begin_unless(store, fail);
    if (err == ORDO_OK) {
        err = ordo_env_put(
            &store->env,
            (struct ordo_bytes){key, sizeof(key)},
            ORDO_HASH_SIZE + bytes.size,
            &value,
            fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_snapshot_digest(section, chunk, bytes, value);
    memcpy(value + ORDO_HASH_SIZE, bytes.data, bytes.size);
    store->pending += bytes.size;
    err = note_put(store, key, fail);
    if (err == ORDO_OK) {
        err = keep(&store->kept[store->which][section], chunk, value, bytes.size, fail);
    }
    return err == ORDO_OK && store->pending >= TRANSACTION_MAX ? commit(store, fail) : err;
}

/* ---- finish ---- */

/* Digests in the order of keys, bytes, root. */
static enum ordo_err
add_up(struct ordo_snapshot_store *store, struct ordo_snapshot_info *info, struct ordo_fail *fail)
{
    struct ordo_snapshot_root root = {.digests = NULL};
    enum ordo_err err = ORDO_OK;
    info->bytes = 0;
    for (uint32_t i = 0; i < info->section_count; i++) {
        const struct kept *kept = &store->kept[store->which][i];
        for (uint32_t chunk = 0; chunk < info->chunk_counts[i] && err == ORDO_OK; chunk++) {
            if (chunk >= kept->count || kept->chunks[chunk].size == 0) {
                err = ordo_fail_set(
                    fail,
                    ORDO_ERR_DAMAGED,
                    "%s: section %" PRIu32 ", chunk %" PRIu32 " was never put",
                    store->env.path,
                    i,
                    chunk);
                break;
            }
            info->bytes += kept->chunks[chunk].size;
            err = ordo_snapshot_root_add(&root, kept->chunks[chunk].digest, fail);
        }
    }
    if (err == ORDO_OK) {
        ordo_snapshot_root_end(&root, info, info->root);
    }
    ordo_snapshot_root_fini(&root);
    return err;
}

/* Chunks past the counts go. */
static enum ordo_err delete_surplus(
    struct ordo_snapshot_store *store,
    const struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    uint8_t key[ORDO_SNAPSHOT_KEY_SIZE];
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_SECTIONS_MAX; i++) {
        struct kept *kept = &store->kept[store->which][i];
        uint32_t count = i < info->section_count ? info->chunk_counts[i] : 0;
        for (; kept->count > count && err == ORDO_OK; kept->count--) {
            ordo_snapshot_key(i, kept->count - 1, key);
            err = ordo_env_delete(&store->env, (struct ordo_bytes){key, sizeof(key)}, fail);
        }
    }
    return err;
}

static enum ordo_err last_transaction(
    struct ordo_snapshot_store *store,
    const struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    enum ordo_err err = begin_unless(store, fail);
    if (err == ORDO_OK) {
        err = delete_surplus(store, info, fail);
    }
    if (err == ORDO_OK) {
        err = put_meta(store, info, fail);
    }
    return err == ORDO_OK ? commit(store, fail) : err;
}

/* Every chunk of this snapshot once more, as a reader sees it. */
static enum ordo_err read_again(struct ordo_snapshot_store *store, struct ordo_fail *fail)
{
    static const uint32_t size_max = ORDO_HASH_SIZE + ORDO_SNAPSHOT_CHUNK_MAX;
    uint8_t digest[ORDO_HASH_SIZE];
    uint8_t *value = malloc(size_max);
    enum ordo_err err =
        value != NULL ? ORDO_OK : ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "snapshot: no memory");
    for (uint64_t i = ORDO_CANARY(snapshot_not_read_again) ? store->put_count : 0;
         i < store->put_count && err == ORDO_OK;
         i++) {
        struct ordo_bytes key = {store->put + i * ORDO_SNAPSHOT_KEY_SIZE, ORDO_SNAPSHOT_KEY_SIZE};
        uint32_t section;
        uint32_t chunk;
        uint32_t size = 0;
        bool known = ordo_snapshot_key_read(key, &section, &chunk);
        ORDO_ASSERT(known);
        err = ordo_env_get(&store->env, key, value, size_max, &size, fail);
        if (err == ORDO_OK && size > ORDO_HASH_SIZE) {
            struct ordo_bytes bytes = {value + ORDO_HASH_SIZE, size - ORDO_HASH_SIZE};
            ordo_snapshot_digest(section, chunk, bytes, digest);
        }
        if (err == ORDO_OK &&
            (size <= ORDO_HASH_SIZE || memcmp(digest, value, sizeof(digest)) != 0)) {
            err = ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "%s: section %" PRIu32 ", chunk %" PRIu32 " reads as something else",
                store->env.path,
                section,
                chunk);
        }
    }
    free(value);
    return err;
}

enum ordo_err ordo_snapshot_finish(
    struct ordo_snapshot_store *store, struct ordo_snapshot_info *info, struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    ORDO_ASSERT(store->writing);
    ORDO_ASSERT(!store->good[store->which]);
    info->status = ORDO_SNAPSHOT_COMPLETE;
    info->format = ORDO_SNAPSHOT_FORMAT;
    enum ordo_err err = commit(store, fail);
    ORDO_FAILPOINT("snapshot.all_put");
    if (err == ORDO_OK) {
        err = read_again(store, fail);
    }
    ORDO_FAILPOINT("snapshot.read_again");
    if (err == ORDO_OK) {
        err = add_up(store, info, fail);
    }
    if (err == ORDO_OK) {
        err = last_transaction(store, info, fail);
    }
    ORDO_FAILPOINT("snapshot.complete");
    if (err == ORDO_OK) {
        (void)ordo_snapshot_path(store->data, store->which, "", path);
        err = ordo_snapshot_flush_folder(path, fail);
    }
    store->good[store->which] = err == ORDO_OK;
    end_writing(store);
    return err;
}
