/* Goal: what a shop does with a hold (extend, release, cancel, attempt) and what waits for units is
 * as README §3 and §8 say. Method: one state a test, driven by commands in canonical bytes
 * (shop.h); all invariants after. */
#include "shop.h"

#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 4), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(hold, .init = open_shop, .fini = close_shop);

static void pass_seconds(uint64_t seconds)
{
    shop.time_us += seconds * SECOND_US;
}

/* ---- extend ---- */

Test(hold, extend_counts_from_now_and_never_shortens)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    uint64_t created_us = shop.time_us;
    pass_seconds(100);
    cr_expect_eq(extend(&shop, "o1", 900), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, created_us + 1000 * SECOND_US);
    cr_expect_eq(shop.outcome.transition_count, 0);
    cr_expect_eq(extend(&shop, "o1", 10), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, created_us + 1000 * SECOND_US);
    cr_expect_eq(extend(&shop, "o1", 0), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, created_us + 1000 * SECOND_US);
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), created_us + 1000 * SECOND_US);
}

Test(hold, extend_stops_at_the_longest_hold)
{
    cr_assert_eq(set(&shop, "hold_max_s", 1200), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    uint64_t limit_us = shop.time_us + 1200 * SECOND_US;
    pass_seconds(600);
    cr_expect_eq(extend(&shop, "o1", 900), ORDO_RESULT_OK, "as far as it goes");
    cr_expect_eq(get(&shop, "o1").deadline_us, limit_us);
    cr_expect_eq(extend(&shop, "o1", 900), ORDO_RESULT_HOLD_LIMIT);
    cr_assert_eq(shop.outcome.effect_count, 1, "a refusal is part of the order's history");
    cr_expect_eq(extend(&shop, "o1", 600), ORDO_RESULT_OK, "exactly the limit is no more");
    cr_expect_eq(get(&shop, "o1").deadline_us, limit_us);
}

Test(hold, extend_is_for_unpaid_orders)
{
    cr_expect_eq(extend(&shop, "o1", 10), ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_expect_eq(extend(&shop, "o1", 1000), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(extend(&shop, "o1", 1000), ORDO_RESULT_STATE_ISSUING);
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    cr_expect_eq(extend(&shop, "o2", 1000), ORDO_RESULT_STATE_CANCELLED);
}

/* ---- release ---- */

Test(hold, release_gives_back_like_cancel)
{
    cr_assert_eq(create(&shop, "o1", 1, 3), ORDO_RESULT_OK);
    cr_assert_eq(release(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_CANCELLED);
    cr_expect_eq(stock(&shop, 1).available, 4);
    cr_expect_eq(release(&shop, "o1"), ORDO_RESULT_OK, "again: nothing to do");
    cr_expect_eq(shop.outcome.transition_count, 0);
    cr_expect_eq(create(&shop, "o1", 1, 3), ORDO_RESULT_ORDER_EXISTS);
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(release(&shop, "o2"), ORDO_RESULT_STATE_ISSUING);
}

/* A compensation that overtakes its step: the late step must not take effect. */
Test(hold, a_release_before_the_create_keeps_the_create_out)
{
    cr_assert_eq(release(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_CANCELLED);
    cr_expect_eq(shop.outcome.result.version, 1);
    cr_expect_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_STATE_CANCELLED);
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(stock(&shop, 1).available, 4);
    cr_expect_eq(release(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(attempt(&shop, "o1", 1), ORDO_RESULT_STATE_CANCELLED);
    cr_expect_eq(extend(&shop, "o1", 10), ORDO_RESULT_STATE_CANCELLED);
    cr_expect_eq(release(&shop, "no number"), ORDO_RESULT_ORDER_ID_INVALID);
    shop_check(&shop);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_LATE_REFUND_DUE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
    cr_expect_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_STATE_CANCELLED, "for good");
}

Test(hold, a_release_after_the_payment_of_no_order_keeps_the_money_in_review)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(cancel(&shop, "o1"), ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_eq(release(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_STATE_CANCELLED);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REVIEW), PRICE);
    cr_expect(flags_of(&shop, "o1") & ORDO_FLAG_REVIEW);
}

/* ---- attempts ---- */

Test(hold, an_attempt_that_ended_is_opened_again)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(fact(&shop, ORDO_FACT_FAIL, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAY_FAILED);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAYING);
    cr_assert_eq(fact(&shop, ORDO_FACT_FAIL, "o1", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAY_FAILED);
}

Test(hold, an_attempt_asks_for_the_amount_in_the_currency)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    shop.command.kind = ORDO_KIND_ATTEMPT;
    shop.command.attempt.amount = PRICE + 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH);
    shop.command.attempt.amount = PRICE - 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH);
    shop.command.attempt.currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH, "the amount is asked first");
    shop.command.attempt.amount = PRICE;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CURRENCY_MISMATCH);
}

Test(hold, an_attempt_may_ask_for_the_spread_of_its_channel)
{
    memset(&shop.command, 0, sizeof(shop.command));
    shop.command.kind = ORDO_KIND_CHANNEL_PUT;
    shop.command.channel_put.channel = 1;
    shop.command.channel_put.attempt_spread = 5;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    (void)attempt(&shop, "o1", 1);
    shop.command.attempt.order_id = text("o2");
    shop.command.attempt.amount = PRICE + 6;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH);
    shop.command.attempt.amount = PRICE + 5;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    shop.command.attempt.amount = PRICE + 4;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH, "it is open with another amount");
    shop.command.attempt.channel = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH, "another channel has no spread");
    cr_assert_eq(fact(&shop, ORDO_FACT_CLOSE, "o2", "t1", PRICE + 5), ORDO_DISPOSITION_APPLIED);
    (void)attempt(&shop, "o1", 1);
    shop.command.attempt.order_id = text("o2");
    shop.command.attempt.amount = PRICE + 3;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK, "opened again, with an amount of its own");
    cr_expect_eq(pay(&shop, "o2", "t2", PRICE + 3), ORDO_DISPOSITION_APPLIED, "that is exact");
}

/* ---- waiting ---- */

static uint16_t create_waiting(const char *order, uint32_t buyer, uint32_t quantity, uint64_t wait)
{
    make_create(&shop, order, buyer, quantity)->wait_s = wait;
    return shop_send(&shop);
}

static void sell_all(void)
{
    cr_assert_eq(create(&shop, "all", 99, 4), ORDO_RESULT_OK);
}

Test(hold, an_order_that_waits_has_no_state_and_a_deadline)
{
    sell_all();
    cr_assert_eq(create_waiting("w1", 1, 1, 60), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_NONE);
    cr_expect_eq(shop.outcome.result.version, 0);
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(shop.outcome.effects[0].flags, ORDO_FLAG_WAITING);
    struct ordo_order_view w = get(&shop, "w1");
    cr_expect_eq(w.flags, ORDO_FLAG_WAITING);
    cr_expect_eq(w.quantity, 1);
    cr_expect_eq(w.deadline_us, shop.time_us + 60 * SECOND_US);
    cr_expect_eq(stock(&shop, 1).waiting, 1);
    cr_expect_eq(create(&shop, "w1", 1, 1), ORDO_RESULT_ORDER_EXISTS);
    cr_expect_eq(create(&shop, "w1", 2, 1), ORDO_RESULT_ORDER_BUYER);
    cr_expect_eq(extend(&shop, "w1", 60), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(acknowledge(&shop, "w1"), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(attempt(&shop, "w1", 1), ORDO_RESULT_ORDER_WAITS);
    cr_expect_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(create(&shop, "x", 2, 1), ORDO_RESULT_STOCK_SHORT, "who does not wait is refused");
}

Test(hold, waiting_orders_inherit_in_order_of_joining_with_their_own_ttl)
{
    sell_all();
    make_create(&shop, "w1", 1, 3)->wait_s = 600;
    shop.command.create.hold_ttl_s = 30;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create_waiting("w2", 2, 1, 600), ORDO_RESULT_OK);
    cr_assert_eq(create_waiting("w3", 3, 1, 600), ORDO_RESULT_OK);
    pass_seconds(10);
    cr_assert_eq(cancel(&shop, "all"), ORDO_RESULT_OK);
    cr_assert_eq(shop.outcome.effect_count, 3, "the one cancelled and two who get units");
    cr_expect(ordo_bytes_equal(shop.outcome.effects[1].order_id, text("w1")));
    cr_expect(ordo_bytes_equal(shop.outcome.effects[2].order_id, text("w2")));
    cr_expect_eq(shop.outcome.effects[1].flags, 0);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_PENDING);
    cr_expect_eq(get(&shop, "w1").deadline_us, shop.time_us + 30 * SECOND_US);
    cr_expect_eq(get(&shop, "w2").deadline_us, shop.time_us + 900 * SECOND_US);
    cr_expect_eq(state_of(&shop, "w3"), ORDO_STATE_NONE);
    cr_expect_eq(stock(&shop, 1).waiting, 1);
    pass_seconds(30);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_EXPIRED);
    cr_expect_eq(state_of(&shop, "w3"), ORDO_STATE_PENDING);
    cr_expect_eq(stock(&shop, 1).available, 2);
}

Test(hold, the_first_who_waits_collects_and_nobody_passes_it)
{
    sell_all();
    cr_assert_eq(create_waiting("w1", 1, 2, 600), ORDO_RESULT_OK);
    cr_assert_eq(create_waiting("w2", 2, 1, 600), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 100, 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 0);
    cr_expect_eq(
        create(&shop, "x", 3, 1), ORDO_RESULT_STOCK_SHORT, "one is free, not for this one");
    cr_expect_eq(create_waiting("w3", 3, 1, 600), ORDO_RESULT_OK);
    cr_assert_eq(release(&shop, "w1"), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_CANCELLED);
    cr_expect_eq(state_of(&shop, "w2"), ORDO_STATE_PENDING, "the place became free");
    cr_expect_eq(state_of(&shop, "w3"), ORDO_STATE_NONE);
    cr_assert_eq(cancel(&shop, "w3"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w3"), ORDO_STATE_CANCELLED);
    cr_expect_eq(stock(&shop, 1).waiting, 0);
    cr_expect_eq(cancel(&shop, "w3"), ORDO_RESULT_OK);
}

Test(hold, a_wait_ends_like_a_hold)
{
    sell_all();
    cr_assert_eq(extend(&shop, "all", 3600), ORDO_RESULT_OK);
    cr_assert_eq(create_waiting("w1", 1, 1, 60), ORDO_RESULT_OK);
    cr_assert_eq(create_waiting("w2", 2, 1, 90), ORDO_RESULT_OK);
    pass_seconds(60);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_EXPIRED);
    cr_expect_eq(flags_of(&shop, "w1"), 0);
    cr_expect_eq(get(&shop, "w1").version, 1);
    cr_expect_eq(stock(&shop, 1).waiting, 1);
    shop_check(&shop);
    cr_assert_eq(cancel(&shop, "all"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w2"), ORDO_STATE_PENDING);
    cr_expect_eq(pay(&shop, "w1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
}

Test(hold, who_waits_counts_as_held_until_the_place_is_given_back)
{
    sell_all();
    cr_assert_eq(set(&shop, "buyer_quota", 2), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "second_key_quota", 3), ORDO_RESULT_OK);
    make_create(&shop, "w1", 1, 2)->wait_s = 60;
    under_key(&shop, 7);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(create_waiting("w2", 1, 1, 60), ORDO_RESULT_HOLD_QUOTA);
    make_create(&shop, "w2", 2, 2)->wait_s = 60;
    under_key(&shop, 7);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SECOND_KEY_QUOTA);
    cr_assert_eq(cancel(&shop, "w1"), ORDO_RESULT_OK);
    make_create(&shop, "w3", 2, 2)->wait_s = 60;
    under_key(&shop, 7);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
}

Test(hold, only_cards_and_counted_goods_are_waited_for)
{
    static const uint8_t modes[] = {ORDO_STOCK_LOOP, ORDO_STOCK_PRESELECT, ORDO_STOCK_COUNTED};
    for (uint32_t i = 0; i < 3; i++) {
        make_product(&shop, 2 + i, modes[i]);
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        char name[32];
        (void)snprintf(name, sizeof(name), "o%u", i);
        struct ordo_create *c = make_create(&shop, name, 1, 1);
        c->product = 2 + i;
        c->wait_s = 60;
        bool waits = modes[i] == ORDO_STOCK_COUNTED;
        cr_expect_eq(shop_send(&shop), waits ? ORDO_RESULT_OK : ORDO_RESULT_STOCK_SHORT);
    }
    struct ordo_create *c = make_create(&shop, "o9", 1, 1);
    c->wait_s = 60;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PENDING, "units are free: nobody waits");
}

Test(hold, money_for_an_order_that_waits_lies_in_review_until_it_is_admitted)
{
    sell_all();
    cr_assert_eq(create_waiting("w1", 1, 1, 60), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "w1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_REVIEW), PRICE);
    cr_expect(flags_of(&shop, "w1") & ORDO_FLAG_REVIEW);
    shop_check(&shop);
    cr_assert_eq(cancel(&shop, "all"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_ISSUING);
    cr_expect_eq(flags_of(&shop, "w1"), 0);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_APPLIED), PRICE);
}

/* ---- the audit sees it ---- */

typedef void bend(struct ordo_state *s);

static void buyer_of_somebody_else(struct ordo_state *s)
{
    uint32_t row = ordo_order_at(s, 1)->buyer_row;
    ordo_order_edit(s, 1)->buyer_row = ordo_order_at(s, 2)->buyer_row;
    ordo_order_edit(s, 2)->buyer_row = row;
}

static void second_key_counted_twice(struct ordo_state *s)
{
    ordo_buyer_edit(s, ordo_extra_at(s, 1)->second_row)->held++;
}

static void second_key_that_was_paid(struct ordo_state *s)
{
    ordo_buyer_edit(s, ordo_extra_at(s, 1)->second_row)->paid++;
}

static void second_key_forgotten(struct ordo_state *s)
{
    ordo_extra_edit(s, 1)->second_row = 0;
}

static void extra_of_another_order(struct ordo_state *s)
{
    ordo_extra_edit(s, 1)->order = 2;
}

static void row_given_back_and_lost(struct ordo_state *s)
{
    ordo_head_edit(s, ORDO_HEAD)->buyer_free = 0;
}

static void use_that_does_not_count(struct ordo_state *s)
{
    ordo_extra_edit(s, 2)->coupon_live = false;
}

static void use_from_nowhere(struct ordo_state *s)
{
    ordo_coupon_edit(s, 1)->used++;
}

static void more_uses_than_there_are(struct ordo_state *s)
{
    ordo_coupon_edit(s, 1)->uses_max = 0;
}

static void coupon_of_another_name(struct ordo_state *s)
{
    ordo_coupon_edit(s, 1)->coupon[0] ^= 1;
}

static void use_twice(void)
{
    make_create(&shop, "o1", 1, 1);
    under_key(&shop, 7);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(&shop, "TEN", 10, 1), ORDO_RESULT_OK);
    make_create(&shop, "o2", 2, 1)->coupon = text("TEN");
    shop.command.create.amount -= 10;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o3", 3, 1), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o3"), ORDO_RESULT_OK);
}

Test(hold, the_audit_sees_each_bent_row)
{
    static bend *const bends[] = {
        buyer_of_somebody_else,
        second_key_counted_twice,
        second_key_that_was_paid,
        second_key_forgotten,
        extra_of_another_order,
        row_given_back_and_lost,
        use_that_does_not_count,
        use_from_nowhere,
        more_uses_than_there_are,
        coupon_of_another_name,
    };
    for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
        struct ordo_fail fail = {.err = ORDO_OK};
        use_twice();
        shop_check(&shop);
        bends[i](shop.state);
        cr_expect_eq(ordo_state_check(shop.state, &fail), ORDO_ERR_DAMAGED, "case %zu", i);
        fprintf(stderr, "%zu: %s\n", i, fail.text);
        shop_close(&shop);
        open_shop();
    }
}
