#include "order/parts.h"

#include <inttypes.h>

/* The invariants of money and identity; see check.c. */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

static void add_payment(int64_t sums[ORDO_ACCOUNT_COUNT], const struct ordo_payment_row *p)
{
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return;
    }
    bool manual = (p->flags & ORDO_PAYMENT_MANUAL) != 0;
    sums[manual ? ORDO_ACCOUNT_MANUAL : ORDO_ACCOUNT_RECEIVED] += p->amount;
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

/* A payment is found by its number; an operator's word has none. */
static enum ordo_err check_payment(const struct ordo_state *s, uint32_t row, struct ordo_fail *fail)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, row);
    bool manual = (p->flags & ORDO_PAYMENT_MANUAL) != 0;
    if (manual != (p->trade_size == 0) || (manual && (p->flags & ORDO_PAYMENT_RECEIVED) == 0)) {
        return BROKEN(fail, "payment row %u: a manual payment has no number, others have", row);
    }
    uint8_t text[ORDO_TRADE_NO_MAX];
    struct ordo_payment_key key = {p->merchant, ordo_trade_get(s, row, text)};
    if (!manual && ordo_payment_find(s, &key) != row) {
        return BROKEN(fail, "payment row %u is not found by its number", row);
    }
    if (manual != (ordo_payment_manual(s, p->order) == row)) {
        return BROKEN(fail, "payment row %u is not known as its order's manual payment", row);
    }
    return ORDO_OK;
}

/* What the payments of an order add up to, and how many of them are applied. */
struct order_sums {
    int64_t accounts[ORDO_ACCOUNT_COUNT];
    uint32_t applied;
    uint8_t chargeback;
};

static enum ordo_err check_chain(
    const struct ordo_state *s, uint32_t order, struct order_sums *sums, struct ordo_fail *fail)
{
    uint32_t head = ordo_order_at(s, order)->payment;
    for (uint32_t row = head; row != 0; row = ordo_payment_at(s, row)->next) {
        const struct ordo_payment_row *p = ordo_payment_at(s, row);
        if (p->order != order || (p->kind == ORDO_PAYMENT_SUMMARY && row != head)) {
            return BROKEN(fail, "payment row %u hangs on order row %u wrongly", row, order);
        }
        if (p->kind == ORDO_PAYMENT_SUMMARY) {
            continue;
        }
        enum ordo_err err = check_payment(s, row, fail);
        if (err != ORDO_OK) {
            return err;
        }
        add_payment(sums->accounts, p);
        sums->applied += ordo_payment_applied(p) != 0 ? 1 : 0;
        sums->chargeback |= p->flags & ORDO_PAYMENT_CHARGEBACK;
    }
    sums->accounts[ORDO_ACCOUNT_RECEIVED] += sums->accounts[ORDO_ACCOUNT_MANUAL];
    sums->accounts[ORDO_ACCOUNT_MANUAL] = 0; /* a summary does not tell them apart */
    return ORDO_OK;
}

static enum ordo_err
check_order_money(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    struct order_sums sums = {.applied = 0};
    int64_t head[ORDO_ACCOUNT_COUNT] = {0};
    enum ordo_err err = check_chain(s, order, &sums, fail);
    if (err != ORDO_OK) {
        return err;
    }
    add_payment(head, money);
    head[ORDO_ACCOUNT_RECEIVED] += head[ORDO_ACCOUNT_MANUAL];
    head[ORDO_ACCOUNT_MANUAL] = 0;
    if (memcmp(sums.accounts, head, sizeof(head)) != 0 ||
        sums.chargeback != (money->flags & ORDO_PAYMENT_CHARGEBACK)) {
        return BROKEN(fail, "I7: order row %u: its sums are not its payments'", order);
    }
    int64_t applied = sums.accounts[ORDO_ACCOUNT_APPLIED];
    if (sums.applied > 1 && applied > o->amount) { /* one alone may be over, by a tolerance */
        return BROKEN(fail, "I5: order row %u: more was applied than it costs", order);
    }
    if (sums.applied > ORDO_PAYMENTS_TOUCHED_MAX) {
        return BROKEN(fail, "I5: order row %u: %u payments are applied", order, sums.applied);
    }
    if (!ordo_state_is_paid(o->state) && applied != 0) {
        return BROKEN(fail, "I6: order row %u: money is applied to an order not honoured", order);
    }
    if (o->state == ORDO_STATE_REFUNDING && sums.accounts[ORDO_ACCOUNT_REFUND_DUE] == 0) {
        return BROKEN(fail, "I6: order row %u is REFUNDING and nothing is due", order);
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
        if (ordo_id_find(s, id->id, ordo_id_hash(id->id)) != row) {
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
    return err;
}
