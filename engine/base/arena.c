#include "base/arena.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE  ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4096)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void ordo_arena_init(struct ordo_arena *arena)
{
    memset(arena, 0, sizeof(*arena));
}

enum ordo_err
ordo_arena_alloc(struct ordo_arena *arena, const char *name, size_t count, size_t size, void **out)
{
    ORDO_ASSERT(!arena->sealed);
    ORDO_ASSERT(arena->count < ORDO_ARENA_ITEMS_MAX);

    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        return ORDO_ERR_NO_MEMORY;
    }
    size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : SMALL_PAGE;
    size_t mapped = (bytes + unit - 1) / unit * unit;
    if (mapped == 0) {
        mapped = SMALL_PAGE;
    }
    void *base = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return ORDO_ERR_NO_MEMORY;
    }
    if (unit == HUGE_PAGE) {
        (void)madvise(base, mapped, MADV_HUGEPAGE); /* a hint: slower without, not wrong */
    }
    arena->items[arena->count++] =
        (struct ordo_arena_item){.name = name, .base = base, .size = bytes, .mapped = mapped};
    arena->bytes += bytes;
    *out = base;
    return ORDO_OK;
}

/* A system that knows no MADV_POPULATE_WRITE (Linux before 5.14) gives a page that is written. */
static void touch_pages(const struct ordo_arena_item *item)
{
    volatile uint8_t *bytes = item->base;
    for (size_t at = 0; at < item->mapped; at += SMALL_PAGE) {
        bytes[at] = bytes[at];
    }
}

enum ordo_err ordo_arena_take(const struct ordo_arena *arena)
{
    for (uint32_t i = 0; i < arena->count; i++) {
        const struct ordo_arena_item *item = &arena->items[i];
        if (madvise(item->base, item->mapped, MADV_POPULATE_WRITE) == 0) {
            continue;
        }
        if (errno != EINVAL) {
            return ORDO_ERR_NO_MEMORY;
        }
        touch_pages(item);
    }
    return ORDO_OK;
}

void ordo_arena_seal(struct ordo_arena *arena)
{
    arena->sealed = 1;
}

void ordo_arena_fini(struct ordo_arena *arena)
{
    for (uint32_t i = 0; i < arena->count; i++) {
        (void)munmap(arena->items[i].base, arena->items[i].mapped);
    }
    ordo_arena_init(arena);
}
