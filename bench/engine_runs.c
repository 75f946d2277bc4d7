/* The producer only copies: commands are encoded ahead of the measured time, as `ordo bench apply`
 * makes its blocks, so that both pay for the same. Everything else is the node's: its pipeline, its
 * apply stage, its journal, its order of stages within a cycle. What a reply agent does with a slot
 * (looking at its code, telling a sample's times) the release does here.
 */
#include "bench/engine_runs.h"

#include "bench/folder.h"

#include <stdio.h>
#include <string.h>

#define SLOTS        (16u << 10) /* as a node's defaults */
#define COMMAND_SIZE (16u << 20)
#define OUTCOME_SIZE (16u << 20)
#define PUSH_MAX     256u
#define PAGE_SIZE    4096u
#define STUCK_NS     (60 * ORDO_NS_PER_S)

void ordo_engine_touch(const struct ordo_arena *arena)
{
    for (uint32_t i = 0; i < arena->count; i++) {
        volatile uint8_t *bytes = arena->items[i].base;
        for (size_t at = 0; at < arena->items[i].size; at += PAGE_SIZE) {
            bytes[at] = bytes[at];
        }
    }
}

/* ---- stages ---- */

static uint8_t *reserve(struct ordo_engine *engine, uint32_t size, uint64_t *position)
{
    struct ordo_sequencer *sequencer = &engine->pipeline.sequencer;
    struct ordo_byte_ring *commands = &engine->pipeline.ring.commands;
    uint8_t *room = ordo_byte_ring_reserve(commands, sequencer->command_released, size, position);
    if (room == NULL) {
        uint64_t released = ordo_sequencer_command_released(sequencer);
        room = ordo_byte_ring_reserve(commands, released, size, position);
    }
    return room;
}

/* One command's bytes into a slot; false when there is no room for them. */
static bool put(struct ordo_engine *engine, uint64_t cursor, struct ordo_bytes command)
{
    struct ordo_ring *ring = &engine->pipeline.ring;
    uint64_t position;
    uint8_t *room = reserve(engine, command.size, &position);
    if (room == NULL) {
        return false;
    }
    memcpy(room, command.data, command.size);
    ordo_byte_ring_commit(&ring->commands, position, command.size);
    struct ordo_slot *slot = ordo_ring_slot(ring, cursor);
    slot->time_us = engine->load.time_us + cursor;
    slot->token = cursor;
    slot->command_at = position;
    slot->command_size = command.size;
    slot->flags = ORDO_SLOT_ANSWER;
    slot->kind = command.data[0];
    return true;
}

static struct ordo_bytes made_at(const struct ordo_engine *engine, uint64_t index)
{
    return engine->commands[index % ORDO_ENGINE_AHEAD];
}

/* The next of the commands made ahead. */
static uint32_t push(struct ordo_engine *engine, uint32_t count)
{
    struct ordo_sequencer *sequencer = &engine->pipeline.sequencer;
    uint64_t first;
    uint32_t claimed = ordo_sequencer_claim(sequencer, count, &first);
    uint32_t done = 0;
    while (done < claimed && put(engine, first + done, made_at(engine, engine->pushed + done))) {
        done++;
    }
    if (done != 0) {
        ordo_sequencer_publish(sequencer, first + done - 1);
        engine->pushed += done;
    }
    return done;
}

/* Behind durable: looks at each slot, as a reply agent does, and lets go of it. */
static void release(struct ordo_engine *engine)
{
    struct ordo_pipeline *pipeline = &engine->pipeline;
    const struct ordo_stamps *stamps = &pipeline->ring.stamps;
    uint32_t count = ordo_stage_available(&pipeline->reply);
    if (count == 0) {
        return;
    }
    uint64_t at_ns = ordo_bench_now_ns();
    uint64_t last = pipeline->reply.next + count - 1;
    for (uint64_t cursor = pipeline->reply.next; cursor <= last; cursor++) {
        engine->refused += ordo_ring_slot(&pipeline->ring, cursor)->code != ORDO_RESULT_OK ? 1 : 0;
        if (engine->spans != NULL && ordo_stamps_is_due(stamps, &engine->next_sample, cursor)) {
            ordo_spans_answered(engine->spans, ordo_stamps_get(stamps, cursor), at_ns);
        }
        if (engine->offer != NULL) {
            uint64_t due_ns = ordo_offer_due_ns(engine->offer, cursor - engine->first_cursor);
            uint64_t after_ns = at_ns - engine->begin_ns;
            ordo_histogram_record(engine->latency, after_ns > due_ns ? after_ns - due_ns : 0);
        }
    }
    ordo_stage_advance(&pipeline->reply, last);
    ordo_stage_advance(&pipeline->publish, last);
}

static void cycle(struct ordo_engine *engine, uint32_t count_max)
{
    uint64_t left = engine->made - engine->pushed;
    uint32_t count = left < count_max ? (uint32_t)left : count_max;
    if (count != 0) {
        (void)push(engine, count);
    }
    (void)engine->apply.do_work(engine->apply.self);
    (void)ordo_journal_do_work(engine->journal);
    release(engine);
}

static bool is_drained(const struct ordo_engine *engine)
{
    const struct ordo_pipeline *pipeline = &engine->pipeline;
    return ordo_sequence_own(&pipeline->reply.sequence) ==
           ordo_sequence_own(&pipeline->sequencer.published);
}

static enum ordo_err drain(struct ordo_engine *engine, struct ordo_fail *fail)
{
    uint64_t limit_ns = ordo_bench_now_ns() + STUCK_NS;
    while (!is_drained(engine) && !ordo_journal_failed(engine->journal)) {
        cycle(engine, 0);
        if (ordo_bench_now_ns() > limit_ns) {
            return ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "the engine does not drain");
        }
    }
    if (ordo_journal_failed(engine->journal)) {
        *fail = *ordo_journal_fail(engine->journal);
        return fail->err;
    }
    if (engine->refused != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%llu commands were refused: the load is wrong",
            (unsigned long long)engine->refused);
    }
    return ORDO_OK;
}

/* ---- life ---- */

static enum ordo_err ignore(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static enum ordo_err
open_journal(struct ordo_engine *engine, enum ordo_durability durability, struct ordo_fail *fail)
{
    static const uint8_t stream_hash[16];
    const struct ordo_journal_config config = {.dir = engine->dir, .durability = durability};
    struct ordo_recovery recovery;
    enum ordo_err err = ordo_journal_open(&config, &engine->journal, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_recover(engine->journal, 0, ignore, NULL, &recovery, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_journal_attach(engine->journal, &engine->pipeline.journal, stream_hash, fail);
    }
    return err;
}

static enum ordo_err
open_pipeline(struct ordo_engine *engine, uint32_t orders_max, struct ordo_fail *fail)
{
    const struct ordo_pipeline_config config = {
        .slots = SLOTS,
        .command_bytes = COMMAND_SIZE,
        .outcome_bytes = OUTCOME_SIZE,
        .sample_every = ORDO_ENGINE_SAMPLE,
    };
    struct ordo_settings_values values = ordo_load_settings(orders_max);
    struct ordo_arena *arena = &engine->arena;
    enum ordo_err err = ordo_state_create(arena, &values, &engine->state, fail);
    if (err == ORDO_OK) {
        err = ordo_pipeline_init(
            &engine->pipeline, &config, arena, engine->state, ordo_clock_system(), 0, fail);
    }
    engine->apply = ordo_apply_stage_agent(&engine->pipeline.apply);
    return err;
}

static struct ordo_bytes encode(struct ordo_command *command, uint8_t *at, uint32_t size)
{
    struct ordo_writer out = ordo_writer_over(at, size);
    ordo_command_encode(command, &out);
    ORDO_ASSERT(!out.failed);
    return (struct ordo_bytes){at, (uint32_t)ordo_writer_size(&out)};
}

/* The stock and the live orders, through all stages. */
static enum ordo_err set_up(struct ordo_engine *engine, struct ordo_fail *fail)
{
    struct ordo_load_words words;
    struct ordo_command command;
    enum ordo_err err = ORDO_OK;
    while (err == ORDO_OK && ordo_load_set_up(&engine->load, &words, &command)) {
        engine->commands[engine->made++ % ORDO_ENGINE_AHEAD] =
            encode(&command, engine->bytes, ORDO_COMMAND_SIZE_MAX);
        while (push(engine, 1) == 0) {
            cycle(engine, 0);
        }
        if (ordo_journal_failed(engine->journal)) {
            break;
        }
    }
    return drain(engine, fail);
}

enum ordo_err ordo_engine_open(
    struct ordo_engine *engine, const struct ordo_engine_config *config, struct ordo_fail *fail)
{
    void *commands = NULL;
    void *bytes = NULL;
    memset(engine, 0, sizeof(*engine));
    ordo_arena_init(&engine->arena);
    (void)snprintf(engine->dir, sizeof(engine->dir), "%.200s/engine", config->dir);
    enum ordo_err err =
        ordo_load_begin(&engine->load, &engine->arena, config->live, config->orders_max);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(
            &engine->arena, "ahead", ORDO_ENGINE_AHEAD, ORDO_LOAD_COMMAND_SIZE, &bytes);
    }
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(
            &engine->arena, "ahead", ORDO_ENGINE_AHEAD, sizeof(struct ordo_bytes), &commands);
    }
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "no memory for commands made ahead");
    }
    engine->bytes = bytes;
    engine->commands = commands;
    err = open_pipeline(engine, config->orders_max, fail);
    if (err == ORDO_OK) {
        err = open_journal(engine, config->durability, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_arena_seal(&engine->arena);
    ordo_engine_touch(&engine->arena);
    return set_up(engine, fail);
}

void ordo_engine_close(struct ordo_engine *engine)
{
    if (engine->journal != NULL) {
        ordo_journal_close(engine->journal);
    }
    ordo_arena_fini(&engine->arena);
    ordo_bench_folder_remove(engine->dir);
}

bool ordo_engine_make(struct ordo_engine *engine, uint32_t count)
{
    ORDO_ASSERT(count <= ORDO_ENGINE_AHEAD);
    ORDO_ASSERT(is_drained(engine));
    /* every fourth command of an order makes a new one in its place */
    if (engine->load.orders_max - engine->load.orders_made < count / 4 + engine->load.live) {
        return false;
    }
    for (; engine->made - engine->pushed < count; engine->made++) {
        struct ordo_load_words words;
        struct ordo_command command;
        uint64_t index = engine->made % ORDO_ENGINE_AHEAD;
        uint8_t *at = engine->bytes + index * ORDO_LOAD_COMMAND_SIZE;
        ordo_load_next(&engine->load, &words, &command);
        engine->commands[index] = encode(&command, at, ORDO_LOAD_COMMAND_SIZE);
    }
    return true;
}

void ordo_engine_sample(struct ordo_engine *engine, uint64_t every, struct ordo_spans *spans)
{
    struct ordo_pipeline *pipeline = &engine->pipeline;
    ORDO_ASSERT(is_drained(engine));
    ORDO_ASSERT(every == 0 || every == ORDO_ENGINE_SAMPLE);
    pipeline->ring.stamps.every = every;
    engine->spans = spans;
    uint64_t published = ordo_sequence_own(&pipeline->sequencer.published);
    uint64_t next = ordo_stamps_next(&pipeline->ring.stamps, published);
    pipeline->sequencer.next_sample = next;
    pipeline->apply.stage.next_sample = next;
    pipeline->journal.next_sample = next;
    engine->next_sample = next;
}

uint32_t ordo_engine_record_size(const struct ordo_engine *engine)
{
    struct ordo_journal_stats stats;
    ordo_journal_stats(engine->journal, &stats);
    return stats.records == 0 ? 1 : (uint32_t)(stats.record_bytes / stats.records);
}

/* ---- runs ---- */

static uint64_t transitions_of(const struct ordo_engine *engine)
{
    struct ordo_head_values head;
    ordo_state_head(engine->state, &head);
    return head.update_seq;
}

enum ordo_err ordo_engine_bulk(
    struct ordo_engine *engine,
    uint64_t limit_ns,
    struct ordo_engine_count *count,
    struct ordo_fail *fail)
{
    uint64_t transitions = transitions_of(engine);
    uint64_t pushed = engine->pushed;
    uint64_t begin_ns = ordo_bench_now_ns();
    while (ordo_bench_now_ns() - begin_ns < limit_ns && engine->pushed != engine->made &&
           !ordo_journal_failed(engine->journal)) {
        cycle(engine, PUSH_MAX);
    }
    enum ordo_err err = drain(engine, fail);
    *count = (struct ordo_engine_count){
        .commands = engine->pushed - pushed,
        .transitions = transitions_of(engine) - transitions,
        .seconds = (double)(ordo_bench_now_ns() - begin_ns) / 1e9,
    };
    return err;
}

enum ordo_err ordo_engine_paced(
    struct ordo_engine *engine,
    const struct ordo_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_fail *fail)
{
    uint64_t first = engine->pushed;
    ORDO_ASSERT(engine->made - first >= offer->count);
    engine->first_cursor = ordo_sequence_own(&engine->pipeline.sequencer.published) + 1;
    engine->offer = offer;
    engine->latency = latency;
    engine->begin_ns = ordo_bench_now_ns();
    while (engine->pushed - first != offer->count && !ordo_journal_failed(engine->journal)) {
        uint64_t due = ordo_offer_due(offer, ordo_bench_now_ns() - engine->begin_ns);
        uint64_t count = due - (engine->pushed - first);
        cycle(engine, count < PUSH_MAX ? (uint32_t)count : PUSH_MAX);
    }
    enum ordo_err err = drain(engine, fail);
    engine->offer = NULL;
    return err;
}

enum ordo_err
ordo_engine_one(struct ordo_engine *engine, uint64_t *spent_ns, struct ordo_fail *fail)
{
    ORDO_ASSERT(engine->pushed != engine->made);
    uint64_t begin_ns = ordo_bench_now_ns();
    cycle(engine, 1);
    enum ordo_err err = drain(engine, fail);
    *spent_ns = ordo_bench_now_ns() - begin_ns;
    return err;
}
