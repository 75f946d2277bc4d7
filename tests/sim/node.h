/* node.h - the simulated node: the product's own assembly (tools/ordo/assemble.c) on fibers, and
 * the ends that its process may come to.
 */
#ifndef ORDO_TESTS_SIM_NODE_H
#define ORDO_TESTS_SIM_NODE_H

#include "assemble.h"

enum node_role { NODE_LEADER }; /* replicas join here */

enum node_damage {
    NODE_WHOLE,
    NODE_FLIPPED,     /* a bit of its journal is another one */
    NODE_MISDIRECTED, /* a write is missing, and is somewhere else */
};

enum node_phase {
    NODE_DOWN,
    NODE_OPENING, /* recovers */
    NODE_UP,
    NODE_STOPPING,
    NODE_FAILED,  /* its journal has, in the stop */
    NODE_REFUSED, /* did not start: err and fail say why */
};

struct sim_node {
    enum node_role role;
    enum node_phase phase;
    struct ordo_config config;
    struct ordo_node node;
    struct ordo_fail fail;
    enum ordo_err err;
    enum node_damage damaged; /* its disk was: the next start is the last of this world */
    uint64_t starts;
    uint64_t snapshots;
    uint64_t snapshots_of_life;
    uint64_t recoveries_cut; /* killed before they had ended */
};

#define NODES_MAX 1
extern struct sim_node nodes[NODES_MAX];

/* The shape of the next node is drawn: sizes, layout, backend. */
void node_draw(struct sim_node *n);

/* Begins to start it: its fiber will open, recover and serve. */
void node_start(struct sim_node *n);

/* Begins a clean stop. */
void node_stop(struct sim_node *n);

/* The process ends here, or the power goes. */
void node_kill(struct sim_node *n, bool power);

/* Looks whether it failed, died or stopped, and at what is durable. */
void node_look(struct sim_node *n);

#endif
