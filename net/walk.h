/* walk.h - through the journal's files, forwards, from any update or record on: what the services
 * read.
 *
 * A few readers stay where the last request left them, because who catches up asks for what comes
 * next. Who asks for something else begins at a place that some reader has passed (a sparse index,
 * learned while reading, thinned out when it is full), or at the start of the segment. Nothing here
 * writes, locks or gates the ring. One thread; reads block on the disk.
 *
 * Only what is durable may be shown: the caller knows up to where and takes nothing behind it.
 */
#ifndef ORDO_NET_WALK_H
#define ORDO_NET_WALK_H

#include "base/arena.h"
#include "journal/place.h"
#include "order/outcome.h"

#define ORDO_WALKERS_MAX 8          /* that stay for who goes on; one more for single records */
#define ORDO_PLACES_MAX  4096       /* of the index */
#define ORDO_PLACE_GRAIN (1u << 20) /* bytes of journal between two places, at first */
#define ORDO_WALK_NEAR   65536      /* records or updates that are walked rather than searched */

/* A reader and where it stands. */
struct ordo_walker {
    struct ordo_journal_reader *reader; /* NULL: free */
    uint64_t used;                      /* when, counted in uses */
    uint64_t seq;                       /* behind this record */
    uint64_t update_seq;                /* and this update */
    struct ordo_hash128 hash;           /* the stream hash after it, when it was followed */
    uint64_t batch;                     /* of the last record that was looked at */
    bool followed;                      /* the hash is known */
    bool peeked;                        /* `record` is the next one */
    struct ordo_record record;
};

struct ordo_walk {
    const char *dir;
    struct ordo_walker walkers[ORDO_WALKERS_MAX + 1];
    uint64_t uses;
    struct ordo_journal_place *places; /* in order */
    uint32_t place_count;
    uint64_t grain;
    uint64_t bytes;              /* of records that were read */
    uint64_t searches;           /* how often a segment had to be searched */
    struct ordo_command command; /* of the record that was decoded last */
    struct ordo_outcome outcome;
};

/* dir outlives it. NO_MEMORY. Starter thread. */
enum ordo_err
ordo_walk_init(struct ordo_walk *walk, struct ordo_arena *arena, const char *dir) ORDO_MUST_USE;
void ordo_walk_fini(struct ordo_walk *walk);

/* A walker whose next record is the first one that reaches the value (of this number, or with an
 * update of it or behind it), or the oldest that there is. By update its hash is known. EMPTY: the
 * journal does not reach it. Errors as of ordo_journal_reader_next. */
enum ordo_err ordo_walk_seek(
    struct ordo_walk *walk,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_walker **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The next record, which stays the next one; its bytes live until it was taken and another one is
 * looked at. EMPTY at the present end. After an error the walker is given up. */
enum ordo_err ordo_walk_peek(
    struct ordo_walk *walk, struct ordo_walker *walker, struct ordo_fail *fail) ORDO_MUST_USE;

/* Decodes the record that was looked at into walk->command and walk->outcome. DAMAGED names it. */
enum ordo_err ordo_walk_decode(
    struct ordo_walk *walk, struct ordo_walker *walker, struct ordo_fail *fail) ORDO_MUST_USE;

/* Goes behind the record that was decoded. */
void ordo_walk_take(struct ordo_walk *walk, struct ordo_walker *walker);

/* Gives a walker up: what it read does not hold. */
void ordo_walk_drop(struct ordo_walker *walker);

#endif
