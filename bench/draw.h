/* draw.h - random numbers that a seed repeats: splitmix64 (S. Vigna, public domain). No state but
 * the caller's. Pure. */
#ifndef ORDO_BENCH_DRAW_H
#define ORDO_BENCH_DRAW_H

#include <stdint.h>

static inline uint64_t ordo_draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* 0..below-1; below > 0. The bias is below 2^-32 for what a benchmark asks. */
static inline uint32_t ordo_draw_below(uint64_t *state, uint32_t below)
{
    return (uint32_t)(((ordo_draw(state) >> 32) * below) >> 32);
}

/* From 0 to below 1. */
static inline double ordo_draw_share(uint64_t *state)
{
    return (double)(ordo_draw(state) >> 11) * 0x1p-53;
}

/* The beginning of the numbers that belong to one of many things. */
static inline uint64_t ordo_draw_of(uint64_t seed, uint64_t index)
{
    uint64_t state = seed ^ (index * 0xd1342543de82ef95ull);
    return ordo_draw(&state);
}

#endif
