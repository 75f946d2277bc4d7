#include "order/parts.h"

/* Look-ahead. A command touches a handful of lines that lie anywhere: index slots, then the rows
 * that the slots name, then what hangs on the order's row. Each needs the one before, so one pass
 * cannot ask for all. Each call does three steps of work, for three commands: the slots of the
 * command it is given, the rows of the one STEP calls before, and the dependents of the one two
 * STEPs before; with ORDO_APPLY_AHEAD commands between a call and its ordo_apply() all three
 * steps are done in time.
 *
 * The bytes are read only as far as the keys go, by the same bounded cursor as ever; anything odd
 * ends the look and costs speed alone. Nothing of the state is changed.
 */

#define STEP 4

/* ---- step 1: the slots ---- */

static void look_at_keys(
    const struct ordo_state *s, struct ordo_reader *in, uint32_t shop, struct ordo_ahead *a)
{
    struct ordo_bytes order_id;
    if (a->kind == ORDO_KIND_FACT) {
        (void)ordo_read_varint(in);
        (void)ordo_read_varint(in);
        (void)ordo_read_bytes(in, ORDO_MERCHANT_MAX);
        order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
        struct ordo_bytes trade_no = ordo_read_bytes(in, ORDO_TRADE_NO_MAX);
        if (!in->failed) {
            a->has_payment = true;
            a->payment_hash = ordo_payment_hash(shop, trade_no);
            ordo_index_prefetch(&s->indexes[ORDO_INDEX_PAYMENT], a->payment_hash);
        }
    } else {
        order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
    }
    if (in->failed) {
        return;
    }
    a->has_order = true;
    a->order_hash = ordo_order_hash(shop, order_id);
    ordo_index_prefetch(&s->indexes[ORDO_INDEX_ORDER], a->order_hash);
    if (a->kind == ORDO_KIND_CREATE) {
        const uint8_t *buyer = ordo_read_raw(in, ORDO_ID_SIZE);
        uint64_t product = ordo_read_varint(in);
        uint32_t row = in->failed ? 0 : ordo_product_find(s, shop, product);
        if (row != 0) {
            ordo_index_prefetch(&s->indexes[ORDO_INDEX_BUYER], ordo_buyer_hash(row, buyer));
            __builtin_prefetch(ordo_card_at(s, ordo_product_at(s, row)->free_first));
        }
    }
}

static bool names_an_order(uint8_t kind)
{
    return (kind >= ORDO_KIND_CREATE && kind <= ORDO_KIND_DELIVERY_ACK) || kind == ORDO_KIND_GET ||
           kind == ORDO_KIND_CARDS;
}

static void
look_at_slots(const struct ordo_state *s, struct ordo_bytes command, struct ordo_ahead *a)
{
    struct ordo_reader in = ordo_reader_over(command.data, command.size);
    *a = (struct ordo_ahead){.kind = ordo_read_u8(&in)};
    if (!ordo_kind_is_query(a->kind)) {
        const uint8_t *id = ordo_read_raw(&in, ORDO_ID_SIZE);
        if (id == NULL) {
            return;
        }
        a->id_hash = ordo_id_hash(id);
        ordo_index_prefetch(&s->indexes[ORDO_INDEX_ID], a->id_hash);
    }
    uint64_t shop = ordo_read_varint(&in);
    if (!in.failed && shop <= UINT32_MAX && names_an_order(a->kind)) {
        look_at_keys(s, &in, (uint32_t)shop, a);
    }
}

/* ---- steps 2 and 3 ---- */

/* The first candidate: nearly always the row sought. */
static uint32_t candidate(const struct ordo_index *index, uint64_t hash)
{
    struct ordo_probe probe;
    return ordo_index_first(index, hash, &probe);
}

static void look_at_rows(const struct ordo_state *s, const struct ordo_ahead *a)
{
    if (a->has_order) {
        uint32_t row = candidate(&s->indexes[ORDO_INDEX_ORDER], a->order_hash);
        const uint8_t *order = (const uint8_t *)ordo_order_at(s, row);
        __builtin_prefetch(order, 1);
        __builtin_prefetch(order + 64, 1);
        __builtin_prefetch(&s->links[row], 1);
    }
    if (a->has_payment) {
        uint32_t row = candidate(&s->indexes[ORDO_INDEX_PAYMENT], a->payment_hash);
        __builtin_prefetch(ordo_payment_at(s, row));
    }
}

static void look_at_dependents(const struct ordo_state *s, const struct ordo_ahead *a)
{
    if (!a->has_order) {
        return;
    }
    uint32_t row = candidate(&s->indexes[ORDO_INDEX_ORDER], a->order_hash);
    const struct ordo_order_row *o = ordo_order_at(s, row);
    const struct ordo_link *link = &s->links[row];
    __builtin_prefetch(&s->links[link->prev], 1);
    __builtin_prefetch(&s->links[link->next], 1);
    if (a->kind == ORDO_KIND_FACT || a->kind == ORDO_KIND_CANCEL) {
        __builtin_prefetch(&s->deadlines.places[link->place], 1);
        __builtin_prefetch(ordo_buyer_at(s, o->buyer_row), 1);
    }
    if (a->kind != ORDO_KIND_ATTEMPT) {
        __builtin_prefetch(ordo_card_at(s, o->card), 1);
    }
}

void ordo_apply_prefetch(struct ordo_state *state, struct ordo_bytes command)
{
    uint32_t at = state->ahead_count++;
    look_at_slots(state, command, &state->ahead[at % ORDO_AHEAD_MAX]);
    look_at_rows(state, &state->ahead[(at - STEP) % ORDO_AHEAD_MAX]);
    look_at_dependents(state, &state->ahead[(at - 2 * STEP) % ORDO_AHEAD_MAX]);
}
