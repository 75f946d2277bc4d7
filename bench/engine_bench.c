/* `ordo bench engine`: decided and durable, in this process, without a network.
 *
 * Throughput stands beside apply alone (the same load on a state of its own, no ring, no journal)
 * and beside the plain writer of the same bytes with checksum, hash and flushes; latency at an
 * offered rate beside the plain writer at the same rate. All take turns within a repeat, on one
 * thread that polls. Stamps on and off take turns, too: their ratio is what sampling costs. */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/engine_runs.h"
#include "bench/folder.h"
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BULK_SIZE     (768u * 1024) /* bytes a write of the bound: what the journal comes to */
#define COMMANDS_MAX  2500000.0     /* a second: room for a faster machine than there is */
#define SINGLES_MAX   4000u
#define QUANTILES     3u
#define ORDERS        1000000u
#define RATE          1000000u
#define SINGLES       200u
#define ORDERS_QUICK  20000u
#define RATE_QUICK    100000u
#define SINGLES_QUICK 20u
#define LIMIT_BOUND   "bound"

struct options {
    struct ordo_bench_options common;
    uint32_t orders;
    uint64_t rate;
    uint32_t singles;
};

/* Rows of the report, and the histograms behind them: of a repeat, and of all. */
struct rows {
    struct ordo_report_row *apply;
    struct ordo_report_row *least;
    struct ordo_report_row *bound;
    struct ordo_report_row *stamps;
    struct ordo_report_row *quantiles[QUANTILES];
    struct ordo_report_row *one;
};

struct bench {
    struct options options;
    struct ordo_engine engine;
    struct ordo_arena arena; /* of the load of apply alone */
    struct ordo_load load;
    struct ordo_bound *bound;
    struct rows rows;
    struct ordo_spans saturated;
    struct ordo_spans offered; /* of the runs at a rate */
    struct ordo_histogram own;
    struct ordo_histogram own_all;
    struct ordo_histogram limit;
    double own_us[SINGLES_MAX];
    double bare_us[SINGLES_MAX];
    char folder[ORDO_BENCH_FOLDER];
};

static const double shares[QUANTILES] = {0.5, 0.99, 0.999};

static const struct argp_option argp_options[] = {
    {"orders", 'o', "N", 0, "Live orders (default 1000000)", 0},
    {"rate", 'R', "N", 0, "Commands a second that are offered (default 1000000)", 0},
    {"singles", 'n', "N", 0, "Commands one at a time, a repeat (default 200)", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'o':
        options->orders = (uint32_t)ordo_bench_whole(state, "orders", argument, 10000, 20000000);
        return 0;
    case 'R':
        options->rate = ordo_bench_whole(state, "rate", argument, 1000, ORDO_SCHEDULE_RATE_MAX);
        return 0;
    case 'n':
        options->singles = (uint32_t)ordo_bench_whole(state, "singles", argument, 1, SINGLES_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- measuring ---- */

static enum ordo_err no_room(struct ordo_fail *fail)
{
    return ordo_fail_set(fail, ORDO_ERR_LIMIT, "no room for the orders of all measurements");
}

static uint32_t commands_of(double seconds, double rate)
{
    double count = seconds * rate;
    return count < ORDO_ENGINE_AHEAD ? 1 + (uint32_t)count : ORDO_ENGINE_AHEAD;
}

/* Transitions a second, decided and durable. */
static enum ordo_err
run_engine(struct bench *b, double seconds, uint64_t every, double *out, struct ordo_fail *fail)
{
    struct ordo_engine_count count;
    if (!ordo_engine_make(&b->engine, commands_of(seconds, COMMANDS_MAX))) {
        return no_room(fail);
    }
    ordo_engine_sample(&b->engine, every, &b->saturated);
    enum ordo_err err = ordo_engine_bulk(&b->engine, (uint64_t)(seconds * 1e9), &count, fail);
    *out = (double)count.transitions / count.seconds;
    return err;
}

/* Transitions a second of apply alone. */
static enum ordo_err run_apply(struct bench *b, double seconds, double *out, struct ordo_fail *fail)
{
    const struct ordo_clock clock = ordo_clock_system();
    uint64_t updates = b->load.updates;
    uint64_t spent_ns = 0;
    while ((double)spent_ns < seconds * 1e9) {
        if (!ordo_load_make(&b->load)) {
            return no_room(fail);
        }
        uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
        ordo_load_apply(&b->load);
        spent_ns += ordo_clock_monotonic_ns(&clock) - begin_ns;
    }
    *out = (double)(b->load.updates - updates) * 1e9 / (double)spent_ns;
    return ORDO_OK;
}

/* What the disk alone would allow, in transitions a second: five of four records. */
static enum ordo_err run_bound(struct bench *b, double seconds, double *out, struct ordo_fail *fail)
{
    uint64_t spent_ns = 1;
    uint64_t before = ordo_bound_bytes(b->bound);
    enum ordo_err err =
        ordo_bound_bulk(b->bound, BULK_SIZE, (uint64_t)(seconds * 1e9), &spent_ns, fail);
    double bytes = (double)(ordo_bound_bytes(b->bound) - before);
    *out = bytes / ordo_engine_record_size(&b->engine) * 1.25 * 1e9 / (double)spent_ns;
    return err;
}

/* With stamps and without them, next to each other, each of them first in every other repeat. */
static enum ordo_err
run_stamped(struct bench *b, uint32_t repeat, double *on, double *off, struct ordo_fail *fail)
{
    double seconds = b->options.common.seconds;
    bool first = repeat % 2 == 0;
    enum ordo_err err =
        run_engine(b, seconds, first ? ORDO_ENGINE_SAMPLE : 0, first ? on : off, fail);
    if (err == ORDO_OK) {
        err = run_engine(b, seconds, first ? 0 : ORDO_ENGINE_SAMPLE, first ? off : on, fail);
    }
    return err;
}

static enum ordo_err run_throughput(struct bench *b, uint32_t repeat, struct ordo_fail *fail)
{
    double seconds = b->options.common.seconds;
    double on = 0;
    double off = 0;
    double apply = 0;
    double bound = 0;
    enum ordo_err err = run_apply(b, seconds, &apply, fail);
    err = err == ORDO_OK ? run_stamped(b, repeat, &on, &off, fail) : err;
    err = err == ORDO_OK ? run_bound(b, seconds, &bound, fail) : err;
    if (err == ORDO_OK) {
        ordo_report_pair(b->rows.apply, on, apply);
        ordo_report_pair(b->rows.least, on, apply < bound ? apply : bound);
        ordo_report_pair(b->rows.bound, on, bound);
        ordo_report_pair(b->rows.stamps, on, off);
    }
    return err;
}

static enum ordo_err run_rate(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_offer offer = {
        .rate = b->options.rate,
        .count = commands_of(b->options.common.seconds, (double)b->options.rate),
        .record_size = ordo_engine_record_size(&b->engine),
    };
    if (!ordo_engine_make(&b->engine, (uint32_t)offer.count)) {
        return no_room(fail);
    }
    ordo_engine_sample(&b->engine, ORDO_ENGINE_SAMPLE, &b->offered);
    ordo_histogram_reset(&b->own);
    ordo_histogram_reset(&b->limit);
    enum ordo_err err = ordo_engine_paced(&b->engine, &offer, &b->own, fail);
    err = err == ORDO_OK ? ordo_bound_paced(b->bound, &offer, &b->limit, fail) : err;
    ordo_histogram_add(&b->own_all, &b->own);
    for (uint32_t i = 0; i < QUANTILES && err == ORDO_OK; i++) {
        ordo_report_pair(
            b->rows.quantiles[i],
            (double)ordo_histogram_quantile(&b->own, shares[i]) / 1e3,
            (double)ordo_histogram_quantile(&b->limit, shares[i]) / 1e3);
    }
    return err;
}

/* In turn: both meet the same state of the disk. */
static enum ordo_err run_singles(struct bench *b, struct ordo_fail *fail)
{
    uint32_t count = b->options.singles;
    enum ordo_err err = ORDO_OK;
    if (!ordo_engine_make(&b->engine, count)) {
        return no_room(fail);
    }
    for (uint32_t i = 0; i < count && err == ORDO_OK; i++) {
        uint64_t own_ns = 0;
        uint64_t bare_ns = 0;
        err = ordo_engine_one(&b->engine, &own_ns, fail);
        if (err == ORDO_OK) {
            err = ordo_bound_one(b->bound, ordo_bound_block(b->bound), &bare_ns, fail);
        }
        b->own_us[i] = (double)own_ns / 1e3;
        b->bare_us[i] = (double)bare_ns / 1e3;
    }
    if (err == ORDO_OK) {
        ordo_report_pair(
            b->rows.one,
            ordo_quantile(b->own_us, count, 0.5),
            ordo_quantile(b->bare_us, count, 0.5));
    }
    return err;
}

/* ---- the report ---- */

static struct ordo_report_row *
add_row(struct ordo_report *report, const char *name, const char *unit, const char *limit)
{
    struct ordo_report_row *row = ordo_report_row(report, name, unit);
    ordo_report_limit(row, limit);
    return row;
}

static void begin_report(struct bench *b, struct ordo_report *report)
{
    static const char *const names[QUANTILES] = {
        "offered rate, p50", "offered rate, p99", "offered rate, p99.9"};
    static const char unit[] = "transitions/s";
    struct rows *rows = &b->rows;
    ordo_report_begin(report, "engine", &b->options.common);
    ordo_report_set(report, "live_orders", b->options.orders);
    ordo_report_set(report, "rate", (double)b->options.rate);
    ordo_report_set(report, "singles", b->options.singles);
    ordo_report_set(report, "sample", ORDO_ENGINE_SAMPLE);
    ordo_report_set_text(report, "backend", ordo_journal_backend_name(b->engine.journal));
    rows->least = add_row(report, "apply and journal, durable", unit, "apply alone or bound");
    rows->apply = add_row(report, "the same beside apply", unit, "apply alone");
    rows->bound = add_row(report, "the same beside the disk", unit, LIMIT_BOUND);
    rows->stamps = add_row(report, "stamps on", unit, "stamps off");
    for (uint32_t i = 0; i < QUANTILES; i++) {
        rows->quantiles[i] = add_row(report, names[i], "us", LIMIT_BOUND);
    }
    rows->one = add_row(report, "one at a time, p50, spinning", "us", "bare write and flush");
}

/* Where the time of the sampled commands went, at the offered rate. */
static void note_spans(const struct bench *b, struct ordo_report *report)
{
    for (enum ordo_span span = ORDO_SPAN_APPLY; span <= ORDO_SPAN_REPLY; span++) {
        struct ordo_meter_view view;
        ordo_meter_read(&b->offered.meters[span], &view);
        ordo_report_note(
            report,
            "at the offered rate, stage %s: p50 %.1f us, p99 %.1f, p99.9 %.1f, max %.1f, of "
            "%" PRIu64 " samples",
            ordo_span_name(span),
            (double)view.p50 / 1e3,
            (double)view.p99 / 1e3,
            (double)view.p999 / 1e3,
            (double)view.max / 1e3,
            view.count);
    }
}

/* ---- the whole ---- */

static uint32_t orders_for(const struct options *o, double rate)
{
    double runs = 2 * (o->common.repeats + 1.0);
    double each = o->common.seconds < o->common.warm_up ? o->common.warm_up : o->common.seconds;
    double commands = runs * commands_of(each, rate) +
                      (o->common.repeats + 1.0) * (commands_of(each, (double)o->rate) + o->singles);
    return 2 * o->orders + (uint32_t)(commands / 4) + 8 * ORDO_LOAD_BLOCK;
}

static enum ordo_err open_all(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_engine_config config = {
        .dir = b->folder,
        .live = b->options.orders,
        .orders_max = orders_for(&b->options, COMMANDS_MAX),
    };
    ordo_histogram_reset(&b->own_all);
    enum ordo_err err = ordo_engine_open(&b->engine, &config, fail);
    if (err == ORDO_OK) {
        err = ordo_load_open(&b->load, &b->arena, config.live, config.orders_max, fail);
    }
    if (err == ORDO_OK) {
        ordo_engine_touch(&b->arena);
        err = ordo_bound_open(b->folder, &b->engine.pipeline.ring, &b->bound, fail);
    }
    return err;
}

static enum ordo_err warm_up(struct bench *b, struct ordo_fail *fail)
{
    double seconds = b->options.common.warm_up;
    double ignored = 0;
    enum ordo_err err = run_engine(b, seconds, ORDO_ENGINE_SAMPLE, &ignored, fail);
    err = err == ORDO_OK ? run_apply(b, seconds, &ignored, fail) : err;
    err = err == ORDO_OK ? run_bound(b, seconds, &ignored, fail) : err;
    return err;
}

static enum ordo_err run_all(struct bench *b, struct ordo_report *report, struct ordo_fail *fail)
{
    enum ordo_err err = open_all(b, fail);
    if (err != ORDO_OK) {
        return err;
    }
    begin_report(b, report);
    err = warm_up(b, fail);
    for (uint32_t i = 0; i < b->options.common.repeats && err == ORDO_OK; i++) {
        err = run_throughput(b, i, fail);
        err = err == ORDO_OK ? run_rate(b, fail) : err;
        err = err == ORDO_OK ? run_singles(b, fail) : err;
    }
    if (err == ORDO_OK && b->load.refused != 0) {
        err = ordo_fail_set(fail, ORDO_ERR_DAMAGED, "commands of the load were refused");
    }
    if (err == ORDO_OK) {
        ordo_report_latency(b->rows.quantiles[0], &b->own_all);
        note_spans(b, report);
    }
    return err;
}

/* What was not given. */
static void settle(struct options *o)
{
    bool quick = o->common.quick;
    o->orders = o->orders != 0 ? o->orders : quick ? ORDERS_QUICK : ORDERS;
    o->rate = o->rate != 0 ? o->rate : quick ? RATE_QUICK : RATE;
    o->singles = o->singles != 0 ? o->singles : quick ? SINGLES_QUICK : SINGLES;
}

int ordo_bench_engine(int argc, char **argv)
{
    static struct bench bench;
    static struct ordo_report report;
    struct bench *b = &bench;
    struct ordo_fail fail;
    const struct ordo_bench_verb verb = {
        .doc = "Lifecycles through ring, apply and journal, durable, in process: throughput, "
               "latency at an offered rate, one command at a time, and what stamps cost.",
        .options = argp_options,
        .parse = parse_option,
        .input = &b->options,
        .common = &b->options.common,
    };
    b->options = (struct options){
        .common = {.seconds = 0.3, .warm_up = 0.2, .repeats = 9, .dir = "."},
    };
    ordo_bench_parse(&verb, argc, argv);
    settle(&b->options);
    if (ordo_bench_folder_make(b->options.common.dir, b->folder, &fail) != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench engine: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    ordo_arena_init(&b->arena);
    enum ordo_err err = run_all(b, &report, &fail);
    int code = ORDO_BENCH_FAILED;
    if (err == ORDO_OK) {
        code = ordo_report_end(&report);
    } else {
        (void)fprintf(stderr, "ordo: bench engine: %s\n", fail.text);
    }
    ordo_bound_close(b->bound);
    ordo_engine_close(&b->engine);
    ordo_arena_fini(&b->arena);
    ordo_bench_folder_remove(b->folder);
    return err == ORDO_ERR_DAMAGED ? ORDO_BENCH_UNVERIFIED : code;
}
