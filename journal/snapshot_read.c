/* Reading snapshots. A damaged LMDB file may crash whoever opens it, so look and verify do it in a
 * child that tells its parent what it found through a pipe; a child that dies or says nothing for
 * BEAT_MS means "damaged". The child is forked before anything is opened, gives its place in LMDB's
 * table of readers back, and ends with _exit.
 */
#include "base/assert.h"
#include "journal/snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_MS   20000
#define SPARE_MAP (1ull << 30) /* bytes */
#define TRIES_MAX 3
#define CLOSE_S   2

/* What goes through the pipe: beats of one byte 'b', then one report with an 'r' before it. */
struct report {
    struct ordo_snapshot_info info;
    struct ordo_fail fail;
};
_Static_assert(sizeof(struct report) < 4096, "a pipe takes it whole: never a part of a report");

static bool exists(const char *data, enum ordo_snapshot_which which, const char *suffix)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat stat_of;
    return ordo_snapshot_path(data, which, suffix, path) && stat(path, &stat_of) == 0;
}

static enum ordo_err open_env(
    const char *data, enum ordo_snapshot_which which, struct ordo_env *env, struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat stat_of;
    (void)ordo_snapshot_path(data, which, "/data.mdb", path);
    uint64_t map_size = SPARE_MAP; /* address space only: a writer may make the file longer */
    if (stat(path, &stat_of) == 0) {
        map_size += (uint64_t)stat_of.st_size * 2 & ~(uint64_t)4095;
    }
    (void)ordo_snapshot_path(data, which, "", path);
    enum ordo_err err = ordo_env_open(env, path, map_size, true, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_env_hold(env, fail);
    if (err != ORDO_OK) {
        ordo_env_close(env);
    }
    return err;
}

static void beat(void *context)
{
    const int *fd = context;
    const char sign = 'b';
    ssize_t wrote = write(*fd, &sign, 1);
    (void)wrote; /* a parent that is gone needs no sign */
}

/* A writer has made the file, or is about to. */
static bool is_newborn(const char *data, enum ordo_snapshot_which which)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat stat_of;
    (void)ordo_snapshot_path(data, which, "/data.mdb", path);
    return stat(path, &stat_of) != 0 || stat_of.st_size == 0;
}

static enum ordo_err
look(struct ordo_env *env, struct ordo_snapshot_info *info, struct ordo_fail *fail)
{
    uint8_t meta[ORDO_SNAPSHOT_META_MAX];
    uint32_t size = 0;
    enum ordo_err err =
        ordo_env_get(env, ordo_snapshot_meta_key(), meta, sizeof(meta), &size, fail);
    if (err == ORDO_OK) {
        ordo_snapshot_meta_read((struct ordo_bytes){meta, size}, info);
    } else if (err == ORDO_ERR_NOT_FOUND) { /* made, and not a first transaction yet */
        info->status = ORDO_SNAPSHOT_INCOMPLETE;
        err = ORDO_OK;
    }
    return err;
}

static void child(const char *data, enum ordo_snapshot_which which, bool whole, int fd)
{
    struct report report = {.info = {.status = ORDO_SNAPSHOT_DAMAGED}};
    struct ordo_env env = {.env = NULL};
    struct ordo_snapshot_check check = {.beat = beat, .beat_context = &fd};
    const struct rlimit no_core = {0, 0};
    const char sign = 'r';

    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    (void)signal(SIGABRT, SIG_DFL);
    enum ordo_err err = open_env(data, which, &env, &report.fail);
    if (err == ORDO_OK) {
        err = look(&env, &report.info, &report.fail);
    }
    if (err == ORDO_OK && whole && report.info.status == ORDO_SNAPSHOT_COMPLETE) {
        err = ordo_snapshot_check(&env, &check, &report.info, &report.fail);
    }
    if (err != ORDO_OK) {
        bool newborn = is_newborn(data, which);
        report.info.status = newborn ? ORDO_SNAPSHOT_INCOMPLETE : ORDO_SNAPSHOT_DAMAGED;
    }
    bool told =
        write(fd, &sign, 1) == 1 && write(fd, &report, sizeof(report)) == (ssize_t)sizeof(report);
    (void)alarm(CLOSE_S); /* of a damaged one even the end may hang */
    ordo_env_close(&env);
    _exit(told ? 0 : 1);
}

/* False: the child died, or was silent for too long. */
static bool hear(int fd, struct report *report)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    size_t got = 0;
    for (;;) { /* ends: the child ends, reports, or is silent */
        int ready = poll(&wait, 1, BEAT_MS);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        char sign = 0;
        if (ready <= 0 || read(fd, &sign, 1) != 1) {
            return false;
        }
        if (sign == 'r') {
            break;
        }
    }
    while (got < sizeof(*report)) {
        ssize_t size = read(fd, (uint8_t *)report + got, sizeof(*report) - got);
        if (size <= 0) {
            return false;
        }
        got += (size_t)size;
    }
    return true;
}

static enum ordo_snapshot_status ask_child(
    const char *data,
    enum ordo_snapshot_which which,
    bool whole,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    struct report report;
    int pipes[2];
    int ended = 0;

    if (pipe2(pipes, O_CLOEXEC) != 0) {
        (void)ordo_fail_set(fail, ORDO_ERR_IO, "snapshot: pipe: %s", strerror(errno));
        return ORDO_SNAPSHOT_DAMAGED;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pipes[0]);
        child(data, which, whole, pipes[1]);
    }
    (void)close(pipes[1]);
    bool heard = pid > 0 && hear(pipes[0], &report);
    (void)close(pipes[0]);
    if (pid > 0) {
        if (!heard) {
            (void)kill(pid, SIGKILL);
        }
        while (waitpid(pid, &ended, 0) < 0 && errno == EINTR) {
        }
    }
    if (!heard) {
        char path[ORDO_SNAPSHOT_PATH_MAX];
        (void)ordo_snapshot_path(data, which, "", path);
        (void)ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "%s: whoever reads it crashes or hangs (signal %d): the file is damaged",
            path,
            pid > 0 && WIFSIGNALED(ended) ? WTERMSIG(ended) : 0);
        return ORDO_SNAPSHOT_DAMAGED;
    }
    *info = report.info;
    *fail = report.fail;
    return report.info.status;
}

static ino_t inode_of(const char *data, enum ordo_snapshot_which which)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    struct stat stat_of;
    (void)ordo_snapshot_path(data, which, "/data.mdb", path);
    return stat(path, &stat_of) == 0 ? stat_of.st_ino : 0;
}

static enum ordo_snapshot_status status_of(
    const char *data,
    enum ordo_snapshot_which which,
    bool whole,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    *info = (struct ordo_snapshot_info){.status = ORDO_SNAPSHOT_ABSENT};
    fail->err = ORDO_OK;
    fail->text[0] = '\0';
    if (!exists(data, which, "/data.mdb")) {
        return ORDO_SNAPSHOT_ABSENT;
    }
    enum ordo_snapshot_status status;
    ino_t before;
    uint32_t tries = 0;
    do { /* what was thrown away while it was read says nothing */
        before = inode_of(data, which);
        status = ask_child(data, which, whole, info, fail);
    } while (inode_of(data, which) != before && ++tries < TRIES_MAX);
    if (exists(data, which, ".invalid")) {
        (void)ordo_fail_set(fail, ORDO_ERR_INVALID, "an operator has marked it invalid");
        status = ORDO_SNAPSHOT_INVALID;
    }
    info->status = status;
    return status;
}

enum ordo_snapshot_status ordo_snapshot_verify(
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    return status_of(data, which, true, info, fail);
}

enum ordo_snapshot_status ordo_snapshot_look(
    const char *data,
    enum ordo_snapshot_which which,
    struct ordo_snapshot_info *info,
    struct ordo_fail *fail)
{
    return status_of(data, which, false, info, fail);
}

enum ordo_err ordo_snapshot_load(
    const char *data,
    enum ordo_snapshot_which which,
    ordo_snapshot_visit *visit,
    void *context,
    struct ordo_fail *fail)
{
    struct ordo_env env;
    struct ordo_snapshot_info info;
    struct ordo_snapshot_check check = {.visit = visit, .context = context};
    enum ordo_err err = open_env(data, which, &env, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_snapshot_check(&env, &check, &info, fail);
    ordo_env_close(&env);
    return err;
}

enum ordo_err
ordo_snapshot_invalidate(const char *data, enum ordo_snapshot_which which, struct ordo_fail *fail)
{
    char path[ORDO_SNAPSHOT_PATH_MAX];
    if (!exists(data, which, "/data.mdb")) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_NOT_FOUND,
            "%s: there is no snapshot %c",
            data,
            which == ORDO_SNAPSHOT_A ? 'a' : 'b');
    }
    (void)ordo_snapshot_path(data, which, ".invalid", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool made = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!made) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "%s: make: %s", path, strerror(error));
    }
    (void)ordo_snapshot_folder(data, path);
    return ordo_snapshot_flush_folder(path, fail);
}
