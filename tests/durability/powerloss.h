/* powerloss.h - what the two halves of the rig of R3 share: the walk over states (powerloss.c) and
 * the lives that are cut (powerloss_life.c). */
#ifndef ORDO_TESTS_DURABILITY_POWERLOSS_H
#define ORDO_TESTS_DURABILITY_POWERLOSS_H

#include "driver.h"
#include "report.h"
#include "simdisk.h"

enum kind { KIND_SUBSET, KIND_TORN, KIND_SECTORS, KIND_COUNT };

struct rig {
    struct report report;
    struct driver driver;
    struct simdisk disk;
    struct sim_random random;
    uint64_t round_seed;
    uint32_t block;
    uint32_t life;
    struct sim_image start; /* of the present life, durable */
    struct sim_image next;  /* of the next life: one of the states */
    bool next_began;        /* it lies behind the recovery of the life it was taken from */
    struct sim_image live;
    struct sim_image killed; /* what a killed process leaves in the page cache */
    struct sim_image before; /* a state before its recovery */
    struct sim_log log;
    struct sim_log recovery_log;
    uint64_t states; /* of this life */
    uint64_t by_kind[KIND_COUNT];
    uint64_t clean;
    uint64_t torn;
    uint64_t deep;
    uint64_t rotations;
    uint64_t kills;
    uint64_t digest;
    char backend[32];
};

/* Serves until the cut: what it did to the disk is in rig->log. After a kill the page cache is as
 * it was, flushed or not, and the log goes on. False when it does not begin. */
bool live_once(struct rig *rig, bool killed);

struct ordo_disk *rig_wrap(void *context, struct ordo_disk *disk);

#endif
