/* The times of an open loop: what is due never moves, never twice, and a stall shows in every
 * request that it met. */
#include "base/histogram.h"
#include "bench/schedule.h"

#include <criterion/criterion.h>

Test(schedule, has_event_i_due_at_begin_plus_i_by_rate)
{
    const struct ordo_schedule schedule = {.begin_ns = 5000, .rate = 1000};
    cr_assert_eq(ordo_schedule_due_ns(&schedule, 0), 5000);
    cr_assert_eq(ordo_schedule_due_ns(&schedule, 3), 5000 + 3 * ORDO_NS_PER_MS);
    cr_assert_eq(ordo_schedule_due_ns(&schedule, 86400 * 1000), 5000 + 86400 * ORDO_NS_PER_S);
    cr_assert_eq(ordo_schedule_due(&schedule, 4999), 0);
    cr_assert_eq(ordo_schedule_due(&schedule, 5000), 1);
    cr_assert_eq(ordo_schedule_due(&schedule, 5000 + ORDO_NS_PER_S - 1), 1000);
}

/* Of rates that do not divide a second, too. */
Test(schedule, never_counts_an_event_before_its_time)
{
    const uint64_t rates[] = {1, 3, 7, 999, 123457, 1000000, ORDO_SCHEDULE_RATE_MAX};
    for (size_t k = 0; k < sizeof(rates) / sizeof(rates[0]); k++) {
        const struct ordo_schedule schedule = {.begin_ns = 17, .rate = rates[k]};
        for (uint64_t i = 0; i < 2000; i++) {
            uint64_t due_ns = ordo_schedule_due_ns(&schedule, i);
            uint64_t count = ordo_schedule_due(&schedule, due_ns);
            cr_assert(count == i || count == i + 1, "rate %lu, event %lu", rates[k], i);
            cr_assert_geq(ordo_schedule_due(&schedule, due_ns + 1), i + 1);
        }
    }
}

/* A server that answers in 100 us and stands still for 100 ms: a closed loop has one slow request,
 * an open one has a hundred. */
Test(schedule, shows_a_stall_that_a_closed_loop_hides)
{
    static struct ordo_histogram open;
    static struct ordo_histogram closed;
    const struct ordo_schedule schedule = {.begin_ns = 0, .rate = 1000};
    uint64_t free_ns = 0; /* the server, and the closed loop's client */
    ordo_histogram_reset(&open);
    ordo_histogram_reset(&closed);
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t due_ns = ordo_schedule_due_ns(&schedule, i);
        uint64_t sent_ns = due_ns > free_ns ? due_ns : free_ns;
        free_ns = sent_ns + (i == 1000 ? 100 * ORDO_NS_PER_MS : 100 * ORDO_NS_PER_US);
        ordo_histogram_record(&open, free_ns - due_ns);
        ordo_histogram_record(&closed, free_ns - sent_ns);
    }
    cr_assert_geq(ordo_histogram_quantile(&open, 0.99), 50 * ORDO_NS_PER_MS);
    cr_assert_geq(ordo_histogram_quantile(&open, 0.999), 90 * ORDO_NS_PER_MS);
    cr_assert_leq(ordo_histogram_quantile(&closed, 0.999), ORDO_NS_PER_MS);
}
