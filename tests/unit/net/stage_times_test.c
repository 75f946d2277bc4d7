/* A server stepped by hand on a fake clock: a stall between two stages is told in the span between
 * them and in no other, whichever request it is; the stats service tells what was sampled.
 */
#include "fake_node.h"
#include "net/desk.h"
#include "net/service.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#define STALL_NS 50000000u
#define ROUNDS   5u

static uint64_t now_ns = ORDO_NS_PER_S;
static uint64_t read_ns = 1; /* each look at the clock takes so long */

static uint64_t fake_ns(void *context)
{
    (void)context;
    return now_ns += read_ns;
}

static void sample_every(struct node *n, uint64_t every, struct ordo_clock clock)
{
    struct ordo_fail fail;
    uint64_t capacity = n->ring.capacity;
    cr_assert_eq(
        ordo_stamps_init(&n->ring.stamps, &n->arena, capacity, every, clock, &fail), ORDO_OK);
}

static void run(struct ordo_agent agent)
{
    (void)agent.do_work(agent.self);
}

/* stepped: a node whose ingress agent runs here, also for the greeting; NULL = it has a thread. */
static void send(struct node *stepped, nng_socket s, uint32_t count)
{
    static uint8_t buffer[65536];
    static struct ordo_command commands[64];
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    nng_msg *message;
    for (uint32_t i = 0; i < count; i++) {
        commands[i] = (struct ordo_command){
            .kind = ORDO_KIND_CANCEL,
            .id = {1},
            .cancel = {.order_id = {(const uint8_t *)"A-1", 3}}};
    }
    ordo_request_encode(&out, 1, commands, count);
    cr_assert(!out.failed);
    cr_assert_eq(nng_msg_alloc(&message, 0), 0);
    cr_assert_eq(nng_msg_append(message, buffer, ordo_writer_size(&out)), 0);
    int flags = stepped != NULL ? NNG_FLAG_NONBLOCK : 0;
    for (int ms = 0; nng_sendmsg(s, message, flags) != 0; ms++) {
        cr_assert(stepped != NULL && ms < NODE_WAIT_MS, "the request cannot be sent");
        run(ordo_server_ingress_agent(stepped->server));
        (void)poll(NULL, 0, 1);
    }
}

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(s, url, NULL, NNG_FLAG_NONBLOCK), 0, "cannot dial %s", url);
    return s;
}

/* The ingress agent until the request is in the ring. */
static void take(struct node *n, bool stalled)
{
    uint64_t before = ordo_sequence_get(&n->sequencer.published);
    read_ns = stalled ? STALL_NS : 1;
    for (int ms = 0; ordo_sequence_get(&n->sequencer.published) == before; ms++) {
        cr_assert(ms < NODE_WAIT_MS, "the request does not come");
        run(ordo_server_ingress_agent(n->server));
        (void)poll(NULL, 0, 1);
    }
    read_ns = 1;
}

static void answer(struct node *n, bool reply_stalled, bool publish_stalled)
{
    if (reply_stalled) { /* publish runs beside it and is done before */
        run(ordo_server_publish_agent(n->server));
        now_ns += STALL_NS;
        run(ordo_server_reply_agent(n->server));
        return;
    }
    run(ordo_server_reply_agent(n->server));
    now_ns += publish_stalled ? STALL_NS : 0;
    run(ordo_server_publish_agent(n->server));
}

/* One request through all stages, with a stall before one of them. */
static void run_round(struct node *n, nng_socket s, enum ordo_span stalled)
{
    nng_msg *reply;
    send(n, s, 1);
    take(n, stalled == ORDO_SPAN_CLAIM);
    now_ns += stalled == ORDO_SPAN_APPLY ? STALL_NS : 0;
    atomic_store(&n->unflushed, true);
    (void)node_apply_work(n);
    now_ns += stalled == ORDO_SPAN_DURABLE ? STALL_NS : 0;
    atomic_store(&n->unflushed, false);
    (void)node_apply_work(n);
    answer(n, stalled == ORDO_SPAN_REPLY, stalled == ORDO_SPAN_PUBLISH);
    for (int ms = 0; nng_recvmsg(s, &reply, NNG_FLAG_NONBLOCK) != 0; ms++) {
        cr_assert(ms < NODE_WAIT_MS, "the reply does not come");
        run(ordo_server_ingress_agent(n->server)); /* the polled door sends there */
        (void)poll(NULL, 0, 1);
    }
    nng_msg_free(reply);
}

static void check_stall(enum ordo_span stalled)
{
    static struct node nodes[ORDO_SPAN_COUNT];
    struct node *n = &nodes[stalled];
    const struct ordo_clock clock = {.monotonic_ns = fake_ns};
    node_open(n, 64);
    sample_every(n, 1, clock);
    n->server->clock.monotonic_ns = fake_ns;
    nng_socket s = dial(n->url);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        run_round(n, s, i == ROUNDS / 2 ? stalled : ORDO_SPAN_COUNT);
    }
    for (enum ordo_span span = 0; span < ORDO_SPAN_COUNT; span++) {
        struct ordo_meter_view view;
        ordo_meter_read(&n->server->spans.meters[span], &view);
        bool hit = span == stalled || (span == ORDO_SPAN_TOTAL && stalled != ORDO_SPAN_PUBLISH);
        cr_assert_eq(view.count, ROUNDS, "%s: %lu", ordo_span_name(span), view.count);
        cr_assert(
            hit ? view.max >= STALL_NS : view.max < STALL_NS,
            "%s stalled, %s: %lu ns",
            ordo_span_name(stalled),
            ordo_span_name(span),
            view.max);
        cr_assert(view.p50 < STALL_NS, "one of %u", ROUNDS);
    }
    nng_close(s);
    node_close(n);
}

Test(stage_times, a_stall_shows_between_the_two_stages_where_it_was_and_nowhere_else)
{
    const enum ordo_span all[] = {
        ORDO_SPAN_CLAIM, ORDO_SPAN_APPLY, ORDO_SPAN_DURABLE, ORDO_SPAN_REPLY, ORDO_SPAN_PUBLISH};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        check_stall(all[i]);
    }
}

static uint64_t number(struct ordo_mp_reader body, const char *name)
{
    uint32_t count = ordo_body_stats(&body);
    for (uint32_t i = 0; i < count; i++) {
        struct ordo_bytes text;
        uint64_t value;
        ordo_body_stat(&body, &text, &value);
        if (text.size == strlen(name) && memcmp(text.data, name, text.size) == 0) {
            return value;
        }
    }
    cr_assert(false, "no number %s", name);
    return 0;
}

static uint64_t span_number(struct ordo_mp_reader body, enum ordo_span span, const char *what)
{
    char name[ORDO_STAT_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "stage.%s.%s", ordo_span_name(span), what);
    return number(body, name);
}

static nng_msg *ask_stats(nng_socket s, struct ordo_mp_reader *body)
{
    static const struct ordo_service service = {.kind = ORDO_SERVICE_STATS};
    uint8_t bytes[64];
    struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    nng_msg *message;
    ordo_service_encode(&out, 9, &service);
    cr_assert_eq(nng_msg_alloc(&message, 0), 0);
    cr_assert_eq(nng_msg_append(message, bytes, ordo_writer_size(&out)), 0);
    cr_assert_eq(nng_sendmsg(s, message, 0), 0);
    cr_assert_eq(nng_recvmsg(s, &message, 0), 0);
    struct ordo_bytes reply = {nng_msg_body(message), (uint32_t)nng_msg_len(message)};
    cr_assert(ordo_reply_open(&reader, reply, &fault), "%s", fault.text);
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    *body = item.body;
    return message;
}

/* 40 commands in requests of 4: every one is sampled, and its four steps make up its total. */
Test(stage_times, stats_tell_each_stage_and_the_steps_make_up_the_total)
{
    static struct node n;
    struct ordo_mp_reader body;
    nng_msg *message;
    uint64_t steps = 0;
    node_open(&n, 64);
    sample_every(&n, 1, ordo_clock_system());
    node_run(&n);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < 10; i++) {
        send(NULL, s, 4);
        cr_assert_eq(nng_recvmsg(s, &message, 0), 0);
        nng_msg_free(message);
    }
    message = ask_stats(s, &body);
    cr_assert_eq(number(body, "stage.every"), 1);
    for (enum ordo_span span = 0; span < ORDO_SPAN_COUNT; span++) {
        uint64_t p50 = span_number(body, span, "p50_ns");
        uint64_t p99 = span_number(body, span, "p99_ns");
        uint64_t p999 = span_number(body, span, "p999_ns");
        cr_assert(p50 <= p99 && p99 <= p999 && p999 <= span_number(body, span, "max_ns"));
        cr_assert(span_number(body, span, "count") == 40 || span == ORDO_SPAN_PUBLISH);
        cr_assert_eq(span_number(body, span, "last_count"), span_number(body, span, "count"));
        steps += span <= ORDO_SPAN_REPLY ? span_number(body, span, "sum_ns") : 0;
    }
    cr_assert_gt(steps, 0);
    cr_assert_eq(steps, span_number(body, ORDO_SPAN_TOTAL, "sum_ns"));
    nng_msg_free(message);
    nng_close(s);
    node_close(&n);
}

Test(stage_times, nothing_is_sampled_where_it_is_off)
{
    static struct node n;
    struct ordo_mp_reader body;
    nng_msg *message;
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    send(NULL, s, 64);
    cr_assert_eq(nng_recvmsg(s, &message, 0), 0);
    nng_msg_free(message);
    message = ask_stats(s, &body);
    cr_assert_eq(number(body, "stage.every"), 0);
    cr_assert_eq(span_number(body, ORDO_SPAN_TOTAL, "count"), 0);
    nng_msg_free(message);
    nng_close(s);
    node_close(&n);
}
