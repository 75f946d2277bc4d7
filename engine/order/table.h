/* table.h - rows of fixed size behind one write accessor: the only memory that state lives in.
 *
 * Rows are numbered from 1; row 0 is all zero and means "none". Rows lie side by side and are
 * grouped into chunks of a power of two. ordo_table_write() marks the row's chunk with one byte
 * store, so that snapshots and digests cost in proportion to what changed, and calls before_write
 * when one is set: a snapshot's cut copies the chunk before it changes. Padding is part of a row
 * and is zero. One thread owns a table.
 */
#ifndef ORDO_ORDER_TABLE_H
#define ORDO_ORDER_TABLE_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

/* What a chunk's mark says: changed since this reader last looked. */
enum ordo_mark {
    ORDO_MARK_SNAPSHOT_A = 1,
    ORDO_MARK_SNAPSHOT_B = 2,
    ORDO_MARK_DIGEST = 4,
    ORDO_MARK_ALL = 7,
    ORDO_MARK_PENDING = 8, /* the cut's own (cut.c); a write takes them away */
    ORDO_MARK_COPIED = 16,
};

struct ordo_table;

/* Called before a row of the chunk changes. Must not block or write to a table. */
typedef void ordo_before_write(void *context, const struct ordo_table *table, uint32_t chunk);

struct ordo_table {
    const char *name;             /* static text */
    uint8_t *rows;                /* row n at n * row_size */
    uint8_t *marks;               /* a byte per chunk, enum ordo_mark */
    struct ordo_hash128 *digests; /* of each chunk, valid where ORDO_MARK_DIGEST is not set */
    uint32_t row_size;            /* bytes */
    uint32_t rows_max;            /* highest row number */
    uint32_t chunk_shift;         /* a chunk has 1 << chunk_shift rows */
    uint32_t chunk_count;
    ordo_before_write *before_write; /* NULL = no cut is under way */
    void *before_write_context;
};

/* Memory for rows 1..rows_max out of the arena. `names` are static texts for rows, marks and
 * digests. Starter thread. NO_MEMORY names the table and the size in fail. */
enum ordo_err ordo_table_create(
    struct ordo_table *table,
    struct ordo_arena *arena,
    const char *name,
    uint32_t row_size,
    uint64_t rows_max,
    uint32_t chunk_shift) ORDO_MUST_USE;

/* The row for reading. Owner thread. */
static inline const void *ordo_table_read(const struct ordo_table *table, uint32_t row)
{
    ORDO_DASSERT(row <= table->rows_max);
    return table->rows + (size_t)row * table->row_size;
}

/* The row for writing: the only way to change one. The pointer is good until the command ends.
 * Owner thread. */
static inline void *ordo_table_write(struct ordo_table *table, uint32_t row)
{
    ORDO_DASSERT(row != 0);
    ORDO_DASSERT(row <= table->rows_max);
    uint32_t chunk = row >> table->chunk_shift;
    if (ORDO_UNLIKELY(table->before_write != NULL)) {
        table->before_write(table->before_write_context, table, chunk);
    }
    table->marks[chunk] = ORDO_MARK_ALL;
    return table->rows + (size_t)row * table->row_size;
}

/* Whether the row's chunk was given out for writing since every reader last looked. */
static inline bool ordo_table_is_marked(const struct ordo_table *table, uint32_t row)
{
    return table->marks[row >> table->chunk_shift] == ORDO_MARK_ALL;
}

/* Rows first..first+count-1 for writing, side by side (texts over several rows). Owner thread. */
void *ordo_table_write_rows(struct ordo_table *table, uint32_t first, uint32_t count);

/* NULL takes the hook away. Owner thread. */
void ordo_table_set_before_write(
    struct ordo_table *table, ordo_before_write *before_write, void *context);

/* Chunks that hold rows 0..used. */
uint32_t ordo_table_chunks(const struct ordo_table *table, uint32_t used);

/* The bytes of a chunk, whole; the tail of the last one is zero. */
const void *ordo_table_chunk(const struct ordo_table *table, uint32_t chunk, size_t *size);

/* Puts bytes of a whole chunk in its place, all marks set. Starter thread. */
void ordo_table_load(struct ordo_table *table, uint32_t chunk, const void *bytes);

/* Takes one reader's mark off the chunk; true when it was set. Owner thread. */
bool ordo_table_unmark(struct ordo_table *table, uint32_t chunk, enum ordo_mark mark);

/* Digest over rows 0..used: from the cached chunk digests, reading only marked chunks, and from
 * nothing. Both always agree. Owner thread. */
struct ordo_hash128 ordo_table_digest(struct ordo_table *table, uint32_t used);
struct ordo_hash128 ordo_table_digest_full(const struct ordo_table *table, uint32_t used);

#endif
