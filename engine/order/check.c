#include "order/parts.h"

#include <inttypes.h>

/* The invariants of the domain (I1-I7, I9 of the reliability note), by walking every table and
 * adding everything up again: nothing here trusts a count that the decisions keep. The walk goes
 * from the rows that own something to what they own and back, so that a card in two orders, an
 * order in no list and a row that its index does not find are all seen. Only for audits and tests:
 * it reads the whole state.
 */

#define BROKEN(fail, ...) ordo_fail_set(fail, ORDO_ERR_DAMAGED, __VA_ARGS__)

/* ---- orders: state, lists, deadlines ---- */

/* Who has a deadline: a hold, a wait, a back-order; a delivery may have one. */
static bool deadline_is_right(const struct ordo_order_row *o)
{
    if (ordo_state_is_unpaid(o->state) || o->state == ORDO_STATE_BACKORDER ||
        ordo_order_is_waiting(o)) {
        return o->deadline_us != 0;
    }
    return o->deadline_us == 0 || o->state == ORDO_STATE_ISSUING;
}

static enum ordo_err
check_deadline(const struct ordo_state *s, uint32_t order, struct ordo_fail *fail)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    if (!deadline_is_right(o)) {
        return BROKEN(
            fail,
            "order row %u in %s: its deadline is %" PRIu64,
            order,
            ordo_state_name(o->state),
            o->deadline_us);
    }
    if (!ordo_deadline_is_kept(s, order)) {
        return BROKEN(fail, "order row %u is not where the deadlines say", order);
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
    if (ordo_order_is_waiting(o) && o->state != ORDO_STATE_NONE) {
        return BROKEN(fail, "order row %u waits in %s", order, ordo_state_name(o->state));
    }
    bool counted =
        ordo_state_is_unpaid(o->state) || ordo_state_is_paid(o->state) || ordo_order_is_waiting(o);
    if (counted && ordo_buyer_find(s, o->product, o->buyer) == 0) {
        return BROKEN(fail, "I8: order row %u has units that no buyer row counts", order);
    }
    return check_deadline(s, order, fail);
}

static enum ordo_err check_list(const struct ordo_state *s, uint8_t state, struct ordo_fail *fail)
{
    uint64_t count = 0;
    uint32_t prev = 0;
    for (uint32_t row = s->lists[state].first; row != 0; row = s->links[row].next) {
        if (ordo_order_at(s, row)->state != state || s->links[row].prev != prev) {
            return BROKEN(fail, "the list of %s is broken at row %u", ordo_state_name(state), row);
        }
        if (prev != 0 && ordo_order_at(s, prev)->changed_us > ordo_order_at(s, row)->changed_us) {
            return BROKEN(
                fail, "row %u is in %s longer than the one before", row, ordo_state_name(state));
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
    uint32_t out = err == ORDO_OK ? ordo_deadlines_out_of_order(s) : 0;
    return out == 0 ? err : BROKEN(fail, "order row %u: the deadlines are out of order", out);
}

enum ordo_err ordo_state_check(const struct ordo_state *state, struct ordo_fail *fail)
{
    enum ordo_err err = check_orders(state, fail);
    if (err == ORDO_OK) {
        err = ordo_check_stock(state, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_check_money(state, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_check_holds(state, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_check_subscribers(state, fail);
    }
    return err;
}
