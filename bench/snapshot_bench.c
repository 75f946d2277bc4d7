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
#include "bench/snapshot_runs.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <ordo_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MAX  99u
#define QUIET_MIN_NS (2 * ORDO_NS_PER_S)
#define QUIET_MAX_NS (20 * ORDO_NS_PER_S)
#define SPARE_S      12u /* seconds that a snapshot may take, for the size of the tables */
#define LIFECYCLE    4u  /* commands */
#define EXIT_BROKEN  1
#define EXIT_MISUSED 64

enum kind { KIND_WHOLE, KIND_CHANGED, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"whole", "incremental"};

struct options {
    const char *dir;
    uint32_t live;
    uint32_t rate;
    uint32_t request;
    uint32_t repeats;
    uint32_t pool_mib;
    uint32_t spread;
    bool json;
};

struct pair {
    struct ordo_steady_phase quiet;
    struct ordo_steady_phase beside;
};

struct bench {
    struct options options;
    struct ordo_steady steady;
    struct pair pairs[KIND_COUNT][REPEATS_MAX];
    uint64_t quiet_ns[KIND_COUNT]; /* for the next quiet phase: as long as the last snapshot */
    char folder[256];
};

static const struct argp_option argp_options[] = {
    {"dir", 'd', "DIR", 0, "Measure on this folder's disk (default .)", 0},
    {"orders", 'o', "N", 0, "Orders alive at any time (default 1000000)", 0},
    {"rate", 'R', "N", 0, "Commands a second that are offered (default 50000)", 0},
    {"request", 'b', "N", 0, "Commands that come at once (default 32)", 0},
    {"repeats", 'r', "N", 0, "Pairs of phases of each kind; the median counts (default 5)", 0},
    {"spread",
     's',
     "N",
     0,
     "Percent of the commands that are for any live order, the others for "
     "those made at the same time (default 5)",
     0},
    {"pool", 'p', "MIB", 0, "Size of the snapshotter's pool (default 64)", 0},
    {"json", 'j', NULL, 0, "Only the JSON line, no table", 0},
    {0},
};

static uint32_t
whole_number(struct argp_state *state, const char *name, const char *text, uint32_t max)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != 0 || value < 1 || value > max) {
        argp_error(state, "--%s %s: give 1 to %u", name, text, max);
    }
    return (uint32_t)value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'd':
        options->dir = argument;
        return 0;
    case 'o':
        options->live = whole_number(state, "orders", argument, 20000000);
        return 0;
    case 'R':
        options->rate = whole_number(state, "rate", argument, 2000000);
        return 0;
    case 'b':
        options->request = whole_number(state, "request", argument, 4096);
        return 0;
    case 'r':
        options->repeats = whole_number(state, "repeats", argument, REPEATS_MAX);
        return 0;
    case 's':
        options->spread = whole_number(state, "spread", argument, 100);
        return 0;
    case 'p':
        options->pool_mib = whole_number(state, "pool", argument, 4096);
        return 0;
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- running ---- */

static enum ordo_err
run_pair(struct bench *b, enum kind kind, struct pair *out, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_steady_quiet(&b->steady, b->quiet_ns[kind], &out->quiet, fail);
    if (err == ORDO_OK) {
        err = ordo_steady_snapshot(&b->steady, kind == KIND_WHOLE, &out->beside, fail);
    }
    uint64_t ns = (uint64_t)(out->beside.seconds * (double)ORDO_NS_PER_S);
    b->quiet_ns[kind] = ns < QUIET_MIN_NS ? QUIET_MIN_NS : ns > QUIET_MAX_NS ? QUIET_MAX_NS : ns;
    if (err == ORDO_OK && !b->options.json) {
        fprintf(
            stderr,
            "%-12s p99.9 %.0f us without, %.0f beside; %" PRIu64 " chunks in %.1f s\n",
            kind_names[kind],
            out->quiet.p999_us,
            out->beside.p999_us,
            out->beside.chunks,
            out->beside.seconds);
    }
    return err;
}

/* Room for the orders that the load makes, the warm-up's with them. */
static uint32_t orders_for(const struct options *o)
{
    uint64_t seconds = (uint64_t)(o->repeats + 1) * KIND_COUNT * 2 * SPARE_S;
    uint64_t orders = o->live + seconds * o->rate / LIFECYCLE;
    return orders > 100000000 ? 100000000u : (uint32_t)orders;
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
    struct pair warm_up;
    enum ordo_err err = ordo_steady_open(&b->steady, &config, fail);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        b->quiet_ns[kind] = QUIET_MIN_NS;
        if (err == ORDO_OK) { /* both environments are there, the disk knows their blocks */
            err = run_pair(b, KIND_WHOLE, &warm_up, fail);
        }
    }
    b->quiet_ns[KIND_CHANGED] = QUIET_MIN_NS;
    for (uint32_t i = 0; err == ORDO_OK && i < b->options.repeats; i++) {
        for (int kind = 0; err == ORDO_OK && kind < KIND_COUNT; kind++) {
            err = run_pair(b, (enum kind)kind, &b->pairs[kind][i], fail);
        }
    }
    ordo_steady_close(&b->steady);
    return err;
}

/* ---- summing up ---- */

struct column {
    double p50;
    double p99;
    double p999;
    double max;
};

struct summary {
    struct column quiet;
    struct column beside;
    double ratio;
    double ratio_min;
    double ratio_max;
    double seconds;
    double chunks;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(double), compare);
    return values[(count - 1) / 2];
}

/* The median over the repeats of a figure at this offset in struct pair. */
static double median_at(const struct pair *pairs, uint32_t count, size_t offset)
{
    double values[REPEATS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        memcpy(&values[i], (const char *)&pairs[i] + offset, sizeof(double));
    }
    return median(values, count);
}

static struct column column_at(const struct pair *pairs, uint32_t count, size_t phase)
{
    return (struct column){
        .p50 = median_at(pairs, count, phase + offsetof(struct ordo_steady_phase, p50_us)),
        .p99 = median_at(pairs, count, phase + offsetof(struct ordo_steady_phase, p99_us)),
        .p999 = median_at(pairs, count, phase + offsetof(struct ordo_steady_phase, p999_us)),
        .max = median_at(pairs, count, phase + offsetof(struct ordo_steady_phase, max_us)),
    };
}

static struct summary summarise(const struct pair *pairs, uint32_t count)
{
    double ratios[REPEATS_MAX];
    double chunks[REPEATS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        ratios[i] = pairs[i].beside.p999_us / pairs[i].quiet.p999_us;
        chunks[i] = (double)pairs[i].beside.chunks;
    }
    double ratio = median(ratios, count);
    return (struct summary){
        .quiet = column_at(pairs, count, offsetof(struct pair, quiet)),
        .beside = column_at(pairs, count, offsetof(struct pair, beside)),
        .ratio = ratio,
        .ratio_min = ratios[0],
        .ratio_max = ratios[count - 1],
        .seconds = median_at(
            pairs,
            count,
            offsetof(struct pair, beside) + offsetof(struct ordo_steady_phase, seconds)),
        .chunks = median(chunks, count),
    };
}

/* ---- output ---- */

static void print_column(const char *name, const struct column *c)
{
    printf(
        ",\"%s\":{\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}",
        name,
        c->p50,
        c->p99,
        c->p999,
        c->max);
}

static void print_json(const struct bench *b, const struct summary sums[KIND_COUNT])
{
    printf(
        "{\"bench\":\"snapshot\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\","
        "\"backend\":\"%s\",\"live\":%" PRIu32 ",\"rate\":%" PRIu32 ",\"request\":%" PRIu32
        ",\"spread\":%" PRIu32 ",\"repeats\":%" PRIu32,
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        b->steady.backend,
        b->options.live,
        b->options.rate,
        b->options.request,
        b->options.spread,
        b->options.repeats);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const struct summary *s = &sums[kind];
        printf(
            ",\"%s\":{\"ratio\":%.2f,\"ratio_min\":%.2f,\"ratio_max\":%.2f,\"seconds\":%.2f,"
            "\"chunks\":%.0f",
            kind_names[kind],
            s->ratio,
            s->ratio_min,
            s->ratio_max,
            s->seconds,
            s->chunks);
        print_column("without", &s->quiet);
        print_column("beside", &s->beside);
        printf("}");
    }
    printf("}\n");
}

static void print_row(const char *name, const char *phase, const struct column *c)
{
    fprintf(
        stderr,
        "%-12s %-8s %10.0f %10.0f %10.0f %10.0f\n",
        name,
        phase,
        c->p50,
        c->p99,
        c->p999,
        c->max);
}

static void print_table(const struct bench *b, const struct summary sums[KIND_COUNT])
{
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        fprintf(stderr, "a %s build: its figures mean little\n", ORDO_BUILD_TYPE);
    }
    fprintf(
        stderr,
        "%s; %" PRIu32 " commands/s in requests of %" PRIu32 " over %" PRIu32
        " live orders; medians of %" PRIu32 " repeats, us from the intended time to durable\n",
        b->steady.backend,
        b->options.rate,
        b->options.request,
        b->options.live,
        b->options.repeats);
    fprintf(
        stderr, "%-12s %-8s %10s %10s %10s %10s\n", "snapshot", "", "p50", "p99", "p99.9", "max");
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        const struct summary *s = &sums[kind];
        print_row(kind_names[kind], "without", &s->quiet);
        print_row("", "beside", &s->beside);
        fprintf(
            stderr,
            "%-12s p99.9 beside / without: %.2f (%.2f to %.2f); %.0f chunks in %.1f s\n",
            "",
            s->ratio,
            s->ratio_min,
            s->ratio_max,
            s->chunks,
            s->seconds);
    }
}

int ordo_bench_snapshot(int argc, char **argv)
{
    static struct bench bench; /* a histogram and an outcome: too much for the stack */
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc = "Commits under steady load beside a whole and an incremental snapshot, and without "
               "one, in turn: p99.9 of both and their ratio.",
    };
    struct summary sums[KIND_COUNT];
    struct ordo_fail fail = {.err = ORDO_OK};
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){
        .dir = ".",
        .live = 1000000,
        .rate = 50000,
        .request = 32,
        .repeats = 5,
        .pool_mib = 64,
        .spread = 5,
    };
    if (argp_parse(&argp, argc, argv, 0, NULL, &bench.options) != 0) {
        return EXIT_MISUSED;
    }
    ordo_log_set_level(ORDO_LOG_WARN);
    (void)snprintf(
        bench.folder, sizeof(bench.folder), "%.200s/ordo-bench-XXXXXX", bench.options.dir);
    if (mkdtemp(bench.folder) == NULL) {
        fprintf(stderr, "ordo: bench snapshot: %s: %s\n", bench.folder, strerror(errno));
        return EXIT_BROKEN;
    }
    if (run(&bench, &fail) != ORDO_OK) {
        fprintf(stderr, "ordo: bench snapshot: %s\n", fail.text);
        return EXIT_BROKEN;
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        sums[kind] = summarise(bench.pairs[kind], bench.options.repeats);
    }
    print_json(&bench, sums);
    if (!bench.options.json) {
        print_table(&bench, sums);
    }
    return 0;
}
