/* ring.h - the slots, the two byte rings beside them and the 16-byte marks.
 *
 *   ingress ──claim──▶ [slot][slot][slot]... ──apply──▶ journal ──▶ reply, publish
 *                         │ command_at    │ outcome_at
 *                         ▼               ▼
 *                  command bytes    outcome bytes      both rings are bounded and gated by the
 * slots
 */
#ifndef ORDO_RING_RING_H
#define ORDO_RING_RING_H

#include "ring/byte_ring.h"
#include "ring/sequence.h"
#include "ring/slot.h"
#include "ring/stamps.h"

#define ORDO_RING_CAPACITY_MIN 64
#define ORDO_RING_CAPACITY_MAX (1u << 24)
#define ORDO_RING_MARK_SIZE    16

struct ordo_ring {
    struct ordo_slot *slots;
    uint8_t (
        *marks)[ORDO_RING_MARK_SIZE]; /* apply: stream hash after the slot, for batch headers */
    uint64_t capacity;                /* a power of two */
    struct ordo_byte_ring commands;   /* producer: ingress */
    struct ordo_byte_ring outcomes;   /* producer: apply */
    struct ordo_stamps stamps;        /* none until ordo_stamps_init */
};

/* capacity is rounded up to a power of two. CONFIG outside of MIN..MAX, NO_MEMORY. Starter thread.
 */
enum ordo_err ordo_ring_init(
    struct ordo_ring *ring,
    struct ordo_arena *arena,
    uint64_t capacity,
    uint64_t command_bytes,
    uint64_t outcome_bytes,
    struct ordo_fail *fail) ORDO_MUST_USE;

static inline struct ordo_slot *ordo_ring_slot(const struct ordo_ring *ring, uint64_t cursor)
{
    return &ring->slots[cursor & (ring->capacity - 1)];
}

static inline uint8_t *ordo_ring_mark(const struct ordo_ring *ring, uint64_t cursor)
{
    return ring->marks[cursor & (ring->capacity - 1)];
}

static inline struct ordo_bytes
ordo_ring_command(const struct ordo_ring *ring, const struct ordo_slot *slot)
{
    return (struct ordo_bytes){
        ordo_byte_ring_at(&ring->commands, slot->command_at), slot->command_size};
}

static inline struct ordo_bytes
ordo_ring_outcome(const struct ordo_ring *ring, const struct ordo_slot *slot)
{
    return (struct ordo_bytes){
        ordo_byte_ring_at(&ring->outcomes, slot->outcome_at), slot->outcome_size};
}

#endif
