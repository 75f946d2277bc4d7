/* Rows are kept as they come and summed up when they are told: nothing is computed twice, and the
 * pairs stay together. */
#include "bench/report.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

void ordo_series_add(struct ordo_series *series, double value)
{
    ORDO_ASSERT(series->count < ORDO_BENCH_REPEATS_MAX);
    series->values[series->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double ordo_quantile(const double *values, uint32_t count, double share)
{
    ORDO_ASSERT(share >= 0 && share <= 1);
    double *sorted = count == 0 ? NULL : malloc(count * sizeof(double));
    if (sorted == NULL) {
        return 0;
    }
    memcpy(sorted, values, count * sizeof(double));
    qsort(sorted, count, sizeof(double), compare);
    double place = share * (count - 1);
    uint32_t below = (uint32_t)place;
    uint32_t above = below + 1 < count ? below + 1 : below;
    double result = sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    free(sorted);
    return result;
}

struct ordo_spread ordo_series_spread(const struct ordo_series *series)
{
    return (struct ordo_spread){
        .median = ordo_quantile(series->values, series->count, 0.5),
        .least = ordo_quantile(series->values, series->count, 0),
        .most = ordo_quantile(series->values, series->count, 1),
    };
}

bool ordo_series_ratio(
    const struct ordo_series *own, const struct ordo_series *limit, struct ordo_spread *out)
{
    struct ordo_series ratios = {.count = 0};
    uint32_t pairs = own->count < limit->count ? own->count : limit->count;
    for (uint32_t i = 0; i < pairs; i++) {
        if (limit->values[i] > 0) {
            ordo_series_add(&ratios, own->values[i] / limit->values[i]);
        }
    }
    if (ratios.count == 0) {
        return false;
    }
    *out = ordo_series_spread(&ratios);
    return true;
}

/* ---- a report ---- */

static void set_name(char to[ORDO_REPORT_NAME], const char *text)
{
    ORDO_ASSERT(strlen(text) < ORDO_REPORT_NAME);
    (void)snprintf(to, ORDO_REPORT_NAME, "%s", text);
}

void ordo_report_begin(
    struct ordo_report *report, const char *bench, const struct ordo_bench_options *options)
{
    memset(report, 0, sizeof(*report));
    report->bench = bench;
    report->options = options;
    ordo_machine_read(&report->machine, options->dir);
    ordo_report_set_text(report, "command", options->command);
    if (options->seconds > 0) {
        ordo_report_set(report, "seconds", options->seconds);
    }
    ordo_report_set(report, "repeats", options->repeats);
    ordo_report_set(report, "warm_up", options->warm_up);
    ordo_report_set(report, "quick", options->quick);
}

static struct ordo_report_entry *add_entry(struct ordo_report *report, const char *name)
{
    ORDO_ASSERT(report->config_count < ORDO_REPORT_ENTRIES_MAX);
    struct ordo_report_entry *entry = &report->config[report->config_count++];
    entry->name = name;
    return entry;
}

void ordo_report_set(struct ordo_report *report, const char *name, double value)
{
    add_entry(report, name)->number = value;
}

void ordo_report_set_text(struct ordo_report *report, const char *name, const char *value)
{
    struct ordo_report_entry *entry = add_entry(report, name);
    entry->is_text = true;
    (void)snprintf(entry->text, sizeof(entry->text), "%s", value);
}

struct ordo_report_row *ordo_report_find(struct ordo_report *report, const char *name)
{
    for (uint32_t i = 0; i < report->row_count; i++) {
        if (strcmp(report->rows[i].name, name) == 0) {
            return &report->rows[i];
        }
    }
    return NULL;
}

struct ordo_report_row *
ordo_report_row(struct ordo_report *report, const char *name, const char *unit)
{
    char own[2 * ORDO_REPORT_NAME];
    ORDO_ASSERT(report->row_count < ORDO_REPORT_ROWS_MAX);
    (void)snprintf(own, sizeof(own), "%s", name);
    for (uint32_t i = 2; ordo_report_find(report, own) != NULL; i++) {
        (void)snprintf(own, sizeof(own), "%s (%u)", name, i);
    }
    struct ordo_report_row *row = &report->rows[report->row_count++];
    set_name(row->name, own);
    set_name(row->unit, unit);
    return row;
}

struct ordo_report_row *
ordo_report_row_named(struct ordo_report *report, const char *unit, const char *format, ...)
{
    char name[ORDO_REPORT_NAME];
    va_list rest;
    va_start(rest, format);
    int size = vsnprintf(name, sizeof(name), format, rest);
    va_end(rest);
    ORDO_ASSERT(size > 0 && (size_t)size < sizeof(name));
    return ordo_report_row(report, name, unit);
}

void ordo_report_limit(struct ordo_report_row *row, const char *name)
{
    set_name(row->limit_name, name);
}

void ordo_report_add(struct ordo_report_row *row, double value)
{
    ordo_series_add(&row->own, value);
}

void ordo_report_pair(struct ordo_report_row *row, double value, double limit)
{
    ORDO_ASSERT(row->limit_name[0] != 0);
    ORDO_ASSERT(row->own.count == row->limit.count);
    ordo_series_add(&row->own, value);
    ordo_series_add(&row->limit, limit);
}

void ordo_report_latency(struct ordo_report_row *row, const struct ordo_histogram *latency)
{
    row->latency = latency;
}

void ordo_report_note(struct ordo_report *report, const char *format, ...)
{
    va_list rest;
    ORDO_ASSERT(report->note_count < ORDO_REPORT_NOTES_MAX);
    va_start(rest, format);
    (void)vsnprintf(report->notes[report->note_count++], ORDO_REPORT_NOTE, format, rest);
    va_end(rest);
}
