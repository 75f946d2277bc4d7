/* What it does a write: copy records into a buffer until it is full, a CRC and a hash over all of
 * it, the write and the flush, through the same port to the disk and with the same helper that
 * writes zeros ahead. It knows no slots to check, no sizes to note, no CRC a record, no cursor. */
#include "bench/journal_bound.h"

#include "base/clock.h"
#include "base/crc32c.h"
#include "journal/chain.h"
#include "journal/disk.h"
#include "journal/prepare.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENT_SIZE (64u << 20)
#define BUFFER_SIZE  (1u << 20)
#define IN_FLIGHT    2u

struct ordo_bound {
    const struct ordo_ring *ring;
    uint64_t next; /* slot of the next record */
    struct ordo_arena arena;
    struct ordo_folder folder;
    struct ordo_preparer preparer;
    struct ordo_segment segment;
    struct ordo_disk *disk;
    uint8_t *buffers;
    uint8_t hash[ORDO_JOURNAL_CHAIN_SIZE];
    uint64_t position;
    uint32_t busy; /* bit i: buffer i is in flight */
    uint64_t bytes;
    char dir[256];
};

static uint64_t now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

static enum ordo_err open_all(struct ordo_bound *bound, const char *dir, struct ordo_fail *fail)
{
    void *memory = NULL;
    bound->segment.fd = bound->folder.fd = -1;
    ordo_arena_init(&bound->arena);
    (void)snprintf(bound->dir, sizeof(bound->dir), "%s/bound", dir);
    enum ordo_err err = ordo_folder_open(&bound->folder, bound->dir, true, fail);
    if (err == ORDO_OK) {
        err =
            ordo_preparer_init(&bound->preparer, &bound->arena, &bound->folder, SEGMENT_SIZE, fail);
    }
    if (err == ORDO_OK &&
        ordo_arena_alloc(&bound->arena, "bound", IN_FLIGHT, BUFFER_SIZE, &memory) != ORDO_OK) {
        err = ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the bound");
    }
    if (err != ORDO_OK) {
        return err;
    }
    bound->buffers = memory;
    const struct ordo_disk_config config = {
        .arena = &bound->arena,
        .buffers = bound->buffers,
        .buffer_size = BUFFER_SIZE,
        .buffer_count = IN_FLIGHT,
        .flush = true,
    };
    err = ordo_disk_uring_open(&config, &bound->disk, fail);
    if (err == ORDO_ERR_UNAVAILABLE) {
        err = ordo_disk_sync_open(&config, &bound->disk, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_prepare_segment(&bound->preparer, 1, &bound->segment, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_preparer_start(&bound->preparer, fail);
    }
    if (err == ORDO_OK) {
        bound->disk->port->use_file(bound->disk, bound->segment.fd);
        ordo_preparer_want(&bound->preparer, 2);
    }
    return err;
}

enum ordo_err ordo_bound_open(
    const char *dir, const struct ordo_ring *ring, struct ordo_bound **out, struct ordo_fail *fail)
{
    struct ordo_bound *bound = calloc(1, sizeof(*bound));
    if (bound == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the bound");
    }
    bound->ring = ring;
    enum ordo_err err = open_all(bound, dir, fail);
    if (err != ORDO_OK) {
        ordo_bound_close(bound);
        return err;
    }
    *out = bound;
    return ORDO_OK;
}

uint64_t ordo_bound_bytes(const struct ordo_bound *bound)
{
    return bound->bytes;
}

uint32_t ordo_bound_block(const struct ordo_bound *bound)
{
    return bound->segment.block;
}

void ordo_bound_close(struct ordo_bound *bound)
{
    if (bound == NULL) {
        return;
    }
    ordo_preparer_stop(&bound->preparer);
    if (bound->disk != NULL) {
        bound->disk->port->close(bound->disk);
    }
    ordo_segment_close(&bound->segment);
    ordo_folder_close(&bound->folder);
    ordo_arena_fini(&bound->arena);
    remove_folder(bound->dir);
    free(bound);
}

static enum ordo_err reap(struct ordo_bound *bound, struct ordo_fail *fail)
{
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    uint32_t count = bound->disk->port->reap(bound->disk, done, ORDO_DISK_IN_FLIGHT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (done[i].result < 0) {
            return ordo_fail_set(
                fail, ordo_err_from_errno(-done[i].result), "a write of the bound failed");
        }
        bound->bytes += (uint64_t)done[i].result;
        bound->busy &= ~(1u << done[i].tag);
    }
    return ORDO_OK;
}

static enum ordo_err wait_all(struct ordo_bound *bound, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    while (err == ORDO_OK && bound->busy != 0) {
        err = reap(bound, fail);
    }
    return err;
}

static enum ordo_err enter_next(struct ordo_bound *bound, struct ordo_fail *fail)
{
    struct ordo_segment next;
    enum ordo_err err = wait_all(bound, fail);
    if (err != ORDO_OK) {
        return err;
    }
    enum ordo_prepare_state state;
    do {
        state = ordo_preparer_take(&bound->preparer, &next, fail);
    } while (state == ORDO_PREPARE_BUSY);
    if (state == ORDO_PREPARE_FAILED) {
        return fail->err;
    }
    ordo_segment_close(&bound->segment);
    bound->segment = next;
    bound->position = 0;
    bound->disk->port->use_file(bound->disk, next.fd);
    ordo_preparer_want(&bound->preparer, next.number + 1);
    return ORDO_OK;
}

/* Records, one behind the other, and the beginning of one where the end would be empty; without a
 * ring, what lies there. */
static void fill(struct ordo_bound *bound, uint8_t *at, const uint8_t *end)
{
    while (bound->ring != NULL && at != end) {
        const struct ordo_slot *slot = ordo_ring_slot(bound->ring, bound->next++);
        struct ordo_bytes pieces[2] = {
            ordo_ring_command(bound->ring, slot), ordo_ring_outcome(bound->ring, slot)};
        for (int i = 0; i < 2; i++) {
            uint32_t left = (uint32_t)(end - at);
            pieces[i].size = pieces[i].size < left ? pieces[i].size : left;
            at = ordo_record_copy(at, pieces[i]);
        }
    }
}

static enum ordo_err
write_one(struct ordo_bound *bound, uint32_t buffer, uint32_t size, struct ordo_fail *fail)
{
    if (bound->position + size > bound->segment.size) {
        enum ordo_err err = enter_next(bound, fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    uint8_t *data = bound->buffers + (size_t)buffer * BUFFER_SIZE;
    memcpy(data, bound->hash, sizeof(bound->hash));
    fill(bound, data + 36, data + size);
    ordo_put_le32(data + 32, ordo_crc32c(0, data + 36, size - 36));
    const struct ordo_disk_write write = {
        .data = data, .offset = bound->position, .size = size, .buffer = buffer, .tag = buffer};
    enum ordo_err err = bound->disk->port->submit(bound->disk, &write);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "the bound's queue does not take a write");
    }
    bound->busy |= 1u << buffer;
    bound->position += size;
    ordo_chain_hash(data, size, bound->hash);
    return ORDO_OK;
}

enum ordo_err ordo_bound_bulk(
    struct ordo_bound *bound,
    uint32_t size,
    uint64_t limit_ns,
    uint64_t *spent_ns,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(size <= BUFFER_SIZE);
    uint64_t begin_ns = now_ns();
    enum ordo_err err = ORDO_OK;
    for (uint32_t buffer = 0; err == ORDO_OK && now_ns() - begin_ns < limit_ns;
         buffer = (buffer + 1) % IN_FLIGHT) {
        while (err == ORDO_OK && (bound->busy & 1u << buffer) != 0) {
            err = reap(bound, fail);
        }
        if (err == ORDO_OK) {
            err = write_one(bound, buffer, size, fail);
        }
    }
    if (err == ORDO_OK) {
        err = wait_all(bound, fail);
    }
    *spent_ns = now_ns() - begin_ns;
    return err;
}

enum ordo_err
ordo_bound_one(struct ordo_bound *bound, uint32_t size, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = now_ns();
    enum ordo_err err = write_one(bound, 0, size, fail);
    if (err == ORDO_OK) {
        err = wait_all(bound, fail);
    }
    *spent_ns = now_ns() - begin_ns;
    return err;
}
