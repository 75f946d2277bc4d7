#include "pipeline/pipeline.h"

#include "base/assert.h"
#include "base/canary.h"

#include <string.h>

enum ordo_err ordo_pipeline_init(
    struct ordo_pipeline *pipeline,
    const struct ordo_pipeline_config *config,
    struct ordo_arena *arena,
    struct ordo_state *state,
    struct ordo_clock clock,
    uint64_t last_us,
    struct ordo_fail *fail)
{
    memset(pipeline, 0, sizeof(*pipeline));
    enum ordo_err err = ordo_ring_init(
        &pipeline->ring, arena, config->slots, config->command_bytes, config->outcome_bytes, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_ring *ring = &pipeline->ring;
    err = ordo_stamps_init(&ring->stamps, arena, ring->capacity, config->sample_every, clock, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&pipeline->sequencer, ring);
    err = ordo_apply_stage_init(&pipeline->apply, arena, &pipeline->sequencer, state);
    if (err != ORDO_OK) {
        return ordo_fail_set(
            fail,
            err,
            "no memory for the apply stage of %llu slots",
            (unsigned long long)ring->capacity);
    }
    ordo_stage_init(&pipeline->journal, "journal", ring, 0);
    ordo_stage_init(&pipeline->reply, "reply", ring, 0);
    ordo_stage_init(&pipeline->publish, "publish", ring, 0);
    pipeline->apply.stage.stamp = ORDO_STAMP_APPLY;
    pipeline->journal.stamp = ORDO_STAMP_DURABLE;

    ordo_barrier_add(&pipeline->journal.barrier, &pipeline->apply.stage.sequence);
    ordo_barrier_add(
        &pipeline->reply.barrier,
        ORDO_CANARY(reply_before_durable) ? &pipeline->apply.stage.sequence
                                          : &pipeline->journal.sequence);
    ordo_barrier_add(
        &pipeline->publish.barrier,
        ORDO_CANARY(publish_before_durable) ? &pipeline->apply.stage.sequence
                                            : &pipeline->journal.sequence);
    ordo_barrier_add(&pipeline->sequencer.gate, &pipeline->reply.sequence);
    ordo_barrier_add(&pipeline->sequencer.gate, &pipeline->publish.sequence);

    ordo_timekeeper_init(&pipeline->keeper, clock, last_us);
    ordo_ingress_init(
        &pipeline->ingress,
        &pipeline->sequencer,
        &pipeline->keeper,
        &pipeline->apply.deadline_us,
        &pipeline->apply.stage.sequence);
    return ORDO_OK;
}

static struct ordo_runner *add_runner(
    struct ordo_pipeline *pipeline, const struct ordo_pipeline_config *config, const char *name)
{
    ORDO_ASSERT(pipeline->runner_count < ORDO_PIPELINE_RUNNERS_MAX);
    uint32_t index = pipeline->runner_count++;
    int cpu = index < config->cpu_count ? config->cpus[index] : ORDO_CPU_ANY;
    ordo_runner_init(&pipeline->runners[index], name, config->strategy, cpu);
    return &pipeline->runners[index];
}

enum ordo_err ordo_pipeline_lay_out(
    struct ordo_pipeline *pipeline,
    const struct ordo_pipeline_config *config,
    const struct ordo_pipeline_agents *agents,
    struct ordo_fail *fail)
{
    bool dedicated = config->layout == ORDO_PIPELINE_DEDICATED;
    bool shared = config->layout == ORDO_PIPELINE_SHARED;

    struct ordo_runner *front =
        add_runner(pipeline, config, shared ? "ordo-engine" : "ordo-ingress");
    struct ordo_runner *apply = dedicated ? add_runner(pipeline, config, "ordo-apply") : front;
    struct ordo_runner *journal = dedicated ? add_runner(pipeline, config, "ordo-journal") : front;
    struct ordo_runner *reply = shared ? front : add_runner(pipeline, config, "ordo-reply");
    struct ordo_runner *publish = dedicated ? add_runner(pipeline, config, "ordo-publish") : reply;

    ordo_runner_add(front, agents->ingress);
    ordo_runner_add(apply, ordo_apply_stage_agent(&pipeline->apply));
    if (agents->beside_apply.do_work != NULL) {
        ordo_runner_add(apply, agents->beside_apply);
    }
    ordo_runner_add(journal, agents->journal);
    ordo_runner_add(reply, agents->reply);
    ordo_runner_add(publish, agents->publish);
    pipeline->ingress_runner = front;
    pipeline->apply_runner = apply;
    pipeline->journal_runner = journal;

    int cores = ordo_thread_cpu_count();
    if (config->strategy == ORDO_WAIT_SPIN && (int)pipeline->runner_count > cores) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "%u spinning threads need %u cores and there are %d: use wait = park, or a layout with "
            "fewer threads",
            pipeline->runner_count,
            pipeline->runner_count,
            cores);
    }
    for (uint32_t i = 0; i < pipeline->runner_count; i++) {
        for (uint32_t j = 0; j < pipeline->runner_count; j++) {
            if (i != j) {
                ordo_runner_add_peer(&pipeline->runners[i], &pipeline->runners[j].waker);
            }
        }
    }
    return ORDO_OK;
}

enum ordo_err ordo_pipeline_start(struct ordo_pipeline *pipeline, struct ordo_fail *fail)
{
    for (uint32_t i = 0; i < pipeline->runner_count; i++) {
        struct ordo_runner *runner = &pipeline->runners[i];
        enum ordo_err err = ordo_runner_start(runner);
        if (err != ORDO_OK) {
            ordo_pipeline_stop(pipeline);
            return ordo_fail_set(
                fail, err, "thread %s on cpu %d could not be started", runner->name, runner->cpu);
        }
    }
    return ORDO_OK;
}

void ordo_pipeline_stop(struct ordo_pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->runner_count; i++) {
        if (pipeline->runners[i].thread.started) {
            ordo_runner_stop(&pipeline->runners[i]);
            ordo_runner_join(&pipeline->runners[i]);
        }
    }
}
