/* Goal: money is applied in whole and exactly to the order it is for; what is short, over, refunded
 * or unconfirmed never issues anything.
 * Method: each case is the complaint of a real shop, played against the engine.
 */
#include "clerk.h"

#include <criterion/criterion.h>

static struct shop shop;

/* AC-24 (BEpusdt#95, #26; the comment at "paymoney <" in zfaka): one cent too little was enough, or
 * one too much lost the order. */
Test(ac_24, too_little_issues_nothing_and_too_much_is_due_back)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 1), SHORT);
    expect_state(&shop, "A", PENDING);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_disposition(
        pay(&shop, "A", "t2", 1), SHORT); /* two of them do not add up by themselves */
    expect_state(&shop, "A", PENDING);
    expect_sums(&shop, 0, 0, PRICE);
    expect_code(accept_money(&shop, "A"), OK);
    expect_state(&shop, "A", ISSUING);
    cr_assert_eq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, PRICE, 0, 0);

    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(pay(&shop, "B", "t3", PRICE + 7), OVER_APPLIED);
    expect_state(&shop, "B", ISSUING);
    cr_assert_eq(get(&shop, "B").paid, PRICE);
    cr_assert_eq(get(&shop, "B").refund_due, 7);
    expect_sums(&shop, 2 * PRICE, 7, 0);

    struct ordo_fact *f = make_fact(&shop, ORDO_FACT_PAY, "C", "t4", PRICE);
    expect_code(create(&shop, "C", 3, 1), OK);
    f = make_fact(&shop, ORDO_FACT_PAY, "C", "t4", PRICE);
    f->currency = 840; /* the right number of the wrong money */
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_SHORT);
    expect_state(&shop, "C", PENDING);
    expect_units(&shop, 6, 1, 2);
    case_close(&shop);
}

/* AC-24 (BEpusdt#95, #26): a channel tells its payers apart by amount (10.00 becomes 10.03), and
 * the payment was booked to somebody else's order. */
Test(ac_24, an_amount_of_its_own_belongs_to_the_attempt_and_to_no_other_order)
{
    case_open(&shop, 0, 9);
    make_channel(&shop, 1, 0)->attempt_spread = 10;
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    (void)make_attempt(&shop, "A", 1, PRICE + 11);
    expect_code(shop_send(&shop), AMOUNT_MISMATCH);
    (void)make_attempt(&shop, "A", 1, PRICE - 1);
    expect_code(shop_send(&shop), AMOUNT_MISMATCH);
    (void)make_attempt(&shop, "A", 1, PRICE + 3);
    expect_code(shop_send(&shop), OK);
    (void)make_attempt(&shop, "A", 2, PRICE + 3); /* only that channel has a spread */
    expect_code(shop_send(&shop), AMOUNT_MISMATCH);
    expect_disposition(pay(&shop, "B", "t9", PRICE + 3), OVER_APPLIED); /* B's number: B's money */
    expect_state(&shop, "A", PAYING);
    expect_disposition(pay(&shop, "A", "t1", PRICE), SHORT); /* 503 was asked for */
    expect_disposition(pay(&shop, "A", "t2", PRICE + 3), APPLIED);
    expect_state(&shop, "A", ISSUING);
    expect_units(&shop, 7, 0, 2);
    expect_sums(&shop, 2 * PRICE + 3, 3, PRICE);
    case_close(&shop);
}

/* AC-24 (BEpusdt#95): chains round their amounts, and each such payment waited for a person. */
Test(ac_24, the_tolerance_of_a_channel_is_its_own)
{
    case_open(&shop, 0, 9);
    struct ordo_channel_put *put = make_channel(&shop, 1, 0);
    put->short_tolerance = 2;
    put->over_tolerance = 3;
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 2), APPLIED);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE - 3), SHORT);
    expect_disposition(pay(&shop, "B", "t3", PRICE + 3), APPLIED);
    expect_code(create(&shop, "C", 3, 1), OK);
    expect_disposition(pay(&shop, "C", "t4", PRICE + 4), OVER_APPLIED);
    cr_assert_eq(get(&shop, "C").refund_due, 4);
    expect_code(create(&shop, "D", 4, 1), OK);
    make_fact(&shop, ORDO_FACT_PAY, "D", "t5", PRICE - 2)->channel = 2;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_SHORT);
    expect_sums(&shop, 3 * PRICE + 1, 4, 2 * PRICE - 5);
    case_close(&shop);
}

/* AC-25 (epusdt#108; BEpusdt#59, #87): the buyer pressed "pay" again and got an error, or a second
 * checkout beside the first. */
Test(ac_25, the_same_order_and_the_same_attempt_again_are_the_same)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "A", 1, 1), ORDER_EXISTS);
    cr_assert_eq(shop.outcome.result.state, ORDO_STATE_PENDING);
    expect_code(create(&shop, "A", 2, 1), ORDER_BUYER);
    expect_code(create(&shop, "A", 1, 2), ORDER_QUANTITY);
    expect_units(&shop, 8, 1, 0);
    expect_code(attempt(&shop, "A", 1), OK);
    uint32_t version = get(&shop, "A").version;
    uint64_t deadline_us = get(&shop, "A").deadline_us;
    pass_s(&shop, 60);
    expect_code(attempt(&shop, "A", 1), OK);
    cr_assert_eq(get(&shop, "A").version, version);
    cr_assert_eq(get(&shop, "A").deadline_us, deadline_us);
    expect_disposition(fact(&shop, ORDO_FACT_CLOSE, "A", "t1", PRICE), APPLIED);
    expect_state(&shop, "A", PAY_FAILED);
    expect_code(attempt(&shop, "A", 1), OK); /* the checkout was over: a new one */
    expect_state(&shop, "A", PAYING);
    pass_deadline(&shop, "A");
    expect_code(attempt(&shop, "A", 1), STATE_EXPIRED);
    expect_code(create(&shop, "A", 1, 1), ORDER_EXISTS);
    cr_assert_eq(shop.outcome.result.state, ORDO_STATE_EXPIRED);
    expect_units(&shop, 9, 0, 0);
    case_close(&shop);
}

static uint16_t pay_by_query(const char *order, const char *trade)
{
    make_fact(&shop, ORDO_FACT_PAY, order, trade, PRICE)->verified_by = ORDO_VERIFIED_QUERY;
    return shop_send(&shop);
}

/* AC-28 (epusdt#117; orion-key PR #52): a correctly signed success came without any funds behind
 * it.
 */
Test(ac_28, a_channel_to_be_confirmed_pays_by_query_alone)
{
    case_open(&shop, 0, 9);
    (void)make_channel(&shop, 1, ORDO_CHANNEL_CONFIRM_BY_QUERY);
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    expect_code(shop_send(&shop), FACT_UNCONFIRMED);
    expect_state(&shop, "A", PAYING);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_QUERY_DUE, 0);
    expect_units(&shop, 8, 1, 0);
    expect_sums(&shop, 0, 0, 0);
    expect_code(pay_by_query("A", "t1"), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_APPLIED);
    expect_state(&shop, "A", ISSUING);
    cr_assert_eq(flags_of(&shop, "A") & ORDO_FLAG_QUERY_DUE, 0);

    /* Whoever opened an attempt there is asked about before the hold ends; no answer ends it. */
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_code(attempt(&shop, "B", 1), OK);
    pass_deadline(&shop, "B");
    expect_state(&shop, "B", PAYING);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_QUERY_DUE, 0);
    cr_assert_eq(get(&shop, "B").deadline_us, shop.time_us + 120 * SECOND_US);
    pass_deadline(&shop, "B");
    expect_state(&shop, "B", EXPIRED);
    cr_assert_eq(flags_of(&shop, "B") & ORDO_FLAG_QUERY_DUE, 0);
    (void)make_fact(&shop, ORDO_FACT_PAY, "B", "t2", PRICE);
    expect_code(shop_send(&shop), FACT_UNCONFIRMED);
    expect_state(&shop, "B", EXPIRED);
    expect_code(pay_by_query("B", "t2"), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_LATE_APPLIED);
    expect_units(&shop, 7, 0, 2);
    case_close(&shop);
}

/* AC-29 (developer.aliyun.com/ask/285132): Alipay told a partial refund as TRADE_SUCCESS with a
 * refund_fee, and the shop issued again. */
Test(ac_29, a_success_with_a_refund_in_it_is_a_refund)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE)->refund_total = 200;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_REFUND_ECHO);
    cr_assert_eq(shop.outcome.transition_count, 0);
    cr_assert_eq(get(&shop, "A").refunded, 200);
    expect_state(&shop, "A", ISSUING);
    pass_s(&shop, 1);
    make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE)->refund_total = 200;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_DUPLICATE);
    make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE)->refund_total = PRICE + 100;
    expect_code(shop_send(&shop), OK);
    expect_state(&shop, "A", REFUNDED);
    cr_assert_eq(get(&shop, "A").refunded, PRICE); /* no more than came */
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, 0, 0, 0);

    expect_code(create(&shop, "B", 2, 1), OK); /* its refund is the first that is heard of it */
    make_fact(&shop, ORDO_FACT_PAY, "B", "t2", PRICE)->refund_total = 200;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_REFUND_ECHO);
    expect_state(&shop, "B", PENDING);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, 0, 0, PRICE - 200);
    expect_units(&shop, 7, 1, 0);
    cr_assert_eq(stock(&shop, 1).voided, 1, "A's card was on its way");
    case_close(&shop);
}

/* AC-29 (developer.aliyun.com/ask/285132): the refund was told before the payment, which then
 * issued what had been given back. */
Test(ac_29, a_refund_told_before_its_payment_is_remembered)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_disposition(refund(&shop, "A", "t1", PRICE), ORPHAN);
    expect_disposition(pay(&shop, "A", "t1", PRICE), REFUND_ECHO);
    expect_state(&shop, "A", PENDING);
    expect_sums(&shop, 0, 0, 0);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_REFUNDED), PRICE);
    expect_units(&shop, 8, 1, 0);
    case_close(&shop);
}

/* AC-32 (limitations in dujiaoka-hardened): the product was taken down and repriced and its channel
 * changed while the buyer was paying, and the payment was refused. */
Test(ac_32, what_changes_while_the_buyer_pays_does_not_change_what_he_pays)
{
    case_open(&shop, 0, 9);
    make_channel(&shop, 1, 0)->attempt_spread = 10;
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    (void)make_attempt(&shop, "A", 1, PRICE + 4);
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    struct ordo_product_put *put = make_goods(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_CLOSED);
    put->price = 2 * PRICE;
    put->sale_from_us = 1;
    put->sale_until_us = 2;
    expect_code(shop_send(&shop), OK);
    (void)make_channel(&shop, 1, 0);
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "C", 3, 1), PRODUCT_CLOSED);
    expect_disposition(pay(&shop, "A", "t1", PRICE + 4), APPLIED);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
    expect_state(&shop, "A", ISSUING);
    expect_state(&shop, "B", ISSUING);
    expect_sums(&shop, 2 * PRICE + 4, 0, 0);
    case_close(&shop);
}
