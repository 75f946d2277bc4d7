/* `ordo bench journal`: how near the journal comes to its disk, and how many bytes it needs.
 *
 * Records are real ones: commands of mixed lifecycles (create, attempt, pay and issue, deliver:
 * four commands, five transitions) with the outcomes that the engine gave. Journal and plain writer
 * take turns within each repeat, so a slow phase of the disk touches both; ratios of one run count.
 * With --rate records are offered to both at a fixed rate besides, and latencies run from the time
 * at which each should have come (open loop).
 * --probe measures the ways to ask for durability instead, and chooses one (probe_report.c). */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/disk_probe.h"
#include "bench/folder.h"
#include "bench/journal_bound.h"
#include "bench/journal_runs.h"
#include "bench/report.h"
#include "journal/format.h"

#include <stdio.h>
#include <string.h>

#define SINGLES_MAX   4000u
#define SINGLES_QUICK 20u
#define LIFECYCLE     4.0 /* commands */
#define KIB           1024.0
#define US            1e3

struct options {
    struct ordo_bench_options common;
    uint32_t singles;
    uint64_t rate; /* 0 = no open loop */
    bool probe;
};

/* One figure of an open loop beside the bound's. */
struct quantile_row {
    struct ordo_report_row *row;
    double share;
};

#define QUANTILES 3

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_feed feed;
    struct ordo_bound *bound;
    char folder[ORDO_BENCH_FOLDER];

    struct ordo_report_row *bytes;
    struct ordo_report_row *records;
    struct ordo_report_row *write_size;
    struct ordo_report_row *padding;
    struct ordo_report_row *lifecycle;
    struct ordo_report_row *lifecycle_whole;
    double record_bytes; /* of the last repeat, with headers */

    struct ordo_report_row *one;
    struct ordo_histogram ack;
    struct ordo_histogram bare;
    double ack_us[SINGLES_MAX];
    double bare_us[SINGLES_MAX];

    struct quantile_row offered[QUANTILES];
    struct ordo_histogram own_latency; /* of one repeat */
    struct ordo_histogram bound_latency;
    struct ordo_histogram own_all;
    struct ordo_histogram bound_all;
};

static const struct argp_option own_options[] = {
    {"singles",
     'n',
     "N",
     0,
     "Commands one at a time in all, or rounds of a probe (default 400)",
     0},
    {"rate", 'R', "N", 0, "Offer so many records a second, too: an open loop", 0},
    {"probe", 'p', NULL, 0, "Measure fdatasync, RWF_DSYNC and linked write and fsync instead", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'n':
        options->singles = (uint32_t)ordo_bench_whole(state, "singles", argument, 1, SINGLES_MAX);
        return 0;
    case 'R':
        options->rate = ordo_bench_whole(state, "rate", argument, 1, ORDO_SCHEDULE_RATE_MAX);
        return 0;
    case 'p':
        options->probe = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_rows(struct bench *b)
{
    static const double shares[QUANTILES] = {0.5, 0.99, 0.999};
    static const char *const names[QUANTILES] = {"offered p50", "offered p99", "offered p99.9"};
    struct ordo_report *report = &b->report;
    b->bytes = ordo_report_row(report, "saturated", "bytes/s");
    ordo_report_limit(b->bytes, "plain writer");
    b->records = ordo_report_row(report, "saturated records", "records/s");
    b->write_size = ordo_report_row(report, "saturated write", "KiB");
    b->padding = ordo_report_row(report, "padding", "%");
    b->lifecycle = ordo_report_row(report, "lifecycle", "bytes");
    b->lifecycle_whole = ordo_report_row(report, "lifecycle with headers", "bytes");
    b->one = ordo_report_row(report, "one command p50", "us");
    ordo_report_limit(b->one, "bare write and flush");
    ordo_report_latency(b->one, &b->ack);
    ordo_histogram_reset(&b->ack);
    ordo_histogram_reset(&b->bare);
    ordo_histogram_reset(&b->own_all);
    ordo_histogram_reset(&b->bound_all);
    for (uint32_t i = 0; i < QUANTILES && b->options.rate != 0; i++) {
        b->offered[i] = (struct quantile_row){ordo_report_row(report, names[i], "us"), shares[i]};
        ordo_report_limit(b->offered[i].row, "plain writer");
    }
    ordo_report_set(report, "singles", b->options.singles);
    ordo_report_set(report, "rate", (double)b->options.rate);
}

/* ---- the journal ---- */

static enum ordo_err run_bulk(struct bench *b, double seconds, bool counts, struct ordo_fail *fail)
{
    uint64_t limit_ns = (uint64_t)(seconds * (double)ORDO_NS_PER_S);
    struct ordo_journal_stats before;
    struct ordo_journal_stats after;
    uint64_t spent_ns;
    ordo_journal_stats(b->feed.journal, &before);
    enum ordo_err err = ordo_feed_bulk(&b->feed, limit_ns, &spent_ns, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_journal_stats(b->feed.journal, &after);
    double spent_s = (double)spent_ns / (double)ORDO_NS_PER_S;
    double bytes = (double)(after.bytes - before.bytes);
    double batches = (double)(after.batches - before.batches);
    double records = (double)(after.records - before.records);
    double body = (double)(after.record_bytes - before.record_bytes);
    b->record_bytes = bytes / records;

    uint64_t written = ordo_bound_bytes(b->bound);
    uint32_t size = (uint32_t)(bytes / batches) / ORDO_JOURNAL_BLOCK_MAX * ORDO_JOURNAL_BLOCK_MAX;
    size = size == 0 ? ORDO_JOURNAL_BLOCK_MAX : size;
    err = ordo_bound_bulk(b->bound, size, limit_ns, &spent_ns, fail);
    if (err != ORDO_OK || !counts) {
        return err;
    }
    double bound = (double)(ordo_bound_bytes(b->bound) - written) * (double)ORDO_NS_PER_S;
    ordo_report_pair(b->bytes, bytes / spent_s, bound / (double)spent_ns);
    ordo_report_add(b->records, records / spent_s);
    ordo_report_add(b->write_size, bytes / batches / KIB);
    ordo_report_add(b->padding, 100 * (bytes - body - batches * ORDO_BATCH_HEADER_SIZE) / bytes);
    ordo_report_add(b->lifecycle, body / records * LIFECYCLE);
    ordo_report_add(b->lifecycle_whole, bytes / records * LIFECYCLE);
    return ORDO_OK;
}

/* The repeat's part of the singles. */
static enum ordo_err run_singles(struct bench *b, struct ordo_fail *fail)
{
    uint32_t repeats = b->options.common.repeats;
    uint32_t count = (b->options.singles + repeats - 1) / repeats;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; err == ORDO_OK && i < count; i++) {
        uint64_t ack_ns;
        uint64_t bare_ns;
        err = ordo_feed_one(&b->feed, &ack_ns, fail);
        if (err == ORDO_OK) {
            err = ordo_bound_one(b->bound, ordo_bound_block(b->bound), &bare_ns, fail);
        }
        if (err == ORDO_OK) {
            b->ack_us[i] = (double)ack_ns / US;
            b->bare_us[i] = (double)bare_ns / US;
            ordo_histogram_record(&b->ack, ack_ns);
            ordo_histogram_record(&b->bare, bare_ns);
        }
    }
    if (err == ORDO_OK) {
        ordo_report_pair(
            b->one, ordo_quantile(b->ack_us, count, 0.5), ordo_quantile(b->bare_us, count, 0.5));
    }
    return err;
}

static enum ordo_err run_offered(struct bench *b, struct ordo_fail *fail)
{
    uint64_t limit_ns = (uint64_t)(b->options.common.seconds * (double)ORDO_NS_PER_S);
    const struct ordo_offer offer = {
        .rate = b->options.rate,
        .count = (uint64_t)(b->options.common.seconds * (double)b->options.rate) + 1,
        .record_size = (uint32_t)b->record_bytes,
    };
    ordo_histogram_reset(&b->own_latency);
    ordo_histogram_reset(&b->bound_latency);
    enum ordo_err err =
        ordo_feed_offered(&b->feed, b->options.rate, limit_ns, &b->own_latency, fail);
    if (err == ORDO_OK) {
        err = ordo_bound_paced(b->bound, &offer, &b->bound_latency, fail);
    }
    for (uint32_t i = 0; i < QUANTILES && err == ORDO_OK; i++) {
        double share = b->offered[i].share;
        ordo_report_pair(
            b->offered[i].row,
            (double)ordo_histogram_quantile(&b->own_latency, share) / US,
            (double)ordo_histogram_quantile(&b->bound_latency, share) / US);
    }
    ordo_histogram_add(&b->own_all, &b->own_latency);
    ordo_histogram_add(&b->bound_all, &b->bound_latency);
    return err;
}

static enum ordo_err measure(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_bench_options *common = &b->options.common;
    enum ordo_err err = run_bulk(b, common->warm_up, false, fail);
    for (uint32_t i = 0; err == ORDO_OK && i < common->repeats; i++) {
        err = run_bulk(b, common->seconds, true, fail);
        if (err == ORDO_OK) {
            err = run_singles(b, fail);
        }
        if (err == ORDO_OK && b->options.rate != 0) {
            err = run_offered(b, fail);
        }
    }
    return err;
}

/* Latencies without a pair: rows of their own, so that they get percentile files. */
static void add_latencies(struct bench *b)
{
    struct ordo_report_row *bare = ordo_report_row(&b->report, "bare write and flush p50", "us");
    ordo_report_add(bare, (double)ordo_histogram_quantile(&b->bare, 0.5) / US);
    ordo_report_latency(bare, &b->bare);
    if (b->options.rate != 0) {
        struct ordo_report_row *bound = ordo_report_row(&b->report, "offered plain p50", "us");
        ordo_report_add(bound, (double)ordo_histogram_quantile(&b->bound_all, 0.5) / US);
        ordo_report_latency(bound, &b->bound_all);
        ordo_report_latency(b->offered[0].row, &b->own_all);
    }
}

static enum ordo_err run_journal(struct bench *b, struct ordo_fail *fail)
{
    add_rows(b);
    enum ordo_err err = ordo_feed_open(&b->feed, b->folder, fail);
    if (err == ORDO_OK) {
        ordo_report_set_text(&b->report, "backend", ordo_journal_backend_name(b->feed.journal));
        err = ordo_bound_open(b->folder, &b->feed.ring, &b->bound, fail);
        if (err == ORDO_OK) {
            err = measure(b, fail);
        }
        ordo_bound_close(b->bound);
        add_latencies(b);
    }
    ordo_feed_close(&b->feed);
    return err;
}

static enum ordo_err run_probe(struct bench *b, struct ordo_fail *fail)
{
    struct ordo_probe probe;
    enum ordo_err err = ordo_probe_run(b->folder, b->options.singles, &probe, fail);
    if (err == ORDO_OK) {
        ordo_probe_rows(&probe, &b->report);
        ordo_report_set(&b->report, "rounds", b->options.singles);
    }
    return err;
}

int ordo_bench_journal(int argc, char **argv)
{
    static struct bench bench;
    const struct ordo_bench_verb verb = {
        .doc = "The journal against a plain writer on the same disk: throughput, one command at a "
               "time, bytes of a lifecycle, padding.",
        .options = own_options,
        .parse = parse_option,
        .input = &bench.options,
        .common = &bench.options.common,
    };
    struct ordo_fail fail = {.err = ORDO_OK};
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){
        .common = {.dir = ".", .seconds = 0.5, .repeats = 7, .warm_up = 0.5},
        .singles = 400,
    };
    ordo_bench_parse(&verb, argc, argv);
    if (bench.options.common.quick && bench.options.singles > SINGLES_QUICK) {
        bench.options.singles = SINGLES_QUICK;
    }
    bool probe = bench.options.probe;
    ordo_report_begin(&bench.report, probe ? "journal-probe" : "journal", &bench.options.common);
    enum ordo_err err = ordo_bench_folder_make(bench.options.common.dir, bench.folder, &fail);
    if (err == ORDO_OK) {
        err = probe ? run_probe(&bench, &fail) : run_journal(&bench, &fail);
        ordo_bench_folder_remove(bench.folder);
    }
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench journal: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    return ordo_report_end(&bench.report);
}
