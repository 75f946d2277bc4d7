/* Ways and sizes take turns, each round from another one on: what a flush costs depends on what the
 * write before it left to flush. Each writes at the next place of a file whose zeros were written
 * ahead, as a segment's are. */
#include "bench/disk_probe.h"

#include "base/arena.h"
#include "base/clock.h"
#include "journal/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_SIZE  (64u << 20)
#define CHUNK      (1u << 20)
#define ROUNDS_MAX 4096u
#define WARM_UP    8u /* rounds that are not counted */
#define OURS       (ORDO_PROBE_WAYS - ORDO_PROBE_OURS)
#define STUCK_NS   (30 * ORDO_NS_PER_S)

const uint32_t ordo_probe_sizes[ORDO_PROBE_SIZES] = {4u << 10, 256u << 10};

struct prober {
    int direct; /* the same file twice; -1 = no O_DIRECT here */
    int cached;
    struct ordo_arena arena;
    struct ordo_disk *disks[OURS]; /* NULL = not possible here */
    struct ordo_waker waker;       /* of this thread, for those without a sleep of their own */
    uint8_t *data;                 /* CHUNK bytes, page aligned */
    uint64_t offset;
    double *times; /* [way][size][round] in us */
    struct ordo_clock clock;
};

const char *ordo_probe_name(enum ordo_probe_way way)
{
    static const char *const names[ORDO_PROBE_WAYS] = {
        "write + fdatasync, page cache",
        "write + fdatasync, O_DIRECT",
        "RWF_DSYNC, page cache",
        "RWF_DSYNC, O_DIRECT",
        "journal: io_uring, RWF_DSYNC",
        "journal: io_uring, linked fdatasync",
        "journal: pwritev2, RWF_DSYNC",
        "journal: pwritev2, fdatasync",
    };
    return names[way];
}

static int write_then_sync(int fd, const uint8_t *data, uint32_t size, uint64_t offset)
{
    if (pwrite(fd, data, size, (off_t)offset) != (ssize_t)size) {
        return errno == 0 ? EIO : errno;
    }
    return fdatasync(fd) != 0 ? errno : 0;
}

static int write_dsync(int fd, const uint8_t *data, uint32_t size, uint64_t offset)
{
    char *base = (char *)(uintptr_t)data; /* struct iovec has no const */
    struct iovec part = {.iov_base = base, .iov_len = size};
    return pwritev2(fd, &part, 1, (off_t)offset, RWF_DSYNC) == (ssize_t)size ? 0
           : errno == 0                                                      ? EIO
                                                                             : errno;
}

/* One completion, awaited as a parked thread of the journal does. */
static uint32_t wait_once(struct prober *p, struct ordo_disk *disk, struct ordo_disk_done *done)
{
    uint32_t count = disk->port->reap(disk, done, 1);
    if (count != 0) {
        return count;
    }
    if (disk->port->sleep != NULL) {
        disk->port->sleep(disk, STUCK_NS);
        return disk->port->reap(disk, done, 1);
    }
    ordo_waker_announce(&p->waker);
    count = disk->port->reap(disk, done, 1);
    if (count != 0) {
        ordo_waker_cancel(&p->waker);
        return count;
    }
    ordo_waker_sleep(&p->waker, STUCK_NS);
    return disk->port->reap(disk, done, 1);
}

/* Through a backend of the journal. */
static int write_ours(struct prober *p, struct ordo_disk *disk, uint32_t size)
{
    const struct ordo_disk_write write = {.data = p->data, .offset = p->offset, .size = size};
    struct ordo_disk_done done;
    uint64_t limit_ns = ordo_clock_monotonic_ns(&p->clock) + STUCK_NS;
    if (disk->port->submit(disk, &write) != ORDO_OK) {
        return EBUSY;
    }
    while (wait_once(p, disk, &done) == 0) {
        if (disk->error != 0 || ordo_clock_monotonic_ns(&p->clock) > limit_ns) {
            return disk->error != 0 ? disk->error : ETIMEDOUT;
        }
    }
    return done.result == (int32_t)size ? 0 : done.result < 0 ? -done.result : EIO;
}

static int write_once(struct prober *p, enum ordo_probe_way way, uint32_t size)
{
    errno = 0;
    switch (way) {
    case ORDO_PROBE_FDATASYNC:
        return write_then_sync(p->cached, p->data, size, p->offset);
    case ORDO_PROBE_DIRECT_FDATASYNC:
        return write_then_sync(p->direct, p->data, size, p->offset);
    case ORDO_PROBE_DSYNC:
        return write_dsync(p->cached, p->data, size, p->offset);
    case ORDO_PROBE_DIRECT_DSYNC:
        return write_dsync(p->direct, p->data, size, p->offset);
    case ORDO_PROBE_URING_DSYNC:
    case ORDO_PROBE_URING_LINKED:
    case ORDO_PROBE_PWRITE_DSYNC:
    case ORDO_PROBE_PWRITE_FDATASYNC:
        return write_ours(p, p->disks[way - ORDO_PROBE_OURS], size);
    case ORDO_PROBE_WAYS:
        break;
    }
    return EINVAL;
}

static bool is_possible(const struct prober *p, enum ordo_probe_way way)
{
    bool direct = way == ORDO_PROBE_DIRECT_FDATASYNC || way == ORDO_PROBE_DIRECT_DSYNC;
    return way >= ORDO_PROBE_OURS ? p->disks[way - ORDO_PROBE_OURS] != NULL
                                  : !direct || p->direct >= 0;
}

static int fill(struct prober *p)
{
    for (uint64_t at = 0; at < FILE_SIZE; at += CHUNK) {
        if (pwrite(p->cached, p->data, CHUNK, (off_t)at) != CHUNK) {
            return errno == 0 ? EIO : errno;
        }
    }
    return fsync(p->cached) != 0 ? errno : 0;
}

static int run_round(struct prober *p, uint32_t round, uint32_t rounds)
{
    for (uint32_t size = 0; size < ORDO_PROBE_SIZES; size++) {
        for (uint32_t i = 0; i < ORDO_PROBE_WAYS; i++) {
            uint32_t way = (i + round) % ORDO_PROBE_WAYS;
            if (!is_possible(p, (enum ordo_probe_way)way)) {
                continue;
            }
            uint32_t bytes = ordo_probe_sizes[size];
            if (p->offset + bytes > FILE_SIZE) {
                p->offset = 0;
            }
            uint64_t begin_ns = ordo_clock_monotonic_ns(&p->clock);
            int error = write_once(p, (enum ordo_probe_way)way, bytes);
            uint64_t spent_ns = ordo_clock_monotonic_ns(&p->clock) - begin_ns;
            if (error != 0) {
                return error;
            }
            p->offset += bytes;
            if (round >= WARM_UP) {
                size_t row = (size_t)way * ORDO_PROBE_SIZES + size;
                p->times[row * rounds + round - WARM_UP] = (double)spent_ns / 1e3;
            }
        }
    }
    return 0;
}

static void summarise(struct prober *p, uint32_t rounds, struct ordo_probe *probe)
{
    for (uint32_t way = 0; way < ORDO_PROBE_WAYS; way++) {
        probe->tried[way] = is_possible(p, (enum ordo_probe_way)way);
        for (uint32_t size = 0; size < ORDO_PROBE_SIZES && probe->tried[way]; size++) {
            const double *times = p->times + ((size_t)way * ORDO_PROBE_SIZES + size) * rounds;
            probe->median_us[way][size] = ordo_quantile(times, rounds, 0.5);
            probe->p99_us[way][size] = ordo_quantile(times, rounds, 0.99);
        }
    }
}

static void open_ours(struct prober *p)
{
    ordo_arena_init(&p->arena);
    ordo_waker_init(&p->waker);
    for (int i = 0; i < OURS; i++) {
        struct ordo_fail why; /* what a system denies is told as "not possible here" */
        bool linked = i + ORDO_PROBE_OURS == ORDO_PROBE_URING_LINKED;
        bool uring = linked || i + ORDO_PROBE_OURS == ORDO_PROBE_URING_DSYNC;
        bool fdatasync = linked || i + ORDO_PROBE_OURS == ORDO_PROBE_PWRITE_FDATASYNC;
        const struct ordo_disk_config config = {
            .arena = &p->arena,
            .buffers = p->data,
            .buffer_size = CHUNK,
            .buffer_count = 1,
            .flush = true,
            .method = fdatasync ? ORDO_FLUSH_FDATASYNC : ORDO_FLUSH_DSYNC,
        };
        enum ordo_err err = uring ? ordo_disk_uring_open(&config, &p->disks[i], &why)
                                  : ordo_disk_sync_open(&config, &p->disks[i], &why);
        if (err != ORDO_OK) {
            p->disks[i] = NULL;
            continue;
        }
        p->disks[i]->waker = &p->waker;
        p->disks[i]->port->use_file(p->disks[i], p->direct >= 0 ? p->direct : p->cached);
    }
}

static void close_ours(struct prober *p)
{
    for (int i = 0; i < OURS; i++) {
        if (p->disks[i] != NULL) {
            p->disks[i]->port->close(p->disks[i]);
        }
    }
    ordo_arena_fini(&p->arena);
}

enum ordo_err
ordo_probe_run(const char *dir, uint32_t rounds, struct ordo_probe *probe, struct ordo_fail *fail)
{
    char path[1024];
    void *memory = NULL;
    struct prober p = {.direct = -1, .cached = -1, .clock = ordo_clock_system()};
    *probe = (struct ordo_probe){0};
    if (rounds == 0 || rounds > ROUNDS_MAX) {
        return ordo_fail_set(fail, ORDO_ERR_INVALID, "a probe has 1 to %u rounds", ROUNDS_MAX);
    }
    (void)snprintf(path, sizeof(path), "%s/ordo-probe.tmp", dir);
    p.times = calloc((size_t)ORDO_PROBE_WAYS * ORDO_PROBE_SIZES * rounds, sizeof(double));
    int error = posix_memalign(&memory, 4096, CHUNK);
    if (p.times == NULL || error != 0) {
        free(p.times);
        free(memory);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a probe");
    }
    p.data = memory;
    memset(p.data, 0, CHUNK);
    p.cached = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    error = p.cached < 0 ? errno : fill(&p);
    p.direct = error != 0 ? -1 : open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    open_ours(&p);
    for (size_t i = 0; i < CHUNK; i++) {
        p.data[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (uint32_t round = 0; error == 0 && round < rounds + WARM_UP; round++) {
        error = run_round(&p, round, rounds);
    }
    if (error == 0) {
        summarise(&p, rounds, probe);
    }
    close_ours(&p);
    if (p.direct >= 0) {
        (void)close(p.direct);
    }
    if (p.cached >= 0) {
        (void)close(p.cached);
        (void)unlink(path);
    }
    free(p.times);
    free(p.data);
    return error == 0
               ? ORDO_OK
               : ordo_fail_set(
                     fail, ordo_err_from_errno(error), "probing %s: %s", path, strerror(error));
}
