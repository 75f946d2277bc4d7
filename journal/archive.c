/* Moving a segment into the archive.
 *
 * The order of steps is the whole point: check, compress into archive.tmp, flush, read back and
 * compare, rename, flush the archive's folder, unlink, flush the data folder. Killed before the
 * rename, the next call begins anew over the leftover; killed behind it, the segment is in both
 * places, and the next call compares once more before it unlinks. A copy that is there and does not
 * match is replaced: as long as the original is in DATA, it is the truth.
 *
 * What does not hold is not moved: packing away a damaged segment would hide the damage from the
 * next start. The chain is checked, too, for a keyed segment as far as that needs no key. */
#include "journal/archive.h"

#include "journal/internal.h"
#include "journal/vault.h"
#include "journal/zip.h"

#include "base/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct archiver {
    struct ordo_folder folder;
    struct ordo_chain chain;
    struct ordo_load load;
    int vault;
    struct ordo_archived *out;
    struct ordo_fail *fail;
};

static enum ordo_err fail_name(struct archiver *a, const char *what, const char *name, int error)
{
    return ordo_fail_set(
        a->fail,
        ordo_err_from_errno(error),
        "%s %s/" ORDO_ARCHIVE_DIR "/%s failed: %s",
        what,
        a->folder.path,
        name,
        strerror(error));
}

static enum ordo_err fail_segment(struct archiver *a, uint64_t number, const char *reason)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    return ordo_fail_set(
        a->fail,
        ORDO_ERR_DAMAGED,
        "%s/%s is not archived: %s: run `ordo journal verify`",
        a->folder.path,
        name,
        reason);
}

/* The header of a segment in DATA; EMPTY when it is not begun, or is not there. */
static enum ordo_err
read_header(struct archiver *a, uint64_t number, struct ordo_segment_header *header)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    size_t got;
    enum ordo_err err = ordo_segment_read_first(&a->folder, number, block, &got, a->fail);
    if (err != ORDO_OK) {
        return err == ORDO_ERR_NOT_FOUND ? ORDO_ERR_EMPTY : err;
    }
    err = ordo_segment_header_decode(block, got, header);
    return err == ORDO_ERR_DAMAGED ? ORDO_ERR_EMPTY : err;
}

/* The loaded segment from its header to where next goes on. */
static enum ordo_err check_segment(struct archiver *a, const struct ordo_segment_header *next)
{
    struct ordo_load *load = &a->load;
    struct ordo_segment_header header;
    uint64_t number = next->number - 1;
    struct ordo_tip tip;
    if (ordo_segment_header_decode(load->data, load->capacity, &header) != ORDO_OK ||
        header.number != number || header.size != load->size) {
        return fail_segment(a, number, "its header does not hold");
    }
    ordo_tip_start(&tip, &header);
    bool entered = ordo_tip_enter(&tip, &header);
    ORDO_ASSERT(entered);
    uint64_t at = header.block;
    while (at < header.size) {
        struct ordo_batch_check check;
        uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE];
        enum ordo_batch_state state =
            ordo_batch_check(load->data + at, header.size - at, &tip, &check);
        if (state == ORDO_BATCH_BLANK) {
            break;
        }
        if (state != ORDO_BATCH_GOOD) {
            return fail_segment(a, number, "a batch does not hold");
        }
        bool proven =
            ordo_chain_batch(&a->chain, tip.keyed, load->data + at, check.header.size, chain);
        ordo_tip_advance(&tip, &check, proven ? chain : NULL);
        at += check.header.size;
    }
    if (!ordo_is_zero(load->data + at, header.size - at) || !ordo_tip_enter(&tip, next)) {
        return fail_segment(a, number, "the next segment does not continue it");
    }
    return ORDO_OK;
}

static enum ordo_err write_copy(struct archiver *a, const char *name, uint64_t *written)
{
    int fd = openat(a->vault, ORDO_VAULT_TMP, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail_name(a, "making", ORDO_VAULT_TMP, errno);
    }
    int error = ordo_zip_write(fd, a->load.data, a->load.size, written);
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (error == 0) {
        /* So that what is compared comes from the disk where the file system can. */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
    (void)close(fd);
    if (error != 0) {
        return fail_name(a, "writing", ORDO_VAULT_TMP, error);
    }
    ORDO_FAILPOINT("archive.written");
    enum ordo_err err =
        ordo_vault_compare(&a->folder, ORDO_VAULT_TMP, a->load.data, a->load.size, a->fail);
    if (err != ORDO_OK) {
        return err;
    }
    ORDO_FAILPOINT("archive.compared");
    if (renameat(a->vault, ORDO_VAULT_TMP, a->vault, name) != 0) {
        return fail_name(a, "renaming to", name, errno);
    }
    ORDO_FAILPOINT("archive.renamed");
    return fsync(a->vault) == 0 ? ORDO_OK : fail_name(a, "flushing the folder of", name, errno);
}

/* True when a copy is there that an earlier call did not come to unlink the original of. */
static bool has_copy(struct archiver *a, const char *name)
{
    struct ordo_fail ignored;
    return faccessat(a->vault, name, F_OK, 0) == 0 &&
           ordo_vault_compare(&a->folder, name, a->load.data, a->load.size, &ignored) == ORDO_OK &&
           fsync(a->vault) == 0;
}

static enum ordo_err move(struct archiver *a, const struct ordo_segment_header *next)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    char original[ORDO_SEGMENT_NAME_MAX];
    uint64_t number = next->number - 1;
    uint64_t written = 0;
    ordo_vault_name(number, name);
    ordo_segment_name(number, original);
    enum ordo_err err = ordo_load_segment(&a->load, &a->folder, number, a->fail);
    if (err == ORDO_OK) {
        err = check_segment(a, next);
    }
    if (err == ORDO_OK && !has_copy(a, name)) {
        err = write_copy(a, name, &written);
    }
    if (err != ORDO_OK) {
        return err;
    }
    ORDO_FAILPOINT("archive.copied");
    if (unlinkat(a->folder.fd, original, 0) != 0) {
        return fail_name(a, "unlinking the original of", name, errno);
    }
    ORDO_FAILPOINT("archive.unlinked");
    a->out->segments++;
    a->out->last_number = number;
    a->out->bytes_before += a->load.size;
    a->out->bytes_after += written;
    return ordo_folder_flush(&a->folder, a->fail);
}

static enum ordo_err move_all(struct archiver *a, uint64_t upto_seq, uint32_t segments_max)
{
    for (uint64_t number = a->folder.live_first; number != 0 && number < a->folder.last; number++) {
        struct ordo_segment_header next;
        enum ordo_err err = read_header(a, number + 1, &next);
        if (err == ORDO_ERR_EMPTY || (err == ORDO_OK && next.prev_seq >= upto_seq)) {
            return ORDO_OK;
        }
        if (err != ORDO_OK) {
            return err;
        }
        if (next.number != number + 1) {
            return fail_segment(a, number + 1, "its header names another segment");
        }
        if (segments_max != 0 && a->out->segments == segments_max) {
            a->out->is_more = true;
            return ORDO_OK;
        }
        err = move(a, &next);
        if (err != ORDO_OK) {
            return err;
        }
    }
    return ORDO_OK;
}

enum ordo_err ordo_journal_archive(
    const char *dir,
    uint64_t upto_seq,
    uint32_t segments_max,
    struct ordo_archived *out,
    struct ordo_fail *fail)
{
    struct archiver a = {.out = out, .fail = fail, .vault = -1};
    *out = (struct ordo_archived){0};
    ordo_load_init(&a.load);
    enum ordo_err err = ordo_folder_open(&a.folder, dir, false, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_vault_open(&a.folder, true, &a.vault, fail);
    if (err != ORDO_OK) {
        goto err_after_folder;
    }
    err = ordo_vault_lock(&a.folder, a.vault, true, fail);
    if (err == ORDO_OK) {
        err = ordo_folder_scan(&a.folder, fail);
    }
    if (err == ORDO_OK) {
        (void)unlinkat(a.vault, ORDO_VAULT_TMP, 0); /* of a call that was killed */
        err = move_all(&a, upto_seq, segments_max);
    }
    ordo_load_fini(&a.load);
    (void)close(a.vault);
err_after_folder:
    ordo_folder_close(&a.folder);
    return err;
}
