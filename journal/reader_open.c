/* Where a reader begins: with a sequence, with an update, or at a place that another reader has
 * passed.
 *
 * A segment's header is trusted about everything before it, as in recovery: so a reader that begins
 * in the middle of the journal has read nothing of what lies before its segment. Segments are
 * searched by halves, because a header out of the archive has to be unpacked. */
#include "journal/reader.h"

#include "journal/place.h"

#include <inttypes.h>
#include <stdlib.h>

enum ordo_err ordo_reader_damaged(
    const struct ordo_journal_reader *reader,
    uint64_t number,
    uint64_t offset,
    const char *reason,
    struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s/%s is damaged at offset %" PRIu64 ", sequence %" PRIu64
        ": %s, and later data proves that it had been flushed: restore this file from a backup or "
        "a replica",
        reader->folder.path,
        name,
        offset,
        reader->tip.seq + 1,
        reason);
}

enum ordo_err ordo_reader_peek(
    const struct ordo_journal_reader *reader,
    uint64_t number,
    struct ordo_segment_header *header,
    struct ordo_fail *fail)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    size_t got;
    enum ordo_err err = ordo_segment_read_first(&reader->folder, number, block, &got, fail);
    if (err != ORDO_OK) {
        return err == ORDO_ERR_NOT_FOUND ? ORDO_ERR_EMPTY : err;
    }
    err = ordo_segment_header_decode(block, got, header);
    if (err == ORDO_ERR_DAMAGED) {
        return ORDO_ERR_EMPTY; /* being written, or torn: the scan for proof decides */
    }
    if (err == ORDO_ERR_VERSION) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(number, name);
        return ordo_fail_set(
            fail,
            err,
            "%s/%s has journal format %u, this program reads format %d: use a newer program",
            reader->folder.path,
            name,
            header->format,
            ORDO_JOURNAL_FORMAT);
    }
    return err;
}

void ordo_reader_use(
    struct ordo_journal_reader *reader,
    struct ordo_segment *segment,
    const struct ordo_segment_header *header)
{
    ordo_segment_close(&reader->segment);
    reader->segment = *segment;
    reader->header = *header;
    reader->offset = header->block;
    reader->window_size = 0;
}

/* Begins at a segment, trusting what its header says about everything before it. */
static enum ordo_err start_at(
    struct ordo_journal_reader *reader,
    const struct ordo_segment_header *header,
    struct ordo_fail *fail)
{
    struct ordo_segment segment;
    enum ordo_err err = ordo_segment_open(&reader->folder, header->number, false, &segment, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_tip_start(&reader->tip, header);
    reader->tip.salt = header->salt;
    reader->tip.block = header->block;
    reader->tip.keyed = (header->flags & ORDO_SEGMENT_KEYED) != 0;
    ordo_reader_use(reader, &segment, header);
    return ORDO_OK;
}

enum ordo_err ordo_reader_find_start(struct ordo_journal_reader *reader, struct ordo_fail *fail)
{
    const struct ordo_folder *folder = &reader->folder;
    uint64_t oldest = 0;
    for (uint64_t number = folder->last; number >= folder->first && number != 0; number--) {
        struct ordo_segment_header header;
        enum ordo_err err = ordo_reader_peek(reader, number, &header, fail);
        if (err == ORDO_ERR_EMPTY || (err == ORDO_OK && header.number != number)) {
            continue;
        }
        if (err != ORDO_OK) {
            return err;
        }
        if (header.first_seq <= reader->from_seq) {
            return start_at(reader, &header, fail);
        }
        oldest = header.first_seq;
    }
    if (oldest == 0 && folder->first == 1) {
        return ORDO_OK; /* nothing was written yet, or the first header does not hold */
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_NOT_FOUND,
        "%s holds no sequence as old as %" PRIu64 ", its oldest is %" PRIu64,
        folder->path,
        reader->from_seq,
        oldest);
}

/* A reader of a folder that stands nowhere yet. */
static enum ordo_err
open_folder(const char *dir, struct ordo_journal_reader **out, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a journal reader");
    }
    reader->from_seq = 1;
    reader->segment.fd = reader->folder.fd = -1;
    ordo_arena_init(&reader->arena);
    ordo_load_init(&reader->load);
    void *window = NULL;
    enum ordo_err err = ordo_folder_open(&reader->folder, dir, false, fail);
    if (err == ORDO_OK) {
        err = ordo_folder_scan(&reader->folder, fail);
    }
    if (err == ORDO_OK && reader->folder.first == 0) {
        err = ordo_fail_set(fail, ORDO_ERR_NOT_FOUND, "%s holds no journal", dir);
    }
    if (err == ORDO_OK &&
        ordo_arena_alloc(&reader->arena, "journal window", 1, ORDO_READER_WINDOW, &window) !=
            ORDO_OK) {
        err = ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a journal reader");
    }
    if (err != ORDO_OK) {
        ordo_journal_reader_close(reader);
        return err;
    }
    reader->window = window;
    *out = reader;
    return ORDO_OK;
}

/* Hands the reader over when it stands, closes it when it does not. */
static enum ordo_err
hand_over(enum ordo_err err, struct ordo_journal_reader *reader, struct ordo_journal_reader **out)
{
    if (err == ORDO_OK) {
        *out = reader;
    } else {
        ordo_journal_reader_close(reader);
    }
    return err;
}

enum ordo_err ordo_journal_reader_open(
    const char *dir, uint64_t from_seq, struct ordo_journal_reader **out, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    enum ordo_err err = open_folder(dir, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    reader->from_seq = from_seq == 0 ? 1 : from_seq;
    return hand_over(ordo_reader_find_start(reader, fail), reader, out);
}

/* ---- from the middle ---- */

static bool
begins_before(const struct ordo_segment_header *header, enum ordo_journal_by by, uint64_t value)
{
    return by == ORDO_BY_SEQ ? header->first_seq <= value : header->first_update_seq < value;
}

static enum ordo_err peek_sure(
    const struct ordo_journal_reader *reader,
    uint64_t number,
    struct ordo_segment_header *header,
    struct ordo_fail *fail)
{
    enum ordo_err err = ordo_reader_peek(reader, number, header, fail);
    if (err == ORDO_ERR_EMPTY || (err == ORDO_OK && header->number != number)) {
        return ordo_reader_damaged(
            reader, number, 0, "the segment is missing or does not hold", fail);
    }
    return err;
}

/* The last segment that begins before the value, or the oldest. */
static enum ordo_err search(
    const struct ordo_journal_reader *reader,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_segment_header *header,
    struct ordo_fail *fail)
{
    uint64_t low = reader->folder.first;
    uint64_t high = reader->folder.last;
    enum ordo_err err = ordo_reader_peek(reader, high, header, fail);
    while (err == ORDO_ERR_EMPTY && high > low) { /* files of zeros wait at the end */
        err = ordo_reader_peek(reader, --high, header, fail);
    }
    if (err != ORDO_OK || begins_before(header, by, value)) {
        return err;
    }
    while (low < high) { /* what does not hold counts as behind: who walks into it is told */
        uint64_t middle = high - (high - low) / 2;
        err = ordo_reader_peek(reader, middle, header, fail);
        if (err != ORDO_OK && err != ORDO_ERR_EMPTY) {
            return err;
        }
        bool holds = err == ORDO_OK && header->number == middle;
        if (holds && begins_before(header, by, value)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return peek_sure(reader, low, header, fail);
}

enum ordo_err ordo_journal_reader_seek(
    const char *dir,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_journal_reader **out,
    struct ordo_fail *fail)
{
    struct ordo_segment_header header;
    struct ordo_journal_reader *reader;
    enum ordo_err err = open_folder(dir, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = search(reader, by, value, &header, fail);
    if (err == ORDO_OK) {
        err = start_at(reader, &header, fail);
    }
    return hand_over(err, reader, out);
}

_Static_assert(
    sizeof(struct ordo_tip) <= sizeof(((struct ordo_journal_place *)0)->chain), "a tip has room");

void ordo_journal_reader_place(
    const struct ordo_journal_reader *reader, struct ordo_journal_place *place)
{
    *place = (struct ordo_journal_place){
        .segment = reader->segment.number,
        .offset = reader->offset,
        .seq = reader->tip.seq,
        .update_seq = reader->tip.update_seq,
    };
    memcpy(place->chain, &reader->tip, sizeof(reader->tip));
}

enum ordo_err ordo_journal_reader_resume(
    const char *dir,
    const struct ordo_journal_place *place,
    struct ordo_journal_reader **out,
    struct ordo_fail *fail)
{
    struct ordo_segment_header header;
    struct ordo_tip tip;
    struct ordo_journal_reader *reader;
    memcpy(&tip, place->chain, sizeof(tip));
    enum ordo_err err = open_folder(dir, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_reader_peek(reader, place->segment, &header, fail);
    if (err == ORDO_ERR_EMPTY || (err == ORDO_OK && header.salt != tip.salt)) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_NOT_FOUND,
            "%s holds no segment %" PRIu64 " of this reader any more",
            dir,
            place->segment);
    }
    if (err == ORDO_OK) {
        err = start_at(reader, &header, fail);
    }
    if (err == ORDO_OK) {
        reader->tip = tip;
        reader->offset = place->offset;
    }
    return hand_over(err, reader, out);
}

void ordo_journal_reader_close(struct ordo_journal_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    ordo_segment_close(&reader->segment);
    ordo_folder_close(&reader->folder);
    ordo_chain_fini(&reader->chain);
    ordo_load_fini(&reader->load);
    ordo_arena_fini(&reader->arena);
    free(reader);
}
