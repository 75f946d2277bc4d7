/* hooks.h - what a test may replace in a journal: time, random bytes, the disk behind the port. */
#ifndef ORDO_JOURNAL_HOOKS_H
#define ORDO_JOURNAL_HOOKS_H

#include "base/clock.h"
#include "journal/disk.h"

struct ordo_journal_hooks {
    struct ordo_clock clock; /* used when its monotonic_ns is set */

    /* Node ids and salts; NULL = the system's. */
    void (*random)(void *context, uint8_t *out, size_t size);

    /* May put another port in front of the backend; called once, at attach. NULL = no. */
    struct ordo_disk *(*wrap)(void *context, struct ordo_disk *disk);

    bool allow_small; /* segments and batches smaller than a server should have */
    void *context;
};

#endif
