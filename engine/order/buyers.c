#include "order/parts.h"

#include <string.h>

/* One row for each (buyer, product) with units that are held unpaid or paid; it goes back to the
 * free chain when both are zero, so the table is bounded by live and paid orders, not by visitors.
 * A buyer of sixteen zeros is a buyer like any other: shops that set a cap name their buyers.
 */

uint64_t ordo_buyer_hash(uint32_t product, const uint8_t *buyer)
{
    return ordo_mix(ordo_get_le64(buyer) ^ product, ordo_get_le64(buyer + 8));
}

static uint64_t hash_of_row(const void *context, uint32_t row)
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
    return row != 0 || ordo_head(s)->buyer_free != 0 || ordo_rows_left(s, ORDO_TABLE_BUYER) != 0;
}

static uint32_t take_row(struct ordo_state *s)
{
    uint32_t row = ordo_head(s)->buyer_free;
    if (row == 0) {
        return ordo_rows_take(s, ORDO_TABLE_BUYER, 1);
    }
    ordo_head_edit(s, ORDO_HEAD)->buyer_free = ordo_buyer_at(s, row)->next_free;
    return row;
}

/* The buyer's row of the order, made if it is missing. */
static struct ordo_buyer_row *row_of(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->buyer_row == 0) {
        o->buyer_row = ordo_buyer_find(s, o->product, o->buyer);
    }
    if (o->buyer_row != 0) {
        return ordo_buyer_edit(s, o->buyer_row);
    }
    o->buyer_row = take_row(s);
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, o->buyer_row);
    *buyer = (struct ordo_buyer_row){.product = o->product};
    memcpy(buyer->buyer, o->buyer, ORDO_ID_SIZE);
    ordo_index_insert(
        &s->indexes[ORDO_INDEX_BUYER], ordo_buyer_hash(o->product, o->buyer), o->buyer_row);
    return buyer;
}

/* The order's units do not count any more. */
static void let_go(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    uint32_t row = o->buyer_row;
    o->buyer_row = 0;
    struct ordo_buyer_row *buyer = ordo_buyer_edit(s, row);
    if (buyer->held != 0 || buyer->paid != 0) {
        return;
    }
    ordo_index_remove(&s->indexes[ORDO_INDEX_BUYER], hash_of_row(s, row), row, hash_of_row, s);
    struct ordo_head_row *head = ordo_head_edit(s, ORDO_HEAD);
    *buyer = (struct ordo_buyer_row){.next_free = head->buyer_free};
    head->buyer_free = row;
}

void ordo_buyer_hold(struct ordo_state *s, uint32_t order, struct ordo_bytes second_key)
{
    (void)second_key;
    row_of(s, order)->held += ordo_order_at(s, order)->quantity;
}

void ordo_buyer_unhold(struct ordo_state *s, uint32_t order)
{
    struct ordo_buyer_row *buyer = row_of(s, order);
    ORDO_ASSERT(buyer->held >= ordo_order_at(s, order)->quantity);
    buyer->held -= ordo_order_at(s, order)->quantity;
    let_go(s, order);
}

void ordo_buyer_pay(struct ordo_state *s, uint32_t order)
{
    uint32_t units = ordo_order_at(s, order)->quantity;
    bool held = ordo_order_at(s, order)->buyer_row != 0;
    struct ordo_buyer_row *buyer = row_of(s, order);
    ORDO_ASSERT(!held || buyer->held >= units);
    buyer->held -= held ? units : 0;
    buyer->paid += units;
}

void ordo_buyer_unpay(struct ordo_state *s, uint32_t order)
{
    struct ordo_buyer_row *buyer = row_of(s, order);
    ORDO_ASSERT(buyer->paid >= ordo_order_at(s, order)->quantity);
    buyer->paid -= ordo_order_at(s, order)->quantity;
    let_go(s, order);
}
