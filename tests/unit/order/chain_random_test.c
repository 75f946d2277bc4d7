/* Goal: each member of a chain is judged as if those before it were done. Method: random chains
 * against random small shops have the result of the same creates sent one by one to an equal shop:
 * the same refusal of the same member and nothing done, or the same rows. Replay: ORDO_SEED=n
 * chain_random_test */
#include "shop.h"

#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;

static uint64_t seed;

static uint32_t draw(uint32_t count)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 32) % count);
}

static int64_t prices[5];

static void prepare(struct shop *to, uint64_t from)
{
    static const uint8_t modes[] = {
        ORDO_STOCK_CARDS, ORDO_STOCK_COUNTED, ORDO_STOCK_PRESELECT, ORDO_STOCK_LOOP};
    seed = from;
    struct ordo_settings_values v = shop_small();
    v.orders_max = 16 + draw(8);
    v.extras_max = 16 + draw(8);
    v.buyers_max = 16 + draw(8);
    shop_open(to, &v);
    for (uint32_t i = 0; i < 4; i++) {
        struct ordo_product_put *put = make_product(to, 1 + i, modes[i]);
        prices[1 + i] = draw(4) == 0 ? 0 : PRICE;
        put->price = prices[1 + i];
        put->purchase_cap = draw(3) == 0 ? 1 + draw(5) : 0;
        put->held_share = draw(3) == 0 ? 3000 + draw(7000) : 0;
        put->counted = modes[i] == ORDO_STOCK_COUNTED ? 4 + draw(12) : 0;
        put->options =
            draw(3) == 0 && modes[i] != ORDO_STOCK_PRESELECT ? ORDO_PRODUCT_HOLD_AT_PAY : 0;
        put->options |= draw(2) == 0 ? ORDO_PRODUCT_MANUAL : 0;
        cr_assert_eq(shop_send(to), ORDO_RESULT_OK);
        if (modes[i] != ORDO_STOCK_COUNTED) {
            cr_assert_eq(add_cards(to, 1 + i, 1, 4 + draw(8)), ORDO_RESULT_OK);
        }
    }
    cr_assert_eq(set(to, "buyer_quota", draw(8)), ORDO_RESULT_OK);
    cr_assert_eq(set(to, "second_key_quota", draw(8)), ORDO_RESULT_OK);
    cr_assert_eq(put_coupon(to, "TEN", 10, draw(4)), ORDO_RESULT_OK);
    for (uint32_t i = 0; i < 9; i++) { /* some rows are used, some were given back */
        char name[16];
        (void)snprintf(name, sizeof(name), "p%u", i);
        struct ordo_create *c = make_create(to, name, 50 + i, 1);
        c->product = 4;
        c->amount = prices[4];
        under_key(to, 50 + draw(2));
        bool made = shop_send(to) == ORDO_RESULT_OK;
        if (made && draw(2) == 0 && prices[4] != 0) {
            cr_assert_eq(cancel(to, name), ORDO_RESULT_OK);
        }
    }
    cr_assert_eq(pay(to, "m1", "t1", PRICE), ORDO_DISPOSITION_ORPHAN);
    cr_assert_eq(pay(to, "m2", "t2", 2 * PRICE), ORDO_DISPOSITION_ORPHAN);
}

static void draw_member(struct shop *to, uint32_t number)
{
    char *name = (char *)to->buffer + 64;
    (void)snprintf(name, 16, "m%u", draw(6) == 0 ? draw(9) : number);
    uint32_t buyer = draw(3);
    uint32_t quantity = 1 + draw(2);
    struct ordo_create *c = make_create(to, name, buyer, quantity);
    c->product = 1 + draw(4);
    if (draw(3) == 0) {
        under_key(to, draw(2));
    }
    if (c->product == 3 && draw(2) == 0) {
        c->quantity = 1;
        c->card = 1 + draw(30);
    }
    c->amount = prices[c->product] * (int64_t)c->quantity;
    if (draw(4) == 0) {
        c->coupon = text("TEN");
        c->amount -= c->amount == 0 ? 0 : 10;
    }
}

/* The refusal; OK when all was done. */
static uint16_t compare_with_one_by_one(uint64_t from, struct shop *single)
{
    prepare(&shop, from);
    prepare(single, from);
    uint32_t count = 1 + draw(ORDO_CHAIN_MAX);
    uint16_t refusal = ORDO_RESULT_OK;
    uint32_t refused = 0;
    chain_begin(&shop);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = seed;
        draw_member(&shop, i);
        chain_add(&shop);
        seed = at;
        draw_member(single, i);
        uint16_t code = refused == 0 ? shop_send(single) : ORDO_RESULT_OK;
        if (code != ORDO_RESULT_OK) {
            refusal = code;
            refused = i + 1;
        }
    }
    if (refused != 0) {
        chain_expect_refused(&shop, refusal, refused);
    } else {
        cr_expect_eq(chain_send(&shop), ORDO_RESULT_OK);
        for (uint32_t i = ORDO_TABLE_PRODUCT; i < ORDO_TABLE_COUNT; i++) {
            /* orders name their last command, which differs */
            if (i != ORDO_TABLE_ORDER && i != ORDO_TABLE_ID) {
                uint32_t used = ordo_head(shop.state)->used[i];
                struct ordo_hash128 a = ordo_table_digest_full(&shop.state->tables[i], used);
                struct ordo_hash128 b = ordo_table_digest_full(&single->state->tables[i], used);
                cr_expect(a.low == b.low && a.high == b.high, "table %u differs", i);
            }
        }
    }
    shop_check(&shop);
    shop_close(&shop);
    shop_close(single);
    return refusal;
}

#define ROUNDS 800

Test(chain_random, has_the_result_of_its_members_one_by_one)
{
    static struct shop single;
    static bool seen[UINT16_MAX];
    const char *given = getenv("ORDO_SEED");
    uint64_t first = given == NULL ? 20261123 : strtoull(given, NULL, 10);
    fprintf(stderr, "seed=%llu\n", (unsigned long long)first);
    uint32_t done = 0;
    uint32_t codes = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint16_t code = compare_with_one_by_one((first + i) * 0x9e3779b97f4a7c15ull | 1, &single);
        done += code == ORDO_RESULT_OK;
        codes += !seen[code];
        seen[code] = true;
    }
    fprintf(stderr, "%u of %u chains were done, %u codes were seen\n", done, ROUNDS, codes);
    cr_expect_gt(done, ROUNDS / 8);
    cr_expect_geq(codes, 10);
}
