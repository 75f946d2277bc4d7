/* A listener of nng 1.5.2 that a peer has silenced: the address must come back. In a program of its
 * own, because nng itself leaks the connections that it greeted and gave to nobody.
 */
#include "fake_node.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <sys/socket.h>
#include <sys/un.h>

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so";
}

/* Connects and leaves, before the greetings: what a client does that is killed early. */
static void come_and_go(const char *url)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = url + strlen("ipc://");
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

Test(listener, of_ipc_survives_peers_that_come_and_go)
{
    static struct node n;
    static const uint8_t frame[] = {0x94, 0x01, 0x09, 0xc0, 0x90};
    nng_socket standing;
    nng_socket late;
    uint8_t copy[sizeof(frame)];
    char *reply;
    size_t size;
    node_open(&n, 64);
    node_run(&n);
    cr_assert_eq(nng_req0_open(&standing), 0);
    cr_assert_eq(nng_socket_set_ms(standing, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
    cr_assert_eq(nng_dial(standing, n.url, NULL, 0), 0);
    for (int i = 0; i < 2; i++) {
        come_and_go(n.url);
        cr_assert_eq(nng_req0_open(&late), 0);
        cr_assert_eq(nng_socket_set_ms(late, NNG_OPT_RECVTIMEO, NODE_WAIT_MS), 0);
        cr_assert_eq(nng_dial(late, n.url, NULL, NNG_FLAG_NONBLOCK), 0);
        memcpy(copy, frame, sizeof(frame));
        cr_assert_eq(nng_send(late, copy, sizeof(copy), 0), 0);
        cr_assert_eq(nng_recv(late, &reply, &size, NNG_FLAG_ALLOC), 0, "nobody accepts any more");
        nng_free(reply, size);
        nng_close(late);
        memcpy(copy, frame, sizeof(frame));
        cr_assert_eq(nng_send(standing, copy, sizeof(copy), 0), 0);
        cr_assert_eq(nng_recv(standing, &reply, &size, NNG_FLAG_ALLOC), 0, "%d: lost", i);
        nng_free(reply, size);
    }
    nng_close(standing);
    node_close(&n);
}

Test(listener, comes_back_when_its_file_was_removed)
{
    static struct node n;
    const char *path;
    node_open(&n, 64);
    node_run(&n);
    path = n.url + strlen("ipc://");
    cr_assert_eq(unlink(path), 0);
    for (int waited_ms = 0; access(path, F_OK) != 0; waited_ms += 10) {
        cr_assert(waited_ms < NODE_WAIT_MS, "the file does not come back");
        nng_msleep(10);
    }
    node_close(&n);
}
