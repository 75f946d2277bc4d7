/* A batch of the journal with its header and records, as recovery meets it. A checksum cannot be
 * guessed, so the target puts right ones where the bytes have none, and keeps a tenth as it came:
 * what is read behind the checksums is reached as well as what is refused by them. */
#include "base/crc32c.h"
#include "fuzz.h"
#include "journal/format.h"

static uint8_t batch[65536];

static void mend(uint8_t *bytes, size_t size, struct ordo_batch_header *header)
{
    memcpy(header, bytes, sizeof(*header));
    header->magic = ORDO_BATCH_MAGIC;
    header->format = ORDO_JOURNAL_FORMAT;
    header->size = (uint32_t)size;
    if (header->body_size > size - ORDO_BATCH_HEADER_SIZE) {
        header->body_size %= (uint32_t)(size - ORDO_BATCH_HEADER_SIZE);
    }
    header->record_count %= 64;
    ordo_batch_header_encode(header, bytes);
}

/* The tip that this batch continues, so that its records are looked at. */
static struct ordo_tip tip_before(const struct ordo_batch_header *header)
{
    struct ordo_tip tip = {
        .epoch = header->epoch,
        .salt = header->salt,
        .block = ORDO_JOURNAL_BLOCK_MIN,
        .batch = header->number - 1,
        .seq = header->first_seq - 1,
        .update_seq = header->first_update_seq,
        .time_us = header->base_time_us,
    };
    memcpy(tip.node, header->node, sizeof(tip.node));
    memcpy(tip.chain, header->prev_chain, sizeof(tip.chain));
    return tip;
}

static void read_records(const struct ordo_batch_header *header, struct ordo_reader in)
{
    uint32_t crc = ordo_record_seed(header->salt, header->number, header->first_seq);
    struct ordo_record_bytes record;
    const uint8_t *before = in.at;
    while (in.at < in.end && ordo_record_read(&in, header->base_time_us, &crc, &record)) {
        FUZZ_CHECK(in.at > before);
        FUZZ_CHECK(record.command.size <= sizeof(batch) && record.outcome.size <= sizeof(batch));
        before = in.at;
    }
}

/* A batch that a writer made of these bytes: it is good, and bent anywhere it is not. */
static void write_and_bend(const uint8_t *data, size_t size)
{
    struct ordo_batch_header header = {
        .magic = ORDO_BATCH_MAGIC,
        .format = ORDO_JOURNAL_FORMAT,
        .salt = 5,
        .number = 9,
        .first_seq = 100,
        .first_update_seq = 40,
        .base_time_us = 1000,
        .pending = 1,
    };
    struct ordo_batch_check check;
    struct ordo_writer out = ordo_writer_over(batch, sizeof(batch) - ORDO_JOURNAL_BLOCK_MIN);
    uint32_t crc = ordo_record_seed(header.salt, header.number, header.first_seq);
    uint64_t updates = header.first_update_seq;
    const uint8_t *end = data + size;
    memset(batch, 0, sizeof(batch));
    out.at += ORDO_BATCH_HEADER_SIZE;
    while (end - data >= 4 && header.record_count < 60) {
        uint32_t first = data[0];
        uint32_t second = data[1];
        struct ordo_record_bytes record = {.time_us = 1000 + data[2], .update_count = data[3] % 17};
        data += 4;
        if (first + second > (size_t)(end - data)) {
            break;
        }
        record.command = (struct ordo_bytes){data, first};
        record.outcome = (struct ordo_bytes){data + first, second};
        data += first + second;
        uint8_t *after = ordo_record_put(out.at, &record, header.base_time_us);
        ordo_record_seal(out.at, after, &crc);
        out.at = after;
        header.record_count++;
        updates += record.update_count;
    }
    header.body_size = (uint32_t)(ordo_writer_size(&out) - ORDO_BATCH_HEADER_SIZE);
    header.size = (uint32_t)(ordo_writer_size(&out) + ORDO_JOURNAL_BLOCK_MIN - 1) &
                  ~(ORDO_JOURNAL_BLOCK_MIN - 1);
    ordo_batch_header_encode(&header, batch);
    struct ordo_tip tip = tip_before(&header);
    FUZZ_CHECK(ordo_batch_check(batch, header.size, &tip, &check) == ORDO_BATCH_GOOD);
    FUZZ_CHECK(check.update_seq == updates);
    read_records(&header, ordo_reader_over(batch + ORDO_BATCH_HEADER_SIZE, header.body_size));
    while (end - data >= 3) {
        uint32_t at = (uint32_t)(data[0] << 8 | data[1]) % (uint32_t)ordo_writer_size(&out);
        uint8_t before = batch[at];
        batch[at] ^= data[2];
        data += 3;
        enum ordo_batch_state state = ordo_batch_check(batch, header.size, &tip, &check);
        FUZZ_CHECK(state != ORDO_BATCH_GOOD || batch[at] == before);
        batch[at] = before;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_batch_header header;
    struct ordo_segment_header segment;
    struct ordo_batch_check check;
    if (size >= 1 && size < sizeof(batch) / 4 && data[0] >= 128) {
        write_and_bend(data + 1, size - 1);
        return 0;
    }
    if (size < 1 + ORDO_BATCH_HEADER_SIZE || size > sizeof(batch) - ORDO_JOURNAL_BLOCK_MIN) {
        return 0;
    }
    size_t whole = (size - 1 + ORDO_JOURNAL_BLOCK_MIN - 1) & ~(size_t)(ORDO_JOURNAL_BLOCK_MIN - 1);
    memset(batch, 0, whole);
    memcpy(batch, data + 1, size - 1);
    if (data[0] % 10 != 0) {
        mend(batch, whole, &header);
    }
    if (ordo_batch_header_decode(batch, whole, ORDO_JOURNAL_BLOCK_MIN, &header)) {
        struct ordo_tip tip = tip_before(&header);
        enum ordo_batch_state state = ordo_batch_check(batch, whole, &tip, &check);
        FUZZ_CHECK(state != ORDO_BATCH_BAD || check.reason != NULL);
        if (header.body_size <= whole - ORDO_BATCH_HEADER_SIZE) {
            read_records(
                &header, ordo_reader_over(batch + ORDO_BATCH_HEADER_SIZE, header.body_size));
        }
    }
    if (ordo_segment_header_decode(data + 1, size - 1, &segment) == ORDO_OK) {
        struct ordo_tip tip = {0};
        ordo_tip_start(&tip, &segment);
    }
    return 0;
}
