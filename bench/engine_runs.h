/* engine_runs.h - the measurements behind `ordo bench engine`: the whole engine in this process, on
 * the calling thread, without a network.
 *
 *   commands made ahead ─▶ ring ─▶ apply ─▶ journal, durable ─▶ released
 *
 * One cycle runs each stage once, as a node's shared layout does, and polls the disk. Everything
 * blocks. The journal is a whole one, from the set-up's first command on.
 */
#ifndef ORDO_BENCH_ENGINE_RUNS_H
#define ORDO_BENCH_ENGINE_RUNS_H

#include "base/histogram.h"
#include "bench/apply_load.h"
#include "bench/journal_bound.h"
#include "journal/journal.h"
#include "pipeline/pipeline.h"

#define ORDO_ENGINE_AHEAD  (1u << 20) /* commands made before a measurement, at most */
#define ORDO_ENGINE_SAMPLE 64u        /* as a node's ring.sample */

struct ordo_engine_config {
    const char *dir; /* the journal's folder is made below it; must outlive the engine */
    uint32_t live;   /* orders */
    uint32_t orders_max;
    enum ordo_durability durability;
};

struct ordo_engine {
    struct ordo_arena arena;
    struct ordo_load load; /* makes the commands */
    struct ordo_state *state;
    struct ordo_pipeline pipeline;
    struct ordo_journal *journal;
    struct ordo_agent apply;
    struct ordo_spans *spans; /* the caller's; NULL = nobody's */
    uint64_t next_sample;     /* of the release, which tells the samples */
    uint8_t *bytes;           /* of the commands made ahead */
    struct ordo_bytes *commands;
    uint64_t made;
    uint64_t pushed; /* of them */
    uint64_t refused;
    char dir[256];

    /* a paced run */
    const struct ordo_offer *offer;
    struct ordo_histogram *latency;
    uint64_t begin_ns;
    uint64_t first_cursor;
};

/* What a run did. */
struct ordo_engine_count {
    uint64_t commands;
    uint64_t transitions;
    double seconds; /* until the last one was durable */
};

/* Opens a journal, sets the load up through all stages. On an error close is owed, too. */
enum ordo_err ordo_engine_open(
    struct ordo_engine *engine,
    const struct ordo_engine_config *config,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_engine_close(struct ordo_engine *engine);

/* At least so many commands for the next runs, at most ORDO_ENGINE_AHEAD; outside of all measured
 * times. False when there is no room for their orders. */
bool ordo_engine_make(struct ordo_engine *engine, uint32_t count) ORDO_MUST_USE;

/* One command in `every` carries stamps from now on, ORDO_ENGINE_SAMPLE or 0, and is told to spans
 * (the caller's, not NULL). While nothing is in the ring. */
void ordo_engine_sample(struct ordo_engine *engine, uint64_t every, struct ordo_spans *spans);

/* As fast as it goes, until the time is over or what was made is used up; then until all is
 * durable. */
enum ordo_err ordo_engine_bulk(
    struct ordo_engine *engine,
    uint64_t limit_ns,
    struct ordo_engine_count *count,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* offer->count commands, each when it is due; latencies from then until durable. */
enum ordo_err ordo_engine_paced(
    struct ordo_engine *engine,
    const struct ordo_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One command, until it is durable. */
enum ordo_err ordo_engine_one(
    struct ordo_engine *engine, uint64_t *spent_ns, struct ordo_fail *fail) ORDO_MUST_USE;

/* Bytes of a record in the journal so far, its header included. */
uint32_t ordo_engine_record_size(const struct ordo_engine *engine);

/* Every page of an arena once, as a server does that takes its memory at start: clearing them is
 * the kernel's work and not what is measured. */
void ordo_engine_touch(const struct ordo_arena *arena);

#endif
