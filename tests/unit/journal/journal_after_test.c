/* Recovery from a snapshot's sequence on: reads from the segment that holds the next record,
 * whatever became of the ones before, and keeps every verdict. Several segments of 64 KiB. */
#include "rig.h"

#define RECORDS 2000

static enum ordo_err recover_after(struct rig *rig, uint64_t after_seq)
{
    rig->fail = (struct ordo_fail){0};
    rig->visited = after_seq;
    cr_assert_eq(ordo_journal_open(&rig->config, &rig->journal, &rig->fail), ORDO_OK);
    enum ordo_err err =
        ordo_journal_recover(rig->journal, after_seq, rig_visit, rig, &rig->recovery, &rig->fail);
    ordo_journal_close(rig->journal);
    rig->journal = NULL;
    return err;
}

/* The header of a segment; false when it was not begun. */
static bool header_of(const struct rig *rig, uint64_t number, struct ordo_segment_header *header)
{
    char path[128];
    uint8_t block[ORDO_SEGMENT_HEADER_SIZE];
    rig_path(rig, number, path);
    if (access(path, F_OK) != 0) {
        return false;
    }
    rig_peek(path, 0, block, sizeof(block));
    return ordo_segment_header_decode(block, sizeof(block), header) == ORDO_OK;
}

static uint64_t count_segments(const struct rig *rig)
{
    struct ordo_segment_header header;
    uint64_t count = 0;
    while (header_of(rig, count + 1, &header)) {
        count++;
    }
    return count;
}

Test(after, visits_exactly_the_records_behind_a_sequence)
{
    struct rig rig;
    rig_make_journal(&rig, RECORDS);
    uint64_t segments = count_segments(&rig);
    cr_assert_geq(segments, 4);
    for (uint64_t after = 0; after <= RECORDS; after += after % 7 == 0 ? 1 : 53) {
        cr_assert_eq(recover_after(&rig, after), ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(rig.visited, RECORDS);
        cr_assert_eq(rig.recovery.records, RECORDS - after);
        cr_assert_eq(rig.recovery.seq_last, RECORDS);
    }
    cr_assert_eq(recover_after(&rig, RECORDS), ORDO_OK);
    cr_assert_eq(rig.recovery.segments, 1, "the last segment is enough for the last sequence");
    rig_fini(&rig);
}

Test(after, needs_no_segment_before_the_one_that_holds_the_next_record)
{
    struct rig rig;
    char path[128];
    rig_make_journal(&rig, RECORDS);
    uint64_t segments = count_segments(&rig);
    for (uint64_t gone = 1; gone < segments; gone++) {
        struct ordo_segment_header next;
        rig_path(&rig, gone, path);
        cr_assert_eq(unlink(path), 0);
        cr_assert(header_of(&rig, gone + 1, &next));
        cr_assert_eq(recover_after(&rig, next.prev_seq), ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(rig.visited, RECORDS);
        cr_assert_eq(recover_after(&rig, next.prev_seq - 1), ORDO_ERR_DAMAGED);
        cr_assert_not_null(strstr(rig.fail.text, "is missing"), "%s", rig.fail.text);
        cr_assert_eq(recover_after(&rig, 0), ORDO_ERR_DAMAGED);
        cr_assert_not_null(strstr(rig.fail.text, "journal-00000001.ordo"), "%s", rig.fail.text);
    }
    rig_fini(&rig);
}

Test(after, refuses_a_gap_behind_the_start_but_not_before_it)
{
    struct rig rig;
    char path[128];
    struct ordo_segment_header third;
    rig_make_journal(&rig, RECORDS);
    cr_assert(header_of(&rig, 3, &third));
    rig_path(&rig, 2, path);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(recover_after(&rig, third.prev_seq), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(recover_after(&rig, third.prev_seq - 1), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "journal-00000002.ordo"), "%s", rig.fail.text);
    rig_fini(&rig);
}

Test(after, calls_a_journal_damaged_that_ends_before_the_snapshot)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    rig_make_journal(&rig, 30);
    cr_assert_eq(recover_after(&rig, 31), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "ends at sequence 30"), "%s", rig.fail.text);

    /* A tail that would be torn without the snapshot's word. */
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &header));
    rig_poke(path, offset + 300, "\xff\xff\xff", 3);
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(recover_after(&rig, 30), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "a snapshot has it"), "%s", rig.fail.text);
    cr_assert_eq(rig_folder_hash(&rig), before, "the folder was changed");
    cr_assert_eq(recover_after(&rig, 20), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(rig.recovery.seq_last, header.first_seq - 1);
    cr_assert_gt(rig.recovery.torn_bytes, 0);
    rig_fini(&rig);
}

Test(after, finds_a_damaged_header_of_the_very_segment_to_start_at)
{
    struct rig rig;
    char path[128];
    struct ordo_segment_header third;
    rig_make_journal(&rig, RECORDS);
    cr_assert(header_of(&rig, 3, &third));
    rig_path(&rig, 3, path);
    rig_poke(path, 60, "\xff", 1);
    cr_assert_eq(recover_after(&rig, third.prev_seq), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "journal-00000003.ordo"), "%s", rig.fail.text);
    rig_fini(&rig);
}
