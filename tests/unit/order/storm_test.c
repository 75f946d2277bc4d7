/* Goal: no sequence of commands breaks an invariant or the money: whatever people, gateways and the
 * clock do to the same few orders.
 * Method: random commands over a few orders at a time, which move on, 6 products with few units, 3
 * channels; every invariant checked on the way. A failure prints the seed; ORDO_TEST_SEED=<seed>
 * replays it. */
#include "desk.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;
static uint64_t random_state;
static uint32_t steps;

#define ROUNDS         40
#define STEPS          600
#define STEPS_AN_ORDER 12
#define CHECK_EVERY    7

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % below);
}

/* One of the few orders that this part of the storm is about. */
static const char *an_order(void)
{
    static char name[16];
    (void)snprintf(name, sizeof(name), "o%u", steps / STEPS_AN_ORDER + pick(6));
    return name;
}

static const char *a_trade(void)
{
    static char trade[16];
    (void)snprintf(trade, sizeof(trade), "t%u", steps / 4 + pick(24));
    return trade;
}

/* Mostly what the order costs. */
static int64_t an_amount(const char *order)
{
    static const int64_t off[] = {0, 0, 0, 0, 0, 0, 1, -1, 7, PRICE, -PRICE / 2, -PRICE * 3 / 4};
    int64_t amount = get(&shop, order).amount;
    amount = (amount == 0 ? PRICE : amount) + off[pick(12)];
    return amount < 0 ? 0 : amount;
}

static void put_any(void)
{
    if (pick(3) == 0) {
        (void)put_channel(&shop, 1 + pick(3), pick(3), pick(3));
    } else if (pick(6) == 0) {
        (void)put_strict_channel(&shop, 3);
    } else {
        uint32_t options = pick(16) & ~(pick(4) == 0 ? 0u : (uint32_t)ORDO_PRODUCT_LATE_REFUND);
        (void)put_counted(&shop, 1 + pick(2), pick(2), options);
    }
}

static void create_any(void)
{
    struct ordo_create *c = make_create(&shop, an_order(), 1 + pick(40), 1 + pick(2));
    c->product = 1 + pick(6);
    c->card = c->product == 5 && pick(2) == 0 ? 1 + pick(60) : 0;
    c->wait_s = pick(2) == 0 ? 0 : 300;
    if (pick(3) == 0) {
        c->coupon = text("HALF");
        c->amount /= 2;
    }
    c->amount = c->product == 4 ? 0 : c->amount;
    (void)shop_send(&shop);
}

static void tell_any(void)
{
    uint8_t kind = (uint8_t)(pick(3) == 0 ? 1 + pick(5) : ORDO_FACT_PAY);
    const char *order = an_order();
    int64_t amount = an_amount(order);
    struct ordo_fact *f = make_fact(&shop, kind, order, a_trade(), amount);
    f->channel = 1 + pick(3);
    f->currency = pick(12) == 0 ? 840 : CNY;
    f->verified_by = 1 + pick(2);
    if (kind == ORDO_FACT_REFUND || pick(8) == 0) {
        f->refund_total = 1 + pick((uint32_t)amount + 2);
    }
    (void)shop_send(&shop);
}

static void handle_any(void)
{
    const char *order = an_order();
    switch (pick(6)) {
    case 0:
        (void)release(&shop, order);
        break;
    case 1:
        (void)extend(&shop, order, 600);
        break;
    case 2:
        (void)recall(&shop, 1 + pick(60));
        break;
    case 3:
        (void)replace(&shop, order, 1 + pick(60));
        break;
    case 4:
        (void)attempt(&shop, order, 1 + pick(3));
        break;
    default:
        (void)go_on(&shop);
        break;
    }
}

static void decide_any(void)
{
    const char *order = an_order();
    switch (pick(9)) {
    case 0:
        (void)mark_paid(&shop, order, 1 + pick(3), get(&shop, order).amount);
        break;
    case 1:
        (void)accept_money(&shop, order);
        break;
    case 2:
        (void)give_back(&shop, order, pick(2) == 0 ? 0 : pick(PRICE), pick(2) == 0);
        break;
    case 3:
        (void)freeze(&shop, order);
        break;
    case 4:
        (void)unfreeze(&shop, order);
        break;
    case 5:
        (void)note(&shop, order, pick(2) == 0);
        break;
    case 6:
        (void)issue(&shop, order, pick(2) == 0);
        break;
    case 7:
        (void)cancel(&shop, order);
        break;
    default:
        (void)acknowledge(&shop, order);
        break;
    }
}

static void let_time_pass(void)
{
    static const uint32_t seconds[] = {1, 60, 60, 400, 400, 1000, 1000, 90000};
    shop.time_us += seconds[pick(8)] * SECOND_US;
    if (pick(5) == 0) {
        (void)resume(&shop);
    }
    (void)tick(&shop);
}

static void step(void)
{
    uint32_t what = pick(22);
    if (what < 2) {
        put_any();
    } else if (what < 6) {
        create_any();
    } else if (what < 14) {
        tell_any();
    } else if (what < 18) {
        decide_any();
    } else if (what < 20) {
        handle_any();
    } else {
        let_time_pass();
    }
}

static void begin(void)
{
    struct ordo_settings_values v = shop_small();
    v.late_window_s = 100000;
    shop_open(&shop, &v);
    cr_assert_eq(put_counted(&shop, 1, 3, 0), ORDO_RESULT_OK);
    cr_assert_eq(put_counted(&shop, 2, 3, ORDO_PRODUCT_HOLD_AT_PAY), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 3, PRICE, ORDO_STOCK_CARDS), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 3, 1, 30), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 4, 0, ORDO_STOCK_UNLIMITED), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 5, PRICE, ORDO_STOCK_PRESELECT), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 5, 1, 30), ORDO_RESULT_OK);
    cr_assert_eq(put_product(&shop, 6, PRICE, ORDO_STOCK_LOOP), ORDO_RESULT_OK);
    cr_assert_eq(add_cards(&shop, 6, 1, 2), ORDO_RESULT_OK);
    struct ordo_coupon_put *put = &make_verb(&shop, ORDO_KIND_COUPON_PUT, "")->coupon_put;
    put->coupon = text("HALF");
    put->discount_share = 5000;
    put->uses_max = 2;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
}

Test(storm, no_sequence_of_commands_breaks_an_invariant)
{
    const char *given = getenv("ORDO_TEST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    uint64_t last = given != NULL ? first : first + ROUNDS - 1;
    for (uint64_t seed = first; seed <= last; seed++) {
        (void)fprintf(stderr, "storm: ORDO_TEST_SEED=%llu\n", (unsigned long long)seed);
        random_state = seed * 0x9e3779b97f4a7c15ull;
        begin();
        for (steps = 0; steps < STEPS; steps++) {
            step();
            if (steps % CHECK_EVERY == 0) {
                shop_check(&shop);
            }
        }
        shop_check(&shop);
        shop_close(&shop);
    }
}
