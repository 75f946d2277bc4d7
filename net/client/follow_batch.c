#include "net/client/follow_parts.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Updates on their way to the callback. One batch is in work at a time: a live frame or an answer
 * of `fetch`, copied, because the callback may fail in its middle and be asked again seconds later.
 * A batch is walked twice: once to prove its numbers and its hash, once to deliver it, so that
 * nothing of a wrong one reaches the caller. at_hash is that of the end of the last whole batch,
 * which is where the next one begins.
 *
 * Live frames that come while a batch is in work, or while something before them is missing, are
 * kept: as many as follow each other, up to a bound. What does not fit is dropped; the journal has
 * it.
 *
 * The filter and the parked orders come last, behind all checks: so "nothing for you" is proven
 * too.
 */

#define ROUND_CALLS   1024 /* callbacks of one round; sockets wait meanwhile */
#define ROUND_LOOKS   16   /* between two looks at the clock */
#define ROUND_NS      (10 * ORDO_NS_PER_MS)
#define LAGGING_NS    (2 * ORDO_NS_PER_S)
#define RETRY_LAST_MS 10000

static struct ordo_hash128 hash_of(const uint8_t bytes[16])
{
    return (struct ordo_hash128){ordo_get_le64(bytes), ordo_get_le64(bytes + 8)};
}

static bool hash_equal(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* ---- a batch ---- */

static bool copy_bytes(struct ordo_batch *batch, const void *data, size_t size)
{
    if (batch->room < size) {
        uint8_t *grown = realloc(batch->bytes, size);
        if (grown == NULL) {
            return false;
        }
        batch->bytes = grown;
        batch->room = size;
    }
    memcpy(batch->bytes, data, size);
    return true;
}

static bool next_update(struct ordo_batch *batch, struct ordo_update *update)
{
    if (batch->journal) {
        if (batch->left == 0) {
            return false;
        }
        batch->left--;
        ordo_body_fetch_update(&batch->body, update);
        batch->broken = batch->broken || batch->body.error != NULL;
        return !batch->broken;
    }
    struct ordo_wire_fault fault;
    if (batch->frame.next >= batch->frame.count) {
        return false;
    }
    batch->broken = !ordo_stream_next(&batch->frame, update, &fault);
    return !batch->broken;
}

enum proof { PROVEN, UNPROVABLE, MISMATCH, BROKEN };

/* Walks the batch from where the follower stands; the batch itself is not moved. */
static enum proof prove(const struct ordo_follower *f, const struct ordo_batch *batch)
{
    struct ordo_batch walk = *batch;
    struct ordo_hash128 hash = f->at_hash;
    struct ordo_update update;
    uint64_t next = batch->first;
    while (next_update(&walk, &update)) {
        if (update.update_seq != next++) {
            return BROKEN;
        }
        if (update.update_seq > f->at_seq) {
            hash = ordo_update_hash(hash, &update);
        }
    }
    if (walk.broken || next != batch->last + 1) {
        return BROKEN;
    }
    if (!f->hash_known) {
        return UNPROVABLE;
    }
    bool unchecked = ORDO_CANARY(stream_hash_unchecked) || ORDO_CANARY(gap_unseen);
    return unchecked || hash_equal(hash, batch->hash) ? PROVEN : MISMATCH;
}

static void end_batch(struct ordo_follower *f)
{
    struct ordo_batch *batch = &f->batch;
    ORDO_ASSERT(f->at_seq == batch->last);
    f->at_hash = batch->hash;
    f->hash_known = true;
    batch->active = false;
    if (batch->room > 2 * ORDO_WIRE_STREAM_MAX) { /* one of the journal: give its room back */
        free(batch->bytes);
        batch->bytes = NULL;
        batch->room = 0;
    }
}

/* A live frame becomes the batch; false when it does not hold what the node has hashed. */
static bool begin_frame(struct ordo_follower *f, struct ordo_bytes frame)
{
    struct ordo_batch *batch = &f->batch;
    struct ordo_wire_fault fault;
    ORDO_ASSERT(!batch->active);
    if (!copy_bytes(batch, frame.data, frame.size)) {
        return false;
    }
    batch->journal = false;
    batch->broken = false;
    struct ordo_bytes copy = {batch->bytes, frame.size};
    bool opened = ordo_stream_open(&batch->frame, copy, &fault);
    ORDO_ASSERT(opened); /* it was opened when it came */
    batch->first = batch->frame.first_update_seq;
    batch->last = batch->first + batch->frame.count - 1;
    batch->hash = hash_of(batch->frame.heartbeat.hash);
    enum proof proof = prove(f, batch);
    batch->active = proof == PROVEN || proof == UNPROVABLE;
    return batch->active;
}

/* ---- live frames ---- */

void ordo_follow_forget(struct ordo_follower *f)
{
    while (f->kept_count > 0) {
        free(f->kept[f->kept_begin].bytes);
        f->kept_begin = (f->kept_begin + 1) % ORDO_FOLLOW_PENDING_MAX;
        f->kept_count--;
    }
    f->kept_bytes = 0;
    f->batch.active = false;
    f->in_hand = false;
    f->tries = 0;
    f->parking = false;
}

static void keep(struct ordo_follower *f, struct ordo_bytes frame, uint64_t first, uint64_t last)
{
    if (f->kept_count > 0) {
        uint32_t newest = (f->kept_begin + f->kept_count - 1) % ORDO_FOLLOW_PENDING_MAX;
        if (first != f->kept[newest].last + 1 && !ORDO_CANARY(gap_unseen)) {
            return; /* there is a hole before it: head_seq remembers that there is more */
        }
    }
    if (f->kept_count == ORDO_FOLLOW_PENDING_MAX ||
        f->kept_bytes + frame.size > ORDO_FOLLOW_BYTES_MAX) {
        return;
    }
    uint8_t *copy = malloc(frame.size);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, frame.data, frame.size);
    uint32_t place = (f->kept_begin + f->kept_count) % ORDO_FOLLOW_PENDING_MAX;
    f->kept[place] = (struct ordo_kept_frame){copy, frame.size, first, last};
    f->kept_count++;
    f->kept_bytes += frame.size;
}

/* The oldest kept frame becomes the batch when it is its turn. */
static void begin_kept(struct ordo_follower *f)
{
    while (f->kept_count > 0 && !f->batch.active) {
        struct ordo_kept_frame *frame = &f->kept[f->kept_begin];
        if (frame->first > f->at_seq + 1 && !ORDO_CANARY(gap_unseen)) {
            f->gaps += f->behind ? 0 : 1;
            f->behind = true;
            return;
        }
        if (frame->last > f->at_seq) {
            bool good = begin_frame(f, (struct ordo_bytes){frame->bytes, frame->size});
            f->gaps += good ? 0 : 1;
            f->behind = !good; /* what is not as it was hashed, the journal has */
        }
        f->kept_bytes -= frame->size;
        free(frame->bytes);
        f->kept_begin = (f->kept_begin + 1) % ORDO_FOLLOW_PENDING_MAX;
        f->kept_count--;
    }
    if (!f->batch.active && !f->behind && f->head_seq > f->at_seq) {
        f->gaps++;
        f->behind = true;
    }
}

static void on_heartbeat(struct ordo_follower *f, const struct ordo_heartbeat *heartbeat)
{
    uint64_t now = ordo_clock_monotonic_ns(&f->tail.clock);
    bool idle = !f->batch.active && f->kept_count == 0;
    bool ahead = heartbeat->update_seq > f->head_seq && !ORDO_CANARY(gap_at_the_end_unseen);
    f->head_seq = ahead ? heartbeat->update_seq : f->head_seq;
    if (f->step != ORDO_FOLLOW_RUN || !idle) {
        return;
    }
    if (heartbeat->update_seq == f->at_seq) {
        bool same = !f->hash_known || hash_equal(f->at_hash, hash_of(heartbeat->hash));
        f->at_hash = hash_of(heartbeat->hash);
        f->hash_known = true;
        if (!same && !ordo_follow_lost(f, ORDO_LOST_DAMAGED, f->at_seq + 1, f->at_seq)) {
            return;
        }
    }
    if (heartbeat->update_seq >= f->at_seq) {
        f->lagging_ns = 0;
    } else if (f->lagging_ns == 0) {
        f->lagging_ns = now; /* the journal may be a moment ahead of the stream */
    } else if (now - f->lagging_ns > LAGGING_NS) {
        f->behind = true; /* the journal says whether the stream has gone back */
    }
}

static void on_updates(
    struct ordo_follower *f, const struct ordo_stream_reader *reader, struct ordo_bytes frame)
{
    uint64_t first = reader->first_update_seq;
    uint64_t last = first + reader->count - 1;
    if (reader->count == 0) {
        return;
    }
    f->head_seq = last > f->head_seq ? last : f->head_seq;
    if (f->step == ORDO_FOLLOW_RUN && last <= f->at_seq) {
        return; /* a repetition */
    }
    keep(f, frame, first, last);
}

enum ordo_err ordo_follow_frame(void *context, struct ordo_bytes frame, struct ordo_fail *fail)
{
    struct ordo_follower *f = context;
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    if (!ordo_stream_open(&reader, frame, &fault)) {
        return ordo_fail_set(fail, ORDO_ERR_INVALID, "%s: %s", f->tail.sp.url, fault.text);
    }
    if (reader.topic != ORDO_TOPIC_UPDATES && reader.topic != ORDO_TOPIC_HEARTBEAT) {
        return ORDO_OK;
    }
    if (f->node_known && memcmp(f->node, reader.heartbeat.node, sizeof(f->node)) != 0) {
        f->node_changed = true;
        return ORDO_OK;
    }
    if (!f->node_known) {
        memcpy(f->node, reader.heartbeat.node, sizeof(f->node));
        f->node_known = true;
    }
    if (reader.topic == ORDO_TOPIC_HEARTBEAT) {
        on_heartbeat(f, &reader.heartbeat);
    } else {
        on_updates(f, &reader, frame);
    }
    return ORDO_OK;
}

/* ---- the journal ---- */

/* A batch of the journal that does not match: once it is asked for again, then it is told. */
static void on_mismatch(struct ordo_follower *f)
{
    struct ordo_batch *batch = &f->batch;
    if (!f->refetched) {
        f->refetched = true;
        return;
    }
    f->refetched = false;
    if (!ordo_follow_lost(f, ORDO_LOST_DAMAGED, f->at_seq + 1, batch->last)) {
        return;
    }
    f->at_seq = batch->last;
    f->at_hash = batch->hash;
    f->hash_known = true;
}

void ordo_follow_fetched(struct ordo_follower *f, struct ordo_mp_reader body, uint64_t now_ns)
{
    struct ordo_batch *batch = &f->batch;
    struct ordo_fetch_head head;
    ORDO_ASSERT(!batch->active);
    if (!copy_bytes(batch, body.at, (size_t)(body.end - body.at))) {
        ordo_follow_stop(f, ORDO_E_MEMORY, "%s: no memory for a fetch", f->options.url);
        return;
    }
    body.end = batch->bytes + (body.end - body.at);
    body.at = batch->bytes;
    batch->left = ordo_body_fetch(&body, &head);
    batch->body = body;
    batch->journal = true;
    batch->broken = body.error != NULL;
    f->head_seq = head.head > f->head_seq ? head.head : f->head_seq;
    f->ahead_tries = 0;
    if (!batch->broken && head.first > f->at_seq + 1) { /* also when nothing is left behind it */
        if (!ordo_follow_lost(f, ORDO_LOST_TRIMMED, f->at_seq + 1, head.first - 1)) {
            return;
        }
        f->at_seq = head.first - 1;
        f->hash_known = false;
    }
    if (!batch->broken && head.last < head.first) { /* nothing there yet */
        f->behind = f->kept_count > 0 && f->kept[f->kept_begin].first > f->at_seq + 1;
        f->fetch_ns = now_ns + 5 * ORDO_NS_PER_MS;
        return;
    }
    batch->first = head.first;
    batch->last = head.last;
    batch->hash = hash_of(head.hash);
    enum proof proof = batch->broken || head.last <= f->at_seq ? BROKEN : prove(f, batch);
    if (proof == BROKEN) {
        ordo_follow_stop(
            f, ORDO_E_INVALID, "%s: the answer of a fetch is none of this version", f->options.url);
        return;
    }
    if (proof == MISMATCH) {
        on_mismatch(f);
        return;
    }
    f->refetched = false;
    f->refilled += batch->last - f->at_seq;
    batch->active = true;
    f->behind = head.last < head.head; /* else the live frames go on, or show another gap */
}

/* ---- delivery ---- */

static int compare_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool is_wanted(const struct ordo_follower *f, const struct ordo_update *update)
{
    char order_id[ORDO_ORDER_ID_MAX + 1] = "";
    if ((f->options.only_shop != 0 || f->orders != NULL) && update->shop != f->options.shop) {
        return false;
    }
    if (f->orders != NULL) {
        memcpy(order_id, update->order_id.data, update->order_id.size);
        if (bsearch(
                order_id, f->orders, f->options.order_count, sizeof(*f->orders), compare_order) ==
            NULL) {
            return false;
        }
    }
    const struct ordo_parked *parked = ordo_follow_parked(f, update->shop, update->order_id);
    return parked == NULL || parked->doubtful || update->update_seq < parked->first_update;
}

void ordo_follow_change(
    const struct ordo_update *update,
    char order_id[ORDO_ORDER_ID_MAX + 1],
    struct ordo_change *change)
{
    memset(order_id, 0, ORDO_ORDER_ID_MAX + 1);
    memcpy(order_id, update->order_id.data, update->order_id.size);
    *change = (struct ordo_change){
        .update_seq = update->update_seq,
        .seq = update->seq,
        .time_us = update->time_us,
        .shop = update->shop,
        .version = update->version,
        .order_id = order_id,
        .from = update->from,
        .to = update->to,
        .cause = update->cause,
        .money = update->disposition,
        .flags = update->flags};
}

static void on_failure(struct ordo_follower *f)
{
    uint64_t pause_ms = f->options.retry_ms;
    f->tries++;
    for (uint32_t i = 1; i < f->tries && pause_ms < RETRY_LAST_MS; i++) {
        pause_ms *= 2;
    }
    pause_ms = pause_ms < RETRY_LAST_MS ? pause_ms : RETRY_LAST_MS;
    f->retry_ns = ordo_clock_monotonic_ns(&f->tail.clock) + pause_ms * ORDO_NS_PER_MS;
    bool parks = f->options.name != NULL && f->options.no_ack == 0;
    if (parks && f->tries >= f->options.tries_max) {
        f->parking = true;
        f->park = (struct ordo_command){.kind = ORDO_KIND_PARK, .shop = f->options.shop};
    }
}

/* The update in hand; false when the callback could not take it. */
static bool call_back(struct ordo_follower *f)
{
    char order_id[ORDO_ORDER_ID_MAX + 1];
    struct ordo_change change;
    ordo_follow_change(&f->update, order_id, &change);
    change.tries = f->tries;
    f->in_callback = true;
    int taken = f->options.on_change(f->options.context, &change);
    f->in_callback = false;
    if (taken != 0) {
        on_failure(f);
        return false;
    }
    f->delivered++;
    f->tries = 0;
    return true;
}

/* The next update of the batch into the hand; false at its end. */
static bool take_in_hand(struct ordo_follower *f)
{
    while (!f->in_hand) {
        if (!next_update(&f->batch, &f->update)) {
            end_batch(f);
            return false;
        }
        if (f->update.update_seq > f->at_seq) {
            f->in_hand = true;
        }
    }
    return true;
}

uint32_t ordo_follow_deliver(struct ordo_follower *f)
{
    uint64_t begin = ordo_clock_monotonic_ns(&f->tail.clock);
    uint32_t calls = 0;
    if (f->parking || (f->in_hand && begin < f->retry_ns)) {
        return 0;
    }
    if (!f->batch.active && f->asked != ORDO_ASKED_FETCH) {
        begin_kept(f);
    }
    while (f->batch.active && calls < ROUND_CALLS) {
        if (!take_in_hand(f)) {
            begin_kept(f);
            continue;
        }
        if (is_wanted(f, &f->update)) {
            if (!call_back(f)) {
                return calls;
            }
            calls++;
        }
        f->at_seq = f->update.update_seq;
        f->in_hand = false;
        if (calls % ROUND_LOOKS == ROUND_LOOKS - 1 &&
            ordo_clock_monotonic_ns(&f->tail.clock) - begin > ROUND_NS) {
            break;
        }
    }
    return calls;
}
