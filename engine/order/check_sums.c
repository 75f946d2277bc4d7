#include "order/parts.h"

#include <inttypes.h>

/* The sums that the decisions keep, held against each other: cheap enough for a node at work, where
 * a walk over all rows (check.c) is not. One call looks at the head and at ROWS_A_CALL rows each of
 * products, balances and coupons, going on where the last one ended.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)
#define ROWS_A_CALL       16

static enum ordo_err check_head(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint64_t orders = 0;
    uint64_t facts = 0;
    for (uint32_t i = 0; i < ORDO_STATE_COUNT; i++) {
        orders += head->orders_in[i];
    }
    for (uint32_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        facts += head->facts_with[i];
    }
    if (orders != head->used[ORDO_TABLE_ORDER]) {
        return BROKEN(
            fail,
            "I9: %" PRIu64 " orders over all states, %u rows",
            orders,
            head->used[ORDO_TABLE_ORDER]);
    }
    if (facts != head->facts) {
        return BROKEN(
            fail, "I5: %" PRIu64 " dispositions for %" PRIu64 " facts", facts, head->facts);
    }
    return ORDO_OK;
}

static enum ordo_err check_product(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, row);
    uint64_t sum = p->free + p->held + p->bound + p->revealed + p->voided;
    bool numbered = p->stock_mode == ORDO_STOCK_CARDS || p->stock_mode == ORDO_STOCK_PRESELECT ||
                    p->stock_mode == ORDO_STOCK_COUNTED;
    if (numbered && p->imported != sum) {
        return BROKEN(
            fail,
            "I1: product %u: imported %" PRIu64 ", free, held, bound, revealed and void %" PRIu64,
            p->product,
            p->imported,
            sum);
    }
    if (p->held_unpaid > p->held || (p->backorder_first == 0) != (p->backorder_count == 0) ||
        (p->wait_first == 0) != (p->wait_count == 0)) {
        return BROKEN(fail, "I2: product %u: holds or queues are miscounted", p->product);
    }
    return ORDO_OK;
}

static enum ordo_err check_balance(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_balance_row *balance = ordo_balance_at(s, row);
    const int64_t *a = balance->accounts;
    int64_t in = a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL];
    int64_t placed = a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] +
                     a[ORDO_ACCOUNT_REFUNDED] + a[ORDO_ACCOUNT_REVIEW];
    bool negative = false;
    for (uint32_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        negative = negative || a[i] < 0;
    }
    if (in != placed || negative) {
        return BROKEN(
            fail,
            "I7: channel %u, currency %u: received and manual %" PRId64 ", placed %" PRId64,
            balance->channel,
            balance->currency,
            in,
            placed);
    }
    return ORDO_OK;
}

static enum ordo_err check_coupon(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_coupon_row *c = ordo_coupon_at(s, row);
    bool within = c->used - c->returned <= (uint64_t)c->uses_max + c->overdrawn;
    if (c->returned > c->used || (!within && !c->lowered)) {
        return BROKEN(
            fail,
            "I6: coupon row %u: %" PRIu64 " used, %" PRIu64 " returned, at most %u",
            row,
            c->used,
            c->returned,
            c->uses_max);
    }
    return ORDO_OK;
}

typedef enum ordo_err check_row(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail);

static enum ordo_err check_some(
    const struct ordo_state *s,
    enum ordo_table_id table,
    uint32_t from,
    check_row *check,
    struct ordo_fail *fail)
{
    uint32_t used = ordo_head(s)->used[table];
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < ROWS_A_CALL && i < used && err == ORDO_OK; i++) {
        err = check(s, (from + i) % used + 1, fail);
    }
    return err;
}

enum ordo_err
ordo_state_check_sums(const struct ordo_state *state, uint32_t *cursor, struct ordo_fail *fail)
{
    uint32_t from = *cursor;
    *cursor += ROWS_A_CALL;
    enum ordo_err err = check_head(state, fail);
    if (err == ORDO_OK) {
        err = check_some(state, ORDO_TABLE_PRODUCT, from, check_product, fail);
    }
    if (err == ORDO_OK) {
        err = check_some(state, ORDO_TABLE_BALANCE, from, check_balance, fail);
    }
    if (err == ORDO_OK) {
        err = check_some(state, ORDO_TABLE_COUPON, from, check_coupon, fail);
    }
    return err;
}
