/* oracle.h - the rules of engine/order/README.md a second time, by another hand: arrays, linear
 * search, no indexes, nothing clever. The test holds the engine against it.
 *
 * It shares with the engine the table of states (ordo_machine_cell), the codecs of commands and the
 * names of codes; nothing else. Units and stock counts are not kept but counted from the orders and
 * cards whenever somebody asks. Left out on purpose: the capacities (`full_...`, `busy`), the
 * horizon of command ids and malformed bytes; who generates histories stays away from them.
 * One thread; allocates its memory in oracle_create() alone.
 */
#ifndef ORDO_TESTS_ORACLE_H
#define ORDO_TESTS_ORACLE_H

#include "order/outcome.h"
#include "order/query.h"
#include "order/settings.h"
#include "order/state.h"

struct oracle;

struct oracle_effect {
    uint32_t shop;
    const char *order_id; /* in the oracle */
    bool own;
    uint64_t prev_seq;
    uint32_t version;
    uint32_t flags;
    uint32_t transition_count;
    struct ordo_transition transitions[ORDO_TRANSITIONS_MAX];
    uint32_t card_count;
    uint64_t cards[ORDO_CARDS_MAX];
};

struct oracle_answer {
    struct ordo_result result; /* seq: the command whose decision this is */
    bool journaled;
    uint32_t effect_count;
    struct oracle_effect effects[ORDO_TRANSITIONS_MAX];
    uint32_t posting_count; /* one for each (channel, currency, account) */
    struct ordo_posting postings[ORDO_POSTINGS_MAX];
};

/* NULL when there is no memory; freed by free(). oracle_reset() makes it as new. */
struct oracle *oracle_create(const struct ordo_settings_values *settings);
void oracle_reset(struct oracle *o, const struct ordo_settings_values *settings);

/* Decides one command that is no query. */
void oracle_apply(
    struct oracle *o,
    uint64_t time_us,
    const struct ordo_command *command,
    struct oracle_answer *answer);

/* The dump: everything by index, false past the last. Texts point into the oracle. */
bool oracle_order(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_order_view *view);
bool oracle_stock(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_stock_view *view);
bool oracle_coupon(
    const struct oracle *o, uint32_t index, uint32_t *shop, struct ordo_coupon_view *view);
bool oracle_balance(const struct oracle *o, uint32_t index, struct ordo_balance *balance);

/* The subscriber in this row, without a name when it is nobody's; and its parks. */
bool oracle_subscriber(
    const struct oracle *o, uint32_t row, uint32_t *shop, struct ordo_subscriber_view *view);
bool oracle_park(const struct oracle *o, uint32_t row, uint32_t index, struct ordo_park_view *view);

/* The payment at index: its number and the order whose it is. */
struct oracle_payment {
    uint32_t shop;
    uint32_t channel;
    const char *merchant;
    const char *trade_no; /* "" for one that an operator told */
    uint32_t order;       /* index of oracle_order */
};
bool oracle_payment(const struct oracle *o, uint32_t index, struct oracle_payment *payment);

/* When a tick has something to do; 0 when a continue has, UINT64_MAX when nothing has. */
uint64_t oracle_next_deadline_us(const struct oracle *o);

/* What was decided since oracle_create(), over all resets: for the test of the test. */
uint64_t oracle_events_seen(const struct oracle *o, uint32_t event);

#endif
