/* A copy of a data folder: whole, proven, never with more than what is on disk; and what can be
 * read or cut behind damage. */
#include "journal/backup.h"

#include "journal/archive.h"
#include "journal/repair.h"
#include "journal/salvage.h"
#include "rig.h"

#define RECORDS 2000

static enum ordo_err backup(
    const char *from,
    const char *to,
    bool snapshots,
    struct ordo_backup_report *r,
    struct ordo_fail *f)
{
    const struct ordo_backup order = {.from = from, .to = to, .snapshots = snapshots};
    return ordo_journal_backup(&order, r, f);
}

/* Removes a copy, its archive first; it may be absent. */
static void remove_copy(const char *dir)
{
    struct rig copy;
    (void)snprintf(copy.dir, sizeof(copy.dir), "%s", dir);
    if (access(dir, F_OK) == 0) {
        rig_fini(&copy);
    }
}

Test(backup, copies_archive_and_live_segments_to_the_same_root)
{
    struct rig rig;
    struct ordo_archived moved;
    struct ordo_backup_report report;
    struct ordo_verify_report original;
    char to[96];
    rig_make_journal(&rig, RECORDS);
    (void)snprintf(to, sizeof(to), "%s.copy", rig.dir);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 2, &moved, &rig.fail), ORDO_OK);
    const struct ordo_verify verify = {.dir = rig.dir};
    cr_assert_eq(ordo_journal_verify(&verify, &original, &rig.fail), ORDO_OK);
    cr_assert_eq(backup(rig.dir, to, false, &report, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(report.archived, 2);
    cr_assert_eq(report.verified.records, RECORDS);
    cr_assert_eq(memcmp(report.verified.root, original.root, sizeof(original.root)), 0);
    cr_assert_eq(backup(rig.dir, to, false, &report, &rig.fail), ORDO_ERR_EXISTS);
    remove_copy(to);
    rig_fini(&rig);
}

Test(backup, refuses_a_trimmed_journal_without_snapshots_and_damage)
{
    struct rig rig;
    struct ordo_archived moved;
    struct ordo_trim_report trimmed;
    struct ordo_backup_report report;
    char to[96];
    char path[128];
    rig_make_journal(&rig, RECORDS);
    (void)snprintf(to, sizeof(to), "%s.copy", rig.dir);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 0, &moved, &rig.fail), ORDO_OK);
    const struct ordo_trim trim = {
        .dir = rig.dir, .upto_seq = 900, .older_us = UINT64_MAX, .needed_seq = 2000, .apply = true};
    cr_assert_eq(ordo_journal_trim(&trim, &trimmed, &rig.fail), ORDO_OK);
    cr_assert_eq(backup(rig.dir, to, false, &report, &rig.fail), ORDO_ERR_INVALID);
    char partial[112];
    (void)snprintf(partial, sizeof(partial), "%s.partial", to);
    cr_assert_eq(access(to, F_OK), -1);
    cr_assert_eq(access(partial, F_OK), -1);
    cr_assert_eq(backup(rig.dir, to, true, &report, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert(report.verified.is_trimmed);
    remove_copy(to);
    rig_path(&rig, moved.last_number + 1, path);
    rig_poke(path, 1000, "damage", 6);
    cr_assert_eq(backup(rig.dir, to, true, &report, &rig.fail), ORDO_ERR_DAMAGED);
    cr_assert_eq(access(to, F_OK), -1);
    cr_assert_eq(access(partial, F_OK), -1);
    rig_fini(&rig);
}

/* While a journal holds the folder, a batch that nothing proves to be flushed stays out. */
Test(backup, leaves_out_what_is_not_proven_beside_a_server)
{
    struct rig rig;
    struct ordo_backup_report report;
    char to[96];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.hooks.clock = (struct ordo_clock){.monotonic_ns = rig_monotonic, .context = &rig};
    (void)snprintf(to, sizeof(to), "%s.copy", rig.dir);
    rig_open(&rig);
    rig_write(&rig, 40, 10); /* the fake clock stands: no idle mark proves the last batch */
    cr_assert_eq(backup(rig.dir, to, false, &report, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(report.verified.last_seq, 30);
    cr_assert_eq(report.left_seqs, 10);
    remove_copy(to);
    rig.now_ns = ordo_journal_deadline_ns(rig.journal);
    (void)ordo_journal_do_work(rig.journal);
    rig_drain(&rig);
    cr_assert_eq(backup(rig.dir, to, false, &report, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(report.verified.last_seq, 40);
    cr_assert_eq(report.left_seqs, 0);
    remove_copy(to);
    rig_close(&rig);
    rig_fini(&rig);
}

struct seen {
    uint64_t records;
    uint64_t last;
    uint64_t damages;
    uint64_t place;
};

static enum ordo_err
see_record(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct seen *seen = context;
    (void)fail;
    rig_check_record(record, record->seq);
    seen->records++;
    seen->last = record->seq;
    return ORDO_OK;
}

static void
see_damage(void *context, uint64_t number, uint64_t offset, uint64_t seq, const char *reason)
{
    struct seen *seen = context;
    (void)seq;
    (void)reason;
    cr_assert_eq(number, 1);
    seen->damages++;
    seen->place = seen->place == 0 ? offset : seen->place;
}

Test(salvage, goes_on_behind_a_damaged_batch)
{
    struct rig rig;
    struct ordo_batch_header header;
    uint64_t offset;
    char path[128];
    rig_make_journal(&rig, 100);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 4, &offset, &header));
    for (uint64_t at = offset; at < offset + header.body_size; at += 31) {
        struct seen seen = {.records = 0};
        uint8_t byte;
        const struct ordo_salvage salvage = {
            .dir = rig.dir,
            .to_seq = UINT64_MAX,
            .context = &seen,
            .record = see_record,
            .damage = see_damage};
        rig_peek(path, at, &byte, 1);
        byte ^= 0x41;
        rig_poke(path, at, &byte, 1);
        cr_assert_eq(ordo_journal_salvage(&salvage, &rig.fail), ORDO_OK);
        byte ^= 0x41;
        rig_poke(path, at, &byte, 1);
        cr_assert_geq(seen.damages, 1, "byte %lu was not seen", at);
        cr_assert_eq(seen.place, offset);
        cr_assert_eq(seen.last, 100);
        cr_assert_geq(seen.records, 90);
        cr_assert_lt(seen.records, 100);
    }
    rig_fini(&rig);
}

Test(repair, cuts_only_behind_a_whole_batch_and_keeps_a_copy)
{
    struct rig rig;
    struct ordo_discard out;
    char path[128];
    struct stat about;
    rig_make_journal(&rig, RECORDS);
    rig_path(&rig, 2, path);
    rig_poke(path, 20000, "damage", 6);
    cr_assert_eq(
        ordo_journal_discard(rig.dir, NULL, RECORDS, true, &out, &rig.fail), ORDO_ERR_INVALID);
    const char *hint = strstr(rig.fail.text, "--discard-after ");
    cr_assert_not_null(hint, "%s", rig.fail.text);
    uint64_t last = strtoull(hint + 16, NULL, 10);
    cr_assert_eq(
        ordo_journal_discard(rig.dir, NULL, last - 1, true, &out, &rig.fail), ORDO_ERR_INVALID);
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(ordo_journal_discard(rig.dir, NULL, last, false, &out, &rig.fail), ORDO_OK);
    cr_assert_eq(rig_folder_hash(&rig), before);
    cr_assert_eq(out.seq_found, RECORDS);
    cr_assert_eq(ordo_journal_discard(rig.dir, NULL, last, true, &out, &rig.fail), ORDO_OK);
    cr_assert_eq(stat(out.copy, &about), 0);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, last);
    cr_assert_eq(rig.recovery.torn_bytes, 0);
    cr_assert_eq(/* a server has it now */
                 ordo_journal_discard(rig.dir, NULL, last - 10, true, &out, &rig.fail),
                 ORDO_ERR_IN_USE);
    rig_close(&rig);
    (void)snprintf(path, sizeof(path), "%s/discarded-%lu-0", rig.dir, last);
    rig_remove(path);
    rig_fini(&rig);
}
