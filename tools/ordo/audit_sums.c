/* The laws, in the order in which they are printed: sequences, orders, deliveries, cards, payment
 * facts, money, state.
 *
 * A law is written as an equation with its numbers also when it holds: an audit that only says
 * "fine" convinces nobody.
 */
#include "audit_sums.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void law(struct ordo_laws *laws, bool holds, const char *name, const char *format, ...)
    ORDO_PRINTF(4, 5);

static void law(struct ordo_laws *laws, bool holds, const char *name, const char *format, ...)
{
    va_list args;

    if (laws->count == ORDO_LAWS_MAX) {
        return;
    }
    struct ordo_law *row = &laws->rows[laws->count++];
    row->holds = holds;
    laws->broken += holds ? 0 : 1;
    (void)snprintf(row->name, sizeof(row->name), "%s", name);
    va_start(args, format);
    (void)vsnprintf(row->text, sizeof(row->text), format, args);
    va_end(args);
}

/* "what: N by the records, N by the state" */
static void compare(struct ordo_laws *laws, const char *name, uint64_t records, uint64_t state)
{
    law(laws,
        records == state,
        name,
        "%" PRIu64 " by the records = %" PRIu64 " by the state",
        records,
        state);
}

static void check_sequences(
    const struct ordo_tally *tally, const struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_head_values head;

    ordo_state_head(state, &head);
    compare(laws, "records", tally->records, head.seq);
    compare(laws, "updates", tally->update_seq, head.update_seq);
    bool same = head.stream_hash.low == tally->stream_hash.low &&
                head.stream_hash.high == tally->stream_hash.high;
    law(laws,
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
            compare(laws, name, in_state[state], totals->orders_in[state]);
        }
        sum += in_state[state];
    }
    law(laws,
        sum == totals->orders,
        "orders",
        "%" PRIu64 " over all states = %" PRIu64 " orders",
        sum,
        totals->orders);
}

static bool is_paid(uint8_t state)
{
    return state == ORDO_STATE_PAID || state == ORDO_STATE_ISSUING || state == ORDO_STATE_COMPLETED;
}

/* What of paid orders is not as it must be, and what is still owed. */
struct deliveries {
    uint64_t paid;
    uint64_t complete;
    uint64_t manual;       /* PAID, waits for a person */
    uint64_t cardless;     /* delivered goods that have no cards */
    uint64_t compensation; /* BACKORDER, REFUNDING, REFUNDED */
    uint64_t wrong;
    uint64_t unpaid_cards; /* cards and not enough money applied */
};

static void weigh_order(
    const struct ordo_tally *tally, const struct ordo_tally_order *order, struct deliveries *sums)
{
    const struct ordo_tally_product *product =
        order->product == 0 ? NULL : &tally->products[order->product - 1];
    bool cardless = product != NULL && (product->stock_mode == ORDO_STOCK_COUNTED ||
                                        product->stock_mode == ORDO_STOCK_UNLIMITED);

    if (order->state == ORDO_STATE_BACKORDER || order->state == ORDO_STATE_REFUNDING ||
        order->state == ORDO_STATE_REFUNDED) {
        sums->compensation++;
    } else if (is_paid(order->state)) {
        sums->paid++;
        if (order->state == ORDO_STATE_PAID && order->cards == 0) {
            bool waits = product != NULL && product->manual;
            sums->manual += waits ? 1 : 0;
            sums->wrong += waits ? 0 : 1;
        } else if (cardless && order->cards == 0) {
            sums->cardless++;
        } else if (order->cards == order->quantity) {
            sums->complete++;
        } else {
            sums->wrong++;
        }
    } else if (order->cards != 0) {
        sums->wrong++;
    }
    if (order->cards > 0 && order->applied < order->amount) {
        sums->unpaid_cards++;
    }
}

static void check_deliveries(const struct ordo_tally *tally, struct ordo_laws *laws)
{
    struct deliveries sums = {0};

    for (uint64_t i = 0; i < tally->order_count; i++) {
        weigh_order(tally, &tally->orders[i], &sums);
    }
    law(laws,
        sums.wrong == 0 && sums.paid == sums.complete + sums.manual + sums.cardless,
        "every paid order is served",
        "paid %" PRIu64 " = with exactly their cards %" PRIu64 " + waiting for a person %" PRIu64
        " + without cards %" PRIu64 "; wrong %" PRIu64,
        sums.paid,
        sums.complete,
        sums.manual,
        sums.cardless,
        sums.wrong);
    law(laws,
        sums.unpaid_cards == 0,
        "no card without its money",
        "%" PRIu64 " orders have cards and too little money; %" PRIu64 " have a compensation",
        sums.unpaid_cards,
        sums.compensation);
}

static void check_cards(
    const struct ordo_tally *tally, const struct ordo_totals *totals, struct ordo_laws *laws)
{
    compare(laws, "cards imported", tally->tags.count, totals->cards_imported);
    law(laws,
        totals->cards_imported == totals->cards_free + totals->cards_held + totals->cards_bound +
                                      totals->cards_revealed + totals->cards_void,
        "cards",
        "imported %" PRIu64 " = free %" PRIu64 " + held %" PRIu64 " + bound %" PRIu64
        " + revealed %" PRIu64 " + void %" PRIu64,
        totals->cards_imported,
        totals->cards_free,
        totals->cards_held,
        totals->cards_bound,
        totals->cards_revealed,
        totals->cards_void);
    uint64_t out = totals->cards_bound + totals->cards_revealed;
    law(laws,
        tally->card_owner.count >= out && tally->card_owner.count <= out + totals->cards_void,
        "no card twice",
        "%" PRIu64 " different cards given out by the records, %" PRIu64
        " bound or revealed and %" PRIu64 " void in the state",
        tally->card_owner.count,
        out,
        totals->cards_void);
}

static void check_facts(
    const struct ordo_tally *tally, const struct ordo_totals *totals, struct ordo_laws *laws)
{
    uint64_t sum = 0;
    char name[48];

    for (uint8_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        (void)snprintf(name, sizeof(name), "facts %s", ordo_disposition_name(i));
        if (tally->facts_with[i] != 0 || totals->facts_with[i] != 0) {
            compare(laws, name, tally->facts_with[i], totals->facts_with[i]);
        }
        sum += totals->facts_with[i];
    }
    law(laws,
        sum == totals->facts && tally->facts == totals->facts,
        "facts",
        "%" PRIu64 " over all dispositions = %" PRIu64 " facts = %" PRIu64 " by the records",
        sum,
        totals->facts,
        tally->facts);
}

static void check_balance(
    const struct ordo_tally *tally, const struct ordo_balance *balance, struct ordo_laws *laws)
{
    const int64_t *a = balance->accounts;
    bool same = false;
    char name[48];

    (void)snprintf(
        name, sizeof(name), "money channel %u currency %u", balance->channel, balance->currency);
    law(laws,
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
    law(laws,
        same,
        name,
        "the postings of the records %s the state's accounts",
        same ? "are" : "are not");
}

static void
check_money(const struct ordo_tally *tally, const struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_balance balance;
    uint32_t count = 0;

    while (count < ORDO_TALLY_BALANCES_MAX && ordo_state_balance(state, count, &balance)) {
        check_balance(tally, &balance, laws);
        count++;
    }
    compare(laws, "money: channels and currencies", tally->balance_count, count);
}

static void check_state(struct ordo_state *state, struct ordo_laws *laws)
{
    struct ordo_fail fail = {.text = "every invariant of the tables holds"};
    enum ordo_err err = ordo_state_check(state, &fail);
    struct ordo_hash128 digest = ordo_state_digest(state);
    struct ordo_hash128 full = ordo_state_digest_full(state);
    bool same = digest.low == full.low && digest.high == full.high;

    law(laws, err == ORDO_OK, "state", "%.190s", fail.text);
    law(laws,
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
    check_deliveries(tally, laws);
    check_cards(tally, &totals, laws);
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
