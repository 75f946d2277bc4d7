/* `ordo bench stream`: how fast a subscriber that was away catches up out of the journal's files.
 *
 * A journal of real lifecycles is written; a server without an engine is put in front of it, with
 * no update in memory; one client asks over ipc for everything from update 1 on. The client proves
 * what it gets: numbers without a gap, and the stream hash over every update. Beside it, in turn:
 * the files read alone (checksums, chain), which is the limit of anything that serves them.
 *
 * With --ahead the client asks for the next range as soon as it knows where this one ends, before
 * it looks into it: server and client then work at the same time.
 */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/stream_files.h"
#include "net/client/sp.h"
#include "net/server.h"
#include "net/service.h"
#include "pipeline/pipeline.h"

#include <argp.h>
#include <dirent.h>
#include <ordo_version.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPEATS_MAX  99u
#define UPDATES_MAX  100000000u
#define POLL_MS      10000
#define EXIT_BROKEN  1
#define REQUEST_ID   0x80000001u
#define REQUEST_SIZE 256

struct options {
    const char *dir;
    uint64_t updates;
    uint32_t repeats;
    uint64_t limit;
    bool ahead;
    bool json;
};

/* A server whose ring stands still. */
struct stand {
    struct ordo_arena arena;
    struct ordo_ring ring;
    struct ordo_sequencer sequencer;
    struct ordo_stage reply;
    struct ordo_stage publish;
    struct ordo_sequence deadline_us;
    struct ordo_timekeeper keeper;
    struct ordo_ingress ingress;
    struct ordo_runner runner;
    struct ordo_server *server;
    char folder[256];
    char journal[300];
    char url[320];
};

struct bench {
    struct options options;
    struct ordo_stream_files files;
    struct stand stand;
    struct ordo_sp sp;
    struct ordo_hash128 hash; /* over everything received */
    uint64_t next;            /* update that is awaited */
    uint64_t fetches;
    double refill[REPEATS_MAX]; /* updates a second */
    double alone[REPEATS_MAX];
};

static double now_s(void)
{
    struct ordo_clock clock = ordo_clock_system();
    return (double)ordo_clock_monotonic_ns(&clock) / 1e9;
}

/* ---- the server ---- */

static enum ordo_err open_stand(struct bench *b, struct ordo_fail *fail)
{
    struct stand *s = &b->stand;
    struct ordo_server_config config = {.listen_count = 1, .data = s->journal};
    config.listen[0].url = s->url;
    ordo_arena_init(&s->arena);
    enum ordo_err err = ordo_server_open(&config, &s->server, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_ring_init(&s->ring, &s->arena, 64, 1u << 20, 1u << 20, fail);
    if (err != ORDO_OK) {
        return err;
    }
    ordo_sequencer_init(&s->sequencer, &s->ring);
    ordo_stage_init(&s->reply, "reply", &s->ring, 0);
    ordo_stage_init(&s->publish, "publish", &s->ring, 0);
    ordo_barrier_add(&s->reply.barrier, &s->sequencer.published);
    ordo_barrier_add(&s->publish.barrier, &s->sequencer.published);
    ordo_barrier_add(&s->sequencer.gate, &s->reply.sequence);
    ordo_barrier_add(&s->sequencer.gate, &s->publish.sequence);
    ordo_sequence_init(&s->deadline_us, UINT64_MAX);
    ordo_timekeeper_init(&s->keeper, ordo_clock_system(), 0);
    ordo_ingress_init(
        &s->ingress, &s->sequencer, &s->keeper, &s->deadline_us, &s->publish.sequence);
    ordo_runner_init(&s->runner, "stand", ORDO_WAIT_PARK, ORDO_CPU_ANY);
    ordo_server_attach(
        s->server,
        &s->ingress,
        &s->reply,
        &s->publish,
        &s->runner.waker,
        b->files.updates,
        b->files.hash);
    ordo_runner_add(&s->runner, ordo_server_ingress_agent(s->server));
    ordo_runner_add(&s->runner, ordo_server_reply_agent(s->server));
    ordo_runner_add(&s->runner, ordo_server_publish_agent(s->server));
    err = ordo_runner_start(&s->runner);
    return err == ORDO_OK ? ordo_server_start(s->server, fail) : err;
}

static void close_stand(struct stand *s)
{
    if (s->server != NULL) {
        ordo_server_stop(s->server);
        ordo_runner_stop(&s->runner);
        ordo_runner_join(&s->runner);
        ordo_server_close(s->server);
    }
    ordo_arena_fini(&s->arena);
}

/* ---- the client ---- */

static enum ordo_err wait_for(struct bench *b, struct ordo_fail *fail)
{
    struct pollfd p = {.fd = b->sp.fd, .events = ordo_sp_events(&b->sp, false)};
    return poll(&p, 1, POLL_MS) > 0
               ? ORDO_OK
               : ordo_fail_set(fail, ORDO_ERR_TIMEOUT, "no answer of the server in 10 s");
}

static enum ordo_err connect_client(struct bench *b, struct ordo_fail *fail)
{
    enum ordo_err err = ordo_sp_init(
        &b->sp, b->stand.url, ORDO_SP_REQ, ORDO_SP_REP, ORDO_WIRE_REPLY_MAX + 64, fail);
    if (err == ORDO_OK) {
        err = ordo_sp_connect(&b->sp, fail);
    }
    while (err == ORDO_OK && b->sp.phase != ORDO_SP_OPEN) {
        err = wait_for(b, fail);
        if (err == ORDO_OK) {
            err = ordo_sp_progress(&b->sp, fail);
            err = err == ORDO_ERR_EMPTY ? ORDO_OK : err;
        }
    }
    return err;
}

static enum ordo_err ask(struct bench *b, uint64_t from, struct ordo_fail *fail)
{
    uint8_t bytes[REQUEST_SIZE];
    uint8_t prefix[ORDO_SP_PREFIX_MAX];
    struct ordo_service service = {.kind = ORDO_SERVICE_FETCH};
    struct ordo_writer out = ordo_writer_over(bytes, sizeof(bytes));
    ordo_write_u8(&out, REQUEST_ID >> 24);
    ordo_write_u8(&out, 0);
    ordo_write_u8(&out, 0);
    ordo_write_u8(&out, REQUEST_ID & 0xff);
    service.fetch.from = from;
    service.fetch.limit = b->options.limit;
    ordo_service_encode(&out, from, &service);
    size_t size = ordo_writer_size(&out);
    const struct iovec parts[2] = {
        {prefix, ordo_sp_prefix(&b->sp, prefix, size)},
        {bytes, size},
    };
    size_t sent;
    enum ordo_err err = ordo_sp_send(&b->sp, parts, 2, &sent, fail);
    ORDO_ASSERT(err != ORDO_OK || sent == parts[0].iov_len + size); /* the socket was empty */
    return err;
}

static enum ordo_err receive(struct bench *b, struct ordo_bytes *message, struct ordo_fail *fail)
{
    for (;;) {
        enum ordo_err err = ordo_sp_next(&b->sp, message, fail);
        if (err != ORDO_ERR_EMPTY) {
            return err;
        }
        err = ordo_sp_receive(&b->sp, fail);
        if (err == ORDO_ERR_EMPTY) {
            err = wait_for(b, fail);
        }
        if (err != ORDO_OK) {
            return err;
        }
    }
}

/* Every update in its place, and the hash over all. */
static enum ordo_err prove(
    struct bench *b,
    struct ordo_mp_reader *body,
    const struct ordo_fetch_head *head,
    uint32_t count,
    struct ordo_fail *fail)
{
    uint8_t hash[16];
    bool good = head->first == b->next && head->last + 1 - head->first == count;
    for (uint32_t i = 0; i < count && good; i++) {
        struct ordo_update update;
        ordo_body_fetch_update(body, &update);
        good = body->error == NULL && update.update_seq == b->next;
        b->hash = ordo_update_hash(b->hash, &update);
        b->next++;
    }
    ordo_put_le64(hash, b->hash.low);
    ordo_put_le64(hash + 8, b->hash.high);
    if (!good || memcmp(hash, head->hash, sizeof(hash)) != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the answer from update %llu on is not the stream",
            (unsigned long long)head->first);
    }
    return ORDO_OK;
}

static enum ordo_err take_answer(struct bench *b, struct ordo_fail *fail)
{
    struct ordo_bytes message;
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault = {.code = 0};
    struct ordo_fetch_head head;
    enum ordo_err err = receive(b, &message, fail);
    if (err != ORDO_OK) {
        return err;
    }
    struct ordo_bytes frame = {message.data + 4, message.size - 4};
    if (!ordo_reply_open(&reader, frame, &fault) || !ordo_reply_next(&reader, &item, &fault) ||
        !item.has_body) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_INVALID,
            "the server refused: %.*s%s",
            (int)item.text.size,
            (const char *)item.text.data,
            fault.text);
    }
    uint32_t count = ordo_body_fetch(&item.body, &head);
    b->fetches++;
    if (b->options.ahead && head.last < b->files.updates) {
        err = ask(b, head.last + 1, fail);
    }
    if (err == ORDO_OK) {
        err = prove(b, &item.body, &head, count, fail);
    }
    if (err == ORDO_OK && !b->options.ahead && b->next <= b->files.updates) {
        err = ask(b, b->next, fail);
    }
    return err;
}

static enum ordo_err run_refill(struct bench *b, double *out, struct ordo_fail *fail)
{
    b->next = 1;
    b->hash = (struct ordo_hash128){0, 0};
    double begin = now_s();
    enum ordo_err err = ask(b, 1, fail);
    while (err == ORDO_OK && b->next <= b->files.updates) {
        err = take_answer(b, fail);
    }
    *out = (double)b->files.updates / (now_s() - begin);
    return err;
}

/* ---- the files alone ---- */

static enum ordo_err run_alone(struct bench *b, double *out, struct ordo_fail *fail)
{
    struct ordo_journal_reader *reader;
    struct ordo_record record = {.update_seq = 0};
    double begin = now_s();
    enum ordo_err err = ordo_journal_reader_open(b->stand.journal, 0, &reader, fail);
    if (err != ORDO_OK) {
        return err;
    }
    while (err == ORDO_OK && record.update_seq < b->files.updates) {
        err = ordo_journal_reader_next(reader, &record, fail);
    }
    ordo_journal_reader_close(reader);
    *out = (double)b->files.updates / (now_s() - begin);
    return err;
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_result(struct bench *b)
{
    uint32_t n = b->options.repeats;
    qsort(b->refill, n, sizeof(b->refill[0]), compare);
    qsort(b->alone, n, sizeof(b->alone[0]), compare);
    double load = 0;
    (void)getloadavg(&load, 1);
    printf(
        "{\"bench\":\"stream\",\"version\":\"%s\",\"commit\":\"%s\",\"build\":\"%s\",\"updates\":%"
        "llu,\"records\":%llu,"
        "\"ahead\":%s,\"repeats\":%u,\"refill_updates_per_s\":%.0f,\"refill_min\":%.0f,"
        "\"refill_max\":%.0f,\"files_alone_updates_per_s\":%.0f,\"ratio\":%.3f,"
        "\"fetches\":%llu,\"load1\":%.1f}\n",
        ORDO_VERSION,
        ORDO_COMMIT,
        ORDO_BUILD_TYPE,
        (unsigned long long)b->files.updates,
        (unsigned long long)b->files.records,
        b->options.ahead ? "true" : "false",
        n,
        b->refill[n / 2],
        b->refill[0],
        b->refill[n - 1],
        b->alone[n / 2],
        b->refill[n / 2] / b->alone[n / 2],
        (unsigned long long)b->fetches,
        load);
    if (!b->options.json) {
        fprintf(
            stderr,
            "refill over ipc, proven by number and hash: %.2f M updates/s (%.2f-%.2f)\n"
            "the files read alone, with checksums and chain: %.2f M updates/s; ratio %.2f\n",
            b->refill[n / 2] / 1e6,
            b->refill[0] / 1e6,
            b->refill[n - 1] / 1e6,
            b->alone[n / 2] / 1e6,
            b->refill[n / 2] / b->alone[n / 2]);
    }
}

static enum ordo_err run(struct bench *b, struct ordo_fail *fail)
{
    double warm_up;
    enum ordo_err err =
        ordo_stream_files_write(b->stand.journal, b->options.updates * 4 / 5, &b->files, fail);
    if (err == ORDO_OK) {
        err = open_stand(b, fail);
    }
    if (err == ORDO_OK) {
        err = connect_client(b, fail);
    }
    if (err == ORDO_OK) {
        err = run_refill(b, &warm_up, fail);
    }
    for (uint32_t i = 0; i < b->options.repeats && err == ORDO_OK; i++) {
        err = run_refill(b, &b->refill[i], fail);
        if (err == ORDO_OK) {
            err = run_alone(b, &b->alone[i], fail);
        }
    }
    ordo_sp_fini(&b->sp);
    close_stand(&b->stand);
    return err;
}

static uint64_t
whole_number(struct argp_state *state, const char *name, const char *text, uint64_t max)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != 0 || value < 1 || value > max) {
        argp_error(state, "--%s %s: give 1 to %llu", name, text, (unsigned long long)max);
    }
    return value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'd':
        options->dir = argument;
        return 0;
    case 'u':
        options->updates = whole_number(state, "updates", argument, UPDATES_MAX);
        return 0;
    case 'r':
        options->repeats = (uint32_t)whole_number(state, "repeats", argument, REPEATS_MAX);
        return 0;
    case 'l':
        options->limit = whole_number(state, "limit", argument, ORDO_FETCH_LIMIT_MAX);
        return 0;
    case 'a':
        options->ahead = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A folder that holds files only. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse */
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

int ordo_bench_stream(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"dir", 'd', "DIR", 0, "Make the journal on this folder's disk (default .)", 0},
        {"updates", 'u', "N", 0, "Updates to write and to fetch (default 3000000)", 0},
        {"repeats", 'r', "N", 0, "Measurements; the median counts (default 5)", 0},
        {"limit", 'l', "N", 0, "Updates of one fetch (default: as many as fit)", 0},
        {"ahead", 'a', NULL, 0, "Ask for the next range before looking into this one", 0},
        {"json", 'j', NULL, 0, "Only the JSON line, no table", 0},
        {0},
    };
    static const struct argp parser = {
        .options = table,
        .parser = parse_option,
        .doc = "How fast a subscriber that was away catches up out of the journal's files.",
    };
    static struct bench b;
    struct ordo_fail fail = {0};
    b.options = (struct options){.dir = ".", .updates = 3000000, .repeats = 5};
    b.sp.fd = -1;
    if (argp_parse(&parser, argc, argv, 0, NULL, &b.options) != 0) {
        return EXIT_BROKEN;
    }
    (void)snprintf(
        b.stand.folder, sizeof(b.stand.folder), "%.200s/ordo-bench-XXXXXX", b.options.dir);
    if (mkdtemp(b.stand.folder) == NULL) {
        (void)fprintf(stderr, "ordo bench stream: cannot make %s\n", b.stand.folder);
        return EXIT_BROKEN;
    }
    (void)snprintf(b.stand.journal, sizeof(b.stand.journal), "%s/journal", b.stand.folder);
    (void)snprintf(b.stand.url, sizeof(b.stand.url), "ipc:///tmp/ordo-stream-%d", (int)getpid());
    enum ordo_err err = run(&b, &fail);
    remove_folder(b.stand.journal);
    remove_folder(b.stand.folder);
    if (err != ORDO_OK) {
        (void)fprintf(stderr, "ordo bench stream: %s\n", fail.text);
        return EXIT_BROKEN;
    }
    print_result(&b);
    return 0;
}
