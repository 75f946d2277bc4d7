/* What a probe says: rows, a choice, and the lines of the configuration that take it.
 *
 * Only what the journal can do is chosen, as its own backends do it: a bare pwritev2 is faster than
 * a ring, but not with the way to the helper thread and back. The default stays unless another way
 * is clearly better, over small and large writes together (their product): a lone command waits for
 * a small one, load for large ones. */
#include "bench/disk_probe.h"

#include "base/assert.h"

#include <stdio.h>

#define MARGIN 1.05 /* a way must be this much better than the default to be chosen */
#define BUSY   10   /* p99 over p50: disk or cores were not ours */

struct setting { /* of the journal */
    const char *backend;
    const char *flush;
};

/* `auto` is io_uring where a ring can be had, and a probe has just had one. */
static const struct setting settings[ORDO_PROBE_WAYS] = {
    [ORDO_PROBE_URING_DSYNC] = {"auto", "dsync"},
    [ORDO_PROBE_URING_LINKED] = {"auto", "fdatasync"},
    [ORDO_PROBE_PWRITE_DSYNC] = {"pwrite", "dsync"},
    [ORDO_PROBE_PWRITE_FDATASYNC] = {"pwrite", "fdatasync"},
};

static double cost_of(const struct ordo_probe *probe, int way)
{
    return probe->median_us[way][0] * probe->median_us[way][1];
}

enum ordo_probe_way ordo_probe_default(const struct ordo_probe *probe)
{
    return probe->tried[ORDO_PROBE_URING_DSYNC] ? ORDO_PROBE_URING_DSYNC : ORDO_PROBE_PWRITE_DSYNC;
}

enum ordo_probe_way ordo_probe_choose(const struct ordo_probe *probe)
{
    enum ordo_probe_way usual = ordo_probe_default(probe);
    enum ordo_probe_way best = usual;
    for (int way = ORDO_PROBE_OURS; way < ORDO_PROBE_WAYS; way++) {
        double margin = best == usual ? MARGIN * MARGIN : 1; /* of a product */
        if (probe->tried[way] && cost_of(probe, way) * margin < cost_of(probe, (int)best)) {
            best = (enum ordo_probe_way)way;
        }
    }
    ORDO_ASSERT(best >= ORDO_PROBE_OURS);
    return best;
}

/* A way's row for a size, beside the default's of the same rounds. */
static void add_row(
    const struct ordo_probe *probe, struct ordo_report *report, int way, uint32_t size, int usual)
{
    const char *what = ordo_probe_name((enum ordo_probe_way)way);
    uint32_t kib = ordo_probe_sizes[size] >> 10;
    struct ordo_report_row *row = ordo_report_row_named(report, "us p50", "%s %u KiB", what, kib);
    ordo_report_limit(row, "the default");
    ordo_report_pair(row, probe->median_us[way][size], probe->median_us[usual][size]);
    ordo_report_add(
        ordo_report_row_named(report, "us", "%s %u KiB p99", what, kib), probe->p99_us[way][size]);
}

void ordo_probe_rows(const struct ordo_probe *probe, struct ordo_report *report)
{
    int choice = (int)ordo_probe_choose(probe);
    int usual = (int)ordo_probe_default(probe);
    for (int way = 0; way < ORDO_PROBE_WAYS; way++) {
        for (uint32_t size = 0; size < ORDO_PROBE_SIZES && probe->tried[way]; size++) {
            add_row(probe, report, way, size, usual);
        }
        if (!probe->tried[way]) {
            ordo_report_note(
                report, "%s: not possible here", ordo_probe_name((enum ordo_probe_way)way));
        }
    }
    ordo_report_set_text(report, "default", ordo_probe_name((enum ordo_probe_way)usual));
    ordo_report_set_text(report, "choice", ordo_probe_name((enum ordo_probe_way)choice));
    ordo_report_set_text(report, "journal.backend", settings[choice].backend);
    ordo_report_set_text(report, "journal.flush", settings[choice].flush);
    if (probe->p99_us[choice][0] > BUSY * probe->median_us[choice][0]) {
        ordo_report_note(
            report, "the p99 is far from the median: disk or cores are busy, repeat later");
    }
    ordo_report_note(
        report,
        "best for the journal here: %s%s; in its configuration:\n[journal]\nbackend = %s\nflush = "
        "%s",
        ordo_probe_name((enum ordo_probe_way)choice),
        choice == usual ? ", the default: no other way is clearly better" : "",
        settings[choice].backend,
        settings[choice].flush);
}
