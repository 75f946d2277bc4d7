/* The small histogram that is read while it is written: quantiles within their step, nothing above
 * the maximum, values of every size. (Reading beside a writer: tests/race/stamps_race.c.)
 */
#include "base/meter.h"

#include <criterion/criterion.h>

static struct ordo_meter meter;

static struct ordo_meter_view view_of(void)
{
    struct ordo_meter_view view;
    ordo_meter_read(&meter, &view);
    return view;
}

Test(meter, says_nothing_before_the_first_value)
{
    struct ordo_meter_view view = view_of();
    cr_assert_eq(view.count + view.sum + view.p50 + view.p99 + view.p999 + view.max, 0);
}

Test(meter, knows_quantiles_to_three_percent)
{
    for (uint64_t i = 1; i <= 100000; i++) {
        ordo_meter_record(&meter, i * 10);
    }
    struct ordo_meter_view view = view_of();
    const struct {
        uint64_t got;
        uint64_t exact;
    } all[] = {{view.p50, 500000}, {view.p99, 990000}, {view.p999, 999000}};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_geq(all[i].got, all[i].exact, "%lu below %lu", all[i].got, all[i].exact);
        cr_assert_leq(all[i].got * 100, all[i].exact * 104, "%lu, %lu", all[i].got, all[i].exact);
    }
    cr_assert_eq(view.count, 100000);
    cr_assert_eq(view.sum, 10ull * 100000 * 100001 / 2);
    cr_assert_eq(view.max, 1000000);
    cr_assert_leq(view.p999, view.max);
}

Test(meter, one_stall_is_the_maximum_and_no_quantile_below_its_rank)
{
    for (int i = 0; i < 999; i++) {
        ordo_meter_record(&meter, 50000);
    }
    ordo_meter_record(&meter, 100000000);
    struct ordo_meter_view view = view_of();
    cr_assert(view.p99 < 52000, "%lu", view.p99);
    cr_assert(view.p999 < 52000, "%lu", view.p999);
    cr_assert_eq(view.max, 100000000);
    ordo_meter_record(&meter, 100000000);
    cr_assert_eq(view_of().p999, 100000000);
}

Test(meter, buckets_grow_with_their_values)
{
    uint32_t before = 0;
    for (uint32_t bit = 0; bit < 64; bit++) {
        uint64_t value = 1ull << bit;
        const uint64_t near[] = {value - 1, value, value + value / 2, value + (value - 1)};
        for (size_t i = 0; i < 4; i++) {
            uint32_t bucket = ordo_meter_bucket(near[i]);
            cr_assert(bucket >= before && bucket < ORDO_METER_BUCKETS, "%lu", near[i]);
            before = bucket;
        }
    }
    ordo_meter_record(&meter, UINT64_MAX);
    cr_assert_eq(view_of().p50, UINT64_MAX);
}

Test(meter, tells_what_came_since_a_mark_and_nothing_before_it)
{
    static struct ordo_meter_mark mark;
    struct ordo_meter_view view;
    for (int i = 0; i < 1000; i++) {
        ordo_meter_record(&meter, 5000000);
    }
    ordo_meter_take(&meter, &mark);
    ordo_meter_since(&meter, &mark, &view);
    cr_assert_eq(view.count + view.sum + view.p50 + view.p999 + view.max, 0);
    for (uint64_t i = 1; i <= 100; i++) {
        ordo_meter_record(&meter, i * 1000);
    }
    ordo_meter_since(&meter, &mark, &view);
    cr_assert_eq(view.count, 100);
    cr_assert_eq(view.sum, 5050000);
    cr_assert(view.p50 >= 50000 && view.p50 < 52000, "%lu", view.p50);
    cr_assert(view.p99 >= 99000 && view.p99 < 103000, "%lu", view.p99);
    cr_assert(view.max >= 100000 && view.max < 104000 && view.p999 <= view.max, "%lu", view.max);
    cr_assert_eq(view_of().count, 1100);
    cr_assert_eq(view_of().max, 5000000);
}
