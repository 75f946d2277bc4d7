/* Damage: what had been flushed and does not hold is named, and not a byte of the folder changes.
 * The rule that tells it from a torn tail is tested from both sides. */
#include "rig.h"

#include "journal/internal.h"

/* ---- torn or damaged: the rule ---- */

/* Three batches, the last two in flight together as their headers say: neither knows of the other.
 */
static void make_overlapping(struct rig *rig, char path[128])
{
    rig_init(rig, ORDO_BACKEND_PWRITE);
    rig->config.in_flight_max = 2;
    rig_open(rig);
    rig_write(rig, 10, 10);
    for (int batch = 0; batch < 2; batch++) {
        for (int i = 0; i < 10; i++) {
            cr_assert_neq(rig_push(rig, true), 0);
        }
        struct ordo_journal_stats before;
        (void)ordo_journal_do_work(rig->journal);
        ordo_journal_stats(rig->journal, &before);
    }
    rig_drain(rig);
    rig_close(rig);
    rig_path(rig, 1, path);
}

Test(recover, takes_a_batch_for_torn_when_nothing_later_names_it)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    bool overlapped = false;
    for (int try = 0; try < 50 && !overlapped; try++) {
        make_overlapping(&rig, path);
        overlapped = rig_batch(path, 2, &offset, &header) && header.pending == 1;
        if (!overlapped) {
            rig_fini(&rig);
        }
    }
    cr_assert(overlapped, "no two writes were in flight together in 50 tries");
    cr_assert_eq(header.durable_seq, 10);
    cr_assert(rig_batch(path, 1, &offset, &header));
    uint8_t zeros[4096] = {0};
    rig_poke(path, offset, zeros, header.size); /* the second write arrived, the first did not */
    rig_expect_torn(&rig, 10, "the first of two overlapping writes is missing");
    rig_fini(&rig);
}

Test(recover, calls_it_damage_when_a_later_batch_names_it)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    uint8_t zeros[4096] = {0};
    rig_make_journal(&rig, 30);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &header));
    rig_poke(path, offset, zeros, header.size);
    rig_expect_damaged(&rig, path, "a zeroed batch before a flushed one");
    cr_assert_not_null(strstr(rig.fail.text, "sequence 11"), "%s", rig.fail.text);
    char place[48];
    (void)snprintf(place, sizeof(place), "offset %lu", offset);
    cr_assert_not_null(strstr(rig.fail.text, place), "%s", rig.fail.text);
    rig_fini(&rig);
}

Test(recover, knows_by_the_idle_mark_that_the_last_batch_was_flushed)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    rig_make_journal(&rig, 20);
    rig_open(&rig);
    rig_write(&rig, 10, 10);
    rig.now_ns = ordo_journal_deadline_ns(rig.journal);
    (void)ordo_journal_do_work(rig.journal);
    rig_drain(&rig);
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &header));
    rig_poke(path, offset + 300, "\xff\xff\xff", 3);
    rig_expect_damaged(&rig, path, "the last batch, named by the mark");
    rig_fini(&rig);
}

Test(recover, calls_a_damaged_mark_damage_when_a_batch_follows_it)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    rig_make_journal(&rig, 10);
    rig_open(&rig);
    rig.now_ns = ordo_journal_deadline_ns(rig.journal);
    (void)ordo_journal_do_work(rig.journal);
    rig_drain(&rig);
    rig_write(&rig, 10, 10); /* durable_seq of this one is 10, as before the mark */
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &header));
    cr_assert_eq(header.record_count, 0);
    rig_poke(path, offset + 60, "\xff\xff", 2);
    rig_expect_damaged(&rig, path, "a mark before a flushed batch");
    rig_fini(&rig);
}

/* ---- damaged ---- */

Test(recover, refuses_a_flip_of_any_byte_of_an_early_batch_and_of_the_header)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    rig_make_journal(&rig, 60);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &header));
    uint64_t end = offset + header.size;
    for (uint64_t at = 0; at < end; at++) {
        uint8_t was;
        char what[64];
        (void)snprintf(what, sizeof(what), "bit %lu of byte %lu", at % 8, at);
        rig_peek(path, at, &was, 1);
        uint8_t flipped = (uint8_t)(was ^ 1u << at % 8);
        rig_poke(path, at, &flipped, 1);
        if (at % 37 == 0) {
            rig_expect_damaged(&rig, path, what);
        } else {
            enum ordo_err err = rig_try_open(&rig);
            cr_assert_eq(err, ORDO_ERR_DAMAGED, "%s gave %s", what, ordo_err_name(err));
        }
        rig_poke(path, at, &was, 1);
    }
    cr_assert_eq(rig_try_open(&rig), ORDO_OK, "%s", rig.fail.text);
    ordo_journal_close(rig.journal);
    rig_fini(&rig);
}

Test(recover, refuses_damage_in_every_closed_segment)
{
    struct rig rig;
    char path[128];
    rig_make_journal(&rig, 2500);
    for (uint64_t number = 1; number <= 3; number++) {
        rig_path(&rig, number, path);
        static const uint64_t places[] = {3, 100, 400, 700, 20000, RIG_SEGMENT - 1};
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            uint8_t was;
            rig_peek(path, places[i], &was, 1);
            uint8_t flipped = was ^ 0x10;
            rig_poke(path, places[i], &flipped, 1);
            rig_expect_damaged(&rig, path, "a flip in a closed segment");
            rig_poke(path, places[i], &was, 1);
        }
    }
    rig_fini(&rig);
}

Test(recover, names_a_missing_segment)
{
    for (uint64_t number = 1; number <= 3; number++) {
        struct rig rig;
        char path[128];
        rig_make_journal(&rig, 2500);
        rig_path(&rig, number, path);
        cr_assert_eq(unlink(path), 0);
        rig_expect_damaged(&rig, path, "a missing segment");
        cr_assert_not_null(strstr(rig.fail.text, "missing"));
        rig_fini(&rig);
    }
}

Test(recover, refuses_segments_that_were_swapped_or_blanked)
{
    struct rig rig;
    char first[128];
    char second[128];
    static uint8_t a[RIG_SEGMENT];
    static uint8_t b[RIG_SEGMENT];
    static const uint8_t zeros[RIG_SEGMENT];
    rig_make_journal(&rig, 2500);
    rig_path(&rig, 1, first);
    rig_path(&rig, 2, second);
    rig_peek(first, 0, a, sizeof(a));
    rig_peek(second, 0, b, sizeof(b));
    rig_poke(first, 0, b, sizeof(b));
    rig_poke(second, 0, a, sizeof(a));
    rig_expect_damaged(&rig, first, "two segments swapped");
    rig_poke(first, 0, a, sizeof(a));
    rig_poke(second, 0, zeros, sizeof(zeros));
    rig_expect_damaged(&rig, second, "a segment blanked");
    rig_poke(second, 0, a, sizeof(a));
    rig_expect_damaged(&rig, second, "a segment twice");
    rig_fini(&rig);
}

Test(recover, refuses_a_segment_of_another_journal)
{
    struct rig rig;
    struct rig other;
    char path[128];
    static uint8_t bytes[RIG_SEGMENT];
    rig_make_journal(&rig, 2500);
    rig_make_journal(&other, 2500);
    rig_path(&other, 2, path);
    rig_peek(path, 0, bytes, sizeof(bytes));
    rig_path(&rig, 2, path);
    rig_poke(path, 0, bytes, sizeof(bytes));
    rig_expect_damaged(&rig, path, "the other journal's segment");
    rig_fini(&rig);
    rig_fini(&other);
}

Test(recover, refuses_a_newer_format_by_name)
{
    struct rig rig;
    char path[128];
    uint8_t bytes[ORDO_SEGMENT_HEADER_SIZE];
    struct ordo_segment_header header;
    rig_make_journal(&rig, 10);
    rig_path(&rig, 1, path);
    rig_peek(path, 0, bytes, sizeof(bytes));
    cr_assert_eq(ordo_segment_header_decode(bytes, sizeof(bytes), &header), ORDO_OK);
    header.format = 7;
    ordo_segment_header_encode(&header, bytes);
    rig_poke(path, 0, bytes, sizeof(bytes));
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_VERSION);
    cr_assert_not_null(strstr(rig.fail.text, "format 7"), "%s", rig.fail.text);
    cr_assert_eq(rig_folder_hash(&rig), before);
    struct ordo_journal_reader *reader;
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_ERR_VERSION);
    rig_fini(&rig);
}

Test(recover, finds_by_the_chain_a_batch_rewritten_with_good_checksums)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    struct ordo_journal_reader *reader;
    struct ordo_record record;
    uint8_t bytes[ORDO_BATCH_HEADER_SIZE];
    rig_make_journal(&rig, 60);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &header));
    header.rules = 9;
    ordo_batch_header_encode(&header, bytes);
    rig_poke(path, offset, bytes, sizeof(bytes));
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
    enum ordo_err err;
    while ((err = ordo_journal_reader_next(reader, &record, &rig.fail)) == ORDO_OK) {
    }
    cr_assert_eq(err, ORDO_ERR_DAMAGED);
    ordo_journal_reader_close(reader);
    rig_expect_damaged(&rig, path, "a batch rewritten with good checksums");
    rig_fini(&rig);
}

Test(recover, knows_that_the_first_header_was_flushed_before_any_batch)
{
    struct rig rig;
    char path[128];
    rig_make_journal(&rig, 10); /* one batch: nothing else could prove it */
    rig_path(&rig, 1, path);
    rig_poke(path, 60, "\xff", 1);
    rig_expect_damaged(&rig, path, "the first header before the only batch");
    rig_fini(&rig);
}

/* On a disk whose blocks are 4096 bytes an idle mark is 4096 bytes with its padding. When the
 * header of its segment is lost, so is the block's size, and the mark must be found all the same:
 * it was not, and what it proves was cut as a torn tail. */
Test(damage, proof_of_large_blocks_is_found_behind_a_lost_segment_header)
{
    static uint8_t data[16384];
    struct ordo_load load = {.data = data, .capacity = sizeof(data), .size = sizeof(data)};
    struct ordo_tip tip = {.batch = 18, .seq = 315, .block = 4096, .node = {7}};
    struct ordo_batch_header mark = {
        .magic = ORDO_BATCH_MAGIC,
        .format = ORDO_JOURNAL_FORMAT,
        .size = 4096,
        .node = {7},
        .number = 20,
        .first_seq = 336,
        .durable_seq = 335,
    };
    ordo_batch_header_encode(&mark, data + 8192);
    struct ordo_proof proof;
    ordo_find_proof(&load, 0, &tip, false, false, &proof);
    cr_assert_eq(proof.batch, 19);
    cr_assert_eq(proof.seq, 335);
    cr_assert_eq(proof.offset, 8192);
}
