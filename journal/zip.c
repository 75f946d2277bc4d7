/* One frame a file, with the content's size and checksum in it, and behind it a trailer: a
 * skippable frame, which every zstd tool passes over, with the CRC-32C of all bytes before. zstd
 * alone does not see every changed byte: unused bits and a larger window decode to the same
 * content. Level 3: a segment of 64 MiB takes some 0.3 s, and higher levels gain little on records
 * that hold hashes and sealed cards. */
#include "journal/zip.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "journal/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define LEVEL     3
#define CHUNK     ((size_t)256 << 10)
#define EINTR_MAX 64

#define TRAILER_SIZE  16 /* magic, size of the rest, "ORDO", CRC: 4 bytes each */
#define TRAILER_MAGIC 0x184D2A5Eu

static bool is_set(size_t code)
{
    return !ZSTD_isError(code);
}

/* The trailer behind bytes whose CRC is given. */
static void make_trailer(uint32_t crc, uint8_t out[TRAILER_SIZE])
{
    ordo_put_le32(out, TRAILER_MAGIC);
    ordo_put_le32(out + 4, TRAILER_SIZE - 8);
    memcpy(out + 8, "ORDO", 4);
    ordo_put_le32(out + 12, ordo_crc32c(crc, out, 12));
}

static int compress_into(
    ZSTD_CCtx *context, int fd, const uint8_t *data, size_t size, uint8_t *chunk, uint64_t *offset)
{
    ZSTD_inBuffer in = {.src = data, .size = size};
    uint8_t trailer[TRAILER_SIZE];
    uint32_t crc = 0;
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = chunk, .size = CHUNK};
        left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
        if (ZSTD_isError(left)) {
            return ENOMEM; /* the only way to fail with whole input and a valid setting */
        }
        int error = ordo_write_all(fd, chunk, out.pos, offset);
        if (error != 0) {
            return error;
        }
        crc = ordo_crc32c(crc, chunk, out.pos);
    } while (left != 0);
    make_trailer(crc, trailer);
    return ordo_write_all(fd, trailer, sizeof(trailer), offset);
}

int ordo_zip_write(int fd, const uint8_t *data, size_t size, uint64_t *written)
{
    int error = ENOMEM;
    uint8_t *chunk = malloc(CHUNK);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    *written = 0;
    if (chunk != NULL && context != NULL &&
        is_set(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL)) &&
        is_set(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) &&
        is_set(ZSTD_CCtx_setPledgedSrcSize(context, size))) {
        error = compress_into(context, fd, data, size, chunk, written);
    }
    (void)ZSTD_freeCCtx(context);
    free(chunk);
    return error;
}

struct ordo_unzip {
    ZSTD_DCtx *context;
    int fd;
    off_t offset;
    off_t end; /* of the frame, where the trailer begins */
    uint32_t crc;
    bool is_done; /* the frame has ended */
    ZSTD_inBuffer in;
    uint8_t chunk[CHUNK];
};

enum ordo_err ordo_unzip_open(int fd, struct ordo_unzip **out)
{
    struct stat about;
    if (fstat(fd, &about) != 0) {
        return ORDO_ERR_IO;
    }
    struct ordo_unzip *unzip = malloc(sizeof(*unzip));
    if (unzip == NULL) {
        return ORDO_ERR_NO_MEMORY;
    }
    unzip->context = ZSTD_createDCtx();
    unzip->fd = fd;
    unzip->offset = 0;
    unzip->end = about.st_size > TRAILER_SIZE ? about.st_size - TRAILER_SIZE : 0;
    unzip->crc = 0;
    unzip->is_done = false;
    unzip->in = (ZSTD_inBuffer){.src = unzip->chunk};
    if (unzip->context == NULL) {
        free(unzip);
        return ORDO_ERR_NO_MEMORY;
    }
    *out = unzip;
    return ORDO_OK;
}

/* Refills what was used up; an empty buffer afterwards is the end of the file. */
static enum ordo_err refill(struct ordo_unzip *unzip)
{
    for (int i = 0; i < EINTR_MAX && unzip->in.pos == unzip->in.size; i++) {
        size_t left = (size_t)(unzip->end - unzip->offset);
        size_t size = left < sizeof(unzip->chunk) ? left : sizeof(unzip->chunk);
        ssize_t got = pread(unzip->fd, unzip->chunk, size, unzip->offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ORDO_ERR_IO;
        }
        unzip->in.pos = 0;
        unzip->in.size = (size_t)got;
        unzip->offset += got;
        unzip->crc = ordo_crc32c(unzip->crc, unzip->chunk, (size_t)got);
        if (got == 0) {
            break;
        }
    }
    return ORDO_OK;
}

/* The frame has been read: does the trailer hold? */
static enum ordo_err check_trailer(const struct ordo_unzip *unzip)
{
    uint8_t found[TRAILER_SIZE];
    uint8_t wanted[TRAILER_SIZE];
    make_trailer(unzip->crc, wanted);
    ssize_t got = pread(unzip->fd, found, sizeof(found), unzip->end);
    if (got < 0) {
        return ORDO_ERR_IO;
    }
    return got == TRAILER_SIZE && memcmp(found, wanted, sizeof(found)) == 0 ? ORDO_OK
                                                                            : ORDO_ERR_DAMAGED;
}

enum ordo_err ordo_unzip_read(struct ordo_unzip *unzip, uint8_t *data, size_t size, size_t *got)
{
    ZSTD_outBuffer out = {.dst = data, .size = size};
    while (out.pos < out.size) {
        enum ordo_err err = refill(unzip);
        if (err != ORDO_OK) {
            return err;
        }
        bool at_end = unzip->in.pos == unzip->in.size;
        if (unzip->is_done || at_end) {
            *got = out.pos;
            return unzip->is_done && at_end ? check_trailer(unzip) : ORDO_ERR_DAMAGED;
        }
        size_t left = ZSTD_decompressStream(unzip->context, &out, &unzip->in);
        if (ZSTD_isError(left)) {
            return ORDO_ERR_DAMAGED;
        }
        unzip->is_done = left == 0;
    }
    *got = out.pos;
    return ORDO_OK;
}

void ordo_unzip_close(struct ordo_unzip *unzip)
{
    if (unzip != NULL) {
        (void)ZSTD_freeDCtx(unzip->context);
        free(unzip);
    }
}
