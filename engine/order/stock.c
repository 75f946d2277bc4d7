#include "order/parts.h"

#include <string.h>

/* Units of a product. One-time cards are rows in a queue, first in first out; a hold takes the
 * queue's first cards as they hang together and makes them the order's chain, a release hangs the
 * chain behind the queue's last. Counted and unlimited goods move through the same counts without
 * rows: free -> held -> bound -> revealed. What was bound never becomes free again here: somebody
 * may have read it.
 *
 * Loop and preselected pools are refused until the whole of the domain is built.
 */

#define OPTIONS_KNOWN ORDO_PRODUCT_MANUAL

/* ---- products ---- */

uint64_t ordo_product_hash(uint32_t shop, uint64_t product)
{
    return ordo_mix(shop, product);
}

uint32_t ordo_product_find(const struct ordo_state *s, uint32_t shop, uint64_t product)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_PRODUCT];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_product_hash(shop, product), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_product_row *at = ordo_product_at(s, row);
        if (at->shop == shop && at->product == product) {
            return row;
        }
    }
    return 0;
}

static uint16_t check_put(const struct ordo_product_put *put)
{
    bool has_window = put->sale_until_us != 0;
    if (put->product == 0 || put->price < 0 || put->currency == 0 ||
        (put->options & ~(uint64_t)OPTIONS_KNOWN) != 0 ||
        (has_window && put->sale_until_us <= put->sale_from_us)) {
        return ORDO_RESULT_PRODUCT_INVALID;
    }
    bool sold = put->stock_mode == ORDO_STOCK_CARDS || put->stock_mode == ORDO_STOCK_COUNTED ||
                put->stock_mode == ORDO_STOCK_UNLIMITED;
    if (!sold || (put->counted != 0 && put->stock_mode != ORDO_STOCK_COUNTED)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_product_put(struct ordo_state *s, const struct ordo_product_put *put)
{
    uint16_t code = check_put(put);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t shop = s->command.shop;
    uint32_t row = ordo_product_find(s, shop, put->product);
    if (row != 0 && ordo_product_at(s, row)->stock_mode != put->stock_mode) {
        return ORDO_RESULT_PRODUCT_MODE;
    }
    if (row != 0 && ordo_product_at(s, row)->currency != put->currency) {
        return ORDO_RESULT_PRODUCT_CURRENCY;
    }
    if (row == 0 && ordo_rows_left(s, ORDO_TABLE_PRODUCT) == 0) {
        return ORDO_RESULT_FULL_PRODUCTS;
    }
    if (row == 0) {
        row = ordo_rows_take(s, ORDO_TABLE_PRODUCT, 1);
        struct ordo_product_row *made = ordo_product_edit(s, row);
        made->shop = shop;
        made->product = (uint32_t)put->product;
        made->stock_mode = (uint8_t)put->stock_mode;
        made->currency = (uint16_t)put->currency;
        ordo_index_insert(
            &s->indexes[ORDO_INDEX_PRODUCT], ordo_product_hash(shop, put->product), row);
    }
    struct ordo_product_row *product = ordo_product_edit(s, row);
    product->price = put->price;
    product->hold_ttl_s = (uint32_t)put->hold_ttl_s;
    product->purchase_cap = (uint32_t)put->purchase_cap;
    product->sale_from_us = put->sale_from_us;
    product->sale_until_us = put->sale_until_us;
    product->options = (uint32_t)put->options;
    product->imported += put->counted;
    product->free += put->counted;
    return ORDO_RESULT_OK;
}

/* ---- import ---- */

uint64_t ordo_card_hash(uint32_t product, const uint8_t *tag)
{
    return ordo_mix(ordo_get_le64(tag) ^ product, ordo_get_le64(tag + 8));
}

static bool card_is_known(const struct ordo_state *s, uint32_t product, const uint8_t *tag)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_CARD];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_card_hash(product, tag), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        if (card->product == product && ordo_id_equal(card->tag, tag)) {
            return true;
        }
    }
    return false;
}

static uint32_t granules_of(uint32_t sealed_size)
{
    return (sealed_size + ORDO_SECRET_GRANULE - 1) / ORDO_SECRET_GRANULE;
}

static void queue_append(struct ordo_state *s, uint32_t product, uint32_t first, uint32_t last)
{
    struct ordo_product_row *p = ordo_product_edit(s, product);
    if (p->free_last != 0) {
        ordo_card_edit(s, p->free_last)->next = first;
    } else {
        p->free_first = first;
    }
    p->free_last = last;
}

static void import_card(struct ordo_state *s, uint32_t product, struct ordo_bytes element)
{
    uint32_t sealed_size = element.size - ORDO_CARD_TAG_SIZE;
    uint32_t granules = granules_of(sealed_size);
    uint32_t secret = ordo_rows_take(s, ORDO_TABLE_SECRET, granules);
    void *bytes = ordo_table_write_rows(&s->tables[ORDO_TABLE_SECRET], secret, granules);
    memcpy(bytes, element.data + ORDO_CARD_TAG_SIZE, sealed_size);

    uint32_t row = ordo_rows_take(s, ORDO_TABLE_CARD, 1);
    struct ordo_card_row *card = ordo_card_edit(s, row);
    memcpy(card->tag, element.data, ORDO_CARD_TAG_SIZE);
    card->product = product;
    card->secret = secret;
    card->secret_size = (uint16_t)sealed_size;
    card->state = ORDO_CARD_FREE;
    ordo_index_insert(&s->indexes[ORDO_INDEX_CARD], ordo_card_hash(product, element.data), row);
    queue_append(s, product, row, row);
    struct ordo_product_row *p = ordo_product_edit(s, product);
    p->imported++;
    p->free++;
}

/* What an import needs at most: a card twice in one import counts twice here. */
static uint16_t
check_import(const struct ordo_state *s, uint32_t product, const struct ordo_card_import *import)
{
    struct ordo_reader in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);
    uint64_t granules = 0;
    uint32_t cards = 0;
    for (uint32_t i = 0; i < import->cards.count; i++) {
        struct ordo_bytes element = ordo_read_bytes(&in, ORDO_SEALED_MAX);
        if (element.size < ORDO_CARD_SIZE_MIN) {
            return ORDO_RESULT_CARD_INVALID;
        }
        if (!card_is_known(s, product, element.data)) {
            cards++;
            granules += granules_of(element.size - ORDO_CARD_TAG_SIZE);
        }
    }
    if (cards > ordo_rows_left(s, ORDO_TABLE_CARD)) {
        return ORDO_RESULT_FULL_CARDS;
    }
    return granules > ordo_rows_left(s, ORDO_TABLE_SECRET) ? ORDO_RESULT_FULL_SECRETS
                                                           : ORDO_RESULT_OK;
}

uint16_t ordo_decide_card_import(struct ordo_state *s, const struct ordo_card_import *import)
{
    uint32_t product = ordo_product_find(s, s->command.shop, import->product);
    if (product == 0) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if (ordo_product_at(s, product)->stock_mode != ORDO_STOCK_CARDS) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (import->cards.count == 0) {
        return ORDO_RESULT_CARD_INVALID;
    }
    uint16_t code = check_import(s, product, import);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_reader in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);
    uint32_t imported = 0;
    for (uint32_t i = 0; i < import->cards.count; i++) {
        struct ordo_bytes element = ordo_read_bytes(&in, ORDO_SEALED_MAX);
        if (!card_is_known(s, product, element.data)) {
            import_card(s, product, element);
            imported++;
        }
    }
    s->outcome.result.version = imported;
    return ORDO_RESULT_OK;
}

/* ---- the life of units ---- */

bool ordo_stock_open(const struct ordo_product_row *product, uint64_t units)
{
    return product->backorder_first == 0 && product->wait_first == 0 &&
           ordo_stock_has(product, units);
}

bool ordo_stock_has(const struct ordo_product_row *product, uint64_t units)
{
    return product->stock_mode == ORDO_STOCK_UNLIMITED || product->free >= units;
}

void ordo_stock_paid(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(p->held_unpaid >= o->unit_count);
    p->held_unpaid -= o->unit_count;
}

void ordo_stock_hold(struct ordo_state *s, uint32_t order, bool unpaid)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(ordo_stock_has(p, o->quantity));
    ORDO_ASSERT(o->units == ORDO_UNITS_NONE);
    o->units = ORDO_UNITS_HELD;
    o->unit_count = o->quantity;
    p->held += o->quantity;
    p->held_unpaid += unpaid ? o->quantity : 0;
    if (p->stock_mode == ORDO_STOCK_UNLIMITED) {
        return;
    }
    p->free -= o->quantity;
    if (p->stock_mode != ORDO_STOCK_CARDS) {
        return;
    }
    o->card = p->free_first;
    uint32_t next = p->free_first;
    struct ordo_card_row *card = NULL;
    for (uint32_t i = 0; i < o->quantity; i++) {
        card = ordo_card_edit(s, next);
        ORDO_ASSERT(next != 0 && card->state == ORDO_CARD_FREE);
        card->state = ORDO_CARD_HELD;
        card->order = order;
        next = card->next;
    }
    ORDO_ASSERT(card != NULL);
    card->next = 0;
    p->free_first = next;
    if (next == 0) {
        p->free_last = 0;
    }
}

void ordo_stock_release(struct ordo_state *s, uint32_t order, bool unpaid)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->units != ORDO_UNITS_HELD) {
        return;
    }
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    if (unpaid) {
        ordo_stock_paid(s, order);
    }
    o->units = ORDO_UNITS_NONE;
    o->unit_count = 0;
    ordo_serve_mark(s, o->product);
    ORDO_ASSERT(p->held >= o->quantity);
    p->held -= o->quantity;
    if (p->stock_mode == ORDO_STOCK_UNLIMITED) {
        return;
    }
    p->free += o->quantity;
    uint32_t last = 0;
    for (uint32_t row = o->card; row != 0; row = ordo_card_at(s, row)->next) {
        struct ordo_card_row *card = ordo_card_edit(s, row);
        ORDO_ASSERT(card->state == ORDO_CARD_HELD && card->order == order);
        card->state = ORDO_CARD_FREE;
        card->order = 0;
        last = row;
    }
    if (last != 0) {
        queue_append(s, o->product, o->card, last);
        o->card = 0;
    }
}

/* Every card of the order from one state to the next; the effect names them when there is one. */
static void advance_cards(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_card_state from)
{
    uint32_t count = 0;
    const struct ordo_order_row *o = ordo_order_at(s, order);
    for (uint32_t row = o->card; row != 0; row = ordo_card_at(s, row)->next) {
        struct ordo_card_row *card = ordo_card_edit(s, row);
        ORDO_ASSERT(card->state == from && card->order == order);
        card->state = (uint8_t)(from + 1);
        count++;
        if (effect != NULL) {
            s->outcome.cards[s->outcome.card_count++] = row;
            effect->card_count++;
        }
    }
    ORDO_ASSERT(count == 0 || count == o->quantity);
}

void ordo_stock_bind(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(o->units == ORDO_UNITS_HELD);
    o->units = ORDO_UNITS_BOUND;
    ORDO_ASSERT(s->outcome.card_count + o->quantity <= ORDO_CARDS_MAX);
    p->held -= o->quantity;
    p->bound += o->quantity;
    advance_cards(s, effect, order, ORDO_CARD_HELD);
}

void ordo_stock_drop(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    p->bound -= o->unit_count;
    p->voided += o->unit_count;
}

void ordo_stock_reveal(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    o->units = ORDO_UNITS_REVEALED;
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(p->bound >= o->quantity);
    p->bound -= o->quantity;
    p->revealed += o->quantity;
    advance_cards(s, NULL, order, ORDO_CARD_BOUND);
}
