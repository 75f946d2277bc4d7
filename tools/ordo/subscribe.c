/* `ordo subscribe`: each status change once and in order, one line each; exit 1 names what is
 * missing.
 *
 * A gap is an answer too: the lines up to it are complete. It goes to stderr (and into the JSON
 * lines as an object of its own), because a reader of the lines alone must not take the next one
 * for the successor.
 */
#include "base/clock.h"
#include "cli.h"
#include "net/client/subscription.h"
#include "online.h"
#include "order/result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_COUNT = 0x200,
    OPTION_FOR,
    OPTION_ONLY_SHOP,
};

struct subscribe {
    struct ordo_online online; /* first: the child's input */
    uint64_t count;            /* 0 = until stopped */
    uint64_t for_us;           /* 0 = until stopped */
    const char *order_id;
    bool one_shop;
    bool chinese;
    uint64_t printed;
    bool gap;
    int code;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static const char *cause_name(uint8_t cause)
{
    const struct ordo_command_schema *schema = ordo_schema_of(cause);
    return schema == NULL ? "?" : schema->name;
}

static void print_text(const struct subscribe *s, const struct ordo_update *u)
{
    char when[48];
    (void)printf(
        "%s %8llu %u/%.*s %s -> %s",
        ordo_online_time(u->time_us, when, sizeof(when)),
        (unsigned long long)u->update_seq,
        u->shop,
        (int)u->order_id.size,
        (const char *)u->order_id.data,
        ordo_state_name(u->from),
        ordo_state_name(u->to));
    if (s->chinese) {
        (void)printf(" (%s -> %s)", ordo_state_chinese(u->from), ordo_state_chinese(u->to));
    }
    (void)printf(" %s", cause_name(u->cause));
    if (u->disposition != ORDO_DISPOSITION_NONE) {
        (void)printf(" %s", ordo_disposition_name(u->disposition));
    }
    (void)printf("\n");
}

/* Written by hand: an order number needs no escapes, and this is the one JSON output with a rate.
 */
static void print_json(const struct ordo_update *u)
{
    (void)printf(
        "{\"update_seq\":%llu,\"seq\":%llu,\"time_us\":%llu,\"shop\":%u,\"order\":\"%.*s\","
        "\"version\":%u,\"from\":\"%s\",\"to\":\"%s\",\"cause\":\"%s\",\"disposition\":\"%s\","
        "\"flags\":%u}\n",
        (unsigned long long)u->update_seq,
        (unsigned long long)u->seq,
        (unsigned long long)u->time_us,
        u->shop,
        (int)u->order_id.size,
        (const char *)u->order_id.data,
        u->version,
        ordo_state_name(u->from),
        ordo_state_name(u->to),
        cause_name(u->cause),
        ordo_disposition_name(u->disposition),
        u->flags);
}

static bool is_wanted(const struct subscribe *s, const struct ordo_update *u)
{
    if (s->one_shop && u->shop != s->online.shop) {
        return false;
    }
    return s->order_id == NULL || (u->order_id.size == strlen(s->order_id) &&
                                   memcmp(u->order_id.data, s->order_id, u->order_id.size) == 0);
}

static bool on_update(void *context, const struct ordo_update *update)
{
    struct subscribe *s = context;
    if (!is_wanted(s, update)) {
        return true;
    }
    /* what a peer sends is printed: a control byte in a number would reach the terminal */
    if (!ordo_text_is_valid(update->order_id)) {
        s->code = ordo_cli_fail(
            ORDO_EXIT_FAILED, "update %llu names no order", (unsigned long long)update->update_seq);
        return false;
    }
    if (s->online.json) {
        print_json(update);
    } else {
        print_text(s, update);
    }
    s->printed++;
    return s->count == 0 || s->printed < s->count;
}

static bool on_gap(void *context, const struct ordo_gap *gap)
{
    struct subscribe *s = context;
    s->gap = true;
    if (s->online.json) {
        (void)printf(
            "{\"gap\":\"%s\",\"first\":%llu,\"last\":%llu}\n",
            ordo_gap_name(gap->reason),
            (unsigned long long)gap->first_seq,
            (unsigned long long)gap->last_seq);
    }
    if (gap->last_seq < gap->first_seq) {
        s->code = ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "%s, after update %llu",
            ordo_gap_text(gap->reason),
            (unsigned long long)(gap->first_seq - 1));
    } else {
        s->code = ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "gap: %s: updates %llu to %llu are missing",
            ordo_gap_text(gap->reason),
            (unsigned long long)gap->first_seq,
            (unsigned long long)gap->last_seq);
    }
    return false;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static int follow(struct subscribe *s)
{
    struct ordo_subscription_config config = {
        .url = s->online.publish, .on_update = on_update, .on_gap = on_gap, .context = s};
    struct ordo_subscription *subscription = NULL;
    struct ordo_clock clock = ordo_clock_system();
    struct ordo_fail fail;
    if (ordo_subscription_open(&config, &subscription, &fail) != ORDO_OK) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "--publish: %s", fail.text);
    }
    if (ordo_subscription_connect(subscription, 2000, &fail) != ORDO_OK) {
        ordo_subscription_close(subscription);
        return ordo_cli_fail(
            ORDO_EXIT_UNAVAILABLE,
            "%s; is `ordo serve` running, and does --publish name its publish URL?",
            fail.text);
    }
    if (!s->online.json) {
        (void)fprintf(stderr, "ordo: subscribed to %s\n", s->online.publish);
    }
    uint64_t end =
        s->for_us == 0 ? UINT64_MAX : ordo_clock_monotonic_ns(&clock) + s->for_us * ORDO_NS_PER_US;
    enum ordo_err err = ORDO_OK;
    while (err == ORDO_OK && stopped == 0 && ordo_clock_monotonic_ns(&clock) < end) {
        err = ordo_subscription_poll(subscription, 50, &fail);
        if (fflush(stdout) != 0) {
            s->code = ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
            break;
        }
    }
    ordo_subscription_close(subscription);
    if (err == ORDO_ERR_INVALID) {
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "%s", fail.text);
    }
    return s->code;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct subscribe *s = state->input;
    struct ordo_bytes id;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &s->online;
        return 0;
    case 'p':
        (void)snprintf(s->online.publish, sizeof(s->online.publish), "%s", argument);
        return 0;
    case 'n':
        if (!ordo_cli_number(argument, UINT64_MAX, &s->count)) {
            argp_error(state, "--count: \"%s\" is no number", argument);
        }
        return 0;
    case OPTION_FOR:
        if (!ordo_cli_duration_us(argument, &s->for_us)) {
            argp_error(state, "--for: \"%s\" is no duration", argument);
        }
        return 0;
    case 'o':
        if (!ordo_online_order_id(argument, &id)) {
            exit(ORDO_EXIT_USAGE); /* the line above said why */
        }
        s->order_id = argument;
        return 0;
    case OPTION_ONLY_SHOP:
        s->one_shop = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is too much", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_verb_subscribe(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"publish",
         'p',
         "URL",
         0,
         "Where the node publishes (default: $ORDO_PUBLISH, else the folder)",
         1},
        {"count", 'n', "N", 0, "End after N lines (default: until stopped)", 1},
        {"for", OPTION_FOR, "DURATION", 0, "End after this time", 1},
        {"order", 'o', "ORDER", 0, "Only this order", 1},
        {"only-shop", OPTION_ONLY_SHOP, NULL, 0, "Only the shop of --shop (default: all shops)", 1},
        {0},
    };
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc =
            "Print each status change, once and in order. Ends with exit code 1 when updates are "
            "missing, and names them.",
        .children = children,
    };
    struct subscribe subscribe;
    memset(&subscribe, 0, sizeof(subscribe));
    ordo_online_init(&subscribe.online);
    subscribe.chinese = ordo_online_is_chinese();
    int code = ordo_online_parse(&parser, argc, argv, &subscribe);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    catch_signals();
    return follow(&subscribe);
}
