#include "order/parts.h"

/* Products: the rules of what is sold. A put replaces every field but the stock mode and the
 * currency, which orders and payments that are there already go by; counted units are added to what
 * is free, so a restock is a put as well.
 */

#define PRODUCT_OPTIONS_KNOWN                                                                      \
    (ORDO_PRODUCT_MANUAL | ORDO_PRODUCT_HOLD_AT_PAY | ORDO_PRODUCT_LATE_BACKORDER |                \
     ORDO_PRODUCT_LATE_REFUND | ORDO_PRODUCT_CLOSED | ORDO_PRODUCT_DUPLICATES)

uint64_t ordo_product_hash(uint32_t shop, uint64_t product)
{
    return ordo_mix(shop, product);
}

uint32_t ordo_product_find(const struct ordo_state *s, uint32_t shop, uint64_t product)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PRODUCT];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_product_hash(shop, product), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_product_row *at = ordo_product_at(s, row);
        if (at->shop == shop && at->product == product) {
            return row;
        }
    }
    return 0;
}

/* The schema bounds stock mode and held share: a command past them does not decode. */
static uint16_t check_put(const struct ordo_product_put *put)
{
    bool has_window = put->sale_until_us != 0;
    if (put->product == 0 || put->price < 0 || put->currency == 0 ||
        (put->options & ~(uint64_t)PRODUCT_OPTIONS_KNOWN) != 0 ||
        (has_window && put->sale_until_us <= put->sale_from_us)) {
        return ORDO_RESULT_PRODUCT_INVALID;
    }
    bool at_pay = (put->options & ORDO_PRODUCT_HOLD_AT_PAY) != 0;
    if ((put->counted != 0 && put->stock_mode != ORDO_STOCK_COUNTED) ||
        (at_pay && put->stock_mode == ORDO_STOCK_PRESELECT)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    return ORDO_RESULT_OK;
}

static uint32_t make_product(struct ordo_state *s, const struct ordo_product_put *put)
{
    uint32_t shop = s->command.shop;
    uint32_t row = ordo_rows_take(s, ORDO_TABLE_PRODUCT, 1);
    struct ordo_product_row *made = ordo_product_edit(s, row);
    ORDO_ASSERT(made->product == 0);
    made->shop = shop;
    made->product = (uint32_t)put->product;
    made->stock_mode = (uint8_t)put->stock_mode;
    made->currency = (uint16_t)put->currency;
    ordo_index_insert(&s->indexes[ORDO_INDEX_PRODUCT], ordo_product_hash(shop, put->product), row);
    return row;
}

uint16_t ordo_decide_product_put(struct ordo_state *s, const struct ordo_product_put *put)
{
    uint16_t code = check_put(put);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t row = ordo_product_find(s, s->command.shop, put->product);
    if (row != 0 && ordo_product_at(s, row)->stock_mode != put->stock_mode) {
        return ORDO_RESULT_PRODUCT_MODE;
    }
    if (row != 0 && ordo_product_at(s, row)->currency != put->currency) {
        return ORDO_RESULT_PRODUCT_CURRENCY;
    }
    if (row == 0 && ordo_rows_left(s, ORDO_TABLE_PRODUCT) == 0) {
        return ORDO_RESULT_FULL_PRODUCTS;
    }
    if (row == 0) {
        row = make_product(s, put);
    }
    struct ordo_product_row *product = ordo_product_edit(s, row);
    product->price = put->price;
    product->hold_ttl_s = (uint32_t)put->hold_ttl_s;
    product->purchase_cap = (uint32_t)put->purchase_cap;
    product->sale_from_us = put->sale_from_us;
    product->sale_until_us = put->sale_until_us;
    product->options = (uint32_t)put->options;
    product->held_share = (uint16_t)put->held_share;
    product->imported += put->counted;
    product->free += put->counted;
    if (put->counted != 0) {
        ordo_serve_mark(s, row);
    }
    return ORDO_RESULT_OK;
}
