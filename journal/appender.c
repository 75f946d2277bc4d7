/* Group commit: what has gathered becomes one batch, one write, one flush.
 *
 * There is no timer. While a write is in flight, slots gather; when it comes back they go out
 * together. So a lone command is flushed at once, and under load a batch is as large as a flush is
 * long. Up to in_flight_max writes overlap; the durable cursor is the end of the contiguous prefix
 * of those that are done.
 *
 * A slot that is not journaled (a query) is never written, but it may be answered only when all
 * before it is durable: it rides on the last write in flight, and passes at once when there is
 * none.
 *
 * A segment is entered only when nothing is in flight, so that a segment header is proof that its
 * predecessor is whole: recovery never has to cut across two files. That pause is one flush in 64
 * MiB.
 *
 * The chain hash of a batch is computed after its submission, while the disk works; the next
 * batch's header needs it.
 *
 * The first write that fails ends the journal. It is not repeated, not even once: after a failed
 * flush the system may drop the data and report success the next time. A short write is not a
 * failure; its rest is written by a new write, and only then the batch counts. */
#include "journal/internal.h"

#include "base/canary.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define SHORTS_MAX 64 /* short writes in a row of one batch */

static uint64_t in_flight(const struct ordo_journal *journal)
{
    return journal->flight_tail - journal->flight_head;
}

/* The page cache tells each write-back error to one flush of a descriptor alone. Of two that run at
 * once the later write's may hear of the earlier one's loss, and that one's flush of nothing. Past
 * the page cache an error is the write's own. */
static bool may_submit(const struct ordo_journal *journal)
{
    bool one = journal->disk->overlaps && !journal->segment.direct;
    return in_flight(journal) <
           (one && !ORDO_CANARY(flushes_overlap) ? 1 : journal->config.in_flight_max);
}

static struct ordo_flight *flight_at(struct ordo_journal *journal, uint64_t count)
{
    return &journal->flights[count % journal->config.in_flight_max];
}

static void stop_journal(struct ordo_journal *journal)
{
    ORDO_LOG_ERROR(
        "journal_failed durable_seq=%" PRIu64 " reason=\"%s\"",
        atomic_load_explicit(&journal->stats.durable_seq, memory_order_relaxed),
        journal->fail.text);
    atomic_store_explicit(&journal->failed, true, memory_order_release);
}

static void fail_write(
    struct ordo_journal *journal, const struct ordo_flight *flight, int error, const char *how)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(journal->segment.number, name);
    (void)ordo_fail_set(
        &journal->fail,
        ordo_err_from_errno(error),
        "%s of %" PRIu32 " bytes at offset %" PRIu64 " of %s/%s failed: %s (errno %d): sequences "
        "%" PRIu64 " to %" PRIu64 " are not durable, the last durable one is %" PRIu64
        ": check the disk, then start again to recover",
        how,
        flight->size,
        flight->offset,
        journal->folder.path,
        name,
        strerror(error),
        error,
        flight->seq_before + 1,
        journal->tip.seq,
        journal->flushed_seq);
    stop_journal(journal);
}

static bool submit(struct ordo_journal *journal, uint64_t index)
{
    uint32_t buffer = (uint32_t)(index % journal->config.in_flight_max);
    struct ordo_flight *flight = &journal->flights[buffer];
    struct ordo_disk_write write = {
        .data = journal->buffers + buffer * journal->buffer_size + flight->written,
        .offset = flight->offset + flight->written,
        .size = flight->size - flight->written,
        .buffer = buffer,
        .tag = buffer,
    };
    enum ordo_err err = journal->disk->port->submit(journal->disk, &write);
    /* There is one entry for each buffer, so FULL cannot be: it is as fatal as a broken queue. */
    if (err != ORDO_OK) {
        int error = journal->disk->error != 0 ? journal->disk->error : EBUSY;
        fail_write(journal, flight, error, "submitting a write");
        return false;
    }
    return true;
}

/* ---- completions ---- */

static void complete(struct ordo_journal *journal, const struct ordo_disk_done *done)
{
    ORDO_ASSERT(done->tag < journal->config.in_flight_max);
    struct ordo_flight *flight = &journal->flights[done->tag];
    ORDO_ASSERT(!flight->done);
    int failed = done->result < 0 ? -done->result : ORDO_FAILPOINT_ERROR("journal.completed");
    if (failed != 0 && ORDO_CANARY(failed_flush_retried)) {
        (void)submit(journal, done->tag);
        return;
    }
    if (failed != 0) {
        fail_write(journal, flight, failed, "write and flush");
        return;
    }
    uint32_t left = flight->size - flight->written;
    uint32_t got = (uint32_t)done->result;
    ORDO_ASSERT(got <= left);
    if (got == left || ORDO_CANARY(short_write_ignored)) {
        flight->written = flight->size;
        flight->done = true;
        return;
    }
    if (++flight->shorts > SHORTS_MAX) {
        fail_write(journal, flight, EIO, "write, short again and again,");
        return;
    }
    flight->written += got / journal->tip.block * journal->tip.block;
    (void)submit(journal, done->tag);
}

/* Moves the durable cursor over the contiguous prefix of what is done. */
static uint32_t retire(struct ordo_journal *journal)
{
    const struct ordo_flight *last = NULL;
    while (journal->flight_head != journal->flight_tail) {
        const struct ordo_flight *flight = flight_at(journal, journal->flight_head);
        if (!flight->done && !ORDO_CANARY(ack_before_flush)) {
            break;
        }
        last = flight;
        journal->flight_head++;
    }
    if (last == NULL) {
        return 0;
    }
    if (journal->config.durability == ORDO_DURABILITY_FLUSH) {
        ORDO_ASSERT(last->seq_last >= journal->flushed_seq);
        journal->flushed_seq = last->seq_last;
        journal->flushed_batch = last->batch;
    }
    journal->last_commit_ns = ordo_clock_monotonic_ns(&journal->clock);
    uint64_t before = ordo_sequence_own(&journal->stage->sequence);
    ORDO_ASSERT(last->cursor >= before);
    ORDO_FAILPOINT("journal.before_ack");
    atomic_store_explicit(&journal->stats.durable_seq, last->seq_last, memory_order_relaxed);
    if (last->cursor != before) {
        ordo_stage_advance(journal->stage, last->cursor);
    }
    ORDO_FAILPOINT("journal.after_ack");
    return (uint32_t)(last->cursor - before) + 1;
}

static uint32_t reap(struct ordo_journal *journal)
{
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    /* Also when nothing is in flight: a wake that the queue keeps would end every sleep. */
    uint32_t count = journal->disk->port->reap(journal->disk, done, ORDO_DISK_IN_FLIGHT_MAX);
    if (in_flight(journal) == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < count && !ordo_journal_failed(journal); i++) {
        complete(journal, &done[i]);
    }
    if (journal->disk->error != 0 && !ordo_journal_failed(journal)) {
        fail_write(
            journal,
            flight_at(journal, journal->flight_head),
            journal->disk->error,
            "the queue for the write");
    }
    return ordo_journal_failed(journal) ? 0 : retire(journal);
}

/* ---- segments ---- */

/* In `os` mode writes are not flushed one by one; a segment is, before its successor's header says
 * that it is whole. The only flush of this thread, in a mode that is not the default. */
static bool flush_segment(struct ordo_journal *journal)
{
    if (journal->config.durability == ORDO_DURABILITY_FLUSH) {
        return true;
    }
    if (ordo_segment_flush(&journal->folder, &journal->segment, &journal->fail) != ORDO_OK) {
        stop_journal(journal);
        return false;
    }
    journal->flushed_seq = journal->tip.seq;
    journal->flushed_batch = journal->tip.batch;
    return true;
}

/* Enters the next segment; false while that has to wait, or failed. */
static bool rotate(struct ordo_journal *journal)
{
    struct ordo_segment next;
    if (in_flight(journal) != 0) {
        return false;
    }
    ORDO_FAILPOINT("rotate.before_take");
    switch (ordo_preparer_take(&journal->preparer, &next, &journal->fail)) {
    case ORDO_PREPARE_BUSY:
        return false;
    case ORDO_PREPARE_FAILED:
        stop_journal(journal);
        return false;
    case ORDO_PREPARE_READY:
        break;
    }
    ORDO_ASSERT(next.number == journal->segment.number + 1);
    ORDO_FAILPOINT("rotate.taken");
    if (!flush_segment(journal)) {
        ordo_segment_close(&next);
        return false;
    }
    ordo_segment_close(&journal->segment);
    journal->segment = next;
    journal->disk->port->use_file(journal->disk, next.fd);
    journal->position = 0;
    ordo_journal_begin_segment(journal);
    ordo_preparer_want(&journal->preparer, next.number + 1);
    ORDO_FAILPOINT("rotate.entered");
    return true;
}

/* Makes sure that a batch with a body of this size fits; false while it does not. */
static bool make_room(struct ordo_journal *journal, uint64_t body_size)
{
    uint64_t needed = ordo_round_up(ORDO_BATCH_HEADER_SIZE + body_size, journal->tip.block);
    if (needed > journal->config.batch_size_max) {
        (void)ordo_fail_set(
            &journal->fail,
            ORDO_ERR_LIMIT,
            "the record of sequence %" PRIu64 " needs %" PRIu64
            " bytes, more than a batch may have "
            "(%" PRIu32 "): raise batch_size_max",
            journal->tip.seq + 1,
            needed,
            journal->config.batch_size_max);
        stop_journal(journal);
        return false;
    }
    if (journal->position + needed <= journal->segment_header.size) {
        return true;
    }
    return rotate(journal);
}

/* ---- writing ---- */

/* Finishes and submits; the chain hash is computed while the disk works. */
static void end_batch(struct ordo_journal *journal, struct ordo_builder *b)
{
    struct ordo_tip *tip = &journal->tip;
    ordo_build_end(journal, b);
    ORDO_FAILPOINT("journal.after_header");

    uint64_t index = journal->flight_tail++;
    struct ordo_flight *flight = flight_at(journal, index);
    *flight = (struct ordo_flight){
        .size = (uint32_t)(b->batch - b->start) + b->header.size,
        .offset = journal->position,
        .cursor = b->cursor,
        .batch = b->header.number,
        .seq_before = b->header.first_seq - 1,
        .seq_last = tip->seq,
    };
    journal->position += flight->size;
    journal->marked = b->header.record_count == 0;
    tip->batch = b->header.number;
    ordo_stat_add(&journal->stats.records, b->header.record_count);
    ordo_stat_add(&journal->stats.batches, 1);
    ordo_stat_add(&journal->stats.bytes, flight->size);
    ordo_stat_add(&journal->stats.record_bytes, b->header.body_size);
    if (submit(journal, index)) {
        ORDO_FAILPOINT("journal.submitted");
        bool ok =
            ordo_chain_batch(&journal->chain, tip->keyed, b->batch, b->header.size, tip->chain);
        ORDO_ASSERT(ok);
    }
}

/* Takes slots from stage->next on, up to `last`, as long as they fit. At least one fits. */
static uint32_t write_batch(struct ordo_journal *journal, uint64_t last)
{
    struct ordo_builder builder;
    ordo_build_begin(journal, &builder);
    uint32_t count = ordo_build_take(journal, &builder, last);
    end_batch(journal, &builder);
    return count;
}

/* Slots before the next journaled one need no write, only their turn. */
static uint32_t pass_queries(struct ordo_journal *journal, uint64_t last)
{
    struct ordo_stage *stage = journal->stage;
    uint64_t from = stage->next;
    uint64_t next = from;
    while (next <= last && !(ordo_ring_slot(stage->ring, next)->flags & ORDO_SLOT_JOURNALED)) {
        next++;
    }
    if (next == from) {
        return 0;
    }
    if (in_flight(journal) == 0 || ORDO_CANARY(query_before_durable)) {
        ordo_stage_advance(stage, next - 1);
    } else {
        flight_at(journal, journal->flight_tail - 1)->cursor = next - 1;
        stage->next = next;
    }
    return (uint32_t)(next - from);
}

static uint32_t take(struct ordo_journal *journal)
{
    struct ordo_stage *stage = journal->stage;
    uint32_t work = 0;
    while (!ordo_journal_failed(journal)) {
        uint32_t available = ordo_stage_available(stage);
        if (available == 0) {
            break;
        }
        uint64_t last = stage->next + available - 1;
        work += pass_queries(journal, last);
        if (stage->next > last) {
            continue;
        }
        const struct ordo_slot *slot = ordo_ring_slot(stage->ring, stage->next);
        if (!may_submit(journal) ||
            !make_room(journal, ordo_record_bound(slot->command_size, slot->outcome_size))) {
            break;
        }
        work += write_batch(journal, last);
    }
    return work;
}

/* `none`, for benchmarks: the stage passes everything and nothing is written. */
static uint32_t take_without_writing(struct ordo_journal *journal)
{
    uint32_t available = ordo_stage_available(journal->stage);
    if (available == 0) {
        return 0;
    }
    uint64_t last = journal->stage->next + available - 1;
    uint64_t seq = ordo_ring_slot(journal->stage->ring, last)->seq;
    ordo_stat_add(&journal->stats.records, seq - journal->tip.seq);
    journal->tip.seq = seq;
    atomic_store_explicit(&journal->stats.durable_seq, seq, memory_order_relaxed);
    ordo_stage_advance(journal->stage, last);
    return available;
}

/* ---- the duty cycle ---- */

static uint32_t mark_when_idle(struct ordo_journal *journal)
{
    if (journal->marked || in_flight(journal) != 0 ||
        ordo_clock_monotonic_ns(&journal->clock) < ordo_journal_deadline_ns(journal)) {
        return 0;
    }
    if (journal->position + journal->tip.block > journal->segment_header.size) {
        journal->marked = true; /* exactly full: a mark is not worth a segment */
        return 0;
    }
    struct ordo_builder builder;
    ORDO_FAILPOINT("journal.before_mark");
    ordo_build_begin(journal, &builder);
    end_batch(journal, &builder);
    return 1;
}

uint32_t ordo_journal_do_work(struct ordo_journal *journal)
{
    ORDO_ASSERT(journal->stage != NULL);
    if (ordo_journal_failed(journal)) {
        return 0;
    }
    if (journal->config.durability == ORDO_DURABILITY_NONE) {
        return take_without_writing(journal);
    }
    uint32_t work = reap(journal);
    if (ordo_journal_failed(journal)) {
        return 0;
    }
    work += take(journal);
    if (work == 0) {
        work = mark_when_idle(journal);
    }
    return work;
}
