#include "net/nng_listen.h"

#include <errno.h>
#include <nng/nng.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether the file of an ipc socket belongs to a living server is found out here and not left to
 * nng. nng 1.5.2 looks by connecting and closing at once, and a listener of 1.5.2 that meets such a
 * peer takes the broken greeting for its own end and never accepts again (nng issue 1518): starting
 * a second server by mistake would silence the first. So this probe is a well-behaved peer: it
 * sends a whole greeting, waits for the other one, and only then leaves. A file that nobody answers
 * for is removed, so nng finds nothing to look at.
 *
 * nng sets the mode between bind and listen: there is no moment in which others could connect.
 */

#define IPC_MODE      0600
#define PROBE_WAIT_MS 500

static const char ipc_scheme[] = "ipc://";

static enum ordo_err in_use(const char *url, struct ordo_fail *fail)
{
    return ordo_fail_set(
        fail,
        ORDO_ERR_UNAVAILABLE,
        "cannot listen on %s: the address is in use by another process; stop it or choose another "
        "address",
        url);
}

static enum ordo_err explain(const char *url, int error, struct ordo_fail *fail)
{
    switch (error) {
    case NNG_EADDRINUSE:
        return in_use(url, fail);
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return ordo_fail_set(
            fail,
            ORDO_ERR_CONFIG,
            "cannot listen on %s: not an address; write ipc:///path/of/socket or "
            "tcp://127.0.0.1:port",
            url);
    default:
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "cannot listen on %s: %s; check the path, its rights and the address",
            url,
            nng_strerror(error));
    }
}

/* The greeting of a REQ client, whole. A publisher refuses it, which is a proper end as well. */
static void greet(int fd)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    uint8_t answer[8];
    if (send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) == (ssize_t)sizeof(greeting)) {
        (void)recv(fd, answer, sizeof(answer), MSG_WAITALL);
    }
}

/* Something that is no socket must not be taken over: nng would remove it, whatever it is. */
static bool is_foreign(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode);
}

/* True when a process listens on the socket file; removes the file when none does. */
static bool is_alive(const char *path)
{
    const struct timeval limit = {.tv_usec = PROBE_WAIT_MS * 1000};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    if (size >= (int)sizeof(address.sun_path)) {
        (void)close(fd);
        return false; /* nng says what is wrong with it */
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    bool connected = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    bool alive = connected || errno == EAGAIN; /* its queue of connections is full */
    if (connected) {
        greet(fd);
    } else if (errno == ECONNREFUSED) {
        (void)unlink(path);
    }
    (void)close(fd);
    return alive;
}

enum ordo_err ordo_nng_listen(uint32_t socket, const char *url, struct ordo_fail *fail)
{
    nng_socket s = {.id = socket};
    nng_listener listener;
    bool ipc = strncmp(url, ipc_scheme, sizeof(ipc_scheme) - 1) == 0;
    const char *path = ipc ? url + sizeof(ipc_scheme) - 1 : NULL;
    if (ipc && is_foreign(path)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "cannot listen on %s: there is a file of this name that is not a socket; choose "
            "another path",
            url);
    }
    if (ipc && is_alive(path)) {
        return in_use(url, fail);
    }
    int error = nng_listener_create(&listener, s, url);
    if (error == 0 && ipc) {
        error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, IPC_MODE);
    }
    if (error == 0) {
        error = nng_listener_start(listener, 0);
    }
    return error == 0 ? ORDO_OK : explain(url, error, fail);
}
