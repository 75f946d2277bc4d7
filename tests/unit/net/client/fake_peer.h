/* fake_peer.h - a server of a test: a unix socket, SP framing by hand, every byte under control.
 * Its calls block; it runs on a thread of its own or is driven between two polls of the client.
 */
#ifndef ORDO_TESTS_FAKE_PEER_H
#define ORDO_TESTS_FAKE_PEER_H

#include "base/assert.h"
#include "net/frame.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FAKE_WAIT_MS 10000

struct fake_peer {
    char folder[64];
    char path[96];
    char url[128];
    int listener;
    int fd;
};

static inline void fake_listen(struct fake_peer *peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    unlink(peer->path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);
    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ORDO_ASSERT(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    ORDO_ASSERT(listen(peer->listener, 16) == 0);
}

static inline void fake_open(struct fake_peer *peer)
{
    memset(peer, 0, sizeof(*peer));
    strcpy(peer->folder, "/tmp/ordo-peer-XXXXXX");
    ORDO_ASSERT(mkdtemp(peer->folder) != NULL);
    snprintf(peer->path, sizeof(peer->path), "%s/sock", peer->folder);
    snprintf(peer->url, sizeof(peer->url), "ipc://%s", peer->path);
    peer->fd = -1;
    fake_listen(peer);
}

static inline void fake_hang_up(struct fake_peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    peer->fd = -1;
}

static inline void fake_close(struct fake_peer *peer)
{
    fake_hang_up(peer);
    close(peer->listener);
    unlink(peer->path);
    rmdir(peer->folder);
}

static inline void fake_write(struct fake_peer *peer, const void *data, size_t size)
{
    ORDO_ASSERT(send(peer->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static inline void fake_read(struct fake_peer *peer, void *data, size_t size)
{
    uint8_t *p = data;
    while (size > 0) {
        struct pollfd ready = {.fd = peer->fd, .events = POLLIN};
        ORDO_ASSERT(poll(&ready, 1, FAKE_WAIT_MS) > 0);
        ssize_t n = recv(peer->fd, p, size, 0);
        ORDO_ASSERT(n > 0);
        p += n;
        size -= (size_t)n;
    }
}

static inline void fake_accept(struct fake_peer *peer)
{
    struct pollfd ready = {.fd = peer->listener, .events = POLLIN};
    ORDO_ASSERT(poll(&ready, 1, FAKE_WAIT_MS) > 0);
    peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    ORDO_ASSERT(peer->fd >= 0);
}

/* Both greetings: checks the client's byte by byte. */
static inline void fake_greet(struct fake_peer *peer, uint8_t own, uint8_t client)
{
    const uint8_t expected[8] = {0, 'S', 'P', 0, 0, client, 0, 0};
    const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, own, 0, 0};
    uint8_t got[8];
    fake_accept(peer);
    fake_write(peer, greeting, sizeof(greeting));
    fake_read(peer, got, sizeof(got));
    ORDO_ASSERT(memcmp(got, expected, sizeof(got)) == 0);
}

static inline void fake_write_message(struct fake_peer *peer, const void *data, uint64_t size)
{
    uint8_t prefix[9] = {1};
    for (int i = 0; i < 8; i++) {
        prefix[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
    fake_write(peer, prefix, sizeof(prefix));
    fake_write(peer, data, size);
}

/* One message of the client; the caller's buffer must hold it. */
static inline uint32_t fake_read_message(struct fake_peer *peer, uint8_t *data, size_t room)
{
    uint8_t prefix[9];
    uint64_t size = 0;
    fake_read(peer, prefix, sizeof(prefix));
    ORDO_ASSERT(prefix[0] == 1);
    for (int i = 1; i < 9; i++) {
        size = size << 8 | prefix[i];
    }
    ORDO_ASSERT(size <= room);
    fake_read(peer, data, size);
    return (uint32_t)size;
}

/* A reply to a request message: 4 bytes of id, head, and one result for each code. Codes up to 99
 * are refusals before a decision. */
static inline uint32_t fake_reply(
    const uint8_t *request, uint32_t size, const uint16_t *codes, uint32_t count, uint8_t *out)
{
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_bytes frame = {request + 4, size - 4};
    ORDO_ASSERT(ordo_request_open(&reader, frame, &fault));
    ORDO_ASSERT(reader.count == count);
    struct ordo_writer w = ordo_writer_over(out, 1 << 20);
    struct ordo_reply_head head = {.durable_seq = 9};
    ordo_write_raw(&w, request, 4);
    ordo_reply_begin(&w, reader.request_id, &head, count);
    for (uint32_t i = 0; i < count; i++) {
        if (codes[i] != 0 && codes[i] < 100) {
            ordo_reply_refusal(&w, codes[i], (struct ordo_bytes){(const uint8_t *)"later", 5});
        } else {
            struct ordo_result result = {
                .seq = 100 + i, .code = codes[i], .state = 1, .version = 1};
            ordo_reply_result(&w, &result);
        }
    }
    ORDO_ASSERT(!w.failed);
    return (uint32_t)ordo_writer_size(&w);
}

/* The id of command `index` of a request message. */
static inline void
fake_command_id(const uint8_t *request, uint32_t size, uint32_t index, uint8_t id[ORDO_ID_SIZE])
{
    static uint8_t scratch[ORDO_COMMAND_SIZE_MAX];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command command;
    struct ordo_bytes frame = {request + 4, size - 4};
    ORDO_ASSERT(ordo_request_open(&reader, frame, &fault));
    for (uint32_t i = 0; i <= index; i++) {
        struct ordo_writer w = ordo_writer_over(scratch, sizeof(scratch));
        ORDO_ASSERT(ordo_request_next(&reader, &command, &w, &fault));
    }
    memcpy(id, command.id, ORDO_ID_SIZE);
}

#endif
