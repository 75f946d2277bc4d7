/* timeline.h - what happened in each slice of a run: commands that were due, answers, BUSYs, and
 * the p99 of what was due in it. One thread.
 */
#ifndef ORDO_BENCH_TIMELINE_H
#define ORDO_BENCH_TIMELINE_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

#define ORDO_TIMELINE_SLICES_MAX 36000u

enum ordo_timeline_kind {
    ORDO_TIMELINE_CREATE,
    ORDO_TIMELINE_FACT,
    ORDO_TIMELINE_OTHER,
    ORDO_TIMELINE_KINDS
};

struct ordo_timeline_slice {
    uint64_t offered[ORDO_TIMELINE_KINDS];
    uint64_t answered[ORDO_TIMELINE_KINDS];
    uint64_t busy;
    uint32_t *latencies_us[ORDO_TIMELINE_KINDS]; /* of those that were due here */
    uint32_t counts[ORDO_TIMELINE_KINDS];
    uint32_t rooms[ORDO_TIMELINE_KINDS];
};

struct ordo_timeline {
    uint64_t begin_ns;
    uint64_t slice_ns;
    uint32_t used; /* slices up to the last that has something */
    struct ordo_timeline_slice *slices;
};

/* Times of the calls below are of the same clock as begin_ns; what lies behind the last slice is
 * counted in it. NO_MEMORY. */
enum ordo_err ordo_timeline_init(
    struct ordo_timeline *timeline, uint64_t begin_ns, uint64_t slice_ns) ORDO_MUST_USE;
void ordo_timeline_fini(struct ordo_timeline *timeline);

void ordo_timeline_offered(
    struct ordo_timeline *timeline, enum ordo_timeline_kind kind, uint64_t due_ns);
void ordo_timeline_answered(
    struct ordo_timeline *timeline, enum ordo_timeline_kind kind, uint64_t due_ns, uint64_t now_ns);
void ordo_timeline_busy(struct ordo_timeline *timeline, uint64_t now_ns, uint64_t count);

/* us; 0 when nothing was due. Sorts the slice's latencies. */
uint32_t
ordo_timeline_p99(struct ordo_timeline *timeline, uint32_t slice, enum ordo_timeline_kind kind);

/* Answers of a kind between two times, both from the begin. */
uint64_t ordo_timeline_sum(
    const struct ordo_timeline *timeline,
    enum ordo_timeline_kind kind,
    uint64_t from_ns,
    uint64_t until_ns);

/* One row a slice behind a head line. */
void ordo_timeline_write_csv(struct ordo_timeline *timeline, FILE *out);

#endif
