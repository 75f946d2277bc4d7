#include "net/polled.h"

#include "base/assert.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Listening sockets. The kernel completes connections from listen() on; they wait in its queue
 * until the door starts. When descriptors run short the connections wait there as well, and the
 * door looks again a little later.
 *
 * Somebody may remove the file of an ipc socket, an over-eager clean-up for one: twice a second the
 * door looks, and binds the address anew. That is a few system calls on the engine's thread, in a
 * case that has stopped all new clients. */

#define BACKLOG  1024
#define AGAIN_NS (100 * ORDO_NS_PER_MS)

static void on_accept(void *self, int32_t result, uint32_t flags)
{
    struct ordo_polled_listener *listener = self;
    struct ordo_polled_door *door = listener->door;
    listener->armed = (flags & ORDO_URING_MORE) != 0;
    if (result >= 0) {
        int one = 1;
        if (!listener->is_ipc) {
            (void)setsockopt(result, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            (void)setsockopt(result, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        }
        ordo_peer_open(listener, result);
    } else if (result == -EINVAL && !listener->once) {
        listener->once = true;
    } else if (result != -ECONNABORTED && result != -EINTR && result != -ECANCELED) {
        ORDO_LOG_WARN(
            "accept_failed url=%s reason=\"%s\"", listener->url, strerrordesc_np(-result));
        listener->again_ns = door->now_ns + AGAIN_NS;
        ordo_peer_limit(door);
    }
}

void ordo_polled_accept(struct ordo_polled_door *door)
{
    for (uint32_t i = 0; i < door->listener_count; i++) {
        struct ordo_polled_listener *listener = &door->listeners[i];
        if (!listener->armed && door->now_ns >= listener->again_ns) {
            listener->armed =
                ordo_uring_accept(door->ring, listener->fd, listener->once, &listener->accept);
        }
    }
}

void ordo_polled_refuse(struct ordo_polled_door *door)
{
    for (uint32_t i = 0; i < door->listener_count; i++) {
        struct ordo_polled_listener *listener = &door->listeners[i];
        if (listener->armed && !ordo_uring_cancel(door->ring, &listener->accept)) {
            (void)shutdown(listener->fd, SHUT_RDWR); /* ends it as well */
        }
    }
}

/* The connections of the old socket live on; only its file is gone, so nobody can come to it. */
static void bind_again(struct ordo_polled_listener *listener)
{
    struct ordo_fail fail = {0};
    int fd = -1;
    enum ordo_err err = ordo_address_listen(listener->url, BACKLOG, &fd, &fail);
    if (err == ORDO_OK) {
        int moved = dup3(fd, listener->fd, O_CLOEXEC);
        ORDO_ASSERT(moved == listener->fd);
        (void)close(fd);
        if (listener->armed) {
            (void)ordo_uring_cancel(listener->door->ring, &listener->accept);
        }
    }
    ORDO_LOG_WARN(
        "listener_revived url=%s result=\"%s\"",
        listener->url,
        err == ORDO_OK ? "bound again" : fail.text);
}

void ordo_polled_look_after_files(struct ordo_polled_door *door)
{
    for (uint32_t i = 0; i < door->listener_count; i++) {
        struct ordo_polled_listener *listener = &door->listeners[i];
        const char *path = ordo_address_ipc_path(listener->url);
        struct stat status;
        if (path != NULL && lstat(path, &status) != 0 && errno == ENOENT) {
            bind_again(listener);
        }
    }
}

static enum ordo_err
make_peers(struct ordo_polled_door *door, struct ordo_polled_listener *listener)
{
    uint32_t count = door->config.connections_max;
    void *peers;
    void *buffers;
    enum ordo_err err =
        ordo_arena_alloc(&door->arena, "connections", count, sizeof(struct ordo_peer), &peers);
    if (err == ORDO_OK) {
        err = ordo_arena_alloc(&door->arena, "receive buffers", count, ORDO_PEER_BUFFER, &buffers);
    }
    if (err != ORDO_OK) {
        return err;
    }
    /* A page of a buffer is the system's until bytes have come for it; a huge page is many. */
    (void)madvise(buffers, (size_t)count * ORDO_PEER_BUFFER, MADV_NOHUGEPAGE);
    listener->peers = peers;
    for (uint32_t i = count; i > 0; i--) {
        struct ordo_peer *peer = &listener->peers[i - 1];
        peer->listener = listener;
        peer->fd = -1;
        peer->buffer = (uint8_t *)buffers + (size_t)(i - 1) * ORDO_PEER_BUFFER;
        peer->next = listener->free;
        listener->free = peer;
    }
    return ORDO_OK;
}

enum ordo_err
ordo_polled_listen(void *self, enum ordo_door_role role, const char *url, struct ordo_fail *fail)
{
    struct ordo_polled_door *door = self;
    ORDO_ASSERT(door->listener_count < ORDO_POLLED_URLS);
    ORDO_ASSERT(role < ORDO_ROLE_COUNT);
    struct ordo_polled_listener *listener = &door->listeners[door->listener_count];
    enum ordo_err err = ordo_address_claim(url, fail);
    if (err != ORDO_OK) {
        return err;
    }
    *listener = (struct ordo_polled_listener){
        .door = door,
        .accept = {on_accept, listener},
        .role = role,
        .is_ipc = ordo_address_ipc_path(url) != NULL,
    };
    (void)snprintf(listener->url, sizeof(listener->url), "%s", url);
    err = make_peers(door, listener);
    if (err != ORDO_OK) {
        return ordo_fail_set(
            fail, err, "no memory for %u connections to %s", door->config.connections_max, url);
    }
    err = ordo_address_listen(url, BACKLOG, &listener->fd, fail);
    door->listener_count += err == ORDO_OK;
    return err;
}

void ordo_polled_listeners_close(struct ordo_polled_door *door)
{
    for (uint32_t i = 0; i < door->listener_count; i++) {
        struct ordo_polled_listener *listener = &door->listeners[i];
        const char *path = ordo_address_ipc_path(listener->url);
        (void)close(listener->fd);
        if (path != NULL) {
            (void)unlink(path);
        }
    }
}
