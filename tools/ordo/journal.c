/* `ordo journal VERB DIR`: what stands in a journal, whether it is whole, and what becomes of its
 * old segments.
 */
#include "journal.h"

#include "journal/snapshot.h"

#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    {"ls", ordo_journal_ls, "the segments: where, which sequences, when"},
    {"stat", ordo_journal_stat, "read everything: batches, records, bytes, padding"},
    {"dump", ordo_journal_dump, "each record: the command, what was decided, what followed"},
    {"verify", ordo_journal_check, "prove the whole chain, archive and all; print its root"},
    {"archive", ordo_journal_move, "move segments that recovery does not need, compressed"},
    {"trim", ordo_journal_delete, "delete archived segments (a dry run without --yes)"},
    {"repair-tail", ordo_journal_repair, "show what recovery would cut; with --yes cut it"},
};

#define CURSOR_KEEP_US (7 * 86400 * 1000000ull)
#define CURSOR_SHARE   10 /* percent of the disk */

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void on_cursor(int key, const char *argument, struct argp_state *state)
{
    struct ordo_journal_options *options = state->input;

    if (key == ORDO_JOURNAL_CURSOR_KEEP) {
        if (!ordo_cli_duration_us(argument, &options->cursor_keep_us)) {
            argp_error(state, "--cursor-keep takes an age such as 7d, not \"%s\"", argument);
        }
    } else if (!ordo_cli_number(argument, 100, &options->cursor_share)) {
        argp_error(state, "--cursor-share takes 0 to 100 percent, not \"%s\"", argument);
    }
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct ordo_journal_options *options = state->input;

    switch (key) {
    case 'f':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->from)) {
            argp_error(state, "--from takes a sequence, not \"%s\"", argument);
        }
        return 0;
    case 't':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->upto)) {
            argp_error(state, "a sequence is a number, not \"%s\"", argument);
        }
        return 0;
    case 'x':
        if (!ordo_cli_number(argument, UINT64_MAX - 1, &options->discard)) {
            argp_error(state, "--discard-after takes a sequence, not \"%s\"", argument);
        }
        return 0;
    case 'o':
        if (!ordo_cli_duration_us(argument, &options->older_us)) {
            argp_error(state, "--older takes an age such as 90d, not \"%s\"", argument);
        }
        return 0;
    case ORDO_JOURNAL_CURSOR_KEEP:
    case ORDO_JOURNAL_CURSOR_SHARE:
        on_cursor(key, argument, state);
        return 0;
    case 'r':
        options->has_root = strlen(argument) == 2 * sizeof(options->root);
        for (size_t i = 0; i < sizeof(options->root) && options->has_root; i++) {
            unsigned byte = 0;
            options->has_root = sscanf(argument + 2 * i, "%2x", &byte) == 1; /* NOLINT */
            options->root[i] = (uint8_t)byte;
        }
        if (!options->has_root) {
            argp_error(state, "--root takes 64 hexadecimal digits");
        }
        return 0;
    case 'k':
        options->key_file = argument;
        return 0;
    case 's':
        options->snapshots = true;
        return 0;
    case 'd':
        options->digest = true;
        return 0;
    case 'y':
        options->yes = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->dir != NULL && (!options->takes_two || options->to != NULL)) {
            argp_error(state, "too many folders");
        }
        *(options->dir == NULL ? &options->dir : &options->to) = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->dir == NULL || (options->takes_two && options->to == NULL)) {
            argp_error(state, options->takes_two ? "name two folders" : "name a data folder");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

bool ordo_journal_parse(
    const struct argp_option *table,
    const char *arguments,
    const char *text,
    int argc,
    char **argv,
    struct ordo_journal_options *options)
{
    const struct argp parser = {
        .options = table, .parser = on_option, .args_doc = arguments, .doc = text};
    bool takes_two = options->takes_two;

    *options = (struct ordo_journal_options){
        .upto = UINT64_MAX,
        .discard = UINT64_MAX,
        .cursor_keep_us = CURSOR_KEEP_US,
        .cursor_share = CURSOR_SHARE,
        .takes_two = takes_two};
    /* A closed pipe is the reader's wish to stop, told by a failed write. */
    (void)signal(SIGPIPE, SIG_IGN);
    return argp_parse(&parser, argc, argv, 0, NULL, options) == 0;
}

void ordo_journal_time(uint64_t time_us, char out[32])
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm broken;

    if (time_us == 0 || gmtime_r(&seconds, &broken) == NULL ||
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &broken) == 0) {
        (void)snprintf(out, 32, "-");
    }
}

void ordo_journal_hex(const uint8_t *data, size_t size, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

void ordo_journal_progress(void *context, uint64_t number, uint64_t last)
{
    (void)context;
    if (ordo_cli_progress()) {
        (void)fprintf(
            stderr,
            "\rsegment %llu of %llu ",
            (unsigned long long)number,
            (unsigned long long)last);
    }
}

void ordo_journal_progress_end(void)
{
    if (ordo_cli_progress()) {
        (void)fputs("\r\033[K", stderr);
    }
}

uint64_t ordo_journal_needed(const char *dir)
{
    uint64_t needed = UINT64_MAX;
    struct ordo_snapshot_info info;
    struct ordo_fail fail;

    for (int which = 0; which < ORDO_SNAPSHOT_WHICH_COUNT; which++) {
        if (ordo_snapshot_look(dir, (enum ordo_snapshot_which)which, &info, &fail) !=
            ORDO_SNAPSHOT_COMPLETE) {
            return 0;
        }
        needed = info.seq < needed ? info.seq : needed;
    }
    return needed;
}

static void print_help(FILE *out)
{
    (void)fputs("Usage: ordo journal VERB DIR [OPTION...]\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs(
        "\nThey only read unless --yes is given, and work beside a running server and on what a "
        "crash has\nleft. `ordo journal VERB --help` has the options.\n",
        out);
}

int ordo_verb_journal(int argc, char **argv)
{
    static char name[40];
    const char *names[VERB_COUNT];

    if (argc < 2) {
        print_help(stderr);
        return ORDO_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help(stdout);
        return ORDO_EXIT_OK;
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i] = verbs[i].name;
        if (strcmp(argv[1], verbs[i].name) == 0) {
            (void)snprintf(name, sizeof(name), "ordo journal %s", verbs[i].name);
            argv[1] = name;
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    const char *nearest = ordo_cli_nearest(argv[1], names, VERB_COUNT);
    return ordo_cli_fail(
        ORDO_EXIT_USAGE,
        "there is no \"journal %s\"; %s%s",
        argv[1],
        nearest == NULL ? "`ordo journal --help` lists them" : "did you mean journal ",
        nearest == NULL ? "" : nearest);
}
