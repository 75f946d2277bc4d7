/* The outcome ring is released as far as the last stages have come. Their cursor's slot cannot be
 * asked for that: it may carry the outcome of one lap later already. So apply keeps the ends of two
 * laps for itself: between the gate and apply's own cursor there is never more than one lap.
 */
#include "pipeline/apply_stage.h"

#include "base/assert.h"
#include "base/log.h"

#define CHECK_EVERY 4096 /* commands between two looks at the sums */
#define BATCH_MAX   256  /* slots a cycle: the journal begins to write while the rest is decided */

enum ordo_err ordo_apply_stage_init(
    struct ordo_apply_stage *apply,
    struct ordo_arena *arena,
    struct ordo_sequencer *sequencer,
    struct ordo_state *state)
{
    void *ends;
    struct ordo_ring *ring = sequencer->ring;
    enum ordo_err err =
        ordo_arena_alloc(arena, "ends of outcomes", ring->capacity * 2, sizeof(uint64_t), &ends);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_stage_init(&apply->stage, "apply", ring, BATCH_MAX);
    ordo_barrier_add(&apply->stage.barrier, &sequencer->published);
    ordo_sequence_init(&apply->deadline_us, ordo_state_next_deadline_us(state));
    apply->state = state;
    apply->sequencer = sequencer;
    apply->outcome_ends = ends;
    apply->cached_gate = 0;
    apply->prefetched = 0;
    apply->unchecked = 0;
    apply->check_cursor = 0;
    return ORDO_OK;
}

static uint64_t *end_of(struct ordo_apply_stage *apply, uint64_t cursor)
{
    return &apply->outcome_ends[cursor & (apply->stage.ring->capacity * 2 - 1)];
}

/* Room for the largest outcome, or NULL until the last stages have passed more. */
static uint8_t *reserve(struct ordo_apply_stage *apply, uint32_t size, uint64_t *position)
{
    struct ordo_byte_ring *outcomes = &apply->stage.ring->outcomes;
    uint64_t released = *end_of(apply, apply->cached_gate);
    uint8_t *room = ordo_byte_ring_reserve(outcomes, released, size, position);
    if (ORDO_UNLIKELY(room == NULL)) {
        apply->cached_gate = ordo_sequencer_gate(apply->sequencer);
        released = *end_of(apply, apply->cached_gate);
        room = ordo_byte_ring_reserve(outcomes, released, size, position);
    }
    return room;
}

/* Decides one slot; false when there is no room for its outcome yet. */
static bool apply_slot(struct ordo_apply_stage *apply, uint64_t cursor)
{
    struct ordo_ring *ring = apply->stage.ring;
    struct ordo_slot *slot = ordo_ring_slot(ring, cursor);
    uint32_t size = ordo_kind_is_query(slot->kind) ? ORDO_QUERY_SIZE_MAX : ORDO_OUTCOME_SIZE_MAX;
    uint64_t position;
    uint8_t *room = reserve(apply, size, &position);
    if (room == NULL) {
        return false;
    }
    struct ordo_writer out = ordo_writer_over(room, size);
    struct ordo_applied applied;
    ordo_apply(apply->state, slot->time_us, ordo_ring_command(ring, slot), &out, &applied);
    ORDO_ASSERT(!out.failed);
    slot->outcome_at = position;
    slot->outcome_size = (uint32_t)ordo_writer_size(&out);
    slot->seq = applied.seq;
    slot->update_seq = applied.update_seq;
    slot->update_count = applied.update_count;
    slot->code = applied.code;
    if (applied.journaled) {
        slot->flags |= ORDO_SLOT_JOURNALED;
    }
    ordo_byte_ring_commit(&ring->outcomes, position, slot->outcome_size);
    *end_of(apply, cursor) = position + slot->outcome_size;

    struct ordo_head_values head;
    ordo_state_head(apply->state, &head);
    ordo_put_le64(ordo_ring_mark(ring, cursor), head.stream_hash.low);
    ordo_put_le64(ordo_ring_mark(ring, cursor) + 8, head.stream_hash.high);
    return true;
}

/* Asks for the rows of the commands up to ORDO_APPLY_AHEAD before `last` (inclusive), each once. */
static void look_ahead(struct ordo_apply_stage *apply, uint64_t cursor, uint64_t last)
{
    struct ordo_ring *ring = apply->stage.ring;
    uint64_t until = cursor + ORDO_APPLY_AHEAD;
    if (ordo_sequence_before(last, until)) {
        until = last;
    }
    if (!ordo_sequence_before(apply->prefetched, until)) {
        return;
    }
    while (ordo_sequence_before(apply->prefetched, until)) {
        apply->prefetched++;
        ordo_apply_prefetch(
            apply->state, ordo_ring_command(ring, ordo_ring_slot(ring, apply->prefetched)));
    }
    if (until == last) {
        ordo_apply_prefetch_end(apply->state);
    }
}

/* A sum that does not add up means that a decision was wrong: nothing of it may become visible, and
 * only a stop makes sure of that. */
static void check_sums(struct ordo_apply_stage *apply, uint32_t done)
{
    struct ordo_fail fail;
    apply->unchecked += done;
    if (ORDO_LIKELY(apply->unchecked < CHECK_EVERY)) {
        return;
    }
    apply->unchecked = 0;
    if (ordo_state_check_sums(apply->state, &apply->check_cursor, &fail) != ORDO_OK) {
        ORDO_LOG_ERROR("a broken invariant stops the node what=\"%s\"", fail.text);
        ORDO_UNREACHABLE("the sums of the state add up");
    }
}

static uint32_t do_work(void *self)
{
    struct ordo_apply_stage *apply = self;
    struct ordo_stage *stage = &apply->stage;
    uint32_t available = ordo_stage_available(stage);
    uint64_t first = stage->next;
    uint32_t done = 0;

    while (done < available) {
        look_ahead(apply, first + done, first + available - 1);
        if (!apply_slot(apply, first + done)) {
            break;
        }
        done++;
    }
    if (done != 0) {
        check_sums(apply, done);
        ordo_sequence_set(&apply->deadline_us, ordo_state_next_deadline_us(apply->state));
        ordo_stage_advance(stage, first + done - 1);
    }
    return done;
}

static bool is_drained(void *self)
{
    return ordo_stage_available(&((struct ordo_apply_stage *)self)->stage) == 0;
}

struct ordo_agent ordo_apply_stage_agent(struct ordo_apply_stage *apply)
{
    return (struct ordo_agent){
        .name = "apply", .self = apply, .do_work = do_work, .is_drained = is_drained};
}
