/* journal_runs.h - the measurements behind `ordo bench journal`: a journal fed as fast as it takes.
 * On the calling thread, in slices that take turns with the plain writer's (journal_bound.h). All
 * block.
 */
#ifndef ORDO_BENCH_JOURNAL_RUNS_H
#define ORDO_BENCH_JOURNAL_RUNS_H

#include "base/histogram.h"
#include "bench/apply_load.h"
#include "bench/schedule.h"
#include "journal/journal.h"
#include "ring/sequencer.h"

#define ORDO_JOURNAL_RUN_RECORDS ORDO_LOAD_BLOCK /* decided commands, fed again and again */

/* Real commands with their outcomes, decided once; they lie in the rings for good. */
struct ordo_feed {
    struct ordo_arena arena;
    struct ordo_load load;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_journal *journal;
    struct ordo_waker waker; /* of this thread, when it parks as a journal's does */
    char dir[256];
    uint64_t seq;
    uint64_t update_seq;
};

/* Decides the commands and opens a journal in dir/journal. */
enum ordo_err
ordo_feed_open(struct ordo_feed *feed, const char *dir, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_feed_close(struct ordo_feed *feed); /* removes the folder */

/* Feeds for a time, then waits until all is durable; *spent_ns is until then. */
enum ordo_err ordo_feed_bulk(
    struct ordo_feed *feed, uint64_t limit_ns, uint64_t *spent_ns, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* One command, until it is durable; parked meanwhile. */
enum ordo_err
ordo_feed_one(struct ordo_feed *feed, uint64_t *spent_ns, struct ordo_fail *fail) ORDO_MUST_USE;

/* Records offered at so many a second for a time, open loop; latencies from the time at which each
 * should have been pushed until it is durable are added. Parked when there is nothing to do. */
enum ordo_err ordo_feed_offered(
    struct ordo_feed *feed,
    uint64_t rate,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
