#include "base/canary.h"
#include "order/parts.h"

#include <string.h>

/* One row for each (buyer, product) with units that are held unpaid or paid; it goes back to the
 * free chain when both are zero, so the table is bounded by live and paid orders, not by visitors.
 * A buyer of sixteen zeros is a buyer like any other: shops that set a cap name their buyers.
 *
 * A second key (IP, device) has a row of the same kind, told from a buyer's by a bit of the
 * product: it counts what is held under it and never what was paid. The order remembers both rows
 * while its units count, so nothing is looked up to give them back.
 */

uint64_t ordo_buyer_hash(uint32_t product, const uint8_t *buyer)
{
    return ordo_mix(ordo_get_le64(buyer) ^ product, ordo_get_le64(buyer + 8));
}

static uint64_t hash_of_buyer(const void *context, uint32_t row)
{
    const struct ordo_buyer_row *buyer = ordo_buyer_at(context, row);
    return ordo_buyer_hash(buyer->product, buyer->buyer);
}

uint32_t ordo_buyer_find(const struct ordo_state *s, uint32_t product, const uint8_t *buyer)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_BUYER];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_buyer_hash(product, buyer), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_buyer_row *at = ordo_buyer_at(s, row);
        if (at->product == product && ordo_id_equal(at->buyer, buyer)) {
            return row;
        }
    }
    return 0;
}

bool ordo_buyer_room(const struct ordo_state *s, uint32_t row)
{
    return row != 0 || ordo_buyer_rows_left(s, 1);
}

bool ordo_buyer_rows_left(const struct ordo_state *s, uint32_t count)
{
    uint32_t taken = s->indexes[ORDO_INDEX_BUYER].count; /* each is found by its key */
    ORDO_ASSERT(taken <= s->limits[ORDO_TABLE_BUYER]);
    return s->limits[ORDO_TABLE_BUYER] - taken >= count;
}

static uint32_t take_row(struct ordo_state *s)
{
    uint32_t row = ordo_head(s)->buyer_free;
    if (row == 0) {
        return ordo_rows_take(s, ORDO_TABLE_BUYER, 1);
    }
    ordo_head_own(s, ORDO_HEAD)->buyer_free = ordo_buyer_at(s, row)->next_free;
    return row;
}

/* The row of the key, made if it is missing. */
static uint32_t row_of(struct ordo_state *s, uint32_t product, const uint8_t *key)
{
    uint32_t row = ordo_buyer_find(s, product, key);
    if (row != 0) {
        return row;
    }
    row = take_row(s);
    struct ordo_buyer_row *made = ordo_buyer_edit(s, row);
    *made = (struct ordo_buyer_row){.product = product};
    memcpy(made->buyer, key, ORDO_ID_SIZE);
    ordo_index_insert(&s->indexes[ORDO_INDEX_BUYER], ordo_buyer_hash(product, key), row);
    return row;
}

/* The row goes back when it counts nothing any more. */
static void let_go(struct ordo_state *s, uint32_t row)
{
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, row);
    if (buyer->held != 0 || buyer->paid != 0) {
        return;
    }
    ordo_index_remove(&s->indexes[ORDO_INDEX_BUYER], hash_of_buyer(s, row), row, hash_of_buyer, s);
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    *buyer = (struct ordo_buyer_row){.next_free = head->buyer_free};
    head->buyer_free = row;
}

void ordo_buyer_hold(struct ordo_state *s, uint32_t order, struct ordo_bytes second_key)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    ORDO_ASSERT(o->buyer_row == 0);
    o->buyer_row = row_of(s, o->product, o->buyer);
    ordo_buyer_edit(s, o->buyer_row)->held += o->quantity;
    if (second_key.size != 0) {
        ORDO_ASSERT(second_key.size == ORDO_ID_SIZE);
        uint32_t row = row_of(s, o->product | ORDO_SECOND_KEY, second_key.data);
        ordo_buyer_edit(s, row)->held += o->quantity;
        ordo_extra_edit(s, ordo_extra_take(s, order))->second_row = row;
    }
}

/* Nothing of the order is held under its second key any more. */
static void let_second_go(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t row = ordo_extra_at(s, o->extra)->second_row; /* extra row 0 has none */
    if (row == 0) {
        return;
    }
    struct ordo_buyer_row *key = ordo_buyer_edit(s, row);
    ORDO_ASSERT(key->held >= o->quantity && (key->product & ORDO_SECOND_KEY) != 0);
    key->held -= ORDO_CANARY(second_key_never_let_go) ? 0 : o->quantity;
    ordo_extra_edit(s, o->extra)->second_row = 0;
    let_go(s, row);
}

void ordo_buyer_unhold(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    uint32_t row = o->buyer_row;
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, row);
    ORDO_ASSERT(buyer->held >= o->quantity);
    buyer->held -= o->quantity;
    o->buyer_row = 0;
    let_go(s, row);
    let_second_go(s, order);
}

void ordo_buyer_pay(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    bool held = o->buyer_row != 0;
    if (!held) {
        o->buyer_row = row_of(s, o->product, o->buyer);
    }
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, o->buyer_row);
    ORDO_ASSERT(!held || buyer->held >= o->quantity);
    buyer->held -= held ? o->quantity : 0;
    buyer->paid += o->quantity;
    let_second_go(s, order);
}

void ordo_buyer_unpay(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    uint32_t row = o->buyer_row;
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, row);
    ORDO_ASSERT(buyer->paid >= o->quantity);
    buyer->paid -= o->quantity;
    o->buyer_row = 0;
    let_go(s, row);
}
