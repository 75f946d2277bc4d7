/* Goal: what an environment gives back is what was finished in it, or a status that says why not;
 * never something else, and never a crash of who asks (R5, the part of snapshots).
 * Method: a model of the chunks beside each environment; writers abandoned, killed, without room;
 * bits of the file flipped, each read by verify and, where that says complete, by load.
 * ORDO_SNAPSHOT_FLIPS=all flips every bit; ORDO_SEED=n repeats a sample. */
#include "base/hash.h"
#include "journal/snapshot_internal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB      (1ull << 20)
#define SECTIONS 3
#define CHUNKS   400

struct model {
    uint32_t counts[SECTIONS];
    uint8_t versions[SECTIONS][CHUNKS];
};

static char folder[64];
static struct ordo_snapshot_store *store;
static struct ordo_fail fail;
static uint8_t chunk_bytes[ORDO_SNAPSHOT_CHUNK_MAX];

static uint32_t size_of(uint32_t section)
{
    return section == 0 ? 100 : 700 * (section + 1);
}

static struct ordo_bytes content(uint32_t section, uint32_t chunk, uint8_t version)
{
    uint32_t size = size_of(section);
    uint64_t word = ((uint64_t)section << 40 | chunk) * 0x9e3779b97f4a7c15ull + version;
    for (uint32_t i = 0; i < size; i += 8) {
        ordo_put_le64(chunk_bytes + i, word);
        word = word * 6364136223846793005ull + 1;
    }
    return (struct ordo_bytes){chunk_bytes, size};
}

static void open_store(uint64_t map_size)
{
    enum ordo_err err = ordo_snapshot_open(folder, map_size, &store, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
}

static void init(void)
{
    (void)strcpy(folder, "snapshot-test.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_store(MIB);
}

static void fini(void)
{
    char command[128];
    if (store != NULL) {
        ordo_snapshot_close(store);
    }
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(snapshot, .init = init, .fini = fini, .timeout = 300);

static void path_of(enum ordo_snapshot_which which, const char *suffix, char path[256])
{
    char name = which == ORDO_SNAPSHOT_A ? 'a' : 'b';
    (void)snprintf(path, 256, "%s/snapshot/%c%s", folder, name, suffix);
}

static enum ordo_err begin(enum ordo_snapshot_which which, bool whole)
{
    return ordo_snapshot_begin(store, which, whole, &fail);
}

static enum ordo_err put(const struct model *model, uint32_t section, uint32_t chunk)
{
    struct ordo_bytes bytes = content(section, chunk, model->versions[section][chunk]);
    return ordo_snapshot_put(store, section, chunk, bytes, &fail);
}

static enum ordo_err put_all(const struct model *model)
{
    enum ordo_err err = ORDO_OK;
    for (uint32_t s = SECTIONS; s-- > 0;) { /* in no order */
        for (uint32_t c = model->counts[s]; c-- > 0 && err == ORDO_OK;) {
            err = put(model, s, c);
        }
    }
    return err;
}

static enum ordo_err finish(const struct model *model, uint64_t generation)
{
    struct ordo_snapshot_info info = {
        .rules = 1,
        .layout = 4,
        .generation = generation,
        .seq = generation * 100,
        .update_seq = 7,
        .time_us = 9,
        .stream_hash = {1, 2, 3},
        .node = {4, 5, 6},
        .section_count = SECTIONS,
    };
    memcpy(info.chunk_counts, model->counts, sizeof(model->counts));
    return ordo_snapshot_finish(store, &info, &fail);
}

static void
write_whole(enum ordo_snapshot_which which, const struct model *model, uint64_t generation)
{
    enum ordo_err err = begin(which, true);
    err = err == ORDO_OK ? put_all(model) : err;
    err = err == ORDO_OK ? finish(model, generation) : err;
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
}

static enum ordo_snapshot_status
verify(enum ordo_snapshot_which which, struct ordo_snapshot_info *info)
{
    return ordo_snapshot_verify(folder, which, info, &fail);
}

/* ---- what comes back ---- */

struct reading {
    const struct model *model;
    uint32_t section;
    uint32_t chunk;
    bool same;
};

static void settle(struct reading *r)
{
    while (r->section < SECTIONS && r->chunk == r->model->counts[r->section]) {
        r->section++;
        r->chunk = 0;
    }
}

static enum ordo_err visit(
    void *context,
    uint32_t section,
    uint32_t chunk,
    struct ordo_bytes bytes,
    struct ordo_fail *unused)
{
    struct reading *r = context;
    (void)unused;
    settle(r);
    bool next = section == r->section && chunk == r->chunk && section < SECTIONS;
    r->same = r->same && next &&
              ordo_bytes_equal(bytes, content(section, chunk, r->model->versions[section][chunk]));
    r->chunk++;
    return ORDO_OK;
}

/* OK: it gave exactly the model. DIVERGED: it gave something else. */
static enum ordo_err load(enum ordo_snapshot_which which, const struct model *model)
{
    struct reading r = {.model = model, .same = true};
    enum ordo_err err = ordo_snapshot_load(folder, which, visit, &r, &fail);
    settle(&r);
    return err == ORDO_OK && !(r.same && r.section == SECTIONS) ? ORDO_ERR_DIVERGED : err;
}

static void expect_holds(enum ordo_snapshot_which which, const struct model *model, uint64_t number)
{
    struct ordo_snapshot_info info;
    cr_assert_eq(verify(which, &info), ORDO_SNAPSHOT_COMPLETE, "%s", fail.text);
    cr_assert_eq(info.generation, number);
    cr_assert_eq(info.seq, number * 100);
    cr_assert_eq(load(which, model), ORDO_OK, "%s", fail.text);
}

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
        (void)usleep(delay_us); /* tidy: allow sleep: the moment of the kill is what is drawn */
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

/* ---- what readers say ---- */

Test(snapshot, that_an_operator_marked_invalid_is_not_taken)
{
    struct model model = {.counts = {2, 40, 120}};
    struct ordo_snapshot_info info;
    cr_expect_eq(ordo_snapshot_invalidate(folder, ORDO_SNAPSHOT_A, &fail), ORDO_ERR_NOT_FOUND);
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    cr_assert_eq(ordo_snapshot_invalidate(folder, ORDO_SNAPSHOT_A, &fail), ORDO_OK);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_INVALID);
    cr_expect_eq(info.generation, 1);
    cr_expect(ordo_snapshot_needs_whole(store, ORDO_SNAPSHOT_A), "its chunks may be bad");
    cr_expect_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_ERR_INVALID);
    write_whole(ORDO_SNAPSHOT_A, &model, 2);
    expect_holds(ORDO_SNAPSHOT_A, &model, 2);
}

Test(snapshot, of_a_newer_format_is_named_as_such)
{
    struct model model = {.counts = {2, 40, 120}};
    struct ordo_snapshot_info info;
    struct ordo_env env;
    char path[256];
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    uint8_t *value;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    cr_assert_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_COMPLETE);
    info.format = ORDO_SNAPSHOT_FORMAT + 1;
    uint32_t size = ordo_snapshot_meta_write(&info, meta);
    path_of(ORDO_SNAPSHOT_A, "", path);
    cr_assert_eq(ordo_env_open(&env, path, MIB, false, &fail), ORDO_OK);
    cr_assert_eq(ordo_env_begin(&env, size, &fail), ORDO_OK);
    cr_assert_eq(ordo_env_put(&env, ordo_snapshot_meta_key(), size, &value, &fail), ORDO_OK);
    memcpy(value, meta, size);
    cr_assert_eq(ordo_env_commit(&env, &fail), ORDO_OK);
    ordo_env_close(&env);
    cr_expect_eq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_NEWER);
    cr_expect_eq(info.format, ORDO_SNAPSHOT_FORMAT + 1);
    cr_expect_neq(load(ORDO_SNAPSHOT_A, &model), ORDO_OK);
}

Test(snapshot, can_be_looked_at_for_ever)
{
    struct model model = {.counts = {1, 1, 1}};
    struct ordo_snapshot_info info;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    for (uint32_t i = 0; i < 300; i++) { /* LMDB has room for 126 readers */
        enum ordo_snapshot_status status =
            ordo_snapshot_look(folder, ORDO_SNAPSHOT_A, &info, &fail);
        cr_assert_eq(status, ORDO_SNAPSHOT_COMPLETE, "look %u: %s", i, fail.text);
    }
    for (uint32_t i = 0; i < 200; i++) { /* also by readers that are killed */
        pid_t pid = fork();
        if (pid == 0) {
            struct ordo_env env;
            char path[256];
            path_of(ORDO_SNAPSHOT_A, "", path);
            if (ordo_env_open(&env, path, MIB, true, &fail) != ORDO_OK) {
                _exit(1);
            }
            _exit(ordo_env_hold(&env, &fail) == ORDO_OK ? 0 : 1);
        }
        int ended = 1;
        cr_assert_eq(waitpid(pid, &ended, 0), pid);
        cr_assert_eq(ended, 0, "reader %u", i);
    }
    expect_holds(ORDO_SNAPSHOT_A, &model, 1);
    cr_assert_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_OK);
    cr_assert_eq(finish(&model, 2), ORDO_OK, "%s", fail.text);
}

static atomic_bool written;

static void *write_on(void *context)
{
    struct model model = {.counts = {2, 100, 400}};
    (void)context;
    for (uint64_t round = 2; round < 14; round++) {
        enum ordo_snapshot_which which = round % 2 == 0 ? ORDO_SNAPSHOT_B : ORDO_SNAPSHOT_A;
        bool whole = round % 4 < 2 || ordo_snapshot_needs_whole(store, which);
        struct ordo_fail mine;
        struct ordo_snapshot_info info = {.generation = round, .section_count = SECTIONS};
        memcpy(info.chunk_counts, model.counts, sizeof(model.counts));
        enum ordo_err err = ordo_snapshot_begin(store, which, whole, &mine);
        for (uint32_t s = 0; s < SECTIONS && err == ORDO_OK; s++) {
            for (uint32_t c = 0; c < model.counts[s] && err == ORDO_OK; c++) {
                static const uint8_t bytes[900];
                err = ordo_snapshot_put(store, s, c, (struct ordo_bytes){bytes, 900}, &mine);
            }
        }
        err = err == ORDO_OK ? ordo_snapshot_finish(store, &info, &mine) : err;
        if (err != ORDO_OK) {
            fprintf(stderr, "writer: %s\n", mine.text);
            abort();
        }
    }
    atomic_store(&written, true);
    return NULL;
}

Test(snapshot, is_verified_while_a_writer_writes_and_never_called_damaged)
{
    struct model model = {.counts = {2, 100, 400}};
    struct ordo_snapshot_info info;
    pthread_t writer;
    uint32_t looks = 0;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    cr_assert_eq(pthread_create(&writer, NULL, write_on, NULL), 0);
    while (!atomic_load(&written)) {
        for (int i = 0; i < 2; i++) {
            enum ordo_snapshot_status status = verify((enum ordo_snapshot_which)i, &info);
            bool good = status == ORDO_SNAPSHOT_COMPLETE || status == ORDO_SNAPSHOT_INCOMPLETE ||
                        status == ORDO_SNAPSHOT_ABSENT;
            const char *name = ordo_snapshot_status_name(status);
            cr_expect(good, "%s: %s", name, fail.text);
            looks++;
        }
    }
    cr_assert_eq(pthread_join(writer, NULL), 0);
    fprintf(stderr, "%u looks\n", looks);
}

/* ---- every bit (R5) ---- */

static uint8_t *read_file(const char *path, size_t *size)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fstat(fd, &about), 0);
    *size = (size_t)about.st_size;
    uint8_t *bytes = malloc(*size);
    cr_assert_eq(read(fd, bytes, *size), (ssize_t)*size);
    (void)close(fd);
    return bytes;
}

static void poke(const char *path, size_t at, uint8_t byte)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

struct flips {
    uint64_t cases;
    uint64_t refused;
    uint64_t harmless;
    uint64_t wrong;
};

static void
flip(struct flips *flips, const char *path, const uint8_t *bytes, size_t bit, const struct model *m)
{
    struct ordo_snapshot_info info;
    size_t at = bit / 8;
    poke(path, at, (uint8_t)(bytes[at] ^ 1u << bit % 8));
    flips->cases++;
    if (verify(ORDO_SNAPSHOT_A, &info) != ORDO_SNAPSHOT_COMPLETE) {
        flips->refused++;
    } else if (load(ORDO_SNAPSHOT_A, m) == ORDO_OK && info.generation == 3) {
        flips->harmless++; /* a byte that nobody reads */
    } else {
        flips->wrong++;
        fprintf(stderr, "bit %zu: wrong content was taken\n", bit);
    }
    poke(path, at, bytes[at]);
}

Test(snapshot, a_flipped_bit_is_refused_or_changes_nothing)
{
    struct model model = {.counts = {2, 5, 4}};
    struct flips flips = {0};
    char path[256];
    size_t size;
    const char *wanted = getenv("ORDO_SNAPSHOT_FLIPS");
    const char *given = getenv("ORDO_SEED");
    bool all = wanted != NULL && strcmp(wanted, "all") == 0;
    uint64_t seed = given == NULL ? (uint64_t)getpid() : strtoull(given, NULL, 10);
    fprintf(stderr, "seed=%" PRIu64 " (replay: ORDO_SEED=%" PRIu64 ")\n", seed, seed);

    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    model.versions[1][3]++;
    for (uint64_t round = 2; round <= 3; round++) { /* pages of earlier ones lie about as well */
        cr_assert_eq(begin(ORDO_SNAPSHOT_A, false), ORDO_OK);
        cr_assert_eq(put(&model, 1, 3), ORDO_OK);
        cr_assert_eq(finish(&model, round), ORDO_OK);
    }
    path_of(ORDO_SNAPSHOT_A, "/data.mdb", path);
    uint8_t *bytes = read_file(path, &size);
    for (size_t bit = 0; bit < size * 8; bit++) {
        uint64_t h = ordo_hash64(&bit, sizeof(bit), seed);
        if (all || h % (size * 8 / 1500) == 0) {
            flip(&flips, path, bytes, bit, &model);
        }
    }
    free(bytes);
    expect_holds(ORDO_SNAPSHOT_A, &model, 3);
    fprintf(
        stderr,
        "RELIABILITY R5 %s part=snapshot cases=%" PRIu64 " fails=%" PRIu64 " seed=%" PRIu64
        " bytes=%zu refused=%" PRIu64 " harmless=%" PRIu64 "\n",
        flips.wrong == 0 ? "ok" : "FAILED",
        flips.cases,
        flips.wrong,
        seed,
        size,
        flips.refused,
        flips.harmless);
    cr_assert_eq(flips.wrong, 0);
    cr_assert_gt(flips.refused, 100);
}

Test(snapshot, cut_short_is_refused)
{
    struct model model = {.counts = {2, 5, 4}};
    struct ordo_snapshot_info info;
    char path[256];
    struct stat about;
    uint32_t refused = 0;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    path_of(ORDO_SNAPSHOT_A, "/data.mdb", path);
    cr_assert_eq(stat(path, &about), 0);
    for (off_t size = about.st_size - 1; size > 0; size -= about.st_size / 40) {
        cr_assert_eq(truncate(path, size), 0);
        bool taken = verify(ORDO_SNAPSHOT_A, &info) == ORDO_SNAPSHOT_COMPLETE;
        cr_expect(!taken || load(ORDO_SNAPSHOT_A, &model) == ORDO_OK, "at %ld", (long)size);
        refused += taken ? 0 : 1; /* the last pages may be free ones */
    }
    cr_expect_gt(refused, 30);
    cr_assert_eq(truncate(path, 0), 0);
    cr_expect_neq(verify(ORDO_SNAPSHOT_A, &info), ORDO_SNAPSHOT_COMPLETE);
}
