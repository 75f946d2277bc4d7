/* script_node.h - a node of a test that does what its script says: two sockets by hand (requests
 * and stream), a journal of made-up updates, one cursor, parked orders. It works when script_work()
 * is called, on the thread of the test, so there is no timing in it.
 */
#ifndef ORDO_TESTS_SCRIPT_NODE_H
#define ORDO_TESTS_SCRIPT_NODE_H

#include "base/hash.h"
#include "net/service.h"
#include "order/outcome.h"
#include "order/result.h"

#include "fake_peer.h"

#define SCRIPT_UPDATES 4096
#define SCRIPT_ORDERS  4 /* update n is of order n % SCRIPT_ORDERS */
#define SCRIPT_PARKS   8

struct script_park {
    uint32_t shop;
    char order_id[33];
    uint64_t first_update;
};

struct script {
    struct fake_peer requests;
    struct fake_peer stream;
    uint8_t node[16];
    uint64_t head;       /* durable updates */
    uint64_t trimmed;    /* up to here they are gone */
    uint64_t damaged;    /* the journal tells this one wrong; 0 = none */
    uint32_t fetch_most; /* updates of one answer */
    uint32_t fetches;
    bool mute;         /* answers nothing */
    bool mute_unparks; /* does them and does not answer */
    bool has_cursor;
    uint64_t acked;
    uint32_t acks;
    uint32_t parks_max;
    uint32_t park_count;
    struct script_park parks[SCRIPT_PARKS];
    uint8_t park_ids[SCRIPT_PARKS][16];
    uint32_t unparks;
    struct ordo_hash128 hash[SCRIPT_UPDATES + 1];
};

static const char *const script_orders[SCRIPT_ORDERS] = {"A-0", "A-1", "A-2", "A-3"};

static inline struct ordo_update script_update(uint64_t seq)
{
    const char *order = script_orders[seq % SCRIPT_ORDERS];
    return (struct ordo_update){
        .update_seq = seq,
        .seq = seq * 2,
        .time_us = 1000 + seq,
        .shop = seq % SCRIPT_ORDERS == 3 ? 9 : 7,
        .order_id = {(const uint8_t *)order, (uint32_t)strlen(order)},
        .version = (uint32_t)(seq / SCRIPT_ORDERS + 1),
        .from = 1,
        .to = 2,
        .cause = 5};
}

static inline void script_rehash(struct script *s)
{
    for (uint64_t i = 1; i <= SCRIPT_UPDATES; i++) {
        struct ordo_update update = script_update(i);
        s->hash[i] = ordo_update_hash(s->hash[i - 1], &update);
    }
}

static inline void script_open(struct script *s)
{
    memset(s, 0, sizeof(*s));
    memset(s->node, 0xab, sizeof(s->node));
    s->fetch_most = 100;
    s->parks_max = SCRIPT_PARKS;
    fake_open(&s->requests);
    fake_open(&s->stream);
    script_rehash(s);
}

static inline void script_hang_up(struct script *s)
{
    fake_hang_up(&s->requests);
    fake_hang_up(&s->stream);
}

static inline void script_close(struct script *s)
{
    fake_close(&s->requests);
    fake_close(&s->stream);
}

static inline void script_hash_bytes(struct ordo_hash128 hash, uint8_t out[16])
{
    ordo_put_le64(out, hash.low);
    ordo_put_le64(out + 8, hash.high);
}

/* ---- the stream ---- */

static inline void script_send(struct script *s, const struct ordo_writer *w)
{
    ORDO_ASSERT(!w->failed);
    if (s->stream.fd >= 0) {
        fake_write_message(&s->stream, w->begin, ordo_writer_size(w));
    }
}

/* `wrong` changes one update of the frame, not its hash. */
static inline void script_publish_as(struct script *s, uint64_t first, uint64_t last, bool wrong)
{
    static uint8_t updates[ORDO_WIRE_STREAM_MAX];
    static uint8_t bytes[ORDO_WIRE_STREAM_MAX];
    uint8_t hash[16];
    struct ordo_writer u = ordo_writer_over(updates, sizeof(updates));
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    for (uint64_t i = first; i <= last; i++) {
        struct ordo_update update = script_update(i);
        update.flags = wrong && i == last ? 1 : 0;
        ordo_stream_update(&u, &update);
    }
    script_hash_bytes(s->hash[last], hash);
    s->head = last > s->head ? last : s->head;
    struct ordo_bytes body = {updates, (uint32_t)ordo_writer_size(&u)};
    ordo_stream_updates(&w, s->node, first, hash, (uint32_t)(last - first + 1), body);
    script_send(s, &w);
}

static inline void script_publish(struct script *s, uint64_t first, uint64_t last)
{
    script_publish_as(s, first, last, false);
}

static inline void script_heartbeat(struct script *s)
{
    uint8_t bytes[256];
    struct ordo_heartbeat heartbeat = {.update_seq = s->head, .durable_seq = s->head * 2};
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    memcpy(heartbeat.node, s->node, 16);
    script_hash_bytes(s->hash[s->head], heartbeat.hash);
    ordo_stream_heartbeat(&w, &heartbeat);
    script_send(s, &w);
}

/* ---- answers ---- */

static inline void script_result(struct ordo_writer *w, uint16_t code)
{
    struct ordo_result result = {.seq = 1, .code = code};
    ordo_reply_result(w, &result);
}

/* The front of a query's result: its body must follow. */
static inline void script_query(struct ordo_writer *w)
{
    ordo_mp_write_array(w, 3);
    ordo_mp_write_uint(w, 0);
    ordo_mp_write_uint(w, 1);
}

static inline bool
script_matches(const struct ordo_fetch_request *fetch, uint32_t shop, uint64_t number)
{
    struct ordo_update update = script_update(number);
    struct ordo_reader list = ordo_reader_over(fetch->orders.raw.data, fetch->orders.raw.size);
    if (fetch->by_shop != 0 && update.shop != shop) {
        return false;
    }
    for (uint32_t i = 0; i < fetch->orders.count; i++) {
        struct ordo_bytes one = ordo_read_bytes(&list, 32);
        if (ordo_bytes_equal(one, update.order_id)) {
            return true;
        }
    }
    return fetch->orders.count == 0;
}

static inline void
script_fetch(struct script *s, const struct ordo_service *service, struct ordo_writer *w)
{
    uint64_t from = service->fetch.from;
    struct ordo_fetch_head head = {.head = s->head};
    uint32_t count = 0;
    s->fetches++;
    if (from > s->head + 1) {
        ordo_service_result(w, ORDO_RESULT_UPDATES_AHEAD, 1);
        return;
    }
    head.first = from <= s->trimmed ? s->trimmed + 1 : from;
    head.last = head.first + s->fetch_most - 1;
    head.last = head.last < s->head ? head.last : s->head;
    script_hash_bytes(s->hash[head.last], head.hash);
    for (uint64_t i = head.first; i <= head.last; i++) {
        count += script_matches(&service->fetch, service->shop, i) ? 1 : 0;
    }
    ordo_service_result(w, 0, 1);
    ordo_fetch_begin(w, &head, count);
    for (uint64_t i = head.first; i <= head.last; i++) {
        struct ordo_update update = script_update(i);
        update.flags = i == s->damaged ? 1 : 0;
        if (script_matches(&service->fetch, service->shop, i)) {
            ordo_fetch_update(w, &update);
        }
    }
}

static inline void script_text(struct ordo_bytes from, char to[33])
{
    ORDO_ASSERT(from.size <= 32);
    memcpy(to, from.data, from.size);
    to[from.size] = '\0';
}

static inline void
script_park(struct script *s, const struct ordo_command *c, struct ordo_writer *w)
{
    for (uint32_t i = 0; i < s->park_count; i++) {
        if (memcmp(s->park_ids[i], c->id, 16) == 0) {
            script_result(w, 0); /* asked again */
            return;
        }
    }
    if (s->park_count == s->parks_max) {
        script_result(w, ORDO_RESULT_PARKS_FULL);
        return;
    }
    struct script_park *park = &s->parks[s->park_count];
    memcpy(s->park_ids[s->park_count++], c->id, 16);
    park->shop = (uint32_t)c->park.order_shop;
    park->first_update = c->park.first_update;
    script_text(c->park.order_id, park->order_id);
    script_result(w, 0);
}

static inline void
script_unpark(struct script *s, const struct ordo_command *c, struct ordo_writer *w)
{
    char order_id[33];
    script_text(c->unpark.order_id, order_id);
    s->unparks++;
    for (uint32_t i = 0; i < s->park_count; i++) {
        if (strcmp(s->parks[i].order_id, order_id) == 0) {
            s->parks[i] = s->parks[--s->park_count];
            script_result(w, 0);
            return;
        }
    }
    script_result(w, ORDO_RESULT_PARK_UNKNOWN);
}

static inline void script_subscriber(struct script *s, struct ordo_writer *w)
{
    if (!s->has_cursor) {
        script_result(w, ORDO_RESULT_SUBSCRIBER_UNKNOWN);
        return;
    }
    script_query(w);
    ordo_mp_write_array(w, 5);
    ordo_mp_write_str(w, (struct ordo_bytes){(const uint8_t *)"mail", 4});
    ordo_mp_write_uint(w, s->acked);
    ordo_mp_write_uint(w, 0);
    ordo_mp_write_uint(w, 0);
    ordo_mp_write_uint(w, s->park_count);
}

/* One parked order a page. */
static inline void script_parks(const struct script *s, uint64_t after, struct ordo_writer *w)
{
    bool has = after < s->park_count;
    script_query(w);
    ordo_mp_write_array(w, 2);
    ordo_mp_write_uint(w, after + 1 < s->park_count ? after + 1 : 0);
    ordo_mp_write_array(w, has ? 1 : 0);
    if (!has) {
        return;
    }
    const struct script_park *park = &s->parks[after];
    ordo_mp_write_array(w, 5);
    ordo_mp_write_uint(w, park->shop);
    ordo_mp_write_str(
        w, (struct ordo_bytes){(const uint8_t *)park->order_id, (uint32_t)strlen(park->order_id)});
    ordo_mp_write_uint(w, park->first_update);
    ordo_mp_write_uint(w, 0);
    ordo_mp_write_bin(w, (struct ordo_bytes){(const uint8_t *)"", 0});
}

static inline void
script_command(struct script *s, const struct ordo_command *c, struct ordo_writer *w)
{
    uint8_t hash[16];
    switch (c->kind) {
    case ORDO_KIND_HEAD:
        script_hash_bytes(s->hash[s->head], hash);
        script_query(w);
        ordo_mp_write_array(w, 5);
        ordo_mp_write_uint(w, s->head * 2);
        ordo_mp_write_uint(w, s->head);
        ordo_mp_write_uint(w, 1);
        ordo_mp_write_bin(w, (struct ordo_bytes){hash, 16});
        ordo_mp_write_uint(w, 0);
        break;
    case ORDO_KIND_SUBSCRIBER:
        script_subscriber(s, w);
        break;
    case ORDO_KIND_SUBSCRIBER_PUT:
        s->acked = s->has_cursor ? s->acked : c->subscriber_put.acked;
        s->has_cursor = true;
        script_result(w, 0);
        break;
    case ORDO_KIND_SUBSCRIBER_ACK:
        ORDO_ASSERT(c->subscriber_ack.acked >= s->acked);
        s->acked = c->subscriber_ack.acked;
        s->acks++;
        script_result(w, 0);
        break;
    case ORDO_KIND_PARKS:
        script_parks(s, c->parks.after, w);
        break;
    case ORDO_KIND_PARK:
        script_park(s, c, w);
        break;
    case ORDO_KIND_UNPARK:
        script_unpark(s, c, w);
        break;
    default:
        script_result(w, 0);
        break;
    }
}

static inline void script_answer(struct script *s)
{
    static uint8_t request[1 << 20];
    static uint8_t reply[1 << 22];
    static uint8_t scratch[ORDO_COMMAND_SIZE_MAX];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_reply_head head = {.durable_seq = s->head * 2};
    bool muted = false;
    uint32_t size = fake_read_message(&s->requests, request, sizeof(request));
    struct ordo_bytes frame = {request + 4, size - 4};
    struct ordo_writer w = ordo_writer_over(reply, sizeof(reply));
    ORDO_ASSERT(ordo_request_open(&reader, frame, &fault));
    memcpy(head.node, s->node, 16);
    ordo_write_raw(&w, request, 4);
    ordo_reply_begin(&w, reader.request_id, &head, reader.count);
    while (reader.next < reader.count) {
        struct ordo_writer space = ordo_writer_over(scratch, sizeof(scratch));
        struct ordo_command command;
        struct ordo_service service;
        if (ordo_request_is_service(&reader)) {
            ORDO_ASSERT(ordo_service_read(&reader, &service, &space, &fault));
            script_fetch(s, &service, &w);
            break;
        }
        ORDO_ASSERT(ordo_request_next(&reader, &command, &space, &fault));
        muted |= s->mute_unparks && command.kind == ORDO_KIND_UNPARK;
        script_command(s, &command, &w);
    }
    ORDO_ASSERT(!w.failed);
    if (!s->mute && !muted) {
        fake_write_message(&s->requests, reply, ordo_writer_size(&w));
    }
}

/* True when there is something to read: not so after a hang-up of the other side. */
static inline bool script_is_ready(struct fake_peer *peer, uint8_t own, uint8_t client)
{
    uint8_t byte;
    struct pollfd listener = {.fd = peer->listener, .events = POLLIN};
    if (poll(&listener, 1, 0) > 0) {
        fake_hang_up(peer);
        fake_greet(peer, own, client);
    }
    if (peer->fd < 0) {
        return false;
    }
    ssize_t n = recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0) {
        fake_hang_up(peer);
    }
    return n > 0;
}

/* Accepts, answers, all that is there now. */
static inline void script_work(struct script *s)
{
    (void)script_is_ready(&s->stream, 0x20, 0x21);
    while (script_is_ready(&s->requests, 0x31, 0x30)) {
        script_answer(s);
    }
}

#endif
