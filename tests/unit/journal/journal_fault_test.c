/* Failing disks, put in front of both backends: after the first failed write nothing is ever
 * acknowledged again, and everything that was is there after the restart. A short write is finished
 * by a new one. */
#include "journal/internal.h"
#include "rig.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

struct fault_disk {
    struct ordo_disk disk;
    struct ordo_disk *inner;
    uint32_t fail_at; /* the k-th write, from 1 */
    uint32_t count;   /* of the writes that fail from then on */
    int32_t result;   /* -errno, or a share of the bytes: see change() */
    uint32_t writes;
    int fd;                                                /* of the segment */
    bool holds;                                            /* nothing completes */
    struct ordo_disk_write write[ORDO_DISK_IN_FLIGHT_MAX]; /* by tag */
    bool hit[ORDO_DISK_IN_FLIGHT_MAX];
};

enum { SHORT_ONE = 1, SHORT_HALF = 2, SHORT_BUT_ONE = 3, SHORT_NONE = 4 };

static uint32_t short_size(const struct fault_disk *f, uint32_t size)
{
    switch (f->result) {
    case SHORT_ONE:
        return 1;
    case SHORT_HALF:
        return size / 2;
    case SHORT_BUT_ONE:
        return size - 1;
    default:
        return 0;
    }
}

/* What a failed or short write leaves behind the blocks that it has written is unknown: here it is
 * garbage. */
static void spoil(const struct fault_disk *f, const struct ordo_disk_write *write, uint32_t good)
{
    static uint8_t garbage[1u << 20];
    char path[64];
    uint32_t from = good / ORDO_JOURNAL_BLOCK_MIN * ORDO_JOURNAL_BLOCK_MIN;
    uint32_t size = write->size - from;
    cr_assert_leq(size, sizeof(garbage));
    memset(garbage, 0xa5, size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
    int fd = open(path, O_WRONLY | O_CLOEXEC); /* of any size, which O_DIRECT does not take */
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, garbage, size, (off_t)(write->offset + from)), (ssize_t)size);
    cr_assert_eq(fdatasync(fd), 0);
    (void)close(fd);
}

static enum ordo_err fault_submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct fault_disk *f = (struct fault_disk *)disk;
    f->writes++;
    f->write[write->tag] = *write;
    f->hit[write->tag] = f->writes >= f->fail_at && f->writes - f->fail_at < f->count;
    return f->inner->port->submit(f->inner, write);
}

static uint32_t fault_reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct fault_disk *f = (struct fault_disk *)disk;
    uint32_t count = f->holds ? 0 : f->inner->port->reap(f->inner, done, max);
    for (uint32_t i = 0; i < count; i++) {
        if (f->hit[done[i].tag]) {
            const struct ordo_disk_write *write = &f->write[done[i].tag];
            uint32_t good = f->result < 0 ? 0 : short_size(f, write->size);
            done[i].result = f->result < 0 ? f->result : (int32_t)good;
            spoil(f, write, good);
        }
    }
    return count;
}

static void fault_use_file(struct ordo_disk *disk, int fd)
{
    struct fault_disk *f = (struct fault_disk *)disk;
    f->fd = fd;
    f->inner->port->use_file(f->inner, fd);
}

static void fault_close(struct ordo_disk *disk)
{
    struct fault_disk *f = (struct fault_disk *)disk;
    f->inner->port->close(f->inner);
}

static const struct ordo_disk_port fault_port = {
    .submit = fault_submit,
    .reap = fault_reap,
    .use_file = fault_use_file,
    .close = fault_close,
};

static struct fault_disk fault;

static struct ordo_disk *fault_wrap(void *context, struct ordo_disk *disk)
{
    (void)context;
    fault.disk =
        (struct ordo_disk){.port = &fault_port, .name = disk->name, .overlaps = disk->overlaps};
    fault.inner = disk;
    return &fault.disk;
}

/* Writes until the journal fails or all is durable; the last acknowledged sequence. */
static uint64_t run_until_failure(struct rig *rig)
{
    for (int i = 0; i < 200 && !ordo_journal_failed(rig->journal); i++) {
        while (rig_push(rig, true) == 0 && !ordo_journal_failed(rig->journal)) {
            (void)ordo_journal_do_work(rig->journal);
        }
        if (i % 5 == 0) {
            rig_drain(rig);
        }
    }
    rig_drain(rig);
    return ordo_sequence_get(&rig->stage.sequence);
}

static void fail_once(
    enum ordo_journal_backend backend, enum ordo_journal_flush flush, uint32_t k, int32_t result)
{
    struct rig rig;
    rig_init(&rig, backend);
    rig.config.flush = flush;
    rig.hooks.wrap = fault_wrap;
    fault = (struct fault_disk){.fail_at = k, .count = 1, .result = result};
    rig_open(&rig);
    uint64_t acked = run_until_failure(&rig);
    cr_assert(ordo_journal_failed(rig.journal));
    const struct ordo_fail *fail = ordo_journal_fail(rig.journal);
    cr_assert_eq(fail->err, result == -ENOSPC ? ORDO_ERR_NO_SPACE : ORDO_ERR_IO);
    char what[64];
    (void)snprintf(what, sizeof(what), "sequences %lu to", acked + 1);
    cr_assert_not_null(strstr(fail->text, what), "acked %lu: %s", acked, fail->text);
    cr_assert_not_null(strstr(fail->text, "journal-0000"), "%s", fail->text);
    uint32_t writes = fault.writes;
    for (int i = 0; i < 50; i++) {
        (void)rig_push(&rig, true);
        cr_assert_eq(ordo_journal_do_work(rig.journal), 0);
    }
    cr_assert_eq(fault.writes, writes, "nothing is written after a failed write");
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), acked, "acks after an error");
    cr_assert(ordo_journal_is_drained(rig.journal), "a stop must not wait for it");
    rig_close(&rig);

    rig.hooks.wrap = NULL;
    rig_open(&rig);
    cr_assert_geq(rig.recovery.seq_last, acked, "an acknowledged command is gone");
    rig_write(&rig, 20, 5);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(fault, stops_at_the_first_failed_write_for_ever)
{
    for (uint32_t k = 1; k <= 24; k++) {
        enum ordo_journal_flush flush = k % 4 < 2 ? ORDO_FLUSH_DSYNC : ORDO_FLUSH_FDATASYNC;
        int32_t result = k % 3 ? -EIO : -ENOSPC;
        fail_once(k % 2 ? ORDO_BACKEND_URING : ORDO_BACKEND_PWRITE, flush, k, result);
    }
    fail_once(ORDO_BACKEND_AUTO, ORDO_FLUSH_DSYNC, 3, -EROFS);
}

Test(fault, finishes_a_short_write_by_a_new_one)
{
    for (int32_t kind = SHORT_ONE; kind <= SHORT_NONE; kind++) {
        for (uint32_t k = 1; k <= 9; k += 2) {
            struct rig rig;
            rig_init(&rig, k % 4 == 1 ? ORDO_BACKEND_URING : ORDO_BACKEND_PWRITE);
            rig.config.flush = k > 4 ? ORDO_FLUSH_FDATASYNC : ORDO_FLUSH_DSYNC;
            rig.hooks.wrap = fault_wrap;
            fault = (struct fault_disk){.fail_at = k, .count = 3, .result = kind};
            rig_open(&rig);
            cr_assert_eq(run_until_failure(&rig), 200);
            cr_assert_not(ordo_journal_failed(rig.journal));
            rig_close(&rig);
            rig.hooks.wrap = NULL;
            rig_open(&rig);
            cr_assert_eq(rig.recovery.seq_last, 200);
            rig_close(&rig);
            rig_fini(&rig);
        }
    }
}

Test(fault, gives_up_on_writes_that_stay_short)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.hooks.wrap = fault_wrap;
    fault = (struct fault_disk){.fail_at = 4, .count = UINT32_MAX, .result = SHORT_BUT_ONE};
    rig_open(&rig);
    uint64_t acked = run_until_failure(&rig);
    cr_assert(ordo_journal_failed(rig.journal));
    cr_assert_lt(acked, 200);
    rig_close(&rig);
    rig_fini(&rig);
}

/* A failed write-back in the page cache is told to one flush, which may be the other write's. */
static void expect_in_flight(enum ordo_journal_backend backend, bool direct, uint32_t wanted)
{
    struct rig rig;
    rig_init(&rig, backend);
    rig.config.in_flight_max = 2;
    rig.hooks.wrap = fault_wrap;
    fault = (struct fault_disk){.fail_at = UINT32_MAX, .holds = true};
    rig_open(&rig);
    rig.journal->segment.direct = direct;
    for (int i = 0; i < 3; i++) {
        cr_assert_neq(rig_push(&rig, true), 0);
        (void)ordo_journal_do_work(rig.journal);
    }
    cr_assert_eq(fault.writes, wanted);
    fault.holds = false;
    rig_drain(&rig);
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 3);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(fault, overlaps_no_flushes_in_the_page_cache)
{
    expect_in_flight(ORDO_BACKEND_URING, true, 2);
    expect_in_flight(ORDO_BACKEND_URING, false, 1);
    expect_in_flight(ORDO_BACKEND_PWRITE, false, 2); /* its flushes come one after the other */
}

Test(fault, reports_a_broken_queue)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.hooks.wrap = fault_wrap;
    fault = (struct fault_disk){.fail_at = UINT32_MAX};
    rig_open(&rig);
    rig_write(&rig, 10, 5);
    cr_assert_neq(rig_push(&rig, true), 0);
    (void)ordo_journal_do_work(rig.journal);
    fault.disk.error = EAGAIN; /* what the backend says after its bounded retries */
    (void)ordo_journal_do_work(rig.journal);
    cr_assert(ordo_journal_failed(rig.journal));
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 10);
    rig_close(&rig);
    rig_fini(&rig);
}

/* ---- the next segment ---- */

/* Writes until the journal has failed, or has entered its third segment. */
static void fill_two_segments(struct rig *rig)
{
    struct ordo_journal_stats stats = {0};
    while (!ordo_journal_failed(rig->journal) && stats.segments < 3) {
        while (rig_push(rig, true) == 0 && !ordo_journal_failed(rig->journal)) {
            (void)ordo_journal_do_work(rig->journal);
        }
        ordo_journal_stats(rig->journal, &stats);
    }
    rig_drain(rig);
}

Test(fault, stops_when_the_next_segment_is_needed_and_cannot_be_made)
{
    struct rig rig;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 5, 5);
    rig_close(&rig);
    rig_path(&rig, 2, path);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/prepare.tmp", rig.dir);
    cr_assert_eq(mkdir(path, 0700), 0); /* in the way of every new segment */
    rig_open(&rig);
    fill_two_segments(&rig);
    cr_assert(ordo_journal_failed(rig.journal));
    cr_assert_not_null(strstr(ordo_journal_fail(rig.journal)->text, "prepare.tmp"));
    struct ordo_journal_stats stats;
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_eq(stats.segments, 1);
    cr_assert_gt(stats.durable_seq, 100, "the present segment is used up first");
    uint64_t acked = stats.durable_seq;
    rig_close(&rig);
    cr_assert_eq(rmdir(path), 0);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, acked);
    cr_assert_eq(rig.recovery.torn_bytes, 0);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(fault, goes_on_when_the_next_segment_can_be_made_in_time)
{
    struct rig rig;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    (void)snprintf(path, sizeof(path), "%s/prepare.tmp", rig.dir);
    rig_open(&rig);
    rig_write(&rig, 5, 5);
    char next[128];
    rig_path(&rig, 2, next);
    uint64_t limit = rig_now() + RIG_WAIT_NS;
    while (access(next, F_OK) != 0 && rig_now() < limit) { /* it is made beside the writes */
    }
    rig_close(&rig);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(unlink(next), 0);
    rig_open(&rig);
    rig_write(&rig, 20, 1); /* meanwhile the first attempt fails */
    cr_assert_eq(rmdir(path), 0);
    limit = rig_now() + RIG_WAIT_NS;
    while (access(next, F_OK) != 0 && rig_now() < limit) {
    }
    fill_two_segments(&rig);
    cr_assert_not(ordo_journal_failed(rig.journal), "%s", ordo_journal_fail(rig.journal)->text);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(fault, says_no_space_when_the_disk_is_full)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", rig.dir, "tmpfs", 0, "size=160k") != 0) {
        rig_fini(&rig); /* not permitted here */
        return;
    }
    rig_open(&rig); /* room for two segments of 64 KiB, not for three */
    fill_two_segments(&rig);
    cr_assert(ordo_journal_failed(rig.journal));
    const struct ordo_fail *fail = ordo_journal_fail(rig.journal);
    cr_assert_eq(fail->err, ORDO_ERR_NO_SPACE, "%s", fail->text);
    cr_assert_not_null(strstr(fail->text, "free space"), "%s", fail->text);
    rig_close(&rig);
    rig_open(&rig);
    cr_assert_gt(rig.recovery.seq_last, 500);
    rig_close(&rig);
    cr_assert_eq(umount2(rig.dir, MNT_DETACH), 0);
    rig_fini(&rig);
}
