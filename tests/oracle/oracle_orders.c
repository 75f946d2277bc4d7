/* The lives of orders: create, chains, what payment and time do to them, coupons. */
#include "oracle_parts.h"

#define SHARES 10000

static struct o_coupon *find_coupon(struct oracle *o, uint32_t shop, struct ordo_bytes text)
{
    for (uint32_t i = 0; i < o->coupon_count; i++) {
        if (o->t.coupons[i].shop == shop && o_is(o->t.coupons[i].text, text)) {
            return &o->t.coupons[i];
        }
    }
    return NULL;
}

static struct o_coupon *coupon_of(struct oracle *o, const struct o_order *order)
{
    struct ordo_bytes text = {(const uint8_t *)order->coupon, (uint32_t)strlen(order->coupon)};
    return text.size == 0 ? NULL : find_coupon(o, order->shop, text);
}

static void return_coupon(struct oracle *o, struct o_order *order)
{
    if (order->coupon_counts) {
        coupon_of(o, order)->returned++;
        order->coupon_counts = false;
    }
}

static struct o_product *product_of(struct oracle *o, const struct o_order *order)
{
    return o_find_product(o, order->shop, order->product);
}

uint64_t o_buyer_units(const struct oracle *o, const struct o_order *order, enum o_counts counts)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *other = &o->t.orders[i];
        bool same = other->shop == order->shop && other->product == order->product &&
                    memcmp(other->buyer, order->buyer, ORDO_ID_SIZE) == 0;
        units += same && other->counts == counts ? other->quantity : 0;
    }
    return units;
}

static uint64_t second_key_units(const struct oracle *o, const struct o_order *order)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *other = &o->t.orders[i];
        bool same = other->shop == order->shop && other->product == order->product &&
                    other->has_second_key &&
                    memcmp(other->second_key, order->second_key, ORDO_ID_SIZE) == 0;
        units += same && other->counts == O_COUNTS_HELD ? other->quantity : 0;
    }
    return units;
}

/* ---- create ---- */

static uint16_t compare(const struct o_order *order, const struct ordo_create *c)
{
    if (!order->created) {
        return order->state == ORDO_STATE_NONE ? ORDO_RESULT_OK : ORDO_RESULT_STATE_CANCELLED;
    }
    if (memcmp(order->buyer, c->buyer.data, ORDO_ID_SIZE) != 0) {
        return ORDO_RESULT_ORDER_BUYER;
    }
    if (order->product != c->product) {
        return ORDO_RESULT_ORDER_PRODUCT;
    }
    if (order->quantity != c->quantity) {
        return ORDO_RESULT_ORDER_QUANTITY;
    }
    if (order->amount != c->amount) {
        return ORDO_RESULT_ORDER_AMOUNT;
    }
    if (order->currency != c->currency) {
        return ORDO_RESULT_ORDER_CURRENCY;
    }
    return o_is(order->coupon, c->coupon) ? ORDO_RESULT_ORDER_EXISTS : ORDO_RESULT_ORDER_COUPON;
}

static uint16_t check_coupon(struct oracle *o, const struct o_order *order)
{
    const struct o_coupon *c = coupon_of(o, order);
    if (order->coupon[0] == 0) {
        return ORDO_RESULT_OK;
    }
    if (c == NULL) {
        return ORDO_RESULT_COUPON_UNKNOWN;
    }
    if ((c->put.product != 0 && c->put.product != order->product) ||
        o->now < c->put.valid_from_us ||
        (c->put.valid_until_us != 0 && o->now >= c->put.valid_until_us)) {
        return ORDO_RESULT_COUPON_NOT_VALID;
    }
    return c->used - c->returned >= c->put.uses_max ? ORDO_RESULT_COUPON_SPENT : ORDO_RESULT_OK;
}

int64_t o_price(struct oracle *o, const struct o_order *order)
{
    const struct o_coupon *c = coupon_of(o, order);
    int64_t total = product_of(o, order)->put.price * (int64_t)order->quantity;
    if (c == NULL) {
        return total;
    }
    int64_t share = (int64_t)c->put.discount_share;
    int64_t off = total / SHARES * share + total % SHARES * share / SHARES + c->put.discount;
    return off > total ? 0 : total - off;
}

static uint16_t check_card(struct oracle *o, const struct o_order *order)
{
    const struct o_product *p = product_of(o, order);
    if (order->named_card == 0) {
        return ORDO_RESULT_OK;
    }
    if (p->put.stock_mode != ORDO_STOCK_PRESELECT) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (order->quantity != 1) {
        return ORDO_RESULT_QUANTITY_INVALID;
    }
    const struct o_card *card = o_find_card(o, order->shop, order->named_card);
    return card != NULL && card->product == p ? ORDO_RESULT_OK : ORDO_RESULT_CARD_UNKNOWN;
}

static uint16_t check_limits(struct oracle *o, const struct o_order *order)
{
    const struct o_product *p = product_of(o, order);
    uint64_t held = o_buyer_units(o, order, O_COUNTS_HELD);
    uint64_t paid = o_buyer_units(o, order, O_COUNTS_PAID);
    if (p->put.purchase_cap != 0 && held + paid + order->quantity > p->put.purchase_cap) {
        return ORDO_RESULT_PURCHASE_CAP;
    }
    if (order->amount == 0) {
        return ORDO_RESULT_OK;
    }
    uint64_t quota = (uint64_t)o->settings.buyer_quota;
    if (quota != 0 && held + order->quantity > quota) {
        return ORDO_RESULT_HOLD_QUOTA;
    }
    quota = (uint64_t)o->settings.second_key_quota;
    if (quota != 0 && order->has_second_key &&
        second_key_units(o, order) + order->quantity > quota) {
        return ORDO_RESULT_SECOND_KEY_QUOTA;
    }
    return ORDO_RESULT_OK;
}

static uint16_t check_share(struct oracle *o, const struct o_order *order)
{
    const struct o_product *p = product_of(o, order);
    bool shared = p->put.held_share != 0 && p->put.stock_mode != ORDO_STOCK_LOOP &&
                  p->put.stock_mode != ORDO_STOCK_UNLIMITED &&
                  (p->put.options & ORDO_PRODUCT_HOLD_AT_PAY) == 0;
    uint64_t unpaid = o_units(o, p, O_HELD, true);
    uint64_t most = (o_free(o, p) + unpaid) * p->put.held_share / SHARES;
    bool over = shared && order->amount != 0 && unpaid + order->quantity > most;
    return over ? ORDO_RESULT_HELD_SHARE : ORDO_RESULT_OK;
}

static uint16_t
check_stock(struct oracle *o, const struct o_order *order, bool may_wait, bool *wait)
{
    const struct o_product *p = product_of(o, order);
    if (o_is_available(o, order)) {
        return ORDO_RESULT_OK;
    }
    if (order->named_card != 0) {
        return ORDO_RESULT_CARD_TAKEN;
    }
    bool waits = p->put.stock_mode == ORDO_STOCK_CARDS || p->put.stock_mode == ORDO_STOCK_COUNTED;
    *wait = may_wait && waits && (p->put.options & ORDO_PRODUCT_HOLD_AT_PAY) == 0;
    return *wait ? ORDO_RESULT_OK : ORDO_RESULT_STOCK_SHORT;
}

static uint16_t
check_create(struct oracle *o, const struct o_order *order, const struct ordo_create *c, bool *wait)
{
    const struct o_product *p = product_of(o, order);
    if (p == NULL) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if ((p->put.options & ORDO_PRODUCT_CLOSED) != 0) {
        return ORDO_RESULT_PRODUCT_CLOSED;
    }
    if (c->quantity < 1 || c->quantity > ORDO_QUANTITY_MAX) {
        return ORDO_RESULT_QUANTITY_INVALID;
    }
    if (c->currency != p->put.currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    uint16_t code = check_coupon(o, order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (c->amount != o_price(o, order)) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    code = check_card(o, order);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (c->second_key.size != 0 && c->second_key.size != ORDO_ID_SIZE) {
        return ORDO_RESULT_SECOND_KEY_INVALID;
    }
    if (o->now < p->put.sale_from_us) {
        return ORDO_RESULT_SALE_NOT_OPEN;
    }
    if (p->put.sale_until_us != 0 && o->now >= p->put.sale_until_us) {
        return ORDO_RESULT_SALE_OVER;
    }
    code = check_limits(o, order);
    if (code == ORDO_RESULT_OK) {
        code = check_stock(o, order, c->wait_s != 0, wait);
    }
    return code == ORDO_RESULT_OK && !*wait ? check_share(o, order) : code;
}

uint16_t o_create(struct oracle *o, uint32_t shop, const struct ordo_create *c)
{
    if (!ordo_text_is_valid(c->order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    struct o_order *order = o_find_order(o, shop, c->order_id);
    uint16_t code = order == NULL ? ORDO_RESULT_OK : compare(order, c);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    struct o_order wanted = {.shop = shop, .created = true};
    memcpy(wanted.buyer, c->buyer.data, ORDO_ID_SIZE);
    wanted.product = (uint32_t)c->product;
    wanted.quantity = (uint32_t)c->quantity;
    wanted.amount = c->amount;
    wanted.currency = (uint32_t)c->currency;
    wanted.hold_ttl_s = c->hold_ttl_s;
    o_text(wanted.coupon, sizeof(wanted.coupon), c->coupon);
    wanted.has_second_key = c->second_key.size == ORDO_ID_SIZE;
    if (wanted.has_second_key) {
        memcpy(wanted.second_key, c->second_key.data, ORDO_ID_SIZE);
    }
    wanted.named_card = c->card;
    bool wait = false;
    code = check_create(o, &wanted, c, &wait);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (order == NULL) {
        order = o_new_order(o, shop, c->order_id);
    }
    (void)o_touch(o, order);
    memcpy(wanted.id, order->id, sizeof(wanted.id));
    wanted.flags = order->flags;
    wanted.last_seq = order->last_seq;
    wanted.created_us = o->now;
    wanted.counts = O_COUNTS_HELD;
    *order = wanted;
    if (order->coupon[0] != 0) {
        coupon_of(o, order)->used++;
        order->coupon_counts = true;
    }
    if (wait) {
        order->flags |= ORDO_FLAG_WAITING;
        order->queue_place = ++o->t.place;
        (void)o_event(o, order, ORDO_EVENT_WAIT);
        order->deadline_us = o->now + c->wait_s * O_SECOND;
        return ORDO_RESULT_OK;
    }
    if ((product_of(o, order)->put.options & ORDO_PRODUCT_HOLD_AT_PAY) == 0) {
        o_take(o, order, order->quantity);
    }
    o_admit(o, order);
    return ORDO_RESULT_OK;
}

/* The order has its units, or will take them when it is paid: what is there to pay? */
void o_admit(struct oracle *o, struct o_order *order)
{
    if (o_apply_parked(o, order) || order->amount == 0) {
        (void)o_event(o, order, ORDO_EVENT_CREATE_PAID);
        o_paid(o, order);
        return;
    }
    const struct o_product *p = product_of(o, order);
    uint64_t ttl_s = order->hold_ttl_s != 0   ? order->hold_ttl_s
                     : p->put.hold_ttl_s != 0 ? p->put.hold_ttl_s
                                              : (uint64_t)o->settings.hold_ttl_s;
    (void)o_event(o, order, ORDO_EVENT_CREATE);
    order->deadline_us = o->now + ttl_s * O_SECOND;
}

void o_paid(struct oracle *o, struct o_order *order)
{
    order->flags &= ~(uint32_t)ORDO_FLAG_QUERY_DUE;
    order->counts = O_COUNTS_PAID;
    if (order->units == 0 && o_is_available(o, order)) {
        o_take(o, order, order->quantity);
    } else if (order->units == 0) {
        (void)o_event(o, order, ORDO_EVENT_NO_STOCK);
        order->queue_place = ++o->t.place;
        order->deadline_us = o->now + (uint64_t)o->settings.backorder_max_s * O_SECOND;
        if (o_head(o, product_of(o, order)) == order) {
            o_note(o, product_of(o, order)); /* it may need less than those that wait */
        }
        return;
    }
    bool manual = (product_of(o, order)->put.options & ORDO_PRODUCT_MANUAL) != 0;
    if (!manual && (order->flags & ORDO_FLAG_FROZEN) == 0) {
        o_issue(o, order);
    }
}

/* An expired order is honoured after all. */
void o_late(struct oracle *o, struct o_order *order)
{
    struct o_coupon *c = coupon_of(o, order);
    order->flags |= ORDO_FLAG_LATE;
    if (c != NULL) {
        if (c->used - c->returned >= c->put.uses_max) {
            c->overdrawn++;
            order->flags |= ORDO_FLAG_COUPON_OVERDRAWN;
        }
        c->used++;
        order->coupon_counts = true;
    }
}

void o_money_back_whole(struct oracle *o, struct o_order *order, uint8_t state_before)
{
    if (state_before == ORDO_STATE_PAID) {
        o_give_back(o, order);
    } else if (state_before == ORDO_STATE_BACKORDER) {
        o_leave_queue(o, order);
    } else if (state_before == ORDO_STATE_ISSUING) {
        o_void_units(o, order);
    }
    order->counts = O_COUNTS_NOT;
    if (!order->was_bound) {
        return_coupon(o, order);
    }
}

void o_end_unpaid(struct oracle *o, struct o_order *order)
{
    if (order->queue_place != 0) {
        o_leave_queue(o, order);
    }
    o_give_back(o, order);
    order->flags &= ~(uint32_t)ORDO_FLAG_QUERY_DUE;
    order->counts = O_COUNTS_NOT;
    return_coupon(o, order);
}

/* ---- verbs of buyers and shops ---- */

uint16_t o_extend(struct oracle *o, struct o_order *order, uint64_t ttl_s)
{
    uint16_t code = o_may(order, ORDO_EVENT_EXTEND);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint64_t wanted = o->now + ttl_s * O_SECOND;
    uint64_t limit = order->created_us + (uint64_t)o->settings.hold_max_s * O_SECOND;
    uint64_t deadline = wanted < limit ? wanted : limit;
    if (ttl_s != 0 && deadline <= order->deadline_us && wanted > limit) {
        return ORDO_RESULT_HOLD_LIMIT;
    }
    (void)o_event(o, order, ORDO_EVENT_EXTEND);
    if (ttl_s != 0 && deadline > order->deadline_us) {
        order->deadline_us = deadline;
    }
    return ORDO_RESULT_OK;
}

static void stop(struct oracle *o, struct o_order *order, enum ordo_event event)
{
    bool ends = o_is_unpaid(order) || (order->flags & ORDO_FLAG_WAITING) != 0;
    (void)o_event(o, order, event);
    if (ends) {
        o_end_unpaid(o, order);
    }
}

uint16_t o_cancel(struct oracle *o, struct o_order *order)
{
    bool waits = order != NULL && (order->flags & ORDO_FLAG_WAITING) != 0;
    enum ordo_event event = waits ? ORDO_EVENT_RELEASE : ORDO_EVENT_CANCEL;
    uint16_t code = o_may(order, event);
    if (code == ORDO_RESULT_OK) {
        stop(o, order, event);
    }
    return code;
}

uint16_t o_release(struct oracle *o, uint32_t shop, struct ordo_bytes id)
{
    struct o_order *order = o_find_order(o, shop, id);
    if (order == NULL && !ordo_text_is_valid(id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    if (order == NULL) {
        order = o_new_order(o, shop, id);
    }
    uint16_t code = o_may(order, ORDO_EVENT_RELEASE);
    if (code == ORDO_RESULT_OK) {
        order->created_us = o_is_known(order) ? order->created_us : o->now;
        (void)o_touch(o, order);
        stop(o, order, ORDO_EVENT_RELEASE);
    }
    return code;
}

uint16_t o_attempt(struct oracle *o, struct o_order *order, const struct ordo_attempt *a)
{
    uint16_t code = o_may(order, ORDO_EVENT_ATTEMPT);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    int64_t spread = o_channel(o, order->shop, a->channel).attempt_spread;
    if (a->amount < order->amount || a->amount > order->amount + spread) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (a->currency != order->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    struct o_attempt *same = NULL;
    for (uint32_t i = 0; i < order->attempt_count; i++) {
        struct o_attempt *one = &order->attempts[i];
        same = one->channel == a->channel && o_is(one->merchant, a->merchant) ? one : same;
    }
    if (same != NULL && same->open && same->amount != a->amount) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (same == NULL && order->attempt_count == O_ATTEMPTS_MAX) {
        return ORDO_RESULT_ATTEMPTS_FULL;
    }
    if (same == NULL) {
        same = &order->attempts[order->attempt_count++];
        same->channel = (uint32_t)a->channel;
        o_text(same->merchant, sizeof(same->merchant), a->merchant);
    }
    same->amount = a->amount;
    same->open = true;
    (void)o_event(o, order, ORDO_EVENT_ATTEMPT);
    return ORDO_RESULT_OK;
}

uint16_t o_delivery_ack(struct oracle *o, struct o_order *order)
{
    uint16_t code = o_may(order, ORDO_EVENT_DELIVERY_ACK);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (order->state == ORDO_STATE_ISSUING) {
        o_set_units(o, order, O_REVEALED);
    }
    (void)o_event(o, order, ORDO_EVENT_DELIVERY_ACK);
    return ORDO_RESULT_OK;
}
