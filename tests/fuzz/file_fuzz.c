/* Small files that a start or a tool reads: a compressed segment of the archive, the notes of
 * trims, the key of cards, the mark of a replay. Each is refused
 * with a text, or taken; a compressed file gives no more than was asked for, and nothing behind an
 * error. The first byte chooses.
 */
#include "client/seal.h"
#include "fuzz.h"
#include "journal/trim.h"
#include "journal/zip.h"
#include "replay_mark.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_MAX (1u << 22)

static char folder[64];

static void remove_all(void)
{
    static const char *const names[] = {"trimmed.jsonl", ORDO_REPLAY_MARK_FILE, "key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void write_file(const char *name, const uint8_t *data, size_t size, char path[128])
{
    if (folder[0] == 0) {
        (void)snprintf(folder, sizeof(folder), "/tmp/ordo-fuzz-%d", (int)getpid());
        FUZZ_CHECK(mkdir(folder, 0700) == 0);
        (void)atexit(remove_all);
    }
    (void)snprintf(path, 128, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
}

static void check_text(const struct ordo_fail *fail)
{
    FUZZ_CHECK(memchr(fail->text, 0, sizeof(fail->text)) != NULL && fail->text[0] != 0);
}

/* Plain bytes compressed and read again; and the bytes as if they were a compressed file. */
static void unzip(const uint8_t *data, size_t size, bool is_plain)
{
    static uint8_t out[65536];
    uint64_t written = 0;
    struct ordo_unzip *file;
    size_t total = 0;
    size_t got = 0;
    int fd = memfd_create("zip", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0);
    if (is_plain) {
        FUZZ_CHECK(ordo_zip_write(fd, data, size, &written) == 0);
    } else {
        FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
    }
    enum ordo_err err = ordo_unzip_open(fd, &file);
    FUZZ_CHECK(err == ORDO_OK);
    size_t piece = 1 + (size == 0 ? 0 : data[0]) * 200u;
    do {
        err = ordo_unzip_read(file, out, piece, &got);
        FUZZ_CHECK(err != ORDO_OK || got <= piece);
        if (is_plain && err == ORDO_OK) {
            FUZZ_CHECK(total + got <= size && memcmp(out, data + total, got) == 0);
        }
        total += err == ORDO_OK ? got : 0;
    } while (err == ORDO_OK && got == piece && total < OUT_MAX);
    FUZZ_CHECK(!is_plain || (err == ORDO_OK && total == size));
    ordo_unzip_close(file);
    (void)close(fd);
}

static void replay_mark(const uint8_t *data, size_t size)
{
    struct ordo_replay_mark mark;
    struct ordo_fail fail;
    char path[128];
    memset(&fail, 0, sizeof(fail));
    write_file(ORDO_REPLAY_MARK_FILE, data, size, path);
    enum ordo_err looked = ordo_replay_mark_look(folder, &fail);
    enum ordo_err err = ordo_replay_mark_open(&mark, folder, &fail);
    FUZZ_CHECK((looked == ORDO_OK) == (err == ORDO_OK));
    if (err != ORDO_OK) {
        check_text(&fail);
        return;
    }
    ordo_replay_mark_close(&mark);
    FUZZ_CHECK(access(path, F_OK) != 0);
}

static void card_key(const uint8_t *data, size_t size)
{
    struct ordo_fail fail;
    struct ordo_key key;
    char path[128];
    memset(&fail, 0, sizeof(fail));
    write_file("key", data, size, path);
    if (ordo_key_load(path, &key, &fail) != ORDO_OK) {
        check_text(&fail);
    }
    ordo_key_wipe(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_trimmed trimmed;
    struct ordo_fail fail;
    char path[128];
    if (size == 0) {
        return 0;
    }
    uint8_t which = data[0] % 5;
    data++;
    size--;
    switch (which) {
    case 0:
    case 1:
        unzip(data, size, which == 0);
        break;
    case 2:
        memset(&fail, 0, sizeof(fail));
        write_file("trimmed.jsonl", data, size, path);
        if (ordo_trimmed_read(folder, &trimmed, &fail) != ORDO_OK) {
            check_text(&fail);
        }
        break;
    case 3:
        card_key(data, size);
        break;
    default:
        replay_mark(data, size);
        break;
    }
    return 0;
}
