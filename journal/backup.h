/* backup.h - a consistent copy of a data folder's journal, made beside a running server.
 *
 * Copied are sealed segments, the archive, the notes of trims and the segment in use up to where it
 * is proven to be flushed: nothing in a copy can vanish from the original. The copy is built in
 * TO.partial, verified byte by byte, flushed and renamed; a killed copy leaves only that folder, a
 * failed one nothing.
 */
#ifndef ORDO_JOURNAL_BACKUP_H
#define ORDO_JOURNAL_BACKUP_H

#include "journal/verify.h"

struct ordo_backup {
    const char *from; /* a data folder, live, stopped or crashed; or a backup */
    const char *to;   /* must not exist */
    const char *key_file;
    bool snapshots; /* copy DATA/snapshot, too; a trimmed journal is worth nothing without */
    void (*progress)(void *context, uint64_t number, uint64_t last);
    void *context;
};

struct ordo_backup_report {
    uint64_t segments;
    uint64_t archived;
    uint64_t bytes;     /* written */
    uint64_t left_seqs; /* records at the end that were not proven to be flushed in time */
    struct ordo_verify_report verified;
};

/* EXISTS: `to` is there. IN_USE: the archive is being changed, try again. DAMAGED: the original
 * does not hold; nothing is left. Blocks; waits at most 3 s for the last batches to be proven. */
enum ordo_err ordo_journal_backup(
    const struct ordo_backup *backup,
    struct ordo_backup_report *report,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
