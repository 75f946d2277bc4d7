#include "base/hash.h"

#include "base/assert.h"
#include "base/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t ordo_hash64(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

struct ordo_hash128 ordo_hash128(const void *data, size_t size, uint64_t seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(data, size, seed);
    return (struct ordo_hash128){.low = h.low64, .high = h.high64};
}

struct ordo_hash128 ordo_hash_chain(struct ordo_hash128 previous, const void *data, size_t size)
{
    uint8_t buffer[ORDO_HASH_SIZE + ORDO_HASH_CHAIN_MAX];
    ORDO_ASSERT(size <= ORDO_HASH_CHAIN_MAX);
    ordo_put_le64(buffer, previous.low);
    ordo_put_le64(buffer + 8, previous.high);
    memcpy(buffer + ORDO_HASH_SIZE, data, size);
    return ordo_hash128(buffer, ORDO_HASH_SIZE + size, 0);
}
