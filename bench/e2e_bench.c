/* `ordo bench e2e`: lifecycles through the whole path, durable and answered: client process,
 * socket, ring, journal, socket. A node of its own is started on a fresh folder.
 *
 * The rows take turns within each repeat, so a slow phase of the machine touches all of them; what
 * they are compared with (nng's bare echo, the bare write and flush) is measured in the same
 * repeat. The usual rows are closed loops: the latency is that of a request with its whole batch.
 * With --rate requests are due at fixed times instead and the latency runs from there: the only
 * way to see a stall, which a closed loop answers by sending less. --stall-ms makes one. */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/budget.h"
#include "bench/child.h"
#include "bench/e2e_load.h"
#include "bench/e2e_nng.h"
#include "bench/journal_bound.h"
#include "bench/nng_echo.h"
#include "bench/report.h"
#include "bench/stall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CLOSED       5u
#define ROWS_MAX     CLOSED
#define FLUSHES      200u
#define FLUSH_QUICK  20u
#define STALL_MAX_MS 10000u
#define NUMBERS      100000000000000ull /* apart from each other: numbers of the rows' orders */
#define US           1e3

struct options {
    struct ordo_bench_options common;
    const char *url;
    const char *flags[ORDO_CHILD_FLAGS];
    uint32_t flag_count;
    uint64_t rate;    /* requests a second of the open loop; 0 = closed loops */
    uint32_t request; /* commands of a request, in the open loop */
    uint32_t stall_ms;
    bool no_budget;
};

/* A load and its rows. */
struct load {
    const char *name;
    uint32_t lanes;
    uint32_t group;
    const char *unit; /* of the first row: what is counted */
    struct ordo_e2e *e2e;
    struct ordo_histogram *latency; /* of all repeats */
    double last;                    /* per second, in this repeat */
    double last_p50_us;
    struct ordo_report_row *per_s;
    struct ordo_report_row *p50;
    struct ordo_report_row *node_cores;
    struct ordo_report_row *client_cores;
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_child_config config;
    struct ordo_child node;
    struct load loads[ROWS_MAX];
    uint32_t load_count;
    struct ordo_histogram repeat; /* latencies of one run */
    struct ordo_histogram flushes;
    struct ordo_e2e_nng nng;
    struct ordo_report_row *nng_row;
    struct ordo_report_row *flush_row;
    struct ordo_bound *bound;
    char echo_url[128];
    pid_t echo_child;
};

static const struct argp_option own_options[] = {
    {"url", 'u', "URL", 0, "Where the node listens: tcp://127.0.0.1:PORT (default: ipc)", 0},
    {"set", 'S', "KEY=VALUE", 0, "Configuration of the node, as of `ordo serve`", 0},
    {"rate", 'R', "N", 0, "An open loop of so many requests a second, instead of closed ones", 0},
    {"request", 'b', "N", 0, "Commands of a request of the open loop (default 1)", 0},
    {"stall-ms", 't', "MS", 0, "Stop the node so long in the middle of each measurement", 0},
    {"no-budget", 'n', NULL, 0, "Leave out where the time of a command goes (three nodes more)", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'u':
        options->url = argument;
        return 0;
    case 'S':
        if (options->flag_count == ORDO_CHILD_FLAGS / 2) {
            argp_error(state, "--set: at most %d", ORDO_CHILD_FLAGS / 2);
        }
        options->flags[options->flag_count++] = argument;
        return 0;
    case 'R':
        options->rate = ordo_bench_whole(state, "rate", argument, 1, ORDO_SCHEDULE_RATE_MAX);
        return 0;
    case 'b':
        options->request =
            (uint32_t)ordo_bench_whole(state, "request", argument, 1, ORDO_E2E_GROUP_MAX);
        return 0;
    case 't':
        options->stall_ms =
            (uint32_t)ordo_bench_whole(state, "stall-ms", argument, 1, STALL_MAX_MS);
        return 0;
    case 'n':
        options->no_budget = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static double own_cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- runs ---- */

/* Latencies go to b->repeat. */
static enum ordo_err run_loop(
    struct bench *b,
    struct load *load,
    uint64_t limit_ns,
    struct ordo_e2e_count *count,
    struct ordo_fail *fail)
{
    const struct ordo_e2e_offer offer = {b->options.rate, limit_ns};
    struct ordo_stall stall;
    uint64_t stall_ns = b->options.stall_ms * ORDO_NS_PER_MS;
    enum ordo_err err = ordo_stall_begin(&stall, b->node.pid, limit_ns / 2, stall_ns, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = b->options.rate != 0 ? ordo_e2e_offer(load->e2e, &offer, &b->repeat, count, fail)
                               : ordo_e2e_run(load->e2e, limit_ns, &b->repeat, count, fail);
    ordo_stall_end(&stall);
    return err;
}

static enum ordo_err
run_load(struct bench *b, struct load *load, double seconds, bool counts, struct ordo_fail *fail)
{
    struct ordo_e2e_count count;
    double node_cpu = ordo_child_cpu_s(&b->node);
    double own_cpu = own_cpu_s();
    ordo_histogram_reset(&b->repeat);
    enum ordo_err err = run_loop(b, load, (uint64_t)(seconds * 1e9), &count, fail);
    if (err != ORDO_OK || !counts) {
        return err;
    }
    bool transitions = strcmp(load->unit, "transitions/s") == 0;
    load->last = (double)(transitions ? count.transitions : count.commands) / count.seconds;
    load->last_p50_us = (double)ordo_histogram_quantile(&b->repeat, 0.5) / US;
    ordo_report_add(load->node_cores, (ordo_child_cpu_s(&b->node) - node_cpu) / count.seconds);
    ordo_report_add(load->client_cores, (own_cpu_s() - own_cpu) / count.seconds);
    ordo_histogram_add(load->latency, &b->repeat);
    return ORDO_OK;
}

/* The p50 of some bare writes and flushes, parked. */
static enum ordo_err run_flushes(struct bench *b, double *p50_us, struct ordo_fail *fail)
{
    double spent_us[FLUSHES];
    uint32_t count = b->options.common.quick ? FLUSH_QUICK : FLUSHES;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < count && err == ORDO_OK; i++) {
        uint64_t spent_ns = 0;
        err = ordo_bound_one(b->bound, ordo_bound_block(b->bound), &spent_ns, fail);
        spent_us[i] = (double)spent_ns / US;
        ordo_histogram_record(&b->flushes, spent_ns);
    }
    *p50_us = err == ORDO_OK ? ordo_quantile(spent_us, count, 0.5) : 0;
    return err;
}

/* What the loads are held against, and the pairs of this repeat. */
static enum ordo_err run_beside(struct bench *b, struct ordo_fail *fail)
{
    uint64_t limit_ns = (uint64_t)(b->options.common.seconds * 1e9);
    double flush_us = 0;
    double echo = 0;
    double nng = 0;
    uint64_t bad;
    enum ordo_err err = run_flushes(b, &flush_us, fail);
    if (err == ORDO_OK && b->nng_row != NULL) {
        err = ordo_e2e_nng_run(&b->nng, b->node.url, limit_ns, &nng, fail);
        err = err == ORDO_OK
                  ? ordo_nng_ask(b->echo_url, ORDO_E2E_NNG_LANES, NULL, limit_ns, &echo, &bad, fail)
                  : err;
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_report_add(b->flush_row, flush_us);
    if (b->nng_row != NULL) {
        ordo_report_pair(b->nng_row, nng, echo);
    }
    for (uint32_t i = 0; i < b->load_count; i++) {
        struct load *load = &b->loads[i];
        if (load->per_s->limit_name[0] != 0) {
            ordo_report_pair(load->per_s, load->last, echo);
        } else {
            ordo_report_add(load->per_s, load->last);
        }
        ordo_report_pair(load->p50, load->last_p50_us, flush_us);
    }
    return ORDO_OK;
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

/* ---- rows ---- */

static enum ordo_err open_load(struct bench *b, struct load *load, struct ordo_fail *fail)
{
    uint64_t numbers = (uint64_t)(load - b->loads + 1) * NUMBERS;
    load->latency = calloc(1, sizeof(*load->latency));
    if (load->latency == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a histogram");
    }
    ordo_histogram_reset(load->latency);
    load->per_s = ordo_report_row(&b->report, load->name, load->unit);
    load->p50 = ordo_report_row_named(&b->report, "us", "%s p50", load->name);
    load->node_cores = ordo_report_row_named(&b->report, "cores", "%s node", load->name);
    load->client_cores = ordo_report_row_named(&b->report, "cores", "%s client", load->name);
    ordo_report_limit(load->p50, "bare flush");
    ordo_report_latency(load->per_s, load->latency);
    return ordo_e2e_open(&load->e2e, b->node.url, load->lanes, load->group, numbers, fail);
}

static enum ordo_err open_loads(struct bench *b, struct ordo_fail *fail)
{
    static const struct load closed[CLOSED] = {
        {.name = "1 x 1", .lanes = 1, .group = 1, .unit = "commands/s"},
        {.name = "64 x 1", .lanes = 64, .group = 1, .unit = "commands/s"},
        {.name = "4 x 256", .lanes = 4, .group = 256, .unit = "transitions/s"},
        {.name = "16 x 256", .lanes = 16, .group = 256, .unit = "transitions/s"},
        {.name = "64 x 256", .lanes = 64, .group = 256, .unit = "transitions/s"},
    };
    const struct load open = {
        .name = "offered",
        .lanes = ORDO_E2E_LANES_MAX,
        .group = b->options.request,
        .unit = "commands/s",
    };
    enum ordo_err err = ORDO_OK;
    b->load_count = b->options.rate != 0 ? 1 : CLOSED;
    for (uint32_t i = 0; i < b->load_count && err == ORDO_OK; i++) {
        b->loads[i] = b->options.rate != 0 ? open : closed[i];
        err = open_load(b, &b->loads[i], fail);
    }
    b->flush_row = ordo_report_row(&b->report, "bare flush p50", "us");
    ordo_report_latency(b->flush_row, &b->flushes);
    if (err == ORDO_OK && b->options.rate == 0) {
        ordo_report_limit(b->loads[1].per_s, "bare nng echo");
        b->nng_row = ordo_report_row(&b->report, "nng client 64 x 1", "commands/s");
        ordo_report_limit(b->nng_row, "bare nng echo");
    }
    return err;
}

static void describe(struct bench *b)
{
    const struct options *o = &b->options;
    ordo_report_set_text(&b->report, "url", o->url == NULL ? "ipc" : o->url);
    for (uint32_t i = 0; i < o->flag_count; i++) {
        ordo_report_set_text(&b->report, "set", o->flags[i]);
    }
    if (o->rate != 0) {
        ordo_report_set(&b->report, "rate", (double)o->rate);
        ordo_report_set(&b->report, "request", o->request);
    }
    ordo_report_set(&b->report, "stall_ms", o->stall_ms);
}

static enum ordo_err measure(struct bench *b, struct ordo_fail *fail)
{
    /* capacities for what a fast machine does in the time of all repeats */
    b->config = (struct ordo_child_config){
        .dir = b->options.common.dir,
        .url = b->options.url,
        .flags =
            {"genesis.orders_max=6m",
             "genesis.ids_max=24m",
             "genesis.payments_max=7m",
             "genesis.extras_max=16"},
        .flag_count = 4,
    };
    for (uint32_t i = 0; i < b->options.flag_count; i++) {
        b->config.flags[b->config.flag_count++] = b->options.flags[i];
    }
    enum ordo_err err = ordo_child_open(&b->node, &b->config, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (b->options.rate == 0) {
        (void)snprintf(b->echo_url, sizeof(b->echo_url), "ipc://%s/echo.ipc", b->node.sockets);
        err = ordo_nng_echo_open(b->echo_url, ORDO_E2E_NNG_LANES, &b->echo_child, fail);
    }
    err = err == ORDO_OK ? ordo_bound_open(b->node.folder, NULL, &b->bound, fail) : err;
    err = err == ORDO_OK ? open_loads(b, fail) : err;
    return err == ORDO_OK ? run_all(b, fail) : err;
}

int ordo_bench_e2e(int argc, char **argv)
{
    static struct bench bench;
    struct bench *b = &bench;
    struct ordo_fail fail;
    const struct ordo_bench_verb verb = {
        .doc = "Lifecycles through client, socket, ring and journal, each step durable and "
               "answered, beside nng's bare echo and the bare flush.",
        .options = own_options,
        .parse = parse_option,
        .input = &b->options,
        .common = &b->options.common,
    };
    memset(b, 0, sizeof(*b));
    b->options = (struct options){
        .common = {.dir = ".", .seconds = 1, .repeats = 5, .warm_up = 0.25},
        .request = 1,
    };
    ordo_bench_parse(&verb, argc, argv);
    ordo_report_begin(&b->report, "e2e", &b->options.common);
    ordo_histogram_reset(&b->flushes);
    ordo_e2e_nng_init(&b->nng, (ROWS_MAX + 1) * NUMBERS);
    describe(b);
    enum ordo_err err = measure(b, &fail);
    if (err == ORDO_OK && b->options.rate == 0 && !b->options.no_budget) {
        ordo_child_close(&b->node); /* its address is the next one's */
        FILE *tables = b->options.common.json ? NULL : stderr;
        err = ordo_budget_measure(&b->config, &b->report, tables, &fail);
    }
    int code = ORDO_BENCH_FAILED;
    if (err == ORDO_OK) {
        code = ordo_report_end(&b->report);
    } else {
        (void)fprintf(stderr, "ordo: bench e2e: %s\n", fail.text);
    }
    for (uint32_t i = 0; i < b->load_count; i++) {
        ordo_e2e_close(b->loads[i].e2e);
        free(b->loads[i].latency);
    }
    ordo_nng_echo_close(b->echo_child);
    ordo_bound_close(b->bound);
    ordo_child_close(&b->node);
    return code;
}
