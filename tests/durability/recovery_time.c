/* R32: how long a restart takes, and whether a copy restores. A journal of real lifecycles (create
 * and hold, attempt, pay which issues, deliver) is decided and written on a real disk, then
 * recovered in place as a server does it: verdict, then every command decided again and held
 * against its outcome. Then it is copied to an empty folder as a restore does it and recovered
 * there. All three states must have the same digest.
 *
 * The first recovery takes its memory fresh from the system: its seconds by the clock are the
 * operator's. In the second one the memory of the state is touched before, outside of the time, as
 * `ordo bench apply` does: its records a second of CPU time (records_per_cpu_s) are the program's,
 * and can be compared on a shared machine. Beside them: the journal alone (reading, checksums,
 * chain, visits of nobody) and the replay through the reader, as `ordo replay` does it. */
#include "report.h"

#include "audit/replay.h"
#include "base/assert.h"
#include "base/log.h"
#include "bench/apply_load.h"
#include "journal/journal.h"
#include "ring/sequencer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASES_DEFAULT  1000000
#define CASES_MIN      (16 * ORDO_LOAD_BLOCK)
#define LIVE_SHARE     10 /* of the records: so many orders are alive at a time */
#define PAGE           4096
#define CAPACITY       4096
#define COMMAND_BYTES  (4u << 20)
#define OUTCOME_BYTES  (4u << 20)
#define OUTCOMES_AHEAD (1u << 20) /* bytes behind the head that the journal may still need */
#define RECORDS_TIMED  10000000   /* a shorter run says more of its neighbours than of itself */
#define SECONDS_MAX    15.0
#define RATE_MIN       1500000.0 /* records a second of CPU time */

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct watch {
    double wall;
    double cpu; /* of all threads */
};

static struct watch watch_begin(void)
{
    return (struct watch){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct watch watch_end(struct watch begin)
{
    struct watch now = watch_begin();
    return (struct watch){now.wall - begin.wall, now.cpu - begin.cpu};
}

static void require(enum ordo_err err, const struct ordo_fail *fail)
{
    if (err != ORDO_OK) {
        printf("R32 FAILED: %s\nRELIABILITY R32 FAILED\n", fail->text);
        exit(1);
    }
}

/* ---- recovering ---- */

struct recovered {
    uint64_t records;
    struct ordo_hash128 digest;
    struct watch took;
};

static enum ordo_err ignore(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    (void)context;
    (void)record;
    (void)fail;
    return ORDO_OK;
}

static struct ordo_journal *open_journal(const char *dir)
{
    struct ordo_journal_config config = {.dir = dir, .durability = ORDO_DURABILITY_OS};
    struct ordo_journal *journal = NULL;
    struct ordo_fail fail = {0};
    require(ordo_journal_open(&config, &journal, &fail), &fail);
    return journal;
}

/* Every page of the tables once. A virtual machine that had given memory back pays its host up to
 * 1.7 ns a byte for the first touch, where 0.05 were measured with the memory at hand: that can be
 * half of a recovery, and says nothing of the program. */
static void touch_memory(const struct ordo_arena *arena)
{
    for (uint32_t i = 0; i < arena->count; i++) {
        volatile uint8_t *bytes = arena->items[i].base;
        for (size_t at = 0; at < arena->items[i].size; at += PAGE) {
            bytes[at] = bytes[at];
        }
    }
}

struct replayer {
    struct ordo_replay replay;
    bool touches; /* the memory of the state is touched when it is made, outside of the time */
    struct watch touching;
};

static enum ordo_err
visit(void *context, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail)
{
    struct replayer *r = context;
    bool is_new = r->replay.state == NULL;
    if (!is_new || !r->touches) {
        return ordo_replay_records(&r->replay, records, count, fail);
    }
    enum ordo_err err = ordo_replay_records(&r->replay, records, 1, fail);
    struct watch begin = watch_begin();
    touch_memory(r->replay.arena);
    r->touching = watch_end(begin);
    return err != ORDO_OK ? err : ordo_replay_records(&r->replay, records + 1, count - 1, fail);
}

static void replayer_init(struct replayer *r, struct ordo_arena *arena, bool touches)
{
    ordo_arena_init(arena);
    ordo_replay_init(&r->replay, arena);
    r->touches = touches;
    r->touching = (struct watch){0, 0};
}

/* As a server starts. The digest is not in the time. */
static struct recovered recover(const char *dir, bool touches)
{
    static struct replayer r; /* an outcome: too much for the stack */
    struct recovered out = {0};
    struct ordo_arena arena;
    struct ordo_recovery recovery;
    struct ordo_fail fail = {0};
    struct watch begin = watch_begin();
    replayer_init(&r, &arena, touches);
    struct ordo_journal *journal = open_journal(dir);
    require(ordo_journal_recover_many(journal, 0, visit, &r, &recovery, &fail), &fail);
    out.took = watch_end(begin);
    out.took.wall -= r.touching.wall;
    out.took.cpu -= r.touching.cpu;
    out.records = r.replay.records;
    ORDO_ASSERT(recovery.seq_last == out.records);
    out.digest = ordo_state_digest_full(r.replay.state);
    ordo_journal_close(journal);
    ordo_arena_fini(&arena);
    return out;
}

static struct watch recover_journal_alone(const char *dir)
{
    struct ordo_recovery recovery;
    struct ordo_fail fail = {0};
    struct watch begin = watch_begin();
    struct ordo_journal *journal = open_journal(dir);
    require(ordo_journal_recover(journal, 0, ignore, NULL, &recovery, &fail), &fail);
    ordo_journal_close(journal);
    return watch_end(begin);
}

/* As `ordo replay` does it, from the files as they lie there; the memory is touched before. */
static struct watch replay_offline(const char *dir, uint64_t records)
{
    static struct replayer r;
    struct ordo_arena arena;
    struct ordo_journal_reader *reader;
    const struct ordo_record *batch;
    uint32_t count;
    struct ordo_fail fail = {0};
    enum ordo_err err;
    struct watch begin = watch_begin();
    replayer_init(&r, &arena, true);
    require(ordo_journal_reader_open(dir, 0, &reader, &fail), &fail);
    while ((err = ordo_journal_reader_next_many(reader, &batch, &count, &fail)) == ORDO_OK) {
        require(visit(&r, batch, count, &fail), &fail);
    }
    ORDO_ASSERT(err == ORDO_ERR_EMPTY);
    ORDO_ASSERT(r.replay.records == records);
    struct watch took = watch_end(begin); /* giving the memory back is not in the time */
    took.cpu -= r.touching.cpu;
    ordo_journal_reader_close(reader);
    ordo_arena_fini(&arena);
    return took;
}

/* ---- writing ---- */

struct writer {
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_journal *journal;
    struct ordo_load load;
};

static void work(struct writer *w)
{
    (void)ordo_journal_do_work(w->journal);
    if (ordo_journal_failed(w->journal)) {
        require(ordo_journal_fail(w->journal)->err, ordo_journal_fail(w->journal));
    }
}

/* Waits for the journal until there is room. */
static uint64_t put_command(struct writer *w, struct ordo_bytes bytes)
{
    uint64_t at;
    uint8_t *room;
    for (;;) {
        uint64_t released = ordo_sequencer_command_released(&w->sequencer);
        room = ordo_byte_ring_reserve(&w->ring.commands, released, bytes.size, &at);
        if (room != NULL) {
            break;
        }
        work(w);
    }
    memcpy(room, bytes.data, bytes.size);
    ordo_byte_ring_commit(&w->ring.commands, at, bytes.size);
    return at;
}

/* A ring's worth of slots has no more bytes than OUTCOMES_AHEAD. */
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
    uint64_t cursor;
    ORDO_ASSERT(applied->journaled);
    while (ordo_sequencer_claim(&w->sequencer, 1, &cursor) == 0) {
        work(w);
    }
    uint64_t command_at = put_command(w, command);
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
        .outcome_size = outcome.size};
    ordo_sequencer_publish(&w->sequencer, cursor);
}

struct written {
    uint64_t records;
    struct ordo_hash128 digest; /* of the state behind the last */
};

/* Decides and writes about so many records. */
static struct written write_records(const char *dir, uint64_t records)
{
    static const uint8_t hash[16];
    static struct writer w; /* an outcome: too much for the stack */
    const struct ordo_load_hearer hearer = {hear, &w};
    struct ordo_recovery recovery;
    struct ordo_fail fail = {0};
    uint32_t live = (uint32_t)(records / LIVE_SHARE);
    uint32_t orders_max = (uint32_t)(records / 4) + live + 4 * ORDO_LOAD_BLOCK;
    w.journal = open_journal(dir);
    require(ordo_journal_recover(w.journal, 0, ignore, NULL, &recovery, &fail), &fail);
    ordo_arena_init(&w.arena);
    require(
        ordo_ring_init(&w.ring, &w.arena, CAPACITY, COMMAND_BYTES, OUTCOME_BYTES, &fail), &fail);
    ordo_sequencer_init(&w.sequencer, &w.ring);
    ordo_stage_init(&w.stage, "journal", &w.ring, 0);
    ordo_barrier_add(&w.stage.barrier, &w.sequencer.published);
    ordo_barrier_add(&w.sequencer.gate, &w.stage.sequence);
    require(ordo_journal_attach(w.journal, &w.stage, hash, &fail), &fail);
    require(ordo_load_open_heard(&w.load, &w.arena, live, orders_max, &hearer, &fail), &fail);
    while (w.load.decided < records && ordo_load_make(&w.load)) {
        ordo_load_apply(&w.load);
    }
    while (!ordo_journal_is_drained(w.journal)) {
        work(&w);
    }
    ORDO_ASSERT(w.load.refused == 0);
    struct written written = {w.load.decided, ordo_state_digest_full(w.load.state)};
    ordo_journal_close(w.journal);
    ordo_arena_fini(&w.arena);
    return written;
}

/* Every file of a folder, to another or (to is NULL) away. */
static void each_file(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    ORDO_ASSERT(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (to == NULL) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
            continue;
        }
        char path[400];
        struct stat about;
        (void)snprintf(path, sizeof(path), "%s/%s", to, entry->d_name);
        int in = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
        int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ORDO_ASSERT(in >= 0 && out >= 0 && fstat(in, &about) == 0);
        for (off_t at = 0; at < about.st_size;) {
            ORDO_ASSERT(sendfile(out, in, &at, (size_t)(about.st_size - at)) > 0);
        }
        (void)close(in);
        (void)close(out);
    }
    (void)closedir(dir);
}

static bool is_equal(struct ordo_hash128 a, struct ordo_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

int main(int argc, char **argv)
{
    struct report report = report_begin("R32", CASES_DEFAULT, argc, argv);
    char dir[160];
    char copy[160];
    const char *base = report.dir != NULL ? report.dir : "/var/tmp";
    ordo_log_set_level(ORDO_LOG_ERROR);
    (void)snprintf(dir, sizeof(dir), "%.100s/ordo-recovery-XXXXXX", base);
    (void)snprintf(copy, sizeof(copy), "%.100s/ordo-restored-XXXXXX", base);
    if (mkdtemp(dir) == NULL || mkdtemp(copy) == NULL) {
        return report_skip(&report, "no folder for the files");
    }
    uint64_t records = report.cases_wanted < CASES_MIN ? CASES_MIN : report.cases_wanted;
    struct written written = write_records(dir, records);
    records = written.records;
    struct recovered in_place = recover(dir, false);
    struct watch alone = recover_journal_alone(dir);
    struct watch offline = replay_offline(dir, records);
    each_file(dir, copy);
    struct recovered restored = recover(copy, true);
    report.cases = in_place.records;
    if (in_place.records != records || restored.records != records) {
        report_fail(
            &report, "%lu records came back, %lu restored", in_place.records, restored.records);
    }
    if (!is_equal(written.digest, in_place.digest) || !is_equal(written.digest, restored.digest)) {
        report_fail(&report, "the states differ");
    }
    if (records >= RECORDS_TIMED && in_place.took.wall > SECONDS_MAX) {
        report_fail(&report, "%.2f s, at most %.0f s are allowed", in_place.took.wall, SECONDS_MAX);
    }
    double count = (double)records;
    double rate = count / restored.took.cpu;
    if (records >= RECORDS_TIMED && rate < RATE_MIN) {
        report_fail(
            &report, "%.0f records a second of CPU time, at least %.0f are wanted", rate, RATE_MIN);
    }
    each_file(dir, NULL);
    each_file(copy, NULL);
    (void)rmdir(dir);
    (void)rmdir(copy);
    char more[300];
    (void)snprintf(
        more,
        sizeof(more),
        "seconds=%.2f records_per_s=%.0f fresh_per_cpu_s=%.0f records_per_cpu_s=%.0f "
        "offline_per_cpu_s=%.0f journal_alone_per_cpu_s=%.0f restored_seconds=%.2f digest=%016lx",
        in_place.took.wall,
        count / in_place.took.wall,
        count / in_place.took.cpu,
        rate,
        count / offline.cpu,
        count / alone.cpu,
        restored.took.wall,
        written.digest.low);
    return report_end(&report, more);
}
