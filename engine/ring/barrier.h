/* barrier.h - the smallest of several sequences: what a stage, or the producer, may not pass. */
#ifndef ORDO_RING_BARRIER_H
#define ORDO_RING_BARRIER_H

#include "ring/sequence.h"

#define ORDO_BARRIER_DEPENDENCIES_MAX 8

struct ordo_barrier {
    const struct ordo_sequence *dependencies[ORDO_BARRIER_DEPENDENCIES_MAX];
    uint32_t count;
};

/* Before traffic. Asserts that there is room. */
void ordo_barrier_add(struct ordo_barrier *barrier, const struct ordo_sequence *dependency);

/* The smallest value of the dependencies (at least one). Any thread; does not block. */
uint64_t ordo_barrier_get(const struct ordo_barrier *barrier);

#endif
