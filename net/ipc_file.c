#include "net/ipc_file.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether a socket's file belongs to a living server is found out here and not left to nng: 1.5.2
 * looks by connecting and closing at once, which silences a listener of 1.5.2 (nng_listen.c), so
 * starting a second server by mistake would silence the first. These probes are well-behaved peers:
 * they send a whole greeting, wait for the other one, and only then leave.
 */

#define PROBE_WAIT_US 500000
#define PROTOCOL_REQ  0x30

bool ordo_ipc_is_foreign(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode);
}

/* A connection to the path, or -1 with errno. */
static int open_connection(const char *path)
{
    const struct timeval limit = {.tv_usec = PROBE_WAIT_US};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* True when a whole greeting came back; whose it is does not matter. */
static bool greet(int fd, uint16_t protocol)
{
    const uint8_t greeting[8] = {0, 'S', 'P', 0, (uint8_t)(protocol >> 8), (uint8_t)protocol, 0, 0};
    uint8_t answer[8];
    return send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) == (ssize_t)sizeof(greeting) &&
           recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer);
}

bool ordo_ipc_is_alive(const char *path)
{
    int fd = open_connection(path);
    if (fd >= 0) {
        (void)greet(fd, PROTOCOL_REQ); /* a publisher refuses it, which is a proper end as well */
        (void)close(fd);
        return true;
    }
    if (errno == ECONNREFUSED) {
        (void)unlink(path);
    }
    return errno == EAGAIN; /* its queue of connections is full */
}

int ordo_ipc_greet(const char *path, uint16_t protocol)
{
    int fd = open_connection(path);
    if (fd >= 0 && !greet(fd, protocol)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}
