/* What a probe says: a table, a choice, and the lines of the configuration that take it.
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

static void print_json(const struct ordo_probe *probe, uint32_t rounds, int choice)
{
    printf("{\"bench\":\"journal-probe\",\"rounds\":%u,\"ways\":[", rounds);
    for (int way = 0; way < ORDO_PROBE_WAYS; way++) {
        printf(
            "%s{\"way\":\"%s\",\"tried\":%s,\"median_us_4k\":%.1f,\"p99_us_4k\":%.1f,"
            "\"median_us_256k\":%.1f,\"p99_us_256k\":%.1f}",
            way == 0 ? "" : ",",
            ordo_probe_name((enum ordo_probe_way)way),
            probe->tried[way] ? "true" : "false",
            probe->median_us[way][0],
            probe->p99_us[way][0],
            probe->median_us[way][1],
            probe->p99_us[way][1]);
    }
    printf(
        "],\"default\":\"%s\",\"choice\":\"%s\",\"journal.backend\":\"%s\","
        "\"journal.flush\":\"%s\"}\n",
        ordo_probe_name(ordo_probe_default(probe)),
        ordo_probe_name((enum ordo_probe_way)choice),
        settings[choice].backend,
        settings[choice].flush);
}

void ordo_probe_print(const struct ordo_probe *probe, uint32_t rounds, bool json)
{
    int choice = (int)ordo_probe_choose(probe);
    print_json(probe, rounds, choice);
    if (json) {
        return;
    }
    fprintf(
        stderr,
        "%-36s %12s %8s %12s %8s\n",
        "us a write",
        "4 KiB p50",
        "p99",
        "256 KiB p50",
        "p99");
    for (int way = 0; way < ORDO_PROBE_WAYS; way++) {
        fprintf(
            stderr,
            "%-36s %12.1f %8.1f %12.1f %8.1f%s\n",
            ordo_probe_name((enum ordo_probe_way)way),
            probe->median_us[way][0],
            probe->p99_us[way][0],
            probe->median_us[way][1],
            probe->p99_us[way][1],
            probe->tried[way] ? "" : "  not possible here");
    }
    if (probe->p99_us[choice][0] > BUSY * probe->median_us[choice][0]) {
        fprintf(stderr, "the p99 is far from the median: disk or cores are busy, repeat later\n");
    }
    bool usual = choice == (int)ordo_probe_default(probe);
    fprintf(
        stderr,
        "best for the journal here: %s%s; in its configuration:\n[journal]\nbackend = %s\nflush = "
        "%s\n",
        ordo_probe_name((enum ordo_probe_way)choice),
        usual ? ", the default: no other way is clearly better" : "",
        settings[choice].backend,
        settings[choice].flush);
}
