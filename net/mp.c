#include "net/mp.h"

#include "base/canary.h"

/* Why a cursor of our own: an object tree costs ten times as much a command, and msgpack-c reserves
 * memory for whatever a header announces (5 bytes ask for gigabytes). Here nothing is reserved, so
 * a lie in a header costs nothing but the frame.
 *
 * `owed` starts at one. Reading a value pays one; a header of n elements owes n more. As every
 * value takes at least one byte, owed > bytes left proves a lie at once, over all levels together.
 *
 * Skipping walks the bytes with a small stack of counts instead of recursion; the stack is the
 * depth limit. Readers of known shape need none: their depth is that of the code that reads.
 */

#define TRUNCATED "the frame ends too early"
#define TOO_MANY  "announces more elements than the frame has bytes"

void ordo_mp_fail(struct ordo_mp_reader *r, const char *error)
{
    if (r->error == NULL) {
        r->error = error;
    }
}

static size_t left(const struct ordo_mp_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* The next value's first byte, paid for; false after a failure. */
static bool begin(struct ordo_mp_reader *r, uint8_t *first)
{
    if (ORDO_UNLIKELY(r->error != NULL)) {
        return false;
    }
    if (ORDO_UNLIKELY(r->at == r->end || r->owed == 0)) {
        ordo_mp_fail(r, r->owed == 0 ? "more values than announced" : TRUNCATED);
        return false;
    }
    *first = *r->at++;
    r->owed--;
    return true;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t big_endian(struct ordo_mp_reader *r, uint32_t size)
{
    if (ORDO_UNLIKELY(left(r) < size)) {
        ordo_mp_fail(r, TRUNCATED);
        return 0;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        value = value << 8 | *r->at++;
    }
    return value;
}

/* Fails and gives the zero that every failed read gives. */
static uint64_t wrong(struct ordo_mp_reader *r, const char *error)
{
    ordo_mp_fail(r, error);
    return 0;
}

enum ordo_mp_type ordo_mp_peek(const struct ordo_mp_reader *r)
{
    if (r->error != NULL || r->at == r->end) {
        return ORDO_MP_NONE;
    }
    uint8_t b = *r->at;
    if (b < 0x80) {
        return ORDO_MP_UINT;
    }
    if (b < 0xc0) {
        return b < 0x90 ? ORDO_MP_MAP : b < 0xa0 ? ORDO_MP_ARRAY : ORDO_MP_STR;
    }
    if (b >= 0xe0) {
        return ORDO_MP_INT;
    }
    static const uint8_t types[32] = {
        ORDO_MP_NIL,  ORDO_MP_NONE, ORDO_MP_BOOL, ORDO_MP_BOOL, ORDO_MP_BIN,   ORDO_MP_BIN,
        ORDO_MP_BIN,  ORDO_MP_EXT,  ORDO_MP_EXT,  ORDO_MP_EXT,  ORDO_MP_FLOAT, ORDO_MP_FLOAT,
        ORDO_MP_UINT, ORDO_MP_UINT, ORDO_MP_UINT, ORDO_MP_UINT, ORDO_MP_INT,   ORDO_MP_INT,
        ORDO_MP_INT,  ORDO_MP_INT,  ORDO_MP_EXT,  ORDO_MP_EXT,  ORDO_MP_EXT,   ORDO_MP_EXT,
        ORDO_MP_EXT,  ORDO_MP_STR,  ORDO_MP_STR,  ORDO_MP_STR,  ORDO_MP_ARRAY, ORDO_MP_ARRAY,
        ORDO_MP_MAP,  ORDO_MP_MAP,
    };
    return (enum ordo_mp_type)types[b - 0xc0];
}

void ordo_mp_read_nil(struct ordo_mp_reader *r)
{
    uint8_t b;
    if (begin(r, &b) && b != 0xc0) {
        ordo_mp_fail(r, "expected nil");
    }
}

bool ordo_mp_read_bool(struct ordo_mp_reader *r)
{
    uint8_t b;
    if (!begin(r, &b)) {
        return false;
    }
    if (b != 0xc2 && b != 0xc3) {
        ordo_mp_fail(r, "expected true or false");
        return false;
    }
    return b == 0xc3;
}

/* Any integer: *negative says that the value is the two's complement of one below 0. */
static uint64_t read_integer(struct ordo_mp_reader *r, bool *negative)
{
    uint8_t b = 0;
    *negative = false;
    if (!begin(r, &b)) {
        return 0;
    }
    if (b < 0x80) {
        return b;
    }
    if (b >= 0xe0) {
        *negative = true;
        return (uint64_t)(int64_t)(int8_t)b;
    }
    if (b >= 0xcc && b <= 0xcf) {
        return big_endian(r, 1u << (b - 0xcc));
    }
    if (b < 0xd0 || b > 0xd3) {
        return wrong(r, "expected an integer");
    }
    uint32_t size = 1u << (b - 0xd0);
    uint64_t value = big_endian(r, size);
    uint64_t sign = 1ull << (8 * size - 1);
    *negative = (value & sign) != 0;
    return *negative && size < 8 ? value | ~(2 * sign - 1) : value;
}

uint64_t ordo_mp_read_uint_wide(struct ordo_mp_reader *r, uint64_t max)
{
    bool negative;
    uint64_t value = read_integer(r, &negative);
    if (r->error != NULL) {
        return 0;
    }
    if (negative) {
        return wrong(r, "may not be negative");
    }
    return value > max ? wrong(r, "is above its maximum") : value;
}

int64_t ordo_mp_read_int(struct ordo_mp_reader *r)
{
    bool negative;
    uint64_t value = read_integer(r, &negative);
    if (!negative && value > INT64_MAX) {
        return (int64_t)wrong(r, "is above its maximum");
    }
    return (int64_t)value;
}

/* A header's count of `each` values a piece. */
static uint32_t owe(struct ordo_mp_reader *r, uint64_t count, uint32_t each, uint32_t count_max)
{
    if (r->error != NULL) {
        return 0;
    }
    if (count * each + r->owed > left(r) && !ORDO_CANARY(count_not_checked_against_bytes)) {
        return (uint32_t)wrong(r, TOO_MANY);
    }
    if (count > count_max) {
        return (uint32_t)wrong(r, "has more elements than allowed");
    }
    r->owed += count * each;
    return (uint32_t)count;
}

uint32_t ordo_mp_read_array(struct ordo_mp_reader *r, uint32_t count_max)
{
    uint8_t b;
    if (!begin(r, &b)) {
        return 0;
    }
    if (b >= 0x90 && b < 0xa0) {
        return owe(r, b & 0x0f, 1, count_max);
    }
    if (b != 0xdc && b != 0xdd) {
        return (uint32_t)wrong(r, "expected an array");
    }
    return owe(r, big_endian(r, b == 0xdc ? 2 : 4), 1, count_max);
}

uint32_t ordo_mp_read_map(struct ordo_mp_reader *r, uint32_t count_max)
{
    uint8_t b;
    if (!begin(r, &b)) {
        return 0;
    }
    if (b >= 0x80 && b < 0x90) {
        return owe(r, b & 0x0f, 2, count_max);
    }
    if (b != 0xde && b != 0xdf) {
        return (uint32_t)wrong(r, "expected a map");
    }
    return owe(r, big_endian(r, b == 0xde ? 2 : 4), 2, count_max);
}

struct ordo_bytes ordo_mp_read_raw(struct ordo_mp_reader *r, uint32_t size_max)
{
    const struct ordo_bytes none = {NULL, 0};
    uint64_t size;
    uint8_t b;
    if (!begin(r, &b)) {
        return none;
    }
    if (b >= 0xa0 && b < 0xc0) {
        size = b & 0x1f;
    } else if (b >= 0xc4 && b <= 0xc6) {
        size = big_endian(r, 1u << (b - 0xc4));
    } else if (b >= 0xd9 && b <= 0xdb) {
        size = big_endian(r, 1u << (b - 0xd9));
    } else {
        (void)wrong(r, "expected a text or bytes");
        return none;
    }
    if (size > left(r)) {
        ordo_mp_fail(r, TRUNCATED);
    } else if (size > size_max) {
        ordo_mp_fail(r, "is longer than allowed");
    }
    if (r->error != NULL) {
        return none;
    }
    struct ordo_bytes raw = {r->at, (uint32_t)size};
    r->at += size;
    return raw;
}

/* Steps over the bytes of a value that is no container. */
static void step(struct ordo_mp_reader *r, uint64_t size)
{
    if (r->error != NULL || size > left(r)) {
        ordo_mp_fail(r, TRUNCATED);
        return;
    }
    r->at += size;
}

/* One header at 0xc0..0xdf with what belongs to it; the number of values it owes. */
static uint32_t skip_wide(struct ordo_mp_reader *r, uint8_t b)
{
    /* bytes behind the first: fixed size, or 0x80 | bytes of the length (0x40: a type byte more) */
    static const uint8_t rules[28] = {
        0, 0, 0, 0, 0x81, 0x82, 0x84, 0xc1, 0xc2, 0xc4, 4,  8,    1,    2,
        4, 8, 1, 2, 4,    8,    2,    3,    5,    9,    17, 0x81, 0x82, 0x84,
    };
    if (b == 0xc1) {
        return (uint32_t)wrong(r, "has a byte that msgpack does not use");
    }
    if (b >= 0xdc) {
        bool map = b >= 0xde;
        return owe(r, big_endian(r, (b & 1) == 0 ? 2 : 4), map ? 2 : 1, UINT32_MAX) * (map ? 2 : 1);
    }
    uint8_t rule = rules[b - 0xc0];
    if (rule < 0x80) {
        step(r, rule);
        return 0;
    }
    uint64_t size = big_endian(r, rule & 0x07);
    step(r, size + ((rule & 0x40) != 0 ? 1 : 0));
    return 0;
}

/* Bytes of a value whose first byte says it all; 0 for the others. */
static inline uint32_t fixed_size(uint8_t b)
{
    static const uint8_t sizes[32] = {
        1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18,
    };
    if (b < 0x80 || b >= 0xe0) {
        return 1;
    }
    if (b >= 0xc0) {
        return sizes[b - 0xc0];
    }
    return b < 0xa0 ? 0 : 1 + (b & 0x1fu);
}

/* Steps over as many of `count` values of fixed size as follow each other: the number left. */
static uint32_t skip_fixed(struct ordo_mp_reader *r, uint32_t count)
{
    const uint8_t *at = r->at;
    uint32_t left_over = count;
    while (left_over != 0 && at < r->end) {
        uint32_t size = fixed_size(*at);
        if (size == 0 || size > (size_t)(r->end - at)) {
            break; /* skip_one names what is wrong */
        }
        at += size;
        left_over--;
    }
    ORDO_ASSERT(r->owed >= count - left_over);
    r->owed -= count - left_over;
    r->at = at;
    return left_over;
}

/* One header of any kind: the number of values it owes. */
static uint32_t skip_one(struct ordo_mp_reader *r)
{
    uint8_t b;
    if (!begin(r, &b) || b < 0x80 || b >= 0xe0) {
        return 0;
    }
    if (b < 0x90) {
        return owe(r, b & 0x0f, 2, UINT32_MAX) * 2;
    }
    if (b < 0xa0) {
        return owe(r, b & 0x0f, 1, UINT32_MAX);
    }
    if (b < 0xc0) {
        step(r, b & 0x1f);
        return 0;
    }
    return skip_wide(r, b);
}

void ordo_mp_skip(struct ordo_mp_reader *r)
{
    uint32_t pending[ORDO_MP_DEPTH_MAX + 1] = {1};
    uint32_t depth = 0;

    while (r->error == NULL) {
        if (r->owed >= pending[depth]) {
            pending[depth] = skip_fixed(r, pending[depth]);
        }
        if (pending[depth] == 0) {
            if (depth == 0) {
                return;
            }
            depth--;
            continue;
        }
        pending[depth]--;
        uint32_t count = skip_one(r);
        if (count == 0) {
            continue;
        }
        if (depth == ORDO_MP_DEPTH_MAX) {
            ordo_mp_fail(r, ORDO_CANARY(depth_unchecked) ? NULL : "is nested too deeply");
            return;
        }
        pending[++depth] = count;
    }
}

void ordo_mp_skip_rest(struct ordo_mp_reader *r, uint32_t count, uint32_t known)
{
    for (uint32_t i = known; i < count && r->error == NULL; i++) {
        ordo_mp_skip(r);
    }
}

/* ---- writer ---- */

/* Made for each size that it is called with: a big-endian number is one store then. */
static inline __attribute__((always_inline)) void
put_header(struct ordo_writer *w, uint8_t first, uint64_t value, uint32_t size)
{
    uint8_t *p = ordo_write_room(w, 1 + size);
    if (p == NULL) {
        return;
    }
    *p++ = first;
    uint64_t big_endian = ORDO_LE64(__builtin_bswap64(value << (64 - 8 * size)));
    memcpy(p, &big_endian, size);
}

void ordo_mp_write_nil(struct ordo_writer *w)
{
    ordo_write_u8(w, 0xc0);
}

void ordo_mp_write_bool(struct ordo_writer *w, bool value)
{
    ordo_write_u8(w, value ? 0xc3 : 0xc2);
}

void ordo_mp_write_uint(struct ordo_writer *w, uint64_t value)
{
    if (value < 0x80) {
        ordo_write_u8(w, (uint8_t)value);
    } else if (value <= UINT8_MAX) {
        put_header(w, 0xcc, value, 1);
    } else if (value <= UINT16_MAX) {
        put_header(w, 0xcd, value, 2);
    } else if (value <= UINT32_MAX) {
        put_header(w, 0xce, value, 4);
    } else {
        put_header(w, 0xcf, value, 8);
    }
}

void ordo_mp_write_int(struct ordo_writer *w, int64_t value)
{
    if (value >= 0) {
        ordo_mp_write_uint(w, (uint64_t)value);
    } else if (value >= -32) {
        ordo_write_u8(w, (uint8_t)value);
    } else if (value >= INT8_MIN) {
        put_header(w, 0xd0, (uint64_t)value, 1);
    } else if (value >= INT16_MIN) {
        put_header(w, 0xd1, (uint64_t)value, 2);
    } else if (value >= INT32_MIN) {
        put_header(w, 0xd2, (uint64_t)value, 4);
    } else {
        put_header(w, 0xd3, (uint64_t)value, 8);
    }
}

void ordo_mp_write_str(struct ordo_writer *w, struct ordo_bytes text)
{
    if (text.size < 32) {
        ordo_write_u8(w, (uint8_t)(0xa0 | text.size));
    } else if (text.size <= UINT8_MAX) {
        put_header(w, 0xd9, text.size, 1);
    } else if (text.size <= UINT16_MAX) {
        put_header(w, 0xda, text.size, 2);
    } else {
        put_header(w, 0xdb, text.size, 4);
    }
    ordo_write_raw(w, text.data, text.size);
}

void ordo_mp_write_bin(struct ordo_writer *w, struct ordo_bytes bytes)
{
    if (bytes.size <= UINT8_MAX) {
        put_header(w, 0xc4, bytes.size, 1);
    } else if (bytes.size <= UINT16_MAX) {
        put_header(w, 0xc5, bytes.size, 2);
    } else {
        put_header(w, 0xc6, bytes.size, 4);
    }
    ordo_write_raw(w, bytes.data, bytes.size);
}

void ordo_mp_write_array(struct ordo_writer *w, uint32_t count)
{
    if (count < 16) {
        ordo_write_u8(w, (uint8_t)(0x90 | count));
    } else if (count <= UINT16_MAX) {
        put_header(w, 0xdc, count, 2);
    } else {
        put_header(w, 0xdd, count, 4);
    }
}

void ordo_mp_write_map(struct ordo_writer *w, uint32_t count)
{
    if (count < 16) {
        ordo_write_u8(w, (uint8_t)(0x80 | count));
    } else if (count <= UINT16_MAX) {
        put_header(w, 0xde, count, 2);
    } else {
        put_header(w, 0xdf, count, 4);
    }
}
