/* Goal: no update is delivered twice or out of order, and none is missing without a word. Method:
 * frames made by the codec are taken in every wrong way; then one run over a socket made by hand.
 */
#include "net/client/subscription.h"

#include "fake_peer.h"

#include <criterion/criterion.h>

#define UPDATES_MAX 64

struct stream { /* what the server has published */
    struct ordo_hash128 hash[UPDATES_MAX + 1];
    uint8_t node[16];
};

struct seen {
    uint64_t seqs[UPDATES_MAX];
    uint32_t count;
    struct ordo_gap gaps[8];
    uint32_t gap_count;
    uint32_t heartbeats;
    bool stop_at_gap;
    uint64_t stop_at;
};

static struct ordo_update update_of(uint64_t seq)
{
    return (struct ordo_update){
        .update_seq = seq,
        .seq = seq * 2,
        .time_us = 1000 + seq,
        .shop = 3,
        .order_id = {(const uint8_t *)"order-77", 8},
        .version = (uint32_t)seq,
        .from = 1,
        .to = 2,
        .cause = 5};
}

static void stream_init(struct stream *s)
{
    memset(s, 0, sizeof(*s));
    memset(s->node, 0xab, sizeof(s->node));
    for (uint64_t i = 1; i <= UPDATES_MAX; i++) {
        struct ordo_update update = update_of(i);
        s->hash[i] = ordo_update_hash(s->hash[i - 1], &update);
    }
}

static void hash_bytes(struct ordo_hash128 hash, uint8_t out[16])
{
    ordo_put_le64(out, hash.low);
    ordo_put_le64(out + 8, hash.high);
}

static struct ordo_bytes
frame_of(const struct stream *s, uint64_t first, uint64_t last, uint8_t out[ORDO_WIRE_STREAM_MAX])
{
    static uint8_t updates[ORDO_WIRE_STREAM_MAX];
    uint8_t hash[16];
    struct ordo_writer u = ordo_writer_over(updates, sizeof(updates));
    struct ordo_writer w = ordo_writer_over(out, ORDO_WIRE_STREAM_MAX);
    for (uint64_t i = first; i <= last; i++) {
        struct ordo_update update = update_of(i);
        ordo_stream_update(&u, &update);
    }
    hash_bytes(s->hash[last], hash);
    struct ordo_bytes body = {updates, (uint32_t)ordo_writer_size(&u)};
    ordo_stream_updates(&w, s->node, first, hash, (uint32_t)(last - first + 1), body);
    cr_assert_not(w.failed);
    return (struct ordo_bytes){out, (uint32_t)ordo_writer_size(&w)};
}

static struct ordo_bytes
heartbeat_of(const struct stream *s, uint64_t head, uint8_t out[ORDO_WIRE_STREAM_MAX])
{
    struct ordo_heartbeat heartbeat = {.update_seq = head, .durable_seq = head * 2};
    struct ordo_writer w = ordo_writer_over(out, ORDO_WIRE_STREAM_MAX);
    memcpy(heartbeat.node, s->node, 16);
    hash_bytes(s->hash[head], heartbeat.hash);
    ordo_stream_heartbeat(&w, &heartbeat);
    return (struct ordo_bytes){out, (uint32_t)ordo_writer_size(&w)};
}

static bool on_update(void *context, const struct ordo_update *update)
{
    struct seen *seen = context;
    struct ordo_update expected = update_of(update->update_seq);
    cr_assert_eq(update->time_us, expected.time_us);
    cr_assert(ordo_bytes_equal(update->order_id, expected.order_id));
    cr_assert_lt(seen->count, UPDATES_MAX);
    seen->seqs[seen->count++] = update->update_seq;
    return update->update_seq != seen->stop_at;
}

static bool on_gap(void *context, const struct ordo_gap *gap)
{
    struct seen *seen = context;
    cr_assert_lt(seen->gap_count, 8);
    seen->gaps[seen->gap_count++] = *gap;
    return !seen->stop_at_gap;
}

static void on_heartbeat(void *context, const struct ordo_heartbeat *heartbeat)
{
    struct seen *seen = context;
    (void)heartbeat;
    seen->heartbeats++;
}

static struct ordo_subscription *
subscribe(const char *url, const struct ordo_stream_position *from, struct seen *seen)
{
    struct ordo_subscription_config config = {
        .url = url,
        .from = from,
        .on_update = on_update,
        .on_gap = on_gap,
        .on_heartbeat = on_heartbeat,
        .context = seen};
    struct ordo_subscription *s = NULL;
    struct ordo_fail fail;
    cr_assert_eq(ordo_subscription_open(&config, &s, &fail), ORDO_OK, "%s", fail.text);
    return s;
}

static uint8_t bytes[ORDO_WIRE_STREAM_MAX];

static enum ordo_err
take_range(struct ordo_subscription *s, const struct stream *stream, uint64_t first, uint64_t last)
{
    struct ordo_fail fail;
    return ordo_subscription_take(s, frame_of(stream, first, last, bytes), &fail);
}

static enum ordo_err
take_head(struct ordo_subscription *s, const struct stream *stream, uint64_t head)
{
    struct ordo_fail fail;
    return ordo_subscription_take(s, heartbeat_of(stream, head, bytes), &fail);
}

static void assert_seen(const struct seen *seen, uint64_t first, uint64_t last)
{
    cr_assert_eq(seen->count, last - first + 1, "%u updates", seen->count);
    for (uint64_t i = first; i <= last; i++) {
        cr_assert_eq(seen->seqs[i - first], i);
    }
}

static void assert_gap(
    const struct seen *seen, uint32_t index, enum ordo_gap_reason reason, uint64_t a, uint64_t b)
{
    cr_assert_lt(index, seen->gap_count);
    cr_assert_eq(seen->gaps[index].reason, reason);
    cr_assert_eq(seen->gaps[index].first_seq, a);
    cr_assert_eq(seen->gaps[index].last_seq, b);
}

#define URL "ipc:///tmp/ordo-unused"

Test(subscription, delivers_each_update_once_and_in_order)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_head(s, &stream, 0), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 6, 6), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 6, 6), ORDO_OK, "a frame that comes twice is dropped");
    cr_assert_eq(take_range(s, &stream, 3, 9), ORDO_OK, "an overlap gives its new part");
    cr_assert_eq(take_head(s, &stream, 9), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 10, 30), ORDO_OK);
    assert_seen(&seen, 1, 30);
    cr_assert_eq(seen.gap_count, 0);
    cr_assert_eq(seen.heartbeats, 2);
    struct ordo_stream_position position;
    cr_assert(ordo_subscription_position(s, &position));
    cr_assert_eq(position.update_seq, 30);
    cr_assert_eq(position.hash.low, stream.hash[30].low);
    ordo_subscription_close(s);
}

Test(subscription, joins_in_the_middle_and_chains_from_there)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 20, 22), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 23, 25), ORDO_OK);
    assert_seen(&seen, 20, 25);
    cr_assert_eq(seen.gap_count, 0);
    ordo_subscription_close(s);
}

Test(subscription, names_the_range_at_the_next_frame)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 9, 12), ORDO_OK);
    assert_gap(&seen, 0, ORDO_GAP_MISSED, 6, 8);
    cr_assert_eq(take_range(s, &stream, 13, 14), ORDO_OK);
    cr_assert_eq(seen.gap_count, 1, "the chain goes on behind the gap");
    cr_assert_eq(seen.count, 5 + 4 + 2);
    ordo_subscription_close(s);
}

Test(subscription, names_the_range_at_the_heartbeat_when_no_frame_follows)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    cr_assert_eq(take_head(s, &stream, 11), ORDO_OK);
    assert_gap(&seen, 0, ORDO_GAP_MISSED, 6, 11);
    cr_assert_eq(take_range(s, &stream, 12, 12), ORDO_OK);
    cr_assert_eq(seen.gap_count, 1);
    ordo_subscription_close(s);
}

Test(subscription, names_what_was_missed_since_its_position)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_stream_position from = {.update_seq = 7, .hash = stream.hash[7]};
    memcpy(from.node, stream.node, 16);
    struct ordo_subscription *s = subscribe(URL, &from, &seen);
    cr_assert_eq(take_range(s, &stream, 6, 9), ORDO_OK);
    assert_seen(&seen, 8, 9);
    cr_assert_eq(seen.gap_count, 0);
    ordo_subscription_close(s);

    struct seen late = {0};
    s = subscribe(URL, &from, &late);
    cr_assert_eq(take_head(s, &stream, 10), ORDO_OK);
    assert_gap(&late, 0, ORDO_GAP_MISSED, 8, 10);
    ordo_subscription_close(s);
}

Test(subscription, delivers_nothing_of_a_frame_with_another_hash)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    struct ordo_hash128 right = stream.hash[8];
    stream.hash[8].high ^= 1;
    cr_assert_eq(take_range(s, &stream, 6, 8), ORDO_OK);
    stream.hash[8] = right;
    assert_seen(&seen, 1, 5);
    assert_gap(&seen, 0, ORDO_GAP_HASH, 6, 8);
    ordo_subscription_close(s);

    struct seen other = {0};
    s = subscribe(URL, NULL, &other);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    stream.hash[5].low ^= 1;
    cr_assert_eq(take_head(s, &stream, 5), ORDO_OK);
    assert_gap(&other, 0, ORDO_GAP_HASH, 6, 5);
    ordo_subscription_close(s);
}

Test(subscription, notices_another_journal_and_a_stream_that_went_back)
{
    struct stream stream;
    struct seen seen = {0};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    cr_assert_eq(take_head(s, &stream, 3), ORDO_OK);
    assert_gap(&seen, 0, ORDO_GAP_REWOUND, 4, 5);
    stream.node[0] ^= 1;
    cr_assert_eq(take_head(s, &stream, 9), ORDO_OK);
    cr_assert_eq(seen.gaps[1].reason, ORDO_GAP_NODE);
    cr_assert_eq(seen.gap_count, 2);
    cr_assert_eq(take_range(s, &stream, 10, 11), ORDO_OK);
    cr_assert_eq(seen.gap_count, 2);
    ordo_subscription_close(s);
}

Test(subscription, ends_when_a_callback_says_so)
{
    struct stream stream;
    struct seen seen = {.stop_at_gap = true};
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_OK);
    cr_assert_eq(take_range(s, &stream, 9, 12), ORDO_ERR_CLOSED);
    assert_seen(&seen, 1, 5);
    cr_assert_eq(take_range(s, &stream, 13, 13), ORDO_ERR_CLOSED);
    ordo_subscription_close(s);

    struct seen counted = {.stop_at = 3};
    s = subscribe(URL, NULL, &counted);
    cr_assert_eq(take_range(s, &stream, 1, 5), ORDO_ERR_CLOSED);
    assert_seen(&counted, 1, 3);
    ordo_subscription_close(s);
}

Test(subscription, refuses_frames_that_are_none)
{
    struct stream stream;
    struct seen seen = {0};
    struct ordo_fail fail;
    stream_init(&stream);
    struct ordo_subscription *s = subscribe(URL, NULL, &seen);
    struct ordo_bytes whole = frame_of(&stream, 1, 3, bytes);
    for (uint32_t cut = 0; cut < whole.size; cut++) {
        struct ordo_bytes part = {bytes, cut};
        cr_assert_eq(ordo_subscription_take(s, part, &fail), ORDO_ERR_INVALID, "cut %u", cut);
    }
    cr_assert_eq(seen.count, 0);
    ordo_subscription_close(s);
}

Test(subscription, connects_again_and_notices_what_it_missed)
{
    struct fake_peer peer;
    struct stream stream;
    struct seen seen = {0};
    struct ordo_fail fail;
    stream_init(&stream);
    fake_open(&peer);
    struct ordo_subscription *s = subscribe(peer.url, NULL, &seen);
    cr_assert_eq(ordo_subscription_poll(s, 0, &fail), ORDO_OK);
    fake_greet(&peer, 0x20, 0x21);
    struct ordo_bytes frame = frame_of(&stream, 1, 5, bytes);
    fake_write_message(&peer, frame.data, frame.size);
    while (seen.count < 5) {
        cr_assert_eq(ordo_subscription_poll(s, 10, &fail), ORDO_OK);
    }
    fake_hang_up(&peer);
    struct pollfd ready = {.fd = peer.listener, .events = POLLIN};
    while (poll(&ready, 1, 0) == 0) {
        cr_assert_eq(ordo_subscription_poll(s, 5, &fail), ORDO_OK);
    }
    fake_greet(&peer, 0x20, 0x21);
    frame = frame_of(&stream, 8, 9, bytes);
    fake_write_message(&peer, frame.data, frame.size);
    while (seen.count < 7) {
        cr_assert_eq(ordo_subscription_poll(s, 10, &fail), ORDO_OK);
    }
    assert_gap(&seen, 0, ORDO_GAP_MISSED, 6, 7);
    ordo_subscription_close(s);
    fake_close(&peer);
}
