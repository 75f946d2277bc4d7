/* uring.h - an io_uring: operations with callbacks, for one thread that also sleeps in it.
 *
 * The thread that first submits, polls or sleeps owns the ring from then on; all calls are its, but
 * open and close (starter) and wake (any). An operation belongs to the ring from its start until
 * its last callback, with everything it names: buffers, descriptor, the struct itself. A start puts
 * it into the submission queue; the next submit, poll or sleep hands all of them over with one
 * system call. Callbacks run inside poll and may start operations, but never poll.
 */
#ifndef ORDO_BASE_URING_H
#define ORDO_BASE_URING_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_URING_MORE     1u /* this operation goes on: there will be further callbacks */
#define ORDO_URING_NONEMPTY 2u /* a receive: the socket has more to give */

struct ordo_uring;

/* result: what the system call would return, errors as -errno. */
struct ordo_uring_op {
    void (*done)(void *self, int32_t result, uint32_t flags);
    void *self;
};

/* Best first: the newest features that this kernel has. UNAVAILABLE when it denies or lacks
 * io_uring. `operations` is how many may be in flight at once without delay; more are possible. The
 * memory is the arena's. Starter thread. */
enum ordo_err ordo_uring_open(
    struct ordo_arena *arena, uint32_t operations, struct ordo_uring **out, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* Nothing may be in flight, or the owner's thread has ended: then the kernel has taken everything
 * back. Accepts NULL. */
void ordo_uring_close(struct ordo_uring *ring);

/* ---- before the ring has an owner, or its owner ---- */

/* Names the buffers of fixed writes: `count` of `size` bytes from base on. False when the system
 * does not allow it; writes work without. Once. */
bool ordo_uring_name_buffers(struct ordo_uring *ring, uint8_t *base, size_t size, uint32_t count);

/* Writes with `fixed_file` go to fd from now on; none may be in flight. False: not possible here.
 */
bool ordo_uring_name_file(struct ordo_uring *ring, int fd);

/* ---- operations. False: the queue is stuck, try again after a poll. ---- */

/* Connections, each with a callback, until the callback without MORE; `once` for kernels that
 * answer -EINVAL. */
bool ordo_uring_accept(struct ordo_uring *ring, int fd, bool once, struct ordo_uring_op *op);

/* wait_first: the socket is known to be empty. */
bool ordo_uring_receive(
    struct ordo_uring *ring,
    int fd,
    uint8_t *data,
    uint32_t size,
    bool wait_first,
    struct ordo_uring_op *op);

/* Sends what there is room for, at least one byte. */
bool ordo_uring_send(
    struct ordo_uring *ring, int fd, const uint8_t *data, uint32_t size, struct ordo_uring_op *op);

struct ordo_uring_write {
    const uint8_t *data;
    uint64_t offset;
    uint32_t size;
    int fd;
    int flags;       /* RWF_* */
    uint32_t buffer; /* with fixed_buffer: the index of the one that data lies in */
    bool fixed_buffer;
    bool fixed_file; /* instead of fd */
};
bool ordo_uring_write(
    struct ordo_uring *ring, const struct ordo_uring_write *write, struct ordo_uring_op *op);

/* The same, linked to a flush of the file's data, which the kernel begins when the write is whole;
 * else the flush ends with -ECANCELED. It also does where the kernel has parted the two: then the
 * write may be whole, and the flush is to be asked for again. */
bool ordo_uring_write_and_flush(
    struct ordo_uring *ring,
    const struct ordo_uring_write *write,
    struct ordo_uring_op *op,
    struct ordo_uring_op *flush);

/* Of the file that the write names. */
bool ordo_uring_flush(
    struct ordo_uring *ring, const struct ordo_uring_write *write, struct ordo_uring_op *op);

/* The kernel's workers for linked flushes may run anywhere, also where this thread is pinned: sends
 * them to the other processors. Without, all works as well. Owner. */
void ordo_uring_send_workers_elsewhere(struct ordo_uring *ring);

/* Asks an operation to end: its callback comes, with -ECANCELED if it was in time. */
bool ordo_uring_cancel(struct ordo_uring *ring, const struct ordo_uring_op *op);

/* ---- owner ---- */

void ordo_uring_submit(struct ordo_uring *ring);

/* Submits, then runs the callbacks of what has completed: how many. No system call when there is
 * nothing to submit and nothing waits in the kernel. */
uint32_t ordo_uring_poll(struct ordo_uring *ring);

/* Operations that were started and have not ended. */
uint32_t ordo_uring_in_flight(const struct ordo_uring *ring);

/* The ring itself broke: an errno, 0 = no. Final. */
int ordo_uring_error(const struct ordo_uring *ring);

/* The calling thread owns the ring, or nobody does yet. Any thread. */
bool ordo_uring_is_mine(const struct ordo_uring *ring);

/* A pair for a waker (ring/wait.h), which is why they take a void pointer. Sleep submits, and ends
 * at a completion, a wake or the time limit; a wake before the sleep ends it at once. */
void ordo_uring_sleep(void *ring, uint64_t timeout_ns);
void ordo_uring_wake(void *ring);

#endif
