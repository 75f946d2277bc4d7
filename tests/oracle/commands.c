/* One command of each kind: mostly about something that is there and mostly right. */
#include "picks.h"

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
        if (pick_wrong(h)) {
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
    p->product = pick_any_product(h);
    const struct o_product *there = o_find_product(o, c->shop, p->product);
    p->price = there != NULL && history_chance(h, 56)
                   ? there->put.price
                   : prices[history_below(h, history_chance(h, 6) ? 6 : 5)];
    p->currency = 156 + (pick_wrong(h) ? 1 : 0);
    p->stock_mode = (h->modes[p->product] + (pick_wrong(h) ? 1 : 0)) % 5;
    p->hold_ttl_s = ttls[history_below(h, 4)];
    p->counted = p->stock_mode == ORDO_STOCK_COUNTED || pick_wrong(h)
                     ? history_below(h, history_chance(h, 32) ? h->quantity_max + 2 : h->import_max)
                     : 0;
    p->counted = there != NULL && has_plenty(h, o, there) ? 0 : p->counted;
    p->purchase_cap = caps[history_below(h, 7)];
    p->held_share = shares[history_below(h, 6)];
    if (h->crowd && !pick_wrong(h)) {
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
    if (p->stock_mode == ORDO_STOCK_PRESELECT && !pick_wrong(h)) {
        p->options &= ~(uint64_t)ORDO_PRODUCT_HOLD_AT_PAY;
    }
    if (pick_rarely(h)) { /* the ends of the ranges */
        p->purchase_cap = UINT32_MAX;
        p->sale_until_us = UINT64_MAX;
        p->hold_ttl_s = 604800;
        p->counted = p->stock_mode == ORDO_STOCK_COUNTED ? UINT32_MAX : p->counted;
    }
    if (pick_wrong(h)) {
        p->options |= history_chance(h, 8) ? 64 : 0;
        p->product = history_chance(h, 4) ? 0 : p->product;
        p->price = history_chance(h, 4) ? -1 : p->price;
    }
}

static void make_card_import(struct history *h, struct oracle *o, struct ordo_command *c)
{
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 1 + history_below(h, h->import_max);
    c->card_import.product = pick_put_product(h, o, c->shop, true);
    const struct o_product *p = o_find_product(o, c->shop, c->card_import.product);
    if (o->t.card_count + count > O_CARDS_MAX / 2 || (p != NULL && has_plenty(h, o, p))) {
        c->kind = ORDO_KIND_CONTINUE;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[64] = {0};
        bool again = history_chance(h, 6);
        ordo_put_le32(card, again ? history_below(h, 50) : 1000 + h->next_trade++);
        uint32_t size = 57 + history_below(h, 7) - (pick_wrong(h) && history_chance(h, 2) ? 20 : 0);
        ordo_write_bytes(&w, (struct ordo_bytes){card, size});
    }
    c->card_import.cards.raw = (struct ordo_bytes){h->blob, (uint32_t)ordo_writer_size(&w)};
    c->card_import.cards.count = count;
    if (pick_rarely(h) && pick_wrong(h)) {
        c->card_import.cards.raw.size = c->card_import.cards.count = 0;
    }
}

static void make_coupon_put(struct history *h, struct ordo_coupon_put *p)
{
    static const int64_t discounts[] = {0, 1, 100, 100000};
    static const uint32_t shares[] = {0, 1000, 3333, 10000};
    p->coupon = pick_wrong(h) && pick_rarely(h) ? pick_bytes_of("")
                                                : history_text(h, "c", history_below(h, 3));
    p->product = history_chance(h, 16) ? pick_any_product(h) : 0;
    p->discount = pick_bent(h, discounts[history_below(h, 4)]);
    p->discount_share = shares[history_below(h, 4)];
    p->uses_max = pick_rarely(h) ? UINT32_MAX : history_below(h, 6);
    if (history_chance(h, 8)) {
        p->valid_from_us = h->time_us + history_below(h, 30) * O_SECOND;
        p->valid_until_us = p->valid_from_us + history_below(h, 600) * O_SECOND;
    }
}

static void make_channel_put(struct history *h, struct ordo_channel_put *p)
{
    p->channel = history_below(h, h->channels) + (pick_wrong(h) ? 0 : 1);
    p->short_tolerance = history_chance(h, 32) ? history_below(h, 3) : 0;
    p->over_tolerance = history_chance(h, 32) ? history_below(h, 3) : 0;
    p->attempt_spread = history_chance(h, 32) ? history_below(h, 10) : 0;
    p->options = history_chance(h, 24) ? ORDO_CHANNEL_CONFIRM_BY_QUERY : 0;
    if (pick_wrong(h)) {
        p->options |= history_chance(h, 8) ? 2 : 0;
        p->over_tolerance -= history_chance(h, 8) ? 5 : 0;
    }
}

/* ---- orders ---- */

static void repeat_create(const struct o_order *order, struct ordo_create *c)
{
    c->order_id = pick_bytes_of(order->id);
    c->buyer = (struct ordo_bytes){order->buyer, ORDO_ID_SIZE};
    c->product = order->product;
    c->quantity = order->quantity;
    c->amount = order->amount;
    c->currency = order->currency;
    c->coupon = pick_bytes_of(order->coupon);
}

void history_fill_create(
    struct history *h, struct oracle *o, uint32_t shop, uint32_t nth, struct ordo_create *c)
{
    c->order_id = pick_wrong(h) ? pick_any_order_id(h) : pick_free_number(h, o, shop, nth);
    uint32_t buyer = history_below(h, h->buyers);
    ordo_put_le32(h->keys[0], buyer);
    ordo_put_le32(h->keys[1], 1 + history_below(h, h->second_keys));
    c->buyer = (struct ordo_bytes){h->keys[0], ORDO_ID_SIZE};
    c->product = pick_put_product(h, o, shop, false);
    c->quantity = 1 + history_below(h, h->quantity_max);
    if (h->second_keys != 0 && history_chance(h, 48)) {
        c->second_key = (struct ordo_bytes){h->keys[1], ORDO_ID_SIZE};
        c->second_key.size -= pick_wrong(h) && history_chance(h, 4) ? 1 : 0;
    }
    if (h->coupons != 0 && history_chance(h, 24)) {
        c->coupon = o->coupon_count != 0 && !pick_wrong(h)
                        ? pick_bytes_of(o->t.coupons[history_below(h, o->coupon_count)].text)
                        : history_text(h, "c", history_below(h, 4));
    }
    static const uint32_t ttls[] = {0, 0, 30, 1800};
    c->hold_ttl_s = ttls[history_below(h, 4)];
    c->wait_s = history_chance(h, h->crowd ? 60 : 24) ? 1 + history_below(h, 3600) : 0;
    if (pick_wrong(h)) {
        c->quantity = history_chance(h, 8)
                          ? history_below(h, 2) * 65 + (pick_rarely(h) ? UINT32_MAX - 65 : 0)
                          : c->quantity;
    }
    const struct o_product *p = o_find_product(o, shop, c->product);
    if (p == NULL) {
        return;
    }
    if ((p->put.stock_mode == ORDO_STOCK_PRESELECT || pick_wrong(h)) && history_chance(h, 40)) {
        c->card = pick_any_card(h, o);
        c->quantity = pick_wrong(h) ? c->quantity : 1;
    }
    struct o_order order = {.shop = shop, .product = (uint32_t)c->product};
    order.quantity = c->quantity <= ORDO_QUANTITY_MAX ? (uint32_t)c->quantity : 1;
    o_text(order.coupon, sizeof(order.coupon), c->coupon);
    c->amount = pick_bent(h, o_price(o, &order));
    c->currency = p->put.currency + (pick_wrong(h) ? 1 : 0);
}

static void make_create(struct history *h, struct oracle *o, struct ordo_command *c)
{
    if (o->t.order_count != 0 && history_chance(h, 2 + h->adversity / 4)) {
        const struct o_order *order = &o->t.orders[history_below(h, o->t.order_count)];
        c->shop = order->shop;
        repeat_create(order, &c->create);
        c->create.amount = pick_bent(h, c->create.amount);
        c->create.quantity += pick_wrong(h) ? 1 : 0;
        c->create.currency += pick_wrong(h) ? 1 : 0;
        c->create.product += pick_wrong(h) ? 1 : 0;
        c->create.coupon = pick_wrong(h) ? pick_bytes_of("other") : c->create.coupon;
        if (pick_wrong(h)) {
            memset(h->keys[0], 9, ORDO_ID_SIZE);
            c->create.buyer.data = h->keys[0];
        }
        return;
    }
    history_fill_create(h, o, c->shop, 0, &c->create);
    if (o_find_order(o, c->shop, c->create.order_id) != NULL && !pick_wrong(h)) {
        memset(&c->create, 0, sizeof(c->create)); /* no number is left */
        c->kind = ORDO_KIND_FACT;
        history_make_fact(h, o, c);
    }
}

static void make_chain(struct history *h, struct oracle *o, struct ordo_command *c)
{
    struct ordo_writer w = ordo_writer_over(h->blob, sizeof(h->blob));
    uint32_t count = 1 + history_below(h, ORDO_CHAIN_MAX);
    uint32_t units = 0;
    count = pick_wrong(h) && pick_rarely(h) ? 0 : count;
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_command member = {.kind = ORDO_KIND_CREATE};
        uint8_t bytes[ORDO_MEMBER_MAX + 32];
        struct ordo_writer one = ordo_writer_over(bytes, sizeof(bytes));
        history_fill_create(h, o, 0, i, &member.create);
        member.create.wait_s = pick_wrong(h) ? member.create.wait_s : 0;
        units += member.create.quantity;
        if (units > 64 && !pick_wrong(h)) {
            count = i;
            break;
        }
        ordo_command_encode(&member, &one);
        /* kind, id, shop 0, then the fields */
        uint32_t head = 1 + ORDO_ID_SIZE + 1;
        bytes[head - 1] = pick_wrong(h) && pick_rarely(h) ? ORDO_KIND_CANCEL : ORDO_KIND_CREATE;
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
    a->order_id = order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
    a->channel = 1 + history_below(h, h->channels);
    a->merchant = history_text(h, "m", history_below(h, h->merchants));
    a->currency = 156 + (pick_wrong(h) ? 1 : 0);
    if (order != NULL) {
        int64_t spread = o_channel(o, order->shop, a->channel).attempt_spread;
        a->amount = order->amount + history_below(h, (uint32_t)spread + 1);
    }
    a->amount = pick_bent(h, a->amount);
}

static void make_extend(struct history *h, struct oracle *o, struct ordo_command *c)
{
    static const uint32_t ttls[] = {0, 10, 900, 7200, 86400};
    c->extend.order_id = pick_id(h, o, c, ORDO_EVENT_EXTEND);
    c->extend.hold_ttl_s = ttls[history_below(h, 5)];
}

static uint64_t about_now(struct history *h)
{
    static const uint64_t by[] = {0, 0, 0, 0, 1, O_SECOND, 3600 * O_SECOND};
    uint64_t d = by[history_below(h, 7)];
    if (pick_rarely(h)) {
        return history_chance(h, 32) ? UINT64_MAX : 0;
    }
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
        history_make_fact(h, o, c);
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
            history_chance(h, 16) ? pick_any_order_id(h) : pick_id(h, o, c, ORDO_EVENT_RELEASE);
        break;
    case ORDO_KIND_TICK:
        c->tick.now_us = about_now(h);
        break;
    case ORDO_KIND_RESUME:
        c->resume.now_us = about_now(h);
        break;
    case ORDO_KIND_CONTINUE:
        break;
    case ORDO_KIND_SUBSCRIBER_PUT:
    case ORDO_KIND_SUBSCRIBER_ACK:
    case ORDO_KIND_PARK:
    case ORDO_KIND_UNPARK:
    case ORDO_KIND_SUBSCRIBER_DROP:
        history_make_reader(h, o, c);
        break;
    default:
        history_make_verb(h, o, c);
    }
}
