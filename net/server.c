#include "net/server.h"

#include "net/desk.h"

#include <stdio.h>
#include <stdlib.h>

/* Order of a life: open binds (so that a wrong address is known before traffic), attach connects
 * the pipeline, start lets the doors receive, stop ends receiving, the runners drain, close waits
 * for the last replies and frees. Everything is allocated in open; the agents allocate nothing.
 */

static enum ordo_err publish_all(struct ordo_server *server, struct ordo_fail *fail)
{
    const struct ordo_server_config *config = &server->config;
    enum ordo_err err = ORDO_OK;
    if (config->publish_count != 0) {
        err = ordo_nng_pub_open(server->listeners, &server->pub, fail);
    }
    for (uint32_t i = 0; i < config->publish_count && err == ORDO_OK; i++) {
        err = ordo_nng_pub_listen(server->pub, config->publish[i], fail);
    }
    return err;
}

static enum ordo_err
take(struct ordo_server *server, const char *name, size_t count, size_t size, void **out)
{
    return ordo_arena_alloc(&server->arena, name, count, size, out);
}

static enum ordo_err alloc_all(struct ordo_server *server)
{
    uint32_t requests = server->config.requests_max;
    struct ordo_receiving *receiving = &server->receiving;
    struct ordo_publishing *publishing = &server->publishing;
    void *p = NULL;
    enum ordo_err err =
        take(server, "requests", requests, sizeof(struct ordo_request), (void **)&server->requests);
    if (err == ORDO_OK) {
        err = take(
            server, "refusals", requests, sizeof(struct ordo_refusals), (void **)&server->refusals);
    }
    if (err == ORDO_OK) {
        err = take(server, "refusal reply", 1, ORDO_REFUSALS_SIZE_MAX, (void **)&receiving->buffer);
    }
    for (uint32_t i = 0; i < 2 && err == ORDO_OK; i++) {
        err = take(server, "scratch", 1, ORDO_COMMAND_SIZE_MAX, &p);
        receiving->candidates[i].scratch = p;
    }
    for (uint32_t i = 0; i < ORDO_CLASS_COUNT && err == ORDO_OK; i++) {
        err = take(server, "reply", 1, ORDO_WIRE_REPLY_MAX, &p);
        server->replying.lanes[i].writer = ordo_writer_over(p, ORDO_WIRE_REPLY_MAX);
    }
    if (err == ORDO_OK) {
        err =
            take(server, "updates", 1, ORDO_WIRE_STREAM_MAX, (void **)&publishing->updates_buffer);
    }
    if (err == ORDO_OK) {
        err = take(server, "frame", 1, ORDO_WIRE_STREAM_MAX, (void **)&publishing->frame_buffer);
    }
    if (err == ORDO_OK) {
        err = take(server, "answer", 1, ORDO_WAIT_REPLY_MAX, (void **)&publishing->answer_buffer);
    }
    if (err == ORDO_OK) {
        err = ordo_waits_init(&publishing->waits, &server->arena, requests, ORDO_WAITED_MAX);
    }
    if (err == ORDO_OK) {
        err = ordo_recent_init(&server->recent, &server->arena, server->config.recent_updates);
    }
    if (err == ORDO_OK) {
        err = ordo_feed_init(&server->feed, server, server->config.data, &server->arena);
    }
    return err;
}

/* Copies the configuration with its defaults filled in. */
static enum ordo_err
check(const struct ordo_server_config *config, struct ordo_server *server, struct ordo_fail *fail)
{
    struct ordo_server_config *own = &server->config;
    *own = *config;
    own->requests_max = own->requests_max == 0 ? ORDO_REQUESTS_DEFAULT : own->requests_max;
    own->request_size_max =
        own->request_size_max == 0 ? ORDO_WIRE_REQUEST_MAX : own->request_size_max;
    own->recent_updates = own->recent_updates == 0 ? ORDO_FEED_RECENT_DEFAULT : own->recent_updates;
    own->heartbeat_ms = own->heartbeat_ms == 0 ? ORDO_HEARTBEAT_DEFAULT : own->heartbeat_ms;
    if (own->listen_count == 0 || own->listen_count > ORDO_SERVER_URLS_MAX ||
        own->publish_count > ORDO_SERVER_URLS_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "a server needs 1 to %d addresses to listen on and at most %d to publish on",
            ORDO_SERVER_URLS_MAX,
            ORDO_SERVER_URLS_MAX);
    }
    if (own->recent_updates > ORDO_RECENT_MAX) {
        return ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "at most %u updates are kept in memory", ORDO_RECENT_MAX);
    }
    if (own->requests_max > ORDO_REQUESTS_MAX || own->request_size_max > ORDO_WIRE_REQUEST_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "at most %d requests in flight and %d bytes a request are possible",
            ORDO_REQUESTS_MAX,
            ORDO_WIRE_REQUEST_MAX);
    }
    return ORDO_OK;
}

/* How much may wait. The queues are shared by all doors, so their shares are reckoned from the
 * smallest one: creates can then never take all the requests of a door from the facts behind it. */
static void limit_waiting(struct ordo_server *server)
{
    const struct ordo_server_config *config = &server->config;
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    uint32_t requests = config->requests_max;
    for (uint32_t i = 0; i < server->door_count; i++) {
        uint32_t count = server->doors[i].count;
        requests = count < requests ? count : requests;
    }
    ordo_shed_init(&server->receiving.shed, requests, config->queue_bytes, config->wait_ms, now_ns);
    ordo_throttle_init(
        &server->receiving.throttle, config->throttle_rate, config->throttle_share, now_ns);
}

enum ordo_err ordo_server_open(
    const struct ordo_server_config *config, struct ordo_server **out, struct ordo_fail *fail)
{
    struct ordo_server *server = aligned_alloc(
        _Alignof(struct ordo_server), sizeof(struct ordo_server)); /* sequences want 128 bytes */
    if (server == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the server");
    }
    memset(server, 0, sizeof(*server));
    ordo_arena_init(&server->arena);
    server->clock = ordo_clock_system();
    enum ordo_err err = check(config, server, fail);
    if (err != ORDO_OK) {
        goto err_after_arena;
    }
    err = alloc_all(server);
    if (err != ORDO_OK) {
        ordo_fail_set(
            fail, err, "no memory for %u requests in flight", server->config.requests_max);
        goto err_after_arena;
    }
    server->publishing.updates =
        ordo_writer_over(server->publishing.updates_buffer, ORDO_WIRE_STREAM_MAX);
    err = ordo_nng_listeners_open(&server->listeners, fail);
    if (err != ORDO_OK) {
        goto err_after_arena;
    }
    ordo_nng_listeners_use(server->listeners, &server->config.tls);
    err = ordo_doors_open(server, fail);
    limit_waiting(server);
    if (err == ORDO_OK) {
        err = publish_all(server, fail);
    }
    if (err != ORDO_OK) {
        goto err_after_listeners;
    }
    *out = server;
    return ORDO_OK;

err_after_listeners:
    if (server->pub != NULL) {
        ordo_nng_pub_close(server->pub);
    }
    ordo_doors_close(server);
    ordo_nng_listeners_close(server->listeners);
err_after_arena:
    ordo_arena_fini(&server->arena);
    free(server);
    return err;
}

void ordo_server_attach(
    struct ordo_server *server,
    struct ordo_ingress *ingress,
    struct ordo_stage *reply,
    struct ordo_stage *publish,
    struct ordo_waker *ingress_waker,
    uint64_t update_seq,
    const uint8_t stream_hash[16])
{
    struct ordo_publishing *publishing = &server->publishing;
    ORDO_ASSERT(server->receiving.ingress == NULL);
    ORDO_ASSERT(ingress_waker != NULL);
    server->receiving.ingress = ingress;
    server->replying.stage = reply;
    publishing->stage = publish;
    publishing->recent = &server->recent;
    server->ingress_waker = ingress_waker;
    publishing->head.update_seq = update_seq;
    memcpy(publishing->head.hash, stream_hash, sizeof(publishing->head.hash));
    ordo_recent_start(&server->recent, update_seq, stream_hash);
    memcpy(publishing->head.node, server->config.node, sizeof(publishing->head.node));
    ordo_doors_bind(server, ingress_waker);
    ordo_arena_seal(&server->arena);
}

struct ordo_agent ordo_server_ingress_agent(struct ordo_server *server)
{
    return (struct ordo_agent){
        .name = "ingress",
        .self = server,
        .do_work = ordo_ingress_work,
        .is_drained = ordo_ingress_is_drained,
        .deadline_ns = ordo_ingress_deadline_ns,
        .on_close = ordo_ingress_on_close,
    };
}

struct ordo_agent ordo_server_reply_agent(struct ordo_server *server)
{
    return (struct ordo_agent){
        .name = "reply",
        .self = server,
        .do_work = ordo_reply_work,
        .is_drained = ordo_reply_is_drained,
    };
}

struct ordo_agent ordo_server_publish_agent(struct ordo_server *server)
{
    return (struct ordo_agent){
        .name = "publish",
        .self = server,
        .do_work = ordo_publish_work,
        .is_drained = ordo_publish_is_drained,
        .deadline_ns = ordo_publish_deadline_ns,
    };
}

void ordo_server_add_stats(struct ordo_server *server, ordo_stats_more *more, void *context)
{
    server->more_stats = more;
    server->more_context = context;
}

enum ordo_err ordo_server_start(struct ordo_server *server, struct ordo_fail *fail)
{
    ORDO_ASSERT(server->receiving.ingress != NULL);
    enum ordo_err err = ordo_feed_start(&server->feed, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_doors_start(server);
    ordo_nng_listeners_start(server->listeners);
    return ORDO_OK;
}

void ordo_server_stop(struct ordo_server *server)
{
    ordo_flag_raise(&server->stopping);
    ordo_waker_signal(server->ingress_waker);
}

void ordo_server_close(struct ordo_server *server)
{
    ordo_feed_stop(&server->feed);
    ordo_nng_listeners_close(server->listeners);
    ordo_doors_close(server);
    if (server->pub != NULL) {
        ordo_nng_pub_close(server->pub);
    }
    ordo_feed_fini(&server->feed);
    ordo_arena_fini(&server->arena);
    free(server);
}

void ordo_server_stats(const struct ordo_server *server, struct ordo_server_stats *stats)
{
    struct ordo_door_stats doors;
    ordo_doors_stats(server, &doors);
    *stats = (struct ordo_server_stats){
        .requests = ordo_sequence_get(&server->taken),
        .commands = ordo_counter_get(&server->commands),
        .malformed = ordo_counter_get(&server->malformed),
        .busy = ordo_counter_get(&server->busy) + ordo_counter_get(&server->waits_refused),
        .shed =
            {
                ordo_counter_get(&server->shed[ORDO_CLASS_FACT]),
                ordo_counter_get(&server->shed[ORDO_CLASS_QUERY]),
                ordo_counter_get(&server->shed[ORDO_CLASS_COMMAND]),
            },
        .replies = doors.sent,
        .replies_failed = doors.failed,
        .connections = doors.accepted,
        .connections_refused = doors.refused,
        .connections_cut = doors.cut,
        .updates_published = ordo_counter_get(&server->updates_published),
        .frames_published = ordo_counter_get(&server->frames_published),
    };
}
