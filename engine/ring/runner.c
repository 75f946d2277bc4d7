/* A runner's life: start -> (cycle | wait)* -> drain -> close.
 *
 * Waiting goes down a ladder while cycle after cycle finds nothing, and starts at its top again
 * with the first work: keen polls without a pause, relaxed polls with pauses, polls with
 * sched_yield, then sleep. SPIN stays on the relaxed rung, YIELD on the one below. The rungs are
 * short: on two cores a thread that spins takes the time of the one it waits for.
 *
 * The keen rung answers a peer that takes turns with us within one transfer of a cache line. It
 * must not meet a peer that streams: every look takes the line that the producer writes next, and
 * both go in lock-step, several times slower. A stream shows itself: there is work again at the
 * very first look after work. Then, while the pieces are small, the runner pauses before it looks,
 * and a batch forms. Two that take turns never see that: the answer needs a transfer there and
 * back. A runner without peers, which has all stages itself, never pauses. Measured on two cores
 * with 120 ns a round trip: one consumer at batch 1 350 M slots/s and the ping-pong at the bare
 * round trip, in one strategy; relaxed polls alone make the ping-pong 1,650 ns, keen ones alone
 * make the consumer several times slower.
 *
 * Before a sleep the waker is announced and all agents run once more (wait.c says why that loses
 * no wake-up); the deadlines of the agents bound the sleep. There is no other bound: what an agent
 * waits for must be advanced by a peer, or signal the waker. Only while draining is the sleep
 * bounded, so that an agent whose is_drained depends on something outside cannot hang a stop. */
#include "ring/runner.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/clock.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define KEEN_POLLS  256 /* about 2 us: four times the round trip of cores that lie far apart */
#define SPIN_POLLS  272 /* 16 relaxed ones: some 30 us, less than the two wake-ups they may save */
#define YIELD_POLLS 288
#define STREAM_WORK 256 /* pieces of this size pay for their line transfer many times over */
#define DRAIN_NS    ORDO_NS_PER_MS

static void run(void *context);
static void start_agents(struct ordo_runner *runner);
static void close_agents(struct ordo_runner *runner);
static bool is_stopping(const struct ordo_runner *runner);
static bool is_drained(const struct ordo_runner *runner);
static uint32_t wait_for_work(struct ordo_runner *runner, uint32_t idle_polls);
static uint32_t park(struct ordo_runner *runner);
static uint64_t sleep_bound_ns(const struct ordo_runner *runner);
static void signal_peers(const struct ordo_runner *runner);

void ordo_runner_init(
    struct ordo_runner *runner, const char *name, enum ordo_wait_strategy strategy, int cpu)
{
    ORDO_ASSERT(strlen(name) <= ORDO_THREAD_NAME_MAX);
    memset(runner, 0, sizeof(*runner));
    (void)snprintf(runner->name, sizeof(runner->name), "%s", name);
    runner->strategy = strategy;
    runner->cpu = cpu;
    ordo_waker_init(&runner->waker);
    atomic_init(&runner->stopping, 0);
    atomic_init(&runner->cycles, 0);
}

void ordo_runner_add(struct ordo_runner *runner, struct ordo_agent agent)
{
    ORDO_ASSERT(runner->agent_count < ORDO_RUNNER_AGENTS_MAX);
    ORDO_ASSERT(agent.do_work != NULL);
    ORDO_ASSERT(!runner->thread.started);
    runner->agents[runner->agent_count++] = agent;
}

void ordo_runner_add_peer(struct ordo_runner *runner, struct ordo_waker *peer)
{
    ORDO_ASSERT(runner->peer_count < ORDO_RUNNER_PEERS_MAX);
    ORDO_ASSERT(peer != &runner->waker);
    ORDO_ASSERT(!runner->thread.started);
    runner->peers[runner->peer_count++] = peer;
}

enum ordo_err ordo_runner_start(struct ordo_runner *runner)
{
    ORDO_ASSERT(runner->agent_count != 0);
    ORDO_ASSERT(!runner->thread.started);
    if (runner->strategy != ORDO_WAIT_PARK) {
        ordo_waker_never_sleeps(&runner->waker);
    }
    return ordo_thread_start(&runner->thread, runner->name, runner->cpu, run, runner);
}

void ordo_runner_stop(struct ordo_runner *runner)
{
    atomic_store_explicit(&runner->stopping, 1, memory_order_seq_cst);
    ordo_waker_signal(&runner->waker);
}

void ordo_runner_join(struct ordo_runner *runner)
{
    ordo_thread_join(&runner->thread);
}

uint32_t ordo_runner_cycle(struct ordo_runner *runner)
{
    uint32_t work = 0;
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        struct ordo_agent *agent = &runner->agents[i];
        work += agent->do_work(agent->self);
    }
    if (work != 0) {
        uint64_t cycles = atomic_load_explicit(&runner->cycles, memory_order_relaxed);
        atomic_store_explicit(&runner->cycles, cycles + 1, memory_order_relaxed);
        signal_peers(runner);
    }
    return work;
}

static void run(void *context)
{
    struct ordo_runner *runner = context;
    uint32_t idle_polls = 0;

    start_agents(runner);
    signal_peers(runner); /* a start may advance a sequence, too */
    for (;;) {
        uint32_t work = ordo_runner_cycle(runner);
        if (work != 0) {
            if (idle_polls == 0 && work < STREAM_WORK && runner->peer_count != 0) {
                ordo_wait_pause(ORDO_WAIT_PAUSES);
            }
            idle_polls = 0;
            continue;
        }
        if (is_stopping(runner) && is_drained(runner)) {
            break;
        }
        runner->idle_cycles++;
        work = wait_for_work(runner, idle_polls);
        idle_polls = work != 0 ? 0 : idle_polls + 1;
    }
    close_agents(runner);
    signal_peers(runner); /* a peer's is_drained may depend on what was closed */
}

static void start_agents(struct ordo_runner *runner)
{
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        if (runner->agents[i].on_start != NULL) {
            runner->agents[i].on_start(runner->agents[i].self);
        }
    }
}

static void close_agents(struct ordo_runner *runner)
{
    for (uint32_t i = runner->agent_count; i > 0; i--) {
        if (runner->agents[i - 1].on_close != NULL) {
            runner->agents[i - 1].on_close(runner->agents[i - 1].self);
        }
    }
}

static bool is_stopping(const struct ordo_runner *runner)
{
    return atomic_load_explicit(&runner->stopping, memory_order_acquire) != 0;
}

static bool is_drained(const struct ordo_runner *runner)
{
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        const struct ordo_agent *agent = &runner->agents[i];
        if (agent->is_drained != NULL && !agent->is_drained(agent->self)) {
            return false;
        }
    }
    return true;
}

/* One step of the ladder: the work found on the way, which only park() can find. */
static uint32_t wait_for_work(struct ordo_runner *runner, uint32_t idle_polls)
{
    if (idle_polls < KEEN_POLLS) {
        return 0;
    }
    if (runner->strategy == ORDO_WAIT_SPIN || idle_polls < SPIN_POLLS) {
        ordo_wait_pause(ORDO_WAIT_PAUSES);
        return 0;
    }
    if (runner->strategy == ORDO_WAIT_YIELD || idle_polls < YIELD_POLLS) {
        (void)sched_yield();
        return 0;
    }
    return park(runner);
}

static uint32_t park(struct ordo_runner *runner)
{
    ordo_waker_announce(&runner->waker);
    uint32_t work = ORDO_CANARY(sleeps_without_a_look) ? 0 : ordo_runner_cycle(runner);
    uint64_t bound_ns = work != 0 ? 0 : sleep_bound_ns(runner);
    if (bound_ns == 0) {
        ordo_waker_cancel(&runner->waker);
    } else {
        ordo_waker_sleep(&runner->waker, bound_ns);
    }
    return work;
}

/* How long nothing can be due, from the agents' deadlines; 0 when something is. */
static uint64_t sleep_bound_ns(const struct ordo_runner *runner)
{
    uint64_t bound_ns = ORDO_WAIT_FOREVER;
    uint64_t earliest_ns = UINT64_MAX;
    if (is_stopping(runner)) {
        bound_ns = DRAIN_NS;
    }
    for (uint32_t i = 0; i < runner->agent_count; i++) {
        const struct ordo_agent *agent = &runner->agents[i];
        if (agent->deadline_ns != NULL) {
            uint64_t deadline_ns = agent->deadline_ns(agent->self);
            earliest_ns = deadline_ns < earliest_ns ? deadline_ns : earliest_ns;
        }
    }
    if (earliest_ns == UINT64_MAX) {
        return bound_ns;
    }
    struct ordo_clock clock = ordo_clock_system();
    uint64_t now_ns = ordo_clock_monotonic_ns(&clock);
    uint64_t left_ns = earliest_ns > now_ns ? earliest_ns - now_ns : 0;
    return left_ns < bound_ns ? left_ns : bound_ns;
}

static void signal_peers(const struct ordo_runner *runner)
{
    for (uint32_t i = 0; i < runner->peer_count; i++) {
        ordo_waker_signal(runner->peers[i]);
    }
}
