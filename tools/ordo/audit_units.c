/* Units, cards, caps and coupons of one order, by the state that a command left it in.
 *
 * An outcome names the cards that are bound, never the units that are held: those follow from the
 * state. An unpaid order holds its units unless its product takes them at the payment; a paid one
 * holds them, one that is issued has them bound, one that is completed has revealed them. What is
 * bound when the money goes back whole is void, what was revealed stays. A card is bound once in
 * its life (those of a loop go round).
 */
#include "audit_book.h"

#include <inttypes.h>

/* A card's cell: who has it (index + 1), and the version of the order at which it was bound. */
#define OWNER_VOID 0xffffffffu

static uint64_t owned(uint32_t order, uint32_t version)
{
    return (uint64_t)order << 32 | version;
}

static struct ordo_audit_cell *card_cell(struct ordo_tally *tally, uint64_t card, bool *added)
{
    uint8_t bytes[8];

    ordo_put_le64(bytes, card);
    return ordo_audit_table_put(
        &tally->card_owner, ordo_book_key('c', 0, bytes, sizeof(bytes)), added);
}

/* ---- cards ---- */

bool ordo_book_own(struct ordo_tally *tally, uint64_t card, uint32_t order, uint32_t version)
{
    bool added;
    struct ordo_audit_cell *cell = card_cell(tally, card, &added);

    if (cell != NULL) {
        cell->value = owned(order == 0 ? OWNER_VOID : order, version);
    }
    return cell != NULL;
}

static enum ordo_err bind_cards(
    struct ordo_tally *tally, const struct ordo_book_step *step, bool again, struct ordo_fail *fail)
{
    const struct ordo_effect *effect = step->effect;
    const struct ordo_tally_order *order = &tally->orders[step->order - 1];

    for (uint32_t i = 0; i < effect->card_count; i++) {
        uint64_t card = step->view->outcome.cards[effect->card_first + i];
        bool added;
        struct ordo_audit_cell *cell = card_cell(tally, card, &added);
        if (cell == NULL) {
            return ordo_book_no_memory(fail);
        }
        if (!added && !again) {
            return ordo_book_broken(
                fail,
                step->view,
                "I3",
                "card %" PRIu64 " is bound to %.*s and was bound before",
                card,
                (int)effect->order_id.size,
                (const char *)effect->order_id.data);
        }
        cell->value = owned(step->order, order->version);
    }
    return ORDO_OK;
}

/* The card that a replace or recall took from the order: bound or revealed until now. */
static enum ordo_err
take_back(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    const struct ordo_command *command = &step->view->command;
    struct ordo_tally_order *order = &tally->orders[step->order - 1];
    struct ordo_tally_product *product = &tally->products[order->product - 1];
    uint64_t card =
        command->kind == ORDO_KIND_RECALL ? command->recall.card : command->replace.card;
    bool added;
    struct ordo_audit_cell *cell = card_cell(tally, card, &added);

    if (cell == NULL) {
        return ordo_book_no_memory(fail);
    }
    if (cell->value >> 32 != step->order || step->effect->card_count != 1) {
        return ordo_book_broken(
            fail,
            step->view,
            "I3",
            "card %" PRIu64 " is replaced by %u, and %.*s does not have it",
            card,
            step->effect->card_count,
            (int)step->effect->order_id.size,
            (const char *)step->effect->order_id.data);
    }
    bool was_revealed = (uint32_t)cell->value < order->revealed_version;
    cell->value = owned(OWNER_VOID, 0);
    order->revealed -= was_revealed;
    product->revealed -= was_revealed;
    order->bound += was_revealed; /* the fresh card is bound, in the place of a revealed one */
    product->bound += was_revealed;
    tally->replaced++;
    return ORDO_OK;
}

/* ---- units ---- */

static bool has_cards(const struct ordo_tally_product *product)
{
    return product->stock_mode == ORDO_STOCK_CARDS || product->stock_mode == ORDO_STOCK_PRESELECT;
}

static void hold(struct ordo_tally_product *product, struct ordo_tally_order *order, uint16_t units)
{
    product->held += units;
    product->held -= order->held;
    order->held = units;
}

/* From PAID or BACKORDER: exactly the units of the order are bound, or fewer and it says so. */
static enum ordo_err
issue(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    struct ordo_tally_order *order = &tally->orders[step->order - 1];
    struct ordo_tally_product *product = &tally->products[order->product - 1];
    uint32_t cards = step->effect->card_count;
    bool partial = (order->flags & ORDO_FLAG_PARTIAL) != 0;
    uint32_t units = order->quantity;
    bool right;

    if (has_cards(product)) {
        right = partial ? cards > 0 && cards < order->quantity : cards == order->quantity;
        units = cards;
    } else {
        right = cards == (product->stock_mode == ORDO_STOCK_LOOP ? 1 : 0);
        product->guessed = product->guessed || partial;
    }
    if (!right) {
        return ordo_book_broken(
            fail,
            step->view,
            "I4",
            "%.*s of %u units is issued with %u cards%s",
            (int)step->effect->order_id.size,
            (const char *)step->effect->order_id.data,
            order->quantity,
            cards,
            partial ? ", in part" : "");
    }
    hold(product, order, 0);
    order->bound = (uint16_t)units;
    product->bound += units;
    return ORDO_OK;
}

static void end(struct ordo_tally_product *product, struct ordo_tally_order *order)
{
    hold(product, order, 0);
    product->bound -= order->bound; /* void now */
    order->bound = 0;
}

static void reveal(struct ordo_tally_product *product, struct ordo_tally_order *order)
{
    product->bound -= order->bound;
    product->revealed += order->bound;
    order->revealed = (uint16_t)(order->revealed + order->bound);
    order->bound = 0;
    order->revealed_version = order->version;
}

static enum ordo_err
move_units(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    struct ordo_tally_order *order = &tally->orders[step->order - 1];
    struct ordo_tally_product *product = &tally->products[order->product - 1];
    uint8_t kind = step->view->command.kind;
    bool issued = step->from == ORDO_STATE_ISSUING || step->from == ORDO_STATE_COMPLETED;
    bool replaces = kind == ORDO_KIND_REPLACE || kind == ORDO_KIND_RECALL;
    bool binds = order->state == ORDO_STATE_ISSUING && !issued;
    bool exchanges = order->state == ORDO_STATE_ISSUING && issued && replaces &&
                     step->effect->transition_count != 0;

    if (!binds && !exchanges && step->effect->card_count != 0) {
        return ordo_book_broken(
            fail,
            step->view,
            "I4",
            "%.*s gets %u cards and is not issued",
            (int)step->effect->order_id.size,
            (const char *)step->effect->order_id.data,
            step->effect->card_count);
    }
    if (exchanges) {
        return take_back(tally, step, fail);
    }
    if (binds) {
        return issue(tally, step, fail);
    }
    if (order->state == ORDO_STATE_PAID) {
        hold(product, order, order->quantity);
    } else if (order->state == ORDO_STATE_COMPLETED && step->from == ORDO_STATE_ISSUING) {
        reveal(product, order);
    } else if (ordo_tally_is_unpaid(order->state) && step->from == ORDO_STATE_NONE) {
        bool at_pay = (product->options & ORDO_PRODUCT_HOLD_AT_PAY) != 0;
        hold(product, order, at_pay ? 0 : order->quantity);
    } else if (!ordo_tally_is_unpaid(order->state) && !ordo_tally_is_honoured(order->state)) {
        end(product, order);
    }
    return ORDO_OK;
}

/* ---- queues, caps, coupons ---- */

static void count_queues(struct ordo_tally *tally, const struct ordo_book_step *step)
{
    const struct ordo_tally_order *order = &tally->orders[step->order - 1];
    struct ordo_tally_product *product = &tally->products[order->product - 1];

    product->backorders += order->state == ORDO_STATE_BACKORDER;
    product->backorders -= step->from == ORDO_STATE_BACKORDER;
    product->waiting += (order->flags & ORDO_FLAG_WAITING) != 0;
    product->waiting -= (step->flags & ORDO_FLAG_WAITING) != 0;
}

uint8_t ordo_book_counts_of(const struct ordo_tally_order *order)
{
    if (ordo_tally_is_honoured(order->state)) {
        return ORDO_TALLY_PAID;
    }
    bool waits = (order->flags & ORDO_FLAG_WAITING) != 0;
    return waits || ordo_tally_is_unpaid(order->state) ? ORDO_TALLY_HELD : ORDO_TALLY_NOT;
}

/* A create and a late payment look at the cap; nothing else makes a buyer count more. */
static enum ordo_err
count_buyer(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    struct ordo_tally_order *order = &tally->orders[step->order - 1];
    const struct ordo_tally_product *product = &tally->products[order->product - 1];
    struct ordo_tally_buyer *buyer = &tally->buyers[order->buyer - 1];
    uint8_t counts = ordo_book_counts_of(order);
    bool more = order->counts == ORDO_TALLY_NOT && counts != ORDO_TALLY_NOT;
    bool late = step->from == ORDO_STATE_EXPIRED && more;

    buyer->held -= order->counts == ORDO_TALLY_HELD ? order->quantity : 0;
    buyer->paid -= order->counts == ORDO_TALLY_PAID ? order->quantity : 0;
    if (late && buyer->paid != 0) {
        return ordo_book_broken(
            fail,
            step->view,
            "I8",
            "an expired order is honoured, and its buyer has paid %u units since",
            buyer->paid);
    }
    buyer->held += counts == ORDO_TALLY_HELD ? order->quantity : 0;
    buyer->paid += counts == ORDO_TALLY_PAID ? order->quantity : 0;
    order->counts = counts;
    if (!more || product->purchase_cap == 0) {
        return ORDO_OK;
    }
    tally->capped++;
    if ((uint64_t)buyer->held + buyer->paid > product->purchase_cap) {
        return ordo_book_broken(
            fail,
            step->view,
            "I8",
            "a buyer holds %u and has paid %u units of product %u, whose cap is %u",
            buyer->held,
            buyer->paid,
            product->number,
            product->purchase_cap);
    }
    return ORDO_OK;
}

/* A use counts while the order does, and for ever once something was bound. */
static enum ordo_err
count_coupon(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    struct ordo_tally_order *order = &tally->orders[step->order - 1];
    struct ordo_tally_coupon *coupon = &tally->coupons[order->coupon - 1];
    bool counts = order->counts != ORDO_TALLY_NOT;
    bool was_bound = step->from == ORDO_STATE_ISSUING || step->from == ORDO_STATE_COMPLETED;

    if (order->coupon_live && !counts && !was_bound && step->from != order->state) {
        bool ended = ordo_tally_is_unpaid(step->from) || ordo_tally_is_honoured(step->from) ||
                     (step->flags & ORDO_FLAG_WAITING) != 0;
        coupon->returned += ended;
        order->coupon_live = !ended;
        return ORDO_OK;
    }
    if (order->coupon_live || !counts) {
        return ORDO_OK;
    }
    order->coupon_live = true;
    coupon->used++;
    if (coupon->used - coupon->returned <= coupon->uses_max) {
        return ORDO_OK;
    }
    coupon->overdrawn++;
    bool said = (order->flags & ORDO_FLAG_COUPON_OVERDRAWN) != 0;
    if (!said || order->created_seq == step->view->record->seq) {
        return ordo_book_broken(
            fail,
            step->view,
            "coupons",
            "coupon %.*s has %" PRIu64 " uses, its limit is %" PRIu64,
            (int)coupon->size,
            (const char *)coupon->text,
            coupon->used - coupon->returned,
            coupon->uses_max);
    }
    return ORDO_OK;
}

enum ordo_err
ordo_book_units(struct ordo_tally *tally, const struct ordo_book_step *step, struct ordo_fail *fail)
{
    const struct ordo_tally_order *order = &tally->orders[step->order - 1];

    if (order->product == 0) { /* a placeholder, or released before it was created */
        return step->effect->card_count == 0
                   ? ORDO_OK
                   : ordo_book_broken(fail, step->view, "I4", "an order nobody created gets cards");
    }
    bool loop = tally->products[order->product - 1].stock_mode == ORDO_STOCK_LOOP;
    enum ordo_err err = move_units(tally, step, fail);
    if (err == ORDO_OK) {
        err = bind_cards(tally, step, loop, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    count_queues(tally, step);
    err = count_buyer(tally, step, fail);
    return err == ORDO_OK && order->coupon != 0 ? count_coupon(tally, step, fail) : err;
}
