/* Goal: a chain happens whole or not at all, and each member is judged as if those before it were
 * done. Method: one state a test, driven by commands in canonical bytes (shop.h). */
#include "shop.h"

#include "order/parts.h"

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

TestSuite(chain, .init = open_shop, .fini = close_shop);

static void add(const char *order, uint32_t buyer, uint32_t quantity)
{
    make_create(&shop, order, buyer, quantity);
    chain_add(&shop);
}

Test(chain, creates_all_its_members_in_order)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    chain_begin(&shop);
    add("o1", 1, 2);
    make_create(&shop, "o2", 1, 3)->product = 2;
    chain_add(&shop);
    add("o3", 2, 1);
    cr_assert_eq(chain_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0);
    cr_assert_eq(shop.outcome.effect_count, 3);
    static const char *const names[] = {"o1", "o2", "o3"};
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect(!shop.outcome.effects[i].own);
        cr_expect(ordo_bytes_equal(shop.outcome.effects[i].order_id, text(names[i])));
        cr_expect_eq(shop.outcome.effects[i].version, 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        cr_expect_eq(state_of(&shop, names[i]), ORDO_STATE_PENDING);
    }
    cr_expect_eq(get(&shop, "o1").cards[0], 1);
    cr_expect_eq(get(&shop, "o3").cards[0], 3);
    cr_expect_eq(create(&shop, "o1", 1, 2), ORDO_RESULT_ORDER_EXISTS);
}

Test(chain, the_same_chain_again_is_the_same_result)
{
    chain_begin(&shop);
    add("o1", 1, 2);
    add("o1", 1, 2);
    chain_expect_refused(&shop, ORDO_RESULT_ORDER_EXISTS, 2);
    uint64_t seq = shop.applied.seq;
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ORDER_EXISTS);
    cr_expect_eq(shop.outcome.result.seq, seq);
    cr_expect_eq(shop.outcome.result.version, 2);
    cr_expect(!shop.applied.journaled);
}

Test(chain, is_one_to_eight_creates_that_do_not_wait)
{
    chain_begin(&shop);
    chain_expect_refused(&shop, ORDO_RESULT_CHAIN_INVALID, 0);
    add("o1", 1, 1);
    make_create(&shop, "o2", 2, 1)->wait_s = 1;
    chain_add(&shop);
    chain_expect_refused(&shop, ORDO_RESULT_CHAIN_INVALID, 0);
    chain_begin(&shop);
    add("o1", 1, 32);
    add("o2", 2, 33);
    chain_expect_refused(&shop, ORDO_RESULT_CHAIN_INVALID, 0);
    chain_begin(&shop);
    add("o1", 1, 1);
    shop.members[1] = ORDO_KIND_CANCEL; /* after the length of the member */
    chain_expect_refused(&shop, ORDO_RESULT_CHAIN_INVALID, 0);
    chain_begin(&shop);
    add("o1", 1, 1);
    shop.members[0]++; /* a byte too many */
    shop.members[shop.members_size++] = 0;
    chain_expect_refused(&shop, ORDO_RESULT_CHAIN_INVALID, 0);
    chain_begin(&shop);
    add("o1", 1, 0);
    chain_expect_refused(&shop, ORDO_RESULT_QUANTITY_INVALID, 1);
}

Test(chain, the_last_members_refusal_undoes_nothing_because_nothing_was_done)
{
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 9), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_ORPHAN);
    chain_begin(&shop);
    struct ordo_create *c = make_create(&shop, "o1", 1, 1);
    c->coupon = text("TEN");
    c->amount = PRICE - 10;
    under_key(&shop, 7);
    chain_add(&shop);
    add("o2", 2, 1);
    add("o3", 3, 9);
    chain_expect_refused(&shop, ORDO_RESULT_STOCK_SHORT, 3);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_NONE);
    cr_expect_eq(coupon(&shop, "TEN").used, 0);
    chain_begin(&shop);
    add("o2", 2, 1);
    add("o3", 3, 9);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK, "without o1 there is enough");
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_ISSUING, "its money was there");
}

Test(chain, an_existing_number_refuses_the_chain_and_touches_no_history)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(release(&shop, "gone"), ORDO_RESULT_OK);
    chain_begin(&shop);
    add("o2", 1, 1);
    add("o1", 1, 1);
    chain_expect_refused(&shop, ORDO_RESULT_ORDER_EXISTS, 2);
    chain_begin(&shop);
    add("o2", 1, 1);
    add("o3", 1, 1);
    add("gone", 1, 1);
    chain_expect_refused(&shop, ORDO_RESULT_STATE_CANCELLED, 3);
    chain_begin(&shop);
    add("o2", 1, 1);
    add("o2", 2, 1);
    chain_expect_refused(&shop, ORDO_RESULT_ORDER_BUYER, 2);
}

/* ---- two members that together pass a limit ---- */

Test(chain, members_together_pass_no_cap_or_quota)
{
    make_product(&shop, 1, ORDO_STOCK_CARDS)->purchase_cap = 3;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    chain_begin(&shop);
    add("o1", 1, 2);
    add("o2", 2, 2);
    add("o3", 1, 2);
    chain_expect_refused(&shop, ORDO_RESULT_PURCHASE_CAP, 3);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "buyer_quota", 3), ORDO_RESULT_OK);
    chain_expect_refused(&shop, ORDO_RESULT_HOLD_QUOTA, 3);
    cr_assert_eq(set(&shop, "buyer_quota", 0), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "second_key_quota", 3), ORDO_RESULT_OK);
    chain_begin(&shop);
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"o1", "o2", "o3"};
        make_create(&shop, names[i], i, 2);
        under_key(&shop, i == 1 ? 8 : 7);
        chain_add(&shop);
    }
    chain_expect_refused(&shop, ORDO_RESULT_SECOND_KEY_QUOTA, 3);
}

Test(chain, members_together_pass_no_held_share_and_no_stock)
{
    chain_begin(&shop);
    add("o1", 1, 5);
    add("o2", 2, 6);
    chain_expect_refused(&shop, ORDO_RESULT_STOCK_SHORT, 2);
    make_product(&shop, 1, ORDO_STOCK_CARDS)->held_share = 5000;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    chain_begin(&shop);
    add("o1", 1, 3);
    add("o2", 2, 3);
    chain_expect_refused(&shop, ORDO_RESULT_HELD_SHARE, 2);
    chain_begin(&shop);
    add("o1", 1, 3);
    add("o2", 2, 2);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK);
}

Test(chain, members_together_do_not_overdraw_a_coupon)
{
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 2), ORDO_RESULT_OK);
    chain_begin(&shop);
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"o1", "o2", "o3"};
        make_create(&shop, names[i], i, 1)->coupon = text("TEN");
        shop.command.create.amount = PRICE - 10;
        chain_add(&shop);
    }
    chain_expect_refused(&shop, ORDO_RESULT_COUPON_SPENT, 3);
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 3), ORDO_RESULT_OK);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(coupon(&shop, "TEN").used, 3);
}

static void add_named(const char *order, uint32_t quantity, uint64_t card)
{
    struct ordo_create *c = make_create(&shop, order, 1, quantity);
    c->product = 2;
    c->card = card;
    chain_add(&shop);
}

Test(chain, a_card_goes_to_one_member)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_PRESELECT), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 2, 1, 5), ORDO_RESULT_OK); /* cards 11 to 15 */
    chain_begin(&shop);
    add_named("o1", 1, 12);
    add_named("o2", 1, 12);
    chain_expect_refused(&shop, ORDO_RESULT_CARD_TAKEN, 2);
    chain_begin(&shop);
    add_named("o1", 1, 12);
    add_named("o2", 2, 0);
    add_named("o3", 1, 13);
    chain_expect_refused(&shop, ORDO_RESULT_CARD_TAKEN, 3);
    chain_begin(&shop);
    add_named("o1", 1, 12);
    add_named("o2", 2, 0);
    add_named("o3", 1, 14);
    cr_assert_eq(chain_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o2").cards[0], 11);
    cr_expect_eq(get(&shop, "o2").cards[1], 13);
}

/* ---- members that are paid at once ---- */

Test(chain, a_member_whose_money_waits_holds_nothing_unpaid)
{
    cr_assert_eq(set(&shop, "second_key_quota", 2), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "buyer_quota", 2), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", 2 * PRICE), ORDO_DISPOSITION_ORPHAN);
    chain_begin(&shop);
    make_create(&shop, "o1", 1, 2);
    under_key(&shop, 7);
    chain_add(&shop);
    make_create(&shop, "o2", 1, 2);
    under_key(&shop, 7);
    chain_add(&shop);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_PENDING);
}

Test(chain, what_is_held_at_pay_is_gone_when_an_earlier_member_is_paid)
{
    struct ordo_product_put *put = make_product(&shop, 2, ORDO_STOCK_COUNTED);
    put->options = ORDO_PRODUCT_HOLD_AT_PAY;
    put->counted = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_ORPHAN);
    static const char *const names[] = {"o1", "o2", "o3"};
    chain_begin(&shop);
    for (uint32_t i = 0; i < 3; i++) {
        make_create(&shop, names[i], i, 1)->product = 2;
        chain_add(&shop);
    }
    chain_expect_refused(&shop, ORDO_RESULT_STOCK_SHORT, 3);
    chain_begin(&shop);
    make_create(&shop, "o1", 1, 1)->product = 2;
    chain_add(&shop);
    make_create(&shop, "o3", 3, 1)->product = 2;
    chain_add(&shop);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK, "neither has taken the unit");
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

static void use_up(uint32_t orders, bool buyers, bool coupons)
{
    for (uint32_t i = 0; i < orders; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "p%u", i);
        struct ordo_create *c = make_create(&shop, name, buyers ? 10 + i : 10, 1);
        if (coupons) {
            c->coupon = text("TEN");
            c->amount -= 10;
        }
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
}

Test(chain, members_together_need_room_for_their_orders, .init = open_small)
{
    use_up(15, false, false);
    chain_begin(&shop);
    add("o1", 1, 1);
    add("o2", 2, 1);
    chain_expect_refused(&shop, ORDO_RESULT_FULL_ORDERS, 2);
    cr_assert_eq(pay(&shop, "o1", "t1", 1), ORDO_DISPOSITION_ORPHAN);
    chain_expect_refused(&shop, ORDO_RESULT_FULL_ORDERS, 2); /* the payment has taken the last */
}

static void open_few_extras(void)
{
    struct ordo_settings_values v = shop_small();
    v.extras_max = 16;
    shop_open(&shop, &v);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 100), ORDO_RESULT_OK);
}

Test(chain, members_together_need_room_for_what_few_orders_have, .init = open_few_extras)
{
    use_up(15, false, true);
    chain_begin(&shop);
    add("o1", 1, 1);
    make_create(&shop, "o2", 1, 1);
    under_key(&shop, 7);
    chain_add(&shop);
    make_create(&shop, "o3", 2, 1);
    under_key(&shop, 7);
    chain_add(&shop);
    chain_expect_refused(&shop, ORDO_RESULT_FULL_EXTRAS, 3);
}

Test(chain, members_together_need_room_for_their_buyers, .init = open_small)
{
    use_up(14, true, false); /* two rows are left */
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    chain_begin(&shop);
    make_create(&shop, "o1", 1, 1);
    under_key(&shop, 7);
    chain_add(&shop);
    add("o2", 2, 1);
    cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK, "a paid member keeps no second key");
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
}

Test(chain, the_largest_outcome_fits)
{
    cr_assert_eq(put_product(&shop, 3, 0, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 3, 1, 64), ORDO_RESULT_OK);
    chain_begin(&shop);
    for (uint32_t i = 0; i < ORDO_CHAIN_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "o%u", i);
        struct ordo_create *c = make_create(&shop, name, i, 8);
        c->product = 3;
        c->amount = 0;
        chain_add(&shop);
    }
    cr_assert_eq(chain_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 16);
    cr_expect_eq(shop.outcome.card_count, 64);
    cr_expect_eq(state_of(&shop, "o7"), ORDO_STATE_ISSUING);
}
