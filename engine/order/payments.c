#include "base/canary.h"
#include "order/parts.h"

#include <string.h>

/* Money. Each payment remembers where its amount stands: applied, due for refund, refunded or in
 * review; the accounts of its (channel, currency) and the sums of its order move with it in
 * ordo_payment_post(), the only place that does, so the accounts are the sums of the payments by
 * construction (check.c adds them up again). A manual payment, an operator's word, comes in by an
 * account of its own; when its real payment is told, all of it moves to that one's channel.
 *
 * An order with one payment, nearly every order, reads its sums from that payment. With the second
 * payment a summary row takes their place at the head of the chain; it also knows the order's
 * manual payment. So an order row carries no sums, and no payment fact walks a chain: operators and
 * the clock do, as far as the money that they seek.
 */

/* ---- merchants ---- */

uint64_t ordo_merchant_hash(uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    return ordo_text_hash(merchant, (uint64_t)shop << 8 | channel);
}

static bool is_merchant(
    const struct ordo_merchant_row *row,
    uint32_t shop,
    uint64_t channel,
    struct ordo_bytes merchant)
{
    struct ordo_bytes name = {row->merchant, row->size};
    return row->shop == shop && row->channel == channel && ordo_bytes_equal(name, merchant);
}

uint32_t ordo_merchant_find(
    const struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    uint32_t met = s->merchants_met[(shop + channel) % ORDO_MERCHANTS_MET];
    if (met != 0 && is_merchant(ordo_merchant_at(s, met), shop, channel, merchant)) {
        return met;
    }
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_MERCHANT];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_merchant_hash(shop, channel, merchant), &probe);
    while (row != 0 && !is_merchant(ordo_merchant_at(s, row), shop, channel, merchant)) {
        row = ordo_index_next(index, &probe);
    }
    return row;
}

uint32_t ordo_merchant_take(
    struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant)
{
    uint32_t row = ordo_merchant_find(s, shop, channel, merchant);
    if (row != 0) {
        s->merchants_met[(shop + channel) % ORDO_MERCHANTS_MET] = row;
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

static void post_all(
    struct ordo_state *s,
    const struct ordo_payment_row *p,
    enum ordo_account in,
    const struct ordo_money *change)
{
    uint32_t row = balance_take(s, ordo_merchant_at(s, p->merchant)->channel, p->currency);
    struct ordo_balance_row *balance = ordo_balance_edit(s, row);
    post(s, balance, in, change->received);
    post(
        s,
        balance,
        ORDO_ACCOUNT_APPLIED,
        change->received - change->refund_due - change->refunded - change->review);
    post(s, balance, ORDO_ACCOUNT_REFUND_DUE, change->refund_due);
    post(s, balance, ORDO_ACCOUNT_REFUNDED, change->refunded);
    post(s, balance, ORDO_ACCOUNT_REVIEW, change->review);
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

/* The account that a payment's money comes in by. */
static enum ordo_account came_in_by(const struct ordo_payment_row *p)
{
    bool manual = (p->flags & ORDO_PAYMENT_MANUAL) != 0;
    return manual ? ORDO_ACCOUNT_MANUAL : ORDO_ACCOUNT_RECEIVED;
}

void ordo_payment_post(struct ordo_state *s, uint32_t payment, const struct ordo_money *change)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, payment);
    post_all(s, p, came_in_by(p), change);
    change_row(s, payment, change);
    uint32_t head = ordo_order_at(s, p->order)->payment;
    if (head != payment) {
        ORDO_ASSERT(ordo_payment_at(s, head)->kind == ORDO_PAYMENT_SUMMARY);
        change_row(s, head, change);
    }
}

void ordo_payment_receive(
    struct ordo_state *s, uint32_t payment, int64_t amount, const struct ordo_money *place)
{
    struct ordo_payment_row *p = ordo_payment_edit(s, payment);
    ORDO_ASSERT((p->flags & ORDO_PAYMENT_RECEIVED) == 0);
    p->flags |= ORDO_PAYMENT_RECEIVED;
    p->refunded = 0; /* what a refund before its payment had noted: now it is posted */
    struct ordo_money change = *place;
    change.received = amount;
    ordo_payment_post(s, payment, &change);
}

/* ---- payments ---- */

uint32_t ordo_payment_find(const struct ordo_state *s, const struct ordo_payment_key *key)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PAYMENT];
    uint32_t shop = ordo_merchant_at(s, key->merchant)->shop;
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_payment_hash(shop, key->trade_no), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_payment_row *at = ordo_payment_at(s, row);
        if (at->merchant == key->merchant && ordo_trade_equal(s, row, key->trade_no)) {
            return row;
        }
    }
    return 0;
}

static bool is_wanted(
    const struct ordo_state *s, uint32_t merchant, uint32_t shop, const struct ordo_find *find)
{
    const struct ordo_merchant_row *m = ordo_merchant_at(s, merchant);
    struct ordo_bytes name = {m->merchant, m->size};
    return m->shop == shop && (find->channel == 0 || m->channel == find->channel) &&
           (find->merchant.size == 0 || ordo_bytes_equal(name, find->merchant));
}

uint32_t
ordo_payment_search(const struct ordo_state *s, uint32_t shop, const struct ordo_find *find)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PAYMENT];
    uint32_t first = 0;
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_payment_hash(shop, find->trade_no), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_payment_row *at = ordo_payment_at(s, row);
        if (ordo_trade_equal(s, row, find->trade_no) && is_wanted(s, at->merchant, shop, find) &&
            (first == 0 || row < first)) {
            first = row;
        }
    }
    return first;
}

/* More than any sale, and far from where the sums would wrap: no account and no order takes in more
 * than this, so no part of what came in can be more either. */
#define SUM_MAX 4000000000000000000ll

static bool have_sums_room(const struct ordo_state *s, const struct ordo_payment_need *need)
{
    uint32_t row = ordo_balance_find(s, need->channel, need->currency);
    const int64_t *accounts = ordo_balance_at(s, row)->accounts; /* row 0 is all zero */
    int64_t of_account = accounts[ORDO_ACCOUNT_RECEIVED] + accounts[ORDO_ACCOUNT_MANUAL];
    int64_t of_order = ordo_order_money(s, need->order)->amount;
    ORDO_ASSERT(of_account <= SUM_MAX && of_order <= SUM_MAX);
    return need->amount <= SUM_MAX - of_account && need->amount <= SUM_MAX - of_order &&
           (row != 0 || ordo_rows_left(s, ORDO_TABLE_BALANCE) != 0);
}

bool ordo_payment_room(const struct ordo_state *s, const struct ordo_payment_need *need)
{
    uint32_t head = ordo_order_at(s, need->order)->payment;
    uint32_t rows = ordo_payment_at(s, head)->kind == ORDO_PAYMENT_ONE ? 2 : 1;
    if ((!need->has_row && ordo_rows_left(s, ORDO_TABLE_PAYMENT) < rows) ||
        ordo_rows_left(s, ORDO_TABLE_TRADE) < need->trade_granules) {
        return false;
    }
    if (need->order == 0 && ordo_rows_left(s, ORDO_TABLE_ORDER) == 0) {
        return false;
    }
    if (ordo_rows_left(s, ORDO_TABLE_MERCHANT) == 0 &&
        ordo_merchant_find(s, s->command.shop, need->channel, need->merchant) == 0) {
        return false;
    }
    return have_sums_room(s, need);
}

/* The order's sums in a row of their own, in front of its first payment. */
static uint32_t make_summary(struct ordo_state *s, uint32_t order)
{
    uint32_t first = ordo_order_at(s, order)->payment;
    const struct ordo_payment_row *p = ordo_payment_at(s, first);
    uint32_t row = ordo_rows_take(s, ORDO_TABLE_PAYMENT, 1);
    struct ordo_payment_row *sum = ordo_payment_edit(s, row);
    *sum = (struct ordo_payment_row){
        .kind = ORDO_PAYMENT_SUMMARY,
        .flags = (uint8_t)(ORDO_PAYMENT_RECEIVED | (p->flags & ORDO_PAYMENT_CHARGEBACK)),
        .order = order,
        .next = first,
        .trade = (p->flags & ORDO_PAYMENT_MANUAL) != 0 ? first : 0,
    };
    if ((p->flags & ORDO_PAYMENT_RECEIVED) != 0) {
        sum->amount = p->amount;
        sum->refund_due = p->refund_due;
        sum->refunded = p->refunded;
        sum->review = p->review;
    }
    ordo_order_edit(s, order)->payment = row;
    return row;
}

/* Puts the row into the order's chain; behind a summary as soon as there are two. */
static void chain(struct ordo_state *s, uint32_t order, uint32_t row)
{
    uint32_t head = ordo_order_at(s, order)->payment;
    if (head == 0) {
        ordo_order_edit(s, order)->payment = row;
        return;
    }
    if (ordo_payment_at(s, head)->kind != ORDO_PAYMENT_SUMMARY) {
        head = make_summary(s, order);
    }
    struct ordo_payment_row *sum = ordo_payment_edit(s, head);
    ordo_payment_edit(s, row)->next = sum->next;
    sum->next = row;
    if ((ordo_payment_at(s, row)->flags & ORDO_PAYMENT_MANUAL) != 0) {
        ORDO_ASSERT(sum->trade == 0);
        sum->trade = row;
    }
}

/* Writes the trade_no and makes the row be found by it. */
static void name_payment(struct ordo_state *s, uint32_t row, struct ordo_bytes trade_no)
{
    ordo_trade_put(s, row, trade_no);
    const struct ordo_payment_row *p = ordo_payment_at(s, row);
    uint32_t shop = ordo_merchant_at(s, p->merchant)->shop;
    ordo_index_insert(&s->indexes[ORDO_INDEX_PAYMENT], ordo_payment_hash(shop, trade_no), row);
}

uint32_t ordo_payment_add(
    struct ordo_state *s, uint32_t order, const struct ordo_payment_key *key, uint64_t currency)
{
    uint32_t row = ordo_rows_take(s, ORDO_TABLE_PAYMENT, 1);
    struct ordo_payment_row *p = ordo_payment_edit(s, row);
    p->kind = ORDO_PAYMENT_ONE;
    p->order = order;
    p->merchant = (uint16_t)key->merchant;
    p->currency = (uint16_t)currency;
    p->seen_s = (uint32_t)(s->now_us / 1000000);
    if (key->trade_no.size == 0) {
        p->flags = ORDO_PAYMENT_MANUAL;
    } else {
        name_payment(s, row, key->trade_no);
    }
    chain(s, order, row);
    return row;
}

/* ---- manual payments ---- */

uint32_t ordo_payment_manual(const struct ordo_state *s, uint32_t order)
{
    uint32_t head = ordo_order_at(s, order)->payment;
    const struct ordo_payment_row *p = ordo_payment_at(s, head);
    if (p->kind == ORDO_PAYMENT_SUMMARY) {
        return p->trade;
    }
    return (p->flags & ORDO_PAYMENT_MANUAL) != 0 ? head : 0;
}

/* From manual to received; with all that became of it when the channel is another one. */
static void move_in(struct ordo_state *s, struct ordo_payment_row *p, uint32_t merchant)
{
    struct ordo_money in = {p->amount, p->refund_due, p->refunded, p->review};
    struct ordo_money out = {-p->amount, -p->refund_due, -p->refunded, -p->review};
    uint8_t from = ordo_merchant_at(s, p->merchant)->channel;
    uint8_t to = ordo_merchant_at(s, merchant)->channel;
    if (from != to) {
        post_all(s, p, ORDO_ACCOUNT_MANUAL, &out);
        p->merchant = (uint16_t)merchant;
        post_all(s, p, ORDO_ACCOUNT_RECEIVED, &in);
        return;
    }
    struct ordo_balance_row *balance = ordo_balance_edit(s, balance_take(s, to, p->currency));
    post(s, balance, ORDO_ACCOUNT_MANUAL, ORDO_CANARY(manual_counted_twice) ? 0 : -p->amount);
    post(s, balance, ORDO_ACCOUNT_RECEIVED, p->amount);
    p->merchant = (uint16_t)merchant;
}

void ordo_payment_bind(struct ordo_state *s, uint32_t payment, const struct ordo_payment_key *key)
{
    struct ordo_payment_row *p = ordo_payment_edit(s, payment);
    ORDO_ASSERT((p->flags & ORDO_PAYMENT_MANUAL) != 0 && p->trade == 0);
    move_in(s, p, key->merchant);
    p->flags = (uint8_t)(p->flags & ~(unsigned)ORDO_PAYMENT_MANUAL);
    name_payment(s, payment, key->trade_no);
    uint32_t head = ordo_order_at(s, p->order)->payment;
    if (head != payment) {
        ORDO_ASSERT(ordo_payment_at(s, head)->trade == payment);
        ordo_payment_edit(s, head)->trade = 0;
    }
}

/* ---- the order's payments ---- */

void ordo_payment_charge_back(struct ordo_state *s, uint32_t payment)
{
    struct ordo_payment_row *p = ordo_payment_edit(s, payment);
    p->flags |= ORDO_PAYMENT_CHARGEBACK;
    ordo_payment_edit(s, ordo_order_at(s, p->order)->payment)->flags |= ORDO_PAYMENT_CHARGEBACK;
}

const struct ordo_payment_row *ordo_order_money(const struct ordo_state *s, uint32_t order)
{
    return ordo_payment_at(s, ordo_order_at(s, order)->payment); /* row 0 is all zero */
}

uint32_t ordo_payment_newest(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    return money->kind == ORDO_PAYMENT_SUMMARY ? money->next : ordo_order_at(s, order)->payment;
}

int64_t ordo_payment_in(const struct ordo_payment_row *p, unsigned places)
{
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return 0; /* what was told before it came is no money yet */
    }
    int64_t sum = (places & ORDO_PLACE_APPLIED) != 0 ? ordo_payment_applied(p) : 0;
    sum += (places & ORDO_PLACE_REVIEW) != 0 ? p->review : 0;
    return sum + ((places & ORDO_PLACE_DUE) != 0 ? p->refund_due : 0);
}

uint32_t ordo_payments_in(
    const struct ordo_state *s,
    uint32_t order,
    unsigned places,
    uint64_t currency,
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX])
{
    uint32_t count = 0;
    int64_t left = ordo_payment_in(ordo_order_money(s, order), places);
    uint32_t row = ordo_payment_newest(s, order);
    while (row != 0 && left != 0 && count < ORDO_PAYMENTS_TOUCHED_MAX) { /* ends: along the chain */
        const struct ordo_payment_row *p = ordo_payment_at(s, row);
        int64_t there = ordo_payment_in(p, places);
        left -= there;
        if (there != 0 && (currency == 0 || p->currency == currency)) {
            rows[count++] = row;
        }
        row = p->next;
    }
    return count;
}
