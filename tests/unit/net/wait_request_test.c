/* A wait from a real client to the publish agent and back: answered once, by what comes behind it
 * in the ring, by its time or by a stop; other requests pass it meanwhile. The apply of fake_node.h
 * knows no order before a command names it, and then it is PENDING.
 */
#include "fake_node.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#define OUTSTANDING 2000
#define EACH        50 /* orders of one wait: 100,000 in all */
#define PENDING     (1u << ORDO_STATE_PENDING)

static struct node n;
static uint8_t buffer[1u << 20];
static uint8_t list[1u << 16];

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, ORDO_WIRE_REPLY_MAX), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    return s;
}

static struct ordo_command wait_for(uint32_t first, uint32_t count, uint64_t timeout_ms)
{
    struct ordo_command c = {.kind = ORDO_KIND_WAIT, .shop = 3};
    struct ordo_writer out = ordo_writer_over(list, sizeof(list));
    char name[16];
    for (uint32_t i = 0; i < count; i++) {
        int size = snprintf(name, sizeof(name), "w%u", first + i);
        ordo_write_bytes(&out, (struct ordo_bytes){(const uint8_t *)name, (uint32_t)size});
    }
    c.wait.timeout_ms = timeout_ms;
    c.wait.states = PENDING;
    c.wait.orders = (struct ordo_elements){{list, (uint32_t)ordo_writer_size(&out)}, count};
    return c;
}

static struct ordo_command touch(const char *name)
{
    return (struct ordo_command){
        .kind = ORDO_KIND_CANCEL,
        .id = {1},
        .shop = 3,
        .cancel.order_id = {(const uint8_t *)name, (uint32_t)strlen(name)}};
}

static nng_aio *send_only(nng_socket s, const struct ordo_command *commands, uint32_t count)
{
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *request;
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    ordo_request_encode(&out, 9, commands, count);
    cr_assert_eq(nng_ctx_open(&ctx, s), 0);
    cr_assert_eq(nng_aio_alloc(&aio, NULL, NULL), 0);
    cr_assert_eq(nng_msg_alloc(&request, 0), 0);
    cr_assert_eq(nng_msg_append(request, buffer, ordo_writer_size(&out)), 0);
    nng_aio_set_msg(aio, request);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    cr_assert_eq(nng_aio_result(aio), 0);
    nng_aio_set_timeout(aio, NODE_WAIT_MS);
    nng_ctx_recv(ctx, aio);
    return aio;
}

/* The reply; the caller frees it with the aio. */
static void receive(nng_aio *aio, struct ordo_reply_reader *reader, struct ordo_reply_item *item)
{
    struct ordo_wire_fault fault;
    nng_aio_wait(aio);
    int error = nng_aio_result(aio);
    cr_assert_eq(error, 0, "no reply: %s", nng_strerror(error));
    nng_msg *reply = nng_aio_get_msg(aio);
    struct ordo_bytes bytes = {nng_msg_body(reply), (uint32_t)nng_msg_len(reply)};
    cr_assert(ordo_reply_open(reader, bytes, &fault), "%s", fault.text);
    cr_assert_eq(reader->request_id, 9);
    cr_assert_eq(reader->head.code, ORDO_RESULT_OK);
    cr_assert(ordo_reply_next(reader, item, &fault), "%s", fault.text);
}

static uint64_t answered_seq; /* of the last answer */
static uint8_t answered_name[ORDO_ORDER_ID_MAX];

/* Orders in the answer of a wait. */
static uint32_t receive_wait(nng_aio *aio, struct ordo_waited_view *first)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_waited_view view;
    receive(aio, &reader, &item);
    cr_assert_eq(item.result.code, ORDO_RESULT_OK, "%u", item.result.code);
    cr_assert(item.has_body);
    answered_seq = item.result.seq;
    uint32_t count = ordo_body_waited(&item.body);
    for (uint32_t i = 0; i < count; i++) {
        ordo_body_waited_order(&item.body, &view);
        if (i == 0 && first != NULL) {
            *first = view;
            memcpy(answered_name, view.order_id.data, view.order_id.size);
            first->order_id.data = answered_name; /* the message goes */
        }
    }
    cr_assert(item.body.error == NULL, "%s", item.body.error);
    cr_assert(item.result.seq <= reader.head.durable_seq);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
    return count;
}

static void run_touch(nng_socket s, const char *name)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_command c = touch(name);
    nng_aio *aio = send_only(s, &c, 1);
    receive(aio, &reader, &item);
    cr_assert_eq(item.form, ORDO_REPLY_DECIDED);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
}

static nng_socket open_node(void)
{
    node_open(&n, 256);
    node_run(&n);
    return dial(n.url);
}

/* Two requests of one connection may be taken in either order; this one has been. */
static void wait_taken(uint64_t requests)
{
    struct ordo_server_stats stats;
    do {
        ordo_server_stats(n.server, &stats);
    } while (stats.requests < requests);
}

Test(wait, is_answered_by_the_command_that_makes_it_so)
{
    struct ordo_waited_view view;
    nng_socket s = open_node();
    struct ordo_command c = wait_for(1, 3, 9000);
    nng_aio *waiting = send_only(s, &c, 1);
    wait_taken(1);
    run_touch(s, "other");
    run_touch(s, "w2");
    cr_assert_eq(receive_wait(waiting, &view), 1);
    cr_expect(ordo_bytes_equal(view.order_id, (struct ordo_bytes){(const uint8_t *)"w2", 2}));
    cr_expect_eq(view.state, ORDO_STATE_PENDING);
    cr_expect_eq(view.seq, 2);
    nng_close(s);
    node_close(&n);
}

Test(wait, is_answered_empty_when_its_time_is_over)
{
    nng_socket s = open_node();
    struct ordo_command c = wait_for(1, 3, 20);
    cr_assert_eq(receive_wait(send_only(s, &c, 1), NULL), 0);
    c = wait_for(1, 3, 0);
    cr_assert_eq(receive_wait(send_only(s, &c, 1), NULL), 0);
    nng_close(s);
    node_close(&n);
}

Test(wait, for_a_sequence_is_answered_when_that_is_durable)
{
    nng_socket s = open_node();
    struct ordo_command c = wait_for(1, 0, 9000);
    c.wait.until_seq = 2;
    nng_aio *waiting = send_only(s, &c, 1);
    wait_taken(1);
    run_touch(s, "a");
    run_touch(s, "b");
    cr_assert_eq(receive_wait(waiting, NULL), 0);
    cr_assert_eq(answered_seq, 2, "not before");
    cr_assert_eq(receive_wait(send_only(s, &c, 1), NULL), 0, "it is durable already");
    nng_close(s);
    node_close(&n);
}

Test(wait, is_alone_in_its_request)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    nng_socket s = open_node();
    struct ordo_command c[2] = {wait_for(1, 1, 9000), touch("w1")};
    nng_aio *aio = send_only(s, c, 2);
    receive(aio, &reader, &item);
    cr_assert_eq(item.form, ORDO_REPLY_REFUSED);
    cr_assert_eq(item.result.code, ORDO_RESULT_MALFORMED);
    cr_assert(ordo_reply_next(&reader, &item, &fault));
    cr_assert_eq(item.form, ORDO_REPLY_DECIDED);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
    nng_close(s);
    node_close(&n);
}

Test(wait, is_answered_with_what_holds_when_the_server_stops)
{
    nng_socket s = open_node();
    struct ordo_command c = wait_for(1, 2, 60000);
    c.wait.all = 1;
    nng_aio *waiting = send_only(s, &c, 1);
    wait_taken(1);
    run_touch(s, "w1");
    node_close(&n);
    cr_assert_eq(receive_wait(waiting, NULL), 1);
    nng_close(s);
}

/* The publish agent on a thread of its own, as in some layouts: nobody signals it when the server
 * stops, so while somebody waits it looks by itself, however rare the heartbeats are. */
Test(wait, does_not_hold_up_a_stop_until_the_next_heartbeat)
{
    static struct ordo_runner other;
    struct ordo_clock clock = ordo_clock_system();
    n.config.heartbeat_ms = 60000;
    cr_assert_eq(setenv("ORDO_DOOR", "nng", 1), 0); /* the other door's wake counts as work */
    node_open(&n, 256);
    ordo_runner_init(&other, "publish", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(&n.runner, ordo_server_ingress_agent(n.server));
    ordo_runner_add(
        &n.runner, (struct ordo_agent){.name = "apply", .self = &n, .do_work = node_apply_work});
    ordo_runner_add(&n.runner, ordo_server_reply_agent(n.server));
    ordo_runner_add(&other, ordo_server_publish_agent(n.server));
    ordo_runner_add_peer(&n.runner, &other.waker);
    ordo_runner_add_peer(&other, &n.runner.waker);
    cr_assert_eq(ordo_runner_start(&other), ORDO_OK);
    cr_assert_eq(ordo_runner_start(&n.runner), ORDO_OK);
    nng_socket s = dial(n.url);
    struct ordo_command c = wait_for(1, 2, 60000);
    nng_aio *waiting = send_only(s, &c, 1);
    wait_taken(1);
    run_touch(s, "other");
    (void)poll(NULL, 0, 50); /* most likely it sleeps by now */
    uint64_t start_ns = ordo_clock_monotonic_ns(&clock);
    ordo_server_stop(n.server);
    ordo_runner_stop(&n.runner);
    ordo_runner_join(&n.runner);
    uint64_t took_ns = ordo_clock_monotonic_ns(&clock) - start_ns;
    ordo_runner_stop(&other);
    ordo_runner_join(&other);
    cr_assert_lt(took_ns, 5 * ORDO_NS_PER_S, "%lu ns", took_ns);
    cr_assert_eq(receive_wait(waiting, NULL), 0);
    node_close(&n);
    nng_close(s);
}

/* A fact must find a request free, however many wait. */
Test(wait, leaves_half_of_the_requests_to_those_that_do_not_wait)
{
    static nng_aio *waiting[8];
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    n.config.requests_max = 8;
    nng_socket s = open_node();
    struct ordo_command c = wait_for(1, 1, 60000);
    for (uint32_t i = 0; i < 4; i++) {
        waiting[i] = send_only(s, &c, 1);
    }
    wait_taken(4);
    nng_aio *aio = send_only(s, &c, 1);
    receive(aio, &reader, &item);
    cr_assert_eq(item.result.code, ORDO_RESULT_BUSY);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
    run_touch(s, "w1");
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(receive_wait(waiting[i], NULL), 1);
    }
    nng_close(s);
    node_close(&n);
}

Test(wait, for_a_hundred_thousand_orders_over_two_thousand_requests_answers_each_once)
{
    static nng_aio *waiting[OUTSTANDING];
    static struct ordo_command commands[ORDO_WIRE_COMMANDS_MAX];
    static char names[ORDO_WIRE_COMMANDS_MAX][16];
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    nng_socket s = open_node();
    for (uint32_t i = 0; i < OUTSTANDING; i++) {
        struct ordo_command c = wait_for(i * EACH, EACH, 60000);
        c.wait.all = 1;
        waiting[i] = send_only(s, &c, 1);
    }
    wait_taken(OUTSTANDING);
    struct ordo_command more = wait_for(0, 1, 60000);
    nng_aio *aio = send_only(s, &more, 1);
    receive(aio, &reader, &item);
    cr_assert_eq(item.result.code, ORDO_RESULT_BUSY);
    nng_msg_free(nng_aio_get_msg(aio));
    nng_aio_free(aio);
    for (uint32_t i = 0; i < OUTSTANDING * EACH;) {
        uint32_t count = 0;
        for (; count < ORDO_WIRE_COMMANDS_MAX && i < OUTSTANDING * EACH; i++, count++) {
            (void)snprintf(names[count], sizeof(names[count]), "w%u", i);
            commands[count] = touch(names[count]);
        }
        aio = send_only(s, commands, count);
        receive(aio, &reader, &item);
        nng_msg_free(nng_aio_get_msg(aio));
        nng_aio_free(aio);
    }
    for (uint32_t i = 0; i < OUTSTANDING; i++) {
        cr_assert_eq(receive_wait(waiting[i], NULL), EACH, "wait %u", i);
    }
    nng_close(s);
    node_close(&n);
}
