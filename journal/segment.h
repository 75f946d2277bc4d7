/* segment.h - the data folder and its segment files: names, locks, zeros written ahead, reads.
 *
 * Files are journal-00000001.ordo, -00000002, ... without a gap. A new one is made as prepare.tmp,
 * filled with zeros, flushed, renamed, and the folder flushed: a segment that has its name has its
 * full size on disk. All calls block; none is made by the journal's thread while it serves.
 */
#ifndef ORDO_JOURNAL_SEGMENT_H
#define ORDO_JOURNAL_SEGMENT_H

#include "base/err.h"
#include "journal/format.h"

#define ORDO_FOLDER_PATH_MAX  208 /* with a name of ours it fits in 256 */
#define ORDO_SEGMENT_NAME_MAX 40

struct ordo_folder {
    int fd;
    char path[ORDO_FOLDER_PATH_MAX];
    uint64_t first; /* of the last scan, archived ones included; 0 = no segments */
    uint64_t last;
    uint64_t live_first;   /* the first that is not only in the archive; 0 = none */
    uint64_t archive_last; /* the last that is in the archive; 0 = none */
    uint64_t missing;      /* the first number that is not there between first and last; 0 = none */
};

struct ordo_segment {
    uint64_t number; /* 0 = none */
    int fd;
    uint64_t size;  /* of the file, bytes */
    uint32_t block; /* smallest unit of a write here */
    bool direct;    /* the descriptor bypasses the page cache */
};

/* NOT_FOUND when there is none and make is false. CONFIG for a path too long. */
enum ordo_err ordo_folder_open(
    struct ordo_folder *folder, const char *path, bool make, struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err ordo_folder_scan(struct ordo_folder *folder, struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err
ordo_folder_flush(const struct ordo_folder *folder, struct ordo_fail *fail) ORDO_MUST_USE;
bool ordo_folder_is_tmpfs(const struct ordo_folder *folder);
void ordo_folder_close(struct ordo_folder *folder);

/* An exclusive lock on the folder's lock file, whose text names the holder; retries for about a
 * second and a half, because a killed process keeps its locks while its last writes are in flight.
 * IN_USE. */
enum ordo_err ordo_folder_lock(
    const struct ordo_folder *folder, int *lock_fd, struct ordo_fail *fail) ORDO_MUST_USE;

/* The same on a segment: its lock lives as long as a write to it. */
enum ordo_err ordo_segment_lock(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    struct ordo_fail *fail) ORDO_MUST_USE;

void ordo_segment_name(uint64_t number, char name[ORDO_SEGMENT_NAME_MAX]);

/* NOT_FOUND. For reading, a segment that is only in the archive is unpacked into memory. Past the
 * page cache where the file system can. block is what the device takes (512 or
 * 4096). */
enum ordo_err ordo_segment_open(
    const struct ordo_folder *folder,
    uint64_t number,
    bool write,
    struct ordo_segment *segment,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_segment_close(struct ordo_segment *segment);

/* Makes a segment of zeros, durable with its name; replaces a file of that name. NO_SPACE. */
enum ordo_err ordo_segment_create(
    const struct ordo_folder *folder,
    uint64_t number,
    uint64_t size,
    uint8_t *scratch, /* ORDO_SEGMENT_SCRATCH bytes, page aligned, zeros */
    struct ordo_fail *fail) ORDO_MUST_USE;
#define ORDO_SEGMENT_SCRATCH (1u << 20)

/* Reads until size bytes or the end of the file. buffer is page aligned; offset and size are
 * multiples of the block. */
enum ordo_err ordo_segment_read(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    uint64_t offset,
    uint8_t *buffer,
    size_t size,
    size_t *got,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The first block of a segment, where its header is; fewer bytes when the file is shorter.
 * NOT_FOUND. block is page aligned. */
enum ordo_err ordo_segment_read_first(
    const struct ordo_folder *folder,
    uint64_t number,
    uint8_t block[ORDO_JOURNAL_BLOCK_MAX],
    size_t *got,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Writes and flushes; offset, size and data as for a read. */
enum ordo_err ordo_segment_write(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    uint64_t offset,
    const uint8_t *data,
    size_t size,
    struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err ordo_segment_flush(
    const struct ordo_folder *folder,
    const struct ordo_segment *segment,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Writes the whole of data at *offset, advancing it; retries only what wrote nothing (EINTR). 0 or
 * an errno. */
int ordo_write_all(int fd, const uint8_t *data, size_t size, uint64_t *offset);

#endif
