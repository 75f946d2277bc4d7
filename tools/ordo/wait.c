/* `ordo wait ORDER...`: until orders are in a state, or until a sequence is durable.
 *
 * The node holds a wait for a minute at most; a longer one is asked in slices. What the node
 * answers is how the orders stand now, so nothing is missed between two slices.
 */
#include "cli.h"
#include "online.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_STATE = 0x200,
    OPTION_ALL,
    OPTION_UNTIL,
};

#define SLICE_MS 20000
#define GRACE_MS 10000 /* for the answer of a slice to come */

static const struct argp_option table[] = {
    {"state",
     OPTION_STATE,
     "STATE",
     0,
     "Until one is in this state, e.g. PAID or 支付成功; repeatable (default: until something is "
     "done with one)",
     1},
    {"all", OPTION_ALL, NULL, 0, "Until all of them are", 1},
    {"until-seq", OPTION_UNTIL, "SEQ", 0, "Until the command SEQ is durable", 1},
    {0},
};

struct wait {
    struct ordo_online online; /* first: the child's input */
    struct ordo_wait query;
    uint8_t list[ORDO_WAIT_ORDERS_MAX * (1 + ORDO_ORDER_ID_MAX)];
    struct ordo_writer orders;
    uint64_t left_ms;
    bool over; /* it came to be so */
};

static void add_order(struct wait *wait, const char *argument, struct argp_state *state)
{
    struct ordo_bytes id;
    if (wait->query.orders.count == ORDO_WAIT_ORDERS_MAX) {
        argp_error(state, "at most %d orders", ORDO_WAIT_ORDERS_MAX);
    }
    if (!ordo_online_order_id(argument, &id)) {
        argp_usage(state);
        return;
    }
    ordo_write_bytes(&wait->orders, id);
    wait->query.orders.count++;
}

static void add_state(struct wait *wait, const char *argument, struct argp_state *state)
{
    uint8_t number = 0;
    if (!ordo_state_find(argument, &number)) {
        argp_error(state, "--state: \"%s\" is no state: `ordo states` has them", argument);
    }
    wait->query.states |= 1u << number;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct wait *wait = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &wait->online;
        return 0;
    case ARGP_KEY_ARG:
        add_order(wait, argument, state);
        return 0;
    case ARGP_KEY_END:
        if (wait->query.orders.count == 0 && wait->query.until_seq == 0) {
            argp_error(state, "name the orders, or a sequence with --until-seq");
        }
        return 0;
    case OPTION_STATE:
        add_state(wait, argument, state);
        return 0;
    case OPTION_ALL:
        wait->query.all = 1;
        return 0;
    case OPTION_UNTIL:
        if (!ordo_cli_number(argument, UINT64_MAX, &wait->query.until_seq)) {
            argp_error(state, "--until-seq: \"%s\" is no sequence", argument);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Where the node stands: what is done from now on has a higher sequence. */
static int begin_now(struct wait *wait)
{
    struct ordo_command command = {.kind = ORDO_KIND_HEAD};
    const struct ordo_answer *answer = NULL;
    int code = ordo_online_call(&wait->online, &command, &answer);
    if (code == ORDO_EXIT_OK) {
        wait->query.since = answer->item.result.seq;
    }
    return code;
}

/* One slice; the answer is valid until the next call. */
static int ask(struct wait *wait, const struct ordo_answer **answer)
{
    struct ordo_command command = {.kind = ORDO_KIND_WAIT, .wait = wait->query};
    uint64_t slice_ms = wait->left_ms < SLICE_MS ? wait->left_ms : SLICE_MS;
    command.wait.timeout_ms = slice_ms;
    wait->left_ms -= slice_ms;
    int code = ordo_online_call(&wait->online, &command, answer);
    if (code != ORDO_EXIT_OK || (*answer)->item.result.code != ORDO_RESULT_OK) {
        return code;
    }
    struct ordo_mp_reader body = (*answer)->item.body;
    uint32_t count = ordo_body_waited(&body);
    uint32_t wanted = wait->query.all != 0 ? (uint32_t)wait->query.orders.count : 1;
    bool durable =
        wait->query.until_seq != 0 && (*answer)->item.result.seq >= wait->query.until_seq;
    wait->over = durable || (wait->query.orders.count != 0 && count >= wanted);
    return code;
}

static int show(const struct wait *wait, struct ordo_mp_reader body, uint64_t seq)
{
    json_t *orders = wait->online.json ? json_array() : NULL;
    uint32_t count = ordo_body_waited(&body);
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        struct ordo_waited_view view;
        ordo_body_waited_order(&body, &view);
        if (body.error != NULL) {
            break;
        }
        int size = (int)view.order_id.size;
        const char *name = (const char *)view.order_id.data;
        if (orders == NULL) {
            (void)printf("%.*s: %s", size, name, ordo_state_name(view.state));
            (void)printf(", version %u (seq %llu)\n", view.version, (unsigned long long)view.seq);
            continue;
        }
        (void)json_array_append_new(
            orders,
            json_pack(
                "{s:s%, s:s, s:i, s:I}",
                "order",
                name,
                (size_t)size,
                "state",
                ordo_state_name(view.state),
                "version",
                (int)view.version,
                "seq",
                (json_int_t)view.seq));
    }
    if (body.error != NULL) {
        json_decref(orders);
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the answer cannot be read: %s", body.error);
    }
    if (orders != NULL) {
        return ordo_online_print_json(json_pack(
            "{s:b, s:I, s:o}", "ok", wait->over, "seq", (json_int_t)seq, "orders", orders));
    }
    if (wait->over && wait->query.until_seq != 0) {
        (void)printf("durable up to seq %llu\n", (unsigned long long)seq);
    }
    return ORDO_EXIT_OK;
}

static int run(struct wait *wait)
{
    const struct ordo_answer *answer = NULL;
    int code = ORDO_EXIT_OK;
    if (wait->query.states == 0 && wait->query.orders.count != 0) {
        code = begin_now(wait);
    }
    do {
        code = code == ORDO_EXIT_OK ? ask(wait, &answer) : code;
    } while (code == ORDO_EXIT_OK && answer->item.result.code == ORDO_RESULT_OK && !wait->over &&
             wait->left_ms != 0);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    if (answer->item.result.code != ORDO_RESULT_OK) {
        return ordo_online_refused(&wait->online, "wait", answer);
    }
    code = show(wait, answer->item.body, answer->item.result.seq);
    if (code == ORDO_EXIT_OK && !wait->over) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED, "the time is over and it did not come to be so: see `ordo why`");
    }
    return code;
}

int ordo_verb_wait(int argc, char **argv)
{
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "[ORDER...]",
        .doc = "Wait until an order is in a state, at most --timeout; an order need not exist yet. "
               "Exits 0 when it is so, 1 when the time is over.",
        .children = children,
    };
    static struct wait wait;
    memset(&wait, 0, sizeof(wait));
    wait.orders = ordo_writer_over(wait.list, sizeof(wait.list));
    ordo_online_init(&wait.online);
    int code = ordo_online_parse(&parser, argc, argv, &wait);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    wait.query.orders.raw =
        (struct ordo_bytes){wait.list, (uint32_t)ordo_writer_size(&wait.orders)};
    wait.left_ms = wait.online.timeout_ms;
    wait.online.timeout_ms = SLICE_MS + GRACE_MS; /* of each call */
    code = ordo_online_open(&wait.online);
    if (code == ORDO_EXIT_OK) {
        code = run(&wait);
        ordo_online_close(&wait.online);
    }
    return code;
}
