/* apply_stage.h - the one writer of state as a stage of the ring: decides each slot, in order.
 *
 * Writes the outcome into the outcome ring, the decision's sequences into the slot and the stream
 * hash into its mark; exports the next deadline to ingress. Looks ahead in the batch so that rows
 * are in the cache when their turn comes.
 */
#ifndef ORDO_PIPELINE_APPLY_STAGE_H
#define ORDO_PIPELINE_APPLY_STAGE_H

#include "order/state.h"
#include "ring/runner.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

struct ordo_apply_stage {
    struct ordo_stage stage;
    struct ordo_sequence deadline_us; /* not a cursor: the next deadline, for ingress */
    struct ordo_state *state;
    const struct ordo_sequencer *sequencer;
    uint64_t *outcome_ends; /* end of a slot's outcome bytes, by cursor, two laps of the ring */
    uint64_t cached_gate;
    uint64_t prefetched; /* the last cursor whose rows were asked for */
    uint32_t unchecked;  /* commands since the last look at the sums */
    uint32_t check_cursor;
};

/* Starter thread. The state belongs to the stage's thread from the first do_work on. */
enum ordo_err ordo_apply_stage_init(
    struct ordo_apply_stage *apply,
    struct ordo_arena *arena,
    struct ordo_sequencer *sequencer,
    struct ordo_state *state) ORDO_MUST_USE;

struct ordo_agent ordo_apply_stage_agent(struct ordo_apply_stage *apply);

#endif
