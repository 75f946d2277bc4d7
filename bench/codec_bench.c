/* `ordo bench codec`: what it costs to read and write the wire, a command, a result, an update.
 *
 * Frames of 256 real commands, their outcomes and their updates; each kind takes turns with a
 * memcpy of the same frames, which is the least that anything does with these bytes. With --count
 * nothing is timed: all kinds work through the frames until each has done so many commands. */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/codec_runs.h"
#include "bench/folder.h"
#include "bench/report.h"

#include <stdio.h>
#include <string.h>

#define COUNT_MAX 100000000u

struct options {
    struct ordo_bench_options common;
    uint64_t count; /* 0 = by time */
};

struct kind {
    const char *name;
    const char *unit;
    const struct ordo_codec_frames *frames;
    void (*run)(struct ordo_codec *codec);
    struct ordo_report_row *row;
    struct ordo_report_row *size;
};

#define KINDS 4

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_codec codec;
    struct kind kinds[KINDS];
};

static const struct argp_option own_options[] = {
    {"count", 'n', "N", 0, "Work through so many commands, time nothing: for instructions", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    if (key != 'n') {
        return ARGP_ERR_UNKNOWN;
    }
    options->count = ordo_bench_whole(state, "count", argument, 1, COUNT_MAX);
    return 0;
}

/* ns an item, of the codec or of the copy of its frames. */
static double measure(struct bench *b, const struct kind *kind, bool copy, double seconds)
{
    uint64_t limit_ns = (uint64_t)(seconds * (double)ORDO_NS_PER_S);
    uint64_t begin_ns = ordo_bench_now_ns();
    uint64_t spent_ns = 0;
    uint64_t rounds = 0;
    do {
        if (copy) {
            ordo_codec_copy(&b->codec, kind->frames);
        } else {
            kind->run(&b->codec);
        }
        rounds++;
        spent_ns = ordo_bench_now_ns() - begin_ns;
    } while (spent_ns < limit_ns);
    return (double)spent_ns / (double)(rounds * kind->frames->items);
}

static void add_rows(struct bench *b)
{
    struct ordo_codec *c = &b->codec;
    const struct kind kinds[KINDS] = {
        {.name = "request encode",
         .unit = "ns a command",
         .frames = &c->requests,
         .run = ordo_codec_encode_requests},
        {.name = "request decode",
         .unit = "ns a command",
         .frames = &c->requests,
         .run = ordo_codec_decode_requests},
        {.name = "reply encode",
         .unit = "ns a result",
         .frames = &c->replies,
         .run = ordo_codec_encode_replies},
        {.name = "update encode",
         .unit = "ns an update",
         .frames = &c->streams,
         .run = ordo_codec_encode_updates},
    };
    memcpy(b->kinds, kinds, sizeof(kinds));
    ordo_report_set(&b->report, "batch", ORDO_CODEC_BATCH);
    for (uint32_t i = 0; i < KINDS && b->options.count == 0; i++) {
        struct kind *kind = &b->kinds[i];
        kind->row = ordo_report_row(&b->report, kind->name, kind->unit);
        ordo_report_limit(kind->row, "memcpy");
        kind->size = ordo_report_row_named(&b->report, "bytes", "%s size", kind->name);
        ordo_report_add(kind->size, (double)kind->frames->bytes / (double)kind->frames->items);
    }
}

static void run_times(struct bench *b)
{
    const struct ordo_bench_options *common = &b->options.common;
    for (uint32_t i = 0; i < KINDS && common->warm_up > 0; i++) {
        (void)measure(b, &b->kinds[i], false, common->warm_up);
        (void)measure(b, &b->kinds[i], true, common->warm_up);
    }
    for (uint32_t repeat = 0; repeat < common->repeats; repeat++) {
        for (uint32_t i = 0; i < KINDS; i++) {
            const struct kind *kind = &b->kinds[i];
            double own = measure(b, kind, false, common->seconds);
            ordo_report_pair(kind->row, own, measure(b, kind, true, common->seconds));
        }
    }
}

/* The fixed work; rows say how many items each kind has done. */
static void run_count(struct bench *b)
{
    uint64_t rounds = (b->options.count + ORDO_CODEC_COMMANDS - 1) / ORDO_CODEC_COMMANDS;
    for (uint32_t i = 0; i < KINDS; i++) {
        const struct kind *kind = &b->kinds[i];
        for (uint64_t round = 0; round < rounds; round++) {
            kind->run(&b->codec);
        }
        ordo_report_add(
            ordo_report_row(&b->report, kind->name, "items"),
            (double)(rounds * kind->frames->items));
    }
}

int ordo_bench_codec(int argc, char **argv)
{
    static struct bench bench;
    const struct ordo_bench_verb verb = {
        .doc = "What it costs to read and write the wire: requests, replies, updates, beside a "
               "memcpy of the same frames.",
        .options = own_options,
        .parse = parse_option,
        .input = &bench.options,
        .common = &bench.options.common,
    };
    struct ordo_fail fail;
    memset(&bench, 0, sizeof(bench));
    bench.options.common =
        (struct ordo_bench_options){.seconds = 0.1, .repeats = 9, .warm_up = 0.05};
    ordo_bench_parse(&verb, argc, argv);
    ordo_report_begin(&bench.report, "codec", &bench.options.common);
    enum ordo_err err = ordo_codec_open(&bench.codec, &fail);
    if (err == ORDO_OK) {
        add_rows(&bench);
        if (bench.options.count != 0) {
            run_count(&bench);
        } else {
            run_times(&bench);
        }
    }
    ordo_codec_close(&bench.codec);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench codec: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    return ordo_report_end(&bench.report);
}
