/* Goal: the life of an order - hold, attempt, pay, issue, deliver, cancel, expire - and what it
 * does to stock, buyers and deadlines, is as DESIGN §4 says. Method: one state a test, driven by
 * commands in canonical bytes (shop.h); all invariants after. */
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

TestSuite(order, .init = open_shop, .fini = close_shop);

Test(order, a_whole_life_is_five_transitions)
{
    cr_assert_eq(create(&shop, "o1", 7, 2), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PENDING);
    cr_expect_eq(shop.outcome.result.version, 1);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PAYING);
    cr_assert_eq(pay(&shop, "o1", "t1", 2 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.result.version, 4, "PAID and ISSUING are a version each");
    cr_assert_eq(shop.outcome.transition_count, 2);
    cr_expect_eq(shop.outcome.transitions[0].to, ORDO_STATE_PAID);
    cr_expect_eq(shop.outcome.transitions[1].to, ORDO_STATE_ISSUING);
    cr_assert_eq(shop.outcome.effects[0].card_count, 2);
    cr_expect_eq(shop.outcome.cards[0], 1, "first in, first out");
    cr_expect_eq(shop.outcome.cards[1], 2);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    struct ordo_order_view o = get(&shop, "o1");
    cr_expect_eq(o.state, ORDO_STATE_COMPLETED);
    cr_expect_eq(o.version, 5);
    cr_expect_eq(o.paid, 2 * PRICE);
    cr_expect_eq(o.card_count, 2);
    cr_expect_eq(o.deadline_us, 0);
    struct ordo_head_values head;
    ordo_state_head(shop.state, &head);
    cr_expect_eq(head.update_seq, 5);
    cr_expect_eq(head.seq, 6, "two for the stock, four for the order");
    cr_expect_eq(stock(&shop, 1).revealed, 2);
}

Test(order, an_outcome_names_the_command_before_of_its_order)
{
    cr_assert_eq(create(&shop, "o1", 7, 1), ORDO_RESULT_OK);
    uint64_t created_seq = shop.applied.seq;
    cr_expect_eq(shop.outcome.effects[0].prev_seq, 0);
    cr_assert_eq(create(&shop, "o2", 7, 1), ORDO_RESULT_OK);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_STATE_PENDING);
    cr_assert_eq(shop.outcome.effect_count, 1, "a refusal is part of the order's history");
    cr_expect_eq(shop.outcome.effects[0].prev_seq, created_seq);
    cr_expect_eq(shop.outcome.effects[0].transition_count, 0);
    cr_expect_eq(shop.outcome.result.version, 1);
    cr_expect_eq(get(&shop, "o1").last_seq, created_seq + 2);
}

Test(order, create_checks_each_field)
{
    struct ordo_create *c;
    make_create(&shop, "bad id", 1, 1);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_ID_INVALID);
    make_create(&shop, "", 1, 1);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_ID_INVALID);
    c = make_create(&shop, "o1", 1, 1);
    c->product = 9;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_PRODUCT_UNKNOWN);
    make_create(&shop, "o1", 1, 0);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_QUANTITY_INVALID);
    make_create(&shop, "o1", 1, 65);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_QUANTITY_INVALID);
    c = make_create(&shop, "o1", 1, 2);
    c->amount = PRICE;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH);
    c = make_create(&shop, "o1", 1, 1);
    c->currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CURRENCY_MISMATCH);
    c = make_create(&shop, "o1", 1, 1);
    c->coupon = text("TEN");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_COUPON_UNKNOWN);
    c = make_create(&shop, "o1", 1, 1);
    c->card = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_STOCK_MODE);
    cr_expect_eq(create(&shop, "o1", 1, 11), ORDO_RESULT_STOCK_SHORT);
    cr_expect_eq(stock(&shop, 1).available, 10, "a refusal holds nothing");
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_NONE);
}

Test(order, an_order_number_exists_once)
{
    struct ordo_create *c;
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_ORDER_EXISTS);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_PENDING);
    cr_expect_eq(create(&shop, "o1", 2, 1), ORDO_RESULT_ORDER_BUYER);
    cr_expect_eq(create(&shop, "o1", 1, 2), ORDO_RESULT_ORDER_QUANTITY);
    c = make_create(&shop, "o1", 1, 1);
    c->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_PRODUCT);
    c = make_create(&shop, "o1", 1, 1);
    c->amount = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_AMOUNT);
    c = make_create(&shop, "o1", 1, 1);
    c->currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_CURRENCY);
    cr_expect_eq(stock(&shop, 1).held, 1);
    make_create(&shop, "o1", 1, 1);
    shop.command.shop = 5;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_PRODUCT_UNKNOWN, "another shop has its own numbers");
}

Test(order, the_last_card_goes_to_one_buyer)
{
    cr_assert_eq(create(&shop, "o1", 1, 9), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o3", 3, 1), ORDO_RESULT_STOCK_SHORT);
}

Test(order, the_sale_window_is_kept)
{
    put_product(&shop, 2, PRICE, ORDO_STOCK_UNLIMITED);
    shop.command.product_put.sale_from_us = shop.time_us + 10;
    shop.command.product_put.sale_until_us = shop.time_us + 20;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 1)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SALE_NOT_OPEN);
    shop.time_us += 10;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    shop.time_us += 10;
    make_create(&shop, "o2", 1, 1)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SALE_OVER);
}

Test(order, a_purchase_cap_counts_held_and_paid)
{
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    shop.command.product_put.purchase_cap = 3;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 2), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o2", 1, 2), ORDO_RESULT_PURCHASE_CAP);
    cr_assert_eq(pay(&shop, "o1", "t1", 2 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(create(&shop, "o2", 1, 2), ORDO_RESULT_PURCHASE_CAP);
    cr_expect_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(cancel(&shop, "o2"), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o3", 1, 1), ORDO_RESULT_OK, "a released hold does not count");
}

/* AC-15: a hoarder freezes at most his quota. */
Test(order, ac_15_a_hold_flood_is_bounded_by_the_quota)
{
    cr_assert_eq(set(&shop, "buyer_quota", 3), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 3), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_HOLD_QUOTA);
    cr_expect_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", 3 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(create(&shop, "o3", 1, 3), ORDO_RESULT_OK, "paid units are not held unpaid");
}

/* AC-16: an abandoned hold ends at its time, not an hour later and not never. */
Test(order, ac_16_an_abandoned_order_gives_its_units_back_at_its_ttl)
{
    cr_assert_eq(create(&shop, "o1", 1, 10), ORDO_RESULT_OK);
    uint64_t deadline_us = shop.time_us + 900 * SECOND_US;
    cr_expect_eq(get(&shop, "o1").deadline_us, deadline_us);
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), deadline_us);
    shop.time_us = deadline_us - 1;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 0);
    cr_expect_eq(stock(&shop, 1).available, 0);
    shop.time_us = deadline_us;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_expect(ordo_bytes_equal(shop.outcome.effects[0].order_id, text("o1")));
    cr_expect_eq(stock(&shop, 1).available, 10);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), UINT64_MAX);
    cr_expect_eq(create(&shop, "o2", 2, 10), ORDO_RESULT_OK);
}

Test(order, the_ttl_is_the_orders_else_the_products_else_the_setting)
{
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    shop.command.product_put.hold_ttl_s = 60;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, shop.time_us + 60 * SECOND_US);
    make_create(&shop, "o2", 1, 1)->hold_ttl_s = 30;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o2").deadline_us, shop.time_us + 30 * SECOND_US);
}

Test(order, a_tick_works_off_sixteen_in_order_of_deadline)
{
    char name[32];
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    cr_assert_eq(add_cards(&shop, 1, 100, 100), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "o%u", i);
        make_create(&shop, name, i, 1)->hold_ttl_s = 100 - i;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
    shop.time_us += 100 * SECOND_US;
    for (uint32_t i = 0; i < 40; i += 16) {
        cr_assert_leq(ordo_state_next_deadline_us(shop.state), shop.time_us);
        cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
        uint32_t count = i == 32 ? 8 : 16;
        cr_assert_eq(shop.outcome.effect_count, count);
        cr_assert_eq(shop.applied.update_count, count);
        for (uint32_t j = 0; j < count; j++) {
            (void)snprintf(name, sizeof(name), "o%u", 39 - i - j);
            cr_expect(ordo_bytes_equal(shop.outcome.effects[j].order_id, text(name)));
        }
        shop_check(&shop);
    }
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), UINT64_MAX);
}

Test(order, an_outage_expires_nobody_before_the_grace)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    shop.time_us += 3600 * SECOND_US;
    cr_assert_eq(resume(&shop), ORDO_RESULT_OK);
    uint64_t floor_us = shop.time_us + 600 * SECOND_US;
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), floor_us);
    cr_expect_eq(get(&shop, "o1").deadline_us, floor_us);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o2").deadline_us, shop.time_us + 900 * SECOND_US);
}

Test(order, a_hold_made_after_a_start_ends_in_its_own_time)
{
    cr_assert_eq(resume(&shop), ORDO_RESULT_OK);
    cr_assert_eq(set(&shop, "hold_ttl_s", 2), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    shop.time_us += 2 * SECOND_US;
    cr_assert_leq(ordo_state_next_deadline_us(shop.state), shop.time_us);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
}

Test(order, cancel_releases_the_hold_and_is_idempotent)
{
    cr_assert_eq(create(&shop, "o1", 1, 3), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(stock(&shop, 1).available, 10);
    uint32_t version = get(&shop, "o1").version;
    cr_expect_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").version, version);
    cr_expect_eq(attempt(&shop, "o1", 1), ORDO_RESULT_STATE_CANCELLED);
    cr_expect_eq(cancel(&shop, "o9"), ORDO_RESULT_ORDER_UNKNOWN);
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(cancel(&shop, "o2"), ORDO_RESULT_STATE_ISSUING);
}

/* AC-25: the same attempt again is the same attempt. */
Test(order, ac_25_the_same_attempt_again_is_the_same_attempt)
{
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 0);
    for (uint32_t channel = 2; channel <= 16; channel++) {
        cr_assert_eq(attempt(&shop, "o1", channel), ORDO_RESULT_OK);
    }
    cr_expect_eq(attempt(&shop, "o1", 17), ORDO_RESULT_ATTEMPTS_FULL);
    attempt(&shop, "o1", 1);
    shop.command.attempt.amount = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_AMOUNT_MISMATCH);
    shop.time_us += 1000 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(attempt(&shop, "o1", 1), ORDO_RESULT_STATE_EXPIRED);
}

Test(order, a_free_order_is_issued_at_once)
{
    cr_assert_eq(put_product(&shop, 1, 0, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 2)->amount = 0;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.result.version, 2);
    cr_expect_eq(shop.outcome.card_count, 2);
    cr_expect_eq(
        ordo_state_next_deadline_us(shop.state),
        shop.time_us + 600 * SECOND_US,
        "the delivery, when nobody says that it was seen");
}

Test(order, manual_goods_end_in_paid)
{
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    shop.command.product_put.options = ORDO_PRODUCT_MANUAL;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAID);
    cr_expect_eq(acknowledge(&shop, "o1"), ORDO_RESULT_STATE_PAID);
    cr_expect_eq(stock(&shop, 1).held, 1);
    cr_expect_eq(refund(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_REFUND_ECHO);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(stock(&shop, 1).available, 10, "never bound: free again");
}

Test(order, counted_and_unlimited_goods_need_no_cards)
{
    cr_assert_eq(put_product(&shop, 2, PRICE, ORDO_STOCK_COUNTED), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 3, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    make_create(&shop, "o1", 1, 60)->product = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    make_create(&shop, "o2", 1, 41)->product = 2;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(pay(&shop, "o1", "t1", 60 * PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(shop.outcome.card_count, 0);
    cr_expect_eq(stock(&shop, 2).bound, 60);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(stock(&shop, 2).revealed, 60);
    for (int i = 0; i < 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "u%d", i);
        make_create(&shop, name, 1, 64)->product = 3;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
    cr_expect_eq(stock(&shop, 3).available, UINT64_MAX, "AC-20: unlimited stays unlimited");
}

/* AC-22: duplicates in an import are skipped and counted. */
Test(order, ac_22_an_import_counts_its_duplicates)
{
    cr_assert_eq(add_cards(&shop, 1, 6, 10), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 5);
    cr_expect_eq(stock(&shop, 1).imported, 15);
    cr_expect_eq(add_cards(&shop, 9, 1, 1), ORDO_RESULT_PRODUCT_UNKNOWN);
    cr_expect_eq(add_cards(&shop, 1, 1, 0), ORDO_RESULT_CARD_INVALID);
    uint8_t tiny[57] = {56};
    shop.command.card_import.cards.raw = (struct ordo_bytes){tiny, 57};
    shop.command.card_import.cards.count = 1;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CARD_INVALID);
}

/* AC-19: what is shown is what is there. */
Test(order, ac_19_the_shown_stock_is_the_real_stock)
{
    for (uint32_t left = 10; left > 0; left--) {
        char name[32];
        (void)snprintf(name, sizeof(name), "o%u", left);
        cr_assert_eq(stock(&shop, 1).available, left);
        cr_assert_eq(create(&shop, name, left, 1), ORDO_RESULT_OK);
    }
    cr_expect_eq(stock(&shop, 1).available, 0);
    cr_expect_eq(create(&shop, "x", 1, 1), ORDO_RESULT_STOCK_SHORT);
}

Test(order, product_put_changes_what_may_change)
{
    cr_expect_eq(put_product(&shop, 0, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_PRODUCT_INVALID);
    cr_expect_eq(put_product(&shop, 1, -1, ORDO_STOCK_CARDS), ORDO_RESULT_PRODUCT_INVALID);
    cr_expect_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_COUNTED), ORDO_RESULT_PRODUCT_MODE);
    put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS);
    shop.command.product_put.currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_PRODUCT_CURRENCY);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 1, 2 * PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_expect_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_AMOUNT_MISMATCH);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED, "the order's own price");
}

Test(order, cards_are_given_only_when_issued)
{
    cr_assert_eq(create(&shop, "o1", 1, 2), ORDO_RESULT_OK);
    for (int issued = 0; issued < 2; issued++) {
        shop.command.kind = ORDO_KIND_CARDS;
        shop.command.cards.order_id = text("o1");
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        cr_assert_eq(ordo_read_varint(&shop.body), issued ? 2 : 0);
        for (uint32_t i = 1; issued && i <= 2; i++) {
            cr_expect_eq(ordo_read_varint(&shop.body), i);
            struct ordo_bytes sealed = ordo_read_bytes(&shop.body, ORDO_SEALED_MAX);
            cr_assert_eq(sealed.size, 57 + i % 34 - 16);
            cr_expect_eq(ordo_get_le32(sealed.data), i);
        }
        cr_expect(ordo_reader_done(&shop.body));
        cr_assert_eq(
            pay(&shop, "o1", "t1", 2 * PRICE),
            issued ? ORDO_DISPOSITION_DUPLICATE : ORDO_DISPOSITION_APPLIED);
        shop.time_us++;
    }
}
