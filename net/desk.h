/* desk.h - the inside of a server: its requests, and what each of its agents owns. Included by
 * server.c and the three agents only.
 *
 *   door ──deliver──▶ inbox ──▶ ingress agent ──put──▶ ring ... durable ──▶ reply agent ──▶ door
 *                                    │ nothing to decide                        ▲
 *                                    └──────────── replies at once ─────────────┘ (the same door)
 *
 * A request belongs to one at a time: the door, the inbox, the ingress agent, and from its last
 * slot on the reply agent. While some of its slots are on their way and others not yet, both look
 * at it, but at different things: what the reply agent reads was written before the slot it is
 * looking at. A wait, alone in its request, is the publish agent's from its slot on.
 */
#ifndef ORDO_NET_DESK_H
#define ORDO_NET_DESK_H

#include "base/arena.h"
#include "base/clock.h"
#include "net/door.h"
#include "net/feed.h"
#include "net/frame.h"
#include "net/inbox.h"
#include "net/lag.h"
#include "net/nng_pub.h"
#include "net/server.h"
#include "net/shed.h"
#include "net/waits.h"

#define ORDO_DOORS_MAX         2
#define ORDO_REFUSAL_TEXTS_MAX 16 /* of one request; further ones have the code alone */
#define ORDO_REFUSALS_SIZE_MAX                                                                     \
    65536                              /* bytes of a reply of refusals alone: 1,024 x 6 + 16 x 128 \
                                        */
#define ORDO_REQUESTS_DEFAULT  4096    /* in flight */
#define ORDO_REQUESTS_MAX      1048576 /* what a token can name, and more than nng can carry */
#define ORDO_HEARTBEAT_DEFAULT 200     /* ms */
#define ORDO_LANE_SAMPLES_MAX  16      /* of one reply, or one frame of updates; more are let go */
#define ORDO_WAIT_REPLY_MAX    65536   /* bytes: 1,024 orders of at most 50 bytes, and a head */

/* Elements of one request that never became slots, in their order. */
struct ordo_refusals {
    struct {
        uint16_t element;
        uint16_t code;
    } list[ORDO_WIRE_COMMANDS_MAX];
    char texts[ORDO_REFUSAL_TEXTS_MAX][ORDO_WIRE_TEXT_MAX + 1];
};

struct ordo_request {
    struct ordo_inbox_item item; /* in the inbox, then in the queue of its class */
    struct ordo_bytes frame;     /* the door's; gone after the reply */
    enum ordo_door_role role;    /* of the listener that it came through */

    /* set before the first slot, then constant */
    uint64_t request_id;
    uint32_t count;
    enum ordo_wire_class class;

    /* ingress agent; `refused` is the reply agent's to read from the last slot on */
    struct ordo_request_reader reader;
    uint32_t refused;  /* elements refused before reader.next */
    uint32_t staged;   /* slots so far */
    uint64_t since_ns; /* when it joined the queue of its class */
};

/* A slot's token: which request, which element of it, how many elements were refused before. */
static inline uint64_t ordo_token(uint32_t request, uint32_t element, uint32_t refused)
{
    return (uint64_t)request << 32 | (uint64_t)element << 16 | refused;
}

static inline uint32_t ordo_token_request(uint64_t token)
{
    return (uint32_t)(token >> 32);
}

static inline uint32_t ordo_token_element(uint64_t token)
{
    return (uint32_t)(token >> 16) & 0xffff;
}

static inline uint32_t ordo_token_refused(uint64_t token)
{
    return (uint32_t)token & 0xffff;
}

/* A command read from a frame, and where the reader stood before it. */
struct ordo_candidate {
    struct ordo_command command;
    uint8_t *scratch; /* ORDO_COMMAND_SIZE_MAX bytes for its lists */
    struct ordo_request_reader before;
    uint32_t refused; /* before it */
};

struct ordo_request_queue {
    struct ordo_request *first;
    struct ordo_request *last;
};

struct ordo_receiving {
    struct ordo_ingress *ingress;
    struct ordo_request_queue queues[ORDO_CLASS_COUNT];
    struct ordo_shed shed; /* how much may wait in them */
    struct ordo_throttle throttle;
    uint64_t now_ns;   /* of this cycle */
    bool door_stopped; /* after a stop: nothing more comes */
    struct ordo_candidate candidates[2];
    uint8_t *buffer; /* ORDO_REFUSALS_SIZE_MAX bytes: replies that need no slot */
};

/* The reply under construction; requests of one class follow each other in the ring. */
struct ordo_lane {
    struct ordo_request *current; /* NULL between two requests */
    struct ordo_writer writer;    /* over ORDO_WIRE_REPLY_MAX bytes */
    uint32_t results;
    uint32_t refused;
    uint32_t sample_count; /* copies: their slots may be gone when the reply is whole */
    struct ordo_stamp_cell samples[ORDO_LANE_SAMPLES_MAX];
};

struct ordo_replying {
    struct ordo_stage *stage;
    uint64_t next_sample; /* ordo_stamps_is_due */
    struct ordo_lane lanes[ORDO_CLASS_COUNT];
};

struct ordo_publishing {
    struct ordo_stage *stage;
    struct ordo_recent *recent; /* the server's */
    struct ordo_command command;
    struct ordo_outcome outcome;
    uint8_t *updates_buffer; /* ORDO_WIRE_STREAM_MAX bytes */
    uint8_t *frame_buffer;   /* ORDO_WIRE_STREAM_MAX bytes */
    struct ordo_writer updates;
    uint64_t first_update_seq; /* of those in `updates` */
    uint32_t count;
    struct ordo_heartbeat head; /* where the stream stands behind this stage */
    uint64_t heartbeat_due_ns;
    bool quiet_told;                         /* a heartbeat has followed the last frame */
    uint64_t slot_last;                      /* the last update of the slot at hand */
    const uint8_t *slot_hash;                /* and the stream hash after it */
    uint64_t next_sample;                    /* ordo_stamps_is_due */
    uint32_t sample_count;                   /* in `updates` */
    uint64_t samples[ORDO_LANE_SAMPLES_MAX]; /* ns, when they became durable */
    struct ordo_lag lag;
    struct ordo_waits waits;
    uint8_t *answer_buffer; /* ORDO_WAIT_REPLY_MAX bytes */
};

/* Marks by which the feed tells the stages' times of the last second or more (feed_stats.c). */
struct ordo_span_marks {
    uint64_t newer_ns; /* when it was taken */
    struct ordo_meter_mark older[ORDO_SPAN_COUNT];
    struct ordo_meter_mark newer[ORDO_SPAN_COUNT];
};

/* A door, and its part of the requests. */
struct ordo_desk_door {
    struct ordo_door door;
    struct ordo_server *server;
    uint32_t first; /* request of the door's number 0 */
    uint32_t count;
};

struct ordo_server {
    struct ordo_server_config config;
    struct ordo_arena arena;
    struct ordo_clock clock;
    struct ordo_desk_door doors[ORDO_DOORS_MAX];
    uint32_t door_count;
    struct ordo_nng_listeners *listeners;
    struct ordo_nng_pub *pub; /* NULL when nothing is published */
    struct ordo_request *requests;
    struct ordo_refusals *refusals; /* one a request; untouched pages cost nothing */
    struct ordo_waker *ingress_waker;

    struct ordo_inbox inbox;
    struct ordo_flag stopping;     /* the starter: what comes from now on is refused */
    struct ordo_sequence taken;    /* ingress: requests out of the inbox */
    struct ordo_sequence refused;  /* ingress: of these, answered without a slot */
    struct ordo_sequence answered; /* reply: the others, apart from */
    struct ordo_sequence waited;   /* publish: those that waited */
    struct ordo_sequence head_seq; /* reply: durable, for heads of replies without a slot */
    struct ordo_sequence head_us;

    struct ordo_counter commands;
    struct ordo_counter malformed;
    struct ordo_counter busy;
    struct ordo_counter shed[ORDO_CLASS_COUNT]; /* whole requests, by class */
    struct ordo_counter waits_refused;          /* publish: no room for their orders */
    struct ordo_counter updates_published;
    struct ordo_counter frames_published;

    struct ordo_span_marks span_marks; /* feed agent */
    struct ordo_spans spans;           /* reply and publish agents write, feed agent reads */
    struct ordo_recent recent;         /* publish agent writes, feed agent reads */
    struct ordo_feed feed;
    ordo_stats_more *more_stats; /* set before the start; NULL = none */
    void *more_context;

    struct ordo_receiving receiving; /* ingress agent */
    struct ordo_replying replying;   /* reply agent */
    struct ordo_publishing publishing;
};

/* Requests that have had their reply, of those taken and not handed to the feed. Any thread. */
static inline uint64_t ordo_server_answered(const struct ordo_server *server)
{
    return ordo_sequence_get(&server->answered) + ordo_sequence_get(&server->refused) +
           ordo_sequence_get(&server->waited);
}

static inline uint32_t
ordo_request_index(const struct ordo_server *server, const struct ordo_request *request)
{
    return (uint32_t)(request - server->requests);
}

/* doors.c: which door has which address, and all doors as one. */
enum ordo_err ordo_doors_open(struct ordo_server *server, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_doors_bind(struct ordo_server *server, struct ordo_waker *waker);
void ordo_doors_start(struct ordo_server *server);
void ordo_doors_stop(struct ordo_server *server);
void ordo_doors_close(struct ordo_server *server);
void ordo_doors_stats(const struct ordo_server *server, struct ordo_door_stats *stats);
uint32_t ordo_doors_work(struct ordo_server *server);
uint64_t ordo_doors_deadline_ns(struct ordo_server *server);
bool ordo_doors_are_drained(struct ordo_server *server);
void ordo_doors_end(struct ordo_server *server);

/* Sends a copy of the bytes as the reply of a request, which is the door's again. The thread that
 * holds the request; does not block. */
void ordo_server_reply(struct ordo_server *server, uint32_t request, struct ordo_bytes bytes);

/* The refusals number `from`..`to`-1 of a request as result elements. The thread that owns them. */
void ordo_refusals_write(
    const struct ordo_refusals *refusals, uint32_t from, uint32_t to, struct ordo_writer *out);

/* The agents: do_work, is_drained, deadline_ns, on_close of each (runner.h). */
uint32_t ordo_ingress_work(void *server);
bool ordo_ingress_is_drained(void *server);
uint64_t ordo_ingress_deadline_ns(void *server);
void ordo_ingress_on_close(void *server);
uint32_t ordo_reply_work(void *server);
bool ordo_reply_is_drained(void *server);
uint32_t ordo_publish_work(void *server);
bool ordo_publish_is_drained(void *server);
uint64_t ordo_publish_deadline_ns(void *server);

#endif
