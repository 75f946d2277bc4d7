/* history.h - random commands over few orders, buyers, products of every stock mode, coupons and
 * channels, so that they collide all the time. For audit_history_test.c. */
#ifndef ORDO_TEST_HISTORY_H
#define ORDO_TEST_HISTORY_H

#include "shop.h"

#include <stdio.h>

#define CARDS 60 /* numbers that replace and recall name */

static struct shop shop;
static uint64_t seed;
static char order_name[16];
static char trade_name[16];
static uint8_t raw[8192];
static uint32_t step; /* of the history: the orders move along with it */

static uint32_t below(uint32_t count)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % count);
}

/* What an order is follows from its number, so that a second create is the same again. */
static uint32_t some_number(uint32_t back, uint32_t span)
{
    uint32_t newest = step / 8 + 30;
    return below(6) == 0 ? below(newest) : newest - 1 - back - below(span);
}

static int64_t price_of(uint32_t number)
{
    int64_t price = PRICE * (int64_t)(1 + number % 3);
    return number % 7 == 0 ? price - 10 : number % 11 == 0 ? 0 : price;
}

static uint32_t last_number; /* of some_order() */

static struct ordo_bytes some_order(void)
{
    last_number = some_number(3, 16);
    (void)snprintf(order_name, sizeof(order_name), "o%u", last_number);
    return text(order_name);
}

/* ---- the commands ---- */

static struct ordo_command *begin(uint8_t kind)
{
    memset(&shop.command, 0, sizeof(shop.command));
    shop.command.kind = kind;
    return &shop.command;
}

static uint32_t some_product(void)
{
    return 1 + below(5); /* one of each stock mode */
}

static void put(void)
{
    static const uint32_t options[] = {
        0,
        ORDO_PRODUCT_MANUAL,
        ORDO_PRODUCT_HOLD_AT_PAY, /* back-orders come from these */
        ORDO_PRODUCT_HOLD_AT_PAY,
        ORDO_PRODUCT_HOLD_AT_PAY,
        ORDO_PRODUCT_HOLD_AT_PAY | ORDO_PRODUCT_MANUAL,
        ORDO_PRODUCT_LATE_BACKORDER,
        ORDO_PRODUCT_LATE_REFUND,
        ORDO_PRODUCT_DUPLICATES,
        ORDO_PRODUCT_HOLD_AT_PAY | ORDO_PRODUCT_LATE_BACKORDER};
    struct ordo_product_put *p = &begin(ORDO_KIND_PRODUCT_PUT)->product_put;
    p->product = some_product();
    p->stock_mode = p->product - 1;
    p->price = PRICE;
    p->currency = CNY;
    p->purchase_cap = below(3) == 0 ? 3 + below(6) : 0;
    p->options = options[below(sizeof(options) / sizeof(options[0]))];
    p->counted = p->stock_mode == ORDO_STOCK_COUNTED ? below(4) : 0;
}

static void import(void)
{
    static const uint8_t products[] = {1, 1, 2, 3, 3};
    struct ordo_card_import *import = &begin(ORDO_KIND_CARD_IMPORT)->card_import;
    struct ordo_writer w = ordo_writer_over(raw, sizeof(raw));
    uint32_t count = 1 + below(2);
    import->product = products[below(5)];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[64] = {(uint8_t)below(200), 7};
        ordo_write_bytes(&w, (struct ordo_bytes){card, sizeof(card)});
    }
    import->cards = (struct ordo_elements){{raw, (uint32_t)ordo_writer_size(&w)}, count};
}

static void fill_create(struct ordo_create *c, uint32_t slot)
{
    static uint8_t buyers[8][ORDO_ID_SIZE];
    static char names[8][16];
    uint32_t number = some_number(0, 8);
    (void)snprintf(names[slot], sizeof(names[slot]), "o%u", number);
    c->order_id = text(names[slot]);
    buyers[slot][0] = (uint8_t)(1 + (number >> 2) % 4);
    c->buyer = (struct ordo_bytes){buyers[slot], ORDO_ID_SIZE};
    c->product = 1 + number % 5;
    c->quantity = 1 + number % 3;
    c->amount = price_of(number);
    c->currency = CNY;
    c->hold_ttl_s = 20 + below(30);
    if (number % 7 == 0 || number % 11 == 0) {
        c->coupon = text(number % 7 == 0 ? "TEN" : "FREE");
    }
}

static void make_one(void)
{
    struct ordo_create *c = &begin(ORDO_KIND_CREATE)->create;
    fill_create(c, 0);
    c->wait_s = below(3) == 0 ? 10 + below(30) : 0;
    if (c->product == 3 && below(2) == 0) {
        c->card = 1 + below(CARDS);
    }
}

static void make_chain(void)
{
    static struct ordo_command member;
    static uint8_t bytes[ORDO_MEMBER_MAX];
    struct ordo_chain *chain = &begin(ORDO_KIND_CHAIN)->chain;
    struct ordo_writer w = ordo_writer_over(raw, sizeof(raw));
    uint32_t count = 1 + below(3);
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_writer one = ordo_writer_over(bytes, sizeof(bytes));
        memset(&member, 0, sizeof(member));
        member.kind = ORDO_KIND_CREATE;
        fill_create(&member.create, i);
        ordo_member_encode(&member, &one);
        ordo_write_bytes(&w, (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&one)});
    }
    chain->members = (struct ordo_elements){{raw, (uint32_t)ordo_writer_size(&w)}, count};
}

static void pay_some(void)
{
    static const uint8_t kinds[] = {1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 5};
    struct ordo_fact *f = &begin(ORDO_KIND_FACT)->fact;
    f->fact = kinds[below(sizeof(kinds))];
    f->channel = 1 + below(3);
    f->order_id = some_order();
    (void)snprintf(trade_name, sizeof(trade_name), "t%u", below(1000));
    f->trade_no = text(trade_name);
    f->amount = price_of(last_number);
    f->amount += below(6) == 0 ? (int64_t)below(9) - 4 : 0;
    f->currency = below(40) == 0 ? 840 : CNY;
    f->refund_total = f->fact == ORDO_FACT_REFUND || below(30) == 0 ? below(3 * PRICE) : 0;
    f->verified_by = 1 + below(2);
}

/* Often one that the named order has. */
static uint64_t some_card(void)
{
    struct ordo_order_view view = {.card_count = 0};
    static struct shop asked;
    if (below(3) != 0) {
        asked = shop; /* the command under way is left alone */
        view = get(&asked, order_name);
    }
    return view.card_count == 0 ? 1 + below(CARDS) : view.cards[below(view.card_count)];
}

static void operate(void)
{
    static const uint8_t kinds[] = {
        ORDO_KIND_ISSUE,
        ORDO_KIND_MARK_PAID,
        ORDO_KIND_MARK_PAID,
        ORDO_KIND_ACCEPT,
        ORDO_KIND_REFUND,
        ORDO_KIND_FREEZE,
        ORDO_KIND_UNFREEZE,
        ORDO_KIND_NOTE,
        ORDO_KIND_REPLACE,
        ORDO_KIND_RECALL,
        ORDO_KIND_CARD_VOID};
    struct ordo_command *c = begin(kinds[below(sizeof(kinds))]);
    struct ordo_bytes name = text("anna");
    struct ordo_bytes reason = text("because");
    const struct ordo_command_schema *schema = ordo_schema_of(c->kind);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        void *at = (uint8_t *)&c->settings + schema->fields[i].offset;
        if (strcmp(schema->fields[i].name, "operator_name") == 0) {
            memcpy(at, &name, sizeof(name));
        } else if (strcmp(schema->fields[i].name, "reason") == 0) {
            memcpy(at, &reason, sizeof(reason));
        } else if (strcmp(schema->fields[i].name, "order_id") == 0) {
            struct ordo_bytes order_id = some_order();
            memcpy(at, &order_id, sizeof(order_id));
        }
    }
    uint32_t card = 1 + below(CARDS);
    uint32_t of_two = below(2);
    if (c->kind == ORDO_KIND_ISSUE) {
        c->issue.partial = of_two;
    } else if (c->kind == ORDO_KIND_MARK_PAID) {
        c->mark_paid.channel = 1 + below(3);
        c->mark_paid.amount = price_of(last_number);
        c->mark_paid.currency = CNY;
    } else if (c->kind == ORDO_KIND_REFUND) {
        c->refund.amount = below(2) == 0 ? 0 : (int64_t)below(PRICE);
        c->refund.done = of_two;
    } else if (c->kind == ORDO_KIND_NOTE) {
        c->note.reviewed = of_two;
    } else if (c->kind == ORDO_KIND_REPLACE) {
        c->replace.card = some_card();
    } else if (c->kind == ORDO_KIND_RECALL) {
        c->recall.card = some_card();
    } else if (c->kind == ORDO_KIND_CARD_VOID) {
        c->card_void.product = some_product();
        c->card_void.first = card;
        c->card_void.last = card + of_two;
    }
}

static void rule(void)
{
    if (below(2) == 0) {
        struct ordo_coupon_put *coupon = &begin(ORDO_KIND_COUPON_PUT)->coupon_put;
        bool free = below(2) == 0;
        coupon->coupon = text(free ? "FREE" : "TEN");
        coupon->discount = free ? 0 : 10;
        coupon->discount_share = free ? 10000 : 0;
        coupon->uses_max = 1 + below(5);
    } else {
        struct ordo_channel_put *channel = &begin(ORDO_KIND_CHANNEL_PUT)->channel_put;
        channel->channel = 1 + below(3);
        channel->short_tolerance = below(3);
        channel->over_tolerance = below(3);
        channel->attempt_spread = below(3);
        channel->options = channel->channel == 3 ? ORDO_CHANNEL_CONFIRM_BY_QUERY : 0;
    }
}

static void go_on(void)
{
    static const uint8_t kinds[] = {
        ORDO_KIND_ATTEMPT,
        ORDO_KIND_CANCEL,
        ORDO_KIND_DELIVERY_ACK,
        ORDO_KIND_DELIVERY_ACK,
        ORDO_KIND_EXTEND,
        ORDO_KIND_RELEASE};
    struct ordo_command *c = begin(kinds[below(sizeof(kinds))]);
    struct ordo_bytes order_id = some_order();
    if (c->kind == ORDO_KIND_ATTEMPT) {
        c->attempt.channel = 1 + below(3);
        c->attempt.amount = price_of(last_number);
        c->attempt.currency = CNY;
        c->attempt.order_id = order_id;
    } else if (c->kind == ORDO_KIND_CANCEL) {
        c->cancel.order_id = order_id;
    } else if (c->kind == ORDO_KIND_DELIVERY_ACK) {
        c->delivery_ack.order_id = order_id;
    } else if (c->kind == ORDO_KIND_EXTEND) {
        c->extend.order_id = order_id;
        c->extend.hold_ttl_s = below(60);
    } else {
        c->release.order_id = order_id;
    }
}

static void pass_time(void)
{
    shop.time_us += below(3) == 0 ? below(20) * SECOND_US : 1000;
    begin(ORDO_KIND_TICK)->tick.now_us = shop.time_us;
}

static void make_command(void)
{
    uint32_t choice = below(100);
    if (choice < 22) {
        make_one();
    } else if (choice < 26) {
        make_chain();
    } else if (choice < 48) {
        pay_some();
    } else if (choice < 66) {
        operate();
    } else if (choice < 81) {
        go_on();
    } else if (choice < 86) {
        import();
    } else if (choice < 89) {
        put();
    } else if (choice < 91) {
        rule();
    } else if (choice < 99) {
        pass_time();
    } else {
        begin(ORDO_KIND_CONTINUE);
    }
}

#endif
