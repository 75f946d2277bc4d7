/* simdisk.h - a disk port on the simulated file system: writes complete in a drawn order, sometimes
 * short, and are durable only then. */
#ifndef ORDO_TESTS_DURABILITY_SIMDISK_H
#define ORDO_TESTS_DURABILITY_SIMDISK_H

#include "journal/disk.h"
#include "simfs.h"

struct simdisk_flight {
    bool used;
    uint32_t op; /* index in the log of the part that will be durable */
    struct ordo_disk_done done;
};

struct simdisk {
    struct ordo_disk disk;   /* first: the port hands this out */
    struct ordo_disk *inner; /* the backend that would have been used; only closed */
    struct sim_random random;
    int fd;
    struct simdisk_flight flights[ORDO_DISK_IN_FLIGHT_MAX];
    char inner_name[32];
};

struct ordo_disk *simdisk_wrap(struct simdisk *simdisk, struct ordo_disk *inner, uint64_t seed);

#endif
