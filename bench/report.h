/* report.h - what every benchmark says, and how: rows of repeats, one JSON line, a table.
 *
 * A row is one figure, measured once a repeat; beside it, if it has one, its limit, measured in the
 * same repeat. Medians with least and most over the repeats are told, and the ratio to the limit is
 * the median of the pairs' ratios: a slow phase of the machine touches both of a pair.
 *
 *     static struct ordo_report report;
 *     ordo_report_begin(&report, "ring", &options);
 *     ordo_report_set(&report, "capacity", 65536);
 *     struct ordo_report_row *row = ordo_report_row(&report, "1p1c batch 1", "slots/s");
 *     ordo_report_limit(row, "bare loop");
 *     each repeat: ordo_report_pair(row, value, limit);
 *     return ordo_report_end(&report);
 *
 * The JSON line, schema 1 (bench/README.md explains it):
 *   {"schema":1,"bench":..,"commit":..,"machine":{..},"config":{..},"rows":[{"name":..,"unit":..,
 *   "median":..,"least":..,"most":..,"repeats":n,"limit":{"name":..,"median":..},"ratio":{"median":
 *   ..,"least":..,"most":..},"latency_us":{"p50":..,"p90":..,"p99":..,"p99_9":..,"max":..,
 *   "count":..}}],"notes":[..]}
 * limit, ratio, latency_us and notes only where there are any.
 *
 * One thread. Nothing here blocks but the writing. A report is large: let it be static.
 */
#ifndef ORDO_BENCH_REPORT_H
#define ORDO_BENCH_REPORT_H

#include "base/histogram.h"
#include "bench/machine.h"
#include "bench/options.h"

#define ORDO_REPORT_ROWS_MAX    128u
#define ORDO_REPORT_NOTES_MAX   8u
#define ORDO_REPORT_NAME        64
#define ORDO_REPORT_NOTE        320
#define ORDO_REPORT_ENTRIES_MAX 32u

/* The values of one figure, in the order of the repeats. */
struct ordo_series {
    double values[ORDO_BENCH_REPEATS_MAX];
    uint32_t count;
};

struct ordo_spread {
    double median;
    double least;
    double most;
};

struct ordo_report_row {
    char name[ORDO_REPORT_NAME];
    char unit[ORDO_REPORT_NAME];
    char limit_name[ORDO_REPORT_NAME]; /* "" = it has none */
    struct ordo_series own;
    struct ordo_series limit;
    const struct ordo_histogram *latency; /* the caller's, ns, until the end; NULL = none */
    bool json_only;                       /* the caller has a table of his own for it */
};

struct ordo_report_entry {
    const char *name; /* the caller's, a constant */
    char text[ORDO_REPORT_NOTE];
    double number;
    bool is_text;
};

struct ordo_report {
    const char *bench;
    const struct ordo_bench_options *options;
    struct ordo_machine machine;
    struct ordo_report_row rows[ORDO_REPORT_ROWS_MAX];
    uint32_t row_count;
    char notes[ORDO_REPORT_NOTES_MAX][ORDO_REPORT_NOTE];
    uint32_t note_count;
    struct ordo_report_entry config[ORDO_REPORT_ENTRIES_MAX];
    uint32_t config_count;
};

/* ---- numbers ---- */

void ordo_series_add(struct ordo_series *series, double value);

/* Quantile (0 to 1) of a copy, so the values stay in order; between two values in proportion, so
 * the median of an even number is the mean of the middle two. 0 when empty. */
double ordo_quantile(const double *values, uint32_t count, double share);
struct ordo_spread ordo_series_spread(const struct ordo_series *series);

/* Of own.values[i] / limit.values[i], over the pairs that have a limit above 0. False = none has.
 */
bool ordo_series_ratio(
    const struct ordo_series *own, const struct ordo_series *limit, struct ordo_spread *out);

/* ---- a report ---- */

/* bench and options are kept, not copied. Reads the machine, and notes seconds, repeats and warm-up
 * in the configuration. */
void ordo_report_begin(
    struct ordo_report *report, const char *bench, const struct ordo_bench_options *options);

/* An entry of the configuration; the name is kept, the text is copied. */
void ordo_report_set(struct ordo_report *report, const char *name, double value);
void ordo_report_set_text(struct ordo_report *report, const char *name, const char *value);

/* A new row. Names stay the same from commit to commit: baselines and targets find a row by its
 * name. One that is there already gets a number behind it: the same twice is a pair of A and A.
 * The pointer is good until the report ends. */
struct ordo_report_row *
ordo_report_row(struct ordo_report *report, const char *name, const char *unit);

/* The same with a name that is put together; it must fit into ORDO_REPORT_NAME. */
struct ordo_report_row *
ordo_report_row_named(struct ordo_report *report, const char *unit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The row with this name, or NULL. */
struct ordo_report_row *ordo_report_find(struct ordo_report *report, const char *name);

void ordo_report_limit(struct ordo_report_row *row, const char *name);
void ordo_report_add(struct ordo_report_row *row, double value);
void ordo_report_pair(struct ordo_report_row *row, double value, double limit);

/* Over all repeats together; the histogram is the caller's and lives until ordo_report_end(). */
void ordo_report_latency(struct ordo_report_row *row, const struct ordo_histogram *latency);

/* A line below the table. */
void ordo_report_note(struct ordo_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- telling (report_print.c) ---- */

void ordo_report_print_json(const struct ordo_report *report, FILE *out);
void ordo_report_print_table(const struct ordo_report *report, FILE *out);

/* BENCH-ROW.hgrm (us) into the folder, which is made if need be, for each row with latencies; what
 * no file name should have becomes "-". False: a file could not be written, said on stderr. */
bool ordo_report_write_hgrm(const struct ordo_report *report, const char *dir)
    __attribute__((warn_unused_result));

/* The JSON line on stdout, the table on stderr unless --json, the percentile files with --hgrm; the
 * exit code of the program. */
int ordo_report_end(const struct ordo_report *report);

#endif
