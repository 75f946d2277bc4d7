/* `ordo bench snapshot`: what a snapshot costs those who wait for their commits.
 *
 * Steady load, open loop: real lifecycles over a million live orders, a latency from the time at
 * which a command should have been sent until it is durable. A repeat is four phases: quiet, whole
 * snapshot, quiet, incremental snapshot; the quiet ones last about as long as the snapshots, so a
 * slow phase of the machine touches both. The ratio is that of the p99.9 in a snapshot's phase to
 * that in the quiet one before it; its median over the repeats counts. */
#include "base/clock.h"
#include "base/log.h"
#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/report.h"
#include "bench/snapshot_runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUIET_MIN_NS  (2 * ORDO_NS_PER_S)
#define QUIET_MAX_NS  (20 * ORDO_NS_PER_S)
#define QUICK_NS      (ORDO_NS_PER_S / 10)
#define QUICK_ORDERS  20000u
#define QUICK_RATE    5000u
#define SPARE_S       12u /* seconds that a snapshot may take, for the size of the tables */
#define LIFECYCLE     4u  /* commands */
#define ORDERS_MAX    20000000u
#define RATE_MAX      2000000u
#define REQUEST_MAX   4096u
#define POOL_MIB_MAX  4096u
#define MACHINE_LIMIT 100000000u /* orders of the tables */
#define US            1e3

enum kind { KIND_WHOLE, KIND_CHANGED, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"whole", "incremental"};

struct options {
    struct ordo_bench_options common;
    uint32_t live;
    uint32_t rate;
    uint32_t request;
    uint32_t pool_mib;
    uint32_t spread;
    bool live_given;
    bool rate_given;
};

#define QUANTILES 3

static const struct {
    const char *name;
    double share;
} quantiles[QUANTILES] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};

/* The rows of a kind of snapshot. */
struct rows {
    struct ordo_report_row *latency[QUANTILES];
    struct ordo_report_row *without;
    struct ordo_report_row *seconds;
    struct ordo_report_row *chunks;
    struct ordo_histogram beside; /* of all repeats */
    struct ordo_histogram quiet;
    uint64_t quiet_ns; /* of the next quiet phase: as long as the last snapshot */
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_steady steady;
    struct rows rows[KIND_COUNT];
    char folder[ORDO_BENCH_FOLDER];
};

static const struct argp_option own_options[] = {
    {"orders", 'o', "N", 0, "Orders alive at any time (default 1000000)", 0},
    {"rate", 'R', "N", 0, "Commands a second that are offered (default 50000)", 0},
    {"request", 'b', "N", 0, "Commands that come at once (default 32)", 0},
    {"spread",
     'S',
     "N",
     0,
     "Percent of the commands that are for any live order, the others for "
     "those made at the same time (default 5)",
     0},
    {"pool", 'p', "MIB", 0, "Size of the snapshotter's pool (default 64)", 0},
    {0},
};

static uint32_t
whole(const struct argp_state *state, const char *name, const char *text, uint32_t max)
{
    return (uint32_t)ordo_bench_whole(state, name, text, 1, max);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'o':
        options->live = whole(state, "orders", argument, ORDERS_MAX);
        options->live_given = true;
        return 0;
    case 'R':
        options->rate = whole(state, "rate", argument, RATE_MAX);
        options->rate_given = true;
        return 0;
    case 'b':
        options->request = whole(state, "request", argument, REQUEST_MAX);
        return 0;
    case 'S':
        options->spread = whole(state, "spread", argument, 100);
        return 0;
    case 'p':
        options->pool_mib = whole(state, "pool", argument, POOL_MIB_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- running ---- */

static uint64_t quiet_min_ns(const struct bench *b)
{
    return b->options.common.quick ? QUICK_NS : QUIET_MIN_NS;
}

static void note_quiet(struct rows *rows, const struct ordo_steady_phase *quiet, double *us)
{
    for (uint32_t i = 0; i < QUANTILES; i++) {
        us[i] = (double)ordo_histogram_quantile(quiet->latency, quantiles[i].share) / US;
    }
    ordo_histogram_add(&rows->quiet, quiet->latency);
}

static void
note_beside(struct rows *rows, const struct ordo_steady_phase *beside, const double *quiet_us)
{
    for (uint32_t i = 0; i < QUANTILES; i++) {
        double us = (double)ordo_histogram_quantile(beside->latency, quantiles[i].share) / US;
        ordo_report_pair(rows->latency[i], us, quiet_us[i]);
    }
    ordo_report_add(rows->without, quiet_us[QUANTILES - 1]);
    ordo_report_add(rows->seconds, beside->seconds);
    ordo_report_add(rows->chunks, (double)beside->chunks);
    ordo_histogram_add(&rows->beside, beside->latency);
}

/* A quiet phase and a snapshot's. */
static enum ordo_err run_pair(struct bench *b, enum kind kind, bool counts, struct ordo_fail *fail)
{
    struct rows *rows = &b->rows[kind];
    struct ordo_steady_phase phase;
    double quiet_us[QUANTILES];
    enum ordo_err err = ordo_steady_quiet(&b->steady, rows->quiet_ns, &phase, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (counts) {
        note_quiet(rows, &phase, quiet_us);
    }
    err = ordo_steady_snapshot(&b->steady, kind == KIND_WHOLE, &phase, fail);
    if (err != ORDO_OK) {
        return err;
    }
    uint64_t ns = (uint64_t)(phase.seconds * (double)ORDO_NS_PER_S);
    uint64_t least_ns = quiet_min_ns(b);
    rows->quiet_ns = ns < least_ns ? least_ns : ns > QUIET_MAX_NS ? QUIET_MAX_NS : ns;
    if (counts) {
        note_beside(rows, &phase, quiet_us);
    }
    if (!b->options.common.json) {
        (void)fprintf(
            stderr,
            "%-12s %" PRIu64 " chunks in %.1f s\n",
            kind_names[kind],
            phase.chunks,
            phase.seconds);
    }
    return ORDO_OK;
}

/* Room for the orders that the load makes, the warm-up's with them. */
static uint32_t orders_for(const struct options *o)
{
    uint64_t seconds = (uint64_t)(o->common.repeats + 1) * KIND_COUNT * 2 * SPARE_S;
    uint64_t orders = o->live + seconds * o->rate / LIFECYCLE;
    return orders > MACHINE_LIMIT ? MACHINE_LIMIT : (uint32_t)orders;
}

static enum ordo_err run(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_steady_config config = {
        .dir = b->folder,
        .live = b->options.live,
        .orders_max = orders_for(&b->options),
        .rate = b->options.rate,
        .request = b->options.request,
        .spread = b->options.spread,
        .pool_size = (uint64_t)b->options.pool_mib << 20,
    };
    enum ordo_err err = ordo_steady_open(&b->steady, &config, fail);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        b->rows[KIND_WHOLE].quiet_ns = quiet_min_ns(b);
        if (err == ORDO_OK) { /* both environments are there, the disk knows their blocks */
            err = run_pair(b, KIND_WHOLE, false, fail);
        }
    }
    b->rows[KIND_CHANGED].quiet_ns = quiet_min_ns(b);
    for (uint32_t i = 0; err == ORDO_OK && i < b->options.common.repeats; i++) {
        for (int kind = 0; err == ORDO_OK && kind < KIND_COUNT; kind++) {
            err = run_pair(b, (enum kind)kind, true, fail);
        }
    }
    ordo_report_set_text(&b->report, "backend", b->steady.backend);
    ordo_steady_close(&b->steady);
    return err;
}

/* ---- rows ---- */

static void add_rows(struct bench *b, enum kind kind)
{
    struct rows *rows = &b->rows[kind];
    ordo_histogram_reset(&rows->beside);
    ordo_histogram_reset(&rows->quiet);
    for (uint32_t i = 0; i < QUANTILES; i++) {
        rows->latency[i] = ordo_report_row_named(
            &b->report, "us", "%s beside %s", kind_names[kind], quantiles[i].name);
        ordo_report_limit(rows->latency[i], "without");
    }
    rows->without = ordo_report_row_named(&b->report, "us", "%s without p99.9", kind_names[kind]);
    rows->seconds = ordo_report_row_named(&b->report, "s", "%s takes", kind_names[kind]);
    rows->chunks = ordo_report_row_named(&b->report, "chunks", "%s chunks", kind_names[kind]);
    ordo_report_latency(rows->latency[QUANTILES - 1], &rows->beside);
    ordo_report_latency(rows->without, &rows->quiet);
}

static void settle(struct options *o)
{
    if (o->common.quick) {
        o->live = o->live_given ? o->live : QUICK_ORDERS;
        o->rate = o->rate_given ? o->rate : QUICK_RATE;
    }
}

int ordo_bench_snapshot(int argc, char **argv)
{
    static struct bench bench; /* histograms and an outcome: too much for the stack */
    const struct ordo_bench_verb verb = {
        .doc = "Commits under steady load beside a whole and an incremental snapshot, and without "
               "one, in turn: p99.9 of both and their ratio.",
        .options = own_options,
        .parse = parse_option,
        .input = &bench.options,
        .common = &bench.options.common,
    };
    struct ordo_fail fail = {.err = ORDO_OK};
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){
        .common = {.dir = ".", .repeats = 5},
        .live = 1000000,
        .rate = 50000,
        .request = 32,
        .pool_mib = 64,
        .spread = 5,
    };
    ordo_bench_parse(&verb, argc, argv);
    settle(&bench.options);
    ordo_log_set_level(ORDO_LOG_WARN);
    ordo_report_begin(&bench.report, "snapshot", &bench.options.common);
    ordo_report_set(&bench.report, "orders", bench.options.live);
    ordo_report_set(&bench.report, "rate", bench.options.rate);
    ordo_report_set(&bench.report, "request", bench.options.request);
    ordo_report_set(&bench.report, "spread", bench.options.spread);
    ordo_report_set(&bench.report, "pool_mib", bench.options.pool_mib);
    add_rows(&bench, KIND_WHOLE);
    add_rows(&bench, KIND_CHANGED);
    enum ordo_err err = ordo_bench_folder_make(bench.options.common.dir, bench.folder, &fail);
    err = err == ORDO_OK ? run(&bench, &fail) : err;
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench snapshot: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    return ordo_report_end(&bench.report);
}
