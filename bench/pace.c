#include "bench/pace.h"

#include "bench/e2e_load.h"

#include "base/assert.h"
#include "base/clock.h"
#include "order/result.h"

#include <stdlib.h>
#include <sys/prctl.h>

#define SHOP       1u
#define PRICE      990
#define CURRENCY   156u
#define CALL_MS    30000u
#define SLACK_NS   1ul /* of timers: the default makes each sleep 50 us longer */
#define DRAIN_NS   (30 * ORDO_NS_PER_S)
#define POLL_MS    100u
#define POLL_NS    (POLL_MS * ORDO_NS_PER_MS)
#define QUEUE_MASK (ORDO_PACE_COHORTS_MAX - 1)

_Static_assert((ORDO_PACE_COHORTS_MAX & QUEUE_MASK) == 0, "a power of two");

struct cohort { /* orders that go through their steps together */
    uint64_t first;
    uint64_t due_ns;
    uint32_t step;
};

struct queue {
    uint32_t entries[ORDO_PACE_COHORTS_MAX];
    uint32_t head;
    uint32_t tail;
};

struct ordo_pace {
    struct ordo_pace_config config;
    struct ordo_client *client;
    struct ordo_clock clock;
    struct cohort cohorts[ORDO_PACE_COHORTS_MAX];
    struct queue ready; /* in the middle of their life */
    struct queue fresh; /* not begun */
    uint64_t next_number;
    uint64_t end_ns;
    struct ordo_histogram *latency;
    struct ordo_pace_count *count;
    uint64_t busy_before;
    bool failed;
    struct ordo_command commands[ORDO_PACE_GROUP_MAX];
    char names[ORDO_PACE_GROUP_MAX][ORDO_E2E_NAME_SIZE];
};

static void queue_put(struct queue *queue, uint32_t entry)
{
    ORDO_ASSERT(queue->tail - queue->head < ORDO_PACE_COHORTS_MAX);
    queue->entries[queue->tail++ & QUEUE_MASK] = entry;
}

static bool queue_take(struct queue *queue, uint32_t *entry)
{
    if (queue->head == queue->tail) {
        return false;
    }
    *entry = queue->entries[queue->head++ & QUEUE_MASK];
    return true;
}

static bool is_closed(const struct ordo_pace *pace)
{
    return pace->config.rate == 0;
}

/* True when a request has left. */
static bool send_next(struct ordo_pace *pace, uint64_t due_ns)
{
    uint32_t index;
    if (!queue_take(&pace->ready, &index)) {
        if (!queue_take(&pace->fresh, &index)) {
            return false; /* every group waits for the node */
        }
        pace->cohorts[index].first = pace->next_number;
        pace->cohorts[index].step = 0;
        pace->next_number += pace->config.group;
    }
    struct cohort *cohort = &pace->cohorts[index];
    cohort->due_ns = due_ns;
    for (uint32_t i = 0; i < pace->config.group; i++) {
        uint64_t number = cohort->first + i;
        (void)ordo_e2e_make(&pace->commands[i], pace->names[i], cohort->step, number);
        if (pace->commands[i].kind == ORDO_KIND_CREATE) {
            pace->commands[i].create.product = 1 + number % pace->config.products;
        }
    }
    enum ordo_err err = ordo_client_send(pace->client, pace->commands, pace->config.group, cohort);
    pace->failed = pace->failed || err != ORDO_OK;
    return err == ORDO_OK;
}

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo_pace *pace = context;
    struct cohort *cohort = user;
    uint64_t now_ns = ordo_clock_monotonic_ns(&pace->clock);
    uint32_t good = 0;
    if (cohort == NULL) {
        return; /* a call of the setup */
    }
    for (uint32_t i = 0; i < count; i++) {
        good += answers[i].item.result.code == ORDO_RESULT_OK;
    }
    uint64_t spent_ns = now_ns > cohort->due_ns ? now_ns - cohort->due_ns : 1;
    ordo_histogram_record(pace->latency, spent_ns);
    pace->count->commands += now_ns <= pace->end_ns ? good : 0;
    pace->count->refused += count - good;
    cohort->step++;
    uint32_t index = (uint32_t)(cohort - pace->cohorts);
    queue_put(cohort->step == ORDO_E2E_STEPS ? &pace->fresh : &pace->ready, index);
    if (is_closed(pace) && now_ns < pace->end_ns && !pace->failed) {
        (void)send_next(pace, now_ns);
    }
}

static enum ordo_err put_products(struct ordo_pace *pace, struct ordo_fail *fail)
{
    for (uint32_t product = 1; product <= pace->config.products; product++) {
        struct ordo_command put = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = SHOP};
        const struct ordo_answer *answers;
        put.product_put.product = product;
        put.product_put.price = PRICE;
        put.product_put.currency = CURRENCY;
        put.product_put.stock_mode = ORDO_STOCK_COUNTED;
        put.product_put.counted = UINT32_MAX / 16;
        enum ordo_err err = ordo_client_call(pace->client, &put, 1, CALL_MS, &answers);
        uint16_t code = err == ORDO_OK ? answers[0].item.result.code : ORDO_RESULT_UNKNOWN;
        if (code != ORDO_RESULT_OK) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_UNAVAILABLE,
                "the node does not take product %u: %s",
                product,
                ordo_result_name(code));
        }
    }
    return ORDO_OK;
}

enum ordo_err ordo_pace_open(
    struct ordo_pace **out,
    const struct ordo_pace_config *config,
    uint32_t wait_ms,
    struct ordo_fail *fail)
{
    struct ordo_pace *pace = calloc(1, sizeof(*pace));
    *out = pace;
    if (pace == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a load");
    }
    ORDO_ASSERT(config->group >= 1 && config->group <= ORDO_PACE_GROUP_MAX);
    ORDO_ASSERT(config->products >= 1 && config->products <= ORDO_PACE_PRODUCTS_MAX);
    ORDO_ASSERT(config->lanes <= ORDO_PACE_COHORTS_MAX);
    struct ordo_client_config client = {
        .url = config->url,
        .requests_max = ORDO_PACE_COHORTS_MAX + 1,
        .on_answers = on_answers,
        .context = pace,
    };
    pace->config = *config;
    pace->clock = ordo_clock_system();
    pace->next_number = config->numbers;
    for (uint32_t i = 0; i < ORDO_PACE_COHORTS_MAX; i++) {
        queue_put(&pace->fresh, i);
    }
    enum ordo_err err = ordo_client_open(&client, &pace->client, fail);
    err = err == ORDO_OK ? ordo_client_connect(pace->client, wait_ms, fail) : err;
    return err == ORDO_OK ? put_products(pace, fail) : err;
}

void ordo_pace_close(struct ordo_pace *pace)
{
    if (pace != NULL) {
        if (pace->client != NULL) {
            ordo_client_close(pace->client);
        }
        free(pace);
    }
}

/* ---- the loop ---- */

static void run_closed(struct ordo_pace *pace)
{
    uint64_t now_ns = ordo_clock_monotonic_ns(&pace->clock);
    for (uint32_t i = 0; i < pace->config.lanes; i++) {
        (void)send_next(pace, now_ns);
    }
    while (now_ns < pace->end_ns && !pace->failed) {
        (void)ordo_client_poll(pace->client, POLL_MS);
        now_ns = ordo_clock_monotonic_ns(&pace->clock);
    }
}

static void run_open(struct ordo_pace *pace, uint64_t begin_ns)
{
    double distance_ns = 1e9 * pace->config.group / (double)pace->config.rate;
    uint64_t now_ns = begin_ns;
    uint64_t sent = 0;
    uint64_t due_ns = begin_ns;
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    while (now_ns < pace->end_ns && !pace->failed) {
        while (due_ns <= now_ns && due_ns < pace->end_ns && send_next(pace, due_ns)) {
            sent++;
            due_ns = begin_ns + (uint64_t)((double)sent * distance_ns);
        }
        bool full = due_ns <= now_ns; /* every group waits: only an answer helps */
        uint64_t left_ns = full ? POLL_NS : due_ns - now_ns;
        (void)ordo_client_poll_ns(pace->client, left_ns < POLL_NS ? left_ns : POLL_NS);
        now_ns = ordo_clock_monotonic_ns(&pace->clock);
    }
    for (; due_ns < pace->end_ns; pace->count->unsent++) {
        ordo_histogram_record(pace->latency, pace->end_ns - due_ns);
        sent++;
        due_ns = begin_ns + (uint64_t)((double)sent * distance_ns);
    }
}

enum ordo_err ordo_pace_run(
    struct ordo_pace *pace,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_pace_count *count,
    struct ordo_fail *fail)
{
    uint64_t begin_ns = ordo_clock_monotonic_ns(&pace->clock);
    struct ordo_client_stats stats;
    *count = (struct ordo_pace_count){.seconds = (double)limit_ns / 1e9};
    pace->end_ns = begin_ns + limit_ns;
    pace->latency = latency;
    pace->count = count;
    if (is_closed(pace)) {
        run_closed(pace);
    } else {
        run_open(pace, begin_ns);
    }
    while (ordo_client_in_flight(pace->client) != 0 &&
           ordo_clock_monotonic_ns(&pace->clock) < pace->end_ns + DRAIN_NS) {
        (void)ordo_client_poll(pace->client, POLL_MS);
    }
    ordo_client_stats(pace->client, &stats);
    count->busy = stats.busy - pace->busy_before;
    pace->busy_before = stats.busy;
    if (pace->failed || count->refused != 0 || ordo_client_in_flight(pace->client) != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_INVALID,
            "%llu commands were not decided as they should be, %u requests have no answer: %s",
            (unsigned long long)count->refused,
            ordo_client_in_flight(pace->client),
            ordo_client_last_fail(pace->client)->text);
    }
    return ORDO_OK;
}
