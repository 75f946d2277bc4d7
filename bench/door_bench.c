/* door_bench [SECONDS [REPEATS]]: the doors alone, beside a bare nng echo.
 *
 * Each server is a process of its own and does nothing but answer: a request of N commands of 64
 * bytes with 16 + N bytes. The door's frames go the way of a server's: out of an inbox, on the
 * thread of a runner that parks. The client is one REQ socket of nng on ipc with W requests
 * outstanding. The servers take turns within a repeat; a row is the median over the repeats. The
 * server's processor time is that of its process, over the requests it answered.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "bench/report.h"
#include "net/inbox.h"
#include "net/nng_door.h"
#include "net/polled_door.h"
#include "ring/runner.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_SIZE 64u
#define REQUESTS     512u
#define WINDOW_MAX   64u
#define BATCH_MAX    256u
#define REPEATS_MAX  31
#define CONTEXTS     128

static const char *const servers[] = {"polled", "nng", "bare"};
static const struct {
    uint32_t window;
    uint32_t batch;
} loads[] = {{1, 1}, {64, 1}, {16, 256}};

#define SERVERS (sizeof(servers) / sizeof(servers[0]))
#define LOADS   (sizeof(loads) / sizeof(loads[0]))

static uint32_t reply_size(size_t request_size)
{
    return 16 + (uint32_t)(request_size / COMMAND_SIZE);
}

/* ---- the servers ---- */

struct held {
    struct ordo_inbox_item item;
    uint32_t number;
    struct ordo_bytes frame;
};

static struct ordo_door door;
static struct held held[REQUESTS];
static struct ordo_inbox inbox;
static struct ordo_runner runner;
static uint8_t answer[16 + BATCH_MAX];

static void deliver(void *self, uint32_t number, enum ordo_door_role role, struct ordo_bytes frame)
{
    (void)self;
    (void)role;
    held[number].number = number;
    held[number].frame = frame;
    ordo_inbox_push(&inbox, &held[number].item);
    if (door.work == NULL) {
        ordo_waker_signal(&runner.waker);
    }
}

static uint32_t work(void *self)
{
    uint32_t count = door.work != NULL ? door.work(door.self) : 0;
    struct ordo_inbox_item *item = ordo_inbox_take(&inbox);
    (void)self;
    for (; item != NULL; count++) {
        const struct held *own = (const struct held *)item;
        item = item->next;
        struct ordo_bytes bytes = {answer, reply_size(own->frame.size)};
        door.reply(door.self, own->number, bytes);
    }
    return count;
}

static uint64_t deadline_ns(void *self)
{
    return door.deadline_ns != NULL ? door.deadline_ns(self) : UINT64_MAX;
}

static void serve_door(bool polled, const char *url)
{
    struct ordo_fail fail = {0};
    struct ordo_nng_listeners *listeners;
    struct ordo_polled_config config = {0};
    struct ordo_door_host host = {
        .deliver = deliver, .request_count = REQUESTS, .size_max = 1u << 20};
    ORDO_ASSERT(ordo_nng_listeners_open(&listeners, &fail) == ORDO_OK);
    enum ordo_err err = polled ? ordo_polled_door_open(&host, &config, &door, &fail)
                               : ordo_nng_door_open(&host, listeners, &door, &fail);
    if (err == ORDO_OK) {
        err = door.listen(door.self, ORDO_ROLE_ALL, url, &fail);
    }
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "%s\n", fail.text);
        _exit(1);
    }
    ordo_runner_init(&runner, "door", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_runner_add(
        &runner,
        (struct ordo_agent){.self = door.self, .do_work = work, .deadline_ns = deadline_ns});
    if (door.bind != NULL) {
        door.bind(door.self, &runner.waker);
    }
    ORDO_ASSERT(ordo_runner_start(&runner) == ORDO_OK);
    door.start(door.self);
}

struct context {
    nng_ctx ctx;
    nng_aio *aio;
    bool sending;
};

static void on_context(void *self)
{
    struct context *c = self;
    if (nng_aio_result(c->aio) != 0) {
        return;
    }
    if (c->sending) {
        c->sending = false;
        nng_ctx_recv(c->ctx, c->aio);
        return;
    }
    nng_msg *message = nng_aio_get_msg(c->aio);
    uint32_t size = reply_size(nng_msg_len(message));
    nng_msg_clear(message);
    ORDO_ASSERT(nng_msg_append(message, answer, size) == 0);
    c->sending = true;
    nng_aio_set_msg(c->aio, message);
    nng_ctx_send(c->ctx, c->aio);
}

static void serve_bare(const char *url)
{
    static struct context contexts[CONTEXTS];
    nng_socket socket;
    ORDO_ASSERT(nng_rep0_open(&socket) == 0);
    ORDO_ASSERT(nng_listen(socket, url, NULL, 0) == 0);
    for (int i = 0; i < CONTEXTS; i++) {
        ORDO_ASSERT(nng_ctx_open(&contexts[i].ctx, socket) == 0);
        ORDO_ASSERT(nng_aio_alloc(&contexts[i].aio, on_context, &contexts[i]) == 0);
        nng_ctx_recv(contexts[i].ctx, contexts[i].aio);
    }
}

static int serve(const char *server, const char *url)
{
    sigset_t ends;
    int got;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    if (strcmp(server, "bare") == 0) {
        serve_bare(url);
    } else {
        serve_door(strcmp(server, "polled") == 0, url);
    }
    (void)sigwait(&ends, &got);
    _exit(0);
}

/* ---- the client ---- */

struct request {
    nng_ctx ctx;
    nng_aio *aio;
    bool sent;
};

static _Atomic uint64_t answered;
static atomic_bool ending;
static size_t request_size;

static void send_request(struct request *own)
{
    nng_msg *message;
    ORDO_ASSERT(nng_msg_alloc(&message, request_size) == 0);
    memset(nng_msg_body(message), 0, request_size);
    own->sent = false;
    nng_aio_set_msg(own->aio, message);
    nng_ctx_send(own->ctx, own->aio);
}

static void on_request(void *self)
{
    struct request *own = self;
    if (nng_aio_result(own->aio) != 0) {
        return;
    }
    if (!own->sent) {
        own->sent = true;
        nng_ctx_recv(own->ctx, own->aio);
        return;
    }
    nng_msg_free(nng_aio_get_msg(own->aio));
    atomic_fetch_add(&answered, 1);
    if (!atomic_load(&ending)) {
        send_request(own);
    }
}

static uint64_t drive(const char *url, uint32_t window, uint32_t batch, double seconds)
{
    static struct request requests[WINDOW_MAX];
    nng_socket socket;
    request_size = (size_t)batch * COMMAND_SIZE;
    atomic_store(&ending, false);
    ORDO_ASSERT(nng_req0_open(&socket) == 0);
    int error = NNG_ECONNREFUSED;
    for (int i = 0; i < 500 && error != 0; i++) {
        error = nng_dial(socket, url, NULL, 0);
        nng_msleep(error == 0 ? 0 : 10);
    }
    ORDO_ASSERT(error == 0);
    for (uint32_t i = 0; i < window; i++) {
        ORDO_ASSERT(nng_ctx_open(&requests[i].ctx, socket) == 0);
        ORDO_ASSERT(nng_aio_alloc(&requests[i].aio, on_request, &requests[i]) == 0);
        send_request(&requests[i]);
    }
    nng_msleep(100); /* warm */
    uint64_t before = atomic_load(&answered);
    nng_msleep((nng_duration)(seconds * 1000));
    uint64_t count = atomic_load(&answered) - before;
    atomic_store(&ending, true);
    for (uint32_t i = 0; i < window; i++) {
        nng_aio_wait(requests[i].aio);
    }
    nng_msleep(20);
    (void)nng_close(socket);
    for (uint32_t i = 0; i < window; i++) {
        nng_aio_free(requests[i].aio);
    }
    return count;
}

/* ---- runs ---- */

struct row {
    double rate[REPEATS_MAX];
    double cpu_us[REPEATS_MAX]; /* a request */
};

static void run(const char *server, size_t load, double seconds, uint32_t at, struct row *row)
{
    char url[64];
    struct rusage usage;
    (void)snprintf(url, sizeof(url), "ipc:///tmp/ordo-door-bench-%d", (int)getpid());
    pid_t child = fork();
    if (child == 0) {
        (void)execl("/proc/self/exe", "door_bench", server, url, (char *)NULL);
        _exit(127);
    }
    uint64_t first = atomic_load(&answered);
    uint64_t count = drive(url, loads[load].window, loads[load].batch, seconds);
    uint64_t all = atomic_load(&answered) - first;
    (void)kill(child, SIGTERM);
    (void)wait4(child, NULL, 0, &usage);
    (void)unlink(url + strlen("ipc://"));
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    row->rate[at] = (double)count / seconds;
    row->cpu_us[at] = cpu / (double)(all == 0 ? 1 : all);
}

int main(int argc, char **argv)
{
    static struct row rows[LOADS][SERVERS];
    if (argc == 3 && strncmp(argv[2], "ipc://", 6) == 0) {
        return serve(argv[1], argv[2]);
    }
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    uint32_t repeats = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 5;
    repeats = repeats == 0 || repeats > REPEATS_MAX ? 5 : repeats;
    for (uint32_t i = 0; i < repeats; i++) {
        for (size_t load = 0; load < LOADS; load++) {
            for (size_t server = 0; server < SERVERS; server++) {
                run(servers[server], load, seconds, i, &rows[load][server]);
            }
        }
    }
    for (size_t load = 0; load < LOADS; load++) {
        for (size_t server = 0; server < SERVERS; server++) {
            const struct row *row = &rows[load][server];
            double rate = ordo_quantile(row->rate, repeats, 0.5);
            printf(
                "%2u x %-3u %-6s %9.0f requests/s (%.0f to %.0f) %11.0f commands/s  server %.1f "
                "us/request\n",
                loads[load].window,
                loads[load].batch,
                servers[server],
                rate,
                ordo_quantile(row->rate, repeats, 0),
                ordo_quantile(row->rate, repeats, 1),
                rate * loads[load].batch,
                ordo_quantile(row->cpu_us, repeats, 0.5));
        }
    }
    return 0;
}
