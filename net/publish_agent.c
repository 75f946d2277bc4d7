#include "net/desk.h"

#include "order/result.h"

/* Behind durable: the updates of each journaled slot go out in frames, and a heartbeat says where
 * the stream stands.
 *
 * Updates gather in one buffer and leave as a frame at the end of a batch of slots, or when another
 * slot's updates would not fit. A frame ends at a slot's end, because only there is a stream hash:
 * the mark that apply left in the ring. Nothing here waits: what a subscriber's queue has no room
 * for is dropped by nng, and the numbers show him the gap.
 *
 * A heartbeat goes out every heartbeat_ms, and once a quarter of that after the last frame of a
 * burst, so that a subscriber who lost the burst's end learns it soon.
 *
 * Who waits for an order or a sequence waits here (waits.h): this agent sees every decision behind
 * durable in the order of the ring, so a wait begins exactly where apply has looked at its orders.
 * While nobody waits, a slot without updates is not even decoded.
 */

#define QUIET_PART        4
#define STOP_LOOK_NS      (50 * ORDO_NS_PER_MS) /* a stop wakes the ingress agent alone */
#define FRAME_HEAD_MAX    64 /* topic, head and array header of a frame of updates */
#define SLOT_UPDATES_SIZE (ORDO_TRANSITIONS_MAX * ORDO_WIRE_UPDATE_MAX)

static uint64_t heartbeat_ns(const struct ordo_server *server)
{
    return server->config.heartbeat_ms * ORDO_NS_PER_MS;
}

static void send_frame(struct ordo_server *server, const struct ordo_writer *frame)
{
    ORDO_ASSERT(!frame->failed);
    struct ordo_bytes bytes = {frame->begin, (uint32_t)ordo_writer_size(frame)};
    if (server->pub != NULL && ordo_nng_pub_send(server->pub, bytes)) {
        ordo_counter_add(&server->frames_published, 1);
    }
}

/* What was sampled of the frame that has just gone out. */
static void tell_samples(struct ordo_server *server)
{
    struct ordo_publishing *own = &server->publishing;
    uint64_t now_ns = ordo_stamps_now_ns(&own->stage->ring->stamps);
    for (uint32_t i = 0; i < own->sample_count; i++) {
        ordo_spans_published(&server->spans, own->samples[i], now_ns);
    }
    own->sample_count = 0;
}

static void send_updates(struct ordo_server *server)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_writer frame = ordo_writer_over(own->frame_buffer, ORDO_WIRE_STREAM_MAX);
    struct ordo_bytes updates = {own->updates.begin, (uint32_t)ordo_writer_size(&own->updates)};
    if (own->count == 0) {
        return;
    }
    ORDO_ASSERT(!own->updates.failed);
    ORDO_ASSERT(own->first_update_seq + own->count - 1 == own->head.update_seq);
    ordo_stream_updates(
        &frame, server->config.node, own->first_update_seq, own->head.hash, own->count, updates);
    send_frame(server, &frame);
    ordo_counter_add(&server->updates_published, own->count);
    if (ORDO_UNLIKELY(own->sample_count != 0)) {
        tell_samples(server);
    }
    own->updates.at = own->updates.begin;
    own->count = 0;
    own->quiet_told = false;
}

static void send_heartbeat(struct ordo_server *server)
{
    uint8_t bytes[128];
    struct ordo_writer frame = ordo_writer_over(bytes, sizeof(bytes));
    ordo_stream_heartbeat(&frame, &server->publishing.head);
    send_frame(server, &frame);
}

static void visit_update(void *context, const struct ordo_update *update)
{
    struct ordo_publishing *own = context;
    if (own->count == 0) {
        own->first_update_seq = update->update_seq;
    }
    ORDO_ASSERT(update->update_seq == own->first_update_seq + own->count);
    ordo_stream_update(&own->updates, update);
    own->count++;
    ordo_recent_put(
        own->recent, update, update->update_seq == own->slot_last ? own->slot_hash : NULL);
    ordo_lag_note(&own->lag, update->update_seq, update->time_us);
}

static void decode_outcome(struct ordo_server *server, const struct ordo_slot *slot)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_ring *ring = own->stage->ring;
    bool good = ordo_command_decode(ordo_ring_command(ring, slot), &own->command);
    ORDO_ASSERT(good); /* ingress encoded it, apply decided it */
    good =
        ordo_outcome_decode(ordo_ring_outcome(ring, slot), slot->seq, &own->command, &own->outcome);
    ORDO_ASSERT(good);
}

static void take_sample(struct ordo_publishing *own, uint64_t cursor)
{
    const struct ordo_stamps *stamps = &own->stage->ring->stamps;
    if (ordo_stamps_is_due(stamps, &own->next_sample, cursor) &&
        own->sample_count < ORDO_LANE_SAMPLES_MAX) {
        own->samples[own->sample_count++] = ordo_stamps_get(stamps, cursor)->ns[ORDO_STAMP_DURABLE];
    }
}

/* The updates of one slot, decoded; afterwards the head is behind it. */
static void take_updates(struct ordo_server *server, uint64_t cursor, const struct ordo_slot *slot)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_ring *ring = own->stage->ring;
    size_t used = ordo_writer_size(&own->updates);
    if (used + SLOT_UPDATES_SIZE + FRAME_HEAD_MAX > ORDO_WIRE_STREAM_MAX) {
        send_updates(server);
    }
    uint64_t first = slot->update_seq - slot->update_count + 1;
    ORDO_ASSERT(first == own->head.update_seq + 1); /* no gap may begin here */
    uint32_t before = own->count;
    own->slot_last = slot->update_seq;
    own->slot_hash = ordo_ring_mark(ring, cursor);
    ordo_recent_announce(own->recent, slot->update_seq);
    ordo_outcome_updates(&own->outcome, slot->time_us, first, visit_update, own);
    ORDO_ASSERT(own->count - before == slot->update_count);
    take_sample(own, cursor);
    memcpy(own->head.hash, ordo_ring_mark(ring, cursor), sizeof(own->head.hash));
    own->head.update_seq = slot->update_seq;
}

/* ---- who waits ---- */

static void send_answer(struct ordo_server *server, uint32_t request, struct ordo_writer *out)
{
    ORDO_ASSERT(!out->failed);
    ordo_server_reply(
        server, request, (struct ordo_bytes){out->begin, (uint32_t)ordo_writer_size(out)});
    ordo_sequence_set(&server->waited, ordo_sequence_own(&server->waited) + 1);
}

static struct ordo_writer begin_answer(struct ordo_server *server, uint64_t request_id)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_writer out = ordo_writer_over(own->answer_buffer, ORDO_WAIT_REPLY_MAX);
    struct ordo_reply_head head = {
        .durable_seq = own->head.durable_seq, .time_us = own->head.time_us};
    memcpy(head.node, server->config.node, sizeof(head.node));
    ordo_reply_begin(&out, request_id, &head, 1);
    return out;
}

static void answer_wait(struct ordo_server *server, uint32_t request)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_writer out = begin_answer(server, ordo_waits_request_id(&own->waits, request));
    ordo_reply_body(&out, own->head.durable_seq);
    ordo_waits_write(&own->waits, request, &out);
    ordo_waits_remove(&own->waits, request);
    send_answer(server, request, &out);
}

/* Those whose time has come; after a stop all, with what holds. */
static uint32_t answer_waits(struct ordo_server *server, uint64_t now_ns)
{
    struct ordo_publishing *own = &server->publishing;
    uint32_t count = 0;
    uint32_t request;
    while (own->waits.count != 0 &&
           ordo_waits_next(&own->waits, own->head.durable_seq, now_ns, &request)) {
        answer_wait(server, request);
        count++;
    }
    while (ordo_flag_is_raised(&server->stopping) && ordo_waits_any(&own->waits, &request)) {
        answer_wait(server, request);
        count++;
    }
    return count;
}

/* Half of the requests of each door are left to those that do not wait: else 4,096 waits would keep
 * out every payment fact for a minute. */
static bool has_turn(const struct ordo_server *server)
{
    return server->publishing.waits.count < server->config.requests_max / (2 * server->door_count);
}

static void begin_wait(struct ordo_server *server, const struct ordo_slot *slot)
{
    static const char text[] =
        "so many wait, or so many orders are waited for, that this has no room";
    struct ordo_publishing *own = &server->publishing;
    struct ordo_bytes outcome = ordo_ring_outcome(own->stage->ring, slot);
    struct ordo_reader body = ordo_reader_over(outcome.data, outcome.size);
    struct ordo_result result;
    uint32_t request = ordo_token_request(slot->token);
    ORDO_ASSERT(request < server->config.requests_max);
    uint64_t request_id = server->requests[request].request_id;
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    bool good = ordo_command_decode(ordo_ring_command(own->stage->ring, slot), &own->command);
    ORDO_ASSERT(good); /* ingress encoded it */
    good = ordo_result_decode(&body, slot->seq, &result) && result.code == ORDO_RESULT_OK;
    ORDO_ASSERT(good); /* apply refuses no wait */
    if (has_turn(server) &&
        ordo_waits_add(&own->waits, request, request_id, &own->command, &body, now_ns)) {
        return;
    }
    struct ordo_writer out = begin_answer(server, request_id);
    ordo_reply_refusal(
        &out,
        ORDO_RESULT_BUSY,
        (struct ordo_bytes){(const uint8_t *)text, (uint32_t)sizeof(text) - 1});
    ordo_counter_add(&server->waits_refused, 1);
    send_answer(server, request, &out);
}

/* ---- slots ---- */

/* A subscriber has worked off what he acked: how long did it take from the change to here? */
static void take_ack(struct ordo_server *server, const struct ordo_slot *slot)
{
    struct ordo_publishing *own = &server->publishing;
    if (slot->code != ORDO_RESULT_OK ||
        !ordo_command_decode(ordo_ring_command(own->stage->ring, slot), &own->command)) {
        return;
    }
    ordo_lag_ack(
        &own->lag, own->recent, own->command.shop, &own->command.subscriber_ack, slot->time_us);
}

static void take_slot(struct ordo_server *server, uint64_t cursor, const struct ordo_slot *slot)
{
    struct ordo_publishing *own = &server->publishing;
    bool journaled = (slot->flags & ORDO_SLOT_JOURNALED) != 0;
    bool awaited = journaled && own->waits.count != 0;
    bool updates = journaled && slot->update_count != 0;
    if (updates || awaited) {
        decode_outcome(server, slot);
    }
    if (updates) {
        take_updates(server, cursor, slot);
    }
    if (slot->kind == ORDO_KIND_SUBSCRIBER_ACK) {
        take_ack(server, slot);
    }
    own->head.durable_seq = slot->seq;
    own->head.time_us = slot->time_us;
    if (awaited) {
        ordo_waits_take(&own->waits, &own->outcome);
    } else if (slot->kind == ORDO_KIND_WAIT && (slot->flags & ORDO_SLOT_ANSWER) != 0) {
        begin_wait(server, slot);
    } else {
        return;
    }
    (void)answer_waits(server, 0); /* times are looked at once a cycle */
}

static uint32_t take_slots(struct ordo_server *server)
{
    struct ordo_publishing *own = &server->publishing;
    struct ordo_stage *stage = own->stage;
    uint32_t count = ordo_stage_available(stage);
    if (count == 0) {
        return 0;
    }
    uint64_t last = stage->next + count - 1;
    for (uint64_t cursor = stage->next; cursor <= last; cursor++) {
        take_slot(server, cursor, ordo_ring_slot(stage->ring, cursor));
    }
    ordo_stage_advance(stage, last);
    ordo_recent_publish(own->recent, own->head.update_seq);
    send_updates(server);
    return count;
}

uint32_t ordo_publish_work(void *self)
{
    struct ordo_server *server = self;
    struct ordo_publishing *own = &server->publishing;
    uint32_t work = take_slots(server);
    uint64_t now_ns = ordo_clock_monotonic_ns(&server->clock);
    uint64_t quiet_ns = now_ns + heartbeat_ns(server) / QUIET_PART;
    work += own->waits.count == 0 ? 0 : answer_waits(server, now_ns);
    if (work != 0 && !own->quiet_told && quiet_ns < own->heartbeat_due_ns) {
        own->heartbeat_due_ns = quiet_ns;
        own->quiet_told = true;
    }
    if (now_ns >= own->heartbeat_due_ns) {
        send_heartbeat(server);
        own->heartbeat_due_ns = now_ns + heartbeat_ns(server);
        work++;
    }
    return work;
}

bool ordo_publish_is_drained(void *self)
{
    const struct ordo_server *server = self;
    return ordo_stage_available(server->publishing.stage) == 0 &&
           server->publishing.waits.count == 0;
}

uint64_t ordo_publish_deadline_ns(void *self)
{
    const struct ordo_server *server = self;
    const struct ordo_publishing *own = &server->publishing;
    uint64_t due_ns = own->heartbeat_due_ns;
    if (own->waits.count != 0) {
        uint64_t wait_ns = ordo_waits_deadline_ns(&own->waits);
        uint64_t look_ns = ordo_clock_monotonic_ns(&server->clock) + STOP_LOOK_NS;
        due_ns = wait_ns < due_ns ? wait_ns : due_ns;
        due_ns = look_ns < due_ns ? look_ns : due_ns;
    }
    return due_ns;
}
