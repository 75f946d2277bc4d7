#include "base/crc32c.h"

#include "base/assert.h"

#include <isa-l/crc.h>
#include <limits.h>

uint32_t ordo_crc32c(uint32_t crc, const void *data, size_t size)
{
    ORDO_ASSERT(size <= INT_MAX);
    /* ISA-L neither inverts at the start nor at the end, and its prototype lacks const */
    union {
        const void *in;
        unsigned char *out;
    } cast = {.in = data};
    return ~crc32_iscsi(cast.out, (int)size, ~crc);
}
