/* Goal: a payment fact is decided by the rules of its channel and by what is known of its order: 13
 * dispositions, each with its money in its place.
 * Method: one state a test, driven by commands in canonical bytes (shop.h, desk.h); accounts by
 * hand, every invariant after each test. What issue 1 promised is in payment_test.c. */
#include "desk.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

#define HOLD_S 900

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_counted(&shop, 1, 10, 0), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(fact, .init = open_shop, .fini = close_shop);

static uint16_t attempt_of(const char *order, uint32_t channel, int64_t amount)
{
    struct ordo_command *c = make_verb(&shop, ORDO_KIND_ATTEMPT, "");
    c->attempt.order_id = text(order);
    c->attempt.channel = channel;
    c->attempt.merchant = text("m1");
    c->attempt.amount = amount;
    c->attempt.currency = CNY;
    return shop_send(&shop);
}

static uint16_t unconfirmed(const char *order, const char *trade)
{
    (void)make_fact(&shop, ORDO_FACT_PAY, order, trade, PRICE);
    return shop_send(&shop);
}

/* ---- amounts ---- */

Test(fact, tolerances_of_the_channel_make_a_payment_exact_up_to_their_edge)
{
    cr_assert_eq(put_channel(&shop, 1, 2, 3), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o3", 3, 1), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE - 3), ORDO_DISPOSITION_SHORT);
    cr_expect_eq(pay(&shop, "o1", "t2", PRICE - 2), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(get(&shop, "o1").paid, PRICE - 2);
    cr_expect_eq(pay(&shop, "o2", "t3", PRICE + 3), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(get(&shop, "o2").paid, PRICE + 3, "nothing of it goes back");
    cr_expect_eq(pay(&shop, "o3", "t4", PRICE + 4), ORDO_DISPOSITION_OVER_APPLIED);
    cr_expect_eq(get(&shop, "o3").refund_due, 4, "all that is over the price");
    expect_money(&shop, 3 * PRICE + 1, 4, 0, PRICE - 3);
    cr_assert_eq(create(&shop, "o4", 4, 1), ORDO_RESULT_OK);
    cr_expect_eq(pay_by(&shop, 2, "o4", "t5", PRICE - 1), ORDO_DISPOSITION_SHORT, "its own rules");
}

Test(fact, a_channel_is_put_whole_and_checked)
{
    struct ordo_channel_put *put;
    cr_expect_eq(put_channel(&shop, 0, 0, 0), ORDO_RESULT_CHANNEL_INVALID);
    cr_expect_eq(put_channel(&shop, 1, -1, 0), ORDO_RESULT_CHANNEL_INVALID);
    cr_expect_eq(put_channel(&shop, 1, 0, -1), ORDO_RESULT_CHANNEL_INVALID);
    put = &make_verb(&shop, ORDO_KIND_CHANNEL_PUT, "")->channel_put;
    put->channel = 1;
    put->attempt_spread = -1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CHANNEL_INVALID);
    put = &make_verb(&shop, ORDO_KIND_CHANNEL_PUT, "")->channel_put;
    put->channel = 1;
    put->options = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CHANNEL_INVALID);
    cr_assert_eq(put_strict_channel(&shop, 1), ORDO_RESULT_OK);
    cr_assert_eq(put_channel(&shop, 1, 1, 0), ORDO_RESULT_OK, "puts all fields");
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE - 1), ORDO_DISPOSITION_APPLIED);
    make_verb(&shop, ORDO_KIND_CHANNEL_PUT, "")->channel_put.channel = 1;
    shop.command.shop = 7;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "another shop's");
}

Test(fact, a_full_channel_table_says_so)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.channels_max = 1;
    shop_open(&shop, &v);
    cr_expect_eq(put_channel(&shop, 1, 0, 0), ORDO_RESULT_OK);
    cr_expect_eq(put_channel(&shop, 2, 0, 0), ORDO_RESULT_FULL_CHANNELS);
    cr_expect_eq(put_channel(&shop, 1, 5, 0), ORDO_RESULT_OK);
}

Test(fact, the_amount_of_the_attempt_is_what_is_payable)
{
    cr_assert_eq(put_channel(&shop, 1, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o3", 3, 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt_of("o1", 1, PRICE + 7), ORDO_RESULT_OK);
    cr_assert_eq(attempt_of("o2", 1, PRICE + 8), ORDO_RESULT_OK);
    cr_assert_eq(attempt_of("o3", 1, PRICE + 9), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_SHORT, "another's, maybe");
    cr_expect_eq(pay(&shop, "o1", "t2", PRICE + 7), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(get(&shop, "o1").paid, PRICE + 7);
    cr_expect_eq(pay_by(&shop, 2, "o2", "t3", PRICE), ORDO_DISPOSITION_APPLIED, "no attempt there");
    cr_expect_eq(pay(&shop, "o3", "t4", PRICE + 12), ORDO_DISPOSITION_OVER_APPLIED);
    cr_expect_eq(get(&shop, "o3").refund_due, 3);
}

Test(fact, an_ended_attempt_still_says_what_was_asked_for)
{
    cr_assert_eq(put_channel(&shop, 1, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(attempt_of("o1", 1, PRICE + 7), ORDO_RESULT_OK);
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o1", "t0", 0), ORDO_DISPOSITION_APPLIED);
    (void)pass(&shop, HOLD_S);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE + 7), ORDO_DISPOSITION_LATE_APPLIED);
}

/* ---- confirm by query ---- */

Test(fact, an_unconfirmed_payment_asks_for_a_query_and_keeps_nothing)
{
    cr_assert_eq(put_strict_channel(&shop, 1), ORDO_RESULT_OK);
    uint64_t deadline_us = get(&shop, "o1").deadline_us;
    cr_expect_eq(unconfirmed("o1", "t1"), ORDO_RESULT_FACT_UNCONFIRMED);
    cr_expect(shop.applied.journaled);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_NONE);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PAYING);
    cr_expect_eq(shop.outcome.posting_count, 0);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_QUERY_DUE);
    cr_expect_eq(get(&shop, "o1").deadline_us, deadline_us, "time enough");
    cr_expect_eq(find(&shop, "t1", 0, ""), ORDO_RESULT_ORDER_UNKNOWN);
    shop.time_us = deadline_us - SECOND_US;
    cr_expect_eq(unconfirmed("o1", "t1"), ORDO_RESULT_FACT_UNCONFIRMED);
    cr_expect_eq(shop.outcome.transition_count, 1, "a move to itself: the query is due again");
    cr_expect_eq(get(&shop, "o1").deadline_us, shop.time_us + 120 * SECOND_US);
    cr_expect_eq(pay_by(&shop, 1, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(flags_of(&shop, "o1"), 0, "the payment takes it away");
    struct ordo_totals totals;
    ordo_state_totals(shop.state, &totals);
    cr_expect_eq(totals.facts, 1);
    shop.time_us++;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE, "known as received");
}

Test(fact, an_unconfirmed_payment_changes_no_other_order)
{
    cr_assert_eq(put_strict_channel(&shop, 1), ORDO_RESULT_OK);
    cr_expect_eq(unconfirmed("nobody", "t1"), ORDO_RESULT_FACT_UNCONFIRMED);
    cr_expect_eq(shop.outcome.effect_count, 0);
    cr_assert_eq(pay_by(&shop, 1, "o1", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(unconfirmed("o1", "t3"), ORDO_RESULT_FACT_UNCONFIRMED);
    cr_expect_eq(shop.outcome.transition_count, 0);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    cr_expect_eq(refund(&shop, "o1", "t2", 1), ORDO_DISPOSITION_REFUND_ECHO);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t4", PRICE)->refund_total = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "a refund is not waited for");
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(fact(&shop, ORDO_FACT_FAIL, "o1", "t5", 0), ORDO_DISPOSITION_STALE);
}

/* ---- manual payments ---- */

Test(fact, the_real_payment_is_bound_to_what_was_marked)
{
    struct ordo_balance balance;
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_MANUAL), PRICE);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_BOUND_MANUAL);
    cr_expect_eq(shop.outcome.posting_count, 2, "manual -> received");
    cr_assert(ordo_state_balance(shop.state, 0, &balance));
    cr_expect_eq(balance.accounts[ORDO_ACCOUNT_MANUAL], 0);
    cr_expect_eq(balance.accounts[ORDO_ACCOUNT_RECEIVED], PRICE);
    expect_money(&shop, PRICE, 0, 0, 0);
    shop.time_us++;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE);
    cr_expect_eq(pay(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE, "bound once");
    cr_expect_eq(find(&shop, "t1", 1, "m1"), ORDO_RESULT_OK);
}

Test(fact, a_payment_by_another_channel_takes_the_marked_money_there)
{
    struct ordo_balance marked;
    struct ordo_balance real;
    cr_assert_eq(pay_by(&shop, 9, "o1", "t0", 3), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_assert_eq(pay_by(&shop, 9, "o1", "t1", 4), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_assert_eq(give_back(&shop, "o1", 103, true), ORDO_RESULT_OK);
    expect_money(&shop, PRICE - 99, 0, 103, 3);
    cr_expect_eq(pay_by(&shop, 2, "o1", "t2", PRICE), ORDO_DISPOSITION_BOUND_MANUAL);
    expect_money(&shop, PRICE - 99, 0, 103, 3);
    cr_assert(ordo_state_balance(shop.state, 1, &marked));
    cr_assert(ordo_state_balance(shop.state, 2, &real));
    for (int i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        cr_expect_eq(marked.accounts[i], 0);
    }
    cr_expect_eq(real.channel, 2);
    cr_expect_eq(real.accounts[ORDO_ACCOUNT_RECEIVED], PRICE);
    cr_expect_eq(real.accounts[ORDO_ACCOUNT_APPLIED], PRICE - 99);
    cr_expect_eq(real.accounts[ORDO_ACCOUNT_REFUNDED], 99);
}

Test(fact, a_marked_payment_that_was_given_back_is_still_bound)
{
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_BOUND_MANUAL);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    expect_money(&shop, 0, 0, PRICE, 0);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_MANUAL), 0);
    cr_expect_eq(pay(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
}

Test(fact, another_amount_or_currency_is_not_the_marked_payment)
{
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE - 1), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t2", PRICE)->currency = 840;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_expect_eq(refund(&shop, "o1", "t3", 1), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(pay(&shop, "o1", "t3", PRICE), ORDO_DISPOSITION_REFUND_ECHO, "refunded first");
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_MANUAL), PRICE, "still waits for the real one");
    cr_expect_eq(pay(&shop, "o1", "t4", PRICE), ORDO_DISPOSITION_BOUND_MANUAL);
}

Test(fact, a_full_payment_table_still_binds)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.payments_max = 16;
    shop_open(&shop, &v);
    cr_assert_eq(put_counted(&shop, 1, 10, 0), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    char trade[16];
    uint16_t code = ORDO_RESULT_OK;
    for (int i = 0; i < 99 && code == ORDO_RESULT_OK; i++) {
        (void)snprintf(trade, sizeof(trade), "x%d", i);
        make_fact(&shop, ORDO_FACT_PAY, "x", trade, PRICE);
        code = shop_send(&shop);
    }
    cr_assert_eq(code, ORDO_RESULT_BUSY);
    cr_expect_eq(mark_paid(&shop, "o2", 1, PRICE), ORDO_RESULT_FULL_PAYMENTS);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_BOUND_MANUAL);
}

/* ---- late ---- */

static void sell_out(uint32_t options)
{
    cr_assert_eq(put_counted(&shop, 1, 0, options), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
    cr_assert_eq(create(&shop, "big", 9, 10), ORDO_RESULT_OK);
}

Test(fact, a_late_payment_without_stock_waits_for_it_when_its_product_lets_it)
{
    sell_out(ORDO_PRODUCT_LATE_BACKORDER);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_BACKORDER);
    cr_expect_eq(shop.outcome.transition_count, 2);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_BACKORDER);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_LATE);
    cr_expect_eq(get(&shop, "o1").deadline_us, shop.time_us + 86400 * SECOND_US);
    expect_money(&shop, PRICE, 0, 0, 0);
    cr_assert_eq(put_counted(&shop, 1, 1, ORDO_PRODUCT_LATE_BACKORDER), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

Test(fact, only_units_may_be_missing_for_a_late_backorder)
{
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    sell_out(ORDO_PRODUCT_LATE_BACKORDER);
    shop.time_us += 172801 * SECOND_US;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_expect_eq(pay(&shop, "o2", "t2", PRICE + 1), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o2"), 0);
    cr_expect_eq(stock(&shop, 1).backorders, 0);
}

Test(fact, a_late_refund_product_honours_nothing_late)
{
    cr_assert_eq(put_counted(&shop, 1, 0, ORDO_PRODUCT_LATE_REFUND), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
}

Test(fact, a_late_backorder_needs_an_extra_row)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.extras_max = 16;
    shop_open(&shop, &v);
    cr_assert_eq(put_counted(&shop, 1, 20, ORDO_PRODUCT_LATE_BACKORDER), ORDO_RESULT_OK);
    char name[16];
    for (int i = 0; i < 18; i++) {
        (void)snprintf(name, sizeof(name), "o%d", i);
        cr_assert_eq(create(&shop, name, 1 + (uint32_t)i, 1), ORDO_RESULT_OK);
    }
    (void)pass(&shop, HOLD_S);
    cr_assert_eq(create(&shop, "big", 99, 20), ORDO_RESULT_OK);
    for (int i = 0; i < 18; i++) {
        (void)snprintf(name, sizeof(name), "o%d", i);
        uint8_t expected =
            i < 16 ? ORDO_DISPOSITION_LATE_BACKORDER : ORDO_DISPOSITION_LATE_REFUND_DUE;
        cr_expect_eq(pay(&shop, name, name, PRICE), expected, "%d", i);
    }
}

Test(fact, a_late_order_that_named_a_card_gets_that_card_or_its_money)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_PRESELECT), ORDO_RESULT_OK);
    shop.command.product_put.options = ORDO_PRODUCT_LATE_BACKORDER;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 2, 1, 3), ORDO_RESULT_OK);
    for (uint32_t i = 1; i <= 2; i++) {
        struct ordo_create *c = make_create(&shop, i == 1 ? "p1" : "p2", i, 1);
        c->product = 2;
        c->card = i;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
    (void)pass(&shop, HOLD_S);
    struct ordo_create *c = make_create(&shop, "p3", 3, 1);
    c->product = 2;
    c->card = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "p1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(pay(&shop, "p2", "t2", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
    cr_expect_eq(shop.outcome.cards[0], 2);
}

Test(fact, a_late_payment_uses_its_coupon_again)
{
    struct ordo_coupon_put *put = &make_verb(&shop, ORDO_KIND_COUPON_PUT, "")->coupon_put;
    put->coupon = text("HALF");
    put->discount_share = 5000;
    put->uses_max = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    const char *orders[] = {"c1", "c2"};
    for (uint32_t i = 0; i < 2; i++) {
        struct ordo_create *c = make_create(&shop, orders[i], 20 + i, 1);
        c->coupon = text("HALF");
        c->amount = PRICE / 2;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        if (i == 0) {
            (void)pass(&shop, HOLD_S);
        }
    }
    cr_assert_eq(pay(&shop, "c1", "t1", PRICE / 2), ORDO_DISPOSITION_LATE_APPLIED);
    cr_expect_eq(flags_of(&shop, "c1"), ORDO_FLAG_LATE | ORDO_FLAG_COUPON_OVERDRAWN);
}

/* ---- orders that are none yet, or no more ---- */

Test(fact, money_for_an_order_released_before_it_was_created_goes_back)
{
    cr_assert_eq(release(&shop, "r1"), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "r1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "r1"), ORDO_STATE_REFUNDING);
    expect_money(&shop, 0, PRICE, 0, 0);
    cr_expect_eq(pay(&shop, "r1", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_expect_eq(fact(&shop, ORDO_FACT_FAIL, "r1", "t3", 0), ORDO_DISPOSITION_STALE);
    cr_expect_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "r1", "t2", 0), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(give_back(&shop, "r1", 0, true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "r1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(mark_paid(&shop, "r1", 1, 0), ORDO_RESULT_STATE_REFUNDED);
}

Test(fact, a_payment_of_nothing_is_no_refund_that_is_due)
{
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "o1", "t1", 0), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
}

Test(fact, payments_of_a_waiting_order_lie_in_review_until_it_is_admitted)
{
    cr_assert_eq(create(&shop, "big", 9, 9), ORDO_RESULT_OK);
    make_create(&shop, "w1", 2, 1)->wait_s = 600;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(flags_of(&shop, "w1"), ORDO_FLAG_WAITING);
    cr_expect_eq(pay(&shop, "w1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(flags_of(&shop, "w1"), ORDO_FLAG_WAITING | ORDO_FLAG_REVIEW);
    expect_money(&shop, 0, 0, 0, PRICE);
    cr_expect_eq(mark_paid(&shop, "w1", 1, PRICE), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(accept_money(&shop, "w1"), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(freeze(&shop, "w1"), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(note(&shop, "w1", false), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_ISSUING);
    cr_expect_eq(flags_of(&shop, "w1"), 0);
    expect_money(&shop, PRICE, 0, 0, 0);
}

Test(fact, a_chargeback_before_its_order_holds_the_goods_back)
{
    cr_expect_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "n1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(pay(&shop, "n1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    expect_money(&shop, 0, 0, 0, PRICE);
    cr_expect_eq(pay(&shop, "n1", "t2", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(create(&shop, "n1", 5, 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "n1"), ORDO_STATE_PAID, "frozen: held, not bound");
    cr_expect_eq(flags_of(&shop, "n1"), ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW);
    expect_money(&shop, PRICE, 0, 0, PRICE);
    cr_expect_eq(unfreeze(&shop, "n1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "n1"), ORDO_STATE_ISSUING);
}

Test(fact, a_chargeback_ends_redelivery)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_neq(get(&shop, "o1").deadline_us, 0);
    cr_assert_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(get(&shop, "o1").deadline_us, 0);
    cr_assert_eq(refund(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING, "frozen: a person decides");
}

/* ---- known payments ---- */

Test(fact, a_payment_is_known_by_shop_channel_merchant_and_number)
{
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(pay(&shop, "o2", "t1", PRICE), ORDO_DISPOSITION_CONFLICT);
    cr_expect_eq(pay_by(&shop, 2, "o2", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    make_fact(&shop, ORDO_FACT_PAY, "o2", "t1", PRICE);
    shop.command.shop = 3;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_ORPHAN);
}

Test(fact, find_knows_a_payment_by_its_number_alone)
{
    struct ordo_order_view view;
    cr_assert_eq(pay_by(&shop, 2, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay_by(&shop, 3, "other", "t1", 7), ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(find(&shop, "t1", 0, ""), ORDO_RESULT_OK);
    ordo_order_view_decode(&shop.body, &view);
    cr_expect(ordo_bytes_equal(view.order_id, text("o1")), "the first that came");
    cr_assert_eq(find(&shop, "t1", 3, ""), ORDO_RESULT_OK);
    ordo_order_view_decode(&shop.body, &view);
    cr_expect(ordo_bytes_equal(view.order_id, text("other")));
    cr_expect_eq(view.state, ORDO_STATE_NONE);
    cr_expect_eq(view.review, 7);
    cr_expect_eq(find(&shop, "t1", 3, "m1"), ORDO_RESULT_OK);
    cr_expect_eq(find(&shop, "t1", 0, "m1"), ORDO_RESULT_OK);
    cr_expect_eq(find(&shop, "t1", 0, "m2"), ORDO_RESULT_ORDER_UNKNOWN);
    cr_expect_eq(find(&shop, "t1", 4, ""), ORDO_RESULT_ORDER_UNKNOWN);
    cr_expect_eq(find(&shop, "t2", 0, ""), ORDO_RESULT_ORDER_UNKNOWN);
    make_verb(&shop, ORDO_KIND_FIND, "")->find.trade_no = text("t1");
    shop.command.shop = 4;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_UNKNOWN, "of another shop");
}

Test(fact, a_refund_gives_its_units_to_who_waits)
{
    cr_assert_eq(put_counted(&shop, 1, 0, ORDO_PRODUCT_MANUAL), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "big", 9, 9), ORDO_RESULT_OK);
    make_create(&shop, "w1", 2, 1)->wait_s = 600;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_PAID);
    cr_expect_eq(refund(&shop, "o1", "t1", PRICE - 1), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAID);
    cr_expect_eq(refund(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_PENDING);
}

Test(fact, every_disposition_is_given)
{
    struct ordo_totals totals;
    sell_out(ORDO_PRODUCT_LATE_BACKORDER);
    cr_assert_eq(put_counted(&shop, 2, 10, 0), ORDO_RESULT_OK);
    (void)pay(&shop, "o1", "t1", PRICE); /* LATE_BACKORDER */
    (void)pay(&shop, "o1", "t2", PRICE); /* EXTRA_REFUND_DUE */
    shop.time_us++;
    (void)pay(&shop, "o1", "t1", PRICE);              /* DUPLICATE */
    (void)pay(&shop, "o1", "t1", PRICE + 1);          /* CONFLICT */
    (void)refund(&shop, "o1", "t2", PRICE);           /* REFUND_ECHO */
    (void)fact(&shop, ORDO_FACT_FAIL, "o1", "t1", 0); /* STALE */
    (void)pay(&shop, "nobody", "t3", 1);              /* ORPHAN */
    cr_assert_eq(create_of(&shop, "a", 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b", 2, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "c", 3, 2), ORDO_RESULT_OK);
    (void)pay(&shop, "a", "a1", PRICE - 1); /* SHORT */
    (void)pay(&shop, "a", "a2", PRICE);     /* APPLIED */
    (void)pay(&shop, "b", "b1", PRICE + 1); /* OVER_APPLIED */
    (void)pass(&shop, HOLD_S);
    (void)pay(&shop, "c", "c1", PRICE); /* LATE_APPLIED */
    cr_assert_eq(create_of(&shop, "d", 4, 2), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "d", 1, PRICE), ORDO_RESULT_OK);
    (void)pay(&shop, "d", "d1", PRICE); /* BOUND_MANUAL */
    cr_assert_eq(create_of(&shop, "e", 5, 2), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S + 172801);
    (void)pay(&shop, "e", "e1", PRICE); /* LATE_REFUND_DUE */
    ordo_state_totals(shop.state, &totals);
    for (int i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        cr_expect_eq(totals.facts_with[i], 1, "%s", ordo_disposition_name((uint8_t)i));
    }
    cr_expect_eq(totals.facts, ORDO_DISPOSITION_COUNT - 1);
}
