#include "net/client/lib_parts.h"

#include "base/canary.h"
#include "order/result.h"

#include <stdlib.h>
#include <string.h>

/* From an answer of the wire to the public struct ordo_end. All that an end points to lies in one
 * space that is taken once, before anything of the body is read: no text, order or card can be
 * larger than what the body's bytes allow, so the room is bounded by them. Lists are arrays of
 * pointers, so that the structs may grow.
 */

#define ALIGNED(size) (((size) + 15) & ~(size_t)15)

static void *take(struct ordo_lib_space *space, size_t size)
{
    if (space->size - space->used < ALIGNED(size)) {
        return NULL;
    }
    void *at = space->data + space->used;
    space->used += ALIGNED(size);
    return at;
}

static bool reserve(struct ordo_lib_space *space, size_t size)
{
    space->used = 0;
    if (space->size >= size) {
        return true;
    }
    uint8_t *grown = realloc(space->data, size);
    if (grown == NULL) {
        return false;
    }
    space->data = grown;
    space->size = size;
    return true;
}

const char *ordo_lib_text(struct ordo_lib_space *space, struct ordo_bytes text)
{
    char *copy = take(space, (size_t)text.size + 1);
    if (copy != NULL) {
        if (text.size > 0) {
            memcpy(copy, text.data, text.size);
        }
        copy[text.size] = '\0';
    }
    return copy;
}

static bool
put_order(struct ordo_mp_reader *body, struct ordo_lib_space *space, struct ordo_order_info *info)
{
    struct ordo_order_view view;
    ordo_body_order(body, &view);
    if (body->error != NULL) {
        return false;
    }
    uint64_t *cards = take(space, view.card_count * sizeof(*cards));
    uint8_t *buyer = take(space, ORDO_ID_SIZE);
    const char *order_id = ordo_lib_text(space, view.order_id);
    if (cards == NULL || buyer == NULL || order_id == NULL) {
        return false;
    }
    memset(buyer, 0, ORDO_ID_SIZE);
    if (view.buyer.size == ORDO_ID_SIZE) {
        memcpy(buyer, view.buyer.data, ORDO_ID_SIZE);
    }
    memcpy(cards, view.cards, view.card_count * sizeof(*cards));
    *info = (struct ordo_order_info){
        .order_id = order_id,
        .buyer = buyer,
        .product = view.product,
        .amount = view.amount,
        .quantity = view.quantity,
        .currency = view.currency,
        .status = view.state,
        .flags = view.flags,
        .version = view.version,
        .card_count = view.card_count,
        .cards = cards,
        .created_us = view.created_us,
        .changed_us = view.changed_us,
        .deadline_us = view.deadline_us,
        .paid = view.paid,
        .refund_due = view.refund_due,
        .refunded = view.refunded,
        .review = view.review,
        .last_seq = view.last_seq};
    return true;
}

static bool put_orders(
    struct ordo_mp_reader *body, struct ordo_lib_space *space, uint32_t count, struct ordo_end *end)
{
    const struct ordo_order_info **orders = take(space, count * sizeof(*orders));
    for (uint32_t i = 0; orders != NULL && i < count; i++) {
        struct ordo_order_info *info = take(space, sizeof(*info));
        if (info == NULL || !put_order(body, space, info)) {
            return false;
        }
        orders[i] = info;
    }
    end->orders = orders;
    end->order_count = count;
    return orders != NULL;
}

static bool
put_cards(struct ordo_mp_reader *body, struct ordo_lib_space *space, struct ordo_end *end)
{
    uint32_t count = ordo_body_cards(body);
    const struct ordo_card_info **cards = take(space, count * sizeof(*cards));
    for (uint32_t i = 0; cards != NULL && i < count; i++) {
        struct ordo_card_info *info = take(space, sizeof(*info));
        struct ordo_bytes sealed = {NULL, 0};
        uint64_t number = 0;
        ordo_body_card(body, &number, &sealed);
        if (info == NULL || body->error != NULL) {
            return false;
        }
        *info = (struct ordo_card_info){number, sealed.data, sealed.size};
        cards[i] = info;
    }
    end->cards = cards;
    end->card_count = count;
    return cards != NULL;
}

static bool
put_stock(struct ordo_mp_reader *body, struct ordo_lib_space *space, struct ordo_end *end)
{
    struct ordo_stock_view view;
    struct ordo_stock_info *info = take(space, sizeof(*info));
    ordo_body_stock(body, &view);
    if (info == NULL || body->error != NULL) {
        return false;
    }
    *info = (struct ordo_stock_info){
        .product = view.product,
        .price = view.price,
        .currency = view.currency,
        .stock_mode = view.stock_mode,
        .imported = view.imported,
        .available = view.available,
        .held = view.held,
        .bound = view.bound,
        .revealed = view.revealed,
        .voided = view.voided,
        .backorders = view.backorders,
        .waiting = view.waiting};
    end->stock = info;
    return true;
}

static bool
put_head(struct ordo_mp_reader *body, struct ordo_lib_space *space, struct ordo_end *end)
{
    struct ordo_head_view view;
    struct ordo_head_info *info = take(space, sizeof(*info));
    uint8_t *hash = take(space, sizeof(view.stream_hash));
    ordo_body_head(body, &view);
    if (info == NULL || hash == NULL || body->error != NULL) {
        return false;
    }
    memcpy(hash, view.stream_hash, sizeof(view.stream_hash));
    *info = (struct ordo_head_info){view.seq, view.update_seq, view.time_us, view.orders, hash};
    end->head = info;
    return true;
}

/* False when the body is none of this version, or memory is out. */
static bool put_body(
    uint32_t kind, struct ordo_mp_reader body, struct ordo_lib_space *space, struct ordo_end *end)
{
    switch (kind) {
    case ORDO_CMD_GET:
    case ORDO_CMD_FIND:
        return put_orders(&body, space, 1, end);
    case ORDO_CMD_LIST: {
        uint32_t count = ordo_body_list(&body, &end->next);
        return body.error == NULL && put_orders(&body, space, count, end);
    }
    case ORDO_CMD_CARDS:
        return put_cards(&body, space, end);
    case ORDO_CMD_STOCK:
        return put_stock(&body, space, end);
    case ORDO_CMD_HEAD:
        return put_head(&body, space, end);
    default:
        return true; /* the caller reads `body` */
    }
}

/* What a body of so many bytes can become at most: each value of it is at least a byte there and at
 * most an aligned word here, an order has at least 17 values, a card at least 2. */
static size_t room_of(uint32_t body_size)
{
    size_t orders = body_size / 17 + 1;
    size_t cards = body_size / 2 + 1;
    size_t an_order = ALIGNED(sizeof(struct ordo_order_info)) + 32 + 16 + 64 + sizeof(void *);
    size_t a_card = ALIGNED(sizeof(struct ordo_card_info)) + sizeof(void *);
    size_t texts = 8 * (size_t)body_size;
    return 1024 + texts + orders * an_order + (cards < 4096 ? cards : 4096) * a_card;
}

static uint32_t verdict_of(uint16_t code)
{
    if (code == ORDO_RESULT_OK) {
        return ORDO_VERDICT_OK;
    }
    return code == ORDO_RESULT_UNKNOWN && !ORDO_CANARY(unknown_is_failure) ? ORDO_VERDICT_UNKNOWN
                                                                           : ORDO_VERDICT_REJECTED;
}

bool ordo_lib_end(
    const struct ordo_answer *answer,
    uint32_t kind,
    struct ordo_lib_space *space,
    struct ordo_end *end)
{
    const struct ordo_reply_item *item = &answer->item;
    const struct ordo_result *result = &item->result;
    bool has_body = item->form == ORDO_REPLY_QUERY && item->has_body;
    uint32_t body_size = has_body ? (uint32_t)(item->body.end - item->body.at) : 0;
    *end = (struct ordo_end){
        .verdict = verdict_of(result->code),
        .code = result->code,
        .text = ordo_result_text(result->code),
        .seq = result->seq};
    if (!reserve(space, room_of(body_size) + item->text.size)) {
        return false;
    }
    if (item->form == ORDO_REPLY_DECIDED) {
        end->status = result->state;
        end->version = result->version;
        end->money = result->disposition;
    }
    if (item->form == ORDO_REPLY_REFUSED && item->text.size > 0) {
        end->text = ordo_lib_text(space, item->text);
    }
    if (!has_body) {
        return true;
    }
    end->body = item->body.at;
    end->body_size = body_size;
    return put_body(kind, item->body, space, end);
}
