#include "net/client/follow_parts.h"

#include "base/assert.h"
#include "order/result.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The handle of a follower and its loop.
 *
 *   stream ──▶ kept frames ──┐
 *   fetch  ──▶ batch ────────┴─▶ proven ─▶ filter, parked ─▶ callback ─▶ at_seq ─▶ ack
 *
 * Live frames are kept from the first moment on, before the journal is asked, so the two overlap;
 * what came twice is known by its number. `behind` is the one flag that says that the live frames
 * alone do not do: it is set at the start, by a hole in the numbers, by a heartbeat that is ahead
 * and by a frame that does not match its hash, and cleared when the journal or the next frame goes
 * on right behind at_seq.
 */

#define TRIES_STANDARD 5
#define RETRY_STANDARD 100

static const char *const lost_texts[] = {
    [ORDO_LOST_TRIMMED] = "these updates are in the journal no more",
    [ORDO_LOST_NODE] = "the stream belongs to another journal now",
    [ORDO_LOST_REWOUND] = "the stream has gone back behind what was delivered",
    [ORDO_LOST_DAMAGED] = "the updates in the journal are not those that were hashed",
};

/* ---- ends ---- */

void ordo_follow_stop(struct ordo_follower *f, int code, const char *format, ...)
{
    if (f->stopped.code != ORDO_E_OK) {
        return; /* the first reason is the one */
    }
    va_list arguments;
    va_start(arguments, format);
    f->stopped.code = code;
    (void)vsnprintf(f->stopped.text, sizeof(f->stopped.text), format, arguments);
    va_end(arguments);
}

bool ordo_follow_lost(
    struct ordo_follower *f, enum ordo_lost_reason reason, uint64_t first, uint64_t last)
{
    struct ordo_lost lost = {
        .reason = reason, .first_seq = first, .last_seq = last, .text = lost_texts[reason]};
    int accepted = -1;
    if (f->options.on_lost != NULL) {
        f->in_callback = true;
        accepted = f->options.on_lost(f->options.context, &lost);
        f->in_callback = false;
    }
    if (accepted == 0) {
        return true;
    }
    if (first <= last) {
        ordo_follow_stop(
            f,
            ORDO_E_STOPPED,
            "%s: updates %llu to %llu are lost: %s",
            f->options.url,
            (unsigned long long)first,
            (unsigned long long)last,
            lost.text);
    } else {
        ordo_follow_stop(
            f,
            ORDO_E_STOPPED,
            "%s: %s (at update %llu)",
            f->options.url,
            lost.text,
            (unsigned long long)f->at_seq);
    }
    return false;
}

void ordo_follow_restart(struct ordo_follower *f)
{
    ordo_follow_forget(f);
    f->discard = f->asked != ORDO_ASKED_NOTHING;
    f->node_known = false;
    f->node_changed = false;
    f->start = ORDO_START_CURSOR;
    f->step = f->options.name == NULL ? ORDO_FOLLOW_RUN : ORDO_FOLLOW_CURSOR;
    f->at_seq = 0;
    f->at_hash = (struct ordo_hash128){0, 0};
    f->hash_known = true;
    f->head_seq = 0;
    f->park_count = 0;
    f->acked_seq = 0;
    f->ack_sent_seq = 0;
    f->behind = true;
    f->fetch_ns = 0;
    f->ahead_tries = 0;
    f->lagging_ns = 0;
    f->refetched = false;
}

/* ---- open and close ---- */

static int compare_orders(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int copy_orders(struct ordo_follower *f, const struct ordo_follower_options *options)
{
    if (options->order_count == 0) {
        return ORDO_E_OK;
    }
    f->orders = calloc(options->order_count, sizeof(*f->orders));
    if (f->orders == NULL) {
        return ORDO_E_MEMORY;
    }
    for (uint32_t i = 0; i < options->order_count; i++) {
        size_t size = strlen(options->orders[i]);
        if (size == 0 || size > ORDO_ORDER_ID_MAX) {
            return ORDO_E_INVALID;
        }
        memcpy(f->orders[i], options->orders[i], size);
    }
    qsort(f->orders, options->order_count, sizeof(*f->orders), compare_orders);
    return ORDO_E_OK;
}

static void begin(struct ordo_follower *f)
{
    f->start = f->options.start;
    f->step = f->options.name == NULL ? ORDO_FOLLOW_RUN : ORDO_FOLLOW_CURSOR;
    f->behind = true;
    f->hash_known = true; /* at 0 */
    if (f->start == ORDO_START_NOW) {
        f->step = ORDO_FOLLOW_HEAD;
    } else if (f->start == ORDO_START_AFTER) {
        f->at_seq = f->options.after;
        f->hash_known = f->at_seq == 0;
    }
}

static int check_options(const struct ordo_follower_options *o, struct ordo_error *error)
{
    if (o->url == NULL || o->stream == NULL || o->on_change == NULL) {
        return ordo_lib_error(error, ORDO_E_INVALID, "a follower needs url, stream and on_change");
    }
    if (o->start > ORDO_START_AFTER) {
        return ordo_lib_error(error, ORDO_E_INVALID, "%u is no enum ordo_start", o->start);
    }
    if (o->name != NULL && (strlen(o->name) == 0 || strlen(o->name) > ORDO_SUBSCRIBER_MAX)) {
        return ordo_lib_error(
            error,
            ORDO_E_INVALID,
            "the name of a subscriber has 1 to %d bytes",
            ORDO_SUBSCRIBER_MAX);
    }
    return ORDO_E_OK;
}

static int take_memory(struct ordo_follower *f, const struct ordo_follower_options *options)
{
    f->kept = calloc(ORDO_FOLLOW_PENDING_MAX, sizeof(*f->kept));
    f->parks = calloc(ORDO_FOLLOW_PARKS_MAX, sizeof(*f->parks));
    if (f->kept == NULL || f->parks == NULL) {
        return ORDO_E_MEMORY;
    }
    return copy_orders(f, options);
}

int ordo_follower_open(
    const struct ordo_follower_options *options,
    struct ordo_follower **out,
    struct ordo_error *error)
{
    struct ordo_fail fail;
    int code = check_options(options, error);
    if (code != ORDO_E_OK) {
        return code;
    }
    struct ordo_follower *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return ordo_lib_error(error, ORDO_E_MEMORY, "no memory for a follower");
    }
    code = take_memory(f, options);
    if (code != ORDO_E_OK) {
        ordo_follower_close(f);
        return ordo_lib_error(error, code, "an order number has 1 to 32 bytes; or memory is out");
    }
    f->options = *options;
    f->options.tries_max = options->tries_max == 0 ? TRIES_STANDARD : options->tries_max;
    f->options.retry_ms = options->retry_ms == 0 ? RETRY_STANDARD : options->retry_ms;
    struct ordo_client_config config = {
        .url = options->url,
        .tls = ordo_lib_tls(&options->tls),
        .requests_max = 4,
        .patience_ms = ORDO_FOLLOW_PATIENCE_MS,
        .silence_ms = ORDO_FOLLOW_SILENCE_MS,
        .on_answers = ordo_follow_answers,
        .context = f};
    if (ordo_tail_init(&f->tail, options->stream, &config.tls, &fail) != ORDO_OK) {
        ordo_follower_close(f);
        return ordo_lib_fail(error, &fail);
    }
    if (ordo_client_open(&config, &f->client, &fail) != ORDO_OK) {
        ordo_follower_close(f);
        return ordo_lib_fail(error, &fail);
    }
    f->options.url = f->client->sp.url; /* the caller's texts may go now */
    f->options.stream = f->tail.sp.url;
    f->options.orders = NULL;
    if (options->name != NULL) {
        memcpy(f->name, options->name, strlen(options->name));
        f->options.name = f->name;
    }
    begin(f);
    *out = f;
    return ORDO_E_OK;
}

void ordo_follower_close(struct ordo_follower *follower)
{
    struct ordo_follower *f = follower;
    if (f == NULL) {
        return;
    }
    ORDO_ASSERT(!f->in_callback);
    if (f->kept != NULL) {
        ordo_follow_forget(f);
    }
    if (f->tail.sp.in != NULL) {
        ordo_tail_fini(&f->tail);
    }
    ordo_client_close(f->client);
    free(f->batch.bytes);
    free(f->kept);
    free(f->parks);
    free(f->orders);
    free(f);
}

/* ---- the loop ---- */

/* One round without waiting; how many callbacks have succeeded. */
static uint32_t work(struct ordo_follower *f, uint64_t now, bool delivers)
{
    struct ordo_fail fail;
    if (ordo_tail_work(&f->tail, now, ordo_follow_frame, f, &fail) != ORDO_OK) {
        ordo_follow_stop(f, ORDO_E_INVALID, "%s", fail.text);
        return 0;
    }
    (void)ordo_client_work(f->client, now);
    if (f->node_changed) {
        f->node_changed = false;
        if (ordo_follow_lost(f, ORDO_LOST_NODE, f->at_seq + 1, f->at_seq)) {
            ordo_follow_restart(f);
        }
    }
    uint32_t calls = 0;
    if (delivers && f->step == ORDO_FOLLOW_RUN && f->stopped.code == ORDO_E_OK) {
        calls = ordo_follow_deliver(f);
    }
    if (f->stopped.code == ORDO_E_OK) {
        ordo_follow_ask(f, ordo_clock_monotonic_ns(&f->tail.clock));
    }
    (void)ordo_client_work(f->client, ordo_clock_monotonic_ns(&f->tail.clock));
    return calls;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait(struct ordo_follower *f, uint64_t now, uint64_t end, bool delivers)
{
    uint64_t due = earlier(end, earlier(ordo_tail_due_ns(&f->tail), ordo_client_due_ns(f->client)));
    due = earlier(due, ordo_follow_ack_due(f));
    if (f->in_hand && !f->parking && delivers) {
        due = earlier(due, f->retry_ns);
    }
    if (delivers && f->batch.active && !f->in_hand) {
        return;
    }
    if (f->behind && f->asked == ORDO_ASKED_NOTHING && !f->batch.active) {
        due = earlier(due, f->fetch_ns);
    }
    uint64_t ms = due <= now ? 0 : (due - now + ORDO_NS_PER_MS - 1) / ORDO_NS_PER_MS;
    struct pollfd fds[2] = {
        {.fd = f->tail.sp.fd, .events = ordo_sp_events(&f->tail.sp, false)},
        {.fd = f->client->sp.fd,
         .events = ordo_sp_events(&f->client->sp, f->client->queue != NULL)}};
    (void)poll(fds, 2, ms > 1000 ? 1000 : (int)ms);
}

static int stopped(const struct ordo_follower *f, struct ordo_error *error)
{
    return ordo_lib_error(error, f->stopped.code, "%s", f->stopped.text);
}

int ordo_follower_poll(
    struct ordo_follower *follower, uint32_t timeout_ms, struct ordo_error *error)
{
    struct ordo_follower *f = follower;
    ORDO_ASSERT(!f->in_callback);
    uint64_t now = ordo_clock_monotonic_ns(&f->tail.clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    for (;;) {
        uint32_t calls = f->stopped.code == ORDO_E_OK ? work(f, now, true) : 0;
        if (f->stopped.code != ORDO_E_OK) {
            return stopped(f, error);
        }
        if (calls > 0 || now >= end) {
            return ORDO_E_OK;
        }
        wait(f, now, end, true);
        now = ordo_clock_monotonic_ns(&f->tail.clock);
    }
}

int ordo_follower_flush(
    struct ordo_follower *follower, uint32_t timeout_ms, struct ordo_error *error)
{
    struct ordo_follower *f = follower;
    ORDO_ASSERT(!f->in_callback);
    uint64_t now = ordo_clock_monotonic_ns(&f->tail.clock);
    uint64_t end = now + timeout_ms * ORDO_NS_PER_MS;
    if (f->options.name == NULL || f->options.no_ack != 0) {
        return ORDO_E_OK;
    }
    while (f->acked_seq < f->at_seq) {
        if (f->stopped.code != ORDO_E_OK) {
            return stopped(f, error);
        }
        if (now >= end) {
            return ordo_lib_error(
                error,
                ORDO_E_TIMEOUT,
                "%s: no acknowledgement was taken within %u ms",
                f->options.url,
                timeout_ms);
        }
        (void)work(f, now, false);
        wait(f, now, end, false);
        now = ordo_clock_monotonic_ns(&f->tail.clock);
    }
    return ORDO_E_OK;
}

const char *ordo_follower_trouble(const struct ordo_follower *follower)
{
    const struct ordo_fail *fail = &follower->tail.last_fail;
    if (follower->client->last_fail.err != ORDO_OK) {
        fail = &follower->client->last_fail;
    }
    return fail->err == ORDO_OK ? "" : fail->text;
}

void ordo_follower_state(
    const struct ordo_follower *follower, struct ordo_follower_state *state, size_t size)
{
    const struct ordo_follower *f = follower;
    bool ready = f->step == ORDO_FOLLOW_RUN && f->tail.sp.phase == ORDO_SP_OPEN &&
                 ordo_client_is_connected(f->client) && f->stopped.code == ORDO_E_OK;
    bool live = ready && !f->behind && !f->batch.active;
    struct ordo_follower_state whole = {
        .update_seq = f->at_seq,
        .acked_seq = f->acked_seq,
        .head_seq = f->head_seq,
        .delivered = f->delivered,
        .refilled = f->refilled,
        .gaps = f->gaps,
        .connects = f->tail.connects,
        .parked = f->park_count,
        .live = live ? 1 : 0,
        .ready = ready ? 1 : 0};
    memcpy(state, &whole, size < sizeof(whole) ? size : sizeof(whole));
}
