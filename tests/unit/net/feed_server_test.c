/* Services through a whole server with a real socket: answered beside the ring, by role, with the
 * requests around them, until the server has stopped.
 */
#include "fake_node.h"
#include "net/service.h"
#include "order/result.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

static uint8_t buffer[ORDO_SERVICE_FRAME_MAX];

static nng_socket dial(const char *url)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, ORDO_WIRE_REPLY_MAX), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    return s;
}

static nng_msg *
send_and_open(nng_socket s, const struct ordo_writer *out, struct ordo_reply_reader *reader)
{
    nng_msg *message;
    struct ordo_wire_fault fault;
    cr_assert(!out->failed);
    cr_assert_eq(nng_msg_alloc(&message, 0), 0);
    cr_assert_eq(nng_msg_append(message, buffer, ordo_writer_size(out)), 0);
    cr_assert_eq(nng_sendmsg(s, message, 0), 0);
    int error = nng_recvmsg(s, &message, 0);
    cr_assert_eq(error, 0, "no reply: %s", nng_strerror(error));
    struct ordo_bytes bytes = {nng_msg_body(message), (uint32_t)nng_msg_len(message)};
    cr_assert(ordo_reply_open(reader, bytes, &fault), "%s", fault.text);
    return message;
}

static nng_msg *
ask(nng_socket s,
    const struct ordo_service *service,
    struct ordo_reply_reader *reader,
    struct ordo_reply_item *item)
{
    struct ordo_wire_fault fault;
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    ordo_service_encode(&out, 9, service);
    nng_msg *reply = send_and_open(s, &out, reader);
    cr_assert_eq(reader->request_id, 9);
    cr_assert_eq(reader->head.code, ORDO_RESULT_OK);
    cr_assert_eq(reader->count, 1);
    cr_assert(ordo_reply_next(reader, item, &fault), "%s", fault.text);
    return reply;
}

/* One command, which makes one update. */
static void decide(nng_socket s, uint32_t shop)
{
    struct ordo_reply_reader reader;
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    struct ordo_command command = {
        .kind = ORDO_KIND_CANCEL,
        .shop = shop,
        .id = {1},
        .cancel = {.order_id = {(const uint8_t *)"A-1", 3}}};
    ordo_request_encode(&out, 1, &command, 1);
    nng_msg_free(send_and_open(s, &out, &reader));
    cr_assert_eq(reader.head.code, ORDO_RESULT_OK);
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

static void
add_one(void *context, void (*add)(void *to, const char *name, uint64_t value), void *to)
{
    add(to, "mine", *(const uint64_t *)context);
}

Test(feed_server, fetches_what_was_published_and_tells_its_numbers)
{
    static struct node n;
    static uint64_t mine = 77;
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_fetch_head head;
    struct ordo_service fetch = {.kind = ORDO_SERVICE_FETCH};
    struct ordo_service stats = {.kind = ORDO_SERVICE_STATS};
    node_open(&n, 64);
    ordo_server_add_stats(n.server, add_one, &mine);
    node_run(&n);
    nng_socket s = dial(n.url);
    for (uint32_t i = 0; i < 100; i++) {
        decide(s, i);
    }
    do { /* the publish agent comes right behind the reply agent */
        nng_msg_free(ask(s, &stats, &reader, &item));
        nng_msg *reply = ask(s, &stats, &reader, &item);
        head.head = number(item.body, "update.head");
        nng_msg_free(reply);
    } while (head.head < 100);
    fetch.fetch.from = 1;
    nng_msg *reply = ask(s, &fetch, &reader, &item);
    cr_assert(item.has_body);
    cr_assert_eq(ordo_body_fetch(&item.body, &head), 100);
    cr_assert_eq(head.last, 100);
    for (uint32_t i = 0; i < 100; i++) {
        struct ordo_update update;
        ordo_body_fetch_update(&item.body, &update);
        cr_assert_eq(update.update_seq, i + 1);
        cr_assert_eq(update.shop, i);
    }
    cr_assert_null(item.body.error);
    nng_msg_free(reply);
    reply = ask(s, &stats, &reader, &item);
    cr_assert_eq(number(item.body, "mine"), 77);
    cr_assert_eq(number(item.body, "commands"), 100);
    cr_assert_eq(number(item.body, "feed.fetches_memory"), 1);
    nng_msg_free(reply);
    nng_close(s);
    node_close(&n);
}

Test(feed_server, refuses_a_service_that_the_role_has_not)
{
    static struct node n;
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_service service = {.kind = ORDO_SERVICE_STATS};
    node_addresses(&n);
    n.config.listen[0].role = ORDO_ROLE_CLIENT;
    node_open(&n, 64);
    node_run(&n);
    nng_socket s = dial(n.url);
    const uint8_t kinds[] = {ORDO_SERVICE_STATS, ORDO_SERVICE_FETCH};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        service.kind = kinds[i];
        nng_msg *reply = ask(s, &service, &reader, &item);
        cr_assert_eq(item.form, ORDO_REPLY_REFUSED);
        cr_assert_eq(item.result.code, ORDO_RESULT_UNAUTHORISED);
        nng_msg_free(reply);
    }
    service.kind = ORDO_SERVICE_HISTORY; /* a client may; there is no journal here */
    nng_msg *reply = ask(s, &service, &reader, &item);
    cr_assert_eq(item.result.code, ORDO_RESULT_HISTORY_UNKNOWN);
    nng_msg_free(reply);
    nng_close(s);
    node_close(&n);
}

/* A kind that no server knows yet is no way to bring this one down, whatever the role. */
Test(feed_server, refuses_a_service_that_it_does_not_know)
{
    static const enum ordo_door_role roles[] = {ORDO_ROLE_CLIENT, ORDO_ROLE_ALL};
    static const uint8_t frame[] = {0x94, 1, 9, 0xc0, 0x91, 0x93, 0xcc, 0xc8, 0xc0, 0};
    for (size_t i = 0; i < 2; i++) {
        static struct node n;
        struct ordo_reply_reader reader;
        struct ordo_reply_item item;
        struct ordo_wire_fault fault;
        memset(&n, 0, sizeof(n));
        node_addresses(&n);
        n.config.listen[0].role = roles[i];
        node_open(&n, 64);
        node_run(&n);
        nng_socket s = dial(n.url);
        struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
        ordo_write_raw(&out, frame, sizeof(frame));
        nng_msg *reply = send_and_open(s, &out, &reader);
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
        cr_assert_eq(item.form, ORDO_REPLY_REFUSED);
        cr_assert_eq(item.result.code, i == 0 ? ORDO_RESULT_UNAUTHORISED : ORDO_RESULT_MALFORMED);
        nng_msg_free(reply);
        decide(s, 1);
        nng_close(s);
        node_close(&n);
    }
}
