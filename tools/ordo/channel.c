/* `ordo channel put CHANNEL`: how exact a payment of a channel must be, and what counts as one. */
#include "cli.h"
#include "online.h"
#include "operator.h"
#include "order/result.h"

#include <stdio.h>
#include <string.h>

enum {
    OPTION_SHORT = 0x200,
    OPTION_OVER,
    OPTION_SPREAD,
    OPTION_CONFIRM,
};

static const struct argp_option table[] = {
    {"short", OPTION_SHORT, "AMOUNT", 0, "A payment that is short by at most this is exact", 1},
    {"over", OPTION_OVER, "AMOUNT", 0, "A payment that is over by at most this is exact", 1},
    {"spread",
     OPTION_SPREAD,
     "AMOUNT",
     0,
     "An attempt may ask for at most this more than the order's amount",
     1},
    {"confirm-by-query",
     OPTION_CONFIRM,
     NULL,
     0,
     "Only a query's answer counts as a payment, and the gateway is asked before a hold expires",
     1},
    {0},
};

struct channel {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    const char *action;
    const char *name;
    struct ordo_channel_put put;
};

static error_t on_argument(const char *argument, struct argp_state *state)
{
    struct channel *channel = state->input;
    if (channel->action == NULL) {
        channel->action = argument;
        if (strcmp(argument, "put") != 0) {
            argp_error(state, "\"%s\" is not put", argument);
        }
        return 0;
    }
    if (channel->name != NULL || !ordo_online_channel(argument, &channel->put.channel)) {
        argp_error(state, "\"%s\" is no channel: alipay, wechat, ... or a number", argument);
    }
    channel->name = argument;
    return 0;
}

static void read_amount(const char *argument, int64_t *value, struct argp_state *state)
{
    if (!ordo_cli_amount(argument, value) || *value > ORDO_AMOUNT_MAX) {
        argp_error(state, "\"%s\" is no amount like 0.05", argument);
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct channel *channel = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &channel->online;
        state->child_inputs[1] = &channel->by;
        return 0;
    case ARGP_KEY_ARG:
        return on_argument(argument, state);
    case ARGP_KEY_END:
        if (channel->name == NULL) {
            argp_error(state, "name what to do and the channel, e.g. put alipay");
        }
        return 0;
    case OPTION_SHORT:
        read_amount(argument, &channel->put.short_tolerance, state);
        return 0;
    case OPTION_OVER:
        read_amount(argument, &channel->put.over_tolerance, state);
        return 0;
    case OPTION_SPREAD:
        read_amount(argument, &channel->put.attempt_spread, state);
        return 0;
    case OPTION_CONFIRM:
        channel->put.options |= ORDO_CHANNEL_CONFIRM_BY_QUERY;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_verb_channel(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "For the record:", 8},
        {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "put CHANNEL",
        .doc =
            "Set the rules of a payment channel of the shop. A put replaces every field; without "
            "one a channel takes exact amounts, and a signed notification counts.",
        .children = children,
    };
    struct channel channel;
    const struct ordo_answer *answer = NULL;
    char what[64];
    memset(&channel, 0, sizeof(channel));
    ordo_online_init(&channel.online);
    ordo_operator_init(&channel.by);
    int code = ordo_online_parse(&parser, argc, argv, &channel);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_open(&channel.online);
    }
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    struct ordo_command command = {.kind = ORDO_KIND_CHANNEL_PUT, .channel_put = channel.put};
    command.channel_put.operator_name = ordo_operator_name(&channel.by);
    (void)snprintf(what, sizeof(what), "channel %.32s", channel.name);
    code = ordo_online_call(&channel.online, &command, &answer);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_result(&channel.online, what, &command, answer);
    }
    ordo_online_close(&channel.online);
    return code;
}
