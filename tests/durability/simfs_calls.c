/* The C library's file calls, as the linker's --wrap puts them in front of the real ones. */
#include "simfs.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#define FDS_MAX 64

struct sim_fd {
    bool used;
    bool is_dir;
    bool direct;
    uint32_t file;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t owner;
    struct sim_image *image; /* under mutex, as all below */
    struct sim_log *log;
    uint32_t block;
    struct sim_fd fds[FDS_MAX];
    bool holding;
    bool other_active;
    uint32_t budget;
    simfs_gate *gate; /* set before traffic */
} fs = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- control ---- */

void simfs_mount(struct sim_image *image, struct sim_log *log, uint32_t block)
{
    (void)pthread_mutex_lock(&fs.mutex);
    fs.image = image;
    fs.log = log;
    fs.block = block;
    fs.owner = pthread_self();
    memset(fs.fds, 0, sizeof(fs.fds));
    simfs_forget_dirs();
    (void)pthread_mutex_unlock(&fs.mutex);
}

void simfs_use_log(struct sim_log *log)
{
    (void)pthread_mutex_lock(&fs.mutex);
    fs.log = log;
    (void)pthread_mutex_unlock(&fs.mutex);
}

void simfs_stop_log(void)
{
    simfs_use_log(NULL);
}

void simfs_hold_others(bool hold)
{
    (void)pthread_mutex_lock(&fs.mutex);
    fs.holding = hold;
    (void)pthread_cond_broadcast(&fs.changed);
    (void)pthread_mutex_unlock(&fs.mutex);
}

void simfs_expect_other(void)
{
    (void)pthread_mutex_lock(&fs.mutex);
    fs.other_active = true;
    (void)pthread_mutex_unlock(&fs.mutex);
}

void simfs_let_others(uint32_t count)
{
    (void)pthread_mutex_lock(&fs.mutex);
    if (fs.other_active) {
        fs.budget = count;
        (void)pthread_cond_broadcast(&fs.changed);
        while (fs.other_active && fs.budget > 0) {
            (void)pthread_cond_wait(&fs.changed, &fs.mutex);
        }
        fs.budget = 0;
    }
    (void)pthread_mutex_unlock(&fs.mutex);
}

bool simfs_is_other_done(void)
{
    (void)pthread_mutex_lock(&fs.mutex);
    bool done = !fs.other_active;
    (void)pthread_mutex_unlock(&fs.mutex);
    return done;
}

/* Into the file system; another thread than the owner waits until it is let through. */
static void enter(void)
{
    (void)pthread_mutex_lock(&fs.mutex);
    if (pthread_equal(pthread_self(), fs.owner)) {
        return;
    }
    while (fs.holding && fs.budget == 0) {
        (void)pthread_cond_wait(&fs.changed, &fs.mutex);
    }
    if (fs.budget > 0) {
        fs.budget--;
        (void)pthread_cond_broadcast(&fs.changed);
    }
}

static int leave(int result, int error)
{
    (void)pthread_mutex_unlock(&fs.mutex);
    if (result < 0) {
        errno = error;
    }
    return result;
}

void simfs_set_gate(simfs_gate *gate)
{
    fs.gate = gate;
}

#define ASK(call, fd, size)                                                                        \
    do {                                                                                           \
        int refused = fs.gate == NULL ? 0 : fs.gate(call, fd, size);                               \
        if (refused < 0) {                                                                         \
            return 0;                                                                              \
        }                                                                                          \
        if (refused != 0) {                                                                        \
            errno = refused;                                                                       \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

/* ---- inside ---- */

static struct sim_fd *fd_of(int fd)
{
    ORDO_ASSERT(fd >= SIMFS_FD && fd < SIMFS_FD + FDS_MAX);
    struct sim_fd *entry = &fs.fds[fd - SIMFS_FD];
    return entry;
}

static struct sim_file *file_of(int fd)
{
    return &fs.image->files[fd_of(fd)->file];
}

uint8_t *simfs_bytes(int fd)
{
    return file_of(fd)->data;
}

bool simfs_is_bytes(const void *bytes)
{
    const uint8_t *begin = fs.image == NULL ? NULL : fs.image->files[0].data;
    size_t size = (size_t)SIM_FILES_MAX * SIM_FILE_MAX;
    return begin != NULL && (const uint8_t *)bytes >= begin &&
           (const uint8_t *)bytes < begin + size;
}

bool simfs_list(uint32_t index, char name[SIM_NAME_MAX])
{
    (void)pthread_mutex_lock(&fs.mutex);
    bool more = index < fs.image->name_count;
    if (more) {
        (void)snprintf(name, SIM_NAME_MAX, "%s", fs.image->names[index].name);
    }
    (void)pthread_mutex_unlock(&fs.mutex);
    return more;
}

static int new_fd(uint32_t file, bool is_dir, bool direct)
{
    for (int i = 0; i < FDS_MAX; i++) {
        if (!fs.fds[i].used) {
            fs.fds[i] = (struct sim_fd){true, is_dir, direct, file};
            return SIMFS_FD + i;
        }
    }
    return -1;
}

static uint32_t change(const struct sim_op *op, const uint8_t *data)
{
    struct sim_op with_data = *op;
    with_data.data = (uint8_t *)(uintptr_t)data;
    sim_image_apply(fs.image, &with_data);
    return fs.log == NULL ? 0 : sim_log_add(fs.log, op, data);
}

static struct sim_op op_on_name(enum sim_op_kind kind, uint32_t file, const char *name)
{
    struct sim_op op = {.kind = kind, .file = file};
    (void)snprintf(op.name, sizeof(op.name), "%s", name);
    return op;
}

static bool is_aligned(const struct sim_fd *fd, uint64_t offset, size_t size)
{
    return !fd->direct || (offset % fs.block == 0 && size % fs.block == 0);
}

static int open_file(const char *name, int flags)
{
    if (strcmp(name, ".") == 0) {
        return leave(new_fd(0, true, false), EMFILE);
    }
    uint32_t file = sim_image_find(fs.image, name);
    if (file == SIM_NO_FILE && (flags & O_CREAT) == 0) {
        return leave(-1, ENOENT);
    }
    if (file == SIM_NO_FILE) {
        file = fs.image->file_count;
        ORDO_ASSERT(file < SIM_FILES_MAX);
        struct sim_op op = op_on_name(SIM_CREATE, file, name);
        (void)change(&op, NULL);
    } else if ((flags & O_TRUNC) != 0 && fs.image->files[file].size != 0) {
        (void)change(&(struct sim_op){.kind = SIM_SIZE, .file = file}, NULL);
    }
    return leave(new_fd(file, false, (flags & O_DIRECT) != 0), EMFILE);
}

uint32_t simfs_write_begin(int fd, uint64_t offset, const uint8_t *data, uint32_t size)
{
    (void)pthread_mutex_lock(&fs.mutex);
    struct sim_op op = {.kind = SIM_WRITE, .file = fd_of(fd)->file, .offset = offset, .size = size};
    uint32_t index = change(&op, data);
    (void)pthread_mutex_unlock(&fs.mutex);
    return index;
}

void simfs_note(enum sim_op_kind kind, uint64_t value)
{
    (void)pthread_mutex_lock(&fs.mutex);
    if (fs.log != NULL) {
        (void)sim_log_add(fs.log, &(struct sim_op){.kind = kind, .offset = value}, NULL);
    }
    (void)pthread_mutex_unlock(&fs.mutex);
}

/* ---- the calls ---- */

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

static bool is_root(const char *path)
{
    return strncmp(path, SIMFS_ROOT, sizeof(SIMFS_ROOT) - 1) == 0;
}

int __wrap_openat(int dir, const char *name, int flags, ...);

REAL(int, open, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (!is_root(path)) {
        return __real_open(path, flags, mode);
    }
    if ((flags & O_DIRECTORY) == 0) {
        return __wrap_openat(SIMFS_FD, path + sizeof(SIMFS_ROOT), flags, mode);
    }
    enter();
    return leave(new_fd(0, true, false), EMFILE);
}

REAL(int, openat, int dir, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (dir < SIMFS_FD) {
        return __real_openat(dir, name, flags, mode);
    }
    ASK(SIMFS_OPEN, dir, NULL);
    enter();
    return open_file(name, flags);
}

REAL(int, mkdir, const char *path, mode_t mode)
{
    if (!is_root(path)) {
        return __real_mkdir(path, mode);
    }
    errno = EEXIST;
    return -1;
}

REAL(int, close, int fd)
{
    ASK(SIMFS_CLOSE, fd, NULL);
    if (fd < SIMFS_FD) {
        return __real_close(fd);
    }
    enter();
    fd_of(fd)->used = false;
    return leave(0, 0);
}

static ssize_t read_at(int fd, void *out, size_t size, off_t offset)
{
    ASK(SIMFS_READ, fd, &size);
    enter();
    const struct sim_file *file = file_of(fd);
    if (!is_aligned(fd_of(fd), (uint64_t)offset, size)) {
        return leave(-1, EINVAL);
    }
    uint64_t left = (uint64_t)offset < file->size ? file->size - (uint64_t)offset : 0;
    size = left < size ? (size_t)left : size;
    memcpy(out, file->data + offset, size);
    return leave((int)size, 0);
}

REAL(ssize_t, pread, int fd, void *out, size_t size, off_t offset)
{
    return fd < SIMFS_FD ? __real_pread(fd, out, size, offset) : read_at(fd, out, size, offset);
}

REAL(ssize_t, __pread_chk, int fd, void *out, size_t size, off_t offset, size_t room)
{
    return fd < SIMFS_FD ? __real___pread_chk(fd, out, size, offset, room)
                         : read_at(fd, out, size, offset);
}

REAL(ssize_t, pwrite, int fd, const void *data, size_t size, off_t offset)
{
    if (fd < SIMFS_FD) {
        return __real_pwrite(fd, data, size, offset);
    }
    ASK(SIMFS_WRITE, fd, &size);
    enter();
    if (!is_aligned(fd_of(fd), (uint64_t)offset, size)) {
        return leave(-1, EINVAL);
    }
    struct sim_op op = {
        .kind = SIM_WRITE,
        .file = fd_of(fd)->file,
        .offset = (uint64_t)offset,
        .size = (uint32_t)size};
    (void)change(&op, data);
    return leave((int)size, 0);
}

REAL(int, fallocate, int fd, int mode, off_t offset, off_t size)
{
    if (fd < SIMFS_FD) {
        return __real_fallocate(fd, mode, offset, size);
    }
    ASK(SIMFS_ROOM, fd, NULL);
    enter();
    uint64_t end = (uint64_t)(offset + size);
    if (end > file_of(fd)->size) {
        (void)change(
            &(struct sim_op){.kind = SIM_SIZE, .file = fd_of(fd)->file, .offset = end}, NULL);
    }
    return leave(0, 0);
}

REAL(int, ftruncate, int fd, off_t size)
{
    if (fd < SIMFS_FD) {
        return __real_ftruncate(fd, size);
    }
    enter();
    if ((uint64_t)size != file_of(fd)->size) {
        struct sim_op op = {.kind = SIM_SIZE, .file = fd_of(fd)->file, .offset = (uint64_t)size};
        (void)change(&op, NULL);
    }
    return leave(0, 0);
}

static int flush_fd(int fd)
{
    ASK(SIMFS_FLUSH, fd, NULL);
    enter();
    const struct sim_fd *entry = fd_of(fd);
    enum sim_op_kind kind = entry->is_dir ? SIM_FLUSH_DIR : SIM_FLUSH;
    (void)change(&(struct sim_op){.kind = kind, .file = entry->file}, NULL);
    return leave(0, 0);
}

REAL(int, fsync, int fd)
{
    return fd < SIMFS_FD ? __real_fsync(fd) : flush_fd(fd);
}

REAL(int, fdatasync, int fd)
{
    return fd < SIMFS_FD ? __real_fdatasync(fd) : flush_fd(fd);
}

REAL(int, renameat, int dir, const char *name, int to_dir, const char *to)
{
    if (dir < SIMFS_FD) {
        return __real_renameat(dir, name, to_dir, to);
    }
    ASK(SIMFS_NAME, dir, NULL);
    enter();
    uint32_t file = sim_image_find(fs.image, name);
    if (file == SIM_NO_FILE) {
        return leave(-1, ENOENT);
    }
    struct sim_op op = op_on_name(SIM_RENAME, file, name);
    (void)snprintf(op.to, sizeof(op.to), "%s", to);
    (void)change(&op, NULL);
    return leave(0, 0);
}

REAL(int, unlinkat, int dir, const char *name, int flags)
{
    if (dir < SIMFS_FD) {
        return __real_unlinkat(dir, name, flags);
    }
    ASK(SIMFS_NAME, dir, NULL);
    enter();
    uint32_t file = sim_image_find(fs.image, name);
    if (file == SIM_NO_FILE) {
        return leave(-1, ENOENT);
    }
    struct sim_op op = op_on_name(SIM_UNLINK, file, name);
    (void)change(&op, NULL);
    return leave(0, 0);
}

REAL(int, fstat, int fd, struct stat *out)
{
    if (fd < SIMFS_FD) {
        return __real_fstat(fd, out);
    }
    enter();
    *out = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)file_of(fd)->size};
    return leave(0, 0);
}

REAL(int, fstatat, int dir, const char *name, struct stat *out, int flags)
{
    if (dir < SIMFS_FD) {
        return __real_fstatat(dir, name, out, flags);
    }
    enter();
    uint32_t file = sim_image_find(fs.image, name);
    if (file == SIM_NO_FILE) {
        return leave(-1, ENOENT);
    }
    *out = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)fs.image->files[file].size};
    return leave(0, 0);
}

REAL(int, fstatfs, int fd, struct statfs *out)
{
    if (fd < SIMFS_FD) {
        return __real_fstatfs(fd, out);
    }
    *out = (struct statfs){.f_type = EXT4_SUPER_MAGIC};
    return 0;
}

/* A segment's lock is the last call of the thread that prepares one. */
REAL(int, flock, int fd, int operation)
{
    if (fd < SIMFS_FD) {
        return __real_flock(fd, operation);
    }
    enter();
    if (!pthread_equal(pthread_self(), fs.owner)) {
        fs.other_active = false;
        (void)pthread_cond_broadcast(&fs.changed);
    }
    return leave(0, 0);
}
