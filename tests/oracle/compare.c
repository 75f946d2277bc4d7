/* The engine's real path (bytes in, bytes out) beside the oracle; the first difference is named. */
#include "compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 2, 3))) static bool
differs(struct pair *pair, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(pair->why, sizeof(pair->why), format, arguments);
    va_end(arguments);
    return false;
}

#define SAME(pair, what, engine, oracle)                                                           \
    do {                                                                                           \
        if ((engine) != (oracle)) {                                                                \
            return differs(                                                                        \
                pair,                                                                              \
                "%s: engine %" PRIu64 ", oracle %" PRIu64,                                         \
                what,                                                                              \
                (uint64_t)(engine),                                                                \
                (uint64_t)(oracle));                                                               \
        }                                                                                          \
    } while (0)

bool pair_init(struct pair *pair, const struct ordo_settings_values *settings)
{
    memset(pair, 0, sizeof(*pair));
    pair->settings = *settings;
    pair->oracle = oracle_create(settings);
    ordo_arena_init(&pair->arena);
    return pair->oracle != NULL;
}

void pair_begin(struct pair *pair)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    ordo_arena_fini(&pair->arena);
    ordo_arena_init(&pair->arena);
    pair->why[0] = 0;
    memset(pair->facts, 0, sizeof(pair->facts));
    enum ordo_err err = ordo_state_create(&pair->arena, &pair->settings, &pair->state, &fail);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "oracle_test: %s\n", fail.text);
        exit(1);
    }
    ordo_arena_seal(&pair->arena);
    oracle_reset(pair->oracle, &pair->settings);
}

void pair_fini(struct pair *pair)
{
    ordo_arena_fini(&pair->arena);
    free(pair->oracle);
}

/* ---- one command ---- */

static bool same_effect(struct pair *pair, uint32_t index)
{
    const struct ordo_outcome *out = &pair->outcome;
    const struct ordo_effect *a = &out->effects[index];
    const struct oracle_effect *b = &pair->answer.effects[index];
    struct ordo_bytes id = {(const uint8_t *)b->order_id, (uint32_t)strlen(b->order_id)};
    if (a->shop != b->shop || !ordo_bytes_equal(a->order_id, id)) {
        return differs(
            pair,
            "effect %u: engine %.*s, oracle %s",
            index,
            (int)a->order_id.size,
            (const char *)a->order_id.data,
            b->order_id);
    }
    SAME(pair, "own effect", a->own, b->own);
    SAME(pair, "seq before of effect", a->prev_seq, b->prev_seq);
    SAME(pair, "version of effect", a->version, b->version);
    SAME(pair, "flags of effect", a->flags, b->flags);
    SAME(pair, "transitions of effect", a->transition_count, b->transition_count);
    for (uint32_t i = 0; i < a->transition_count; i++) {
        const struct ordo_transition *x = &out->transitions[a->transition_first + i];
        SAME(pair, "transition from", x->from, b->transitions[i].from);
        SAME(pair, "transition to", x->to, b->transitions[i].to);
        SAME(pair, "cause of transition", x->cause, b->transitions[i].cause);
    }
    SAME(pair, "cards of effect", a->card_count, b->card_count);
    for (uint32_t i = 0; i < a->card_count; i++) {
        SAME(pair, "card of effect", out->cards[a->card_first + i], b->cards[i]);
    }
    return true;
}

/* The sum of postings to one account. */
static int64_t
posted(const struct ordo_posting *postings, uint32_t count, const struct ordo_posting *to)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool same = postings[i].channel == to->channel && postings[i].currency == to->currency &&
                    postings[i].account == to->account;
        sum += same ? postings[i].amount : 0;
    }
    return sum;
}

static bool same_postings(struct pair *pair)
{
    const struct ordo_outcome *out = &pair->outcome;
    const struct oracle_answer *answer = &pair->answer;
    for (uint32_t i = 0; i < out->posting_count + answer->posting_count; i++) {
        bool first = i < out->posting_count;
        const struct ordo_posting *to =
            first ? &out->postings[i] : &answer->postings[i - out->posting_count];
        int64_t a = posted(out->postings, out->posting_count, to);
        int64_t b = posted(answer->postings, answer->posting_count, to);
        if (a != b) {
            return differs(
                pair,
                "posted to %s of channel %u, currency %u: engine %" PRId64 ", oracle %" PRId64,
                ordo_account_name(to->account),
                to->channel,
                to->currency,
                a,
                b);
        }
    }
    return true;
}

static bool same_answer(struct pair *pair)
{
    const struct ordo_result *a = &pair->outcome.result;
    const struct ordo_result *b = &pair->answer.result;
    if (a->code != b->code) {
        const char *x = ordo_result_name(a->code);
        return differs(pair, "code: engine %s, oracle %s", x, ordo_result_name(b->code));
    }
    if (a->state != b->state) {
        const char *x = ordo_state_name(a->state);
        return differs(pair, "state: engine %s, oracle %s", x, ordo_state_name(b->state));
    }
    if (a->disposition != b->disposition) {
        const char *x = ordo_disposition_name(a->disposition);
        const char *y = ordo_disposition_name(b->disposition);
        return differs(pair, "disposition: engine %s, oracle %s", x, y);
    }
    SAME(pair, "version", a->version, b->version);
    SAME(pair, "seq of result", a->seq, b->seq);
    SAME(pair, "journaled", pair->applied.journaled, pair->answer.journaled);
    SAME(pair, "updates", pair->applied.update_count, pair->outcome.transition_count);
    SAME(pair, "count of effects", pair->outcome.effect_count, pair->answer.effect_count);
    for (uint32_t i = 0; i < pair->answer.effect_count; i++) {
        if (!same_effect(pair, i)) {
            return false;
        }
    }
    return same_postings(pair);
}

bool pair_apply(struct pair *pair, uint64_t time_us, struct ordo_bytes bytes)
{
    struct ordo_command command;
    struct ordo_writer w = ordo_writer_over(pair->bytes, sizeof(pair->bytes));
    if (!ordo_command_decode(bytes, &command)) {
        return differs(pair, "the command cannot be decoded");
    }
    oracle_apply(pair->oracle, time_us, &command, &pair->answer);
    ordo_apply_prefetch(pair->state, bytes);
    ordo_apply(pair->state, time_us, bytes, &w, &pair->applied);
    struct ordo_bytes out = {pair->bytes, (uint32_t)ordo_writer_size(&w)};
    if (w.failed || !ordo_outcome_decode(out, pair->applied.seq, &command, &pair->outcome)) {
        return differs(pair, "the outcome cannot be decoded");
    }
    const struct ordo_result *result = &pair->answer.result;
    if (pair->answer.journaled && result->code == ORDO_RESULT_OK &&
        command.kind == ORDO_KIND_FACT) {
        pair->facts[result->disposition]++;
        pair->dispositions[result->disposition]++;
    }
    pair->resends += !pair->answer.journaled && result->code != ORDO_RESULT_ID_MISSING;
    pair->codes[result->code]++;
    return same_answer(pair);
}

/* ---- the dump ---- */

uint16_t pair_ask(struct pair *pair, uint64_t time_us, struct ordo_command *query)
{
    uint8_t bytes[256];
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_writer out = ordo_writer_over(pair->view, sizeof(pair->view));
    struct ordo_result result = {.code = ORDO_RESULT_UNKNOWN};
    struct ordo_applied applied;
    ordo_command_encode(query, &w);
    struct ordo_bytes asked = {bytes, (uint32_t)ordo_writer_size(&w)};
    ordo_apply(pair->state, time_us, asked, &out, &applied);
    pair->body = ordo_reader_over(pair->view, ordo_writer_size(&out));
    return ordo_result_decode(&pair->body, applied.seq, &result) ? result.code : UINT16_MAX;
}

/* Not one that only facts have named. */
static bool is_known(const struct ordo_order_view *view)
{
    return view->version != 0 || (view->flags & ORDO_FLAG_WAITING) != 0;
}

static bool same_order(struct pair *pair, uint64_t time_us, uint32_t index)
{
    struct ordo_command query = {.kind = ORDO_KIND_GET};
    struct ordo_order_view a;
    struct ordo_order_view b;
    if (!oracle_order(pair->oracle, index, &query.shop, &b)) {
        return true;
    }
    query.get.order_id = b.order_id;
    if (!is_known(&b)) {
        SAME(pair, "code of get", pair_ask(pair, time_us, &query), ORDO_RESULT_ORDER_UNKNOWN);
        return true;
    }
    SAME(pair, "code of get", pair_ask(pair, time_us, &query), ORDO_RESULT_OK);
    ordo_order_view_decode(&pair->body, &a);
    SAME(pair, "get is whole", ordo_reader_done(&pair->body), true);
    SAME(pair, "order: product", a.product, b.product);
    SAME(pair, "order: quantity", a.quantity, b.quantity);
    SAME(pair, "order: amount", a.amount, b.amount);
    SAME(pair, "order: currency", a.currency, b.currency);
    SAME(pair, "order: state", a.state, b.state);
    SAME(pair, "order: flags", a.flags, b.flags);
    SAME(pair, "order: version", a.version, b.version);
    SAME(pair, "order: created", a.created_us, b.created_us);
    SAME(pair, "order: changed", a.changed_us, b.changed_us);
    SAME(pair, "order: deadline", a.deadline_us, b.deadline_us);
    SAME(pair, "order: paid", a.paid, b.paid);
    SAME(pair, "order: refund due", a.refund_due, b.refund_due);
    SAME(pair, "order: refunded", a.refunded, b.refunded);
    SAME(pair, "order: review", a.review, b.review);
    SAME(pair, "order: last seq", a.last_seq, b.last_seq);
    SAME(pair, "order: buyer", ordo_bytes_equal(a.buyer, b.buyer), true);
    SAME(pair, "order: count of cards", a.card_count, b.card_count);
    for (uint32_t i = 0; i < b.card_count; i++) {
        SAME(pair, "order: card", a.cards[i], b.cards[i]);
    }
    return true;
}

static bool same_stock(struct pair *pair, uint64_t time_us, uint32_t index)
{
    struct ordo_command query = {.kind = ORDO_KIND_STOCK};
    struct ordo_stock_view a;
    struct ordo_stock_view b;
    if (!oracle_stock(pair->oracle, index, &query.shop, &b)) {
        return true;
    }
    query.stock.product = b.product;
    SAME(pair, "code of stock", pair_ask(pair, time_us, &query), ORDO_RESULT_OK);
    ordo_stock_view_decode(&pair->body, &a);
    SAME(pair, "stock is whole", ordo_reader_done(&pair->body), true);
    SAME(pair, "stock: price", a.price, b.price);
    SAME(pair, "stock: currency", a.currency, b.currency);
    SAME(pair, "stock: mode", a.stock_mode, b.stock_mode);
    SAME(pair, "stock: imported", a.imported, b.imported);
    SAME(pair, "stock: available", a.available, b.available);
    SAME(pair, "stock: held", a.held, b.held);
    SAME(pair, "stock: bound", a.bound, b.bound);
    SAME(pair, "stock: revealed", a.revealed, b.revealed);
    SAME(pair, "stock: void", a.voided, b.voided);
    SAME(pair, "stock: back-orders", a.backorders, b.backorders);
    SAME(pair, "stock: waiting", a.waiting, b.waiting);
    return true;
}

static bool same_coupon(struct pair *pair, uint64_t time_us, uint32_t index)
{
    struct ordo_command query = {.kind = ORDO_KIND_COUPON};
    struct ordo_coupon_view a;
    struct ordo_coupon_view b;
    if (!oracle_coupon(pair->oracle, index, &query.shop, &b)) {
        return true;
    }
    query.coupon.coupon = b.coupon;
    SAME(pair, "code of coupon", pair_ask(pair, time_us, &query), ORDO_RESULT_OK);
    ordo_coupon_view_decode(&pair->body, &a);
    SAME(pair, "coupon: product", a.product, b.product);
    SAME(pair, "coupon: discount", a.discount, b.discount);
    SAME(pair, "coupon: share", a.discount_share, b.discount_share);
    SAME(pair, "coupon: limit", a.uses_max, b.uses_max);
    SAME(pair, "coupon: used", a.used, b.used);
    SAME(pair, "coupon: returned", a.returned, b.returned);
    SAME(pair, "coupon: overdrawn", a.overdrawn, b.overdrawn);
    SAME(pair, "coupon: from", a.valid_from_us, b.valid_from_us);
    SAME(pair, "coupon: until", a.valid_until_us, b.valid_until_us);
    return true;
}

/* The number of a payment finds its order. */
static bool same_payment(struct pair *pair, uint64_t time_us, uint32_t index)
{
    struct oracle_payment p;
    struct ordo_order_view a;
    struct ordo_order_view b;
    if (!oracle_payment(pair->oracle, index, &p) || p.trade_no[0] == 0) {
        return true;
    }
    struct ordo_command query = {.kind = ORDO_KIND_FIND, .shop = p.shop};
    query.find.trade_no.data = (const uint8_t *)p.trade_no;
    query.find.trade_no.size = (uint32_t)strlen(p.trade_no);
    query.find.channel = p.channel;
    query.find.merchant.data = (const uint8_t *)p.merchant;
    query.find.merchant.size = (uint32_t)strlen(p.merchant);
    SAME(pair, "code of find", pair_ask(pair, time_us, &query), ORDO_RESULT_OK);
    ordo_order_view_decode(&pair->body, &a);
    bool found = oracle_order(pair->oracle, p.order, &query.shop, &b);
    SAME(pair, "find", found && ordo_bytes_equal(a.order_id, b.order_id), true);
    return true;
}

static bool same_balances(struct pair *pair)
{
    struct ordo_balance a;
    struct ordo_balance b;
    for (uint32_t i = 0; oracle_balance(pair->oracle, i, &b); i++) {
        struct ordo_balance found = {.channel = b.channel, .currency = b.currency};
        for (uint32_t k = 0; ordo_state_balance(pair->state, k, &a); k++) {
            found = a.channel == b.channel && a.currency == b.currency ? a : found;
        }
        for (uint32_t k = 0; k < ORDO_ACCOUNT_COUNT; k++) {
            SAME(pair, ordo_account_name((uint8_t)k), found.accounts[k], b.accounts[k]);
        }
    }
    return true;
}

static bool same_totals(struct pair *pair, uint32_t orders)
{
    struct ordo_totals totals;
    struct ordo_balance b;
    int64_t sums[ORDO_ACCOUNT_COUNT] = {0};
    ordo_state_totals(pair->state, &totals);
    for (uint32_t i = 0; oracle_balance(pair->oracle, i, &b); i++) {
        for (uint32_t k = 0; k < ORDO_ACCOUNT_COUNT; k++) {
            sums[k] += b.accounts[k];
        }
    }
    for (uint32_t k = 0; k < ORDO_ACCOUNT_COUNT; k++) {
        SAME(pair, ordo_account_name((uint8_t)k), totals.accounts[k], sums[k]);
    }
    SAME(pair, "count of orders", totals.orders, orders);
    for (uint32_t i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        SAME(pair, ordo_disposition_name((uint8_t)i), totals.facts_with[i], pair->facts[i]);
    }
    return true;
}

bool pair_dump(struct pair *pair, uint64_t time_us)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    uint32_t shop;
    uint32_t i = 0;
    uint32_t known = 0;
    struct ordo_order_view order;
    for (; oracle_order(pair->oracle, i, &shop, &order); i++) {
        if (!same_order(pair, time_us, i)) {
            return false;
        }
        known += order.state != ORDO_STATE_NONE;
    }
    if (!same_totals(pair, known) || !same_balances(pair)) {
        return false;
    }
    struct ordo_stock_view stock;
    for (i = 0; oracle_stock(pair->oracle, i, &shop, &stock); i++) {
        if (!same_stock(pair, time_us, i)) {
            return false;
        }
    }
    struct ordo_coupon_view coupon;
    for (i = 0; oracle_coupon(pair->oracle, i, &shop, &coupon); i++) {
        if (!same_coupon(pair, time_us, i)) {
            return false;
        }
    }
    struct oracle_payment payment;
    for (i = 0; oracle_payment(pair->oracle, i, &payment); i++) {
        if (!same_payment(pair, time_us, i)) {
            return false;
        }
    }
    if (!pair_same_readers(pair, time_us)) {
        return false;
    }
    uint64_t next_us = oracle_next_deadline_us(pair->oracle);
    SAME(pair, "next deadline", ordo_state_next_deadline_us(pair->state), next_us);
    if (ordo_state_check(pair->state, &fail) != ORDO_OK) {
        return differs(pair, "invariant: %s", fail.text);
    }
    struct ordo_hash128 a = ordo_state_digest(pair->state);
    struct ordo_hash128 b = ordo_state_digest_full(pair->state);
    SAME(pair, "digest of changes and of all", a.low, b.low);
    SAME(pair, "digest of changes and of all", a.high, b.high);
    return true;
}
