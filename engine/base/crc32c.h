/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4), by ISA-L's multi-lane dispatching
 * implementation, and by the processor's instruction where the data is short. */
#ifndef ORDO_BASE_CRC32C_H
#define ORDO_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues crc over size bytes; start with 0. crc32c(0, "123456789") is 0xe3069283. Any thread,
 * pure. */
uint32_t ordo_crc32c(uint32_t crc, const void *data, size_t size);

#endif
