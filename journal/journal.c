/* Opening, recovering, attaching and closing: everything that is done once.
 *
 * Order matters. Locks come before the first read, because a killed predecessor may still be
 * writing. The verdict comes before the visits, the visits before the first write: a node that
 * cannot use what it finds leaves it as it found it. */
#include "journal/internal.h"

#include "base/canary.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SMALL_MIN       4096u
#define FAILED_PAUSE_NS 10000000L
#define LOCKED_AT_OPEN  3 /* segments that a predecessor may hold: one in use, two made ready */

void ordo_journal_random(struct ordo_journal *journal, void *out, size_t size)
{
    const struct ordo_journal_hooks *hooks = journal->config.hooks;
    if (hooks != NULL && hooks->random != NULL) {
        hooks->random(hooks->context, out, size);
        return;
    }
    ssize_t got = getrandom(out, size, 0);
    ORDO_ASSERT(got == (ssize_t)size); /* the kernel gives up to 256 bytes whole */
}

static enum ordo_err apply_defaults(struct ordo_journal *journal, struct ordo_fail *fail)
{
    struct ordo_journal_config *c = &journal->config;
    bool small = c->hooks != NULL && c->hooks->allow_small;
    uint32_t batch_min = small ? SMALL_MIN : ORDO_JOURNAL_LIMIT_MIN;
    c->segment_size = c->segment_size == 0 ? ORDO_JOURNAL_SEGMENT_DEFAULT : c->segment_size;
    c->batch_size_max = c->batch_size_max == 0 ? ORDO_JOURNAL_BATCH_DEFAULT : c->batch_size_max;
    c->in_flight_max = c->in_flight_max == 0 ? ORDO_JOURNAL_IN_FLIGHT_DEFAULT : c->in_flight_max;
    c->rules = c->rules == 0 ? 1 : c->rules;
    if (c->batch_size_max < batch_min || c->batch_size_max > ORDO_JOURNAL_BATCH_MAX ||
        c->batch_size_max % ORDO_JOURNAL_BLOCK_MAX != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "batch_size_max is %" PRIu32 ": it must be a multiple of %u from %" PRIu32 " to %u",
            c->batch_size_max,
            ORDO_JOURNAL_BLOCK_MAX,
            batch_min,
            ORDO_JOURNAL_BATCH_MAX);
    }
    uint64_t segment_min = 2ull * c->batch_size_max + ORDO_JOURNAL_BLOCK_MAX;
    if (c->segment_size < segment_min || c->segment_size > ORDO_JOURNAL_SEGMENT_MAX ||
        c->segment_size % ORDO_JOURNAL_BLOCK_MAX != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "segment_size is %" PRIu64 ": it must be a multiple of %u from %" PRIu64 " to %u",
            c->segment_size,
            ORDO_JOURNAL_BLOCK_MAX,
            segment_min,
            ORDO_JOURNAL_SEGMENT_MAX);
    }
    if (c->in_flight_max > ORDO_DISK_IN_FLIGHT_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "in_flight_max is %" PRIu32 ": it must be 1 to %d",
            c->in_flight_max,
            ORDO_DISK_IN_FLIGHT_MAX);
    }
    return ORDO_OK;
}

/* Waits until no earlier process writes any more. The lock file, which is held by now, keeps later
 * ones away. */
static enum ordo_err wait_for_predecessor(struct ordo_journal *journal, struct ordo_fail *fail)
{
    const struct ordo_folder *folder = &journal->folder;
    uint64_t number = folder->last;
    for (int i = 0; i < LOCKED_AT_OPEN && number >= folder->first && number != 0; i++, number--) {
        struct ordo_segment segment;
        enum ordo_err err = ordo_segment_open(folder, number, true, &segment, fail);
        if (err == ORDO_ERR_NOT_FOUND) {
            continue; /* a gap: the verdict names it */
        }
        if (err != ORDO_OK) {
            return err;
        }
        err = ordo_segment_lock(folder, &segment, fail);
        ordo_segment_close(&segment);
        if (err != ORDO_OK) {
            return err;
        }
    }
    return ORDO_OK;
}

static enum ordo_err open_folder(struct ordo_journal *journal, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_folder_open(&journal->folder, journal->config.dir, true, fail);
    if (err != ORDO_OK) {
        return err;
    }
    journal->config.dir = journal->folder.path;
    err = ordo_folder_lock(&journal->folder, &journal->lock_fd, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ORDO_FAILPOINT("recover.locked");
    err = ordo_folder_scan(&journal->folder, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = wait_for_predecessor(journal, fail);
    ORDO_FAILPOINT("recover.scanned");
    if (err == ORDO_OK && ordo_folder_is_tmpfs(&journal->folder)) {
        ORDO_LOG_WARN(
            "journal_on_tmpfs dir=%s note=\"a flush does nothing there: a power cut or a reboot "
            "loses everything\"",
            journal->folder.path);
    }
    return err;
}

enum ordo_err ordo_journal_open(
    const struct ordo_journal_config *config, struct ordo_journal **out, struct ordo_fail *fail)
{
    ORDO_ASSERT(config->dir != NULL);
    struct ordo_journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the journal");
    }
    journal->config = *config;
    journal->clock = config->hooks != NULL && config->hooks->clock.monotonic_ns != NULL
                         ? config->hooks->clock
                         : ordo_clock_system();
    journal->lock_fd = journal->folder.fd = journal->segment.fd = -1;
    ordo_arena_init(&journal->arena);
    enum ordo_err err = apply_defaults(journal, fail);
    if (err == ORDO_OK) {
        err = ordo_chain_use_key(&journal->chain, config->key_file, fail);
    }
    if (err == ORDO_OK) {
        err = open_folder(journal, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_preparer_init(
            &journal->preparer,
            &journal->arena,
            &journal->folder,
            journal->config.segment_size,
            fail);
    }
    if (err != ORDO_OK) {
        ordo_journal_close(journal);
        return err;
    }
    *out = journal;
    return ORDO_OK;
}

/* ---- recovery ---- */

void ordo_journal_begin_segment(struct ordo_journal *journal)
{
    struct ordo_tip *tip = &journal->tip;
    struct ordo_segment_header *h = &journal->segment_header;
    *h = (struct ordo_segment_header){
        .magic = {'O', 'R', 'D', 'O', 'S', 'E', 'G', '1'},
        .format = ORDO_JOURNAL_FORMAT,
        .header_size = ORDO_SEGMENT_HEADER_SIZE,
        .epoch = tip->epoch,
        .number = journal->segment.number,
        .first_seq = tip->seq + 1,
        .first_update_seq = tip->update_seq,
        .prev_seq = tip->seq,
        .size = journal->segment.size,
        .prev_time_us = tip->time_us,
        .first_batch = tip->batch + 1,
        .block = journal->segment.block,
        .rules = journal->config.rules,
    };
    memcpy(h->node, tip->node, sizeof(h->node));
    memcpy(h->prev_chain, tip->chain, sizeof(h->prev_chain));
    if (journal->chain.has_key) {
        h->flags = ORDO_SEGMENT_KEYED;
        h->key_check = ordo_chain_key_check(&journal->chain, tip->node);
    }
    ordo_journal_random(journal, &h->salt, sizeof(h->salt));
    bool entered = ordo_tip_enter(tip, h);
    ORDO_ASSERT(entered);
    ordo_stat_add(&journal->stats.segments, 1);
}

/* The first segment of a new journal: its header is on disk, with the node's id, before there is a
 * batch. Later headers go out together with their first batch. */
static enum ordo_err begin_journal(struct ordo_journal *journal, struct ordo_fail *fail)
{
    journal->tip = (struct ordo_tip){.epoch = 1};
    ordo_journal_random(journal, journal->tip.node, sizeof(journal->tip.node));
    enum ordo_err err = ordo_prepare_segment(&journal->preparer, 1, &journal->segment, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_journal_begin_segment(journal);
    ORDO_FAILPOINT("journal.first_segment");
    uint8_t *block = journal->preparer.scratch; /* page aligned; zeros before and after */
    ordo_segment_header_encode(&journal->segment_header, block);
    journal->position = journal->tip.block;
    err = ordo_segment_write(
        &journal->folder, &journal->segment, 0, block, (size_t)journal->position, fail);
    memset(block, 0, ORDO_SEGMENT_HEADER_SIZE);
    ORDO_FAILPOINT("journal.first_header");
    return err;
}

static enum ordo_err
continue_journal(struct ordo_journal *journal, const struct ordo_verdict *v, struct ordo_fail *fail)
{
    enum ordo_err err =
        ordo_segment_open(&journal->folder, v->end_number, true, &journal->segment, fail);
    if (err == ORDO_OK) {
        err = ordo_segment_lock(&journal->folder, &journal->segment, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    if (journal->segment.direct && journal->segment.block > v->end_header.block) {
        /* Written on a disk with smaller blocks: the page cache bridges until the next segment. */
        int flags = fcntl(journal->segment.fd, F_GETFL);
        (void)fcntl(journal->segment.fd, F_SETFL, flags & ~O_DIRECT);
        journal->segment.direct = false;
    }
    journal->segment_header = v->end_header;
    journal->tip = v->tip;
    journal->position = v->end_offset;
    /* What was read may have been written and never flushed; from here on it counts as durable. */
    return ordo_segment_flush(&journal->folder, &journal->segment, fail);
}

enum ordo_err ordo_journal_recover_many(
    struct ordo_journal *journal,
    uint64_t after_seq,
    ordo_records_visit *visit,
    void *context,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(!journal->recovered);
    const struct ordo_visitor visitor = {visit, context, after_seq};
    struct ordo_verdict verdict;
    struct ordo_loader loader; /* one for both: its memory is the size of segments */
    *recovery = (struct ordo_recovery){0};
    ordo_loader_init(&loader);
    enum ordo_err err = ordo_recover_judge(journal, after_seq, &loader, &verdict, fail);
    ORDO_FAILPOINT("recover.judged");
    if (err == ORDO_OK && ORDO_CANARY(cut_before_replay)) {
        err = ordo_recover_cut(journal, &verdict, recovery, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_recover_replay(journal, &verdict, &visitor, &loader, fail);
    }
    ordo_loader_fini(&loader);
    ORDO_FAILPOINT("recover.replayed");
    if (err == ORDO_OK) {
        err = ordo_recover_cut(journal, &verdict, recovery, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ORDO_FAILPOINT("recover.before_flush");
    if (journal->config.durability != ORDO_DURABILITY_NONE) {
        /* A name that a killed process gave may never have been flushed: a blank segment that is
         * there to be used could be gone after a power cut, and with it what was written to it. */
        err = ordo_folder_flush(&journal->folder, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    recovery->seq_last = verdict.tip.seq;
    recovery->update_seq_last = verdict.tip.update_seq;
    recovery->time_us_last = verdict.tip.time_us;
    recovery->records = verdict.tip.seq - after_seq;
    recovery->segments = verdict.segments;
    journal->preparer.blank_first = verdict.blank_first;
    journal->preparer.blank_last = verdict.blank_last;
    journal->tip = verdict.tip;
    journal->marked = verdict.last_is_mark;
    atomic_store(&journal->stats.segments, verdict.segments);
    if (verdict.end_number != 0) {
        err = continue_journal(journal, &verdict, fail);
    } else if (journal->config.durability != ORDO_DURABILITY_NONE) {
        err = begin_journal(journal, fail);
    }
    journal->flushed_seq = journal->tip.seq;
    journal->flushed_batch = journal->tip.batch;
    journal->recovered = err == ORDO_OK;
    ORDO_FAILPOINT("recover.done");
    return err;
}

/* ---- attach ---- */

static enum ordo_err open_disk(struct ordo_journal *journal, struct ordo_fail *fail)
{
    struct ordo_disk_config config = {
        .arena = &journal->arena,
        .buffers = journal->buffers,
        .buffer_size = journal->buffer_size,
        .buffer_count = journal->config.in_flight_max,
        .flush = journal->config.durability == ORDO_DURABILITY_FLUSH,
        .uring = journal->config.uring,
        .method = journal->config.flush,
    };
    enum ordo_journal_backend backend = journal->config.backend;
    enum ordo_err err = ORDO_ERR_UNAVAILABLE;
    if (backend != ORDO_BACKEND_PWRITE) {
        err = ordo_disk_uring_open(&config, &journal->disk, fail);
        if (err == ORDO_ERR_UNAVAILABLE && backend == ORDO_BACKEND_AUTO && fail != NULL) {
            ORDO_LOG_INFO("journal_backend_fallback reason=\"%s\"", fail->text);
        }
    }
    if (err == ORDO_ERR_UNAVAILABLE && backend != ORDO_BACKEND_URING) {
        err = ordo_disk_sync_open(&config, &journal->disk, fail);
    }
    return err;
}

enum ordo_err ordo_journal_attach(
    struct ordo_journal *journal,
    struct ordo_stage *stage,
    const uint8_t stream_hash[16],
    struct ordo_fail *fail)
{
    ORDO_ASSERT(journal->recovered);
    ORDO_ASSERT(journal->stage == NULL);
    memcpy(journal->stream_hash, stream_hash, sizeof(journal->stream_hash));
    journal->last_commit_ns = ordo_clock_monotonic_ns(&journal->clock);
    atomic_store(&journal->stats.durable_seq, journal->tip.seq);
    if (journal->config.durability == ORDO_DURABILITY_NONE) {
        (void)snprintf(journal->backend_name, sizeof(journal->backend_name), "none");
        journal->stage = stage;
        return ORDO_OK;
    }
    void *memory;
    journal->buffer_size = ORDO_JOURNAL_BLOCK_MAX + (size_t)journal->config.batch_size_max;
    if (ordo_arena_alloc(
            &journal->arena,
            "journal buffers",
            journal->config.in_flight_max,
            journal->buffer_size,
            &memory) != ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the journal's buffers");
    }
    journal->buffers = memory;
    enum ordo_err err = open_disk(journal, fail);
    if (err != ORDO_OK) {
        return err;
    }
    (void)snprintf(
        journal->backend_name,
        sizeof(journal->backend_name),
        "%s, %s, %s",
        journal->disk->name,
        journal->segment.direct ? "O_DIRECT" : "page cache",
        journal->disk->flush_name);
    const struct ordo_journal_hooks *hooks = journal->config.hooks;
    if (hooks != NULL && hooks->wrap != NULL) {
        journal->disk = hooks->wrap(hooks->context, journal->disk);
    }
    journal->disk->port->use_file(journal->disk, journal->segment.fd);
    err = ordo_preparer_start(&journal->preparer, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_preparer_want(&journal->preparer, journal->segment.number + 1);
    journal->stage = stage;
    return ORDO_OK;
}

static void waker_sleep(void *self, uint64_t timeout_ns)
{
    struct ordo_journal *journal = self;
    if (ordo_journal_failed(journal)) {
        /* Completions that nobody reaps any more would end each sleep at once. */
        (void)nanosleep(&(struct timespec){.tv_nsec = FAILED_PAUSE_NS}, NULL);
        return;
    }
    journal->disk->port->sleep(journal->disk, timeout_ns);
}

static void waker_wake(void *self)
{
    struct ordo_journal *journal = self;
    journal->disk->port->wake(journal->disk);
}

void ordo_journal_bind_waker(struct ordo_journal *journal, struct ordo_waker *waker)
{
    ORDO_ASSERT(journal->stage != NULL);
    if (journal->disk == NULL) {
        return; /* durability `none`: nothing to wait for */
    }
    if (journal->disk->port->sleep != NULL) {
        ordo_waker_replace(waker, waker_sleep, waker_wake, journal);
    } else {
        journal->disk->waker = waker;
    }
    ordo_preparer_bind(&journal->preparer, waker);
}

/* ---- state for others ---- */

uint64_t ordo_journal_deadline_ns(const struct ordo_journal *journal)
{
    if (journal->marked || journal->flight_head != journal->flight_tail ||
        ordo_journal_failed(journal) || journal->config.durability == ORDO_DURABILITY_NONE) {
        return UINT64_MAX;
    }
    return journal->last_commit_ns + ORDO_JOURNAL_IDLE_NS;
}

bool ordo_journal_is_drained(const struct ordo_journal *journal)
{
    return ordo_journal_failed(journal) || (journal->flight_head == journal->flight_tail &&
                                            ordo_stage_available(journal->stage) == 0);
}

bool ordo_journal_failed(const struct ordo_journal *journal)
{
    return atomic_load_explicit(&journal->failed, memory_order_acquire);
}

const struct ordo_fail *ordo_journal_fail(const struct ordo_journal *journal)
{
    return &journal->fail;
}

void ordo_journal_node(const struct ordo_journal *journal, uint8_t node[16])
{
    ORDO_ASSERT(journal->recovered);
    memcpy(node, journal->tip.node, sizeof(journal->tip.node));
}

const char *ordo_journal_backend_name(const struct ordo_journal *journal)
{
    return journal->backend_name;
}

void ordo_journal_stats(const struct ordo_journal *journal, struct ordo_journal_stats *stats)
{
    *stats = (struct ordo_journal_stats){
        .records = atomic_load_explicit(&journal->stats.records, memory_order_relaxed),
        .batches = atomic_load_explicit(&journal->stats.batches, memory_order_relaxed),
        .bytes = atomic_load_explicit(&journal->stats.bytes, memory_order_relaxed),
        .record_bytes = atomic_load_explicit(&journal->stats.record_bytes, memory_order_relaxed),
        .durable_seq = atomic_load_explicit(&journal->stats.durable_seq, memory_order_relaxed),
        .segments = atomic_load_explicit(&journal->stats.segments, memory_order_relaxed),
    };
}

void ordo_journal_close(struct ordo_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    ordo_preparer_stop(&journal->preparer); /* first: its last wake goes through the disk's ring */
    if (journal->disk != NULL) {
        journal->disk->port->close(journal->disk);
    }
    if (journal->segment.number != 0 && journal->flight_head == journal->flight_tail) {
        /* The kernel takes a ring down behind our back and keeps the file, and so the lock, until
         * then. Given back only when no write can be on its way. */
        (void)flock(journal->segment.fd, LOCK_UN);
    }
    ordo_segment_close(&journal->segment);
    if (journal->lock_fd >= 0) {
        (void)close(journal->lock_fd);
    }
    ordo_folder_close(&journal->folder);
    ordo_chain_fini(&journal->chain);
    ordo_arena_fini(&journal->arena);
    free(journal);
}
