/* role.h - what a listener is for, and which kinds of commands may come through it: README.md §1
 * "Roles" as a table. A door carries the role from the listener to the request, the ingress agent
 * asks for each command. Any thread, pure.
 */
#ifndef ORDO_NET_ROLE_H
#define ORDO_NET_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ordo_door_role {
    ORDO_ROLE_ALL, /* zero: what a listener has that was given none */
    ORDO_ROLE_CLIENT,
    ORDO_ROLE_DELIVERER,
    ORDO_ROLE_SUBSCRIBER,
    ORDO_ROLE_REPLICA,
    ORDO_ROLE_OPERATOR,
    ORDO_ROLE_COUNT,
};

/* "all", "client", ... */
const char *ordo_role_name(enum ordo_door_role role);

/* The role of this name of `size` bytes; false when there is none. */
bool ordo_role_named(const char *name, size_t size, enum ordo_door_role *role);

/* Whether a command of this kind may come through a listener of this role. Kinds that only the
 * server makes are refused elsewhere, for every role. */
bool ordo_role_allows(enum ordo_door_role role, uint8_t kind);

/* Whether any kind of payment facts, acks or operators is allowed: else a request is never of the
 * most urgent class, so that nobody fills the queue of facts with what he may not send. */
bool ordo_role_is_urgent(enum ordo_door_role role);

#endif
