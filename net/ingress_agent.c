#include "net/desk.h"

#include "base/canary.h"
#include "order/result.h"

#include <stdio.h>

/* Out of the inbox, into the ring.
 *
 * A request waits in the queue of its class until the ring has room for all of it (or for half of
 * the ring, when it is larger), then its commands are read and put one after another. Reading and
 * refusing cost no slot: an element that is no command is noted in the request, and the reply agent
 * puts the note where the result belongs.
 *
 * The last slot of a request must be known when it is put, and elements that will be refused may
 * follow. So a command is put only when the next good one has been read, or the end.
 *
 * When the ring fills in the middle of a request, the reader goes back to before the command that
 * did not fit; notes written meanwhile are written again with the same content, and the reply agent
 * looks only at those that the token of a published slot counts. The request stays at the head of
 * its class, so in the ring the requests of a class never interleave.
 *
 * What finds the queue of its class full, or has waited in it too long, is refused whole: BUSY,
 * with the time after which to come again (shed.h). For that a frame is walked once, as always, to
 * know its class; none of its commands is read.
 *
 * After a stop the doors stay open until all that waited is decided and answered, and whoever comes
 * meanwhile learns SHUTTING_DOWN instead of nothing. Then this agent stops the doors: as long as
 * they deliver, there is no end of work.
 */

#define WAIT_NS (1 * ORDO_NS_PER_MS)   /* how soon to look again while requests wait for room */
#define IDLE_NS (100 * ORDO_NS_PER_MS) /* apply may export an earlier deadline meanwhile */

#define RESTART_MS 1000 /* the hint of a server that stops: a start takes about that long */

enum staging { STAGED, NO_ROOM };

static struct ordo_bytes text_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strnlen(text, ORDO_WIRE_TEXT_MAX)};
}

void ordo_refusals_write(
    const struct ordo_refusals *refusals, uint32_t from, uint32_t to, struct ordo_writer *out)
{
    ORDO_ASSERT(to <= ORDO_WIRE_COMMANDS_MAX);
    for (uint32_t i = from; i < to; i++) {
        const char *text = i < ORDO_REFUSAL_TEXTS_MAX ? refusals->texts[i] : "";
        ordo_reply_refusal(out, refusals->list[i].code, text_of(text));
    }
}

static void push(struct ordo_request_queue *queue, struct ordo_request *request)
{
    request->item.next = NULL;
    if (queue->first == NULL) {
        queue->first = request;
    } else {
        queue->last->item.next = &request->item;
    }
    queue->last = request;
}

/* Replies without any slot: a frame refused as a whole, or nothing but refusals. */
static void reply_now(
    struct ordo_server *server,
    struct ordo_request *request,
    const struct ordo_wire_fault *fault,
    uint32_t retry_ms)
{
    struct ordo_writer out = ordo_writer_over(server->receiving.buffer, ORDO_REFUSALS_SIZE_MAX);
    struct ordo_reply_head head = {
        .durable_seq = ordo_sequence_get(&server->head_seq),
        .time_us = ordo_sequence_get(&server->head_us),
        .code = fault == NULL ? ORDO_RESULT_OK : fault->code,
        .text = fault == NULL ? (struct ordo_bytes){NULL, 0} : text_of(fault->text),
        .retry_ms = retry_ms,
    };
    memcpy(head.node, server->config.node, sizeof(head.node));
    uint32_t index = ordo_request_index(server, request);
    uint32_t results = fault == NULL ? request->refused : 0;
    ordo_reply_begin(&out, request->request_id, &head, results);
    ordo_refusals_write(&server->refusals[index], 0, results, &out);
    ORDO_ASSERT(!out.failed);
    ordo_server_reply(
        server, index, (struct ordo_bytes){out.begin, (uint32_t)ordo_writer_size(&out)});
    ordo_sequence_set(&server->refused, ordo_sequence_own(&server->refused) + 1);
}

static void refuse_stopping(struct ordo_server *server, struct ordo_request *request)
{
    static const struct ordo_wire_fault fault = {
        ORDO_RESULT_SHUTTING_DOWN, "the server is stopping; nothing was decided"};
    reply_now(server, request, &fault, RESTART_MS);
}

static void refuse_busy(struct ordo_server *server, struct ordo_request *request, const char *why)
{
    struct ordo_wire_fault fault = {.code = ORDO_RESULT_BUSY};
    (void)snprintf(fault.text, sizeof(fault.text), "%s; nothing was decided", why);
    ordo_counter_add(&server->shed[request->class], 1);
    ordo_counter_add(&server->busy, request->count);
    reply_now(server, request, &fault, ordo_shed_retry_ms(&server->receiving.shed, request->class));
}

static void note_refusal(
    struct ordo_server *server, struct ordo_request *request, const struct ordo_wire_fault *fault)
{
    struct ordo_refusals *refusals = &server->refusals[ordo_request_index(server, request)];
    uint32_t i = request->refused++;
    ORDO_ASSERT(i < ORDO_WIRE_COMMANDS_MAX);
    refusals->list[i].element = (uint16_t)(request->reader.next - 1);
    refusals->list[i].code = fault->code;
    if (i < ORDO_REFUSAL_TEXTS_MAX) {
        memcpy(refusals->texts[i], fault->text, sizeof(refusals->texts[i]));
    }
}

/* False, with the fault, when the role of the request's listener does not have the kind. */
static bool
may_send(const struct ordo_request *request, uint8_t kind, struct ordo_wire_fault *fault)
{
    if (ORDO_LIKELY(ordo_role_allows(request->role, kind)) || ORDO_CANARY(role_unchecked)) {
        return true;
    }
    const struct ordo_command_schema *schema =
        kind >= ORDO_SERVICE_FIRST ? ordo_service_schema_of(kind) : ordo_schema_of(kind);
    fault->code = ORDO_RESULT_UNAUTHORISED;
    (void)snprintf(
        fault->text,
        sizeof(fault->text),
        "command %u: the role %s may not send %s",
        request->reader.next - 1,
        ordo_role_name(request->role),
        schema == NULL ? "what this server does not know" : schema->name);
    return false;
}

/* False, with the fault, for a wait beside other commands: their results would wait with it. */
static bool
may_wait(const struct ordo_request *request, uint8_t kind, struct ordo_wire_fault *fault)
{
    if (ORDO_LIKELY(kind != ORDO_KIND_WAIT || request->reader.count == 1)) {
        return true;
    }
    fault->code = ORDO_RESULT_MALFORMED;
    (void)snprintf(
        fault->text,
        sizeof(fault->text),
        "command %u: a wait is alone in its request",
        request->reader.next - 1);
    return false;
}

/* The next command that may be staged; false at the end of the request. */
static bool read_candidate(
    struct ordo_server *server, struct ordo_request *request, struct ordo_candidate *candidate)
{
    struct ordo_wire_fault fault;
    while (request->reader.next < request->reader.count) {
        struct ordo_writer scratch = ordo_writer_over(candidate->scratch, ORDO_COMMAND_SIZE_MAX);
        candidate->before = request->reader;
        candidate->refused = request->refused;
        if (ordo_request_next(&request->reader, &candidate->command, &scratch, &fault) &&
            may_send(request, candidate->command.kind, &fault) &&
            may_wait(request, candidate->command.kind, &fault)) {
            return true;
        }
        note_refusal(server, request, &fault);
    }
    return false;
}

static enum staging stage_commands(struct ordo_server *server, struct ordo_request *request)
{
    struct ordo_receiving *own = &server->receiving;
    struct ordo_candidate *held = &own->candidates[0];
    struct ordo_candidate *following = &own->candidates[1];
    uint32_t index = ordo_request_index(server, request);

    bool have = read_candidate(server, request, held);
    while (have) {
        bool more = read_candidate(server, request, following);
        uint64_t token = ordo_token(index, held->before.next, held->refused);
        uint16_t flags = more ? ORDO_SLOT_ANSWER : ORDO_SLOT_ANSWER | ORDO_SLOT_LAST;
        enum ordo_err err = ordo_ingress_put(own->ingress, &held->command, token, flags);
        if (err == ORDO_ERR_FULL) {
            request->reader = held->before;
            request->refused = held->refused;
            return NO_ROOM;
        }
        ORDO_ASSERT(err == ORDO_OK); /* the schema was checked, the size too */
        request->staged++;
        struct ordo_candidate *swap = held;
        held = following;
        following = swap;
        have = more;
    }
    return STAGED;
}

static enum staging stage_request(struct ordo_server *server, struct ordo_request *request)
{
    struct ordo_ingress *ingress = server->receiving.ingress;
    uint64_t half = ingress->sequencer->ring->capacity / 2;
    uint32_t wanted = request->reader.count - request->reader.next;
    wanted = wanted > half ? (uint32_t)half : wanted;
    if (ordo_ingress_room(ingress, wanted) < wanted) {
        return NO_ROOM;
    }
    uint32_t staged = request->staged;
    ingress->received_ns = request->since_ns;
    enum staging result = stage_commands(server, request);
    ingress->received_ns = 0;
    ordo_counter_add(&server->commands, request->staged - staged);
    if (result == STAGED) {
        ordo_counter_add(&server->malformed, request->refused);
        if (request->staged == 0) {
            reply_now(server, request, NULL, 0);
        }
    }
    return result;
}

/* Stages the requests of a class that there is room for; false when one has none. That holds back
 * the less urgent classes as well, or they would take the room that it waits for. */
static bool stage_class(struct ordo_server *server, uint32_t class, uint32_t *work)
{
    struct ordo_receiving *own = &server->receiving;
    struct ordo_request_queue *queue = &own->queues[class];
    while (queue->first != NULL) {
        struct ordo_request *request = queue->first;
        uint32_t staged = request->staged;
        struct ordo_request *next = (struct ordo_request *)request->item.next;
        uint32_t bytes = request->frame.size;
        uint32_t count = request->count;
        if (!ordo_throttle_is_open(&own->throttle, own->now_ns)) {
            return false;
        }
        if (stage_request(server, request) == NO_ROOM) {
            *work += request->staged - staged;
            return false;
        }
        queue->first = next;
        ordo_shed_leave(&own->shed, (enum ordo_wire_class) class, bytes, count, true);
        ordo_throttle_take(&own->throttle, count);
        *work += 1;
    }
    return true;
}

/* Refuses what has waited too long: the head of a queue is its oldest. A request of which something
 * is in the ring is finished. */
static uint32_t refuse_late(struct ordo_server *server)
{
    struct ordo_receiving *own = &server->receiving;
    uint32_t work = 0;
    for (uint32_t class = 0; class < ORDO_CLASS_COUNT; class ++) {
        struct ordo_request_queue *queue = &own->queues[class];
        struct ordo_request *request = queue->first;
        while (request != NULL && request->staged == 0 &&
               ordo_shed_is_late(
                   &own->shed, (enum ordo_wire_class) class, request->since_ns, own->now_ns)) {
            struct ordo_request *next = (struct ordo_request *)request->item.next;
            ordo_shed_leave(&own->shed, request->class, request->frame.size, request->count, false);
            if (ordo_flag_is_raised(&server->stopping)) {
                refuse_stopping(server, request);
            } else {
                refuse_busy(server, request, "waited too long");
            }
            queue->first = next;
            request = next;
            work++;
        }
    }
    return work;
}

/* Everything that waits and has room in the ring, the most urgent first. */
static uint32_t stage_all(struct ordo_server *server)
{
    /* What is due goes after the payment facts that are here, and before everything else. */
    uint32_t work = 0;
    bool room = stage_class(server, ORDO_CLASS_FACT, &work);
    work += ordo_ingress_tick(server->receiving.ingress);
    for (uint32_t class = ORDO_CLASS_FACT + 1; class < ORDO_CLASS_COUNT && room; class ++) {
        room = stage_class(server, class, &work);
    }
    return work;
}

/* A queue that is full at this moment is no overload as long as the ring has room: what came in one
 * cycle may be more than a queue holds. */
static bool join(struct ordo_server *server, struct ordo_request *request)
{
    struct ordo_shed *shed = &server->receiving.shed;
    uint32_t size = request->frame.size;
    if (ordo_shed_join(shed, request->class, size, request->count)) {
        return true;
    }
    (void)stage_all(server);
    return ordo_shed_join(shed, request->class, size, request->count);
}

/* Into the queue of its class, if there is room. */
static void admit(struct ordo_server *server, struct ordo_request *request)
{
    struct ordo_receiving *own = &server->receiving;
    if (ordo_flag_is_raised(&server->stopping)) {
        refuse_stopping(server, request);
    } else if (join(server, request)) {
        request->since_ns = own->now_ns;
        push(&own->queues[request->class], request);
    } else {
        ordo_shed_refused(&own->shed, request->count);
        refuse_busy(server, request, "too many wait");
    }
}

/* A service is none of the ring's business: its own thread answers it. */
static void hand_over(struct ordo_server *server, struct ordo_request *request)
{
    struct ordo_wire_fault fault;
    if (ordo_flag_is_raised(&server->stopping)) {
        refuse_stopping(server, request);
        return;
    }
    request->reader.next = 1; /* a refusal names it as the first */
    if (!may_send(request, request->reader.service, &fault)) {
        ordo_counter_add(&server->malformed, 1);
        note_refusal(server, request, &fault);
        reply_now(server, request, NULL, 0);
        return;
    }
    request->reader.next = 0;
    if (!ordo_feed_deliver(&server->feed, request)) {
        fault = (struct ordo_wire_fault){ORDO_RESULT_BUSY, "too many services wait"};
        ordo_counter_add(&server->busy, 1);
        reply_now(server, request, &fault, ORDO_FEED_RETRY_MS);
    }
}

static uint32_t take_requests(struct ordo_server *server)
{
    uint32_t count = 0;
    struct ordo_inbox_item *item = ordo_inbox_take(&server->inbox);
    while (item != NULL) {
        struct ordo_request *request = (struct ordo_request *)item;
        struct ordo_wire_fault fault;
        item = item->next;
        count++;
        request->refused = 0;
        request->staged = 0;
        bool good = ordo_request_open(&request->reader, request->frame, &fault);
        request->request_id = request->reader.request_id;
        request->count = request->reader.count;
        request->class = request->reader.class;
        if (request->class == ORDO_CLASS_FACT && !ordo_role_is_urgent(request->role)) {
            request->class = ORDO_CLASS_COMMAND;
        }
        if (good && ordo_request_is_service(&request->reader)) {
            hand_over(server, request);
        } else if (good) {
            admit(server, request);
        } else {
            ordo_counter_add(&server->malformed, 1);
            reply_now(server, request, &fault, 0);
        }
    }
    ordo_sequence_set(&server->taken, ordo_sequence_own(&server->taken) + count);
    return count;
}

static bool is_waiting(const struct ordo_server *server)
{
    for (uint32_t class = 0; class < ORDO_CLASS_COUNT; class ++) {
        if (server->receiving.queues[class].first != NULL) {
            return true;
        }
    }
    return false;
}

/* After a stop: closes the doors when everything that was taken is answered. */
static uint32_t stop_doors(struct ordo_server *server)
{
    struct ordo_receiving *own = &server->receiving;
    uint64_t answered = ordo_server_answered(server) + ordo_sequence_get(&server->feed.answered);
    if (own->door_stopped || !ordo_flag_is_raised(&server->stopping) || is_waiting(server) ||
        answered != ordo_sequence_own(&server->taken)) {
        return 0;
    }
    ordo_doors_stop(server);
    own->door_stopped = true;
    return 1;
}

uint32_t ordo_ingress_work(void *self)
{
    struct ordo_server *server = self;
    struct ordo_receiving *own = &server->receiving;
    own->now_ns = ordo_clock_monotonic_ns(&server->clock);
    uint32_t work = ordo_doors_work(server);
    work += take_requests(server);
    work += refuse_late(server);
    work += stage_all(server);
    work += ordo_ingress_flush(own->ingress);
    ordo_shed_tick(&own->shed, own->now_ns);
    return work + stop_doors(server);
}

bool ordo_ingress_is_drained(void *self)
{
    const struct ordo_server *server = self;
    bool open = ordo_flag_is_raised(&server->stopping) && !server->receiving.door_stopped;
    return !open && ordo_inbox_is_empty(&server->inbox) && !is_waiting(server) &&
           ordo_doors_are_drained(self);
}

void ordo_ingress_on_close(void *self)
{
    ordo_doors_end(self);
}

/* The next thing that is due in the ring, or that may be by then. */
static uint64_t own_deadline_ns(const struct ordo_server *server)
{
    const struct ordo_ingress *ingress = server->receiving.ingress;
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    bool stopping = ordo_flag_is_raised(&server->stopping) && !server->receiving.door_stopped;
    if (stopping || is_waiting(server)) {
        return now_ns + WAIT_NS;
    }
    uint64_t deadline_us = ordo_sequence_get(ingress->deadline_us);
    uint64_t now_us = ordo_timekeeper_now_us(ingress->keeper);
    if (deadline_us <= now_us) {
        return now_ns + WAIT_NS; /* the tick before it has not been applied yet */
    }
    uint64_t left_us = deadline_us - now_us;
    return left_us < IDLE_NS / ORDO_NS_PER_US ? now_ns + left_us * ORDO_NS_PER_US
                                              : now_ns + IDLE_NS;
}

uint64_t ordo_ingress_deadline_ns(void *self)
{
    uint64_t own = own_deadline_ns(self);
    uint64_t doors = ordo_doors_deadline_ns(self);
    return own < doors ? own : doors;
}
