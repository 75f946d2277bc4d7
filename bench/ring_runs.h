/* ring_runs.h - the single measurements behind `ordo bench ring`.
 *
 * Each builds its own runners over memory that was taken before, runs for a while and checks what
 * was handed over. All run on the calling thread and on threads of their own, and block.
 */
#ifndef ORDO_BENCH_RING_RUNS_H
#define ORDO_BENCH_RING_RUNS_H

#include "base/histogram.h"
#include "ring/ring.h"
#include "ring/wait.h"

#define ORDO_RING_RUN_STAGES_MAX 3

struct ordo_ring_run {
    struct ordo_ring *ring;
    uint32_t batch;  /* slots of one claim and one publish */
    uint32_t stages; /* each waits for the one before; the producer for the last */
    bool compact;    /* all stages on one runner, else each on its own */
    enum ordo_wait_strategy strategy;
    int cpus[2]; /* of producer and first stage; ORDO_CPU_ANY = not pinned */
    uint64_t duration_ns;
};

/* Slots a second through all stages. INVALID when a stage has not seen exactly what was produced,
 * else as ordo_runner_start. */
enum ordo_err ordo_ring_run_flow(
    const struct ordo_ring_run *run, double *per_second, struct ordo_fail *fail) ORDO_MUST_USE;

/* Round trips between two runners, each stamped by one clock reading; adds them to times. */
enum ordo_err ordo_ring_run_ping_pong(
    const struct ordo_ring_run *run,
    struct ordo_histogram *times,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The same round trips between two bare loops: what the two cores can do at best. Stamped in the
 * same way, and, in *mean_ns, without a clock in the loop. */
enum ordo_err ordo_ring_run_bare(
    const struct ordo_ring_run *run,
    struct ordo_histogram *times,
    double *mean_ns,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
