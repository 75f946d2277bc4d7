/* disk.h - the disk of the simulated node: what is on it, what of it a power cut would leave, and
 * what it does wrong.
 *
 * Files lie in simfs. This module keeps, beside the image that the calls see, the one that is
 * durable, moves over what has been flushed, and makes from the two every so often the state after
 * a power cut. The journal's writes go through a port of its own, in the place of io_uring's: many
 * in flight, done in any order.
 */
#ifndef ORDO_TESTS_SIM_DISK_H
#define ORDO_TESTS_SIM_DISK_H

#include "simfs.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_DIR SIMFS_ROOT "/data"

/* One in so many; 0 = never. */
struct disk_faults {
    uint32_t short_of;      /* writes that are cut short */
    uint32_t io_error_of;   /* writes and flushes that fail */
    uint32_t read_error_of; /* reads that fail */
    uint32_t no_room_of;    /* times that room is asked for, and some after */
    uint32_t misdirect_of;  /* writes that land elsewhere */
    uint32_t lag_us;        /* a write takes up to so long */
};

struct disk_counts {
    uint64_t shorts;
    uint64_t io_errors;
    uint64_t no_rooms;
    uint64_t misdirected;
    uint64_t flips;
    uint64_t cuts;
    uint64_t torn;
    uint64_t lost;
    uint64_t kept;
};

extern struct disk_faults disk_faults;
extern struct disk_counts disk_counts;

/* An empty disk. */
void disk_begin(void);

/* For the next process: what the last one had open is closed. */
void disk_mount(void);

/* The power goes: what was not flushed may be lost, torn or kept, each part for itself. */
void disk_cut(void);

/* A person takes a file away. */
void disk_remove(const char *name);

/* One bit of one of the journal's files is another one from now on; false when there is none. */
bool disk_flip(void);

/* When the next write of the port is done; UINT64_MAX = nothing is in flight. */
uint64_t disk_due_ns(void);
void disk_step(void);

uint64_t disk_hash(void);

#endif
