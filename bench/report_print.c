/* The JSON is written by hand: a line of numbers needs no library, and what is text of the outside
 * is escaped in one place. Numbers that JSON does not know become null. */
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <ordo_version.h>
#include <string.h>
#include <sys/stat.h>

#define US             1e3 /* ns */
#define HGRM_NAME_SIZE 512
#define NAME_WIDTH_MIN 20
#define MEGA_FROM      1e6 /* the table tells larger rates in millions */

static const struct {
    const char *name;
    double share;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

/* ---- JSON ---- */

static void put_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void put_number(FILE *out, const char *before, const char *name, double value)
{
    if (isfinite(value)) {
        (void)fprintf(out, "%s\"%s\":%.10g", before, name, value);
    } else {
        (void)fprintf(out, "%s\"%s\":null", before, name);
    }
}

static void put_spread(FILE *out, const struct ordo_spread *spread)
{
    put_number(out, "", "median", spread->median);
    put_number(out, ",", "least", spread->least);
    put_number(out, ",", "most", spread->most);
}

static void put_entry(FILE *out, const char *before, const char *name, const char *text)
{
    (void)fprintf(out, "%s\"%s\":", before, name);
    put_text(out, text);
}

static void put_machine(FILE *out, const struct ordo_machine *machine)
{
    put_entry(out, ",\"machine\":{", "cpu", machine->cpu);
    put_number(out, ",", "cores", machine->cores);
    put_number(out, ",", "memory_gib", machine->memory_gib);
    put_entry(out, ",", "kernel", machine->kernel);
    put_entry(out, ",", "disk", machine->disk);
    put_entry(out, ",", "file_system", machine->file_system);
    put_number(out, ",", "load", machine->load);
    put_entry(out, ",", "compiler", ORDO_COMPILER);
    put_entry(out, ",", "build", ORDO_BUILD_TYPE);
    (void)fputs("}", out);
}

static void put_config(FILE *out, const struct ordo_report *report)
{
    (void)fputs(",\"config\":{", out);
    for (uint32_t i = 0; i < report->config_count; i++) {
        const struct ordo_report_entry *entry = &report->config[i];
        const char *before = i == 0 ? "" : ",";
        if (entry->is_text) {
            put_entry(out, before, entry->name, entry->text);
        } else {
            put_number(out, before, entry->name, entry->number);
        }
    }
    (void)fputs("}", out);
}

static void put_latency(FILE *out, const struct ordo_histogram *latency)
{
    (void)fputs(",\"latency_us\":{", out);
    for (size_t i = 0; i < PERCENTILES; i++) {
        double ns = (double)ordo_histogram_quantile(latency, percentiles[i].share);
        put_number(out, i == 0 ? "" : ",", percentiles[i].name, ns / US);
    }
    put_number(out, ",", "max", (double)latency->max / US);
    put_number(out, ",", "count", (double)latency->total);
    (void)fputs("}", out);
}

static void put_row(FILE *out, const struct ordo_report_row *row)
{
    struct ordo_spread own = ordo_series_spread(&row->own);
    struct ordo_spread ratio;
    put_entry(out, "{", "name", row->name);
    put_entry(out, ",", "unit", row->unit);
    (void)fputs(",", out);
    put_spread(out, &own);
    put_number(out, ",", "repeats", row->own.count);
    if (row->limit_name[0] != 0) {
        put_entry(out, ",\"limit\":{", "name", row->limit_name);
        put_number(out, ",", "median", ordo_series_spread(&row->limit).median);
        (void)fputs("}", out);
        if (ordo_series_ratio(&row->own, &row->limit, &ratio)) {
            (void)fputs(",\"ratio\":{", out);
            put_spread(out, &ratio);
            (void)fputs("}", out);
        }
    }
    if (row->latency != NULL && row->latency->total != 0) {
        put_latency(out, row->latency);
    }
    (void)fputs("}", out);
}

void ordo_report_print_json(const struct ordo_report *report, FILE *out)
{
    put_entry(out, "{\"schema\":1,", "bench", report->bench);
    put_entry(out, ",", "version", ORDO_VERSION);
    put_entry(out, ",", "commit", ORDO_COMMIT);
    put_machine(out, &report->machine);
    put_config(out, report);
    (void)fputs(",\"rows\":[", out);
    for (uint32_t i = 0; i < report->row_count; i++) {
        (void)fputs(i == 0 ? "" : ",", out);
        put_row(out, &report->rows[i]);
    }
    (void)fputs("]", out);
    for (uint32_t i = 0; i < report->note_count; i++) {
        (void)fputs(i == 0 ? ",\"notes\":[" : ",", out);
        put_text(out, report->notes[i]);
    }
    (void)fputs(report->note_count == 0 ? "}\n" : "]}\n", out);
}

/* ---- table ---- */

/* Of the first column: the longest name. */
static int width_of(const struct ordo_report *report)
{
    size_t width = NAME_WIDTH_MIN;
    for (uint32_t i = 0; i < report->row_count; i++) {
        size_t size = strlen(report->rows[i].name);
        width = size > width && !report->rows[i].json_only ? size : width;
    }
    return (int)width;
}

static void print_row(const struct ordo_report_row *row, int width, FILE *out)
{
    struct ordo_spread own = ordo_series_spread(&row->own);
    struct ordo_spread ratio;
    bool mega = own.median >= MEGA_FROM;
    double scale = mega ? MEGA_FROM : 1;
    char unit[ORDO_REPORT_NAME + 2];
    (void)snprintf(unit, sizeof(unit), "%s%s", mega ? "M " : "", row->unit);
    (void)fprintf(
        out,
        "%-*s %12.2f %12.2f %12.2f  ",
        width,
        row->name,
        own.median / scale,
        own.least / scale,
        own.most / scale);
    if (row->limit_name[0] == 0 || !ordo_series_ratio(&row->own, &row->limit, &ratio)) {
        (void)fprintf(out, "%s\n", unit);
        return;
    }
    (void)fprintf(
        out,
        "%-17s %.3f (%.3f - %.3f) of %s, %.2f\n",
        unit,
        ratio.median,
        ratio.least,
        ratio.most,
        row->limit_name,
        ordo_series_spread(&row->limit).median / scale);
}

static void print_latencies(const struct ordo_report *report, int width, FILE *out)
{
    bool headed = false;
    for (uint32_t i = 0; i < report->row_count; i++) {
        const struct ordo_histogram *h = report->rows[i].latency;
        if (h == NULL || h->total == 0) {
            continue;
        }
        if (!headed) {
            (void)fprintf(out, "%-*s", width, "latency, us");
            for (size_t k = 0; k < PERCENTILES; k++) {
                (void)fprintf(out, " %10s", percentiles[k].name);
            }
            (void)fprintf(out, " %10s %10s\n", "max", "count");
            headed = true;
        }
        (void)fprintf(out, "%-*s", width, report->rows[i].name);
        for (size_t k = 0; k < PERCENTILES; k++) {
            double ns = (double)ordo_histogram_quantile(h, percentiles[k].share);
            (void)fprintf(out, " %10.1f", ns / US);
        }
        (void)fprintf(out, " %10.1f %10llu\n", (double)h->max / US, (unsigned long long)h->total);
    }
}

void ordo_report_print_table(const struct ordo_report *report, FILE *out)
{
    const struct ordo_machine *m = &report->machine;
    int width = width_of(report);
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        (void)fprintf(out, "a %s build: its figures mean nothing\n", ORDO_BUILD_TYPE);
    }
    (void)fprintf(
        out,
        "%s, %u cores, %s, %s on %s, load %.1f; commit %s, %s\n",
        m->cpu,
        m->cores,
        m->kernel,
        m->file_system,
        m->disk,
        m->load,
        ORDO_COMMIT,
        ORDO_COMPILER);
    (void)fprintf(
        out, "%-*s %12s %12s %12s  %s\n", width, report->bench, "median", "least", "most", "unit");
    for (uint32_t i = 0; i < report->row_count; i++) {
        if (!report->rows[i].json_only) {
            print_row(&report->rows[i], width, out);
        }
    }
    print_latencies(report, width, out);
    for (uint32_t i = 0; i < report->note_count; i++) {
        (void)fprintf(out, "%s\n", report->notes[i]);
    }
}

/* ---- percentile files ---- */

static void
make_file_name(char out[HGRM_NAME_SIZE], const char *dir, const char *bench, const char *row)
{
    int begin = snprintf(out, HGRM_NAME_SIZE, "%.300s/", dir);
    (void)snprintf(out + begin, (size_t)(HGRM_NAME_SIZE - begin), "%.60s-%s.hgrm", bench, row);
    for (char *at = out + begin; *at != 0; at++) {
        bool fine = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '.' || *at == '_';
        *at = fine ? *at : '-';
    }
}

static bool write_one(const char *path, const struct ordo_histogram *latency)
{
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return false;
    }
    ordo_histogram_write_hgrm(latency, US, out);
    bool good = ferror(out) == 0;
    return fclose(out) == 0 && good;
}

bool ordo_report_write_hgrm(const struct ordo_report *report, const char *dir)
{
    bool good = mkdir(dir, 0777) == 0 || errno == EEXIST;
    char path[HGRM_NAME_SIZE];
    (void)snprintf(path, sizeof(path), "%.300s", dir);
    for (uint32_t i = 0; i < report->row_count && good; i++) {
        const struct ordo_report_row *row = &report->rows[i];
        if (row->latency != NULL && row->latency->total != 0) {
            make_file_name(path, dir, report->bench, row->name);
            good = write_one(path, row->latency);
        }
    }
    if (!good) {
        (void)fprintf(stderr, "ordo: bench %s: %s: %s\n", report->bench, path, strerror(errno));
    }
    return good;
}

int ordo_report_end(const struct ordo_report *report)
{
    ordo_report_print_json(report, stdout);
    if (!report->options->json) {
        ordo_report_print_table(report, stderr);
    }
    bool good =
        report->options->hgrm == NULL || ordo_report_write_hgrm(report, report->options->hgrm);
    return good && fflush(stdout) == 0 ? ORDO_BENCH_OK : ORDO_BENCH_FAILED;
}
