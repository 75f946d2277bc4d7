/* Reading beside a writer, or after it died, without a lock.
 *
 * Batches are read through a window of the file. What does not hold in the window is read again
 * before it is judged, because the writer may have been in the middle of it. If it still does not
 * hold, the same question as in recovery decides (recover.c): a later header that proves the batch
 * flushed makes it damage, anything else is the present end. The proof is read first and the batch
 * once more after it, so that a batch completed in between is not called damaged.
 *
 * A poll at the end must be cheap: the scan for proof is made once a segment (and once a place that
 * holds bytes but no batch). What is damaged at the very end after that is found when the next
 * segment begins, at the latest: it names its predecessor's last sequence. */
#include "journal/reader.h"

#include "journal/place.h"

#include <inttypes.h>

/* Reads anew from the present offset on, at least size bytes where the file has them. */
static enum ordo_err fill(struct ordo_journal_reader *reader, size_t size, struct ordo_fail *fail)
{
    size_t want = size < ORDO_READER_STEP ? ORDO_READER_STEP : size;
    ORDO_ASSERT(want <= ORDO_READER_WINDOW);
    uint64_t left = reader->header.size - reader->offset;
    if (left < want) {
        want = (size_t)left;
    }
    reader->window_at = reader->offset;
    return ordo_segment_read(
        &reader->folder,
        &reader->segment,
        reader->offset,
        reader->window,
        want,
        &reader->window_size,
        fail);
}

static enum ordo_batch_state
check_window(const struct ordo_journal_reader *reader, struct ordo_batch_check *check)
{
    uint64_t skip = reader->offset - reader->window_at;
    if (reader->window_size <= skip) {
        return ORDO_BATCH_BLANK;
    }
    return ordo_batch_check(reader->window + skip, reader->window_size - skip, &reader->tip, check);
}

/* The state of the batch at the present offset as it is on disk now. */
static enum ordo_err check_fresh(
    struct ordo_journal_reader *reader,
    struct ordo_batch_check *check,
    enum ordo_batch_state *state,
    struct ordo_fail *fail)
{
    enum ordo_err err = fill(reader, ORDO_READER_STEP, fail);
    if (err != ORDO_OK) {
        return err;
    }
    *state = check_window(reader, check);
    if (*state == ORDO_BATCH_CUT && check->header.size > ORDO_READER_STEP &&
        reader->offset + check->header.size <= reader->header.size) {
        err = fill(reader, check->header.size, fail);
        *state = check_window(reader, check);
    }
    return err;
}

static void begin_batch(struct ordo_journal_reader *reader, const struct ordo_batch_check *check)
{
    const struct ordo_batch_header *h = &check->header;
    const uint8_t *data = reader->window + (reader->offset - reader->window_at);
    uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE];
    bool proven = ordo_chain_batch(&reader->chain, reader->tip.keyed, data, h->size, chain);
    ordo_tip_advance(&reader->tip, check, proven ? chain : NULL);
    ordo_body_begin(&reader->body, data, h);
    reader->offset += h->size;
    reader->stream_update_seq = h->first_update_seq;
    memcpy(reader->stream_hash, h->stream_hash, sizeof(reader->stream_hash));
}

/* What later files prove, once a segment. OK: the next segment has begun meanwhile, look again. */
static enum ordo_err
judge_later_segments(struct ordo_journal_reader *reader, uint64_t number, struct ordo_fail *fail)
{
    struct ordo_segment_header header;
    enum ordo_err err = ordo_folder_scan(&reader->folder, fail);
    if (err != ORDO_OK) {
        return err;
    }
    bool proven = reader->folder.missing > number;
    for (uint64_t later = reader->folder.last; later > number + 1 && !proven; later--) {
        err = ordo_reader_peek(reader, later, &header, fail);
        if (err == ORDO_OK) {
            proven = true;
        } else if (err != ORDO_ERR_EMPTY) {
            return err;
        }
    }
    if (reader->folder.last == number) {
        return ORDO_ERR_EMPTY;
    }
    err = ordo_reader_peek(reader, number + 1, &header, fail);
    if (err == ORDO_OK) {
        return ORDO_OK;
    }
    if (err == ORDO_ERR_EMPTY && !proven) {
        struct ordo_proof proof;
        err = ordo_load_segment(&reader->load, &reader->folder, number + 1, fail);
        if (err != ORDO_OK) {
            return err;
        }
        ordo_find_proof(&reader->load, 0, &reader->tip, false, false, &proof);
        proven = proof.batch > reader->tip.batch;
        err = ORDO_ERR_EMPTY;
    }
    return proven ? ordo_reader_damaged(
                        reader, number + 1, 0, "a segment is missing or does not hold", fail)
                  : err;
}

/* Nothing that holds at the present offset, and no next segment: the end, or damage? OK: look
 * again. */
static enum ordo_err judge_end(
    struct ordo_journal_reader *reader,
    enum ordo_batch_state state,
    struct ordo_batch_check *check,
    struct ordo_fail *fail)
{
    uint64_t number = reader->segment.number == 0 ? reader->folder.first : reader->segment.number;
    bool is_same = reader->scanned_number == number;
    if (is_same && (state == ORDO_BATCH_BLANK || reader->scanned_offset == reader->offset)) {
        return ORDO_ERR_EMPTY;
    }
    reader->scanned_number = number;
    reader->scanned_offset = reader->offset;
    enum ordo_err err = ordo_load_segment(&reader->load, &reader->folder, number, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_proof proof;
    bool knows_segment = reader->segment.number != 0;
    ordo_find_proof(
        &reader->load, reader->offset, &reader->tip, knows_segment, number == 1, &proof);
    bool proven = proof.batch > reader->tip.batch || proof.seq > reader->tip.seq;
    if (!proven) {
        err = judge_later_segments(reader, number, fail);
    } else if (!knows_segment) {
        err = ordo_reader_damaged(reader, number, 0, "the segment header does not hold", fail);
    } else {
        err = check_fresh(reader, check, &state, fail);
        if (err == ORDO_OK && state != ORDO_BATCH_GOOD) {
            const char *reason = state == ORDO_BATCH_BAD ? check->reason : "a batch is missing";
            err = ordo_reader_damaged(reader, number, reader->offset, reason, fail);
        }
    }
    ordo_load_fini(&reader->load);
    ordo_load_init(&reader->load);
    return err;
}

/* Enters the next segment if it was begun: then this one is complete. EMPTY when it was not. */
static enum ordo_err try_next_segment(
    struct ordo_journal_reader *reader, struct ordo_batch_check *check, struct ordo_fail *fail)
{
    struct ordo_segment next;
    struct ordo_segment_header header;
    uint64_t number = reader->segment.number + 1;
    enum ordo_err err = ordo_reader_peek(reader, number, &header, fail);
    if (err != ORDO_OK) {
        return err;
    }
    enum ordo_batch_state state = ORDO_BATCH_BLANK;
    if (reader->offset < reader->header.size) {
        err = check_fresh(reader, check, &state, fail);
        if (err != ORDO_OK) {
            return err;
        }
        if (state == ORDO_BATCH_GOOD) {
            begin_batch(reader, check); /* it was completed while we looked */
            return ORDO_OK;
        }
    }
    if (state != ORDO_BATCH_BLANK || header.number != number ||
        !ordo_tip_enter(&reader->tip, &header)) {
        const char *reason = state == ORDO_BATCH_BAD ? check->reason : "a batch is missing";
        return ordo_reader_damaged(reader, reader->segment.number, reader->offset, reason, fail);
    }
    err = ordo_segment_open(&reader->folder, number, false, &next, fail);
    if (err == ORDO_OK) {
        ordo_reader_use(reader, &next, &header);
    }
    return err;
}

static enum ordo_err next_batch(struct ordo_journal_reader *reader, struct ordo_fail *fail)
{
    struct ordo_batch_check check = {.reason = "a batch is missing"};
    enum ordo_batch_state state = ORDO_BATCH_BLANK;
    if (reader->segment.number == 0) {
        enum ordo_err err = ordo_reader_find_start(reader, fail);
        if (err == ORDO_OK && reader->segment.number == 0) {
            err = judge_end(reader, ORDO_BATCH_BLANK, &check, fail);
        }
        if (err != ORDO_OK) {
            return err;
        }
    }
    if (reader->offset < reader->header.size) {
        state = check_window(reader, &check);
        if (state != ORDO_BATCH_GOOD) {
            enum ordo_err err = check_fresh(reader, &check, &state, fail);
            if (err != ORDO_OK) {
                return err;
            }
        }
        if (state == ORDO_BATCH_GOOD) {
            begin_batch(reader, &check);
            return ORDO_OK;
        }
    }
    enum ordo_err err = try_next_segment(reader, &check, fail);
    return err == ORDO_ERR_EMPTY ? judge_end(reader, state, &check, fail) : err;
}

/* Up to max of the next records; more than one batch gives as long as the window holds them. */
static enum ordo_err
take(struct ordo_journal_reader *reader, uint32_t max, uint32_t *count, struct ordo_fail *fail)
{
    uint32_t taken = 0;
    for (;;) {
        struct ordo_batch_check check;
        taken += ordo_body_take(
            &reader->body, reader->from_seq - 1, reader->records + taken, max - taken);
        if (taken == max) {
            break;
        }
        if (taken == 0) {
            enum ordo_err err = next_batch(reader, fail);
            if (err != ORDO_OK) {
                return err;
            }
        } else if (
            reader->offset < reader->header.size &&
            check_window(reader, &check) == ORDO_BATCH_GOOD) {
            begin_batch(reader, &check);
        } else {
            break; /* the window must stay as it is for those that were taken */
        }
    }
    *count = taken;
    return ORDO_OK;
}

enum ordo_err ordo_journal_reader_next(
    struct ordo_journal_reader *reader, struct ordo_record *record, struct ordo_fail *fail)
{
    uint32_t count;
    enum ordo_err err = take(reader, 1, &count, fail);
    if (err == ORDO_OK) {
        ORDO_ASSERT(count == 1);
        *record = reader->records[0];
    }
    return err;
}

enum ordo_err ordo_journal_reader_next_many(
    struct ordo_journal_reader *reader,
    const struct ordo_record **records,
    uint32_t *count,
    struct ordo_fail *fail)
{
    *records = reader->records;
    return take(reader, ORDO_RECORDS_MAX, count, fail);
}

uint64_t ordo_journal_reader_batch(const struct ordo_journal_reader *reader)
{
    return reader->tip.batch;
}

uint64_t ordo_journal_reader_stream(const struct ordo_journal_reader *reader, uint8_t hash[16])
{
    memcpy(hash, reader->stream_hash, sizeof(reader->stream_hash));
    return reader->stream_update_seq;
}
