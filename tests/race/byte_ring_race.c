/* Bytes handed from one thread to another through a byte ring that is nearly always full.
 *
 * The producer reserves the worst case, writes and takes less, and reserves only what the sequencer
 * says is released. The consumer checks every byte. A position that is reused too early shows as a
 * wrong byte, and as a data race under ThreadSanitizer. */
#include "base/thread.h"
#include "race.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

#define COMMANDS     1000000u
#define RING_BYTES   512u
#define COMMAND_MAX  (RING_BYTES / 2)
#define BATCH_MAX    7u
#define RESERVE_FULL 3u /* one command in so many is of the largest size */

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_sequencer sequencer;
static struct ordo_stage stage;
static uint64_t consumed_bytes;
static uint64_t produced_bytes;

static uint8_t pattern(uint64_t cursor, uint32_t i)
{
    return (uint8_t)(cursor * 131 + i * 17);
}

static void consume(void *context)
{
    struct race_random r = race_random_of((uint64_t)(uintptr_t)context + 1);
    while (stage.next <= COMMANDS) {
        uint32_t count = ordo_stage_available(&stage);
        uint64_t last = stage.next + count - 1;
        for (uint64_t cursor = stage.next; cursor <= last && count != 0; cursor++) {
            const struct ordo_slot *slot = ordo_ring_slot(&ring, cursor);
            struct ordo_bytes command = ordo_ring_command(&ring, slot);
            ORDO_ASSERT(slot->token == cursor);
            for (uint32_t i = 0; i < command.size; i++) {
                ORDO_ASSERT(command.data[i] == pattern(cursor, i));
            }
            consumed_bytes += command.size;
        }
        if (count != 0) {
            ordo_stage_advance(&stage, last);
        } else {
            (void)sched_yield();
        }
        race_stumble(&r);
    }
}

/* One command; false while there is no room for it. */
static bool produce(uint64_t *cursor, struct race_random *r)
{
    uint64_t first = 0;
    uint64_t position = 0;
    if (ordo_sequencer_claim(&sequencer, 1, &first) == 0) {
        return false;
    }
    ORDO_ASSERT(first == *cursor);
    uint32_t worst = race_random(r, RESERVE_FULL) == 0 ? COMMAND_MAX : 1 + race_random(r, 60);
    uint8_t *bytes = ordo_byte_ring_reserve(
        &ring.commands, ordo_sequencer_command_released(&sequencer), worst, &position);
    if (bytes == NULL) {
        return false;
    }
    uint32_t size = race_random(r, worst + 1);
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = pattern(first, i);
    }
    for (uint32_t i = size; i < worst; i++) {
        bytes[i] = 0xee; /* the reserved rest may be written, too */
    }
    ordo_byte_ring_commit(&ring.commands, position, size);
    struct ordo_slot *slot = ordo_ring_slot(&ring, first);
    slot->token = first;
    slot->command_at = position;
    slot->command_size = size;
    produced_bytes += size;
    ordo_sequencer_publish(&sequencer, first);
    (*cursor)++;
    return true;
}

int main(int argc, char **argv)
{
    uint64_t seed = race_begin(argc, argv);
    struct race_random r = race_random_of(seed);
    struct ordo_thread thread;

    ordo_arena_init(&arena);
    ORDO_ASSERT(ordo_ring_init(&ring, &arena, 64, RING_BYTES, 64, NULL) == ORDO_OK);
    ordo_sequencer_init(&sequencer, &ring);
    ordo_stage_init(&stage, "consume", &ring, BATCH_MAX);
    ordo_barrier_add(&stage.barrier, &sequencer.published);
    ordo_barrier_add(&sequencer.gate, &stage.sequence);
    void *stage_seed = (void *)(uintptr_t)(seed & 0xffff);
    ORDO_ASSERT(
        ordo_thread_start(&thread, "consume", ORDO_CPU_ANY, consume, stage_seed) == ORDO_OK);
    for (uint64_t cursor = 1; cursor <= COMMANDS;) {
        if (!produce(&cursor, &r)) {
            (void)sched_yield();
        }
    }
    ordo_thread_join(&thread);
    ORDO_ASSERT(ordo_sequence_get(&stage.sequence) == COMMANDS);
    ORDO_ASSERT(consumed_bytes == produced_bytes);
    printf("%u commands, %llu bytes\n", COMMANDS, (unsigned long long)consumed_bytes);
    ordo_arena_fini(&arena);
    return 0;
}
