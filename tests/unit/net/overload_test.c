/* A server under more than it can do: what has no room or waits too long is told so, with the time
 * to come again; facts go first; nothing that was refused is remembered; a stop is told, too.
 */
#include "fake_node.h"

#include "base/clock.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#define RING     64
#define REQUESTS 256 /* of these, half may wait as creates */
#define LONG_MS  600000

static uint8_t buffer[1u << 18];

struct asked {
    nng_ctx ctx;
    nng_aio *aio;
};

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    return s;
}

static struct ordo_bytes frame_of(uint8_t kind, uint32_t number)
{
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    struct ordo_command command = {.kind = kind, .shop = 5};
    ordo_put_le64(command.id, number + 1);
    ordo_request_encode(&out, number, &command, 1);
    cr_assert(!out.failed);
    return (struct ordo_bytes){buffer, (uint32_t)ordo_writer_size(&out)};
}

static struct asked ask(nng_socket s, struct ordo_bytes frame)
{
    struct asked asked;
    nng_msg *request;
    cr_assert_eq(nng_ctx_open(&asked.ctx, s), 0);
    cr_assert_eq(nng_aio_alloc(&asked.aio, NULL, NULL), 0);
    nng_aio_set_timeout(asked.aio, NODE_WAIT_MS);
    cr_assert_eq(nng_msg_alloc(&request, 0), 0);
    cr_assert_eq(nng_msg_append(request, frame.data, frame.size), 0);
    nng_aio_set_msg(asked.aio, request);
    nng_ctx_send(asked.ctx, asked.aio);
    nng_aio_wait(asked.aio);
    cr_assert_eq(nng_aio_result(asked.aio), 0);
    nng_ctx_recv(asked.ctx, asked.aio);
    return asked;
}

/* Waits for the reply; its head, with the text in *text. */
static struct ordo_reply_head answer(struct asked *asked, char text[128])
{
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    nng_aio_wait(asked->aio);
    int error = nng_aio_result(asked->aio);
    cr_assert_eq(error, 0, "no reply: %s", nng_strerror(error));
    nng_msg *reply = nng_aio_get_msg(asked->aio);
    struct ordo_bytes bytes = {nng_msg_body(reply), (uint32_t)nng_msg_len(reply)};
    cr_assert(ordo_reply_open(&reader, bytes, &fault), "%s", fault.text);
    cr_assert_eq(reader.count, reader.head.code == ORDO_RESULT_OK ? 1 : 0);
    snprintf(text, 128, "%.*s", (int)reader.head.text.size, (const char *)reader.head.text.data);
    nng_msg_free(reply);
    nng_aio_free(asked->aio);
    return reader.head;
}

static void take_until(struct node *n, uint64_t requests)
{
    struct ordo_server_stats stats;
    do {
        (void)ordo_server_ingress_agent(n->server).do_work(n->server);
        ordo_server_stats(n->server, &stats);
    } while (stats.requests < requests);
}

static void open_patient(struct node *n, uint32_t create_ms)
{
    node_addresses(n);
    n->config.use_polled = ORDO_POLLED_OFF; /* nng's threads receive while a test steps agents */
    n->config.requests_max = REQUESTS;
    n->config.wait_ms[ORDO_CLASS_FACT] = LONG_MS;
    n->config.wait_ms[ORDO_CLASS_QUERY] = LONG_MS;
    n->config.wait_ms[ORDO_CLASS_COMMAND] = create_ms;
    node_open(n, RING);
}

Test(overload, refuses_creates_and_keeps_room_for_facts)
{
    static struct node n;
    static struct asked creates[RING + REQUESTS / 2 + 10];
    struct asked facts[20];
    struct ordo_server_stats stats;
    char text[128];
    uint32_t room = RING + REQUESTS / 2;
    open_patient(&n, LONG_MS);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < room + 10; i++) {
        creates[i] = ask(s, frame_of(ORDO_KIND_CREATE, i));
        take_until(&n, i + 1);
    }
    for (uint32_t i = 0; i < 20; i++) {
        facts[i] = ask(s, frame_of(ORDO_KIND_FACT, 1000 + i));
        take_until(&n, room + 10 + i + 1);
    }
    for (uint32_t i = room; i < room + 10; i++) { /* answered while nothing is decided */
        struct ordo_reply_head head = answer(&creates[i], text);
        cr_assert_eq(head.code, ORDO_RESULT_BUSY);
        cr_assert(head.retry_ms >= 20 && head.retry_ms <= 5000, "%u ms", head.retry_ms);
        cr_assert_str_eq(text, "too many wait; nothing was decided");
    }
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.shed[ORDO_CLASS_COMMAND], 10);
    cr_assert_eq(stats.shed[ORDO_CLASS_FACT], 0);
    cr_assert_eq(stats.busy, 10);
    node_run(&n);
    for (uint32_t i = 0; i < room; i++) {
        cr_assert_eq(answer(&creates[i], text).code, ORDO_RESULT_OK);
    }
    for (uint32_t i = 0; i < 20; i++) {
        struct ordo_reply_head head = answer(&facts[i], text);
        cr_assert_eq(head.code, ORDO_RESULT_OK);
        cr_assert_eq(head.retry_ms, 0);
    }
    /* what was refused may come again under its id: nothing is remembered */
    for (uint32_t i = room; i < room + 10; i++) {
        struct asked again = ask(s, frame_of(ORDO_KIND_CREATE, i));
        cr_assert_eq(answer(&again, text).code, ORDO_RESULT_OK);
    }
    cr_assert_eq(n.seq, room + 20 + 10, "each was decided once");
    nng_close(s);
    node_close(&n);
}

Test(overload, refuses_what_has_waited_too_long)
{
    static struct node n;
    static struct asked creates[RING + 3];
    char text[128];
    open_patient(&n, 20);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < RING + 3; i++) {
        creates[i] = ask(s, frame_of(ORDO_KIND_CREATE, i));
        take_until(&n, i + 1);
    }
    struct asked query = ask(s, frame_of(ORDO_KIND_HEAD, 0));
    take_until(&n, RING + 4);
    struct ordo_server_stats stats;
    do { /* nobody decides anything */
        (void)ordo_server_ingress_agent(n.server).do_work(n.server);
        ordo_server_stats(n.server, &stats);
    } while (stats.shed[ORDO_CLASS_COMMAND] < 3);
    for (uint32_t i = RING; i < RING + 3; i++) {
        cr_assert_eq(answer(&creates[i], text).code, ORDO_RESULT_BUSY);
        cr_assert_str_eq(text, "waited too long; nothing was decided");
    }
    node_run(&n);
    cr_assert_eq(answer(&query, text).code, ORDO_RESULT_OK);
    for (uint32_t i = 0; i < RING; i++) {
        cr_assert_eq(answer(&creates[i], text).code, ORDO_RESULT_OK);
    }
    nng_close(s);
    node_close(&n);
}

Test(overload, during_a_stop_what_waits_is_decided_and_who_comes_is_told)
{
    static struct node n;
    static struct asked waiting[RING + 20];
    char text[128];
    open_patient(&n, LONG_MS);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < RING + 20; i++) {
        waiting[i] = ask(s, frame_of(ORDO_KIND_CREATE, i));
        take_until(&n, i + 1);
    }
    ordo_server_stop(n.server);
    struct asked late[5];
    for (uint32_t i = 0; i < 5; i++) {
        late[i] = ask(s, frame_of(i == 0 ? ORDO_KIND_FACT : ORDO_KIND_CREATE, 500 + i));
        take_until(&n, RING + 20 + i + 1);
    }
    for (uint32_t i = 0; i < 5; i++) {
        struct ordo_reply_head head = answer(&late[i], text);
        cr_assert_eq(head.code, ORDO_RESULT_SHUTTING_DOWN);
        cr_assert(head.retry_ms > 0);
        cr_assert_str_eq(text, "the server is stopping; nothing was decided");
    }
    cr_assert_not(ordo_server_ingress_agent(n.server).is_drained(n.server));
    node_run(&n);
    for (uint32_t i = 0; i < RING + 20; i++) {
        cr_assert_eq(answer(&waiting[i], text).code, ORDO_RESULT_OK);
    }
    node_close(&n); /* ends, though nobody stopped the doors but the ingress agent */
    cr_assert_eq(n.seq, RING + 20);
    nng_close(s);
}

Test(overload, a_role_without_urgent_kinds_fills_no_room_of_facts)
{
    static struct node n;
    static struct asked forged[RING + REQUESTS / 2 + 1];
    char text[128];
    node_addresses(&n);
    n.config.listen[0].role = ORDO_ROLE_SUBSCRIBER;
    open_patient(&n, LONG_MS);
    nng_socket s = dial(n.url);
    uint32_t refused = 0;
    /* nothing of it is staged, so each is answered at once: by its kind, not by its class */
    for (uint32_t i = 0; i < RING + REQUESTS / 2 + 1; i++) {
        forged[i] = ask(s, frame_of(ORDO_KIND_FACT, i));
        take_until(&n, i + 1);
    }
    struct ordo_server_stats stats;
    ordo_server_stats(n.server, &stats);
    for (uint32_t i = 0; i < RING + REQUESTS / 2 + 1; i++) {
        struct ordo_reply_head head = answer(&forged[i], text);
        refused += head.code == ORDO_RESULT_OK;
    }
    cr_assert_eq(refused, RING + REQUESTS / 2 + 1);
    cr_assert_eq(stats.malformed, refused);
    cr_assert_eq(stats.shed[ORDO_CLASS_FACT], 0);
    nng_close(s);
    node_close(&n);
}

/* How long the server works for one request of 256 creates, in ns: refused because there is no
 * room, and read to its end. */
Test(overload, refuses_a_frame_for_a_part_of_what_reading_it_costs)
{
    enum { COMMANDS = 256, ROUNDS = 400 };
    static struct ordo_command commands[COMMANDS];
    static uint8_t scratch_bytes[ORDO_COMMAND_SIZE_MAX];
    static uint8_t encoded[ORDO_COMMAND_SIZE_MAX];
    struct ordo_clock clock = ordo_clock_system();
    uint64_t refuse_ns = UINT64_MAX;
    uint64_t read_ns = UINT64_MAX;
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    for (uint32_t i = 0; i < COMMANDS; i++) {
        commands[i] = (struct ordo_command){
            .kind = ORDO_KIND_CREATE,
            .id = {1},
            .create = {
                .order_id = {(const uint8_t *)"ORDER-0123456789", 16},
                .product = 7,
                .quantity = 1,
                .amount = 1990,
                .currency = 156}};
    }
    ordo_request_encode(&out, 1, commands, COMMANDS);
    struct ordo_bytes frame = {buffer, (uint32_t)ordo_writer_size(&out)};
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct ordo_request_reader reader;
        struct ordo_wire_fault fault;
        uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
        cr_assert(ordo_request_open(&reader, frame, &fault));
        uint64_t opened_ns = ordo_clock_monotonic_ns(&clock);
        while (reader.next < reader.count) {
            struct ordo_command command;
            struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
            struct ordo_writer to = ordo_writer_over(encoded, sizeof(encoded));
            if (!ordo_request_next(&reader, &command, &scratch, &fault)) {
                cr_assert(false, "%s", fault.text);
            }
            ordo_command_encode(&command, &to);
        }
        uint64_t end_ns = ordo_clock_monotonic_ns(&clock);
        refuse_ns = opened_ns - begin_ns < refuse_ns ? opened_ns - begin_ns : refuse_ns;
        read_ns = end_ns - begin_ns < read_ns ? end_ns - begin_ns : read_ns;
    }
    printf(
        "256 creates: refused in %lu ns, read and encoded in %lu ns\n",
        (unsigned long)refuse_ns,
        (unsigned long)read_ns);
    cr_assert(refuse_ns * 2 < read_ns);
}
