/* Reading what was archived. A segment is unpacked into a file in memory, so that everything which
 * reads segments by offset does so unchanged; it costs the segment's size in memory for as long as
 * it is open, and nobody has more than one open. */
#include "journal/vault.h"

#include "journal/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)

void ordo_vault_name(uint64_t number, char name[ORDO_SEGMENT_NAME_MAX])
{
    (void)snprintf(name, ORDO_SEGMENT_NAME_MAX, "journal-%08" PRIu64 ".ordo.zst", number);
}

uint64_t ordo_vault_number(const char *name)
{
    static const char prefix[] = "journal-";
    char canonical[ORDO_SEGMENT_NAME_MAX];
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
        return 0;
    }
    uint64_t number = strtoull(name + sizeof(prefix) - 1, NULL, 10);
    ordo_vault_name(number, canonical);
    return strcmp(name, canonical) == 0 ? number : 0;
}

static enum ordo_err fail_at(
    struct ordo_fail *fail,
    const struct ordo_folder *folder,
    const char *name,
    const char *operation,
    int error)
{
    return ordo_fail_set(
        fail,
        ordo_err_from_errno(error),
        "%s of %s/" ORDO_ARCHIVE_DIR "%s%s failed: %s",
        operation,
        folder->path,
        name[0] == 0 ? "" : "/",
        name,
        strerror(error));
}

static enum ordo_err
damaged(struct ordo_fail *fail, const struct ordo_folder *folder, const char *name, const char *how)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_DAMAGED,
        "%s/" ORDO_ARCHIVE_DIR "/%s is damaged: %s: restore this file from a backup or a replica",
        folder->path,
        name,
        how);
}

enum ordo_err
ordo_vault_open(const struct ordo_folder *folder, bool make, int *fd, struct ordo_fail *fail)
{
    if (make && mkdirat(folder->fd, ORDO_ARCHIVE_DIR, 0700) == 0) {
        enum ordo_err err = ordo_folder_flush(folder, fail);
        if (err != ORDO_OK) {
            return err;
        }
    } else if (make && errno != EEXIST) {
        return fail_at(fail, folder, "", "making", errno);
    }
    int opened = openat(folder->fd, ORDO_ARCHIVE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
        int error = errno;
        (void)fail_at(fail, folder, "", "opening", error);
        return error == ENOENT ? ORDO_ERR_NOT_FOUND : ordo_err_from_errno(error);
    }
    *fd = opened;
    return ORDO_OK;
}

enum ordo_err
ordo_vault_lock(const struct ordo_folder *folder, int fd, bool alone, struct ordo_fail *fail)
{
    if (flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) {
        return ORDO_OK;
    }
    if (errno != EWOULDBLOCK) {
        return fail_at(fail, folder, "", "locking", errno);
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_IN_USE,
        "%s/" ORDO_ARCHIVE_DIR " is in use: another process archives, trims or backs up; try again "
        "when it has ended",
        folder->path);
}

static enum ordo_err
open_file(const struct ordo_folder *folder, const char *name, int *fd, struct ordo_fail *fail)
{
    char path[sizeof(ORDO_ARCHIVE_DIR) + ORDO_SEGMENT_NAME_MAX];
    (void)snprintf(path, sizeof(path), ORDO_ARCHIVE_DIR "/%s", name);
    *fd = openat(folder->fd, path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        int error = errno;
        (void)fail_at(fail, folder, name, "opening", error);
        return error == ENOENT ? ORDO_ERR_NOT_FOUND : ordo_err_from_errno(error);
    }
    return ORDO_OK;
}

static enum ordo_err open_unzip(
    const struct ordo_folder *folder, int fd, struct ordo_unzip **out, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_unzip_open(fd, out);
    if (err == ORDO_ERR_IO) {
        return fail_at(fail, folder, "", "stat", errno);
    }
    return err == ORDO_OK ? ORDO_OK
                          : ordo_fail_set(fail, err, "no memory to unpack from %s", folder->path);
}

static enum ordo_err explain(
    struct ordo_fail *fail, const struct ordo_folder *folder, const char *name, enum ordo_err err)
{
    return err == ORDO_ERR_IO ? fail_at(fail, folder, name, "read", errno)
                              : damaged(fail, folder, name, "it cannot be unpacked");
}

/* Pieces of the unpacked file to a sink, until its end. */
typedef enum ordo_err
sink(void *context, const uint8_t *data, size_t size, uint64_t offset, struct ordo_fail *fail);

static enum ordo_err unpack(
    const struct ordo_folder *folder,
    const char *name,
    sink *take,
    void *context,
    struct ordo_fail *fail)
{
    int fd;
    struct ordo_unzip *unzip = NULL;
    uint8_t *piece = NULL;
    enum ordo_err err = open_file(folder, name, &fd, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = open_unzip(folder, fd, &unzip, fail);
    if (err == ORDO_OK) {
        piece = malloc(PIECE);
        err = piece == NULL ? ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory to unpack")
                            : ORDO_OK;
    }
    size_t got = PIECE;
    for (uint64_t at = 0; err == ORDO_OK && got == PIECE; at += got) {
        err = ordo_unzip_read(unzip, piece, PIECE, &got);
        if (err != ORDO_OK) {
            err = explain(fail, folder, name, err);
        } else if (at + got > ORDO_JOURNAL_SEGMENT_MAX) {
            err = damaged(fail, folder, name, "it has more bytes than any segment");
        } else {
            err = take(context, piece, got, at, fail);
        }
    }
    free(piece);
    ordo_unzip_close(unzip);
    (void)close(fd);
    return err;
}

static enum ordo_err take_into_file(
    void *context, const uint8_t *data, size_t size, uint64_t offset, struct ordo_fail *fail)
{
    const struct ordo_segment *segment = context;
    int error = ordo_write_all(segment->fd, data, size, &offset);
    return error == 0 ? ORDO_OK
                      : ordo_fail_set(
                            fail,
                            ordo_err_from_errno(error),
                            "no memory to unpack archived segment %" PRIu64 ": %s",
                            segment->number,
                            strerror(error));
}

enum ordo_err ordo_vault_segment(
    const struct ordo_folder *folder,
    uint64_t number,
    struct ordo_segment *segment,
    struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_vault_name(number, name);
    struct ordo_segment found = {.number = number, .block = ORDO_JOURNAL_BLOCK_MIN};
    found.fd = memfd_create(name, MFD_CLOEXEC);
    if (found.fd < 0) {
        return fail_at(fail, folder, name, "unpacking", errno);
    }
    enum ordo_err err = unpack(folder, name, take_into_file, &found, fail);
    struct stat about;
    if (err == ORDO_OK && fstat(found.fd, &about) != 0) {
        err = fail_at(fail, folder, name, "unpacking", errno);
    }
    if (err != ORDO_OK) {
        (void)close(found.fd);
        return err;
    }
    found.size = (uint64_t)about.st_size;
    *segment = found;
    return ORDO_OK;
}

enum ordo_err ordo_vault_read_first(
    const struct ordo_folder *folder,
    uint64_t number,
    uint8_t *data,
    size_t size,
    size_t *got,
    struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    struct ordo_unzip *unzip;
    int fd;
    ordo_vault_name(number, name);
    enum ordo_err err = open_file(folder, name, &fd, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = open_unzip(folder, fd, &unzip, fail);
    if (err == ORDO_OK) {
        err = ordo_unzip_read(unzip, data, size, got);
        if (err != ORDO_OK) {
            err = explain(fail, folder, name, err);
        }
        ordo_unzip_close(unzip);
    }
    (void)close(fd);
    return err;
}

struct comparison {
    const uint8_t *data;
    size_t size;
    uint64_t equal;
};

static enum ordo_err take_and_compare(
    void *context, const uint8_t *data, size_t size, uint64_t offset, struct ordo_fail *fail)
{
    struct comparison *c = context;
    if (offset + size > c->size || memcmp(c->data + offset, data, size) != 0) {
        return ordo_fail_set(fail, ORDO_ERR_DAMAGED, "the copy differs from the original");
    }
    c->equal = offset + size;
    return ORDO_OK;
}

enum ordo_err ordo_vault_compare(
    const struct ordo_folder *folder,
    const char *name,
    const uint8_t *data,
    size_t size,
    struct ordo_fail *fail)
{
    struct comparison c = {.data = data, .size = size};
    enum ordo_err err = unpack(folder, name, take_and_compare, &c, fail);
    if (err == ORDO_OK && c.equal != size) {
        err = damaged(fail, folder, name, "it is shorter than the original");
    }
    return err;
}
