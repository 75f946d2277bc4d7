/* zip.h - compressed files: one zstd frame and a checksum over it, which the `zstd` tool unpacks
 * as well. The only file that includes zstd is zip.c.
 *
 * Blocking; any thread, one at a time for each handle. Errors of the system are errno values.
 */
#ifndef ORDO_JOURNAL_ZIP_H
#define ORDO_JOURNAL_ZIP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Compresses data into fd, from the file's start; *written is its size then. 0 or an errno. */
int ordo_zip_write(int fd, const uint8_t *data, size_t size, uint64_t *written) ORDO_MUST_USE;

struct ordo_unzip;

/* Reads fd from its start; fd stays the caller's. NO_MEMORY, IO. */
enum ordo_err ordo_unzip_open(int fd, struct ordo_unzip **out) ORDO_MUST_USE;

/* Up to size bytes, fewer only at the end. DAMAGED: these are not the bytes that were compressed,
 * or the file ends too early, or goes on behind its frame. IO: errno says why. */
enum ordo_err
ordo_unzip_read(struct ordo_unzip *unzip, uint8_t *data, size_t size, size_t *got) ORDO_MUST_USE;

void ordo_unzip_close(struct ordo_unzip *unzip); /* accepts NULL */

#endif
