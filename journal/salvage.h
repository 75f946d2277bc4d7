/* salvage.h - what can still be read of a journal, for people: goes on behind damage and says where
 * it was.
 *
 * Never writes, takes no lock, proves nothing: what is handed over held by its own checksums in its
 * place. Recovery, readers and verify have nothing to do with it.
 */
#ifndef ORDO_JOURNAL_SALVAGE_H
#define ORDO_JOURNAL_SALVAGE_H

#include "journal/format.h"
#include "journal/journal.h"

enum ordo_salvage_status {
    ORDO_SALVAGE_BEGUN,
    ORDO_SALVAGE_BLANK,   /* zeros: made ready, not begun */
    ORDO_SALVAGE_MISSING, /* the number is between others */
    ORDO_SALVAGE_DAMAGED, /* the header does not hold, or the file cannot be read */
    ORDO_SALVAGE_NEWER,   /* of a format that this program does not know */
};

struct ordo_salvage_segment {
    uint64_t number;
    enum ordo_salvage_status status;
    bool is_archived;                  /* only there */
    uint64_t size;                     /* bytes of the unpacked file; 0 = not read */
    struct ordo_segment_header header; /* of BEGUN */
};

struct ordo_salvage {
    const char *dir;
    uint64_t from_seq;
    uint64_t to_seq;
    bool headers_only; /* segments alone, without their batches */
    void *context;
    /* Each may be NULL. An error of the record's visit ends it. */
    void (*segment)(void *context, const struct ordo_salvage_segment *segment);
    void (*batch)(
        void *context, uint64_t number, uint64_t offset, const struct ordo_batch_header *header);
    ordo_record_visit *record;
    void (*damage)(
        void *context, uint64_t number, uint64_t offset, uint64_t seq, const char *reason);
};

/* In the order of segments. OK also with damage; NOT_FOUND: no journal; IO, NO_MEMORY. Blocks. */
enum ordo_err
ordo_journal_salvage(const struct ordo_salvage *salvage, struct ordo_fail *fail) ORDO_MUST_USE;

const char *ordo_salvage_status_name(enum ordo_salvage_status status);

#endif
