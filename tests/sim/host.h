/* host.h - the machine and the operating system under the simulated node: clocks, threads, sleeps,
 * random bytes, memory.
 *
 * The linker puts these in front of the product's own (CMakeLists.txt lists the symbols), so the
 * product's code runs as it is. Everything that a node takes (memory, fibers) is given back at once
 * when it is killed.
 */
#ifndef ORDO_TESTS_SIM_HOST_H
#define ORDO_TESTS_SIM_HOST_H

#include "simfs.h"

#include <stdbool.h>
#include <stdint.h>

#define HOST_START_US 1700000000000000ull

struct ordo_runner;

struct host_clock {
    uint64_t now_ns;     /* monotonic, and the time of the simulation */
    int64_t wall_off_us; /* wall = start + now + this, but for skew */
    int64_t skew_ppm;    /* the wall clock is fast by so much */
    uint64_t frozen_us;  /* the wall clock stands here; 0 = it goes */
};

extern struct host_clock host_clock;

/* What everything drawn outside of the product's own decisions comes from; one a seed. */
extern struct sim_random host_random;

uint64_t host_wall_us(void);

/* The real clock, for the report. */
uint64_t host_real_ns(void);

/* True with a chance of one in `of`; false for 0. */
bool host_chance(uint32_t of);

/* Asked at every file call of the node: gives way now and then, and does not come back when the
 * process is to die there. */
void host_file_call(void);

/* The process dies at the count-th file call from now; 0 = at none. True once it has. */
void host_die_in(uint32_t count);
bool host_is_dead(void);

/* All fibers and all memory of the node are gone. Scheduler only. */
void host_kill(void);

/* Begins the node's life: what fibers take from now on is the node's. */
void host_begin(void);

#endif
