/* One durable write through io_uring, in the two ways that the journal could use: a write with
 * RWF_DSYNC, or a write linked to an fsync of its data. No registered buffers: what is compared are
 * the ways to flush, and registering saves both the same. */
#include "bench/disk_probe.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>

struct ordo_probe_ring {
    struct io_uring ring;
};

struct ordo_probe_ring *ordo_probe_ring_open(void)
{
    struct ordo_probe_ring *self = malloc(sizeof(*self));
    if (self != NULL && io_uring_queue_init(8, &self->ring, 0) != 0) {
        free(self);
        return NULL;
    }
    return self;
}

void ordo_probe_ring_close(struct ordo_probe_ring *ring)
{
    if (ring != NULL) {
        io_uring_queue_exit(&ring->ring);
        free(ring);
    }
}

static int wait_for(struct io_uring *ring, uint32_t count, uint32_t size)
{
    int error = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct io_uring_cqe *cqe;
        int result = io_uring_wait_cqe(ring, &cqe);
        if (result != 0) {
            return -result;
        }
        if (cqe->res < 0) {
            error = -cqe->res;
        } else if (io_uring_cqe_get_data64(cqe) == 1 && cqe->res != (int)size) {
            error = EIO;
        }
        io_uring_cqe_seen(ring, cqe);
    }
    return error;
}

int ordo_probe_ring_write(
    struct ordo_probe_ring *ring,
    int fd,
    const uint8_t *data,
    uint32_t size,
    uint64_t offset,
    bool link)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    if (sqe == NULL) {
        return EBUSY;
    }
    io_uring_prep_write(sqe, fd, data, size, offset);
    io_uring_sqe_set_data64(sqe, 1);
    if (!link) {
        sqe->rw_flags = RWF_DSYNC;
    } else {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = io_uring_get_sqe(&ring->ring);
        if (sqe == NULL) {
            return EBUSY;
        }
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
        io_uring_sqe_set_data64(sqe, 2);
    }
    uint32_t count = link ? 2 : 1;
    int result = io_uring_submit_and_wait(&ring->ring, count);
    return result < 0 ? -result : wait_for(&ring->ring, count, size);
}
