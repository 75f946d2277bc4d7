/* schedule.h - the times at which an open loop should send: event i (from 0) at begin + i / rate.
 *
 * An intended time never moves. Who sends late has the delay in his latency, and the events that
 * became due meanwhile have theirs: nothing is left out because the system under test was slow.
 * Pure; any thread.
 */
#ifndef ORDO_BENCH_SCHEDULE_H
#define ORDO_BENCH_SCHEDULE_H

#include "base/clock.h"

#define ORDO_SCHEDULE_RATE_MAX 10000000u /* a second */

struct ordo_schedule {
    uint64_t begin_ns; /* monotonic, of event 0 */
    uint64_t rate;     /* events a second, 1 to ORDO_SCHEDULE_RATE_MAX */
};

/* When event i is due. */
static inline uint64_t ordo_schedule_due_ns(const struct ordo_schedule *schedule, uint64_t i)
{
    uint64_t seconds = i / schedule->rate;
    return schedule->begin_ns + seconds * ORDO_NS_PER_S +
           (i - seconds * schedule->rate) * ORDO_NS_PER_S / schedule->rate;
}

/* How many events are due by now. */
static inline uint64_t ordo_schedule_due(const struct ordo_schedule *schedule, uint64_t now_ns)
{
    if (now_ns < schedule->begin_ns) {
        return 0;
    }
    uint64_t passed_ns = now_ns - schedule->begin_ns;
    uint64_t seconds = passed_ns / ORDO_NS_PER_S;
    uint64_t rest_ns = passed_ns - seconds * ORDO_NS_PER_S;
    return seconds * schedule->rate + rest_ns * schedule->rate / ORDO_NS_PER_S + 1;
}

#endif
