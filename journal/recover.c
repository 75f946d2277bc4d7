/* The verdict over a journal: clean, torn at its end, or damaged.
 *
 * Segments are read in order. As long as everything holds, the tip moves on. At the first place
 * that does not, the question is whether what stood there had been acknowledged:
 *
 * - The rest of the segment is zeros: the clean end.
 * - A later batch or segment header proves that the batch at this place had been flushed
 *   (its durable_seq, or its number less its pending batches, reaches it): DAMAGED. Somebody has
 *   been told that this is safe, so nobody but a person may throw it away.
 * - Nothing proves it: the torn tail of a crash. Up to in_flight_max batches can lie behind it in
 *   whole, written and never acknowledged; they go with it.
 *
 * A segment is entered only after its predecessor was flushed, so its header alone is proof for all
 * before it, and at most one segment can be torn. The first segment's header is flushed before its
 * first batch. Behind the end there may be files of zeros, short files and empty ones: segments
 * that were being made ready.
 *
 * Headers that serve as proof must carry the node and the segment's salt, so that bytes inside a
 * record, which a client chooses, cannot look like one. Nothing is written here. */
#include "journal/internal.h"

#include "base/canary.h"
#include "base/failpoint.h"

#include <inttypes.h>
#include <stdio.h>

struct judge {
    struct ordo_journal *journal;
    struct ordo_verdict *verdict;
    struct ordo_fail *fail;
    uint64_t after_seq; /* a snapshot has it, so it had been flushed */
    struct ordo_loader *loader;
    const struct ordo_load *load; /* the segment at hand */
    uint64_t entered;             /* number of the last segment with a header that holds */
    bool is_bad;                  /* a place was found that does not hold */
    uint64_t bad_number;
    uint64_t bad_offset;
    uint64_t bad_seq;
    const char *bad_reason;
    struct ordo_proof proof; /* from headers behind that place */
};

/* One line that names the place; nothing was changed, and what can be done. */
static enum ordo_err damaged(const struct judge *j, const char *why)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(j->bad_number, name);
    return ordo_fail_set(
        j->fail,
        ORDO_ERR_DAMAGED,
        "%s/%s is damaged at offset %" PRIu64 ", sequence %" PRIu64
        ": %s; %s: nothing was changed; "
        "restore this file from a backup or a replica",
        j->journal->folder.path,
        name,
        j->bad_offset,
        j->bad_seq,
        j->bad_reason,
        why);
}

static void
set_bad(struct judge *j, uint64_t number, uint64_t offset, uint64_t seq, const char *reason)
{
    j->is_bad = true;
    j->bad_number = number;
    j->bad_offset = offset;
    j->bad_seq = seq;
    j->bad_reason = reason;
}

static enum ordo_err
damaged_at(struct judge *j, uint64_t number, uint64_t offset, const char *reason, const char *why)
{
    set_bad(j, number, offset, j->verdict->tip.seq + 1, reason);
    return damaged(j, why);
}

/* A batch header at a place whose segment's block is known, or not: its padding is less than a
 * block, so each size that a block may have is tried. */
static bool
decode_at(const struct ordo_load *load, uint64_t at, uint32_t known, struct ordo_batch_header *h)
{
    uint32_t block = known == 0 ? ORDO_JOURNAL_BLOCK_MIN : known;
    uint32_t block_max = known == 0 ? ORDO_JOURNAL_BLOCK_MAX : known;
    for (; block <= block_max; block *= 2) {
        if (ordo_batch_header_decode(load->data + at, load->capacity - at, block, h)) {
            return true;
        }
    }
    return false;
}

void ordo_find_proof(
    const struct ordo_load *load,
    uint64_t offset,
    const struct ordo_tip *tip,
    bool knows_segment,
    bool is_first,
    struct ordo_proof *proof)
{
    uint32_t block = knows_segment ? tip->block : ORDO_JOURNAL_BLOCK_MIN;
    *proof = (struct ordo_proof){0};
    for (uint64_t at = offset; at + block <= load->capacity; at += block) {
        struct ordo_batch_header h;
        if (!decode_at(load, at, knows_segment ? block : 0, &h) ||
            (knows_segment && h.salt != tip->salt) ||
            (tip->batch != 0 && memcmp(h.node, tip->node, sizeof(h.node)) != 0)) {
            continue;
        }
        uint64_t proven = h.number - 1 - h.pending;
        if (is_first && !knows_segment) {
            proven = h.number; /* the first segment's header is flushed before any batch */
        } else if (h.number <= tip->batch + 1) {
            continue; /* the batch in question itself, or an older one */
        }
        if (proven > proof->batch || h.durable_seq > proof->seq) {
            proof->offset = at;
        }
        proof->batch = proven > proof->batch ? proven : proof->batch;
        proof->seq = h.durable_seq > proof->seq ? h.durable_seq : proof->seq;
    }
}

/* Collects the proof, and the size of what would be cut. */
static void look_behind(struct judge *j, bool knows_segment)
{
    ordo_find_proof(
        j->load, j->bad_offset, &j->verdict->tip, knows_segment, j->bad_number == 1, &j->proof);
    uint64_t last = j->load->size;
    while (last > j->bad_offset && j->load->data[last - 1] == 0) {
        last--;
    }
    j->verdict->torn_bytes = last - j->bad_offset;
}

/* Reads batches until one does not hold; true at a clean end. */
static bool walk_batches(
    struct judge *j, const struct ordo_segment_header *header, struct ordo_batch_check *check)
{
    struct ordo_verdict *v = j->verdict;
    uint64_t span = j->load->capacity < header->size ? j->load->capacity : header->size;
    const uint8_t *data = j->load->data;
    v->end_offset = header->block;
    while (v->end_offset < span) {
        uint64_t left = span - v->end_offset;
        switch (ordo_batch_check(data + v->end_offset, left, &v->tip, check)) {
        case ORDO_BATCH_GOOD:
            break;
        case ORDO_BATCH_BLANK:
            check->reason = "a batch is missing";
            return ordo_is_zero(data + v->end_offset, left);
        case ORDO_BATCH_CUT:
            check->reason = "a batch reaches over the end of its file";
            return false;
        case ORDO_BATCH_BAD:
            return false;
        }
        uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE];
        bool ok = ordo_chain_batch(
            &j->journal->chain, v->tip.keyed, data + v->end_offset, check->header.size, chain);
        ORDO_ASSERT(ok); /* the key was checked when the segment was entered */
        ordo_tip_advance(&v->tip, check, chain);
        v->last_is_mark = check->header.record_count == 0;
        v->end_offset += check->header.size;
    }
    return true;
}

/* A segment with a header that holds. */
static enum ordo_err
judge_begun(struct judge *j, uint64_t number, const struct ordo_segment_header *header)
{
    struct ordo_verdict *v = j->verdict;
    if (j->is_bad) {
        return damaged(j, "a later segment proves that it had been flushed");
    }
    if (header->number != number) {
        return damaged_at(
            j, number, 0, "the header names another segment", "the file was renamed or replaced");
    }
    if (j->entered != number - 1) {
        return damaged_at(
            j, number - 1, 0, "a segment is blank", "a later segment proves that it was not");
    }
    if (j->load->size > header->size) {
        return damaged_at(
            j,
            number,
            header->size,
            "the file is longer than its header says",
            "something else wrote to it");
    }
    if (!ordo_is_zero(
            j->load->data + ORDO_SEGMENT_HEADER_SIZE, header->block - ORDO_SEGMENT_HEADER_SIZE)) {
        set_bad(j, number, 0, v->tip.seq + 1, "bytes behind the segment header are not zeros");
        v->torn_size = header->size;
        look_behind(j, false);
        return ORDO_OK;
    }
    if (!ordo_tip_enter(&v->tip, header)) {
        return damaged_at(
            j,
            number,
            0,
            "this segment does not continue the one before",
            "a segment was replaced, or the end of the one before is lost");
    }
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    enum ordo_err err = ordo_chain_check_key(&j->journal->chain, header, name, j->fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_batch_check check;
    j->entered = number;
    v->segments++;
    v->end_number = number;
    v->end_header = *header;
    v->end_short = j->load->size < header->size;
    if (!walk_batches(j, header, &check)) {
        set_bad(j, number, v->end_offset, check.bad_seq, check.reason);
        v->torn_size = header->size;
        look_behind(j, true);
    }
    return ORDO_OK;
}

static void note_blank(struct judge *j, uint64_t number)
{
    struct ordo_verdict *v = j->verdict;
    if (j->load->size != j->journal->config.segment_size) {
        return;
    }
    if (v->blank_first == 0) {
        v->blank_first = v->blank_last = number;
    } else if (v->blank_last == number - 1) {
        v->blank_last = number;
    }
}

static enum ordo_err gap_at(const struct judge *j, uint64_t number)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    return ordo_fail_set(
        j->fail,
        ORDO_ERR_DAMAGED,
        "%s/%s is missing, and later segments are there: restore this file from a backup or a "
        "replica; nothing was changed",
        j->journal->folder.path,
        name);
}

static enum ordo_err judge_segment(struct judge *j, uint64_t number)
{
    struct ordo_segment_header header;
    const struct ordo_folder *folder = &j->journal->folder;
    enum ordo_err err = ordo_loader_get(j->loader, folder, number, folder->last, &j->load, j->fail);
    ORDO_FAILPOINT("recover.segment_read");
    if (err != ORDO_OK) {
        return err == ORDO_ERR_NOT_FOUND ? gap_at(j, number) : err;
    }
    err = ordo_segment_header_decode(j->load->data, j->load->capacity, &header);
    if (err == ORDO_OK) {
        return judge_begun(j, number, &header);
    }
    if (err == ORDO_ERR_VERSION) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(number, name);
        return ordo_fail_set(
            j->fail,
            ORDO_ERR_VERSION,
            "%s/%s has journal format %u (flags %u), this program reads format %d: use the newer "
            "program that wrote it",
            j->journal->folder.path,
            name,
            header.format,
            header.flags,
            ORDO_JOURNAL_FORMAT);
    }
    if (ordo_is_zero(j->load->data, j->load->size) || ORDO_CANARY(unreadable_segment_skipped)) {
        note_blank(j, number);
        return ORDO_OK;
    }
    if (j->is_bad) {
        return damaged(j, "a later segment was begun, which proves that it had been flushed");
    }
    set_bad(
        j,
        number,
        0,
        j->verdict->tip.seq + 1,
        err == ORDO_ERR_EMPTY ? "the segment header is missing"
                              : "the segment header does not hold");
    j->verdict->torn_size = j->load->size;
    look_behind(j, false);
    return ORDO_OK;
}

/* Everything holds, and yet something is missing. */
static enum ordo_err ends_early(const struct judge *j)
{
    return ordo_fail_set(
        j->fail,
        ORDO_ERR_DAMAGED,
        "the journal in %s ends at sequence %" PRIu64 ", and a snapshot has sequence %" PRIu64
        ": journal files are lost; nothing was changed; restore them from a backup or a replica",
        j->journal->folder.path,
        j->verdict->tip.seq,
        j->after_seq);
}

static enum ordo_err decide(struct judge *j)
{
    struct ordo_verdict *v = j->verdict;
    const struct ordo_folder *folder = &j->journal->folder;
    uint64_t proven = folder->archive_last == 0 ? 0 : folder->archive_last + 1;
    bool is_header = j->bad_offset == 0;
    if (j->is_bad && j->bad_number < proven + (is_header ? 1 : 0)) {
        return damaged(j, "the archive proves that it had been flushed");
    }
    if (!j->is_bad && v->end_number < proven) {
        return damaged_at(
            j,
            proven,
            0,
            "this segment is missing or blank",
            "the one before it is archived, which proves that this one was begun");
    }
    if (!j->is_bad) {
        return v->tip.seq < j->after_seq ? ends_early(j) : ORDO_OK;
    }
    if ((j->proof.batch > v->tip.batch || j->proof.seq >= j->bad_seq) &&
        !ORDO_CANARY(damage_in_the_middle_cut)) {
        char why[96];
        (void)snprintf(
            why,
            sizeof(why),
            "the batch at offset %" PRIu64 " proves that it had been flushed",
            j->proof.offset);
        return damaged(j, why);
    }
    if (j->bad_seq <= j->after_seq) {
        return damaged(j, "a snapshot has it, which proves that it had been flushed");
    }
    v->torn_number = j->bad_number;
    v->torn_offset = j->bad_offset;
    v->torn_seq = j->bad_seq;
    v->torn_reason = j->bad_reason;
    if (j->bad_number == v->end_number + 1 && v->blank_first == j->bad_number + 1 &&
        v->torn_size == j->journal->config.segment_size) {
        v->blank_first = j->bad_number; /* it will be zeros, too */
    }
    return ORDO_OK;
}

/* ---- where to begin ---- */

/* The last segment whose header holds and says that it begins at or before the record behind
 * after_seq. A header that does not hold is passed over: the walk comes to it. Its word on
 * everything before is taken, as a snapshot's is. */
static enum ordo_err find_start(struct judge *j, uint64_t *start, struct ordo_tip *tip)
{
    const struct ordo_folder *folder = &j->journal->folder;
    *start = folder->first;
    for (uint64_t number = folder->last; number > 1 && number >= folder->first; number--) {
        _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
        struct ordo_segment_header header;
        size_t got;
        enum ordo_err err = ordo_segment_read_first(folder, number, block, &got, j->fail);
        if (err == ORDO_ERR_NOT_FOUND) {
            continue; /* a gap: named by who needs it */
        }
        if (err != ORDO_OK) {
            return err;
        }
        if (ordo_segment_header_decode(block, got, &header) == ORDO_OK && header.number == number &&
            header.prev_seq <= j->after_seq) {
            ordo_tip_start(tip, &header);
            *start = number;
            return ORDO_OK;
        }
    }
    return folder->first == 1 ? ORDO_OK : gap_at(j, folder->first - 1);
}

static enum ordo_err choose_start(struct judge *j)
{
    const struct ordo_folder *folder = &j->journal->folder;
    uint64_t start = folder->first;
    if (start == 0) {
        return ORDO_OK; /* nothing there */
    }
    if (j->after_seq != 0) {
        enum ordo_err err = find_start(j, &start, &j->verdict->tip);
        if (err != ORDO_OK) {
            return err;
        }
    } else if (start != 1) {
        return gap_at(j, 1);
    }
    if (folder->missing > start) {
        return gap_at(j, folder->missing);
    }
    j->verdict->first = start;
    j->entered = start - 1;
    return ORDO_OK;
}

enum ordo_err ordo_recover_judge(
    struct ordo_journal *journal,
    uint64_t after_seq,
    struct ordo_loader *loader,
    struct ordo_verdict *verdict,
    struct ordo_fail *fail)
{
    struct judge j = {
        .journal = journal,
        .verdict = verdict,
        .fail = fail,
        .after_seq = after_seq,
        .loader = loader};
    *verdict = (struct ordo_verdict){.last_is_mark = true};
    enum ordo_err err = choose_start(&j);
    for (uint64_t number = verdict->first;
         err == ORDO_OK && number != 0 && number <= journal->folder.last;
         number++) {
        err = judge_segment(&j, number);
    }
    return err == ORDO_OK ? decide(&j) : err;
}
