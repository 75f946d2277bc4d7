/* disk_probe.h - what one durable write costs on a disk, by the ways to ask for it.
 *
 * The ways take turns, one write each, so that a slow phase of the disk touches all of them.
 */
#ifndef ORDO_BENCH_DISK_PROBE_H
#define ORDO_BENCH_DISK_PROBE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum ordo_probe_way {
    ORDO_PROBE_FDATASYNC,        /* pwrite, then fdatasync, through the page cache */
    ORDO_PROBE_DIRECT_FDATASYNC, /* the same past the page cache */
    ORDO_PROBE_DSYNC,            /* pwritev2 with RWF_DSYNC, page cache */
    ORDO_PROBE_DIRECT_DSYNC,     /* the same past it: the journal's pwrite backend */
    ORDO_PROBE_URING_DSYNC,      /* io_uring, O_DIRECT, RWF_DSYNC: the journal's first backend */
    ORDO_PROBE_URING_LINK,       /* io_uring, O_DIRECT, write linked to an fsync of data */
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

/* probe_uring.c: one write on a ring of its own. */
struct ordo_probe_ring;
struct ordo_probe_ring *ordo_probe_ring_open(void); /* NULL where io_uring is denied */
void ordo_probe_ring_close(struct ordo_probe_ring *ring);

/* Writes and waits until it is durable; link: by a linked fsync, else by RWF_DSYNC. 0 or an errno.
 */
int ordo_probe_ring_write(
    struct ordo_probe_ring *ring,
    int fd,
    const uint8_t *data,
    uint32_t size,
    uint64_t offset,
    bool link);

#endif
