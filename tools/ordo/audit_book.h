/* audit_book.h - the rows of the tally and the parts that book into them. For the files of the
 * tally only (audit_tally.c takes a record apart).
 */
#ifndef ORDO_TOOLS_AUDIT_BOOK_H
#define ORDO_TOOLS_AUDIT_BOOK_H

#include "audit_tally.h"

#include <string.h>

/* Copies a field, which may be empty and point nowhere. */
static inline void ordo_book_copy(uint8_t *to, struct ordo_bytes from)
{
    if (from.size != 0) {
        memcpy(to, from.data, from.size);
    }
}

/* ---- audit_book.c: rows by key, made when they are missing ---- */

struct ordo_hash128
ordo_book_key(char kind, uint32_t shop, const void *data, size_t size); /* size <= 128 */

/* Each is the index + 1 of the row; 0 when out of memory. */
uint32_t ordo_book_order(struct ordo_tally *tally, uint32_t shop, struct ordo_bytes order_id);
uint32_t ordo_book_product(struct ordo_tally *tally, uint32_t shop, uint64_t product);
uint32_t
ordo_book_buyer(struct ordo_tally *tally, uint32_t shop, uint64_t product, struct ordo_bytes buyer);
uint32_t ordo_book_coupon(struct ordo_tally *tally, uint32_t shop, struct ordo_bytes coupon);

/* DAMAGED: "seq N: LAW: text". */
enum ordo_err ordo_book_broken(
    struct ordo_fail *fail,
    const struct ordo_record_view *view,
    const char *law,
    const char *format,
    ...) ORDO_PRINTF(4, 5);
enum ordo_err ordo_book_no_memory(struct ordo_fail *fail);

/* ---- audit_command.c: what the command brings ---- */

enum ordo_err ordo_book_command(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* ---- audit_units.c: what an effect does to units, cards, caps, coupons ---- */

/* The order has been followed to its new state and flags; `from` and `flags` are those before. */
struct ordo_book_step {
    const struct ordo_record_view *view;
    const struct ordo_effect *effect;
    uint32_t order; /* index + 1 */
    uint8_t from;
    uint32_t flags;
};
enum ordo_err
ordo_book_units(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* Where an order of its state and flags counts for its buyer: enum ordo_tally_counts. */
uint8_t ordo_book_counts_of(const struct ordo_tally_order *order);
/* The card was bound to the order (index + 1; 0 = it is void) at that version of it. False when out
 * of memory. */
bool ordo_book_own(struct ordo_tally *tally, uint64_t card, uint32_t order, uint32_t version);

/* ---- audit_money.c: the postings, after every effect ---- */

enum ordo_err ordo_book_money(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The key of a payment in the set of those that were received. */
struct ordo_hash128 ordo_book_payment_key(
    uint32_t shop, uint8_t channel, struct ordo_bytes merchant, struct ordo_bytes trade_no);

#endif
