/* Deleting archived segments: what goes, what is held back, the note that stays, and kills between
 * its steps. */
#include "journal/trim.h"

#include "journal/archive.h"
#include "journal/verify.h"
#include "rig.h"

#define RECORDS 2400

static void make(struct rig *rig, uint64_t *segments)
{
    struct ordo_archived out;
    rig_make_journal(rig, RECORDS);
    cr_assert_eq(ordo_journal_archive(rig->dir, UINT64_MAX, 0, &out, &rig->fail), ORDO_OK);
    *segments = out.segments;
    cr_assert_geq(out.segments, 4);
}

static enum ordo_err
trim(struct rig *rig, uint64_t upto, uint64_t needed, bool apply, struct ordo_trim_report *report)
{
    const struct ordo_trim trim = {
        .dir = rig->dir,
        .upto_seq = upto,
        .older_us = UINT64_MAX,
        .needed_seq = needed,
        .apply = apply};
    return ordo_journal_trim(&trim, report, &rig->fail);
}

static enum ordo_err verify(struct rig *rig, struct ordo_verify_report *report)
{
    const struct ordo_verify verify = {.dir = rig->dir};
    return ordo_journal_verify(&verify, report, &rig->fail);
}

static bool is_archived(const struct rig *rig, uint64_t number)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/archive/journal-%08lu.ordo.zst", rig->dir, number);
    return access(path, F_OK) == 0;
}

Test(trim, only_says_what_would_go_unless_told_to)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    make(&rig, &segments);
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(trim(&rig, UINT64_MAX, UINT64_MAX, false, &report), ORDO_OK);
    cr_assert_eq(report.segments, segments);
    cr_assert_gt(report.bytes, 0);
    cr_assert_eq(rig_folder_hash(&rig), before);
    cr_assert(is_archived(&rig, 1));
    rig_fini(&rig);
}

Test(trim, leaves_a_note_that_verify_proves_the_rest_against)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    struct ordo_verify_report whole;
    struct ordo_verify_report rest;
    struct ordo_trimmed note;
    char path[128];
    make(&rig, &segments);
    cr_assert_eq(verify(&rig, &whole), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(ordo_trimmed_read(rig.dir, &note, &rig.fail), ORDO_ERR_NOT_FOUND);
    cr_assert_eq(trim(&rig, 900, UINT64_MAX, true, &report), ORDO_OK, "%s", rig.fail.text);
    cr_assert_gt(report.segments, 0);
    cr_assert_lt(report.segments, segments);
    cr_assert_leq(report.note.last_seq, 900);
    cr_assert_not(is_archived(&rig, report.segments));
    cr_assert(is_archived(&rig, report.segments + 1));
    cr_assert_eq(ordo_trimmed_read(rig.dir, &note, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(memcmp(&note, &report.note, sizeof(note)), 0);
    cr_assert_eq(verify(&rig, &rest), ORDO_OK, "%s", rig.fail.text);
    cr_assert(rest.is_trimmed);
    cr_assert_eq(rest.first_seq, note.last_seq + 1);
    cr_assert_eq(memcmp(rest.root, whole.root, sizeof(rest.root)), 0);

    /* Twice; the note grows by a line and holds. */
    cr_assert_eq(trim(&rig, UINT64_MAX, UINT64_MAX, true, &report), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(verify(&rig, &rest), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(rest.trimmed.last_number, segments);
    cr_assert_eq(memcmp(rest.root, whole.root, sizeof(rest.root)), 0);

    /* Any change of the last line is found. */
    (void)snprintf(path, sizeof(path), "%s/trimmed.jsonl", rig.dir);
    struct stat about;
    cr_assert_eq(stat(path, &about), 0);
    for (uint64_t at = (uint64_t)about.st_size / 2 + 40; at < (uint64_t)about.st_size; at += 7) {
        uint8_t byte;
        rig_peek(path, at, &byte, 1);
        byte ^= 1;
        rig_poke(path, at, &byte, 1);
        enum ordo_err err = verify(&rig, &rest);
        bool is_stamp = err == ORDO_OK && rest.trimmed.last_number == segments;
        cr_assert(err == ORDO_ERR_DAMAGED || is_stamp, "byte %lu: %s", at, ordo_err_name(err));
        byte ^= 1;
        rig_poke(path, at, &byte, 1);
    }
    rig_fini(&rig);
}

Test(trim, holds_back_what_a_snapshot_or_cursor_needs)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    make(&rig, &segments);
    cr_assert_eq(trim(&rig, UINT64_MAX, 0, true, &report), ORDO_OK);
    cr_assert_eq(report.segments, 0);
    cr_assert_eq(report.held_back, segments);
    cr_assert(is_archived(&rig, 1));
    cr_assert_eq(trim(&rig, UINT64_MAX, 1000, true, &report), ORDO_OK);
    cr_assert_gt(report.segments, 0);
    cr_assert_gt(report.held_back, 0);
    cr_assert_lt(report.note.last_seq, 1000);
    /* and recovery from there works, while one from the start does not. */
    rig.visited = 1000;
    cr_assert_eq(ordo_journal_open(&rig.config, &rig.journal, &rig.fail), ORDO_OK);
    enum ordo_err err =
        ordo_journal_recover(rig.journal, 0, rig_visit, &rig, &rig.recovery, &rig.fail);
    cr_assert_eq(err, ORDO_ERR_DAMAGED);
    err = ordo_journal_recover(rig.journal, 1000, rig_visit, &rig, &rig.recovery, &rig.fail);
    cr_assert_eq(err, ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(rig.visited, RECORDS);
    ordo_journal_close(rig.journal);
    rig_fini(&rig);
}

static size_t keep(const struct rig *rig, uint64_t number, char path[160], uint8_t *bytes)
{
    struct stat about;
    (void)snprintf(path, 160, "%s/archive/journal-%08lu.ordo.zst", rig->dir, number);
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_leq(about.st_size, RIG_SEGMENT);
    rig_peek(path, 0, bytes, (size_t)about.st_size);
    return (size_t)about.st_size;
}

Test(trim, can_be_killed_behind_its_note_and_between_files)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    struct ordo_verify_report rest;
    static uint8_t bytes[2][RIG_SEGMENT];
    char paths[2][160];
    size_t sizes[2];
    make(&rig, &segments);
    cr_assert_eq(trim(&rig, 1200, UINT64_MAX, false, &report), ORDO_OK);
    uint64_t last = report.note.last_number;
    cr_assert_geq(last, 2);
    for (uint64_t i = 0; i < 2; i++) {
        sizes[i] = keep(&rig, last - i, paths[i], bytes[i]);
    }
    cr_assert_eq(trim(&rig, 1200, UINT64_MAX, true, &report), ORDO_OK);
    for (uint64_t i = 0; i < 2; i++) { /* the last files were not deleted yet */
        rig_poke(paths[i], 0, bytes[i], sizes[i]);
        cr_assert_eq(verify(&rig, &rest), ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(rest.trimmed.last_number, last);
    }
    cr_assert_eq(trim(&rig, 1200, UINT64_MAX, true, &report), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(report.segments, 2);
    cr_assert_not(is_archived(&rig, last));
    cr_assert_eq(verify(&rig, &rest), ORDO_OK, "%s", rig.fail.text);
    rig_fini(&rig);
}

/* ---- what subscribers have not worked off ---- */

static enum ordo_err trim_beside(
    struct rig *rig, uint64_t from, uint64_t older_us, uint64_t bytes, struct ordo_trim_report *out)
{
    const struct ordo_trim trim = {
        .dir = rig->dir,
        .upto_seq = UINT64_MAX,
        .older_us = UINT64_MAX,
        .needed_seq = UINT64_MAX,
        .cursor_from = from,
        .cursor_older_us = older_us,
        .cursor_bytes_max = bytes};
    return ordo_journal_trim(&trim, out, &rig->fail);
}

Test(trim, holds_back_what_a_cursor_needs_and_says_so)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    make(&rig, &segments);
    for (uint64_t from = 1; from < 3 * RECORDS / 2; from += 97) {
        cr_assert_eq(trim_beside(&rig, from, 0, 0, &report), ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(report.segments + report.cursor_held, segments);
        cr_assert_eq(report.held_back, 0);
        cr_assert(report.segments == 0 || report.note.last_update_seq < from, "from %lu", from);
        cr_assert(from > 200 || report.segments == 0);
    }
    cr_assert_eq(trim_beside(&rig, UINT64_MAX, 0, 0, &report), ORDO_OK);
    cr_assert_eq(report.segments, segments);
    cr_assert_eq(report.cursor_held, 0);
    rig_fini(&rig);
}

Test(trim, holds_nothing_back_for_a_cursor_that_is_too_old)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    make(&rig, &segments);
    cr_assert_eq(trim_beside(&rig, 1, RIG_TIME_US + RECORDS, 0, &report), ORDO_OK);
    cr_assert_eq(report.segments, segments, "all records are older");
    uint64_t middle_us = RIG_TIME_US + RECORDS / 3 / 2;
    cr_assert_eq(trim_beside(&rig, 1, middle_us, 0, &report), ORDO_OK);
    cr_assert_gt(report.segments, 0);
    cr_assert_gt(report.cursor_held, 0);
    cr_assert_lt(report.note.last_time_us, middle_us);
    rig_fini(&rig);
}

Test(trim, holds_no_more_bytes_for_a_cursor_than_it_may)
{
    struct rig rig;
    uint64_t segments;
    struct ordo_trim_report report;
    make(&rig, &segments);
    cr_assert_eq(trim_beside(&rig, 1, 0, 0, &report), ORDO_OK);
    uint64_t all = report.cursor_bytes;
    cr_assert_eq(report.cursor_held, segments);
    for (uint64_t share = 0; share < 5; share++) {
        uint64_t bytes = all * share / 4 + 1;
        cr_assert_eq(trim_beside(&rig, 1, 0, bytes, &report), ORDO_OK);
        cr_assert_leq(report.cursor_bytes, bytes);
        cr_assert_eq(report.cursor_bytes + report.bytes, all);
    }
    cr_assert_eq(report.segments, 0, "a share of everything holds everything");
    rig_fini(&rig);
}
