/* fault_calls.h - makes the k-th file call of one thread of the journal fail, once or from then on.
 *
 * The linker's --wrap puts these in front of the C library's and liburing's calls. Calls are
 * counted for each thread of the journal by itself, so that a case is the same in every run.
 */
#ifndef ORDO_TESTS_DURABILITY_FAULT_CALLS_H
#define ORDO_TESTS_DURABILITY_FAULT_CALLS_H

#include "journal/disk.h"

enum fault_place {
    PLACE_STARTER,    /* the thread that opens, recovers and serves */
    PLACE_PREPARER,   /* makes segments */
    PLACE_WRITER,     /* pwritev2 of the backend without io_uring */
    PLACE_COMPLETION, /* what the io_uring says of a write */
    PLACE_SUBMIT,     /* io_uring_submit */
    PLACE_COUNT,
};

enum fault_kind {
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_EINTR,
    FAULT_EAGAIN,
    FAULT_ECANCELED,
    FAULT_EBUSY,
    FAULT_SHORT_ONE,
    FAULT_SHORT_HALF,
    FAULT_SHORT_BUT_ONE,
    FAULT_KIND_COUNT,
};

struct fault {
    enum fault_place place;
    enum fault_kind kind;
    uint32_t at; /* from 1 */
    bool for_ever;
    bool spoils; /* what a failed write leaves on the medium is noise */
};

/* NULL: nothing fails, counts start again. */
void fault_arm(const struct fault *fault);

/* Calls that could have failed so, and those that did, since it was armed. */
uint32_t fault_calls(void);
uint32_t fault_hits(void);

/* Put in front of a backend: completions are changed. */
struct ordo_disk *fault_wrap(struct ordo_disk *inner, struct ordo_arena *arena);

#endif
