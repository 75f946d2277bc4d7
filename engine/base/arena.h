/* arena.h - start-up memory: taken once, accounted by name, sealed before traffic.
 *
 * Every table and buffer of the engine comes from an arena while the process starts. After
 * ordo_arena_seal() a further allocation is a programmer error and asserts. Memory is zeroed and
 * page-backed (huge pages asked for).
 */
#ifndef ORDO_BASE_ARENA_H
#define ORDO_BASE_ARENA_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define ORDO_ARENA_ITEMS_MAX                                                                       \
    128 /* named allocations of one arena; the start-up code has far fewer */

struct ordo_arena_item {
    const char *name; /* static text */
    void *base;
    size_t size; /* bytes asked for */
    size_t mapped;
};

struct ordo_arena {
    struct ordo_arena_item items[ORDO_ARENA_ITEMS_MAX];
    uint32_t count;
    size_t bytes; /* sum of size */
    int sealed;
};

/* Starter thread only, before threads start; does not block. */
void ordo_arena_init(struct ordo_arena *arena);

/* Zeroed memory of count * size bytes, aligned to a page; owned by the arena until its fini.
 * Starter thread only. NO_MEMORY when the system refuses or the product overflows. */
enum ordo_err
ordo_arena_alloc(struct ordo_arena *arena, const char *name, size_t count, size_t size, void **out)
    ORDO_MUST_USE;

/* Takes every page from the system now, instead of at its first use: that costs up to 2 ns a byte,
 * in the middle of the work of whoever comes first. What is there stays as it is. Starter thread;
 * blocks for that time. NO_MEMORY when the system says that it has not got it; one that has
 * promised more than it has may end a process instead. */
enum ordo_err ordo_arena_take(const struct ordo_arena *arena) ORDO_MUST_USE;

/* No allocation from here on. */
void ordo_arena_seal(struct ordo_arena *arena);

/* Returns everything to the system; the arena may be used again after init. */
void ordo_arena_fini(struct ordo_arena *arena);

#endif
