/* Addresses: what can be listened on, what cannot and how it is said, and what a listener bears.
 */
#include "fake_node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void expect_reply(const char *url)
{
    static const uint8_t frame[] = {0x94, 0x01, 0x09, 0xc0, 0x90};
    nng_socket s;
    char *reply;
    size_t size;
    cr_assert_eq(nng_req0_open(&s), 0);
    cr_assert_eq(nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(s, url, NULL, 0), 0, "cannot dial %s", url);
    uint8_t copy[sizeof(frame)];
    memcpy(copy, frame, sizeof(frame));
    cr_assert_eq(nng_send(s, copy, sizeof(copy), 0), 0);
    cr_assert_eq(nng_recv(s, &reply, &size, NNG_FLAG_ALLOC), 0, "%s does not answer", url);
    nng_free(reply, size);
    nng_close(s);
}

Test(address, may_be_several)
{
    static struct node n;
    char tcp[64];
    snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", free_port());
    node_addresses(&n);
    n.config.listen[n.config.listen_count++].url = tcp;
    node_open(&n, 64);
    node_run(&n);
    expect_reply(n.url);
    expect_reply(tcp);
    node_close(&n);
}

Test(address, in_use_is_named_with_what_to_do)
{
    static struct node n;
    char tcp[64];
    char expected[256];
    snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", free_port());
    node_addresses(&n);
    n.config.listen[n.config.listen_count++].url = tcp;
    node_open(&n, 64);
    node_run(&n);
    const char *taken[] = {n.url, tcp};
    for (int i = 0; i < 4; i++) {
        struct ordo_server *second = NULL;
        struct ordo_fail fail = {0};
        struct ordo_server_config config = {
            .listen_count = 1, .requests_max = 8, .use_polled = node_door()};
        char other[256];
        snprintf(other, sizeof(other), "%s-other", n.url);
        config.listen[0].url = i < 2 ? taken[i] : other;
        config.publish[0] = taken[i % 2];
        config.publish_count = i < 2 ? 0 : 1;
        cr_assert_eq(ordo_server_open(&config, &second, &fail), ORDO_ERR_UNAVAILABLE);
        snprintf(
            expected,
            sizeof(expected),
            "cannot listen on %s: the address is in use by another process; stop it or choose "
            "another address",
            taken[i % 2]);
        cr_assert_str_eq(fail.text, expected);
        cr_assert_null(second);
    }
    expect_reply(n.url); /* the first one was not disturbed */
    expect_reply(tcp);
    node_close(&n);
}

Test(address, that_is_none_is_a_configuration_error)
{
    static const char *urls[] = {"", "nonsense", "carrier-pigeon://x", "tcp://127.0.0.1:99999"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct ordo_server *server = NULL;
        struct ordo_fail fail = {0};
        struct ordo_server_config config = {
            .listen_count = 1,
            .listen = {{.url = urls[i]}},
            .requests_max = 8,
            .use_polled = node_door()};
        cr_assert_eq(
            ordo_server_open(&config, &server, &fail),
            ORDO_ERR_CONFIG,
            "%s: %s",
            urls[i],
            fail.text);
        cr_assert_not_null(strstr(fail.text, "ipc:///path"), "%s", fail.text);
    }
    struct ordo_server *server = NULL;
    struct ordo_fail fail = {0};
    struct ordo_server_config config = {0};
    cr_assert_eq(ordo_server_open(&config, &server, &fail), ORDO_ERR_CONFIG);
    config = (struct ordo_server_config){
        .listen_count = 1,
        .listen = {{.url = "ipc:///no/such/folder/socket"}},
        .requests_max = 8,
        .use_polled = node_door()};
    cr_assert_eq(ordo_server_open(&config, &server, &fail), ORDO_ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(fail.text, "/no/such/folder/socket"), "%s", fail.text);
}

Test(address, of_ipc_is_for_the_owner_alone)
{
    static struct node n;
    struct stat status;
    (void)umask(0);
    node_open(&n, 64);
    cr_assert_eq(stat(n.url + strlen("ipc://"), &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(stat(n.publish_url + strlen("ipc://"), &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    node_close(&n);
}

Test(address, of_a_dead_server_is_taken_over)
{
    static struct node n;
    node_addresses(&n);
    /* a socket file that nobody listens on: what kill -9 leaves behind */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = n.url + strlen("ipc://");
    cr_assert(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    close(fd);
    node_open(&n, 64);
    node_run(&n);
    expect_reply(n.url);
    node_close(&n);
}

Test(address, that_is_a_plain_file_is_refused_and_the_file_kept)
{
    static struct node n;
    struct ordo_server *server = NULL;
    struct ordo_fail fail = {0};
    struct stat status;
    node_addresses(&n);
    struct ordo_server_config config = {
        .listen_count = 1,
        .listen = {{.url = n.url}},
        .requests_max = 8,
        .use_polled = node_door()};
    const char *path = n.url + strlen("ipc://");
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    (void)fclose(f);
    cr_assert_eq(ordo_server_open(&config, &server, &fail), ORDO_ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(fail.text, path), "%s", fail.text);
    cr_assert_eq(stat(path, &status), 0, "the file is gone");
    cr_assert(S_ISREG(status.st_mode), "the file was replaced");
    unlink(path);
    rmdir(n.directory);
}

/* kB of memory of this process. */
static long resident_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    cr_assert_not_null(f);
    while (kb < 0 && fgets(line, sizeof(line), f) != NULL) {
        (void)sscanf(line, "VmRSS: %ld", &kb);
    }
    (void)fclose(f);
    return kb;
}

static long address_space_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    cr_assert_not_null(f);
    while (kb < 0 && fgets(line, sizeof(line), f) != NULL) {
        (void)sscanf(line, "VmSize: %ld", &kb);
    }
    (void)fclose(f);
    return kb;
}

Test(address, closes_a_connection_that_announces_too_much)
{
    static struct node n;
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    uint16_t port = free_port();
    char tcp[64];
    snprintf(tcp, sizeof(tcp), "tcp://127.0.0.1:%u", port);
    node_addresses(&n);
    n.config.listen[n.config.listen_count++].url = tcp;
    node_open(&n, 64);
    node_run(&n);
    expect_reply(tcp);
    long resident = resident_kb();
    long space = address_space_kb();
    for (int i = 0; i < 8; i++) {
        /* 1 GiB; one byte more than the limit (the id of REQ is part of the message) */
        uint64_t announced = i % 2 == 0 ? 1ull << 30 : ORDO_WIRE_REQUEST_MAX + 5;
        uint8_t bytes[8];
        struct sockaddr_in address = {
            .sin_family = AF_INET,
            .sin_port = htons(port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct timeval limit = {.tv_sec = NODE_WAIT_MS / 1000};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(write(fd, greeting, sizeof(greeting)), 8);
        cr_assert_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), 8);
        for (int k = 0; k < 8; k++) {
            bytes[k] = (uint8_t)(announced >> (8 * (7 - k)));
        }
        cr_assert_eq(write(fd, bytes, sizeof(bytes)), 8);
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        cr_assert(got == 0 || (got < 0 && errno == ECONNRESET), "%zd: not closed", got);
        close(fd);
    }
    cr_assert(resident_kb() - resident < 16 * 1024, "resident memory grew");
    cr_assert(address_space_kb() - space < 512 * 1024, "address space grew");
    expect_reply(tcp);
    node_close(&n);
}
