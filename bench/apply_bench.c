/* `ordo bench apply`: transitions a second of the domain alone, on one core.
 *
 * Commands are canonical bytes, outcomes are encoded, ids are remembered and the stream is hashed:
 * what is left out is ring, journal and net. The bare loop (lookup in an index, update of a
 * 64-byte row, prefetched in batches) takes turns with it and is the limit on this machine; the
 * ratio says what the domain costs above memory. Making commands is not in the time;
 * nor is the kernel's clearing of memory: it is touched before. */
#include "base/clock.h"
#include "bench/apply_load.h"
#include "bench/apply_memory.h"
#include "bench/bench.h"

#include <argp.h>
#include <ordo_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MAX     99
#define ORDERS_MIN      10000
#define ORDERS_STANDARD 1000000
#define ORDERS_MEMORY   10000000
#define ORDERS_MAX      20000000
#define SECONDS_MIN     0.01
#define SECONDS_MAX     60.0
#define ORDERS_A_SECOND 2500000 /* room for so many new orders; a faster run ends early */
#define PAGE_SIZE       4096
#define BARE_BLOCK      8192u
#define EXIT_MISUSED    64
#define EXIT_BROKEN     1 /* tools/ordo/cli.h: failed */
#define EXIT_UNVERIFIED 3 /* tools/ordo/cli.h: verification failed */

struct options {
    double seconds;
    uint32_t repeats;
    uint32_t orders;
    bool check;
    bool json;
    bool memory;
};

struct run {
    double transitions; /* a second */
    double commands;    /* a second */
    double bare;        /* lookups and updates a second */
};

struct bench {
    struct options options;
    struct ordo_arena arena;
    struct ordo_load load;
    struct ordo_bare bare;
    struct ordo_clock clock;
    struct run runs[REPEATS_MAX];
    uint32_t run_count;
    double bytes_an_order; /* engine memory at this capacity */
    double card_bytes;     /* of that, cards and their sealed bytes */
    struct ordo_fail fail;
};

static const struct argp_option argp_options[] = {
    {"orders", 'o', "N", 0, "Live orders (default 1000000)", 0},
    {"seconds", 's', "S", 0, "Time of one measurement (default 0.3)", 0},
    {"repeats", 'r', "N", 0, "Measurements; the median counts (default 5)", 0},
    {"check", 'c', NULL, 0, "Check every invariant at the end", 0},
    {"memory", 'm', NULL, 0, "Print what an order takes of memory, 10 million unless --orders", 0},
    {"json", 'j', NULL, 0, "Only the JSON line, no table", 0},
    {0},
};

static unsigned long whole_number(
    struct argp_state *state,
    const char *name,
    const char *text,
    unsigned long min,
    unsigned long max)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != 0 || value < min || value > max) {
        argp_error(state, "--%s %s: give %lu to %lu", name, text, min, max);
    }
    return value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end = NULL;
    switch (key) {
    case 'o':
        options->orders = (uint32_t)whole_number(state, "orders", argument, ORDERS_MIN, ORDERS_MAX);
        return 0;
    case 's':
        options->seconds = strtod(argument, &end);
        if (*end != 0 || !(options->seconds >= SECONDS_MIN && options->seconds <= SECONDS_MAX)) {
            argp_error(state, "--seconds %s: give %g to %g", argument, SECONDS_MIN, SECONDS_MAX);
        }
        return 0;
    case 'r':
        options->repeats = (uint32_t)whole_number(state, "repeats", argument, 1, REPEATS_MAX);
        return 0;
    case 'c':
        options->check = true;
        return 0;
    case 'm':
        options->memory = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- measuring ---- */

static bool measure_apply(struct bench *bench, uint64_t limit_ns, struct run *run)
{
    struct ordo_load *load = &bench->load;
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
    run->transitions = (double)(load->updates - updates) / seconds;
    run->commands = (double)(load->decided - decided) / seconds;
    return true;
}

static void measure_bare(struct bench *bench, uint64_t limit_ns, struct run *run)
{
    uint64_t begin_ns = ordo_clock_monotonic_ns(&bench->clock);
    uint64_t spent_ns = 0;
    uint64_t count = 0;
    while (spent_ns < limit_ns) {
        ordo_bare_run(&bench->bare, BARE_BLOCK);
        count += BARE_BLOCK;
        spent_ns = ordo_clock_monotonic_ns(&bench->clock) - begin_ns;
    }
    run->bare = (double)count * (double)ORDO_NS_PER_S / (double)spent_ns;
}

static void note_memory(struct bench *bench, uint32_t orders_max)
{
    size_t cards = 0;
    for (uint32_t i = 0; i < bench->arena.count; i++) {
        const struct ordo_arena_item *item = &bench->arena.items[i];
        bool is_card = strncmp(item->name, "card", 4) == 0 || strncmp(item->name, "secret", 6) == 0;
        cards += is_card ? item->size : 0;
    }
    bench->bytes_an_order = (double)bench->arena.bytes / orders_max;
    bench->card_bytes = (double)cards / orders_max;
}

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

static enum ordo_err run_all(struct bench *bench)
{
    const struct options *options = &bench->options;
    double room = (options->repeats + 1) * options->seconds * ORDERS_A_SECOND;
    uint32_t orders_max = options->orders + (uint32_t)room + 4 * ORDO_LOAD_BLOCK;
    uint64_t limit_ns = (uint64_t)(options->seconds * (double)ORDO_NS_PER_S);
    struct run warm_up;

    ordo_arena_init(&bench->arena);
    enum ordo_err err =
        ordo_load_open(&bench->load, &bench->arena, options->orders, orders_max, &bench->fail);
    note_memory(bench, orders_max);
    if (err == ORDO_OK) {
        err = ordo_bare_open(&bench->bare, &bench->arena, options->orders);
    }
    if (err != ORDO_OK) {
        return err;
    }
    touch_memory(&bench->arena);
    measure_bare(bench, limit_ns / 4, &warm_up);
    (void)measure_apply(bench, limit_ns / 4, &warm_up);
    while (bench->run_count < options->repeats) {
        struct run *run = &bench->runs[bench->run_count];
        if (!measure_apply(bench, limit_ns, run)) {
            break;
        }
        measure_bare(bench, limit_ns, run);
        bench->run_count++;
    }
    if (bench->load.refused != 0) {
        return ordo_fail_set(
            &bench->fail,
            ORDO_ERR_DAMAGED,
            "%llu commands were refused: the load is wrong",
            (unsigned long long)bench->load.refused);
    }
    if (bench->run_count == 0) {
        return ordo_fail_set(&bench->fail, ORDO_ERR_LIMIT, "no room for a whole measurement");
    }
    return options->check ? ordo_state_check(bench->load.state, &bench->fail) : ORDO_OK;
}

/* ---- reporting ---- */

struct spread {
    double median;
    double min;
    double max;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const struct bench *bench, size_t offset)
{
    double values[REPEATS_MAX];
    for (uint32_t i = 0; i < bench->run_count; i++) {
        memcpy(&values[i], (const char *)&bench->runs[i] + offset, sizeof(double));
    }
    qsort(values, bench->run_count, sizeof(double), compare);
    return (struct spread){values[bench->run_count / 2], values[0], values[bench->run_count - 1]};
}

static void print_spread(const char *name, struct spread s)
{
    printf("\"%s\":{\"median\":%.0f,\"min\":%.0f,\"max\":%.0f},", name, s.median, s.min, s.max);
}

static void print_results(const struct bench *bench)
{
    struct spread transitions = spread_of(bench, offsetof(struct run, transitions));
    struct spread commands = spread_of(bench, offsetof(struct run, commands));
    struct spread bare = spread_of(bench, offsetof(struct run, bare));
    const struct options *options = &bench->options;

    printf(
        "{\"bench\":\"apply\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\","
        "\"compiler\":\"%s\",\"live_orders\":%u,\"orders\":%u,\"seconds\":%g,\"repeats\":%u,",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        ORDO_COMPILER,
        options->orders,
        bench->load.orders_made,
        options->seconds,
        bench->run_count);
    print_spread("transitions_per_s", transitions);
    print_spread("commands_per_s", commands);
    print_spread("bare_per_s", bare);
    printf(
        "\"ns_per_command\":%.1f,\"ratio\":%.3f,\"bytes_per_order\":%.0f,\"card_bytes\":%.0f}\n",
        1e9 / commands.median,
        transitions.median / bare.median,
        bench->bytes_an_order,
        bench->card_bytes);
    if (options->json) {
        return;
    }
    if (strcmp(ORDO_BUILD_TYPE, "Release") != 0) {
        fprintf(stderr, "a %s build: its figures mean nothing\n", ORDO_BUILD_TYPE);
    }
    fprintf(stderr, "%u live orders, %u made\n", options->orders, bench->load.orders_made);
    fprintf(stderr, "%-24s %10s %10s %10s\n", "millions a second", "median", "min", "max");
    const char *names[3] = {"transitions", "commands", "bare lookup + update"};
    const struct spread all[3] = {transitions, commands, bare};
    for (int i = 0; i < 3; i++) {
        fprintf(
            stderr,
            "%-24s %10.2f %10.2f %10.2f\n",
            names[i],
            all[i].median / 1e6,
            all[i].min / 1e6,
            all[i].max / 1e6);
    }
    fprintf(
        stderr,
        "%.1f ns a command, %.2f of the bare loop; %.0f bytes an order, %.0f of them its card\n",
        1e9 / commands.median,
        transitions.median / bare.median,
        bench->bytes_an_order,
        bench->card_bytes);
}

int ordo_bench_apply(int argc, char **argv)
{
    static struct bench bench;
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc = "Decisions a second of the engine alone: create, attempt, pay and issue, deliver.",
    };
    memset(&bench, 0, sizeof(bench));
    bench.options = (struct options){.seconds = 0.3, .repeats = 5};
    if (argp_parse(&argp, argc, argv, 0, NULL, &bench.options) != 0) {
        return EXIT_MISUSED;
    }
    bench.clock = ordo_clock_system();
    bool memory = bench.options.memory;
    uint32_t orders = bench.options.orders != 0 ? bench.options.orders
                      : memory                  ? ORDERS_MEMORY
                                                : ORDERS_STANDARD;
    bench.options.orders = orders;
    enum ordo_err err = memory ? ordo_bench_memory(orders, &bench.fail) : run_all(&bench);
    if (err == ORDO_OK && !memory) {
        print_results(&bench);
    } else if (err != ORDO_OK) {
        fprintf(stderr, "ordo: bench apply: %s\n", bench.fail.text);
    }
    ordo_arena_fini(&bench.arena);
    if (err == ORDO_ERR_DAMAGED) {
        return EXIT_UNVERIFIED;
    }
    return err == ORDO_OK ? 0 : EXIT_BROKEN;
}
