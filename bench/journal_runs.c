/* What is measured is the journal and not its producer: commands, outcomes and slots were put into
 * the rings once, two laps of the same records, and a push only gives each slot its sequences and
 * its time. */
#include "bench/journal_runs.h"

#include "bench/folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define LIVE         4096u
#define STUCK_NS     (30 * ORDO_NS_PER_S)
#define SLACK_NS     1ul /* of timers; the standard, 50 us, is half a write and flush */
#define PARK_FROM_NS (20 * ORDO_NS_PER_US) /* a sleep shorter than this ends too late */

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
        *ordo_ring_slot(&feed->ring, 1 + i) = (struct ordo_slot){
            .command_at = keep(&feed->ring.commands, command.data, command.size),
            .command_size = command.size,
            .outcome_at = keep(&feed->ring.outcomes, load->outcome, size),
            .outcome_size = size,
            .flags = ORDO_SLOT_JOURNALED,
            .update_count = (uint8_t)applied.update_count,
        };
        *ordo_ring_slot(&feed->ring, 1 + i + ORDO_JOURNAL_RUN_RECORDS) =
            *ordo_ring_slot(&feed->ring, 1 + i);
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
    if (err == ORDO_OK) {
        ordo_waker_init(&feed->waker);
        ordo_journal_bind_waker(feed->journal, &feed->waker);
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
    ordo_bench_folder_remove(feed->dir);
}

static uint32_t push(struct ordo_feed *feed, uint32_t count_max)
{
    uint64_t cursor;
    uint32_t count = ordo_sequencer_claim(&feed->sequencer, count_max, &cursor);
    if (count == 0) {
        return 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct ordo_slot *slot = ordo_ring_slot(&feed->ring, cursor + i);
        slot->seq = ++feed->seq;
        slot->time_us = feed->load.time_us + feed->seq;
        slot->update_seq = feed->update_seq += slot->update_count;
    }
    ordo_sequencer_publish(&feed->sequencer, cursor + count - 1);
    return count;
}

/* Asleep as a parked journal's thread is, until a completion or for so long. */
static void park(struct ordo_feed *feed, uint64_t timeout_ns)
{
    ordo_waker_announce(&feed->waker);
    if (ordo_journal_do_work(feed->journal) != 0 || ordo_journal_is_drained(feed->journal)) {
        ordo_waker_cancel(&feed->waker);
        return;
    }
    ordo_waker_sleep(&feed->waker, timeout_ns);
}

static enum ordo_err drain(struct ordo_feed *feed, bool parked, struct ordo_fail *fail)
{
    uint64_t limit_ns = ordo_bench_now_ns() + STUCK_NS;
    while (!ordo_journal_is_drained(feed->journal)) {
        uint32_t work = ordo_journal_do_work(feed->journal);
        if (work == 0 && parked && !ordo_journal_is_drained(feed->journal)) {
            park(feed, STUCK_NS);
        }
        if (ordo_bench_now_ns() > limit_ns) {
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
    uint64_t begin_ns = ordo_bench_now_ns();
    while (ordo_bench_now_ns() - begin_ns < limit_ns && !ordo_journal_failed(feed->journal)) {
        (void)push(feed, ORDO_JOURNAL_RUN_RECORDS);
        (void)ordo_journal_do_work(feed->journal);
    }
    enum ordo_err err = drain(feed, false, fail);
    *spent_ns = ordo_bench_now_ns() - begin_ns;
    return err;
}

enum ordo_err ordo_feed_one(struct ordo_feed *feed, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = ordo_bench_now_ns();
    (void)push(feed, 1);
    enum ordo_err err = drain(feed, true, fail);
    *spent_ns = ordo_bench_now_ns() - begin_ns;
    return err;
}

/* What became durable since the last look: the latency of each record runs from its intended time,
 * however late it was pushed. */
static void note_durable(
    const struct ordo_feed *feed,
    const struct ordo_schedule *schedule,
    uint64_t before,
    uint64_t *noted,
    struct ordo_histogram *latency)
{
    uint64_t durable = ordo_sequence_get(&feed->stage.sequence) - before;
    uint64_t now_ns = ordo_bench_now_ns();
    for (; *noted < durable; ++*noted) {
        ordo_histogram_record(latency, now_ns - ordo_schedule_due_ns(schedule, *noted));
    }
}

enum ordo_err ordo_feed_offered(
    struct ordo_feed *feed,
    uint64_t rate,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_fail *fail)
{
    uint64_t before = ordo_sequence_get(&feed->stage.sequence);
    const struct ordo_schedule schedule = {ordo_bench_now_ns(), rate};
    uint64_t count = ordo_schedule_due(&schedule, schedule.begin_ns + limit_ns);
    uint64_t pushed = 0;
    uint64_t noted = 0;
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    while (noted < count && !ordo_journal_failed(feed->journal)) {
        uint64_t now_ns = ordo_bench_now_ns();
        uint64_t due = ordo_schedule_due(&schedule, now_ns);
        due = due < count ? due : count;
        uint32_t work = due == pushed ? 0 : push(feed, (uint32_t)(due - pushed));
        pushed += work;
        work += ordo_journal_do_work(feed->journal);
        note_durable(feed, &schedule, before, &noted, latency);
        uint64_t next_ns =
            pushed == count ? now_ns + STUCK_NS : ordo_schedule_due_ns(&schedule, pushed);
        if (work == 0 && next_ns > now_ns + PARK_FROM_NS) {
            park(feed, next_ns - now_ns);
        }
    }
    return drain(feed, true, fail);
}
