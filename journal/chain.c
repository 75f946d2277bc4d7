/* A batch's chain hash is SHA-256 over its bytes; its header holds the hash of the batch before, so
 * the last hash of a journal commits to every byte of it. Who can write the files can also make the
 * chain anew; with a key that lies elsewhere he cannot, hence HMAC if a key file is given. Fetching
 * an algorithm costs more than hashing a small batch (OpenSSL 3 looks it up by name), hence once.
 */
#include "journal/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MIN   32
#define KEY_MAX   1024
#define KEY_LABEL "ordo journal key"

enum ordo_err ordo_chain_init(struct ordo_chain *chain, struct ordo_fail *fail)
{
    chain->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    chain->context = EVP_MD_CTX_new();
    if (chain->digest == NULL || chain->context == NULL) {
        ordo_chain_fini(chain);
        return ordo_fail_set(fail, ORDO_ERR_UNAVAILABLE, "the crypto library offers no SHA-256");
    }
    return ORDO_OK;
}

void ordo_chain_hash(
    struct ordo_chain *chain,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    ORDO_ASSERT(chain->context != NULL);
    unsigned length = 0;
    /* These fail only when memory for the context is refused at the first use; a journal without
     * its chain would be worse than a stop. */
    int ok = EVP_DigestInit_ex(chain->context, chain->digest, NULL) &&
             EVP_DigestUpdate(chain->context, data, size) &&
             EVP_DigestFinal_ex(chain->context, out, &length);
    ORDO_ASSERT(ok);
    ORDO_ASSERT(length == ORDO_JOURNAL_CHAIN_SIZE);
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
    ORDO_ASSERT(chain->mac == NULL);
    if (key_file == NULL || key_file[0] == 0) {
        return ORDO_OK;
    }
    enum ordo_err err = read_key(key_file, key, &size, fail);
    if (err != ORDO_OK) {
        return err;
    }
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = algorithm == NULL ? NULL : EVP_MAC_CTX_new(algorithm);
    if (mac == NULL || !EVP_MAC_init(mac, key, size, params)) {
        EVP_MAC_CTX_free(mac);
        mac = NULL;
        err = ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "the crypto library offers no HMAC with SHA-256");
    }
    EVP_MAC_free(algorithm); /* the context keeps it */
    OPENSSL_cleanse(key, sizeof(key));
    chain->mac = mac;
    return err;
}

static void hmac(
    struct ordo_chain *chain,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    size_t length = 0;
    ORDO_ASSERT(chain->mac != NULL);
    int ok = EVP_MAC_init(chain->mac, NULL, 0, NULL) && EVP_MAC_update(chain->mac, data, size) &&
             EVP_MAC_final(chain->mac, out, &length, ORDO_JOURNAL_CHAIN_SIZE);
    ORDO_ASSERT(ok); /* as for the plain hash */
    ORDO_ASSERT(length == ORDO_JOURNAL_CHAIN_SIZE);
}

bool ordo_chain_batch(
    struct ordo_chain *chain,
    bool keyed,
    const uint8_t *data,
    size_t size,
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE])
{
    if (keyed && chain->mac == NULL) {
        return false;
    }
    if (keyed) {
        hmac(chain, data, size, out);
    } else {
        ordo_chain_hash(chain, data, size, out);
    }
    return true;
}

uint32_t ordo_chain_key_check(struct ordo_chain *chain, const uint8_t node[ORDO_JOURNAL_NODE_SIZE])
{
    uint8_t text[sizeof(KEY_LABEL) - 1 + ORDO_JOURNAL_NODE_SIZE];
    uint8_t out[ORDO_JOURNAL_CHAIN_SIZE];
    memcpy(text, KEY_LABEL, sizeof(KEY_LABEL) - 1);
    memcpy(text + sizeof(KEY_LABEL) - 1, node, ORDO_JOURNAL_NODE_SIZE);
    hmac(chain, text, sizeof(text), out);
    return ordo_get_le32(out);
}

enum ordo_err ordo_chain_check_key(
    struct ordo_chain *chain,
    const struct ordo_segment_header *header,
    const char *where,
    struct ordo_fail *fail)
{
    if ((header->flags & ORDO_SEGMENT_KEYED) == 0) {
        return ORDO_OK;
    }
    if (chain->mac == NULL) {
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
    EVP_MAC_CTX_free(chain->mac);
    EVP_MD_CTX_free(chain->context);
    EVP_MD_free(chain->digest);
    *chain = (struct ordo_chain){0};
}
