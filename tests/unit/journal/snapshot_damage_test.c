/* Goal: a reader is told what was finished, or a status that says why not; never something else,
 * and never a crash of who asks (R5, the part of snapshots). Method: bits of the file flipped, each
 * read by verify and, where that says complete, by load; files cut short; readers beside a writer,
 * and killed ones. ORDO_SNAPSHOT_FLIPS=all flips every bit; ORDO_SEED=n repeats a sample. */
#include "snapshot_rig.h"

TestSuite(snapshot_damage, .init = init, .fini = fini, .timeout = 3600);

/* ---- what readers say ---- */

Test(snapshot_damage, that_an_operator_marked_invalid_is_not_taken)
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

Test(snapshot_damage, of_a_newer_format_is_named_as_such)
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

Test(snapshot_damage, can_be_looked_at_for_ever)
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

/* In a process of its own, as the server is to an operator's verify: the reader forks, and a child
 * of a process with a thread at work finds the sanitizer's allocator locked for ever. */
static void write_on(void)
{
    struct model model = {.counts = {2, 100, 400}};
    open_store(MIB);
    for (uint64_t round = 2; round < 14; round++) {
        enum ordo_snapshot_which which = round % 2 == 0 ? ORDO_SNAPSHOT_B : ORDO_SNAPSHOT_A;
        bool whole = round % 4 < 2 || ordo_snapshot_needs_whole(store, which);
        enum ordo_err err = begin(which, whole);
        err = err == ORDO_OK ? put_all(&model) : err;
        err = err == ORDO_OK ? finish(&model, round) : err;
        if (err != ORDO_OK) {
            fprintf(stderr, "writer: %s\n", fail.text);
            _exit(1);
        }
    }
    _exit(0);
}

Test(snapshot_damage, is_verified_while_a_writer_writes_and_never_called_damaged)
{
    struct model model = {.counts = {2, 100, 400}};
    struct ordo_snapshot_info info;
    uint32_t looks = 0;
    int ended = 0;
    write_whole(ORDO_SNAPSHOT_A, &model, 1);
    ordo_snapshot_close(store);
    store = NULL;
    pid_t writer = fork();
    cr_assert_geq(writer, 0);
    if (writer == 0) {
        write_on();
    }
    do {
        for (int i = 0; i < 2; i++) {
            enum ordo_snapshot_status status = verify((enum ordo_snapshot_which)i, &info);
            bool good = status == ORDO_SNAPSHOT_COMPLETE || status == ORDO_SNAPSHOT_INCOMPLETE ||
                        status == ORDO_SNAPSHOT_ABSENT;
            const char *name = ordo_snapshot_status_name(status);
            cr_expect(good, "%s: %s", name, fail.text);
            looks++;
        }
    } while (waitpid(writer, &ended, WNOHANG) == 0);
    cr_assert_eq(ended, 0, "the writer failed");
    fprintf(stderr, "%u looks\n", looks);
}

/* journal/README.md "Snapshots", byte by byte: whoever changes it needs a new format number. */
Test(snapshot_damage, meta_value_is_as_the_page_says)
{
    struct ordo_snapshot_info info = {
        .status = ORDO_SNAPSHOT_COMPLETE,
        .format = 1,
        .rules = 2,
        .layout = 3,
        .generation = 4,
        .seq = 5,
        .update_seq = 6,
        .time_us = 7,
        .section_count = 2,
        .chunk_counts = {8, 9},
        .bytes = 10,
    };
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    uint8_t key[ORDO_SNAPSHOT_KEY_SIZE];
    memset(info.stream_hash, 0x11, sizeof(info.stream_hash));
    memset(info.node, 0x22, sizeof(info.node));
    memset(info.root, 0x33, sizeof(info.root));
    cr_assert_eq(ordo_snapshot_meta_write(&info, meta), 148);
    cr_expect_eq(memcmp(meta, "ORDOSNAP", 8), 0);
    static const uint32_t words[] = {1, 1, 2, 3, 2};
    for (uint32_t i = 0; i < 5; i++) {
        cr_expect_eq(ordo_get_le32(meta + 8 + 4 * i), words[i], "at %u", 8 + 4 * i);
    }
    static const uint64_t longs[] = {4, 5, 6, 7, 10};
    for (uint32_t i = 0; i < 5; i++) {
        cr_expect_eq(ordo_get_le64(meta + 28 + 8 * i), longs[i], "at %u", 28 + 8 * i);
    }
    cr_expect_eq(meta[68], 0x11);
    cr_expect_eq(meta[84], 0x22);
    cr_expect_eq(meta[100], 0x33);
    cr_expect_eq(meta[131], 0x33);
    cr_expect_eq(ordo_get_le32(meta + 132), 8);
    cr_expect_eq(ordo_get_le32(meta + 136), 9);
    cr_expect_eq(ordo_get_le64(meta + 140), ordo_hash64(meta, 140, 0));
    ordo_snapshot_key(0x01020304, 0x05060708, key);
    cr_expect_eq(memcmp(key, "\1\2\3\4\5\6\7\10", 8), 0);
    struct ordo_bytes meta_key = ordo_snapshot_meta_key();
    cr_expect_eq(meta_key.size, 1);
    cr_expect_eq(meta_key.data[0], 0xff);
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

Test(snapshot_damage, a_flipped_bit_is_refused_or_changes_nothing)
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

Test(snapshot_damage, cut_short_is_refused)
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
