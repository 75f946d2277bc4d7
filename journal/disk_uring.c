/* The default backend: writes through an io_uring of the journal's thread (base/uring.h), which
 * also sleeps in it.
 *
 * - A commit is one write with RWF_DSYNC, unless configured otherwise: half the CPU of a write
 *   linked to an fsync (no kernel worker) at the same rate, on the disks that were measured.
 * - The other method is a write linked to an fsync of its data. The link is a soft one: after a
 *   write that failed or was short the kernel cancels the flush. Both completions are awaited, and
 *   the write counts when both are good. A flush that was cancelled behind a whole write was parted
 *   from it (uring.h) and is asked for again. A linked fsync is done by a worker of the kernel; a
 *   write with RWF_DSYNC needs none.
 * - The ring may be the thread's, shared with a door: then who has it polls it, and its sleep is
 *   bound by its owner. Submitting hands over what the others have put there as well. Otherwise the
 *   ring is the journal's own, and reaping polls it.
 * - A submission is not put off to the next poll: the chain hash is computed meanwhile. */
#include "journal/disk.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/clock.h"
#include "base/uring.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>

#define CLOSE_TRIES_MAX 10000 /* of a millisecond each */

struct uring_disk;

struct uring_write {
    struct ordo_uring_op op;
    struct ordo_uring_op flush_op;
    struct uring_disk *disk;
    struct ordo_uring_write request;
    uint32_t tag;
    bool busy;
    bool is_written; /* `written` is known */
    bool is_flushed;
    int32_t written;
    int32_t flushed;
};

struct uring_disk {
    struct ordo_disk disk; /* first: the port hands this out */
    struct ordo_uring *ring;
    bool own_ring;
    bool fixed_buffers;
    bool fixed_file;
    bool linked; /* writes are flushed by a linked fsync */
    bool sent;   /* its workers, away from this thread's processor */
    int flags;
    int fd;
    struct uring_write writes[ORDO_DISK_IN_FLIGHT_MAX];
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    uint32_t done_count;
    uint32_t in_flight; /* with those in `done` */
};

static void finish(struct uring_write *write, int32_t result)
{
    struct uring_disk *self = write->disk;
    ORDO_ASSERT(write->busy);
    ORDO_ASSERT(self->done_count < ORDO_DISK_IN_FLIGHT_MAX);
    write->busy = false;
    self->done[self->done_count++] = (struct ordo_disk_done){.tag = write->tag, .result = result};
}

/* When both of a pair are known: what became of the whole. */
static void conclude(struct uring_write *write)
{
    bool whole = write->written == (int32_t)write->request.size;
    if (!write->is_written || !write->is_flushed) {
        return;
    }
    if (!whole || write->flushed != -ECANCELED) {
        finish(write, whole && write->flushed < 0 ? write->flushed : write->written);
        return;
    }
    write->is_flushed = false;
    if (!ordo_uring_flush(write->disk->ring, &write->request, &write->flush_op)) {
        finish(write, -EBUSY);
    }
}

static void on_written(void *context, int32_t result, uint32_t flags)
{
    struct uring_write *write = context;
    (void)flags;
    if (!write->disk->linked) {
        finish(write, result);
        return;
    }
    write->is_written = true;
    write->written = result;
    conclude(write);
}

static void on_flushed(void *context, int32_t result, uint32_t flags)
{
    struct uring_write *write = context;
    (void)flags;
    write->is_flushed = true;
    /* a flush before its write says nothing of it */
    write->flushed = result >= 0 && !write->is_written ? -EIO : result;
    conclude(write);
}

static struct uring_write *free_write(struct uring_disk *self)
{
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        if (!self->writes[i].busy) {
            return &self->writes[i];
        }
    }
    return NULL;
}

static enum ordo_err uring_submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    struct uring_write *own = self->in_flight < ORDO_DISK_IN_FLIGHT_MAX ? free_write(self) : NULL;
    if (own == NULL) {
        return ORDO_ERR_FULL;
    }
    own->request = (struct ordo_uring_write){
        .data = write->data,
        .offset = write->offset,
        .size = write->size,
        .fd = self->fd,
        .flags = self->flags,
        .buffer = write->buffer,
        .fixed_buffer = self->fixed_buffers,
        .fixed_file = self->fixed_file,
    };
    own->tag = write->tag;
    own->is_written = false;
    own->is_flushed = false;
    if (self->linked && !self->sent) {
        self->sent = true;
        ordo_uring_send_workers_elsewhere(self->ring);
    }
    own->busy =
        self->linked
            ? ordo_uring_write_and_flush(self->ring, &own->request, &own->op, &own->flush_op)
            : ordo_uring_write(self->ring, &own->request, &own->op);
    if (!own->busy) {
        return ORDO_ERR_FULL;
    }
    self->in_flight++;
    ordo_uring_submit(self->ring);
    disk->error = ordo_uring_error(self->ring);
    return disk->error == 0 ? ORDO_OK : ORDO_ERR_IO;
}

static uint32_t uring_reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    if (self->own_ring && self->done_count < max) {
        (void)ordo_uring_poll(
            self->ring); /* also when idle: a wake that nobody takes ends sleeps */
    }
    if (self->in_flight == 0) {
        return 0;
    }
    disk->error = ordo_uring_error(self->ring);
    uint32_t count = self->done_count < max ? self->done_count : max;
    for (uint32_t i = 0; i < self->done_count; i++) {
        if (i < count) {
            done[i] = self->done[i];
        } else {
            self->done[i - count] = self->done[i];
        }
    }
    self->done_count -= count;
    self->in_flight -= count;
    return count;
}

static void uring_use_file(struct ordo_disk *disk, int fd)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    ORDO_ASSERT(self->in_flight == 0);
    self->fd = fd;
    self->fixed_file = ordo_uring_name_file(self->ring, fd); /* else some 30 ns more */
}

static void uring_sleep(struct ordo_disk *disk, uint64_t timeout_ns)
{
    ordo_uring_sleep(((struct uring_disk *)disk)->ring, timeout_ns);
}

static void uring_wake(struct ordo_disk *disk)
{
    ordo_uring_wake(((struct uring_disk *)disk)->ring);
}

/* The journal's thread may have ended: then the kernel has waited for its writes, and nobody may
 * poll any more. */
static void uring_close(struct ordo_disk *disk)
{
    struct uring_disk *self = (struct uring_disk *)disk;
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    bool mine = ordo_uring_is_mine(self->ring);
    for (int i = 0; i < CLOSE_TRIES_MAX && mine && self->in_flight > 0 && disk->error == 0; i++) {
        if (!self->own_ring) {
            (void)ordo_uring_poll(self->ring);
        }
        if (uring_reap(disk, done, ORDO_DISK_IN_FLIGHT_MAX) == 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = ORDO_NS_PER_MS}, NULL);
        }
    }
    if (self->own_ring) {
        ordo_uring_close(self->ring);
    }
}

static const struct ordo_disk_port uring_port = {
    .submit = uring_submit,
    .reap = uring_reap,
    .use_file = uring_use_file,
    .sleep = uring_sleep,
    .wake = uring_wake,
    .close = uring_close,
};

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
        .disk = {.port = &uring_port, .name = "io_uring", .overlaps = config->flush},
        .ring = config->uring,
        .own_ring = config->uring == NULL,
        .fd = -1,
        .linked = config->flush && !dsync,
        .flags = dsync && !ORDO_CANARY(flush_skipped) ? RWF_DSYNC : 0,
    };
    self->disk.flush_name = dsync ? "RWF_DSYNC" : self->linked ? "linked fdatasync" : "no flush";
    if (self->own_ring) {
        enum ordo_err err =
            ordo_uring_open(config->arena, 2 * ORDO_DISK_IN_FLIGHT_MAX, &self->ring, fail);
        if (err != ORDO_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        struct uring_write *write = &self->writes[i];
        write->op = (struct ordo_uring_op){on_written, write};
        write->flush_op = (struct ordo_uring_op){on_flushed, write};
        write->disk = self;
    }
    /* Pinning pages saves it at each write; a low limit on locked memory only costs that saving. */
    self->fixed_buffers = ordo_uring_name_buffers(
        self->ring, config->buffers, config->buffer_size, config->buffer_count);
    *out = &self->disk;
    return ORDO_OK;
}
