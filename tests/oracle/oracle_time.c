/* Time and policy: ticks, the start after an outage, coupons. */
#include "oracle_parts.h"

#define ITEMS_MAX 16 /* of one tick */

static bool wants_query(const struct oracle *o, const struct o_order *order)
{
    if ((order->flags & ORDO_FLAG_QUERY_DUE) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < order->attempt_count; i++) {
        uint64_t options = o_channel(o, order->shop, order->attempts[i].channel).options;
        if ((options & ORDO_CHANNEL_CONFIRM_BY_QUERY) != 0) {
            return true;
        }
    }
    return false;
}

static void unpaid_is_due(struct oracle *o, struct o_order *order)
{
    if (wants_query(o, order)) {
        order->flags |= ORDO_FLAG_QUERY_DUE;
        (void)o_event(o, order, ORDO_EVENT_QUERY_DUE);
        order->deadline_us = o->now + (uint64_t)o->settings.query_grace_s * O_SECOND;
        return;
    }
    (void)o_event(o, order, ORDO_EVENT_EXPIRE);
    o_end_unpaid(o, order);
}

static void delivery_is_due(struct oracle *o, struct o_order *order)
{
    if (order->tries >= (uint64_t)o->settings.redelivery_max) {
        order->flags |= ORDO_FLAG_REVIEW;
        order->deadline_us = 0;
        return;
    }
    (void)o_event(o, order, ORDO_EVENT_REDELIVER);
    order->tries++;
    uint64_t after_s = (uint64_t)o->settings.redelivery_s << order->tries;
    order->deadline_us = after_s == 0 ? 0 : o->now + after_s * O_SECOND;
}

static void is_due(struct oracle *o, struct o_order *order)
{
    (void)o_touch(o, order);
    if ((order->flags & ORDO_FLAG_WAITING) != 0) {
        (void)o_event(o, order, ORDO_EVENT_WAIT_OVER);
        o_end_unpaid(o, order);
    } else if (o_is_unpaid(order)) {
        unpaid_is_due(o, order);
    } else if (order->state == ORDO_STATE_BACKORDER) {
        (void)o_move_newest(o, order, ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REFUND_DUE, INT64_MAX);
        order->flags |= ORDO_FLAG_REVIEW;
        (void)o_event(o, order, ORDO_EVENT_BACKORDER_OVER);
        o_money_back_whole(o, order, ORDO_STATE_BACKORDER);
        o_settle_empty(o, order);
    } else {
        ORDO_ASSERT(order->state == ORDO_STATE_ISSUING);
        delivery_is_due(o, order);
    }
}

static uint32_t transitions_of(const struct oracle *o, const struct o_order *order)
{
    bool empty = order->state == ORDO_STATE_BACKORDER &&
                 o_sum(o, order, ORDO_ACCOUNT_APPLIED) == 0 &&
                 o_sum(o, order, ORDO_ACCOUNT_REFUND_DUE) == 0;
    return empty ? 2 : 1;
}

/* What is due when the tick begins, each once, by (deadline, order of creation of the row). */
void o_tick(struct oracle *o, uint64_t now_us)
{
    uint64_t until = now_us < o->now ? now_us : o->now;
    struct o_order *due[ITEMS_MAX];
    uint32_t count = 0;
    while (count < ITEMS_MAX) {
        struct o_order *next = NULL;
        for (uint32_t i = 0; i < o->t.order_count; i++) {
            struct o_order *order = &o->t.orders[i];
            bool chosen = order->deadline_us == 0 || order->deadline_us > until;
            for (uint32_t k = 0; k < count; k++) {
                chosen = chosen || due[k] == order;
            }
            if (!chosen && (next == NULL || order->deadline_us < next->deadline_us)) {
                next = order;
            }
        }
        if (next == NULL) {
            break;
        }
        due[count++] = next;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (o_transitions(o) + transitions_of(o, due[i]) > ORDO_TRANSITIONS_MAX) {
            break;
        }
        is_due(o, due[i]);
    }
}

void o_resume(struct oracle *o, uint64_t now_us)
{
    uint64_t at = now_us < o->now ? now_us : o->now;
    uint64_t least = at + (uint64_t)o->settings.resume_grace_s * O_SECOND;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        struct o_order *order = &o->t.orders[i];
        if (o_is_unpaid(order) && order->deadline_us < least) {
            order->deadline_us = least;
        }
    }
}

uint16_t o_coupon_put(struct oracle *o, uint32_t shop, const struct ordo_coupon_put *put)
{
    bool window = put->valid_until_us == 0 || put->valid_until_us > put->valid_from_us;
    bool some = put->discount > 0 || put->discount_share > 0;
    if (!ordo_text_is_valid(put->coupon) || !window || put->discount < 0 || !some) {
        return ORDO_RESULT_COUPON_INVALID;
    }
    if (put->product != 0 && o_find_product(o, shop, put->product) == NULL) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    struct o_coupon *c = NULL;
    for (uint32_t i = 0; i < o->coupon_count && c == NULL; i++) {
        bool same = o->t.coupons[i].shop == shop && o_is(o->t.coupons[i].text, put->coupon);
        c = same ? &o->t.coupons[i] : NULL;
    }
    if (c == NULL) {
        ORDO_ASSERT(o->coupon_count < O_COUPONS_MAX);
        c = &o->t.coupons[o->coupon_count++];
        c->shop = shop;
        o_text(c->text, sizeof(c->text), put->coupon);
    }
    c->put = *put;
    return ORDO_RESULT_OK;
}
