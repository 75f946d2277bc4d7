#include "net/address.h"

#include "net/ipc_file.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The file of an ipc socket exists from bind on and accepts from listen on: its mode is set in
 * between, so there is no moment in which others could connect. */

#define IPC_MODE 0600

static const char ipc_scheme[] = "ipc://";
static const char tcp_scheme[] = "tcp://";

static const char *after(const char *url, const char *scheme)
{
    size_t size = strlen(scheme);
    return strncmp(url, scheme, size) == 0 ? url + size : NULL;
}

const char *ordo_address_ipc_path(const char *url)
{
    return after(url, ipc_scheme);
}

bool ordo_address_is_plain(const char *url)
{
    return after(url, ipc_scheme) != NULL || after(url, tcp_scheme) != NULL;
}

enum ordo_err ordo_address_wrong(const char *url, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_CONFIG,
        "cannot listen on %s: not an address; write ipc:///path/of/socket, tcp://127.0.0.1:port or "
        "tls+tcp://host:port",
        url);
}

enum ordo_err ordo_address_in_use(const char *url, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_UNAVAILABLE,
        "cannot listen on %s: the address is in use by another process; stop it or choose another "
        "address",
        url);
}

enum ordo_err ordo_address_refused(const char *url, const char *reason, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_UNAVAILABLE,
        "cannot listen on %s: %s; check the path, its rights and the address",
        url,
        reason);
}

enum ordo_err ordo_address_claim(const char *url, struct ordo_fail *fail)
{
    const char *path = ordo_address_ipc_path(url);
    if (path != NULL && ordo_ipc_is_foreign(path)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "cannot listen on %s: there is a file of this name that is not a socket; choose "
            "another path",
            url);
    }
    if (path != NULL && ordo_ipc_is_alive(path)) {
        return ordo_address_in_use(url, fail);
    }
    return ORDO_OK;
}

static enum ordo_err fail_of_errno(const char *url, int error, struct ordo_fail *fail)
{
    return error == EADDRINUSE ? ordo_address_in_use(url, fail)
                               : ordo_address_refused(url, strerror(error), fail);
}

static enum ordo_err
listen_ipc(const char *url, const char *path, int backlog, int *out, struct ordo_fail *fail)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path == 0 || strlen(path) >= sizeof(address.sun_path)) {
        return ordo_address_wrong(url, fail);
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail_of_errno(url, errno, fail);
    }
    bool good = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    bool bound = good;
    good = good && chmod(path, IPC_MODE) == 0 && listen(fd, backlog) == 0;
    if (!good) {
        int error = errno;
        if (bound) {
            (void)unlink(path);
        }
        (void)close(fd);
        return fail_of_errno(url, error, fail);
    }
    *out = fd;
    return ORDO_OK;
}

/* "host:port", "[v6]:port"; an empty host or * is any. */
static bool split(const char *text, char host[ORDO_URL_SIZE], const char **port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == 0) {
        return false;
    }
    char *end;
    unsigned long number = strtoul(colon + 1, &end, 10);
    if (*end != 0 || number > UINT16_MAX || colon[1] == '-' || colon[1] == '+') {
        return false;
    }
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    (void)snprintf(host, ORDO_URL_SIZE, "%.*s", (int)size, text);
    *port = colon + 1;
    return true;
}

static enum ordo_err
listen_tcp(const char *url, const char *text, int backlog, int *out, struct ordo_fail *fail)
{
    char host[ORDO_URL_SIZE];
    const char *port;
    if (!split(text, host, &port)) {
        return ordo_address_wrong(url, fail);
    }
    bool any = host[0] == 0 || strcmp(host, "*") == 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(any ? NULL : host, port, &hints, &found);
    if (error != 0) {
        return ordo_address_refused(url, gai_strerror(error), fail);
    }
    int one = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
                bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, backlog) == 0;
    error = errno;
    freeaddrinfo(found);
    if (!good) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return fail_of_errno(url, error, fail);
    }
    *out = fd;
    return ORDO_OK;
}

enum ordo_err ordo_address_listen(const char *url, int backlog, int *fd, struct ordo_fail *fail)
{
    const char *path = after(url, ipc_scheme);
    const char *host = after(url, tcp_scheme);
    if (strlen(url) >= ORDO_URL_SIZE || (path == NULL && host == NULL)) {
        return ordo_address_wrong(url, fail);
    }
    return path != NULL ? listen_ipc(url, path, backlog, fd, fail)
                        : listen_tcp(url, host, backlog, fd, fail);
}
