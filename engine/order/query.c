#include "order/query.h"

#include "base/assert.h"

static uint64_t read_max(struct ordo_reader *in, uint64_t max)
{
    uint64_t value = ordo_read_varint(in);
    if (value > max) {
        ordo_reader_fail(in);
        return 0;
    }
    return value;
}

void ordo_order_view_encode(const struct ordo_order_view *view, struct ordo_writer *out)
{
    ORDO_ASSERT(view->card_count <= ORDO_CARDS_MAX);
    ordo_write_bytes(out, view->order_id);
    ordo_write_bytes(out, view->buyer);
    ordo_write_varint(out, view->product);
    ordo_write_varint(out, view->quantity);
    ordo_write_zigzag(out, view->amount);
    ordo_write_varint(out, view->currency);
    ordo_write_u8(out, view->state);
    ordo_write_varint(out, view->flags);
    ordo_write_varint(out, view->version);
    ordo_write_varint(out, view->created_us);
    ordo_write_varint(out, view->changed_us);
    ordo_write_varint(out, view->deadline_us);
    ordo_write_zigzag(out, view->paid);
    ordo_write_zigzag(out, view->refund_due);
    ordo_write_zigzag(out, view->refunded);
    ordo_write_zigzag(out, view->review);
    ordo_write_varint(out, view->last_seq);
    ordo_write_varint(out, view->card_count);
    for (uint32_t i = 0; i < view->card_count; i++) {
        ordo_write_varint(out, view->cards[i]);
    }
}

void ordo_order_view_decode(struct ordo_reader *in, struct ordo_order_view *view)
{
    view->order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
    view->buyer = ordo_read_bytes(in, ORDO_ID_SIZE);
    view->product = ordo_read_varint(in);
    view->quantity = (uint32_t)read_max(in, UINT32_MAX);
    view->amount = ordo_read_zigzag(in);
    view->currency = (uint32_t)read_max(in, UINT32_MAX);
    view->state = ordo_read_u8(in);
    view->flags = (uint32_t)read_max(in, UINT32_MAX);
    view->version = (uint32_t)read_max(in, UINT32_MAX);
    view->created_us = ordo_read_varint(in);
    view->changed_us = ordo_read_varint(in);
    view->deadline_us = ordo_read_varint(in);
    view->paid = ordo_read_zigzag(in);
    view->refund_due = ordo_read_zigzag(in);
    view->refunded = ordo_read_zigzag(in);
    view->review = ordo_read_zigzag(in);
    view->last_seq = ordo_read_varint(in);
    view->card_count = (uint32_t)read_max(in, ORDO_CARDS_MAX);
    for (uint32_t i = 0; i < view->card_count; i++) {
        view->cards[i] = ordo_read_varint(in);
    }
    if (view->buyer.size != ORDO_ID_SIZE || view->state >= ORDO_STATE_COUNT) {
        ordo_reader_fail(in);
    }
}

void ordo_stock_view_encode(const struct ordo_stock_view *view, struct ordo_writer *out)
{
    ordo_write_varint(out, view->product);
    ordo_write_zigzag(out, view->price);
    ordo_write_varint(out, view->currency);
    ordo_write_u8(out, view->stock_mode);
    ordo_write_varint(out, view->imported);
    ordo_write_varint(out, view->available);
    ordo_write_varint(out, view->held);
    ordo_write_varint(out, view->bound);
    ordo_write_varint(out, view->revealed);
    ordo_write_varint(out, view->voided);
    ordo_write_varint(out, view->backorders);
    ordo_write_varint(out, view->waiting);
}

void ordo_stock_view_decode(struct ordo_reader *in, struct ordo_stock_view *view)
{
    view->product = ordo_read_varint(in);
    view->price = ordo_read_zigzag(in);
    view->currency = (uint32_t)read_max(in, UINT32_MAX);
    view->stock_mode = ordo_read_u8(in);
    view->imported = ordo_read_varint(in);
    view->available = ordo_read_varint(in);
    view->held = ordo_read_varint(in);
    view->bound = ordo_read_varint(in);
    view->revealed = ordo_read_varint(in);
    view->voided = ordo_read_varint(in);
    view->backorders = ordo_read_varint(in);
    view->waiting = ordo_read_varint(in);
}

void ordo_coupon_view_encode(const struct ordo_coupon_view *view, struct ordo_writer *out)
{
    ordo_write_bytes(out, view->coupon);
    ordo_write_varint(out, view->product);
    ordo_write_zigzag(out, view->discount);
    ordo_write_varint(out, view->discount_share);
    ordo_write_varint(out, view->uses_max);
    ordo_write_varint(out, view->used);
    ordo_write_varint(out, view->returned);
    ordo_write_varint(out, view->overdrawn);
    ordo_write_varint(out, view->valid_from_us);
    ordo_write_varint(out, view->valid_until_us);
}

void ordo_coupon_view_decode(struct ordo_reader *in, struct ordo_coupon_view *view)
{
    view->coupon = ordo_read_bytes(in, ORDO_COUPON_MAX);
    view->product = ordo_read_varint(in);
    view->discount = ordo_read_zigzag(in);
    view->discount_share = (uint32_t)read_max(in, UINT32_MAX);
    view->uses_max = ordo_read_varint(in);
    view->used = ordo_read_varint(in);
    view->returned = ordo_read_varint(in);
    view->overdrawn = ordo_read_varint(in);
    view->valid_from_us = ordo_read_varint(in);
    view->valid_until_us = ordo_read_varint(in);
}

void ordo_head_view_encode(const struct ordo_head_view *view, struct ordo_writer *out)
{
    ordo_write_varint(out, view->seq);
    ordo_write_varint(out, view->update_seq);
    ordo_write_varint(out, view->time_us);
    ordo_write_raw(out, view->stream_hash, sizeof(view->stream_hash));
    ordo_write_varint(out, view->orders);
}

void ordo_head_view_decode(struct ordo_reader *in, struct ordo_head_view *view)
{
    view->seq = ordo_read_varint(in);
    view->update_seq = ordo_read_varint(in);
    view->time_us = ordo_read_varint(in);
    const uint8_t *hash = ordo_read_raw(in, sizeof(view->stream_hash));
    memset(view->stream_hash, 0, sizeof(view->stream_hash));
    if (hash != NULL) {
        memcpy(view->stream_hash, hash, sizeof(view->stream_hash));
    }
    view->orders = ordo_read_varint(in);
}

void ordo_subscriber_view_encode(const struct ordo_subscriber_view *view, struct ordo_writer *out)
{
    ordo_write_bytes(out, view->subscriber);
    ordo_write_varint(out, view->acked);
    ordo_write_varint(out, view->acked_us);
    ordo_write_varint(out, view->created_us);
    ordo_write_varint(out, view->parks);
}

void ordo_subscriber_view_decode(struct ordo_reader *in, struct ordo_subscriber_view *view)
{
    view->subscriber = ordo_read_bytes(in, ORDO_SUBSCRIBER_MAX);
    view->acked = ordo_read_varint(in);
    view->acked_us = ordo_read_varint(in);
    view->created_us = ordo_read_varint(in);
    view->parks = ordo_read_varint(in);
}

void ordo_park_view_encode(const struct ordo_park_view *view, struct ordo_writer *out)
{
    ordo_write_varint(out, view->order_shop);
    ordo_write_bytes(out, view->order_id);
    ordo_write_varint(out, view->first_update);
    ordo_write_varint(out, view->parked_us);
    ordo_write_bytes(out, view->reason);
}

void ordo_park_view_decode(struct ordo_reader *in, struct ordo_park_view *view)
{
    view->order_shop = (uint32_t)read_max(in, UINT32_MAX);
    view->order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
    view->first_update = ordo_read_varint(in);
    view->parked_us = ordo_read_varint(in);
    view->reason = ordo_read_bytes(in, ORDO_REASON_MAX);
}

void ordo_waited_view_encode(const struct ordo_waited_view *view, struct ordo_writer *out)
{
    ordo_write_bytes(out, view->order_id);
    ordo_write_u8(out, view->state);
    ordo_write_varint(out, view->version);
    ordo_write_varint(out, view->seq);
}

void ordo_waited_view_decode(struct ordo_reader *in, struct ordo_waited_view *view)
{
    view->order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
    view->state = ordo_read_u8(in);
    view->version = (uint32_t)read_max(in, UINT32_MAX);
    view->seq = ordo_read_varint(in);
    if (view->state >= ORDO_STATE_COUNT) {
        ordo_reader_fail(in);
    }
}
