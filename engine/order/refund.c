#include "order/parts.h"

/* Money that goes back. Gateways tell a refund as a cumulative total, in a fact of its own, in a
 * repeated PAY (Alipay) or in a CLOSE: whatever the form, the payment's refunded part becomes that
 * total, taken from what is due, then from what is applied, then from what is in review; never less
 * than before, never more than was received. An operator gives back an order's money over all its
 * payments, four at most, so that the outcome's postings stay bounded.
 *
 * Facts may come before the payment that they are about. Then the row keeps what they said without
 * a posting, and the payment, when it comes, is received straight into refunded and review: nothing
 * is issued for money that has gone.
 */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- an order's money, over its payments ---- */

static const enum ordo_place sources[] = {ORDO_PLACE_DUE, ORDO_PLACE_APPLIED, ORDO_PLACE_REVIEW};

int64_t ordo_money_there(const struct ordo_state *s, uint32_t order, unsigned places)
{
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX];
    uint32_t count = ordo_payments_in(s, order, places, 0, rows);
    int64_t there = 0;
    for (uint32_t i = 0; i < count; i++) {
        there += ordo_payment_in(ordo_payment_at(s, rows[i]), places);
    }
    return there;
}

static void take_from(
    const struct ordo_payment_row *p,
    enum ordo_place place,
    bool done,
    int64_t *left,
    struct ordo_money *change)
{
    int64_t part = least(*left, ordo_payment_in(p, place));
    *left -= part;
    change->review -= place == ORDO_PLACE_REVIEW ? part : 0;
    change->refund_due -= place == ORDO_PLACE_DUE ? part : 0;
    if (done) {
        change->refunded += part;
    } else {
        change->refund_due += part;
    }
}

void ordo_money_back(
    struct ordo_state *s, uint32_t order, unsigned places, int64_t amount, bool done)
{
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX];
    struct ordo_money changes[ORDO_PAYMENTS_TOUCHED_MAX] = {{0}};
    uint32_t count = ordo_payments_in(s, order, places, 0, rows);
    int64_t left = amount;
    for (uint32_t from = 0; from < sizeof(sources) / sizeof(sources[0]); from++) {
        for (uint32_t i = 0; i < count && (places & sources[from]) != 0; i++) {
            take_from(ordo_payment_at(s, rows[i]), sources[from], done, &left, &changes[i]);
        }
    }
    ORDO_ASSERT(left == 0);
    for (uint32_t i = 0; i < count; i++) {
        ordo_payment_post(s, rows[i], &changes[i]);
    }
}

/* ---- what that makes of the order ---- */

/* Nothing that the order was paid with is left. A free order was never paid; a frozen one waits for
 * a person. */
static bool is_all_back(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    if (ordo_payment_in(money, ORDO_PLACE_DUE | ORDO_PLACE_APPLIED) != 0) {
        return false;
    }
    bool honoured = ordo_state_is_paid(o->state);
    return !honoured || (o->amount > 0 && (o->flags & ORDO_FLAG_FROZEN) == 0);
}

/* The move of a MOVE cell; an honoured order gives back what it had. */
static void
move_back(struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    uint8_t from = ordo_order_at(s, order)->state;
    ordo_order_step(s, effect, order, event);
    if (ordo_state_is_paid(from)) {
        ordo_order_unpay(s, order, from);
    } else if (ordo_state_is_unpaid(from)) {
        ordo_order_unhold(s, order);
    }
}

uint8_t ordo_order_settle(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    bool all = is_all_back(s, order);
    enum ordo_event event = all ? ORDO_EVENT_REFUND_ALL : ORDO_EVENT_REFUND_PART;
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, order)->state, event);
    if (cell->action == ORDO_CELL_MOVE) {
        move_back(s, effect, order, event);
    }
    return cell->disposition;
}

void ordo_order_refunding(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    move_back(s, effect, order, event);
    ORDO_ASSERT(ordo_order_at(s, order)->state == ORDO_STATE_REFUNDING);
    if (is_all_back(s, order)) {
        ordo_order_step(s, effect, order, ORDO_EVENT_REFUND_ALL);
    }
}

/* ---- refunds that a gateway tells ---- */

/* A refund of a payment that was not seen yet. */
static uint8_t note_refund(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->payment == 0) {
        ordo_fact_add_payment(s, c);
    }
    struct ordo_payment_row *p = ordo_payment_edit(s, c->payment);
    bool is_news = p->disposition == 0 || c->fact->refund_total > p->refunded;
    if (c->fact->refund_total > p->refunded) {
        p->refunded = c->fact->refund_total;
    }
    ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    return is_news ? ORDO_DISPOSITION_ORPHAN : ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
}

uint8_t ordo_fact_refund(struct ordo_state *s, struct ordo_fact_case *c)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment); /* row 0: not received */
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return note_refund(s, c);
    }
    if (c->fact->refund_total > p->amount) {
        ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    }
    int64_t delta = least(c->fact->refund_total, p->amount) - p->refunded;
    if (delta <= 0) {
        return ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
    }
    int64_t from_due = least(delta, p->refund_due);
    int64_t from_applied = least(delta - from_due, ordo_payment_applied(p));
    int64_t from_review = delta - from_due - from_applied;
    ORDO_ASSERT(from_review <= p->review);
    struct ordo_money change = {.refund_due = -from_due, .refunded = delta, .review = -from_review};
    ordo_payment_post(s, c->payment, &change);
    return ordo_order_settle(s, c->effect, c->order);
}

uint8_t ordo_fact_pay_refunded(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->payment == 0) {
        ordo_fact_add_payment(s, c);
    }
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment);
    int64_t total = p->refunded > c->fact->refund_total ? p->refunded : c->fact->refund_total;
    struct ordo_money place = {.refunded = least(total, c->fact->amount)};
    place.review = c->fact->amount - place.refunded;
    ordo_payment_receive(s, c->payment, c->fact->amount, &place);
    ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    return ordo_fact_stay(s, c, ORDO_EVENT_REFUND_PART);
}

uint8_t ordo_fact_chargeback(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->payment == 0) {
        ordo_fact_add_payment(s, c);
    }
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment);
    if ((p->flags & ORDO_PAYMENT_CHARGEBACK) != 0) {
        return ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
    }
    ordo_payment_charge_back(s, c->payment);
    ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    ordo_order_freeze(s, c->order);
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return ORDO_DISPOSITION_ORPHAN;
    }
    struct ordo_money change = {.review = ordo_payment_applied(p)};
    ordo_payment_post(s, c->payment, &change);
    return ordo_fact_stay(s, c, ORDO_EVENT_CHARGEBACK);
}
