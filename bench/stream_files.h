/* stream_files.h - a journal of real lifecycles to be read by `ordo bench stream`. Blocks. */
#ifndef ORDO_BENCH_STREAM_FILES_H
#define ORDO_BENCH_STREAM_FILES_H

#include "base/hash.h"
#include "bench/apply_load.h"
#include "journal/journal.h"

struct ordo_stream_files {
    uint64_t records;
    uint64_t updates;
    uint8_t hash[16]; /* the stream hash after the last update */
};

/* Decides so many commands, at least, and writes them with their outcomes to a new journal in dir,
 * which must be empty. */
enum ordo_err ordo_stream_files_write(
    const char *dir, uint64_t records, struct ordo_stream_files *out, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
