/* The journal with all its threads at once, for the thread sanitizer: a producer, the journal's
 * thread parked in its waker, the helpers, and a reader of the live folder; both backends, over
 * many segments. A plain program, because Criterion does not start under that sanitizer. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/thread.h"
#include "journal/hooks.h"
#include "journal/journal.h"
#include "ring/runner.h"
#include "ring/sequencer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORDS     20000u
#define RECORD_SIZE 40u

struct race {
    char dir[64];
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_runner runner;
    struct ordo_journal *journal;
    _Atomic uint32_t reader_done;
};

static enum ordo_err count(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)fail;
    uint64_t *seen = context;
    ORDO_ASSERT(record->seq == ++*seen);
    ORDO_ASSERT(record->command.size == RECORD_SIZE);
    ORDO_ASSERT(ordo_get_le64(record->command.data) == record->seq);
    return ORDO_OK;
}

static uint32_t work(void *self)
{
    return ordo_journal_do_work(((struct race *)self)->journal);
}

static bool drained(void *self)
{
    return ordo_journal_is_drained(((struct race *)self)->journal);
}

static uint64_t deadline(void *self)
{
    return ordo_journal_deadline_ns(((struct race *)self)->journal);
}

static void produce(struct race *race)
{
    for (uint64_t seq = 1; seq <= RECORDS;) {
        uint64_t cursor;
        if (ordo_sequencer_claim(&race->sequencer, 1, &cursor) == 0) {
            ordo_waker_signal(&race->runner.waker);
            continue;
        }
        uint64_t position;
        uint8_t *room = ordo_byte_ring_reserve(
            &race->ring.commands,
            ordo_sequencer_command_released(&race->sequencer),
            RECORD_SIZE,
            &position);
        ORDO_ASSERT(room != NULL);
        memset(room, 0, RECORD_SIZE);
        ordo_put_le64(room, seq);
        ordo_byte_ring_commit(&race->ring.commands, position, RECORD_SIZE);
        struct ordo_slot *slot = ordo_ring_slot(&race->ring, cursor);
        *slot = (struct ordo_slot){
            .seq = seq,
            .update_seq = seq,
            .update_count = 1,
            .flags = ORDO_SLOT_JOURNALED,
            .command_at = position,
            .command_size = RECORD_SIZE,
        };
        ordo_sequencer_publish(&race->sequencer, cursor);
        ordo_waker_signal(&race->runner.waker);
        seq++;
    }
}

static void follow(void *context)
{
    struct race *race = context;
    struct ordo_journal_reader *reader;
    struct ordo_record record;
    struct ordo_fail fail;
    uint64_t seen = 0;
    ORDO_ASSERT(ordo_journal_reader_open(race->dir, 0, &reader, &fail) == ORDO_OK);
    while (seen < RECORDS) {
        enum ordo_err err = ordo_journal_reader_next(reader, &record, &fail);
        if (err == ORDO_OK) {
            (void)count(&seen, &record, &fail);
        } else if (err != ORDO_ERR_EMPTY) {
            fprintf(stderr, "reader: %s\n", fail.text);
            abort();
        }
    }
    ordo_journal_reader_close(reader);
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    ORDO_ASSERT(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    }
    (void)closedir(dir);
    ORDO_ASSERT(rmdir(path) == 0);
}

static void run(enum ordo_journal_backend backend)
{
    static struct race race;
    struct ordo_journal_hooks hooks = {.allow_small = true};
    struct ordo_fail fail;
    struct ordo_recovery recovery;
    uint64_t seen = 0;
    memset(&race, 0, sizeof(race));
    (void)snprintf(race.dir, sizeof(race.dir), "/var/tmp/ordo-journal-XXXXXX");
    ORDO_ASSERT(mkdtemp(race.dir) != NULL);
    struct ordo_journal_config config = {
        .dir = race.dir,
        .segment_size = 128 << 10,
        .batch_size_max = 16 << 10,
        .backend = backend,
        .hooks = &hooks,
    };
    ordo_arena_init(&race.arena);
    ORDO_ASSERT(ordo_ring_init(&race.ring, &race.arena, 256, 1 << 16, 1 << 16, &fail) == ORDO_OK);
    ordo_sequencer_init(&race.sequencer, &race.ring);
    ordo_stage_init(&race.stage, "journal", &race.ring, 0);
    ordo_barrier_add(&race.stage.barrier, &race.sequencer.published);
    ordo_barrier_add(&race.sequencer.gate, &race.stage.sequence);
    ORDO_ASSERT(ordo_journal_open(&config, &race.journal, &fail) == ORDO_OK);
    ORDO_ASSERT(ordo_journal_recover(race.journal, 0, count, &seen, &recovery, &fail) == ORDO_OK);
    static const uint8_t hash[16];
    if (ordo_journal_attach(race.journal, &race.stage, hash, &fail) != ORDO_OK) {
        fprintf(stderr, "skipped: %s\n", fail.text);
        exit(77);
    }
    ordo_runner_init(&race.runner, "journal", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(
        &race.runner,
        (struct ordo_agent){
            .name = "journal",
            .self = &race,
            .do_work = work,
            .is_drained = drained,
            .deadline_ns = deadline,
        });
    ordo_journal_bind_waker(race.journal, &race.runner.waker);
    struct ordo_thread reader;
    ORDO_ASSERT(ordo_runner_start(&race.runner) == ORDO_OK);
    ORDO_ASSERT(ordo_thread_start(&reader, "reader", ORDO_CPU_ANY, follow, &race) == ORDO_OK);
    produce(&race);
    ordo_thread_join(&reader);
    ordo_runner_stop(&race.runner);
    ordo_runner_join(&race.runner);
    ORDO_ASSERT(!ordo_journal_failed(race.journal));
    ordo_journal_close(race.journal);

    ORDO_ASSERT(ordo_journal_open(&config, &race.journal, &fail) == ORDO_OK);
    ORDO_ASSERT(ordo_journal_recover(race.journal, 0, count, &seen, &recovery, &fail) == ORDO_OK);
    ORDO_ASSERT(seen == RECORDS);
    ordo_journal_close(race.journal);
    ordo_arena_fini(&race.arena);
    remove_folder(race.dir);
    printf("backend %d: %u records over %lu segments\n", backend, RECORDS, recovery.segments);
}

int main(void)
{
    run(ORDO_BACKEND_URING);
    run(ORDO_BACKEND_PWRITE);
    return 0;
}
