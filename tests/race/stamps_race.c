/* Stamps and spans with a thread for each stage and one that reads while all write: a sample's
 * times are its own command's and in the order of the stages, although a small ring wraps all the
 * time, and what the reader sees never contradicts itself.
 *
 *   produce -> apply -> journal -> reply (tells the spans), all of it read by the main thread
 */
#include "race.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

#include <pthread.h>

#define COMMANDS 200000u
#define CAPACITY 64u
#define EVERY    4u

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct ordo_stage apply;
static struct ordo_stage journal;
static struct ordo_stage reply;
static struct ordo_spans spans;
static struct ordo_meter_mark marks[ORDO_SPAN_COUNT]; /* the reader's */
static uint64_t seed;
static uint64_t samples; /* the reply thread's */

/* No clock says this. */
static uint64_t receipt_of(uint64_t cursor)
{
    return cursor * 3 + 1;
}

static void *produce(void *context)
{
    struct race_random random = race_random_of(seed);
    uint64_t next = 0;
    uint64_t published = 0;
    (void)context;
    while (published != COMMANDS) {
        uint64_t first = 0;
        uint32_t wanted = 1 + race_random(&random, CAPACITY);
        uint64_t left = COMMANDS - published;
        wanted = wanted < left ? wanted : (uint32_t)left;
        uint32_t count = ordo_sequencer_claim(&sequencer, wanted, &first);
        for (uint64_t cursor = first; cursor < first + count; cursor++) {
            struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
            slot->command_at = 0;
            slot->command_size = 0;
            if (ordo_stamps_is_due(&ring.stamps, &next, cursor)) {
                ordo_stamps_receive(&ring.stamps, cursor, receipt_of(cursor));
            }
        }
        if (count != 0) {
            published = first + count - 1;
            ordo_sequencer_publish(&sequencer, published);
        } else {
            (void)sched_yield();
        }
        race_stumble(&random);
    }
    return NULL;
}

static void *pass(void *context)
{
    struct ordo_stage *stage = context;
    struct race_random random = race_random_of(seed + (uint64_t)stage->stamp);
    while (stage->next != COMMANDS + 1) {
        uint32_t count = ordo_stage_available(stage);
        if (count == 0) {
            (void)sched_yield();
            continue;
        }
        ordo_stage_advance(stage, stage->next + race_random(&random, count));
        race_stumble(&random);
    }
    return NULL;
}

static void check(uint64_t cursor)
{
    const struct ordo_stamp_cell *cell = ordo_stamps_get(&ring.stamps, cursor);
    uint64_t now_ns = ordo_stamps_now_ns(&ring.stamps);
    ORDO_ASSERT(cell->cursor == cursor);
    ORDO_ASSERT(cell->ns[ORDO_STAMP_RECEIVE] == receipt_of(cursor));
    ORDO_ASSERT(cell->ns[ORDO_STAMP_CLAIM] <= cell->ns[ORDO_STAMP_APPLY]);
    ORDO_ASSERT(cell->ns[ORDO_STAMP_APPLY] <= cell->ns[ORDO_STAMP_DURABLE]);
    ORDO_ASSERT(cell->ns[ORDO_STAMP_DURABLE] <= now_ns);
    ordo_spans_answered(&spans, cell, now_ns);
    samples++;
}

static void *answer(void *context)
{
    struct race_random random = race_random_of(seed + 9);
    uint64_t next = 0;
    (void)context;
    while (reply.next != COMMANDS + 1) {
        uint32_t count = ordo_stage_available(&reply);
        if (count == 0) {
            (void)sched_yield();
            continue;
        }
        uint64_t last = reply.next + race_random(&random, count);
        for (uint64_t cursor = reply.next; cursor <= last; cursor++) {
            if (ordo_stamps_is_due(&ring.stamps, &next, cursor)) {
                check(cursor);
            }
        }
        ordo_stage_advance(&reply, last);
        race_stumble(&random);
    }
    return NULL;
}

static uint64_t marked(enum ordo_span span)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS; i++) {
        count += marks[span].buckets[i];
    }
    return count;
}

/* One look at every span; the counts only grow. */
static void look(uint64_t counts[ORDO_SPAN_COUNT])
{
    for (enum ordo_span span = 0; span < ORDO_SPAN_COUNT; span++) {
        struct ordo_meter_view view;
        ordo_meter_read(&spans.meters[span], &view);
        ORDO_ASSERT(view.count >= counts[span]);
        ORDO_ASSERT(view.p50 <= view.p99);
        ORDO_ASSERT(view.p99 <= view.p999);
        ORDO_ASSERT(view.p999 <= view.max);
        ORDO_ASSERT(view.count - counts[span] <= COMMANDS);
        uint64_t came = view.count - counts[span];
        counts[span] = view.count;
        ordo_meter_since(&spans.meters[span], &marks[span], &view);
        ORDO_ASSERT(view.count >= came);
        ORDO_ASSERT(view.p50 <= view.p99);
        ORDO_ASSERT(view.p999 <= view.max);
        ordo_meter_take(&spans.meters[span], &marks[span]);
        counts[span] = marked(span);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    uint64_t counts[ORDO_SPAN_COUNT] = {0};
    uint64_t looks = 0;
    seed = race_begin(argc, argv);
    ordo_arena_init(&arena);
    ORDO_ASSERT(ordo_ring_init(&ring, &arena, CAPACITY, 64, 64, NULL) == ORDO_OK);
    ORDO_ASSERT(
        ordo_stamps_init(&ring.stamps, &arena, CAPACITY, EVERY, ordo_clock_system(), NULL) ==
        ORDO_OK);
    ordo_sequencer_init(&sequencer, &ring);
    ordo_stage_init(&apply, "apply", &ring, 0);
    ordo_stage_init(&journal, "journal", &ring, 0);
    ordo_stage_init(&reply, "reply", &ring, 0);
    apply.stamp = ORDO_STAMP_APPLY;
    journal.stamp = ORDO_STAMP_DURABLE;
    ordo_barrier_add(&apply.barrier, &sequencer.published);
    ordo_barrier_add(&journal.barrier, &apply.sequence);
    ordo_barrier_add(&reply.barrier, &journal.sequence);
    ordo_barrier_add(&sequencer.gate, &reply.sequence);
    ORDO_ASSERT(pthread_create(&threads[0], NULL, produce, NULL) == 0);
    ORDO_ASSERT(pthread_create(&threads[1], NULL, pass, &apply) == 0);
    ORDO_ASSERT(pthread_create(&threads[2], NULL, pass, &journal) == 0);
    ORDO_ASSERT(pthread_create(&threads[3], NULL, answer, NULL) == 0);
    while (ordo_sequence_get(&reply.sequence) != COMMANDS) {
        look(counts);
        looks++;
        (void)sched_yield();
    }
    for (int i = 0; i < 4; i++) {
        ORDO_ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    look(counts);
    ORDO_ASSERT(samples + 1 >= COMMANDS / EVERY);
    ORDO_ASSERT(counts[ORDO_SPAN_TOTAL] == samples);
    ORDO_ASSERT(counts[ORDO_SPAN_CLAIM] == samples);
    ordo_arena_fini(&arena);
    printf("samples=%llu looks=%llu\n", (unsigned long long)samples, (unsigned long long)looks);
    return 0;
}
