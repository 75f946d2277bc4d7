/* audit_table.h - a set of 128-bit keys, each with a number: the auditor's own book-keeping.
 *
 * Grows as needed; shares no code with the engine's tables, because it is there to check them. Keys
 * are hashes of what they stand for; 2^-64 of a collision over billions of keys is below every
 * other risk here. One thread.
 */
#ifndef ORDO_TOOLS_AUDIT_TABLE_H
#define ORDO_TOOLS_AUDIT_TABLE_H

#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct ordo_audit_cell {
    struct ordo_hash128 key; /* both zero: free */
    uint64_t value;
};

struct ordo_audit_table {
    struct ordo_audit_cell *cells; /* owned; NULL until the first put */
    uint64_t capacity;             /* 0 or a power of two */
    uint64_t count;
};

/* The cell of the key, added with value 0 when it was not there (*added tells). NULL when out of
 * memory. The pointer holds until the next put. */
struct ordo_audit_cell *
ordo_audit_table_put(struct ordo_audit_table *table, struct ordo_hash128 key, bool *added);

void ordo_audit_table_free(struct ordo_audit_table *table);

#endif
