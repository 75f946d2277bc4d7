/* A handler of signals could not remove a folder (nothing it would need is safe there) and would
 * not run after SIGKILL. So the first folder starts a process, the janitor, in a session of its
 * own: it is told what is there and what is gone, and removes what is left when nobody can tell it
 * any more. Nodes end with the benchmark (bench/child.c) but write meanwhile, hence the tries. */
#include "bench/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_MAX_FOLDERS 16
#define WATCHED_MAX      32u
#define TRIES            100
#define PAUSE_US         100000

struct note {
    char path[ORDO_BENCH_FOLDER * 2]; /* absolute */
    bool gone;
};
static int janitor = -1; /* where it is told */

/* ---- the janitor ---- */

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_all(const char *path)
{
    (void)nftw(path, remove_one, OPEN_MAX_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

static void keep_note(struct note watched[WATCHED_MAX], const struct note *note)
{
    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        struct note *at = &watched[i];
        bool here = strcmp(at->path, note->gone ? note->path : "") == 0;
        if (here) {
            memcpy(at->path, note->gone ? "" : note->path, note->gone ? 1 : sizeof(at->path));
            return;
        }
    }
}

/* In the child. */
static void watch_over(int from)
{
    static struct note watched[WATCHED_MAX];
    struct note note;
    (void)setsid(); /* Ctrl-C is not for it */
    (void)dup2(from, STDIN_FILENO);
    (void)close_range(STDIN_FILENO + 1, ~0u, 0); /* who reads what is said shall see its end */
    while (read(STDIN_FILENO, &note, sizeof(note)) == (ssize_t)sizeof(note)) {
        keep_note(watched, &note);
    }
    for (uint32_t i = 0; i < WATCHED_MAX; i++) {
        const char *path = watched[i].path;
        for (int tries = 0; tries < TRIES && path[0] != 0 && access(path, F_OK) == 0; tries++) {
            remove_all(path);
            (void)usleep(PAUSE_US);
        }
    }
    _exit(0);
}

static void start_janitor(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        watch_over(ends[0]);
    }
    (void)close(ends[0]);
    if (pid < 0) {
        (void)close(ends[1]);
        return;
    }
    janitor = ends[1];
}

static void tell_janitor(const char *path, bool gone)
{
    struct note note = {.gone = gone};
    char here[ORDO_BENCH_FOLDER] = "";
    bool relative = path[0] != '/' && getcwd(here, sizeof(here)) != NULL;
    int size = snprintf(note.path, sizeof(note.path), "%s%s%s", here, relative ? "/" : "", path);
    if (janitor >= 0 && size > 0 && (size_t)size < sizeof(note.path)) {
        ssize_t told = send(janitor, &note, sizeof(note), MSG_NOSIGNAL);
        (void)told; /* without it there is nobody to clean up, and the figures are the same */
    }
}

/* ---- for benchmarks ---- */

void ordo_bench_folder_watch(const char *path)
{
    if (janitor < 0) {
        start_janitor();
    }
    tell_janitor(path, false);
}

enum ordo_err
ordo_bench_folder_make(const char *dir, char folder[ORDO_BENCH_FOLDER], struct ordo_fail *fail)
{
    int size = snprintf(folder, ORDO_BENCH_FOLDER, "%s/ordo-bench-XXXXXX", dir);
    if (size < 0 || size >= ORDO_BENCH_FOLDER) {
        folder[0] = 0;
        return ordo_fail_set(fail, ORDO_ERR_CONFIG, "--dir %.80s...: the path is too long", dir);
    }
    if (mkdtemp(folder) == NULL) {
        (void)ordo_fail_set(
            fail, ordo_err_from_errno(errno), "cannot make %s: %s", folder, strerror(errno));
        folder[0] = 0;
        return fail->err;
    }
    ordo_bench_folder_watch(folder);
    return ORDO_OK;
}

void ordo_bench_folder_remove(const char *folder)
{
    if (folder[0] != 0) {
        remove_all(folder);
        tell_janitor(folder, true);
    }
}
