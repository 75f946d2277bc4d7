/* archive.h - closed segments that recovery does not need any more, compressed in DATA/archive.
 *
 * archive/journal-00000001.ordo.zst is the segment's file, byte for byte, as one zstd frame. Every
 * reader of the journal reads through it: recovery, ordo_journal_reader, verify. A segment is in
 * DATA, in the archive, or for a moment in both; never in none. Deleting is ordo_journal_trim only.
 */
#ifndef ORDO_JOURNAL_ARCHIVE_H
#define ORDO_JOURNAL_ARCHIVE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_ARCHIVE_DIR "archive"

struct ordo_archived {
    uint64_t segments;     /* that were moved by this call */
    uint64_t last_number;  /* of them; 0 = none */
    uint64_t bytes_before; /* their sizes as files */
    uint64_t bytes_after;
    bool is_more; /* segments_max ended the call, not the lack of candidates */
};

/* Moves closed segments whose records are all before upto_seq, oldest first, at most segments_max
 * of them (0 = all). upto_seq is the sequence of the older of two complete snapshots: recovery from
 * either finds its segment in DATA. It must have been flushed: then the next segment has been begun
 * on disk, too, and an archived segment is proof of its successor.
 *
 * Each is checked (checksums, sequence, chain), compressed into a temporary file, flushed, renamed,
 * the folder flushed, read back and compared; only then the original is unlinked. May be killed
 * anywhere and called again. Takes memory for one segment and one core for about 0.3 s a segment of
 * 64 MiB. Beside a running server or on a stopped folder; any thread but the journal's. IN_USE when
 * another process archives, trims or backs up this folder; DAMAGED when a segment does not hold:
 * nothing of it is moved. The segments moved before an error are in *out. */
enum ordo_err ordo_journal_archive(
    const char *dir,
    uint64_t upto_seq,
    uint32_t segments_max,
    struct ordo_archived *out,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
