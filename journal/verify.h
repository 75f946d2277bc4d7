/* verify.h - the whole chain proven offline: every byte of every segment, archived or not.
 *
 * Stricter than recovery, because nothing has to start: also zeros behind the end, sizes of files
 * and what was trimmed must be as they should. Takes no lock and never writes; beside a running
 * server the end is where the server was.
 */
#ifndef ORDO_JOURNAL_VERIFY_H
#define ORDO_JOURNAL_VERIFY_H

#include "journal/journal.h"
#include "journal/trim.h"

struct ordo_verify {
    const char *dir;
    const char *key_file;     /* of a keyed chain; NULL = none */
    const uint8_t *root;      /* 32 bytes to look for; NULL = none */
    ordo_record_visit *visit; /* of each record; NULL = none */
    void *context;
    void (*progress)(void *context, uint64_t number, uint64_t last); /* of segments; NULL = none */
};

struct ordo_verify_report {
    uint64_t segments; /* with a batch or at least a header */
    uint64_t archived; /* of them, read from the archive */
    uint64_t keyed;    /* of them */
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;     /* of headers and batches */
    uint64_t first_seq; /* 0 = no record */
    uint64_t last_seq;
    uint64_t update_seq;
    uint64_t last_number; /* where the last batch ends; the next one goes there */
    uint64_t end_offset;
    uint8_t node[ORDO_JOURNAL_NODE_SIZE];
    uint8_t root[ORDO_JOURNAL_CHAIN_SIZE]; /* chain hash of the last batch; zeros = no batch */
    bool root_found;                       /* the wanted root is the chain hash after root_seq */
    uint64_t root_seq;
    bool is_trimmed;
    struct ordo_trimmed trimmed;
};

/* DAMAGED names file, offset and sequence, also of a torn tail, which recovery would cut; CONFIG:
 * the key is missing or another one; NOT_FOUND: no journal; an error of the visit. *report is
 * filled up to that place. Blocks. */
enum ordo_err ordo_journal_verify(
    const struct ordo_verify *verify,
    struct ordo_verify_report *report,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
