/* command.h - libordo: what a program asks of a node, and how each command ends. Included by
 * ordo.h; see there for the rules that hold everywhere.
 */
#ifndef ORDO_LIB_COMMAND_H
#define ORDO_LIB_COMMAND_H

#include "words.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- commands ---- */

enum ordo_cmd_kind {
    ORDO_CMD_PRODUCT_PUT = 2,
    ORDO_CMD_CARD_IMPORT = 3,
    ORDO_CMD_CREATE = 4,
    ORDO_CMD_ATTEMPT = 5,
    ORDO_CMD_FACT = 6,
    ORDO_CMD_CANCEL = 7,
    ORDO_CMD_DELIVERY_ACK = 8,
    ORDO_CMD_EXTEND = 12,
    ORDO_CMD_RELEASE = 13,
    ORDO_CMD_GET = 128,
    ORDO_CMD_CARDS = 129, /* needs a listener of the role deliverer */
    ORDO_CMD_LIST = 130,
    ORDO_CMD_STOCK = 131,
    ORDO_CMD_HEAD = 132,
    ORDO_CMD_FIND = 133
};

/* Bytes; also an element of a list. */
struct ordo_data {
    const void *data;
    uint32_t size;
};

struct ordo_cmd_product {
    uint32_t product;
    uint32_t currency; /* ISO 4217 number */
    int64_t price;
    uint32_t stock_mode; /* 0 cards, 1 the same cards again, 2 the buyer names one, 3 counted, 4
                            unlimited */
    uint32_t hold_ttl_s;
    uint32_t counted; /* units to add to a counted product */
    uint32_t purchase_cap;
    uint64_t sale_from_us;
    uint64_t sale_until_us;
    uint32_t options;    /* bits, net/README.md */
    uint32_t held_share; /* of 10000 */
    const char *operator_name;
};

struct ordo_cmd_import {
    uint32_t product;
    uint32_t card_count;           /* 1 to 256 */
    const struct ordo_data *cards; /* sealed: ordo_card_seal() */
    const char *operator_name;
};

struct ordo_cmd_create {
    const char *order_id;
    uint8_t buyer[16]; /* opaque; all zero = nobody in particular */
    uint32_t product;
    uint32_t quantity; /* 1 to 64 */
    int64_t amount;    /* what the buyer is to pay for all units */
    uint32_t currency;
    uint32_t hold_ttl_s; /* seconds that the units are held unpaid; 0 = the product's */
    const char *coupon;
    struct ordo_data second_key; /* IP or device: nothing or 16 bytes */
    uint64_t card;               /* number of the card that the buyer chose */
    uint32_t wait_s;             /* seconds to wait for a unit when none is free; 0 = refuse */
    const char *trace;           /* a W3C traceparent */
};

struct ordo_cmd_attempt {
    const char *order_id;
    uint32_t channel;
    uint32_t currency;
    const char *merchant;
    int64_t amount;
    const char *trace;
};

struct ordo_cmd_fact {
    uint32_t told;     /* enum ordo_told */
    uint32_t proof;    /* enum ordo_proof: 0 is refused */
    uint32_t channel;  /* from 1 on */
    uint32_t currency; /* ISO 4217 number */
    const char *merchant;
    const char *order_id; /* out_trade_no */
    const char *trade_no; /* the gateway's number */
    int64_t amount;
    int64_t refund_total; /* cumulative */
    uint64_t gateway_time_us;
    uint64_t received_us;
    const char *notify_id;
    const char *trace;
};

/* Cancel, delivery-ack, extend, release, get, cards. */
struct ordo_cmd_order {
    const char *order_id;
    uint32_t hold_ttl_s; /* extend: seconds from now on */
    uint32_t zero_;
    const char *operator_name; /* cancel */
    const char *reason;        /* cancel */
    const char *trace;
};

struct ordo_cmd_list {
    uint32_t status;   /* 0 = every status */
    uint32_t limit;    /* 0 = as many as a page has, 256 */
    uint64_t after;    /* 0, or `next` of the page before */
    uint64_t until_us; /* only orders that have not changed after it; 0 = all */
};

struct ordo_cmd_stock {
    uint32_t product;
};

struct ordo_cmd_find {
    const char *trade_no;
    const char *merchant; /* NULL = any */
    uint32_t channel;     /* 0 = any */
};

/* One field of the generic form. */
enum ordo_value_type {
    ORDO_VALUE_UINT = 0,
    ORDO_VALUE_INT = 1,
    ORDO_VALUE_TEXT = 2,  /* `data` */
    ORDO_VALUE_BYTES = 3, /* `data` */
    ORDO_VALUE_LIST = 4,  /* `list`, `count` */
    ORDO_VALUE_PAIRS = 5  /* `pairs`, `count` */
};

struct ordo_pair {
    uint64_t key;
    int64_t value;
};

struct ordo_value {
    uint32_t type;
    uint32_t count;
    union {
        uint64_t uint;
        int64_t sint;
        struct ordo_data data;
        const struct ordo_data *list;
        const struct ordo_pair *pairs;
    } of;
};

/* Any kind of net/README.md: its fields in the order of the table there, those at the end may be
 * left out. */
struct ordo_cmd_generic {
    const struct ordo_value *fields;
    uint32_t count;
};

struct ordo_cmd {
    uint32_t kind; /* enum ordo_cmd_kind, or any number of net/README.md with `generic` set */
    uint32_t shop;
    /* Of a command that changes something: the same id means the same command, so that it can be
     * asked again. All zero: the library makes one and writes it here. Keep it when the verdict is
     * UNKNOWN. Queries and facts need none. */
    uint8_t id[16];
    const struct ordo_cmd_generic *generic; /* NULL: the member for the kind counts */
    union {
        struct ordo_cmd_product product_put;
        struct ordo_cmd_import card_import;
        struct ordo_cmd_create create;
        struct ordo_cmd_attempt attempt;
        struct ordo_cmd_fact fact;
        struct ordo_cmd_order order; /* cancel, delivery-ack, extend, release, get, cards */
        struct ordo_cmd_list list;
        struct ordo_cmd_stock stock;
        struct ordo_cmd_find find;
        uint64_t reserved_[32];
    } of;
};

/* ---- how a command ends ---- */

enum ordo_verdict {
    ORDO_VERDICT_OK = 0,       /* done and durable; a query: answered */
    ORDO_VERDICT_REJECTED = 1, /* refused for the reason in `code`, for ever; codes 1 to 99: nothing
                                  was decided, it may be sent again with the same id */
    ORDO_VERDICT_UNKNOWN = 2   /* no answer was seen: neither done nor failed. Send the same command
                                  with   the same id again to learn what became of it */
};

struct ordo_order_info {
    const char *order_id;
    const uint8_t *buyer; /* 16 bytes */
    uint64_t product;
    int64_t amount;
    uint32_t quantity;
    uint32_t currency;
    uint32_t status; /* enum ordo_status */
    uint32_t flags;  /* enum ordo_mark */
    uint32_t version;
    uint32_t card_count;
    const uint64_t *cards; /* numbers, not secrets */
    uint64_t created_us;
    uint64_t changed_us;
    uint64_t deadline_us; /* when the node does something about it by itself; 0 = never */
    int64_t paid;
    int64_t refund_due;
    int64_t refunded;
    int64_t review;
    uint64_t last_seq;
};

struct ordo_card_info {
    uint64_t card;
    const uint8_t *sealed; /* for ordo_card_open() */
    uint32_t sealed_size;
};

struct ordo_stock_info {
    uint64_t product;
    int64_t price;
    uint32_t currency;
    uint32_t stock_mode;
    uint64_t imported;
    uint64_t available; /* what a create may take now; UINT64_MAX = unlimited */
    uint64_t held;
    uint64_t bound;
    uint64_t revealed;
    uint64_t voided;
    uint64_t backorders;
    uint64_t waiting;
};

struct ordo_head_info {
    uint64_t seq;
    uint64_t update_seq;
    uint64_t time_us;
    uint64_t orders;
    const uint8_t *stream_hash; /* 16 bytes */
};

/* Everything in it is the library's: valid during the callback, or until the next call with the
 * same handle after ordo_call(). */
struct ordo_end {
    uint32_t verdict; /* enum ordo_verdict: look at it first */
    uint32_t code;    /* enum ordo_code and others */
    const char *text; /* why, one sentence; "done" when it is OK */
    uint64_t seq;     /* its place in the journal; of a query: the newest command that it saw */
    uint32_t status;  /* of the order after a command */
    uint32_t version; /* of the order; card-import: the number of cards taken in */
    uint32_t money;   /* of a fact: enum ordo_money */
    uint32_t order_count;
    const struct ordo_order_info *const *orders; /* get and find: one; list: a page */
    uint64_t next;                               /* list: for the next page; 0 = it was the last */
    const struct ordo_card_info *const *cards;   /* cards; none until the order is ISSUING */
    const struct ordo_stock_info *stock;         /* NULL unless asked for */
    const struct ordo_head_info *head;           /* NULL unless asked for */
    const uint8_t *body;                         /* of any query: its body as it came, msgpack */
    uint32_t body_size;
    uint32_t card_count;
};

#ifdef __cplusplus
}
#endif

#endif
