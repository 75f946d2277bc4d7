#include "base/canary.h"
#include "order/parts.h"

#include <string.h>

/* Cursors of those who read the status stream, and the orders that they have set aside (README
 * section 12). Nothing here looks at an order: a park keeps the number that it was given.
 *
 * A cursor moves by subscriber-ack forward alone, so that an ack that was held up on its way, or
 * sent again, cannot make anybody work off updates twice; only a put that says reset moves it back.
 * It never passes the head: a cursor beyond it would skip what is still to come.
 *
 * Parks hang at their subscriber in the order of parking, and an index finds them by (subscriber,
 * shop, number). Rows of both tables are given back and used again: the chain of free rows begins
 * in the head.
 */

/* ---- finding ---- */

uint64_t ordo_subscriber_hash(uint32_t shop, struct ordo_bytes name)
{
    return ordo_text_hash(name, shop);
}

static struct ordo_bytes name_of(const struct ordo_subscriber_row *row)
{
    return (struct ordo_bytes){row->name, row->name_size};
}

static uint64_t hash_of_subscriber(const void *context, uint32_t row)
{
    const struct ordo_subscriber_row *at = ordo_subscriber_at(context, row);
    return ordo_subscriber_hash(at->shop, name_of(at));
}

uint32_t ordo_subscriber_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes name)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_SUBSCRIBER];
    struct ordo_probe probe;
    if (name.size == 0) {
        return 0;
    }
    uint32_t row = ordo_index_first(index, ordo_subscriber_hash(shop, name), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_subscriber_row *at = ordo_subscriber_at(s, row);
        if (at->shop == shop && ordo_bytes_equal(name_of(at), name)) {
            return row;
        }
    }
    return 0;
}

uint64_t ordo_park_hash(uint32_t subscriber, uint32_t order_shop, struct ordo_bytes order_id)
{
    return ordo_text_hash(order_id, (uint64_t)subscriber << 40 ^ order_shop);
}

static struct ordo_bytes number_of(const struct ordo_park_row *row)
{
    return (struct ordo_bytes){row->order_id, row->order_id_size};
}

static uint64_t hash_of_park(const void *context, uint32_t row)
{
    const struct ordo_park_row *at = ordo_park_at(context, row);
    return ordo_park_hash(at->subscriber, at->order_shop, number_of(at));
}

uint32_t ordo_park_find(
    const struct ordo_state *s,
    uint32_t subscriber,
    uint32_t order_shop,
    struct ordo_bytes order_id)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PARK];
    struct ordo_probe probe;
    if (order_id.size == 0) {
        return 0;
    }
    uint64_t hash = ordo_park_hash(subscriber, order_shop, order_id);
    uint32_t row = ordo_index_first(index, hash, &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_park_row *at = ordo_park_at(s, row);
        bool same = at->subscriber == subscriber && at->order_shop == order_shop;
        if (same && ordo_bytes_equal(number_of(at), order_id)) {
            return row;
        }
    }
    return 0;
}

/* ---- cursors ---- */

static uint32_t find_named(const struct ordo_state *s, struct ordo_bytes name)
{
    return ordo_subscriber_find(s, s->command.shop, name);
}

/* Rows that are left, those given back too: each in use is found by its key. */
static bool has_room(const struct ordo_state *s, enum ordo_table_id table, enum ordo_index_id index)
{
    ORDO_ASSERT(s->indexes[index].count <= s->limits[table]);
    return s->indexes[index].count < s->limits[table];
}

static uint32_t make_subscriber(struct ordo_state *s, struct ordo_bytes name)
{
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    uint32_t row = head->subscriber_free;
    ORDO_ASSERT(name.size != 0 && name.size <= ORDO_SUBSCRIBER_MAX);
    if (row != 0) {
        head->subscriber_free = ordo_subscriber_at(s, row)->next_free;
    } else {
        row = ordo_rows_take(s, ORDO_TABLE_SUBSCRIBER, 1);
    }
    struct ordo_subscriber_row *made = ordo_subscriber_edit(s, row);
    ORDO_ASSERT(made->name_size == 0);
    memset(made, 0, sizeof(*made));
    memcpy(made->name, name.data, name.size);
    made->name_size = (uint8_t)name.size;
    made->shop = s->command.shop;
    made->created_us = s->now_us;
    ordo_index_insert(
        &s->indexes[ORDO_INDEX_SUBSCRIBER], ordo_subscriber_hash(s->command.shop, name), row);
    return row;
}

static void move_cursor(struct ordo_state *s, uint32_t row, uint64_t acked)
{
    struct ordo_subscriber_row *at = ordo_subscriber_edit(s, row);
    ORDO_ASSERT(acked <= ordo_head(s)->update_seq);
    at->acked = acked;
    at->acked_us = s->now_us;
}

uint16_t ordo_decide_subscriber_put(struct ordo_state *s, const struct ordo_subscriber_put *put)
{
    uint64_t head = ordo_head(s)->update_seq;
    uint64_t acked = put->acked == UINT64_MAX ? head : put->acked;
    if (!ordo_text_is_valid(put->subscriber)) {
        return ORDO_RESULT_SUBSCRIBER_INVALID;
    }
    if (acked > head) {
        return ORDO_RESULT_SUBSCRIBER_AHEAD;
    }
    uint32_t row = find_named(s, put->subscriber);
    if (row == 0 && !has_room(s, ORDO_TABLE_SUBSCRIBER, ORDO_INDEX_SUBSCRIBER)) {
        return ORDO_RESULT_FULL_SUBSCRIBERS;
    }
    bool is_new = row == 0;
    if (is_new) {
        row = make_subscriber(s, put->subscriber);
    }
    if (is_new || put->reset != 0) {
        move_cursor(s, row, acked);
    }
    s->outcome.result.version = is_new ? 1 : 0;
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_subscriber_ack(struct ordo_state *s, const struct ordo_subscriber_ack *ack)
{
    uint32_t row = find_named(s, ack->subscriber);
    if (row == 0) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    if (ack->acked > ordo_head(s)->update_seq) {
        return ORDO_RESULT_SUBSCRIBER_AHEAD;
    }
    if (ack->acked > ordo_subscriber_at(s, row)->acked || ORDO_CANARY(cursor_goes_back)) {
        move_cursor(s, row, ack->acked);
    }
    return ORDO_RESULT_OK;
}

/* ---- parks ---- */

static uint32_t take_park(struct ordo_state *s)
{
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    uint32_t row = head->park_free;
    if (row == 0) {
        return ordo_rows_take(s, ORDO_TABLE_PARK, 1);
    }
    head->park_free = ordo_park_at(s, row)->next;
    ORDO_ASSERT(ordo_park_at(s, row)->subscriber == 0);
    return row;
}

static void append_park(struct ordo_state *s, uint32_t subscriber, uint32_t row)
{
    struct ordo_subscriber_row *of = ordo_subscriber_edit(s, subscriber);
    ordo_park_edit(s, row)->prev = of->park_last;
    if (of->park_last != 0) {
        ordo_park_edit(s, of->park_last)->next = row;
    } else {
        of->park_first = row;
    }
    of->park_last = row;
    of->park_count++;
}

static void make_park(struct ordo_state *s, uint32_t subscriber, const struct ordo_park *park)
{
    uint32_t row = take_park(s);
    struct ordo_park_row *made = ordo_park_edit(s, row);
    *made = (struct ordo_park_row){
        .first_update = park->first_update,
        .parked_seq = s->seq,
        .parked_us = s->now_us,
        .subscriber = subscriber,
        .order_shop = (uint32_t)park->order_shop,
        .order_id_size = (uint8_t)park->order_id.size,
        .reason_size = (uint8_t)park->reason.size,
    };
    ORDO_ASSERT(park->order_id.size <= ORDO_ORDER_ID_MAX);
    ORDO_ASSERT(park->reason.size <= ORDO_REASON_MAX);
    memcpy(made->order_id, park->order_id.data, park->order_id.size);
    if (park->reason.size != 0) {
        memcpy(made->reason, park->reason.data, park->reason.size);
    }
    append_park(s, subscriber, row);
    ordo_index_insert(&s->indexes[ORDO_INDEX_PARK], hash_of_park(s, row), row);
}

static void drop_park(struct ordo_state *s, uint32_t row)
{
    ordo_index_remove(&s->indexes[ORDO_INDEX_PARK], hash_of_park(s, row), row, hash_of_park, s);
    struct ordo_park_row *park = ordo_park_edit(s, row);
    struct ordo_subscriber_row *of = ordo_subscriber_edit(s, park->subscriber);
    ORDO_ASSERT(of->park_count != 0);
    of->park_count--;
    if (park->prev != 0) {
        ordo_park_edit(s, park->prev)->next = park->next;
    } else {
        of->park_first = park->next;
    }
    if (park->next != 0) {
        ordo_park_edit(s, park->next)->prev = park->prev;
    } else {
        of->park_last = park->prev;
    }
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    *park = (struct ordo_park_row){.next = head->park_free};
    head->park_free = row;
}

uint16_t ordo_decide_park(struct ordo_state *s, const struct ordo_park *park)
{
    uint32_t subscriber = find_named(s, park->subscriber);
    if (subscriber == 0) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    if (!ordo_text_is_valid(park->order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    if (ordo_park_find(s, subscriber, (uint32_t)park->order_shop, park->order_id) != 0) {
        return ORDO_RESULT_OK;
    }
    bool many = ordo_subscriber_at(s, subscriber)->park_count >= ORDO_PARKS_MAX;
    bool full = many || !has_room(s, ORDO_TABLE_PARK, ORDO_INDEX_PARK);
    if (full && !ORDO_CANARY(parks_without_limit)) {
        return ORDO_RESULT_PARKS_FULL;
    }
    make_park(s, subscriber, park);
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_unpark(struct ordo_state *s, const struct ordo_unpark *unpark)
{
    uint32_t subscriber = find_named(s, unpark->subscriber);
    if (subscriber == 0) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    uint32_t row = ordo_park_find(s, subscriber, (uint32_t)unpark->order_shop, unpark->order_id);
    if (row == 0) {
        return ORDO_RESULT_PARK_UNKNOWN;
    }
    drop_park(s, row);
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_subscriber_drop(struct ordo_state *s, const struct ordo_subscriber_drop *drop)
{
    uint16_t code = ordo_operator_check(drop->operator_name, drop->reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t row = find_named(s, drop->subscriber);
    if (row == 0) {
        return ORDO_RESULT_SUBSCRIBER_UNKNOWN;
    }
    while (ordo_subscriber_at(s, row)->park_first != 0) { /* ends: ORDO_PARKS_MAX */
        drop_park(s, ordo_subscriber_at(s, row)->park_first);
    }
    ORDO_ASSERT(ordo_subscriber_at(s, row)->park_count == 0);
    ordo_index_remove(
        &s->indexes[ORDO_INDEX_SUBSCRIBER], hash_of_subscriber(s, row), row, hash_of_subscriber, s);
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    *ordo_subscriber_edit(s, row) =
        (struct ordo_subscriber_row){.next_free = head->subscriber_free};
    head->subscriber_free = row;
    return ORDO_RESULT_OK;
}

/* ---- queries ---- */

#define ROWS_LOOKED_AT_MAX 4096 /* of other shops, in one page */

void ordo_subscriber_view(
    const struct ordo_state *s, uint32_t row, struct ordo_subscriber_view *view)
{
    const struct ordo_subscriber_row *at = ordo_subscriber_at(s, row);
    *view = (struct ordo_subscriber_view){
        .subscriber = name_of(at),
        .acked = at->acked,
        .acked_us = at->acked_us,
        .created_us = at->created_us,
        .parks = at->park_count,
    };
}

uint64_t ordo_subscribers_page(
    const struct ordo_state *s,
    const struct ordo_subscribers *query,
    uint64_t *next,
    struct ordo_writer *out)
{
    uint32_t used = ordo_head(s)->used[ORDO_TABLE_SUBSCRIBER];
    uint64_t row = query->after == 0 ? 1 : query->after;
    uint64_t limit = ordo_page_limit(query->limit);
    uint64_t count = 0;
    for (uint32_t i = 0; i < ROWS_LOOKED_AT_MAX && row <= used && count < limit; i++) {
        const struct ordo_subscriber_row *at = ordo_subscriber_at(s, (uint32_t)row);
        if (at->name_size != 0 && at->shop == s->command.shop) {
            struct ordo_subscriber_view view;
            ordo_subscriber_view(s, (uint32_t)row, &view);
            ordo_subscriber_view_encode(&view, out);
            count++;
        }
        row++;
    }
    *next = row <= used ? row : 0;
    return count;
}

uint64_t ordo_parks_page(
    const struct ordo_state *s,
    uint32_t subscriber,
    const struct ordo_parks *query,
    uint64_t *next,
    struct ordo_writer *out)
{
    uint32_t row = ordo_subscriber_at(s, subscriber)->park_first;
    uint64_t limit = ordo_page_limit(query->limit);
    uint64_t count = 0;
    while (row != 0 && ordo_park_at(s, row)->parked_seq < query->after) { /* ends: ORDO_PARKS_MAX */
        row = ordo_park_at(s, row)->next;
    }
    for (; row != 0 && count < limit; row = ordo_park_at(s, row)->next) {
        const struct ordo_park_row *at = ordo_park_at(s, row);
        struct ordo_park_view view = {
            .order_shop = at->order_shop,
            .order_id = number_of(at),
            .first_update = at->first_update,
            .parked_us = at->parked_us,
            .reason = {at->reason, at->reason_size},
        };
        ordo_park_view_encode(&view, out);
        count++;
    }
    *next = row == 0 ? 0 : ordo_park_at(s, row)->parked_seq;
    return count;
}
