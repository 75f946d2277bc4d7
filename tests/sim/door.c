/* Two kinds of addresses: where requests come in (REP) and where the stream goes out (PUB). The
 * door delivers from the scheduler, as a network thread would, and takes replies from whatever
 * fiber has them.
 */
#include "door.h"

#include "host.h"
#include "net.h"

#include "base/assert.h"
#include "net/nng_pub.h"
#include "net/polled_door.h"

#include <string.h>

#define KIND_REP      0x31
#define KIND_PUB      0x20
#define GREETING      8
#define PREFIX        9 /* of ipc */
#define REQUEST_MAX   4096
#define PUB_QUEUE_MAX 65536

struct request {
    uint8_t *frame; /* NULL = the number is free */
    int conn;
    uint32_t generation;
    uint8_t id[4];
};

static struct {
    struct ordo_door_host host;
    struct request requests[REQUEST_MAX];
    uint32_t next;
    bool open;
    bool started;
    uint64_t sent;
    uint64_t failed;
} door;

struct door_counts door_counts;

void *__real_malloc(size_t size);
void __real_free(void *memory);

/* ---- framing ---- */

static void put_prefix(uint8_t out[PREFIX], uint64_t size)
{
    out[0] = 1;
    for (int i = 0; i < 8; i++) {
        out[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
}

static uint64_t read_size(const uint8_t *p)
{
    uint64_t size = 0;
    for (int i = 0; i < 8; i++) {
        size = size << 8 | p[1 + i];
    }
    return size;
}

static bool greet(int conn, struct net_peer *peer, const uint8_t *bytes)
{
    uint8_t own[GREETING] = {0, 'S', 'P', 0, 0, (uint8_t)peer->kind, 0, 0};
    uint8_t wanted = peer->kind == KIND_REP ? 0x30 : 0x21;
    peer->greeted = memcmp(bytes, own, 4) == 0 && bytes[5] == wanted;
    ORDO_ASSERT(peer->greeted);
    net_consume(conn, GREETING);
    net_answer(conn, own, sizeof(own));
    return true;
}

/* The number of a free request; UINT32_MAX: as many as may be are in flight. */
static uint32_t find_free(void)
{
    for (uint32_t i = 0; i < door.host.request_count; i++) {
        uint32_t at = (door.next + i) % door.host.request_count;
        if (door.requests[at].frame == NULL) {
            door.next = at + 1;
            return at;
        }
    }
    return UINT32_MAX;
}

static void deliver(int conn, const struct net_peer *peer, const uint8_t *bytes, size_t size)
{
    uint32_t number = find_free();
    if (number == UINT32_MAX) {
        net_cut(conn); /* the real door stops reading; whoever is cut comes again */
        return;
    }
    struct request *request = &door.requests[number];
    request->frame = __real_malloc(size - 4 + 1);
    ORDO_ASSERT(request->frame != NULL);
    memcpy(request->frame, bytes + 4, size - 4);
    memcpy(request->id, bytes, 4);
    request->conn = conn;
    request->generation = peer->generation;
    door_counts.requests++;
    struct ordo_bytes frame = {request->frame, (uint32_t)(size - 4)};
    door.host.deliver(door.host.self, number, (enum ordo_door_role)peer->role, frame);
}

/* One message, or nothing yet. */
static bool take_message(int conn, struct net_peer *peer)
{
    size_t size = 0;
    const uint8_t *bytes = net_bytes(conn, &size);
    if (!peer->greeted) {
        if (size < GREETING) {
            net_wait(conn);
            return false;
        }
        return greet(conn, peer, bytes);
    }
    if (size < PREFIX || size < PREFIX + read_size(bytes)) {
        net_wait(conn);
        return false;
    }
    size_t message = (size_t)read_size(bytes);
    ORDO_ASSERT(message >= 4 && message - 4 <= door.host.size_max);
    deliver(conn, peer, bytes + PREFIX, message);
    if (net_peer(conn) != NULL) {
        net_consume(conn, PREFIX + message);
    }
    return true;
}

void door_step(void)
{
    int conn = net_next_readable();
    struct net_peer *peer = conn < 0 ? NULL : net_peer(conn);
    if (peer == NULL || !door.started) {
        if (peer != NULL) {
            net_cut(conn);
        }
        return;
    }
    while (take_message(conn, peer)) {
        if (net_peer(conn) == NULL || host_chance(3)) {
            return; /* the others, too */
        }
    }
}

void door_kill(void)
{
    for (uint32_t i = 0; i < REQUEST_MAX; i++) {
        __real_free(door.requests[i].frame);
        door.requests[i].frame = NULL;
    }
    door.open = door.started = false;
}

/* ---- the port ---- */

static enum ordo_err
listen_on(void *self, enum ordo_door_role role, const char *url, struct ordo_fail *fail)
{
    (void)self;
    (void)fail;
    net_listen(url + strlen("ipc://"), KIND_REP, role);
    return ORDO_OK;
}

static void start(void *self)
{
    (void)self;
    door.started = true;
}

static void stop(void *self)
{
    (void)self;
    door.started = false;
}

static void reply(void *self, uint32_t number, struct ordo_bytes bytes)
{
    struct request *request = &door.requests[number];
    const struct net_peer *peer = net_peer(request->conn);
    uint8_t head[PREFIX + 4];
    (void)self;
    ORDO_ASSERT(request->frame != NULL);
    __real_free(request->frame);
    request->frame = NULL;
    if (peer == NULL || peer->generation != request->generation) {
        door.failed++;
        door_counts.lost_replies++;
        return;
    }
    put_prefix(head, bytes.size + 4);
    memcpy(head + PREFIX, request->id, 4);
    net_answer(request->conn, head, sizeof(head));
    net_answer(request->conn, bytes.data, bytes.size);
    door.sent++;
    door_counts.replies++;
}

static void stats(const void *self, struct ordo_door_stats *out)
{
    (void)self;
    *out = (struct ordo_door_stats){.sent = door.sent, .failed = door.failed};
}

static void close_door(void *self)
{
    (void)self;
    door_kill();
}

#define REAL(result, name, ...)                                                                    \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

REAL(
    enum ordo_err,
    ordo_polled_door_open,
    const struct ordo_door_host *host,
    const struct ordo_polled_config *config,
    struct ordo_door *out,
    struct ordo_fail *fail)
{
    (void)config;
    (void)fail;
    ORDO_ASSERT(!door.open && host->request_count <= REQUEST_MAX);
    door.host = *host;
    door.open = true;
    door.next = 0;
    *out = (struct ordo_door){
        .name = "simulated",
        .self = &door,
        .listen = listen_on,
        .start = start,
        .stop = stop,
        .reply = reply,
        .stats = stats,
        .close = close_door,
    };
    return ORDO_OK;
}

/* ---- the stream, in nng's place ---- */

static int nothing; /* what stands for a socket of nng */

REAL(
    enum ordo_err, ordo_nng_listeners_open, struct ordo_nng_listeners **out, struct ordo_fail *fail)
{
    (void)fail;
    *out = (struct ordo_nng_listeners *)&nothing;
    return ORDO_OK;
}

REAL(
    void,
    ordo_nng_listeners_use,
    struct ordo_nng_listeners *listeners,
    const struct ordo_tls_files *files)
{
    (void)listeners;
    (void)files;
}

REAL(void, ordo_nng_listeners_start, struct ordo_nng_listeners *listeners)
{
    (void)listeners;
}

REAL(void, ordo_nng_listeners_close, struct ordo_nng_listeners *listeners)
{
    (void)listeners;
}

REAL(
    enum ordo_err,
    ordo_nng_pub_open,
    struct ordo_nng_listeners *listeners,
    struct ordo_nng_pub **out,
    struct ordo_fail *fail)
{
    (void)listeners;
    (void)fail;
    *out = (struct ordo_nng_pub *)&nothing;
    return ORDO_OK;
}

REAL(
    enum ordo_err,
    ordo_nng_pub_listen,
    struct ordo_nng_pub *pub,
    const char *url,
    struct ordo_fail *fail)
{
    (void)pub;
    (void)fail;
    net_listen(url + strlen("ipc://"), KIND_PUB, ORDO_ROLE_SUBSCRIBER);
    return ORDO_OK;
}

REAL(void, ordo_nng_pub_close, struct ordo_nng_pub *pub)
{
    (void)pub;
}

REAL(bool, ordo_nng_pub_send, struct ordo_nng_pub *pub, struct ordo_bytes frame)
{
    uint8_t prefix[PREFIX];
    (void)pub;
    put_prefix(prefix, frame.size);
    for (int conn = 0; conn < NET_CONNS_MAX; conn++) {
        const struct net_peer *peer = net_peer(conn);
        if (peer == NULL || peer->kind != KIND_PUB || !peer->greeted) {
            continue;
        }
        if (host_chance(net_faults.pub_drop_of)) {
            net_counts.pub_drops++;
            continue;
        }
        net_answer(conn, prefix, sizeof(prefix));
        net_answer(conn, frame.data, frame.size);
    }
    return true;
}
