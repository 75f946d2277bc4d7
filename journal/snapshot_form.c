/* What lies in an environment, byte by byte (journal/README.md "Snapshots"): keys, the meta value,
 * digests and root, and the walk that checks them all. Writer, verify and load go by this file.
 */
#include "base/assert.h"
#include "base/canary.h"
#include "journal/chain.h"
#include "journal/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_CHUNKS 1024 /* a sign of life at least each so many chunks */

static const char magic[8] = {'O', 'R', 'D', 'O', 'S', 'N', 'A', 'P'};

/* ---- paths ---- */

bool ordo_snapshot_folder(const char *data, char path[ORDO_SNAPSHOT_PATH_MAX])
{
    int size = snprintf(path, ORDO_SNAPSHOT_PATH_MAX, "%s/snapshot", data);
    return size > 0 && size < ORDO_SNAPSHOT_PATH_MAX;
}

bool ordo_snapshot_path(
    const char *data,
    enum ordo_snapshot_which which,
    const char *suffix,
    char path[ORDO_SNAPSHOT_PATH_MAX])
{
    char name = which == ORDO_SNAPSHOT_A ? 'a' : 'b';
    int size = snprintf(path, ORDO_SNAPSHOT_PATH_MAX, "%s/snapshot/%c%s", data, name, suffix);
    return size > 0 && size < ORDO_SNAPSHOT_PATH_MAX;
}

enum ordo_err ordo_snapshot_flush_folder(const char *path, struct ordo_fail *fail)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool flushed = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return flushed ? ORDO_OK
                   : ordo_fail_set(
                         fail, ORDO_ERR_IO, "%s: flush the folder: %s", path, strerror(error));
}

/* ---- keys ---- */

struct ordo_bytes ordo_snapshot_meta_key(void)
{
    static const uint8_t key[] = {0xff};
    return (struct ordo_bytes){key, sizeof(key)};
}

static void put_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void ordo_snapshot_key(uint32_t section, uint32_t chunk, uint8_t key[ORDO_SNAPSHOT_KEY_SIZE])
{
    put_be32(key, section);
    put_be32(key + 4, chunk);
}

bool ordo_snapshot_key_read(struct ordo_bytes key, uint32_t *section, uint32_t *chunk)
{
    if (key.size != ORDO_SNAPSHOT_KEY_SIZE) {
        return false;
    }
    *section = get_be32(key.data);
    *chunk = get_be32(key.data + 4);
    return *section < ORDO_SNAPSHOT_SECTIONS_MAX;
}

/* ---- meta ---- */

uint32_t ordo_snapshot_meta_write(
    const struct ordo_snapshot_info *info, uint8_t value[ORDO_SNAPSHOT_META_MAX])
{
    struct ordo_writer out = ordo_writer_over(value, ORDO_SNAPSHOT_META_MAX);
    ORDO_ASSERT(info->section_count <= ORDO_SNAPSHOT_SECTIONS_MAX);
    ordo_write_raw(&out, (const uint8_t *)magic, sizeof(magic));
    ordo_write_le32(&out, info->format);
    ordo_write_le32(&out, info->status == ORDO_SNAPSHOT_COMPLETE ? 1 : 0);
    ordo_write_le32(&out, info->rules);
    ordo_write_le32(&out, info->layout);
    ordo_write_le32(&out, info->section_count);
    ordo_write_le64(&out, info->generation);
    ordo_write_le64(&out, info->seq);
    ordo_write_le64(&out, info->update_seq);
    ordo_write_le64(&out, info->time_us);
    ordo_write_le64(&out, info->bytes);
    ordo_write_raw(&out, info->stream_hash, sizeof(info->stream_hash));
    ordo_write_raw(&out, info->node, sizeof(info->node));
    ordo_write_raw(&out, info->root, sizeof(info->root));
    for (uint32_t i = 0; i < info->section_count; i++) {
        ordo_write_le32(&out, info->chunk_counts[i]);
    }
    uint64_t digest = ordo_hash64(value, ordo_writer_size(&out), 0);
    ordo_write_le64(&out, digest);
    ORDO_ASSERT(!out.failed);
    return (uint32_t)ordo_writer_size(&out);
}

static void read_raw(struct ordo_reader *in, uint8_t *to, uint32_t size)
{
    const uint8_t *from = ordo_read_raw(in, size);
    if (from != NULL) {
        memcpy(to, from, size);
    }
}

void ordo_snapshot_meta_read(struct ordo_bytes value, struct ordo_snapshot_info *info)
{
    struct ordo_reader in = ordo_reader_over(value.data, value.size);
    *info = (struct ordo_snapshot_info){.status = ORDO_SNAPSHOT_DAMAGED};
    const uint8_t *begin = ordo_read_raw(&in, sizeof(magic));
    if (value.size < 16 || begin == NULL || memcmp(begin, magic, sizeof(magic)) != 0 ||
        ordo_hash64(value.data, value.size - 8, 0) != ordo_get_le64(value.data + value.size - 8)) {
        return;
    }
    info->format = ordo_read_le32(&in);
    if (info->format != ORDO_SNAPSHOT_FORMAT) {
        info->status = ORDO_SNAPSHOT_NEWER;
        return;
    }
    uint32_t complete = ordo_read_le32(&in);
    info->rules = ordo_read_le32(&in);
    info->layout = ordo_read_le32(&in);
    info->section_count = ordo_read_le32(&in);
    info->generation = ordo_read_le64(&in);
    info->seq = ordo_read_le64(&in);
    info->update_seq = ordo_read_le64(&in);
    info->time_us = ordo_read_le64(&in);
    info->bytes = ordo_read_le64(&in);
    read_raw(&in, info->stream_hash, sizeof(info->stream_hash));
    read_raw(&in, info->node, sizeof(info->node));
    read_raw(&in, info->root, sizeof(info->root));
    if (info->section_count > ORDO_SNAPSHOT_SECTIONS_MAX || complete > 1) {
        return;
    }
    for (uint32_t i = 0; i < info->section_count; i++) {
        info->chunk_counts[i] = ordo_read_le32(&in);
    }
    (void)ordo_read_le64(&in);
    if (ordo_reader_done(&in)) {
        info->status = complete == 1 ? ORDO_SNAPSHOT_COMPLETE : ORDO_SNAPSHOT_INCOMPLETE;
    }
}

/* ---- digests and root ---- */

void ordo_snapshot_digest(
    uint32_t section, uint32_t chunk, struct ordo_bytes bytes, uint8_t digest[ORDO_HASH_SIZE])
{
    uint64_t seed = (uint64_t)section << 32 | chunk;
    struct ordo_hash128 h = ordo_hash128(bytes.data, bytes.size, seed);
    ordo_put_le64(digest, h.low);
    ordo_put_le64(digest + 8, h.high);
}

enum ordo_err ordo_snapshot_root_add(
    struct ordo_snapshot_root *root, const uint8_t digest[ORDO_HASH_SIZE], struct ordo_fail *fail)
{
    if (root->count == root->room) {
        uint64_t room = root->room == 0 ? 4096 : root->room * 2;
        uint8_t *more = realloc(root->digests, room * ORDO_HASH_SIZE);
        if (more == NULL) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_NO_MEMORY,
                "snapshot: no memory for the digests of %" PRIu64 " chunks",
                room);
        }
        root->digests = more;
        root->room = room;
    }
    memcpy(root->digests + root->count * ORDO_HASH_SIZE, digest, ORDO_HASH_SIZE);
    root->count++;
    return ORDO_OK;
}

void ordo_snapshot_root_end(
    const struct ordo_snapshot_root *root, const struct ordo_snapshot_info *info, uint8_t out[32])
{
    uint8_t parts[32 + ORDO_SNAPSHOT_META_MAX];
    struct ordo_snapshot_info rootless = *info;
    static const uint8_t none[1];

    memset(rootless.root, 0, sizeof(rootless.root));
    ordo_chain_hash(root->count == 0 ? none : root->digests, root->count * ORDO_HASH_SIZE, parts);
    uint32_t size = ordo_snapshot_meta_write(&rootless, parts + 32);
    ordo_chain_hash(parts, 32 + size, out);
}

void ordo_snapshot_root_fini(struct ordo_snapshot_root *root)
{
    free(root->digests);
    *root = (struct ordo_snapshot_root){.digests = NULL};
}

/* ---- the walk ---- */

struct walk {
    const struct ordo_snapshot_check *check;
    const struct ordo_snapshot_info *info;
    const char *path;
    struct ordo_snapshot_root root;
    uint32_t section; /* the next chunk that must come */
    uint32_t chunk;
    uint64_t bytes;
    bool meta_seen;
};

/* Past sections that are complete. */
static void settle(struct walk *walk)
{
    while (walk->section < walk->info->section_count &&
           walk->chunk == walk->info->chunk_counts[walk->section]) {
        walk->section++;
        walk->chunk = 0;
    }
}

static enum ordo_err
visit_pair(void *context, struct ordo_bytes key, struct ordo_bytes value, struct ordo_fail *fail)
{
    struct walk *walk = context;
    uint32_t section;
    uint32_t chunk;
    uint8_t digest[ORDO_HASH_SIZE];
    struct ordo_bytes meta = ordo_snapshot_meta_key();

    if (ordo_bytes_equal(key, meta) && !walk->meta_seen) { /* twice: damaged pages in a circle */
        walk->meta_seen = true;
        return ORDO_OK;
    }
    settle(walk);
    if (!ordo_snapshot_key_read(key, &section, &chunk) || section != walk->section ||
        chunk != walk->chunk) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: section %" PRIu32 ", chunk %" PRIu32 " is missing",
            walk->path,
            walk->section,
            walk->chunk);
    }
    bool sized =
        value.size > ORDO_HASH_SIZE && value.size <= ORDO_HASH_SIZE + ORDO_SNAPSHOT_CHUNK_MAX;
    struct ordo_bytes bytes = {
        value.data + ORDO_HASH_SIZE, sized ? value.size - ORDO_HASH_SIZE : 0};
    if (sized) {
        ordo_snapshot_digest(section, chunk, bytes, digest);
    }
    if (sized && ORDO_CANARY(snapshot_digest_unchecked)) {
        memcpy(digest, value.data, ORDO_HASH_SIZE);
    }
    if (!sized || memcmp(digest, value.data, ORDO_HASH_SIZE) != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: section %" PRIu32 ", chunk %" PRIu32 " does not have its digest",
            walk->path,
            section,
            chunk);
    }
    walk->chunk++;
    walk->bytes += bytes.size;
    if (walk->check->beat != NULL && walk->root.count % BEAT_CHUNKS == 0) {
        walk->check->beat(walk->check->beat_context);
    }
    enum ordo_err err = ordo_snapshot_root_add(&walk->root, digest, fail);
    if (err == ORDO_OK && walk->check->visit != NULL) {
        err = walk->check->visit(walk->check->context, section, chunk, bytes, fail);
    }
    return err;
}

static enum ordo_err
compare(struct walk *walk, const struct ordo_snapshot_info *info, struct ordo_fail *fail)
{
    uint8_t root[32];
    settle(walk);
    if (walk->section != info->section_count || walk->bytes != info->bytes) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: section %" PRIu32 " has fewer chunks than it should",
            walk->path,
            walk->section);
    }
    ordo_snapshot_root_end(&walk->root, info, root);
    if (memcmp(root, info->root, sizeof(root)) != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: the chunks do not have the root that it names",
            walk->path);
    }
    return ORDO_OK;
}

enum ordo_err ordo_snapshot_check(
    struct ordo_env *env,
    const struct ordo_snapshot_check *check,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    uint32_t size = 0;
    struct walk walk = {.check = check, .info = info, .path = env->path};

    *info = (struct ordo_snapshot_info){.status = ORDO_SNAPSHOT_DAMAGED};
    enum ordo_err err =
        ordo_env_get(env, ordo_snapshot_meta_key(), meta, sizeof(meta), &size, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_snapshot_meta_read((struct ordo_bytes){meta, size}, info);
    if (info->status != ORDO_SNAPSHOT_COMPLETE) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "%s: %s", env->path, ordo_snapshot_status_name(info->status));
    }
    err = ordo_env_walk(env, visit_pair, &walk, fail);
    if (err == ORDO_OK) {
        err = compare(&walk, info, fail);
    }
    ordo_snapshot_root_fini(&walk.root);
    if (err != ORDO_OK) {
        info->status = ORDO_SNAPSHOT_DAMAGED;
    }
    return err;
}

const char *ordo_snapshot_status_name(enum ordo_snapshot_status status)
{
    static const char *const names[] = {
        [ORDO_SNAPSHOT_ABSENT] = "absent",
        [ORDO_SNAPSHOT_COMPLETE] = "complete",
        [ORDO_SNAPSHOT_INCOMPLETE] = "incomplete",
        [ORDO_SNAPSHOT_INVALID] = "invalid",
        [ORDO_SNAPSHOT_DAMAGED] = "damaged",
        [ORDO_SNAPSHOT_NEWER] = "of a newer format",
    };
    return status <= ORDO_SNAPSHOT_NEWER ? names[status] : "?";
}
