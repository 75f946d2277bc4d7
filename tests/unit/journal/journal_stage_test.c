/* The journal as a stage: what is durable is read back byte for byte, over segments, over restarts,
 * with both backends; the durable cursor tells the truth about commands and queries. */
#include "rig.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>

static const enum ordo_journal_backend backends[] = {ORDO_BACKEND_URING, ORDO_BACKEND_PWRITE};

Test(journal, reads_back_what_was_written_over_segments_and_restarts)
{
    for (int way = 0; way < 4; way++) {
        struct rig rig;
        rig_init(&rig, backends[way % 2]);
        rig.config.flush = way < 2 ? ORDO_FLUSH_DSYNC : ORDO_FLUSH_FDATASYNC;
        for (int run = 0; run < 4; run++) {
            rig_open(&rig);
            cr_assert_eq(rig.recovery.records, (uint64_t)run * 700);
            cr_assert_eq(rig.recovery.torn_bytes, 0);
            rig_write(&rig, 700, run == 0 ? 1 : 37);
            rig_close(&rig);
        }
        rig_open(&rig);
        cr_assert_eq(rig.recovery.seq_last, 2800);
        cr_assert_gt(rig.recovery.segments, 3, "the test must rotate");
        rig_close(&rig);
        rig_fini(&rig);
    }
}

static void check_name(
    enum ordo_journal_backend backend,
    enum ordo_journal_flush flush,
    enum ordo_durability durability,
    const char *first,
    const char *last)
{
    struct rig rig;
    rig_init(&rig, backend);
    rig.config.flush = flush;
    rig.config.durability = durability;
    rig_open(&rig);
    const char *name = ordo_journal_backend_name(rig.journal);
    cr_assert_eq(strncmp(name, first, strlen(first)), 0, "%s", name);
    cr_assert_str_eq(strrchr(name, ',') + 2, last);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(journal, names_its_backend_and_how_it_flushes)
{
    const enum ordo_durability flush = ORDO_DURABILITY_FLUSH;
    check_name(ORDO_BACKEND_PWRITE, ORDO_FLUSH_DSYNC, flush, "pwritev2, ", "RWF_DSYNC");
    check_name(ORDO_BACKEND_PWRITE, ORDO_FLUSH_FDATASYNC, flush, "pwritev2, ", "fdatasync");
    check_name(ORDO_BACKEND_URING, ORDO_FLUSH_DSYNC, flush, "io_uring, ", "RWF_DSYNC");
    check_name(ORDO_BACKEND_URING, ORDO_FLUSH_FDATASYNC, flush, "io_uring, ", "linked fdatasync");
    check_name(
        ORDO_BACKEND_URING, ORDO_FLUSH_FDATASYNC, ORDO_DURABILITY_OS, "io_uring, ", "no flush");
}

Test(journal, keeps_every_durability_mode_readable)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.config.durability = ORDO_DURABILITY_OS;
    rig_open(&rig);
    rig_write(&rig, 1500, 50);
    rig_close(&rig);
    rig.config.durability = ORDO_DURABILITY_FLUSH;
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 1500);
    rig_write(&rig, 10, 10);
    rig_close(&rig);
    rig.config.durability = ORDO_DURABILITY_NONE;
    rig_open(&rig);
    rig_write(&rig, 500, 50);
    rig_close(&rig);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 1510, "none writes nothing");
    rig_close(&rig);
    rig_fini(&rig);
}

/* ---- the durable cursor ---- */

Test(journal, lets_queries_pass_only_after_what_was_before_them)
{
    for (int b = 0; b < 2; b++) {
        struct rig rig;
        rig_init(&rig, backends[b]);
        rig_open(&rig);
        uint64_t first = rig_push(&rig, false);
        (void)ordo_journal_do_work(rig.journal);
        cr_assert_eq(
            ordo_sequence_get(&rig.stage.sequence), first, "nothing in flight: passes at once");

        uint64_t command = rig_push(&rig, true);
        uint64_t query = rig_push(&rig, false);
        (void)ordo_journal_do_work(rig.journal);
        uint64_t late = rig_push(&rig, false); /* rides on the write in flight */
        uint64_t limit = rig_now() + RIG_WAIT_NS;
        uint64_t durable = 0;
        while (durable != late && rig_now() < limit) {
            struct ordo_journal_stats stats;
            (void)ordo_journal_do_work(rig.journal);
            ordo_journal_stats(rig.journal, &stats);
            durable = ordo_sequence_get(&rig.stage.sequence);
            cr_assert(
                (durable >= command) == (stats.durable_seq == 1),
                "the cursor passed a command early");
        }
        cr_assert_eq(durable, late);
        cr_assert_lt(query, late);
        rig_close(&rig);
        rig_fini(&rig);
    }
}

Test(journal, writes_queries_nowhere)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    for (int i = 0; i < 300; i++) {
        while (rig_push(&rig, i % 3 == 0) == 0) {
            (void)ordo_journal_do_work(rig.journal);
        }
    }
    rig_drain(&rig);
    struct ordo_journal_stats stats;
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_eq(stats.records, 100);
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 300);
    rig_close(&rig);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.records, 100);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(journal, gathers_what_arrives_during_a_flush_into_one_write)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_PWRITE);
    rig.config.in_flight_max = 1;
    rig_open(&rig);
    cr_assert_neq(rig_push(&rig, true), 0);
    (void)ordo_journal_do_work(rig.journal);
    struct ordo_journal_stats stats;
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_eq(stats.batches, 1, "a lone command goes out at once");
    for (int i = 0; i < 40; i++) {
        cr_assert_neq(rig_push(&rig, true), 0);
    }
    rig_drain(&rig);
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_eq(stats.batches, 2, "and the rest together: %lu", stats.batches);
    cr_assert_eq(stats.durable_seq, 41);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(journal, keeps_a_lifecycle_of_four_commands_within_400_bytes)
{
    /* the headers' share: commands and outcomes of 60 + 20 bytes leave 80 bytes for four headers */
    uint8_t bytes[256] = {0};
    uint8_t out[1024];
    uint8_t *at = out;
    for (int i = 0; i < 4; i++) {
        struct ordo_record_bytes record = {RIG_TIME_US + 5000, 2, {bytes, 60}, {bytes, 20}};
        at = ordo_record_put(at, &record, RIG_TIME_US);
    }
    cr_assert_leq(at - out, 4 * (80 + 9));
}

Test(journal, refuses_a_record_larger_than_a_batch_by_name)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 3, 3);
    cr_assert_neq(rig_push(&rig, true), 0);
    struct ordo_slot *slot = ordo_ring_slot(&rig.ring, 4);
    slot->command_at = 0;
    slot->command_size = RIG_BATCH;
    rig_drain(&rig);
    cr_assert(ordo_journal_failed(rig.journal));
    cr_assert_eq(ordo_journal_fail(rig.journal)->err, ORDO_ERR_LIMIT);
    cr_assert_not_null(strstr(ordo_journal_fail(rig.journal)->text, "sequence 4"));
    cr_assert_eq(ordo_sequence_get(&rig.stage.sequence), 3);
    rig_close(&rig);
    rig_fini(&rig);
}

/* ---- the idle mark ---- */

Test(journal, marks_its_end_once_when_idle)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.hooks.clock = (struct ordo_clock){.monotonic_ns = rig_monotonic, .context = &rig};
    rig.now_ns = ORDO_NS_PER_S;
    rig_open(&rig);
    cr_assert_eq(ordo_journal_deadline_ns(rig.journal), UINT64_MAX, "nothing to mark yet");
    rig_write(&rig, 5, 5);
    uint64_t deadline = ordo_journal_deadline_ns(rig.journal);
    cr_assert_eq(deadline, rig.now_ns + 200 * ORDO_NS_PER_MS);
    rig.now_ns = deadline - 1;
    cr_assert_eq(ordo_journal_do_work(rig.journal), 0);
    rig.now_ns = deadline;
    cr_assert_eq(ordo_journal_do_work(rig.journal), 1);
    rig_drain(&rig);
    struct ordo_journal_stats stats;
    ordo_journal_stats(rig.journal, &stats);
    cr_assert_eq(stats.batches, 2);
    cr_assert_eq(stats.records, 5);
    rig.now_ns += ORDO_NS_PER_S;
    cr_assert_eq(ordo_journal_do_work(rig.journal), 0, "only once");
    cr_assert_eq(ordo_journal_deadline_ns(rig.journal), UINT64_MAX);
    rig_close(&rig);

    char path[128];
    uint64_t offset;
    struct ordo_batch_header mark;
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &mark));
    cr_assert_eq(mark.record_count, 0);
    cr_assert_eq(mark.durable_seq, 5);
    cr_assert_eq(mark.pending, 0);
    cr_assert_eq(mark.size, 512, "one block");
    rig_open(&rig);
    cr_assert_eq(ordo_journal_deadline_ns(rig.journal), UINT64_MAX, "marked before the restart");
    rig_write(&rig, 5, 1);
    rig_close(&rig);
    rig_fini(&rig);
}

/* ---- who may write ---- */

Test(journal, refuses_a_folder_in_use_and_names_it)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    struct ordo_journal *second;
    struct ordo_fail fail;
    cr_assert_eq(ordo_journal_open(&rig.config, &second, &fail), ORDO_ERR_IN_USE);
    cr_assert_not_null(strstr(fail.text, rig.dir), "%s", fail.text);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
    cr_assert_not_null(strstr(fail.text, pid), "%s", fail.text);
    rig_close(&rig);
    rig_open(&rig);
    rig_close(&rig);
    rig_fini(&rig);
}

/* A killed server's lock file is free at once; its segments are not, while its last writes are in
 * flight. The child stands for such writes: it holds the segment for a moment, then lets go. */
Test(journal, waits_for_the_last_writes_of_a_killed_server)
{
    struct rig rig;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig_open(&rig);
    rig_write(&rig, 10, 10);
    rig_close(&rig);
    rig_path(&rig, 1, path);
    for (int is_short = 0; is_short < 2; is_short++) {
        int ready[2];
        int hold[2];
        cr_assert_eq(pipe(ready), 0);
        cr_assert_eq(pipe(hold), 0);
        pid_t child = fork();
        if (child == 0) {
            int fd = open(path, O_RDWR | O_CLOEXEC);
            struct pollfd end = {.fd = hold[0], .events = POLLIN};
            bool ok = flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1;
            (void)poll(&end, 1, is_short ? 100 : 60000); /* the length of the writes */
            _exit(ok ? 0 : 1);
        }
        char byte;
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        enum ordo_err err = ordo_journal_open(&rig.config, &rig.journal, &rig.fail);
        cr_assert_eq(err, is_short ? ORDO_OK : ORDO_ERR_IN_USE, "before anything is read");
        if (err == ORDO_OK) {
            ordo_journal_close(rig.journal);
        }
        cr_assert_eq(write(hold[1], "x", 1), 1);
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
    }
    rig_fini(&rig);
}

Test(journal, refuses_settings_it_cannot_keep)
{
    struct rig rig;
    rig_init(&rig, ORDO_BACKEND_AUTO);
    rig.config.batch_size_max = 5000;
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_CONFIG);
    rig.config.batch_size_max = RIG_BATCH;
    rig.config.segment_size = RIG_BATCH;
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_CONFIG);
    rig.config.segment_size = RIG_SEGMENT;
    rig.config.in_flight_max = 17;
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_CONFIG);
    rig.config.in_flight_max = 2;
    rig.hooks.allow_small = false;
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_CONFIG);
    rig_fini(&rig);
}

/* ---- sleeping ---- */

Test(journal, wakes_its_sleeper_at_completions_and_at_signals)
{
    for (int b = 0; b < 2; b++) {
        struct rig rig;
        struct ordo_waker waker;
        rig_init(&rig, backends[b]);
        rig_open(&rig);
        ordo_waker_init(&waker);
        ordo_journal_bind_waker(rig.journal, &waker);
        for (int i = 0; i < 20; i++) {
            uint64_t cursor = rig_push(&rig, true);
            uint64_t start = rig_now();
            while (ordo_sequence_get(&rig.stage.sequence) != cursor) {
                ordo_waker_announce(&waker);
                if (ordo_journal_do_work(rig.journal) != 0) {
                    ordo_waker_cancel(&waker);
                    continue;
                }
                ordo_waker_sleep(&waker, RIG_WAIT_NS);
            }
            cr_assert_lt(rig_now() - start, RIG_WAIT_NS, "slept through a completion");
        }
        ordo_waker_announce(&waker);
        ordo_waker_signal(&waker);
        uint64_t start = rig_now();
        ordo_waker_sleep(&waker, RIG_WAIT_NS);
        cr_assert_lt(rig_now() - start, RIG_WAIT_NS, "a signal before the sleep was lost");
        rig_close(&rig);
        rig_fini(&rig);
    }
}

/* A wake is taken though nothing is in flight: else it would end every sleep from then on, and the
 * thread would spin. */
Test(journal, sleeps_again_after_a_signal_though_it_has_nothing_to_do)
{
    for (int b = 0; b < 2; b++) {
        struct rig rig;
        struct ordo_waker waker;
        rig_init(&rig, backends[b]);
        rig_open(&rig);
        ordo_waker_init(&waker);
        ordo_journal_bind_waker(rig.journal, &waker);
        uint64_t slept_ns = 0;
        for (int i = 0; i < 10 && slept_ns < 50 * ORDO_NS_PER_MS; i++) {
            ordo_waker_announce(&waker);
            if (i == 0) {
                ordo_waker_signal(&waker);
            }
            uint64_t start = rig_now();
            ordo_waker_sleep(&waker, 100 * ORDO_NS_PER_MS);
            slept_ns = rig_now() - start;
            (void)ordo_journal_do_work(rig.journal);
        }
        cr_assert_geq(slept_ns, 50 * ORDO_NS_PER_MS, "no sleep lasts any more");
        rig_close(&rig);
        rig_fini(&rig);
    }
}
