/* The doors against clients that write the framing by hand, on ipc and tcp: what is asked is
 * answered, what is no request ends its own connection and nobody else's. Runs on both doors
 * (ORDO_DOOR); what only the polled one promises is in polled_test.c.
 */
#include "raw_client.h"

#define OUTSTANDING 2000

static struct node n;
static char tcp[64];
static const char *urls[2];

static void open_both(uint32_t requests_max, bool held)
{
    snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", raw_free_port());
    node_addresses(&n);
    n.config.listen[n.config.listen_count++].url = tcp;
    n.config.requests_max = requests_max;
    atomic_init(&n.held, held);
    node_open(&n, 1024);
    node_run(&n);
    urls[0] = n.url;
    urls[1] = tcp;
}

static void expect_all_replies(struct raw raw, uint32_t count)
{
    static uint8_t frame[RAW_REPLY_MAX];
    static bool seen[OUTSTANDING];
    uint32_t id;
    uint32_t size;
    memset(seen, 0, sizeof(seen));
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(raw_reply(raw, 0, &id, frame, &size), "%u of %u replies", i, count);
        cr_assert(id < count && !seen[id], "reply %u", id);
        seen[id] = true;
    }
}

Test(door, answers_everything_that_is_outstanding_on_one_connection)
{
    open_both(0, true);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_open(urls[u]);
        cr_assert(raw_flood(raw, OUTSTANDING, raw_head_query));
        node_taken(&n, (uint64_t)OUTSTANDING * (uint64_t)(u + 1));
        node_release(&n);
        expect_all_replies(raw, OUTSTANDING);
        close(raw.fd);
        atomic_store(&n.held, true);
    }
    node_close(&n);
}

Test(door, loses_nothing_when_its_numbers_are_all_in_use)
{
    open_both(8, false);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_open(urls[u]);
        cr_assert(raw_flood(raw, OUTSTANDING, raw_head_query));
        expect_all_replies(raw, OUTSTANDING);
        close(raw.fd);
    }
    node_close(&n);
}

Test(door, gives_back_the_hops_of_a_request_whole)
{
    static uint8_t frame[RAW_REPLY_MAX];
    uint32_t id;
    uint32_t size;
    open_both(0, false);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_open(urls[u]);
        for (uint32_t hops = 0; hops < 8; hops++) {
            cr_assert(raw_ask(raw, 77 + hops, hops, raw_head_query));
            cr_assert(raw_reply(raw, hops, &id, frame, &size));
            cr_assert_eq(id, 77 + hops);
        }
        cr_assert(raw_ask(raw, 5, 15, raw_head_query)); /* too many: dropped, not the connection */
        raw_expect_answer(raw, 6);
        close(raw.fd);
    }
    node_close(&n);
}

Test(door, takes_a_message_in_any_pieces)
{
    static uint8_t frame[RAW_REPLY_MAX];
    uint8_t message[64];
    uint32_t id;
    uint32_t size;
    open_both(0, false);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_connect(urls[u]);
        const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
        uint8_t answer[8];
        for (int i = 0; i < 8; i++) {
            cr_assert(raw_write(raw, greeting + i, 1));
        }
        cr_assert(raw_read(raw, answer, sizeof(answer)));
        size_t at = raw_put_head(raw, message, 4 + raw_head_query.size);
        memcpy(message + at, "\x80\x00\x00\x09", 4);
        memcpy(message + at + 4, raw_head_query.data, raw_head_query.size);
        at += 4 + raw_head_query.size;
        for (size_t i = 0; i < at; i++) {
            cr_assert(raw_write(raw, message + i, 1));
        }
        cr_assert(raw_reply(raw, 0, &id, frame, &size));
        cr_assert_eq(id, 9);
        close(raw.fd);
    }
    node_close(&n);
}

static void send_large(struct raw raw, uint64_t size)
{
    static uint8_t bytes[1u << 16];
    uint8_t head[16];
    size_t at = raw_put_head(raw, head, size);
    memcpy(head + at, "\x80\x00\x00\x07", 4);
    cr_assert(raw_write(raw, head, at + 4));
    for (uint64_t left = size - 4; left > 0;) {
        size_t part = left < sizeof(bytes) ? left : sizeof(bytes);
        cr_assert(raw_write(raw, bytes, part));
        left -= part;
    }
}

Test(door, takes_messages_up_to_its_limit)
{
    static const uint32_t sizes[] = {4, 5, 32758, 32759, 32760, 32768, 65536, 65537, 1u << 20};
    static uint8_t frame[RAW_REPLY_MAX];
    uint32_t id;
    uint32_t size;
    open_both(0, false);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_open(urls[u]);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            send_large(raw, sizes[i]);
            cr_assert(raw_reply(raw, 0, &id, frame, &size), "size %u", sizes[i]);
            cr_assert_eq(id, 7);
        }
        raw_expect_answer(raw, 8);
        close(raw.fd);
    }
    node_close(&n);
}

/* What ends a connection: a greeting that is none, a length over the limit, no id. */
Test(door, closes_what_does_not_speak_the_protocol_and_nothing_else)
{
    static const uint64_t lengths[] = {(1u << 20) + 1, 1u << 30, UINT64_MAX, 1ull << 63};
    open_both(0, false);
    for (int u = 0; u < 2; u++) {
        struct raw honest = raw_open(urls[u]);
        uint8_t bytes[64] = "GET / HTTP/1.1\r\n\r\n";
        struct raw raw = raw_connect(urls[u]);
        cr_assert(raw_write(raw, bytes, 18));
        cr_assert(raw_read(raw, bytes, 8)); /* the door's own greeting, sent before it looked */
        raw_expect_end(raw);
        for (int protocol = 0x10; protocol < 0x80; protocol++) {
            if (protocol == 0x30) {
                continue;
            }
            raw = raw_connect(urls[u]);
            cr_assert(raw_greet(raw, (uint8_t)protocol));
            raw_expect_end(raw);
        }
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            raw = raw_open(urls[u]);
            cr_assert(raw_write(raw, bytes, raw_put_head(raw, bytes, lengths[i])));
            raw_expect_end(raw);
        }
        raw = raw_open(urls[u]);
        memset(bytes, 0, sizeof(bytes)); /* words, and no id among them */
        size_t at = raw_put_head(raw, bytes, 8);
        cr_assert(raw_write(raw, bytes, at + 8));
        raw_expect_end(raw);
        raw_expect_answer(honest, 1);
        close(honest.fd);
    }
    node_close(&n);
}

Test(door, survives_clients_that_die_in_the_middle)
{
    open_both(64, true);
    for (int round = 0; round < 40; round++) {
        struct raw raw = raw_open(urls[round % 2]);
        cr_assert(raw_ask(raw, 1, 0, raw_head_query));
        uint8_t part[16];
        size_t size = raw_put_head(raw, part, 100);
        cr_assert(raw_write(raw, part, size / 2 + (size_t)(round % 5)));
        node_taken(&n, (uint64_t)round + 1);
        struct linger hard = {.l_onoff = 1};
        if (round % 3 == 0) {
            cr_assert_eq(setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
        }
        close(raw.fd);
    }
    node_release(&n);
    for (int u = 0; u < 2; u++) {
        struct raw raw = raw_open(urls[u]);
        for (uint32_t i = 0; i < 100; i++) { /* more than the numbers: those of the dead are back */
            raw_expect_answer(raw, i);
        }
        close(raw.fd);
    }
    node_close(&n);
}

Test(door, ends_cleanly_with_requests_unanswered)
{
    node_open(&n, 64);
    struct raw raw = raw_connect(n.url);
    const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    struct ordo_server_stats stats = {0};
    cr_assert(raw_write(raw, greeting, sizeof(greeting)));
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert(raw_ask(raw, i, 0, raw_head_query));
    }
    while (stats.requests < 100) {
        (void)ordo_server_ingress_agent(n.server).do_work(n.server);
        ordo_server_stats(n.server, &stats);
    }
    node_close(&n); /* the runners never ran: nothing may hang or leak */
    close(raw.fd);
}
