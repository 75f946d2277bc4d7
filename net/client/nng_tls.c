#include "net/client/nng_tls.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection is two detached threads and a socket pair:
 *
 *   caller ──fd──▶ up thread ──▶ nng stream ──▶ node
 *   caller ◀──fd── down thread ◀── nng stream ◀── node
 *
 * Both block, so a side that does not read slows the other one down and nothing is buffered here
 * beyond one block each way. The down thread dials first, starts the up thread, and at the end
 * waits for it and frees everything. The caller ends a connection by closing his descriptor: the up
 * thread reads its end and closes the stream, which ends the receive of the other. Whatever ends at
 * the node's side closes the pair, which the caller sees as an end of file.
 *
 * What a tunnel and its connections share (certificates, the reason) is counted and freed by the
 * last.
 */

#define FILE_SIZE_MAX (1u << 20)
#define BLOCK_SIZE    65536
#define DIAL_MS       10000

struct ordo_tunnel {
    pthread_mutex_t lock;
    uint32_t users; /* the owner and each connection */
    char *url;
    nng_tls_config *config;
    char reason[ORDO_TUNNEL_REASON_MAX];
};

struct link {
    struct ordo_tunnel *tunnel;
    nng_stream *stream;
    int fd; /* our end of the pair */
};

/* ---- files ---- */

static char *read_text(const char *path, struct ordo_fail *fail)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *text = calloc(1, FILE_SIZE_MAX);
    size_t size = text == NULL ? 0 : fread(text, 1, FILE_SIZE_MAX, file);
    (void)fclose(file);
    if (size == 0 || size == FILE_SIZE_MAX) {
        free(text);
        (void)ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: is no file in PEM of at most 1 MiB", path);
        return NULL;
    }
    return text;
}

static enum ordo_err set_ca(nng_tls_config *config, const char *path, struct ordo_fail *fail)
{
    char *ca = read_text(path, fail);
    if (ca == NULL) {
        return ORDO_ERR_CONFIG;
    }
    int error = nng_tls_config_ca_chain(config, ca, NULL);
    free(ca);
    return error == 0 ? ORDO_OK
                      : ordo_fail_set(fail, ORDO_ERR_CONFIG, "%s: %s", path, nng_strerror(error));
}

static enum ordo_err
set_own(nng_tls_config *config, const struct ordo_tunnel_files *files, struct ordo_fail *fail)
{
    char *key = NULL;
    char *cert = read_text(files->cert, fail);
    if (cert != NULL) {
        key = read_text(files->key, fail);
    }
    if (key == NULL) {
        free(cert);
        return ORDO_ERR_CONFIG;
    }
    int error = nng_tls_config_own_cert(config, cert, key, NULL);
    explicit_bzero(key, strlen(key));
    free(key);
    free(cert);
    return error == 0 ? ORDO_OK
                      : ordo_fail_set(
                            fail,
                            ORDO_ERR_CONFIG,
                            "%s, %s: %s; both must be PEM, the key without a password",
                            files->cert,
                            files->key,
                            nng_strerror(error));
}

static int set_policy(nng_tls_config *config, const char *url, const char *server)
{
    char host[256];
    if (server == NULL || server[0] == '\0') {
        const char *begin = strstr(url, "://");
        begin = begin == NULL ? url : begin + 3;
        const char *end = strrchr(begin, ':');
        size_t size = end == NULL ? strlen(begin) : (size_t)(end - begin);
        (void)snprintf(host, sizeof(host), "%.*s", (int)size, begin);
        server = host;
    }
    int error = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (error == 0) {
        error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_3);
    }
    if (error == NNG_ENOTSUP) {
        error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
    }
    return error == 0 ? nng_tls_config_server_name(config, server) : error;
}

/* ---- open and close ---- */

static void leave(struct ordo_tunnel *tunnel)
{
    (void)pthread_mutex_lock(&tunnel->lock);
    bool last = --tunnel->users == 0;
    (void)pthread_mutex_unlock(&tunnel->lock);
    if (!last) {
        return;
    }
    if (tunnel->config != NULL) {
        nng_tls_config_free(tunnel->config);
    }
    (void)pthread_mutex_destroy(&tunnel->lock);
    free(tunnel->url);
    free(tunnel);
}

void ordo_tunnel_close(struct ordo_tunnel *tunnel)
{
    if (tunnel != NULL) {
        leave(tunnel);
    }
}

enum ordo_err ordo_tunnel_open(
    const char *url,
    const struct ordo_tunnel_files *files,
    struct ordo_tunnel **out,
    struct ordo_fail *fail)
{
    if (files->ca == NULL || files->cert == NULL || files->key == NULL) {
        return ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "%s: give the files of ca, certificate and key", url);
    }
    struct ordo_tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL || (tunnel->url = strdup(url)) == NULL) {
        free(tunnel);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: no memory", url);
    }
    tunnel->users = 1;
    (void)pthread_mutex_init(&tunnel->lock, NULL);
    int error = nng_tls_config_alloc(&tunnel->config, NNG_TLS_MODE_CLIENT);
    enum ordo_err err = ORDO_OK;
    if (error == 0) {
        error = set_policy(tunnel->config, url, files->server);
    }
    if (error != 0) {
        err = ordo_fail_set(fail, ORDO_ERR_UNSUPPORTED, "%s: %s", url, nng_strerror(error));
    }
    if (err == ORDO_OK) {
        err = set_ca(tunnel->config, files->ca, fail);
    }
    if (err == ORDO_OK) {
        err = set_own(tunnel->config, files, fail);
    }
    if (err != ORDO_OK) {
        leave(tunnel);
        return err;
    }
    *out = tunnel;
    return ORDO_OK;
}

static void set_reason(struct ordo_tunnel *tunnel, int error)
{
    bool refused = error == NNG_ECRYPTO || error == NNG_EPEERAUTH;
    const char *hint = ": do the certificates fit, and is the name in the node's the server's?";
    (void)pthread_mutex_lock(&tunnel->lock);
    (void)snprintf(
        tunnel->reason, sizeof(tunnel->reason), "%s%s", nng_strerror(error), refused ? hint : "");
    (void)pthread_mutex_unlock(&tunnel->lock);
}

void ordo_tunnel_reason(struct ordo_tunnel *tunnel, char reason[ORDO_TUNNEL_REASON_MAX])
{
    (void)pthread_mutex_lock(&tunnel->lock);
    memcpy(reason, tunnel->reason, ORDO_TUNNEL_REASON_MAX);
    (void)pthread_mutex_unlock(&tunnel->lock);
}

/* ---- the threads ---- */

/* One block through the stream; 0 or nng's error. */
static int move(nng_stream *stream, nng_aio *aio, void *data, size_t *size, bool sends)
{
    nng_iov part = {.iov_buf = data, .iov_len = *size};
    (void)nng_aio_set_iov(aio, 1, &part);
    if (sends) {
        nng_stream_send(stream, aio);
    } else {
        nng_stream_recv(stream, aio);
    }
    nng_aio_wait(aio);
    *size = nng_aio_count(aio);
    return nng_aio_result(aio);
}

/* Signals of the program may arrive here as well; they end nothing. */
static ssize_t read_block(int fd, uint8_t *block)
{
    ssize_t n;
    do {
        n = read(fd, block, BLOCK_SIZE);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void *carry_up(void *context)
{
    struct link *link = context;
    uint8_t *block = malloc(BLOCK_SIZE);
    nng_aio *aio = NULL;
    bool ready = block != NULL && nng_aio_alloc(&aio, NULL, NULL) == 0;
    ssize_t got = ready ? read_block(link->fd, block) : 0;
    while (got > 0) {
        size_t sent = 0;
        int error = 0;
        while (error == 0 && sent < (size_t)got) {
            size_t size = (size_t)got - sent;
            error = move(link->stream, aio, block + sent, &size, true);
            sent += size;
        }
        got = error == 0 ? read_block(link->fd, block) : 0;
    }
    nng_stream_close(link->stream);
    if (aio != NULL) {
        nng_aio_free(aio);
    }
    free(block);
    return NULL;
}

static void carry_down(struct link *link, nng_aio *aio)
{
    uint8_t *block = malloc(BLOCK_SIZE);
    int error = block == NULL ? NNG_ENOMEM : 0;
    while (error == 0) {
        size_t size = BLOCK_SIZE;
        error = move(link->stream, aio, block, &size, false);
        size_t written = 0;
        while (error == 0 && written < size) {
            ssize_t n = send(link->fd, block + written, size - written, MSG_NOSIGNAL);
            error = n < 0 && errno != EINTR ? NNG_ECLOSED : 0;
            written += n < 0 ? 0 : (size_t)n;
        }
    }
    if (error != NNG_ECLOSED) {
        set_reason(link->tunnel, error);
    }
    free(block);
}

static int dial(struct link *link, nng_aio *aio)
{
    nng_stream_dialer *dialer = NULL;
    int error = nng_stream_dialer_alloc(&dialer, link->tunnel->url);
    if (error == 0) {
        error = nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, link->tunnel->config);
    }
    if (error == 0) {
        nng_aio_set_timeout(aio, DIAL_MS);
        nng_stream_dialer_dial(dialer, aio);
        nng_aio_wait(aio);
        error = nng_aio_result(aio);
        nng_aio_set_timeout(aio, NNG_DURATION_INFINITE);
    }
    if (error == 0) {
        link->stream = nng_aio_get_output(aio, 0);
    } else {
        set_reason(link->tunnel, error);
    }
    if (dialer != NULL) {
        nng_stream_dialer_free(dialer);
    }
    return error;
}

static void *run_link(void *context)
{
    struct link *link = context;
    pthread_t up;
    nng_aio *aio = NULL;
    if (nng_aio_alloc(&aio, NULL, NULL) == 0 && dial(link, aio) == 0) {
        if (pthread_create(&up, NULL, carry_up, link) == 0) {
            carry_down(link, aio);
            (void)shutdown(link->fd, SHUT_RDWR); /* ends the read of the other */
            nng_stream_close(link->stream);      /* and its send */
            (void)pthread_join(up, NULL);
        }
        nng_stream_free(link->stream);
    }
    if (aio != NULL) {
        nng_aio_free(aio);
    }
    (void)close(link->fd);
    leave(link->tunnel);
    free(link);
    return NULL;
}

static bool start_thread(struct link *link)
{
    pthread_t thread;
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &attributes, run_link, link) == 0;
    (void)pthread_attr_destroy(&attributes);
    return started;
}

enum ordo_err ordo_tunnel_dial(struct ordo_tunnel *tunnel, int *fd, struct ordo_fail *fail)
{
    int pair[2];
    struct link *link = calloc(1, sizeof(*link));
    if (link == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(link);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: cannot make a socket", tunnel->url);
    }
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    *link = (struct link){.tunnel = tunnel, .fd = pair[1]};
    (void)pthread_mutex_lock(&tunnel->lock);
    tunnel->users++;
    tunnel->reason[0] = '\0';
    (void)pthread_mutex_unlock(&tunnel->lock);
    if (!start_thread(link)) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        free(link);
        leave(tunnel);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: cannot start a thread", tunnel->url);
    }
    *fd = pair[0];
    return ORDO_OK;
}
