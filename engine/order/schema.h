/* schema.h - every command and query as one table of fields: the source of the codecs, the dumps
 * and the docs.
 *
 * A command has three forms with the same content: the struct below (decoded; texts point into the
 * bytes they came from), the canonical bytes (in the command ring and in the journal), and msgpack
 * on the wire (net/codec.h). All three are driven by ORDO_COMMANDS, so a new field or command is
 * one line here.
 *
 * Canonical bytes: kind u8; 16 bytes of command id unless a query (zeros for a subscriber-ack,
 * which has no identity); shop as LEB128; then the fields in the order of the list: U and N as
 * LEB128 / zigzag LEB128, T and B as LEB128 length and bytes, K as 16 bytes, L as LEB128 count and
 * that many B, P as LEB128 count and that many (LEB128 key, zigzag value). One value has one form.
 * Fields after STAMPS are not part of a command's content: they never influence an outcome or its
 * identity.
 */
#ifndef ORDO_ORDER_SCHEMA_H
#define ORDO_ORDER_SCHEMA_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_ID_SIZE          16    /* command ids, buyers and second keys */
#define ORDO_ORDER_ID_MAX     32    /* bytes of the shop's own order number */
#define ORDO_TRADE_NO_MAX     64    /* bytes of the gateway's number */
#define ORDO_MERCHANT_MAX     32    /* bytes of a merchant account at a gateway */
#define ORDO_COUPON_MAX       32    /* bytes */
#define ORDO_OPERATOR_MAX     32    /* bytes */
#define ORDO_SUBSCRIBER_MAX   32    /* bytes of a subscriber's name */
#define ORDO_REASON_MAX       64    /* bytes of free text */
#define ORDO_TRACE_MAX        64    /* bytes: a W3C traceparent has 55 */
#define ORDO_QUANTITY_MAX     64    /* units of one order: an outcome names at most 64 cards */
#define ORDO_IMPORT_MAX       256   /* cards of one import */
#define ORDO_SEALED_MAX       1024  /* bytes of one sealed card */
#define ORDO_SETTINGS_MAX     64    /* settings of one command */
#define ORDO_VOID_MAX         256   /* card numbers that one card-void spans */
#define ORDO_CHAIN_MAX        8     /* members of one chain */
#define ORDO_MEMBER_MAX       512   /* bytes of one of them */
#define ORDO_WAIT_ORDERS_MAX  1024  /* orders of one wait */
#define ORDO_WAIT_MS_MAX      60000 /* ms that one may last */
#define ORDO_COMMAND_SIZE_MAX 65535 /* canonical bytes of one command */
#define ORDO_QUERY_FIRST      0x80  /* kinds from here on are queries: not journaled, no id */
#define ORDO_AMOUNT_MAX                                                                            \
    1000000000000000ll /* minor units of one amount; sums of them are bounded on their own */

/* U(name, max)      unsigned, 0..max
 * N(name)           signed amount in minor units, -ORDO_AMOUNT_MAX..ORDO_AMOUNT_MAX
 * T(name, size_max) text of [A-Za-z0-9_.:-]    B(name, size_max) opaque bytes
 * K(name)           16 opaque bytes            L(name, count_max, size_max) list of opaque bytes
 * P(name, count_max) list of (key, value)      STAMPS ends the content */
#define ORDO_SETTINGS_FIELDS(U, N, T, B, K, L, P, STAMPS)                                          \
    P(pairs, ORDO_SETTINGS_MAX) STAMPS T(operator_name, ORDO_OPERATOR_MAX)

#define ORDO_PRODUCT_PUT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                       \
    U(product, UINT32_MAX)                                                                         \
    N(price)                    /* minor units a unit */                                           \
    U(currency, 9999)           /* ISO 4217 number; 1000..9999 for what ISO does not name */       \
    U(stock_mode, 4)            /* enum ordo_stock_mode */                                         \
    U(hold_ttl_s, 604800)       /* seconds an unpaid hold lives; 0 = the setting hold_ttl_s */     \
    U(counted, UINT32_MAX)      /* units to add to a counted product */                            \
    U(purchase_cap, UINT32_MAX) /* units a buyer may hold and have paid; 0 = none */               \
    U(sale_from_us, UINT64_MAX)                                                                    \
    U(sale_until_us, UINT64_MAX) /* 0 = open end */                                                \
    U(options, UINT32_MAX)       /* bits, see enum ordo_product_option */                          \
    U(held_share, 10000)         /* of 10000 of what is for sale may be held unpaid; 0 = all */    \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

#define ORDO_CARD_IMPORT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                       \
    U(product, UINT32_MAX)                                                                         \
    L(cards,                                                                                       \
      ORDO_IMPORT_MAX,                                                                             \
      ORDO_SEALED_MAX) /* each: keyed tag (16 bytes), then the sealed bytes */                     \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

#define ORDO_CREATE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    K(buyer)                                                                                       \
    U(product, UINT32_MAX)                                                                         \
    U(quantity, UINT32_MAX)                                                                        \
    N(amount) /* what the buyer is to pay for all units */                                         \
    U(currency, 9999)                                                                              \
    U(hold_ttl_s, 604800) /* 0 = the product's */                                                  \
    T(coupon, ORDO_COUPON_MAX)                                                                     \
    B(second_key, ORDO_ID_SIZE) /* IP or device for quotas: empty or 16 bytes */                   \
    U(card, UINT64_MAX)         /* preselected card, 0 = none */                                   \
    U(wait_s, 604800)           /* seconds to wait for a unit when none is free; 0 = refuse */     \
    STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_ATTEMPT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                           \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(channel, 255)                                                                                \
    T(merchant, ORDO_MERCHANT_MAX)                                                                 \
    N(amount) /* payable through this channel */                                                   \
    U(currency, 9999)                                                                              \
    STAMPS T(trace, ORDO_TRACE_MAX)

/* A verified payment fact. Its id is made by ingress: the 128-bit hash of its content (schema.c).
 */
#define ORDO_FACT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    U(fact, 5) /* enum ordo_fact_kind */                                                           \
    U(channel, 255)                                                                                \
    T(merchant, ORDO_MERCHANT_MAX)                                                                 \
    T(order_id, ORDO_ORDER_ID_MAX) /* out_trade_no */                                              \
    T(trade_no, ORDO_TRADE_NO_MAX)                                                                 \
    N(amount)                                                                                      \
    U(currency, 9999)                                                                              \
    N(refund_total) /* cumulative, at the gateway */                                               \
    U(gateway_time_us, UINT64_MAX)                                                                 \
    U(verified_by, 3) /* enum ordo_verified_by */                                                  \
    STAMPS U(received_us, UINT64_MAX) T(notify_id, ORDO_TRADE_NO_MAX) T(trace, ORDO_TRACE_MAX)

#define ORDO_CANCEL_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX) B(reason, ORDO_REASON_MAX) T(trace, ORDO_TRACE_MAX)

#define ORDO_DELIVERY_ACK_FIELDS(U, N, T, B, K, L, P, STAMPS)                                      \
    T(order_id, ORDO_ORDER_ID_MAX) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_EXTEND_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(hold_ttl_s, 604800) /* from now on */                                                        \
    STAMPS T(trace, ORDO_TRACE_MAX)

/* Cancels an unpaid order like `cancel`; one that is not known yet is cancelled in advance. */
#define ORDO_RELEASE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                           \
    T(order_id, ORDO_ORDER_ID_MAX) STAMPS T(trace, ORDO_TRACE_MAX)

/* The operator's verbs: name and reason are content, and must be there. */
#define ORDO_BY_OPERATOR(T, B) T(operator_name, ORDO_OPERATOR_MAX) B(reason, ORDO_REASON_MAX)

#define ORDO_ISSUE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                             \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(partial, 1) /* 1 = fewer units than ordered will do */                                       \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_MARK_PAID_FIELDS(U, N, T, B, K, L, P, STAMPS)                                         \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(channel, 255) /* where the money is said to be */                                            \
    N(amount)                                                                                      \
    U(currency, 9999)                                                                              \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_ACCEPT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_REFUND_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    N(amount)  /* 0 = all that there is */                                                         \
    U(done, 1) /* 0 = becomes due, 1 = was given back outside of any gateway */                    \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_FREEZE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_UNFREEZE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                          \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_NOTE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(reviewed, 1) /* 1 = takes the flag REVIEW away */                                            \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_REPLACE_FIELDS(U, N, T, B, K, L, P, STAMPS)                                           \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(card, UINT64_MAX) /* one of the order's */                                                   \
    ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_RECALL_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    U(card, UINT64_MAX) ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_CARD_VOID_FIELDS(U, N, T, B, K, L, P, STAMPS)                                         \
    U(product, UINT32_MAX)                                                                         \
    U(first, UINT64_MAX) /* card numbers, at most ORDO_VOID_MAX from the first to the last */      \
    U(last, UINT64_MAX) ORDO_BY_OPERATOR(T, B) STAMPS T(trace, ORDO_TRACE_MAX)

#define ORDO_COUPON_PUT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                        \
    T(coupon, ORDO_COUPON_MAX)                                                                     \
    U(product, UINT32_MAX)   /* 0 = every product of the shop */                                   \
    N(discount)              /* minor units off the order */                                       \
    U(discount_share, 10000) /* of 10000 off the order, rounded down */                            \
    U(uses_max, UINT32_MAX)                                                                        \
    U(valid_from_us, UINT64_MAX)                                                                   \
    U(valid_until_us, UINT64_MAX) /* 0 = open end */                                               \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

#define ORDO_CHANNEL_PUT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                       \
    U(channel, 255)                                                                                \
    N(short_tolerance)     /* a payment that is short by at most this is exact */                  \
    N(over_tolerance)      /* a payment that is over by at most this is exact */                   \
    N(attempt_spread)      /* an attempt may ask for at most this more than the order's amount */  \
    U(options, UINT32_MAX) /* bits, see enum ordo_channel_option */                                \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

/* All or nothing. A member: kind u8, then the kind's fields in canonical form; creates only. */
#define ORDO_CHAIN_FIELDS(U, N, T, B, K, L, P, STAMPS)                                             \
    L(members, ORDO_CHAIN_MAX, ORDO_MEMBER_MAX) STAMPS T(trace, ORDO_TRACE_MAX)

/* Cursors of those who read the status stream, and the orders that they have set aside. */
#define ORDO_SUBSCRIBER_PUT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                    \
    T(subscriber, ORDO_SUBSCRIBER_MAX)                                                             \
    U(acked, UINT64_MAX) /* an update_seq; UINT64_MAX = the newest there is */                     \
    U(reset, 1)          /* 1 = also of one that exists */                                         \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

/* No id: it may be repeated always, and only ever goes forward. */
#define ORDO_SUBSCRIBER_ACK_FIELDS(U, N, T, B, K, L, P, STAMPS)                                    \
    T(subscriber, ORDO_SUBSCRIBER_MAX) U(acked, UINT64_MAX) STAMPS

#define ORDO_PARK_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    T(subscriber, ORDO_SUBSCRIBER_MAX)                                                             \
    U(order_shop, UINT32_MAX)                                                                      \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    U(first_update, UINT64_MAX) /* the first that could not be worked off */                       \
    STAMPS B(reason, ORDO_REASON_MAX)

#define ORDO_UNPARK_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    T(subscriber, ORDO_SUBSCRIBER_MAX)                                                             \
    U(order_shop, UINT32_MAX)                                                                      \
    T(order_id, ORDO_ORDER_ID_MAX)                                                                 \
    STAMPS T(operator_name, ORDO_OPERATOR_MAX)

#define ORDO_SUBSCRIBER_DROP_FIELDS(U, N, T, B, K, L, P, STAMPS)                                   \
    T(subscriber, ORDO_SUBSCRIBER_MAX) ORDO_BY_OPERATOR(T, B) STAMPS

/* Internal commands: only ingress makes them; from a client they are refused. */
#define ORDO_TICK_FIELDS(U, N, T, B, K, L, P, STAMPS) U(now_us, UINT64_MAX) STAMPS
#define ORDO_RESUME_FIELDS(U, N, T, B, K, L, P, STAMPS)                                            \
    U(now_us, UINT64_MAX)                                                                          \
    U(downtime_us, UINT64_MAX) STAMPS
/* Goes on with what an earlier command had no room for: units that wait for their next owner. */
#define ORDO_CONTINUE_FIELDS(U, N, T, B, K, L, P, STAMPS) STAMPS

/* Queries */
#define ORDO_GET_FIELDS(U, N, T, B, K, L, P, STAMPS)   T(order_id, ORDO_ORDER_ID_MAX) STAMPS
#define ORDO_CARDS_FIELDS(U, N, T, B, K, L, P, STAMPS) T(order_id, ORDO_ORDER_ID_MAX) STAMPS
#define ORDO_LIST_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    U(state, 255)        /* enum ordo_order_state; 0 = every state */                              \
    U(after, UINT64_MAX) /* page on: `next` of the page before; 0 = from the start */              \
    U(limit, 256)                                                                                  \
    U(until_us, UINT64_MAX) /* not 0: only orders whose last change is not after it */             \
    STAMPS
#define ORDO_STOCK_FIELDS(U, N, T, B, K, L, P, STAMPS) U(product, UINT32_MAX) STAMPS
#define ORDO_HEAD_FIELDS(U, N, T, B, K, L, P, STAMPS)  STAMPS
/* The order of a payment by the gateway's number. */
#define ORDO_FIND_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    T(trade_no, ORDO_TRADE_NO_MAX)                                                                 \
    U(channel, 255)                /* 0 = any */                                                   \
    T(merchant, ORDO_MERCHANT_MAX) /* empty = any */                                               \
    STAMPS
#define ORDO_COUPON_FIELDS(U, N, T, B, K, L, P, STAMPS)       T(coupon, ORDO_COUPON_MAX) STAMPS
#define ORDO_SETTINGS_GET_FIELDS(U, N, T, B, K, L, P, STAMPS) STAMPS
#define ORDO_SUBSCRIBER_FIELDS(U, N, T, B, K, L, P, STAMPS)                                        \
    T(subscriber, ORDO_SUBSCRIBER_MAX) STAMPS
#define ORDO_SUBSCRIBERS_FIELDS(U, N, T, B, K, L, P, STAMPS)                                       \
    U(after, UINT64_MAX) U(limit, 256) STAMPS
#define ORDO_PARKS_FIELDS(U, N, T, B, K, L, P, STAMPS)                                             \
    T(subscriber, ORDO_SUBSCRIBER_MAX) U(after, UINT64_MAX) U(limit, 256) STAMPS
/* Answered by net when it is so; apply says how the orders stand. */
#define ORDO_WAIT_FIELDS(U, N, T, B, K, L, P, STAMPS)                                              \
    U(timeout_ms, ORDO_WAIT_MS_MAX)                                                                \
    U(until_seq, UINT64_MAX) /* until this is durable; 0 = none */                                 \
    L(orders, ORDO_WAIT_ORDERS_MAX, ORDO_ORDER_ID_MAX)                                             \
    U(states, 4095)      /* a sum of 1 << enum ordo_order_state; 0 = any */                        \
    U(since, UINT64_MAX) /* and touched after this seq; 0 = whenever */                            \
    U(all, 1)            /* 1 = all of the orders, 0 = one of them */                              \
    STAMPS

/* X(NAME, name, kind on wire and disk, name for people). Numbers are for ever; 24 is kept for the
 * tasks of sagas. */
#define ORDO_COMMANDS(X)                                                                           \
    X(SETTINGS, settings, 1, "settings")                                                           \
    X(PRODUCT_PUT, product_put, 2, "product-put")                                                  \
    X(CARD_IMPORT, card_import, 3, "card-import")                                                  \
    X(CREATE, create, 4, "create")                                                                 \
    X(ATTEMPT, attempt, 5, "attempt")                                                              \
    X(FACT, fact, 6, "fact")                                                                       \
    X(CANCEL, cancel, 7, "cancel")                                                                 \
    X(DELIVERY_ACK, delivery_ack, 8, "delivery-ack")                                               \
    X(TICK, tick, 9, "tick")                                                                       \
    X(RESUME, resume, 10, "resume")                                                                \
    X(CONTINUE, continue_, 11, "continue")                                                         \
    X(EXTEND, extend, 12, "extend")                                                                \
    X(RELEASE, release, 13, "release")                                                             \
    X(ISSUE, issue, 14, "issue")                                                                   \
    X(MARK_PAID, mark_paid, 15, "mark-paid")                                                       \
    X(ACCEPT, accept, 16, "accept")                                                                \
    X(REFUND, refund, 17, "refund")                                                                \
    X(FREEZE, freeze, 18, "freeze")                                                                \
    X(UNFREEZE, unfreeze, 19, "unfreeze")                                                          \
    X(NOTE, note, 20, "note")                                                                      \
    X(REPLACE, replace, 21, "replace")                                                             \
    X(RECALL, recall, 22, "recall")                                                                \
    X(CARD_VOID, card_void, 23, "card-void")                                                       \
    X(COUPON_PUT, coupon_put, 25, "coupon-put")                                                    \
    X(CHANNEL_PUT, channel_put, 26, "channel-put")                                                 \
    X(CHAIN, chain, 27, "chain")                                                                   \
    X(SUBSCRIBER_PUT, subscriber_put, 28, "subscriber-put")                                        \
    X(SUBSCRIBER_ACK, subscriber_ack, 29, "subscriber-ack")                                        \
    X(PARK, park, 30, "park")                                                                      \
    X(UNPARK, unpark, 31, "unpark")                                                                \
    X(SUBSCRIBER_DROP, subscriber_drop, 32, "subscriber-drop")                                     \
    X(GET, get, 0x80, "get")                                                                       \
    X(CARDS, cards, 0x81, "cards")                                                                 \
    X(LIST, list, 0x82, "list")                                                                    \
    X(STOCK, stock, 0x83, "stock")                                                                 \
    X(HEAD, head, 0x84, "head")                                                                    \
    X(FIND, find, 0x85, "find")                                                                    \
    X(COUPON, coupon, 0x86, "coupon")                                                              \
    X(SETTINGS_GET, settings_get, 0x87, "settings-get")                                            \
    X(SUBSCRIBER, subscriber, 0x88, "subscriber")                                                  \
    X(SUBSCRIBERS, subscribers, 0x89, "subscribers")                                               \
    X(PARKS, parks, 0x8a, "parks")                                                                 \
    X(WAIT, wait, 0x8b, "wait")

enum ordo_command_kind {
#define ORDO_KIND(NAME, name, number, text) ORDO_KIND_##NAME = number,
    ORDO_COMMANDS(ORDO_KIND)
#undef ORDO_KIND
};

enum ordo_stock_mode {
    ORDO_STOCK_CARDS = 0,     /* one-time cards, first in first out */
    ORDO_STOCK_LOOP = 1,      /* the same cards again and again */
    ORDO_STOCK_PRESELECT = 2, /* the buyer names the card */
    ORDO_STOCK_COUNTED = 3,   /* a number, no cards */
    ORDO_STOCK_UNLIMITED = 4,
};

enum ordo_product_option {
    ORDO_PRODUCT_MANUAL = 1,         /* a person issues: pay ends in PAID */
    ORDO_PRODUCT_HOLD_AT_PAY = 2,    /* units are taken by the payment, not by create */
    ORDO_PRODUCT_LATE_BACKORDER = 4, /* a late payment without a free unit waits for one */
    ORDO_PRODUCT_LATE_REFUND = 8,    /* a late payment is never honoured */
    ORDO_PRODUCT_CLOSED = 16,        /* no new orders; those there are go on */
    ORDO_PRODUCT_DUPLICATES = 32,    /* an import may bring a card that is known */
};

enum ordo_channel_option {
    ORDO_CHANNEL_CONFIRM_BY_QUERY = 1, /* only a query's answer counts as a payment */
};

enum ordo_fact_kind {
    ORDO_FACT_NONE = 0, /* refused */
    ORDO_FACT_PAY = 1,
    ORDO_FACT_FAIL = 2,
    ORDO_FACT_CLOSE = 3,
    ORDO_FACT_REFUND = 4,
    ORDO_FACT_CHARGEBACK = 5,
};

enum ordo_verified_by {
    ORDO_VERIFIED_NONE,
    ORDO_VERIFIED_SIGNATURE,
    ORDO_VERIFIED_QUERY,
    ORDO_VERIFIED_MANUAL
};

/* ---- the decoded form ---- */

struct ordo_elements {     /* L and P: the elements' canonical bytes, checked */
    struct ordo_bytes raw; /* without the count */
    uint32_t count;
};

#define ORDO_M_U(name, max)                 uint64_t name;
#define ORDO_M_N(name)                      int64_t name;
#define ORDO_M_T(name, size_max)            struct ordo_bytes name;
#define ORDO_M_B(name, size_max)            struct ordo_bytes name;
#define ORDO_M_K(name)                      struct ordo_bytes name;
#define ORDO_M_L(name, count_max, size_max) struct ordo_elements name;
#define ORDO_M_P(name, count_max)           struct ordo_elements name;
#define ORDO_MEMBERS(FIELDS)                                                                       \
    FIELDS(ORDO_M_U, ORDO_M_N, ORDO_M_T, ORDO_M_B, ORDO_M_K, ORDO_M_L, ORDO_M_P, )

#define ORDO_STRUCT(NAME, name, number, text)                                                      \
    struct ordo_##name {                                                                           \
        ORDO_MEMBERS(ORDO_##NAME##_FIELDS)                                                         \
        uint8_t end_of_fields_;                                                                    \
    };
ORDO_COMMANDS(ORDO_STRUCT)
#undef ORDO_STRUCT

struct ordo_command {
    uint8_t kind;             /* enum ordo_command_kind */
    uint8_t id[ORDO_ID_SIZE]; /* zero for queries */
    uint32_t shop;
    uint32_t content_size; /* canonical bytes before the stamps; set by encode and decode */
    union {
#define ORDO_MEMBER(NAME, name, number, text) struct ordo_##name name;
        ORDO_COMMANDS(ORDO_MEMBER)
#undef ORDO_MEMBER
    };
};

/* ---- the table ---- */

enum ordo_field_type {
    ORDO_FIELD_U,
    ORDO_FIELD_N,
    ORDO_FIELD_T,
    ORDO_FIELD_B,
    ORDO_FIELD_K,
    ORDO_FIELD_L,
    ORDO_FIELD_P,
};

struct ordo_field {
    const char *name;
    enum ordo_field_type type;
    uint32_t offset;    /* in the kind's own struct, a member of the union of ordo_command */
    uint64_t max;       /* U: value, T and B: bytes, L: bytes of an element */
    uint32_t count_max; /* L and P */
};

struct ordo_command_schema {
    uint8_t kind;
    const char *name;
    const struct ordo_field *fields;
    uint32_t field_count;
    uint32_t content_field_count; /* the fields from here on are stamps */
};

/* The schema of a kind, NULL for an unknown one. Any thread, pure. */
const struct ordo_command_schema *ordo_schema_of(uint8_t kind);

/* The schemas in the order of ORDO_COMMANDS; NULL past the last. */
const struct ordo_command_schema *ordo_schema_at(uint32_t index);

static inline bool ordo_kind_is_query(uint8_t kind)
{
    return kind >= ORDO_QUERY_FIRST;
}

/* Made by ingress alone; a client that sends one is refused. */
static inline bool ordo_kind_is_internal(uint8_t kind)
{
    return kind >= ORDO_KIND_TICK && kind <= ORDO_KIND_CONTINUE;
}

/* Carries an id of its client's making; without one a fact is known by its content, and a
 * subscriber-ack is remembered by nobody. */
static inline bool ordo_kind_has_client_id(uint8_t kind)
{
    return !ordo_kind_is_query(kind) && kind != ORDO_KIND_FACT && kind != ORDO_KIND_SUBSCRIBER_ACK;
}

/* Writes the canonical bytes and sets command->content_size. The caller has checked the values
 * against the schema (ordo_command_check); a writer without room fails. Any thread, pure. */
void ordo_command_encode(struct ordo_command *command, struct ordo_writer *out);

/* Reads canonical bytes; texts point into them. False when they are not one whole command in
 * canonical form within the limits. Any thread, pure. */
bool ordo_command_decode(struct ordo_bytes bytes, struct ordo_command *command) ORDO_MUST_USE;

/* A member of a chain: a create alone has this form. Encode fails the writer for another kind or
 * when it is longer than ORDO_MEMBER_MAX; decode leaves id and shop zero and is false for whatever
 * encode does not write. Any thread, pure. */
void ordo_member_encode(const struct ordo_command *member, struct ordo_writer *out);
bool ordo_member_decode(struct ordo_bytes bytes, struct ordo_command *member) ORDO_MUST_USE;

/* The order a command is about, empty when it is about none (settings, products, tick, queries
 * without one). */
struct ordo_bytes ordo_command_order_id(const struct ordo_command *command);

/* Hash of the content (canonical bytes between the id and the stamps), of the kind and of the shop.
 * For a fact it is the command's id. Any thread, pure. */
void ordo_command_content_hash(
    struct ordo_bytes canonical, uint32_t content_size, uint8_t hash[ORDO_ID_SIZE]);

/* True for 1..size_max bytes of [A-Za-z0-9_.:-]. */
bool ordo_text_is_valid(struct ordo_bytes text);

#endif
