/* Money: the accounts of each (channel, currency), what counts for each order, and each payment
 * once.
 *
 * An outcome's postings belong to the command, not to an order. A command moves the money of its
 * own order; of other orders only two things: a waiting order that is admitted takes the money that
 * waits for it, exactly its price, and a tick gives back what a back-order has. So every order's
 * share is known, except when one tick gives back several whose sums do not add up: then they are
 * marked as guessed and the state alone speaks for them.
 */
#include "audit_book.h"

#include <inttypes.h>
#include <string.h>

/* ---- accounts ---- */

static struct ordo_tally_balance *
find_balance(struct ordo_tally *tally, const struct ordo_posting *posting)
{
    for (uint32_t i = 0; i < tally->balance_count; i++) {
        struct ordo_tally_balance *balance = &tally->balances[i];
        if (balance->channel == posting->channel && balance->currency == posting->currency) {
            return balance;
        }
    }
    if (tally->balance_count == ORDO_TALLY_BALANCES_MAX) {
        return NULL;
    }
    struct ordo_tally_balance *balance = &tally->balances[tally->balance_count++];
    *balance =
        (struct ordo_tally_balance){.channel = posting->channel, .currency = posting->currency};
    return balance;
}

static enum ordo_err check_balance(
    const struct ordo_tally_balance *balance,
    const struct ordo_record_view *view,
    struct ordo_fail *fail)
{
    const int64_t *a = balance->accounts;
    int64_t in = a[ORDO_ACCOUNT_RECEIVED] + a[ORDO_ACCOUNT_MANUAL];
    int64_t out = a[ORDO_ACCOUNT_APPLIED] + a[ORDO_ACCOUNT_REFUND_DUE] + a[ORDO_ACCOUNT_REFUNDED] +
                  a[ORDO_ACCOUNT_REVIEW];

    if (in != out) {
        return ordo_book_broken(
            fail,
            view,
            "I7",
            "channel %u currency %u: received + manual %" PRId64
            " is not applied + refund_due + refunded + review %" PRId64,
            balance->channel,
            balance->currency,
            in,
            out);
    }
    for (uint8_t i = 0; i < ORDO_ACCOUNT_COUNT; i++) {
        if (a[i] < 0) {
            return ordo_book_broken(
                fail,
                view,
                "I7",
                "channel %u currency %u: %s is %" PRId64,
                balance->channel,
                balance->currency,
                ordo_account_name(i),
                a[i]);
        }
    }
    return ORDO_OK;
}

static enum ordo_err
post(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_outcome *outcome = &view->outcome;
    enum ordo_err err = ORDO_OK;

    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        struct ordo_tally_balance *balance = find_balance(tally, &outcome->postings[i]);
        if (balance == NULL) {
            return ordo_fail_set(fail, ORDO_ERR_LIMIT, "more (channel, currency) pairs than 1,024");
        }
        if (outcome->postings[i].account >= ORDO_ACCOUNT_COUNT) {
            return ordo_book_broken(fail, view, "I7", "money is posted to an unknown account");
        }
        balance->accounts[outcome->postings[i].account] += outcome->postings[i].amount;
    }
    for (uint32_t i = 0; i < outcome->posting_count && err == ORDO_OK; i++) {
        err = check_balance(find_balance(tally, &outcome->postings[i]), view, fail);
    }
    return err;
}

static int64_t posted(const struct ordo_outcome *outcome, uint8_t account)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        sum += outcome->postings[i].account == account ? outcome->postings[i].amount : 0;
    }
    return sum;
}

/* ---- each payment once ---- */

struct ordo_hash128 ordo_book_payment_key(
    uint32_t shop, uint8_t channel, struct ordo_bytes merchant, struct ordo_bytes trade_no)
{
    uint8_t bytes[1 + 1 + ORDO_MERCHANT_MAX + ORDO_TRADE_NO_MAX] = {0};

    bytes[0] = channel;
    bytes[1] = (uint8_t)merchant.size;
    ordo_book_copy(bytes + 2, merchant);
    ordo_book_copy(bytes + 2 + merchant.size, trade_no);
    return ordo_book_key('m', shop, bytes, 2 + merchant.size + trade_no.size);
}

static enum ordo_err check_received(
    struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_outcome *outcome = &view->outcome;
    const struct ordo_fact *fact = &view->command.fact;
    int64_t received = posted(outcome, ORDO_ACCOUNT_RECEIVED);
    bool added;

    if (received == 0) {
        return ORDO_OK;
    }
    if (view->command.kind != ORDO_KIND_FACT || received != fact->amount) {
        return ordo_book_broken(
            fail, view, "I5", "%" PRId64 " was received, and no payment says so", received);
    }
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        const struct ordo_posting *p = &outcome->postings[i];
        if (p->account == ORDO_ACCOUNT_RECEIVED &&
            (p->channel != fact->channel || p->currency != fact->currency)) {
            return ordo_book_broken(
                fail, view, "I5", "a payment is received in another channel or currency");
        }
    }
    struct ordo_hash128 key = ordo_book_payment_key(
        view->command.shop, (uint8_t)fact->channel, fact->merchant, fact->trade_no);
    if (ordo_audit_table_put(&tally->payments, key, &added) == NULL) {
        return ordo_book_no_memory(fail);
    }
    return added ? ORDO_OK
                 : ordo_book_broken(
                       fail,
                       view,
                       "I5",
                       "payment %.*s is received for the second time",
                       (int)fact->trade_no.size,
                       (const char *)fact->trade_no.data);
}

/* ---- what counts for each order ---- */

static bool
made(const struct ordo_outcome *outcome, const struct ordo_effect *effect, uint8_t from, uint8_t to)
{
    for (uint32_t i = 0; i < effect->transition_count; i++) {
        const struct ordo_transition *t = &outcome->transitions[effect->transition_first + i];
        if ((from == ORDO_STATE_COUNT || t->from == from) && t->to == to) {
            return true;
        }
    }
    return false;
}

static struct ordo_tally_order *order_of(struct ordo_tally *tally, const struct ordo_effect *effect)
{
    uint32_t row = ordo_book_order(tally, effect->shop, effect->order_id);
    return row == 0 ? NULL : &tally->orders[row - 1];
}

/* Several back-orders gave their money back, and not all of what is known to count for them. */
static void guess(struct ordo_tally *tally, const struct ordo_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        struct ordo_tally_order *order = order_of(tally, &outcome->effects[i]);
        bool back = made(outcome, &outcome->effects[i], ORDO_STATE_BACKORDER, ORDO_STATE_REFUNDING);
        if (order != NULL && back) {
            order->guessed = true;
        }
    }
}

/* Gives every order its share of what was posted to applied. */
static enum ordo_err
share(struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    const struct ordo_outcome *outcome = &view->outcome;
    int64_t rest = posted(outcome, ORDO_ACCOUNT_APPLIED);
    struct ordo_tally_order *own = NULL;
    struct ordo_tally_order *given_back = NULL;
    uint32_t given_back_count = 0;

    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        struct ordo_tally_order *order = order_of(tally, effect);
        if (order == NULL) {
            return ordo_book_no_memory(fail);
        }
        if (effect->own) {
            own = order;
        } else if (made(outcome, effect, ORDO_STATE_NONE, ORDO_STATE_PAID)) {
            order->applied += order->amount;
            rest -= order->amount;
        } else if (made(outcome, effect, ORDO_STATE_BACKORDER, ORDO_STATE_REFUNDING)) {
            rest += order->applied;
            order->applied = 0;
            given_back = order;
            given_back_count++;
        }
    }
    if (own != NULL) {
        own->applied += rest;
    } else if (given_back_count == 1) {
        given_back->applied += rest;
    } else if (rest != 0 && given_back_count > 1) {
        guess(tally, outcome);
    } else if (rest != 0) {
        return ordo_book_broken(fail, view, "I7", "%" PRId64 " is applied, and to no order", rest);
    }
    return ORDO_OK;
}

static int64_t tolerance(struct ordo_tally *tally, const struct ordo_record_view *view)
{
    uint8_t bytes[8];
    bool added;

    if (view->command.kind != ORDO_KIND_FACT) {
        return 0;
    }
    ordo_put_le64(bytes, view->command.fact.channel);
    const struct ordo_audit_cell *cell = ordo_audit_table_put(
        &tally->channel_of, ordo_book_key('h', view->command.shop, bytes, sizeof(bytes)), &added);
    return cell == NULL ? 0 : (int64_t)cell->value;
}

/* I6: money counts for honoured orders only, and who becomes paid has brought the price: an
 * operator alone may accept less. */
static enum ordo_err check_order(
    struct ordo_tally *tally,
    const struct ordo_record_view *view,
    const struct ordo_effect *effect,
    struct ordo_fail *fail)
{
    const struct ordo_tally_order *order = order_of(tally, effect);
    int size = (int)effect->order_id.size;
    const char *id = (const char *)effect->order_id.data;

    if (order == NULL || order->guessed) {
        return order == NULL ? ordo_book_no_memory(fail) : ORDO_OK;
    }
    if (order->applied < 0 || (order->applied != 0 && !ordo_tally_is_honoured(order->state))) {
        return ordo_book_broken(
            fail,
            view,
            "I6",
            "order %.*s is %s, and %" PRId64 " counts for it",
            size,
            id,
            ordo_state_name(order->state),
            order->applied);
    }
    bool stocked = made(&view->outcome, effect, ORDO_STATE_BACKORDER, ORDO_STATE_PAID);
    if (stocked || !made(&view->outcome, effect, ORDO_STATE_COUNT, ORDO_STATE_PAID)) {
        return ORDO_OK;
    }
    tally->paid_times++;
    bool accepted = effect->own && view->command.kind == ORDO_KIND_ACCEPT;
    int64_t wanted = order->amount - (effect->own ? tolerance(tally, view) : 0);
    if (order->applied < wanted && !(accepted && order->applied > 0)) {
        return ordo_book_broken(
            fail,
            view,
            "I6",
            "order %.*s of %" PRId64 " is paid, and %" PRId64 " counts for it",
            size,
            id,
            order->amount,
            order->applied);
    }
    return ORDO_OK;
}

enum ordo_err ordo_book_money(
    struct ordo_tally *tally, const struct ordo_record_view *view, struct ordo_fail *fail)
{
    enum ordo_err err = post(tally, view, fail);

    if (err == ORDO_OK) {
        err = check_received(tally, view, fail);
    }
    if (err == ORDO_OK) {
        err = share(tally, view, fail);
    }
    for (uint32_t i = 0; i < view->outcome.effect_count && err == ORDO_OK; i++) {
        err = check_order(tally, view, &view->outcome.effects[i], fail);
    }
    return err;
}
