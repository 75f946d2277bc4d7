/* `ordo bench apply`: transitions a second of the domain alone, on one core.
 *
 * Commands are canonical bytes, outcomes are encoded, ids are remembered and the stream is hashed:
 * what is left out is ring, journal and net. The bare loop (lookup in an index, update of a
 * 64-byte row, prefetched in batches) takes turns with it and is the limit on this machine; the
 * ratio says what the domain costs above memory. Making commands is not in the time;
 * nor is the kernel's clearing of memory: it is touched before.
 *
 * Several numbers of live orders are measured in turn within each repeat, so all of them are in
 * memory at once. With --count nothing is timed: so many commands are decided, which is the fixed
 * work that baseline.py counts instructions of. */
#include "base/clock.h"
#include "bench/apply_load.h"
#include "bench/apply_memory.h"
#include "bench/bench.h"
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZES_MAX       4
#define SIZE_NAME       24
#define ORDERS_MIN      10000
#define ORDERS_STANDARD 1000000
#define ORDERS_MEMORY   10000000
#define ORDERS_MAX      20000000
#define COUNT_MAX       100000000
#define ORDERS_A_SECOND 2500000 /* room for so many new orders; a faster run ends early */
#define PAGE_SIZE       4096
#define BARE_BLOCK      8192u
#define GIB             (1024.0 * 1024 * 1024)

struct options {
    struct ordo_bench_options common;
    uint32_t orders[SIZES_MAX];
    uint32_t size_count; /* 0 = the standard */
    uint64_t count;      /* 0 = by time */
    bool check;
    bool memory;
};

/* One number of live orders. */
struct size {
    uint32_t orders;
    struct ordo_arena arena;
    struct ordo_load load;
    struct ordo_bare bare;
    double updates_per_s; /* of the last repeat */
    struct ordo_report_row *transitions;
    struct ordo_report_row *commands;
    struct ordo_report_row *cost;
    struct ordo_report_row *against; /* the first size; NULL for it */
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_clock clock;
    struct size sizes[SIZES_MAX];
    uint32_t size_count;
    struct ordo_fail fail;
};

static const struct argp_option own_options[] = {
    {"orders", 'o', "N[,N]", 0, "Live orders, each size in turn (default 1000000)", 0},
    {"count", 'n', "N", 0, "Decide so many commands, time nothing: to count instructions", 0},
    {"check", 'c', NULL, 0, "Check every invariant at the end", 0},
    {"memory", 'm', NULL, 0, "Print what an order takes of memory, 10 million unless --orders", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    const struct ordo_bench_list orders = {options->orders, SIZES_MAX, ORDERS_MIN, ORDERS_MAX};
    switch (key) {
    case 'o':
        options->size_count = ordo_bench_numbers(state, "orders", argument, &orders);
        return 0;
    case 'n':
        options->count = ordo_bench_whole(state, "count", argument, 1, COUNT_MAX);
        return 0;
    case 'c':
        options->check = true;
        return 0;
    case 'm':
        options->memory = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- measuring ---- */

/* False when the room for orders is used up. */
static bool measure_apply(struct bench *bench, struct size *size, double limit_s, bool counts)
{
    struct ordo_load *load = &size->load;
    uint64_t limit_ns = (uint64_t)(limit_s * (double)ORDO_NS_PER_S);
    uint64_t updates = load->updates;
    uint64_t decided = load->decided;
    uint64_t spent_ns = 0;
    while (spent_ns < limit_ns) {
        if (!ordo_load_make(load)) {
            return false;
        }
        uint64_t begin_ns = ordo_clock_monotonic_ns(&bench->clock);
        ordo_load_apply(load);
        spent_ns += ordo_clock_monotonic_ns(&bench->clock) - begin_ns;
    }
    double seconds = (double)spent_ns / (double)ORDO_NS_PER_S;
    double commands = (double)(load->decided - decided);
    size->updates_per_s = (double)(load->updates - updates) / seconds;
    if (counts) {
        ordo_report_add(size->commands, commands / seconds);
        ordo_report_add(size->cost, (double)spent_ns / commands);
    }
    return true;
}

static double measure_bare(struct bench *bench, struct size *size, double limit_s)
{
    uint64_t limit_ns = (uint64_t)(limit_s * (double)ORDO_NS_PER_S);
    uint64_t begin_ns = ordo_clock_monotonic_ns(&bench->clock);
    uint64_t spent_ns = 0;
    uint64_t count = 0;
    while (spent_ns < limit_ns) {
        ordo_bare_run(&size->bare, BARE_BLOCK);
        count += BARE_BLOCK;
        spent_ns = ordo_clock_monotonic_ns(&bench->clock) - begin_ns;
    }
    return (double)count * (double)ORDO_NS_PER_S / (double)spent_ns;
}

static bool measure_all(struct bench *bench)
{
    double seconds = bench->options.common.seconds;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        struct size *size = &bench->sizes[i];
        if (!measure_apply(bench, size, seconds, true)) {
            return false;
        }
        ordo_report_pair(
            size->transitions, size->updates_per_s, measure_bare(bench, size, seconds));
        if (size->against != NULL) {
            ordo_report_pair(size->against, size->updates_per_s, bench->sizes[0].updates_per_s);
        }
    }
    return true;
}

/* ---- memory ---- */

/* Every page once, as a server does that takes its memory at start: clearing pages is the kernel's
 * work, and would be most of the time here. */
static void touch_memory(const struct ordo_arena *arena)
{
    for (uint32_t i = 0; i < arena->count; i++) {
        volatile uint8_t *bytes = arena->items[i].base;
        for (size_t at = 0; at < arena->items[i].size; at += PAGE_SIZE) {
            bytes[at] = bytes[at];
        }
    }
}

/* What the kernel could give without swapping; 0 = unknown. */
static double available_bytes(void)
{
    char line[256];
    double kib = 0;
    FILE *in = fopen("/proc/meminfo", "re");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, "MemAvailable:", 13) == 0) {
            kib = strtod(line + 13, NULL);
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    return kib * 1024;
}

static uint32_t orders_max_of(const struct bench *bench, uint32_t orders)
{
    const struct options *o = &bench->options;
    double seconds = (double)o->common.repeats * o->common.seconds + o->common.warm_up;
    double room = o->count != 0 ? (double)o->count : (seconds + 0.1) * ORDERS_A_SECOND;
    return orders + (uint32_t)room + 4 * ORDO_LOAD_BLOCK;
}

/* All sizes together must fit: a set-up that is killed half way says nothing. An arena touched by
 * nobody takes no memory, so its size is asked for first. */
static enum ordo_err check_memory(struct bench *bench)
{
    double needed = 0;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        struct size *size = &bench->sizes[i];
        uint32_t orders_max = orders_max_of(bench, size->orders);
        struct ordo_settings_values v = ordo_load_settings(orders_max);
        struct ordo_state *state = NULL;
        struct ordo_arena arena;
        ordo_arena_init(&arena);
        enum ordo_err err = ordo_state_create(&arena, &v, &state, &bench->fail);
        needed += (double)arena.bytes + 85.0 * size->orders; /* the bare loop's rows and index */
        ordo_arena_fini(&arena);
        if (err != ORDO_OK) {
            return err;
        }
    }
    double available = available_bytes();
    if (available != 0 && needed > available) {
        return ordo_fail_set(
            &bench->fail,
            ORDO_ERR_NO_MEMORY,
            "so many orders take %.1f GiB and %.1f are free: fewer --orders, one size at a time, "
            "or "
            "less --seconds",
            needed / GIB,
            available / GIB);
    }
    return ORDO_OK;
}

static void note_memory(struct bench *bench, const struct size *size, const char *name)
{
    double orders_max = orders_max_of(bench, size->orders);
    size_t cards = 0;
    for (uint32_t i = 0; i < size->arena.count; i++) {
        const struct ordo_arena_item *item = &size->arena.items[i];
        bool is_card = strncmp(item->name, "card", 4) == 0 || strncmp(item->name, "secret", 6) == 0;
        cards += is_card ? item->size : 0;
    }
    ordo_report_add(
        ordo_report_row_named(&bench->report, "bytes", "%s bytes an order", name),
        (double)size->arena.bytes / orders_max);
    ordo_report_add(
        ordo_report_row_named(&bench->report, "bytes", "%s bytes of its card", name),
        (double)cards / orders_max);
}

/* ---- opening ---- */

static void name_size(char name[SIZE_NAME], uint32_t orders)
{
    if (orders % 1000000 == 0) {
        (void)snprintf(name, SIZE_NAME, "%um orders", orders / 1000000);
    } else if (orders % 1000 == 0) {
        (void)snprintf(name, SIZE_NAME, "%uk orders", orders / 1000);
    } else {
        (void)snprintf(name, SIZE_NAME, "%u orders", orders);
    }
}

static void add_rows(struct bench *bench, struct size *size)
{
    struct ordo_report *report = &bench->report;
    char name[SIZE_NAME];
    char first[SIZE_NAME];
    name_size(name, size->orders);
    name_size(first, bench->sizes[0].orders);
    size->transitions = ordo_report_row_named(report, "transitions/s", "%s transitions", name);
    ordo_report_limit(size->transitions, "bare lookup and update");
    size->commands = ordo_report_row_named(report, "commands/s", "%s commands", name);
    size->cost = ordo_report_row_named(report, "ns", "%s a command", name);
    if (size != bench->sizes) {
        size->against =
            ordo_report_row_named(report, "transitions/s", "%s against %s", name, first);
        ordo_report_limit(size->against, first);
    }
    note_memory(bench, size, name);
}

static enum ordo_err open_size(struct bench *bench, struct size *size)
{
    ordo_arena_init(&size->arena);
    enum ordo_err err = ordo_load_open(
        &size->load, &size->arena, size->orders, orders_max_of(bench, size->orders), &bench->fail);
    if (err != ORDO_OK) {
        return err;
    }
    add_rows(bench, size);
    err = ordo_bare_open(&size->bare, &size->arena, size->orders);
    if (err != ORDO_OK) {
        return ordo_fail_set(&bench->fail, err, "no memory for the bare loop");
    }
    touch_memory(&size->arena);
    return ORDO_OK;
}

/* ---- running ---- */

static enum ordo_err verify(struct bench *bench)
{
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; i < bench->size_count && err == ORDO_OK; i++) {
        struct size *size = &bench->sizes[i];
        if (size->load.refused != 0) {
            return ordo_fail_set(
                &bench->fail,
                ORDO_ERR_DAMAGED,
                "%" PRIu64 " commands were refused: the load is wrong",
                size->load.refused);
        }
        err = bench->options.check ? ordo_state_check(size->load.state, &bench->fail) : ORDO_OK;
    }
    return err;
}

static enum ordo_err run_times(struct bench *bench)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        (void)measure_bare(bench, &bench->sizes[i], bench->options.common.warm_up);
        (void)measure_apply(bench, &bench->sizes[i], bench->options.common.warm_up, false);
    }
    while (done < bench->options.common.repeats && measure_all(bench)) {
        done++;
    }
    if (done == 0) {
        return ordo_fail_set(&bench->fail, ORDO_ERR_LIMIT, "no room for a whole measurement");
    }
    return verify(bench);
}

static enum ordo_err run_all(struct bench *bench)
{
    enum ordo_err err = check_memory(bench);
    for (uint32_t i = 0; i < bench->size_count && err == ORDO_OK; i++) {
        err = open_size(bench, &bench->sizes[i]);
    }
    return err == ORDO_OK ? run_times(bench) : err;
}

/* The fixed work: whole blocks, at least as many commands as asked for. Prints how many it was, as
 * the counter of instructions divides by them. */
static enum ordo_err run_count(struct bench *bench)
{
    struct size *size = &bench->sizes[0];
    ordo_arena_init(&size->arena);
    enum ordo_err err = ordo_load_open(
        &size->load, &size->arena, size->orders, orders_max_of(bench, size->orders), &bench->fail);
    uint64_t before = err == ORDO_OK ? size->load.decided : 0;
    while (err == ORDO_OK && size->load.decided - before < bench->options.count) {
        bool made = ordo_load_make(&size->load);
        ORDO_ASSERT(made);
        ordo_load_apply(&size->load);
    }
    err = err == ORDO_OK ? verify(bench) : err;
    if (err == ORDO_OK) {
        ordo_report_add(
            ordo_report_row(&bench->report, "counted", "commands"),
            (double)(size->load.decided - before));
    }
    return err;
}

static void choose_sizes(struct bench *bench)
{
    struct options *o = &bench->options;
    if (o->size_count == 0) {
        o->size_count = 1;
        o->orders[0] = o->memory                          ? ORDERS_MEMORY
                       : o->common.quick || o->count != 0 ? ORDERS_MIN
                                                          : ORDERS_STANDARD;
    }
    bench->size_count = o->count != 0 ? 1 : o->size_count;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        bench->sizes[i].orders = o->orders[i];
    }
}

static int tell(struct bench *bench, enum ordo_err err)
{
    for (uint32_t i = 0; i < bench->size_count; i++) {
        ordo_arena_fini(&bench->sizes[i].arena);
    }
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench apply: %s\n", bench->fail.text);
        return err == ORDO_ERR_DAMAGED ? ORDO_BENCH_UNVERIFIED : ORDO_BENCH_FAILED;
    }
    return bench->options.memory ? ORDO_BENCH_OK : ordo_report_end(&bench->report);
}

int ordo_bench_apply(int argc, char **argv)
{
    static struct bench bench;
    const struct ordo_bench_verb verb = {
        .doc = "Decisions a second of the engine alone: create, attempt, pay and issue, deliver.",
        .options = own_options,
        .parse = parse_option,
        .input = &bench.options,
        .common = &bench.options.common,
    };
    memset(&bench, 0, sizeof(bench));
    bench.options.common =
        (struct ordo_bench_options){.seconds = 0.3, .repeats = 5, .warm_up = 0.1};
    ordo_bench_parse(&verb, argc, argv);
    bench.clock = ordo_clock_system();
    ordo_report_begin(&bench.report, "apply", &bench.options.common);
    choose_sizes(&bench);
    enum ordo_err err;
    if (bench.options.memory) {
        err = ordo_bench_memory(bench.sizes[0].orders, &bench.fail);
    } else {
        err = bench.options.count != 0 ? run_count(&bench) : run_all(&bench);
    }
    return tell(&bench, err);
}
