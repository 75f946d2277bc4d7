/* snapshotter.h - snapshots while the engine runs: a cut on apply's thread, its writing on another.
 *
 *   apply's runner: begin, copy between batches and before writes ─▶ pool ─▶ snapshot thread ─▶
 * port
 *
 * The pool is bounded and nothing of it gates the ring. Half of it is for the copies of the duty
 * cycles, all of it for those before writes; when it is full under a write the cut is given up and
 * tried again. Whatever goes wrong is logged and counted, and the node goes on. Where snapshots lie
 * is the port's business. A snapshot is finished only when everything in it is durable.
 */
#ifndef ORDO_PIPELINE_SNAPSHOTTER_H
#define ORDO_PIPELINE_SNAPSHOTTER_H

#include "order/cut.h"
#include "pipeline/apply_stage.h"

#define ORDO_SNAPSHOTTER_POOL_MIN (1u << 18) /* bytes */

/* What a snapshot is of, for the port's last step. */
struct ordo_snapshotter_cut {
    struct ordo_head_values head;
    uint32_t section_count;
    const uint32_t *chunk_counts; /* of each section */
};

/* Where snapshots go. Snapshot thread; may block. Begin is followed by puts and then by finish or
 * abandon; after an error of any but finish comes abandon. */
struct ordo_snapshotter_port {
    void *self;
    /* Chooses an environment: its mark, and whether all chunks must come. */
    enum ordo_err (*begin)(void *self, enum ordo_mark *mark, bool *whole, struct ordo_fail *fail)
        ORDO_MUST_USE;
    enum ordo_err (*put)(
        void *self,
        uint32_t section,
        uint32_t chunk,
        struct ordo_bytes bytes,
        struct ordo_fail *fail) ORDO_MUST_USE;
    enum ordo_err (*finish)(
        void *self, const struct ordo_snapshotter_cut *cut, struct ordo_fail *fail) ORDO_MUST_USE;
    void (*abandon)(void *self);
};

struct ordo_snapshotter_config {
    uint64_t every_records; /* 0 = only when asked */
    uint64_t pool_size;     /* bytes */
};

struct ordo_snapshotter_stats {
    uint64_t made;
    uint64_t given_up; /* cuts, for want of room in the pool */
    uint64_t failed;   /* snapshots, by the port */
    uint64_t seq;      /* of the newest that was made */
    uint64_t chunks;   /* of it */
};

struct ordo_snapshotter_entry; /* snapshotter.c */

struct ordo_snapshotter {
    struct ordo_apply_stage *apply;
    const struct ordo_sequence *durable; /* the journal's cursor */
    struct ordo_snapshotter_port port;
    uint64_t every_records;
    struct ordo_waker *apply_waker;

    /* apply's thread */
    struct ordo_cut cut;
    struct ordo_byte_ring pool;
    struct ordo_snapshotter_entry *entries;
    uint64_t entry_count; /* a power of two */
    uint64_t begun;       /* number of the cut under way, or of the last */
    uint64_t begun_seq;   /* of the last cut, or of the start */
    uint64_t begun_cursor;
    bool stepping; /* a copy by the duty cycle: leaves half of the pool */
    bool full;
    struct ordo_sequence filled; /* entries */
    struct ordo_sequence ended;  /* number of the last cut that is done or given up */
    struct ordo_sequence due;    /* snapshots that are due by their number of records */

    /* the snapshot thread */
    struct ordo_sequence asked;   /* number of cuts asked for, with mark and whole */
    struct ordo_sequence dropped; /* the cut that is not wanted any more */
    struct ordo_sequence taken;   /* entries */
    enum ordo_mark asked_mark;
    bool asked_whole;
    uint64_t served_due;
    uint64_t served_wanted;
    struct ordo_sequence made;
    struct ordo_sequence given_up;
    struct ordo_sequence failed;
    struct ordo_sequence made_seq;
    struct ordo_sequence made_chunks;

    /* the starter */
    struct ordo_sequence wanted;
    struct ordo_sequence stopping;
    struct ordo_waker waker;
    struct ordo_thread thread;
};

/* Starter thread. NO_MEMORY. */
enum ordo_err ordo_snapshotter_init(
    struct ordo_snapshotter *snapshotter,
    const struct ordo_snapshotter_config *config,
    const struct ordo_snapshotter_port *port,
    struct ordo_apply_stage *apply,
    const struct ordo_sequence *durable,
    struct ordo_arena *arena,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* For apply's runner, behind apply. */
struct ordo_agent ordo_snapshotter_agent(struct ordo_snapshotter *snapshotter);

/* Starts the thread. apply_waker: of the runner that the agent is on. */
enum ordo_err ordo_snapshotter_start(
    struct ordo_snapshotter *snapshotter,
    struct ordo_waker *apply_waker,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One more snapshot, as soon as possible. Starter thread; does not block. */
void ordo_snapshotter_ask(struct ordo_snapshotter *snapshotter);

/* Gives up what is under way and ends the thread. Before the pipeline stops. Starter
 * thread, or another one that stops the node for it. */
void ordo_snapshotter_stop(struct ordo_snapshotter *snapshotter);

/* Any thread; each number is of its own time. */
void ordo_snapshotter_stats(
    const struct ordo_snapshotter *snapshotter, struct ordo_snapshotter_stats *stats);

#endif
