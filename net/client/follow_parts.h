/* follow_parts.h - the inside of a follower (ordo/follow.h), shared by follow.c (the handle and its
 * loop), follow_ask.c (what it asks the node), follow_batch.c (updates: proven, put in order,
 * delivered) and follow_replay.c (parked orders).
 *
 * Inside libordo only; one thread.
 */
#ifndef ORDO_NET_CLIENT_FOLLOW_PARTS_H
#define ORDO_NET_CLIENT_FOLLOW_PARTS_H

#include "net/client/client_parts.h"
#include "net/client/lib_parts.h"
#include "net/client/ordo/follow.h"
#include "net/client/tail.h"

#define ORDO_FOLLOW_PENDING_MAX 1024 /* live frames kept while something before them is missing */
#define ORDO_FOLLOW_BYTES_MAX   (4u << 20) /* bytes of them */
#define ORDO_FOLLOW_PARKS_MAX   1000       /* as many as a node keeps for one subscriber */
#define ORDO_FOLLOW_PATIENCE_MS 5000       /* of one question; then it is asked again */
#define ORDO_FOLLOW_SILENCE_MS  2000       /* a node that does not answer that long is given up */

enum ordo_follow_step {                     /* what is to be known before anything is delivered */
                        ORDO_FOLLOW_HEAD,   /* where the stream is now */
                        ORDO_FOLLOW_CURSOR, /* where this subscriber was */
                        ORDO_FOLLOW_MAKE,   /* the cursor is new */
                        ORDO_FOLLOW_PARKS,  /* which orders are set aside */
                        ORDO_FOLLOW_RUN,
};

enum ordo_follow_asked { /* the one question that is open */
                         ORDO_ASKED_NOTHING,
                         ORDO_ASKED_STEP,  /* that of the step */
                         ORDO_ASKED_FETCH, /* a part of the journal */
                         ORDO_ASKED_PARK,
};

/* Updates that follow each other, of a live frame or of the journal. */
struct ordo_batch {
    uint8_t *bytes; /* a copy */
    size_t room;
    bool active;
    bool journal;
    bool broken; /* could not be read */
    uint64_t first;
    uint64_t last;
    struct ordo_hash128 hash; /* of the stream after `last` */
    struct ordo_stream_reader frame;
    struct ordo_mp_reader body;
    uint32_t left; /* of body */
};

struct ordo_kept_frame {
    uint8_t *bytes;
    uint32_t size;
    uint64_t first;
    uint64_t last;
};

struct ordo_parked {
    uint64_t hash; /* of shop and order */
    uint64_t first_update;
    uint32_t shop;
    bool doubtful; /* an unpark had no answer: delivered here, whatever the node has */
    char order_id[ORDO_ORDER_ID_MAX + 1];
};

struct ordo_follower {
    struct ordo_follower_options options; /* texts are in `names` */
    char name[ORDO_SUBSCRIBER_MAX + 1];
    char (*orders)[ORDO_ORDER_ID_MAX + 1]; /* sorted */

    struct ordo_client *client;
    struct ordo_tail tail;
    enum ordo_follow_step step;
    enum ordo_follow_asked asked;
    bool discard; /* the answer to it belongs to what was before a restart */
    bool ack_asked;
    bool in_callback;
    uint32_t start; /* enum ordo_start, of this attempt */

    /* where it stands: everything up to at_seq is worked off */
    uint8_t node[16];
    bool node_known;
    bool node_changed; /* heard of another one */
    uint64_t at_seq;
    struct ordo_hash128 at_hash; /* after the last whole batch */
    bool hash_known;
    bool refetched; /* a batch of the journal did not match and was asked for again */

    bool behind; /* something before the live frames is missing, or may be */
    uint64_t head_seq;
    uint32_t fetch_limit; /* updates of the next one; 0 = nothing is known of the line */
    uint64_t fetch_ns;    /* not before */
    uint64_t fetched_ns;  /* the last answer */
    uint32_t ahead_tries;
    uint64_t lagging_ns; /* since when heartbeats are behind at_seq; 0 = they are not */

    struct ordo_batch batch;
    struct ordo_update update; /* in hand when in_hand */
    bool in_hand;
    uint32_t tries;
    uint64_t retry_ns;
    bool parking;
    struct ordo_command park; /* kept, with its id, until its end is known */
    uint64_t parks_after;     /* the page of parks to ask for */
    struct ordo_parked *parks;
    uint32_t park_count;

    struct ordo_kept_frame *kept; /* ring of ORDO_FOLLOW_PENDING_MAX */
    uint32_t kept_begin;
    uint32_t kept_count;
    size_t kept_bytes;

    uint64_t acked_seq;
    uint64_t ack_sent_seq;
    uint64_t ack_ns; /* when the last one was sent */

    uint64_t delivered;
    uint64_t refilled;
    uint64_t gaps;
    struct ordo_error stopped; /* .code is not OK: for good */
};

/* ---- follow.c ---- */

/* Ends the follower for good with a reason. */
void ordo_follow_stop(struct ordo_follower *f, int code, const char *format, ...) ORDO_PRINTF(3, 4);

/* Tells the caller what is lost; false when the follower has stopped over it. */
bool ordo_follow_lost(
    struct ordo_follower *f, enum ordo_lost_reason reason, uint64_t first, uint64_t last);

/* Begins anew, as with another journal. */
void ordo_follow_restart(struct ordo_follower *f);

/* ---- follow_ask.c ---- */

void ordo_follow_answers(
    void *context, void *user, const struct ordo_answer *answers, uint32_t count);

/* Asks what is to be asked, acknowledges what is to be acknowledged. */
void ordo_follow_ask(struct ordo_follower *f, uint64_t now_ns);

/* When an acknowledgement is due; UINT64_MAX = none is owed. */
uint64_t ordo_follow_ack_due(const struct ordo_follower *f);

/* ---- follow_batch.c ---- */

/* A frame of the stream as it came. */
enum ordo_err ordo_follow_frame(void *context, struct ordo_bytes frame, struct ordo_fail *fail);

/* Takes the body of a fetch from at_seq + 1 on. */
void ordo_follow_fetched(struct ordo_follower *f, struct ordo_mp_reader body, uint64_t now_ns);

/* Delivers for a while; how many callbacks have succeeded. */
uint32_t ordo_follow_deliver(struct ordo_follower *f);

/* Forgets kept frames and the batch. */
void ordo_follow_forget(struct ordo_follower *f);

void ordo_follow_change(
    const struct ordo_update *update,
    char order_id[ORDO_ORDER_ID_MAX + 1],
    struct ordo_change *change);

/* ---- follow_replay.c ---- */

struct ordo_parked *
ordo_follow_parked(const struct ordo_follower *f, uint32_t shop, struct ordo_bytes order_id);
bool ordo_follow_park(
    struct ordo_follower *f, uint32_t shop, struct ordo_bytes order_id, uint64_t first_update);

#endif
