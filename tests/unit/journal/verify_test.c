/* The proof over archive and live segments: every changed byte fails with its place, the root
 * commits to everything, the key is needed where there is one, a running writer does not disturb.
 */
#include "journal/verify.h"

#include "journal/archive.h"
#include "rig.h"

#define RECORDS 2000

static enum ordo_err
verify(struct rig *rig, const char *key_file, struct ordo_verify_report *report)
{
    const struct ordo_verify verify = {
        .dir = rig->dir, .key_file = key_file, .visit = rig_visit, .context = rig};
    rig->visited = 0;
    rig->fail = (struct ordo_fail){0};
    return ordo_journal_verify(&verify, report, &rig->fail);
}

static void flip(const char *path, uint64_t at, uint8_t mask)
{
    uint8_t byte;
    rig_peek(path, at, &byte, 1);
    byte ^= mask;
    rig_poke(path, at, &byte, 1);
}

Test(verify, proves_archive_and_live_segments_and_gives_the_root)
{
    struct rig rig;
    struct ordo_verify_report before;
    struct ordo_verify_report after;
    struct ordo_archived out;
    rig_make_journal(&rig, RECORDS);
    cr_assert_eq(verify(&rig, NULL, &before), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(rig.visited, RECORDS);
    cr_assert_eq(before.records, RECORDS);
    cr_assert_eq(before.first_seq, 1);
    cr_assert_eq(before.last_seq, RECORDS);
    cr_assert_eq(before.archived, 0);
    cr_assert_eq(ordo_journal_archive(rig.dir, UINT64_MAX, 2, &out, &rig.fail), ORDO_OK);
    cr_assert_eq(verify(&rig, NULL, &after), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(after.archived, 2);
    cr_assert_eq(after.segments, before.segments);
    cr_assert_eq(memcmp(after.root, before.root, sizeof(after.root)), 0);

    /* An earlier root is found at its sequence when more was written. */
    rig_open(&rig);
    rig_write(&rig, 30, 10);
    rig_close(&rig);
    const struct ordo_verify with_root = {.dir = rig.dir, .root = before.root};
    cr_assert_eq(ordo_journal_verify(&with_root, &after, &rig.fail), ORDO_OK, "%s", rig.fail.text);
    cr_assert(after.root_found);
    cr_assert_eq(after.root_seq, RECORDS);
    cr_assert_neq(memcmp(after.root, before.root, sizeof(after.root)), 0);
    before.root[31] ^= 1;
    cr_assert_eq(ordo_journal_verify(&with_root, &after, &rig.fail), ORDO_OK);
    cr_assert_not(after.root_found);
    rig_fini(&rig);
}

/* Bytes of every kind: headers, records, padding, zeros behind the end, whole blank segments. */
Test(verify, fails_with_the_place_when_any_byte_changes)
{
    struct rig rig;
    struct ordo_verify_report report;
    char path[128];
    rig_make_journal(&rig, 900);
    for (uint64_t number = 1;; number++) {
        struct stat about;
        char wanted[64];
        rig_path(&rig, number, path);
        if (stat(path, &about) != 0) {
            cr_assert_geq(number, 4, "no blank segment was tried");
            break;
        }
        ordo_segment_name(number, wanted);
        for (uint64_t at = number; at < (uint64_t)about.st_size; at += 2477) {
            flip(path, at, (uint8_t)(1u << at % 8));
            enum ordo_err err = verify(&rig, NULL, &report);
            cr_assert(
                err == ORDO_ERR_DAMAGED || err == ORDO_ERR_VERSION,
                "byte %lu of %s: %s",
                at,
                wanted,
                ordo_err_name(err));
            cr_assert_not_null(strstr(rig.fail.text, wanted), "%lu: %s", at, rig.fail.text);
            flip(path, at, (uint8_t)(1u << at % 8));
        }
    }
    cr_assert_eq(verify(&rig, NULL, &report), ORDO_OK, "%s", rig.fail.text);
    rig_fini(&rig);
}

Test(verify, tells_a_torn_tail_from_damage)
{
    struct rig rig;
    struct ordo_verify_report report;
    struct ordo_batch_header header;
    uint64_t offset;
    char path[128];
    char place[32];
    rig_make_journal(&rig, 40);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 3, &offset, &header));
    (void)snprintf(place, sizeof(place), "offset %lu,", offset);
    flip(path, offset + 200, 1);
    cr_assert_eq(verify(&rig, NULL, &report), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "torn tail"), "%s", rig.fail.text);
    cr_assert_not_null(strstr(rig.fail.text, place), "%s", rig.fail.text);
    cr_assert_eq(report.last_seq, 30);
    flip(path, offset + 200, 1);
    cr_assert(rig_batch(path, 1, &offset, &header));
    flip(path, offset + 200, 1);
    cr_assert_eq(verify(&rig, NULL, &report), ORDO_ERR_DAMAGED);
    cr_assert_null(strstr(rig.fail.text, "torn tail"), "%s", rig.fail.text);
    cr_assert_eq(report.last_seq, 10);
    rig_fini(&rig);
}

Test(verify, refuses_a_keyed_chain_without_its_key)
{
    struct rig rig;
    struct ordo_verify_report report;
    char key[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    (void)snprintf(key, sizeof(key), "%s/key", rig.dir);
    rig_poke(key, 0, "0123456789abcdef0123456789abcdef", 32);
    rig.config.key_file = key;
    rig_open(&rig);
    rig_write(&rig, 100, 10);
    rig_close(&rig);
    cr_assert_eq(verify(&rig, NULL, &report), ORDO_ERR_CONFIG);
    cr_assert_eq(verify(&rig, key, &report), ORDO_OK, "%s", rig.fail.text);
    cr_assert_eq(report.keyed, 1);
    flip(key, 5, 1);
    cr_assert_eq(verify(&rig, key, &report), ORDO_ERR_CONFIG);
    rig_fini(&rig);
}

Test(verify, is_not_disturbed_by_a_writer_and_finds_missing_files)
{
    struct rig rig;
    struct ordo_verify_report report;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    for (int i = 0; i < 30; i++) {
        rig_write(&rig, 50, 7);
        for (int k = 0; k < 5; k++) { /* some in flight */
            (void)rig_push(&rig, true);
        }
        (void)ordo_journal_do_work(rig.journal);
        cr_assert_eq(verify(&rig, NULL, &report), ORDO_OK, "%s", rig.fail.text);
        cr_assert_geq(report.last_seq, (uint64_t)(i + 1) * 50);
        rig_drain(&rig);
    }
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(verify(&rig, NULL, &report), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "no note of a trim"), "%s", rig.fail.text);
    rig_fini(&rig);
}
