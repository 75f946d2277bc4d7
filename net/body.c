#include "net/frame.h"

/* Bodies of queries: from the canonical bytes that apply wrote (order/query.h) to arrays of msgpack
 * and back into the same views. Positions are for ever; later fields are added at the end, and a
 * reader skips what it does not know.
 */

#define ORDER_COUNT      18
#define STOCK_COUNT      12
#define COUPON_COUNT     10
#define HEAD_COUNT       5
#define CARD_COUNT       2
#define PAIR_COUNT       2
#define LIST_COUNT       2
#define SUBSCRIBER_COUNT 5
#define PARK_COUNT       5
#define WAITED_COUNT     4

/* An array that may have grown: at least `known` elements. */
static uint32_t read_array_of(struct ordo_mp_reader *in, uint32_t known)
{
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    if (in->error == NULL && count < known) {
        ordo_mp_fail(in, "has fewer elements than this version of the protocol");
    }
    return count;
}

/* ---- to msgpack ---- */

static void write_order(struct ordo_writer *out, const struct ordo_order_view *view)
{
    ordo_mp_write_array(out, ORDER_COUNT);
    ordo_mp_write_str(out, view->order_id);
    ordo_mp_write_bin(out, view->buyer);
    ordo_mp_write_uint(out, view->product);
    ordo_mp_write_uint(out, view->quantity);
    ordo_mp_write_int(out, view->amount);
    ordo_mp_write_uint(out, view->currency);
    ordo_mp_write_uint(out, view->state);
    ordo_mp_write_uint(out, view->flags);
    ordo_mp_write_uint(out, view->version);
    ordo_mp_write_uint(out, view->created_us);
    ordo_mp_write_uint(out, view->changed_us);
    ordo_mp_write_uint(out, view->deadline_us);
    ordo_mp_write_int(out, view->paid);
    ordo_mp_write_int(out, view->refund_due);
    ordo_mp_write_int(out, view->refunded);
    ordo_mp_write_uint(out, view->last_seq);
    ordo_mp_write_array(out, view->card_count);
    for (uint32_t i = 0; i < view->card_count; i++) {
        ordo_mp_write_uint(out, view->cards[i]);
    }
    ordo_mp_write_int(out, view->review);
}

static bool order_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_order_view view;
    ordo_order_view_decode(in, &view);
    if (in->failed || view.card_count > ORDO_CARDS_MAX) {
        return false;
    }
    write_order(out, &view);
    return true;
}

static void list_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    uint64_t count = ordo_read_varint(in);
    uint64_t next = ordo_read_varint(in);
    if (count > ordo_reader_left(in)) {
        ordo_reader_fail(in);
        return;
    }
    ordo_mp_write_array(out, LIST_COUNT);
    ordo_mp_write_uint(out, next);
    ordo_mp_write_array(out, (uint32_t)count);
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        in->failed = !order_to_wire(out, in);
    }
}

static void cards_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    uint64_t count = ordo_read_varint(in);
    if (count > ordo_reader_left(in)) {
        ordo_reader_fail(in);
        return;
    }
    ordo_mp_write_array(out, (uint32_t)count);
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        ordo_mp_write_array(out, CARD_COUNT);
        ordo_mp_write_uint(out, ordo_read_varint(in));
        ordo_mp_write_bin(out, ordo_read_bytes(in, ORDO_SEALED_MAX));
    }
}

static void stock_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_stock_view view;
    ordo_stock_view_decode(in, &view);
    ordo_mp_write_array(out, STOCK_COUNT);
    ordo_mp_write_uint(out, view.product);
    ordo_mp_write_int(out, view.price);
    ordo_mp_write_uint(out, view.currency);
    ordo_mp_write_uint(out, view.stock_mode);
    ordo_mp_write_uint(out, view.imported);
    ordo_mp_write_uint(out, view.available);
    ordo_mp_write_uint(out, view.held);
    ordo_mp_write_uint(out, view.bound);
    ordo_mp_write_uint(out, view.revealed);
    ordo_mp_write_uint(out, view.voided);
    ordo_mp_write_uint(out, view.backorders);
    ordo_mp_write_uint(out, view.waiting);
}

static void coupon_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_coupon_view view;
    ordo_coupon_view_decode(in, &view);
    ordo_mp_write_array(out, COUPON_COUNT);
    ordo_mp_write_str(out, view.coupon);
    ordo_mp_write_uint(out, view.product);
    ordo_mp_write_int(out, view.discount);
    ordo_mp_write_uint(out, view.discount_share);
    ordo_mp_write_uint(out, view.uses_max);
    ordo_mp_write_uint(out, view.used);
    ordo_mp_write_uint(out, view.returned);
    ordo_mp_write_uint(out, view.overdrawn);
    ordo_mp_write_uint(out, view.valid_from_us);
    ordo_mp_write_uint(out, view.valid_until_us);
}

static void head_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_head_view view;
    ordo_head_view_decode(in, &view);
    ordo_mp_write_array(out, HEAD_COUNT);
    ordo_mp_write_uint(out, view.seq);
    ordo_mp_write_uint(out, view.update_seq);
    ordo_mp_write_uint(out, view.time_us);
    ordo_mp_write_bin(out, (struct ordo_bytes){view.stream_hash, sizeof(view.stream_hash)});
    ordo_mp_write_uint(out, view.orders);
}

static void settings_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    uint64_t count = ordo_read_varint(in);
    if (count > ORDO_SETTINGS_MAX) {
        ordo_reader_fail(in);
        return;
    }
    ordo_mp_write_array(out, (uint32_t)count);
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        ordo_mp_write_array(out, PAIR_COUNT);
        ordo_mp_write_uint(out, ordo_read_varint(in));
        ordo_mp_write_int(out, ordo_read_zigzag(in));
    }
}

static void subscriber_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_subscriber_view view;
    ordo_subscriber_view_decode(in, &view);
    ordo_mp_write_array(out, SUBSCRIBER_COUNT);
    ordo_mp_write_str(out, view.subscriber);
    ordo_mp_write_uint(out, view.acked);
    ordo_mp_write_uint(out, view.acked_us);
    ordo_mp_write_uint(out, view.created_us);
    ordo_mp_write_uint(out, view.parks);
}

static void park_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_park_view view;
    ordo_park_view_decode(in, &view);
    ordo_mp_write_array(out, PARK_COUNT);
    ordo_mp_write_uint(out, view.order_shop);
    ordo_mp_write_str(out, view.order_id);
    ordo_mp_write_uint(out, view.first_update);
    ordo_mp_write_uint(out, view.parked_us);
    ordo_mp_write_bin(out, view.reason);
}

void ordo_body_waited_write(struct ordo_writer *out, const struct ordo_waited_view *view)
{
    ordo_mp_write_array(out, WAITED_COUNT);
    ordo_mp_write_str(out, view->order_id);
    ordo_mp_write_uint(out, view->state);
    ordo_mp_write_uint(out, view->version);
    ordo_mp_write_uint(out, view->seq);
}

static void waited_to_wire(struct ordo_writer *out, struct ordo_reader *in)
{
    struct ordo_waited_view view;
    ordo_waited_view_decode(in, &view);
    ordo_body_waited_write(out, &view);
}

static void page_to_wire(
    struct ordo_writer *out,
    struct ordo_reader *in,
    bool has_next,
    void (*to_wire)(struct ordo_writer *out, struct ordo_reader *in))
{
    uint64_t count = ordo_read_varint(in);
    if (has_next) {
        ordo_mp_write_array(out, LIST_COUNT);
        ordo_mp_write_uint(out, ordo_read_varint(in));
    }
    if (count > ordo_reader_left(in)) {
        ordo_reader_fail(in);
        return;
    }
    ordo_mp_write_array(out, (uint32_t)count);
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        to_wire(out, in);
    }
}

bool ordo_body_write(struct ordo_writer *out, uint8_t kind, struct ordo_reader *in)
{
    switch (kind) {
    case ORDO_KIND_GET:
    case ORDO_KIND_FIND:
        in->failed = !order_to_wire(out, in);
        break;
    case ORDO_KIND_CARDS:
        cards_to_wire(out, in);
        break;
    case ORDO_KIND_LIST:
        list_to_wire(out, in);
        break;
    case ORDO_KIND_STOCK:
        stock_to_wire(out, in);
        break;
    case ORDO_KIND_COUPON:
        coupon_to_wire(out, in);
        break;
    case ORDO_KIND_HEAD:
        head_to_wire(out, in);
        break;
    case ORDO_KIND_SETTINGS_GET:
        settings_to_wire(out, in);
        break;
    case ORDO_KIND_SUBSCRIBER:
        subscriber_to_wire(out, in);
        break;
    case ORDO_KIND_SUBSCRIBERS:
        page_to_wire(out, in, true, subscriber_to_wire);
        break;
    case ORDO_KIND_PARKS:
        page_to_wire(out, in, true, park_to_wire);
        break;
    case ORDO_KIND_WAIT:
        page_to_wire(out, in, false, waited_to_wire);
        break;
    default:
        return false;
    }
    return ordo_reader_done(in);
}

/* ---- from msgpack ---- */

void ordo_body_order(struct ordo_mp_reader *in, struct ordo_order_view *view)
{
    uint32_t count = read_array_of(in, ORDER_COUNT);
    view->order_id = ordo_mp_read_raw(in, ORDO_ORDER_ID_MAX);
    view->buyer = ordo_mp_read_raw(in, ORDO_ID_SIZE);
    view->product = ordo_mp_read_uint(in, UINT64_MAX);
    view->quantity = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->amount = ordo_mp_read_int(in);
    view->currency = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->state = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    view->flags = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->version = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->created_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->changed_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->deadline_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->paid = ordo_mp_read_int(in);
    view->refund_due = ordo_mp_read_int(in);
    view->refunded = ordo_mp_read_int(in);
    view->last_seq = ordo_mp_read_uint(in, UINT64_MAX);
    view->card_count = ordo_mp_read_array(in, ORDO_CARDS_MAX);
    for (uint32_t i = 0; i < view->card_count; i++) {
        view->cards[i] = ordo_mp_read_uint(in, UINT64_MAX);
    }
    view->review = ordo_mp_read_int(in);
    ordo_mp_skip_rest(in, count, ORDER_COUNT);
}

void ordo_body_stock(struct ordo_mp_reader *in, struct ordo_stock_view *view)
{
    uint32_t count = read_array_of(in, STOCK_COUNT);
    view->product = ordo_mp_read_uint(in, UINT64_MAX);
    view->price = ordo_mp_read_int(in);
    view->currency = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->stock_mode = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    view->imported = ordo_mp_read_uint(in, UINT64_MAX);
    view->available = ordo_mp_read_uint(in, UINT64_MAX);
    view->held = ordo_mp_read_uint(in, UINT64_MAX);
    view->bound = ordo_mp_read_uint(in, UINT64_MAX);
    view->revealed = ordo_mp_read_uint(in, UINT64_MAX);
    view->voided = ordo_mp_read_uint(in, UINT64_MAX);
    view->backorders = ordo_mp_read_uint(in, UINT64_MAX);
    view->waiting = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, STOCK_COUNT);
}

void ordo_body_coupon(struct ordo_mp_reader *in, struct ordo_coupon_view *view)
{
    uint32_t count = read_array_of(in, COUPON_COUNT);
    view->coupon = ordo_mp_read_raw(in, ORDO_COUPON_MAX);
    view->product = ordo_mp_read_uint(in, UINT64_MAX);
    view->discount = ordo_mp_read_int(in);
    view->discount_share = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->uses_max = ordo_mp_read_uint(in, UINT64_MAX);
    view->used = ordo_mp_read_uint(in, UINT64_MAX);
    view->returned = ordo_mp_read_uint(in, UINT64_MAX);
    view->overdrawn = ordo_mp_read_uint(in, UINT64_MAX);
    view->valid_from_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->valid_until_us = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, COUPON_COUNT);
}

void ordo_body_head(struct ordo_mp_reader *in, struct ordo_head_view *view)
{
    uint32_t count = read_array_of(in, HEAD_COUNT);
    view->seq = ordo_mp_read_uint(in, UINT64_MAX);
    view->update_seq = ordo_mp_read_uint(in, UINT64_MAX);
    view->time_us = ordo_mp_read_uint(in, UINT64_MAX);
    struct ordo_bytes hash = ordo_mp_read_raw(in, sizeof(view->stream_hash));
    if (in->error == NULL && hash.size != sizeof(view->stream_hash)) {
        ordo_mp_fail(in, "expected 16 bytes of hash");
    }
    if (in->error == NULL) {
        memcpy(view->stream_hash, hash.data, sizeof(view->stream_hash));
    }
    view->orders = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, HEAD_COUNT);
}

uint32_t ordo_body_list(struct ordo_mp_reader *in, uint64_t *next)
{
    uint32_t count = read_array_of(in, LIST_COUNT);
    if (in->error == NULL && count != LIST_COUNT) {
        ordo_mp_fail(in, "expected next and orders");
    }
    *next = ordo_mp_read_uint(in, UINT64_MAX);
    return ordo_mp_read_array(in, UINT32_MAX);
}

uint32_t ordo_body_settings(struct ordo_mp_reader *in)
{
    return ordo_mp_read_array(in, ORDO_SETTINGS_MAX);
}

void ordo_body_setting(struct ordo_mp_reader *in, uint64_t *key, int64_t *value)
{
    uint32_t count = read_array_of(in, PAIR_COUNT);
    *key = ordo_mp_read_uint(in, UINT64_MAX);
    *value = ordo_mp_read_int(in);
    ordo_mp_skip_rest(in, count, PAIR_COUNT);
}

uint32_t ordo_body_cards(struct ordo_mp_reader *in)
{
    return ordo_mp_read_array(in, UINT32_MAX);
}

void ordo_body_card(struct ordo_mp_reader *in, uint64_t *number, struct ordo_bytes *sealed)
{
    uint32_t count = read_array_of(in, CARD_COUNT);
    *number = ordo_mp_read_uint(in, UINT64_MAX);
    *sealed = ordo_mp_read_raw(in, ORDO_SEALED_MAX);
    ordo_mp_skip_rest(in, count, CARD_COUNT);
}

void ordo_body_subscriber(struct ordo_mp_reader *in, struct ordo_subscriber_view *view)
{
    uint32_t count = read_array_of(in, SUBSCRIBER_COUNT);
    view->subscriber = ordo_mp_read_raw(in, ORDO_SUBSCRIBER_MAX);
    view->acked = ordo_mp_read_uint(in, UINT64_MAX);
    view->acked_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->created_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->parks = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, SUBSCRIBER_COUNT);
}

void ordo_body_park(struct ordo_mp_reader *in, struct ordo_park_view *view)
{
    uint32_t count = read_array_of(in, PARK_COUNT);
    view->order_shop = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->order_id = ordo_mp_read_raw(in, ORDO_ORDER_ID_MAX);
    view->first_update = ordo_mp_read_uint(in, UINT64_MAX);
    view->parked_us = ordo_mp_read_uint(in, UINT64_MAX);
    view->reason = ordo_mp_read_raw(in, ORDO_REASON_MAX);
    ordo_mp_skip_rest(in, count, PARK_COUNT);
}

uint32_t ordo_body_waited(struct ordo_mp_reader *in)
{
    return ordo_mp_read_array(in, ORDO_WAIT_ORDERS_MAX);
}

void ordo_body_waited_order(struct ordo_mp_reader *in, struct ordo_waited_view *view)
{
    uint32_t count = read_array_of(in, WAITED_COUNT);
    view->order_id = ordo_mp_read_raw(in, ORDO_ORDER_ID_MAX);
    view->state = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    view->version = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    view->seq = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, WAITED_COUNT);
}
