/* race.h - what the race programs share: a seed that is printed, cheap random numbers, a time
 * limit.
 *
 * They run under ThreadSanitizer and in every other build. A program that hangs is ended by
 * SIGALRM.
 */
#ifndef ORDO_TESTS_RACE_H
#define ORDO_TESTS_RACE_H

#include "base/assert.h"
#include "ring/wait.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RACE_SECONDS_MAX 240

struct race_random {
    uint64_t state;
};

static inline struct race_random race_random_of(uint64_t seed)
{
    return (struct race_random){seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u};
}

static inline uint32_t race_random(struct race_random *r, uint32_t bound)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return (uint32_t)(r->state >> 33) % bound;
}

/* Lets other interleavings happen: mostly nothing, sometimes a short spin, rarely a yield. */
static inline void race_stumble(struct race_random *r)
{
    uint32_t dice = race_random(r, 64);
    if (dice == 0) {
        (void)sched_yield();
    } else if (dice < 8) {
        ordo_wait_pause(race_random(r, 64));
    }
}

/* argv[1] is the seed, else ORDO_SEED, else the clock. */
static inline uint64_t race_begin(int argc, char **argv)
{
    const char *given = argc > 1 ? argv[1] : getenv("ORDO_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf(
        "seed=%llu (replay: %s %llu)\n",
        (unsigned long long)seed,
        argv[0],
        (unsigned long long)seed);
    (void)fflush(stdout);
    (void)alarm(RACE_SECONDS_MAX);
    return seed;
}

#endif
