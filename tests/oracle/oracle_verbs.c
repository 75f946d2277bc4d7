/* The operators' verbs: each names the operator and a reason. */
#include "oracle_parts.h"

#define NEWEST_MAX 4

/* FROZEN: nothing is handed out, so no delivery is due. */
void o_freeze(struct o_order *order)
{
    order->flags |= ORDO_FLAG_FROZEN;
    if (order->state == ORDO_STATE_ISSUING) {
        order->deadline_us = 0;
    }
}

/* Money was given back: is anything left? */
uint8_t o_settle(struct oracle *o, struct o_order *order)
{
    bool honoured = o_is_honoured(order);
    bool all =
        o_sum(o, order, ORDO_ACCOUNT_APPLIED) == 0 && o_sum(o, order, ORDO_ACCOUNT_REFUND_DUE) == 0;
    if (honoured && (order->amount == 0 || (order->flags & ORDO_FLAG_FROZEN) != 0)) {
        all = false;
    }
    uint8_t before = order->state;
    uint8_t disposition = o_event(o, order, all ? ORDO_EVENT_REFUND_ALL : ORDO_EVENT_REFUND_PART);
    if (honoured && all) {
        o_money_back_whole(o, order, before);
    }
    return disposition;
}

/* It has come to REFUNDING: with nothing due that is over at once. */
void o_settle_empty(struct oracle *o, struct o_order *order)
{
    if (order->state == ORDO_STATE_REFUNDING && o_sum(o, order, ORDO_ACCOUNT_REFUND_DUE) == 0) {
        (void)o_event(o, order, ORDO_EVENT_REFUND_ALL);
    }
}

/* An expired order can be had by an operator when its units are there. */
static uint16_t may_reclaim(struct oracle *o, const struct o_order *order)
{
    if (order->state != ORDO_STATE_EXPIRED) {
        return ORDO_RESULT_OK;
    }
    if (!o_is_available(o, order)) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    uint64_t cap = o_find_product(o, order->shop, order->product)->put.purchase_cap;
    bool capped = cap != 0 && order->quantity + o_buyer_units(o, order, O_COUNTS_HELD) > cap;
    bool has_paid = o_buyer_units(o, order, O_COUNTS_PAID) != 0;
    return capped || has_paid ? ORDO_RESULT_PURCHASE_CAP : ORDO_RESULT_OK;
}

static void pay_by_operator(struct oracle *o, struct o_order *order, enum ordo_event event)
{
    bool late = order->state == ORDO_STATE_EXPIRED;
    (void)o_event(o, order, event);
    if (late) {
        o_late(o, order);
    }
    o_paid(o, order);
}

static uint16_t mark_paid(struct oracle *o, struct o_order *order, const struct ordo_mark_paid *m)
{
    uint16_t code = o_may(order, ORDO_EVENT_MARK_PAID);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (m->amount != order->amount) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (m->currency != order->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    code = may_reclaim(o, order);
    if (code == ORDO_RESULT_OK) {
        o_tell_payment(o, order, (uint32_t)m->channel);
        pay_by_operator(o, order, ORDO_EVENT_MARK_PAID);
    }
    return code;
}

static uint32_t applied_payments(const struct oracle *o, const struct o_order *order)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < o->t.payment_count; i++) {
        const struct o_payment *p = &o->t.payments[i];
        count += &o->t.orders[p->order] == order && p->at[ORDO_ACCOUNT_APPLIED] > 0;
    }
    return count;
}

static uint16_t accept(struct oracle *o, struct o_order *order)
{
    uint16_t code = o_may(order, ORDO_EVENT_ACCEPT);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct o_payment *with[NEWEST_MAX];
    uint32_t count = 0;
    for (uint32_t i = o->t.payment_count; i-- > 0 && count < NEWEST_MAX;) {
        struct o_payment *p = &o->t.payments[i];
        if (&o->t.orders[p->order] == order && p->currency == order->currency &&
            p->at[ORDO_ACCOUNT_REVIEW] > 0) {
            with[count++] = p;
        }
    }
    if (count == 0) {
        return ORDO_RESULT_REVIEW_NOTHING;
    }
    code = may_reclaim(o, order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t lacks = order->amount - o_sum(o, order, ORDO_ACCOUNT_APPLIED);
        int64_t there = with[i]->at[ORDO_ACCOUNT_REVIEW];
        int64_t n = lacks < 0 ? 0 : lacks < there ? lacks : there;
        if (with[i]->at[ORDO_ACCOUNT_APPLIED] == 0 && applied_payments(o, order) >= NEWEST_MAX) {
            n = 0;
        }
        o_move(o, with[i], ORDO_ACCOUNT_REVIEW, ORDO_ACCOUNT_APPLIED, n);
        o_move(o, with[i], ORDO_ACCOUNT_REVIEW, ORDO_ACCOUNT_REFUND_DUE, there - n);
    }
    o_review_goes(o, order);
    if (o_is_honoured(order)) {
        (void)o_event(o, order, ORDO_EVENT_ACCEPT);
    } else {
        pay_by_operator(o, order, ORDO_EVENT_ACCEPT);
    }
    return ORDO_RESULT_OK;
}

static uint16_t refund(struct oracle *o, struct o_order *order, const struct ordo_refund *r)
{
    if (order == NULL) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    (void)o_touch(o, order); /* also one that only facts have named */
    bool honoured = o_is_honoured(order);
    enum ordo_account sources[3] = {
        ORDO_ACCOUNT_REFUND_DUE, ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REVIEW};
    uint32_t first = r->done == 1 ? 0 : 1;
    struct o_payment *with[NEWEST_MAX];
    uint32_t count = 0;
    int64_t there = 0;
    for (uint32_t i = o->t.payment_count; i-- > 0 && count < NEWEST_MAX;) {
        struct o_payment *p = &o->t.payments[i];
        int64_t has = 0;
        for (uint32_t s = first; s < 3; s++) {
            bool out = sources[s] == ORDO_ACCOUNT_APPLIED && !honoured;
            has += out ? 0 : p->at[sources[s]];
        }
        if (&o->t.orders[p->order] == order && has > 0) {
            with[count++] = p;
            there += has;
        }
    }
    if (count == 0) {
        return ORDO_RESULT_REFUND_NOTHING;
    }
    if (r->amount < 0 || r->amount > there) {
        return ORDO_RESULT_REFUND_EXCEEDS;
    }
    enum ordo_account to = r->done == 1 ? ORDO_ACCOUNT_REFUNDED : ORDO_ACCOUNT_REFUND_DUE;
    int64_t left = r->amount == 0 ? there : r->amount;
    for (uint32_t s = first; s < 3; s++) {
        for (uint32_t i = 0; i < count; i++) {
            bool out = sources[s] == ORDO_ACCOUNT_APPLIED && !honoured;
            int64_t has = out ? 0 : with[i]->at[sources[s]];
            int64_t n = has < left ? has : left;
            o_move(o, with[i], sources[s], to, n);
            left -= n;
        }
    }
    if (r->done == 1) {
        (void)o_settle(o, order);
        return ORDO_RESULT_OK;
    }
    uint8_t before = order->state;
    bool whole = honoured && order->amount > 0 && o_sum(o, order, ORDO_ACCOUNT_APPLIED) == 0;
    (void)o_event(o, order, whole ? ORDO_EVENT_REFUND_DUE_ALL : ORDO_EVENT_REFUND_DUE);
    if (whole) {
        o_money_back_whole(o, order, before);
        o_settle_empty(o, order);
    }
    return ORDO_RESULT_OK;
}

static uint16_t freeze(struct oracle *o, struct o_order *order)
{
    uint16_t code = o_may(order, ORDO_EVENT_FREEZE);
    if (code == ORDO_RESULT_OK) {
        (void)o_event(o, order, ORDO_EVENT_FREEZE);
        o_freeze(order);
    }
    return code;
}

static uint16_t unfreeze(struct oracle *o, struct o_order *order)
{
    uint16_t code = o_may(order, ORDO_EVENT_UNFREEZE);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    order->flags &= ~(uint32_t)ORDO_FLAG_FROZEN;
    (void)o_event(o, order, ORDO_EVENT_UNFREEZE);
    const struct o_product *p = o_find_product(o, order->shop, order->product);
    if (order->state == ORDO_STATE_PAID && order->units > 0 &&
        (p->put.options & ORDO_PRODUCT_MANUAL) == 0) {
        o_issue(o, order);
    } else if (order->state == ORDO_STATE_ISSUING) {
        o_start_delivery(o, order);
    }
    return ORDO_RESULT_OK;
}

static uint16_t note(struct oracle *o, struct o_order *order, bool reviewed)
{
    uint16_t code = o_may(order, ORDO_EVENT_NOTE);
    if (code == ORDO_RESULT_OK) {
        (void)o_event(o, order, ORDO_EVENT_NOTE);
        order->flags &= ~(uint32_t)(reviewed ? ORDO_FLAG_REVIEW : 0);
    }
    return code;
}

static uint16_t issue(struct oracle *o, struct o_order *order, bool partial)
{
    uint16_t code = o_may(order, ORDO_EVENT_ISSUE);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if ((order->flags & ORDO_FLAG_FROZEN) != 0) {
        return ORDO_RESULT_ORDER_FROZEN;
    }
    if (order->state == ORDO_STATE_ISSUING || order->state == ORDO_STATE_COMPLETED) {
        (void)o_event(o, order, ORDO_EVENT_ISSUE);
        return ORDO_RESULT_OK;
    }
    if (order->state == ORDO_STATE_PAID) {
        o_issue(o, order);
        return ORDO_RESULT_OK;
    }
    const struct o_product *p = o_find_product(o, order->shop, order->product);
    uint64_t free = o_free(o, p);
    bool whole = o_has_units(o, p, order->quantity);
    if (!whole && (!partial || free == 0 || p->put.stock_mode == ORDO_STOCK_LOOP)) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    uint32_t units = whole ? order->quantity : (uint32_t)free;
    o_leave_queue(o, order);
    o_take(o, order, units);
    if (!whole) {
        int64_t applied = o_sum(o, order, ORDO_ACCOUNT_APPLIED);
        int64_t kept = applied * (int64_t)units / (int64_t)order->quantity;
        order->flags |= ORDO_FLAG_PARTIAL;
        (void)o_move_newest(
            o, order, ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REFUND_DUE, applied - kept);
    }
    o_issue(o, order);
    return ORDO_RESULT_OK;
}

/* ---- all of them ---- */

static void
by_whom(const struct ordo_command *c, struct ordo_bytes *operator_name, struct ordo_bytes *reason)
{
#define BY_WHOM(NAME, name)                                                                        \
    case ORDO_KIND_##NAME:                                                                         \
        *operator_name = c->name.operator_name;                                                    \
        *reason = c->name.reason;                                                                  \
        break
    switch (c->kind) {
        BY_WHOM(ISSUE, issue);
        BY_WHOM(MARK_PAID, mark_paid);
        BY_WHOM(ACCEPT, accept);
        BY_WHOM(REFUND, refund);
        BY_WHOM(FREEZE, freeze);
        BY_WHOM(UNFREEZE, unfreeze);
        BY_WHOM(NOTE, note);
        BY_WHOM(REPLACE, replace);
        BY_WHOM(RECALL, recall);
        BY_WHOM(CARD_VOID, card_void);
    default:
        ORDO_ASSERT(false);
    }
#undef BY_WHOM
}

uint16_t o_verb(struct oracle *o, const struct ordo_command *c)
{
    struct ordo_bytes operator_name = {NULL, 0};
    struct ordo_bytes reason = {NULL, 0};
    by_whom(c, &operator_name, &reason);
    if (!ordo_text_is_valid(operator_name)) {
        return ORDO_RESULT_OPERATOR_MISSING;
    }
    if (reason.size == 0) {
        return ORDO_RESULT_REASON_MISSING;
    }
    struct o_order *order = o_find_order(o, c->shop, ordo_command_order_id(c));
    switch (c->kind) {
    case ORDO_KIND_ISSUE:
        return issue(o, order, c->issue.partial == 1);
    case ORDO_KIND_MARK_PAID:
        return mark_paid(o, order, &c->mark_paid);
    case ORDO_KIND_ACCEPT:
        return accept(o, order);
    case ORDO_KIND_REFUND:
        return refund(o, order, &c->refund);
    case ORDO_KIND_FREEZE:
        return freeze(o, order);
    case ORDO_KIND_UNFREEZE:
        return unfreeze(o, order);
    case ORDO_KIND_NOTE:
        return note(o, order, c->note.reviewed == 1);
    case ORDO_KIND_REPLACE:
        return o_replace(o, order, c->replace.card);
    case ORDO_KIND_RECALL:
        return o_recall(o, c->shop, c->recall.card);
    default:
        return o_card_void(o, c->shop, &c->card_void);
    }
}
