/* Segments into memory, and the walk over what the verdict found good.
 *
 * The replay reads the files a second time and checks the checksums again, but not the chain: the
 * verdict has done that, and SHA-256 is the one check whose cost would be seen. */
#include "journal/internal.h"

#include <inttypes.h>

void ordo_load_init(struct ordo_load *load)
{
    *load = (struct ordo_load){0};
    ordo_arena_init(&load->arena);
}

void ordo_load_fini(struct ordo_load *load)
{
    ordo_arena_fini(&load->arena);
}

static enum ordo_err read_all(
    struct ordo_load *load,
    const struct ordo_folder *folder,
    struct ordo_segment *segment,
    struct ordo_fail *fail)
{
    if (segment->size > ORDO_JOURNAL_SEGMENT_MAX) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(segment->number, name);
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s/%s has %" PRIu64 " bytes, more than any segment: something else wrote it",
            folder->path,
            name,
            segment->size);
    }
    size_t needed = ((size_t)segment->size / ORDO_JOURNAL_BLOCK_MAX + 1) * ORDO_JOURNAL_BLOCK_MAX;
    if (needed > load->capacity) {
        void *memory;
        ordo_arena_fini(&load->arena);
        load->capacity = 0;
        if (ordo_arena_alloc(&load->arena, "journal segment", 1, needed, &memory) != ORDO_OK) {
            return ordo_fail_set(
                fail, ORDO_ERR_NO_MEMORY, "no memory to read a segment of %zu bytes", needed);
        }
        load->data = memory;
        load->capacity = needed;
    }
    enum ordo_err err =
        ordo_segment_read(folder, segment, 0, load->data, needed, &load->size, fail);
    if (err == ORDO_OK) {
        memset(load->data + load->size, 0, load->capacity - load->size);
    }
    return err;
}

enum ordo_err ordo_load_segment(
    struct ordo_load *load,
    const struct ordo_folder *folder,
    uint64_t number,
    struct ordo_fail *fail)
{
    struct ordo_segment segment;
    enum ordo_err err = ordo_segment_open(folder, number, false, &segment, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = read_all(load, folder, &segment, fail);
    ordo_segment_close(&segment);
    return err;
}

struct replay {
    struct ordo_journal *journal;
    const struct ordo_verdict *verdict;
    const struct ordo_visitor *visitor;
    struct ordo_loader *loader;
    struct ordo_tip tip;
    struct ordo_record records[ORDO_RECORDS_MAX]; /* gathered; they point into load */
    uint32_t gathered;
};

static enum ordo_err visit_gathered(struct replay *replay, struct ordo_fail *fail)
{
    const struct ordo_visitor *visitor = replay->visitor;
    uint32_t count = replay->gathered;
    replay->gathered = 0;
    return count == 0 ? ORDO_OK : visitor->visit(visitor->context, replay->records, count, fail);
}

/* Small batches are gathered, so that a visitor has as much before him as after large ones. */
static enum ordo_err visit_batch(
    struct replay *replay,
    const uint8_t *data,
    const struct ordo_batch_header *h,
    struct ordo_fail *fail)
{
    struct ordo_body body;
    enum ordo_err err = ORDO_OK;
    ordo_body_begin(&body, data, h);
    while (err == ORDO_OK) {
        uint32_t room = ORDO_RECORDS_MAX - replay->gathered;
        uint32_t taken = ordo_body_take(
            &body, replay->visitor->after_seq, replay->records + replay->gathered, room);
        replay->gathered += taken;
        if (taken < room) {
            break;
        }
        err = visit_gathered(replay, fail);
    }
    return err;
}

static enum ordo_err changed(struct replay *replay, uint64_t number, struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s/%s read differently the second time, near sequence %" PRIu64
        ": check this machine's disk and memory",
        replay->journal->folder.path,
        name,
        replay->tip.seq + 1);
}

static enum ordo_err replay_segment(struct replay *replay, uint64_t number, struct ordo_fail *fail)
{
    const struct ordo_load *load;
    enum ordo_err err = ordo_loader_get(
        replay->loader, &replay->journal->folder, number, replay->verdict->end_number, &load, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_segment_header header;
    if (ordo_segment_header_decode(load->data, load->capacity, &header) != ORDO_OK) {
        return changed(replay, number, fail);
    }
    if (number == replay->verdict->first) {
        ordo_tip_start(&replay->tip, &header);
    }
    replay->tip.salt = header.salt;
    replay->tip.block = header.block;
    memcpy(replay->tip.node, header.node, sizeof(header.node));
    uint64_t end = load->capacity < header.size ? load->capacity : header.size;
    if (number == replay->verdict->end_number) {
        end = replay->verdict->end_offset;
    }
    for (uint64_t at = header.block; at < end;) {
        struct ordo_batch_check check;
        const uint8_t *data = load->data + at;
        memcpy(
            replay->tip.chain,
            data + offsetof(struct ordo_batch_header, prev_chain),
            sizeof(replay->tip.chain));
        enum ordo_batch_state state = ordo_batch_check(data, end - at, &replay->tip, &check);
        if (state == ORDO_BATCH_BLANK && number != replay->verdict->end_number) {
            break; /* the rest of a closed segment */
        }
        if (state != ORDO_BATCH_GOOD) {
            return changed(replay, number, fail);
        }
        err = visit_batch(replay, data, &check.header, fail);
        if (err != ORDO_OK) {
            return err;
        }
        ordo_tip_advance(&replay->tip, &check, replay->tip.chain);
        at += check.header.size;
    }
    return visit_gathered(replay, fail);
}

enum ordo_err ordo_recover_replay(
    struct ordo_journal *journal,
    const struct ordo_verdict *verdict,
    const struct ordo_visitor *visitor,
    struct ordo_loader *loader,
    struct ordo_fail *fail)
{
    struct replay replay;
    memset(&replay, 0, sizeof(replay));
    replay.journal = journal;
    replay.verdict = verdict;
    replay.visitor = visitor;
    replay.loader = loader;
    enum ordo_err err = ORDO_OK;
    for (uint64_t number = verdict->first;
         err == ORDO_OK && number != 0 && number <= verdict->end_number;
         number++) {
        err = replay_segment(&replay, number, fail);
    }
    ORDO_ASSERT(err != ORDO_OK || replay.tip.seq == verdict->tip.seq);
    return err;
}

/* ---- a visitor of one record at a time ---- */

struct each {
    ordo_record_visit *visit;
    void *context;
};

static enum ordo_err
visit_each(void *context, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail)
{
    const struct each *each = context;
    enum ordo_err err = ORDO_OK;
    for (uint32_t i = 0; err == ORDO_OK && i < count; i++) {
        err = each->visit(each->context, &records[i], fail);
    }
    return err;
}

enum ordo_err ordo_journal_recover(
    struct ordo_journal *journal,
    uint64_t after_seq,
    ordo_record_visit *visit,
    void *context,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail)
{
    struct each each = {visit, context};
    return ordo_journal_recover_many(journal, after_seq, visit_each, &each, recovery, fail);
}
