/* `ordo journal ls|stat|dump`: for people who look at a journal, whole or not.
 *
 * They go on behind damage and say where it is. Bytes at the very end that do not hold are only
 * noted: beside a server they are a write in flight, after a crash a torn tail. Damage with
 * anything behind it makes the exit code 3.
 */
#include "journal.h"

#include "journal/salvage.h"

#include "cli.h"
#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

struct show {
    struct ordo_journal_options options;
    uint64_t damages; /* with something readable behind them */
    struct {
        bool is_set;
        uint64_t number;
        uint64_t offset;
        uint64_t seq;
        const char *reason;
    } pending;
    bool pipe_closed;
    /* stat */
    uint64_t segments;
    uint64_t archived;
    uint64_t blank;
    uint64_t keyed;
    uint64_t file_bytes;
    uint64_t batches;
    uint64_t marks;
    uint64_t batch_bytes;
    uint64_t body_bytes;
    uint64_t largest;
    uint64_t records;
    uint64_t updates;
    uint64_t payload_bytes; /* commands and outcomes */
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t first_us;
    uint64_t last_us;
};

static void tell(const struct show *show, const char *what)
{
    (void)fprintf(
        stderr,
        "ordo: %s: segment %" PRIu64 ", offset %" PRIu64 ", sequence %" PRIu64 ": %s\n",
        what,
        show->pending.number,
        show->pending.offset,
        show->pending.seq,
        show->pending.reason);
}

/* Something readable follows: what was noted is damage. */
static void confirm(struct show *show)
{
    if (show->pending.is_set) {
        tell(show, "damaged");
        show->pending.is_set = false;
        show->damages++;
    }
}

static void
on_damage(void *context, uint64_t number, uint64_t offset, uint64_t seq, const char *reason)
{
    struct show *show = context;
    confirm(show);
    show->pending.is_set = true;
    show->pending.number = number;
    show->pending.offset = offset;
    show->pending.seq = seq;
    show->pending.reason = reason;
}

static int finish(struct show *show, enum ordo_err err, const struct ordo_fail *fail)
{
    if (show->pending.is_set) {
        tell(show, "the end does not hold (a write in flight, or a torn tail)");
    }
    (void)fflush(stdout);
    if (show->pipe_closed || (ferror(stdout) != 0 && errno == EPIPE)) {
        return ORDO_EXIT_OK;
    }
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(fail);
    }
    return show->damages == 0 ? ORDO_EXIT_OK : ORDO_EXIT_VERIFY;
}

/* ---- ls ---- */

static void list_one(void *context, const struct ordo_salvage_segment *segment)
{
    struct show *show = context;
    const struct ordo_segment_header *h = &segment->header;
    bool begun = segment->status == ORDO_SALVAGE_BEGUN;
    char since[32];

    if (begun) {
        confirm(show);
    }
    ordo_journal_time(begun ? h->prev_time_us : 0, since);
    const char *place = segment->status == ORDO_SALVAGE_MISSING ? "-"
                        : segment->is_archived                  ? "archive"
                                                                : "live";
    const char *status = ordo_salvage_status_name(segment->status);
    bool keyed = begun && (h->flags & ORDO_SEGMENT_KEYED) != 0;
    if (show->options.json) {
        (void)printf(
            "{\"number\": %" PRIu64
            ", \"place\": \"%s\", \"status\": \"%s\", \"first_seq\": %" PRIu64
            ", \"first_batch\": %" PRIu64 ", \"size\": %" PRIu64 ", \"block\": %" PRIu32
            ", \"epoch\": %" PRIu64 ", \"keyed\": %s, \"since_us\": %" PRIu64 "}\n",
            segment->number,
            place,
            status,
            begun ? h->first_seq : 0,
            begun ? h->first_batch : 0,
            segment->size,
            begun ? h->block : 0,
            begun ? h->epoch : 0,
            keyed ? "true" : "false",
            begun ? h->prev_time_us : 0);
        return;
    }
    (void)printf(
        "%8" PRIu64 "  %-7s  %-7s  %12" PRIu64 "  %10" PRIu64 "  %-20s%s\n",
        segment->number,
        place,
        status,
        begun ? h->first_seq : 0,
        segment->size,
        since,
        keyed ? "  keyed" : "");
}

static void print_trimmed(const struct show *show)
{
    struct ordo_trimmed note;
    struct ordo_fail fail;
    char when[32];

    if (ordo_trimmed_read(show->options.dir, &note, &fail) == ORDO_OK && !show->options.json) {
        ordo_journal_time(note.at_us, when);
        (void)printf(
            "segments 1 to %" PRIu64 ", sequences 1 to %" PRIu64 ", were trimmed at %s\n",
            note.last_number,
            note.last_seq,
            when);
    }
}

int ordo_journal_ls(int argc, char **argv)
{
    static const struct argp_option table[] = {ORDO_JOURNAL_JSON, {0}};
    struct show show = {.damages = 0};
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "List the segments of the journal in DIR, archived ones included. `since` is the stamp "
            "of the last record before a segment.",
            argc,
            argv,
            &show.options)) {
        return ORDO_EXIT_USAGE;
    }
    print_trimmed(&show);
    if (!show.options.json) {
        (void)printf(
            "%8s  %-7s  %-7s  %12s  %10s  %s\n",
            "number",
            "place",
            "status",
            "first seq",
            "size",
            "since");
    }
    const struct ordo_salvage salvage = {
        .dir = show.options.dir,
        .headers_only = true,
        .context = &show,
        .segment = list_one,
        .damage = on_damage,
    };
    enum ordo_err err = ordo_journal_salvage(&salvage, &fail);
    return finish(&show, err, &fail);
}

/* ---- dump ---- */

static enum ordo_err
dump_one(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    static struct ordo_record_view view; /* some 4 KiB: too much for this stack's limit */
    struct show *show = context;
    enum ordo_err err = ordo_record_decode(record, &view, fail);

    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo: %s\n", fail->text);
        show->damages++;
        return ORDO_OK;
    }
    json_t *description = ordo_record_describe(&view);
    if (description == NULL) {
        return ordo_fail_set(
            fail, ORDO_ERR_NO_MEMORY, "out of memory at seq %" PRIu64, record->seq);
    }
    if (show->options.json) {
        (void)json_dumpf(description, stdout, JSON_COMPACT);
        (void)putchar('\n');
    } else {
        ordo_record_print(description, stdout);
    }
    json_decref(description);
    if (ferror(stdout) == 0) {
        return ORDO_OK;
    }
    show->pipe_closed = errno == EPIPE;
    return ordo_fail_set(fail, ORDO_ERR_IO, "stdout cannot be written");
}

static void
dump_batch(void *context, uint64_t number, uint64_t offset, const struct ordo_batch_header *h)
{
    (void)number;
    (void)offset;
    (void)h;
    confirm(context);
}

int ordo_journal_dump(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"from", 'f', "SEQ", 0, "Begin at this sequence", 0},
        {"to", 't', "SEQ", 0, "End with this sequence", 0},
        ORDO_JOURNAL_JSON,
        {0},
    };
    struct show show = {.damages = 0};
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Print each record of the journal in DIR: the command, what was decided, what "
            "followed. "
            "Goes on behind damage and says where it is. Sealed cards are shown as count and size "
            "only.",
            argc,
            argv,
            &show.options)) {
        return ORDO_EXIT_USAGE;
    }
    const struct ordo_salvage salvage = {
        .dir = show.options.dir,
        .from_seq = show.options.from,
        .to_seq = show.options.upto,
        .context = &show,
        .batch = dump_batch,
        .record = dump_one,
        .damage = on_damage,
    };
    enum ordo_err err = ordo_journal_salvage(&salvage, &fail);
    return finish(&show, err, &fail);
}

/* ---- stat ---- */

static void stat_segment(void *context, const struct ordo_salvage_segment *segment)
{
    struct show *show = context;
    if (segment->status == ORDO_SALVAGE_BEGUN) {
        confirm(show);
        show->segments++;
        show->archived += segment->is_archived;
        show->keyed += (segment->header.flags & ORDO_SEGMENT_KEYED) != 0;
    }
    show->blank += segment->status == ORDO_SALVAGE_BLANK;
    show->file_bytes += segment->size;
    ordo_journal_progress(NULL, segment->number, segment->number);
}

static void
stat_batch(void *context, uint64_t number, uint64_t offset, const struct ordo_batch_header *h)
{
    struct show *show = context;
    (void)number;
    (void)offset;
    confirm(show);
    show->batches++;
    show->marks += h->record_count == 0;
    show->batch_bytes += h->size;
    show->body_bytes += h->body_size;
    show->largest = h->size > show->largest ? h->size : show->largest;
}

static enum ordo_err
stat_record(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct show *show = context;
    (void)fail;
    if (show->records++ == 0) {
        show->first_seq = record->seq;
        show->first_us = record->time_us;
    }
    show->last_seq = record->seq;
    show->last_us = record->time_us;
    show->updates += record->update_count;
    show->payload_bytes += record->command.size + record->outcome.size;
    return ORDO_OK;
}

static void print_stat(const struct show *s)
{
    double records = s->records == 0 ? 1 : (double)s->records;
    uint64_t headers = s->batches * ORDO_BATCH_HEADER_SIZE;
    uint64_t padding = s->batch_bytes - s->body_bytes - headers;
    double share = s->batch_bytes == 0 ? 0 : 100.0 * (double)padding / (double)s->batch_bytes;

    if (s->options.json) {
        (void)printf(
            "{\"segments\": %" PRIu64 ", \"archived\": %" PRIu64 ", \"blank\": %" PRIu64
            ", \"keyed\": %" PRIu64 ", \"file_bytes\": %" PRIu64 ", \"batches\": %" PRIu64
            ", \"marks\": %" PRIu64 ", \"batch_bytes\": %" PRIu64 ", \"largest\": %" PRIu64
            ", \"padding_bytes\": %" PRIu64 ", \"records\": %" PRIu64 ", \"record_bytes\": %" PRIu64
            ", \"payload_bytes\": %" PRIu64 ", \"updates\": %" PRIu64 ", \"first_seq\": %" PRIu64
            ", \"last_seq\": %" PRIu64 ", \"first_us\": %" PRIu64 ", \"last_us\": %" PRIu64
            ", \"damages\": %" PRIu64 "}\n",
            s->segments,
            s->archived,
            s->blank,
            s->keyed,
            s->file_bytes,
            s->batches,
            s->marks,
            s->batch_bytes,
            s->largest,
            padding,
            s->records,
            s->body_bytes,
            s->payload_bytes,
            s->updates,
            s->first_seq,
            s->last_seq,
            s->first_us,
            s->last_us,
            s->damages);
        return;
    }
    (void)printf(
        "segments  %" PRIu64 " (%" PRIu64 " archived, %" PRIu64 " keyed), %" PRIu64
        " made ready, %" PRIu64 " bytes unpacked\n",
        s->segments,
        s->archived,
        s->keyed,
        s->blank,
        s->file_bytes);
    (void)printf(
        "batches   %" PRIu64 " (%" PRIu64 " idle marks), %" PRIu64 " bytes, the largest %" PRIu64
        "; %.1f records a batch; padding %.1f %%\n",
        s->batches,
        s->marks,
        s->batch_bytes,
        s->largest,
        s->batches == s->marks ? 0 : (double)s->records / (double)(s->batches - s->marks),
        share);
    (void)printf(
        "records   %" PRIu64 ", seq %" PRIu64 " to %" PRIu64 ", %" PRIu64
        " updates; %.1f bytes a record, %.1f of them header\n",
        s->records,
        s->first_seq,
        s->last_seq,
        s->updates,
        (double)s->body_bytes / records,
        (double)(s->body_bytes - s->payload_bytes) / records);
    char first[32];
    char last[32];
    ordo_journal_time(s->first_us, first);
    ordo_journal_time(s->last_us, last);
    (void)printf("time      %s to %s\n", first, last);
    (void)printf("damages   %" PRIu64 "\n", s->damages);
}

int ordo_journal_stat(int argc, char **argv)
{
    static const struct argp_option table[] = {ORDO_JOURNAL_JSON, {0}};
    static struct show show;
    struct ordo_fail fail;

    if (!ordo_journal_parse(
            table,
            "DIR",
            "Read the journal in DIR and count: segments, batches, records, bytes, padding.",
            argc,
            argv,
            &show.options)) {
        return ORDO_EXIT_USAGE;
    }
    const struct ordo_salvage salvage = {
        .dir = show.options.dir,
        .to_seq = UINT64_MAX,
        .context = &show,
        .segment = stat_segment,
        .batch = stat_batch,
        .record = stat_record,
        .damage = on_damage,
    };
    enum ordo_err err = ordo_journal_salvage(&salvage, &fail);
    ordo_journal_progress_end();
    if (err == ORDO_OK) {
        print_trimmed(&show);
        print_stat(&show);
    }
    return finish(&show, err, &fail);
}
