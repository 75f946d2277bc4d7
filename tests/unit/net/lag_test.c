/* Sync latency: from a change to the ack of its subscriber, counted once a step forward, also when
 * the change has left memory.
 */
#include "net/lag.h"

#include <criterion/criterion.h>

#define TIME_US 1700000000000000ull

static struct ordo_lag lag;
static struct ordo_recent recent;
static struct ordo_arena arena;

static void open_recent(uint32_t count)
{
    static const uint8_t hash[16];
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_recent_init(&recent, &arena, count), ORDO_OK);
    ordo_recent_start(&recent, 0, hash);
}

static struct ordo_meter_view told(void)
{
    struct ordo_meter_view view;
    ordo_meter_read(&lag.us, &view);
    return view;
}

/* Updates up to this one, a millisecond apart. */
static void update_to(uint64_t last)
{
    static const uint8_t hash[16];
    for (uint64_t n = ordo_recent_head(&recent) + 1; n <= last; n++) {
        struct ordo_update update = {.update_seq = n, .time_us = TIME_US + n * 1000};
        ordo_recent_announce(&recent, n);
        ordo_recent_put(&recent, &update, hash);
        ordo_recent_publish(&recent, n);
        ordo_lag_note(&lag, n, update.time_us);
    }
}

/* An ack, us after the change that it names. */
static void ack(const char *name, uint64_t acked, uint64_t us)
{
    struct ordo_subscriber_ack command = {
        .subscriber = {(const uint8_t *)name, (uint32_t)strlen(name)}, .acked = acked};
    ordo_lag_ack(&lag, &recent, 7, &command, TIME_US + acked * 1000 + us);
}

Test(lag, is_the_time_from_a_change_to_its_ack)
{
    open_recent(64);
    update_to(50);
    cr_assert_eq(told().p50, 0);
    for (uint64_t n = 1; n <= 50; n++) {
        ack("erp", n, 100 * n);
    }
    cr_assert_eq(told().count, 50);
    cr_assert_eq(told().max, 5000);
    uint64_t p50 = told().p50;
    cr_assert(p50 >= 2500 && p50 <= 2900, "%lu", p50);
    cr_assert_eq(told().p999, 5000);
    ordo_arena_fini(&arena);
}

Test(lag, counts_an_ack_once_however_often_it_is_said)
{
    open_recent(64);
    update_to(50);
    for (int i = 0; i < 10; i++) {
        ack("erp", 20, 1000 + 1000000 * (uint64_t)i);
        ack("crm", 10, 500);
        ack("erp", 19, 9000000);
    }
    cr_assert_eq(told().count, 2);
    cr_assert_eq(told().max, 1000);
    ordo_arena_fini(&arena);
}

Test(lag, knows_about_when_a_change_was_that_memory_has_lost)
{
    open_recent(64);
    update_to(20000);
    ack("erp", 9000, 5000000);
    cr_assert_eq(told().count, 1);
    uint64_t us = told().max;
    cr_assert(us >= 5000000 && us < 5000000 + ORDO_LAG_STRIDE * 1000, "%lu", us);
    ack("crm", 100, 1);   /* before the first sample */
    ack("crm", 30000, 1); /* nobody has seen it yet */
    cr_assert_eq(told().count, 1);
    ordo_arena_fini(&arena);
}
