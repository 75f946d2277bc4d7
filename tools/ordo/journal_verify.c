/* `ordo journal verify DIR`: the proof of the whole chain, and that records follow each other. */
#include "journal/verify.h"

#include "cli.h"
#include "journal.h"
#include "record.h"

#include <inttypes.h>
#include <stdio.h>

struct follow {
    uint64_t seq;
    uint64_t update_seq;
    uint64_t first_us;
    uint64_t last_us;
    bool begun;
};

/* What the checksums do not say: that commands and outcomes can be read and time does not go back.
 */
static enum ordo_err
follow_one(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    static struct ordo_record_view view;
    struct follow *follow = context;
    enum ordo_err err = ordo_record_decode(record, &view, fail);

    if (err != ORDO_OK) {
        return err;
    }
    if (!follow->begun) {
        follow->begun = true;
        follow->first_us = record->time_us;
    } else if (record->time_us < follow->last_us) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "time goes back at seq %" PRIu64, record->seq);
    }
    if (view.outcome.transition_count != record->update_count) {
        return ordo_fail_set(
            fail, ORDO_ERR_DAMAGED, "update_seq has a gap at seq %" PRIu64, record->seq);
    }
    follow->last_us = record->time_us;
    return ORDO_OK;
}

static void print(
    const struct ordo_journal_options *options,
    const struct ordo_verify_report *r,
    const struct follow *follow)
{
    char root[65];
    char cut[65];
    char when[32];

    ordo_journal_hex(r->root, sizeof(r->root), root);
    ordo_journal_hex(r->trimmed.chain, sizeof(r->trimmed.chain), cut);
    ordo_journal_time(r->is_trimmed ? r->trimmed.at_us : 0, when);
    if (options->json) {
        (void)printf(
            "{\"clean\": true, \"records\": %" PRIu64 ", \"first_seq\": %" PRIu64
            ", \"last_seq\": %" PRIu64 ", \"update_seq\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"first_us\": %" PRIu64 ", \"last_us\": %" PRIu64 ", \"segments\": %" PRIu64
            ", \"archived\": %" PRIu64 ", \"keyed\": %" PRIu64 ", \"batches\": %" PRIu64
            ", \"root\": \"%s\", \"trimmed_segments\": %" PRIu64 ", \"trimmed_seq\": %" PRIu64
            "}\n",
            r->records,
            r->first_seq,
            r->last_seq,
            r->update_seq,
            r->bytes,
            follow->first_us,
            follow->last_us,
            r->segments,
            r->archived,
            r->keyed,
            r->batches,
            root,
            r->is_trimmed ? r->trimmed.last_number : 0,
            r->is_trimmed ? r->trimmed.last_seq : 0);
        return;
    }
    if (r->is_trimmed) {
        (void)printf(
            "journal: trimmed at %s: segments 1 to %" PRIu64 ", seq 1 to %" PRIu64 ", %" PRIu64
            " updates are gone; what is left continues their chain hash %s\n",
            when,
            r->trimmed.last_number,
            r->trimmed.last_seq,
            r->trimmed.last_update_seq,
            cut);
    }
    (void)printf(
        "journal: clean: %" PRIu64 " records, seq %" PRIu64 " to %" PRIu64 ", %" PRIu64
        " updates, %" PRIu64 " bytes in %" PRIu64 " batches of %" PRIu64 " segments (%" PRIu64
        " archived, %" PRIu64 " keyed), %.1f s of engine time\n",
        r->records,
        r->first_seq,
        r->last_seq,
        r->update_seq,
        r->bytes,
        r->batches,
        r->segments,
        r->archived,
        r->keyed,
        (double)(follow->last_us - follow->first_us) / 1e6);
    (void)printf("root: %s\n", root);
    if (r->root_found) {
        (void)printf("the given root is the chain hash after seq %" PRIu64 "\n", r->root_seq);
    }
}

int ordo_journal_check(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"root", 'r', "HEX", 0, "Fail when this is not the chain hash after any batch", 0},
        ORDO_JOURNAL_KEY,
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = false};
    struct follow follow = {.begun = false};
    struct ordo_verify_report report;
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Read every byte of the journal in DIR, archive and all: checksums, chain, sequences, "
            "every command and outcome, zeros where nothing was written. Prints the root, the "
            "chain "
            "hash of the last batch. Exit 3 names the place of a damage.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    const struct ordo_verify verify = {
        .dir = options.dir,
        .key_file = options.key_file,
        .root = options.has_root ? options.root : NULL,
        .visit = follow_one,
        .context = &follow,
        .progress = ordo_journal_progress,
    };
    enum ordo_err err = ordo_journal_verify(&verify, &report, &fail);
    ordo_journal_progress_end();
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (options.has_root && !report.root_found) {
        char root[65];
        ordo_journal_hex(report.root, sizeof(report.root), root);
        return ordo_cli_fail(
            ORDO_EXIT_VERIFY,
            "the journal holds, but the given root is not the chain hash after any batch of it; "
            "its "
            "own is %s",
            root);
    }
    print(&options, &report, &follow);
    return ORDO_EXIT_OK;
}
