/* options.h - the options that all benchmarks have in common, and how theirs are parsed.
 *
 * A benchmark fills a struct ordo_bench_options with its defaults, parses, and reads it; one
 * thread. What is misused ends the program with exit code 64, as argp does.
 */
#ifndef ORDO_BENCH_OPTIONS_H
#define ORDO_BENCH_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#define ORDO_BENCH_REPEATS_MAX 99u
#define ORDO_BENCH_SECONDS_MIN 0.01
#define ORDO_BENCH_SECONDS_MAX 600.0

/* Exit codes of a benchmark, as tools/ordo/cli.h has them. */
#define ORDO_BENCH_OK         0
#define ORDO_BENCH_FAILED     1
#define ORDO_BENCH_UNVERIFIED 3
#define ORDO_BENCH_MISUSED    64

struct ordo_bench_options {
    double seconds;   /* of one measurement; 0 as a default: --seconds is not offered */
    double warm_up;   /* seconds of each row before its first measurement; they do not count. 0 as a
                       * default: --warm-up is not offered, it is not a matter of time */
    uint32_t repeats; /* measurements of each row, in turn with the others; the median counts */
    const char *dir;  /* whose disk is measured; NULL as a default: --dir is not offered */
    const char *hgrm; /* folder for percentile files, or NULL */
    bool json;        /* only the JSON line, no table */
    char command[256]; /* filled in: what was typed behind "ordo bench", for the record */
    bool quick;        /* --quick: seconds in all. A benchmark makes what else it has small, too */
};

struct ordo_bench_verb {
    const char *doc;
    const struct argp_option *options; /* its own; ends with {0}, or NULL */
    argp_parser_t parse;               /* of these; state->input is `input`. May be NULL */
    void *input;
    struct ordo_bench_options *common; /* defaults in, what was asked for out */
};

/* Keys a benchmark's own options must not have: s, r, j, d and 0x100 to 0x1ff. */
void ordo_bench_parse(const struct ordo_bench_verb *verb, int argc, char **argv);

/* Text of an option; what is no such number ends the program with a line that names the range. */
uint64_t ordo_bench_whole(
    const struct argp_state *state, const char *name, const char *text, uint64_t min, uint64_t max);
double ordo_bench_decimal(
    const struct argp_state *state, const char *name, const char *text, double min, double max);

/* Numbers with commas between them, at most count_max, into out; how many there are. */
struct ordo_bench_list {
    uint32_t *out;
    uint32_t count_max;
    uint32_t min;
    uint32_t max;
};
uint32_t ordo_bench_numbers(
    const struct argp_state *state,
    const char *name,
    const char *text,
    const struct ordo_bench_list *list);

#endif
