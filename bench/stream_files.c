/* The engine decides mixed lifecycles (bench/apply_load.h); what it decided goes through a ring to
 * the journal, as in a node, with the stream's hash as the mark of each slot.
 */
#include "bench/stream_files.h"

#include "ring/sequencer.h"

#include <string.h>

#define SLOTS          4096u
#define COMMAND_BYTES  (4u << 20)
#define OUTCOME_BYTES  (16u << 20)
#define OUTCOMES_AHEAD (8u << 20) /* more than all slots of the ring refer to */
#define LIVE           20000u

struct writer {
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_journal *journal;
    struct ordo_load load;
    struct ordo_command command;
    struct ordo_outcome outcome;
    struct ordo_hash128 hash;
    struct ordo_stream_files done;
};

static enum ordo_err skip(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static uint64_t put(struct writer *w, struct ordo_bytes bytes)
{
    uint64_t at;
    uint8_t *room;
    for (;;) {
        uint64_t released = ordo_sequencer_command_released(&w->sequencer);
        room = ordo_byte_ring_reserve(&w->ring.commands, released, bytes.size, &at);
        if (room != NULL || ordo_journal_failed(w->journal)) {
            break;
        }
        (void)ordo_journal_do_work(w->journal);
    }
    if (room != NULL) {
        memcpy(room, bytes.data, bytes.size);
        ordo_byte_ring_commit(&w->ring.commands, at, bytes.size);
    }
    return at;
}

static uint64_t put_outcome(struct writer *w, struct ordo_bytes bytes)
{
    struct ordo_byte_ring *ring = &w->ring.outcomes;
    uint64_t at;
    uint64_t released = ring->head > OUTCOMES_AHEAD ? ring->head - OUTCOMES_AHEAD : 0;
    uint8_t *room = ordo_byte_ring_reserve(ring, released, bytes.size, &at);
    ORDO_ASSERT(room != NULL);
    memcpy(room, bytes.data, bytes.size);
    ordo_byte_ring_commit(ring, at, bytes.size);
    return at;
}

static void hear(
    void *context,
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied)
{
    struct writer *w = context;
    uint64_t cursor = 0;
    while (!ordo_journal_failed(w->journal) &&
           ordo_sequencer_claim(&w->sequencer, 1, &cursor) == 0) {
        (void)ordo_journal_do_work(w->journal);
    }
    if (ordo_journal_failed(w->journal)) {
        return;
    }
    bool good = ordo_command_decode(command, &w->command) &&
                ordo_outcome_decode(outcome, applied->seq, &w->command, &w->outcome);
    ORDO_ASSERT(good);
    w->hash = ordo_outcome_hash(&w->outcome, time_us, w->done.updates + 1, w->hash);
    w->done.updates = applied->update_seq;
    w->done.records = applied->seq;
    uint64_t command_at = put(w, command);
    struct ordo_slot *slot = ordo_ring_slot(&w->ring, cursor);
    *slot = (struct ordo_slot){
        .seq = applied->seq,
        .update_seq = applied->update_seq,
        .update_count = applied->update_count,
        .time_us = time_us,
        .flags = ORDO_SLOT_JOURNALED,
        .command_at = command_at,
        .command_size = command.size,
        .outcome_at = put_outcome(w, outcome),
        .outcome_size = outcome.size,
    };
    ordo_put_le64(ordo_ring_mark(&w->ring, cursor), w->hash.low);
    ordo_put_le64(ordo_ring_mark(&w->ring, cursor) + 8, w->hash.high);
    ordo_sequencer_publish(&w->sequencer, cursor);
}

static enum ordo_err open_writer(struct writer *w, const char *dir, struct ordo_fail *fail)
{
    static const uint8_t no_hash[16];
    struct ordo_journal_config config = {.dir = dir, .durability = ORDO_DURABILITY_OS};
    struct ordo_recovery recovery;
    enum ordo_err err = ordo_journal_open(&config, &w->journal, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_journal_recover(w->journal, 0, skip, NULL, &recovery, fail);
    if (err == ORDO_OK && recovery.seq_last != 0) {
        err = ordo_fail_set(fail, ORDO_ERR_EXISTS, "%s has a journal already", dir);
    }
    if (err == ORDO_OK) {
        err = ordo_ring_init(&w->ring, &w->arena, SLOTS, COMMAND_BYTES, OUTCOME_BYTES, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&w->sequencer, &w->ring);
    ordo_stage_init(&w->stage, "journal", &w->ring, 0);
    ordo_barrier_add(&w->stage.barrier, &w->sequencer.published);
    ordo_barrier_add(&w->sequencer.gate, &w->stage.sequence);
    return ordo_journal_attach(w->journal, &w->stage, no_hash, fail);
}

static enum ordo_err write_all(struct writer *w, uint64_t records, struct ordo_fail *fail)
{
    const struct ordo_load_hearer hearer = {hear, w};
    uint32_t orders_max = (uint32_t)(records / 4) + LIVE + 4 * ORDO_LOAD_BLOCK;
    enum ordo_err err = ordo_load_open_heard(&w->load, &w->arena, LIVE, orders_max, &hearer, fail);
    while (err == ORDO_OK && w->done.records < records && ordo_load_make(&w->load)) {
        ordo_load_apply(&w->load);
        err = ordo_journal_failed(w->journal) ? ORDO_ERR_IO : ORDO_OK;
    }
    while (err == ORDO_OK && !ordo_journal_is_drained(w->journal)) {
        (void)ordo_journal_do_work(w->journal);
    }
    if (ordo_journal_failed(w->journal)) {
        *fail = *ordo_journal_fail(w->journal);
        return fail->err;
    }
    return err;
}

enum ordo_err ordo_stream_files_write(
    const char *dir, uint64_t records, struct ordo_stream_files *out, struct ordo_fail *fail)
{
    static struct writer w; /* an outcome: too much for the stack */
    memset(&w, 0, sizeof(w));
    ordo_arena_init(&w.arena);
    enum ordo_err err = open_writer(&w, dir, fail);
    if (err == ORDO_OK) {
        err = write_all(&w, records, fail);
    }
    ordo_put_le64(w.done.hash, w.hash.low);
    ordo_put_le64(w.done.hash + 8, w.hash.high);
    *out = w.done;
    if (w.journal != NULL) {
        ordo_journal_close(w.journal);
    }
    ordo_arena_fini(&w.arena);
    return err;
}
