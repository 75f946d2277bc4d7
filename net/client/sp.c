#include "net/client/sp.h"

#include "base/assert.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* The greeting is sent as soon as the connect has succeeded and the peer's is awaited before the
 * first message leaves: a message sent to a peer of another protocol would be lost without a word.
 * Eight bytes always fit into an empty socket buffer, so the greeting is never half sent.
 *
 * Every failure closes the socket at once and names the URL. The owner decides when to connect
 * again; nothing that was received before survives a close, because a half received message has no
 * other half on the next connection.
 */

/* ---- the URL ---- */

static enum ordo_err parse_ipc(struct ordo_sp *sp, const char *path, struct ordo_fail *fail)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&sp->address;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address->sun_path)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "%s: a path of 1 to %zu bytes must follow ipc://",
            sp->url,
            sizeof(address->sun_path) - 1);
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length + 1);
    sp->address_size = (socklen_t)sizeof(*address);
    sp->ipc = true;
    return ORDO_OK;
}

static enum ordo_err parse_tcp(struct ordo_sp *sp, const char *rest, struct ordo_fail *fail)
{
    char host[ORDO_SP_URL_MAX + 1];
    const char *colon = strrchr(rest, ':');
    if (colon == NULL || colon == rest || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 ||
        strtoul(colon + 1, NULL, 10) > 65535 || strtoul(colon + 1, NULL, 10) == 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "%s: HOST:PORT must follow tcp://, PORT from 1 to 65535",
            sp->url);
    }
    size_t length = (size_t)(colon - rest);
    bool bracketed = rest[0] == '[' && rest[length - 1] == ']';
    (void)snprintf(
        host,
        sizeof(host),
        "%.*s",
        (int)(bracketed ? length - 2 : length),
        bracketed ? rest + 1 : rest);

    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, colon + 1, &hints, &found);
    if (code != 0 || found == NULL) {
        return ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "%s: host \"%s\": %s", sp->url, host, gai_strerror(code));
    }
    ORDO_ASSERT(found->ai_addrlen <= sizeof(sp->address));
    memcpy(&sp->address, found->ai_addr, found->ai_addrlen);
    sp->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    return ORDO_OK;
}

enum ordo_err ordo_sp_init(
    struct ordo_sp *sp,
    const char *url,
    enum ordo_sp_protocol own,
    enum ordo_sp_protocol peer,
    size_t message_max,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(message_max > 0);
    memset(sp, 0, sizeof(*sp));
    sp->fd = -1;
    sp->own = (uint16_t)own;
    sp->peer = (uint16_t)peer;
    sp->message_max = message_max;
    if (strlen(url) > ORDO_SP_URL_MAX) {
        return ordo_fail_set(
            fail, ORDO_ERR_CONFIG, "a URL has at most %d bytes: %.60s...", ORDO_SP_URL_MAX, url);
    }
    (void)snprintf(sp->url, sizeof(sp->url), "%s", url);

    enum ordo_err err;
    if (strncmp(url, "ipc://", 6) == 0) {
        err = parse_ipc(sp, url + 6, fail);
    } else if (strncmp(url, "tcp://", 6) == 0) {
        err = parse_tcp(sp, url + 6, fail);
    } else if (strncmp(url, "tls+tcp://", 10) == 0) {
        sp->tls = true;
        err = ORDO_OK; /* nng reads the rest of it */
    } else if (strstr(url, "://") != NULL) {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_UNSUPPORTED,
            "%s: this client speaks ipc://, tcp:// and tls+tcp:// only",
            url);
    } else {
        err = ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "\"%s\" is no URL: write ipc:///path/to.sock or tcp://127.0.0.1:PORT",
            url);
    }
    if (err != ORDO_OK) {
        return err;
    }
    sp->in = malloc(ORDO_SP_BUFFER);
    if (sp->in == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: no memory for a buffer", url);
    }
    sp->in_size = ORDO_SP_BUFFER;
    return ORDO_OK;
}

void ordo_sp_fini(struct ordo_sp *sp)
{
    ordo_sp_close(sp);
    ordo_tunnel_close(sp->tunnel);
    sp->tunnel = NULL;
    free(sp->in);
    sp->in = NULL;
    sp->in_size = 0;
}

enum ordo_err
ordo_sp_use_tls(struct ordo_sp *sp, const struct ordo_tunnel_files *files, struct ordo_fail *fail)
{
    return sp->tls ? ordo_tunnel_open(sp->url, files, &sp->tunnel, fail) : ORDO_OK;
}

/* ---- connect, greeting, close ---- */

void ordo_sp_close(struct ordo_sp *sp)
{
    if (sp->fd >= 0) {
        (void)close(sp->fd);
    }
    sp->fd = -1;
    sp->phase = ORDO_SP_CLOSED;
    sp->in_begin = 0;
    sp->in_end = 0;
}

static enum ordo_err fail_with(
    struct ordo_sp *sp,
    enum ordo_err err,
    const char *what,
    int errno_value,
    struct ordo_fail *fail)
{
    ordo_sp_close(sp);
    return ordo_fail_set(fail, err, "%s: %s: %s", sp->url, what, strerror(errno_value));
}

static enum ordo_err send_greeting(struct ordo_sp *sp, struct ordo_fail *fail)
{
    const uint8_t greeting[ORDO_SP_GREETING] = {
        0, 'S', 'P', 0, (uint8_t)(sp->own >> 8), (uint8_t)sp->own, 0, 0};
    ssize_t n = send(sp->fd, greeting, sizeof(greeting), MSG_NOSIGNAL);
    if (n != (ssize_t)sizeof(greeting)) {
        return fail_with(
            sp, ORDO_ERR_UNAVAILABLE, "the greeting was not sent", n < 0 ? errno : EPIPE, fail);
    }
    sp->phase = ORDO_SP_GREETING_SENT;
    return ORDO_ERR_EMPTY;
}

/* The pair takes the greeting at once; what becomes of the connection shows when the peer's is
 * awaited. */
static enum ordo_err connect_tunnel(struct ordo_sp *sp, struct ordo_fail *fail)
{
    ORDO_ASSERT(sp->tunnel != NULL);
    enum ordo_err err = ordo_tunnel_dial(sp->tunnel, &sp->fd, fail);
    if (err == ORDO_OK) {
        err = send_greeting(sp, fail);
    }
    return err == ORDO_ERR_EMPTY ? ORDO_OK : err;
}

enum ordo_err ordo_sp_connect(struct ordo_sp *sp, struct ordo_fail *fail)
{
    ORDO_ASSERT(sp->phase == ORDO_SP_CLOSED);
    if (sp->tls) {
        return connect_tunnel(sp, fail);
    }
    sp->fd = socket(sp->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sp->fd < 0) {
        return fail_with(sp, ordo_err_from_errno(errno), "cannot make a socket", errno, fail);
    }
    if (!sp->ipc) {
        int one = 1;
        (void)setsockopt(sp->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    sp->phase = ORDO_SP_CONNECTING;
    if (connect(sp->fd, (const struct sockaddr *)&sp->address, sp->address_size) == 0) {
        enum ordo_err err = send_greeting(sp, fail);
        return err == ORDO_ERR_EMPTY ? ORDO_OK : err;
    }
    if (errno == EINPROGRESS) {
        return ORDO_OK;
    }
    return fail_with(sp, ORDO_ERR_UNAVAILABLE, "cannot connect", errno, fail);
}

short ordo_sp_events(const struct ordo_sp *sp, bool wants_to_send)
{
    switch (sp->phase) {
    case ORDO_SP_CONNECTING:
        return POLLOUT;
    case ORDO_SP_GREETING_SENT:
        return POLLIN;
    case ORDO_SP_OPEN:
        return wants_to_send ? POLLIN | POLLOUT : POLLIN;
    case ORDO_SP_CLOSED:
    default:
        return 0;
    }
}

static enum ordo_err finish_connect(struct ordo_sp *sp, struct ordo_fail *fail)
{
    int error = 0;
    socklen_t size = sizeof(error);
    struct pollfd ready = {.fd = sp->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0) {
        return ORDO_ERR_EMPTY;
    }
    if (getsockopt(sp->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        return fail_with(sp, ORDO_ERR_UNAVAILABLE, "cannot connect", error, fail);
    }
    return send_greeting(sp, fail);
}

static enum ordo_err check_greeting(struct ordo_sp *sp, struct ordo_fail *fail)
{
    const uint8_t *g = sp->in + sp->in_begin;
    bool is_sp = g[0] == 0 && g[1] == 'S' && g[2] == 'P' && g[3] == 0 && g[6] == 0 && g[7] == 0;
    unsigned protocol = (unsigned)(g[4] << 8 | g[5]);
    sp->in_begin += ORDO_SP_GREETING;
    if (is_sp && protocol == sp->peer) {
        sp->phase = ORDO_SP_OPEN;
        return ORDO_OK;
    }
    ordo_sp_close(sp);
    if (!is_sp) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%s: what listens there does not speak SP (nng)", sp->url);
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_INVALID,
        "%s: the peer speaks SP protocol 0x%02x, 0x%02x was expected: is it the URL for %s?",
        sp->url,
        protocol,
        (unsigned)sp->peer,
        sp->peer == ORDO_SP_PUB ? "--publish" : "--connect");
}

static size_t held(const struct ordo_sp *sp)
{
    return sp->in_end - sp->in_begin;
}

/* One recv() of at most `most` bytes behind what is held. */
static enum ordo_err receive_some(struct ordo_sp *sp, size_t most, struct ordo_fail *fail)
{
    ssize_t n;
    do {
        n = recv(sp->fd, sp->in + sp->in_end, most, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        sp->in_end += (size_t)n;
        return ORDO_OK;
    }
    if (n < 0 && errno == EAGAIN) {
        return ORDO_ERR_EMPTY;
    }
    if (n < 0) {
        return fail_with(sp, ORDO_ERR_CLOSED, "the connection was lost", errno, fail);
    }
    ordo_sp_close(sp);
    char reason[ORDO_TUNNEL_REASON_MAX] = "";
    if (sp->tls) {
        ordo_tunnel_reason(sp->tunnel, reason);
    }
    return ordo_fail_set(
        fail,
        ORDO_ERR_CLOSED,
        "%s: %s",
        sp->url,
        reason[0] == '\0' ? "the peer closed the connection" : reason);
}

enum ordo_err ordo_sp_progress(struct ordo_sp *sp, struct ordo_fail *fail)
{
    enum ordo_err err = ORDO_OK;
    if (sp->phase == ORDO_SP_CLOSED) {
        return ORDO_ERR_CLOSED;
    }
    if (sp->phase == ORDO_SP_CONNECTING) {
        return finish_connect(sp, fail);
    }
    while (sp->phase == ORDO_SP_GREETING_SENT && err == ORDO_OK) {
        err = receive_some(sp, ORDO_SP_GREETING - held(sp), fail);
        if (err == ORDO_OK && held(sp) == ORDO_SP_GREETING) {
            err = check_greeting(sp, fail);
        }
    }
    return err;
}

/* ---- messages ---- */

size_t ordo_sp_prefix(const struct ordo_sp *sp, uint8_t out[ORDO_SP_PREFIX_MAX], uint64_t size)
{
    size_t at = 0;
    if (sp->ipc) {
        out[at++] = 1;
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        out[at++] = (uint8_t)(size >> shift);
    }
    return at;
}

enum ordo_err ordo_sp_send(
    struct ordo_sp *sp,
    const struct iovec *parts,
    size_t count,
    size_t *sent,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(sp->phase == ORDO_SP_OPEN);
    struct msghdr message = {.msg_iovlen = count};
    /* sendmsg() does not write through msg_iov; its type has no const. */
    memcpy(&message.msg_iov, &parts, sizeof(parts));
    ssize_t n;
    do {
        n = sendmsg(sp->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *sent = (size_t)n;
        return ORDO_OK;
    }
    if (errno == EAGAIN) {
        *sent = 0;
        return ORDO_OK;
    }
    return fail_with(sp, ORDO_ERR_CLOSED, "the connection was lost", errno, fail);
}

/* Room behind what is held: by moving it to the front, or by doubling a buffer that is full. */
static enum ordo_err make_room(struct ordo_sp *sp, struct ordo_fail *fail)
{
    size_t kept = held(sp);
    if (sp->in_begin > 0) {
        memmove(sp->in, sp->in + sp->in_begin, kept);
        sp->in_begin = 0;
        sp->in_end = kept;
    }
    if (kept < sp->in_size) {
        return ORDO_OK;
    }
    size_t most = sp->message_max + ORDO_SP_PREFIX_MAX;
    size_t size = sp->in_size * 2 < most ? sp->in_size * 2 : most;
    ORDO_ASSERT(size > sp->in_size); /* a full message would have been taken by next */
    uint8_t *grown = realloc(sp->in, size);
    if (grown == NULL) {
        ordo_sp_close(sp);
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "%s: no memory for a message", sp->url);
    }
    sp->in = grown;
    sp->in_size = size;
    return ORDO_OK;
}

enum ordo_err ordo_sp_receive(struct ordo_sp *sp, struct ordo_fail *fail)
{
    ORDO_ASSERT(sp->phase == ORDO_SP_OPEN);
    enum ordo_err err = make_room(sp, fail);
    return err == ORDO_OK ? receive_some(sp, sp->in_size - sp->in_end, fail) : err;
}

bool ordo_sp_may_have_more(const struct ordo_sp *sp)
{
    return sp->in_end == sp->in_size;
}

enum ordo_err ordo_sp_next(struct ordo_sp *sp, struct ordo_bytes *message, struct ordo_fail *fail)
{
    size_t prefix = sp->ipc ? 9 : 8;
    if (sp->phase != ORDO_SP_OPEN || held(sp) < prefix) {
        return ORDO_ERR_EMPTY;
    }
    const uint8_t *p = sp->in + sp->in_begin;
    if (sp->ipc && *p++ != 1) {
        ordo_sp_close(sp);
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%s: a message does not begin with 01", sp->url);
    }
    uint64_t size = 0;
    for (int i = 0; i < 8; i++) {
        size = size << 8 | p[i];
    }
    if (size > sp->message_max) {
        ordo_sp_close(sp);
        return ordo_fail_set(
            fail,
            ORDO_ERR_LIMIT,
            "%s: the peer announced a message of %llu bytes, at most %zu are accepted",
            sp->url,
            (unsigned long long)size,
            sp->message_max);
    }
    if (held(sp) - prefix < size) {
        return ORDO_ERR_EMPTY;
    }
    *message = (struct ordo_bytes){sp->in + sp->in_begin + prefix, (uint32_t)size};
    sp->in_begin += prefix + (size_t)size;
    return ORDO_OK;
}
