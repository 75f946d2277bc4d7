#include "bench/e2e_load.h"

#include "base/clock.h"
#include "order/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define SHOP       1u
#define PRODUCT    1u
#define PRICE      990
#define CURRENCY   156u
#define CHANNEL    1u
#define CONNECT_MS 30000u
#define CALL_MS    30000u
#define POLL_MS    100u
#define POLL_NS    (POLL_MS * ORDO_NS_PER_MS)
#define LATE_NS    ORDO_NS_PER_MS
#define SLACK_NS   1ul /* of timers; the standard, 50 us, is a third of a round trip */

#define SENDS_A_POLL 16u /* behind a stall much is due at once: answers are read meanwhile */

enum step { STEP_CREATE, STEP_ATTEMPT, STEP_PAY, STEP_ACK, STEP_COUNT };
_Static_assert(STEP_COUNT == ORDO_E2E_STEPS, "of e2e_load.h");

static const uint32_t transitions_of[STEP_COUNT] = {1, 1, 2, 1};

struct lane {
    uint64_t first;    /* number of its first order */
    uint64_t since_ns; /* its latency runs from here: closed loop sent, open loop due */
    enum step step;
    bool in_flight;
};

struct ordo_e2e {
    struct ordo_client *client;
    struct ordo_clock clock;
    struct lane lanes[ORDO_E2E_LANES_MAX];
    uint32_t lane_count;
    uint32_t group;
    uint32_t turn; /* of the lanes, in an open loop */
    uint64_t next_number;
    uint64_t end_ns;     /* closed loop: no new request from then on; 0 in an open one */
    uint16_t wrong_code; /* of the first command that was not decided as it should be; 0 = none */
    bool failed;
    struct ordo_histogram *latency;
    struct ordo_e2e_count *count;
    struct ordo_command commands[ORDO_E2E_GROUP_MAX];
    char names[ORDO_E2E_GROUP_MAX][ORDO_E2E_NAME_SIZE];
};

static struct ordo_bytes name_of(char *name, uint64_t number)
{
    name[0] = 'B';
    for (uint32_t i = ORDO_E2E_NAME_SIZE - 1; i >= 1; i--) {
        name[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return (struct ordo_bytes){(const uint8_t *)name, ORDO_E2E_NAME_SIZE};
}

uint32_t ordo_e2e_make(
    struct ordo_command *command, char text[ORDO_E2E_NAME_SIZE], uint32_t step, uint64_t number)
{
    static const uint8_t buyer[ORDO_ID_SIZE] = {1};
    struct ordo_bytes name = name_of(text, number);
    memset(command, 0, sizeof(*command));
    command->shop = SHOP;
    switch ((enum step)step) {
    case STEP_CREATE:
        command->kind = ORDO_KIND_CREATE;
        command->create.order_id = name;
        command->create.buyer = (struct ordo_bytes){buyer, sizeof(buyer)};
        command->create.product = PRODUCT;
        command->create.quantity = 1;
        command->create.amount = PRICE;
        command->create.currency = CURRENCY;
        break;
    case STEP_ATTEMPT:
        command->kind = ORDO_KIND_ATTEMPT;
        command->attempt.order_id = name;
        command->attempt.channel = CHANNEL;
        command->attempt.amount = PRICE;
        command->attempt.currency = CURRENCY;
        break;
    case STEP_PAY:
        command->kind = ORDO_KIND_FACT;
        command->fact.fact = ORDO_FACT_PAY;
        command->fact.channel = CHANNEL;
        command->fact.order_id = name;
        command->fact.trade_no = name;
        command->fact.amount = PRICE;
        command->fact.currency = CURRENCY;
        command->fact.verified_by = ORDO_VERIFIED_SIGNATURE;
        break;
    case STEP_ACK:
    case STEP_COUNT:
    default:
        command->kind = ORDO_KIND_DELIVERY_ACK;
        command->delivery_ack.order_id = name;
        break;
    }
    return transitions_of[step];
}

static void send_step(struct ordo_e2e *e2e, struct lane *lane, uint64_t since_ns)
{
    if (lane->step == STEP_CREATE) {
        lane->first = e2e->next_number;
        e2e->next_number += e2e->group;
    }
    for (uint32_t i = 0; i < e2e->group; i++) {
        (void)ordo_e2e_make(&e2e->commands[i], e2e->names[i], lane->step, lane->first + i);
    }
    lane->since_ns = since_ns;
    lane->in_flight = ordo_client_send(e2e->client, e2e->commands, e2e->group, lane) == ORDO_OK;
    e2e->failed = e2e->failed || !lane->in_flight;
}

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo_e2e *e2e = context;
    struct lane *lane = user;
    uint64_t now_ns = ordo_clock_monotonic_ns(&e2e->clock);
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t code = answers[i].item.result.code;
        good += code == ORDO_RESULT_OK;
        e2e->wrong_code = e2e->wrong_code == ORDO_RESULT_OK ? code : e2e->wrong_code;
    }
    ordo_histogram_record(e2e->latency, now_ns - lane->since_ns);
    e2e->count->commands += good;
    e2e->count->refused += count - good;
    e2e->count->transitions += (uint64_t)good * transitions_of[lane->step];
    lane->in_flight = false;
    lane->step = (enum step)((lane->step + 1) % STEP_COUNT);
    if (now_ns < e2e->end_ns && !e2e->failed) {
        send_step(e2e, lane, now_ns);
    }
}

static enum ordo_err put_product(struct ordo_e2e *e2e, struct ordo_fail *fail)
{
    struct ordo_command put = {.kind = ORDO_KIND_PRODUCT_PUT, .shop = SHOP};
    const struct ordo_answer *answers;
    put.product_put.product = PRODUCT;
    put.product_put.price = PRICE;
    put.product_put.currency = CURRENCY;
    put.product_put.stock_mode = ORDO_STOCK_COUNTED;
    put.product_put.counted = UINT32_MAX / 2;
    enum ordo_err err = ordo_client_call(e2e->client, &put, 1, CALL_MS, &answers);
    if (err != ORDO_OK || answers[0].item.result.code != ORDO_RESULT_OK) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "the node does not take the product: code %u",
            err == ORDO_OK ? answers[0].item.result.code : 0u);
    }
    return ORDO_OK;
}

enum ordo_err ordo_e2e_open(
    struct ordo_e2e **out,
    const char *url,
    uint32_t lanes,
    uint32_t group,
    uint64_t numbers,
    struct ordo_fail *fail)
{
    struct ordo_e2e *e2e = calloc(1, sizeof(*e2e));
    *out = e2e;
    if (e2e == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a client");
    }
    struct ordo_client_config config = {.url = url, .on_answers = on_answers, .context = e2e};
    e2e->clock = ordo_clock_system();
    e2e->lane_count = lanes;
    e2e->group = group;
    e2e->next_number = numbers;
    enum ordo_err err = ordo_client_open(&config, &e2e->client, fail);
    err = err == ORDO_OK ? ordo_client_connect(e2e->client, CONNECT_MS, fail) : err;
    return err == ORDO_OK ? put_product(e2e, fail) : err;
}

void ordo_e2e_close(struct ordo_e2e *e2e)
{
    if (e2e != NULL) {
        if (e2e->client != NULL) {
            ordo_client_close(e2e->client);
        }
        free(e2e);
    }
}

static void
begin(struct ordo_e2e *e2e, struct ordo_histogram *latency, struct ordo_e2e_count *count)
{
    *count = (struct ordo_e2e_count){0};
    e2e->latency = latency;
    e2e->count = count;
}

static enum ordo_err judge(const struct ordo_e2e *e2e, struct ordo_fail *fail)
{
    if (e2e->failed || e2e->wrong_code == ORDO_RESULT_UNKNOWN) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "the node does not answer: %s",
            ordo_client_last_fail(e2e->client)->text);
    }
    if (e2e->count->refused != 0) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_INVALID,
            "%llu commands were not decided as they should be, the first: %s",
            (unsigned long long)e2e->count->refused,
            ordo_result_name(e2e->wrong_code));
    }
    return ORDO_OK;
}

static enum ordo_err end(struct ordo_e2e *e2e, uint64_t begin_ns, struct ordo_fail *fail)
{
    struct ordo_client_stats stats;
    while (ordo_client_in_flight(e2e->client) != 0) {
        (void)ordo_client_poll(e2e->client, POLL_MS);
    }
    ordo_client_stats(e2e->client, &stats);
    e2e->count->busy = stats.busy;
    e2e->count->seconds = (double)(ordo_clock_monotonic_ns(&e2e->clock) - begin_ns) / 1e9;
    return judge(e2e, fail);
}

enum ordo_err ordo_e2e_run(
    struct ordo_e2e *e2e,
    uint64_t limit_ns,
    struct ordo_histogram *latency,
    struct ordo_e2e_count *count,
    struct ordo_fail *fail)
{
    uint64_t begin_ns = ordo_clock_monotonic_ns(&e2e->clock);
    begin(e2e, latency, count);
    e2e->end_ns = begin_ns + limit_ns;
    for (uint32_t i = 0; i < e2e->lane_count; i++) {
        send_step(e2e, &e2e->lanes[i], ordo_clock_monotonic_ns(&e2e->clock));
    }
    return end(e2e, begin_ns, fail);
}

/* The next lane without a request in flight, in turn; NULL = all have one. */
static struct lane *free_lane(struct ordo_e2e *e2e)
{
    for (uint32_t i = 0; i < e2e->lane_count; i++) {
        struct lane *lane = &e2e->lanes[e2e->turn++ % e2e->lane_count];
        if (!lane->in_flight) {
            return lane;
        }
    }
    return NULL;
}

/* Waits for answers, asleep, but not beyond the next intended time. */
static void wait_due(struct ordo_e2e *e2e, uint64_t now_ns, uint64_t due_ns)
{
    uint64_t ns = due_ns > now_ns ? due_ns - now_ns : 0;
    (void)ordo_client_poll_ns(e2e->client, ns < POLL_NS ? ns : POLL_NS);
}

enum ordo_err ordo_e2e_offer(
    struct ordo_e2e *e2e,
    const struct ordo_e2e_offer *offer,
    struct ordo_histogram *latency,
    struct ordo_e2e_count *count,
    struct ordo_fail *fail)
{
    const struct ordo_schedule schedule = {
        ordo_clock_monotonic_ns(&e2e->clock), offer->requests_per_s};
    uint64_t all = ordo_schedule_due(&schedule, schedule.begin_ns + offer->limit_ns) - 1;
    uint64_t sent = 0;
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    begin(e2e, latency, count);
    e2e->end_ns = 0;
    while (sent < all && !e2e->failed) {
        uint64_t now_ns = ordo_clock_monotonic_ns(&e2e->clock);
        uint64_t due_ns = ordo_schedule_due_ns(&schedule, sent);
        struct lane *lane = now_ns >= due_ns ? free_lane(e2e) : NULL;
        if (lane == NULL) {
            wait_due(e2e, now_ns, now_ns >= due_ns ? UINT64_MAX : due_ns);
            continue;
        }
        count->late += now_ns - due_ns > LATE_NS;
        send_step(e2e, lane, due_ns);
        sent++;
        if (sent % SENDS_A_POLL == 0) {
            (void)ordo_client_poll(e2e->client, 0);
        }
    }
    return end(e2e, schedule.begin_ns, fail);
}
