#include "order/cut.h"

#include "base/canary.h"
#include "order/domain.h"

/* A chunk's way through a cut, in its mark byte:
 *
 *   changed (A or B) ──begin──▶ PENDING ──step or hook──▶ COPIED ──next begin──▶ nothing
 *
 * A write puts ORDO_MARK_ALL over whatever stands there, which takes PENDING and COPIED away and
 * says "changed" again: right in each case, because the hook has copied a pending chunk before.
 * COPIED is kept for one purpose: a cut that is given up can say "changed" again of what its sink
 * got, without a list of it.
 *
 * The hook is set only while a cut copies, so that at other times a write costs one comparison.
 *
 * Rejected: a copy of every chunk that is about to change into a pool of its own, written out by
 * the snapshot's thread together with what it reads itself: then two threads read the rows, and
 * each row would have to be read under a lock or with a version. One thread, one copy.
 */

_Static_assert((int)ORDO_TABLE_COUNT <= ORDO_CUT_SECTIONS_MAX, "a section a table");

#define SCAN_COST 1 /* bytes that looking at one mark counts for, so that a step is bounded */

static bool is_mark_of_snapshot(enum ordo_mark mark)
{
    return mark == ORDO_MARK_SNAPSHOT_A || mark == ORDO_MARK_SNAPSHOT_B;
}

static bool copy(struct ordo_cut *cut, uint32_t section, uint32_t chunk, size_t *size)
{
    struct ordo_table *table = &cut->state->tables[section];
    const void *bytes = ordo_table_chunk(table, chunk, size);
    if (!cut->sink(cut->context, section, chunk, bytes, *size)) {
        return false;
    }
    uint8_t *mark = &table->marks[chunk];
    *mark = (uint8_t)((*mark & ~(unsigned)ORDO_MARK_PENDING) | ORDO_MARK_COPIED);
    cut->copied++;
    return true;
}

static void before_write(void *context, const struct ordo_table *table, uint32_t chunk)
{
    struct ordo_cut *cut = context;
    size_t size;
    ORDO_DASSERT(cut->phase == ORDO_CUT_COPYING);
    if ((table->marks[chunk] & ORDO_MARK_PENDING) == 0 || ORDO_CANARY(cut_not_consistent)) {
        return;
    }
    uint32_t section = (uint32_t)(table - cut->state->tables);
    ORDO_ASSERT(section < cut->section_count);
    if (!copy(cut, section, chunk, &size)) {
        ordo_cut_abandon(cut);
        return;
    }
    cut->copied_by_writes++;
}

static void set_hook(struct ordo_cut *cut, bool on)
{
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        ordo_table_set_before_write(&cut->state->tables[i], on ? before_write : NULL, cut);
    }
}

/* What has changed is pending; what an earlier cut has copied is of no interest any more. */
static void take_marks(struct ordo_table *table, uint32_t chunks, enum ordo_mark mark)
{
    const unsigned cut_marks = ORDO_MARK_PENDING | ORDO_MARK_COPIED;
    for (uint32_t i = 0; i < chunks; i++) {
        unsigned was = table->marks[i] & ~cut_marks;
        unsigned pending = (was & mark) != 0 ? (unsigned)ORDO_MARK_PENDING : 0;
        table->marks[i] = (uint8_t)((was & ~(unsigned)mark) | pending);
    }
}

void ordo_cut_begin(
    struct ordo_cut *cut,
    struct ordo_state *state,
    enum ordo_mark mark,
    ordo_cut_sink *sink,
    void *context)
{
    ORDO_ASSERT(cut->phase != ORDO_CUT_COPYING);
    ORDO_ASSERT(is_mark_of_snapshot(mark));
    *cut = (struct ordo_cut){
        .state = state,
        .mark = mark,
        .phase = ORDO_CUT_COPYING,
        .sink = sink,
        .context = context,
        .section_count = ORDO_TABLE_COUNT,
    };
    ordo_state_head(state, &cut->head);
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        struct ordo_table *table = &state->tables[i];
        ORDO_ASSERT(table->before_write == NULL);
        bool left_out = ORDO_CANARY(ids_not_in_snapshot) && i == ORDO_TABLE_ID;
        cut->chunk_counts[i] = left_out ? 0 : ordo_table_chunks(table, ordo_head(state)->used[i]);
        take_marks(table, cut->chunk_counts[i], mark);
    }
    set_hook(cut, true);
}

enum ordo_cut_phase ordo_cut_step(struct ordo_cut *cut, size_t bytes_max)
{
    size_t done = 0;
    size_t size;
    if (cut->phase != ORDO_CUT_COPYING) {
        return cut->phase;
    }
    while (done < bytes_max && cut->section < cut->section_count) {
        if (cut->chunk == cut->chunk_counts[cut->section]) {
            cut->section++;
            cut->chunk = 0;
            continue;
        }
        done += SCAN_COST;
        if ((cut->state->tables[cut->section].marks[cut->chunk] & ORDO_MARK_PENDING) != 0) {
            if (!copy(cut, cut->section, cut->chunk, &size)) {
                return cut->phase; /* full: goes on with the same chunk */
            }
            done += size;
        }
        cut->chunk++;
    }
    if (cut->section == cut->section_count) {
        set_hook(cut, false);
        cut->phase = ORDO_CUT_DONE;
    }
    return cut->phase;
}

void ordo_cut_abandon(struct ordo_cut *cut)
{
    const unsigned cut_marks = ORDO_MARK_PENDING | ORDO_MARK_COPIED;
    if (cut->phase != ORDO_CUT_COPYING && cut->phase != ORDO_CUT_DONE) {
        return;
    }
    ORDO_ASSERT(cut->state != NULL);
    set_hook(cut, false);
    for (uint32_t i = 0; i < cut->section_count; i++) {
        uint8_t *marks = cut->state->tables[i].marks;
        for (uint32_t chunk = 0; chunk < cut->chunk_counts[i]; chunk++) {
            unsigned again = (marks[chunk] & cut_marks) != 0 ? (unsigned)cut->mark : 0;
            marks[chunk] = (uint8_t)((marks[chunk] & ~cut_marks) | again);
        }
    }
    cut->phase = ORDO_CUT_GIVEN_UP;
}

void ordo_cut_forget(struct ordo_state *state, enum ordo_mark mark)
{
    ORDO_ASSERT(is_mark_of_snapshot(mark));
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        struct ordo_table *table = &state->tables[i];
        ORDO_ASSERT(table->before_write == NULL);
        for (uint32_t chunk = 0; chunk < table->chunk_count; chunk++) {
            table->marks[chunk] = (uint8_t)(table->marks[chunk] | mark);
        }
    }
}
