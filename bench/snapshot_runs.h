/* snapshot_runs.h - a node without doors for `ordo bench snapshot`: ring, apply, journal and
 * snapshotter as a server puts them together, a generator in the place of the doors and a histogram
 * in the place of the replies.
 *
 * The generator has a request of several commands for every so many nanoseconds and puts each when
 * its time has come, or as soon as there is room after it: a command's latency runs from the time
 * at which it should have been sent until it is durable (open loop). All agents share one thread,
 * the snapshotter has another; the caller's is the third and sleeps.
 */
#ifndef ORDO_BENCH_SNAPSHOT_RUNS_H
#define ORDO_BENCH_SNAPSHOT_RUNS_H

#include "base/histogram.h"
#include "bench/apply_load.h"
#include "journal/journal.h"
#include "pipeline/pipeline.h"
#include "pipeline/snapshotter.h"
#include "snapshots/snapshots.h"

struct ordo_steady_config {
    const char *dir;
    uint32_t live;       /* orders alive at any time */
    uint32_t orders_max; /* that are made in all */
    uint32_t rate;       /* commands a second */
    uint32_t request;    /* commands that come at once */
    uint32_t spread;     /* percent of the commands that are for any live order */
    uint64_t pool_size;  /* bytes, of the snapshotter */
};

struct ordo_steady {
    struct ordo_steady_config config;
    struct ordo_arena arena;
    struct ordo_state *state;
    struct ordo_journal *journal;
    struct ordo_pipeline pipeline;
    struct ordo_snapshots snapshots;
    struct ordo_snapshotter snapshotter;
    bool running;
    char backend[48];

    /* the engine's thread */
    struct ordo_load load;
    struct ordo_load_words words;
    struct ordo_command command; /* made, and not put yet when `held` */
    bool held;
    bool flowing;
    uint64_t step_ns; /* between two requests */
    uint64_t due_ns;  /* of the next request; monotonic */
    uint32_t put;     /* commands of it that were put */
    struct ordo_histogram histogram;
    uint64_t late; /* requests that were put more than 1 ms after their time */
    struct ordo_sequence phase_seen;
    struct ordo_sequence is_set_up;
    struct ordo_sequence refused;
    struct ordo_sequence orders; /* made so far */

    /* the caller's */
    struct ordo_sequence phase; /* odd: latencies count */
    struct ordo_sequence stop;
};

/* What one phase has measured. */
struct ordo_steady_phase {
    double seconds;
    uint64_t commands;
    const struct ordo_histogram *latency; /* of this phase, ns; good until the next one */
    uint64_t chunks;                      /* of the snapshot; 0 = there was none */
    uint64_t late;
};

/* Makes the folder's journal, decides the set-up (durably) and lets the load flow. Blocks. */
enum ordo_err ordo_steady_open(
    struct ordo_steady *steady,
    const struct ordo_steady_config *config,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Ends the threads and removes the files; accepts what a failed open has left. */
void ordo_steady_close(struct ordo_steady *steady);

/* The load for so long, without a snapshot. */
enum ordo_err ordo_steady_quiet(
    struct ordo_steady *steady,
    uint64_t limit_ns,
    struct ordo_steady_phase *out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The load from the wish for a snapshot until it is complete. whole: every chunk of it. */
enum ordo_err ordo_steady_snapshot(
    struct ordo_steady *steady, bool whole, struct ordo_steady_phase *out, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
