/* stream_load.c - load on a node and four followers of its stream, all by libordo's public headers;
 * what a follower was given is counted at its callback, nowhere else. stream.py starts the node and
 * judges.
 *
 *   stream_load URL STREAM slow EVENTS RATE     RATE events a second: EVENTS with all followers
 * quick, as many with one that takes 1 ms an event, which is let go at the end stream_load URL
 * STREAM pause SECONDS        as fast as it goes; one follower stands still for SECONDS
 *
 * An order is four events: create, pay (two of them), delivery-ack; each next command leaves when
 * the one before has ended. Prints one line a step, which stream.py reads: "step NAME" before it
 * begins, then key=value pairs.
 */
#include <ordo/follow.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLLOWERS   4
#define LAGGARD     3
#define EVENTS_EACH 4 /* of an order */
#define OPEN_MAX    2048
#define SAMPLES_MAX 4000000
#define DRAIN_S     120
#define PRODUCT     1
#define BUYERS      100000
#define PRICE       990
#define CURRENCY    156

struct follower {
    pthread_t thread;
    const char *url;
    const char *stream;
    char name[32];
    bool laggard;
    _Atomic uint64_t last; /* update_seq */
    uint64_t missing;
    uint64_t twice;
    uint64_t lost;
    struct ordo_follower_state state;
    _Atomic bool failed;
};

struct order {
    uint64_t number;
    uint64_t begin_us; /* of its open command */
    int step;
};

static _Atomic bool slow;   /* the laggard takes 1 ms an event */
static _Atomic bool paused; /* it stands still inside of its callback */
static volatile sig_atomic_t told_to_stop;
static _Atomic bool over;      /* followers end when they have `final` */
static _Atomic uint64_t final; /* the newest update */

static struct follower followers[FOLLOWERS];
static struct ordo *client;
static struct order orders[OPEN_MAX];
static uint32_t free_orders[OPEN_MAX];
static uint32_t free_count;
static const char *prefix = "L"; /* of order numbers: two that sell at once differ in it */
static uint64_t order_number;
static uint64_t ended;
static uint64_t refused;
static uint32_t *samples; /* us a command of this step */
static uint32_t sample_count;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void rest_us(long us)
{
    struct timespec rest = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "stream_load: %s: %s\n", what, why);
    exit(1);
}

/* ---- followers ---- */

static int on_change(void *context, const struct ordo_change *change)
{
    struct follower *f = context;
    uint64_t last = atomic_load(&f->last);
    if (change->update_seq <= last) {
        f->twice++;
    } else {
        f->missing += change->update_seq - last - 1;
        atomic_store(&f->last, change->update_seq);
    }
    while (f->laggard && atomic_load(&paused)) {
        rest_us(1000);
    }
    if (f->laggard && atomic_load(&slow)) {
        rest_us(1000);
    }
    return 0;
}

static int on_lost(void *context, const struct ordo_lost *lost)
{
    struct follower *f = context;
    f->lost++;
    fprintf(stderr, "stream_load: %s: lost: %s\n", f->name, lost->text);
    return -1;
}

static void *follow(void *context)
{
    struct follower *f = context;
    struct ordo_follower_options options = {
        .url = f->url,
        .stream = f->stream,
        .name = f->name,
        .on_change = on_change,
        .on_lost = on_lost,
        .context = f};
    struct ordo_follower *handle = NULL;
    struct ordo_error error;
    int code = ordo_follower_open(&options, &handle, &error);
    while (code == 0 && !(atomic_load(&over) && atomic_load(&f->last) >= atomic_load(&final))) {
        code = ordo_follower_poll(handle, 20, &error);
    }
    if (code == 0) {
        code = ordo_follower_flush(handle, 5000, &error);
    }
    if (code != 0) {
        fprintf(stderr, "stream_load: %s: %s\n", f->name, error.text);
        atomic_store(&f->failed, true);
    }
    if (handle != NULL) {
        ordo_follower_state(handle, &f->state, sizeof(f->state));
    }
    ordo_follower_close(handle);
    return NULL;
}

/* ---- orders ---- */

static void advance(struct order *order);

static void on_end(void *user, const struct ordo_end *end)
{
    struct order *order = user;
    uint64_t us = now_us() - order->begin_us;
    if (sample_count < SAMPLES_MAX) {
        samples[sample_count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    }
    ended++;
    if (end->verdict != ORDO_VERDICT_OK) {
        refused++;
        if (refused == 1) {
            fprintf(stderr, "stream_load: step %d: %s\n", order->step, end->text);
        }
        order->step = 3;
    }
    advance(order);
}

/* The next command of an order, or its end. */
static void advance(struct order *order)
{
    char id[32];
    struct ordo_cmd cmd = {0};
    snprintf(id, sizeof(id), "%s-%llu", prefix, (unsigned long long)order->number);
    switch (order->step++) {
    case 0:
        cmd.kind = ORDO_CMD_CREATE;
        cmd.of.create = (struct ordo_cmd_create){
            .order_id = id,
            .product = PRODUCT,
            .quantity = 1,
            .amount = PRICE,
            .currency = CURRENCY};
        memcpy(cmd.of.create.buyer, &(uint64_t){order->number % BUYERS}, sizeof(uint64_t));
        break;
    case 1:
        cmd.kind = ORDO_CMD_FACT;
        cmd.of.fact = (struct ordo_cmd_fact){
            .told = ORDO_TOLD_PAY,
            .proof = ORDO_PROOF_SIGNATURE,
            .channel = 1,
            .merchant = "load",
            .order_id = id,
            .trade_no = id,
            .amount = PRICE,
            .currency = CURRENCY};
        break;
    case 2:
        cmd.kind = ORDO_CMD_DELIVERY_ACK;
        cmd.of.order.order_id = id;
        break;
    default:
        free_orders[free_count++] = (uint32_t)(order - orders);
        return;
    }
    order->begin_us = now_us();
    if (ordo_submit(client, &cmd, on_end, order) != ORDO_E_OK) {
        fail("submit", "refused");
    }
}

static void begin_order(void)
{
    struct order *order = &orders[free_orders[--free_count]];
    order->number = ++order_number;
    order->step = 0;
    advance(order);
}

/* `count` orders, `rate` a second (0: as fast as it goes), or until stop_us. */
static void run_orders(uint64_t count, uint64_t rate, uint64_t stop_us)
{
    uint64_t begin = now_us();
    uint64_t made = 0;
    sample_count = 0;
    while ((made < count && now_us() < stop_us && !told_to_stop) || free_count < OPEN_MAX) {
        uint64_t due = rate == 0 ? count : (now_us() - begin) * rate / 1000000 + 1;
        bool more = now_us() < stop_us && !told_to_stop;
        while (more && made < count && made < due && free_count > 0) {
            begin_order();
            made++;
        }
        ordo_poll(client, rate == 0 ? 100 : 1);
    }
}

/* ---- steps ---- */

static uint64_t head_now(void)
{
    struct ordo_cmd head = {.kind = ORDO_CMD_HEAD};
    const struct ordo_end *end = NULL;
    if (ordo_call(client, &head, &end) != ORDO_E_OK || end->head == NULL) {
        fail("head", "no answer");
    }
    return end->head->update_seq;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The median of the p99 of ten parts of the step: one stall of the machine is in one of them. */
static uint32_t p99_of_parts(void)
{
    uint32_t parts[10];
    uint32_t size = sample_count / 10;
    for (uint32_t i = 0; i < 10 && size > 0; i++) {
        qsort(samples + i * size, size, sizeof(*samples), compare);
        parts[i] = samples[i * size + size * 99 / 100];
    }
    qsort(parts, 10, sizeof(*parts), compare);
    return size == 0 ? 0 : parts[5];
}

static void say(const char *step)
{
    printf("step %s\n", step);
    fflush(stdout);
}

static void report(uint64_t begin_us, uint64_t ended_before)
{
    double seconds = (double)(now_us() - begin_us) / 1e6;
    printf(
        "commands=%llu seconds=%.2f rate=%.0f p99_us=%u refused=%llu\n",
        (unsigned long long)(ended - ended_before),
        seconds,
        (double)(ended - ended_before) / seconds,
        p99_of_parts(),
        (unsigned long long)refused);
    fflush(stdout);
}

static void step(const char *name, uint64_t count, uint64_t rate, uint64_t stop_us)
{
    uint64_t before = ended;
    say(name);
    uint64_t begin = now_us();
    run_orders(count, rate, stop_us);
    report(begin, before);
}

/* Followers get what is left, then end. */
static int drain(void)
{
    int code = 0;
    uint64_t begin = now_us();
    say("drain");
    atomic_store(&final, head_now());
    uint64_t behind = atomic_load(&final) - atomic_load(&followers[LAGGARD].last);
    atomic_store(&over, true);
    atomic_store(&slow, false);
    atomic_store(&paused, false);
    for (int i = 0; i < FOLLOWERS; i++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DRAIN_S;
        if (pthread_timedjoin_np(followers[i].thread, NULL, &until) != 0) {
            fail(followers[i].name, "does not come to the end");
        }
    }
    double seconds = (double)(now_us() - begin) / 1e6;
    printf(
        "final=%llu behind=%llu seconds=%.2f\n",
        (unsigned long long)atomic_load(&final),
        (unsigned long long)behind,
        seconds);
    for (int i = 0; i < FOLLOWERS; i++) {
        struct follower *f = &followers[i];
        if (atomic_load(&f->last) < atomic_load(&final)) {
            f->missing += atomic_load(&final) - atomic_load(&f->last);
        }
        code |= f->missing != 0 || f->twice != 0 || f->lost != 0 || f->failed;
        printf(
            "follower=%s missing=%llu twice=%llu refilled=%llu gaps=%llu acked=%llu\n",
            f->name,
            (unsigned long long)f->missing,
            (unsigned long long)f->twice,
            (unsigned long long)f->state.refilled,
            (unsigned long long)f->state.gaps,
            (unsigned long long)f->state.acked_seq);
    }
    return code;
}

static void start(const char *url, const char *stream)
{
    struct ordo_options options = {.url = url, .patience_ms = 60000};
    struct ordo_error error;
    samples = calloc(SAMPLES_MAX, sizeof(*samples));
    if (samples == NULL || ordo_open(&options, &client, &error) != 0 ||
        ordo_connect(client, 5000, &error) != 0) {
        fail("open", error.text);
    }
    for (uint32_t i = 0; i < OPEN_MAX; i++) {
        free_orders[free_count++] = i;
    }
    for (int i = 0; i < FOLLOWERS; i++) {
        struct follower *f = &followers[i];
        f->url = url;
        f->stream = stream;
        f->laggard = i == LAGGARD;
        snprintf(f->name, sizeof(f->name), "load-%s-%d", prefix, i);
        if (pthread_create(&f->thread, NULL, follow, f) != 0) {
            fail("thread", "not made");
        }
    }
}

static void *pause_laggard(void *seconds)
{
    rest_us(1000000);
    atomic_store(&paused, true);
    rest_us(*(long *)seconds * 1000000);
    atomic_store(&paused, false);
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
    told_to_stop = 1;
}

/* One follower alone, here as elsewhere counted at its callback. */
static int watch(const char *url, const char *stream, const char *name)
{
    struct follower *f = &followers[0];
    struct ordo_follower_options options = {
        .url = url,
        .stream = stream,
        .name = name,
        .on_change = on_change,
        .on_lost = on_lost,
        .context = f};
    struct ordo_follower *handle = NULL;
    struct ordo_error error;
    uint64_t said_us = 0;
    int code = ordo_follower_open(&options, &handle, &error);
    while (code == 0 && !told_to_stop) {
        code = ordo_follower_poll(handle, 20, &error);
        if (now_us() - said_us > 50000) {
            said_us = now_us();
            printf(
                "at=%llu missing=%llu twice=%llu\n",
                (unsigned long long)atomic_load(&f->last),
                (unsigned long long)f->missing,
                (unsigned long long)f->twice);
            fflush(stdout);
        }
    }
    if (code != 0) {
        fprintf(stderr, "stream_load: %s\n", error.text);
    }
    ordo_follower_close(handle);
    return code != 0 || f->missing != 0 || f->twice != 0 || f->lost != 0;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(
            stderr,
            "usage: %s URL STREAM slow EVENTS RATE | pause SECONDS | steady RATE [PREFIX] | watch "
            "NAME\n",
            argv[0]);
        return 64;
    }
    signal(SIGTERM, on_signal);
    if (strcmp(argv[3], "watch") == 0) {
        return watch(argv[1], argv[2], argv[4]);
    }
    if (strcmp(argv[3], "steady") == 0 && argc == 6) {
        prefix = argv[5];
    }
    start(argv[1], argv[2]);
    if (strcmp(argv[3], "slow") == 0 && argc == 6) {
        uint64_t count = strtoull(argv[4], NULL, 10) / EVENTS_EACH;
        uint64_t rate = strtoull(argv[5], NULL, 10) / EVENTS_EACH;
        step("warm", count / 4, rate, UINT64_MAX);
        step("quick", count, rate, UINT64_MAX);
        atomic_store(&slow, true);
        step("slow", count, rate, UINT64_MAX);
    } else if (strcmp(argv[3], "steady") == 0) {
        step("steady", UINT64_MAX, strtoull(argv[4], NULL, 10) / EVENTS_EACH, UINT64_MAX);
    } else {
        long seconds = strtol(argv[4], NULL, 10);
        pthread_t pauser;
        if (pthread_create(&pauser, NULL, pause_laggard, &seconds) != 0) {
            fail("thread", "not made");
        }
        step("pause", UINT64_MAX, 0, now_us() + ((uint64_t)seconds + 2) * 1000000);
        pthread_join(pauser, NULL);
    }
    int code = drain();
    say("end");
    ordo_close(client);
    free(samples);
    return code;
}
