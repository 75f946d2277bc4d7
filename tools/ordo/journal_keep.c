/* `ordo journal archive|repair-tail DIR`: verbs that change files (trim has a file of its own),
 * each only with a reason that it prints and, where something goes for ever, only with --yes.
 */
#include "journal/archive.h"
#include "journal/journal.h"
#include "journal/repair.h"
#include "journal/snapshot.h"

#include "cli.h"
#include "journal.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- archive ---- */

int ordo_journal_move(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"upto", 't', "SEQ", 0, "Only segments that end before this sequence", 0},
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = false};
    struct ordo_archived out;
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Move closed segments that recovery from the older of two complete snapshots does not "
            "need into DIR/archive, compressed; each is read back before its original goes.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    uint64_t needed = ordo_journal_needed(options.dir);
    if (needed == 0) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "%s has not two complete snapshots: recovery needs every segment, nothing was moved",
            options.dir);
    }
    uint64_t upto = options.upto < needed ? options.upto : needed;
    enum ordo_err err = ordo_journal_archive(options.dir, upto, 0, &out, &fail);
    if (options.json) {
        (void)printf(
            "{\"segments\": %" PRIu64 ", \"last_number\": %" PRIu64 ", \"bytes_before\": %" PRIu64
            ", \"bytes_after\": %" PRIu64 ", \"upto_seq\": %" PRIu64 "}\n",
            out.segments,
            out.last_number,
            out.bytes_before,
            out.bytes_after,
            upto);
    } else {
        (void)printf(
            "archived: %" PRIu64 " segments, %" PRIu64 " bytes became %" PRIu64
            "; recovery needs what is behind sequence %" PRIu64 "\n",
            out.segments,
            out.bytes_before,
            out.bytes_after,
            needed);
    }
    return err == ORDO_OK ? ORDO_EXIT_OK : ordo_cli_fail_with(&fail);
}

/* ---- repair-tail ---- */

static enum ordo_err
ignore_record(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

/* What a start of the server would do, without the server. */
static int cut_torn(const struct ordo_journal_options *options, const struct ordo_tail *tail)
{
    const struct ordo_journal_config config = {
        .dir = options->dir, .key_file = options->key_file, .backend = ORDO_BACKEND_PWRITE};
    struct ordo_journal *journal;
    struct ordo_recovery recovery;
    struct ordo_fail fail;

    enum ordo_err err = ordo_journal_open(&config, &journal, &fail);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    err = ordo_journal_recover(journal, tail->after_seq, ignore_record, NULL, &recovery, &fail);
    ordo_journal_close(journal);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options->json) {
        (void)printf(
            "{\"done\": true, \"seq_last\": %" PRIu64 ", \"torn_bytes\": %" PRIu64
            ", \"copy\": \"%s\"}\n",
            recovery.seq_last,
            recovery.torn_bytes,
            recovery.torn_copy);
    } else {
        (void)printf(
            "repair-tail: cut %" PRIu64 " bytes, saved as %s; the journal ends at sequence %" PRIu64
            "\n",
            recovery.torn_bytes,
            recovery.torn_copy,
            recovery.seq_last);
    }
    return ORDO_EXIT_OK;
}

static void
print_discard(const struct ordo_journal_options *options, const struct ordo_discard *d, bool done)
{
    uint64_t lost = d->seq_found > options->discard ? d->seq_found - options->discard : 0;
    if (options->json) {
        (void)printf(
            "{\"done\": %s, \"segment\": %" PRIu64 ", \"offset\": %" PRIu64
            ", \"segments_behind\": %" PRIu64 ", \"lost_first_seq\": %" PRIu64
            ", \"lost_last_seq\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"readable\": %" PRIu64
            ", \"copy\": \"%s\"}\n",
            done ? "true" : "false",
            d->number,
            d->offset,
            d->segments,
            options->discard + 1,
            d->seq_found,
            lost,
            d->readable,
            d->copy);
        return;
    }
    (void)printf(
        "repair-tail: %s segment %" PRIu64 " at offset %" PRIu64 " and %s %" PRIu64
        " files behind it\n",
        done ? "cut" : "would cut",
        d->number,
        d->offset,
        done ? "removed" : "would remove",
        d->segments);
    if (lost == 0) {
        (void)printf("repair-tail: no sequence behind %" PRIu64 " is known\n", options->discard);
    } else {
        (void)printf(
            "repair-tail: %s: sequences %" PRIu64 " to %" PRIu64 ", %" PRIu64 " commands, %" PRIu64
            " of them readable; they may have been acknowledged\n",
            done ? "LOST" : "this would lose",
            options->discard + 1,
            d->seq_found,
            lost,
            d->readable);
    }
    if (done) {
        (void)printf(
            "repair-tail: all of it is saved in %s; `ordo journal dump %s --from %" PRIu64
            "` prints what can be read\n",
            d->copy,
            d->copy,
            options->discard + 1);
    } else {
        (void)printf(
            "repair-tail: nothing was changed; --yes does it, on a stopped folder. A backup or a "
            "replica that has these sequences is better\n");
    }
}

static int discard(const struct ordo_journal_options *options)
{
    struct ordo_discard out;
    struct ordo_fail fail;
    struct ordo_snapshot_info info;

    for (int which = 0; options->yes && which < ORDO_SNAPSHOT_WHICH_COUNT; which++) {
        if (ordo_snapshot_look(options->dir, (enum ordo_snapshot_which)which, &info, &fail) ==
                ORDO_SNAPSHOT_COMPLETE &&
            info.seq > options->discard) {
            return ordo_cli_fail(
                ORDO_EXIT_FAILED,
                "snapshot %s is at sequence %" PRIu64
                ", behind the cut: restore from it instead, or "
                "run `ordo snapshot invalidate` first; nothing was changed",
                which == ORDO_SNAPSHOT_A ? "a" : "b",
                info.seq);
        }
    }
    enum ordo_err err = ordo_journal_discard(
        options->dir, options->key_file, options->discard, options->yes, &out, &fail);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    print_discard(options, &out, options->yes);
    return ORDO_EXIT_OK;
}

int ordo_journal_repair(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"discard-after", 'x', "SEQ", 0, "Of a damaged journal: throw away all behind SEQ", 0},
        ORDO_JOURNAL_KEY,
        ORDO_JOURNAL_YES,
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = false};
    struct ordo_tail tail;
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Show what recovery would cut from the end of the journal in DIR, and with --yes, on a "
            "stopped folder, cut it (a copy is saved). A damaged journal is only cut with "
            "--discard-after SEQ: that loses acknowledged commands, says which, and saves a copy.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    if (options.discard != UINT64_MAX) {
        return discard(&options);
    }
    enum ordo_err err = ordo_journal_tail(options.dir, options.key_file, &tail, &fail);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (tail.is_torn && options.yes) {
        return cut_torn(&options, &tail);
    }
    if (options.json) {
        (void)printf(
            "{\"done\": false, \"torn\": %s, \"segment\": %" PRIu64 ", \"offset\": %" PRIu64
            ", \"torn_bytes\": %" PRIu64 ", \"seq_last\": %" PRIu64 "}\n",
            tail.is_torn ? "true" : "false",
            tail.number,
            tail.offset,
            tail.torn_bytes,
            tail.seq_last);
    } else if (tail.is_torn) {
        (void)printf(
            "repair-tail: recovery would save and cut %" PRIu64 " bytes of segment %" PRIu64
            " from offset %" PRIu64 " on (%s); the journal would end at sequence %" PRIu64
            "\nrepair-tail: nothing was changed; --yes does it, and so does the server's start\n",
            tail.torn_bytes,
            tail.number,
            tail.offset,
            tail.reason,
            tail.seq_last);
    } else {
        (void)printf(
            "repair-tail: nothing to do: the journal ends at sequence %" PRIu64 ", segment %" PRIu64
            ", offset %" PRIu64 "\n",
            tail.seq_last,
            tail.number,
            tail.offset);
    }
    return ORDO_EXIT_OK;
}
