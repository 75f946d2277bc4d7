#include "net/desk.h"

#include "order/result.h"

/* Behind durable: slots become result elements, the last one of a request sends its reply.
 *
 * Three lanes, one a class: the ingress agent never interleaves two requests of one class, so a
 * reply is built in the lane's buffer from its first slot to its last, and no request needs a
 * buffer of its own. Elements that were refused before they became slots are put in where they
 * belong: the token of a slot says how many of them come before it.
 *
 * Results of commands are small and always have room. Bodies of queries may not: one that would
 * take the room of the others' results is answered BUSY, which is true of queries: ask again, in a
 * request of its own. A wait is the publish agent's to answer.
 *
 * A sampled command (ring/stamps.h) has been answered when the whole reply of its request is given
 * to the door; its times are kept with the lane until then.
 */

#define RESULT_SIZE_MAX (8 + ORDO_WIRE_TEXT_MAX) /* bytes of a result without a body */

static const char full_text[] = "the reply is full: ask for this in a request of its own";

static void begin_reply(
    struct ordo_server *server,
    struct ordo_lane *lane,
    struct ordo_request *request,
    const struct ordo_slot *newest)
{
    struct ordo_reply_head head = {.durable_seq = newest->seq, .time_us = newest->time_us};
    memcpy(head.node, server->config.node, sizeof(head.node));
    ORDO_ASSERT(lane->current == NULL);
    lane->current = request;
    lane->results = 0;
    lane->refused = 0;
    lane->sample_count = 0;
    lane->writer.at = lane->writer.begin;
    lane->writer.failed = false;
    ordo_reply_begin(&lane->writer, request->request_id, &head, request->count);
}

/* The refusals up to number `to`; their elements come before the next result. */
static void write_refusals(struct ordo_server *server, struct ordo_lane *lane, uint32_t to)
{
    uint32_t index = ordo_request_index(server, lane->current);
    ORDO_ASSERT(to >= lane->refused);
    if (to == lane->refused) {
        return;
    }
    ordo_refusals_write(&server->refusals[index], lane->refused, to, &lane->writer);
    lane->results += to - lane->refused;
    lane->refused = to;
}

static void write_result(
    struct ordo_server *server,
    struct ordo_lane *lane,
    const struct ordo_slot *slot,
    struct ordo_bytes outcome)
{
    uint8_t *before = lane->writer.at;
    uint32_t left = lane->current->count - lane->results - 1;
    bool good = ordo_reply_outcome(&lane->writer, slot->kind, slot->seq, outcome);
    lane->results++;
    size_t room = (size_t)(lane->writer.end - lane->writer.at);
    if (good && !lane->writer.failed && room >= (size_t)left * RESULT_SIZE_MAX) {
        return;
    }
    ORDO_ASSERT(lane->writer.failed || good); /* apply writes outcomes of its own kind */
    lane->writer.at = before;
    lane->writer.failed = false;
    ordo_counter_add(&server->busy, 1);
    ordo_reply_refusal(
        &lane->writer,
        ORDO_RESULT_BUSY,
        (struct ordo_bytes){(const uint8_t *)full_text, sizeof(full_text) - 1});
}

static void take_sample(const struct ordo_replying *own, struct ordo_lane *lane, uint64_t cursor)
{
    if (lane->sample_count < ORDO_LANE_SAMPLES_MAX) {
        lane->samples[lane->sample_count++] = *ordo_stamps_get(&own->stage->ring->stamps, cursor);
    }
}

static void tell_samples(struct ordo_server *server, struct ordo_lane *lane)
{
    uint64_t now_ns = ordo_stamps_now_ns(&server->replying.stage->ring->stamps);
    for (uint32_t i = 0; i < lane->sample_count; i++) {
        ordo_spans_answered(&server->spans, &lane->samples[i], now_ns);
    }
}

static void end_reply(struct ordo_server *server, struct ordo_lane *lane)
{
    struct ordo_request *request = lane->current;
    write_refusals(server, lane, request->refused);
    ORDO_ASSERT(lane->results == request->count);
    ORDO_ASSERT(!lane->writer.failed);
    lane->current = NULL;
    ordo_server_reply(
        server,
        ordo_request_index(server, request),
        (struct ordo_bytes){lane->writer.begin, (uint32_t)ordo_writer_size(&lane->writer)});
    ordo_sequence_set(&server->answered, ordo_sequence_own(&server->answered) + 1);
    if (ORDO_UNLIKELY(lane->sample_count != 0)) {
        tell_samples(server, lane);
    }
}

static void answer(struct ordo_server *server, uint64_t cursor, const struct ordo_slot *newest)
{
    struct ordo_replying *own = &server->replying;
    const struct ordo_slot *slot = ordo_ring_slot(own->stage->ring, cursor);
    uint32_t index = ordo_token_request(slot->token);
    ORDO_ASSERT(index < server->config.requests_max);
    struct ordo_request *request = &server->requests[index];
    struct ordo_lane *lane = &own->lanes[request->class];
    if (lane->current == NULL) {
        begin_reply(server, lane, request, newest);
    }
    ORDO_ASSERT(lane->current == request);
    write_refusals(server, lane, ordo_token_refused(slot->token));
    ORDO_ASSERT(lane->results == ordo_token_element(slot->token));
    write_result(server, lane, slot, ordo_ring_outcome(own->stage->ring, slot));
    if (ordo_stamps_is_due(&own->stage->ring->stamps, &own->next_sample, cursor)) {
        take_sample(own, lane, cursor);
    }
    if ((slot->flags & ORDO_SLOT_LAST) != 0) {
        end_reply(server, lane);
    }
}

uint32_t ordo_reply_work(void *self)
{
    struct ordo_server *server = self;
    struct ordo_stage *stage = server->replying.stage;
    uint32_t count = ordo_stage_available(stage);
    if (count == 0) {
        return 0;
    }
    uint64_t last = stage->next + count - 1;
    const struct ordo_slot *newest = ordo_ring_slot(stage->ring, last);
    ordo_sequence_set(&server->head_seq, newest->seq);
    ordo_sequence_set(&server->head_us, newest->time_us);
    for (uint64_t cursor = stage->next; cursor <= last; cursor++) {
        const struct ordo_slot *slot = ordo_ring_slot(stage->ring, cursor);
        if ((slot->flags & ORDO_SLOT_ANSWER) != 0 && slot->kind != ORDO_KIND_WAIT) {
            answer(server, cursor, newest);
        }
    }
    ordo_stage_advance(stage, last);
    return count;
}

bool ordo_reply_is_drained(void *self)
{
    const struct ordo_server *server = self;
    uint64_t answered = ordo_server_answered(server) + ordo_sequence_get(&server->feed.handed);
    return ordo_stage_available(server->replying.stage) == 0 &&
           answered == ordo_sequence_get(&server->taken);
}
