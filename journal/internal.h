/* internal.h - the journal's state, for the files that make up the journal (journal.c, recover.c,
 * tail.c, appender.c) and nobody else.
 */
#ifndef ORDO_JOURNAL_INTERNAL_H
#define ORDO_JOURNAL_INTERNAL_H

#include "base/clock.h"
#include "base/thread.h"
#include "journal/chain.h"
#include "journal/disk.h"
#include "journal/format.h"
#include "journal/hooks.h"
#include "journal/journal.h"
#include "journal/prepare.h"
#include "journal/segment.h"

#define ORDO_JOURNAL_SEGMENT_DEFAULT   (64u << 20)
#define ORDO_JOURNAL_BATCH_DEFAULT     (1u << 20)
#define ORDO_JOURNAL_IN_FLIGHT_DEFAULT 2
#define ORDO_JOURNAL_IDLE_NS           (200 * ORDO_NS_PER_MS)

/* A batch between its submission and its durability. */
struct ordo_flight {
    uint32_t size;    /* bytes of the write, with a segment header when it is the first */
    uint32_t written; /* of them, by writes that came back short */
    uint32_t shorts;
    bool done;
    uint64_t offset; /* in the segment */
    uint64_t cursor; /* the last slot that is durable with it */
    uint64_t batch;
    uint64_t seq_before; /* the last seq before it */
    uint64_t seq_last;
};

/* What the verdict found; see recover.c. */
struct ordo_verdict {
    struct ordo_tip tip; /* of the good prefix */
    uint64_t first;      /* number of the first segment that was read; 0 = none */
    uint64_t segments;   /* whose header holds */

    /* where the next batch goes; number 0 = nothing was ever written */
    uint64_t end_number;
    uint64_t end_offset;
    struct ordo_segment_header end_header;
    bool end_short;    /* that file is shorter than its header says: to be made whole */
    bool last_is_mark; /* nothing new since an idle mark, or nothing at all */

    /* the torn tail; number 0 = none */
    uint64_t torn_number;
    uint64_t torn_offset;
    uint64_t torn_bytes;
    uint64_t torn_size; /* of the file when it is whole */
    uint64_t torn_seq;  /* the first record that is lost */
    const char *torn_reason;

    /* whole files of zeros behind the end, of the configured size; 0 = none */
    uint64_t blank_first;
    uint64_t blank_last;
};

/* One segment in memory, from the disk and not from the page cache where possible. */
struct ordo_load {
    struct ordo_arena arena;
    uint8_t *data;
    size_t capacity;
    size_t size; /* the file's bytes; zeros follow up to capacity */
};

struct ordo_journal {
    /* immutable after open */
    struct ordo_journal_config config; /* with defaults; dir points into folder */
    struct ordo_clock clock;
    struct ordo_arena arena;
    struct ordo_folder folder;
    int lock_fd;
    char backend_name[48];

    /* starter until attach, then the journal's thread */
    struct ordo_chain chain;
    struct ordo_tip tip;         /* after the last built batch */
    struct ordo_segment segment; /* the one that is written */
    struct ordo_segment_header segment_header;
    uint64_t position; /* where the next batch goes; 0 = a segment header goes before it */
    uint8_t *buffers;  /* in_flight_max of buffer_size bytes */
    size_t buffer_size;
    struct ordo_disk *disk;
    struct ordo_stage *stage;
    struct ordo_flight flights[ORDO_DISK_IN_FLIGHT_MAX];
    uint64_t flight_head; /* counts; flights[head % in_flight_max] is the oldest */
    uint64_t flight_tail;
    uint8_t stream_hash[ORDO_JOURNAL_MARK_SIZE];
    uint64_t flushed_seq; /* known to be on the medium */
    uint64_t flushed_batch;
    uint64_t last_commit_ns;
    bool marked; /* the last batch is an idle mark, or there is nothing to mark */
    bool recovered;

    struct ordo_preparer preparer;

    /* any thread reads */
    _Atomic bool failed;
    struct ordo_fail fail; /* written before failed is set */
    struct {
        _Atomic uint64_t records;
        _Atomic uint64_t batches;
        _Atomic uint64_t bytes;
        _Atomic uint64_t record_bytes;
        _Atomic uint64_t durable_seq;
        _Atomic uint64_t segments;
    } stats;
};

/* Adds to a counter that one thread writes. */
static inline void ordo_stat_add(_Atomic uint64_t *counter, uint64_t value)
{
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + value, memory_order_relaxed);
}

/* journal.c */
void ordo_journal_random(struct ordo_journal *journal, void *out, size_t size);
/* The header of the next segment to be entered, which continues journal->tip; enters it. */
void ordo_journal_begin_segment(struct ordo_journal *journal);

/* load.c: starter thread. */
void ordo_load_init(struct ordo_load *load);
enum ordo_err ordo_load_segment(
    struct ordo_load *load,
    const struct ordo_folder *folder,
    uint64_t number,
    struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_load_fini(struct ordo_load *load);

/* loader.c: segments in their order, the next one read ahead by a thread. */
struct ordo_loader {
    struct ordo_load loads[2];
    uint32_t current; /* the load that was handed out last */
    bool threads;

    /* the thread's, from its start until it is joined; the other load is, too */
    struct ordo_thread thread;
    const struct ordo_folder *folder;
    uint64_t ahead; /* the number it reads or has read; 0 = none */
    enum ordo_err ahead_err;
    struct ordo_fail ahead_fail;
};

/* Starter thread. */
void ordo_loader_init(struct ordo_loader *loader);

/* Segment `number` in memory, until the next call; begins to read the next one unless it is behind
 * `last`. No other call on the folder's files may be made before the next get or fini: the thread
 * is at them. Errors as of ordo_load_segment. Blocks. */
enum ordo_err ordo_loader_get(
    struct ordo_loader *loader,
    const struct ordo_folder *folder,
    uint64_t number,
    uint64_t last,
    const struct ordo_load **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Waits for the thread. */
void ordo_loader_fini(struct ordo_loader *loader);

/* recover.c: what headers behind a place prove to have been flushed. */
struct ordo_proof {
    uint64_t seq;
    uint64_t batch;
    uint64_t offset; /* of the header that proves most */
};

/* Headers from offset on, later than the batch that tip waits for. knows_segment: tip has entered
 * this segment, so the salt is known; is_first: it is the journal's first one. */
void ordo_find_proof(
    const struct ordo_load *load,
    uint64_t offset,
    const struct ordo_tip *tip,
    bool knows_segment,
    bool is_first,
    struct ordo_proof *proof);

/* recover.c: reads all that is needed behind after_seq and decides, writes nothing. DAMAGED,
 * VERSION, IO. The loader's memory is of use to who comes next. */
enum ordo_err ordo_recover_judge(
    struct ordo_journal *journal,
    uint64_t after_seq,
    struct ordo_loader *loader,
    struct ordo_verdict *verdict,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* body.c: the records of a batch that was checked in this very memory. */
struct ordo_body {
    struct ordo_reader rest;
    uint32_t left; /* records */
    uint64_t base_time_us;
    uint64_t seq; /* of the last one that was taken */
    uint64_t update_seq;
};
void ordo_body_begin(
    struct ordo_body *body, const uint8_t *batch, const struct ordo_batch_header *header);
/* The next records behind after_seq, at most max; how many they are. 0 = the end. They point into
 * the batch. */
uint32_t ordo_body_take(
    struct ordo_body *body, uint64_t after_seq, struct ordo_record *records, uint32_t max);

/* load.c: who visits which records. */
struct ordo_visitor {
    ordo_records_visit *visit;
    void *context;
    uint64_t after_seq; /* the first visited is the one behind it */
};

/* load.c: visits the records of the good prefix. */
enum ordo_err ordo_recover_replay(
    struct ordo_journal *journal,
    const struct ordo_verdict *verdict,
    const struct ordo_visitor *visitor,
    struct ordo_loader *loader,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* tail.c: saves a copy of the torn tail beside the journal, then overwrites it with zeros; makes a
 * short file whole. */
enum ordo_err ordo_recover_cut(
    struct ordo_journal *journal,
    const struct ordo_verdict *verdict,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
