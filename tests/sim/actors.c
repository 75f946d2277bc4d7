#include "actors.h"

#include "host.h"
#include "net.h"
#include "node.h"
#include "readers.h"
#include "trace.h"
#include "truth.h"

#include "history.h"
#include "net/client/client_parts.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS      3
#define GATEWAYS     2
#define ACTORS       (CLIENTS + GATEWAYS)
#define BATCH_MAX    6
#define REQUESTS_MAX 256
#define BYTES_MAX    64
#define DOUBLE_OF    200 /* looks at a command on its way, and it is sent by another, too */
#define RESTART_OF   500
#define PAUSE_US     (2 * ORDO_US_PER_S) /* longer waits are pauses of the whole world */
#define COMMANDS_MAX (HISTORY_COMMANDS_MAX - 8)

struct op {
    uint8_t kind;
    uint8_t in_flight; /* so many times */
    bool ended;
    bool compared; /* by id: asked again it has the same end */
    uint8_t rung;  /* of the ladder */
    uint8_t tries;
    uint16_t size; /* of the answer */
    uint8_t bytes[BYTES_MAX];
    uint64_t due_ns; /* when it is to be sent (again); UINT64_MAX = it has its end */
    uint8_t id[ORDO_ID_SIZE];
};

struct request {
    bool used;
    uint32_t actor;
    uint32_t count;
    uint32_t ops[BATCH_MAX];
};

struct actor {
    struct ordo_client *client;
    bool gateway;
    uint64_t think_ns;
};

static struct {
    struct history history;
    struct op ops[HISTORY_COMMANDS_MAX]; /* by their index in the history */
    struct request requests[REQUESTS_MAX];
    struct actor actors[ACTORS];
    bool makes;
    uint32_t scale; /* of the ladder: 1 = its real times, 60 = minutes are seconds */
    uint32_t again_of;
    uint32_t open;
} world;

struct actors_counts actors_counts;

/* When a gateway calls back again: what Alipay does. Minutes. */
static const uint32_t ladder_min[] = {4, 10, 10, 60, 120, 360, 900};
#define RUNGS (sizeof(ladder_min) / sizeof(ladder_min[0]))

static uint32_t below(uint32_t bound)
{
    return sim_random(&host_random, bound);
}

/* ---- answers ---- */

static bool is_no_end(uint16_t code)
{
    return code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY ||
           code == ORDO_RESULT_SHUTTING_DOWN;
}

/* A gateway does not believe one answer. */
static void plan_again(struct op *op)
{
    uint64_t wait_us = 0;
    if (op->kind == ORDO_KIND_FACT && op->rung < RUNGS && !host_chance(4)) {
        wait_us = ladder_min[op->rung++] * ORDO_US_PER_MIN / world.scale;
        actors_counts.callbacks++;
    } else if (op->kind != ORDO_KIND_FACT && op->tries < 8 && host_chance(world.again_of)) {
        wait_us = below(3) == 0 ? below(60 * 1000000) : below(100000);
    } else {
        return;
    }
    op->due_ns = host_clock.now_ns + wait_us * ORDO_NS_PER_US + 1;
}

static void compare(struct op *op, const struct ordo_answer *answer)
{
    struct ordo_bytes before = {op->bytes, op->size};
    if (op->ended && op->compared) {
        truth_counts.asked_again++;
        if (!ordo_bytes_equal(before, answer->bytes)) {
            truth_fail(
                "command %u (%s) was answered otherwise when it was asked again: code %u",
                (unsigned)(op - world.ops),
                ordo_schema_of(op->kind)->name,
                answer->item.result.code);
        }
    }
}

static void on_answer(uint32_t index, const struct ordo_answer *answer)
{
    struct op *op = &world.ops[index];
    uint16_t code = answer->item.result.code;
    uint64_t seq = answer->item.result.seq;
    ORDO_ASSERT(op->in_flight != 0);
    op->in_flight--;
    if (trace_on) {
        trace(
            "answer %u %s: %s seq %" PRIu64,
            index,
            ordo_schema_of(op->kind)->name,
            ordo_result_name(code),
            seq);
    }
    if (is_no_end(code)) {
        actors_counts.unknown++;
        op->due_ns = host_clock.now_ns + (1 + below(200)) * ORDO_NS_PER_MS;
        return;
    }
    truth_acked(seq);
    actors_counts.ok += code == ORDO_RESULT_OK ? 1 : 0;
    actors_counts.refused += code != ORDO_RESULT_OK ? 1 : 0;
    compare(op, answer);
    world.open -= op->ended ? 0 : 1;
    op->ended = true;
    op->due_ns = UINT64_MAX;
    bool by_id = seq != 0 && answer->bytes.size <= BYTES_MAX && code != ORDO_RESULT_ID_KIND &&
                 code != ORDO_RESULT_ID_SHOP && code != ORDO_RESULT_ID_CONTENT &&
                 (op->kind == ORDO_KIND_FACT || ordo_kind_has_client_id(op->kind));
    if (by_id) {
        op->compared = true;
        op->size = (uint16_t)answer->bytes.size;
        memcpy(op->bytes, answer->bytes.data, op->size);
    }
    plan_again(op);
}

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct request *request = user;
    (void)context;
    ORDO_ASSERT(request->used && request->count == count);
    request->used = false;
    for (uint32_t i = 0; i < count; i++) {
        on_answer(request->ops[i], &answers[i]);
    }
}

/* ---- sending ---- */

static uint64_t engine_us(void)
{
    uint64_t us = nodes[0].phase == NODE_UP ? nodes[0].node.pipeline.keeper.last_us : 0;
    uint64_t true_us = HOST_START_US + host_clock.now_ns / ORDO_NS_PER_US;
    return us > true_us ? us : true_us;
}

/* One more command, and the time that its maker lets pass before it. */
static uint64_t make_one(void)
{
    struct history *h = &world.history;
    uint32_t index = h->count;
    h->time_us = engine_us();
    uint64_t before = h->time_us;
    history_next(h, truth_oracle());
    struct ordo_command command;
    history_read(h, index, &command);
    const struct history_item *item = &h->items[index];
    world.ops[index] = (struct op){.kind = command.kind, .due_ns = host_clock.now_ns};
    if (memmem(h->bytes + item->offset, item->size, READER_NAME, strlen(READER_NAME)) != NULL) {
        world.ops[index].due_ns = UINT64_MAX; /* a park would be no fault of the stream */
    } else {
        world.open++;
    }
    return h->time_us - before;
}

static bool is_for(const struct actor *actor, const struct op *op)
{
    return actor->gateway == (op->kind == ORDO_KIND_FACT);
}

static uint32_t gather(const struct actor *actor, struct request *request)
{
    uint32_t wanted = 1 + below(BATCH_MAX);
    request->count = 0;
    uint32_t from = below(world.history.count);
    for (uint32_t i = 0; i < world.history.count && request->count < wanted; i++) {
        uint32_t at = (from + i) % world.history.count;
        const struct op *op = &world.ops[at];
        bool due = op->in_flight == 0 && op->due_ns <= host_clock.now_ns;
        bool double_click = op->in_flight == 1 && host_chance(DOUBLE_OF);
        if ((due || double_click) && is_for(actor, op)) {
            request->ops[request->count++] = at;
        }
    }
    return request->count;
}

static void read_command(uint32_t index, struct ordo_command *command)
{
    static const uint8_t none[ORDO_ID_SIZE];
    struct op *op = &world.ops[index];
    history_read(&world.history, index, command);
    if (memcmp(op->id, none, ORDO_ID_SIZE) != 0) {
        memcpy(command->id, op->id, ORDO_ID_SIZE); /* the library made one */
    }
}

static void send_request(struct actor *actor, struct request *request)
{
    static struct ordo_command commands[BATCH_MAX];
    for (uint32_t i = 0; i < request->count; i++) {
        read_command(request->ops[i], &commands[i]);
    }
    if (ordo_client_send(actor->client, commands, request->count, request) != ORDO_OK) {
        return;
    }
    request->used = true;
    request->actor = (uint32_t)(actor - world.actors);
    for (uint32_t i = 0; i < request->count; i++) {
        struct op *op = &world.ops[request->ops[i]];
        memcpy(op->id, commands[i].id, ORDO_ID_SIZE);
        op->in_flight++;
        actors_counts.sent++;
        actors_counts.resent += op->tries != 0 ? 1 : 0;
        op->tries += op->tries < UINT8_MAX ? 1 : 0;
        if (trace_on) {
            trace("send %u %s try %u", request->ops[i], ordo_schema_of(op->kind)->name, op->tries);
        }
    }
}

static struct request *free_request(void)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        if (!world.requests[i].used) {
            return &world.requests[i];
        }
    }
    return NULL;
}

static void think(struct actor *actor)
{
    uint64_t wait_us = 1000 + below(200000);
    if (world.makes && !actor->gateway && !actors_are_done() && world.open < 64) {
        uint64_t made_us = make_one();
        if (made_us > PAUSE_US) {
            host_clock.now_ns += made_us * ORDO_NS_PER_US;
            actors_counts.pauses_us += made_us;
        } else {
            wait_us += made_us;
        }
    }
    struct request *request = free_request();
    if (request != NULL && ordo_client_in_flight(actor->client) < 8 &&
        gather(actor, request) != 0) {
        send_request(actor, request);
    }
    actor->think_ns = host_clock.now_ns + wait_us * ORDO_NS_PER_US;
}

/* ---- the actors ---- */

static void open_client(struct actor *actor)
{
    struct ordo_fail fail;
    struct ordo_client_config config = {
        .url = "ipc://" NET_REQUESTS,
        .requests_max = 16,
        .patience_ms = 500u << below(6),
        .silence_ms = 500u << below(4),
        .on_answers = on_answers};
    enum ordo_err err = ordo_client_open(&config, &actor->client, &fail);
    ORDO_ASSERT(err == ORDO_OK);
}

/* Its process begins again, and knows of nothing that it had sent but the commands themselves. */
static void begin_again(uint32_t index)
{
    ordo_client_close(world.actors[index].client);
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &world.requests[i];
        if (!request->used || request->actor != index) {
            continue;
        }
        request->used = false;
        for (uint32_t j = 0; j < request->count; j++) {
            struct op *op = &world.ops[request->ops[j]];
            op->in_flight--;
            op->due_ns = host_clock.now_ns;
        }
    }
    open_client(&world.actors[index]);
    actors_counts.restarts++;
}

void actors_begin(uint64_t seed)
{
    struct history *h = &world.history;
    uint8_t *bytes = h->bytes != NULL ? h->bytes : malloc(HISTORY_BYTES_MAX);
    ORDO_ASSERT(bytes != NULL);
    memset(&world, 0, sizeof(world));
    h->bytes = bytes;
    history_begin(h, seed, 0);
    static const uint8_t internal[] = {ORDO_KIND_TICK, ORDO_KIND_RESUME, ORDO_KIND_CONTINUE};
    for (uint32_t i = 0; i < sizeof(internal); i++) {
        h->weight_sum -= h->weights[internal[i]];
        h->weights[internal[i]] = 0;
    }
    h->begin_us = h->time_us = HOST_START_US;
    history_next(h, truth_oracle()); /* the genesis, which the node makes itself */
    world.ops[0] = (struct op){.ended = true, .due_ns = UINT64_MAX};
    world.makes = true;
    world.scale = 1 + below(3) * 30;
    world.again_of = 2 + below(30);
    for (uint32_t i = 0; i < ACTORS; i++) {
        world.actors[i].gateway = i >= CLIENTS;
        open_client(&world.actors[i]);
    }
}

void actors_end(void)
{
    for (uint32_t i = 0; i < ACTORS; i++) {
        ordo_client_close(world.actors[i].client);
        world.actors[i].client = NULL;
    }
}

bool actors_due_ns(uint32_t index, uint64_t *due_ns)
{
    if (index >= ACTORS) {
        return false;
    }
    const struct actor *actor = &world.actors[index];
    uint64_t due = ordo_client_due_ns(actor->client);
    uint64_t arrived = net_client_due_ns(actor->client->sp.fd);
    due = arrived < due ? arrived : due;
    *due_ns = actor->think_ns < due ? actor->think_ns : due;
    return true;
}

void actors_act(uint32_t index)
{
    struct actor *actor = &world.actors[index];
    if (host_chance(RESTART_OF)) {
        begin_again(index);
    }
    (void)ordo_client_work(actor->client, host_clock.now_ns);
    if (host_clock.now_ns >= actor->think_ns) {
        think(actor);
        (void)ordo_client_work(actor->client, host_clock.now_ns);
    }
}

void actors_make(bool makes)
{
    world.makes = makes;
}

bool actors_are_done(void)
{
    return world.history.count >= COMMANDS_MAX || world.history.count >= world.history.length;
}

uint32_t actors_open(void)
{
    return world.open;
}
