/* `ordo audit DIR`: is what stands in this folder true?
 *
 * Twice, in different ways. The engine decides every command again and must come to the very bytes
 * that were journaled: that proves that state is a function of the journal. A tally that shares no
 * code with the engine follows orders, cards and money through the outcomes: that proves that what
 * was decided adds up. Then both are compared, law by law. Only reads, also beside a running
 * server.
 *
 * Of a trimmed journal the state of a snapshot gives the opening balances of both, and everything
 * behind it is proven in the same way: the output says where the proof begins.
 */
#include "audit_open.h"
#include "audit_sums.h"
#include "begin.h"
#include "cli.h"
#include "replay.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *dir;
    uint64_t until;
    uint64_t every; /* records between two walks of the whole state; 0 = only at the end */
    bool json;
};

struct audit {
    struct ordo_arena arena;
    struct ordo_replay replay;
    struct ordo_begin begin;
    struct ordo_tally tally;
    struct ordo_laws laws;
    struct ordo_record_view view;
    uint64_t walks; /* of the whole state, on the way */
    uint64_t opened_orders;
    uint32_t opened_balances;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'u':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->until)) {
            argp_error(state, "--until takes a sequence, not \"%s\"", argument);
        }
        return 0;
    case 'e':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->every)) {
            argp_error(state, "--every takes a number of records, not \"%s\"", argument);
        }
        return 0;
    case 'j':
        options->json = true;
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

/* The tally comes first: it names the law that a bent record breaks, where the replay would only
 * say that this build decides otherwise. */
static enum ordo_err
take_record(struct audit *audit, const struct ordo_record *record, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_record_decode(record, &audit->view, fail);

    if (err == ORDO_OK) {
        err = ordo_tally_add(&audit->tally, &audit->view, fail);
    }
    return err == ORDO_OK ? ordo_replay_record(&audit->replay, record, fail) : err;
}

static enum ordo_err walk_state(struct audit *audit, struct ordo_fail *fail)
{
    struct ordo_fail broken;

    audit->walks++;
    if (ordo_state_check(audit->replay.state, &broken) == ORDO_OK) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "seq %" PRIu64 ": the state after it is broken: %.300s",
        audit->tally.seq,
        broken.text);
}

static enum ordo_err read_records(
    struct audit *audit,
    const struct options *options,
    struct ordo_journal_reader *reader,
    struct ordo_fail *fail)
{
    struct ordo_record record;
    enum ordo_err err = ORDO_OK;

    while (err == ORDO_OK && audit->tally.seq < options->until) {
        err = ordo_journal_reader_next(reader, &record, fail);
        if (err == ORDO_OK) {
            err = take_record(audit, &record, fail);
        }
        if (err == ORDO_OK && options->every != 0 && record.seq % options->every == 0) {
            err = walk_state(audit, fail);
        }
        if (err == ORDO_OK && ordo_cli_progress() && record.seq % 65536 == 0) {
            (void)fprintf(stderr, "\raudit: %" PRIu64 " records", record.seq);
        }
    }
    if (ordo_cli_progress()) {
        (void)fputs("\r\033[K", stderr);
    }
    if (err == ORDO_ERR_EMPTY && audit->replay.state == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NOT_FOUND, "%s: the journal is empty", options->dir);
    }
    return err == ORDO_ERR_EMPTY ? ORDO_OK : err;
}

/* ---- output ---- */

static void print_text(const struct audit *audit)
{
    char opening[200];

    ordo_begin_tell(&audit->begin, opening, sizeof(opening));
    if (audit->begin.at_snapshot) {
        (void)printf(
            "opening: %s: %" PRIu64 " orders, %u balances\n",
            opening,
            audit->opened_orders,
            audit->opened_balances);
    }
    (void)printf(
        "replay: all %" PRIu64 " outcomes reproduced (%" PRIu64 " of them refusals), seq %" PRIu64
        " to %" PRIu64 "\n",
        audit->tally.records,
        audit->tally.refused,
        audit->tally.opened_seq + 1,
        audit->tally.seq);
    for (uint32_t i = 0; i < audit->laws.count; i++) {
        const struct ordo_law *law = &audit->laws.rows[i];
        (void)printf(
            "%-6s %-32s %-7s %s\n",
            law->holds ? "ok" : "BROKEN",
            law->name,
            ordo_law_way_name(law->way),
            law->text);
    }
    (void)printf(
        "records: from the journal's outcomes alone; state: from the replayed state alone; both: "
        "each, and they agree\n");
    if (audit->walks != 0) {
        (void)printf(
            "invariants: the whole state was walked %" PRIu64 " times on the way\n", audit->walks);
    }
}

static void print_json(const struct audit *audit, const struct ordo_fail *fail)
{
    json_t *laws = json_array();

    for (uint32_t i = 0; i < audit->laws.count; i++) {
        const struct ordo_law *law = &audit->laws.rows[i];
        json_array_append_new(
            laws,
            json_pack(
                "{s:s, s:b, s:s, s:s}",
                "name",
                law->name,
                "holds",
                law->holds,
                "way",
                ordo_law_way_name(law->way),
                "text",
                law->text));
    }
    json_t *root = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s*}",
        "clean",
        fail->err == ORDO_OK,
        "opened_seq",
        (json_int_t)audit->tally.opened_seq,
        "records",
        (json_int_t)audit->tally.records,
        "seq",
        (json_int_t)audit->tally.seq,
        "update_seq",
        (json_int_t)audit->tally.update_seq,
        "refused",
        (json_int_t)audit->tally.refused,
        "walks",
        (json_int_t)audit->walks,
        "laws",
        laws,
        "error",
        fail->err == ORDO_OK ? NULL : fail->text);
    (void)json_dumpf(root, stdout, 0);
    (void)putchar('\n');
    json_decref(root);
}

/* What the snapshot's state says of itself is looked at before anything is built upon it. */
static enum ordo_err open_balances(struct audit *audit, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_tally_open(&audit->tally, audit->replay.state, fail);

    audit->opened_orders = audit->tally.order_count;
    audit->opened_balances = audit->tally.balance_count;
    return err == ORDO_OK ? walk_state(audit, fail) : err;
}

static enum ordo_err
examine(struct audit *audit, const struct options *options, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    enum ordo_err err =
        ordo_begin_open(&audit->begin, options->dir, options->until, &audit->replay, &reader, fail);

    if (err != ORDO_OK) {
        return err;
    }
    if (audit->begin.at_snapshot) {
        err = open_balances(audit, fail);
    }
    if (err == ORDO_OK) {
        err = read_records(audit, options, reader, fail);
    }
    ordo_journal_reader_close(reader);
    if (err == ORDO_OK) {
        err = ordo_laws_check(&audit->tally, audit->replay.state, &audit->laws, fail);
    }
    if (err == ORDO_OK && audit->laws.broken > 0) {
        const struct ordo_law *law = ordo_laws_first_broken(&audit->laws);
        err = ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "audit: %u of %u laws broken, the first: %s: %s",
            audit->laws.broken,
            audit->laws.count,
            law->name,
            law->text);
    }
    return err;
}

int ordo_verb_audit(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"until", 'u', "SEQ", 0, "Audit the state as of this sequence", 0},
        {"every", 'e', "N", 0, "Walk the whole state after every N records, too: slow", 0},
        {"json", 'j', NULL, 0, "The laws as one JSON object", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = on_option,
        .args_doc = "DIR",
        .doc = "Replay the journal in DIR, add everything up a second time without the engine, and "
               "print every "
               "conservation law with its numbers. Of a trimmed journal it begins with the opening "
               "balances of a snapshot. Exit 3 when a replay diverges or a law is broken.",
    };
    static struct audit audit; /* an outcome and a list of balances: too much for the stack */
    struct options options = {.until = UINT64_MAX};
    struct ordo_fail fail = {.err = ORDO_OK};

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    ordo_arena_init(&audit.arena);
    ordo_replay_init(&audit.replay, &audit.arena);
    fail.err = examine(&audit, &options, &fail);
    if (options.json) {
        print_json(&audit, &fail);
    } else if (audit.laws.count > 0) {
        print_text(&audit);
    }
    int code = ORDO_EXIT_OK;
    if (fail.err != ORDO_OK) {
        code = ordo_cli_fail_with(&fail);
    } else if (!options.json) {
        (void)puts("audit: clean");
    }
    ordo_laws_free(&audit.laws);
    ordo_tally_free(&audit.tally);
    ordo_arena_fini(&audit.arena);
    return code;
}
