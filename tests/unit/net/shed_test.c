/* Bounded queues by class, limits of time, the hint and the throttle, on a clock that the test
 * steps. */
#include "net/shed.h"

#include "base/clock.h"

#include <criterion/criterion.h>

#define MS ORDO_NS_PER_MS

static const uint32_t standard[ORDO_CLASS_COUNT];

Test(shed, refuses_what_finds_its_queue_full_and_nothing_of_the_other_classes)
{
    struct ordo_shed shed;
    ordo_shed_init(&shed, 80, 8000, standard, 0);
    uint32_t creates = 0;
    while (ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1)) {
        creates++;
    }
    cr_assert_eq(creates, 40);
    uint32_t queries = 0;
    while (ordo_shed_join(&shed, ORDO_CLASS_QUERY, 1, 1)) {
        queries++;
    }
    cr_assert_eq(queries, 20);
    uint32_t facts = 0;
    while (ordo_shed_join(&shed, ORDO_CLASS_FACT, 1, 1)) {
        facts++;
    }
    cr_assert_eq(facts, 60, "more than the 20 requests that the others leave");
    ordo_shed_leave(&shed, ORDO_CLASS_COMMAND, 1, 1, true);
    cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1));
    cr_assert_not(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1));
}

Test(shed, bounds_the_bytes_that_wait_and_lets_one_request_in_always)
{
    struct ordo_shed shed;
    ordo_shed_init(&shed, 1000, 8000, standard, 0);
    cr_assert(ordo_shed_join(&shed, ORDO_CLASS_QUERY, 5000, 1), "larger than its whole queue");
    cr_assert_not(ordo_shed_join(&shed, ORDO_CLASS_QUERY, 1, 1));
    ordo_shed_leave(&shed, ORDO_CLASS_QUERY, 5000, 1, false);
    uint64_t bytes = 0;
    while (ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 300, 1)) {
        bytes += 300;
    }
    cr_assert(bytes <= 4000 && bytes > 3600, "%lu", (unsigned long)bytes);
}

Test(shed, lets_a_burst_wait_longer_than_a_standing_queue)
{
    struct ordo_shed shed;
    uint64_t now_ns = 5 * ORDO_NS_PER_S;
    ordo_shed_init(&shed, 100, 0, standard, now_ns);
    ordo_shed_tick(&shed, now_ns);
    cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 10, 1));
    ordo_shed_tick(&shed, now_ns + 200 * MS);
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, now_ns, now_ns + 200 * MS));
    cr_assert(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, now_ns, now_ns + 260 * MS));
    /* never empty for more than a second */
    uint64_t later_ns = now_ns + 1500 * MS;
    ordo_shed_tick(&shed, later_ns);
    cr_assert(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, later_ns, later_ns + 60 * MS));
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, later_ns, later_ns + 40 * MS));
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_FACT, later_ns, later_ns + 4900 * MS));
    cr_assert(ordo_shed_is_late(&shed, ORDO_CLASS_FACT, later_ns, later_ns + 5100 * MS));
    /* empty once: a burst again */
    ordo_shed_leave(&shed, ORDO_CLASS_COMMAND, 10, 1, true);
    ordo_shed_tick(&shed, later_ns);
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, later_ns, later_ns + 200 * MS));
}

Test(shed, takes_the_limits_that_it_is_given)
{
    static const uint32_t wait_ms[ORDO_CLASS_COUNT] = {0, 7, 9};
    struct ordo_shed shed;
    ordo_shed_init(&shed, 100, 0, wait_ms, 0);
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_QUERY, 0, 7 * MS));
    cr_assert(ordo_shed_is_late(&shed, ORDO_CLASS_QUERY, 0, 8 * MS));
    cr_assert(ordo_shed_is_late(&shed, ORDO_CLASS_COMMAND, 0, 10 * MS));
    cr_assert_not(ordo_shed_is_late(&shed, ORDO_CLASS_FACT, 0, 4000 * MS));
}

/* `served` and `refused` commands in each of `windows` windows of 100 ms, 1000 waiting. */
static uint32_t hint_after(uint32_t served, uint32_t refused, uint32_t windows)
{
    struct ordo_shed shed;
    ordo_shed_init(&shed, 8000, 0, standard, 0);
    cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1000));
    for (uint32_t i = 1; i <= windows; i++) {
        cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, served));
        ordo_shed_leave(&shed, ORDO_CLASS_COMMAND, 1, served, true);
        ordo_shed_refused(&shed, refused);
        ordo_shed_tick(&shed, i * 100 * MS);
    }
    return ordo_shed_retry_ms(&shed, ORDO_CLASS_COMMAND);
}

Test(shed, names_the_time_that_the_queue_takes_at_the_measured_rate)
{
    cr_assert_eq(hint_after(2500, 0, 10), 40, "25,000 a second, 1,000 wait");
    cr_assert_eq(hint_after(1000, 0, 10), 50, "100 ms, but who waits 50 is refused");
    uint32_t ten_times = hint_after(1000, 9000, 40);
    cr_assert(ten_times >= 475 && ten_times <= 500, "%u", ten_times);
    cr_assert_eq(hint_after(0, 0, 0), 100, "nothing measured");
    cr_assert_eq(hint_after(1, 500000, 10), ORDO_SHED_RETRY_MAX_MS);
    cr_assert_eq(hint_after(1000000, 0, 10), ORDO_SHED_RETRY_MIN_MS);
    cr_assert_eq(hint_after(UINT32_MAX, UINT32_MAX, 100), ORDO_SHED_RETRY_MIN_MS);
}

Test(shed, does_not_take_a_quiet_time_for_what_can_be_served)
{
    struct ordo_shed shed;
    ordo_shed_init(&shed, 8000, 0, standard, 0);
    for (uint32_t i = 1; i <= 20; i++) { /* ten a second, and nobody waits */
        cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1));
        ordo_shed_leave(&shed, ORDO_CLASS_COMMAND, 1, 1, true);
        ordo_shed_tick(&shed, i * 100 * MS);
    }
    cr_assert(ordo_shed_join(&shed, ORDO_CLASS_COMMAND, 1, 1000));
    cr_assert_eq(ordo_shed_retry_ms(&shed, ORDO_CLASS_COMMAND), 100, "unknown, not 100 seconds");
}

/* Commands taken in ten seconds, asked each millisecond. */
static uint64_t taken(uint64_t rate, uint32_t share, uint32_t request)
{
    struct ordo_throttle throttle;
    uint64_t count = 0;
    ordo_throttle_init(&throttle, rate, share, 0);
    for (uint64_t now_ns = 0; now_ns < 10 * ORDO_NS_PER_S; now_ns += MS) {
        for (uint32_t i = 0; i < 1000 && ordo_throttle_is_open(&throttle, now_ns); i++) {
            ordo_throttle_take(&throttle, request);
            count += request;
        }
    }
    return count;
}

Test(throttle, takes_so_many_commands_a_second_whatever_the_size_of_requests)
{
    static const uint64_t rates[] = {1, 10, 1000, 50000};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        uint64_t ones = taken(rates[i], 0, 1);
        uint64_t large = taken(rates[i], 0, 256);
        cr_assert(ones >= rates[i] * 98 / 10 && ones <= rates[i] * 10 + rates[i] / 50 + 1);
        cr_assert(large + 256 >= rates[i] * 98 / 10 && large <= rates[i] * 10 + 512);
    }
}

Test(throttle, is_open_for_its_share_of_the_time)
{
    cr_assert_eq(taken(0, 0, 1), 10000 * 1000);
    cr_assert_eq(taken(0, 10, 1), 1000 * 1000);
    cr_assert_eq(taken(0, 100, 1), 10000 * 1000);
}

Test(throttle, saves_nothing_up_in_a_quiet_minute)
{
    struct ordo_throttle throttle;
    uint32_t count = 0;
    ordo_throttle_init(&throttle, 1000, 0, 0);
    while (ordo_throttle_is_open(&throttle, 60 * ORDO_NS_PER_S)) {
        ordo_throttle_take(&throttle, 1);
        count++;
    }
    cr_assert_eq(count, 10);
}
