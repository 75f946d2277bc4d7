#include "net/client/lib_parts.h"
#include "net/client/seal.h"

#include <stdlib.h>

/* The public face of seal.h: keys are a handle, so that no program copies them about. */

_Static_assert(ORDO_CARD_SECRET_MAX == ORDO_SECRET_MAX, "a promise of the public header");
_Static_assert(ORDO_CARD_SEALED_MAX == ORDO_SEALED_MAX, "a promise of the public header");

struct ordo_keys {
    struct ordo_key key;
};

int ordo_keys_load(const char *path, struct ordo_keys **out, struct ordo_error *error)
{
    struct ordo_fail fail;
    struct ordo_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL) {
        return ordo_lib_error(error, ORDO_E_MEMORY, "%s: no memory for a key", path);
    }
    if (ordo_key_load(path, &keys->key, &fail) != ORDO_OK) {
        free(keys);
        return ordo_lib_fail(error, &fail);
    }
    *out = keys;
    return ORDO_E_OK;
}

void ordo_keys_free(struct ordo_keys *keys)
{
    if (keys != NULL) {
        ordo_key_wipe(&keys->key);
        free(keys);
    }
}

int ordo_card_seal(
    const struct ordo_keys *keys,
    uint32_t shop,
    uint32_t product,
    struct ordo_data secret,
    uint8_t sealed[ORDO_CARD_SEALED_MAX],
    uint32_t *sealed_size)
{
    struct ordo_writer out = ordo_writer_over(sealed, ORDO_CARD_SEALED_MAX);
    if (secret.data == NULL || secret.size == 0) {
        return ORDO_E_LIMIT;
    }
    enum ordo_err err =
        ordo_seal(&keys->key, shop, product, (struct ordo_bytes){secret.data, secret.size}, &out);
    if (err == ORDO_OK) {
        *sealed_size = (uint32_t)ordo_writer_size(&out);
    }
    return ordo_lib_code(err);
}

int ordo_card_open(
    const struct ordo_keys *keys,
    uint32_t shop,
    uint64_t product,
    const struct ordo_card_info *card,
    uint8_t secret[ORDO_CARD_SECRET_MAX],
    uint32_t *secret_size)
{
    struct ordo_bytes sealed = {card->sealed, card->sealed_size};
    if (product > UINT32_MAX) {
        return ORDO_E_INVALID;
    }
    return ordo_lib_code(
        ordo_open_sealed(&keys->key, shop, (uint32_t)product, sealed, secret, secret_size));
}
