/* Goal: ordo_state_check sees what it is there for: a check that never fails proves nothing.
 * Method: a state with a bit of everything; one row bent at a time by hand, each must be named as
 * DAMAGED, and the digest must change with it. */
#include "stockroom.h"

#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 1, 1, 10), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "held", 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "paid", 2, 1), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "paid", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "paid", "t2", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
    cr_assert_eq(put_pool(&shop, 2, ORDO_STOCK_COUNTED, 0, 1), ORDO_RESULT_OK);
    cr_assert_eq(want_or_wait(&shop, 2, "waits", 2), ORDO_RESULT_OK); /* row 3, extra 1 */
    cr_assert_eq(want_or_wait(&shop, 2, "waits2", 1), ORDO_RESULT_OK);
    cr_assert_eq(put_pool(&shop, 3, ORDO_STOCK_LOOP, 0, 0), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 3, 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(want(&shop, 3, "loop", 3), ORDO_RESULT_OK); /* row 5 */
}

static void close_shop(void)
{
    shop_close(&shop);
}

TestSuite(check, .init = open_shop, .fini = close_shop);

typedef void bend(struct ordo_state *s);

static void two_orders_one_card(struct ordo_state *s)
{
    ordo_card_edit(s, 3)->order = 1;
}

static void card_set_free(struct ordo_state *s)
{
    ordo_card_edit(s, 3)->state = ORDO_CARD_FREE;
    ordo_card_edit(s, 3)->order = 0;
}

static void card_lost_from_queue(struct ordo_state *s)
{
    ordo_product_edit(s, 1)->free_first = ordo_card_at(s, ordo_product_at(s, 1)->free_first)->next;
}

static void unit_from_nowhere(struct ordo_state *s)
{
    ordo_product_edit(s, 1)->imported++;
}

static void more_held_than_ordered(struct ordo_state *s)
{
    ordo_product_edit(s, 1)->held++;
    ordo_product_edit(s, 1)->free--;
}

static void hold_counted_as_paid(struct ordo_state *s)
{
    ordo_product_edit(s, 1)->held_unpaid--;
}

static void card_queue_linked_wrong(struct ordo_state *s)
{
    ordo_card_edit(s, ordo_product_at(s, 1)->free_last)->prev = 0;
}

static void unit_lost_by_its_order(struct ordo_state *s)
{
    ordo_order_edit(s, 1)->unit_count--;
}

static void part_of_an_order_bound_without_its_flag(struct ordo_state *s)
{
    ordo_order_edit(s, 2)->quantity++;
}

static void card_that_went_void_at_its_order(struct ordo_state *s)
{
    ordo_card_edit(s, 3)->state = ORDO_CARD_VOID;
}

static void loop_order_without_its_card(struct ordo_state *s)
{
    ordo_order_edit(s, 5)->card = 0;
}

static void loop_card_too_many(struct ordo_state *s)
{
    ordo_product_edit(s, 3)->imported++;
}

static void waiting_without_a_place(struct ordo_state *s)
{
    ordo_extra_edit(s, 1)->queue = ORDO_QUEUE_NONE;
}

static void queue_out_of_order(struct ordo_state *s)
{
    ordo_order_edit(s, 3)->created_us++;
}

static void queue_counted_wrong(struct ordo_state *s)
{
    ordo_product_edit(s, 2)->wait_count--;
}

static void queue_linked_wrong(struct ordo_state *s)
{
    ordo_extra_edit(s, 2)->queue_prev = 0;
}

static void wait_without_end(struct ordo_state *s)
{
    ordo_order_edit(s, 3)->deadline_us = 0;
}

static void waiting_beside_free_units(struct ordo_state *s)
{
    ordo_product_edit(s, 2)->free++;
    ordo_product_edit(s, 2)->imported++;
}

static void noted_by_nobody(struct ordo_state *s)
{
    ordo_product_edit(s, 2)->serving = true;
}

static void order_in_the_wrong_state(struct ordo_state *s)
{
    ordo_order_edit(s, 1)->state = ORDO_STATE_CANCELLED;
}

static void order_of_another_number(struct ordo_state *s)
{
    ordo_order_edit(s, 1)->order_id[0] ^= 1;
}

static void hold_without_deadline(struct ordo_state *s)
{
    ordo_order_edit(s, 1)->deadline_us = 0;
}

static void money_from_nowhere(struct ordo_state *s)
{
    ordo_balance_edit(s, 1)->accounts[ORDO_ACCOUNT_APPLIED]++;
}

static void payment_bigger_than_posted(struct ordo_state *s)
{
    ordo_payment_edit(s, 1)->amount++;
}

static void summary_that_forgets(struct ordo_state *s)
{
    ordo_payment_edit(s, ordo_order_at(s, 2)->payment)->refund_due--;
}

static void buyer_counted_twice(struct ordo_state *s)
{
    ordo_buyer_edit(s, 1)->held++;
}

static void id_that_nobody_finds(struct ordo_state *s)
{
    ordo_id_edit(s, 1)->id[0] ^= 1;
}

static void fact_without_disposition(struct ordo_state *s)
{
    ordo_head_edit(s, ORDO_HEAD)->facts++;
}

Test(check, sees_each_bent_row)
{
    static const struct {
        const char *name;
        bend *bend;
    } cases[] = {
        {"two orders, one card", two_orders_one_card},
        {"a bound card set free", card_set_free},
        {"a card lost from the queue", card_lost_from_queue},
        {"a unit from nowhere", unit_from_nowhere},
        {"more held than ordered", more_held_than_ordered},
        {"a hold counted as paid", hold_counted_as_paid},
        {"a card queue linked wrong", card_queue_linked_wrong},
        {"a unit lost by its order", unit_lost_by_its_order},
        {"a part bound without its flag", part_of_an_order_bound_without_its_flag},
        {"a void card at its order", card_that_went_void_at_its_order},
        {"a loop order without its card", loop_order_without_its_card},
        {"a loop card too many", loop_card_too_many},
        {"waiting without a place", waiting_without_a_place},
        {"a queue out of order", queue_out_of_order},
        {"a queue counted wrong", queue_counted_wrong},
        {"a queue linked wrong", queue_linked_wrong},
        {"a wait without end", wait_without_end},
        {"waiting beside free units", waiting_beside_free_units},
        {"noted by nobody", noted_by_nobody},
        {"an order in the wrong state", order_in_the_wrong_state},
        {"an order of another number", order_of_another_number},
        {"a hold without a deadline", hold_without_deadline},
        {"money from nowhere", money_from_nowhere},
        {"a payment bigger than posted", payment_bigger_than_posted},
        {"a summary that forgets", summary_that_forgets},
        {"a buyer counted twice", buyer_counted_twice},
        {"an id that nobody finds", id_that_nobody_finds},
        {"a fact without disposition", fact_without_disposition},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_fail fail = {.err = ORDO_OK};
        shop_check(&shop);
        struct ordo_hash128 before = ordo_state_digest(shop.state);
        cases[i].bend(shop.state);
        enum ordo_err err = ordo_state_check(shop.state, &fail);
        cr_expect_eq(err, ORDO_ERR_DAMAGED, "%s was not seen", cases[i].name);
        struct ordo_hash128 after = ordo_state_digest(shop.state);
        cr_expect(before.low != after.low || before.high != after.high, "%s", cases[i].name);
        fprintf(stderr, "%s: %s\n", cases[i].name, fail.text);
        shop_close(&shop);
        open_shop();
    }
}
