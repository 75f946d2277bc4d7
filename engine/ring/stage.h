/* stage.h - a consumer of the ring: what it waits for, how far it is, what it sees in a batch.
 *
 * A stage reads slots up to its barrier, in order, in batches of at most batch_max, and advances
 * its own sequence when it is done with them. A stage may finish slots later than it reads them
 * (the journal): it keeps `next` itself and advances the sequence when they are durable.
 */
#ifndef ORDO_RING_STAGE_H
#define ORDO_RING_STAGE_H

#include "ring/barrier.h"
#include "ring/ring.h"

struct ordo_stage {
    const char *name; /* static text */
    struct ordo_ring *ring;
    struct ordo_barrier barrier;
    struct ordo_sequence sequence; /* the last cursor this stage is done with */
    uint64_t next;                 /* owner only: the next cursor to read, first is 1 */
    uint32_t batch_max;
    enum ordo_stamp stamp; /* what it makes when it advances; NONE at first */
    uint64_t next_sample;  /* owner only: ordo_stamps_pass */
};

/* Starter thread; add the dependencies to `barrier` after it. batch_max of 0 means the capacity. */
void ordo_stage_init(
    struct ordo_stage *stage, const char *name, struct ordo_ring *ring, uint32_t batch_max);

/* The number of slots from stage->next on that may be read now, at most batch_max. Owner only. */
static inline uint32_t ordo_stage_available(const struct ordo_stage *stage)
{
    uint64_t ready = ordo_barrier_get(&stage->barrier) + 1 - stage->next;
    ORDO_ASSERT(ready <= stage->ring->capacity);
    return ready < stage->batch_max ? (uint32_t)ready : stage->batch_max;
}

/* Done with everything up to cursor: moves the sequence (and next, when it lies before). Owner
 * only. */
static inline void ordo_stage_advance(struct ordo_stage *stage, uint64_t cursor)
{
    ORDO_ASSERT(cursor - ordo_sequence_own(&stage->sequence) <= stage->ring->capacity);
    ORDO_DASSERT(!ordo_sequence_before(ordo_barrier_get(&stage->barrier), cursor));
    ordo_stamps_pass(&stage->ring->stamps, stage->stamp, &stage->next_sample, cursor);
    ordo_sequence_set(&stage->sequence, cursor);
    if (ordo_sequence_before(stage->next, cursor + 1)) {
        stage->next = cursor + 1;
    }
}

#endif
