/* The order of life is the order of trust: nothing is bound to a socket before the journal's
 * verdict, and nothing is taken from a socket before the state is whole. A new folder begins with
 * its genesis: one settings command with every setting, so that a later change of a default changes
 * no old journal. Every start sequences `resume`, so that the time the node was away expires nobody
 * before the grace.
 */
#include "assemble.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/uring.h"
#include "net/address.h"
#include "node_stats.h"
#include "replay_mark.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define STOP_LOOK_NS     ORDO_NS_PER_MS /* how often a stop looks for a failed journal */
#define URING_OPERATIONS 8192 /* in flight without delay: two a connection, and the journal's */

/* What the configuration says of the genesis is true of this folder, or was changed by a sequenced
 * command since: a capacity cannot have been. */
static enum ordo_err compare_genesis(
    const struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail)
{
    const struct ordo_settings_values *values = ordo_state_settings(node->replay.state);
    const struct ordo_setting *setting;

    for (uint32_t i = 0; (setting = ordo_setting_at(i)) != NULL; i++) {
        int64_t wanted = ordo_settings_get(&config->genesis, setting);
        int64_t value = ordo_settings_get(values, setting);
        bool given = (config->genesis_given >> i & 1) != 0;
        if (given && wanted != value && setting->capacity) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_CONFIG,
                "genesis.%s = %" PRId64 ", but %s was made with %" PRId64
                ": a capacity is fixed then; make a new folder or take the line out",
                setting->name,
                wanted,
                config->data,
                value);
        }
        if (given && wanted != value) {
            ORDO_LOG_INFO(
                "a setting differs from the genesis of the configuration and stays: "
                "`ordo settings set` changes it name=%s value=%" PRId64,
                setting->name,
                value);
        }
    }
    return ORDO_OK;
}

/* One ring for a thread that has both, the polled door and the journal: then it sleeps in one place
 * and hands over a cycle's sends, receives and writes together. Where that is not so, or a ring is
 * denied, each looks for itself. */
static void open_uring(struct ordo_node *node, const struct ordo_config *config)
{
    bool both = config->layout != ORDO_LAYOUT_DEDICATED && config->polled != ORDO_POLLED_OFF &&
                config->backend != ORDO_BACKEND_PWRITE &&
                config->durability != ORDO_DURABILITY_NONE;
    bool plain = false;
    for (uint32_t i = 0; i < config->listen_count; i++) {
        plain |= ordo_address_is_plain(config->listen[i]);
    }
    struct ordo_fail fail;
    if (both && plain &&
        ordo_uring_open(&node->uring_arena, URING_OPERATIONS, &node->uring, &fail) != ORDO_OK) {
        node->uring = NULL;
    }
}

static enum ordo_err
recover(struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail)
{
    struct ordo_journal_config journal = {
        .dir = config->data,
        .segment_size = config->segment_size,
        .batch_size_max = config->batch_size_max,
        .in_flight_max = config->in_flight_max,
        .durability = (enum ordo_durability)config->durability,
        .backend = (enum ordo_journal_backend)config->backend,
        .flush = (enum ordo_journal_flush)config->flush,
        .key_file = config->journal_key,
        .uring = node->uring,
    };
    enum ordo_err err = ordo_journal_open(&journal, &node->journal, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_replay_mark mark;
    err = ordo_replay_mark_open(&mark, config->data, fail);
    if (err != ORDO_OK) {
        return err;
    }
    node->replay.mark = ordo_replay_mark_seq(&mark);
    err = ordo_restart_load(&node->restart, config->data, &node->replay, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_recover_many(
            node->journal,
            node->restart.after_seq,
            ordo_replay_visit,
            &node->replay,
            &node->recovery,
            fail);
    }
    node->replay.mark = NULL;
    ordo_replay_mark_close(&mark);
    if (err != ORDO_OK) {
        return err;
    }
    ORDO_LOG_INFO(
        "recovered data=%s after_seq=%" PRIu64 " records=%" PRIu64 " seq=%" PRIu64
        " update_seq=%" PRIu64 " segments=%" PRIu64,
        config->data,
        node->restart.after_seq,
        node->recovery.records,
        node->recovery.seq_last,
        node->recovery.update_seq_last,
        node->recovery.segments);
    if (node->recovery.torn_bytes != 0) {
        ORDO_LOG_WARN(
            "a torn tail was cut: never acknowledged bytes=%" PRIu64 " saved=%s",
            node->recovery.torn_bytes,
            node->recovery.torn_copy);
    }
    if (node->replay.state == NULL) {
        return ordo_state_create(&node->arena, &config->genesis, &node->replay.state, fail);
    }
    return compare_genesis(node, config, fail);
}

static enum ordo_err build_pipeline(
    struct ordo_node *node,
    const struct ordo_pipeline_config *config,
    const struct ordo_head_values *head,
    struct ordo_fail *fail)
{
    enum ordo_err err = ordo_pipeline_init(
        &node->pipeline,
        config,
        &node->arena,
        node->replay.state,
        ordo_clock_system(),
        node->recovery.time_us_last,
        fail);
    if (err != ORDO_OK) {
        return err;
    }
    uint8_t hash[ORDO_HASH_SIZE];
    ordo_put_le64(hash, head->stream_hash.low);
    ordo_put_le64(hash + 8, head->stream_hash.high);
    return ordo_journal_attach(node->journal, &node->pipeline.journal, hash, fail);
}

static enum ordo_err
open_snapshots(struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail)
{
    struct ordo_snapshotter_config snapshotter = {
        .every_records = config->snapshot_every_records,
        .pool_size = config->snapshot_pool_size,
    };
    uint8_t id[16];
    ordo_journal_node(node->journal, id);
    enum ordo_err err =
        ordo_snapshots_open(&node->snapshots, config->data, &node->restart, id, fail);
    if (err != ORDO_OK) {
        return err;
    }
    node->snapshots.archive = config->snapshot_archive != 0;
    struct ordo_snapshotter_port port = ordo_snapshots_port(&node->snapshots);
    return ordo_snapshotter_init(
        &node->snapshotter,
        &snapshotter,
        &port,
        &node->pipeline.apply,
        &node->pipeline.journal.sequence,
        &node->arena,
        fail);
}

static enum ordo_err
open_server(struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail)
{
    struct ordo_server_config server = {
        .use_polled = (enum ordo_polled_use)config->polled,
        .polled = {.uring = node->uring, .connections_max = config->connections_max},
        .listen_count = config->listen_count,
        .publish_count = config->publish_count,
        .requests_max = config->requests_max,
        .request_size_max = config->request_size_max,
        .heartbeat_ms = config->heartbeat_ms,
        .data = config->data,
        .throttle_rate = config->throttle_rate,
        .throttle_share = config->throttle_share,
    };
    for (uint32_t i = 0; i < config->listen_count; i++) {
        server.listen[i].url = config->listen[i];
        server.listen[i].role = config->listen_roles[i];
    }
    for (uint32_t i = 0; i < config->publish_count; i++) {
        server.publish[i] = config->publish[i];
    }
    server.tls.certificate = config->tls_certificate;
    server.tls.key = config->tls_key;
    for (uint32_t i = 0; i < config->tls_ca_count; i++) {
        server.tls.ca[config->tls_ca[i].role] = config->tls_ca[i].file;
    }
    ordo_journal_node(node->journal, server.node);
    return ordo_server_open(&server, &node->server, fail);
}

/* ---- agents of the journal, for a runner ---- */

static uint32_t journal_work(void *self)
{
    return ordo_journal_do_work(self);
}

static bool journal_is_drained(void *self)
{
    return ordo_journal_is_drained(self);
}

static uint64_t journal_deadline_ns(void *self)
{
    return ordo_journal_deadline_ns(self);
}

static enum ordo_err lay_out(
    struct ordo_node *node,
    const struct ordo_pipeline_config *config,
    const struct ordo_head_values *head,
    struct ordo_fail *fail)
{
    struct ordo_pipeline *pipeline = &node->pipeline;
    struct ordo_pipeline_agents agents = {
        .ingress = ordo_server_ingress_agent(node->server),
        .journal =
            {
                .name = "journal",
                .self = node->journal,
                .do_work = journal_work,
                .is_drained = journal_is_drained,
                .deadline_ns = journal_deadline_ns,
            },
        .reply = ordo_server_reply_agent(node->server),
        .publish = ordo_server_publish_agent(node->server),
        .beside_apply = ordo_snapshotter_agent(&node->snapshotter),
    };
    enum ordo_err err = ordo_pipeline_lay_out(pipeline, config, &agents, fail);
    if (err != ORDO_OK) {
        return err;
    }
    uint8_t hash[ORDO_HASH_SIZE];
    ordo_put_le64(hash, head->stream_hash.low);
    ordo_put_le64(hash + 8, head->stream_hash.high);
    ordo_journal_bind_waker(node->journal, &pipeline->journal_runner->waker);
    ordo_server_attach(
        node->server,
        &pipeline->ingress,
        &pipeline->reply,
        &pipeline->publish,
        &pipeline->ingress_runner->waker,
        head->update_seq,
        hash);
    ordo_server_add_stats(node->server, ordo_node_stats, node);
    return ORDO_OK;
}

/* Every setting with its value, so that no default of a later build speaks for this journal. */
static void put_genesis(struct ordo_node *node, const struct ordo_settings_values *values)
{
    struct ordo_writer pairs = ordo_writer_over(node->genesis, sizeof(node->genesis));
    const struct ordo_setting *setting;
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS};
    uint32_t count = 0;

    while ((setting = ordo_setting_at(count)) != NULL) {
        ordo_write_varint(&pairs, setting->key);
        ordo_write_zigzag(&pairs, ordo_settings_get(values, setting));
        count++;
    }
    ORDO_ASSERT(!pairs.failed);
    ORDO_ASSERT(count <= ORDO_SETTINGS_MAX);
    memset(command.id, 0xff, sizeof(command.id)); /* one a journal, so any id that is not zero */
    command.settings.pairs.raw =
        (struct ordo_bytes){node->genesis, (uint32_t)ordo_writer_size(&pairs)};
    command.settings.pairs.count = count;
    enum ordo_err err = ordo_ingress_put(&node->pipeline.ingress, &command, 0, 0);
    ORDO_ASSERT(err == ORDO_OK); /* the ring is empty */
}

static void put_resume(struct ordo_node *node)
{
    struct ordo_command command = {.kind = ORDO_KIND_RESUME};
    command.resume.now_us = ordo_timekeeper_now_us(&node->pipeline.keeper);
    command.resume.downtime_us = node->pipeline.keeper.downtime_us;
    enum ordo_err err = ordo_ingress_put(&node->pipeline.ingress, &command, 0, 0);
    ORDO_ASSERT(err == ORDO_OK); /* the ring is empty */
}

static void pipeline_config(const struct ordo_config *config, struct ordo_pipeline_config *out)
{
    *out = (struct ordo_pipeline_config){
        .layout = (enum ordo_pipeline_layout)config->layout,
        .strategy = (enum ordo_wait_strategy)config->strategy,
        .cpu_count = config->cpu_count,
        .slots = config->slots,
        .command_bytes = config->command_size,
        .outcome_bytes = config->outcome_size,
        .sample_every = config->sample,
    };
    memcpy(out->cpus, config->cpus, sizeof(out->cpus));
}

_Static_assert((int)ORDO_LAYOUT_DEDICATED == (int)ORDO_PIPELINE_DEDICATED, "the same layouts");
_Static_assert(
    ORDO_POLLED_AUTO == 0 && ORDO_POLLED_ON == 1 && ORDO_POLLED_OFF == 2, "choices of net.polled");
_Static_assert(ORDO_CONFIG_CPUS_MAX == ORDO_PIPELINE_CPUS_MAX, "the same list");

enum ordo_err
ordo_node_open(struct ordo_node *node, const struct ordo_config *config, struct ordo_fail *fail)
{
    struct ordo_pipeline_config pipeline;
    struct ordo_head_values head;

    memset(node, 0, sizeof(*node));
    pipeline_config(config, &pipeline);
    ordo_arena_init(&node->arena);
    ordo_arena_init(&node->uring_arena);
    ordo_replay_init(&node->replay, &node->arena);

    open_uring(node, config);
    enum ordo_err err = recover(node, config, fail);
    if (err == ORDO_OK) {
        ordo_state_head(node->replay.state, &head);
        err = build_pipeline(node, &pipeline, &head, fail);
    }
    if (err == ORDO_OK) {
        err = open_snapshots(node, config, fail);
    }
    if (err == ORDO_OK) {
        err = open_server(node, config, fail);
    }
    if (err == ORDO_OK) {
        err = lay_out(node, &pipeline, &head, fail);
    }
    if (err == ORDO_OK && config->memory_take != 0 && ordo_arena_take(&node->arena) != ORDO_OK) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_NO_MEMORY,
            "the system has no %zu bytes for memory.take=at_start",
            node->arena.bytes);
    }
    if (err != ORDO_OK) {
        ordo_node_close(node);
        return err;
    }
    ordo_arena_seal(&node->arena);
    ordo_arena_seal(&node->uring_arena);
    if (node->recovery.seq_last == 0) {
        put_genesis(node, &config->genesis);
    }
    put_resume(node);
    (void)ordo_ingress_flush(&node->pipeline.ingress);
    ORDO_LOG_INFO(
        "memory bytes=%zu tables=%u disk=\"%s\" threads=%u wait=%s",
        node->arena.bytes,
        node->arena.count,
        ordo_journal_backend_name(node->journal),
        node->pipeline.runner_count,
        ordo_wait_name(pipeline.strategy));
    return ORDO_OK;
}

enum ordo_err ordo_node_start(struct ordo_node *node, struct ordo_fail *fail)
{
    enum ordo_err err =
        ordo_snapshotter_start(&node->snapshotter, &node->pipeline.apply_runner->waker, fail);
    if (err == ORDO_OK) {
        err = ordo_pipeline_start(&node->pipeline, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_server_start(node->server, fail);
        if (err != ORDO_OK) {
            ordo_pipeline_stop(&node->pipeline);
        }
    }
    if (err != ORDO_OK) {
        ordo_snapshotter_stop(&node->snapshotter);
    }
    return err;
}

static void drain(void *context)
{
    struct ordo_node *node = context;
    ordo_server_stop(node->server);
    ordo_snapshotter_stop(&node->snapshotter);
    ordo_pipeline_stop(&node->pipeline);
    ordo_flag_raise(&node->stopped);
}

/* A thread of its own drains, because nothing drains behind a journal that has failed: somebody has
 * to go on looking for that. When no thread is to be had, the drain goes without. */
bool ordo_node_stop(struct ordo_node *node)
{
    if (ordo_thread_start(&node->stopper, "ordo-stop", ORDO_CPU_ANY, drain, node) != ORDO_OK) {
        drain(node);
    }
    while (!ordo_flag_is_raised(&node->stopped)) {
        if (ordo_journal_failed(node->journal)) {
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = STOP_LOOK_NS}, NULL);
    }
    ordo_thread_join(&node->stopper);
    return !ordo_journal_failed(node->journal);
}

void ordo_node_close(struct ordo_node *node)
{
    if (node->server != NULL) {
        ordo_server_close(node->server);
    }
    ordo_snapshots_close(&node->snapshots);
    if (node->journal != NULL) {
        ordo_journal_close(node->journal);
    }
    ordo_uring_close(node->uring);
    ordo_arena_fini(&node->uring_arena);
    ordo_arena_fini(&node->arena);
}
