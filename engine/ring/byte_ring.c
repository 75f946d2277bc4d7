/* Positions never wrap in practice (2^64 bytes), offsets do: offset = position mod size.
 *
 *   offset:   0 ......... released ....... head .... size
 *                        [ in use         ][ free   ][ wraps to 0 ]
 *
 * A reservation that would cross `size` starts at the next multiple of size; the bytes before it
 * are lost until the consumers pass it. Nothing is kept for that skip: the position of what follows
 * it carries it, because the distance from `released` to the end of the reservation includes the
 * skipped bytes.
 *
 * An empty ring can always give size/2: the skip is smaller than the reservation that caused it, so
 * both together stay below size. That is why a larger reservation asserts instead of waiting for
 * ever. */
#include "ring/byte_ring.h"

#include "base/canary.h"

#define RING_SIZE_MIN 64

enum ordo_err ordo_byte_ring_init(
    struct ordo_byte_ring *ring, struct ordo_arena *arena, const char *name, uint64_t size)
{
    if (size > UINT64_MAX / 4) {
        return ORDO_ERR_NO_MEMORY;
    }
    uint64_t rounded = RING_SIZE_MIN;
    while (rounded < size) {
        rounded *= 2;
    }
    void *base;
    enum ordo_err err = ordo_arena_alloc(arena, name, (size_t)rounded, 1, &base);
    if (err != ORDO_OK) {
        return err;
    }
    *ring = (struct ordo_byte_ring){.base = base, .size = rounded, .head = 0};
    return ORDO_OK;
}

uint8_t *ordo_byte_ring_reserve(
    struct ordo_byte_ring *ring, uint64_t released, uint32_t size, uint64_t *position)
{
    ORDO_ASSERT(size <= ring->size / 2);
    ORDO_ASSERT(ring->head - released <= ring->size); /* released never passes the head */

    uint64_t offset = ring->head & (ring->size - 1);
    uint64_t at = ring->head;
    if (ring->size - offset < size) {
        at += ring->size - offset;
    }
    if (at + size - released > ring->size + (ORDO_CANARY(bytes_reused_early) ? 1 : 0)) {
        return NULL;
    }
    *position = at;
    return ring->base + (at & (ring->size - 1));
}
