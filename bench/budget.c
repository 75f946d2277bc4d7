/* Each load has a node of its own, so that its figures are of this load and nothing else. What the
 * client saw (from its send to its answer) stands above the node's total; the difference is
 * sockets, the kernel and the client itself. */
#include "bench/budget.h"

#include "bench/bench.h"
#include "bench/e2e_load.h"
#include "net/service.h"
#include "order/result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_NAME    64
#define ASK_TIMEOUT_MS 10000
#define STATS_NAME     (ORDO_STAT_NAME_MAX + 1)
#define NUMBERS_MAX    ORDO_STATS_MAX
#define NO_SHARE       (-1.0)

/* ---- the table ---- */

static const struct {
    const char *name;
    const char *from;
    bool shared;
} stages[ORDO_BUDGET_LINES] = {
    {"claim", "receive", true},
    {"apply", "claim", true},
    {"durable", "apply", true},
    {"reply", "durable", true},
    {"total", "receive", true},
    {"publish", "durable", false},
    {"subscriber-ack", "change", false},
};

struct source {
    uint64_t (*number)(void *context, const char *name);
    void *context;
};

static double number_us(const struct source *source, const char *prefix, const char *what)
{
    char name[NUMBER_NAME];
    (void)snprintf(name, sizeof(name), "%s.last_%s_ns", prefix, what);
    return (double)source->number(source->context, name) / 1e3;
}

static double sync_us(const struct source *source, const char *name)
{
    return (double)source->number(source->context, name);
}

static void fill_stage(struct ordo_budget_line *line, const struct source *source)
{
    char prefix[NUMBER_NAME / 2];
    char name[NUMBER_NAME];
    (void)snprintf(prefix, sizeof(prefix), "stage.%s", line->name);
    (void)snprintf(name, sizeof(name), "%s.last_count", prefix);
    line->count = source->number(source->context, name);
    line->mean_us = number_us(source, prefix, "sum"); /* divided below */
    line->p50_us = number_us(source, prefix, "p50");
    line->p99_us = number_us(source, prefix, "p99");
    line->p999_us = number_us(source, prefix, "p999");
    line->max_us = number_us(source, prefix, "max");
}

static void fill_ack(struct ordo_budget_line *line, const struct source *source)
{
    line->count = source->number(source->context, "sync.acks");
    line->mean_us = sync_us(source, "sync.sum_us");
    line->p50_us = sync_us(source, "sync.p50_us");
    line->p99_us = sync_us(source, "sync.p99_us");
    line->p999_us = sync_us(source, "sync.p999_us");
    line->max_us = sync_us(source, "sync.max_us");
}

void ordo_budget_fill(
    struct ordo_budget *budget, uint64_t (*number)(void *context, const char *name), void *context)
{
    const struct source source = {number, context};
    double total_us = number_us(&source, "stage.total", "sum");
    *budget = (struct ordo_budget){.every = number(context, "stage.every")};
    for (uint32_t i = 0; i < ORDO_BUDGET_LINES; i++) {
        struct ordo_budget_line *line = &budget->lines[i];
        line->name = stages[i].name;
        line->from = stages[i].from;
        if (i + 1 == ORDO_BUDGET_LINES) {
            fill_ack(line, &source);
        } else {
            fill_stage(line, &source);
        }
        line->share = stages[i].shared && total_us > 0 ? line->mean_us / total_us : NO_SHARE;
        line->mean_us = line->count == 0 ? 0 : line->mean_us / (double)line->count;
    }
}

static void print_heading(FILE *out)
{
    (void)fprintf(
        out,
        "%-15s %-8s %10s %10s %10s %10s %10s %10s %7s\n",
        "latency, us",
        "from",
        "samples",
        "mean",
        "p50",
        "p99",
        "p99.9",
        "max",
        "share");
}

void ordo_budget_print(const struct ordo_budget *budget, FILE *out)
{
    bool headed = false;
    for (uint32_t i = 0; i < ORDO_BUDGET_LINES; i++) {
        const struct ordo_budget_line *line = &budget->lines[i];
        if (line->count == 0) {
            continue;
        }
        if (!headed) {
            print_heading(out);
            headed = true;
        }
        (void)fprintf(
            out,
            "%-15s %-8s %10" PRIu64 " %10.1f %10.1f %10.1f %10.1f %10.1f",
            line->name,
            line->from,
            line->count,
            line->mean_us,
            line->p50_us,
            line->p99_us,
            line->p999_us,
            line->max_us);
        if (line->share >= 0) {
            (void)fprintf(out, " %5.1f %%", line->share * 100);
        }
        (void)fprintf(out, "\n");
    }
}

/* ---- a node's numbers ---- */

struct numbers {
    struct {
        char name[STATS_NAME];
        uint64_t value;
    } list[NUMBERS_MAX];
    uint32_t count;
};

static uint64_t number_in(void *context, const char *name)
{
    const struct numbers *numbers = context;
    for (uint32_t i = 0; i < numbers->count; i++) {
        if (strcmp(numbers->list[i].name, name) == 0) {
            return numbers->list[i].value;
        }
    }
    return 0;
}

static enum ordo_err
call_stats(struct ordo_client *client, struct numbers *numbers, struct ordo_fail *fail)
{
    static const struct ordo_service service = {.kind = ORDO_SERVICE_STATS};
    const struct ordo_answer *answer = NULL;
    enum ordo_err err = ordo_client_call_service(client, &service, ASK_TIMEOUT_MS, &answer);
    if (err != ORDO_OK || answer->item.result.code != ORDO_RESULT_OK || !answer->item.has_body) {
        return ordo_fail_set(fail, ORDO_ERR_UNAVAILABLE, "the node does not tell its stats");
    }
    struct ordo_mp_reader body = answer->item.body;
    uint32_t count = ordo_body_stats(&body);
    for (numbers->count = 0; numbers->count < count && numbers->count < NUMBERS_MAX;) {
        struct ordo_bytes name = {NULL, 0};
        uint32_t i = numbers->count;
        ordo_body_stat(&body, &name, &numbers->list[i].value);
        if (body.error != NULL || name.size >= STATS_NAME) {
            return ordo_fail_set(fail, ORDO_ERR_INVALID, "the node's stats cannot be read");
        }
        memcpy(numbers->list[i].name, name.data, name.size);
        numbers->list[i].name[name.size] = '\0';
        numbers->count++;
    }
    return ORDO_OK;
}

static enum ordo_err ask_stats(const char *url, struct numbers *numbers, struct ordo_fail *fail)
{
    const struct ordo_client_config config = {.url = url};
    struct ordo_client *client = NULL;
    enum ordo_err err = ordo_client_open(&config, &client, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_client_connect(client, ASK_TIMEOUT_MS, fail);
    err = err == ORDO_OK ? call_stats(client, numbers, fail) : err;
    ordo_client_close(client);
    return err;
}

/* ---- loads ---- */

static const struct load {
    const char *name;
    uint32_t lanes;
    uint32_t group;
    const char *sample; /* fewer commands, a larger share of them */
} loads[] = {
    {"1 x 1", 1, 1, "ring.sample=1"},
    {"64 x 1", 64, 1, "ring.sample=16"},
    {"16 x 256", 16, 256, "ring.sample=64"},
};

struct run {
    struct ordo_histogram latency; /* the client's */
    struct numbers numbers;
};

#define LOAD_COUNT (sizeof(loads) / sizeof(loads[0]))

static void add_row(struct ordo_report *report, const char *name, const char *unit, double value)
{
    struct ordo_report_row *row = ordo_report_row(report, name, unit);
    row->json_only = true;
    ordo_report_add(row, value);
}

static void
add_rows(struct ordo_report *report, const struct load *load, const struct ordo_budget *budget)
{
    char name[ORDO_REPORT_NAME];
    for (uint32_t i = 0; i < ORDO_BUDGET_LINES; i++) {
        const struct ordo_budget_line *line = &budget->lines[i];
        const double values[] = {line->p50_us, line->p99_us, line->p999_us};
        static const char *const names[] = {"p50", "p99", "p99.9"};
        if (line->count == 0) {
            continue;
        }
        for (uint32_t q = 0; q < 3; q++) {
            (void)snprintf(
                name, sizeof(name), "budget %s: %s %s", load->name, line->name, names[q]);
            add_row(report, name, "us", values[q]);
        }
        if (line->share >= 0) {
            (void)snprintf(name, sizeof(name), "budget %s: %s share", load->name, line->name);
            add_row(report, name, "of the total", line->share);
        }
    }
}

static void print_load(
    const struct load *load,
    const struct ordo_budget *budget,
    const struct ordo_histogram *latency,
    FILE *out)
{
    double mean = latency->total == 0 ? 0 : (double)latency->sum / (double)latency->total / 1e3;
    (void)fprintf(
        out,
        "\n%s, where the time of a command goes; the client saw mean %.1f us, p50 %.1f, p99 %.1f, "
        "p99.9 %.1f a request\n",
        load->name,
        mean,
        (double)ordo_histogram_quantile(latency, 0.5) / 1e3,
        (double)ordo_histogram_quantile(latency, 0.99) / 1e3,
        (double)ordo_histogram_quantile(latency, 0.999) / 1e3);
    ordo_budget_print(budget, out);
}

/* A second after the first look the node tells what came since (net/feed_stats.c): so the load runs
 * once before it, when the node meets its memory for the first time, and once behind it. */
static enum ordo_err run_load(
    const struct load *load,
    const char *url,
    double seconds,
    struct run *run,
    struct ordo_fail *fail)
{
    struct ordo_e2e *e2e = NULL;
    struct ordo_e2e_count count;
    uint64_t limit_ns = (uint64_t)(seconds * 1e9);
    enum ordo_err err = ordo_e2e_open(&e2e, url, load->lanes, load->group, 1, fail);
    for (uint32_t i = 0; i < 2 && err == ORDO_OK; i++) {
        ordo_histogram_reset(&run->latency);
        err = ordo_e2e_run(e2e, limit_ns, &run->latency, &count, fail);
        err = err == ORDO_OK ? ask_stats(url, &run->numbers, fail) : err;
    }
    ordo_e2e_close(e2e);
    return err;
}

enum ordo_err ordo_budget_measure(
    const struct ordo_child_config *config,
    struct ordo_report *report,
    FILE *out,
    struct ordo_fail *fail)
{
    static struct run run;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < LOAD_COUNT && err == ORDO_OK; i++) {
        struct ordo_child_config own = *config;
        struct ordo_child node;
        struct ordo_budget budget;
        ORDO_ASSERT(own.flag_count < ORDO_CHILD_FLAGS);
        own.flags[own.flag_count++] = loads[i].sample;
        err = ordo_child_open(&node, &own, fail);
        if (err == ORDO_OK) {
            err = run_load(&loads[i], node.url, report->options->seconds, &run, fail);
        }
        ordo_child_close(&node);
        if (err == ORDO_OK) {
            ordo_budget_fill(&budget, number_in, &run.numbers);
            add_rows(report, &loads[i], &budget);
        }
        if (err == ORDO_OK && out != NULL) {
            print_load(&loads[i], &budget, &run.latency, out);
        }
    }
    return err;
}

/* ---- `ordo bench budget` ---- */

int ordo_bench_budget(int argc, char **argv)
{
    static struct ordo_report report;
    struct ordo_bench_options common = {.seconds = 1, .repeats = 1, .dir = "."};
    const struct ordo_bench_verb verb = {
        .doc =
            "Where the microseconds of a command go in a node, stage by stage, at several loads.",
        .common = &common,
    };
    struct ordo_fail fail;
    ordo_bench_parse(&verb, argc, argv);
    const struct ordo_child_config config = {.dir = common.dir};
    ordo_report_begin(&report, "budget", &common);
    enum ordo_err err = ordo_budget_measure(&config, &report, common.json ? NULL : stderr, &fail);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench budget: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    return ordo_report_end(&report);
}
