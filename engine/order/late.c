#include "order/parts.h"

/* An expired order that is paid after all, by a fact or by an operator, takes units again as if it
 * came now: units that nobody waits for, the purchase cap, one paid order of the product for the
 * buyer. What each caller makes of an obstacle differs (a fact's money becomes due for refund, an
 * operator is refused), so they are told apart here and weighed there.
 */

static bool has_units(const struct ordo_state *s, const struct ordo_order_row *o)
{
    uint32_t card = ordo_extra_at(s, o->extra)->card; /* row 0 names none */
    if (card != 0 && ordo_card_at(s, card)->state != ORDO_CARD_FREE) {
        return false;
    }
    return ordo_stock_open(ordo_product_at(s, o->product), o->quantity);
}

unsigned ordo_late_obstacles(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    uint32_t row = ordo_buyer_find(s, o->product, o->buyer);
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row); /* row 0 is all zero */
    uint64_t window_us = (uint64_t)ordo_settings_of(s)->late_window_s * 1000000;
    ORDO_ASSERT(o->state == ORDO_STATE_EXPIRED && o->units == ORDO_UNITS_NONE);

    unsigned found = (p->options & ORDO_PRODUCT_LATE_REFUND) != 0 ? ORDO_LATE_REFUSED : 0;
    /* an expired order stays unchanged: its last transition is the expiry */
    found |= s->now_us - o->changed_us > window_us ? ORDO_LATE_WINDOW : 0;
    found |= buyer->paid != 0 ? ORDO_LATE_PAID_TWICE : 0;
    bool capped = p->purchase_cap != 0 && (uint64_t)o->quantity + buyer->held > p->purchase_cap;
    found |= capped ? ORDO_LATE_CAP : 0;
    found |= has_units(s, o) ? 0 : ORDO_LATE_UNITS;
    return found | (ordo_buyer_room(s, row) ? 0 : ORDO_LATE_BUYERS);
}

void ordo_order_paid_late(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    if (ordo_order_at(s, order)->state == ORDO_STATE_EXPIRED) {
        ordo_order_flag(s, order, ORDO_FLAG_LATE);
        ordo_coupon_use(s, order);
    }
    ordo_order_paid(s, effect, order, event);
}
