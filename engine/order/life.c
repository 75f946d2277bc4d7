#include "order/parts.h"

/* The ways of an order that several decisions share: it is admitted to a hold, paid, issued, and
 * gives back what it had. Each is called after everything was checked; they compose the parts
 * (stock, queue, buyers, coupons, deadlines) in one place, so that a create, a late payment, a
 * mark-paid and a promotion from the waitlist cannot differ in what they do.
 *
 * A payment that came before its order waits on a placeholder row of the order's number: admission
 * takes money of exactly the order's amount at once. Other waiting money stays in review.
 */

#define ORPHANS_LOOKED_AT_MAX 64 /* waiting payments of one order that admission looks at */

static uint64_t seconds_on(const struct ordo_state *s, int64_t seconds)
{
    return s->now_us + (uint64_t)seconds * 1000000;
}

/* ---- waiting payments ---- */

uint32_t ordo_order_waiting_money(
    const struct ordo_state *s, uint32_t order, int64_t amount, uint16_t currency)
{
    uint32_t row = ordo_payment_newest(s, order);
    for (uint32_t i = 0; row != 0 && i < ORPHANS_LOOKED_AT_MAX; i++) {
        const struct ordo_payment_row *p = ordo_payment_at(s, row);
        bool waits = p->flags == ORDO_PAYMENT_RECEIVED && p->review == p->amount;
        if (waits && p->amount == amount && p->currency == currency) {
            return row;
        }
        row = p->next;
    }
    return 0;
}

void ordo_order_review_done(struct ordo_state *s, uint32_t order)
{
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    bool nothing_odd = money->review == 0 && money->refunded == 0;
    if (nothing_odd && (money->flags & ORDO_PAYMENT_CHARGEBACK) == 0) {
        ordo_order_unflag(s, order, ORDO_FLAG_REVIEW);
    }
}

/* ---- admitted ---- */

static uint64_t hold_deadline(const struct ordo_state *s, uint32_t order, uint32_t hold_ttl_s)
{
    int64_t ttl_s = hold_ttl_s;
    if (ttl_s == 0) {
        ttl_s = ordo_product_at(s, ordo_order_at(s, order)->product)->hold_ttl_s;
    }
    return seconds_on(s, ttl_s != 0 ? ttl_s : ordo_settings_of(s)->hold_ttl_s);
}

void ordo_order_admit(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, uint32_t hold_ttl_s)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    ORDO_ASSERT(o->state == ORDO_STATE_NONE && o->units == ORDO_UNITS_NONE);
    uint16_t currency = ordo_product_at(s, o->product)->currency;
    uint32_t orphan = ordo_order_waiting_money(s, order, o->amount, currency);
    bool paid = orphan != 0 || o->amount == 0;
    if ((ordo_product_at(s, o->product)->options & ORDO_PRODUCT_HOLD_AT_PAY) == 0) {
        ordo_stock_hold(s, order, !paid);
    }
    if (orphan != 0) {
        struct ordo_money change = {.review = -o->amount};
        ordo_payment_post(s, orphan, &change);
        ordo_order_review_done(s, order);
    }
    if (paid) {
        ordo_order_paid(s, effect, order, ORDO_EVENT_CREATE_PAID);
        return;
    }
    ordo_order_step(s, effect, order, ORDO_EVENT_CREATE);
    ordo_deadline_set(s, order, hold_deadline(s, order, hold_ttl_s));
}

/* ---- paid ---- */

void ordo_order_paid(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    bool was_unpaid = ordo_state_is_unpaid(o->state);
    ordo_order_step(s, effect, order, event);
    ORDO_ASSERT(o->state == ORDO_STATE_PAID);
    ordo_order_unflag(s, order, ORDO_FLAG_QUERY_DUE);
    ordo_buyer_pay(s, order);
    if (o->units == ORDO_UNITS_HELD && was_unpaid) {
        ordo_stock_paid(s, order);
    } else if (o->units == ORDO_UNITS_NONE && ordo_stock_open(p, o->quantity)) {
        ordo_stock_hold(s, order, false);
    }
    if (o->units == ORDO_UNITS_NONE) {
        ordo_order_step(s, effect, order, ORDO_EVENT_NO_STOCK);
        ordo_queue_join(s, order, ORDO_QUEUE_BACKORDER);
        ordo_deadline_set(s, order, seconds_on(s, ordo_settings_of(s)->backorder_max_s));
    } else if ((p->options & ORDO_PRODUCT_MANUAL) == 0 && (o->flags & ORDO_FLAG_FROZEN) == 0) {
        ordo_order_issue(s, effect, order);
    }
}

void ordo_order_issue(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    ordo_stock_bind(s, effect, order);
    ordo_order_step(s, effect, order, ORDO_EVENT_ISSUE);
    ordo_order_redeliver_from_now(s, order);
}

void ordo_order_redeliver_from_now(struct ordo_state *s, uint32_t order)
{
    int64_t redelivery_s = ordo_settings_of(s)->redelivery_s;
    ordo_order_edit(s, order)->tries = 0;
    ordo_deadline_set(s, order, redelivery_s == 0 ? 0 : seconds_on(s, redelivery_s));
}

/* ---- given back ---- */

void ordo_order_unhold(struct ordo_state *s, uint32_t order)
{
    ordo_queue_leave(s, order);
    ordo_order_unflag(s, order, ORDO_FLAG_WAITING | ORDO_FLAG_QUERY_DUE);
    ordo_stock_release(s, order, true);
    ordo_buyer_unhold(s, order);
    ordo_coupon_return(s, order);
}

void ordo_order_unpay(struct ordo_state *s, uint32_t order, uint8_t from)
{
    if (from == ORDO_STATE_PAID) {
        ordo_stock_release(s, order, false);
    } else if (from == ORDO_STATE_BACKORDER) {
        ordo_queue_leave(s, order);
    } else if (from == ORDO_STATE_ISSUING) {
        ordo_stock_drop(s, order);
    }
    if (from == ORDO_STATE_PAID || from == ORDO_STATE_BACKORDER) {
        ordo_coupon_return(s, order);
    }
    ordo_buyer_unpay(s, order);
}

/* ---- what few orders have ---- */

uint32_t ordo_extra_take(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->extra == 0) {
        o->extra = ordo_rows_take(s, ORDO_TABLE_EXTRA, 1);
        ordo_extra_edit(s, o->extra)->order = order;
    }
    return o->extra;
}
