/* feed_rig.h - a real journal in a fresh folder with a feed beside it, no sockets: commands with
 * made-up outcomes are written by hand, and a model remembers what every update must look like.
 *
 * Asserts are ours, so that unit tests and programs under ThreadSanitizer share it.
 */
#ifndef ORDO_TESTS_FEED_RIG_H
#define ORDO_TESTS_FEED_RIG_H

#include "base/assert.h"
#include "journal/archive.h"
#include "journal/hooks.h"
#include "journal/journal.h"
#include "journal/segment.h"
#include "journal/trim.h"
#include "net/desk.h"
#include "ring/sequencer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FEED_RIG_SEGMENT  (64u << 10)
#define FEED_RIG_CAPACITY 1024
#define FEED_RIG_ORDERS   24
#define FEED_RIG_UPDATES  (1u << 18)
#define FEED_RIG_RECORDS  (1u << 18)
#define FEED_RIG_TIME_US  1700000000000000ull

struct feed_rig_update {
    uint64_t seq;
    uint32_t version;
    uint8_t order;
    uint8_t from;
    uint8_t to;
    bool last; /* of its record */
    uint8_t hash[16];
};

struct feed_rig {
    char dir[64];
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_journal_hooks hooks;
    struct ordo_journal_config config;
    struct ordo_journal *journal;
    struct ordo_server *server; /* only what a feed looks at */
    struct ordo_feed *feed;
    struct ordo_fail fail;

    /* the model */
    uint64_t seq;
    uint64_t update_seq;
    struct ordo_hash128 hash;
    uint32_t versions[FEED_RIG_ORDERS];
    uint64_t last_seq[FEED_RIG_ORDERS];
    struct feed_rig_update *updates; /* by update_seq */
    uint64_t *before;                /* by seq: the order's record before */
    uint8_t *order_of;               /* by seq */
    uint64_t published;              /* records that memory has, too */
};

static inline struct ordo_bytes feed_rig_id(uint32_t order, char text[ORDO_ORDER_ID_MAX + 1])
{
    int size = snprintf(text, ORDO_ORDER_ID_MAX + 1, "order-%u", order);
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)size};
}

static inline uint32_t feed_rig_shop(uint32_t order)
{
    return order % 3;
}

static inline uint32_t feed_rig_moves(uint64_t seq)
{
    return seq % 5 == 0 ? 0 : (uint32_t)(seq % 4);
}

static inline uint64_t feed_rig_time(uint64_t seq)
{
    return FEED_RIG_TIME_US + seq * 10;
}

/* Fills the outcome of a record and the model's updates. */
static inline void feed_rig_decide(
    struct feed_rig *rig, const struct ordo_command *command, struct ordo_outcome *outcome)
{
    uint32_t order = rig->order_of[rig->seq];
    uint32_t moves = feed_rig_moves(rig->seq);
    rig->versions[order] += moves;
    outcome->result = (struct ordo_result){.seq = rig->seq, .version = rig->versions[order]};
    outcome->effect_count = 1;
    outcome->transition_count = moves;
    outcome->effects[0] = (struct ordo_effect){
        .own = true,
        .shop = command->shop,
        .order_id = command->cancel.order_id,
        .prev_seq = rig->before[rig->seq],
        .version = rig->versions[order],
        .flags = (uint32_t)(rig->seq % 8),
        .transition_count = moves,
    };
    for (uint32_t i = 0; i < moves; i++) {
        struct feed_rig_update *update = &rig->updates[rig->update_seq + 1 + i];
        outcome->transitions[i] = (struct ordo_transition){
            (uint8_t)((rig->seq + i) % 12), (uint8_t)((rig->seq + i + 1) % 12), command->kind};
        *update = (struct feed_rig_update){
            .seq = rig->seq,
            .version = rig->versions[order] - moves + 1 + i,
            .order = (uint8_t)order,
            .from = outcome->transitions[i].from,
            .to = outcome->transitions[i].to,
            .last = i + 1 == moves,
        };
    }
    rig->hash = ordo_outcome_hash(outcome, feed_rig_time(rig->seq), rig->update_seq + 1, rig->hash);
    rig->update_seq += moves;
    if (moves != 0) {
        ordo_put_le64(rig->updates[rig->update_seq].hash, rig->hash.low);
        ordo_put_le64(rig->updates[rig->update_seq].hash + 8, rig->hash.high);
    }
}

/* One more record on its way to the disk; false while the ring is full. */
static inline bool feed_rig_push(struct feed_rig *rig)
{
    static struct ordo_outcome outcome;
    uint8_t bytes[2][512];
    char text[ORDO_ORDER_ID_MAX + 1];
    uint64_t cursor;
    if (ordo_sequencer_claim(&rig->sequencer, 1, &cursor) == 0) {
        return false;
    }
    ORDO_ASSERT(rig->seq + 1 < FEED_RIG_RECORDS && rig->update_seq + 4 < FEED_RIG_UPDATES);
    uint64_t seq = ++rig->seq;
    uint32_t order = (uint32_t)(seq * 7919 % FEED_RIG_ORDERS);
    rig->order_of[seq] = (uint8_t)order;
    rig->before[seq] = rig->last_seq[order];
    rig->last_seq[order] = seq;
    struct ordo_command command = {
        .kind = ORDO_KIND_CANCEL,
        .shop = feed_rig_shop(order),
        .cancel = {.order_id = feed_rig_id(order, text)},
    };
    ordo_put_le64(command.id, seq);
    struct ordo_writer out = ordo_writer_over(bytes[0], sizeof(bytes[0]));
    ordo_command_encode(&command, &out);
    uint64_t updates = rig->update_seq;
    feed_rig_decide(rig, &command, &outcome);
    struct ordo_writer decided = ordo_writer_over(bytes[1], sizeof(bytes[1]));
    ordo_outcome_encode(&outcome, seq, &decided);
    ORDO_ASSERT(!out.failed && !decided.failed);
    struct ordo_slot *slot = ordo_ring_slot(&rig->ring, cursor);
    uint64_t heads[2] = {rig->ring.commands.head, rig->ring.outcomes.head};
    *slot = (struct ordo_slot){
        .seq = seq,
        .time_us = feed_rig_time(seq),
        .flags = ORDO_SLOT_JOURNALED,
        .kind = command.kind,
        .update_seq = rig->update_seq,
        .update_count = (uint8_t)(rig->update_seq - updates),
        .command_size = (uint32_t)ordo_writer_size(&out),
        .outcome_size = (uint32_t)ordo_writer_size(&decided),
    };
    for (int i = 0; i < 2; i++) { /* half of a byte ring is more than all slots refer to */
        struct ordo_byte_ring *ring = i == 0 ? &rig->ring.commands : &rig->ring.outcomes;
        const struct ordo_writer *from = i == 0 ? &out : &decided;
        uint32_t size = (uint32_t)ordo_writer_size(from);
        uint64_t released = heads[i] > 1 << 19 ? heads[i] - (1 << 19) : 0;
        uint64_t *at = i == 0 ? &slot->command_at : &slot->outcome_at;
        uint8_t *room = ordo_byte_ring_reserve(ring, released, size, at);
        ORDO_ASSERT(room != NULL);
        memcpy(room, from->begin, size);
        ordo_byte_ring_commit(ring, *at, size);
    }
    ordo_put_le64(ordo_ring_mark(&rig->ring, cursor), rig->hash.low);
    ordo_put_le64(ordo_ring_mark(&rig->ring, cursor) + 8, rig->hash.high);
    ordo_sequencer_publish(&rig->sequencer, cursor);
    return true;
}

static inline void feed_rig_drain(struct feed_rig *rig)
{
    while (!ordo_journal_is_drained(rig->journal)) {
        (void)ordo_journal_do_work(rig->journal);
    }
    ORDO_ASSERT(!ordo_journal_failed(rig->journal));
}

/* What is durable goes to memory, as the publish agent does it. */
static inline void feed_rig_publish(struct feed_rig *rig)
{
    struct ordo_recent *recent = &rig->server->recent;
    char text[ORDO_ORDER_ID_MAX + 1];
    uint64_t n = ordo_sequence_own(&recent->published);
    while (n < rig->update_seq) {
        uint64_t last = n + 1;
        while (!rig->updates[last].last) {
            last++;
        }
        ordo_recent_announce(recent, last);
        for (n++; n <= last; n++) {
            const struct feed_rig_update *u = &rig->updates[n];
            struct ordo_update update = {
                .update_seq = n,
                .seq = u->seq,
                .time_us = feed_rig_time(u->seq),
                .shop = feed_rig_shop(u->order),
                .order_id = feed_rig_id(u->order, text),
                .version = u->version,
                .from = u->from,
                .to = u->to,
                .cause = ORDO_KIND_CANCEL,
                .flags = (uint32_t)(u->seq % 8),
            };
            ordo_recent_put(recent, &update, u->last ? u->hash : NULL);
        }
        n = last;
        ordo_recent_publish(recent, last);
    }
    ordo_sequence_set(&rig->server->head_seq, rig->seq);
}

/* Writes count records in groups that are durable each, then publishes them. */
static inline void feed_rig_write(struct feed_rig *rig, uint64_t count, uint64_t group)
{
    for (uint64_t i = 0; i < count; i++) {
        while (!feed_rig_push(rig)) {
            (void)ordo_journal_do_work(rig->journal);
        }
        if ((i + 1) % group == 0) {
            feed_rig_drain(rig);
        }
    }
    feed_rig_drain(rig);
    feed_rig_publish(rig);
}

static inline enum ordo_err
feed_rig_visit(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

#define FEED_RIG_MUST(call)                                                                        \
    do {                                                                                           \
        enum ordo_err must_ = (call);                                                              \
        if (must_ != ORDO_OK) {                                                                    \
            (void)fprintf(stderr, "%s: %s\n", ordo_err_name(must_), rig->fail.text);               \
            ORDO_ASSERT(must_ == ORDO_OK);                                                         \
        }                                                                                          \
    } while (0)

static inline void feed_rig_take(struct feed_rig *rig, size_t count, size_t size, void **out)
{
    FEED_RIG_MUST(ordo_arena_alloc(&rig->arena, "model", count, size, out));
}

/* A new folder and its journal; memory keeps `recent` updates. */
static inline void feed_rig_open(struct feed_rig *rig, uint32_t recent)
{
    static const uint8_t no_hash[16];
    struct ordo_recovery recovery;
    void *p;
    memset(rig, 0, sizeof(*rig));
    const char *base = getenv("ORDO_TEST_DIR");
    (void)snprintf(
        rig->dir, sizeof(rig->dir), "%.40s/ordo-feed-XXXXXX", base != NULL ? base : "/var/tmp");
    ORDO_ASSERT(mkdtemp(rig->dir) != NULL);
    rig->hooks = (struct ordo_journal_hooks){.allow_small = true};
    rig->config = (struct ordo_journal_config){
        .dir = rig->dir,
        .segment_size = FEED_RIG_SEGMENT,
        .batch_size_max = 8u << 10,
        .durability = ORDO_DURABILITY_OS,
        .hooks = &rig->hooks,
    };
    ordo_arena_init(&rig->arena);
    feed_rig_take(rig, FEED_RIG_UPDATES, sizeof(*rig->updates), &p);
    rig->updates = p;
    feed_rig_take(rig, FEED_RIG_RECORDS, sizeof(*rig->before), &p);
    rig->before = p;
    feed_rig_take(rig, FEED_RIG_RECORDS, sizeof(*rig->order_of), &p);
    rig->order_of = p;
    feed_rig_take(rig, 1, sizeof(*rig->server), &p);
    rig->server = p;
    rig->feed = &rig->server->feed;
    FEED_RIG_MUST(ordo_journal_open(&rig->config, &rig->journal, &rig->fail));
    FEED_RIG_MUST(
        ordo_journal_recover(rig->journal, 0, feed_rig_visit, NULL, &recovery, &rig->fail));
    FEED_RIG_MUST(
        ordo_ring_init(&rig->ring, &rig->arena, FEED_RIG_CAPACITY, 1 << 20, 1 << 20, &rig->fail));
    ordo_sequencer_init(&rig->sequencer, &rig->ring);
    ordo_stage_init(&rig->stage, "journal", &rig->ring, 0);
    ordo_barrier_add(&rig->stage.barrier, &rig->sequencer.published);
    ordo_barrier_add(&rig->sequencer.gate, &rig->stage.sequence);
    FEED_RIG_MUST(ordo_journal_attach(rig->journal, &rig->stage, no_hash, &rig->fail));
    FEED_RIG_MUST(ordo_recent_init(&rig->server->recent, &rig->arena, recent));
    ordo_recent_start(&rig->server->recent, 0, no_hash);
    FEED_RIG_MUST(ordo_feed_init(rig->feed, rig->server, rig->dir, &rig->arena));
}

static inline void feed_rig_close(struct feed_rig *rig)
{
    char command[128];
    ordo_feed_fini(rig->feed);
    ordo_journal_close(rig->journal);
    ordo_arena_fini(&rig->arena);
    (void)snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
    ORDO_ASSERT(system(command) == 0);
}

/* ---- asking ---- */

struct feed_rig_answer {
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_fetch_head head;
    uint32_t count; /* updates or entries that follow in item.body */
    uint64_t next;  /* of a history */
};

static inline void feed_rig_parse(struct ordo_bytes bytes, struct feed_rig_answer *answer)
{
    struct ordo_wire_fault fault;
    ORDO_ASSERT(ordo_reply_open(&answer->reader, bytes, &fault));
    ORDO_ASSERT(answer->reader.request_id == 42 && answer->reader.count == 1);
    ORDO_ASSERT(ordo_reply_next(&answer->reader, &answer->item, &fault));
}

static inline void feed_rig_ask(
    struct feed_rig *rig, const struct ordo_service *service, struct feed_rig_answer *answer)
{
    struct ordo_feed_ask ask = {
        .request_id = 42, .durable_seq = ordo_sequence_get(&rig->server->head_seq)};
    rig->feed->service = *service;
    if (service->kind == ORDO_SERVICE_HISTORY) {
        feed_rig_parse(ordo_feed_history(rig->feed, &ask), answer);
    } else {
        feed_rig_parse(ordo_feed_fetch(rig->feed, &ask), answer);
    }
    if (!answer->item.has_body) {
        return;
    }
    if (service->kind == ORDO_SERVICE_HISTORY) {
        answer->count = ordo_body_history(&answer->item.body, &answer->next);
    } else {
        answer->count = ordo_body_fetch(&answer->item.body, &answer->head);
    }
    ORDO_ASSERT(answer->item.body.error == NULL);
}

static inline void
feed_rig_fetch(struct feed_rig *rig, uint64_t from, uint64_t limit, struct feed_rig_answer *answer)
{
    struct ordo_service service = {.kind = ORDO_SERVICE_FETCH};
    service.fetch.from = from;
    service.fetch.limit = limit;
    feed_rig_ask(rig, &service, answer);
}

/* The next update of an answer is this one of the model. */
static inline void
feed_rig_expect(const struct feed_rig *rig, struct feed_rig_answer *answer, uint64_t update_seq)
{
    struct ordo_update update;
    char text[ORDO_ORDER_ID_MAX + 1];
    const struct feed_rig_update *u = &rig->updates[update_seq];
    ordo_body_fetch_update(&answer->item.body, &update);
    ORDO_ASSERT(answer->item.body.error == NULL);
    ORDO_ASSERT(update.update_seq == update_seq);
    ORDO_ASSERT(update.seq == u->seq);
    ORDO_ASSERT(update.time_us == feed_rig_time(u->seq));
    ORDO_ASSERT(update.shop == feed_rig_shop(u->order));
    ORDO_ASSERT(ordo_bytes_equal(update.order_id, feed_rig_id(u->order, text)));
    ORDO_ASSERT(update.version == u->version);
    ORDO_ASSERT(update.from == u->from && update.to == u->to);
    ORDO_ASSERT(update.cause == ORDO_KIND_CANCEL && update.disposition == 0);
    ORDO_ASSERT(update.flags == u->seq % 8);
}

/* An unfiltered answer from `from` on: every update, no gap, the end of a record, its hash. Returns
 * the last number. */
static inline uint64_t
feed_rig_expect_range(const struct feed_rig *rig, struct feed_rig_answer *answer, uint64_t from)
{
    ORDO_ASSERT(answer->item.form == ORDO_REPLY_QUERY && answer->item.has_body);
    ORDO_ASSERT(answer->head.first == from);
    ORDO_ASSERT(answer->head.last + 1 - from == answer->count);
    for (uint64_t n = from; n <= answer->head.last; n++) {
        feed_rig_expect(rig, answer, n);
    }
    const struct feed_rig_update *last = &rig->updates[answer->head.last];
    ORDO_ASSERT(answer->head.last == 0 || last->last);
    ORDO_ASSERT(memcmp(answer->head.hash, last->hash, sizeof(last->hash)) == 0);
    return answer->head.last;
}

/* Fetches from `from` to the head, one answer after another. */
static inline void feed_rig_refill(struct feed_rig *rig, uint64_t from, uint64_t limit)
{
    static struct feed_rig_answer answer;
    uint64_t next = from;
    do {
        feed_rig_fetch(rig, next, limit, &answer);
        next = feed_rig_expect_range(rig, &answer, next) + 1;
        ORDO_ASSERT(answer.count != 0 || next == answer.head.head + 1);
    } while (next <= answer.head.head);
}

#endif
