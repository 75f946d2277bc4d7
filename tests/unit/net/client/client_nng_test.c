/* Goal: the client's framing is nng's. Method: a real nng REP socket with many contexts holds every
 * request until all have come, then answers them backwards; over ipc and over tcp. A real PUB
 * socket sends what a subscription must take.
 */
#include "net/client/client.h"
#include "net/client/tail.h"

#include "fake_peer.h"
#include "order/result.h"

#include <criterion/criterion.h>

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/rep.h>

#include <arpa/inet.h>
#include <pthread.h>

#define OUTSTANDING 2000

struct server {
    nng_socket socket;
    pthread_mutex_t lock;
    nng_msg *held[OUTSTANDING];
    uint32_t held_count;
    nng_ctx contexts[OUTSTANDING];
    nng_aio *aios[OUTSTANDING];
};

static struct server server;

struct slot {
    uint32_t index;
};
static struct slot slots[OUTSTANDING];

static nng_msg *answer(nng_msg *request)
{
    static uint8_t scratch[ORDO_COMMAND_SIZE_MAX];
    static uint8_t out[1 << 16];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command command;
    struct ordo_bytes frame = {nng_msg_body(request), (uint32_t)nng_msg_len(request)};
    struct ordo_writer s = ordo_writer_over(scratch, sizeof(scratch));
    struct ordo_writer w = ordo_writer_over(out, sizeof(out));
    cr_assert(ordo_request_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert(ordo_request_next(&reader, &command, &s, &fault), "%s", fault.text);
    struct ordo_reply_head head = {0};
    struct ordo_result result = {.seq = ordo_get_le64(command.id)};
    ordo_reply_begin(&w, reader.request_id, &head, 1);
    ordo_reply_result(&w, &result);
    nng_msg_clear(request);
    nng_msg_append(request, out, ordo_writer_size(&w));
    return request;
}

static void on_receive(void *arg)
{
    struct slot *slot = arg;
    nng_aio *aio = server.aios[slot->index];
    if (nng_aio_result(aio) != 0) {
        return;
    }
    pthread_mutex_lock(&server.lock);
    nng_msg *message = nng_aio_get_msg(aio);
    if (message == NULL) { /* a send has ended */
        pthread_mutex_unlock(&server.lock);
        return;
    }
    nng_aio_set_msg(aio, NULL);
    server.held[slot->index] = answer(message);
    server.held_count++;
    pthread_mutex_unlock(&server.lock);
}

static void start(const char *url, uint32_t contexts)
{
    memset(&server, 0, sizeof(server));
    pthread_mutex_init(&server.lock, NULL);
    cr_assert_eq(nng_rep0_open(&server.socket), 0);
    int code = nng_listen(server.socket, url, NULL, 0);
    cr_assert_eq(code, 0, "%s: %s", url, nng_strerror(code));
    for (uint32_t i = 0; i < contexts; i++) {
        slots[i].index = i;
        cr_assert_eq(nng_ctx_open(&server.contexts[i], server.socket), 0);
        cr_assert_eq(nng_aio_alloc(&server.aios[i], on_receive, &slots[i]), 0);
        nng_ctx_recv(server.contexts[i], server.aios[i]);
    }
}

static void answer_backwards(uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        nng_aio_set_msg(server.aios[i], server.held[i]);
        nng_ctx_send(server.contexts[i], server.aios[i]);
    }
}

static void stop(uint32_t contexts)
{
    nng_close(server.socket);
    for (uint32_t i = 0; i < contexts; i++) {
        nng_aio_stop(server.aios[i]);
        nng_aio_free(server.aios[i]);
    }
}

static uint8_t seen[OUTSTANDING];

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    (void)context;
    uint64_t index = (uint64_t)(uintptr_t)user;
    cr_assert_eq(count, 1);
    cr_assert_eq(answers[0].item.result.code, 0);
    cr_assert_eq(answers[0].item.result.seq, index + 1, "the answer to this very request");
    cr_assert_eq(seen[index], 0);
    seen[index] = 1;
}

static void run(const char *url)
{
    struct ordo_client_config config = {
        .url = url, .requests_max = OUTSTANDING, .on_answers = on_answers};
    struct ordo_client *client = NULL;
    struct ordo_fail fail;
    memset(seen, 0, sizeof(seen));
    start(url, OUTSTANDING);
    cr_assert_eq(ordo_client_open(&config, &client, &fail), ORDO_OK, "%s", fail.text);
    for (uint64_t i = 0; i < OUTSTANDING; i++) {
        struct ordo_command command = {.kind = ORDO_KIND_CANCEL};
        command.cancel.order_id = (struct ordo_bytes){(const uint8_t *)"x", 1};
        ordo_put_le64(command.id, i + 1);
        cr_assert_eq(ordo_client_send(client, &command, 1, (void *)(uintptr_t)i), ORDO_OK);
    }
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&server.lock);
        uint32_t held = server.held_count;
        pthread_mutex_unlock(&server.lock);
        if (held == OUTSTANDING) {
            break;
        }
        cr_assert_eq(ordo_client_poll(client, 1), 0, "nothing was answered yet");
    }
    answer_backwards(OUTSTANDING);
    while (ordo_client_in_flight(client) > 0) {
        cr_assert_gt(ordo_client_poll(client, 10000), 0, "a reply was lost");
    }
    struct ordo_client_stats stats;
    ordo_client_stats(client, &stats);
    cr_assert_eq(stats.connects, 1);
    cr_assert_eq(stats.strange, 0);
    ordo_client_close(client);
    stop(OUTSTANDING);
}

Test(client_nng, gets_2000_replies_to_2000_requests_outstanding_over_ipc, .timeout = 60)
{
    char folder[] = "/tmp/ordo-nng-XXXXXX";
    char url[96];
    char path[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(url, sizeof(url), "ipc://%s/sock", folder);
    snprintf(path, sizeof(path), "%s/sock", folder);
    run(url);
    unlink(path);
    rmdir(folder);
}

Test(client_nng, gets_2000_replies_to_2000_requests_outstanding_over_tcp, .timeout = 60)
{
    nng_socket probe;
    nng_listener listener;
    nng_sockaddr address;
    char url[64];
    cr_assert_eq(nng_rep0_open(&probe), 0);
    cr_assert_eq(nng_listen(probe, "tcp://127.0.0.1:0", &listener, 0), 0);
    cr_assert_eq(nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address), 0);
    nng_close(probe); /* the port was free a moment ago, and is asked for again at once */
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", (unsigned)ntohs(address.s_in.sa_port));
    run(url);
}

/* ---- the stream ---- */

#define HEARTBEATS 100

static uint32_t heartbeats;

static enum ordo_err on_frame(void *context, struct ordo_bytes frame, struct ordo_fail *fail)
{
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    (void)context;
    (void)fail;
    cr_assert(ordo_stream_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert_eq(reader.heartbeat.update_seq, 77);
    heartbeats++;
    return ORDO_OK;
}

static void publish(nng_socket socket)
{
    uint8_t frame[ORDO_WIRE_STREAM_MAX];
    struct ordo_writer w = ordo_writer_over(frame, sizeof(frame));
    struct ordo_heartbeat heartbeat = {.update_seq = 77};
    ordo_stream_heartbeat(&w, &heartbeat);
    cr_assert_eq(nng_send(socket, frame, ordo_writer_size(&w), 0), 0);
}

Test(client_nng, subscribes_to_a_real_pub_socket, .timeout = 60)
{
    char folder[] = "/tmp/ordo-pub-XXXXXX";
    char url[96];
    nng_socket socket;
    struct ordo_fail fail;
    struct ordo_tail tail;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(url, sizeof(url), "ipc://%s/sock", folder);
    cr_assert_eq(nng_pub0_open(&socket), 0);
    cr_assert_eq(nng_listen(socket, url, NULL, 0), 0);
    cr_assert_eq(ordo_tail_init(&tail, url, NULL, &fail), ORDO_OK);
    cr_assert_eq(ordo_tail_connect(&tail, 5000, &fail), ORDO_OK, "%s", fail.text);
    while (heartbeats < HEARTBEATS) { /* PUB may drop: it is asked until enough have come */
        uint64_t now = ordo_clock_monotonic_ns(&tail.clock);
        publish(socket);
        ordo_tail_wait(&tail, now, now + ORDO_NS_PER_MS);
        cr_assert_eq(ordo_tail_work(&tail, now, on_frame, NULL, &fail), ORDO_OK, "%s", fail.text);
    }
    ordo_tail_fini(&tail);
    nng_close(socket);
    rmdir(folder);
}
