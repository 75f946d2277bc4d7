/* The data folder: which segments there are, and who may write.
 *
 * Two locks. The lock file says in words who holds the folder. The lock on the segments answers a
 * question that the first cannot: is the killed predecessor still writing? Its lock file is free
 * the moment it dies, but its descriptors of segments live until the kernel has finished their last
 * writes (up to 56 ms were measured), and a tail that is read before that may grow afterwards. */
#include "journal/segment.h"

#include "base/canary.h"
#include "journal/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME      "journal.lock"
#define LOCK_TRIES_MAX 75
#define LOCK_PAUSE_NS  20000000L
#define SCAN_MAX       (1u << 20) /* files of a folder looked at */

/* The numbers of the segments in a folder. */
struct span {
    uint64_t first;
    uint64_t last;
    uint64_t count;
};

enum ordo_err
ordo_folder_open(struct ordo_folder *folder, const char *path, bool make, struct ordo_fail *fail)
{
    *folder = (struct ordo_folder){.fd = -1};
    int length = snprintf(folder->path, sizeof(folder->path), "%s", path);
    if (length <= 0 || (size_t)length >= sizeof(folder->path)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the data folder's path must have 1 to %d bytes",
            ORDO_FOLDER_PATH_MAX - 1);
    }
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(errno),
            "cannot make the data folder %s: %s",
            path,
            strerror(errno));
    }
    folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(errno),
            "cannot open the data folder %s: %s",
            path,
            strerror(errno));
    }
    return ORDO_OK;
}

void ordo_folder_close(struct ordo_folder *folder)
{
    if (folder->fd >= 0) {
        (void)close(folder->fd);
        folder->fd = -1;
    }
}

bool ordo_folder_is_tmpfs(const struct ordo_folder *folder)
{
    struct statfs about;
    return fstatfs(folder->fd, &about) == 0 && about.f_type == TMPFS_MAGIC;
}

enum ordo_err ordo_folder_flush(const struct ordo_folder *folder, struct ordo_fail *fail)
{
    if (!ORDO_CANARY(folder_not_flushed) && fsync(folder->fd) != 0) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(errno),
            "flush of the data folder %s failed: %s",
            folder->path,
            strerror(errno));
    }
    return ORDO_OK;
}

void ordo_segment_name(uint64_t number, char name[ORDO_SEGMENT_NAME_MAX])
{
    (void)snprintf(name, ORDO_SEGMENT_NAME_MAX, "journal-%08" PRIu64 ".ordo", number);
}

/* The number in a segment's name; 0 for any other name. */
static uint64_t number_of(const char *name)
{
    static const char prefix[] = "journal-";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
        return 0;
    }
    uint64_t number = strtoull(name + sizeof(prefix) - 1, NULL, 10);
    char canonical[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(number, canonical);
    return strcmp(name, canonical) == 0 ? number : 0;
}

static bool is_there(const struct ordo_folder *folder, int vault, uint64_t number)
{
    char name[ORDO_SEGMENT_NAME_MAX];
    struct stat about;
    ordo_segment_name(number, name);
    if (fstatat(folder->fd, name, &about, 0) == 0) {
        return true;
    }
    ordo_vault_name(number, name);
    return vault >= 0 && fstatat(vault, name, &about, 0) == 0;
}

static void find_missing(struct ordo_folder *folder, int vault, uint64_t live_count)
{
    bool is_whole = vault < 0 && folder->last - folder->first + 1 == live_count;
    for (uint64_t number = folder->first; !is_whole && number < folder->last; number++) {
        if (!is_there(folder, vault, number)) {
            folder->missing = number;
            return;
        }
    }
}

/* Lists the names of a folder; 0 or an errno. */
static int list(int at, uint64_t (*parse)(const char *), struct span *span)
{
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return error;
    }
    for (uint32_t i = 0; i < SCAN_MAX; i++) {
        const struct dirent *entry = readdir(dir); /* a stream of our own: no other thread has it */
        if (entry == NULL) {
            break;
        }
        uint64_t number = parse(entry->d_name);
        if (number == 0) {
            continue;
        }
        span->count++;
        span->first = span->first == 0 || number < span->first ? number : span->first;
        span->last = number > span->last ? number : span->last;
    }
    (void)closedir(dir);
    return 0;
}

/* The data folder first: a segment that is being archived meanwhile is then found in the archive.
 */
enum ordo_err ordo_folder_scan(struct ordo_folder *folder, struct ordo_fail *fail)
{
    struct span live = {0};
    struct span archived = {0};
    int error = list(folder->fd, number_of, &live);
    int vault = openat(folder->fd, ORDO_ARCHIVE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (error == 0 && vault >= 0) {
        error = list(vault, ordo_vault_number, &archived);
    } else if (error == 0 && errno != ENOENT) {
        error = errno;
    }
    folder->live_first = live.first;
    folder->archive_last = archived.last;
    folder->first = archived.first != 0 && (live.first == 0 || archived.first < live.first)
                        ? archived.first
                        : live.first;
    folder->last = live.last > archived.last ? live.last : archived.last;
    folder->missing = 0;
    if (error == 0 && folder->first != 0) {
        find_missing(folder, vault, live.count);
    }
    if (vault >= 0) {
        (void)close(vault);
    }
    return error == 0 ? ORDO_OK
                      : ordo_fail_set(
                            fail,
                            ordo_err_from_errno(error),
                            "cannot list the data folder %s: %s",
                            folder->path,
                            strerror(error));
}

/* True when the lock was got. */
static bool lock_bounded(int fd)
{
    for (int i = 0; i < (ORDO_CANARY(lock_not_retried) ? 1 : LOCK_TRIES_MAX); i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    errno = EWOULDBLOCK;
    return false;
}

static enum ordo_err
lock_failed(const struct ordo_folder *folder, const char *name, int fd, struct ordo_fail *fail)
{
    int error = errno;
    if (error != EWOULDBLOCK) {
        return ordo_fail_set(
            fail, ORDO_ERR_IO, "cannot lock %s/%s: %s", folder->path, name, strerror(error));
    }
    char holder[24] = {0};
    ssize_t length = pread(fd, holder, sizeof(holder) - 1, 0);
    unsigned long pid = length > 0 ? strtoul(holder, NULL, 10) : 0;
    return ordo_fail_set(
        fail,
        ORDO_ERR_IN_USE,
        "the data folder %s is in use by another process (pid %lu): stop that server, or give this "
        "one a folder of its own",
        folder->path,
        pid);
}

enum ordo_err
ordo_folder_lock(const struct ordo_folder *folder, int *lock_fd, struct ordo_fail *fail)
{
    int fd = openat(folder->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ordo_fail_set(
            fail,
            ordo_err_from_errno(errno),
            "cannot open %s/%s: %s",
            folder->path,
            LOCK_NAME,
            strerror(errno));
    }
    if (!lock_bounded(fd)) {
        enum ordo_err err = lock_failed(folder, LOCK_NAME, fd, fail);
        (void)close(fd);
        return err;
    }
    char holder[24];
    int length = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    /* For people only: a full disk must not keep a server from starting to read. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)length, 0) != length) {
        errno = 0;
    }
    *lock_fd = fd;
    return ORDO_OK;
}

enum ordo_err ordo_segment_lock(
    const struct ordo_folder *folder, const struct ordo_segment *segment, struct ordo_fail *fail)
{
    if (lock_bounded(segment->fd)) {
        return ORDO_OK;
    }
    char name[ORDO_SEGMENT_NAME_MAX];
    ordo_segment_name(segment->number, name);
    int error = errno;
    int fd = openat(folder->fd, LOCK_NAME, O_RDONLY | O_CLOEXEC);
    errno = error;
    enum ordo_err err = lock_failed(folder, name, fd, fail);
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}
