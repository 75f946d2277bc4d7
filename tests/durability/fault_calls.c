/* See fault_calls.h. Time is wrapped, too: a queue that takes nothing for five seconds is broken,
 * and no test waits that long. */
#include "fault_calls.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h> /* tidy: allow package-header (its calls are made to fail) */
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define SPOIL_MAX 65536

static struct {
    struct fault fault; /* set while no other thread is there */
    bool armed;
    _Atomic uint32_t calls;
    _Atomic uint32_t hits;
    _Atomic int64_t seconds; /* that have passed without anybody waiting */
} faults;

static _Thread_local int own_place = -1;

static const int errnos[FAULT_KIND_COUNT] = {EIO, ENOSPC, EINTR, EAGAIN, ECANCELED, EBUSY, 0, 0, 0};

void fault_arm(const struct fault *fault)
{
    faults.armed = fault != NULL;
    faults.calls = faults.hits = 0;
    if (fault != NULL) {
        faults.fault = *fault;
    }
}

uint32_t fault_calls(void)
{
    return faults.calls;
}

uint32_t fault_hits(void)
{
    return faults.hits;
}

static enum fault_place place_of_thread(void)
{
    if (own_place < 0) {
        char name[16] = "";
        (void)pthread_getname_np(pthread_self(), name, sizeof(name));
        own_place = strcmp(name, "ordo-jahead") == 0   ? PLACE_PREPARER
                    : strcmp(name, "ordo-jwrite") == 0 ? PLACE_WRITER
                                                       : PLACE_STARTER;
    }
    return (enum fault_place)own_place;
}

/* True when this call is to fail. */
static bool is_hit(enum fault_place place, bool can_be_short)
{
    if (!faults.armed || place != faults.fault.place ||
        (!can_be_short && errnos[faults.fault.kind] == 0)) {
        return false;
    }
    uint32_t count = ++faults.calls;
    bool hit = faults.fault.for_ever ? count >= faults.fault.at : count == faults.fault.at;
    faults.hits += hit ? 1 : 0;
    return hit;
}

static size_t short_size(size_t size)
{
    switch ((int)faults.fault.kind) {
    case FAULT_SHORT_ONE:
        return 1;
    case FAULT_SHORT_HALF:
        return size / 2;
    default:
        return size - 1;
    }
}

static int fail(void)
{
    errno = errnos[faults.fault.kind];
    return -1;
}

#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

WRAP(ssize_t, pwrite, int fd, const void *data, size_t size, off_t offset);

/* Noise over what the medium may hold of a write that did not succeed, past its good part. */
static void spoil(int fd, uint64_t offset, size_t size, size_t good)
{
    static _Thread_local _Alignas(4096) uint8_t noise[SPOIL_MAX];
    size_t from = (good + 511) / 512 * 512;
    if (!faults.fault.spoils || size > SPOIL_MAX || from >= size) {
        return;
    }
    memset(noise, 0xe7, sizeof(noise));
    (void)__real_pwrite(fd, noise, size - from, (off_t)(offset + from));
}

WRAP(int, openat, int dir, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return is_hit(place_of_thread(), false) ? fail() : __real_openat(dir, name, flags, mode);
}

/* A short read gives what it read; the rest of the caller's memory is left as it was. */
WRAP(ssize_t, pread, int fd, void *out, size_t size, off_t offset)
{
    if (!is_hit(place_of_thread(), true)) {
        return __real_pread(fd, out, size, offset);
    }
    if (errnos[faults.fault.kind] != 0) {
        return fail();
    }
    ssize_t got = __real_pread(fd, out, size, offset);
    return got <= 1 ? got : (ssize_t)short_size((size_t)got);
}

WRAP(ssize_t, __pread_chk, int fd, void *out, size_t size, off_t offset, size_t room)
{
    (void)room;
    return __wrap_pread(fd, out, size, offset);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (!is_hit(place_of_thread(), true)) {
        return __real_pwrite(fd, data, size, offset);
    }
    if (errnos[faults.fault.kind] != 0) {
        return fail();
    }
    ssize_t got = __real_pwrite(fd, data, size, offset);
    return got <= 1 ? got : (ssize_t)short_size((size_t)got);
}

WRAP(ssize_t, pwritev2, int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    ORDO_ASSERT(count == 1);
    if (!is_hit(PLACE_WRITER, true)) {
        return __real_pwritev2(fd, parts, count, offset, flags);
    }
    size_t size = parts[0].iov_len;
    if (errnos[faults.fault.kind] != 0) {
        spoil(fd, (uint64_t)offset, size, 0);
        return fail();
    }
    ssize_t got = __real_pwritev2(fd, parts, count, offset, flags);
    if (got <= 1) {
        return got;
    }
    spoil(fd, (uint64_t)offset, size, short_size(size));
    return (ssize_t)short_size(size);
}

#define WRAP_PLAIN(name, parameters, arguments)                                                    \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return is_hit(place_of_thread(), false) ? fail() : __real_##name arguments;                \
    }

WRAP_PLAIN(fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
WRAP_PLAIN(fsync, (int fd), (fd))
WRAP_PLAIN(fdatasync, (int fd), (fd))
WRAP_PLAIN(
    renameat, (int dir, const char *name, int to_dir, const char *to), (dir, name, to_dir, to))
WRAP_PLAIN(fstat, (int fd, struct stat *out), (fd, out))
WRAP_PLAIN(flock, (int fd, int operation), (fd, operation))

WRAP(int, io_uring_submit, struct io_uring *ring)
{
    if (!is_hit(PLACE_SUBMIT, false)) {
        return __real_io_uring_submit(ring);
    }
    faults.seconds++;
    return -errnos[faults.fault.kind];
}

WRAP(int, clock_gettime, clockid_t id, struct timespec *out)
{
    int result = __real_clock_gettime(id, out);
    out->tv_sec += id == CLOCK_MONOTONIC ? faults.seconds : 0;
    return result;
}

/* Retries with a pause are tried without it. */
WRAP(int, nanosleep, const struct timespec *time, struct timespec *left)
{
    return faults.armed ? sched_yield() : __real_nanosleep(time, left);
}

/* ---- completions ---- */

struct fault_disk {
    struct ordo_disk disk; /* first: the port hands this out */
    struct ordo_disk *inner;
    int fd;
    struct ordo_disk_write writes[ORDO_DISK_IN_FLIGHT_MAX]; /* by tag */
};

static enum ordo_err submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct fault_disk *self = (struct fault_disk *)disk;
    self->writes[write->tag] = *write;
    enum ordo_err err = self->inner->port->submit(self->inner, write);
    disk->error = self->inner->error;
    return err;
}

static uint32_t reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct fault_disk *self = (struct fault_disk *)disk;
    uint32_t count = self->inner->port->reap(self->inner, done, max);
    disk->error = self->inner->error;
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_disk_write *write = &self->writes[done[i].tag];
        if (done[i].result < 0 || !is_hit(PLACE_COMPLETION, true)) {
            continue;
        }
        int error = errnos[faults.fault.kind];
        size_t good = error != 0 ? 0 : short_size(write->size);
        spoil(self->fd, write->offset, write->size, good);
        done[i].result = error != 0 ? -error : (int32_t)good;
    }
    return count;
}

static void use_file(struct ordo_disk *disk, int fd)
{
    struct fault_disk *self = (struct fault_disk *)disk;
    self->fd = fd;
    self->inner->port->use_file(self->inner, fd);
}

static void close_inner(struct ordo_disk *disk)
{
    struct fault_disk *self = (struct fault_disk *)disk;
    self->inner->port->close(self->inner);
}

static const struct ordo_disk_port port = {
    .submit = submit, .reap = reap, .use_file = use_file, .close = close_inner};

struct ordo_disk *fault_wrap(struct ordo_disk *inner, struct ordo_arena *arena)
{
    void *memory;
    enum ordo_err err = ordo_arena_alloc(arena, "fault", 1, sizeof(struct fault_disk), &memory);
    ORDO_ASSERT(err == ORDO_OK);
    struct fault_disk *self = memory;
    *self =
        (struct fault_disk){.disk = {.port = &port, .name = inner->name}, .inner = inner, .fd = -1};
    return &self->disk;
}
