/* waits.h - requests that are answered later: when orders have come to a state, when a sequence is
 * durable, or when their time is over.
 *
 * A wait is known by the number of its request. Its orders stand in one hash table over all waits,
 * so that an update costs a look-up however many wait, and nothing when nobody does. All memory is
 * taken at the start; pages that no wait has touched cost nothing. One thread owns it, the publish
 * agent, which sees every decision behind durable in the order of the ring: a wait that is put in
 * at its own place of that order misses nothing.
 */
#ifndef ORDO_NET_WAITS_H
#define ORDO_NET_WAITS_H

#include "base/arena.h"
#include "base/clock.h"
#include "net/frame.h"

#define ORDO_WAITED_MAX 100000 /* orders over all waits */

struct ordo_waited; /* an order of a wait */

enum ordo_wait_heap { ORDO_WAIT_BY_TIME, ORDO_WAIT_BY_SEQ, ORDO_WAIT_HEAPS };

struct ordo_waiting {
    uint64_t keys[ORDO_WAIT_HEAPS]; /* the deadline in ns; until_seq, 0 = none */
    uint64_t request_id;
    uint64_t since;
    uint32_t places[ORDO_WAIT_HEAPS]; /* in the heaps; 0 = not in it */
    uint32_t first;                   /* of its orders */
    uint32_t count;
    uint32_t holding; /* of them, for which it is so */
    uint32_t next_ready;
    uint16_t states;
    bool all;
    bool ready; /* is in the list of those to be looked at */
    bool active;
};

struct ordo_waits {
    struct ordo_waiting *waiting; /* by request */
    struct ordo_waited *waited;   /* from 1 on */
    uint32_t *buckets;
    uint32_t *heaps[ORDO_WAIT_HEAPS]; /* requests, from place 1 on */
    uint32_t heap_counts[ORDO_WAIT_HEAPS];
    uint32_t bucket_mask;
    uint32_t requests_max;
    uint32_t waited_max;
    uint32_t waited_count;
    uint32_t waited_used; /* rows that were ever used */
    uint32_t free;        /* chain of rows given back */
    uint32_t ready;       /* chain, request + 1 */
    uint32_t count;       /* waits */
};

/* Memory for waits of requests 0..requests_max-1 with waited_max orders in all. Starter thread. */
enum ordo_err ordo_waits_init(
    struct ordo_waits *waits, struct ordo_arena *arena, uint32_t requests_max, uint32_t waited_max)
    ORDO_MUST_USE;

/* A wait begins: `body` is apply's answer to the query, its orders as they stand at this place of
 * the ring. False when so many orders are waited for that these have no room; nothing has begun
 * then. */
bool ordo_waits_add(
    struct ordo_waits *waits,
    uint32_t request,
    uint64_t request_id,
    const struct ordo_command *command,
    struct ordo_reader *body,
    uint64_t now_ns) ORDO_MUST_USE;

/* What a journaled command did: its orders are as the outcome says. */
void ordo_waits_take(struct ordo_waits *waits, const struct ordo_outcome *outcome);

/* The next wait that is to be answered: its orders are so, everything up to durable_seq is durable,
 * or its time is over. False when there is none. The caller writes its body and removes it. */
bool ordo_waits_next(
    struct ordo_waits *waits, uint64_t durable_seq, uint64_t now_ns, uint32_t *request);

/* Any wait: to answer them all. False when there is none. */
bool ordo_waits_any(const struct ordo_waits *waits, uint32_t *request);

uint64_t ordo_waits_request_id(const struct ordo_waits *waits, uint32_t request);

/* The body of the answer: the orders for which it is so. */
void ordo_waits_write(const struct ordo_waits *waits, uint32_t request, struct ordo_writer *out);

void ordo_waits_remove(struct ordo_waits *waits, uint32_t request);

/* When the first one's time is over; UINT64_MAX when there is none. */
uint64_t ordo_waits_deadline_ns(const struct ordo_waits *waits);

#endif
