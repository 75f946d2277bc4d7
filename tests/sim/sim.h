/* sim.h - one seed: a row of worlds, step by step. */
#ifndef ORDO_TESTS_SIM_SIM_H
#define ORDO_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct sim {
    uint64_t seed;
    uint64_t step;
    uint64_t sim_ns; /* of all seeds; pauses of the whole world are not in it */
    uint64_t worlds; /* of all seeds */
    uint64_t digest; /* over everything that happened */
};
extern struct sim sim;

/* The digest of everything that happened; 0 when a promise was broken. */
uint64_t sim_run(uint64_t seed, uint64_t steps);

/* The disk was damaged on purpose: who cannot go on and says so is right. */
bool sim_is_damaged(void);

#endif
