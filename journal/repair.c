/* Throwing away acknowledged commands is never this program's decision: it shows, a person says the
 * sequence, and everything that goes is copied and on disk before the first byte of it is touched.
 *
 * Then the whole segments behind the cut go, last first, so that a kill leaves a journal that is
 * damaged in the same way but shorter; at last the tail of the cut segment is overwritten with
 * zeros to its end, as recovery does. */
#include "journal/repair.h"

#include "journal/internal.h"
#include "journal/salvage.h"
#include "journal/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPIES_MAX 1000
#define PIECE      ((size_t)64 << 10)

/* A journal of which only folder and chain are used: nothing else is open, nothing is locked. */
static enum ordo_err
peek_open(const char *dir, const char *key_file, struct ordo_journal **out, struct ordo_fail *fail)
{
    struct ordo_journal *journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory to look at a journal");
    }
    journal->config.segment_size = ORDO_JOURNAL_SEGMENT_DEFAULT;
    enum ordo_err err = ordo_folder_open(&journal->folder, dir, false, fail);
    if (err == ORDO_OK) {
        err = ordo_folder_scan(&journal->folder, fail);
    }
    if (err == ORDO_OK && journal->folder.first == 0) {
        err = ordo_fail_set(fail, ORDO_ERR_NOT_FOUND, "%s holds no journal", dir);
    }
    if (err == ORDO_OK) {
        err = ordo_chain_use_key(&journal->chain, key_file, fail);
    }
    *out = journal;
    return err;
}

static void peek_close(struct ordo_journal *journal)
{
    if (journal != NULL) {
        ordo_folder_close(&journal->folder);
        ordo_chain_fini(&journal->chain);
        free(journal);
    }
}

/* Where a recovery of everything that is there begins. */
static enum ordo_err
find_after(const struct ordo_folder *folder, uint64_t *after_seq, struct ordo_fail *fail)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    struct ordo_segment_header header;
    size_t got;
    *after_seq = 0;
    if (folder->first == 1) {
        return ORDO_OK;
    }
    enum ordo_err err = ordo_segment_read_first(folder, folder->first, block, &got, fail);
    if (err == ORDO_OK && ordo_segment_header_decode(block, got, &header) == ORDO_OK) {
        *after_seq = header.prev_seq;
    }
    return err;
}

enum ordo_err ordo_journal_tail(
    const char *dir, const char *key_file, struct ordo_tail *tail, struct ordo_fail *fail)
{
    struct ordo_journal *journal = NULL;
    struct ordo_verdict verdict;
    struct ordo_loader loader;
    enum ordo_err err = peek_open(dir, key_file, &journal, fail);
    *tail = (struct ordo_tail){0};
    if (journal == NULL) {
        return err;
    }
    ordo_loader_init(&loader);
    if (err == ORDO_OK) {
        err = find_after(&journal->folder, &tail->after_seq, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_recover_judge(journal, tail->after_seq, &loader, &verdict, fail);
    }
    if (err == ORDO_OK) {
        tail->is_torn = verdict.torn_number != 0;
        tail->number = tail->is_torn ? verdict.torn_number : verdict.end_number;
        tail->offset = tail->is_torn ? verdict.torn_offset : verdict.end_offset;
        tail->torn_bytes = verdict.torn_bytes;
        tail->seq_last = verdict.tip.seq;
        tail->reason = verdict.torn_reason;
    }
    ordo_loader_fini(&loader);
    peek_close(journal);
    return err;
}

/* ---- discarding ---- */

struct discarder {
    struct ordo_folder folder;
    struct ordo_discard *out;
    struct ordo_fail *fail;
    uint64_t after_seq;
    uint64_t below; /* the nearest end of a batch before it, and behind it; 0 = none */
    uint64_t above;
};

static enum ordo_err fail_name(struct discarder *d, const char *what, const char *name, int error)
{
    return ordo_fail_set(
        d->fail,
        ordo_err_from_errno(error),
        "%s %s/%s failed: %s",
        what,
        d->folder.path,
        name,
        strerror(error));
}

/* Ends of batches, and what a cut behind after_seq would lose. */
static void
note_batch(void *context, uint64_t number, uint64_t offset, const struct ordo_batch_header *h)
{
    struct discarder *d = context;
    uint64_t end = h->first_seq + h->record_count - 1;
    if (end <= d->after_seq) {
        d->below = end;
        if (end == d->after_seq) {
            d->out->number = number;
            d->out->offset = offset + h->size;
        }
        return;
    }
    if (d->above == 0) {
        d->above = end;
    }
    d->out->seq_found = end > d->out->seq_found ? end : d->out->seq_found;
}

static enum ordo_err
note_record(void *context, const struct ordo_record *record, struct ordo_fail *fail)
{
    struct discarder *d = context;
    (void)fail;
    d->out->readable += record->seq > d->after_seq;
    return ORDO_OK;
}

/* Everything up to the cut must be proven, or the cut would hide damage. */
static enum ordo_err check_good_part(struct discarder *d, const char *key_file)
{
    const struct ordo_verify verify = {.dir = d->folder.path, .key_file = key_file};
    struct ordo_verify_report report;
    enum ordo_err err = ordo_journal_verify(&verify, &report, d->fail);
    if (err != ORDO_OK && err != ORDO_ERR_DAMAGED) {
        return err;
    }
    if (d->after_seq <= report.last_seq) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        d->fail,
        ORDO_ERR_INVALID,
        "the journal in %s holds up to sequence %" PRIu64
        ": nothing behind that can be kept; the last possible cut is --discard-after %" PRIu64,
        d->folder.path,
        report.last_seq,
        report.last_seq);
}

static enum ordo_err survey(struct discarder *d, const char *key_file)
{
    const struct ordo_salvage salvage = {
        .dir = d->folder.path,
        .to_seq = UINT64_MAX,
        .context = d,
        .batch = note_batch,
        .record = note_record,
    };
    enum ordo_err err = check_good_part(d, key_file);
    if (err == ORDO_OK) {
        err = ordo_journal_salvage(&salvage, d->fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    if (d->out->number == 0) {
        return ordo_fail_set(
            d->fail,
            ORDO_ERR_INVALID,
            "sequence %" PRIu64 " does not end a batch: possible are %" PRIu64 " and %" PRIu64,
            d->after_seq,
            d->below,
            d->above);
    }
    if (d->out->number < d->folder.live_first) {
        return ordo_fail_set(
            d->fail,
            ORDO_ERR_INVALID,
            "sequence %" PRIu64 " lies in the archive, which is never cut",
            d->after_seq);
    }
    d->out->segments = d->folder.last - d->out->number;
    return ORDO_OK;
}

/* A file of the data folder into the copy's folder, flushed. */
static int copy_file(int from_dir, int to_dir, const char *name)
{
    int to = -1;
    int error = 0;
    uint64_t offset = 0;
    uint8_t *piece = malloc(PIECE);
    int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
    if (from >= 0) {
        to = openat(to_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    if (piece == NULL || from < 0 || to < 0) {
        error = piece == NULL ? ENOMEM : errno;
    }
    while (error == 0) {
        ssize_t got = pread(from, piece, PIECE, (off_t)offset);
        if (got <= 0) {
            error = got < 0 ? errno : 0;
            break;
        }
        error = ordo_write_all(to, piece, (size_t)got, &offset);
    }
    if (error == 0 && fsync(to) != 0) {
        error = errno;
    }
    if (from >= 0) {
        (void)close(from);
    }
    if (to >= 0) {
        (void)close(to);
    }
    free(piece);
    return error;
}

static enum ordo_err save_copy(struct discarder *d)
{
    char dir[48];
    int made = -1;
    for (unsigned i = 0; i < COPIES_MAX && made != 0; i++) {
        (void)snprintf(dir, sizeof(dir), "discarded-%" PRIu64 "-%u", d->after_seq, i);
        made = mkdirat(d->folder.fd, dir, 0700);
        if (made != 0 && errno != EEXIST) {
            break;
        }
    }
    int fd = made == 0 ? openat(d->folder.fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return fail_name(d, "making", dir, errno);
    }
    int error = 0;
    for (uint64_t number = d->out->number; error == 0 && number <= d->folder.last; number++) {
        char name[ORDO_SEGMENT_NAME_MAX];
        ordo_segment_name(number, name);
        error = copy_file(d->folder.fd, fd, name);
        error = error == ENOENT ? 0 : error; /* a missing one may be the damage */
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    (void)close(fd);
    if (error != 0) {
        return fail_name(d, "copying to", dir, error);
    }
    (void)snprintf(d->out->copy, sizeof(d->out->copy), "%s/%s", d->folder.path, dir);
    return ordo_folder_flush(&d->folder, d->fail);
}

static enum ordo_err cut(struct discarder *d)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    for (uint64_t number = d->folder.last; number > d->out->number; number--) {
        ordo_segment_name(number, name);
        if (unlinkat(d->folder.fd, name, 0) != 0 && errno != ENOENT) {
            return fail_name(d, "unlinking", name, errno);
        }
    }
    enum ordo_err err = ordo_folder_flush(&d->folder, d->fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_segment_name(d->out->number, name);
    struct stat about;
    static const uint8_t zeros[PIECE];
    int fd = openat(d->folder.fd, name, O_WRONLY | O_CLOEXEC);
    int error = fd < 0 || fstat(fd, &about) != 0 ? errno : 0;
    uint64_t offset = d->out->offset;
    while (error == 0 && offset < (uint64_t)about.st_size) {
        uint64_t left = (uint64_t)about.st_size - offset;
        error = ordo_write_all(fd, zeros, left < PIECE ? (size_t)left : PIECE, &offset);
    }
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return error == 0 ? ORDO_OK : fail_name(d, "wiping the tail of", name, error);
}

enum ordo_err ordo_journal_discard(
    const char *dir,
    const char *key_file,
    uint64_t after_seq,
    bool apply,
    struct ordo_discard *out,
    struct ordo_fail *fail)
{
    struct discarder d = {.out = out, .fail = fail, .after_seq = after_seq};
    int lock = -1;
    *out = (struct ordo_discard){0};
    enum ordo_err err = ordo_folder_open(&d.folder, dir, false, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (apply) {
        err = ordo_folder_lock(&d.folder, &lock, fail);
    }
    if (err == ORDO_OK) {
        err = ordo_folder_scan(&d.folder, fail);
    }
    if (err == ORDO_OK) {
        err = survey(&d, key_file);
    }
    if (err == ORDO_OK && apply) {
        err = save_copy(&d);
        if (err == ORDO_OK) {
            err = cut(&d);
        }
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    ordo_folder_close(&d.folder);
    return err;
}
