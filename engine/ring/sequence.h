/* sequence.h - a padded atomic counter that one thread advances and others read.
 *
 * The only place of the ring with memory orders. Cursors count ring slots: the first is 1, 0 means
 * none. Compare cursors by unsigned difference only. After Thompson et al., "Disruptor" (2011),
 * Sequence.
 */
#ifndef ORDO_RING_SEQUENCE_H
#define ORDO_RING_SEQUENCE_H

#include "base/canary.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ORDO_CACHE_PAIR 128 /* two lines: the adjacent-line prefetcher pulls pairs */

struct ordo_sequence {
    _Alignas(ORDO_CACHE_PAIR) _Atomic uint64_t value;
    uint8_t pad[ORDO_CACHE_PAIR - sizeof(uint64_t)];
};

_Static_assert(sizeof(struct ordo_sequence) == ORDO_CACHE_PAIR, "no false sharing");

/* Everything written before the matching set is visible after this. Any thread. */
static inline uint64_t ordo_sequence_get(const struct ordo_sequence *s)
{
    if (ORDO_CANARY(acquire_barrier_missing)) {
        return atomic_load_explicit(&s->value, memory_order_relaxed);
    }
    return atomic_load_explicit(&s->value, memory_order_acquire);
}

/* Owner only. */
static inline void ordo_sequence_set(struct ordo_sequence *s, uint64_t value)
{
    if (ORDO_CANARY(release_barrier_missing)) {
        atomic_store_explicit(&s->value, value, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&s->value, value, memory_order_release);
}

/* The owner's own last value, without ordering. Owner only. */
static inline uint64_t ordo_sequence_own(const struct ordo_sequence *s)
{
    return atomic_load_explicit(&s->value, memory_order_relaxed);
}

/* a lies before b. Right across the wrap of 64 bits while they are less than 2^63 apart. */
static inline bool ordo_sequence_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* Before traffic only. */
static inline void ordo_sequence_init(struct ordo_sequence *s, uint64_t value)
{
    atomic_init(&s->value, value);
}

#endif
