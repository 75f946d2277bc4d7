/* meter.h - a small log-linear histogram that is read while it is written.
 *
 * Each power of two is divided into 32 steps, so a quantile is right to 3 %; the unit is the
 * owner's. One writer, whose record is a few plain stores; any thread may read. histogram.h is
 * finer, 28 times as large, and read only when its writer has stopped.
 */
#ifndef ORDO_BASE_METER_H
#define ORDO_BASE_METER_H

#include <stdatomic.h>
#include <stdint.h>

#define ORDO_METER_STEPS     32u /* a power of two */
#define ORDO_METER_STEP_BITS 5u
#define ORDO_METER_TOP_BIT   44u /* values from 2^45 on are counted in the last bucket */
#define ORDO_METER_BUCKETS   ((ORDO_METER_TOP_BIT - ORDO_METER_STEP_BITS + 2) * ORDO_METER_STEPS)

struct ordo_meter {
    _Atomic uint64_t max;
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[ORDO_METER_BUCKETS];
};

/* What a meter says at a moment. Quantiles are upper ends of buckets, never above max; all are 0
 * when nothing was recorded. */
struct ordo_meter_view {
    uint64_t count;
    uint64_t sum;
    uint64_t p50;
    uint64_t p99;
    uint64_t p999;
    uint64_t max;
};

/* A meter as it was, to tell what came since. Of one reader. */
struct ordo_meter_mark {
    uint64_t sum;
    uint64_t buckets[ORDO_METER_BUCKETS];
};

static inline uint32_t ordo_meter_bucket(uint64_t value)
{
    if (value < ORDO_METER_STEPS) {
        return (uint32_t)value;
    }
    uint32_t top = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t shift = top - ORDO_METER_STEP_BITS;
    uint32_t bucket =
        (shift + 1) * ORDO_METER_STEPS + ((uint32_t)(value >> shift) & (ORDO_METER_STEPS - 1));
    return bucket < ORDO_METER_BUCKETS ? bucket : ORDO_METER_BUCKETS - 1;
}

/* The one writer. Whoever sees the count sees the maximum, too. */
static inline void ordo_meter_record(struct ordo_meter *meter, uint64_t value)
{
    _Atomic uint64_t *bucket = &meter->buckets[ordo_meter_bucket(value)];
    uint64_t sum = atomic_load_explicit(&meter->sum, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(bucket, memory_order_relaxed);
    if (value > atomic_load_explicit(&meter->max, memory_order_relaxed)) {
        atomic_store_explicit(&meter->max, value, memory_order_relaxed);
    }
    atomic_store_explicit(&meter->sum, sum + value, memory_order_relaxed);
    atomic_store_explicit(bucket, count + 1, memory_order_release);
}

/* Any thread; does not block. What is recorded meanwhile may be in it or not. */
void ordo_meter_read(const struct ordo_meter *meter, struct ordo_meter_view *view);

/* Takes a mark. The reader whose it is; does not block. */
void ordo_meter_take(const struct ordo_meter *meter, struct ordo_meter_mark *mark);

/* What was recorded since the mark; its max is the upper end of a bucket. The mark's reader. */
void ordo_meter_since(
    const struct ordo_meter *meter,
    const struct ordo_meter_mark *mark,
    struct ordo_meter_view *view);

#endif
