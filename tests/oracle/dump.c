/* What the oracle holds, in the shape of the engine's answers to queries. */
#include "oracle_parts.h"

bool oracle_order(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_order_view *view)
{
    if (index >= o->t.order_count) {
        return false;
    }
    const struct o_order *order = &o->t.orders[index];
    *shop = order->shop;
    *view = (struct ordo_order_view){
        .order_id = {(const uint8_t *)order->id, (uint32_t)strlen(order->id)},
        .buyer = {order->buyer, ORDO_ID_SIZE},
        .product = order->product,
        .quantity = order->quantity,
        .amount = order->amount,
        .currency = order->currency,
        .state = order->state,
        .flags = order->flags,
        .version = order->version,
        .created_us = order->created_us,
        .changed_us = order->changed_us,
        .deadline_us = order->deadline_us,
        .paid = o_sum(o, order, ORDO_ACCOUNT_APPLIED),
        .refund_due = o_sum(o, order, ORDO_ACCOUNT_REFUND_DUE),
        .refunded = o_sum(o, order, ORDO_ACCOUNT_REFUNDED),
        .review = o_sum(o, order, ORDO_ACCOUNT_REVIEW),
        .last_seq = order->last_seq,
        .card_count = order->card_count,
    };
    memcpy(view->cards, order->cards, order->card_count * sizeof(view->cards[0]));
    return true;
}

bool oracle_stock(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_stock_view *view)
{
    if (index >= o->product_count) {
        return false;
    }
    const struct o_product *p = &o->t.products[index];
    *shop = p->shop;
    *view = (struct ordo_stock_view){
        .product = p->put.product,
        .price = p->put.price,
        .currency = (uint32_t)p->put.currency,
        .stock_mode = (uint8_t)p->put.stock_mode,
        .imported = p->imported,
        .available = o_head(o, p) != NULL ? 0 : o_free(o, p),
        .held = o_units(o, p, O_HELD, false),
        .bound = o_units(o, p, O_BOUND, false),
        .revealed = o_units(o, p, O_REVEALED, false),
        .voided = p->voided,
    };
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *order = &o->t.orders[i];
        bool of_it = order->shop == p->shop && order->product == p->put.product;
        view->backorders += of_it && order->state == ORDO_STATE_BACKORDER;
        view->waiting += of_it && (order->flags & ORDO_FLAG_WAITING) != 0;
    }
    return true;
}

bool oracle_coupon(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_coupon_view *view)
{
    if (index >= o->coupon_count) {
        return false;
    }
    const struct o_coupon *c = &o->t.coupons[index];
    *shop = c->shop;
    *view = (struct ordo_coupon_view){
        .coupon = {(const uint8_t *)c->text, (uint32_t)strlen(c->text)},
        .product = c->put.product,
        .discount = c->put.discount,
        .discount_share = (uint32_t)c->put.discount_share,
        .uses_max = c->put.uses_max,
        .used = c->used,
        .returned = c->returned,
        .overdrawn = c->overdrawn,
        .valid_from_us = c->put.valid_from_us,
        .valid_until_us = c->put.valid_until_us,
    };
    return true;
}

bool oracle_balance(const struct oracle *o, uint32_t index, struct ordo_balance *balance)
{
    if (index >= o->t.balance_count) {
        return false;
    }
    *balance = o->t.balances[index];
    return true;
}

bool oracle_payment(const struct oracle *o, uint32_t index, struct oracle_payment *payment)
{
    if (index >= o->t.payment_count) {
        return false;
    }
    const struct o_payment *p = &o->t.payments[index];
    *payment = (struct oracle_payment){
        .shop = p->shop,
        .channel = p->channel,
        .merchant = p->merchant,
        .trade_no = p->trade_no,
        .order = p->order,
    };
    return true;
}

uint64_t oracle_next_deadline_us(const struct oracle *o)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        uint64_t deadline = o->t.orders[i].deadline_us;
        next = deadline != 0 && deadline < next ? deadline : next;
    }
    return o->noted_count != 0 ? 0 : next;
}
