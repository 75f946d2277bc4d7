/* The open loop. Orders begin at their intended times, whether or not the node keeps up; the steps
 * of an order follow its answers. Latency counts from the intended time, so waiting for a place in
 * a request or on a connection is part of it (no coordinated omission).
 *
 * What is ready goes into requests of up to --batch commands. A short request leaves at once when
 * nothing is in flight, else it is given LINGER_NS to fill: at high rates this is what makes
 * batches.
 *
 * Bounds: at most connections x in-flight requests, each with one batch; the queues hold at most
 * what the orders that have begun want to send.
 */
#include "cli.h"
#include "sale.h"

#include <stdlib.h>
#include <string.h>

#define LINGER_NS   (1 * ORDO_NS_PER_MS)
#define PROGRESS_NS (500 * ORDO_NS_PER_MS)
#define POLL_MS_MAX 20

/* ---- queues ---- */

static bool queue_grow(struct sale_queue *queue)
{
    uint64_t room = queue->room == 0 ? 1024 : queue->room * 2;
    struct sale_entry *entries = malloc(room * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    uint64_t count = sale_queue_count(queue);
    for (uint64_t i = 0; i < count; i++) {
        entries[i] = queue->entries[(queue->head + i) & (queue->room - 1)];
    }
    free(queue->entries);
    *queue = (struct sale_queue){.entries = entries, .room = room, .head = 0, .tail = count};
    return true;
}

bool sale_queue_put(struct sale_queue *queue, const struct sale_entry *entry)
{
    if (sale_queue_count(queue) == queue->room && !queue_grow(queue)) {
        return false;
    }
    queue->entries[queue->tail++ & (queue->room - 1)] = *entry;
    return true;
}

static const struct sale_entry *queue_front(const struct sale_queue *queue)
{
    return sale_queue_count(queue) == 0 ? NULL : &queue->entries[queue->head & (queue->room - 1)];
}

/* ---- what is due ---- */

static uint64_t intended_of(const struct sale *sale, uint64_t index)
{
    __extension__ typedef unsigned __int128 wide;
    wide commands = (wide)index * sale->planned_commands / sale->options.orders;
    return sale->start_ns + (uint64_t)(commands * ORDO_NS_PER_S / sale->options.rate);
}

static void release_orders(struct sale *sale, uint64_t now)
{
    uint64_t enough = 2 * sale->options.batch * sale->options.connections;
    while (sale->released < sale->options.orders && sale->counts.wrong < 1000) {
        uint64_t intended = now;
        if (sale->options.rate != 0) {
            intended = intended_of(sale, sale->released);
            if (intended > now) {
                return;
            }
        } else if (sale_queue_count(&sale->ready) >= enough) {
            return;
        }
        sale_begin(sale, sale->released++, intended);
    }
}

static void release_due(struct sale *sale, struct sale_queue *queue, uint64_t now)
{
    const struct sale_entry *entry = queue_front(queue);
    while (entry != NULL && entry->intended_ns <= now) {
        sale->orders[entry->order].open++;
        if (!sale_queue_put(&sale->ready, entry)) {
            sale_wrong(sale, "out of memory for the queue of commands");
            return;
        }
        queue->head++;
        entry = queue_front(queue);
    }
}

/* ---- requests ---- */

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct sale *sale = context;
    struct sale_batch *batch = user;
    uint64_t now = ordo_clock_monotonic_ns(&sale->clock);
    ORDO_ASSERT(count == batch->count);
    for (uint32_t i = 0; i < count && sale->acks != NULL; i++) {
        struct ordo_command command;
        struct sale_texts texts;
        sale_build(sale, &batch->entries[i], &command, &texts);
        sale_ack_write(sale, &command, &answers[i]);
    }
    if (!sale_ack_flush(sale)) {
        sale->gone = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        sale_on_answer(sale, &batch->entries[i], &answers[i], now);
    }
    batch->next_free = sale->free_batches;
    sale->free_batches = batch;
}

/* Takes up to a batch of ready commands into one request. */
static void send_batch(struct sale *sale, struct ordo_client *client, uint64_t now)
{
    static struct ordo_command commands[SALE_BATCH_MAX];
    static struct sale_texts texts[SALE_BATCH_MAX];
    struct sale_batch *batch = sale->free_batches;
    sale->free_batches = batch->next_free;
    batch->count = 0;
    while (batch->count < sale->options.batch && sale_queue_count(&sale->ready) > 0) {
        struct sale_entry entry = *queue_front(&sale->ready);
        uint32_t i = batch->count++;
        sale->ready.head++;
        batch->entries[i] = entry;
        sale_build(sale, &entry, &commands[i], &texts[i]);
        sale_sent(sale, &entry, now);
    }
    enum ordo_err err = ordo_client_send(client, commands, batch->count, batch);
    if (err != ORDO_OK) {
        sale_wrong(sale, "a request could not be sent: %s", ordo_err_text(err));
        sale->gone = true;
    }
}

static struct ordo_client *idlest(const struct sale *sale)
{
    struct ordo_client *best = sale->clients[0];
    for (uint64_t i = 1; i < sale->options.connections; i++) {
        if (ordo_client_in_flight(sale->clients[i]) < ordo_client_in_flight(best)) {
            best = sale->clients[i];
        }
    }
    return best;
}

static void send_ready(struct sale *sale, uint64_t now)
{
    while (sale_queue_count(&sale->ready) > 0 && sale->free_batches != NULL && !sale->gone) {
        struct ordo_client *client = idlest(sale);
        uint32_t in_flight = ordo_client_in_flight(client);
        bool full = sale_queue_count(&sale->ready) >= sale->options.batch;
        const struct sale_entry *front = queue_front(&sale->ready);
        bool waited = front != NULL && front->intended_ns + LINGER_NS <= now;
        if (in_flight >= sale->options.in_flight || (in_flight > 0 && !full && !waited)) {
            return;
        }
        send_batch(sale, client, now);
    }
}

/* ---- the loop ---- */

static uint32_t wait_ms(const struct sale *sale, uint64_t now)
{
    uint64_t due = now + POLL_MS_MAX * ORDO_NS_PER_MS;
    const struct sale_entry *later = queue_front(&sale->later);
    if (later != NULL && later->intended_ns < due) {
        due = later->intended_ns;
    }
    const struct sale_entry *poll = queue_front(&sale->polls);
    if (poll != NULL && poll->intended_ns < due) {
        due = poll->intended_ns;
    }
    if (sale->options.rate != 0 && sale->released < sale->options.orders) {
        uint64_t next = intended_of(sale, sale->released);
        due = next < due ? next : due;
    }
    if (sale_queue_count(&sale->ready) > 0 && now + LINGER_NS < due) {
        due = now + LINGER_NS;
    }
    return due <= now ? 0 : (uint32_t)((due - now + ORDO_NS_PER_MS - 1) / ORDO_NS_PER_MS);
}

/* UNKNOWN with no connection left: the node did not come back within the patience. */
static bool is_gone(const struct sale *sale)
{
    if (sale->gone) {
        return true;
    }
    for (uint64_t i = 0; i < sale->options.connections && sale->counts.unknown > 0; i++) {
        if (ordo_client_is_connected(sale->clients[i])) {
            return false;
        }
    }
    return sale->counts.unknown > 0;
}

static bool is_idle(const struct sale *sale)
{
    for (uint64_t i = 0; i < sale->options.connections; i++) {
        if (ordo_client_in_flight(sale->clients[i]) > 0) {
            return false;
        }
    }
    return sale_queue_count(&sale->ready) == 0 && sale_queue_count(&sale->later) == 0 &&
           sale_queue_count(&sale->polls) == 0;
}

int sale_run(struct sale *sale)
{
    uint64_t now = ordo_clock_monotonic_ns(&sale->clock);
    sale->start_ns = now;
    sale->progress_ns = now;
    while (sale->counts.finished < sale->options.orders) {
        release_orders(sale, now);
        release_due(sale, &sale->later, now);
        release_due(sale, &sale->polls, now);
        send_ready(sale, now);
        (void)ordo_client_poll_many(
            sale->clients, (uint32_t)sale->options.connections, wait_ms(sale, now));
        now = ordo_clock_monotonic_ns(&sale->clock);
        if (now >= sale->progress_ns + PROGRESS_NS) {
            sale_progress(sale, now, false);
        }
        if (is_gone(sale)) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE,
                "the node is gone for longer than --patience: %s",
                ordo_client_last_fail(sale->clients[0])->text);
        }
        if (is_idle(sale) && sale->released == sale->options.orders &&
            sale->counts.finished < sale->options.orders) {
            sale_wrong(sale, "the sale has stalled: no command is open and orders are");
        }
        if (sale->counts.wrong >= 1000) {
            break; /* enough to see that it is broken */
        }
    }
    sale->end_ns = now;
    sale_progress(sale, now, true);
    return ORDO_EXIT_OK;
}

static int open_clients(struct sale *sale)
{
    for (uint64_t i = 0; i < sale->options.connections; i++) {
        struct ordo_client_config config = {
            .url = sale->online.connect,
            .requests_max = (uint32_t)sale->options.in_flight + 1,
            .patience_ms = (uint32_t)sale->options.patience_ms,
            .on_answers = on_answers,
            .context = sale};
        struct ordo_fail fail;
        if (ordo_client_open(&config, &sale->clients[i], &fail) != ORDO_OK) {
            return ordo_cli_fail(ORDO_EXIT_USAGE, "--connect: %s", fail.text);
        }
        if (ordo_client_connect(sale->clients[i], 2000, &fail) != ORDO_OK) {
            return ordo_cli_fail(
                ORDO_EXIT_UNAVAILABLE,
                "%s; is `ordo serve` running, and does --connect name its listen URL?",
                fail.text);
        }
    }
    return ORDO_EXIT_OK;
}

int sale_open(struct sale *sale)
{
    uint64_t batches = sale->options.connections * sale->options.in_flight;
    sale->orders = calloc(sale->options.orders, sizeof(*sale->orders));
    sale->batches = calloc(batches, sizeof(*sale->batches));
    if (sale->orders == NULL || sale->batches == NULL) {
        return ordo_cli_fail(
            ORDO_EXIT_FAILED,
            "no memory for %llu orders and %llu requests",
            (unsigned long long)sale->options.orders,
            (unsigned long long)batches);
    }
    for (uint64_t i = 0; i < batches; i++) {
        sale->batches[i].next_free = sale->free_batches;
        sale->free_batches = &sale->batches[i];
    }
    return open_clients(sale);
}

void sale_close(struct sale *sale)
{
    for (uint64_t i = 0; i < ORDO_CLIENTS_MAX; i++) {
        ordo_client_close(sale->clients[i]);
        sale->clients[i] = NULL;
    }
    free(sale->ready.entries);
    free(sale->later.entries);
    free(sale->polls.entries);
    for (uint32_t i = 0; i < SALE_CASES_MAX; i++) {
        for (uint32_t k = 0; k < SALE_BARRIERS_MAX; k++) {
            free(sale->cases[i].parked[k].entries);
        }
    }
    free(sale->batches);
    free(sale->orders);
}
