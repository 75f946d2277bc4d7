/* R32: how long a restart takes, and whether a copy restores. A journal of a million records is
 * written on a real disk, recovered in place with every record compared, then copied to an empty
 * folder as a restore does it and recovered there: the same records, the same digest, ready only
 * after both passes over the files (verdict, then visits). */
#include "report.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "journal/journal.h"
#include "ring/sequencer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define CASES_DEFAULT 1000000
#define CAPACITY      4096
#define COMMAND       48 /* bytes, as a lifecycle's steps have on average */
#define OUTCOME       28
#define TIME_US       1700000000000000ull
#define RECORDS_TIMED 10000000 /* a shorter run says more of its neighbours than of itself */
#define SECONDS_MAX   15.0

struct digest {
    struct ordo_hash128 hash;
    uint64_t count;
    bool differs;
};

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Eight bytes that follow from the sequence, over and over. */
static void content(uint64_t seq, uint8_t *out, uint32_t size)
{
    uint64_t word = seq * 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < size; i += 8) {
        memcpy(out + i, &word, size - i < 8 ? size - i : 8);
    }
}

static enum ordo_err visit(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct digest *digest = context;
    uint8_t wanted[COMMAND];
    (void)fail;
    digest->count++;
    content(digest->count, wanted, COMMAND);
    digest->differs |= record->seq != digest->count || record->command.size != COMMAND ||
                       record->outcome.size != OUTCOME ||
                       memcmp(record->command.data, wanted, COMMAND) != 0 ||
                       memcmp(record->outcome.data, wanted, OUTCOME) != 0;
    digest->hash = ordo_hash_chain(digest->hash, record->command.data, record->command.size);
    return ORDO_OK;
}

static void require(enum ordo_err err, const struct ordo_fail *fail)
{
    if (err != ORDO_OK) {
        printf("R32 FAILED: %s\nRELIABILITY R32 FAILED\n", fail->text);
        exit(1);
    }
}

/* Opens and recovers; the seconds that took. */
static double recover(const char *dir, struct digest *digest, struct ordo_journal **out)
{
    struct ordo_journal_config config = {.dir = dir, .durability = ORDO_DURABILITY_OS};
    struct ordo_recovery recovery;
    struct ordo_fail fail = {0};
    struct ordo_journal *journal = NULL;
    *digest = (struct digest){0};
    double begin = now_s();
    require(ordo_journal_open(&config, &journal, &fail), &fail);
    require(ordo_journal_recover(journal, 0, visit, digest, &recovery, &fail), &fail);
    double took = now_s() - begin;
    ORDO_ASSERT(recovery.seq_last == digest->count);
    if (out != NULL) {
        *out = journal;
    } else {
        ordo_journal_close(journal);
    }
    return took;
}

static uint64_t put(struct ordo_byte_ring *ring, uint64_t released, const uint8_t *data, uint32_t n)
{
    uint64_t position;
    uint8_t *room = ordo_byte_ring_reserve(ring, released, n, &position);
    ORDO_ASSERT(room != NULL);
    memcpy(room, data, n);
    ordo_byte_ring_commit(ring, position, n);
    return position;
}

struct writer {
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
};

static void push(struct writer *w, uint64_t seq, uint64_t cursor)
{
    uint8_t bytes[COMMAND];
    content(seq, bytes, COMMAND);
    struct ordo_slot *slot = ordo_ring_slot(&w->ring, cursor);
    *slot = (struct ordo_slot){
        .seq = seq,
        .update_seq = seq,
        .update_count = 1,
        .time_us = TIME_US + seq,
        .flags = ORDO_SLOT_JOURNALED,
        .command_size = COMMAND,
        .outcome_size = OUTCOME};
    slot->command_at =
        put(&w->ring.commands, ordo_sequencer_command_released(&w->sequencer), bytes, COMMAND);
    uint64_t head = w->ring.outcomes.head;
    slot->outcome_at =
        put(&w->ring.outcomes, head > 1 << 19 ? head - (1 << 19) : 0, bytes, OUTCOME);
    ordo_sequencer_publish(&w->sequencer, cursor);
}

static void write_records(const char *dir, uint64_t records)
{
    static const uint8_t hash[16];
    struct writer w;
    struct digest digest;
    struct ordo_journal *journal;
    struct ordo_fail fail;
    (void)recover(dir, &digest, &journal);
    ordo_arena_init(&w.arena);
    require(ordo_ring_init(&w.ring, &w.arena, CAPACITY, 1 << 20, 1 << 20, &fail), &fail);
    ordo_sequencer_init(&w.sequencer, &w.ring);
    ordo_stage_init(&w.stage, "journal", &w.ring, 0);
    ordo_barrier_add(&w.stage.barrier, &w.sequencer.published);
    ordo_barrier_add(&w.sequencer.gate, &w.stage.sequence);
    require(ordo_journal_attach(journal, &w.stage, hash, &fail), &fail);
    for (uint64_t seq = 1; seq <= records || !ordo_journal_is_drained(journal);) {
        uint64_t cursor;
        for (int i = 0; i < 512 && seq <= records; i++) {
            if (ordo_sequencer_claim(&w.sequencer, 1, &cursor) == 0) {
                (void)sched_yield();
                break;
            }
            push(&w, seq++, cursor);
        }
        (void)ordo_journal_do_work(journal);
        if (ordo_journal_failed(journal)) {
            require(ordo_journal_fail(journal)->err, ordo_journal_fail(journal));
        }
    }
    ordo_journal_close(journal);
    ordo_arena_fini(&w.arena);
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

int main(int argc, char **argv)
{
    struct report report = report_begin("R32", CASES_DEFAULT, argc, argv);
    char dir[160];
    char copy[160];
    struct digest written;
    struct digest restored;
    const char *base = report.dir != NULL ? report.dir : "/var/tmp";
    ordo_log_set_level(ORDO_LOG_ERROR);
    (void)snprintf(dir, sizeof(dir), "%.100s/ordo-recovery-XXXXXX", base);
    (void)snprintf(copy, sizeof(copy), "%.100s/ordo-restored-XXXXXX", base);
    if (mkdtemp(dir) == NULL || mkdtemp(copy) == NULL) {
        return report_skip(&report, "no folder for the files");
    }
    uint64_t records = report.cases_wanted;
    write_records(dir, records);
    double in_place = recover(dir, &written, NULL);
    each_file(dir, copy);
    double from_copy = recover(copy, &restored, NULL);
    report.cases = written.count;
    if (written.count != records || written.differs || restored.differs ||
        restored.count != records || written.hash.low != restored.hash.low) {
        report_fail(&report, "%lu records came back, %lu restored", written.count, restored.count);
    }
    if (records >= RECORDS_TIMED && in_place > SECONDS_MAX) {
        report_fail(&report, "%.2f s, at most %.0f s are allowed", in_place, SECONDS_MAX);
    }
    each_file(dir, NULL);
    each_file(copy, NULL);
    (void)rmdir(dir);
    (void)rmdir(copy);
    char more[200];
    (void)snprintf(
        more,
        sizeof(more),
        "seconds=%.2f records_per_s=%.0f restored_seconds=%.2f digest=%016lx",
        in_place,
        (double)records / in_place,
        from_copy,
        written.hash.low);
    return report_end(&report, more);
}
