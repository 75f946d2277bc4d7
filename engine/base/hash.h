/* hash.h - XXH3 digests (xxHash 0.8) for tables, stream hash and snapshots: they find accidents,
 * not forgers. */
#ifndef ORDO_BASE_HASH_H
#define ORDO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define ORDO_HASH_SIZE 16

struct ordo_hash128 {
    uint64_t low;
    uint64_t high;
};

/* Any thread, pure. */
uint64_t ordo_hash64(const void *data, size_t size, uint64_t seed);
struct ordo_hash128 ordo_hash128(const void *data, size_t size, uint64_t seed);

/* hash128(previous || data) without a copy of data by the caller; size is at most
 * ORDO_HASH_CHAIN_MAX bytes. */
#define ORDO_HASH_CHAIN_MAX 240
struct ordo_hash128 ordo_hash_chain(struct ordo_hash128 previous, const void *data, size_t size);

#endif
