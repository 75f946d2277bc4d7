#include "order/parts.h"

#include <inttypes.h>

/* The invariants of the domain (I1-I7, I9 of the reliability note), by walking every table and
 * adding everything up again: nothing here trusts a count that the decisions keep. The walk goes
 * from the rows that own something to what they own and back, so that a card in two orders, an
 * order in no list and a row that its index does not find are all seen. Only for audits and tests:
 * it reads the whole state.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

/* ---- orders: state, units, lists, deadlines ---- */

/* What state its order's cards are in; 0 when it may have none. */
static uint8_t card_state_for(uint8_t state)
{
    switch (state) {
    case ORDO_STATE_PENDING:
    case ORDO_STATE_PAYING:
    case ORDO_STATE_PAY_FAILED:
    case ORDO_STATE_PAID:
        return ORDO_CARD_HELD;
    case ORDO_STATE_ISSUING:
        return ORDO_CARD_BOUND;
    case ORDO_STATE_COMPLETED:
        return ORDO_CARD_REVEALED;
    default:
        return 0;
    }
}

static enum ordo_err
check_cards_of(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint8_t expected = card_state_for(o->state);
    uint32_t count = 0;
    for (uint32_t row = o->card; row != 0 && count <= ORDO_CARDS_MAX; count++) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        bool spent = card->state == ORDO_CARD_BOUND || card->state == ORDO_CARD_REVEALED;
        bool right = expected != 0 ? card->state == expected : spent;
        if (card->order != order || !right) {
            return BROKEN(
                fail,
                "I3: card %u hangs on order row %u but is in state %u",
                row,
                order,
                card->state);
        }
        row = card->next;
    }
    bool by_cards = ordo_product_at(s, o->product)->stock_mode == ORDO_STOCK_CARDS;
    bool wants_cards = o->product != 0 && by_cards && expected != 0;
    if ((wants_cards && count != o->quantity) || count > o->quantity) {
        return BROKEN(fail, "I4: order row %u of %u units has %u cards", order, o->quantity, count);
    }
    return ORDO_OK;
}

static enum ordo_err check_order(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_bytes id = {o->order_id, o->order_id_size};
    if (ordo_order_find(s, o->shop, id) != order) {
        return BROKEN(fail, "order row %u is not found by its number", order);
    }
    if (o->state >= ORDO_STATE_COUNT || (o->state == ORDO_STATE_NONE) != (o->version == 0)) {
        return BROKEN(
            fail, "I9: order row %u has state %u, version %u", order, o->state, o->version);
    }
    if (o->last_seq > ordo_head(s)->seq) {
        return BROKEN(fail, "order row %u names a command that was not decided yet", order);
    }
    bool unpaid = ordo_state_is_unpaid(o->state);
    bool in_heap = s->links[order].heap_at != 0;
    if ((unpaid && !in_heap) || in_heap != (o->deadline_us != 0)) {
        return BROKEN(fail, "order row %u: an unpaid hold has a deadline, no other has", order);
    }
    if (in_heap) {
        const struct ordo_due *due = &s->deadlines.heap[s->links[order].heap_at];
        if (due->order != order || due->deadline_us != o->deadline_us) {
            return BROKEN(fail, "order row %u is not where the deadlines say", order);
        }
    }
    bool counted = unpaid || ordo_state_is_paid(o->state);
    if (counted && ordo_buyer_find(s, o->product, o->buyer) == 0) {
        return BROKEN(fail, "I8: order row %u has units that no buyer row counts", order);
    }
    return check_cards_of(s, order, fail);
}

static enum ordo_err check_list(const struct ordo_state *s, uint8_t state, struct ordo_fail *fail)
{
    uint64_t count = 0;
    uint32_t prev = 0;
    for (uint32_t row = s->lists[state].first; row != 0; row = s->links[row].next) {
        if (ordo_order_at(s, row)->state != state || s->links[row].prev != prev) {
            return BROKEN(fail, "the list of %s is broken at row %u", ordo_state_name(state), row);
        }
        prev = row;
        if (++count > ordo_head(s)->orders_in[state]) {
            break;
        }
    }
    if (count != ordo_head(s)->orders_in[state] || s->lists[state].last != prev) {
        return BROKEN(
            fail,
            "the list of %s has %" PRIu64 " orders, the head says %" PRIu64,
            ordo_state_name(state),
            count,
            ordo_head(s)->orders_in[state]);
    }
    return ORDO_OK;
}

static enum ordo_err check_orders(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    uint64_t sum = 0;
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_ORDER] && err == ORDO_OK; row++) {
        err = check_order(s, row, fail);
    }
    for (uint8_t state = 0; state < ORDO_STATE_COUNT && err == ORDO_OK; state++) {
        err = check_list(s, state, fail);
        sum += ordo_head(s)->orders_in[state];
    }
    if (err == ORDO_OK && sum != ordo_head(s)->used[ORDO_TABLE_ORDER]) {
        return BROKEN(fail, "the states' counts are not the number of orders");
    }
    const struct ordo_due *heap = s->deadlines.heap;
    for (uint32_t i = 2; i <= s->deadlines.count && err == ORDO_OK; i++) {
        if (heap[i].deadline_us < heap[(i + 2) / 4].deadline_us) {
            return BROKEN(fail, "the deadlines are out of order at %u", i);
        }
    }
    return err;
}

/* ---- stock ---- */

static enum ordo_err check_sum(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t sum = p->free + p->held + p->bound + p->revealed + p->voided;
    if (p->stock_mode != ORDO_STOCK_UNLIMITED && sum != p->imported) {
        return BROKEN(
            fail,
            "I1: product %u has %" PRIu64 " units in all states, %" PRIu64 " were loaded",
            p->product,
            sum,
            p->imported);
    }
    return ORDO_OK;
}

/* Units in each card state that the product's orders stand for, one pass over all of them. */
static enum ordo_err
check_units(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t held = 0;
    uint64_t issued = 0;
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_ORDER]; row++) {
        const struct ordo_order_row *o = ordo_order_at(s, row);
        if (o->product != product) {
            continue;
        }
        uint8_t state = card_state_for(o->state);
        held += state == ORDO_CARD_HELD ? o->quantity : 0;
        issued += state == ORDO_CARD_BOUND || state == ORDO_CARD_REVEALED ? o->quantity : 0;
    }
    if (held != p->held || issued > p->bound + p->revealed) {
        return BROKEN(
            fail,
            "I2: product %u says %" PRIu64 " units are held, its orders hold %" PRIu64,
            p->product,
            p->held,
            held);
    }
    return ORDO_OK;
}

static enum ordo_err
check_cards(const struct ordo_state *s, uint32_t product, struct ordo_fail *fail)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    uint64_t in_state[ORDO_CARD_VOID + 1] = {0};
    uint64_t queued = 0;
    for (uint32_t row = 1; row <= ordo_head(s)->used[ORDO_TABLE_CARD]; row++) {
        const struct ordo_card_row *card = ordo_card_at(s, row);
        if (card->product != product) {
            continue;
        }
        if (card->state < ORDO_CARD_FREE || card->state > ORDO_CARD_VOID ||
            (card->state == ORDO_CARD_FREE) != (card->order == 0)) {
            return BROKEN(
                fail, "I3: card %u in state %u, order row %u", row, card->state, card->order);
        }
        in_state[card->state]++;
    }
    for (uint32_t row = p->free_first; row != 0 && queued <= p->free; queued++) {
        if (ordo_card_at(s, row)->state != ORDO_CARD_FREE) {
            return BROKEN(fail, "I3: card %u waits in the queue but is not free", row);
        }
        row = ordo_card_at(s, row)->next;
    }
    bool right = p->free == in_state[ORDO_CARD_FREE] && p->free == queued &&
                 p->held == in_state[ORDO_CARD_HELD] && p->bound == in_state[ORDO_CARD_BOUND] &&
                 p->revealed == in_state[ORDO_CARD_REVEALED] &&
                 p->voided == in_state[ORDO_CARD_VOID];
    if (!right) {
        return BROKEN(fail, "I1: the counts of product %u are not its cards'", p->product);
    }
    return ORDO_OK;
}

/* Each product is compared with its own orders and cards, as long as so many passes can be walked.
 * Of the products past that only the sums are checked. */
#define PAIRS_MAX 1000000000ull

static enum ordo_err check_stock(const struct ordo_state *s, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    const struct ordo_head_row *head = ordo_head(s);
    uint64_t used = head->used[ORDO_TABLE_PRODUCT];
    uint64_t pass = (uint64_t)head->used[ORDO_TABLE_ORDER] + head->used[ORDO_TABLE_CARD] + 1;
    if (used * pass > PAIRS_MAX) {
        used = PAIRS_MAX / pass; /* the first products in full */
    }
    for (uint32_t row = 1; row <= head->used[ORDO_TABLE_PRODUCT] && err == ORDO_OK; row++) {
        err = check_sum(s, row, fail);
    }
    for (uint32_t row = 1; row <= used && err == ORDO_OK; row++) {
        err = check_units(s, row, fail);
        if (err == ORDO_OK && ordo_product_at(s, row)->stock_mode == ORDO_STOCK_CARDS) {
            err = check_cards(s, row, fail);
        }
    }
    return err;
}

enum ordo_err ordo_state_check(const struct ordo_state *state, struct ordo_fail *fail)
{
    enum ordo_err err = check_orders(state, fail);
    if (err == ORDO_OK) {
        err = check_stock(state, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_check_money(state, fail);
    }
    return err;
}
