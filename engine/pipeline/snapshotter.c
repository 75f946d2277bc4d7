/* Who says what to whom: the snapshot thread asks for a cut by a number (asked), apply begins it,
 * fills the pool (filled) and says when it has ended, done or given up (ended); the snapshot thread
 * takes from the pool (taken). A cut that its writer cannot use is dropped by its number. What a
 * number stands for is written before it and read after it, so the sequences order everything, and
 * each field has one writer.
 *
 * Both may sleep: the snapshot thread is woken by whatever the agent did, apply's runner by the ask
 * and by room in the pool. Rejected: chunks straight into LMDB from apply's thread; a page fault or
 * a flush would stop every decision.
 */
#include "pipeline/snapshotter.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

#define STEP_BYTES  (64u << 10)            /* copied in one duty cycle */
#define TRIES_MAX   3                      /* cuts given up, for one snapshot */
#define ENTRY_BYTES 4096                   /* of the pool for one entry, about a chunk */
#define LOOK_NS     (100 * ORDO_NS_PER_MS) /* a backstop: wakes do the work */
#define DURABLE_NS  (2 * ORDO_NS_PER_MS)
#define NAME        "ordo-snapshot"

struct ordo_snapshotter_entry {
    uint64_t position;
    uint32_t size;
    uint32_t section;
    uint32_t chunk;
    uint32_t reserved;
};

static struct ordo_snapshotter_entry *entry_at(const struct ordo_snapshotter *s, uint64_t number)
{
    return &s->entries[number & (s->entry_count - 1)];
}

enum ordo_err ordo_snapshotter_init(
    struct ordo_snapshotter *snapshotter,
    const struct ordo_snapshotter_config *config,
    const struct ordo_snapshotter_port *port,
    struct ordo_apply_stage *apply,
    const struct ordo_sequence *durable,
    struct ordo_arena *arena,
    struct ordo_fail *fail)
{
    struct ordo_head_values head;
    void *entries = NULL;
    ORDO_ASSERT(config->pool_size >= ORDO_SNAPSHOTTER_POOL_MIN);
    memset(snapshotter, 0, sizeof(*snapshotter));
    enum ordo_err err =
        ordo_byte_ring_init(&snapshotter->pool, arena, "snapshot pool", config->pool_size);
    snapshotter->entry_count = snapshotter->pool.size / ENTRY_BYTES;
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(
            arena,
            "snapshot entries",
            snapshotter->entry_count,
            sizeof(struct ordo_snapshotter_entry),
            &entries);
    }
    if (err != ORDO_OK) {
        return ordo_fail_set(
            fail, err, "no memory for a snapshot pool of %" PRIu64 " bytes", config->pool_size);
    }
    ordo_state_head(apply->state, &head);
    snapshotter->entries = entries;
    snapshotter->apply = apply;
    snapshotter->durable = durable;
    snapshotter->port = *port;
    snapshotter->every_records = config->every_records;
    snapshotter->begun_seq = head.seq;
    ordo_waker_init(&snapshotter->waker);
    return ORDO_OK;
}

/* ---- apply's thread ---- */

/* The end of what the snapshot thread has taken. */
static uint64_t released(const struct ordo_snapshotter *s, uint64_t taken)
{
    const struct ordo_snapshotter_entry *last = entry_at(s, taken - 1);
    return taken == 0 ? 0 : last->position + last->size;
}

static bool take_copy(void *context, uint32_t section, uint32_t chunk, const void *b, size_t size)
{
    struct ordo_snapshotter *s = context;
    uint64_t filled = ordo_sequence_own(&s->filled);
    uint64_t taken = ordo_sequence_get(&s->taken);
    uint64_t position;
    s->full = true;
    if (filled - taken >= s->entry_count - 1) { /* entry taken-1 must stay: it says `released` */
        return false;
    }
    uint64_t from = released(s, taken);
    if (s->stepping && s->pool.head - from > s->pool.size / 2) {
        return false;
    }
    uint8_t *room = ordo_byte_ring_reserve(&s->pool, from, (uint32_t)size, &position);
    if (room == NULL) {
        return false;
    }
    memcpy(room, b, size);
    ordo_byte_ring_commit(&s->pool, position, (uint32_t)size);
    *entry_at(s, filled) = (struct ordo_snapshotter_entry){
        .position = position, .size = (uint32_t)size, .section = section, .chunk = chunk};
    ordo_sequence_set(&s->filled, filled + 1);
    s->full = false;
    return true;
}

static void begin_cut(struct ordo_snapshotter *s, uint64_t number)
{
    ORDO_ASSERT(ordo_sequence_own(&s->ended) == s->begun);
    if (s->asked_whole) {
        ordo_cut_forget(s->apply->state, s->asked_mark);
    }
    ordo_cut_begin(&s->cut, s->apply->state, s->asked_mark, take_copy, s);
    s->begun = number;
    s->begun_seq = s->cut.head.seq;
    s->begun_cursor = ordo_sequence_own(&s->apply->stage.sequence);
}

static void look_at_records(struct ordo_snapshotter *s)
{
    struct ordo_head_values head;
    ordo_state_head(s->apply->state, &head);
    if (head.seq - s->begun_seq >= s->every_records) {
        s->begun_seq = head.seq;
        ordo_sequence_set(&s->due, ordo_sequence_own(&s->due) + 1);
        ordo_waker_signal(&s->waker);
    }
}

static uint32_t do_work(void *self)
{
    struct ordo_snapshotter *s = self;
    uint64_t asked = ordo_sequence_get(&s->asked);
    if (asked != s->begun) {
        begin_cut(s, asked);
    }
    if (ordo_sequence_own(&s->ended) == s->begun) {
        if (s->every_records != 0) {
            look_at_records(s);
        }
        return 0;
    }
    if (ordo_sequence_get(&s->dropped) == s->begun) {
        ordo_cut_abandon(&s->cut);
    }
    s->stepping = true;
    s->full = false;
    enum ordo_cut_phase phase = ordo_cut_step(&s->cut, STEP_BYTES);
    s->stepping = false;
    if (phase != ORDO_CUT_COPYING) {
        ordo_sequence_set(&s->ended, s->begun);
    }
    ordo_waker_signal(&s->waker);
    return s->full ? 0 : 1;
}

struct ordo_agent ordo_snapshotter_agent(struct ordo_snapshotter *snapshotter)
{
    return (struct ordo_agent){.name = "cut", .self = snapshotter, .do_work = do_work};
}

/* ---- the snapshot thread ---- */

static bool is_stopping(const struct ordo_snapshotter *s)
{
    return ordo_sequence_get(&s->stopping) != 0;
}

static bool is_wanted(const struct ordo_snapshotter *s)
{
    return ordo_sequence_get(&s->due) != s->served_due ||
           ordo_sequence_get(&s->wanted) != s->served_wanted;
}

static bool is_ended(const struct ordo_snapshotter *s)
{
    return ordo_sequence_get(&s->ended) == ordo_sequence_own(&s->asked);
}

static bool has_entries(const struct ordo_snapshotter *s)
{
    return ordo_sequence_get(&s->filled) != ordo_sequence_own(&s->taken);
}

static void count(struct ordo_sequence *counter)
{
    ordo_sequence_set(counter, ordo_sequence_own(counter) + 1);
}

/* One entry of the pool to the port; thrown away when the port has failed before. */
static enum ordo_err take_entry(struct ordo_snapshotter *s, bool wanted, struct ordo_fail *fail)
{
    uint64_t taken = ordo_sequence_own(&s->taken);
    const struct ordo_snapshotter_entry *entry = entry_at(s, taken);
    struct ordo_bytes bytes = {ordo_byte_ring_at(&s->pool, entry->position), entry->size};
    enum ordo_err err = ORDO_OK;
    if (wanted) {
        err = s->port.put(s->port.self, entry->section, entry->chunk, bytes, fail);
    }
    ordo_sequence_set(&s->taken, taken + 1);
    ordo_waker_signal(s->apply_waker);
    return err;
}

static void drop(struct ordo_snapshotter *s)
{
    ordo_sequence_set(&s->dropped, ordo_sequence_own(&s->asked));
    ordo_waker_signal(s->apply_waker);
}

/* Everything that the cut gives, until it has ended. */
static enum ordo_err take_all(struct ordo_snapshotter *s, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    while (!is_stopping(s)) {
        bool ended = is_ended(s); /* before the look at the entries: they came before it */
        if (has_entries(s)) {
            bool good = err == ORDO_OK;
            enum ordo_err of_put = take_entry(s, good, fail);
            if (good && of_put != ORDO_OK) {
                err = of_put;
                drop(s);
            }
            continue;
        }
        if (ended) {
            return err;
        }
        ordo_waker_announce(&s->waker);
        if (has_entries(s) || is_ended(s) || is_stopping(s)) {
            ordo_waker_cancel(&s->waker);
        } else {
            ordo_waker_sleep(&s->waker, LOOK_NS);
        }
    }
    return err == ORDO_OK ? ordo_fail_set(fail, ORDO_ERR_CLOSED, "the node stops") : err;
}

/* I18: what a snapshot has is durable before it is complete. */
static enum ordo_err wait_durable(struct ordo_snapshotter *s, struct ordo_fail *fail)
{
    while (ordo_sequence_before(ordo_sequence_get(s->durable), s->begun_cursor) &&
           !ORDO_CANARY(snapshot_before_durable)) {
        if (is_stopping(s)) {
            return ordo_fail_set(fail, ORDO_ERR_CLOSED, "the node stops");
        }
        ordo_waker_announce(&s->waker);
        ordo_waker_sleep(&s->waker, DURABLE_NS);
    }
    return ORDO_OK;
}

static enum ordo_err ask_and_take(struct ordo_snapshotter *s, struct ordo_fail *fail)
{
    ordo_sequence_set(&s->asked, ordo_sequence_own(&s->asked) + 1);
    ordo_waker_signal(s->apply_waker);
    enum ordo_err err = take_all(s, fail);
    if (err == ORDO_OK && s->cut.phase == ORDO_CUT_GIVEN_UP) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_FULL,
            "the pool of %" PRIu64 " bytes was full: snapshot.pool_size sets it",
            s->pool.size);
    }
    return err == ORDO_OK ? wait_durable(s, fail) : err;
}

static enum ordo_err make_one(struct ordo_snapshotter *s, struct ordo_fail *fail)
{
    enum ordo_err err = s->port.begin(s->port.self, &s->asked_mark, &s->asked_whole, fail);
    if (err == ORDO_OK) {
        err = ask_and_take(s, fail);
    }
    if (err != ORDO_OK) {
        s->port.abandon(s->port.self);
        return err;
    }
    struct ordo_snapshotter_cut cut = {
        .head = s->cut.head,
        .section_count = s->cut.section_count,
        .chunk_counts = s->cut.chunk_counts,
    };
    err = s->port.finish(s->port.self, &cut, fail);
    if (err == ORDO_OK) {
        ordo_sequence_set(&s->made_seq, cut.head.seq);
        ordo_sequence_set(&s->made_chunks, s->cut.copied);
        count(&s->made);
        ORDO_LOG_INFO(
            "snapshot made seq=%" PRIu64 " chunks=%" PRIu64 " before_writes=%" PRIu64 " whole=%d",
            cut.head.seq,
            s->cut.copied,
            s->cut.copied_by_writes,
            s->asked_whole ? 1 : 0);
    }
    return err;
}

static void make(struct ordo_snapshotter *s)
{
    struct ordo_fail fail;
    s->served_due = ordo_sequence_get(&s->due);
    s->served_wanted = ordo_sequence_get(&s->wanted);
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        enum ordo_err err = make_one(s, &fail);
        if (err == ORDO_OK || is_stopping(s)) {
            return;
        }
        count(err == ORDO_ERR_FULL ? &s->given_up : &s->failed);
        ORDO_LOG_WARN("no snapshot, the journal goes on why=\"%s\"", fail.text);
        if (err != ORDO_ERR_FULL) {
            return;
        }
    }
}

static void run(void *context)
{
    struct ordo_snapshotter *s = context;
    while (!is_stopping(s)) {
        if (is_wanted(s)) {
            make(s);
            continue;
        }
        ordo_waker_announce(&s->waker);
        if (is_wanted(s) || is_stopping(s)) {
            ordo_waker_cancel(&s->waker);
        } else {
            ordo_waker_sleep(&s->waker, LOOK_NS);
        }
    }
}

/* ---- the starter ---- */

enum ordo_err ordo_snapshotter_start(
    struct ordo_snapshotter *snapshotter, struct ordo_waker *apply_waker, struct ordo_fail *fail)
{
    ORDO_ASSERT(apply_waker != NULL);
    snapshotter->apply_waker = apply_waker;
    enum ordo_err err =
        ordo_thread_start(&snapshotter->thread, NAME, ORDO_CPU_ANY, run, snapshotter);
    return err == ORDO_OK ? ORDO_OK
                          : ordo_fail_set(fail, err, "thread %s could not be started", NAME);
}

void ordo_snapshotter_ask(struct ordo_snapshotter *snapshotter)
{
    count(&snapshotter->wanted);
    ordo_waker_signal(&snapshotter->waker);
}

void ordo_snapshotter_stop(struct ordo_snapshotter *snapshotter)
{
    if (!snapshotter->thread.started) {
        return;
    }
    ordo_sequence_set(&snapshotter->stopping, 1);
    ordo_waker_signal(&snapshotter->waker);
    ordo_thread_join(&snapshotter->thread);
    drop(snapshotter); /* the thread is gone, its fields are ours */
}

void ordo_snapshotter_stats(
    const struct ordo_snapshotter *snapshotter, struct ordo_snapshotter_stats *stats)
{
    stats->made = ordo_sequence_get(&snapshotter->made);
    stats->given_up = ordo_sequence_get(&snapshotter->given_up);
    stats->failed = ordo_sequence_get(&snapshotter->failed);
    stats->seq = ordo_sequence_get(&snapshotter->made_seq);
    stats->chunks = ordo_sequence_get(&snapshotter->made_chunks);
}
