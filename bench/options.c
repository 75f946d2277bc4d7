/* The common options are argp children of the benchmark's own, so `ordo bench NAME --help` shows
 * both. --quick is settled at the end: it changes what was not given, wherever it stands. */
#include "bench/options.h"

#include <stdio.h>
#include <stdlib.h>

#define QUICK_SECONDS 0.02
#define QUICK_REPEATS 2u
#define KEY_WARM_UP   0x100
#define KEY_HGRM      0x101
#define KEY_QUICK     0x102
#define TABLE_MAX     8

struct parse {
    const struct ordo_bench_verb *verb;
    bool seconds_given;
    bool repeats_given;
    bool warm_up_given;
};

uint64_t ordo_bench_whole(
    const struct argp_state *state, const char *name, const char *text, uint64_t min, uint64_t max)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || value < min || value > max) {
        argp_error(
            state,
            "--%s %s: give %llu to %llu",
            name,
            text,
            (unsigned long long)min,
            (unsigned long long)max);
    }
    return value;
}

double ordo_bench_decimal(
    const struct argp_state *state, const char *name, const char *text, double min, double max)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !(value >= min && value <= max)) {
        argp_error(state, "--%s %s: give %g to %g", name, text, min, max);
    }
    return value;
}

uint32_t ordo_bench_numbers(
    const struct argp_state *state,
    const char *name,
    const char *text,
    const struct ordo_bench_list *list)
{
    uint32_t count = 0;
    const char *at = text;
    while (count < list->count_max) {
        char *end = NULL;
        unsigned long value = strtoul(at, &end, 10);
        if (*at < '0' || *at > '9' || value < list->min || value > list->max) {
            break;
        }
        list->out[count++] = (uint32_t)value;
        if (*end == 0) {
            return count;
        }
        if (*end != ',') {
            break;
        }
        at = end + 1;
    }
    argp_error(
        state,
        "--%s %s: give up to %u numbers from %u to %u, with commas",
        name,
        text,
        list->count_max,
        list->min,
        list->max);
    return 0;
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
    struct parse *parse = state->input;
    struct ordo_bench_options *common = parse->verb->common;
    switch (key) {
    case 's':
        common->seconds = ordo_bench_decimal(
            state, "seconds", argument, ORDO_BENCH_SECONDS_MIN, ORDO_BENCH_SECONDS_MAX);
        parse->seconds_given = true;
        return 0;
    case 'r':
        common->repeats =
            (uint32_t)ordo_bench_whole(state, "repeats", argument, 1, ORDO_BENCH_REPEATS_MAX);
        parse->repeats_given = true;
        return 0;
    case KEY_WARM_UP:
        common->warm_up = ordo_bench_decimal(state, "warm-up", argument, 0, ORDO_BENCH_SECONDS_MAX);
        parse->warm_up_given = true;
        return 0;
    case 'd':
        common->dir = argument;
        return 0;
    case 'j':
        common->json = true;
        return 0;
    case KEY_HGRM:
        common->hgrm = argument;
        return 0;
    case KEY_QUICK:
        common->quick = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_own(int key, char *argument, struct argp_state *state)
{
    struct parse *parse = state->input;
    const struct ordo_bench_verb *verb = parse->verb;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = parse;
        return 0;
    }
    if (verb->parse == NULL || key == ARGP_KEY_END || key == ARGP_KEY_FINI) {
        return ARGP_ERR_UNKNOWN;
    }
    state->input = verb->input;
    error_t result = verb->parse(key, argument, state);
    state->input = parse;
    return result;
}

static void settle(const struct parse *parse)
{
    struct ordo_bench_options *common = parse->verb->common;
    if (!common->quick) {
        return;
    }
    if (!parse->seconds_given && common->seconds > QUICK_SECONDS) {
        common->seconds = QUICK_SECONDS;
    }
    if (!parse->repeats_given) {
        common->repeats = QUICK_REPEATS;
    }
    if (!parse->warm_up_given && common->warm_up > QUICK_SECONDS) {
        common->warm_up = QUICK_SECONDS;
    }
}

/* The help names the benchmark's own defaults. */
struct texts {
    char repeats[96];
    char warm_up[96];
    char seconds[64];
    char dir[96];
};

static void
fill_table(const struct ordo_bench_options *common, struct texts *texts, struct argp_option *table)
{
    uint32_t count = 0;
    (void)snprintf(
        texts->repeats,
        sizeof(texts->repeats),
        "Measurements a row, in turn; the median counts (default %u)",
        common->repeats);
    (void)snprintf(
        texts->warm_up,
        sizeof(texts->warm_up),
        "Time of each row before the first measurement (default %g)",
        common->warm_up);
    (void)snprintf(
        texts->seconds,
        sizeof(texts->seconds),
        "Time of one measurement (default %g)",
        common->seconds);
    if (common->seconds > 0) {
        table[count++] = (struct argp_option){"seconds", 's', "S", 0, texts->seconds, 50};
    }
    table[count++] = (struct argp_option){"repeats", 'r', "N", 0, texts->repeats, 50};
    if (common->warm_up > 0) {
        table[count++] = (struct argp_option){"warm-up", KEY_WARM_UP, "S", 0, texts->warm_up, 50};
    }
    if (common->dir != NULL) {
        (void)snprintf(
            texts->dir,
            sizeof(texts->dir),
            "Measure on this folder's disk (default %.40s)",
            common->dir);
        table[count++] = (struct argp_option){"dir", 'd', "DIR", 0, texts->dir, 50};
    }
    table[count++] = (struct argp_option){"json", 'j', NULL, 0, "Only the JSON line, no table", 51};
    table[count++] = (struct argp_option){
        "hgrm", KEY_HGRM, "DIR", 0, "Write a percentile file (.hgrm) of each latency there", 51};
    table[count++] = (struct argp_option){
        "quick", KEY_QUICK, NULL, 0, "Over in seconds: to see that it runs, not what it says", 51};
    table[count] = (struct argp_option){0};
}

/* argp reorders the words, so this comes first. What does not fit is cut. */
static void note_command(struct ordo_bench_options *common, int argc, char **argv)
{
    size_t used = 0;
    for (int i = 0; i < argc && used < sizeof(common->command); i++) {
        const char *between = i == 0 ? "" : " ";
        int size = snprintf(
            common->command + used, sizeof(common->command) - used, "%s%s", between, argv[i]);
        used += size < 0 ? 0 : (size_t)size;
    }
}

void ordo_bench_parse(const struct ordo_bench_verb *verb, int argc, char **argv)
{
    struct texts texts;
    struct argp_option table[TABLE_MAX];
    note_command(verb->common, argc, argv);
    fill_table(verb->common, &texts, table);
    const struct argp common = {.options = table, .parser = parse_common};
    const struct argp_child children[2] = {{.argp = &common}};
    const struct argp argp = {
        .options = verb->options, .parser = parse_own, .doc = verb->doc, .children = children};
    struct parse parse = {.verb = verb};
    argp_err_exit_status = ORDO_BENCH_MISUSED;
    if (argp_parse(&argp, argc, argv, 0, NULL, &parse) != 0) {
        exit(ORDO_BENCH_MISUSED); /* memory, or an argument that nobody knows */
    }
    settle(&parse);
}
