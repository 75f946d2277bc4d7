#include "node.h"

#include "canary.h"
#include "disk.h"
#include "door.h"
#include "fiber.h"
#include "host.h"
#include "net.h"
#include "truth.h"

#include "history.h"

#include "base/assert.h"
#include "journal/hooks.h"

#include <stdio.h>
#include <string.h>

/* One process at a time may live here: its fibers, its memory and its descriptors are those of
 * host.c, disk.c and net.c. Two would need each of them twice; the array is the place for them.
 */

struct sim_node nodes[NODES_MAX];

static const struct ordo_journal_hooks hooks = {.allow_small = true};

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

REAL(
    enum ordo_err,
    ordo_journal_open,
    const struct ordo_journal_config *config,
    struct ordo_journal **out,
    struct ordo_fail *fail)
{
    struct ordo_journal_config small = *config;
    small.hooks = &hooks;
    return __real_ordo_journal_open(&small, out, fail);
}

/* Every decision passes here: the node's own, those of its recovery, and the reference's. */
REAL(
    void,
    ordo_apply,
    struct ordo_state *state,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_writer *outcome,
    struct ordo_applied *applied)
{
    uint8_t *begin = outcome->at;
    __real_ordo_apply(state, time_us, command, outcome, applied);
    if (fiber_current() == NULL || !applied->journaled) {
        return;
    }
    struct ordo_bytes bytes = {begin, (uint32_t)(outcome->at - begin)};
    if (nodes[0].phase == NODE_OPENING) {
        truth_replayed(time_us, command, bytes, applied);
    } else {
        truth_decided(time_us, command, bytes, applied);
    }
}

/* ---- life ---- */

static uint32_t below(uint32_t bound)
{
    return sim_random(&host_random, bound);
}

void node_draw(struct sim_node *n)
{
    struct ordo_config *c = &n->config;
    struct ordo_fail fail;
    enum ordo_err err = ordo_config_load(c, NULL, NULL, 0, &fail);
    ORDO_ASSERT(err == ORDO_OK);
    (void)snprintf(c->data, sizeof(c->data), "%s", DISK_DIR);
    (void)snprintf(c->listen[0], sizeof(c->listen[0]), "ipc://%s", NET_REQUESTS);
    (void)snprintf(c->publish[0], sizeof(c->publish[0]), "ipc://%s", NET_STREAM);
    c->listen_count = c->publish_count = 1;
    c->listen_roles[0] = ORDO_ROLE_ALL;
    c->polled = ORDO_POLLED_ON;
    c->requests_max = 4u << below(8);
    c->heartbeat_ms = below(3) == 0 ? 200 : 1000;
    c->layout = below(3);
    c->strategy = ORDO_WAIT_PARK;
    c->slots = 64u << below(6);
    c->command_size = 1u << 20;
    c->outcome_size = 1u << 20;
    c->backend = below(2) == 0 ? ORDO_BACKEND_URING : ORDO_BACKEND_PWRITE;
    c->durability = ORDO_DURABILITY_FLUSH;
    c->flush = below(2) == 0 ? ORDO_FLUSH_DSYNC : ORDO_FLUSH_FDATASYNC;
    c->segment_size = (256u << 10) << below(2);
    c->batch_size_max = (96u << 10) << below(1);
    c->in_flight_max = 1 + below(8);
    c->snapshot_every_records = below(3) == 0 ? 0 : 10u << below(7);
    c->snapshot_pool_size = 1u << (18 + below(3));
    c->genesis = history_settings();
}

/* The bugs that are wrong barriers. */
static void plant(struct sim_node *n)
{
    struct ordo_pipeline *pipeline = &n->node.pipeline;
    const struct ordo_sequence *applied = &pipeline->apply.stage.sequence;
    if (canary == CANARY_REPLY_BEFORE_DURABLE) {
        pipeline->reply.barrier.dependencies[0] = applied;
    } else if (canary == CANARY_STREAM_BEFORE_DURABLE) {
        pipeline->publish.barrier.dependencies[0] = applied;
    } else if (canary == CANARY_SNAPSHOT_BEFORE_DURABLE) {
        n->node.snapshotter.durable = applied;
    }
}

static void live(void *context)
{
    struct sim_node *n = context;
    n->err = ordo_node_open(&n->node, &n->config, &n->fail);
    if (n->err != ORDO_OK) {
        n->phase = NODE_REFUSED;
        return;
    }
    bool cut = n->damaged == NODE_MISDIRECTED ||
               (n->damaged == NODE_FLIPPED && n->node.recovery.torn_bytes != 0);
    truth_recovered(n->node.recovery.seq_last, n->node.replay.state, cut);
    if (n->damaged != NODE_WHOLE) { /* that it started and lied about nothing was the question */
        ordo_node_close(&n->node);
        n->phase = NODE_REFUSED;
        return;
    }
    plant(n);
    n->phase = NODE_UP;
    n->err = ordo_node_start(&n->node, &n->fail);
    ORDO_ASSERT(n->err == ORDO_OK);
}

static void end(void *context)
{
    struct sim_node *n = context;
    if (!ordo_node_stop(&n->node)) {
        n->phase = NODE_FAILED;
        return;
    }
    truth_durable(truth_decided_seq());
    ordo_node_close(&n->node);
    n->phase = NODE_DOWN;
}

void node_start(struct sim_node *n)
{
    ORDO_ASSERT(n->phase == NODE_DOWN || n->phase == NODE_REFUSED);
    node_kill(n, false);
    n->phase = NODE_OPENING;
    n->starts++;
    n->snapshots_of_life = 0;
    host_begin();
    (void)fiber_start("start", live, n);
}

void node_stop(struct sim_node *n)
{
    ORDO_ASSERT(n->phase == NODE_UP);
    n->phase = NODE_STOPPING;
    (void)fiber_start("stop", end, n);
}

void node_kill(struct sim_node *n, bool power)
{
    n->recoveries_cut += n->phase == NODE_OPENING ? 1 : 0;
    host_kill();
    door_kill();
    net_server_gone(power);
    if (power) {
        disk_cut();
    }
    disk_mount();
    n->phase = NODE_DOWN;
}

void node_look(struct sim_node *n)
{
    if (n->phase != NODE_UP && n->phase != NODE_STOPPING) {
        return;
    }
    struct ordo_journal_stats stats;
    ordo_journal_stats(n->node.journal, &stats);
    truth_durable(stats.durable_seq);
    struct ordo_snapshotter_stats snapshots;
    ordo_snapshotter_stats(&n->node.snapshotter, &snapshots);
    n->snapshots += snapshots.made - n->snapshots_of_life;
    n->snapshots_of_life = snapshots.made;
}
