/* Goal: nothing that comes from outside stops the engine: tiny tables that all fill up, amounts,
 * counts, times and settings at their ends, bytes that are no command.
 * Method: random commands made from the schema, so that a new kind or field is in it by itself;
 * each value is likely one that fits, else from the ends of its range. An assertion that fails ends
 * the test; every invariant is checked on the way. A failure prints the seed; ORDO_TEST_SEED=<seed>
 * replays it, ORDO_TEST_ROUNDS=<n> runs more of them. */
#include "desk.h"

#include "order/image.h"
#include "order/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct shop shop;
static uint64_t random_state;
static uint8_t scratch[ORDO_COMMAND_SIZE_MAX];
static size_t scratch_used;

#define ROUNDS      60
#define STEPS       1500
#define CHECK_EVERY 50
#define PRODUCTS    8

static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state >> 8;
}

static uint32_t pick(uint32_t below)
{
    return (uint32_t)(draw() % below);
}

/* ---- values ---- */

static const int64_t prices[PRODUCTS + 1] = {0, 500, 1, 0, ORDO_AMOUNT_MAX, 500, 500, 7, 500};

static uint32_t first_order; /* those that a part of a round is about */
static uint32_t orders;

static const char *an_order(void)
{
    static char name[8][16];
    static uint32_t next;
    next = (next + 1) % 8;
    (void)snprintf(name[next], sizeof(name[0]), "o%u", first_order + pick(orders));
    return name[next];
}

static bool is_named(const struct ordo_field *field, const char *name)
{
    return strcmp(field->name, name) == 0;
}

/* An end of the range, or something beside it. */
static uint64_t an_end(uint64_t max)
{
    static const uint64_t ends[] = {0, 1, 2, 3, 7, 63, 64, 65, 255, 256, 1000, UINT64_MAX};
    uint64_t value = ends[pick(12)];
    value = pick(4) == 0 ? max - pick(3) : value;
    return value <= max ? value : max;
}

static uint64_t a_number(const struct ordo_field *field)
{
    uint64_t close = pick(4) == 0 ? 1000000ull : 100 * SECOND_US;
    if (is_named(field, "product")) {
        return pick(20) == 0 ? an_end(field->max) : pick(PRODUCTS + 1);
    }
    if (is_named(field, "quantity")) {
        return pick(10) == 0 ? an_end(field->max) : pick(4) == 0 ? 64 : 1 + pick(3);
    }
    if (is_named(field, "currency")) {
        return pick(8) == 0 ? an_end(field->max) : CNY;
    }
    if (is_named(field, "options")) {
        return pick(20) == 0 ? an_end(field->max) : draw() & 47;
    }
    if (is_named(field, "channel")) {
        return pick(8) == 0 ? an_end(field->max) : pick(4);
    }
    if (is_named(field, "now_us")) {
        return pick(8) == 0 ? an_end(field->max) : shop.time_us;
    }
    if (is_named(field, "card") || is_named(field, "first") || is_named(field, "last")) {
        return pick(8) == 0 ? an_end(field->max) : pick(40);
    }
    if (field->max == UINT64_MAX && pick(3) != 0) {
        return shop.time_us + pick(3) * close - close; /* sale_from_us and the like */
    }
    bool plain = is_named(field, "uses_max") || is_named(field, "verified_by");
    return plain && pick(4) != 0 ? 2 : an_end(field->max);
}

static int64_t an_amount(void)
{
    static const int64_t amounts[] = {
        0, 1, 499, 500, 501, 1000, ORDO_AMOUNT_MAX, ORDO_AMOUNT_MAX - 1, -1, -ORDO_AMOUNT_MAX};
    return amounts[pick(pick(3) == 0 ? 10 : 8)];
}

static struct ordo_bytes some_text(const struct ordo_field *field)
{
    static const char *const few[] = {"", "a", "b", "m1", "0123456789", "x:y"};
    uint8_t *to = scratch + scratch_used;
    const char *chosen = is_named(field, "order_id") ? an_order() : few[1 + pick(5)];
    uint32_t size = (uint32_t)strlen(chosen);
    if (is_named(field, "trade_no") && pick(4) != 0) {
        size = (uint32_t)snprintf((char *)to, 16, "%u", pick(400));
    } else if (pick(30) == 0) {
        size = pick(2) == 0 ? 0 : (uint32_t)field->max;
        memset(to, pick(2) == 0 ? 'z' : 0xff, size);
    } else {
        memcpy(to, chosen, size);
    }
    scratch_used += size;
    return (struct ordo_bytes){to, size};
}

static struct ordo_bytes some_key(uint32_t size)
{
    uint8_t *to = scratch + scratch_used;
    memset(to, 0, size);
    to[0] = (uint8_t)pick(pick(3) == 0 ? 200 : 6);
    scratch_used += size;
    return (struct ordo_bytes){to, size};
}

static struct ordo_bytes some_bytes(const struct ordo_field *field)
{
    if (is_named(field, "second_key")) {
        return some_key(pick(3) == 0 ? ORDO_ID_SIZE : pick(20) == 0 ? 5 : 0);
    }
    return some_text(field);
}

static struct ordo_elements some_cards(void)
{
    struct ordo_writer w =
        ordo_writer_over(scratch + scratch_used, sizeof(scratch) - scratch_used - 2048);
    uint32_t count = pick(20) == 0 ? 0 : 1 + pick(5);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t card[ORDO_SEALED_MAX] = {0};
        card[0] = (uint8_t)pick(100);
        uint32_t size = pick(20) == 0 ? (uint32_t)an_end(ORDO_SEALED_MAX) : 57 + pick(60);
        ordo_write_bytes(&w, (struct ordo_bytes){card, size});
    }
    struct ordo_elements e = {{w.begin, (uint32_t)ordo_writer_size(&w)}, count};
    scratch_used += e.raw.size;
    return e;
}

static void set_create(struct ordo_create *create)
{
    if (pick(10) == 0) {
        return;
    }
    bool known = create->product <= PRODUCTS && create->quantity <= 64;
    create->coupon = pick(4) == 0 ? create->coupon : text("");
    create->amount = known ? prices[create->product] * (int64_t)create->quantity : 0;
    create->amount = create->amount > ORDO_AMOUNT_MAX ? ORDO_AMOUNT_MAX : create->amount;
    create->wait_s = pick(2) == 0 ? 0 : create->wait_s;
    create->card = pick(3) == 0 ? create->card : 0;
}

static void fill(struct ordo_command *c);

static struct ordo_elements some_members(void)
{
    struct ordo_elements e = {{scratch + scratch_used, 0}, 1 + pick(ORDO_CHAIN_MAX)};
    static uint8_t bytes[ORDO_CHAIN_MAX * 2 * ORDO_MEMBER_MAX];
    struct ordo_writer w = ordo_writer_over(bytes, sizeof(bytes));
    for (uint32_t i = 0; i < e.count; i++) {
        struct ordo_command member = {.kind = ORDO_KIND_CREATE};
        uint8_t one[2 * ORDO_MEMBER_MAX];
        struct ordo_writer m = ordo_writer_over(one, ORDO_MEMBER_MAX);
        fill(&member);
        member.create.wait_s = pick(30) == 0 ? 1 : 0;
        ordo_member_encode(&member, &m);
        cr_assert(!m.failed);
        ordo_write_bytes(&w, (struct ordo_bytes){one, (uint32_t)ordo_writer_size(&m)});
    }
    e.raw.data = scratch + scratch_used;
    e.raw.size = (uint32_t)ordo_writer_size(&w);
    memcpy(scratch + scratch_used, bytes, e.raw.size);
    scratch_used += e.raw.size;
    return e;
}

/* One to three settings, most of them at an end of their range. */
static struct ordo_elements some_settings(void)
{
    struct ordo_writer w = ordo_writer_over(scratch + scratch_used, 256);
    uint32_t count = 1 + pick(3);
    for (uint32_t i = 0; i < count; i++) {
        const struct ordo_setting *setting = ordo_setting_at(pick(24));
        setting = setting == NULL ? ordo_setting_at(0) : setting;
        int64_t values[] = {setting->min, setting->max, setting->standard, setting->min + 1, -1};
        ordo_write_varint(&w, pick(40) == 0 ? an_end(UINT64_MAX) : setting->key);
        ordo_write_zigzag(&w, pick(40) == 0 ? INT64_MIN : values[pick(pick(20) == 0 ? 5 : 4)]);
    }
    struct ordo_elements e = {{w.begin, (uint32_t)ordo_writer_size(&w)}, count};
    scratch_used += e.raw.size;
    return e;
}

static void set_field(const struct ordo_command *c, const struct ordo_field *field, void *to)
{
    switch (field->type) {
    case ORDO_FIELD_U:
        *(uint64_t *)to = a_number(field);
        break;
    case ORDO_FIELD_N:
        *(int64_t *)to = an_amount();
        break;
    case ORDO_FIELD_T:
        *(struct ordo_bytes *)to = some_text(field);
        break;
    case ORDO_FIELD_B:
        *(struct ordo_bytes *)to = some_bytes(field);
        break;
    case ORDO_FIELD_K:
        *(struct ordo_bytes *)to = some_key(ORDO_ID_SIZE);
        break;
    case ORDO_FIELD_L:
        *(struct ordo_elements *)to = c->kind == ORDO_KIND_CHAIN ? some_members() : some_cards();
        break;
    case ORDO_FIELD_P:
        *(struct ordo_elements *)to = some_settings();
        break;
    }
}

static int64_t amount_of(struct ordo_bytes order_id)
{
    struct ordo_command kept = shop.command;
    char name[ORDO_ORDER_ID_MAX + 1] = {0};
    memcpy(name, order_id.data, order_id.size);
    int64_t amount = get(&shop, name).amount;
    shop.command = kept;
    return amount;
}

/* Values that go together, so that much is accepted. */
static void fit(struct ordo_command *c)
{
    struct ordo_product_put *put = &c->product_put;
    if (c->kind == ORDO_KIND_CREATE) {
        set_create(&c->create);
    } else if (c->kind == ORDO_KIND_PRODUCT_PUT && put->product <= PRODUCTS && pick(8) != 0) {
        put->price = prices[put->product];
        put->stock_mode = put->product % 5;
        put->counted = put->stock_mode == ORDO_STOCK_COUNTED ? put->counted : 0;
        put->options &= pick(8) == 0 ? 63 : 47;
        put->sale_from_us = 0;
        put->sale_until_us = 0;
        put->held_share = pick(2) == 0 ? 0 : put->held_share;
        put->purchase_cap = pick(2) == 0 ? 0 : put->purchase_cap;
    } else if (c->kind == ORDO_KIND_FACT && pick(4) != 0) {
        c->fact.amount = amount_of(c->fact.order_id) + (pick(6) == 0 ? (int64_t)pick(9) - 4 : 0);
        c->fact.amount = c->fact.amount < 0 ? 0 : c->fact.amount;
        c->fact.verified_by = pick(8) == 0 ? c->fact.verified_by : 2;
        c->fact.fact = pick(2) == 0 ? ORDO_FACT_PAY : c->fact.fact;
        c->fact.refund_total = pick(4) == 0 ? c->fact.refund_total : 0;
    } else if (c->kind == ORDO_KIND_MARK_PAID && pick(6) != 0) {
        c->mark_paid.amount = amount_of(c->mark_paid.order_id);
    } else if (c->kind == ORDO_KIND_ATTEMPT && pick(6) != 0) {
        c->attempt.amount = amount_of(c->attempt.order_id);
    } else if (c->kind == ORDO_KIND_REFUND && pick(2) != 0) {
        c->refund.amount = 0;
    }
}

static void fill(struct ordo_command *c)
{
    const struct ordo_command_schema *schema = ordo_schema_of(c->kind);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct ordo_field *field = &schema->fields[i];
        set_field(c, field, (uint8_t *)&c->settings + field->offset);
    }
    fit(c);
}

/* ---- a round ---- */

static void send_any(void)
{
    static const uint8_t often[] = {
        ORDO_KIND_CREATE,
        ORDO_KIND_CREATE,
        ORDO_KIND_CREATE,
        ORDO_KIND_FACT,
        ORDO_KIND_FACT,
        ORDO_KIND_ATTEMPT,
        ORDO_KIND_MARK_PAID,
        ORDO_KIND_ACCEPT,
        ORDO_KIND_ISSUE,
        ORDO_KIND_CARD_IMPORT,
        ORDO_KIND_CHAIN};
    uint32_t count = 0;
    while (ordo_schema_at(count) != NULL) {
        count++;
    }
    const struct ordo_command_schema *schema = ordo_schema_at(pick(count));
    struct ordo_command c = {.kind = pick(3) != 0 ? often[pick(11)] : schema->kind};
    c.kind = c.kind == ORDO_KIND_RELEASE && pick(4) != 0 ? ORDO_KIND_CREATE : c.kind;
    scratch_used = 0;
    c.shop = pick(12) == 0 ? (uint32_t)an_end(UINT32_MAX) : 0;
    fill(&c);
    shop.command = c;
    (void)shop_send(&shop);
}

/* Bytes of the last command with a few of them changed, or cut short. */
static void send_damaged(void)
{
    for (uint32_t i = 0; i < 1 + pick(3); i++) {
        shop.command_bytes[pick(shop.command_size)] ^= (uint8_t)(1 + pick(255));
    }
    uint32_t size = pick(3) == 0 ? 1 + pick(shop.command_size) : shop.command_size;
    struct ordo_bytes bytes = {shop.command_bytes, size};
    struct ordo_writer w = ordo_writer_over(shop.outcome_bytes, ORDO_QUERY_SIZE_MAX);
    ordo_apply_prefetch(shop.state, bytes);
    ordo_apply(shop.state, shop.time_us, bytes, &w, &shop.applied);
}

static void let_time_pass(void)
{
    static const uint64_t seconds[] = {0, 0, 1, 60, 60, 900, 100000, 40000000};
    shop.time_us += seconds[pick(8)] * SECOND_US + pick(3);
    (void)tick(&shop);
}

static void step(void)
{
    uint32_t what = pick(24);
    if (what == 0) {
        let_time_pass();
    } else if (what < 3 && shop.command_size != 0) {
        send_damaged();
    } else if (what == 3 && shop.command_size != 0) {
        (void)shop_resend(&shop);
    } else {
        send_any();
    }
}

/* Some tables fill up at once, the others never. */
static int64_t tiny(int64_t min)
{
    return min + (int64_t)pick(pick(3) == 0 ? 12 : 500);
}

static void begin(void)
{
    struct ordo_settings_values v = shop_small();
    orders = 1 + pick(pick(2) == 0 ? 6 : 60);
    v.orders_max = tiny(16);
    v.products_max = tiny(1);
    v.cards_max = tiny(16);
    v.secret_bytes_max = 4096 + 64 * (int64_t)pick(500);
    v.payments_max = tiny(16);
    v.ids_max = pick(3) == 0 ? tiny(64) : 4000;
    v.buyers_max = tiny(16);
    v.balances_max = tiny(1);
    v.merchants_max = tiny(1);
    v.extras_max = tiny(16);
    v.coupons_max = tiny(1);
    v.channels_max = tiny(1);
    v.id_horizon_s = pick(2) == 0 ? 60 : 3000000;
    shop_open(&shop, &v);
    for (uint32_t product = 1; product <= PRODUCTS; product++) {
        (void)put_product(&shop, product, prices[product], (uint8_t)(product % 5));
        (void)add_cards(&shop, product, product * 20, 3);
    }
}

/* ---- a start in the middle ---- */

static struct shop copy;

/* Whatever state was reached can be loaded, and goes on alike. */
static void load_copy(void)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    struct ordo_image_section section;
    enum ordo_err err = ORDO_OK;
    shop_open(&copy, &shop.settings);
    for (uint32_t i = 0; ordo_image_section(shop.state, i, &section); i++) {
        for (uint32_t chunk = 0; chunk < section.chunks && err == ORDO_OK; chunk++) {
            size_t size;
            const void *rows = ordo_image_chunk(shop.state, i, chunk, &size);
            err = ordo_image_load(copy.state, i, chunk, rows, size, &fail);
        }
    }
    err = err == ORDO_OK ? ordo_state_rebuild(copy.state, &fail) : err;
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    shop_check(&copy);
}

/* Equal stamps may stand in another order in a list. */
static void follow(void)
{
    struct ordo_bytes bytes = {shop.command_bytes, shop.command_size};
    struct ordo_writer w = ordo_writer_over(copy.outcome_bytes, ORDO_QUERY_SIZE_MAX);
    ordo_apply(copy.state, shop.time_us, bytes, &w, &copy.applied);
    bool list = shop.command_bytes[0] == ORDO_KIND_LIST;
    cr_assert(list || ordo_writer_size(&w) == shop.outcome_size);
    cr_assert(list || memcmp(copy.outcome_bytes, shop.outcome_bytes, shop.outcome_size) == 0);
    cr_assert_eq(ordo_state_next_deadline_us(copy.state), ordo_state_next_deadline_us(shop.state));
}

static void go_on_in_two(void)
{
    load_copy();
    for (uint32_t i = 0; i < 100; i++) {
        if (pick(4) == 0) {
            shop.time_us += 60 * SECOND_US;
            (void)tick(&shop);
        } else {
            send_any();
        }
        follow();
    }
    struct ordo_hash128 a = ordo_state_digest(shop.state);
    struct ordo_hash128 b = ordo_state_digest(copy.state);
    cr_assert(a.low == b.low && a.high == b.high);
    shop_close(&copy);
}

static uint64_t number_in(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);
    return given != NULL ? strtoull(given, NULL, 10) : otherwise;
}

Test(extreme, nothing_from_outside_stops_the_engine)
{
    uint64_t first = number_in("ORDO_TEST_SEED", 1);
    uint64_t rounds = number_in("ORDO_TEST_ROUNDS", getenv("ORDO_TEST_SEED") != NULL ? 1 : ROUNDS);
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        (void)fprintf(stderr, "extreme: ORDO_TEST_SEED=%llu\n", (unsigned long long)seed);
        random_state = seed * 0x9e3779b97f4a7c15ull;
        begin();
        for (uint32_t i = 0; i < STEPS; i++) {
            first_order = i / 24;
            step();
            if (i % CHECK_EVERY == 0) {
                shop_check(&shop);
            }
        }
        shop_check(&shop);
        go_on_in_two();
        shop_close(&shop);
    }
}

/* The rows are set to what would take years of commands. */
Test(extreme, counts_at_their_end_refuse_instead_of_wrapping)
{
    shop_open(&shop, NULL);
    cr_assert_eq(put_product(&shop, 1, PRICE, ORDO_STOCK_COUNTED), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o1", 1, 1), ORDO_RESULT_OK);
    cr_assert_eq(create(&shop, "o2", 2, 1), ORDO_RESULT_OK);
    make_create(&shop, "o3", 3, 1);
    under_key(&shop, 1);
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    ordo_buyer_edit(shop.state, 1)->held = UINT32_MAX - 1;
    ordo_buyer_edit(shop.state, 2)->paid = UINT32_MAX - 2;
    ordo_buyer_edit(shop.state, 4)->held = UINT32_MAX - 1;
    cr_expect_eq(create(&shop, "x", 1, 2), ORDO_RESULT_PURCHASE_CAP);
    cr_expect_eq(create(&shop, "x", 2, 2), ORDO_RESULT_PURCHASE_CAP);
    make_create(&shop, "x", 4, 2);
    under_key(&shop, 1);
    cr_expect_eq(shop_send(&shop), ORDO_RESULT_SECOND_KEY_QUOTA);
    cr_expect_eq(create(&shop, "o4", 1, 1), ORDO_RESULT_OK, "the last one");
    make_product(&shop, 1, ORDO_STOCK_COUNTED)->held_share = 9999;
    cr_assert_eq(shop_send(&shop), ORDO_RESULT_OK);
    ordo_product_edit(shop.state, 1)->free = UINT64_MAX / 9999 + 1 - 4;
    cr_expect_eq(create(&shop, "o5", 5, 64), ORDO_RESULT_OK, "a share of very much is much");
    shop_close(&shop);
}
