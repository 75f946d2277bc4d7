#include "order/parts.h"

#include <inttypes.h>
#include <stddef.h>

/* The look at every row of an image before anything follows a number in it.
 *
 * Every field that numbers a row of another table stands in `references`; ranges that are no row
 * numbers have a function a table. Whether the rows agree with each other (sums, chains, counts) is
 * the work of ordo_state_check(); here it only matters that nothing is read or asserted wrongly.
 */

#define DAMAGED(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

/* ---- rows ---- */

#define REFERENCE(TABLE, table, field, TARGET)                                                     \
    {                                                                                              \
        ORDO_TABLE_##TABLE, ORDO_TABLE_##TARGET,                                                   \
            (uint32_t)offsetof(struct ordo_##table##_row, field), #table, #field                   \
    }

static const struct reference {
    enum ordo_table_id table;
    enum ordo_table_id target;
    uint32_t offset;
    const char *name;
    const char *field;
} references[] = {
    REFERENCE(HEAD, head, buyer_free, BUYER),
    REFERENCE(HEAD, head, serve_first, PRODUCT),
    REFERENCE(HEAD, head, serve_last, PRODUCT),
    REFERENCE(PRODUCT, product, free_first, CARD),
    REFERENCE(PRODUCT, product, free_last, CARD),
    REFERENCE(PRODUCT, product, backorder_first, ORDER),
    REFERENCE(PRODUCT, product, backorder_last, ORDER),
    REFERENCE(PRODUCT, product, wait_first, ORDER),
    REFERENCE(PRODUCT, product, wait_last, ORDER),
    REFERENCE(PRODUCT, product, serve_next, PRODUCT),
    REFERENCE(CARD, card, product, PRODUCT),
    REFERENCE(CARD, card, order, ORDER),
    REFERENCE(CARD, card, next, CARD),
    REFERENCE(CARD, card, prev, CARD),
    REFERENCE(CARD, card, secret, SECRET),
    REFERENCE(ORDER, order, product, PRODUCT),
    REFERENCE(ORDER, order, card, CARD),
    REFERENCE(ORDER, order, payment, PAYMENT),
    REFERENCE(ORDER, order, attempt, ATTEMPT),
    REFERENCE(ORDER, order, buyer_row, BUYER),
    REFERENCE(ORDER, order, extra, EXTRA),
    REFERENCE(BUYER, buyer, next_free, BUYER),
    REFERENCE(ATTEMPT, attempt, next, ATTEMPT),
    REFERENCE(PAYMENT, payment, order, ORDER),
    REFERENCE(PAYMENT, payment, next, PAYMENT),
    REFERENCE(EXTRA, extra, order, ORDER),
    REFERENCE(EXTRA, extra, coupon, COUPON),
    REFERENCE(EXTRA, extra, second_row, BUYER),
    REFERENCE(EXTRA, extra, queue_prev, ORDER),
    REFERENCE(EXTRA, extra, queue_next, ORDER),
    REFERENCE(EXTRA, extra, card, CARD),
    REFERENCE(COUPON, coupon, product, PRODUCT),
    REFERENCE(HEAD, head, subscriber_free, SUBSCRIBER),
    REFERENCE(HEAD, head, park_free, PARK),
    REFERENCE(SUBSCRIBER, subscriber, park_first, PARK),
    REFERENCE(SUBSCRIBER, subscriber, park_last, PARK),
    REFERENCE(SUBSCRIBER, subscriber, next_free, SUBSCRIBER),
    REFERENCE(PARK, park, subscriber, SUBSCRIBER),
    REFERENCE(PARK, park, prev, PARK),
    REFERENCE(PARK, park, next, PARK),
};

static enum ordo_err check_reference(
    const struct ordo_state *s, const struct reference *reference, struct ordo_fail *fail)
{
    const struct ordo_table *table = &s->tables[reference->table];
    uint32_t target = ordo_head(s)->used[reference->target];
    for (uint32_t row = 1; row <= ordo_head(s)->used[reference->table]; row++) {
        uint32_t value;
        memcpy(
            &value,
            (const uint8_t *)ordo_table_read(table, row) + reference->offset,
            sizeof(value));
        if (value > target) {
            return DAMAGED(
                fail,
                "%s row %u: %s is %u of %u",
                reference->name,
                row,
                reference->field,
                value,
                target);
        }
    }
    return ORDO_OK;
}

/* Truth values: any other byte than 0 and 1 is no value of the type, and reading it as one would
 * be undefined. */
#define TRUTH(TABLE, table, field)                                                                 \
    {                                                                                              \
        ORDO_TABLE_##TABLE, (uint32_t)offsetof(struct ordo_##table##_row, field), #table, #field   \
    }

static const struct truth {
    enum ordo_table_id table;
    uint32_t offset;
    const char *name;
    const char *field;
} truths[] = {
    TRUTH(PRODUCT, product, serving),
    TRUTH(EXTRA, extra, coupon_live),
    TRUTH(COUPON, coupon, lowered),
};

static enum ordo_err
check_truth(const struct ordo_state *s, const struct truth *truth, struct ordo_fail *fail)
{
    const struct ordo_table *table = &s->tables[truth->table];
    for (uint32_t row = 1; row <= ordo_head(s)->used[truth->table]; row++) {
        uint8_t value = ((const uint8_t *)ordo_table_read(table, row))[truth->offset];
        if (value > 1) {
            return DAMAGED(
                fail, "%s row %u: %s is %u, not 0 or 1", truth->name, row, truth->field, value);
        }
    }
    return ORDO_OK;
}

static bool fits(uint32_t first, uint64_t size, uint32_t granule, uint32_t used)
{
    return first + (size + granule - 1) / granule <= (uint64_t)used + 1;
}

/* NULL, or what is wrong with the row apart from its references. */
typedef const char *check_row(const struct ordo_state *s, uint32_t row);

static const char *check_product(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_product_row *p = ordo_product_at(s, row);
    return p->stock_mode <= ORDO_STOCK_UNLIMITED ? NULL : "no stock mode";
}

static const char *check_card(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_card_row *card = ordo_card_at(s, row);
    if (card->state < ORDO_CARD_FREE || card->state > ORDO_CARD_VOID || card->product == 0) {
        return "no state or product";
    }
    uint32_t used = ordo_head(s)->used[ORDO_TABLE_SECRET];
    bool inside = card->secret != 0 && card->secret_size <= ORDO_SEALED_MAX &&
                  fits(card->secret, card->secret_size, ORDO_SECRET_GRANULE, used);
    return inside ? NULL : "its sealed bytes lie outside";
}

static const char *check_order(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_order_row *o = ordo_order_at(s, row);
    if (o->order_id_size == 0 || o->order_id_size > ORDO_ORDER_ID_MAX) {
        return "no number";
    }
    bool ranges = o->state < ORDO_STATE_COUNT && o->units <= ORDO_UNITS_REVEALED &&
                  o->quantity <= ORDO_QUANTITY_MAX && o->unit_count <= ORDO_QUANTITY_MAX;
    return ranges ? NULL : "state or units out of range";
}

static const char *check_buyer(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
    bool known = (buyer->product & ~ORDO_SECOND_KEY) <= ordo_head(s)->used[ORDO_TABLE_PRODUCT];
    return known ? NULL : "its product is no row";
}

static const char *check_merchant(const struct ordo_state *s, uint32_t row)
{
    return ordo_merchant_at(s, row)->size <= ORDO_MERCHANT_MAX ? NULL : "its text is too long";
}

static const char *check_attempt(const struct ordo_state *s, uint32_t row)
{
    bool known = ordo_attempt_at(s, row)->merchant <= ordo_head(s)->used[ORDO_TABLE_MERCHANT];
    return known ? NULL : "its merchant is no row";
}

static const char *check_payment(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, row);
    const uint32_t *used = ordo_head(s)->used;
    if (p->merchant > used[ORDO_TABLE_MERCHANT]) {
        return "its merchant is no row";
    }
    if (p->kind == ORDO_PAYMENT_SUMMARY) {
        return p->trade <= used[ORDO_TABLE_PAYMENT] ? NULL : "its manual payment is no row";
    }
    if (p->kind != ORDO_PAYMENT_ONE || p->disposition >= ORDO_DISPOSITION_COUNT) {
        return "no kind or disposition";
    }
    bool inside =
        p->trade_size <= ORDO_TRADE_NO_MAX &&
        fits(p->trade, ordo_trade_kept_size(p), ORDO_TRADE_GRANULE, used[ORDO_TABLE_TRADE]);
    return inside ? NULL : "its trade number lies outside";
}

static const char *check_coupon(const struct ordo_state *s, uint32_t row)
{
    return ordo_coupon_at(s, row)->coupon_size <= ORDO_COUPON_MAX ? NULL : "its text is too long";
}

static const char *check_subscriber(const struct ordo_state *s, uint32_t row)
{
    return ordo_subscriber_at(s, row)->name_size <= ORDO_SUBSCRIBER_MAX ? NULL
                                                                        : "its name is too long";
}

static const char *check_park(const struct ordo_state *s, uint32_t row)
{
    const struct ordo_park_row *park = ordo_park_at(s, row);
    bool fit = park->order_id_size <= ORDO_ORDER_ID_MAX && park->reason_size <= ORDO_REASON_MAX;
    return fit ? NULL : "its texts are too long";
}

static const struct {
    enum ordo_table_id table;
    check_row *check;
    const char *name;
} rows_checked[] = {
    {ORDO_TABLE_PRODUCT, check_product, "product"},
    {ORDO_TABLE_CARD, check_card, "card"},
    {ORDO_TABLE_ORDER, check_order, "order"},
    {ORDO_TABLE_BUYER, check_buyer, "buyer"},
    {ORDO_TABLE_MERCHANT, check_merchant, "merchant"},
    {ORDO_TABLE_ATTEMPT, check_attempt, "attempt"},
    {ORDO_TABLE_PAYMENT, check_payment, "payment"},
    {ORDO_TABLE_COUPON, check_coupon, "coupon"},
    {ORDO_TABLE_SUBSCRIBER, check_subscriber, "subscriber"},
    {ORDO_TABLE_PARK, check_park, "park"},
};

/* Row 0 and the rows after the last are zero: the first is read as "none", the others are handed
 * out as they are. */
static enum ordo_err
check_empty_rows(const struct ordo_state *s, uint32_t table, struct ordo_fail *fail)
{
    const struct ordo_table *t = &s->tables[table];
    uint64_t first = (uint64_t)ordo_head(s)->used[table] + 1;
    uint64_t rows = (uint64_t)ordo_table_chunks(t, (uint32_t)first - 1) << t->chunk_shift;
    for (uint64_t row = 0; row < rows; row = row == 0 ? first : row + 1) {
        const uint8_t *bytes = t->rows + row * t->row_size;
        for (uint32_t i = 0; i < t->row_size; i++) {
            if (bytes[i] != 0) {
                return DAMAGED(fail, "%s %" PRIu64 " is not in use and not empty", t->name, row);
            }
        }
    }
    return ORDO_OK;
}

static enum ordo_err check_each(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT && err == ORDO_OK; i++) {
        err = check_empty_rows(s, i, fail);
    }
    for (uint32_t i = 0; i < sizeof(references) / sizeof(references[0]) && err == ORDO_OK; i++) {
        err = check_reference(s, &references[i], fail);
    }
    for (uint32_t i = 0; i < sizeof(truths) / sizeof(truths[0]) && err == ORDO_OK; i++) {
        err = check_truth(s, &truths[i], fail);
    }
    for (uint32_t i = 0; i < sizeof(rows_checked) / sizeof(rows_checked[0]); i++) {
        uint32_t used = ordo_head(s)->used[rows_checked[i].table];
        for (uint32_t row = 1; row <= used && err == ORDO_OK; row++) {
            const char *wrong = rows_checked[i].check(s, row);
            if (wrong != NULL) {
                err = DAMAGED(fail, "%s row %u: %s", rows_checked[i].name, row, wrong);
            }
        }
    }
    return err;
}

/* The chain of buyer rows given back has each row without a product once. */
static enum ordo_err check_buyers_free(const struct ordo_state *s, struct ordo_fail *fail)
{
    uint32_t used = ordo_head(s)->used[ORDO_TABLE_BUYER];
    uint32_t empty = 0;
    for (uint32_t row = 1; row <= used; row++) {
        empty += ordo_buyer_at(s, row)->product == 0 ? 1 : 0;
    }
    uint32_t row = ordo_head(s)->buyer_free;
    for (; row != 0 && empty != 0; row = ordo_buyer_at(s, row)->next_free, empty--) {
        if (ordo_buyer_at(s, row)->product != 0) {
            return DAMAGED(fail, "buyer row %u is in use and in the chain of free rows", row);
        }
    }
    if (row != 0 || empty != 0) {
        return DAMAGED(fail, "buyer row %u: the chain of free rows is broken", row);
    }
    return ORDO_OK;
}

/* The ids remembered are the rows before id_next, and no others. */
static enum ordo_err check_ids(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint32_t ring = s->limits[ORDO_TABLE_ID];
    uint32_t used = head->used[ORDO_TABLE_ID];
    if (head->id_next > ring || head->id_next > used + 1 || head->id_count > used ||
        (head->id_next == 0) != (used == 0)) {
        return DAMAGED(
            fail, "head: %u ids before row %u of %u", head->id_count, head->id_next, used);
    }
    static const struct ordo_id_row forgotten;
    uint32_t oldest = ordo_id_oldest(s);
    uint64_t time_s = head->id_oldest_s;
    for (uint32_t row = 1; row <= used; row++) {
        uint32_t place = row >= oldest ? row - oldest : row + ring - oldest;
        bool remembered = oldest != 0 && place < head->id_count;
        const struct ordo_id_row *id = ordo_id_at(s, row);
        if (remembered == (memcmp(id, &forgotten, sizeof(forgotten)) == 0)) {
            return DAMAGED(fail, "id row %u: the ring is broken", row);
        }
        if (id->seq_state >> 12 >= ORDO_STATE_COUNT ||
            (id->packed >> 15 & 15) >= ORDO_DISPOSITION_COUNT) {
            return DAMAGED(fail, "id row %u: no state or disposition", row);
        }
        time_s += remembered && row != oldest ? ordo_id_step(id) : 0;
    }
    if (oldest != 0 && time_s != head->id_newest_s) {
        return DAMAGED(fail, "head: the ids' times are not the steps between them");
    }
    return ORDO_OK;
}

enum ordo_err ordo_rows_check(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = check_each(s, fail);
    if (err == ORDO_OK) {
        err = check_buyers_free(s, fail);
    }
    return err == ORDO_OK ? check_ids(s, fail) : err;
}
