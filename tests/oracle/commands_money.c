/* Payment facts and operators' verbs. */
#include "picks.h"

/* States in which a fact makes a difference. */
#define ALL_STATES UINT32_MAX
#define PAYING     (1u << ORDO_STATE_PAYING)
#define PAYABLE                                                                                    \
    (1u << ORDO_STATE_PENDING | PAYING | 1u << ORDO_STATE_PAY_FAILED | 1u << ORDO_STATE_EXPIRED)

/* ---- payment facts ---- */

static bool has_number_left(const struct history *h, const struct oracle *o)
{
    return o->t.order_count < h->orders;
}

/* About a payment that is there: it comes again, is refunded or charged back. */
static void
refer(struct history *h, const struct oracle *o, struct ordo_command *c, struct ordo_fact *f)
{
    const struct o_payment *p = &o->t.payments[history_below(h, o->t.payment_count)];
    if (p->trade_no[0] == 0) {
        return;
    }
    f->channel = p->channel;
    f->merchant = pick_bytes_of(p->merchant);
    f->trade_no = pick_bytes_of(p->trade_no);
    f->currency = p->currency + (pick_wrong(h) ? 1 : 0);
    f->amount = pick_bent(h, p->received ? p->amount : 500);
    c->shop = p->shop;
    if (!pick_wrong(h)) {
        f->order_id = pick_bytes_of(o->t.orders[p->order].id);
    }
    if (f->fact == ORDO_FACT_REFUND || history_chance(h, 8)) {
        int64_t whole = f->amount > 0 ? f->amount : 1;
        int64_t part = 1 + history_below(h, whole < 100000 ? (uint32_t)whole : 100000);
        f->refund_total = history_chance(h, 32) ? pick_bent(h, whole) : part;
        int64_t before = p->at[ORDO_ACCOUNT_REFUNDED] * (int64_t)history_below(h, 2);
        f->refund_total = pick_within(f->refund_total + before);
    }
}

void history_make_fact(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const uint8_t kinds[] = {
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_PAY,
        ORDO_FACT_REFUND,
        ORDO_FACT_REFUND,
        ORDO_FACT_FAIL,
        ORDO_FACT_CLOSE,
        ORDO_FACT_FAIL,
        ORDO_FACT_CHARGEBACK};
    struct ordo_fact *f = &c->fact;
    f->fact = pick_wrong(h) && pick_rarely(h) ? 0 : kinds[history_below(h, sizeof(kinds))];
    bool fails = f->fact == ORDO_FACT_FAIL || f->fact == ORDO_FACT_CLOSE;
    bool any = f->fact == ORDO_FACT_REFUND || history_chance(h, 8);
    const struct o_order *order = pick_in(h, o, c, any ? ALL_STATES : fails ? PAYING : PAYABLE);
    if (fails && order != NULL && order->state != ORDO_STATE_PAYING && !history_chance(h, 12)) {
        f->fact = ORDO_FACT_PAY;
        fails = false;
    }
    bool payable = any || fails || order == NULL || (PAYABLE >> order->state & 1) != 0;
    if (!payable && history_chance(h, 56) && f->fact == ORDO_FACT_PAY && has_number_left(h, o)) {
        memset(f, 0, sizeof(*f));
        c->kind = ORDO_KIND_CREATE;
        history_fill_create(h, o, c->shop, 0, &c->create);
        return;
    }
    bool wants = order != NULL && history_chance(h, 40) && order->state == ORDO_STATE_NONE;
    order = wants || history_chance(h, 4) ? NULL : order;
    f->order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    f->channel = 1 + history_below(h, h->channels);
    f->merchant = history_text(h, "m", history_below(h, h->merchants));
    f->trade_no =
        pick_wrong(h) && pick_rarely(h) ? pick_bytes_of("") : pick_trade_no(h, h->next_trade++);
    f->amount = 500 * (1 + history_below(h, 2));
    f->currency = 156 + (pick_wrong(h) ? 1 : 0);
    if (order != NULL) {
        f->amount = order->amount;
        uint32_t at = history_below(h, order->attempt_count);
        if (order->attempt_count != 0 && history_chance(h, 48)) {
            f->channel = order->attempts[at].channel;
            f->merchant = pick_bytes_of(order->attempts[at].merchant);
            f->amount = order->attempts[at].amount;
        }
        f->amount += history_chance(h, 4) ? (int64_t)history_below(h, 5) - 2 : 0;
    }
    f->amount = pick_bent(h, f->amount);
    f->gateway_time_us = history_below(h, 4);
    f->verified_by = 1 + history_below(h, 3);
    f->verified_by = pick_wrong(h) && pick_rarely(h) ? 0 : f->verified_by;
    bool about_old = f->fact == ORDO_FACT_REFUND || f->fact == ORDO_FACT_CHARGEBACK;
    if (o->t.payment_count != 0 && history_chance(h, about_old ? 56 : 8)) {
        refer(h, o, c, f);
    } else if (history_chance(h, about_old ? 60 : 1)) {
        f->refund_total = pick_bent(h, history_below(h, 500));
    }
}

/* ---- operators ---- */

#define BY(name)                                                                                   \
    c->name.operator_name = pick_operator_name(h);                                                 \
    c->name.reason = pick_reason(h)

static void make_mark_paid(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_MARK_PAID);
    c->mark_paid.order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    c->mark_paid.channel = history_below(h, h->channels + 1);
    c->mark_paid.amount = pick_bent(h, order == NULL ? 500 : order->amount);
    c->mark_paid.currency = 156 + (pick_wrong(h) ? 1 : 0);
    BY(mark_paid);
}

static void make_refund(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const enum ordo_account accounts[] = {
        ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REVIEW, ORDO_ACCOUNT_REFUND_DUE};
    const struct o_order *order = pick_with(h, o, c, accounts[history_below(h, 3)]);
    c->refund.order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    c->refund.done = history_below(h, 2);
    if (order != NULL && history_chance(h, 32)) {
        int64_t most = o_sum(o, order, ORDO_ACCOUNT_APPLIED) + o_sum(o, order, ORDO_ACCOUNT_REVIEW);
        c->refund.amount = pick_bent(h, history_chance(h, 32) ? most : most / 3);
    }
    BY(refund);
}

static void make_accept(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick_with(h, o, c, ORDO_ACCOUNT_REVIEW);
    c->accept.order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    BY(accept);
}

static void make_replace(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_REPLACE);
    c->replace.order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    c->replace.card = pick_any_card(h, o);
    if (order != NULL && order->card_count != 0 && !pick_wrong(h)) {
        c->replace.card = order->cards[history_below(h, order->card_count)];
    }
    BY(replace);
}

static void make_card_void(struct history *h, struct oracle *o, struct ordo_command *c)
{
    c->card_void.product = pick_put_product(h, o, c->shop, true);
    c->card_void.first = pick_any_card(h, o);
    c->card_void.last = c->card_void.first + history_below(h, pick_wrong(h) ? 300 : 4);
    c->card_void.last -= pick_wrong(h) && c->card_void.first != 0 ? 1 : 0;
    BY(card_void);
}

static void make_simple_verb(struct history *h, struct oracle *o, struct ordo_command *c)
{
#define VERB(NAME, name, event)                                                                    \
    case ORDO_KIND_##NAME:                                                                         \
        c->name.order_id = pick_id(h, o, c, event);                                                \
        BY(name);                                                                                  \
        break
    switch (c->kind) {
        VERB(ISSUE, issue, ORDO_EVENT_NO_STOCK);
        VERB(FREEZE, freeze, ORDO_EVENT_FREEZE);
        VERB(UNFREEZE, unfreeze, ORDO_EVENT_UNFREEZE);
        VERB(NOTE, note, ORDO_EVENT_NOTE);
    default:
        ORDO_ASSERT(false);
    }
#undef VERB
    if (c->kind == ORDO_KIND_ISSUE) {
        const struct o_order *order = pick(h, o, c, ORDO_EVENT_ISSUE);
        c->issue.order_id = order == NULL ? c->issue.order_id : pick_bytes_of(order->id);
        c->issue.partial = history_below(h, 2);
    } else if (c->kind == ORDO_KIND_NOTE) {
        c->note.reviewed = history_below(h, 2);
    }
}

void history_make_verb(struct history *h, struct oracle *o, struct ordo_command *c)
{
    switch (c->kind) {
    case ORDO_KIND_MARK_PAID:
        make_mark_paid(h, o, c);
        break;
    case ORDO_KIND_ACCEPT:
        make_accept(h, o, c);
        break;
    case ORDO_KIND_REFUND:
        make_refund(h, o, c);
        break;
    case ORDO_KIND_REPLACE:
        make_replace(h, o, c);
        break;
    case ORDO_KIND_RECALL:
        c->recall.card = pick_any_card(h, o);
        BY(recall);
        break;
    case ORDO_KIND_CARD_VOID:
        make_card_void(h, o, c);
        break;
    default:
        make_simple_verb(h, o, c);
    }
}
