/* Each record is folded into four small tables: orders, products, cards given out, cards loaded.
 *
 * An order's state is not taken from the engine: it is followed from transition to transition, each
 * of which must begin where the one before ended and carry the next version. So a journal whose
 * outcomes contradict each other is found here even when the engine would reproduce the
 * contradiction.
 */
#include "audit_tally.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static enum ordo_err
broken(struct ordo_fail *fail, const struct ordo_record_view *view, const char *format, ...)
    ORDO_PRINTF(3, 4);

static enum ordo_err
broken(struct ordo_fail *fail, const struct ordo_record_view *view, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "seq %" PRIu64 ": %s", view->record->seq, text);
}

static enum ordo_err no_memory(struct ordo_fail *fail)
{
    return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "out of memory for the audit's tables");
}

/* ---- tables ---- */

static struct ordo_hash128 key_of(char kind, uint32_t shop, const void *data, size_t size)
{
    uint8_t bytes[5 + 64];

    ORDO_ASSERT(size <= sizeof(bytes) - 5);
    bytes[0] = (uint8_t)kind;
    ordo_put_le32(bytes + 1, shop);
    memcpy(bytes + 5, data, size);
    return ordo_hash128(bytes, 5 + size, 1);
}

/* The array with room for one more element, which may have moved; NULL when out of memory: then the
 * old one stays. */
static void *extend(void *array, uint64_t *capacity, uint64_t count, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    uint64_t wider = *capacity == 0 ? 1024 : 2 * *capacity;
    void *moved = realloc(array, wider * size);
    if (moved != NULL) {
        *capacity = wider;
    }
    return moved;
}

static struct ordo_tally_order *
find_order(struct ordo_tally *tally, uint32_t shop, struct ordo_bytes order_id)
{
    bool added;
    struct ordo_audit_cell *cell = ordo_audit_table_put(
        &tally->order_of, key_of('o', shop, order_id.data, order_id.size), &added);

    if (cell == NULL) {
        return NULL;
    }
    if (added) {
        void *moved = extend(
            tally->orders, &tally->order_capacity, tally->order_count, sizeof(*tally->orders));
        if (moved == NULL) {
            return NULL;
        }
        tally->orders = moved;
        memset(&tally->orders[tally->order_count], 0, sizeof(*tally->orders));
        cell->value = ++tally->order_count;
    }
    return &tally->orders[cell->value - 1];
}

/* The index + 1 of the product; 0 when out of memory. */
static uint64_t find_product(struct ordo_tally *tally, uint32_t shop, uint64_t product)
{
    uint8_t bytes[8];
    bool added;

    ordo_put_le64(bytes, product);
    struct ordo_audit_cell *cell =
        ordo_audit_table_put(&tally->product_of, key_of('p', shop, bytes, sizeof(bytes)), &added);
    if (cell == NULL) {
        return 0;
    }
    if (added) {
        void *moved = extend(
            tally->products,
            &tally->product_capacity,
            tally->product_count,
            sizeof(*tally->products));
        if (moved == NULL) {
            return 0;
        }
        tally->products = moved;
        memset(&tally->products[tally->product_count], 0, sizeof(*tally->products));
        cell->value = ++tally->product_count;
    }
    return cell->value;
}

/* ---- what the commands say ---- */

static enum ordo_err
add_import(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_card_import *import = &view->command.card_import;
    struct ordo_reader in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);

    for (uint32_t i = 0; i < import->cards.count; i++) {
        struct ordo_bytes card = ordo_read_bytes(&in, ORDO_SEALED_MAX);
        uint8_t bytes[8 + ORDO_ID_SIZE];
        bool added;
        if (card.size < ORDO_ID_SIZE) {
            return broken(fail, view, "a card without a tag was imported");
        }
        ordo_put_le64(bytes, import->product);
        memcpy(bytes + 8, card.data, ORDO_ID_SIZE);
        if (ordo_audit_table_put(
                &tally->tags, key_of('t', view->command.shop, bytes, sizeof(bytes)), &added) ==
            NULL) {
            return no_memory(fail);
        }
    }
    return ORDO_OK;
}

static enum ordo_err
add_create(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_create *create = &view->command.create;
    struct ordo_tally_order *order = find_order(tally, view->command.shop, create->order_id);
    uint64_t product = find_product(tally, view->command.shop, create->product);

    if (order == NULL || product == 0) {
        return no_memory(fail);
    }
    if (view->outcome.effect_count == 0) {
        return ORDO_OK; /* it existed, with the same content */
    }
    if (order->quantity != 0) {
        return broken(fail, view, "an order is created for the second time");
    }
    order->quantity = (uint16_t)create->quantity;
    order->amount = create->amount;
    order->product = product;
    return ORDO_OK;
}

static enum ordo_err
add_product(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_product_put *put = &view->command.product_put;
    uint64_t product = find_product(tally, view->command.shop, put->product);

    if (product == 0) {
        return no_memory(fail);
    }
    tally->products[product - 1].stock_mode = (uint8_t)put->stock_mode;
    tally->products[product - 1].manual = (put->options & ORDO_PRODUCT_MANUAL) != 0;
    return ORDO_OK;
}

static enum ordo_err
add_command(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    if (view->outcome.result.code != ORDO_RESULT_OK) {
        tally->refused++;
        return ORDO_OK;
    }
    switch (view->command.kind) {
    case ORDO_KIND_CARD_IMPORT:
        return add_import(tally, view, fail);
    case ORDO_KIND_CREATE:
        return add_create(tally, view, fail);
    case ORDO_KIND_PRODUCT_PUT:
        return add_product(tally, view, fail);
    case ORDO_KIND_FACT:
        if (view->outcome.result.disposition >= ORDO_DISPOSITION_COUNT) {
            return broken(fail, view, "a payment fact has an unknown disposition");
        }
        tally->facts++;
        tally->facts_with[view->outcome.result.disposition]++;
        return ORDO_OK;
    default:
        return ORDO_OK;
    }
}

/* ---- what was decided ---- */

static enum ordo_err bind_cards(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    const struct ordo_effect *effect,
    struct ordo_tally_order *order,
    struct ordo_fail *fail)
{
    bool loop =
        order->product != 0 && tally->products[order->product - 1].stock_mode == ORDO_STOCK_LOOP;

    for (uint32_t i = 0; i < effect->card_count; i++) {
        uint8_t bytes[8];
        bool added;
        uint64_t card = view->outcome.cards[effect->card_first + i];
        ordo_put_le64(bytes, card);
        struct ordo_audit_cell *cell =
            ordo_audit_table_put(&tally->card_owner, key_of('c', 0, bytes, sizeof(bytes)), &added);
        if (cell == NULL) {
            return no_memory(fail);
        }
        if (!added && !loop) {
            return broken(
                fail,
                view,
                "card %" PRIu64 " is bound to %.*s and was bound before",
                card,
                (int)effect->order_id.size,
                (const char *)effect->order_id.data);
        }
        cell->value = (uint64_t)(order - tally->orders) + 1;
    }
    order->cards = (uint16_t)(order->cards + effect->card_count);
    return ORDO_OK;
}

static enum ordo_err follow_order(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    const struct ordo_effect *effect,
    struct ordo_fail *fail)
{
    struct ordo_tally_order *order = find_order(tally, effect->shop, effect->order_id);
    int size = (int)effect->order_id.size;
    const char *name = (const char *)effect->order_id.data;

    if (order == NULL) {
        return no_memory(fail);
    }
    if (effect->prev_seq != order->last_seq) {
        return broken(
            fail,
            view,
            "order %.*s points back to seq %" PRIu64 ", but was touched last by seq %" PRIu64,
            size,
            name,
            effect->prev_seq,
            order->last_seq);
    }
    for (uint32_t i = 0; i < effect->transition_count; i++) {
        const struct ordo_transition *t = &view->outcome.transitions[effect->transition_first + i];
        if (t->from != order->state || t->to >= ORDO_STATE_COUNT) {
            return broken(
                fail,
                view,
                "order %.*s goes from %s to %s, but it is in %s",
                size,
                name,
                ordo_state_name(t->from),
                ordo_state_name(t->to),
                ordo_state_name(order->state));
        }
        order->state = t->to;
        order->version++;
    }
    if (order->version != effect->version) {
        return broken(
            fail,
            view,
            "order %.*s has version %u, counted %u",
            size,
            name,
            effect->version,
            order->version);
    }
    order->last_seq = view->record->seq;
    order->flags = effect->flags;
    return bind_cards(tally, view, effect, order, fail);
}

static struct ordo_tally_balance *
find_balance(struct ordo_tally *tally, const struct ordo_posting *posting)
{
    for (uint32_t i = 0; i < tally->balance_count; i++) {
        struct ordo_tally_balance *balance = &tally->balances[i];
        if (balance->channel == posting->channel && balance->currency == posting->currency) {
            return balance;
        }
    }
    if (tally->balance_count == ORDO_TALLY_BALANCES_MAX) {
        return NULL;
    }
    struct ordo_tally_balance *balance = &tally->balances[tally->balance_count++];
    *balance =
        (struct ordo_tally_balance){.channel = posting->channel, .currency = posting->currency};
    return balance;
}

static enum ordo_err
post_money(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_outcome *outcome = &view->outcome;
    struct ordo_bytes order_id = ordo_command_order_id(&view->command);

    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        const struct ordo_posting *posting = &outcome->postings[i];
        struct ordo_tally_balance *balance = find_balance(tally, posting);
        if (balance == NULL) {
            return ordo_fail_set(fail, ORDO_ERR_LIMIT, "more (channel, currency) pairs than 1,024");
        }
        if (posting->account >= ORDO_ACCOUNT_COUNT) {
            return broken(fail, view, "money is posted to an unknown account");
        }
        balance->accounts[posting->account] += posting->amount;
        if (posting->account == ORDO_ACCOUNT_APPLIED && posting->amount > 0 && order_id.size > 0) {
            struct ordo_tally_order *order = find_order(tally, view->command.shop, order_id);
            if (order == NULL) {
                return no_memory(fail);
            }
            order->applied += posting->amount;
        }
    }
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        const struct ordo_tally_balance *balance = find_balance(tally, &outcome->postings[i]);
        const int64_t *a = balance->accounts;
        int64_t in = a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL];
        int64_t out = a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] +
                      a[ORDO_ACCOUNT_REFUNDED] + a[ORDO_ACCOUNT_REVIEW];
        if (in != out) {
            return broken(
                fail,
                view,
                "channel %u currency %u: received + manual %" PRId64
                " is not applied + refund_due + refunded + review %" PRId64,
                balance->channel,
                balance->currency,
                in,
                out);
        }
    }
    return ORDO_OK;
}

static void hash_update(void *context, const struct ordo_update *update)
{
    struct ordo_tally *tally = context;
    tally->stream_hash = ordo_update_hash(tally->stream_hash, update);
}

static enum ordo_err check_sequences(
    const struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_record *record = view->record;

    if (record->seq != tally->seq + 1) {
        return broken(fail, view, "it follows seq %" PRIu64, tally->seq);
    }
    if (record->time_us < tally->time_us) {
        return broken(fail, view, "engine time goes back");
    }
    if (record->update_seq != tally->update_seq + view->outcome.transition_count) {
        return broken(
            fail,
            view,
            "update_seq is %" PRIu64 " after %" PRIu64 " and %u transitions",
            record->update_seq,
            tally->update_seq,
            view->outcome.transition_count);
    }
    return ORDO_OK;
}

enum ordo_err ordo_tally_add(
    struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    enum ordo_err err = check_sequences(tally, view, fail);

    if (err == ORDO_OK) {
        err = add_command(tally, view, fail);
    }
    for (uint32_t i = 0; err == ORDO_OK && i < view->outcome.effect_count; i++) {
        err = follow_order(tally, view, &view->outcome.effects[i], fail);
    }
    if (err == ORDO_OK) {
        err = post_money(tally, view, fail);
    }
    ordo_outcome_updates(
        &view->outcome, view->record->time_us, tally->update_seq + 1, hash_update, tally);
    tally->records++;
    tally->seq = view->record->seq;
    tally->time_us = view->record->time_us;
    tally->update_seq = view->record->update_seq;
    return err;
}

void ordo_tally_free(struct ordo_tally *tally)
{
    ordo_audit_table_free(&tally->order_of);
    ordo_audit_table_free(&tally->product_of);
    ordo_audit_table_free(&tally->card_owner);
    ordo_audit_table_free(&tally->tags);
    free(tally->orders);
    free(tally->products);
    tally->orders = NULL;
    tally->products = NULL;
}
