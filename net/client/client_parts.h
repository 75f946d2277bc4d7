/* client_parts.h - the inside of a client, shared by client.c (requests) and client_io.c (the
 * connection).
 *
 * Inside libordo only; one thread.
 */
#ifndef ORDO_NET_CLIENT_CLIENT_PARTS_H
#define ORDO_NET_CLIENT_CLIENT_PARTS_H

#include "base/clock.h"
#include "net/client/request.h"

#define ORDO_CLIENT_RANDOM 4096 /* bytes taken from the kernel at once */

/* Requests in flight by the low bits of their wire id; the bits above them grow, so that a late
 * reply to an ended request meets no other one. */
struct ordo_client {
    struct ordo_client_config config;
    struct ordo_sp sp;
    struct ordo_clock clock;

    struct ordo_request **slots;
    uint32_t slot_count; /* a power of two, at least requests_max */
    uint32_t slot_hint;  /* where to look for a free one */
    uint32_t generation;
    uint32_t in_flight;

    struct ordo_request *oldest; /* all, by age */
    struct ordo_request *newest;
    struct ordo_request *queue; /* to be sent */
    struct ordo_request *queue_end;

    uint64_t timer_ns;   /* no deadline and no retry comes before */
    uint64_t connect_ns; /* when to connect next, while closed */
    uint64_t connect_pause_ns;
    uint64_t heard_ns; /* when the peer last said something, or was first asked */
    uint64_t rest_ns;  /* a wait may rest at the server until then: silence counts from there */
    uint8_t node[16];  /* of the last reply */
    struct ordo_fail last_fail;
    struct ordo_client_stats stats;

    uint8_t *encode; /* ORDO_WIRE_REQUEST_MAX bytes */
    uint32_t sizes[ORDO_WIRE_COMMANDS_MAX];
    struct ordo_answer answers[ORDO_WIRE_COMMANDS_MAX];
    struct ordo_request
        *called; /* the ended request of ordo_client_call, kept until the next call */
    uint16_t called_code;
    bool in_callback;

    uint8_t random[ORDO_CLIENT_RANDOM];
    size_t random_left;
};

/* client.c */

/* Puts a request at the end of the send queue. */
void ordo_client_enqueue(struct ordo_client *client, struct ordo_request *request);

/* Takes a request out of everything, answers it and frees it. `code` is for commands without an
 * answer. */
void ordo_client_finish(struct ordo_client *client, struct ordo_request *request, uint16_t code);

/* client_id.c */
bool ordo_client_id_is_zero(const uint8_t id[ORDO_ID_SIZE]);
uint64_t ordo_client_random(struct ordo_client *client);

/* client_io.c: one round of work without waiting; returns how many requests have ended. */
uint32_t ordo_client_work(struct ordo_client *client, uint64_t now_ns);

/* When the next round is due even if the socket is silent; UINT64_MAX = never. */
uint64_t ordo_client_due_ns(const struct ordo_client *client);

#endif
