#include "net/walk.h"

#include <inttypes.h>
#include <string.h>

/* The hash is only followed through the batch in which a range begins: each batch header has the
 * hash before it, so what lies in the batches before need not be decoded. From there on every
 * record is followed, and at each batch the header must agree with what was computed: a stream that
 * does not is damage, named like any other.
 */

enum ordo_err ordo_walk_init(struct ordo_walk *walk, struct ordo_arena *arena, const char *dir)
{
    void *places = NULL;
    walk->dir = dir;
    walk->grain = ORDO_PLACE_GRAIN;
    enum ordo_err err =
        ordo_arena_alloc(arena, "journal places", ORDO_PLACES_MAX, sizeof(*walk->places), &places);
    walk->places = places;
    return err;
}

void ordo_walk_fini(struct ordo_walk *walk)
{
    for (uint32_t i = 0; i <= ORDO_WALKERS_MAX; i++) {
        ordo_walk_drop(&walk->walkers[i]);
    }
}

void ordo_walk_drop(struct ordo_walker *walker)
{
    ordo_journal_reader_close(walker->reader); /* accepts NULL */
    *walker = (struct ordo_walker){.reader = NULL};
}

/* ---- places ---- */

static bool is_before(const struct ordo_journal_place *a, const struct ordo_journal_place *b)
{
    return a->segment != b->segment ? a->segment < b->segment : a->offset < b->offset;
}

static bool
is_near(const struct ordo_walk *walk, const struct ordo_journal_place *a, uint32_t neighbour)
{
    if (neighbour >= walk->place_count) {
        return false;
    }
    const struct ordo_journal_place *b = &walk->places[neighbour];
    uint64_t distance = a->offset > b->offset ? a->offset - b->offset : b->offset - a->offset;
    return a->segment == b->segment && distance < walk->grain;
}

static void thin_out(struct ordo_walk *walk)
{
    for (uint32_t i = 1; i < ORDO_PLACES_MAX / 2; i++) {
        walk->places[i] = walk->places[2 * i];
    }
    walk->place_count = ORDO_PLACES_MAX / 2;
    walk->grain *= 2;
}

static void learn(struct ordo_walk *walk, const struct ordo_journal_place *place)
{
    if (walk->place_count == ORDO_PLACES_MAX) {
        thin_out(walk);
    }
    uint32_t low = 0;
    uint32_t high = walk->place_count;
    while (low < high) { /* the first that is not before */
        uint32_t middle = low + (high - low) / 2;
        if (is_before(&walk->places[middle], place)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (is_near(walk, place, low) || (low > 0 && is_near(walk, place, low - 1))) {
        return;
    }
    memmove(
        &walk->places[low + 1],
        &walk->places[low],
        (walk->place_count - low) * sizeof(walk->places[0]));
    walk->places[low] = *place;
    walk->place_count++;
}

static uint64_t value_of(enum ordo_journal_by by, uint64_t seq, uint64_t update_seq)
{
    return by == ORDO_BY_SEQ ? seq : update_seq;
}

/* The last place behind which the value lies; NULL when there is none. */
static const struct ordo_journal_place *
find_place(const struct ordo_walk *walk, enum ordo_journal_by by, uint64_t value)
{
    uint32_t low = 0;
    uint32_t high = walk->place_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct ordo_journal_place *place = &walk->places[middle];
        if (value_of(by, place->seq, place->update_seq) < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &walk->places[low - 1];
}

static void forget_places(struct ordo_walk *walk, uint64_t upto_segment)
{
    uint32_t gone = 0;
    while (gone < walk->place_count && walk->places[gone].segment <= upto_segment) {
        gone++;
    }
    walk->place_count -= gone;
    memmove(walk->places, walk->places + gone, walk->place_count * sizeof(walk->places[0]));
}

/* ---- walking ---- */

/* A new batch: the hash before it is in its header. */
static enum ordo_err
enter_batch(struct ordo_walk *walk, struct ordo_walker *walker, struct ordo_fail *fail)
{
    struct ordo_journal_place place;
    uint8_t bytes[16];
    uint64_t update_seq = ordo_journal_reader_stream(walker->reader, bytes);
    struct ordo_hash128 hash = {ordo_get_le64(bytes), ordo_get_le64(bytes + 8)};
    bool same = hash.low == walker->hash.low && hash.high == walker->hash.high;
    if (walker->followed && (walker->update_seq != update_seq || !same)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: the stream hash of the batch at sequence %" PRIu64 ", update %" PRIu64
            " is not that of the updates before it: run `ordo journal verify`",
            walk->dir,
            walker->record.seq,
            update_seq);
    }
    walker->batch = ordo_journal_reader_batch(walker->reader);
    walker->hash = hash;
    walker->update_seq = update_seq;
    walker->seq = walker->record.seq - 1;
    walker->followed = true;
    ordo_journal_reader_place(walker->reader, &place);
    learn(walk, &place);
    return ORDO_OK;
}

enum ordo_err
ordo_walk_peek(struct ordo_walk *walk, struct ordo_walker *walker, struct ordo_fail *fail)
{
    if (walker->peeked) {
        return ORDO_OK;
    }
    enum ordo_err err = ordo_journal_reader_next(walker->reader, &walker->record, fail);
    if (err == ORDO_OK) {
        walk->bytes += walker->record.command.size + walker->record.outcome.size;
        walker->peeked = true;
        if (ordo_journal_reader_batch(walker->reader) != walker->batch) {
            err = enter_batch(walk, walker, fail);
        }
    }
    if (err != ORDO_OK && err != ORDO_ERR_EMPTY) {
        ordo_walk_drop(walker);
    }
    return err;
}

enum ordo_err
ordo_walk_decode(struct ordo_walk *walk, struct ordo_walker *walker, struct ordo_fail *fail)
{
    const struct ordo_record *record = &walker->record;
    ORDO_ASSERT(walker->peeked);
    if (ordo_command_decode(record->command, &walk->command) &&
        ordo_outcome_decode(record->outcome, record->seq, &walk->command, &walk->outcome) &&
        walk->outcome.transition_count == record->update_count) {
        return ORDO_OK;
    }
    enum ordo_err err = ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s: the record of sequence %" PRIu64 " is whole, but no command with its outcome: was it "
        "written by a newer program?",
        walk->dir,
        record->seq);
    ordo_walk_drop(walker);
    return err;
}

void ordo_walk_take(struct ordo_walk *walk, struct ordo_walker *walker)
{
    const struct ordo_record *record = &walker->record;
    ORDO_ASSERT(walker->peeked);
    if (walker->followed && record->update_count != 0) {
        walker->hash = ordo_outcome_hash(
            &walk->outcome, record->time_us, walker->update_seq + 1, walker->hash);
    }
    walker->seq = record->seq;
    walker->update_seq = record->update_seq;
    walker->peeked = false;
}

/* Goes behind a record that nobody looks into; its hash is not followed, so the walker's is not
 * known until the next batch. */
static void pass(struct ordo_walker *walker)
{
    walker->seq = walker->record.seq;
    walker->update_seq = walker->record.update_seq;
    walker->followed = walker->followed && walker->record.update_count == 0;
    walker->peeked = false;
}

/* ---- seeking ---- */

static struct ordo_walker *
best_walker(struct ordo_walk *walk, enum ordo_journal_by by, uint64_t value)
{
    struct ordo_walker *best = NULL;
    uint64_t best_at = 0;
    for (uint32_t i = 0; i < ORDO_WALKERS_MAX; i++) {
        struct ordo_walker *walker = &walk->walkers[i];
        uint64_t at = value_of(by, walker->seq, walker->update_seq);
        if (walker->reader != NULL && at < value && (best == NULL || at > best_at)) {
            best = walker;
            best_at = at;
        }
    }
    return best;
}

/* One to begin anew: who asks for single records shares one, and takes none from who goes on. */
static struct ordo_walker *free_walker(struct ordo_walk *walk, enum ordo_journal_by by)
{
    struct ordo_walker *oldest = &walk->walkers[by == ORDO_BY_SEQ ? ORDO_WALKERS_MAX : 0];
    for (uint32_t i = 1; by == ORDO_BY_UPDATE && i < ORDO_WALKERS_MAX; i++) {
        oldest = walk->walkers[i].used < oldest->used ? &walk->walkers[i] : oldest;
    }
    ordo_walk_drop(oldest);
    return oldest;
}

static void stand(struct ordo_walker *walker, struct ordo_journal_reader *reader)
{
    struct ordo_journal_place place;
    ordo_journal_reader_place(reader, &place);
    *walker =
        (struct ordo_walker){.reader = reader, .seq = place.seq, .update_seq = place.update_seq};
}

/* A walker at the best start for the value that is known or found. */
static enum ordo_err begin(
    struct ordo_walk *walk,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_walker **out,
    struct ordo_fail *fail)
{
    const struct ordo_journal_place *place = find_place(walk, by, value);
    uint64_t known = place == NULL ? 0 : value_of(by, place->seq, place->update_seq);
    struct ordo_journal_reader *found = NULL;
    enum ordo_err err = ORDO_ERR_NOT_FOUND;
    if (place == NULL || value - known > ORDO_WALK_NEAR) {
        struct ordo_journal_place start;
        walk->searches++;
        err = ordo_journal_reader_seek(walk->dir, by, value, &found, fail);
        if (err != ORDO_OK) {
            return err;
        }
        ordo_journal_reader_place(found, &start);
        if (place != NULL && value_of(by, start.seq, start.update_seq) < known) {
            ordo_journal_reader_close(found);
            err = ORDO_ERR_NOT_FOUND; /* of the same segment a later place is known */
        }
    }
    if (err == ORDO_ERR_NOT_FOUND && place != NULL) {
        err = ordo_journal_reader_resume(walk->dir, place, &found, fail);
        if (err == ORDO_ERR_NOT_FOUND) {
            forget_places(walk, place->segment);
            err = ordo_journal_reader_seek(walk->dir, by, value, &found, fail);
        }
    }
    if (err == ORDO_OK) {
        *out = free_walker(walk, by);
        stand(*out, found);
    }
    return err;
}

/* Up to the first record that reaches the value. */
static enum ordo_err walk_to(
    struct ordo_walk *walk,
    struct ordo_walker *walker,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_fail *fail)
{
    struct ordo_journal_place behind;
    for (;;) {
        enum ordo_err err = ordo_walk_peek(walk, walker, fail);
        if (err != ORDO_OK ||
            value_of(by, walker->record.seq, walker->record.update_seq) >= value) {
            return err;
        }
        ordo_journal_reader_place(walker->reader, &behind);
        if (by == ORDO_BY_SEQ || behind.update_seq < value) {
            pass(walker);
            continue;
        }
        err = ordo_walk_decode(walk, walker, fail);
        if (err != ORDO_OK) {
            return err;
        }
        ordo_walk_take(walk, walker);
    }
}

/* Damage on the way from a near place may lie before the segment that holds the value: what is
 * whole is served. If it does not, the same damage is met again. */
static enum ordo_err go_around(
    struct ordo_walk *walk,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_walker **out,
    struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    walk->searches++;
    enum ordo_err err = ordo_journal_reader_seek(walk->dir, by, value, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    *out = free_walker(walk, by);
    stand(*out, reader);
    (*out)->used = ++walk->uses;
    return walk_to(walk, *out, by, value, fail);
}

enum ordo_err ordo_walk_seek(
    struct ordo_walk *walk,
    enum ordo_journal_by by,
    uint64_t value,
    struct ordo_walker **out,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(value != 0);
    struct ordo_walker *walker = NULL;
    if (by == ORDO_BY_UPDATE) {
        walker = best_walker(walk, by, value);
        const struct ordo_journal_place *place = find_place(walk, by, value);
        bool goes_on = walker != NULL && walker->update_seq == value - 1 && walker->followed;
        bool is_best = walker != NULL && (place == NULL || place->update_seq <= walker->update_seq);
        if (!goes_on && (!is_best || value - walker->update_seq > ORDO_WALK_NEAR)) {
            walker = NULL;
        }
    }
    if (walker == NULL) {
        enum ordo_err err = begin(walk, by, value, &walker, fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    walker->used = ++walk->uses;
    *out = walker;
    enum ordo_err err = walk_to(walk, walker, by, value, fail);
    return err == ORDO_ERR_DAMAGED ? go_around(walk, by, value, out, fail) : err;
}
