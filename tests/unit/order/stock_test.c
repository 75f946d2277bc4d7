/* Goal: units of every pool are where README §2 says, at each step of an order's life, and what was
 * given out never comes back. Method: one pool a test, driven by commands; then a random mix over
 * all pools, with every invariant checked and each bound card noted by hand. */
#include "stockroom.h"

#include <criterion/criterion.h>

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(stock, .init = open_shop, .fini = close_shop);

static void expect_units(
    uint32_t product,
    uint64_t free,
    uint64_t held,
    uint64_t bound,
    uint64_t revealed,
    uint64_t gone)
{
    struct ordo_stock_view v = stock(&shop, product);
    cr_expect_eq(v.available, free, "available: %lu", (unsigned long)v.available);
    cr_expect_eq(v.held, held, "held: %lu", (unsigned long)v.held);
    cr_expect_eq(v.bound, bound, "bound: %lu", (unsigned long)v.bound);
    cr_expect_eq(v.revealed, revealed, "revealed: %lu", (unsigned long)v.revealed);
    cr_expect_eq(v.voided, gone, "void: %lu", (unsigned long)v.voided);
    shop_check(&shop);
}

Test(stock, a_product_is_of_one_of_five_modes_with_known_options)
{
    for (uint8_t mode = ORDO_STOCK_CARDS; mode <= ORDO_STOCK_UNLIMITED; mode++) {
        uint16_t expected = mode == ORDO_STOCK_COUNTED ? ORDO_RESULT_OK : ORDO_RESULT_STOCK_MODE;
        cr_expect_eq(put_pool(&shop, 1u + mode, mode, 0, 0), ORDO_RESULT_OK);
        cr_expect_eq(put_pool(&shop, 1u + mode, mode, 0, 5), expected);
        expected = mode == ORDO_STOCK_PRESELECT ? ORDO_RESULT_STOCK_MODE : ORDO_RESULT_OK;
        cr_expect_eq(put_pool(&shop, 1u + mode, mode, ORDO_PRODUCT_HOLD_AT_PAY, 0), expected);
    }
    cr_expect_eq(put_pool(&shop, 1, ORDO_STOCK_CARDS, 63, 0), ORDO_RESULT_OK);
    cr_expect_eq(put_pool(&shop, 1, ORDO_STOCK_CARDS, 64, 0), ORDO_RESULT_PRODUCT_INVALID);
    cr_expect_eq(put_pool(&shop, 1, ORDO_STOCK_LOOP, 0, 0), ORDO_RESULT_PRODUCT_MODE);
    shop.command.product_put.stock_mode = ORDO_STOCK_CARDS;
    shop.command.product_put.held_share = 10001;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_MALFORMED, "past what the schema allows");
    shop.command.product_put.held_share = 10000;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
}

Test(stock, one_time_cards_go_first_in_first_out_and_come_back_last)
{
    uint64_t cards[ORDO_CARDS_MAX];
    put_pool(&shop, 1, ORDO_STOCK_CARDS, 0, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 5), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "a", 2), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "b", 1), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "a").cards[0], 1);
    cr_expect_eq(get(&shop, "a").cards[1], 2);
    cr_expect_eq(get(&shop, "b").cards[0], 3);
    expect_units(1, 2, 3, 0, 0, 0);
    cr_assert_eq(cancel(&shop, "a"), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "a").card_count, 0);
    expect_units(1, 4, 1, 0, 0, 0);
    cr_assert_eq(want(&shop, 1, "c", 4), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "c"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(cards_of(&shop, "c", cards), 4);
    cr_expect(cards[0] == 4 && cards[1] == 5 && cards[2] == 1 && cards[3] == 2);
    expect_units(1, 0, 1, 4, 0, 0);
    cr_assert_eq(acknowledge(&shop, "c"), ORDO_RESULT_OK);
    expect_units(1, 0, 1, 0, 4, 0);
    cr_expect_eq(want(&shop, 1, "d", 1), ORDO_RESULT_STOCK_SHORT);
}

Test(stock, a_card_that_the_buyer_names_is_his_out_of_the_middle)
{
    put_pool(&shop, 1, ORDO_STOCK_PRESELECT, 0, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 4), ORDO_RESULT_OK);
    cr_assert_eq(want_card(&shop, 1, "a", 3), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "a").cards[0], 3);
    cr_expect_eq(want_card(&shop, 1, "b", 3), ORDO_RESULT_CARD_TAKEN);
    shop_check(&shop);
    cr_assert_eq(want_card(&shop, 1, "b", 4), ORDO_RESULT_OK, "the last of the queue");
    cr_assert_eq(want(&shop, 1, "c", 1), ORDO_RESULT_OK, "without a name: the first");
    cr_expect_eq(get(&shop, "c").cards[0], 1);
    expect_units(1, 1, 3, 0, 0, 0);
    cr_assert_eq(cancel(&shop, "a"), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "d", 2), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "d").cards[0], 2);
    cr_expect_eq(get(&shop, "d").cards[1], 3, "given back: the last");
    cr_assert_eq(pay_whole(&shop, "b"), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(shop.outcome.cards[0], 4);
    expect_units(1, 0, 3, 1, 0, 0);
}

Test(stock, loop_cards_go_round_one_an_order_and_are_never_used_up)
{
    uint64_t cards[ORDO_CARDS_MAX];
    put_pool(&shop, 1, ORDO_STOCK_LOOP, 0, 0);
    cr_expect_eq(
        want(&shop, 1, "x", 1), ORDO_RESULT_STOCK_SHORT, "without a card there is nothing");
    cr_assert_eq(add_cards(&shop, 1, 1, 3), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 30; i++) {
        cr_assert_eq(want(&shop, 1, numbered(i), 7), ORDO_RESULT_OK);
        cr_expect_eq(stock(&shop, 1).available, 3);
        cr_assert_eq(get(&shop, numbered(i)).card_count, 1, "one, whatever the quantity");
        cr_expect_eq(get(&shop, numbered(i)).cards[0], i % 3 + 1);
    }
    cr_assert_eq(cancel(&shop, numbered(0)), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, numbered(1)), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(shop.outcome.card_count, 1);
    cr_expect_eq(shop.outcome.cards[0], 2);
    cr_assert_eq(cards_of(&shop, numbered(1), cards), 1);
    cr_expect_eq(cards[0], 2);
    expect_units(1, 3, 28 * 7, 7, 0, 0);
    cr_assert_eq(acknowledge(&shop, numbered(1)), ORDO_RESULT_OK);
    expect_units(1, 3, 28 * 7, 0, 7, 0);
    cr_assert_eq(pay_whole(&shop, numbered(2)), ORDO_DISPOSITION_APPLIED);
    pay_back(&shop, numbered(2));
    expect_units(1, 3, 27 * 7, 0, 7, 7);
    cr_assert_eq(card_void(&shop, 1, 1, 3), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 3);
    cr_expect_eq(want(&shop, 1, "y", 1), ORDO_RESULT_STOCK_SHORT);
}

Test(stock, unlimited_goods_are_counted_and_never_used_up)
{
    put_pool(&shop, 1, ORDO_STOCK_UNLIMITED, 0, 0);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(want(&shop, 1, numbered(i), 64), ORDO_RESULT_OK);
        cr_expect_eq(stock(&shop, 1).available, UINT64_MAX);
    }
    cr_assert_eq(cancel(&shop, numbered(0)), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, numbered(1)), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(shop.outcome.card_count, 0);
    cr_assert_eq(acknowledge(&shop, numbered(1)), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, numbered(2)), ORDO_DISPOSITION_APPLIED);
    pay_back(&shop, numbered(2));
    expect_units(1, UINT64_MAX, 97 * 64, 0, 64, 64);
}

Test(stock, counted_goods_move_as_a_number_and_are_restocked_by_a_put)
{
    put_pool(&shop, 1, ORDO_STOCK_COUNTED, 0, 5);
    cr_assert_eq(want(&shop, 1, "a", 4), ORDO_RESULT_OK);
    cr_expect_eq(want(&shop, 1, "b", 2), ORDO_RESULT_STOCK_SHORT);
    put_pool(&shop, 1, ORDO_STOCK_COUNTED, 0, 3);
    expect_units(1, 4, 4, 0, 0, 0);
    cr_assert_eq(pay_whole(&shop, "a"), ORDO_DISPOSITION_APPLIED);
    expect_units(1, 4, 0, 4, 0, 0);
    pay_back(&shop, "a");
    expect_units(1, 4, 0, 0, 0, 4);
    cr_expect_eq(add_cards(&shop, 1, 1, 1), ORDO_RESULT_STOCK_MODE, "it has no cards");
    cr_expect_eq(stock(&shop, 1).imported, 8);
}

Test(stock, an_import_leaves_out_what_is_known_unless_duplicates_are_wanted)
{
    put_pool(&shop, 1, ORDO_STOCK_LOOP, 0, 0);
    put_pool(&shop, 2, ORDO_STOCK_CARDS, ORDO_PRODUCT_DUPLICATES, 0);
    put_pool(&shop, 3, ORDO_STOCK_UNLIMITED, 0, 0);
    cr_assert_eq(add_same_card(&shop, 1, 9, 3), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 1, "twice in one import is twice, too");
    cr_assert_eq(add_same_card(&shop, 1, 9, 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0);
    cr_assert_eq(add_same_card(&shop, 2, 9, 3), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 3);
    cr_expect_eq(stock(&shop, 2).available, 3);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(add_same_card(&shop, 2, 9, 256), ORDO_RESULT_OK);
    }
    cr_expect_eq(stock(&shop, 2).available, 2563);
    cr_expect_eq(add_cards(&shop, 3, 1, 1), ORDO_RESULT_STOCK_MODE);
    cr_expect_eq(add_cards(&shop, 4, 1, 1), ORDO_RESULT_PRODUCT_UNKNOWN);
    put_pool(&shop, 2, ORDO_STOCK_CARDS, 0, 0);
    cr_assert_eq(add_same_card(&shop, 2, 9, 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0, "the option is gone");
}

Test(stock, units_of_money_that_goes_back_are_free_only_if_they_were_never_bound)
{
    put_pool(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_MANUAL, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 6), ORDO_RESULT_OK);
    const char *names[] = {"paid", "issuing", "completed"};
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(want(&shop, 1, names[i], 2), ORDO_RESULT_OK);
        cr_assert_eq(pay_whole(&shop, names[i]), ORDO_DISPOSITION_APPLIED);
    }
    cr_assert_eq(issue(&shop, "issuing", false), ORDO_RESULT_OK);
    cr_assert_eq(issue(&shop, "completed", false), ORDO_RESULT_OK);
    cr_assert_eq(acknowledge(&shop, "completed"), ORDO_RESULT_OK);
    expect_units(1, 0, 2, 2, 2, 0);
    pay_back(&shop, "paid");
    expect_units(1, 2, 0, 2, 2, 0);
    pay_back(&shop, "issuing");
    expect_units(1, 2, 0, 0, 2, 2);
    cr_expect_eq(get(&shop, "issuing").card_count, 0, "void cards are nobody's");
    pay_back(&shop, "completed");
    expect_units(1, 2, 0, 0, 2, 2);
    cr_expect_eq(get(&shop, "completed").card_count, 2);
    uint64_t cards[ORDO_CARDS_MAX];
    cr_expect_eq(cards_of(&shop, "completed", cards), 0, "not shown again");
}

Test(stock, a_frozen_order_shows_no_cards)
{
    uint64_t cards[ORDO_CARDS_MAX];
    put_pool(&shop, 1, ORDO_STOCK_CARDS, 0, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "a", 1), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "a"), ORDO_DISPOSITION_APPLIED);
    set_frozen(&shop, "a", true);
    cr_expect_eq(cards_of(&shop, "a", cards), 0);
    cr_expect_eq(shop.applied.code, ORDO_RESULT_ORDER_FROZEN);
    set_frozen(&shop, "a", false);
    cr_expect_eq(cards_of(&shop, "a", cards), 1);
}

/* ---- a random mix ---- */

#define STEPS     3000
#define POOLS     5
#define CARDS_MAX 4000

struct mix {
    uint32_t random;
    uint32_t orders;
    uint8_t spent[CARDS_MAX]; /* by card number: 1 = was bound, 2 = goes round */
    uint32_t moves[ORDO_STATE_COUNT];
    uint32_t served;  /* orders that another command gave their units */
    uint32_t partial; /* issues */
    uint32_t replaced;
    uint64_t noted_seq;
};

static uint32_t draw(struct mix *mix, uint32_t below)
{
    mix->random = mix->random * 1664525u + 1013904223u;
    return (mix->random >> 8) % below;
}

static void note_outcome(struct mix *mix)
{
    for (uint32_t i = 0; i < shop.outcome.transition_count; i++) {
        const struct ordo_transition *t = &shop.outcome.transitions[i];
        mix->moves[t->to]++;
        mix->served += t->from == ORDO_STATE_BACKORDER && t->cause != ORDO_KIND_TICK;
        mix->replaced += t->cause == ORDO_KIND_REPLACE || t->cause == ORDO_KIND_RECALL;
    }
    if (shop.command.kind == ORDO_KIND_ISSUE && shop.outcome.transition_count != 0) {
        mix->partial += (shop.outcome.effects[0].flags & ORDO_FLAG_PARTIAL) != 0;
    }

    for (uint32_t i = 0; i < shop.outcome.card_count; i++) {
        uint64_t card = shop.outcome.cards[i];
        cr_assert_lt(card, CARDS_MAX);
        cr_assert(mix->spent[card] != 1, "card %lu is bound twice", (unsigned long)card);
        mix->spent[card] = mix->spent[card] == 2 ? 2 : 1; /* 2: goes round */
    }
}

/* What operators and banks do about an order's money: units follow it. */
static void step_of_money(struct mix *mix, const char *order)
{
    int64_t amount = get(&shop, order).amount;
    memset(&shop.command, 0, sizeof(shop.command));
    switch (draw(mix, 7)) {
    case 0:
        shop.command.kind = ORDO_KIND_FREEZE;
        shop.command.freeze = (struct ordo_freeze){text(order), text("ann"), text("why"), {0}, 0};
        break;
    case 1:
    case 2:
        shop.command.kind = ORDO_KIND_UNFREEZE;
        shop.command.unfreeze =
            (struct ordo_unfreeze){text(order), text("ann"), text("why"), {0}, 0};
        break;
    case 3:
        shop.command.kind = ORDO_KIND_MARK_PAID;
        shop.command.mark_paid =
            (struct ordo_mark_paid){text(order), 1, amount, CNY, text("ann"), text("why"), {0}, 0};
        break;
    case 4:
        shop.command.kind = ORDO_KIND_ACCEPT;
        shop.command.accept = (struct ordo_accept){text(order), text("ann"), text("why"), {0}, 0};
        break;
    case 5:
        shop.command.kind = ORDO_KIND_REFUND;
        shop.command.refund =
            (struct ordo_refund){text(order), 0, draw(mix, 2), text("ann"), text("why"), {0}, 0};
        break;
    default:
        (void)make_fact(&shop, ORDO_FACT_CHARGEBACK, order, order, amount);
        break;
    }
    (void)shop_send(&shop);
}

/* More orders than there are units, all paid at once. */
static void step_of_rush(struct mix *mix, uint32_t product)
{
    uint32_t first = mix->orders;
    for (uint32_t i = 0; i < 6; i++) {
        (void)want(&shop, product, numbered(mix->orders++), 1 + draw(mix, 4));
    }
    for (uint32_t i = first; i < mix->orders; i++) {
        if (state_of(&shop, numbered(i)) == ORDO_STATE_PENDING) {
            (void)pay_whole(&shop, numbered(i));
            note_outcome(mix);
            mix->noted_seq = shop.applied.seq;
        }
    }
}

static void step(struct mix *mix)
{
    uint32_t product = 1 + draw(mix, POOLS);
    uint32_t recent = mix->orders < 40 ? mix->orders : 40; /* the older ones are at rest */
    const char *order = numbered(mix->orders - draw(mix, recent + 1));
    uint32_t quantity = 1 + draw(mix, 4);
    struct ordo_order_view o;
    switch (draw(mix, 19)) {
    case 0:
    case 1:
    case 2:
        (void)want_or_wait(&shop, product, numbered(mix->orders++), quantity);
        break;
    case 3:
        (void)want_card(&shop, 3, numbered(mix->orders++), 1 + draw(mix, 300));
        break;
    case 4:
    case 5:
    case 6:
        o = get(&shop, order);
        (void)pay(&shop, order, order, o.amount);
        break;
    case 7:
        (void)cancel(&shop, order);
        break;
    case 8:
        (void)acknowledge(&shop, order);
        break;
    case 9:
        (void)issue(&shop, order, draw(mix, 2));
        break;
    case 10:
        o = get(&shop, order);
        (void)replace(&shop, order, o.card_count == 0 ? 1 : o.cards[draw(mix, o.card_count)]);
        break;
    case 11:
        (void)recall(&shop, 1 + draw(mix, 300));
        break;
    case 12:
        o = get(&shop, order);
        (void)refund(&shop, order, order, o.amount);
        break;
    case 13:
        if (product == 4) {
            (void)put_pool(&shop, 4, ORDO_STOCK_COUNTED, ORDO_PRODUCT_HOLD_AT_PAY, quantity);
        } else if (product != 2) {
            (void)add_cards(&shop, product, 100 + draw(mix, 2000), quantity);
        }
        break;
    case 14:
        shop.time_us += draw(mix, 300) * SECOND_US;
        (void)tick(&shop);
        break;
    case 15:
    case 16:
        step_of_money(mix, order);
        break;
    case 17:
        step_of_rush(mix, draw(mix, 2) == 0 ? 1 : 4);
        break;
    default:
        (void)go_on(&shop);
        break;
    }
}

Test(stock, a_random_mix_keeps_every_invariant_and_gives_no_card_twice)
{
    const char *given = getenv("ORDO_SEED");
    uint32_t seed = given != NULL ? (uint32_t)strtoul(given, NULL, 10) : 20261123;
    fprintf(stderr, "seed=%u (again: ORDO_SEED=%u stock_test)\n", seed, seed);
    static struct mix mix;
    mix.random = seed;
    put_pool(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_HOLD_AT_PAY, 0);
    put_pool(&shop, 2, ORDO_STOCK_LOOP, 0, 0);
    put_pool(&shop, 3, ORDO_STOCK_PRESELECT, ORDO_PRODUCT_MANUAL, 0);
    put_pool(&shop, 4, ORDO_STOCK_COUNTED, 0, 6);
    put_pool(&shop, 5, ORDO_STOCK_CARDS, ORDO_PRODUCT_LATE_BACKORDER, 0);
    add_cards(&shop, 2, 1, 5);
    for (uint32_t i = 1; i <= 5; i++) {
        mix.spent[i] = 2;
    }
    add_cards(&shop, 1, 10, 10);
    add_cards(&shop, 3, 30, 10);
    add_cards(&shop, 5, 50, 10);
    for (uint32_t i = 0; i < STEPS; i++) {
        step(&mix);
        if (shop.applied.journaled && shop.applied.seq != mix.noted_seq) {
            mix.noted_seq = shop.applied.seq;
            note_outcome(&mix);
        }
        shop_check(&shop);
    }
    for (uint8_t state = ORDO_STATE_PENDING; state < ORDO_STATE_COUNT; state++) {
        fprintf(stderr, "%s %u\n", ordo_state_name(state), mix.moves[state]);
    }
    fprintf(stderr, "served %u partial %u replaced %u\n", mix.served, mix.partial, mix.replaced);
    cr_expect(mix.served > 10 && mix.replaced > 10, "a mix that reaches little proves little");
}
