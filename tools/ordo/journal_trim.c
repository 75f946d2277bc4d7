/* `ordo journal trim DIR`: deletes archived segments, and says before what nobody will have again.
 *
 * Snapshots hold back what recovery needs, always. Subscribers hold back what they have not acked,
 * but not for ever: records older than --cursor-keep, or more bytes than --cursor-share of the
 * disk, go all the same. Then each subscriber that loses something is named with the range: it will
 * learn the same from `fetch`, whose range begins later than what was asked for, and rebuilds.
 */
#include "journal/trim.h"

#include "base/clock.h"
#include "cli.h"
#include "cursors.h"
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define DISK_BYTES_MIN 1 /* 0 would mean no limit */

/* What a subscriber will not find any more; false when he loses nothing. */
static bool
loses(const struct ordo_cursor *cursor, const struct ordo_trim_report *report, uint64_t *first)
{
    *first = cursor->acked + 1;
    return report->segments != 0 && cursor->acked < report->note.last_update_seq;
}

/* ---- printing ---- */

static int
print_json(const struct ordo_trim_report *r, const struct ordo_cursors *cursors, bool done)
{
    char chain[65];
    json_t *lost = json_array();
    ordo_journal_hex(r->note.chain, sizeof(r->note.chain), chain);
    for (uint32_t i = 0; i < cursors->count; i++) {
        const struct ordo_cursor *cursor = &cursors->list[i];
        uint64_t first;
        if (loses(cursor, r, &first)) {
            json_array_append_new(
                lost,
                json_pack(
                    "{s:I, s:s, s:I, s:I}",
                    "shop",
                    (json_int_t)cursor->shop,
                    "subscriber",
                    cursor->name,
                    "first_update",
                    (json_int_t)first,
                    "last_update",
                    (json_int_t)r->note.last_update_seq));
        }
    }
    json_t *root = json_pack(
        "{s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:o}",
        "done",
        done,
        "segments",
        (json_int_t)r->segments,
        "bytes",
        (json_int_t)r->bytes,
        "last_number",
        (json_int_t)r->note.last_number,
        "last_seq",
        (json_int_t)r->note.last_seq,
        "chain",
        chain,
        "held_back",
        (json_int_t)r->held_back,
        "cursor_held",
        (json_int_t)r->cursor_held,
        "cursor_bytes",
        (json_int_t)r->cursor_bytes,
        "lost",
        lost);
    if (root == NULL || json_dumpf(root, stdout, 0) != 0) {
        json_decref(root);
        return ordo_cli_fail(ORDO_EXIT_IO, "stdout is gone");
    }
    (void)printf("\n");
    json_decref(root);
    return ORDO_EXIT_OK;
}

static void
print_lost(const struct ordo_trim_report *r, const struct ordo_cursors *cursors, bool done)
{
    for (uint32_t i = 0; i < cursors->count; i++) {
        const struct ordo_cursor *cursor = &cursors->list[i];
        char when[32];
        uint64_t first;
        if (!loses(cursor, r, &first)) {
            continue;
        }
        ordo_journal_time(cursor->acked_us, when);
        (void)printf(
            "trim: subscriber %s of shop %u %s updates %" PRIu64 " to %" PRIu64
            ", which it has not acked (last ack %s): it must rebuild from `list`\n",
            cursor->name,
            cursor->shop,
            done ? "has LOST" : "would LOSE",
            first,
            r->note.last_update_seq,
            when);
    }
}

static int
print_text(const struct ordo_trim_report *r, const struct ordo_cursors *cursors, bool done)
{
    char chain[65];
    ordo_journal_hex(r->note.chain, sizeof(r->note.chain), chain);
    if (r->segments == 0) {
        (void)printf("trim: nothing to delete\n");
    } else {
        (void)printf(
            "trim: %s %" PRIu64 " archived segments, %" PRIu64 " bytes, up to segment %" PRIu64
            ", sequence %" PRIu64 ", chain hash %s\n",
            done ? "deleted" : "would delete",
            r->segments,
            r->bytes,
            r->note.last_number,
            r->note.last_seq,
            chain);
    }
    if (r->held_back != 0) {
        (void)printf(
            "trim: %" PRIu64 " more are held back: the older of two complete snapshots needs them, "
            "or there are not two\n",
            r->held_back);
    }
    if (r->cursor_held != 0) {
        const struct ordo_cursor *last = ordo_cursors_last(cursors);
        (void)printf(
            "trim: %" PRIu64 " more, %" PRIu64
            " bytes, are held back for subscribers; furthest behind is %s of shop %u, which has "
            "acked update %" PRIu64 " of %" PRIu64 "\n",
            r->cursor_held,
            r->cursor_bytes,
            last->name,
            last->shop,
            last->acked,
            cursors->update_seq);
    }
    print_lost(r, cursors, done);
    if (r->segments != 0 && !done) {
        (void)printf(
            "trim: nothing was deleted; --yes deletes. What is deleted cannot be replayed, audited "
            "or refilled to a subscriber again; back it up first\n");
    }
    return ORDO_EXIT_OK;
}

/* ---- the verb ---- */

/* Bytes of the disk that files may take for subscribers alone. */
static enum ordo_err
share_of_disk(const char *dir, uint64_t percent, uint64_t *bytes, struct ordo_fail *fail)
{
    struct statvfs disk;
    if (statvfs(dir, &disk) != 0) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(errno),
            "cannot ask for the size of the disk of %s: %s",
            dir,
            strerror(errno));
    }
    *bytes = (uint64_t)disk.f_blocks * disk.f_frsize / 100 * percent;
    *bytes = *bytes < DISK_BYTES_MIN ? DISK_BYTES_MIN : *bytes;
    return ORDO_OK;
}

/* An age as a time before now. */
static uint64_t before(uint64_t now_us, uint64_t age_us)
{
    return age_us >= now_us ? 0 : now_us - age_us;
}

static enum ordo_err
run(const struct ordo_journal_options *options,
    struct ordo_cursors *cursors,
    struct ordo_trim_report *report,
    struct ordo_fail *fail)
{
    struct ordo_clock clock = ordo_clock_system();
    uint64_t now_us = ordo_clock_realtime_us(&clock);
    struct ordo_trim trim = {
        .dir = options->dir,
        .upto_seq = options->upto,
        .older_us = options->older_us == 0 ? UINT64_MAX : before(now_us, options->older_us),
        .needed_seq = ordo_journal_needed(options->dir),
        .cursor_older_us = before(now_us, options->cursor_keep_us),
        .apply = options->yes,
    };
    enum ordo_err err = ordo_cursors_read(options->dir, cursors, fail);
    if (err == ORDO_OK) {
        err = share_of_disk(options->dir, options->cursor_share, &trim.cursor_bytes_max, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    const struct ordo_cursor *last = ordo_cursors_last(cursors);
    trim.cursor_from = last == NULL ? 0 : last->acked + 1;
    return ordo_journal_trim(&trim, report, fail);
}

int ordo_journal_delete(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"upto", 't', "SEQ", 0, "Only segments that end at or before this sequence", 0},
        {"older", 'o', "AGE", 0, "Only segments whose records are older, e.g. 365d", 0},
        {"cursor-keep",
         ORDO_JOURNAL_CURSOR_KEEP,
         "AGE",
         0,
         "Keep for a subscriber what he has not acked, when it is not older (default 7d)",
         0},
        {"cursor-share",
         ORDO_JOURNAL_CURSOR_SHARE,
         "PERCENT",
         0,
         "and not more than this share of the disk (default 10)",
         0},
        ORDO_JOURNAL_YES,
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct ordo_journal_options options = {.takes_two = false};
    struct ordo_trim_report report = {.segments = 0};
    struct ordo_cursors cursors;
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Delete archived segments, oldest first. Says only what would go unless --yes is "
            "given, and which subscriber would lose which updates; never what a snapshot needs. A "
            "line of DIR/trimmed.jsonl stays of them.",
            argc,
            argv,
            &options)) {
        return ORDO_EXIT_USAGE;
    }
    if (options.upto == UINT64_MAX && options.older_us == 0) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "say what may go: --upto SEQ, --older AGE, or both");
    }
    enum ordo_err err = run(&options, &cursors, &report, &fail);
    bool done = options.yes && report.segments != 0;
    int code = err != ORDO_OK ? ordo_cli_fail_with(&fail)
               : options.json ? print_json(&report, &cursors, done)
                              : print_text(&report, &cursors, done);
    ordo_cursors_fini(&cursors);
    return code;
}
