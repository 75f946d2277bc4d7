#include "order/parts.h"

#include <string.h>

/* An order row is made once and never given back. Its way through the states goes through
 * ordo_order_step() alone: it asks the machine's table, notes the transition in the outcome, and
 * keeps what depends on the state: version, time of change, the list of the state, the counts, the
 * deadline. State lists are in order of entry, so the first is the longest in its state.
 */

uint32_t ordo_order_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_ORDER];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_order_hash(shop, order_id), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_order_row *order = ordo_order_at(s, row);
        struct ordo_bytes number = {order->order_id, order->order_id_size};
        if (order->shop == shop && ordo_bytes_equal(number, order_id)) {
            return row;
        }
    }
    return 0;
}

uint32_t ordo_order_known(const struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id)
{
    if (order_id.size == 0) {
        return 0;
    }
    uint32_t row = ordo_order_find(s, shop, order_id);
    const struct ordo_order_row *o = ordo_order_at(s, row); /* row 0 is in state NONE */
    return o->state != ORDO_STATE_NONE || ordo_order_is_waiting(o) ? row : 0;
}

/* ---- the lists of the states ---- */

static void list_append(struct ordo_state *s, uint8_t state, uint32_t order)
{
    struct ordo_state_list *list = &s->lists[state];
    struct ordo_link *link = &s->links[order];
    link->prev = list->last;
    link->next = 0;
    if (list->last != 0) {
        s->links[list->last].next = order;
    } else {
        list->first = order;
    }
    list->last = order;
}

static void list_remove(struct ordo_state *s, uint8_t state, uint32_t order)
{
    struct ordo_state_list *list = &s->lists[state];
    const struct ordo_link *link = &s->links[order];
    if (link->prev != 0) {
        s->links[link->prev].next = link->next;
    } else {
        ORDO_ASSERT(list->first == order);
        list->first = link->next;
    }
    if (link->next != 0) {
        s->links[link->next].prev = link->prev;
    } else {
        ORDO_ASSERT(list->last == order);
        list->last = link->prev;
    }
}

void ordo_orders_forget(struct ordo_state *s)
{
    memset(s->lists, 0, sizeof(s->lists));
    memset(s->links, 0, ((size_t)s->tables[ORDO_TABLE_ORDER].rows_max + 1) * sizeof(s->links[0]));
}

void ordo_order_restore(struct ordo_state *s, uint32_t order)
{
    list_append(s, ordo_order_at(s, order)->state, order);
}

uint32_t ordo_order_add(struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id)
{
    ORDO_ASSERT(order_id.size > 0 && order_id.size <= ORDO_ORDER_ID_MAX);
    uint32_t row = ordo_rows_take(s, ORDO_TABLE_ORDER, 1);
    struct ordo_order_row *order = ordo_order_edit(s, row);
    ORDO_ASSERT(order->order_id_size == 0);
    ordo_copy_short(order->order_id, order_id);
    order->order_id_size = (uint8_t)order_id.size;
    order->shop = shop;
    ordo_index_insert(&s->indexes[ORDO_INDEX_ORDER], ordo_order_hash(shop, order_id), row);
    __builtin_prefetch((const uint8_t *)&s->links[row] + ORDO_ROWS_EXPECTED, 1);
    list_append(s, ORDO_STATE_NONE, row);
    ordo_head_own(s, ORDO_HEAD)->orders_in[ORDO_STATE_NONE]++;
    return row;
}

struct ordo_effect *ordo_effect_begin(struct ordo_state *s, uint32_t order, bool own)
{
    struct ordo_outcome *outcome = &s->outcome;
    ORDO_ASSERT(outcome->effect_count < ORDO_TRANSITIONS_MAX);
    struct ordo_order_row *row = ordo_order_edit(s, order);
    struct ordo_effect *effect = &outcome->effects[outcome->effect_count++];
    ORDO_ASSERT(row->last_seq < s->seq);
    effect->own = own; /* version and flags at its end */
    effect->shop = row->shop;
    effect->order_id = (struct ordo_bytes){row->order_id, row->order_id_size};
    effect->prev_seq = row->last_seq;
    effect->transition_first = outcome->transition_count;
    effect->transition_count = 0;
    effect->card_first = outcome->card_count;
    effect->card_count = 0;
    row->last_seq = s->seq;
    return effect;
}

void ordo_effect_end(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *row = ordo_order_at(s, order);
    effect->version = row->version;
    effect->flags = row->flags;
    if (effect->own) {
        s->outcome.result.state = row->state;
        s->outcome.result.version = row->version;
    }
}

void ordo_order_step(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event)
{
    struct ordo_outcome *outcome = &s->outcome;
    struct ordo_order_row *row = ordo_order_own(s, order);
    uint8_t from = row->state;
    const struct ordo_cell *cell = ordo_machine_cell(from, event);
    uint8_t to = cell->to;
    ORDO_ASSERT(cell->action == ORDO_CELL_MOVE);
    ORDO_ASSERT(outcome->transition_count < ORDO_TRANSITIONS_MAX);

    struct ordo_transition *t = &outcome->transitions[outcome->transition_count++];
    t->from = from;
    t->to = to;
    t->cause = s->command.kind;
    effect->transition_count++;

    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    head->orders_in[from]--;
    head->orders_in[to]++;
    list_remove(s, from, order);
    list_append(s, to, order);
    row->state = to;
    row->version++;
    row->changed_us = s->now_us;
    bool same_deadline = from == to || (ordo_state_is_unpaid(from) && ordo_state_is_unpaid(to));
    if (row->deadline_us != 0 && !same_deadline) {
        ordo_deadline_set(s, order, 0);
    }
}

void ordo_order_flag(struct ordo_state *s, uint32_t order, unsigned flags)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    o->flags = (uint8_t)(o->flags | flags);
}

void ordo_order_unflag(struct ordo_state *s, uint32_t order, unsigned flags)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    o->flags = (uint8_t)(o->flags & ~flags);
}
