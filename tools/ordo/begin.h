/* begin.h - where a verb begins that decides the whole journal again: at the first record, or, when
 * that was trimmed, at the oldest snapshot that what is left goes on from. */
#ifndef ORDO_TOOLS_BEGIN_H
#define ORDO_TOOLS_BEGIN_H

#include "journal/trim.h"
#include "restart.h"

struct ordo_begin {
    bool at_snapshot; /* false: the journal is there from its first record on */
    struct ordo_candidate snapshot;
    struct ordo_trimmed trimmed; /* what is gone */
    uint64_t seq;                /* the replay's state is that after this command */
};

/* Opens a reader behind what `replay` then holds: nothing, or the snapshot's state, at or before
 * until_seq. NOT_FOUND when the folder has no journal, or was trimmed and no snapshot fits: the
 * text says why. Starter thread. */
enum ordo_err ordo_begin_open(
    struct ordo_begin *begin,
    const char *dir,
    uint64_t until_seq,
    struct ordo_replay *replay,
    struct ordo_journal_reader **reader,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* One line for a person, when it began at a snapshot; "" else. */
void ordo_begin_tell(const struct ordo_begin *begin, char *text, size_t size);

#endif
