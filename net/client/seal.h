/* seal.h - card secrets, sealed by the client that loads them and opened by the one that delivers
 * them.
 *
 * The engine, the journal and the stream see sealed bytes only. Sealing is a pure function of (key,
 * shop, product, secret): a repeated import of the same secret gives the same bytes, so a retry is
 * no second card and a duplicate is found by its tag. libsodium is used in this module alone.
 *
 * Sealed card, format 1, as an element of a card import:
 *   tag         16 bytes  keyed BLAKE2b of shop || product || secret: equal secrets, equal tags
 *   nonce       24 bytes  keyed BLAKE2b of the same, under a key of its own
 *   ciphertext  as long as the secret, XChaCha20-Poly1305; additional data: format || shop ||
 * product mac         16 bytes Format is one byte, shop and product are u32 little-endian. The
 * three keys come from the master key by libsodium's crypto_kdf, context "ordocard", numbers 1
 * (ciphertext), 2 (nonce), 3 (tag).
 *
 * The shop is in nonce and tag beside the product: one nonce under two sets of additional data
 * would authenticate two texts with one Poly1305 key.
 */
#ifndef ORDO_NET_CLIENT_SEAL_H
#define ORDO_NET_CLIENT_SEAL_H

#include "base/bytes.h"
#include "base/err.h"
#include "order/schema.h"

#include <stdbool.h>
#include <stdint.h>

#define ORDO_KEY_SIZE      32 /* bytes of each key */
#define ORDO_SEAL_FORMAT   1
#define ORDO_SEAL_TAG      16
#define ORDO_SEAL_NONCE    24
#define ORDO_SEAL_MAC      16
#define ORDO_SEAL_OVERHEAD (ORDO_SEAL_TAG + ORDO_SEAL_NONCE + ORDO_SEAL_MAC)
#define ORDO_SECRET_MAX    (ORDO_SEALED_MAX - ORDO_SEAL_OVERHEAD) /* bytes of one secret */
#define ORDO_KEY_SUFFIX    ".key" /* the default key file lies beside the data folder: DIR.key */

/* The working keys. Wipe after use; never printed, logged or written. */
struct ordo_key {
    uint8_t seal[ORDO_KEY_SIZE];
    uint8_t nonce[ORDO_KEY_SIZE];
    uint8_t tag[ORDO_KEY_SIZE];
};

/* Makes a key file of 32 random bytes as hex, mode 0400, flushed before it has its name. EXISTS
 * when there is one already: it is never overwritten. Blocks on the disk. Any thread. */
enum ordo_err ordo_key_make(const char *path, struct ordo_fail *fail) ORDO_MUST_USE;

/* Reads a key file. NOT_FOUND when there is none, CONFIG when group or others may read it or it is
 * no key. The caller wipes *key. Any thread. */
enum ordo_err
ordo_key_load(const char *path, struct ordo_key *key, struct ordo_fail *fail) ORDO_MUST_USE;

/* Loads the key file and makes it first when there is none; *made says so. Any thread. */
enum ordo_err ordo_key_load_or_make(
    const char *path, struct ordo_key *key, bool *made, struct ordo_fail *fail) ORDO_MUST_USE;

/* Derives the working keys from a master key. Any thread. */
enum ordo_err
ordo_key_derive(const uint8_t master[ORDO_KEY_SIZE], struct ordo_key *key) ORDO_MUST_USE;

void ordo_key_wipe(struct ordo_key *key);

/* Writes the sealed card to out: secret.size + ORDO_SEAL_OVERHEAD bytes. INVALID for an empty
 * secret, LIMIT for one over ORDO_SECRET_MAX, FULL when out has no room (nothing is written then).
 * Any thread. */
enum ordo_err ordo_seal(
    const struct ordo_key *key,
    uint32_t shop,
    uint32_t product,
    struct ordo_bytes secret,
    struct ordo_writer *out) ORDO_MUST_USE;

/* Opens what follows the tag of a sealed card (the node keeps the tag for itself and answers with
 * the rest) into secret, room for ORDO_SECRET_MAX bytes; the caller wipes it. DAMAGED when the key,
 * the shop or the product is another one, or the bytes were changed. Any thread. */
enum ordo_err ordo_open_sealed(
    const struct ordo_key *key,
    uint32_t shop,
    uint32_t product,
    struct ordo_bytes sealed,
    uint8_t secret[ORDO_SECRET_MAX],
    uint32_t *secret_size) ORDO_MUST_USE;

/* Overwrites memory that held a secret; not removed by an optimiser. */
void ordo_secret_wipe(void *data, size_t size);

#endif
