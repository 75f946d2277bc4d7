#include "order/index.h"

#include "order/domain.h"

#include <string.h>

/* Why linear probing with tags. A miss is the common case for command ids (each is new), and costs
 * about 5 probes at a load of 2/3: without tags that is 5 rows read from memory, with them one line
 * of slots. Tags take the bits that row numbers leave: 12 at a million rows, 2 at 600 millions.
 *
 * The home slot is (upper half of the hash) * slots / 2^32, so the capacity needs no power of two:
 * at 10 million orders that is the difference between 6 and up to 12 bytes an entry.
 */

enum ordo_err ordo_index_create(
    struct ordo_index *index, struct ordo_arena *arena, const char *name, uint64_t rows_max)
{
    ORDO_ASSERT(rows_max > 0);
    uint64_t slots = rows_max + rows_max / 2 + 8;
    if (slots > UINT32_MAX) {
        return ORDO_ERR_LIMIT;
    }
    uint32_t mask = 1;
    while (mask < rows_max) {
        mask = mask << 1 | 1;
    }
    void *memory = NULL;
    enum ordo_err err = ordo_arena_alloc(arena, name, slots, sizeof(uint32_t), &memory);
    if (err != ORDO_OK) {
        return err;
    }
    *index = (struct ordo_index){
        .slots = memory,
        .slot_count = (uint32_t)slots,
        .row_mask = mask,
        .rows_max = (uint32_t)rows_max,
    };
    return ORDO_OK;
}

uint64_t ordo_text_hash_short(struct ordo_bytes text, uint64_t seed)
{
    uint8_t padded[16] = {0};
    ORDO_ASSERT(text.size < sizeof(padded));
    if (text.size != 0) {
        memcpy(padded, text.data, text.size);
    }
    return ordo_mix(ordo_get_le64(padded) ^ seed, ordo_get_le64(padded + 8));
}

static uint32_t after(const struct ordo_index *index, uint32_t at)
{
    return at + 1 == index->slot_count ? 0 : at + 1;
}

void ordo_index_insert(struct ordo_index *index, uint64_t hash, uint32_t row)
{
    ORDO_ASSERT(index->count < index->rows_max);
    ORDO_ASSERT(row != 0 && row <= index->rows_max);
    uint32_t at = ordo_index_home(index, hash);
    while (index->slots[at] != 0) {
        at = after(index, at);
    }
    index->slots[at] = ((uint32_t)hash & ~index->row_mask) | row;
    index->count++;
}

void ordo_index_remove(
    struct ordo_index *index,
    uint64_t hash,
    uint32_t row,
    ordo_index_hash *hash_of,
    const void *context)
{
    uint32_t hole = ordo_index_home(index, hash);
    while ((index->slots[hole] & index->row_mask) != row) {
        ORDO_ASSERT(index->slots[hole] != 0);
        hole = after(index, hole);
    }
    for (uint32_t at = after(index, hole); index->slots[at] != 0; at = after(index, at)) {
        uint32_t home =
            ordo_index_home(index, hash_of(context, index->slots[at] & index->row_mask));
        /* An entry may move into the hole unless its home lies behind the hole, up to itself. */
        bool stays = hole < at ? (home > hole && home <= at) : (home > hole || home <= at);
        if (!stays) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = 0;
    index->count--;
}

void ordo_index_clear(struct ordo_index *index)
{
    memset(index->slots, 0, (size_t)index->slot_count * sizeof(uint32_t));
    index->count = 0;
}
