/* An outcome holds (from, to) of a transition and not the event, so the event is found again from
 * the move, the command and the disposition: the machine's table has the same move for several
 * events only where these tell them apart. What is found is asked of the table once more.
 */
#include "why_words.h"

static bool is_unpaid(uint8_t state)
{
    return state == ORDO_STATE_PENDING || state == ORDO_STATE_PAYING ||
           state == ORDO_STATE_PAY_FAILED;
}

static enum ordo_event event_to_paid(const struct ordo_why_step *step)
{
    if (step->from == ORDO_STATE_NONE) {
        return ORDO_EVENT_CREATE_PAID;
    }
    if (step->from == ORDO_STATE_BACKORDER) {
        return ORDO_EVENT_STOCKED;
    }
    if (step->kind == ORDO_KIND_MARK_PAID) {
        return ORDO_EVENT_MARK_PAID;
    }
    if (step->kind == ORDO_KIND_ACCEPT) {
        return ORDO_EVENT_ACCEPT;
    }
    if (step->disposition == ORDO_DISPOSITION_LATE_BACKORDER) {
        return ORDO_EVENT_PAY_QUEUED;
    }
    return step->disposition == ORDO_DISPOSITION_OVER_APPLIED ? ORDO_EVENT_PAY_OVER
                                                              : ORDO_EVENT_PAY;
}

/* Payments that cannot be honoured move an order to REFUNDING whatever their amount. */
static enum ordo_event event_to_refunding(const struct ordo_why_step *step)
{
    if (step->kind == ORDO_KIND_TICK) {
        return ORDO_EVENT_BACKORDER_OVER;
    }
    bool pays =
        step->kind == ORDO_KIND_FACT && step->disposition == ORDO_DISPOSITION_LATE_REFUND_DUE;
    if (!pays) {
        return ORDO_EVENT_REFUND_DUE_ALL;
    }
    if (step->amount_sign != 0) {
        return step->amount_sign < 0 ? ORDO_EVENT_PAY_SHORT : ORDO_EVENT_PAY_OVER;
    }
    return ORDO_EVENT_PAY_UNPLACED;
}

static enum ordo_event event_to_unpaid(const struct ordo_why_step *step)
{
    if (step->from == ORDO_STATE_NONE) {
        return ORDO_EVENT_CREATE;
    }
    if (step->kind == ORDO_KIND_TICK) {
        return ORDO_EVENT_QUERY_DUE;
    }
    if (step->to == ORDO_STATE_PAY_FAILED) {
        return ORDO_EVENT_FAIL;
    }
    return step->kind == ORDO_KIND_FACT ? ORDO_EVENT_PAY_UNCONFIRMED : ORDO_EVENT_ATTEMPT;
}

static enum ordo_event event_to_issuing(const struct ordo_why_step *step)
{
    if (step->from == ORDO_STATE_PAID || step->from == ORDO_STATE_BACKORDER) {
        return ORDO_EVENT_ISSUE;
    }
    return step->kind == ORDO_KIND_TICK ? ORDO_EVENT_REDELIVER : ORDO_EVENT_REPLACE;
}

static enum ordo_event guess(const struct ordo_why_step *step)
{
    switch (step->to) {
    case ORDO_STATE_PENDING:
    case ORDO_STATE_PAYING:
    case ORDO_STATE_PAY_FAILED:
        return event_to_unpaid(step);
    case ORDO_STATE_PAID:
        return event_to_paid(step);
    case ORDO_STATE_BACKORDER:
        return ORDO_EVENT_NO_STOCK;
    case ORDO_STATE_ISSUING:
        return event_to_issuing(step);
    case ORDO_STATE_COMPLETED:
        return ORDO_EVENT_DELIVERY_ACK;
    case ORDO_STATE_EXPIRED:
        return step->from == ORDO_STATE_NONE ? ORDO_EVENT_WAIT_OVER : ORDO_EVENT_EXPIRE;
    case ORDO_STATE_CANCELLED:
        return is_unpaid(step->from) && step->kind == ORDO_KIND_CANCEL ? ORDO_EVENT_CANCEL
                                                                       : ORDO_EVENT_RELEASE;
    case ORDO_STATE_REFUNDING:
        return event_to_refunding(step);
    case ORDO_STATE_REFUNDED:
        return ORDO_EVENT_REFUND_ALL;
    default:
        return ORDO_EVENT_COUNT;
    }
}

enum ordo_event ordo_why_event_of(const struct ordo_why_step *step)
{
    if (step->from >= ORDO_STATE_COUNT || step->to >= ORDO_STATE_COUNT) {
        return ORDO_EVENT_COUNT;
    }
    enum ordo_event event = guess(step);
    if (event == ORDO_EVENT_COUNT) {
        return event;
    }
    const struct ordo_cell *cell = ordo_machine_cell(step->from, event);
    return cell->action == ORDO_CELL_MOVE && cell->to == step->to ? event : ORDO_EVENT_COUNT;
}

enum ordo_event
ordo_why_event_of_stay(const struct ordo_command *command, uint8_t disposition, bool waits)
{
    switch (command->kind) {
    case ORDO_KIND_CREATE:
        return waits ? ORDO_EVENT_WAIT : ORDO_EVENT_COUNT;
    case ORDO_KIND_ATTEMPT:
        return ORDO_EVENT_ATTEMPT;
    case ORDO_KIND_EXTEND:
        return ORDO_EVENT_EXTEND;
    case ORDO_KIND_FREEZE:
        return ORDO_EVENT_FREEZE;
    case ORDO_KIND_UNFREEZE:
        return ORDO_EVENT_UNFREEZE;
    case ORDO_KIND_NOTE:
        return ORDO_EVENT_NOTE;
    case ORDO_KIND_ACCEPT:
        return ORDO_EVENT_ACCEPT;
    case ORDO_KIND_REFUND:
        return command->refund.done != 0 ? ORDO_EVENT_REFUND_PART : ORDO_EVENT_REFUND_DUE;
    case ORDO_KIND_FACT:
        break;
    default:
        return ORDO_EVENT_COUNT;
    }
    switch (disposition) {
    case ORDO_DISPOSITION_DUPLICATE:
        return ORDO_EVENT_PAY_AGAIN;
    case ORDO_DISPOSITION_CONFLICT:
        return ORDO_EVENT_PAY_CONFLICT;
    case ORDO_DISPOSITION_SHORT:
        return ORDO_EVENT_PAY_SHORT;
    case ORDO_DISPOSITION_BOUND_MANUAL:
        return ORDO_EVENT_PAY_MANUAL;
    case ORDO_DISPOSITION_REFUND_ECHO:
        return ORDO_EVENT_REFUND_PART;
    case ORDO_DISPOSITION_STALE:
        return ORDO_EVENT_FAIL_STRAY;
    case ORDO_DISPOSITION_APPLIED:
        return command->fact.fact == ORDO_FACT_CHARGEBACK ? ORDO_EVENT_CHARGEBACK
                                                          : ORDO_EVENT_FAIL_ONE;
    default:
        return ORDO_EVENT_COUNT;
    }
}
