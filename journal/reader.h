/* reader.h - the inside of a journal reader, for reader.c (reads on) and reader_open.c (where to
 * begin) alone.
 */
#ifndef ORDO_JOURNAL_READER_H
#define ORDO_JOURNAL_READER_H

#include "journal/internal.h"

#define ORDO_READER_STEP   ((size_t)1 << 20) /* read at a time, unless a batch is larger */
#define ORDO_READER_WINDOW ((size_t)ORDO_JOURNAL_BATCH_MAX)

struct ordo_journal_reader {
    struct ordo_arena arena;
    struct ordo_folder folder;
    struct ordo_chain chain;
    struct ordo_load load; /* for the scan at an end */
    uint64_t from_seq;

    struct ordo_segment segment; /* number 0 = the first is still blank */
    struct ordo_segment_header header;
    struct ordo_tip tip;
    uint64_t offset; /* of the next batch */

    uint8_t *window;
    uint64_t window_at; /* file offset of its first byte */
    size_t window_size;

    /* the rest of the present batch */
    struct ordo_body body;
    struct ordo_record records[ORDO_RECORDS_MAX]; /* handed out */

    uint64_t stream_update_seq; /* the status stream before the present batch */
    uint8_t stream_hash[ORDO_JOURNAL_MARK_SIZE];

    uint64_t scanned_number; /* the last segment whose end was scanned for proof */
    uint64_t scanned_offset; /* and the last place in it */
};

/* Fails with file, offset and sequence. */
enum ordo_err ordo_reader_damaged(
    const struct ordo_journal_reader *reader,
    uint64_t number,
    uint64_t offset,
    const char *reason,
    struct ordo_fail *fail);

/* The header of a segment. EMPTY: not begun (or half begun, or not there). */
enum ordo_err ordo_reader_peek(
    const struct ordo_journal_reader *reader,
    uint64_t number,
    struct ordo_segment_header *header,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Goes on with this segment, which the reader closes. */
void ordo_reader_use(
    struct ordo_journal_reader *reader,
    struct ordo_segment *segment,
    const struct ordo_segment_header *header);

/* Begins with the last segment that begins at or before from_seq. */
enum ordo_err
ordo_reader_find_start(struct ordo_journal_reader *reader, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
