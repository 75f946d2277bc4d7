/* Goal: a payment that comes after the hold's end is honoured, queued or due back, never lost, and
 * nothing is sold twice for it.
 * Method: each case is the complaint of a real shop, played against the engine.
 */
#include "clerk.h"

#include <criterion/criterion.h>

static struct shop shop;

/* The last unit of the pool went to B while A's hold was over. */
static void lose_the_last_unit(uint32_t options)
{
    case_open(&shop, options, 1);
    expect_code(create(&shop, "A", 1, 1), OK);
    pass_deadline(&shop, "A");
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
}

/* AC-03 (dujiao-next#108, #288; v2board#313): the buyer paid in time, the notify came after expiry,
 * and he got nothing although units were free. */
Test(ac_03, a_late_payment_reclaims_a_free_unit_and_uses_its_coupon_again)
{
    case_open(&shop, 0, 2);
    expect_code(put_coupon(&shop, "ten", 100, 1), OK);
    expect_code(create_with_coupon(&shop, "A", 1, "ten"), OK);
    pass_deadline(&shop, "A");
    expect_state(&shop, "A", EXPIRED);
    expect_units(&shop, 2, 0, 0);
    cr_assert_eq(coupon(&shop, "ten").returned, 1);
    pass_s(&shop, HOUR_S);
    expect_disposition(pay(&shop, "A", "t1", PRICE - 100), LATE_APPLIED);
    expect_state(&shop, "A", ISSUING);
    cr_assert_eq(flags_of(&shop, "A"), ORDO_FLAG_LATE);
    struct ordo_coupon_view ten = coupon(&shop, "ten");
    cr_assert_eq(ten.used - ten.returned, 1);
    cr_assert_eq(ten.overdrawn, 0);
    expect_code(create_with_coupon(&shop, "B", 2, "ten"), COUPON_SPENT);
    expect_units(&shop, 1, 0, 1);
    expect_sums(&shop, PRICE - 100, 0, 0);
    case_close(&shop);
}

/* AC-04 (dujiao-next#108): the notify came after expiry, the unit was sold to another, and the shop
 * either sold it twice or kept the money. */
Test(ac_04, late_payment_after_the_last_unit_went_to_another_waits_or_is_due_back)
{
    lose_the_last_unit(0);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_REFUND_DUE);
    expect_state(&shop, "A", REFUNDING);
    expect_units(&shop, 0, 0, 1);
    expect_sums(&shop, PRICE, PRICE, 0);
    expect_code(add_cards(&shop, 1, 2, 1), OK);
    expect_state(&shop, "A", REFUNDING); /* its money is on its way back */
    case_close(&shop);

    lose_the_last_unit(ORDO_PRODUCT_LATE_BACKORDER);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_BACKORDER);
    expect_state(&shop, "A", BACKORDER);
    expect_units(&shop, 0, 0, 1);
    expect_sums(&shop, 2 * PRICE, 0, 0);
    expect_code(add_cards(&shop, 1, 2, 1), OK);
    expect_state(&shop, "A", ISSUING);
    expect_units(&shop, 0, 0, 2);
    case_close(&shop);
}

/* AC-04 (dujiao-next#108): the shop does not want late payments at all, and still sold to them. */
Test(ac_04, late_payment_is_due_back_when_the_product_never_honours_one)
{
    case_open(&shop, ORDO_PRODUCT_LATE_REFUND, 2);
    expect_code(create(&shop, "A", 1, 1), OK);
    pass_deadline(&shop, "A");
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_REFUND_DUE);
    expect_state(&shop, "A", REFUNDING);
    expect_units(&shop, 2, 0, 0);
    expect_sums(&shop, 0, PRICE, 0);
    case_close(&shop);
}

/* AC-04 (dujiao-next#108): late money waited for stock for ever. */
Test(ac_04, a_back_order_without_stock_is_due_back_after_the_longest_wait)
{
    lose_the_last_unit(ORDO_PRODUCT_LATE_BACKORDER);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_BACKORDER);
    pass_deadline(&shop, "A");
    expect_state(&shop, "A", REFUNDING);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, PRICE, PRICE, 0);
    expect_code(add_cards(&shop, 1, 2, 1), OK);
    expect_state(&shop, "A", REFUNDING);
    expect_units(&shop, 1, 0, 1);
    case_close(&shop);
}

/* AC-04 (dujiao-next#108): the buyer had named a number, paid late and got another one. */
Test(ac_04, a_late_order_that_named_its_card_gets_that_one_or_its_money)
{
    shop_open(&shop, NULL);
    (void)make_goods(&shop, 1, ORDO_STOCK_PRESELECT, ORDO_PRODUCT_LATE_BACKORDER);
    expect_code(shop_send(&shop), OK);
    expect_code(add_cards(&shop, 1, 1, 3), OK);
    make_create(&shop, "A", 1, 1)->card = 2;
    expect_code(shop_send(&shop), OK);
    make_create(&shop, "B", 2, 1)->card = 2;
    expect_code(shop_send(&shop), CARD_TAKEN);
    make_create(&shop, "B", 2, 1)->card = 3;
    expect_code(shop_send(&shop), OK);
    pass_deadline(&shop, "A");
    expect_state(&shop, "B", EXPIRED);
    make_create(&shop, "C", 3, 1)->card = 2;
    expect_code(shop_send(&shop), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_REFUND_DUE); /* 2 is C's */
    expect_disposition(pay(&shop, "B", "t2", PRICE), LATE_APPLIED);
    cr_assert_eq(get(&shop, "B").cards[0], 3);
    expect_units(&shop, 1, 1, 1);
    expect_sums(&shop, PRICE, PRICE, 0);
    case_close(&shop);
}

/* AC-05 (comment in dujiao-next#108): whoever has the merchant's key can play old callbacks again;
 * late payments need a limit. */
Test(ac_05, a_payment_after_the_late_window_is_due_back_and_looked_at)
{
    case_open(&shop, 0, 3);
    expect_code(set(&shop, "late_window_s", HOUR_S), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    pass_deadline(&shop, "A");
    expect_state(&shop, "B", EXPIRED);
    pass_s(&shop, HOUR_S);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_APPLIED); /* in the last moment */
    shop.time_us++;
    expect_disposition(pay(&shop, "B", "t2", PRICE), LATE_REFUND_DUE);
    expect_state(&shop, "B", REFUNDING);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_REVIEW, 0);
    expect_units(&shop, 2, 0, 1);
    expect_sums(&shop, PRICE, PRICE, 0);
    case_close(&shop);
}

/* AC-05 (dujiao-next#108): the buyer had ordered again and paid that; the late payment of the first
 * order sold him a second one. */
Test(ac_05, a_late_payment_of_a_buyer_who_has_paid_meanwhile_is_due_back_and_looked_at)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    pass_deadline(&shop, "A");
    expect_code(create(&shop, "B", 1, 1), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_REFUND_DUE);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_units(&shop, 2, 0, 1);
    expect_sums(&shop, PRICE, PRICE, 0);
    case_close(&shop);
}

/* AC-16 (dujiaoka#106, #240, #218): stock of an order that nobody paid came back an hour later or
 * never. */
Test(ac_16, an_abandoned_hold_ends_at_its_time_and_not_before)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 2), OK);
    uint64_t deadline_us = get(&shop, "A").deadline_us;
    cr_assert_eq(deadline_us, shop.time_us + 900 * SECOND_US);
    cr_assert_eq(ordo_state_next_deadline_us(shop.state), deadline_us);
    shop.time_us = deadline_us - 1;
    expect_code(tick(&shop), OK);
    expect_state(&shop, "A", PENDING);
    expect_code(create(&shop, "B", 2, 1), STOCK_SHORT);
    shop.time_us = deadline_us;
    expect_code(create(&shop, "C", 2, 1), STOCK_SHORT); /* only a sequenced tick ends a hold */
    expect_code(tick(&shop), OK);
    expect_state(&shop, "A", EXPIRED);
    expect_units(&shop, 2, 0, 0);
    expect_code(create(&shop, "D", 2, 2), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, 0);
    case_close(&shop);
}

/* AC-16 (dujiaoka#106, #240, #218): a queue in front of the timer let it judge by its own late
 * clock.
 */
Test(ac_16, a_tick_ends_what_was_due_at_its_own_time)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 1), OK);
    uint64_t deadline_us = get(&shop, "A").deadline_us;
    shop.time_us = deadline_us - 1;
    expect_code(tick(&shop), OK); /* sets up the command with this time */
    shop.time_us = deadline_us + SECOND_US;
    shop.command.tick.now_us = deadline_us - 1;
    expect_code(shop_send(&shop), OK);
    expect_state(&shop, "A", PENDING);
    expect_code(tick(&shop), OK);
    expect_state(&shop, "A", EXPIRED);
    case_close(&shop);
}

/* AC-16 (dujiaoka#106, #240, #218): an outage ended every hold before the gateways could say who
 * had paid. */
Test(ac_16, after_an_outage_holds_live_on_for_the_grace)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    pass_s(&shop, HOUR_S);
    expect_code(resume(&shop), OK);
    expect_code(tick(&shop), OK);
    expect_state(&shop, "A", PENDING);
    cr_assert_eq(get(&shop, "A").deadline_us, shop.time_us + 600 * SECOND_US);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    pass_deadline(&shop, "B");
    expect_state(&shop, "B", EXPIRED);
    expect_units(&shop, 1, 0, 1);
    case_close(&shop);
}

/* AC-16 (dujiaoka#106, #240, #218): the buyer was about to pay, and there was no way to hold longer
 * or to give back at once. */
Test(ac_16, a_hold_is_extended_to_its_limit_and_given_back_at_once)
{
    case_open(&shop, 0, 2);
    expect_code(set(&shop, "hold_max_s", 1200), OK);
    expect_code(create(&shop, "A", 1, 1), OK);
    uint64_t created_us = shop.time_us;
    pass_s(&shop, 100);
    expect_code(extend(&shop, "A", 1000), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, created_us + 1100 * SECOND_US);
    expect_code(extend(&shop, "A", 5000), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, created_us + 1200 * SECOND_US);
    expect_code(extend(&shop, "A", 6000), HOLD_LIMIT);
    expect_code(extend(&shop, "A", 10), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, created_us + 1200 * SECOND_US);
    expect_code(release(&shop, "A"), OK);
    expect_code(release(&shop, "A"), OK);
    expect_state(&shop, "A", CANCELLED);
    expect_units(&shop, 2, 0, 0);
    expect_code(release(&shop, "B"), OK); /* before it comes */
    expect_code(create(&shop, "B", 2, 1), STATE_CANCELLED);
    expect_units(&shop, 2, 0, 0);
    case_close(&shop);
}
