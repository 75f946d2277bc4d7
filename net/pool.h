/* pool.h - a bounded store of byte blocks of different sizes, taken from one region.
 *
 * Buddies: a block is 256 bytes times a power of two; neighbours that are free grow together again.
 * A few freed blocks of each size are kept as they are, for they are wanted again soon. One thread
 * at a time.
 */
#ifndef ORDO_NET_POOL_H
#define ORDO_NET_POOL_H

#include "base/arena.h"

#define ORDO_POOL_UNIT   256u
#define ORDO_POOL_ORDERS 14u /* blocks of 256 bytes to 2 MiB */

struct ordo_pool_item {
    struct ordo_pool_item *next;
    struct ordo_pool_item *previous; /* unused in a cache */
};

struct ordo_pool {
    uint8_t *base;
    uint8_t *marks; /* a unit: what begins there */
    size_t size;
    size_t used; /* bytes of the blocks taken */
    uint32_t order_max;
    struct ordo_pool_item *free[ORDO_POOL_ORDERS];
    struct ordo_pool_item *cached[ORDO_POOL_ORDERS];
    uint32_t cached_count[ORDO_POOL_ORDERS];
};

/* `size` bytes of memory in blocks of at most block_max, rounded up to a power of two. Pages are
 * touched when they are used first. NO_MEMORY. Starter thread. */
enum ordo_err ordo_pool_init(
    struct ordo_pool *pool,
    struct ordo_arena *arena,
    const char *name,
    size_t size,
    size_t block_max) ORDO_MUST_USE;

/* A block of at least `size` bytes, or NULL when there is none. */
void *ordo_pool_take(struct ordo_pool *pool, size_t size);

/* The size of a block that was taken. */
size_t ordo_pool_size(const struct ordo_pool *pool, const void *block);

void ordo_pool_give(struct ordo_pool *pool, void *block);

#endif
