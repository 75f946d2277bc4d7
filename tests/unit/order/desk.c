#include "desk.h"

#include <criterion/criterion.h>

struct ordo_command *make_verb(struct shop *shop, uint8_t kind, const char *order)
{
    struct ordo_command *c = &shop->command;
    memset(c, 0, sizeof(*c));
    c->kind = kind;
#define BY_OPERATOR(NAME, name)                                                                    \
    case ORDO_KIND_##NAME:                                                                         \
        c->name.order_id = text(order);                                                            \
        c->name.operator_name = text("wang");                                                      \
        c->name.reason = text("seen in the bank");                                                 \
        break;
    switch (kind) {
        BY_OPERATOR(MARK_PAID, mark_paid)
        BY_OPERATOR(ACCEPT, accept)
        BY_OPERATOR(REFUND, refund)
        BY_OPERATOR(FREEZE, freeze)
        BY_OPERATOR(UNFREEZE, unfreeze)
        BY_OPERATOR(NOTE, note)
        BY_OPERATOR(ISSUE, issue)
    default:
        break;
    }
#undef BY_OPERATOR
    return c;
}

uint16_t mark_paid(struct shop *shop, const char *order, uint32_t channel, int64_t amount)
{
    struct ordo_mark_paid *mark = &make_verb(shop, ORDO_KIND_MARK_PAID, order)->mark_paid;
    mark->channel = channel;
    mark->amount = amount;
    mark->currency = CNY;
    return shop_send(shop);
}

uint16_t accept_money(struct shop *shop, const char *order)
{
    (void)make_verb(shop, ORDO_KIND_ACCEPT, order);
    return shop_send(shop);
}

uint16_t give_back(struct shop *shop, const char *order, int64_t amount, bool done)
{
    struct ordo_refund *back = &make_verb(shop, ORDO_KIND_REFUND, order)->refund;
    back->amount = amount;
    back->done = done ? 1 : 0;
    return shop_send(shop);
}

uint16_t freeze(struct shop *shop, const char *order)
{
    (void)make_verb(shop, ORDO_KIND_FREEZE, order);
    return shop_send(shop);
}

uint16_t unfreeze(struct shop *shop, const char *order)
{
    (void)make_verb(shop, ORDO_KIND_UNFREEZE, order);
    return shop_send(shop);
}

uint16_t note(struct shop *shop, const char *order, bool reviewed)
{
    make_verb(shop, ORDO_KIND_NOTE, order)->note.reviewed = reviewed ? 1 : 0;
    return shop_send(shop);
}

uint16_t
put_channel(struct shop *shop, uint32_t channel, int64_t tolerance_short, int64_t tolerance_over)
{
    struct ordo_channel_put *put = &make_verb(shop, ORDO_KIND_CHANNEL_PUT, "")->channel_put;
    put->channel = channel;
    put->short_tolerance = tolerance_short;
    put->over_tolerance = tolerance_over;
    put->attempt_spread = 99;
    return shop_send(shop);
}

uint16_t put_strict_channel(struct shop *shop, uint32_t channel)
{
    struct ordo_channel_put *put = &make_verb(shop, ORDO_KIND_CHANNEL_PUT, "")->channel_put;
    put->channel = channel;
    put->options = ORDO_CHANNEL_CONFIRM_BY_QUERY;
    return shop_send(shop);
}

uint16_t put_counted(struct shop *shop, uint32_t product, uint64_t units, uint32_t options)
{
    struct ordo_product_put *put = &make_verb(shop, ORDO_KIND_PRODUCT_PUT, "")->product_put;
    put->product = product;
    put->price = PRICE;
    put->currency = CNY;
    put->stock_mode = ORDO_STOCK_COUNTED;
    put->counted = units;
    put->options = options;
    return shop_send(shop);
}

uint16_t create_of(struct shop *shop, const char *order, uint32_t buyer, uint32_t product)
{
    make_create(shop, order, buyer, 1)->product = product;
    return shop_send(shop);
}

uint16_t find(struct shop *shop, const char *trade, uint32_t channel, const char *merchant)
{
    struct ordo_find *query = &make_verb(shop, ORDO_KIND_FIND, "")->find;
    query->trade_no = text(trade);
    query->channel = channel;
    query->merchant = text(merchant);
    return shop_send(shop);
}

uint8_t
pay_by(struct shop *shop, uint32_t channel, const char *order, const char *trade, int64_t amount)
{
    struct ordo_fact *f = make_fact(shop, ORDO_FACT_PAY, order, trade, amount);
    f->channel = channel;
    f->verified_by = ORDO_VERIFIED_QUERY;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    return shop->outcome.result.disposition;
}

void expect_money(struct shop *shop, int64_t applied, int64_t due, int64_t refunded, int64_t review)
{
    cr_expect_eq(account(shop, ORDO_ACCOUNT_APPLIED), applied);
    cr_expect_eq(account(shop, ORDO_ACCOUNT_REFUND_DUE), due);
    cr_expect_eq(account(shop, ORDO_ACCOUNT_REFUNDED), refunded);
    cr_expect_eq(account(shop, ORDO_ACCOUNT_REVIEW), review);
    int64_t in = account(shop, ORDO_ACCOUNT_RECEIVED) + account(shop, ORDO_ACCOUNT_MANUAL);
    cr_expect_eq(in, applied + due + refunded + review);
}

uint32_t pass(struct shop *shop, uint64_t seconds)
{
    uint64_t until_us = shop->time_us + seconds * SECOND_US;
    uint32_t ticks = 0;
    uint64_t next_us;
    while ((next_us = ordo_state_next_deadline_us(shop->state)) <= until_us) {
        shop->time_us = next_us > shop->time_us ? next_us : shop->time_us;
        cr_assert_eq(tick(shop), ORDO_RESULT_OK);
        cr_assert(++ticks < 100000, "time does not pass");
    }
    shop->time_us = until_us;
    return ticks;
}
