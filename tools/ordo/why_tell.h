/* why_tell.h - the life of one order, told record by record.
 *
 * Give every record of a journal, oldest first: those that concern the order are kept as one JSON
 * object each, which is what --json prints and what the text is made of. One thread.
 */
#ifndef ORDO_TOOLS_WHY_TELL_H
#define ORDO_TOOLS_WHY_TELL_H

#include "record.h"
#include "why_words.h"

#include <stdio.h>

struct ordo_why {
    enum ordo_language language;
    uint32_t shop;
    struct ordo_bytes order_id; /* not owned */
    struct json_t *records;     /* array, owned */
    struct json_t *trades;      /* the payments of the order, a set of keys, owned */
    uint64_t seq;               /* of the last record given */
    uint64_t time_us;
    bool named;         /* an effect has named the order */
    bool created;       /* a create was accepted: the fields below are known */
    bool in_other_shop; /* another shop has an order of this number */
    uint32_t other_shop;
    uint8_t state;
    uint32_t version;
    uint32_t flags;
    uint64_t product;
    uint64_t quantity;
    int64_t amount;
    uint32_t currency;
    uint32_t card_count;
    uint64_t cards[ORDO_CARDS_MAX];
};

/* The texts of order_id must outlive *why. False when out of memory. */
bool ordo_why_begin(
    struct ordo_why *why, enum ordo_language language, uint32_t shop, struct ordo_bytes order_id);

/* Takes the next record. False: out of memory or a member of a chain that is none. */
bool ordo_why_add(struct ordo_why *why, const struct ordo_record_view *view);

/* The whole life as one object; the caller owns it. */
struct json_t *ordo_why_json(const struct ordo_why *why);

/* The same as text. */
void ordo_why_print(const struct ordo_why *why, FILE *out);

void ordo_why_end(struct ordo_why *why);

#endif
