/* What a command brings into the book before its effects are followed: products, cards, orders,
 * coupons, channels, facts. A refused command brings nothing.
 */
#include "audit_book.h"

#include <inttypes.h>
#include <string.h>

static enum ordo_err
book_product(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_product_put *put = &view->command.product_put;
    uint32_t row = ordo_book_product(tally, view->command.shop, put->product);

    if (row == 0) {
        return ordo_book_no_memory(fail);
    }
    struct ordo_tally_product *product = &tally->products[row - 1];
    product->stock_mode = (uint8_t)put->stock_mode;
    product->options = (uint32_t)put->options;
    product->purchase_cap = (uint32_t)put->purchase_cap;
    product->imported += put->counted;
    return ORDO_OK;
}

/* An import names cards that are known already; the tag in front of each tells, and the result says
 * how many were taken in. */
static enum ordo_err
book_import(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_card_import *import = &view->command.card_import;
    struct ordo_reader in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);
    uint32_t row = ordo_book_product(tally, view->command.shop, import->product);
    uint32_t taken = 0;

    if (row == 0) {
        return ordo_book_no_memory(fail);
    }
    bool twice = (tally->products[row - 1].options & ORDO_PRODUCT_DUPLICATES) != 0;
    for (uint32_t i = 0; i < import->cards.count; i++) {
        struct ordo_bytes card = ordo_read_bytes(&in, ORDO_SEALED_MAX);
        uint8_t bytes[8 + ORDO_ID_SIZE];
        bool added;
        if (card.size < ORDO_ID_SIZE) {
            return ordo_book_broken(fail, view, "I1", "a card without a tag was imported");
        }
        ordo_put_le64(bytes, import->product);
        memcpy(bytes + 8, card.data, ORDO_ID_SIZE);
        struct ordo_hash128 key = ordo_book_key('t', view->command.shop, bytes, sizeof(bytes));
        if (ordo_audit_table_put(&tally->tags, key, &added) == NULL) {
            return ordo_book_no_memory(fail);
        }
        taken += added || twice ? 1 : 0;
    }
    if (view->outcome.result.version != taken) {
        return ordo_book_broken(
            fail,
            view,
            "I1",
            "%u cards were taken in, %u are new",
            view->outcome.result.version,
            taken);
    }
    tally->products[row - 1].imported += taken;
    return ORDO_OK;
}

static enum ordo_err book_create(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    const struct ordo_command *command,
    struct ordo_fail *fail)
{
    const struct ordo_create *create = &command->create;
    uint32_t row = ordo_book_order(tally, command->shop, create->order_id);
    uint32_t product = ordo_book_product(tally, command->shop, create->product);
    uint32_t buyer = ordo_book_buyer(tally, command->shop, create->product, create->buyer);
    uint32_t coupon =
        create->coupon.size == 0 ? 0 : ordo_book_coupon(tally, command->shop, create->coupon);

    if (row == 0 || product == 0 || buyer == 0 || (create->coupon.size != 0 && coupon == 0)) {
        return ordo_book_no_memory(fail);
    }
    struct ordo_tally_order *order = &tally->orders[row - 1];
    if (order->created_seq != 0 || order->state != ORDO_STATE_NONE) {
        return ordo_book_broken(fail, view, "I9", "an order is created for the second time");
    }
    order->created_seq = view->record->seq;
    order->quantity = (uint16_t)create->quantity;
    order->amount = create->amount;
    order->product = product;
    order->buyer = buyer;
    order->coupon = coupon;
    return ORDO_OK;
}

static enum ordo_err
book_chain(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    uint32_t count = view->command.chain.members.count;

    if (view->outcome.effect_count < count) {
        return ordo_book_broken(
            fail, view, "I9", "a chain of %u touched %u orders", count, view->outcome.effect_count);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_command member;
        if (!ordo_record_chain_member(&view->command, i, &member)) {
            return ordo_book_broken(fail, view, "I9", "member %u of a chain is no create", i + 1);
        }
        enum ordo_err err = book_create(tally, view, &member, fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    return ORDO_OK;
}

static enum ordo_err
book_coupon(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_coupon_put *put = &view->command.coupon_put;
    uint32_t row = ordo_book_coupon(tally, view->command.shop, put->coupon);

    if (row == 0) {
        return ordo_book_no_memory(fail);
    }
    tally->coupons[row - 1].uses_max = put->uses_max;
    return ORDO_OK;
}

static enum ordo_err
book_channel(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    uint8_t bytes[8];
    bool added;

    ordo_put_le64(bytes, view->command.channel_put.channel);
    struct ordo_audit_cell *cell = ordo_audit_table_put(
        &tally->channel_of, ordo_book_key('h', view->command.shop, bytes, sizeof(bytes)), &added);
    if (cell == NULL) {
        return ordo_book_no_memory(fail);
    }
    cell->value = (uint64_t)view->command.channel_put.short_tolerance;
    return ORDO_OK;
}

static enum ordo_err
book_fact(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    uint8_t disposition = view->outcome.result.disposition;

    if (disposition == ORDO_DISPOSITION_NONE || disposition >= ORDO_DISPOSITION_COUNT) {
        return ordo_book_broken(
            fail, view, "I5", "a payment fact has no disposition or an unknown disposition");
    }
    tally->facts++;
    tally->facts_with[disposition]++;
    return ORDO_OK;
}

enum ordo_err ordo_book_command(
    struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    if (view->outcome.result.code != ORDO_RESULT_OK) {
        tally->refused++;
        return ORDO_OK;
    }
    switch (view->command.kind) {
    case ORDO_KIND_CARD_IMPORT:
        return book_import(tally, view, fail);
    case ORDO_KIND_CREATE:
        return book_create(tally, view, &view->command, fail);
    case ORDO_KIND_CHAIN:
        return book_chain(tally, view, fail);
    case ORDO_KIND_PRODUCT_PUT:
        return book_product(tally, view, fail);
    case ORDO_KIND_COUPON_PUT:
        return book_coupon(tally, view, fail);
    case ORDO_KIND_CHANNEL_PUT:
        return book_channel(tally, view, fail);
    case ORDO_KIND_FACT:
        return book_fact(tally, view, fail);
    default:
        return ORDO_OK;
    }
}
