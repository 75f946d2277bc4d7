#include "order/stock.h"

#include <inttypes.h>

/* Units, cards and queues, added up again from the rows: what each order has, where each card
 * hangs, who waits in which order, and that nobody waits beside units that are free without being
 * noted for service.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

/* ---- one order ---- */

/* Whether an order in this state may have its units there. */
static bool units_are_right(const struct ordo_state *s, const struct ordo_order_row *o)
{
    bool whole = o->unit_count == o->quantity;
    bool part = (o->flags & ORDO_FLAG_PARTIAL) != 0 && o->unit_count < o->quantity;
    bool at_pay = (ordo_product_at(s, o->product)->options & ORDO_PRODUCT_HOLD_AT_PAY) != 0;
    if ((o->units == ORDO_UNITS_NONE) != (o->unit_count == 0)) {
        return false;
    }
    switch ((enum ordo_order_state)o->state) {
    case ORDO_STATE_PENDING:
    case ORDO_STATE_PAYING:
    case ORDO_STATE_PAY_FAILED:
        return (o->units == ORDO_UNITS_HELD && whole) ||
               (o->units == ORDO_UNITS_NONE && (at_pay || o->extra != 0));
    case ORDO_STATE_PAID:
        return o->units == ORDO_UNITS_HELD && whole;
    case ORDO_STATE_ISSUING:
        return o->units == ORDO_UNITS_BOUND && (whole || part);
    case ORDO_STATE_COMPLETED:
        return o->units == ORDO_UNITS_REVEALED && (whole || part);
    case ORDO_STATE_REFUNDING:
    case ORDO_STATE_REFUNDED:
        return o->units == ORDO_UNITS_NONE || o->units == ORDO_UNITS_REVEALED;
    case ORDO_STATE_NONE:
    case ORDO_STATE_BACKORDER:
    case ORDO_STATE_EXPIRED:
    case ORDO_STATE_CANCELLED:
    case ORDO_STATE_COUNT:
        break;
    }
    return o->units == ORDO_UNITS_NONE;
}

/* A card of an order whose units are there. */
static bool card_is_right(uint8_t units, uint8_t card_state)
{
    switch (units) {
    case ORDO_UNITS_HELD:
        return card_state == ORDO_CARD_HELD;
    case ORDO_UNITS_BOUND:
        return card_state == ORDO_CARD_BOUND || card_state == ORDO_CARD_REVEALED;
    default:
        return units == ORDO_UNITS_REVEALED && card_state == ORDO_CARD_REVEALED;
    }
}

static enum ordo_err
check_one_time(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t count = 0;
    uint32_t bound = 0;
    for (uint32_t row = o->card; row != 0 && count <= ORDO_CARDS_MAX; count++) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        if (card->order != order || card->product != o->product ||
            !card_is_right(o->units, card->state)) {
            return BROKEN(
                fail,
                "I3: card %u hangs on order row %u but is in state %u of order row %u",
                row,
                order,
                card->state,
                card->order);
        }
        bound += card->state == ORDO_CARD_BOUND;
        row = card->next;
    }
    if (count != o->unit_count || (o->units == ORDO_UNITS_BOUND && bound == 0)) {
        return BROKEN(
            fail, "I4: order row %u of %u units has %u cards", order, o->unit_count, count);
    }
    return ORDO_OK;
}

static enum ordo_err check_order(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    if (!units_are_right(s, o)) {
        return BROKEN(
            fail,
            "I4: order row %u in %s has %u of %u units in place %u",
            order,
            ordo_state_name(o->state),
            o->unit_count,
            o->quantity,
            o->units);
    }
    uint8_t queue = o->extra == 0 ? ORDO_QUEUE_NONE : ordo_extra_at(s, o->extra)->queue;
    uint8_t wanted = o->state == ORDO_STATE_BACKORDER ? ORDO_QUEUE_BACKORDER
                     : ordo_order_is_waiting(o)       ? ORDO_QUEUE_WAIT
                                                      : ORDO_QUEUE_NONE;
    if (queue != wanted) {
        return BROKEN(
            fail, "order row %u in %s is in queue %u", order, ordo_state_name(o->state), queue);
    }
    if (o->product != 0 && ordo_stock_is_one_time(p->stock_mode)) {
        return check_one_time(s, order, fail);
    }
    bool has_card = o->product != 0 && p->stock_mode == ORDO_STOCK_LOOP && o->unit_count != 0;
    if ((o->card != 0) != has_card ||
        (has_card && ordo_card_at(s, o->card)->product != o->product)) {
        return BROKEN(
            fail, "I4: order row %u of %u units has card %u", order, o->unit_count, o->card);
    }
    return ORDO_OK;
}

/* ---- one product ---- */

/* What its orders stand for. */
struct sums {
    uint64_t units[ORDO_UNITS_REVEALED + 1];
    uint64_t held_unpaid;
    uint64_t queued[ORDO_QUEUE_WAIT + 1];
};

static void add_up(const struct ordo_state *s, uint32_t product, struct sums *sums)
{
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_ORDER]; row++) {
        const struct ordo_order_row *o = ordo_order_at(s, row);
        if (o->product != product) {
            continue;
        }
        sums->units[o->units] += o->unit_count;
        bool unpaid = ordo_state_is_unpaid(o->state) && o->units == ORDO_UNITS_HELD;
        sums->held_unpaid += unpaid ? o->unit_count : 0;
        sums->queued[o->extra == 0 ? ORDO_QUEUE_NONE : ordo_extra_at(s, o->extra)->queue]++;
    }
}

static enum ordo_err check_units(
    const struct ordo_state *s, uint32_t product, const struct sums *sums, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t issued = sums->units[ORDO_UNITS_BOUND] + sums->units[ORDO_UNITS_REVEALED];
    if (sums->units[ORDO_UNITS_HELD] != p->held || sums->held_unpaid != p->held_unpaid) {
        return BROKEN(
            fail,
            "I2: product %u says %" PRIu64 " units are held, %" PRIu64
            " of them unpaid; its orders hold %" PRIu64 " and %" PRIu64,
            p->product,
            p->held,
            p->held_unpaid,
            sums->units[ORDO_UNITS_HELD],
            sums->held_unpaid);
    }
    bool by_card = ordo_stock_is_one_time(p->stock_mode); /* there a replace mixes the two */
    if (issued != p->bound + p->revealed ||
        (!by_card && sums->units[ORDO_UNITS_BOUND] != p->bound)) {
        return BROKEN(
            fail,
            "I2: product %u says %" PRIu64 " units are bound, %" PRIu64
            " revealed; its orders have %" PRIu64 " in all",
            p->product,
            p->bound,
            p->revealed,
            issued);
    }
    return ORDO_OK;
}

static enum ordo_err check_sum(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t sum = p->free + p->held + p->bound + p->revealed + p->voided;
    bool summed = ordo_stock_is_one_time(p->stock_mode) || p->stock_mode == ORDO_STOCK_COUNTED;
    if (summed && sum != p->imported) {
        return BROKEN(
            fail,
            "I1: product %u has %" PRIu64 " units in all states, %" PRIu64 " were loaded",
            p->product,
            sum,
            p->imported);
    }
    return ORDO_OK;
}

static enum ordo_err
check_free_queue(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t count = 0;
    uint32_t prev = 0;
    for (uint32_t row = p->free_first; row != 0 && count <= p->free; count++) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        if (card->state != ORDO_CARD_FREE || card->product != product || card->prev != prev) {
            return BROKEN(fail, "I3: card %u in the queue of product %u is not", row, p->product);
        }
        prev = row;
        row = card->next;
    }
    if (count != p->free || p->free_last != prev) {
        return BROKEN(
            fail,
            "I1: product %u has %" PRIu64 " free cards, %" PRIu64 " in the queue",
            p->product,
            p->free,
            count);
    }
    return ORDO_OK;
}

static enum ordo_err
check_cards(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t in_state[ORDO_CARD_VOID + 1] = {0};
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_CARD]; row++) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        if (card->product != product) {
            continue;
        }
        bool owned = card->state >= ORDO_CARD_HELD && card->state <= ORDO_CARD_REVEALED;
        if (card->state < ORDO_CARD_FREE || card->state > ORDO_CARD_VOID ||
            owned != (card->order != 0)) {
            return BROKEN(
                fail, "I3: card %u in state %u, order row %u", row, card->state, card->order);
        }
        in_state[card->state]++;
    }
    bool right = p->free == in_state[ORDO_CARD_FREE];
    if (ordo_stock_is_one_time(p->stock_mode)) {
        right =
            right && p->held == in_state[ORDO_CARD_HELD] && p->bound == in_state[ORDO_CARD_BOUND] &&
            p->revealed == in_state[ORDO_CARD_REVEALED] && p->voided == in_state[ORDO_CARD_VOID];
    } else {
        right = right && p->imported == in_state[ORDO_CARD_FREE] + in_state[ORDO_CARD_VOID];
    }
    if (!right) {
        return BROKEN(fail, "I1: the counts of product %u are not its cards'", p->product);
    }
    return check_free_queue(s, product, fail);
}

/* ---- queues ---- */

/* Back-orders entered their state when they were paid, waiting orders were made when they joined:
 * neither time goes back along its queue. */
static enum ordo_err check_queue(
    const struct ordo_state *s,
    uint32_t product,
    enum ordo_queue queue,
    uint64_t expected,
    struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    bool paid = queue == ORDO_QUEUE_BACKORDER;
    uint64_t count = 0;
    uint64_t since_us = 0;
    uint32_t prev = 0;
    for (uint32_t row = paid ? p->backorder_first : p->wait_first; row != 0 && count <= expected;) {
        const struct ordo_order_row *o = ordo_order_at(s, row);
        const struct ordo_extra_row *extra = ordo_extra_at(s, o->extra);
        uint64_t at_us = paid ? o->changed_us : o->created_us;
        if (o->product != product || extra->order != row || extra->queue != queue ||
            extra->queue_prev != prev || at_us < since_us) {
            return BROKEN(
                fail, "queue %u of product %u is broken at order row %u", queue, p->product, row);
        }
        since_us = at_us;
        prev = row;
        row = extra->queue_next;
        count++;
    }
    bool ends = prev == (paid ? p->backorder_last : p->wait_last);
    if (!ends || count != expected || count != (paid ? p->backorder_count : p->wait_count)) {
        return BROKEN(
            fail,
            "queue %u of product %u has %" PRIu64 " orders, %" PRIu64 " say that they are in it",
            queue,
            p->product,
            count,
            expected);
    }
    return ORDO_OK;
}

static enum ordo_err
check_head(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint32_t first = p->backorder_first != 0 ? p->backorder_first : p->wait_first;
    if (first != 0 && !p->serving && ordo_stock_has(p, ordo_order_at(s, first)->quantity)) {
        return BROKEN(
            fail, "product %u: order row %u waits beside units that are free", p->product, first);
    }
    return ORDO_OK;
}

/* The products that are noted for service, and no others say that they are. */
static enum ordo_err check_noted(const struct ordo_state *s, struct ordo_fail *fail)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint32_t noted = 0;
    uint32_t count = 0;
    uint32_t last = 0;
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_PRODUCT]; row++) {
        noted += ordo_product_at(s, row)->serving;
    }
    for (uint32_t row = head->serve_first; row != 0 && count <= noted; count++) {
        if (!ordo_product_at(s, row)->serving) {
            break;
        }
        last = row;
        row = ordo_product_at(s, row)->serve_next;
    }
    if (count != noted || last != head->serve_last) {
        return BROKEN(fail, "%u products are noted for service, the chain has %u", noted, count);
    }
    return ORDO_OK;
}

/* ---- all ---- */

static enum ordo_err
check_product(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    struct sums sums = {.held_unpaid = 0};
    add_up(s, product, &sums);
    enum ordo_err err = check_units(s, product, &sums, fail);
    if (err == ORDO_OK && ordo_stock_has_cards(ordo_product_at(s, product)->stock_mode)) {
        err = check_cards(s, product, fail);
    }
    for (uint32_t i = ORDO_QUEUE_BACKORDER; i <= ORDO_QUEUE_WAIT && err == ORDO_OK; i++) {
        err = check_queue(s, product, (enum ordo_queue)i, sums.queued[i], fail);
    }
    return err;
}

/* Each product is compared with its own orders and cards, as long as so many passes can be walked.
 * Of the products past that only the sums are checked. */
#define PAIRS_MAX 1000000000ull

enum ordo_err ordo_check_stock(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = check_noted(s, fail);
    const struct ordo_head_row *head = ordo_head(s);
    uint64_t used = head->used[ORDO_TABLE_PRODUCT];
    uint64_t pass = (uint64_t)head->used[ORDO_TABLE_ORDER] + head->used[ORDO_TABLE_CARD] + 1;
    if (used * pass > PAIRS_MAX) {
        used = PAIRS_MAX / pass; /* the first products in full */
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_ORDER] && err == ORDO_OK; row++) {
        err = check_order(s, row, fail);
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_PRODUCT] && err == ORDO_OK; row++) {
        err = check_sum(s, row, fail);
        err = err == ORDO_OK ? check_head(s, row, fail) : err;
    }
    for (uint32_t row = 1; row <= used && err == ORDO_OK; row++) {
        err = check_product(s, row, fail);
    }
    return err;
}
