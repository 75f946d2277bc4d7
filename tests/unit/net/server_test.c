/* The server between real nng clients and a ring with an echoing apply (fake_node.h): every request
 * gets its reply, whatever was wrong with it, and the stream has no gap.
 */
#include "fake_node.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>

#define OUTSTANDING 2000

static uint8_t buffer[1u << 20];

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, ORDO_WIRE_REPLY_MAX), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    return s;
}

static struct ordo_bytes one_command(uint64_t request_id, struct ordo_command command)
{
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    command.id[0] = 1;
    ordo_request_encode(&out, request_id, &command, 1);
    return (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)};
}

static struct ordo_bytes cancel(uint64_t request_id, uint32_t shop)
{
    return one_command(
        request_id,
        (struct ordo_command){
            .kind = ORDO_KIND_CANCEL,
            .shop = shop,
            .cancel = {.order_id = {(const uint8_t *)"A-1", 3}}});
}

/* Sends the bytes and opens the reply, which the caller frees. */
static nng_msg *ask(nng_socket s, struct ordo_bytes frame, struct ordo_reply_reader *reader)
{
    nng_msg *reply;
    struct ordo_wire_fault fault;
    nng_msg *request;
    cr_assert_eq(nng_msg_alloc(&request, 0), 0);
    cr_assert_eq(nng_msg_append(request, frame.data, frame.size), 0);
    cr_assert_eq(nng_sendmsg(s, request, 0), 0);
    int error = nng_recvmsg(s, &reply, 0);
    cr_assert_eq(error, 0, "no reply: %s", nng_strerror(error));
    struct ordo_bytes bytes = {nng_msg_body(reply), (uint32_t)nng_msg_len(reply)};
    cr_assert(ordo_reply_open(reader, bytes, &fault), "%s", fault.text);
    return reply;
}

static void expect_ok(nng_socket s, uint64_t request_id, uint32_t shop)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    nng_msg *reply = ask(s, cancel(request_id, shop), &reader);
    cr_assert_eq(reader.request_id, request_id);
    cr_assert_eq(reader.head.code, ORDO_RESULT_OK);
    cr_assert_eq(reader.count, 1);
    cr_assert(ordo_reply_next(&reader, &item, &fault));
    cr_assert_eq(item.form, ORDO_REPLY_DECIDED);
    cr_assert_eq(item.result.version, shop);
    cr_assert(item.result.seq > 0 && item.result.seq <= reader.head.durable_seq);
    nng_msg_free(reply);
}

Test(server, answers_thousands_of_requests_of_one_connection)
{
    static struct node n;
    static nng_ctx contexts[OUTSTANDING];
    static nng_aio *aios[OUTSTANDING];
    struct ordo_server_stats stats;
    atomic_init(&n.held, true);
    node_open(&n, 1024);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < OUTSTANDING; i++) {
        nng_msg *request;
        struct ordo_bytes frame = cancel(i + 1, i + 5);
        cr_assert_eq(nng_ctx_open(&contexts[i], s), 0);
        cr_assert_eq(nng_aio_alloc(&aios[i], NULL, NULL), 0);
        cr_assert_eq(nng_msg_alloc(&request, 0), 0);
        cr_assert_eq(nng_msg_append(request, frame.data, frame.size), 0);
        nng_aio_set_msg(aios[i], request);
        nng_ctx_send(contexts[i], aios[i]);
    }
    for (uint32_t i = 0; i < OUTSTANDING; i++) {
        nng_aio_wait(aios[i]);
        cr_assert_eq(nng_aio_result(aios[i]), 0);
        nng_aio_set_timeout(aios[i], NODE_WAIT_MS);
        nng_ctx_recv(contexts[i], aios[i]);
    }
    /* all are outstanding before the first is answered */
    node_taken(&n, OUTSTANDING);
    node_release(&n);
    for (uint32_t i = 0; i < OUTSTANDING; i++) {
        struct ordo_reply_reader reader;
        struct ordo_reply_item item;
        struct ordo_wire_fault fault;
        nng_aio_wait(aios[i]);
        cr_assert_eq(nng_aio_result(aios[i]), 0, "request %u has no reply", i);
        nng_msg *reply = nng_aio_get_msg(aios[i]);
        struct ordo_bytes bytes = {nng_msg_body(reply), (uint32_t)nng_msg_len(reply)};
        cr_assert(ordo_reply_open(&reader, bytes, &fault), "%s", fault.text);
        cr_assert_eq(reader.request_id, i + 1);
        cr_assert(ordo_reply_next(&reader, &item, &fault));
        cr_assert_eq(item.result.version, i + 5);
        nng_msg_free(reply);
        nng_aio_free(aios[i]);
    }
    nng_close(s);
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.requests, OUTSTANDING);
    cr_assert_eq(stats.commands, OUTSTANDING);
    node_close(&n);
}

Test(server, stays_alive_after_frames_that_are_none)
{
    static const struct {
        const char *bytes;
        uint32_t size;
        uint64_t request_id;
    } cases[] = {
        {"", 0, 0},
        {"\xc1", 1, 0},
        {"\xdd\x10\x00\x00\x00", 5, 0},
        {"\x94\x02\x05\xc0\x90", 5, 0},
        {"\x94\x01\x05\xc0\xdd\x10\x00\x00\x00", 9, 5},
        {"GET / HTTP/1.1\r\n\r\n", 18, 0},
    };
    static struct node n;
    struct ordo_reply_reader reader;
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_bytes frame = {(const uint8_t *)cases[i].bytes, cases[i].size};
        nng_msg *reply = ask(s, frame, &reader);
        cr_assert_eq(reader.head.code, ORDO_RESULT_MALFORMED, "case %zu", i);
        cr_assert_neq(reader.head.text.size, 0, "case %zu", i);
        cr_assert_eq(reader.request_id, cases[i].request_id, "case %zu", i);
        cr_assert_eq(reader.count, 0);
        nng_msg_free(reply);
        expect_ok(s, 100 + i, 3);
    }
    nng_msg *reply =
        ask(s, (struct ordo_bytes){(const uint8_t *)"\x94\x01\x09\xc0\x90", 5}, &reader);
    cr_assert_eq(reader.head.code, ORDO_RESULT_OK);
    cr_assert_eq(reader.request_id, 9);
    cr_assert_eq(reader.count, 0);
    nng_msg_free(reply);
    nng_close(s);
    node_close(&n);
}

/* Elements of a request: g good, q query, i internal, m malformed, n without an id. */
static struct ordo_bytes mixed_request(const char *pattern)
{
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    ordo_request_begin(&out, 31, (uint32_t)strlen(pattern));
    for (uint32_t i = 0; pattern[i] != 0; i++) {
        struct ordo_command command = {.kind = ORDO_KIND_CANCEL, .shop = i + 1, .id = {1}};
        command.kind = pattern[i] == 'q'   ? ORDO_KIND_HEAD
                       : pattern[i] == 'i' ? ORDO_KIND_TICK
                                           : ORDO_KIND_CANCEL;
        command.id[0] = pattern[i] == 'n' ? 0 : 1;
        if (pattern[i] == 'm') {
            ordo_mp_write_nil(&out);
        } else {
            ordo_request_command(&out, &command);
        }
    }
    cr_assert(!out.failed);
    return (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)};
}

static void expect_mixed(nng_socket s, const char *pattern)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    nng_msg *reply = ask(s, mixed_request(pattern), &reader);
    cr_assert_eq(reader.head.code, ORDO_RESULT_OK);
    cr_assert_eq(reader.count, strlen(pattern), "%s", pattern);
    for (uint32_t i = 0; pattern[i] != 0; i++) {
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
        uint16_t code = pattern[i] == 'm'   ? ORDO_RESULT_MALFORMED
                        : pattern[i] == 'i' ? ORDO_RESULT_UNAUTHORISED
                        : pattern[i] == 'n' ? ORDO_RESULT_ID_MISSING
                                            : ORDO_RESULT_OK;
        enum ordo_reply_form form = pattern[i] == 'g'   ? ORDO_REPLY_DECIDED
                                    : pattern[i] == 'q' ? ORDO_REPLY_QUERY
                                                        : ORDO_REPLY_REFUSED;
        cr_assert_eq(item.result.code, code, "%.40s: element %u: %u", pattern, i, item.result.code);
        cr_assert_eq(item.form, form, "%.40s: element %u", pattern, i);
        cr_assert(form != ORDO_REPLY_DECIDED || item.result.version == i + 1);
        cr_assert(form != ORDO_REPLY_QUERY || item.has_body);
    }
    cr_assert(ordo_mp_is_done(&reader.mp));
    nng_msg_free(reply);
}

/* AC-31 (Ydisks-Xianyu-Helper#63): of a frame with several messages only the first was processed.
 */
Test(server, puts_every_result_where_its_command_was)
{
    static const char *patterns[] = {
        "g",
        "m",
        "mm",
        "gm",
        "mg",
        "gmg",
        "mgm",
        "ggmmgg",
        "qgiqmn",
        "nnng",
        "gnnn",
        "imqgimqg",
    };
    static struct node n;
    static char large[ORDO_WIRE_COMMANDS_MAX + 1];
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        expect_mixed(s, patterns[i]);
    }
    /* larger than the ring: staged in parts */
    memset(large, 'g', ORDO_WIRE_COMMANDS_MAX);
    expect_mixed(s, large);
    for (int i = 0; i < ORDO_WIRE_COMMANDS_MAX; i++) {
        large[i] = "gmgqnigg"[(i * 7 + i / 9) % 8];
    }
    expect_mixed(s, large);
    memset(large, 'm', ORDO_WIRE_COMMANDS_MAX);
    expect_mixed(s, large);
    large[0] = 'g';
    expect_mixed(s, large);
    nng_close(s);
    node_close(&n);
}

Test(server, answers_busy_when_the_reply_has_no_room_for_a_body)
{
    static struct node n;
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    struct ordo_server_stats stats;
    static struct ordo_command commands[100];
    n.cards_size = 60000;
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (int i = 0; i < 100; i++) {
        commands[i].kind = ORDO_KIND_CARDS;
    }
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    ordo_request_encode(&out, 1, commands, 100);
    nng_msg *reply = ask(s, (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)}, &reader);
    uint32_t busy = 0;
    for (int i = 0; i < 100; i++) {
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
        busy += item.result.code == ORDO_RESULT_BUSY;
        cr_assert(item.result.code == ORDO_RESULT_BUSY || item.has_body);
    }
    cr_assert(busy >= 30 && busy < 40, "%u of 100", busy);
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.busy, busy);
    nng_msg_free(reply);
    nng_close(s);
    node_close(&n);
}

/* Sends without waiting for the reply. */
static nng_ctx send_only(nng_socket s, struct ordo_bytes frame)
{
    nng_ctx ctx;
    nng_msg *request;
    nng_aio *aio;
    cr_assert_eq(nng_ctx_open(&ctx, s), 0);
    cr_assert_eq(nng_aio_alloc(&aio, NULL, NULL), 0);
    cr_assert_eq(nng_msg_alloc(&request, 0), 0);
    cr_assert_eq(nng_msg_append(request, frame.data, frame.size), 0);
    nng_aio_set_msg(aio, request);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    cr_assert_eq(nng_aio_result(aio), 0);
    nng_aio_free(aio);
    return ctx;
}

/* Every request has its reply. nng 1.5.2 may hang in the close of a REQ socket to whose contexts
 * replies are coming, so this is done before a close in any case. */
static void receive_all(const nng_ctx *contexts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        nng_aio *aio;
        cr_assert_eq(nng_aio_alloc(&aio, NULL, NULL), 0);
        nng_aio_set_timeout(aio, NODE_WAIT_MS);
        nng_ctx_recv(contexts[i], aio);
        nng_aio_wait(aio);
        int error = nng_aio_result(aio);
        cr_assert_eq(error, 0, "request %u: %s", i, nng_strerror(error));
        nng_msg_free(nng_aio_get_msg(aio));
        nng_aio_free(aio);
    }
}

Test(server, serves_payment_facts_first_when_requests_wait)
{
    static struct node n;
    nng_ctx contexts[72];
    atomic_init(&n.held, true);
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    /* nobody consumes: the ring holds 64, the rest waits */
    for (uint32_t i = 0; i < 70; i++) {
        contexts[i] = send_only(s, cancel(i, 1));
        node_taken(&n, i + 1);
    }
    contexts[70] = send_only(s, one_command(70, (struct ordo_command){.kind = ORDO_KIND_HEAD}));
    node_taken(&n, 71);
    contexts[71] = send_only(
        s, one_command(71, (struct ordo_command){.kind = ORDO_KIND_FACT, .fact = {.fact = 1}}));
    node_taken(&n, 72);
    cr_assert_eq(ordo_sequence_get(&n.sequencer.published), 64);
    struct ordo_server_stats stats;
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.commands, 64);
    node_release(&n);
    receive_all(contexts, 72);
    cr_assert_eq(ordo_sequence_get(&n.sequencer.published), 72);
    cr_assert_eq(ordo_ring_slot(&n.ring, 65)->kind, ORDO_KIND_FACT);
    cr_assert_eq(ordo_ring_slot(&n.ring, 66)->kind, ORDO_KIND_HEAD);
    for (uint64_t cursor = 67; cursor <= 72; cursor++) {
        cr_assert_eq(ordo_ring_slot(&n.ring, cursor)->kind, ORDO_KIND_CANCEL);
    }
    nng_close(s);
    node_close(&n);
}

Test(server, answers_what_it_took_before_it_ends)
{
    static struct node n;
    nng_ctx contexts[200];
    atomic_init(&n.held, true);
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < 200; i++) {
        contexts[i] = send_only(s, cancel(i, 1));
    }
    node_taken(&n, 200);
    node_close(&n);
    receive_all(contexts, 200);
    nng_close(s);
}
