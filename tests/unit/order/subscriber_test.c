/* Goal: rules section 12: a cursor never passes the stream and goes forward alone, parks are kept
 * in order and bounded, and nothing of it touches an order or makes an update. Method: one shop;
 * each rule by its smallest case, then every invariant of the state.
 */
#include "readers.h"

#include "order/domain.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

/* A shop whose stream has come to `updates`. */
static void open_at(uint32_t updates)
{
    static char order[16];
    shop_open(&shop, NULL);
    cr_assert_eq(put_counted(&shop, 1, 1000, 0), ORDO_RESULT_OK);
    for (uint32_t i = 1; i <= updates; i++) {
        (void)snprintf(order, sizeof(order), "o%u", i);
        cr_assert_eq(create(&shop, order, i, 1), ORDO_RESULT_OK);
    }
    cr_assert_eq(ordo_head(shop.state)->update_seq, updates);
}

static void close_checked(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

Test(subscriber, begins_where_its_put_says_and_a_second_put_leaves_it)
{
    open_at(5);
    cr_expect_eq(put_subscriber(&shop, "erp", 3), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 1, "new");
    struct ordo_subscriber_view v = subscriber(&shop, "erp");
    cr_expect_eq(v.acked, 3);
    cr_expect_eq(v.created_us, shop.time_us);
    cr_expect_eq(v.acked_us, shop.time_us);
    shop.time_us += SECOND_US;
    cr_expect_eq(put_subscriber(&shop, "erp", 5), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0, "known");
    v = subscriber(&shop, "erp");
    cr_expect_eq(v.acked, 3);
    cr_expect_eq(v.acked_us, shop.time_us - SECOND_US);
    close_checked();
}

Test(subscriber, begins_at_the_newest_update_when_it_says_so)
{
    open_at(5);
    cr_expect_eq(put_subscriber(&shop, "erp", UINT64_MAX), ORDO_RESULT_OK);
    cr_expect_eq(subscriber(&shop, "erp").acked, 5);
    cr_expect_eq(ack_updates(&shop, "erp", UINT64_MAX), ORDO_RESULT_SUBSCRIBER_AHEAD);
    close_checked();
}

Test(subscriber, is_reset_lower_or_higher_on_request_alone)
{
    open_at(5);
    (void)put_subscriber(&shop, "erp", 3);
    cr_expect_eq(reset_subscriber(&shop, "erp", 1), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 0);
    cr_expect_eq(subscriber(&shop, "erp").acked, 1);
    cr_expect_eq(reset_subscriber(&shop, "erp", UINT64_MAX), ORDO_RESULT_OK);
    cr_expect_eq(subscriber(&shop, "erp").acked, 5);
    cr_expect_eq(reset_subscriber(&shop, "erp", 6), ORDO_RESULT_SUBSCRIBER_AHEAD);
    cr_expect_eq(subscriber(&shop, "erp").acked, 5);
    close_checked();
}

Test(subscriber, has_a_name_and_no_cursor_beyond_the_stream)
{
    open_at(5);
    cr_expect_eq(put_subscriber(&shop, "", 9), ORDO_RESULT_SUBSCRIBER_INVALID, "the name first");
    cr_expect_eq(put_subscriber(&shop, "a b", 1), ORDO_RESULT_SUBSCRIBER_INVALID);
    cr_expect_eq(put_subscriber(&shop, "erp", 6), ORDO_RESULT_SUBSCRIBER_AHEAD);
    cr_expect_eq(subscriber(&shop, "erp").subscriber.size, 0);
    cr_expect_eq(put_subscriber(&shop, "erp", 5), ORDO_RESULT_OK);
    cr_expect_eq(put_subscriber(&shop, "erp", 6), ORDO_RESULT_SUBSCRIBER_AHEAD, "known, too");
    close_checked();
}

Test(subscriber, cursor_goes_forward_with_acks_and_never_back)
{
    open_at(5);
    cr_expect_eq(ack_updates(&shop, "erp", 1), ORDO_RESULT_SUBSCRIBER_UNKNOWN);
    (void)put_subscriber(&shop, "erp", 0);
    shop.time_us += SECOND_US;
    uint64_t acked_us = shop.time_us;
    cr_expect_eq(ack_updates(&shop, "erp", 4), ORDO_RESULT_OK);
    shop.time_us += SECOND_US;
    cr_expect_eq(ack_updates(&shop, "erp", 2), ORDO_RESULT_OK, "late on its way");
    cr_expect_eq(ack_updates(&shop, "erp", 4), ORDO_RESULT_OK, "again");
    struct ordo_subscriber_view v = subscriber(&shop, "erp");
    cr_expect_eq(v.acked, 4);
    cr_expect_eq(v.acked_us, acked_us);
    cr_expect_eq(ack_updates(&shop, "erp", 6), ORDO_RESULT_SUBSCRIBER_AHEAD);
    cr_expect_eq(subscriber(&shop, "erp").acked, 4);
    close_checked();
}

/* A cursor acks with the same bytes again and again, in thirty days too. */
Test(subscriber, ack_has_no_id_and_is_journaled_each_time)
{
    open_at(5);
    (void)put_subscriber(&shop, "erp", 0);
    uint32_t ids = ordo_head(shop.state)->id_count;
    uint64_t seq = ordo_head(shop.state)->seq;
    for (uint32_t i = 1; i <= 3; i++) {
        cr_expect_eq(ack_updates(&shop, "erp", 2), ORDO_RESULT_OK);
        cr_expect(shop.applied.journaled);
        cr_expect_eq(shop.applied.seq, seq + i);
    }
    cr_expect_eq(ack_updates(&shop, "wms", 2), ORDO_RESULT_SUBSCRIBER_UNKNOWN);
    cr_expect(shop.applied.journaled, "a refusal, too");
    cr_expect_eq(ordo_head(shop.state)->id_count, ids);
    shop.command_bytes[3] = 1;
    struct ordo_command command;
    struct ordo_bytes bytes = {shop.command_bytes, shop.command_size};
    cr_expect(!ordo_command_decode(bytes, &command), "an id makes it no canonical ack");
    close_checked();
}

Test(subscriber, of_the_same_name_in_another_shop_is_another_one)
{
    open_at(5);
    (void)put_subscriber(&shop, "erp", 1);
    struct ordo_subscriber_put *put =
        &make_verb(&shop, ORDO_KIND_SUBSCRIBER_PUT, "")->subscriber_put;
    put->subscriber = text("erp");
    put->acked = 4;
    shop.command.shop = 8;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(shop.outcome.result.version, 1);
    cr_expect_eq(subscriber(&shop, "erp").acked, 1);
    close_checked();
}

Test(subscriber, table_full_is_said_and_a_dropped_row_is_used_again)
{
    char name[8];
    struct ordo_settings_values v = shop_small();
    v.subscribers_max = 3;
    shop_open(&shop, &v);
    for (uint32_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        cr_expect_eq(put_subscriber(&shop, name, 0), ORDO_RESULT_OK);
    }
    cr_expect_eq(put_subscriber(&shop, "s3", 0), ORDO_RESULT_FULL_SUBSCRIBERS);
    cr_expect_eq(put_subscriber(&shop, "s2", 0), ORDO_RESULT_OK);
    cr_expect_eq(drop_subscriber(&shop, "s1"), ORDO_RESULT_OK);
    shop_check(&shop);
    cr_expect_eq(subscriber(&shop, "s1").subscriber.size, 0);
    cr_expect_eq(put_subscriber(&shop, "s3", 0), ORDO_RESULT_OK);
    cr_expect_eq(put_subscriber(&shop, "s1", 0), ORDO_RESULT_FULL_SUBSCRIBERS);
    close_checked();
}

Test(subscriber, is_dropped_by_a_named_operator_with_a_reason_and_with_its_parks)
{
    open_at(1);
    (void)put_subscriber(&shop, "erp", 0);
    (void)park(&shop, "erp", "A");
    (void)park(&shop, "erp", "B");
    struct ordo_subscriber_drop *drop =
        &make_verb(&shop, ORDO_KIND_SUBSCRIBER_DROP, "")->subscriber_drop;
    drop->subscriber = text("nobody");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OPERATOR_MISSING);
    drop->operator_name = text("wang");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_REASON_MISSING);
    drop->reason = text("gone");
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SUBSCRIBER_UNKNOWN);
    cr_expect_eq(drop_subscriber(&shop, "erp"), ORDO_RESULT_OK);
    /* the id of a kind above 31 tells it from the others */
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_OK);
    cr_expect(!shop.applied.journaled, "an exact resend");
    uint8_t id[ORDO_ID_SIZE];
    memcpy(id, shop.command.id, sizeof(id));
    shop_check(&shop);
    cr_expect_eq(put_subscriber(&shop, "erp", 0), ORDO_RESULT_OK);
    cr_expect_eq(subscriber(&shop, "erp").parks, 0);
    cr_expect_eq(park(&shop, "erp", "A"), ORDO_RESULT_OK);
    (void)make_verb(&shop, ORDO_KIND_UNPARK, "");
    memcpy(shop.command.id, id, sizeof(id));
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ID_KIND);
    close_checked();
}

/* Journals of before have no capacities for subscribers in their first command. */
Test(subscriber, capacities_are_the_standard_ones_where_an_older_genesis_names_none)
{
    uint8_t bytes[1024];
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_settings_values standard;
    const struct ordo_setting *setting;
    uint32_t count = 0;
    ordo_settings_standard(&standard);
    shop_open(&shop, &standard);
    for (uint32_t i = 0; (setting = ordo_setting_at(i)) != NULL; i++) {
        if (setting->key != 14 && setting->key != 15) {
            ordo_write_varint(&w, setting->key);
            ordo_write_zigzag(&w, setting->standard);
            count++;
        }
    }
    make_verb(&shop, ORDO_KIND_SETTINGS, "")->settings.pairs =
        (struct ordo_elements){{bytes, (uint32_t)ordo_writer_size(&w)}, count};
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(ordo_state_settings(shop.state)->subscribers_max, 64);
    cr_expect_eq(ordo_state_settings(shop.state)->parks_max, 10000);
    cr_expect_eq(put_subscriber(&shop, "erp", 0), ORDO_RESULT_OK);
    cr_expect_eq(set(&shop, "parks_max", 5), ORDO_RESULT_SETTING_FIXED);
    shop_close(&shop);
}

/* ---- parks ---- */

Test(park, keeps_what_was_said_whether_or_not_the_order_exists)
{
    open_at(3);
    cr_expect_eq(park(&shop, "erp", "A"), ORDO_RESULT_SUBSCRIBER_UNKNOWN);
    (void)put_subscriber(&shop, "erp", 0);
    cr_expect_eq(park(&shop, "erp", ""), ORDO_RESULT_ORDER_ID_INVALID);
    cr_expect_eq(park(&shop, "erp", "A"), ORDO_RESULT_OK);
    uint64_t parked_us = shop.time_us;
    shop.time_us += SECOND_US;
    cr_expect_eq(park(&shop, "erp", "A"), ORDO_RESULT_OK, "parked already");
    cr_expect_eq(subscriber(&shop, "erp").parks, 1);
    make_verb(&shop, ORDO_KIND_PARKS, "")->parks.subscriber = text("erp");
    shop.command.parks.limit = 10;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect_eq(ordo_read_varint(&shop.body), 1);
    cr_expect_eq(ordo_read_varint(&shop.body), 0);
    struct ordo_park_view v;
    ordo_park_view_decode(&shop.body, &v);
    cr_expect(ordo_reader_done(&shop.body));
    cr_expect(ordo_bytes_equal(v.order_id, text("A")));
    cr_expect_eq(v.order_shop, 7);
    cr_expect_eq(v.first_update, 3);
    cr_expect_eq(v.parked_us, parked_us, "the first time counts");
    cr_expect(ordo_bytes_equal(v.reason, text("no such \xe5\x95\x86\xe5\x93\x81")));
    close_checked();
}

Test(park, ends_with_unpark)
{
    open_at(1);
    cr_expect_eq(unpark(&shop, "erp", "A"), ORDO_RESULT_SUBSCRIBER_UNKNOWN);
    (void)put_subscriber(&shop, "erp", 0);
    (void)put_subscriber(&shop, "wms", 0);
    (void)park(&shop, "erp", "A");
    cr_expect_eq(unpark(&shop, "wms", "A"), ORDO_RESULT_PARK_UNKNOWN);
    cr_expect_eq(unpark(&shop, "erp", "B"), ORDO_RESULT_PARK_UNKNOWN);
    cr_expect_eq(unpark(&shop, "erp", "A"), ORDO_RESULT_OK);
    cr_expect_eq(unpark(&shop, "erp", "A"), ORDO_RESULT_PARK_UNKNOWN);
    cr_expect_eq(subscriber(&shop, "erp").parks, 0);
    close_checked();
}

static void park_number(const char *name, uint32_t number, uint16_t expected)
{
    char order[12];
    (void)snprintf(order, sizeof(order), "p%u", number);
    cr_assert_eq(park(&shop, name, order), expected, "%s %u", name, number);
}

Test(park, is_bounded_for_one_subscriber_and_over_all)
{
    struct ordo_settings_values v = shop_small();
    v.parks_max = 1005;
    shop_open(&shop, &v);
    (void)put_subscriber(&shop, "erp", 0);
    (void)put_subscriber(&shop, "wms", 0);
    for (uint32_t i = 0; i < 1000; i++) {
        park_number("erp", i, ORDO_RESULT_OK);
    }
    park_number("erp", 1000, ORDO_RESULT_PARKS_FULL);
    park_number("erp", 999, ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 5; i++) {
        park_number("wms", i, ORDO_RESULT_OK);
    }
    park_number("wms", 5, ORDO_RESULT_PARKS_FULL);
    shop_check(&shop);
    cr_expect_eq(unpark(&shop, "erp", "p500"), ORDO_RESULT_OK);
    park_number("wms", 5, ORDO_RESULT_OK);
    park_number("erp", 1000, ORDO_RESULT_PARKS_FULL);
    cr_expect_eq(drop_subscriber(&shop, "erp"), ORDO_RESULT_OK);
    shop_check(&shop);
    for (uint32_t i = 10; i < 1000; i++) {
        park_number("wms", i, ORDO_RESULT_OK);
    }
    close_checked();
}

Test(park, list_goes_page_by_page_in_order_of_parking_whatever_is_unparked_meanwhile)
{
    open_at(1);
    (void)put_subscriber(&shop, "erp", 0);
    for (uint32_t i = 0; i < 30; i++) {
        park_number("erp", (i * 7) % 30, ORDO_RESULT_OK);
    }
    uint64_t after = 0;
    uint32_t seen = 0;
    do {
        char order[12];
        struct ordo_parks *query = &make_verb(&shop, ORDO_KIND_PARKS, "")->parks;
        query->subscriber = text("erp");
        query->after = after;
        query->limit = 4;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        uint64_t count = ordo_read_varint(&shop.body);
        after = ordo_read_varint(&shop.body);
        for (uint64_t i = 0; i < count; i++) {
            struct ordo_park_view v;
            ordo_park_view_decode(&shop.body, &v);
            (void)snprintf(order, sizeof(order), "p%u", (seen++ * 7) % 30);
            cr_assert(ordo_bytes_equal(v.order_id, text(order)), "%u: %s", seen, order);
        }
        if (after != 0) { /* the one that the next page begins with goes */
            (void)snprintf(order, sizeof(order), "p%u", (seen++ * 7) % 30);
            cr_assert_eq(unpark(&shop, "erp", order), ORDO_RESULT_OK);
        }
    } while (after != 0);
    cr_expect_eq(seen, 30);
    close_checked();
}

/* ---- lists, and what it does to orders ---- */

Test(subscriber, lists_are_those_of_the_shop_in_order_of_row)
{
    char name[8];
    open_at(1);
    for (uint32_t i = 0; i < 6; i++) {
        (void)snprintf(name, sizeof(name), "s%u", i);
        struct ordo_subscriber_put *put =
            &make_verb(&shop, ORDO_KIND_SUBSCRIBER_PUT, "")->subscriber_put;
        put->subscriber = text(name);
        shop.command.shop = i % 2;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
    uint64_t after = 0;
    uint32_t seen = 0;
    do {
        struct ordo_subscribers *query = &make_verb(&shop, ORDO_KIND_SUBSCRIBERS, "")->subscribers;
        query->after = after;
        query->limit = 2;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        uint64_t count = ordo_read_varint(&shop.body);
        after = ordo_read_varint(&shop.body);
        for (uint64_t i = 0; i < count; i++) {
            struct ordo_subscriber_view v;
            ordo_subscriber_view_decode(&shop.body, &v);
            (void)snprintf(name, sizeof(name), "s%u", 2 * seen++);
            cr_assert(ordo_bytes_equal(v.subscriber, text(name)), "%s", name);
        }
    } while (after != 0);
    cr_expect_eq(seen, 3);
    close_checked();
}

Test(subscriber, commands_touch_no_order_and_make_no_update)
{
    open_at(5);
    struct ordo_head_values before;
    struct ordo_head_values after;
    ordo_state_head(shop.state, &before);
    uint64_t last_seq = get(&shop, "o1").last_seq;
    for (uint32_t i = 0; i < 2000; i++) {
        read_any(&shop, i * 2654435761u >> 8);
        cr_assert_eq(shop.outcome.effect_count, 0);
        cr_assert_eq(shop.outcome.transition_count, 0);
    }
    ordo_state_head(shop.state, &after);
    cr_expect_eq(after.update_seq, before.update_seq);
    cr_expect_eq(after.stream_hash.low, before.stream_hash.low);
    cr_expect_eq(after.seq, before.seq + 2000);
    cr_expect_eq(get(&shop, "o1").last_seq, last_seq);
    close_checked();
}

/* Units that wait for their next owner go to him by the next command of a shop, never by an ack. */
Test(subscriber, commands_serve_nobody)
{
    struct ordo_create *c;
    shop_open(&shop, NULL);
    cr_assert_eq(put_counted(&shop, 1, 1, 0), ORDO_RESULT_OK);
    (void)put_subscriber(&shop, "erp", 0);
    for (uint32_t i = 0; i < 30; i++) {
        c = make_create(&shop, numbered(i), i, 1);
        c->wait_s = 300;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    }
    cr_assert_eq(put_counted(&shop, 1, 29, 0), ORDO_RESULT_OK);
    uint64_t updates = ordo_head(shop.state)->update_seq;
    cr_assert_eq(ordo_state_next_deadline_us(shop.state), 0, "some have no room yet");
    cr_assert_eq(ack_updates(&shop, "erp", 1), ORDO_RESULT_OK);
    cr_assert_eq(park(&shop, "erp", "A"), ORDO_RESULT_OK);
    cr_expect_eq(ordo_head(shop.state)->update_seq, updates);
    cr_assert_eq(go_on(&shop), ORDO_RESULT_OK);
    cr_expect_gt(ordo_head(shop.state)->update_seq, updates);
    close_checked();
}

/* ---- what else who reads the stream asks for ---- */

static uint32_t list_until(uint8_t state, uint64_t until_us, uint64_t limit)
{
    uint64_t after = 0;
    uint32_t seen = 0;
    do {
        struct ordo_list *list = &make_verb(&shop, ORDO_KIND_LIST, "")->list;
        list->state = state;
        list->after = after;
        list->limit = limit;
        list->until_us = until_us;
        cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
        uint64_t count = ordo_read_varint(&shop.body);
        after = ordo_read_varint(&shop.body);
        for (uint64_t i = 0; i < count; i++, seen++) {
            struct ordo_order_view v;
            ordo_order_view_decode(&shop.body, &v);
            cr_assert(v.changed_us <= until_us);
        }
    } while (after != 0);
    return seen;
}

Test(list, until_a_time_has_who_is_in_the_state_since_then_or_longer)
{
    open_at(0);
    uint64_t begin_us = shop.time_us;
    for (uint32_t i = 0; i < 20; i++) {
        shop.time_us = begin_us + i * SECOND_US;
        cr_assert_eq(create(&shop, numbered(i), i, 1), ORDO_RESULT_OK);
    }
    for (uint32_t i = 0; i < 5; i++) { /* the oldest five move on */
        cr_assert_eq(attempt(&shop, numbered(i), 1), ORDO_RESULT_OK);
    }
    uint64_t until_us = begin_us + 9 * SECOND_US;
    for (uint64_t limit = 1; limit < 9; limit++) {
        cr_expect_eq(list_until(ORDO_STATE_PENDING, until_us, limit), 5);
        cr_expect_eq(list_until(ORDO_STATE_PENDING, until_us - 1, limit), 4);
        cr_expect_eq(list_until(ORDO_STATE_PAYING, until_us, limit), 0);
        cr_expect_eq(list_until(ORDO_STATE_PAYING, shop.time_us, limit), 5);
        cr_expect_eq(list_until(ORDO_STATE_NONE, until_us, limit), 5);
        cr_expect_eq(list_until(ORDO_STATE_NONE, shop.time_us, limit), 20);
    }
    close_checked();
}

Test(wait, says_how_each_order_stands)
{
    static const char *orders[] = {"o1", "nobody", "o2"};
    uint8_t bytes[100];
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    open_at(2);
    cr_assert_eq(attempt(&shop, "o2", 1), ORDO_RESULT_OK);
    uint64_t seq = shop.applied.seq;
    for (uint32_t i = 0; i < 3; i++) {
        ordo_write_bytes(&w, text(orders[i]));
    }
    make_verb(&shop, ORDO_KIND_WAIT, "")->wait.orders =
        (struct ordo_elements){{bytes, (uint32_t)ordo_writer_size(&w)}, 3};
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    cr_expect(!shop.applied.journaled);
    cr_expect_eq(ordo_read_varint(&shop.body), 3);
    struct ordo_waited_view v[3];
    for (uint32_t i = 0; i < 3; i++) {
        ordo_waited_view_decode(&shop.body, &v[i]);
        cr_expect(ordo_bytes_equal(v[i].order_id, text(orders[i])));
    }
    cr_expect(ordo_reader_done(&shop.body));
    cr_expect_eq(v[0].state, ORDO_STATE_PENDING);
    cr_expect_eq(v[1].state, ORDO_STATE_NONE);
    cr_expect_eq(v[1].seq, 0);
    cr_expect_eq(v[2].state, ORDO_STATE_PAYING);
    cr_expect_eq(v[2].version, 2);
    cr_expect_eq(v[2].seq, seq);
    close_checked();
}
