/* A file system of one file, `disk`, for a loop device to lie on: it records each write and each
 * flush in the order in which they came, so that the disk can be rebuilt as it was, or could have
 * been, at any moment of a power loss.
 *
 *     block_recorder IMAGE LOG POSITION MOUNT
 *
 * IMAGE holds the bytes and answers reads. LOG gets an entry for each request before it is
 * answered: offset and size (two u64, little endian) and the bytes; a flush is an entry of size 0.
 * POSITION is a file of 8 bytes, for mapping: the entries so far. Who reads it after an answer
 * knows that the answer rests on those entries alone.
 *
 * One thread, so the order of the log is the order of the answers. No cache of this file system's
 * (`direct_io`): what the loop device sends is seen at once. What else a loop device may ask for
 * (punching holes, zeros) is not offered; the kernel then writes zeros, which are recorded.
 */
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK "/disk"

struct recorder {
    int image;
    int log;
    uint64_t *position;
    struct stat status; /* of the image */
};

static struct recorder *of_context(void)
{
    return fuse_get_context()->private_data;
}

static int write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t done = write(fd, at, size);
        if (done < 0 && errno != EINTR) {
            return -errno;
        }
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static int note(struct recorder *recorder, uint64_t offset, const void *data, size_t size)
{
    const uint64_t head[2] = {offset, size};
    int err = write_all(recorder->log, head, sizeof(head));
    if (err == 0) {
        err = write_all(recorder->log, data, size);
    }
    return err;
}

static void count(struct recorder *recorder)
{
    __atomic_add_fetch(recorder->position, 1, __ATOMIC_SEQ_CST);
}

static int on_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
    (void)file;
    memset(status, 0, sizeof(*status));
    if (strcmp(path, "/") == 0) {
        status->st_mode = S_IFDIR | 0700;
        status->st_nlink = 2;
        return 0;
    }
    if (strcmp(path, DISK) != 0) {
        return -ENOENT;
    }
    status->st_mode = S_IFREG | 0600;
    status->st_nlink = 1;
    status->st_size = of_context()->status.st_size;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *file)
{
    file->direct_io = 1;
    return strcmp(path, DISK) == 0 ? 0 : -ENOENT;
}

static int
on_read(const char *path, char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    (void)file;
    ssize_t got = pread(of_context()->image, data, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int
on_write(const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
    struct recorder *recorder = of_context();
    (void)path;
    (void)file;
    if (offset + (off_t)size > recorder->status.st_size || size == 0) {
        return -ENOSPC;
    }
    if (pwrite(recorder->image, data, size, offset) != (ssize_t)size) {
        return -EIO;
    }
    int err = note(recorder, (uint64_t)offset, data, size);
    count(recorder);
    return err != 0 ? err : (int)size;
}

static int on_fsync(const char *path, int only_data, struct fuse_file_info *file)
{
    struct recorder *recorder = of_context();
    (void)path;
    (void)only_data;
    (void)file;
    int err = note(recorder, 0, NULL, 0);
    count(recorder);
    return err;
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
};

static int fail(const char *what)
{
    fprintf(stderr, "block_recorder: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    struct recorder recorder;
    if (argc != 5) {
        fprintf(stderr, "usage: block_recorder IMAGE LOG POSITION MOUNT\n");
        return 64;
    }
    recorder.image = open(argv[1], O_RDWR | O_CLOEXEC);
    if (recorder.image < 0 || fstat(recorder.image, &recorder.status) != 0) {
        return fail(argv[1]);
    }
    recorder.log = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (recorder.log < 0) {
        return fail(argv[2]);
    }
    int position = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (position < 0 || ftruncate(position, sizeof(uint64_t)) != 0) {
        return fail(argv[3]);
    }
    void *map = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, position, 0);
    if (map == MAP_FAILED) {
        return fail(argv[3]);
    }
    recorder.position = map;
    char name[] = "block_recorder";
    char foreground[] = "-f";
    char single[] = "-s";
    char *arguments[] = {name, foreground, single, argv[4], NULL};
    return fuse_main(4, arguments, &operations, &recorder);
}
