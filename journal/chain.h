/* chain.h - the hash that chains batches: SHA-256, or HMAC-SHA-256 with a key file. The only file
 * that includes OpenSSL is chain.c.
 */
#ifndef ORDO_JOURNAL_CHAIN_H
#define ORDO_JOURNAL_CHAIN_H

#include "base/err.h"
#include "journal/format.h"

#define ORDO_CHAIN_BLOCK 64 /* bytes that SHA-256 takes at once */

/* All zero: no key. */
struct ordo_chain {
    bool has_key;
    uint8_t inner[ORDO_CHAIN_BLOCK]; /* HMAC's two blocks, with the key in them */
    uint8_t outer[ORDO_CHAIN_BLOCK];
};

/* Reads the key from a file that its owner alone can read: 32 to 1024 bytes, one line feed at the
 * end aside. NULL or "" is no key. CONFIG says what is wrong with it. Starter thread. */
enum ordo_err ordo_chain_use_key(
    struct ordo_chain *chain, const char *key_file, struct ordo_fail *fail) ORDO_MUST_USE;

/* SHA-256 of data; about 0.7 ms a MiB. Allocates nothing. Any thread. */
void ordo_chain_hash(const uint8_t *data, size_t size, uint8_t out[ORDO_JOURNAL_CHAIN_SIZE]);

/* The chain hash of a batch in a segment that is keyed or not; false when it is and there is no
 * key: out is not set then. Allocates nothing. */
bool ordo_chain_batch(
    const struct ordo_chain *chain,
    bool keyed,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE]);

/* What a keyed segment's header says of the key, to tell a wrong key from damage. There must be a
 * key. */
uint32_t
ordo_chain_key_check(const struct ordo_chain *chain, const uint8_t node[ORDO_JOURNAL_NODE_SIZE]);

/* Can the batches of this segment be proven with this chain? CONFIG: it is keyed and the key is
 * missing or another one. where: the segment, for the text. */
enum ordo_err ordo_chain_check_key(
    const struct ordo_chain *chain,
    const struct ordo_segment_header *header,
    const char *where,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* Wipes the key. Accepts a zeroed struct. */
void ordo_chain_fini(struct ordo_chain *chain);

#endif
