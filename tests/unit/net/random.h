/* random.h - random numbers of a test, from a seed that is printed and can be given again.
 * Replay: ORDO_SEED=<seed> <test program> --filter <suite/name>
 */
#ifndef ORDO_TESTS_NET_RANDOM_H
#define ORDO_TESTS_NET_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random {
    uint64_t state;
};

static inline struct random random_begin(const char *test)
{
    const char *given = getenv("ORDO_SEED");
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0)
                                  : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
    fprintf(
        stderr,
        "seed=%llu replay: ORDO_SEED=%llu --filter %s\n",
        (unsigned long long)seed,
        (unsigned long long)seed,
        test);
    return (struct random){seed};
}

/* splitmix64 */
static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(struct random *r, uint64_t bound)
{
    return random_next(r) % bound;
}

/* Any width is as likely as any other, so that every form of an integer is met. */
static inline uint64_t random_wide(struct random *r)
{
    return random_next(r) >> random_below(r, 64);
}

#endif
