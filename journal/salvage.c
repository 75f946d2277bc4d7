/* One segment at a time. Within one, batches are followed as long as they hold; behind one that
 * does not, the next block with a header of this segment (its salt says so) is where it goes on.
 * Records of a batch are handed over up to the first whose checksum does not hold. */
#include "journal/salvage.h"

#include "journal/internal.h"

#include <stdio.h>
#include <sys/stat.h>

struct salvager {
    const struct ordo_salvage *salvage;
    struct ordo_folder folder;
    struct ordo_load load;
    struct ordo_fail *fail;
    uint64_t seq; /* the last that was seen */
    uint64_t number;
};

const char *ordo_salvage_status_name(enum ordo_salvage_status status)
{
    static const char *const names[] = {"begun", "blank", "missing", "damaged", "newer"};
    return names[status];
}

static void report(const struct salvager *s, uint64_t number, uint64_t offset, const char *reason)
{
    if (s->salvage->damage != NULL) {
        s->salvage->damage(s->salvage->context, number, offset, s->seq + 1, reason);
    }
}

static enum ordo_err
take_records(struct salvager *s, uint64_t at, const struct ordo_batch_header *h, uint64_t size)
{
    const struct ordo_salvage *salvage = s->salvage;
    struct ordo_reader r = ordo_reader_over(
        s->load.data + at + ORDO_BATCH_HEADER_SIZE,
        h->size <= size ? h->body_size : size - ORDO_BATCH_HEADER_SIZE);
    uint32_t crc = ordo_record_seed(h->salt, h->number, h->first_seq);
    uint64_t update_seq = h->first_update_seq;
    for (uint32_t i = 0; i < h->record_count; i++) {
        struct ordo_record_bytes bytes;
        if (!ordo_record_read(&r, h->base_time_us, &crc, &bytes)) {
            report(s, s->number, at, "the checksum of a record does not hold");
            s->seq = h->first_seq + h->record_count - 1;
            return ORDO_OK;
        }
        update_seq += bytes.update_count;
        s->seq = h->first_seq + i;
        if (salvage->record == NULL || s->seq < salvage->from_seq || s->seq > salvage->to_seq) {
            continue;
        }
        const struct ordo_record record = {
            .seq = s->seq,
            .time_us = bytes.time_us,
            .update_seq = update_seq,
            .update_count = bytes.update_count,
            .command = bytes.command,
            .outcome = bytes.outcome,
        };
        enum ordo_err err = salvage->record(salvage->context, &record, s->fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    return ORDO_OK;
}

/* The next header of this segment at or behind a place; the file's size when there is none. */
static uint64_t
find_header(const struct salvager *s, const struct ordo_segment_header *segment, uint64_t from)
{
    struct ordo_batch_header h;
    for (uint64_t at = from; at < s->load.size; at += segment->block) {
        if (ordo_batch_header_decode(s->load.data + at, s->load.size - at, segment->block, &h) &&
            h.salt == segment->salt) {
            return at;
        }
    }
    return s->load.size;
}

static enum ordo_err take_batches(struct salvager *s, const struct ordo_segment_header *segment)
{
    uint64_t at = segment->block;
    s->seq = segment->prev_seq;
    while (at < s->load.size && s->seq < s->salvage->to_seq) {
        struct ordo_batch_header h;
        uint64_t next = find_header(s, segment, at);
        if (next != at &&
            !(next == s->load.size && ordo_is_zero(s->load.data + at, s->load.size - at))) {
            report(s, s->number, at, "no batch that holds");
        }
        if (next == s->load.size) {
            break;
        }
        at = next;
        bool holds =
            ordo_batch_header_decode(s->load.data + at, s->load.size - at, segment->block, &h);
        ORDO_ASSERT(holds); /* it was just found */
        if (h.first_seq != s->seq + 1) {
            report(s, s->number, at, "batches are missing before this one");
        }
        if (s->salvage->batch != NULL) {
            s->salvage->batch(s->salvage->context, s->number, at, &h);
        }
        enum ordo_err err = take_records(s, at, &h, s->load.size - at);
        if (err != ORDO_OK) {
            return err;
        }
        at += h.size;
    }
    return ORDO_OK;
}

/* Fills status and header from the first bytes of the file. */
static void judge(struct ordo_salvage_segment *out, const uint8_t *data, size_t size, bool is_whole)
{
    enum ordo_err err = ordo_segment_header_decode(data, size, &out->header);
    out->status = ORDO_SALVAGE_DAMAGED;
    if (err == ORDO_OK && out->header.number == out->number) {
        out->status = ORDO_SALVAGE_BEGUN;
    } else if (err == ORDO_ERR_VERSION) {
        out->status = ORDO_SALVAGE_NEWER;
    } else if (err == ORDO_ERR_EMPTY && (!is_whole || ordo_is_zero(data, size))) {
        out->status = ORDO_SALVAGE_BLANK;
    }
}

static enum ordo_err look_at(struct salvager *s, struct ordo_salvage_segment *out)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    char name[ORDO_SEGMENT_NAME_MAX];
    struct stat about;
    size_t got = 0;
    ordo_segment_name(out->number, name);
    bool is_live = fstatat(s->folder.fd, name, &about, 0) == 0;
    enum ordo_err err = s->salvage->headers_only
                            ? ordo_segment_read_first(&s->folder, out->number, block, &got, s->fail)
                            : ordo_load_segment(&s->load, &s->folder, out->number, s->fail);
    if (err == ORDO_ERR_NO_MEMORY) {
        return err;
    }
    out->is_archived = !is_live && err != ORDO_ERR_NOT_FOUND;
    if (err != ORDO_OK) {
        out->status = err == ORDO_ERR_NOT_FOUND ? ORDO_SALVAGE_MISSING : ORDO_SALVAGE_DAMAGED;
        return ORDO_OK;
    }
    if (s->salvage->headers_only) {
        judge(out, block, got, false);
        out->size = is_live ? (uint64_t)about.st_size
                            : (out->status == ORDO_SALVAGE_BEGUN ? out->header.size : 0);
    } else {
        judge(out, s->load.data, s->load.size, true);
        out->size = s->load.size;
    }
    return ORDO_OK;
}

/* Skips segments that end before from_seq, as far as headers say so. */
static uint64_t find_start(struct salvager *s)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    uint64_t number = s->folder.last;
    while (s->salvage->from_seq > 1 && number > s->folder.first) {
        struct ordo_segment_header header;
        struct ordo_fail ignored;
        size_t got;
        if (ordo_segment_read_first(&s->folder, number, block, &got, &ignored) == ORDO_OK &&
            ordo_segment_header_decode(block, got, &header) == ORDO_OK &&
            header.first_seq <= s->salvage->from_seq) {
            return number;
        }
        number--;
    }
    return s->folder.first;
}

static enum ordo_err take_segment(struct salvager *s, uint64_t number)
{
    struct ordo_salvage_segment segment = {.number = number};
    s->number = number;
    enum ordo_err err = look_at(s, &segment);
    if (err != ORDO_OK) {
        return err;
    }
    if (s->salvage->segment != NULL) {
        s->salvage->segment(s->salvage->context, &segment);
    }
    switch (segment.status) {
    case ORDO_SALVAGE_BEGUN:
        return s->salvage->headers_only ? ORDO_OK : take_batches(s, &segment.header);
    case ORDO_SALVAGE_BLANK:
        return ORDO_OK;
    case ORDO_SALVAGE_MISSING:
        report(s, number, 0, "the segment is missing");
        return ORDO_OK;
    case ORDO_SALVAGE_DAMAGED:
        report(s, number, 0, "the segment's header does not hold, or the file cannot be read");
        return ORDO_OK;
    case ORDO_SALVAGE_NEWER:
        report(s, number, 0, "the segment has a newer format");
        return ORDO_OK;
    }
    return ORDO_OK;
}

enum ordo_err ordo_journal_salvage(const struct ordo_salvage *salvage, struct ordo_fail *fail)
{
    struct ordo_fail own;
    struct salvager s = {.salvage = salvage, .fail = fail != NULL ? fail : &own};
    ordo_load_init(&s.load);
    enum ordo_err err = ordo_folder_open(&s.folder, salvage->dir, false, s.fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_folder_scan(&s.folder, s.fail);
    if (err == ORDO_OK && s.folder.first == 0) {
        err = ordo_fail_set(s.fail, ORDO_ERR_NOT_FOUND, "%s holds no journal", salvage->dir);
    }
    uint64_t number = err == ORDO_OK ? find_start(&s) : 1;
    for (; err == ORDO_OK && number <= s.folder.last; number++) {
        err = take_segment(&s, number);
    }
    ordo_load_fini(&s.load);
    ordo_folder_close(&s.folder);
    return err;
}
