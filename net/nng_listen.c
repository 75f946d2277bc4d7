#include "net/nng_listen.h"

#include <nng/nng.h>
#include <string.h>

/* nng itself looks whether anybody answers on the file of an ipc socket, and removes the file when
 * nobody does; a test holds it to that. It sets the mode between bind and listen, so there is no
 * moment in which others could connect.
 */

#define IPC_MODE 0600

static enum ordo_err explain(const char *url, int error, struct ordo_fail *fail)
{
    switch (error) {
    case NNG_EADDRINUSE:
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "cannot listen on %s: the address is in use by another process; stop it or choose "
            "another address",
            url);
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

enum ordo_err ordo_nng_listen(uint32_t socket, const char *url, struct ordo_fail *fail)
{
    nng_socket s = {.id = socket};
    nng_listener listener;
    int error = nng_listener_create(&listener, s, url);
    if (error == 0 && strncmp(url, "ipc://", 6) == 0) {
        error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, IPC_MODE);
    }
    if (error == 0) {
        error = nng_listener_start(listener, 0);
    }
    return error == 0 ? ORDO_OK : explain(url, error, fail);
}
