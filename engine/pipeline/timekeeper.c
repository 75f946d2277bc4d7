/* Once a second the wall clock is looked at, and the rate is set so that the difference is worked
 * off within a second, by at most 500 ppm. A large difference (a clock that was set) is therefore
 * followed slowly and said loudly; deadlines neither jump nor run backwards.
 */
#include "pipeline/timekeeper.h"

#include "base/assert.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

#define PPM 1000000

void ordo_timekeeper_init(struct ordo_timekeeper *keeper, struct ordo_clock clock, uint64_t last_us)
{
    memset(keeper, 0, sizeof(*keeper));
    keeper->clock = clock;
    uint64_t wall_us = ordo_clock_realtime_us(&clock);
    keeper->base_us = wall_us > last_us ? wall_us : last_us;
    keeper->base_ns = ordo_clock_monotonic_ns(&clock);
    keeper->last_us = keeper->base_us;
    keeper->downtime_us = last_us == 0 || wall_us < last_us ? 0 : wall_us - last_us;
}

/* Takes `now_us` as the new base and sets the rate from the distance to the wall clock. */
static void adjust(struct ordo_timekeeper *keeper, uint64_t now_us, uint64_t now_ns)
{
    uint64_t wall_us = ordo_clock_realtime_us(&keeper->clock);
    keeper->drift_us = (int64_t)(wall_us - now_us);
    keeper->base_us = now_us;
    keeper->base_ns = now_ns;
    int64_t ppm = keeper->drift_us; /* us in one second are parts per million */
    if (ppm > ORDO_SLEW_PPM_MAX) {
        ppm = ORDO_SLEW_PPM_MAX;
    } else if (ppm < -ORDO_SLEW_PPM_MAX) {
        ppm = -ORDO_SLEW_PPM_MAX;
    }
    keeper->slew_ppm = ppm;
    int64_t distance = keeper->drift_us < 0 ? -keeper->drift_us : keeper->drift_us;
    if (distance > (int64_t)ORDO_DRIFT_WARN_US) {
        ORDO_LOG_WARN(
            "engine time is off the wall clock drift_us=%" PRId64 " slew_ppm=%" PRId64,
            keeper->drift_us,
            keeper->slew_ppm);
    }
}

uint64_t ordo_timekeeper_now_us(struct ordo_timekeeper *keeper)
{
    uint64_t now_ns = ordo_clock_monotonic_ns(&keeper->clock);
    ORDO_ASSERT(now_ns >= keeper->base_ns);
    int64_t elapsed_us = (int64_t)((now_ns - keeper->base_ns) / ORDO_NS_PER_US);
    uint64_t now_us =
        keeper->base_us + (uint64_t)(elapsed_us + elapsed_us * keeper->slew_ppm / PPM);
    if (now_us < keeper->last_us) {
        now_us = keeper->last_us;
    }
    if (now_ns - keeper->base_ns >= ORDO_DRIFT_CHECK_NS) {
        adjust(keeper, now_us, now_ns);
    }
    keeper->last_us = now_us;
    return now_us;
}
