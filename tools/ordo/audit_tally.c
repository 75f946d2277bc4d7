/* Each record is taken apart and booked: what the command brings (audit_command.c), what became of
 * each order (here, audit_units.c), what became of the money (audit_money.c).
 *
 * An order's state is not taken from the engine: it is followed from transition to transition, each
 * of which must begin where the one before ended, stand in the machine's table and carry the next
 * version (a move to the same state, too). So a journal whose outcomes contradict each other is
 * found here even when the engine would reproduce the contradiction.
 */
#include "audit_book.h"
#include "order/machine.h"

#include <inttypes.h>

static bool is_in_the_table(uint8_t from, uint8_t to)
{
    for (int event = 0; event < ORDO_EVENT_COUNT; event++) {
        const struct ordo_cell *cell = ordo_machine_cell(from, (enum ordo_event)event);
        if (cell->action == ORDO_CELL_MOVE && cell->to == to) {
            return true;
        }
    }
    return false;
}

static enum ordo_err follow_transitions(
    struct ordo_tally *tally,
    const struct ordo_book_step *step,
    struct ordo_tally_order *order,
    struct ordo_fail *fail)
{
    const struct ordo_effect *effect = step->effect;

    for (uint32_t i = 0; i < effect->transition_count; i++) {
        const struct ordo_transition *t =
            &step->view->outcome.transitions[effect->transition_first + i];
        bool known = t->from < ORDO_STATE_COUNT && t->to < ORDO_STATE_COUNT;
        if (!known || t->from != order->state || !is_in_the_table(t->from, t->to)) {
            return ordo_book_broken(
                fail,
                step->view,
                "I9",
                "order %.*s goes from %s to %s, but it is in %s",
                (int)effect->order_id.size,
                (const char *)effect->order_id.data,
                ordo_state_name(t->from),
                ordo_state_name(t->to),
                ordo_state_name(order->state));
        }
        tally->self_moves += t->from == t->to;
        order->state = t->to;
        order->version++;
    }
    if (order->version != effect->version) {
        return ordo_book_broken(
            fail,
            step->view,
            "I9",
            "order %.*s has version %u, counted %u",
            (int)effect->order_id.size,
            (const char *)effect->order_id.data,
            effect->version,
            order->version);
    }
    return ORDO_OK;
}

/* A paid order that nobody issues by hand goes on at once. */
static enum ordo_err check_waits_for_person(
    const struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    const struct ordo_tally_order *order = &tally->orders[step->order - 1];

    if (order->state != ORDO_STATE_PAID || step->from == ORDO_STATE_PAID || order->product == 0) {
        return ORDO_OK;
    }
    bool by_hand = (tally->products[order->product - 1].options & ORDO_PRODUCT_MANUAL) != 0;
    if (by_hand || (order->flags & ORDO_FLAG_FROZEN) != 0) {
        return ORDO_OK;
    }
    return ordo_book_broken(
        fail,
        step->view,
        "I6",
        "order %.*s is paid and not issued, and it waits for nobody",
        (int)step->effect->order_id.size,
        (const char *)step->effect->order_id.data);
}

static enum ordo_err follow_order(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    const struct ordo_effect *effect,
    struct ordo_fail *fail)
{
    uint32_t row = ordo_book_order(tally, effect->shop, effect->order_id);

    if (row == 0) {
        return ordo_book_no_memory(fail);
    }
    struct ordo_tally_order *order = &tally->orders[row - 1];
    struct ordo_book_step step = {view, effect, row, order->state, order->flags};
    if (effect->prev_seq != order->last_seq) {
        return ordo_book_broken(
            fail,
            view,
            "I11",
            "order %.*s points back to seq %" PRIu64 ", but was touched last by seq %" PRIu64,
            (int)effect->order_id.size,
            (const char *)effect->order_id.data,
            effect->prev_seq,
            order->last_seq);
    }
    enum ordo_err err = follow_transitions(tally, &step, order, fail);
    if (err != ORDO_OK) {
        return err;
    }
    order->last_seq = view->record->seq;
    order->flags = effect->flags;
    err = ordo_book_units(tally, &step, fail);
    return err == ORDO_OK ? check_waits_for_person(tally, &step, fail) : err;
}

static void hash_update(void *context, const struct ordo_update *update)
{
    struct ordo_tally *tally = context;
    tally->stream_hash = ordo_update_hash(tally->stream_hash, update);
}

static enum ordo_err check_sequences(
    const struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_record *record = view->record;

    if (record->seq != tally->seq + 1) {
        return ordo_book_broken(fail, view, "I11", "it follows seq %" PRIu64, tally->seq);
    }
    if (record->time_us < tally->time_us) {
        return ordo_book_broken(fail, view, "I16", "engine time goes back");
    }
    if (record->update_seq != tally->update_seq + view->outcome.transition_count) {
        return ordo_book_broken(
            fail,
            view,
            "I11",
            "update_seq is %" PRIu64 " after %" PRIu64 " and %u transitions",
            record->update_seq,
            tally->update_seq,
            view->outcome.transition_count);
    }
    return ORDO_OK;
}

enum ordo_err ordo_tally_add(
    struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    enum ordo_err err = check_sequences(tally, view, fail);

    if (err == ORDO_OK) {
        err = ordo_book_command(tally, view, fail);
    }
    for (uint32_t i = 0; err == ORDO_OK && i < view->outcome.effect_count; i++) {
        err = follow_order(tally, view, &view->outcome.effects[i], fail);
    }
    if (err == ORDO_OK) {
        err = ordo_book_money(tally, view, fail);
    }
    ordo_outcome_updates(
        &view->outcome, view->record->time_us, tally->update_seq + 1, hash_update, tally);
    tally->records++;
    tally->seq = view->record->seq;
    tally->time_us = view->record->time_us;
    tally->update_seq = view->record->update_seq;
    return err;
}
