#include "order/parts.h"

#include <inttypes.h>

/* The invariants of what a create takes besides units: buyers' counts, second keys, extra rows,
 * uses of coupons; see check.c. Counts of rows that many orders share are compared as weighted
 * sums: each row has a weight of 64 mixed bits, the orders and the rows add up (count x weight),
 * and the sums are equal when every row has its own orders' count; a wrong row hides with a chance
 * of 2^-64. So a million orders and a million buyers take one pass over each, and no memory.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

static uint64_t weight_of(uint32_t row)
{
    return ordo_mix(row, 0x686f6c6473); /* any constant */
}

static bool is_held(const struct ordo_order_row *o)
{
    return ordo_state_is_unpaid(o->state) || ordo_order_is_waiting(o);
}

/* ---- I8: buyers and second keys ---- */

struct sums {
    uint64_t held;
    uint64_t paid;
};

static void add_units(struct sums *sums, uint32_t row, uint64_t held, uint64_t paid)
{
    sums->held += held * weight_of(row);
    sums->paid += paid * weight_of(row);
}

/* The buyer row counts the product and, for a buyer, belongs to him. */
static bool
is_row_of(const struct ordo_state *s, uint32_t row, uint32_t product, const uint8_t *buyer)
{
    if (row == 0 || row > ordo_head(s)->used[ORDO_TABLE_BUYER]) {
        return false;
    }
    const struct ordo_buyer_row *at = ordo_buyer_at(s, row);
    return at->product == product && (buyer == NULL || ordo_id_equal(at->buyer, buyer));
}

static enum ordo_err
check_order(const struct ordo_state *s, uint32_t order, struct sums *sums, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    bool held = is_held(o);
    bool paid = ordo_state_is_paid(o->state);
    uint32_t second = ordo_extra_at(s, o->extra)->second_row;
    bool counts = held || paid;
    if (counts != (o->buyer_row != 0) ||
        (counts && !is_row_of(s, o->buyer_row, o->product, o->buyer))) {
        return BROKEN(
            fail, "I8: order row %u and buyer row %u do not belong together", order, o->buyer_row);
    }
    if (second != 0 && (!held || !is_row_of(s, second, o->product | ORDO_SECOND_KEY, NULL))) {
        return BROKEN(
            fail, "I8: order row %u and second key's row %u do not belong together", order, second);
    }
    add_units(sums, o->buyer_row, held ? o->quantity : 0, paid ? o->quantity : 0);
    if (second != 0) {
        add_units(sums, second, o->quantity, 0);
    }
    return ORDO_OK;
}

static enum ordo_err
check_buyer(const struct ordo_state *s, uint32_t row, struct sums *sums, struct ordo_fail *fail)
{
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
    bool is_second = (buyer->product & ORDO_SECOND_KEY) != 0;
    if (ordo_buyer_find(s, buyer->product, buyer->buyer) != row ||
        (uint64_t)buyer->held + buyer->paid == 0 || (is_second && buyer->paid != 0)) {
        return BROKEN(
            fail,
            "I8: buyer row %u of product row %u: %u held and %u paid, or it is not found",
            row,
            buyer->product & ~ORDO_SECOND_KEY,
            buyer->held,
            buyer->paid);
    }
    add_units(sums, row, buyer->held, buyer->paid);
    return ORDO_OK;
}

/* The rows given back are those of no product, each once. */
static enum ordo_err
check_given_back(const struct ordo_state *s, uint64_t live, struct ordo_fail *fail)
{
    uint64_t used = ordo_head(s)->used[ORDO_TABLE_BUYER];
    uint64_t count = 0;
    uint32_t row = ordo_head(s)->buyer_free;
    for (; row != 0 && row <= used && count <= used; row = ordo_buyer_at(s, row)->next_free) {
        count += ordo_buyer_at(s, row)->product == 0;
    }
    if (row != 0 || count + live != used) {
        return BROKEN(
            fail,
            "I8: of %" PRIu64 " buyer rows %" PRIu64 " count and %" PRIu64 " were given back",
            used,
            live,
            count);
    }
    return ORDO_OK;
}

static enum ordo_err check_buyers(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    struct sums of_orders = {0, 0};
    struct sums of_rows = {0, 0};
    uint64_t live = 0;
    enum ordo_err err = ORDO_OK;
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_ORDER] && err == ORDO_OK; row++) {
        err = check_order(s, row, &of_orders, fail);
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_BUYER] && err == ORDO_OK; row++) {
        if (ordo_buyer_at(s, row)->product != 0) {
            err = check_buyer(s, row, &of_rows, fail);
            live++;
        }
    }
    if (err != ORDO_OK) {
        return err;
    }
    if (of_orders.held != of_rows.held || of_orders.paid != of_rows.paid) {
        return BROKEN(
            fail,
            "I8: a buyer or second key counts other units %s than its orders have",
            of_orders.held != of_rows.held ? "held" : "paid");
    }
    return check_given_back(s, live, fail);
}

/* ---- extra rows and coupons ---- */

/* Whether the use of its coupon must count (1), must not (0), or depends on what was bound (-1). */
static int use_of(const struct ordo_order_row *o)
{
    if (is_held(o) || ordo_state_is_paid(o->state)) {
        return 1;
    }
    return o->state == ORDO_STATE_EXPIRED || o->state == ORDO_STATE_CANCELLED ? 0 : -1;
}

static enum ordo_err check_extra(const struct ordo_state *s, uint32_t extra, struct ordo_fail *fail)
{
    const struct ordo_extra_row *e = ordo_extra_at(s, extra);
    const struct ordo_head_row *head = ordo_head(s);
    bool exists = e->order != 0 && e->order <= head->used[ORDO_TABLE_ORDER];
    if (!exists || ordo_order_at(s, e->order)->extra != extra) {
        return BROKEN(
            fail, "extra row %u and order row %u do not name each other", extra, e->order);
    }
    int use = use_of(ordo_order_at(s, e->order));
    if (e->coupon > head->used[ORDO_TABLE_COUPON] || (e->coupon == 0 && e->coupon_live) ||
        (e->coupon != 0 && use >= 0 && e->coupon_live != (use == 1))) {
        return BROKEN(
            fail,
            "order row %u in state %s: its use of coupon row %u %s",
            e->order,
            ordo_state_name(ordo_order_at(s, e->order)->state),
            e->coupon,
            e->coupon_live ? "counts" : "does not count");
    }
    return ORDO_OK;
}

static enum ordo_err check_coupon(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_coupon_row *c = ordo_coupon_at(s, row);
    if (ordo_coupon_find(s, c->shop, ordo_coupon_text(c)) != row) {
        return BROKEN(fail, "coupon row %u is not found by its text", row);
    }
    bool within = c->used - c->returned <= c->uses_max + c->overdrawn;
    if (c->returned > c->used || (!within && !c->lowered)) {
        return BROKEN(
            fail,
            "coupon row %u: %" PRIu64 " used, %" PRIu64 " returned, %" PRIu64 " overdrawn, of %u",
            row,
            c->used,
            c->returned,
            c->overdrawn,
            c->uses_max);
    }
    return ORDO_OK;
}

static enum ordo_err check_coupons(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint64_t of_orders = 0;
    uint64_t of_rows = 0;
    enum ordo_err err = ORDO_OK;
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_EXTRA] && err == ORDO_OK; row++) {
        const struct ordo_extra_row *e = ordo_extra_at(s, row);
        err = check_extra(s, row, fail);
        of_orders += e->coupon_live ? weight_of(e->coupon) : 0;
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_COUPON] && err == ORDO_OK; row++) {
        const struct ordo_coupon_row *c = ordo_coupon_at(s, row);
        err = check_coupon(s, row, fail);
        of_rows += (c->used - c->returned) * weight_of(row);
    }
    if (err == ORDO_OK && of_orders != of_rows) {
        return BROKEN(fail, "a coupon counts other uses than its orders have");
    }
    return err;
}

enum ordo_err ordo_check_holds(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = check_buyers(s, fail);
    return err == ORDO_OK ? check_coupons(s, fail) : err;
}
