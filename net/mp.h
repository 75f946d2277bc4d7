/* mp.h - a bounded msgpack cursor over caller-owned bytes: never allocates, never trusts a count.
 *
 * The reader checks every header against the bytes that are left, over all levels together: each
 * value that a header announced is owed until it was read, and more values may never be owed than
 * bytes are left. So five bytes that announce 2^28 values fail at the header. Integers, texts and
 * headers are accepted in any width, because libraries differ; the writer has the shortest form
 * only. A text and a byte string are told apart by the writer and accepted for each other by the
 * reader: some languages have one string type only.
 *
 * A reader or writer that fails does nothing more; the caller looks once at the end. Floats and
 * extension types are no part of Ordo's protocol: they can be skipped, not read.
 * Any thread; pure.
 */
#ifndef ORDO_NET_MP_H
#define ORDO_NET_MP_H

#include "base/bytes.h"

#define ORDO_MP_DEPTH_MAX 8 /* levels of arrays and maps */

enum ordo_mp_type {
    ORDO_MP_NONE, /* no bytes are left, or the reserved byte 0xc1 */
    ORDO_MP_NIL,
    ORDO_MP_BOOL,
    ORDO_MP_UINT, /* 0 and above, whatever its form */
    ORDO_MP_INT,  /* a signed form; may still be 0 or above */
    ORDO_MP_FLOAT,
    ORDO_MP_STR,
    ORDO_MP_BIN,
    ORDO_MP_ARRAY,
    ORDO_MP_MAP,
    ORDO_MP_EXT,
};

struct ordo_mp_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t owed;     /* values announced and not read yet */
    const char *error; /* static text; NULL while nothing failed */
};

/* A reader of one value (which may be an array of many). */
static inline struct ordo_mp_reader ordo_mp_reader_over(const void *data, size_t size)
{
    const uint8_t *p = data;
    return (struct ordo_mp_reader){p, p == NULL ? p : p + size, 1, NULL};
}

/* Everything was read, nothing is owed and nothing failed. */
static inline bool ordo_mp_is_done(const struct ordo_mp_reader *r)
{
    return r->error == NULL && r->at == r->end && r->owed == 0;
}

/* Keeps the first error. */
void ordo_mp_fail(struct ordo_mp_reader *r, const char *error);

/* What comes next; reads nothing. */
enum ordo_mp_type ordo_mp_peek(const struct ordo_mp_reader *r);

void ordo_mp_read_nil(struct ordo_mp_reader *r);
bool ordo_mp_read_bool(struct ordo_mp_reader *r);
int64_t ordo_mp_read_int(struct ordo_mp_reader *r);

/* The number of elements, at most count_max. */
uint32_t ordo_mp_read_array(struct ordo_mp_reader *r, uint32_t count_max);

/* The number of pairs: twice as many values follow. */
uint32_t ordo_mp_read_map(struct ordo_mp_reader *r, uint32_t count_max);

/* A text or byte string of at most size_max bytes; points into the frame. */
struct ordo_bytes ordo_mp_read_raw(struct ordo_mp_reader *r, uint32_t size_max);

/* One value of any type with everything in it, at most ORDO_MP_DEPTH_MAX levels deep. */
void ordo_mp_skip(struct ordo_mp_reader *r);

/* The elements from `known` to `count` of an array: what a later version has added. */
void ordo_mp_skip_rest(struct ordo_mp_reader *r, uint32_t count, uint32_t known);

uint64_t ordo_mp_read_uint_wide(struct ordo_mp_reader *r, uint64_t max);

static inline uint64_t ordo_mp_read_uint(struct ordo_mp_reader *r, uint64_t max)
{
    if (ORDO_LIKELY(r->error == NULL && r->at < r->end && r->owed != 0 && *r->at <= max)) {
        if (*r->at < 0x80) {
            r->owed--;
            return *r->at++;
        }
    }
    return ordo_mp_read_uint_wide(r, max);
}

/* ---- writer: struct ordo_writer of base/bytes.h, shortest forms ---- */

void ordo_mp_write_nil(struct ordo_writer *w);
void ordo_mp_write_bool(struct ordo_writer *w, bool value);
void ordo_mp_write_uint(struct ordo_writer *w, uint64_t value);
void ordo_mp_write_int(struct ordo_writer *w, int64_t value);
void ordo_mp_write_str(struct ordo_writer *w, struct ordo_bytes text);
void ordo_mp_write_bin(struct ordo_writer *w, struct ordo_bytes bytes);
void ordo_mp_write_array(struct ordo_writer *w, uint32_t count);
void ordo_mp_write_map(struct ordo_writer *w, uint32_t count);

#endif
