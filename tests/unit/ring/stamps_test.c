/* Stamps of sampled commands: in the order of the stages, each of its own command however often the
 * ring wraps, and a stall shows between the two stages where it was and nowhere else. A fake clock;
 * stages that only pass.
 */
#include "ring/sequencer.h"
#include "ring/stage.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY 64u
#define STEP_NS  1000u
#define STALL_NS 100000000u

static uint64_t now_ns;

static uint64_t fake_ns(void *context)
{
    (void)context;
    return now_ns;
}

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct ordo_stage apply;
static struct ordo_stage journal;
static struct ordo_stage reply;
static struct ordo_spans spans;
static uint64_t seed = 88172645463325252ull;

static uint32_t draw(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % bound;
}

static void start(uint64_t every)
{
    struct ordo_fail fail;
    const struct ordo_clock clock = {.monotonic_ns = fake_ns};
    now_ns = 1;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_ring_init(&ring, &arena, CAPACITY, 64, 64, NULL), ORDO_OK);
    cr_assert_eq(
        ordo_stamps_init(&ring.stamps, &arena, CAPACITY, every, clock, &fail),
        ORDO_OK,
        "%s",
        fail.text);
    ordo_sequencer_init(&sequencer, &ring);
    ordo_stage_init(&apply, "apply", &ring, 0);
    ordo_stage_init(&journal, "journal", &ring, 0);
    ordo_stage_init(&reply, "reply", &ring, 0);
    ordo_barrier_add(&apply.barrier, &sequencer.published);
    ordo_barrier_add(&journal.barrier, &apply.sequence);
    ordo_barrier_add(&reply.barrier, &journal.sequence);
    ordo_barrier_add(&sequencer.gate, &reply.sequence);
    apply.stamp = ORDO_STAMP_APPLY;
    journal.stamp = ORDO_STAMP_DURABLE;
    memset(&spans, 0, sizeof(spans));
}

/* Up to count slots, received at this time. */
static uint32_t publish(uint32_t count, uint64_t received_ns)
{
    static uint64_t next;
    uint64_t first;
    count = ordo_sequencer_claim(&sequencer, count, &first);
    next = first == 1 ? 0 : next;
    for (uint64_t cursor = first; cursor < first + count; cursor++) {
        if (ordo_stamps_is_due(&ring.stamps, &next, cursor)) {
            ordo_stamps_receive(&ring.stamps, cursor, received_ns);
        }
    }
    ordo_sequencer_publish(&sequencer, first + count - 1);
    return count;
}

static void pass(struct ordo_stage *stage, uint32_t count_max)
{
    uint32_t count = ordo_stage_available(stage);
    count = count < count_max ? count : count_max;
    if (count != 0) {
        ordo_stage_advance(stage, stage->next + count - 1);
    }
}

/* The reply stage: tells every sample, and counts them. */
static uint64_t answer(uint32_t count_max, uint64_t *next)
{
    uint64_t samples = 0;
    uint32_t count = ordo_stage_available(&reply);
    count = count < count_max ? count : count_max;
    for (uint64_t cursor = reply.next; cursor < reply.next + count; cursor++) {
        if (ordo_stamps_is_due(&ring.stamps, next, cursor)) {
            const struct ordo_stamp_cell *cell = ordo_stamps_get(&ring.stamps, cursor);
            cr_assert_eq(cell->cursor, cursor);
            ordo_spans_answered(&spans, cell, now_ns);
            samples++;
        }
    }
    if (count != 0) {
        ordo_stage_advance(&reply, reply.next + count - 1);
    }
    return samples;
}

static struct ordo_meter_view span(enum ordo_span which)
{
    struct ordo_meter_view view;
    ordo_meter_read(&spans.meters[which], &view);
    return view;
}

Test(stamps, one_cursor_of_each_block_is_sampled_and_none_when_off)
{
    for (uint64_t every = 1; every <= CAPACITY; every *= 2) {
        start(every);
        uint64_t before = 0;
        for (uint64_t block = 1; block <= 1000; block++) {
            uint64_t sample = ordo_stamps_next(&ring.stamps, block * every - 1);
            cr_assert_eq(sample / every, block);
            cr_assert(block == 1 || ordo_stamps_next(&ring.stamps, before) == sample);
            before = sample;
        }
        ordo_arena_fini(&arena);
    }
    start(0);
    cr_assert_gt(ordo_stamps_next(&ring.stamps, 5), 1ull << 60);
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t next = 0;
        (void)publish(1 + draw(CAPACITY), now_ns);
        pass(&apply, CAPACITY);
        pass(&journal, CAPACITY);
        cr_assert_eq(answer(CAPACITY, &next), 0);
    }
    ordo_arena_fini(&arena);
}

Test(stamps, a_rhythm_of_the_commands_is_not_always_met_at_the_same_beat)
{
    uint32_t beats[4] = {0};
    start(64);
    uint64_t cursor = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        cursor = ordo_stamps_next(&ring.stamps, cursor);
        beats[cursor % 4]++;
    }
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert(beats[i] > 800 && beats[i] < 1200, "beat %u: %u of 4000", i, beats[i]);
    }
    ordo_arena_fini(&arena);
}

/* Stages of random strides, thousands of laps: the times of a sample must be those at which its own
 * cursor passed, which the test keeps for itself. */
Test(stamps, each_sample_has_its_own_times_in_order_however_often_the_ring_wraps)
{
    static uint64_t passed[CAPACITY * 4][ORDO_STAMP_COUNT];
    for (uint64_t every = 1; every <= CAPACITY; every *= 4) {
        uint64_t next = 0;
        uint64_t samples = 0;
        start(every);
        for (uint32_t round = 0; round < 20000; round++) {
            uint64_t done[ORDO_STAMP_COUNT] = {
                ordo_sequence_own(&sequencer.published),
                ordo_sequence_own(&sequencer.published),
                ordo_sequence_own(&apply.sequence),
                ordo_sequence_own(&journal.sequence)};
            uint64_t received_ns = now_ns;
            now_ns += 1 + draw(100);
            (void)publish(1 + draw(CAPACITY), received_ns);
            pass(&apply, draw(CAPACITY + 1));
            pass(&journal, draw(CAPACITY + 1));
            const uint64_t ends[ORDO_STAMP_COUNT] = {
                ordo_sequence_own(&sequencer.published),
                ordo_sequence_own(&sequencer.published),
                ordo_sequence_own(&apply.sequence),
                ordo_sequence_own(&journal.sequence)};
            for (uint32_t stamp = 0; stamp < ORDO_STAMP_COUNT; stamp++) {
                while (done[stamp] < ends[stamp]) {
                    passed[++done[stamp] % (CAPACITY * 4)][stamp] =
                        stamp == ORDO_STAMP_RECEIVE ? received_ns : now_ns;
                }
            }
            uint64_t last = reply.next + draw(CAPACITY + 1);
            last = last - 1 < ends[ORDO_STAMP_DURABLE] ? last - 1 : ends[ORDO_STAMP_DURABLE];
            for (uint64_t cursor = reply.next; cursor <= last; cursor++) {
                if (!ordo_stamps_is_due(&ring.stamps, &next, cursor)) {
                    continue;
                }
                const struct ordo_stamp_cell *cell = ordo_stamps_get(&ring.stamps, cursor);
                samples++;
                for (uint32_t stamp = 0; stamp < ORDO_STAMP_COUNT; stamp++) {
                    cr_assert_eq(cell->ns[stamp], passed[cursor % (CAPACITY * 4)][stamp]);
                    cr_assert(stamp == 0 || cell->ns[stamp - 1] <= cell->ns[stamp]);
                }
            }
            if (last >= reply.next) {
                ordo_stage_advance(&reply, last);
            }
        }
        uint64_t answered = ordo_sequence_own(&reply.sequence);
        cr_assert(answered > 1000 * CAPACITY);
        cr_assert(samples + 1 >= answered / every && samples <= answered / every + 1);
        ordo_arena_fini(&arena);
    }
}

/* One round: each step takes STEP_NS, the stalled one STALL_NS. */
static void run_round(enum ordo_span stalled, uint64_t *next)
{
    const uint64_t received_ns = now_ns;
    now_ns += stalled == ORDO_SPAN_CLAIM ? STALL_NS : STEP_NS;
    (void)publish(CAPACITY, received_ns);
    now_ns += stalled == ORDO_SPAN_APPLY ? STALL_NS : STEP_NS;
    pass(&apply, CAPACITY);
    now_ns += stalled == ORDO_SPAN_DURABLE ? STALL_NS : STEP_NS;
    pass(&journal, CAPACITY);
    uint64_t sample = ordo_stamps_next(&ring.stamps, reply.next - 1);
    uint64_t durable_ns = ordo_stamps_get(&ring.stamps, sample)->ns[ORDO_STAMP_DURABLE];
    now_ns += stalled == ORDO_SPAN_REPLY ? STALL_NS : STEP_NS;
    cr_assert_gt(answer(CAPACITY, next), 0);
    ordo_spans_published(
        &spans, durable_ns, durable_ns + (stalled == ORDO_SPAN_PUBLISH ? STALL_NS : STEP_NS));
}

Test(stamps, a_stall_between_two_stages_is_in_that_span_and_in_no_other)
{
    for (enum ordo_span stalled = 0; stalled < ORDO_SPAN_COUNT; stalled++) {
        uint64_t next = 0;
        start(16);
        for (int i = 0; i < 10; i++) {
            run_round(ORDO_SPAN_COUNT, &next);
        }
        run_round(stalled, &next);
        for (enum ordo_span which = 0; which < ORDO_SPAN_COUNT; which++) {
            bool hit =
                which == stalled || (which == ORDO_SPAN_TOTAL && stalled != ORDO_SPAN_PUBLISH);
            hit = hit && stalled != ORDO_SPAN_TOTAL;
            uint64_t usual = which == ORDO_SPAN_TOTAL ? 4 * STEP_NS : STEP_NS;
            uint64_t most = hit ? STALL_NS + usual - STEP_NS : usual;
            cr_assert_eq(
                span(which).max,
                most,
                "%s stalled, %s: %lu",
                ordo_span_name(stalled),
                ordo_span_name(which),
                span(which).max);
            cr_assert_eq(span(which).count, which == ORDO_SPAN_PUBLISH ? 11 : 43);
        }
        ordo_arena_fini(&arena);
    }
}

Test(stamps, without_a_time_of_receipt_it_is_that_of_the_claim)
{
    start(1);
    uint64_t first;
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 3, &first), 3);
    now_ns = 777;
    ordo_sequencer_publish(&sequencer, 3);
    for (uint64_t cursor = 1; cursor <= 3; cursor++) {
        const struct ordo_stamp_cell *cell = ordo_stamps_get(&ring.stamps, cursor);
        cr_assert_eq(cell->ns[ORDO_STAMP_RECEIVE], 777);
        cr_assert_eq(cell->ns[ORDO_STAMP_CLAIM], 777);
    }
    ordo_arena_fini(&arena);
}

Test(stamps, a_cell_of_another_command_stops_the_process, .signal = SIGABRT)
{
    start(1);
    (void)publish(4, now_ns);
    (void)ordo_stamps_get(&ring.stamps, 1 + 2 * CAPACITY); /* the same cell, two laps on */
}

Test(stamps, a_share_that_does_not_fit_the_ring_is_refused_by_name)
{
    const struct ordo_clock clock = {.monotonic_ns = fake_ns};
    const uint64_t wrong[] = {3, 96, CAPACITY * 2, 1u << 20};
    struct ordo_stamps stamps;
    struct ordo_fail fail;
    ordo_arena_init(&arena);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char number[24];
        (void)snprintf(number, sizeof(number), "in %lu ", wrong[i]);
        cr_assert_eq(
            ordo_stamps_init(&stamps, &arena, CAPACITY, wrong[i], clock, &fail), ORDO_ERR_CONFIG);
        cr_assert_not_null(strstr(fail.text, number), "%s", fail.text);
    }
    ordo_arena_fini(&arena);
}
