/* The default backend: the journal's thread submits to an io_uring, reaps from it, and sleeps in
 * it. The only file that includes liburing.
 *
 * - A commit is one write with RWF_DSYNC, not a write linked to an fsync: half the CPU (no kernel
 *   worker) at the same rate, and no way for the flush to run over a short write, which is what a
 *   hard link does.
 * - The ring is made by the starter but belongs to the journal's thread (SINGLE_ISSUER): it is
 *   created disabled, and enabled by the first call of that thread.
 * - COOP_TASKRUN saves interrupts; TASKRUN_FLAG makes peeking notice what waits in the kernel. With
 *   the first alone, completions sit there until the next tick (4 ms).
 * - EAGAIN and EBUSY leave the entry in the submission queue: it is submitted again by the next
 *   reap or sleep, for STALL_MAX_NS, then the backend counts as broken. EINTR is repeated. The
 *   completion queue is four times what can be in flight, and an overflow is kept by the kernel
 *   (NODROP) and flushed by the peek.
 * - Sleep ends at a completion or at a wake: a read of an eventfd is kept armed while sleeping. */
#include "journal/disk.h"

#include "base/assert.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES         32u
#define EINTR_MAX       64
#define STALL_MAX_NS    5000000000ull
#define CLOSE_TRIES_MAX 10000 /* of a millisecond each */
#define SLEEP_MAX_NS    3600000000000ull
#define WAKE_TAG        UINT64_MAX

_Static_assert(ENTRIES >= ORDO_DISK_IN_FLIGHT_MAX + 1, "all writes and the armed read fit");

struct uring_disk {
    struct ordo_disk disk; /* first: the port hands this out */
    struct io_uring ring;
    bool enabled; /* by the journal's thread */
    bool fixed_buffers;
    bool fixed_file;
    bool armed; /* a read of the eventfd is in the ring */
    int flags;
    int fd;
    int event_fd;
    uint64_t event; /* the armed read's target */
    uint64_t stalled_ns;
    uint32_t in_flight;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void enable(struct uring_disk *self)
{
    if (!self->enabled) {
        /* Declared by liburing 2.3 as io_uring_enable_rings(), but not exported by its library. */
        long result = syscall(
            __NR_io_uring_register, self->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
        if (result < 0) {
            self->disk.error = errno;
        }
        self->enabled = true;
    }
}

/* Hands over what stands in the submission queue. */
static void flush_submissions(struct uring_disk *self)
{
    int result = -EINTR;
    for (int i = 0; i < EINTR_MAX && result == -EINTR; i++) {
        result = io_uring_submit(&self->ring);
    }
    if (io_uring_sq_ready(&self->ring) == 0) {
        self->stalled_ns = 0;
        return;
    }
    if (result < 0 && result != -EAGAIN && result != -EBUSY && result != -EINTR) {
        self->disk.error = -result;
        return;
    }
    uint64_t now = now_ns();
    if (self->stalled_ns == 0) {
        self->stalled_ns = now;
    } else if (now - self->stalled_ns > STALL_MAX_NS) {
        self->disk.error = result < 0 ? -result : EAGAIN;
    }
}

static enum ordo_err uring_submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    enable(self);
    struct io_uring_sqe *sqe =
        self->in_flight < ORDO_DISK_IN_FLIGHT_MAX ? io_uring_get_sqe(&self->ring) : NULL;
    if (sqe == NULL) {
        return ORDO_ERR_FULL;
    }
    int file = self->fixed_file ? 0 : self->fd;
    if (self->fixed_buffers) {
        io_uring_prep_write_fixed(
            sqe, file, write->data, write->size, write->offset, (int)write->buffer);
    } else {
        io_uring_prep_write(sqe, file, write->data, write->size, write->offset);
    }
    sqe->rw_flags = self->flags;
    if (self->fixed_file) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    io_uring_sqe_set_data64(sqe, write->tag);
    self->in_flight++;
    flush_submissions(self);
    return self->disk.error == 0 ? ORDO_OK : ORDO_ERR_IO;
}

static uint32_t uring_reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    if (!self->enabled) {
        return 0;
    }
    if (io_uring_sq_ready(&self->ring) != 0) {
        flush_submissions(self);
    }
    uint32_t count = 0;
    while (count < max) {
        struct io_uring_cqe *cqe;
        if (io_uring_peek_cqe(&self->ring, &cqe) != 0) {
            break;
        }
        if (cqe->user_data == WAKE_TAG) {
            self->armed = false;
        } else {
            ORDO_ASSERT(self->in_flight > 0);
            self->in_flight--;
            done[count++] =
                (struct ordo_disk_done){.tag = (uint32_t)cqe->user_data, .result = cqe->res};
        }
        io_uring_cqe_seen(&self->ring, cqe);
    }
    return count;
}

static void uring_use_file(struct ordo_disk *disk, int fd)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    ORDO_ASSERT(self->in_flight == 0);
    self->fd = fd;
    if (self->fixed_file && io_uring_register_files_update(&self->ring, 0, &fd, 1) != 1) {
        self->fixed_file = false; /* a plain descriptor costs some 30 ns more */
    }
}

static void uring_sleep(struct ordo_disk *disk, uint64_t timeout_ns)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    enable(self);
    if (!self->armed) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
        if (sqe == NULL) {
            return; /* the queue is stuck: the next reap decides */
        }
        io_uring_prep_read(sqe, self->event_fd, &self->event, sizeof(self->event), 0);
        io_uring_sqe_set_data64(sqe, WAKE_TAG);
        self->armed = true;
    }
    uint64_t limit = timeout_ns < SLEEP_MAX_NS ? timeout_ns : SLEEP_MAX_NS;
    struct __kernel_timespec time = {
        .tv_sec = (long long)(limit / 1000000000u), .tv_nsec = (long long)(limit % 1000000000u)};
    struct io_uring_cqe *cqe;
    /* Any result is fine: the caller looks for work and may come back; what could not be submitted
     * stays in the queue for the next reap. */
    (void)io_uring_submit_and_wait_timeout(&self->ring, &cqe, 1, &time, NULL);
}

static void uring_wake(struct ordo_disk *disk)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the sleeper is awake. */
    ssize_t written = write(self->event_fd, &one, sizeof(one));
    (void)written;
}

/* Completions are awaited by looking, not in the kernel: the caller need not be the ring's thread.
 */
static void uring_close(struct ordo_disk *disk)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    for (int i = 0; i < CLOSE_TRIES_MAX && self->in_flight > 0 && self->disk.error == 0; i++) {
        if (uring_reap(disk, done, ORDO_DISK_IN_FLIGHT_MAX) == 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
    io_uring_queue_exit(&self->ring);
    (void)close(self->event_fd);
}

static const struct ordo_disk_port uring_port = {
    .submit = uring_submit,
    .reap = uring_reap,
    .use_file = uring_use_file,
    .sleep = uring_sleep,
    .wake = uring_wake,
    .close = uring_close,
};

/* The best ring that this kernel gives; older ones lack the newer flags. */
static int make_ring(struct uring_disk *self)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_R_DISABLED,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int result = -EINVAL;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && result == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = flags[i] | IORING_SETUP_CQSIZE, .cq_entries = 2 * ENTRIES};
        result = io_uring_queue_init_params(ENTRIES, &self->ring, &params);
        if (result == 0 && (~params.features & (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP)) != 0) {
            io_uring_queue_exit(&self->ring);
            return -ENOSYS; /* before 5.11: no way to sleep with a time limit */
        }
        self->enabled = (flags[i] & IORING_SETUP_R_DISABLED) == 0;
    }
    return result;
}

/* Pinning pages and looking up the file once saves both at each write; a low limit on locked memory
 * only costs that saving. */
static void register_resources(struct uring_disk *self, const struct ordo_disk_config *config)
{
    struct iovec parts[ORDO_DISK_IN_FLIGHT_MAX];
    for (uint32_t i = 0; i < config->buffer_count; i++) {
        parts[i] = (struct iovec){
            .iov_base = config->buffers + i * config->buffer_size, .iov_len = config->buffer_size};
    }
    self->fixed_buffers = io_uring_register_buffers(&self->ring, parts, config->buffer_count) == 0;
    int none = -1;
    self->fixed_file = io_uring_register_files(&self->ring, &none, 1) == 0;
}

enum ordo_err ordo_disk_uring_open(
    const struct ordo_disk_config *config, struct ordo_disk **out, struct ordo_fail *fail)
{
    ORDO_ASSERT(config->buffer_count <= ORDO_DISK_IN_FLIGHT_MAX);
    void *memory;
    if (ordo_arena_alloc(config->arena, "journal disk", 1, sizeof(struct uring_disk), &memory) !=
        ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the journal's disk queue");
    }
    struct uring_disk *self = memory;
    *self = (struct uring_disk){
        .disk = {.port = &uring_port, .name = "io_uring"},
        .fd = -1,
        .flags = config->flush ? RWF_DSYNC : 0,
        .event_fd = eventfd(0, EFD_CLOEXEC),
    };
    if (self->event_fd < 0) {
        return ordo_fail_set(fail, ORDO_ERR_UNAVAILABLE, "eventfd failed: %s", strerror(errno));
    }
    int result = make_ring(self);
    if (result != 0) {
        (void)close(self->event_fd);
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "io_uring is not available here (%s): allow it, or choose the pwrite backend",
            strerror(-result));
    }
    register_resources(self, config);
    *out = &self->disk;
    return ORDO_OK;
}
