/* The store of blocks: blocks never overlap, everything that was given back can be had again,
 * whole.
 */
#include "net/pool.h"
#include "random.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define SIZE  (1u << 20)
#define BLOCK (1u << 16)
#define HELD  400

static struct ordo_pool pool;
static struct ordo_arena arena;

static void open_pool(void)
{
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_pool_init(&pool, &arena, "test", SIZE, BLOCK), ORDO_OK);
}

Test(pool, gives_all_of_its_memory_and_takes_it_back)
{
    static void *blocks[SIZE / ORDO_POOL_UNIT];
    open_pool();
    for (size_t size = ORDO_POOL_UNIT; size <= BLOCK; size *= 2) {
        for (size_t i = 0; i < SIZE / size; i++) {
            blocks[i] = ordo_pool_take(&pool, size - (i % 2));
            cr_assert_not_null(blocks[i], "block %zu of %zu bytes", i, size);
            cr_assert_eq(ordo_pool_size(&pool, blocks[i]), size);
        }
        cr_assert_eq(pool.used, SIZE);
        cr_assert_null(ordo_pool_take(&pool, 1));
        for (size_t i = 0; i < SIZE / size; i++) {
            ordo_pool_give(&pool, blocks[i * 7 % (SIZE / size)]);
        }
        cr_assert_eq(pool.used, 0);
    }
    ordo_arena_fini(&arena);
}

Test(pool, never_gives_a_byte_to_two)
{
    static struct {
        uint8_t *data;
        size_t size;
    } held[HELD];
    struct random random = random_begin("pool/never_gives_a_byte_to_two");
    uint32_t refused = 0;
    open_pool();
    for (int step = 0; step < 200000; step++) {
        uint32_t i = (uint32_t)(random_next(&random) % HELD);
        if (held[i].data != NULL) {
            for (size_t k = 0; k < held[i].size; k += 97) {
                cr_assert_eq(held[i].data[k], (uint8_t)i, "step %d", step);
            }
            ordo_pool_give(&pool, held[i].data);
            held[i].data = NULL;
            continue;
        }
        held[i].size = 1 + random_next(&random) % (1u << (random_next(&random) % 17));
        held[i].data = ordo_pool_take(&pool, held[i].size);
        refused += held[i].data == NULL;
        if (held[i].data != NULL) {
            memset(held[i].data, (int)i, held[i].size);
        }
    }
    cr_assert(refused > 0, "the store was never full");
    for (uint32_t i = 0; i < HELD; i++) {
        if (held[i].data != NULL) {
            ordo_pool_give(&pool, held[i].data);
        }
    }
    cr_assert_eq(pool.used, 0);
    for (size_t i = 0; i < SIZE / BLOCK; i++) {
        cr_assert_not_null(ordo_pool_take(&pool, BLOCK)); /* nothing is in pieces */
    }
    ordo_arena_fini(&arena);
}

Test(pool, dies_when_a_block_is_given_back_twice, .signal = SIGABRT)
{
    open_pool();
    void *block = ordo_pool_take(&pool, 100);
    ordo_pool_give(&pool, block);
    ordo_pool_give(&pool, block);
}
