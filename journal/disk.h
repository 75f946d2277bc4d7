/* disk.h - the port through which a journal writes: submit, reap, sleep. Two backends stand behind
 * it with the same tests, and the tests put failing disks in front of it.
 *
 * A write is durable when its completion says that all its bytes were written, provided the disk
 * was opened with flush, whichever method; of a short one nothing need be. A completion of fewer
 * bytes is the caller's to finish; an error is final. All calls are the journal thread's, except
 * open (starter) and wake (any).
 */
#ifndef ORDO_JOURNAL_DISK_H
#define ORDO_JOURNAL_DISK_H

#include "base/arena.h"
#include "journal/journal.h"
#include "ring/wait.h"

#define ORDO_DISK_IN_FLIGHT_MAX 16

struct ordo_disk_write {
    const uint8_t *data; /* within a buffer of the config; stays until the completion */
    uint64_t offset;
    uint32_t size;
    uint32_t buffer; /* index of that buffer */
    uint32_t tag;    /* comes back in the completion */
};

struct ordo_disk_done {
    uint32_t tag;
    int32_t result; /* bytes, or -errno */
};

struct ordo_disk_config {
    struct ordo_arena *arena;
    uint8_t *buffers; /* page aligned */
    size_t buffer_size;
    uint32_t buffer_count;    /* at most ORDO_DISK_IN_FLIGHT_MAX */
    bool flush;               /* each write reaches the medium before it completes */
    struct ordo_uring *uring; /* the journal thread's ring, which somebody there polls; NULL = one
                                 of its own */
    enum ordo_journal_flush method;
};

struct ordo_disk;

struct ordo_disk_port {
    /* FULL: try again after a reap. IO: the backend itself broke, disk->error says how. */
    enum ordo_err (*submit)(struct ordo_disk *disk, const struct ordo_disk_write *write);

    /* Completions, at most max; does not block. */
    uint32_t (*reap)(struct ordo_disk *disk, struct ordo_disk_done *done, uint32_t max);

    /* Writes go to fd from now on; nothing may be in flight. */
    void (*use_file)(struct ordo_disk *disk, int fd);

    /* Returns at a completion, a wake or the time limit. NULL: this backend signals the waker. */
    void (*sleep)(struct ordo_disk *disk, uint64_t timeout_ns);
    void (*wake)(struct ordo_disk *disk);

    /* Waits (bounded) for what is in flight. */
    void (*close)(struct ordo_disk *disk);
};

struct ordo_disk {
    const struct ordo_disk_port *port;
    const char *name;         /* for the log */
    const char *flush_name;   /* for the log: how it flushes */
    int error;                /* the backend itself broke: an errno; 0 = no */
    bool overlaps;            /* flushes of several writes run at once */
    struct ordo_waker *waker; /* signalled at completions where there is no sleep; may be NULL */
};

/* UNAVAILABLE when the kernel denies or lacks io_uring. */
enum ordo_err ordo_disk_uring_open(
    const struct ordo_disk_config *config,
    struct ordo_disk **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* pwritev2 in a helper thread. */
enum ordo_err ordo_disk_sync_open(
    const struct ordo_disk_config *config,
    struct ordo_disk **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
