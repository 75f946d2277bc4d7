/* Goal: a payment that comes after its order has expired is honoured, waits or goes back, by
 * policy. Method: as fact_test.c. */
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

TestSuite(late, .init = open_shop, .fini = close_shop);

static void sell_out(uint32_t options)
{
    cr_assert_eq(put_counted(&shop, 1, 0, options), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
    cr_assert_eq(create(&shop, "big", 9, 10), ORDO_RESULT_OK);
}

Test(late, a_late_payment_without_stock_waits_for_it_when_its_product_lets_it)
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

Test(late, only_units_may_be_missing_for_a_late_backorder)
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

Test(late, a_late_refund_product_honours_nothing_late)
{
    cr_assert_eq(put_counted(&shop, 1, 0, ORDO_PRODUCT_LATE_REFUND), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
}

Test(late, a_late_backorder_needs_an_extra_row)
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

Test(late, a_late_order_that_named_a_card_gets_that_card_or_its_money)
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

Test(late, a_late_payment_uses_its_coupon_again)
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

Test(late, every_disposition_is_given)
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

/* ---- what creates leave to late payments ---- */

static void open_full(void)
{
    struct ordo_settings_values v = shop_small();
    v.buyers_max = 40;
    v.extras_max = 40;
    v.merchants_max = 40;
    shop_open(&shop, &v);
    cr_assert_eq(put_counted(&shop, 1, 100, ORDO_PRODUCT_LATE_BACKORDER), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    (void)pass(&shop, HOLD_S);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
}

Test(late, creates_leave_rows_of_buyers_to_late_payments, .init = open_full)
{
    uint32_t buyer = 2;
    while (create(&shop, numbered(buyer), buyer, 1) == ORDO_RESULT_OK) {
        buyer++;
    }
    cr_expect_eq(shop.applied.code, ORDO_RESULT_FULL_BUYERS);
    cr_expect_eq(buyer, 2 + 38);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
    cr_expect_eq(create(&shop, "again", 1, 1), ORDO_RESULT_OK, "a buyer that has a row");
}

Test(late, creates_leave_extra_rows_to_late_payments, .init = open_full)
{
    uint32_t buyer = 2;
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 100), ORDO_RESULT_OK);
    do {
        struct ordo_create *c = make_create(&shop, numbered(buyer), 2, 1);
        c->coupon = text("TEN");
        c->amount = PRICE - 10;
        buyer++;
    } while (shop_send(&shop) == ORDO_RESULT_OK);
    cr_expect_eq(shop.applied.code, ORDO_RESULT_FULL_EXTRAS);
    cr_expect_eq(create(&shop, "big", 3, 62), ORDO_RESULT_OK, "it needs none");
    cr_expect_eq(stock(&shop, 1).available, 0);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_BACKORDER);
}

Test(late, attempts_leave_merchant_accounts_to_payments, .init = open_full)
{
    uint32_t count = 0;
    uint16_t code = ORDO_RESULT_OK;
    for (; code == ORDO_RESULT_OK; count++) {
        cr_assert_eq(create(&shop, numbered(100 + count), 2, 1), ORDO_RESULT_OK);
        struct ordo_command *c = make_verb(&shop, ORDO_KIND_ATTEMPT, "");
        c->attempt.order_id = text(numbered(100 + count));
        c->attempt.channel = 1;
        c->attempt.merchant = c->attempt.order_id;
        c->attempt.amount = PRICE;
        c->attempt.currency = CNY;
        code = shop_send(&shop);
    }
    cr_expect_eq(code, ORDO_RESULT_FULL_PAYMENTS);
    cr_expect_eq(count, 39);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
}
