/* journal_bound.h - the limit beside `ordo bench journal`: a plain sequential writer of the same
 * records, with the same writes, checksums, hash, flushes and zeros ahead as the journal, and
 * nothing else. On the calling thread; all block.
 */
#ifndef ORDO_BENCH_JOURNAL_BOUND_H
#define ORDO_BENCH_JOURNAL_BOUND_H

#include "base/err.h"
#include "base/histogram.h"
#include "bench/schedule.h"
#include "ring/ring.h"

#include <stdint.h>

struct ordo_bound;

/* In dir/bound, which close removes. What is written are the commands and outcomes of all slots of
 * the ring, again and again; it must outlive the bound. NULL: zeros, for ordo_bound_one. */
enum ordo_err ordo_bound_open(
    const char *dir, const struct ordo_ring *ring, struct ordo_bound **out, struct ordo_fail *fail)
    ORDO_MUST_USE;
void ordo_bound_close(struct ordo_bound *bound); /* accepts NULL */

/* Bytes written so far; the smallest write. */
uint64_t ordo_bound_bytes(const struct ordo_bound *bound);
uint32_t ordo_bound_block(const struct ordo_bound *bound);

/* Writes of this size for a time, two in flight. */
enum ordo_err ordo_bound_bulk(
    struct ordo_bound *bound,
    uint32_t size,
    uint64_t limit_ns,
    uint64_t *spent_ns,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Records that are due at a rate, whatever has come: each write takes all that are due. Times are
 * ns after the begin. */
struct ordo_offer {
    uint64_t rate;        /* records a second, at most ORDO_SCHEDULE_RATE_MAX */
    uint64_t count;       /* records in all */
    uint32_t record_size; /* bytes, of one with its header */
};

/* When record number `index` (from 0) is due; how many are due by a time. */
static inline uint64_t ordo_offer_due_ns(const struct ordo_offer *offer, uint64_t index)
{
    const struct ordo_schedule schedule = {0, offer->rate};
    return ordo_schedule_due_ns(&schedule, index);
}

static inline uint64_t ordo_offer_due(const struct ordo_offer *offer, uint64_t after_ns)
{
    const struct ordo_schedule schedule = {0, offer->rate};
    uint64_t due = ordo_schedule_due(&schedule, after_ns);
    return due < offer->count ? due : offer->count;
}

/* At most two writes in flight; a record's latency is from its due time until it is durable. Asleep
 * where there is time for it. */
enum ordo_err ordo_bound_paced(
    struct ordo_bound *bound,
    const struct ordo_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One write, until it is durable; the thread sleeps meanwhile, as a parked journal's does: one that
 * polls takes the core that serves the disk's interrupt, and stalls to a tick. */
enum ordo_err
ordo_bound_one(struct ordo_bound *bound, uint32_t size, uint64_t *spent_ns, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
