#include "base/canary.h"
#include "order/parts.h"

/* A verified payment fact gets exactly one disposition and the result OK; only a fact that is no
 * fact (no trade_no, not verified) is refused, and one without room for its rows is BUSY, so that
 * the gateway sends it again.
 *
 * The way of a PAY: known trade_no -> the same again or a conflict. New, and an operator has said
 * so before -> bound to that. Else -> exact, short or over of what this channel had asked for; that
 * and whether an expired order can be honoured is the event; the machine's cell says disposition
 * and move; the disposition says where the money stands (money_place_of). Nothing else decides
 * about money.
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
    if (c->key.merchant == 0) {
        c->key.merchant = ordo_merchant_take(s, s->command.shop, fact->channel, fact->merchant);
    }
    c->payment = ordo_payment_add(s, c->order, &c->key, fact->currency);
}

uint8_t
ordo_fact_stay(const struct ordo_state *s, const struct ordo_fact_case *c, enum ordo_event event)
{
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, c->order)->state, event);
    ORDO_ASSERT(cell->action == ORDO_CELL_STAY);
    return cell->disposition;
}

/* ---- a new payment ---- */

/* What a PAY that is new means: its event, and what of it is more than was asked for. */
struct verdict {
    enum ordo_event event;
    int64_t surplus;
};

/* Exact, but the hold has expired. DESIGN §4 "Time". */
static enum ordo_event classify_late(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    unsigned obstacles = ordo_late_obstacles(s, order);
    if (obstacles == 0) {
        return ORDO_EVENT_PAY;
    }
    if ((obstacles & (ORDO_LATE_WINDOW | ORDO_LATE_PAID_TWICE)) != 0) {
        ordo_order_flag(s, order, ORDO_FLAG_REVIEW); /* a person should look at why not */
    }
    bool may_wait = (ordo_product_at(s, o->product)->options & ORDO_PRODUCT_LATE_BACKORDER) != 0 &&
                    ordo_extra_at(s, o->extra)->card == 0;
    bool room = o->extra != 0 || ordo_rows_left(s, ORDO_TABLE_EXTRA) != 0;
    bool queued = obstacles == ORDO_LATE_UNITS && may_wait && room;
    return queued ? ORDO_EVENT_PAY_QUEUED : ORDO_EVENT_PAY_UNPLACED;
}

/* What the payer was asked for through this merchant account: an attempt's amount may be the
 * order's plus a few units that tell payments apart. */
static int64_t payable(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    uint32_t row = c->key.merchant == 0 ? 0 : ordo_attempt_find(s, c->order, c->key.merchant);
    return row != 0 ? ordo_attempt_at(s, row)->amount : ordo_order_at(s, c->order)->amount;
}

static struct verdict classify(struct ordo_state *s, const struct ordo_fact_case *c)
{
    const struct ordo_order_row *o = ordo_order_at(s, c->order);
    if (o->state == ORDO_STATE_NONE) {
        return (struct verdict){ORDO_EVENT_PAY, 0}; /* every PAY cell of NONE is ORPHAN */
    }
    const struct ordo_channel_row *rules = ordo_channel_of(s, o->shop, c->fact->channel);
    int64_t over = c->fact->amount - payable(s, c);
    if (c->fact->currency != ordo_product_at(s, o->product)->currency ||
        (over < -rules->short_tolerance && !ORDO_CANARY(amount_unchecked))) {
        return (struct verdict){ORDO_EVENT_PAY_SHORT, 0};
    }
    if (over > rules->over_tolerance) {
        return (struct verdict){ORDO_EVENT_PAY_OVER, over};
    }
    bool past = ORDO_CANARY(time_decides_not_state) && o->deadline_us <= s->now_us;
    bool late = o->state == ORDO_STATE_EXPIRED || past;
    return (struct verdict){late ? classify_late(s, c->order) : ORDO_EVENT_PAY, 0};
}

static struct ordo_money money_place_of(uint8_t disposition, int64_t amount, int64_t surplus)
{
    struct ordo_money place = {.received = 0};
    switch ((enum ordo_disposition)disposition) {
    case ORDO_DISPOSITION_OVER_APPLIED:
        place.refund_due = surplus;
        break;
    case ORDO_DISPOSITION_LATE_REFUND_DUE:
    case ORDO_DISPOSITION_EXTRA_REFUND_DUE:
        place.refund_due = ORDO_CANARY(extra_payment_swallowed) ? 0 : amount;
        break;
    case ORDO_DISPOSITION_SHORT:
    case ORDO_DISPOSITION_ORPHAN:
        place.review = amount;
        break;
    case ORDO_DISPOSITION_APPLIED:
    case ORDO_DISPOSITION_LATE_APPLIED:
    case ORDO_DISPOSITION_LATE_BACKORDER:
        break;
    case ORDO_DISPOSITION_NONE:
    case ORDO_DISPOSITION_DUPLICATE:
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

static uint8_t decide_new_pay(struct ordo_state *s, struct ordo_fact_case *c)
{
    struct verdict verdict = classify(s, c);
    enum ordo_event event = verdict.event;
    const struct ordo_cell *cell = ordo_machine_cell(ordo_order_at(s, c->order)->state, event);
    ORDO_ASSERT(cell->action != ORDO_CELL_REFUSE);
    uint8_t disposition = cell->disposition;
    ordo_fact_add_payment(s, c);
    struct ordo_money place = money_place_of(disposition, c->fact->amount, verdict.surplus);
    ordo_payment_receive(s, c->payment, c->fact->amount, &place);
    if (disposition == ORDO_DISPOSITION_SHORT || disposition == ORDO_DISPOSITION_ORPHAN) {
        ordo_order_flag(s, c->order, ORDO_FLAG_REVIEW);
    }
    if (disposition == ORDO_DISPOSITION_LATE_BACKORDER) {
        (void)ordo_extra_take(s, c->order); /* to stand in the queue */
    }
    if (cell->action == ORDO_CELL_MOVE && cell->to == ORDO_STATE_PAID) {
        ordo_order_paid_late(s, c->effect, c->order, event);
    } else if (cell->action == ORDO_CELL_MOVE) {
        ordo_order_refunding(s, c->effect, c->order, event);
    }
    return disposition;
}

/* The real payment of what an operator had marked as paid: it is no second one. */
static bool is_real_of_manual(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    uint32_t row = ordo_payment_manual(s, c->order);
    const struct ordo_payment_row *p = ordo_payment_at(s, row);
    return row != 0 && c->payment == 0 && c->fact->fact == ORDO_FACT_PAY &&
           c->fact->refund_total == 0 && p->amount == c->fact->amount &&
           p->currency == c->fact->currency;
}

static uint8_t bind_manual(struct ordo_state *s, struct ordo_fact_case *c)
{
    const struct ordo_fact *fact = c->fact;
    c->key.merchant = ordo_merchant_take(s, s->command.shop, fact->channel, fact->merchant);
    c->payment = ordo_payment_manual(s, c->order);
    ordo_payment_bind(s, c->payment, &c->key);
    return ordo_fact_stay(s, c, ORDO_EVENT_PAY_MANUAL);
}

/* ---- what is known already ---- */

/* The trade_no belongs to this order and to this amount, as far as the fact names one. */
static bool is_same_payment(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    const struct ordo_payment_row *p = ordo_payment_at(s, c->payment);
    bool other = p->order != c->order && !ORDO_CANARY(payment_of_another_order_counts);
    if (other || p->currency != c->fact->currency) {
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
    if (received && c->fact->refund_total > 0 && !ORDO_CANARY(refund_in_success_unseen)) {
        return ordo_fact_refund(s, c);
    }
    if (received && ORDO_CANARY(issue_on_second_callback)) {
        ordo_order_issue(s, c->effect, c->order);
    }
    if (received) {
        return ordo_fact_stay(s, c, ORDO_EVENT_PAY_AGAIN);
    }
    if (c->payment != 0 || c->fact->refund_total > 0) {
        return ordo_fact_pay_refunded(s, c);
    }
    return is_real_of_manual(s, c) ? bind_manual(s, c) : decide_new_pay(s, c);
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

/* A refund of nothing says nothing, and its payment, when it came, would be taken for one that was
 * given back. */
static uint16_t check_fact(const struct ordo_fact *fact)
{
    bool of_nothing = fact->fact == ORDO_FACT_REFUND && fact->refund_total == 0;
    if (fact->fact == ORDO_FACT_NONE || of_nothing || !ordo_text_is_valid(fact->trade_no) ||
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

/* A notify of a channel whose payments count when a query has confirmed them. */
static bool is_unconfirmed(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    const struct ordo_fact *fact = c->fact;
    if (fact->fact != ORDO_FACT_PAY || fact->verified_by != ORDO_VERIFIED_SIGNATURE ||
        fact->refund_total != 0) {
        return false;
    }
    const struct ordo_channel_row *rules = ordo_channel_of(s, s->command.shop, fact->channel);
    bool received = (ordo_payment_at(s, c->payment)->flags & ORDO_PAYMENT_RECEIVED) != 0;
    return (rules->options & ORDO_CHANNEL_CONFIRM_BY_QUERY) != 0 && !received &&
           !ORDO_CANARY(unconfirmed_payment_counts);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Nothing is kept but the wish for a query, and time for it: not more than any other word can give
 * a hold, because whoever can have such notifies signed could keep units for ever with them. */
static uint16_t decide_unconfirmed(struct ordo_state *s, struct ordo_fact_case *c)
{
    if (c->order == 0) {
        return ORDO_RESULT_FACT_UNCONFIRMED;
    }
    ordo_fact_begin(s, c);
    const struct ordo_order_row *o = ordo_order_at(s, c->order);
    if (ordo_machine_cell(o->state, ORDO_EVENT_PAY_UNCONFIRMED)->action == ORDO_CELL_MOVE) {
        const struct ordo_settings_values *settings = ordo_settings_of(s);
        uint64_t until_us = s->now_us + (uint64_t)settings->query_grace_s * 1000000;
        until_us = earliest(until_us, o->created_us + (uint64_t)settings->hold_max_s * 1000000);
        ordo_order_flag(s, c->order, ORDO_FLAG_QUERY_DUE);
        ordo_order_step(s, c->effect, c->order, ORDO_EVENT_PAY_UNCONFIRMED);
        if (o->deadline_us < until_us) {
            ordo_deadline_set(s, c->order, until_us);
        }
    }
    ordo_effect_end(s, c->effect, c->order);
    return ORDO_RESULT_FACT_UNCONFIRMED;
}

/* A payment that was told of before it came has its rows, but maybe no account yet. */
static bool has_room(const struct ordo_state *s, const struct ordo_fact_case *c)
{
    bool known = c->payment != 0;
    bool received = (ordo_payment_at(s, c->payment)->flags & ORDO_PAYMENT_RECEIVED) != 0;
    bool comes = c->fact->fact == ORDO_FACT_PAY && !received;
    if (known && (!comes || !is_same_payment(s, c))) {
        return true;
    }
    struct ordo_payment_need need = {
        .amount = comes ? c->fact->amount : 0,
        .channel = c->fact->channel,
        .merchant = c->fact->merchant,
        .currency = c->fact->currency,
        .trade_granules = known ? 0 : ordo_trade_granules(c->fact->trade_no),
        .order = c->order,
        .has_row = known || is_real_of_manual(s, c),
    };
    return ordo_payment_room(s, &need);
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
    if (c.key.merchant != 0 && !ORDO_CANARY(callback_is_always_new)) {
        c.payment = ordo_payment_find(s, &c.key);
    }
    if (is_unconfirmed(s, &c)) {
        return decide_unconfirmed(s, &c);
    }
    bool ends_attempt = fact->fact == ORDO_FACT_FAIL || fact->fact == ORDO_FACT_CLOSE;
    bool only_ends = ends_attempt && fact->refund_total == 0;
    if (!only_ends && !has_room(s, &c)) {
        return ORDO_RESULT_BUSY;
    }
    uint8_t disposition = only_ends ? decide_fail(s, &c) : decide_money(s, &c);
    ORDO_ASSERT(disposition != ORDO_DISPOSITION_NONE);
    s->outcome.result.disposition = disposition;
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    head->facts++;
    head->facts_with[disposition]++;
    return ORDO_RESULT_OK;
}
