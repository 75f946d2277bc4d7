/* pipeline.h - THE stage graph, on one screen.
 *
 *   doors ─▶ ingress ─▶ [ring] ─▶ apply ─▶ journal ─┬▶ reply ───┬─▶ released: the producer may go
 * on (net)                                  └▶ publish ─┘
 *
 *   released <= durable <= applied <= published <= released + capacity
 *
 * Apply and the ring are of this layer; the agents of ingress, journal, reply and publish are
 * passed in by whoever assembles a node (tools/ordo/assemble.c), so that this layer knows neither
 * disk nor network.
 */
#ifndef ORDO_PIPELINE_PIPELINE_H
#define ORDO_PIPELINE_PIPELINE_H

#include "pipeline/apply_stage.h"
#include "pipeline/ingress.h"

#define ORDO_PIPELINE_RUNNERS_MAX 5
#define ORDO_PIPELINE_CPUS_MAX    8

/* Which agents share a thread. On two cores SHARED is as fast as more, and leaves a core to the
 * network. */
enum ordo_pipeline_layout {
    ORDO_PIPELINE_SHARED,    /* all five agents on one thread */
    ORDO_PIPELINE_COMPACT,   /* ingress, apply, journal | reply, publish */
    ORDO_PIPELINE_DEDICATED, /* a thread each */
};

struct ordo_pipeline_config {
    enum ordo_pipeline_layout layout;
    enum ordo_wait_strategy strategy;
    int cpus[ORDO_PIPELINE_CPUS_MAX]; /* of the threads in the order above; the rest float */
    uint32_t cpu_count;
    uint64_t slots;
    uint64_t command_bytes;
    uint64_t outcome_bytes;
    uint64_t sample_every; /* one command in so many carries stamps (stamps.h); 0 = none */
};

struct ordo_pipeline_agents {
    struct ordo_agent ingress;
    struct ordo_agent journal;
    struct ordo_agent reply;
    struct ordo_agent publish;
    struct ordo_agent beside_apply; /* runs behind apply on its thread; without do_work: none */
};

struct ordo_pipeline {
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_timekeeper keeper;
    struct ordo_ingress ingress;
    struct ordo_apply_stage apply;
    struct ordo_stage journal; /* behind apply; its sequence is the durable cursor */
    struct ordo_stage reply;   /* behind durable */
    struct ordo_stage publish; /* behind durable */
    struct ordo_runner runners[ORDO_PIPELINE_RUNNERS_MAX];
    uint32_t runner_count;
    struct ordo_runner *ingress_runner; /* whose waker the doors signal */
    struct ordo_runner *apply_runner;   /* whose waker the snapshotter signals */
    struct ordo_runner *journal_runner; /* whose waker the disk takes over */
};

/* Rings, stages and barriers. last_us: the journal's last stamp. Starter thread. CONFIG or
 * NO_MEMORY. */
enum ordo_err ordo_pipeline_init(
    struct ordo_pipeline *pipeline,
    const struct ordo_pipeline_config *config,
    struct ordo_arena *arena,
    struct ordo_state *state,
    struct ordo_clock clock,
    uint64_t last_us,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Lays the agents out on runners; refuses spinning threads that are more than the cores. Starter
 * thread. */
enum ordo_err ordo_pipeline_lay_out(
    struct ordo_pipeline *pipeline,
    const struct ordo_pipeline_config *config,
    const struct ordo_pipeline_agents *agents,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Starts every runner; on an error those started are stopped again. */
enum ordo_err
ordo_pipeline_start(struct ordo_pipeline *pipeline, struct ordo_fail *fail) ORDO_MUST_USE;

/* Drains and ends every runner, in the order of the flow. Blocks. The doors take nothing more by
 * then. */
void ordo_pipeline_stop(struct ordo_pipeline *pipeline);

#endif
