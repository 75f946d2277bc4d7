/* state.h - the whole domain as one value: tables in memory, changed by ordo_apply() alone.
 *
 * (state, time, command) -> outcome. No clock, no random, no I/O, no allocation after init, no
 * atomics; one thread owns a state. Every table is rows of fixed size behind one write accessor
 * (table.h), so that a snapshot can copy what changes under it. Equal commands give equal states
 * and equal outcomes on every build.
 */
#ifndef ORDO_ORDER_STATE_H
#define ORDO_ORDER_STATE_H

#include "base/arena.h"
#include "order/outcome.h"
#include "order/settings.h"

struct ordo_state;

/* What the stages need to know of a decision without decoding its outcome. */
struct ordo_applied {
    uint64_t seq;        /* own seq when journaled, else the last one before */
    uint64_t update_seq; /* the last update_seq after this command */
    uint16_t code;
    uint8_t update_count;
    bool journaled; /* false: a query, an exact resend, or refused before it was decided */
};

/* Memory for the capacities of `settings` (settings.h) out of the arena. Starter thread.
 * NO_MEMORY or CONFIG, with the table and the size in fail. */
enum ordo_err ordo_state_create(
    struct ordo_arena *arena,
    const struct ordo_settings_values *settings,
    struct ordo_state **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Decides one command in canonical bytes at engine time time_us (never before the last) and writes
 * the outcome. `outcome` has room for ORDO_OUTCOME_SIZE_MAX, or ORDO_QUERY_SIZE_MAX for a query.
 * Never blocks, total: bytes that are no command give MALFORMED. Apply thread. */
void ordo_apply(
    struct ordo_state *state,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_writer *outcome,
    struct ordo_applied *applied);

/* Asks for the rows that the command will need; no effect on the state. Apply thread. Called once
 * for each command, in their order, ORDO_APPLY_AHEAD commands before its ordo_apply() it does most;
 * at another distance it does less, never harm. Commands are gathered until there are enough to
 * look at together: when there are no more, _end looks at those that are left. */
#define ORDO_APPLY_AHEAD 40
void ordo_apply_prefetch(struct ordo_state *state, struct ordo_bytes command);
void ordo_apply_prefetch_end(struct ordo_state *state);

/* The earliest time at which a tick has something to do; UINT64_MAX when never, 0 when a continue
 * has something to do at once. Apply thread. */
uint64_t ordo_state_next_deadline_us(const struct ordo_state *state);

/* Where the state stands. Apply thread. */
struct ordo_head_values {
    uint64_t seq;
    uint64_t update_seq;
    uint64_t time_us; /* of the last journaled command */
    struct ordo_hash128 stream_hash;
    uint32_t rules;
};
void ordo_state_head(const struct ordo_state *state, struct ordo_head_values *head);

/* The settings in force. Apply thread. */
const struct ordo_settings_values *ordo_state_settings(const struct ordo_state *state);

/* Digest over all rows and the head, incrementally (only chunks changed since the last call are
 * read) and from nothing; both always agree. Apply thread; the first call costs as much as the
 * second. */
struct ordo_hash128 ordo_state_digest(struct ordo_state *state);
struct ordo_hash128 ordo_state_digest_full(const struct ordo_state *state);

/* Checks the invariants of the domain by walking every table; costly. The first broken one is named
 * in fail (DAMAGED). Apply thread. */
enum ordo_err
ordo_state_check(const struct ordo_state *state, struct ordo_fail *fail) ORDO_MUST_USE;

/* Holds the sums that the decisions keep against each other: for a node at work, a few microseconds
 * a call, a part of the products, balances and coupons each, from *cursor on (0 at first). The
 * first broken one is named in fail (DAMAGED). Apply thread. */
enum ordo_err ordo_state_check_sums(
    const struct ordo_state *state, uint32_t *cursor, struct ordo_fail *fail) ORDO_MUST_USE;

/* Sums for the audit, from the state. Apply thread. */
struct ordo_totals {
    uint64_t orders;
    uint64_t orders_in[ORDO_STATE_COUNT];
    uint64_t cards_imported;
    uint64_t cards_free;
    uint64_t cards_held;
    uint64_t cards_bound;
    uint64_t cards_revealed;
    uint64_t cards_void;
    uint64_t facts;
    uint64_t facts_with[ORDO_DISPOSITION_COUNT];
    int64_t accounts[ORDO_ACCOUNT_COUNT]; /* all channels and currencies; see the balance rows for
                                             each */
};
void ordo_state_totals(const struct ordo_state *state, struct ordo_totals *totals);

/* One row of the money accounts: (channel, currency). index from 0; false past the last. Apply
 * thread. */
struct ordo_balance {
    uint32_t channel;
    uint32_t currency;
    int64_t accounts[ORDO_ACCOUNT_COUNT];
};
bool ordo_state_balance(
    const struct ordo_state *state, uint32_t index, struct ordo_balance *balance);

#endif
