/* `ordo bench ring`: slots a second and round trips of the ring.
 *
 * The rows take turns within each repeat, so a slow phase of the machine touches all of them, and
 * the bare round trip of the two cores is measured next to the ping-pong. The first round is short
 * and not counted: it touches the memory and wakes the cores. Every row has a strategy of its own,
 * named in the configuration: spin where each thread has a core of its own, the engine's default,
 * park, for the chained stages. A strategy chosen by hand applies to all rows; rows it is refused
 * for are left out and named. */
#include "base/clock.h"
#include "base/thread.h"
#include "bench/bench.h"
#include "bench/report.h"
#include "bench/ring_runs.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY    65536u
#define BATCHES_MAX 4
#define BATCH_MAX   4096
#define FLOWS_MAX   (3 * BATCHES_MAX)

struct options {
    struct ordo_bench_options common;
    uint32_t batches[BATCHES_MAX];
    uint32_t batch_count;
    bool strategy_given;
    enum ordo_wait_strategy strategy;
};

/* A row that is measured by one run. */
struct flow {
    struct ordo_report_row *row;
    enum ordo_wait_strategy strategy;
    uint32_t batch;
    uint32_t stages;
    bool compact;
};

/* Round trips: one run of the ring's and one of the bare loops fill all of these. */
struct trips {
    bool wanted;
    enum ordo_wait_strategy strategy;
    struct ordo_report_row *p50;
    struct ordo_report_row *p99;
    struct ordo_report_row *mean; /* of the bare loops, without a clock in them */
    struct ordo_histogram ping;   /* of one repeat */
    struct ordo_histogram bare;
    struct ordo_histogram all_pings;
    struct ordo_histogram all_bare;
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_arena arena;
    struct ordo_ring ring;
    int cpu_count;
    int cpus[2];
    struct flow flows[FLOWS_MAX];
    uint32_t flow_count;
    struct trips trips;
    uint32_t refused;      /* rows left out */
    struct ordo_fail fail; /* why, or what went wrong */
};

static const struct argp_option own_options[] = {
    {"batch", 'b', "N[,N]", 0, "Slots of one claim and publish (default 1,64)", 0},
    {"strategy", 'w', "NAME", 0, "spin, yield or park for all rows (default: each its own)", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    const struct ordo_bench_list batches = {options->batches, BATCHES_MAX, 1, BATCH_MAX};
    switch (key) {
    case 'b':
        options->batch_count = ordo_bench_numbers(state, "batch", argument, &batches);
        return 0;
    case 'w':
        if (!ordo_wait_find(argument, &options->strategy)) {
            argp_error(state, "--strategy %s: give spin, yield or park", argument);
        }
        options->strategy_given = true;
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

/* False, and counted, where the strategy is refused for so many threads. */
static bool choose_strategy(
    struct bench *bench,
    enum ordo_wait_strategy natural,
    uint32_t threads,
    enum ordo_wait_strategy *out)
{
    const struct options *options = &bench->options;
    *out = options->strategy_given ? options->strategy : natural;
    if (ordo_wait_check(*out, threads, bench->cpu_count, &bench->fail) == ORDO_OK) {
        return true;
    }
    bench->refused++;
    return false;
}

static void add_flow(struct bench *bench, uint32_t batch, uint32_t stages, bool compact)
{
    bool own_cores = stages == 1 && bench->cpu_count >= 2;
    struct flow flow = {.batch = batch, .stages = stages, .compact = compact};
    if (!choose_strategy(
            bench,
            own_cores ? ORDO_WAIT_SPIN : ORDO_WAIT_PARK,
            compact ? 2 : stages + 1,
            &flow.strategy)) {
        return;
    }
    ORDO_ASSERT(bench->flow_count < FLOWS_MAX);
    flow.row = ordo_report_row_named(
        &bench->report,
        "slots/s",
        "%s%s batch %u",
        stages == 1 ? "1p1c" : "1p3c chained",
        compact ? " compact" : "",
        batch);
    bench->flows[bench->flow_count++] = flow;
}

static void add_trips(struct bench *bench)
{
    struct trips *trips = &bench->trips;
    enum ordo_wait_strategy natural = bench->cpu_count >= 2 ? ORDO_WAIT_SPIN : ORDO_WAIT_PARK;
    trips->wanted = choose_strategy(bench, natural, 2, &trips->strategy);
    if (!trips->wanted) {
        return;
    }
    ordo_histogram_reset(&trips->all_pings);
    ordo_histogram_reset(&trips->all_bare);
    trips->p50 = ordo_report_row(&bench->report, "ping-pong p50", "ns");
    ordo_report_limit(trips->p50, "bare round trip");
    ordo_report_latency(trips->p50, &trips->all_pings);
    trips->p99 = ordo_report_row(&bench->report, "ping-pong p99", "ns");
    ordo_report_limit(trips->p99, "bare round trip");
    trips->mean = ordo_report_row(&bench->report, "bare round trip mean", "ns");
    ordo_report_latency(trips->mean, &trips->all_bare);
}

static void add_rows(struct bench *bench)
{
    const struct options *options = &bench->options;
    for (uint32_t i = 0; i < options->batch_count; i++) {
        add_flow(bench, options->batches[i], 1, false);
    }
    for (uint32_t i = 0; i < options->batch_count; i++) {
        add_flow(bench, options->batches[i], ORDO_RING_RUN_STAGES_MAX, false);
        add_flow(bench, options->batches[i], ORDO_RING_RUN_STAGES_MAX, true);
    }
    add_trips(bench);
    ordo_report_set(&bench->report, "capacity", CAPACITY);
    for (uint32_t i = 0; i < bench->flow_count; i++) {
        const struct flow *flow = &bench->flows[i];
        ordo_report_set_text(&bench->report, flow->row->name, ordo_wait_name(flow->strategy));
    }
    if (bench->trips.wanted) {
        ordo_report_set_text(&bench->report, "ping-pong", ordo_wait_name(bench->trips.strategy));
    }
}

static struct ordo_ring_run
run_of(struct bench *bench, const struct flow *flow, uint64_t duration_ns)
{
    bool pinned = flow->stages <= 1 || flow->compact;
    return (struct ordo_ring_run){
        .ring = &bench->ring,
        .batch = flow->batch,
        .stages = flow->stages,
        .compact = flow->compact,
        .strategy = flow->strategy,
        .cpus = {pinned ? bench->cpus[0] : ORDO_CPU_ANY, pinned ? bench->cpus[1] : ORDO_CPU_ANY},
        .duration_ns = duration_ns,
    };
}

/* Ping-pong and bare loops, one after the other. */
static enum ordo_err measure_trips(struct bench *bench, bool counts, uint64_t duration_ns)
{
    struct trips *t = &bench->trips;
    const struct flow flow = {.strategy = t->strategy};
    struct ordo_ring_run run = run_of(bench, &flow, duration_ns);
    double mean = 0;
    ordo_histogram_reset(&t->ping);
    ordo_histogram_reset(&t->bare);
    enum ordo_err err = ordo_ring_run_ping_pong(&run, &t->ping, &bench->fail);
    if (err == ORDO_OK) {
        err = ordo_ring_run_bare(&run, &t->bare, &mean, &bench->fail);
    }
    if (err != ORDO_OK || !counts) {
        return err;
    }
    ordo_report_pair(
        t->p50,
        (double)ordo_histogram_quantile(&t->ping, 0.5),
        (double)ordo_histogram_quantile(&t->bare, 0.5));
    ordo_report_pair(
        t->p99,
        (double)ordo_histogram_quantile(&t->ping, 0.99),
        (double)ordo_histogram_quantile(&t->bare, 0.99));
    ordo_report_add(t->mean, mean);
    ordo_histogram_add(&t->all_pings, &t->ping);
    ordo_histogram_add(&t->all_bare, &t->bare);
    return ORDO_OK;
}

static enum ordo_err measure_all(struct bench *bench, bool counts, uint64_t duration_ns)
{
    for (uint32_t i = 0; i < bench->flow_count; i++) {
        const struct flow *flow = &bench->flows[i];
        struct ordo_ring_run run = run_of(bench, flow, duration_ns);
        double per_second = 0;
        enum ordo_err err = ordo_ring_run_flow(&run, &per_second, &bench->fail);
        if (err != ORDO_OK) {
            return err;
        }
        if (counts) {
            ordo_report_add(flow->row, per_second);
        }
    }
    return bench->trips.wanted ? measure_trips(bench, counts, duration_ns) : ORDO_OK;
}

static enum ordo_err run_bench(struct bench *bench)
{
    const struct ordo_bench_options *common = &bench->options.common;
    uint64_t duration_ns = (uint64_t)(common->seconds * (double)ORDO_NS_PER_S);
    uint64_t warm_up_ns = (uint64_t)(common->warm_up * (double)ORDO_NS_PER_S);
    enum ordo_err err = warm_up_ns == 0 ? ORDO_OK : measure_all(bench, false, warm_up_ns);
    for (uint32_t repeat = 0; repeat < common->repeats && err == ORDO_OK; repeat++) {
        err = measure_all(bench, true, duration_ns);
    }
    return err;
}

int ordo_bench_ring(int argc, char **argv)
{
    static struct bench bench;
    const struct ordo_bench_verb verb = {
        .doc = "Measures the ring: slots a second for one consumer and for three chained stages, "
               "and round trips beside the bare round trip of the two cores.",
        .options = own_options,
        .parse = parse_option,
        .input = &bench.options,
        .common = &bench.options.common,
    };
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){
        .common = {.seconds = 0.25, .repeats = 5, .warm_up = 0.02},
        .batches = {1, 64},
        .batch_count = 2,
    };
    ordo_bench_parse(&verb, argc, argv);
    ordo_report_begin(&bench.report, "ring", &bench.options.common);
    choose_cpus(&bench);
    ordo_arena_init(&bench.arena);
    enum ordo_err err =
        ordo_ring_init(&bench.ring, &bench.arena, CAPACITY, CAPACITY, CAPACITY, &bench.fail);
    if (err == ORDO_OK) {
        add_rows(&bench);
        err = run_bench(&bench);
    }
    ordo_arena_fini(&bench.arena);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench ring: %s\n", bench.fail.text);
        return ORDO_BENCH_FAILED;
    }
    if (bench.refused != 0) {
        ordo_report_note(&bench.report, "%u rows left out: %s", bench.refused, bench.fail.text);
    }
    return ordo_report_end(&bench.report);
}
