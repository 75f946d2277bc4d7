/* A sample is one of `every` cursors of a block; its cell is the block's number modulo the cells.
 * There are cells for two laps of the ring, because two samples of the same cell are then at least
 * two laps less one block apart, which is more than the ring can have in use: a cell is written
 * again only when every stage is done with it, exactly as a slot. That it still is the sample's is
 * asserted at every use; the assertion is what a wrong gate would meet first.
 *
 * A stage reads the clock once a batch, and only when there is a sample in it: what a batch makes
 * visible at once has one time. A cell for every slot (a stamp in each) was the other way: 64 bytes
 * more a command through the caches, for times that a histogram needs only some of. */
#include "ring/stamps.h"

#include <inttypes.h>

#define OUT_OF_REACH (UINT64_MAX / 4)

enum ordo_err ordo_stamps_init(
    struct ordo_stamps *stamps,
    struct ordo_arena *arena,
    uint64_t capacity,
    uint64_t every,
    struct ordo_clock clock,
    struct ordo_fail *fail)
{
    ORDO_ASSERT((capacity & (capacity - 1)) == 0);
    *stamps = (struct ordo_stamps){.clock = clock};
    if (every == 0) {
        return ORDO_OK;
    }
    if ((every & (every - 1)) != 0 || every > capacity || every > ORDO_STAMPS_EVERY_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "one command in %" PRIu64 " cannot be sampled in a ring of %" PRIu64
            " slots: choose a power of two up to that, or 0 for none",
            every,
            capacity);
    }
    void *cells = NULL;
    size_t count = (size_t)(2 * capacity / every);
    if (ordo_arena_alloc(arena, "stamps", count, sizeof(struct ordo_stamp_cell), &cells) !=
        ORDO_OK) {
        return ordo_fail_set(
            fail, ORDO_ERR_NO_MEMORY, "no memory for stamps of one command in %" PRIu64, every);
    }
    stamps->cells = cells;
    stamps->mask = count - 1;
    stamps->every = every;
    return ORDO_OK;
}

static uint64_t sample_of(const struct ordo_stamps *stamps, uint64_t block)
{
    uint64_t drawn = (block * 0x9e3779b97f4a7c15ull) >> 40;
    return block * stamps->every + (drawn & (stamps->every - 1));
}

uint64_t ordo_stamps_next(const struct ordo_stamps *stamps, uint64_t after)
{
    if (stamps->every == 0) {
        return after + OUT_OF_REACH;
    }
    uint64_t block = after / stamps->every;
    uint64_t sample = sample_of(stamps, block);
    return ordo_sequence_before(after, sample) ? sample : sample_of(stamps, block + 1);
}

static struct ordo_stamp_cell *cell_of(const struct ordo_stamps *stamps, uint64_t cursor)
{
    return &stamps->cells[cursor / stamps->every & stamps->mask];
}

uint64_t ordo_stamps_write(
    const struct ordo_stamps *stamps, enum ordo_stamp stamp, uint64_t next, uint64_t cursor)
{
    if (stamps->every == 0 || stamp == ORDO_STAMP_NONE) {
        return cursor + OUT_OF_REACH;
    }
    ORDO_ASSERT(stamp < ORDO_STAMP_COUNT);
    uint64_t sample = next == 0 ? ordo_stamps_next(stamps, 0) : next;
    uint64_t now_ns = ordo_stamps_now_ns(stamps);
    while (!ordo_sequence_before(cursor, sample)) {
        struct ordo_stamp_cell *cell = cell_of(stamps, sample);
        if (stamp == ORDO_STAMP_CLAIM && cell->cursor != sample) {
            ordo_stamps_receive(stamps, sample, now_ns);
        }
        ORDO_ASSERT(cell->cursor == sample);
        cell->ns[stamp] = now_ns;
        sample = ordo_stamps_next(stamps, sample);
    }
    return sample;
}

bool ordo_stamps_step(const struct ordo_stamps *stamps, uint64_t *next, uint64_t cursor)
{
    ORDO_ASSERT(cursor != 0);
    *next = ordo_stamps_next(stamps, cursor);
    return ordo_stamps_next(stamps, cursor - 1) == cursor;
}

void ordo_stamps_receive(const struct ordo_stamps *stamps, uint64_t cursor, uint64_t received_ns)
{
    struct ordo_stamp_cell *cell = cell_of(stamps, cursor);
    ORDO_ASSERT(ordo_stamps_next(stamps, cursor - 1) == cursor);
    *cell = (struct ordo_stamp_cell){.cursor = cursor};
    cell->ns[ORDO_STAMP_RECEIVE] = received_ns;
}

const struct ordo_stamp_cell *ordo_stamps_get(const struct ordo_stamps *stamps, uint64_t cursor)
{
    const struct ordo_stamp_cell *cell = cell_of(stamps, cursor);
    ORDO_ASSERT(cell->cursor == cursor);
    return cell;
}

/* ---- spans ---- */

/* Threads read the same monotonic clock, but a caller's time of receipt may be of another one. */
static uint64_t between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

void ordo_spans_answered(
    struct ordo_spans *spans, const struct ordo_stamp_cell *sample, uint64_t now_ns)
{
    const uint64_t *ns = sample->ns;
    struct ordo_meter *meters = spans->meters;
    ordo_meter_record(
        &meters[ORDO_SPAN_CLAIM], between(ns[ORDO_STAMP_RECEIVE], ns[ORDO_STAMP_CLAIM]));
    ordo_meter_record(
        &meters[ORDO_SPAN_APPLY], between(ns[ORDO_STAMP_CLAIM], ns[ORDO_STAMP_APPLY]));
    ordo_meter_record(
        &meters[ORDO_SPAN_DURABLE], between(ns[ORDO_STAMP_APPLY], ns[ORDO_STAMP_DURABLE]));
    ordo_meter_record(&meters[ORDO_SPAN_REPLY], between(ns[ORDO_STAMP_DURABLE], now_ns));
    ordo_meter_record(&meters[ORDO_SPAN_TOTAL], between(ns[ORDO_STAMP_RECEIVE], now_ns));
}

void ordo_spans_published(struct ordo_spans *spans, uint64_t durable_ns, uint64_t now_ns)
{
    ordo_meter_record(&spans->meters[ORDO_SPAN_PUBLISH], between(durable_ns, now_ns));
}

const char *ordo_span_name(enum ordo_span span)
{
    static const char *const names[ORDO_SPAN_COUNT] = {
        "claim", "apply", "durable", "reply", "total", "publish"};
    ORDO_ASSERT(span < ORDO_SPAN_COUNT);
    return names[span];
}
