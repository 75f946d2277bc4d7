#include "order/parts.h"

/* A verified payment fact gets exactly one disposition and the result OK; only a fact that is no
 * fact (no trade_no, not verified) is refused, and one without room for its rows is BUSY, so that
 * the gateway sends it again.
 *
 * The way of a PAY: known trade_no -> the same again or a conflict. New -> exact, short or over;
 * that and whether an expired order can be honoured is the event; the machine's cell says
 * disposition and move; the disposition says where the money stands (place_of). Nothing else
 * decides about money.
 */

void ordo_fact_begin(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->order == 0) {
        c->order = ordo_order_add(s, s->command.shop, c->fact->order_id);
    }
    c->effect = ordo_effect_begin(s, c->order, true);
}

void ordo_fact_add_payment(struct ordo_state *s, struct ordo_fact_case *c)
{
    const struct ordo_fact *fact = c->fact;
    c->key.merchant = ordo_merchant_take(s, s->command.shop, fact->channel, fact->merchant);
    c->payment = ordo_payment_add(s, c->order, &c->key, fact->currency);
}

void ordo_fact_receive(
    struct ordo_state *s, const struct ordo_fact_case *c, const struct ordo_money *place)
{
    struct ordo_payment_row *p = ordo_payment_edit(s, c->payment);
    ORDO_ASSERT((p->flags & ORDO_PAYMENT_RECEIVED) == 0);
    p->flags |= ORDO_PAYMENT_RECEIVED;
    p->refunded = 0; /* what a refund before its payment had noted: now it is posted */
    struct ordo_money change = *place;
    change.received = c->fact->amount;
    ordo_payment_post(s, c->payment, &change);
}

uint8_t
ordo_fact_stay(const struct ordo_state *s, const struct ordo_fact_case *c, enum ordo_event event)
{
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, c->order)->state, event);
    ORDO_ASSERT(cell->action == ORDO_CELL_STAY);
    return cell->disposition;
}

/* ---- a new payment ---- */

/* An expired order can be honoured: in the window, units free, caps kept. `odd` when a person
 * should look at why not. DESIGN §4 "Time". */
static bool can_reclaim(const struct ordo_state *s, uint32_t order, bool *odd)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    uint64_t window_us = (uint64_t)ordo_settings_of(s)->late_window_s * 1000000;
    uint32_t row = ordo_buyer_find(s, o->product, o->buyer);
    const struct ordo_buyer_row *buyer = ordo_buyer_at(s, row);
    *odd = false;
    if (s->now_us - o->changed_us > window_us || buyer->paid != 0) {
        *odd = true;
        return false;
    }
    if (p->purchase_cap != 0 && (uint64_t)o->quantity + buyer->held > p->purchase_cap) {
        return false;
    }
    return ordo_stock_open(p, o->quantity) && ordo_buyer_room(s, row);
}

static enum ordo_event classify(struct ordo_state *s, const struct ordo_fact_case *c)
{
    const struct ordo_order_row *o = ordo_order_at(s, c->order);
    if (o->state == ORDO_STATE_NONE) {
        return ORDO_EVENT_PAY; /* every PAY cell of NONE is ORPHAN */
    }
    uint16_t currency = ordo_product_at(s, o->product)->currency;
    if (c->fact->currency != currency || c->fact->amount < o->amount) {
        return ORDO_EVENT_PAY_SHORT;
    }
    if (c->fact->amount > o->amount) {
        return ORDO_EVENT_PAY_OVER;
    }
    bool odd = false;
    if (o->state != ORDO_STATE_EXPIRED || can_reclaim(s, c->order, &odd)) {
        return ORDO_EVENT_PAY;
    }
    if (odd) {
        ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    }
    return ORDO_EVENT_PAY_UNPLACED;
}

static struct ordo_money
place_of(const struct ordo_state *s, const struct ordo_fact_case *c, uint8_t disposition)
{
    struct ordo_money place = {.received = 0};
    int64_t amount = c->fact->amount;
    switch ((enum ordo_disposition)disposition) {
    case ORDO_DISPOSITION_OVER_APPLIED:
        place.refund_due = amount - ordo_order_at(s, c->order)->amount;
        break;
    case ORDO_DISPOSITION_LATE_REFUND_DUE:
    case ORDO_DISPOSITION_EXTRA_REFUND_DUE:
        place.refund_due = amount;
        break;
    case ORDO_DISPOSITION_SHORT:
    case ORDO_DISPOSITION_ORPHAN:
        place.review = amount;
        break;
    case ORDO_DISPOSITION_APPLIED:
    case ORDO_DISPOSITION_LATE_APPLIED:
        break;
    case ORDO_DISPOSITION_NONE:
    case ORDO_DISPOSITION_DUPLICATE:
    case ORDO_DISPOSITION_LATE_BACKORDER:
    case ORDO_DISPOSITION_CONFLICT:
    case ORDO_DISPOSITION_REFUND_ECHO:
    case ORDO_DISPOSITION_STALE:
    case ORDO_DISPOSITION_BOUND_MANUAL:
    case ORDO_DISPOSITION_COUNT:
    default:
        ORDO_ASSERT(disposition == ORDO_DISPOSITION_COUNT); /* none of a new payment */
    }
    return place;
}

static void
move_paid(struct ordo_state *s, const struct ordo_fact_case *c, enum ordo_event event, uint8_t to)
{
    uint8_t from = ordo_order_at(s, c->order)->state;
    if (to == ORDO_STATE_PAID) {
        if (from == ORDO_STATE_EXPIRED) {
            ordo_order_flag(s, c->order, ORDO_FLAG_LATE);
        }
        ordo_order_paid(s, c->effect, c->order, event);
        return;
    }
    ordo_order_step(s, c->effect, c->order, event);
    if (ordo_state_is_unpaid(from)) {
        ordo_order_unhold(s, c->order);
    }
}

static uint8_t decide_new_pay(struct ordo_state *s, struct ordo_fact_case *c)
{
    enum ordo_event event = classify(s, c);
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, c->order)->state, event);
    ORDO_ASSERT(cell->action != ORDO_CELL_REFUSE);
    ordo_fact_add_payment(s, c);
    struct ordo_money place = place_of(s, c, cell->disposition);
    ordo_fact_receive(s, c, &place);
    if (place.review != 0 || cell->disposition == ORDO_DISPOSITION_SHORT) {
        ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    }
    if (cell->action == ORDO_CELL_MOVE) {
        move_paid(s, c, event, cell->to);
    }
    return cell->disposition;
}

/* ---- what is known already ---- */

/* The trade_no belongs to this order and to this amount, as far as the fact names one. */
static bool is_same_payment(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment);
    if (p->order != c->order || p->currency != c->fact->currency) {
        return false;
    }
    bool names_amount = c->fact->fact == ORDO_FACT_PAY;
    bool has_amount = (p->flags & ORDO_PAYMENT_RECEIVED) != 0;
    return !names_amount || !has_amount || p->amount == c->fact->amount;
}

/* Nothing is received; the named order is looked at, when there is one. */
static uint8_t decide_conflict(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->order == 0) {
        return ordo_machine_cell(ORDO_STATE_NONE, ORDO_EVENT_PAY_CONFLICT)->disposition;
    }
    ordo_fact_begin(s, c);
    ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    uint8_t disposition = ordo_fact_stay(s, c, ORDO_EVENT_PAY_CONFLICT);
    ordo_effect_end(s, c->effect, c->order);
    return disposition;
}

static uint8_t decide_pay(struct ordo_state *s, struct ordo_fact_case *c)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment);
    bool received = (p->flags & ORDO_PAYMENT_RECEIVED) != 0;
    if (received && c->fact->refund_total > 0) {
        return ordo_fact_refund(s, c);
    }
    if (received) {
        return ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
    }
    if (c->payment != 0 || c->fact->refund_total > 0) {
        return ordo_fact_pay_refunded(s, c);
    }
    return decide_new_pay(s, c);
}

/* ---- failed and closed attempts ---- */

static enum ordo_event end_attempt(struct ordo_state *s, const struct ordo_fact_case *c)
{
    uint32_t found = c->key.merchant == 0 ? 0 : ordo_attempt_find(s, c->order, c->key.merchant);
    if (found == 0 || ordo_attempt_at(s, found)->state != ORDO_ATTEMPT_OPEN ||
        ordo_order_at(s, c->order)->state != ORDO_STATE_PAYING) {
        return ORDO_EVENT_FAIL_STRAY;
    }
    ordo_attempt_edit(s, found)->state = ORDO_ATTEMPT_ENDED;
    uint32_t row = ordo_order_at(s, c->order)->attempt;
    for (uint32_t i = 0; row != 0 && i < ORDO_ATTEMPTS_MAX; i++) {
        if (ordo_attempt_at(s, row)->state == ORDO_ATTEMPT_OPEN) {
            return ORDO_EVENT_FAIL_ONE;
        }
        row = ordo_attempt_at(s, row)->next;
    }
    return ORDO_EVENT_FAIL;
}

static uint8_t decide_fail(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->order == 0) {
        return ordo_machine_cell(ORDO_STATE_NONE, ORDO_EVENT_FAIL)->disposition;
    }
    ordo_fact_begin(s, c);
    enum ordo_event event = end_attempt(s, c);
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, c->order)->state, event);
    if (cell->action == ORDO_CELL_MOVE) {
        ordo_order_step(s, c->effect, c->order, event);
    }
    ordo_effect_end(s, c->effect, c->order);
    return cell->disposition;
}

/* ---- every fact ---- */

static uint16_t check_fact(const struct ordo_fact *fact)
{
    if (fact->fact == ORDO_FACT_NONE || !ordo_text_is_valid(fact->trade_no) ||
        !ordo_text_is_valid(fact->order_id) || fact->amount < 0 || fact->refund_total < 0) {
        return ORDO_RESULT_FACT_INVALID;
    }
    return fact->verified_by == ORDO_VERIFIED_NONE ? ORDO_RESULT_FACT_UNVERIFIED : ORDO_RESULT_OK;
}

/* The facts that touch a payment row. A FAIL or CLOSE with a refund says that it was refunded. */
static uint8_t decide_money(struct ordo_state *s, struct ordo_fact_case *c)
{
    uint8_t disposition;
    if (c->payment != 0 && !is_same_payment(s, c)) {
        return decide_conflict(s, c);
    }
    ordo_fact_begin(s, c);
    if (c->fact->fact == ORDO_FACT_PAY) {
        disposition = decide_pay(s, c);
    } else if (c->fact->fact == ORDO_FACT_CHARGEBACK) {
        disposition = ordo_fact_chargeback(s, c);
    } else {
        disposition = ordo_fact_refund(s, c);
    }
    struct ordo_payment_row *p = ordo_payment_edit(s, c->payment);
    if (p->disposition == ORDO_DISPOSITION_NONE) {
        p->disposition = disposition; /* of the first fact about it */
    }
    ordo_effect_end(s, c->effect, c->order);
    return disposition;
}

uint16_t ordo_decide_fact(struct ordo_state *s, const struct ordo_fact *fact)
{
    uint16_t code = check_fact(fact);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_fact_case c = {.fact = fact, .key = {.trade_no = fact->trade_no}};
    c.order = ordo_order_find(s, s->command.shop, fact->order_id);
    c.key.merchant = ordo_merchant_find(s, s->command.shop, fact->channel, fact->merchant);
    if (c.key.merchant != 0) {
        c.payment = ordo_payment_find(s, &c.key);
    }
    bool ends_attempt = fact->fact == ORDO_FACT_FAIL || fact->fact == ORDO_FACT_CLOSE;
    bool only_ends = ends_attempt && fact->refund_total == 0;
    if (!only_ends && c.payment == 0 && !ordo_payment_room(s, fact, c.order == 0)) {
        return ORDO_RESULT_BUSY;
    }
    uint8_t disposition = only_ends ? decide_fail(s, &c) : decide_money(s, &c);
    ORDO_ASSERT(disposition != ORDO_DISPOSITION_NONE);
    s->outcome.result.disposition = disposition;
    struct ordo_head_row *head = ordo_head_edit(s, ORDO_HEAD);
    head->facts++;
    head->facts_with[disposition]++;
    return ORDO_RESULT_OK;
}
