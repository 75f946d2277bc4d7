/* Goal: no row changes without its chunk being marked and the hook being asked first; digests
 * agree; an index finds exactly what is in it. Method: against plain copies and a linear search,
 * with random rows. */
#include "order/index.h"
#include "order/table.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ordo_arena arena;

static void open_arena(void)
{
    ordo_arena_init(&arena);
}

static void close_arena(void)
{
    ordo_arena_fini(&arena);
}

TestSuite(table, .init = open_arena, .fini = close_arena);

struct row {
    uint64_t a;
    uint64_t b;
};

static uint64_t seed = 88172645463325252ull;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

struct saved {
    const struct ordo_table *table;
    uint32_t chunk;
    uint32_t calls;
    struct row copy[64];
};

static void save_chunk(void *context, const struct ordo_table *table, uint32_t chunk)
{
    struct saved *saved = context;
    size_t size;
    const void *bytes = ordo_table_chunk(table, chunk, &size);
    cr_assert_eq(size, sizeof(saved->copy));
    memcpy(saved->copy, bytes, size);
    saved->chunk = chunk;
    saved->calls++;
}

Test(table, a_write_marks_its_chunk_and_asks_the_hook_before)
{
    struct ordo_table t;
    static struct saved saved;
    cr_assert_eq(ordo_table_create(&t, &arena, "test", sizeof(struct row), 1000, 6), ORDO_OK);
    cr_assert_eq(t.chunk_count, 16);
    for (uint32_t c = 0; c < t.chunk_count; c++) {
        cr_assert(ordo_table_unmark(&t, c, ORDO_MARK_SNAPSHOT_A), "all is new at first");
        cr_assert(!ordo_table_unmark(&t, c, ORDO_MARK_SNAPSHOT_A));
        cr_assert(ordo_table_unmark(&t, c, ORDO_MARK_SNAPSHOT_B), "each reader has his own mark");
    }
    struct row *row = ordo_table_write(&t, 130);
    row->a = 7;
    cr_expect_eq(saved.calls, 0);
    for (uint32_t c = 0; c < t.chunk_count; c++) {
        cr_expect_eq(ordo_table_unmark(&t, c, ORDO_MARK_SNAPSHOT_A), c == 2);
    }
    ordo_table_set_before_write(&t, save_chunk, &saved);
    row = ordo_table_write(&t, 130);
    row->a = 8;
    cr_expect_eq(saved.calls, 1);
    cr_expect_eq(saved.chunk, 2);
    cr_expect_eq(saved.copy[2].a, 7, "the hook saw the content before the change");
    (void)ordo_table_write_rows(&t, 190, 6);
    cr_expect(ordo_table_unmark(&t, 2, ORDO_MARK_SNAPSHOT_A));
    cr_expect(ordo_table_unmark(&t, 3, ORDO_MARK_SNAPSHOT_A), "every chunk of a range");
    ordo_table_set_before_write(&t, NULL, NULL);
}

Test(table, the_incremental_digest_is_the_full_one)
{
    struct ordo_table t;
    cr_assert_eq(ordo_table_create(&t, &arena, "test", sizeof(struct row), 1000, 6), ORDO_OK);
    uint32_t used = 0;
    struct ordo_hash128 last = {0, 0};
    for (int i = 0; i < 500; i++) {
        used = used < 1000 && draw() % 2 ? used + 1 : used;
        if (used != 0) {
            struct row *row = ordo_table_write(&t, 1 + (uint32_t)(draw() % used));
            row->a = draw();
        }
        struct ordo_hash128 a = ordo_table_digest(&t, used);
        struct ordo_hash128 b = ordo_table_digest_full(&t, used);
        cr_assert(a.low == b.low && a.high == b.high);
        cr_assert(used == 0 || a.low != last.low, "every change shows");
        last = a;
    }
}

Test(table, too_many_rows_are_told)
{
    struct ordo_table t;
    cr_expect_eq(ordo_table_create(&t, &arena, "test", 8, 1ull << 32, 6), ORDO_ERR_LIMIT);
}

/* ---- index ---- */

#define ROWS 300

static uint64_t hashes[ROWS + 1];

static uint64_t hash_of(const void *context, uint32_t row)
{
    (void)context;
    return hashes[row];
}

static bool finds(const struct ordo_index *index, uint32_t row)
{
    struct ordo_probe probe;
    uint32_t at = ordo_index_first(index, hashes[row], &probe);
    for (; at != 0; at = ordo_index_next(index, &probe)) {
        if (at == row) {
            return true;
        }
    }
    return false;
}

Test(table, an_index_finds_exactly_what_is_in_it)
{
    struct ordo_index index;
    bool in[ROWS + 1] = {false};
    cr_assert_eq(ordo_index_create(&index, &arena, "test", ROWS), ORDO_OK);
    for (int i = 0; i < 20000; i++) {
        uint32_t row = 1 + (uint32_t)(draw() % ROWS);
        if (in[row]) {
            ordo_index_remove(&index, hashes[row], row, hash_of, NULL);
        } else {
            /* few homes, the last ones too, so that runs are long and wrap around */
            hashes[row] =
                draw() % 3 == 0 ? draw() | 0xffff000000000000ull : draw() & 0x0fffffffffffffffull;
            ordo_index_insert(&index, hashes[row], row);
        }
        in[row] = !in[row];
        for (uint32_t r = 1; i % 20 == 0 && r <= ROWS; r++) {
            cr_assert_eq(finds(&index, r), in[r]);
        }
    }
    ordo_index_clear(&index);
    cr_expect_eq(index.count, 0);
    cr_expect(!finds(&index, 1));
}
