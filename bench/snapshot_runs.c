/* The generator stands where the doors stand: it puts whole requests and wakes by their time. What
 * it measures includes what a late engine does to the requests behind: an intended time never
 * moves.
 *
 * A phase is odd while it counts. The engine's thread says which phase it has seen, so that the
 * caller reads the histogram only when nobody writes to it. Ticks are left out: nothing expires
 * within a run.
 */
#include "bench/snapshot_runs.h"

#include "bench/folder.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SLOTS         65536u
#define COMMAND_BYTES (32u << 20)
#define OUTCOME_BYTES (32u << 20)
#define PUTS_MAX      256u /* commands a cycle */
#define LATE_NS       ORDO_NS_PER_MS
#define SETTLE_NS     (300 * ORDO_NS_PER_MS) /* after a change, before a phase counts */
#define PAUSE_NS      (ORDO_NS_PER_MS / 2)
#define STUCK_NS      (300 * ORDO_NS_PER_S)

static void pause_ns(uint64_t ns)
{
    struct timespec time = {(time_t)(ns / ORDO_NS_PER_S), (long)(ns % ORDO_NS_PER_S)};
    (void)nanosleep(&time, NULL);
}

/* The engine keeps a part of its tables for payments: creates are refused from there on. */
static uint32_t orders_last(const struct ordo_steady *s)
{
    return s->config.orders_max / 10 * 9;
}

/* ---- the engine's thread ---- */

/* The next command of the set-up or of the load; false = there is none yet. */
static bool make(struct ordo_steady *s)
{
    if (s->held) {
        return true;
    }
    if (!s->flowing) {
        s->flowing = !ordo_load_set_up(&s->load, &s->words, &s->command);
        if (!s->flowing) {
            return s->held = true;
        }
        s->due_ns = ordo_bench_now_ns() + SETTLE_NS;
        ordo_sequence_set(&s->is_set_up, 1);
    }
    if (ordo_sequence_get(&s->stop) != 0 || s->load.orders_made >= orders_last(s)) {
        return false;
    }
    if (s->put == 0) {
        uint64_t now = ordo_bench_now_ns();
        if (now < s->due_ns) {
            return false;
        }
        s->late += now - s->due_ns > LATE_NS ? 1 : 0;
    }
    ordo_load_next(&s->load, &s->words, &s->command);
    return s->held = true;
}

static void count_put(struct ordo_steady *s)
{
    s->held = false;
    if (s->flowing && ++s->put == s->config.request) {
        s->put = 0;
        s->due_ns += s->step_ns;
    }
}

static uint32_t generate(void *self)
{
    struct ordo_steady *s = self;
    uint32_t count = 0;
    ordo_sequence_set(&s->phase_seen, ordo_sequence_get(&s->phase));
    while (count < PUTS_MAX && make(s)) {
        uint64_t token = s->flowing ? s->due_ns : 0;
        if (ordo_ingress_put(&s->pipeline.ingress, &s->command, token, ORDO_SLOT_ANSWER) !=
            ORDO_OK) {
            break;
        }
        count_put(s);
        count++;
    }
    ordo_sequence_set(&s->orders, s->load.orders_made);
    return ordo_ingress_flush(&s->pipeline.ingress);
}

static uint64_t generate_deadline_ns(void *self)
{
    const struct ordo_steady *s = self;
    return s->flowing ? s->due_ns : 0;
}

static uint32_t reply(void *self)
{
    struct ordo_steady *s = self;
    struct ordo_stage *stage = &s->pipeline.reply;
    uint32_t count = ordo_stage_available(stage);
    if (count == 0) {
        return 0;
    }
    bool counts = ordo_sequence_own(&s->phase_seen) % 2 == 1;
    uint64_t now = ordo_bench_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_slot *slot = ordo_ring_slot(stage->ring, stage->next + i);
        if (slot->code != ORDO_RESULT_OK) {
            ordo_sequence_set(&s->refused, ordo_sequence_own(&s->refused) + 1);
        }
        if (counts && slot->token != 0) {
            ordo_histogram_record(&s->histogram, now - slot->token);
        }
    }
    ordo_stage_advance(stage, stage->next + count - 1);
    return count;
}

static uint32_t publish(void *self)
{
    struct ordo_steady *s = self;
    struct ordo_stage *stage = &s->pipeline.publish;
    uint32_t count = ordo_stage_available(stage);
    if (count != 0) {
        ordo_stage_advance(stage, stage->next + count - 1);
    }
    return count;
}

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

/* ---- open ---- */

static enum ordo_err ignore(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static enum ordo_err open_engine(
    struct ordo_steady *s, const struct ordo_pipeline_config *config, struct ordo_fail *fail)
{
    static const uint8_t stream_hash[16];
    struct ordo_settings_values settings = ordo_load_settings(s->config.orders_max);
    struct ordo_journal_config journal = {.dir = s->config.dir};
    struct ordo_recovery recovery;
    enum ordo_err err = ordo_load_begin(&s->load, &s->arena, s->config.live, s->config.orders_max);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "no memory for the load");
    }
    s->load.spread = s->config.spread;
    err = ordo_state_create(&s->arena, &settings, &s->state, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_open(&journal, &s->journal, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_journal_recover(s->journal, 0, ignore, NULL, &recovery, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_pipeline_init(
            &s->pipeline, config, &s->arena, s->state, ordo_clock_system(), 0, fail);
    }
    return err == ORDO_OK ? ordo_journal_attach(s->journal, &s->pipeline.journal, stream_hash, fail)
                          : err;
}

static enum ordo_err open_snapshots(struct ordo_steady *s, struct ordo_fail *fail)
{
    const struct ordo_snapshotter_config config = {.pool_size = s->config.pool_size};
    const struct ordo_restart restart = {.chosen = -1};
    uint8_t id[16];
    ordo_journal_node(s->journal, id);
    enum ordo_err err = ordo_snapshots_open(&s->snapshots, s->config.dir, &restart, id, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_snapshotter_port port = ordo_snapshots_port(&s->snapshots);
    return ordo_snapshotter_init(
        &s->snapshotter,
        &config,
        &port,
        &s->pipeline.apply,
        &s->pipeline.journal.sequence,
        &s->arena,
        fail);
}

static enum ordo_err
lay_out(struct ordo_steady *s, const struct ordo_pipeline_config *config, struct ordo_fail *fail)
{
    const struct ordo_pipeline_agents agents = {
        .ingress =
            {.name = "load", .self = s, .do_work = generate, .deadline_ns = generate_deadline_ns},
        .journal =
            {.name = "journal",
             .self = s->journal,
             .do_work = journal_work,
             .is_drained = journal_is_drained,
             .deadline_ns = journal_deadline_ns},
        .reply = {.name = "reply", .self = s, .do_work = reply},
        .publish = {.name = "publish", .self = s, .do_work = publish},
        .beside_apply = ordo_snapshotter_agent(&s->snapshotter),
    };
    enum ordo_err err = ordo_pipeline_lay_out(&s->pipeline, config, &agents, fail);
    if (err == ORDO_OK) {
        ordo_journal_bind_waker(s->journal, &s->pipeline.journal_runner->waker);
    }
    return err;
}

static enum ordo_err look(const struct ordo_steady *s, struct ordo_fail *fail)
{
    if (ordo_journal_failed(s->journal)) {
        *fail = *ordo_journal_fail(s->journal);
        return fail->err;
    }
    if (ordo_sequence_get(&s->refused) != 0) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "a command of the load was refused");
    }
    return ordo_sequence_get(&s->orders) < orders_last(s)
               ? ORDO_OK
               : ordo_fail_set(
                     fail,
                     ORDO_ERR_LIMIT,
                     "all %u orders are made and snapshots take too long: a smaller rate",
                     orders_last(s));
}

static enum ordo_err wait_set_up(struct ordo_steady *s, struct ordo_fail *fail)
{
    uint64_t limit_ns = ordo_bench_now_ns() + STUCK_NS;
    enum ordo_err err = ORDO_OK;
    while (err == ORDO_OK && ordo_sequence_get(&s->is_set_up) == 0) {
        pause_ns(PAUSE_NS);
        err = look(s, fail);
        if (err == ORDO_OK && ordo_bench_now_ns() > limit_ns) {
            err = ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "the set-up does not end");
        }
    }
    return err;
}

enum ordo_err ordo_steady_open(
    struct ordo_steady *steady, const struct ordo_steady_config *config, struct ordo_fail *fail)
{
    const struct ordo_pipeline_config pipeline = {
        .layout = ORDO_PIPELINE_SHARED,
        .strategy = ORDO_WAIT_PARK,
        .slots = SLOTS,
        .command_bytes = COMMAND_BYTES,
        .outcome_bytes = OUTCOME_BYTES,
    };
    memset(steady, 0, sizeof(*steady));
    ordo_arena_init(&steady->arena);
    steady->config = *config;
    steady->step_ns = ORDO_NS_PER_S * config->request / config->rate;
    enum ordo_err err = open_engine(steady, &pipeline, fail);
    if (err == ORDO_OK) {
        err = open_snapshots(steady, fail);
    }
    if (err == ORDO_OK) {
        err = lay_out(steady, &pipeline, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    (void)snprintf(
        steady->backend, sizeof(steady->backend), "%s", ordo_journal_backend_name(steady->journal));
    ordo_arena_seal(&steady->arena);
    err = ordo_snapshotter_start(&steady->snapshotter, &steady->pipeline.apply_runner->waker, fail);
    if (err == ORDO_OK) {
        steady->running = true;
        err = ordo_pipeline_start(&steady->pipeline, fail);
    }
    return err == ORDO_OK ? wait_set_up(steady, fail) : err;
}

/* ---- close ---- */

void ordo_steady_close(struct ordo_steady *steady)
{
    ordo_sequence_set(&steady->stop, 1);
    if (steady->running) {
        ordo_snapshotter_stop(&steady->snapshotter);
        ordo_pipeline_stop(&steady->pipeline);
    }
    ordo_snapshots_close(&steady->snapshots);
    if (steady->journal != NULL) {
        ordo_journal_close(steady->journal);
    }
    ordo_arena_fini(&steady->arena);
    ordo_bench_folder_remove(steady->config.dir);
}

/* ---- phases ---- */

static void turn_phase(struct ordo_steady *s)
{
    uint64_t phase = ordo_sequence_own(&s->phase) + 1;
    ordo_sequence_set(&s->phase, phase);
    while (ordo_sequence_get(&s->phase_seen) != phase) {
        pause_ns(PAUSE_NS);
    }
}

static uint64_t begin_phase(struct ordo_steady *s)
{
    pause_ns(SETTLE_NS);
    ordo_histogram_reset(&s->histogram);
    s->late = 0;
    turn_phase(s);
    return ordo_bench_now_ns();
}

static void end_phase(struct ordo_steady *s, uint64_t begin_ns, struct ordo_steady_phase *out)
{
    uint64_t spent_ns = ordo_bench_now_ns() - begin_ns;
    turn_phase(s);
    *out = (struct ordo_steady_phase){
        .seconds = (double)spent_ns / (double)ORDO_NS_PER_S,
        .commands = s->histogram.total,
        .latency = &s->histogram,
        .late = s->late,
    };
}

enum ordo_err ordo_steady_quiet(
    struct ordo_steady *steady,
    uint64_t limit_ns,
    struct ordo_steady_phase *out,
    struct ordo_fail *fail)
{
    uint64_t begin_ns = begin_phase(steady);
    pause_ns(limit_ns);
    end_phase(steady, begin_ns, out);
    return look(steady, fail);
}

enum ordo_err ordo_steady_snapshot(
    struct ordo_steady *steady, bool whole, struct ordo_steady_phase *out, struct ordo_fail *fail)
{
    struct ordo_snapshotter_stats before;
    struct ordo_snapshotter_stats now;
    enum ordo_err err = ORDO_OK;
    ordo_snapshotter_stats(&steady->snapshotter, &before);
    steady->snapshots.whole = whole; /* its thread reads it after the ask */
    uint64_t begin_ns = begin_phase(steady);
    ordo_snapshotter_ask(&steady->snapshotter);
    do {
        pause_ns(PAUSE_NS);
        ordo_snapshotter_stats(&steady->snapshotter, &now);
        err = look(steady, fail);
        if (err == ORDO_OK && (now.failed != before.failed || now.given_up != before.given_up)) {
            err = ordo_fail_set(fail, ORDO_ERR_FULL, "a snapshot was given up, see the log");
        }
        if (err == ORDO_OK && ordo_bench_now_ns() - begin_ns > STUCK_NS) {
            err = ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "a snapshot does not end");
        }
    } while (err == ORDO_OK && now.made == before.made);
    end_phase(steady, begin_ns, out);
    out->chunks = now.chunks;
    return err;
}
