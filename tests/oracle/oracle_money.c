/* Payment facts, and where the money of each payment stands. */
#include "oracle_parts.h"

#define PARKED_MAX 64 /* payments that a create looks through */
#define NEWEST_MAX 4  /* payments that one command moves money of */

/* ---- money ---- */

static void post(struct oracle *o, struct o_payment *p, enum ordo_account account, int64_t amount)
{
    struct oracle_answer *answer = o->answer;
    uint32_t i = 0;
    while (i < answer->posting_count && (answer->postings[i].channel != p->channel ||
                                         answer->postings[i].currency != p->currency ||
                                         answer->postings[i].account != account)) {
        i++;
    }
    if (i == answer->posting_count) {
        ORDO_ASSERT(i < ORDO_POSTINGS_MAX);
        answer->postings[answer->posting_count++] = (struct ordo_posting){
            .channel = p->channel, .currency = p->currency, .account = (uint8_t)account};
    }
    answer->postings[i].amount += amount;
    uint32_t k = 0;
    while (k < o->t.balance_count &&
           (o->t.balances[k].channel != p->channel || o->t.balances[k].currency != p->currency)) {
        k++;
    }
    if (k == o->t.balance_count) {
        ORDO_ASSERT(k < O_BALANCES_MAX);
        o->t.balances[o->t.balance_count++] =
            (struct ordo_balance){.channel = p->channel, .currency = p->currency};
    }
    o->t.balances[k].accounts[account] += amount;
    p->at[account] += amount;
}

void o_move(
    struct oracle *o, struct o_payment *p, enum ordo_account from, enum ordo_account to, int64_t n)
{
    ORDO_ASSERT(n >= 0 && p->at[from] >= n);
    post(o, p, from, -n);
    post(o, p, to, n);
}

int64_t o_sum(const struct oracle *o, const struct o_order *order, enum ordo_account account)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < o->t.payment_count; i++) {
        const struct o_payment *p = &o->t.payments[i];
        sum += &o->t.orders[p->order] == order ? p->at[account] : 0;
    }
    return sum;
}

/* Moves up to `wanted` between two accounts, newest payments with such money first. */
int64_t o_move_newest(
    struct oracle *o,
    struct o_order *order,
    enum ordo_account from,
    enum ordo_account to,
    int64_t wanted)
{
    int64_t moved = 0;
    uint32_t looked_at = 0;
    for (uint32_t i = o->t.payment_count; i-- > 0 && looked_at < NEWEST_MAX;) {
        struct o_payment *p = &o->t.payments[i];
        if (&o->t.orders[p->order] != order || p->at[from] == 0) {
            continue;
        }
        int64_t left = wanted - moved;
        int64_t n = p->at[from] < left ? p->at[from] : left;
        o_move(o, p, from, to, n);
        moved += n;
        looked_at++;
    }
    return moved;
}

/* REVIEW goes when no review, no refunded money and no chargeback is left on the order. */
void o_review_goes(struct oracle *o, struct o_order *order)
{
    for (uint32_t i = 0; i < o->t.payment_count; i++) {
        const struct o_payment *p = &o->t.payments[i];
        if (&o->t.orders[p->order] == order &&
            (p->at[ORDO_ACCOUNT_REVIEW] != 0 || p->at[ORDO_ACCOUNT_REFUNDED] != 0 ||
             p->charged_back)) {
            return;
        }
    }
    order->flags &= ~(uint32_t)ORDO_FLAG_REVIEW;
}

/* Money that came before its order. */
bool o_apply_parked(struct oracle *o, struct o_order *order)
{
    uint32_t looked_at = 0;
    for (uint32_t i = o->t.payment_count; i-- > 0 && looked_at < PARKED_MAX;) {
        struct o_payment *p = &o->t.payments[i];
        if (&o->t.orders[p->order] != order) {
            continue;
        }
        looked_at++;
        if (p->received && p->at[ORDO_ACCOUNT_REVIEW] == p->amount && !p->charged_back &&
            p->amount == order->amount && p->currency == order->currency) {
            o_move(o, p, ORDO_ACCOUNT_REVIEW, ORDO_ACCOUNT_APPLIED, p->amount);
            o_review_goes(o, order);
            return true;
        }
    }
    return false;
}

struct ordo_channel_put o_channel(const struct oracle *o, uint32_t shop, uint64_t channel)
{
    for (uint32_t i = 0; i < o->channel_count; i++) {
        if (o->channels[i].shop == shop && o->channels[i].put.channel == channel) {
            return o->channels[i].put;
        }
    }
    return (struct ordo_channel_put){.channel = channel};
}

uint16_t o_channel_put(struct oracle *o, uint32_t shop, const struct ordo_channel_put *put)
{
    if (put->channel == 0 || put->short_tolerance < 0 || put->over_tolerance < 0 ||
        put->attempt_spread < 0 || (put->options & ~(uint64_t)ORDO_CHANNEL_CONFIRM_BY_QUERY) != 0) {
        return ORDO_RESULT_CHANNEL_INVALID;
    }
    uint32_t i = 0;
    while (i < o->channel_count &&
           (o->channels[i].shop != shop || o->channels[i].put.channel != put->channel)) {
        i++;
    }
    ORDO_ASSERT(i < O_CHANNELS_MAX);
    o->channel_count += i == o->channel_count;
    o->channels[i] = (struct o_channel){.shop = shop, .put = *put};
    return ORDO_RESULT_OK;
}

/* ---- facts ---- */

static struct o_payment *find_payment(struct oracle *o, uint32_t shop, const struct ordo_fact *f)
{
    for (uint32_t i = 0; i < o->t.payment_count; i++) {
        struct o_payment *p = &o->t.payments[i];
        if (p->shop == shop && p->channel == f->channel && p->trade_no[0] != 0 &&
            o_is(p->merchant, f->merchant) && o_is(p->trade_no, f->trade_no)) {
            return p;
        }
    }
    return NULL;
}

static struct o_payment *
new_payment(struct oracle *o, const struct o_order *order, const struct ordo_fact *f)
{
    ORDO_ASSERT(o->t.payment_count < O_PAYMENTS_MAX);
    struct o_payment *p = &o->t.payments[o->t.payment_count++];
    *p = (struct o_payment){.order = (uint32_t)(order - o->t.orders), .shop = order->shop};
    p->channel = (uint32_t)f->channel;
    o_text(p->merchant, sizeof(p->merchant), f->merchant);
    o_text(p->trade_no, sizeof(p->trade_no), f->trade_no);
    p->currency = (uint32_t)f->currency;
    return p;
}

/* A payment without a number, told by an operator. */
void o_tell_payment(struct oracle *o, const struct o_order *order, uint32_t channel)
{
    struct ordo_fact told = {.channel = channel, .currency = order->currency};
    struct o_payment *p = new_payment(o, order, &told);
    p->amount = order->amount;
    p->received = true;
    post(o, p, ORDO_ACCOUNT_MANUAL, p->amount);
    post(o, p, ORDO_ACCOUNT_APPLIED, p->amount);
}

static struct o_attempt *attempt_of(struct o_order *order, const struct ordo_fact *f)
{
    for (uint32_t i = 0; i < order->attempt_count; i++) {
        struct o_attempt *a = &order->attempts[i];
        if (a->channel == f->channel && o_is(a->merchant, f->merchant)) {
            return a;
        }
    }
    return NULL;
}

static uint16_t unconfirmed(struct oracle *o, struct o_order *order)
{
    if (order != NULL && o_is_unpaid(order)) {
        uint64_t least = o->now + (uint64_t)o->settings.query_grace_s * O_SECOND;
        uint64_t limit = order->created_us + (uint64_t)o->settings.hold_max_s * O_SECOND;
        least = least < limit ? least : limit;
        order->flags |= ORDO_FLAG_QUERY_DUE;
        (void)o_event(o, order, ORDO_EVENT_PAY_UNCONFIRMED);
        order->deadline_us = order->deadline_us < least ? least : order->deadline_us;
    }
    return ORDO_RESULT_FACT_UNCONFIRMED;
}

static uint8_t failed(struct oracle *o, struct o_order *order, const struct ordo_fact *f)
{
    if (order == NULL) {
        return ORDO_DISPOSITION_ORPHAN;
    }
    struct o_attempt *a = attempt_of(order, f);
    if (order->state != ORDO_STATE_PAYING || a == NULL || !a->open) {
        return o_event(o, order, ORDO_EVENT_FAIL_STRAY);
    }
    bool another = false;
    a->open = false;
    for (uint32_t i = 0; i < order->attempt_count; i++) {
        another = another || order->attempts[i].open;
    }
    return o_event(o, order, another ? ORDO_EVENT_FAIL_ONE : ORDO_EVENT_FAIL);
}

/* What an expired order's exact payment is. */
static enum ordo_event late_event(struct oracle *o, struct o_order *order)
{
    const struct o_product *p = o_find_product(o, order->shop, order->product);
    uint64_t window = (uint64_t)o->settings.late_window_s * O_SECOND;
    bool in_time = o->now - order->changed_us <= window;
    bool has_paid = o_buyer_units(o, order, O_COUNTS_PAID) != 0;
    uint64_t held = o_buyer_units(o, order, O_COUNTS_HELD);
    bool capped = p->put.purchase_cap != 0 && order->quantity + held > p->put.purchase_cap;
    bool refund = (p->put.options & ORDO_PRODUCT_LATE_REFUND) != 0;
    if (!in_time || has_paid) {
        order->flags |= ORDO_FLAG_REVIEW;
    }
    if (!in_time || has_paid || capped || refund) {
        return ORDO_EVENT_PAY_UNPLACED;
    }
    if (o_is_available(o, order)) {
        return ORDO_EVENT_PAY;
    }
    bool queued = (p->put.options & ORDO_PRODUCT_LATE_BACKORDER) != 0 && order->named_card == 0;
    return queued ? ORDO_EVENT_PAY_QUEUED : ORDO_EVENT_PAY_UNPLACED;
}

static enum ordo_event
event_of(struct oracle *o, struct o_order *order, const struct ordo_fact *f, int64_t *surplus)
{
    const struct o_attempt *a = attempt_of(order, f);
    struct ordo_channel_put channel = o_channel(o, order->shop, f->channel);
    int64_t d = f->amount - (a != NULL ? a->amount : order->amount);
    if (order->state == ORDO_STATE_NONE) {
        return ORDO_EVENT_PAY;
    }
    if (f->currency != order->currency || d < -channel.short_tolerance) {
        return ORDO_EVENT_PAY_SHORT;
    }
    if (d > channel.over_tolerance) {
        *surplus = d;
        return ORDO_EVENT_PAY_OVER;
    }
    return order->state == ORDO_STATE_EXPIRED ? late_event(o, order) : ORDO_EVENT_PAY;
}

static void place(
    struct oracle *o, struct o_order *order, struct o_payment *p, uint8_t disposition, int64_t over)
{
    bool review = disposition == ORDO_DISPOSITION_SHORT || disposition == ORDO_DISPOSITION_ORPHAN;
    bool due = disposition == ORDO_DISPOSITION_LATE_REFUND_DUE ||
               disposition == ORDO_DISPOSITION_EXTRA_REFUND_DUE;
    post(o, p, ORDO_ACCOUNT_RECEIVED, p->amount);
    if (review) {
        post(o, p, ORDO_ACCOUNT_REVIEW, p->amount);
        order->flags |= ORDO_FLAG_REVIEW;
        return;
    }
    over = due ? p->amount : disposition == ORDO_DISPOSITION_OVER_APPLIED ? over : 0;
    post(o, p, ORDO_ACCOUNT_REFUND_DUE, over);
    post(o, p, ORDO_ACCOUNT_APPLIED, p->amount - over);
    if (due) {
        if (disposition == ORDO_DISPOSITION_LATE_REFUND_DUE) {
            o_settle_empty(o, order);
        }
        return;
    }
    if (disposition == ORDO_DISPOSITION_LATE_APPLIED ||
        disposition == ORDO_DISPOSITION_LATE_BACKORDER) {
        o_late(o, order);
    }
    o_paid(o, order);
}

/* The real payment of what an operator had told: with all of its standing. */
static bool binds_manual(struct oracle *o, struct o_order *order, const struct ordo_fact *f)
{
    for (uint32_t i = 0; i < o->t.payment_count; i++) {
        struct o_payment *p = &o->t.payments[i];
        if (&o->t.orders[p->order] != order || p->trade_no[0] != 0 || p->amount != f->amount ||
            p->currency != f->currency) {
            continue;
        }
        struct o_payment told = *p;
        for (enum ordo_account a = 0; a < ORDO_ACCOUNT_COUNT; a++) {
            post(o, p, a, -told.at[a]);
        }
        p->channel = (uint32_t)f->channel;
        o_text(p->merchant, sizeof(p->merchant), f->merchant);
        o_text(p->trade_no, sizeof(p->trade_no), f->trade_no);
        for (enum ordo_account a = 0; a < ORDO_ACCOUNT_COUNT; a++) {
            post(o, p, a == ORDO_ACCOUNT_MANUAL ? ORDO_ACCOUNT_RECEIVED : a, told.at[a]);
        }
        return true;
    }
    return false;
}

static uint8_t
paid_first(struct oracle *o, struct o_order *order, struct o_payment *p, const struct ordo_fact *f)
{
    if (p != NULL || f->refund_total > 0) {
        p = p != NULL ? p : new_payment(o, order, f);
        int64_t back = p->noted > f->refund_total ? p->noted : f->refund_total;
        back = back < f->amount ? back : f->amount;
        p->amount = f->amount;
        p->received = true;
        post(o, p, ORDO_ACCOUNT_RECEIVED, p->amount);
        post(o, p, ORDO_ACCOUNT_REFUNDED, back);
        post(o, p, ORDO_ACCOUNT_REVIEW, p->amount - back);
        order->flags |= ORDO_FLAG_REVIEW;
        return o_event(o, order, ORDO_EVENT_REFUND_PART);
    }
    if (binds_manual(o, order, f)) {
        return o_event(o, order, ORDO_EVENT_PAY_MANUAL);
    }
    int64_t surplus = 0;
    enum ordo_event event = event_of(o, order, f, &surplus);
    p = new_payment(o, order, f);
    p->amount = f->amount;
    p->received = true;
    uint8_t disposition = o_event(o, order, event);
    place(o, order, p, disposition, surplus);
    return disposition;
}

static uint8_t
refunded(struct oracle *o, struct o_order *order, struct o_payment *p, const struct ordo_fact *f)
{
    if (p == NULL || !p->received) {
        bool news = p == NULL || f->refund_total > p->noted;
        p = p != NULL ? p : new_payment(o, order, f);
        p->noted = f->refund_total > p->noted ? f->refund_total : p->noted;
        order->flags |= ORDO_FLAG_REVIEW;
        return news ? ORDO_DISPOSITION_ORPHAN : o_event(o, order, ORDO_EVENT_PAY_AGAIN);
    }
    static const enum ordo_account from[] = {
        ORDO_ACCOUNT_REFUND_DUE, ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REVIEW};
    int64_t total = f->refund_total < p->amount ? f->refund_total : p->amount;
    int64_t more = total - p->at[ORDO_ACCOUNT_REFUNDED];
    if (f->refund_total > p->amount) {
        order->flags |= ORDO_FLAG_REVIEW;
    }
    if (more <= 0) {
        return o_event(o, order, ORDO_EVENT_PAY_AGAIN);
    }
    for (uint32_t i = 0; i < 3; i++) {
        int64_t n = p->at[from[i]] < more ? p->at[from[i]] : more;
        o_move(o, p, from[i], ORDO_ACCOUNT_REFUNDED, n);
        more -= n;
    }
    ORDO_ASSERT(more == 0);
    return o_settle(o, order);
}

static uint8_t charged_back(
    struct oracle *o, struct o_order *order, struct o_payment *p, const struct ordo_fact *f)
{
    if (p != NULL && p->charged_back) {
        return o_event(o, order, ORDO_EVENT_PAY_AGAIN);
    }
    p = p != NULL ? p : new_payment(o, order, f);
    p->charged_back = true;
    order->flags |= ORDO_FLAG_REVIEW;
    o_freeze(order);
    if (!p->received) {
        return ORDO_DISPOSITION_ORPHAN;
    }
    o_move(o, p, ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REVIEW, p->at[ORDO_ACCOUNT_APPLIED]);
    return o_event(o, order, ORDO_EVENT_CHARGEBACK);
}

static uint8_t
known(struct oracle *o, struct o_order *order, uint32_t shop, const struct ordo_fact *f)
{
    struct o_payment *p = find_payment(o, shop, f);
    bool received = p != NULL && p->received;
    if (p != NULL && (&o->t.orders[p->order] != order || p->currency != f->currency ||
                      (f->fact == ORDO_FACT_PAY && received && p->amount != f->amount))) {
        if (order == NULL) {
            return ORDO_DISPOSITION_CONFLICT;
        }
        order->flags |= ORDO_FLAG_REVIEW;
        return o_event(o, order, ORDO_EVENT_PAY_CONFLICT);
    }
    if (f->fact == ORDO_FACT_PAY && received && f->refund_total == 0) {
        return o_event(o, order, ORDO_EVENT_PAY_AGAIN);
    }
    if (order == NULL) {
        order = o_new_order(o, shop, f->order_id);
    }
    if (f->fact == ORDO_FACT_PAY && !received) {
        return paid_first(o, order, p, f);
    }
    return f->fact == ORDO_FACT_CHARGEBACK ? charged_back(o, order, p, f)
                                           : refunded(o, order, p, f);
}

uint16_t o_fact(struct oracle *o, uint32_t shop, const struct ordo_fact *f)
{
    struct o_order *order = o_find_order(o, shop, f->order_id);
    if (f->fact == ORDO_FACT_NONE || !ordo_text_is_valid(f->trade_no) ||
        !ordo_text_is_valid(f->order_id) || f->amount < 0 || f->refund_total < 0 ||
        (f->fact == ORDO_FACT_REFUND && f->refund_total == 0)) {
        return ORDO_RESULT_FACT_INVALID;
    }
    if (f->verified_by == ORDO_VERIFIED_NONE) {
        return ORDO_RESULT_FACT_UNVERIFIED;
    }
    if (order != NULL) {
        (void)o_touch(o, order);
    }
    bool pays = f->fact == ORDO_FACT_PAY && f->refund_total == 0;
    bool ends = f->fact == ORDO_FACT_FAIL || f->fact == ORDO_FACT_CLOSE;
    const struct o_payment *p = find_payment(o, shop, f);
    uint64_t options = o_channel(o, shop, f->channel).options;
    if (pays && f->verified_by == ORDO_VERIFIED_SIGNATURE && (p == NULL || !p->received) &&
        (options & ORDO_CHANNEL_CONFIRM_BY_QUERY) != 0) {
        return unconfirmed(o, order);
    }
    o->disposition = ends && f->refund_total == 0 ? failed(o, order, f) : known(o, order, shop, f);
    return ORDO_RESULT_OK;
}
