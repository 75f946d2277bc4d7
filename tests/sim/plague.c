#include "plague.h"

#include "disk.h"
#include "host.h"
#include "net.h"
#include "trace.h"
#include "truth.h"

#include "base/assert.h"

#include <string.h>

struct plan { /* steps between two, about; 0 = never in this world */
    uint32_t kill;
    uint32_t cut;
    uint32_t stop;
    uint32_t wall_jump;
    uint32_t deep; /* one restart in so many dies in its recovery */
    uint32_t flip; /* one restart in so many finds a bit of its journal changed */
    uint32_t sick; /* one start or stop in so many has a disk with many errors */
};

struct plague_counts plague_counts;

static struct {
    struct plan plan;
    uint32_t io_error_of; /* of this world's disk when it is well */
    uint64_t start_ns;    /* when the node is to be started */
    uint64_t exit_ns;     /* when a failed one is found to be */
    uint64_t misdirected; /* writes when the world began */
    bool over;
} plague;

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

static void plan_start(void)
{
    plague.start_ns = host_clock.now_ns + (1 + below(500)) * ORDO_NS_PER_MS;
    plague.exit_ns = UINT64_MAX;
}

/* Until the next start. */
static void fall_ill(void)
{
    bool ill = host_chance(plague.plan.sick);
    disk_faults.io_error_of = ill ? 2 + below(30) : plague.io_error_of;
    disk_faults.read_error_of = ill ? 8 + below(200) : 0;
}

void plague_start(struct sim_node *n)
{
    plague.start_ns = UINT64_MAX;
    if (host_chance(2)) {
        node_draw(n);
    }
    fall_ill();
    if (host_chance(plague.plan.flip) && disk_flip()) {
        n->damaged = n->damaged == NODE_WHOLE ? NODE_FLIPPED : n->damaged;
    }
    TRACE("start: layout %u, backend %u", n->config.layout, n->config.backend);
    node_start(n);
    if (host_chance(plague.plan.deep)) {
        host_die_in(1 + below(1u << below(9)));
    }
}

static void kill_node(struct sim_node *n, bool power)
{
    TRACE("%s in phase %u", power ? "power cut" : "kill", n->phase);
    plague_counts.deep += n->phase == NODE_OPENING ? 1 : 0;
    plague_counts.kills += power ? 0 : 1;
    plague_counts.cuts += power ? 1 : 0;
    node_kill(n, power);
    if (power && host_chance(2)) {
        host_clock.wall_off_us += (int64_t)below(2000000) - 1000000;
    }
    plan_start();
}

/* A damaged journal was refused, or what it still has is what was decided: both are lawful, and the
 * world is over. What is not is something else than was decided, which truth.c has looked at. */
static void verdict(struct sim_node *n)
{
    bool held = strstr(n->fail.text, "held at seq") != NULL;
    if (n->err == ORDO_ERR_IO || n->err == ORDO_ERR_NO_SPACE || (n->err != ORDO_OK && held)) {
        disk_remove("replay.mark");
        node_kill(n, false);
        plan_start();
        return;
    }
    bool cut = n->err == ORDO_OK && n->node.recovery.seq_last < truth_durable_seq();
    plague_counts.damage_refused += n->err != ORDO_OK ? 1 : 0;
    plague_counts.damage_cut += cut ? 1 : 0;
    plague_counts.damage_survived += n->err == ORDO_OK && !cut ? 1 : 0;
    plague.over = true;
    node_kill(n, false);
}

static void refused(struct sim_node *n)
{
    TRACE("refused: %s: %s", ordo_err_name(n->err), n->fail.text);
    if (n->damaged != NODE_WHOLE) {
        verdict(n);
        return;
    }
    bool held = strstr(n->fail.text, "held at seq") != NULL;
    if (held) {
        plague_counts.held++;
        node_kill(n, false);
        disk_remove("replay.mark");
    } else if (n->err != ORDO_ERR_IO && n->err != ORDO_ERR_NO_SPACE) {
        truth_fail("a start was refused: %s", n->fail.text);
    } else {
        plague_counts.refused++;
        node_kill(n, false);
    }
    n->phase = NODE_DOWN;
    plan_start();
}

static void exit_failed(struct sim_node *n)
{
    TRACE("exit: %s", ordo_journal_fail(n->node.journal)->text);
    plague_counts.exits++;
    node_kill(n, host_chance(3));
    plan_start();
}

/* What has become of the node in this step. */
void plague_look(struct sim_node *n)
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
        plague_counts.stop_exits++;
    }
    if (n->phase == NODE_DOWN && plague.start_ns == UINT64_MAX) {
        node_kill(n, false);
        plan_start();
    }
    if (n->phase == NODE_UP && ordo_journal_failed(n->node.journal)) {
        plague.exit_ns = plague.exit_ns != UINT64_MAX
                             ? plague.exit_ns
                             : host_clock.now_ns + below(50) * ORDO_NS_PER_MS;
        if (host_clock.now_ns >= plague.exit_ns) {
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
    plague_counts.wall_jumps++;
    TRACE("the wall clock jumps");
}

void plague_strike(struct sim_node *n)
{
    if (n->phase != NODE_UP) {
        return;
    }
    if (n->damaged == NODE_WHOLE && disk_counts.misdirected != plague.misdirected) {
        TRACE("a write went elsewhere");
        n->damaged = NODE_MISDIRECTED;
        disk_faults.misdirect_of = 0;
        plague.plan.kill = 200;
    }
    if (host_chance(plague.plan.kill) || host_chance(plague.plan.cut)) {
        bool power = plague.plan.kill == 0 || (plague.plan.cut != 0 && host_chance(2));
        if (host_chance(2)) {
            host_die_in(1 + below(40));
        } else {
            kill_node(n, power);
        }
    } else if (host_chance(plague.plan.stop)) {
        TRACE("stop");
        plague_counts.stops++;
        fall_ill();
        node_stop(n);
    }
    if (host_chance(plague.plan.wall_jump)) {
        jump();
    }
}

static uint32_t sometimes(uint32_t least)
{
    return host_chance(2) ? 0 : least << below(6);
}

/* Each world has some of the faults. */
static void draw_faults(void)
{
    plague.plan = (struct plan){
        .kill = sometimes(300),
        .cut = sometimes(300),
        .stop = sometimes(1000),
        .wall_jump = sometimes(500),
        .deep = host_chance(2) ? 0 : 2 + below(6),
        .flip = host_chance(4) ? 4 + below(16) : 0,
        .sick = host_chance(2) ? 0 : 4 + below(6),
    };
    disk_faults = (struct disk_faults){
        .short_of = sometimes(8),
        .io_error_of = sometimes(400),
        .no_room_of = sometimes(4),
        .misdirect_of = host_chance(8) ? 50u << below(6) : 0,
        .lag_us = 1u << below(16),
    };
    plague.io_error_of = disk_faults.io_error_of;
    net_faults = (struct net_faults){
        .delay_us = 1u << below(16),
        .slow_of = sometimes(16),
        .cut_of = sometimes(16),
        .silent_of = sometimes(64),
        .refuse_of = sometimes(4),
        .pub_drop_of = sometimes(2),
    };
}

void plague_end(void)
{
    plague.plan = (struct plan){.kill = nodes[0].damaged != NODE_WHOLE ? 50 : 0};
    disk_faults = (struct disk_faults){.lag_us = 100};
    plague.io_error_of = 0;
    net_faults = (struct net_faults){.delay_us = 100};
}

void plague_begin(void)
{
    draw_faults();
    host_clock.skew_ppm = host_chance(2) ? 0 : (int64_t)below(2001) - 1000;
    plague.start_ns = host_clock.now_ns;
    plague.exit_ns = UINT64_MAX;
    plague.over = false;
    plague.misdirected = disk_counts.misdirected;
}

uint64_t plague_start_ns(void)
{
    return plague.start_ns;
}

bool plague_is_over(void)
{
    return plague.over;
}
