/* The status stream from the publish agent to nng subscribers: contiguous numbers, hashes that
 * prove the bytes, heartbeats, and nobody who can hold it up.
 */
#include "fake_node.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>

#define ROUNDS   20
#define COMMANDS 1000

struct follower {
    uint64_t update_seq;
    struct ordo_hash128 hash;
    uint32_t frames;
    uint32_t heartbeats;
};

static nng_socket subscribe(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_sub0_open(&s), 0);
    cr_assert_eq(nng_socket_set(s, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
    cr_assert_eq(nng_socket_set_int(s, NNG_OPT_RECVBUF, 8192), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0);
    return s;
}

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0);
    return s;
}

static void send_batch(nng_socket s, uint32_t count)
{
    static struct ordo_command commands[ORDO_WIRE_COMMANDS_MAX];
    static uint8_t buffer[1u << 20];
    for (uint32_t i = 0; i < count; i++) {
        commands[i] = (struct ordo_command){
            .kind = ORDO_KIND_CANCEL,
            .id = {1},
            .shop = i,
            .cancel = {.order_id = {(const uint8_t *)"A-1001", 6}}};
    }
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    ordo_request_encode(&out, 1, commands, count);
    cr_assert_eq(nng_send(s, buffer, ordo_writer_size(&out), 0), 0);
    char *reply;
    size_t size;
    cr_assert_eq(nng_recv(s, &reply, &size, NNG_FLAG_ALLOC), 0, "no reply");
    nng_free(reply, size);
}

static bool hash_is(struct ordo_hash128 hash, const uint8_t bytes[16])
{
    return ordo_get_le64(bytes) == hash.low && ordo_get_le64(bytes + 8) == hash.high;
}

/* Reads one frame and checks it against what was seen before. */
static void follow(nng_socket s, struct follower *f, const uint8_t node[16])
{
    nng_msg *message;
    struct ordo_stream_reader reader;
    struct ordo_update update;
    struct ordo_wire_fault fault;
    int error = nng_recvmsg(s, &message, 0);
    cr_assert_eq(error, 0, "no frame: %s", nng_strerror(error));
    cr_assert(nng_msg_len(message) <= ORDO_WIRE_STREAM_MAX);
    struct ordo_bytes frame = {nng_msg_body(message), (uint32_t)nng_msg_len(message)};
    cr_assert(ordo_stream_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert_arr_eq(reader.heartbeat.node, node, 16);
    if (reader.topic == ORDO_TOPIC_UPDATES) {
        cr_assert_eq(reader.first_update_seq, f->update_seq + 1, "a gap");
        f->frames++;
    } else {
        f->heartbeats++;
    }
    while (reader.next < reader.count) {
        cr_assert(ordo_stream_next(&reader, &update, &fault), "%s", fault.text);
        cr_assert_eq(update.to, 1);
        f->hash = ordo_update_hash(f->hash, &update);
        f->update_seq = update.update_seq;
    }
    cr_assert_eq(reader.heartbeat.update_seq, f->update_seq);
    cr_assert(hash_is(f->hash, reader.heartbeat.hash), "the hash does not match");
    nng_msg_free(message);
}

Test(publish, has_no_gap_and_proves_every_byte)
{
    static struct node n;
    struct follower f = {0};
    struct ordo_server_stats stats;
    memset(n.config.node, 0x5a, sizeof(n.config.node));
    n.config.heartbeat_ms = 50;
    node_open(&n, 1024);
    node_run(&n);
    nng_socket sub = subscribe(n.publish_url);
    follow(sub, &f, n.config.node); /* the first heartbeat: the subscription stands */
    cr_assert_eq(f.heartbeats, 1);
    nng_socket req = dial(n.url);
    for (int i = 0; i < ROUNDS; i++) {
        send_batch(req, COMMANDS);
    }
    while (f.update_seq < (uint64_t)ROUNDS * COMMANDS) {
        follow(sub, &f, n.config.node);
    }
    uint32_t heartbeats = f.heartbeats;
    while (f.heartbeats < heartbeats + 2) {
        follow(sub, &f, n.config.node);
    }
    cr_assert(f.frames < ROUNDS * COMMANDS / 10, "%u frames: not batched", f.frames);
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.updates_published, (uint64_t)ROUNDS * COMMANDS);
    nng_close(req);
    nng_close(sub);
    node_close(&n);
}

Test(publish, is_not_held_up_by_a_subscriber_who_does_not_read)
{
    static struct node n;
    struct ordo_server_stats stats;
    n.config.heartbeat_ms = 10;
    node_open(&n, 1024);
    node_run(&n);
    nng_socket slow = subscribe(n.publish_url);
    cr_assert_eq(nng_socket_set_int(slow, NNG_OPT_RECVBUF, 1), 0);
    nng_socket req = dial(n.url);
    for (int i = 0; i < 100; i++) {
        send_batch(req, COMMANDS);
    }
    ordo_server_stats(n.server, &stats);
    cr_assert_eq(stats.commands, 100 * COMMANDS);
    nng_close(req);
    nng_close(slow);
    node_close(&n);
}

Test(publish, ends_a_burst_with_a_heartbeat_soon)
{
    static struct node n;
    n.config.heartbeat_ms = 1000;
    node_open(&n, 64);
    struct ordo_agent publish = ordo_server_publish_agent(n.server);
    (void)publish.do_work(n.server); /* the first heartbeat */
    uint64_t idle_ns = publish.deadline_ns(n.server);
    struct ordo_command command = {.kind = ORDO_KIND_CANCEL, .id = {1}};
    cr_assert_eq(ordo_ingress_put(&n.ingress, &command, 0, 0), ORDO_OK);
    cr_assert_eq(ordo_ingress_flush(&n.ingress), 1);
    cr_assert_eq(node_apply_work(&n), 1);
    cr_assert(publish.do_work(n.server) >= 1);
    uint64_t quiet_ns = publish.deadline_ns(n.server);
    cr_assert(quiet_ns < idle_ns, "the burst's end is told no sooner than the next heartbeat");
    cr_assert_eq(publish.do_work(n.server), 0);
    cr_assert_eq(publish.deadline_ns(n.server), quiet_ns);
    node_close(&n);
}
