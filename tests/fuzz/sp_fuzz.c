/* The framing of a connection as the client library reads it: whatever a server, or who pretends to
 * be one, sends, the connection delivers messages or closes; its memory follows what has arrived.
 */
#include "client/sp.h"
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ordo_fail fail;
    struct ordo_sp sp;
    int ends[2];
    if (size < 1 || size > 60000) {
        return 0;
    }
    const char *url = data[0] % 2 == 0 ? "ipc:///nowhere" : "tcp://127.0.0.1:1";
    FUZZ_CHECK(ordo_sp_init(&sp, url, ORDO_SP_REQ, ORDO_SP_REP, MESSAGE_MAX, &fail) == ORDO_OK);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    /* as connect() leaves it: the greeting of this side is out */
    sp.fd = ends[0];
    sp.phase = ORDO_SP_GREETING_SENT;
    sp.in_begin = 0;
    sp.in_end = 0;
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    if (data[0] % 16 >= 2) {
        FUZZ_CHECK(write(ends[1], greeting, sizeof(greeting)) == (ssize_t)sizeof(greeting));
    }
    ssize_t sent = write(ends[1], data + 1, size - 1);
    FUZZ_CHECK(sent == (ssize_t)size - 1 || size == 1);
    (void)shutdown(ends[1], SHUT_WR);
    enum ordo_err err = ordo_sp_progress(&sp, &fail);
    size_t got = 0;
    while (err == ORDO_OK) {
        struct ordo_bytes message;
        err = ordo_sp_next(&sp, &message, &fail);
        if (err == ORDO_OK) {
            FUZZ_CHECK(message.size <= MESSAGE_MAX);
            got += message.size;
            FUZZ_CHECK(got <= size);
        } else if (err == ORDO_ERR_EMPTY) {
            err = ordo_sp_receive(&sp, &fail);
            FUZZ_CHECK(err != ORDO_ERR_EMPTY);
        }
        FUZZ_CHECK(sp.in_size <= 2 * (MESSAGE_MAX + ORDO_SP_BUFFER));
    }
    ordo_sp_fini(&sp);
    (void)close(ends[1]);
    return 0;
}
