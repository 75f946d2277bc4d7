#include "net/client/follow_parts.h"

#include "base/assert.h"
#include "base/hash.h"
#include "order/result.h"

#include <string.h>

/* A parked order comes back: what it has missed is fetched, of that order alone, and delivered;
 * only when the callback has taken all of it is the order unparked, so a crash in between leaves it
 * parked and nothing of it is passed over. Up to at_seq it is replayed, behind that it is delivered
 * like any other. Repetitions are possible, omissions are not: where an unpark has no answer, the
 * order is delivered from there on, for after a restart the node may know of no park.
 *
 * Answers to what the follower had asked before come in between. One of them may begin the stream
 * anew, with other numbers and no parked orders; then the replay ends, nothing is unparked.
 */

/* ---- which orders are parked ---- */

static uint64_t order_hash(uint32_t shop, struct ordo_bytes order_id)
{
    return ordo_hash64(order_id.data, order_id.size, shop);
}

struct ordo_parked *
ordo_follow_parked(const struct ordo_follower *f, uint32_t shop, struct ordo_bytes order_id)
{
    if (f->park_count == 0) {
        return NULL;
    }
    uint64_t hash = order_hash(shop, order_id);
    for (uint32_t i = 0; i < f->park_count; i++) {
        struct ordo_parked *parked = &f->parks[i];
        if (parked->hash == hash && parked->shop == shop &&
            strlen(parked->order_id) == order_id.size &&
            memcmp(parked->order_id, order_id.data, order_id.size) == 0) {
            return parked;
        }
    }
    return NULL;
}

bool ordo_follow_park(
    struct ordo_follower *f, uint32_t shop, struct ordo_bytes order_id, uint64_t first_update)
{
    struct ordo_parked *parked = ordo_follow_parked(f, shop, order_id);
    if (parked != NULL) {
        parked->doubtful = false; /* its replay begins where it did */
        return true;
    }
    if (f->park_count == ORDO_FOLLOW_PARKS_MAX || order_id.size > ORDO_ORDER_ID_MAX) {
        return false;
    }
    parked = &f->parks[f->park_count++];
    *parked = (struct ordo_parked){
        .hash = order_hash(shop, order_id), .first_update = first_update, .shop = shop};
    memcpy(parked->order_id, order_id.data, order_id.size);
    return true;
}

/* ---- replay ---- */

struct replay {
    uint64_t next;    /* update_seq to look from */
    uint64_t stop_ns; /* no longer than that */
    struct ordo_parked parked;
};

static uint32_t left_ms(const struct ordo_follower *f, const struct replay *replay)
{
    uint64_t now = ordo_clock_monotonic_ns(&f->tail.clock);
    return now >= replay->stop_ns ? 0 : (uint32_t)((replay->stop_ns - now) / ORDO_NS_PER_MS + 1);
}

static struct ordo_bytes id_of(const struct replay *replay)
{
    const char *id = replay->parked.order_id;
    return (struct ordo_bytes){(const uint8_t *)id, (uint32_t)strlen(id)};
}

static int
no_answer(const struct ordo_follower *f, const struct ordo_answer *answer, struct ordo_error *error)
{
    uint16_t code = answer->item.result.code;
    bool late = code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY;
    return ordo_lib_error(
        error,
        late ? ORDO_E_TIMEOUT : ORDO_E_STOPPED,
        "%s: %s",
        f->options.url,
        ordo_result_text(code));
}

static int no_sense(const struct ordo_follower *f, struct ordo_error *error)
{
    return ordo_lib_error(
        error, ORDO_E_INVALID, "%s: the answer of a fetch makes no sense", f->options.url);
}

/* Updates of one page; they lie in the client's memory until its next call. */
static int deliver_page(
    struct ordo_follower *f,
    struct replay *replay,
    struct ordo_mp_reader body,
    struct ordo_error *error)
{
    struct ordo_fetch_head head;
    uint32_t count = ordo_body_fetch(&body, &head);
    if (body.error != NULL || head.last + 1 < head.first || head.last + 1 <= replay->next) {
        return no_sense(f, error);
    }
    if (head.first > replay->next && !ordo_follow_lost(
                                         f,
                                         ORDO_LOST_TRIMMED,
                                         replay->next,
                                         head.first - 1 < f->at_seq ? head.first - 1 : f->at_seq)) {
        return ordo_lib_error(error, ORDO_E_STOPPED, "%s", f->stopped.text);
    }
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        char order_id[ORDO_ORDER_ID_MAX + 1];
        struct ordo_update update;
        struct ordo_change change;
        ordo_body_fetch_update(&body, &update);
        if (body.error != NULL || update.update_seq > f->at_seq) {
            break;
        }
        ordo_follow_change(&update, order_id, &change);
        change.replayed = 1;
        f->in_callback = true;
        int taken = f->options.on_change(f->options.context, &change);
        f->in_callback = false;
        if (taken != 0) {
            return ordo_lib_error(
                error,
                ORDO_E_STOPPED,
                "update %llu of order %u/%s failed again: it stays parked",
                (unsigned long long)update.update_seq,
                update.shop,
                order_id);
        }
        f->delivered++;
    }
    if (body.error != NULL) {
        return no_sense(f, error);
    }
    replay->next = head.last + 1;
    return ORDO_E_OK;
}

/* The answer is of the journal that the order was parked in. */
static bool goes_on(struct ordo_follower *f, const struct replay *replay)
{
    if (f->node_known && memcmp(f->node, f->client->node, sizeof(f->node)) != 0) {
        f->node_changed = true;
    }
    return !f->node_changed && ordo_follow_parked(f, replay->parked.shop, id_of(replay)) != NULL;
}

static int fetch_page(struct ordo_follower *f, struct replay *replay, struct ordo_error *error)
{
    uint8_t id[ORDO_ORDER_ID_MAX + ORDO_VARINT_MAX];
    struct ordo_writer list = ordo_writer_over(id, sizeof(id));
    const struct ordo_answer *answer = NULL;
    struct ordo_service service = {.kind = ORDO_SERVICE_FETCH, .shop = replay->parked.shop};
    ordo_write_bytes(&list, id_of(replay));
    service.fetch.from = replay->next;
    service.fetch.by_shop = 1;
    service.fetch.orders = (struct ordo_elements){{id, (uint32_t)ordo_writer_size(&list)}, 1};
    if (ordo_client_call_service(f->client, &service, left_ms(f, replay), &answer) != ORDO_OK) {
        return ordo_lib_error(error, ORDO_E_MEMORY, "%s: no memory", f->options.url);
    }
    if (answer->item.result.code != ORDO_RESULT_OK || !answer->item.has_body) {
        return no_answer(f, answer, error);
    }
    if (!goes_on(f, replay)) {
        return ordo_lib_error(
            error,
            ORDO_E_STOPPED,
            "%s: the stream begins anew: order %u/%s was not unparked",
            f->options.url,
            replay->parked.shop,
            replay->parked.order_id);
    }
    return deliver_page(f, replay, answer->item.body, error);
}

static int unpark(struct ordo_follower *f, struct replay *replay, struct ordo_error *error)
{
    const struct ordo_answer *answer = NULL;
    struct ordo_command command = {.kind = ORDO_KIND_UNPARK, .shop = f->options.shop};
    command.unpark = (struct ordo_unpark){
        .subscriber = {(const uint8_t *)f->name, (uint32_t)strlen(f->name)},
        .order_shop = replay->parked.shop,
        .order_id = id_of(replay)};
    if (ordo_client_call(f->client, &command, 1, left_ms(f, replay), &answer) != ORDO_OK) {
        return ordo_lib_error(error, ORDO_E_MEMORY, "%s: no memory", f->options.url);
    }
    uint16_t code = answer->item.result.code;
    struct ordo_parked *parked = ordo_follow_parked(f, replay->parked.shop, id_of(replay));
    if (code != ORDO_RESULT_OK && code != ORDO_RESULT_PARK_UNKNOWN) {
        if (parked != NULL && code == ORDO_RESULT_UNKNOWN) {
            parked->doubtful = true;
        }
        return no_answer(f, answer, error);
    }
    if (parked != NULL) {
        *parked = f->parks[--f->park_count];
    }
    return ORDO_E_OK;
}

int ordo_follower_replay(
    struct ordo_follower *follower,
    uint32_t shop,
    const char *order_id,
    uint32_t timeout_ms,
    struct ordo_error *error)
{
    struct ordo_follower *f = follower;
    ORDO_ASSERT(!f->in_callback);
    struct ordo_bytes id = {(const uint8_t *)order_id, (uint32_t)strlen(order_id)};
    const struct ordo_parked *parked = ordo_follow_parked(f, shop, id);
    if (f->stopped.code != ORDO_E_OK) {
        return ordo_lib_error(error, f->stopped.code, "%s", f->stopped.text);
    }
    if (parked == NULL) {
        return ordo_lib_error(
            error, ORDO_E_INVALID, "order %u/%s is not parked here", shop, order_id);
    }
    struct replay replay = {
        .next = parked->first_update,
        .stop_ns = ordo_clock_monotonic_ns(&f->tail.clock) + (timeout_ms + 1ull) * ORDO_NS_PER_MS,
        .parked = *parked};
    while (replay.next <= f->at_seq) {
        int code = fetch_page(f, &replay, error);
        if (code != ORDO_E_OK) {
            return code;
        }
    }
    return unpark(f, &replay, error);
}
