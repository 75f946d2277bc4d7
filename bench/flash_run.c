#include "bench/flash_run.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define SLICE_NS      (100 * ORDO_NS_PER_MS)
#define SLACK_NS      1ul /* of timers: the default makes each sleep 50 us longer */
#define POLL_MS_MAX   50u
#define IN_FLIGHT_MAX 1024u /* requests of one connection */
#define PATIENCE_NS   (60 * ORDO_NS_PER_S)
#define FIRST_ROOM    1024u

void ordo_flash_wrong(struct ordo_flash *flash, const char *format, ...)
{
    if (flash->counts.wrong++ == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(flash->counts.wrong_first, sizeof(flash->counts.wrong_first), format, args);
        va_end(args);
    }
}

/* ---- events that will be due: a heap; those that are: queues ---- */

static bool grow(struct ordo_flash_event **events, uint32_t *room)
{
    uint32_t wanted = *room == 0 ? FIRST_ROOM : 2 * *room;
    struct ordo_flash_event *grown = realloc(*events, wanted * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    *events = grown;
    *room = wanted;
    return true;
}

void ordo_flash_put(struct ordo_flash *flash, const struct ordo_flash_event *event)
{
    struct ordo_flash_heap *heap = &flash->heap;
    if (heap->count == heap->room && !grow(&heap->events, &heap->room)) {
        flash->failed = true;
        return;
    }
    uint32_t at = heap->count++;
    while (at > 0 && heap->events[(at - 1) / 2].due_ns > event->due_ns) {
        heap->events[at] = heap->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->events[at] = *event;
}

static struct ordo_flash_event take_first(struct ordo_flash_heap *heap)
{
    ORDO_ASSERT(heap->count > 0);
    struct ordo_flash_event first = heap->events[0];
    struct ordo_flash_event last = heap->events[--heap->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count) {
            break;
        }
        bool right =
            child + 1 < heap->count && heap->events[child + 1].due_ns < heap->events[child].due_ns;
        child += right;
        if (heap->events[child].due_ns >= last.due_ns) {
            break;
        }
        heap->events[at] = heap->events[child];
        at = child;
    }
    heap->events[at] = last;
    return first;
}

/* A ring of twice the size: what wrapped moves behind. */
static bool grow_queue(struct ordo_flash_queue *queue)
{
    uint32_t old = queue->room;
    if (!grow(&queue->events, &queue->room)) {
        return false;
    }
    uint32_t count = queue->tail - queue->head;
    uint32_t head = old == 0 ? 0 : queue->head % old;
    uint32_t wrapped = head + count > old ? head + count - old : 0;
    if (wrapped > 0) {
        memcpy(&queue->events[old], queue->events, wrapped * sizeof(*queue->events));
    }
    queue->head = head;
    queue->tail = head + count;
    return true;
}

static enum ordo_timeline_kind kind_of(const struct ordo_flash_event *event)
{
    if (event->kind == ORDO_FLASH_CREATE) {
        return ORDO_TIMELINE_CREATE;
    }
    bool fact = event->kind == ORDO_FLASH_PAY || event->kind == ORDO_FLASH_FAIL;
    return fact ? ORDO_TIMELINE_FACT : ORDO_TIMELINE_OTHER;
}

static void queue_put(struct ordo_flash *flash, const struct ordo_flash_event *event)
{
    bool money = event->kind >= ORDO_FLASH_PAY;
    struct ordo_flash_queue *queue = &flash->queues[money ? 1 : 0];
    if (queue->tail - queue->head == queue->room && !grow_queue(queue)) {
        flash->failed = true;
        return;
    }
    queue->events[queue->tail++ & (queue->room - 1)] = *event;
    ordo_timeline_offered(&flash->timeline, kind_of(event), event->due_ns);
}

static void release(struct ordo_flash *flash, uint64_t now_ns)
{
    while (flash->released < flash->orders &&
           flash->begin_ns + flash->arrivals_ns[flash->released] <= now_ns) {
        struct ordo_flash_event event = {
            .due_ns = flash->begin_ns + flash->arrivals_ns[flash->released],
            .order = flash->released,
            .kind = ORDO_FLASH_CREATE,
        };
        queue_put(flash, &event);
        flash->released++;
    }
    while (flash->heap.count > 0 && flash->heap.events[0].due_ns <= now_ns) {
        struct ordo_flash_event event = take_first(&flash->heap);
        queue_put(flash, &event);
    }
}

/* ---- requests ---- */

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo_flash *flash = context;
    struct ordo_flash_batch *batch = user;
    uint64_t now_ns = ordo_clock_monotonic_ns(&flash->clock);
    if (batch == NULL) {
        return;
    }
    ORDO_ASSERT(count == batch->count);
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_flash_event *event = &batch->events[i];
        enum ordo_timeline_kind kind = kind_of(event);
        uint64_t spent_ns = now_ns > event->due_ns ? now_ns - event->due_ns : 1;
        ordo_timeline_answered(&flash->timeline, kind, event->due_ns, now_ns);
        if (kind != ORDO_TIMELINE_OTHER) {
            ordo_histogram_record(
                kind == ORDO_TIMELINE_CREATE ? flash->creates : flash->facts, spent_ns);
        }
        ordo_flash_answered(flash, event, &answers[i], now_ns);
    }
    batch->next_free = flash->free_batches;
    flash->free_batches = batch;
}

static void send_batch(struct ordo_flash *flash, uint32_t which)
{
    static struct ordo_command commands[ORDO_FLASH_BATCH_MAX];
    static struct ordo_flash_texts texts[ORDO_FLASH_BATCH_MAX];
    struct ordo_flash_queue *queue = &flash->queues[which];
    struct ordo_flash_batch *batch = flash->free_batches;
    flash->free_batches = batch->next_free;
    batch->count = 0;
    while (batch->count < flash->config.batch && queue->head != queue->tail) {
        uint32_t i = batch->count++;
        batch->events[i] = queue->events[queue->head++ & (queue->room - 1)];
        ordo_flash_build(flash, &batch->events[i], &commands[i], &texts[i]);
    }
    enum ordo_err err = ordo_client_send(flash->clients[which], commands, batch->count, batch);
    flash->failed = flash->failed || err != ORDO_OK;
}

static void send_due(struct ordo_flash *flash)
{
    for (uint32_t which = 0; which < ORDO_FLASH_CLIENTS; which++) {
        while (flash->queues[which].head != flash->queues[which].tail &&
               flash->free_batches != NULL && !flash->failed &&
               ordo_client_in_flight(flash->clients[which]) < IN_FLIGHT_MAX) {
            send_batch(flash, which);
        }
    }
}

static uint64_t next_due_ns(const struct ordo_flash *flash, uint64_t now_ns)
{
    uint64_t due_ns = now_ns + POLL_MS_MAX * ORDO_NS_PER_MS;
    if (flash->released < flash->orders) {
        uint64_t arrival_ns = flash->begin_ns + flash->arrivals_ns[flash->released];
        due_ns = arrival_ns < due_ns ? arrival_ns : due_ns;
    }
    if (flash->heap.count > 0 && flash->heap.events[0].due_ns < due_ns) {
        due_ns = flash->heap.events[0].due_ns;
    }
    return due_ns;
}

static bool is_over(const struct ordo_flash *flash)
{
    bool idle = flash->released == flash->orders && flash->heap.count == 0;
    for (uint32_t i = 0; i < ORDO_FLASH_CLIENTS; i++) {
        idle = idle && ordo_client_in_flight(flash->clients[i]) == 0 &&
               flash->queues[i].head == flash->queues[i].tail;
    }
    return idle;
}

static void count_busy(struct ordo_flash *flash, uint64_t now_ns)
{
    uint64_t busy = 0;
    for (uint32_t i = 0; i < ORDO_FLASH_CLIENTS; i++) {
        struct ordo_client_stats stats;
        ordo_client_stats(flash->clients[i], &stats);
        busy += stats.busy;
    }
    ordo_timeline_busy(&flash->timeline, now_ns, busy - flash->counts.busy);
    flash->counts.busy = busy;
}

enum ordo_err ordo_flash_run(struct ordo_flash *flash, struct ordo_fail *fail)
{
    uint64_t now_ns = ordo_clock_monotonic_ns(&flash->clock);
    uint64_t last_ns = now_ns; /* when something was open and moved */
    flash->begin_ns = now_ns;
    if (ordo_timeline_init(&flash->timeline, now_ns, SLICE_NS) != ORDO_OK) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a timeline");
    }
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    while (!is_over(flash) && !flash->failed && now_ns < last_ns + PATIENCE_NS) {
        release(flash, now_ns);
        send_due(flash);
        uint64_t due_ns = next_due_ns(flash, now_ns);
        uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
        uint32_t ended = ordo_client_poll_many_ns(flash->clients, ORDO_FLASH_CLIENTS, left_ns);
        now_ns = ordo_clock_monotonic_ns(&flash->clock);
        last_ns = ended != 0 || flash->released < flash->orders ? now_ns : last_ns;
        count_busy(flash, now_ns);
    }
    if (flash->failed || !is_over(flash)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "the sale stopped before its end: %s",
            ordo_client_last_fail(flash->clients[0])->text);
    }
    return ORDO_OK;
}

/* ---- life ---- */

static enum ordo_err take_memory(struct ordo_flash *flash, struct ordo_fail *fail)
{
    uint32_t batches = ORDO_FLASH_CLIENTS * IN_FLIGHT_MAX;
    flash->orders = ordo_flash_arrivals(&flash->config.shape, NULL, 0);
    if (flash->orders == 0 || flash->orders > ORDO_FLASH_ORDERS_MAX) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_INVALID,
            "%u orders would come: choose a rate and times for 1 to %u",
            flash->orders,
            ORDO_FLASH_ORDERS_MAX);
    }
    flash->arrivals_ns = calloc(flash->orders, sizeof(*flash->arrivals_ns));
    flash->lives = calloc(flash->orders, sizeof(*flash->lives));
    flash->batches = calloc(batches, sizeof(*flash->batches));
    if (flash->arrivals_ns == NULL || flash->lives == NULL || flash->batches == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for %u orders", flash->orders);
    }
    (void)ordo_flash_arrivals(&flash->config.shape, flash->arrivals_ns, flash->orders);
    for (uint32_t i = 0; i < batches; i++) {
        flash->batches[i].next_free = flash->free_batches;
        flash->free_batches = &flash->batches[i];
    }
    return ORDO_OK;
}

enum ordo_err ordo_flash_open(
    struct ordo_flash *flash,
    const struct ordo_flash_config *config,
    uint32_t wait_ms,
    struct ordo_fail *fail)
{
    struct ordo_histogram *creates = flash->creates;
    struct ordo_histogram *facts = flash->facts;
    ORDO_ASSERT(config->batch >= 1 && config->batch <= ORDO_FLASH_BATCH_MAX);
    *flash = (struct ordo_flash){.config = *config, .creates = creates, .facts = facts};
    flash->clock = ordo_clock_system();
    enum ordo_err err = take_memory(flash, fail);
    for (uint32_t i = 0; i < ORDO_FLASH_CLIENTS && err == ORDO_OK; i++) {
        struct ordo_client_config client = {
            .url = config->url,
            .requests_max = IN_FLIGHT_MAX + 1,
            .on_answers = on_answers,
            .context = flash,
        };
        err = ordo_client_open(&client, &flash->clients[i], fail);
        err = err == ORDO_OK ? ordo_client_connect(flash->clients[i], wait_ms, fail) : err;
    }
    return err == ORDO_OK ? ordo_flash_setup(flash, fail) : err;
}

void ordo_flash_close(struct ordo_flash *flash)
{
    for (uint32_t i = 0; i < ORDO_FLASH_CLIENTS; i++) {
        if (flash->clients[i] != NULL) {
            ordo_client_close(flash->clients[i]);
            flash->clients[i] = NULL;
        }
        free(flash->queues[i].events);
        flash->queues[i].events = NULL;
    }
    free(flash->heap.events);
    free(flash->batches);
    free(flash->lives);
    free(flash->arrivals_ns);
    flash->heap.events = NULL;
    flash->batches = NULL;
    flash->lives = NULL;
    flash->arrivals_ns = NULL;
    ordo_timeline_fini(&flash->timeline);
}
