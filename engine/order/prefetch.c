#include "order/parts.h"

#include <stddef.h>

/* Look-ahead. A command touches a handful of lines that lie anywhere: index slots, then the rows
 * that the slots name, then what hangs on the order's row. Each needs the one before. So commands
 * are gathered, and a full group goes through three rounds of loads: in a round none waits for
 * another. A round first finds out where to look and then loads all of it in one short loop: what a
 * processor can have on its way is bounded by the instructions it holds unfinished, and nothing but
 * loads should be among them.
 *
 * Loads, not prefetches: a prefetch is given up when the translation of its page is not at hand,
 * which is the rule with rows anywhere in gigabytes. Nothing waits for what a load brings but its
 * own retirement.
 *
 * The bytes are read at once and only as far as the keys go, by a bounded cursor of its own;
 * anything odd ends the look and costs speed alone. Nothing of the state is changed.
 */

/* ---- the keys ---- */

/* A cursor that knows the usual forms alone: numbers below 2^63, texts shorter than 128 bytes. */
struct peek {
    const uint8_t *at; /* NULL = something odd */
    const uint8_t *end;
};

static inline uint64_t peek_number(struct peek *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; in->at != NULL && in->at < in->end && shift < 63; shift += 7) {
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    in->at = NULL;
    return 0;
}

static inline struct ordo_bytes peek_text(struct peek *in)
{
    if (in->at != NULL && in->at < in->end && *in->at < in->end - in->at && *in->at < 0x80) {
        struct ordo_bytes text = {in->at + 1, *in->at};
        in->at += 1 + text.size;
        return text;
    }
    in->at = NULL;
    return (struct ordo_bytes){NULL, 0};
}

static void
keep_buyer(const struct ordo_state *s, struct peek *in, uint32_t shop, struct ordo_ahead *a)
{
    const uint8_t *buyer = in->at;
    if (in->end - in->at <= ORDO_ID_SIZE) {
        return;
    }
    in->at += ORDO_ID_SIZE;
    uint64_t product = peek_number(in);
    uint32_t row = in->at == NULL ? 0 : ordo_product_find(s, shop, product);
    if (row != 0) {
        a->buyer_hash = ordo_buyer_hash(row, buyer);
        a->card = ordo_product_at(s, row)->free_first;
    }
}

static void
keep_keys(const struct ordo_state *s, struct peek *in, uint32_t shop, struct ordo_ahead *a)
{
    uint8_t kind = a->kind;
    a->kind = 0;
    if (kind == ORDO_KIND_FACT) {
        (void)peek_number(in);
        (void)peek_number(in);
        (void)peek_text(in);
    }
    struct ordo_bytes order_id = peek_text(in);
    if (in->at == NULL) {
        return;
    }
    a->kind = kind;
    a->order_hash = ordo_order_hash(shop, order_id);
    if (kind == ORDO_KIND_CREATE) {
        keep_buyer(s, in, shop, a);
    } else if (kind == ORDO_KIND_FACT) {
        struct ordo_bytes trade_no = peek_text(in);
        a->payment_hash = in->at == NULL ? 0 : ordo_payment_hash(shop, trade_no);
    }
}

static bool names_an_order(uint8_t kind)
{
    return (kind >= ORDO_KIND_CREATE && kind <= ORDO_KIND_DELIVERY_ACK) || kind == ORDO_KIND_GET ||
           kind == ORDO_KIND_CARDS;
}

static void
keep_command(const struct ordo_state *s, struct ordo_bytes command, struct ordo_ahead *a)
{
    struct peek in = {command.data, command.data + command.size};
    *a = (struct ordo_ahead){.kind = 0};
    if (command.size == 0 || !names_an_order(*in.at)) {
        return;
    }
    uint8_t kind = *in.at++;
    if (!ordo_kind_is_query(kind)) {
        if (command.size <= 1 + ORDO_ID_SIZE) {
            return;
        }
        a->id_hash = ordo_id_hash(in.at);
        in.at += ORDO_ID_SIZE;
    }
    uint64_t shop = peek_number(&in);
    if (in.at != NULL && shop <= UINT32_MAX) {
        a->kind = kind;
        keep_keys(s, &in, (uint32_t)shop, a);
    }
}

/* ---- the rounds ---- */

static inline void want(struct ordo_state *s, const void *memory)
{
    s->wanted[s->wanted_count++] = memory;
}

/* Loads what is wanted, all at once. */
static void load_wanted(struct ordo_state *s)
{
    uint32_t count = s->wanted_count;
    ORDO_ASSERT(count <= ORDO_AHEAD_GROUP * ORDO_AHEAD_WANTED);
    for (uint32_t i = 0; i < count; i++) {
        (void)*(const volatile uint8_t *)s->wanted[i];
    }
    s->wanted_count = 0;
}

/* Which kind comes next is anybody's guess, so nothing here branches on it: a hash of 0 has a slot
 * like any other, row 0 a line, and both are at hand. */
static void want_slots(struct ordo_state *s)
{
    for (uint32_t i = 0; i < s->ahead_count; i++) {
        const struct ordo_ahead *a = &s->ahead[i];
        want(s, ordo_index_slot(&s->indexes[ORDO_INDEX_ID], a->id_hash));
        want(s, ordo_index_slot(&s->indexes[ORDO_INDEX_ORDER], a->order_hash));
        want(s, ordo_index_slot(&s->indexes[ORDO_INDEX_PAYMENT], a->payment_hash));
        want(s, ordo_index_slot(&s->indexes[ORDO_INDEX_BUYER], a->buyer_hash));
    }
}

/* The first candidate: nearly always the row sought. */
static uint32_t candidate(const struct ordo_index *index, uint64_t hash)
{
    struct ordo_probe probe;
    return ordo_index_first(index, hash, &probe);
}

static void want_rows(struct ordo_state *s)
{
    for (uint32_t i = 0; i < s->ahead_count; i++) {
        struct ordo_ahead *a = &s->ahead[i];
        a->order = candidate(&s->indexes[ORDO_INDEX_ORDER], a->order_hash);
        const uint8_t *order = (const uint8_t *)ordo_order_at(s, a->order);
        want(s, order);
        want(s, order + 64);
        want(s, &s->links[a->order]);
    }
}

static void want_dependents(struct ordo_state *s)
{
    for (uint32_t i = 0; i < s->ahead_count; i++) {
        const struct ordo_ahead *a = &s->ahead[i];
        const struct ordo_link *link = &s->links[a->order];
        want(s, &s->links[link->prev]);
        want(s, &s->links[link->next]);
        /* an attempt touches the order alone; of buyer and attempts a fact does more */
        uint32_t order = a->kind != ORDO_KIND_ATTEMPT ? a->order : 0;
        uint32_t paid = a->kind != ORDO_KIND_DELIVERY_ACK ? order : 0;
        want(s, ordo_buyer_at(s, ordo_order_at(s, paid)->buyer_row));
        want(s, ordo_attempt_at(s, ordo_order_at(s, paid)->attempt));
        uint32_t row = a->card != 0 ? a->card : ordo_order_at(s, order)->card;
        const uint8_t *card = (const uint8_t *)ordo_card_at(s, row);
        want(s, card + offsetof(struct ordo_card_row, product));
        want(s, card + sizeof(struct ordo_card_row) - 1);
        const void *places[2];
        ordo_deadline_places(s, order, places);
        want(s, places[0]);
        want(s, places[1]);
    }
}

void ordo_apply_prefetch_end(struct ordo_state *state)
{
    want_slots(state);
    load_wanted(state);
    want_rows(state);
    load_wanted(state);
    want_dependents(state);
    load_wanted(state);
    state->ahead_count = 0;
}

void ordo_apply_prefetch(struct ordo_state *state, struct ordo_bytes command)
{
    keep_command(state, command, &state->ahead[state->ahead_count++]);
    if (state->ahead_count == ORDO_AHEAD_GROUP) {
        ordo_apply_prefetch_end(state);
    }
}
