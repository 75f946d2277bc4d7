#include "bench/visit.h"

#include "bench/child.h"
#include "bench/pace.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_MS    100u
#define CONNECT_TRIES 600u

struct cores {
    double node;
    double idle;
    double client;
};

static const char *const metric_names[ORDO_METRIC_COUNT] = {
    "commands_per_s",
    "p50_us",
    "p99_us",
    "p999_us",
    "max_us",
    "node_cores",
    "idle_cores",
    "client_cores",
};

const char *ordo_metric_name(enum ordo_metric metric)
{
    ORDO_ASSERT(metric < ORDO_METRIC_COUNT);
    return metric_names[metric];
}

const char *ordo_metric_unit(enum ordo_metric metric)
{
    if (metric == ORDO_METRIC_THROUGHPUT) {
        return "commands/s";
    }
    return metric >= ORDO_METRIC_NODE_CPU ? "cores" : "us";
}

static double own_cpu_s(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void rest(double seconds)
{
    uint64_t ns = (uint64_t)(seconds * 1e9);
    struct timespec left = {(time_t)(ns / ORDO_NS_PER_S), (long)(ns % ORDO_NS_PER_S)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

/* A node that refuses its configuration has ended with one line that says why. */
static enum ordo_err reach(
    struct ordo_child *node,
    const struct ordo_pace_config *config,
    struct ordo_pace **pace,
    struct ordo_tried *tried,
    struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_ERR_UNAVAILABLE;
    for (uint32_t i = 0; i < CONNECT_TRIES && err != ORDO_OK; i++) {
        err = ordo_pace_open(pace, config, CONNECT_MS, fail);
        if (err != ORDO_OK) {
            ordo_pace_close(*pace);
            *pace = NULL;
            tried->refused = ordo_child_has_ended(node, tried->reason, sizeof(tried->reason));
            if (tried->refused) {
                return ORDO_OK;
            }
        }
    }
    return err;
}

static void add(struct ordo_tried *tried, enum ordo_metric metric, double value)
{
    ordo_series_add(&tried->values[metric], value);
}

static double latency_us(const struct ordo_histogram *latency, double share)
{
    return (double)ordo_histogram_quantile(latency, share) / 1e3;
}

static void keep(
    struct ordo_tried *tried,
    const struct ordo_pace_count *count,
    const struct ordo_histogram *latency,
    const struct cores *cores)
{
    tried->count++;
    add(tried, ORDO_METRIC_THROUGHPUT, (double)count->commands / count->seconds);
    add(tried, ORDO_METRIC_P50, latency_us(latency, 0.5));
    add(tried, ORDO_METRIC_P99, latency_us(latency, 0.99));
    add(tried, ORDO_METRIC_P999, latency_us(latency, 0.999));
    add(tried, ORDO_METRIC_MAX, (double)latency->max / 1e3);
    add(tried, ORDO_METRIC_NODE_CPU, cores->node);
    add(tried, ORDO_METRIC_IDLE_CPU, cores->idle);
    add(tried, ORDO_METRIC_CLIENT_CPU, cores->client);
    tried->busy += count->busy;
    tried->unsent += count->unsent;
    ordo_histogram_add(tried->latency, latency);
}

static enum ordo_err measure(
    const struct ordo_visit_config *config,
    const struct ordo_child *node,
    struct ordo_pace *pace,
    struct ordo_tried *tried,
    struct ordo_fail *fail)
{
    struct ordo_clock clock = ordo_clock_system();
    struct ordo_pace_count count;
    struct ordo_histogram *latency = calloc(1, sizeof(*latency));
    struct cores cores;
    if (tried->latency == NULL) {
        tried->latency = calloc(1, sizeof(*tried->latency));
    }
    if (latency == NULL || tried->latency == NULL) {
        free(latency);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a histogram");
    }
    enum ordo_err err =
        ordo_pace_run(pace, (uint64_t)(config->warm_up_s * 1e9), latency, &count, fail);
    double used = ordo_child_cpu_s(node);
    uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
    rest(config->idle_s);
    double idle_s = (double)(ordo_clock_monotonic_ns(&clock) - begin_ns) / 1e9;
    cores.idle = (ordo_child_cpu_s(node) - used) / idle_s;
    ordo_histogram_reset(latency);
    if (err == ORDO_OK) {
        used = ordo_child_cpu_s(node);
        double own = own_cpu_s();
        begin_ns = ordo_clock_monotonic_ns(&clock);
        err = ordo_pace_run(pace, (uint64_t)(config->seconds * 1e9), latency, &count, fail);
        double spent_s = (double)(ordo_clock_monotonic_ns(&clock) - begin_ns) / 1e9;
        cores.node = (ordo_child_cpu_s(node) - used) / spent_s;
        cores.client = (own_cpu_s() - own) / spent_s;
    }
    if (err == ORDO_OK) {
        keep(tried, &count, latency, &cores);
    }
    free(latency);
    return err;
}

/* Capacities for what a fast machine does in the time: a command id is remembered for all of it. */
static uint32_t capacities(double seconds, char flags[3][ORDO_POINT_FLAG_SIZE])
{
    unsigned long long orders = 200000 + (unsigned long long)(seconds * 600000);
    (void)snprintf(flags[0], ORDO_POINT_FLAG_SIZE, "genesis.orders_max=%llu", orders);
    (void)snprintf(flags[1], ORDO_POINT_FLAG_SIZE, "genesis.ids_max=%llu", 4 * orders);
    (void)snprintf(flags[2], ORDO_POINT_FLAG_SIZE, "genesis.payments_max=%llu", 2 * orders);
    return 3;
}

enum ordo_err ordo_visit(
    const struct ordo_visit_config *config,
    const struct ordo_axes *axes,
    struct ordo_tried *tried,
    struct ordo_fail *fail)
{
    char flags[ORDO_POINT_FLAGS + 3][ORDO_POINT_FLAG_SIZE];
    struct ordo_child_config child = {.dir = config->dir};
    struct ordo_child node;
    struct ordo_pace *pace = NULL;
    ORDO_ASSERT(tried->count < ORDO_BENCH_REPEATS_MAX);
    child.flag_count = ordo_point_flags(axes, &tried->point, flags);
    child.flag_count += capacities(config->seconds + config->warm_up_s, &flags[child.flag_count]);
    for (uint32_t i = 0; i < child.flag_count; i++) {
        child.flags[i] = flags[i];
    }
    struct ordo_pace_config load = {
        .url = node.url,
        .rate = ordo_point_rate(axes, &tried->point),
        .group = config->group,
        .lanes = config->lanes,
        .products = 1,
        .numbers = 1,
    };
    enum ordo_err err = ordo_child_open(&node, &child, fail);
    err = err == ORDO_OK ? reach(&node, &load, &pace, tried, fail) : err;
    if (err == ORDO_OK && !tried->refused) {
        err = measure(config, &node, pace, tried, fail);
        if (err != ORDO_OK && err != ORDO_ERR_NO_MEMORY) {
            tried->failed = true;
            (void)snprintf(tried->reason, sizeof(tried->reason), "%.180s", fail->text);
            err = ORDO_OK;
        }
    }
    ordo_pace_close(pace);
    ordo_child_close(&node);
    return err;
}

double ordo_tried_value(const struct ordo_tried *tried, enum ordo_metric metric, double share)
{
    return ordo_quantile(tried->values[metric].values, tried->values[metric].count, share);
}

void ordo_tried_fini(struct ordo_tried *tried, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(tried[i].latency);
        tried[i].latency = NULL;
    }
}
