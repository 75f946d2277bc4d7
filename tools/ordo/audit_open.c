/* Each part of the book is entered where its records would have entered it: orders under their
 * numbers, cards under their owners, payments under the gateway's. What buyers hold and have paid
 * is added up from their orders and not taken from the engine's counters, and so is the money that
 * counts for orders, which must be what the accounts have.
 */
#include "audit_open.h"

#include "audit_book.h"
#include "order/opening.h"

#include <inttypes.h>

#define BEFORE 1 /* a sequence that is gone: when an order was created */

static enum ordo_err
open_products(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_product p;
    for (uint32_t i = 0; ordo_opening_product(state, i, &p); i++) {
        uint32_t row = ordo_book_product(t, p.shop, p.product);
        if (row == 0) {
            return ordo_book_no_memory(fail);
        }
        struct ordo_tally_product *product = &t->products[row - 1];
        product->options = p.options;
        product->purchase_cap = p.purchase_cap;
        product->stock_mode = p.stock_mode;
        product->imported = p.imported;
        product->held = p.held;
        product->bound = p.bound;
        product->revealed = p.revealed;
        product->backorders = p.backorders;
        product->waiting = p.waiting;
    }
    return ORDO_OK;
}

static enum ordo_err
open_coupons(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_coupon c;
    for (uint32_t i = 0; ordo_opening_coupon(state, i, &c); i++) {
        uint32_t row = ordo_book_coupon(t, c.shop, c.coupon);
        if (row == 0) {
            return ordo_book_no_memory(fail);
        }
        t->coupons[row - 1].uses_max = c.uses_max;
        t->coupons[row - 1].used = c.used;
        t->coupons[row - 1].returned = c.returned;
        t->coupons[row - 1].overdrawn = c.overdrawn;
    }
    return ORDO_OK;
}

static enum ordo_err
open_channels(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_channel c;
    for (uint32_t i = 0; ordo_opening_channel(state, i, &c); i++) {
        uint8_t bytes[8];
        bool added;
        ordo_put_le64(bytes, c.channel);
        struct ordo_audit_cell *cell = ordo_audit_table_put(
            &t->channel_of, ordo_book_key('h', c.shop, bytes, sizeof(bytes)), &added);
        if (cell == NULL) {
            return ordo_book_no_memory(fail);
        }
        cell->value = (uint64_t)c.short_tolerance;
    }
    return ORDO_OK;
}

/* ---- orders ---- */

/* Its product, its buyer's units, its coupon: what a created order has. */
static enum ordo_err open_created(
    struct ordo_tally *t, uint32_t row, const struct ordo_opening_order *o, struct ordo_fail *fail)
{
    uint32_t product = ordo_book_product(t, o->shop, o->product);
    uint32_t buyer = ordo_book_buyer(t, o->shop, o->product, o->buyer);
    uint32_t coupon = o->coupon.size == 0 ? 0 : ordo_book_coupon(t, o->shop, o->coupon);
    if (product == 0 || buyer == 0 || (o->coupon.size != 0 && coupon == 0)) {
        return ordo_book_no_memory(fail);
    }
    struct ordo_tally_order *order = &t->orders[row - 1];
    order->created_seq = BEFORE;
    order->product = product;
    order->buyer = buyer;
    order->coupon = coupon;
    order->coupon_live = o->coupon_live;
    order->counts = ordo_book_counts_of(order);
    t->buyers[buyer - 1].held += order->counts == ORDO_TALLY_HELD ? o->quantity : 0;
    t->buyers[buyer - 1].paid += order->counts == ORDO_TALLY_PAID ? o->quantity : 0;
    return ORDO_OK;
}

static enum ordo_err
open_orders(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_order o;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; err == ORDO_OK && ordo_opening_order(state, i, &o); i++) {
        uint32_t row = ordo_book_order(t, o.shop, o.order_id);
        if (row == 0) {
            return ordo_book_no_memory(fail);
        }
        if (row != i + 1) { /* cards name their order by its place */
            return ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "the snapshot has order %.*s twice",
                (int)o.order_id.size,
                (const char *)o.order_id.data);
        }
        struct ordo_tally_order *order = &t->orders[row - 1];
        *order = (struct ordo_tally_order){
            .last_seq = o.last_seq,
            .version = o.version,
            .flags = o.flags,
            .revealed_version = o.revealed != 0 ? o.version : 0,
            .amount = o.amount,
            .applied = o.applied,
            .quantity = o.quantity,
            .held = o.held,
            .bound = o.bound,
            .revealed = o.revealed,
            .state = o.state,
        };
        err = o.has_product ? open_created(t, row, &o, fail) : ORDO_OK;
    }
    return err;
}

/* ---- cards and payments ---- */

static enum ordo_err
open_card(struct ordo_tally *t, const struct ordo_opening_card *card, struct ordo_fail *fail)
{
    uint8_t bytes[8 + ORDO_ID_SIZE];
    bool added;
    ordo_put_le64(bytes, card->product);
    memcpy(bytes + 8, card->tag, ORDO_ID_SIZE);
    struct ordo_hash128 key = ordo_book_key('t', card->shop, bytes, sizeof(bytes));
    if (ordo_audit_table_put(&t->tags, key, &added) == NULL) {
        return ordo_book_no_memory(fail);
    }
    if (card->state == ORDO_OPENING_CARD_FREE) {
        return ORDO_OK;
    }
    if (card->order > t->order_count) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the snapshot gives card %" PRIu64 " to an order that it does not have",
            card->card);
    }
    bool bound = card->state == ORDO_OPENING_CARD_BOUND;
    uint32_t version = bound && card->order != 0 ? t->orders[card->order - 1].version : 0;
    return ordo_book_own(t, card->card, card->order, version) ? ORDO_OK : ordo_book_no_memory(fail);
}

static enum ordo_err
open_cards(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_card card;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; err == ORDO_OK && ordo_opening_card(state, i, &card); i++) {
        err = open_card(t, &card, fail);
    }
    return err;
}

static enum ordo_err
open_payments(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_opening_payment p;
    for (uint32_t i = 0; ordo_opening_payment(state, i, &p); i++) {
        bool added;
        if (!p.received || p.trade_no.size == 0) {
            continue;
        }
        struct ordo_hash128 key =
            ordo_book_payment_key(p.shop, (uint8_t)p.channel, p.merchant, p.trade_no);
        if (ordo_audit_table_put(&t->payments, key, &added) == NULL) {
            return ordo_book_no_memory(fail);
        }
        if (!added) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_DAMAGED,
                "the snapshot has payment %.*s twice",
                (int)p.trade_no.size,
                (const char *)p.trade_no.data);
        }
    }
    return ORDO_OK;
}

/* ---- money ---- */

static enum ordo_err
open_balances(struct ordo_tally *t, const struct ordo_state *state, struct ordo_fail *fail)
{
    struct ordo_balance balance;
    int64_t of_accounts = 0;
    int64_t of_orders = 0;
    for (uint32_t i = 0; ordo_state_balance(state, i, &balance); i++) {
        if (t->balance_count == ORDO_TALLY_BALANCES_MAX) {
            return ordo_fail_set(fail, ORDO_ERR_LIMIT, "more (channel, currency) pairs than 1,024");
        }
        struct ordo_tally_balance *row = &t->balances[t->balance_count++];
        row->channel = balance.channel;
        row->currency = balance.currency;
        memcpy(row->accounts, balance.accounts, sizeof(row->accounts));
        of_accounts += balance.accounts[ORDO_ACCOUNT_APPLIED];
    }
    for (uint64_t i = 0; i < t->order_count; i++) {
        of_orders += t->orders[i].applied;
    }
    return of_orders == of_accounts
               ? ORDO_OK
               : ordo_fail_set(
                     fail,
                     ORDO_ERR_DAMAGED,
                     "the snapshot's accounts have %" PRId64 " applied, its orders %" PRId64,
                     of_accounts,
                     of_orders);
}

static void open_head(struct ordo_tally *t, const struct ordo_state *state)
{
    struct ordo_head_values head;
    struct ordo_totals totals;
    ordo_state_head(state, &head);
    ordo_state_totals(state, &totals);
    t->opened_seq = head.seq;
    t->seq = head.seq;
    t->time_us = head.time_us;
    t->update_seq = head.update_seq;
    t->stream_hash = head.stream_hash;
    t->facts = totals.facts;
    memcpy(t->facts_with, totals.facts_with, sizeof(t->facts_with));
}

enum ordo_err
ordo_tally_open(struct ordo_tally *tally, const struct ordo_state *state, struct ordo_fail *fail)
{
    ORDO_ASSERT(tally->seq == 0);
    ORDO_ASSERT(tally->order_count == 0);
    open_head(tally, state);
    enum ordo_err err = open_products(tally, state, fail);
    if (err == ORDO_OK) {
        err = open_coupons(tally, state, fail);
    }
    if (err == ORDO_OK) {
        err = open_channels(tally, state, fail);
    }
    if (err == ORDO_OK) {
        err = open_orders(tally, state, fail);
    }
    if (err == ORDO_OK) {
        err = open_cards(tally, state, fail);
    }
    if (err == ORDO_OK) {
        err = open_payments(tally, state, fail);
    }
    return err == ORDO_OK ? open_balances(tally, state, fail) : err;
}
