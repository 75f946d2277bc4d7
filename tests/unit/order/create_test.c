/* Goal: create refuses in the order of the rules and for each of their reasons, and takes no more
 * than caps, quotas, shares and capacities allow. Method: one state a test, driven by commands in
 * canonical bytes (shop.h); all invariants after. */
#include "shop.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

TestSuite(create, .init = open_shop, .fini = close_shop);

/* ---- the order of the checks ---- */

/* A create that is wrong in every way, and the product that it is for. */
static struct {
    struct ordo_create create;
    struct ordo_product_put product;
    uint8_t buyer[ORDO_ID_SIZE];
    uint8_t key[ORDO_ID_SIZE];
} wrong;

static void put_wrong_product(void)
{
    *make_product(&shop, 2, ORDO_STOCK_CARDS) = wrong.product;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
}

static void fix_order_id(void)
{
    wrong.create.order_id = text("o1");
}

static void fix_product(void)
{
    wrong.create.product = 2;
}

static void fix_closed(void)
{
    wrong.product.options = 0;
    put_wrong_product();
}

static void fix_quantity(void)
{
    wrong.create.quantity = 4;
}

static void fix_currency(void)
{
    wrong.create.currency = CNY;
}

static void fix_coupon_unknown(void)
{
    wrong.create.coupon = text("OTHER");
}

static void fix_coupon_not_valid(void)
{
    wrong.create.coupon = text("SPENT");
}

static void fix_coupon_spent(void)
{
    wrong.create.coupon = text("TEN");
}

static void fix_amount(void)
{
    wrong.create.amount = 4 * PRICE - 10;
}

static void fix_card(void)
{
    wrong.create.card = 0;
}

static void fix_second_key(void)
{
    wrong.create.second_key.size = ORDO_ID_SIZE;
}

static void fix_sale_not_open(void)
{
    wrong.product.sale_from_us = 1;
    wrong.product.sale_until_us = 2;
    put_wrong_product();
}

static void fix_sale_over(void)
{
    wrong.product.sale_until_us = 0;
    put_wrong_product();
}

static void fix_cap(void)
{
    wrong.product.purchase_cap = 0;
    put_wrong_product();
}

static void fix_quota(void)
{
    cr_assert_eq(set(&shop, "buyer_quota", 0), ORDO_RESULT_OK);
}

static void fix_second_quota(void)
{
    cr_assert_eq(set(&shop, "second_key_quota", 0), ORDO_RESULT_OK);
}

static void fix_share(void)
{
    wrong.product.held_share = 0;
    put_wrong_product();
}

static void fix_stock(void)
{
    cr_assert_eq(add_cards(&shop, 2, 1, 4), ORDO_RESULT_OK);
}

static void be_wrong(void)
{
    cr_assert_eq(set(&shop, "buyer_quota", 3), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "second_key_quota", 3), ORDO_RESULT_OK);
    wrong.product = *make_product(&shop, 2, ORDO_STOCK_CARDS);
    wrong.product.options = ORDO_PRODUCT_CLOSED;
    wrong.product.sale_from_us = shop.time_us + SECOND_US;
    wrong.product.purchase_cap = 3;
    wrong.product.held_share = 1;
    put_wrong_product();
    make_coupon(&shop, "OTHER", 10, 100)->product = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "SPENT", 10, 0), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 100), ORDO_RESULT_OK);
    wrong.create = (struct ordo_create){
        .order_id = text("o 1"),
        .buyer = {wrong.buyer, ORDO_ID_SIZE},
        .product = 9,
        .amount = 1,
        .currency = 840,
        .coupon = text("NONE"),
        .second_key = {wrong.key, 5},
        .card = 1,
    };
}

Test(create, refuses_in_the_order_of_the_rules)
{
    static const struct {
        uint16_t code;
        void (*fix)(void);
    } steps[] = {
        {ORDO_RESULT_ORDER_ID_INVALID, fix_order_id},
        {ORDO_RESULT_PRODUCT_UNKNOWN, fix_product},
        {ORDO_RESULT_PRODUCT_CLOSED, fix_closed},
        {ORDO_RESULT_QUANTITY_INVALID, fix_quantity},
        {ORDO_RESULT_CURRENCY_MISMATCH, fix_currency},
        {ORDO_RESULT_COUPON_UNKNOWN, fix_coupon_unknown},
        {ORDO_RESULT_COUPON_NOT_VALID, fix_coupon_not_valid},
        {ORDO_RESULT_COUPON_SPENT, fix_coupon_spent},
        {ORDO_RESULT_AMOUNT_MISMATCH, fix_amount},
        {ORDO_RESULT_STOCK_MODE, fix_card},
        {ORDO_RESULT_SECOND_KEY_INVALID, fix_second_key},
        {ORDO_RESULT_SALE_NOT_OPEN, fix_sale_not_open},
        {ORDO_RESULT_SALE_OVER, fix_sale_over},
        {ORDO_RESULT_PURCHASE_CAP, fix_cap},
        {ORDO_RESULT_HOLD_QUOTA, fix_quota},
        {ORDO_RESULT_SECOND_KEY_QUOTA, fix_second_quota},
        {ORDO_RESULT_HELD_SHARE, fix_share},
        {ORDO_RESULT_STOCK_SHORT, fix_stock},
        {ORDO_RESULT_OK, fix_stock},
    };
    be_wrong();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        *make_create(&shop, "o1", 1, 1) = wrong.create;
        uint16_t code = shop_send(&shop);
        cr_expect_eq(
            code,
            steps[i].code,
            "%s instead of %s",
            ordo_result_name(code),
            ordo_result_name(steps[i].code));
        if (code != ORDO_RESULT_OK) {
            cr_expect_eq(shop.outcome.effect_count, 0);
            cr_expect_eq(shop.outcome.result.version, 0);
            steps[i].fix();
        }
    }
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
}

Test(create, the_same_number_is_compared_before_anything_else)
{
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 1), ORDO_RESULT_OK);
    struct ordo_create *c = make_create(&shop, "o1", 1, 1);
    c->coupon = text("TEN");
    c->amount = PRICE - 10;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_product(&shop, 1, ORDO_STOCK_CARDS)->options = ORDO_PRODUCT_CLOSED;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    c = make_create(&shop, "o1", 1, 1);
    c->coupon = text("TEN");
    c->amount = PRICE - 10;
    c->hold_ttl_s = 9; /* no part of what is compared */
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_EXISTS, "closed and spent do not matter");
    cr_assert_eq(shop.outcome.effect_count, 1, "it is part of the order's history");
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PENDING);
    c->coupon = text("NINE");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_COUPON);
    c->coupon = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_COUPON);
    c->currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_CURRENCY);
    c->amount = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_AMOUNT);
    c->quantity = 0;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_QUANTITY);
    c->product = 9;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_PRODUCT);
    static const uint8_t other[ORDO_ID_SIZE] = {2};
    c->buyer.data = other;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_BUYER);
}

/* ---- capacities ---- */

static void open_small(void)
{
    struct ordo_settings_values v = shop_small();
    v.orders_max = 16;
    v.buyers_max = 16;
    v.extras_max = 16;
    shop_open(&shop, &v);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 100), ORDO_RESULT_OK);
}

static uint16_t create_with_coupon(const char *order, uint32_t buyer)
{
    struct ordo_create *c = make_create(&shop, order, buyer, 1);
    c->coupon = text("TEN");
    c->amount = PRICE - 10;
    return shop_send(&shop);
}

Test(create, capacities_come_last_and_in_order, .init = open_small)
{
    char name[32];
    for (uint32_t i = 1; i <= 16; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        cr_assert_eq(create_with_coupon(name, i), ORDO_RESULT_OK);
    }
    cr_expect_eq(create_with_coupon("x", 17), ORDO_RESULT_FULL_BUYERS);
    cr_expect_eq(create_with_coupon("x", 1), ORDO_RESULT_FULL_EXTRAS);
    cr_expect_eq(create(&shop, "x", 1, 1), ORDO_RESULT_FULL_ORDERS);
    cr_expect_eq(release(&shop, "x"), ORDO_RESULT_FULL_ORDERS, "a tombstone is an order too");
    cr_expect_eq(coupon(&shop, "TEN").used, 16);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "x", 17, 1), ORDO_RESULT_FULL_ORDERS, "a buyer row came back");
}

Test(create, a_second_key_needs_a_row_like_a_buyer, .init = open_small)
{
    char name[32];
    for (uint32_t i = 1; i <= 14; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        cr_assert_eq(create(&shop, name, i, 1), ORDO_RESULT_OK);
    }
    make_create(&shop, "k1", 1, 1);
    under_key(&shop, 1);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK, "one row is left");
    make_create(&shop, "k2", 20, 1);
    under_key(&shop, 2);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_FULL_BUYERS, "it needs two");
    make_create(&shop, "k2", 20, 1);
    under_key(&shop, 1);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "the key has a row, the buyer gets the last");
    cr_assert_eq(cancel(&shop, "o9"), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "k2"), ORDO_RESULT_OK);
    shop_check(&shop);
}

/* ---- caps and quotas ---- */

static uint16_t create_under(const char *order, uint32_t buyer, uint32_t quantity, uint32_t key)
{
    make_create(&shop, order, buyer, quantity);
    under_key(&shop, key);
    return shop_send(&shop);
}

Test(create, a_cap_does_not_count_what_expired_or_went_back)
{
    struct ordo_product_put *put = make_product(&shop, 1, ORDO_STOCK_CARDS);
    put->purchase_cap = 2;
    put->options = ORDO_PRODUCT_MANUAL;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 2), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_PURCHASE_CAP, "held units count");
    shop.time_us += 900 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 1, 2), ORDO_RESULT_OK, "expired ones do not");
    cr_assert_eq(pay(&shop, "o2", "t2", 2 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(create(&shop, "o3", 1, 1), ORDO_RESULT_PURCHASE_CAP, "paid ones do");
    cr_assert_eq(refund(&shop, "o2", "t2", 2 * PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(create(&shop, "o3", 1, 2), ORDO_RESULT_OK, "refunded ones do not");
}

Test(create, a_hoarder_with_k_identities_freezes_k_times_the_quota)
{
    char name[32];
    cr_assert_eq(add_cards(&shop, 1, 100, 90), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "buyer_quota", 3), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 5 * 10; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        uint16_t code = create(&shop, name, i % 5, 1);
        cr_assert_eq(code, i < 15 ? ORDO_RESULT_OK : ORDO_RESULT_HOLD_QUOTA);
    }
    cr_expect_eq(stock(&shop, 1).held, 5 * 3);
}

Test(create, identities_behind_one_second_key_share_its_quota)
{
    char name[32];
    cr_assert_eq(set(&shop, "second_key_quota", 4), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 8; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        uint16_t code = create_under(name, i, 1, 7);
        cr_assert_eq(code, i < 4 ? ORDO_RESULT_OK : ORDO_RESULT_SECOND_KEY_QUOTA);
    }
    cr_expect_eq(create(&shop, "x1", 1, 1), ORDO_RESULT_OK, "without a key it counts under none");
    cr_expect_eq(create_under("x2", 1, 1, 8), ORDO_RESULT_OK, "another key has its own");
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    make_create(&shop, "x3", 1, 4)->product = 2;
    under_key(&shop, 7);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "so has another product");
}

Test(create, a_second_key_is_free_again_when_paid_cancelled_or_expired)
{
    cr_assert_eq(set(&shop, "second_key_quota", 2), ORDO_RESULT_OK);
    cr_assert_eq(create_under("o1", 1, 1, 7), ORDO_RESULT_OK);
    cr_assert_eq(create_under("o2", 2, 1, 7), ORDO_RESULT_OK);
    cr_assert_eq(create_under("o3", 3, 1, 7), ORDO_RESULT_SECOND_KEY_QUOTA);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(create_under("o3", 3, 1, 7), ORDO_RESULT_OK);
    cr_assert_eq(create_under("o4", 4, 1, 7), ORDO_RESULT_SECOND_KEY_QUOTA);
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    cr_assert_eq(create_under("o4", 4, 1, 7), ORDO_RESULT_OK);
    shop_check(&shop);
    shop.time_us += 900 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(create_under("o5", 5, 2, 7), ORDO_RESULT_OK);
}

Test(create, a_share_of_what_is_for_sale_may_be_held_unpaid)
{
    struct ordo_product_put *put = make_product(&shop, 2, ORDO_STOCK_COUNTED);
    put->counted = 99;
    put->held_share = 2000;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 20)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_HELD_SHARE, "a fifth of 99 is 19");
    make_create(&shop, "o1", 1, 19)->product = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o2", 2, 1)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_HELD_SHARE, "whoever holds them");
    cr_assert_eq(pay(&shop, "o1", "t1", 19 * PRICE), ORDO_DISPOSITION_APPLIED);
    make_create(&shop, "o2", 2, 17)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_HELD_SHARE, "80 are left for sale");
    make_create(&shop, "o2", 2, 16)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    put = make_product(&shop, 3, ORDO_STOCK_UNLIMITED);
    put->held_share = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o3", 3, 64)->product = 3;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "of what has no end there is no share");
}

Test(create, what_costs_nothing_is_not_held_unpaid)
{
    struct ordo_product_put *put = make_product(&shop, 1, ORDO_STOCK_CARDS);
    put->price = 0;
    put->held_share = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "buyer_quota", 1), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "second_key_quota", 1), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 2)->amount = 0;
    under_key(&shop, 7);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

/* ---- which units ---- */

Test(create, a_named_card_is_held_or_refused)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_PRESELECT), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 2, 1, 3), ORDO_RESULT_OK); /* cards 11 to 13 */
    struct ordo_create *c = make_create(&shop, "o1", 1, 1);
    c->product = 2;
    c->card = 12;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    struct ordo_order_view o = get(&shop, "o1");
    cr_assert_eq(o.card_count, 1);
    cr_expect_eq(o.cards[0], 12);
    c = make_create(&shop, "o2", 2, 1);
    c->product = 2;
    c->card = 12;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CARD_TAKEN);
    c->card = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CARD_UNKNOWN, "a card of another product");
    c->card = 1ull << 32 | 11;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CARD_UNKNOWN);
    c->card = 11;
    c->quantity = 2;
    c->amount = 2 * PRICE;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_QUANTITY_INVALID);
    c->card = 0;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "without a name: the first");
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    c = make_create(&shop, "o3", 3, 1);
    c->product = 2;
    c->card = 12;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "it was given back");
    cr_assert_eq(pay(&shop, "o3", "t3", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(shop.outcome.cards[0], 12);
}

Test(create, what_is_held_at_pay_takes_no_unit_and_always_finds_a_place)
{
    struct ordo_product_put *put = make_product(&shop, 2, ORDO_STOCK_COUNTED);
    put->options = ORDO_PRODUCT_HOLD_AT_PAY;
    put->counted = 1;
    put->purchase_cap = 1;
    put->held_share = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 1)->product = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "x", 1, 1)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_PURCHASE_CAP, "it counts as held");
    make_create(&shop, "o2", 2, 1)->product = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK, "nobody has the unit");
    cr_expect_eq(stock(&shop, 2).available, 1);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_ISSUING);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_BACKORDER);
    struct ordo_create *c = make_create(&shop, "o3", 3, 1);
    c->product = 2;
    c->wait_s = 60;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_STOCK_SHORT, "its orders wait after they are paid");
}
