/* polled_door.h - the door that the engine's own thread polls: SP framing over ipc and tcp, through
 * an io_uring. Unmodified REQ clients of nng connect to it; README.md §1 is what it speaks.
 *
 * Its thread is the one that calls `work`; it sleeps in the door's ring (`bind`). Memory is taken
 * at open and listen and bounded: a buffer a connection, and two stores over all connections, for
 * frames and for replies.
 */
#ifndef ORDO_NET_POLLED_DOOR_H
#define ORDO_NET_POLLED_DOOR_H

#include "net/door.h"

struct ordo_uring; /* base/uring.h */

/* Zeros stand for the defaults. */
struct ordo_polled_config {
    struct ordo_uring *uring; /* of the thread that will call work; NULL = one of the door's */
    uint32_t connections_max; /* of a listener: 1,024 */
    uint32_t receive_mib;     /* for frames over all connections: 32 */
    uint32_t send_mib;        /* for replies that wait to be sent: 64 */
    uint32_t message_ms;      /* for the greeting, and for a message from its first byte: 10 s */
    uint32_t stall_ms;        /* without progress of replies that wait: 30 s */
};

/* UNAVAILABLE when the kernel denies or lacks io_uring. Starter thread. */
enum ordo_err ordo_polled_door_open(
    const struct ordo_door_host *host,
    const struct ordo_polled_config *config,
    struct ordo_door *door,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
