/* redis_load: the best client that Redis can have here. One thread, plain sockets, epoll; requests
 * are templates of which only the numbers are patched, so the client takes little of the two cores.
 *
 * A connection sends a group of commands, one for each of its orders, and waits for all of the
 * answers before it sends the next step of the same orders: no step of an order is sent before the
 * one before it was answered. The groups of different connections overlap, so the server always has
 * work. Every answer is checked; one that is not as expected fails the run.
 *
 * Modes: life (create, attempt, pay which issues, acknowledge), fill (only create), read (HGETALL
 * of orders that are there). Prints one JSON object. */
#include "base/clock.h"
#include "base/histogram.h"
#include "redis_template.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STEPS           4u
#define CONNECTIONS_MAX 1024u
#define PIPELINE_MAX    4096u
#define IN_SIZE         262144u
#define LINE_MAX_SIZE   64u
#define PRODUCTS_MAX    100u
#define EVENTS_MAX      64
#define WAIT_MS         10000

enum mode { MODE_LIFE, MODE_FILL, MODE_READ };

struct options {
    const char *socket;
    const char *scripts[STEPS];
    enum mode mode;
    uint32_t connections;
    uint32_t pipeline;
    uint32_t products;
    double seconds;
    uint64_t first;  /* number of the first order */
    uint64_t orders; /* fill: how many to create; read: how many there are */
    bool cards;
};

struct connection {
    int fd;
    uint32_t step;
    uint32_t answered;
    uint64_t first;
    uint64_t sent_ns;
    char *out;
    uint32_t out_size;
    uint32_t out_at;
    char *in;
    uint32_t in_size;
    uint64_t skip;    /* bytes of a bulk string still to come */
    uint32_t pending; /* elements of an array still to come */
};

struct load {
    struct options options;
    struct ordo_redis_template templates[STEPS];
    struct connection *connections;
    struct ordo_clock clock;
    struct ordo_histogram latency; /* of a group, from its send to its last answer */
    uint64_t next;
    uint64_t end_ns;
    uint64_t commands;
    uint64_t lifecycles;
    uint32_t step_count;
    uint32_t live;
    char wrong[LINE_MAX_SIZE]; /* the first answer that was not as expected */
};

static const struct argp_option argp_options[] = {
    {"socket", 's', "PATH", 0, "Unix socket of the server", 0},
    {"scripts",
     'x',
     "SHA,SHA,SHA,SHA",
     0,
     "create, attempt, pay, ack, as SCRIPT LOAD named them",
     0},
    {"mode", 'm', "life|fill|read", 0, "What to do (default life)", 0},
    {"connections", 'c', "N", 0, "Connections (default 1)", 0},
    {"pipeline", 'p', "N", 0, "Commands sent at once on each (default 1)", 0},
    {"products", 'k', "N", 0, "Products the orders are spread over (default 64)", 0},
    {"seconds", 't', "S", 0, "How long (default 1)", 0},
    {"first", 'f', "N", 0, "Number of the first order", 0},
    {"orders", 'n', "N", 0, "fill: how many to create; read: how many there are", 0},
    {"cards", 'C', NULL, 0, "A payment takes a card off the product's list", 0},
    {0},
};

static uint64_t number_of(struct argp_state *state, const char *text, uint64_t most)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != 0 || value > most) {
        argp_error(state, "%s: give a number up to %llu", text, (unsigned long long)most);
    }
    return value;
}

static void parse_scripts(struct argp_state *state, struct options *options, const char *text)
{
    if (strlen(text) != STEPS * (ORDO_REDIS_SHA_SIZE + 1) - 1) {
        argp_error(
            state,
            "--scripts: give %u names of %u digits, with commas",
            STEPS,
            ORDO_REDIS_SHA_SIZE);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        options->scripts[i] = text + i * (ORDO_REDIS_SHA_SIZE + 1);
    }
}

static void parse_mode(struct argp_state *state, struct options *options, const char *text)
{
    static const char *const names[] = {"life", "fill", "read"};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            options->mode = (enum mode)i;
            return;
        }
    }
    argp_error(state, "--mode %s: give life, fill or read", text);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;
    char *end = NULL;
    switch (key) {
    case 's':
        options->socket = argument;
        return 0;
    case 'x':
        parse_scripts(state, options, argument);
        return 0;
    case 'm':
        parse_mode(state, options, argument);
        return 0;
    case 'c':
        options->connections = (uint32_t)number_of(state, argument, CONNECTIONS_MAX);
        return 0;
    case 'p':
        options->pipeline = (uint32_t)number_of(state, argument, PIPELINE_MAX);
        return 0;
    case 'k':
        options->products = (uint32_t)number_of(state, argument, PRODUCTS_MAX);
        return 0;
    case 't':
        options->seconds = strtod(argument, &end);
        return *end == 0 ? 0 : EINVAL;
    case 'f':
        options->first = number_of(state, argument, UINT64_MAX / 2);
        return 0;
    case 'n':
        options->orders = number_of(state, argument, UINT64_MAX / 2);
        return 0;
    case 'C':
        options->cards = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "redis_load: %s: %s\n", what, why);
    exit(1);
}

static void *take(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fail("memory", "none is left");
    }
    return memory;
}

#define BUILD(t, script, ...)                                                                      \
    ordo_redis_template_build(                                                                     \
        (t),                                                                                       \
        (script),                                                                                  \
        (const char *const[]){__VA_ARGS__},                                                        \
        (uint32_t)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

static void build_all(struct load *load)
{
    struct ordo_redis_template *t = load->templates;
    const char *const *scripts = load->options.scripts;
    if (load->options.mode == MODE_READ) {
        BUILD(&t[0], NULL, "HGETALL", "B%N");
        load->step_count = 1;
        return;
    }
    BUILD(&t[0], scripts[0], "2", "B%N", "stock:%P", "U%N", "%P", "1", "990", "156");
    BUILD(&t[1], scripts[1], "1", "B%N", "1", "990");
    BUILD(&t[2], scripts[2], "2", "B%N", "cards:%P", "T%N", "990", load->options.cards ? "1" : "0");
    BUILD(&t[3], scripts[3], "1", "B%N");
    t[0].expected = '1';
    t[1].expected = '2';
    t[2].expected = '4';
    t[3].expected = '5';
    load->step_count = load->options.mode == MODE_FILL ? 1 : STEPS;
}

/* ---- sending ---- */

static void send_out(struct connection *c)
{
    while (c->out_at < c->out_size) {
        ssize_t sent = send(c->fd, c->out + c->out_at, c->out_size - c->out_at, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (sent <= 0) {
            fail("send", strerror(errno));
        }
        c->out_at += (uint32_t)sent;
    }
}

static uint64_t number_for(const struct load *load, const struct connection *c, uint32_t i)
{
    uint64_t number = c->first + i;
    return load->options.mode == MODE_READ
               ? load->options.first + number * 7919 % load->options.orders
               : number;
}

static void send_group(struct load *load, struct connection *c)
{
    const struct ordo_redis_template *t = &load->templates[c->step];
    uint32_t count = load->options.pipeline;
    char *to = c->out;
    if (c->step == 0) {
        c->first = load->next;
        load->next += count;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t number = number_for(load, c, i);
        ordo_redis_template_write(t, to, number, (uint32_t)(number % load->options.products));
        to += t->size;
    }
    c->out_size = (uint32_t)(to - c->out);
    c->out_at = 0;
    c->answered = 0;
    c->sent_ns = ordo_clock_monotonic_ns(&load->clock);
    send_out(c);
}

/* ---- answers ---- */

static void note_wrong(struct load *load, const char *line, uint32_t size)
{
    if (load->wrong[0] == 0) {
        uint32_t most = size < LINE_MAX_SIZE - 1 ? size : LINE_MAX_SIZE - 1;
        memcpy(load->wrong, line, most);
        load->wrong[most] = 0;
    }
}

/* One line without its end: true when an answer is complete with it. */
static bool take_line(struct load *load, struct connection *c, const char *line, uint32_t size)
{
    char expected = load->templates[c->step].expected;
    if (line[0] == '*' && expected == 0 && c->pending == 0) {
        c->pending = (uint32_t)strtoul(line + 1, NULL, 10);
        if (c->pending == 0) {
            note_wrong(load, line, size);
        }
        return c->pending == 0;
    }
    if (line[0] == '$' && c->pending != 0) {
        c->skip = strtoull(line + 1, NULL, 10) + 2;
        c->pending--;
        return false; /* complete when its bytes have been skipped */
    }
    if (line[0] != ':' || size != 2 || line[1] != expected) {
        note_wrong(load, line, size);
    }
    return true;
}

/* Works off what has been received; returns how many answers are complete. */
static uint32_t take_answers(struct load *load, struct connection *c)
{
    uint32_t at = 0;
    uint32_t complete = 0;
    while (at < c->in_size) {
        if (c->skip != 0) {
            uint64_t here = c->in_size - at < c->skip ? c->in_size - at : c->skip;
            at += (uint32_t)here;
            c->skip -= here;
            complete += c->skip == 0 && c->pending == 0;
            continue;
        }
        char *newline = memchr(c->in + at, '\n', c->in_size - at);
        if (newline == NULL) {
            break;
        }
        uint32_t size = (uint32_t)(newline - (c->in + at));
        *newline = 0;
        complete += take_line(load, c, c->in + at, size == 0 ? 0 : size - 1);
        at += size + 1;
    }
    memmove(c->in, c->in + at, c->in_size - at);
    c->in_size -= at;
    return complete;
}

static bool is_over(const struct load *load, uint64_t now_ns)
{
    return load->options.mode == MODE_FILL
               ? load->next - load->options.first >= load->options.orders
               : now_ns >= load->end_ns;
}

/* A run ends with the groups that are under way: they count, and so does their time. */
static void on_group(struct load *load, struct connection *c)
{
    uint64_t now_ns = ordo_clock_monotonic_ns(&load->clock);
    ordo_histogram_record(&load->latency, now_ns - c->sent_ns);
    load->commands += load->options.pipeline;
    c->step = (c->step + 1) % load->step_count;
    if (c->step == 0) {
        load->lifecycles += load->options.pipeline;
    }
    if (is_over(load, now_ns)) {
        load->live--;
        return;
    }
    send_group(load, c);
}

static void on_ready(struct load *load, struct connection *c)
{
    send_out(c);
    ssize_t got = recv(c->fd, c->in + c->in_size, IN_SIZE - c->in_size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        fail("receive", got == 0 ? "the server has closed the connection" : strerror(errno));
    }
    c->in_size += (uint32_t)got;
    c->answered += take_answers(load, c);
    if (c->answered == load->options.pipeline) {
        on_group(load, c);
    }
}

static void dial(struct load *load, struct connection *c, int poll)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (strlen(load->options.socket) >= sizeof(address.sun_path)) {
        fail(load->options.socket, "too long for a socket");
    }
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", load->options.socket);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        fail(load->options.socket, strerror(errno));
    }
    c->out = take((size_t)load->options.pipeline * ORDO_REDIS_TEMPLATE_SIZE);
    c->in = take(IN_SIZE);
}

static double run(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    load->live = load->options.connections;
    load->connections = take(load->options.connections * sizeof(*load->connections));
    for (uint32_t i = 0; i < load->options.connections; i++) {
        dial(load, &load->connections[i], poll);
    }
    uint64_t begin_ns = ordo_clock_monotonic_ns(&load->clock);
    load->end_ns = begin_ns + (uint64_t)(load->options.seconds * 1e9);
    for (uint32_t i = 0; i < load->options.connections; i++) {
        send_group(load, &load->connections[i]);
    }
    while (load->live > 0) {
        int count = epoll_wait(poll, events, EVENTS_MAX, WAIT_MS);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            fail("wait", count == 0 ? "no answer in 10 s" : strerror(errno));
        }
        for (int i = 0; i < count; i++) {
            on_ready(load, events[i].data.ptr);
        }
        if (load->wrong[0] != 0) {
            fail("an answer is not as expected", load->wrong);
        }
    }
    return (double)(ordo_clock_monotonic_ns(&load->clock) - begin_ns) / 1e9;
}

static double latency_us(const struct load *load, double share)
{
    return (double)ordo_histogram_quantile(&load->latency, share) / 1e3;
}

int main(int argc, char **argv)
{
    static struct load load;
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .doc = "Drives the order lifecycle against a Redis server; a part of bench/targets.",
    };
    load.options = (struct options){
        .connections = 1, .pipeline = 1, .products = 64, .seconds = 1, .orders = 1};
    if (argp_parse(&argp, argc, argv, 0, NULL, &load.options) != 0) {
        return 64;
    }
    bool needs_scripts = load.options.mode != MODE_READ && load.options.scripts[0] == NULL;
    if (load.options.socket == NULL || needs_scripts || load.options.connections == 0 ||
        load.options.pipeline == 0 || load.options.products == 0 || load.options.orders == 0) {
        fail("options", "--socket and, but for read, --scripts are needed; no count may be 0");
    }
    load.clock = ordo_clock_system();
    load.next = load.options.mode == MODE_READ ? 0 : load.options.first;
    ordo_histogram_reset(&load.latency);
    build_all(&load);
    double seconds = run(&load);
    printf(
        "{\"commands_per_s\":%.0f,\"lifecycles_per_s\":%.0f,\"lifecycles\":%llu,\"seconds\":%.3f,"
        "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p99_9_us\":%.1f}\n",
        (double)load.commands / seconds,
        (double)load.commands / seconds / STEPS,
        (unsigned long long)load.lifecycles,
        seconds,
        latency_us(&load, 0.5),
        latency_us(&load, 0.99),
        latency_us(&load, 0.999));
    return 0;
}
