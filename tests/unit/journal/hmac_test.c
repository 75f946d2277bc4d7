/* The keyed chain: what it writes (golden), what it refuses, how a plain journal becomes keyed. */
#include "rig.h"

#define KEY        "0123456789abcdef0123456789abcdef-one"
#define OTHER_KEY  "0123456789abcdef0123456789abcdef-two"
#define GOLDEN_MAX (64u << 10)

static void write_key(const struct rig *rig, char path[128], const char *key, mode_t mode)
{
    (void)snprintf(path, 128, "%s/chain.key", rig->dir);
    (void)unlink(path);
    rig_poke(path, 0, key, strlen(key));
    cr_assert_eq(chmod(path, mode), 0);
}

static void header_of(const struct rig *rig, uint64_t number, struct ordo_segment_header *header)
{
    char path[128];
    uint8_t block[ORDO_SEGMENT_HEADER_SIZE];
    rig_path(rig, number, path);
    rig_peek(path, 0, block, sizeof(block));
    cr_assert_eq(ordo_segment_header_decode(block, sizeof(block), header), ORDO_OK);
}

static void expect_refused(struct rig *rig, const char *key_file, const char *text)
{
    uint64_t before = rig_folder_hash(rig);
    rig->config.key_file = key_file;
    enum ordo_err err = rig_try_open(rig);
    cr_assert_eq(err, ORDO_ERR_CONFIG, "%s: %s", ordo_err_name(err), rig->fail.text);
    cr_assert_not_null(strstr(rig->fail.text, text), "%s", rig->fail.text);
    cr_assert_eq(rig->visited, 0);
    cr_assert_eq(rig_folder_hash(rig), before);
}

Test(hmac, journal_opens_with_its_key_alone)
{
    struct rig rig;
    struct ordo_segment_header header;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    write_key(&rig, path, KEY, 0400);
    rig.config.key_file = path;
    rig_open(&rig);
    rig_write(&rig, 900, 10);
    rig_close(&rig);
    header_of(&rig, 1, &header);
    cr_assert_eq(header.flags, ORDO_SEGMENT_KEYED);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 900);
    rig_close(&rig);

    expect_refused(&rig, NULL, "name its key file");
    expect_refused(&rig, "", "name its key file");
    write_key(&rig, path, OTHER_KEY, 0400);
    expect_refused(&rig, path, "not the one of this journal");
    write_key(&rig, path, KEY "\n", 0400); /* as an editor would leave it */
    rig.config.key_file = path;
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 900);
    rig_close(&rig);
    rig_fini(&rig);
}

Test(hmac, key_file_must_be_long_and_private)
{
    struct rig rig;
    char path[128];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    write_key(&rig, path, KEY, 0440);
    expect_refused(&rig, path, "read by others");
    write_key(&rig, path, "0123456789abcdef0123456789abcde\n", 0400);
    expect_refused(&rig, path, "32 to 1024 bytes");
    expect_refused(&rig, "/nowhere/key", "cannot open");
    rig_fini(&rig);
}

Test(hmac, key_applies_from_the_next_segment_and_stays)
{
    struct rig rig;
    struct ordo_segment_header header;
    char key[128];
    char path[128];
    uint64_t number = 1;
    rig_make_journal(&rig, 100);
    write_key(&rig, key, KEY, 0400);
    rig.config.key_file = key;
    rig_open(&rig);
    rig_write(&rig, 1200, 10);
    rig_close(&rig);
    header_of(&rig, 1, &header);
    cr_assert_eq(header.flags, 0);
    header_of(&rig, 2, &header);
    cr_assert_eq(header.flags, ORDO_SEGMENT_KEYED);
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 1300);
    rig_close(&rig);
    expect_refused(&rig, NULL, "journal-00000002.ordo");

    /* A reader needs no key; it does without that proof. */
    struct ordo_journal_reader *reader;
    struct ordo_record record;
    uint64_t seq = 1;
    cr_assert_eq(ordo_journal_reader_open(rig.dir, 1, &reader, &rig.fail), ORDO_OK);
    while (ordo_journal_reader_next(reader, &record, &rig.fail) == ORDO_OK) {
        rig_check_record(&record, seq++);
    }
    cr_assert_eq(seq, 1301, "%s", rig.fail.text);
    ordo_journal_reader_close(reader);

    /* A plain segment behind a keyed one is a forgery. */
    uint8_t bytes[ORDO_SEGMENT_HEADER_SIZE];
    for (rig_path(&rig, number + 1, path); access(path, F_OK) == 0;
         rig_path(&rig, number + 1, path)) {
        rig_peek(path, 0, bytes, sizeof(bytes));
        if (ordo_segment_header_decode(bytes, sizeof(bytes), &header) != ORDO_OK) {
            break;
        }
        number++;
    }
    cr_assert_geq(number, 3);
    header_of(&rig, number, &header);
    header.flags = 0;
    header.key_check = 0;
    ordo_segment_header_encode(&header, bytes);
    rig_path(&rig, number, path);
    rig_poke(path, 0, bytes, sizeof(bytes));
    rig.config.key_file = key;
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_DAMAGED);
    rig_fini(&rig);
}

/* Who rewrites a batch with all its checksums, but without the key, breaks the chain. */
Test(hmac, chain_cannot_be_made_anew_without_the_key)
{
    struct rig rig;
    struct ordo_batch_header header;
    uint64_t offset;
    char key[128];
    char path[128];
    uint8_t bytes[ORDO_BATCH_HEADER_SIZE];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    write_key(&rig, key, KEY, 0400);
    rig.config.key_file = key;
    rig_open(&rig);
    rig_write(&rig, 50, 10);
    rig_close(&rig);
    rig_path(&rig, 1, path);
    cr_assert(rig_batch(path, 1, &offset, &header));
    header.rules++; /* a change that no checksum sees */
    ordo_batch_header_encode(&header, bytes);
    rig_poke(path, offset, bytes, sizeof(bytes));
    cr_assert_eq(rig_try_open(&rig), ORDO_ERR_DAMAGED);
    cr_assert_not_null(strstr(rig.fail.text, "chain hash"), "%s", rig.fail.text);
    rig_fini(&rig);
}

static size_t write_golden(struct rig *rig, uint8_t *bytes, uint32_t *block)
{
    static char key[128];
    char path[128];
    uint64_t offset = 0;
    struct ordo_batch_header header;
    struct ordo_segment_header segment;
    rig_init(rig, ORDO_BACKEND_AUTO);
    write_key(rig, key, KEY, 0400);
    rig->config.key_file = key;
    rig->hooks.random = rig_random;
    rig->hooks.clock = (struct ordo_clock){.monotonic_ns = rig_monotonic, .context = rig};
    rig->config.in_flight_max = 1;
    rig_open(rig);
    for (int batch = 0; batch < 3; batch++) {
        for (int i = 0; i < 10; i++) {
            cr_assert_neq(rig_push(rig, true), 0);
        }
        rig_drain(rig);
    }
    rig_close(rig);
    rig_path(rig, 1, path);
    cr_assert(rig_batch(path, 2, &offset, &header));
    size_t size = (size_t)offset + header.size;
    cr_assert_leq(size, GOLDEN_MAX);
    rig_peek(path, 0, bytes, size);
    cr_assert_eq(ordo_segment_header_decode(bytes, size, &segment), ORDO_OK);
    *block = segment.block;
    return size;
}

Test(hmac, still_writes_the_golden_journal)
{
    struct rig rig;
    static uint8_t bytes[GOLDEN_MAX];
    static uint8_t golden[GOLDEN_MAX];
    uint32_t block;
    size_t size = write_golden(&rig, bytes, &block);
    if (getenv("ORDO_GOLDEN_WRITE") != NULL) {
        (void)unlink(HMAC_FILE);
        rig_poke(HMAC_FILE, 0, bytes, size);
    }
    if (block == 512) { /* a disk with larger blocks pads differently */
        struct stat about;
        cr_assert_eq(stat(HMAC_FILE, &about), 0);
        cr_assert_eq((size_t)about.st_size, size);
        rig_peek(HMAC_FILE, 0, golden, size);
        cr_assert_eq(memcmp(bytes, golden, size), 0);
    }
    rig_fini(&rig);
}

Test(hmac, still_reads_the_golden_journal)
{
    struct rig rig;
    struct stat about;
    char path[128];
    char key[128];
    static uint8_t golden[GOLDEN_MAX];
    rig_init(&rig, ORDO_BACKEND_AUTO);
    write_key(&rig, key, KEY, 0400);
    rig.config.key_file = key;
    rig_path(&rig, 1, path);
    cr_assert_eq(stat(HMAC_FILE, &about), 0);
    rig_peek(HMAC_FILE, 0, golden, (size_t)about.st_size);
    rig_poke(path, 0, golden, (size_t)about.st_size); /* its zeros were cut off */
    rig_open(&rig);
    cr_assert_eq(rig.recovery.seq_last, 30);
    cr_assert_eq(rig.recovery.torn_bytes, 0);
    rig_close(&rig);
    rig_fini(&rig);
}
