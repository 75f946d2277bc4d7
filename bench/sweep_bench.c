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

#include <argp.h>
#include <ordo_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_SEED    256
#define OPTION_WARM_UP 257
#define OPTION_IDLE    258
#define OPTION_GROUP   259
#define OPTION_QUICK   260
#define OPTION_NO_PLOT 261

struct options {
    struct ordo_axes axes;
    struct ordo_visit_config visit;
    const char *out;
    uint32_t repeats;
    uint64_t seed;
    bool seeded;
    bool json;
    bool plots;
};

static const char *const standard[ORDO_AXIS_COUNT] = {
    "park,yield,spin", "shared,compact,dedicated", "1Mi,256Ki", "dsync,fdatasync", "20k,100k,max"};

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
    {"seconds", 's', "S", 0, "Time of one visit (default 1)", 2},
    {"warm-up", OPTION_WARM_UP, "S", 0, "Load before it (default 0.2)", 2},
    {"idle", OPTION_IDLE, "S", 0, "Rest in which the idle node's CPU is read (default 0.5)", 2},
    {"repeats", 'r', "N", 0, "Visits of a point (default 3)", 2},
    {"seed", OPTION_SEED, "N", 0, "Of the visits' order (default: random, printed)", 2},
    {"dir", 'd', "DIR", 0, "The nodes' folders are made on this disk (default .)", 2},
    {"out", 'o', "DIR", 0, "sweep.csv and the pictures go here (default sweep)", 2},
    {"no-plots", OPTION_NO_PLOT, NULL, 0, "Only the CSV", 2},
    {"quick", OPTION_QUICK, NULL, 0, "Few points and short visits: to see that it works", 2},
    {"json", 'j', NULL, 0, "Only the JSON line, no table", 2},
    {0},
};

static void
set_axis(struct options *o, enum ordo_axis axis, const char *list, struct argp_state *state)
{
    struct ordo_fail fail;
    if (ordo_axes_set(&o->axes, axis, list, &fail) != ORDO_OK) {
        argp_error(state, "%s", fail.text);
    }
}

static double seconds_of(const char *text, const char *name, struct argp_state *state)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !(value >= 0.02 && value <= 600)) {
        argp_error(state, "--%s %s: give 0.02 to 600", name, text);
    }
    return value;
}

static uint64_t
number_of(const char *text, const char *name, uint64_t max, struct argp_state *state)
{
    uint64_t value = 0;
    if (!ordo_cli_number(text, max, &value) || (value == 0 && max != UINT64_MAX)) {
        argp_error(state, "--%s %s: give a number up to %llu", name, text, (unsigned long long)max);
    }
    return value;
}

static void be_quick(struct options *o)
{
    struct ordo_fail fail;
    static const char *const few[ORDO_AXIS_COUNT] = {
        "park,spin", "shared,dedicated", "1Mi,256Ki", "dsync", "5k,max"};
    enum ordo_err err = ORDO_OK;
    for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT && err == ORDO_OK; axis++) {
        err = ordo_axes_set(&o->axes, (enum ordo_axis)axis, few[axis], &fail);
    }
    o->visit.seconds = 0.1;
    o->visit.warm_up_s = 0.02;
    o->visit.idle_s = 0.05;
    o->repeats = 1;
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
        o->visit.group = (uint32_t)number_of(argument, "group", 256, state);
        return 0;
    case 's':
        o->visit.seconds = seconds_of(argument, "seconds", state);
        return 0;
    case OPTION_WARM_UP:
        o->visit.warm_up_s = seconds_of(argument, "warm-up", state);
        return 0;
    case OPTION_IDLE:
        o->visit.idle_s = seconds_of(argument, "idle", state);
        return 0;
    case 'r':
        o->repeats = (uint32_t)number_of(argument, "repeats", ORDO_VISITS_MAX, state);
        return 0;
    case OPTION_SEED:
        o->seed = number_of(argument, "seed", UINT64_MAX, state);
        o->seeded = true;
        return 0;
    case 'd':
        o->visit.dir = argument;
        return 0;
    case 'o':
        o->out = argument;
        return 0;
    case OPTION_NO_PLOT:
        o->plots = false;
        return 0;
    case OPTION_QUICK:
        be_quick(o);
        return 0;
    case 'j':
        o->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
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
        s->options.repeats,
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
        if (!tried->refused) {
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
    for (uint32_t repeat = 0; repeat < s->options.repeats && err == ORDO_OK; repeat++) {
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

static void print_json(const struct sweep *s)
{
    const struct options *o = &s->options;
    const char *before = "";
    printf(
        "{\"bench\":\"sweep\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\",\"config\":{"
        "\"seed\":%llu,\"repeats\":%u,\"seconds\":%g,\"group\":%u,\"out\":\"%s\"},\"rows\":[",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        (unsigned long long)o->seed,
        o->repeats,
        o->visit.seconds,
        o->visit.group,
        o->out);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct ordo_tried *tried = &s->tried[i];
        char name[ORDO_POINT_NAME_SIZE];
        ordo_point_name(&o->axes, &tried->point, name);
        for (uint32_t m = 0; m < ORDO_METRIC_COUNT && tried->count > 0; m++) {
            enum ordo_metric metric = (enum ordo_metric)m;
            printf(
                "%s{\"name\":\"%s: %s\",\"unit\":\"%s\",\"median\":%.6g,\"least\":%.6g,\"most\":"
                "%.6g,\"repeats\":%u}",
                before,
                name,
                ordo_metric_name(metric),
                ordo_metric_unit(metric),
                ordo_tried_value(tried, metric, 0.5),
                ordo_tried_value(tried, metric, 0),
                ordo_tried_value(tried, metric, 1),
                tried->count);
            before = ",";
        }
    }
    printf("],\"refused\":[");
    before = "";
    for (uint32_t i = 0; i < s->count; i++) {
        char name[ORDO_POINT_NAME_SIZE];
        if (s->tried[i].refused) {
            ordo_point_name(&o->axes, &s->tried[i].point, name);
            printf("%s{\"name\":\"%s\",\"reason\":\"%s\"}", before, name, s->tried[i].reason);
            before = ",";
        }
    }
    printf("]}\n");
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
        if (t->refused) {
            (void)fprintf(stderr, "%-42s refused: %s\n", name, t->reason);
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
    const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc = "Every combination of wait strategy, thread layout, batch bound, flush method and "
               "offered rate: throughput, latency from when a request was due, and the node's "
               "CPU, as a table, as sweep.csv and as three pictures (gnuplot).",
    };
    struct options *o = &sweep.options;
    struct ordo_clock clock = ordo_clock_system();
    *o = (struct options){
        .visit =
            {.dir = ".", .group = 16, .lanes = 32, .seconds = 1, .warm_up_s = 0.2, .idle_s = 0.5},
        .out = "sweep",
        .repeats = 3,
        .plots = true,
    };
    enum ordo_err err = ORDO_OK;
    for (uint32_t axis = 0; axis < ORDO_AXIS_COUNT && err == ORDO_OK; axis++) {
        err = ordo_axes_set(&o->axes, (enum ordo_axis)axis, standard[axis], &fail);
    }
    argp_err_exit_status = ORDO_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, o) != 0) {
        return ORDO_EXIT_USAGE;
    }
    o->seed = o->seeded ? o->seed : ordo_clock_realtime_us(&clock);
    if (!o->json) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)o->seed);
    }
    err = run(&sweep, &fail);
    if (err == ORDO_OK) {
        print_json(&sweep);
        if (!o->json) {
            print_table(&sweep);
        }
        err = ordo_sweep_write(&o->axes, sweep.tried, sweep.count, o->out, o->plots, &fail);
        if (err == ORDO_ERR_UNAVAILABLE) {
            (void)fprintf(stderr, "%s\n", fail.text);
            err = ORDO_OK;
        }
    }
    free(sweep.tried);
    return err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}
