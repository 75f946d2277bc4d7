/* `ordo top`: what a node does right now: rates, how far each stage is behind the one before it,
 * how long sampled commands took from stage to stage, how far each subscriber is behind the
 * stream, and how long changes take to be acked.
 *
 * All numbers come by the service `stats`, which does not touch the ring; rates are made here, from
 * two answers. Only a terminal gets control codes; a pipe gets one block (or one line of JSON) a
 * sample and nothing else.
 */
#include "base/clock.h"
#include "bench/budget.h"
#include "cli.h"
#include "online.h"
#include "order/result.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    OPTION_ONCE = 0x200,
    OPTION_INTERVAL,
    OPTION_COUNT,
};

#define INTERVAL_US     1000000
#define INTERVAL_MIN_US 10000
#define SUBSCRIBERS_MAX 256 /* shown; the page that one query gives */

struct number {
    char name[ORDO_STAT_NAME_MAX + 1];
    uint64_t value;
};

struct reader {
    char name[ORDO_SUBSCRIBER_MAX + 1];
    uint64_t acked;
    uint64_t acked_us;
    uint64_t parks;
};

struct sample {
    uint64_t at_ns;
    uint32_t number_count;
    uint32_t reader_count;
    bool readers_known; /* the listener's role may not ask for them */
    struct number numbers[ORDO_STATS_MAX];
    struct reader readers[SUBSCRIBERS_MAX];
};

struct top {
    struct ordo_online online; /* first: the child's input */
    uint64_t interval_us;
    uint64_t count; /* samples; 0 = until stopped */
    struct sample samples[2];
    struct sample *now;
    const struct sample *before; /* NULL for the first */
    struct ordo_budget budget;   /* of `now` */
};

/* Numbers that grow: what is shown of them is the rate. */
static const struct {
    const char *name;
    const char *title;
} rates[] = {
    {"commands", "commands"},
    {"requests", "requests"},
    {"replies", "replies"},
    {"stream.updates", "updates"},
    {"journal.batches", "writes"},
    {"journal.bytes", "journal bytes"},
    {"busy", "busy"},
    {"feed.requests", "services"},
    {"feed.updates", "refilled"},
    {"sync.acks", "acks"},
};

#define RATE_COUNT (sizeof(rates) / sizeof(rates[0]))

/* Positions in the ring, each behind the one above. */
static const struct {
    const char *name;
    const char *title;
    uint32_t behind; /* index of the stage that it follows */
} stages[] = {
    {"ring.claimed", "ingress", 0},
    {"ring.applied", "apply", 0},
    {"ring.durable", "journal", 1},
    {"ring.replied", "reply", 2},
    {"ring.published", "publish", 2},
};

#define STAGE_COUNT (sizeof(stages) / sizeof(stages[0]))

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- asking ---- */

static void copy_text(struct ordo_bytes from, char *to, size_t room)
{
    size_t size = from.size < room ? from.size : room - 1;
    memcpy(to, from.data, size);
    to[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        to[i] = to[i] > ' ' && to[i] < 0x7f ? to[i] : '?'; /* what a peer says is printed */
    }
}

static int ask_stats(struct top *top)
{
    static const struct ordo_service service = {.kind = ORDO_SERVICE_STATS};
    const struct ordo_answer *answer = NULL;
    struct sample *s = top->now;
    enum ordo_err err =
        ordo_client_call_service(top->online.client, &service, top->online.timeout_ms, &answer);
    if (err != ORDO_OK) {
        return ordo_cli_fail(ORDO_EXIT_FAILED, "stats: %s", ordo_err_text(err));
    }
    if (answer->item.result.code != ORDO_RESULT_OK || !answer->item.has_body) {
        return ordo_online_refused(&top->online, "stats", answer);
    }
    struct ordo_clock clock = ordo_clock_system();
    s->at_ns = ordo_clock_monotonic_ns(&clock);
    struct ordo_mp_reader body = answer->item.body;
    uint32_t count = ordo_body_stats(&body);
    for (s->number_count = 0; s->number_count < count && body.error == NULL; s->number_count++) {
        struct ordo_bytes name = {NULL, 0};
        if (s->number_count == ORDO_STATS_MAX) {
            break;
        }
        struct number *number = &s->numbers[s->number_count];
        ordo_body_stat(&body, &name, &number->value);
        copy_text(name, number->name, sizeof(number->name));
    }
    return body.error == NULL
               ? ORDO_EXIT_OK
               : ordo_cli_fail(ORDO_EXIT_UNAVAILABLE, "the stats cannot be read: %s", body.error);
}

/* One page: who has more subscribers sees the first ones here, and all by `ordo subscriber ls`. */
static int ask_readers(struct top *top)
{
    struct ordo_command query = {
        .kind = ORDO_KIND_SUBSCRIBERS, .subscribers.limit = SUBSCRIBERS_MAX};
    const struct ordo_answer *answer = NULL;
    struct sample *s = top->now;
    uint64_t after = 0;
    int code = ordo_online_call(&top->online, &query, &answer);
    s->reader_count = 0;
    s->readers_known = code == ORDO_EXIT_OK && answer->item.has_body;
    if (!s->readers_known) {
        return code;
    }
    struct ordo_mp_reader body = answer->item.body;
    uint32_t count = ordo_body_list(&body, &after);
    for (; s->reader_count < count && s->reader_count < SUBSCRIBERS_MAX; s->reader_count++) {
        struct ordo_subscriber_view view;
        struct reader *reader = &s->readers[s->reader_count];
        ordo_body_subscriber(&body, &view);
        if (body.error != NULL) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE, "the subscribers cannot be read: %s", body.error);
        }
        copy_text(view.subscriber, reader->name, sizeof(reader->name));
        reader->acked = view.acked;
        reader->acked_us = view.acked_us;
        reader->parks = view.parks;
    }
    return ORDO_EXIT_OK;
}

/* ---- reckoning ---- */

static uint64_t number_of(const struct sample *sample, const char *name)
{
    for (uint32_t i = 0; i < sample->number_count; i++) {
        if (strcmp(sample->numbers[i].name, name) == 0) {
            return sample->numbers[i].value;
        }
    }
    return 0;
}

static uint64_t number_in(void *context, const char *name)
{
    return number_of(context, name);
}

/* 0 for less than nothing: the two numbers were not taken at one moment, or the node is new. */
static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static double rate_of(const struct top *top, const char *name)
{
    if (top->before == NULL || top->now->at_ns <= top->before->at_ns) {
        return 0;
    }
    uint64_t grown = difference(number_of(top->now, name), number_of(top->before, name));
    return (double)grown * 1e9 / (double)(top->now->at_ns - top->before->at_ns);
}

static uint64_t behind_of(const struct sample *sample, size_t stage)
{
    return difference(
        number_of(sample, stages[stages[stage].behind].name),
        number_of(sample, stages[stage].name));
}

/* ---- showing ---- */

static void print_text(const struct top *top)
{
    const struct sample *s = top->now;
    char when[48];
    uint64_t head = number_of(s, "update.head");
    uint64_t time_us = number_of(s, "time_us");
    (void)printf(
        "%s  seq %" PRIu64 "  update %" PRIu64 "\n\n%-14s %14s %14s\n",
        ordo_online_time(time_us, when, sizeof(when)),
        number_of(s, "seq.durable"),
        head,
        "",
        "total",
        "a second");
    for (size_t i = 0; i < RATE_COUNT; i++) {
        (void)printf("%-14s %14" PRIu64, rates[i].title, number_of(s, rates[i].name));
        if (top->before != NULL) {
            (void)printf(" %14.0f", rate_of(top, rates[i].name));
        }
        (void)printf("\n");
    }
    (void)printf("\n%-14s %14s %14s\n", "stage", "slot", "behind");
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        (void)printf(
            "%-14s %14" PRIu64 " %14" PRIu64 "\n",
            stages[i].title,
            number_of(s, stages[i].name),
            behind_of(s, i));
    }
    (void)printf("\n");
    ordo_budget_print(&top->budget, stdout);
    (void)printf(
        "\nsync latency   p50 %" PRIu64 " us  p99 %" PRIu64 " us  max %" PRIu64 " us\n",
        number_of(s, "sync.p50_us"),
        number_of(s, "sync.p99_us"),
        number_of(s, "sync.max_us"));
    if (s->reader_count != 0) {
        (void)printf("\n%-32s %14s %10s %6s\n", "subscriber", "behind", "acked ago", "parks");
    }
    for (uint32_t i = 0; i < s->reader_count; i++) {
        const struct reader *reader = &s->readers[i];
        (void)printf(
            "%-32s %14" PRIu64 " %8" PRIu64 " s %6" PRIu64 "\n",
            reader->name,
            difference(head, reader->acked),
            difference(time_us, reader->acked_us) / 1000000,
            reader->parks);
    }
}

/* Of the stages that have samples. */
static json_t *latency_json(const struct ordo_budget *budget)
{
    json_t *all = json_object();
    for (uint32_t i = 0; i < ORDO_BUDGET_LINES; i++) {
        const struct ordo_budget_line *line = &budget->lines[i];
        if (line->count == 0) {
            continue;
        }
        json_t *one = json_pack(
            "{s:I, s:f, s:f, s:f, s:f, s:f}",
            "samples",
            (json_int_t)line->count,
            "mean",
            line->mean_us,
            "p50",
            line->p50_us,
            "p99",
            line->p99_us,
            "p99_9",
            line->p999_us,
            "max",
            line->max_us);
        if (line->share >= 0) {
            json_object_set_new(one, "share", json_real(line->share));
        }
        json_object_set_new(all, line->name, one);
    }
    return all;
}

static int print_json(const struct top *top)
{
    const struct sample *s = top->now;
    uint64_t head = number_of(s, "update.head");
    json_t *numbers = json_object();
    json_t *per_second = json_object();
    json_t *lag = json_object();
    json_t *readers = json_array();
    for (uint32_t i = 0; i < s->number_count; i++) {
        json_object_set_new(
            numbers, s->numbers[i].name, json_integer((json_int_t)s->numbers[i].value));
    }
    for (size_t i = 0; i < RATE_COUNT && top->before != NULL; i++) {
        json_object_set_new(per_second, rates[i].name, json_real(rate_of(top, rates[i].name)));
    }
    for (size_t i = 1; i < STAGE_COUNT; i++) {
        json_object_set_new(lag, stages[i].title, json_integer((json_int_t)behind_of(s, i)));
    }
    for (uint32_t i = 0; i < s->reader_count; i++) {
        const struct reader *reader = &s->readers[i];
        json_array_append_new(
            readers,
            json_pack(
                "{s:s, s:I, s:I, s:I, s:I}",
                "subscriber",
                reader->name,
                "acked",
                (json_int_t)reader->acked,
                "behind",
                (json_int_t)difference(head, reader->acked),
                "acked_us",
                (json_int_t)reader->acked_us,
                "parks",
                (json_int_t)reader->parks));
    }
    return ordo_online_print_json(json_pack(
        "{s:o, s:o, s:o, s:o, s:o}",
        "latency_us",
        latency_json(&top->budget),
        "numbers",
        numbers,
        "per_second",
        per_second,
        "behind",
        lag,
        "subscribers",
        readers));
}

/* ---- the loop ---- */

static int show(struct top *top, uint64_t index)
{
    bool screen = isatty(STDOUT_FILENO) == 1 && top->count != 1 && !top->online.json;
    if (top->online.json) {
        return print_json(top);
    }
    if (screen) {
        (void)printf("\033[H\033[2J");
    } else if (index != 0) {
        (void)printf("\n");
    }
    print_text(top);
    return fflush(stdout) == 0 ? ORDO_EXIT_OK : ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
}

static void pause_between(const struct top *top)
{
    const struct timespec pause = {
        .tv_sec = (time_t)(top->interval_us / 1000000),
        .tv_nsec = (long)(top->interval_us % 1000000) * 1000,
    };
    if (nanosleep(&pause, NULL) != 0) {
        errno = 0; /* a signal: the loop looks whether it was to stop */
    }
}

static int watch(struct top *top)
{
    int code = ORDO_EXIT_OK;
    for (uint64_t i = 0; code == ORDO_EXIT_OK && stopped == 0; i++) {
        top->now = &top->samples[i % 2];
        top->before = i == 0 ? NULL : &top->samples[(i + 1) % 2];
        code = ask_stats(top);
        if (code == ORDO_EXIT_OK) {
            code = ask_readers(top);
        }
        if (code == ORDO_EXIT_OK) {
            ordo_budget_fill(&top->budget, number_in, top->now);
            code = show(top, i);
        }
        if (i + 1 == top->count) {
            break;
        }
        if (code == ORDO_EXIT_OK && stopped == 0) {
            pause_between(top);
        }
    }
    return code;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct top *top = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &top->online;
        return 0;
    case OPTION_ONCE:
        top->count = 1;
        return 0;
    case 'i':
        if (!ordo_cli_duration_us(argument, &top->interval_us) ||
            top->interval_us < INTERVAL_MIN_US) {
            argp_error(state, "--interval: \"%s\" is no duration from 10ms on", argument);
        }
        return 0;
    case 'n':
        if (!ordo_cli_number(argument, UINT64_MAX, &top->count) || top->count == 0) {
            argp_error(state, "--count: \"%s\" is no number from 1 on", argument);
        }
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is too much", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_verb_top(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"once", OPTION_ONCE, NULL, 0, "One sample, without rates, and end", 1},
        {"interval", 'i', "DURATION", 0, "Time between two samples, e.g. 500ms (default 1s)", 1},
        {"count", 'n', "N", 0, "End after N samples (default: until stopped)", 1},
        {0},
    };
    static const struct argp_child children[] = {{&ordo_online_parser, 0, "The node:", 9}, {0}};
    static const struct argp parser = {
        .options = options,
        .parser = on_option,
        .doc = "Show what a node does: rates, how far each stage and each subscriber of the shop "
               "is behind, how long changes take to be acked. With --json one line a sample.",
        .children = children,
    };
    static struct top top;
    struct sigaction action = {.sa_handler = on_signal};
    top.interval_us = INTERVAL_US;
    ordo_online_init(&top.online);
    int code = ordo_online_parse(&parser, argc, argv, &top);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    code = ordo_online_open(&top.online);
    if (code == ORDO_EXIT_OK) {
        code = watch(&top);
        ordo_online_close(&top.online);
    }
    return code;
}
