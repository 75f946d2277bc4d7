/* Goal: the public client says of every command how it ended, and gathers commands by itself.
 * Method: a node made by hand that works between two polls; blocking calls have it on a thread of
 * its own.
 */
#include "net/client/ordo/ordo.h"

#include "script_node.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct script node;
static volatile bool node_stops;
static pthread_t node_thread;

static void *work_node(void *context)
{
    struct script *s = context;
    while (!node_stops) {
        struct pollfd fds[2] = {
            {.fd = s->requests.fd, .events = POLLIN},
            {.fd = s->requests.listener, .events = POLLIN}};
        (void)poll(fds, 2, 5);
        script_work(s);
    }
    return NULL;
}

static void setup(void)
{
    script_open(&node);
    node.head = 5;
}

static void teardown(void)
{
    script_close(&node);
}

static void start_node(void)
{
    node_stops = false;
    cr_assert_eq(pthread_create(&node_thread, NULL, work_node, &node), 0);
}

static void stop_node(void)
{
    node_stops = true;
    pthread_join(node_thread, NULL);
}

static struct ordo *open_client(struct ordo_options options)
{
    struct ordo *ordo = NULL;
    struct ordo_error error;
    options.url = node.requests.url;
    cr_assert_eq(ordo_open(&options, &ordo, &error), ORDO_E_OK, "%s", error.text);
    return ordo;
}

TestSuite(lib, .init = setup, .fini = teardown);

struct ends {
    uint32_t count;
    uint32_t ok;
};

static void on_end(void *user, const struct ordo_end *end)
{
    struct ends *ends = user;
    ends->count++;
    ends->ok += end->verdict == ORDO_VERDICT_OK ? 1 : 0;
}

static struct ordo_cmd cancel_of(const char *order_id)
{
    struct ordo_cmd cmd = {.kind = ORDO_CMD_CANCEL, .shop = 7};
    cmd.of.order.order_id = order_id;
    return cmd;
}

Test(lib, answers_a_call_and_says_which_id_it_had)
{
    static const uint8_t zero[16];
    struct ordo *ordo = open_client((struct ordo_options){0});
    const struct ordo_end *end = NULL;
    struct ordo_cmd cmd = cancel_of("A-1");
    start_node();
    cr_assert_eq(ordo_call(ordo, &cmd, &end), ORDO_E_OK);
    cr_assert_eq(end->verdict, ORDO_VERDICT_OK);
    cr_assert_eq(end->seq, 1);
    cr_assert_str_eq(end->text, "done");
    cr_assert_neq(memcmp(cmd.id, zero, 16), 0);
    struct ordo_cmd head = {.kind = ORDO_CMD_HEAD};
    cr_assert_eq(ordo_call(ordo, &head, &end), ORDO_E_OK);
    cr_assert_eq(end->head->update_seq, 5);
    cr_assert_gt(end->body_size, 0);
    stop_node();
    cr_assert_eq(ordo_pending(ordo), 0);
    ordo_close(ordo);
}

static uint32_t frames_of(struct ordo *ordo, const struct ends *ends, uint32_t count)
{
    uint32_t frames = 0;
    for (int i = 0; i < 10000 && ends->count < count; i++) {
        (void)ordo_poll(ordo, 1);
        (void)script_is_ready(&node.stream, 0x20, 0x21);
        while (script_is_ready(&node.requests, 0x31, 0x30)) {
            script_answer(&node);
            frames++;
        }
    }
    cr_assert_eq(ends->count, count);
    return frames;
}

Test(lib, puts_what_is_submitted_meanwhile_into_one_frame)
{
    struct ordo *ordo = open_client((struct ordo_options){.frames_in_flight = 1});
    struct ends ends = {0};
    for (int i = 0; i < 200; i++) {
        struct ordo_cmd cmd = cancel_of("A-1");
        cr_assert_eq(ordo_submit(ordo, &cmd, on_end, &ends), ORDO_E_OK);
    }
    cr_assert_eq(ordo_pending(ordo), 200);
    cr_assert_eq(frames_of(ordo, &ends, 200), 1);
    cr_assert_eq(ends.ok, 200);
    ordo_close(ordo);
}

Test(lib, bounds_a_frame_and_what_is_open)
{
    struct ordo *ordo = open_client((struct ordo_options){.frame_max = 10, .commands_max = 95});
    struct ends ends = {0};
    struct ordo_cmd cmd = cancel_of("A-1");
    int code = ORDO_E_OK;
    for (uint32_t i = 0; i < 95; i++) {
        memset(cmd.id, 0, sizeof(cmd.id));
        code = ordo_submit(ordo, &cmd, on_end, &ends);
        cr_assert_eq(code, ORDO_E_OK);
    }
    cr_assert_eq(ordo_submit(ordo, &cmd, on_end, &ends), ORDO_E_FULL);
    cr_assert_eq(frames_of(ordo, &ends, 95), 10);
    cr_assert_eq(ordo_submit(ordo, &cmd, NULL, NULL), ORDO_E_OK, "nobody looks at this one");
    ordo_close(ordo);
}

Test(lib, keeps_payment_facts_apart_from_creates)
{
    struct ordo *ordo = open_client((struct ordo_options){0});
    struct ends ends = {0};
    struct ordo_cmd cmd = cancel_of("A-1");
    struct ordo_cmd fact = {.kind = ORDO_CMD_FACT};
    fact.of.fact = (struct ordo_cmd_fact){.told = ORDO_TOLD_PAY, .trade_no = "T-1", .amount = 5};
    cr_assert_eq(ordo_submit(ordo, &cmd, on_end, &ends), ORDO_E_OK);
    cr_assert_eq(ordo_submit(ordo, &fact, on_end, &ends), ORDO_E_OK);
    cr_assert_eq(frames_of(ordo, &ends, 2), 2);
    ordo_close(ordo);
}

/* The query would wait until the frames have ended, and behind urgent ones for ever. */
Test(lib, lets_nothing_wait_behind_frames_without_an_answer)
{
    struct ordo *ordo =
        open_client((struct ordo_options){.patience_ms = 4000, .frames_in_flight = 1});
    struct ends ends = {0};
    struct ordo_cmd fact = {.kind = ORDO_CMD_FACT};
    struct ordo_cmd head = {.kind = ORDO_CMD_HEAD};
    uint32_t frames = 0;
    fact.of.fact = (struct ordo_cmd_fact){.told = ORDO_TOLD_PAY, .trade_no = "T-1", .amount = 5};
    node.mute = true;
    cr_assert_eq(ordo_submit(ordo, &fact, on_end, &ends), ORDO_E_OK);
    (void)ordo_poll(ordo, 1);
    cr_assert_eq(ordo_submit(ordo, &head, on_end, &ends), ORDO_E_OK);
    for (int i = 0; ends.count == 0 && frames < 2; i++) {
        (void)ordo_poll(ordo, i < 50 ? 1 : 1000); /* first it connects; its sleep is no reason */
        while (ends.count == 0 && script_is_ready(&node.requests, 0x31, 0x30)) {
            script_answer(&node);
            frames++;
        }
    }
    cr_assert_eq(frames, 2, "the query never left");
    ordo_close(ordo);
}

Test(lib, takes_any_kind_in_the_generic_form)
{
    struct ordo *ordo = open_client((struct ordo_options){0});
    struct ends ends = {0};
    struct ordo_value values[5] = {
        {.type = ORDO_VALUE_TEXT, .of.data = {"mail", 4}},
        {.type = ORDO_VALUE_UINT, .of.uint = 3},
        {.type = ORDO_VALUE_UINT, .of.uint = 0}};
    struct ordo_cmd_generic generic = {values, 3};
    struct ordo_cmd put = {.kind = 28, .generic = &generic};
    cr_assert_eq(ordo_submit(ordo, &put, on_end, &ends), ORDO_E_OK);
    struct ordo_value from[2] = {
        {.type = ORDO_VALUE_UINT, .of.uint = 1}, {.type = ORDO_VALUE_UINT, .of.uint = 9}};
    struct ordo_cmd_generic range = {from, 2};
    struct ordo_cmd fetch = {.kind = 192, .generic = &range};
    cr_assert_eq(ordo_submit(ordo, &fetch, on_end, &ends), ORDO_E_OK);
    (void)frames_of(ordo, &ends, 2);
    cr_assert_eq(ends.ok, 2);
    cr_assert(node.has_cursor);
    cr_assert_eq(node.acked, 3);
    cr_assert_eq(node.fetches, 1);
    values[1].type = ORDO_VALUE_TEXT;
    cr_assert_eq(ordo_submit(ordo, &put, on_end, &ends), ORDO_E_INVALID, "a text is no number");
    generic.count = 5;
    values[1].type = ORDO_VALUE_UINT;
    cr_assert_eq(ordo_submit(ordo, &put, on_end, &ends), ORDO_E_INVALID, "too many fields");
    put.kind = 77;
    cr_assert_eq(ordo_submit(ordo, &put, on_end, &ends), ORDO_E_UNSUPPORTED);
    put.generic = NULL;
    cr_assert_eq(ordo_submit(ordo, &put, on_end, &ends), ORDO_E_INVALID);
    ordo_close(ordo);
}

Test(lib, ends_unknown_when_nobody_answers)
{
    struct ordo *ordo = open_client((struct ordo_options){.patience_ms = 50});
    const struct ordo_end *end = NULL;
    struct ordo_cmd cmd = cancel_of("A-1");
    node.mute = true;
    start_node();
    cr_assert_eq(ordo_call(ordo, &cmd, &end), ORDO_E_OK);
    stop_node();
    cr_assert_eq(end->verdict, ORDO_VERDICT_UNKNOWN);
    ordo_close(ordo);
}

Test(lib, frees_what_has_not_ended)
{
    struct ordo *ordo = open_client((struct ordo_options){.frame_max = 4});
    struct ends ends = {0};
    for (int i = 0; i < 30; i++) {
        struct ordo_cmd cmd = cancel_of("A-1");
        cr_assert_eq(ordo_submit(ordo, &cmd, on_end, &ends), ORDO_E_OK);
    }
    (void)ordo_poll(ordo, 0);
    ordo_close(ordo); /* a leak fails the test */
    ordo_close(NULL);
    cr_assert_eq(ends.count, 0);
}

Test(lib, refuses_an_address_that_is_none)
{
    struct ordo *ordo = NULL;
    struct ordo_error error;
    struct ordo_options options = {.url = "carrier pigeon"};
    cr_assert_eq(ordo_open(&options, &ordo, &error), ORDO_E_CONFIG);
    cr_assert_not_null(strstr(error.text, "pigeon"));
    cr_assert_eq(ordo_open(NULL, &ordo, NULL), ORDO_E_INVALID);
}
