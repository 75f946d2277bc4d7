#include "net/desk.h"

#include "order/result.h"

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
 */

#define WAIT_NS (1 * ORDO_NS_PER_MS)   /* how soon to look again while requests wait for room */
#define IDLE_NS (100 * ORDO_NS_PER_MS) /* apply may export an earlier deadline meanwhile */

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
    struct ordo_server *server, struct ordo_request *request, const struct ordo_wire_fault *fault)
{
    struct ordo_writer out = ordo_writer_over(server->receiving.buffer, ORDO_REFUSALS_SIZE_MAX);
    struct ordo_reply_head head = {
        .durable_seq = ordo_sequence_get(&server->head_seq),
        .time_us = ordo_sequence_get(&server->head_us),
        .code = fault == NULL ? ORDO_RESULT_OK : fault->code,
        .text = fault == NULL ? (struct ordo_bytes){NULL, 0} : text_of(fault->text),
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

/* The next command that may be staged; false at the end of the request. */
static bool read_candidate(
    struct ordo_server *server, struct ordo_request *request, struct ordo_candidate *candidate)
{
    struct ordo_wire_fault fault;
    while (request->reader.next < request->reader.count) {
        struct ordo_writer scratch = ordo_writer_over(candidate->scratch, ORDO_COMMAND_SIZE_MAX);
        candidate->before = request->reader;
        candidate->refused = request->refused;
        if (ordo_request_next(&request->reader, &candidate->command, &scratch, &fault)) {
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
    enum staging result = stage_commands(server, request);
    ordo_counter_add(&server->commands, request->staged - staged);
    if (result == STAGED) {
        ordo_counter_add(&server->malformed, request->refused);
        if (request->staged == 0) {
            reply_now(server, request, NULL);
        }
    }
    return result;
}

/* Stages the requests of a class that there is room for; false when one has none. That holds back
 * the less urgent classes as well, or they would take the room that it waits for. */
static bool stage_class(struct ordo_server *server, uint32_t class, uint32_t *work)
{
    struct ordo_request_queue *queue = &server->receiving.queues[class];
    while (queue->first != NULL) {
        struct ordo_request *request = queue->first;
        uint32_t staged = request->staged;
        struct ordo_request *next = (struct ordo_request *)request->item.next;
        if (stage_request(server, request) == NO_ROOM) {
            *work += request->staged - staged;
            return false;
        }
        queue->first = next;
        *work += 1;
    }
    return true;
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
        if (good) {
            push(&server->receiving.queues[request->class], request);
        } else {
            ordo_counter_add(&server->malformed, 1);
            reply_now(server, request, &fault);
        }
    }
    ordo_sequence_set(&server->taken, ordo_sequence_own(&server->taken) + count);
    return count;
}

uint32_t ordo_ingress_work(void *self)
{
    struct ordo_server *server = self;
    uint32_t work = take_requests(server);
    /* What is due goes after the payment facts that are here, and before everything else. */
    bool room = stage_class(server, ORDO_CLASS_FACT, &work);
    work += ordo_ingress_tick(server->receiving.ingress);
    for (uint32_t class = ORDO_CLASS_FACT + 1; class < ORDO_CLASS_COUNT && room; class ++) {
        room = stage_class(server, class, &work);
    }
    work += ordo_ingress_flush(server->receiving.ingress);
    return work;
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

bool ordo_ingress_is_drained(void *self)
{
    const struct ordo_server *server = self;
    return ordo_inbox_is_empty(&server->inbox) && !is_waiting(server);
}

uint64_t ordo_ingress_deadline_ns(void *self)
{
    const struct ordo_server *server = self;
    const struct ordo_ingress *ingress = server->receiving.ingress;
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    if (is_waiting(server)) {
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
