#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t system_monotonic_ns(void *context)
{
    struct timespec t;
    (void)context;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * ORDO_NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t system_realtime_us(void *context)
{
    struct timespec t;
    (void)context;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * ORDO_US_PER_S + (uint64_t)t.tv_nsec / ORDO_NS_PER_US;
}

struct ordo_clock ordo_clock_system(void)
{
    return (struct ordo_clock){
        .monotonic_ns = system_monotonic_ns,
        .realtime_us = system_realtime_us,
        .context = NULL,
    };
}
