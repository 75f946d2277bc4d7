/* Goal: whatever a gateway tells, how often and in which order, an order is issued once.
 * Method: each case is the complaint of a real shop (number and source in its comment), played
 * against the engine; every invariant is checked at its end.
 */
#include "clerk.h"

#include <criterion/criterion.h>

static struct shop shop;

/* AC-01 (dujiaoka#97, #328, #95; card-system#4): a success told five times issued four cards. */
Test(ac_01, a_success_told_five_times_issues_once_and_shows_the_same_card_each_time)
{
    uint64_t first[ORDO_CARDS_MAX];
    uint64_t again[ORDO_CARDS_MAX];
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 2), OK);
    expect_disposition(pay(&shop, "A", "t1", 2 * PRICE), APPLIED);
    uint64_t seq = shop.outcome.result.seq;
    cr_assert_eq(shop.outcome.card_count, 2);
    cr_assert_eq(cards_of(&shop, "A", first), 2);
    for (int i = 0; i < 4; i++) {
        if (i >= 2) {
            pass_s(&shop, 1); /* the gateway's own time stands in it: other content */
        }
        uint8_t disposition = pay(&shop, "A", "t1", 2 * PRICE);
        cr_assert_eq(shop.applied.journaled, i >= 2);
        cr_assert_eq(disposition, i < 2 ? ORDO_DISPOSITION_APPLIED : ORDO_DISPOSITION_DUPLICATE);
        cr_assert(i >= 2 || shop.outcome.result.seq == seq, "the same bytes, the same answer");
        cr_assert_eq(cards_of(&shop, "A", again), 2);
        cr_assert_arr_eq(first, again, 2 * sizeof(first[0]));
    }
    expect_units(&shop, 7, 0, 2);
    expect_sums(&shop, 2 * PRICE, 0, 0);
    case_close(&shop);
}

/* AC-02 (WeChat community 000c4c8e3742e8716fbcd9fad51000): two notifies came a second apart over
 * two links while the first was still in work, and each was carried out. */
Test(ac_02, the_same_success_over_two_links_is_applied_once)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    struct ordo_fact *f = make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    f->notify_id = text("n1");
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_APPLIED);
    f = make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    f->notify_id = text("n2"); /* a stamp: another link does not make another payment */
    f->received_us = shop.time_us + SECOND_US;
    expect_code(shop_send(&shop), OK);
    cr_assert_not(shop.applied.journaled);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_APPLIED);
    pass_s(&shop, 1);
    expect_disposition(pay(&shop, "A", "t1", PRICE), DUPLICATE);
    cr_assert_eq(get(&shop, "A").card_count, 1);
    expect_units(&shop, 2, 0, 1);
    case_close(&shop);
}

/* AC-06 (dujiaoka's code; dujiao-next's concurrency test): expiry and success raced, and a
 * completed order became expired. */
Test(ac_06, expiry_and_success_are_both_legal_in_both_orders)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    shop.time_us = get(&shop, "A").deadline_us;
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED); /* until EXPIRED is sequenced */
    expect_code(tick(&shop), OK);
    expect_state(&shop, "A", ISSUING);
    expect_state(&shop, "B", EXPIRED);
    expect_disposition(pay(&shop, "B", "t2", PRICE), LATE_APPLIED);
    expect_state(&shop, "B", ISSUING);
    expect_code(acknowledge(&shop, "A"), OK);
    expect_code(acknowledge(&shop, "B"), OK);
    for (int day = 0; day < 3; day++) {
        pass_s(&shop, DAY_S);
        expect_code(tick(&shop), OK);
        expect_state(&shop, "A", COMPLETED);
        expect_state(&shop, "B", COMPLETED);
    }
    case_close(&shop);
}

/* AC-07 (orion-key PR #39, #41): a FAILED came before the success, and the success was ignored. */
Test(ac_07, a_success_after_a_failure_or_closing_is_applied)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(attempt(&shop, "A", 1), OK);
    expect_disposition(fact(&shop, ORDO_FACT_FAIL, "A", "t1", PRICE), APPLIED);
    expect_state(&shop, "A", PAY_FAILED);
    expect_units(&shop, 8, 1, 0); /* the hold lives to its end */
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_state(&shop, "A", ISSUING);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(fact(&shop, ORDO_FACT_CLOSE, "B", "t2", PRICE), STALE); /* no attempt */
    expect_state(&shop, "B", PENDING);
    expect_disposition(pay(&shop, "B", "t2", PRICE), APPLIED);
    expect_state(&shop, "B", ISSUING);
    expect_code(create(&shop, "C", 3, 1), OK);
    expect_code(attempt(&shop, "C", 1), OK);
    pass_deadline(&shop, "C");
    expect_state(&shop, "C", EXPIRED);
    expect_disposition(fact(&shop, ORDO_FACT_CLOSE, "C", "t3", PRICE), STALE);
    expect_disposition(pay(&shop, "C", "t3", PRICE), LATE_APPLIED);
    expect_state(&shop, "C", ISSUING);
    case_close(&shop);
}

/* AC-08 (dujiao-next's test): a CLOSED after the success took the order away again. */
Test(ac_08, a_closing_after_the_success_is_recorded_and_changes_nothing)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(attempt(&shop, "A", 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    uint32_t version = get(&shop, "A").version;
    expect_disposition(fact(&shop, ORDO_FACT_CLOSE, "A", "t1", PRICE), STALE);
    cr_assert(shop.applied.journaled);
    expect_disposition(fact(&shop, ORDO_FACT_FAIL, "A", "t9", PRICE), STALE);
    struct ordo_order_view view = get(&shop, "A");
    cr_assert_eq(view.state, ORDO_STATE_ISSUING);
    cr_assert_eq(view.version, version);
    cr_assert_eq(view.last_seq, shop.outcome.result.seq, "its history names the fact");
    expect_sums(&shop, PRICE, 0, 0);
    case_close(&shop);
}

/* AC-09 (orion-key F8): the callback came before the order was committed, and was thrown away. */
Test(ac_09, a_payment_before_its_order_waits_and_pays_it_when_it_comes)
{
    case_open(&shop, 0, 3);
    expect_disposition(pay(&shop, "A", "t1", PRICE), ORPHAN);
    expect_sums(&shop, 0, 0, PRICE);
    expect_state(&shop, "A", NONE);
    expect_code(create(&shop, "A", 1, 1), OK);
    cr_assert_eq(shop.outcome.result.state, ORDO_STATE_ISSUING);
    cr_assert_eq(shop.outcome.card_count, 1);
    cr_assert_eq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, PRICE, 0, 0);
    pass_s(&shop, 1);
    expect_disposition(pay(&shop, "A", "t1", PRICE), DUPLICATE);
    expect_units(&shop, 2, 0, 1);

    /* Another amount than the order's is no payment of it: it goes on waiting for a person. */
    expect_disposition(pay(&shop, "B", "t2", PRICE - 1), ORPHAN);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_state(&shop, "B", PENDING);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, PRICE, 0, PRICE - 1);
    case_close(&shop);
}

/* AC-09 (orion-key F8): the money came while the order still waited for a unit. */
Test(ac_09, a_payment_of_a_waiting_order_pays_it_when_its_turn_comes)
{
    case_open(&shop, 0, 1);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create_waiting(&shop, "B", 2, 3000), OK);
    expect_disposition(pay(&shop, "B", "t2", PRICE), ORPHAN);
    expect_state(&shop, "B", NONE);
    expect_code(mark_paid(&shop, "B", 1, PRICE), ORDER_WAITS);
    expect_code(cancel(&shop, "A"), OK);
    cr_assert_eq(shop.outcome.effect_count, 2);
    expect_state(&shop, "B", ISSUING);
    cr_assert_eq(flags_of(&shop, "B"), 0);
    expect_units(&shop, 0, 0, 1);
    expect_sums(&shop, PRICE, 0, 0);

    expect_code(create_waiting(&shop, "C", 3, 100), OK); /* its turn never comes */
    expect_disposition(pay(&shop, "C", "t3", PRICE), ORPHAN);
    pass_deadline(&shop, "C");
    expect_state(&shop, "C", EXPIRED);
    cr_assert_neq(flags_of(&shop, "C") & ORDO_FLAG_REVIEW, 0);
    expect_sums(&shop, PRICE, 0, PRICE);
    expect_code(accept_money(&shop, "C"), STOCK_SHORT);
    expect_code(give_back(&shop, "C", 0, false), OK);
    expect_sums(&shop, PRICE, PRICE, 0);
    case_close(&shop);
}

/* AC-09 (orion-key F8): money that was charged back before its order came paid the order. */
Test(ac_09, money_that_is_gone_again_pays_nothing)
{
    case_open(&shop, 0, 3);
    expect_disposition(pay(&shop, "A", "t1", PRICE), ORPHAN);
    expect_disposition(fact(&shop, ORDO_FACT_CHARGEBACK, "A", "t1", PRICE), APPLIED);
    expect_disposition(fact(&shop, ORDO_FACT_CHARGEBACK, "B", "t2", PRICE), ORPHAN);
    expect_disposition(pay(&shop, "B", "t2", PRICE), REFUND_ECHO);
    expect_disposition(pay(&shop, "C", "t3", PRICE), ORPHAN);
    expect_disposition(refund(&shop, "C", "t3", 1), REFUND_ECHO);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_code(create(&shop, "C", 3, 1), OK);
    expect_state(&shop, "A", PENDING);
    expect_state(&shop, "B", PENDING);
    expect_state(&shop, "C", PENDING);
    expect_units(&shop, 0, 3, 0);
    expect_sums(&shop, 0, 0, 3 * PRICE - 1);
    case_close(&shop);
}

/* AC-10 (card-system's code): the order was taken back before it came; its money came all the same.
 */
Test(ac_10, money_for_an_order_that_was_released_in_advance_is_due_back)
{
    case_open(&shop, 0, 3);
    expect_code(release(&shop, "A"), OK);
    expect_state(&shop, "A", CANCELLED);
    expect_disposition(pay(&shop, "A", "t1", PRICE), LATE_REFUND_DUE);
    expect_state(&shop, "A", REFUNDING);
    expect_code(create(&shop, "A", 1, 1), STATE_CANCELLED);
    expect_code(mark_paid(&shop, "A", 1, 0), STATE_REFUNDING);
    expect_disposition(pay(&shop, "B", "t2", PRICE), ORPHAN);
    expect_code(release(&shop, "B"), OK);
    expect_state(&shop, "B", CANCELLED);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_REVIEW, 0);
    expect_code(create(&shop, "B", 2, 1), STATE_CANCELLED);
    expect_code(give_back(&shop, "B", 0, true), OK);
    expect_disposition(refund(&shop, "A", "t1", PRICE), REFUND_ECHO);
    expect_state(&shop, "A", REFUNDED);
    expect_sums(&shop, 0, 0, 0);
    expect_units(&shop, 3, 0, 0);
    case_close(&shop);
}

/* AC-10 (card-system's code): a callback for a purged order was answered with "success" and its
 * money was nowhere. */
Test(ac_10, money_for_an_unknown_order_is_kept_found_and_given_back)
{
    static struct tape tape;
    shop_open(&shop, NULL);
    tape_take(&tape, &shop, pay(&shop, "gone", "t1", PRICE));
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(shop.outcome.effect_count, 1);
    cr_assert_neq(shop.outcome.effects[0].flags & ORDO_FLAG_REVIEW, 0, "somebody has to look");
    crash(&tape, &shop);
    expect_sums(&shop, 0, 0, PRICE);
    pass_s(&shop, 40ull * DAY_S);
    tape_take(&tape, &shop, pay(&shop, "gone", "t1", PRICE));
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_DUPLICATE);
    expect_code(tape_take(&tape, &shop, note(&shop, "gone", true)), OK);
    expect_code(tape_take(&tape, &shop, give_back(&shop, "gone", 0, 0)), OK);
    expect_sums(&shop, 0, PRICE, 0);
    tape_take(&tape, &shop, refund(&shop, "gone", "t1", PRICE));
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_REFUND_ECHO);
    expect_sums(&shop, 0, 0, 0);
    crash(&tape, &shop);
    case_close(&shop);
}

/* AC-11 (ruoyi-vue-pro#1152; dujiao-next's code): an order was paid at two gateways and the second
 * payment was swallowed. */
Test(ac_11, a_second_successful_payment_is_due_back)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(attempt(&shop, "A", 1), OK);
    expect_code(attempt(&shop, "A", 2), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    struct ordo_fact *f = make_fact(&shop, ORDO_FACT_PAY, "A", "t2", PRICE);
    f->channel = 2;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_assert_eq(shop.outcome.card_count, 0);
    struct ordo_order_view view = get(&shop, "A");
    cr_assert_eq(view.state, ORDO_STATE_ISSUING);
    cr_assert_eq(view.paid, PRICE);
    cr_assert_eq(view.refund_due, PRICE);
    expect_units(&shop, 2, 0, 1);
    f = make_fact(&shop, ORDO_FACT_REFUND, "A", "t2", 0);
    f->channel = 2;
    f->refund_total = PRICE;
    expect_code(shop_send(&shop), OK);
    expect_state(&shop, "A", ISSUING); /* what was bought stays bought */
    expect_sums(&shop, PRICE, 0, 0);
    case_close(&shop);
}

/* AC-26 (acg-faka "mismatch"; dujiao-next#295): a valid callback of one order was played again for
 * another order. */
Test(ac_26, a_payment_that_is_known_pays_no_other_order_and_no_other_amount)
{
    case_open(&shop, 0, 9);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_disposition(pay(&shop, "B", "t1", PRICE), CONFLICT);
    expect_state(&shop, "B", PENDING);
    cr_assert_neq(flags_of(&shop, "B") & ORDO_FLAG_REVIEW, 0);
    cr_assert_eq(flags_of(&shop, "A") & ORDO_FLAG_REVIEW, 0);
    expect_disposition(pay(&shop, "A", "t1", PRICE + 1), CONFLICT);
    expect_disposition(pay(&shop, "C", "t1", PRICE), CONFLICT); /* no order of this number */
    struct ordo_fact *f = make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    f->currency = 840;
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_CONFLICT);

    /* Another merchant account is another payment: it never issues again, its money is due back. */
    f = make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE);
    f->merchant = text("m2");
    expect_code(shop_send(&shop), OK);
    cr_assert_eq(shop.outcome.result.disposition, ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    expect_units(&shop, 7, 1, 1);
    expect_sums(&shop, PRICE, PRICE, 0);
    case_close(&shop);
}

/* AC-27 (evnluo/dujiaoka-hardened SECURITY-PATCH; acg-faka's comments): callbacks with a forged
 * proof, a strange amount or no success in them were taken as payments. */
Test(ac_27, a_fact_without_proof_kind_number_or_amount_is_refused_and_changes_nothing)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE)->verified_by = ORDO_VERIFIED_NONE;
    expect_code(shop_send(&shop), FACT_UNVERIFIED);
    (void)make_fact(&shop, ORDO_FACT_NONE, "A", "t1", PRICE); /* signed, and no success */
    expect_code(shop_send(&shop), FACT_INVALID);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "t1", -PRICE);
    expect_code(shop_send(&shop), FACT_INVALID);
    make_fact(&shop, ORDO_FACT_PAY, "A", "t1", PRICE)->refund_total = -1;
    expect_code(shop_send(&shop), FACT_INVALID);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "t 1", PRICE);
    expect_code(shop_send(&shop), FACT_INVALID);
    (void)make_fact(&shop, ORDO_FACT_PAY, "A", "", PRICE);
    expect_code(shop_send(&shop), FACT_INVALID);
    expect_disposition(pay(&shop, "A", "t1", 0), SHORT);
    expect_state(&shop, "A", PENDING);
    expect_sums(&shop, 0, 0, 0);
    expect_units(&shop, 2, 1, 0);
    case_close(&shop);
}

/* AC-30 (dujiaoka's code; TRADE_FINISHED comes when no refund is possible any more): a second
 * success months later issued again, or woke an order that had ended. */
Test(ac_30, a_success_told_again_after_months_is_a_duplicate_in_every_state)
{
    case_open(&shop, ORDO_PRODUCT_LATE_REFUND, 9);
    expect_code(create(&shop, "done", 1, 1), OK);
    expect_disposition(pay(&shop, "done", "t1", PRICE), APPLIED);
    (void)make_fact(&shop, ORDO_FACT_PAY, "done", "t1", PRICE);
    struct ordo_fact first = shop.command.fact;
    expect_code(acknowledge(&shop, "done"), OK);
    expect_code(create(&shop, "back", 2, 1), OK);
    expect_disposition(pay(&shop, "back", "t2", PRICE), APPLIED);
    expect_disposition(refund(&shop, "back", "t2", PRICE), REFUND_ECHO);
    expect_state(&shop, "back", REFUNDED);
    expect_code(create(&shop, "late", 3, 1), OK);
    pass_deadline(&shop, "late");
    expect_disposition(pay(&shop, "late", "t3", PRICE), LATE_REFUND_DUE);
    expect_code(create(&shop, "off", 4, 1), OK);
    expect_code(cancel(&shop, "off"), OK);
    expect_disposition(pay(&shop, "off", "t4", PRICE), LATE_REFUND_DUE);

    pass_s(&shop, 90ull * DAY_S);
    expect_code(tick(&shop), OK);
    expect_disposition(pay(&shop, "done", "t1", PRICE), DUPLICATE);
    shop.command.fact = first; /* its id may be forgotten by now, its payment is not */
    expect_code(shop_send(&shop), OK);
    bool again = shop.outcome.result.disposition == ORDO_DISPOSITION_DUPLICATE;
    cr_assert(again || !shop.applied.journaled);
    expect_disposition(pay(&shop, "back", "t2", PRICE), DUPLICATE);
    expect_disposition(pay(&shop, "late", "t3", PRICE), DUPLICATE);
    expect_disposition(pay(&shop, "off", "t4", PRICE), DUPLICATE);
    expect_state(&shop, "done", COMPLETED);
    expect_state(&shop, "back", REFUNDED);
    expect_state(&shop, "late", REFUNDING);
    expect_state(&shop, "off", REFUNDING);
    expect_sums(&shop, PRICE, 2 * PRICE, 0);
    case_close(&shop);
}

/* AC-35 (dujiao-next#173): support had the gateway's number from the buyer and no way to the order.
 */
Test(ac_35, the_number_of_the_gateway_finds_the_order)
{
    case_open(&shop, 0, 3);
    expect_code(create(&shop, "A", 1, 1), OK);
    expect_code(create(&shop, "B", 2, 1), OK);
    expect_disposition(pay(&shop, "A", "t1", PRICE), APPLIED);
    expect_disposition(pay(&shop, "B", "t2", PRICE - 1), SHORT);
    cr_assert(ordo_bytes_equal(find_order(&shop, "t1", 1).order_id, text("A")));
    cr_assert(ordo_bytes_equal(find_order(&shop, "t1", 0).order_id, text("A")));
    cr_assert(ordo_bytes_equal(find_order(&shop, "t2", 1).order_id, text("B")));
    cr_assert_eq(find_order(&shop, "t1", 2).order_id.size, 0);
    cr_assert_eq(find_order(&shop, "t3", 0).order_id.size, 0);
    case_close(&shop);
}
