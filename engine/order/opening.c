#include "order/opening.h"
#include "order/parts.h"
#include "order/stock.h"

/* The rows are read as they are; nothing is computed that the decisions do not keep. An order's
 * units are told one by one where they are cards, since a replaced one may be bound beside others
 * that are revealed.
 */

static bool is_row(const struct ordo_state *s, enum ordo_table_id table, uint32_t index)
{
    return index < ordo_head(s)->used[table];
}

bool ordo_opening_product(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_product *product)
{
    if (!is_row(state, ORDO_TABLE_PRODUCT, index)) {
        return false;
    }
    const struct ordo_product_row *p = ordo_product_at(state, index + 1);
    *product = (struct ordo_opening_product){
        .shop = p->shop,
        .product = p->product,
        .options = p->options,
        .purchase_cap = p->purchase_cap,
        .stock_mode = p->stock_mode,
        .imported = p->imported,
        .held = p->held,
        .bound = p->bound,
        .revealed = p->revealed,
        .backorders = p->backorder_count,
        .waiting = p->wait_count,
    };
    return true;
}

static void count_units(const struct ordo_state *s, uint32_t order, struct ordo_opening_order *out)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t cards[ORDO_CARDS_MAX];
    if (o->units == ORDO_UNITS_HELD) {
        out->held = o->unit_count;
    } else if (!ordo_stock_is_one_time(ordo_product_at(s, o->product)->stock_mode)) {
        out->bound = o->units == ORDO_UNITS_BOUND ? o->unit_count : 0;
        out->revealed = o->units == ORDO_UNITS_REVEALED ? o->unit_count : 0;
    } else {
        uint32_t count = ordo_order_cards(s, order, cards);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t state = ordo_card_at(s, cards[i])->state;
            out->bound = (uint16_t)(out->bound + (state == ORDO_CARD_BOUND));
            out->revealed = (uint16_t)(out->revealed + (state == ORDO_CARD_REVEALED));
        }
    }
}

bool ordo_opening_order(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_order *order)
{
    if (!is_row(state, ORDO_TABLE_ORDER, index)) {
        return false;
    }
    const struct ordo_order_row *o = ordo_order_at(state, index + 1);
    *order = (struct ordo_opening_order){
        .shop = o->shop,
        .order_id = {o->order_id, o->order_id_size},
        .buyer = {o->buyer, ORDO_ID_SIZE},
        .has_product = o->product != 0,
        .product = ordo_product_at(state, o->product)->product,
        .version = o->version,
        .flags = o->flags,
        .last_seq = o->last_seq,
        .amount = o->amount,
        .applied = ordo_payment_applied(ordo_order_money(state, index + 1)),
        .quantity = o->quantity,
        .state = o->state,
    };
    if (o->extra != 0 && ordo_extra_at(state, o->extra)->coupon != 0) {
        const struct ordo_extra_row *extra = ordo_extra_at(state, o->extra);
        order->coupon = ordo_coupon_text(ordo_coupon_at(state, extra->coupon));
        order->coupon_live = extra->coupon_live;
    }
    count_units(state, index + 1, order);
    return true;
}

bool ordo_opening_card(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_card *card)
{
    static const uint8_t states[] = {
        [ORDO_CARD_FREE] = ORDO_OPENING_CARD_FREE,
        [ORDO_CARD_HELD] = ORDO_OPENING_CARD_FREE,
        [ORDO_CARD_BOUND] = ORDO_OPENING_CARD_BOUND,
        [ORDO_CARD_REVEALED] = ORDO_OPENING_CARD_REVEALED,
        [ORDO_CARD_VOID] = ORDO_OPENING_CARD_VOID,
    };
    if (!is_row(state, ORDO_TABLE_CARD, index)) {
        return false;
    }
    const struct ordo_card_row *c = ordo_card_at(state, index + 1);
    const struct ordo_product_row *p = ordo_product_at(state, c->product);
    ORDO_ASSERT(c->state < sizeof(states));
    bool given = c->state == ORDO_CARD_BOUND || c->state == ORDO_CARD_REVEALED;
    *card = (struct ordo_opening_card){
        .card = index + 1,
        .shop = p->shop,
        .product = p->product,
        .tag = c->tag,
        .order = given ? c->order : 0,
        .state = (enum ordo_opening_card_state)states[c->state],
    };
    return true;
}

bool ordo_opening_payment(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_payment *payment)
{
    if (!is_row(state, ORDO_TABLE_PAYMENT, index)) {
        return false;
    }
    const struct ordo_payment_row *p = ordo_payment_at(state, index + 1);
    *payment = (struct ordo_opening_payment){.received = false};
    if (p->kind != ORDO_PAYMENT_ONE) {
        return true; /* the sums of an order that has several */
    }
    const struct ordo_merchant_row *m = ordo_merchant_at(state, p->merchant);
    payment->shop = m->shop;
    payment->channel = m->channel;
    payment->merchant = (struct ordo_bytes){m->merchant, m->size};
    payment->received = (p->flags & ORDO_PAYMENT_RECEIVED) != 0;
    if (p->trade_size != 0) {
        payment->trade_no = ordo_trade_get(state, index + 1, payment->text);
    }
    return true;
}

bool ordo_opening_coupon(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_coupon *coupon)
{
    if (!is_row(state, ORDO_TABLE_COUPON, index)) {
        return false;
    }
    const struct ordo_coupon_row *c = ordo_coupon_at(state, index + 1);
    *coupon = (struct ordo_opening_coupon){
        .shop = c->shop,
        .coupon = ordo_coupon_text(c),
        .uses_max = c->uses_max,
        .used = c->used,
        .returned = c->returned,
        .overdrawn = c->overdrawn,
    };
    return true;
}

bool ordo_opening_channel(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_channel *channel)
{
    if (!is_row(state, ORDO_TABLE_CHANNEL, index)) {
        return false;
    }
    const struct ordo_channel_row *c = ordo_channel_at(state, index + 1);
    *channel = (struct ordo_opening_channel){
        .shop = c->shop, .channel = c->channel, .short_tolerance = c->short_tolerance};
    return true;
}
