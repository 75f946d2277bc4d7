/* Goal: what a person does goes the way of what a gateway does; delivery is tried until it is seen;
 * a crash loses nothing and does nothing twice.
 * Method: each case is the complaint of a real shop, played against the engine. A crash throws the
 * state away and replays the journal (tape) into a fresh one.
 */
#include "clerk.h"

#include <criterion/criterion.h>

static struct shop shop;
static struct tape tape;

/* AC-23 (dujiao-next#288, #167): an operator marked the order as paid, nothing was issued; and the
 * real callback later was a second payment. */
Test(ac_23, marked_as_paid_is_paid_and_the_real_payment_is_bound_to_it)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(mark_paid(&shop, "A", 1, PRICE + 1), AMOUNT_MISMATCH);
    expect_code(mark_paid(&shop, "A", 1, PRICE), OK);
    cr_assert_eq(shop.outcome.card_count, 1);
    expect_state(&shop, "A", ISSUING);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_MANUAL), PRICE);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_RECEIVED), 0);
    expect_code(mark_paid(&shop, "A", 1, PRICE), STATE_ISSUING);
    expect_disposition(pay(&shop, "A", "t1", PRICE), BOUND_MANUAL);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_MANUAL), 0);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_RECEIVED), PRICE);
    expect_sums(&shop, PRICE, 0, 0);
    pass_s(&shop, 1);
    expect_disposition(pay(&shop, "A", "t1", PRICE), DUPLICATE);
    expect_disposition(pay(&shop, "A", "t2", PRICE), EXTRA_REFUND_DUE); /* one is bound, not two */
    cr_assert(ordo_bytes_equal(find_order(&shop, "t1", 1).order_id, text("A")));
    expect_units(&shop, 2, 0, 1);
    case_close(&shop);
}

/* AC-23 (dujiao-next#288, #167): money of another amount counted as what the operator had seen. */
Test(ac_23, a_payment_of_another_amount_is_not_what_was_marked)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    pass_deadline(&shop, "A");
    expect_code(mark_paid(&shop, "A", 1, PRICE), OK); /* also when its hold is over */
    expect_state(&shop, "A", ISSUING);
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_LATE, 0);
    expect_disposition(pay(&shop, "A", "t1", PRICE + 1), EXTRA_REFUND_DUE);
    cr_assert_eq(account(&shop, ORDO_ACCOUNT_MANUAL), PRICE);
    expect_sums(&shop, PRICE, PRICE + 1, 0);
    case_close(&shop);
}

/* AC-23 (dujiao-next#288, #167): nobody could say later who had marked the order and why. */
Test(ac_23, who_decides_by_hand_gives_a_name_and_a_reason)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(mark_paid(&shop, "A", 1, PRICE + 1), AMOUNT_MISMATCH); /* fills in the command */
    shop.command.mark_paid.amount = PRICE;
    shop.command.mark_paid.reason = text("");
    expect_code(shop_send(&shop), REASON_MISSING);
    shop.command.mark_paid.operator_name = text("");
    expect_code(shop_send(&shop), OPERATOR_MISSING);
    shop.command.mark_paid.order_id = text("nobody");
    expect_code(shop_send(&shop), OPERATOR_MISSING);
    expect_code(give_back(&shop, "nobody", 0, 0), ORDER_UNKNOWN);
    expect_state(&shop, "A", PENDING);
    case_close(&shop);
}

/* AC-23 (dujiao-next#288, #167): an order under suspicion was handed out while a person looked at
 * it, and after the all-clear it was forgotten.
 */
Test(ac_23, a_frozen_order_is_paid_and_handed_out_when_it_thaws)
{
    case_open(&shop, 0, 2);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(freeze(&shop, "A"), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_state(&shop, "A", PAID);
    expect_code(issue(&shop, "A", false), ORDER_FROZEN);
    expect_units(&shop, 1, 1, 0);
    expect_code(unfreeze(&shop, "A"), OK);
    expect_state(&shop, "A", ISSUING);
    expect_code(freeze(&shop, "A"), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, 0);
    expect_code(replace(&shop, "A", 1), ORDER_FROZEN);
    expect_code(unfreeze(&shop, "A"), OK);
    cr_assert_eq(get(&shop, "A").deadline_us, shop.time_us + 600 * SECOND_US);

    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, ORDO_PRODUCT_HOLD_AT_PAY);
    expect_code(shop_send(&shop), OK);
    expect_code(create(&shop, "B", 2, 1), OK); /* frozen in the queue: stocked, not issued */
    expect_code(card_void(&shop, 1, 2, 2), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
    expect_code(freeze(&shop, "B"), OK);
    expect_code(add_cards(&shop, 1, 3, 1), OK);
    expect_state(&shop, "B", PAID);
    expect_units(&shop, 0, 1, 1);
    expect_disposition(fact(&shop, ORDO_FACT_CHARGEBACK, "B", "t2", PRICE), APPLIED);
    expect_state(&shop, "B", PAID);
    expect_sums(&shop, PRICE, 0, PRICE);
    expect_code(unfreeze(&shop, "B"), OK);
    expect_state(&shop, "B", ISSUING);
    case_close(&shop);
}

/* AC-34 (review of dubinc/dub#4427): the dispatch failed after its claim was set, and the claim was
 * never released: no retry. */
Test(ac_34, a_delivery_that_is_not_seen_is_due_again_with_the_same_cards)
{
    uint64_t first[ORDO_CARDS_MAX];
    uint64_t again[ORDO_CARDS_MAX];
    case_open(&shop, 0, 9);
    expect_code(set(&shop, "redelivery_max", 3), OK);
    expect_code(create(&shop, "A", 1, 2), OK);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), APPLIED);
    cr_assert_eq(cards_of(&shop, "A", first), 2);
    for (uint32_t tries = 0; tries < 3; tries++) {
        uint64_t wait_us = 600 * SECOND_US << tries;
        cr_assert_eq(get(&shop, "A").deadline_us, shop.time_us + wait_us);
        pass_deadline(&shop, "A");
        cr_assert_eq(get(&shop, "A").version, 3 + tries + 1, "each is an update to the deliverer");
        expect_state(&shop, "A", ISSUING);
        cr_assert_eq(cards_of(&shop, "A", again), 2);
        cr_assert_arr_eq(first, again, 2 * sizeof(first[0]));
    }
    cr_assert_eq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    pass_deadline(&shop, "A"); /* the ladder ends at a person */
    cr_assert_neq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    cr_assert_eq(get(&shop, "A").deadline_us, 0);
    expect_state(&shop, "A", ISSUING);
    expect_code(acknowledge(&shop, "A"), OK);
    expect_code(acknowledge(&shop, "A"), OK);
    expect_state(&shop, "A", COMPLETED);
    expect_units(&shop, 7, 0, 2);
    cr_assert_eq(stock(&shop, 1).revealed, 2);
    case_close(&shop);
}

#define TAPED(call) tape_take(&tape, &shop, (call))

static void open_on_tape(uint32_t options, uint32_t cards)
{
    shop_open(&shop, NULL);
    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, options);
    expect_code(TAPED(shop_send(&shop)), OK);
    expect_code(TAPED(add_cards(&shop, 1, 1, cards)), OK);
}

/* AC-12 (code of zfaka and kamiFaka; xianyu helper PR #46): the process died between "paid" and
 * "issued"; the order was never issued, or a second time by hand. */
Test(ac_12, a_crash_between_paid_and_issued_issues_once)
{
    open_on_tape(ORDO_PRODUCT_MANUAL, 3);
    expect_code(TAPED(create(&shop, "A", 1, 1)), OK);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    expect_code(TAPED(shop_send(&shop)), OK);
    expect_state(&shop, "A", PAID);
    crash(&tape, &shop);
    expect_state(&shop, "A", PAID);
    expect_code(TAPED(issue(&shop, "A", 0)), OK);
    uint64_t card = get(&shop, "A").cards[0];
    crash(&tape, &shop);
    expect_code(TAPED(issue(&shop, "A", 0)), OK); /* the operator saw no answer */
    cr_assert_eq(shop.outcome.card_count, 0);
    cr_assert_eq(get(&shop, "A").cards[0], card);
    cr_assert_eq(get(&shop, "A").card_count, 1);
    expect_units(&shop, 2, 0, 1);

    /* Where nobody has to do it, there is nothing between the two: one command, two changes. */
    (void)make_goods(&shop, 1, ORDO_STOCK_CARDS, 0);
    expect_code(TAPED(shop_send(&shop)), OK);
    expect_code(TAPED(create(&shop, "B", 2, 1)), OK);
    (void)make_fact(&shop, ORDO_FACT_PAY, "B", "t2", PRICE);
    expect_code(TAPED(shop_send(&shop)), OK);
    cr_assert_eq(shop.outcome.transition_count, 2);
    crash(&tape, &shop);
    pass_s(&shop, 1);
    (void)make_fact(&shop, ORDO_FACT_PAY, "B", "t2", PRICE); /* the gateway saw no answer */
    expect_code(TAPED(shop_send(&shop)), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_DUPLICATE);
    expect_state(&shop, "B", ISSUING);
    expect_units(&shop, 1, 0, 2);
    pass_deadline(&shop, "B"); /* what was due before the crash is due after it */
    TAPED(ORDO_RESULT_OK);
    crash(&tape, &shop);
    case_close(&shop);
}

/* AC-36 (dianping#1; jseckill#19): stock was taken in one place and the order written in another;
 * after a crash the buyer, told "success", had no order. */
Test(ac_36, an_order_that_was_answered_is_there_after_a_crash_at_any_point)
{
    open_on_tape(0, 3);
    expect_code(TAPED(create(&shop, "A", 1, 1)), OK);
    uint32_t a_at = tape.count;
    expect_code(TAPED(create(&shop, "B", 2, 3)), STOCK_SHORT);
    expect_code(TAPED(create(&shop, "B", 2, 2)), OK);
    uint32_t b_at = tape.count;
    uint8_t command[256];
    uint32_t size = shop.command_size;
    cr_assert(size <= sizeof(command));
    memcpy(command, shop.command_bytes, size);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    expect_code(TAPED(shop_send(&shop)), OK);
    uint32_t all = tape.count;
    for (uint32_t count = 2; count <= all; count++) {
        tape_replay(&tape, &shop, count);
        cr_assert_eq(state_of(&shop, "A") != ORDO_STATE_NONE, count >= a_at);
        cr_assert_eq(state_of(&shop, "B") != ORDO_STATE_NONE, count >= b_at);
        uint64_t held = (count >= a_at && count < all ? 1 : 0) + (count >= b_at ? 2 : 0);
        expect_units(&shop, 3 - held - (count == all ? 1 : 0), held, count == all ? 1 : 0);
        shop_check(&shop);
    }
    memcpy(shop.command_bytes, command, size); /* the client saw no answer and asks again */
    shop.command_size = size;
    shop.command.kind = ORDO_KIND_CREATE;
    expect_code(shop_resend(&shop), OK);
    cr_assert_not(shop.applied.journaled);
    expect_units(&shop, 0, 2, 1);
    case_close(&shop);
}
