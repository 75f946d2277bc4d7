/* What a probe advises: the default unless another way of the journal's is clearly better, and
 * never one that the journal does not have here. Figures are made up. */
#include "bench/disk_probe.h"

#include <criterion/criterion.h>

static struct ordo_probe all_alike(void)
{
    struct ordo_probe probe;
    for (int way = 0; way < ORDO_PROBE_WAYS; way++) {
        probe.tried[way] = true;
        probe.median_us[way][0] = probe.p99_us[way][0] = 100;
        probe.median_us[way][1] = probe.p99_us[way][1] = 300;
    }
    return probe;
}

Test(probe, keeps_the_default_where_nothing_is_clearly_better)
{
    struct ordo_probe probe = all_alike();
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_URING_DSYNC);
    probe.median_us[ORDO_PROBE_URING_LINKED][0] = 97;
    probe.median_us[ORDO_PROBE_PWRITE_DSYNC][0] = 96;
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_URING_DSYNC);
}

Test(probe, chooses_the_best_of_those_that_are_better)
{
    struct ordo_probe probe = all_alike();
    probe.median_us[ORDO_PROBE_PWRITE_FDATASYNC][0] = 70;
    probe.median_us[ORDO_PROBE_URING_LINKED][0] = 68;
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_URING_LINKED);
    probe.median_us[ORDO_PROBE_PWRITE_FDATASYNC][1] = 250;
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_PWRITE_FDATASYNC);
}

Test(probe, chooses_only_what_the_journal_does)
{
    struct ordo_probe probe = all_alike();
    probe.median_us[ORDO_PROBE_DIRECT_DSYNC][0] = probe.median_us[ORDO_PROBE_FDATASYNC][0] = 1;
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_URING_DSYNC);
}

Test(probe, does_without_io_uring_where_it_is_denied)
{
    struct ordo_probe probe = all_alike();
    probe.tried[ORDO_PROBE_URING_DSYNC] = probe.tried[ORDO_PROBE_URING_LINKED] = false;
    probe.median_us[ORDO_PROBE_URING_LINKED][0] = probe.median_us[ORDO_PROBE_URING_LINKED][1] = 0;
    cr_assert_eq(ordo_probe_choose(&probe), ORDO_PROBE_PWRITE_DSYNC);
}
