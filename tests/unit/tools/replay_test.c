/* Goal: a replay takes records alone or many at a time, comes to the same state, and stops at the
 * very record that this build decides otherwise, with both outcomes in words.
 * Method: a real history (bench/apply_load.h) is kept in memory, replayed in groups of many sizes,
 * and again with one outcome bent.
 */
#include "audit/replay.h"
#include "bench/apply_load.h"
#include "journal/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LIVE    500
#define ORDERS  (LIVE + 2 * ORDO_LOAD_BLOCK)
#define RECORDS 3000
#define BYTES   (4u << 20)

static struct ordo_load load;
static struct ordo_record records[RECORDS];
static uint8_t bytes[BYTES];
static uint32_t record_count;
static uint32_t byte_count;
static struct ordo_replay replay;
static struct ordo_fail fail;

static struct ordo_bytes keep(struct ordo_bytes from)
{
    cr_assert_leq(byte_count + from.size, BYTES);
    memcpy(bytes + byte_count, from.data, from.size);
    byte_count += from.size;
    return (struct ordo_bytes){bytes + byte_count - from.size, from.size};
}

static void hear(
    void *context,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied)
{
    (void)context;
    if (record_count == RECORDS) {
        return;
    }
    records[record_count++] = (struct ordo_record){
        .seq = applied->seq,
        .time_us = time_us,
        .update_seq = applied->update_seq,
        .update_count = applied->update_count,
        .command = keep(command),
        .outcome = keep(outcome),
    };
}

static void make_history(void)
{
    static const struct ordo_load_hearer hearer = {hear, NULL};
    struct ordo_arena arena;
    ordo_arena_init(&arena);
    enum ordo_err err = ordo_load_open_heard(&load, &arena, LIVE, ORDERS, &hearer, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    cr_assert(ordo_load_make(&load));
    ordo_load_apply(&load);
    cr_assert_eq(record_count, RECORDS);
    ordo_arena_fini(&arena);
}

/* Replays in groups of `size`; the digest at the end, or zero at an error, which is in fail. */
static struct ordo_hash128 replay_by(uint32_t size)
{
    struct ordo_arena arena;
    struct ordo_hash128 digest = {0, 0};
    enum ordo_err err = ORDO_OK;
    fail = (struct ordo_fail){0};
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    for (uint32_t at = 0; err == ORDO_OK && at < RECORDS; at += size) {
        uint32_t count = RECORDS - at < size ? RECORDS - at : size;
        err = size == 1 ? ordo_replay_record(&replay, &records[at], &fail)
                        : ordo_replay_visit(&replay, &records[at], count, &fail);
    }
    if (err == ORDO_OK) {
        cr_assert_eq(replay.records, RECORDS);
        digest = ordo_state_digest_full(replay.state);
    }
    ordo_arena_fini(&arena);
    return digest;
}

Test(replay, comes_to_the_same_state_in_groups_of_any_size)
{
    static const uint32_t sizes[] = {2, 3, 8, 13, 64, ORDO_RECORDS_MAX};
    make_history();
    struct ordo_hash128 single = replay_by(1);
    cr_assert_eq(fail.err, ORDO_OK, "%s", fail.text);
    cr_assert_neq(single.low, 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ordo_hash128 many = replay_by(sizes[i]);
        cr_assert_eq(fail.err, ORDO_OK, "groups of %u: %s", sizes[i], fail.text);
        cr_assert(many.low == single.low && many.high == single.high, "groups of %u", sizes[i]);
    }
}

Test(replay, stops_at_the_very_record_that_diverges_with_both_outcomes)
{
    static const uint32_t sizes[] = {1, 2, 8, ORDO_RECORDS_MAX};
    make_history();
    for (uint32_t bent = 1; bent < RECORDS; bent += 211) {
        uint8_t outcome[ORDO_OUTCOME_SIZE_MAX];
        struct ordo_bytes whole = records[bent].outcome;
        memcpy(outcome, whole.data, whole.size);
        outcome[whole.size - 1] ^= 1;
        records[bent].outcome.data = outcome;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            char wanted[64];
            (void)replay_by(sizes[i]);
            cr_assert_eq(fail.err, ORDO_ERR_DIVERGED);
            cr_assert_eq(replay.records, bent, "groups of %u", sizes[i]);
            (void)snprintf(wanted, sizeof(wanted), "DIVERGED at seq %u: journaled ", bent + 1);
            cr_assert_eq(strncmp(fail.text, wanted, strlen(wanted)), 0, "%s", fail.text);
            cr_assert_not_null(strstr(fail.text, "this build decides ok"), "%s", fail.text);
        }
        records[bent].outcome = whole;
    }
}

Test(replay, refuses_a_journal_without_a_genesis)
{
    struct ordo_arena arena;
    make_history();
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    cr_assert_eq(ordo_replay_records(&replay, records + 1, 10, &fail), ORDO_ERR_DAMAGED);
    cr_assert_eq(replay.records, 0);
    cr_assert_eq(ordo_replay_records(&replay, records, 0, &fail), ORDO_OK, "none is no error");
    ordo_arena_fini(&arena);
}

/* Else two kills from outside, while a start reads on or makes its tail durable, would hold it. */
Test(replay, marks_a_record_only_while_it_is_decided)
{
    struct ordo_arena arena;
    uint8_t mark[8] = {0};
    make_history();
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    replay.mark = mark;
    cr_assert_eq(ordo_replay_record(&replay, &records[0], &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(ordo_get_le64(mark), 1, "the mark is not used");
    cr_assert_eq(ordo_replay_visit(&replay, &records[1], 100, &fail), ORDO_OK, "%s", fail.text);
    cr_assert_eq(ordo_get_le64(mark), 0, "between two visits the mark names a record");
    ordo_arena_fini(&arena);
}
