/* rig.h - a journal on a real ring in a fresh folder: a producer that stands for ingress and apply,
 * the journal's stage behind it, and helpers that look at the folder from outside. */
#ifndef ORDO_TESTS_JOURNAL_RIG_H
#define ORDO_TESTS_JOURNAL_RIG_H

#include "base/clock.h"
#include "journal/format.h"
#include "journal/hooks.h"
#include "journal/journal.h"
#include "journal/segment.h"
#include "ring/sequencer.h"

#include <criterion/criterion.h> /* tidy: allow package-header (a header of unit tests) */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_SEGMENT  (64u << 10)
#define RIG_BATCH    (8u << 10)
#define RIG_CAPACITY 256
#define RIG_TIME_US  1700000000000000ull
#define RIG_WAIT_NS  (20 * ORDO_NS_PER_S) /* a deadline, not a pause: a healthy run needs ms */

struct rig {
    char dir[64];
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage stage;
    struct ordo_journal_hooks hooks;
    struct ordo_journal_config config;
    struct ordo_journal *journal;
    struct ordo_recovery recovery;
    struct ordo_fail fail;
    uint64_t now_ns; /* the fake clock, used when hooks.clock is set */
    uint64_t random; /* counts the fake random bytes */
    uint64_t seq;    /* the last journaled */
    uint64_t update_seq;
    uint64_t visited;
};

/* What the record of a sequence holds: sizes and bytes follow from it. */
static inline uint32_t rig_command(uint64_t seq, uint8_t *out)
{
    uint32_t size = 5 + (uint32_t)(seq * 7 % 90);
    for (uint32_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seq + i);
    }
    return size;
}

static inline uint32_t rig_outcome(uint64_t seq, uint8_t *out)
{
    uint32_t size = (uint32_t)(seq * 13 % 70);
    for (uint32_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seq * 3 + i);
    }
    return size;
}

static inline uint8_t rig_updates(uint64_t seq)
{
    return (uint8_t)(seq % 4);
}

static inline void rig_check_record(const struct ordo_record *record, uint64_t seq)
{
    uint8_t bytes[256];
    cr_assert_eq(record->seq, seq, "sequence %lu, wanted %lu", record->seq, seq);
    cr_assert_eq(record->command.size, rig_command(seq, bytes));
    cr_assert_eq(memcmp(record->command.data, bytes, record->command.size), 0);
    cr_assert_eq(record->outcome.size, rig_outcome(seq, bytes));
    cr_assert_eq(memcmp(record->outcome.data, bytes, record->outcome.size), 0);
    cr_assert_eq(record->update_count, rig_updates(seq));
    cr_assert_eq(record->time_us, RIG_TIME_US + seq / 3);
    uint64_t updates = 0;
    for (uint64_t i = 1; i <= seq; i++) {
        updates += rig_updates(i);
    }
    cr_assert_eq(record->update_seq, updates);
}

static inline enum ordo_err
rig_visit(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct rig *rig = context;
    (void)fail;
    rig_check_record(record, ++rig->visited);
    return ORDO_OK;
}

static inline uint64_t rig_monotonic(void *context)
{
    return ((struct rig *)context)->now_ns;
}

static inline void rig_random(void *context, uint8_t *out, size_t size)
{
    struct rig *rig = context;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(0xa0 + rig->random++);
    }
}

/* A folder of its own on a real disk, small segments, everything else as in a server. */
static inline void rig_init(struct rig *rig, enum ordo_journal_backend backend)
{
    memset(rig, 0, sizeof(*rig));
    const char *base = getenv("ORDO_TEST_DIR");
    (void)snprintf(
        rig->dir, sizeof(rig->dir), "%.40s/ordo-journal-XXXXXX", base != NULL ? base : "/var/tmp");
    cr_assert_not_null(mkdtemp(rig->dir));
    rig->hooks = (struct ordo_journal_hooks){.allow_small = true, .context = rig};
    rig->config = (struct ordo_journal_config){
        .dir = rig->dir,
        .segment_size = RIG_SEGMENT,
        .batch_size_max = RIG_BATCH,
        .backend = backend,
        .hooks = &rig->hooks,
    };
}

static inline enum ordo_err rig_try_open(struct rig *rig)
{
    rig->visited = 0;
    rig->fail = (struct ordo_fail){0};
    enum ordo_err err = ordo_journal_open(&rig->config, &rig->journal, &rig->fail);
    if (err != ORDO_OK) {
        rig->journal = NULL;
        return err;
    }
    err = ordo_journal_recover(rig->journal, 0, rig_visit, rig, &rig->recovery, &rig->fail);
    if (err != ORDO_OK) {
        ordo_journal_close(rig->journal);
        rig->journal = NULL;
    }
    return err;
}

/* Opens, recovers and attaches; sequences go on where the folder ends. */
static inline void rig_open(struct rig *rig)
{
    static const uint8_t stream_hash[16] = {0x5a};
    enum ordo_err err = rig_try_open(rig);
    cr_assert_eq(err, ORDO_OK, "%s", rig->fail.text);
    cr_assert_eq(rig->visited, rig->recovery.seq_last);
    rig->seq = rig->recovery.seq_last;
    rig->update_seq = rig->recovery.update_seq_last;
    ordo_arena_init(&rig->arena);
    err = ordo_ring_init(&rig->ring, &rig->arena, RIG_CAPACITY, 1 << 20, 1 << 20, &rig->fail);
    cr_assert_eq(err, ORDO_OK);
    ordo_sequencer_init(&rig->sequencer, &rig->ring);
    ordo_stage_init(&rig->stage, "journal", &rig->ring, 0);
    ordo_barrier_add(&rig->stage.barrier, &rig->sequencer.published);
    ordo_barrier_add(&rig->sequencer.gate, &rig->stage.sequence);
    err = ordo_journal_attach(rig->journal, &rig->stage, stream_hash, &rig->fail);
    cr_assert_eq(err, ORDO_OK, "%s", rig->fail.text);
}

static inline void rig_close(struct rig *rig)
{
    ordo_journal_close(rig->journal);
    rig->journal = NULL;
    ordo_arena_fini(&rig->arena);
}

/* One slot: a journaled command, or a query when not. The cursor it got; 0 while the ring is full.
 */
static inline uint64_t rig_push(struct rig *rig, bool journaled)
{
    uint8_t command[256];
    uint8_t outcome[256];
    uint64_t cursor;
    if (ordo_sequencer_claim(&rig->sequencer, 1, &cursor) == 0) {
        return 0;
    }
    uint64_t seq = rig->seq + 1;
    struct ordo_slot *slot = ordo_ring_slot(&rig->ring, cursor);
    *slot = (struct ordo_slot){
        .seq = rig->seq, .time_us = RIG_TIME_US, .command_at = rig->ring.commands.head};
    if (journaled) {
        slot->flags = ORDO_SLOT_JOURNALED;
        slot->seq = rig->seq = seq;
        slot->time_us = RIG_TIME_US + seq / 3;
        slot->command_size = rig_command(seq, command);
        slot->outcome_size = rig_outcome(seq, outcome);
        slot->update_count = rig_updates(seq);
        rig->update_seq += slot->update_count;
        uint64_t position;
        uint8_t *room = ordo_byte_ring_reserve(
            &rig->ring.commands,
            ordo_sequencer_command_released(&rig->sequencer),
            slot->command_size,
            &position);
        cr_assert_not_null(room);
        memcpy(room, command, slot->command_size);
        slot->command_at = position;
        ordo_byte_ring_commit(&rig->ring.commands, position, slot->command_size);
        uint64_t head = rig->ring.outcomes.head;
        room = ordo_byte_ring_reserve(
            &rig->ring.outcomes,
            head > 1 << 19 ? head - (1 << 19) : 0, /* far more than a ring of slots refers to */
            slot->outcome_size,
            &position);
        cr_assert_not_null(room);
        memcpy(room, outcome, slot->outcome_size);
        slot->outcome_at = position;
        ordo_byte_ring_commit(&rig->ring.outcomes, position, slot->outcome_size);
        memset(ordo_ring_mark(&rig->ring, cursor), (int)(seq & 0xff), ORDO_RING_MARK_SIZE);
    }
    slot->update_seq = rig->update_seq;
    ordo_sequencer_publish(&rig->sequencer, cursor);
    return cursor;
}

static inline uint64_t rig_now(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

/* Works until everything is durable, or the journal failed. */
static inline void rig_drain(struct rig *rig)
{
    uint64_t limit = rig_now() + RIG_WAIT_NS;
    while (!ordo_journal_is_drained(rig->journal)) {
        (void)ordo_journal_do_work(rig->journal);
        cr_assert_lt(rig_now(), limit, "the journal does not drain");
    }
}

/* Pushes count commands, in groups of group, each group durable before the next. */
static inline void rig_write(struct rig *rig, uint64_t count, uint64_t group)
{
    for (uint64_t i = 0; i < count; i++) {
        while (rig_push(rig, true) == 0) {
            (void)ordo_journal_do_work(rig->journal);
        }
        if ((i + 1) % group == 0) {
            rig_drain(rig);
        }
    }
    rig_drain(rig);
    cr_assert_not(ordo_journal_failed(rig->journal), "%s", ordo_journal_fail(rig->journal)->text);
}

static inline void rig_path(const struct rig *rig, uint64_t number, char path[128])
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    (void)snprintf(path, 128, "%s/%s", rig->dir, name);
}

/* Reads or writes a part of a file through the page cache. */
static inline void rig_peek(const char *path, uint64_t offset, void *data, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pread(fd, data, size, (off_t)offset), (ssize_t)size);
    (void)close(fd);
}

static inline void rig_poke(const char *path, uint64_t offset, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, data, size, (off_t)offset), (ssize_t)size);
    (void)close(fd);
}

/* The offset and size of a batch of a segment, counted from 0; false when there is none. */
static inline bool
rig_batch(const char *path, uint32_t index, uint64_t *offset, struct ordo_batch_header *header)
{
    static uint8_t data[4u << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    ssize_t size = read(fd, data, sizeof(data));
    (void)close(fd);
    struct ordo_segment_header segment;
    cr_assert_eq(ordo_segment_header_decode(data, (size_t)size, &segment), ORDO_OK);
    uint64_t at = segment.block;
    for (uint32_t i = 0; at < (uint64_t)size; i++) {
        if (!ordo_batch_header_decode(data + at, (size_t)size - at, segment.block, header)) {
            return false;
        }
        if (i == index) {
            *offset = at;
            return true;
        }
        at += header->size;
    }
    return false;
}

/* A hash over the names, sizes and bytes of the folder, its lock file aside. */
static inline uint64_t rig_folder_hash(const struct rig *rig)
{
    static uint8_t data[4u << 20];
    uint64_t sum = 0;
    DIR *dir = opendir(rig->dir);
    cr_assert_not_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[400];
        (void)snprintf(path, sizeof(path), "%s/%s", rig->dir, entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (strcmp(entry->d_name, "journal.lock") != 0 && entry->d_name[0] != '.') {
            ssize_t size = read(fd, data, sizeof(data));
            uint64_t hash = 1469598103934665603u;
            for (ssize_t i = 0; i < size; i++) {
                hash = (hash ^ data[i]) * 1099511628211u;
            }
            for (const char *c = entry->d_name; *c != 0; c++) {
                hash = (hash ^ (uint8_t)*c) * 1099511628211u;
            }
            sum += hash;
        }
        (void)close(fd);
    }
    (void)closedir(dir);
    return sum;
}

/* Removes a folder that holds files only. */
static inline void rig_remove(const char *path)
{
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            cr_assert_eq(unlinkat(dirfd(dir), entry->d_name, 0), 0);
        }
    }
    (void)closedir(dir);
    cr_assert_eq(rmdir(path), 0);
}

/* Removes the folder, its archive first. */
static inline void rig_fini(struct rig *rig)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/archive", rig->dir);
    if (access(path, F_OK) == 0) {
        rig_remove(path);
    }
    rig_remove(rig->dir);
}

/* A journal of batches of 10 records in segment 1, without a mark. */
static inline void rig_make_journal(struct rig *rig, uint64_t records)
{
    rig_init(rig, ORDO_BACKEND_AUTO);
    rig->hooks.clock = (struct ordo_clock){.monotonic_ns = rig_monotonic, .context = rig};
    rig_open(rig);
    rig_write(rig, records, 10);
    rig_close(rig);
}

static inline void rig_expect_damaged(struct rig *rig, const char *path, const char *what)
{
    uint64_t before = rig_folder_hash(rig);
    enum ordo_err err = rig_try_open(rig);
    cr_assert_eq(err, ORDO_ERR_DAMAGED, "%s gave %s: %s", what, ordo_err_name(err), rig->fail.text);
    cr_assert_not_null(strstr(rig->fail.text, path), "%s: %s", what, rig->fail.text);
    cr_assert_eq(rig->visited, 0, "%s: a damaged journal was visited", what);
    cr_assert_eq(rig_folder_hash(rig), before, "%s: the folder was changed", what);
}

/* Opens a journal that must be torn at the given sequence, writes on, opens again. */
static inline void rig_expect_torn(struct rig *rig, uint64_t seq_last, const char *what)
{
    rig_open(rig);
    cr_assert_eq(rig->recovery.seq_last, seq_last, "%s gave %lu", what, rig->recovery.seq_last);
    if (rig->recovery.torn_bytes != 0) {
        struct stat about;
        cr_assert_eq(stat(rig->recovery.torn_copy, &about), 0, "%s: no copy", what);
        cr_assert_eq((uint64_t)about.st_size, rig->recovery.torn_bytes);
    }
    rig_write(rig, 5, 5);
    rig_close(rig);
    rig_open(rig);
    cr_assert_eq(rig->recovery.seq_last, seq_last + 5);
    cr_assert_eq(rig->recovery.torn_bytes, 0, "%s: torn twice", what);
    rig_close(rig);
}

#endif
