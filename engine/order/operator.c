#include "base/canary.h"
#include "order/parts.h"

/* What people decide about an order: that it is paid, that money in review is enough, that money
 * goes back, that nothing is handed out for now. The machine's table says in which states; nothing
 * here has a transition of its own. Every verb names who and why, which the journal keeps.
 */

uint16_t ordo_operator_check(struct ordo_bytes operator_name, struct ordo_bytes reason)
{
    if (!ordo_text_is_valid(operator_name)) {
        return ORDO_RESULT_OPERATOR_MISSING;
    }
    return reason.size == 0 ? ORDO_RESULT_REASON_MISSING : ORDO_RESULT_OK;
}

/* The order of a verb: known, waiting included. */
static uint16_t find_order(
    const struct ordo_state *s,
    struct ordo_bytes order_id,
    struct ordo_bytes operator_name,
    struct ordo_bytes reason,
    uint32_t *order)
{
    uint16_t code = ordo_operator_check(operator_name, reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    *order = ordo_order_known(s, s->command.shop, order_id);
    return *order == 0 ? ORDO_RESULT_ORDER_UNKNOWN : ORDO_RESULT_OK;
}

/* The same for verbs about money that may have come before its order. */
static uint16_t find_named(
    const struct ordo_state *s,
    struct ordo_bytes order_id,
    struct ordo_bytes operator_name,
    struct ordo_bytes reason,
    uint32_t *order)
{
    uint16_t code = find_order(s, order_id, operator_name, reason, order);
    if (code != ORDO_RESULT_ORDER_UNKNOWN || order_id.size == 0) {
        return code;
    }
    *order = ordo_order_find(s, s->command.shop, order_id);
    return *order == 0 ? ORDO_RESULT_ORDER_UNKNOWN : ORDO_RESULT_OK;
}

/* An expired order takes its units again; the operator answers for the time. */
static uint16_t check_late(const struct ordo_state *s, uint32_t order)
{
    if (ordo_order_at(s, order)->state != ORDO_STATE_EXPIRED) {
        return ORDO_RESULT_OK;
    }
    unsigned obstacles = ordo_late_obstacles(s, order);
    if ((obstacles & ORDO_LATE_UNITS) != 0) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    if ((obstacles & (ORDO_LATE_CAP | ORDO_LATE_PAID_TWICE)) != 0) {
        return ORDO_RESULT_PURCHASE_CAP;
    }
    return (obstacles & ORDO_LATE_BUYERS) != 0 ? ORDO_RESULT_FULL_BUYERS : ORDO_RESULT_OK;
}

/* ---- mark-paid ---- */

static uint16_t
check_mark(const struct ordo_state *s, uint32_t order, const struct ordo_mark_paid *mark)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint16_t code = ordo_order_code(ordo_order_at(s, order), ORDO_EVENT_MARK_PAID);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (mark->amount != o->amount) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (mark->currency != ordo_product_at(s, o->product)->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    code = check_late(s, order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_payment_need need = {
        .amount = mark->amount,
        .channel = mark->channel,
        .currency = mark->currency,
        .order = order,
    };
    return ordo_payment_room(s, &need) ? ORDO_RESULT_OK : ORDO_RESULT_FULL_PAYMENTS;
}

uint16_t ordo_decide_mark_paid(struct ordo_state *s, const struct ordo_mark_paid *mark)
{
    uint32_t order = 0;
    uint16_t code = find_order(s, mark->order_id, mark->operator_name, mark->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    code = check_mark(s, order, mark);
    if (code == ORDO_RESULT_OK) {
        struct ordo_bytes none = {NULL, 0};
        struct ordo_payment_key key = {.trade_no = none};
        key.merchant = ordo_merchant_take(s, s->command.shop, mark->channel, none);
        uint32_t payment = ordo_payment_add(s, order, &key, mark->currency);
        ordo_payment_receive(s, payment, mark->amount, &(struct ordo_money){.received = 0});
        ordo_order_paid_late(s, effect, order, ORDO_EVENT_MARK_PAID);
    }
    ordo_effect_end(s, effect, order);
    return code;
}

/* ---- accept ---- */

/* How many more payments may be applied: the limit of a back-order reaches four of them. */
static uint32_t applied_left(const struct ordo_state *s, uint32_t order)
{
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX];
    return ORDO_PAYMENTS_TOUCHED_MAX - ordo_payments_in(s, order, ORDO_PLACE_APPLIED, 0, rows);
}

static void take_review(struct ordo_state *s, uint32_t order, const uint32_t *rows, uint32_t count)
{
    int64_t amount = ordo_order_at(s, order)->amount;
    int64_t applied = ordo_payment_in(ordo_order_money(s, order), ORDO_PLACE_APPLIED);
    int64_t lacking = amount > applied ? amount - applied : 0;
    uint32_t left = applied_left(s, order);
    for (uint32_t i = 0; i < count; i++) {
        int64_t review = ordo_payment_at(s, rows[i])->review;
        int64_t part = i >= left ? 0 : review < lacking ? review : lacking;
        struct ordo_money change = {.review = -review, .refund_due = review - part};
        ordo_payment_post(s, rows[i], &change);
        lacking -= part;
    }
}

uint16_t ordo_decide_accept(struct ordo_state *s, const struct ordo_accept *accept)
{
    uint32_t order = 0;
    uint16_t code = find_order(s, accept->order_id, accept->operator_name, accept->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX];
    uint32_t count = 0;
    code = ordo_order_code(ordo_order_at(s, order), ORDO_EVENT_ACCEPT);
    if (code == ORDO_RESULT_OK) {
        uint16_t currency = ordo_product_at(s, o->product)->currency;
        count = ordo_payments_in(s, order, ORDO_PLACE_REVIEW, currency, rows);
        code = count == 0 ? ORDO_RESULT_REVIEW_NOTHING : check_late(s, order);
    }
    if (code == ORDO_RESULT_OK) {
        take_review(s, order, rows, count);
        if (ordo_machine_cell(o->state, ORDO_EVENT_ACCEPT)->action == ORDO_CELL_MOVE) {
            ordo_order_paid_late(s, effect, order, ORDO_EVENT_ACCEPT);
        }
        ordo_order_review_done(s, order);
    }
    ordo_effect_end(s, effect, order);
    return code;
}

/* ---- refund ---- */

/* Money of a paid order that becomes due: without any left applied it is honoured no longer. */
static void make_due(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    bool applied = ordo_payment_in(ordo_order_money(s, order), ORDO_PLACE_APPLIED) != 0;
    if (ordo_state_is_paid(o->state) && o->amount > 0 && !applied) {
        ordo_order_refunding(s, effect, order, ORDO_EVENT_REFUND_DUE_ALL);
    }
}

uint16_t ordo_decide_refund(struct ordo_state *s, const struct ordo_refund *refund)
{
    uint32_t order = 0;
    uint16_t code = find_named(s, refund->order_id, refund->operator_name, refund->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    bool done = refund->done != 0;
    unsigned places = ORDO_PLACE_APPLIED | ORDO_PLACE_REVIEW |
                      (done || ORDO_CANARY(refund_due_twice) ? ORDO_PLACE_DUE : 0);
    int64_t there = ordo_money_there(s, order, places);
    if (there == 0) {
        code = ORDO_RESULT_REFUND_NOTHING;
    } else if (refund->amount < 0 || refund->amount > there) {
        code = ORDO_RESULT_REFUND_EXCEEDS;
    } else {
        int64_t amount = refund->amount == 0 ? there : refund->amount;
        ordo_money_back(s, order, places, amount, done);
        if (done) {
            (void)ordo_order_settle(s, effect, order);
        } else {
            make_due(s, effect, order);
        }
    }
    ordo_effect_end(s, effect, order);
    return code;
}

/* ---- freeze, unfreeze, note ---- */

void ordo_order_freeze(struct ordo_state *s, uint32_t order)
{
    ordo_order_flag(s, order, ORDO_FLAG_FROZEN);
    if (ordo_order_at(s, order)->state == ORDO_STATE_ISSUING) {
        ordo_deadline_set(s, order, 0);
    }
}

static void thaw(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    bool by_hand = (ordo_product_at(s, o->product)->options & ORDO_PRODUCT_MANUAL) != 0;
    ordo_order_unflag(s, order, ORDO_FLAG_FROZEN);
    if (o->state == ORDO_STATE_PAID && o->units == ORDO_UNITS_HELD && !by_hand) {
        ordo_order_issue(s, effect, order);
    } else if (o->state == ORDO_STATE_ISSUING) {
        ordo_order_redeliver_from_now(s, order);
    }
}

uint16_t ordo_decide_freeze(struct ordo_state *s, const struct ordo_freeze *freeze)
{
    uint32_t order = 0;
    uint16_t code = find_order(s, freeze->order_id, freeze->operator_name, freeze->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    code = ordo_order_code(ordo_order_at(s, order), ORDO_EVENT_FREEZE);
    if (code == ORDO_RESULT_OK) {
        ordo_order_freeze(s, order);
    }
    ordo_effect_end(s, effect, order);
    return code;
}

uint16_t ordo_decide_unfreeze(struct ordo_state *s, const struct ordo_unfreeze *unfreeze)
{
    uint32_t order = 0;
    uint16_t code =
        find_order(s, unfreeze->order_id, unfreeze->operator_name, unfreeze->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    code = ordo_order_code(ordo_order_at(s, order), ORDO_EVENT_UNFREEZE);
    if (code == ORDO_RESULT_OK) {
        thaw(s, effect, order);
    }
    ordo_effect_end(s, effect, order);
    return code;
}

uint16_t ordo_decide_note(struct ordo_state *s, const struct ordo_note *note)
{
    uint32_t order = 0;
    uint16_t code = find_named(s, note->order_id, note->operator_name, note->reason, &order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    if (note->reviewed != 0) {
        ordo_order_unflag(s, order, ORDO_FLAG_REVIEW);
    }
    ordo_effect_end(s, effect, order);
    return ORDO_RESULT_OK;
}
