/* The ring is memory only: who may touch which slot follows from the sequences (sequencer.h,
 * stage.h).
 *
 * Everything comes from the arena at start-up, so a full ring is the only way to run out. The marks
 * lie beside the slots, not in them: they are 16 bytes that only the journal reads, once a batch,
 * and would make a slot larger than its cache line. */
#include "ring/ring.h"

#include <inttypes.h>

static uint64_t round_up(uint64_t capacity)
{
    uint64_t rounded = ORDO_RING_CAPACITY_MIN;
    while (rounded < capacity) {
        rounded *= 2;
    }
    return rounded;
}

enum ordo_err ordo_ring_init(
    struct ordo_ring *ring,
    struct ordo_arena *arena,
    uint64_t capacity,
    uint64_t command_bytes,
    uint64_t outcome_bytes,
    struct ordo_fail *fail)
{
    if (capacity < ORDO_RING_CAPACITY_MIN || capacity > ORDO_RING_CAPACITY_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "ring capacity %" PRIu64 " is out of range: choose %u to %u slots",
            capacity,
            ORDO_RING_CAPACITY_MIN,
            ORDO_RING_CAPACITY_MAX);
    }
    struct ordo_ring made = {.capacity = round_up(capacity)};
    void *slots = NULL;
    void *marks = NULL;
    size_t count = (size_t)made.capacity;
    if (ordo_arena_alloc(arena, "ring slots", count, sizeof(struct ordo_slot), &slots) != ORDO_OK ||
        ordo_arena_alloc(arena, "ring marks", count, ORDO_RING_MARK_SIZE, &marks) != ORDO_OK ||
        ordo_byte_ring_init(&made.commands, arena, "ring commands", command_bytes) != ORDO_OK ||
        ordo_byte_ring_init(&made.outcomes, arena, "ring outcomes", outcome_bytes) != ORDO_OK) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_NO_MEMORY,
            "no memory for a ring of %" PRIu64 " slots, %" PRIu64 " command bytes and %" PRIu64
            " outcome bytes: choose smaller ones",
            made.capacity,
            command_bytes,
            outcome_bytes);
    }
    made.slots = slots;
    made.marks = marks;
    *ring = made;
    return ORDO_OK;
}
