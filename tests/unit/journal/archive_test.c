/* The archive: which segments move, that every reader reads through it, that a kill between any two
 * steps loses nothing, that damage is neither packed away nor unpacked unseen. */
#include "journal/archive.h"

#include "journal/zip.h"
#include "rig.h"

#include <sys/file.h>

#define RECORDS 2000

static void vault_path(const struct rig *rig, uint64_t number, char path[160])
{
    (void)snprintf(path, 160, "%s/archive/journal-%08lu.ordo.zst", rig->dir, number);
}

static void header_of(const struct rig *rig, uint64_t number, struct ordo_segment_header *header)
{
    char path[128];
    uint8_t block[ORDO_SEGMENT_HEADER_SIZE];
    rig_path(rig, number, path);
    rig_peek(path, 0, block, sizeof(block));
    cr_assert_eq(ordo_segment_header_decode(block, sizeof(block), header), ORDO_OK);
}

static void archive(struct rig *rig, uint64_t upto_seq, uint64_t segments)
{
    struct ordo_archived out;
    enum ordo_err err = ordo_journal_archive(rig->dir, upto_seq, 0, &out, &rig->fail);
    cr_assert_eq(err, ORDO_OK, "%s", rig->fail.text);
    cr_assert_eq(out.segments, segments, "%lu segments moved, not %lu", out.segments, segments);
    cr_assert_eq(out.bytes_before, segments * RIG_SEGMENT);
}

/* The reader from a sequence on, and the recovery from the start, see every record. */
static void expect_whole(struct rig *rig, uint64_t from_seq)
{
    struct ordo_journal_reader *reader;
    struct ordo_record record;
    uint64_t seq = from_seq;
    enum ordo_err err = ordo_journal_reader_open(rig->dir, from_seq, &reader, &rig->fail);
    cr_assert_eq(err, ORDO_OK, "%s", rig->fail.text);
    while ((err = ordo_journal_reader_next(reader, &record, &rig->fail)) == ORDO_OK) {
        rig_check_record(&record, seq++);
    }
    cr_assert_eq(err, ORDO_ERR_EMPTY, "%s", rig->fail.text);
    cr_assert_eq(seq, RECORDS + 1);
    ordo_journal_reader_close(reader);
    cr_assert_eq(rig_try_open(rig), ORDO_OK, "%s", rig->fail.text);
    cr_assert_eq(rig->visited, RECORDS);
    ordo_journal_close(rig->journal);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

Test(archive, moves_what_ends_before_a_sequence_and_nothing_else)
{
    struct rig rig;
    char live[128];
    char packed[160];
    struct ordo_segment_header third;
    rig_make_journal(&rig, RECORDS);
    header_of(&rig, 3, &third);
    archive(&rig, 0, 0);
    archive(&rig, 1, 0);
    archive(&rig, third.prev_seq, 1); /* the second ends at it: its successor has nothing flushed */
    archive(&rig, third.prev_seq + 1, 1);
    for (uint64_t number = 1; number <= 3; number++) {
        rig_path(&rig, number, live);
        vault_path(&rig, number, packed);
        cr_assert_eq(exists(live), number == 3);
        cr_assert_eq(exists(packed), number != 3);
    }
    expect_whole(&rig, 1);
    rig_fini(&rig);
}

Test(archive, keeps_the_last_begun_segment_and_reads_through_at_every_sequence)
{
    struct rig rig;
    struct ordo_archived out;
    char path[128];
    rig_make_journal(&rig, RECORDS);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 1, &out, &rig.fail), ORDO_OK);
    cr_assert_eq(out.segments, 1);
    cr_assert(out.is_more);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_OK);
    cr_assert_geq(out.segments, 2);
    cr_assert_lt(out.bytes_after, out.bytes_before);
    cr_assert_not(out.is_more);
    rig_path(&rig, out.last_number + 1, path);
    cr_assert(exists(path), "the segment in use was archived");
    for (uint64_t from = 1; from <= RECORDS; from += 211) {
        expect_whole(&rig, from);
    }
    rig_open(&rig); /* and writes on */
    rig_write(&rig, 600, 20);
    rig_close(&rig);
    cr_assert_eq(rig_try_open(&rig), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(rig.visited, RECORDS + 600);
    ordo_journal_close(rig.journal);
    rig_fini(&rig);
}

/* What a kill behind each step leaves; the next call comes to the same end. */
Test(archive, loses_nothing_when_killed_between_any_two_steps)
{
    struct rig rig;
    char live[128];
    char packed[160];
    char path[160];
    static uint8_t original[RIG_SEGMENT];
    struct ordo_segment_header third;
    uint64_t written;
    rig_make_journal(&rig, RECORDS);
    header_of(&rig, 3, &third);
    rig_path(&rig, 1, live);
    vault_path(&rig, 1, packed);
    rig_peek(live, 0, original, sizeof(original));

    (void)snprintf(path, sizeof(path), "%s/archive", rig.dir); /* the folder was made */
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_whole(&rig, 1);
    (void)snprintf(path, sizeof(path), "%s/archive/archive.tmp", rig.dir); /* a part was written */
    rig_poke(path, 0, "half of a frame", 15);
    expect_whole(&rig, 1);
    archive(&rig, third.prev_seq, 1);
    cr_assert_not(exists(live));

    rig_poke(live, 0, original, sizeof(original)); /* renamed, not yet unlinked */
    expect_whole(&rig, 1);
    archive(&rig, third.prev_seq, 1);
    cr_assert_not(exists(live));
    expect_whole(&rig, 1);

    rig_poke(live, 0, original, sizeof(original)); /* a copy that is not the original */
    int fd = open(packed, O_RDWR | O_TRUNC | O_CLOEXEC);
    original[RIG_SEGMENT - 1] ^= 1;
    cr_assert_eq(ordo_zip_write(fd, original, sizeof(original), &written), 0);
    (void)close(fd);
    expect_whole(&rig, 1);
    archive(&rig, third.prev_seq, 1);
    cr_assert_not(exists(live));
    expect_whole(&rig, 1);
    rig_fini(&rig);
}

Test(archive, does_not_pack_away_what_does_not_hold)
{
    struct rig rig;
    char live[128];
    uint8_t byte;
    rig_make_journal(&rig, RECORDS);
    rig_path(&rig, 1, live);
    for (uint64_t at = 40; at < RIG_SEGMENT; at += 4999) {
        struct ordo_archived out;
        rig_peek(live, at, &byte, 1);
        byte ^= 4;
        rig_poke(live, at, &byte, 1);
        cr_assert_eq(
            ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_ERR_DAMAGED);
        cr_assert_eq(out.segments, 0, "the damage at %lu was packed away", at);
        cr_assert_not_null(strstr(rig.fail.text, "journal-00000001.ordo"), "%s", rig.fail.text);
        cr_assert(exists(live));
        byte ^= 4;
        rig_poke(live, at, &byte, 1);
    }
    expect_whole(&rig, 1);
    rig_fini(&rig);
}

Test(archive, names_the_file_when_any_byte_of_a_packed_segment_changes)
{
    struct rig rig;
    char packed[160];
    struct stat about;
    struct ordo_segment_header third;
    rig_make_journal(&rig, RECORDS);
    header_of(&rig, 3, &third);
    archive(&rig, third.prev_seq + 1, 2);
    vault_path(&rig, 2, packed);
    cr_assert_eq(stat(packed, &about), 0);
    for (off_t at = 0; at < about.st_size; at += at < 20 || at > about.st_size - 20 ? 1 : 997) {
        uint8_t byte;
        rig_peek(packed, (uint64_t)at, &byte, 1);
        byte ^= 0x10;
        rig_poke(packed, (uint64_t)at, &byte, 1);
        enum ordo_err err = rig_try_open(&rig);
        cr_assert_eq(err, ORDO_ERR_DAMAGED, "byte %ld: %s", at, ordo_err_name(err));
        cr_assert_not_null(strstr(rig.fail.text, "journal-00000002"), "%s", rig.fail.text);
        byte ^= 0x10;
        rig_poke(packed, (uint64_t)at, &byte, 1);
    }
    cr_assert_eq(truncate(packed, about.st_size - 1), 0);
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_DAMAGED);
    rig_fini(&rig);
}

Test(archive, proves_that_its_successor_was_begun)
{
    struct rig rig;
    char path[128];
    static const uint8_t zeros[RIG_SEGMENT];
    struct ordo_archived out;
    rig_make_journal(&rig, RECORDS);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_OK);
    rig_path(&rig, out.last_number + 1, path);
    rig_poke(path, 0, zeros, sizeof(zeros));
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "archived"), "%s", rig.fail.text);
    rig_poke(path, 0, "no header", 9);
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_DAMAGED);
    rig_fini(&rig);
}

/* It proves its successor's header and first batch, and nothing about that one's end. */
Test(archive, leaves_a_torn_tail_in_its_successor_a_torn_tail)
{
    struct rig rig;
    struct ordo_archived out;
    struct ordo_batch_header header;
    uint64_t offset = 0;
    uint32_t last = 0;
    char path[128];
    rig_make_journal(&rig, RECORDS);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_OK);
    rig_path(&rig, out.last_number + 1, path);
    while (rig_batch(path, last + 1, &offset, &header)) {
        last++;
    }
    cr_assert(rig_batch(path, last, &offset, &header));
    rig_poke(path, offset + 160, "torn", 4);
    rig_expect_torn(&rig, header.first_seq - 1, "the last batch");
    rig_fini(&rig);
}

Test(archive, is_left_to_who_has_it)
{
    struct rig rig;
    char path[160];
    struct ordo_archived out;
    rig_make_journal(&rig, RECORDS);
    archive(&rig, 0, 0);
    (void)snprintf(path, sizeof(path), "%s/archive", rig.dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(fd, LOCK_SH), 0);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_ERR_IN_USE);
    cr_assert_eq(out.segments, 0);
    (void)close(fd);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &out, &rig.fail), ORDO_OK);
    rig_fini(&rig);
}
