/* subscription.h - the status stream as a subscriber wants it: every update once, in order, or the
 * range that is missing.
 *
 * The stream comes from nng's PUB, which drops without a word when a subscriber is slow. So each
 * frame is checked before anything of it is delivered: its first number must follow the last one
 * delivered, and the rolling hash over its updates must be the frame's. What is missing is noticed
 * at the next frame, or at the heartbeat when no frame follows. A lost connection is made again;
 * what was missed meanwhile shows as a gap.
 *
 * Joining: with a position, delivery goes on behind it and anything older is a gap. Without one it
 * begins at the first frame or behind the first heartbeat, whichever comes first; the contents of a
 * very first frame cannot be proven, there being no hash before it.
 *
 * This module detects gaps. Filling them from the journal is the caller's, in on_gap.
 * One thread uses a subscription.
 */
#ifndef ORDO_NET_CLIENT_SUBSCRIPTION_H
#define ORDO_NET_CLIENT_SUBSCRIPTION_H

#include "base/err.h"
#include "base/hash.h"
#include "net/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct ordo_subscription;

#define ORDO_GAPS(X)                                                                               \
    X(MISSED, "missed", "updates did not arrive")                                                  \
    X(HASH, "hash", "updates arrived that are not those the server has hashed")                    \
    X(NODE, "node", "the stream belongs to another journal now")                                   \
    X(REWOUND, "rewound", "the stream has gone back behind what was delivered")

enum ordo_gap_reason {
#define ORDO_GAP_ENUM(NAME, name, text) ORDO_GAP_##NAME,
    ORDO_GAPS(ORDO_GAP_ENUM)
#undef ORDO_GAP_ENUM
};

struct ordo_gap {
    enum ordo_gap_reason reason;
    uint64_t first_seq; /* update_seq of the range that was not delivered, both ends included; */
    uint64_t last_seq;  /* last_seq < first_seq: it is not known which updates, if any */
};

/* Short name and sentence of a reason. Any thread. */
const char *ordo_gap_name(enum ordo_gap_reason reason);
const char *ordo_gap_text(enum ordo_gap_reason reason);

/* Where a subscriber stands. */
struct ordo_stream_position {
    uint8_t node[16];
    uint64_t update_seq;      /* the last one delivered */
    struct ordo_hash128 hash; /* of the stream after it */
};

struct ordo_subscription_config {
    const char *url;
    const struct ordo_stream_position *from; /* NULL: join the live stream; copied */
    /* One update; points into the receive buffer. False ends the subscription. */
    bool (*on_update)(void *context, const struct ordo_update *update);
    /* A range that cannot be delivered. True goes on behind it, false ends the subscription. */
    bool (*on_gap)(void *context, const struct ordo_gap *gap);
    /* Each heartbeat, after its checks; may be NULL. */
    void (*on_heartbeat)(void *context, const struct ordo_heartbeat *heartbeat);
    void *context;
};

enum ordo_err ordo_subscription_open(
    const struct ordo_subscription_config *config,
    struct ordo_subscription **out,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_subscription_close(struct ordo_subscription *subscription);

/* Blocks until connected, at most timeout_ms. UNAVAILABLE or INVALID with the reason. */
enum ordo_err ordo_subscription_connect(
    struct ordo_subscription *subscription,
    uint32_t timeout_ms,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Receives for at most timeout_ms and runs the callbacks. OK while it lives (also while it connects
 * again), CLOSED when a callback has ended it, INVALID with the reason when the peer is no such
 * stream. Blocks in poll(2) only. */
enum ordo_err ordo_subscription_poll(
    struct ordo_subscription *subscription,
    uint32_t timeout_ms,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Where it stands; false when that is no point to go on from: nothing was seen yet, or a callback
 * has ended it inside of a frame that could not be proven. */
bool ordo_subscription_position(
    const struct ordo_subscription *subscription, struct ordo_stream_position *position);

/* The checks without the socket: one stream frame as it arrives. Same results as poll. */
enum ordo_err ordo_subscription_take(
    struct ordo_subscription *subscription,
    struct ordo_bytes frame,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
