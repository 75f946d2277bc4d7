/* The backend for systems that deny io_uring (most container runtimes do): one helper thread takes
 * writes from a small queue and does each with pwritev2. RWF_DSYNC makes the flush a part of the
 * write; or an fdatasync follows it, where the disk likes that better.
 *
 * Only an interrupted write that wrote nothing is repeated, and never a flush. Everything else goes
 * back as it is: the appender finishes short writes and treats errors as final. A short write is
 * not followed by an fdatasync: that of the write which finishes it is for the whole file. */
#include "journal/disk.h"

#include "base/assert.h"
#include "base/canary.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

#define EINTR_MAX 64

struct sync_disk {
    struct ordo_disk disk; /* first: the port hands this out */
    struct ordo_thread thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct ordo_disk_write queue[ORDO_DISK_IN_FLIGHT_MAX]; /* under mutex, as all below */
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    uint32_t submitted; /* counts; the indexes are these modulo the size */
    uint32_t taken;
    uint32_t completed;
    uint32_t reaped;
    int fd;
    int flags;    /* immutable, as the next */
    bool flushes; /* by fdatasync */
    bool stopping;
    _Atomic uint32_t ready; /* completed, readable without the mutex */
};

static int32_t write_once(int fd, const struct ordo_disk_write *write, int flags)
{
    /* pwritev2 does not change what it is given; its type cannot say so */
    struct iovec part = {.iov_base = (void *)(uintptr_t)write->data, .iov_len = write->size};
    for (int i = 0; i < EINTR_MAX; i++) {
        ssize_t got = pwritev2(fd, &part, 1, (off_t)write->offset, flags);
        if (got >= 0) {
            return (int32_t)got;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
    return -EINTR;
}

static int32_t do_write(const struct sync_disk *self, int fd, const struct ordo_disk_write *write)
{
    int32_t result = write_once(fd, write, self->flags);
    if (self->flushes && result == (int32_t)write->size && fdatasync(fd) != 0) {
        return -errno;
    }
    return result;
}

static void run(void *context)
{
    struct sync_disk *self = context;
    (void)pthread_mutex_lock(&self->mutex);
    for (;;) {
        while (!self->stopping && self->taken == self->submitted) {
            (void)pthread_cond_wait(&self->changed, &self->mutex);
        }
        if (self->taken == self->submitted) {
            break; /* stopping, and nothing is left */
        }
        struct ordo_disk_write write = self->queue[self->taken++ % ORDO_DISK_IN_FLIGHT_MAX];
        int fd = self->fd;
        (void)pthread_mutex_unlock(&self->mutex);
        int32_t result = do_write(self, fd, &write);
        (void)pthread_mutex_lock(&self->mutex);
        self->done[self->completed++ % ORDO_DISK_IN_FLIGHT_MAX] =
            (struct ordo_disk_done){.tag = write.tag, .result = result};
        atomic_store_explicit(&self->ready, self->completed, memory_order_release);
        struct ordo_waker *waker = self->disk.waker;
        if (waker != NULL) {
            ordo_waker_signal(waker);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

static enum ordo_err sync_submit(struct ordo_disk *disk, const struct ordo_disk_write *write)
{
    struct sync_disk *self = (struct sync_disk *)disk;
    (void)pthread_mutex_lock(&self->mutex);
    bool full = self->submitted - self->reaped == ORDO_DISK_IN_FLIGHT_MAX;
    if (!full) {
        self->queue[self->submitted++ % ORDO_DISK_IN_FLIGHT_MAX] = *write;
        (void)pthread_cond_signal(&self->changed);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return full ? ORDO_ERR_FULL : ORDO_OK;
}

static uint32_t sync_reap(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max)
{
    struct sync_disk *self = (struct sync_disk *)disk;
    if (atomic_load_explicit(&self->ready, memory_order_acquire) == self->reaped) {
        return 0; /* reaped is changed by this thread only */
    }
    uint32_t count = 0;
    (void)pthread_mutex_lock(&self->mutex);
    while (count < max && self->reaped != self->completed) {
        done[count++] = self->done[self->reaped++ % ORDO_DISK_IN_FLIGHT_MAX];
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return count;
}

static void sync_use_file(struct ordo_disk *disk, int fd)
{
    struct sync_disk *self = (struct sync_disk *)disk;
    (void)pthread_mutex_lock(&self->mutex);
    ORDO_ASSERT(self->completed == self->submitted);
    self->fd = fd;
    (void)pthread_mutex_unlock(&self->mutex);
}

static void sync_close(struct ordo_disk *disk)
{
    struct sync_disk *self = (struct sync_disk *)disk;
    (void)pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    self->disk.waker = NULL; /* may be gone before this thread is */
    (void)pthread_cond_signal(&self->changed);
    (void)pthread_mutex_unlock(&self->mutex);
    ordo_thread_join(&self->thread);
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->mutex);
}

static const struct ordo_disk_port sync_port = {
    .submit = sync_submit,
    .reap = sync_reap,
    .use_file = sync_use_file,
    .close = sync_close,
};

enum ordo_err ordo_disk_sync_open(
    const struct ordo_disk_config *config, struct ordo_disk **out, struct ordo_fail *fail)
{
    ORDO_ASSERT(config->buffer_count <= ORDO_DISK_IN_FLIGHT_MAX);
    void *memory;
    if (ordo_arena_alloc(config->arena, "journal disk", 1, sizeof(struct sync_disk), &memory) !=
        ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the journal's disk queue");
    }
    struct sync_disk *self = memory;
    bool dsync = config->flush && config->method == ORDO_FLUSH_DSYNC;
    *self = (struct sync_disk){
        .disk = {.port = &sync_port, .name = "pwritev2"},
        .fd = -1,
        .flags = dsync && !ORDO_CANARY(flush_skipped) ? RWF_DSYNC : 0,
        .flushes = config->flush && !dsync && !ORDO_CANARY(flush_skipped),
    };
    self->disk.flush_name = dsync ? "RWF_DSYNC" : self->flushes ? "fdatasync" : "no flush";
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    if (ordo_thread_start(&self->thread, "ordo-jwrite", ORDO_CPU_ANY, run, self) != ORDO_OK) {
        (void)pthread_cond_destroy(&self->changed);
        (void)pthread_mutex_destroy(&self->mutex);
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "the system refuses the journal's writer thread");
    }
    *out = &self->disk;
    return ORDO_OK;
}
