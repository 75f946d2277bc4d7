/* Goal: a snapshot file of every released format is loaded for ever, to the state that it was made
 * of (R27); one of a newer format, or of rows that this program does not know, is refused by that
 * name and left as it is.
 * Method: golden/snapshot-v1.mdb.zst is an LMDB file of a small shop, made once on a little-endian
 * machine with words of 64 bits (LMDB's files fit no other). It is unpacked into a data folder and
 * started from, as it is and with another number in its meta value.
 *
 * ORDO_GOLDEN_WRITE=1 build/release/tests/unit/journal/snapshot_golden_test makes the file anew. */
#include "shop.h"

#include "base/hash.h"
#include "base/log.h"
#include "journal/snapshot_internal.h"
#include "journal/zip.h"
#include "order/image.h"
#include "snapshots/restart.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <ordo_version.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX   (1u << 20)
#define MAP_SIZE   (1u << 20)
#define SEQ        21
#define DIGEST_LOW 0xad0a39c203782a85ull

static char folder[64];
static uint8_t bytes[FILE_MAX];
static struct ordo_fail fail;

static void init(void)
{
    ordo_log_set_level(ORDO_LOG_ERROR);
    (void)strcpy(folder, "snapshot-golden.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void fini(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(snapshot_golden, .init = init, .fini = fini);

static void path_in(const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/snapshot/%s", folder, name);
}

/* ---- making it ---- */

static void fill(struct shop *shop)
{
    shop_open(shop, NULL);
    (void)put_product(shop, 1, PRICE, ORDO_STOCK_CARDS);
    (void)put_product(shop, 2, PRICE, ORDO_STOCK_UNLIMITED);
    (void)add_cards(shop, 1, 1, 6);
    (void)put_coupon(shop, "TEN", 10, 5);
    for (uint32_t i = 0; i < 4; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "o%u", i);
        (void)create(shop, name, 1 + i, 1);
        (void)attempt(shop, name, 1);
        shop->time_us += SECOND_US;
    }
    (void)pay(shop, "o0", "t0", PRICE);
    (void)pay(shop, "o1", "t1", PRICE);
    (void)pay(shop, "o1", "t1b", PRICE); /* twice: due back */
    (void)pay(shop, "nobody", "t9", PRICE);
    (void)acknowledge(shop, "o0");
    (void)refund(shop, "o1", "t1b", PRICE);
    (void)cancel(shop, "o2");
    struct ordo_create *with_coupon = make_create(shop, "o5", 9, 1);
    with_coupon->coupon = text("TEN");
    with_coupon->amount = PRICE - 10;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    (void)set(shop, "late_window_s", 4000);
    shop_check(shop);
}

static void write_snapshot(struct shop *shop, uint32_t layout)
{
    struct ordo_snapshot_store *store;
    struct ordo_image_section section;
    struct ordo_head_values head;
    struct ordo_snapshot_info info = {.layout = layout, .generation = 1};
    size_t size;
    cr_assert_eq(ordo_snapshot_open(folder, MAP_SIZE, &store, &fail), ORDO_OK);
    cr_assert_eq(ordo_snapshot_begin(store, ORDO_SNAPSHOT_A, true, &fail), ORDO_OK);
    for (uint32_t i = 0; ordo_image_section(shop->state, i, &section); i++) {
        info.section_count = i + 1;
        info.chunk_counts[i] = section.chunks;
        for (uint32_t chunk = 0; chunk < section.chunks; chunk++) {
            const void *at = ordo_image_chunk(shop->state, i, chunk, &size);
            struct ordo_bytes of = {at, (uint32_t)size};
            cr_assert_eq(ordo_snapshot_put(store, i, chunk, of, &fail), ORDO_OK);
        }
    }
    ordo_state_head(shop->state, &head);
    info.rules = head.rules;
    info.seq = head.seq;
    info.update_seq = head.update_seq;
    info.time_us = head.time_us;
    ordo_put_le64(info.stream_hash, head.stream_hash.low);
    ordo_put_le64(info.stream_hash + 8, head.stream_hash.high);
    cr_assert_eq(ordo_snapshot_finish(store, &info, &fail), ORDO_OK, "%s", fail.text);
    ordo_snapshot_close(store);
}

static void write_golden(void)
{
    static struct shop shop;
    char path[256];
    uint64_t written;
    fill(&shop);
    write_snapshot(&shop, ORDO_IMAGE_LAYOUT);
    path_in("a/data.mdb", path);
    FILE *file = fopen(path, "rbe");
    cr_assert_not_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    int fd = open(SNAPSHOT_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ordo_zip_write(fd, bytes, size, &written), 0);
    (void)close(fd);
    struct ordo_hash128 digest = ordo_state_digest_full(shop.state);
    fprintf(
        stderr,
        "%s: %zu bytes, %" PRIu64 " packed, seq %" PRIu64 ", digest low 0x%016" PRIx64 "\n",
        SNAPSHOT_FILE,
        size,
        written,
        shop.applied.seq,
        digest.low);
    shop_close(&shop);
}

/* ---- reading it ---- */

/* The golden file as DATA/snapshot/a. */
static void unpack(void)
{
    char path[256];
    struct ordo_unzip *unzip;
    size_t size;
    int fd = open(SNAPSHOT_FILE, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ordo_unzip_open(fd, &unzip), ORDO_OK);
    cr_assert_eq(ordo_unzip_read(unzip, bytes, sizeof(bytes), &size), ORDO_OK);
    ordo_unzip_close(unzip);
    (void)close(fd);
    path_in("", path);
    cr_assert_eq(mkdir(path, 0700), 0);
    path_in("a", path);
    cr_assert_eq(mkdir(path, 0700), 0);
    path_in("a/data.mdb", path);
    FILE *file = fopen(path, "wbe");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

static uint64_t hash_of_file(void)
{
    char path[256];
    path_in("a/data.mdb", path);
    FILE *file = fopen(path, "rbe");
    cr_assert_not_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    return ordo_hash64(bytes, size, 0);
}

/* What a start makes of it; the state is left in the replay. */
static enum ordo_err start(struct ordo_replay *replay, struct ordo_restart *restart)
{
    return ordo_restart_load_oldest(restart, folder, 0, UINT64_MAX, replay, &fail);
}

/* Refused with these words, and nothing is changed. */
static void expect_refused(const char *words)
{
    struct ordo_arena arena;
    struct ordo_restart restart;
    static struct ordo_replay replay;
    uint64_t before = hash_of_file();
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    cr_expect_neq(start(&replay, &restart), ORDO_OK);
    cr_expect_not_null(strstr(fail.text, words), "%s", fail.text);
    cr_expect_eq(hash_of_file(), before, "it was changed");
    ordo_arena_fini(&arena);
}

/* Another meta value, as a later program would write it. */
static void change_meta(struct ordo_snapshot_info *info)
{
    char path[256];
    struct ordo_env env;
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    uint8_t *value;
    uint32_t size = ordo_snapshot_meta_write(info, meta);
    path_in("a", path);
    cr_assert_eq(ordo_env_open(&env, path, MAP_SIZE, false, &fail), ORDO_OK);
    cr_assert_eq(ordo_env_begin(&env, size, &fail), ORDO_OK);
    cr_assert_eq(ordo_env_put(&env, ordo_snapshot_meta_key(), size, &value, &fail), ORDO_OK);
    memcpy(value, meta, size);
    cr_assert_eq(ordo_env_commit(&env, &fail), ORDO_OK);
    ordo_env_close(&env);
}

Test(snapshot_golden, is_loaded_to_the_state_that_it_was_made_of)
{
    struct ordo_arena arena;
    struct ordo_restart restart;
    static struct ordo_replay replay;
    if (getenv("ORDO_GOLDEN_WRITE") != NULL) {
        write_golden();
        return;
    }
    unpack();
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    cr_assert_eq(start(&replay, &restart), ORDO_OK, "%s", fail.text);
    cr_expect_eq(restart.after_seq, SEQ);
    cr_expect_eq(ordo_state_check(replay.state, &fail), ORDO_OK, "%s", fail.text);
    struct ordo_hash128 digest = ordo_state_digest_full(replay.state);
    cr_assert_eq(digest.low, DIGEST_LOW, "0x%016" PRIx64, digest.low);
    ordo_arena_fini(&arena);
    fprintf(
        stderr,
        "RELIABILITY R27 ok part=snapshot cases=1 fails=0 formats=1 seed=0 commit=%s\n",
        ORDO_COMMIT);
}

Test(snapshot_golden, of_a_newer_format_is_refused_by_name)
{
    struct ordo_snapshot_info info;
    unpack();
    cr_assert_eq(ordo_snapshot_look(folder, ORDO_SNAPSHOT_A, &info, &fail), ORDO_SNAPSHOT_COMPLETE);
    info.format = ORDO_SNAPSHOT_FORMAT + 1;
    change_meta(&info);
    expect_refused("snapshot format 2");
}

Test(snapshot_golden, with_rows_of_a_newer_layout_is_refused_by_name)
{
    static struct shop shop;
    fill(&shop);
    write_snapshot(&shop, ORDO_IMAGE_LAYOUT + 1);
    shop_close(&shop);
    char wanted[64];
    (void)snprintf(wanted, sizeof(wanted), "rows are of layout %u", ORDO_IMAGE_LAYOUT + 1);
    expect_refused(wanted);
}

/* Whose it is could not be read, so the snapshot may be of another node. */
Test(snapshot_golden, beside_a_journal_that_cannot_be_read_is_not_taken)
{
    struct ordo_arena arena;
    struct ordo_restart restart;
    static struct ordo_replay replay;
    static const char segment[] = "journal-00000001.ordo";
    char path[256];
    unpack();
    path_in("../journal-00000001.ordo", path);
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_refused(segment);
    ordo_arena_init(&arena);
    ordo_replay_init(&replay, &arena);
    cr_expect_eq(ordo_restart_load(&restart, folder, &replay, &fail), ORDO_ERR_IO);
    cr_expect_not_null(strstr(fail.text, segment), "%s", fail.text);
    cr_expect_eq(ordo_restart_best(&restart), -1);
    ordo_arena_fini(&arena);
}
