#include "bench/read_load.h"

#include "bench/e2e_load.h"
#include "bench/folder.h"
#include "order/result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define FILL_GROUP 256u
#define CALL_MS    30000u
#define CONNECT_MS 30000u
#define POLL_NS    (100 * ORDO_NS_PER_MS)
#define SLACK_NS   1ul /* of timers; the standard, 50 us, is a third of a round trip */
#define STEP_FIRST 0u  /* e2e_load.h: the create */

struct lane {
    uint64_t since_ns; /* its latency runs from here: closed loop sent, open loop due */
    bool in_flight;
    uint64_t numbers[ORDO_READ_GROUP_MAX]; /* asked for */
};

struct ordo_read {
    struct ordo_read_config config;
    struct ordo_client *client;
    uint64_t seed;
    uint64_t end_ns; /* closed loop: no new request from then on; 0 in an open one */
    uint64_t answered;
    uint64_t wrong;
    bool failed;
    struct ordo_histogram *latency;
    uint32_t turn;
    struct lane lanes[ORDO_READ_LANES_MAX];
    struct ordo_command commands[ORDO_READ_GROUP_MAX];
    char names[ORDO_READ_GROUP_MAX][ORDO_E2E_NAME_SIZE];
};

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* ---- filling ---- */

static enum ordo_err
create_group(struct ordo_client *client, uint64_t first, uint32_t count, struct ordo_fail *fail)
{
    struct ordo_command commands[FILL_GROUP];
    char names[FILL_GROUP][ORDO_E2E_NAME_SIZE];
    const struct ordo_answer *answers;
    for (uint32_t i = 0; i < count; i++) {
        (void)ordo_e2e_make(&commands[i], names[i], STEP_FIRST, first + i);
    }
    enum ordo_err err = ordo_client_call(client, commands, count, CALL_MS, &answers);
    if (err != ORDO_OK) {
        return ordo_fail_set(fail, err, "the orders to be read cannot be sent");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (answers[i].item.result.code != ORDO_RESULT_OK) {
            return ordo_fail_set(
                fail,
                ORDO_ERR_INVALID,
                "order %" PRIu64 " was not created: code %u",
                first + i,
                answers[i].item.result.code);
        }
    }
    return ORDO_OK;
}

static void ignore(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    (void)context;
    (void)user;
    (void)answers;
    (void)count;
}

enum ordo_err
ordo_read_fill(const char *url, uint64_t first, uint32_t orders, struct ordo_fail *fail)
{
    const struct ordo_client_config config = {.url = url, .on_answers = ignore};
    struct ordo_client *client = NULL;
    enum ordo_err err = ordo_client_open(&config, &client, fail);
    if (err != ORDO_OK) {
        return err;
    }
    err = ordo_client_connect(client, CONNECT_MS, fail);
    for (uint32_t done = 0; done < orders && err == ORDO_OK; done += FILL_GROUP) {
        uint32_t left = orders - done;
        err = create_group(client, first + done, left < FILL_GROUP ? left : FILL_GROUP, fail);
    }
    ordo_client_close(client);
    return err;
}

/* ---- one request ---- */

static void ask(struct ordo_read *load, struct lane *lane, uint64_t since_ns)
{
    for (uint32_t i = 0; i < load->config.group; i++) {
        uint64_t place = (draw(&load->seed) >> 32) * load->config.orders >> 32;
        struct ordo_command create;
        lane->numbers[i] = load->config.first + place;
        (void)ordo_e2e_make(&create, load->names[i], STEP_FIRST, lane->numbers[i]);
        load->commands[i] = (struct ordo_command){.kind = ORDO_KIND_GET, .shop = create.shop};
        load->commands[i].get.order_id = create.create.order_id;
    }
    lane->since_ns = since_ns;
    lane->in_flight =
        ordo_client_send(load->client, load->commands, load->config.group, lane) == ORDO_OK;
    load->failed = load->failed || !lane->in_flight;
}

/* The order that was asked for, whole. */
static bool is_right(const struct ordo_answer *answer, uint64_t number)
{
    struct ordo_command create;
    char name[ORDO_E2E_NAME_SIZE];
    struct ordo_order_view view;
    struct ordo_mp_reader body = answer->item.body;
    if (answer->item.result.code != ORDO_RESULT_OK || !answer->item.has_body) {
        return false;
    }
    ordo_body_order(&body, &view);
    (void)ordo_e2e_make(&create, name, STEP_FIRST, number);
    return body.error == NULL && view.order_id.size == ORDO_E2E_NAME_SIZE &&
           memcmp(view.order_id.data, name, ORDO_E2E_NAME_SIZE) == 0;
}

static void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    struct ordo_read *load = context;
    struct lane *lane = user;
    for (uint32_t i = 0; i < count; i++) {
        bool right = is_right(&answers[i], lane->numbers[i]);
        load->answered += right;
        load->wrong += !right;
    }
    uint64_t now_ns = ordo_bench_now_ns();
    ordo_histogram_record(load->latency, now_ns - lane->since_ns);
    lane->in_flight = false;
    if (now_ns < load->end_ns && !load->failed) {
        ask(load, lane, now_ns);
    }
}

/* ---- open and close ---- */

enum ordo_err ordo_read_open(
    struct ordo_read **out, const struct ordo_read_config *config, struct ordo_fail *fail)
{
    struct ordo_read *load = calloc(1, sizeof(*load));
    *out = load;
    if (load == NULL) {
        return ordo_fail_set(fail, ORDO_ERR_NO_MEMORY, "no memory for a client");
    }
    ORDO_ASSERT(config->lanes > 0 && config->lanes <= ORDO_READ_LANES_MAX);
    ORDO_ASSERT(config->group > 0 && config->group <= ORDO_READ_GROUP_MAX);
    const struct ordo_client_config client = {
        .url = config->url, .on_answers = on_answers, .context = load};
    load->config = *config;
    load->seed = 88172645463325252ull;
    enum ordo_err err = ordo_client_open(&client, &load->client, fail);
    return err == ORDO_OK ? ordo_client_connect(load->client, CONNECT_MS, fail) : err;
}

void ordo_read_close(struct ordo_read *load)
{
    if (load != NULL) {
        if (load->client != NULL) {
            ordo_client_close(load->client);
        }
        free(load);
    }
}

/* ---- runs ---- */

static struct lane *free_lane(struct ordo_read *load)
{
    for (uint32_t i = 0; i < load->config.lanes; i++) {
        struct lane *lane = &load->lanes[load->turn++ % load->config.lanes];
        if (!lane->in_flight) {
            return lane;
        }
    }
    return NULL;
}

static void run_open(struct ordo_read *load, const struct ordo_schedule *schedule, uint64_t all)
{
    uint64_t sent = 0;
    while (sent < all && !load->failed) {
        uint64_t now_ns = ordo_bench_now_ns();
        uint64_t due_ns = ordo_schedule_due_ns(schedule, sent);
        struct lane *lane = now_ns >= due_ns ? free_lane(load) : NULL;
        if (lane != NULL) {
            ask(load, lane, due_ns);
            sent++;
            (void)ordo_client_poll(load->client, 0);
            continue;
        }
        uint64_t ns = now_ns < due_ns ? due_ns - now_ns : POLL_NS;
        (void)ordo_client_poll_ns(load->client, ns < POLL_NS ? ns : POLL_NS);
    }
}

enum ordo_err ordo_read_run(
    struct ordo_read *load,
    const struct ordo_read_run *run,
    struct ordo_histogram *latency,
    double *per_second,
    struct ordo_fail *fail)
{
    uint64_t begin_ns = ordo_bench_now_ns();
    (void)prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
    load->latency = latency;
    load->answered = 0;
    load->end_ns = run->rate != 0 ? 0 : begin_ns + run->limit_ns;
    if (run->rate != 0) {
        const struct ordo_schedule schedule = {begin_ns, run->rate};
        run_open(load, &schedule, ordo_schedule_due(&schedule, begin_ns + run->limit_ns) - 1);
    }
    for (uint32_t i = 0; i < load->config.lanes && run->rate == 0; i++) {
        ask(load, &load->lanes[i], ordo_bench_now_ns());
    }
    while (ordo_client_in_flight(load->client) != 0) {
        (void)ordo_client_poll_ns(load->client, POLL_NS);
    }
    *per_second = (double)load->answered * 1e9 / (double)(ordo_bench_now_ns() - begin_ns);
    if (load->failed) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_UNAVAILABLE,
            "the node does not answer: %s",
            ordo_client_last_fail(load->client)->text);
    }
    if (load->wrong != 0) {
        return ordo_fail_set(
            fail, ORDO_ERR_INVALID, "%" PRIu64 " answers are not the order asked for", load->wrong);
    }
    return ORDO_OK;
}
