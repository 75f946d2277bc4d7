/* recent.h - the newest updates in memory: one thread writes them, one other reads, nobody waits.
 *
 * A ring of fixed cells, one an update. The writer says what it is about to overwrite before it
 * does, and what is whole after; a reader copies a cell and then looks whether it was overwritten
 * meanwhile. Every word is written with release and read with acquire: a reader that sees one word
 * of a newer update sees the announcement that came before it, too. (No fence is needed, and on
 * x86 none of it costs more than a plain move.) Beside net/inbox.h the only file of net/ with
 * memory orders.
 */
#ifndef ORDO_NET_RECENT_H
#define ORDO_NET_RECENT_H

#include "base/arena.h"
#include "order/outcome.h"
#include "ring/sequence.h"

#define ORDO_RECENT_WORDS 11
#define ORDO_RECENT_MAX   (1u << 24) /* updates */

struct ordo_recent {
    /* immutable after init */
    _Atomic uint64_t (*cells)[ORDO_RECENT_WORDS];
    uint64_t capacity; /* updates, a power of two */
    uint64_t floor;    /* what was before the start: its hash alone is here */

    /* writer */
    struct ordo_sequence announced; /* cells up to this update may be half written */
    struct ordo_sequence published; /* everything up to it is whole: the head of the stream */
};

/* An update out of the ring; order_id points into it. */
struct ordo_recent_update {
    struct ordo_update update;
    bool last;        /* of those that one command made */
    uint8_t hash[16]; /* the stream hash after it, when it is the last */
    uint8_t order_id[ORDO_ORDER_ID_MAX];
};

/* count is rounded up to a power of two; NO_MEMORY. Starter thread. */
enum ordo_err ordo_recent_init(struct ordo_recent *recent, struct ordo_arena *arena, uint32_t count)
    ORDO_MUST_USE;

/* Before traffic: where the stream stands. */
void ordo_recent_start(struct ordo_recent *recent, uint64_t update_seq, const uint8_t hash[16]);

/* Writer: announces that updates up to this one will be put. */
void ordo_recent_announce(struct ordo_recent *recent, uint64_t last_update_seq);

/* Writer: the next update, announced before. hash: not NULL for the last one of a command. */
void ordo_recent_put(
    struct ordo_recent *recent, const struct ordo_update *update, const uint8_t *hash);

/* Writer: everything that was put may be read. */
void ordo_recent_publish(struct ordo_recent *recent, uint64_t update_seq);

/* The head: the newest update that may be read. Any thread. */
static inline uint64_t ordo_recent_head(const struct ordo_recent *recent)
{
    return ordo_sequence_get(&recent->published);
}

/* Copies an update that is not behind a head that the caller has seen. False: it has been
 * overwritten, or was before the start. Reader, or the writer itself. */
bool ordo_recent_get(
    const struct ordo_recent *recent,
    uint64_t update_seq,
    struct ordo_recent_update *out) ORDO_MUST_USE;

/* The stream hash after an update that ended a command; false as above. */
bool ordo_recent_hash(const struct ordo_recent *recent, uint64_t update_seq, uint8_t hash[16])
    ORDO_MUST_USE;

#endif
