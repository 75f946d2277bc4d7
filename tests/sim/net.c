#include "net.h"

#include "host.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A connection is two pipes; a pipe is bytes and the moments at which they will have come. What
 * was written into a silent connection is forgotten: its sender learns of it by a time limit only.
 */

#define PIECES_MAX    128
#define LISTENERS_MAX 4
#define PATH_MAX_     108
#define QUEUE_MAX     (8u << 20)
#define SLOW_FACTOR   1000

struct pipe {
    uint8_t *bytes; /* kept from one connection to the next */
    size_t room;
    size_t begin;
    size_t end;
    struct {
        size_t end;
        uint64_t at_ns;
    } pieces[PIECES_MAX];
    uint32_t first;
    uint32_t count;
};

struct conn {
    bool used; /* by the client */
    bool open; /* the server's end is */
    bool silent;
    struct net_peer peer;
    struct pipe in; /* to the server */
    struct pipe out;
};

struct listener {
    char path[PATH_MAX_];
    uint32_t kind;
    uint32_t role;
};

static struct {
    struct conn conns[NET_CONNS_MAX];
    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    uint32_t generation;
} net;

struct net_faults net_faults;
struct net_counts net_counts;

void *__real_realloc(void *memory, size_t size);

/* ---- pipes ---- */

static void pipe_clear(struct pipe *p)
{
    p->begin = p->end = 0;
    p->first = p->count = 0;
}

static void pipe_push(struct pipe *p, const void *bytes, size_t size)
{
    if (p->begin == p->end) {
        pipe_clear(p);
    }
    ORDO_ASSERT(p->end + size < QUEUE_MAX);
    if (p->end + size > p->room) { /* not the node's memory, whoever calls */
        p->room = (p->end + size) * 2;
        p->bytes = __real_realloc(p->bytes, p->room);
        ORDO_ASSERT(p->bytes != NULL);
    }
    memcpy(p->bytes + p->end, bytes, size);
    p->end += size;
    uint64_t delay_us = 5 + sim_random(&host_random, net_faults.delay_us + 1);
    if (host_chance(net_faults.slow_of)) {
        delay_us *= SLOW_FACTOR;
        net_counts.slow++;
    }
    uint64_t at = host_clock.now_ns + delay_us * ORDO_NS_PER_US;
    if (p->count != 0) {
        uint32_t last = (p->first + p->count - 1) % PIECES_MAX;
        at = at > p->pieces[last].at_ns ? at : p->pieces[last].at_ns;
        if (p->count == PIECES_MAX) {
            p->pieces[last].end = p->end;
            p->pieces[last].at_ns = at;
            return;
        }
    }
    uint32_t next = (p->first + p->count++) % PIECES_MAX;
    p->pieces[next].end = p->end;
    p->pieces[next].at_ns = at;
}

static size_t pipe_ready(const struct pipe *p)
{
    size_t end = p->begin;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t at = (p->first + i) % PIECES_MAX;
        if (p->pieces[at].at_ns > host_clock.now_ns) {
            break;
        }
        end = p->pieces[at].end;
    }
    return end - p->begin;
}

static void pipe_consume(struct pipe *p, size_t size)
{
    p->begin += size;
    while (p->count != 0 && p->pieces[p->first].end <= p->begin) {
        p->first = (p->first + 1) % PIECES_MAX;
        p->count--;
    }
}

static uint64_t pipe_due(const struct pipe *p)
{
    return p->count == 0 ? UINT64_MAX : p->pieces[p->first].at_ns;
}

/* ---- the node's side ---- */

void net_begin(void)
{
    for (uint32_t i = 0; i < NET_CONNS_MAX; i++) {
        net.conns[i].used = net.conns[i].open = false;
    }
    net.listener_count = 0;
}

void net_server_gone(bool silently)
{
    for (uint32_t i = 0; i < NET_CONNS_MAX; i++) {
        struct conn *c = &net.conns[i];
        c->silent = silently && c->open;
        c->open = false;
    }
    net.listener_count = 0;
}

void net_listen(const char *path, uint32_t kind, uint32_t role)
{
    ORDO_ASSERT(net.listener_count < LISTENERS_MAX);
    struct listener *listener = &net.listeners[net.listener_count++];
    (void)snprintf(listener->path, sizeof(listener->path), "%s", path);
    listener->kind = kind;
    listener->role = role;
}

uint64_t net_server_due_ns(void)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < NET_CONNS_MAX; i++) {
        const struct conn *c = &net.conns[i];
        uint64_t own = c->open ? pipe_due(&c->in) : UINT64_MAX;
        due = own < due ? own : due;
    }
    return due;
}

int net_next_readable(void)
{
    uint32_t from = sim_random(&host_random, NET_CONNS_MAX);
    for (uint32_t i = 0; i < NET_CONNS_MAX; i++) {
        uint32_t at = (from + i) % NET_CONNS_MAX;
        if (net.conns[at].open && pipe_due(&net.conns[at].in) <= host_clock.now_ns) {
            return (int)at;
        }
    }
    return -1;
}

struct net_peer *net_peer(int conn)
{
    return net.conns[conn].open ? &net.conns[conn].peer : NULL;
}

const uint8_t *net_bytes(int conn, size_t *size)
{
    const struct pipe *p = &net.conns[conn].in;
    *size = pipe_ready(p);
    return p->bytes + p->begin;
}

void net_consume(int conn, size_t size)
{
    pipe_consume(&net.conns[conn].in, size);
}

void net_wait(int conn)
{
    struct pipe *p = &net.conns[conn].in;
    while (p->count != 0 && p->pieces[p->first].at_ns <= host_clock.now_ns) {
        p->first = (p->first + 1) % PIECES_MAX;
        p->count--;
    }
}

void net_answer(int conn, const void *bytes, size_t size)
{
    struct conn *c = &net.conns[conn];
    if (c->open && !c->silent) {
        pipe_push(&c->out, bytes, size);
    }
}

void net_cut(int conn)
{
    net.conns[conn].open = false;
    net_counts.cuts++;
}

/* ---- the client's calls ---- */

#define REAL(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

static struct conn *conn_of(int fd)
{
    ORDO_ASSERT(fd >= NET_FD && fd < NET_FD + NET_CONNS_MAX);
    return &net.conns[fd - NET_FD];
}

bool net_close(int fd)
{
    if (fd < NET_FD || fd >= NET_FD + NET_CONNS_MAX) {
        return false;
    }
    conn_of(fd)->used = conn_of(fd)->open = false;
    return true;
}

uint64_t net_client_due_ns(int fd)
{
    if (fd < NET_FD) {
        return UINT64_MAX;
    }
    const struct conn *c = conn_of(fd);
    return !c->open && !c->silent && c->out.count == 0 ? host_clock.now_ns : pipe_due(&c->out);
}

REAL(int, socket, int domain, int type, int protocol)
{
    (void)domain;
    (void)type;
    (void)protocol;
    for (int i = 0; i < NET_CONNS_MAX; i++) {
        struct conn *c = &net.conns[i];
        if (!c->used) {
            c->used = true;
            c->open = c->silent = false;
            pipe_clear(&c->in);
            pipe_clear(&c->out);
            return NET_FD + i;
        }
    }
    errno = EMFILE;
    return -1;
}

REAL(int, connect, int fd, const struct sockaddr *address, socklen_t size)
{
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    struct conn *c = conn_of(fd);
    (void)size;
    for (uint32_t i = 0; i < net.listener_count; i++) {
        const struct listener *listener = &net.listeners[i];
        if (strcmp(listener->path, path) == 0 && !host_chance(net_faults.refuse_of)) {
            c->peer = (struct net_peer){
                .kind = listener->kind, .role = listener->role, .generation = ++net.generation};
            c->open = true;
            net_counts.connects++;
            return 0;
        }
    }
    net_counts.refused++;
    errno = ECONNREFUSED;
    return -1;
}

static ssize_t push(int fd, const struct iovec *parts, size_t count)
{
    struct conn *c = conn_of(fd);
    ssize_t sum = 0;
    if (c->open && host_chance(net_faults.cut_of)) {
        net_cut(fd - NET_FD);
    }
    if (!c->open && !c->silent) {
        errno = EPIPE;
        return -1;
    }
    if (c->open && host_chance(net_faults.silent_of)) {
        c->silent = true;
        net_counts.silences++;
    }
    for (size_t i = 0; i < count; i++) {
        if (!c->silent) {
            pipe_push(&c->in, parts[i].iov_base, parts[i].iov_len);
        }
        sum += (ssize_t)parts[i].iov_len;
    }
    return sum;
}

REAL(ssize_t, send, int fd, const void *bytes, size_t size, int flags)
{
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    (void)flags;
    return push(fd, &part, 1);
}

REAL(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
    (void)flags;
    return push(fd, message->msg_iov, message->msg_iovlen);
}

static ssize_t take(int fd, void *out, size_t size)
{
    struct conn *c = conn_of(fd);
    size_t ready = pipe_ready(&c->out);
    if (ready != 0) {
        size = ready < size ? ready : size;
        memcpy(out, c->out.bytes + c->out.begin, size);
        pipe_consume(&c->out, size);
        return (ssize_t)size;
    }
    if (!c->open && !c->silent && c->out.count == 0) {
        return 0;
    }
    errno = EAGAIN;
    return -1;
}

REAL(ssize_t, recv, int fd, void *out, size_t size, int flags)
{
    (void)flags;
    return take(fd, out, size);
}

REAL(ssize_t, __recv_chk, int fd, void *out, size_t size, size_t room, int flags)
{
    (void)flags;
    (void)room;
    return take(fd, out, size);
}

/* Nobody waits in here: the scheduler knows when there will be something. */
REAL(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int ready = 0;
    (void)timeout_ms;
    for (nfds_t i = 0; i < count; i++) {
        bool known = fds[i].fd >= NET_FD;
        short in = known && net_client_due_ns(fds[i].fd) <= host_clock.now_ns ? POLLIN : 0;
        fds[i].revents = (short)(known ? fds[i].events & (in | POLLOUT) : 0);
        ready += fds[i].revents != 0 ? 1 : 0;
    }
    return ready;
}

REAL(int, __poll_chk, struct pollfd *fds, nfds_t count, int timeout_ms, size_t room)
{
    (void)room;
    return __wrap_poll(fds, count, timeout_ms);
}

REAL(int, getsockopt, int fd, int level, int name, void *value, socklen_t *size)
{
    (void)fd;
    (void)level;
    (void)name;
    memset(value, 0, *size);
    return 0;
}
