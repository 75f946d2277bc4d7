#include "net/client/client_parts.h"

#include "base/assert.h"
#include "order/result.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MAX_NS (1000 * ORDO_NS_PER_S) /* of one look */

/* What a caller sees of a client. A request lives in three places: a slot that its wire id names,
 * the list of all by age (for deadlines, and to send again in the same order after a lost
 * connection), and, until it has left, the send queue. The connection is client_io.c.
 */

/* ---- open and close ---- */

enum ordo_err ordo_client_open(
    const struct ordo_client_config *config, struct ordo_client **out, struct ordo_fail *fail)
{
    struct ordo_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        goto err_memory;
    }
    client->config = *config;
    if (client->config.requests_max == 0) {
        client->config.requests_max = ORDO_CLIENT_REQUESTS_STANDARD;
    }
    if (client->config.requests_max > ORDO_CLIENT_REQUESTS_MAX) {
        client->config.requests_max = ORDO_CLIENT_REQUESTS_MAX;
    }
    if (client->config.patience_ms == 0) {
        client->config.patience_ms = ORDO_CLIENT_PATIENCE_MS;
    }
    if (client->config.silence_ms == 0) {
        client->config.silence_ms = ORDO_CLIENT_SILENCE_MS;
    }
    client->clock = ordo_clock_system();
    client->timer_ns = UINT64_MAX;
    for (client->slot_count = 1; client->slot_count < client->config.requests_max;) {
        client->slot_count *= 2;
    }
    client->slots = calloc(client->slot_count, sizeof(*client->slots));
    client->encode = malloc(ORDO_WIRE_REQUEST_MAX);
    if (client->slots == NULL || client->encode == NULL) {
        goto err_memory;
    }
    enum ordo_err err = ordo_sp_init(
        &client->sp, config->url, ORDO_SP_REQ, ORDO_SP_REP, ORDO_WIRE_REPLY_MAX + 4, fail);
    if (err == ORDO_OK) {
        err = ordo_sp_use_tls(&client->sp, &config->tls, fail);
    }
    if (err != ORDO_OK) {
        ordo_client_close(client);
        return err;
    }
    client->config.url = client->sp.url;
    client->generation = (uint32_t)ordo_client_random(client);
    *out = client;
    return ORDO_OK;

err_memory:
    ordo_client_close(client);
    return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: no memory for a client", config->url);
}

void ordo_client_close(struct ordo_client *client)
{
    if (client == NULL) {
        return;
    }
    ORDO_ASSERT(!client->in_callback);
    struct ordo_request *next = NULL;
    for (struct ordo_request *request = client->oldest; request != NULL; request = next) {
        next = request->newer;
        ordo_request_free(request);
    }
    ordo_request_free(client->called);
    if (client->sp.in != NULL) {
        ordo_sp_fini(&client->sp);
    }
    free(client->encode);
    free(client->slots);
    free(client);
}

void ordo_client_drop(
    struct ordo_client *client, void (*drop)(void *context, void *user), void *context)
{
    for (struct ordo_request *request = client->oldest; request != NULL; request = request->newer) {
        drop(context, request->user);
        request->user = NULL;
    }
}

/* ---- a request's way in and out ---- */

void ordo_client_enqueue(struct ordo_client *client, struct ordo_request *request)
{
    request->phase = ORDO_REQUEST_QUEUED;
    request->next = NULL;
    request->sent = 0;
    if (client->queue_end == NULL) {
        client->queue = request;
    } else {
        client->queue_end->next = request;
    }
    client->queue_end = request;
}

/* A wire id whose low bits name a free slot. */
static uint32_t take_slot(struct ordo_client *client)
{
    uint32_t mask = client->slot_count - 1;
    while (client->slots[client->slot_hint & mask] != NULL) {
        client->slot_hint++;
    }
    uint32_t index = client->slot_hint++ & mask;
    client->generation++;
    return 0x80000000u | ((client->generation * client->slot_count) & 0x7fffffffu) | index;
}

static void link_newest(struct ordo_client *client, struct ordo_request *request)
{
    request->older = client->newest;
    if (client->newest == NULL) {
        client->oldest = request;
    } else {
        client->newest->newer = request;
    }
    client->newest = request;
}

static void unlink_request(struct ordo_client *client, struct ordo_request *request)
{
    if (request->older == NULL) {
        client->oldest = request->newer;
    } else {
        request->older->newer = request->newer;
    }
    if (request->newer == NULL) {
        client->newest = request->older;
    } else {
        request->newer->older = request->older;
    }
}

static void unqueue(struct ordo_client *client, struct ordo_request *request)
{
    struct ordo_request *before = NULL;
    for (struct ordo_request *r = client->queue; r != request; r = r->next) {
        ORDO_ASSERT(r != NULL);
        before = r;
    }
    if (before == NULL) {
        client->queue = request->next;
    } else {
        before->next = request->next;
    }
    if (client->queue_end == request) {
        client->queue_end = before;
    }
}

void ordo_client_finish(struct ordo_client *client, struct ordo_request *request, uint16_t code)
{
    if (request->phase == ORDO_REQUEST_QUEUED) {
        ORDO_ASSERT(request->sent == 0); /* a frame cut off in its middle would end the stream */
        unqueue(client, request);
    }
    unlink_request(client, request);
    client->slots[request->wire_id & (client->slot_count - 1)] = NULL;
    client->in_flight--;
    if (code == ORDO_RESULT_UNKNOWN) {
        client->stats.unknown += request->left;
    }
    if (request->blocking) {
        client->called = request;
        client->called_code = code;
        return;
    }
    if (client->config.on_answers != NULL) {
        ordo_request_answers(request, code, client->answers);
        client->in_callback = true;
        client->config.on_answers(
            client->config.context, request->user, client->answers, request->count);
        client->in_callback = false;
    }
    ordo_request_free(request);
}

/* Takes over what was encoded as one request; with sizes of each command. */
static enum ordo_err submit_encoded(
    struct ordo_client *client,
    struct ordo_bytes encoded,
    const uint32_t *sizes,
    uint32_t count,
    uint64_t patience_ms,
    struct ordo_request **out)
{
    ORDO_ASSERT(count > 0 && count <= ORDO_WIRE_COMMANDS_MAX);
    if (client->in_flight >= client->config.requests_max) {
        return ORDO_ERR_FULL;
    }
    if (encoded.size > ORDO_CLIENT_ENCODED_MAX) {
        return ORDO_ERR_LIMIT;
    }
    struct ordo_request *request =
        ordo_request_make(&client->sp, take_slot(client), encoded, sizes, count);
    if (request == NULL) {
        return ORDO_ERR_NO_MEMORY;
    }
    uint64_t now = ordo_clock_monotonic_ns(&client->clock);
    request->deadline_ns = now + patience_ms * ORDO_NS_PER_MS;
    if (request->deadline_ns < client->timer_ns) {
        client->timer_ns = request->deadline_ns;
    }
    if (client->in_flight == 0) {
        client->heard_ns = now;
    }
    client->slots[request->wire_id & (client->slot_count - 1)] = request;
    client->in_flight++;
    client->stats.requests++;
    client->stats.commands += count;
    link_newest(client, request);
    ordo_client_enqueue(client, request);
    *out = request;
    return ORDO_OK;
}

static enum ordo_err submit(
    struct ordo_client *client,
    struct ordo_command *commands,
    uint32_t count,
    uint64_t patience_ms,
    struct ordo_request **out)
{
    ORDO_ASSERT(count > 0 && count <= ORDO_WIRE_COMMANDS_MAX);
    if (client->in_flight >= client->config.requests_max) {
        return ORDO_ERR_FULL;
    }
    struct ordo_writer writer = ordo_writer_over(client->encode, ORDO_CLIENT_ENCODED_MAX);
    for (uint32_t i = 0; i < count; i++) {
        size_t before = ordo_writer_size(&writer);
        ordo_client_encode(client, &commands[i], &writer);
        client->sizes[i] = (uint32_t)(ordo_writer_size(&writer) - before);
    }
    if (writer.failed) {
        return ORDO_ERR_LIMIT;
    }
    struct ordo_bytes encoded = {client->encode, (uint32_t)ordo_writer_size(&writer)};
    return submit_encoded(client, encoded, client->sizes, count, patience_ms, out);
}

void ordo_client_encode(
    struct ordo_client *client, struct ordo_command *command, struct ordo_writer *out)
{
    if (ordo_kind_has_client_id(command->kind) && ordo_client_id_is_zero(command->id)) {
        ordo_client_id(client, command->id);
    }
    if (command->kind == ORDO_KIND_WAIT) {
        uint64_t until = ordo_clock_monotonic_ns(&client->clock) +
                         command->wait.timeout_ms % (ORDO_WAIT_MS_MAX + 1) * ORDO_NS_PER_MS;
        client->rest_ns = until > client->rest_ns ? until : client->rest_ns;
    }
    ordo_request_command(out, command);
}

/* A service is written as a whole frame; its element is what stands behind the frame's head. */
static enum ordo_err submit_service(
    struct ordo_client *client,
    const struct ordo_service *service,
    uint64_t patience_ms,
    struct ordo_request **out)
{
    uint8_t head[32];
    struct ordo_writer begin = ordo_writer_over(head, sizeof(head));
    struct ordo_writer frame = ordo_writer_over(client->encode, ORDO_CLIENT_ENCODED_MAX);
    ordo_request_begin(&begin, 0, 1);
    ordo_service_encode(&frame, 0, service);
    ORDO_ASSERT(!begin.failed);
    if (frame.failed) {
        return ORDO_ERR_LIMIT;
    }
    uint32_t head_size = (uint32_t)ordo_writer_size(&begin);
    uint32_t size = (uint32_t)ordo_writer_size(&frame) - head_size;
    struct ordo_bytes encoded = {client->encode + head_size, size};
    return submit_encoded(client, encoded, &size, 1, patience_ms, out);
}

enum ordo_err
ordo_client_send_service(struct ordo_client *client, const struct ordo_service *service, void *user)
{
    struct ordo_request *request = NULL;
    enum ordo_err err = submit_service(client, service, client->config.patience_ms, &request);
    if (err == ORDO_OK) {
        request->user = user;
    }
    return err;
}

enum ordo_err ordo_client_send_encoded(
    struct ordo_client *client,
    struct ordo_bytes encoded,
    const uint32_t *sizes,
    uint32_t count,
    void *user)
{
    struct ordo_request *request = NULL;
    enum ordo_err err =
        submit_encoded(client, encoded, sizes, count, client->config.patience_ms, &request);
    if (err == ORDO_OK) {
        request->user = user;
    }
    return err;
}

enum ordo_err ordo_client_send(
    struct ordo_client *client, struct ordo_command *commands, uint32_t count, void *user)
{
    struct ordo_request *request = NULL;
    enum ordo_err err = submit(client, commands, count, client->config.patience_ms, &request);
    if (err == ORDO_OK) {
        request->user = user;
    }
    return err;
}

/* ---- waiting ---- */

/* Until one of them is ready, or the time has come; a signal ends the wait, nothing more. */
static void wait_until(struct pollfd *fds, uint32_t count, uint64_t now_ns, uint64_t until_ns)
{
    uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
    ns = ns > WAIT_MAX_NS ? WAIT_MAX_NS : ns;
    struct timespec limit = {(time_t)(ns / ORDO_NS_PER_S), (long)(ns % ORDO_NS_PER_S)};
    (void)ppoll(fds, count, &limit, NULL);
}

static uint32_t poll_for(struct ordo_client *const *clients, uint32_t count, uint64_t timeout_ns)
{
    ORDO_ASSERT(count > 0 && count <= ORDO_CLIENTS_MAX);
    struct pollfd fds[ORDO_CLIENTS_MAX];
    const struct ordo_clock *clock = &clients[0]->clock;
    uint64_t now = ordo_clock_monotonic_ns(clock);
    uint64_t end = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
    for (;;) {
        uint32_t ended = 0;
        uint64_t due = end;
        for (uint32_t i = 0; i < count; i++) {
            struct ordo_client *client = clients[i];
            ORDO_ASSERT(!client->in_callback);
            ended += ordo_client_work(client, now);
            uint64_t client_due = ordo_client_due_ns(client);
            due = client_due < due ? client_due : due;
            fds[i] = (struct pollfd){
                .fd = client->sp.fd, .events = ordo_sp_events(&client->sp, client->queue != NULL)};
        }
        if (ended > 0 || now >= end) {
            return ended;
        }
        wait_until(fds, count, now, due);
        now = ordo_clock_monotonic_ns(clock);
    }
}

uint32_t
ordo_client_poll_many(struct ordo_client *const *clients, uint32_t count, uint32_t timeout_ms)
{
    return poll_for(clients, count, timeout_ms * ORDO_NS_PER_MS);
}

uint32_t
ordo_client_poll_many_ns(struct ordo_client *const *clients, uint32_t count, uint64_t timeout_ns)
{
    return poll_for(clients, count, timeout_ns);
}

uint32_t ordo_client_poll(struct ordo_client *client, uint32_t timeout_ms)
{
    return poll_for(&client, 1, timeout_ms * ORDO_NS_PER_MS);
}

uint32_t ordo_client_poll_ns(struct ordo_client *client, uint64_t timeout_ns)
{
    return poll_for(&client, 1, timeout_ns);
}

enum ordo_err
ordo_client_connect(struct ordo_client *client, uint32_t timeout_ms, struct ordo_fail *fail)
{
    uint64_t now = ordo_clock_monotonic_ns(&client->clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    while (!ordo_client_is_connected(client)) {
        (void)ordo_client_work(client, now);
        if (client->sp.phase == ORDO_SP_CLOSED && client->last_fail.err == ORDO_ERR_INVALID) {
            break; /* another try would meet the same peer */
        }
        if (ordo_client_is_connected(client) || now >= end) {
            break;
        }
        uint64_t due = ordo_client_due_ns(client);
        struct pollfd fd = {.fd = client->sp.fd, .events = ordo_sp_events(&client->sp, false)};
        wait_until(&fd, 1, now, due < end ? due : end);
        now = ordo_clock_monotonic_ns(&client->clock);
    }
    if (ordo_client_is_connected(client)) {
        return ORDO_OK;
    }
    if (client->last_fail.err == ORDO_OK) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "%s: no greeting within %u ms: is it an Ordo server?",
            client->sp.url,
            timeout_ms);
    }
    return ordo_fail_set(fail, client->last_fail.err, "%s", client->last_fail.text);
}

static void begin_call(struct ordo_client *client)
{
    ORDO_ASSERT(!client->in_callback);
    ordo_request_free(client->called);
    client->called = NULL;
}

static void finish_call(
    struct ordo_client *client,
    struct ordo_request *request,
    uint32_t timeout_ms,
    const struct ordo_answer **answers)
{
    request->blocking = true;
    while (client->called == NULL) {
        (void)ordo_client_poll(client, timeout_ms); /* its deadline ends it at the latest */
    }
    ordo_request_answers(client->called, client->called_code, client->answers);
    *answers = client->answers;
}

enum ordo_err ordo_client_call(
    struct ordo_client *client,
    struct ordo_command *commands,
    uint32_t count,
    uint32_t timeout_ms,
    const struct ordo_answer **answers)
{
    struct ordo_request *request = NULL;
    begin_call(client);
    enum ordo_err err = submit(client, commands, count, timeout_ms, &request);
    if (err == ORDO_OK) {
        finish_call(client, request, timeout_ms, answers);
    }
    return err;
}

enum ordo_err ordo_client_call_service(
    struct ordo_client *client,
    const struct ordo_service *service,
    uint32_t timeout_ms,
    const struct ordo_answer **answer)
{
    struct ordo_request *request = NULL;
    begin_call(client);
    enum ordo_err err = submit_service(client, service, timeout_ms, &request);
    if (err == ORDO_OK) {
        finish_call(client, request, timeout_ms, answer);
    }
    return err;
}

/* ---- looks ---- */

uint32_t ordo_client_in_flight(const struct ordo_client *client)
{
    return client->in_flight;
}

bool ordo_client_is_connected(const struct ordo_client *client)
{
    return client->sp.phase == ORDO_SP_OPEN;
}

const struct ordo_fail *ordo_client_last_fail(const struct ordo_client *client)
{
    return &client->last_fail;
}

void ordo_client_stats(const struct ordo_client *client, struct ordo_client_stats *stats)
{
    *stats = client->stats;
}
