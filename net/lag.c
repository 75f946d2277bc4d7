#include "net/lag.h"

#include "base/hash.h"

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
    ordo_meter_record(&lag->us, us);
}
