#include "net/client/follow_parts.h"

#include "base/assert.h"
#include "order/result.h"

#include <stdio.h>
#include <string.h>

/* What a follower asks the node: first where it is to begin (head, cursor, parked orders), then
 * parts of the journal whenever something is missing, a park when an order cannot be worked off;
 * one question at a time. Acknowledgements go beside it. A question that had no answer is asked
 * again: the client has tried for a while with the same id, and the step that asked has not moved.
 */

#define ACK_PAUSE_NS (100 * ORDO_NS_PER_MS)
#define ACK_UPDATES  65536
#define LOOK_NS      ORDO_NS_PER_S /* between fetches while the stream is not connected */
#define AHEAD_PAUSE                                                                                \
    (200 * ORDO_NS_PER_MS) /* the journal's feed may be behind the stream for a moment */
#define AHEAD_TRIES    10
#define FETCH_FIRST    8192 /* updates of one fetch; a slow line gets fewer */
#define FETCH_LEAST    64
#define FETCH_QUICK_NS (500 * ORDO_NS_PER_MS)

static const char for_ack; /* its address marks an acknowledgement among the answers */

static struct ordo_bytes name_of(const struct ordo_follower *f)
{
    return (struct ordo_bytes){(const uint8_t *)f->name, (uint32_t)strlen(f->name)};
}

static void ask(struct ordo_follower *f, struct ordo_command *command, enum ordo_follow_asked what)
{
    command->shop = f->options.shop;
    if (ordo_client_send(f->client, command, 1, NULL) == ORDO_OK) {
        f->asked = what;
    }
}

/* ---- where to begin ---- */

static void stand_at(struct ordo_follower *f, uint64_t update_seq)
{
    f->at_seq = update_seq;
    f->at_hash = (struct ordo_hash128){0, 0};
    f->hash_known = update_seq == 0; /* h(0) is zeros */
}

static void run(struct ordo_follower *f)
{
    f->step = ORDO_FOLLOW_RUN;
    f->behind = true; /* until the journal has said that nothing is missing */
    f->fetch_ns = 0;
    f->refetched = false;
    f->ahead_tries = 0;
    f->lagging_ns = 0;
}

static void ask_step(struct ordo_follower *f)
{
    struct ordo_command command = {0};
    switch (f->step) {
    case ORDO_FOLLOW_HEAD:
        command.kind = ORDO_KIND_HEAD;
        break;
    case ORDO_FOLLOW_CURSOR:
        command.kind = ORDO_KIND_SUBSCRIBER;
        command.subscriber.subscriber = name_of(f);
        break;
    case ORDO_FOLLOW_MAKE:
        command.kind = ORDO_KIND_SUBSCRIBER_PUT;
        command.subscriber_put.subscriber = name_of(f);
        command.subscriber_put.acked = f->at_seq;
        break;
    case ORDO_FOLLOW_PARKS:
        command.kind = ORDO_KIND_PARKS;
        command.parks.subscriber = name_of(f);
        command.parks.after = f->parks_after;
        break;
    case ORDO_FOLLOW_RUN:
    default:
        ORDO_UNREACHABLE("nothing is to be known");
    }
    ask(f, &command, ORDO_ASKED_STEP);
}

static void bad_body(struct ordo_follower *f)
{
    ordo_follow_stop(
        f, ORDO_E_UNSUPPORTED, "%s: the node's answer is none of this version", f->options.url);
}

static void on_head(struct ordo_follower *f, struct ordo_mp_reader body)
{
    struct ordo_head_view view;
    ordo_body_head(&body, &view);
    if (body.error != NULL) {
        bad_body(f);
        return;
    }
    stand_at(f, view.update_seq);
    f->at_hash.low = ordo_get_le64(view.stream_hash);
    f->at_hash.high = ordo_get_le64(view.stream_hash + 8);
    f->hash_known = true;
    f->head_seq = view.update_seq > f->head_seq ? view.update_seq : f->head_seq;
    f->step = ORDO_FOLLOW_CURSOR;
    if (f->options.name == NULL) {
        run(f);
    }
}

static void on_cursor(struct ordo_follower *f, struct ordo_mp_reader body)
{
    struct ordo_subscriber_view view;
    ordo_body_subscriber(&body, &view);
    if (body.error != NULL) {
        bad_body(f);
        return;
    }
    f->acked_seq = view.acked;
    f->ack_sent_seq = view.acked;
    if (f->start == ORDO_START_CURSOR) {
        stand_at(f, view.acked);
    }
    f->step = ORDO_FOLLOW_PARKS;
    f->parks_after = 0;
    f->park_count = 0;
    if (view.parks == 0) {
        run(f);
    }
}

static void on_parks(struct ordo_follower *f, struct ordo_mp_reader body)
{
    uint64_t next = 0;
    uint32_t count = ordo_body_list(&body, &next);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        struct ordo_park_view view;
        ordo_body_park(&body, &view);
        if (body.error == NULL &&
            !ordo_follow_park(f, view.order_shop, view.order_id, view.first_update)) {
            ordo_mp_fail(&body, "more parked orders than there may be");
        }
    }
    if (body.error != NULL) {
        bad_body(f);
        return;
    }
    f->parks_after = next;
    if (next == 0) {
        run(f);
    }
}

static void on_step(struct ordo_follower *f, const struct ordo_reply_item *item)
{
    bool has_body = item->form == ORDO_REPLY_QUERY && item->has_body;
    if (item->result.code == ORDO_RESULT_SUBSCRIBER_UNKNOWN && f->step == ORDO_FOLLOW_CURSOR) {
        f->step = ORDO_FOLLOW_MAKE;
    } else if (f->step == ORDO_FOLLOW_MAKE) {
        f->step = ORDO_FOLLOW_CURSOR; /* it is there now */
    } else if (!has_body) {
        f->step =
            f->step == ORDO_FOLLOW_PARKS ? ORDO_FOLLOW_CURSOR : f->step; /* dropped meanwhile */
    } else if (f->step == ORDO_FOLLOW_HEAD) {
        on_head(f, item->body);
    } else if (f->step == ORDO_FOLLOW_CURSOR) {
        on_cursor(f, item->body);
    } else {
        on_parks(f, item->body);
    }
}

/* ---- the journal, parked orders ---- */

static void ask_fetch(struct ordo_follower *f, uint64_t now)
{
    struct ordo_service service = {.kind = ORDO_SERVICE_FETCH, .shop = f->options.shop};
    if (f->fetch_limit == 0) {
        f->fetch_limit = FETCH_FIRST;
    }
    service.fetch.from = f->at_seq + 1;
    service.fetch.limit = f->fetch_limit;
    f->fetched_ns = now;
    if (ordo_client_send_service(f->client, &service, NULL) == ORDO_OK) {
        f->asked = ORDO_ASKED_FETCH;
    }
}

static void on_fetch(struct ordo_follower *f, const struct ordo_reply_item *item)
{
    uint64_t now = ordo_clock_monotonic_ns(&f->tail.clock);
    if (item->result.code == ORDO_RESULT_UPDATES_AHEAD) {
        f->fetch_ns = now + AHEAD_PAUSE;
        if (++f->ahead_tries < AHEAD_TRIES) {
            return;
        }
        if (ordo_follow_lost(f, ORDO_LOST_REWOUND, f->at_seq + 1, f->at_seq)) {
            ordo_follow_restart(f);
        }
        return;
    }
    if (item->form != ORDO_REPLY_QUERY || !item->has_body) {
        bad_body(f);
        return;
    }
    if (now - f->fetched_ns < FETCH_QUICK_NS) {
        uint32_t more = f->fetch_limit * 2;
        f->fetch_limit = more < ORDO_FETCH_LIMIT_MAX ? more : ORDO_FETCH_LIMIT_MAX;
    }
    ordo_follow_fetched(f, item->body, now);
}

static void ask_park(struct ordo_follower *f)
{
    char reason[ORDO_REASON_MAX];
    int size = snprintf(reason, sizeof(reason), "the callback failed %u times", f->tries);
    f->park.park = (struct ordo_park){
        .subscriber = name_of(f),
        .order_shop = f->update.shop,
        .order_id = f->update.order_id,
        .first_update = f->update.update_seq,
        .reason = {(const uint8_t *)reason, (uint32_t)size}};
    ask(f, &f->park, ORDO_ASKED_PARK);
}

static void on_park(struct ordo_follower *f, const struct ordo_reply_item *item)
{
    if (item->result.code == ORDO_RESULT_SUBSCRIBER_UNKNOWN) {
        ordo_follow_stop(f, ORDO_E_STOPPED, "%s: the subscriber was dropped", f->name);
        return;
    }
    if (item->result.code == ORDO_RESULT_PARKS_FULL ||
        !ordo_follow_park(f, f->update.shop, f->update.order_id, f->update.update_seq)) {
        ordo_follow_stop(
            f,
            ORDO_E_FULL,
            "%s: update %llu of order %u/%.*s cannot be worked off, and no more orders can be set "
            "aside: replay and unpark some",
            f->name,
            (unsigned long long)f->update.update_seq,
            f->update.shop,
            (int)f->update.order_id.size,
            (const char *)f->update.order_id.data);
        return;
    }
    f->parking = false;
    f->tries = 0;
    f->retry_ns = 0; /* the order is parked now: deliver passes over it */
}

/* ---- acknowledgements ---- */

uint64_t ordo_follow_ack_due(const struct ordo_follower *f)
{
    bool acks = f->options.name != NULL && f->options.no_ack == 0 && f->step == ORDO_FOLLOW_RUN;
    if (!acks || f->ack_asked || f->at_seq <= f->ack_sent_seq) {
        return UINT64_MAX;
    }
    return f->at_seq - f->ack_sent_seq >= ACK_UPDATES ? 0 : f->ack_ns + ACK_PAUSE_NS;
}

static void ask_ack(struct ordo_follower *f, uint64_t now)
{
    struct ordo_command command = {.kind = ORDO_KIND_SUBSCRIBER_ACK, .shop = f->options.shop};
    command.subscriber_ack.subscriber = name_of(f);
    command.subscriber_ack.acked = f->at_seq;
    void *mark;
    const void *address = &for_ack;
    memcpy(&mark, &address, sizeof(mark));
    if (ordo_client_send(f->client, &command, 1, mark) == ORDO_OK) {
        f->ack_asked = true;
        f->ack_sent_seq = f->at_seq;
        f->ack_ns = now;
    }
}

static void on_ack(struct ordo_follower *f, uint16_t code)
{
    f->ack_asked = false;
    if (code == ORDO_RESULT_OK) {
        f->acked_seq = f->ack_sent_seq > f->acked_seq ? f->ack_sent_seq : f->acked_seq;
        return;
    }
    f->ack_sent_seq = f->acked_seq; /* again, after the pause */
    if (code >= ORDO_RESULT_ID_MISSING) {
        ordo_follow_stop(
            f,
            ORDO_E_STOPPED,
            "%s: the node does not take the acknowledgement: %s: was the subscriber dropped?",
            f->name,
            ordo_result_text(code));
    }
}

/* ---- both ways ---- */

/* A refusal that another try would meet again. */
static bool refused(struct ordo_follower *f, const struct ordo_reply_item *item)
{
    uint16_t code = item->result.code;
    bool expected = code == ORDO_RESULT_OK || code == ORDO_RESULT_SUBSCRIBER_UNKNOWN ||
                    code == ORDO_RESULT_UPDATES_AHEAD || code == ORDO_RESULT_PARKS_FULL;
    if (expected) {
        return false;
    }
    ordo_follow_stop(
        f,
        code == ORDO_RESULT_MALFORMED ? ORDO_E_UNSUPPORTED : ORDO_E_STOPPED,
        "%s: %s: %.*s",
        f->options.url,
        ordo_result_text(code),
        (int)item->text.size,
        item->text.size == 0 ? "" : (const char *)item->text.data);
    return true;
}

void ordo_follow_answers(
    void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo_follower *f = context;
    const struct ordo_reply_item *item = &answers[0].item;
    uint16_t code = item->result.code;
    enum ordo_follow_asked asked = f->asked;
    ORDO_ASSERT(count == 1);
    bool no_answer = code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY ||
                     code == ORDO_RESULT_SHUTTING_DOWN;
    if (!no_answer && f->node_known && memcmp(f->node, f->client->node, sizeof(f->node)) != 0) {
        f->node_changed = true;
        no_answer = true;
    }
    if (user == &for_ack) {
        on_ack(f, no_answer ? ORDO_RESULT_UNKNOWN : code);
        return;
    }
    f->asked = ORDO_ASKED_NOTHING;
    if (asked == ORDO_ASKED_FETCH && no_answer) {
        uint32_t fewer =
            f->fetch_limit / 4; /* an answer that is too large for the line never ends */
        f->fetch_limit = fewer > FETCH_LEAST ? fewer : FETCH_LEAST;
    }
    if (f->discard || no_answer) {
        f->discard = false;
        return;
    }
    if (!f->node_known) {
        memcpy(f->node, f->client->node, sizeof(f->node));
        f->node_known = true;
    }
    if (refused(f, item)) {
        return;
    }
    if (asked == ORDO_ASKED_STEP) {
        on_step(f, item);
    } else if (asked == ORDO_ASKED_FETCH) {
        on_fetch(f, item);
    } else {
        on_park(f, item);
    }
}

void ordo_follow_ask(struct ordo_follower *f, uint64_t now_ns)
{
    if (ordo_follow_ack_due(f) <= now_ns) {
        ask_ack(f, now_ns);
    }
    if (f->asked != ORDO_ASKED_NOTHING) {
        return;
    }
    if (f->step != ORDO_FOLLOW_RUN) {
        ask_step(f);
    } else if (f->parking) {
        ask_park(f);
    } else if (!f->batch.active) {
        bool deaf = f->tail.sp.phase != ORDO_SP_OPEN && now_ns - f->fetched_ns > LOOK_NS;
        bool mine = f->kept_count > 0 && f->kept[f->kept_begin].first <= f->at_seq + 1;
        if ((f->behind || deaf) && !mine && now_ns >= f->fetch_ns) {
            ask_fetch(f, now_ns);
        }
    }
}
