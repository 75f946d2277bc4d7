/* index.h - from a key's hash to row numbers: open addressing of fixed capacity.
 *
 * A slot is 4 bytes: the row number, and in the bits above it a part of the hash, so that nearly
 * every probe that is not the one sought is told without a look at its row. Equality is always
 * decided by the caller on the row's full key. Linear probing, load at most 2/3, backward-shift
 * deletion, never resized. An index is derived from its table: not part of digest or snapshot.
 */
#ifndef ORDO_ORDER_INDEX_H
#define ORDO_ORDER_INDEX_H

#include "base/arena.h"
#include "base/assert.h"

#include <stdbool.h>
#include <stdint.h>

struct ordo_index {
    uint32_t *slots; /* 0 = empty */
    uint32_t slot_count;
    uint32_t row_mask; /* the bits of a slot that are the row */
    uint32_t rows_max; /* entries it may hold */
    uint32_t count;
};

struct ordo_probe {
    uint32_t at;
    uint32_t tag;
};

/* The hash of the key of a row, for deletion. */
typedef uint64_t ordo_index_hash(const void *context, uint32_t row);

/* For at most rows_max entries with row numbers 1..rows_max. Starter thread. */
enum ordo_err ordo_index_create(
    struct ordo_index *index, struct ordo_arena *arena, const char *name, uint64_t rows_max)
    ORDO_MUST_USE;

static inline uint32_t ordo_index_home(const struct ordo_index *index, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * index->slot_count) >> 32);
}

/* Candidates for a hash, one after the other; 0 = no more. The caller compares keys. */
static inline uint32_t ordo_index_next(const struct ordo_index *index, struct ordo_probe *probe)
{
    for (;;) { /* ends: a third of the slots is empty */
        uint32_t slot = index->slots[probe->at];
        if (slot == 0) {
            return 0;
        }
        probe->at = probe->at + 1 == index->slot_count ? 0 : probe->at + 1;
        if ((slot & ~index->row_mask) == probe->tag) {
            return slot & index->row_mask;
        }
    }
}

static inline uint32_t
ordo_index_first(const struct ordo_index *index, uint64_t hash, struct ordo_probe *probe)
{
    *probe = (struct ordo_probe){
        .at = ordo_index_home(index, hash), .tag = (uint32_t)hash & ~index->row_mask};
    return ordo_index_next(index, probe);
}

static inline void ordo_index_prefetch(const struct ordo_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->slots[ordo_index_home(index, hash)]);
}

/* Where the search for a hash begins. */
static inline const uint32_t *ordo_index_slot(const struct ordo_index *index, uint64_t hash)
{
    return &index->slots[ordo_index_home(index, hash)];
}

/* The key must not be there yet; there must be room. Owner thread. */
void ordo_index_insert(struct ordo_index *index, uint64_t hash, uint32_t row);

/* The entry (hash, row) must be there. hash_of gives the hashes of the neighbours that move up. */
void ordo_index_remove(
    struct ordo_index *index,
    uint64_t hash,
    uint32_t row,
    ordo_index_hash *hash_of,
    const void *context);

/* Empties it, to be filled again from the rows. Owner thread. */
void ordo_index_clear(struct ordo_index *index);

#endif
