/* The counts lie in a file mapped shared, so that they outlive the process however it ends. One
 * mutex for all names: a build with failpoints measures nothing. What cannot be set up as asked for
 * ends the process with words; a test that silently tests nothing is worse than none. */
#include "base/failpoint.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef ORDO_FAILPOINTS

#define NAMES_MAX  512
#define EXIT_USAGE 64

enum action { ACTION_NONE, ACTION_ABORT, ACTION_DELAY, ACTION_ERROR };

struct hit {
    char name[ORDO_FAILPOINT_NAME_MAX];
    uint64_t count;
};

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    struct hit *hits; /* under mutex, NAMES_MAX of them */
    char name[ORDO_FAILPOINT_NAME_MAX];
    enum action action;
    long value; /* milliseconds, or an errno */
    uint64_t nth;
} points = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};

static void refuse(const char *what, const char *value)
{
    (void)fprintf(stderr, "failpoint: %s: %s\n", what, value);
    _exit(EXIT_USAGE);
}

/* NAME:ACTION[:NTH] */
static void read_order(const char *text)
{
    char copy[128];
    if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
        refuse("ORDO_FAILPOINT is too long", text);
    }
    char *rest = copy;
    const char *name = strsep(&rest, ":");
    const char *action = strsep(&rest, ":");
    const char *nth = strsep(&rest, ":");
    points.nth = nth == NULL ? 1 : strtoull(nth, NULL, 10);
    if (action == NULL || points.nth == 0 || strlen(name) >= sizeof(points.name)) {
        refuse("ORDO_FAILPOINT is NAME:ACTION[:NTH], not", text);
        return;
    }
    memcpy(points.name, name, strlen(name) + 1);
    const char *value = strchr(action, '=');
    size_t length = value == NULL ? strlen(action) : (size_t)(value - action);
    points.value = value == NULL ? 0 : strtol(value + 1, NULL, 10);
    if (length == 5 && memcmp(action, "abort", length) == 0) {
        points.action = ACTION_ABORT;
    } else if (length == 5 && memcmp(action, "delay", length) == 0) {
        points.action = ACTION_DELAY;
    } else if (length == 5 && memcmp(action, "error", length) == 0) {
        points.action = ACTION_ERROR;
        points.value = points.value == 0 ? EIO : points.value;
    } else {
        refuse("the actions are abort, delay=MS, error[=ERRNO], not", action);
    }
}

static void set_up(void)
{
    const char *order = getenv("ORDO_FAILPOINT");
    const char *path = getenv("ORDO_FAILPOINT_HITS");
    size_t size = NAMES_MAX * sizeof(struct hit);
    int fd = -1;
    int flags = MAP_SHARED;
    if (order != NULL && *order != 0) {
        read_order(order);
    }
    if (path != NULL) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
            refuse("cannot make ORDO_FAILPOINT_HITS", path);
        }
    } else {
        flags |= MAP_ANONYMOUS;
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (memory == MAP_FAILED) {
        refuse("no memory for the counts", path == NULL ? "" : path);
    }
    points.hits = memory;
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* How often this name has been passed, this time included. */
static uint64_t count_hit(const char *name)
{
    uint64_t count = 0;
    ORDO_ASSERT(strlen(name) < ORDO_FAILPOINT_NAME_MAX);
    (void)pthread_mutex_lock(&points.mutex);
    for (uint32_t i = 0; i < NAMES_MAX && count == 0; i++) {
        struct hit *hit = &points.hits[i];
        if (hit->name[0] == 0) {
            memcpy(hit->name, name, strlen(name) + 1);
        }
        if (strcmp(hit->name, name) == 0) {
            count = ++hit->count;
        }
    }
    (void)pthread_mutex_unlock(&points.mutex);
    ORDO_ASSERT(count != 0);
    return count;
}

int ordo_failpoint_pass(const char *name)
{
    /* the count of a file that goes on over several lives would never be the n-th again */
    static _Atomic uint64_t own;
    (void)pthread_once(&points.once, set_up);
    (void)count_hit(name);
    if (points.action == ACTION_NONE || strcmp(name, points.name) != 0 || ++own < points.nth) {
        return 0;
    }
    if (own > points.nth && points.action != ACTION_ERROR) {
        return 0;
    }
    if (points.action == ACTION_ABORT) {
        (void)kill(getpid(), SIGKILL);
        (void)pause();
    } else if (points.action == ACTION_DELAY) {
        struct timespec pause_for = {points.value / 1000, points.value % 1000 * 1000000};
        (void)nanosleep(&pause_for, NULL);
        return 0;
    }
    return (int)points.value;
}

#endif
