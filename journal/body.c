/* From the bytes of a batch to records, for the two who read on behind a check: the replay of a
 * recovery and the reader. The checksums were looked at a moment ago in the same memory, so they
 * are not computed again here; that the sizes fit is asserted all the same. */
#include "journal/internal.h"

void ordo_body_begin(
    struct ordo_body *body, const uint8_t *batch, const struct ordo_batch_header *header)
{
    ORDO_ASSERT(header->size - header->body_size >= ORDO_BATCH_HEADER_SIZE);
    *body = (struct ordo_body){
        .rest = ordo_reader_over(batch + ORDO_BATCH_HEADER_SIZE, header->body_size),
        .left = header->record_count,
        .base_time_us = header->base_time_us,
        .seq = header->first_seq - 1,
        .update_seq = header->first_update_seq,
    };
}

uint32_t ordo_body_take(
    struct ordo_body *body, uint64_t after_seq, struct ordo_record *records, uint32_t max)
{
    uint32_t count = 0;
    for (; body->left != 0 && count < max; body->left--) {
        struct ordo_record_bytes bytes;
        bool holds = ordo_record_parse(&body->rest, body->base_time_us, &bytes);
        ORDO_ASSERT(holds);
        body->seq++;
        body->update_seq += bytes.update_count;
        if (body->seq <= after_seq) {
            continue;
        }
        records[count++] = (struct ordo_record){
            .seq = body->seq,
            .time_us = bytes.time_us,
            .update_seq = body->update_seq,
            .update_count = bytes.update_count,
            .command = bytes.command,
            .outcome = bytes.outcome,
        };
    }
    return count;
}
