/* `ordo bench journal`: how near the journal comes to its disk, and how many bytes it needs.
 *
 * Records are real ones: commands of mixed lifecycles (create, attempt, pay and issue, deliver:
 * four commands, five transitions) with the outcomes that the engine gave. Journal and plain writer
 * take turns within each repeat, so a slow phase of the disk touches both; ratios of one run count.
 * --probe measures the ways to ask for durability instead, and chooses one (probe_report.c). */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/disk_probe.h"
#include "bench/journal_bound.h"
#include "bench/journal_runs.h"
#include "journal/format.h"

#include <argp.h>
#include <errno.h>
#include <ordo_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPEATS_MAX  99u
#define SINGLES_MAX  4000u
#define LIFECYCLE    4.0 /* commands */
#define TRANSITIONS  5.0
#define SECONDS_MIN  0.01
#define SECONDS_MAX  60.0
#define EXIT_BROKEN  1
#define EXIT_MISUSED 64

struct options {
    const char *dir;
    double seconds;
    uint32_t repeats;
    uint32_t singles;
    bool probe;
    bool json;
};

struct repeat {
    double journal; /* bytes a second, durable */
    double records;
    double bound;
    double batch; /* mean bytes of a write */
    double padding;
};

struct bench {
    struct options options;
    struct ordo_feed feed;
    struct ordo_bound *bound;
    struct repeat repeats[REPEATS_MAX];
    double ack_us[SINGLES_MAX];
    double bare_us[SINGLES_MAX];
    double lifecycle_bytes; /* of records, and with headers and padding at load */
    double lifecycle_whole;
    uint32_t single_size;
    char folder[256];
    char backend[48];
};

static const struct argp_option argp_options[] = {
    {"dir", 'd', "DIR", 0, "Measure on this folder's disk (default .)", 0},
    {"seconds", 's', "S", 0, "Time of one measurement (default 0.5)", 0},
    {"repeats", 'r', "N", 0, "Measurements; the median counts (default 7)", 0},
    {"singles", 'n', "N", 0, "Commands one at a time, or rounds of a probe (default 400)", 0},
    {"probe", 'p', NULL, 0, "Measure fdatasync, RWF_DSYNC and linked write and fsync instead", 0},
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
    char *end = NULL;
    switch (key) {
    case 'd':
        options->dir = argument;
        return 0;
    case 's':
        options->seconds = strtod(argument, &end);
        if (*end != 0 || !(options->seconds >= SECONDS_MIN && options->seconds <= SECONDS_MAX)) {
            argp_error(state, "--seconds %s: give %g to %g", argument, SECONDS_MIN, SECONDS_MAX);
        }
        return 0;
    case 'r':
        options->repeats = whole_number(state, "repeats", argument, REPEATS_MAX);
        return 0;
    case 'n':
        options->singles = whole_number(state, "singles", argument, SINGLES_MAX);
        return 0;
    case 'p':
        options->probe = true;
        return 0;
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

static double quantile(double *values, uint32_t count, double share)
{
    qsort(values, count, sizeof(double), compare);
    return values[(uint32_t)(share * (count - 1))];
}

/* ---- the journal ---- */

static enum ordo_err run_repeat(struct bench *b, struct repeat *out, struct ordo_fail *fail)
{
    uint64_t limit_ns = (uint64_t)(b->options.seconds * (double)ORDO_NS_PER_S);
    struct ordo_journal_stats before;
    struct ordo_journal_stats after;
    uint64_t spent_ns;
    ordo_journal_stats(b->feed.journal, &before);
    enum ordo_err err = ordo_feed_bulk(&b->feed, limit_ns, &spent_ns, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_journal_stats(b->feed.journal, &after);
    double seconds = (double)spent_ns / (double)ORDO_NS_PER_S;
    double bytes = (double)(after.bytes - before.bytes);
    double batches = (double)(after.batches - before.batches);
    double records = (double)(after.records - before.records);
    double body = (double)(after.record_bytes - before.record_bytes);
    out->journal = bytes / seconds;
    out->records = records / seconds;
    out->batch = bytes / batches;
    out->padding = 100 * (bytes - body - batches * ORDO_BATCH_HEADER_SIZE) / bytes;
    b->lifecycle_bytes = body / records * LIFECYCLE;
    b->lifecycle_whole = bytes / records * LIFECYCLE;

    uint64_t written = ordo_bound_bytes(b->bound);
    uint32_t size = (uint32_t)out->batch / ORDO_JOURNAL_BLOCK_MAX * ORDO_JOURNAL_BLOCK_MAX;
    size = size == 0 ? ORDO_JOURNAL_BLOCK_MAX : size;
    err = ordo_bound_bulk(b->bound, size, limit_ns, &spent_ns, fail);
    out->bound =
        (double)(ordo_bound_bytes(b->bound) - written) * (double)ORDO_NS_PER_S / (double)spent_ns;
    return err;
}

static enum ordo_err run_singles(struct bench *b, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    struct ordo_journal_stats before;
    struct ordo_journal_stats after;
    ordo_journal_stats(b->feed.journal, &before);
    for (uint32_t i = 0; err == ORDO_OK && i < b->options.singles; i++) {
        uint64_t ack_ns;
        uint64_t bare_ns;
        err = ordo_feed_one(&b->feed, &ack_ns, fail);
        if (i == 0) {
            ordo_journal_stats(b->feed.journal, &after);
            b->single_size = (uint32_t)(after.bytes - before.bytes);
        }
        if (err == ORDO_OK) {
            err = ordo_bound_one(b->bound, ordo_bound_block(b->bound), &bare_ns, fail);
            b->ack_us[i] = (double)ack_ns / 1e3;
            b->bare_us[i] = (double)bare_ns / 1e3;
        }
    }
    return err;
}

/* Medians over the repeats, and the ratio of each. */
struct summary {
    double bytes;
    double records;
    double bound;
    double batch;
    double padding;
    double ratio;
    double ratio_min;
    double ratio_max;
    double ack;
    double ack_p99;
    double bare;
};

static double median_of(const struct bench *b, size_t offset)
{
    double values[REPEATS_MAX];
    for (uint32_t i = 0; i < b->options.repeats; i++) {
        memcpy(&values[i], (const char *)&b->repeats[i] + offset, sizeof(double));
    }
    return quantile(values, b->options.repeats, 0.5);
}

static struct summary summarise(struct bench *b)
{
    double ratios[REPEATS_MAX];
    uint32_t repeats = b->options.repeats;
    for (uint32_t i = 0; i < repeats; i++) {
        ratios[i] = b->repeats[i].journal / b->repeats[i].bound;
    }
    double ratio = quantile(ratios, repeats, 0.5);
    return (struct summary){
        .bytes = median_of(b, offsetof(struct repeat, journal)),
        .records = median_of(b, offsetof(struct repeat, records)),
        .bound = median_of(b, offsetof(struct repeat, bound)),
        .batch = median_of(b, offsetof(struct repeat, batch)),
        .padding = median_of(b, offsetof(struct repeat, padding)),
        .ratio = ratio,
        .ratio_min = ratios[0],
        .ratio_max = ratios[repeats - 1],
        .ack = quantile(b->ack_us, b->options.singles, 0.5),
        .ack_p99 = quantile(b->ack_us, b->options.singles, 0.99),
        .bare = quantile(b->bare_us, b->options.singles, 0.5),
    };
}

static void print_json(const struct bench *b, const struct summary *s)
{
    printf(
        "{\"bench\":\"journal\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\","
        "\"backend\":\"%s\",\"bytes_per_s\":%.0f,\"records_per_s\":%.0f,\"bound_per_s\":%.0f,"
        "\"ratio\":%.3f,\"ratio_min\":%.3f,\"ratio_max\":%.3f,\"batch_bytes\":%.0f,"
        "\"padding_percent\":%.2f,\"lifecycle_bytes\":%.1f,\"lifecycle_with_headers\":%.1f,"
        "\"ack_us\":%.1f,\"ack_p99_us\":%.1f,\"bare_us\":%.1f,\"ack_ratio\":%.3f,"
        "\"single_bytes\":%u}\n",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        b->backend,
        s->bytes,
        s->records,
        s->bound,
        s->ratio,
        s->ratio_min,
        s->ratio_max,
        s->batch,
        s->padding,
        b->lifecycle_bytes,
        b->lifecycle_whole,
        s->ack,
        s->ack_p99,
        s->bare,
        s->ack / s->bare,
        b->single_size);
}

static void print_table(const struct bench *b, const struct summary *s)
{
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        fprintf(stderr, "a %s build: its figures mean little\n", ORDO_BUILD_TYPE);
    }
    fprintf(stderr, "%s, %u repeats of %g s\n", b->backend, b->options.repeats, b->options.seconds);
    fprintf(
        stderr,
        "throughput  %.0f MB/s, %.2f M records/s in writes of %.0f KiB; plain writer %.0f MB/s: "
        "ratio %.2f (%.2f to %.2f)\n",
        s->bytes / 1e6,
        s->records / 1e6,
        s->batch / 1024,
        s->bound / 1e6,
        s->ratio,
        s->ratio_min,
        s->ratio_max);
    fprintf(
        stderr,
        "one command %.1f us median, %.1f us p99, %u bytes; bare write and flush %.1f us: ratio "
        "%.2f\n",
        s->ack,
        s->ack_p99,
        b->single_size,
        s->bare,
        s->ack / s->bare);
    fprintf(
        stderr,
        "a lifecycle of %.0f transitions: %.0f bytes of records, %.0f with headers and padding; "
        "padding %.2f %%\n",
        TRANSITIONS,
        b->lifecycle_bytes,
        b->lifecycle_whole,
        s->padding);
}

static enum ordo_err run_journal(struct bench *b, struct ordo_fail *fail)
{
    struct repeat warm_up;
    enum ordo_err err = ordo_feed_open(&b->feed, b->folder, fail);
    if (err == ORDO_OK) {
        err = ordo_bound_open(b->folder, &b->feed.ring, &b->bound, fail);
        if (err == ORDO_OK) {
            (void)snprintf(
                b->backend, sizeof(b->backend), "%s", ordo_journal_backend_name(b->feed.journal));
            err = run_repeat(b, &warm_up, fail);
        }
        for (uint32_t i = 0; err == ORDO_OK && i < b->options.repeats; i++) {
            err = run_repeat(b, &b->repeats[i], fail);
        }
        if (err == ORDO_OK) {
            err = run_singles(b, fail);
        }
        ordo_bound_close(b->bound);
    }
    ordo_feed_close(&b->feed);
    if (err == ORDO_OK) {
        struct summary summary = summarise(b);
        print_json(b, &summary);
        if (!b->options.json) {
            print_table(b, &summary);
        }
    }
    return err;
}

int ordo_bench_journal(int argc, char **argv)
{
    static struct bench bench;
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc = "The journal against a plain writer on the same disk: throughput, one command at a "
               "time, bytes of a lifecycle, padding.",
    };
    struct ordo_probe probe;
    struct ordo_fail fail = {.err = ORDO_OK};
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){.dir = ".", .seconds = 0.5, .repeats = 7, .singles = 400};
    if (argp_parse(&argp, argc, argv, 0, NULL, &bench.options) != 0) {
        return EXIT_MISUSED;
    }
    (void)snprintf(
        bench.folder, sizeof(bench.folder), "%.200s/ordo-bench-XXXXXX", bench.options.dir);
    if (mkdtemp(bench.folder) == NULL) {
        fprintf(stderr, "ordo: bench journal: %s: %s\n", bench.folder, strerror(errno));
        return EXIT_BROKEN;
    }
    enum ordo_err err;
    if (bench.options.probe) {
        err = ordo_probe_run(bench.folder, bench.options.singles, &probe, &fail);
        if (err == ORDO_OK) {
            ordo_probe_print(&probe, bench.options.singles, bench.options.json);
        }
    } else {
        err = run_journal(&bench, &fail);
    }
    (void)rmdir(bench.folder);
    if (err != ORDO_OK) {
        fprintf(stderr, "ordo: bench journal: %s\n", fail.text);
        return EXIT_BROKEN;
    }
    return 0;
}
