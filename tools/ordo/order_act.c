/* What a shop does with one order, and a gateway tells of it. */
#include "base/clock.h"
#include "cli.h"
#include "order.h"
#include "order/result.h"

#include <stdio.h>
#include <string.h>

struct ordo_bytes order_bytes(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, text == NULL ? 0 : (uint32_t)strlen(text)};
}

int order_decide(struct order *order, struct ordo_command *command)
{
    const struct ordo_answer *answer = NULL;
    char what[64];
    (void)snprintf(what, sizeof(what), "order %.32s", order->order_id);
    int code = ordo_online_call(&order->online, command, &answer);
    return code == ORDO_EXIT_OK ? ordo_online_result(&order->online, what, command, answer) : code;
}

/* ---- create ---- */

static int take_off(struct order *order, int64_t *amount)
{
    struct ordo_coupon_view coupon;
    const struct ordo_answer *answer = NULL;
    if (order->coupon == NULL) {
        return ORDO_EXIT_OK;
    }
    int code = ordo_online_coupon(&order->online, order->coupon, &coupon, &answer);
    if (code != ORDO_EXIT_OK || answer->item.result.code != ORDO_RESULT_OK) {
        return code;
    }
    __extension__ typedef __int128 wide;
    wide share = (wide)*amount * coupon.discount_share / 10000;
    wide rest = *amount - share - coupon.discount;
    *amount = rest < 0 ? 0 : (int64_t)rest;
    return ORDO_EXIT_OK;
}

int order_price(
    struct order *order, uint64_t product, uint64_t quantity, int64_t *amount, uint64_t *currency)
{
    struct ordo_stock_view stock;
    const struct ordo_answer *answer = NULL;
    int code = ordo_online_stock(&order->online, (uint32_t)product, &stock, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        char what[48];
        (void)snprintf(what, sizeof(what), "product %llu", (unsigned long long)product);
        return ordo_online_refused(&order->online, what, answer);
    }
    *currency = stock.currency;
    if (__builtin_mul_overflow(stock.price, (int64_t)quantity, amount) ||
        *amount > ORDO_AMOUNT_MAX) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "price times quantity is more than an amount");
    }
    return take_off(order, amount);
}

int order_create(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_CREATE};
    struct ordo_create *c = &command.create;
    uint8_t buyer[ORDO_ID_SIZE];
    uint8_t second_key[ORDO_ID_SIZE];
    if (order->product == 0) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "create needs --product");
    }
    if (!order->has_amount || !order->has_currency) {
        int64_t amount = 0;
        uint64_t currency = 0;
        int code = order_price(order, order->product, order->quantity, &amount, &currency);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
        order->amount = order->has_amount ? order->amount : amount;
        order->currency = order->has_currency ? order->currency : currency;
    }
    ordo_online_buyer(order->buyer == NULL ? order->order_id : order->buyer, buyer);
    if (order->second_key != NULL) {
        ordo_online_buyer(order->second_key, second_key);
        c->second_key = (struct ordo_bytes){second_key, sizeof(second_key)};
    }
    c->order_id = order_bytes(order->order_id);
    c->buyer = (struct ordo_bytes){buyer, sizeof(buyer)};
    c->product = order->product;
    c->quantity = order->quantity;
    c->amount = order->amount;
    c->currency = order->currency;
    c->hold_ttl_s = order->ttl_s;
    c->coupon = order_bytes(order->coupon);
    c->card = order->card;
    c->wait_s = order->wait_s;
    return order_decide(order, &command);
}

/* ---- the others ---- */

int order_fill(struct order *order)
{
    struct ordo_order_view view;
    const struct ordo_answer *answer = NULL;
    if (order->has_amount && order->has_currency) {
        return ORDO_EXIT_OK;
    }
    int code = ordo_online_order(&order->online, order->order_id, &view, &answer);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    bool known = answer->item.result.code == ORDO_RESULT_OK;
    if (!known && !order->has_amount) {
        char what[64];
        (void)snprintf(what, sizeof(what), "order %.32s", order->order_id);
        return ordo_online_refused(&order->online, what, answer);
    }
    if (!order->has_currency) {
        order->currency = known ? view.currency : ORDO_CURRENCY_CNY;
    }
    if (!order->has_amount) {
        order->amount = view.amount;
    }
    return ORDO_EXIT_OK;
}

int order_attempt(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_ATTEMPT};
    int code = order_fill(order);
    command.attempt.order_id = order_bytes(order->order_id);
    command.attempt.channel = order->channel;
    command.attempt.merchant = order_bytes(order->merchant);
    command.attempt.amount = order->amount;
    command.attempt.currency = order->currency;
    return code == ORDO_EXIT_OK ? order_decide(order, &command) : code;
}

/* The fact has no time of the gateway: the same line typed twice is the same fact, with the same
 * answer. */
int order_pay(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_FACT};
    struct ordo_clock clock = ordo_clock_system();
    struct ordo_fact *fact = &command.fact;
    if (order->trade_no == NULL) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "pay needs --trade-no, the gateway's number");
    }
    int code = order_fill(order);
    fact->fact = order->fact;
    fact->channel = order->channel;
    fact->merchant = order_bytes(order->merchant);
    fact->order_id = order_bytes(order->order_id);
    fact->trade_no = order_bytes(order->trade_no);
    fact->amount = order->amount;
    fact->currency = order->currency;
    fact->refund_total = order->refund_total;
    fact->verified_by = ORDO_VERIFIED_MANUAL;
    fact->received_us = ordo_clock_realtime_us(&clock);
    return code == ORDO_EXIT_OK ? order_decide(order, &command) : code;
}

int order_ack(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_DELIVERY_ACK};
    command.delivery_ack.order_id = order_bytes(order->order_id);
    return order_decide(order, &command);
}

int order_extend(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_EXTEND};
    if (order->ttl_s == 0) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "extend needs --ttl, the time from now on");
    }
    command.extend.order_id = order_bytes(order->order_id);
    command.extend.hold_ttl_s = order->ttl_s;
    return order_decide(order, &command);
}

/* The name and the reason are for the record only: a shop cancels without. */
int order_cancel(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_CANCEL};
    command.cancel.order_id = order_bytes(order->order_id);
    command.cancel.operator_name = ordo_operator_name(&order->by);
    command.cancel.reason = ordo_operator_reason(&order->by);
    return order_decide(order, &command);
}

int order_release(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_RELEASE};
    command.release.order_id = order_bytes(order->order_id);
    return order_decide(order, &command);
}
