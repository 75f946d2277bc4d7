#include "net/lag.h"

#include "base/hash.h"

/* A log-linear histogram of counters, because another thread looks at it while it grows; base's is
 * read when its writer has stopped. */

static uint32_t bucket_of(uint64_t us)
{
    if (us < ORDO_LAG_STEPS) {
        return (uint32_t)us;
    }
    uint32_t top = 63 - (uint32_t)__builtin_clzll(us); /* at least 4 */
    uint32_t bucket = (top - 3) * ORDO_LAG_STEPS + (uint32_t)(us >> (top - 4) & 15);
    return bucket < ORDO_LAG_BUCKETS ? bucket : ORDO_LAG_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t end_of(uint32_t bucket)
{
    if (bucket < ORDO_LAG_STEPS) {
        return bucket;
    }
    uint32_t top = bucket / ORDO_LAG_STEPS + 3;
    uint64_t steps = bucket % ORDO_LAG_STEPS + ORDO_LAG_STEPS;
    return ((steps + 1) << (top - 4)) - 1;
}

void ordo_lag_note(struct ordo_lag *lag, uint64_t update_seq, uint64_t time_us)
{
    if (update_seq % ORDO_LAG_STRIDE == 0) {
        uint64_t i = update_seq / ORDO_LAG_STRIDE % ORDO_LAG_SAMPLES;
        lag->samples[i].update_seq = update_seq;
        lag->samples[i].time_us = time_us;
    }
}

/* The time of an update, or of a sample shortly before it; 0 when neither is known. */
static uint64_t
time_of(const struct ordo_lag *lag, const struct ordo_recent *recent, uint64_t update_seq)
{
    struct ordo_recent_update cell;
    if (update_seq > ordo_recent_head(recent)) {
        return 0;
    }
    if (ordo_recent_get(recent, update_seq, &cell)) {
        return cell.update.time_us;
    }
    uint64_t i = update_seq / ORDO_LAG_STRIDE % ORDO_LAG_SAMPLES;
    bool known = lag->samples[i].update_seq == update_seq / ORDO_LAG_STRIDE * ORDO_LAG_STRIDE;
    return known ? lag->samples[i].time_us : 0;
}

/* False for an ack that says nothing new. */
static bool goes_on(struct ordo_lag *lag, uint32_t shop, const struct ordo_subscriber_ack *ack)
{
    struct ordo_hash128 hash = ordo_hash128(ack->subscriber.data, ack->subscriber.size, shop);
    uint32_t i = (uint32_t)(hash.high % ORDO_LAG_NAMES);
    bool known = lag->seen[i].name == hash.low;
    if (known && ack->acked <= lag->seen[i].acked) {
        return false;
    }
    lag->seen[i].name = hash.low;
    lag->seen[i].acked = ack->acked;
    return ack->acked != 0;
}

void ordo_lag_ack(
    struct ordo_lag *lag,
    const struct ordo_recent *recent,
    uint32_t shop,
    const struct ordo_subscriber_ack *ack,
    uint64_t now_us)
{
    if (!goes_on(lag, shop, ack)) {
        return;
    }
    uint64_t time_us = time_of(lag, recent, ack->acked);
    if (time_us == 0) {
        return;
    }
    uint64_t us = now_us > time_us ? now_us - time_us : 0;
    uint64_t max_us = ordo_counter_get(&lag->max_us);
    ordo_counter_add(&lag->buckets[bucket_of(us)], 1);
    ordo_counter_add(&lag->count, 1);
    ordo_counter_add(&lag->max_us, us > max_us ? us - max_us : 0); /* its one writer */
}

uint64_t ordo_lag_quantile(const struct ordo_lag *lag, double quantile)
{
    uint64_t total = 0;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < ORDO_LAG_BUCKETS; i++) {
        total += ordo_counter_get(&lag->buckets[i]);
    }
    uint64_t wanted = (uint64_t)(quantile * (double)total);
    for (uint32_t i = 0; i < ORDO_LAG_BUCKETS && total != 0; i++) {
        seen += ordo_counter_get(&lag->buckets[i]);
        if (seen > wanted || seen == total) {
            uint64_t max_us = ordo_counter_get(&lag->max_us);
            return end_of(i) < max_us ? end_of(i) : max_us;
        }
    }
    return 0;
}
