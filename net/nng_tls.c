#include "net/tls.h"

#include "base/assert.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nng's TLS is that of mbedtls in Debian's build. Its functions take the texts of PEM files, and
 * its errors do not say which of them was meant, so each file is read and given alone. A password
 * is not supported: a server that starts by itself would have to keep it beside the key.
 */

#define FILE_SIZE_MAX (1u << 20)

static const char scheme[] = "tls+tcp";

bool ordo_tls_is_wanted(const char *url)
{
    return strncmp(url, scheme, sizeof(scheme) - 1) == 0;
}

/* The whole file with a zero behind it; NULL with the fault in fail. */
static char *read_text(const char *path, struct ordo_fail *fail)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(FILE_SIZE_MAX);
    size_t size = text == NULL ? 0 : fread(text, 1, FILE_SIZE_MAX, file);
    bool broken = ferror(file) != 0;
    (void)fclose(file);
    if (text == NULL || broken || size == 0 || size == FILE_SIZE_MAX) {
        free(text);
        (void)ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: is no file in PEM of at most 1 MiB", path);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static enum ordo_err
set_own(nng_tls_config *config, const struct ordo_tls_files *files, struct ordo_fail *fail)
{
    char *certificate = read_text(files->certificate, fail);
    if (certificate == NULL) {
        return ORDO_ERR_CONFIG;
    }
    char *key = read_text(files->key, fail);
    if (key == NULL) {
        free(certificate);
        return ORDO_ERR_CONFIG;
    }
    int error = nng_tls_config_own_cert(config, certificate, key, NULL);
    explicit_bzero(key, strlen(key));
    free(key);
    free(certificate);
    if (error == 0) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_CONFIG,
        "net.tls_certificate %s with net.tls_key %s: %s; both must be PEM, the key "
        "without a password",
        files->certificate,
        files->key,
        nng_strerror(error));
}

static enum ordo_err set_ca(nng_tls_config *config, const char *path, struct ordo_fail *fail)
{
    char *ca = read_text(path, fail);
    if (ca == NULL) {
        return ORDO_ERR_CONFIG;
    }
    int error = nng_tls_config_ca_chain(config, ca, NULL);
    free(ca);
    if (error == 0) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail, ORDO_ERR_CONFIG, "net.tls_ca %s: %s; it must be PEM", path, nng_strerror(error));
}

static enum ordo_err set_policy(nng_tls_config *config, struct ordo_fail *fail)
{
    int error = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (error == 0) {
        error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_3);
    }
    if (error == NNG_ENOTSUP) {
        error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
    }
    if (error == 0) {
        return ORDO_OK;
    }
    return ordo_fail_set(
        fail, ORDO_ERR_UNAVAILABLE, "nng cannot require certificates: %s", nng_strerror(error));
}

static bool is_given(const char *path)
{
    return path != NULL && path[0] != '\0';
}

enum ordo_err ordo_tls_open(
    const struct ordo_tls_files *files,
    enum ordo_door_role role,
    const char *url,
    struct ordo_tls **out,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(role < ORDO_ROLE_COUNT);
    if (!is_given(files->certificate) || !is_given(files->key)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "cannot listen on %s: set net.tls_certificate and net.tls_key to files in PEM",
            url);
    }
    if (!is_given(files->ca[role])) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "cannot listen on %s: set net.tls_ca = %s=FILE to the CA that signs who has this role",
            url,
            ordo_role_name(role));
    }
    nng_tls_config *config;
    int error = nng_tls_config_alloc(&config, NNG_TLS_MODE_SERVER);
    if (error != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "cannot listen on %s: this build of nng has no TLS: %s",
            url,
            nng_strerror(error));
    }
    enum ordo_err err = set_policy(config, fail);
    if (err == ORDO_OK) {
        err = set_own(config, files, fail);
    }
    if (err == ORDO_OK) {
        err = set_ca(config, files->ca[role], fail);
    }
    if (err != ORDO_OK) {
        nng_tls_config_free(config);
        return err;
    }
    *out = (struct ordo_tls *)config;
    return ORDO_OK;
}

void *ordo_tls_config(struct ordo_tls *tls)
{
    return tls;
}

void ordo_tls_close(struct ordo_tls *tls)
{
    if (tls != NULL) {
        nng_tls_config_free((nng_tls_config *)tls);
    }
}
