/* One program, one file a verb: main knows only their names; an underscore in the table is a hyphen
 * on the command line.
 *
 *     ordo VERB [OPTION...] [ARGUMENT...]
 *
 * A verb gets the rest of the line and does its own parsing by an argp table, so `ordo help VERB`
 * is `ordo VERB --help`. The table below is the only list of verbs.
 */
#include "cli.h"
#include "ordo_version.h"

#include <stdio.h>
#include <string.h>

#define VERBS(X)                                                                                   \
    X(serve, "run a node on a data folder")                                                        \
    X(sku, "put a product on sale, look at its stock")                                             \
    X(card, "load cards into a product's pool, take them back")                                    \
    X(coupon, "make a coupon, look at how often it was used")                                      \
    X(channel, "set how exact the payments of a channel must be")                                  \
    X(settings, "set the policies of a node")                                                      \
    X(order, "create, pay, look at, cancel and list orders; open their cards")                     \
    X(wait, "wait until orders are in a state, or a sequence is durable")                          \
    X(stuck, "list the orders that have been in a state for too long")                             \
    X(subscribe, "print each status change, once and in order")                                    \
    X(subscriber, "look at and set the cursors of those who read the stream")                      \
    X(top, "show rates, stages, subscribers and latencies of a node")                              \
    X(sale, "drive a flash sale against a node and check what came of it")                         \
    X(audit, "replay a data folder and print every conservation law")                              \
    X(why, "tell the life of an order from the journal, and what it waits for")                    \
    X(journal, "look at, verify, archive, trim and repair the journal of a data folder")           \
    X(replay, "decide a journal again up to a sequence, print the state's digest")                 \
    X(backup, "copy a data folder beside its running server, verified")                            \
    X(restore, "make a data folder from a copy")                                                   \
    X(snapshot, "make, list, verify, export or invalidate the snapshots of a data folder")         \
    X(recovery_plan, "say what a start on a data folder would do and why")                         \
    X(states, "print the states of an order and what leads from one to another")                   \
    X(bench, "measure a part of the engine")                                                       \
    X(version, "print the version and what this build and machine can do")

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
#define VERB_ROW(name, summary) {#name, ordo_verb_##name, summary},
    VERBS(VERB_ROW)
#undef VERB_ROW
};

#define VERB_NAME_MAX 24

/* As a person types it. */
static const char *typed(const struct verb *verb, char name[VERB_NAME_MAX])
{
    size_t i = 0;
    for (; verb->name[i] != '\0' && i < VERB_NAME_MAX - 1; i++) {
        name[i] = verb->name[i] == '_' ? '-' : verb->name[i];
    }
    name[i] = '\0';
    return name;
}

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *out)
{
    (void)fputs(
        "Usage: ordo VERB [OPTION...] [ARGUMENT...]\n"
        "\n"
        "The sequencer of flash-sale orders: one program for the node, its clients and its files.\n"
        "\n",
        out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        char name[VERB_NAME_MAX];
        (void)fprintf(out, "  %-13s %s\n", typed(&verbs[i], name), verbs[i].summary);
    }
    (void)fputs(
        "\n"
        "`ordo help VERB` explains one. Every verb takes --json.\n"
        "Exit codes: 0 done, 1 failed or refused, 3 verification failed, 64 usage, 69 not "
        "available,\n"
        "74 input or output failed, 78 configuration.\n",
        out);
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        char known[VERB_NAME_MAX];
        if (strcmp(typed(&verbs[i], known), name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int refuse_verb(const char *name)
{
    char known[VERB_COUNT][VERB_NAME_MAX];
    const char *names[VERB_COUNT];

    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i] = typed(&verbs[i], known[i]);
    }
    const char *nearest = ordo_cli_nearest(name, names, VERB_COUNT);
    if (nearest == NULL) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE, "there is no verb \"%s\"; `ordo --help` lists them", name);
    }
    return ordo_cli_fail(
        ORDO_EXIT_USAGE, "there is no verb \"%s\"; did you mean \"%s\"?", name, nearest);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;

    if (name[0] == '\0') {
        print_help(stderr);
        return ORDO_EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        (void)printf("ordo %s %s\n", ORDO_VERSION, ORDO_COMMIT);
        return ORDO_EXIT_OK;
    }
    if (help && argc < 3) {
        print_help(stdout);
        return ORDO_EXIT_OK;
    }
    const struct verb *verb = find_verb(help ? argv[2] : name);
    if (verb == NULL) {
        return refuse_verb(help ? argv[2] : name);
    }
    char usage_name[32]; /* "ordo VERB": what argp prints in front of a usage line */
    char known[VERB_NAME_MAX];
    (void)snprintf(usage_name, sizeof(usage_name), "ordo %s", typed(verb, known));
    if (help) {
        char option[] = "--help";
        char *arguments[] = {usage_name, option, NULL};
        return verb->run(2, arguments);
    }
    argv[1] = usage_name;
    return verb->run(argc - 1, argv + 1);
}
