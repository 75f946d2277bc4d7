/* nng_listen.h - the addresses of a server: binding them with errors that say what to do, and
 * keeping those of ipc accepting.
 */
#ifndef ORDO_NET_NNG_LISTEN_H
#define ORDO_NET_NNG_LISTEN_H

#include "base/err.h"
#include "net/role.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_LISTENERS_MAX 16 /* addresses of one server */

struct ordo_nng_listeners;

/* An empty set. Starter thread. */
enum ordo_err
ordo_nng_listeners_open(struct ordo_nng_listeners **out, struct ordo_fail *fail) ORDO_MUST_USE;

/* The certificates for addresses of tls+tcp; they are read when one is bound, and must live until
 * then. Starter thread. */
void ordo_nng_listeners_use(
    struct ordo_nng_listeners *listeners, const struct ordo_tls_files *files);

/* Binds one address for a socket of nng, given by its id; what comes through it has the role. An
 * ipc socket gets mode 0600; the file of a dead server is taken over, a living one's is not. CONFIG
 * for a URL that is none, UNAVAILABLE for one that cannot be bound. Starter thread, before start.
 */
enum ordo_err ordo_nng_listen(
    struct ordo_nng_listeners *listeners,
    uint32_t socket,
    enum ordo_door_role role,
    const char *url,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The role of nng's listener of this id; false when it is none in force: it was bound anew, and its
 * connections are gone. Any thread. */
bool ordo_nng_listener_role(
    const struct ordo_nng_listeners *listeners, int id, enum ordo_door_role *role);

/* Starts the thread that looks after the ipc sockets. When the system refuses the thread, only that
 * care is missing: it is logged. Starter thread. */
void ordo_nng_listeners_start(struct ordo_nng_listeners *listeners);

/* Ends the thread and frees the set; the sockets are closed by their owners, after this. */
void ordo_nng_listeners_close(struct ordo_nng_listeners *listeners);

#endif
