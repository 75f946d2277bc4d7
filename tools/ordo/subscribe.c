/* `ordo subscribe`: each status change once and in order, one line each; exit 1 names what is lost.
 *
 * The verb is a program of libordo (net/client/ordo/follow.h), which repairs all gaps that can be
 * repaired. What cannot is an answer too: it goes to stderr (and into the JSON lines as an object
 * of its own), because a reader of the lines alone must not take the next one for the successor.
 *
 * A line counts as worked off when stdout has taken it. So behind a pipe that is gone nothing is
 * acknowledged, and with --count the next start goes on behind the last line.
 */
#include "base/clock.h"
#include "cli.h"
#include "net/client/ordo/follow.h"
#include "online.h"
#include "order/result.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_FOR = 0x200,
    OPTION_ONLY_SHOP,
    OPTION_NAME,
    OPTION_ACK,
    OPTION_FROM,
    OPTION_ACCEPT_LOST,
    OPTION_REPLAY,
};

#define CONNECT_MS 2000
#define FLUSH_MS   5000
#define TRIES_MAX  1000000 /* a line that stdout does not take is no poison: nothing is parked */
#define RETRY_MS   1000

struct subscribe {
    struct ordo_online online; /* first: the child's input */
    struct ordo_follower_options options;
    uint64_t count;  /* 0 = until stopped */
    uint64_t for_us; /* 0 = until stopped */
    const char *order_id;
    const char *replay; /* a parked order */
    bool acks;
    bool has_from;
    bool accepts_lost;
    bool chinese;
    uint64_t printed;
    int code;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static const char *cause_name(uint32_t cause)
{
    const struct ordo_command_schema *schema = ordo_schema_of((uint8_t)cause);
    return schema == NULL ? "?" : schema->name;
}

static int print_text(const struct subscribe *s, const struct ordo_change *c)
{
    char when[48];
    (void)printf(
        "%s %8llu %u/%s %s -> %s",
        ordo_online_time(c->time_us, when, sizeof(when)),
        (unsigned long long)c->update_seq,
        c->shop,
        c->order_id,
        ordo_status_name(c->from),
        ordo_status_name(c->to));
    if (s->chinese) {
        (void)printf(
            " (%s -> %s)",
            ordo_state_chinese((uint8_t)c->from),
            ordo_state_chinese((uint8_t)c->to));
    }
    (void)printf(" %s", cause_name(c->cause));
    if (c->money != ORDO_MONEY_NONE) {
        (void)printf(" %s", ordo_money_name(c->money));
    }
    return printf("%s\n", c->replayed != 0 ? " (replayed)" : "");
}

/* Written by hand: an order number needs no escapes, and this is the one JSON output with a rate.
 */
static int print_json(const struct ordo_change *c)
{
    return printf(
        "{\"update_seq\":%llu,\"seq\":%llu,\"time_us\":%llu,\"shop\":%u,\"order\":\"%s\","
        "\"version\":%u,\"from\":\"%s\",\"to\":\"%s\",\"cause\":\"%s\",\"disposition\":\"%s\","
        "\"flags\":%u%s}\n",
        (unsigned long long)c->update_seq,
        (unsigned long long)c->seq,
        (unsigned long long)c->time_us,
        c->shop,
        c->order_id,
        c->version,
        ordo_status_name(c->from),
        ordo_status_name(c->to),
        cause_name(c->cause),
        ordo_money_name(c->money),
        c->flags,
        c->replayed != 0 ? ",\"replayed\":true" : "");
}

static bool is_over(const struct subscribe *s)
{
    return s->code != ORDO_EXIT_OK || stopped != 0 || (s->count != 0 && s->printed >= s->count);
}

static int on_change(void *context, const struct ordo_change *change)
{
    struct subscribe *s = context;
    struct ordo_bytes id = {(const uint8_t *)change->order_id, (uint32_t)strlen(change->order_id)};
    if (is_over(s) || (s->replay != NULL && change->replayed == 0)) {
        return -1; /* the next start's */
    }
    /* what a peer sends is printed: a control byte in a number would reach the terminal */
    if (!ordo_text_is_valid(id)) {
        s->code = ordo_cli_fail(
            ORDO_EXIT_FAILED, "update %llu names no order", (unsigned long long)change->update_seq);
        return -1;
    }
    int printed = s->online.json ? print_json(change) : print_text(s, change);
    if (printed < 0 || (s->acks && fflush(stdout) != 0)) {
        s->code = ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
        return -1;
    }
    s->printed++;
    return 0;
}

static const char *lost_name(uint32_t reason)
{
    static const char *const names[] = {"?", "trimmed", "node", "rewound", "damaged"};
    return names[reason < sizeof(names) / sizeof(names[0]) ? reason : 0];
}

static int on_lost(void *context, const struct ordo_lost *lost)
{
    struct subscribe *s = context;
    int code = ORDO_EXIT_FAILED;
    if (s->online.json) {
        (void)printf(
            "{\"gap\":\"%s\",\"first\":%llu,\"last\":%llu}\n",
            lost_name(lost->reason),
            (unsigned long long)lost->first_seq,
            (unsigned long long)lost->last_seq);
    }
    if (lost->last_seq < lost->first_seq) {
        code = ordo_cli_fail(
            code, "%s, after update %llu", lost->text, (unsigned long long)(lost->first_seq - 1));
    } else {
        code = ordo_cli_fail(
            code,
            "gap: %s: updates %llu to %llu are missing",
            lost->text,
            (unsigned long long)lost->first_seq,
            (unsigned long long)lost->last_seq);
    }
    if (s->accepts_lost) {
        return 0;
    }
    s->code = code;
    return -1;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* The exit code for an error of libordo. */
static int fail_with(const struct ordo_error *error)
{
    switch (error->code) {
    case ORDO_E_CONFIG:
    case ORDO_E_INVALID:
        return ordo_cli_fail(ORDO_EXIT_USAGE, "%s", error->text);
    case ORDO_E_UNAVAILABLE:
    case ORDO_E_UNSUPPORTED:
    case ORDO_E_TIMEOUT:
        return ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "%s", error->text);
    default:
        return ordo_cli_fail(ORDO_EXIT_FAILED, "%s", error->text);
    }
}

static struct ordo_follower_state state_of(const struct ordo_follower *follower)
{
    struct ordo_follower_state state;
    ordo_follower_state(follower, &state, sizeof(state));
    return state;
}

/* Tells a wrong address from a quiet stream. */
static int connect_both(struct subscribe *s, struct ordo_follower *follower)
{
    struct ordo_clock clock = ordo_clock_system();
    uint64_t end = ordo_clock_monotonic_ns(&clock) + CONNECT_MS * ORDO_NS_PER_MS;
    struct ordo_error error;
    while (state_of(follower).ready == 0 && !is_over(s)) {
        if (ordo_follower_poll(follower, 20, &error) != ORDO_E_OK) {
            bool no_stream = error.code == ORDO_E_INVALID;
            return no_stream ? ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "%s", error.text)
                   : s->code != ORDO_EXIT_OK ? s->code
                                             : fail_with(&error);
        }
        if (ordo_clock_monotonic_ns(&clock) >= end) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE,
                "%s; is `ordo serve` running, and do --connect and --publish name its URLs?",
                ordo_follower_trouble(follower));
        }
    }
    return s->code;
}

static int replay(struct subscribe *s, struct ordo_follower *follower)
{
    struct ordo_error error;
    int code =
        ordo_follower_replay(follower, s->online.shop, s->replay, s->online.timeout_ms, &error);
    if (code == ORDO_E_INVALID) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "%s", error.text);
    }
    return code == ORDO_E_OK ? ORDO_EXIT_OK : fail_with(&error);
}

static int run(struct subscribe *s, struct ordo_follower *follower)
{
    struct ordo_clock clock = ordo_clock_system();
    struct ordo_error error;
    if (!s->online.json) {
        (void)fprintf(stderr, "ordo: subscribed to %s\n", s->online.publish);
    }
    uint64_t end =
        s->for_us == 0 ? UINT64_MAX : ordo_clock_monotonic_ns(&clock) + s->for_us * ORDO_NS_PER_US;
    while (!is_over(s) && ordo_clock_monotonic_ns(&clock) < end) {
        int code = ordo_follower_poll(follower, 50, &error);
        if (fflush(stdout) != 0) {
            return ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
        }
        if (code != ORDO_E_OK) {
            return s->code != ORDO_EXIT_OK ? s->code : fail_with(&error);
        }
    }
    if (ordo_follower_flush(follower, FLUSH_MS, &error) != ORDO_E_OK && s->code == ORDO_EXIT_OK) {
        return fail_with(&error);
    }
    return s->code;
}

static int follow(struct subscribe *s)
{
    struct ordo_follower *follower = NULL;
    struct ordo_error error;
    const struct ordo_tunnel_files tls = ordo_online_tls();
    s->options.tls = (struct ordo_tls_options){
        .ca = tls.ca, .cert = tls.cert, .key = tls.key, .server = tls.server};
    s->options.url = s->online.connect;
    s->options.stream = s->online.publish;
    s->options.shop = s->online.shop;
    s->options.no_ack = s->acks ? 0 : 1;
    s->options.tries_max = TRIES_MAX;
    s->options.retry_ms = RETRY_MS;
    s->options.on_change = on_change;
    s->options.on_lost = on_lost;
    s->options.context = s;
    if (s->order_id != NULL) {
        s->options.orders = &s->order_id;
        s->options.order_count = 1;
    }
    if (ordo_follower_open(&s->options, &follower, &error) != ORDO_E_OK) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "--connect, --publish: %s", error.text);
    }
    int code = connect_both(s, follower);
    if (code == ORDO_EXIT_OK && s->replay != NULL) {
        code = replay(s, follower);
    } else if (code == ORDO_EXIT_OK) {
        code = run(s, follower);
    }
    ordo_follower_close(follower);
    return fflush(stdout) == 0 || code != ORDO_EXIT_OK
               ? code
               : ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
}

static void set_from(struct subscribe *s, const char *text, struct argp_state *state)
{
    uint64_t number = 0;
    if (strcmp(text, "start") == 0) {
        s->options.start = ORDO_START_FIRST;
    } else if (strcmp(text, "now") == 0) {
        s->options.start = ORDO_START_NOW;
    } else if (ordo_cli_number(text, UINT64_MAX, &number) && number > 0) {
        s->options.start = ORDO_START_AFTER;
        s->options.after = number - 1;
    } else {
        argp_error(state, "--from: \"%s\" is none of start, now, or the number of an update", text);
    }
}

/* Without a cursor the lines begin now, with one behind it. */
static void finish_options(struct subscribe *s, bool has_from, struct argp_state *state)
{
    if (s->options.name == NULL && (s->acks || s->replay != NULL)) {
        argp_error(state, "--ack and --replay need the --name of a subscriber");
    }
    if (!has_from && s->options.name == NULL) {
        s->options.start = ORDO_START_NOW;
    }
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
        s->options.only_shop = 1;
        return 0;
    case OPTION_NAME:
        s->options.name = argument;
        return 0;
    case OPTION_ACK:
        s->acks = true;
        return 0;
    case OPTION_FROM:
        set_from(s, argument, state);
        s->has_from = true;
        return 0;
    case OPTION_ACCEPT_LOST:
        s->accepts_lost = true;
        return 0;
    case OPTION_REPLAY:
        if (!ordo_online_order_id(argument, &id)) {
            exit(ORDO_EXIT_USAGE);
        }
        s->replay = argument;
        return 0;
    case ARGP_KEY_END:
        finish_options(s, s->has_from, state);
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
        {"name",
         OPTION_NAME,
         "NAME",
         0,
         "Go on behind the cursor of this subscriber; made if new",
         2},
        {"ack", OPTION_ACK, NULL, 0, "Move the cursor behind each line that stdout has taken", 2},
        {"from",
         OPTION_FROM,
         "start|now|N",
         0,
         "Begin there: update N, what is new, or all (default: behind the cursor; without one, "
         "now)",
         2},
        {"replay",
         OPTION_REPLAY,
         "ORDER",
         0,
         "What a parked order has missed; then it is unparked",
         2},
        {"accept-lost", OPTION_ACCEPT_LOST, NULL, 0, "Name what is lost and go on behind it", 2},
        {0},
    };
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .doc =
            "Print each status change, once and in order; gaps are filled out of the journal. Ends "
            "with exit code 1 when updates are lost, and names them.",
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
