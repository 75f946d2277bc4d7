/* A reader walks the buckets twice, for the total and for the quantiles. Counts only grow, so the
 * second walk reaches every rank of the first; all quantiles come from one walk, so that a larger
 * share never has a smaller value. The writer sets the maximum before it counts, with release: a
 * value that the first walk has counted is never above the maximum that is read after it. */
#include "base/meter.h"

#include <math.h>

/* The largest value of a bucket. */
static uint64_t end_of(uint32_t bucket)
{
    if (bucket < ORDO_METER_STEPS) {
        return bucket;
    }
    if (bucket == ORDO_METER_BUCKETS - 1) {
        return UINT64_MAX; /* everything too large: the maximum is nearer */
    }
    uint32_t shift = bucket / ORDO_METER_STEPS - 1;
    uint64_t step = bucket % ORDO_METER_STEPS + ORDO_METER_STEPS;
    return ((step + 1) << shift) - 1;
}

static uint64_t total_of(const struct ordo_meter *meter)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS; i++) {
        total += atomic_load_explicit(&meter->buckets[i], memory_order_acquire);
    }
    return total;
}

static uint64_t rank_of(double share, uint64_t total)
{
    uint64_t rank = (uint64_t)ceil(share * (double)total);
    return rank == 0 ? 1 : rank;
}

/* Shares grow. */
static void find(
    const struct ordo_meter *meter,
    uint64_t total,
    uint32_t count,
    const double *shares,
    uint64_t *values)
{
    uint64_t max = atomic_load_explicit(&meter->max, memory_order_relaxed);
    uint64_t seen = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS && found < count; i++) {
        seen += atomic_load_explicit(&meter->buckets[i], memory_order_relaxed);
        while (found < count && seen >= rank_of(shares[found], total)) {
            values[found++] = end_of(i) < max ? end_of(i) : max;
        }
    }
}

void ordo_meter_read(const struct ordo_meter *meter, struct ordo_meter_view *view)
{
    static const double shares[3] = {0.5, 0.99, 0.999};
    uint64_t values[3] = {0};
    *view = (struct ordo_meter_view){.count = total_of(meter)};
    if (view->count == 0) {
        return;
    }
    find(meter, view->count, 3, shares, values);
    view->p50 = values[0];
    view->p99 = values[1];
    view->p999 = values[2];
    view->sum = atomic_load_explicit(&meter->sum, memory_order_relaxed);
    view->max = atomic_load_explicit(&meter->max, memory_order_relaxed);
}

uint64_t ordo_meter_quantile(const struct ordo_meter *meter, double quantile)
{
    uint64_t value = 0;
    uint64_t total = total_of(meter);
    if (total != 0) {
        find(meter, total, 1, &quantile, &value);
    }
    return value;
}
