/* Slots to bytes: the part of a commit that is paid for each record, so it is written for speed.
 *
 * A record is put down with its sizes and pieces first, and gets its CRC when the next one has been
 * put: the sum reads in words what was stored in other pieces, and a load across stores that have
 * not settled waits for them (14 ns a record at once, 10 one later, on the same bytes). The header
 * goes in last, when counts and sizes are known; the stream hash is looked up once a batch. */
#include "journal/internal.h"

#include "base/failpoint.h"

#include <string.h>

void ordo_build_begin(const struct ordo_journal *journal, struct ordo_builder *b)
{
    const struct ordo_tip *tip = &journal->tip;
    uint32_t buffer = (uint32_t)(journal->flight_tail % journal->config.in_flight_max);
    b->start = journal->buffers + buffer * journal->buffer_size;
    b->batch = b->start;
    uint64_t left = journal->segment_header.size - journal->position;
    if (journal->position == 0) {
        memset(b->start, 0, tip->block);
        ordo_segment_header_encode(&journal->segment_header, b->start);
        ORDO_FAILPOINT("rotate.header_built");
        b->batch += tip->block;
        left -= tip->block;
    }
    b->space = left < journal->config.batch_size_max ? left : journal->config.batch_size_max;
    b->at = b->batch + ORDO_BATCH_HEADER_SIZE;
    b->unsealed = NULL;
    b->header = (struct ordo_batch_header){
        .magic = ORDO_BATCH_MAGIC,
        .format = ORDO_JOURNAL_FORMAT,
        .rules = journal->config.rules,
        .epoch = tip->epoch,
        .salt = tip->salt,
        .number = tip->batch + 1,
        .first_seq = tip->seq + 1,
        .first_update_seq = tip->update_seq,
        .durable_seq = journal->flushed_seq,
        .base_time_us = tip->time_us,
        .pending = (uint32_t)(tip->batch - journal->flushed_batch),
    };
    memcpy(b->header.node, tip->node, sizeof(tip->node));
    memcpy(b->header.stream_hash, journal->stream_hash, sizeof(b->header.stream_hash));
    memcpy(b->header.prev_chain, tip->chain, sizeof(tip->chain));
    b->crc = ordo_record_seed(tip->salt, b->header.number, b->header.first_seq);
    b->cursor = journal->stage->next - 1;
    b->recorded = 0;
}

static void seal_last(struct ordo_builder *b)
{
    if (b->unsealed != NULL) {
        ordo_record_seal(b->unsealed, b->at, &b->crc);
    }
}

static void add_record(
    struct ordo_journal *journal,
    struct ordo_builder *b,
    const struct ordo_slot *slot,
    uint64_t cursor)
{
    const struct ordo_ring *ring = journal->stage->ring;
    struct ordo_tip *tip = &journal->tip;
    ORDO_ASSERT(slot->seq == tip->seq + 1);
    ORDO_ASSERT(slot->update_seq == tip->update_seq + slot->update_count);
    if (b->header.record_count == 0) {
        b->header.base_time_us = slot->time_us;
    }
    const struct ordo_record_bytes record = {
        .time_us = slot->time_us,
        .update_count = slot->update_count,
        .command = ordo_ring_command(ring, slot),
        .outcome = ordo_ring_outcome(ring, slot),
    };
    uint8_t *at = b->at;
    uint8_t *end = ordo_record_put(at, &record, b->header.base_time_us);
    seal_last(b); /* the one before, whose bytes have settled by now */
    b->unsealed = at;
    b->at = end;
    b->recorded = cursor;
    b->header.record_count++;
    tip->seq = slot->seq;
    tip->update_seq = slot->update_seq;
    tip->time_us = slot->time_us;
}

uint32_t ordo_build_take(struct ordo_journal *journal, struct ordo_builder *b, uint64_t last)
{
    struct ordo_stage *stage = journal->stage;
    uint64_t next = stage->next;
    uint64_t from = next;
    for (; next <= last; next++) {
        const struct ordo_slot *slot = ordo_ring_slot(stage->ring, next);
        if (slot->flags & ORDO_SLOT_JOURNALED) {
            uint64_t bound = ordo_record_bound(slot->command_size, slot->outcome_size);
            if ((uint64_t)(b->at - b->batch) + bound > b->space) {
                break;
            }
            add_record(journal, b, slot, next);
        }
    }
    ORDO_ASSERT(b->header.record_count > 0);
    b->cursor = next - 1;
    stage->next = next;
    return (uint32_t)(next - from);
}

void ordo_build_end(struct ordo_journal *journal, struct ordo_builder *b)
{
    seal_last(b);
    size_t used = (size_t)(b->at - b->batch);
    size_t size = ordo_round_up(used, journal->tip.block);
    ORDO_ASSERT(size <= b->space);
    if (b->header.record_count != 0) {
        const uint8_t *mark = ordo_ring_mark(journal->stage->ring, b->recorded);
        memcpy(journal->stream_hash, mark, sizeof(journal->stream_hash));
    }
    memset(b->batch + used, 0, size - used);
    b->header.size = (uint32_t)size;
    b->header.body_size = (uint32_t)(used - ORDO_BATCH_HEADER_SIZE);
    ordo_batch_header_encode(&b->header, b->batch);
}
