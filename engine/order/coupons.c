#include "order/parts.h"

#include <string.h>

/* Coupons. A use counts from the create on that names the coupon until the order ends unpaid, or
 * its money goes back whole before anything was bound: then it is returned. Whether the use of an
 * order counts is one bit in its extra row, so each use is returned at most once and used -
 * returned is the number of those bits at every time (check_holds.c adds them up).
 *
 * A late payment uses the coupon again. The price was promised, so beyond the limit it is honoured
 * and counted as an overdraft: used - returned <= uses_max + overdrawn. Only an operator who puts
 * the limit below the uses that there are breaks that bound, and the row remembers it (lowered).
 */

uint64_t ordo_coupon_hash(uint32_t shop, struct ordo_bytes coupon)
{
    return ordo_text_hash(coupon, shop);
}

uint32_t ordo_coupon_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes coupon)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_COUPON];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_coupon_hash(shop, coupon), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_coupon_row *at = ordo_coupon_at(s, row);
        if (at->shop == shop && ordo_bytes_equal(ordo_coupon_text(at), coupon)) {
            return row;
        }
    }
    return 0;
}

/* The coupon of the order as a row to change; NULL without one. */
static struct ordo_coupon_row *coupon_of(struct ordo_state *s, uint32_t order)
{
    uint32_t extra = ordo_order_at(s, order)->extra; /* row 0 has no coupon */
    uint32_t coupon = ordo_extra_at(s, extra)->coupon;
    return coupon == 0 ? NULL : ordo_coupon_edit(s, coupon);
}

void ordo_coupon_use(struct ordo_state *s, uint32_t order)
{
    struct ordo_coupon_row *coupon = coupon_of(s, order);
    if (coupon == NULL || ordo_extra_at(s, ordo_order_at(s, order)->extra)->coupon_live) {
        return;
    }
    ordo_extra_edit(s, ordo_order_at(s, order)->extra)->coupon_live = true;
    coupon->used++;
    ORDO_ASSERT(coupon->used > coupon->returned);
    if (coupon->used - coupon->returned > coupon->uses_max) {
        coupon->overdrawn++;
        ordo_order_flag(s, order, ORDO_FLAG_COUPON_OVERDRAWN);
    }
}

void ordo_coupon_return(struct ordo_state *s, uint32_t order)
{
    struct ordo_coupon_row *coupon = coupon_of(s, order);
    if (coupon == NULL || !ordo_extra_at(s, ordo_order_at(s, order)->extra)->coupon_live) {
        return;
    }
    ordo_extra_edit(s, ordo_order_at(s, order)->extra)->coupon_live = false;
    coupon->returned++;
    ORDO_ASSERT(coupon->returned <= coupon->used);
}

/* ---- coupon-put ---- */

static bool is_put_valid(const struct ordo_coupon_put *put)
{
    bool has_end = put->valid_until_us != 0;
    bool has_discount = put->discount > 0 || put->discount_share != 0;
    return ordo_text_is_valid(put->coupon) && put->discount >= 0 && has_discount &&
           (!has_end || put->valid_until_us > put->valid_from_us);
}

static uint32_t make_coupon(struct ordo_state *s, struct ordo_bytes coupon)
{
    uint32_t shop = s->command.shop;
    uint32_t row = ordo_rows_take(s, ORDO_TABLE_COUPON, 1);
    struct ordo_coupon_row *made = ordo_coupon_edit(s, row);
    ORDO_ASSERT(coupon.size <= ORDO_COUPON_MAX);
    memcpy(made->coupon, coupon.data, coupon.size);
    made->coupon_size = (uint8_t)coupon.size;
    made->shop = shop;
    ordo_index_insert(&s->indexes[ORDO_INDEX_COUPON], ordo_coupon_hash(shop, coupon), row);
    return row;
}

uint16_t ordo_decide_coupon_put(struct ordo_state *s, const struct ordo_coupon_put *put)
{
    if (!is_put_valid(put)) {
        return ORDO_RESULT_COUPON_INVALID;
    }
    uint32_t product = 0;
    if (put->product != 0) {
        product = ordo_product_find(s, s->command.shop, put->product);
        if (product == 0) {
            return ORDO_RESULT_PRODUCT_UNKNOWN;
        }
    }
    uint32_t row = ordo_coupon_find(s, s->command.shop, put->coupon);
    if (row == 0 && ordo_rows_left(s, ORDO_TABLE_COUPON) == 0) {
        return ORDO_RESULT_FULL_COUPONS;
    }
    if (row == 0) {
        row = make_coupon(s, put->coupon);
    }
    struct ordo_coupon_row *coupon = ordo_coupon_edit(s, row);
    coupon->product = product;
    coupon->discount = put->discount;
    coupon->discount_share = (uint16_t)put->discount_share;
    coupon->uses_max = (uint32_t)put->uses_max;
    coupon->valid_from_us = put->valid_from_us;
    coupon->valid_until_us = put->valid_until_us;
    coupon->lowered = coupon->used - coupon->returned > coupon->uses_max + coupon->overdrawn;
    return ORDO_RESULT_OK;
}
