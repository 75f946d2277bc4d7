/* format.h - the bytes of a journal: segment header, batch header, record. README.md is the
 * specification; this file is its code.
 *
 * Everything is little-endian. The two headers below are the disk layout and, decoded, also the
 * form in memory. Pure functions over caller's memory; any thread.
 */
#ifndef ORDO_JOURNAL_FORMAT_H
#define ORDO_JOURNAL_FORMAT_H

#include "base/bytes.h"
#include "base/err.h"

#define ORDO_JOURNAL_FORMAT      1 /* of this code; a newer one is refused by name */
#define ORDO_JOURNAL_NODE_SIZE   16
#define ORDO_JOURNAL_MARK_SIZE   16
#define ORDO_JOURNAL_CHAIN_SIZE  32
#define ORDO_JOURNAL_BLOCK_MIN   512u
#define ORDO_JOURNAL_BLOCK_MAX   4096u
#define ORDO_JOURNAL_BATCH_MAX   (16u << 20) /* bytes of one batch */
#define ORDO_JOURNAL_SEGMENT_MAX (1u << 30)  /* bytes of one segment */
#define ORDO_RECORD_HEADER_MAX   (4 + 1 + ORDO_VARINT_MAX + 5 + 5)
#define ORDO_SEGMENT_KEYED       1u /* flag: chain hashes of its batches are HMAC-SHA-256 */
#define ORDO_SEGMENT_MAGIC       "ORDOSEG1"
#define ORDO_BATCH_MAGIC         0x5441424Fu /* "OBAT" */

struct ordo_segment_header {
    uint8_t magic[8];
    uint16_t format;
    uint16_t flags;       /* ORDO_SEGMENT_*; an unknown bit is refused like a newer format */
    uint32_t header_size; /* the CRC is its last four bytes, in every format */
    uint8_t node[ORDO_JOURNAL_NODE_SIZE];
    uint64_t epoch;
    uint64_t number;
    uint64_t salt;
    uint64_t first_seq;
    uint64_t first_update_seq;                   /* the last one before this segment */
    uint64_t prev_seq;                           /* the predecessor's last seq */
    uint8_t prev_chain[ORDO_JOURNAL_CHAIN_SIZE]; /* the predecessor's last chain hash */
    uint64_t size;                               /* bytes of the file */
    uint64_t prev_time_us;                       /* stamp of the last record before this segment */
    uint64_t first_batch;                        /* number of the first batch */
    uint32_t block;                              /* batches begin and end at its multiples */
    uint32_t rules;
    uint32_t key_check; /* keyed: tells a wrong key (chain.h); else 0 */
    uint32_t crc;       /* CRC-32C of all before it */
};

struct ordo_batch_header {
    uint32_t magic;
    uint16_t format;
    uint16_t flags;
    uint32_t size;         /* bytes with header and padding, a multiple of the block */
    uint32_t body_size;    /* bytes of the records */
    uint32_t record_count; /* 0 = an idle mark */
    uint32_t rules;
    uint8_t node[ORDO_JOURNAL_NODE_SIZE];
    uint64_t epoch;
    uint64_t salt;             /* the segment's */
    uint64_t number;           /* batches count from 1, over all segments */
    uint64_t first_seq;        /* of the first record; a mark: of the next record */
    uint64_t first_update_seq; /* the last one before this batch */
    uint64_t durable_seq;      /* highest seq known flushed when this was built */
    uint64_t base_time_us;     /* records carry their distance to it */
    uint8_t stream_hash[ORDO_JOURNAL_MARK_SIZE]; /* as of first_update_seq: before this batch */
    uint8_t prev_chain[ORDO_JOURNAL_CHAIN_SIZE]; /* SHA-256 of the batch before, padding included */
    uint32_t pending; /* of the batches just before this one, not known flushed */
    uint32_t crc;     /* CRC-32C of all before it */
};

#define ORDO_SEGMENT_HEADER_SIZE 152u
#define ORDO_BATCH_HEADER_SIZE   152u
_Static_assert(sizeof(struct ordo_segment_header) == ORDO_SEGMENT_HEADER_SIZE, "disk layout");
_Static_assert(offsetof(struct ordo_segment_header, epoch) == 32, "disk layout");
_Static_assert(offsetof(struct ordo_segment_header, prev_chain) == 80, "disk layout");
_Static_assert(offsetof(struct ordo_segment_header, block) == 136, "disk layout");
_Static_assert(sizeof(struct ordo_batch_header) == ORDO_BATCH_HEADER_SIZE, "disk layout");
_Static_assert(offsetof(struct ordo_batch_header, node) == 24, "disk layout");
_Static_assert(offsetof(struct ordo_batch_header, stream_hash) == 96, "disk layout");
_Static_assert(offsetof(struct ordo_batch_header, pending) == 144, "disk layout");

/* Where a chain of batches stands: what the next batch must continue. The writer, the recovery and
 * the reader each carry one. */
struct ordo_tip {
    uint8_t node[ORDO_JOURNAL_NODE_SIZE];
    uint64_t epoch;
    uint64_t salt; /* of the present segment */
    uint32_t block;
    uint64_t batch; /* the last batch's number; 0 = none yet */
    uint64_t seq;
    uint64_t update_seq;
    uint64_t time_us;
    bool keyed;                             /* the present segment is; it stays so */
    bool unproven;                          /* no key: the chain hash is not known */
    uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE]; /* of the last batch */
};

struct ordo_record_bytes { /* one record of a batch body */
    uint64_t time_us;
    uint8_t update_count;
    struct ordo_bytes command;
    struct ordo_bytes outcome;
};

void ordo_segment_header_encode(const struct ordo_segment_header *header, uint8_t *out);
void ordo_batch_header_encode(const struct ordo_batch_header *header, uint8_t *out);

/* The header at data. OK; EMPTY when all its bytes are zero; VERSION for a newer format whose own
 * checksum holds; DAMAGED. */
enum ordo_err ordo_segment_header_decode(
    const uint8_t *data, size_t size, struct ordo_segment_header *out) ORDO_MUST_USE;

/* True when magic, checksum and sizes of a batch header hold; says nothing about the body. */
bool ordo_batch_header_decode(
    const uint8_t *data, size_t size, uint32_t block, struct ordo_batch_header *out);

/* The CRC a batch's first record continues: salt, batch number and first_seq bind it to its place.
 */
uint32_t ordo_record_seed(uint64_t salt, uint64_t batch, uint64_t first_seq);

/* Bytes that ordo_record_write will take at most. */
static inline uint64_t ordo_record_bound(uint32_t command_size, uint32_t outcome_size)
{
    return ORDO_RECORD_HEADER_MAX + (uint64_t)command_size + outcome_size;
}

/* Appends a record and continues *crc; there must be room (asserted). */
void ordo_record_write(
    struct ordo_writer *w,
    const struct ordo_record_bytes *record,
    uint64_t base_time_us,
    uint32_t *crc);

/* The next record of a body; false at damage. The record points into the reader's memory. */
bool ordo_record_read(
    struct ordo_reader *r, uint64_t base_time_us, uint32_t *crc, struct ordo_record_bytes *record);

/* The same where the checksum has been looked at already. */
bool ordo_record_parse(
    struct ordo_reader *r, uint64_t base_time_us, struct ordo_record_bytes *record);

enum ordo_batch_state {
    ORDO_BATCH_GOOD,
    ORDO_BATCH_BLANK, /* the first block is zeros: nothing was written here */
    ORDO_BATCH_CUT,   /* the header holds, but fewer than header->size bytes were given */
    ORDO_BATCH_BAD,
};

struct ordo_batch_check {
    struct ordo_batch_header header; /* of GOOD and CUT */
    uint64_t bad_seq;                /* BAD: the first record that does not hold */
    const char *reason;              /* BAD: static text */
    uint64_t update_seq;             /* GOOD: after the batch */
    uint64_t time_us;                /* GOOD: of its last record */
};

/* Does the batch at data continue tip? Everything is checked but its own chain hash, which the
 * next batch names. Moves nothing. */
enum ordo_batch_state ordo_batch_check(
    const uint8_t *data, size_t size, const struct ordo_tip *tip, struct ordo_batch_check *check);

/* Moves tip past a GOOD batch whose chain hash is given; NULL: not known, and what the next batch
 * or segment says of it is not compared. */
void ordo_tip_advance(
    struct ordo_tip *tip, const struct ordo_batch_check *check, const uint8_t *chain);

/* Where a chain stands that is read from this segment on: what its header says of all before. The
 * segment is not entered yet. */
void ordo_tip_start(struct ordo_tip *tip, const struct ordo_segment_header *header);

/* Enters a segment whose header continues tip: false when it does not. On the first segment
 * (number 1) tip is all zeros. */
bool ordo_tip_enter(struct ordo_tip *tip, const struct ordo_segment_header *header);

/* True when all bytes are zero. */
bool ordo_is_zero(const uint8_t *data, size_t size);

#endif
