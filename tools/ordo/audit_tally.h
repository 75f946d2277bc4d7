/* audit_tally.h - the auditor's independent sums: from the journal's records alone, by book-keeping
 * of its own.
 *
 * What the engine says about itself (ordo_state_totals, balances, its queries) is compared with
 * this afterwards (audit_sums.h). Rules that must hold after every single record are checked on the
 * way, each by the number that it has in the reliability note: transitions are of the table and
 * link up (I9), sequences are contiguous (I11), no card is given out twice (I3), an issued order
 * has exactly its units (I4), a payment is received once (I5), an order is paid before it is
 * honoured (I6), the money of a (channel, currency) is conserved (I7), no cap and no coupon is
 * passed (I8). One thread.
 */
#ifndef ORDO_TOOLS_AUDIT_TALLY_H
#define ORDO_TOOLS_AUDIT_TALLY_H

#include "audit_table.h"
#include "order/result.h"
#include "record.h"

#define ORDO_TALLY_BALANCES_MAX 1024

/* Where an order counts for its buyer. */
enum ordo_tally_counts { ORDO_TALLY_NOT, ORDO_TALLY_HELD, ORDO_TALLY_PAID };

struct ordo_tally_order {
    uint64_t last_seq;
    uint64_t created_seq; /* 0 = nobody created it yet */
    uint32_t product;     /* index + 1; 0 = unknown */
    uint32_t buyer;       /* index + 1 */
    uint32_t coupon;      /* index + 1; 0 = none */
    uint32_t version;
    uint32_t flags;
    uint32_t revealed_version; /* of its last completion: cards bound before it were revealed */
    int64_t amount;
    int64_t applied; /* money that counts for it now */
    uint16_t quantity;
    uint16_t held; /* units */
    uint16_t bound;
    uint16_t revealed;
    uint8_t state;
    uint8_t counts; /* enum ordo_tally_counts */
    bool coupon_live;
    bool guessed; /* its share of a command's postings is not known: applied says nothing */
};

struct ordo_tally_product {
    uint32_t shop;
    uint32_t number;
    uint32_t options;
    uint32_t purchase_cap;
    uint8_t stock_mode;
    bool guessed; /* a part of an order without cards was issued: how many, no outcome says */
    uint64_t imported;
    uint64_t held;
    uint64_t bound;
    uint64_t revealed;
    uint64_t backorders; /* orders */
    uint64_t waiting;
};

struct ordo_tally_buyer {
    uint32_t held;
    uint32_t paid;
};

struct ordo_tally_coupon {
    uint32_t shop;
    uint8_t text[ORDO_COUPON_MAX];
    uint8_t size;
    uint64_t uses_max;
    uint64_t used;
    uint64_t returned;
    uint64_t overdrawn;
};

struct ordo_tally_balance {
    uint32_t channel;
    uint32_t currency;
    int64_t accounts[ORDO_ACCOUNT_COUNT];
};

struct ordo_tally {
    struct ordo_audit_table order_of;   /* (shop, order_id) -> index + 1 */
    struct ordo_audit_table product_of; /* (shop, product) -> index + 1 */
    struct ordo_audit_table buyer_of;   /* (shop, product, buyer) -> index + 1 */
    struct ordo_audit_table coupon_of;  /* (shop, coupon) -> index + 1 */
    struct ordo_audit_table channel_of; /* (shop, channel) -> what a payment may be short */
    struct ordo_audit_table payments;   /* (shop, channel, merchant, trade_no) that were received */
    struct ordo_audit_table card_owner; /* card number -> who has it, see audit_units.c */
    struct ordo_audit_table tags;       /* (shop, product, tag) of the cards imported */
    struct ordo_tally_order *orders;
    uint64_t order_count;
    uint64_t order_capacity;
    struct ordo_tally_product *products;
    uint64_t product_count;
    uint64_t product_capacity;
    struct ordo_tally_buyer *buyers;
    uint64_t buyer_count;
    uint64_t buyer_capacity;
    struct ordo_tally_coupon *coupons;
    uint64_t coupon_count;
    uint64_t coupon_capacity;
    struct ordo_tally_balance balances[ORDO_TALLY_BALANCES_MAX];
    uint32_t balance_count;
    uint64_t opened_seq; /* of the state that it began with (audit_open.h); 0 = with nothing */
    uint64_t records;    /* that were taken */
    uint64_t seq;
    uint64_t time_us;
    uint64_t update_seq;
    struct ordo_hash128 stream_hash;
    uint64_t refused; /* records whose result is not ok */
    uint64_t facts;
    uint64_t facts_with[ORDO_DISPOSITION_COUNT];
    uint64_t replaced;   /* cards taken back from their orders */
    uint64_t capped;     /* times that a purchase cap was checked */
    uint64_t paid_times; /* times that an order became paid, each with its money */
    uint64_t self_moves; /* transitions from a state to itself */
};

/* Takes one record. DAMAGED with the sequence and the broken rule, NO_MEMORY, LIMIT. */
enum ordo_err ordo_tally_add(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    struct ordo_fail *fail) ORDO_MUST_USE;

static inline bool ordo_tally_is_honoured(uint8_t state)
{
    return state == ORDO_STATE_PAID || state == ORDO_STATE_BACKORDER ||
           state == ORDO_STATE_ISSUING || state == ORDO_STATE_COMPLETED;
}

static inline bool ordo_tally_is_unpaid(uint8_t state)
{
    return state == ORDO_STATE_PENDING || state == ORDO_STATE_PAYING ||
           state == ORDO_STATE_PAY_FAILED;
}

void ordo_tally_free(struct ordo_tally *tally);

#endif
