/* stall.h - stops another process for a while in the middle of a run, from a thread of its own, so
 * that neither the load nor its measuring knows: what a benchmark must not hide. */
#ifndef ORDO_BENCH_STALL_H
#define ORDO_BENCH_STALL_H

#include "base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

struct ordo_stall {
    pthread_t thread;
    pid_t pid;
    uint64_t after_ns;
    uint64_t stall_ns; /* 0 = there is none */
};

/* From after_ns on, for stall_ns, pid is stopped (SIGSTOP, SIGCONT). Returns at once; end is owed.
 * stall_ns 0 does nothing. */
enum ordo_err ordo_stall_begin(
    struct ordo_stall *stall,
    pid_t pid,
    uint64_t after_ns,
    uint64_t stall_ns,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Waits until it is over; the process runs again. */
void ordo_stall_end(struct ordo_stall *stall);

#endif
