/* follow.h - libordo: the status stream, without a way to skip anything silently. See ordo.h for
 * the rules that hold everywhere.
 */
#ifndef ORDO_LIB_FOLLOW_H
#define ORDO_LIB_FOLLOW_H

#include "ordo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the status stream ---- */

/* A follower delivers every change of every order once and in order, or says what is missing: it
 * checks numbers and rolling hash of the live stream, fills gaps out of the journal, and goes on
 * behind its cursor after a restart of either side. What a program has done (callback returned 0)
 * and what the node knows of it (the cursor) are up to 100 ms or 65,536 changes apart: after a
 * crash these come again. A program that must not do a thing twice keeps `update_seq` with what it
 * did, and starts with ORDO_START_AFTER. */
struct ordo_follower;

struct ordo_change {
    uint64_t update_seq; /* contiguous over everything, first is 1 */
    uint64_t seq;
    uint64_t time_us;
    uint32_t shop;
    uint32_t version; /* of the order, one more with each change */
    const char *order_id;
    uint32_t from; /* enum ordo_status */
    uint32_t to;
    uint32_t cause;    /* kind of the command */
    uint32_t money;    /* enum ordo_money */
    uint32_t flags;    /* enum ordo_mark, after */
    uint32_t tries;    /* how often the callback has failed for it; 0 at first */
    uint32_t replayed; /* 1: of an order that was parked; older than what came before */
};

/* 0: worked off. Anything else: failed; it comes again after a growing pause, and after `tries_max`
 * of that the order is parked, so that the others go on. Runs inside of ordo_follower_poll() and
 * ordo_follower_replay(); must not use the follower, but any other handle. `change` is valid during
 * the call. */
typedef int ordo_on_change(void *context, const struct ordo_change *change);

enum ordo_lost_reason {
    ORDO_LOST_TRIMMED = 1, /* first..last are in the journal no more */
    ORDO_LOST_NODE = 2,    /* the stream belongs to another journal: nothing known holds */
    ORDO_LOST_REWOUND = 3, /* the stream has gone back behind what was delivered: an old backup? */
    ORDO_LOST_DAMAGED = 4  /* the journal's own updates are not those that were hashed */
};

struct ordo_lost {
    uint32_t reason;    /* enum ordo_lost_reason */
    uint64_t first_seq; /* update_seq of what cannot be delivered, both included; */
    uint64_t last_seq;  /* last < first: not known which, if any */
    const char *text;
};

/* Changes are lost for this follower. Rebuild what was derived from them (list pages every order),
 * then return 0: delivery goes on behind the range; after NODE and REWOUND from the node's cursor
 * or the first change on. Anything else, or no callback: the follower stops with ORDO_E_STOPPED. */
typedef int ordo_on_lost(void *context, const struct ordo_lost *lost);

enum ordo_start {
    ORDO_START_CURSOR = 0, /* behind the cursor; a new one, or none: from the first change on */
    ORDO_START_FIRST = 1,
    ORDO_START_NOW = 2,  /* behind what is there when the follower starts */
    ORDO_START_AFTER = 3 /* behind `after` */
};

struct ordo_follower_options {
    const char *url;    /* where the node takes requests */
    const char *stream; /* where it publishes */
    struct ordo_tls_options tls;
    const char *name; /* of the durable cursor, made when it is new; NULL = none */
    uint32_t shop;    /* that the cursor belongs to */
    uint32_t start;   /* enum ordo_start; other than CURSOR: whatever the cursor says */
    uint64_t after;
    uint32_t no_ack;           /* 1: the cursor is not moved */
    uint32_t only_shop;        /* 1: changes of `shop` only */
    const char *const *orders; /* these orders only; copied */
    uint32_t order_count;
    uint32_t tries_max; /* 0 = 5; without a name nothing is parked: the follower tries for ever */
    uint32_t retry_ms;  /* pause after the first failure, doubled each time up to 10 s; 0 = 100 */
    uint32_t zero_;
    ordo_on_change *on_change;
    ordo_on_lost *on_lost;
    void *context;
    uint64_t reserved_[8];
};

/* Checks the options; connects in poll. */
ORDO_API int ordo_follower_open(
    const struct ordo_follower_options *options,
    struct ordo_follower **out,
    struct ordo_error *error) ORDO_LOOK_AT;

/* What was not acknowledged comes again next time: see ordo_follower_flush(). NULL is fine. */
ORDO_API void ordo_follower_close(struct ordo_follower *follower);

/* Receives, repairs, delivers and acknowledges for at most timeout_ms; returns early after a round
 * in which something was delivered. OK also while nobody answers: it connects again by itself.
 * Anything else is for good: STOPPED, INVALID (no stream of Ordo), UNSUPPORTED (the node does not
 * know fetch), or FULL (no more orders can be parked), with the reason. Blocks in poll(2) and in
 * callbacks. */
ORDO_API int ordo_follower_poll(
    struct ordo_follower *follower, uint32_t timeout_ms, struct ordo_error *error) ORDO_LOOK_AT;

/* Blocks until the node knows of everything that was worked off, at most timeout_ms: TIMEOUT. */
ORDO_API int ordo_follower_flush(
    struct ordo_follower *follower, uint32_t timeout_ms, struct ordo_error *error) ORDO_LOOK_AT;

/* Delivers what a parked order has missed, with `replayed` set, and takes it out of the parked ones
 * when the callback has taken all of it. Blocks at most timeout_ms. INVALID: it is not parked here.
 * STOPPED: the callback has failed again, it stays parked; or the stream begins anew. TIMEOUT: call
 * again; where the node may know of no park any more, the order is delivered from here on. */
ORDO_API int ordo_follower_replay(
    struct ordo_follower *follower,
    uint32_t shop,
    const char *order_id,
    uint32_t timeout_ms,
    struct ordo_error *error) ORDO_LOOK_AT;

/* Why the last connection to the node ended or was not made, one line; "" when nothing was wrong so
 * far. Valid until the next call. */
ORDO_API const char *ordo_follower_trouble(const struct ordo_follower *follower);

struct ordo_follower_state {
    uint64_t update_seq; /* the last one worked off (or not for this follower, or parked) */
    uint64_t acked_seq;  /* what the node knows of it */
    uint64_t head_seq;   /* the newest that was heard of */
    uint64_t delivered;  /* to the callback, with success */
    uint64_t refilled;   /* updates that came out of the journal */
    uint64_t gaps;       /* times that live updates were missing */
    uint64_t connects;   /* to the stream */
    uint32_t parked;     /* orders */
    uint32_t live;       /* 1: nothing is missing and the stream stands */
    uint32_t ready;      /* 1: cursor and parked orders are known, and both connections stand */
    uint32_t zero_;
};

/* Writes at most `size` bytes of it: give sizeof(*state). */
ORDO_API void ordo_follower_state(
    const struct ordo_follower *follower, struct ordo_follower_state *state, size_t size);

#ifdef __cplusplus
}
#endif

#endif
