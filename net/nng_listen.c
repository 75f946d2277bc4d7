#include "net/nng_listen.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/address.h"
#include "net/inbox.h"
#include "net/ipc_file.h"
#include "ring/sequence.h"

#include <nng/nng.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A listener of nng 1.5.2 on ipc that meets a peer who connects and leaves before the greetings
 * takes the error of that connection for its own end (nng issue 1518, fixed after 1.5.2): it goes
 * on greeting, but gives no connection to its socket any more, so requests are sent to nobody. One
 * client that is killed at the wrong moment would close the door for good. So a thread connects to
 * the ipc addresses, twice a second, and looks whether the socket hears of it; after the third time
 * that it does not, the listener is closed and the address bound anew. That breaks the connections
 * of this address, and the clients come again with the same ids. It also brings back an address
 * whose file somebody has removed. On tcp the same peer gives another error, which nng survives.
 *
 * nng sets the mode of the file between bind and listen: there is no moment in which others could
 * connect.
 */

#define IPC_MODE      0600
#define PROBE_MS      500
#define PROBE_STEP_MS 10
#define PROBE_STEPS   25 /* a quarter of a second for nng to tell of a connection */
#define FAILURES_DEAD 3  /* in a row: a busy machine is no dead listener */

struct listener {
    char url[ORDO_URL_SIZE];
    uint32_t socket;
    enum ordo_door_role role;
    struct ordo_tls *tls;         /* NULL unless the address is one of tls+tcp */
    struct ordo_sequence id;      /* nng's number of the listener in force */
    struct ordo_counter attached; /* connections that the socket heard of */
    uint32_t failures;
};

struct ordo_nng_listeners {
    struct listener list[ORDO_LISTENERS_MAX];
    uint32_t count;
    struct ordo_tls_files files;
    int stop; /* an eventfd */
    struct ordo_thread thread;
};

static enum ordo_err explain(const char *url, int error, struct ordo_fail *fail)
{
    switch (error) {
    case NNG_EADDRINUSE:
        return ordo_address_in_use(url, fail);
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return ordo_address_wrong(url, fail);
    default:
        return ordo_address_refused(url, nng_strerror(error), fail);
    }
}

/* nng has attached a connection to a socket; on a thread of nng. */
static void on_attached(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct ordo_nng_listeners *listeners = context;
    int id = nng_listener_id(nng_pipe_listener(pipe));
    (void)event;
    for (uint32_t i = 0; i < ORDO_LISTENERS_MAX; i++) {
        struct listener *own = &listeners->list[i];
        if (id > 0 && ordo_sequence_get(&own->id) == (uint64_t)id) {
            ordo_counter_add(&own->attached, 1);
        }
    }
}

/* Binds; the error is nng's. */
static int bind_address(struct listener *own)
{
    nng_socket s = {.id = own->socket};
    nng_listener listener;
    int error = nng_listener_create(&listener, s, own->url);
    if (error != 0) {
        return error;
    }
    if (ordo_address_ipc_path(own->url) != NULL) {
        error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, IPC_MODE);
    }
    if (own->tls != NULL) {
        error = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, ordo_tls_config(own->tls));
    }
    ordo_sequence_set(&own->id, (uint64_t)nng_listener_id(listener));
    if (error == 0) {
        error = nng_listener_start(listener, 0);
    }
    if (error != 0) {
        (void)nng_listener_close(listener);
        ordo_sequence_set(&own->id, 0);
    }
    return error;
}

void ordo_nng_listeners_use(
    struct ordo_nng_listeners *listeners, const struct ordo_tls_files *files)
{
    ORDO_ASSERT(listeners->count == 0);
    listeners->files = *files;
}

enum ordo_err ordo_nng_listen(
    struct ordo_nng_listeners *listeners,
    uint32_t socket,
    enum ordo_door_role role,
    const char *url,
    struct ordo_fail *fail)
{
    ORDO_ASSERT(listeners->count < ORDO_LISTENERS_MAX);
    ORDO_ASSERT(!listeners->thread.started);
    if (strlen(url) >= ORDO_URL_SIZE) {
        return ordo_address_wrong(url, fail);
    }
    enum ordo_err err = ordo_address_claim(url, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct listener *own = &listeners->list[listeners->count];
    (void)snprintf(own->url, sizeof(own->url), "%s", url);
    own->socket = socket;
    own->role = role;
    if (ordo_tls_is_wanted(url)) {
        err = ordo_tls_open(&listeners->files, role, url, &own->tls, fail);
    }
    if (err != ORDO_OK) {
        return err;
    }
    nng_socket s = {.id = socket};
    int error = nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, on_attached, listeners);
    if (error == 0) {
        error = bind_address(own);
    }
    if (error != 0) {
        ordo_tls_close(own->tls);
        own->tls = NULL;
        return explain(url, error, fail);
    }
    listeners->count++;
    return ORDO_OK;
}

bool ordo_nng_listener_role(
    const struct ordo_nng_listeners *listeners, int id, enum ordo_door_role *role)
{
    for (uint32_t i = 0; i < ORDO_LISTENERS_MAX; i++) {
        if (id > 0 && ordo_sequence_get(&listeners->list[i].id) == (uint64_t)id) {
            *role = listeners->list[i].role;
            return true;
        }
    }
    return false;
}

/* Whether a connection to the address reaches its socket. */
static bool is_accepting(struct listener *own)
{
    nng_socket s = {.id = own->socket};
    uint64_t before = ordo_counter_get(&own->attached);
    int protocol;
    if (nng_socket_get_int(s, NNG_OPT_PEER, &protocol) != 0) {
        return true; /* the socket is being closed */
    }
    int fd = ordo_ipc_greet(ordo_address_ipc_path(own->url), (uint16_t)protocol);
    if (fd < 0) {
        return false;
    }
    for (int i = 0; i < PROBE_STEPS && ordo_counter_get(&own->attached) == before; i++) {
        (void)poll(NULL, 0, PROBE_STEP_MS);
    }
    (void)close(fd);
    return ordo_counter_get(&own->attached) != before;
}

static void revive(struct listener *own)
{
    nng_listener dead = {.id = (uint32_t)ordo_sequence_get(&own->id)};
    if (dead.id != 0) {
        (void)nng_listener_close(dead);
    }
    (void)unlink(ordo_address_ipc_path(own->url));
    int error = bind_address(own);
    ORDO_LOG_WARN(
        "listener_revived url=%s result=\"%s\"",
        own->url,
        error == 0 ? "bound again" : nng_strerror(error));
}

static void look_after(void *context)
{
    struct ordo_nng_listeners *listeners = context;
    struct pollfd stop = {.fd = listeners->stop, .events = POLLIN};
    while (poll(&stop, 1, PROBE_MS) <= 0) {
        for (uint32_t i = 0; i < listeners->count; i++) {
            struct listener *own = &listeners->list[i];
            bool good = ordo_address_ipc_path(own->url) == NULL || is_accepting(own);
            own->failures = good ? 0 : own->failures + 1;
            if (own->failures == FAILURES_DEAD) {
                own->failures = 0;
                revive(own);
            }
        }
    }
}

enum ordo_err ordo_nng_listeners_open(struct ordo_nng_listeners **out, struct ordo_fail *fail)
{
    struct ordo_nng_listeners *listeners =
        aligned_alloc(_Alignof(struct ordo_nng_listeners), sizeof(struct ordo_nng_listeners));
    if (listeners == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for the listeners");
    }
    memset(listeners, 0, sizeof(*listeners));
    listeners->stop = eventfd(0, EFD_CLOEXEC);
    if (listeners->stop < 0) {
        free(listeners);
        return ordo_fail_set(fail, ORDO_ERR_UNAVAILABLE, "no descriptor for the listeners");
    }
    *out = listeners;
    return ORDO_OK;
}

void ordo_nng_listeners_start(struct ordo_nng_listeners *listeners)
{
    enum ordo_err err =
        ordo_thread_start(&listeners->thread, "ordo-listen", ORDO_CPU_ANY, look_after, listeners);
    if (err != ORDO_OK) {
        ORDO_LOG_WARN("listeners_unwatched reason=\"%s\"", ordo_err_text(err));
    }
}

void ordo_nng_listeners_close(struct ordo_nng_listeners *listeners)
{
    uint64_t one = 1;
    if (listeners->thread.started) {
        ssize_t written = write(listeners->stop, &one, sizeof(one));
        ORDO_ASSERT(written == (ssize_t)sizeof(one));
        ordo_thread_join(&listeners->thread);
    }
    for (uint32_t i = 0; i < listeners->count; i++) {
        ordo_tls_close(listeners->list[i].tls);
    }
    (void)close(listeners->stop);
    free(listeners);
}
