/* Goal: what an environment gives back is what was finished in it, whatever became of its writers.
 * Method: a model of the chunks beside each environment; writers abandoned, killed, without room.
 */
#include "snapshot_rig.h"

TestSuite(snapshot, .init = init, .fini = fini, .timeout = 300);

/* ---- writing ---- */

Test(snapshot, gives_back_what_was_put)
{
    struct model model = {.counts = {2, 40, 120}};
    struct ordo_snapshot_info info;
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_ABSENT);
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    expect_holds(ORDO_SNAPSHOT_A, &model, 1);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_COMPLETE);
    cr_expect_eq(info.layout, 4);
    cr_expect_eq(info.rules, 1);
    cr_expect_eq(info.update_seq, 7);
    cr_expect_eq(info.time_us, 9);
    cr_expect_eq(info.stream_hash[2], 3);
    cr_expect_eq(info.node[1], 5);
    cr_expect_eq(info.bytes, 2 * 100 + 40 * 1400 + 120 * 2100);
    cr_expect(!ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_B));
    cr_expect_eq(verify(ORDO_SNAPSHOT_B, &info), ORDO_SNAPSHOT_ABSENT);
}

Test(snapshot, takes_only_what_has_changed_and_forgets_what_is_gone)
{
    struct model model = {.counts = {2, 40, 120}};
    write_whole(ORDO_SNAPSHOT_B, &model, 1);
    for (uint32_t round = 2; round < 12; round++) {
        model.counts[1] = 20 + round * 37 % 90; /* grows and shrinks */
        model.counts[2] = 60 + round * 53 % 200;
        uint32_t grown = 0;
        cr_assert_eq(begin(ORDO_SNAPSHOT_B, false), ORDO_OK, "%s", fail.text);
        for (uint32_t s = 0; s < SECTIONS; s++) {
            for (uint32_t c = 0; c < model.counts[s]; c++) {
                bool is_new = (s == 1 && c >= 20) || (s == 2 && c >= 60);
                if (!is_new && (c + round) % 5 != 0) {
                    continue;
                }
                model.versions[s][c]++;
                grown++;
                cr_assert_eq(put(&model, s, c), ORDO_OK, "%s", fail.text);
            }
        }
        cr_assert_eq(finish(&model, round), ORDO_OK, "%s", fail.text);
        cr_assert_gt(grown, 0);
        expect_holds(ORDO_SNAPSHOT_B, &model, round);
    }
}

Test(snapshot, root_says_what_is_in_it)
{
    struct model model = {.counts = {2, 10, 10}};
    struct ordo_snapshot_info a;
    struct ordo_snapshot_info b;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    write_whole(ORDO_SNAPSHOT_B, &model, 1);
    cr_assert_eq(verify(ORDO_SNAPSHOT_A, &a), ORDO_SNAPSHOT_COMPLETE);
    cr_assert_eq(verify(ORDO_SNAPSHOT_B, &b), ORDO_SNAPSHOT_COMPLETE);
    cr_expect_eq(memcmp(a.root, b.root, sizeof(a.root)), 0);
    model.versions[2][3]++;
    write_whole(ORDO_SNAPSHOT_B, &model, 1);
    cr_assert_eq(verify(ORDO_SNAPSHOT_B, &b), ORDO_SNAPSHOT_COMPLETE);
    cr_expect_neq(memcmp(a.root, b.root, sizeof(a.root)), 0);
    model.versions[2][3]--;
    write_whole(ORDO_SNAPSHOT_B, &model, 2);
    cr_assert_eq(verify(ORDO_SNAPSHOT_B, &b), ORDO_SNAPSHOT_COMPLETE);
    cr_expect_neq(memcmp(a.root, b.root, sizeof(a.root)), 0, "the generation belongs to it");
}

Test(snapshot, is_not_finished_without_a_chunk)
{
    struct model model = {.counts = {2, 10, 10}};
    struct ordo_snapshot_info info;
    cr_assert_eq(begin(ORDO_SNAPSHOT_A, true), ORDO_OK);
    cr_assert_eq(put(&model, 0, 0), ORDO_OK);
    cr_expect_eq(finish(&model, 1), ORDO_ERR_DAMAGED);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_INCOMPLETE);
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
}

/* The disk gives back something else than was put: it is read again before "complete" is said. */
Test(snapshot, is_not_finished_over_a_chunk_that_reads_as_something_else)
{
    struct model model = {.counts = {2, 40, 350}};
    struct ordo_snapshot_info info;
    char path[256];
    uint8_t wanted[1024];
    uint8_t bytes[1024];
    cr_assert_eq(begin(ORDO_SNAPSHOT_A, true), ORDO_OK);
    cr_assert_eq(put_all(&model), ORDO_OK); /* more than one transaction: most is in the file */
    memcpy(wanted, content(2, 345, 0).data, sizeof(wanted));
    path_of(ORDO_SNAPSHOT_A, "/data.mdb", path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    uint32_t bent = 0;
    for (off_t at = 0; pread(fd, bytes, sizeof(bytes), at) == (ssize_t)sizeof(bytes); at += 2) {
        if (memcmp(bytes, wanted, 64) == 0) {
            uint8_t flipped = bytes[33] ^ 4;
            cr_assert_eq(pwrite(fd, &flipped, 1, at + 33), 1);
            bent++;
        }
    }
    (void)close(fd);
    cr_assert_geq(bent, 1);
    cr_expect_eq(finish(&model, 1), ORDO_ERR_DAMAGED);
    cr_expect_not_null(strstr(fail.text, "reads as something else"), "%s", fail.text);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_INCOMPLETE);
}

/* ---- writers that do not come to their end ---- */

Test(snapshot, is_incomplete_after_a_writer_that_gave_up)
{
    struct model model = {.counts = {2, 40, 120}};
    struct ordo_snapshot_info info;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    write_whole(ORDO_SNAPSHOT_B, &model, 2);
    cr_assert_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_OK);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_INCOMPLETE, "from the begin on");
    cr_assert_eq(put(&model, 1, 1), ORDO_OK);
    ordo_snapshot_abandon(store);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_INCOMPLETE);
    cr_expect_eq(ordo_snapshot_look(folder, ORDO_SNAPSHOT_A, &info, &fail), info.status);
    cr_expect_neq(load(ORDO_SNAPSHOT_A, &model), ORDO_OK);
    expect_holds(ORDO_SNAPSHOT_B, &model, 2);

    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
    cr_expect_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_ERR_INVALID, "nothing is built upon it");
    write_whole(ORDO_SNAPSHOT_A, &model, 3);
    expect_holds(ORDO_SNAPSHOT_A, &model, 3);
}

Test(snapshot, of_another_process_is_never_built_upon)
{
    struct model model = {.counts = {2, 40, 120}};
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    ordo_snapshot_close(store);
    open_store(MIB);
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
    cr_expect_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_ERR_INVALID);
    expect_holds(ORDO_SNAPSHOT_A, &model, 1);
}

Test(snapshot, killed_anywhere_leaves_the_other_environment_whole)
{
    struct model model = {.counts = {2, 100, 400}};
    struct ordo_snapshot_info info;
    uint32_t complete = 0;
    uint32_t cases = 0;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    ordo_snapshot_close(store);
    store = NULL;
    for (uint32_t delay_us = 0; delay_us < 40000; delay_us += 1500, cases++) {
        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
            struct model other = model;
            open_store(MIB);
            for (uint64_t round = 2;; round++) { /* ends: it is killed */
                other.versions[1][7] = (uint8_t)round;
                write_whole(ORDO_SNAPSHOT_B, &other, round);
            }
        }
        /* tidy: allow banned-call (the moment of the kill is what is drawn) */
        (void)usleep(delay_us);
        (void)kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        expect_holds(ORDO_SNAPSHOT_A, &model, 1);
        enum ordo_snapshot_status status = verify(ORDO_SNAPSHOT_B, &info);
        if (status == ORDO_SNAPSHOT_COMPLETE) {
            struct model other = model;
            other.versions[1][7] = (uint8_t)info.generation;
            cr_assert_eq(load(ORDO_SNAPSHOT_B, &other), ORDO_OK, "%s", fail.text);
            complete++;
        }
    }
    fprintf(stderr, "%u kills, %u left a complete one\n", cases, complete);
}

Test(snapshot, that_finds_no_room_is_an_error_and_the_next_is_whole)
{
    struct model model = {.counts = {2, 100, 400}};
    struct ordo_snapshot_info info;
    struct rlimit before;
    write_whole(ORDO_SNAPSHOT_B, &model, 1);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit little = {.rlim_cur = 200000, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    enum ordo_err err = begin(ORDO_SNAPSHOT_A, true);
    err = err == ORDO_OK ? put_all(&model) : err;
    err = err == ORDO_OK ? finish(&model, 2) : err;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_expect_neq(err, ORDO_OK);
    cr_expect_not_null(strstr(fail.text, "snapshot/a"), "%s", fail.text);
    ordo_snapshot_abandon(store);
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A));
    cr_expect_neq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_COMPLETE);
    expect_holds(ORDO_SNAPSHOT_B, &model, 1);
    write_whole(ORDO_SNAPSHOT_A, &model, 2);
    expect_holds(ORDO_SNAPSHOT_A, &model, 2);
}

Test(snapshot, environment_writes_nothing_more_after_an_error)
{
    struct ordo_env env;
    struct rlimit before;
    uint8_t *value;
    uint8_t key[ORDO_SNAPSHOT_KEY_SIZE];
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/snapshot", folder);
    cr_assert_eq(ordo_env_open(&env, path, MIB, false, &fail), ORDO_OK);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(ordo_env_begin(&env, MIB, &fail), ORDO_OK);
    for (uint32_t i = 0; i < 50; i++) {
        ordo_snapshot_key(0, i, key);
        struct ordo_bytes k = {key, sizeof(key)};
        cr_assert_eq(ordo_env_put(&env, k, 5000, &value, &fail), ORDO_OK);
        memset(value, 1, 5000);
    }
    struct rlimit little = {.rlim_cur = 40000, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    enum ordo_err err = ordo_env_commit(&env, &fail);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_expect_neq(err, ORDO_OK);
    cr_expect_eq(ordo_env_begin(&env, 100, &fail), ORDO_ERR_IO);
    cr_expect_not_null(strstr(fail.text, "had an error before"), "%s", fail.text);
    ordo_env_close(&env);
}

Test(snapshot, map_grows_with_what_is_put)
{
    static struct model model = {.counts = {2, 400, 400}};
    cr_assert_eq(begin(ORDO_SNAPSHOT_A, true), ORDO_OK);
    for (uint32_t i = 0; i < 3000; i++) { /* 180 MiB through a map of 1 MiB */
        memset(chunk_bytes, (int)i, ORDO_SNAPSHOT_CHUNK_MAX);
        struct ordo_bytes bytes = {chunk_bytes, ORDO_SNAPSHOT_CHUNK_MAX};
        enum ordo_err err = ordo_snapshot_put(store, 3, i, bytes, &fail);
        cr_assert_eq(err, ORDO_OK, "%u: %s", i, fail.text);
    }
    cr_assert_eq(put_all(&model), ORDO_OK, "%s", fail.text);
    cr_assert_eq(finish(&model, 5), ORDO_OK, "%s", fail.text);
    expect_holds(ORDO_SNAPSHOT_A, &model, 5);
}
