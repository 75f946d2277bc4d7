#include "order/parts.h"

#include <string.h>

/* create = hold: everything is checked, in a fixed order so that equal refusals have equal codes,
 * and then everything is done. A payment that came before its order waits on a placeholder row of
 * the order's number: create takes the row over, and money of exactly the order's amount pays it at
 * once. Other waiting money stays in review for a person.
 */

#define ORPHANS_LOOKED_AT_MAX 64 /* waiting payments of one order that create looks at */

void ordo_order_paid(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    bool held_unpaid = ordo_state_is_unpaid(o->state);
    ordo_order_step(s, effect, order, event);
    ORDO_ASSERT(o->state == ORDO_STATE_PAID);
    ordo_buyer_pay(s, order, held_unpaid);
    if ((ordo_product_at(s, o->product)->options & ORDO_PRODUCT_MANUAL) == 0) {
        ordo_stock_bind(s, effect, order);
        ordo_order_step(s, effect, order, ORDO_EVENT_ISSUE);
    }
}

/* ---- checks ---- */

static uint16_t
compare_existing(const struct ordo_state *s, uint32_t row, const struct ordo_create *create)
{
    const struct ordo_order_row *o = ordo_order_at(s, row);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    if (memcmp(o->buyer, create->buyer.data, ORDO_ID_SIZE) != 0) {
        return ORDO_RESULT_ORDER_BUYER;
    }
    if (p->product != create->product) {
        return ORDO_RESULT_ORDER_PRODUCT;
    }
    if (o->quantity != create->quantity) {
        return ORDO_RESULT_ORDER_QUANTITY;
    }
    if (o->amount != create->amount) {
        return ORDO_RESULT_ORDER_AMOUNT;
    }
    if (p->currency != create->currency) {
        return ORDO_RESULT_ORDER_CURRENCY;
    }
    return ordo_machine_cell(o->state, ORDO_EVENT_CREATE)->code;
}

static uint16_t
check_sale(const struct ordo_state *s, uint32_t product, const struct ordo_create *create)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    int64_t total;
    if (create->quantity == 0 || create->quantity > ORDO_QUANTITY_MAX) {
        return ORDO_RESULT_QUANTITY_INVALID;
    }
    if (create->currency != p->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    if (__builtin_mul_overflow(p->price, (int64_t)create->quantity, &total) ||
        total != create->amount) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (create->coupon.size != 0) {
        return ORDO_RESULT_COUPON_UNKNOWN;
    }
    if (create->card != 0) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (s->now_us < p->sale_from_us) {
        return ORDO_RESULT_SALE_NOT_OPEN;
    }
    if (p->sale_until_us != 0 && s->now_us >= p->sale_until_us) {
        return ORDO_RESULT_SALE_OVER;
    }
    return ORDO_RESULT_OK;
}

static uint16_t
check_limits(const struct ordo_state *s, uint32_t product, const struct ordo_create *create)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint32_t row = ordo_buyer_find(s, product, create->buyer.data);
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row); /* row 0 is all zero */
    uint64_t quota = (uint64_t)ordo_settings_of(s)->buyer_quota;
    uint64_t wanted = create->quantity;
    if (p->purchase_cap != 0 && wanted + buyer->held + buyer->paid > p->purchase_cap) {
        return ORDO_RESULT_PURCHASE_CAP;
    }
    if (quota != 0 && create->amount != 0 && wanted + buyer->held > quota) {
        return ORDO_RESULT_HOLD_QUOTA;
    }
    if (!ordo_stock_has(p, wanted)) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    return ordo_buyer_room(s, row) ? ORDO_RESULT_OK : ORDO_RESULT_FULL_BUYERS;
}

static uint16_t
check_create(const struct ordo_state *s, uint32_t product, const struct ordo_create *create)
{
    if (product == 0) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    uint16_t code = check_sale(s, product, create);
    if (code == ORDO_RESULT_OK) {
        code = check_limits(s, product, create);
    }
    return code;
}

/* ---- waiting payments ---- */

static uint32_t find_exact_orphan(const struct ordo_state *s, uint32_t order, uint16_t currency)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t row = o->payment;
    for (uint32_t i = 0; row != 0 && i < ORPHANS_LOOKED_AT_MAX; i++) {
        const struct ordo_payment_row *p = ordo_payment_at(s, row);
        bool waits = p->kind == ORDO_PAYMENT_ONE && p->flags == ORDO_PAYMENT_RECEIVED &&
                     p->review == p->amount;
        if (waits && p->amount == o->amount && p->currency == currency) {
            return row;
        }
        row = p->next;
    }
    return 0;
}

static void clear_review(struct ordo_state *s, uint32_t order)
{
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    bool nothing_odd = money->review == 0 && money->refunded == 0;
    if (nothing_odd && (money->flags & ORDO_PAYMENT_CHARGEBACK) == 0) {
        struct ordo_order_row *o = ordo_order_edit(s, order);
        o->flags = (uint8_t)(o->flags & ~ORDO_FLAG_REVIEW);
    }
}

/* ---- create ---- */

static uint64_t ttl_us(const struct ordo_state *s, uint32_t product, uint64_t wanted_s)
{
    uint64_t ttl_s = wanted_s != 0 ? wanted_s : ordo_product_at(s, product)->hold_ttl_s;
    if (ttl_s == 0) {
        ttl_s = (uint64_t)ordo_settings_of(s)->hold_ttl_s;
    }
    return ttl_s * 1000000;
}

static void
make_order(struct ordo_state *s, uint32_t order, uint32_t product, const struct ordo_create *create)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    memcpy(o->buyer, create->buyer.data, ORDO_ID_SIZE);
    o->product = product;
    o->quantity = (uint8_t)create->quantity;
    o->amount = create->amount;
    o->created_us = s->now_us;
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    ordo_stock_hold(s, order);

    uint32_t orphan = find_exact_orphan(s, order, ordo_product_at(s, product)->currency);
    if (orphan != 0) {
        struct ordo_money change = {.review = -o->amount};
        ordo_payment_post(s, orphan, &change);
        clear_review(s, order);
    }
    if (orphan != 0 || o->amount == 0) {
        ordo_order_paid(s, effect, order, ORDO_EVENT_CREATE_PAID);
    } else {
        o->deadline_us = s->now_us + ttl_us(s, product, create->hold_ttl_s);
        ordo_order_step(s, effect, order, ORDO_EVENT_CREATE);
        ordo_buyer_hold(s, order);
        ordo_deadline_add(s, order);
    }
    ordo_effect_end(s, effect, order);
}

uint16_t ordo_decide_create(struct ordo_state *s, const struct ordo_create *create)
{
    if (!ordo_text_is_valid(create->order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    uint32_t row = ordo_order_find(s, s->command.shop, create->order_id);
    if (row != 0 && ordo_order_at(s, row)->state != ORDO_STATE_NONE) {
        struct ordo_effect *effect = ordo_effect_begin(s, row, true);
        ordo_effect_end(s, effect, row);
        return compare_existing(s, row, create);
    }
    uint32_t product = ordo_product_find(s, s->command.shop, create->product);
    uint16_t code = check_create(s, product, create);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint64_t orders_max = (uint64_t)ordo_settings_of(s)->orders_max;
    if (row == 0 && ordo_head(s)->used[ORDO_TABLE_ORDER] >= orders_max) {
        return ORDO_RESULT_FULL_ORDERS;
    }
    if (row == 0) {
        row = ordo_order_add(s, s->command.shop, create->order_id);
    }
    make_order(s, row, product, create);
    return ORDO_RESULT_OK;
}
