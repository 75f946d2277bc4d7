/* One command of each kind: mostly about something that is there and mostly right. */
#include "history.h"

#define TRIES 12 /* to find something that fits */

/* States in which a fact makes a difference. */
#define ALL_STATES UINT32_MAX
#define PAYING     (1u << ORDO_STATE_PAYING)
#define PAYABLE                                                                                    \
    (1u << ORDO_STATE_PENDING | PAYING | 1u << ORDO_STATE_PAY_FAILED | 1u << ORDO_STATE_EXPIRED)

static bool wrong(struct history *h)
{
    return h->adversity > 0 && history_chance(h, (h->adversity + 3) / 4);
}

static bool rarely(struct history *h)
{
    return history_chance(h, 4) && history_chance(h, 8);
}

static int64_t within(int64_t amount)
{
    return amount > ORDO_AMOUNT_MAX    ? ORDO_AMOUNT_MAX
           : amount < -ORDO_AMOUNT_MAX ? -ORDO_AMOUNT_MAX
                                       : amount;
}

static int64_t bent(struct history *h, int64_t wanted)
{
    static const int64_t by[] = {-1, 1, -2, 2, -7, 7};
    int64_t amount = within(wanted);
    if (!wrong(h)) {
        return amount;
    }
    switch (history_below(h, 6)) {
    case 0:
        return 0;
    case 1:
        return within(amount * 2);
    case 2:
        return amount / 2;
    case 3:
        return history_chance(h, 16) ? -amount : within(amount + 1);
    default:
        return within(amount + by[history_below(h, 6)]);
    }
}

static struct ordo_bytes bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static struct ordo_bytes any_order_id(struct history *h)
{
    if (wrong(h) && history_chance(h, 4)) {
        return history_chance(h, 32) ? bytes_of("") : history_text(h, "nobody", 1);
    }
    return history_text(h, "o", history_below(h, h->orders));
}

/* An order to which this may happen, when one is found quickly. */
static struct o_order *
pick(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event)
{
    struct o_order *order = NULL;
    if (o->t.order_count == 0 || wrong(h)) {
        return NULL;
    }
    for (uint32_t i = 0; i < TRIES; i++) {
        order = &o->t.orders[history_below(h, o->t.order_count)];
        if (o_may(order, event) == ORDO_RESULT_OK && order->created) {
            break;
        }
    }
    c->shop = order->shop;
    return order;
}

static struct ordo_bytes
pick_id(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event)
{
    const struct o_order *order = pick(h, o, c, event);
    return order == NULL ? any_order_id(h) : bytes_of(order->id);
}

/* One in these states (bits), when one is found quickly. */
static const struct o_order *
pick_in(struct history *h, struct oracle *o, struct ordo_command *c, uint32_t states)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_NOTE);
    for (uint32_t i = 0; order != NULL && i < 8 && (states >> order->state & 1) == 0; i++) {
        order = pick(h, o, c, ORDO_EVENT_NOTE);
    }
    return order;
}

static uint32_t any_product(struct history *h)
{
    return 1 + history_below(h, h->products + (wrong(h) ? 1 : 0));
}

/* One that was put, when one is found quickly; with cards when they are wanted. */
static uint32_t put_product(struct history *h, struct oracle *o, uint32_t shop, bool cards)
{
    uint32_t product = any_product(h);
    for (uint32_t i = 0; i < TRIES && !wrong(h); i++) {
        const struct o_product *p = o_find_product(o, shop, product);
        if (p != NULL && (!cards || p->put.stock_mode <= ORDO_STOCK_PRESELECT)) {
            break;
        }
        product = any_product(h);
    }
    return product;
}

/* The order of a payment with money there, when one is found quickly. */
static const struct o_order *
pick_with(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_account account)
{
    for (uint32_t i = 0; i < TRIES && o->t.payment_count != 0 && !wrong(h); i++) {
        const struct o_payment *p = &o->t.payments[history_below(h, o->t.payment_count)];
        if (p->at[account] != 0) {
            c->shop = p->shop;
            return &o->t.orders[p->order];
        }
    }
    return pick(h, o, c, ORDO_EVENT_NOTE);
}

/* A number that no order has, the nth from somewhere; any when all are taken. */
static struct ordo_bytes
free_number(struct history *h, struct oracle *o, uint32_t shop, uint32_t nth)
{
    uint32_t first = history_below(h, h->orders);
    for (uint32_t i = 0; i < h->orders; i++) {
        struct ordo_bytes id = history_text(h, "o", (first + i) % h->orders);
        if (o_find_order(o, shop, id) == NULL && nth-- == 0) {
            return id;
        }
    }
    return any_order_id(h);
}

static struct ordo_bytes operator_name(struct history *h)
{
    return wrong(h) && history_chance(h, 16) ? bytes_of("") : bytes_of("ann");
}

static struct ordo_bytes reason(struct history *h)
{
    return wrong(h) && history_chance(h, 16) ? bytes_of("") : bytes_of("because");
}

static uint64_t any_card(struct history *h, const struct oracle *o)
{
    return history_below(h, o->t.card_count + 2);
}

/* ---- shop ---- */

static void make_settings(struct history *h, const struct oracle *o, struct ordo_settings *s)
{
    struct choice {
        uint32_t key;
        int64_t values[4];
    };
    static const struct choice choices[] = {
        {20, {1, 60, 900, 7200}},
        {21, {0, 5, 3600, 172800}},
        {22, {0, 5, 600, 3600}},
        {24, {0, 0, 2, 8}},
        {25, {0, 0, 2, 8}},
        {26, {1, 60, 3600, 86400}},
        {27, {1, 5, 120, 3600}},
        {28, {0, 1, 60, 600}},
        {29, {0, 1, 3, 16}},
        {30, {1, 600, 7200, 86400}},
    };
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 1 + history_below(h, 4);
    for (uint32_t i = 0; i < count; i++) {
        const struct choice *choice = &choices[history_below(h, 10)];
        uint32_t key = choice->key;
        int64_t value = choice->values[history_below(h, 4)];
        if (wrong(h)) {
            key = history_chance(h, 16) && o->seq > 0 ? 2 : history_chance(h, 16) ? 99 : key;
            value = history_chance(h, 24) ? -1 : value;
        }
        ordo_write_varint(&w, key);
        ordo_write_zigzag(&w, value);
    }
    s->pairs.raw = (struct ordo_bytes){h->blob, (uint32_t)ordo_writer_size(&w)};
    s->pairs.count = count;
}

/* No new units while this is true: there are some, or not enough orders wait yet. */
static bool has_plenty(struct history *h, struct oracle *o, const struct o_product *p)
{
    uint32_t wait = 0;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *order = &o->t.orders[i];
        bool of_it = order->shop == p->shop && order->product == p->put.product;
        wait += of_it && order->queue_place != 0;
    }
    bool too_soon = h->crowd && wait < 12 && history_chance(h, 56);
    return p->imported != 0 && (too_soon || o_free(o, p) > h->plenty);
}

static void make_product_put(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const int64_t prices[] = {500, 500, 1, 333, 0, ORDO_AMOUNT_MAX};
    static const uint32_t ttls[] = {0, 0, 60, 3600};
    static const uint32_t caps[] = {0, 0, 0, 0, 1, 3, 64};
    static const uint32_t shares[] = {0, 0, 0, 5000, 10000, 1};
    struct ordo_product_put *p = &c->product_put;
    p->product = any_product(h);
    const struct o_product *there = o_find_product(o, c->shop, p->product);
    p->price = there != NULL && history_chance(h, 56) ? there->put.price
                                                      : prices[history_below(h, rarely(h) ? 6 : 5)];
    p->currency = 156 + (wrong(h) ? 1 : 0);
    p->stock_mode = (h->modes[p->product] + (wrong(h) ? 1 : 0)) % 5;
    p->hold_ttl_s = ttls[history_below(h, 4)];
    p->counted = p->stock_mode == ORDO_STOCK_COUNTED || wrong(h)
                     ? history_below(h, history_chance(h, 32) ? h->quantity_max + 2 : h->import_max)
                     : 0;
    p->counted = there != NULL && has_plenty(h, o, there) ? 0 : p->counted;
    p->purchase_cap = caps[history_below(h, 7)];
    p->held_share = shares[history_below(h, 6)];
    if (h->crowd && !wrong(h)) {
        p->purchase_cap = p->held_share = 0;
        p->options &= ~(uint64_t)ORDO_PRODUCT_CLOSED;
    } else if (history_chance(h, 8)) {
        p->sale_from_us = h->time_us + history_below(h, 30) * O_SECOND;
        p->sale_until_us =
            history_chance(h, 32) ? p->sale_from_us + history_below(h, 600) * O_SECOND : 0;
    }
    p->options = history_below(h, 64) & h->options_mask;
    if (!history_chance(h, 8)) {
        p->options &= ~(uint64_t)ORDO_PRODUCT_CLOSED;
    }
    if (p->stock_mode == ORDO_STOCK_PRESELECT && !wrong(h)) {
        p->options &= ~(uint64_t)ORDO_PRODUCT_HOLD_AT_PAY;
    }
    if (wrong(h)) {
        p->options |= history_chance(h, 8) ? 64 : 0;
        p->product = history_chance(h, 4) ? 0 : p->product;
        p->price = history_chance(h, 4) ? -1 : p->price;
    }
}

static void make_card_import(struct history *h, struct oracle *o, struct ordo_command *c)
{
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 1 + history_below(h, h->import_max);
    c->card_import.product = put_product(h, o, c->shop, true);
    const struct o_product *p = o_find_product(o, c->shop, c->card_import.product);
    if (o->t.card_count + count > O_CARDS_MAX / 2 || (p != NULL && has_plenty(h, o, p))) {
        c->kind = ORDO_KIND_CONTINUE;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[64] = {0};
        bool again = history_chance(h, 6);
        ordo_put_le32(card, again ? history_below(h, 50) : 1000 + h->next_trade++);
        uint32_t size = 57 + history_below(h, 7) - (wrong(h) && history_chance(h, 2) ? 20 : 0);
        ordo_write_bytes(&w, (struct ordo_bytes){card, size});
    }
    c->card_import.cards.raw = (struct ordo_bytes){h->blob, (uint32_t)ordo_writer_size(&w)};
    c->card_import.cards.count = count;
    if (rarely(h) && wrong(h)) {
        c->card_import.cards.raw.size = c->card_import.cards.count = 0;
    }
}

static void make_coupon_put(struct history *h, struct ordo_coupon_put *p)
{
    static const int64_t discounts[] = {0, 1, 100, 100000};
    static const uint32_t shares[] = {0, 1000, 3333, 10000};
    p->coupon = wrong(h) && rarely(h) ? bytes_of("") : history_text(h, "c", history_below(h, 3));
    p->product = history_chance(h, 16) ? any_product(h) : 0;
    p->discount = bent(h, discounts[history_below(h, 4)]);
    p->discount_share = shares[history_below(h, 4)];
    p->uses_max = history_below(h, 6);
    if (history_chance(h, 8)) {
        p->valid_from_us = h->time_us + history_below(h, 30) * O_SECOND;
        p->valid_until_us = p->valid_from_us + history_below(h, 600) * O_SECOND;
    }
}

static void make_channel_put(struct history *h, struct ordo_channel_put *p)
{
    p->channel = history_below(h, h->channels) + (wrong(h) ? 0 : 1);
    p->short_tolerance = history_chance(h, 32) ? history_below(h, 3) : 0;
    p->over_tolerance = history_chance(h, 32) ? history_below(h, 3) : 0;
    p->attempt_spread = history_chance(h, 32) ? history_below(h, 10) : 0;
    p->options = history_chance(h, 24) ? ORDO_CHANNEL_CONFIRM_BY_QUERY : 0;
    if (wrong(h)) {
        p->options |= history_chance(h, 8) ? 2 : 0;
        p->over_tolerance -= history_chance(h, 8) ? 5 : 0;
    }
}

/* ---- orders ---- */

static void make_fact(struct history *h, struct oracle *o, struct ordo_command *c);

static void repeat_create(const struct o_order *order, struct ordo_create *c)
{
    c->order_id = bytes_of(order->id);
    c->buyer = (struct ordo_bytes){order->buyer, ORDO_ID_SIZE};
    c->product = order->product;
    c->quantity = order->quantity;
    c->amount = order->amount;
    c->currency = order->currency;
    c->coupon = bytes_of(order->coupon);
}

static void
fill_create(struct history *h, struct oracle *o, uint32_t shop, uint32_t nth, struct ordo_create *c)
{
    c->order_id = wrong(h) ? any_order_id(h) : free_number(h, o, shop, nth);
    uint32_t buyer = history_below(h, h->buyers);
    ordo_put_le32(h->keys[0], buyer);
    ordo_put_le32(h->keys[1], 1 + history_below(h, h->second_keys));
    c->buyer = (struct ordo_bytes){h->keys[0], ORDO_ID_SIZE};
    c->product = put_product(h, o, shop, false);
    c->quantity = 1 + history_below(h, h->quantity_max);
    if (h->second_keys != 0 && history_chance(h, 48)) {
        c->second_key = (struct ordo_bytes){h->keys[1], ORDO_ID_SIZE};
        c->second_key.size -= wrong(h) && history_chance(h, 4) ? 1 : 0;
    }
    if (h->coupons != 0 && history_chance(h, 24)) {
        c->coupon = o->coupon_count != 0 && !wrong(h)
                        ? bytes_of(o->t.coupons[history_below(h, o->coupon_count)].text)
                        : history_text(h, "c", history_below(h, 4));
    }
    static const uint32_t ttls[] = {0, 0, 30, 1800};
    c->hold_ttl_s = ttls[history_below(h, 4)];
    c->wait_s = history_chance(h, h->crowd ? 60 : 24) ? 1 + history_below(h, 3600) : 0;
    if (wrong(h)) {
        c->quantity = history_chance(h, 8) ? history_below(h, 2) * 65 : c->quantity;
    }
    const struct o_product *p = o_find_product(o, shop, c->product);
    if (p == NULL) {
        return;
    }
    if ((p->put.stock_mode == ORDO_STOCK_PRESELECT || wrong(h)) && history_chance(h, 40)) {
        c->card = any_card(h, o);
        c->quantity = wrong(h) ? c->quantity : 1;
    }
    struct o_order order = {.shop = shop, .product = (uint32_t)c->product};
    order.quantity = (uint32_t)c->quantity;
    o_text(order.coupon, sizeof(order.coupon), c->coupon);
    c->amount = bent(h, o_price(o, &order));
    c->currency = p->put.currency + (wrong(h) ? 1 : 0);
}

static void make_create(struct history *h, struct oracle *o, struct ordo_command *c)
{
    if (o->t.order_count != 0 && history_chance(h, 2 + h->adversity / 4)) {
        const struct o_order *order = &o->t.orders[history_below(h, o->t.order_count)];
        c->shop = order->shop;
        repeat_create(order, &c->create);
        c->create.amount = bent(h, c->create.amount);
        c->create.quantity += wrong(h) ? 1 : 0;
        c->create.currency += wrong(h) ? 1 : 0;
        c->create.product += wrong(h) ? 1 : 0;
        c->create.coupon = wrong(h) ? bytes_of("other") : c->create.coupon;
        if (wrong(h)) {
            memset(h->keys[0], 9, ORDO_ID_SIZE);
            c->create.buyer.data = h->keys[0];
        }
        return;
    }
    fill_create(h, o, c->shop, 0, &c->create);
    if (o_find_order(o, c->shop, c->create.order_id) != NULL && !wrong(h)) {
        memset(&c->create, 0, sizeof(c->create)); /* no number is left */
        c->kind = ORDO_KIND_FACT;
        make_fact(h, o, c);
    }
}

static void make_chain(struct history *h, struct oracle *o, struct ordo_command *c)
{
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 1 + history_below(h, ORDO_CHAIN_MAX);
    uint32_t units = 0;
    count = wrong(h) && rarely(h) ? 0 : count;
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_command member = {.kind = ORDO_KIND_CREATE};
        uint8_t bytes[ORDO_MEMBER_MAX + 32];
        struct ordo_writer one = ordo_writer_over(bytes, sizeof(bytes));
        fill_create(h, o, 0, i, &member.create);
        member.create.wait_s = wrong(h) ? member.create.wait_s : 0;
        units += member.create.quantity;
        if (units > 64 && !wrong(h)) {
            count = i;
            break;
        }
        ordo_command_encode(&member, &one);
        /* kind, id, shop 0, then the fields */
        uint32_t head = 1 + ORDO_ID_SIZE + 1;
        bytes[head - 1] = wrong(h) && rarely(h) ? ORDO_KIND_CANCEL : ORDO_KIND_CREATE;
        ordo_write_bytes(
            &w, (struct ordo_bytes){bytes + head - 1, (uint32_t)ordo_writer_size(&one) - head + 1});
    }
    c->chain.members.raw = (struct ordo_bytes){h->blob, (uint32_t)ordo_writer_size(&w)};
    c->chain.members.count = count;
}

static void make_attempt(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_ATTEMPT);
    for (uint32_t i = 0; order != NULL && i < o->t.order_count && h->merchants > 3; i++) {
        const struct o_order *other = &o->t.orders[i];
        bool more = o_is_unpaid(other) && other->attempt_count > order->attempt_count;
        order = more ? other : order; /* to have one with all that it may have */
        c->shop = order->shop;
    }
    struct ordo_attempt *a = &c->attempt;
    a->order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    a->channel = 1 + history_below(h, h->channels);
    a->merchant = history_text(h, "m", history_below(h, h->merchants));
    a->currency = 156 + (wrong(h) ? 1 : 0);
    if (order != NULL) {
        int64_t spread = o_channel(o, order->shop, a->channel).attempt_spread;
        a->amount = order->amount + history_below(h, (uint32_t)spread + 1);
    }
    a->amount = bent(h, a->amount);
}

static void make_extend(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const uint32_t ttls[] = {0, 10, 900, 7200, 86400};
    c->extend.order_id = pick_id(h, o, c, ORDO_EVENT_EXTEND);
    c->extend.hold_ttl_s = ttls[history_below(h, 5)];
}

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
    f->merchant = bytes_of(p->merchant);
    f->trade_no = bytes_of(p->trade_no);
    f->currency = p->currency + (wrong(h) ? 1 : 0);
    f->amount = bent(h, p->received ? p->amount : 500);
    c->shop = p->shop;
    if (!wrong(h)) {
        f->order_id = bytes_of(o->t.orders[p->order].id);
    }
    if (f->fact == ORDO_FACT_REFUND || history_chance(h, 8)) {
        int64_t whole = f->amount > 0 ? f->amount : 1;
        int64_t part = 1 + history_below(h, whole < 100000 ? (uint32_t)whole : 100000);
        f->refund_total = history_chance(h, 32) ? bent(h, whole) : part;
        int64_t before = p->at[ORDO_ACCOUNT_REFUNDED] * (int64_t)history_below(h, 2);
        f->refund_total = within(f->refund_total + before);
    }
}

static void make_fact(struct history *h, struct oracle *o, struct ordo_command *c)
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
    f->fact = wrong(h) && rarely(h) ? 0 : kinds[history_below(h, sizeof(kinds))];
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
        fill_create(h, o, c->shop, 0, &c->create);
        return;
    }
    bool wants = order != NULL && history_chance(h, 40) && order->state == ORDO_STATE_NONE;
    order = wants || history_chance(h, 4) ? NULL : order;
    f->order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    f->channel = 1 + history_below(h, h->channels);
    f->merchant = history_text(h, "m", history_below(h, h->merchants));
    f->trade_no = wrong(h) && rarely(h) ? bytes_of("") : history_text(h, "t", h->next_trade++);
    f->amount = 500 * (1 + history_below(h, 2));
    f->currency = 156 + (wrong(h) ? 1 : 0);
    if (order != NULL) {
        f->amount = order->amount;
        uint32_t at = history_below(h, order->attempt_count);
        if (order->attempt_count != 0 && history_chance(h, 48)) {
            f->channel = order->attempts[at].channel;
            f->merchant = bytes_of(order->attempts[at].merchant);
            f->amount = order->attempts[at].amount;
        }
        f->amount += history_chance(h, 4) ? (int64_t)history_below(h, 5) - 2 : 0;
    }
    f->amount = bent(h, f->amount);
    f->gateway_time_us = history_below(h, 4);
    f->verified_by = 1 + history_below(h, 3);
    f->verified_by = wrong(h) && rarely(h) ? 0 : f->verified_by;
    bool about_old = f->fact == ORDO_FACT_REFUND || f->fact == ORDO_FACT_CHARGEBACK;
    if (o->t.payment_count != 0 && history_chance(h, about_old ? 56 : 8)) {
        refer(h, o, c, f);
    } else if (history_chance(h, about_old ? 60 : 1)) {
        f->refund_total = bent(h, history_below(h, 500));
    }
}

/* ---- operators ---- */

#define BY(name)                                                                                   \
    c->name.operator_name = operator_name(h);                                                      \
    c->name.reason = reason(h)

static void make_mark_paid(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_MARK_PAID);
    c->mark_paid.order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    c->mark_paid.channel = history_below(h, h->channels + 1);
    c->mark_paid.amount = bent(h, order == NULL ? 500 : order->amount);
    c->mark_paid.currency = 156 + (wrong(h) ? 1 : 0);
    BY(mark_paid);
}

static void make_refund(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const enum ordo_account accounts[] = {
        ORDO_ACCOUNT_APPLIED, ORDO_ACCOUNT_REVIEW, ORDO_ACCOUNT_REFUND_DUE};
    const struct o_order *order = pick_with(h, o, c, accounts[history_below(h, 3)]);
    c->refund.order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    c->refund.done = history_below(h, 2);
    if (order != NULL && history_chance(h, 32)) {
        int64_t most = o_sum(o, order, ORDO_ACCOUNT_APPLIED) + o_sum(o, order, ORDO_ACCOUNT_REVIEW);
        c->refund.amount = bent(h, history_chance(h, 32) ? most : most / 3);
    }
    BY(refund);
}

static void make_accept(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick_with(h, o, c, ORDO_ACCOUNT_REVIEW);
    c->accept.order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    BY(accept);
}

static void make_replace(struct history *h, struct oracle *o, struct ordo_command *c)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_REPLACE);
    c->replace.order_id = order == NULL ? any_order_id(h) : bytes_of(order->id);
    c->replace.card = any_card(h, o);
    if (order != NULL && order->card_count != 0 && !wrong(h)) {
        c->replace.card = order->cards[history_below(h, order->card_count)];
    }
    BY(replace);
}

static void make_card_void(struct history *h, struct oracle *o, struct ordo_command *c)
{
    c->card_void.product = put_product(h, o, c->shop, true);
    c->card_void.first = any_card(h, o);
    c->card_void.last = c->card_void.first + history_below(h, wrong(h) ? 300 : 4);
    c->card_void.last -= wrong(h) && c->card_void.first != 0 ? 1 : 0;
    BY(card_void);
}

static void make_verb(struct history *h, struct oracle *o, struct ordo_command *c)
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
        c->issue.order_id = order == NULL ? c->issue.order_id : bytes_of(order->id);
        c->issue.partial = history_below(h, 2);
    } else if (c->kind == ORDO_KIND_NOTE) {
        c->note.reviewed = history_below(h, 2);
    }
}

static uint64_t about_now(struct history *h)
{
    static const uint64_t by[] = {0, 0, 0, 0, 1, O_SECOND, 3600 * O_SECOND};
    uint64_t d = by[history_below(h, 7)];
    return history_chance(h, 32) ? h->time_us + d : h->time_us - d;
}

void history_make(struct history *h, struct oracle *o, struct ordo_command *c)
{
    switch (c->kind) {
    case ORDO_KIND_SETTINGS:
        make_settings(h, o, &c->settings);
        break;
    case ORDO_KIND_PRODUCT_PUT:
        make_product_put(h, o, c);
        break;
    case ORDO_KIND_CARD_IMPORT:
        make_card_import(h, o, c);
        break;
    case ORDO_KIND_COUPON_PUT:
        make_coupon_put(h, &c->coupon_put);
        break;
    case ORDO_KIND_CHANNEL_PUT:
        make_channel_put(h, &c->channel_put);
        break;
    case ORDO_KIND_CREATE:
        make_create(h, o, c);
        break;
    case ORDO_KIND_CHAIN:
        make_chain(h, o, c);
        break;
    case ORDO_KIND_ATTEMPT:
        make_attempt(h, o, c);
        break;
    case ORDO_KIND_FACT:
        make_fact(h, o, c);
        break;
    case ORDO_KIND_EXTEND:
        make_extend(h, o, c);
        break;
    case ORDO_KIND_CANCEL:
        c->cancel.order_id = pick_id(h, o, c, ORDO_EVENT_CANCEL);
        break;
    case ORDO_KIND_DELIVERY_ACK:
        c->delivery_ack.order_id = pick_id(h, o, c, ORDO_EVENT_DELIVERY_ACK);
        break;
    case ORDO_KIND_RELEASE:
        c->release.order_id =
            history_chance(h, 16) ? any_order_id(h) : pick_id(h, o, c, ORDO_EVENT_RELEASE);
        break;
    case ORDO_KIND_TICK:
        c->tick.now_us = about_now(h);
        break;
    case ORDO_KIND_RESUME:
        c->resume.now_us = about_now(h);
        break;
    case ORDO_KIND_CONTINUE:
        break;
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
        c->recall.card = any_card(h, o);
        BY(recall);
        break;
    case ORDO_KIND_CARD_VOID:
        make_card_void(h, o, c);
        break;
    default:
        make_verb(h, o, c);
    }
}
