/* The table of waits: each is answered once, when it is so, when its sequence is durable or when
 * its time is over, whatever else waits for the same orders. Random lives are held against a model
 * that looks at every wait after every step.
 */
#include "net/waits.h"
#include "order/result.h"
#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS 4096
#define MS       ORDO_NS_PER_MS

static struct ordo_arena arena;
static struct ordo_waits waits;
static uint8_t list_bytes[1 << 16];
static uint8_t body_bytes[1 << 16];
static uint8_t out_bytes[1 << 16];

static void open_waits(uint32_t waited_max)
{
    ordo_arena_init(&arena);
    cr_assert_eq(ordo_waits_init(&waits, &arena, REQUESTS, waited_max), ORDO_OK);
    ordo_arena_seal(&arena);
}

static void close_waits(void)
{
    cr_expect_eq(waits.count, 0);
    cr_expect_eq(waits.waited_count, 0);
    for (uint32_t i = 0; i <= waits.bucket_mask; i++) {
        cr_assert_eq(waits.buckets[i], 0);
    }
    ordo_arena_fini(&arena);
}

struct order { /* a model of one */
    char name[16];
    uint8_t state;
    uint32_t version;
    uint64_t seq;
};

static struct order make_order(uint32_t number)
{
    struct order order = {.state = 0};
    (void)snprintf(order.name, sizeof(order.name), "o%u", number);
    return order;
}

static struct ordo_bytes text(const char *s)
{
    return (struct ordo_bytes){(const uint8_t *)s, (uint32_t)strlen(s)};
}

/* A wait for orders[at[0]], orders[at[1]], ... as they stand. */
static bool add_wait(
    uint32_t request,
    struct ordo_wait wait,
    const struct order *orders,
    const uint32_t *at,
    uint64_t now_ns)
{
    struct ordo_writer list = ordo_writer_over(list_bytes, sizeof(list_bytes));
    struct ordo_writer body = ordo_writer_over(body_bytes, sizeof(body_bytes));
    uint32_t count = wait.orders.count;
    ordo_write_varint(&body, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct order *o = &orders[at[i]];
        struct ordo_waited_view view = {text(o->name), o->state, o->version, o->seq};
        ordo_write_bytes(&list, text(o->name));
        ordo_waited_view_encode(&view, &body);
    }
    struct ordo_command command = {.kind = ORDO_KIND_WAIT, .shop = 7};
    wait.orders.raw = (struct ordo_bytes){list_bytes, (uint32_t)ordo_writer_size(&list)};
    command.wait = wait;
    struct ordo_reader in = ordo_reader_over(body_bytes, ordo_writer_size(&body));
    return ordo_waits_add(&waits, request, 1000 + request, &command, &in, now_ns);
}

static bool add_one(uint32_t request, struct ordo_wait wait, const struct order *order)
{
    static const uint32_t first = 0;
    wait.orders.count = 1;
    wait.timeout_ms = wait.timeout_ms == 0 ? 60000 : wait.timeout_ms;
    return add_wait(request, wait, order, &first, 0);
}

/* The order comes to the state by command seq; 255: it is only touched. */
static void move(struct order *order, uint8_t state, uint64_t seq)
{
    static struct ordo_outcome outcome;
    bool moves = state != 255;
    order->state = moves ? state : order->state;
    order->version += moves ? 1 : 0;
    order->seq = seq;
    outcome.result = (struct ordo_result){.seq = seq};
    outcome.effect_count = 1;
    outcome.transition_count = moves ? 1 : 0;
    outcome.transitions[0].to = state;
    outcome.effects[0] = (struct ordo_effect){
        .shop = 7,
        .order_id = text(order->name),
        .version = order->version,
        .transition_count = moves ? 1 : 0,
    };
    ordo_waits_take(&waits, &outcome);
}

/* The orders in the answer, which is then given: the wait is gone. */
static uint32_t answer(uint32_t request, struct ordo_waited_view views[ORDO_WAIT_ORDERS_MAX])
{
    struct ordo_writer out = ordo_writer_over(out_bytes, sizeof(out_bytes));
    cr_assert_eq(ordo_waits_request_id(&waits, request), 1000 + request);
    ordo_waits_write(&waits, request, &out);
    cr_assert(!out.failed);
    struct ordo_mp_reader in = ordo_mp_reader_over(out_bytes, (uint32_t)ordo_writer_size(&out));
    uint32_t count = ordo_body_waited(&in);
    for (uint32_t i = 0; i < count; i++) {
        ordo_body_waited_order(&in, &views[i]);
    }
    cr_assert(in.error == NULL && ordo_mp_is_done(&in), "%s", in.error);
    ordo_waits_remove(&waits, request);
    return count;
}

static struct ordo_waited_view views[ORDO_WAIT_ORDERS_MAX];

static void expect_next(uint32_t expected, uint32_t orders)
{
    uint32_t request = UINT32_MAX;
    cr_assert(ordo_waits_next(&waits, 0, 0, &request));
    cr_assert_eq(request, expected);
    cr_assert_eq(answer(request, views), orders);
}

static void expect_none(void)
{
    uint32_t request;
    cr_assert(!ordo_waits_next(&waits, 0, 0, &request));
}

#define PAID (1u << ORDO_STATE_PAID)

Test(waits, are_answered_when_the_order_comes_to_the_state)
{
    struct order o = make_order(1);
    struct order other = make_order(2);
    open_waits(10);
    cr_assert(add_one(3, (struct ordo_wait){.timeout_ms = 1, .states = PAID}, &o));
    expect_none();
    move(&other, ORDO_STATE_PAID, 5);
    move(&o, ORDO_STATE_PENDING, 6);
    expect_none();
    move(&o, ORDO_STATE_PAID, 7);
    expect_next(3, 1);
    cr_expect(ordo_bytes_equal(views[0].order_id, text("o1")));
    cr_expect_eq(views[0].state, ORDO_STATE_PAID);
    cr_expect_eq(views[0].version, 2);
    cr_expect_eq(views[0].seq, 7);
    expect_none();
    close_waits();
}

Test(waits, are_answered_at_once_when_it_is_so)
{
    struct order o = make_order(1);
    o.state = ORDO_STATE_PAID;
    o.seq = 9;
    open_waits(10);
    cr_assert(add_one(1, (struct ordo_wait){.states = PAID}, &o));
    expect_next(1, 1);
    cr_assert(add_one(1, (struct ordo_wait){.states = PAID, .since = 8}, &o));
    expect_next(1, 1);
    cr_assert(add_one(1, (struct ordo_wait){.states = PAID, .since = 9}, &o));
    expect_none();
    move(&o, 255, 10); /* a note: the state stays */
    expect_next(1, 1);
    cr_assert(add_one(1, (struct ordo_wait){.since = 0}, &o));
    expect_next(1, 1);
    o = make_order(2); /* nobody knows it: state 0 */
    cr_assert(add_one(1, (struct ordo_wait){.states = 1}, &o));
    expect_next(1, 1);
    cr_expect_eq(views[0].state, ORDO_STATE_NONE);
    close_waits();
}

Test(waits, for_all_are_answered_when_all_are_so_at_once)
{
    struct order o[3] = {make_order(1), make_order(2), make_order(3)};
    static const uint32_t at[] = {0, 1, 2};
    struct ordo_wait wait = {.timeout_ms = 60000, .states = PAID, .all = 1, .orders.count = 3};
    open_waits(10);
    cr_assert(add_wait(1, wait, o, at, 0));
    move(&o[0], ORDO_STATE_PAID, 1);
    move(&o[1], ORDO_STATE_PAID, 2);
    expect_none();
    move(&o[0], ORDO_STATE_ISSUING, 3);
    move(&o[2], ORDO_STATE_PAID, 4);
    expect_none();
    move(&o[0], ORDO_STATE_PAID, 5);
    expect_next(1, 3);
    close_waits();
}

/* One command pays one order of the wait and takes another away from the state. */
Test(waits, are_looked_at_when_the_whole_command_was_taken)
{
    struct order o[2] = {make_order(1), make_order(2)};
    static const uint32_t at[] = {0, 1};
    struct ordo_wait wait = {.timeout_ms = 60000, .states = PAID, .all = 1, .orders.count = 2};
    open_waits(10);
    cr_assert(add_wait(1, wait, o, at, 0));
    move(&o[0], ORDO_STATE_PAID, 1);
    move(&o[1], ORDO_STATE_PAID, 2); /* ready now */
    move(&o[0], ORDO_STATE_ISSUING, 2);
    expect_none();
    move(&o[0], ORDO_STATE_PAID, 3);
    expect_next(1, 2);
    close_waits();
}

Test(waits, end_with_their_sequence_and_with_their_time)
{
    uint32_t request;
    struct order o = make_order(1);
    open_waits(10);
    cr_assert_eq(ordo_waits_deadline_ns(&waits), UINT64_MAX);
    cr_assert(
        add_one(1, (struct ordo_wait){.timeout_ms = 30, .until_seq = 50, .states = PAID}, &o));
    cr_assert(add_one(2, (struct ordo_wait){.timeout_ms = 20, .states = PAID}, &o));
    cr_assert(
        add_one(3, (struct ordo_wait){.timeout_ms = 10, .until_seq = 40, .states = PAID}, &o));
    cr_assert_eq(ordo_waits_deadline_ns(&waits), 10 * MS);
    cr_assert(!ordo_waits_next(&waits, 39, 10 * MS - 1, &request));
    cr_assert(ordo_waits_next(&waits, 40, 0, &request));
    cr_assert_eq(request, 3);
    cr_assert_eq(answer(3, views), 0, "nothing is so");
    cr_assert_eq(ordo_waits_deadline_ns(&waits), 20 * MS);
    cr_assert(!ordo_waits_next(&waits, 40, 20 * MS - 1, &request));
    cr_assert(ordo_waits_next(&waits, 40, 20 * MS, &request));
    cr_assert_eq(request, 2);
    cr_assert_eq(answer(2, views), 0);
    cr_assert(ordo_waits_any(&waits, &request), "as at a stop");
    cr_assert_eq(request, 1);
    cr_assert_eq(answer(1, views), 0);
    cr_assert(!ordo_waits_any(&waits, &request));
    close_waits();
}

Test(waits, are_refused_beyond_their_orders_and_taken_again_after)
{
    struct order o[3] = {make_order(1), make_order(2), make_order(3)};
    static const uint32_t at[] = {0, 1, 2};
    uint32_t request;
    open_waits(5);
    struct ordo_wait wait = {.states = PAID, .orders.count = 3};
    cr_assert(add_wait(1, wait, o, at, 0));
    cr_assert(!add_wait(2, wait, o, at, 0));
    wait.orders.count = 2;
    cr_assert(add_wait(2, wait, o, at, 0));
    wait.orders.count = 0;
    cr_assert(add_wait(3, wait, o, at, 0), "a wait for a sequence needs none");
    cr_assert(!add_one(4, wait, o));
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert(ordo_waits_any(&waits, &request));
        (void)answer(request, views);
    }
    cr_assert(add_wait(2, wait, o, at, 0));
    (void)answer(2, views);
    close_waits();
}

/* ---- 100,000 orders at once ---- */

Test(waits, for_a_hundred_thousand_orders_are_answered_each_once)
{
    static struct order orders[ORDO_WAITED_MAX];
    static uint32_t at[ORDO_WAIT_ORDERS_MAX];
    static uint8_t answered[REQUESTS];
    uint32_t request;
    uint32_t each = ORDO_WAITED_MAX / REQUESTS + 1;
    uint32_t made = 0;
    uint32_t count = 0;
    open_waits(ORDO_WAITED_MAX);
    for (uint32_t i = 0; i < ORDO_WAITED_MAX; i++) {
        orders[i] = make_order(i);
    }
    for (; count < REQUESTS && made < ORDO_WAITED_MAX; count++) {
        struct ordo_wait wait = {.timeout_ms = 60000, .states = PAID, .all = 1};
        uint32_t left = ORDO_WAITED_MAX - made;
        wait.orders.count = left < each ? left : each;
        for (uint32_t i = 0; i < wait.orders.count; i++) {
            at[i] = made++;
        }
        cr_assert(add_wait(count, wait, orders, at, 0));
    }
    cr_assert_eq(made, ORDO_WAITED_MAX);
    cr_assert(!add_one(count, (struct ordo_wait){.states = PAID}, orders));
    uint32_t done = 0;
    for (uint64_t i = 0; i < ORDO_WAITED_MAX; i++) { /* in an order far from that of the waits */
        move(&orders[i * 7919 % ORDO_WAITED_MAX], ORDO_STATE_PAID, i + 1);
        while (ordo_waits_next(&waits, 0, 0, &request)) {
            cr_assert_eq(answered[request]++, 0);
            uint32_t holding = answer(request, views);
            cr_assert(holding == each || request == count - 1);
            done++;
        }
    }
    cr_expect_eq(done, count);
    close_waits();
}

/* ---- against a model ---- */

#define MODEL_ORDERS   12
#define MODEL_REQUESTS 40

struct model {
    bool active;
    struct ordo_wait wait;
    uint32_t at[8];
    uint64_t deadline_ns;
};

static uint32_t holding(const struct model *m, const struct order *orders)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->wait.orders.count; i++) {
        const struct order *o = &orders[m->at[i]];
        bool state = m->wait.states == 0 || (m->wait.states >> o->state & 1) != 0;
        count += state && (m->wait.since == 0 || o->seq > m->wait.since);
    }
    return count;
}

static bool is_due(const struct model *m, const struct order *orders, uint64_t seq, uint64_t now_ns)
{
    uint32_t wanted = m->wait.all != 0 ? m->wait.orders.count : 1;
    bool so = m->wait.orders.count != 0 && holding(m, orders) >= wanted;
    bool durable = m->wait.until_seq != 0 && seq >= m->wait.until_seq;
    return m->active && (so || durable || now_ns >= m->deadline_ns);
}

static void start(
    struct random *r,
    struct model *m,
    uint32_t request,
    const struct order *orders,
    uint64_t seq,
    uint64_t now_ns)
{
    m->active = true;
    m->wait = (struct ordo_wait){
        .timeout_ms = random_below(r, 40),
        .until_seq = random_below(r, 3) == 0 ? seq + random_below(r, 20) : 0,
        .states = random_below(r, 4) == 0 ? 0 : random_below(r, 4096) & random_below(r, 4096),
        .since = random_below(r, 2) == 0 ? 0 : seq + random_below(r, 3) - 1,
        .all = random_below(r, 2),
        .orders.count = (uint32_t)random_below(r, 9),
    };
    for (uint32_t i = 0; i < m->wait.orders.count; i++) {
        m->at[i] = (uint32_t)random_below(r, MODEL_ORDERS);
    }
    m->deadline_ns = now_ns + m->wait.timeout_ms * MS;
    cr_assert(add_wait(request, m->wait, orders, m->at, now_ns));
}

Test(waits, end_as_a_look_at_every_one_says)
{
    struct random r = random_begin("waits/end_as_a_look_at_every_one_says");
    static struct model models[MODEL_REQUESTS];
    struct order orders[MODEL_ORDERS];
    uint64_t seq = 100;
    uint64_t now_ns = 0;
    uint32_t ended = 0;
    uint32_t request;
    open_waits(400);
    for (uint32_t i = 0; i < MODEL_ORDERS; i++) {
        orders[i] = make_order(i);
    }
    for (uint32_t step = 0; step < 60000; step++) {
        struct model *m = &models[random_below(&r, MODEL_REQUESTS)];
        now_ns += random_below(&r, 2) * MS;
        if (!m->active) {
            start(&r, m, (uint32_t)(m - models), orders, seq, now_ns);
        } else {
            uint8_t state = random_below(&r, 4) == 0 ? 255 : (uint8_t)random_below(&r, 12);
            move(&orders[random_below(&r, MODEL_ORDERS)], state, ++seq);
        }
        while (ordo_waits_next(&waits, seq, now_ns, &request)) {
            cr_assert(is_due(&models[request], orders, seq, now_ns), "too early");
            cr_assert_eq(answer(request, views), holding(&models[request], orders));
            models[request].active = false;
            ended++;
        }
        for (uint32_t i = 0; i < MODEL_REQUESTS; i++) {
            cr_assert(!is_due(&models[i], orders, seq, now_ns), "step %u: missed %u", step, i);
        }
    }
    cr_expect_gt(ended, 10000);
    while (ordo_waits_any(&waits, &request)) {
        (void)answer(request, views);
    }
    close_waits();
}
