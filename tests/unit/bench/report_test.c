/* What a benchmark says: medians and spreads, ratios of pairs, JSON that parses, percentile files
 * that a plotter reads, and the common options. Figures are made up. */
#include "bench/options.h"
#include "bench/report.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ordo_bench_options options = {.seconds = 0.5, .repeats = 3, .json = true};
static struct ordo_report report;

static struct ordo_series series_of(const double *values, uint32_t count)
{
    struct ordo_series series = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        ordo_series_add(&series, values[i]);
    }
    return series;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9 * (1 + fabs(b));
}

static json_t *json_of(const struct ordo_report *r)
{
    char *text = NULL;
    size_t size = 0;
    json_error_t error;
    FILE *out = open_memstream(&text, &size);
    ordo_report_print_json(r, out);
    (void)fclose(out);
    cr_assert_eq(strchr(text, '\n'), text + size - 1, "one line");
    json_t *json = json_loads(text, 0, &error);
    cr_assert_not_null(json, "%s in %s", error.text, text);
    free(text);
    return json;
}

static double number_at(json_t *json, const char *name, const char *field)
{
    json_t *value = json_object_get(json_object_get(json, name), field);
    cr_assert(json_is_number(value), "%s.%s", name, field);
    return json_number_value(value);
}

Test(report, tells_the_median_and_the_ends_of_unsorted_values)
{
    const double values[] = {5, 1, 4, 2, 3};
    struct ordo_series odd = series_of(values, 5);
    struct ordo_spread spread = ordo_series_spread(&odd);
    cr_assert(near(spread.median, 3) && near(spread.least, 1) && near(spread.most, 5));
    struct ordo_series even = series_of(values, 4);
    spread = ordo_series_spread(&even);
    cr_assert(near(spread.median, 3), "the mean of 2 and 4: %g", spread.median);
    cr_assert(near(odd.values[0], 5), "the order of the repeats is kept");
    cr_assert(near(ordo_quantile(values, 5, 0.75), 4));
    cr_assert(near(ordo_quantile(values, 1, 0.99), 5));
    cr_assert(near(ordo_quantile(values, 0, 0.5), 0));
}

/* A slow machine in the second and third repeat: medians divided would say 1.5. */
Test(report, takes_the_ratio_of_each_pair_and_then_the_median)
{
    const double own[] = {30, 10, 10, 28, 11};
    const double limit[] = {20, 10, 10, 20, 10};
    struct ordo_series a = series_of(own, 5);
    struct ordo_series b = series_of(limit, 5);
    struct ordo_spread ratio;
    cr_assert(ordo_series_ratio(&a, &b, &ratio));
    cr_assert(near(ratio.median, 1.1), "%g", ratio.median);
    cr_assert(near(ratio.least, 1) && near(ratio.most, 1.5));
}

Test(report, leaves_out_pairs_without_a_limit)
{
    const double own[] = {4, 9};
    const double limit[] = {0, 3};
    struct ordo_series a = series_of(own, 2);
    struct ordo_series b = series_of(limit, 2);
    struct ordo_spread ratio;
    cr_assert(ordo_series_ratio(&a, &b, &ratio));
    cr_assert(near(ratio.median, 3) && near(ratio.least, 3));
    struct ordo_series none = series_of(limit, 1);
    cr_assert_not(ordo_series_ratio(&a, &none, &ratio));
}

Test(report, gives_rows_of_one_name_numbers)
{
    ordo_report_begin(&report, "pairs", &options);
    struct ordo_report_row *first = ordo_report_row(&report, "A", "us");
    struct ordo_report_row *second = ordo_report_row(&report, "A", "us");
    cr_assert_str_eq(first->name, "A");
    cr_assert_str_eq(second->name, "A (2)");
    cr_assert_eq(ordo_report_find(&report, "A (2)"), second);
    cr_assert_null(ordo_report_find(&report, "B"));
    struct ordo_report_row *third = ordo_report_row_named(&report, "us", "%s of %u", "row", 3u);
    cr_assert_str_eq(third->name, "row of 3");
}

Test(report, says_all_of_the_schema_in_one_line_of_json)
{
    static struct ordo_histogram latency;
    ordo_histogram_reset(&latency);
    for (uint64_t i = 1; i <= 1000; i++) {
        ordo_histogram_record(&latency, i * 1000);
    }
    ordo_report_begin(&report, "made-up", &options);
    ordo_report_set_text(&report, "url", "ipc://\"quoted\\\n");
    ordo_report_set(&report, "orders", 1e6);
    struct ordo_report_row *row = ordo_report_row(&report, "1 x 1", "commands/s");
    ordo_report_limit(row, "echo");
    ordo_report_pair(row, 50, 100);
    ordo_report_pair(row, 80, 100);
    ordo_report_pair(row, 60, 80);
    ordo_report_latency(row, &latency);
    ordo_report_add(ordo_report_row(&report, "plain", "us"), NAN);
    ordo_report_note(&report, "a note of %d words", 5);
    json_t *json = json_of(&report);
    cr_assert_str_eq(json_string_value(json_object_get(json, "bench")), "made-up");
    cr_assert(json_is_string(json_object_get(json, "commit")));
    const char *texts[] = {"cpu", "kernel", "disk", "file_system", "compiler", "build"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *text = json_object_get(json_object_get(json, "machine"), texts[i]);
        cr_assert(json_is_string(text) && json_string_length(text) > 0, "%s", texts[i]);
    }
    cr_assert(number_at(json, "machine", "cores") >= 1);
    cr_assert(number_at(json, "machine", "load") >= 0);
    cr_assert(near(number_at(json, "config", "seconds"), 0.5));
    cr_assert(near(number_at(json, "config", "orders"), 1e6));
    json_t *url = json_object_get(json_object_get(json, "config"), "url");
    cr_assert_str_eq(json_string_value(url), "ipc://\"quoted\\\n");
    json_t *rows = json_object_get(json, "rows");
    cr_assert_eq(json_array_size(rows), 2);
    json_t *first = json_array_get(rows, 0);
    cr_assert(near(json_number_value(json_object_get(first, "median")), 60));
    cr_assert(near(json_number_value(json_object_get(first, "least")), 50));
    cr_assert(near(json_number_value(json_object_get(first, "most")), 80));
    cr_assert_eq(json_integer_value(json_object_get(first, "repeats")), 3);
    cr_assert(near(number_at(first, "limit", "median"), 100));
    cr_assert(near(number_at(first, "ratio", "median"), 0.75));
    cr_assert(fabs(number_at(first, "latency_us", "p50") - 500) < 1);
    cr_assert(fabs(number_at(first, "latency_us", "p99_9") - 999) < 2);
    cr_assert(near(number_at(first, "latency_us", "max"), 1000));
    cr_assert(near(number_at(first, "latency_us", "count"), 1000));
    json_t *second = json_array_get(rows, 1);
    cr_assert(json_is_null(json_object_get(second, "median")), "no NaN in JSON");
    cr_assert_null(json_object_get(second, "limit"));
    cr_assert_null(json_object_get(second, "latency_us"));
    cr_assert_str_eq(
        json_string_value(json_array_get(json_object_get(json, "notes"), 0)), "a note of 5 words");
    json_decref(json);
}

/* As HdrHistogram's plotters do: four columns, the last line without the fourth, comments by #. */
Test(report, writes_percentile_files_that_plotters_read)
{
    static struct ordo_histogram latency;
    char dir[] = "/tmp/ordo-report-XXXXXX";
    char path[128];
    char line[256];
    ordo_histogram_reset(&latency);
    for (uint64_t i = 1; i <= 998; i++) {
        ordo_histogram_record(&latency, 100 * 1000);
    }
    ordo_histogram_record(&latency, 100 * 1000 * 1000);
    ordo_histogram_record(&latency, 100 * 1000 * 1000);
    cr_assert_not_null(mkdtemp(dir));
    ordo_report_begin(&report, "e2e", &options);
    ordo_report_latency(ordo_report_row(&report, "1 x 1/open", "us"), &latency);
    cr_assert(ordo_report_write_hgrm(&report, dir));
    (void)snprintf(path, sizeof(path), "%s/e2e-1-x-1-open.hgrm", dir);
    FILE *in = fopen(path, "r");
    cr_assert_not_null(in, "%s", path);
    double value = 0;
    double share = 0;
    double deviation = 0;
    double before = 0;
    unsigned long long count = 0;
    uint32_t lines = 0;
    while (fgets(line, sizeof(line), in) != NULL) {
        (void)sscanf(line, "#[Mean = %*f, StdDeviation = %lf]", &deviation);
        if (line[0] == '#' || strstr(line, "Percentile") != NULL || line[0] == '\n') {
            continue;
        }
        cr_assert_eq(sscanf(line, "%lf %lf %llu", &value, &share, &count), 3, "%s", line);
        cr_assert(value >= before);
        before = value;
        lines++;
    }
    (void)fclose(in);
    cr_assert_eq(lines, 2);
    cr_assert(deviation > 4400 && deviation < 4500, "of 998 and 2 values: %g us", deviation);
    cr_assert_eq(count, 1000);
    cr_assert(near(share, 1) && fabs(value - 100000) < 100, "%g us at %g", value, share);
    (void)unlink(path);
    (void)rmdir(dir);
}

Test(report, fails_where_a_percentile_file_cannot_be_written)
{
    static struct ordo_histogram latency;
    ordo_histogram_reset(&latency);
    ordo_histogram_record(&latency, 1);
    ordo_report_begin(&report, "e2e", &options);
    ordo_report_latency(ordo_report_row(&report, "row", "us"), &latency);
    cr_assert_not(ordo_report_write_hgrm(&report, "/proc/no-such-folder"));
}

/* ---- options ---- */

static uint32_t batches[3];
static uint32_t batch_count;

static error_t parse_own(int key, char *argument, struct argp_state *state)
{
    const struct ordo_bench_list list = {batches, 3, 1, 4096};
    uint32_t *count = state->input;
    if (key != 'b') {
        return ARGP_ERR_UNKNOWN;
    }
    *count = ordo_bench_numbers(state, "batch", argument, &list);
    return 0;
}

static struct ordo_bench_options parsed(int argc, char **argv)
{
    static const struct argp_option own[] = {{"batch", 'b', "N[,N]", 0, "Batches", 0}, {0}};
    struct ordo_bench_options common = {.seconds = 1, .repeats = 9, .warm_up = 0.5, .dir = "."};
    const struct ordo_bench_verb verb = {"doc", own, parse_own, &batch_count, &common};
    ordo_bench_parse(&verb, argc, argv);
    return common;
}

Test(options, keeps_the_defaults_and_takes_what_is_given)
{
    char *none[] = {"bench", NULL};
    struct ordo_bench_options common = parsed(1, none);
    cr_assert(near(common.seconds, 1) && near(common.warm_up, 0.5));
    cr_assert_eq(common.repeats, 9);
    cr_assert_str_eq(common.dir, ".");
    cr_assert(!common.json && !common.quick && common.hgrm == NULL);
    char *all[] = {
        "bench",
        "--seconds",
        "2",
        "-r",
        "3",
        "--warm-up=0",
        "--dir",
        "/tmp",
        "--json",
        "--hgrm",
        "plots",
        "--batch",
        "1,64",
        NULL};
    common = parsed(13, all);
    cr_assert(near(common.seconds, 2) && near(common.warm_up, 0));
    cr_assert_eq(common.repeats, 3);
    cr_assert_str_eq(common.dir, "/tmp");
    cr_assert_str_eq(common.hgrm, "plots");
    cr_assert(common.json);
    cr_assert_str_eq(
        common.command,
        "bench --seconds 2 -r 3 --warm-up=0 --dir /tmp --json --hgrm plots --batch 1,64");
    cr_assert_eq(batch_count, 2);
    cr_assert(batches[0] == 1 && batches[1] == 64);
}

Test(options, shortens_what_was_not_given_when_quick)
{
    char *before[] = {"bench", "--quick", "--repeats", "5", NULL};
    struct ordo_bench_options common = parsed(4, before);
    cr_assert(common.quick && common.seconds < 0.1 && common.warm_up < 0.1);
    cr_assert_eq(common.repeats, 5);
    char *after[] = {"bench", "--seconds", "3", "--quick", NULL};
    common = parsed(4, after);
    cr_assert(near(common.seconds, 3));
    cr_assert(common.repeats < 9);
}

static void refuse(char *name, char *value)
{
    char *argv[] = {"bench", name, value, NULL};
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    (void)parsed(3, argv);
}

Test(options, ends_with_64_on_repeats_that_are_none, .exit_code = 64)
{
    refuse("--repeats", "3x");
}

Test(options, ends_with_64_on_a_time_out_of_range, .exit_code = 64)
{
    refuse("--seconds", "1e9");
}

Test(options, ends_with_64_on_a_negative_number, .exit_code = 64)
{
    refuse("--repeats", "-1");
}

Test(options, ends_with_64_on_a_list_with_a_hole, .exit_code = 64)
{
    refuse("--batch", "1,,2");
}

Test(options, ends_with_64_on_a_list_that_is_too_long, .exit_code = 64)
{
    refuse("--batch", "1,2,3,4");
}
