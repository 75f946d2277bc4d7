/* stamps.h - when a sampled command passed each stage: one command in `every` carries times.
 *
 *   receive ─▶ claim ─▶ apply ─▶ durable ─┬▶ reply        spans: from the stamp before to this one
 *   door: whole   in the   decided  flushed └▶ publish     total: from receive to reply
 *   request here  ring
 *
 * The times lie in cells beside the ring, by cursor, and are guarded by the same cursors as the
 * slots: a stage writes its own time before it advances, and whoever is behind it reads. Nothing
 * here is atomic but the meters. Which of `every` cursors is sampled is drawn by a hash, so that a
 * client whose commands repeat in a rhythm is not always met at the same beat.
 */
#ifndef ORDO_RING_STAMPS_H
#define ORDO_RING_STAMPS_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/meter.h"
#include "ring/sequence.h"

#include <stdbool.h>

#define ORDO_STAMPS_EVERY_MAX 65536u

enum ordo_stamp {
    ORDO_STAMP_RECEIVE, /* the ingress agent took the request */
    ORDO_STAMP_CLAIM,   /* its slot was published */
    ORDO_STAMP_APPLY,   /* its batch was decided */
    ORDO_STAMP_DURABLE, /* its write was flushed */
    ORDO_STAMP_COUNT,
    ORDO_STAMP_NONE = ORDO_STAMP_COUNT, /* a stage that makes none */
};

struct ordo_stamp_cell {
    _Alignas(64) uint64_t cursor; /* whose times these are */
    uint64_t ns[ORDO_STAMP_COUNT];
};

struct ordo_stamps {
    struct ordo_stamp_cell *cells;
    uint64_t mask;  /* cells - 1 */
    uint64_t every; /* a power of two; 0 = no command is sampled */
    struct ordo_clock clock;
};

/* What is told: the time between two stamps. */
enum ordo_span {
    ORDO_SPAN_CLAIM,   /* from receive */
    ORDO_SPAN_APPLY,   /* from claim */
    ORDO_SPAN_DURABLE, /* from apply */
    ORDO_SPAN_REPLY,   /* from durable */
    ORDO_SPAN_TOTAL,   /* from receive to reply */
    ORDO_SPAN_PUBLISH, /* from durable */
    ORDO_SPAN_COUNT,
};

/* ns. The reply agent writes all but PUBLISH, which is the publish agent's; any thread reads. */
struct ordo_spans {
    struct ordo_meter meters[ORDO_SPAN_COUNT];
};

/* For a ring of this capacity (a power of two); every: a power of two up to the capacity, 0 = off.
 * CONFIG or NO_MEMORY. Starter thread, before traffic. */
enum ordo_err ordo_stamps_init(
    struct ordo_stamps *stamps,
    struct ordo_arena *arena,
    uint64_t capacity,
    uint64_t every,
    struct ordo_clock clock,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The first sampled cursor behind `after`; out of reach when nothing is sampled. Pure. */
uint64_t ordo_stamps_next(const struct ordo_stamps *stamps, uint64_t after);

/* The cold halves of the two below. */
uint64_t ordo_stamps_write(
    const struct ordo_stamps *stamps, enum ordo_stamp stamp, uint64_t next, uint64_t cursor);
bool ordo_stamps_step(const struct ordo_stamps *stamps, uint64_t *next, uint64_t cursor);

/* The owner of a stage is about to make `cursor` visible: stamps the sampled commands up to it.
 * *next is the owner's own and begins at 0. One comparison a batch when none is sampled. */
static inline void ordo_stamps_pass(
    const struct ordo_stamps *stamps, enum ordo_stamp stamp, uint64_t *next, uint64_t cursor)
{
    if (ORDO_UNLIKELY(!ordo_sequence_before(cursor, *next))) {
        *next = ordo_stamps_write(stamps, stamp, *next, cursor);
    }
}

/* True when the cursor is a sampled one, for who looks at every slot. *next as above. */
static inline bool
ordo_stamps_is_due(const struct ordo_stamps *stamps, uint64_t *next, uint64_t cursor)
{
    return ORDO_UNLIKELY(!ordo_sequence_before(cursor, *next)) &&
           ordo_stamps_step(stamps, next, cursor);
}

/* The producer, before it publishes: a sampled cursor's command was received then. Without it,
 * receive is claim. */
void ordo_stamps_receive(const struct ordo_stamps *stamps, uint64_t cursor, uint64_t received_ns);

/* The cell of a sampled cursor, between the last stage that stamped it and the release of its slot.
 */
const struct ordo_stamp_cell *ordo_stamps_get(const struct ordo_stamps *stamps, uint64_t cursor);

static inline uint64_t ordo_stamps_now_ns(const struct ordo_stamps *stamps)
{
    return ordo_clock_monotonic_ns(&stamps->clock);
}

/* A sample has been answered; its cell, or a copy of it. The reply agent. */
void ordo_spans_answered(
    struct ordo_spans *spans, const struct ordo_stamp_cell *sample, uint64_t now_ns);

/* A sample's updates have been handed to the stream. The publish agent. */
void ordo_spans_published(struct ordo_spans *spans, uint64_t durable_ns, uint64_t now_ns);

/* "claim", "apply", "durable", "reply", "total", "publish". */
const char *ordo_span_name(enum ordo_span span);

#endif
