/* Goal: coupons are conserved: used - returned is the number of uses that count, each is returned
 * once, and only a late payment passes the limit, counted. Method: one state a test, driven by
 * commands in canonical bytes (shop.h); all invariants after. */
#include "shop.h"

#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define OFF 50

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 10), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(coupon, .init = open_shop, .fini = close_shop);

/* One unit with the coupon FEW, which takes OFF off. */
static uint16_t create_with(const char *order, uint32_t buyer)
{
    struct ordo_create *c = make_create(&shop, order, buyer, 1);
    c->coupon = text("FEW");
    c->amount = PRICE - OFF;
    return shop_send(&shop);
}

static void expect_uses(uint64_t used, uint64_t returned, uint64_t overdrawn)
{
    struct ordo_coupon_view view = coupon(&shop, "FEW");
    cr_expect_eq(view.used, used, "%lu used, not %lu", view.used, used);
    cr_expect_eq(view.returned, returned, "%lu returned, not %lu", view.returned, returned);
    cr_expect_eq(view.overdrawn, overdrawn, "%lu overdrawn, not %lu", view.overdrawn, overdrawn);
    shop_check(&shop);
}

/* ---- coupon-put ---- */

Test(coupon, put_refuses_what_is_no_coupon)
{
    cr_expect_eq(put_coupon(&shop, "a b", OFF, 1), ORDO_RESULT_COUPON_INVALID);
    cr_expect_eq(put_coupon(&shop, "", OFF, 1), ORDO_RESULT_COUPON_INVALID);
    cr_expect_eq(put_coupon(&shop, "FEW", 0, 1), ORDO_RESULT_COUPON_INVALID, "no discount");
    make_coupon(&shop, "FEW", -1, 1)->discount_share = 1000;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_INVALID);
    struct ordo_coupon_put *put = make_coupon(&shop, "FEW", OFF, 1);
    put->valid_from_us = 20;
    put->valid_until_us = 20;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_INVALID);
    put->product = 9;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_INVALID, "that is asked first");
    put->valid_until_us = 21;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_PRODUCT_UNKNOWN);
    put->valid_until_us = 0;
    put->product = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_coupon(&shop, "SHARE", 0, 1)->discount_share = 10000;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
}

Test(coupon, put_again_puts_all_fields_and_keeps_the_uses)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    struct ordo_coupon_put *put = make_coupon(&shop, "FEW", 1, 7);
    put->product = 1;
    put->discount_share = 2;
    put->valid_from_us = 3;
    put->valid_until_us = 4;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    struct ordo_coupon_view view = coupon(&shop, "FEW");
    cr_expect_eq(view.product, 1);
    cr_expect_eq(view.discount, 1);
    cr_expect_eq(view.discount_share, 2);
    cr_expect_eq(view.uses_max, 7);
    cr_expect_eq(view.valid_from_us, 3);
    cr_expect_eq(view.valid_until_us, 4);
    cr_expect_eq(view.used, 1);
    cr_expect(ordo_bytes_equal(view.coupon, text("FEW")));
}

Test(coupon, a_shop_has_its_own_coupons_and_room_for_so_many)
{
    char name[16];
    for (uint32_t i = 0; i < shop.settings.coupons_max; i++) {
        (void)snprintf(name, sizeof(name), "C%u", i);
        cr_assert_eq(put_coupon(&shop, name, OFF, 1), ORDO_RESULT_OK);
    }
    cr_expect_eq(put_coupon(&shop, "FEW", OFF, 1), ORDO_RESULT_FULL_COUPONS);
    cr_expect_eq(put_coupon(&shop, "C0", OFF, 9), ORDO_RESULT_OK, "one that is there");
    make_coupon(&shop, "C0", OFF, 1);
    shop.command.shop = 5;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FULL_COUPONS, "another shop's is another coupon");
    shop.command.kind = ORDO_KIND_COUPON;
    shop.command.coupon.coupon = text("FEW");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_UNKNOWN);
}

/* ---- the price ---- */

Test(coupon, takes_its_share_rounded_down_and_then_its_discount)
{
    static const struct {
        int64_t price;
        uint64_t quantity;
        uint64_t share;
        int64_t discount;
        int64_t amount;
    } cases[] = {
        {500, 2, 0, 50, 950},
        {333, 1, 1000, 0, 300}, /* a tenth of 333 is 33 */
        {333, 3, 3333, 7, 660}, /* a third of 999 is 332 */
        {500, 1, 9999, 1, 0},   /* 499 and 1 */
        {500, 1, 0, 501, 0},    /* never less than nothing */
        {500, 3, 10000, 9, 0},
        {999999999999999, 1, 9999, 0, 100000000000},
    };
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "o%u", i);
        cr_assert_eq(put_product(&shop, 2, cases[i].price, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
        make_coupon(&shop, "FEW", cases[i].discount, 99)->discount_share = cases[i].share;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        struct ordo_create *c = make_create(&shop, name, 1, (uint32_t)cases[i].quantity);
        c->product = 2;
        c->coupon = text("FEW");
        c->amount = cases[i].amount + 1;
        cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH, "case %u", i);
        c->amount = cases[i].amount;
        cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "case %u", i);
    }
}

Test(coupon, is_good_for_its_product_and_its_time)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    struct ordo_coupon_put *put = make_coupon(&shop, "FEW", OFF, 9);
    put->product = 2;
    put->valid_from_us = shop.time_us + 10;
    put->valid_until_us = shop.time_us + 20;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    struct ordo_create *c = make_create(&shop, "o1", 1, 1);
    c->product = 2;
    c->coupon = text("FEW");
    c->amount = PRICE - OFF;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_NOT_VALID);
    shop.time_us += 10;
    c->product = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_NOT_VALID);
    c->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    shop.time_us += 10;
    c->order_id = text("o2");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_NOT_VALID);
}

/* ---- conservation ---- */

Test(coupon, of_three_uses_never_yields_four)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o2", 2), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o3", 3), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o4", 4), ORDO_RESULT_COUPON_SPENT);
    expect_uses(3, 0, 0);
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    expect_uses(3, 1, 0);
    cr_assert_eq(create_with("o4", 4), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o5", 5), ORDO_RESULT_COUPON_SPENT);
    expect_uses(4, 1, 0);
}

Test(coupon, a_refused_create_uses_nothing)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "all", 9, 10), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o1", 1), ORDO_RESULT_STOCK_SHORT);
    expect_uses(0, 0, 0);
}

Test(coupon, is_returned_once_and_not_after_it_was_bound)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 9), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(release(&shop, "o1"), ORDO_RESULT_OK);
    expect_uses(1, 1, 0);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - OFF), ORDO_DISPOSITION_LATE_REFUND_DUE);
    expect_uses(1, 1, 0);
    cr_assert_eq(create_with("o2", 2), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE - OFF), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(state_of(&shop, "o2"), ORDO_STATE_ISSUING);
    cr_assert_eq(refund(&shop, "o2", "t2", PRICE - OFF), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_REFUNDED);
    expect_uses(2, 1, 0);
}

Test(coupon, comes_back_with_the_money_of_what_was_not_bound)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 9), ORDO_RESULT_OK);
    make_product(&shop, 1, ORDO_STOCK_CARDS)->options = ORDO_PRODUCT_MANUAL;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - OFF), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(refund(&shop, "o1", "t1", 1), ORDO_DISPOSITION_REFUND_ECHO);
    expect_uses(1, 0, 0);
    cr_assert_eq(refund(&shop, "o1", "t1", PRICE - OFF), ORDO_DISPOSITION_REFUND_ECHO);
    expect_uses(1, 1, 0);
}

/* The three uses are given away again while o1 is expired: its payment is honoured at its price,
 * and the fourth use is counted as an overdraft. */
Test(coupon, a_late_payment_uses_it_again_and_an_overdraft_is_counted)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(create_with("late", 2), ORDO_RESULT_OK);
    shop.time_us += 900 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    expect_uses(2, 2, 0);
    cr_assert_eq(create_with("o2", 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o3", 4), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "late", "t2", PRICE - OFF), ORDO_DISPOSITION_LATE_APPLIED);
    expect_uses(5, 2, 0);
    cr_expect_eq(flags_of(&shop, "late"), ORDO_FLAG_LATE);
    cr_expect_eq(create_with("o4", 5), ORDO_RESULT_COUPON_SPENT);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - OFF), ORDO_DISPOSITION_LATE_APPLIED);
    expect_uses(6, 2, 1);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_LATE | ORDO_FLAG_COUPON_OVERDRAWN);
    cr_expect_eq(get(&shop, "o1").amount, PRICE - OFF, "the price stays");
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o4", 5), ORDO_RESULT_COUPON_SPENT, "three uses count");
}

Test(coupon, a_limit_that_was_put_lower_takes_no_use_away)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o2", 2), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 1), ORDO_RESULT_OK);
    expect_uses(2, 0, 0);
    cr_expect_eq(create_with("o3", 3), ORDO_RESULT_COUPON_SPENT);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o3", 3), ORDO_RESULT_COUPON_SPENT);
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    cr_expect_eq(create_with("o3", 3), ORDO_RESULT_OK);
    expect_uses(3, 2, 0);
}

/* The decisions never ask twice today; the part keeps its promise by itself. */
Test(coupon, is_used_and_returned_once_however_often_it_is_asked)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 3), ORDO_RESULT_OK);
    cr_assert_eq(create_with("o1", 1), ORDO_RESULT_OK);
    ordo_coupon_use(shop.state, 1);
    cr_expect_eq(ordo_coupon_at(shop.state, 1)->used, 1);
    ordo_coupon_return(shop.state, 1);
    ordo_coupon_return(shop.state, 1);
    cr_expect_eq(ordo_coupon_at(shop.state, 1)->returned, 1);
    ordo_coupon_use(shop.state, 1);
    expect_uses(2, 1, 0);
}

Test(coupon, who_waits_uses_it_and_gives_it_back)
{
    cr_assert_eq(put_coupon(&shop, "FEW", OFF, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "all", 9, 10), ORDO_RESULT_OK);
    struct ordo_create *c = make_create(&shop, "w1", 1, 1);
    c->coupon = text("FEW");
    c->amount = PRICE - OFF;
    c->wait_s = 60;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    expect_uses(1, 0, 0);
    shop.time_us += 60 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_EXPIRED);
    expect_uses(1, 1, 0);
}
