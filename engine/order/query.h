/* query.h - the bodies of query outcomes: what follows the result in a query's outcome bytes.
 *
 * Canonical like every outcome: LEB128 integers, zigzag amounts, length-prefixed texts. Encoded by
 * apply, decoded by net for the wire and by tools for people.
 *   GET    one ordo_order_view
 *   CARDS  count, then (card number, sealed bytes without the tag) each; count 0 until the order
 *          is ISSUING or COMPLETED
 *   LIST   count, next (0 = no more), then that many ordo_order_view. A page may be shorter than
 *          its limit when 64 KiB are full
 *   STOCK  ordo_stock_view
 *   HEAD   ordo_head_view
 *   FIND   ordo_order_view; of several payments with this number the one that came first. Also of
 *          an order in state NONE that only payments have named
 *   COUPON ordo_coupon_view
 *   SETTINGS_GET count, then (key, zigzag value) of every setting in force
 *   SUBSCRIBER ordo_subscriber_view
 *   SUBSCRIBERS count, next (0 = no more), then that many ordo_subscriber_view
 *   PARKS  count, next, then that many ordo_park_view
 *   WAIT   count, then for each order that was asked for an ordo_waited_view
 * The body follows only the code OK.
 */
#ifndef ORDO_ORDER_QUERY_H
#define ORDO_ORDER_QUERY_H

#include "base/bytes.h"
#include "order/outcome.h"

struct ordo_order_view {
    struct ordo_bytes order_id;
    struct ordo_bytes buyer; /* 16 bytes */
    uint64_t product;
    uint32_t quantity;
    int64_t amount;
    uint32_t currency;
    uint8_t state;
    uint32_t flags;
    uint32_t version;
    uint64_t created_us;
    uint64_t changed_us;  /* time of the last transition */
    uint64_t deadline_us; /* when the engine does something about it by itself; 0 = never */
    int64_t paid;         /* applied to this order */
    int64_t refund_due;
    int64_t refunded;
    int64_t review;      /* waits for a person */
    uint64_t last_seq;   /* its newest command: the start of its history */
    uint32_t card_count; /* numbers follow in the bytes */
    uint64_t cards[ORDO_CARDS_MAX];
};

struct ordo_stock_view {
    uint64_t product;
    int64_t price;
    uint32_t currency;
    uint8_t stock_mode;
    uint64_t imported;
    uint64_t available; /* what a create may take now; UINT64_MAX = unlimited */
    uint64_t held;
    uint64_t bound;
    uint64_t revealed;
    uint64_t voided;
    uint64_t backorders; /* paid orders that wait for stock */
    uint64_t waiting;    /* orders that wait for a unit to hold */
};

struct ordo_coupon_view {
    struct ordo_bytes coupon;
    uint64_t product; /* 0 = every product of the shop */
    int64_t discount;
    uint32_t discount_share;
    uint64_t uses_max;
    uint64_t used;
    uint64_t returned;
    uint64_t overdrawn;
    uint64_t valid_from_us;
    uint64_t valid_until_us;
};

struct ordo_head_view {
    uint64_t seq;
    uint64_t update_seq;
    uint64_t time_us;
    uint8_t stream_hash[16]; /* low then high, little-endian */
    uint64_t orders;
};

struct ordo_subscriber_view {
    struct ordo_bytes subscriber;
    uint64_t acked;    /* update_seq: everything up to it was worked off */
    uint64_t acked_us; /* when that was last said */
    uint64_t created_us;
    uint64_t parks; /* orders set aside */
};

struct ordo_park_view {
    uint32_t order_shop;
    struct ordo_bytes order_id;
    uint64_t first_update; /* update_seq */
    uint64_t parked_us;
    struct ordo_bytes reason;
};

/* How an order stands that somebody waits for; all zero but its number when nobody named it. */
struct ordo_waited_view {
    struct ordo_bytes order_id;
    uint8_t state;
    uint32_t version;
    uint64_t seq; /* its newest command */
};

void ordo_order_view_encode(const struct ordo_order_view *view, struct ordo_writer *out);
void ordo_order_view_decode(struct ordo_reader *in, struct ordo_order_view *view);
void ordo_stock_view_encode(const struct ordo_stock_view *view, struct ordo_writer *out);
void ordo_stock_view_decode(struct ordo_reader *in, struct ordo_stock_view *view);
void ordo_coupon_view_encode(const struct ordo_coupon_view *view, struct ordo_writer *out);
void ordo_coupon_view_decode(struct ordo_reader *in, struct ordo_coupon_view *view);
void ordo_head_view_encode(const struct ordo_head_view *view, struct ordo_writer *out);
void ordo_head_view_decode(struct ordo_reader *in, struct ordo_head_view *view);
void ordo_subscriber_view_encode(const struct ordo_subscriber_view *view, struct ordo_writer *out);
void ordo_subscriber_view_decode(struct ordo_reader *in, struct ordo_subscriber_view *view);
void ordo_park_view_encode(const struct ordo_park_view *view, struct ordo_writer *out);
void ordo_park_view_decode(struct ordo_reader *in, struct ordo_park_view *view);
void ordo_waited_view_encode(const struct ordo_waited_view *view, struct ordo_writer *out);
void ordo_waited_view_decode(struct ordo_reader *in, struct ordo_waited_view *view);

/* Writes the result in front of a query's outcome. seq is the slot's. */
void ordo_result_encode(const struct ordo_result *result, uint64_t seq, struct ordo_writer *out);

/* Reads the result in front of every outcome; the reader then stands at the body. seq is the
 * slot's. */
bool ordo_result_decode(struct ordo_reader *in, uint64_t seq, struct ordo_result *result)
    ORDO_MUST_USE;

#endif
