/* `ordo stuck --state STATE --for DURATION`: the orders that have been in a state for so long,
 * exact by the node's own time stamps of their last change. */
#include "base/clock.h"
#include "cli.h"
#include "order.h"
#include "order/result.h"

#include <string.h>

enum {
    OPTION_STATE = 0x200,
    OPTION_FOR,
    OPTION_LIMIT,
};

#define LIMIT_STANDARD 100

static const struct argp_option table[] = {
    {"state", OPTION_STATE, "STATE", 0, "Orders in this state, e.g. PAYING or 支付中", 1},
    {"for", OPTION_FOR, "DURATION", 0, "In it since then or longer, e.g. 15m, 2h, 1d", 1},
    {"limit", OPTION_LIMIT, "N", 0, "At most so many, the longest in it first (default 100)", 1},
    {0},
};

struct stuck {
    struct order order; /* first: the online part is the child's input */
    uint64_t for_us;
    bool has_for;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct stuck *stuck = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &stuck->order.online;
        return 0;
    case ARGP_KEY_END:
        if (stuck->order.state == ORDO_STATE_NONE || !stuck->has_for) {
            argp_error(state, "say --state STATE and --for DURATION");
        }
        return 0;
    case OPTION_STATE:
        if (!ordo_state_find(argument, &stuck->order.state)) {
            argp_error(state, "--state: \"%s\" is no state: `ordo states` has them", argument);
        }
        return 0;
    case OPTION_FOR:
        stuck->has_for = true;
        if (!ordo_cli_duration_us(argument, &stuck->for_us)) {
            argp_error(state, "--for: \"%s\" is no duration like 15m", argument);
        }
        return 0;
    case OPTION_LIMIT:
        if (!ordo_cli_number(argument, UINT32_MAX, &stuck->order.limit) ||
            stuck->order.limit == 0) {
            argp_error(state, "--limit: \"%s\" is no number from 1 on", argument);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_verb_stuck(int argc, char **argv)
{
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc = "List the orders that have been in a state for a time or longer, the longest first.",
        .children = children,
    };
    struct stuck stuck;
    memset(&stuck, 0, sizeof(stuck));
    stuck.order.limit = LIMIT_STANDARD;
    ordo_online_init(&stuck.order.online);
    int code = ordo_online_parse(&parser, argc, argv, &stuck);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    struct ordo_clock clock = ordo_clock_system();
    uint64_t now_us = ordo_clock_realtime_us(&clock);
    stuck.order.until_us = stuck.for_us < now_us ? now_us - stuck.for_us : 1;
    code = ordo_online_open(&stuck.order.online);
    if (code == ORDO_EXIT_OK) {
        code = order_list(&stuck.order);
        ordo_online_close(&stuck.order.online);
    }
    return code;
}
