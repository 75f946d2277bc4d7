/* `ordo order create|attempt|pay|ack|get|cancel|list|cards`: one order by hand. */
#include "base/clock.h"
#include "cli.h"
#include "online.h"
#include "order/result.h"
#include "order_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    OPTION_BUYER = 0x200,
    OPTION_CURRENCY,
    OPTION_TTL,
    OPTION_TRADE_NO,
    OPTION_CHANNEL,
    OPTION_MERCHANT,
    OPTION_FACT,
    OPTION_REFUND_TOTAL,
    OPTION_STATE,
    OPTION_LIMIT,
    OPTION_REASON,
    OPTION_CARD,
};

static const struct argp_option table[] = {
    {"product", 'p', "N", 0, "create: the product", 1},
    {"quantity", 'q', "N", 0, "create: units, 1 to 64 (default 1)", 1},
    {"buyer", OPTION_BUYER, "WHO", 0, "create: 32 hex digits, or a text that is hashed", 1},
    {"ttl",
     OPTION_TTL,
     "DURATION",
     0,
     "create: how long the hold lives (default: the product's)",
     1},
    {"card", OPTION_CARD, "N", 0, "create: the card the buyer has chosen", 1},
    {"amount", 'a', "AMOUNT", 0, "create: default price x quantity; pay: default the order's", 1},
    {"currency",
     OPTION_CURRENCY,
     "NAME",
     0,
     "CNY, USD, ... (default: the product's, the order's)",
     1},
    {"trade-no", OPTION_TRADE_NO, "TEXT", 0, "pay: the gateway's number of the payment", 1},
    {"channel",
     OPTION_CHANNEL,
     "NAME",
     0,
     "pay, attempt: alipay (default), wechat, ... or a number",
     1},
    {"merchant",
     OPTION_MERCHANT,
     "TEXT",
     0,
     "pay, attempt: the merchant account at the gateway",
     1},
    {"fact", OPTION_FACT, "KIND", 0, "pay: pay (default), fail, close, refund or chargeback", 1},
    {"refund-total", OPTION_REFUND_TOTAL, "AMOUNT", 0, "pay --fact refund: refunded in all", 1},
    {"reason", OPTION_REASON, "TEXT", 0, "cancel: why", 1},
    {"state",
     OPTION_STATE,
     "STATE",
     0,
     "list: only orders in this state, e.g. PENDING or 待支付",
     1},
    {"limit", OPTION_LIMIT, "N", 0, "list: at most so many (default 100)", 1},
    {0},
};

struct order {
    struct ordo_online online; /* first: the child's input */
    const char *action;
    const char *order_id;
    const char *buyer;
    const char *trade_no;
    const char *merchant;
    const char *reason;
    bool has_amount;
    bool has_currency;
    int64_t amount;
    int64_t refund_total;
    uint64_t currency;
    uint64_t product;
    uint64_t quantity;
    uint64_t ttl_s;
    uint64_t card;
    uint64_t channel;
    uint64_t fact;
    uint64_t limit;
    uint8_t state;
};

static struct ordo_bytes bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, text == NULL ? 0 : (uint32_t)strlen(text)};
}

static int decide(struct order *order, struct ordo_command *command)
{
    const struct ordo_answer *answer = NULL;
    char what[64];
    (void)snprintf(what, sizeof(what), "order %.32s", order->order_id);
    int code = ordo_online_call(&order->online, command, &answer);
    return code == ORDO_EXIT_OK ? ordo_online_result(&order->online, what, command, answer) : code;
}

/* ---- the actions ---- */

static int create(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_CREATE};
    struct ordo_create *c = &command.create;
    uint8_t buyer[ORDO_ID_SIZE];
    if (order->product == 0) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "create needs --product");
    }
    if (!order->has_amount || !order->has_currency) {
        struct ordo_stock_view stock;
        const struct ordo_answer *answer = NULL;
        char what[48];
        int code = ordo_online_stock(&order->online, (uint32_t)order->product, &stock, &answer);
        if (code != ORDO_EXIT_OK) {
            return code;
        }
        if (answer->item.result.code != ORDO_RESULT_OK) {
            (void)snprintf(what, sizeof(what), "product %llu", (unsigned long long)order->product);
            return ordo_online_refused(&order->online, what, answer);
        }
        int64_t price = stock.price;
        order->currency = order->has_currency ? order->currency : stock.currency;
        if (!order->has_amount &&
            (__builtin_mul_overflow(price, (int64_t)order->quantity, &order->amount) ||
             order->amount > ORDO_AMOUNT_MAX)) {
            return ordo_cli_fail(ORDO_EXIT_USAGE, "price times quantity is more than an amount");
        }
    }
    ordo_online_buyer(order->buyer == NULL ? order->order_id : order->buyer, buyer);
    c->order_id = bytes_of(order->order_id);
    c->buyer = (struct ordo_bytes){buyer, sizeof(buyer)};
    c->product = order->product;
    c->quantity = order->quantity;
    c->amount = order->amount;
    c->currency = order->currency;
    c->hold_ttl_s = order->ttl_s;
    c->card = order->card;
    return decide(order, &command);
}

/* Amount and currency of the order itself, where the line names none. */
static int fill_from_order(struct order *order)
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

static int attempt(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_ATTEMPT};
    int code = fill_from_order(order);
    command.attempt.order_id = bytes_of(order->order_id);
    command.attempt.channel = order->channel;
    command.attempt.merchant = bytes_of(order->merchant);
    command.attempt.amount = order->amount;
    command.attempt.currency = order->currency;
    return code == ORDO_EXIT_OK ? decide(order, &command) : code;
}

/* The fact has no time of the gateway: the same line typed twice is the same fact, with the same
 * answer. */
static int pay(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_FACT};
    struct ordo_clock clock = ordo_clock_system();
    struct ordo_fact *fact = &command.fact;
    if (order->trade_no == NULL) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "pay needs --trade-no, the gateway's number");
    }
    int code = fill_from_order(order);
    fact->fact = order->fact;
    fact->channel = order->channel;
    fact->merchant = bytes_of(order->merchant);
    fact->order_id = bytes_of(order->order_id);
    fact->trade_no = bytes_of(order->trade_no);
    fact->amount = order->amount;
    fact->currency = order->currency;
    fact->refund_total = order->refund_total;
    fact->verified_by = ORDO_VERIFIED_MANUAL;
    fact->received_us = ordo_clock_realtime_us(&clock);
    return code == ORDO_EXIT_OK ? decide(order, &command) : code;
}

static int ack(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_DELIVERY_ACK};
    command.delivery_ack.order_id = bytes_of(order->order_id);
    return decide(order, &command);
}

static int cancel(struct order *order)
{
    struct ordo_command command = {.kind = ORDO_KIND_CANCEL};
    command.cancel.order_id = bytes_of(order->order_id);
    command.cancel.reason = bytes_of(order->reason);
    return decide(order, &command);
}

static int get(struct order *order)
{
    return ordo_order_show(&order->online, order->order_id);
}

static int list(struct order *order)
{
    return ordo_order_list(&order->online, order->state, order->limit);
}

static int cards(struct order *order)
{
    return ordo_order_cards(&order->online, order->order_id);
}

static const struct {
    const char *name;
    int (*run)(struct order *order);
    bool takes_order;
} actions[] = {
    {"create", create, true},
    {"attempt", attempt, true},
    {"pay", pay, true},
    {"ack", ack, true},
    {"get", get, true},
    {"cancel", cancel, true},
    {"list", list, false},
    {"cards", cards, true},
};

#define ACTION_COUNT (sizeof(actions) / sizeof(actions[0]))

static int find_action(const char *name)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- the line ---- */

static void on_fact(struct order *order, const char *argument, struct argp_state *state)
{
    static const char *const facts[] = {"", "pay", "fail", "close", "refund", "chargeback"};
    for (uint32_t i = 1; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (strcmp(facts[i], argument) == 0) {
            order->fact = i;
            return;
        }
    }
    argp_error(state, "--fact: \"%s\" is none of pay, fail, close, refund, chargeback", argument);
}

static void
read_number(const char *argument, uint64_t max, uint64_t *value, struct argp_state *state)
{
    if (!ordo_cli_number(argument, max, value)) {
        argp_error(state, "\"%s\" is no number up to %llu", argument, (unsigned long long)max);
    }
}

static void read_amount(const char *argument, int64_t *value, struct argp_state *state)
{
    if (!ordo_cli_amount(argument, value) || *value > ORDO_AMOUNT_MAX) {
        argp_error(state, "\"%s\" is no amount like 12.34", argument);
    }
}

static const char *
read_text(const char *name, const char *argument, size_t max, struct argp_state *state)
{
    struct ordo_bytes text = bytes_of(argument);
    if (text.size > max || !ordo_text_is_valid(text)) {
        argp_error(state, "--%s: \"%s\" is not 1-%zu of A-Z a-z 0-9 _ . : -", name, argument, max);
    }
    return argument;
}

static void on_argument(struct order *order, const char *argument, struct argp_state *state)
{
    if (order->action == NULL) {
        order->action = argument;
        if (find_action(argument) < 0) {
            argp_error(state, "there is no action \"%s\"", argument);
        }
        return;
    }
    struct ordo_bytes id;
    if (order->order_id != NULL) {
        argp_error(state, "one order at a time: \"%s\" is too much", argument);
    }
    if (!ordo_online_order_id(argument, &id)) {
        exit(ORDO_EXIT_USAGE); /* the line above said why */
    }
    order->order_id = argument;
}

static void check_line(const struct order *order, struct argp_state *state)
{
    if (order->action == NULL) {
        argp_error(state, "say what to do, e.g. get ORDER");
        return;
    }
    bool takes_order = actions[find_action(order->action)].takes_order;
    if (takes_order != (order->order_id != NULL)) {
        argp_error(
            state,
            takes_order ? "%s needs an order number" : "%s takes no order number",
            order->action);
    }
}

static error_t
on_text_option(struct order *order, int key, char *argument, struct argp_state *state)
{
    uint64_t us = 0;
    switch (key) {
    case OPTION_BUYER:
        order->buyer = argument;
        return 0;
    case OPTION_TRADE_NO:
        order->trade_no = read_text("trade-no", argument, ORDO_TRADE_NO_MAX, state);
        return 0;
    case OPTION_MERCHANT:
        order->merchant = read_text("merchant", argument, ORDO_MERCHANT_MAX, state);
        return 0;
    case OPTION_REASON:
        order->reason = argument;
        if (strlen(argument) > ORDO_REASON_MAX) {
            argp_error(state, "--reason has at most %d bytes", ORDO_REASON_MAX);
        }
        return 0;
    case OPTION_STATE:
        if (!ordo_state_find(argument, &order->state)) {
            argp_error(state, "--state: \"%s\" is no state; `ordo states` lists them", argument);
        }
        return 0;
    case OPTION_TTL:
        if (!ordo_cli_duration_us(argument, &us) || us < ORDO_US_PER_S ||
            us > 604800 * ORDO_US_PER_S) {
            argp_error(state, "--ttl: \"%s\" is no duration from 1s to 7d", argument);
        }
        order->ttl_s = us / ORDO_US_PER_S;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct order *order = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &order->online;
        return 0;
    case ARGP_KEY_ARG:
        on_argument(order, argument, state);
        return 0;
    case ARGP_KEY_END:
        check_line(order, state);
        return 0;
    case 'p':
        read_number(argument, UINT32_MAX, &order->product, state);
        return 0;
    case 'q':
        read_number(argument, UINT32_MAX, &order->quantity, state);
        return 0;
    case 'a':
        read_amount(argument, &order->amount, state);
        order->has_amount = true;
        return 0;
    case OPTION_REFUND_TOTAL:
        read_amount(argument, &order->refund_total, state);
        return 0;
    case OPTION_CARD:
        read_number(argument, UINT64_MAX, &order->card, state);
        return 0;
    case OPTION_LIMIT:
        read_number(argument, UINT64_MAX, &order->limit, state);
        return 0;
    case OPTION_FACT:
        on_fact(order, argument, state);
        return 0;
    case OPTION_CURRENCY:
        order->has_currency = ordo_online_currency(argument, &order->currency);
        if (!order->has_currency) {
            argp_error(state, "--currency: \"%s\" is no currency", argument);
        }
        return 0;
    case OPTION_CHANNEL:
        if (!ordo_online_channel(argument, &order->channel)) {
            argp_error(state, "--channel: \"%s\" is no channel", argument);
        }
        return 0;
    default:
        return on_text_option(order, key, argument, state);
    }
}

int ordo_verb_order(int argc, char **argv)
{
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc =
            "create ORDER --product N\nattempt ORDER\npay ORDER --trade-no TEXT\nack ORDER\n"
            "get ORDER\ncancel ORDER\nlist [--state STATE]\ncards ORDER",
        .doc = "Create, pay, acknowledge, look at, cancel and list orders; open an order's cards.",
        .children = children,
    };
    struct order order;
    memset(&order, 0, sizeof(order));
    ordo_online_init(&order.online);
    order.quantity = 1;
    order.channel = 1;
    order.fact = ORDO_FACT_PAY;
    order.limit = 100;
    int code = ordo_online_parse(&parser, argc, argv, &order);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_open(&order.online);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = actions[find_action(order.action)].run(&order);
    ordo_online_close(&order.online);
    return code;
}
