/* Goal: what a person decides about money and goods happens exactly, once, and only where it may.
 * Method: one state a test, driven by commands in canonical bytes (shop.h, desk.h); accounts by
 * hand, every invariant after each test. */
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

TestSuite(desk, .init = open_shop, .fini = close_shop);

static void expire(void)
{
    (void)pass(&shop, HOLD_S);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
}

/* ---- who and why ---- */

Test(desk, every_verb_names_who_and_why_before_anything_else)
{
    static const uint8_t kinds[] = {
        ORDO_KIND_MARK_PAID,
        ORDO_KIND_ACCEPT,
        ORDO_KIND_REFUND,
        ORDO_KIND_FREEZE,
        ORDO_KIND_UNFREEZE,
        ORDO_KIND_NOTE};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        (void)make_verb(&shop, kinds[i], "nobody");
        cr_expect_eq(shop_send(&shop), ORDO_RESULT_ORDER_UNKNOWN, "kind %u", kinds[i]);
    }
    make_verb(&shop, ORDO_KIND_FREEZE, "nobody")->freeze.operator_name = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OPERATOR_MISSING);
    make_verb(&shop, ORDO_KIND_NOTE, "o1")->note.operator_name = text("no one");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OPERATOR_MISSING);
    make_verb(&shop, ORDO_KIND_MARK_PAID, "o1")->mark_paid.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
    make_verb(&shop, ORDO_KIND_ACCEPT, "o1")->accept.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
    make_verb(&shop, ORDO_KIND_REFUND, "o1")->refund.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
    make_verb(&shop, ORDO_KIND_UNFREEZE, "o1")->unfreeze.reason = text("");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
}

/* ---- mark-paid ---- */

Test(desk, a_marked_order_is_paid_by_money_that_nobody_saw)
{
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE + 1), ORDO_RESULT_AMOUNT_MISMATCH);
    struct ordo_mark_paid *mark = &make_verb(&shop, ORDO_KIND_MARK_PAID, "o1")->mark_paid;
    mark->amount = PRICE;
    mark->currency = 840;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_CURRENCY_MISMATCH);
    cr_expect_eq(shop.outcome.effect_count, 1, "a refusal is part of the order's history");
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 2);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_MANUAL), PRICE);
    cr_expect_eq(account(&shop, ORDO_ACCOUNT_RECEIVED), 0);
    expect_money(&shop, PRICE, 0, 0, 0);
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_STATE_ISSUING);
    cr_expect_eq(find(&shop, "", 0, ""), ORDO_RESULT_ORDER_UNKNOWN, "it has no number");
}

Test(desk, an_expired_order_is_marked_when_its_units_can_be_had)
{
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    expire();
    shop.time_us += 90ull * 86400 * SECOND_US; /* no window for people */
    cr_assert_eq(create(&shop, "big", 9, 10), ORDO_RESULT_OK);
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_STOCK_SHORT);
    cr_assert_eq(cancel(&shop, "big"), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_LATE);
    cr_expect_eq(stock(&shop, 1).bound, 1);
}

Test(desk, an_expired_order_of_a_buyer_who_paid_meanwhile_is_not_marked)
{
    expire();
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_PURCHASE_CAP);
    expect_money(&shop, PRICE, 0, 0, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
}

Test(desk, an_expired_order_passes_the_cap_again_when_marked)
{
    struct ordo_product_put *put;
    (void)put_counted(&shop, 1, 0, 0);
    put = &shop.command.product_put;
    put->purchase_cap = 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    expire();
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_PURCHASE_CAP);
}

Test(desk, only_unpaid_and_expired_orders_are_marked)
{
    cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(mark_paid(&shop, "o1", 1, PRICE), ORDO_RESULT_STATE_CANCELLED);
    cr_expect_eq(accept_money(&shop, "o1"), ORDO_RESULT_STATE_CANCELLED);
    cr_assert_eq(pay(&shop, "nobody", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(mark_paid(&shop, "nobody", 1, PRICE), ORDO_RESULT_ORDER_UNKNOWN);
    cr_expect_eq(accept_money(&shop, "nobody"), ORDO_RESULT_ORDER_UNKNOWN);
}

/* ---- accept ---- */

Test(desk, two_short_payments_never_add_up_but_are_accepted)
{
    cr_expect_eq(accept_money(&shop, "o1"), ORDO_RESULT_REVIEW_NOTHING);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - 100), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(pay(&shop, "o1", "t2", 100), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(flags_of(&shop, "o1"), 0, "nothing is left to look at");
    expect_money(&shop, PRICE, 0, 0, 0);
}

Test(desk, less_than_the_price_is_enough_when_a_person_says_so)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - 100), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    expect_money(&shop, PRICE - 100, 0, 0, 0);
}

Test(desk, what_is_accepted_beyond_the_price_is_due_back)
{
    cr_assert_eq(pay(&shop, "o1", "t1", 450), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(pay(&shop, "o1", "t2", 300), ORDO_DISPOSITION_SHORT);
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t3", 77)->currency = 840;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    expect_money(&shop, PRICE, 250, 0, 77);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW, "another currency is not accepted");
    cr_expect_eq(accept_money(&shop, "o1"), ORDO_RESULT_REVIEW_NOTHING);
    cr_expect_eq(refund(&shop, "o1", "t1", 250), ORDO_DISPOSITION_REFUND_ECHO, "newest first");
    expect_money(&shop, PRICE, 0, 250, 77);
}

static void pay_in_parts(int first, int last, int64_t amount)
{
    char trade[16];
    for (int i = first; i <= last; i++) {
        (void)snprintf(trade, sizeof(trade), "p%d", i);
        (void)pay(&shop, "o1", trade, amount);
    }
}

Test(desk, one_accept_takes_the_newest_four_and_no_order_has_five_applied)
{
    pay_in_parts(1, 6, 10);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_leq(shop.outcome.posting_count, 2 * 4);
    expect_money(&shop, 40, 0, 0, 20);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK, "also of a paid order");
    cr_expect_eq(shop.outcome.transition_count, 0);
    expect_money(&shop, 40, 20, 0, 0);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
}

Test(desk, a_chargeback_that_was_won_is_accepted_and_issued)
{
    cr_assert_eq(put_counted(&shop, 1, 0, ORDO_PRODUCT_MANUAL), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    expect_money(&shop, 0, 0, 0, PRICE);
    cr_expect_eq(issue(&shop, "o1", false), ORDO_RESULT_ORDER_FROZEN);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    expect_money(&shop, PRICE, 0, 0, 0);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_FROZEN | ORDO_FLAG_REVIEW);
    cr_assert_eq(unfreeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAID, "a person issues");
    cr_assert_eq(note(&shop, "o1", true), ORDO_RESULT_OK);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    cr_expect_eq(issue(&shop, "o1", false), ORDO_RESULT_OK);
}

Test(desk, an_expired_order_is_accepted_as_it_is_marked)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE - 1), ORDO_DISPOSITION_SHORT);
    expire();
    cr_assert_eq(create(&shop, "big", 9, 10), ORDO_RESULT_OK);
    cr_expect_eq(accept_money(&shop, "o1"), ORDO_RESULT_STOCK_SHORT);
    expect_money(&shop, 0, 0, 0, PRICE - 1);
    cr_assert_eq(cancel(&shop, "big"), ORDO_RESULT_OK);
    cr_assert_eq(accept_money(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_LATE);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

/* ---- refund ---- */

Test(desk, a_part_that_goes_back_leaves_the_order_honoured)
{
    cr_expect_eq(give_back(&shop, "o1", 1, false), ORDO_RESULT_REFUND_NOTHING);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(give_back(&shop, "o1", PRICE + 1, false), ORDO_RESULT_REFUND_EXCEEDS);
    cr_expect_eq(give_back(&shop, "o1", -1, true), ORDO_RESULT_REFUND_EXCEEDS);
    cr_assert_eq(give_back(&shop, "o1", 200, false), ORDO_RESULT_OK);
    expect_money(&shop, 300, 200, 0, 0);
    cr_expect_eq(give_back(&shop, "o1", 301, false), ORDO_RESULT_REFUND_EXCEEDS, "due is due");
    cr_assert_eq(give_back(&shop, "o1", 250, true), ORDO_RESULT_OK, "due first, then applied");
    expect_money(&shop, 250, 0, 250, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(refund(&shop, "o1", "t1", 250), ORDO_DISPOSITION_DUPLICATE, "told afterwards");
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    expect_money(&shop, 0, 0, PRICE, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(stock(&shop, 1).voided, 1);
    cr_expect_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_REFUND_NOTHING);
}

Test(desk, all_that_becomes_due_ends_the_order)
{
    cr_assert_eq(put_counted(&shop, 1, 0, ORDO_PRODUCT_MANUAL), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(stock(&shop, 1).held, 1);
    cr_assert_eq(give_back(&shop, "o1", 0, false), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
    expect_money(&shop, 0, PRICE, 0, 0);
    cr_expect_eq(stock(&shop, 1).held, 0);
    cr_expect_eq(stock(&shop, 1).available, 10);
    cr_expect_eq(give_back(&shop, "o1", 0, false), ORDO_RESULT_REFUND_NOTHING);
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_assert_eq(create(&shop, "o2", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED, "he has none paid");
}

Test(desk, completed_orders_keep_their_cards)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
    cr_expect_eq(stock(&shop, 1).revealed, 1);
}

Test(desk, refunds_by_hand_go_source_by_source_over_the_newest_payments)
{
    cr_assert_eq(pay(&shop, "o1", "t1", 7), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(pay(&shop, "o1", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "o1", "t3", 30), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_assert_eq(pay(&shop, "o1", "t4", 20), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    expect_money(&shop, PRICE, 50, 0, 7);
    cr_assert_eq(give_back(&shop, "o1", 25, true), ORDO_RESULT_OK);
    cr_expect_eq(refund(&shop, "o1", "t4", 20), ORDO_DISPOSITION_DUPLICATE, "the newest");
    cr_expect_eq(refund(&shop, "o1", "t3", 5), ORDO_DISPOSITION_DUPLICATE, "then the next");
    cr_assert_eq(give_back(&shop, "o1", 30, true), ORDO_RESULT_OK);
    expect_money(&shop, PRICE - 5, 0, 55, 7);
    cr_assert_eq(give_back(&shop, "o1", PRICE - 1, false), ORDO_RESULT_OK, "applied, then review");
    expect_money(&shop, 0, PRICE - 1, 55, 3);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDING);
}

Test(desk, one_refund_touches_four_payments)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    pay_in_parts(1, 6, 10);
    expect_money(&shop, PRICE, 60, 0, 0);
    cr_expect_eq(give_back(&shop, "o1", 41, true), ORDO_RESULT_REFUND_EXCEEDS);
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    expect_money(&shop, PRICE, 20, 40, 0);
    cr_expect_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK, "the other two, and the order's");
    expect_money(&shop, 0, 0, PRICE + 60, 0);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_REFUNDED);
}

Test(desk, money_of_an_order_that_nobody_created_is_given_back)
{
    cr_assert_eq(pay(&shop, "nobody", "t1", 70), ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(give_back(&shop, "nobody", 30, false), ORDO_RESULT_OK);
    expect_money(&shop, 0, 30, 0, 40);
    cr_assert_eq(give_back(&shop, "nobody", 0, true), ORDO_RESULT_OK);
    expect_money(&shop, 0, 0, 70, 0);
    cr_expect_eq(note(&shop, "nobody", true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "nobody"), ORDO_STATE_NONE);
}

Test(desk, a_frozen_order_is_not_ended_by_a_refund_that_was_done)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(freeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(give_back(&shop, "o1", 0, true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
}

Test(desk, a_free_order_is_not_ended_by_money_that_was_not_asked_for)
{
    cr_assert_eq(put_product(&shop, 2, 0, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "f1", "t1", 5), ORDO_DISPOSITION_ORPHAN);
    struct ordo_create *c = make_create(&shop, "f1", 5, 1);
    c->product = 2;
    c->amount = 0;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(state_of(&shop, "f1"), ORDO_STATE_ISSUING);
    cr_assert_eq(give_back(&shop, "f1", 3, false), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "f1"), ORDO_STATE_ISSUING);
    cr_assert_eq(give_back(&shop, "f1", 0, true), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "f1"), ORDO_STATE_ISSUING);
    expect_money(&shop, 0, 0, 5, 0);
}

Test(desk, a_backorder_that_is_given_back_leaves_the_queue)
{
    cr_assert_eq(put_counted(&shop, 2, 0, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b1", 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b2", 2, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b3", 3, 2), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "b1", 1, PRICE), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "b2", 1, PRICE), ORDO_RESULT_OK);
    cr_assert_eq(mark_paid(&shop, "b3", 1, PRICE), ORDO_RESULT_OK);
    cr_assert_eq(state_of(&shop, "b2"), ORDO_STATE_BACKORDER);
    cr_assert_eq(stock(&shop, 2).backorders, 2);
    cr_assert_eq(give_back(&shop, "b2", 0, false), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "b2"), ORDO_STATE_REFUNDING);
    cr_expect_eq(get(&shop, "b2").deadline_us, 0);
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "b3"), ORDO_STATE_ISSUING);
}

/* ---- freeze ---- */

Test(desk, a_frozen_order_is_paid_but_not_issued_until_it_is_thawed)
{
    cr_assert_eq(freeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAID);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_FROZEN);
    cr_expect_eq(issue(&shop, "o1", false), ORDO_RESULT_ORDER_FROZEN);
    cr_assert_eq(unfreeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_ISSUING);
    cr_expect_eq(shop.outcome.effects[0].flags, 0);
}

Test(desk, a_frozen_delivery_is_not_due_again)
{
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    (void)pass(&shop, 600);
    uint32_t version = get(&shop, "o1").version;
    cr_assert_eq(freeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, 0);
    (void)pass(&shop, 86400);
    cr_expect_eq(get(&shop, "o1").version, version);
    cr_assert_eq(unfreeze(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(get(&shop, "o1").deadline_us, shop.time_us + 600 * SECOND_US, "from the start");
}

Test(desk, a_frozen_backorder_gets_its_units_and_keeps_them)
{
    cr_assert_eq(put_counted(&shop, 2, 0, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b1", 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "b2", 2, 2), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "b1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "b2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(freeze(&shop, "b2"), ORDO_RESULT_OK);
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "b2"), ORDO_STATE_PAID);
    cr_assert_eq(unfreeze(&shop, "b2"), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "b2"), ORDO_STATE_ISSUING);
}

Test(desk, a_note_takes_review_away_when_it_says_so)
{
    cr_assert_eq(pay(&shop, "o1", "t1", 1), ORDO_DISPOSITION_SHORT);
    cr_assert_eq(note(&shop, "o1", false), ORDO_RESULT_OK);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_assert_eq(note(&shop, "o1", true), ORDO_RESULT_OK);
    cr_expect_eq(flags_of(&shop, "o1"), 0);
    expect_money(&shop, 0, 0, 0, 1);
}
