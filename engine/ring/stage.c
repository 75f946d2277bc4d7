/* A stage is a cursor with a bound. It looks at its barrier once a batch and publishes its own
 * sequence once a batch: one line transfer each way pays for as many slots as have gathered. It
 * keeps no cache of the barrier as the producer does: a stage looks only when it has finished all
 * it knew of. */
#include "ring/stage.h"

#include <stddef.h>

void ordo_stage_init(
    struct ordo_stage *stage, const char *name, struct ordo_ring *ring, uint32_t batch_max)
{
    ORDO_ASSERT(name != NULL);
    ORDO_ASSERT(ring->capacity <= ORDO_RING_CAPACITY_MAX);
    *stage = (struct ordo_stage){
        .name = name,
        .ring = ring,
        .next = 1,
        .batch_max = batch_max == 0 ? (uint32_t)ring->capacity : batch_max,
        .stamp = ORDO_STAMP_NONE,
    };
    ordo_sequence_init(&stage->sequence, 0);
}
