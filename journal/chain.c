/* A batch's chain hash is SHA-256 over its bytes; its header holds the hash of the batch before, so
 * the last hash of a journal commits to every byte of it. Who can write the files can also make the
 * chain anew; with a key that lies elsewhere he cannot, hence HMAC if a key file is given (RFC
 * 2104: two hashes, each over a block with the key in it and what is to be proven).
 *
 * Batches are hashed on the thread that must not allocate. OpenSSL 3's EVP takes and gives back 112
 * bytes for each hash whatever one does (a refusal would stop the node), and its first fetch
 * crashes when memory is short; the functions of SHA-256 itself run the same code on a struct of
 * ours.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the plain functions, for the reason above */

#include "journal/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MIN   32
#define KEY_MAX   1024
#define KEY_LABEL "ordo journal key"

_Static_assert(SHA256_DIGEST_LENGTH == ORDO_JOURNAL_CHAIN_SIZE, "one hash");
_Static_assert(SHA256_CBLOCK == ORDO_CHAIN_BLOCK, "HMAC's block");

/* Two parts, hashed as one. The functions check nothing and cannot fail. */
static void
hash_parts(struct ordo_bytes first, struct ordo_bytes second, uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    SHA256_CTX context;
    int ok = SHA256_Init(&context) && SHA256_Update(&context, first.data, first.size) &&
             SHA256_Update(&context, second.data, second.size) && SHA256_Final(out, &context);
    ORDO_ASSERT(ok);
}

void ordo_chain_hash(const uint8_t *data, size_t size, uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    ORDO_ASSERT(size <= UINT32_MAX);
    hash_parts((struct ordo_bytes){data, (uint32_t)size}, (struct ordo_bytes){data, 0}, out);
}

/* ---- the key ---- */

static enum ordo_err
read_key(const char *path, uint8_t key[KEY_MAX + 2], size_t *size, struct ordo_fail *fail)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "cannot open the journal's key file %s: %s",
            path,
            strerror(error));
    }
    if ((about.st_mode & 077) != 0) {
        (void)close(fd);
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the journal's key file %s can be read by others: chmod 0400 %s",
            path,
            path);
    }
    ssize_t got = read(fd, key, KEY_MAX + 2);
    (void)close(fd);
    if (got > 0 && key[got - 1] == '\n') {
        got--;
    }
    if (got < KEY_MIN || got > KEY_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the journal's key file %s must have %d to %d bytes: `openssl rand -hex 32` makes a "
            "key",
            path,
            KEY_MIN,
            KEY_MAX);
    }
    *size = (size_t)got;
    return ORDO_OK;
}

enum ordo_err
ordo_chain_use_key(struct ordo_chain *chain, const char *key_file, struct ordo_fail *fail)
{
    uint8_t key[KEY_MAX + 2];
    size_t size = 0;
    ORDO_ASSERT(!chain->has_key);
    if (key_file == NULL || key_file[0] == 0) {
        return ORDO_OK;
    }
    enum ordo_err err = read_key(key_file, key, &size, fail);
    if (err != ORDO_OK) {
        return err;
    }
    if (size > ORDO_CHAIN_BLOCK) {
        ordo_chain_hash(key, size, key);
        size = ORDO_JOURNAL_CHAIN_SIZE;
    }
    memset(chain->inner, 0x36, sizeof(chain->inner));
    memset(chain->outer, 0x5c, sizeof(chain->outer));
    for (size_t i = 0; i < size; i++) {
        chain->inner[i] ^= key[i];
        chain->outer[i] ^= key[i];
    }
    OPENSSL_cleanse(key, sizeof(key));
    chain->has_key = true;
    return ORDO_OK;
}

static void hmac(
    const struct ordo_chain *chain,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    uint8_t middle[ORDO_JOURNAL_CHAIN_SIZE];
    ORDO_ASSERT(chain->has_key);
    ORDO_ASSERT(size <= UINT32_MAX);
    struct ordo_bytes inner = {chain->inner, ORDO_CHAIN_BLOCK};
    struct ordo_bytes outer = {chain->outer, ORDO_CHAIN_BLOCK};
    hash_parts(inner, (struct ordo_bytes){data, (uint32_t)size}, middle);
    hash_parts(outer, (struct ordo_bytes){middle, sizeof(middle)}, out);
}

bool ordo_chain_batch(
    const struct ordo_chain *chain,
    bool keyed,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    if (keyed && !chain->has_key) {
        return false;
    }
    if (keyed) {
        hmac(chain, data, size, out);
    } else {
        ordo_chain_hash(data, size, out);
    }
    return true;
}

uint32_t
ordo_chain_key_check(const struct ordo_chain *chain, const uint8_t node[ORDO_JOURNAL_NODE_SIZE])
{
    uint8_t text[sizeof(KEY_LABEL) - 1 + ORDO_JOURNAL_NODE_SIZE];
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE];
    memcpy(text, KEY_LABEL, sizeof(KEY_LABEL) - 1);
    memcpy(text + sizeof(KEY_LABEL) - 1, node, ORDO_JOURNAL_NODE_SIZE);
    hmac(chain, text, sizeof(text), out);
    return ordo_get_le32(out);
}

enum ordo_err ordo_chain_check_key(
    const struct ordo_chain *chain,
    const struct ordo_segment_header *header,
    const char *where,
    struct ordo_fail *fail)
{
    if ((header->flags & ORDO_SEGMENT_KEYED) == 0) {
        return ORDO_OK;
    }
    if (!chain->has_key) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the journal's chain is keyed (%s): name its key file (journal.key_file)",
            where);
    }
    if (ordo_chain_key_check(chain, header->node) != header->key_check) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the key file is not the one of this journal (%s): name the right one "
            "(journal.key_file)",
            where);
    }
    return ORDO_OK;
}

void ordo_chain_fini(struct ordo_chain *chain)
{
    OPENSSL_cleanse(chain->inner, sizeof(chain->inner));
    OPENSSL_cleanse(chain->outer, sizeof(chain->outer));
    *chain = (struct ordo_chain){0};
}
