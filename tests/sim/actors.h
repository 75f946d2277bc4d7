/* actors.h - who talks to the node: buyers and operators, gateways, subscribers; all with the
 * project's own client library.
 *
 * What they want is made by the domain rig's generator, which looks at the oracle, so most of it is
 * about something that is there. A command is sent under its id until it has an end; some are asked
 * again later, over any crash in between, and must get the same bytes.
 */
#ifndef ORDO_TESTS_SIM_ACTORS_H
#define ORDO_TESTS_SIM_ACTORS_H

#include <stdbool.h>
#include <stdint.h>

struct actors_counts {
    uint64_t sent;   /* commands, each time */
    uint64_t resent; /* of these, not for the first time */
    uint64_t ok;
    uint64_t refused;
    uint64_t unknown;
    uint64_t callbacks; /* of gateways, behind the first */
    uint64_t restarts;  /* of their own processes */
    uint64_t pauses_us; /* in which the whole world stood still */
};
extern struct actors_counts actors_counts;

/* A new world with everybody in it. */
void actors_begin(uint64_t seed);
void actors_end(void);

/* When the index-th actor has something to do; false past the last. */
bool actors_due_ns(uint32_t index, uint64_t *due_ns);
void actors_act(uint32_t index);

/* New commands are made as long as this is so; what has no end yet goes on. */
void actors_make(bool makes);

/* The history is over: no more commands can be made. */
bool actors_are_done(void);

/* Commands that have no end yet. */
uint32_t actors_open(void);

#endif
