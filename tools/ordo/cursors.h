/* cursors.h - the subscribers' cursors of a data folder, read from its files: the newest snapshot
 * and the journal behind it. Beside a running server or on a stopped folder; writes nothing.
 */
#ifndef ORDO_TOOLS_CURSORS_H
#define ORDO_TOOLS_CURSORS_H

#include "base/err.h"
#include "order/schema.h"

struct ordo_cursor {
    uint32_t shop;
    char name[ORDO_SUBSCRIBER_MAX + 1];
    uint64_t acked;    /* update_seq: everything up to it was worked off */
    uint64_t acked_us; /* engine time at which that was last said */
};

struct ordo_cursors {
    struct ordo_cursor *list;
    uint32_t count;
    uint32_t room;
    uint64_t seq;        /* as of this record */
    uint64_t update_seq; /* and this update */
};

/* Reads all of a snapshot when there is one, and all of the journal behind it: seconds a gigabyte.
 * Blocks. fini is owed always. */
enum ordo_err ordo_cursors_read(
    const char *dir, struct ordo_cursors *cursors, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_cursors_fini(struct ordo_cursors *cursors);

/* The one that is furthest behind; NULL when there is none. */
const struct ordo_cursor *ordo_cursors_last(const struct ordo_cursors *cursors);

#endif
