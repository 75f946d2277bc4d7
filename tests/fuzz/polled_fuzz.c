/* The framing of the polled door: what any program that can connect may send, cut anywhere, by
 * several peers at once, with few request numbers and little memory. A second reader of a few lines
 * (struct told) says which frames must come out, and with which bytes: no other, none twice, none
 * left out when the door has had its time.
 *
 * An input is a script. Its first byte has the transport's framing of the peers; then steps: a byte
 * with the peer (low three bits) and what it does, and the argument of that.
 */
#include "fuzz.h"
#include "net/polled.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS         8
#define NUMBERS       3 /* requests in flight: fewer than peers */
#define SIZE_MAX_HERE 100000u
#define SENT_MAX      (1u << 19) /* bytes of a peer in one run */
#define CYCLES_MAX    20000
#define STEPS_MAX     200

enum step_kind { SEND_RAW, SEND_GREETING, SEND_FRAME, SEND_LARGE, WORK, REPLY, SHUT, CONNECT };

/* One connection as the client knows it. */
struct told {
    int fd; /* -1: not connected */
    bool is_ipc;
    uint32_t slot; /* of the door's peer, by its generation */
    struct ordo_peer *peer;
    uint8_t *sent;
    uint32_t size;
    uint32_t at; /* behind the last frame that the door delivered */
    uint32_t due;
};

static struct {
    struct ordo_door door;
    struct ordo_polled_door *inside;
    struct told told[PEERS];
    struct ordo_bytes frames[NUMBERS];
    bool held[NUMBERS];
    uint64_t failed; /* replies, before this run */
} rig;

/* ---- the second reader ---- */

/* The next frame behind `at` that must be delivered: its place; false: none is whole, or the
 * connection is to be broken off there. */
static bool next_frame(struct told *told, uint32_t *at, struct ordo_bytes *frame)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    const uint32_t head = told->is_ipc ? 9 : 8;
    if (*at == 0) {
        if (told->size < 8 || memcmp(told->sent, greeting, 8) != 0) {
            return false;
        }
        *at = 8;
    }
    while (told->size - *at >= head) {
        const uint8_t *p = told->sent + *at;
        uint64_t size = 0;
        for (uint32_t i = head - 8; i < head; i++) {
            size = size << 8 | p[i];
        }
        if ((told->is_ipc && p[0] != 1) || size < 4 || size > SIZE_MAX_HERE) {
            return false;
        }
        if (told->size - *at - head < size) {
            return false;
        }
        uint32_t stack = 0;
        bool ended = false;
        for (uint32_t hop = 0; hop < 9 && stack + 4 <= size && !ended; hop++) {
            ended = (p[head + stack] & 0x80) != 0;
            stack += 4;
        }
        if (!ended && stack < 36) {
            return false; /* no id */
        }
        *at += head + (uint32_t)size;
        if (ended) {
            *frame = (struct ordo_bytes){p + head + stack, (uint32_t)size - stack};
            return true;
        }
    }
    return false;
}

static void
on_deliver(void *self, uint32_t number, enum ordo_door_role role, struct ordo_bytes frame)
{
    (void)self;
    (void)role;
    FUZZ_CHECK(number < NUMBERS && !rig.held[number]);
    const struct ordo_polled_request *request = &rig.inside->requests[number];
    rig.held[number] = true;
    rig.frames[number] = frame;
    for (uint32_t i = 0; i < PEERS; i++) {
        struct told *told = &rig.told[i];
        if (told->peer == request->peer && told->slot == request->generation) {
            struct ordo_bytes wanted;
            FUZZ_CHECK(next_frame(told, &told->at, &wanted));
            FUZZ_CHECK(wanted.size == frame.size);
            FUZZ_CHECK(memcmp(wanted.data, frame.data, frame.size) == 0);
            return;
        }
    }
}

/* ---- the steps ---- */

static void work(uint32_t cycles)
{
    for (uint32_t i = 0; i < cycles; i++) {
        (void)rig.door.work(rig.door.self);
    }
}

static void reply_to_all(void)
{
    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (rig.held[i]) {
            rig.held[i] = false;
            rig.door.reply(rig.door.self, i, rig.frames[i]);
        }
    }
}

static void disconnect(struct told *told)
{
    if (told->fd >= 0) {
        (void)close(told->fd);
    }
    told->fd = -1;
    told->peer = NULL;
}

static void connect_peer(struct told *told, bool is_ipc)
{
    int ends[2];
    disconnect(told);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    struct ordo_polled_listener *listener = &rig.inside->listeners[is_ipc ? 0 : 1];
    struct ordo_peer *peer = listener->free;
    told->fd = ends[0];
    told->is_ipc = is_ipc;
    told->peer = peer;
    told->slot = peer != NULL ? peer->generation : 0;
    told->size = 0;
    told->at = 0;
    ordo_peer_open(listener, ends[1]);
}

static void drain(const struct told *told)
{
    uint8_t bytes[4096];
    while (recv(told->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
}

/* All of it, with the door working meanwhile when the socket is full. What a broken connection
 * does not take was not told. */
static void send_bytes(struct told *told, const uint8_t *bytes, uint32_t size)
{
    uint32_t tries = 0;
    while (told->fd >= 0 && size > 0 && told->size + size <= SENT_MAX && tries++ < 1000) {
        ssize_t done = send(told->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN) {
            return;
        }
        if (done < 0) {
            reply_to_all();
            drain(told);
            work(4);
            continue;
        }
        memcpy(told->sent + told->size, bytes, (size_t)done);
        told->size += (uint32_t)done;
        bytes += done;
        size -= (uint32_t)done;
    }
}

/* In two pieces, with the door working between: cut is counted from the end. */
static void send_frame(struct told *told, uint32_t size, uint8_t hops, uint32_t cut)
{
    static uint8_t frame[SIZE_MAX_HERE + 64];
    uint32_t at = told->is_ipc ? 1 : 0;
    frame[0] = 1;
    for (int shift = 56; shift >= 0; shift -= 8) {
        frame[at++] = (uint8_t)((uint64_t)size >> shift);
    }
    memset(frame + at, (int)(size & 0x7f), size);
    if (4u * hops < size) {
        frame[at + 4u * hops] = 0x80;
    }
    uint32_t first = at + size - cut % (at + size);
    send_bytes(told, frame, first);
    if (first < at + size) {
        work(3);
        send_bytes(told, frame + first, at + size - first);
    }
}

static uint32_t take(const uint8_t **data, size_t *size, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i<count && * size> 0; i++) {
        value = value << 8 | **data;
        (*data)++;
        (*size)--;
    }
    return value;
}

static void step(const uint8_t **data, size_t *size)
{
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    uint32_t what = take(data, size, 1);
    struct told *told = &rig.told[what % PEERS];
    switch ((enum step_kind)(what / PEERS % 8)) {
    case SEND_RAW: {
        uint32_t count = take(data, size, 1);
        count = count < *size ? count : (uint32_t)*size;
        send_bytes(told, *data, count);
        *data += count;
        *size -= count;
        break;
    }
    case SEND_GREETING:
        send_bytes(told, greeting, sizeof(greeting));
        break;
    case SEND_FRAME: {
        uint32_t bytes = take(data, size, 1);
        send_frame(told, bytes, (uint8_t)(what / 64 * 4), take(data, size, 1));
        break;
    }
    case SEND_LARGE:
        send_frame(told, take(data, size, 2) % SIZE_MAX_HERE, (uint8_t)(what / 64), what);
        break;
    case WORK:
        work(1 + what / 64);
        break;
    case REPLY:
        reply_to_all();
        break;
    case SHUT:
        if (told->fd >= 0) {
            (void)shutdown(told->fd, SHUT_WR);
        }
        break;
    case CONNECT:
        connect_peer(told, what / 64 % 2 == 0);
        break;
    }
}

/* The door may break a connection off in mid-life for one reason that is not in its bytes: replies
 * that found no memory, because their reader is slow. It counts those. */
static bool is_alive(const struct told *told)
{
    if (told->fd < 0 || told->peer == NULL) {
        return false;
    }
    if (told->peer->generation == told->slot && !told->peer->closing) {
        return true;
    }
    struct ordo_door_stats stats;
    rig.door.stats(rig.door.self, &stats);
    FUZZ_CHECK(stats.failed > rig.failed);
    return false;
}

/* With replies given and read, whatever is whole comes out; then the slots are free again. */
static void finish(void)
{
    for (uint32_t cycle = 0;; cycle++) {
        bool due = false;
        for (uint32_t i = 0; i < PEERS; i++) {
            struct told *told = &rig.told[i];
            struct ordo_bytes frame;
            uint32_t at = told->at;
            due |= next_frame(told, &at, &frame) && is_alive(told);
            if (told->fd >= 0) {
                drain(told);
            }
        }
        if (!due) {
            break;
        }
        FUZZ_CHECK(cycle < CYCLES_MAX); /* a whole frame does not come out */
        reply_to_all();
        work(1);
    }
    for (uint32_t i = 0; i < PEERS; i++) {
        disconnect(&rig.told[i]);
    }
    uint32_t cycle = 0;
    while (rig.inside->outstanding != 0 || rig.inside->unsent != 0 || rig.inside->partial != 0 ||
           ordo_uring_in_flight(rig.inside->ring) != 0) {
        FUZZ_CHECK(cycle++ < CYCLES_MAX); /* something of a closed connection stays */
        reply_to_all();
        work(1);
    }
    FUZZ_CHECK(rig.inside->free_count == NUMBERS);
}

static void listen_on(const char *name)
{
    char url[64];
    struct ordo_fail fail;
    (void)snprintf(url, sizeof(url), "ipc:///tmp/ordo-fuzz-%d-%s.ipc", (int)getpid(), name);
    FUZZ_CHECK(rig.door.listen(rig.door.self, ORDO_ROLE_ALL, url, &fail) == ORDO_OK);
}

static void close_rig(void)
{
    rig.door.close(rig.door.self);
    for (uint32_t i = 0; i < PEERS; i++) {
        free(rig.told[i].sent);
    }
}

static void open_rig(void)
{
    const struct ordo_door_host host = {
        .deliver = on_deliver, .request_count = NUMBERS, .size_max = SIZE_MAX_HERE};
    const struct ordo_polled_config config = {
        .connections_max = PEERS, .receive_mib = 1, .send_mib = 1};
    struct ordo_fail fail;
    if (ordo_polled_door_open(&host, &config, &rig.door, &fail) != ORDO_OK) {
        fprintf(stderr, "SKIP polled: %s\n", fail.text);
        _exit(0);
    }
    rig.inside = rig.door.self;
    listen_on("a");
    listen_on("b");
    rig.inside->listeners[1].is_ipc = false; /* framed as over tcp */
    for (uint32_t i = 0; i < PEERS; i++) {
        rig.told[i].fd = -1;
        rig.told[i].sent = malloc(SENT_MAX);
        FUZZ_CHECK(rig.told[i].sent != NULL);
    }
    (void)atexit(close_rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (rig.inside == NULL) {
        open_rig();
    }
    struct ordo_door_stats stats;
    rig.door.stats(rig.door.self, &stats);
    rig.failed = stats.failed;
    uint32_t framing = take(&data, &size, 1);
    for (uint32_t i = 0; i < PEERS; i++) {
        connect_peer(&rig.told[i], (framing >> i & 1) != 0);
    }
    for (uint32_t i = 0; i < STEPS_MAX && size > 0; i++) {
        step(&data, &size);
    }
    finish();
    return 0;
}
