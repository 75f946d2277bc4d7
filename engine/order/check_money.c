#include "order/parts.h"

#include <inttypes.h>

/* The invariants of money, buyers and identity; see check.c. */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

static void add_payment(int64_t sums[ORDO_ACCOUNT_COUNT], const struct ordo_payment_row *p)
{
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return;
    }
    sums[ORDO_ACCOUNT_RECEIVED] += p->amount;
    sums[ORDO_ACCOUNT_APPLIED] += ordo_payment_applied(p);
    sums[ORDO_ACCOUNT_REFUND_DUE] += p->refund_due;
    sums[ORDO_ACCOUNT_REFUNDED] += p->refunded;
    sums[ORDO_ACCOUNT_REVIEW] += p->review;
}

/* I7: an account is the sum of the payments, and what came in is somewhere. */
static enum ordo_err check_balance(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_balance_row *balance = ordo_balance_at(s, row);
    int64_t sums[ORDO_ACCOUNT_COUNT] = {0};
    for (uint32_t i = 1; i <= ordo_head(s)->used[ORDO_TABLE_PAYMENT]; i++) {
        const struct ordo_payment_row *p = ordo_payment_at(s, i);
        if (p->kind == ORDO_PAYMENT_ONE && p->currency == balance->currency &&
            ordo_merchant_at(s, p->merchant)->channel == balance->channel) {
            add_payment(sums, p);
        }
    }
    const int64_t *a = balance->accounts;
    for (uint32_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        if (a[i] != sums[i] || a[i] < 0) {
            return BROKEN(
                fail,
                "I7: channel %u, currency %u: %s says %" PRId64 ", its payments %" PRId64,
                balance->channel,
                balance->currency,
                ordo_account_name((uint8_t)i),
                a[i],
                sums[i]);
        }
    }
    int64_t in = a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL];
    int64_t out = a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] + a[ORDO_ACCOUNT_REFUNDED] +
                  a[ORDO_ACCOUNT_REVIEW];
    if (in != out) {
        return BROKEN(fail, "I7: received %" PRId64 " is not what became of it: %" PRId64, in, out);
    }
    return ORDO_OK;
}

static enum ordo_err
check_order_money(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    int64_t sums[ORDO_ACCOUNT_COUNT] = {0};
    int64_t head[ORDO_ACCOUNT_COUNT] = {0};
    add_payment(head, ordo_order_money(s, order));
    for (uint32_t row = o->payment; row != 0; row = ordo_payment_at(s, row)->next) {
        const struct ordo_payment_row *p = ordo_payment_at(s, row);
        if (p->order != order || (p->kind == ORDO_PAYMENT_SUMMARY && row != o->payment)) {
            return BROKEN(fail, "payment row %u hangs on order row %u wrongly", row, order);
        }
        if (p->kind == ORDO_PAYMENT_ONE) {
            add_payment(sums, p);
        }
    }
    if (memcmp(sums, head, sizeof(sums)) != 0) {
        return BROKEN(fail, "I7: order row %u: its sums are not its payments'", order);
    }
    bool given = ordo_state_is_paid(o->state) && (o->flags & ORDO_FLAG_FROZEN) == 0;
    if (given && sums[ORDO_ACCOUNT_APPLIED] > o->amount) {
        return BROKEN(fail, "I5: order row %u: more was applied than it costs", order);
    }
    if (!ordo_state_is_paid(o->state) && sums[ORDO_ACCOUNT_APPLIED] != 0) {
        return BROKEN(fail, "I6: order row %u: money is applied to an order not honoured", order);
    }
    if (o->state == ORDO_STATE_REFUNDING && sums[ORDO_ACCOUNT_REFUND_DUE] == 0) {
        return BROKEN(fail, "I6: order row %u is REFUNDING and nothing is due", order);
    }
    return ORDO_OK;
}

/* I8: a buyer's counts are the sums of his orders. */
static enum ordo_err check_buyer(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
    uint64_t held = 0;
    uint64_t paid = 0;
    for (uint32_t i = 1; i <= ordo_head(s)->used[ORDO_TABLE_ORDER]; i++) {
        const struct ordo_order_row *o = ordo_order_at(s, i);
        if (o->product != buyer->product || memcmp(o->buyer, buyer->buyer, ORDO_ID_SIZE) != 0) {
            continue;
        }
        held += ordo_state_is_unpaid(o->state) ? o->quantity : 0;
        paid += ordo_state_is_paid(o->state) ? o->quantity : 0;
    }
    if (held != buyer->held || paid != buyer->paid || held + paid == 0) {
        return BROKEN(
            fail,
            "I8: buyer row %u says %u held and %u paid, the orders %" PRIu64 " and %" PRIu64,
            row,
            buyer->held,
            buyer->paid,
            held,
            paid);
    }
    return ORDO_OK;
}

static enum ordo_err check_ids(const struct ordo_state *s, struct ordo_fail *fail)
{
    uint32_t count = 0;
    static const uint8_t none[ORDO_ID_SIZE];
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_ID]; row++) {
        const struct ordo_id_row *id = ordo_id_at(s, row);
        if (memcmp(id->id, none, ORDO_ID_SIZE) == 0) {
            continue;
        }
        count++;
        if (ordo_id_find(s, id->id) != row) {
            return BROKEN(fail, "I10: id row %u is not found by its id", row);
        }
    }
    uint64_t dispositions = 0;
    for (uint32_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        dispositions += ordo_head(s)->facts_with[i];
    }
    if (count != ordo_head(s)->id_count || count != s->indexes[ORDO_INDEX_ID].count) {
        return BROKEN(
            fail, "I10: %u ids are there, the head says %u", count, ordo_head(s)->id_count);
    }
    if (dispositions != ordo_head(s)->facts || ordo_head(s)->facts_with[0] != 0) {
        return BROKEN(fail, "I5: a payment fact has no disposition or two");
    }
    return ORDO_OK;
}

/* A counted order has a buyer row that counts at least its units, and all rows together count what
 * all orders do. With as many pairs as one can walk, each row is compared with its own orders. */
#define PAIRS_MAX 20000000

static enum ordo_err check_buyers(const struct ordo_state *s, struct ordo_fail *fail)
{
    uint64_t orders = ordo_head(s)->used[ORDO_TABLE_ORDER];
    uint64_t buyers = ordo_head(s)->used[ORDO_TABLE_BUYER];
    uint64_t units = 0;
    uint64_t counted = 0;
    for (uint32_t row = 1; row <= orders; row++) {
        const struct ordo_order_row *o = ordo_order_at(s, row);
        bool counts = ordo_state_is_unpaid(o->state) || ordo_state_is_paid(o->state);
        units += counts ? o->quantity : 0;
    }
    enum ordo_err err = ORDO_OK;
    for (uint32_t row = 1; row <= buyers && err == ORDO_OK; row++) {
        const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
        counted += (uint64_t)buyer->held + buyer->paid;
        if (buyer->product != 0 && orders * buyers <= PAIRS_MAX) {
            err = check_buyer(s, row, fail);
        }
    }
    if (err == ORDO_OK && units != counted) {
        return BROKEN(fail, "I8: buyers count %" PRIu64 " units, orders %" PRIu64, counted, units);
    }
    return err;
}

enum ordo_err ordo_check_money(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    enum ordo_err err = check_ids(s, fail);
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_BALANCE] && err == ORDO_OK; row++) {
        err = check_balance(s, row, fail);
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_ORDER] && err == ORDO_OK; row++) {
        err = check_order_money(s, row, fail);
    }
    return err == ORDO_OK ? check_buyers(s, fail) : err;
}
