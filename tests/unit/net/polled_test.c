/* What the polled door promises beyond nng's: limits of time, of connections and of memory, turns
 * between clients, half-closed connections, and nng's door in its place where io_uring is denied.
 */
#include "raw_client.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define CONNECTIONS 1000
#define FLOOD       1000

static struct node n;
static uint8_t reply[RAW_REPLY_MAX];

static void open_node(bool held)
{
    atomic_init(&n.held, held);
    node_addresses(&n);
    n.config.use_polled = ORDO_POLLED_ON;
    node_open(&n, 1024);
    node_run(&n);
}

static struct ordo_server_stats stats_of(void)
{
    struct ordo_server_stats stats;
    ordo_server_stats(n.server, &stats);
    return stats;
}

static uint64_t now_ms(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return ordo_clock_monotonic_ns(&clock) / ORDO_NS_PER_MS;
}

/* The sequence of its command says how many went before it. */
Test(polled, gives_turns_when_one_client_floods)
{
    static uint8_t buffer[256];
    struct ordo_command cancel = {
        .kind = ORDO_KIND_CANCEL,
        .id = {1},
        .cancel = {.order_id = {(const uint8_t *)"A-1", 3}},
    };
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    uint32_t id;
    uint32_t size;
    ordo_request_encode(&out, 1, &cancel, 1);
    struct ordo_bytes frame = {buffer, (uint32_t)ordo_writer_size(&out)};
    n.config.requests_max = 8;
    open_node(true);
    struct raw flood = raw_open(n.url);
    struct raw honest = raw_open(n.url);
    cr_assert(raw_flood(flood, FLOOD, frame));
    node_taken(&n, 8); /* all its numbers are in use, by the flood */
    cr_assert(raw_ask(honest, 1, 0, frame));
    node_release(&n);
    cr_assert(raw_reply(honest, 0, &id, reply, &size));
    cr_assert(ordo_reply_open(&reader, (struct ordo_bytes){reply, size}, &fault));
    cr_assert(ordo_reply_next(&reader, &item, &fault));
    cr_assert(item.result.seq <= 100, "number %lu", item.result.seq);
    for (uint32_t i = 0; i < FLOOD; i++) {
        cr_assert(raw_reply(flood, 0, &id, reply, &size));
    }
    close(flood.fd);
    close(honest.fd);
    node_close(&n);
}

Test(polled, closes_who_does_not_come_to_the_point)
{
    uint8_t part[32];
    n.config.polled.message_ms = 300;
    open_node(false);
    struct raw idle = raw_open(n.url);
    struct raw silent = raw_connect(n.url);
    struct raw half_greeting = raw_connect(n.url);
    struct raw half_head = raw_open(n.url);
    struct raw half_message = raw_open(n.url);
    uint64_t begin = now_ms();
    cr_assert(raw_write(half_greeting, "\0SP", 3));
    cr_assert(raw_write(half_head, "\1\0\0", 3));
    cr_assert(raw_write(half_message, part, raw_put_head(half_message, part, 1000)));
    uint8_t greeting[8];
    cr_assert(raw_read(silent, greeting, 8)); /* the door's own greeting comes first */
    cr_assert(raw_read(half_greeting, greeting, 8));
    raw_expect_end(silent);
    raw_expect_end(half_greeting);
    raw_expect_end(half_head);
    raw_expect_end(half_message);
    uint64_t took = now_ms() - begin;
    cr_assert(took >= 200 && took < 3000, "after %lu ms", took);
    raw_expect_answer(idle, 1); /* between two messages a connection may rest for ever */
    cr_assert_eq(stats_of().connections_cut, 4);
    close(idle.fd);
    node_close(&n);
}

/* A message dribbles in: its limit runs from its first byte. */
Test(polled, closes_who_dribbles)
{
    uint8_t part[32];
    n.config.polled.message_ms = 300;
    open_node(false);
    struct raw raw = raw_open(n.url);
    uint64_t begin = now_ms();
    cr_assert(raw_write(raw, part, raw_put_head(raw, part, 1000)));
    bool open = true;
    while (open && now_ms() - begin < 5000) {
        open = raw_write(raw, "x", 1);
        (void)poll(NULL, 0, 20);
    }
    cr_assert(!open, "still open after %lu ms", now_ms() - begin);
    close(raw.fd);
    node_close(&n);
}

Test(polled, answers_a_half_closed_connection_and_ends_it)
{
    uint32_t id;
    uint32_t size;
    open_node(true);
    struct raw raw = raw_open(n.url);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert(raw_ask(raw, i, 0, raw_head_query));
    }
    cr_assert(raw_write(raw, "\1\0", 2)); /* the beginning of one that never comes */
    cr_assert_eq(shutdown(raw.fd, SHUT_WR), 0);
    node_taken(&n, 100);
    node_release(&n);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert(raw_reply(raw, 0, &id, reply, &size), "reply %u", i);
    }
    raw_expect_end(raw);
    node_close(&n);
}

/* Replies of 50 KB each that nobody reads. */
static uint32_t flood_with_large_replies(struct raw raw, uint32_t count)
{
    static const uint8_t bytes[] = {
        0x94, 0x01, 0x01, 0xc0, 0x91, 0x94, 0xcc, 0x81, 0xc0, 0x00, 0xa1, 'A'};
    cr_assert(raw_flood(raw, count, (struct ordo_bytes){bytes, sizeof(bytes)}));
    uint64_t seen = 0; /* until the server takes no more */
    for (int quiet = 0; quiet < 10;) {
        uint64_t taken = stats_of().requests;
        quiet = taken == seen ? quiet + 1 : 0;
        seen = taken;
        (void)poll(NULL, 0, 20);
    }
    return (uint32_t)seen;
}

Test(polled, reads_no_further_from_who_does_not_read)
{
    uint32_t id;
    uint32_t size;
    n.cards_size = 50000;
    n.config.requests_max = 16;
    open_node(false);
    struct raw slow = raw_open(n.url);
    struct raw honest = raw_open(n.url);
    uint32_t taken = flood_with_large_replies(slow, FLOOD);
    cr_assert(taken >= 4 && taken < 100, "%u of %u requests were taken", taken, FLOOD);
    for (uint32_t i = 0; i < 100; i++) {
        raw_expect_answer(honest, i);
    }
    for (uint32_t i = 0; i < FLOOD; i++) { /* now it reads: nothing was lost */
        cr_assert(raw_reply(slow, 0, &id, reply, &size), "reply %u", i);
        cr_assert_eq(id, i);
        cr_assert(size > 50000);
    }
    close(slow.fd);
    close(honest.fd);
    node_close(&n);
}

Test(polled, breaks_off_who_never_reads)
{
    n.cards_size = 50000;
    n.config.polled.stall_ms = 300;
    open_node(false);
    struct raw slow = raw_open(n.url);
    struct raw honest = raw_open(n.url);
    (void)flood_with_large_replies(slow, 100);
    uint64_t limit = now_ms() + 5000;
    while (stats_of().connections_cut == 0 && now_ms() < limit) {
        (void)poll(NULL, 0, 20);
    }
    cr_assert_eq(stats_of().connections_cut, 1);
    cr_assert(stats_of().replies_failed > 0);
    raw_expect_answer(honest, 1);
    close(slow.fd);
    close(honest.fd);
    node_close(&n);
}

/* His replies would all have room, but then nobody else's had. */
Test(polled, lets_nobody_hold_most_of_the_room_for_replies)
{
    static const uint8_t cards[] = {
        0x94, 0x01, 0x01, 0xc0, 0x91, 0x94, 0xcc, 0x81, 0xc0, 0x00, 0xa1, 'A'};
    n.cards_size = 50000;
    n.config.polled.send_mib = 2;
    open_node(true);
    struct raw greedy = raw_open(n.url);
    struct raw honest = raw_open(n.url);
    cr_assert(raw_flood(greedy, 36, (struct ordo_bytes){cards, sizeof(cards)}));
    node_taken(&n, 36);
    node_release(&n);
    uint64_t limit = now_ms() + 5000;
    while (stats_of().replies + stats_of().replies_failed < 36 && now_ms() < limit) {
        (void)poll(NULL, 0, 5);
    }
    cr_assert(stats_of().replies_failed > 0, "all %lu were kept", stats_of().replies);
    raw_expect_answer(honest, 1);
    close(greedy.fd);
    close(honest.fd);
    node_close(&n);
}

Test(polled, ends_in_time_though_somebody_does_not_read)
{
    n.cards_size = 50000;
    open_node(false);
    struct raw slow = raw_open(n.url);
    (void)flood_with_large_replies(slow, 100);
    uint64_t begin = now_ms();
    node_close(&n);
    cr_assert(now_ms() - begin < 5000, "%lu ms", now_ms() - begin);
    close(slow.fd);
}

Test(polled, has_room_for_its_connections_and_no_more)
{
    static struct raw raw[CONNECTIONS];
    struct rlimit files = {4096, 4096};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    n.config.polled.connections_max = CONNECTIONS;
    open_node(false);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        raw[i] = raw_open(n.url);
    }
    struct raw more = raw_connect(n.url);
    raw_expect_end(more);
    cr_assert_eq(stats_of().connections_refused, 1);
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        raw_expect_answer(raw[i], i);
    }
    for (uint32_t round = 0; round < 2; round++) { /* a place that is left is free again */
        for (uint32_t i = 0; i < CONNECTIONS; i += 7) {
            close(raw[i].fd);
        }
        for (uint32_t i = 0; i < CONNECTIONS; i += 7) {
            bool good = false;
            for (int tries = 0; tries < 100 && !good; tries++) {
                raw[i] = raw_connect(n.url);
                good = raw_greet(raw[i], 0x30);
                if (!good) {
                    close(raw[i].fd);
                    (void)poll(NULL, 0, 10);
                }
            }
            cr_assert(good);
            raw_expect_answer(raw[i], i);
        }
    }
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        close(raw[i].fd);
    }
    node_close(&n);
}

/* More large messages at once than there is memory for: they take turns, small ones pass by. */
Test(polled, receives_large_messages_in_a_bounded_memory)
{
    enum { LARGE = 40 };
    static uint8_t bytes[1u << 20];
    struct raw raw[LARGE];
    uint32_t id;
    uint32_t size;
    n.config.polled.receive_mib = 4;
    open_node(false);
    struct raw honest = raw_open(n.url);
    uint8_t head[16];
    for (int i = 0; i < LARGE; i++) {
        raw[i] = raw_open(n.url);
        size_t at = raw_put_head(raw[i], head, sizeof(bytes));
        memcpy(head + at, "\x80\x00\x00\x07", 4);
        cr_assert(raw_write(raw[i], head, at + 4));
        cr_assert(raw_write(raw[i], bytes, 100000));
    }
    for (uint32_t i = 0; i < 100; i++) {
        raw_expect_answer(honest, i);
    }
    /* the rest, in pieces that the kernel takes without the door's help or after it has made room
     */
    static size_t sent[LARGE];
    uint32_t whole = 0;
    uint64_t limit = now_ms() + NODE_WAIT_MS;
    while (whole < LARGE && now_ms() < limit) {
        for (int i = 0; i < LARGE; i++) {
            size_t left = sizeof(bytes) - 4 - 100000 - sent[i];
            if (left == 0) {
                continue;
            }
            ssize_t part = send(raw[i].fd, bytes, left, MSG_DONTWAIT | MSG_NOSIGNAL);
            cr_assert(part > 0 || errno == EAGAIN, "connection %d: %s", i, strerror(errno));
            sent[i] += part > 0 ? (size_t)part : 0;
            whole += part == (ssize_t)left;
        }
    }
    for (int i = 0; i < LARGE; i++) {
        cr_assert(raw_reply(raw[i], 0, &id, reply, &size), "connection %d", i);
        close(raw[i].fd);
    }
    close(honest.fd);
    node_close(&n);
}

/* ---- which door ---- */

static void deny_uring(uint32_t error)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void expect_nng_instead(uint32_t error)
{
    struct ordo_fail fail = {0};
    deny_uring(error);
    node_addresses(&n);
    n.config.use_polled = ORDO_POLLED_ON;
    cr_assert_eq(ordo_server_open(&n.config, &n.server, &fail), ORDO_ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(fail.text, "io_uring is not available here"), "%s", fail.text);
    n.config.use_polled = ORDO_POLLED_AUTO;
    node_open(&n, 64);
    node_run(&n);
    struct raw raw = raw_open(n.url);
    raw_expect_answer(raw, 1);
    cr_assert_eq(stats_of().connections, 0); /* the polled door would have counted it */
    close(raw.fd);
    node_close(&n);
}

Test(polled, gives_way_to_nng_where_io_uring_is_forbidden)
{
    expect_nng_instead(EPERM);
}

Test(polled, gives_way_to_nng_where_there_is_no_io_uring)
{
    expect_nng_instead(ENOSYS);
}

/* ws is nng's alone: two doors, each with half of the requests. */
Test(polled, stands_beside_the_door_of_nng)
{
    static char ws[64];
    static const uint8_t frame[] = {0x94, 0x01, 0x09, 0xc0, 0x90};
    snprintf(ws, sizeof(ws), "ws://127.0.0.1:%u/ordo", raw_free_port());
    node_addresses(&n);
    n.config.listen[n.config.listen_count++].url = ws;
    n.config.requests_max = 7;
    open_node(false);
    struct raw raw = raw_open(n.url);
    nng_socket socket;
    cr_assert_eq(nng_req0_open(&socket), 0);
    cr_assert_eq(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(socket, ws, NULL, 0), 0);
    for (uint32_t i = 0; i < 50; i++) {
        uint8_t copy[sizeof(frame)];
        char *answer;
        size_t size;
        raw_expect_answer(raw, i);
        memcpy(copy, frame, sizeof(frame));
        cr_assert_eq(nng_send(socket, copy, sizeof(copy), 0), 0);
        cr_assert_eq(nng_recv(socket, &answer, &size, NNG_FLAG_ALLOC), 0);
        nng_free(answer, size);
    }
    cr_assert_eq(stats_of().connections, 1);
    cr_assert_eq(stats_of().requests, 100);
    nng_close(socket);
    close(raw.fd);
    node_close(&n);
}
