/* `ordo bench sweep`: every combination of wait strategy, thread layout, batch bound, flush method
 * and offered rate, each visited several times by a node of its own.
 *
 * The visits of one repeat come in a random order, another one in each repeat: a machine has phases
 * of minutes, and a fixed order would give each point its own. sweep.csv is written after every
 * repeat, so a sweep that is ended by hand leaves what it has. */
#include "bench/bench.h"
#include "bench/sweep_out.h"

#include "base/clock.h"
#include "ordo/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_SEED    0x200
#define OPTION_IDLE    0x201
#define OPTION_GROUP   0x202
#define OPTION_NO_PLOT 0x203
#define QUICK_S        0.1
#define SEEDS          1000000000u /* short enough to be typed again */

struct options {
    struct ordo_bench_options common;
    struct ordo_axes axes;
    bool given[ORDO_AXIS_COUNT];
    struct ordo_visit_config visit;
    const char *out;
    uint64_t seed;
    bool seeded;
    bool plots;
};

static const char *const standard[ORDO_AXIS_COUNT] = {
    "park,yield,spin", "shared,compact,dedicated", "1Mi,256Ki", "dsync,fdatasync", "20k,100k,max"};
static const char *const quick[ORDO_AXIS_COUNT] = {
    "park,spin", "shared,dedicated", "1Mi,256Ki", "dsync", "5k,max"};

static const struct argp_option argp_options[] = {
    {"strategy", 'w', "LIST", 0, "Wait strategies (default park,yield,spin)", 1},
    {"layout", 'l', "LIST", 0, "Thread layouts (default shared,compact,dedicated)", 1},
    {"batch", 'b', "LIST", 0, "Bounds of a batch of the journal (default 1Mi,256Ki)", 1},
    {"flush",
     'f',
     "LIST",
     0,
     "Ways of the flush (default dsync,fdatasync); pwrite/dsync names the backend too",
     1},
    {"rate",
     'R',
     "LIST",
     0,
     "Commands a second that are offered, or max (default 20k,100k,max)",
     1},
    {"group", OPTION_GROUP, "N", 0, "Commands of a request, 1 to 256 (default 16)", 2},
    {"idle", OPTION_IDLE, "S", 0, "Rest in which the idle node's CPU is read (default 0.5)", 2},
    {"seed", OPTION_SEED, "N", 0, "Of the visits' order (default: random, printed)", 2},
    {"out", 'o', "DIR", 0, "sweep.csv and the pictures go here (default sweep)", 2},
    {"no-plots", OPTION_NO_PLOT, NULL, 0, "Only the CSV", 2},
    {0},
};

static void
set_axis(struct options *o, enum ordo_axis axis, const char *list, const struct argp_state *state)
{
    struct ordo_fail fail;
    if (ordo_axes_set(&o->axes, axis, list, &fail) != ORDO_OK) {
        argp_error(state, "%s", fail.text);
    }
    o->given[axis] = true;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'w':
        set_axis(o, ORDO_AXIS_STRATEGY, argument, state);
        return 0;
    case 'l':
        set_axis(o, ORDO_AXIS_LAYOUT, argument, state);
        return 0;
    case 'b':
        set_axis(o, ORDO_AXIS_BATCH, argument, state);
        return 0;
    case 'f':
        set_axis(o, ORDO_AXIS_FLUSH, argument, state);
        return 0;
    case 'R':
        set_axis(o, ORDO_AXIS_RATE, argument, state);
        return 0;
    case OPTION_GROUP:
        o->visit.group = (uint32_t)ordo_bench_whole(state, "group", argument, 1, 256);
        return 0;
    case OPTION_IDLE:
        o->visit.idle_s = ordo_bench_decimal(state, "idle", argument, 0.02, 600);
        return 0;
    case OPTION_SEED:
        o->seed = ordo_bench_whole(state, "seed", argument, 0, UINT64_MAX);
        o->seeded = true;
        return 0;
    case 'o':
        o->out = argument;
        return 0;
    case OPTION_NO_PLOT:
        o->plots = false;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What was not given: standard values, or few when it only has to be seen that it works. */
static enum ordo_err settle(struct options *o, struct ordo_fail *fail)
{
    struct ordo_clock clock = ordo_clock_system();
    enum ordo_err err = ORDO_OK;
    for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT && err == ORDO_OK; axis++) {
        if (!o->given[axis]) {
            const char *list = o->common.quick ? quick[axis] : standard[axis];
            err = ordo_axes_set(&o->axes, (enum ordo_axis)axis, list, fail);
        }
    }
    o->seed = o->seeded ? o->seed : ordo_clock_realtime_us(&clock) % SEEDS;
    o->visit.dir = o->common.dir;
    o->visit.seconds = o->common.seconds;
    o->visit.warm_up_s = o->common.warm_up;
    if (o->common.quick) {
        o->visit.seconds = QUICK_S;
        o->visit.idle_s = QUICK_S / 2;
    }
    return err;
}

/* ---- the visits ---- */

struct sweep {
    struct options options;
    struct ordo_tried *tried;
    uint32_t count;
    uint32_t order[ORDO_POINTS_MAX];
};

static void
say_progress(const struct sweep *s, uint32_t repeat, uint32_t done, const struct ordo_tried *tried)
{
    char name[ORDO_POINT_NAME_SIZE];
    if (!ordo_cli_progress()) {
        return;
    }
    ordo_point_name(&s->options.axes, &tried->point, name);
    (void)fprintf(
        stderr,
        "\r\033[Krepeat %u of %u, point %u of %u: %s",
        repeat + 1,
        s->options.common.repeats,
        done + 1,
        s->count,
        name);
    (void)fflush(stderr);
}

static enum ordo_err visit_all(struct sweep *s, uint32_t repeat, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    ordo_visit_order(s->options.seed, repeat, s->order, s->count);
    for (uint32_t i = 0; i < s->count && err == ORDO_OK; i++) {
        struct ordo_tried *tried = &s->tried[s->order[i]];
        say_progress(s, repeat, i, tried);
        if (!ordo_tried_is_out(tried)) {
            err = ordo_visit(&s->options.visit, &s->options.axes, tried, fail);
        }
    }
    return err;
}

static enum ordo_err run(struct sweep *s, struct ordo_fail *fail)
{
    struct ordo_point *points = calloc(ORDO_POINTS_MAX, sizeof(*points));
    s->count = points == NULL ? 0 : ordo_axes_points(&s->options.axes, points, ORDO_POINTS_MAX);
    if (s->count > ORDO_POINTS_MAX) {
        free(points);
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%u points: at most %d", s->count, ORDO_POINTS_MAX);
    }
    s->tried = calloc(s->count == 0 ? 1 : s->count, sizeof(*s->tried));
    if (points == NULL || s->tried == NULL) {
        free(points);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the points");
    }
    for (uint32_t i = 0; i < s->count; i++) {
        s->tried[i].point = points[i];
    }
    free(points);
    enum ordo_err err = ORDO_OK;
    for (uint32_t repeat = 0; repeat < s->options.common.repeats && err == ORDO_OK; repeat++) {
        err = visit_all(s, repeat, fail);
        if (err == ORDO_OK) {
            err =
                ordo_sweep_write(&s->options.axes, s->tried, s->count, s->options.out, false, fail);
        }
    }
    if (ordo_cli_progress()) {
        (void)fputs("\r\033[K", stderr);
    }
    return err;
}

/* ---- results ---- */

/* A row of the report is a point's throughput with its latencies; the rest stands in sweep.csv. */
static void tell(const struct sweep *s)
{
    static struct ordo_report report;
    const struct options *o = &s->options;
    uint32_t refused = 0;
    uint32_t left_out = 0;
    ordo_report_begin(&report, "sweep", &o->common);
    ordo_report_set_text(&report, "out", o->out);
    ordo_report_set(&report, "seed", (double)o->seed);
    ordo_report_set(&report, "group", o->visit.group);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct ordo_tried *tried = &s->tried[i];
        char name[ORDO_POINT_NAME_SIZE];
        refused += ordo_tried_is_out(tried);
        if (tried->count == 0 || report.row_count == ORDO_REPORT_ROWS_MAX) {
            left_out += tried->count != 0;
            continue;
        }
        ordo_point_name(&o->axes, &tried->point, name);
        struct ordo_report_row *row = ordo_report_row(&report, name, "commands/s");
        row->own = tried->values[ORDO_METRIC_THROUGHPUT];
        ordo_report_latency(row, tried->latency);
    }
    if (refused != 0) {
        ordo_report_note(
            &report,
            "%u of %u points were refused or failed: sweep.csv has the reasons",
            refused,
            s->count);
    }
    if (left_out != 0) {
        ordo_report_note(&report, "%u more points stand only in sweep.csv", left_out);
    }
    ordo_report_print_json(&report, stdout);
    (void)fflush(stdout);
}

static void print_table(const struct sweep *s)
{
    (void)fprintf(
        stderr,
        "%-42s %11s %9s %9s %9s %9s %6s %6s\n",
        "strategy, layout, batch, flush, rate",
        "commands/s",
        "p50 us",
        "p99",
        "p99.9",
        "max",
        "cores",
        "idle");
    for (uint32_t i = 0; i < s->count; i++) {
        const struct ordo_tried *t = &s->tried[i];
        char name[ORDO_POINT_NAME_SIZE];
        ordo_point_name(&s->options.axes, &t->point, name);
        if (ordo_tried_is_out(t)) {
            const char *state = t->refused ? "refused" : "failed";
            (void)fprintf(stderr, "%-42s %s: %s\n", name, state, t->reason);
            continue;
        }
        (void)fprintf(
            stderr,
            "%-42s %11.0f %9.0f %9.0f %9.0f %9.0f %6.2f %6.3f\n",
            name,
            ordo_tried_value(t, ORDO_METRIC_THROUGHPUT, 0.5),
            ordo_tried_value(t, ORDO_METRIC_P50, 0.5),
            ordo_tried_value(t, ORDO_METRIC_P99, 0.5),
            ordo_tried_value(t, ORDO_METRIC_P999, 0.5),
            ordo_tried_value(t, ORDO_METRIC_MAX, 0.5),
            ordo_tried_value(t, ORDO_METRIC_NODE_CPU, 0.5),
            ordo_tried_value(t, ORDO_METRIC_IDLE_CPU, 0.5));
    }
}

int ordo_bench_sweep(int argc, char **argv)
{
    static struct sweep sweep;
    struct ordo_fail fail;
    struct options *o = &sweep.options;
    const struct ordo_bench_verb verb = {
        .options = argp_options,
        .parse = parse_option,
        .input = o,
        .common = &o->common,
        .doc = "Every combination of wait strategy, thread layout, batch bound, flush method and "
               "offered rate: throughput, latency from when a request was due, and the node's "
               "CPU, as a table, as sweep.csv and as three pictures (gnuplot).",
    };
    *o = (struct options){
        .common = {.seconds = 1, .warm_up = 0.2, .repeats = 3, .dir = "."},
        .visit = {.group = 16, .lanes = 32, .idle_s = 0.5},
        .out = "sweep",
        .plots = true,
    };
    ordo_bench_parse(&verb, argc, argv);
    enum ordo_err err = settle(o, &fail);
    if (err == ORDO_OK && !o->common.json) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)o->seed);
    }
    err = err == ORDO_OK ? run(&sweep, &fail) : err;
    if (err == ORDO_OK) {
        tell(&sweep);
        if (!o->common.json) {
            print_table(&sweep);
        }
        err = ordo_sweep_write(&o->axes, sweep.tried, sweep.count, o->out, o->plots, &fail);
        if (err == ORDO_ERR_UNAVAILABLE) {
            (void)fprintf(stderr, "%s\n", fail.text);
            err = ORDO_OK;
        }
    }
    ordo_tried_fini(sweep.tried, sweep.count);
    free(sweep.tried);
    return err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}
