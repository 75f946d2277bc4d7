#include "net/client/subscription.h"

#include "base/assert.h"
#include "net/client/tail.h"
#include "order/result.h"

#include <stdlib.h>
#include <string.h>

/* A frame is walked twice: once to prove its hash, once to deliver it. So no update of a frame that
 * turns out wrong has reached the caller.
 *
 * The position is (node, update_seq, hash). A frame behind it is dropped, one that overlaps it
 * gives its new part only: the hash chain begins at the position either way. After a gap the chain
 * is broken; the frame behind the gap is delivered unproven, its hash is taken as the new
 * beginning.
 */

struct ordo_subscription {
    struct ordo_subscription_config config;
    struct ordo_tail tail;
    struct ordo_stream_position at;
    bool has_position;
    bool hash_known; /* at.hash is the server's; not so inside of a frame behind a gap */
    bool ended;
};

static const char *const gap_names[] = {
#define GAP_NAME(NAME, name, text) name,
    ORDO_GAPS(GAP_NAME)
#undef GAP_NAME
};

static const char *const gap_texts[] = {
#define GAP_TEXT(NAME, name, text) text,
    ORDO_GAPS(GAP_TEXT)
#undef GAP_TEXT
};

const char *ordo_gap_name(enum ordo_gap_reason reason)
{
    return gap_names[reason];
}

const char *ordo_gap_text(enum ordo_gap_reason reason)
{
    return gap_texts[reason];
}

enum ordo_err ordo_subscription_open(
    const struct ordo_subscription_config *config,
    struct ordo_subscription **out,
    struct ordo_fail *fail)
{
    struct ordo_subscription *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: no memory", config->url);
    }
    s->config = *config;
    if (config->from != NULL) {
        s->at = *config->from;
        s->has_position = true;
        s->hash_known = true;
    }
    enum ordo_err err = ordo_tail_init(&s->tail, config->url, fail);
    if (err != ORDO_OK) {
        free(s);
        return err;
    }
    *out = s;
    return ORDO_OK;
}

void ordo_subscription_close(struct ordo_subscription *subscription)
{
    if (subscription != NULL) {
        ordo_tail_fini(&subscription->tail);
        free(subscription);
    }
}

bool ordo_subscription_position(
    const struct ordo_subscription *subscription, struct ordo_stream_position *position)
{
    *position = subscription->at;
    return subscription->has_position && subscription->hash_known;
}

/* ---- checks ---- */

static struct ordo_hash128 hash_of(const uint8_t bytes[16])
{
    return (struct ordo_hash128){ordo_get_le64(bytes), ordo_get_le64(bytes + 8)};
}

static bool hash_equal(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* Stands at a point that the server has named. */
static void stand_at(
    struct ordo_subscription *s,
    const uint8_t node[16],
    uint64_t update_seq,
    const uint8_t hash[16])
{
    memcpy(s->at.node, node, sizeof(s->at.node));
    s->at.update_seq = update_seq;
    s->at.hash = hash_of(hash);
    s->has_position = true;
    s->hash_known = true;
}

static void
report(struct ordo_subscription *s, enum ordo_gap_reason reason, uint64_t first, uint64_t last)
{
    struct ordo_gap gap = {reason, first, last};
    if (!s->config.on_gap(s->config.context, &gap)) {
        s->ended = true;
    }
}

/* True when the stream is the one of the position, or there is none yet. */
static bool same_node(struct ordo_subscription *s, const uint8_t node[16])
{
    if (!s->has_position || memcmp(s->at.node, node, sizeof(s->at.node)) == 0) {
        return true;
    }
    s->has_position = false;
    report(s, ORDO_GAP_NODE, s->at.update_seq + 1, s->at.update_seq);
    return false;
}

/* Walks the frame from the position on; false when an update cannot be read. */
static bool prove(
    const struct ordo_subscription *s,
    const struct ordo_stream_reader *opened,
    bool *proven,
    struct ordo_wire_fault *fault)
{
    struct ordo_stream_reader reader = *opened;
    struct ordo_hash128 hash = s->at.hash;
    while (reader.next < reader.count) {
        struct ordo_update update;
        if (!ordo_stream_next(&reader, &update, fault)) {
            return false;
        }
        if (update.update_seq > s->at.update_seq) {
            hash = ordo_update_hash(hash, &update);
        }
    }
    *proven = hash_equal(hash, hash_of(opened->heartbeat.hash));
    return true;
}

static void deliver(struct ordo_subscription *s, struct ordo_stream_reader *reader)
{
    while (reader->next < reader->count && !s->ended) {
        struct ordo_update update;
        struct ordo_wire_fault fault;
        bool read = ordo_stream_next(reader, &update, &fault);
        ORDO_ASSERT(read); /* prove() has read it */
        if (update.update_seq <= s->at.update_seq) {
            continue;
        }
        if (!s->config.on_update(s->config.context, &update)) {
            s->ended = true;
        }
        s->at.hash = ordo_update_hash(s->at.hash, &update);
        s->at.update_seq = update.update_seq;
    }
}

static enum ordo_err
take_updates(struct ordo_subscription *s, struct ordo_stream_reader *reader, struct ordo_fail *fail)
{
    const struct ordo_heartbeat *head = &reader->heartbeat;
    struct ordo_wire_fault fault;
    bool proven = false;
    uint64_t first = reader->first_update_seq;
    bool chained = same_node(s, head->node) && s->has_position;
    if (s->ended) {
        return ORDO_ERR_CLOSED;
    }
    if (chained && head->update_seq <= s->at.update_seq) {
        return ORDO_OK; /* seen already */
    }
    if (chained && first > s->at.update_seq + 1) {
        report(s, ORDO_GAP_MISSED, s->at.update_seq + 1, first - 1);
        chained = false;
    }
    if (!chained) {
        stand_at(s, head->node, first - 1, head->hash);
        s->hash_known = false;
    }
    if (s->ended) {
        return ORDO_ERR_CLOSED;
    }
    if (!prove(s, reader, &proven, &fault)) {
        return ordo_fail_set(fail, ORDO_ERR_INVALID, "%s: %s", s->tail.sp.url, fault.text);
    }
    if (chained && !proven) {
        uint64_t from = s->at.update_seq + 1;
        stand_at(s, head->node, head->update_seq, head->hash);
        report(s, ORDO_GAP_HASH, from, head->update_seq);
        return s->ended ? ORDO_ERR_CLOSED : ORDO_OK;
    }
    deliver(s, reader);
    if (s->at.update_seq == head->update_seq) {
        stand_at(s, head->node, head->update_seq, head->hash);
    }
    return s->ended ? ORDO_ERR_CLOSED : ORDO_OK;
}

static void take_heartbeat(struct ordo_subscription *s, const struct ordo_heartbeat *head)
{
    uint64_t at = s->at.update_seq;
    bool known = same_node(s, head->node) && s->has_position;
    if (known && head->update_seq > at) {
        report(s, ORDO_GAP_MISSED, at + 1, head->update_seq);
    } else if (known && head->update_seq < at) {
        report(s, ORDO_GAP_REWOUND, head->update_seq + 1, at);
    } else if (known && !hash_equal(s->at.hash, hash_of(head->hash))) {
        report(s, ORDO_GAP_HASH, at + 1, at);
    }
    if (!s->ended) {
        stand_at(s, head->node, head->update_seq, head->hash);
    }
}

enum ordo_err ordo_subscription_take(
    struct ordo_subscription *subscription, struct ordo_bytes frame, struct ordo_fail *fail)
{
    struct ordo_subscription *s = subscription;
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    if (s->ended) {
        return ORDO_ERR_CLOSED;
    }
    if (!ordo_stream_open(&reader, frame, &fault)) {
        return ordo_fail_set(fail, ORDO_ERR_INVALID, "%s: %s", s->tail.sp.url, fault.text);
    }
    if (reader.topic == ORDO_TOPIC_UPDATES) {
        return take_updates(s, &reader, fail);
    }
    take_heartbeat(s, &reader.heartbeat);
    if (!s->ended && s->config.on_heartbeat != NULL) {
        s->config.on_heartbeat(s->config.context, &reader.heartbeat);
    }
    return s->ended ? ORDO_ERR_CLOSED : ORDO_OK;
}

/* ---- the connection ---- */

static enum ordo_err on_frame(void *context, struct ordo_bytes frame, struct ordo_fail *fail)
{
    return ordo_subscription_take(context, frame, fail);
}

enum ordo_err ordo_subscription_poll(
    struct ordo_subscription *subscription, uint32_t timeout_ms, struct ordo_fail *fail)
{
    struct ordo_tail *tail = &subscription->tail;
    uint64_t now = ordo_clock_monotonic_ns(&tail->clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    if (subscription->ended) {
        return ORDO_ERR_CLOSED;
    }
    for (;;) {
        enum ordo_err err = ordo_tail_work(tail, now, on_frame, subscription, fail);
        if (err != ORDO_OK || now >= end) {
            return err;
        }
        ordo_tail_wait(tail, now, end);
        now = ordo_clock_monotonic_ns(&tail->clock);
    }
}

enum ordo_err ordo_subscription_connect(
    struct ordo_subscription *subscription, uint32_t timeout_ms, struct ordo_fail *fail)
{
    return ordo_tail_connect(&subscription->tail, timeout_ms, fail);
}
