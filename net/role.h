/* role.h - the names of what a listener may be for. Which kinds each role allows is README.md §1
 * "Roles"; a door only carries the name from the listener to the request. */
#ifndef ORDO_NET_ROLE_H
#define ORDO_NET_ROLE_H

enum ordo_door_role {
    ORDO_ROLE_ALL, /* zero: what a listener has that was given none */
    ORDO_ROLE_CLIENT,
    ORDO_ROLE_DELIVERER,
    ORDO_ROLE_SUBSCRIBER,
    ORDO_ROLE_REPLICA,
    ORDO_ROLE_OPERATOR,
    ORDO_ROLE_COUNT,
};

#endif
