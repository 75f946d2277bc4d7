/* outcome.h - what apply decided about one command: the bytes the journal keeps beside the command.
 *
 * Canonical bytes, all integers LEB128 in the shortest form unless marked u8:
 *   result     code * 2 + own, [seq], state u8, disposition u8, version
 *              own = 1 and seq follows: the result names another command than the record or slot it
 *              stands in (an exact resend gives the seq of the first; undecided gives 0)
 *   effects    count (<= 16), then for each order touched:
 *     form u8  0 = the command's own order; 1 = another: shop, size of order_id, order_id follow
 *     back     own seq minus the order's previous seq; 0 = this is its first
 *     version  of the order after this command; its transitions end at it, one version each
 *     flags    overlay flags after (enum ordo_order_flag)
 *     moves    count, then (from u8, to u8, cause u8) each
 *     cards    count, then card numbers bound by this command
 *   postings   count, then (channel, currency, account u8, zigzag amount) each
 * A query's outcome is the result and then a body of its own (query.h). A journaled command
 * that names a known order has that order as its first effect, refusals too: so an order's history
 * is a walk over `back`. Refused before the order is looked at, and so without it: an id that was
 * used for something else, a missing operator or reason, a fact that is none or not verified, a
 * chain.
 *
 * Each transition is one update of the status stream, numbered by update_seq, hashed into the
 * stream hash.
 */
#ifndef ORDO_ORDER_OUTCOME_H
#define ORDO_ORDER_OUTCOME_H

#include "base/bytes.h"
#include "base/hash.h"
#include "order/result.h"
#include "order/schema.h"

#define ORDO_TRANSITIONS_MAX 16  /* of one command, over all its orders */
#define ORDO_CARDS_MAX       64  /* of one command */
#define ORDO_POSTINGS_MAX    128 /* of one command: 16 orders with 4 payments each */
#define ORDO_OUTCOME_SIZE_MAX                                                                      \
    8192 /* bytes of a journaled outcome, with room to spare: checked by a test */
#define ORDO_QUERY_SIZE_MAX 65536 /* bytes of a query's outcome */

/* The result element of a reply is a pure function of this; the table of ids keeps it, so that the
 * same command asked again gives the same bytes. */
struct ordo_result {
    uint64_t seq;        /* of the command that was decided; 0 when it was not journaled */
    uint32_t version;    /* of the command's order after it; 0 when there is none. A card import
                          * has no order: the number of cards taken in, the rest were duplicates; a
                          * card-void: the cards made void; a
                          * subscriber-put: 1 for a new one; a refused chain: the refused member,
                          * from 1 */
    uint16_t code;       /* enum ordo_result_code */
    uint8_t state;       /* of the command's order after it */
    uint8_t disposition; /* of a payment fact */
};

_Static_assert(sizeof(struct ordo_result) == 16, "kept for each id");

struct ordo_transition {
    uint8_t from;
    uint8_t to;
    uint8_t cause; /* enum ordo_command_kind that made it */
};

struct ordo_effect {
    bool own; /* the command's own order */
    uint32_t shop;
    struct ordo_bytes order_id; /* resolved: also set for the command's own order */
    uint64_t prev_seq;          /* 0 = none */
    uint32_t version;           /* after */
    uint32_t flags;
    uint32_t transition_first; /* index into outcome->transitions */
    uint32_t transition_count;
    uint32_t card_first; /* index into outcome->cards */
    uint32_t card_count;
};

struct ordo_posting {
    uint32_t channel;
    uint32_t currency;
    uint8_t account;
    int64_t amount;
};

struct ordo_outcome {
    struct ordo_result result;
    uint32_t effect_count;
    uint32_t transition_count;
    uint32_t card_count;
    uint32_t posting_count;
    struct ordo_effect effects[ORDO_TRANSITIONS_MAX];
    struct ordo_transition transitions[ORDO_TRANSITIONS_MAX];
    uint64_t cards[ORDO_CARDS_MAX];
    struct ordo_posting postings[ORDO_POSTINGS_MAX];
};

/* One status change, as subscribers see it. */
struct ordo_update {
    uint64_t update_seq;
    uint64_t seq;     /* the command that made it */
    uint64_t time_us; /* engine time of that command */
    uint32_t shop;
    struct ordo_bytes order_id;
    uint32_t version; /* of the order: grows by one an update */
    uint8_t from;
    uint8_t to;
    uint8_t cause;
    uint8_t disposition; /* of the payment fact that made it, else 0 */
    uint32_t flags;
};

/* Both: any thread, pure. seq is the record's own. */
void ordo_outcome_encode(const struct ordo_outcome *outcome, uint64_t seq, struct ordo_writer *out);
bool ordo_outcome_decode(
    struct ordo_bytes bytes,
    uint64_t seq,
    const struct ordo_command *command,
    struct ordo_outcome *outcome) ORDO_MUST_USE;

/* Calls visit for each update of a decoded outcome, in order, numbered from first_update_seq. Pure.
 */
void ordo_outcome_updates(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    void (*visit)(void *context, const struct ordo_update *update),
    void *context);

/* The canonical bytes of an update for the rolling hash h(n) = XXH3-128(h(n-1) || bytes),
 * little-endian: update_seq u64, seq u64, time_us u64, shop u32, version u32, from u8, to u8, cause
 * u8, disposition u8, flags u32, size u8 of order_id, order_id. */
#define ORDO_UPDATE_SIZE_MAX (8 + 8 + 8 + 4 + 4 + 4 + 4 + 1 + ORDO_ORDER_ID_MAX)
size_t ordo_update_bytes(const struct ordo_update *update, uint8_t bytes[ORDO_UPDATE_SIZE_MAX]);

/* The rolling hash after all updates of the outcome; the same as ordo_update_hash() over each of
 * them, in fewer steps. Pure. */
struct ordo_hash128 ordo_outcome_hash(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    struct ordo_hash128 previous);

/* The same in two steps, for who has something to do between them: a hash that reads bytes just
 * written waits until they have settled. */
struct ordo_hash_input {
    uint32_t count;
    uint8_t sizes[ORDO_TRANSITIONS_MAX];
    uint8_t bytes[ORDO_TRANSITIONS_MAX][ORDO_HASH_SIZE + ORDO_UPDATE_SIZE_MAX]; /* hash, update */
};
void ordo_outcome_put_updates(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    struct ordo_hash_input *input);
struct ordo_hash128 ordo_hash_updates(struct ordo_hash_input *input, struct ordo_hash128 previous);

/* h(n) from h(n-1) and update n. Any thread, pure. */
struct ordo_hash128
ordo_update_hash(struct ordo_hash128 previous, const struct ordo_update *update);

#endif
