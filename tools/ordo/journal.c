/* `ordo journal dump|verify DIR`: what stands in a journal, and whether it is whole.
 *
 * Both only read and take no lock, so they work beside a running server; then the end is where the
 * server is.
 */
#include "journal/journal.h"

#include "cli.h"
#include "record.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

struct options {
    const char *dir;
    uint64_t from;
    uint64_t to;
    bool json;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'f':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->from)) {
            argp_error(state, "--from takes a sequence, not \"%s\"", argument);
        }
        return 0;
    case 't':
        if (!ordo_cli_number(argument, UINT64_MAX, &options->to)) {
            argp_error(state, "--to takes a sequence, not \"%s\"", argument);
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

/* ---- dump ---- */

static enum ordo_err
dump_one(const struct options *options, const struct ordo_record *record, struct ordo_fail *fail)
{
    static struct ordo_record_view view; /* some 4 KiB: too much for this stack's limit */
    enum ordo_err err = ordo_record_decode(record, &view, fail);

    if (err != ORDO_OK) {
        return err;
    }
    json_t *description = ordo_record_describe(&view);
    if (description == NULL) {
        return ordo_fail_set(
            fail, ORDO_ERR_NO_MEMORY, "out of memory at seq %" PRIu64, record->seq);
    }
    if (options->json) {
        (void)json_dumpf(description, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        ordo_record_print(description, stdout);
    }
    json_decref(description);
    return ferror(stdout) ? ordo_fail_set(fail, ORDO_ERR_IO, "stdout cannot be written") : ORDO_OK;
}

static enum ordo_err
dump(const struct options *options, struct ordo_journal_reader *reader, struct ordo_fail *fail)
{
    struct ordo_record record;
    enum ordo_err err;

    for (;;) {
        err = ordo_journal_reader_next(reader, &record, fail);
        if (err != ORDO_OK || record.seq > options->to) {
            break;
        }
        if (record.seq < options->from) {
            continue;
        }
        err = dump_one(options, &record, fail);
        if (err != ORDO_OK) {
            break;
        }
    }
    return err == ORDO_ERR_EMPTY ? ORDO_OK : err;
}

/* ---- verify ---- */

struct verdict {
    uint64_t records;
    uint64_t bytes;
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t first_us;
    uint64_t last_us;
    uint64_t update_seq;
};

/* What the checksums do not say: that the records follow each other. */
static enum ordo_err
verify_one(struct verdict *verdict, const struct ordo_record *record, struct ordo_fail *fail)
{
    static struct ordo_record_view view;
    enum ordo_err err = ordo_record_decode(record, &view, fail);

    if (err != ORDO_OK) {
        return err;
    }
    if (record->seq != verdict->last_seq + 1) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "seq %" PRIu64 " follows seq %" PRIu64,
            record->seq,
            verdict->last_seq);
    }
    if (record->time_us < verdict->last_us) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "time goes back at seq %" PRIu64, record->seq);
    }
    if (record->update_seq != verdict->update_seq + record->update_count ||
        view.outcome.transition_count != record->update_count) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "update_seq has a gap at seq %" PRIu64, record->seq);
    }
    if (verdict->records == 0) {
        verdict->first_seq = record->seq;
        verdict->first_us = record->time_us;
    }
    verdict->records++;
    verdict->bytes += record->command.size + record->outcome.size;
    verdict->last_seq = record->seq;
    verdict->last_us = record->time_us;
    verdict->update_seq = record->update_seq;
    return ORDO_OK;
}

static enum ordo_err
verify(const struct options *options, struct ordo_journal_reader *reader, struct ordo_fail *fail)
{
    struct verdict verdict = {0};
    struct ordo_record record;
    enum ordo_err err;

    do {
        err = ordo_journal_reader_next(reader, &record, fail);
        if (err == ORDO_OK) {
            err = verify_one(&verdict, &record, fail);
        }
    } while (err == ORDO_OK);
    if (err != ORDO_ERR_EMPTY) {
        return err;
    }
    if (options->json) {
        (void)printf(
            "{\"clean\": true, \"records\": %" PRIu64 ", \"first_seq\": %" PRIu64
            ", \"last_seq\": %" PRIu64 ", \"update_seq\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"first_us\": %" PRIu64 ", \"last_us\": %" PRIu64 "}\n",
            verdict.records,
            verdict.first_seq,
            verdict.last_seq,
            verdict.update_seq,
            verdict.bytes,
            verdict.first_us,
            verdict.last_us);
    } else {
        (void)printf(
            "journal: clean: %" PRIu64 " records, seq %" PRIu64 " to %" PRIu64 ", %" PRIu64
            " updates, %" PRIu64 " bytes of commands and outcomes, %.1f s of engine time\n",
            verdict.records,
            verdict.first_seq,
            verdict.last_seq,
            verdict.update_seq,
            verdict.bytes,
            (double)(verdict.last_us - verdict.first_us) / 1e6);
    }
    return ORDO_OK;
}

static int run(int argc, char **argv, bool dumps)
{
    static const struct argp_option dump_table[] = {
        {"from", 'f', "SEQ", 0, "Begin at this sequence", 0},
        {"to", 't', "SEQ", 0, "End with this sequence", 0},
        {"json", 'j', NULL, 0, "One JSON object a line", 0},
        {0},
    };
    static const struct argp_option verify_table[] = {
        {"json", 'j', NULL, 0, "The verdict as one JSON object", 0},
        {0},
    };
    const struct argp parser = {
        .options = dumps ? dump_table : verify_table,
        .parser = on_option,
        .args_doc = "DIR",
        .doc =
            dumps ? "Print each record of the journal in DIR: the command, what was decided, what "
                    "followed. Sealed cards are shown as count and size only."
                  : "Read the whole journal in DIR: checksums, chain, sequences, every command and "
                    "outcome. Exit 3 names the place of a damage.",
    };
    struct options options = {.to = UINT64_MAX};
    struct ordo_journal_reader *reader;
    struct ordo_fail fail;

    if (argp_parse(&parser, argc, argv, 0, NULL, &options) != 0) {
        return ORDO_EXIT_USAGE;
    }
    enum ordo_err err =
        ordo_journal_reader_open(options.dir, dumps ? options.from : 0, &reader, &fail);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    err = dumps ? dump(&options, reader, &fail) : verify(&options, reader, &fail);
    ordo_journal_reader_close(reader);
    return err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}

int ordo_verb_journal(int argc, char **argv)
{
    static char dump_name[] = "ordo journal dump";
    static char verify_name[] = "ordo journal verify";
    static const char usage[] =
        "Usage: ordo journal dump DIR [--from SEQ] [--to SEQ] [--json]\n"
        "  or:  ordo journal verify DIR [--json]\n"
        "\n"
        "Both only read: they work beside a running server and on what a crash has left.\n";

    if (argc < 2) {
        (void)fputs(usage, stderr);
        return ORDO_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        (void)fputs(usage, stdout);
        return ORDO_EXIT_OK;
    }
    bool dumps = strcmp(argv[1], "dump") == 0;
    if (!dumps && strcmp(argv[1], "verify") != 0) {
        return ordo_cli_fail(
            ORDO_EXIT_USAGE,
            "there is no \"journal %s\"; it is journal dump or journal verify",
            argv[1]);
    }
    argv[1] = dumps ? dump_name : verify_name;
    return run(argc - 1, argv + 1, dumps);
}
