/* byte_ring.h - a bounded ring of bytes for payloads, gated by the same sequences as the slots.
 *
 * One producer reserves contiguous room; a reservation never wraps: when the end is too near, the
 * rest is skipped and counts as used until what follows it is released. Positions are absolute and
 * only grow. The producer says up to where consumers are done (`released`), read from the slot that
 * the slowest consumer has passed.
 */
#ifndef ORDO_RING_BYTE_RING_H
#define ORDO_RING_BYTE_RING_H

#include "base/arena.h"
#include "base/bytes.h"

struct ordo_byte_ring {
    uint8_t *base;
    uint64_t size; /* a power of two */
    uint64_t head; /* producer only: the next position */
};

/* size is rounded up to a power of two. Starter thread. */
enum ordo_err ordo_byte_ring_init(
    struct ordo_byte_ring *ring, struct ordo_arena *arena, const char *name, uint64_t size)
    ORDO_MUST_USE;

/* Contiguous room for size bytes, at *position; NULL while the ring is full. Nothing is taken
 * before commit, so a caller may reserve its worst case. size is at most half of the ring. Producer
 * only. */
uint8_t *ordo_byte_ring_reserve(
    struct ordo_byte_ring *ring, uint64_t released, uint32_t size, uint64_t *position);

/* Takes `size` bytes at `position` (from reserve; size may be less than was reserved). Producer
 * only. */
static inline void
ordo_byte_ring_commit(struct ordo_byte_ring *ring, uint64_t position, uint32_t size)
{
    ORDO_ASSERT(position - ring->head < ring->size); /* ahead of the head by at most a skip */
    ORDO_ASSERT(size <= ring->size / 2);
    ring->head = position + size;
}

/* The bytes at a position that the reader's barrier has passed. Any consumer. */
static inline const uint8_t *ordo_byte_ring_at(const struct ordo_byte_ring *ring, uint64_t position)
{
    return ring->base + (position & (ring->size - 1));
}

#endif
