/* Goal: what operators do to single cards - card-void, replace, recall - is as README §5 says, and
 * a card that was void once is never given out, whoever waits. Method: one order a state; every
 * invariant after each step. */
#include "stockroom.h"

#include <criterion/criterion.h>

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_pool(&shop, 1, ORDO_STOCK_CARDS, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 6), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(card, .init = open_shop, .fini = close_shop);

static void buy(const char *order, uint32_t quantity)
{
    cr_assert_eq(want(&shop, 1, order, quantity), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, order), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
}

static void expect_units(uint64_t free, uint64_t held, uint64_t bound, uint64_t revealed)
{
    struct ordo_stock_view v = stock(&shop, 1);
    cr_expect_eq(v.available, free, "available: %lu", (unsigned long)v.available);
    cr_expect_eq(v.held, held, "held: %lu", (unsigned long)v.held);
    cr_expect_eq(v.bound, bound, "bound: %lu", (unsigned long)v.bound);
    cr_expect_eq(v.revealed, revealed, "revealed: %lu", (unsigned long)v.revealed);
    cr_expect_eq(v.voided, v.imported - free - held - bound - revealed);
    shop_check(&shop);
}

Test(card, card_void_takes_the_free_ones_of_a_range)
{
    buy("a", 1);
    cr_assert_eq(want(&shop, 1, "held", 1), ORDO_RESULT_OK);
    cr_assert_eq(card_void(&shop, 1, 1, 4), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 2, "3 and 4: 1 is bound, 2 is held");
    expect_units(2, 1, 1, 0);
    cr_assert_eq(card_void(&shop, 1, 1, 256), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 2);
    cr_expect_eq(want(&shop, 1, "b", 1), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(add_cards(&shop, 1, 1, 6), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0, "a void card stays known: it cannot be sold anew");
    cr_expect_eq(card_void(&shop, 1, 1, 257), ORDO_RESULT_CARD_RANGE);
    cr_expect_eq(card_void(&shop, 1, 0, 1), ORDO_RESULT_CARD_RANGE);
    cr_expect_eq(card_void(&shop, 1, 2, 1), ORDO_RESULT_CARD_RANGE);
    cr_expect_eq(card_void(&shop, 1, UINT64_MAX - 3, UINT64_MAX), ORDO_RESULT_OK);
    cr_expect_eq(card_void(&shop, 9, 1, 1), ORDO_RESULT_PRODUCT_UNKNOWN);
    put_pool(&shop, 2, ORDO_STOCK_COUNTED, 0, 5);
    cr_expect_eq(card_void(&shop, 2, 1, 1), ORDO_RESULT_STOCK_MODE);
    shop.command.card_void.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
}

Test(card, card_void_leaves_the_cards_of_other_products)
{
    put_pool(&shop, 2, ORDO_STOCK_CARDS, 0, 0);
    cr_assert_eq(add_cards(&shop, 2, 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(card_void(&shop, 2, 1, 100), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 2);
    expect_units(6, 0, 0, 0);
}

Test(card, replace_gives_the_first_free_card_in_the_place_of_a_bad_one)
{
    uint64_t cards[ORDO_CARDS_MAX];
    buy("a", 3);
    shop.time_us += 100 * SECOND_US;
    cr_assert_eq(replace(&shop, "a", 2), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 1);
    cr_expect_eq(shop.outcome.transitions[0].from, ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.transitions[0].to, ORDO_STATE_ISSUING);
    cr_assert_eq(shop.outcome.card_count, 1, "the new one");
    cr_expect_eq(shop.outcome.cards[0], 4);
    cr_expect_eq(get(&shop, "a").deadline_us, shop.time_us + 600 * SECOND_US);
    cr_assert_eq(cards_of(&shop, "a", cards), 3);
    cr_expect(cards[0] == 1 && cards[1] == 4 && cards[2] == 3);
    expect_units(2, 0, 3, 0);
    cr_expect_eq(replace(&shop, "a", 2), ORDO_RESULT_CARD_NOT_OF_ORDER, "it is void now");
    cr_expect_eq(replace(&shop, "a", 5), ORDO_RESULT_CARD_NOT_OF_ORDER, "it is free");
    cr_expect_eq(replace(&shop, "a", 0), ORDO_RESULT_CARD_NOT_OF_ORDER);
    cr_expect_eq(replace(&shop, "a", 1ull << 32 | 1), ORDO_RESULT_CARD_NOT_OF_ORDER);
    cr_assert_eq(replace(&shop, "a", 1), ORDO_RESULT_OK, "the first of the chain");
    cr_assert_eq(replace(&shop, "a", 3), ORDO_RESULT_OK, "the last");
    cr_expect_eq(replace(&shop, "a", 4), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(cards_of(&shop, "a", cards), 3);
    cr_expect(cards[0] == 5 && cards[1] == 4 && cards[2] == 6);
    expect_units(0, 0, 3, 0);
}

Test(card, a_completed_order_is_delivered_anew_with_one_card_bound_and_the_others_revealed)
{
    uint64_t cards[ORDO_CARDS_MAX];
    buy("a", 3);
    cr_assert_eq(acknowledge(&shop, "a"), ORDO_RESULT_OK);
    cr_assert_eq(replace(&shop, "a", 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "a"), ORDO_STATE_ISSUING);
    expect_units(2, 0, 1, 2);
    cr_assert_eq(cards_of(&shop, "a", cards), 3);
    cr_expect(cards[0] == 4 && cards[1] == 2 && cards[2] == 3);
    cr_assert_eq(acknowledge(&shop, "a"), ORDO_RESULT_OK);
    expect_units(2, 0, 0, 3);
    cr_assert_eq(replace(&shop, "a", 2), ORDO_RESULT_OK);
    pay_back(&shop, "a");
    expect_units(1, 0, 0, 2);
    cr_expect_eq(get(&shop, "a").card_count, 2, "the two that were read; the bound one is void");
}

Test(card, replace_is_refused_by_state_and_mode_and_while_frozen)
{
    cr_expect_eq(replace(&shop, "nobody", 1), ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_eq(want(&shop, 1, "held", 1), ORDO_RESULT_OK);
    cr_expect_eq(replace(&shop, "held", 1), ORDO_RESULT_STATE_PENDING);
    cr_assert_eq(want_or_wait(&shop, 1, "waits", 60), ORDO_RESULT_OK);
    cr_expect_eq(replace(&shop, "waits", 1), ORDO_RESULT_ORDER_WAITS);
    cr_assert_eq(cancel(&shop, "waits"), ORDO_RESULT_OK);
    buy("a", 1);
    set_frozen(&shop, "a", true);
    cr_expect_eq(replace(&shop, "a", 2), ORDO_RESULT_ORDER_FROZEN);
    cr_expect_eq(recall(&shop, 2), ORDO_RESULT_ORDER_FROZEN);
    cr_expect_eq(shop.outcome.effect_count, 1, "the refusal is part of the order's history");
    set_frozen(&shop, "a", false);
    for (uint8_t mode = ORDO_STOCK_LOOP; mode <= ORDO_STOCK_UNLIMITED; mode += 3) {
        put_pool(&shop, 1u + mode, mode, 0, 0);
        (void)add_cards(&shop, 1u + mode, 1, 2);
        cr_assert_eq(want(&shop, 1u + mode, numbered(mode), 1), ORDO_RESULT_OK);
        cr_assert_eq(pay_whole(&shop, numbered(mode)), ORDO_DISPOSITION_APPLIED);
        cr_expect_eq(replace(&shop, numbered(mode), 7), ORDO_RESULT_STOCK_MODE);
    }
    shop.command.replace.operator_name = text("two words");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OPERATOR_MISSING);
}

Test(card, recall_makes_a_card_void_wherever_it_is)
{
    buy("read", 1);
    cr_assert_eq(acknowledge(&shop, "read"), ORDO_RESULT_OK);
    buy("bound", 1);
    cr_assert_eq(want(&shop, 1, "held", 1), ORDO_RESULT_OK);
    cr_assert_eq(recall(&shop, 4), ORDO_RESULT_OK, "free");
    cr_expect_eq(shop.outcome.effect_count, 0);
    expect_units(2, 1, 1, 1);
    cr_expect_eq(recall(&shop, 4), ORDO_RESULT_OK, "void already");
    expect_units(2, 1, 1, 1);
    cr_assert_eq(recall(&shop, 3), ORDO_RESULT_OK, "held");
    cr_expect_eq(get(&shop, "held").cards[0], 5);
    expect_units(1, 1, 1, 1);
    cr_assert_eq(recall(&shop, 1), ORDO_RESULT_OK, "revealed");
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_expect(ordo_bytes_equal(shop.outcome.effects[0].order_id, text("read")));
    cr_expect_eq(shop.outcome.effects[0].transition_count, 1);
    cr_expect_eq(shop.outcome.cards[0], 6);
    cr_expect_eq(state_of(&shop, "read"), ORDO_STATE_ISSUING);
    expect_units(0, 1, 2, 0);
    cr_expect_eq(recall(&shop, 2), ORDO_RESULT_STOCK_SHORT, "bound, and nothing to give for it");
    cr_expect_eq(recall(&shop, 5), ORDO_RESULT_STOCK_SHORT, "held");
    expect_units(0, 1, 2, 0);
    cr_expect_eq(recall(&shop, 7), ORDO_RESULT_CARD_UNKNOWN);
    cr_expect_eq(recall(&shop, 0), ORDO_RESULT_CARD_UNKNOWN);
    cr_expect_eq(recall(&shop, 1ull << 32 | 2), ORDO_RESULT_CARD_UNKNOWN);
    cr_expect_eq(recall(&shop, 2), ORDO_RESULT_STOCK_SHORT);
    shop.command.shop = 5;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CARD_UNKNOWN, "another shop's");
}

Test(card, recall_of_a_refunded_orders_card_is_refused_by_its_state)
{
    buy("a", 1);
    cr_assert_eq(acknowledge(&shop, "a"), ORDO_RESULT_OK);
    pay_back(&shop, "a");
    cr_expect_eq(recall(&shop, 1), ORDO_RESULT_STATE_REFUNDED);
    cr_expect_eq(shop.outcome.effect_count, 1);
}

Test(card, a_recalled_card_that_was_named_is_not_taken_again)
{
    put_pool(&shop, 2, ORDO_STOCK_PRESELECT, 0, 0);
    cr_assert_eq(add_cards(&shop, 2, 1, 3), ORDO_RESULT_OK);
    cr_assert_eq(want_card(&shop, 2, "a", 8), ORDO_RESULT_OK);
    cr_assert_eq(recall(&shop, 8), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "a").cards[0], 7);
    cr_expect_eq(want_card(&shop, 2, "b", 8), ORDO_RESULT_CARD_TAKEN);
    shop.time_us += 1000 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    shop_check(&shop);
    cr_expect_eq(pay_whole(&shop, "a"), ORDO_DISPOSITION_LATE_REFUND_DUE, "his card or none");
    cr_expect_eq(stock(&shop, 2).available, 2);
}

Test(card, whoever_has_a_bad_card_goes_before_those_who_wait)
{
    buy("a", 1);
    cr_assert_eq(want(&shop, 1, "held", 5), ORDO_RESULT_OK);
    cr_assert_eq(want_or_wait(&shop, 1, "waits", 2), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 20, 1), ORDO_RESULT_OK);
    cr_assert_eq(replace(&shop, "a", 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.cards[0], 7);
    cr_expect_eq(state_of(&shop, "waits"), ORDO_STATE_NONE);
    shop_check(&shop);
}
