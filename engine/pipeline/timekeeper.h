/* timekeeper.h - engine time: the wall clock at start plus the monotonic clock, slewed gently.
 *
 * Engine time is in us since 1970 UTC. It never goes back, never starts before the journal's last
 * stamp, and follows the wall clock by at most 500 ppm; a difference above one second is logged and
 * shown, not jumped over. DESIGN §4 "Time".
 */
#ifndef ORDO_PIPELINE_TIMEKEEPER_H
#define ORDO_PIPELINE_TIMEKEEPER_H

#include "base/clock.h"

#define ORDO_SLEW_PPM_MAX   500
#define ORDO_DRIFT_WARN_US  ORDO_US_PER_S
#define ORDO_DRIFT_CHECK_NS ORDO_NS_PER_S /* how often the wall clock is looked at */

struct ordo_timekeeper {
    struct ordo_clock clock;
    uint64_t base_us;     /* engine time at base_ns */
    uint64_t base_ns;     /* monotonic */
    int64_t slew_ppm;     /* in force since base */
    uint64_t last_us;     /* the last time given out */
    int64_t drift_us;     /* wall minus engine time at the last look */
    uint64_t downtime_us; /* between the journal's last stamp and the start */
};

/* last_us: the journal's last stamp, 0 for none. Starter thread. */
void ordo_timekeeper_init(
    struct ordo_timekeeper *keeper, struct ordo_clock clock, uint64_t last_us);

/* Engine time now; one call a batch. Ingress thread. */
uint64_t ordo_timekeeper_now_us(struct ordo_timekeeper *keeper);

#endif
