/* Goal: snapshots while commands are decided: what the port is given is the state as of the cut,
 * finished only when it is durable; whatever fails, the next one works, and nothing waits for it.
 * Method: the test's thread is apply's runner, cycle by cycle; the snapshot thread is real; the
 * port keeps chunks in memory and fails or holds still when told to. */
#include "order/domain.h"
#include "order/image.h"
#include "order/query.h"
#include "pipeline/pipeline.h"
#include "pipeline/snapshotter.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS    512
#define SPINS_MAX 2000000000ull

static struct ordo_arena arena;
static struct ordo_pipeline pipeline;
static struct ordo_state *state;
static struct ordo_snapshotter snapshotter;
static struct ordo_waker apply_waker;
static struct ordo_agent agent;
static uint64_t next_id;

static struct {
    atomic_bool held;       /* put waits */
    atomic_bool fail_begin; /* each for one call */
    atomic_bool fail_put;
    atomic_bool fail_finish;
    atomic_uint begins;
    atomic_uint finishes;
    atomic_uint abandons;
    enum ordo_mark mark;
    bool whole;
    uint64_t seq;
    uint64_t durable_cursor; /* at the last finish */
    uint32_t chunk_counts[ORDO_TABLE_COUNT];
    uint8_t *chunks[2][ORDO_TABLE_COUNT][CHUNKS];
} port;

/* ---- the port ---- */

static enum ordo_err wanted(atomic_bool *fails, const char *what, struct ordo_fail *fail)
{
    bool yes = atomic_exchange(fails, false);
    return yes ? ordo_fail_set(fail, ORDO_ERR_IO, "%s fails", what) : ORDO_OK;
}

static enum ordo_err
port_begin(void *self, enum ordo_mark *mark, bool *whole, struct ordo_fail *fail)
{
    (void)self;
    *mark = port.mark;
    *whole = port.whole;
    atomic_fetch_add(&port.begins, 1);
    return wanted(&port.fail_begin, "begin", fail);
}

static enum ordo_err port_put(
    void *self, uint32_t section, uint32_t chunk, struct ordo_bytes bytes, struct ordo_fail *fail)
{
    (void)self;
    while (atomic_load(&port.held)) {
        sched_yield();
    }
    cr_assert_lt(chunk, CHUNKS);
    uint8_t **at = &port.chunks[port.mark == ORDO_MARK_SNAPSHOT_A ? 0 : 1][section][chunk];
    *at = *at == NULL ? malloc(bytes.size) : *at;
    memcpy(*at, bytes.data, bytes.size);
    return wanted(&port.fail_put, "put", fail);
}

static enum ordo_err
port_finish(void *self, const struct ordo_snapshotter_cut *cut, struct ordo_fail *fail)
{
    (void)self;
    port.seq = cut->head.seq;
    port.durable_cursor = ordo_sequence_get(&pipeline.journal.sequence);
    memcpy(port.chunk_counts, cut->chunk_counts, sizeof(port.chunk_counts));
    atomic_fetch_add(&port.finishes, 1);
    return wanted(&port.fail_finish, "finish", fail);
}

static void port_abandon(void *self)
{
    (void)self;
    atomic_fetch_add(&port.abandons, 1);
}

/* ---- the engine, by hand ---- */

static void put(struct ordo_command *command)
{
    ordo_put_le64(command->id, ++next_id);
    command->id[15] = 1;
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, command, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
}

static void advance(struct ordo_stage *stage)
{
    uint32_t count = ordo_stage_available(stage);
    if (count != 0) {
        ordo_stage_advance(stage, stage->next + count - 1);
    }
}

static void decide(void)
{
    struct ordo_agent apply = ordo_apply_stage_agent(&pipeline.apply);
    (void)apply.do_work(apply.self);
}

static void make_durable(void)
{
    advance(&pipeline.journal);
    advance(&pipeline.reply);
    advance(&pipeline.publish);
}

static void put_product(uint32_t product)
{
    struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT};
    command.product_put.product = product;
    command.product_put.price = 500;
    command.product_put.currency = 156;
    command.product_put.stock_mode = ORDO_STOCK_UNLIMITED;
    put(&command);
    decide();
    make_durable();
}

static void create(uint32_t number)
{
    char name[16];
    uint8_t buyer[ORDO_ID_SIZE] = {0};
    struct ordo_command command = {.kind = ORDO_KIND_CREATE};
    (void)snprintf(name, sizeof(name), "o%u", number);
    command.create.order_id = (struct ordo_bytes){(uint8_t *)name, (uint32_t)strlen(name)};
    command.create.product = 1;
    command.create.quantity = 1;
    command.create.amount = 500;
    command.create.currency = 156;
    ordo_put_le64(buyer, number);
    command.create.buyer = (struct ordo_bytes){buyer, sizeof(buyer)};
    put(&command);
    decide();
}

static void begin(uint64_t every_records, uint64_t pool_size)
{
    struct ordo_settings_values v;
    struct ordo_fail fail;
    struct ordo_pipeline_config config = {
        .slots = 64, .command_bytes = 1u << 18, .outcome_bytes = 1u << 18};
    struct ordo_snapshotter_config own = {every_records, pool_size};
    struct ordo_snapshotter_port memory = {NULL, port_begin, port_put, port_finish, port_abandon};

    ordo_settings_standard(&v);
    v.orders_max = 20000;
    v.cards_max = 4000;
    v.payments_max = 4000;
    v.ids_max = 20000;
    v.buyers_max = 20000;
    v.secret_bytes_max = 1 << 20;
    memset(&port, 0, sizeof(port));
    port.mark = ORDO_MARK_SNAPSHOT_A;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_state_create(&arena, &v, &state, &fail), ORDO_OK);
    struct ordo_clock clock = ordo_clock_system();
    enum ordo_err err = ordo_pipeline_init(&pipeline, &config, &arena, state, clock, 0, &fail);
    cr_assert_eq(err, ORDO_OK);
    const struct ordo_sequence *durable = &pipeline.journal.sequence;
    struct ordo_apply_stage *apply = &pipeline.apply;
    err = ordo_snapshotter_init(&snapshotter, &own, &memory, apply, durable, &arena, &fail);
    cr_assert_eq(err, ORDO_OK);
    ordo_arena_seal(&arena);
    ordo_waker_init(&apply_waker);
    agent = ordo_snapshotter_agent(&snapshotter);
    cr_assert_eq(ordo_snapshotter_start(&snapshotter, &apply_waker, &fail), ORDO_OK);
    put_product(1);
}

static void end(void)
{
    ordo_snapshotter_stop(&snapshotter);
    for (uint32_t i = 0; i < 2 * ORDO_TABLE_COUNT * CHUNKS; i++) {
        free((&port.chunks[0][0][0])[i]);
    }
    ordo_arena_fini(&arena);
}

/* Cycles of the agent until the counter is at least `count`. */
static void run_until(atomic_uint *counter, uint32_t count)
{
    for (uint64_t i = 0; atomic_load(counter) < count; i++) {
        cr_assert_lt(i, SPINS_MAX, "it never came");
        if (agent.do_work(agent.self) == 0) {
            sched_yield();
        }
    }
}

static void run_until_failed(uint64_t failed, uint64_t given_up)
{
    struct ordo_snapshotter_stats stats;
    for (uint64_t i = 0; i < SPINS_MAX; i++) {
        ordo_snapshotter_stats(&snapshotter, &stats);
        if (stats.failed >= failed && stats.given_up >= given_up) {
            return;
        }
        (void)agent.do_work(agent.self);
        sched_yield();
    }
    cr_assert_fail("no failure was counted");
}

/* The port's image makes a state with this digest. */
static void expect_image(struct ordo_hash128 digest)
{
    struct ordo_arena own;
    struct ordo_state *copy;
    struct ordo_fail fail = {.err = ORDO_OK};
    uint8_t *(*chunks)[CHUNKS] = port.chunks[port.mark == ORDO_MARK_SNAPSHOT_A ? 0 : 1];
    ordo_arena_init(&own);
    cr_assert_eq(ordo_state_create(&own, ordo_state_settings(state), &copy, &fail), ORDO_OK);
    for (uint32_t s = 0; s < ORDO_TABLE_COUNT; s++) {
        struct ordo_image_section section;
        cr_assert(ordo_image_section(state, s, &section));
        size_t size = (size_t)section.row_size << section.row_shift;
        for (uint32_t c = 0; c < port.chunk_counts[s]; c++) {
            cr_assert_not_null(chunks[s][c], "section %u, chunk %u", s, c);
            enum ordo_err err = ordo_image_load(copy, s, c, chunks[s][c], size, &fail);
            cr_assert_eq(err, ORDO_OK, "%s", fail.text);
        }
    }
    cr_assert_eq(ordo_state_rebuild(copy, &fail), ORDO_OK, "%s", fail.text);
    struct ordo_hash128 found = ordo_state_digest_full(copy);
    cr_assert(found.low == digest.low && found.high == digest.high);
    ordo_arena_fini(&own);
}

Test(snapshotter, gives_the_port_the_state_as_of_the_cut)
{
    begin(0, 1u << 20);
    for (uint32_t round = 1; round <= 6; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            create(round * 1000 + i);
            make_durable();
        }
        port.mark = round % 2 == 0 ? ORDO_MARK_SNAPSHOT_A : ORDO_MARK_SNAPSHOT_B;
        struct ordo_hash128 digest = ordo_state_digest_full(state);
        struct ordo_head_values head;
        ordo_state_head(state, &head);
        atomic_store(&port.held, true); /* so that commands fall into the cut */
        ordo_snapshotter_ask(&snapshotter);
        run_until(&port.begins, round);
        while (agent.do_work(agent.self) == 0) {
            sched_yield();
        }
        for (uint32_t i = 0; i < 50; i++) {
            create(round * 1000 + 500 + i);
            make_durable();
            (void)agent.do_work(agent.self);
        }
        atomic_store(&port.held, false);
        run_until(&port.finishes, round);
        cr_assert_eq(port.seq, head.seq);
        expect_image(digest);
    }
    cr_expect_eq(atomic_load(&port.abandons), 0);
    end();
}

Test(snapshotter, finishes_only_what_is_durable)
{
    begin(0, 1u << 20);
    create(1);
    create(2);
    make_durable();
    create(3); /* decided, not durable */
    uint64_t cursor = ordo_sequence_own(&pipeline.apply.stage.sequence);
    ordo_snapshotter_ask(&snapshotter);
    run_until(&port.begins, 1);
    while (ordo_sequence_get(&snapshotter.ended) == 0 ||
           ordo_sequence_get(&snapshotter.taken) != ordo_sequence_get(&snapshotter.filled)) {
        (void)agent.do_work(agent.self);
        sched_yield();
    }
    for (uint32_t i = 0; i < 20000; i++) { /* it has all it needs, but for the disk */
        sched_yield();
        cr_assert_eq(atomic_load(&port.finishes), 0);
    }
    make_durable();
    run_until(&port.finishes, 1);
    cr_expect_geq(port.durable_cursor, cursor);
    end();
}

Test(snapshotter, makes_one_each_so_many_records)
{
    begin(100, 1u << 20);
    for (uint32_t i = 1; i <= 1000; i++) {
        create(i);
        make_durable();
        (void)agent.do_work(agent.self);
        if (i % 100 == 0) {
            run_until(&port.finishes, i / 100);
        }
    }
    struct ordo_snapshotter_stats stats;
    ordo_snapshotter_stop(&snapshotter);
    ordo_snapshotter_stats(&snapshotter, &stats);
    cr_expect_eq(stats.made, 10);
    cr_expect_eq(stats.failed + stats.given_up, 0);
    cr_expect_eq(stats.seq, port.seq);
    end();
}

Test(snapshotter, goes_on_after_every_failure_of_the_port)
{
    atomic_bool *fails[] = {&port.fail_begin, &port.fail_put, &port.fail_finish};
    begin(0, 1u << 20);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t j = 0; j < 300; j++) {
            create(i * 1000 + j);
            make_durable();
        }
        port.whole = true; /* as the store wants it after an error */
        atomic_store(fails[i], true);
        ordo_snapshotter_ask(&snapshotter);
        run_until_failed(i + 1, 0);
        uint32_t finished = atomic_load(&port.finishes);
        struct ordo_hash128 digest = ordo_state_digest_full(state);
        ordo_snapshotter_ask(&snapshotter);
        run_until(&port.finishes, finished + 1);
        expect_image(digest);
    }
    struct ordo_snapshotter_stats stats;
    ordo_snapshotter_stop(&snapshotter);
    ordo_snapshotter_stats(&snapshotter, &stats);
    cr_expect_eq(stats.failed, 3);
    cr_expect_eq(stats.made, 3);
    cr_expect_eq(atomic_load(&port.abandons), 2, "not after a finish");
    end();
}

Test(snapshotter, gives_a_cut_up_rather_than_let_apply_wait)
{
    struct ordo_snapshotter_stats stats;
    begin(0, ORDO_SNAPSHOTTER_POOL_MIN);
    for (uint32_t i = 0; i < 3000; i++) {
        create(i);
        make_durable();
    }
    atomic_store(&port.held, true); /* nobody takes anything out */
    ordo_snapshotter_ask(&snapshotter);
    run_until(&port.begins, 1);
    while (agent.do_work(agent.self) == 0) {
        sched_yield();
    }
    for (uint32_t i = 0; i < 3000; i++) { /* cancels change chunks all over */
        char name[16];
        struct ordo_command command = {.kind = ORDO_KIND_CANCEL};
        (void)snprintf(name, sizeof(name), "o%u", i);
        command.cancel.order_id = (struct ordo_bytes){(uint8_t *)name, (uint32_t)strlen(name)};
        put(&command);
        decide();
        make_durable();
        (void)agent.do_work(agent.self);
    }
    cr_expect_eq(snapshotter.cut.phase, ORDO_CUT_GIVEN_UP);
    port.whole = true;
    atomic_store(&port.held, false);
    run_until(&port.finishes, 1); /* it tries again by itself */
    ordo_snapshotter_stop(&snapshotter);
    ordo_snapshotter_stats(&snapshotter, &stats);
    cr_expect_eq(stats.given_up, 1);
    cr_expect_eq(stats.made, 1);
    expect_image(ordo_state_digest_full(state));
    end();
}

Test(snapshotter, stops_in_the_middle_of_a_cut)
{
    begin(0, ORDO_SNAPSHOTTER_POOL_MIN);
    for (uint32_t i = 0; i < 3000; i++) {
        create(i);
        make_durable();
    }
    ordo_snapshotter_ask(&snapshotter);
    run_until(&port.begins, 1);
    while (agent.do_work(agent.self) == 0) {
        sched_yield();
    }
    ordo_snapshotter_stop(&snapshotter);
    cr_expect_eq(atomic_load(&port.finishes), 0);
    cr_expect_eq(atomic_load(&port.abandons), 1);
    (void)agent.do_work(agent.self);
    cr_expect_neq(snapshotter.cut.phase, ORDO_CUT_COPYING);
    cr_expect_eq(agent.do_work(agent.self), 0, "the runner can drain");
    create(9999);
    end();
}
