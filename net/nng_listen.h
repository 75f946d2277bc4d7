/* nng_listen.h - binding one URL to a socket of nng, with errors that say what to do. */
#ifndef ORDO_NET_NNG_LISTEN_H
#define ORDO_NET_NNG_LISTEN_H

#include "base/err.h"

#include <stdint.h>

/* socket is the id of an nng socket. An ipc socket gets mode 0600; the file of a dead server is
 * taken over, a living one is not. CONFIG for a URL that is none, UNAVAILABLE for one that cannot
 * be bound. Starter thread. */
enum ordo_err
ordo_nng_listen(uint32_t socket, const char *url, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
