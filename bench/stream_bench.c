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
#include "base/log.h"
#include "bench/bench.h"
#include "bench/folder.h"
#include "bench/report.h"
#include "bench/stream_files.h"
#include "net/client/sp.h"
#include "net/server.h"
#include "net/service.h"
#include "pipeline/pipeline.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UPDATES_MAX   100000000u
#define UPDATES_QUICK 20000u
#define POLL_MS       10000
#define REQUEST_ID    0x80000001u
#define REQUEST_SIZE  256

struct options {
    struct ordo_bench_options common;
    uint64_t updates;
    uint64_t limit;
    bool updates_given;
    bool ahead;
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
    char folder[ORDO_BENCH_FOLDER];
    char journal[ORDO_BENCH_FOLDER + 16];
    char url[320];
};

struct bench {
    struct options options;
    struct ordo_report report;
    struct ordo_stream_files files;
    struct stand stand;
    struct ordo_sp sp;
    struct ordo_hash128 hash; /* over everything received */
    uint64_t next;            /* update that is awaited */
    uint64_t fetches;
};

static double now_s(void)
{
    return (double)ordo_bench_now_ns() / 1e9;
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

static enum ordo_err measure(struct bench *b, struct ordo_fail *fail)
{
    struct ordo_report_row *row = ordo_report_row(&b->report, "refill", "updates/s");
    double refill = 0;
    double alone = 0;
    ordo_report_limit(row, "files read alone");
    enum ordo_err err = run_refill(b, &refill, fail); /* not counted */
    for (uint32_t i = 0; i < b->options.common.repeats && err == ORDO_OK; i++) {
        err = run_refill(b, &refill, fail);
        if (err == ORDO_OK) {
            err = run_alone(b, &alone, fail);
        }
        if (err == ORDO_OK) {
            ordo_report_pair(row, refill, alone);
        }
    }
    ordo_report_set(&b->report, "updates", (double)b->files.updates);
    ordo_report_set(&b->report, "records", (double)b->files.records);
    ordo_report_set(&b->report, "ahead", b->options.ahead);
    ordo_report_set(&b->report, "fetches", (double)b->fetches);
    return err;
}

static enum ordo_err run(struct bench *b, struct ordo_fail *fail)
{
    struct stand *s = &b->stand;
    enum ordo_err err = ordo_bench_folder_make(b->options.common.dir, s->folder, fail);
    if (err != ORDO_OK) {
        return err;
    }
    (void)snprintf(s->journal, sizeof(s->journal), "%s/journal", s->folder);
    (void)snprintf(s->url, sizeof(s->url), "ipc:///tmp/ordo-stream-%d", (int)getpid());
    err = ordo_stream_files_write(s->journal, b->options.updates * 4 / 5, &b->files, fail);
    if (err == ORDO_OK) {
        err = open_stand(b, fail);
    }
    if (err == ORDO_OK) {
        err = connect_client(b, fail);
    }
    if (err == ORDO_OK) {
        err = measure(b, fail);
    }
    ordo_sp_fini(&b->sp);
    close_stand(s);
    ordo_bench_folder_remove(s->folder);
    return err;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'u':
        options->updates = ordo_bench_whole(state, "updates", argument, 1, UPDATES_MAX);
        options->updates_given = true;
        return 0;
    case 'l':
        options->limit = ordo_bench_whole(state, "limit", argument, 1, ORDO_FETCH_LIMIT_MAX);
        return 0;
    case 'a':
        options->ahead = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int ordo_bench_stream(int argc, char **argv)
{
    static const struct argp_option own_options[] = {
        {"updates", 'u', "N", 0, "Updates to write and to fetch (default 3000000)", 0},
        {"limit", 'l', "N", 0, "Updates of one fetch (default: as many as fit)", 0},
        {"ahead", 'a', NULL, 0, "Ask for the next range before looking into this one", 0},
        {0},
    };
    static struct bench b;
    const struct ordo_bench_verb verb = {
        .doc = "How fast a subscriber that was away catches up out of the journal's files.",
        .options = own_options,
        .parse = parse_option,
        .input = &b.options,
        .common = &b.options.common,
    };
    struct ordo_fail fail = {0};
    b.options = (struct options){.common = {.dir = ".", .repeats = 5}, .updates = 3000000};
    b.sp.fd = -1;
    ordo_bench_parse(&verb, argc, argv);
    if (b.options.common.quick && !b.options.updates_given) {
        b.options.updates = UPDATES_QUICK;
    }
    ordo_log_set_level(ORDO_LOG_WARN);
    ordo_report_begin(&b.report, "stream", &b.options.common);
    if (run(&b, &fail) != ORDO_OK) {
        (void)fprintf(stderr, "ordo: bench stream: %s\n", fail.text);
        return ORDO_BENCH_FAILED;
    }
    return ordo_report_end(&b.report);
}
