/* Goal: ordo_state_check sees what it is there for: a check that never fails proves nothing.
 * Method: a state with a bit of everything; one row bent at a time by hand, each must be named as
 * DAMAGED, and the digest must change with it. */
#include "readers.h"
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
    cr_assert_eq(put_subscriber(&shop, "erp", 1), ORDO_RESULT_OK);
    cr_assert_eq(put_subscriber(&shop, "gone", 1), ORDO_RESULT_OK);
    cr_assert_eq(park(&shop, "erp", "A"), ORDO_RESULT_OK);
    cr_assert_eq(park(&shop, "erp", "B"), ORDO_RESULT_OK);
    cr_assert_eq(park(&shop, "gone", "C"), ORDO_RESULT_OK);
    cr_assert_eq(drop_subscriber(&shop, "gone"), ORDO_RESULT_OK);
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

static void list_out_of_order(struct ordo_state *s)
{
    ordo_order_edit(s, 1)->changed_us++; /* before row 5, both PENDING */
}

static void cursor_beyond_the_stream(struct ordo_state *s)
{
    ordo_subscriber_edit(s, 1)->acked = ordo_head(s)->update_seq + 1;
}

static void subscriber_of_another_name(struct ordo_state *s)
{
    ordo_subscriber_edit(s, 1)->name[0] = 'x';
}

static void park_uncounted(struct ordo_state *s)
{
    ordo_subscriber_edit(s, 1)->park_count--;
}

static void park_linked_wrong(struct ordo_state *s)
{
    ordo_park_edit(s, 2)->prev = 0;
}

static void park_of_another_order(struct ordo_state *s)
{
    ordo_park_edit(s, 1)->order_shop++;
}

static void subscriber_row_lost(struct ordo_state *s)
{
    ordo_head_edit(s, ORDO_HEAD)->subscriber_free = 0;
}

static void park_row_lost(struct ordo_state *s)
{
    ordo_head_edit(s, ORDO_HEAD)->park_free = 0;
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
        {"a state's list out of order", list_out_of_order},
        {"a cursor beyond the stream", cursor_beyond_the_stream},
        {"a subscriber of another name", subscriber_of_another_name},
        {"a park uncounted", park_uncounted},
        {"a park linked wrong", park_linked_wrong},
        {"a park of another order", park_of_another_order},
        {"a subscriber's row lost", subscriber_row_lost},
        {"a park's row lost", park_row_lost},
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

/* ---- the sums that a node looks at while it works ---- */

static void order_in_no_state(struct ordo_state *s)
{
    ordo_head_edit(s, ORDO_HEAD)->orders_in[ORDO_STATE_PENDING]--;
}

static void queue_without_count(struct ordo_state *s)
{
    ordo_product_edit(s, 2)->wait_count = 0;
}

Test(check, the_sums_of_a_node_at_work_see_what_does_not_add_up)
{
    static bend *const bends[] = {
        fact_without_disposition,
        order_in_no_state,
        money_from_nowhere,
        queue_without_count,
        unit_from_nowhere};
    for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
        struct ordo_fail fail;
        uint32_t cursor = 0;
        close_shop();
        open_shop();
        cr_assert_eq(ordo_state_check_sums(shop.state, &cursor, &fail), ORDO_OK, "%s", fail.text);
        bends[i](shop.state);
        cr_expect_eq(ordo_state_check_sums(shop.state, &cursor, &fail), ORDO_ERR_DAMAGED, "%zu", i);
    }
}

Test(check, the_sums_come_to_every_product_in_turn)
{
    struct ordo_fail fail;
    uint32_t cursor = 0;
    uint32_t found = 0;
    struct ordo_settings_values settings = shop_small();
    settings.products_max = 64;
    close_shop();
    shop_open(&shop, &settings);
    for (uint32_t product = 10; product < 50; product++) {
        cr_assert_eq(put_product(&shop, product, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    }
    ordo_product_edit(shop.state, 37)->imported++;
    for (uint32_t call = 0; call < 3; call++) { /* 16 products a call, 40 in all */
        found += ordo_state_check_sums(shop.state, &cursor, &fail) != ORDO_OK ? 1 : 0;
    }
    cr_expect_eq(found, 1);
}
