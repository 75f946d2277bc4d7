/* Goal: no history of commands breaks an invariant; equal commands give equal states and outcome
 * bytes; money is conserved at every prefix.
 * Method: random commands over few orders, buyers and trade numbers, so that they collide all the
 * time; every invariant and both digests each 50 commands; the same history twice, once with
 * resends, queries and refused bytes strewn in, must end in the same digest and stream hash.
 * Replay one seed: ORDO_SEED=n build/debug/tests/unit/order/history_test */
#include "shop.h"

#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define COMMANDS 3000
#define SEEDS    12

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint32_t below(uint64_t *seed, uint32_t count)
{
    return (uint32_t)((next_random(seed) >> 20) % count);
}

struct names {
    uint32_t number; /* of the order; its units follow from it, most of the time */
    char order[16];
    char trade[16];
};

static uint32_t units_of(uint64_t *seed, const struct names *n)
{
    return below(seed, 10) == 0 ? 1 + below(seed, 3) : 1 + n->number % 3;
}

static void random_create(struct shop *shop, uint64_t *seed, const struct names *n)
{
    uint32_t buyer = below(seed, 20);
    uint32_t units = units_of(seed, n);
    struct ordo_create *c = make_create(shop, n->order, buyer, units);
    c->product = 1 + below(seed, 3);
    c->hold_ttl_s = 5 + below(seed, 3) * 10;
    if (below(seed, 16) == 0) {
        c->amount++;
    }
}

static void random_fact(struct shop *shop, uint64_t *seed, const struct names *n)
{
    static const uint8_t kinds[] = {
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_FAIL,
        ORDO_FACT_CLOSE,
        ORDO_FACT_REFUND,
        ORDO_FACT_CHARGEBACK};
    int64_t amount = (int64_t)units_of(seed, n) * PRICE;
    amount += below(seed, 8) == 0 ? (int64_t)below(seed, 3) - 1 : 0;
    uint32_t without_chargeback = below(seed, 2);
    uint8_t kind = kinds[below(seed, sizeof(kinds) - without_chargeback)];
    struct ordo_fact *f = make_fact(shop, kind, n->order, n->trade, amount);
    f->channel = below(seed, 8) == 0 ? 2 : 1;
    f->currency = below(seed, 30) == 0 ? 840 : CNY;
    if (kind == ORDO_FACT_REFUND || below(seed, 20) == 0) {
        f->refund_total = below(seed, 4 * PRICE);
    }
}

static void random_attempt(struct shop *shop, uint64_t *seed, const struct names *n)
{
    memset(&shop->command, 0, sizeof(shop->command));
    shop->command.kind = ORDO_KIND_ATTEMPT;
    shop->command.attempt.order_id = text(n->order);
    shop->command.attempt.channel = below(seed, 4) == 0 ? 2 : 1;
    shop->command.attempt.merchant = text("m1");
    shop->command.attempt.amount = (int64_t)PRICE * units_of(seed, n);
    shop->command.attempt.currency = CNY;
}

static void add_random_cards(struct shop *shop, uint64_t *seed)
{
    uint32_t first = below(seed, 800);
    uint32_t count = 1 + below(seed, 4);
    (void)add_cards(shop, 1, first, count);
}

/* Sends the index-th command of a history and goes on in time. Orders and trade numbers are taken
 * from a window that moves on, so that each lives long enough to be hit often. */
static void step(struct shop *shop, uint64_t *seed, uint32_t index)
{
    struct names n = {.number = index / 20 + below(seed, 12)};
    uint32_t trade_of = below(seed, 16) == 0 ? n.number - 1 : n.number;
    (void)snprintf(n.order, sizeof(n.order), "o%u", n.number);
    uint32_t trade = below(seed, 3) / 2;
    (void)snprintf(n.trade, sizeof(n.trade), "t%u-%u", trade_of, trade);
    shop->time_us += below(seed, SECOND_US / 4);
    switch (below(seed, 20)) {
    case 0:
        (void)cancel(shop, n.order);
        return;
    case 1:
        (void)acknowledge(shop, n.order);
        return;
    case 2:
        (void)(below(seed, 20) == 0 ? resume(shop) : tick(shop));
        return;
    case 3:
        add_random_cards(shop, seed);
        return;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        random_create(shop, seed, &n);
        break;
    case 9:
    case 10:
    case 11:
        random_attempt(shop, seed, &n);
        break;
    default:
        random_fact(shop, seed, &n);
        break;
    }
    (void)shop_send(shop);
}

static void open_history(struct shop *shop)
{
    shop_open(shop, NULL);
    cr_assert_eq(put_product(shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(set(shop, "resume_grace_s", 20), ORDO_RESULT_OK);
    cr_assert_eq(set(shop, "late_window_s", 300), ORDO_RESULT_OK);
    cr_assert_eq(put_product(shop, 2, PRICE, ORDO_STOCK_COUNTED), ORDO_RESULT_OK);
    shop->command.product_put.purchase_cap = 5;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    cr_assert_eq(put_product(shop, 3, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    shop->command.product_put.options = ORDO_PRODUCT_MANUAL;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(shop, 1, 1, 30), ORDO_RESULT_OK);
}

/* What must leave no trace, between the commands. */
static void disturb(struct shop *shop, uint64_t *seed)
{
    if (shop->applied.journaled && !ordo_kind_is_internal(shop->command.kind)) {
        struct ordo_result first = shop->outcome.result;
        (void)shop_resend(shop);
        cr_assert_eq(memcmp(&first, &shop->outcome.result, sizeof(first)), 0);
        cr_assert(!shop->applied.journaled);
    }
    (void)stock(shop, 1 + below(seed, 3));
    shop->command.kind = ORDO_KIND_CANCEL; /* cut short: malformed */
    shop->command.cancel = (struct ordo_cancel){.order_id = text("o1")};
    shop_encode(shop);
    shop->command_size = 1 + below(seed, shop->command_size - 1);
    (void)shop_resend(shop);
    cr_assert_eq(shop->applied.code, ORDO_RESULT_MALFORMED);
}

static void check_equation(const struct shop *shop)
{
    struct ordo_totals t;
    ordo_state_totals(shop->state, &t);
    const int64_t *a = t.accounts;
    cr_assert_eq(
        a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL],
        a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] + a[ORDO_ACCOUNT_REFUNDED] +
            a[ORDO_ACCOUNT_REVIEW]);
}

static struct ordo_hash128 outcomes; /* over every journaled outcome of one run */
static struct ordo_totals last_totals;
static uint64_t entered[ORDO_STATE_COUNT]; /* over all runs */

static struct ordo_hash128 run(uint64_t seed, bool disturbed, struct ordo_head_values *head)
{
    static struct shop shop;
    uint64_t other = seed * 77 + 1;
    open_history(&shop);
    outcomes = (struct ordo_hash128){0, 0};
    uint64_t updates = 0;
    for (uint32_t i = 1; i <= COMMANDS; i++) {
        ordo_state_head(shop.state, head);
        step(&shop, &seed, i);
        if (shop.applied.journaled) {
            cr_assert_eq(shop.applied.seq, head->seq + 1, "contiguous");
            cr_assert_eq(shop.applied.update_seq, head->update_seq + shop.applied.update_count);
            updates += shop.applied.update_count;
            for (uint32_t t = 0; t < shop.outcome.transition_count; t++) {
                entered[shop.outcome.transitions[t].to]++;
            }
            outcomes = ordo_hash_chain(
                outcomes, shop.outcome_bytes, shop.outcome_size > 240 ? 240 : shop.outcome_size);
        }
        check_equation(&shop);
        if (disturbed) {
            disturb(&shop, &other);
        }
        if (i % 50 == 0) {
            shop_check(&shop);
        }
    }
    ordo_state_head(shop.state, head);
    ordo_state_totals(shop.state, &last_totals);
    cr_assert_gt(updates, 100);
    struct ordo_hash128 digest = ordo_state_digest(shop.state);
    shop_close(&shop);
    return digest;
}

static uint64_t first_seed(uint32_t *count)
{
    const char *given = getenv("ORDO_SEED");
    *count = given == NULL ? SEEDS : 1;
    return given == NULL ? 20261123 : strtoull(given, NULL, 10);
}

Test(history, no_random_history_breaks_an_invariant_or_determinism)
{
    uint32_t count;
    uint64_t seed = first_seed(&count);
    for (uint32_t i = 0; i < count; i++, seed++) {
        struct ordo_head_values a;
        struct ordo_head_values b;
        fprintf(stderr, "seed=%llu\n", (unsigned long long)seed);
        struct ordo_hash128 digest = run(seed, false, &a);
        struct ordo_hash128 out = outcomes;
        struct ordo_hash128 again = run(seed, true, &b);
        cr_assert(digest.low == again.low && digest.high == again.high, "the states differ");
        cr_assert(out.low == outcomes.low && out.high == outcomes.high, "the outcomes differ");
        cr_assert(
            a.stream_hash.low == b.stream_hash.low && a.stream_hash.high == b.stream_hash.high,
            "the streams differ");
    }
}

/* The histories must reach what they are there for. */
Test(history, random_histories_reach_every_disposition_and_state)
{
    uint64_t facts[ORDO_DISPOSITION_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct ordo_head_values head;
        (void)run(seed, false, &head);
        for (uint32_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
            facts[i] += last_totals.facts_with[i];
        }
    }
    for (uint8_t i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        bool later = i == ORDO_DISPOSITION_LATE_BACKORDER || i == ORDO_DISPOSITION_BOUND_MANUAL;
        cr_expect(later || facts[i] != 0, "no fact was %s", ordo_disposition_name(i));
        fprintf(stderr, "%s %llu\n", ordo_disposition_name(i), (unsigned long long)facts[i]);
    }
    for (uint8_t i = 1; i < ORDO_STATE_COUNT; i++) {
        cr_expect(
            i == ORDO_STATE_BACKORDER || entered[i] != 0, "none was ever %s", ordo_state_name(i));
        fprintf(stderr, "%s %llu\n", ordo_state_name(i), (unsigned long long)entered[i]);
    }
}
