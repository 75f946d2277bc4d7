/* How far the segment in use may be copied.
 *
 * What is written and not yet flushed can be read, and can still be gone after a power cut: a copy
 * with it would know more than the original. A later header proves a batch flushed (durable_seq, or
 * its number less its pending ones). So the copy ends behind the last proven batch; the idle mark
 * or the next commit proves what was last when the copy began, and is waited for. On a folder that
 * no server holds, everything that holds has become the truth (recovery would flush and keep it). A
 * server that starts meanwhile only appends.
 *
 * Segments before are complete when their successor has begun. One that is being archived while it
 * is copied is then found in the archive, whose deletions are kept away by its lock. */
#include "journal/backup.h"

#include "journal/internal.h"
#include "journal/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE         ((size_t)256 << 10)
#define LOOKS_MAX     150
#define DAMAGE_LOOKS  5
#define LOOK_PAUSE_NS 20000000L
#define FILES_MAX     (1u << 20)

struct backup {
    const struct ordo_backup *order;
    struct ordo_backup_report *report;
    struct ordo_fail *fail;
    struct ordo_folder folder;
    struct ordo_load load;
    int vault; /* -1 = there is none */
    int to;    /* TO.partial */
    uint8_t *piece;
    char partial[ORDO_FOLDER_PATH_MAX];
};

static enum ordo_err
fail_at(struct backup *b, const char *what, const char *dir, const char *name, int error)
{
    return ordo_fail_set(
        b->fail,
        ordo_err_from_errno(error),
        "%s %s/%s failed: %s",
        what,
        dir,
        name,
        strerror(error));
}

/* ---- files ---- */

/* One file, flushed. size: as much of it; the rest up to full is zeros. 0 or an errno. */
static int copy_open(struct backup *b, int from, int to)
{
    uint64_t offset = 0;
    for (;;) {
        ssize_t got = pread(from, b->piece, PIECE, (off_t)offset);
        if (got <= 0) {
            return got < 0 ? errno : (fsync(to) != 0 ? errno : 0);
        }
        int error = ordo_write_all(to, b->piece, (size_t)got, &offset);
        if (error != 0) {
            return error;
        }
        b->report->bytes += (uint64_t)got;
    }
}

static int copy_file(struct backup *b, int from_dir, int to_dir, const char *name)
{
    int from = openat(from_dir, name, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return errno;
    }
    int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = to < 0 ? errno : copy_open(b, from, to);
    (void)close(from);
    if (to >= 0) {
        (void)close(to);
    }
    return error;
}

/* Makes a folder in the copy; the descriptor, or -1 with errno. */
static int make_dir(int at, const char *name)
{
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* All plain files of a folder, one level deep. */
static int copy_folder(struct backup *b, int from_dir, int to_dir)
{
    int list = openat(from_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list < 0 ? NULL : fdopendir(list);
    int error = dir == NULL ? errno : 0;
    for (uint32_t i = 0; error == 0 && i < FILES_MAX; i++) {
        const struct dirent *entry = readdir(dir); /* a stream of our own */
        struct stat about;
        if (entry == NULL) {
            break;
        }
        if (fstatat(from_dir, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(about.st_mode)) {
            error = copy_file(b, from_dir, to_dir, entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return error == 0 && fsync(to_dir) != 0 ? errno : error;
}

/* ---- the segment in use ---- */

/* True when a server holds the folder. */
static bool is_live(const struct backup *b)
{
    int fd = openat(b->folder.fd, "journal.lock", O_RDONLY | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0) {
        (void)close(fd); /* and the lock: it was only a question */
    }
    return held;
}

struct extent {
    uint64_t end;    /* behind the last batch that holds */
    uint64_t seq;    /* its last sequence */
    uint64_t batch;  /* its number */
    bool is_damaged; /* something behind the end proves that more had been flushed */
    uint64_t proven; /* behind the last batch that is proven to be flushed */
    uint64_t proven_seq;
};

/* Follows the batches of the loaded segment; headers and checksums here, the chain is proven in the
 * copy. */
static void measure(struct backup *b, const struct ordo_segment_header *header, struct extent *x)
{
    struct ordo_tip tip;
    struct ordo_batch_check check;
    struct ordo_proof proof;
    ordo_tip_start(&tip, header);
    bool entered = ordo_tip_enter(&tip, header);
    ORDO_ASSERT(entered);
    *x = (struct extent){.end = header->block, .seq = tip.seq, .batch = tip.batch};
    ordo_find_proof(&b->load, header->block, &tip, true, false, &proof);
    x->proven = x->end;
    x->proven_seq = x->seq;
    while (x->end < b->load.size &&
           ordo_batch_check(b->load.data + x->end, b->load.size - x->end, &tip, &check) ==
               ORDO_BATCH_GOOD) {
        ordo_tip_advance(&tip, &check, NULL);
        x->end += check.header.size;
        x->seq = tip.seq;
        x->batch = tip.batch;
        if (tip.batch <= proof.batch || (tip.seq <= proof.seq && check.header.record_count > 0)) {
            x->proven = x->end;
            x->proven_seq = x->seq;
        }
    }
    x->is_damaged = proof.batch > x->batch || proof.seq > x->seq;
}

static enum ordo_err damaged(struct backup *b, uint64_t number, const struct extent *x)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, name);
    return ordo_fail_set(
        b->fail,
        ORDO_ERR_DAMAGED,
        "%s/%s is damaged at offset %" PRIu64 ", sequence %" PRIu64
        ": a batch does not hold, and later ones prove that it had been flushed: no copy is made "
        "of "
        "a damaged journal",
        b->folder.path,
        name,
        x->end,
        x->seq + 1);
}

/* Loads it until everything that stood there at first is proven; the bytes to copy. */
static enum ordo_err
settle(struct backup *b, const struct ordo_segment_header *header, uint64_t *size)
{
    struct extent x = {0};
    uint64_t wanted = 0;
    for (int look = 0; look < LOOKS_MAX; look++) {
        if (look > 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE_NS}, NULL);
        }
        bool live = is_live(b); /* first: what holds after a stop is all there is */
        enum ordo_err err = ordo_load_segment(&b->load, &b->folder, header->number, b->fail);
        if (err != ORDO_OK) {
            return err;
        }
        measure(b, header, &x);
        if (x.is_damaged && look < DAMAGE_LOOKS) {
            continue; /* perhaps it was read while it was written */
        }
        if (x.is_damaged) {
            return damaged(b, header->number, &x);
        }
        wanted = wanted == 0 ? x.seq : wanted;
        *size = live ? x.proven : x.end;
        b->report->left_seqs = live ? x.seq - x.proven_seq : 0;
        if (!live || x.proven_seq >= wanted) {
            return ORDO_OK;
        }
    }
    ORDO_ASSERT(!x.is_damaged);
    return ORDO_OK; /* the rest is named in the report */
}

static enum ordo_err
copy_last(struct backup *b, const struct ordo_segment_header *header, const char *name)
{
    uint64_t size = 0;
    enum ordo_err err = settle(b, header, &size);
    if (err != ORDO_OK) {
        return err;
    }
    memset(b->load.data + size, 0, b->load.capacity - size);
    uint64_t offset = 0;
    int fd = openat(b->to, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : ordo_write_all(fd, b->load.data, b->load.size, &offset);
    if (error == 0 && fsync(fd) != 0) {
        error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    b->report->bytes += offset;
    return error == 0 ? ORDO_OK : fail_at(b, "writing", b->partial, name, error);
}

/* ---- all of it ---- */

/* The header of a segment; EMPTY when it is not begun. */
static enum ordo_err
read_header(struct backup *b, uint64_t number, struct ordo_segment_header *header)
{
    _Alignas(ORDO_JOURNAL_BLOCK_MAX) uint8_t block[ORDO_JOURNAL_BLOCK_MAX];
    size_t got;
    enum ordo_err err = ordo_segment_read_first(&b->folder, number, block, &got, b->fail);
    if (err != ORDO_OK) {
        return err == ORDO_ERR_NOT_FOUND ? ORDO_ERR_EMPTY : err;
    }
    return ordo_segment_header_decode(block, got, header) == ORDO_OK ? ORDO_OK : ORDO_ERR_EMPTY;
}

static enum ordo_err copy_archived(struct backup *b, uint64_t number)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_vault_name(number, name);
    int vault = openat(b->folder.fd, ORDO_ARCHIVE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = vault < 0 ? -1 : make_dir(b->to, ORDO_ARCHIVE_DIR);
    int error = to < 0 ? errno : copy_file(b, vault, to, name);
    if (error == 0 && fsync(to) != 0) {
        error = errno;
    }
    if (to >= 0) {
        (void)close(to);
    }
    if (vault >= 0) {
        (void)close(vault);
    }
    b->report->archived++;
    return error == 0 ? ORDO_OK : fail_at(b, "copying", ORDO_ARCHIVE_DIR, name, error);
}

static enum ordo_err copy_segment(struct backup *b, uint64_t number, bool *is_last)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    struct ordo_segment_header header;
    struct ordo_segment_header next;
    ordo_segment_name(number, name);
    enum ordo_err err = read_header(b, number + 1, &next);
    if (err != ORDO_OK && err != ORDO_ERR_EMPTY) {
        return err;
    }
    *is_last = err == ORDO_ERR_EMPTY;
    b->report->segments++;
    if (*is_last) {
        err = read_header(b, number, &header);
        if (err == ORDO_OK) {
            err = copy_last(b, &header, name);
        } else if (err == ORDO_ERR_EMPTY) { /* a new journal: nothing to lose */
            err = ordo_fail_set(
                b->fail, ORDO_ERR_NOT_FOUND, "%s holds no journal with a batch", b->folder.path);
        }
        return err;
    }
    int error = copy_file(b, b->folder.fd, b->to, name);
    if (error == ENOENT) {
        return copy_archived(b, number);
    }
    return error == 0 ? ORDO_OK : fail_at(b, "copying", b->folder.path, name, error);
}

static enum ordo_err copy_extras(struct backup *b)
{
    static const char *const environments[] = {"snapshot/a", "snapshot/b"};
    int error = copy_file(b, b->folder.fd, b->to, "trimmed.jsonl");
    bool is_trimmed = error == 0;
    if (error != 0 && error != ENOENT) {
        return fail_at(b, "copying", b->folder.path, "trimmed.jsonl", error);
    }
    if (is_trimmed && !b->order->snapshots) {
        return ordo_fail_set(
            b->fail,
            ORDO_ERR_INVALID,
            "the journal in %s was trimmed: without a snapshot a copy cannot be started from; add "
            "--snapshots",
            b->folder.path);
    }
    for (size_t i = 0; b->order->snapshots && i < 2; i++) {
        int from = openat(b->folder.fd, environments[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int root = from < 0 ? -1 : make_dir(b->to, "snapshot");
        int to = root < 0 ? -1 : make_dir(b->to, environments[i]);
        error = to < 0 ? errno : copy_folder(b, from, to);
        if (root >= 0) {
            (void)close(root);
        }
        if (to >= 0) {
            (void)close(to);
        }
        if (from >= 0) {
            (void)close(from);
        } else if (error == ENOENT) {
            continue;
        }
        if (error != 0) {
            return fail_at(b, "copying", b->folder.path, environments[i], error);
        }
    }
    return ORDO_OK;
}

/* Snapshots go first: the journal that is copied behind them reaches at least as far. */
static enum ordo_err copy_all(struct backup *b)
{
    enum ordo_err err = copy_extras(b);
    bool is_last = false;
    for (uint64_t number = b->folder.first; err == ORDO_OK && !is_last; number++) {
        err = copy_segment(b, number, &is_last);
        if (b->order->progress != NULL) {
            b->order->progress(b->order->context, number, b->folder.last);
        }
    }
    if (err == ORDO_OK && fsync(b->to) != 0) {
        err = fail_at(b, "flushing", b->partial, "", errno);
    }
    if (err == ORDO_OK) {
        const struct ordo_verify verify = {.dir = b->partial, .key_file = b->order->key_file};
        err = ordo_journal_verify(&verify, &b->report->verified, b->fail);
    }
    return err;
}

/* Into place, with its name on disk. */
static enum ordo_err put_in_place(struct backup *b)
{
    char parent[ORDO_FOLDER_PATH_MAX + 4];
    (void)snprintf(parent, sizeof(parent), "%s/..", b->order->to);
    if (renameat2(AT_FDCWD, b->partial, AT_FDCWD, b->order->to, RENAME_NOREPLACE) != 0) {
        return fail_at(b, "renaming", b->partial, "", errno);
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return error == 0 ? ORDO_OK : fail_at(b, "flushing", parent, "", error);
}

static enum ordo_err prepare(struct backup *b)
{
    struct stat about;
    const struct ordo_backup *order = b->order;
    size_t length = strlen(order->to);
    if (length == 0 || length + sizeof(".partial") > sizeof(b->partial)) {
        return ordo_fail_set(b->fail, ORDO_ERR_CONFIG, "the path of the copy is empty or too long");
    }
    (void)snprintf(b->partial, sizeof(b->partial), "%s.partial", order->to);
    if (stat(order->to, &about) == 0 || stat(b->partial, &about) == 0) {
        return ordo_fail_set(
            b->fail,
            ORDO_ERR_EXISTS,
            "%s or %s is there: name a folder that does not exist, or remove it",
            order->to,
            b->partial);
    }
    enum ordo_err err = ordo_folder_scan(&b->folder, b->fail);
    if (err == ORDO_OK && b->folder.first == 0) {
        err = ordo_fail_set(b->fail, ORDO_ERR_NOT_FOUND, "%s holds no journal", order->from);
    }
    b->vault = openat(b->folder.fd, ORDO_ARCHIVE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (err == ORDO_OK && b->vault >= 0) {
        err = ordo_vault_lock(&b->folder, b->vault, false, b->fail);
    }
    b->piece = malloc(PIECE);
    if (err == ORDO_OK && b->piece == NULL) {
        err = ordo_fail_set(b->fail, ORDO_ERR_NO_MEMORY, "no memory for a copy");
    }
    if (err == ORDO_OK) {
        b->to = mkdir(b->partial, 0700) == 0 ? open(b->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                             : -1;
        err = b->to < 0 ? fail_at(b, "making", b->partial, "", errno) : ORDO_OK;
    }
    return err;
}

/* What was copied before something failed. Best effort: what is left is called .partial. */
static void remove_copy(const struct backup *b)
{
    static const char *const folders[] = {
        ORDO_ARCHIVE_DIR, "snapshot/a", "snapshot/b", "snapshot", "."};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int fd = openat(b->to, folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        for (uint32_t k = 0; dir != NULL && k < FILES_MAX; k++) {
            const struct dirent *entry = readdir(dir); /* a stream of our own */
            if (entry == NULL) {
                break;
            }
            (void)unlinkat(fd, entry->d_name, 0); /* folders refuse */
        }
        if (dir != NULL) {
            (void)closedir(dir);
        }
        (void)unlinkat(b->to, folders[i], AT_REMOVEDIR);
    }
    (void)rmdir(b->partial);
}

enum ordo_err ordo_journal_backup(
    const struct ordo_backup *backup, struct ordo_backup_report *report, struct ordo_fail *fail)
{
    struct ordo_fail own;
    struct backup b = {
        .order = backup,
        .report = report,
        .fail = fail != NULL ? fail : &own,
        .vault = -1,
        .to = -1};
    *report = (struct ordo_backup_report){0};
    ordo_load_init(&b.load);
    enum ordo_err err = ordo_folder_open(&b.folder, backup->from, false, b.fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = prepare(&b);
    if (err == ORDO_OK) {
        err = copy_all(&b);
    }
    if (err == ORDO_OK) {
        err = put_in_place(&b);
    }
    if (b.to >= 0) {
        if (err != ORDO_OK) {
            remove_copy(&b);
        }
        (void)close(b.to);
    }
    if (b.vault >= 0) {
        (void)close(b.vault);
    }
    free(b.piece);
    ordo_load_fini(&b.load);
    ordo_folder_close(&b.folder);
    return err;
}
