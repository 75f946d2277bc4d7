/* plague.h - what befalls the node: starts, kills, power cuts, sick disks, clocks that jump,
 * damage.
 *
 * Each world draws a subset (swarm), and how often.
 */
#ifndef ORDO_TESTS_SIM_PLAGUE_H
#define ORDO_TESTS_SIM_PLAGUE_H

#include "node.h"

struct plague_counts {
    uint64_t kills;
    uint64_t cuts;
    uint64_t stops;
    uint64_t deep;
    uint64_t exits;      /* after a failed write */
    uint64_t stop_exits; /* of these, while it stopped */
    uint64_t wall_jumps;
    uint64_t held;
    uint64_t refused; /* starts for want of a disk that works */
    uint64_t damage_refused;
    uint64_t damage_cut;
    uint64_t damage_survived;
};

extern struct plague_counts plague_counts;

/* A new world: its faults are drawn, and the node is to be started. */
void plague_begin(void);

/* From now on nothing goes wrong. */
void plague_end(void);

/* When the node is to be started; UINT64_MAX = it runs. */
uint64_t plague_start_ns(void);
void plague_start(struct sim_node *n);

/* After each step: what has become of the node, and what befalls it now. */
void plague_look(struct sim_node *n);
void plague_strike(struct sim_node *n);

/* Its disk was damaged, and the start that followed has ended one way or the other. */
bool plague_is_over(void);

#endif
