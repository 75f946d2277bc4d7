/* A reader walks the buckets twice, for the total and for the quantiles. Counts only grow, so the
 * second walk reaches every rank of the first; all quantiles come from one walk, so that a larger
 * share never has a smaller value. The writer sets the maximum before it counts, with release: a
 * value that the first walk has counted is never above the maximum that is read after it. */
#include "base/meter.h"

#include <math.h>
#include <stddef.h>

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

static uint64_t
count_in(const struct ordo_meter *meter, const struct ordo_meter_mark *mark, uint32_t bucket)
{
    uint64_t count = atomic_load_explicit(&meter->buckets[bucket], memory_order_acquire);
    return mark == NULL ? count : count - mark->buckets[bucket];
}

static uint64_t rank_of(double share, uint64_t total)
{
    uint64_t rank = (uint64_t)ceil(share * (double)total);
    return rank == 0 ? 1 : rank;
}

/* The number of values, and the last bucket that has one. */
static uint64_t
total_of(const struct ordo_meter *meter, const struct ordo_meter_mark *mark, uint32_t *last)
{
    uint64_t total = 0;
    *last = 0;
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS; i++) {
        uint64_t count = count_in(meter, mark, i);
        *last = count == 0 ? *last : i;
        total += count;
    }
    return total;
}

struct ranks {
    const double *shares; /* they grow */
    uint64_t *values;
    uint32_t count;
    uint64_t total;
};

static void
find(const struct ordo_meter *meter, const struct ordo_meter_mark *mark, const struct ranks *ranks)
{
    uint64_t max = atomic_load_explicit(&meter->max, memory_order_relaxed);
    uint64_t seen = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS && found < ranks->count; i++) {
        seen += count_in(meter, mark, i);
        while (found < ranks->count && seen >= rank_of(ranks->shares[found], ranks->total)) {
            ranks->values[found++] = end_of(i) < max ? end_of(i) : max;
        }
    }
}

void ordo_meter_since(
    const struct ordo_meter *meter,
    const struct ordo_meter_mark *mark,
    struct ordo_meter_view *view)
{
    static const double shares[3] = {0.5, 0.99, 0.999};
    uint64_t values[3] = {0};
    uint32_t last;
    *view = (struct ordo_meter_view){.count = total_of(meter, mark, &last)};
    if (view->count == 0) {
        return;
    }
    find(meter, mark, &(struct ranks){shares, values, 3, view->count});
    view->p50 = values[0];
    view->p99 = values[1];
    view->p999 = values[2];
    view->sum = atomic_load_explicit(&meter->sum, memory_order_relaxed);
    view->max = atomic_load_explicit(&meter->max, memory_order_relaxed);
    if (mark != NULL) {
        view->sum -= mark->sum;
        view->max = end_of(last) < view->max ? end_of(last) : view->max;
    }
}

void ordo_meter_read(const struct ordo_meter *meter, struct ordo_meter_view *view)
{
    ordo_meter_since(meter, NULL, view);
}

void ordo_meter_take(const struct ordo_meter *meter, struct ordo_meter_mark *mark)
{
    mark->sum = atomic_load_explicit(&meter->sum, memory_order_relaxed);
    for (uint32_t i = 0; i < ORDO_METER_BUCKETS; i++) {
        mark->buckets[i] = atomic_load_explicit(&meter->buckets[i], memory_order_acquire);
    }
}
