/* disk_probe.h - what one durable write costs on a disk, by the ways to ask for it.
 *
 * The ways take turns, one write each, so that a slow phase of the disk touches all of them.
 */
#ifndef ORDO_BENCH_DISK_PROBE_H
#define ORDO_BENCH_DISK_PROBE_H

#include "base/err.h"
#include "bench/report.h"

#include <stdbool.h>
#include <stdint.h>

enum ordo_probe_way {
    /* bare calls of this thread, as a measure */
    ORDO_PROBE_FDATASYNC,        /* pwrite, then fdatasync, through the page cache */
    ORDO_PROBE_DIRECT_FDATASYNC, /* the same past the page cache */
    ORDO_PROBE_DSYNC,            /* pwritev2 with RWF_DSYNC, page cache */
    ORDO_PROBE_DIRECT_DSYNC,     /* the same past it */
    /* the journal's backends, past the page cache where possible */
    ORDO_PROBE_OURS,
    ORDO_PROBE_URING_DSYNC = ORDO_PROBE_OURS, /* the default */
    ORDO_PROBE_URING_LINKED,
    ORDO_PROBE_PWRITE_DSYNC, /* with the way to the helper thread and back */
    ORDO_PROBE_PWRITE_FDATASYNC,
    ORDO_PROBE_WAYS
};

#define ORDO_PROBE_SIZES 2 /* 4 KiB and 256 KiB */

struct ordo_probe {
    bool tried[ORDO_PROBE_WAYS]; /* false: not possible here */
    double median_us[ORDO_PROBE_WAYS][ORDO_PROBE_SIZES];
    double p99_us[ORDO_PROBE_WAYS][ORDO_PROBE_SIZES];
};

extern const uint32_t ordo_probe_sizes[ORDO_PROBE_SIZES];
const char *ordo_probe_name(enum ordo_probe_way way);

/* In a file of 64 MiB of zeros in dir, which is removed. rounds: writes of each way and size. */
enum ordo_err
ordo_probe_run(const char *dir, uint32_t rounds, struct ordo_probe *probe, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* probe_report.c: what the journal does here by default, and what it should. */
enum ordo_probe_way ordo_probe_default(const struct ordo_probe *probe);
enum ordo_probe_way ordo_probe_choose(const struct ordo_probe *probe);

/* Rows, configuration and notes: what each way costs beside the default, what to configure. */
void ordo_probe_rows(const struct ordo_probe *probe, struct ordo_report *report);

#endif
