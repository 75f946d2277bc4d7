#include "order/stock.h"

#include <string.h>

/* A load of sealed cards. The engine never sees a secret: the keyed tag in front of each sealed
 * card is the same for the same secret, and finds what was loaded twice. Known cards are left out
 * one by one, unless the product wants duplicates; room is checked for all before the first is
 * taken in.
 *
 * The index answers one question, whether a tag is known, so of equal tags only the first is in it:
 * many of them would be one long probe.
 */

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

/* The product has this card and does not want it twice. */
static bool is_left_out(const struct ordo_state *s, uint32_t product, const uint8_t *tag)
{
    bool duplicates = (ordo_product_at(s, product)->options & ORDO_PRODUCT_DUPLICATES) != 0;
    return !duplicates && card_is_known(s, product, tag);
}

static uint32_t granules_of(uint32_t sealed_size)
{
    return (sealed_size + ORDO_SECRET_GRANULE - 1) / ORDO_SECRET_GRANULE;
}

static void import_card(struct ordo_state *s, uint32_t product, struct ordo_bytes element)
{
    ORDO_ASSERT(element.size >= ORDO_CARD_SIZE_MIN);
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
    if (!card_is_known(s, product, element.data)) {
        ordo_index_insert(&s->indexes[ORDO_INDEX_CARD], ordo_card_hash(product, element.data), row);
    }
    ordo_card_append(s, row);
    ordo_product_edit(s, product)->imported++;
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
        if (!is_left_out(s, product, element.data)) {
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
    if (!ordo_stock_has_cards(ordo_product_at(s, product)->stock_mode)) {
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
        if (!is_left_out(s, product, element.data)) {
            import_card(s, product, element);
            imported++;
        }
    }
    s->outcome.result.version = imported;
    if (imported != 0) {
        ordo_serve_mark(s, product);
    }
    return ORDO_RESULT_OK;
}
