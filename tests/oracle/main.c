/* oracle_test: random histories through the engine and the oracle, compared command by command.
 *
 * The first mismatch is shrunk: commands are left out as long as some mismatch stays, and what is
 * left is printed. After a million commands the run must also have seen nearly everything that can
 * happen, else the generator has gone blind.
 */
#include "compare.h"
#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define COMMANDS         2000000
#define COVERED_COMMANDS 1000000 /* from here on everything must have occurred */
#define DUMP_EVERY       64
#define SHRINK_SECONDS   30

struct options {
    uint64_t commands;
    uint64_t seed;
    uint64_t history;
    bool one_history;
    bool trace;
};

static struct pair both;
static struct history made;
static uint32_t kept[HISTORY_COMMANDS_MAX];

static struct ordo_bytes bytes_at(uint32_t index)
{
    return (struct ordo_bytes){made.bytes + made.items[index].offset, made.items[index].size};
}

/* ---- one history ---- */

static bool step(uint32_t index, bool dump)
{
    bool same = pair_apply(&both, made.items[index].time_us, bytes_at(index));
    if (both.trace) {
        (void)printf("%u ", index);
        pair_print_command(made.items[index].time_us, bytes_at(index));
        pair_print_answers(&both);
    }
    return same && (!dump || pair_dump(&both, made.items[index].time_us));
}

static bool run(uint64_t seed, uint64_t number)
{
    bool same = true;
    history_begin(&made, seed, number);
    pair_begin(&both);
    while (same && made.count < made.length) {
        history_next(&made, both.oracle);
        bool dump = made.count == made.length || made.count % DUMP_EVERY == 0;
        same = step(made.count - 1, dump);
    }
    return same;
}

/* ---- a mismatch ---- */

static char reason[PAIR_WHY_SIZE];

/* The same kind of mismatch: the words before the values. */
static bool is_the_one(void)
{
    size_t size = strcspn(both.why, ":");
    return size == strcspn(reason, ":") && memcmp(both.why, reason, size) == 0;
}

/* Plays the kept commands; true when there is this mismatch, after how many in *failed. */
static bool fails(uint32_t count, uint32_t *failed)
{
    pair_begin(&both);
    for (uint32_t i = 0; i < count; i++) {
        if (!step(kept[i], true)) {
            *failed = i + 1;
            return is_the_one();
        }
    }
    return false;
}

/* Leaves out ever smaller runs of commands (Zeller's ddmin, in its simplest form). */
static uint32_t shrink(uint32_t count)
{
    uint32_t before[HISTORY_COMMANDS_MAX];
    time_t until = time(NULL) + SHRINK_SECONDS;
    for (uint32_t size = count / 2; size > 0; size /= 2) {
        uint32_t at = 1; /* the genesis stays */
        while (at < count && time(NULL) < until) {
            uint32_t left_out = size < count - at ? size : count - at;
            uint32_t failed = 0;
            memcpy(before, kept, sizeof(kept));
            memmove(kept + at, kept + at + left_out, (count - at - left_out) * sizeof(kept[0]));
            if (fails(count - left_out, &failed)) {
                count = failed;
            } else {
                memcpy(kept, before, sizeof(kept));
                at += left_out;
            }
        }
    }
    return count;
}

static void report(const struct options *options, uint64_t number, const char *program)
{
    uint32_t failed = made.count;
    (void)printf("MISMATCH in history %" PRIu64 ", command %u: %s\n", number, failed, both.why);
    pair_print_command(made.items[failed - 1].time_us, bytes_at(failed - 1));
    pair_print_answers(&both);
    (void)fflush(stdout);
    both.trace = false;
    memcpy(reason, both.why, sizeof(reason));
    for (uint32_t i = 0; i < failed; i++) {
        kept[i] = i;
    }
    uint32_t count = failed;
    if (fails(count, &failed)) {
        count = shrink(failed);
    }
    (void)printf("the shortest history found has %u commands:\n", count);
    both.trace = true;
    (void)fails(count, &failed);
    (void)printf("%s\n", both.why);
    (void)printf(
        "replay: %s --seed %" PRIu64 " --history %" PRIu64 " --trace\n",
        program,
        options->seed,
        number);
}

/* ---- what occurred ---- */

/* The edge, the capacities and the queries answer these; no history reaches them. */
static bool is_exempt(uint16_t code)
{
    return (code >= ORDO_RESULT_BUSY && code <= ORDO_RESULT_SHUTTING_DOWN) ||
           code == ORDO_RESULT_LIST_MOVED || code == ORDO_RESULT_LINKED_FAILED ||
           (code >= ORDO_RESULT_FULL_ORDERS && code < ORDO_RESULT_FULL_SUBSCRIBERS) ||
           code > ORDO_RESULT_PARK_UNKNOWN;
}

static uint32_t count_missing(void)
{
    static const struct {
        uint16_t code;
        const char *name;
    } codes[] = {
#define CODE(NAME, number, name, text) {number, name},
        ORDO_RESULTS(CODE)
#undef CODE
    };
    uint32_t missing = 0;
    for (uint32_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (both.codes[codes[i].code] == 0 && !is_exempt(codes[i].code)) {
            (void)printf("never answered: %s\n", codes[i].name);
            missing++;
        }
    }
    for (uint8_t i = 1; i < ORDO_DISPOSITION_COUNT; i++) {
        if (both.dispositions[i] == 0) {
            (void)printf("never a disposition: %s\n", ordo_disposition_name(i));
            missing++;
        }
    }
    for (enum ordo_event i = 0; i < ORDO_EVENT_COUNT; i++) {
        if (oracle_events_seen(both.oracle, i) == 0) {
            (void)printf("never an event: %s\n", ordo_event_name(i));
            missing++;
        }
    }
    return missing;
}

static void print_counts(void)
{
    for (uint32_t i = 0; i < PAIR_CODES; i++) {
        if (both.codes[i] != 0) {
            (void)printf("%10" PRIu64 " %s\n", both.codes[i], ordo_result_name((uint16_t)i));
        }
    }
    for (uint8_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        (void)printf("%10" PRIu64 " %s\n", both.dispositions[i], ordo_disposition_name(i));
    }
    for (enum ordo_event i = 0; i < ORDO_EVENT_COUNT; i++) {
        uint64_t seen = oracle_events_seen(both.oracle, i);
        (void)printf("%10" PRIu64 " %s\n", seen, ordo_event_name(i));
    }
    (void)printf("%10" PRIu64 " exact resends\n", both.resends);
}

/* ---- the program ---- */

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
        } else if (strcmp(argv[i], "--commands") == 0 && has_value) {
            options->commands = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            options->seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--history") == 0 && has_value) {
            options->history = strtoull(argv[++i], NULL, 10);
            options->one_history = true;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    const char *wanted = getenv("ORDO_ORACLE_COMMANDS");
    const char *seed = getenv("ORDO_SEED");
    struct options options = {
        .commands = wanted != NULL ? strtoull(wanted, NULL, 10) : COMMANDS,
        .seed = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL),
    };
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(
            stderr, "usage: %s [--commands N] [--seed S] [--history K] [--trace]\n", argv[0]);
        return 64;
    }
    struct ordo_settings_values settings = history_settings();
    made.bytes = malloc(HISTORY_BYTES_MAX);
    if (made.bytes == NULL || !pair_init(&both, &settings)) {
        (void)fprintf(stderr, "oracle_test: no memory\n");
        return 1;
    }
    both.trace = options.trace;
    (void)printf(
        "replay: %s --seed %" PRIu64 " --commands %" PRIu64 "\n",
        argv[0],
        options.seed,
        options.commands);
    (void)fflush(stdout);
    uint64_t number = options.one_history ? options.history : 0;
    uint64_t cases = 0;
    uint32_t bad = 0;
    while (bad == 0 && cases < options.commands) {
        bad = run(options.seed, number) ? 0 : 1;
        cases += made.count;
        if (bad != 0) {
            report(&options, number, argv[0]);
        }
        number++;
        if (options.one_history) {
            break;
        }
    }
    if (bad == 0 && cases >= COVERED_COMMANDS) {
        print_counts();
        bad = count_missing();
    }
    (void)printf(
        "RELIABILITY R11 %s cases=%" PRIu64 " fails=%u seed=%" PRIu64 " histories=%" PRIu64 "\n",
        bad == 0 ? "ok" : "failed",
        cases,
        bad,
        options.seed,
        number);
    pair_fini(&both);
    free(made.bytes);
    return bad == 0 ? 0 : 1;
}
