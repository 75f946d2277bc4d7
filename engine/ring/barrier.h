/* barrier.h - the smallest of several sequences: what a stage, or the producer, may not pass. */
#ifndef ORDO_RING_BARRIER_H
#define ORDO_RING_BARRIER_H

#include "base/assert.h"
#include "base/canary.h"
#include "ring/sequence.h"

#define ORDO_BARRIER_DEPENDENCIES_MAX 8

struct ordo_barrier {
    const struct ordo_sequence *dependencies[ORDO_BARRIER_DEPENDENCIES_MAX];
    uint32_t count;
};

/* Before traffic. Asserts that there is room. */
void ordo_barrier_add(struct ordo_barrier *barrier, const struct ordo_sequence *dependency);

/* The smallest value of the dependencies (at least one). Any thread; does not block. */
static inline uint64_t ordo_barrier_get(const struct ordo_barrier *barrier)
{
    ORDO_ASSERT(barrier->count != 0);
    uint64_t least = ordo_sequence_get(barrier->dependencies[0]);
    uint32_t count = ORDO_CANARY(gate_forgets_a_stage) ? 1 : barrier->count;
    for (uint32_t i = 1; i < count; i++) {
        uint64_t value = ordo_sequence_get(barrier->dependencies[i]);
        least = ordo_sequence_before(value, least) ? value : least;
    }
    return least;
}

#endif
