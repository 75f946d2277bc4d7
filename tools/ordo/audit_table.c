/* Open addressing with linear probes, doubled at half full. */
#include "audit_table.h"

#include "base/assert.h"

#include <stddef.h>
#include <stdlib.h>

#define CAPACITY_FIRST 1024

static bool is_free(const struct ordo_audit_cell *cell)
{
    return cell->key.low == 0 && cell->key.high == 0;
}

static struct ordo_audit_cell *
probe(struct ordo_audit_cell *cells, uint64_t capacity, struct ordo_hash128 key)
{
    uint64_t at = key.low & (capacity - 1);

    while (!is_free(&cells[at]) &&
           (cells[at].key.low != key.low || cells[at].key.high != key.high)) {
        at = (at + 1) & (capacity - 1);
    }
    return &cells[at];
}

static bool grow(struct ordo_audit_table *table)
{
    uint64_t capacity = table->capacity == 0 ? CAPACITY_FIRST : 2 * table->capacity;
    struct ordo_audit_cell *cells = calloc(capacity, sizeof(*cells));

    if (cells == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < table->capacity; i++) {
        if (!is_free(&table->cells[i])) {
            *probe(cells, capacity, table->cells[i].key) = table->cells[i];
        }
    }
    free(table->cells);
    table->cells = cells;
    table->capacity = capacity;
    return true;
}

struct ordo_audit_cell *
ordo_audit_table_put(struct ordo_audit_table *table, struct ordo_hash128 key, bool *added)
{
    ORDO_ASSERT(key.low != 0 || key.high != 0);
    if (2 * table->count >= table->capacity && !grow(table)) {
        return NULL;
    }
    struct ordo_audit_cell *cell = probe(table->cells, table->capacity, key);
    *added = is_free(cell);
    if (*added) {
        cell->key = key;
        table->count++;
    }
    return cell;
}

void ordo_audit_table_free(struct ordo_audit_table *table)
{
    free(table->cells);
    *table = (struct ordo_audit_table){NULL, 0, 0};
}
