/* The reader beside a writer: it sees every record once and in order, from any sequence on, says
 * "nothing yet" at the end, and goes on when more is there. */
#include "rig.h"

static uint64_t read_on(struct ordo_journal_reader *reader, uint64_t next)
{
    struct ordo_record record;
    struct ordo_fail fail;
    enum ordo_err err;
    while ((err = ordo_journal_reader_next(reader, &record, &fail)) == ORDO_OK) {
        rig_check_record(&record, next++);
    }
    cr_assert_eq(err, ORDO_ERR_EMPTY, "%s", fail.text);
    return next;
}

Test(reader, follows_a_live_folder_over_segments)
{
    struct rig rig;
    struct ordo_journal_reader *reader;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
    uint64_t next = read_on(reader, 1);
    cr_assert_eq(next, 1);
    for (int i = 0; i < 120; i++) {
        rig_write(&rig, (uint64_t)(1 + i % 23), 7);
        next = read_on(reader, next);
        cr_assert_eq(next, rig.seq + 1);
    }
    struct ordo_journal_stats stats;
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_gt(stats.segments, 2, "the test must rotate");
    ordo_journal_reader_close(reader);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(reader, begins_at_any_sequence)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 2000, 40);
    rig_close(&rig);
    for (uint64_t from = 0; from <= 2001; from += 29) {
        struct ordo_journal_reader *reader;
        cr_assert_eq(ordo_journal_reader_open(rig.dir, from, &reader, &rig.fail), ORDO_OK);
        cr_assert_eq(read_on(reader, from == 0 ? 1 : from), 2001);
        ordo_journal_reader_close(reader);
    }
    rig_fini(&rig);
}

/* Small batches, as a quiet node writes them. */
Test(reader, hands_out_many_at_a_time_from_small_batches_in_order)
{
    struct rig rig;
    struct ordo_journal_reader *reader;
    const struct ordo_record *records;
    struct ordo_record single;
    uint32_t count;
    enum ordo_err err;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 1500, 3);
    rig_close(&rig);
    for (uint64_t from = 1; from <= 1500; from += 149) {
        uint64_t next = from;
        uint32_t most = 0;
        cr_assert_eq(ordo_journal_reader_open(rig.dir, from, &reader, &rig.fail), ORDO_OK);
        while ((err = ordo_journal_reader_next_many(reader, &records, &count, &rig.fail)) ==
               ORDO_OK) {
            cr_assert(count >= 1 && count <= ORDO_RECORDS_MAX);
            for (uint32_t i = 0; i < count; i++) {
                rig_check_record(&records[i], next++); /* all of them still hold */
            }
            most = count > most ? count : most;
            if (next % 2 == 0 && /* both calls may take turns */
                ordo_journal_reader_next(reader, &single, &rig.fail) == ORDO_OK) {
                rig_check_record(&single, next++);
            }
        }
        cr_assert_eq(err, ORDO_ERR_EMPTY, "%s", rig.fail.text);
        cr_assert_eq(next, 1501);
        cr_assert_gt(most, 3, "batches are gathered");
        ordo_journal_reader_close(reader);
    }
    rig_fini(&rig);
}

Test(reader, hands_out_all_before_damage_and_then_names_it)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    struct ordo_journal_reader *reader;
    const struct ordo_record *records;
    uint32_t count;
    enum ordo_err err;
    uint64_t read = 0;
    uint8_t was;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 600, 3);
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 5, &offset, &header));
    rig_peek(path, offset + 200, &was, 1);
    was ^= 4;
    rig_poke(path, offset + 200, &was, 1);
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
    while ((err = ordo_journal_reader_next_many(reader, &records, &count, &rig.fail)) == ORDO_OK) {
        read += count;
    }
    cr_assert_eq(err, ORDO_ERR_DAMAGED);
    cr_assert_eq(read, header.first_seq - 1);
    cr_assert_not_null(strstr(rig.fail.text, path), "%s", rig.fail.text);
    ordo_journal_reader_close(reader);
    rig_fini(&rig);
}

Test(reader, says_when_there_is_no_journal)
{
    struct rig rig;
    struct ordo_journal_reader *reader;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_ERR_NOT_FOUND);
    cr_assert_eq(
        ordo_journal_reader_open("/nonexistent/x", 0, &reader, &rig.fail), ORDO_ERR_NOT_FOUND);
    rig_fini(&rig);
}

Test(reader, takes_a_torn_tail_for_the_end_and_waits_there)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header last;
    struct ordo_journal_reader *reader;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 30, 10);
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &last));
    uint8_t bytes[RIG_BATCH];
    rig_peek(path, offset, bytes, last.size);
    uint8_t zeros[RIG_BATCH] = {0};
    for (uint32_t keep = 0; keep <= last.size; keep += 64) {
        rig_poke(path, offset, bytes, keep);
        rig_poke(path, offset + keep, zeros, last.size - keep);
        cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
        bool whole = keep >= ORDO_BATCH_HEADER_SIZE + last.body_size;
        cr_assert_eq(read_on(reader, 1), whole ? 31 : 21);
        rig_poke(path, offset, bytes, last.size); /* the writer completes it */
        cr_assert_eq(read_on(reader, whole ? 31 : 21), 31);
        ordo_journal_reader_close(reader);
    }
    rig_fini(&rig);
}

Test(reader, names_damage_in_the_middle)
{
    struct rig rig;
    char path[128];
    struct ordo_journal_reader *reader;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 2000, 20);
    rig_close(&rig);
    for (uint64_t number = 1; number <= 3; number++) {
        uint64_t offset;
        struct ordo_batch_header header;
        struct ordo_record record;
        uint8_t was;
        rig_path(&rig, number, path);
        cr_assert(rig_batch(path, 1, &offset, &header));
        rig_peek(path, offset + 200, &was, 1);
        uint8_t flipped = was ^ 4;
        rig_poke(path, offset + 200, &flipped, 1);
        cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
        enum ordo_err err;
        uint64_t read = 0;
        while ((err = ordo_journal_reader_next(reader, &record, &rig.fail)) == ORDO_OK) {
            read++;
        }
        cr_assert_eq(err, ORDO_ERR_DAMAGED);
        cr_assert_eq(read, header.first_seq - 1, "all before it is readable");
        cr_assert_not_null(strstr(rig.fail.text, path), "%s", rig.fail.text);
        ordo_journal_reader_close(reader);
        rig_poke(path, offset + 200, &was, 1);
    }
    rig_path(&rig, 2, path);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 0, &reader, &rig.fail), ORDO_OK);
    struct ordo_record record;
    enum ordo_err err;
    while ((err = ordo_journal_reader_next(reader, &record, &rig.fail)) == ORDO_OK) {
    }
    cr_assert_eq(err, ORDO_ERR_DAMAGED, "a missing segment is no end");
    ordo_journal_reader_close(reader);
    rig_fini(&rig);
}
