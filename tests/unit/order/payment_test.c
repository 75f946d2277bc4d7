/* Goal: every verified payment fact gets exactly one disposition, and the money is where that says.
 * Method: one state a test, driven by commands in canonical bytes (shop.h); the accounts by hand,
 * the posting equation and all invariants after each test. Names carry the case of cases.md §5. */
#include "shop.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

#define EXPIRY_US (900 * SECOND_US)

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 10), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(payment, .init = open_shop, .fini = close_shop);

static void expect_accounts(int64_t applied, int64_t due, int64_t refunded, int64_t review)
{
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_APPLIED), applied);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REFUND_DUE), due);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REFUNDED), refunded);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REVIEW), review);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_RECEIVED), applied + due + refunded + review);
}

static void expire(const char *order)
{
    shop.time_us += EXPIRY_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(state_of(&shop, order), ORDO_STATE_EXPIRED);
}

Test(payment, ac_01_the_same_notify_five_times_issues_once)
{
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    struct ordo_result result = shop.outcome.result;
    uint64_t seq = shop.applied.seq;
    for (int i = 0; i < 4; i++) {
        shop.time_us += SECOND_US;
        cr_assert_eq(shop_resend(&shop), ORDO_RESULT_OK);
        cr_expect(!shop.applied.journaled);
        cr_expect_eq(shop.applied.seq, seq);
        cr_expect_eq(memcmp(&result, &shop.outcome.result, sizeof(result)), 0);
        cr_expect_eq(shop.outcome.transition_count, 0);
    }
    cr_expect_eq(stock(&shop, 1).bound, 1);
    expect_accounts(PRICE, 0, 0, 0);
}

Test(payment, ac_02_a_second_link_a_second_later_is_a_duplicate)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    shop.time_us += SECOND_US;
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE);
    cr_expect_eq(shop.outcome.transition_count, 0);
    cr_expect_eq(shop.outcome.posting_count, 0);
    expect_accounts(PRICE, 0, 0, 0);
}

Test(payment, ac_03_a_late_payment_takes_free_stock_again)
{
    expire("o1");
    shop.time_us += 3600 * SECOND_US;
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect(flags_of(&shop, "o1") & ORDO_FLAG_LATE);
    cr_expect_eq(stock(&shop, 1).bound, 1);
    expect_accounts(PRICE, 0, 0, 0);
}

Test(payment, ac_04_a_late_payment_without_stock_is_due_for_refund)
{
    expire("o1");
    cr_assert_eq(create(&shop, "o2", 2, 10), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    expect_accounts(0, PRICE, 0, 0);
    cr_assert_eq(refund(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    expect_accounts(0, 0, PRICE, 0);
}

Test(payment, ac_05_past_the_late_window_is_refund_due_and_looked_at)
{
    expire("o1");
    shop.time_us += 172801 * SECOND_US;
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
}

Test(payment, ac_05_the_last_moment_of_the_window_reclaims)
{
    expire("o1");
    shop.time_us += 172800 * SECOND_US;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
}

Test(payment, a_late_buyer_who_has_paid_meanwhile_gets_his_money_back)
{
    expire("o1");
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    expect_accounts(PRICE, PRICE, 0, 0);
}

Test(payment, a_late_reclaim_passes_the_cap_again)
{
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    shop.command.product_put.purchase_cap = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    expire("o1");
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
}

Test(payment, a_late_payment_that_is_not_exact_goes_back)
{
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    expire("o1");
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE + 1), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(pay(&shop, "o2", "t2", PRICE - 1), ORDO_DISPOSITION_LATE_REFUND_DUE);
    expect_accounts(0, 2 * PRICE, 0, 0);
}

/* AC-06: both orders of expiry and success are legal. */
Test(payment, ac_06_payment_before_expiry_and_after_it)
{
    shop.time_us += 2 * EXPIRY_US; /* due, but state decides: no tick was sequenced */
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    shop.time_us += EXPIRY_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_COMPLETED, "never EXPIRED");
}

Test(payment, ac_07_a_failure_first_and_success_after)
{
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(fact(&shop, ORDO_FACT_FAIL, "o1", "t0", 0), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAY_FAILED);
    cr_expect_eq(stock(&shop, 1).held, 1, "the hold is kept to its time");
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

Test(payment, a_failure_of_one_attempt_leaves_the_other_open)
{
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 2), ORDO_RESULT_OK);
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o1", "t0", 0), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAYING);
    shop.time_us++;
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o1", "t0", 0), ORDO_DISPOSITION_STALE);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    make_fact(&shop, ORDO_FACT_FAIL, "o1", "t9", 0)->channel = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    shop.time_us++;
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o1", "t0", 0), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAY_FAILED);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAYING);
}

Test(payment, ac_08_closed_after_success_is_stale)
{
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o1", "t1", 0), ORDO_DISPOSITION_STALE);
    cr_assert_eq(fact(&shop, ORDO_FACT_FAIL, "o1", "t1", 0), ORDO_DISPOSITION_STALE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

Test(payment, ac_09_a_payment_before_its_order_waits_for_it)
{
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_NONE);
    expect_accounts(0, 0, 0, PRICE);
    uint64_t orphan_seq = shop.outcome.result.seq;
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.card_count, 1);
    cr_expect_eq(shop.outcome.effects[0].prev_seq, orphan_seq, "the orphan is part of its history");
    cr_expect_eq(flags_of(&shop, "o2"), 0);
    expect_accounts(PRICE, 0, 0, 0);
    shop.time_us++;
    cr_expect_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_DUPLICATE);
}

Test(payment, ac_09_an_orphan_of_another_amount_stays_in_review)
{
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE - 1), ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
    cr_expect_eq(flags_of(&shop, "o2"), ORDO_FLAG_REVIEW);
    cr_assert_eq(pay(&shop, "o2", "t3", PRICE), ORDO_DISPOSITION_APPLIED);
    expect_accounts(PRICE, 0, 0, PRICE - 1);
}

Test(payment, ac_10_an_unknown_order_keeps_its_money_for_ever)
{
    for (int i = 0; i < 5; i++) {
        char trade[32];
        (void)snprintf(trade, sizeof(trade), "t%d", i);
        cr_assert_eq(pay(&shop, "nobody", trade, PRICE + i), ORDO_DISPOSITION_ORPHAN);
    }
    expect_accounts(0, 0, 0, 5 * PRICE + 10);
    cr_expect_eq(refund(&shop, "nobody", "t2", PRICE + 2), ORDO_DISPOSITION_REFUND_ECHO);
    expect_accounts(0, 0, PRICE + 2, 4 * PRICE + 8);
    cr_assert_eq(create(&shop, "nobody", 5, 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "nobody"), ORDO_STATE_ISSUING, "t0 was exact");
    expect_accounts(PRICE, 0, PRICE + 2, 3 * PRICE + 8);
}

Test(payment, ac_11_a_second_payment_is_due_for_refund)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    expect_accounts(PRICE, PRICE, 0, 0);
    struct ordo_order_view o = get(&shop, "o1");
    cr_expect_eq(o.paid, PRICE);
    cr_expect_eq(o.refund_due, PRICE);
    cr_assert_eq(refund(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING, "the order's own payment is kept");
    expect_accounts(PRICE, 0, PRICE, 0);
}

Test(payment, ac_24_short_and_over_amounts)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - 1), ORDO_DISPOSITION_SHORT);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_assert_eq(pay(&shop, "o1", "t2", 1), ORDO_DISPOSITION_SHORT, "two never add up");
    expect_accounts(0, 0, 0, PRICE);
    cr_assert_eq(pay(&shop, "o1", "t3", PRICE + 3), ORDO_DISPOSITION_OVER_APPLIED);
    expect_accounts(PRICE, 3, 0, PRICE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(get(&shop, "o1").paid, PRICE);
}

Test(payment, another_currency_is_never_exact)
{
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE)->currency = 840;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_SHORT);
    struct ordo_balance balance;
    cr_assert(ordo_state_balance(shop.state, 0, &balance));
    cr_expect_eq(balance.currency, 840);
    cr_expect_eq(balance.accounts[ORDO_ACCOUNT_REVIEW], PRICE);
    cr_expect(!ordo_state_balance(shop.state, 1, &balance));
}

Test(payment, ac_26_a_known_trade_no_with_other_content_is_a_conflict)
{
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "o2", "t1", PRICE), ORDO_DISPOSITION_CONFLICT);
    cr_expect_eq(flags_of(&shop, "o2"), ORDO_FLAG_REVIEW);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE + 1), ORDO_DISPOSITION_CONFLICT);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE)->currency = 840;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_CONFLICT);
    cr_expect_eq(pay(&shop, "never", "t1", PRICE), ORDO_DISPOSITION_CONFLICT);
    cr_expect_eq(refund(&shop, "o2", "t1", PRICE), ORDO_DISPOSITION_CONFLICT);
    expect_accounts(PRICE, 0, 0, 0);
    make_fact(&shop, ORDO_FACT_PAY, "o2", "t1", PRICE)->merchant = text("m2");
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_APPLIED, "another account's");
}

Test(payment, ac_27_what_is_no_fact_is_refused)
{
    make_fact(&shop, ORDO_FACT_NONE, "o1", "t1", PRICE);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_INVALID);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "", PRICE);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_INVALID);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", -1);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_INVALID);
    make_fact(&shop, ORDO_FACT_PAY, "o 1", "t1", PRICE);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_INVALID);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE)->verified_by = ORDO_VERIFIED_NONE;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FACT_UNVERIFIED);
    expect_accounts(0, 0, 0, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
}

Test(payment, ac_29_a_refund_echo_is_no_payment)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE)->refund_total = 200;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(shop.outcome.transition_count, 0);
    expect_accounts(PRICE - 200, 0, 200, 0);
    cr_expect_eq(refund(&shop, "o1", "t1", 200), ORDO_DISPOSITION_DUPLICATE, "cumulative");
    make_fact(&shop, ORDO_FACT_CLOSE, "o1", "t1", 0)->refund_total = PRICE;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    expect_accounts(0, 0, PRICE, 0);
    cr_expect_eq(stock(&shop, 1).revealed, 1, "a revealed card never goes back");
    cr_expect_eq(pay(&shop, "o1", "t9", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
}

Test(payment, ac_30_finished_months_later_is_a_duplicate)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    shop.time_us += 90ull * 86400 * SECOND_US;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE);
}

Test(payment, a_payment_of_a_cancelled_order_goes_back)
{
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_assert_eq(pay(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_expect_eq(refund(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING, "the second is still due");
    cr_expect_eq(refund(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
}

Test(payment, a_refund_takes_due_then_applied_and_never_more_than_came)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE + 100), ORDO_DISPOSITION_OVER_APPLIED);
    cr_assert_eq(refund(&shop, "o1", "t1", 150), ORDO_DISPOSITION_REFUND_ECHO);
    expect_accounts(PRICE - 50, 0, 150, 0);
    cr_assert_eq(refund(&shop, "o1", "t1", 10 * PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    expect_accounts(0, 0, PRICE + 100, 0);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
}

Test(payment, a_refund_before_its_payment_is_not_lost)
{
    cr_assert_eq(refund(&shop, "o1", "t1", 200), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(refund(&shop, "o1", "t1", 200), ORDO_DISPOSITION_ORPHAN);
    expect_accounts(0, 0, 0, 0);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    expect_accounts(0, 0, 200, PRICE - 200);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING, "nothing is issued for it");
    shop.time_us++;
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE);
}

Test(payment, a_chargeback_freezes_and_moves_to_review)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    expect_accounts(0, 0, 0, PRICE);
    shop.time_us++;
    cr_expect_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "o1", "t1", PRICE), ORDO_DISPOSITION_DUPLICATE);
}

Test(payment, a_full_payment_table_is_busy_and_forgets_nothing)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.payments_max = 16;
    shop_open(&shop, &v);
    char trade[32];
    int taken = 0;
    uint16_t code = ORDO_RESULT_OK;
    for (; code == ORDO_RESULT_OK && taken < 100; taken++) {
        (void)snprintf(trade, sizeof(trade), "t%d", taken);
        make_fact(&shop, ORDO_FACT_PAY, "x", trade, PRICE);
        code = shop_send(&shop);
    }
    cr_assert_eq(code, ORDO_RESULT_BUSY);
    cr_expect(!shop.applied.journaled);
    cr_expect_eq(shop.outcome.result.seq, 0);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_RECEIVED), (taken - 1) * PRICE);
    cr_expect_eq(pay(&shop, "x", "t0", PRICE + 1), ORDO_DISPOSITION_CONFLICT, "known ones still");
}
