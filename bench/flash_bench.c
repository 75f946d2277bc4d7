/* `ordo bench flash`: a flash sale. Two parts, each in turn for one hot product and for many:
 *
 *   saturated   lifecycles as fast as they go through, on one node; the hot product against the
 *               many pair by pair, and against itself (A/A), which says what a pair can say
 *   the burst   the offered rate rises to 100 x within a second, payments and callbacks as gateways
 *               make them; a timeline as CSV, and the books checked at the end, on a fresh node
 */
#include "bench/bench.h"
#include "bench/child.h"
#include "bench/flash_tell.h"
#include "bench/pace.h"

#include "base/assert.h"
#include "ordo/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPTION_SEED     0x200
#define OPTION_BASE     0x201
#define OPTION_BURST    0x202
#define OPTION_BEFORE   0x203
#define OPTION_RAMP     0x204
#define OPTION_HOLD     0x205
#define OPTION_AFTER    0x206
#define OPTION_PRODUCTS 0x207
#define OPTION_STOCK    0x208
#define OPTION_SCALE    0x209
#define OPTION_TAIL     0x20a
#define OPTION_BATCH    0x20b
#define OPTION_BURSTS   0x20c
#define OPTION_SET      0x20d

#define LISTS_MAX     4u
#define CONNECT_MS    100u
#define CONNECT_TRIES 600u
#define NUMBERS       100000000000000ull /* apart: numbers of the loads' orders */
#define LOADS_MAX     (LISTS_MAX + 1)
#define FLAG_SIZE     64u
#define FLAGS         6u

struct options {
    struct ordo_bench_options common;
    struct ordo_flash_shape shape;
    uint32_t products[LISTS_MAX];
    uint32_t product_lists;
    uint32_t stock_pct;
    uint32_t batch;
    uint32_t bursts;
    const char *set[ORDO_CHILD_FLAGS - FLAGS];
    uint32_t set_count;
    const char *out;
    bool seeded;
};

struct bench {
    struct options options;
    struct ordo_child node;
    struct ordo_pace *loads[LOADS_MAX];
    struct ordo_series saturated[LOADS_MAX];
    struct ordo_histogram *spare;
    struct ordo_flash_burst bursts[LISTS_MAX];
    struct ordo_flash flash;
};

static const struct argp_option argp_options[] = {
    {"base", OPTION_BASE, "N", 0, "Creates a second before and after the burst (default 100)", 1},
    {"burst", OPTION_BURST, "X", 0, "Times the base at its height (default 100)", 1},
    {"before", OPTION_BEFORE, "S", 0, "Seconds at the base before it (default 1)", 1},
    {"ramp", OPTION_RAMP, "S", 0, "Seconds to the height (default 1)", 1},
    {"hold", OPTION_HOLD, "S", 0, "Seconds there (default 2)", 1},
    {"after", OPTION_AFTER, "S", 0, "Seconds at the base behind it (default 3)", 1},
    {"products", OPTION_PRODUCTS, "LIST", 0, "Products that share the load (default 1,64)", 1},
    {"stock", OPTION_STOCK, "PCT", 0, "Cards, in percent of the orders (default 60)", 1},
    {"ladder-scale",
     OPTION_SCALE,
     "X",
     0,
     "Gateways wait so many times shorter before they send again (default 100)",
     1},
    {"tail", OPTION_TAIL, "S", 0, "Seconds in which their sendings are seen (default 6)", 1},
    {"batch", OPTION_BATCH, "N", 0, "Commands of a request at most, 1 to 256 (default 64)", 1},
    {"bursts", OPTION_BURSTS, "N", 0, "Bursts for each number of products (default 1)", 1},
    {"seed", OPTION_SEED, "N", 0, "The same sale again (default: random, printed)", 1},
    {"set", OPTION_SET, "KEY=VALUE", 0, "Configuration of the nodes, as of `ordo serve`", 1},
    {"out", 'o', "DIR", 0, "flash-PRODUCTS.csv go here (default flash)", 1},
    {0},
};

static error_t parse_times(int key, const char *argument, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case OPTION_BEFORE:
        o->shape.before_s = ordo_bench_decimal(state, "before", argument, 0, 3600);
        return 0;
    case OPTION_RAMP:
        o->shape.ramp_s = ordo_bench_decimal(state, "ramp", argument, 0.01, 3600);
        return 0;
    case OPTION_HOLD:
        o->shape.hold_s = ordo_bench_decimal(state, "hold", argument, 0.1, 3600);
        return 0;
    case OPTION_AFTER:
        o->shape.after_s = ordo_bench_decimal(state, "after", argument, 0, 3600);
        return 0;
    case OPTION_TAIL:
        o->shape.gateway.tail_ns =
            (uint64_t)(1e9 * ordo_bench_decimal(state, "tail", argument, 0.1, 3600));
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *o = state->input;
    const struct ordo_bench_list products = {
        .out = o->products, .count_max = LISTS_MAX, .min = 1, .max = ORDO_FLASH_PRODUCTS_MAX};
    switch (key) {
    case OPTION_BASE:
        o->shape.base = ordo_bench_decimal(state, "base", argument, 1, 1e6);
        return 0;
    case OPTION_BURST:
        o->shape.burst = ordo_bench_decimal(state, "burst", argument, 1, 1e6);
        return 0;
    case OPTION_PRODUCTS:
        o->product_lists = ordo_bench_numbers(state, "products", argument, &products);
        return 0;
    case OPTION_STOCK:
        o->stock_pct = (uint32_t)ordo_bench_whole(state, "stock", argument, 0, 200);
        return 0;
    case OPTION_SCALE:
        o->shape.gateway.ladder_scale = ordo_bench_decimal(state, "ladder-scale", argument, 1, 1e6);
        return 0;
    case OPTION_BATCH:
        o->batch = (uint32_t)ordo_bench_whole(state, "batch", argument, 1, ORDO_FLASH_BATCH_MAX);
        return 0;
    case OPTION_BURSTS:
        o->bursts =
            (uint32_t)ordo_bench_whole(state, "bursts", argument, 0, ORDO_BENCH_REPEATS_MAX);
        return 0;
    case OPTION_SEED:
        o->shape.seed = ordo_bench_whole(state, "seed", argument, 0, UINT64_MAX);
        o->seeded = true;
        return 0;
    case OPTION_SET:
        if (o->set_count == sizeof(o->set) / sizeof(o->set[0])) {
            argp_error(state, "--set: too many");
        }
        o->set[o->set_count++] = argument;
        return 0;
    case 'o':
        o->out = argument;
        return 0;
    default:
        return parse_times(key, argument, state);
    }
}

/* ---- nodes ---- */

static enum ordo_err open_node(struct bench *b, uint64_t orders, struct ordo_fail *fail)
{
    static const struct {
        const char *name;
        uint64_t times;
    } capacities[] = {
        {"orders_max", 1},
        {"buyers_max", 1},
        {"cards_max", 2},
        {"payments_max", 4},
        {"ids_max", 8}};
    static char flags[FLAGS][FLAG_SIZE];
    struct ordo_child_config config = {.dir = b->options.common.dir};
    for (uint32_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        unsigned long long room = 10000 + capacities[i].times * orders;
        (void)snprintf(flags[i], FLAG_SIZE, "genesis.%s=%llu", capacities[i].name, room);
        config.flags[config.flag_count++] = flags[i];
    }
    for (uint32_t i = 0; i < b->options.set_count; i++) {
        config.flags[config.flag_count++] = b->options.set[i];
    }
    return ordo_child_open(&b->node, &config, fail);
}

/* A node that takes no connection yet may come up still; one that has ended says why. */
static enum ordo_err is_there(struct bench *b, struct ordo_fail *fail)
{
    char reason[192];
    if (ordo_child_has_ended(&b->node, reason, sizeof(reason))) {
        return ordo_fail_set(fail, ORDO_ERR_CONFIG, "the node does not start: %s", reason);
    }
    return ORDO_OK;
}

/* ---- saturated ---- */

static enum ordo_err open_load(struct bench *b, uint32_t index, struct ordo_fail *fail)
{
    uint32_t list = index < b->options.product_lists ? index : 0; /* the last: A/A */
    const struct ordo_pace_config config = {
        .url = b->node.url,
        .group = 64,
        .lanes = 16,
        .products = b->options.products[list],
        .numbers = (index + 1) * NUMBERS,
    };
    enum ordo_err err = ORDO_ERR_UNAVAILABLE;
    for (uint32_t i = 0; i < CONNECT_TRIES && err == ORDO_ERR_UNAVAILABLE; i++) {
        ordo_pace_close(b->loads[index]);
        err = ordo_pace_open(&b->loads[index], &config, CONNECT_MS, fail);
        if (err != ORDO_OK && is_there(b, fail) != ORDO_OK) {
            err = fail->err;
        }
    }
    return err;
}

static enum ordo_err
run_load(struct bench *b, uint32_t index, double seconds, bool counts, struct ordo_fail *fail)
{
    struct ordo_pace_count count;
    uint64_t limit_ns = (uint64_t)(seconds * 1e9);
    enum ordo_err err = ordo_pace_run(b->loads[index], limit_ns, b->spare, &count, fail);
    if (err == ORDO_OK && counts) {
        ordo_series_add(&b->saturated[index], (double)count.commands / count.seconds);
    }
    return err;
}

static enum ordo_err run_saturated(struct bench *b, struct ordo_fail *fail)
{
    const struct ordo_bench_options *common = &b->options.common;
    uint32_t loads = b->options.product_lists + 1;
    double total_s = loads * (common->repeats * common->seconds + common->warm_up);
    enum ordo_err err = open_node(b, 100000 + (uint64_t)(total_s * 500000), fail);
    for (uint32_t i = 0; i < loads && err == ORDO_OK; i++) {
        err = open_load(b, i, fail);
    }
    for (uint32_t i = 0; i < loads && err == ORDO_OK; i++) {
        err = run_load(b, i, common->warm_up, false, fail);
    }
    for (uint32_t repeat = 0; repeat < common->repeats && err == ORDO_OK; repeat++) {
        for (uint32_t i = 0; i < loads && err == ORDO_OK; i++) {
            err = run_load(b, (i + repeat) % loads, common->seconds, true, fail);
        }
    }
    for (uint32_t i = 0; i < loads; i++) {
        ordo_pace_close(b->loads[i]);
        b->loads[i] = NULL;
    }
    ordo_child_close(&b->node);
    return err;
}

/* ---- bursts ---- */

static enum ordo_err
write_timeline(struct bench *b, uint32_t products, uint32_t repeat, struct ordo_fail *fail)
{
    char path[512];
    if (repeat == 0) {
        (void)snprintf(path, sizeof(path), "%s/flash-%u.csv", b->options.out, products);
    } else {
        (void)snprintf(
            path, sizeof(path), "%s/flash-%u-%u.csv", b->options.out, products, repeat + 1);
    }
    bool there = mkdir(b->options.out, 0777) == 0 || errno == EEXIST;
    FILE *out = there ? fopen(path, "we") : NULL;
    if (out != NULL) {
        ordo_timeline_write_csv(&b->flash.timeline, out);
        there = ferror(out) == 0;
        there = fclose(out) == 0 && there;
    }
    return out != NULL && there
               ? ORDO_OK
               : ordo_fail_set(
                     fail, ORDO_ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum ordo_err open_flash(
    struct bench *b,
    const struct ordo_flash_config *config,
    struct ordo_flash_burst *burst,
    struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_ERR_UNAVAILABLE;
    for (uint32_t i = 0; i < CONNECT_TRIES && err == ORDO_ERR_UNAVAILABLE; i++) {
        ordo_flash_close(&b->flash);
        b->flash.creates = burst->creates;
        b->flash.facts = burst->facts;
        err = ordo_flash_open(&b->flash, config, CONNECT_MS, fail);
        if (err != ORDO_OK && is_there(b, fail) != ORDO_OK) {
            err = fail->err;
        }
    }
    return err;
}

static enum ordo_err
run_burst(struct bench *b, uint32_t list, uint32_t repeat, struct ordo_fail *fail)
{
    struct ordo_flash_burst *burst = &b->bursts[list];
    struct ordo_flash_config config = {
        .shape = b->options.shape, .stock_pct = b->options.stock_pct, .batch = b->options.batch};
    config.shape.products = b->options.products[list];
    config.shape.seed += repeat;
    enum ordo_err err = open_node(b, ordo_flash_arrivals(&config.shape, NULL, 0), fail);
    config.url = b->node.url;
    if (ordo_cli_progress()) {
        (void)fprintf(stderr, "\r\033[Kburst %u, %u products", repeat + 1, config.shape.products);
        (void)fflush(stderr);
    }
    err = err == ORDO_OK ? open_flash(b, &config, burst, fail) : err;
    err = err == ORDO_OK ? ordo_flash_run(&b->flash, fail) : err;
    err = err == ORDO_OK ? ordo_flash_check(&b->flash, fail) : err;
    if (err == ORDO_OK) {
        ordo_flash_keep(burst, &b->flash);
        err = write_timeline(b, config.shape.products, repeat, fail);
    }
    ordo_flash_close(&b->flash);
    ordo_child_close(&b->node);
    return err;
}

static enum ordo_err run(struct bench *b, struct ordo_fail *fail)
{
    b->spare = calloc(1, sizeof(*b->spare));
    bool good = b->spare != NULL;
    for (uint32_t i = 0; i < b->options.product_lists; i++) {
        b->bursts[i].products = b->options.products[i];
        b->bursts[i].creates = calloc(1, sizeof(struct ordo_histogram));
        b->bursts[i].facts = calloc(1, sizeof(struct ordo_histogram));
        good = good && b->bursts[i].creates != NULL && b->bursts[i].facts != NULL;
    }
    if (!good) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for histograms");
    }
    enum ordo_err err = run_saturated(b, fail);
    for (uint32_t repeat = 0; repeat < b->options.bursts && err == ORDO_OK; repeat++) {
        for (uint32_t list = 0; list < b->options.product_lists && err == ORDO_OK; list++) {
            err = run_burst(b, list, repeat, fail);
        }
    }
    if (ordo_cli_progress()) {
        (void)fputs("\r\033[K", stderr);
    }
    return err;
}

/* ---- what is told ---- */

static void add_saturated(const struct bench *b, struct ordo_report *report)
{
    const struct options *o = &b->options;
    char name[ORDO_REPORT_NAME];
    uint32_t last = o->product_lists - 1;
    (void)snprintf(
        name,
        sizeof(name),
        "saturated, %u product%s",
        o->products[0],
        o->products[0] == 1 ? "" : "s");
    struct ordo_report_row *row = ordo_report_row(report, name, "commands/s");
    row->own = b->saturated[0];
    if (last > 0) {
        row->limit = b->saturated[last];
        (void)snprintf(name, sizeof(name), "%u products", o->products[last]);
        ordo_report_limit(row, name);
    }
    row = ordo_report_row(report, "the same against itself (A/A)", "commands/s");
    row->own = b->saturated[0];
    row->limit = b->saturated[o->product_lists];
    ordo_report_limit(row, "itself");
}

static int tell(const struct bench *b)
{
    static struct ordo_report report;
    const struct options *o = &b->options;
    uint64_t wrong = 0;
    ordo_report_begin(&report, "flash", &o->common);
    ordo_report_set(&report, "seed", (double)o->shape.seed);
    ordo_report_set(&report, "base", o->shape.base);
    ordo_report_set(&report, "burst", o->shape.burst);
    ordo_report_set(&report, "hold", o->shape.hold_s);
    ordo_report_set(&report, "stock_pct", o->stock_pct);
    ordo_report_set(&report, "ladder_scale", o->shape.gateway.ladder_scale);
    ordo_report_set(&report, "batch", o->batch);
    add_saturated(b, &report);
    for (uint32_t i = 0; i < o->product_lists && o->bursts != 0; i++) {
        ordo_flash_add_rows(&b->bursts[i], &report);
        wrong += b->bursts[i].counts.wrong;
    }
    int code = ordo_report_end(&report);
    return wrong == 0 ? code : ORDO_EXIT_VERIFY;
}

static void be_quick(struct options *o)
{
    o->shape.base = 20;
    o->shape.before_s = 0.2;
    o->shape.ramp_s = 0.2;
    o->shape.hold_s = 0.3;
    o->shape.after_s = 0.2;
    o->shape.gateway.tail_ns = ORDO_NS_PER_S;
}

int ordo_bench_flash(int argc, char **argv)
{
    static struct bench bench;
    struct options *o = &bench.options;
    struct ordo_fail fail;
    struct ordo_clock clock = ordo_clock_system();
    const struct ordo_bench_verb verb = {
        .options = argp_options,
        .parse = parse_option,
        .input = o,
        .common = &o->common,
        .doc = "A flash sale: a burst to many times the base rate within a second, one hot product "
               "against many, gateways with their real latency and repetitions; latency from when "
               "a command was due, a timeline, and the books checked.",
    };
    *o = (struct options){
        .common = {.seconds = 0.5, .warm_up = 0.3, .repeats = 9, .dir = "."},
        .shape =
            {.base = 100,
             .burst = 100,
             .before_s = 1,
             .ramp_s = 1,
             .hold_s = 2,
             .after_s = 3,
             .gateway =
                 {.ladder_scale = 100,
                  .tail_ns = 6 * ORDO_NS_PER_S,
                  .lost_pct = 5,
                  .unheard_pct = 8,
                  .twice_pct = 2,
                  .slow_pct = 1}},
        .products = {1, 64},
        .product_lists = 2,
        .stock_pct = 60,
        .batch = 64,
        .bursts = 1,
        .out = "flash",
    };
    ordo_bench_parse(&verb, argc, argv);
    if (o->common.quick) {
        be_quick(o);
    }
    o->shape.seed = o->seeded ? o->shape.seed : ordo_clock_realtime_us(&clock) % 1000000000;
    if (!o->common.json) {
        (void)fprintf(stderr, "seed %llu\n", (unsigned long long)o->shape.seed);
    }
    enum ordo_err err = run(&bench, &fail);
    int code = err == ORDO_OK ? tell(&bench) : ordo_cli_fail_with(&fail);
    for (uint32_t i = 0; i < LISTS_MAX; i++) {
        free(bench.bursts[i].creates);
        free(bench.bursts[i].facts);
    }
    free(bench.spare);
    return code;
}
