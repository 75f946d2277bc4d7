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
#include "actors.h"
#include "disk.h"
#include "door.h"
#include "fiber.h"
#include "host.h"
#include "net.h"
#include "node.h"
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

#define SEEDS_DEFAULT 200
#define STEPS_DEFAULT 50000
#define DUES_MAX      64
#define END_STEPS     30000 /* a world that does not come to its end in so many hangs */

struct plan { /* steps between two, about; 0 = never in this world */
    uint32_t kill;
    uint32_t cut;
    uint32_t stop;
    uint32_t wall_jump;
    uint32_t deep; /* one restart in so many dies in its recovery */
    uint32_t sick; /* one start or stop in so many has a disk with many errors */
};

struct counts {
    uint64_t worlds;
    uint64_t kills;
    uint64_t cuts;
    uint64_t stops;
    uint64_t deep;
    uint64_t exits;      /* after a failed write */
    uint64_t stop_exits; /* of these, while it stopped */
    uint64_t wall_jumps;
    uint64_t held;
    uint64_t refused; /* starts for want of a disk that works */
};

static struct {
    uint64_t seed;
    uint64_t step;
    uint64_t steps_wanted;
    uint64_t sim_ns;
    uint64_t digest; /* over everything that happened */
    struct plan plan;
    uint32_t io_error_of; /* of this world's disk when it is well */
    struct counts counts;
    uint64_t start_ns; /* when the node is to be started */
    uint64_t exit_ns;  /* when a failed one is found to be */
} sim;

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
    add_due(dues, DUE_START, 0, sim.start_ns);
}

/* ---- starts and ends ---- */

static void plan_start(void)
{
    sim.start_ns = host_clock.now_ns + (1 + below(500)) * ORDO_NS_PER_MS;
    sim.exit_ns = UINT64_MAX;
}

/* Until the next start. */
static void fall_ill(void)
{
    disk_faults.io_error_of = host_chance(sim.plan.sick) ? 2 + below(30) : sim.io_error_of;
}

static void start(struct sim_node *n)
{
    sim.start_ns = UINT64_MAX;
    if (host_chance(2)) {
        node_draw(n);
    }
    fall_ill();
    TRACE("start: layout %u, backend %u", n->config.layout, n->config.backend);
    node_start(n);
    if (host_chance(sim.plan.deep)) {
        host_die_in(1 + below(1u << below(9)));
    }
}

static void kill_node(struct sim_node *n, bool power)
{
    TRACE("%s in phase %u", power ? "power cut" : "kill", n->phase);
    sim.counts.deep += n->phase == NODE_OPENING ? 1 : 0;
    sim.counts.kills += power ? 0 : 1;
    sim.counts.cuts += power ? 1 : 0;
    node_kill(n, power);
    if (power && host_chance(2)) {
        host_clock.wall_off_us += (int64_t)below(2000000) - 1000000;
    }
    plan_start();
}

static void refused(struct sim_node *n)
{
    TRACE("refused: %s: %s", ordo_err_name(n->err), n->fail.text);
    bool held = strstr(n->fail.text, "held at seq") != NULL;
    if (held) {
        sim.counts.held++;
        node_kill(n, false);
        disk_remove("replay.mark");
    } else if (n->err != ORDO_ERR_IO && n->err != ORDO_ERR_NO_SPACE) {
        truth_fail("a start was refused: %s", n->fail.text);
    } else {
        sim.counts.refused++;
        node_kill(n, false);
    }
    n->phase = NODE_DOWN;
    plan_start();
}

static void exit_failed(struct sim_node *n)
{
    TRACE("exit: %s", ordo_journal_fail(n->node.journal)->text);
    sim.counts.exits++;
    node_kill(n, host_chance(3));
    plan_start();
}

/* What has become of the node in this step. */
static void look(struct sim_node *n)
{
    if (host_is_dead()) {
        kill_node(n, host_chance(2));
        return;
    }
    if (n->phase == NODE_REFUSED) {
        refused(n);
        return;
    }
    node_look(n);
    if (n->phase == NODE_FAILED) {
        exit_failed(n);
        sim.counts.stop_exits++;
    }
    if (n->phase == NODE_DOWN && sim.start_ns == UINT64_MAX) {
        node_kill(n, false);
        plan_start();
    }
    if (n->phase == NODE_UP && ordo_journal_failed(n->node.journal)) {
        sim.exit_ns = sim.exit_ns != UINT64_MAX ? sim.exit_ns
                                                : host_clock.now_ns + below(50) * ORDO_NS_PER_MS;
        if (host_clock.now_ns >= sim.exit_ns) {
            exit_failed(n);
        }
    }
}

/* Backwards by anything; forwards never so far that command ids are forgotten (30 days), which the
 * oracle knows nothing of. */
static void jump(void)
{
    static const int64_t jumps_us[] = {
        ORDO_US_PER_S, 300 * ORDO_US_PER_S, ORDO_US_PER_H, ORDO_US_PER_DAY, 30 * ORDO_US_PER_DAY};
    int64_t jump_us = jumps_us[below(5)];
    uint64_t wall_us = host_wall_us();
    bool forwards = host_clock.wall_off_us + jump_us <= 5 * (int64_t)ORDO_US_PER_DAY;
    host_clock.wall_off_us += forwards && host_chance(2) ? jump_us : -jump_us;
    host_clock.frozen_us = host_chance(3) ? wall_us : 0;
    sim.counts.wall_jumps++;
    TRACE("the wall clock jumps");
}

static void plague(struct sim_node *n)
{
    if (n->phase != NODE_UP) {
        return;
    }
    if (host_chance(sim.plan.kill) || host_chance(sim.plan.cut)) {
        bool power = sim.plan.kill == 0 || (sim.plan.cut != 0 && host_chance(2));
        if (host_chance(2)) {
            host_die_in(1 + below(40));
        } else {
            kill_node(n, power);
        }
    } else if (host_chance(sim.plan.stop)) {
        TRACE("stop");
        sim.counts.stops++;
        fall_ill();
        node_stop(n);
    }
    if (host_chance(sim.plan.wall_jump)) {
        jump();
    }
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
        start(&nodes[0]);
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
    look(&nodes[0]);
    plague(&nodes[0]);
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

static uint32_t sometimes(uint32_t least)
{
    return host_chance(2) ? 0 : least << below(6);
}

/* Each world has some of the faults. */
static void draw_faults(void)
{
    sim.plan = (struct plan){
        .kill = sometimes(300),
        .cut = sometimes(300),
        .stop = sometimes(1000),
        .wall_jump = sometimes(500),
        .deep = host_chance(2) ? 0 : 2 + below(6),
        .sick = host_chance(2) ? 0 : 4 + below(6),
    };
    disk_faults = (struct disk_faults){
        .short_of = sometimes(8),
        .io_error_of = sometimes(400),
        .no_room_of = sometimes(4),
        .lag_us = 1u << below(16),
    };
    sim.io_error_of = disk_faults.io_error_of;
    net_faults = (struct net_faults){
        .delay_us = 1u << below(16),
        .slow_of = sometimes(16),
        .cut_of = sometimes(16),
        .silent_of = sometimes(64),
        .refuse_of = sometimes(4),
        .pub_drop_of = sometimes(2),
    };
}

static void end_faults(void)
{
    sim.plan = (struct plan){.kill = 0};
    disk_faults = (struct disk_faults){.lag_us = 100};
    sim.io_error_of = 0;
    net_faults = (struct net_faults){.delay_us = 100};
}

static bool begin_world(uint64_t number)
{
    struct sim_node *n = &nodes[0];
    sim.counts.worlds++;
    host_clock = (struct host_clock){.now_ns = ORDO_NS_PER_S};
    sim.start_ns = host_clock.now_ns;
    sim.exit_ns = UINT64_MAX;
    disk_begin();
    net_begin();
    if (!truth_begin()) {
        (void)fprintf(stderr, "sim: no memory\n");
        return false;
    }
    n->phase = NODE_DOWN;
    n->damaged = false;
    node_draw(n);
    draw_faults();
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
    end_faults();
    while (!truth_failed() && sim.step < last && (actors_open() != 0 || n->phase != NODE_UP)) {
        step();
    }
    if (!truth_failed() && sim.step >= last) {
        truth_fail("%u commands have no end, phase %u", actors_open(), n->phase);
    }
    if (!truth_failed()) {
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

/* The digest of everything that happened; 0 when a promise was broken. */
static uint64_t run_seed(uint64_t seed, uint64_t steps)
{
    sim.seed = seed;
    sim.step = 0;
    sim.digest = seed;
    sim.steps_wanted = steps;
    host_random = (struct sim_random){seed * 0x9e3779b97f4a7c15u};
    for (uint64_t number = 0; sim.step < steps; number++) {
        if (!begin_world(number)) {
            exit(1);
        }
        while (!truth_failed() && sim.step < steps && !actors_are_done()) {
            step();
        }
        end_world();
        if (truth_failed()) {
            return 0;
        }
    }
    return sim.digest | 1;
}

/* ---- the program ---- */

struct options {
    uint64_t seed;
    uint64_t seeds;
    uint64_t steps;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0) {
            trace_on = true;
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            options->seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && has_value) {
            options->seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--steps") == 0 && has_value) {
            options->steps = strtoull(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return true;
}

static void report_failure(const char *program, uint64_t seed, uint64_t steps)
{
    printf("R10 FAILED: seed %" PRIu64 ", step %" PRIu64 ": %s\n", seed, sim.step, truth_why());
    printf(
        "replay: %s --seed %" PRIu64 " --seeds 1 --steps %" PRIu64 " --trace\n",
        program,
        seed,
        steps);
}

static void report(
    const struct options *options,
    uint64_t seeds,
    uint64_t steps,
    uint64_t fails,
    uint64_t twice,
    double wall)
{
    const struct counts *c = &sim.counts;
    printf(
        "commands=%" PRIu64 " digests=%" PRIu64 " forgotten=%" PRIu64 " asked_again=%" PRIu64
        " sent=%" PRIu64 " resent=%" PRIu64 " unknown=%" PRIu64 " callbacks=%" PRIu64
        " worlds=%" PRIu64 " paused_s=%" PRIu64 " delivered=%" PRIu64 " refilled=%" PRIu64
        " gaps=%" PRIu64 " readers_reopened=%" PRIu64 " snapshots=%" PRIu64 "\n",
        truth_counts.commands,
        truth_counts.digests,
        truth_counts.forgotten,
        truth_counts.asked_again,
        actors_counts.sent,
        actors_counts.resent,
        actors_counts.unknown,
        actors_counts.callbacks,
        c->worlds,
        (uint64_t)(actors_counts.pauses_us / ORDO_US_PER_S),
        readers_counts.delivered,
        readers_counts.refilled,
        readers_counts.gaps,
        readers_counts.reopened,
        nodes[0].snapshots);
    printf(
        "RELIABILITY R10 %s cases=%" PRIu64 " fails=%" PRIu64 " steps=%" PRIu64
        " sim_seconds=%.0f ratio=%.0f crashes=%" PRIu64 " faults=kill:%" PRIu64 ",cut:%" PRIu64
        ",in_recovery:%" PRIu64 ",stop:%" PRIu64 ",exit:%" PRIu64 ",exit_in_stop:%" PRIu64
        ",torn:%" PRIu64 ",lost:%" PRIu64 ",short:%" PRIu64 ",eio:%" PRIu64 ",enospc:%" PRIu64
        ",net_cut:%" PRIu64 ",net_silent:%" PRIu64 ",net_refused:%" PRIu64 ",net_slow:%" PRIu64
        ",pub_drop:%" PRIu64 ",wall_jump:%" PRIu64 " twice=%" PRIu64 " seed=%" PRIu64
        " commit=%s wall=%.0fs\n",
        fails == 0 && seeds > 0 ? "ok" : "FAILED",
        seeds,
        fails,
        steps,
        (double)sim.sim_ns / 1e9,
        (double)sim.sim_ns / 1e9 / (wall > 0 ? wall : 1),
        c->kills + c->cuts + c->exits,
        c->kills,
        c->cuts,
        c->deep,
        c->stops,
        c->exits,
        c->stop_exits,
        disk_counts.torn,
        disk_counts.lost,
        disk_counts.shorts,
        disk_counts.io_errors,
        disk_counts.no_rooms,
        net_counts.cuts,
        net_counts.silences,
        net_counts.refused,
        net_counts.slow,
        net_counts.pub_drops,
        c->wall_jumps,
        twice,
        options->seed,
        ORDO_COMMIT,
        wall);
}

int main(int argc, char **argv)
{
    struct options options = {
        .seed = (uint64_t)time(NULL), .seeds = SEEDS_DEFAULT, .steps = STEPS_DEFAULT};
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: %s [--seed N] [--seeds N] [--steps N] [--trace]\n", argv[0]);
        return 64;
    }
    ordo_log_set_level(trace_on ? ORDO_LOG_INFO : (enum ordo_log_level)(ORDO_LOG_ERROR + 1));
    printf("seed=%" PRIu64 "\n", options.seed);
    uint64_t begin = host_real_ns();
    uint64_t steps = 0;
    uint64_t fails = 0;
    uint64_t twice = 0;
    uint64_t i = 0;
    for (; i < options.seeds && fails == 0; i++) {
        uint64_t seed = options.seed + i;
        uint64_t digest = run_seed(seed, options.steps);
        steps += sim.step;
        if (digest != 0 && i % 100 == 0 && !trace_on) {
            uint64_t again = run_seed(seed, options.steps);
            steps += sim.step;
            twice++;
            if (again != digest) {
                truth_fail("run twice, it was another run: it is not repeatable");
                digest = 0;
            }
        }
        if (digest == 0) {
            fails++;
            report_failure(argv[0], seed, options.steps);
        }
    }
    report(&options, i, steps, fails, twice, (double)(host_real_ns() - begin) / 1e9);
    return fails == 0 ? 0 : 1;
}
