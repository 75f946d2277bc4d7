/* door.h - the port between a transport and the server: whole request frames in, reply bytes out.
 *
 * A door owns sockets, framing and the memory of frames; it knows nothing of what is in them. It is
 * given a range of request numbers; each stands for one request in flight, so that range bounds
 * what a door may hold. The life of a number: the door delivers a frame under it; the server reads
 * the frame until it replies; the reply gives the number and the frame's memory back to the door.
 *
 * nng_door.c speaks cooked REP on threads of nng. polled_door.c has no threads: the ingress agent's
 * thread works it, and sleeps in it.
 */
#ifndef ORDO_NET_DOOR_H
#define ORDO_NET_DOOR_H

#include "base/bytes.h"
#include "base/err.h"
#include "net/role.h"
#include "ring/wait.h"

/* What the server gives a door. */
struct ordo_door_host {
    /* A whole frame under a number of the door's own that is not in use, and the role of the
     * listener that it came through; the frame stays valid until the reply. Any thread, does not
     * block. */
    void (*deliver)(
        void *self, uint32_t request, enum ordo_door_role role, struct ordo_bytes frame);
    void *self;
    uint32_t request_count; /* numbers 0..request_count-1 are the door's */
    uint32_t size_max;      /* bytes of a frame; a longer one closes its connection */
};

struct ordo_door_stats {
    uint64_t sent;
    uint64_t failed; /* replies that a connection did not take: its client has gone, or reads too
                        slowly */

    /* connections, where the door is the one that counts them */
    uint64_t accepted;
    uint64_t refused; /* more than a listener may have */
    uint64_t cut;     /* over a time limit, or not speaking the protocol */
};

struct ordo_door {
    const char *name;
    void *self;

    /* Binds; connections may come from now on and wait. What comes through it has the role. Starter
     * thread. UNAVAILABLE or CONFIG. */
    enum ordo_err (*listen)(
        void *self, enum ordo_door_role role, const char *url, struct ordo_fail *fail);

    /* The functions of a door that has no thread of its own, else NULL. The thread that works
     * it is to sleep in it (before start); one duty cycle, the work count; when there will be work
     * by time; everything delivered is answered and sent, as far as a stop waits for it; and on the
     * same thread, after the last cycle, breaking off what is left. */
    void (*bind)(void *self, struct ordo_waker *waker);
    uint32_t (*work)(void *self);
    uint64_t (*deadline_ns)(void *self);
    bool (*is_drained)(void *self);
    void (*end)(void *self);

    /* Begins to deliver. Starter thread. */
    void (*start)(void *self);

    /* Delivers nothing more, except what is on its way at this moment. Any thread. */
    void (*stop)(void *self);

    /* Answers a delivered request with a copy of the bytes; the frame is gone after it. Any thread,
     * the one that holds the request at that moment; does not block. */
    void (*reply)(void *self, uint32_t request, struct ordo_bytes bytes);

    /* Any thread. */
    void (*stats)(const void *self, struct ordo_door_stats *stats);

    /* Waits, bounded, for replies on their way, then closes and frees everything. Starter thread.
     */
    void (*close)(void *self);
};

#endif
