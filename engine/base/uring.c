/* The only file that includes liburing.
 *
 * - The ring is made by the starter and belongs to another thread (SINGLE_ISSUER): it is created
 *   disabled, and enabled by the first call of that thread.
 * - DEFER_TASKRUN (6.1) puts completions up only when the owner asks, so they come in batches and
 *   interrupt nobody; COOP_TASKRUN (5.19) is the next best. TASKRUN_FLAG makes peeking notice what
 *   waits in the kernel. Without it completions sit there until the next tick (4 ms).
 * - EAGAIN and EBUSY leave entries in the submission queue: they are submitted again by the next
 *   poll or sleep, for STALL_MAX_NS, then the ring counts as broken. EINTR is repeated. An overflow
 *   of the completion queue is kept by the kernel (NODROP) and flushed by the peek.
 * - A linked pair is one only within one submission: where the kernel takes the write and leaves
 *   the flush in the queue, that flush would be free to run before the write. It is made a no-op
 *   then, and its callback is told.
 * - Sleep ends at a completion or at a wake: a read of an eventfd is kept armed.
 * - When a thread ends, the kernel cancels what it has in rings and waits for it; that is why a
 *   close after the end of the owner has nothing to wait for. */
#include "base/uring.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/clock.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define ENTRIES_MAX     1024u /* of the submission queue: what one system call hands over */
#define COMPLETIONS_MAX 16384u
#define BUFFERS_MAX     16u
#define PARTED_MAX      64u
#define EINTR_MAX       64
#define POLL_MAX        1024u /* callbacks of one poll: who polls has other work, too */
#define STALL_MAX_NS    (5 * ORDO_NS_PER_S)
#define SLEEP_MAX_NS    (3600 * ORDO_NS_PER_S)
#define NAMED_FILE      0

struct ordo_uring {
    struct io_uring ring;
    pthread_t owner;
    atomic_bool owned; /* the owner is set */
    bool polling;
    int error;
    int event_fd;
    uint64_t event; /* the armed read's target */
    bool armed;     /* a read of the eventfd is in the ring */
    uint64_t stalled_ns;
    uint32_t in_flight;
    struct ordo_uring_op wake;
    struct ordo_uring_op nobody;              /* whose result nobody wants */
    struct ordo_uring_op *parted[PARTED_MAX]; /* flushes that were taken out of the queue */
    uint32_t parted_count;
};

static uint64_t now_ns(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock);
}

static void on_wake(void *self, int32_t result, uint32_t flags)
{
    struct ordo_uring *ring = self;
    (void)result;
    (void)flags;
    ring->armed = false;
}

static void on_nobody(void *self, int32_t result, uint32_t flags)
{
    (void)self;
    (void)result;
    (void)flags;
}

static void own(struct ordo_uring *ring)
{
    if (ORDO_LIKELY(atomic_load_explicit(&ring->owned, memory_order_relaxed))) {
        ORDO_DASSERT(pthread_equal(ring->owner, pthread_self()));
        return;
    }
    ring->owner = pthread_self();
    atomic_store_explicit(&ring->owned, true, memory_order_release);
    if ((ring->ring.flags & IORING_SETUP_R_DISABLED) != 0) {
        /* Declared by liburing 2.3 as io_uring_enable_rings(), but not exported by its library. */
        long result = syscall(
            __NR_io_uring_register, ring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
        ring->error = result < 0 ? errno : 0;
    }
}

bool ordo_uring_is_mine(const struct ordo_uring *ring)
{
    return !atomic_load_explicit(&ring->owned, memory_order_acquire) ||
           pthread_equal(ring->owner, pthread_self());
}

/* The queue must not begin with a linked flush whose write is gone, see the top. What the kernel
 * has not taken it has not looked at. A flush that stood alone is asked for once more, no harm. */
static void part_pair(struct ordo_uring *ring)
{
    if (io_uring_sq_ready(&ring->ring) == 0 || ring->parted_count == PARTED_MAX) {
        return;
    }
    uint32_t head = *ring->ring.sq.khead; /* moves only while this thread is in the kernel */
    struct io_uring_sqe *first = &ring->ring.sq.sqes[head & *ring->ring.sq.kring_mask];
    if (first->opcode == IORING_OP_FSYNC) {
        ring->parted[ring->parted_count++] = (struct ordo_uring_op *)(uintptr_t)first->user_data;
        io_uring_prep_nop(first);
        io_uring_sqe_set_data(first, &ring->nobody);
    }
}

/* What a submission left behind: nothing, a queue to try again, or a broken ring. */
static void note_submission(struct ordo_uring *ring, int result)
{
    if (io_uring_sq_ready(&ring->ring) == 0) {
        ring->stalled_ns = 0;
        return;
    }
    if (result < 0 && (result != -EAGAIN || ORDO_CANARY(eagain_is_final)) && result != -EBUSY &&
        result != -EINTR) {
        ring->error = -result;
        return;
    }
    uint64_t now = now_ns();
    if (ring->stalled_ns == 0) {
        ring->stalled_ns = now;
    } else if (now - ring->stalled_ns > STALL_MAX_NS) {
        ring->error = result < 0 ? -result : EAGAIN;
    }
}

void ordo_uring_submit(struct ordo_uring *ring)
{
    int result = -EINTR;
    own(ring);
    for (int i = 0; i < EINTR_MAX && result == -EINTR && ring->error == 0; i++) {
        result = io_uring_submit(&ring->ring);
        part_pair(ring);
    }
    note_submission(ring, result);
}

/* Submits and lets the kernel put up what is complete; cheap when there is neither. */
static void enter(struct ordo_uring *ring)
{
    unsigned flags = IO_URING_READ_ONCE(*ring->ring.sq.kflags);
    bool waiting = (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    if (io_uring_sq_ready(&ring->ring) == 0 && !waiting) {
        return;
    }
    int result = -EINTR;
    for (int i = 0; i < EINTR_MAX && result == -EINTR && ring->error == 0; i++) {
        result = io_uring_submit_and_get_events(&ring->ring);
        part_pair(ring);
    }
    note_submission(ring, result);
}

uint32_t ordo_uring_poll(struct ordo_uring *ring)
{
    own(ring);
    ORDO_ASSERT(!ring->polling);
    ring->polling = true;
    enter(ring);
    uint32_t count = 0;
    unsigned ready = io_uring_cq_ready(&ring->ring);
    for (; count < ready && count < POLL_MAX; count++) {
        struct io_uring_cqe *cqe = NULL;
        if (io_uring_peek_cqe(&ring->ring, &cqe) != 0 || cqe == NULL) {
            break;
        }
        struct ordo_uring_op *op = io_uring_cqe_get_data(cqe);
        int32_t result = cqe->res;
        uint32_t flags = ((cqe->flags & IORING_CQE_F_MORE) != 0 ? ORDO_URING_MORE : 0) |
                         ((cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0 ? ORDO_URING_NONEMPTY : 0);
        io_uring_cqe_seen(&ring->ring, cqe);
        if ((flags & ORDO_URING_MORE) == 0) {
            ORDO_ASSERT(ring->in_flight > 0);
            ring->in_flight--;
        }
        op->done(op->self, result, flags);
    }
    while (ring->parted_count > 0) {
        struct ordo_uring_op *op = ring->parted[--ring->parted_count];
        count++;
        op->done(op->self, -ECANCELED, 0); /* the no-op in its place is counted for it */
    }
    ring->polling = false;
    return count;
}

uint32_t ordo_uring_in_flight(const struct ordo_uring *ring)
{
    return ring->in_flight - (ring->armed ? 1 : 0);
}

int ordo_uring_error(const struct ordo_uring *ring)
{
    return ring->error;
}

/* ---- operations ---- */

static struct io_uring_sqe *take_entry(struct ordo_uring *ring)
{
    own(ring);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    if (sqe == NULL) {
        ordo_uring_submit(ring);
        sqe = io_uring_get_sqe(&ring->ring);
    }
    return sqe;
}

/* `prepare` has just been done. */
static bool started(struct ordo_uring *ring, struct io_uring_sqe *sqe, struct ordo_uring_op *op)
{
    ORDO_ASSERT(op->done != NULL);
    io_uring_sqe_set_data(sqe, op);
    ring->in_flight++;
    return true;
}

bool ordo_uring_accept(struct ordo_uring *ring, int fd, bool once, struct ordo_uring_op *op)
{
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    if (once) {
        io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    } else {
        io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    }
    return started(ring, sqe, op);
}

bool ordo_uring_receive(
    struct ordo_uring *ring,
    int fd,
    uint8_t *data,
    uint32_t size,
    bool wait_first,
    struct ordo_uring_op *op)
{
    ORDO_ASSERT(size > 0);
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_recv(sqe, fd, data, size, 0);
    sqe->ioprio = wait_first ? IORING_RECVSEND_POLL_FIRST : 0;
    return started(ring, sqe, op);
}

bool ordo_uring_send(
    struct ordo_uring *ring, int fd, const uint8_t *data, uint32_t size, struct ordo_uring_op *op)
{
    ORDO_ASSERT(size > 0);
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_send(sqe, fd, data, size, MSG_NOSIGNAL);
    return started(ring, sqe, op);
}

static void prepare_write(struct io_uring_sqe *sqe, const struct ordo_uring_write *write)
{
    int fd = write->fixed_file ? NAMED_FILE : write->fd;
    if (write->fixed_buffer) {
        io_uring_prep_write_fixed(
            sqe, fd, write->data, write->size, write->offset, (int)write->buffer);
    } else {
        io_uring_prep_write(sqe, fd, write->data, write->size, write->offset);
    }
    sqe->rw_flags = write->flags;
    if (write->fixed_file) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

bool ordo_uring_write(
    struct ordo_uring *ring, const struct ordo_uring_write *write, struct ordo_uring_op *op)
{
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    prepare_write(sqe, write);
    return started(ring, sqe, op);
}

bool ordo_uring_flush(
    struct ordo_uring *ring, const struct ordo_uring_write *write, struct ordo_uring_op *op)
{
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_fsync(sqe, write->fixed_file ? NAMED_FILE : write->fd, IORING_FSYNC_DATASYNC);
    if (write->fixed_file) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
    return started(ring, sqe, op);
}

bool ordo_uring_write_and_flush(
    struct ordo_uring *ring,
    const struct ordo_uring_write *write,
    struct ordo_uring_op *op,
    struct ordo_uring_op *flush)
{
    own(ring);
    if (io_uring_sq_space_left(&ring->ring) < 2) {
        ordo_uring_submit(ring); /* not between the two */
    }
    if (io_uring_sq_space_left(&ring->ring) < 2) {
        return false;
    }
    struct io_uring_sqe *sqe = take_entry(ring);
    ORDO_ASSERT(sqe != NULL);
    prepare_write(sqe, write);
    sqe->flags |= IOSQE_IO_LINK;
    (void)started(ring, sqe, op);
    bool linked = ordo_uring_flush(ring, write, flush);
    ORDO_ASSERT(linked);
    return linked;
}

void ordo_uring_send_workers_elsewhere(struct ordo_uring *ring)
{
    cpu_set_t mine;
    cpu_set_t others;
    own(ring);
    if (sched_getaffinity(0, sizeof(mine), &mine) != 0 || CPU_COUNT(&mine) != 1) {
        return; /* not pinned */
    }
    CPU_ZERO(&others);
    size_t count = (size_t)get_nprocs_conf();
    for (size_t cpu = 0; cpu < count && cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &mine)) {
            CPU_SET(cpu, &others);
        }
    }
    if (CPU_COUNT(&others) != 0) {
        (void)io_uring_register_iowq_aff(&ring->ring, sizeof(others), &others);
    }
}

bool ordo_uring_cancel(struct ordo_uring *ring, const struct ordo_uring_op *op)
{
    struct io_uring_sqe *sqe = take_entry(ring);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)op, 0);
    return started(ring, sqe, &ring->nobody); /* the cancelled one has a callback of its own */
}

/* ---- waiting ---- */

void ordo_uring_sleep(void *self, uint64_t timeout_ns)
{
    struct ordo_uring *ring = self;
    own(ring);
    if (!ring->armed) {
        struct io_uring_sqe *sqe = take_entry(ring);
        if (sqe == NULL) {
            return; /* the queue is stuck: the next poll decides */
        }
        io_uring_prep_read(sqe, ring->event_fd, &ring->event, sizeof(ring->event), 0);
        ring->armed = started(ring, sqe, &ring->wake);
    }
    if (ring->parted_count > 0) {
        return; /* the next poll tells of it */
    }
    uint64_t limit = timeout_ns < SLEEP_MAX_NS ? timeout_ns : SLEEP_MAX_NS;
    struct __kernel_timespec time = {
        .tv_sec = (long long)(limit / ORDO_NS_PER_S),
        .tv_nsec = (long long)(limit % ORDO_NS_PER_S),
    };
    struct io_uring_cqe *cqe;
    /* Any result is fine: the caller looks for work and may come back; what could not be submitted
     * stays in the queue for the next poll. */
    (void)io_uring_submit_and_wait_timeout(&ring->ring, &cqe, 1, &time, NULL);
    part_pair(ring);
}

void ordo_uring_wake(void *self)
{
    struct ordo_uring *ring = self;
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the sleeper is awake. */
    ssize_t written = write(ring->event_fd, &one, sizeof(one));
    (void)written;
}

/* ---- life ---- */

bool ordo_uring_name_buffers(struct ordo_uring *ring, uint8_t *base, size_t size, uint32_t count)
{
    struct iovec parts[BUFFERS_MAX];
    ORDO_ASSERT(count <= BUFFERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = base + i * size, .iov_len = size};
    }
    return io_uring_register_buffers(&ring->ring, parts, count) == 0;
}

bool ordo_uring_name_file(struct ordo_uring *ring, int fd)
{
    return io_uring_register_files_update(&ring->ring, NAMED_FILE, &fd, 1) == 1;
}

/* The best ring that this kernel gives; older ones lack the newer flags. */
static int make_ring(struct ordo_uring *ring, uint32_t operations)
{
    static const unsigned flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_R_DISABLED,
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_R_DISABLED,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    uint32_t entries = operations < ENTRIES_MAX ? operations : ENTRIES_MAX;
    uint32_t completions = 2 * operations < COMPLETIONS_MAX ? 2 * operations : COMPLETIONS_MAX;
    int result = -EINVAL;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && result == -EINVAL; i++) {
        struct io_uring_params params = {
            .flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = completions,
        };
        result = io_uring_queue_init_params(entries, &ring->ring, &params);
        if (result == 0 && (~params.features & (IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP)) != 0) {
            io_uring_queue_exit(&ring->ring);
            return -ENOSYS; /* before 5.11: no way to sleep with a time limit */
        }
    }
    return result;
}

enum ordo_err ordo_uring_open(
    struct ordo_arena *arena, uint32_t operations, struct ordo_uring **out, struct ordo_fail *fail)
{
    void *memory;
    ORDO_ASSERT(operations > 0);
    if (ordo_arena_alloc(arena, "io_uring", 1, sizeof(struct ordo_uring), &memory) != ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for an io_uring");
    }
    struct ordo_uring *ring = memory;
    ring->wake = (struct ordo_uring_op){on_wake, ring};
    ring->nobody = (struct ordo_uring_op){on_nobody, ring};
    ring->event_fd = eventfd(0, EFD_CLOEXEC);
    int result = ring->event_fd < 0 ? -errno : make_ring(ring, operations + 1);
    if (result != 0) {
        if (ring->event_fd >= 0) {
            (void)close(ring->event_fd);
        }
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "io_uring is not available here (%s): allow it, or do without",
            strerrordesc_np(-result));
    }
    int none = -1;
    (void)io_uring_register_files(&ring->ring, &none, 1); /* without it name_file says so */
    *out = ring;
    return ORDO_OK;
}

void ordo_uring_close(struct ordo_uring *ring)
{
    if (ring == NULL) {
        return;
    }
    io_uring_queue_exit(&ring->ring);
    (void)close(ring->event_fd);
}
