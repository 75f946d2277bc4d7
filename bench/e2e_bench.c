/* `ordo bench e2e`: lifecycles through the whole path, durable and answered: client process,
 * socket, ring, journal, socket. A node of its own is started on a fresh folder.
 *
 * The rows take turns within each repeat, so a slow phase of the machine touches all of them; what
 * they are compared with (nng's bare echo, the bare write and flush) is measured in the same
 * repeat. Closed loop: the latency is that of a request with its whole batch. */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/e2e_load.h"
#include "bench/journal_bound.h"
#include "bench/nng_echo.h"

#include "order/result.h"

#include <argp.h>
#include <ordo_version.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REPEATS_MAX  99u
#define ROWS         5u
#define FLUSHES      200u
#define ECHOES       64u
#define NUMBERS      100000000000000ull /* apart from each other: numbers of the rows' orders */
#define EXIT_BROKEN  1
#define EXIT_MISUSED 64

struct options {
    const char *dir;
    const char *url;
    const char *flags[ORDO_CHILD_FLAGS];
    uint32_t flag_count;
    double seconds;
    uint32_t repeats;
    bool json;
};

struct row {
    const char *name;
    uint32_t lanes;
    uint32_t group;
    struct ordo_e2e *load;
    struct ordo_histogram *latency;
    double commands[REPEATS_MAX]; /* a second */
    double transitions[REPEATS_MAX];
    double node_cpu[REPEATS_MAX]; /* cores */
    double own_cpu[REPEATS_MAX];
};

struct bench {
    struct options options;
    struct ordo_child node;
    struct row rows[ROWS];
    struct ordo_bound *bound;
    double echo[REPEATS_MAX]; /* round trips a second, 64 outstanding */
    double nng[REPEATS_MAX];  /* commands a second of an nng REQ client, 64 outstanding */
    struct nng_lane {
        uint64_t number;
        uint32_t step;
    } nng_lanes[ECHOES];
    _Atomic uint64_t nng_next;
    double flush_us[REPEATS_MAX];
    char echo_url[128];
    pid_t echo_child;
};

static const struct argp_option argp_options[] = {
    {"dir", 'd', "DIR", 0, "The node's folder is made on this disk (default .)", 0},
    {"url", 'u', "URL", 0, "Where the node listens: tcp://127.0.0.1:PORT (default: ipc)", 0},
    {"set", 'S', "KEY=VALUE", 0, "Configuration of the node, as of `ordo serve`", 0},
    {"seconds", 's', "S", 0, "Time of one measurement (default 1)", 0},
    {"repeats", 'r', "N", 0, "Measurements a row; the median counts (default 5)", 0},
    {"json", 'j', NULL, 0, "Only the JSON line, no table", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end = NULL;
    switch (key) {
    case 'd':
        options->dir = argument;
        return 0;
    case 'u':
        options->url = argument;
        return 0;
    case 'S':
        if (options->flag_count == ORDO_CHILD_FLAGS / 2) {
            argp_error(state, "--set: at most %d", ORDO_CHILD_FLAGS / 2);
        }
        options->flags[options->flag_count++] = argument;
        return 0;
    case 's':
        options->seconds = strtod(argument, &end);
        if (*end != 0 || !(options->seconds >= 0.05 && options->seconds <= 60)) {
            argp_error(state, "--seconds %s: give 0.05 to 60", argument);
        }
        return 0;
    case 'r': {
        unsigned long repeats = strtoul(argument, &end, 10);
        if (*end != 0 || repeats < 1 || repeats > REPEATS_MAX) {
            argp_error(state, "--repeats %s: give 1 to %u", argument, REPEATS_MAX);
        }
        options->repeats = (uint32_t)repeats;
        return 0;
    }
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of a copy: the values stay in the order of the repeats. */
static double quantile(const double *values, uint32_t count, double share)
{
    double sorted[REPEATS_MAX];
    memcpy(sorted, values, count * sizeof(double));
    qsort(sorted, count, sizeof(double), compare);
    return sorted[(uint32_t)(share * (count - 1))];
}

static double own_cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- runs ---- */

static enum ordo_err
run_row(struct bench *b, struct row *row, uint32_t repeat, double seconds, struct ordo_fail *fail)
{
    struct ordo_e2e_count count;
    double node_cpu = ordo_child_cpu_s(&b->node);
    double own_cpu = own_cpu_s();
    enum ordo_err err =
        ordo_e2e_run(row->load, (uint64_t)(seconds * 1e9), row->latency, &count, fail);
    if (err == ORDO_OK) {
        row->commands[repeat] = (double)count.commands / count.seconds;
        row->transitions[repeat] = (double)count.transitions / count.seconds;
        row->node_cpu[repeat] = (ordo_child_cpu_s(&b->node) - node_cpu) / count.seconds;
        row->own_cpu[repeat] = (own_cpu_s() - own_cpu) / count.seconds;
    }
    return err;
}

/* The same lifecycles, a command a request, by a REQ client of nng. */
static uint32_t nng_write(void *context, uint32_t index, uint8_t *to, uint32_t room)
{
    struct bench *b = context;
    struct nng_lane *lane = &b->nng_lanes[index];
    struct ordo_command command;
    char name[ORDO_E2E_NAME_SIZE];
    if (lane->step == 0) {
        lane->number = (ROWS + 1) * NUMBERS + atomic_fetch_add(&b->nng_next, 1);
    }
    (void)ordo_e2e_make(&command, name, lane->step, lane->number);
    memcpy(command.id, &lane->number, sizeof(lane->number));
    command.id[15] = (uint8_t)(1 + lane->step);
    struct ordo_writer out = ordo_writer_over(to, room);
    ordo_request_encode(&out, lane->number, &command, 1);
    ORDO_ASSERT(!out.failed);
    return (uint32_t)ordo_writer_size(&out);
}

static bool nng_read(void *context, uint32_t index, const uint8_t *reply, size_t size)
{
    struct bench *b = context;
    struct nng_lane *lane = &b->nng_lanes[index];
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    lane->step = (lane->step + 1) % ORDO_E2E_STEPS;
    return ordo_reply_open(&reader, (struct ordo_bytes){reply, (uint32_t)size}, &fault) &&
           reader.count == 1 && ordo_reply_next(&reader, &item, &fault) &&
           item.result.code == ORDO_RESULT_OK;
}

static enum ordo_err run_nng(struct bench *b, uint32_t repeat, struct ordo_fail *fail)
{
    const struct ordo_nng_asker asker = {b, nng_write, nng_read};
    uint64_t limit_ns = (uint64_t)(b->options.seconds * 1e9);
    uint64_t bad;
    memset(b->nng_lanes, 0, sizeof(b->nng_lanes));
    enum ordo_err err =
        ordo_nng_ask(b->node.url, ECHOES, &asker, limit_ns, &b->nng[repeat], &bad, fail);
    if (err == ORDO_OK && bad != 0) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%llu replies were not OK", (unsigned long long)bad);
    }
    err = err == ORDO_OK
              ? ordo_nng_ask(b->echo_url, ECHOES, NULL, limit_ns, &b->echo[repeat], &bad, fail)
              : err;
    return err;
}

static enum ordo_err run_beside(struct bench *b, uint32_t repeat, struct ordo_fail *fail)
{
    double spent[FLUSHES];
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < FLUSHES && err == ORDO_OK; i++) {
        uint64_t spent_ns;
        err = ordo_bound_one(b->bound, ordo_bound_block(b->bound), &spent_ns, fail);
        spent[i] = (double)spent_ns / 1e3;
    }
    if (err == ORDO_OK) {
        qsort(spent, FLUSHES, sizeof(double), compare);
        b->flush_us[repeat] = spent[FLUSHES / 2];
        err = run_nng(b, repeat, fail);
    }
    return err;
}

static enum ordo_err open_rows(struct bench *b, struct ordo_fail *fail)
{
    static const struct row rows[ROWS] = {
        {.name = "1 x 1", .lanes = 1, .group = 1},
        {.name = "64 x 1", .lanes = 64, .group = 1},
        {.name = "4 x 256", .lanes = 4, .group = 256},
        {.name = "16 x 256", .lanes = 16, .group = 256},
        {.name = "64 x 256", .lanes = 64, .group = 256},
    };
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < ROWS && err == ORDO_OK; i++) {
        struct row *row = &b->rows[i];
        *row = rows[i];
        row->latency = calloc(1, sizeof(*row->latency));
        if (row->latency == NULL) {
            return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a histogram");
        }
        ordo_histogram_reset(row->latency);
        err =
            ordo_e2e_open(&row->load, b->node.url, row->lanes, row->group, (i + 1) * NUMBERS, fail);
    }
    return err;
}

static enum ordo_err run_all(struct bench *b, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < ROWS && err == ORDO_OK; i++) {
        err = run_row(b, &b->rows[i], 0, b->options.seconds / 4, fail); /* warm-up */
        ordo_histogram_reset(b->rows[i].latency);
    }
    for (uint32_t repeat = 0; repeat < b->options.repeats && err == ORDO_OK; repeat++) {
        for (uint32_t i = 0; i < ROWS && err == ORDO_OK; i++) {
            err = run_row(b, &b->rows[i], repeat, b->options.seconds, fail);
        }
        err = err == ORDO_OK ? run_beside(b, repeat, fail) : err;
    }
    return err;
}

/* ---- results ---- */

static double latency_us(const struct row *row, double share)
{
    return (double)ordo_histogram_quantile(row->latency, share) / 1e3;
}

static void print_json(const struct bench *b)
{
    uint32_t n = b->options.repeats;
    printf(
        "{\"bench\":\"e2e\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\",\"url\":\"%s\","
        "\"repeats\":%u,\"seconds\":%g,\"rows\":[",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        b->options.url == NULL ? "ipc" : b->options.url,
        n,
        b->options.seconds);
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct row *row = &b->rows[i];
        printf(
            "%s{\"name\":\"%s\",\"commands_per_s\":%.0f,\"transitions_per_s\":%.0f,\"min\":%.0f,"
            "\"max\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"node_cores\":%.2f,"
            "\"client_cores\":%.2f}",
            i == 0 ? "" : ",",
            row->name,
            quantile(row->commands, n, 0.5),
            quantile(row->transitions, n, 0.5),
            quantile(row->transitions, n, 0),
            quantile(row->transitions, n, 1),
            latency_us(row, 0.5),
            latency_us(row, 0.99),
            latency_us(row, 0.999),
            quantile(row->node_cpu, n, 0.5),
            quantile(row->own_cpu, n, 0.5));
    }
    printf(
        "],\"nng_echo_per_s\":%.0f,\"nng_client_per_s\":%.0f,\"flush_us\":%.1f,"
        "\"nng_client_ratio\":%.2f,\"echo_ratio\":%.2f,\"flush_ratio\":%.2f}\n",
        quantile(b->echo, n, 0.5),
        quantile(b->nng, n, 0.5),
        quantile(b->flush_us, n, 0.5),
        quantile(b->nng, n, 0.5) / quantile(b->echo, n, 0.5),
        quantile(b->rows[1].commands, n, 0.5) / quantile(b->echo, n, 0.5),
        latency_us(&b->rows[0], 0.5) / quantile(b->flush_us, n, 0.5));
}

static void print_table(const struct bench *b)
{
    uint32_t n = b->options.repeats;
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        fprintf(stderr, "a %s build: its figures mean little\n", ORDO_BUILD_TYPE);
    }
    fprintf(
        stderr,
        "%-10s %12s %14s %25s %9s %9s %9s %6s %6s\n",
        "requests",
        "commands/s",
        "transitions/s",
        "(least - most)",
        "p50 us",
        "p99",
        "p99.9",
        "node",
        "client");
    for (uint32_t i = 0; i < ROWS; i++) {
        const struct row *row = &b->rows[i];
        char spread[64];
        (void)snprintf(
            spread,
            sizeof(spread),
            "(%.0f - %.0f)",
            quantile(row->transitions, n, 0),
            quantile(row->transitions, n, 1));
        fprintf(
            stderr,
            "%-10s %12.0f %14.0f %25s %9.0f %9.0f %9.0f %6.2f %6.2f\n",
            row->name,
            quantile(row->commands, n, 0.5),
            quantile(row->transitions, n, 0.5),
            spread,
            latency_us(row, 0.5),
            latency_us(row, 0.99),
            latency_us(row, 0.999),
            quantile(row->node_cpu, n, 0.5),
            quantile(row->own_cpu, n, 0.5));
    }
    fprintf(
        stderr,
        "an nng REQ client, 64 x 1: %.0f commands/s, %.2f of the bare nng echo, %.0f/s; libordo 64 "
        "x 1 "
        "is %.2f of the echo\nbare write and flush %.1f us: 1 x 1 p50 is %.2f of it\n",
        quantile(b->nng, n, 0.5),
        quantile(b->nng, n, 0.5) / quantile(b->echo, n, 0.5),
        quantile(b->echo, n, 0.5),
        quantile(b->rows[1].commands, n, 0.5) / quantile(b->echo, n, 0.5),
        quantile(b->flush_us, n, 0.5),
        latency_us(&b->rows[0], 0.5) / quantile(b->flush_us, n, 0.5));
}

static enum ordo_err measure(struct bench *b, struct ordo_fail *fail)
{
    /* capacities for what a fast machine does in the time of all repeats */
    struct ordo_child_config config = {
        .dir = b->options.dir,
        .url = b->options.url,
        .flags =
            {"genesis.orders_max=6m",
             "genesis.ids_max=24m",
             "genesis.payments_max=7m",
             "genesis.extras_max=16"},
        .flag_count = 4,
    };
    for (uint32_t i = 0; i < b->options.flag_count; i++) {
        config.flags[config.flag_count++] = b->options.flags[i];
    }
    enum ordo_err err = ordo_child_open(&b->node, &config, fail);
    if (err != ORDO_OK) {
        return err;
    }
    (void)snprintf(b->echo_url, sizeof(b->echo_url), "ipc://%s/echo.ipc", b->node.sockets);
    err = ordo_nng_echo_open(b->echo_url, ECHOES, &b->echo_child, fail);
    err = err == ORDO_OK ? ordo_bound_open(b->node.data, NULL, &b->bound, fail) : err;
    err = err == ORDO_OK ? open_rows(b, fail) : err;
    return err == ORDO_OK ? run_all(b, fail) : err;
}

int ordo_bench_e2e(int argc, char **argv)
{
    static struct bench bench;
    struct bench *b = &bench;
    struct ordo_fail fail;
    const struct argp argp = {
        argp_options,
        parse_option,
        NULL,
        "Lifecycles through client, socket, ring and journal, each step durable and answered, "
        "beside "
        "nng's bare echo and the bare flush.",
        NULL,
        NULL,
        NULL,
    };
    *b = (struct bench){.options = {.dir = ".", .seconds = 1, .repeats = 5}};
    argp_err_exit_status = EXIT_MISUSED;
    if (argp_parse(&argp, argc, argv, 0, NULL, &b->options) != 0) {
        return EXIT_MISUSED;
    }
    enum ordo_err err = measure(b, &fail);
    if (err == ORDO_OK) {
        print_json(b);
        if (!b->options.json) {
            print_table(b);
        }
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        ordo_e2e_close(b->rows[i].load);
        free(b->rows[i].latency);
    }
    ordo_nng_echo_close(b->echo_child);
    ordo_bound_close(b->bound);
    ordo_child_close(&b->node);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: %s\n", fail.text);
        return EXIT_BROKEN;
    }
    return 0;
}
