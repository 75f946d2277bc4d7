/* raw_client.h - a client by hand over a plain socket: README.md §1 byte for byte, and what is not
 * in it. Every call is bounded by NODE_WAIT_MS.
 */
#ifndef ORDO_TESTS_NET_RAW_CLIENT_H
#define ORDO_TESTS_NET_RAW_CLIENT_H

#include "fake_node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define RAW_REPLY_MAX (1u << 16)

struct raw {
    int fd;
    bool is_ipc;
};

static const uint8_t raw_head[] = {0x94, 0x01, 0x01, 0xc0, 0x91, 0x93, 0xcc, 0x84, 0xc0, 0x00};
static const struct ordo_bytes raw_head_query = {raw_head, sizeof(raw_head)}; /* kind 132 */

static inline struct raw raw_connect(const char *url)
{
    struct timeval limit = {.tv_sec = NODE_WAIT_MS / 1000};
    struct raw raw = {.is_ipc = strncmp(url, "ipc://", 6) == 0};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    raw.fd = socket(raw.is_ipc ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(raw.fd >= 0, "%s", strerror(errno));
    cr_assert_eq(setsockopt(raw.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    cr_assert_eq(setsockopt(raw.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
    if (raw.is_ipc) {
        cr_assert(strlen(url + 6) < sizeof(local.sun_path));
        memcpy(local.sun_path, url + 6, strlen(url + 6));
        cr_assert_eq(connect(raw.fd, (struct sockaddr *)&local, sizeof(local)), 0);
    } else {
        tcp.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
        int one = 1;
        cr_assert_eq(setsockopt(raw.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
        cr_assert_eq(connect(raw.fd, (struct sockaddr *)&tcp, sizeof(tcp)), 0);
    }
    return raw;
}

/* False: the other side has closed. */
static inline bool raw_write(struct raw raw, const void *data, size_t size)
{
    ssize_t sent = send(raw.fd, data, size, MSG_NOSIGNAL);
    return sent == (ssize_t)size;
}

static inline bool raw_read(struct raw raw, void *data, size_t size)
{
    ssize_t got = recv(raw.fd, data, size, MSG_WAITALL);
    cr_assert(got >= 0 || errno == ECONNRESET, "nothing came: %s", strerror(errno));
    return got == (ssize_t)size;
}

static inline bool raw_greet(struct raw raw, uint8_t protocol)
{
    const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
    const uint8_t expected[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    uint8_t answer[8];
    if (!raw_write(raw, greeting, sizeof(greeting)) || !raw_read(raw, answer, sizeof(answer))) {
        return false;
    }
    cr_assert_arr_eq(answer, expected, sizeof(expected));
    return true;
}

static inline struct raw raw_open(const char *url)
{
    struct raw raw = raw_connect(url);
    cr_assert(raw_greet(raw, 0x30));
    return raw;
}

static inline size_t raw_put_head(struct raw raw, uint8_t *out, uint64_t size)
{
    size_t at = 0;
    if (raw.is_ipc) {
        out[at++] = 1;
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        out[at++] = (uint8_t)(size >> shift);
    }
    return at;
}

/* One message: `hops` words, the id, the frame. The words are 1, 2, ... */
static inline bool raw_ask(struct raw raw, uint32_t id, uint32_t hops, struct ordo_bytes frame)
{
    uint8_t head[9 + 64 * 4];
    size_t at = raw_put_head(raw, head, hops * 4 + 4 + frame.size);
    for (uint32_t i = 0; i <= hops; i++) {
        uint32_t word = htonl(i < hops ? i + 1 : id | 0x80000000u);
        memcpy(head + at, &word, 4);
        at += 4;
    }
    return raw_write(raw, head, at) && raw_write(raw, frame.data, frame.size);
}

/* Requests 0 to count-1 in one write: many small ones would fill the kernel's buffers. */
static inline bool raw_flood(struct raw raw, uint32_t count, struct ordo_bytes frame)
{
    static uint8_t bytes[1u << 16];
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = htonl(i | 0x80000000u);
        cr_assert(at + 16 + frame.size < sizeof(bytes));
        at += raw_put_head(raw, bytes + at, 4 + frame.size);
        memcpy(bytes + at, &word, 4);
        memcpy(bytes + at + 4, frame.data, frame.size);
        at += 4 + frame.size;
    }
    return raw_write(raw, bytes, at);
}

/* The next reply, whose stack must be `hops` words and an id: the id, and the frame's size; false
 * at the end of the connection. */
static inline bool
raw_reply(struct raw raw, uint32_t hops, uint32_t *id, uint8_t *frame, uint32_t *size)
{
    uint8_t head[9];
    uint64_t total = 0;
    uint32_t word;
    if (!raw_read(raw, head, raw.is_ipc ? 9 : 8)) {
        return false;
    }
    cr_assert(!raw.is_ipc || head[0] == 1);
    for (int i = 0; i < 8; i++) {
        total = total << 8 | head[i + (raw.is_ipc ? 1 : 0)];
    }
    cr_assert(total >= hops * 4 + 4 && total <= RAW_REPLY_MAX, "a reply of %lu bytes", total);
    for (uint32_t i = 0; i <= hops; i++) {
        cr_assert(raw_read(raw, &word, 4));
        word = ntohl(word);
        cr_assert(i < hops ? word == i + 1 : (word & 0x80000000u) != 0, "word %u is %x", i, word);
    }
    *id = word & 0x7fffffffu;
    *size = (uint32_t)total - hops * 4 - 4;
    cr_assert(raw_read(raw, frame, *size));
    return true;
}

/* Asks for the head of the journal and checks the answer. */
static inline void raw_expect_answer(struct raw raw, uint32_t id)
{
    static uint8_t frame[RAW_REPLY_MAX];
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    uint32_t got;
    uint32_t size;
    cr_assert(raw_ask(raw, id, 0, raw_head_query));
    cr_assert(raw_reply(raw, 0, &got, frame, &size), "closed instead of answered");
    cr_assert_eq(got, id);
    cr_assert(ordo_reply_open(&reader, (struct ordo_bytes){frame, size}, &fault));
    cr_assert_eq(reader.head.code, 0);
    cr_assert_eq(reader.count, 1);
}

static inline void raw_expect_end(struct raw raw)
{
    uint8_t byte;
    cr_assert(!raw_read(raw, &byte, 1), "not closed");
    close(raw.fd);
}

/* A port that was free a moment ago. */
static inline uint16_t raw_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

#endif
