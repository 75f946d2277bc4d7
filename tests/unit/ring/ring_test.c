/* The ring's memory: bounds of its capacity, one line for what went wrong, each cursor its own cell
 * within a lap. */
#include "ring/ring.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ordo_arena arena;
static struct ordo_ring ring;
static struct ordo_fail fail;

static void setup(void)
{
    ordo_arena_init(&arena);
}

static void teardown(void)
{
    ordo_arena_fini(&arena);
}

TestSuite(ring, .init = setup, .fini = teardown);

Test(ring, refuses_a_capacity_out_of_range_and_names_it)
{
    uint64_t bad[] = {0, 1, ORDO_RING_CAPACITY_MIN - 1, ORDO_RING_CAPACITY_MAX + 1ull, UINT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(ordo_ring_init(&ring, &arena, bad[i], 64, 64, &fail), ORDO_ERR_CONFIG);
        cr_assert_not_null(strstr(fail.text, "out of range"), "%s", fail.text);
    }
    cr_assert_not_null(strstr(fail.text, "18446744073709551615"), "%s", fail.text);
}

Test(ring, rounds_its_sizes_up_to_powers_of_two)
{
    cr_assert_eq(ordo_ring_init(&ring, &arena, 65, 1000, 100, &fail), ORDO_OK);
    cr_assert_eq(ring.capacity, 128);
    cr_assert_eq(ring.commands.size, 1024);
    cr_assert_eq(ring.outcomes.size, 128);
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, 64, 64, NULL), ORDO_OK);
    cr_assert_eq(ring.capacity, 64);
}

Test(ring, reports_missing_memory)
{
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, UINT64_MAX / 2, 64, &fail), ORDO_ERR_NO_MEMORY);
    cr_assert_not_null(strstr(fail.text, "no memory"), "%s", fail.text);
}

Test(ring, gives_each_cursor_of_a_lap_a_cell_and_a_mark_of_its_own)
{
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, 64, 64, &fail), ORDO_OK);
    uint64_t starts[] = {1, 63, UINT64_MAX - 20}; /* the last lap crosses the wrap */
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (uint64_t i = 0; i < 64; i++) {
            ordo_ring_slot(&ring, starts[s] + i)->token = i;
            memset(ordo_ring_mark(&ring, starts[s] + i), (int)i, ORDO_RING_MARK_SIZE);
        }
        for (uint64_t i = 0; i < 64; i++) {
            cr_assert_eq(ordo_ring_slot(&ring, starts[s] + i)->token, i);
            cr_assert_eq(ordo_ring_mark(&ring, starts[s] + i)[ORDO_RING_MARK_SIZE - 1], i);
        }
        cr_assert_eq(ordo_ring_slot(&ring, starts[s]), ordo_ring_slot(&ring, starts[s] + 64));
    }
}

Test(ring, shows_the_bytes_of_a_slot)
{
    cr_assert_eq(ordo_ring_init(&ring, &arena, 64, 64, 128, &fail), ORDO_OK);
    memcpy(ring.commands.base + 60, "comd", 4);
    memcpy(ring.outcomes.base + 3, "outcome", 7);
    struct ordo_slot slot = {
        .command_at = 64 * 9 + 60, .command_size = 4, .outcome_at = 128 * 5 + 3, .outcome_size = 7};
    struct ordo_bytes command = ordo_ring_command(&ring, &slot);
    struct ordo_bytes outcome = ordo_ring_outcome(&ring, &slot);
    cr_assert(ordo_bytes_equal(command, (struct ordo_bytes){(const uint8_t *)"comd", 4}));
    cr_assert(ordo_bytes_equal(outcome, (struct ordo_bytes){(const uint8_t *)"outcome", 7}));
}
