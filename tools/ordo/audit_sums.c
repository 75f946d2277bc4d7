/* The laws, in the order in which they are printed: sequences, orders, deliveries, cards, payment
 * facts, money, state.
 *
 * A law is written as an equation with its numbers also when it holds: an audit that only says
 * "fine" convinces nobody.
 */
#include "audit_law.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ordo_law_add(
    struct ordo_laws *laws,
    enum ordo_law_way way,
    bool holds,
    const char *name,
    const char *format,
    ...)
{
    va_list args;

    if (laws->count == ORDO_LAWS_MAX) {
        return;
    }
    struct ordo_law *row = &laws->rows[laws->count++];
    row->way = way;
    row->holds = holds;
    laws->broken += holds ? 0 : 1;
    (void)snprintf(row->name, sizeof(row->name), "%s", name);
    va_start(args, format);
    (void)vsnprintf(row->text, sizeof(row->text), format, args);
    va_end(args);
}

void ordo_law_compare(struct ordo_laws *laws, const char *name, uint64_t records, uint64_t state)
{
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        records == state,
        name,
        "%" PRIu64 " by the records %s %" PRIu64 " by the state",
        records,
        records == state ? "=" : "is not",
        state);
}

const char *ordo_law_way_name(enum ordo_law_way way)
{
    static const char *const names[] = {"records", "state", "both"};
    return names[way];
}

static void check_sequences(
    const struct ordo_tally *tally, const struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_head_values head;

    ordo_state_head(state, &head);
    ordo_law_compare(laws, "I11 records", tally->opened_seq + tally->records, head.seq);
    ordo_law_compare(laws, "I11 updates", tally->update_seq, head.update_seq);
    bool same = head.stream_hash.low == tally->stream_hash.low &&
                head.stream_hash.high == tally->stream_hash.high;
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        same,
        "stream hash",
        "%016" PRIx64 "%016" PRIx64 " by the records %s the state's",
        tally->stream_hash.high,
        tally->stream_hash.low,
        same ? "is" : "is not");
}

static void check_orders(
    const struct ordo_tally *tally, const struct ordo_totals *totals, struct ordo_laws *laws)
{
    uint64_t in_state[ORDO_STATE_COUNT] = {0};
    uint64_t sum = 0;
    char name[48];

    for (uint64_t i = 0; i < tally->order_count; i++) {
        in_state[tally->orders[i].state]++;
    }
    for (uint8_t state = ORDO_STATE_PENDING; state < ORDO_STATE_COUNT; state++) {
        (void)snprintf(name, sizeof(name), "orders %s", ordo_state_name(state));
        if (in_state[state] != 0 || totals->orders_in[state] != 0) {
            ordo_law_compare(laws, name, in_state[state], totals->orders_in[state]);
        }
        sum += in_state[state];
    }
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        sum == totals->orders,
        "orders",
        "%" PRIu64 " over all states = %" PRIu64 " orders",
        sum,
        totals->orders);
}

/* ---- paid orders ---- */

/* What of paid orders is not as it must be, and what is still owed. */
struct deliveries {
    uint64_t paid;
    uint64_t whole;    /* issued with all their units */
    uint64_t in_part;  /* with fewer, and it says so */
    uint64_t person;   /* wait for one */
    uint64_t stock;    /* wait for it */
    uint64_t returned; /* REFUNDING, REFUNDED */
    uint64_t wrong;
    int64_t applied;
    uint64_t guessed;
};

static bool is_issued_right(const struct ordo_tally *tally, const struct ordo_tally_order *order)
{
    uint32_t units = (uint32_t)order->bound + order->revealed;
    bool partial = (order->flags & ORDO_FLAG_PARTIAL) != 0;

    if (partial && order->product != 0 && tally->products[order->product - 1].guessed) {
        return true;
    }
    return partial ? units > 0 && units < order->quantity : units == order->quantity;
}

static void weigh_order(
    const struct ordo_tally *tally, const struct ordo_tally_order *order, struct deliveries *sums)
{
    bool partial = (order->flags & ORDO_FLAG_PARTIAL) != 0;

    sums->applied += order->applied;
    sums->guessed += order->guessed ? 1 : 0;
    sums->paid += ordo_tally_is_honoured(order->state) ? 1 : 0;
    switch (order->state) {
    case ORDO_STATE_PAID:
        sums->person++;
        sums->wrong += order->held == order->quantity ? 0 : 1;
        break;
    case ORDO_STATE_BACKORDER:
        sums->stock++;
        break;
    case ORDO_STATE_ISSUING:
    case ORDO_STATE_COMPLETED:
        sums->whole += partial ? 0 : 1;
        sums->in_part += partial ? 1 : 0;
        sums->wrong += is_issued_right(tally, order) ? 0 : 1;
        break;
    case ORDO_STATE_REFUNDING:
    case ORDO_STATE_REFUNDED:
        sums->returned++;
        sums->wrong += order->bound + order->held == 0 ? 0 : 1;
        break;
    default:
        sums->wrong += order->bound + order->revealed == 0 ? 0 : 1;
        break;
    }
}

static void check_deliveries(
    const struct ordo_tally *tally, const struct ordo_totals *totals, struct ordo_laws *laws)
{
    struct deliveries sums = {0};

    for (uint64_t i = 0; i < tally->order_count; i++) {
        weigh_order(tally, &tally->orders[i], &sums);
    }
    ordo_law_add(
        laws,
        ORDO_LAW_RECORDS,
        sums.wrong == 0 && sums.paid == sums.whole + sums.in_part + sums.person + sums.stock,
        "I4 I6 every paid order is served",
        "paid %" PRIu64 " = with exactly their units %" PRIu64 " + in part %" PRIu64
        " + waiting for a person %" PRIu64 " + for stock %" PRIu64 "; money back %" PRIu64
        "; wrong %" PRIu64,
        sums.paid,
        sums.whole,
        sums.in_part,
        sums.person,
        sums.stock,
        sums.returned,
        sums.wrong);
    int64_t applied = totals->accounts[ORDO_ACCOUNT_APPLIED];
    ordo_law_add(
        laws,
        sums.guessed == 0 ? ORDO_LAW_BOTH : ORDO_LAW_STATE,
        sums.guessed != 0 || sums.applied == applied,
        "I6 I7 what counts for orders",
        "%" PRId64 " over the orders by the records, %" PRId64 " applied by the state; %" PRIu64
        " orders of unknown share; %" PRIu64 " times an order became paid, each with its price",
        sums.applied,
        applied,
        sums.guessed,
        tally->paid_times);
}

/* ---- what was checked record by record: one that did not hold has ended the tally ---- */

static void check_steps(const struct ordo_tally *tally, struct ordo_laws *laws)
{
    uint64_t versions = 0;

    for (uint64_t i = 0; i < tally->order_count; i++) {
        versions += tally->orders[i].version;
    }
    ordo_law_add(
        laws,
        ORDO_LAW_RECORDS,
        versions == tally->update_seq,
        "I9 each step by the table",
        "%" PRIu64 " updates = %" PRIu64 " versions over the orders; %" PRIu64
        " moves to the same state",
        tally->update_seq,
        versions,
        tally->self_moves);
    ordo_law_add(
        laws,
        ORDO_LAW_RECORDS,
        true,
        "I5 each payment once",
        "%" PRIu64 " payments were received, each for its own fact",
        tally->payments.count);
    ordo_law_add(
        laws,
        ORDO_LAW_RECORDS,
        true,
        "I8 purchase caps",
        "%" PRIu64 " buyers of products; a cap was asked %" PRIu64 " times and never passed",
        tally->buyer_count,
        tally->capped);
}

static void check_cards(const struct ordo_tally *tally, struct ordo_laws *laws)
{
    uint64_t held = 0;
    uint64_t given = 0; /* by orders, of one-time cards */

    for (uint64_t i = 0; i < tally->order_count; i++) {
        const struct ordo_tally_order *order = &tally->orders[i];
        uint8_t mode = order->product == 0 ? ORDO_STOCK_UNLIMITED
                                           : tally->products[order->product - 1].stock_mode;
        bool cards = mode == ORDO_STOCK_CARDS || mode == ORDO_STOCK_PRESELECT;
        given += cards ? (uint64_t)order->bound + order->revealed : 0;
        held += cards ? order->held : 0;
    }
    ordo_law_add(
        laws,
        ORDO_LAW_RECORDS,
        tally->card_owner.count >= given + tally->replaced,
        "I3 no card twice",
        "%" PRIu64 " different cards were bound: %" PRIu64 " are with their orders, %" PRIu64
        " were replaced, the rest went void with their order or go round; %" PRIu64 " are held",
        tally->card_owner.count,
        given,
        tally->replaced,
        held);
}

static void check_facts(
    const struct ordo_tally *tally, const struct ordo_totals *totals, struct ordo_laws *laws)
{
    uint64_t sum = 0;
    char name[48];

    for (uint8_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        (void)snprintf(name, sizeof(name), "I5 facts %s", ordo_disposition_name(i));
        if (tally->facts_with[i] != 0 || totals->facts_with[i] != 0) {
            ordo_law_compare(laws, name, tally->facts_with[i], totals->facts_with[i]);
        }
        sum += totals->facts_with[i];
    }
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        sum == totals->facts && tally->facts == totals->facts,
        "I5 facts",
        "%" PRIu64 " over all dispositions = %" PRIu64 " facts = %" PRIu64 " by the records",
        sum,
        totals->facts,
        tally->facts);
}

/* An account that was never posted to is the same as one that nobody opened: a payment of nothing
 * opens one. */
static bool is_empty(const int64_t accounts[ORDO_ACCOUNT_COUNT])
{
    for (uint32_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        if (accounts[i] != 0) {
            return false;
        }
    }
    return true;
}

static void check_balance(
    const struct ordo_tally *tally, const struct ordo_balance *balance, struct ordo_laws *laws)
{
    const int64_t *a = balance->accounts;
    bool same = is_empty(a);
    char name[48];

    (void)snprintf(
        name, sizeof(name), "I7 money channel %u currency %u", balance->channel, balance->currency);
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL] ==
            a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] + a[ORDO_ACCOUNT_REFUNDED] +
                a[ORDO_ACCOUNT_REVIEW],
        name,
        "received %" PRId64 " + manual %" PRId64 " = applied %" PRId64 " + refund_due %" PRId64
        " + refunded %" PRId64 " + review %" PRId64,
        a[ORDO_ACCOUNT_RECEIVED],
        a[ORDO_ACCOUNT_MANUAL],
        a[ORDO_ACCOUNT_APPLIED],
        a[ORDO_ACCOUNT_REFUND_DUE],
        a[ORDO_ACCOUNT_REFUNDED],
        a[ORDO_ACCOUNT_REVIEW]);
    for (uint32_t i = 0; i < tally->balance_count; i++) {
        if (tally->balances[i].channel == balance->channel &&
            tally->balances[i].currency == balance->currency) {
            same = memcmp(tally->balances[i].accounts, a, sizeof(balance->accounts)) == 0;
        }
    }
    ordo_law_add(
        laws,
        ORDO_LAW_BOTH,
        same,
        name,
        "the postings of the records %s the state's accounts",
        same ? "are" : "are not");
}

static void
check_money(const struct ordo_tally *tally, const struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_balance balance;
    uint32_t by_state = 0;
    uint32_t by_records = 0;

    for (uint32_t i = 0; i < ORDO_TALLY_BALANCES_MAX && ordo_state_balance(state, i, &balance);
         i++) {
        check_balance(tally, &balance, laws);
        by_state += is_empty(balance.accounts) ? 0 : 1;
    }
    for (uint32_t i = 0; i < tally->balance_count; i++) {
        by_records += is_empty(tally->balances[i].accounts) ? 0 : 1;
    }
    ordo_law_compare(laws, "I7 channels and currencies", by_records, by_state);
}

static void check_state(struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_fail fail = {.text = "every invariant of the tables holds (I1-I10)"};
    enum ordo_err err = ordo_state_check(state, &fail);
    struct ordo_hash128 digest = ordo_state_digest(state);
    struct ordo_hash128 full = ordo_state_digest_full(state);
    bool same = digest.low == full.low && digest.high == full.high;

    ordo_law_add(laws, ORDO_LAW_STATE, err == ORDO_OK, "state", "%.300s", fail.text);
    ordo_law_add(
        laws,
        ORDO_LAW_STATE,
        same,
        "digest",
        "%016" PRIx64 "%016" PRIx64 " %s",
        digest.high,
        digest.low,
        same ? "kept up and from nothing" : "kept up, but another from nothing");
}

enum ordo_err ordo_laws_check(
    const struct ordo_tally *tally,
    struct ordo_state *state,
    struct ordo_laws *laws,
    struct ordo_fail *fail)
{
    struct ordo_totals totals;

    *laws = (struct ordo_laws){.rows = calloc(ORDO_LAWS_MAX, sizeof(*laws->rows))};
    if (laws->rows == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "out of memory for the list of laws");
    }
    ordo_state_totals(state, &totals);
    check_sequences(tally, state, laws);
    check_orders(tally, &totals, laws);
    check_steps(tally, laws);
    check_deliveries(tally, &totals, laws);
    check_cards(tally, laws);
    ordo_law_stock(tally, state, laws);
    ordo_law_coupons(tally, state, laws);
    check_facts(tally, &totals, laws);
    check_money(tally, state, laws);
    check_state(state, laws);
    ORDO_ASSERT(laws->count < ORDO_LAWS_MAX);
    return ORDO_OK;
}

const struct ordo_law *ordo_laws_first_broken(const struct ordo_laws *laws)
{
    for (uint32_t i = 0; i < laws->count; i++) {
        if (!laws->rows[i].holds) {
            return &laws->rows[i];
        }
    }
    return NULL;
}

void ordo_laws_free(struct ordo_laws *laws)
{
    free(laws->rows);
    *laws = (struct ordo_laws){NULL, 0, 0};
}
