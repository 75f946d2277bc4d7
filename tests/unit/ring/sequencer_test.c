/* Claims never pass the gate by more than the capacity, whatever the order of claim, publish and
 * release.
 *
 * Method: a random walk of one producer and two gating sequences against plain counters, started at
 * cursor 0 and just before the wrap of 64 bits; single steps for the cached gate and the released
 * command bytes. */
#include "ring/sequencer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CAPACITY 64

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct ordo_sequence gates[2];
static uint64_t random_state;

static uint64_t next_random(uint64_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % bound;
}

static void start_at(uint64_t cursor)
{
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_ring_init(&ring, &arena, CAPACITY, 1024, 64, NULL), ORDO_OK);
    ordo_sequencer_init(&sequencer, &ring);
    ordo_sequence_init(&sequencer.published, cursor);
    sequencer.cached_gate = cursor;
    for (int i = 0; i < 2; i++) {
        ordo_sequence_init(&gates[i], cursor);
        ordo_barrier_add(&sequencer.gate, &gates[i]);
    }
}

static void walk(uint64_t start)
{
    uint64_t published = 0; /* counted from start: never wraps */
    uint64_t passed[2] = {0, 0};
    start_at(start);
    for (int i = 0; i < 300000; i++) {
        uint64_t least = passed[0] < passed[1] ? passed[0] : passed[1];
        if (next_random(2) == 0) {
            uint64_t first = 0;
            uint32_t wanted = (uint32_t)next_random(CAPACITY + 10);
            uint32_t claimed = ordo_sequencer_claim(&sequencer, wanted, &first);
            uint64_t room = CAPACITY - (published - least);
            uint32_t expected = room < wanted ? (uint32_t)room : wanted;
            cr_assert_eq(claimed, expected, "%u of %u claimed, room %lu", claimed, wanted, room);
            cr_assert_eq(first, start + published + 1);
            uint32_t used = claimed == 0 ? 0 : (uint32_t)next_random(claimed + 1ull);
            published += used;
            ordo_sequencer_publish(&sequencer, start + published);
        } else {
            uint64_t which = next_random(2);
            passed[which] += next_random(published - passed[which] + 1);
            ordo_sequence_set(&gates[which], start + passed[which]);
        }
        least = passed[0] < passed[1] ? passed[0] : passed[1];
        cr_assert_leq(published - least, CAPACITY);
        cr_assert_eq(ordo_sequencer_gate(&sequencer), start + least);
    }
    ordo_arena_fini(&arena);
}

Test(sequencer, never_claims_past_the_capacity)
{
    const char *text = getenv("ORDO_SEED");
    uint64_t seed = text == NULL ? (uint64_t)time(NULL) : strtoull(text, NULL, 10);
    fprintf(
        stderr,
        "seed=%llu (replay: ORDO_SEED=%llu)\n",
        (unsigned long long)seed,
        (unsigned long long)seed);
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    walk(0);
    walk(UINT64_MAX - 100000); /* crosses the wrap on its way */
    walk(UINT64_MAX);
}

Test(sequencer, reads_the_gate_only_when_the_cached_one_does_not_suffice)
{
    uint64_t first;
    start_at(0);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 10, &first), 10);
    ordo_sequencer_publish(&sequencer, 10);
    ordo_sequence_set(&gates[0], 10);
    ordo_sequence_set(&gates[1], 10);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, CAPACITY - 10, &first), CAPACITY - 10);
    cr_assert_eq(sequencer.cached_gate, 0, "the gate was read without need");
    cr_assert_eq(ordo_sequencer_claim(&sequencer, CAPACITY, &first), CAPACITY);
    cr_assert_eq(sequencer.cached_gate, 10);
    ordo_arena_fini(&arena);
}

Test(sequencer, gives_the_same_cursors_again_when_they_were_not_published)
{
    uint64_t first = 0;
    start_at(0);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 5, &first), 5);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 7, &first), 7);
    cr_assert_eq(first, 1);
    ordo_arena_fini(&arena);
}

static void publish_bytes(uint64_t cursor, uint32_t size)
{
    struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
    slot->command_at = ring.commands.head;
    slot->command_size = size;
    ordo_byte_ring_commit(&ring.commands, slot->command_at, size);
    ordo_sequencer_publish(&sequencer, cursor);
}

Test(sequencer, keeps_released_bytes_right_when_the_gates_slot_was_claimed_again)
{
    uint64_t first;
    start_at(0);
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 0);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, CAPACITY, &first), CAPACITY);
    for (uint64_t cursor = 1; cursor <= CAPACITY; cursor++) {
        publish_bytes(cursor, 8);
    }
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 0);
    ordo_sequence_set(&gates[0], 3);
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 0, "the other gate has not passed");
    ordo_sequence_set(&gates[1], 5);
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 3 * 8);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 3, &first), 3);
    for (uint64_t cursor = CAPACITY + 1; cursor <= CAPACITY + 3; cursor++) {
        publish_bytes(cursor, 8); /* the last of them lies in the slot of cursor 3 */
    }
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 3 * 8);
    cr_assert_eq(ordo_sequencer_claim(&sequencer, 1, &first), 0);
    cr_assert_eq(ordo_sequencer_command_released(&sequencer), 3 * 8);
    ordo_arena_fini(&arena);
}

Test(sequencer, publishing_what_was_not_claimed_asserts, .signal = SIGABRT)
{
    start_at(0);
    ordo_sequencer_publish(&sequencer, CAPACITY + 1);
}

Test(sequencer, publishing_backwards_asserts, .signal = SIGABRT)
{
    start_at(0);
    ordo_sequencer_publish(&sequencer, 5);
    ordo_sequencer_publish(&sequencer, 4);
}
