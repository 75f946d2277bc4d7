/* The journal as a stage: what is durable is read back byte for byte, over segments, over restarts,
 * with both backends; the durable cursor tells the truth about commands and queries. */
#include "rig.h"

static const enum ordo_journal_backend backends[] = {ORDO_BACKEND_URING, ORDO_BACKEND_PWRITE};

Test(journal, reads_back_what_was_written_over_segments_and_restarts)
{
    for (int b = 0; b < 2; b++) {
        struct rig rig;
        rig_init(&rig, backends[b]);
        for (int run = 0; run < 4; run++) {
            rig_open(&rig);
            cr_assert_eq(rig.recovery.records, (uint64_t)run * 700);
            cr_assert_eq(rig.recovery.torn_bytes, 0);
            rig_write(&rig, 700, run == 0 ? 1 : 37);
            rig_close(&rig);
        }
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 2800);
        cr_assert_gt(rig.recovery.segments, 3, "the test must rotate");
        rig_close(&rig);
        rig_fini(&rig);
    }
}

Test(journal, names_its_backend)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_PWRITE);
    rig_open(&rig);
    cr_assert_eq(strncmp(ordo_journal_backend_name(rig.journal), "pwritev2", 8), 0);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(journal, keeps_every_durability_mode_readable)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.config.durability = ORDO_DURABILITY_OS;
    rig_open(&rig);
    rig_write(&rig, 1500, 50);
    rig_close(&rig);
    rig.config.durability = ORDO_DURABILITY_FLUSH;
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 1500);
    rig_write(&rig, 10, 10);
    rig_close(&rig);
    rig.config.durability = ORDO_DURABILITY_NONE;
    rig_open(&rig);
    rig_write(&rig, 500, 50);
    rig_close(&rig);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 1510, "none writes nothing");
    rig_close(&rig);
    rig_fini(&rig);
}
