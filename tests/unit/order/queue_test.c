/* Goal: a freed unit goes to back-orders by sequence of payment, then to waiting orders by sequence
 * of joining, then to new ones; nobody is passed over, nobody gets it twice, no command does more
 * than its outcome holds. Method: counted goods and cards; every invariant after each test. */
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

TestSuite(queue, .init = open_shop, .fini = close_shop);

#define AT_PAY ORDO_PRODUCT_HOLD_AT_PAY

static void restock(uint32_t product, uint32_t options, uint32_t units)
{
    cr_assert_eq(put_pool(&shop, product, ORDO_STOCK_COUNTED, options, units), ORDO_RESULT_OK);
}

/* Orders o<first>... of a product that takes units at payment: all are created while one unit is
 * there, then that unit is sold to "first", then they pay: each is a back-order. */
static void make_backorders(uint32_t product, uint32_t options, uint32_t first, uint32_t count)
{
    restock(product, options | AT_PAY, 64);
    for (uint32_t i = first; i < first + count; i++) {
        cr_assert_eq(want(&shop, product, numbered(i), 1), ORDO_RESULT_OK);
    }
    char buyer_up[16];
    (void)snprintf(buyer_up, sizeof(buyer_up), "all%u", product);
    cr_assert_eq(want(&shop, product, buyer_up, 64), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, buyer_up), ORDO_DISPOSITION_APPLIED);
    for (uint32_t i = first; i < first + count; i++) {
        cr_assert_eq(pay_whole(&shop, numbered(i)), ORDO_DISPOSITION_APPLIED);
        cr_assert_eq(state_of(&shop, numbered(i)), ORDO_STATE_BACKORDER);
    }
}

static bool is_served(const struct ordo_outcome *outcome, uint32_t effect, const char *order)
{
    return effect < outcome->effect_count &&
           ordo_bytes_equal(outcome->effects[effect].order_id, text(order));
}

Test(queue, a_restock_of_three_serves_the_first_three_of_five_backorders)
{
    make_backorders(1, 0, 1, 5);
    struct ordo_stock_view v = stock(&shop, 1);
    cr_expect_eq(v.backorders, 5);
    cr_expect_eq(v.available, 0);
    cr_expect_eq(get(&shop, "o1").deadline_us, shop.time_us + 86400 * SECOND_US);
    restock(1, AT_PAY, 3);
    cr_assert_eq(shop.outcome.effect_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect(is_served(&shop.outcome, i, numbered(i + 1)));
    }
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(state_of(&shop, "o3"), ORDO_STATE_ISSUING);
    cr_expect_eq(state_of(&shop, "o4"), ORDO_STATE_BACKORDER);
    cr_expect_eq(stock(&shop, 1).backorders, 2);
    cr_expect_neq(ordo_state_next_deadline_us(shop.state), 0, "nothing more can be done");
}

Test(queue, a_head_collects_until_it_is_complete_and_nobody_overtakes_it)
{
    restock(1, 0, 1);
    cr_assert_eq(want(&shop, 1, "holder", 1), ORDO_RESULT_OK);
    cr_assert_eq(want_or_wait(&shop, 1, "large", 3), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_NONE);
    cr_expect_eq(flags_of(&shop, "large"), ORDO_FLAG_WAITING);
    cr_assert_eq(want_or_wait(&shop, 1, "small", 1), ORDO_RESULT_OK);
    restock(1, 0, 2);
    cr_expect_eq(state_of(&shop, "large"), ORDO_STATE_NONE);
    cr_expect_eq(state_of(&shop, "small"), ORDO_STATE_NONE, "two are free, but not for him");
    cr_expect_eq(stock(&shop, 1).available, 0);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_STOCK_SHORT, "nobody sneaks in");
    cr_assert_eq(cancel(&shop, "holder"), ORDO_RESULT_OK);
    cr_assert_eq(shop.outcome.effect_count, 2, "the third unit: the cancelled order and the head");
    cr_expect_eq(state_of(&shop, "large"), ORDO_STATE_PENDING);
    cr_expect_eq(get(&shop, "large").deadline_us, shop.time_us + 900 * SECOND_US);
    cr_expect_eq(state_of(&shop, "small"), ORDO_STATE_NONE);
    cr_assert_eq(cancel(&shop, "large"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "small"), ORDO_STATE_PENDING);
    cr_expect_eq(stock(&shop, 1).available, 2, "the queue is empty");
}

Test(queue, backorders_go_before_waiting_orders_and_those_before_new_ones)
{
    make_backorders(1, 0, 1, 2);
    restock(1, 0, 0); /* from now on units are held at create, so that one can wait */
    cr_assert_eq(want_or_wait(&shop, 1, "waits", 1), ORDO_RESULT_OK);
    cr_expect_eq(stock(&shop, 1).waiting, 1);
    restock(1, 0, 1);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_STOCK_SHORT);
    restock(1, 0, 1);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_ISSUING);
    cr_expect_eq(state_of(&shop, "waits"), ORDO_STATE_NONE);
    restock(1, 0, 1);
    cr_expect_eq(state_of(&shop, "waits"), ORDO_STATE_PENDING);
    restock(1, 0, 1);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_OK);
}

Test(queue, a_backorder_that_is_not_complete_keeps_its_units_from_everybody)
{
    restock(1, AT_PAY, 3);
    cr_assert_eq(want(&shop, 1, "large", 3), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "later", 1), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "all", 3), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "all"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_whole(&shop, "large"), ORDO_DISPOSITION_APPLIED);
    restock(1, AT_PAY, 2);
    cr_expect_eq(stock(&shop, 1).available, 0);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(pay_whole(&shop, "later"), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "later"), ORDO_STATE_BACKORDER, "behind the first");
    restock(1, AT_PAY, 2);
    cr_expect_eq(state_of(&shop, "large"), ORDO_STATE_ISSUING);
    cr_expect_eq(state_of(&shop, "later"), ORDO_STATE_ISSUING);
}

/* Serves with continue as long as the state asks for it; the number of orders served. */
static uint32_t go_on_to_the_end(uint32_t served, uint32_t *steps)
{
    while (ordo_state_next_deadline_us(shop.state) == 0) {
        cr_assert_eq(go_on(&shop), ORDO_RESULT_OK);
        cr_assert_leq(shop.outcome.transition_count, ORDO_TRANSITIONS_MAX);
        cr_assert_leq(shop.outcome.card_count, ORDO_CARDS_MAX);
        cr_assert_gt(shop.outcome.effect_count, 0, "each step serves somebody");
        for (uint32_t i = 0; i < shop.outcome.effect_count; i++) {
            cr_assert(is_served(&shop.outcome, i, numbered(served)), "out of turn at %u", served);
            served++;
        }
        ++*steps;
    }
    return served;
}

Test(queue, a_thousand_waiting_orders_are_served_in_bounded_steps_each_once)
{
    restock(1, 0, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(want_or_wait(&shop, 1, numbered(i), 1), ORDO_RESULT_OK);
    }
    shop_check(&shop);
    uint32_t steps = 1;
    restock(1, 0, 1000);
    uint32_t served = shop.outcome.effect_count;
    cr_expect_eq(served, 15, "two transitions must have room");
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), 0);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_STOCK_SHORT, "985 are free, and not his");
    shop_check(&shop);
    served = go_on_to_the_end(served, &steps);
    cr_expect_eq(served, 1000);
    cr_expect_leq(steps, 67);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(state_of(&shop, numbered(i)), ORDO_STATE_PENDING);
    }
    struct ordo_stock_view v = stock(&shop, 1);
    cr_expect(v.held == 1000 && v.waiting == 0 && v.available == 0);
    cr_expect_eq(go_on(&shop), ORDO_RESULT_OK, "with nothing to do it does nothing");
    cr_expect_eq(shop.outcome.effect_count, 0);
}

Test(queue, an_outcome_names_at_most_sixty_four_cards)
{
    put_pool(&shop, 1, ORDO_STOCK_CARDS, AT_PAY, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 64), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(want(&shop, 1, numbered(i), 40), ORDO_RESULT_OK);
    }
    cr_assert_eq(want(&shop, 1, "all", 64), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "all"), ORDO_DISPOSITION_APPLIED);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(pay_whole(&shop, numbered(i)), ORDO_DISPOSITION_APPLIED);
    }
    uint32_t steps = 0;
    cr_assert_eq(add_cards(&shop, 1, 1000, 180), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.card_count, 40);
    cr_expect_eq(go_on_to_the_end(1, &steps), 4);
    cr_expect_eq(steps, 3);
    cr_expect_eq(stock(&shop, 1).available, 20);
}

Test(queue, other_commands_go_on_with_the_service_too_and_products_take_their_turns)
{
    make_backorders(1, 0, 0, 20);
    make_backorders(2, 0, 20, 20);
    restock(1, AT_PAY, 20);
    cr_expect_eq(shop.outcome.effect_count, 15);
    restock(2, AT_PAY, 20);
    cr_assert_eq(shop.outcome.effect_count, 15);
    cr_expect(is_served(&shop.outcome, 0, "o15"), "product 1 was there first");
    cr_expect(is_served(&shop.outcome, 5, "o20"), "and product 2 follows in the same outcome");
    uint32_t steps = 0;
    cr_expect_eq(go_on_to_the_end(30, &steps), 40);
}

Test(queue, a_refused_command_serves_nobody)
{
    make_backorders(1, 0, 0, 20);
    restock(1, AT_PAY, 20);
    cr_expect_eq(cancel(&shop, "o0"), ORDO_RESULT_STATE_ISSUING);
    cr_expect_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), 0);
    cr_expect_eq(state_of(&shop, "o15"), ORDO_STATE_BACKORDER);
}

Test(queue, a_head_that_the_command_has_touched_is_served_by_the_next_one)
{
    make_backorders(1, 0, 0, 20);
    restock(1, AT_PAY, 20);
    cr_assert_eq(
        pay(&shop, "o15", "second", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE, "of the head");
    cr_expect_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(state_of(&shop, "o15"), ORDO_STATE_BACKORDER);
    uint32_t steps = 0;
    cr_expect_eq(go_on_to_the_end(15, &steps), 20);
    cr_expect_eq(steps, 1);
}

Test(queue, a_backorder_that_comes_before_a_waiting_order_is_not_forgotten)
{
    restock(1, ORDO_PRODUCT_LATE_BACKORDER, 2);
    cr_assert_eq(want(&shop, 1, "late", 2), ORDO_RESULT_OK);
    shop.time_us += 1000 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(want_or_wait(&shop, 1, "large", 3), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "late"), ORDO_DISPOSITION_LATE_BACKORDER);
    cr_expect_eq(state_of(&shop, "late"), ORDO_STATE_BACKORDER, "its own command served it not");
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), 0);
    cr_assert_eq(go_on(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "late"), ORDO_STATE_ISSUING, "two were free, and it is the first");
    cr_expect_eq(state_of(&shop, "large"), ORDO_STATE_NONE);
}

Test(queue, served_back_orders_of_manual_goods_or_frozen_are_paid_and_wait_for_a_person)
{
    make_backorders(1, ORDO_PRODUCT_MANUAL, 0, 1);
    make_backorders(2, 0, 1, 1);
    set_frozen(&shop, "o1", true);
    restock(1, ORDO_PRODUCT_MANUAL | AT_PAY, 1);
    restock(2, AT_PAY, 1);
    for (uint32_t i = 0; i < 2; i++) {
        struct ordo_order_view o = get(&shop, numbered(i));
        cr_expect_eq(o.state, ORDO_STATE_PAID);
        cr_expect_eq(o.deadline_us, 0);
    }
    cr_expect_eq(issue(&shop, "o0", false), ORDO_RESULT_OK);
    cr_expect_eq(issue(&shop, "o1", false), ORDO_RESULT_ORDER_FROZEN);
}

Test(queue, who_leaves_lets_the_next_one_step_up)
{
    restock(1, 0, 2);
    cr_assert_eq(want_or_wait(&shop, 1, "large", 3), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(want_or_wait(&shop, 1, numbered(i), 1), ORDO_RESULT_OK);
    }
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK, "out of the middle");
    cr_expect_eq(shop.outcome.effect_count, 1);
    shop_check(&shop);
    cr_assert_eq(cancel(&shop, "large"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o0"), ORDO_STATE_PENDING);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
    cr_expect_eq(stock(&shop, 1).waiting, 0);
}

Test(queue, a_wait_that_is_over_and_a_backorder_that_is_over_leave_the_queue)
{
    make_backorders(1, 0, 0, 2);
    restock(2, 0, 0);
    cr_assert_eq(want_or_wait(&shop, 2, "waits", 1), ORDO_RESULT_OK);
    shop.time_us += 86400 * SECOND_US;
    while (ordo_state_next_deadline_us(shop.state) <= shop.time_us) {
        cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
        shop_check(&shop);
    }
    cr_expect_eq(state_of(&shop, "waits"), ORDO_STATE_EXPIRED);
    cr_expect_eq(state_of(&shop, "o0"), ORDO_STATE_REFUNDING);
    cr_expect_eq(stock(&shop, 1).backorders, 0);
    restock(1, 0, 1);
    cr_expect_eq(want(&shop, 1, "new", 1), ORDO_RESULT_OK);
}

Test(queue, money_that_came_before_pays_a_waiting_order_when_it_is_served)
{
    restock(1, 0, 0);
    cr_assert_eq(want_or_wait(&shop, 1, "waits", 1), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "waits"), ORDO_DISPOSITION_ORPHAN);
    restock(1, 0, 1);
    cr_expect_eq(shop.outcome.transition_count, 2);
    cr_expect_eq(state_of(&shop, "waits"), ORDO_STATE_ISSUING);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REVIEW), 0);
}

/* ---- issue: an operator goes past the queue ---- */

Test(queue, issue_goes_past_the_queue_when_all_units_are_there)
{
    restock(1, AT_PAY, 2);
    cr_assert_eq(want(&shop, 1, "first", 2), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "second", 1), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "all", 2), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "all"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_whole(&shop, "first"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_whole(&shop, "second"), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(issue(&shop, "second", false), ORDO_RESULT_STOCK_SHORT);
    cr_expect_eq(issue(&shop, "second", true), ORDO_RESULT_STOCK_SHORT, "not one is free");
    restock(1, AT_PAY, 1);
    cr_expect_eq(issue(&shop, "first", false), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(issue(&shop, "second", false), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.transition_count, 1);
    cr_expect_eq(state_of(&shop, "first"), ORDO_STATE_BACKORDER);
    cr_expect_eq(issue(&shop, "second", false), ORDO_RESULT_OK, "once more is nothing more");
    cr_expect_eq(shop.outcome.transition_count, 0);
}

Test(queue, a_partial_issue_gives_what_there_is_and_owes_the_rest)
{
    put_pool(&shop, 1, ORDO_STOCK_CARDS, AT_PAY, 0);
    cr_assert_eq(add_cards(&shop, 1, 1, 3), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "part", 3), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 1, "all", 3), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "all"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_whole(&shop, "part"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(add_cards(&shop, 1, 10, 2), ORDO_RESULT_OK);
    cr_assert_eq(issue(&shop, "part", true), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.card_count, 2);
    struct ordo_order_view o = get(&shop, "part");
    cr_expect_eq(o.state, ORDO_STATE_ISSUING);
    cr_expect_eq(o.flags, ORDO_FLAG_PARTIAL);
    cr_expect_eq(o.card_count, 2);
    cr_expect_eq(o.paid, 2 * PRICE);
    cr_expect_eq(o.refund_due, PRICE);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REFUND_DUE), PRICE);
    shop_check(&shop);
    cr_assert_eq(acknowledge(&shop, "part"), ORDO_RESULT_OK);
    cr_expect_eq(stock(&shop, 1).revealed, 2);
    cr_assert_eq(refund(&shop, "part", "part", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "part"), ORDO_STATE_COMPLETED);
    shop_check(&shop);
    pay_back(&shop, "part");
}

Test(queue, what_a_partial_issue_leaves_over_is_rounded_in_favour_of_the_buyer)
{
    restock(1, AT_PAY, 7);
    shop.command.product_put.counted = 0;
    shop.command.product_put.price = 33;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "part", 1, 7)->amount = 7 * 33;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "all", 2, 7)->amount = 7 * 33;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(pay_whole(&shop, "all"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_whole(&shop, "part"), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(refund(&shop, "part", "part", 1), ORDO_DISPOSITION_REFUND_ECHO);
    restock(1, AT_PAY, 2);
    cr_assert_eq(issue(&shop, "part", true), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "part").paid, 230 * 2 / 7);
    cr_expect_eq(get(&shop, "part").refund_due, 230 - 230 * 2 / 7);
}

Test(queue, issue_is_refused_by_state_operator_and_reason)
{
    restock(1, ORDO_PRODUCT_MANUAL, 1);
    cr_expect_eq(issue(&shop, "nobody", false), ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_eq(want(&shop, 1, "a", 1), ORDO_RESULT_OK);
    cr_assert_eq(want_or_wait(&shop, 1, "waits", 1), ORDO_RESULT_OK);
    cr_expect_eq(issue(&shop, "waits", false), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(shop.outcome.effect_count, 1, "it is part of his history");
    cr_expect_eq(issue(&shop, "a", false), ORDO_RESULT_STATE_PENDING);
    shop.command.issue.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
    shop.command.issue.operator_name = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OPERATOR_MISSING);
    cr_assert_eq(pay_whole(&shop, "a"), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "a"), ORDO_STATE_PAID);
    cr_expect_eq(issue(&shop, "a", true), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "a").flags, 0, "whole");
}
