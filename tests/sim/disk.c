/* The log of simfs has everything that was done since it was last worked off, flushed or not.
 * fold() moves what is durable into the durable image and keeps the rest, so the log stays short
 * however long a node lives. A write that is durable takes the place of an older one that is not:
 * the part of the older one under it can never come back.
 */
#include "disk.h"

#include "canary.h"
#include "host.h"
#include "net.h"

#include "base/assert.h"
#include "base/clock.h"
#include "journal/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FOLD_OPS    3000
#define FOLD_BYTES  ((size_t)6 << 20)
#define BLOCK       512
#define NO_ROOM_FOR 8 /* so often in a row */

struct flight {
    bool used;
    uint32_t op; /* in the log; of the part that will be durable */
    uint64_t due_ns;
    struct ordo_disk_done done;
};

static struct {
    struct sim_image live;
    struct sim_image durable;
    struct sim_log logs[2];
    struct sim_log *log;
    bool durable_op[SIM_OPS_MAX];
    bool ready;
    uint32_t no_room_left;

    struct ordo_disk port_disk; /* of the present process */
    int fd;
    struct flight flights[ORDO_DISK_IN_FLIGHT_MAX];
    struct ordo_disk_done done[ORDO_DISK_IN_FLIGHT_MAX];
    uint32_t done_count;
} disk;

struct disk_faults disk_faults;
struct disk_counts disk_counts;

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* ---- what is durable ---- */

static bool in_flight(uint32_t op)
{
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        if (disk.flights[i].used && disk.flights[i].op == op) {
            return true;
        }
    }
    return false;
}

static void find_durable(const struct sim_log *log)
{
    bool flushed[SIM_FILES_MAX] = {false};
    bool names = false;
    memset(disk.durable_op, 0, log->count * sizeof(disk.durable_op[0]));
    for (uint32_t i = log->count; i > 0; i--) {
        const struct sim_op *op = &log->ops[i - 1];
        switch (op->kind) {
        case SIM_FLUSH:
            flushed[op->file] = true;
            break;
        case SIM_FLUSH_DIR:
            names = canary != CANARY_FOLDER_FLUSH_SKIPPED;
            break;
        case SIM_DONE:
            disk.durable_op[op->offset] = true;
            break;
        case SIM_WRITE:
        case SIM_SIZE:
            disk.durable_op[i - 1] |= flushed[op->file] && !in_flight(i - 1);
            break;
        case SIM_CREATE:
        case SIM_RENAME:
        case SIM_UNLINK:
            disk.durable_op[i - 1] = names;
            break;
        case SIM_ACK:
            break;
        }
    }
}

/* What a durable write has taken the place of is cut off from older ones. */
static void cut_older(struct sim_log *older, const struct sim_op *by)
{
    uint64_t end = by->offset + by->size;
    for (uint32_t i = 0; i < older->count; i++) {
        struct sim_op *op = &older->ops[i];
        uint64_t op_end = op->offset + op->size;
        if (op->kind != SIM_WRITE || op->file != by->file || op->offset >= end ||
            op_end <= by->offset) {
            continue;
        }
        if (op->offset >= by->offset && op_end > end) { /* its end is left */
            uint32_t gone = (uint32_t)(end - op->offset);
            op->data += gone;
            op->offset += gone;
            op->size -= gone;
        } else { /* its beginning, or nothing */
            op->size = op->offset < by->offset ? (uint32_t)(by->offset - op->offset) : 0;
        }
    }
}

static void apply(struct sim_image *image, const struct sim_op *op)
{
    while (image->file_count <= op->file) { /* its name may not be durable yet */
        image->files[image->file_count++].size = 0;
    }
    sim_image_apply(image, op);
}

static void renumber(uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        if (disk.flights[i].used && disk.flights[i].op == from) {
            disk.flights[i].op = to | UINT32_C(1) << 31; /* not to be found twice */
        }
    }
}

static void fold(void)
{
    struct sim_log *log = disk.log;
    struct sim_log *rest = log == &disk.logs[0] ? &disk.logs[1] : &disk.logs[0];
    sim_log_clear(rest);
    find_durable(log);
    for (uint32_t i = 0; i < log->count; i++) {
        const struct sim_op *op = &log->ops[i];
        bool is_change = op->kind <= SIM_UNLINK;
        if (is_change && disk.durable_op[i]) {
            apply(&disk.durable, op);
            if (op->kind == SIM_WRITE) {
                cut_older(rest, op);
            }
        } else if (is_change && (op->kind != SIM_WRITE || op->size != 0)) {
            renumber(i, sim_log_add(rest, op, op->data));
        }
    }
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        disk.flights[i].op &= ~(UINT32_C(1) << 31);
    }
    disk.log = rest;
    simfs_use_log(rest);
}

/* ---- the gate ---- */

static int gate(enum simfs_call call, int fd, size_t *size)
{
    if (call == SIMFS_CLOSE) {
        return net_close(fd) ? -1 : 0;
    }
    host_file_call();
    if (disk.log->count > FOLD_OPS || disk.log->used > FOLD_BYTES) {
        fold();
    }
    if (call == SIMFS_ROOM && disk.no_room_left == 0 && host_chance(disk_faults.no_room_of)) {
        disk.no_room_left = 1 + sim_random(&host_random, NO_ROOM_FOR);
    }
    if (call == SIMFS_ROOM && disk.no_room_left != 0) {
        disk.no_room_left--;
        disk_counts.no_rooms++;
        return ENOSPC;
    }
    bool writes = call == SIMFS_WRITE || call == SIMFS_FLUSH;
    if ((writes && host_chance(disk_faults.io_error_of)) ||
        (call == SIMFS_READ && host_chance(disk_faults.read_error_of))) {
        disk_counts.io_errors++;
        return EIO;
    }
    if (call == SIMFS_WRITE && *size > BLOCK && host_chance(disk_faults.short_of)) {
        *size = BLOCK * (1 + sim_random(&host_random, (uint32_t)(*size / BLOCK)));
        disk_counts.shorts++;
    }
    return call == SIMFS_FLUSH && canary == CANARY_FLUSH_SKIPPED ? -1 : 0;
}

/* ---- life ---- */

void disk_begin(void)
{
    if (!disk.ready) {
        sim_image_init(&disk.live);
        sim_image_init(&disk.durable);
        sim_log_init(&disk.logs[0]);
        sim_log_init(&disk.logs[1]);
        disk.ready = true;
    }
    disk.live.file_count = disk.live.name_count = 0;
    disk.durable.file_count = disk.durable.name_count = 0;
    disk.log = &disk.logs[0];
    disk.no_room_left = 0;
    sim_log_clear(disk.log);
    disk_mount();
}

void disk_mount(void)
{
    memset(disk.flights, 0, sizeof(disk.flights));
    disk.done_count = 0;
    simfs_set_gate(gate);
    simfs_mount(&disk.live, disk.log, BLOCK);
}

static void tear(struct sim_op *op)
{
    static uint8_t noise[BLOCK];
    uint32_t sectors = (op->size + BLOCK - 1) / BLOCK;
    uint32_t whole = BLOCK * sim_random(&host_random, sectors);
    struct sim_op first = *op;
    first.size = whole;
    apply(&disk.durable, &first);
    if (whole < op->size && host_chance(3)) { /* and one sector that is neither */
        for (uint32_t i = 0; i < BLOCK; i += 8) {
            uint64_t word = host_chance(2) ? 0 : sim_random64(&host_random);
            memcpy(noise + i, &word, 8);
        }
        first.offset += whole;
        first.size = op->size - whole < BLOCK ? op->size - whole : BLOCK;
        first.data = noise;
        apply(&disk.durable, &first);
    }
    disk_counts.torn++;
}

void disk_cut(void)
{
    memset(disk.flights, 0, sizeof(disk.flights));
    fold();
    uint32_t way =
        sim_random(&host_random, 5); /* all lost, all kept, a prefix, any, any and torn */
    uint32_t prefix = sim_random(&host_random, disk.log->count + 1);
    for (uint32_t i = 0; i < disk.log->count; i++) {
        struct sim_op *op = &disk.log->ops[i];
        bool keep = way == 1 || (way == 2 && i < prefix) || (way >= 3 && host_chance(2));
        if (keep && way == 4 && op->kind == SIM_WRITE && op->size != 0 && host_chance(3)) {
            tear(op);
        } else if (keep && (op->kind != SIM_WRITE || op->size != 0)) {
            apply(&disk.durable, op);
        }
        disk_counts.kept += keep ? 1 : 0;
        disk_counts.lost += keep ? 0 : 1;
    }
    sim_image_compact(&disk.live, &disk.durable);
    sim_image_copy(&disk.durable, &disk.live);
    sim_log_clear(disk.log);
    disk_counts.cuts++;
    disk.no_room_left = 0;
}

void disk_remove(const char *name)
{
    struct sim_op op = {.kind = SIM_UNLINK};
    (void)snprintf(op.name, sizeof(op.name), "%s", name);
    fold();
    sim_image_apply(&disk.live, &op);
    sim_image_apply(&disk.durable, &op);
}

bool disk_flip(void)
{
    for (uint32_t tries = 0; tries < 32 && disk.live.name_count != 0; tries++) {
        uint32_t at = sim_random(&host_random, disk.live.name_count);
        const struct sim_name *name = &disk.live.names[at];
        uint64_t size = disk.live.files[name->file].size;
        if (size == 0 || strstr(name->name, ".ordo") == NULL) {
            continue;
        }
        uint64_t byte = sim_random64(&host_random) % size;
        uint8_t bit = (uint8_t)(1u << sim_random(&host_random, 8));
        disk.live.files[name->file].data[byte] ^= bit;
        fold();
        if (byte < disk.durable.files[name->file].size) {
            disk.durable.files[name->file].data[byte] ^= bit;
        }
        disk_counts.flips++;
        return true;
    }
    return false;
}

uint64_t disk_hash(void)
{
    return sim_image_hash(&disk.live);
}

/* ---- the journal's port ---- */

static void place(struct flight *flight, const struct ordo_disk_write *write)
{
    uint32_t size = write->size;
    uint64_t offset = write->offset;
    if (size > BLOCK && host_chance(disk_faults.short_of)) {
        size = BLOCK * (1 + sim_random(&host_random, size / BLOCK - 1));
        disk_counts.shorts++;
    }
    if (host_chance(disk_faults.misdirect_of) && offset >= 8 * BLOCK) {
        offset -= BLOCK * (1 + sim_random(&host_random, 7));
        disk_counts.misdirected++;
    }
    flight->done = (struct ordo_disk_done){write->tag, (int32_t)size};
    flight->op = simfs_write_begin(disk.fd, offset, write->data, size);
    if (size < write->size && canary == CANARY_SHORT_WRITE_IGNORED) {
        flight->done.result = (int32_t)write->size;
    } else if (size < write->size) {
        (void)simfs_write_begin(disk.fd, offset + size, write->data + size, write->size - size);
    }
}

static enum ordo_err submit(struct ordo_disk *port, const struct ordo_disk_write *write)
{
    struct flight *flight = NULL;
    (void)port;
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX && flight == NULL; i++) {
        flight = disk.flights[i].used ? NULL : &disk.flights[i];
    }
    ORDO_ASSERT(flight != NULL);
    uint64_t lag_us = 20 + sim_random(&host_random, disk_faults.lag_us + 1);
    place(flight, write);
    flight->due_ns = host_clock.now_ns + lag_us * ORDO_NS_PER_US;
    if (host_chance(disk_faults.io_error_of)) {
        flight->done.result = -EIO;
        disk_counts.io_errors++;
    }
    flight->used = true;
    if (canary == CANARY_ACK_BEFORE_FLUSH) {
        disk.done[disk.done_count++] = flight->done;
    }
    return ORDO_OK;
}

static uint32_t reap(struct ordo_disk *port, struct ordo_disk_done *done, uint32_t max)
{
    uint32_t count = 0;
    (void)port;
    while (count < max && disk.done_count > 0) {
        done[count++] = disk.done[--disk.done_count];
    }
    return count;
}

static void use_file(struct ordo_disk *port, int fd)
{
    (void)port;
    disk.fd = fd;
}

static void close_port(struct ordo_disk *port)
{
    port->waker = NULL;
    memset(disk.flights, 0, sizeof(disk.flights));
}

static const struct ordo_disk_port port_of = {
    .submit = submit, .reap = reap, .use_file = use_file, .close = close_port};

REAL(
    enum ordo_err,
    ordo_disk_uring_open,
    const struct ordo_disk_config *config,
    struct ordo_disk **out,
    struct ordo_fail *fail)
{
    (void)fail;
    disk.port_disk = (struct ordo_disk){
        .port = &port_of, .name = "simulated", .flush_name = "flush", .overlaps = config->flush};
    *out = &disk.port_disk;
    return ORDO_OK;
}

uint64_t disk_due_ns(void)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        const struct flight *flight = &disk.flights[i];
        due = flight->used && flight->due_ns < due ? flight->due_ns : due;
    }
    return due;
}

/* The one that is due for longest; which of several in flight that is was drawn. */
void disk_step(void)
{
    uint64_t due = disk_due_ns();
    for (uint32_t i = 0; i < ORDO_DISK_IN_FLIGHT_MAX; i++) {
        struct flight *flight = &disk.flights[i];
        if (!flight->used || flight->due_ns != due) {
            continue;
        }
        flight->used = false;
        if (flight->done.result > 0 && canary != CANARY_FLUSH_SKIPPED) {
            simfs_note(SIM_DONE, flight->op);
        }
        if (canary != CANARY_ACK_BEFORE_FLUSH) {
            disk.done[disk.done_count++] = flight->done;
        }
        if (disk.port_disk.waker != NULL) {
            ordo_waker_signal(disk.port_disk.waker);
        }
        return;
    }
}

/* ---- calls that simfs has not ---- */

static bool is_ours(const char *path)
{
    return strncmp(path, SIMFS_ROOT "/", sizeof(SIMFS_ROOT)) == 0;
}

REAL(int, stat, const char *path, struct stat *out)
{
    return is_ours(path) ? fstatat(SIMFS_FD, path + sizeof(SIMFS_ROOT), out, 0)
                         : __real_stat(path, out);
}

REAL(int, unlink, const char *path)
{
    return is_ours(path) ? unlinkat(SIMFS_FD, path + sizeof(SIMFS_ROOT), 0) : __real_unlink(path);
}

REAL(int, posix_fallocate, int fd, off_t offset, off_t size)
{
    if (fd < SIMFS_FD) {
        return __real_posix_fallocate(fd, offset, size);
    }
    return fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

REAL(ssize_t, pwritev2, int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    ORDO_ASSERT(fd >= SIMFS_FD && count == 1);
    ssize_t wrote = pwrite(fd, parts->iov_base, parts->iov_len, offset);
    if (wrote > 0 && (flags & RWF_DSYNC) != 0 && fdatasync(fd) != 0) {
        return -1;
    }
    return wrote;
}
