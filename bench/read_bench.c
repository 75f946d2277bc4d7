/* `ordo bench read`: the status of orders, asked by one client (libordo) of a node of its own.
 *
 * Reads pass the ring like any command, so an answer is what the engine knows at that moment. The
 * rows (requests in flight x queries of a request) take turns within each repeat, and so does nng's
 * bare echo with 64 outstanding messages. With --rate requests are due at fixed times instead. */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/e2e_load.h"
#include "bench/folder.h"
#include "bench/nng_echo.h"
#include "bench/read_load.h"
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSED       4u
#define ECHOES       64u
#define FIRST        1000000000ull /* number of the first order */
#define ORDERS_QUICK 2000u
#define ORDERS_MAX   5000000u
#define US           1e3

struct options {
    struct ordo_bench_options common;
    const char *url;
    uint32_t orders;
    uint64_t rate; /* requests a second; 0 = closed loops */
    uint32_t request;
    bool orders_given;
};

struct load {
    const char *name;
    uint32_t lanes;
    uint32_t group;
    struct ordo_read *read;
    struct ordo_histogram *latency; /* of all repeats */
    double last;                    /* queries a second, in this repeat */
    struct ordo_report_row *per_s;
    struct ordo_report_row *p50;
    struct ordo_report_row *node;
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_child child;
    struct ordo_histogram repeat; /* of one run */
    struct load loads[CLOSED];
    uint32_t load_count;
    char echo_url[128];
    pid_t echo_child;
};

static const struct argp_option own_options[] = {
    {"url", 'u', "URL", 0, "Where the node listens: tcp://127.0.0.1:PORT (default: ipc)", 0},
    {"orders", 'o', "N", 0, "Orders there are (default 100000)", 0},
    {"rate", 'R', "N", 0, "An open loop of so many requests a second, instead of closed ones", 0},
    {"request", 'b', "N", 0, "Queries of a request of the open loop (default 64)", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'u':
        options->url = argument;
        return 0;
    case 'o':
        options->orders = (uint32_t)ordo_bench_whole(state, "orders", argument, 1, ORDERS_MAX);
        options->orders_given = true;
        return 0;
    case 'R':
        options->rate = ordo_bench_whole(state, "rate", argument, 1, ORDO_SCHEDULE_RATE_MAX);
        return 0;
    case 'b':
        options->request =
            (uint32_t)ordo_bench_whole(state, "request", argument, 1, ORDO_READ_GROUP_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- runs ---- */

static enum ordo_err
run_load(struct bench *b, struct load *load, double seconds, bool counts, struct ordo_fail *fail)
{
    const struct ordo_read_run run = {(uint64_t)(seconds * 1e9), b->options.rate};
    uint64_t begin_ns = ordo_bench_now_ns();
    double cpu_s = ordo_child_cpu_s(&b->child);
    ordo_histogram_reset(&b->repeat);
    enum ordo_err err = ordo_read_run(load->read, &run, &b->repeat, &load->last, fail);
    if (err != ORDO_OK || !counts) {
        return err;
    }
    double spent_s = (double)(ordo_bench_now_ns() - begin_ns) / 1e9;
    ordo_report_add(load->p50, (double)ordo_histogram_quantile(&b->repeat, 0.5) / US);
    ordo_report_add(load->node, (ordo_child_cpu_s(&b->child) - cpu_s) / spent_s);
    ordo_histogram_add(load->latency, &b->repeat);
    return ORDO_OK;
}

/* The echo of this repeat, and the rows that are held against it. */
static enum ordo_err run_beside(struct bench *b, struct ordo_fail *fail)
{
    uint64_t limit_ns = (uint64_t)(b->options.common.seconds * 1e9);
    double echo = 0;
    uint64_t bad = 0;
    enum ordo_err err = ORDO_OK;
    if (b->echo_child != 0) {
        err = ordo_nng_ask(b->echo_url, ECHOES, NULL, limit_ns, &echo, &bad, fail);
    }
    for (uint32_t i = 0; i < b->load_count && err == ORDO_OK; i++) {
        struct load *load = &b->loads[i];
        if (load->per_s->limit_name[0] != 0) {
            ordo_report_pair(load->per_s, load->last, echo);
        } else {
            ordo_report_add(load->per_s, load->last);
        }
    }
    return err;
}

static enum ordo_err run_all(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_bench_options *common = &b->options.common;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < b->load_count && err == ORDO_OK && common->warm_up > 0; i++) {
        err = run_load(b, &b->loads[i], common->warm_up, false, fail);
    }
    for (uint32_t repeat = 0; repeat < common->repeats && err == ORDO_OK; repeat++) {
        for (uint32_t i = 0; i < b->load_count && err == ORDO_OK; i++) {
            err = run_load(b, &b->loads[i], common->seconds, true, fail);
        }
        err = err == ORDO_OK ? run_beside(b, fail) : err;
    }
    return err;
}

/* ---- opening ---- */

static enum ordo_err open_load(struct bench *b, struct load *load, struct ordo_fail *fail)
{
    const struct ordo_read_config config = {
        .url = b->child.url,
        .lanes = load->lanes,
        .group = load->group,
        .first = FIRST,
        .orders = b->options.orders,
    };
    load->latency = calloc(1, sizeof(*load->latency));
    if (load->latency == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a histogram");
    }
    ordo_histogram_reset(load->latency);
    load->per_s = ordo_report_row(&b->report, load->name, "reads/s");
    load->p50 = ordo_report_row_named(&b->report, "us", "%s p50", load->name);
    load->node = ordo_report_row_named(&b->report, "cores", "%s node", load->name);
    ordo_report_latency(load->per_s, load->latency);
    return ordo_read_open(&load->read, &config, fail);
}

static enum ordo_err open_loads(struct bench *b, struct ordo_fail *fail)
{
    static const struct load closed[CLOSED] = {
        {.name = "1 x 1", .lanes = 1, .group = 1},
        {.name = "64 x 1", .lanes = 64, .group = 1},
        {.name = "1 x 64", .lanes = 1, .group = 64},
        {.name = "64 x 64", .lanes = 64, .group = 64},
    };
    const struct load open = {
        .name = "offered", .lanes = ORDO_READ_LANES_MAX, .group = b->options.request};
    enum ordo_err err = ORDO_OK;
    bool is_open = b->options.rate != 0;
    b->load_count = is_open ? 1 : CLOSED;
    for (uint32_t i = 0; i < b->load_count && err == ORDO_OK; i++) {
        b->loads[i] = is_open ? open : closed[i];
        err = open_load(b, &b->loads[i], fail);
    }
    if (err == ORDO_OK && !is_open) {
        ordo_report_limit(b->loads[1].per_s, "bare nng echo");
    }
    return err;
}

/* Product and orders. */
static enum ordo_err fill(struct bench *b, struct ordo_fail *fail)
{
    struct ordo_e2e *e2e = NULL;
    enum ordo_err err = ordo_e2e_open(&e2e, b->child.url, 1, 1, 1, fail); /* puts the product */
    ordo_e2e_close(e2e);
    return err == ORDO_OK ? ordo_read_fill(b->child.url, FIRST, b->options.orders, fail) : err;
}

static enum ordo_err measure(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_child_config config = {
        .dir = b->options.common.dir,
        .url = b->options.url,
        .flags = {"genesis.orders_max=6m", "genesis.ids_max=24m"},
        .flag_count = 2,
    };
    enum ordo_err err = ordo_child_open(&b->child, &config, fail);
    if (err == ORDO_OK && b->options.rate == 0) {
        (void)snprintf(b->echo_url, sizeof(b->echo_url), "ipc://%s/echo.ipc", b->child.sockets);
        err = ordo_nng_echo_open(b->echo_url, ECHOES, &b->echo_child, fail);
    }
    err = err == ORDO_OK ? fill(b, fail) : err;
    err = err == ORDO_OK ? open_loads(b, fail) : err;
    return err == ORDO_OK ? run_all(b, fail) : err;
}

int ordo_bench_read(int argc, char **argv)
{
    static struct bench bench;
    struct bench *b = &bench;
    const struct ordo_bench_verb verb = {
        .doc = "The status of orders, asked by one client of a whole node; each answer is looked "
               "into.",
        .options = own_options,
        .parse = parse_option,
        .input = &b->options,
        .common = &b->options.common,
    };
    struct ordo_fail fail;
    memset(b, 0, sizeof(*b));
    b->options = (struct options){
        .common = {.dir = ".", .seconds = 0.5, .repeats = 5, .warm_up = 0.25},
        .orders = 100000,
        .request = 64,
    };
    ordo_bench_parse(&verb, argc, argv);
    if (b->options.common.quick && !b->options.orders_given) {
        b->options.orders = ORDERS_QUICK;
    }
    ordo_report_begin(&b->report, "read", &b->options.common);
    ordo_report_set_text(&b->report, "url", b->options.url == NULL ? "ipc" : b->options.url);
    ordo_report_set(&b->report, "orders", b->options.orders);
    if (b->options.rate != 0) {
        ordo_report_set(&b->report, "rate", (double)b->options.rate);
        ordo_report_set(&b->report, "request", b->options.request);
    }
    int code = ORDO_BENCH_FAILED;
    if (measure(b, &fail) == ORDO_OK) {
        code = ordo_report_end(&b->report);
    } else {
        (void)fprintf(stderr, "ordo: bench read: %s\n", fail.text);
    }
    for (uint32_t i = 0; i < b->load_count; i++) {
        ordo_read_close(b->loads[i].read);
        free(b->loads[i].latency);
    }
    ordo_nng_echo_close(b->echo_child);
    ordo_child_close(&b->child);
    return code;
}
