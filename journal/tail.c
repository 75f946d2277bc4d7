/* Cutting a torn tail: save, then wipe.
 *
 * The copy is complete and on disk, with its name, before the first zero is written. A crash
 * anywhere leaves either the old tail or a part of it: fewer valid headers than before, so the next
 * verdict is again "torn" or already "clean". Each attempt saves under a name of its own; the first
 * copy is never overwritten by a half-wiped second one.
 *
 * The wipe goes to the end of the file, not only over what was seen: what the disk may still bring
 * up later from a cache must not lie there. */
#include "journal/internal.h"

#include "base/canary.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_TMP   "torn.tmp"
#define COPIES_MAX 10000

#define COPY_NAME_MAX 47 /* bytes with the zero: two numbers of ten digits, one of five */

static enum ordo_err fail_name(
    const struct ordo_journal *journal, const char *what, const char *name, struct ordo_fail *fail)
{
    int error = errno;
    return ordo_fail_set(
        fail,
        ordo_err_from_errno(error),
        "%s %s/%s failed: %s",
        what,
        journal->folder.path,
        name,
        strerror(error));
}

/* The first name for a copy of this place that is not taken. */
static void choose_name(
    const struct ordo_journal *journal, const struct ordo_verdict *v, char *name, size_t size)
{
    struct stat about;
    for (unsigned i = 0; i < COPIES_MAX; i++) {
        (void)snprintf(
            name,
            size,
            "torn-%08" PRIu64 "-%010" PRIu64 "-%u.bin",
            v->torn_number,
            v->torn_offset,
            i);
        if (fstatat(journal->folder.fd, name, &about, 0) != 0) {
            return;
        }
    }
}

static enum ordo_err save_copy(
    struct ordo_journal *journal,
    const struct ordo_verdict *v,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail)
{
    struct ordo_load load;
    ordo_load_init(&load);
    enum ordo_err err = ordo_load_segment(&load, &journal->folder, v->torn_number, fail);
    if (err != ORDO_OK) {
        goto out;
    }
    int fd = openat(journal->folder.fd, COPY_TMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        err = fail_name(journal, "making", COPY_TMP, fail);
        goto out;
    }
    ORDO_FAILPOINT("recover.copy_opened");
    uint64_t offset = 0;
    int error = ordo_write_all(fd, load.data + v->torn_offset, v->torn_bytes, &offset);
    ORDO_FAILPOINT("recover.copy_written");
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    (void)close(fd);
    ORDO_FAILPOINT("recover.copy_flushed");
    if (error != 0) {
        errno = error;
        err = fail_name(journal, "saving the torn tail to", COPY_TMP, fail);
        goto out;
    }
    char name[COPY_NAME_MAX];
    choose_name(journal, v, name, sizeof(name));
    if (renameat(journal->folder.fd, COPY_TMP, journal->folder.fd, name) != 0) {
        err = fail_name(journal, "renaming to", name, fail);
        goto out;
    }
    ORDO_FAILPOINT("recover.copy_renamed");
    err = ordo_folder_flush(&journal->folder, fail);
    if (err == ORDO_OK) {
        recovery->torn_bytes = v->torn_bytes;
        (void)snprintf(
            recovery->torn_copy, sizeof(recovery->torn_copy), "%s/%s", journal->folder.path, name);
    }
out:
    ordo_load_fini(&load);
    return err;
}

/* Zeros from offset to size, flushed. Through the page cache: a short file has an odd size. */
static enum ordo_err wipe(
    struct ordo_journal *journal,
    uint64_t number,
    uint64_t offset,
    uint64_t size,
    struct ordo_fail *fail)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    int fd = openat(journal->folder.fd, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_name(journal, "opening", name, fail);
    }
    int error = ORDO_FAILPOINT_ERROR("recover.before_wipe");
    while (error == 0 && offset < size && !ORDO_CANARY(torn_tail_not_wiped)) {
        uint64_t left = size - offset;
        size_t chunk = left < ORDO_SEGMENT_SCRATCH ? (size_t)left : ORDO_SEGMENT_SCRATCH;
        error = ordo_write_all(fd, journal->preparer.scratch, chunk, &offset);
    }
    ORDO_FAILPOINT("recover.wipe_written");
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    (void)close(fd);
    ORDO_FAILPOINT("recover.wiped");
    if (error != 0) {
        errno = error;
        return fail_name(journal, "wiping the tail of", name, fail);
    }
    return ORDO_OK;
}

enum ordo_err ordo_recover_cut(
    struct ordo_journal *journal,
    const struct ordo_verdict *verdict,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail)
{
    const struct ordo_verdict *v = verdict;
    enum ordo_err err = ORDO_OK;
    if (v->torn_number != 0) {
        err = ORDO_CANARY(torn_tail_not_saved) ? ORDO_OK : save_copy(journal, v, recovery, fail);
        if (err == ORDO_OK) {
            ORDO_LOG_WARN(
                "journal_torn_tail segment=%" PRIu64 " offset=%" PRIu64 " bytes=%" PRIu64
                " first_lost_seq=%" PRIu64 " reason=\"%s\" copy=%s",
                v->torn_number,
                v->torn_offset,
                v->torn_bytes,
                v->torn_seq,
                v->torn_reason,
                recovery->torn_copy);
            err = wipe(journal, v->torn_number, v->torn_offset, v->torn_size, fail);
        }
    }
    if (err == ORDO_OK && v->end_short && v->torn_number != v->end_number) {
        err = wipe(journal, v->end_number, v->end_offset, v->end_header.size, fail);
    }
    return err;
}
