#include "net/recent.h"

#include <string.h>

/* A cell, in words: 0 seq, 1 time, 2 shop | version, 3 flags | from, to, cause, disposition, 4 size
 * of order_id | last, 5 to 8 order_id, 9 and 10 the hash after it (of the last of a command). The
 * number is not in it: it follows from the place and from what was announced.
 */

enum word { SEQ, TIME, SHOP, MOVE, SIZE, ORDER, HASH = 9 };

#define LAST_BIT 8

_Static_assert(ORDO_ORDER_ID_MAX == 4 * sizeof(uint64_t), "an order's number is four words");
_Static_assert(HASH + 2 == ORDO_RECENT_WORDS, "a cell is full");

enum ordo_err ordo_recent_init(struct ordo_recent *recent, struct ordo_arena *arena, uint32_t count)
{
    void *cells = NULL;
    ORDO_ASSERT(count != 0 && count <= ORDO_RECENT_MAX);
    recent->capacity = ORDO_TRANSITIONS_MAX; /* one command's updates always fit */
    while (recent->capacity < count) {
        recent->capacity *= 2;
    }
    enum ordo_err err =
        ordo_arena_alloc(arena, "recent updates", recent->capacity, sizeof(*recent->cells), &cells);
    recent->cells = cells;
    return err;
}

static _Atomic uint64_t *cell_of(const struct ordo_recent *recent, uint64_t update_seq)
{
    return recent->cells[update_seq & (recent->capacity - 1)];
}

static void put(_Atomic uint64_t *cell, int word, uint64_t value)
{
    atomic_store_explicit(&cell[word], value, memory_order_release);
}

static uint64_t get(const _Atomic uint64_t *cell, int word)
{
    return atomic_load_explicit(&cell[word], memory_order_acquire);
}

static void put_hash(_Atomic uint64_t *cell, const uint8_t *hash)
{
    put(cell, HASH, ordo_get_le64(hash));
    put(cell, HASH + 1, ordo_get_le64(hash + 8));
}

void ordo_recent_start(struct ordo_recent *recent, uint64_t update_seq, const uint8_t hash[16])
{
    recent->floor = update_seq;
    ordo_sequence_init(&recent->announced, update_seq);
    ordo_sequence_init(&recent->published, update_seq);
    put_hash(cell_of(recent, update_seq), hash);
    put(cell_of(recent, update_seq), SIZE, 1u << LAST_BIT);
}

void ordo_recent_announce(struct ordo_recent *recent, uint64_t last_update_seq)
{
    ORDO_ASSERT(!ordo_sequence_before(last_update_seq, ordo_sequence_own(&recent->announced)));
    ordo_sequence_set(&recent->announced, last_update_seq);
}

void ordo_recent_put(
    struct ordo_recent *recent, const struct ordo_update *update, const uint8_t *hash)
{
    _Atomic uint64_t *cell = cell_of(recent, update->update_seq);
    uint8_t order_id[ORDO_ORDER_ID_MAX] = {0};
    ORDO_ASSERT(update->order_id.size <= ORDO_ORDER_ID_MAX);
    ORDO_ASSERT(!ordo_sequence_before(
        ordo_sequence_own(&recent->announced), update->update_seq)); /* it was announced */
    ordo_copy_short(order_id, update->order_id);
    put(cell, SEQ, update->seq);
    put(cell, TIME, update->time_us);
    put(cell, SHOP, (uint64_t)update->shop << 32 | update->version);
    put(cell,
        MOVE,
        (uint64_t)update->flags << 32 | (uint64_t)update->from << 24 | (uint64_t)update->to << 16 |
            (uint64_t)update->cause << 8 | update->disposition);
    put(cell, SIZE, update->order_id.size | (hash == NULL ? 0 : 1u << LAST_BIT));
    for (int i = 0; i < 4; i++) {
        put(cell, ORDER + i, ordo_get_le64(order_id + 8 * i));
    }
    if (hash != NULL) {
        put_hash(cell, hash);
    }
}

void ordo_recent_publish(struct ordo_recent *recent, uint64_t update_seq)
{
    ORDO_ASSERT(ordo_sequence_own(&recent->announced) == update_seq);
    ordo_sequence_set(&recent->published, update_seq);
}

/* Looked at after the copy: an update is lost when the one that takes its cell was announced. */
static bool is_lost(const struct ordo_recent *recent, uint64_t update_seq)
{
    return ordo_sequence_get(&recent->announced) - update_seq >= recent->capacity;
}

bool ordo_recent_get(
    const struct ordo_recent *recent, uint64_t update_seq, struct ordo_recent_update *out)
{
    const _Atomic uint64_t *cell = cell_of(recent, update_seq);
    ORDO_ASSERT(!ordo_sequence_before(ordo_sequence_get(&recent->published), update_seq));
    if (!ordo_sequence_before(recent->floor, update_seq) || is_lost(recent, update_seq)) {
        return false;
    }
    uint64_t shop = get(cell, SHOP);
    uint64_t move = get(cell, MOVE);
    uint64_t size = get(cell, SIZE);
    out->update = (struct ordo_update){
        .update_seq = update_seq,
        .seq = get(cell, SEQ),
        .time_us = get(cell, TIME),
        .shop = (uint32_t)(shop >> 32),
        .version = (uint32_t)shop,
        .from = (uint8_t)(move >> 24),
        .to = (uint8_t)(move >> 16),
        .cause = (uint8_t)(move >> 8),
        .disposition = (uint8_t)move,
        .flags = (uint32_t)(move >> 32),
        .order_id = {out->order_id, (uint32_t)size & 0xff},
    };
    for (int i = 0; i < 4; i++) {
        ordo_put_le64(out->order_id + 8 * i, get(cell, ORDER + i));
    }
    out->last = (size >> LAST_BIT & 1) != 0;
    ordo_put_le64(out->hash, get(cell, HASH));
    ordo_put_le64(out->hash + 8, get(cell, HASH + 1));
    return !is_lost(recent, update_seq);
}

bool ordo_recent_hash(const struct ordo_recent *recent, uint64_t update_seq, uint8_t hash[16])
{
    const _Atomic uint64_t *cell = cell_of(recent, update_seq);
    if (ordo_sequence_before(update_seq, recent->floor) || is_lost(recent, update_seq)) {
        return false;
    }
    bool last = (get(cell, SIZE) >> LAST_BIT & 1) != 0;
    ordo_put_le64(hash, get(cell, HASH));
    ordo_put_le64(hash + 8, get(cell, HASH + 1));
    return last && !is_lost(recent, update_seq);
}
