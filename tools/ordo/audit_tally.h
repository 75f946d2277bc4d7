/* audit_tally.h - the auditor's independent sums: from the journal's records alone, by book-keeping
 * of its own.
 *
 * What the engine says about itself (ordo_state_totals, balances) is compared with this afterwards
 * (audit_sums.h). Rules that must hold after every single record are checked on the way:
 * transitions link up, numbers are contiguous, no card is bound twice, the money of a (channel,
 * currency) is conserved. One thread.
 */
#ifndef ORDO_TOOLS_AUDIT_TALLY_H
#define ORDO_TOOLS_AUDIT_TALLY_H

#include "audit_table.h"
#include "order/result.h"
#include "record.h"

#define ORDO_TALLY_BALANCES_MAX 1024

struct ordo_tally_order {
    uint64_t last_seq;
    uint64_t product; /* index + 1 of its product; 0 = unknown */
    int64_t amount;
    int64_t applied; /* ever posted to applied for this order */
    uint32_t version;
    uint32_t flags;
    uint16_t quantity;
    uint16_t cards;
    uint8_t state;
};

struct ordo_tally_product {
    uint8_t stock_mode;
    uint8_t manual; /* a person issues: a paid order may stay in PAID */
};

struct ordo_tally_balance {
    uint32_t channel;
    uint32_t currency;
    int64_t accounts[ORDO_ACCOUNT_COUNT];
};

struct ordo_tally {
    struct ordo_audit_table order_of;   /* (shop, order_id) -> index + 1 */
    struct ordo_audit_table product_of; /* (shop, product) -> index + 1 */
    struct ordo_audit_table card_owner; /* card number -> order index + 1 */
    struct ordo_audit_table tags;       /* (shop, product, tag) of the cards imported */
    struct ordo_tally_order *orders;
    uint64_t order_count;
    uint64_t order_capacity;
    struct ordo_tally_product *products;
    uint64_t product_count;
    uint64_t product_capacity;
    struct ordo_tally_balance balances[ORDO_TALLY_BALANCES_MAX];
    uint32_t balance_count;
    uint64_t records;
    uint64_t seq;
    uint64_t time_us;
    uint64_t update_seq;
    struct ordo_hash128 stream_hash;
    uint64_t refused; /* records whose result is not ok */
    uint64_t facts;
    uint64_t facts_with[ORDO_DISPOSITION_COUNT];
};

/* Takes one record. DAMAGED with the sequence and the broken rule, NO_MEMORY, LIMIT. */
enum ordo_err ordo_tally_add(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    struct ordo_fail *fail) ORDO_MUST_USE;

void ordo_tally_free(struct ordo_tally *tally);

#endif
