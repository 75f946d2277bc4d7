/* chain.h - the SHA-256 that chains batches. The only file that includes OpenSSL is chain.c. */
#ifndef ORDO_JOURNAL_CHAIN_H
#define ORDO_JOURNAL_CHAIN_H

#include "base/err.h"
#include "journal/format.h"

struct ordo_chain {
    void *digest;  /* the algorithm, fetched once */
    void *context; /* reused for every batch */
};

/* UNAVAILABLE when the library has no SHA-256. Starter thread. */
enum ordo_err ordo_chain_init(struct ordo_chain *chain, struct ordo_fail *fail) ORDO_MUST_USE;

/* SHA-256 of data; about 0.7 ms a MiB. One thread at a time. */
void ordo_chain_hash(
    struct ordo_chain *chain,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE]);

/* Accepts a zeroed struct. */
void ordo_chain_fini(struct ordo_chain *chain);

#endif
