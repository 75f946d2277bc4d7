/* runner.h - agents on threads: each agent has a duty cycle that returns how much it did.
 *
 * A runner is one thread with one or several agents, run in turn. When none had work it waits by
 * its strategy. Which agent runs on which runner is configuration (engine/pipeline). After Aeron's
 * agents and idle strategies.
 *
 * Whoever sleeps is woken by its peers: list as peers of a runner all those that read what its
 * agents write, the stage behind as well as the one before (which may wait for room).
 *
 * Stop drains: ordo_runner_stop() asks; each agent goes on until a cycle of the whole runner finds
 * no work and the agent's `is_drained` says so; then on_close runs on the thread, last agent first,
 * and it ends.
 */
#ifndef ORDO_RING_RUNNER_H
#define ORDO_RING_RUNNER_H

#include "base/thread.h"
#include "ring/wait.h"

#define ORDO_RUNNER_AGENTS_MAX 8
#define ORDO_RUNNER_PEERS_MAX  8

struct ordo_agent {
    const char *name; /* static text */
    void *self;
    uint32_t (*do_work)(void *self); /* one duty cycle: the work count; never blocks */
    void (*on_start)(void *self);    /* on the thread, before the first cycle; may be NULL */
    bool (*is_drained)(void *self);  /* asked after stop; NULL = always */
    void (*on_close)(void *self);    /* on the thread, after the last cycle; may be NULL */
    uint64_t (*deadline_ns)(
        void *self); /* monotonic time of the next work by time; NULL or UINT64_MAX = none */
};

struct ordo_runner {
    char name[ORDO_THREAD_NAME_MAX + 1];
    struct ordo_agent agents[ORDO_RUNNER_AGENTS_MAX];
    uint32_t agent_count;
    struct ordo_waker waker;
    struct ordo_waker *peers[ORDO_RUNNER_PEERS_MAX]; /* woken after start, work and close */
    uint32_t peer_count;
    enum ordo_wait_strategy strategy;
    int cpu;
    struct ordo_thread thread;
    _Atomic uint32_t stopping;
    _Atomic uint64_t cycles; /* duty cycles with work, for `ordo top` */
    uint64_t idle_cycles;    /* owner only */
};

/* Starter thread. */
void ordo_runner_init(
    struct ordo_runner *runner, const char *name, enum ordo_wait_strategy strategy, int cpu);
void ordo_runner_add(struct ordo_runner *runner, struct ordo_agent agent);
void ordo_runner_add_peer(struct ordo_runner *runner, struct ordo_waker *peer);

/* Starts the thread; the runner must not move afterwards. Errors as ordo_thread_start. */
enum ordo_err ordo_runner_start(struct ordo_runner *runner) ORDO_MUST_USE;

/* Asks the thread to drain and end; any thread, does not block. */
void ordo_runner_stop(struct ordo_runner *runner);

/* Waits for the end; does nothing when it was not started. */
void ordo_runner_join(struct ordo_runner *runner);

/* One cycle over all agents on the calling thread, for tests and simulation: the work count. */
uint32_t ordo_runner_cycle(struct ordo_runner *runner);

#endif
