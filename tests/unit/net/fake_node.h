/* fake_node.h - a server around a ring whose apply only echoes: every command is OK, makes one
 * update and is durable at once. Everything else is real: ingress, ring, agents, nng.
 *
 * A node runs its agents on one thread (node_run), or the test calls them itself, step by step.
 */
#ifndef ORDO_TESTS_NET_FAKE_NODE_H
#define ORDO_TESTS_NET_FAKE_NODE_H

#include "base/clock.h"
#include "net/frame.h"
#include "net/server.h"
#include "order/query.h"
#include "order/result.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NODE_COMMAND_BYTES (1u << 20)
#define NODE_OUTCOME_BYTES (1u << 22)
#define NODE_RING_MAX      4096
#define NODE_WAIT_MS       10000

struct node {
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage apply;
    struct ordo_stage journal; /* passes what is applied, at once unless unflushed */
    struct ordo_stage reply;
    struct ordo_stage publish;
    struct ordo_sequence deadline_us;
    struct ordo_timekeeper keeper;
    struct ordo_ingress ingress;
    struct ordo_runner runner;
    struct ordo_server *server;
    struct ordo_server_config config;
    atomic_bool held;      /* nothing is applied meanwhile */
    atomic_bool unflushed; /* nothing becomes durable meanwhile */
    char directory[64];
    char url[128];
    char publish_url[128];
    /* apply's */
    uint64_t seq;
    uint64_t update_seq;
    struct ordo_hash128 hash;
    uint32_t cards_size; /* bytes of the body of CARDS: to fill replies */
    uint64_t outcome_ends[NODE_RING_MAX];
};

static inline void node_hash(void *context, const struct ordo_update *update)
{
    struct node *n = context;
    n->hash = ordo_update_hash(n->hash, update);
    n->update_seq = update->update_seq;
}

static inline void node_decide(
    struct node *n, struct ordo_slot *slot, struct ordo_command *command, struct ordo_writer *out)
{
    static struct ordo_outcome outcome;
    memset(&outcome, 0, sizeof(outcome));
    outcome.result = (struct ordo_result){.seq = ++n->seq, .version = command->shop, .state = 1};
    outcome.effect_count = 1;
    outcome.transition_count = 1;
    outcome.transitions[0] = (struct ordo_transition){0, 1, command->kind};
    struct ordo_bytes order_id = ordo_command_order_id(command);
    outcome.effects[0] = (struct ordo_effect){
        .own = order_id.size != 0,
        .shop = command->shop,
        .order_id = order_id.size != 0 ? order_id : (struct ordo_bytes){(const uint8_t *)"none", 4},
        .version = command->shop + 1, /* after its one transition */
        .transition_count = 1,
    };
    ordo_outcome_encode(&outcome, n->seq, out);
    slot->flags |= ORDO_SLOT_JOURNALED;
    slot->update_count = 1;
    ordo_outcome_updates(&outcome, slot->time_us, n->update_seq + 1, node_hash, n);
}

static inline void node_query(struct node *n, uint8_t kind, struct ordo_writer *out)
{
    bool known = kind == ORDO_KIND_HEAD || kind == ORDO_KIND_CARDS;
    uint16_t code = known ? ORDO_RESULT_OK : ORDO_RESULT_ORDER_UNKNOWN;
    ordo_result_encode(&(struct ordo_result){.code = code}, 0, out);
    if (!known) {
        return;
    }
    if (kind == ORDO_KIND_CARDS) { /* a body of the size that the test asked for */
        static const uint8_t sealed[1000];
        ordo_write_varint(out, n->cards_size / 1000);
        for (uint32_t i = 0; i < n->cards_size / 1000; i++) {
            ordo_write_varint(out, i);
            ordo_write_bytes(out, (struct ordo_bytes){sealed, sizeof(sealed)});
        }
        return;
    }
    struct ordo_head_view head = {.seq = n->seq, .update_seq = n->update_seq};
    ordo_head_view_encode(&head, out);
}

/* Every order that is waited for is unknown. */
static inline void node_wait(const struct ordo_wait *wait, struct ordo_writer *out)
{
    struct ordo_reader in = ordo_reader_over(wait->orders.raw.data, wait->orders.raw.size);
    ordo_result_encode(&(struct ordo_result){.code = ORDO_RESULT_OK}, 0, out);
    ordo_write_varint(out, wait->orders.count);
    for (uint32_t i = 0; i < wait->orders.count; i++) {
        struct ordo_waited_view view = {.order_id = ordo_read_bytes(&in, ORDO_ORDER_ID_MAX)};
        ordo_waited_view_encode(&view, out);
    }
}

/* Some command kinds the fake does not decide: it takes creates, facts, acks and cancels, and
 * answers HEAD and CARDS. */
static inline uint32_t node_decide_work(void *self)
{
    struct node *n = self;
    uint32_t count = atomic_load(&n->held) ? 0 : ordo_stage_available(&n->apply);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cursor = n->apply.next;
        struct ordo_slot *slot = ordo_ring_slot(&n->ring, cursor);
        struct ordo_command command;
        uint64_t gate = ordo_sequencer_gate(&n->sequencer);
        uint8_t *room = ordo_byte_ring_reserve(
            &n->ring.outcomes,
            n->outcome_ends[gate % NODE_RING_MAX],
            ORDO_QUERY_SIZE_MAX,
            &slot->outcome_at);
        if (room == NULL) {
            return i;
        }
        struct ordo_writer out = ordo_writer_over(room, ORDO_QUERY_SIZE_MAX);
        cr_assert(ordo_command_decode(ordo_ring_command(&n->ring, slot), &command));
        if (command.kind == ORDO_KIND_WAIT) {
            node_wait(&command.wait, &out);
        } else if (ordo_kind_is_query(command.kind)) {
            node_query(n, command.kind, &out);
        } else if (!ordo_kind_is_internal(command.kind)) {
            node_decide(n, slot, &command, &out);
        }
        cr_assert(!out.failed);
        slot->outcome_size = (uint32_t)ordo_writer_size(&out);
        ordo_byte_ring_commit(&n->ring.outcomes, slot->outcome_at, slot->outcome_size);
        n->outcome_ends[cursor % NODE_RING_MAX] = slot->outcome_at + slot->outcome_size;
        slot->seq = n->seq;
        slot->update_seq = n->update_seq;
        ordo_put_le64(ordo_ring_mark(&n->ring, cursor), n->hash.low);
        ordo_put_le64(ordo_ring_mark(&n->ring, cursor) + 8, n->hash.high);
        ordo_stage_advance(&n->apply, cursor);
    }
    return count;
}

static inline uint32_t node_apply_work(void *self)
{
    struct node *n = self;
    uint32_t count = node_decide_work(self);
    uint32_t flushed = atomic_load(&n->unflushed) ? 0 : ordo_stage_available(&n->journal);
    if (flushed != 0) {
        ordo_stage_advance(&n->journal, n->journal.next + flushed - 1);
    }
    return count != 0 ? count : flushed;
}

/* The door under test: ORDO_DOOR in the environment, polled or nng; the tests run on both. */
static inline enum ordo_polled_use node_door(void)
{
    const char *door = getenv("ORDO_DOOR");
    return door != NULL && strcmp(door, "nng") == 0 ? ORDO_POLLED_OFF : ORDO_POLLED_ON;
}

static inline void node_addresses(struct node *n)
{
    if (n->config.listen_count != 0) {
        return;
    }
    n->config.use_polled = node_door();
    snprintf(n->directory, sizeof(n->directory), "/tmp/ordo-net-XXXXXX");
    cr_assert_not_null(mkdtemp(n->directory));
    snprintf(n->url, sizeof(n->url), "ipc://%s/requests", n->directory);
    snprintf(n->publish_url, sizeof(n->publish_url), "ipc://%s/stream", n->directory);
    n->config.listen[n->config.listen_count++].url = n->url;
    n->config.publish[n->config.publish_count++] = n->publish_url;
}

/* A node on ipc sockets in a folder of its own; config may be filled in before. */
static inline void node_open(struct node *n, uint64_t capacity)
{
    static const uint8_t no_hash[16];
    struct ordo_fail fail = {0};
    node_addresses(n);
    cr_assert_eq(ordo_server_open(&n->config, &n->server, &fail), ORDO_OK, "%s", fail.text);
    ordo_arena_init(&n->arena);
    cr_assert_eq(
        ordo_ring_init(
            &n->ring, &n->arena, capacity, NODE_COMMAND_BYTES, NODE_OUTCOME_BYTES, &fail),
        ORDO_OK,
        "%s",
        fail.text);
    ordo_sequencer_init(&n->sequencer, &n->ring);
    ordo_stage_init(&n->apply, "apply", &n->ring, 0);
    ordo_stage_init(&n->journal, "journal", &n->ring, 0);
    ordo_stage_init(&n->reply, "reply", &n->ring, 0);
    ordo_stage_init(&n->publish, "publish", &n->ring, 0);
    ordo_barrier_add(&n->apply.barrier, &n->sequencer.published);
    n->apply.stamp = ORDO_STAMP_APPLY;
    n->journal.stamp = ORDO_STAMP_DURABLE;
    ordo_barrier_add(&n->journal.barrier, &n->apply.sequence);
    ordo_barrier_add(&n->reply.barrier, &n->journal.sequence);
    ordo_barrier_add(&n->publish.barrier, &n->journal.sequence);
    ordo_barrier_add(&n->sequencer.gate, &n->reply.sequence);
    ordo_barrier_add(&n->sequencer.gate, &n->publish.sequence);
    ordo_sequence_init(&n->deadline_us, UINT64_MAX);
    ordo_timekeeper_init(&n->keeper, ordo_clock_system(), 0);
    ordo_ingress_init(&n->ingress, &n->sequencer, &n->keeper, &n->deadline_us, &n->apply.sequence);
    ordo_runner_init(&n->runner, "node", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_server_attach(
        n->server, &n->ingress, &n->reply, &n->publish, &n->runner.waker, 0, no_hash);
    cr_assert_eq(ordo_server_start(n->server, &fail), ORDO_OK, "%s", fail.text);
}

static inline void node_run(struct node *n)
{
    ordo_runner_add(&n->runner, ordo_server_ingress_agent(n->server));
    ordo_runner_add(
        &n->runner, (struct ordo_agent){.name = "apply", .self = n, .do_work = node_apply_work});
    ordo_runner_add(&n->runner, ordo_server_reply_agent(n->server));
    ordo_runner_add(&n->runner, ordo_server_publish_agent(n->server));
    cr_assert_eq(ordo_runner_start(&n->runner), ORDO_OK);
}

static inline void node_release(struct node *n)
{
    atomic_store(&n->held, false);
    ordo_waker_signal(&n->runner.waker);
}

/* Until the server has taken so many requests. */
static inline void node_taken(struct node *n, uint64_t requests)
{
    struct ordo_server_stats stats;
    uint64_t limit_ms = NODE_WAIT_MS;
    do {
        ordo_server_stats(n->server, &stats);
        if (stats.requests < requests) {
            cr_assert_neq(limit_ms--, 0, "%lu of %lu requests came", stats.requests, requests);
            (void)poll(NULL, 0, 1);
        }
    } while (stats.requests < requests);
}

/* Stop, drain, close. */
static inline void node_close(struct node *n)
{
    ordo_server_stop(n->server);
    node_release(n);
    if (n->runner.thread.started) {
        ordo_runner_stop(&n->runner);
        ordo_runner_join(&n->runner);
    }
    ordo_server_close(n->server);
    ordo_arena_fini(&n->arena);
    char path[128];
    snprintf(path, sizeof(path), "rm -rf %s", n->directory);
    if (n->directory[0] != 0) {
        cr_assert_eq(system(path), 0);
    }
}

#endif
