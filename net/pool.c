#include "net/pool.h"

#include "base/assert.h"

#include <string.h>

/* A mark says what begins at a unit: a block that is taken (its order), a free one in a list, a
 * free one in a cache, or nothing, because the unit lies inside a block. So a block that is given
 * back twice is found, and a buddy is known to be free, and whole, by its one mark. */

#define MARK_FREE   0x40u
#define MARK_CACHED 0x80u
#define MARK_INSIDE 0xffu
#define CACHED_MAX  64u

static uint32_t order_of(size_t size)
{
    uint32_t order = 0;
    while (((size_t)ORDO_POOL_UNIT << order) < size) {
        order++;
    }
    return order;
}

static uint32_t unit_of(const struct ordo_pool *pool, const void *block)
{
    size_t offset = (size_t)((const uint8_t *)block - pool->base);
    ORDO_ASSERT(offset < pool->size);
    ORDO_ASSERT(offset % ORDO_POOL_UNIT == 0);
    return (uint32_t)(offset / ORDO_POOL_UNIT);
}

static struct ordo_pool_item *item_at(const struct ordo_pool *pool, uint32_t unit)
{
    return (struct ordo_pool_item *)(void *)(pool->base + (size_t)unit * ORDO_POOL_UNIT);
}

static void link_free(struct ordo_pool *pool, uint32_t unit, uint32_t order)
{
    struct ordo_pool_item *item = item_at(pool, unit);
    item->previous = NULL;
    item->next = pool->free[order];
    if (item->next != NULL) {
        item->next->previous = item;
    }
    pool->free[order] = item;
    pool->marks[unit] = (uint8_t)(order | MARK_FREE);
}

static void unlink_free(struct ordo_pool *pool, uint32_t unit, uint32_t order)
{
    struct ordo_pool_item *item = item_at(pool, unit);
    ORDO_ASSERT(pool->marks[unit] == (order | MARK_FREE));
    if (item->previous != NULL) {
        item->previous->next = item->next;
    } else {
        pool->free[order] = item->next;
    }
    if (item->next != NULL) {
        item->next->previous = item->previous;
    }
}

/* Puts a block into the lists, grown together with its buddies. */
static void merge(struct ordo_pool *pool, uint32_t unit, uint32_t order)
{
    uint32_t units = (uint32_t)(pool->size / ORDO_POOL_UNIT);
    while (order < pool->order_max) {
        uint32_t buddy = unit ^ (1u << order);
        if (buddy >= units || pool->marks[buddy] != (order | MARK_FREE)) {
            break;
        }
        unlink_free(pool, buddy, order);
        pool->marks[unit | (1u << order)] = MARK_INSIDE;
        unit &= ~(1u << order);
        order++;
    }
    link_free(pool, unit, order);
}

static void empty_caches(struct ordo_pool *pool)
{
    for (uint32_t order = 0; order <= pool->order_max; order++) {
        while (pool->cached[order] != NULL) {
            struct ordo_pool_item *item = pool->cached[order];
            pool->cached[order] = item->next;
            merge(pool, unit_of(pool, item), order);
        }
        pool->cached_count[order] = 0;
    }
}

enum ordo_err ordo_pool_init(
    struct ordo_pool *pool,
    struct ordo_arena *arena,
    const char *name,
    size_t size,
    size_t block_max)
{
    ORDO_ASSERT(size > 0);
    void *base;
    void *marks;
    memset(pool, 0, sizeof(*pool));
    pool->order_max = order_of(block_max);
    ORDO_ASSERT(pool->order_max < ORDO_POOL_ORDERS);
    size_t block = (size_t)ORDO_POOL_UNIT << pool->order_max;
    pool->size = (size + block - 1) / block * block;
    size_t units = pool->size / ORDO_POOL_UNIT;
    enum ordo_err err = ordo_arena_alloc(arena, name, 1, pool->size, &base);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(arena, name, units, 1, &marks);
    }
    if (err != ORDO_OK) {
        return err;
    }
    pool->base = base;
    pool->marks = marks;
    memset(pool->marks, (int)MARK_INSIDE, units);
    for (size_t at = pool->size; at > 0; at -= block) {
        link_free(pool, (uint32_t)((at - block) / ORDO_POOL_UNIT), pool->order_max);
    }
    return ORDO_OK;
}

static void *take_cached(struct ordo_pool *pool, uint32_t order)
{
    struct ordo_pool_item *item = pool->cached[order];
    if (item != NULL) {
        pool->cached[order] = item->next;
        pool->cached_count[order]--;
        pool->marks[unit_of(pool, item)] = (uint8_t)order;
    }
    return item;
}

/* The smallest free block that is large enough, cut down to size. */
static void *take_cut(struct ordo_pool *pool, uint32_t order)
{
    uint32_t found = order;
    while (found <= pool->order_max && pool->free[found] == NULL) {
        found++;
    }
    if (found > pool->order_max) {
        return NULL;
    }
    struct ordo_pool_item *item = pool->free[found];
    uint32_t unit = unit_of(pool, item);
    unlink_free(pool, unit, found);
    while (found > order) {
        found--;
        link_free(pool, unit + (1u << found), found);
    }
    pool->marks[unit] = (uint8_t)order;
    return item;
}

void *ordo_pool_take(struct ordo_pool *pool, size_t size)
{
    uint32_t order = order_of(size);
    ORDO_ASSERT(order <= pool->order_max);
    void *block = take_cached(pool, order);
    if (block == NULL) {
        block = take_cut(pool, order);
    }
    if (block == NULL) {
        empty_caches(pool);
        block = take_cut(pool, order);
    }
    pool->used += block != NULL ? (size_t)ORDO_POOL_UNIT << order : 0;
    return block;
}

size_t ordo_pool_size(const struct ordo_pool *pool, const void *block)
{
    uint32_t order = pool->marks[unit_of(pool, block)];
    ORDO_ASSERT(order <= pool->order_max);
    return (size_t)ORDO_POOL_UNIT << order;
}

void ordo_pool_give(struct ordo_pool *pool, void *block)
{
    uint32_t unit = unit_of(pool, block);
    uint32_t order = pool->marks[unit];
    ORDO_ASSERT(order <= pool->order_max); /* taken, and not given back yet */
    pool->used -= (size_t)ORDO_POOL_UNIT << order;
    if (pool->cached_count[order] >= CACHED_MAX) {
        merge(pool, unit, order);
        return;
    }
    struct ordo_pool_item *item = block;
    item->next = pool->cached[order];
    pool->cached[order] = item;
    pool->cached_count[order]++;
    pool->marks[unit] = (uint8_t)(order | MARK_CACHED);
}
