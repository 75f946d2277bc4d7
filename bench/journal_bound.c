/* What it does a write: copy records into a buffer until it is full, a CRC and a hash over all of
 * it, the write and the flush, through the same port to the disk and with the same helper that
 * writes zeros ahead. It knows no slots to check, no sizes to note, no CRC a record, no cursor. */
#include "bench/journal_bound.h"

#include "base/crc32c.h"
#include "bench/folder.h"
#include "journal/chain.h"
#include "journal/disk.h"
#include "journal/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define SEGMENT_SIZE (64u << 20)
#define BUFFER_SIZE  (1u << 20)
#define HEAD_SIZE    36u /* the hash before and a CRC */
#define IN_FLIGHT    2u
#define STUCK_NS     (30 * ORDO_NS_PER_S)
#define SLACK_NS     1ul /* of timers; the standard, 50 us, is half a write and flush */
#define PARK_FROM_NS (20 * ORDO_NS_PER_US) /* a sleep shorter than this ends too late */

struct ordo_bound {
    const struct ordo_ring *ring;
    uint64_t next; /* slot of the next record */
    struct ordo_arena arena;
    struct ordo_folder folder;
    struct ordo_preparer preparer;
    struct ordo_segment segment;
    struct ordo_disk *disk;
    struct ordo_waker waker; /* of this thread, for a disk without a sleep of its own */
    uint8_t *buffers;
    uint8_t hash[ORDO_JOURNAL_CHAIN_SIZE];
    uint64_t position;
    uint32_t busy; /* bit i: buffer i is in flight */
    uint64_t bytes;
    char dir[256];
};

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
        ordo_waker_init(&bound->waker);
        bound->disk->waker = &bound->waker;
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
    ordo_bench_folder_remove(bound->dir);
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

/* Asleep until a completion or for so long, as a parked journal's thread is. */
static enum ordo_err park(struct ordo_bound *bound, uint64_t timeout_ns, struct ordo_fail *fail)
{
    uint32_t busy = bound->busy;
    if (bound->disk->port->sleep != NULL) {
        bound->disk->port->sleep(bound->disk, timeout_ns);
        return reap(bound, fail);
    }
    ordo_waker_announce(&bound->waker);
    enum ordo_err err = reap(bound, fail);
    if (err != ORDO_OK || bound->busy != busy) {
        ordo_waker_cancel(&bound->waker);
        return err;
    }
    ordo_waker_sleep(&bound->waker, timeout_ns);
    return reap(bound, fail);
}

static enum ordo_err wait_parked(struct ordo_bound *bound, struct ordo_fail *fail)
{
    uint64_t limit_ns = ordo_bench_now_ns() + STUCK_NS;
    enum ordo_err err = reap(bound, fail);
    while (err == ORDO_OK && bound->busy != 0) {
        err = park(bound, STUCK_NS, fail);
        if (err == ORDO_OK && ordo_bench_now_ns() > limit_ns) {
            err = ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "a write of the bound does not end");
        }
    }
    return err;
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
    fill(bound, data + HEAD_SIZE, data + size);
    ordo_put_le32(data + 32, ordo_crc32c(0, data + HEAD_SIZE, size - HEAD_SIZE));
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
    uint64_t begin_ns = ordo_bench_now_ns();
    enum ordo_err err = ORDO_OK;
    for (uint32_t buffer = 0; err == ORDO_OK && ordo_bench_now_ns() - begin_ns < limit_ns;
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
    *spent_ns = ordo_bench_now_ns() - begin_ns;
    return err;
}

/* The records that each buffer in flight carries; a count of 0: none, or they are told. */
struct paced {
    const struct ordo_offer *offer;
    struct ordo_histogram *latency;
    uint64_t begin_ns;
    uint64_t first[IN_FLIGHT];
    uint64_t count[IN_FLIGHT];
    uint64_t written;
    uint64_t done;
};

static enum ordo_err
send_due(struct ordo_bound *bound, struct paced *run, uint32_t buffer, struct ordo_fail *fail)
{
    uint64_t due = ordo_offer_due(run->offer, ordo_bench_now_ns() - run->begin_ns) - run->written;
    uint64_t most = (BUFFER_SIZE - HEAD_SIZE) / run->offer->record_size;
    uint64_t count = due < most ? due : most;
    uint64_t block = bound->segment.block;
    uint64_t size = (HEAD_SIZE + count * run->offer->record_size + block - 1) / block * block;
    if (count == 0) {
        return ORDO_OK;
    }
    run->first[buffer] = run->written;
    run->count[buffer] = count;
    run->written += count;
    return write_one(bound, buffer, (uint32_t)size, fail);
}

static void note_done(struct paced *run, uint32_t buffer)
{
    uint64_t after_ns = ordo_bench_now_ns() - run->begin_ns;
    for (uint64_t i = 0; i < run->count[buffer]; i++) {
        uint64_t due_ns = ordo_offer_due_ns(run->offer, run->first[buffer] + i);
        ordo_histogram_record(run->latency, after_ns > due_ns ? after_ns - due_ns : 0);
    }
    run->done += run->count[buffer];
    run->count[buffer] = 0;
}

/* Asleep until the next record is due, or a completion, when there is time for it; with nothing in
 * flight it polls, as the journal beside it does (ordo_feed_offered). */
static enum ordo_err
wait_due(struct ordo_bound *bound, const struct paced *run, struct ordo_fail *fail)
{
    const struct ordo_offer *offer = run->offer;
    uint64_t after_ns = ordo_bench_now_ns() - run->begin_ns;
    uint64_t due = ordo_offer_due(offer, after_ns);
    for (uint32_t buffer = 0; buffer < IN_FLIGHT; buffer++) {
        bool is_free = (bound->busy & 1u << buffer) == 0;
        if (is_free && (run->count[buffer] != 0 || due != run->written)) {
            return ORDO_OK; /* to be told, or some have become due since it was looked */
        }
    }
    uint64_t next_ns = due == offer->count ? after_ns + STUCK_NS : ordo_offer_due_ns(offer, due);
    if (bound->busy == 0 || next_ns <= after_ns + PARK_FROM_NS) {
        return ORDO_OK;
    }
    return park(bound, next_ns - after_ns, fail);
}

enum ordo_err ordo_bound_paced(
    struct ordo_bound *bound,
    const struct ordo_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_fail *fail)
{
    struct paced run = {.offer = offer, .latency = latency, .begin_ns = ordo_bench_now_ns()};
    enum ordo_err err = ORDO_OK;
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    while (err == ORDO_OK && run.done != offer->count) {
        for (uint32_t buffer = 0; buffer < IN_FLIGHT && err == ORDO_OK; buffer++) {
            if ((bound->busy & 1u << buffer) == 0) {
                note_done(&run, buffer);
                err = send_due(bound, &run, buffer, fail);
            }
        }
        uint32_t busy = bound->busy;
        err = err == ORDO_OK ? reap(bound, fail) : err;
        if (err == ORDO_OK && bound->busy == busy) {
            err = wait_due(bound, &run, fail);
        }
    }
    return err;
}

enum ordo_err
ordo_bound_one(struct ordo_bound *bound, uint32_t size, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = ordo_bench_now_ns();
    enum ordo_err err = write_one(bound, 0, size, fail);
    if (err == ORDO_OK) {
        err = wait_parked(bound, fail);
    }
    *spent_ns = ordo_bench_now_ns() - begin_ns;
    return err;
}
