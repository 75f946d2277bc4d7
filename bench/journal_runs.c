/* The feed copies nothing in the measured time but slot headers: commands and outcomes were put
 * into the byte rings once and every slot points at one of them, because what is measured is the
 * journal and not its producer. The bound's bytes lie in its buffers from the start for the same
 * reason; what it does a write is a CRC and a hash over all of them, the write, the flush. */
#include "bench/journal_runs.h"

#include "base/clock.h"
#include "base/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE         4096u
#define SEGMENT_SIZE (64u << 20)
#define BUFFER_SIZE  (1u << 20)
#define IN_FLIGHT    2u
#define STUCK_NS     (30 * ORDO_NS_PER_S)

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

/* ---- the feed ---- */

/* Bytes into a ring for good; where they lie. */
static uint64_t keep(struct ordo_byte_ring *ring, const uint8_t *data, uint32_t size)
{
    uint64_t position;
    uint8_t *room = ordo_byte_ring_reserve(ring, 0, size, &position);
    ORDO_ASSERT(room != NULL);
    memcpy(room, data, size);
    ordo_byte_ring_commit(ring, position, size);
    return position;
}

static enum ordo_err decide(struct ordo_feed *feed, struct ordo_fail *fail)
{
    struct ordo_load *load = &feed->load;
    bool made = ordo_load_make(load);
    ORDO_ASSERT(made);
    for (uint32_t i = 0; i < ORDO_JOURNAL_RUN_RECORDS; i++) {
        struct ordo_writer out = ordo_writer_over(load->outcome, sizeof(load->outcome));
        struct ordo_applied applied;
        struct ordo_bytes command = load->commands[i];
        ordo_apply(load->state, load->time_us, command, &out, &applied);
        if (applied.code != ORDO_RESULT_OK) {
            return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "a command of the load was refused");
        }
        uint32_t size = (uint32_t)ordo_writer_size(&out);
        feed->slots[i] = (struct ordo_slot){
            .command_at = keep(&feed->ring.commands, command.data, command.size),
            .command_size = command.size,
            .outcome_at = keep(&feed->ring.outcomes, load->outcome, size),
            .outcome_size = size,
            .flags = ORDO_SLOT_JOURNALED,
            .update_count = (uint8_t)applied.update_count,
        };
        feed->updates += applied.update_count;
    }
    return ORDO_OK;
}

static enum ordo_err ignore(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static enum ordo_err open_journal(struct ordo_feed *feed, struct ordo_fail *fail)
{
    static const uint8_t stream_hash[16];
    struct ordo_journal_config config = {.dir = feed->dir};
    struct ordo_recovery recovery;
    enum ordo_err err = ordo_journal_open(&config, &feed->journal, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_recover(feed->journal, 0, ignore, NULL, &recovery, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_journal_attach(feed->journal, &feed->stage, stream_hash, fail);
    }
    return err;
}

enum ordo_err ordo_feed_open(struct ordo_feed *feed, const char *dir, struct ordo_fail *fail)
{
    memset(feed, 0, sizeof(*feed));
    ordo_arena_init(&feed->arena);
    (void)snprintf(feed->dir, sizeof(feed->dir), "%s/journal", dir);
    enum ordo_err err = ordo_ring_init(
        &feed->ring, &feed->arena, 2 * ORDO_JOURNAL_RUN_RECORDS, 4u << 20, 4u << 20, fail);
    if (err == ORDO_OK) {
        err = ordo_load_open(&feed->load, &feed->arena, LIVE, LIVE + 4 * ORDO_LOAD_BLOCK, fail);
    }
    if (err == ORDO_OK) {
        err = decide(feed, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&feed->sequencer, &feed->ring);
    ordo_stage_init(&feed->stage, "journal", &feed->ring, 0);
    ordo_barrier_add(&feed->stage.barrier, &feed->sequencer.published);
    ordo_barrier_add(&feed->sequencer.gate, &feed->stage.sequence);
    return open_journal(feed, fail);
}

void ordo_feed_close(struct ordo_feed *feed)
{
    ordo_journal_close(feed->journal);
    ordo_arena_fini(&feed->arena);
    remove_folder(feed->dir);
}

static void push(struct ordo_feed *feed, uint32_t count_max)
{
    uint64_t cursor;
    uint32_t count = ordo_sequencer_claim(&feed->sequencer, count_max, &cursor);
    if (count == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_slot *slot = ordo_ring_slot(&feed->ring, cursor + i);
        *slot = feed->slots[feed->next];
        feed->next = (feed->next + 1) % ORDO_JOURNAL_RUN_RECORDS;
        slot->seq = ++feed->seq;
        slot->time_us = feed->load.time_us + feed->seq;
        slot->update_seq = feed->update_seq += slot->update_count;
    }
    ordo_sequencer_publish(&feed->sequencer, cursor + count - 1);
}

static enum ordo_err drain(struct ordo_feed *feed, struct ordo_fail *fail)
{
    uint64_t limit_ns = now_ns() + STUCK_NS;
    while (!ordo_journal_is_drained(feed->journal)) {
        (void)ordo_journal_do_work(feed->journal);
        if (now_ns() > limit_ns) {
            return ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "the journal does not drain");
        }
    }
    if (ordo_journal_failed(feed->journal)) {
        *fail = *ordo_journal_fail(feed->journal);
        return fail->err;
    }
    return ORDO_OK;
}

enum ordo_err ordo_feed_bulk(
    struct ordo_feed *feed, uint64_t limit_ns, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = now_ns();
    while (now_ns() - begin_ns < limit_ns && !ordo_journal_failed(feed->journal)) {
        push(feed, ORDO_JOURNAL_RUN_RECORDS);
        (void)ordo_journal_do_work(feed->journal);
    }
    enum ordo_err err = drain(feed, fail);
    *spent_ns = now_ns() - begin_ns;
    return err;
}

enum ordo_err ordo_feed_one(struct ordo_feed *feed, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = now_ns();
    push(feed, 1);
    enum ordo_err err = drain(feed, fail);
    *spent_ns = now_ns() - begin_ns;
    return err;
}

/* ---- the bound ---- */

enum ordo_err ordo_bound_open(struct ordo_bound *bound, const char *dir, struct ordo_fail *fail)
{
    void *memory = NULL;
    memset(bound, 0, sizeof(*bound));
    bound->segment.fd = bound->folder.fd = -1;
    ordo_arena_init(&bound->arena);
    (void)snprintf(bound->dir, sizeof(bound->dir), "%s/bound", dir);
    enum ordo_err err = ordo_folder_open(&bound->folder, bound->dir, true, fail);
    if (err == ORDO_OK) {
        err = ordo_chain_init(&bound->chain, fail);
    }
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
    for (size_t i = 0; i < (size_t)IN_FLIGHT * BUFFER_SIZE; i++) {
        bound->buffers[i] = (uint8_t)(i * 2654435761u >> 13);
    }
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

void ordo_bound_close(struct ordo_bound *bound)
{
    ordo_preparer_stop(&bound->preparer);
    if (bound->disk != NULL) {
        bound->disk->port->close(bound->disk);
    }
    ordo_segment_close(&bound->segment);
    ordo_folder_close(&bound->folder);
    ordo_chain_fini(&bound->chain);
    ordo_arena_fini(&bound->arena);
    remove_folder(bound->dir);
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
    ordo_put_le32(data + 32, ordo_crc32c(0, data + 36, size - 36));
    const struct ordo_disk_write write = {
        .data = data, .offset = bound->position, .size = size, .buffer = buffer, .tag = buffer};
    enum ordo_err err = bound->disk->port->submit(bound->disk, &write);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "the bound's queue does not take a write");
    }
    bound->busy |= 1u << buffer;
    bound->position += size;
    ordo_chain_hash(&bound->chain, data, size, bound->hash);
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
