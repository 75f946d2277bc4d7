/* Bytes to structs and back, with every check that one batch in memory allows.
 *
 * Three checks overlap on purpose. The header's CRC makes sizes and counts trustworthy before they
 * are used. Each record's CRC continues the one before it, from a seed of salt, batch number and
 * sequence, so a record that was moved, repeated or left over from a recycled file does not hold.
 * The SHA-256 in the next header covers all bytes of a batch, padding included; until there is a
 * next one, padding is checked to be zeros here, so that no byte of a journal can change unnoticed.
 *
 * Sizes are LEB128 in their shortest form: a typical record costs 8 to 11 bytes of header, and a
 * value has one byte form only. The alternative, a fixed header of 16 bytes, was 30 % of the small
 * commands. */
#include "journal/format.h"

#include "base/canary.h"

#define PUT16(field) ordo_put_le16(out + offsetof(__typeof__(*header), field), header->field)
#define PUT32(field) ordo_put_le32(out + offsetof(__typeof__(*header), field), header->field)
#define PUT64(field) ordo_put_le64(out + offsetof(__typeof__(*header), field), header->field)
#define PUTRAW(field)                                                                              \
    memcpy(out + offsetof(__typeof__(*header), field), header->field, sizeof(header->field))
#define GET16(field) out->field = ordo_get_le16(data + offsetof(__typeof__(*out), field))
#define GET32(field) out->field = ordo_get_le32(data + offsetof(__typeof__(*out), field))
#define GET64(field) out->field = ordo_get_le64(data + offsetof(__typeof__(*out), field))
#define GETRAW(field)                                                                              \
    memcpy(out->field, data + offsetof(__typeof__(*out), field), sizeof(out->field))

bool ordo_is_zero(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return true;
    }
    /* The first byte is zero and every byte equals the one before it: memcmp runs at full width. */
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

void ordo_segment_header_encode(const struct ordo_segment_header *header, uint8_t *out)
{
    PUTRAW(magic);
    PUT16(format);
    PUT16(flags);
    PUT32(header_size);
    PUTRAW(node);
    PUT64(epoch);
    PUT64(number);
    PUT64(salt);
    PUT64(first_seq);
    PUT64(first_update_seq);
    PUT64(prev_seq);
    PUTRAW(prev_chain);
    PUT64(size);
    PUT64(prev_time_us);
    PUT64(first_batch);
    PUT32(block);
    PUT32(rules);
    PUT32(key_check);
    ordo_put_le32(
        out + ORDO_SEGMENT_HEADER_SIZE - 4, ordo_crc32c(0, out, ORDO_SEGMENT_HEADER_SIZE - 4));
}

static bool block_is_valid(uint32_t block)
{
    return block >= ORDO_JOURNAL_BLOCK_MIN && block <= ORDO_JOURNAL_BLOCK_MAX &&
           (block & (block - 1)) == 0;
}

enum ordo_err
ordo_segment_header_decode(const uint8_t *data, size_t size, struct ordo_segment_header *out)
{
    if (size < ORDO_SEGMENT_HEADER_SIZE) {
        return ordo_is_zero(data, size) ? ORDO_ERR_EMPTY : ORDO_ERR_DAMAGED;
    }
    if (ordo_is_zero(data, ORDO_SEGMENT_HEADER_SIZE)) {
        return ORDO_ERR_EMPTY;
    }
    GETRAW(magic);
    GET16(format);
    GET16(flags);
    GET32(header_size);
    if (memcmp(out->magic, ORDO_SEGMENT_MAGIC, sizeof(out->magic)) != 0 ||
        out->header_size < ORDO_SEGMENT_HEADER_SIZE || out->header_size > size ||
        ordo_get_le32(data + out->header_size - 4) != ordo_crc32c(0, data, out->header_size - 4)) {
        return ORDO_ERR_DAMAGED;
    }
    if (out->format != ORDO_JOURNAL_FORMAT || (out->flags & ~ORDO_SEGMENT_KEYED) != 0) {
        return ORDO_ERR_VERSION;
    }
    GETRAW(node);
    GET64(epoch);
    GET64(number);
    GET64(salt);
    GET64(first_seq);
    GET64(first_update_seq);
    GET64(prev_seq);
    GETRAW(prev_chain);
    GET64(size);
    GET64(prev_time_us);
    GET64(first_batch);
    GET32(block);
    GET32(rules);
    GET32(key_check);
    GET32(crc);
    bool holds = out->header_size == ORDO_SEGMENT_HEADER_SIZE && block_is_valid(out->block) &&
                 out->size <= ORDO_JOURNAL_SEGMENT_MAX && out->size % out->block == 0 &&
                 out->size > out->block && out->number != 0 && out->first_batch != 0 &&
                 out->first_seq != 0 && out->prev_seq == out->first_seq - 1 &&
                 (out->flags != 0 || out->key_check == 0);
    return holds ? ORDO_OK : ORDO_ERR_DAMAGED;
}

void ordo_batch_header_encode(const struct ordo_batch_header *header, uint8_t *out)
{
    PUT32(magic);
    PUT16(format);
    PUT16(flags);
    PUT32(size);
    PUT32(body_size);
    PUT32(record_count);
    PUT32(rules);
    PUTRAW(node);
    PUT64(epoch);
    PUT64(salt);
    PUT64(number);
    PUT64(first_seq);
    PUT64(first_update_seq);
    PUT64(durable_seq);
    PUT64(base_time_us);
    PUTRAW(stream_hash);
    PUTRAW(prev_chain);
    PUT32(pending);
    ordo_put_le32(
        out + ORDO_BATCH_HEADER_SIZE - 4, ordo_crc32c(0, out, ORDO_BATCH_HEADER_SIZE - 4));
}

bool ordo_batch_header_decode(
    const uint8_t *data, size_t size, uint32_t block, struct ordo_batch_header *out)
{
    ORDO_ASSERT(block_is_valid(block));
    if (size < ORDO_BATCH_HEADER_SIZE || ordo_get_le32(data) != ORDO_BATCH_MAGIC) {
        return false;
    }
    GET32(crc);
    if (out->crc != ordo_crc32c(0, data, ORDO_BATCH_HEADER_SIZE - 4)) {
        return false;
    }
    GET32(magic);
    GET16(format);
    GET16(flags);
    GET32(size);
    GET32(body_size);
    GET32(record_count);
    GET32(rules);
    GETRAW(node);
    GET64(epoch);
    GET64(salt);
    GET64(number);
    GET64(first_seq);
    GET64(first_update_seq);
    GET64(durable_seq);
    GET64(base_time_us);
    GETRAW(stream_hash);
    GETRAW(prev_chain);
    GET32(pending);
    return out->format == ORDO_JOURNAL_FORMAT && out->flags == 0 && out->number != 0 &&
           out->first_seq != 0 && out->durable_seq < out->first_seq && out->pending < out->number &&
           out->size % block == 0 && out->size <= ORDO_JOURNAL_BATCH_MAX &&
           out->body_size <= out->size && out->size - out->body_size >= ORDO_BATCH_HEADER_SIZE &&
           out->size - out->body_size < ORDO_BATCH_HEADER_SIZE + block;
}

uint32_t ordo_record_seed(uint64_t salt, uint64_t batch, uint64_t first_seq)
{
    uint8_t seed[24];
    ordo_put_le64(seed, ORDO_CANARY(checksum_without_salt) ? 0 : salt);
    ordo_put_le64(seed + 8, batch);
    ordo_put_le64(seed + 16, first_seq);
    return ordo_crc32c(0, seed, sizeof(seed));
}

/* Inline in the walks below, where the reader then stays in registers. */
ORDO_READ bool
parse_record(struct ordo_reader *r, uint64_t base_time_us, struct ordo_record_bytes *record)
{
    record->update_count = ordo_read_u8(r);
    record->time_us = base_time_us + (uint64_t)ordo_read_zigzag(r);
    uint64_t command_size = ordo_read_varint(r);
    uint64_t outcome_size = ordo_read_varint(r);
    if (r->failed || command_size > ORDO_JOURNAL_BATCH_MAX ||
        outcome_size > ORDO_JOURNAL_BATCH_MAX) {
        ordo_reader_fail(r);
        return false;
    }
    record->command =
        (struct ordo_bytes){ordo_read_raw(r, (size_t)command_size), (uint32_t)command_size};
    record->outcome =
        (struct ordo_bytes){ordo_read_raw(r, (size_t)outcome_size), (uint32_t)outcome_size};
    return !r->failed;
}

ORDO_READ bool read_record(
    struct ordo_reader *r, uint64_t base_time_us, uint32_t *crc, struct ordo_record_bytes *record)
{
    uint32_t stored = ordo_read_le32(r);
    const uint8_t *covered = r->at;
    if (!parse_record(r, base_time_us, record)) {
        return false;
    }
    *crc = ordo_crc32c(*crc, covered, (size_t)(r->at - covered));
    r->failed = *crc != stored;
    return !r->failed;
}

bool ordo_record_read(
    struct ordo_reader *r, uint64_t base_time_us, uint32_t *crc, struct ordo_record_bytes *record)
{
    return read_record(r, base_time_us, crc, record);
}

bool ordo_record_parse(
    struct ordo_reader *r, uint64_t base_time_us, struct ordo_record_bytes *record)
{
    (void)ordo_read_le32(r); /* its checksum */
    return parse_record(r, base_time_us, record);
}

/* What a header must say to continue tip; NULL when it does. */
static const char *find_mismatch(const struct ordo_batch_header *h, const struct ordo_tip *tip)
{
    if (memcmp(h->node, tip->node, sizeof(h->node)) != 0) {
        return "a batch of another node";
    }
    if (h->salt != tip->salt) {
        return "a batch of another segment";
    }
    if (h->epoch < tip->epoch) {
        return "a batch of an older epoch";
    }
    if (h->number != tip->batch + 1 || h->first_seq != tip->seq + 1 ||
        h->first_update_seq != tip->update_seq) {
        return "a batch out of sequence";
    }
    if (!tip->unproven && !ORDO_CANARY(chain_unchecked) &&
        memcmp(h->prev_chain, tip->chain, sizeof(h->prev_chain)) != 0) {
        return "the chain hash of the batch before does not match";
    }
    return NULL;
}

/* Walks the records; the number that hold is in *good. */
static bool check_body(const uint8_t *data, struct ordo_batch_check *check, uint32_t *good)
{
    const struct ordo_batch_header *h = &check->header;
    struct ordo_reader r = ordo_reader_over(data + ORDO_BATCH_HEADER_SIZE, h->body_size);
    uint32_t crc = ordo_record_seed(h->salt, h->number, h->first_seq);
    for (*good = 0; *good < h->record_count; (*good)++) {
        struct ordo_record_bytes record;
        if (!read_record(&r, h->base_time_us, &crc, &record)) {
            return false;
        }
        check->update_seq += record.update_count;
        check->time_us = record.time_us;
    }
    return ordo_reader_done(&r);
}

enum ordo_batch_state ordo_batch_check(
    const uint8_t *data, size_t size, const struct ordo_tip *tip, struct ordo_batch_check *check)
{
    struct ordo_batch_header *h = &check->header;
    check->bad_seq = tip->seq + 1;
    size_t first = size < tip->block ? size : tip->block;
    if (first < ORDO_BATCH_HEADER_SIZE || ordo_is_zero(data, first)) {
        return ORDO_BATCH_BLANK;
    }
    if (!ordo_batch_header_decode(data, size, tip->block, h)) {
        check->reason = "a batch header does not hold";
        return ORDO_BATCH_BAD;
    }
    check->reason = find_mismatch(h, tip);
    if (check->reason != NULL) {
        return ORDO_BATCH_BAD;
    }
    if (size < h->size) {
        return ORDO_BATCH_CUT;
    }
    uint32_t good = 0;
    check->update_seq = h->first_update_seq;
    check->time_us = tip->time_us;
    if (!check_body(data, check, &good)) {
        check->bad_seq = h->first_seq + good;
        check->reason = "the checksum of a record does not hold";
        return ORDO_BATCH_BAD;
    }
    size_t used = ORDO_BATCH_HEADER_SIZE + h->body_size;
    if (!ordo_is_zero(data + used, h->size - used) && !ORDO_CANARY(padding_unchecked)) {
        check->reason = "the padding of a batch is not zeros";
        return ORDO_BATCH_BAD;
    }
    return ORDO_BATCH_GOOD;
}

void ordo_tip_advance(
    struct ordo_tip *tip, const struct ordo_batch_check *check, const uint8_t *chain)
{
    const struct ordo_batch_header *h = &check->header;
    ORDO_ASSERT(h->number == tip->batch + 1);
    ORDO_ASSERT(h->first_seq == tip->seq + 1);
    tip->epoch = h->epoch;
    tip->batch = h->number;
    tip->seq += h->record_count;
    tip->update_seq = check->update_seq;
    tip->time_us = check->time_us;
    tip->unproven = chain == NULL;
    if (chain != NULL) {
        memcpy(tip->chain, chain, ORDO_JOURNAL_CHAIN_SIZE);
    }
}

void ordo_tip_start(struct ordo_tip *tip, const struct ordo_segment_header *header)
{
    ORDO_ASSERT(header->first_batch != 0);
    *tip = (struct ordo_tip){
        .epoch = header->epoch,
        .batch = header->first_batch - 1,
        .seq = header->prev_seq,
        .update_seq = header->first_update_seq,
        .time_us = header->prev_time_us,
    };
    memcpy(tip->node, header->node, sizeof(tip->node));
    memcpy(tip->chain, header->prev_chain, sizeof(tip->chain));
}

bool ordo_tip_enter(struct ordo_tip *tip, const struct ordo_segment_header *header)
{
    bool is_first = tip->salt == 0 && tip->block == 0;
    if (header->prev_seq != tip->seq || header->first_update_seq != tip->update_seq ||
        header->first_batch != tip->batch + 1 || header->epoch < tip->epoch ||
        (tip->keyed && (header->flags & ORDO_SEGMENT_KEYED) == 0) ||
        (!tip->unproven && memcmp(header->prev_chain, tip->chain, sizeof(tip->chain)) != 0) ||
        (!is_first && memcmp(header->node, tip->node, sizeof(tip->node)) != 0)) {
        return false;
    }
    memcpy(tip->node, header->node, sizeof(tip->node));
    tip->epoch = header->epoch;
    tip->salt = header->salt;
    tip->block = header->block;
    tip->keyed = (header->flags & ORDO_SEGMENT_KEYED) != 0;
    return true;
}
