/* The whole graph with small rings: one producer, three chained stages, two leaves side by side.
 *
 *   produce -> apply -> journal -> mirror -> { reply, publish } -> (gate) produce
 *
 * Six runners on their own threads, parking or yielding by the seed. apply writes outcome bytes
 * into the second ring and a mark, and releases them by the gate as the engine's apply does;
 * journal finishes later than it reads; each stage checks every byte of each slot. At the end each
 * has seen exactly what was produced. */
#include "race.h"
#include "ring/runner.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

#include <string.h>

#define COMMANDS    300000u
#define CAPACITY    64u
#define RING_BYTES  1024u /* about as full as the slots: either may be the limit */
#define COMMAND_MAX 40u
#define OUTCOME_MAX 40u
#define STAGES      5

struct worker {
    struct ordo_stage stage;
    struct ordo_runner runner;
    struct race_random random;
    uint64_t sum; /* of all bytes seen */
    uint64_t seen;
};

enum { APPLY, JOURNAL, MIRROR, REPLY, PUBLISH };

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct worker workers[STAGES];
static struct ordo_runner producer;
static struct race_random producer_random;
static uint64_t produced;

static uint64_t checksum(struct ordo_bytes bytes)
{
    uint64_t sum = bytes.size;
    for (uint32_t i = 0; i < bytes.size; i++) {
        sum = sum * 31 + bytes.data[i];
    }
    return sum;
}

static bool produce_one(void)
{
    uint64_t cursor = 0;
    uint64_t position = 0;
    uint32_t size = race_random(&producer_random, COMMAND_MAX + 1);
    if (produced == COMMANDS || ordo_sequencer_claim(&sequencer, 1, &cursor) == 0) {
        return false;
    }
    uint8_t *bytes = ordo_byte_ring_reserve(
        &ring.commands, ordo_sequencer_command_released(&sequencer), COMMAND_MAX, &position);
    if (bytes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)race_random(&producer_random, 256);
    }
    ordo_byte_ring_commit(&ring.commands, position, size);
    struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
    slot->command_at = position;
    slot->command_size = size;
    slot->time_us = cursor;
    slot->kind = (uint8_t)cursor;
    slot->token = checksum((struct ordo_bytes){bytes, size});
    ordo_sequencer_publish(&sequencer, cursor);
    produced++;
    return true;
}

static uint32_t produce(void *self)
{
    uint32_t count = 0;
    uint32_t wanted = 1 + race_random(&producer_random, 8);
    (void)self;
    while (count < wanted && produce_one()) {
        count++;
    }
    race_stumble(&producer_random);
    return count;
}

static bool is_all_produced(void *self)
{
    (void)self;
    return produced == COMMANDS;
}

static void check_command(struct worker *w, const struct ordo_slot *slot, uint64_t cursor)
{
    uint64_t sum = checksum(ordo_ring_command(&ring, slot));
    ORDO_ASSERT(slot->time_us == cursor);
    ORDO_ASSERT(slot->kind == (uint8_t)cursor);
    ORDO_ASSERT(slot->token == sum);
    w->sum += sum;
    w->seen++;
}

static void check_outcome(const struct ordo_slot *slot, uint64_t cursor)
{
    ORDO_ASSERT(slot->seq == cursor);
    ORDO_ASSERT(slot->update_seq == checksum(ordo_ring_outcome(&ring, slot)));
    ORDO_ASSERT(memcmp(ordo_ring_mark(&ring, cursor), &slot->update_seq, sizeof(uint64_t)) == 0);
}

/* The end of the outcome bytes that every leaf has passed. */
static uint64_t outcome_released(void)
{
    uint64_t gate = ordo_sequencer_gate(&sequencer);
    const struct ordo_slot *slot = ordo_ring_slot(&ring, gate);
    return gate == 0 ? 0 : slot->outcome_at + slot->outcome_size;
}

static uint32_t apply(void *self)
{
    struct worker *w = self;
    uint32_t count = ordo_stage_available(&w->stage);
    uint32_t done = 0;
    for (; done < count; done++) {
        uint64_t cursor = w->stage.next + done;
        uint64_t position = 0;
        uint8_t *bytes =
            ordo_byte_ring_reserve(&ring.outcomes, outcome_released(), OUTCOME_MAX, &position);
        if (bytes == NULL) {
            break;
        }
        struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        check_command(w, slot, cursor);
        uint32_t size = race_random(&w->random, OUTCOME_MAX + 1);
        memset(bytes, (int)(cursor & 0xff), size);
        ordo_byte_ring_commit(&ring.outcomes, position, size);
        slot->seq = cursor;
        slot->outcome_at = position;
        slot->outcome_size = size;
        slot->update_seq = checksum((struct ordo_bytes){bytes, size});
        memcpy(ordo_ring_mark(&ring, cursor), &slot->update_seq, sizeof(uint64_t));
    }
    if (done != 0) {
        ordo_stage_advance(&w->stage, w->stage.next + done - 1);
    }
    race_stumble(&w->random);
    return done;
}

/* Reads now, finishes one cycle later, as a stage with writes in flight does. */
static uint32_t journal(void *self)
{
    struct worker *w = self;
    uint64_t read = w->stage.next - 1;
    uint32_t finished = 0;
    if (read != ordo_sequence_own(&w->stage.sequence)) {
        ordo_stage_advance(&w->stage, read);
        finished = 1;
    }
    uint32_t count = ordo_stage_available(&w->stage);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cursor = w->stage.next + i;
        const struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        check_command(w, slot, cursor);
        check_outcome(slot, cursor);
    }
    w->stage.next += count;
    race_stumble(&w->random);
    return count + finished;
}

static uint32_t read_on(void *self)
{
    struct worker *w = self;
    uint32_t count = ordo_stage_available(&w->stage);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cursor = w->stage.next + i;
        const struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
        check_command(w, slot, cursor);
        check_outcome(slot, cursor);
        race_stumble(&w->random);
    }
    if (count != 0) {
        ordo_stage_advance(&w->stage, w->stage.next + count - 1);
    }
    return count;
}

static bool is_done(void *self)
{
    struct worker *w = self;
    return ordo_sequence_own(&w->stage.sequence) == COMMANDS;
}

static void build(uint64_t seed)
{
    static const char *const names[STAGES] = {"apply", "journal", "mirror", "reply", "publish"};
    uint32_t (*const work[STAGES])(void *) = {apply, journal, read_on, read_on, read_on};
    struct race_random r = race_random_of(seed);

    ordo_sequencer_init(&sequencer, &ring);
    producer_random = race_random_of(seed + 100);
    produced = 0;
    enum ordo_wait_strategy strategy = race_random(&r, 3) == 0 ? ORDO_WAIT_YIELD : ORDO_WAIT_PARK;
    ordo_runner_init(&producer, "produce", strategy, ORDO_CPU_ANY);
    ordo_runner_add(
        &producer, (struct ordo_agent){.do_work = produce, .is_drained = is_all_produced});
    for (int i = 0; i < STAGES; i++) {
        struct worker *w = &workers[i];
        w->random = race_random_of(seed + 1 + (uint64_t)i);
        w->sum = 0;
        w->seen = 0;
        ordo_stage_init(&w->stage, names[i], &ring, 1 + race_random(&r, CAPACITY));
        strategy = race_random(&r, 3) == 0 ? ORDO_WAIT_YIELD : ORDO_WAIT_PARK;
        ordo_runner_init(&w->runner, names[i], strategy, ORDO_CPU_ANY);
        ordo_runner_add(
            &w->runner, (struct ordo_agent){.self = w, .do_work = work[i], .is_drained = is_done});
    }
    ordo_barrier_add(&workers[APPLY].stage.barrier, &sequencer.published);
    ordo_barrier_add(&workers[JOURNAL].stage.barrier, &workers[APPLY].stage.sequence);
    ordo_barrier_add(&workers[MIRROR].stage.barrier, &workers[JOURNAL].stage.sequence);
    ordo_barrier_add(&workers[REPLY].stage.barrier, &workers[MIRROR].stage.sequence);
    ordo_barrier_add(&workers[PUBLISH].stage.barrier, &workers[MIRROR].stage.sequence);
    ordo_barrier_add(&sequencer.gate, &workers[REPLY].stage.sequence);
    ordo_barrier_add(&sequencer.gate, &workers[PUBLISH].stage.sequence);

    ordo_runner_add_peer(&producer, &workers[APPLY].runner.waker);
    ordo_runner_add_peer(&workers[APPLY].runner, &workers[JOURNAL].runner.waker);
    ordo_runner_add_peer(&workers[JOURNAL].runner, &workers[MIRROR].runner.waker);
    ordo_runner_add_peer(&workers[MIRROR].runner, &workers[REPLY].runner.waker);
    ordo_runner_add_peer(&workers[MIRROR].runner, &workers[PUBLISH].runner.waker);
    for (int i = REPLY; i <= PUBLISH; i++) {
        ordo_runner_add_peer(&workers[i].runner, &producer.waker);
        ordo_runner_add_peer(&workers[i].runner, &workers[APPLY].runner.waker); /* outcome room */
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = race_begin(argc, argv);

    ordo_arena_init(&arena);
    ORDO_ASSERT(ordo_ring_init(&ring, &arena, CAPACITY, RING_BYTES, RING_BYTES, NULL) == ORDO_OK);
    build(seed);
    for (int i = 0; i < STAGES; i++) {
        ORDO_ASSERT(ordo_runner_start(&workers[i].runner) == ORDO_OK);
    }
    ORDO_ASSERT(ordo_runner_start(&producer) == ORDO_OK);
    ordo_runner_stop(&producer); /* drains: everything is produced, then everything is read */
    ordo_runner_join(&producer);
    for (int i = 0; i < STAGES; i++) {
        ordo_runner_stop(&workers[i].runner);
    }
    for (int i = 0; i < STAGES; i++) {
        ordo_runner_join(&workers[i].runner);
        ORDO_ASSERT(workers[i].seen == COMMANDS);
        ORDO_ASSERT(workers[i].sum == workers[APPLY].sum);
        printf(
            "%-8s %s, %llu sleeps\n",
            workers[i].runner.name,
            ordo_wait_name(workers[i].runner.strategy),
            (unsigned long long)workers[i].runner.waker.sleeps);
    }
    printf("%u commands through %d stages\n", COMMANDS, STAGES);
    ordo_arena_fini(&arena);
    return 0;
}
