/* A flash sale's plan: as many orders as its shape says, when it says; gateways whose latency and
 * repetitions are what was published; the same for the same seed. */
#include "bench/draw.h"
#include "bench/flash_plan.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 40000
#define MS      1000000ull

static struct ordo_flash_shape some_shape(void)
{
    return (struct ordo_flash_shape){
        .base = 50,
        .burst = 100,
        .before_s = 1,
        .ramp_s = 1,
        .hold_s = 2,
        .after_s = 1,
        .seed = 11,
        .products = 64,
        .gateway =
            {.ladder_scale = 100,
             .tail_ns = 6000 * MS,
             .lost_pct = 5,
             .unheard_pct = 8,
             .twice_pct = 2,
             .slow_pct = 1},
    };
}

Test(flash, rises_to_the_burst_within_the_ramp)
{
    struct ordo_flash_shape shape = some_shape();
    cr_assert_float_eq(ordo_flash_rate(&shape, 0.5), 50, 1e-9);
    cr_assert_float_eq(ordo_flash_rate(&shape, 1.5), 500, 1e-6, "half of the way is ten times");
    cr_assert_float_eq(ordo_flash_rate(&shape, 2.0), 5000, 1e-6);
    cr_assert_float_eq(ordo_flash_rate(&shape, 3.9), 5000, 1e-6);
    cr_assert_float_eq(ordo_flash_rate(&shape, 4.1), 50, 1e-9);
    cr_assert_float_eq(ordo_flash_rate(&shape, 5.1), 0, 1e-9);
}

Test(flash, brings_as_many_orders_as_the_rate_says_and_in_order)
{
    struct ordo_flash_shape shape = some_shape();
    uint32_t count = ordo_flash_arrivals(&shape, NULL, 0);
    double wanted = 50 + 50 * 99 / log(100) + 2 * 5000 + 50;
    cr_assert(fabs(count - wanted) < 10, "%u of %f", count, wanted);
    uint64_t *at = calloc(count, sizeof(*at));
    cr_assert_eq(ordo_flash_arrivals(&shape, at, count), count);
    uint32_t in_hold = 0;
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(i == 0 || at[i] >= at[i - 1]);
        in_hold += at[i] >= 2000 * MS && at[i] < 4000 * MS;
    }
    cr_assert(in_hold >= 9998 && in_hold <= 10002, "%u", in_hold);
    cr_assert_leq(at[count - 1], 5000 * MS);
    for (uint32_t i = 1; i < count; i++) {
        if (at[i - 1] > 2001 * MS && at[i] < 3999 * MS) {
            cr_assert_lt(at[i] - at[i - 1], MS, "evenly: no bundles");
        }
    }
    free(at);
}

Test(flash, is_the_same_for_the_same_seed_only)
{
    struct ordo_flash_shape shape = some_shape();
    struct ordo_flash_order a;
    struct ordo_flash_order b;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    ordo_flash_order_of(&shape, 123, &a);
    ordo_flash_order_of(&shape, 123, &b);
    cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    shape.seed = 12;
    ordo_flash_order_of(&shape, 123, &b);
    cr_assert_neq(a.paid_ns, b.paid_ns);
}

Test(flash, has_its_shares_of_fates_and_products)
{
    struct ordo_flash_shape shape = some_shape();
    uint32_t fates[3] = {0};
    uint32_t products[ORDO_FLASH_PRODUCTS_MAX + 1] = {0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct ordo_flash_order order;
        ordo_flash_order_of(&shape, i, &order);
        fates[order.fate]++;
        cr_assert(order.product >= 1 && order.product <= 64);
        products[order.product]++;
        cr_assert(order.fate != ORDO_FLASH_LATE || order.paid_ns > ORDO_FLASH_TTL_S * 1000 * MS);
    }
    cr_assert(fabs(fates[ORDO_FLASH_NEVER] / (double)SAMPLES - 0.10) < 0.01);
    cr_assert(fabs(fates[ORDO_FLASH_LATE] / (double)SAMPLES - 0.03) < 0.01);
    for (int i = 1; i <= 64; i++) {
        cr_assert(products[i] > SAMPLES / 64 / 2, "product %d: %u", i, products[i]);
    }
}

/* ---- gateways ---- */

Test(gateway, takes_320_ms_in_the_mean_and_sometimes_more_than_2_s)
{
    uint64_t state = 5;
    double sum_ms = 0;
    uint32_t above = 0;
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t ns = ordo_gateway_latency_ns(&state);
        sum_ms += (double)ns / 1e6;
        above += ns > 2000 * MS;
    }
    cr_assert(fabs(sum_ms / SAMPLES - 320) < 15, "%f", sum_ms / SAMPLES);
    cr_assert(above > SAMPLES / 1000 && above < SAMPLES / 50, "%u", above);
}

Test(gateway, shares_add_up_and_ladders_are_what_was_published)
{
    uint32_t shares = 0;
    uint32_t index = 0;
    for (; ordo_gateway_at(index) != NULL; index++) {
        shares += ordo_gateway_at(index)->share;
        cr_assert_leq(ordo_gateway_at(index)->steps, ORDO_LADDER_MAX);
    }
    cr_assert_eq(shares, 100);
    uint32_t alipay = 0;
    uint32_t wechat = 0;
    for (uint32_t i = 0; i < ORDO_LADDER_MAX; i++) {
        alipay += ordo_gateway_at(0)->ladder_s[i];
        wechat += ordo_gateway_at(2)->ladder_s[i];
    }
    cr_assert_eq(alipay, 4 * 60 + 20 * 60 + 24 * 3600, "8 sendings in 24 h 24 min");
    cr_assert_eq(wechat, 24 * 3600 + 4 * 60, "24 h 4 min");
}

static const struct ordo_gateway_rules deaf = {/* nobody ever hears success, nothing is lost */
                                               .ladder_scale = 100,
                                               .tail_ns = UINT64_MAX,
                                               .unheard_pct = 100};

Test(gateway, sends_by_its_ladder_while_nobody_says_success)
{
    uint64_t state = 9;
    bool seen[16] = {false};
    for (int i = 0; i < 2000; i++) {
        struct ordo_callbacks callbacks;
        ordo_gateway_callbacks(&deaf, &state, &callbacks);
        const struct ordo_gateway *gateway = ordo_gateway_at(callbacks.gateway);
        uint64_t due_ns = 0;
        cr_assert_eq(callbacks.count, gateway->steps + 1);
        for (uint32_t k = 0; k < callbacks.count; k++) {
            cr_assert_geq(callbacks.at_ns[k], due_ns);
            cr_assert_leq(callbacks.at_ns[k], due_ns + 500 * MS, "the network's share");
            due_ns += k < gateway->steps ? gateway->ladder_s[k] * 10 * MS : 0;
        }
        seen[callbacks.gateway] = true;
    }
    for (uint32_t i = 0; ordo_gateway_at(i) != NULL; i++) {
        cr_assert(seen[i]);
    }
}

Test(gateway, sends_once_when_it_is_heard)
{
    const struct ordo_gateway_rules calm = {.ladder_scale = 100, .tail_ns = 6000 * MS};
    uint64_t state = 9;
    for (int i = 0; i < 1000; i++) {
        struct ordo_callbacks callbacks;
        ordo_gateway_callbacks(&calm, &state, &callbacks);
        cr_assert_eq(callbacks.count, 1);
    }
}

Test(gateway, repeats_loses_and_overtakes_as_often_as_the_rules_say)
{
    struct ordo_flash_shape shape = some_shape();
    uint64_t state = 3;
    uint32_t arrivals = 0;
    uint32_t late = 0;
    uint32_t overtaken = 0;
    for (int i = 0; i < SAMPLES; i++) {
        struct ordo_callbacks callbacks;
        ordo_gateway_callbacks(&shape.gateway, &state, &callbacks);
        cr_assert(callbacks.count >= 1 && callbacks.count <= ORDO_CALLBACKS_MAX);
        arrivals += callbacks.count;
        late += callbacks.at_ns[0] > 600 * MS; /* the first was lost, or slow */
        for (uint32_t k = 1; k < callbacks.count; k++) {
            overtaken += callbacks.at_ns[k] < callbacks.at_ns[k - 1];
        }
    }
    double mean = arrivals / (double)SAMPLES;
    cr_assert(mean > 1.06 && mean < 1.14, "8 %% unheard and 2 %% twice, less the tail: %f", mean);
    cr_assert(late > SAMPLES / 50 && late < SAMPLES / 12, "%u", late);
    cr_assert_gt(overtaken, 0);
}

Test(gateway, always_tells_the_shop_in_the_end)
{
    const struct ordo_gateway_rules dead = {
        .ladder_scale = 100, .tail_ns = 6000 * MS, .lost_pct = 100};
    uint64_t state = 9;
    struct ordo_callbacks callbacks;
    ordo_gateway_callbacks(&dead, &state, &callbacks);
    cr_assert_eq(callbacks.count, 1);
    cr_assert_eq(callbacks.at_ns[0], 6000 * MS);
}
