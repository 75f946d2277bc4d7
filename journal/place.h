/* place.h - reading the journal from the middle: readers that begin at an update, and places that a
 * reader has passed and another may begin at. For who serves the status stream out of the files.
 *
 * The readers are those of journal.h and keep their promises. Any thread, one at a time for each
 * reader; opening blocks on the disk.
 */
#ifndef ORDO_JOURNAL_PLACE_H
#define ORDO_JOURNAL_PLACE_H

#include "journal/journal.h"

/* Between two batches. The journal up to here has been checked by the reader that gave the place: a
 * reader that begins here checks as if it had read everything before. */
struct ordo_journal_place {
    uint64_t segment; /* number of its file; 0 = no place */
    uint64_t offset;
    uint64_t seq;        /* the last record before it */
    uint64_t update_seq; /* the last update before it */
    uint64_t chain[16];  /* what the next batch must continue */
};

enum ordo_journal_by { ORDO_BY_SEQ, ORDO_BY_UPDATE };

/* Begins with the segment that holds the record or update, or with the oldest that there is; the
 * first records may lie before it. The segments' headers are searched by halves. EMPTY: the journal
 * has no record yet. NOT_FOUND: there is no journal. DAMAGED: a segment between is missing. */
enum ordo_err ordo_journal_reader_seek(
    const char *dir,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_journal_reader **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Begins at a place. NOT_FOUND: its segment was trimmed, or is another one by now. */
enum ordo_err ordo_journal_reader_resume(
    const char *dir,
    const struct ordo_journal_place *place,
    struct ordo_journal_reader **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Number of the batch of the record that was given last; the first is 1. */
uint64_t ordo_journal_reader_batch(const struct ordo_journal_reader *reader);

/* The stream before that batch: its last update and the rolling hash after it. */
uint64_t ordo_journal_reader_stream(const struct ordo_journal_reader *reader, uint8_t hash[16]);

/* The place behind that batch; before the first record, where the reader begins. */
void ordo_journal_reader_place(
    const struct ordo_journal_reader *reader, struct ordo_journal_place *place);

#endif
