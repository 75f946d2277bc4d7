/* Crashes: a torn tail is saved and cut at any byte, half-made files are normal, and a recovery may
 * itself be killed. What was whole before is whole after. */
#include "rig.h"

/* ---- torn ---- */

Test(recover, cuts_a_tail_torn_at_any_byte_and_saves_it)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header last;
    static uint8_t whole[RIG_SEGMENT];
    static uint8_t hurt[RIG_SEGMENT];
    rig_make_journal(&rig, 30);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &last));
    rig_peek(path, 0, whole, sizeof(whole));
    for (uint32_t keep = 0; keep < last.size; keep++) {
        for (int rest = 0; rest < 3; rest++) {
            char what[64];
            (void)snprintf(what, sizeof(what), "rest %d after %u bytes", rest, keep);
            memcpy(hurt, whole, sizeof(hurt));
            memset(hurt + offset + keep, rest == 1 ? 0xd7 : 0, last.size - keep);
            rig_poke(path, 0, hurt, sizeof(hurt));
            if (rest == 2) {
                cr_assert_eq(truncate(path, (off_t)(offset + keep)), 0);
            }
            enum ordo_err err = rig_try_open(&rig);
            cr_assert_eq(err, ORDO_OK, "%s: %s", what, rig.fail.text);
            uint32_t body = ORDO_BATCH_HEADER_SIZE + last.body_size;
            uint64_t expected = keep >= body && rest != 1 ? 30 : 20;
            cr_assert_eq(rig.visited, expected, "%s: %lu", what, rig.visited);
            cr_assert((rig.recovery.torn_bytes != 0) == (expected == 20 && (keep || rest == 1)));
            static uint8_t after[RIG_SEGMENT];
            rig_peek(path, 0, after, sizeof(after));
            cr_assert(ordo_is_zero(after + offset + (expected == 30 ? last.size : 0), last.size));
            if (rig.recovery.torn_bytes != 0) {
                uint8_t copy[RIG_BATCH];
                rig_peek(rig.recovery.torn_copy, 0, copy, rig.recovery.torn_bytes);
                cr_assert_eq(memcmp(copy, hurt + offset, rig.recovery.torn_bytes), 0);
                cr_assert_eq(unlink(rig.recovery.torn_copy), 0);
            }
            ordo_journal_close(rig.journal);
        }
    }
    rig_fini(&rig);
}

Test(recover, writes_on_after_a_cut)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header last;
    rig_make_journal(&rig, 30);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &last));
    rig_poke(path, offset + 300, "\xff\xff\xff", 3);
    rig_expect_torn(&rig, 20, "garbage in the last batch");
    rig_fini(&rig);
}

Test(recover, survives_being_killed_at_any_point_of_a_cut_twice)
{
    /* What a kill can leave: the copy half made or made, the wipe begun anywhere, from either end.
     */
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header last;
    static uint8_t hurt[RIG_SEGMENT];
    static uint8_t zeros[RIG_SEGMENT];
    rig_make_journal(&rig, 30);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &last));
    rig_poke(path, offset + 300, "\xff\xff\xff", 3);
    rig_peek(path, 0, hurt, sizeof(hurt));
    char tmp[128];
    (void)snprintf(tmp, sizeof(tmp), "%s/torn.tmp", rig.dir);
    for (uint32_t wiped = 0; wiped <= last.size; wiped += 128) {
        for (int end = 0; end < 2; end++) {
            rig_poke(path, 0, hurt, sizeof(hurt));
            rig_poke(tmp, 0, "half", 4);
            rig_poke(path, end ? offset + last.size - wiped : offset, zeros, wiped);
            cr_assert_eq(rig_try_open(&rig), ORDO_OK, "%s", rig.fail.text);
            cr_assert_eq(rig.visited, 20);
            ordo_journal_close(rig.journal);
            cr_assert_eq(rig_try_open(&rig), ORDO_OK, "%s", rig.fail.text);
            cr_assert_eq(rig.recovery.torn_bytes, 0);
            ordo_journal_close(rig.journal);
        }
    }
    rig_fini(&rig);
}

Test(recover, keeps_every_copy_under_a_name_of_its_own)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header last;
    char first[256];
    rig_make_journal(&rig, 20);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &last));
    rig_poke(path, offset, "first", 5);
    cr_assert_eq(rig_try_open(&rig), ORDO_OK);
    ordo_journal_close(rig.journal);
    memcpy(first, rig.recovery.torn_copy, sizeof(first));
    rig_poke(path, offset, "second", 6);
    cr_assert_eq(rig_try_open(&rig), ORDO_OK);
    ordo_journal_close(rig.journal);
    cr_assert_neq(strcmp(first, rig.recovery.torn_copy), 0);
    uint8_t bytes[6];
    rig_peek(first, 0, bytes, 5);
    cr_assert_eq(memcmp(bytes, "first", 5), 0);
    rig_peek(rig.recovery.torn_copy, 0, bytes, 6);
    cr_assert_eq(memcmp(bytes, "second", 6), 0);
    rig_fini(&rig);
}

/* ---- half made ---- */

Test(recover, takes_half_made_last_segments_for_normal)
{
    static const uint8_t zeros[RIG_SEGMENT];
    static const size_t sizes[] = {0, 1, 511, 4096, RIG_SEGMENT - 512, RIG_SEGMENT};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rig rig;
        char path[128];
        char tmp[128];
        rig_make_journal(&rig, 30);
        rig_path(&rig, 2, path);
        (void)unlink(path);
        rig_poke(path, 0, zeros, sizes[i]);
        (void)snprintf(tmp, sizeof(tmp), "%s/prepare.tmp", rig.dir);
        rig_poke(tmp, 0, zeros, 100);
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 30);
        cr_assert_eq(rig.recovery.torn_bytes, 0);
        rig_write(&rig, 2000, 50); /* goes through the segment that was half made */
        rig_close(&rig);
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 2030);
        rig_close(&rig);
        rig_fini(&rig);
    }
}

Test(recover, takes_an_empty_first_segment_for_a_new_journal)
{
    static const uint8_t zeros[RIG_SEGMENT];
    static const size_t sizes[] = {0, 700, RIG_SEGMENT};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct rig rig;
        char path[128];
        rig_init(&rig, ORDO_BACKEND_AUTO);
        rig_path(&rig, 1, path);
        rig_poke(path, 0, zeros, sizes[i]);
        rig_open(&rig);
        rig_write(&rig, 10, 5);
        rig_close(&rig);
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 10);
        rig_close(&rig);
        rig_fini(&rig);
    }
}

Test(recover, cuts_a_torn_first_write_of_a_new_segment)
{
    struct rig rig;
    char path[128];
    struct ordo_batch_header header;
    uint64_t offset;
    static uint8_t bytes[RIG_SEGMENT];
    rig_make_journal(&rig, 1200);
    uint64_t number = rig.recovery.segments;
    rig_open(&rig);
    number = rig.recovery.segments;
    rig_close(&rig);
    rig_path(&rig, number, path);
    rig_peek(path, 0, bytes, sizeof(bytes));
    cr_assert(rig_batch(path, 0, &offset, &header));
    static const uint8_t zeros[RIG_SEGMENT];
    static const uint32_t keeps[] = {0, 100, 512, 600, 1024};
    for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
        rig_poke(path, 0, bytes, sizeof(bytes));
        rig_poke(path, offset + header.size, zeros, RIG_SEGMENT - offset - header.size);
        rig_poke(path, keeps[i], zeros, offset + header.size - keeps[i]);
        cr_assert_eq(rig_try_open(&rig), ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(rig.visited, header.first_seq - 1);
        ordo_journal_close(rig.journal);
    }
    rig_expect_torn(&rig, header.first_seq - 1, "a first write that was cut");
    rig_fini(&rig);
}

Test(recover, goes_on_over_many_restarts_with_torn_tails)
{
    uint64_t seed = rig_now();
    const char *given = getenv("ORDO_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : seed;
    printf("seed=%lu (replay: ORDO_SEED=%lu recover_test)\n", seed, seed);
    struct rig rig;
    uint64_t random = seed | 1;
    rig_make_journal(&rig, 10);
    uint64_t acked = 10;
    for (int round = 0; round < 120; round++) {
        char path[128];
        uint64_t offset = 0;
        struct ordo_batch_header header;
        random = random * 6364136223846793005u + 1442695040888963407u;
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, acked, "seed %lu round %d", seed, round);
        rig_write(&rig, 1 + (random >> 33) % 60, 1 + (random >> 50) % 20);
        acked = rig.seq;
        rig_close(&rig);
        uint64_t number = 0;
        for (uint64_t n = 1; n < 1000; n++) {
            uint8_t head[ORDO_SEGMENT_HEADER_SIZE];
            struct ordo_segment_header segment;
            rig_path(&rig, n, path);
            if (access(path, F_OK) != 0) {
                break;
            }
            rig_peek(path, 0, head, sizeof(head));
            if (ordo_segment_header_decode(head, sizeof(head), &segment) == ORDO_OK) {
                number = n;
            }
        }
        rig_path(&rig, number, path);
        uint32_t count = 0;
        while (rig_batch(path, count, &offset, &header)) {
            count++;
        }
        if (count > 1 && round % 2) { /* the last batch did not arrive in whole */
            cr_assert(rig_batch(path, count - 1, &offset, &header));
            uint8_t zeros[RIG_BATCH] = {0};
            uint32_t keep = (uint32_t)(random >> 20) % (header.body_size + 100);
            rig_poke(path, offset + keep, zeros, header.size - keep);
            acked = header.first_seq - 1;
        }
    }
    rig_fini(&rig);
}

static enum ordo_err
refuse_seven(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    return record->seq == 7 ? ordo_fail_set(fail, ORDO_ERR_DIVERGED, "seven") : ORDO_OK;
}

Test(recover, hands_back_the_error_of_a_visit_and_writes_nothing)
{
    struct rig rig;
    char path[128];
    uint64_t offset;
    struct ordo_batch_header header;
    rig_make_journal(&rig, 30);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &header));
    rig_poke(path, offset + 300, "\xff\xff\xff", 3); /* torn: would be cut after good visits */
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(ordo_journal_open(&rig.config, &rig.journal, &rig.fail), ORDO_OK);
    enum ordo_err err =
        ordo_journal_recover(rig.journal, 0, refuse_seven, &rig, &rig.recovery, &rig.fail);
    cr_assert_eq(err, ORDO_ERR_DIVERGED);
    cr_assert_eq(strcmp(rig.fail.text, "seven"), 0);
    ordo_journal_close(rig.journal);
    cr_assert_eq(rig_folder_hash(&rig), before);
    rig_fini(&rig);
}

struct many {
    uint64_t next;
    uint64_t refused; /* the sequence whose visit fails; 0 = none */
    uint32_t most;
    uint32_t calls;
};

static enum ordo_err
visit_many(void *context, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail)
{
    struct many *many = context;
    cr_assert(count >= 1 && count <= ORDO_RECORDS_MAX);
    many->calls++;
    many->most = count > many->most ? count : many->most;
    for (uint32_t i = 0; i < count; i++) {
        rig_check_record(&records[i], many->next++);
        if (records[i].seq == many->refused) {
            return ordo_fail_set(fail, ORDO_ERR_DIVERGED, "refused");
        }
    }
    return ORDO_OK;
}

Test(recover, visits_many_at_a_time_from_small_batches_in_order)
{
    struct rig rig;
    rig_make_journal(&rig, 900);
    for (uint64_t after = 0; after <= 900; after += 75) {
        struct many many = {.next = after + 1};
        cr_assert_eq(ordo_journal_open(&rig.config, &rig.journal, &rig.fail), ORDO_OK);
        enum ordo_err err = ordo_journal_recover_many(
            rig.journal, after, visit_many, &many, &rig.recovery, &rig.fail);
        cr_assert_eq(err, ORDO_OK, "%s", rig.fail.text);
        cr_assert_eq(many.next, 901);
        cr_assert_eq(rig.recovery.records, 900 - after);
        cr_assert(after != 0 || many.most == ORDO_RECORDS_MAX, "batches are gathered");
        ordo_journal_close(rig.journal);
    }
    rig_fini(&rig);
}

Test(recover, ends_with_the_first_visit_of_many_that_fails)
{
    struct rig rig;
    struct many many = {.next = 1, .refused = 300};
    rig_make_journal(&rig, 900);
    uint64_t before = rig_folder_hash(&rig);
    cr_assert_eq(ordo_journal_open(&rig.config, &rig.journal, &rig.fail), ORDO_OK);
    enum ordo_err err =
        ordo_journal_recover_many(rig.journal, 0, visit_many, &many, &rig.recovery, &rig.fail);
    cr_assert_eq(err, ORDO_ERR_DIVERGED);
    cr_assert_eq(many.next, 301, "nothing is visited behind it");
    ordo_journal_close(rig.journal);
    cr_assert_eq(rig_folder_hash(&rig), before);
    rig_fini(&rig);
}
