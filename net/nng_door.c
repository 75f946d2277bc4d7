#include "net/nng_door.h"

#include "base/arena.h"
#include "base/canary.h"
#include "net/inbox.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <stdlib.h>

/* Cooked REP with one context a request in flight. Raw REP would need no contexts, but it drops
 * replies silently when a connection's send queue of 64 is full (measured: 1,065 of 2,000 arrived),
 * so it is forbidden. When no context is free nng stops reading connections: that is the
 * back-pressure, and nothing is lost.
 *
 *   receiving --frame--> held by the server --reply--> sending --taken by nng--> receiving
 *
 * A context has one operation at a time, but two aios: stop cancels receives and must never cancel
 * a reply. The callbacks run on threads of nng and only deliver or receive again.
 *
 * The message that brought the request takes the reply, so there is no allocation of ours a
 * request. A message whose send failed is ours again: end_of_send frees it, and nobody else.
 */

#define SEND_TIMEOUT_MS 5000
#define LINGER_MS       50 /* nng takes a reply before the kernel has it, and has no linger */

struct nng_door;

struct context {
    struct nng_door *door;
    uint32_t request;
    nng_ctx ctx;
    nng_aio *receive;
    nng_aio *send;
    nng_msg *held; /* the request, until its reply */
};

struct nng_door {
    struct ordo_door_host host;
    struct ordo_nng_listeners *listeners;
    struct ordo_arena arena;
    nng_socket socket;
    struct context *contexts;
    struct ordo_flag stopping;
    struct ordo_counter sent;
    struct ordo_counter failed;
    bool started;
};

static void receive(struct context *c)
{
    if (!ordo_flag_is_raised(&c->door->stopping)) {
        nng_ctx_recv(c->ctx, c->receive);
    }
}

static void end_of_receive(void *context)
{
    struct context *c = context;
    int error = nng_aio_result(c->receive);
    if (error == NNG_ECLOSED || error == NNG_ECANCELED) {
        return;
    }
    if (error != 0) {
        receive(c);
        return;
    }
    nng_msg *message = nng_aio_get_msg(c->receive);
    nng_listener listener = nng_pipe_listener(nng_msg_get_pipe(message));
    enum ordo_door_role role;
    if (!ordo_nng_listener_role(c->door->listeners, nng_listener_id(listener), &role)) {
        nng_msg_free(message); /* its listener is bound anew: nobody would get the reply */
        receive(c);
        return;
    }
    c->held = message;
    size_t size = nng_msg_len(c->held); /* RECVMAXSZ has bounded it */
    struct ordo_bytes frame = {nng_msg_body(c->held), (uint32_t)size};
    c->door->host.deliver(c->door->host.self, c->request, role, frame);
}

static void end_of_send(void *context)
{
    struct context *c = context;
    int error = nng_aio_result(c->send);
    if (error != 0) {
        nng_msg_free(nng_aio_get_msg(c->send));
        ordo_counter_add(&c->door->failed, 1);
    } else {
        ordo_counter_add(&c->door->sent, 1);
    }
    if (error != NNG_ECLOSED) {
        receive(c);
    }
}

static void door_start(void *self)
{
    struct nng_door *door = self;
    door->started = true;
    for (uint32_t i = 0; i < door->host.request_count; i++) {
        receive(&door->contexts[i]);
    }
}

static void door_stop(void *self)
{
    struct nng_door *door = self;
    ordo_flag_raise(&door->stopping);
    for (uint32_t i = 0; i < door->host.request_count; i++) {
        nng_aio_cancel(door->contexts[i].receive);
    }
}

static void door_reply(void *self, uint32_t request, struct ordo_bytes bytes)
{
    struct nng_door *door = self;
    ORDO_ASSERT(request < door->host.request_count);
    struct context *c = &door->contexts[request];
    ORDO_ASSERT(c->held != NULL);
    nng_msg *message = c->held;
    c->held = NULL;
    nng_msg_clear(message);
    if (nng_msg_append(message, bytes.data, bytes.size) != 0) {
        nng_msg_free(message); /* no memory: the client asks again */
        ordo_counter_add(&door->failed, 1);
        receive(c);
        return;
    }
    nng_aio_set_msg(c->send, message);
    nng_aio_set_timeout(c->send, SEND_TIMEOUT_MS);
    nng_ctx_send(c->ctx, c->send);
}

static void door_stats(const void *self, struct ordo_door_stats *stats)
{
    const struct nng_door *door = self;
    stats->sent = ordo_counter_get(&door->sent);
    stats->failed = ordo_counter_get(&door->failed);
}

static enum ordo_err
door_listen(void *self, enum ordo_door_role role, const char *url, struct ordo_fail *fail)
{
    struct nng_door *door = self;
    return ordo_nng_listen(door->listeners, door->socket.id, role, url, fail);
}

static void free_door(struct nng_door *door)
{
    (void)nng_close(door->socket);
    for (uint32_t i = 0; i < door->host.request_count; i++) {
        struct context *c = &door->contexts[i];
        if (c->receive != NULL) {
            nng_aio_stop(c->receive);
            nng_aio_free(c->receive);
        }
        if (c->send != NULL) {
            nng_aio_stop(c->send);
            nng_aio_free(c->send);
        }
        if (c->held != NULL) {
            nng_msg_free(c->held);
        }
    }
    ordo_arena_fini(&door->arena);
    free(door);
}

static void door_close(void *self)
{
    struct nng_door *door = self;
    door_stop(door);
    if (door->started) {
        for (uint32_t i = 0; i < door->host.request_count; i++) {
            nng_aio_wait(door->contexts[i].send); /* each has a time limit */
        }
        nng_msleep(LINGER_MS);
    }
    free_door(door);
}

static int open_contexts(struct nng_door *door)
{
    int error = 0;
    for (uint32_t i = 0; i < door->host.request_count && error == 0; i++) {
        struct context *c = &door->contexts[i];
        c->door = door;
        c->request = i;
        error = nng_aio_alloc(&c->receive, end_of_receive, c);
        if (error == 0) {
            error = nng_aio_alloc(&c->send, end_of_send, c);
        }
        if (error == 0) {
            error = nng_ctx_open(&c->ctx, door->socket);
        }
    }
    return error;
}

enum ordo_err ordo_nng_door_open(
    const struct ordo_door_host *host,
    struct ordo_nng_listeners *listeners,
    struct ordo_door *door,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(host->request_count > 0);
    ORDO_ASSERT(host->size_max > 0);
    struct nng_door *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the nng door");
    }
    self->host = *host;
    self->listeners = listeners;
    ordo_arena_init(&self->arena);
    enum ordo_err err = ordo_arena_alloc(
        &self->arena,
        "nng contexts",
        host->request_count,
        sizeof(struct context),
        (void **)&self->contexts);
    int error = err != ORDO_OK ? NNG_ENOMEM : nng_rep0_open(&self->socket);
    if (error != 0) {
        ordo_arena_fini(&self->arena);
        free(self);
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "nng cannot open a socket: %s", nng_strerror(error));
    }
    error = nng_socket_set_size(
        self->socket, NNG_OPT_RECVMAXSZ, ORDO_CANARY(receive_limit_unset) ? 0 : host->size_max);
    if (error == 0) {
        error = open_contexts(self);
    }
    if (error != 0) {
        free_door(self);
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "nng cannot open %u contexts: %s",
            host->request_count,
            nng_strerror(error));
    }
    *door = (struct ordo_door){
        .name = "nng",
        .self = self,
        .listen = door_listen,
        .start = door_start,
        .stop = door_stop,
        .reply = door_reply,
        .stats = door_stats,
        .close = door_close,
    };
    return ORDO_OK;
}
