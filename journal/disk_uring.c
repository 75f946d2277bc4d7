/* The default backend: the journal's thread submits to an io_uring, reaps from it, and sleeps in
 * it. The only file that includes liburing.
 *
 * - A commit is one write with RWF_DSYNC, unless configured otherwise: half the CPU of a write
 *   linked to an fsync (no kernel worker) at the same rate, on the disks that were measured.
 * - The other method is a write linked to an fsync of its data. The link is a soft one: after a
 *   write that failed or was short the kernel cancels the flush. Both completions are awaited, and
 *   the write counts when both are good. A pair is one only within one submission: where the kernel
 *   takes the write and leaves the flush in the queue, that flush would be free to run before the
 *   write. It is made a no-op then, and the flush is asked for when the write has completed.
 * - The ring is made by the starter but belongs to the journal's thread (SINGLE_ISSUER): it is
 *   created disabled, and enabled by the first call of that thread.
 * - COOP_TASKRUN saves interrupts; TASKRUN_FLAG makes peeking notice what waits in the kernel. With
 *   the first alone, completions sit there until the next tick (4 ms).
 * - EAGAIN and EBUSY leave the entry in the submission queue: it is submitted again by the next
 *   reap or sleep, for STALL_MAX_NS, then the backend counts as broken. EINTR is repeated. The
 *   completion queue is four times what can be in flight, and an overflow is kept by the kernel
 *   (NODROP) and flushed by the peek.
 * - A linked fsync is done by a worker of the kernel, which may run anywhere, also where the
 *   journal's thread is pinned. Then it is sent to the other processors. A write with RWF_DSYNC
 *   needs no worker.
 * - Sleep ends at a completion or at a wake: a read of an eventfd is kept armed while sleeping. */
#include "journal/disk.h"

#include "base/assert.h"

#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES         64u
#define EINTR_MAX       64
#define STALL_MAX_NS    5000000000ull
#define CLOSE_TRIES_MAX 10000 /* of a millisecond each */
#define SLEEP_MAX_NS    3600000000000ull
#define WAKE_TAG        UINT64_MAX
#define NO_TAG          (UINT64_MAX - 1)
#define FLUSH_BIT       (1ull << 32) /* in user_data, beside a tag: the flush behind that write */
#define ALONE_BIT       (1ull << 33) /* and it is not linked to it */

_Static_assert(
    ENTRIES >= 2 * ORDO_DISK_IN_FLIGHT_MAX + 1, "all writes, their flushes and the armed read fit");

/* A write that is flushed by an entry of its own. */
struct pair {
    uint32_t size;
    int32_t written; /* the write's result */
    bool is_written; /* it is known */
    bool parted;     /* the flush has to be asked for when the write has completed */
};

struct uring_disk {
    struct ordo_disk disk; /* first: the port hands this out */
    struct io_uring ring;
    bool enabled; /* by the journal's thread */
    bool fixed_buffers;
    bool fixed_file;
    bool armed;  /* a read of the eventfd is in the ring */
    bool linked; /* writes are flushed by a linked fsync */
    bool sent;   /* its workers, away from this thread's processor */
    int flags;
    int fd;
    int event_fd;
    uint64_t event; /* the armed read's target */
    uint64_t stalled_ns;
    uint32_t in_flight;
    struct pair pairs[ORDO_DISK_IN_FLIGHT_MAX]; /* by tag */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* On the journal's thread: the workers are its own. Without, all works as well. */
static void send_workers_elsewhere(struct uring_disk *self)
{
    cpu_set_t own;
    cpu_set_t others;
    if (sched_getaffinity(0, sizeof(own), &own) != 0 || CPU_COUNT(&own) != 1) {
        return; /* not pinned */
    }
    CPU_ZERO(&others);
    size_t count = (size_t)get_nprocs_conf();
    for (size_t cpu = 0; cpu < count && cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &own)) {
            CPU_SET(cpu, &others);
        }
    }
    if (CPU_COUNT(&others) != 0) {
        (void)io_uring_register_iowq_aff(&self->ring, sizeof(others), &others);
    }
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
    if (self->linked && !self->sent) {
        self->sent = true;
        send_workers_elsewhere(self);
    }
}

/* After a submission: the queue must not begin with a linked flush whose write is gone, see the
 * top. What the kernel has not taken it has not looked at. */
static void part_pair(struct uring_disk *self)
{
    if (io_uring_sq_ready(&self->ring) == 0) {
        return;
    }
    uint32_t head = *self->ring.sq.khead; /* moves only while this thread is in the kernel */
    struct io_uring_sqe *first = &self->ring.sq.sqes[head & *self->ring.sq.kring_mask];
    if (first->opcode == IORING_OP_FSYNC && (first->user_data & ALONE_BIT) == 0) {
        struct pair *pair = &self->pairs[(uint32_t)first->user_data];
        ORDO_ASSERT(!pair->parted);
        pair->parted = true;
        io_uring_prep_nop(first);
        io_uring_sqe_set_data64(first, NO_TAG);
    }
}

/* Hands over what stands in the submission queue. */
static void flush_submissions(struct uring_disk *self)
{
    int result = -EINTR;
    for (int i = 0; i < EINTR_MAX && result == -EINTR; i++) {
        result = io_uring_submit(&self->ring);
        part_pair(self);
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

static bool queue_flush(struct uring_disk *self, uint64_t data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_fsync(sqe, self->fixed_file ? 0 : self->fd, IORING_FSYNC_DATASYNC);
    if (self->fixed_file) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    io_uring_sqe_set_data64(sqe, data);
    return true;
}

static enum ordo_err uring_submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    ORDO_ASSERT(write->tag < ORDO_DISK_IN_FLIGHT_MAX);
    enable(self);
    if (self->in_flight == ORDO_DISK_IN_FLIGHT_MAX || io_uring_sq_space_left(&self->ring) < 2) {
        return ORDO_ERR_FULL;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
    ORDO_ASSERT(sqe != NULL);
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
    if (self->linked) {
        sqe->flags |= IOSQE_IO_LINK;
        self->pairs[write->tag] = (struct pair){.size = write->size};
        bool queued = queue_flush(self, write->tag | FLUSH_BIT);
        ORDO_ASSERT(queued);
    }
    self->in_flight++;
    flush_submissions(self);
    return self->disk.error == 0 ? ORDO_OK : ORDO_ERR_IO;
}

/* One completion of a pair: true when it is the last, with what became of the whole. */
static bool
complete_pair(struct uring_disk *self, uint64_t data, int32_t result, struct ordo_disk_done *done)
{
    struct pair *pair = &self->pairs[(uint32_t)data];
    *done = (struct ordo_disk_done){.tag = (uint32_t)data, .result = pair->written};
    if ((data & FLUSH_BIT) == 0) {
        ORDO_ASSERT(!pair->is_written);
        pair->is_written = true;
        pair->written = done->result = result;
        if (!pair->parted || result != (int32_t)pair->size) {
            return pair->parted; /* its flush is canceled or done, and says so itself */
        }
        if (!queue_flush(self, data | FLUSH_BIT | ALONE_BIT)) {
            done->result = -EBUSY;
            return true;
        }
        flush_submissions(self);
        return false;
    }
    if (!pair->is_written) {
        done->result = -EIO; /* a flush before its write says nothing of it */
    } else if (pair->written == (int32_t)pair->size && result < 0) {
        done->result = result;
    }
    return true;
}

static bool
complete(struct uring_disk *self, const struct io_uring_cqe *cqe, struct ordo_disk_done *done)
{
    if (cqe->user_data == WAKE_TAG) {
        self->armed = false;
        return false;
    }
    if (cqe->user_data == NO_TAG) {
        return false;
    }
    if (self->linked) {
        return complete_pair(self, cqe->user_data, cqe->res, done);
    }
    *done = (struct ordo_disk_done){.tag = (uint32_t)cqe->user_data, .result = cqe->res};
    return true;
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
        if (complete(self, cqe, &done[count])) {
            ORDO_ASSERT(self->in_flight > 0);
            self->in_flight--;
            count++;
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
    part_pair(self);
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
    bool dsync = config->flush && config->method == ORDO_FLUSH_DSYNC;
    *self = (struct uring_disk){
        .disk = {.port = &uring_port, .name = "io_uring"},
        .fd = -1,
        .linked = config->flush && !dsync,
        .flags = dsync ? RWF_DSYNC : 0,
        .event_fd = eventfd(0, EFD_CLOEXEC),
    };
    self->disk.flush_name = dsync ? "RWF_DSYNC" : self->linked ? "linked fdatasync" : "no flush";
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
