#include "order/parts.h"

/* Money that goes back. Gateways tell a refund as a cumulative total, in a fact of its own, in a
 * repeated PAY (Alipay) or in a CLOSE: whatever the form, the payment's refunded part becomes that
 * total, taken from what is due, then from what is applied, then from what is in review; never less
 * than before, never more than was received.
 *
 * Facts may come before the payment that they are about. Then the row keeps what they said without
 * a posting, and the payment, when it comes, is received straight into refunded and review: nothing
 * is issued for money that has gone.
 */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Nothing that the order was paid with is left. A free order was never paid; a frozen one waits for
 * a person. */
static bool is_all_back(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    if (money->refund_due != 0 || ordo_payment_applied(money) != 0) {
        return false;
    }
    bool honoured = ordo_state_is_paid(o->state);
    return !honoured || (o->amount > 0 && (o->flags & ORDO_FLAG_FROZEN) == 0);
}

static uint8_t settle(struct ordo_state *s, const struct ordo_fact_case *c)
{
    bool all = is_all_back(s, c->order);
    enum ordo_event event = all ? ORDO_EVENT_REFUND_ALL : ORDO_EVENT_REFUND_PART;
    const struct ordo_order_row *o = ordo_order_at(s, c->order);
    uint8_t from = o->state;
    const struct ordo_cell *cell = ordo_machine_cell(from, event);
    if (cell->action != ORDO_CELL_MOVE) {
        return cell->disposition;
    }
    ordo_order_step(s, c->effect, c->order, event);
    if (ordo_state_is_paid(from)) {
        ordo_order_unpay(s, c->order, from);
    }
    return cell->disposition;
}

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
    return settle(s, c);
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
    ordo_fact_receive(s, c, &place);
    ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    return ordo_fact_stay(s, c, ORDO_EVENT_REFUND_PART);
}

uint8_t ordo_fact_chargeback(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->payment == 0) {
        ordo_fact_add_payment(s, c);
    }
    struct ordo_payment_row *p = ordo_payment_edit(s, c->payment);
    if ((p->flags & ORDO_PAYMENT_CHARGEBACK) != 0) {
        return ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
    }
    p->flags |= ORDO_PAYMENT_CHARGEBACK;
    ordo_order_flag(s, c->order, ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW);
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return ORDO_DISPOSITION_ORPHAN;
    }
    struct ordo_money change = {.review = ordo_payment_applied(p)};
    ordo_payment_post(s, c->payment, &change);
    return ordo_fact_stay(s, c, ORDO_EVENT_CHARGEBACK);
}
