/* trim.h - deleting archived segments, and the note that stays of them.
 *
 * DATA/trimmed.jsonl has one line of JSON for each trim, in order; the last one says up to where
 * everything is gone: numbers, sequences, the chain hash at the cut. It is written, flushed and
 * renamed before the first file is unlinked. Verify and audit read it as the opening of what is
 * left; without it a missing segment is damage.
 */
#ifndef ORDO_JOURNAL_TRIM_H
#define ORDO_JOURNAL_TRIM_H

#include "base/err.h"
#include "journal/format.h"

struct ordo_trimmed {
    uint64_t last_number; /* segments 1 to this are gone */
    uint64_t last_seq;
    uint64_t last_update_seq;
    uint64_t last_batch;
    uint64_t last_time_us; /* engine time of the last record that is gone */
    uint64_t at_us;        /* wall clock of the trim */
    uint8_t node[ORDO_JOURNAL_NODE_SIZE];
    uint8_t chain[ORDO_JOURNAL_CHAIN_SIZE]; /* of the last batch that is gone */
};

/* The last note of a data folder. NOT_FOUND: nothing was ever trimmed. DAMAGED: it cannot be read.
 * Any thread; blocks. */
enum ordo_err
ordo_trimmed_read(const char *dir, struct ordo_trimmed *out, struct ordo_fail *fail) ORDO_MUST_USE;

struct ordo_trim {
    const char *dir;
    uint64_t upto_seq;   /* only segments whose records are all at or before it */
    uint64_t older_us;   /* and all before this engine time; UINT64_MAX = any */
    uint64_t needed_seq; /* snapshots need what is behind it; nothing at or behind goes */

    /* What a subscriber has not worked off is held back, too, but not for ever. */
    uint64_t cursor_from;      /* the first update that is still needed; 0 = none is */
    uint64_t cursor_older_us;  /* records before this engine time are not held; 0 = all are */
    uint64_t cursor_bytes_max; /* of files held for cursors alone; 0 = no limit */
    bool apply;                /* false = only say what would go */
};

struct ordo_trim_report {
    uint64_t segments;
    uint64_t bytes;           /* of their files in the archive */
    struct ordo_trimmed note; /* that was, or would be, left; when segments is not 0 */
    uint64_t held_back;       /* archived segments that upto_seq and older_us allow, but needed_seq
                                 does not */
    uint64_t cursor_held;     /* and those that only a cursor holds back */
    uint64_t cursor_bytes;    /* of their files */
};

/* Deletes archived segments, oldest first. A segment that is also in DATA stays. May be killed
 * anywhere and called again. Beside a running server or on a stopped folder. IN_USE as for
 * ordo_journal_archive. */
enum ordo_err ordo_journal_trim(
    const struct ordo_trim *trim,
    struct ordo_trim_report *report,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
