/* ISA-L folds 256 bytes at a time and is at its best from there on; a record of the journal has
 * about a hundred, for which its set-up costs more than the sum (29 ns against 11 for 100 bytes,
 * 16 against 3 for 20). So short data goes through the processor's own instruction, eight bytes a
 * step, where it has one; the two meet at about 350 bytes.
 *
 * The last one to seven bytes have no branch of their own: sizes differ from record to record, and
 * each wrong guess costs more than the sum (24 ns against 17 a record of random sizes). The
 * instruction takes leading zeros for nothing when it starts from zero, so the rest is moved to the
 * end of a word, together with as many bytes of the sum so far as it covers; what it does not cover
 * of them is added.
 *
 * Tried and left: summing the words from zero and moving the sum so far by a carry-less product, so
 * that a sum need not wait for the one before it. No gain, the writing of records is not slower. */
#include "base/crc32c.h"

#include "base/assert.h"

#include <isa-l/crc.h>
#include <limits.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <stdbool.h>
#include <string.h>

#define SHORT_MAX 320u

__attribute__((target("sse4.2"))) static uint32_t
sum_short(uint32_t crc, const uint8_t *data, size_t size)
{
    if (size < 8) {
        for (size_t i = 0; i < size; i++) {
            crc = _mm_crc32_u8(crc, data[i]);
        }
        return crc;
    }
    uint64_t sum = crc;
    uint64_t word;
    const uint8_t *end = data + (size & ~(size_t)7);
    unsigned bits = (unsigned)(size & 7) * 8; /* of the rest; shifts in two steps, as 64 is none */
    uint64_t rest;
    memcpy(&rest, data + size - 8, sizeof(rest));
    for (; data != end; data += 8) {
        memcpy(&word, data, sizeof(word));
        sum = _mm_crc32_u64(sum, word);
    }
    word = (rest >> 8 >> (56 - bits) ^ sum) << (56 - bits) << 8;
    return (uint32_t)(_mm_crc32_u64(0, word) ^ sum >> bits);
}

static bool is_short(size_t size)
{
    return size <= SHORT_MAX && __builtin_cpu_supports("sse4.2");
}
#endif

uint32_t ordo_crc32c(uint32_t crc, const void *data, size_t size)
{
    ORDO_ASSERT(size <= INT_MAX);
#if defined(__x86_64__)
    if (is_short(size)) {
        return ~sum_short(~crc, data, size);
    }
#endif
    /* ISA-L neither inverts at the start nor at the end, and its prototype lacks const */
    union {
        const void *in;
        unsigned char *out;
    } cast = {.in = data};
    return ~crc32_iscsi(cast.out, (int)size, ~crc);
}
