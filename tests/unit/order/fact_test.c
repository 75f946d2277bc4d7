/* Goal: a payment fact is decided by the rules of its channel and by what is known of its order: 13
 * dispositions, each with its money in its place.
 * Method: one state a test, driven by commands in canonical bytes (shop.h, desk.h); accounts by
 * hand, every invariant after each test. The ways of one payment are in payment_test.c. */
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

Test(fact, unconfirmed_payments_keep_a_hold_no_longer_than_its_limit)
{
    cr_assert_eq(put_strict_channel(&shop, 1), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "hold_max_s", 1000), ORDO_RESULT_OK);
    uint64_t limit_us = get(&shop, "o1").created_us + 1000 * SECOND_US;
    for (uint32_t i = 0; i < 11; i++) {
        shop.time_us += 100 * SECOND_US;
        (void)tick(&shop);
        cr_expect_eq(unconfirmed("o1", numbered(i)), ORDO_RESULT_FACT_UNCONFIRMED);
        cr_expect_leq(get(&shop, "o1").deadline_us, limit_us);
    }
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
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

Test(fact, a_refund_of_nothing_is_none_and_keeps_no_payment_out)
{
    (void)make_fact(&shop, ORDO_FACT_REFUND, "o1", "t1", 0);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_INVALID);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

/* ---- tables that are full ---- */

static uint16_t pay_in(uint32_t currency, const char *order, const char *trade, int64_t amount)
{
    make_fact(&shop, ORDO_FACT_PAY, order, trade, amount)->currency = currency;
    return shop_send(&shop);
}

Test(fact, a_payment_told_of_before_is_busy_when_there_is_no_account_left_for_it)
{
    make_fact(&shop, ORDO_FACT_REFUND, "o1", "t1", 0)->currency = 9;
    shop.command.fact.refund_total = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    uint32_t currency = 100;
    while (pay_in(currency, "orphan", numbered(currency), 1) == ORDO_RESULT_OK) {
        currency++;
    }
    cr_assert_eq(shop.applied.code, ORDO_RESULT_BUSY, "every account is taken");
    cr_expect_eq(pay_in(9, "o1", "t1", 1), ORDO_RESULT_BUSY);
    cr_expect(!shop.applied.journaled);
    cr_expect_eq(pay_in(100, "o1", "t2", 1), ORDO_RESULT_OK, "an account that is there");
}

Test(fact, sums_that_are_full_are_busy)
{
    struct ordo_settings_values v = shop_small();
    v.payments_max = 12000;
    shop_close(&shop);
    shop_open(&shop, &v);
    cr_assert_eq(put_counted(&shop, 1, 10, 0), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    uint32_t count = 0;
    while (pay_in(CNY, "orphan", numbered(count), ORDO_AMOUNT_MAX) == ORDO_RESULT_OK) {
        count++;
    }
    cr_expect_eq(shop.applied.code, ORDO_RESULT_BUSY);
    cr_expect_eq(count, 4000, "4 * 10^18");
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REVIEW), 4000 * ORDO_AMOUNT_MAX);
    cr_expect_eq(pay_in(840, "orphan", "dollar", 1), ORDO_RESULT_BUSY, "the order's sums");
    cr_expect_eq(pay_in(840, "o1", "t1", PRICE), ORDO_RESULT_OK, "another account and order");
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_FULL_PAYMENTS);
    cr_expect_eq(mark_paid(&shop, "o1", 2, PRICE), ORDO_RESULT_OK);
}
