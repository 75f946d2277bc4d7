/* The bytes on disk: a change of the format, wanted or not, fails here first. golden/journal-v1.bin
 * is the used part of a first segment with fixed salts; it must be read for ever, and as long as
 * format 1 is written, written the same way. ORDO_GOLDEN_WRITE=1 makes it anew. */
#include "rig.h"

#define GOLDEN_RECORDS 30
#define GOLDEN_MAX     (16u << 10)

Test(format, has_the_published_segment_header)
{
    struct ordo_segment_header h = {
        .magic = "ORDOSEG1",
        .format = 1,
        .header_size = 152,
        .node = {1, 2, 3},
        .epoch = 0x0102030405060708,
        .number = 9,
        .salt = 0x1112131415161718,
        .first_seq = 43,
        .first_update_seq = 99,
        .prev_seq = 42,
        .prev_chain = {0xcc},
        .size = 1 << 20,
        .prev_time_us = 77,
        .first_batch = 5,
        .block = 512,
        .rules = 3,
    };
    static const uint8_t golden[ORDO_SEGMENT_HEADER_SIZE] = {
        'O',  'R',  'D',  'O',  'S',  'E', 'G', '1', 1, 0, 0, 0, 152,  0,  0,    0,    1,
        2,    3,    0,    0,    0,    0,   0,   0,   0, 0, 0, 0, 0,    0,  0,    8,    7,
        6,    5,    4,    3,    2,    1,   9,   0,   0, 0, 0, 0, 0,    0,  0x18, 0x17, 0x16,
        0x15, 0x14, 0x13, 0x12, 0x11, 43,  0,   0,   0, 0, 0, 0, 0,    99, 0,    0,    0,
        0,    0,    0,    0,    42,   0,   0,   0,   0, 0, 0, 0, 0xcc, 0,  0,    0,    0,
        0,    0,    0,    0,    0,    0,   0,   0,   0, 0, 0, 0, 0,    0,  0,    0,    0,
        0,    0,    0,    0,    0,    0,   0,   0,   0, 0, 0, 0, 0x10, 0,  0,    0,    0,
        0,    77,   0,    0,    0,    0,   0,   0,   0, 5, 0, 0, 0,    0,  0,    0,    0,
        0,    2,    0,    0,    3,    0,   0,   0,   0, 0, 0, 0, 0,    0,  0,    0};
    uint8_t bytes[ORDO_SEGMENT_HEADER_SIZE] = {0};
    struct ordo_segment_header back;
    ordo_segment_header_encode(&h, bytes);
    cr_assert_eq(memcmp(bytes, golden, sizeof(golden) - 4), 0);
    cr_assert_eq(ordo_segment_header_decode(bytes, sizeof(bytes), &back), ORDO_OK);
    h.crc = ordo_get_le32(bytes + 148);
    cr_assert_eq(memcmp(&back, &h, sizeof(h)), 0, "no field may be lost");
}

Test(format, has_the_published_batch_header)
{
    struct ordo_batch_header h = {
        .magic = ORDO_BATCH_MAGIC,
        .format = 1,
        .size = 1024,
        .body_size = 600,
        .record_count = 7,
        .rules = 3,
        .node = {1, 2, 3},
        .epoch = 4,
        .salt = 0x1112131415161718,
        .number = 5,
        .first_seq = 43,
        .first_update_seq = 99,
        .durable_seq = 41,
        .base_time_us = 77,
        .stream_hash = {0xaa},
        .prev_chain = {0xcc},
        .pending = 1,
    };
    static const uint8_t golden[ORDO_BATCH_HEADER_SIZE] = {
        'O', 'B',  'A', 'T', 1,  0, 0, 0,  0, 4, 0,    0,    0x58, 2,    0,    0,    7,    0,    0,
        0,   3,    0,   0,   0,  1, 2, 3,  0, 0, 0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,   0,    4,   0,   0,  0, 0, 0,  0, 0, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 5,
        0,   0,    0,   0,   0,  0, 0, 43, 0, 0, 0,    0,    0,    0,    0,    99,   0,    0,    0,
        0,   0,    0,   0,   41, 0, 0, 0,  0, 0, 0,    0,    77,   0,    0,    0,    0,    0,    0,
        0,   0xaa, 0,   0,   0,  0, 0, 0,  0, 0, 0,    0,    0,    0,    0,    0,    0,    0xcc, 0,
        0,   0,    0,   0,   0,  0, 0, 0,  0, 0, 0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,   0,    0,   0,   0,  0, 0, 0,  0, 0, 0,    1,    0,    0,    0,    0,    0,    0,    0};
    uint8_t bytes[ORDO_BATCH_HEADER_SIZE] = {0};
    struct ordo_batch_header back;
    ordo_batch_header_encode(&h, bytes);
    cr_assert_eq(memcmp(bytes, golden, sizeof(golden) - 4), 0);
    cr_assert(ordo_batch_header_decode(bytes, sizeof(bytes), 512, &back));
    h.crc = ordo_get_le32(bytes + 148);
    cr_assert_eq(memcmp(&back, &h, sizeof(h)), 0, "no field may be lost");
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(ordo_batch_header_decode(bytes, sizeof(bytes), 512, &back));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

Test(format, has_the_published_record)
{
    struct ordo_record_bytes record = {
        .time_us = 1300,
        .update_count = 2,
        .command = {(const uint8_t *)"cmd", 3},
        .outcome = {(const uint8_t *)"outcome", 7},
    };
    static const uint8_t golden[] = {
        2, 0xd8, 4, 3, 7, 'c', 'm', 'd', 'o', 'u', 't', 'c', 'o', 'm', 'e'};
    uint8_t bytes[64];
    uint32_t crc = ordo_record_seed(1, 2, 3);
    cr_assert_eq(crc, 0x0404c404u, "seed %08x", crc);
    size_t size = (size_t)(ordo_record_put(bytes, &record, 1000) - bytes);
    ordo_record_seal(bytes, bytes + size, &crc);
    cr_assert_eq(size, 4 + sizeof(golden));
    cr_assert_eq(memcmp(bytes + 4, golden, sizeof(golden)), 0);
    cr_assert_eq(ordo_get_le32(bytes), crc);

    struct ordo_record_bytes back;
    struct ordo_reader r = ordo_reader_over(bytes, size);
    crc = ordo_record_seed(1, 2, 3);
    cr_assert(ordo_record_read(&r, 1000, &crc, &back));
    cr_assert_eq(back.time_us, 1300);
    cr_assert_eq(back.update_count, 2);
    cr_assert(ordo_bytes_equal(back.command, record.command));
    cr_assert(ordo_bytes_equal(back.outcome, record.outcome));
}

Test(format, refuses_a_record_with_any_bit_flipped_or_in_another_place)
{
    uint8_t bytes[64];
    struct ordo_record_bytes record = {1300, 2, {(const uint8_t *)"command", 7}, {NULL, 0}};
    uint32_t crc = ordo_record_seed(1, 2, 3);
    size_t size = (size_t)(ordo_record_put(bytes, &record, 1000) - bytes);
    ordo_record_seal(bytes, bytes + size, &crc);
    struct ordo_record_bytes back;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct ordo_reader r = ordo_reader_over(bytes, size);
        crc = ordo_record_seed(1, 2, 3);
        cr_assert_not(
            ordo_record_read(&r, 1000, &crc, &back) && ordo_reader_done(&r), "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    static const uint64_t seeds[][3] = {{9, 2, 3}, {1, 9, 3}, {1, 2, 9}};
    for (size_t i = 0; i < 3; i++) {
        struct ordo_reader r = ordo_reader_over(bytes, size);
        crc = ordo_record_seed(seeds[i][0], seeds[i][1], seeds[i][2]);
        cr_assert_not(ordo_record_read(&r, 1000, &crc, &back));
    }
}

/* ---- the golden journal ---- */

/* Writes the journal that the golden file is a copy of; the size of its used part. */
static size_t write_golden(struct rig *rig, uint8_t *bytes, uint32_t *block)
{
    char path[128];
    rig_init(rig, ORDO_BACKEND_AUTO);
    rig->hooks.random = rig_random;
    rig->hooks.clock = (struct ordo_clock){.monotonic_ns = rig_monotonic, .context = rig};
    rig->config.in_flight_max = 1;
    rig_open(rig);
    for (uint64_t i = 0; i < GOLDEN_RECORDS; i += 10) {
        for (int k = 0; k < 10; k++) {
            cr_assert_neq(rig_push(rig, true), 0);
        }
        rig_drain(rig);
    }
    rig->now_ns = ordo_journal_deadline_ns(rig->journal);
    (void)ordo_journal_do_work(rig->journal);
    rig_drain(rig);
    rig_close(rig);
    uint64_t offset = 0;
    struct ordo_batch_header header;
    rig_path(rig, 1, path);
    cr_assert(rig_batch(path, 3, &offset, &header));
    size_t size = (size_t)offset + header.size;
    cr_assert_leq(size, GOLDEN_MAX);
    rig_peek(path, 0, bytes, size);
    struct ordo_segment_header segment;
    cr_assert_eq(ordo_segment_header_decode(bytes, size, &segment), ORDO_OK);
    *block = segment.block;
    return size;
}

Test(format, still_writes_the_golden_journal)
{
    struct rig rig;
    static uint8_t bytes[GOLDEN_MAX];
    static uint8_t golden[GOLDEN_MAX];
    uint32_t block;
    size_t size = write_golden(&rig, bytes, &block);
    if (getenv("ORDO_GOLDEN_WRITE") != NULL) {
        (void)unlink(GOLDEN_FILE);
        rig_poke(GOLDEN_FILE, 0, bytes, size);
    }
    if (block == 512) { /* a disk with larger blocks pads differently */
        struct stat about;
        cr_assert_eq(stat(GOLDEN_FILE, &about), 0);
        cr_assert_eq((size_t)about.st_size, size);
        rig_peek(GOLDEN_FILE, 0, golden, size);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(bytes[i], golden[i], "byte %zu differs", i);
        }
    }
    rig_fini(&rig);
}

Test(format, still_reads_the_golden_journal)
{
    struct rig rig;
    struct stat about;
    char path[128];
    static uint8_t golden[GOLDEN_MAX];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_path(&rig, 1, path);
    cr_assert_eq(stat(GOLDEN_FILE, &about), 0);
    rig_peek(GOLDEN_FILE, 0, golden, (size_t)about.st_size);
    rig_poke(path, 0, golden, (size_t)about.st_size); /* its zeros were cut off */
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, GOLDEN_RECORDS);
    cr_assert_eq(rig.recovery.torn_bytes, 0);
    rig_write(&rig, 2000, 50);
    rig_close(&rig);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, GOLDEN_RECORDS + 2000);
    rig_close(&rig);
    rig_fini(&rig);
}
