/* R16: very many sequences through a small ring, for ThreadSanitizer and for the native build.
 *
 *   produce -> journal (finishes later than it reads) -> { reply, publish } -> gate -> produce
 *
 * Four runners that park, batches of random sizes, random pauses between them. Every stage sees
 * every cursor once, in order, with what the producer and the stage before it wrote: plain fields,
 * so a hand-over without order is a data race. ORDO_R16_SEQUENCES sets how many. */
#include "base/clock.h"
#include "race.h"
#include "ring/runner.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

#include <inttypes.h>
#include <ordo_version.h>
#include <string.h>

#define BYTES  64u
#define STAGES 3

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif
#ifdef UNDER_TSAN
#define SEQUENCES 50000000u
#define PART      "stress_tsan"
#else
#define SEQUENCES 5000000u
#define PART      "stress"
#endif

/* Rings of these sizes after each other: small ones are full and empty all the time, the large one
 * makes the number. */
static const struct {
    uint32_t capacity;
    uint32_t share; /* of the sequences, in percent */
} rings[] = {{64, 2}, {256, 8}, {4096, 90}};

#define RINGS (sizeof(rings) / sizeof(rings[0]))

enum { JOURNAL, REPLY, PUBLISH };

struct worker {
    struct ordo_stage stage;
    struct ordo_runner runner;
    struct race_random random;
    uint64_t sum;
};

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct worker workers[STAGES];
static struct ordo_runner producer;
static struct race_random producer_random;
static uint64_t wanted;
static uint64_t lag_max; /* producer only: slots in use at a publish */
static uint64_t sleeps;

static uint64_t mix(uint64_t cursor)
{
    return cursor * 0x9e3779b97f4a7c15u;
}

static uint32_t produce(void *self)
{
    uint64_t first = 0;
    uint64_t published = ordo_sequence_own(&sequencer.published);
    uint64_t left = wanted - published;
    uint32_t most = 1 + race_random(&producer_random, (uint32_t)ring.capacity);
    (void)self;
    if (left == 0) {
        return 0;
    }
    uint32_t asked = left < most ? (uint32_t)left : most;
    uint32_t count = ordo_sequencer_claim(&sequencer, asked, &first);
    for (uint64_t cursor = first; cursor < first + count; cursor++) {
        struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        slot->token = mix(cursor);
        slot->command_at = 0;
        slot->command_size = 0;
    }
    if (count != 0) {
        ordo_sequencer_publish(&sequencer, first + count - 1);
        uint64_t lag = first + count - 1 - ordo_sequencer_gate(&sequencer);
        lag_max = lag > lag_max ? lag : lag_max;
    }
    race_stumble(&producer_random);
    return count;
}

static bool is_all_produced(void *self)
{
    (void)self;
    return ordo_sequence_own(&sequencer.published) == wanted;
}

/* Reads now, finishes a cycle later, and leaves a mark for those behind it. */
static uint32_t journal(void *self)
{
    struct worker *w = self;
    uint64_t read = w->stage.next - 1;
    uint32_t work = 0;
    if (read != ordo_sequence_own(&w->stage.sequence)) {
        ordo_stage_advance(&w->stage, read);
        work = 1;
    }
    uint32_t count = ordo_stage_available(&w->stage);
    for (uint64_t cursor = w->stage.next; cursor < w->stage.next + count; cursor++) {
        struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        ORDO_ASSERT(slot->token == mix(cursor));
        slot->seq = cursor;
        w->sum += slot->token;
    }
    w->stage.next += count;
    race_stumble(&w->random);
    return work + count;
}

static uint32_t leaf(void *self)
{
    struct worker *w = self;
    uint32_t count = ordo_stage_available(&w->stage);
    for (uint64_t cursor = w->stage.next; cursor < w->stage.next + count; cursor++) {
        const struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        ORDO_ASSERT(slot->seq == cursor);
        ORDO_ASSERT(slot->token == mix(cursor));
        w->sum += slot->token;
    }
    if (count != 0) {
        ordo_stage_advance(&w->stage, w->stage.next + count - 1);
    }
    race_stumble(&w->random);
    return count;
}

static bool is_done(void *self)
{
    struct worker *w = self;
    return ordo_sequence_own(&w->stage.sequence) == wanted;
}

static void build(uint64_t seed)
{
    static const char *const names[STAGES] = {"journal", "reply", "publish"};
    ordo_sequencer_init(&sequencer, &ring);
    producer_random = race_random_of(seed + 100);
    ordo_runner_init(&producer, "produce", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(
        &producer, (struct ordo_agent){.do_work = produce, .is_drained = is_all_produced});
    for (int i = 0; i < STAGES; i++) {
        struct worker *w = &workers[i];
        w->random = race_random_of(seed + 1 + (uint64_t)i);
        ordo_stage_init(&w->stage, names[i], &ring, 0);
        ordo_runner_init(&w->runner, names[i], ORDO_WAIT_PARK, ORDO_CPU_ANY);
        ordo_runner_add(
            &w->runner,
            (struct ordo_agent){
                .self = w, .do_work = i == JOURNAL ? journal : leaf, .is_drained = is_done});
    }
    ordo_barrier_add(&workers[JOURNAL].stage.barrier, &sequencer.published);
    ordo_runner_add_peer(&producer, &workers[JOURNAL].runner.waker);
    for (int i = REPLY; i <= PUBLISH; i++) {
        ordo_barrier_add(&workers[i].stage.barrier, &workers[JOURNAL].stage.sequence);
        ordo_barrier_add(&sequencer.gate, &workers[i].stage.sequence);
        ordo_runner_add_peer(&workers[JOURNAL].runner, &workers[i].runner.waker);
        ordo_runner_add_peer(&workers[i].runner, &producer.waker);
    }
}

/* All of `wanted` through a ring of this capacity. */
static void run(uint32_t capacity, uint64_t seed)
{
    memset(&workers, 0, sizeof(workers));
    ordo_arena_init(&arena);
    ORDO_ASSERT(ordo_ring_init(&ring, &arena, capacity, BYTES, BYTES, NULL) == ORDO_OK);
    build(seed);
    for (int i = 0; i < STAGES; i++) {
        ORDO_ASSERT(ordo_runner_start(&workers[i].runner) == ORDO_OK);
    }
    ORDO_ASSERT(ordo_runner_start(&producer) == ORDO_OK);
    ordo_runner_stop(&producer);
    ordo_runner_join(&producer);
    for (int i = 0; i < STAGES; i++) {
        ordo_runner_stop(&workers[i].runner);
    }
    for (int i = 0; i < STAGES; i++) {
        ordo_runner_join(&workers[i].runner);
        ORDO_ASSERT(workers[i].sum == workers[JOURNAL].sum);
        sleeps += workers[i].runner.waker.sleeps;
    }
    ORDO_ASSERT(ordo_sequence_get(&workers[REPLY].stage.sequence) == wanted);
    ORDO_ASSERT(ordo_sequence_get(&workers[PUBLISH].stage.sequence) == wanted);
    ORDO_ASSERT(lag_max <= capacity);
    ordo_arena_fini(&arena);
}

int main(int argc, char **argv)
{
    uint64_t seed = race_begin(argc, argv);
    struct ordo_clock clock = ordo_clock_system();
    uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
    const char *text = getenv("ORDO_R16_SEQUENCES");
    uint64_t total = text != NULL && text[0] != 0 ? strtoull(text, NULL, 10) : SEQUENCES;
    uint64_t done = 0;
    (void)alarm((unsigned)(RACE_SECONDS_MAX + total / 200000));
    for (uint32_t i = 0; i < RINGS; i++) {
        wanted = total / 100 * rings[i].share;
        run(rings[i].capacity, seed + i);
        done += wanted;
        printf("%u slots: %" PRIu64 " sequences\n", rings[i].capacity, wanted);
        (void)fflush(stdout);
    }
    printf(
        "RELIABILITY R16 ok part=" PART " cases=%" PRIu64 " fails=0 sequences=%" PRIu64
        " lag_max=%" PRIu64 " sleeps=%" PRIu64 " seed=%" PRIu64 " commit=%s wall=%.0fs\n",
        done,
        done,
        lag_max,
        sleeps,
        seed,
        ORDO_COMMIT,
        (double)(ordo_clock_monotonic_ns(&clock) - begin_ns) / 1e9);
    return 0;
}
