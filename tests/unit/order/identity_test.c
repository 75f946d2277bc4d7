/* Goal: the same command gives the same bytes, another content under its id is told by name, and
 * what is not decided leaves no trace.
 * Method: resend, change one thing, compare results, sequences and digests. */
#include "shop.h"

#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

static void open_shop(void)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
}

static void close_shop(void)
{
    shop_check(&shop);
    shop_close(&shop);
}

TestSuite(identity, .init = open_shop, .fini = close_shop);

static bool is_same(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

Test(identity, an_exact_resend_gives_the_same_result_refusals_too)
{
    for (int refused = 0; refused < 2; refused++) {
        make_create(&shop, refused ? "o2" : "o1", 1, refused ? 65 : 1);
        uint16_t code = shop_send(&shop);
        cr_assert_eq(code, refused ? ORDO_RESULT_QUANTITY_INVALID : ORDO_RESULT_OK);
        struct ordo_result first = shop.outcome.result;
        uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
        uint32_t size = shop.command_size;
        memcpy(bytes, shop.command_bytes, size);
        cr_assert_eq(create(&shop, refused ? "x" : "y", 1, 1), ORDO_RESULT_OK);
        struct ordo_hash128 before = ordo_state_digest(shop.state);
        memcpy(shop.command_bytes, bytes, size);
        shop.command_size = size;
        cr_assert_eq(shop_resend(&shop), code);
        cr_expect_eq(memcmp(&first, &shop.outcome.result, sizeof(first)), 0);
        cr_expect(!shop.applied.journaled);
        cr_expect_eq(shop.applied.update_count, 0);
        cr_expect(is_same(before, ordo_state_digest(shop.state)), "no trace");
    }
}

Test(identity, stamps_are_not_content)
{
    make_create(&shop, "o1", 1, 1);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    shop.command.create.trace = text("00-aa-bb-01");
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_OK);
    cr_expect(!shop.applied.journaled);
}

Test(identity, another_content_under_an_id_is_told_by_what_differs)
{
    make_create(&shop, "o1", 1, 1);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    uint64_t seq = shop.applied.seq;
    shop.command.create.quantity = 2;
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ID_CONTENT);
    cr_expect(shop.applied.journaled);
    cr_expect_eq(shop.applied.seq, seq + 1);
    shop.command.shop = 3;
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ID_SHOP);
    shop.command.shop = 0;
    shop.command.kind = ORDO_KIND_CANCEL;
    shop.command.cancel = (struct ordo_cancel){.order_id = text("o1")};
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ID_KIND);
    cr_expect_eq(state_of(&shop, "o1"), ORDO_STATE_PENDING);
}

Test(identity, what_is_not_decided_takes_no_sequence)
{
    struct ordo_hash128 before = ordo_state_digest(shop.state);
    uint64_t seq = shop.applied.seq;
    make_create(&shop, "o1", 1, 1);
    memset(shop.command.id, 0, ORDO_ID_SIZE);
    shop_encode(&shop);
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_ID_MISSING);
    cr_expect(!shop.applied.journaled && shop.applied.seq == seq);
    cr_expect_eq(shop.outcome.result.seq, 0);
    shop.command_size--;
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_MALFORMED);
    cr_expect(!shop.applied.journaled);
    (void)get(&shop, "o1");
    cr_expect(!shop.applied.journaled);
    cr_expect(is_same(before, ordo_state_digest(shop.state)));
}

Test(identity, ids_are_forgotten_after_the_horizon_in_ring_order)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.ids_max = 64;
    v.id_horizon_s = 100;
    shop_open(&shop, &v);
    char name[32];
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    for (int round = 0; round < 5; round++) {
        int taken = 0;
        while (create(&shop, (snprintf(name, sizeof(name), "%d-%d", round, taken), name), 1, 1) ==
               ORDO_RESULT_OK) {
            taken++;
            cr_assert_lt(taken, 100);
        }
        cr_assert_eq(shop.applied.code, ORDO_RESULT_BUSY);
        cr_expect_geq(taken, 50);
        cr_assert_eq(cancel(&shop, name), ORDO_RESULT_ORDER_UNKNOWN, "5 %% are kept for others");
        shop_check(&shop);
        shop.time_us += 101 * SECOND_US;
    }
}

Test(identity, an_id_is_found_until_it_is_forgotten)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.id_horizon_s = 100;
    shop_open(&shop, &v);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    shop.time_us += 100 * SECOND_US;
    cr_expect_eq(shop_resend(&shop), ORDO_RESULT_OK);
    cr_expect_eq(cancel(&shop, "nobody"), ORDO_RESULT_ORDER_UNKNOWN);
    cr_expect(shop.applied.journaled);
}

/* ---- settings and genesis ---- */

static uint16_t genesis(int64_t orders_max)
{
    memset(&shop.command, 0, sizeof(shop.command));
    shop.command.kind = ORDO_KIND_SETTINGS;
    struct ordo_writer w = ordo_writer_over(shop.buffer, sizeof(shop.buffer));
    uint32_t count = 0;
    struct ordo_settings_values v = shop_small();
    v.orders_max = orders_max;
    for (; ordo_setting_at(count) != NULL; count++) {
        ordo_write_varint(&w, ordo_setting_at(count)->key);
        ordo_write_zigzag(&w, ordo_settings_get(&v, ordo_setting_at(count)));
    }
    shop.command.settings.pairs.raw =
        (struct ordo_bytes){shop.buffer, (uint32_t)ordo_writer_size(&w)};
    shop.command.settings.pairs.count = count;
    return shop_send(&shop);
}

Test(identity, capacities_are_set_by_the_first_command_alone)
{
    cr_expect_eq(genesis(100), ORDO_RESULT_SETTING_FIXED);
    shop_close(&shop);
    shop_open(&shop, NULL);
    cr_assert_eq(genesis(100), ORDO_RESULT_OK);
    cr_expect_eq(ordo_state_settings(shop.state)->orders_max, 100);
    cr_expect_eq(genesis(100), ORDO_RESULT_SETTING_FIXED);
    cr_expect_eq(set(&shop, "hold_ttl_s", 0), ORDO_RESULT_SETTING_RANGE);
    cr_expect_eq(set(&shop, "hold_ttl_s", 60), ORDO_RESULT_OK);
    cr_expect_eq(ordo_state_settings(shop.state)->hold_ttl_s, 60);
    shop.buffer[0] = 0x7f;
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SETTING_UNKNOWN);
    shop_close(&shop);
    shop_open(&shop, NULL);
    cr_expect_eq(genesis(2001), ORDO_RESULT_SETTING_RANGE, "more than memory was taken for");
}

Test(identity, creates_get_full_orders_and_facts_still_have_room)
{
    shop_close(&shop);
    struct ordo_settings_values v = shop_small();
    v.orders_max = 100;
    shop_open(&shop, &v);
    char name[32];
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "o%d", i);
        cr_assert_eq(create(&shop, name, 1, 1), ORDO_RESULT_OK);
    }
    cr_expect_eq(create(&shop, "more", 1, 1), ORDO_RESULT_FULL_ORDERS);
    cr_expect_eq(pay(&shop, "orphan", "t", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_expect_eq(create(&shop, "orphan", 1, 1), ORDO_RESULT_OK, "its row is there already");
}

/* ---- how an id's time is kept ---- */

Test(identity, steps_in_time_are_exact_when_short_and_never_too_short)
{
    uint32_t last = 0;
    for (uint64_t seconds = 0; seconds <= UINT32_MAX; seconds += 1 + seconds / 1000) {
        uint32_t code = ordo_id_step_encode((uint32_t)seconds);
        uint32_t kept = ordo_id_step_decode(code);
        cr_assert_lt(code, 1u << 13);
        cr_assert_geq(kept, seconds);
        cr_assert_leq(kept - seconds, seconds < 512 ? 0 : seconds / 256);
        cr_assert_geq(kept, last);
        last = kept;
    }
}
