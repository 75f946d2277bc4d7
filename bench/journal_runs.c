/* What is measured is the journal and not its producer: commands, outcomes and slots were put into
 * the rings once, two laps of the same records, and a push only gives each slot its sequences and
 * its time. */
#include "bench/journal_runs.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE     4096u
#define STUCK_NS (30 * ORDO_NS_PER_S)

static uint64_t now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

/* ---- the feed ---- */

/* Bytes into a ring for good; where they lie. */
static uint64_t keep(struct ordo_byte_ring *ring, const uint8_t *data, uint32_t size)
{
    uint64_t position;
    uint8_t *room = ordo_byte_ring_reserve(ring, 0, size, &position);
    ORDO_ASSERT(room != NULL);
    memcpy(room, data, size);
    ordo_byte_ring_commit(ring, position, size);
    return position;
}

static enum ordo_err decide(struct ordo_feed *feed, struct ordo_fail *fail)
{
    struct ordo_load *load = &feed->load;
    bool made = ordo_load_make(load);
    ORDO_ASSERT(made);
    for (uint32_t i = 0; i < ORDO_JOURNAL_RUN_RECORDS; i++) {
        struct ordo_writer out = ordo_writer_over(load->outcome, sizeof(load->outcome));
        struct ordo_applied applied;
        struct ordo_bytes command = load->commands[i];
        ordo_apply(load->state, load->time_us, command, &out, &applied);
        if (applied.code != ORDO_RESULT_OK) {
            return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "a command of the load was refused");
        }
        uint32_t size = (uint32_t)ordo_writer_size(&out);
        *ordo_ring_slot(&feed->ring, 1 + i) = (struct ordo_slot){
            .command_at = keep(&feed->ring.commands, command.data, command.size),
            .command_size = command.size,
            .outcome_at = keep(&feed->ring.outcomes, load->outcome, size),
            .outcome_size = size,
            .flags = ORDO_SLOT_JOURNALED,
            .update_count = (uint8_t)applied.update_count,
        };
        *ordo_ring_slot(&feed->ring, 1 + i + ORDO_JOURNAL_RUN_RECORDS) =
            *ordo_ring_slot(&feed->ring, 1 + i);
    }
    return ORDO_OK;
}

static enum ordo_err ignore(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static enum ordo_err open_journal(struct ordo_feed *feed, struct ordo_fail *fail)
{
    static const uint8_t stream_hash[16];
    struct ordo_journal_config config = {.dir = feed->dir};
    struct ordo_recovery recovery;
    enum ordo_err err = ordo_journal_open(&config, &feed->journal, fail);
    if (err == ORDO_OK) {
        err = ordo_journal_recover(feed->journal, 0, ignore, NULL, &recovery, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_journal_attach(feed->journal, &feed->stage, stream_hash, fail);
    }
    return err;
}

enum ordo_err ordo_feed_open(struct ordo_feed *feed, const char *dir, struct ordo_fail *fail)
{
    memset(feed, 0, sizeof(*feed));
    ordo_arena_init(&feed->arena);
    (void)snprintf(feed->dir, sizeof(feed->dir), "%s/journal", dir);
    enum ordo_err err = ordo_ring_init(
        &feed->ring, &feed->arena, 2 * ORDO_JOURNAL_RUN_RECORDS, 4u << 20, 4u << 20, fail);
    if (err == ORDO_OK) {
        err = ordo_load_open(&feed->load, &feed->arena, LIVE, LIVE + 4 * ORDO_LOAD_BLOCK, fail);
    }
    if (err == ORDO_OK) {
        err = decide(feed, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&feed->sequencer, &feed->ring);
    ordo_stage_init(&feed->stage, "journal", &feed->ring, 0);
    ordo_barrier_add(&feed->stage.barrier, &feed->sequencer.published);
    ordo_barrier_add(&feed->sequencer.gate, &feed->stage.sequence);
    return open_journal(feed, fail);
}

void ordo_feed_close(struct ordo_feed *feed)
{
    ordo_journal_close(feed->journal);
    ordo_arena_fini(&feed->arena);
    remove_folder(feed->dir);
}

static void push(struct ordo_feed *feed, uint32_t count_max)
{
    uint64_t cursor;
    uint32_t count = ordo_sequencer_claim(&feed->sequencer, count_max, &cursor);
    if (count == 0) {
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct ordo_slot *slot = ordo_ring_slot(&feed->ring, cursor + i);
        slot->seq = ++feed->seq;
        slot->time_us = feed->load.time_us + feed->seq;
        slot->update_seq = feed->update_seq += slot->update_count;
    }
    ordo_sequencer_publish(&feed->sequencer, cursor + count - 1);
}

static enum ordo_err drain(struct ordo_feed *feed, struct ordo_fail *fail)
{
    uint64_t limit_ns = now_ns() + STUCK_NS;
    while (!ordo_journal_is_drained(feed->journal)) {
        (void)ordo_journal_do_work(feed->journal);
        if (now_ns() > limit_ns) {
            return ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "the journal does not drain");
        }
    }
    if (ordo_journal_failed(feed->journal)) {
        *fail = *ordo_journal_fail(feed->journal);
        return fail->err;
    }
    return ORDO_OK;
}

enum ordo_err ordo_feed_bulk(
    struct ordo_feed *feed, uint64_t limit_ns, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = now_ns();
    while (now_ns() - begin_ns < limit_ns && !ordo_journal_failed(feed->journal)) {
        push(feed, ORDO_JOURNAL_RUN_RECORDS);
        (void)ordo_journal_do_work(feed->journal);
    }
    enum ordo_err err = drain(feed, fail);
    *spent_ns = now_ns() - begin_ns;
    return err;
}

enum ordo_err ordo_feed_one(struct ordo_feed *feed, uint64_t *spent_ns, struct ordo_fail *fail)
{
    uint64_t begin_ns = now_ns();
    push(feed, 1);
    enum ordo_err err = drain(feed, fail);
    *spent_ns = now_ns() - begin_ns;
    return err;
}
