/* Goal: every command ends, whatever the peer does. Method: a peer made by hand, driven between two
 * polls of the client on the same thread, so that there is no timing in these tests.
 */
#include "net/client/client.h"

#include "base/clock.h"
#include "fake_peer.h"
#include "order/result.h"

#include <criterion/criterion.h>

#define COMMANDS 3

static uint8_t request_bytes[1 << 20];
static uint8_t reply_bytes[1 << 20];

struct end {
    uint32_t calls;
    uint32_t count;
    uint16_t codes[64];
    uint64_t seqs[64];
    uint32_t sizes[64];
    void *user;
};

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct end *end = context;
    end->calls++;
    end->count = count;
    end->user = user;
    for (uint32_t i = 0; i < count && i < 64; i++) {
        end->codes[i] = answers[i].item.result.code;
        end->seqs[i] = answers[i].item.result.seq;
        end->sizes[i] = answers[i].bytes.size;
    }
}

static struct ordo_client *
open_client(const struct fake_peer *peer, uint32_t patience_ms, struct end *end)
{
    struct ordo_client_config config = {
        .url = peer->url, .patience_ms = patience_ms, .on_answers = on_answers, .context = end};
    struct ordo_client *client = NULL;
    struct ordo_fail fail;
    memset(end, 0, sizeof(*end));
    cr_assert_eq(ordo_client_open(&config, &client, &fail), ORDO_OK, "%s", fail.text);
    return client;
}

static void fill(struct ordo_command *commands, uint32_t count)
{
    memset(commands, 0, count * sizeof(*commands));
    for (uint32_t i = 0; i < count; i++) {
        commands[i].kind = ORDO_KIND_CANCEL;
        commands[i].cancel.order_id = (struct ordo_bytes){(const uint8_t *)"order-1", 7};
    }
}

static void send_three(struct ordo_client *client, struct ordo_command *commands)
{
    fill(commands, COMMANDS);
    cr_assert_eq(ordo_client_send(client, commands, COMMANDS, commands), ORDO_OK);
}

/* Lets the client write what it has: until the peer's socket has something to read. */
static void push(struct ordo_client *client, int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < 1000; i++) {
        ordo_client_poll(client, 0);
        if (poll(&ready, 1, 10) > 0) {
            return;
        }
    }
    cr_assert(false, "the client wrote nothing");
}

static void greet(struct fake_peer *peer, struct ordo_client *client)
{
    push(client, peer->listener);
    fake_greet(peer, 0x31, 0x30);
}

static uint32_t read_request(struct fake_peer *peer, struct ordo_client *client)
{
    push(client, peer->fd);
    return fake_read_message(peer, request_bytes, sizeof(request_bytes));
}

static void reply(struct fake_peer *peer, uint32_t size, const uint16_t *codes, uint32_t count)
{
    uint32_t n = fake_reply(request_bytes, size, codes, count, reply_bytes);
    fake_write_message(peer, reply_bytes, n);
}

Test(client, gives_each_command_its_own_result)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 5000, &end);
    send_three(client, commands);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    cr_assert_eq(request_bytes[0] & 0x80, 0x80, "the request id has its high bit");
    reply(&peer, size, (uint16_t[]){0, 200, 0}, COMMANDS);
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    cr_assert_eq(end.calls, 1);
    cr_assert_eq(end.count, COMMANDS);
    cr_assert_eq(end.user, commands);
    cr_assert_eq(end.codes[0], 0);
    cr_assert_eq(end.codes[1], 200);
    cr_assert_eq(end.seqs[2], 102);
    cr_assert_eq(ordo_client_in_flight(client), 0);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, resends_with_the_same_ids_after_a_lost_connection)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    uint8_t before[COMMANDS][ORDO_ID_SIZE];
    uint8_t after[ORDO_ID_SIZE];
    static const uint8_t zero[ORDO_ID_SIZE];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    for (int round = 0; round < 3; round++) {
        greet(&peer, client);
        uint32_t size = read_request(&peer, client);
        for (uint32_t i = 0; i < COMMANDS; i++) {
            fake_command_id(request_bytes, size, i, after);
            cr_assert_neq(memcmp(after, zero, sizeof(zero)), 0);
            cr_assert_eq(memcmp(after, commands[i].id, ORDO_ID_SIZE), 0, "the caller knows it");
            cr_assert(round == 0 || memcmp(before[i], after, ORDO_ID_SIZE) == 0);
            memcpy(before[i], after, ORDO_ID_SIZE);
        }
        if (round == 2) {
            reply(&peer, size, (uint16_t[]){0, 0, 0}, COMMANDS);
        } else {
            fake_hang_up(&peer);
        }
    }
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    cr_assert_eq(end.calls, 1);
    cr_assert_eq(end.codes[2], 0);
    struct ordo_client_stats stats;
    ordo_client_stats(client, &stats);
    cr_assert_eq(stats.connects, 3);
    cr_assert_eq(stats.resends, 2);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, resends_all_in_their_order_when_many_were_in_flight)
{
    enum { MANY = 200 };
    struct fake_peer peer;
    struct end end;
    uint8_t ids[MANY][ORDO_ID_SIZE];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    for (int i = 0; i < MANY; i++) {
        struct ordo_command command;
        fill(&command, 1);
        cr_assert_eq(ordo_client_send(client, &command, 1, NULL), ORDO_OK);
        memcpy(ids[i], command.id, ORDO_ID_SIZE);
    }
    greet(&peer, client);
    for (int i = 0; i < 50; i++) {
        read_request(&peer, client);
    }
    fake_hang_up(&peer);
    greet(&peer, client);
    for (int i = 0; i < MANY; i++) {
        uint8_t id[ORDO_ID_SIZE];
        uint32_t size = read_request(&peer, client);
        fake_command_id(request_bytes, size, 0, id);
        cr_assert_eq(memcmp(id, ids[i], ORDO_ID_SIZE), 0, "request %d", i);
        reply(&peer, size, (uint16_t[]){0}, 1);
    }
    while (ordo_client_in_flight(client) > 0) {
        cr_assert_gt(ordo_client_poll(client, 5000), 0);
    }
    cr_assert_eq(end.calls, MANY);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, asks_again_for_what_was_busy_only)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    uint8_t id[ORDO_ID_SIZE];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    reply(&peer, size, (uint16_t[]){0, ORDO_RESULT_BUSY, 210}, COMMANDS);
    size = read_request(&peer, client);
    fake_command_id(request_bytes, size, 0, id);
    cr_assert_eq(memcmp(id, commands[1].id, ORDO_ID_SIZE), 0);
    cr_assert_eq(end.calls, 0, "one callback, when all have ended");
    reply(&peer, size, (uint16_t[]){ORDO_RESULT_SHUTTING_DOWN}, 1);
    size = read_request(&peer, client);
    reply(&peer, size, (uint16_t[]){400}, 1);
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    cr_assert_eq(end.codes[0], 0);
    cr_assert_eq(end.codes[1], 400);
    cr_assert_eq(end.codes[2], 210);
    cr_assert_eq(end.seqs[2], 102, "results of the first reply are kept");
    struct ordo_client_stats stats;
    ordo_client_stats(client, &stats);
    cr_assert_eq(stats.busy, 2);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, asks_again_not_before_the_time_that_the_server_named)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    struct ordo_clock clock = ordo_clock_system();
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_reply_head head = {.code = ORDO_RESULT_BUSY, .retry_ms = 200};
    struct ordo_writer w = ordo_writer_over(reply_bytes, sizeof(reply_bytes));
    struct ordo_bytes frame = {request_bytes + 4, size - 4};
    cr_assert(ordo_request_open(&reader, frame, &fault));
    ordo_write_raw(&w, request_bytes, 4);
    ordo_reply_begin(&w, reader.request_id, &head, 0);
    uint64_t begin = ordo_clock_monotonic_ns(&clock);
    fake_write_message(&peer, reply_bytes, ordo_writer_size(&w));
    size = read_request(&peer, client);
    cr_assert_geq(ordo_clock_monotonic_ns(&clock) - begin, 200 * ORDO_NS_PER_MS);
    reply(&peer, size, (uint16_t[]){0, 0, 0}, COMMANDS);
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, ends_unanswered_commands_as_unknown_and_certain_ones_as_busy)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 60, &end);
    send_three(client, commands);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    cr_assert_eq(end.codes[0], ORDO_RESULT_UNKNOWN);
    cr_assert_eq(end.sizes[0], 0);

    /* the reply comes after all: nobody waits for it any more */
    reply(&peer, size, (uint16_t[]){0, 0, 0}, COMMANDS);
    cr_assert_eq(ordo_client_poll(client, 50), 0);
    struct ordo_client_stats stats;
    ordo_client_stats(client, &stats);
    cr_assert_eq(stats.strange, 1);
    cr_assert_eq(stats.unknown, COMMANDS);

    send_three(client, commands);
    while (end.calls < 2) {
        struct pollfd ready = {.fd = peer.fd, .events = POLLIN};
        ordo_client_poll(client, 1);
        if (poll(&ready, 1, 0) > 0) {
            size = fake_read_message(&peer, request_bytes, sizeof(request_bytes));
            reply(
                &peer, size, (uint16_t[]){ORDO_RESULT_BUSY, ORDO_RESULT_BUSY, ORDO_RESULT_BUSY}, 3);
        }
    }
    cr_assert(
        end.codes[0] == ORDO_RESULT_BUSY || end.codes[0] == ORDO_RESULT_UNKNOWN,
        "unknown only when the last try was in flight");
    ordo_client_close(client);
    fake_close(&peer);
}

/* It was sent, its connection was lost, and no other came in time: it may have been decided. */
Test(client, calls_unknown_what_was_sent_over_a_connection_that_was_lost)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 300, &end);
    send_three(client, commands);
    greet(&peer, client);
    (void)read_request(&peer, client);
    fake_hang_up(&peer);
    cr_assert_eq(ordo_client_poll_ns(client, UINT64_MAX), 1);
    for (uint32_t i = 0; i < COMMANDS; i++) {
        cr_assert_eq(end.codes[i], ORDO_RESULT_UNKNOWN);
    }
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, gives_up_a_peer_of_another_kind_with_a_reason)
{
    static const struct {
        uint8_t greeting[8];
        const char *reason;
    } peers[] = {
        {{0, 'S', 'P', 0, 0, 0x20, 0, 0}, "protocol 0x20"},
        {{'H', 'T', 'T', 'P', '/', '1', '.', '1'}, "does not speak SP"},
        {{0, 'S', 'P', 1, 0, 0x31, 0, 0}, "does not speak SP"},
        {{0, 'S', 'P', 0, 0, 0x31, 0, 1}, "does not speak SP"},
    };
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        struct fake_peer peer;
        struct end end;
        struct ordo_fail fail;
        fake_open(&peer);
        struct ordo_client *client = open_client(&peer, 5000, &end);
        ordo_client_poll(client, 0);
        fake_accept(&peer);
        fake_write(&peer, peers[i].greeting, 8);
        cr_assert_eq(ordo_client_connect(client, 5000, &fail), ORDO_ERR_INVALID);
        cr_assert_not_null(strstr(fail.text, peers[i].reason), "%s", fail.text);
        ordo_client_close(client);
        fake_close(&peer);
    }
}

Test(client, names_the_url_when_nobody_listens)
{
    struct ordo_client_config config = {.url = "ipc:///tmp/ordo-no-such-folder/sock"};
    struct ordo_client *client = NULL;
    struct ordo_fail fail;
    cr_assert_eq(ordo_client_open(&config, &client, &fail), ORDO_OK);
    cr_assert_eq(ordo_client_connect(client, 30, &fail), ORDO_ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(fail.text, config.url), "%s", fail.text);
    ordo_client_close(client);
}

Test(client, refuses_urls_that_are_none)
{
    static const char *const urls[] = {
        "",
        "nonsense",
        "ipc://",
        "tcp://",
        "tcp://1.2.3.4",
        "tcp://:80",
        "tcp://h:",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:8x",
        "http://a:1",
        "tls+tcp://a:1",
        "ws://127.0.0.1:1",
        "tcp://h:999999999999"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct ordo_client_config config = {.url = urls[i]};
        struct ordo_client *client = NULL;
        struct ordo_fail fail;
        enum ordo_err err = ordo_client_open(&config, &client, &fail);
        cr_assert(err == ORDO_ERR_CONFIG || err == ORDO_ERR_UNSUPPORTED, "\"%s\"", urls[i]);
    }
}

Test(client, takes_no_memory_for_an_announced_gigabyte)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    const uint8_t prefix[9] = {1, 0, 0, 0, 0, 0x40, 0, 0, 0};
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    greet(&peer, client);
    read_request(&peer, client);
    fake_write(&peer, prefix, sizeof(prefix));
    ordo_client_poll(client, 5);
    cr_assert_not_null(
        strstr(ordo_client_last_fail(client)->text, "1073741824"),
        "%s",
        ordo_client_last_fail(client)->text);
    fake_hang_up(&peer);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    reply(&peer, size, (uint16_t[]){0, 0, 0}, COMMANDS);
    cr_assert_eq(ordo_client_poll(client, 5000), 1, "and goes on with the next connection");
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, ends_a_request_whose_reply_is_garbage)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    greet(&peer, client);
    read_request(&peer, client);
    memset(reply_bytes, 0xc1, 64);
    memcpy(reply_bytes, request_bytes, 4);
    fake_write_message(&peer, reply_bytes, 64);
    cr_assert_eq(ordo_client_poll(client, 5000), 1);
    cr_assert_eq(end.codes[0], ORDO_RESULT_UNKNOWN);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, refuses_more_requests_than_it_may_hold)
{
    struct fake_peer peer;
    struct ordo_fail fail;
    fake_open(&peer);
    struct ordo_client_config config = {.url = peer.url, .requests_max = 5};
    struct ordo_client *client = NULL;
    struct ordo_command command;
    cr_assert_eq(ordo_client_open(&config, &client, &fail), ORDO_OK);
    for (int i = 0; i < 5; i++) {
        fill(&command, 1);
        cr_assert_eq(ordo_client_send(client, &command, 1, NULL), ORDO_OK);
    }
    cr_assert_eq(ordo_client_send(client, &command, 1, NULL), ORDO_ERR_FULL);
    cr_assert_eq(ordo_client_in_flight(client), 5);
    ordo_client_close(client);
    fake_close(&peer);
}

Test(client, reads_replies_that_come_byte_by_byte)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    send_three(client, commands);
    greet(&peer, client);
    uint32_t size = read_request(&peer, client);
    uint32_t n = fake_reply(request_bytes, size, (uint16_t[]){0, 0, 0}, 3, reply_bytes);
    uint8_t prefix[9] = {1, 0, 0, 0, 0, 0, 0, 0, (uint8_t)n};
    cr_assert_lt(n, 256);
    for (uint32_t i = 0; i < 9 + n; i++) {
        fake_write(&peer, i < 9 ? &prefix[i] : &reply_bytes[i - 9], 1);
        ordo_client_poll(client, 0);
    }
    cr_assert_eq(end.calls, 1);
    ordo_client_close(client);
    fake_close(&peer);
}

/* ---- a call that blocks, against a peer on a thread of its own ---- */

#include <pthread.h>

static void *answer_two(void *context)
{
    struct fake_peer *peer = context;
    fake_greet(peer, 0x31, 0x30);
    for (int i = 0; i < 2; i++) {
        uint32_t size = fake_read_message(peer, request_bytes, sizeof(request_bytes));
        reply(peer, size, i == 0 ? (uint16_t[]){0, 200, 0} : (uint16_t[]){700}, i == 0 ? 3 : 1);
    }
    return NULL;
}

Test(client, call_blocks_until_the_answers_are_there)
{
    struct fake_peer peer;
    struct end end;
    struct ordo_command commands[COMMANDS];
    const struct ordo_answer *answers = NULL;
    pthread_t thread;
    fake_open(&peer);
    struct ordo_client *client = open_client(&peer, 20000, &end);
    cr_assert_eq(pthread_create(&thread, NULL, answer_two, &peer), 0);
    fill(commands, COMMANDS);
    cr_assert_eq(ordo_client_call(client, commands, COMMANDS, 5000, &answers), ORDO_OK);
    cr_assert_eq(answers[1].item.result.code, 200);
    cr_assert_eq(ordo_client_call(client, commands, 1, 5000, &answers), ORDO_OK);
    cr_assert_eq(answers[0].item.result.code, 700);
    cr_assert_eq(end.calls, 0, "callbacks are for send");
    pthread_join(thread, NULL);
    cr_assert_eq(ordo_client_call(client, commands, 1, 30, &answers), ORDO_OK);
    cr_assert_eq(answers[0].item.result.code, ORDO_RESULT_UNKNOWN);
    ordo_client_close(client);
    fake_close(&peer);
}
