/* The byte ring against a model that marks each byte with its owner.
 *
 * Method: random reserve, commit (often of less) and release; the model keeps an owner for every
 * byte of the ring and fails when a reservation touches one that is still owned, crosses the end,
 * or is refused although there was room. Replay: ORDO_SEED=n byte_ring_test. */
#include "ring/byte_ring.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIVE_MAX 4096

struct piece {
    uint64_t position;
    uint32_t size;
    uint8_t fill;
};

struct model {
    struct ordo_byte_ring ring;
    struct piece live[LIVE_MAX]; /* committed and not released, oldest at first */
    uint64_t first;
    uint64_t count;
    uint64_t released;
    uint64_t skips;
    uint64_t refused;
    uint64_t random;
};

static struct ordo_arena arena;
static struct model model;

static uint64_t next_random(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("ORDO_SEED");
    uint64_t seed = text == NULL ? (uint64_t)time(NULL) : strtoull(text, NULL, 10);
    fprintf(
        stderr,
        "seed=%llu (replay: ORDO_SEED=%llu)\n",
        (unsigned long long)seed,
        (unsigned long long)seed);
    return seed;
}

static void model_init(struct model *m, uint64_t size, uint64_t seed, uint64_t start)
{
    memset(m, 0, sizeof(*m));
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_byte_ring_init(&m->ring, &arena, "bytes", size), ORDO_OK);
    m->ring.head = start;
    m->released = start;
    m->random = seed * 0x9e3779b97f4a7c15u + 1;
}

static void release_oldest(struct model *m)
{
    const struct piece *piece = &m->live[m->first % LIVE_MAX];
    const uint8_t *bytes = ordo_byte_ring_at(&m->ring, piece->position);
    for (uint32_t i = 0; i < piece->size; i++) {
        cr_assert_eq(bytes[i], piece->fill, "a live byte was overwritten");
    }
    m->released = piece->position + piece->size;
    m->first++;
    m->count--;
}

/* What the ring must answer, worked out the slow way. */
static bool expect_room(const struct model *m, uint32_t size, uint64_t *position)
{
    uint64_t at = m->ring.head;
    while ((at % m->ring.size) + size > m->ring.size) {
        at++;
    }
    *position = at;
    return (at - m->released) + size <= m->ring.size;
}

static void take(struct model *m, uint32_t reserve_size, uint32_t commit_size)
{
    uint64_t position = 0;
    uint64_t expected = 0;
    uint64_t head = m->ring.head;
    bool room = expect_room(m, reserve_size, &expected);
    uint8_t *bytes = ordo_byte_ring_reserve(&m->ring, m->released, reserve_size, &position);
    cr_assert_eq(bytes != NULL, room);
    cr_assert_eq(m->ring.head, head, "a reservation takes nothing");
    if (bytes == NULL) {
        m->refused++;
        return;
    }
    cr_assert_eq(position, expected);
    cr_assert(bytes + reserve_size <= m->ring.base + m->ring.size, "a reservation wraps");
    m->skips += position != head;
    uint8_t fill = (uint8_t)next_random(m);
    memset(bytes, fill, reserve_size); /* the whole reservation may be written */
    ordo_byte_ring_commit(&m->ring, position, commit_size);
    m->live[(m->first + m->count) % LIVE_MAX] = (struct piece){position, commit_size, fill};
    m->count++;
}

static void run_model(uint64_t size, uint64_t start, uint64_t seed)
{
    model_init(&model, size, seed, start);
    uint32_t half = (uint32_t)(model.ring.size / 2);
    for (int i = 0; i < 200000; i++) {
        uint64_t dice = next_random(&model);
        uint32_t bound = dice % 7 == 0 ? half + 1 : dice % 7 == 1 ? 2 : half / 4 + 1;
        uint32_t reserve_size = (uint32_t)(next_random(&model) % bound);
        uint32_t commit_size =
            dice % 3 == 0 ? reserve_size : (uint32_t)(next_random(&model) % (reserve_size + 1));
        bool full = model.count == LIVE_MAX;
        if (!full && next_random(&model) % 100 < 55) {
            take(&model, reserve_size, commit_size);
        } else if (model.count != 0) {
            release_oldest(&model);
        }
    }
    while (model.count != 0) {
        release_oldest(&model);
    }
    cr_assert_gt(model.skips, 100, "the wrap was not tried");
    cr_assert_gt(model.refused, 100, "full was not tried");
    ordo_arena_fini(&arena);
}

Test(byte_ring, never_gives_a_byte_that_is_in_use_and_never_refuses_a_free_one)
{
    uint64_t seed = seed_of_run();
    run_model(64, 0, seed);
    run_model(256, 0, seed + 1);
    run_model(1000, 0, seed + 2);
    run_model(4096, 0, seed + 3);
}

Test(byte_ring, holds_across_the_wrap_of_positions)
{
    uint64_t seed = seed_of_run();
    for (uint64_t before = 0; before < 300; before += 37) {
        run_model(256, 0 - before, seed + before);
    }
}

Test(byte_ring, gives_half_of_itself_from_any_offset_when_empty)
{
    model_init(&model, 128, 1, 0);
    for (uint64_t start = 0; start < 256; start++) {
        uint64_t position;
        model.ring.head = start;
        cr_assert_not_null(ordo_byte_ring_reserve(&model.ring, start, 64, &position));
    }
    ordo_arena_fini(&arena);
}

Test(byte_ring, counts_the_skip_as_used_until_its_successor_is_released)
{
    uint64_t position = 0;
    model_init(&model, 64, 1, 0);
    ordo_byte_ring_commit(&model.ring, 0, 30);
    ordo_byte_ring_commit(&model.ring, 30, 10); /* 24 left to the end */
    cr_assert_null(ordo_byte_ring_reserve(&model.ring, 29, 30, &position));
    cr_assert_not_null(ordo_byte_ring_reserve(&model.ring, 30, 30, &position));
    cr_assert_eq(position, 64);
    ordo_byte_ring_commit(&model.ring, position, 30);
    cr_assert_null(ordo_byte_ring_reserve(&model.ring, 30, 1, &position));
    cr_assert_not_null(ordo_byte_ring_reserve(&model.ring, 40, 10, &position));
    cr_assert_eq(position, 94);
    ordo_arena_fini(&arena);
}

Test(byte_ring, refuses_a_size_that_the_system_cannot_give)
{
    struct ordo_byte_ring ring;
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_byte_ring_init(&ring, &arena, "huge", UINT64_MAX), ORDO_ERR_NO_MEMORY);
    cr_assert_eq(ordo_byte_ring_init(&ring, &arena, "big", 1ull << 61), ORDO_ERR_NO_MEMORY);
    cr_assert_eq(arena.count, 0);
}

Test(byte_ring, more_than_half_asserts, .signal = SIGABRT)
{
    uint64_t position;
    model_init(&model, 64, 1, 0);
    (void)ordo_byte_ring_reserve(&model.ring, 0, 33, &position);
}
