/* shed.h - which requests may wait for the ring, how long, and when the others should come again.
 *
 * Each class has a queue of its own, bounded three ways: in requests, in bytes of frames, and in
 * the time that its oldest request has waited. What finds no room or waits too long is refused with
 * BUSY and a hint; refusing costs no decoding. The queues themselves are the caller's: this module
 * counts and decides, so it can be tested without a server and without a clock.
 *
 * The throttle beside it makes a server slow on purpose, for tests and for an operator who wants
 * the machine for something else.
 *
 * Ingress thread; nothing blocks, nothing is allocated. Times are monotonic.
 */
#ifndef ORDO_NET_SHED_H
#define ORDO_NET_SHED_H

#include "net/frame.h"

#define ORDO_SHED_BYTES_DEFAULT 67108864 /* of all queues together, 64 MiB */
#define ORDO_SHED_RETRY_MIN_MS  20
#define ORDO_SHED_RETRY_MAX_MS  5000

/* One class: how much may wait, how much waits. */
struct ordo_shed_queue {
    uint32_t requests_max;
    uint64_t bytes_max;
    uint64_t wait_ns;  /* for a request in a queue that has stood for ORDO_SHED_STANDING_MS */
    uint64_t burst_ns; /* in one that was empty since then: a burst, or a disk that hesitated */
    uint32_t requests;
    uint64_t bytes;
    uint64_t commands;
    uint64_t empty_ns; /* when it was empty last */
};

struct ordo_shed {
    struct ordo_shed_queue queues[ORDO_CLASS_COUNT];
    /* measured over windows, for the hint */
    uint64_t window_ns; /* begin of this one */
    uint64_t served;    /* commands, in this one */
    uint64_t refused;
    uint64_t served_rate; /* commands a second, smoothed */
    uint64_t refused_rate;
};

/* Room for requests_max requests and bytes_max bytes over all classes; 0 = the default. wait_ms of
 * a class: 0 = the default, else the one limit for standing queues and bursts alike. */
void ordo_shed_init(
    struct ordo_shed *shed,
    uint32_t requests_max,
    uint64_t bytes_max,
    const uint32_t wait_ms[ORDO_CLASS_COUNT],
    uint64_t now_ns);

/* A request of `bytes` and `commands` joins the queue of its class; false: there is no room, refuse
 * it. One request always has room in an empty queue. */
bool ordo_shed_join(
    struct ordo_shed *shed, enum ordo_wire_class class, uint32_t bytes, uint32_t commands);

/* It leaves: its commands are in the ring (served) or it was refused after all. */
void ordo_shed_leave(
    struct ordo_shed *shed,
    enum ordo_wire_class class,
    uint32_t bytes,
    uint32_t commands,
    bool served);

/* Once a cycle: closes the measuring window when it is over, notes which queues are empty. */
void ordo_shed_tick(struct ordo_shed *shed, uint64_t now_ns);

/* True when a request that joined at since_ns has waited too long. */
bool ordo_shed_is_late(
    const struct ordo_shed *shed, enum ordo_wire_class class, uint64_t since_ns, uint64_t now_ns);

/* When to ask again, in ms: the time in which what waits now, in this class and before it, is
 * served at the measured rate or refused, times how many more come than are served. Within
 * ORDO_SHED_RETRY_MIN_MS and _MAX_MS; a client adds its jitter. */
uint32_t ordo_shed_retry_ms(const struct ordo_shed *shed, enum ordo_wire_class class);

/* Commands that were refused without having joined count for the hint too. */
void ordo_shed_refused(struct ordo_shed *shed, uint32_t commands);

/* ---- throttle ---- */

/* rate: commands a second; share: percent of the time in which commands are taken. 0 = no limit;
 * both may be set. */
struct ordo_throttle {
    uint64_t rate;
    uint32_t share;
    int64_t credit; /* millionths of a command that may be taken; below 0 after a large request */
    uint64_t filled_ns;
};

void ordo_throttle_init(
    struct ordo_throttle *throttle, uint64_t rate, uint32_t share, uint64_t now_ns);

/* Whether a request may be taken now. */
bool ordo_throttle_is_open(struct ordo_throttle *throttle, uint64_t now_ns);
void ordo_throttle_take(struct ordo_throttle *throttle, uint32_t commands);

#endif
