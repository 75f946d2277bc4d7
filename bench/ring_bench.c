/* `ordo bench ring`: slots a second and round trips of the ring.
 *
 * The rows take turns within each repeat, so a slow phase of the machine touches all of them, and
 * the bare round trip of the two cores is measured next to the ping-pong. The first round is short
 * and not counted: it touches the memory and wakes the cores. Every row names its own strategy:
 * spin where each thread has a core of its own, the engine's default, park, for the pipeline. A
 * strategy chosen by hand applies to all rows; rows it is refused for are left out and named. */
#include "base/clock.h"
#include "base/thread.h"
#include "bench/bench.h"
#include "bench/ring_runs.h"

#include <argp.h>
#include <ordo_version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY     65536u
#define BATCHES_MAX  4
#define BATCH_MAX    4096
#define REPEATS_MAX  99
#define ROWS_MAX     (3 * BATCHES_MAX + 6)
#define WARM_UP_NS   (20 * ORDO_NS_PER_MS)
#define SECONDS_MIN  0.01
#define SECONDS_MAX  60.0
#define EXIT_BROKEN  1 /* tools/ordo/cli.h: failed */
#define EXIT_MISUSED 64

struct options {
    double seconds;
    uint32_t repeats;
    uint32_t batches[BATCHES_MAX];
    uint32_t batch_count;
    bool strategy_given;
    enum ordo_wait_strategy strategy;
    bool json;
};

/* One line of the result. Ping-pong and bare loops fill several lines with one run. */
struct row {
    const char *name;
    const char *layout;
    const char *unit;
    enum ordo_wait_strategy strategy;
    uint32_t batch; /* 0 = means nothing here */
    uint32_t stages;
    bool compact;
    double values[REPEATS_MAX];
};

struct bench {
    struct options options;
    struct ordo_arena arena;
    struct ordo_ring ring;
    int cpu_count;
    int cpus[2];
    struct row rows[ROWS_MAX];
    uint32_t row_count;
    uint32_t flow_count;   /* the first rows: one run each */
    uint32_t refused;      /* rows left out */
    struct ordo_fail fail; /* why, or what went wrong */
};

static const struct argp_option argp_options[] = {
    {"seconds", 's', "S", 0, "Time of one measurement (default 0.25)", 0},
    {"repeats", 'r', "N", 0, "Measurements a row; the median counts (default 5)", 0},
    {"batch", 'b', "N[,N]", 0, "Slots of one claim and publish (default 1,64)", 0},
    {"strategy", 'w', "NAME", 0, "spin, yield or park for all rows (default: each its own)", 0},
    {"json", 'j', NULL, 0, "Only the JSON line, no table", 0},
    {0},
};

static bool parse_batches(struct options *options, const char *text)
{
    options->batch_count = 0;
    const char *at = text;
    while (options->batch_count < BATCHES_MAX) {
        char *end = NULL;
        unsigned long value = strtoul(at, &end, 10);
        if (end == at || value < 1 || value > BATCH_MAX || (*end != 0 && *end != ',')) {
            return false;
        }
        options->batches[options->batch_count++] = (uint32_t)value;
        if (*end == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end = NULL;
    switch (key) {
    case 's':
        options->seconds = strtod(argument, &end);
        if (*end != 0 || !(options->seconds >= SECONDS_MIN && options->seconds <= SECONDS_MAX)) {
            argp_error(state, "--seconds %s: give %g to %g", argument, SECONDS_MIN, SECONDS_MAX);
        }
        return 0;
    case 'r': {
        unsigned long repeats = strtoul(argument, &end, 10);
        if (*end != 0 || repeats < 1 || repeats > REPEATS_MAX) {
            argp_error(state, "--repeats %s: give 1 to %d", argument, REPEATS_MAX);
        }
        options->repeats = (uint32_t)repeats;
        return 0;
    }
    case 'b':
        if (!parse_batches(options, argument)) {
            argp_error(
                state,
                "--batch %s: give up to %d numbers from 1 to %d, with commas",
                argument,
                BATCHES_MAX,
                BATCH_MAX);
        }
        return 0;
    case 'w':
        if (!ordo_wait_find(argument, &options->strategy)) {
            argp_error(state, "--strategy %s: give spin, yield or park", argument);
        }
        options->strategy_given = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The first two processors that this process may use; not pinned when there is only one. */
static void choose_cpus(struct bench *bench)
{
    cpu_set_t set;
    int found = 0;
    bench->cpu_count = ordo_thread_cpu_count();
    bench->cpus[0] = ORDO_CPU_ANY;
    bench->cpus[1] = ORDO_CPU_ANY;
    if (bench->cpu_count < 2 || sched_getaffinity(0, sizeof(set), &set) != 0) {
        return;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (CPU_ISSET((unsigned)cpu, &set)) {
            bench->cpus[found++] = cpu;
        }
    }
}

/* Adds a row unless its strategy is refused for so many threads. */
static struct row *add_row(
    struct bench *bench,
    const char *name,
    const char *layout,
    enum ordo_wait_strategy natural,
    uint32_t threads)
{
    const struct options *options = &bench->options;
    enum ordo_wait_strategy strategy = options->strategy_given ? options->strategy : natural;
    if (ordo_wait_check(strategy, threads, bench->cpu_count, &bench->fail) != ORDO_OK) {
        bench->refused++;
        return NULL;
    }
    ORDO_ASSERT(bench->row_count < ROWS_MAX);
    struct row *row = &bench->rows[bench->row_count++];
    *row = (struct row){.name = name, .layout = layout, .unit = "slots/s", .strategy = strategy};
    return row;
}

static void add_flow(struct bench *bench, uint32_t batch, uint32_t stages, bool compact)
{
    uint32_t threads = compact ? 2 : stages + 1;
    bool own_cores = stages == 1 && bench->cpu_count >= 2;
    struct row *row = add_row(
        bench,
        stages == 1 ? "1p1c" : "pipeline3",
        compact ? "compact" : "dedicated",
        own_cores ? ORDO_WAIT_SPIN : ORDO_WAIT_PARK,
        threads);
    if (row != NULL) {
        row->batch = batch;
        row->stages = stages;
        row->compact = compact;
    }
}

static void add_rows(struct bench *bench)
{
    static const char *const names[] = {
        "ping_pong_p50", "ping_pong_p99", "bare_p50", "bare_p99", "bare_mean", "ping_pong_ratio"};
    const struct options *options = &bench->options;
    for (uint32_t i = 0; i < options->batch_count; i++) {
        add_flow(bench, options->batches[i], 1, false);
    }
    for (uint32_t i = 0; i < options->batch_count; i++) {
        add_flow(bench, options->batches[i], ORDO_RING_RUN_STAGES_MAX, false);
        add_flow(bench, options->batches[i], ORDO_RING_RUN_STAGES_MAX, true);
    }
    bench->flow_count = bench->row_count;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        enum ordo_wait_strategy natural = bench->cpu_count >= 2 ? ORDO_WAIT_SPIN : ORDO_WAIT_PARK;
        struct row *row = add_row(bench, names[i], "dedicated", natural, 2);
        if (row != NULL) {
            row->unit = i == 5 ? "p50/bare_p50" : "ns";
        }
    }
}

static struct ordo_ring_run run_of(struct bench *bench, const struct row *row, uint64_t duration_ns)
{
    bool pinned = row->stages <= 1 || row->compact;
    return (struct ordo_ring_run){
        .ring = &bench->ring,
        .batch = row->batch,
        .stages = row->stages,
        .compact = row->compact,
        .strategy = row->strategy,
        .cpus = {pinned ? bench->cpus[0] : ORDO_CPU_ANY, pinned ? bench->cpus[1] : ORDO_CPU_ANY},
        .duration_ns = duration_ns,
    };
}

/* Fills the rows behind the flows: ping-pong and bare loops, one after the other. */
static enum ordo_err measure_round_trips(struct bench *bench, uint32_t repeat, uint64_t duration_ns)
{
    static struct ordo_histogram ping;
    static struct ordo_histogram bare;
    struct row *rows = &bench->rows[bench->flow_count];
    struct ordo_ring_run run = run_of(bench, rows, duration_ns);
    double bare_mean = 0;

    if (bench->flow_count == bench->row_count) {
        return ORDO_OK; /* refused */
    }
    ordo_histogram_reset(&ping);
    ordo_histogram_reset(&bare);
    enum ordo_err err = ordo_ring_run_ping_pong(&run, &ping, &bench->fail);
    if (err == ORDO_OK) {
        err = ordo_ring_run_bare(&run, &bare, &bare_mean, &bench->fail);
    }
    double p50 = (double)ordo_histogram_quantile(&ping, 0.5);
    double bare_p50 = (double)ordo_histogram_quantile(&bare, 0.5);
    rows[0].values[repeat] = p50;
    rows[1].values[repeat] = (double)ordo_histogram_quantile(&ping, 0.99);
    rows[2].values[repeat] = bare_p50;
    rows[3].values[repeat] = (double)ordo_histogram_quantile(&bare, 0.99);
    rows[4].values[repeat] = bare_mean;
    rows[5].values[repeat] = bare_p50 > 0 ? p50 / bare_p50 : 0;
    return err;
}

static enum ordo_err measure_all(struct bench *bench, uint32_t repeat, uint64_t duration_ns)
{
    for (uint32_t i = 0; i < bench->flow_count; i++) {
        struct row *row = &bench->rows[i];
        struct ordo_ring_run run = run_of(bench, row, duration_ns);
        enum ordo_err err = ordo_ring_run_flow(&run, &row->values[repeat], &bench->fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    return measure_round_trips(bench, repeat, duration_ns);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const struct row *row, uint32_t count)
{
    uint32_t middle = count / 2;
    return count % 2 == 1 ? row->values[middle]
                          : (row->values[middle - 1] + row->values[middle]) / 2;
}

static void print_json(const struct bench *bench)
{
    const struct options *o = &bench->options;
    printf(
        "{\"bench\":\"ring\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\","
        "\"compiler\":\"%s\",\"cpus\":%d,\"capacity\":%u,\"seconds\":%g,\"repeats\":%u,\"rows\":[",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        ORDO_COMPILER,
        bench->cpu_count,
        CAPACITY,
        o->seconds,
        o->repeats);
    for (uint32_t i = 0; i < bench->row_count; i++) {
        const struct row *row = &bench->rows[i];
        printf(
            "%s{\"name\":\"%s\",\"layout\":\"%s\",\"batch\":%u,\"strategy\":\"%s\",\"unit\":\"%s\","
            "\"median\":%.10g,\"min\":%.10g,\"max\":%.10g}",
            i == 0 ? "" : ",",
            row->name,
            row->layout,
            row->batch,
            ordo_wait_name(row->strategy),
            row->unit,
            median_of(row, o->repeats),
            row->values[0],
            row->values[o->repeats - 1]);
    }
    printf("]}\n");
}

static void print_table(const struct bench *bench)
{
    uint32_t repeats = bench->options.repeats;
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        fprintf(stderr, "a %s build: its figures mean nothing\n", ORDO_BUILD_TYPE);
    }
    fprintf(
        stderr,
        "%-16s %-10s %5s %-6s %12s %12s %12s  %s\n",
        "ring",
        "layout",
        "batch",
        "wait",
        "median",
        "min",
        "max",
        "unit");
    for (uint32_t i = 0; i < bench->row_count; i++) {
        const struct row *row = &bench->rows[i];
        bool rate = i < bench->flow_count;
        double scale = rate ? 1e6 : 1;
        fprintf(
            stderr,
            "%-16s %-10s %5u %-6s %12.2f %12.2f %12.2f  %s%s\n",
            row->name,
            row->layout,
            row->batch,
            ordo_wait_name(row->strategy),
            median_of(row, repeats) / scale,
            row->values[0] / scale,
            row->values[repeats - 1] / scale,
            rate ? "M " : "",
            row->unit);
    }
    if (bench->refused != 0) {
        fprintf(stderr, "%u rows left out: %s\n", bench->refused, bench->fail.text);
    }
}

static enum ordo_err run_bench(struct bench *bench)
{
    uint32_t repeats = bench->options.repeats;
    uint64_t duration_ns = (uint64_t)(bench->options.seconds * (double)ORDO_NS_PER_S);
    enum ordo_err err = measure_all(bench, 0, duration_ns < WARM_UP_NS ? duration_ns : WARM_UP_NS);
    for (uint32_t repeat = 0; repeat < repeats && err == ORDO_OK; repeat++) {
        err = measure_all(bench, repeat, duration_ns);
    }
    for (uint32_t i = 0; i < bench->row_count; i++) {
        qsort(bench->rows[i].values, repeats, sizeof(bench->rows[i].values[0]), compare);
    }
    return err;
}

int ordo_bench_ring(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc =
            "Measures the ring: slots a second for one consumer and for three chained stages, and "
            "round trips beside the bare round trip of the two cores.",
    };
    static struct bench bench;
    bench = (struct bench){
        .options = {.seconds = 0.25, .repeats = 5, .batches = {1, 64}, .batch_count = 2}};
    if (argp_parse(&argp, argc, argv, 0, NULL, &bench.options) != 0) {
        return EXIT_MISUSED;
    }
    choose_cpus(&bench);
    ordo_arena_init(&bench.arena);
    enum ordo_err err =
        ordo_ring_init(&bench.ring, &bench.arena, CAPACITY, CAPACITY, CAPACITY, &bench.fail);
    if (err == ORDO_OK) {
        add_rows(&bench);
        err = run_bench(&bench);
    }
    if (err == ORDO_OK) {
        print_json(&bench);
        if (!bench.options.json) {
            print_table(&bench);
        }
    } else {
        fprintf(stderr, "ordo: bench ring: %s\n", bench.fail.text);
    }
    ordo_arena_fini(&bench.arena);
    return err == ORDO_OK ? 0 : EXIT_BROKEN;
}
