/* sim: the whole node, its clients and everything that may go wrong between them, in one thread
 * and from one seed.
 *
 *   actors ─▶ net ─▶ door ─▶ the node's fibers ─▶ simfs, disk
 *      │                          │ decisions
 *      └──── answers ─▶ truth ◀───┘ ─▶ oracle
 *
 * A step is one event: an actor's act, what a fiber does until it waits, a write that is done,
 * bytes that arrive, a crash. All that is due at a moment is drawn from; when nothing is, time
 * goes on to the next that will be. A seed is a row of worlds, each with an empty disk, a history
 * of its own and a drawn subset of the faults (swarm).
 */
#include "sim.h"

#include "actors.h"
#include "disk.h"
#include "door.h"
#include "fiber.h"
#include "host.h"
#include "net.h"
#include "node.h"
#include "plague.h"
#include "readers.h"
#include "trace.h"
#include "truth.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"

#include <inttypes.h>
#include <ordo_version.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DUES_MAX  64
#define END_STEPS 30000 /* a world that does not come to its end in so many hangs */

struct sim sim;

bool trace_on;

void trace(const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    printf("%8" PRIu64 " %12.6f ", sim.step, (double)host_clock.now_ns / 1e9);
    (void)vprintf(format, rest);
    printf("\n");
    va_end(rest);
}

#define TRACE(...)                                                                                 \
    do {                                                                                           \
        if (trace_on) {                                                                            \
            trace(__VA_ARGS__);                                                                    \
        }                                                                                          \
    } while (0)

static uint32_t below(uint32_t bound)
{
    return sim_random(&host_random, bound);
}

/* ---- what is due ---- */

enum due_kind { DUE_FIBER, DUE_DISK, DUE_NET, DUE_ACTOR, DUE_READER, DUE_START };

struct due {
    enum due_kind kind;
    uint32_t index;
};

struct dues {
    struct due list[DUES_MAX];
    uint32_t count;
    uint64_t next_ns; /* when nothing is due now */
};

static void add_due(struct dues *dues, enum due_kind kind, uint32_t index, uint64_t due_ns)
{
    if (due_ns <= host_clock.now_ns) {
        ORDO_ASSERT(dues->count < DUES_MAX);
        dues->list[dues->count++] = (struct due){kind, index};
    }
    dues->next_ns = due_ns < dues->next_ns ? due_ns : dues->next_ns;
}

static void find_dues(struct dues *dues)
{
    uint64_t due_ns = 0;
    dues->count = 0;
    dues->next_ns = UINT64_MAX;
    for (uint32_t i = 0; fiber_at(i, &due_ns) != NULL; i++) {
        add_due(dues, DUE_FIBER, i, due_ns);
    }
    for (uint32_t i = 0; actors_due_ns(i, &due_ns); i++) {
        add_due(dues, DUE_ACTOR, i, due_ns);
    }
    for (uint32_t i = 0; readers_due_ns(i, &due_ns); i++) {
        add_due(dues, DUE_READER, i, due_ns);
    }
    add_due(dues, DUE_DISK, 0, disk_due_ns());
    add_due(dues, DUE_NET, 0, net_server_due_ns());
    add_due(dues, DUE_START, 0, plague_start_ns());
}

/* ---- steps ---- */

static void run_due(const struct due *due)
{
    uint64_t due_ns = 0;
    struct fiber *fiber = NULL;
    switch (due->kind) {
    case DUE_FIBER:
        fiber = fiber_at(due->index, &due_ns);
        ORDO_ASSERT(fiber != NULL);
        TRACE("run %s", fiber_name(fiber));
        fiber_resume(fiber);
        break;
    case DUE_DISK:
        TRACE("a write is done");
        disk_step();
        break;
    case DUE_NET:
        TRACE("bytes arrive");
        door_step();
        break;
    case DUE_ACTOR:
        TRACE("actor %u", due->index);
        actors_act(due->index);
        break;
    case DUE_READER:
        TRACE("subscriber %u", due->index);
        readers_act(due->index);
        break;
    case DUE_START:
        plague_start(&nodes[0]);
        break;
    }
}

static void step(void)
{
    struct dues dues;
    uint64_t before = host_clock.now_ns;
    uint64_t paused = actors_counts.pauses_us;
    find_dues(&dues);
    if (dues.count == 0) {
        ORDO_ASSERT(dues.next_ns != UINT64_MAX);
        host_clock.now_ns = dues.next_ns;
        find_dues(&dues);
    }
    const struct due *due = &dues.list[below(dues.count)];
    run_due(due);
    plague_look(&nodes[0]);
    plague_strike(&nodes[0]);
    host_clock.now_ns += 1000 + below(8000);
    sim.step++;
    sim.sim_ns += host_clock.now_ns - before - (actors_counts.pauses_us - paused) * ORDO_NS_PER_US;
    uint64_t facts[3] = {due->kind, due->index, host_clock.now_ns};
    sim.digest = ordo_hash64(facts, sizeof(facts), sim.digest);
    if (sim.step % 4096 == 0 && nodes[0].phase == NODE_UP) {
        truth_compare(nodes[0].node.replay.state);
    }
}

/* ---- worlds ---- */

static bool begin_world(uint64_t number)
{
    struct sim_node *n = &nodes[0];
    sim.worlds++;
    host_clock = (struct host_clock){.now_ns = ORDO_NS_PER_S};
    disk_begin();
    net_begin();
    if (!truth_begin()) {
        (void)fprintf(stderr, "sim: no memory\n");
        return false;
    }
    n->phase = NODE_DOWN;
    n->damaged = NODE_WHOLE;
    node_draw(n);
    plague_begin();
    actors_begin(sim.seed * 1000 + number);
    readers_begin();
    return true;
}

/* Every subscriber gets everything. */
static void catch_up(uint64_t last)
{
    while (!truth_failed() && sim.step < last) {
        struct ordo_head_values head = truth_head();
        bool all = head.seq == truth_decided_seq() &&
                   readers_have(head.update_seq, head.stream_hash.low, head.stream_hash.high);
        if (all) {
            return;
        }
        step();
    }
    if (!truth_failed()) {
        truth_fail("a subscriber does not come to the end of the stream");
    }
}

/* Everything gets its end without faults, then the node stops and starts once more. */
static void end_world(void)
{
    struct sim_node *n = &nodes[0];
    uint64_t last = sim.step + END_STEPS;
    actors_make(false);
    plague_end();
    while (n->damaged != NODE_WHOLE && !truth_failed() && !plague_is_over()) {
        step(); /* to the verdict */
    }
    bool over = plague_is_over();
    while (!over && !truth_failed() && sim.step < last &&
           (actors_open() != 0 || n->phase != NODE_UP)) {
        step();
    }
    if (!over && !truth_failed() && sim.step >= last) {
        truth_fail("%u commands have no end, phase %u", actors_open(), n->phase);
    }
    if (!over && !truth_failed()) {
        node_stop(n);
        while (!truth_failed() && n->phase == NODE_STOPPING) {
            step();
        }
        uint64_t starts = n->starts;
        while (!truth_failed() && (n->starts == starts || n->phase != NODE_UP)) {
            step();
        }
        truth_dump();
        catch_up(last);
    }
    node_kill(n, false);
    actors_end();
    readers_end();
    sim.digest = ordo_hash64(&sim.digest, sizeof(sim.digest), truth_hash() ^ disk_hash());
}

bool sim_is_damaged(void)
{
    return nodes[0].damaged != NODE_WHOLE;
}

uint64_t sim_run(uint64_t seed, uint64_t steps)
{
    sim.seed = seed;
    sim.step = 0;
    sim.digest = seed;
    host_random = (struct sim_random){seed * 0x9e3779b97f4a7c15u};
    for (uint64_t number = 0; sim.step < steps; number++) {
        if (!begin_world(number)) {
            exit(1);
        }
        while (!truth_failed() && sim.step < steps && !actors_are_done() && !plague_is_over()) {
            step();
        }
        end_world();
        if (truth_failed()) {
            return 0;
        }
    }
    return sim.digest | 1;
}
