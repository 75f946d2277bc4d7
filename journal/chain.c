/* A batch's chain hash is SHA-256 over its bytes; its header holds the hash of the batch before, so
 * the last hash of a journal commits to every byte of it. Fetching an algorithm costs more than
 * hashing a small batch (OpenSSL 3 looks it up by name), hence once. */
#include "journal/chain.h"

#include <openssl/evp.h>

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

void ordo_chain_fini(struct ordo_chain *chain)
{
    EVP_MD_CTX_free(chain->context);
    EVP_MD_free(chain->digest);
    *chain = (struct ordo_chain){0};
}
