/* `ordo backup DIR COPY`, `ordo restore COPY DIR`: the same copy in both directions, each
 * time verified behind the copying.
 */
#include "journal/backup.h"

#include "cli.h"
#include "journal.h"

#include <inttypes.h>
#include <stdio.h>

static int copy(const struct ordo_journal_options *options, bool snapshots, const char *what)
{
    const struct ordo_backup backup = {
        .from = options->dir,
        .to = options->to,
        .key_file = options->key_file,
        .snapshots = snapshots,
        .progress = ordo_journal_progress,
    };
    struct ordo_backup_report report;
    struct ordo_fail fail;
    char root[65];

    enum ordo_err err = ordo_journal_backup(&backup, &report, &fail);
    ordo_journal_progress_end();
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    ordo_journal_hex(report.verified.root, sizeof(report.verified.root), root);
    if (options->json) {
        (void)printf(
            "{\"segments\": %" PRIu64 ", \"archived\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"records\": %" PRIu64 ", \"last_seq\": %" PRIu64 ", \"left_seqs\": %" PRIu64
            ", \"root\": \"%s\"}\n",
            report.segments,
            report.archived,
            report.bytes,
            report.verified.records,
            report.verified.last_seq,
            report.left_seqs,
            root);
        return ORDO_EXIT_OK;
    }
    (void)printf(
        "%s: %" PRIu64 " segments (%" PRIu64 " archived), %" PRIu64 " bytes, verified: %" PRIu64
        " records up to seq %" PRIu64 "\nroot: %s\n",
        what,
        report.segments,
        report.archived,
        report.bytes,
        report.verified.records,
        report.verified.last_seq,
        root);
    if (report.left_seqs != 0) {
        (void)printf(
            "%s: the last %" PRIu64 " records were not yet proven to be on disk and are left out\n",
            what,
            report.left_seqs);
    }
    return ORDO_EXIT_OK;
}

int ordo_verb_backup(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"snapshots", 's', NULL, 0, "Copy the snapshots, too: a faster start from the copy", 0},
        ORDO_JOURNAL_KEY,
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = true};

    if (!ordo_journal_parse(
            table,
            "DIR COPY",
            "Copy the journal of the data folder DIR to the new folder COPY, beside a running "
            "server or not: sealed segments, the archive, the segment in use up to what is on "
            "disk. "
            "The copy is verified. Key files are not copied: keep them elsewhere.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    return copy(&options, options.snapshots, "backup");
}

int ordo_verb_restore(int argc, char **argv)
{
    static const struct argp_option table[] = {
        ORDO_JOURNAL_KEY,
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = true};

    if (!ordo_journal_parse(
            table,
            "COPY DIR",
            "Make the new data folder DIR from a copy that `ordo backup` made, and verify it. What "
            "was decided after the copy is not in it.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    return copy(&options, true, "restore");
}
