/* R27: files of every released format, whole, with a torn tail, and damaged in the middle, as they
 * are stored in tests/unit/journal/golden. They must be read for ever: the same verdict, the same
 * records, the digest that stands here. A format that is newer than this program is refused by
 * name and not touched.
 *
 * ORDO_GOLDEN_WRITE=1 makes the torn and the damaged file anew from the whole one. */
#include "report.h"
#include "simfs.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/log.h"
#include "journal/hooks.h"
#include "journal/journal.h"
#include "journal/segment.h"

#define SEGMENT  (64u << 10)
#define FILE_MAX (16u << 10)

struct old_file {
    const char *name; /* NULL: the whole one with the format number of a later program */
    enum ordo_err err;
    uint64_t records;
    uint64_t digest;
    bool torn;
    const char *says; /* in the refusal */
};

static const struct old_file files[] = {
    {"journal-v1.bin", ORDO_OK, 30, 0x3b306762db7e1d4e, false, ""},
    {"journal-v1-torn.bin", ORDO_OK, 20, 0x97c9308262eaa0b7, true, ""},
    {"journal-v1-damaged.bin", ORDO_ERR_DAMAGED, 0, 0, false, "offset 2048, sequence 12"},
    {NULL, ORDO_ERR_VERSION, 0, 0, false, "journal format 2"},
};

struct digest {
    struct ordo_hash128 hash;
    uint64_t records;
};

static enum ordo_err visit(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct digest *digest = context;
    uint64_t numbers[4] = {record->seq, record->time_us, record->update_seq, record->update_count};
    (void)fail;
    digest->records++;
    digest->hash = ordo_hash_chain(digest->hash, numbers, sizeof(numbers));
    digest->hash = ordo_hash_chain(digest->hash, record->command.data, record->command.size);
    digest->hash = ordo_hash_chain(digest->hash, record->outcome.data, record->outcome.size);
    return ORDO_OK;
}

static size_t read_file(const char *name, uint8_t *out)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    FILE *file = fopen(path, "rbe");
    ORDO_ASSERT(file != NULL);
    size_t size = fread(out, 1, FILE_MAX, file);
    (void)fclose(file);
    return size;
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
    FILE *file = fopen(path, "wbe");
    ORDO_ASSERT(file != NULL && fwrite(data, 1, size, file) == size);
    (void)fclose(file);
}

/* Where the batches begin: four of them, the last an idle mark. */
static void make_files(void)
{
    static uint8_t data[FILE_MAX];
    size_t size = read_file("journal-v1.bin", data);
    uint64_t at[4];
    uint64_t offset = 512;
    for (int i = 0; i < 4; i++) {
        struct ordo_batch_header h;
        bool holds = ordo_batch_header_decode(data + offset, size - offset, 512, &h);
        ORDO_ASSERT(holds);
        at[i] = offset;
        offset += h.size;
    }
    data[at[1] + 300] ^= 0x10;
    write_file("journal-v1-damaged.bin", data, size);
    data[at[1] + 300] ^= 0x10;
    memset(data + at[2] + 512, 0x5e, 512); /* a sector of the third batch did not arrive */
    write_file("journal-v1-torn.bin", data, at[3]);
}

static void make_newer(struct sim_file *file)
{
    file->data[8] = 2;
    ordo_put_le32(
        file->data + ORDO_SEGMENT_HEADER_SIZE - 4,
        ordo_crc32c(0, file->data, ORDO_SEGMENT_HEADER_SIZE - 4));
}

static void check(struct report *report, struct sim_image *image, const struct old_file *old)
{
    const char *name = old->name == NULL ? "a newer format" : old->name;
    struct sim_op create = {.kind = SIM_CREATE, .name = "journal-00000001.ordo"};
    image->file_count = image->name_count = 0;
    sim_image_apply(image, &create);
    struct sim_file *file = &image->files[0];
    file->size = read_file(old->name == NULL ? "journal-v1.bin" : old->name, file->data);
    memset(file->data + file->size, 0, SEGMENT - file->size);
    file->size = SEGMENT; /* the stored files end with their last batch */
    if (old->name == NULL) {
        make_newer(file);
    }
    uint64_t before = ordo_hash64(file->data, file->size, 0);
    simfs_mount(image, NULL, 512);
    struct ordo_journal_hooks hooks = {.allow_small = true};
    struct ordo_journal_config config = {
        .dir = SIMFS_ROOT, .segment_size = SEGMENT, .batch_size_max = 8192, .hooks = &hooks};
    struct ordo_journal *journal = NULL;
    struct ordo_recovery recovery = {0};
    struct digest digest = {0};
    struct ordo_fail fail = {0};
    enum ordo_err err = ordo_journal_open(&config, &journal, &fail);
    ORDO_ASSERT(err == ORDO_OK);
    err = ordo_journal_recover(journal, 0, visit, &digest, &recovery, &fail);
    ordo_journal_close(journal);
    report->cases++;
    bool same = err == old->err && digest.records == old->records &&
                digest.hash.low == old->digest && (recovery.torn_bytes != 0) == old->torn &&
                strstr(fail.text, old->says) != NULL;
    if (!same || (err != ORDO_OK && ordo_hash64(file->data, file->size, 0) != before)) {
        report_fail(
            report,
            "%s: %s, %lu records, digest 0x%016lx, torn %lu bytes: %s",
            name,
            ordo_err_name(err),
            digest.records,
            digest.hash.low,
            recovery.torn_bytes,
            fail.text);
    }
}

int main(int argc, char **argv)
{
    static struct sim_image image;
    struct report report = report_begin("R27", 0, argc, argv);
    ordo_log_set_level(ORDO_LOG_ERROR);
    sim_image_init(&image);
    if (getenv("ORDO_GOLDEN_WRITE") != NULL) {
        make_files();
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        check(&report, &image, &files[i]);
    }
    return report_end(&report, "formats=1");
}
