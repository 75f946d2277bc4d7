/* How the figures come about.
 *
 * Flow: a producer agent claims, fills all 64 bytes of each slot and publishes, batch by batch; a
 * duty cycle of it is many batches, so that the runner's own cost is spread as in the engine, but
 * every batch is a claim and a publish of its own. Stages read two fields of every slot and add
 * them up; the sums prove that each slot was seen once. The time is taken from the first claim
 * until the producer sees that the last stage has passed everything. The producer looks at the
 * clock once a duty cycle.
 *
 * Ping-pong: two runners, two sequences; one clock reading a round trip. The bare loops are stamped
 * alike, because a clock reading costs a fifth of a round trip; the second bare figure, without
 * clock, is the one that other tools print. */
#include "bench/ring_runs.h"

#include "bench/folder.h"
#include "ring/runner.h"
#include "ring/sequencer.h"
#include "ring/stage.h"

#define BATCHES_A_CYCLE 64
#define SLOTS_A_CYCLE   4096
#define BARE_BLOCK      1000 /* round trips between two looks at the clock */

struct producer {
    struct ordo_sequencer sequencer;
    uint32_t batch;
    uint64_t end_ns;
    uint64_t duration_ns;
    uint64_t started_ns;
    uint64_t stopped_ns;
    uint64_t sum;
    bool finished;
};

struct consumer {
    struct ordo_stage stage;
    const struct producer *producer;
    uint64_t sum;
};

struct flow {
    struct producer producer;
    struct consumer consumers[ORDO_RING_RUN_STAGES_MAX];
    struct ordo_runner runners[ORDO_RING_RUN_STAGES_MAX + 1]; /* the producer's is the first */
    uint32_t runner_count;
};

struct player {
    struct ordo_sequence *mine;
    const struct ordo_sequence *theirs;
    struct ordo_histogram *times; /* of the one who serves */
    uint64_t duration_ns;
    uint64_t end_ns;
    uint64_t sent_ns;
    bool finished;
};

struct bare {
    struct ordo_sequence ping;
    struct ordo_sequence pong;
    struct ordo_histogram *times;
    uint64_t duration_ns;
    double mean_ns;
};

/* ---- flow ---- */

static void producer_start(void *self)
{
    struct producer *p = self;
    p->started_ns = ordo_bench_now_ns();
    p->end_ns = p->started_ns + p->duration_ns;
}

/* One batch: how many slots of it there was room for. */
static inline uint32_t produce_batch(struct producer *p)
{
    uint64_t first = 0;
    uint32_t count = ordo_sequencer_claim(&p->sequencer, p->batch, &first);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t cursor = first + i;
        *ordo_ring_slot(p->sequencer.ring, cursor) = (struct ordo_slot){
            .time_us = p->started_ns,
            .token = cursor,
            .update_seq = cursor ^ p->started_ns,
            .kind = (uint8_t)cursor,
        };
        p->sum += cursor + (cursor ^ p->started_ns);
    }
    if (count != 0) {
        ordo_sequencer_publish(&p->sequencer, first + count - 1);
    }
    return count;
}

static uint32_t producer_work(void *self)
{
    struct producer *p = self;
    uint32_t batches = SLOTS_A_CYCLE / p->batch;
    uint32_t work = 0;
    if (p->finished) {
        return 0;
    }
    batches = batches < BATCHES_A_CYCLE ? BATCHES_A_CYCLE : batches;
    for (uint32_t i = 0; i < batches; i++) {
        uint32_t count = produce_batch(p);
        work += count;
        if (count < p->batch) {
            break; /* the ring is full */
        }
    }
    p->finished = ordo_bench_now_ns() >= p->end_ns;
    return work;
}

static bool producer_is_drained(void *self)
{
    struct producer *p = self;
    bool drained = p->finished &&
                   ordo_sequencer_gate(&p->sequencer) == ordo_sequence_own(&p->sequencer.published);
    p->stopped_ns = ordo_bench_now_ns();
    return drained;
}

static uint32_t consumer_work(void *self)
{
    struct consumer *c = self;
    uint32_t count = ordo_stage_available(&c->stage);
    uint64_t sum = c->sum;
    if (count == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_slot *slot = ordo_ring_slot(c->stage.ring, c->stage.next + i);
        sum += slot->token + slot->update_seq;
    }
    c->sum = sum;
    ordo_stage_advance(&c->stage, c->stage.next + count - 1);
    return count;
}

/* Asked only after the producer has ended. */
static bool consumer_is_drained(void *self)
{
    struct consumer *c = self;
    return ordo_sequence_own(&c->stage.sequence) ==
           ordo_sequence_get(&c->producer->sequencer.published);
}

static void build_flow(struct flow *flow, const struct ordo_ring_run *run)
{
    struct producer *p = &flow->producer;
    *p = (struct producer){.batch = run->batch, .duration_ns = run->duration_ns};
    ordo_sequencer_init(&p->sequencer, run->ring);
    ordo_runner_init(&flow->runners[0], "produce", run->strategy, run->cpus[0]);
    ordo_runner_add(
        &flow->runners[0],
        (struct ordo_agent){
            .name = "produce",
            .self = p,
            .do_work = producer_work,
            .on_start = producer_start,
            .is_drained = producer_is_drained,
        });
    const struct ordo_sequence *before = &p->sequencer.published;
    flow->runner_count = 1;
    for (uint32_t i = 0; i < run->stages; i++) {
        struct consumer *c = &flow->consumers[i];
        c->producer = p;
        c->sum = 0;
        ordo_stage_init(&c->stage, "consume", run->ring, 0);
        ordo_barrier_add(&c->stage.barrier, before);
        before = &c->stage.sequence;
        if (i == 0 || !run->compact) {
            struct ordo_runner *runner = &flow->runners[flow->runner_count++];
            ordo_runner_init(runner, "consume", run->strategy, run->cpus[1]);
        }
        ordo_runner_add(
            &flow->runners[flow->runner_count - 1],
            (struct ordo_agent){
                .name = "consume",
                .self = c,
                .do_work = consumer_work,
                .is_drained = consumer_is_drained,
            });
    }
    ordo_barrier_add(&p->sequencer.gate, before);
    for (uint32_t i = 0; i < flow->runner_count; i++) {
        struct ordo_runner *next = &flow->runners[(i + 1) % flow->runner_count];
        ordo_runner_add_peer(&flow->runners[i], &next->waker);
    }
}

/* Starts the stages before the producer; on an error those that run are stopped again. */
static enum ordo_err start_all(struct ordo_runner *runners, uint32_t count, struct ordo_fail *fail)
{
    for (uint32_t i = count; i > 0; i--) {
        enum ordo_err err = ordo_runner_start(&runners[i - 1]);
        if (err == ORDO_OK) {
            continue;
        }
        for (uint32_t started = i; started < count; started++) {
            ordo_runner_stop(&runners[started]);
            ordo_runner_join(&runners[started]);
        }
        return ordo_fail_set(
            fail,
            err,
            "cannot start a thread on cpu %d: %s",
            runners[i - 1].cpu,
            ordo_err_text(err));
    }
    return ORDO_OK;
}

/* In the order of the flow: each drains what the one before has left. */
static void stop_all(struct ordo_runner *runners, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ordo_runner_stop(&runners[i]);
        ordo_runner_join(&runners[i]);
    }
}

enum ordo_err
ordo_ring_run_flow(const struct ordo_ring_run *run, double *per_second, struct ordo_fail *fail)
{
    static struct flow flow; /* too large for a stack; one run at a time */
    ORDO_ASSERT(run->stages >= 1 && run->stages <= ORDO_RING_RUN_STAGES_MAX);
    ORDO_ASSERT(run->batch != 0);

    build_flow(&flow, run);
    enum ordo_err err = start_all(flow.runners, flow.runner_count, fail);
    if (err != ORDO_OK) {
        return err;
    }
    stop_all(flow.runners, flow.runner_count);
    for (uint32_t i = 0; i < run->stages; i++) {
        if (flow.consumers[i].sum != flow.producer.sum) {
            return ordo_fail_set(
                fail, ORDO_ERR_INVALID, "stage %u has not seen what was produced", i + 1);
        }
    }
    uint64_t slots = ordo_sequence_own(&flow.producer.sequencer.published);
    uint64_t took_ns = flow.producer.stopped_ns - flow.producer.started_ns;
    *per_second = (double)slots * (double)ORDO_NS_PER_S / (double)took_ns;
    return ORDO_OK;
}

/* ---- ping-pong ---- */

static void serve(void *self)
{
    struct player *p = self;
    p->sent_ns = ordo_bench_now_ns();
    p->end_ns = p->sent_ns + p->duration_ns;
    ordo_sequence_set(p->mine, 1);
}

static uint32_t serve_again(void *self)
{
    struct player *p = self;
    uint64_t mine = ordo_sequence_own(p->mine);
    if (p->finished || ordo_sequence_get(p->theirs) != mine) {
        return 0;
    }
    uint64_t received_ns = ordo_bench_now_ns();
    ordo_histogram_record(p->times, received_ns - p->sent_ns);
    p->sent_ns = received_ns;
    if (received_ns >= p->end_ns) {
        p->finished = true;
    } else {
        ordo_sequence_set(p->mine, mine + 1);
    }
    return 1;
}

static bool is_finished(void *self)
{
    struct player *p = self;
    return p->finished;
}

static uint32_t give_back(void *self)
{
    struct player *p = self;
    uint64_t theirs = ordo_sequence_get(p->theirs);
    if (theirs == ordo_sequence_own(p->mine)) {
        return 0;
    }
    ordo_sequence_set(p->mine, theirs);
    return 1;
}

enum ordo_err ordo_ring_run_ping_pong(
    const struct ordo_ring_run *run, struct ordo_histogram *times, struct ordo_fail *fail)
{
    static struct ordo_sequence balls[2];
    static struct ordo_runner runners[2];
    struct player server = {
        .mine = &balls[0],
        .theirs = &balls[1],
        .times = times,
        .duration_ns = run->duration_ns,
    };
    struct player other = {.mine = &balls[1], .theirs = &balls[0]};

    for (int i = 0; i < 2; i++) {
        ordo_sequence_init(&balls[i], 0);
        ordo_runner_init(&runners[i], i == 0 ? "ping" : "pong", run->strategy, run->cpus[i]);
    }
    ordo_runner_add(
        &runners[0],
        (struct ordo_agent){
            .name = "ping",
            .self = &server,
            .do_work = serve_again,
            .on_start = serve,
            .is_drained = is_finished,
        });
    ordo_runner_add(
        &runners[1], (struct ordo_agent){.name = "pong", .self = &other, .do_work = give_back});
    ordo_runner_add_peer(&runners[0], &runners[1].waker);
    ordo_runner_add_peer(&runners[1], &runners[0].waker);
    enum ordo_err err = start_all(runners, 2, fail);
    if (err == ORDO_OK) {
        stop_all(runners, 2);
    }
    return err;
}

/* ---- bare ---- */

static inline void bare_round(struct bare *bare, uint64_t value)
{
    ordo_sequence_set(&bare->ping, value);
    while (ordo_sequence_get(&bare->pong) != value) {
    }
}

static void bare_ping(void *context)
{
    struct bare *bare = context;
    uint64_t value = 0;
    uint64_t begin_ns = ordo_bench_now_ns();
    uint64_t middle_ns = begin_ns;
    while (middle_ns - begin_ns < bare->duration_ns / 2) {
        for (int i = 0; i < BARE_BLOCK; i++) {
            bare_round(bare, ++value);
        }
        middle_ns = ordo_bench_now_ns();
    }
    bare->mean_ns = (double)(middle_ns - begin_ns) / (double)value;
    uint64_t sent_ns = ordo_bench_now_ns();
    while (sent_ns - middle_ns < bare->duration_ns / 2) {
        bare_round(bare, ++value);
        uint64_t received_ns = ordo_bench_now_ns();
        ordo_histogram_record(bare->times, received_ns - sent_ns);
        sent_ns = received_ns;
    }
    ordo_sequence_set(&bare->ping, UINT64_MAX);
}

static void bare_pong(void *context)
{
    struct bare *bare = context;
    uint64_t value = 0;
    while (value != UINT64_MAX) {
        uint64_t next = ordo_sequence_get(&bare->ping);
        if (next != value) {
            ordo_sequence_set(&bare->pong, next);
            value = next;
        }
    }
}

enum ordo_err ordo_ring_run_bare(
    const struct ordo_ring_run *run,
    struct ordo_histogram *times,
    double *mean_ns,
    struct ordo_fail *fail)
{
    static struct bare bare;
    struct ordo_thread threads[2];
    bare = (struct bare){.times = times, .duration_ns = run->duration_ns};
    enum ordo_err err = ordo_thread_start(&threads[1], "pong", run->cpus[1], bare_pong, &bare);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "cannot start a thread on cpu %d", run->cpus[1]);
    }
    err = ordo_thread_start(&threads[0], "ping", run->cpus[0], bare_ping, &bare);
    if (err != ORDO_OK) {
        ordo_sequence_set(&bare.ping, UINT64_MAX);
        (void)ordo_fail_set(fail, err, "cannot start a thread on cpu %d", run->cpus[0]);
    }
    ordo_thread_join(&threads[0]);
    ordo_thread_join(&threads[1]);
    *mean_ns = bare.mean_ns;
    return err;
}
