/* nng_door.h - the door of nng: REQ/REP over ipc, tcp and whatever else nng speaks. */
#ifndef ORDO_NET_NNG_DOOR_H
#define ORDO_NET_NNG_DOOR_H

#include "net/door.h"
#include "net/nng_listen.h"

/* Its addresses are bound in `listeners`, which must outlive it. Starter thread; may block while
 * nng starts its threads. NO_MEMORY or UNAVAILABLE. */
enum ordo_err ordo_nng_door_open(
    const struct ordo_door_host *host,
    struct ordo_nng_listeners *listeners,
    struct ordo_door *door,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
