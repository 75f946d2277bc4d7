/* sequencer.h - the single producer's side: claim cursors, fill slots, publish.
 *
 * Claim reads the gating sequences only when the cached minimum does not suffice (Disruptor,
 * SingleProducerSequencer). Claims may be of many; what was claimed and not published may be
 * claimed again.
 */
#ifndef ORDO_RING_SEQUENCER_H
#define ORDO_RING_SEQUENCER_H

#include "base/canary.h"
#include "base/err.h"
#include "ring/barrier.h"
#include "ring/ring.h"

struct ordo_sequencer {
    struct ordo_ring *ring;
    struct ordo_barrier gate;       /* the last stages; all behind them is released */
    struct ordo_sequence published; /* the cursor */
    uint64_t cached_gate;           /* producer only */
    uint64_t command_released;      /* producer only: end of cached_gate's command bytes */
    uint64_t next_sample;           /* producer only: ordo_stamps_pass */
};

/* Starter thread; add the gating sequences to `gate` after it. */
void ordo_sequencer_init(struct ordo_sequencer *sequencer, struct ordo_ring *ring);

/* Reads the gating sequences into cached_gate and command_released. Producer only. */
void ordo_sequencer_refresh(struct ordo_sequencer *sequencer);

/* Up to count cursors after the published one: the number claimed (0 while the ring is full) and
 * the first one. Producer only; does not block. */
static inline uint32_t
ordo_sequencer_claim(struct ordo_sequencer *sequencer, uint32_t count, uint64_t *first)
{
    uint64_t published = ordo_sequence_own(&sequencer->published);
    uint64_t capacity = sequencer->ring->capacity + (ORDO_CANARY(wrap_off_by_one) ? 1 : 0);
    uint64_t free_slots = sequencer->cached_gate + capacity - published;
    if (ORDO_UNLIKELY(free_slots < count)) {
        ordo_sequencer_refresh(sequencer);
        free_slots = sequencer->cached_gate + capacity - published;
    }
    ORDO_ASSERT(free_slots <= capacity);
    *first = published + 1;
    return free_slots < count ? (uint32_t)free_slots : count;
}

/* Makes every slot up to cursor visible. Its slots must have been claimed, and each must carry
 * command_at and command_size, also when it has no bytes. Producer only. */
static inline void ordo_sequencer_publish(struct ordo_sequencer *sequencer, uint64_t cursor)
{
    ORDO_ASSERT(cursor - sequencer->cached_gate <= sequencer->ring->capacity);
    ORDO_ASSERT(!ordo_sequence_before(cursor, ordo_sequence_own(&sequencer->published)));
    ordo_stamps_pass(&sequencer->ring->stamps, ORDO_STAMP_CLAIM, &sequencer->next_sample, cursor);
    ordo_sequence_set(&sequencer->published, cursor);
}

/* The position up to which the command ring is free again. Producer only. */
uint64_t ordo_sequencer_command_released(struct ordo_sequencer *sequencer);

/* The cursor that every gating stage has passed, freshly read. Producer or apply (its own sequencer
 * view). */
uint64_t ordo_sequencer_gate(const struct ordo_sequencer *sequencer);

#endif
