/* lag.h - sync latency: how long after a change its subscriber said that he has worked it off.
 *
 * One writer (the publish agent, behind durable); the meter may be read by any thread. The time
 * of an update comes from the newest updates in memory; of older ones a sample is kept each 4,096
 * updates, which makes a late ack look at most that much later.
 */
#ifndef ORDO_NET_LAG_H
#define ORDO_NET_LAG_H

#include "base/meter.h"
#include "net/recent.h"

#define ORDO_LAG_SAMPLES 4096
#define ORDO_LAG_STRIDE  4096 /* updates between two samples */
#define ORDO_LAG_NAMES   1024 /* subscribers whose last ack is known; others may share a place */

struct ordo_lag {
    struct {
        uint64_t update_seq;
        uint64_t time_us;
    } samples[ORDO_LAG_SAMPLES];
    struct {
        uint64_t name; /* hash of shop and name */
        uint64_t acked;
    } seen[ORDO_LAG_NAMES];
    struct ordo_meter us;
};

/* Writer: an update has become durable. */
void ordo_lag_note(struct ordo_lag *lag, uint64_t update_seq, uint64_t time_us);

/* Writer: a subscriber has acked; counted when it goes on from his last one and the update's time
 * is known. now_us: when the ack came. */
void ordo_lag_ack(
    struct ordo_lag *lag,
    const struct ordo_recent *recent,
    uint32_t shop,
    const struct ordo_subscriber_ack *ack,
    uint64_t now_us);

#endif
