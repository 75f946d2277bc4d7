/* clock.h - the only source of time: a port, so that tests step it and the simulator owns it.
 *
 * Nothing in engine/order reads a clock; time enters there as a field of a sequenced command.
 */
#ifndef ORDO_BASE_CLOCK_H
#define ORDO_BASE_CLOCK_H

#include <stdint.h>

#define ORDO_NS_PER_US  1000ull
#define ORDO_NS_PER_MS  1000000ull
#define ORDO_NS_PER_S   1000000000ull
#define ORDO_US_PER_MS  1000ull
#define ORDO_US_PER_S   1000000ull
#define ORDO_US_PER_MIN (60 * ORDO_US_PER_S)
#define ORDO_US_PER_H   (60 * ORDO_US_PER_MIN)
#define ORDO_US_PER_DAY (24 * ORDO_US_PER_H)

struct ordo_clock {
    uint64_t (*monotonic_ns)(void *context); /* never goes back; its zero means nothing */
    uint64_t (*realtime_us)(void *context);  /* since 1970-01-01 UTC; may jump */
    void *context;
};

/* The operating system's clocks. Any thread. */
struct ordo_clock ordo_clock_system(void);

static inline uint64_t ordo_clock_monotonic_ns(const struct ordo_clock *clock)
{
    return clock->monotonic_ns(clock->context);
}

static inline uint64_t ordo_clock_realtime_us(const struct ordo_clock *clock)
{
    return clock->realtime_us(clock->context);
}

#endif
