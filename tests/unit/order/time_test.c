/* Goal: what is due happens once, in order of time, sixteen items a tick; an outage expires nobody
 * before the gateways could tell who has paid.
 * Method: one state a test, driven by commands in canonical bytes (shop.h, desk.h); every invariant
 * after each test. */
#include "desk.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

#define HOLD_S  900
#define GRACE_S 600
#define DAY_S   86400

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_counted(&shop, 1, 1000, 0), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(due, .init = open_shop, .fini = close_shop);

static uint64_t deadline_of(const char *order)
{
    return get(&shop, order).deadline_us;
}

static void create_ok(const char *order, uint32_t buyer)
{
    cr_assert_eq(create(&shop, order, buyer, 1), ORDO_RESULT_OK);
}

static const char *name_of(int i)
{
    static char name[16];
    (void)snprintf(name, sizeof(name), "n%d", i);
    return name;
}

/* ---- holds ---- */

Test(due, a_hold_ends_at_its_deadline_and_not_before)
{
    create_ok("o1", 1);
    shop.time_us += HOLD_S * SECOND_US - 1;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 0);
    shop.time_us++;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
    cr_expect_eq(stock(&shop, 1).available, 1000);
    cr_expect_eq(ordo_state_next_deadline_us(shop.state), UINT64_MAX);
}

Test(due, a_tick_decides_by_its_own_time_and_never_ahead_of_the_stamp)
{
    create_ok("o1", 1);
    (void)make_verb(&shop, ORDO_KIND_TICK, "");
    shop.command.tick.now_us = shop.time_us + HOLD_S * SECOND_US;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING, "ahead of the stamp");
    shop.time_us += HOLD_S * SECOND_US;
    (void)make_verb(&shop, ORDO_KIND_TICK, "");
    shop.command.tick.now_us = shop.time_us - 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING, "the tick is older");
}

Test(due, many_holds_due_at_once_are_worked_off_sixteen_a_tick_in_order)
{
    enum { ORDERS = 500 };
    for (int i = 0; i < ORDERS; i++) {
        create_ok(name_of(i), 1 + (uint32_t)i);
    }
    shop.time_us += HOLD_S * SECOND_US;
    int expired = 0;
    for (int ticks = 0; ordo_state_next_deadline_us(shop.state) != UINT64_MAX; ticks++) {
        cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
        cr_assert_leq(shop.outcome.effect_count, 16);
        cr_assert(shop.outcome.effect_count == 16 || expired + 16 > ORDERS);
        for (uint32_t i = 0; i < shop.outcome.effect_count; i++) {
            struct ordo_bytes id = shop.outcome.effects[i].order_id;
            cr_assert(ordo_bytes_equal(id, text(name_of(expired))), "row by row");
            expired++;
        }
        cr_assert_leq(ticks, ORDERS / 16 + 1);
    }
    cr_expect_eq(expired, ORDERS);
}

Test(due, what_is_due_goes_by_deadline_whatever_its_kind)
{
    create_ok("paid", 1);
    make_create(&shop, "short", 2, 1)->hold_ttl_s = 300;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    create_ok("long", 3);
    cr_assert_eq(pay(&shop, "paid", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    shop.time_us += HOLD_S * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_assert_eq(shop.outcome.effect_count, 3);
    cr_expect(ordo_bytes_equal(shop.outcome.effects[0].order_id, text("short")), "300 s");
    cr_expect(ordo_bytes_equal(shop.outcome.effects[1].order_id, text("paid")), "600 s");
    cr_expect(ordo_bytes_equal(shop.outcome.effects[2].order_id, text("long")), "900 s");
    cr_expect_eq(state_of(&shop, "paid"), ORDO_STATE_ISSUING);
}

/* ---- queries ---- */

Test(due, a_hold_with_an_attempt_on_a_strict_channel_is_asked_for_first)
{
    cr_assert_eq(put_strict_channel(&shop, 3), ORDO_RESULT_OK);
    create_ok("o1", 1);
    create_ok("o2", 2);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o1", 3), ORDO_RESULT_OK);
    make_fact(&shop, ORDO_FACT_CLOSE, "o1", "t0", 0)->channel = 3;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o2", 1), ORDO_RESULT_OK);
    shop.time_us += HOLD_S * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_EXPIRED);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PAYING, "ended or not, it is asked for");
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_QUERY_DUE);
    cr_expect_eq(shop.outcome.transitions[0].to, ORDO_STATE_PAYING);
    cr_expect_eq(deadline_of("o1"), shop.time_us + 120 * SECOND_US);
    shop.time_us += 120 * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED, "asked for once");
    cr_expect_eq(flags_of(&shop, "o1"), 0);
}

Test(due, an_unconfirmed_payment_is_the_one_query_before_expiry)
{
    cr_assert_eq(put_strict_channel(&shop, 1), ORDO_RESULT_OK);
    create_ok("o1", 1);
    cr_assert_eq(attempt(&shop, "o1", 1), ORDO_RESULT_OK);
    shop.time_us += HOLD_S * SECOND_US;
    make_fact(&shop, ORDO_FACT_PAY, "o1", "t1", PRICE);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_FACT_UNCONFIRMED);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 0, "the query has its time");
    (void)pass(&shop, 120);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_EXPIRED);
}

/* ---- waits ---- */

Test(due, a_wait_that_is_over_ends_as_an_expired_order)
{
    cr_assert_eq(put_counted(&shop, 2, 1, 0), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "h1", 1, 2), ORDO_RESULT_OK);
    struct ordo_create *c = make_create(&shop, "w1", 2, 1);
    c->product = 2;
    c->wait_s = 60;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(stock(&shop, 2).waiting, 1);
    (void)pass(&shop, 59);
    cr_expect_eq(flags_of(&shop, "w1"), ORDO_FLAG_WAITING);
    (void)pass(&shop, 1);
    cr_expect_eq(state_of(&shop, "w1"), ORDO_STATE_EXPIRED);
    cr_expect_eq(flags_of(&shop, "w1"), 0);
    cr_expect_eq(stock(&shop, 2).waiting, 0);
    cr_assert_eq(cancel(&shop, "h1"), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "w1", "t1", PRICE), ORDO_DISPOSITION_LATE_APPLIED);
}

/* ---- back-orders ---- */

/* n1 and n2 hold the same unit: who pays first has it. */
static void sell_one_twice(void)
{
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "n1", 1, 2), ORDO_RESULT_OK);
    cr_assert_eq(create_of(&shop, "n2", 2, 2), ORDO_RESULT_OK);
}

Test(due, a_backorder_that_waits_too_long_becomes_due_back)
{
    sell_one_twice();
    cr_assert_eq(pay(&shop, "n1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "n1"), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(state_of(&shop, "n2"), ORDO_STATE_BACKORDER);
    (void)pass(&shop, DAY_S - 1);
    cr_expect_eq(state_of(&shop, "n2"), ORDO_STATE_BACKORDER);
    (void)pass(&shop, 1);
    cr_expect_eq(state_of(&shop, "n2"), ORDO_STATE_REFUNDING);
    cr_expect_eq(flags_of(&shop, "n2"), ORDO_FLAG_REVIEW);
    expect_money(&shop, PRICE, PRICE, 0, 0);
    cr_expect_eq(stock(&shop, 2).backorders, 0);
    cr_assert_eq(put_counted(&shop, 2, 1, 0), ORDO_RESULT_OK);
    cr_expect_eq(stock(&shop, 2).available, 1, "nobody waits any more");
    cr_assert_eq(create_of(&shop, "n3", 2, 2), ORDO_RESULT_OK);
    cr_expect_eq(pay(&shop, "n2", "t3", PRICE), ORDO_DISPOSITION_EXTRA_REFUND_DUE);
}

Test(due, a_tick_ends_sixteen_backorders_of_four_payments_each)
{
    cr_assert_eq(put_counted(&shop, 2, 1, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    char trade[32];
    for (int i = 0; i < 18; i++) {
        cr_assert_eq(create_of(&shop, name_of(i), 1 + (uint32_t)i, 2), ORDO_RESULT_OK);
    }
    for (int i = 0; i < 18; i++) {
        for (int part = 0; part < 4; part++) {
            (void)snprintf(trade, sizeof(trade), "t%d-%d", i, part);
            (void)pay(&shop, name_of(i), trade, PRICE / 4);
        }
        cr_assert_eq(accept_money(&shop, name_of(i)), ORDO_RESULT_OK);
    }
    cr_assert_eq(acknowledge(&shop, "n0"), ORDO_RESULT_OK);
    cr_assert_eq(stock(&shop, 2).backorders, 17);
    shop.time_us += DAY_S * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 16);
    cr_expect_eq(shop.outcome.posting_count, ORDO_POSTINGS_MAX);
    expect_money(&shop, 2 * PRICE, 16 * PRICE, 0, 0);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 1);
}

Test(due, a_backorder_whose_money_is_gone_has_nothing_to_wait_for)
{
    sell_one_twice();
    cr_assert_eq(pay(&shop, "n1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "n1"), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    shop.time_us += DAY_S * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 2);
    cr_expect_eq(state_of(&shop, "n2"), ORDO_STATE_REFUNDED);
    expect_money(&shop, PRICE, 0, 0, PRICE);
}

Test(due, a_tick_leaves_what_its_outcome_has_no_transitions_for)
{
    sell_one_twice();
    cr_assert_eq(pay(&shop, "n1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "n1"), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(fact(&shop, ORDO_FACT_CHARGEBACK, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    for (int i = 10; i < 25; i++) {
        create_ok(name_of(i), 10 + (uint32_t)i);
    }
    shop.time_us += DAY_S * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 15, "the back-order needs two");
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(state_of(&shop, "n2"), ORDO_STATE_REFUNDED);
}

/* ---- redelivery ---- */

Test(due, the_ladder_of_redelivery_doubles_and_ends_at_a_person)
{
    create_ok("o1", 1);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    uint32_t version = get(&shop, "o1").version;
    uint64_t wait_s = 600;
    for (uint32_t tries = 0; tries < 6; tries++, wait_s *= 2) {
        cr_assert_eq(deadline_of("o1"), shop.time_us + wait_s * SECOND_US, "try %u", tries);
        shop.time_us += wait_s * SECOND_US;
        cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
        cr_assert_eq(shop.outcome.transition_count, 1);
        cr_assert_eq(shop.outcome.transitions[0].from, ORDO_STATE_ISSUING);
        cr_assert_eq(shop.outcome.transitions[0].to, ORDO_STATE_ISSUING);
        cr_assert_eq(get(&shop, "o1").version, version + tries + 1);
        cr_assert_eq(flags_of(&shop, "o1"), 0);
    }
    shop.time_us += wait_s * SECOND_US;
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.transition_count, 0);
    cr_expect_eq(shop.outcome.effect_count, 1);
    cr_expect_eq(flags_of(&shop, "o1"), ORDO_FLAG_REVIEW);
    cr_expect_eq(deadline_of("o1"), 0);
    cr_expect_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK, "it may still arrive");
}

Test(due, a_delivery_that_arrived_is_not_due_again)
{
    create_ok("o1", 1);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(acknowledge(&shop, "o1"), ORDO_RESULT_OK);
    cr_expect_eq(deadline_of("o1"), 0);
    cr_expect_eq(pass(&shop, DAY_S), 0);
}

Test(due, redelivery_can_be_switched_off)
{
    create_ok("o1", 1);
    create_ok("o2", 2);
    cr_assert_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(set(&shop, "redelivery_s", 0), ORDO_RESULT_OK);
    cr_assert_eq(pay(&shop, "o2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_expect_eq(deadline_of("o2"), 0);
    cr_expect_eq(pass(&shop, DAY_S), 1, "the one that was on its way");
    cr_expect_eq(deadline_of("o1"), 0);
}

/* ---- after an outage ---- */

Test(due, an_outage_of_an_hour_expires_nobody_before_the_grace)
{
    create_ok("o1", 1);
    create_ok("o2", 2);
    create_ok("o3", 3);
    create_ok("o4", 4);
    cr_assert_eq(attempt(&shop, "o2", 1), ORDO_RESULT_OK);
    cr_assert_eq(attempt(&shop, "o3", 1), ORDO_RESULT_OK);
    cr_assert_eq(fact(&shop, ORDO_FACT_FAIL, "o3", "t0", 0), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "o4", "t4", PRICE), ORDO_DISPOSITION_APPLIED);
    uint64_t redelivery_us = deadline_of("o4");
    shop.time_us += 3600 * SECOND_US;
    make_create(&shop, "fresh", 5, 1)->hold_ttl_s = GRACE_S + 1;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_assert_eq(resume(&shop), ORDO_RESULT_OK);
    uint64_t until_us = shop.time_us + GRACE_S * SECOND_US;
    cr_expect_eq(deadline_of("o1"), until_us);
    cr_expect_eq(deadline_of("o2"), until_us);
    cr_expect_eq(deadline_of("o3"), until_us);
    cr_expect_eq(deadline_of("o4"), redelivery_us, "a delivery is not lifted");
    cr_expect_eq(deadline_of("fresh"), until_us + SECOND_US, "nor what ends later");
    (void)pass(&shop, GRACE_S - 1);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
    cr_expect_eq(pay(&shop, "o1", "t1", PRICE), ORDO_DISPOSITION_APPLIED, "the gateway's retry");
    (void)pass(&shop, 1);
    cr_expect_eq(state_of(&shop, "o2"), ORDO_STATE_EXPIRED);
    cr_expect_eq(state_of(&shop, "o3"), ORDO_STATE_EXPIRED);
}

Test(due, an_outage_lifts_no_wait_and_no_backorder)
{
    sell_one_twice();
    cr_assert_eq(pay(&shop, "n1", "t1", PRICE), ORDO_DISPOSITION_APPLIED);
    cr_assert_eq(pay(&shop, "n2", "t2", PRICE), ORDO_DISPOSITION_APPLIED);
    uint64_t backorder_us = deadline_of("n2");
    cr_assert_eq(create(&shop, "big", 9, 64), ORDO_RESULT_OK);
    shop.time_us += 2 * DAY_S * SECOND_US;
    cr_assert_eq(resume(&shop), ORDO_RESULT_OK);
    cr_expect_eq(deadline_of("n2"), backorder_us);
    cr_assert_eq(tick(&shop), ORDO_RESULT_OK);
    cr_expect_eq(state_of(&shop, "n2"), ORDO_STATE_REFUNDING);
    cr_expect_eq(state_of(&shop, "big"), ORDO_STATE_PENDING);
}

/* ---- identity ---- */

Test(due, a_command_id_is_remembered_for_its_horizon_and_forgotten_by_later_commands)
{
    cr_assert_eq(set(&shop, "id_horizon_s", 60), ORDO_RESULT_OK);
    create_ok("o1", 1);
    shop.time_us += 60 * SECOND_US;
    cr_assert_eq(shop_resend(&shop), ORDO_RESULT_OK);
    cr_expect(!shop.applied.journaled, "the same result again");
    uint8_t bytes[sizeof(shop.command_bytes)];
    uint32_t size = shop.command_size;
    memcpy(bytes, shop.command_bytes, size);
    shop.time_us += SECOND_US;
    for (int i = 0; i < 4; i++) { /* each new id forgets up to two */
        cr_assert_eq(cancel(&shop, "o1"), ORDO_RESULT_OK);
    }
    memcpy(shop.command_bytes, bytes, size);
    shop.command_size = size;
    cr_assert(ordo_command_decode((struct ordo_bytes){bytes, size}, &shop.command));
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ORDER_EXISTS, "decided anew, and safe");
    cr_expect(shop.applied.journaled);
}
