/* Engine time that neither jumps nor runs back, ingress that stamps and ticks, and the whole graph
 * with a journal that is durable at once: what is decided passes every stage, bytes and sequences
 * agree. */
#include "order/query.h"
#include "pipeline/pipeline.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct fake_clock {
    uint64_t monotonic_ns;
    uint64_t realtime_us;
};

static uint64_t fake_monotonic(void *context)
{
    return ((struct fake_clock *)context)->monotonic_ns;
}

static uint64_t fake_realtime(void *context)
{
    return ((struct fake_clock *)context)->realtime_us;
}

static struct fake_clock fake;

static struct ordo_clock clock_over(void)
{
    return (struct ordo_clock){fake_monotonic, fake_realtime, &fake};
}

static void pass(uint64_t us)
{
    fake.monotonic_ns += us * ORDO_NS_PER_US;
    fake.realtime_us += us;
}

Test(timekeeper, never_starts_before_the_last_stamp)
{
    struct ordo_timekeeper keeper;
    fake = (struct fake_clock){1000, 5 * ORDO_US_PER_S};
    ordo_timekeeper_init(&keeper, clock_over(), 9 * ORDO_US_PER_S);
    cr_assert_eq(ordo_timekeeper_now_us(&keeper), 9 * ORDO_US_PER_S);
    cr_assert_eq(keeper.downtime_us, 0);
    ordo_timekeeper_init(&keeper, clock_over(), 2 * ORDO_US_PER_S);
    cr_assert_eq(keeper.downtime_us, 3 * ORDO_US_PER_S);
}

Test(timekeeper, follows_a_set_clock_by_at_most_500_ppm)
{
    struct ordo_timekeeper keeper;
    fake = (struct fake_clock){0, 1000 * ORDO_US_PER_S};
    ordo_timekeeper_init(&keeper, clock_over(), 0);
    int64_t jumps[] = {3600, -7200}; /* seconds */
    for (int j = 0; j < 2; j++) {
        pass(2 * ORDO_US_PER_S);
        (void)ordo_timekeeper_now_us(&keeper);
        fake.realtime_us += (uint64_t)(jumps[j] * (int64_t)ORDO_US_PER_S);
        pass(2 * ORDO_US_PER_S);
        uint64_t before = ordo_timekeeper_now_us(&keeper);
        for (int i = 0; i < 50; i++) {
            pass(ORDO_US_PER_S);
            uint64_t now = ordo_timekeeper_now_us(&keeper);
            cr_assert_geq(now - before, ORDO_US_PER_S - 500);
            cr_assert_leq(now - before, ORDO_US_PER_S + 500);
            before = now;
        }
    }
    cr_assert_lt(keeper.drift_us, 0, "the difference is shown");
}

static struct ordo_arena arena;
static struct ordo_pipeline pipeline;
static struct ordo_state *state;
static uint8_t pairs[1024];

static uint32_t pass_through(void *self)
{
    struct ordo_stage *stage = self;
    uint32_t count = ordo_stage_available(stage);
    if (count != 0) {
        ordo_stage_advance(stage, stage->next + count - 1);
    }
    return count;
}

static struct ordo_agent agent_of(struct ordo_stage *stage)
{
    return (struct ordo_agent){.name = stage->name, .self = stage, .do_work = pass_through};
}

static uint32_t nothing(void *self)
{
    (void)self;
    return 0;
}

static struct ordo_pipeline_config
config_of(enum ordo_wait_strategy strategy, enum ordo_pipeline_layout layout)
{
    return (struct ordo_pipeline_config){
        .layout = layout,
        .strategy = strategy,
        .slots = 64,
        .command_bytes = 1u << 18,
        .outcome_bytes = 1u << 18,
    };
}

/* A pipeline over a state with its genesis staged. */
static void begin(void)
{
    struct ordo_settings_values values;
    struct ordo_fail fail;
    struct ordo_pipeline_config config = config_of(ORDO_WAIT_PARK, ORDO_PIPELINE_SHARED);
    struct ordo_writer w = ordo_writer_over(pairs, sizeof(pairs));
    struct ordo_command genesis = {.kind = ORDO_KIND_SETTINGS, .id = {1}};

    fake = (struct fake_clock){0, 1000 * ORDO_US_PER_S};
    ordo_settings_standard(&values);
    values.orders_max = 1000;
    values.cards_max = 64;
    values.payments_max = 1000;
    values.ids_max = 10000;
    values.buyers_max = 64;
    values.secret_bytes_max = 4096;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_state_create(&arena, &values, &state, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(
        ordo_pipeline_init(&pipeline, &config, &arena, state, clock_over(), 0, &fail), ORDO_OK);
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        ordo_write_varint(&w, ordo_setting_at(i)->key);
        ordo_write_zigzag(&w, ordo_settings_get(&values, ordo_setting_at(i)));
        genesis.settings.pairs.count = i + 1;
    }
    genesis.settings.pairs.raw = (struct ordo_bytes){pairs, (uint32_t)ordo_writer_size(&w)};
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &genesis, 0, 0), ORDO_OK);
}

static uint32_t run_apply(void)
{
    struct ordo_agent apply = ordo_apply_stage_agent(&pipeline.apply);
    return apply.do_work(apply.self);
}

static void run_rest(void)
{
    (void)pass_through(&pipeline.journal);
    (void)pass_through(&pipeline.reply);
    (void)pass_through(&pipeline.publish);
}

static struct ordo_command product_put(uint8_t id)
{
    struct ordo_command command = {.kind = ORDO_KIND_PRODUCT_PUT, .id = {2, id}};
    command.product_put.product = 7;
    command.product_put.price = 100;
    command.product_put.currency = 156;
    command.product_put.stock_mode = ORDO_STOCK_UNLIMITED;
    command.product_put.hold_ttl_s = 2;
    return command;
}

static struct ordo_command create(uint32_t number, char *name, size_t size)
{
    struct ordo_command command = {
        .kind = ORDO_KIND_CREATE, .id = {3, (uint8_t)number, (uint8_t)(number >> 8)}};
    static const uint8_t buyer[ORDO_ID_SIZE] = {9};
    (void)snprintf(name, size, "o%u", number);
    command.create.order_id = (struct ordo_bytes){(const uint8_t *)name, (uint32_t)strlen(name)};
    command.create.buyer = (struct ordo_bytes){buyer, ORDO_ID_SIZE};
    command.create.product = 7;
    command.create.quantity = 1;
    command.create.amount = 100;
    command.create.currency = 156;
    return command;
}

Test(ingress, stamps_a_batch_once_and_publishes_it_whole)
{
    begin();
    struct ordo_command put = product_put(1);
    pass(10);
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &put, 77, ORDO_SLOT_ANSWER), ORDO_OK);
    cr_assert_eq(run_apply(), 0, "nothing is visible before flush");
    cr_assert_eq(ordo_ingress_flush(&pipeline.ingress), 2);
    cr_assert_eq(run_apply(), 2);
    const struct ordo_slot *first = ordo_ring_slot(&pipeline.ring, 1);
    const struct ordo_slot *second = ordo_ring_slot(&pipeline.ring, 2);
    cr_assert_eq(first->time_us, second->time_us);
    cr_assert_eq(second->token, 77);
    cr_assert_eq(second->code, ORDO_RESULT_OK);
    cr_assert_eq(second->seq, 2);
    cr_assert(second->flags & ORDO_SLOT_JOURNALED);
}

Test(ingress, says_full_and_goes_on_when_the_last_stages_have_passed)
{
    begin();
    (void)ordo_ingress_flush(&pipeline.ingress);
    uint64_t seq = 1;
    for (uint32_t round = 0; round < 40; round++) { /* many laps of 64 slots */
        uint32_t taken = 0;
        struct ordo_command put = product_put((uint8_t)round);
        while (ordo_ingress_put(&pipeline.ingress, &put, 0, 0) == ORDO_OK) {
            put.id[2] = (uint8_t)++taken;
        }
        cr_assert_eq(taken, round == 0 ? 63 : 64);
        cr_assert_eq(ordo_ingress_room(&pipeline.ingress, 1), 0);
        (void)ordo_ingress_flush(&pipeline.ingress);
        while (run_apply() != 0) {
        }
        seq += taken;
        cr_assert_eq(ordo_sequence_get(&pipeline.apply.stage.sequence), seq);
        run_rest();
        cr_assert_eq(ordo_ingress_room(&pipeline.ingress, 100), 64);
    }
    struct ordo_head_values head;
    ordo_state_head(state, &head);
    cr_assert_eq(head.seq, seq);
}

Test(ingress, ticks_when_a_deadline_has_come_and_not_before)
{
    char name[16];
    begin();
    struct ordo_command command = product_put(1);
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &command, 0, 0), ORDO_OK);
    command = create(1, name, sizeof(name));
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &command, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert_eq(ordo_ring_slot(&pipeline.ring, 3)->code, ORDO_RESULT_OK);
    pass(2 * ORDO_US_PER_S - 10);
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 0);
    pass(20);
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 1);
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 0, "the first one is not applied yet");
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    const struct ordo_slot *slot = ordo_ring_slot(&pipeline.ring, 4);
    cr_assert_eq(slot->kind, ORDO_KIND_TICK);
    cr_assert_eq(slot->update_count, 1, "the hold has expired");
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 0, "nothing is due any more");
}

/* Units for twenty who wait for one each: the command that brings them serves fifteen. */
static void restock_for_twenty(void)
{
    char name[16];
    begin();
    struct ordo_command command = product_put(1);
    command.product_put.stock_mode = ORDO_STOCK_COUNTED;
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &command, 0, 0), ORDO_OK);
    for (uint32_t i = 0; i < 20; i++) {
        command = create(i, name, sizeof(name));
        command.create.wait_s = 60;
        cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &command, 0, 0), ORDO_OK);
    }
    command = product_put(2);
    command.product_put.stock_mode = ORDO_STOCK_COUNTED;
    command.product_put.counted = 20;
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &command, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert_eq(ordo_ring_slot(&pipeline.ring, 23)->update_count, 15);
}

Test(ingress, goes_on_at_once_with_what_a_command_had_no_room_for)
{
    restock_for_twenty();
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 1, "no time has passed, and none must");
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 0, "the first one is not applied yet");
    struct ordo_command later = product_put(3);
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &later, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    const struct ordo_slot *slot = ordo_ring_slot(&pipeline.ring, 24);
    cr_assert_eq(slot->kind, ORDO_KIND_CONTINUE);
    cr_assert_eq(slot->code, ORDO_RESULT_OK);
    cr_assert_eq(slot->update_count, 5, "the rest of the twenty, before what came later");
    cr_assert_eq(ordo_ring_slot(&pipeline.ring, 25)->kind, ORDO_KIND_PRODUCT_PUT);
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 0, "nobody waits any more");
    pass(2 * ORDO_US_PER_S + 10);
    cr_assert_eq(ordo_ingress_tick(&pipeline.ingress), 1);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert_eq(ordo_ring_slot(&pipeline.ring, 26)->kind, ORDO_KIND_TICK, "the holds' time came");
}

Test(ingress, goes_on_after_a_start_too)
{
    restock_for_twenty();
    struct ordo_apply_stage again;
    struct ordo_arena more;
    ordo_arena_init(&more);
    cr_assert_eq(
        ordo_apply_stage_init(&again, &more, &pipeline.sequencer, state),
        ORDO_OK,
        "as a start over this state does");
    cr_assert_eq(ordo_sequence_get(&again.deadline_us), 0, "exported before the first command");
    ordo_arena_fini(&more);
}

Test(ingress, a_chain_of_the_largest_size_is_staged_whole)
{
    static uint8_t raw[ORDO_COMMAND_SIZE_MAX];
    static const uint8_t member[ORDO_MEMBER_MAX];
    struct ordo_writer w = ordo_writer_over(raw, sizeof(raw));
    begin();
    for (uint32_t i = 0; i < ORDO_CHAIN_MAX; i++) {
        ordo_write_bytes(&w, (struct ordo_bytes){member, sizeof(member)});
    }
    struct ordo_command chain = {.kind = ORDO_KIND_CHAIN, .id = {7}};
    chain.chain.members.raw = (struct ordo_bytes){raw, (uint32_t)ordo_writer_size(&w)};
    chain.chain.members.count = ORDO_CHAIN_MAX;
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &chain, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert_eq(ordo_ring_slot(&pipeline.ring, 2)->code, ORDO_RESULT_CHAIN_INVALID);
}

Test(ingress, a_payment_fact_gets_the_id_of_its_content)
{
    begin();
    for (int i = 0; i < 2; i++) {
        struct ordo_command fact = {.kind = ORDO_KIND_FACT};
        fact.fact.fact = ORDO_FACT_PAY;
        fact.fact.order_id = (struct ordo_bytes){(const uint8_t *)"o1", 2};
        fact.fact.trade_no = (struct ordo_bytes){(const uint8_t *)"t1", 2};
        fact.fact.merchant = (struct ordo_bytes){(const uint8_t *)"m", 1};
        fact.fact.amount = 100;
        fact.fact.currency = 156;
        fact.fact.verified_by = ORDO_VERIFIED_SIGNATURE;
        fact.fact.received_us = (uint64_t)i; /* a stamp: not of the content */
        cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &fact, 0, 0), ORDO_OK);
    }
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert(ordo_ring_slot(&pipeline.ring, 2)->flags & ORDO_SLOT_JOURNALED);
    cr_assert_not(ordo_ring_slot(&pipeline.ring, 3)->flags & ORDO_SLOT_JOURNALED, "a resend");
    const uint8_t *a = ordo_ring_command(&pipeline.ring, ordo_ring_slot(&pipeline.ring, 2)).data;
    const uint8_t *b = ordo_ring_command(&pipeline.ring, ordo_ring_slot(&pipeline.ring, 3)).data;
    cr_assert_eq(memcmp(a + 1, b + 1, ORDO_ID_SIZE), 0);
}

/* What was decided and is not durable never happened: nobody behind the journal may look at it. */
Test(pipeline, shows_reply_and_publish_only_what_is_durable)
{
    begin();
    struct ordo_command put = product_put(1);
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &put, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    (void)run_apply();
    cr_assert_eq(ordo_stage_available(&pipeline.journal), 2);
    for (uint64_t durable = 0; durable <= 2; durable++) {
        if (durable != 0) {
            ordo_stage_advance(&pipeline.journal, durable);
        }
        cr_assert_eq(ordo_stage_available(&pipeline.reply), durable);
        cr_assert_eq(ordo_stage_available(&pipeline.publish), durable);
    }
}

static void drain_through(enum ordo_pipeline_layout layout)
{
    struct ordo_fail fail;
    begin();
    struct ordo_pipeline_config config = config_of(ORDO_WAIT_PARK, layout);
    struct ordo_pipeline_agents agents = {
        .ingress = {.name = "ingress", .do_work = nothing},
        .journal = agent_of(&pipeline.journal),
        .reply = agent_of(&pipeline.reply),
        .publish = agent_of(&pipeline.publish),
    };
    cr_assert_eq(ordo_pipeline_lay_out(&pipeline, &config, &agents, &fail), ORDO_OK);
    struct ordo_command put = product_put(1);
    cr_assert_eq(ordo_ingress_put(&pipeline.ingress, &put, 0, 0), ORDO_OK);
    (void)ordo_ingress_flush(&pipeline.ingress);
    cr_assert_eq(ordo_pipeline_start(&pipeline, &fail), ORDO_OK, "%s", fail.text);
    for (int i = 0; i < 100 && ordo_sequence_get(&pipeline.publish.sequence) < 2; i++) {
        struct timespec ms = {0, 10000000};
        (void)nanosleep(&ms, NULL);
    }
    ordo_pipeline_stop(&pipeline);
    cr_assert_eq(ordo_sequence_get(&pipeline.reply.sequence), 2);
    cr_assert_eq(ordo_sequence_get(&pipeline.publish.sequence), 2);
}

Test(pipeline, passes_every_stage_on_one_thread)
{
    drain_through(ORDO_PIPELINE_SHARED);
}

Test(pipeline, passes_every_stage_on_two_threads)
{
    drain_through(ORDO_PIPELINE_COMPACT);
}

Test(pipeline, passes_every_stage_on_a_thread_each)
{
    drain_through(ORDO_PIPELINE_DEDICATED);
}

Test(pipeline, refuses_more_spinning_threads_than_cores)
{
    struct ordo_fail fail;
    begin();
    if (ordo_thread_cpu_count() >= 5) {
        cr_skip_test("five cores or more");
    }
    struct ordo_pipeline_config config = config_of(ORDO_WAIT_SPIN, ORDO_PIPELINE_DEDICATED);
    struct ordo_pipeline_agents agents = {
        .ingress = {.name = "ingress", .do_work = nothing},
        .journal = agent_of(&pipeline.journal),
        .reply = agent_of(&pipeline.reply),
        .publish = agent_of(&pipeline.publish),
    };
    cr_assert_eq(ordo_pipeline_lay_out(&pipeline, &config, &agents, &fail), ORDO_ERR_CONFIG);
    cr_assert_not_null(strstr(fail.text, "spinning"));
}
