/* `ordo order ACTION ...`: one order by hand (order.h is the map). */
#include "order.h"

#include "base/clock.h"
#include "cli.h"
#include "order/result.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_BUYER = 0x200,
    OPTION_CURRENCY,
    OPTION_TTL,
    OPTION_WAIT,
    OPTION_SECOND_KEY,
    OPTION_COUPON,
    OPTION_TRADE_NO,
    OPTION_CHANNEL,
    OPTION_MERCHANT,
    OPTION_FACT,
    OPTION_REFUND_TOTAL,
    OPTION_STATE,
    OPTION_LIMIT,
    OPTION_CARD,
    OPTION_PARTIAL,
    OPTION_DONE,
    OPTION_REVIEWED,
};

static const struct argp_option table[] = {
    {"product", 'p', "N", 0, "create: the product", 1},
    {"quantity", 'q', "N", 0, "create: units, 1 to 64 (default 1)", 1},
    {"buyer", OPTION_BUYER, "WHO", 0, "create, chain: 32 hex digits, or a text that is hashed", 1},
    {"second-key", OPTION_SECOND_KEY, "WHO", 0, "create, chain: an IP or device, for quotas", 1},
    {"coupon", OPTION_COUPON, "CODE", 0, "create, chain: the coupon that is used", 1},
    {"ttl",
     OPTION_TTL,
     "DURATION",
     0,
     "create, chain: how long the hold lives (default: the product's); extend: from now on",
     1},
    {"wait",
     OPTION_WAIT,
     "DURATION",
     0,
     "create: how long to wait for a unit when none is free (default: not)",
     1},
    {"card",
     OPTION_CARD,
     "N",
     0,
     "create: the card the buyer has chosen; replace: the one that is bad",
     1},
    {"amount",
     'a',
     "AMOUNT",
     0,
     "create: default price x quantity less the coupon; pay, attempt, mark-paid: default the "
     "order's; refund: default all",
     2},
    {"currency",
     OPTION_CURRENCY,
     "NAME",
     0,
     "CNY, USD, ... (default: the product's, the order's)",
     2},
    {"trade-no", OPTION_TRADE_NO, "TEXT", 0, "pay: the gateway's number of the payment", 2},
    {"channel",
     OPTION_CHANNEL,
     "NAME",
     0,
     "pay, attempt, mark-paid: alipay (default), wechat, ... or a number; find: default any",
     2},
    {"merchant",
     OPTION_MERCHANT,
     "TEXT",
     0,
     "pay, attempt, find: the merchant account at the gateway",
     2},
    {"fact", OPTION_FACT, "KIND", 0, "pay: pay (default), fail, close, refund or chargeback", 2},
    {"refund-total", OPTION_REFUND_TOTAL, "AMOUNT", 0, "pay --fact refund: refunded in all", 2},
    {"partial", OPTION_PARTIAL, NULL, 0, "issue: fewer units than ordered will do", 3},
    {"done", OPTION_DONE, NULL, 0, "refund: it was given back outside of any gateway", 3},
    {"reviewed", OPTION_REVIEWED, NULL, 0, "note: takes the flag REVIEW away", 3},
    {"state",
     OPTION_STATE,
     "STATE",
     0,
     "list: only orders in this state, e.g. PENDING or 待支付",
     4},
    {"limit", OPTION_LIMIT, "N", 0, "list: at most so many (default 100)", 4},
    {0},
};

/* ---- the actions ---- */

enum takes { TAKES_NOTHING, TAKES_ORDER, TAKES_TRADE_NO, TAKES_MEMBERS };

static const struct {
    const char *name;
    int (*run)(struct order *order);
    enum takes takes;
    bool by_operator;
} actions[] = {
    {"create", order_create, TAKES_ORDER, false},
    {"attempt", order_attempt, TAKES_ORDER, false},
    {"pay", order_pay, TAKES_ORDER, false},
    {"ack", order_ack, TAKES_ORDER, false},
    {"extend", order_extend, TAKES_ORDER, false},
    {"cancel", order_cancel, TAKES_ORDER, false},
    {"release", order_release, TAKES_ORDER, false},
    {"chain", order_chain, TAKES_MEMBERS, false},
    {"get", order_get, TAKES_ORDER, false},
    {"find", order_find, TAKES_TRADE_NO, false},
    {"list", order_list, TAKES_NOTHING, false},
    {"cards", order_cards, TAKES_ORDER, false},
    {"issue", order_issue, TAKES_ORDER, true},
    {"mark-paid", order_mark_paid, TAKES_ORDER, true},
    {"accept", order_accept, TAKES_ORDER, true},
    {"refund", order_refund, TAKES_ORDER, true},
    {"freeze", order_freeze, TAKES_ORDER, true},
    {"unfreeze", order_unfreeze, TAKES_ORDER, true},
    {"note", order_note, TAKES_ORDER, true},
    {"replace", order_replace, TAKES_ORDER, true},
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

static void
read_seconds(const char *name, const char *argument, uint64_t *seconds, struct argp_state *state)
{
    uint64_t us = 0;
    if (!ordo_cli_duration_us(argument, &us) || us < ORDO_US_PER_S || us > 604800 * ORDO_US_PER_S) {
        argp_error(state, "--%s: \"%s\" is no duration from 1s to 7d", name, argument);
    }
    *seconds = us / ORDO_US_PER_S;
}

static const char *
read_text(const char *name, const char *argument, size_t max, struct argp_state *state)
{
    struct ordo_bytes text = order_bytes(argument);
    if (text.size > max || !ordo_text_is_valid(text)) {
        argp_error(state, "--%s: \"%s\" is not 1-%zu of A-Z a-z 0-9 _ . : -", name, argument, max);
    }
    return argument;
}

static void on_argument(struct order *order, const char *argument, struct argp_state *state)
{
    if (order->action == NULL) {
        const char *names[ACTION_COUNT];
        order->action = argument;
        for (size_t i = 0; i < ACTION_COUNT; i++) {
            names[i] = actions[i].name;
        }
        if (find_action(argument) < 0) {
            const char *nearest = ordo_cli_nearest(argument, names, ACTION_COUNT);
            argp_error(
                state,
                "there is no action \"%s\"%s%s%s",
                argument,
                nearest == NULL ? "" : "; did you mean \"",
                nearest == NULL ? "" : nearest,
                nearest == NULL ? "" : "\"?");
        }
        return;
    }
    if (order->word_count == ORDER_WORDS_MAX) {
        argp_error(state, "a chain has at most %d members", ORDER_WORDS_MAX);
        return;
    }
    order->words[order->word_count++] = argument;
}

static void check_word(struct order *order, enum takes takes, struct argp_state *state)
{
    struct ordo_bytes id;
    if (order->word_count == 0) {
        argp_error(
            state,
            takes == TAKES_ORDER      ? "%s needs an order number"
            : takes == TAKES_TRADE_NO ? "%s needs the gateway's number of a payment"
                                      : "%s needs its members, each ORDER=PRODUCT or "
                                        "ORDER=PRODUCTx2",
            order->action);
    }
    if (order->word_count > 1 && takes != TAKES_MEMBERS) {
        argp_error(state, "one order at a time: \"%s\" is too much", order->words[1]);
    }
    if (takes == TAKES_TRADE_NO) {
        (void)read_text("find", order->words[0], ORDO_TRADE_NO_MAX, state);
    }
    if (takes == TAKES_ORDER) {
        if (!ordo_online_order_id(order->words[0], &id)) {
            exit(ORDO_EXIT_USAGE); /* the line above said why */
        }
        order->order_id = order->words[0];
    }
}

static void check_line(struct order *order, struct argp_state *state)
{
    if (order->action == NULL) {
        argp_error(state, "say what to do, e.g. get ORDER");
        return;
    }
    int action = find_action(order->action);
    if (actions[action].takes != TAKES_NOTHING) {
        check_word(order, actions[action].takes, state);
    } else if (order->word_count > 0) {
        argp_error(state, "%s takes no order number", order->action);
    }
    if (actions[action].by_operator && !ordo_operator_is_there(&order->by, order->action)) {
        exit(ORDO_EXIT_USAGE);
    }
}

static error_t
on_text_option(struct order *order, int key, char *argument, struct argp_state *state)
{
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
    case OPTION_SECOND_KEY:
        order->second_key = argument;
        return 0;
    case OPTION_COUPON:
        order->coupon = read_text("coupon", argument, ORDO_COUPON_MAX, state);
        return 0;
    case OPTION_STATE:
        if (!ordo_state_find(argument, &order->state)) {
            argp_error(state, "--state: \"%s\" is no state; `ordo states` lists them", argument);
        }
        return 0;
    case OPTION_TTL:
        read_seconds("ttl", argument, &order->ttl_s, state);
        return 0;
    case OPTION_WAIT:
        read_seconds("wait", argument, &order->wait_s, state);
        return 0;
    case OPTION_PARTIAL:
        order->partial = true;
        return 0;
    case OPTION_DONE:
        order->done = true;
        return 0;
    case OPTION_REVIEWED:
        order->reviewed = true;
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
        state->child_inputs[1] = &order->by;
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
        order->has_channel = ordo_online_channel(argument, &order->channel);
        if (!order->has_channel) {
            argp_error(state, "--channel: \"%s\" is no channel", argument);
        }
        return 0;
    default:
        return on_text_option(order, key, argument, state);
    }
}

int ordo_verb_order(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "An operator's verbs:", 8},
        {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc =
            "create ORDER --product N\nattempt ORDER\npay ORDER --trade-no TEXT\nack ORDER\n"
            "extend ORDER --ttl DURATION\ncancel ORDER\nrelease ORDER\n"
            "chain ORDER=PRODUCT[xN]...\n"
            "get ORDER\nfind TRADE-NO\nlist [--state STATE]\ncards ORDER\n"
            "issue|mark-paid|accept|refund|freeze|unfreeze|note ORDER --reason TEXT\n"
            "replace ORDER --card N --reason TEXT",
        .doc = "Create, pay, acknowledge, look at, cancel and list orders; open an order's cards; "
               "what an operator does about one. `find` looks for an order by the gateway's number "
               "of a payment; `release` cancels an order that may not have arrived yet; `chain` "
               "creates all of its orders or none.",
        .children = children,
    };
    struct order order;
    memset(&order, 0, sizeof(order));
    ordo_online_init(&order.online);
    ordo_operator_init(&order.by);
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
