/* journal.h - durability: the stage that writes what was decided, and the recovery that reads it
 * back.
 *
 * Knows bytes and sequences, never orders. A record is one journaled command with its outcome; a
 * batch is what one write carries. The format is journal/README.md. Order of life: open (takes the
 * lock) -> recover (verdict, visits every record, then and only then wipes a torn tail) -> attach
 * to a stage -> do_work in a duty cycle -> close.
 */
#ifndef ORDO_JOURNAL_JOURNAL_H
#define ORDO_JOURNAL_JOURNAL_H

#include "base/bytes.h"
#include "base/err.h"
#include "ring/stage.h"
#include "ring/wait.h"

struct ordo_journal;

enum ordo_durability {
    ORDO_DURABILITY_FLUSH, /* default: an acknowledged command has been flushed to the disk */
    ORDO_DURABILITY_OS,    /* written to the system: survives the process, not a power cut */
    ORDO_DURABILITY_NONE,  /* benchmarks only: nothing is written */
};

enum ordo_journal_backend { ORDO_BACKEND_AUTO, ORDO_BACKEND_URING, ORDO_BACKEND_PWRITE };

struct ordo_uring; /* base/uring.h */
/* How a write gets to the medium where durability is `flush`; which is faster is the disk's affair:
 * `ordo bench journal --probe` says so. The promises are the same. */
enum ordo_journal_flush {
    ORDO_FLUSH_DSYNC,     /* default: the write flushes itself (RWF_DSYNC) */
    ORDO_FLUSH_FDATASYNC, /* a plain write, then fdatasync; with io_uring the two are linked */
};

struct ordo_journal_hooks; /* journal/hooks.h: what tests replace */

struct ordo_journal_config {
    const char *dir;         /* the data folder; made when missing */
    uint64_t segment_size;   /* bytes; 0 = the default, 64 MiB */
    uint32_t batch_size_max; /* bytes of one write; 0 = the default, 1 MiB */
    uint32_t in_flight_max;  /* writes in flight; 0 = the default, 2 */
    enum ordo_durability durability;
    enum ordo_journal_backend backend;
    enum ordo_journal_flush flush;
    const char *key_file; /* chain hashes are keyed from the next segment on; NULL or "" = no key,
                             refused when the journal has one. Read at open. */
    uint32_t rules;       /* version of the rules that decide; 0 means 1 */
    struct ordo_uring *uring; /* of the journal's thread, polled there by its owner, who binds the
                                 waker; outlives the journal. NULL = the backend has its own. */
    const struct ordo_journal_hooks *hooks; /* NULL outside of tests; outlives the journal */
};

struct ordo_record {
    uint64_t seq;
    uint64_t time_us;
    uint64_t update_seq; /* the last update_seq after this record */
    uint32_t update_count;
    struct ordo_bytes command;
    struct ordo_bytes outcome;
};

/* What recovery found. */
struct ordo_recovery {
    uint64_t seq_last; /* 0 = an empty journal */
    uint64_t update_seq_last;
    uint64_t time_us_last;
    uint64_t records;    /* that were visited */
    uint64_t segments;   /* that were read */
    uint64_t torn_bytes; /* of a torn tail that was saved and wiped */
    char torn_copy[256]; /* where it was saved, empty when none */
};

/* Visits one record; an error ends the recovery with it. */
typedef enum ordo_err
ordo_record_visit(void *context, const struct ordo_record *record, struct ordo_fail *fail);

/* Visits records that follow each other, from 1 to ORDO_RECORDS_MAX: for a visitor that looks
 * ahead. Their bytes live until it returns; an error ends the recovery. */
#define ORDO_RECORDS_MAX 128
typedef enum ordo_err ordo_records_visit(
    void *context, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail);

/* Makes the folder if it is missing, locks it (bounded retry: a killed process may hold the lock
 * for a moment), lists the segments. IN_USE names the folder. Blocks. Starter thread. */
enum ordo_err ordo_journal_open(
    const struct ordo_journal_config *config,
    struct ordo_journal **out,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Reads from the segment on that holds the record behind after_seq (a snapshot's sequence), decides
 * clean / torn / damaged, and only when it is not damaged visits every record behind after_seq in
 * order, then wipes a torn tail (a copy is saved). 0 = everything, from segment 1 on. Segments
 * before the first one that is needed may be archived, trimmed or absent. DAMAGED names file,
 * offset and sequence, also when the journal ends before after_seq; nothing was changed then, and a
 * recovery from another sequence may be tried on the same journal, as after an error of a visit.
 * Blocks. Starter thread. */
enum ordo_err ordo_journal_recover(
    struct ordo_journal *journal,
    uint64_t after_seq,
    ordo_record_visit *visit,
    void *context,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The same, for a visitor that takes as many records at a time as are at hand. */
enum ordo_err ordo_journal_recover_many(
    struct ordo_journal *journal,
    uint64_t after_seq,
    ordo_records_visit *visit,
    void *context,
    struct ordo_recovery *recovery,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The stage whose slots are written; its sequence becomes the durable cursor. stream_hash: as of
 * the recovered end. Before traffic. */
enum ordo_err ordo_journal_attach(
    struct ordo_journal *journal,
    struct ordo_stage *stage,
    const uint8_t stream_hash[16],
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One duty cycle: take what has gathered, write it, reap completions, move the durable cursor. The
 * work count. Journal thread. After a failed write or flush it does nothing more and
 * ordo_journal_failed() is true: the node must stop. */
uint32_t ordo_journal_do_work(struct ordo_journal *journal);

/* The monotonic time at which do_work has something to do by itself (the idle mark); UINT64_MAX =
 * none. Journal thread. */
uint64_t ordo_journal_deadline_ns(const struct ordo_journal *journal);

/* True when everything handed over is durable, or when the journal has failed and nothing more will
 * be. Journal thread. */
bool ordo_journal_is_drained(const struct ordo_journal *journal);

/* Set once, by the journal thread; read by any. The text names the operation, the file, the
 * sequences. */
bool ordo_journal_failed(const struct ordo_journal *journal);
const struct ordo_fail *ordo_journal_fail(const struct ordo_journal *journal);

/* Makes the journal's thread sleep in the io_uring it waits for anyway (a no-op for the pwrite
 * backend, whose helper thread signals the waker). Before traffic. */
void ordo_journal_bind_waker(struct ordo_journal *journal, struct ordo_waker *waker);

/* The id of this journal, made with its first segment: names the node to clients. After attach. */
void ordo_journal_node(const struct ordo_journal *journal, uint8_t node[16]);

/* The same of a folder, from the newest segment whose header holds: reads only, takes no lock.
 * NOT_FOUND when there is none, IO when one cannot be read. */
enum ordo_err
ordo_journal_look_node(const char *dir, uint8_t node[16], struct ordo_fail *fail) ORDO_MUST_USE;

/* "io_uring, O_DIRECT, RWF_DSYNC" or such, for the log. */
const char *ordo_journal_backend_name(const struct ordo_journal *journal);

struct ordo_journal_stats {
    uint64_t records;
    uint64_t batches;
    uint64_t bytes;        /* with headers and padding */
    uint64_t record_bytes; /* command, outcome and record header */
    uint64_t durable_seq;
    uint64_t segments;
};
/* Any thread; each number is a snapshot of its own. */
void ordo_journal_stats(const struct ordo_journal *journal, struct ordo_journal_stats *stats);

/* Waits for what is in flight, then releases everything. Does not write a mark: a stop is a crash
 * plus one flush. */
void ordo_journal_close(struct ordo_journal *journal);

/* ---- reading, on live and on crashed folders: never writes, takes no lock ----
 *
 * On a live folder the last batches may be written and not yet flushed: who shows or ships what he
 * reads stops at the server's durable sequence. One thread at a time; reads block on the disk. */

struct ordo_journal_reader;

/* Reads through the archive, too. A keyed chain is not proven here (checksums and sequences are):
 * that is ordo_journal_verify's.
 *
 * from_seq 0 or 1 = from the start. NOT_FOUND when the folder has no journal, or none so old. */
enum ordo_err ordo_journal_reader_open(
    const char *dir, uint64_t from_seq, struct ordo_journal_reader **out, struct ordo_fail *fail)
    ORDO_MUST_USE;

/* The next record; EMPTY at the (present) end, DAMAGED with file and offset. The record's bytes
 * live until the next call. EMPTY may be followed by a record later when a server appends. */
enum ordo_err ordo_journal_reader_next(
    struct ordo_journal_reader *reader,
    struct ordo_record *record,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* As many of the next records as are at hand, 1 to ORDO_RECORDS_MAX; they and their bytes live
 * until the next call. Errors as above. */
enum ordo_err ordo_journal_reader_next_many(
    struct ordo_journal_reader *reader,
    const struct ordo_record **records,
    uint32_t *count,
    struct ordo_fail *fail) ORDO_MUST_USE;

void ordo_journal_reader_close(struct ordo_journal_reader *reader);

#endif
