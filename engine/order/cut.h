/* cut.h - a consistent copy of the state at one sequence while decisions go on.
 *
 * All on the apply thread. At the begin every chunk that has changed since the last cut of the same
 * mark (an environment of snapshot.h: A or B) is pending. Steps between batches copy pending chunks
 * into the sink, a bounded amount each; before a decision changes a pending chunk, the write
 * accessor's hook copies it first. So what the sink gets is the state as of the begin, in no order.
 * When the sink is full a step simply ends; when it is full under the hook, the cut is given up:
 * apply never waits.
 */
#ifndef ORDO_ORDER_CUT_H
#define ORDO_ORDER_CUT_H

#include "order/state.h"
#include "order/table.h"

/* Takes a copy of the chunk; false = full. Must not block. */
typedef bool
ordo_cut_sink(void *context, uint32_t section, uint32_t chunk, const void *bytes, size_t size);

#define ORDO_CUT_SECTIONS_MAX 32

enum ordo_cut_phase { ORDO_CUT_IDLE, ORDO_CUT_COPYING, ORDO_CUT_DONE, ORDO_CUT_GIVEN_UP };

/* Owned by the caller, zeroed before its first begin; must not move while it is COPYING. */
struct ordo_cut {
    struct ordo_state *state;
    enum ordo_mark mark;
    enum ordo_cut_phase phase;
    ordo_cut_sink *sink;
    void *context;
    uint32_t section; /* where the next step goes on */
    uint32_t chunk;
    uint64_t copied;           /* chunks */
    uint64_t copied_by_writes; /* of them: because a decision was about to change them */
    struct ordo_head_values head;
    uint32_t section_count;
    uint32_t chunk_counts[ORDO_CUT_SECTIONS_MAX]; /* of each section, as of the begin */
};

/* From IDLE, DONE or GIVEN_UP; one cut of a state at a time. Costs one pass over the marks. */
void ordo_cut_begin(
    struct ordo_cut *cut,
    struct ordo_state *state,
    enum ordo_mark mark,
    ordo_cut_sink *sink,
    void *context);

/* Copies at most about bytes_max; the phase after it. Between commands. */
enum ordo_cut_phase ordo_cut_step(struct ordo_cut *cut, size_t bytes_max);

/* Gives up: what was pending or copied counts as changed again for this mark. */
void ordo_cut_abandon(struct ordo_cut *cut);

/* Nothing of the state counts as copied for this mark: the next cut has every chunk. Not while a
 * cut is COPYING. */
void ordo_cut_forget(struct ordo_state *state, enum ordo_mark mark);

#endif
