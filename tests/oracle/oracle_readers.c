/* Section 12: who reads the stream. Two arrays in the order of making; a dropped subscriber leaves
 * a hole that the next new one may take, because the lists go by row. */
#include "oracle_parts.h"

static struct o_subscriber *find(struct oracle *o, uint32_t shop, struct ordo_bytes name)
{
    for (uint32_t i = 0; i < O_SUBSCRIBERS_MAX; i++) {
        struct o_subscriber *at = &o->subscribers[i];
        if (at->name[0] != 0 && at->shop == shop && o_is(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

static struct o_park *
find_park(struct oracle *o, const struct o_subscriber *of, uint64_t shop, struct ordo_bytes id)
{
    for (uint32_t i = 0; i < o->park_count; i++) {
        struct o_park *at = &o->parks[i];
        if (at->of == of && at->order_shop == shop && o_is(at->order_id, id)) {
            return at;
        }
    }
    return NULL;
}

static void remove_park(struct oracle *o, struct o_park *park)
{
    uint32_t behind = o->park_count - (uint32_t)(park - o->parks) - 1;
    memmove(park, park + 1, behind * sizeof(*park));
    o->park_count--;
}

static uint16_t put(struct oracle *o, uint32_t shop, const struct ordo_subscriber_put *p)
{
    uint64_t acked = p->acked == UINT64_MAX ? o->updates : p->acked;
    if (!ordo_text_is_valid(p->subscriber)) {
        return ORDO_RESULT_SUBSCRIBER_INVALID;
    }
    if (acked > o->updates) {
        return ORDO_RESULT_SUBSCRIBER_AHEAD;
    }
    struct o_subscriber *at = find(o, shop, p->subscriber);
    bool is_new = at == NULL;
    for (uint32_t i = 0; i < (uint32_t)o->settings.subscribers_max && at == NULL; i++) {
        at = o->subscribers[i].name[0] == 0 ? &o->subscribers[i] : NULL;
    }
    if (at == NULL) {
        return ORDO_RESULT_FULL_SUBSCRIBERS;
    }
    if (is_new) {
        o_text(at->name, sizeof(at->name), p->subscriber);
        at->shop = shop;
        at->created_us = o->now;
    }
    if (is_new || p->reset == 1) {
        at->acked = acked;
        at->acked_us = o->now;
    }
    o->number = is_new ? 1 : 0;
    return ORDO_RESULT_OK;
}

static uint16_t ack(struct oracle *o, uint32_t shop, const struct ordo_subscriber_ack *a)
{
    struct o_subscriber *at = find(o, shop, a->subscriber);
    if (at == NULL) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    if (a->acked > o->updates) {
        return ORDO_RESULT_SUBSCRIBER_AHEAD;
    }
    if (a->acked > at->acked) {
        at->acked = a->acked;
        at->acked_us = o->now;
    }
    return ORDO_RESULT_OK;
}

/* 1,000 of one subscriber are more than a history has. */
static uint16_t park(struct oracle *o, uint32_t shop, const struct ordo_park *p)
{
    struct o_subscriber *of = find(o, shop, p->subscriber);
    if (of == NULL) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    if (!ordo_text_is_valid(p->order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    if (find_park(o, of, p->order_shop, p->order_id) != NULL) {
        return ORDO_RESULT_OK;
    }
    if (o->park_count == (uint64_t)o->settings.parks_max) {
        return ORDO_RESULT_PARKS_FULL;
    }
    struct o_park *at = &o->parks[o->park_count++];
    *at = (struct o_park){
        .of = of,
        .order_shop = (uint32_t)p->order_shop,
        .first_update = p->first_update,
        .parked_us = o->now,
    };
    o_text(at->order_id, sizeof(at->order_id), p->order_id);
    o_text(at->reason, sizeof(at->reason), p->reason);
    return ORDO_RESULT_OK;
}

static uint16_t unpark(struct oracle *o, uint32_t shop, const struct ordo_unpark *u)
{
    struct o_subscriber *of = find(o, shop, u->subscriber);
    if (of == NULL) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    struct o_park *at = find_park(o, of, u->order_shop, u->order_id);
    if (at == NULL) {
        return ORDO_RESULT_PARK_UNKNOWN;
    }
    remove_park(o, at);
    return ORDO_RESULT_OK;
}

static uint16_t drop(struct oracle *o, uint32_t shop, const struct ordo_subscriber_drop *d)
{
    if (!ordo_text_is_valid(d->operator_name)) {
        return ORDO_RESULT_OPERATOR_MISSING;
    }
    if (d->reason.size == 0) {
        return ORDO_RESULT_REASON_MISSING;
    }
    struct o_subscriber *at = find(o, shop, d->subscriber);
    if (at == NULL) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    for (uint32_t i = o->park_count; i > 0; i--) {
        if (o->parks[i - 1].of == at) {
            remove_park(o, &o->parks[i - 1]);
        }
    }
    memset(at, 0, sizeof(*at));
    return ORDO_RESULT_OK;
}

bool o_is_readers(uint8_t kind)
{
    return kind >= ORDO_KIND_SUBSCRIBER_PUT && kind <= ORDO_KIND_SUBSCRIBER_DROP;
}

uint16_t o_reader(struct oracle *o, const struct ordo_command *c)
{
    switch (c->kind) {
    case ORDO_KIND_SUBSCRIBER_PUT:
        return put(o, c->shop, &c->subscriber_put);
    case ORDO_KIND_SUBSCRIBER_ACK:
        return ack(o, c->shop, &c->subscriber_ack);
    case ORDO_KIND_PARK:
        return park(o, c->shop, &c->park);
    case ORDO_KIND_UNPARK:
        return unpark(o, c->shop, &c->unpark);
    default:
        ORDO_ASSERT(c->kind == ORDO_KIND_SUBSCRIBER_DROP);
        return drop(o, c->shop, &c->subscriber_drop);
    }
}

/* ---- the dump ---- */

static struct ordo_bytes bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

bool oracle_subscriber(
    const struct oracle *o, uint32_t row, uint32_t *shop, struct ordo_subscriber_view *view)
{
    if (row >= O_SUBSCRIBERS_MAX) {
        return false;
    }
    const struct o_subscriber *at = &o->subscribers[row];
    *shop = at->shop;
    *view = (struct ordo_subscriber_view){
        .subscriber = bytes_of(at->name),
        .acked = at->acked,
        .acked_us = at->acked_us,
        .created_us = at->created_us,
    };
    for (uint32_t i = 0; i < o->park_count; i++) {
        view->parks += o->parks[i].of == at ? 1 : 0;
    }
    return true;
}

bool oracle_park(const struct oracle *o, uint32_t row, uint32_t index, struct ordo_park_view *view)
{
    for (uint32_t i = 0; i < o->park_count; i++) {
        const struct o_park *at = &o->parks[i];
        if (at->of != &o->subscribers[row] || index-- != 0) {
            continue;
        }
        *view = (struct ordo_park_view){
            .order_shop = at->order_shop,
            .order_id = bytes_of(at->order_id),
            .first_update = at->first_update,
            .parked_us = at->parked_us,
            .reason = bytes_of(at->reason),
        };
        return true;
    }
    return false;
}
