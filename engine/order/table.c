#include "order/table.h"

#include <string.h>

/* Digests. A table's digest folds the digests of its chunks in order: h = hash(h || chunk digest),
 * begun with the row size and the number of rows in use. Chunks past the last row in use are all
 * zero and left out, so a table costs by what it holds, not by what it could hold.
 *
 * Rejected: a digest kept up to date at each write. It would need the old content at each write;
 * a mark is one byte store, and a digest is taken rarely.
 */

enum ordo_err ordo_table_create(
    struct ordo_table *table,
    struct ordo_arena *arena,
    const char *name,
    uint32_t row_size,
    uint64_t rows_max,
    uint32_t chunk_shift)
{
    ORDO_ASSERT(row_size > 0);
    ORDO_ASSERT(rows_max > 0);
    uint64_t chunk_rows = 1ull << chunk_shift;
    uint64_t chunks = (rows_max + chunk_rows) >> chunk_shift; /* row 0 counts */
    if (chunks * chunk_rows > UINT32_MAX) {
        return ORDO_ERR_LIMIT;
    }
    *table = (struct ordo_table){
        .name = name,
        .row_size = row_size,
        .rows_max = (uint32_t)rows_max,
        .chunk_shift = chunk_shift,
        .chunk_count = (uint32_t)chunks,
    };
    void *rows = NULL;
    void *marks = NULL;
    void *digests = NULL;
    enum ordo_err err = ordo_arena_alloc(arena, name, chunks * chunk_rows, row_size, &rows);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(arena, "chunk marks", chunks, 1, &marks);
    }
    if (err == ORDO_OK) {
        err =
            ordo_arena_alloc(arena, "chunk digests", chunks, sizeof(struct ordo_hash128), &digests);
    }
    if (err != ORDO_OK) {
        return err;
    }
    table->rows = rows;
    table->marks = marks;
    table->digests = digests;
    memset(table->marks, ORDO_MARK_ALL, chunks);
    return ORDO_OK;
}

void *ordo_table_write_rows(struct ordo_table *table, uint32_t first, uint32_t count)
{
    ORDO_ASSERT(count > 0);
    ORDO_ASSERT(first <= table->rows_max && count - 1 <= table->rows_max - first);
    uint32_t chunk_rows = 1u << table->chunk_shift;
    for (uint32_t row = first; row < first + count; row += chunk_rows) {
        (void)ordo_table_write(table, row);
    }
    (void)ordo_table_write(table, first + count - 1);
    return ordo_table_write(table, first);
}

void ordo_table_set_before_write(
    struct ordo_table *table, ordo_before_write *before_write, void *context)
{
    table->before_write = before_write;
    table->before_write_context = context;
}

uint32_t ordo_table_chunks(const struct ordo_table *table, uint32_t used)
{
    ORDO_ASSERT(used <= table->rows_max);
    return (used >> table->chunk_shift) + 1;
}

const void *ordo_table_chunk(const struct ordo_table *table, uint32_t chunk, size_t *size)
{
    ORDO_ASSERT(chunk < table->chunk_count);
    *size = (size_t)table->row_size << table->chunk_shift;
    return table->rows + (size_t)chunk * *size;
}

void ordo_table_load(struct ordo_table *table, uint32_t chunk, const void *bytes)
{
    ORDO_ASSERT(chunk < table->chunk_count);
    ORDO_ASSERT(table->before_write == NULL);
    size_t size = (size_t)table->row_size << table->chunk_shift;
    memcpy(table->rows + (size_t)chunk * size, bytes, size);
    table->marks[chunk] = ORDO_MARK_ALL;
}

bool ordo_table_unmark(struct ordo_table *table, uint32_t chunk, enum ordo_mark mark)
{
    ORDO_ASSERT(chunk < table->chunk_count);
    bool was = (table->marks[chunk] & mark) != 0;
    table->marks[chunk] = (uint8_t)(table->marks[chunk] & ~(unsigned)mark);
    return was;
}

static struct ordo_hash128 chunk_digest(const struct ordo_table *table, uint32_t chunk)
{
    size_t size;
    const void *bytes = ordo_table_chunk(table, chunk, &size);
    return ordo_hash128(bytes, size, chunk);
}

static struct ordo_hash128 first_link(const struct ordo_table *table, uint32_t used)
{
    return (struct ordo_hash128){.low = table->row_size, .high = used};
}

static struct ordo_hash128 fold(struct ordo_hash128 h, struct ordo_hash128 digest)
{
    return ordo_hash_chain(h, &digest, sizeof(digest));
}

struct ordo_hash128 ordo_table_digest(struct ordo_table *table, uint32_t used)
{
    struct ordo_hash128 h = first_link(table, used);
    uint32_t chunks = ordo_table_chunks(table, used);
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        if (ordo_table_unmark(table, chunk, ORDO_MARK_DIGEST)) {
            table->digests[chunk] = chunk_digest(table, chunk);
        }
        h = fold(h, table->digests[chunk]);
    }
    return h;
}

struct ordo_hash128 ordo_table_digest_full(const struct ordo_table *table, uint32_t used)
{
    struct ordo_hash128 h = first_link(table, used);
    uint32_t chunks = ordo_table_chunks(table, used);
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        h = fold(h, chunk_digest(table, chunk));
    }
    return h;
}
