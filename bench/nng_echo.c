#include "bench/nng_echo.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LANES_MAX   256u
#define TRIES       500
#define ECHO_SIZE   100u
#define MESSAGE_MAX 1024u /* bytes: one command is much less */
#define PAUSE_US    10000

enum phase { SENDING, RECEIVING, IDLE };

struct lane {
    nng_ctx ctx;
    nng_aio *aio;
    enum phase phase;
    uint32_t index;
    const struct ordo_nng_asker *asker; /* of a client; NULL = zeros */
};

static atomic_bool stopping;
static _Atomic uint64_t done;
static _Atomic uint64_t not_good;
static atomic_uint in_flight;

/* ---- the child: sends back what it gets ---- */

static void on_server(void *context)
{
    struct lane *lane = context;
    if (nng_aio_result(lane->aio) != 0) {
        return;
    }
    if (lane->phase == RECEIVING) {
        nng_aio_set_msg(lane->aio, nng_aio_get_msg(lane->aio));
        lane->phase = SENDING;
        nng_ctx_send(lane->ctx, lane->aio);
    } else {
        lane->phase = RECEIVING;
        nng_ctx_recv(lane->ctx, lane->aio);
    }
}

static void serve(const char *url, uint32_t outstanding)
{
    static struct lane lanes[LANES_MAX];
    nng_socket socket;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* not longer than the benchmark */
    if (nng_rep0_open(&socket) != 0 || nng_listen(socket, url, NULL, 0) != 0) {
        _exit(1);
    }
    for (uint32_t i = 0; i < outstanding; i++) {
        if (nng_ctx_open(&lanes[i].ctx, socket) != 0 ||
            nng_aio_alloc(&lanes[i].aio, on_server, &lanes[i]) != 0) {
            _exit(1);
        }
        lanes[i].phase = RECEIVING;
        nng_ctx_recv(lanes[i].ctx, lanes[i].aio);
    }
    for (;;) {
        (void)pause();
    }
}

/* ---- the client ---- */

static void ask(struct lane *lane)
{
    nng_msg *message;
    if (atomic_load(&stopping) || nng_msg_alloc(&message, MESSAGE_MAX) != 0) {
        lane->phase = IDLE;
        (void)atomic_fetch_sub(&in_flight, 1);
        return;
    }
    uint32_t size = ECHO_SIZE;
    if (lane->asker == NULL) {
        memset(nng_msg_body(message), 0, size);
    } else {
        const struct ordo_nng_asker *asker = lane->asker;
        size = asker->write(asker->context, lane->index, nng_msg_body(message), MESSAGE_MAX);
    }
    (void)nng_msg_chop(message, MESSAGE_MAX - size);
    nng_aio_set_msg(lane->aio, message);
    lane->phase = SENDING;
    nng_ctx_send(lane->ctx, lane->aio);
}

static void on_client(void *context)
{
    struct lane *lane = context;
    if (nng_aio_result(lane->aio) != 0) {
        lane->phase = IDLE;
        (void)atomic_fetch_sub(&in_flight, 1);
        return;
    }
    if (lane->phase == SENDING) {
        lane->phase = RECEIVING;
        nng_ctx_recv(lane->ctx, lane->aio);
        return;
    }
    nng_msg *reply = nng_aio_get_msg(lane->aio);
    const struct ordo_nng_asker *asker = lane->asker;
    bool good = asker == NULL ||
                asker->read(asker->context, lane->index, nng_msg_body(reply), nng_msg_len(reply));
    nng_msg_free(reply);
    (void)atomic_fetch_add(good ? &done : &not_good, 1);
    ask(lane);
}

static enum ordo_err dial(nng_socket socket, const char *url, struct ordo_fail *fail)
{
    int rv = NNG_ECONNREFUSED;
    for (int i = 0; i < TRIES && rv != 0; i++) {
        rv = nng_dial(socket, url, NULL, 0);
        if (rv != 0) {
            (void)usleep(PAUSE_US);
        }
    }
    return rv == 0 ? ORDO_OK
                   : ordo_fail_set(
                         fail, ORDO_ERR_UNAVAILABLE, "nng echo at %s: %s", url, nng_strerror(rv));
}

static enum ordo_err
run(nng_socket socket,
    uint32_t outstanding,
    const struct ordo_nng_asker *asker,
    uint64_t limit_ns,
    double *per_second)
{
    static struct lane lanes[LANES_MAX];
    struct ordo_clock clock = ordo_clock_system();
    atomic_store(&stopping, false);
    atomic_store(&done, 0);
    atomic_store(&not_good, 0);
    atomic_store(&in_flight, outstanding);
    for (uint32_t i = 0; i < outstanding; i++) {
        lanes[i].index = i;
        lanes[i].asker = asker;
        if (nng_ctx_open(&lanes[i].ctx, socket) != 0 ||
            nng_aio_alloc(&lanes[i].aio, on_client, &lanes[i]) != 0) {
            return ORDO_ERR_NO_MEMORY;
        }
    }
    uint64_t begin_ns = ordo_clock_monotonic_ns(&clock);
    for (uint32_t i = 0; i < outstanding; i++) {
        ask(&lanes[i]);
    }
    (void)usleep((useconds_t)(limit_ns / ORDO_NS_PER_US));
    uint64_t count = atomic_load(&done);
    uint64_t spent_ns = ordo_clock_monotonic_ns(&clock) - begin_ns;
    atomic_store(&stopping, true);
    for (int i = 0; i < TRIES && atomic_load(&in_flight) != 0; i++) {
        (void)usleep(PAUSE_US);
    }
    for (uint32_t i = 0; i < outstanding; i++) {
        nng_aio_free(lanes[i].aio);
    }
    *per_second = (double)count * 1e9 / (double)spent_ns;
    return ORDO_OK;
}

enum ordo_err
ordo_nng_echo_open(const char *url, uint32_t outstanding, pid_t *child, struct ordo_fail *fail)
{
    *child = 0;
    if (outstanding > LANES_MAX) {
        return ordo_fail_set(fail, ORDO_ERR_LIMIT, "at most %u requests outstanding", LANES_MAX);
    }
    pid_t pid = fork();
    if (pid == 0) {
        serve(url, outstanding);
    }
    if (pid < 0) {
        return ordo_fail_set(fail, ORDO_ERR_IO, "fork failed: %s", strerror(errno));
    }
    *child = pid;
    return ORDO_OK;
}

void ordo_nng_echo_close(pid_t child)
{
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
}

enum ordo_err ordo_nng_ask(
    const char *url,
    uint32_t outstanding,
    const struct ordo_nng_asker *asker,
    uint64_t limit_ns,
    double *per_second,
    uint64_t *bad,
    struct ordo_fail *fail)
{
    nng_socket socket;
    ORDO_ASSERT(outstanding <= LANES_MAX);
    if (nng_req0_open(&socket) != 0) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for an nng socket");
    }
    enum ordo_err err = dial(socket, url, fail);
    err = err == ORDO_OK ? run(socket, outstanding, asker, limit_ns, per_second) : err;
    *bad = atomic_load(&not_good);
    (void)nng_close(socket);
    return err;
}
