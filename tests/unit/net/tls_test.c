/* tls+tcp: who holds a certificate of the CA of a listener's role is served, everybody else is
 * refused, and the node serves on. Certificates are made by tests/support/certificates.
 */
#include "fake_node.h"

#include <arpa/inet.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <sys/socket.h>

#define REFUSED_MS 300 /* how long nobody answers whom the server refused */

struct place {
    struct node node;
    char files[128]; /* folder of the certificates */
    char client[64]; /* URLs */
    char operators[64];
    char stream[64];
    char paths[64][160];
    uint32_t path_count;
};

static struct place place;

static const char *path_to(const char *name)
{
    char *path = place.paths[place.path_count++ % 64];
    snprintf(path, sizeof(place.paths[0]), "%.100s/%s", place.files, name);
    return path;
}

/* A port that was free a moment ago. */
static void free_address(char url[64], const char *scheme)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    snprintf(url, 64, "%s://127.0.0.1:%u", scheme, ntohs(address.sin_port));
}

static void make_certificates(void)
{
    char command[400];
    struct node *n = &place.node;
    snprintf(n->directory, sizeof(n->directory), "/tmp/ordo-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(n->directory));
    snprintf(place.files, sizeof(place.files), "%s/certificates", n->directory);
    snprintf(command, sizeof(command), "%s %s", ORDO_CERTIFICATES, place.files);
    cr_assert_eq(system(command), 0, "openssl cannot make certificates");
    n->config.tls = (struct ordo_tls_files){
        .certificate = path_to("server.pem"),
        .key = path_to("server.key"),
    };
    n->config.tls.ca[ORDO_ROLE_CLIENT] = path_to("client-ca.pem");
    n->config.tls.ca[ORDO_ROLE_OPERATOR] = path_to("operator-ca.pem");
    n->config.tls.ca[ORDO_ROLE_SUBSCRIBER] = path_to("subscriber-ca.pem");
}

static void open_place(void)
{
    struct ordo_server_config *config = &place.node.config;
    make_certificates();
    free_address(place.client, "tls+tcp");
    free_address(place.operators, "tls+tcp");
    free_address(place.stream, "tls+tcp");
    config->listen[0] = (struct ordo_server_listen){place.client, ORDO_ROLE_CLIENT};
    config->listen[1] = (struct ordo_server_listen){place.operators, ORDO_ROLE_OPERATOR};
    config->listen_count = 2;
    config->publish[0] = place.stream;
    config->publish_count = 1;
    node_open(&place.node, 64);
    node_run(&place.node);
}

/* Dials with the certificate of this name, NULL for none; nng's error. */
static int dial(nng_socket s, const char *url, const char *name)
{
    nng_dialer dialer;
    nng_tls_config *config;
    cr_assert_eq(nng_tls_config_alloc(&config, NNG_TLS_MODE_CLIENT), 0);
    cr_assert_eq(nng_tls_config_ca_file(config, path_to("server-ca.pem")), 0);
    cr_assert_eq(nng_tls_config_server_name(config, "localhost"), 0);
    if (name != NULL) {
        cr_assert_eq(nng_tls_config_cert_key_file(config, path_to(name), NULL), 0);
    }
    cr_assert_eq(nng_dialer_create(&dialer, s, url), 0);
    cr_assert_eq(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config), 0);
    int error = nng_dialer_start(dialer, 0);
    nng_tls_config_free(config);
    return error;
}

static uint16_t ask(nng_socket s, uint8_t kind, int *error)
{
    static uint8_t buffer[1024];
    struct ordo_writer out = ordo_writer_over(buffer, sizeof(buffer));
    struct ordo_command command = {.kind = kind, .id = {1}};
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    nng_msg *message;
    ordo_request_encode(&out, 1, &command, 1);
    cr_assert_eq(nng_msg_alloc(&message, 0), 0);
    cr_assert_eq(nng_msg_append(message, buffer, ordo_writer_size(&out)), 0);
    *error = nng_sendmsg(s, message, 0);
    if (*error != 0) {
        nng_msg_free(message);
        return 0;
    }
    *error = nng_recvmsg(s, &message, 0);
    if (*error != 0) {
        return 0;
    }
    struct ordo_bytes bytes = {nng_msg_body(message), (uint32_t)nng_msg_len(message)};
    cr_assert(ordo_reply_open(&reader, bytes, &fault), "%s", fault.text);
    cr_assert(ordo_reply_next(&reader, &item, &fault), "%s", fault.text);
    nng_msg_free(message);
    return item.result.code;
}

static void expect_code(const char *url, const char *name, uint8_t kind, uint16_t code)
{
    nng_socket s;
    int error;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    error = dial(s, url, name);
    cr_assert_eq(error, 0, "%s at %s: %s", name, url, nng_strerror(error));
    uint16_t got = ask(s, kind, &error);
    cr_assert_eq(error, 0, "%s at %s: %s", name, url, nng_strerror(error));
    cr_assert_eq(got, code, "%s at %s: code %u", name, url, got);
    nng_close(s);
}

static void expect_refused(const char *url, const char *name)
{
    nng_socket s;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, REFUSED_MS), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, REFUSED_MS), 0);
    int error = dial(s, url, name);
    if (error == 0) {
        (void)ask(s, ORDO_KIND_HEAD, &error);
    }
    cr_assert_neq(error, 0, "%s was served at %s", name == NULL ? "nobody" : name, url);
    nng_close(s);
}

Test(tls, serves_who_holds_a_certificate_of_the_role)
{
    open_place();
    expect_code(place.client, "client.both", ORDO_KIND_CANCEL, ORDO_RESULT_OK);
    expect_code(place.client, "client.both", ORDO_KIND_FREEZE, ORDO_RESULT_UNAUTHORISED);
    expect_code(place.operators, "operator.both", ORDO_KIND_FREEZE, ORDO_RESULT_OK);
    expect_code(place.operators, "operator.both", ORDO_KIND_CARDS, ORDO_RESULT_UNAUTHORISED);
    node_close(&place.node);
}

Test(tls, refuses_everybody_else_and_serves_on)
{
    open_place();
    static const char *const strangers[] = {"stranger.both", "operator.both", "server.both", NULL};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        expect_refused(place.client, strangers[i]);
        expect_code(place.client, "client.both", ORDO_KIND_CANCEL, ORDO_RESULT_OK);
    }
    expect_refused(place.operators, "client.both");
    expect_code(place.operators, "operator.both", ORDO_KIND_NOTE, ORDO_RESULT_OK);
    node_close(&place.node);
}

/* Plain bytes to the port of TLS; whatever comes back is no greeting. */
static void speak_plainly(const char *url, const char *bytes, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 0, .tv_usec = REFUSED_MS * 1000};
    char got[8] = {0};
    address.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    ssize_t received = recv(fd, got, sizeof(got), MSG_WAITALL);
    cr_assert(received < 8 || memcmp(got, "\0SP\0", 4) != 0, "greeted without TLS");
    close(fd);
}

Test(tls, says_nothing_to_plain_tcp_and_serves_on)
{
    static char plain[64];
    nng_socket s;
    open_place();
    speak_plainly(place.client, "\0SP\0\0\x30\0\0", 8);
    speak_plainly(place.client, "GET / HTTP/1.1\r\n\r\n", 18);
    speak_plainly(place.client, "\x16\x03\x01\xff\xff", 5);
    expect_code(place.client, "client.both", ORDO_KIND_CANCEL, ORDO_RESULT_OK);
    snprintf(plain, sizeof(plain), "tcp://%s", strstr(place.client, "127"));
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, REFUSED_MS), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, REFUSED_MS), 0);
    int error = nng_dial(s, plain, NULL, NNG_FLAG_NONBLOCK);
    cr_assert_eq(error, 0);
    (void)ask(s, ORDO_KIND_HEAD, &error);
    cr_assert_neq(error, 0, "served without TLS");
    nng_close(s);
    expect_code(place.client, "client.both", ORDO_KIND_CANCEL, ORDO_RESULT_OK);
    node_close(&place.node);
}

/* nng's error of waiting for a heartbeat. */
static int hear(const char *name, int wait_ms)
{
    nng_socket s;
    nng_msg *message;
    cr_assert_eq(nng_sub0_open(&s), 0);
    cr_assert_eq(nng_socket_set(s, NNG_OPT_SUB_SUBSCRIBE, "h", 1), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, wait_ms), 0);
    int error = dial(s, place.stream, name);
    if (error == 0) {
        error = nng_recvmsg(s, &message, 0);
    }
    if (error == 0) {
        nng_msg_free(message);
    }
    nng_close(s);
    return error;
}

Test(tls, gives_the_stream_to_subscribers_alone)
{
    open_place();
    cr_assert_eq(hear("subscriber.both", NODE_WAIT_MS), 0);
    cr_assert_neq(hear("client.both", 2 * REFUSED_MS), 0);
    cr_assert_neq(hear(NULL, 2 * REFUSED_MS), 0);
    cr_assert_eq(hear("subscriber.both", NODE_WAIT_MS), 0);
    node_close(&place.node);
}

static void expect_config(const char *text)
{
    struct ordo_fail fail = {0};
    struct ordo_server *server;
    enum ordo_err err = ordo_server_open(&place.node.config, &server, &fail);
    cr_assert_eq(err, ORDO_ERR_CONFIG, "%s", fail.text);
    cr_assert_not_null(strstr(fail.text, text), "\"%s\" has no \"%s\"", fail.text, text);
}

Test(tls, says_which_file_is_missing_or_wrong)
{
    struct ordo_server_config *config = &place.node.config;
    char command[128];
    make_certificates();
    free_address(place.client, "tls+tcp");
    config->listen[0] = (struct ordo_server_listen){place.client, ORDO_ROLE_REPLICA};
    config->listen_count = 1;
    expect_config("net.tls_ca = replica=FILE");
    config->listen[0].role = ORDO_ROLE_CLIENT;
    config->tls.key = "";
    expect_config("net.tls_key");
    config->tls.key = path_to("server.pem");
    expect_config("server.pem");
    config->tls.key = path_to("none.key");
    expect_config("none.key");
    config->tls.key = path_to("server.key");
    config->tls.ca[ORDO_ROLE_CLIENT] = path_to("client.key");
    expect_config("net.tls_ca");
    config->tls.ca[ORDO_ROLE_CLIENT] = place.files; /* a folder */
    expect_config(place.files);
    snprintf(command, sizeof(command), "rm -rf %s", place.node.directory);
    cr_assert_eq(system(command), 0);
}
