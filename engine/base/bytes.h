/* bytes.h - bounded little-endian cursors over caller-owned memory.
 *
 * A reader or writer that runs over its end sets `failed` and does nothing more; the caller looks
 * once at the end. Reads of a failed reader give zero. Integers are fixed little-endian or LEB128
 * in the shortest form; a longer form than needed fails the reader, so that a value has one byte
 * form only.
 */
#ifndef ORDO_BASE_BYTES_H
#define ORDO_BASE_BYTES_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ORDO_VARINT_MAX 10 /* bytes of the longest LEB128 of 64 bits */

struct ordo_bytes {
    const uint8_t *data; /* not owned */
    uint32_t size;
};

struct ordo_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct ordo_writer {
    uint8_t *begin;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

/* On a little-endian machine the bytes lie as they are: one store or load, which compilers do not
 * reliably make of single bytes. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ORDO_LE16(v) (v)
#define ORDO_LE32(v) (v)
#define ORDO_LE64(v) (v)
#else
#define ORDO_LE16(v) __builtin_bswap16(v)
#define ORDO_LE32(v) __builtin_bswap32(v)
#define ORDO_LE64(v) __builtin_bswap64(v)
#endif

static inline void ordo_put_le16(uint8_t *p, uint16_t v)
{
    v = ORDO_LE16(v);
    memcpy(p, &v, sizeof(v));
}

static inline void ordo_put_le32(uint8_t *p, uint32_t v)
{
    v = ORDO_LE32(v);
    memcpy(p, &v, sizeof(v));
}

static inline void ordo_put_le64(uint8_t *p, uint64_t v)
{
    v = ORDO_LE64(v);
    memcpy(p, &v, sizeof(v));
}

static inline uint16_t ordo_get_le16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return ORDO_LE16(v);
}

static inline uint32_t ordo_get_le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return ORDO_LE32(v);
}

static inline uint64_t ordo_get_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return ORDO_LE64(v);
}

/* ---- reader ---- */

static inline struct ordo_reader ordo_reader_over(const void *data, size_t size)
{
    const uint8_t *p = data;
    return (struct ordo_reader){.at = p, .end = p == NULL ? p : p + size, .failed = false};
}

static inline size_t ordo_reader_left(const struct ordo_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* True when everything was read and nothing failed. */
static inline bool ordo_reader_done(const struct ordo_reader *r)
{
    return !r->failed && r->at == r->end;
}

/* What was read is not what it should be. Nothing is left, so a read need not ask for `failed`. */
static inline void ordo_reader_fail(struct ordo_reader *r)
{
    r->failed = true;
    r->at = r->end;
}

/* Inline wherever it is called: a reader whose address goes nowhere can stay in registers. */
#define ORDO_READ static inline __attribute__((always_inline))

/* The next size bytes, or NULL when fewer are left. */
ORDO_READ const uint8_t *ordo_read_raw(struct ordo_reader *r, size_t size)
{
    if (ORDO_UNLIKELY(ordo_reader_left(r) < size || r->failed)) {
        ordo_reader_fail(r);
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += size;
    return p;
}

static inline uint8_t ordo_read_u8(struct ordo_reader *r)
{
    const uint8_t *p = ordo_read_raw(r, 1);
    return p == NULL ? 0 : *p;
}

static inline uint16_t ordo_read_le16(struct ordo_reader *r)
{
    const uint8_t *p = ordo_read_raw(r, 2);
    return p == NULL ? 0 : ordo_get_le16(p);
}

static inline uint32_t ordo_read_le32(struct ordo_reader *r)
{
    const uint8_t *p = ordo_read_raw(r, 4);
    return p == NULL ? 0 : ordo_get_le32(p);
}

static inline uint64_t ordo_read_le64(struct ordo_reader *r)
{
    const uint8_t *p = ordo_read_raw(r, 8);
    return p == NULL ? 0 : ordo_get_le64(p);
}

/* Any form of a varint that begins at `at`: the byte after it, or NULL. Takes no reader, so that
 * the reads below can keep theirs in registers. */
__attribute__((noinline, unused)) static const uint8_t *
ordo_varint_get(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    if (end - at >= 2 && at[1] < 0x80 && at[0] >= 0x80 && at[1] != 0) { /* most of them */
        *value = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
        return at + 2;
    }
    uint64_t sum = 0;
    unsigned shift = 0;
    for (; at < end && *at >= 0x80 && shift < 63; shift += 7) { /* ends: shift grows */
        sum |= (uint64_t)(*at++ & 0x7f) << shift;
    }
    bool past = at == end || (shift == 63 && *at > 1); /* more than 64 bits */
    if (past || (*at == 0 && shift != 0)) {            /* a shorter form exists */
        return NULL;
    }
    *value = sum | (uint64_t)*at << shift;
    return at + 1;
}

ORDO_READ uint64_t ordo_read_varint(struct ordo_reader *r)
{
    if (ORDO_LIKELY(r->at < r->end && *r->at < 0x80)) {
        return *r->at++;
    }
    uint64_t value = 0;
    const uint8_t *after = ordo_varint_get(r->at, r->end, &value);
    if (after == NULL) {
        ordo_reader_fail(r);
        return 0;
    }
    r->at = after;
    return value;
}

/* Signed integers are zigzag coded: 0, -1, 1, -2, ... */
ORDO_READ int64_t ordo_read_zigzag(struct ordo_reader *r)
{
    uint64_t v = ordo_read_varint(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* A length-prefixed byte string (LEB128 length) of at most size_max bytes; points into the reader's
 * memory. */
ORDO_READ struct ordo_bytes ordo_read_bytes(struct ordo_reader *r, size_t size_max)
{
    uint64_t size = ordo_read_varint(r);
    if (ORDO_UNLIKELY(size > size_max || size > ordo_reader_left(r) || r->failed)) {
        ordo_reader_fail(r);
        return (struct ordo_bytes){NULL, 0};
    }
    const uint8_t *text = r->at;
    r->at += size;
    return (struct ordo_bytes){text, (uint32_t)size};
}

/* ---- writer ---- */

static inline struct ordo_writer ordo_writer_over(void *data, size_t size)
{
    uint8_t *p = data;
    return (struct ordo_writer){
        .begin = p, .at = p, .end = p == NULL ? p : p + size, .failed = false};
}

static inline size_t ordo_writer_size(const struct ordo_writer *w)
{
    return (size_t)(w->at - w->begin);
}

/* Room for the next size bytes, to be filled by the caller; NULL when there is none. */
static inline uint8_t *ordo_write_room(struct ordo_writer *w, size_t size)
{
    if (ORDO_UNLIKELY(w->failed || (size_t)(w->end - w->at) < size)) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->at;
    w->at += size;
    return p;
}

static inline void ordo_write_raw(struct ordo_writer *w, const void *data, size_t size)
{
    uint8_t *p = ordo_write_room(w, size);
    if (p != NULL && size != 0) {
        memcpy(p, data, size);
    }
}

static inline void ordo_write_u8(struct ordo_writer *w, uint8_t v)
{
    uint8_t *p = ordo_write_room(w, 1);
    if (p != NULL) {
        *p = v;
    }
}

static inline void ordo_write_le16(struct ordo_writer *w, uint16_t v)
{
    uint8_t *p = ordo_write_room(w, 2);
    if (p != NULL) {
        ordo_put_le16(p, v);
    }
}

static inline void ordo_write_le32(struct ordo_writer *w, uint32_t v)
{
    uint8_t *p = ordo_write_room(w, 4);
    if (p != NULL) {
        ordo_put_le32(p, v);
    }
}

static inline void ordo_write_le64(struct ordo_writer *w, uint64_t v)
{
    uint8_t *p = ordo_write_room(w, 8);
    if (p != NULL) {
        ordo_put_le64(p, v);
    }
}

/* Where there is room for ORDO_VARINT_MAX bytes, without a look: the byte after it. */
static inline uint8_t *ordo_put_varint(uint8_t *p, uint64_t v)
{
    while (ORDO_UNLIKELY(v >= 0x80)) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline uint8_t *ordo_put_zigzag(uint8_t *p, int64_t v)
{
    return ordo_put_varint(p, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static inline void ordo_write_varint(struct ordo_writer *w, uint64_t v)
{
    while (v >= 0x80) {
        ordo_write_u8(w, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    ordo_write_u8(w, (uint8_t)v);
}

static inline void ordo_write_zigzag(struct ordo_writer *w, int64_t v)
{
    ordo_write_varint(w, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static inline void ordo_write_bytes(struct ordo_writer *w, struct ordo_bytes b)
{
    ordo_write_varint(w, b.size);
    ordo_write_raw(w, b.data, b.size);
}

/* Copies a text. One of 16 to 32 bytes goes as two overlapping pieces: a call of memcpy() costs
 * more than they do. */
static inline void ordo_copy_short(uint8_t *to, struct ordo_bytes text)
{
    if (ORDO_LIKELY(text.size >= 16 && text.size <= 32)) {
        uint8_t first[16];
        uint8_t last[16];
        memcpy(first, text.data, sizeof(first));
        memcpy(last, text.data + text.size - sizeof(last), sizeof(last));
        memcpy(to, first, sizeof(first));
        memcpy(to + text.size - sizeof(last), last, sizeof(last));
    } else if (text.size != 0) {
        memcpy(to, text.data, text.size);
    }
}

/* Texts of 16 to 32 bytes, nearly all of the hot ones, are compared in words, the last two
 * overlapping. */
static inline bool ordo_bytes_equal(struct ordo_bytes a, struct ordo_bytes b)
{
    if (a.size != b.size) {
        return false;
    }
    if (ORDO_UNLIKELY(a.size < 16 || a.size > 32)) {
        return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
    }
    const uint8_t *a_last = a.data + a.size - 16;
    const uint8_t *b_last = b.data + b.size - 16;
    uint64_t differs = ordo_get_le64(a.data) ^ ordo_get_le64(b.data);
    differs |= ordo_get_le64(a.data + 8) ^ ordo_get_le64(b.data + 8);
    differs |= ordo_get_le64(a_last) ^ ordo_get_le64(b_last);
    differs |= ordo_get_le64(a_last + 8) ^ ordo_get_le64(b_last + 8);
    return differs == 0;
}

#endif
