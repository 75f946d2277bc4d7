#include "order/parts.h"

/* A create whose order number is there already: the same content again, something else under the
 * same number, or a number that was released before it was created. What is not compared (second
 * key, wait, card, length of the hold) does not make it another order.
 */

struct content {
    struct ordo_bytes buyer;
    uint64_t product;
    uint64_t quantity;
    int64_t amount;
    uint64_t currency;
    struct ordo_bytes coupon;
};

static struct content content_of_create(const struct ordo_create *create)
{
    return (struct content){
        .buyer = create->buyer,
        .product = create->product,
        .quantity = create->quantity,
        .amount = create->amount,
        .currency = create->currency,
        .coupon = create->coupon,
    };
}

static struct content content_of_order(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    uint32_t coupon = ordo_extra_at(s, o->extra)->coupon; /* rows 0 are all zero */
    return (struct content){
        .buyer = {o->buyer, ORDO_ID_SIZE},
        .product = p->product,
        .quantity = o->quantity,
        .amount = o->amount,
        .currency = p->currency,
        .coupon = ordo_coupon_text(ordo_coupon_at(s, coupon)),
    };
}

static uint16_t compare(const struct content *first, const struct content *again)
{
    if (!ordo_id_equal(first->buyer.data, again->buyer.data)) {
        return ORDO_RESULT_ORDER_BUYER;
    }
    if (first->product != again->product) {
        return ORDO_RESULT_ORDER_PRODUCT;
    }
    if (first->quantity != again->quantity) {
        return ORDO_RESULT_ORDER_QUANTITY;
    }
    if (first->amount != again->amount) {
        return ORDO_RESULT_ORDER_AMOUNT;
    }
    if (first->currency != again->currency) {
        return ORDO_RESULT_ORDER_CURRENCY;
    }
    return ordo_bytes_equal(first->coupon, again->coupon) ? ORDO_RESULT_ORDER_EXISTS
                                                          : ORDO_RESULT_ORDER_COUPON;
}

uint16_t ordo_create_compare(const struct ordo_state *s, struct ordo_create_case *c)
{
    if (!ordo_text_is_valid(c->create->order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    struct content content = content_of_create(c->create);
    for (uint32_t i = 0; i < c->earlier_count; i++) {
        struct content first = content_of_create(c->earlier[i].create);
        if (ordo_bytes_equal(c->earlier[i].create->order_id, c->create->order_id)) {
            return compare(&first, &content);
        }
    }
    c->order = ordo_order_find(s, s->command.shop, c->create->order_id);
    const struct ordo_order_row *o = ordo_order_at(s, c->order); /* row 0 is in state NONE */
    c->known = o->state != ORDO_STATE_NONE || ordo_order_is_waiting(o);
    if (!c->known) {
        return ORDO_RESULT_OK;
    }
    if (o->product == 0) {
        return ORDO_RESULT_STATE_CANCELLED; /* it was released before it was created */
    }
    struct content first = content_of_order(s, c->order);
    return compare(&first, &content);
}
