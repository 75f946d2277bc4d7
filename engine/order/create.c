#include "order/parts.h"

#include <string.h>

/* create = hold: everything is checked, in a fixed order so that equal refusals have equal codes,
 * and then everything is done (life.c). A placeholder row of the order's number, made by a payment
 * that came first, is taken over.
 */

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
    if (!ordo_stock_open(p, wanted)) {
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

/* ---- create ---- */

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
    ordo_buyer_hold(s, order, create->second_key);
    ordo_order_admit(s, effect, order, (uint32_t)create->hold_ttl_s);
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
