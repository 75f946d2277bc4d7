#include "net/client/seal.h"

#include "base/canary.h"
#include "base/log.h"

#include <sodium.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key file is made under a name of its own, flushed, and then linked to the wanted name: link()
 * refuses an existing name, so two first starts at once end with one key, and a crash leaves either
 * no key or a whole one. A key that half existed would seal cards that nobody can open again.
 *
 * Nonce and tag are deterministic (a synthetic nonce): equal secrets of one product give equal
 * bytes, which is wanted and is all that they reveal. They are made under keys of their own, so
 * neither tells anything about the secret to who has no key.
 */

#define KEY_CONTEXT "ordocard"

_Static_assert(ORDO_KEY_SIZE == crypto_kdf_KEYBYTES, "master key");
_Static_assert(ORDO_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "seal key");
_Static_assert(ORDO_SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(ORDO_SEAL_MAC == crypto_aead_xchacha20poly1305_ietf_ABYTES, "mac");
_Static_assert(sizeof(KEY_CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "kdf context");
_Static_assert(ORDO_SEAL_OVERHEAD + 1 == 57, "the engine refuses shorter cards");

void ordo_secret_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

void ordo_key_wipe(struct ordo_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

enum ordo_err ordo_key_derive(const uint8_t master[ORDO_KEY_SIZE], struct ordo_key *key)
{
    if (sodium_init() < 0) {
        return ORDO_ERR_UNAVAILABLE;
    }
    (void)crypto_kdf_derive_from_key(key->seal, ORDO_KEY_SIZE, 1, KEY_CONTEXT, master);
    (void)crypto_kdf_derive_from_key(key->nonce, ORDO_KEY_SIZE, 2, KEY_CONTEXT, master);
    (void)crypto_kdf_derive_from_key(key->tag, ORDO_KEY_SIZE, 3, KEY_CONTEXT, master);
    return ORDO_OK;
}

/* ---- the key file ---- */

static enum ordo_err fail_errno(struct ordo_fail *fail, const char *what, const char *path)
{
    int error = errno;
    return ordo_fail_set(
        fail, ordo_err_from_errno(error), "%s %s: %s", what, path, strerror(error));
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        size -= (size_t)n;
    }
    return true;
}

static enum ordo_err sync_folder_of(const char *path, struct ordo_fail *fail)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    const char *folder = dirname(copy);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(fail, "cannot open the folder", folder);
    }
    enum ordo_err err = ORDO_OK;
    if (fsync(fd) != 0) {
        err = fail_errno(fail, "cannot flush the folder", folder);
    }
    (void)close(fd);
    return err;
}

/* Writes the text to a new file of the name `draft` and gives it the name `path` too. */
static enum ordo_err
publish_key(const char *draft, const char *path, const char *text, struct ordo_fail *fail)
{
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0) {
        return fail_errno(fail, "cannot make the key file", draft);
    }
    enum ordo_err err = ORDO_OK;
    if (!write_all(fd, text, strlen(text)) || fsync(fd) != 0) {
        err = fail_errno(fail, "cannot write the key file", draft);
    }
    (void)close(fd);
    if (err == ORDO_OK && link(draft, path) != 0) {
        if (errno == EEXIST) {
            err = ordo_fail_set(
                fail, ORDO_ERR_EXISTS, "the key file %s exists already and is kept", path);
        } else {
            err = fail_errno(fail, "cannot make the key file", path);
        }
    }
    (void)unlink(draft);
    return err == ORDO_OK ? sync_folder_of(path, fail) : err;
}

enum ordo_err ordo_key_make(const char *path, struct ordo_fail *fail)
{
    char draft[PATH_MAX];
    if (sodium_init() < 0) {
        return ordo_fail_set(
            fail, ORDO_ERR_UNAVAILABLE, "libsodium does not start on this machine");
    }
    int length = snprintf(draft, sizeof(draft), "%s.new-%ld", path, (long)getpid());
    if (path[0] == '\0' || length < 0 || (size_t)length >= sizeof(draft)) {
        return ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "the path of the key file is empty or too long");
    }

    uint8_t master[ORDO_KEY_SIZE];
    char text[2 * ORDO_KEY_SIZE + 2];
    randombytes_buf(master, sizeof(master));
    (void)sodium_bin2hex(text, 2 * ORDO_KEY_SIZE + 1, master, sizeof(master));
    text[2 * ORDO_KEY_SIZE] = '\n';
    text[2 * ORDO_KEY_SIZE + 1] = '\0';
    enum ordo_err err = publish_key(draft, path, text, fail);
    sodium_memzero(master, sizeof(master));
    sodium_memzero(text, sizeof(text));
    return err;
}

static enum ordo_err open_key(const char *path, int *out, struct ordo_fail *fail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_NOT_FOUND,
            "there is no key file %s: name it with --key or ORDO_KEY (`ordo card add` makes the "
            "first one)",
            path);
    }
    if (fd < 0) {
        return fail_errno(fail, "cannot open the key file", path);
    }
    struct stat about;
    enum ordo_err err = ORDO_OK;
    if (fstat(fd, &about) != 0) {
        err = fail_errno(fail, "cannot look at the key file", path);
    } else if (!S_ISREG(about.st_mode)) {
        err = ordo_fail_set(fail, ORDO_ERR_CONFIG, "the key file %s is not a regular file", path);
    } else if ((about.st_mode & 077) != 0) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "the key file %s has mode %04o and is open to others: chmod 0400 it, and take new "
            "cards if somebody may have read it",
            path,
            (unsigned)(about.st_mode & 07777));
    }
    if (err != ORDO_OK) {
        (void)close(fd);
        return err;
    }
    *out = fd;
    return ORDO_OK;
}

enum ordo_err ordo_key_load(const char *path, struct ordo_key *key, struct ordo_fail *fail)
{
    int fd = -1;
    char text[2 * ORDO_KEY_SIZE + 3]; /* one byte more than a key, CR and LF: longer is no key */
    uint8_t master[ORDO_KEY_SIZE];

    enum ordo_err err = open_key(path, &fd, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ssize_t got = read(fd, text, sizeof(text));
    if (got < 0) {
        err = fail_errno(fail, "cannot read the key file", path);
        (void)close(fd);
        return err;
    }
    (void)close(fd);

    size_t size = 0;
    const char *end = NULL;
    size_t length = (size_t)got;
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    if (length != 2 * ORDO_KEY_SIZE ||
        sodium_hex2bin(master, sizeof(master), text, length, NULL, &size, &end) != 0 ||
        size != ORDO_KEY_SIZE || end != text + length) {
        err = ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "the key file %s is not a key: 64 hexadecimal digits", path);
    } else if (ordo_key_derive(master, key) != ORDO_OK) {
        err = ordo_fail_set(fail, ORDO_ERR_UNAVAILABLE, "libsodium does not start on this machine");
    }
    sodium_memzero(master, sizeof(master));
    sodium_memzero(text, sizeof(text));
    return err;
}

enum ordo_err
ordo_key_load_or_make(const char *path, struct ordo_key *key, bool *made, struct ordo_fail *fail)
{
    *made = false;
    enum ordo_err err = ordo_key_load(path, key, fail);
    if (err != ORDO_ERR_NOT_FOUND) {
        return err;
    }
    err = ordo_key_make(path, fail);
    if (err != ORDO_OK && err != ORDO_ERR_EXISTS) {
        return err;
    }
    *made = err == ORDO_OK;
    return ordo_key_load(path, key, fail);
}

/* ---- seal and open ---- */

#define SCOPE_SIZE 9

/* What a sealed card belongs to; the additional data. */
static void put_scope(uint8_t scope[SCOPE_SIZE], uint32_t shop, uint32_t product)
{
    scope[0] = ORDO_SEAL_FORMAT;
    ordo_put_le32(scope + 1, shop);
    ordo_put_le32(scope + 5, product);
}

static void keyed_digest(
    const uint8_t key[ORDO_KEY_SIZE],
    const uint8_t scope[SCOPE_SIZE],
    struct ordo_bytes secret,
    uint8_t *out,
    size_t size)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, ORDO_KEY_SIZE, size);
    (void)crypto_generichash_update(&state, scope, SCOPE_SIZE);
    (void)crypto_generichash_update(&state, secret.data, secret.size);
    (void)crypto_generichash_final(&state, out, size);
    sodium_memzero(&state, sizeof(state));
}

enum ordo_err ordo_seal(
    const struct ordo_key *key,
    uint32_t shop,
    uint32_t product,
    struct ordo_bytes secret,
    struct ordo_writer *out)
{
    if (secret.size == 0) {
        return ORDO_ERR_INVALID;
    }
    if (secret.size > ORDO_SECRET_MAX) {
        return ORDO_ERR_LIMIT;
    }
    if (ORDO_CANARY(key_in_a_log_line)) {
        ORDO_LOG_INFO("sealed secret=%.*s", (int)secret.size, (const char *)secret.data);
    }
    struct ordo_writer before = *out;
    uint8_t *card = ordo_write_room(out, secret.size + ORDO_SEAL_OVERHEAD);
    if (card == NULL) {
        *out = before;
        return ORDO_ERR_FULL;
    }
    uint8_t scope[SCOPE_SIZE];
    uint8_t *nonce = card + ORDO_SEAL_TAG;
    put_scope(scope, shop, product);
    keyed_digest(key->tag, scope, secret, card, ORDO_SEAL_TAG);
    keyed_digest(key->nonce, scope, secret, nonce, ORDO_SEAL_NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        nonce + ORDO_SEAL_NONCE,
        NULL,
        secret.data,
        secret.size,
        scope,
        SCOPE_SIZE,
        NULL,
        nonce,
        key->seal);
    return ORDO_OK;
}

enum ordo_err ordo_open_sealed(
    const struct ordo_key *key,
    uint32_t shop,
    uint32_t product,
    struct ordo_bytes sealed,
    uint8_t secret[ORDO_SECRET_MAX],
    uint32_t *secret_size)
{
    if (sealed.size <= ORDO_SEAL_NONCE + ORDO_SEAL_MAC ||
        sealed.size > ORDO_SEALED_MAX - ORDO_SEAL_TAG) {
        return ORDO_ERR_DAMAGED;
    }
    uint8_t scope[SCOPE_SIZE];
    const uint8_t *nonce = sealed.data;
    unsigned long long size = 0;
    put_scope(scope, shop, product);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            secret,
            &size,
            NULL,
            nonce + ORDO_SEAL_NONCE,
            sealed.size - ORDO_SEAL_NONCE,
            scope,
            SCOPE_SIZE,
            nonce,
            key->seal) != 0) {
        return ORDO_ERR_DAMAGED;
    }
    *secret_size = (uint32_t)size;
    return ORDO_OK;
}
