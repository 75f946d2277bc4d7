/* The gate is read only when the cached value does not suffice: in steady state once a lap of the
 * ring, so the producer does not pull the consumers' lines with every claim.
 *
 * The end of the released command bytes is taken at the same moment, and kept. It must not be read
 * later: the slot of the gate cursor may be claimed again (for cursor + capacity) as soon as
 * cached_gate is that cursor, and then holds a newer command, whose bytes are in use. Before
 * cached_gate moves to a cursor, nothing beyond cached_gate + capacity was claimed, so that
 * cursor's slot is still as the producer left it. */
#include "ring/sequencer.h"

void ordo_sequencer_init(struct ordo_sequencer *sequencer, struct ordo_ring *ring)
{
    ORDO_ASSERT(ring->slots != NULL);
    ORDO_ASSERT((ring->capacity & (ring->capacity - 1)) == 0);
    *sequencer = (struct ordo_sequencer){.ring = ring};
    ordo_sequence_init(&sequencer->published, 0);
}

void ordo_sequencer_refresh(struct ordo_sequencer *sequencer)
{
    uint64_t gate = ordo_barrier_get(&sequencer->gate);
    ORDO_ASSERT(gate - sequencer->cached_gate <= sequencer->ring->capacity); /* never goes back */
    ORDO_ASSERT(!ordo_sequence_before(ordo_sequence_own(&sequencer->published), gate));
    if (gate == sequencer->cached_gate) {
        return;
    }
    const struct ordo_slot *slot = ordo_ring_slot(sequencer->ring, gate);
    sequencer->command_released = slot->command_at + slot->command_size;
    sequencer->cached_gate = gate;
}

uint64_t ordo_sequencer_command_released(struct ordo_sequencer *sequencer)
{
    ordo_sequencer_refresh(sequencer);
    return sequencer->command_released;
}

uint64_t ordo_sequencer_gate(const struct ordo_sequencer *sequencer)
{
    return ordo_barrier_get(&sequencer->gate);
}
