/* repair.h - the end of a journal as recovery would see it, without touching it; and the one way to
 * throw away what had been acknowledged, for a person who decides it.
 */
#ifndef ORDO_JOURNAL_REPAIR_H
#define ORDO_JOURNAL_REPAIR_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct ordo_tail {
    bool is_torn;        /* recovery would save and cut a tail */
    uint64_t number;     /* where the good part ends */
    uint64_t offset;     /* in that segment */
    uint64_t torn_bytes; /* to the last byte that is not zero */
    uint64_t seq_last;   /* of the good part */
    uint64_t after_seq;  /* what recovery must be given: 0, or where the first segment begins */
    const char *reason;  /* static text, of a torn tail */
};

/* The verdict of a recovery; nothing is locked or written, so beside a running server the end may
 * look torn for a moment. DAMAGED as recovery says it. Blocks. */
enum ordo_err ordo_journal_tail(
    const char *dir, const char *key_file, struct ordo_tail *tail, struct ordo_fail *fail)
    ORDO_MUST_USE;

struct ordo_discard {
    uint64_t number;    /* the segment that is cut */
    uint64_t offset;    /* where */
    uint64_t segments;  /* whole ones behind it that go */
    uint64_t readable;  /* records behind the cut that could still be read */
    uint64_t seq_found; /* the highest sequence that any header behind the cut names; 0 = none */
    char copy[256];     /* the folder with the copy; empty before the deed */
};

/* Cuts a stopped journal behind after_seq, which must be the last sequence of a batch up to which
 * everything holds (INVALID names the ones beside it): a copy of all that goes is made in
 * DATA/discarded-SEQ-N and flushed first. apply false: only says what would go. IN_USE: a server
 * runs. May be killed anywhere and called again. */
enum ordo_err ordo_journal_discard(
    const char *dir,
    const char *key_file,
    uint64_t after_seq,
    bool apply,
    struct ordo_discard *out,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
