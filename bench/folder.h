/* folder.h - a folder of its own for what a benchmark writes, and the time. One thread; blocks.
 *
 * What was made is removed also when the benchmark is interrupted or killed: a process beside it
 * waits for its end.
 */
#ifndef ORDO_BENCH_FOLDER_H
#define ORDO_BENCH_FOLDER_H

#include "base/clock.h"
#include "base/err.h"

#define ORDO_BENCH_FOLDER 256

/* A new folder below dir; an error names it, and folder is "" then. */
enum ordo_err ordo_bench_folder_make(
    const char *dir, char folder[ORDO_BENCH_FOLDER], struct ordo_fail *fail) ORDO_MUST_USE;

/* The same for a folder that somebody else has made. */
void ordo_bench_folder_watch(const char *path);

/* With all that is in it. Accepts a path where there is nothing. */
void ordo_bench_folder_remove(const char *folder);

static inline uint64_t ordo_bench_now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

#endif
