/* Segment files. Zeros are written, not only allocated: the first write into an allocated but
 * unwritten extent commits metadata of the file system and costs a commit up to twice the time
 * (3.3 against 5.5 thousand commits a second were measured). Zeros also are the reservation: what
 * a commit needs is on the disk before the commit.
 *
 * The device's smallest write is found by trying: a read past the page cache of 512 bytes at 512
 * either works or is EINVAL. There is an interface to ask (statx), but not on every kernel. */
#include "journal/segment.h"

#include "base/canary.h"
#include "base/failpoint.h"
#include "journal/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREPARE_NAME   "prepare.tmp"
#define EINTR_MAX      64
#define SHORT_MAX      4096 /* partial reads or writes of one call */
#define READ_CHUNK_MAX ((size_t)64 << 20)

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
        "%s of %s/%s failed: %s%s",
        operation,
        folder->path,
        name,
        strerror(error),
        ordo_err_from_errno(error) == ORDO_ERR_NO_SPACE ? ": free space on this disk" : "");
}

/* The smallest unit that a descriptor past the page cache takes; 0 = it does not work at all. */
static uint32_t probe_block(int fd)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    if (pread(fd, block, ORDO_JOURNAL_BLOCK_MIN, ORDO_JOURNAL_BLOCK_MIN) >= 0) {
        return ORDO_JOURNAL_BLOCK_MIN;
    }
    return pread(fd, block, ORDO_JOURNAL_BLOCK_MAX, 0) >= 0 ? ORDO_JOURNAL_BLOCK_MAX : 0;
}

/* Opens past the page cache where that works. */
static int open_direct(int dir, const char *name, int flags, uint32_t *block, bool *direct)
{
    int fd = openat(dir, name, flags | O_DIRECT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        *block = probe_block(fd);
        *direct = *block != 0;
        if (*direct) {
            return fd;
        }
        (void)close(fd);
    } else if (errno != EINVAL && errno != EOPNOTSUPP) {
        return -1;
    }
    *direct = false;
    *block = ORDO_JOURNAL_BLOCK_MIN;
    return openat(dir, name, flags | O_CLOEXEC, 0600);
}

enum ordo_err ordo_segment_open(
    const struct ordo_folder *folder,
    uint64_t number,
    bool write,
    struct ordo_segment *segment,
    struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    struct ordo_segment found = {.number = number};
    found.fd =
        open_direct(folder->fd, name, write ? O_RDWR : O_RDONLY, &found.block, &found.direct);
    if (found.fd < 0) {
        int error = errno;
        enum ordo_err err = ORDO_ERR_NOT_FOUND;
        if (error == ENOENT && !write) {
            err = ordo_vault_segment(folder, number, segment, fail);
        }
        return err == ORDO_ERR_NOT_FOUND ? fail_at(fail, folder, name, "open", error) : err;
    }
    struct stat about;
    if (fstat(found.fd, &about) != 0) {
        int error = errno;
        (void)close(found.fd);
        return fail_at(fail, folder, name, "stat", error);
    }
    found.size = (uint64_t)about.st_size;
    *segment = found;
    return ORDO_OK;
}

void ordo_segment_close(struct ordo_segment *segment)
{
    if (segment->number != 0) {
        (void)close(segment->fd); /* nothing is in flight; its lock goes with it */
    }
    *segment = (struct ordo_segment){.fd = -1};
}

int ordo_write_all(int fd, const uint8_t *data, size_t size, uint64_t *offset)
{
    int interrupted = 0;
    for (uint32_t i = 0; size > 0 && i < SHORT_MAX; i++) {
        ssize_t got = pwrite(fd, data, size, (off_t)*offset);
        if (got < 0 && errno == EINTR && interrupted++ < EINTR_MAX) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : EIO;
        }
        data += got;
        size -= (size_t)got;
        *offset += (uint64_t)got;
    }
    return size == 0 ? 0 : EIO;
}

static int fill_with_zeros(int fd, uint64_t size, const uint8_t *zeros)
{
    if (fallocate(fd, 0, 0, (off_t)size) != 0 && errno != EOPNOTSUPP) {
        return errno; /* one extent where possible, and an early no */
    }
    uint64_t offset = 0;
    while (offset < size) {
        uint64_t left = size - offset;
        size_t chunk = left < ORDO_SEGMENT_SCRATCH ? (size_t)left : ORDO_SEGMENT_SCRATCH;
        int error = ordo_write_all(fd, zeros, chunk, &offset);
        if (error != 0) {
            return error;
        }
    }
    int failed = ORDO_FAILPOINT_ERROR("prepare.written");
    if (failed != 0) {
        return failed;
    }
    return !ORDO_CANARY(segment_not_flushed) && fsync(fd) != 0 ? errno : 0;
}

enum ordo_err ordo_segment_create(
    const struct ordo_folder *folder,
    uint64_t number,
    uint64_t size,
    uint8_t *scratch,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(number != 0);
    ORDO_ASSERT(size % ORDO_JOURNAL_BLOCK_MAX == 0);
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    uint32_t block;
    bool direct;
    (void)unlinkat(folder->fd, PREPARE_NAME, 0);
    int fd = open_direct(folder->fd, PREPARE_NAME, O_RDWR | O_CREAT, &block, &direct);
    if (fd < 0) {
        return fail_at(fail, folder, PREPARE_NAME, "open", errno);
    }
    ORDO_FAILPOINT("prepare.opened");
    int error = fill_with_zeros(fd, size, scratch);
    (void)close(fd);
    ORDO_FAILPOINT("prepare.flushed");
    if (error != 0) {
        (void)unlinkat(folder->fd, PREPARE_NAME, 0);
        return fail_at(fail, folder, name, "writing zeros ahead", error);
    }
    if (renameat(folder->fd, PREPARE_NAME, folder->fd, name) != 0) {
        return fail_at(fail, folder, name, "rename", errno);
    }
    ORDO_FAILPOINT("prepare.renamed");
    return ordo_folder_flush(folder, fail);
}

enum ordo_err ordo_segment_read(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    uint64_t offset,
    uint8_t *buffer,
    size_t size,
    size_t *got,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(size % ORDO_JOURNAL_BLOCK_MIN == 0);
    uint64_t there = segment->size > offset ? segment->size - offset : 0;
    size_t want = there < size ? (size_t)there : size;
    size_t have = 0;
    int interrupted = 0;
    for (uint32_t i = 0; have < want && i < SHORT_MAX; i++) {
        size_t chunk = size - have < READ_CHUNK_MAX ? size - have : READ_CHUNK_MAX;
        ssize_t now = pread(segment->fd, buffer + have, chunk, (off_t)(offset + have));
        if (now < 0 && errno == EINTR && interrupted++ < EINTR_MAX) {
            continue;
        }
        if (now <= 0) {
            /* An end before the file's size is an error too: it must not look like a torn tail. */
            int error = now < 0 ? errno : EIO;
            char name[ORDO_SEGMENT_NAME_MAX];
            ordo_segment_name(segment->number, name);
            return fail_at(fail, folder, name, "read", error);
        }
        have += (size_t)now;
    }
    if (have < want) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(segment->number, name);
        return fail_at(fail, folder, name, "read, short again and again,", EIO);
    }
    *got = have;
    return ORDO_OK;
}

enum ordo_err ordo_segment_read_first(
    const struct ordo_folder *folder,
    uint64_t number,
    uint8_t block[ORDO_JOURNAL_BLOCK_MAX],
    size_t *got,
    struct ordo_fail *fail)
{
    struct ordo_segment segment;
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    struct stat about;
    if (fstatat(folder->fd, name, &about, 0) != 0 && errno == ENOENT) {
        enum ordo_err err =
            ordo_vault_read_first(folder, number, block, ORDO_JOURNAL_BLOCK_MAX, got, fail);
        if (err != ORDO_ERR_NOT_FOUND) {
            return err;
        }
    }
    enum ordo_err err = ordo_segment_open(folder, number, false, &segment, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_segment_read(folder, &segment, 0, block, ORDO_JOURNAL_BLOCK_MAX, got, fail);
    ordo_segment_close(&segment);
    return err;
}

enum ordo_err ordo_segment_write(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    uint64_t offset,
    const uint8_t *data,
    size_t size,
    struct ordo_fail *fail)
{
    int error = ordo_write_all(segment->fd, data, size, &offset);
    if (error != 0) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(segment->number, name);
        return fail_at(fail, folder, name, "write", error);
    }
    return ordo_segment_flush(folder, segment, fail);
}

enum ordo_err ordo_segment_flush(
    const struct ordo_folder *folder, const struct ordo_segment *segment, struct ordo_fail *fail)
{
    if (fdatasync(ORDO_CANARY(flush_of_another_file) ? folder->fd : segment->fd) != 0) {
        int error = errno;
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(segment->number, name);
        return fail_at(fail, folder, name, "flush", error);
    }
    return ORDO_OK;
}
