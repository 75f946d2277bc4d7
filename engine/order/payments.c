#include "order/parts.h"

#include <string.h>

/* Money. Each payment remembers where its amount stands: applied, due for refund, refunded or in
 * review; the accounts of its (channel, currency) and the sums of its order move with it in
 * ordo_payment_post(), the only place that does, so the accounts are the sums of the payments by
 * construction (check.c adds them up again).
 *
 * An order with one payment, nearly every order, reads its sums from that payment. With the second
 * payment a summary row takes their place at the head of the chain. So an order row carries no sums
 * and no decision walks a chain.
 */

/* ---- merchants ---- */

uint64_t ordo_merchant_hash(uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    return ordo_text_hash(merchant, (uint64_t)shop << 8 | channel);
}

uint32_t ordo_merchant_find(
    const struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_MERCHANT];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_merchant_hash(shop, channel, merchant), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_merchant_row *at = ordo_merchant_at(s, row);
        struct ordo_bytes name = {at->merchant, at->size};
        if (at->shop == shop && at->channel == channel && ordo_bytes_equal(name, merchant)) {
            return row;
        }
    }
    return 0;
}

uint32_t ordo_merchant_take(
    struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    uint32_t row = ordo_merchant_find(s, shop, channel, merchant);
    if (row != 0) {
        return row;
    }
    ORDO_ASSERT(merchant.size <= ORDO_MERCHANT_MAX);
    row = ordo_rows_take(s, ORDO_TABLE_MERCHANT, 1);
    struct ordo_merchant_row *at = ordo_merchant_edit(s, row);
    at->shop = shop;
    at->channel = (uint8_t)channel;
    at->size = (uint8_t)merchant.size;
    if (merchant.size != 0) {
        memcpy(at->merchant, merchant.data, merchant.size);
    }
    ordo_index_insert(
        &s->indexes[ORDO_INDEX_MERCHANT], ordo_merchant_hash(shop, channel, merchant), row);
    return row;
}

/* ---- accounts ---- */

uint64_t ordo_balance_hash(uint64_t channel, uint64_t currency)
{
    return ordo_mix(channel, currency);
}

uint32_t ordo_balance_find(const struct ordo_state *s, uint64_t channel, uint64_t currency)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_BALANCE];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_balance_hash(channel, currency), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_balance_row *at = ordo_balance_at(s, row);
        if (at->channel == channel && at->currency == currency) {
            return row;
        }
    }
    return 0;
}

static uint32_t balance_take(struct ordo_state *s, uint64_t channel, uint64_t currency)
{
    uint32_t row = ordo_balance_find(s, channel, currency);
    if (row != 0) {
        return row;
    }
    row = ordo_rows_take(s, ORDO_TABLE_BALANCE, 1);
    struct ordo_balance_row *at = ordo_balance_edit(s, row);
    at->channel = (uint32_t)channel;
    at->currency = (uint32_t)currency;
    ordo_index_insert(&s->indexes[ORDO_INDEX_BALANCE], ordo_balance_hash(channel, currency), row);
    return row;
}

static void post(
    struct ordo_state *s,
    struct ordo_balance_row *balance,
    enum ordo_account account,
    int64_t amount)
{
    if (amount == 0) {
        return;
    }
    struct ordo_outcome *outcome = &s->outcome;
    ORDO_ASSERT(outcome->posting_count < ORDO_POSTINGS_MAX);
    outcome->postings[outcome->posting_count++] = (struct ordo_posting){
        .channel = balance->channel,
        .currency = balance->currency,
        .account = (uint8_t)account,
        .amount = amount,
    };
    balance->accounts[account] += amount;
}

static void change_row(struct ordo_state *s, uint32_t row, const struct ordo_money *change)
{
    struct ordo_payment_row *p = ordo_payment_edit(s, row);
    p->amount += change->received;
    p->refund_due += change->refund_due;
    p->refunded += change->refunded;
    p->review += change->review;
    ORDO_ASSERT(p->refund_due >= 0 && p->refunded >= 0 && p->review >= 0);
    ORDO_ASSERT(ordo_payment_applied(p) >= 0);
}

void ordo_payment_post(struct ordo_state *s, uint32_t payment, const struct ordo_money *change)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, payment);
    uint32_t channel = ordo_merchant_at(s, p->merchant)->channel;
    uint32_t row = balance_take(s, channel, p->currency);
    struct ordo_balance_row *balance = ordo_balance_edit(s, row);
    post(s, balance, ORDO_ACCOUNT_RECEIVED, change->received);
    post(
        s,
        balance,
        ORDO_ACCOUNT_APPLIED,
        change->received - change->refund_due - change->refunded - change->review);
    post(s, balance, ORDO_ACCOUNT_REFUND_DUE, change->refund_due);
    post(s, balance, ORDO_ACCOUNT_REFUNDED, change->refunded);
    post(s, balance, ORDO_ACCOUNT_REVIEW, change->review);

    change_row(s, payment, change);
    uint32_t head = ordo_order_at(s, p->order)->payment;
    if (head != payment) {
        ORDO_ASSERT(ordo_payment_at(s, head)->kind == ORDO_PAYMENT_SUMMARY);
        change_row(s, head, change);
    }
}

/* ---- payments ---- */

uint64_t ordo_payment_hash(uint32_t merchant, struct ordo_bytes trade_no)
{
    return ordo_text_hash(trade_no, merchant);
}

uint32_t ordo_payment_find(const struct ordo_state *s, const struct ordo_payment_key *key)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PAYMENT];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_payment_hash(key->merchant, key->trade_no), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_payment_row *at = ordo_payment_at(s, row);
        struct ordo_bytes trade_no = {ordo_trade_at(s, at->trade)->bytes, at->trade_size};
        if (at->merchant == key->merchant && ordo_bytes_equal(trade_no, key->trade_no)) {
            return row;
        }
    }
    return 0;
}

#define TRADE_GRANULES_MAX (ORDO_TRADE_NO_MAX / ORDO_TRADE_GRANULE)

bool ordo_payment_room(const struct ordo_state *s, const struct ordo_fact *fact, bool new_order)
{
    if (ordo_rows_left(s, ORDO_TABLE_PAYMENT) < 2 ||
        ordo_rows_left(s, ORDO_TABLE_TRADE) < TRADE_GRANULES_MAX) {
        return false;
    }
    if (new_order && ordo_rows_left(s, ORDO_TABLE_ORDER) == 0) {
        return false;
    }
    if (ordo_rows_left(s, ORDO_TABLE_MERCHANT) == 0 &&
        ordo_merchant_find(s, s->command.shop, fact->channel, fact->merchant) == 0) {
        return false;
    }
    return ordo_rows_left(s, ORDO_TABLE_BALANCE) != 0 ||
           ordo_balance_find(s, fact->channel, fact->currency) != 0;
}

/* Puts the row into the order's chain; behind a summary as soon as there are two. */
static void chain(struct ordo_state *s, uint32_t order, uint32_t row)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->payment == 0) {
        o->payment = row;
        return;
    }
    const struct ordo_payment_row *first = ordo_payment_at(s, o->payment);
    if (first->kind != ORDO_PAYMENT_SUMMARY) {
        uint32_t summary = ordo_rows_take(s, ORDO_TABLE_PAYMENT, 1);
        struct ordo_payment_row *sum = ordo_payment_edit(s, summary);
        *sum = (struct ordo_payment_row){
            .kind = ORDO_PAYMENT_SUMMARY,
            .flags = ORDO_PAYMENT_RECEIVED,
            .order = order,
            .next = o->payment,
        };
        if ((first->flags & ORDO_PAYMENT_RECEIVED) != 0) {
            sum->amount = first->amount;
            sum->refund_due = first->refund_due;
            sum->refunded = first->refunded;
            sum->review = first->review;
        }
        o->payment = summary;
    }
    ordo_payment_edit(s, row)->next = ordo_payment_at(s, o->payment)->next;
    ordo_payment_edit(s, o->payment)->next = row;
}

uint32_t ordo_payment_add(
    struct ordo_state *s, uint32_t order, const struct ordo_payment_key *key, uint64_t currency)
{
    ORDO_ASSERT(key->trade_no.size > 0 && key->trade_no.size <= ORDO_TRADE_NO_MAX);
    uint32_t granules = (key->trade_no.size + ORDO_TRADE_GRANULE - 1) / ORDO_TRADE_GRANULE;
    uint32_t trade = ordo_rows_take(s, ORDO_TABLE_TRADE, granules);
    void *text = ordo_table_write_rows(&s->tables[ORDO_TABLE_TRADE], trade, granules);
    memcpy(text, key->trade_no.data, key->trade_no.size);

    uint32_t row = ordo_rows_take(s, ORDO_TABLE_PAYMENT, 1);
    struct ordo_payment_row *p = ordo_payment_edit(s, row);
    p->kind = ORDO_PAYMENT_ONE;
    p->order = order;
    p->merchant = key->merchant;
    p->trade = trade;
    p->trade_size = (uint8_t)key->trade_no.size;
    p->currency = (uint16_t)currency;
    p->seen_s = (uint32_t)(s->now_us / 1000000);
    ordo_index_insert(
        &s->indexes[ORDO_INDEX_PAYMENT], ordo_payment_hash(key->merchant, key->trade_no), row);
    chain(s, order, row);
    return row;
}

const struct ordo_payment_row *ordo_order_money(const struct ordo_state *s, uint32_t order)
{
    return ordo_payment_at(s, ordo_order_at(s, order)->payment); /* row 0 is all zero */
}
