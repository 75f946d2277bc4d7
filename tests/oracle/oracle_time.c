/* Chains, time (ticks, the start after an outage), coupons. */
#include "oracle_parts.h"

#define ITEMS_MAX       16 /* of one tick */
#define CHAIN_UNITS_MAX 64

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

/* ---- chain ---- */

static void keep(struct o_tables *to, const struct o_tables *from)
{
    to->order_count = from->order_count;
    to->payment_count = from->payment_count;
    to->card_count = from->card_count;
    to->balance_count = from->balance_count;
    to->place = from->place;
    memcpy(to->products, from->products, sizeof(to->products));
    memcpy(to->coupons, from->coupons, sizeof(to->coupons));
    memcpy(to->balances, from->balances, sizeof(to->balances));
    memcpy(to->orders, from->orders, from->order_count * sizeof(to->orders[0]));
    memcpy(to->payments, from->payments, from->payment_count * sizeof(to->payments[0]));
    memcpy(to->cards, from->cards, from->card_count * sizeof(to->cards[0]));
}

static bool read_members(
    const struct ordo_chain *chain, uint32_t shop, struct ordo_command *members, uint8_t *bytes)
{
    struct ordo_reader in = ordo_reader_over(chain->members.raw.data, chain->members.raw.size);
    uint64_t units = 0;
    for (uint32_t i = 0; i < chain->members.count; i++) {
        struct ordo_bytes member = ordo_read_bytes(&in, ORDO_MEMBER_MAX);
        struct ordo_writer w = ordo_writer_over(bytes, 2 * ORDO_MEMBER_MAX);
        static const uint8_t no_id[ORDO_ID_SIZE];
        if (member.size == 0 || member.data[0] != ORDO_KIND_CREATE) {
            return false;
        }
        ordo_write_u8(&w, ORDO_KIND_CREATE);
        ordo_write_raw(&w, no_id, sizeof(no_id));
        ordo_write_varint(&w, shop);
        ordo_write_raw(&w, member.data + 1, member.size - 1);
        struct ordo_bytes whole = {bytes, (uint32_t)ordo_writer_size(&w)};
        if (!ordo_command_decode(whole, &members[i]) || members[i].create.wait_s != 0) {
            return false;
        }
        units += members[i].create.quantity;
        bytes += 2 * ORDO_MEMBER_MAX; /* the texts of the member point into it */
    }
    return chain->members.count >= 1 && units <= CHAIN_UNITS_MAX;
}

/* Done one after the other; the first refusal takes everything back. */
uint16_t o_chain(struct oracle *o, uint32_t shop, const struct ordo_chain *chain)
{
    static struct ordo_command members[ORDO_CHAIN_MAX];
    static uint8_t bytes[2 * ORDO_MEMBER_MAX * ORDO_CHAIN_MAX];
    if (!read_members(chain, shop, members, bytes)) {
        return ORDO_RESULT_CHAIN_INVALID;
    }
    keep(&o->before, &o->t);
    for (uint32_t i = 0; i < chain->members.count; i++) {
        uint16_t code = o_create(o, shop, &members[i].create);
        if (code != ORDO_RESULT_OK) {
            uint32_t made = o->t.order_count;
            keep(&o->t, &o->before);
            memset(
                &o->t.orders[o->t.order_count],
                0,
                (made - o->t.order_count) * sizeof(struct o_order));
            o->answer->effect_count = o->answer->posting_count = 0;
            o->number = i + 1;
            return code;
        }
    }
    return ORDO_RESULT_OK;
}
