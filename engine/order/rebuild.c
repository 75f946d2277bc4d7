#include "order/image.h"
#include "order/parts.h"

/* From rows alone to a state that decides. rows.c has looked at every row before, so that whatever
 * a row numbers is inside of its table.
 *
 * Orders are put in their state's list by (time of the last transition, row): sorted in the memory
 * of the deadline heap, which is filled afterwards. Indexes are filled with a look ahead for their
 * slots: at tens of millions of rows each insertion is a miss.
 *
 * Rejected: derived structures in the image. They are a third of the memory, are read again faster
 * than they are made, but each would have to be checked against its rows, which is the same work.
 */

#define DAMAGED(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

/* ---- indexes ---- */

/* False: the row has no entry. */
typedef bool hash_row(const struct ordo_state *s, uint32_t row, uint64_t *hash);
typedef bool same_key(const struct ordo_state *s, uint32_t a, uint32_t b);

static bool hash_product(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_product_row *p = ordo_product_at(s, row);
    *hash = ordo_product_hash(p->shop, p->product);
    return true;
}

static bool same_product(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_product_row *p = ordo_product_at(s, a);
    const struct ordo_product_row *q = ordo_product_at(s, b);
    return p->shop == q->shop && p->product == q->product;
}

/* Cards may be there twice: a product can want duplicates. Then the first is in the index, as
 * import.c has it: an entry for each would make one long probe, walked for each. */
static bool hash_card(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_card_row *card = ordo_card_at(s, row);
    *hash = ordo_card_hash(card->product, card->tag);
    return true;
}

static bool same_card(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_card_row *c = ordo_card_at(s, a);
    const struct ordo_card_row *d = ordo_card_at(s, b);
    return c->product == d->product && ordo_id_equal(c->tag, d->tag);
}

static struct ordo_bytes number_of(const struct ordo_order_row *o)
{
    return (struct ordo_bytes){o->order_id, o->order_id_size};
}

static bool hash_order(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_order_row *o = ordo_order_at(s, row);
    *hash = ordo_order_hash(o->shop, number_of(o));
    return true;
}

static bool same_order(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_order_row *o = ordo_order_at(s, a);
    const struct ordo_order_row *p = ordo_order_at(s, b);
    return o->shop == p->shop && ordo_bytes_equal(number_of(o), number_of(p));
}

static bool hash_buyer(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
    *hash = ordo_buyer_hash(buyer->product, buyer->buyer);
    return buyer->product != 0;
}

static bool same_buyer(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_buyer_row *p = ordo_buyer_at(s, a);
    const struct ordo_buyer_row *q = ordo_buyer_at(s, b);
    return p->product == q->product && ordo_id_equal(p->buyer, q->buyer);
}

static struct ordo_bytes name_of(const struct ordo_merchant_row *m)
{
    return (struct ordo_bytes){m->merchant, m->size};
}

static bool hash_merchant(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_merchant_row *m = ordo_merchant_at(s, row);
    *hash = ordo_merchant_hash(m->shop, m->channel, name_of(m));
    return true;
}

static bool same_merchant(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_merchant_row *m = ordo_merchant_at(s, a);
    const struct ordo_merchant_row *n = ordo_merchant_at(s, b);
    return m->shop == n->shop && m->channel == n->channel &&
           ordo_bytes_equal(name_of(m), name_of(n));
}

static bool hash_payment(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    uint8_t text[ORDO_TRADE_NO_MAX];
    const struct ordo_payment_row *p = ordo_payment_at(s, row);
    if (p->kind != ORDO_PAYMENT_ONE || p->trade_size == 0) {
        return false;
    }
    uint32_t shop = ordo_merchant_at(s, p->merchant)->shop;
    *hash = ordo_payment_hash(shop, ordo_trade_get(s, row, text));
    return true;
}

static bool same_payment(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    uint8_t text[ORDO_TRADE_NO_MAX];
    bool merchant = ordo_payment_at(s, a)->merchant == ordo_payment_at(s, b)->merchant;
    return merchant && ordo_trade_equal(s, a, ordo_trade_get(s, b, text));
}

static bool hash_balance(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_balance_row *balance = ordo_balance_at(s, row);
    *hash = ordo_balance_hash(balance->channel, balance->currency);
    return true;
}

static bool same_balance(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_balance_row *p = ordo_balance_at(s, a);
    const struct ordo_balance_row *q = ordo_balance_at(s, b);
    return p->channel == q->channel && p->currency == q->currency;
}

static struct ordo_bytes text_of(const struct ordo_coupon_row *c)
{
    return (struct ordo_bytes){c->coupon, c->coupon_size};
}

static bool hash_coupon(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_coupon_row *c = ordo_coupon_at(s, row);
    *hash = ordo_coupon_hash(c->shop, text_of(c));
    return true;
}

static bool same_coupon(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_coupon_row *c = ordo_coupon_at(s, a);
    const struct ordo_coupon_row *d = ordo_coupon_at(s, b);
    return c->shop == d->shop && ordo_bytes_equal(text_of(c), text_of(d));
}

static bool hash_channel(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_channel_row *c = ordo_channel_at(s, row);
    *hash = ordo_channel_hash(c->shop, c->channel);
    return true;
}

static bool same_channel(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_channel_row *c = ordo_channel_at(s, a);
    const struct ordo_channel_row *d = ordo_channel_at(s, b);
    return c->shop == d->shop && c->channel == d->channel;
}

static struct ordo_bytes subscriber_name(const struct ordo_subscriber_row *at)
{
    return (struct ordo_bytes){at->name, at->name_size};
}

static bool hash_subscriber(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_subscriber_row *at = ordo_subscriber_at(s, row);
    *hash = ordo_subscriber_hash(at->shop, subscriber_name(at));
    return at->name_size != 0;
}

static bool same_subscriber(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_subscriber_row *p = ordo_subscriber_at(s, a);
    const struct ordo_subscriber_row *q = ordo_subscriber_at(s, b);
    return p->shop == q->shop && ordo_bytes_equal(subscriber_name(p), subscriber_name(q));
}

static struct ordo_bytes parked_number(const struct ordo_park_row *at)
{
    return (struct ordo_bytes){at->order_id, at->order_id_size};
}

static bool hash_park(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const struct ordo_park_row *at = ordo_park_at(s, row);
    *hash = ordo_park_hash(at->subscriber, at->order_shop, parked_number(at));
    return at->subscriber != 0;
}

static bool same_park(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    const struct ordo_park_row *p = ordo_park_at(s, a);
    const struct ordo_park_row *q = ordo_park_at(s, b);
    bool same = p->subscriber == q->subscriber && p->order_shop == q->order_shop;
    return same && ordo_bytes_equal(parked_number(p), parked_number(q));
}

static bool hash_id(const struct ordo_state *s, uint32_t row, uint64_t *hash)
{
    const uint8_t *id = ordo_id_at(s, row)->id;
    static const uint8_t forgotten[ORDO_ID_SIZE];
    *hash = ordo_id_hash(id);
    return !ordo_id_equal(id, forgotten);
}

static bool same_id(const struct ordo_state *s, uint32_t a, uint32_t b)
{
    return ordo_id_equal(ordo_id_at(s, a)->id, ordo_id_at(s, b)->id);
}

static const struct shape {
    enum ordo_index_id index;
    enum ordo_table_id table;
    hash_row *hash;
    same_key *same;
    const char *name;
    bool repeats; /* a key may be there several times */
} shapes[] = {
    {ORDO_INDEX_PRODUCT, ORDO_TABLE_PRODUCT, hash_product, same_product, "product", false},
    {ORDO_INDEX_CARD, ORDO_TABLE_CARD, hash_card, same_card, "card", true},
    {ORDO_INDEX_ORDER, ORDO_TABLE_ORDER, hash_order, same_order, "order", false},
    {ORDO_INDEX_BUYER, ORDO_TABLE_BUYER, hash_buyer, same_buyer, "buyer", false},
    {ORDO_INDEX_MERCHANT, ORDO_TABLE_MERCHANT, hash_merchant, same_merchant, "merchant", false},
    {ORDO_INDEX_PAYMENT, ORDO_TABLE_PAYMENT, hash_payment, same_payment, "payment", false},
    {ORDO_INDEX_BALANCE, ORDO_TABLE_BALANCE, hash_balance, same_balance, "balance", false},
    {ORDO_INDEX_ID, ORDO_TABLE_ID, hash_id, same_id, "id", false},
    {ORDO_INDEX_COUPON, ORDO_TABLE_COUPON, hash_coupon, same_coupon, "coupon", false},
    {ORDO_INDEX_CHANNEL, ORDO_TABLE_CHANNEL, hash_channel, same_channel, "channel", false},
    {ORDO_INDEX_SUBSCRIBER,
     ORDO_TABLE_SUBSCRIBER,
     hash_subscriber,
     same_subscriber,
     "subscriber",
     false},
    {ORDO_INDEX_PARK, ORDO_TABLE_PARK, hash_park, same_park, "park", false},
};

static uint32_t
find_same(const struct ordo_state *s, const struct shape *shape, uint32_t row, uint64_t hash)
{
    const struct ordo_index *index = &s->indexes[shape->index];
    struct ordo_probe probe;
    uint32_t other = ordo_index_first(index, hash, &probe);
    while (other != 0 && !shape->same(s, row, other)) {
        other = ordo_index_next(index, &probe);
    }
    return other;
}

#define AHEAD 16 /* rows */

static enum ordo_err
fill_index(struct ordo_state *s, const struct shape *shape, struct ordo_fail *fail)
{
    struct ordo_index *index = &s->indexes[shape->index];
    uint32_t used = ordo_head(s)->used[shape->table];
    ordo_index_clear(index);
    for (uint64_t i = 1; i <= (uint64_t)used + AHEAD; i++) {
        uint64_t hash;
        if (i <= used && shape->hash(s, (uint32_t)i, &hash)) {
            ordo_index_prefetch(index, hash);
        }
        uint32_t row = i > AHEAD ? (uint32_t)(i - AHEAD) : 0;
        if (row == 0 || !shape->hash(s, row, &hash)) {
            continue;
        }
        uint32_t other = find_same(s, shape, row, hash);
        if (other != 0 && shape->repeats) {
            continue;
        }
        if (other != 0) {
            return DAMAGED(fail, "%s row %u: row %u has the same key", shape->name, row, other);
        }
        ordo_index_insert(index, hash, row);
    }
    return ORDO_OK;
}

/* ---- lists and deadlines ---- */

static enum ordo_err fill_lists(struct ordo_state *s, struct ordo_fail *fail)
{
    uint32_t used = ordo_head(s)->used[ORDO_TABLE_ORDER];
    uint64_t counts[ORDO_STATE_COUNT] = {0};
    ordo_orders_forget(s);
    ordo_deadlines_sort_by_change(s, used);
    for (uint32_t i = 1; i <= used; i++) {
        uint32_t order = s->deadlines.places[i].order;
        ordo_order_restore(s, order);
        counts[ordo_order_at(s, order)->state]++;
    }
    for (uint32_t state = 0; state < ORDO_STATE_COUNT; state++) {
        if (counts[state] != ordo_head(s)->orders_in[state]) {
            return DAMAGED(
                fail, "head: the orders in %s are not as many", ordo_state_name((uint8_t)state));
        }
    }
    ordo_deadlines_restore(s, used);
    return ORDO_OK;
}

enum ordo_err ordo_state_rebuild(struct ordo_state *state, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_rows_check(state, fail);
    for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]) && err == ORDO_OK; i++) {
        err = fill_index(state, &shapes[i], fail);
    }
    return err == ORDO_OK ? fill_lists(state, fail) : err;
}
