/* `ordo recovery-plan DIR`: what a start would do and why, without doing it.
 *
 * Reads both snapshots whole and the journal behind the one that would be taken. With --digest it
 * goes all the way in memory: load, replay, digest of the state. A start never writes before its
 * verdict, so what is said here holds as long as nobody else writes.
 */
#include "cli.h"
#include "replay_mark.h"
#include "restart.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

struct options {
    const char *dir;
    bool json;
    bool digest;
    bool whole;
};

struct plan {
    struct ordo_arena arena;
    struct ordo_replay replay;
    struct ordo_restart restart;
    int chosen;
    uint64_t after_seq;
    uint64_t records; /* to replay */
    uint64_t seq;     /* where the journal ends */
    struct ordo_hash128 digest;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'j':
        options->json = true;
        return 0;
    case 'd':
        options->digest = true;
        return 0;
    case 'w':
        options->whole = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->dir != NULL) {
            argp_error(state, "one data folder at a time");
        }
        options->dir = argument;
        return 0;
    case ARGP_KEY_END:
        if (options->dir == NULL) {
            argp_error(state, "name a data folder");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum ordo_err
choose(struct plan *plan, const struct options *options, struct ordo_fail *fail)
{
    plan->chosen = -1;
    if (options->whole) {
        return ORDO_OK;
    }
    if (options->digest) {
        enum ordo_err err = ordo_restart_load(&plan->restart, options->dir, &plan->replay, fail);
        plan->chosen = plan->restart.chosen;
        plan->after_seq = plan->restart.after_seq;
        return err;
    }
    ordo_restart_look(&plan->restart, options->dir);
    plan->chosen = ordo_restart_best(&plan->restart);
    plan->after_seq = plan->chosen < 0 ? 0 : plan->restart.candidates[plan->chosen].info.seq;
    return ORDO_OK;
}

static enum ordo_err walk(
    struct plan *plan,
    const struct options *options,
    struct ordo_journal_reader *reader,
    struct ordo_fail *fail)
{
    const struct ordo_record *records;
    uint32_t count;
    enum ordo_err err;
    while ((err = ordo_journal_reader_next_many(reader, &records, &count, fail)) == ORDO_OK) {
        uint32_t known = 0; /* those that the snapshot has */
        while (known < count && records[known].seq <= plan->after_seq) {
            known++;
        }
        plan->seq = records[count - 1].seq;
        plan->records += count - known;
        if (options->digest) {
            err = ordo_replay_records(&plan->replay, records + known, count - known, fail);
        }
        if (err != ORDO_OK) {
            return err;
        }
    }
    if (err != ORDO_ERR_EMPTY) {
        return err;
    }
    return plan->seq >= plan->after_seq ? ORDO_OK
                                        : ordo_fail_set(
                                              fail,
                                              ORDO_ERR_DAMAGED,
                                              "%s: the journal ends before sequence %" PRIu64
                                              ", which a snapshot proves was durable",
                                              options->dir,
                                              plan->after_seq);
}

static enum ordo_err
examine(struct plan *plan, const struct options *options, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    enum ordo_err err = choose(plan, options, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_journal_reader_open(options->dir, plan->after_seq, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = walk(plan, options, reader, fail);
    ordo_journal_reader_close(reader);
    if (err == ORDO_OK && options->digest && plan->replay.state != NULL) {
        plan->digest = ordo_state_digest(plan->replay.state);
    }
    return err;
}

/* ---- output ---- */

static void print_text(const struct plan *plan, const struct options *options)
{
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT && !options->whole; i++) {
        const struct ordo_candidate *candidate = &plan->restart.candidates[i];
        const char *verdict = (int)i == plan->chosen          ? "is taken"
                              : candidate->why.err == ORDO_OK ? "would do"
                                                              : candidate->why.text;
        (void)printf(
            "snapshot %c (%s, generation %" PRIu64 ", seq %" PRIu64 "): %s\n",
            ordo_snapshot_letter(candidate->which),
            ordo_snapshot_status_name(candidate->status),
            candidate->info.generation,
            candidate->info.seq,
            verdict);
    }
    (void)printf(
        "journal: %" PRIu64 " records %s, to seq %" PRIu64 "\n",
        plan->records,
        plan->chosen < 0 ? "from the beginning" : "behind the snapshot",
        plan->seq);
    if (options->digest) {
        (void)printf("digest: %016" PRIx64 "%016" PRIx64 "\n", plan->digest.high, plan->digest.low);
    }
}

static json_t *describe_candidates(const struct plan *plan)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < ORDO_SNAPSHOT_WHICH_COUNT; i++) {
        const struct ordo_candidate *candidate = &plan->restart.candidates[i];
        const char name[2] = {ordo_snapshot_letter(candidate->which), '\0'};
        json_array_append_new(
            all,
            json_pack(
                "{s:s, s:s, s:I, s:I, s:b, s:s*}",
                "which",
                name,
                "status",
                ordo_snapshot_status_name(candidate->status),
                "generation",
                (json_int_t)candidate->info.generation,
                "seq",
                (json_int_t)candidate->info.seq,
                "taken",
                (int)i == plan->chosen,
                "why",
                candidate->why.err == ORDO_OK ? NULL : candidate->why.text));
    }
    return all;
}

static void
print_json(const struct plan *plan, const struct options *options, const struct ordo_fail *fail)
{
    char digest[33] = "";
    char name[2] = "";
    if (plan->chosen >= 0) {
        name[0] = ordo_snapshot_letter(plan->restart.candidates[plan->chosen].which);
    }
    (void)snprintf(
        digest, sizeof(digest), "%016" PRIx64 "%016" PRIx64, plan->digest.high, plan->digest.low);
    json_t *root = json_pack(
        "{s:b, s:s*, s:I, s:I, s:I, s:o, s:s*, s:s*}",
        "starts",
        fail->err == ORDO_OK,
        "snapshot",
        plan->chosen < 0 ? NULL : name,
        "after_seq",
        (json_int_t)plan->after_seq,
        "records",
        (json_int_t)plan->records,
        "seq",
        (json_int_t)plan->seq,
        "candidates",
        options->whole ? json_array() : describe_candidates(plan),
        "digest",
        options->digest && fail->err == ORDO_OK ? digest : NULL,
        "error",
        fail->err == ORDO_OK ? NULL : fail->text);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(root);
}

int ordo_verb_recovery_plan(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"json", 'j', NULL, 0, "One JSON object", 0},
        {"digest", 'd', NULL, 0, "Do it in memory and print the digest of the state", 0},
        {"whole", 'w', NULL, 0, "As if there were no snapshots", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "DIR",
        .doc = "Say what a start on DIR would do and why: which snapshot it would take, which it "
               "refuses, how many records it would replay. Only reads. Exit 3 when a start would "
               "be refused.",
    };
    static struct plan plan; /* an outcome: too much for the stack */
    struct options options = {.dir = NULL};
    struct ordo_fail fail = {.err = ORDO_OK};

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    ordo_arena_init(&plan.arena);
    ordo_replay_init(&plan.replay, &plan.arena);
    fail.err = examine(&plan, &options, &fail);
    if (fail.err == ORDO_OK) {
        fail.err = ordo_replay_mark_look(options.dir, &fail);
    }
    if (options.json) {
        print_json(&plan, &options, &fail);
    } else {
        print_text(&plan, &options);
    }
    ordo_arena_fini(&plan.arena);
    return fail.err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}
