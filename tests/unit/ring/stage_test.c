/* A stage sees what its barrier has passed, in order, in bounded batches; at the wrap of 64 bits
 * too. */
#include "ring/stage.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_stage stage;
static struct ordo_sequence before[2];

static void start(uint32_t batch_max, uint64_t cursor)
{
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, 64, 64, NULL), ORDO_OK);
    ordo_stage_init(&stage, "test", &ring, batch_max);
    for (int i = 0; i < 2; i++) {
        ordo_sequence_init(&before[i], cursor);
        ordo_barrier_add(&stage.barrier, &before[i]);
    }
    ordo_sequence_init(&stage.sequence, cursor);
    stage.next = cursor + 1;
}

static void check_batches(uint64_t cursor)
{
    start(10, cursor);
    cr_assert_eq(ordo_stage_available(&stage), 0);
    ordo_sequence_set(&before[0], cursor + 25);
    cr_assert_eq(ordo_stage_available(&stage), 0, "both dependencies count");
    ordo_sequence_set(&before[1], cursor + 4);
    cr_assert_eq(ordo_stage_available(&stage), 4);
    ordo_sequence_set(&before[1], cursor + 25);
    uint32_t sizes[] = {10, 10, 5, 0};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t got = ordo_stage_available(&stage);
        cr_assert_eq(got, sizes[i]);
        ordo_stage_advance(&stage, stage.next + got - 1);
    }
    cr_assert_eq(ordo_sequence_get(&stage.sequence), cursor + 25);
    cr_assert_eq(stage.next, cursor + 26);
    ordo_arena_fini(&arena);
}

Test(stage, reads_in_batches_of_at_most_batch_max)
{
    check_batches(0);
    check_batches(UINT64_MAX - 30);
    check_batches(UINT64_MAX - 12);
    check_batches(UINT64_MAX - 5);
    check_batches(UINT64_MAX);
}

Test(stage, takes_the_whole_ring_when_batch_max_is_zero)
{
    start(0, 0);
    ordo_sequence_set(&before[0], 64);
    ordo_sequence_set(&before[1], 64);
    cr_assert_eq(ordo_stage_available(&stage), 64);
    ordo_arena_fini(&arena);
}

Test(stage, may_finish_later_than_it_reads)
{
    start(0, UINT64_MAX - 3);
    ordo_sequence_set(&before[0], 10);
    ordo_sequence_set(&before[1], 10);
    cr_assert_eq(ordo_stage_available(&stage), 14);
    stage.next = 6; /* read up to 5, done with nothing */
    cr_assert_eq(ordo_stage_available(&stage), 5);
    cr_assert_eq(ordo_sequence_get(&stage.sequence), UINT64_MAX - 3);
    ordo_stage_advance(&stage, 2);
    cr_assert_eq(stage.next, 6, "advance never moves next back");
    ordo_stage_advance(&stage, 8);
    cr_assert_eq(stage.next, 9);
    ordo_arena_fini(&arena);
}

Test(stage, moving_backwards_asserts, .signal = SIGABRT)
{
    start(0, 10);
    ordo_stage_advance(&stage, 9);
}
