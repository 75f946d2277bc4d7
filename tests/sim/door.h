/* door.h - the node's side of the network: the transport port (net/door.h) and the socket of the
 * status stream, speaking the SP framing of the real ones over net.h.
 */
#ifndef ORDO_TESTS_SIM_DOOR_H
#define ORDO_TESTS_SIM_DOOR_H

#include <stdint.h>

struct door_counts {
    uint64_t requests;
    uint64_t replies;
    uint64_t lost_replies; /* whose connection had gone */
};
extern struct door_counts door_counts;

/* Takes the bytes of one connection that have come. Scheduler only. */
void door_step(void);

/* The process is gone with everything it held. */
void door_kill(void);

#endif
