#include "shop.h"

#include "order/parts.h"

#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct ordo_settings_values shop_small(void)
{
    struct ordo_settings_values v;
    ordo_settings_standard(&v);
    v.orders_max = 2000;
    v.products_max = 16;
    v.cards_max = 4000;
    v.secret_bytes_max = 1 << 20;
    v.payments_max = 4000;
    v.ids_max = 20000;
    v.buyers_max = 2000;
    v.balances_max = 16;
    v.merchants_max = 16;
    v.extras_max = 2000;
    v.coupons_max = 16;
    v.channels_max = 16;
    v.subscribers_max = 8;
    v.parks_max = 150;
    return v;
}

void shop_open(struct shop *shop, const struct ordo_settings_values *settings)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    memset(shop, 0, sizeof(*shop));
    shop->settings = settings == NULL ? shop_small() : *settings;
    ordo_arena_init(&shop->arena);
    enum ordo_err err = ordo_state_create(&shop->arena, &shop->settings, &shop->state, &fail);
    cr_assert_eq(err, ORDO_OK, "%s", fail.text);
    ordo_arena_seal(&shop->arena);
    shop->time_us = 1700000000 * SECOND_US;
}

void shop_close(struct shop *shop)
{
    ordo_arena_fini(&shop->arena);
}

struct ordo_bytes text(const char *t)
{
    return (struct ordo_bytes){(const uint8_t *)t, (uint32_t)strlen(t)};
}

void shop_new_id(struct shop *shop, uint8_t id[ORDO_ID_SIZE])
{
    ordo_put_le64(id, ++shop->next_id);
    ordo_put_le64(id + 8, 77);
}

void shop_encode(struct shop *shop)
{
    struct ordo_writer w = ordo_writer_over(shop->command_bytes, sizeof(shop->command_bytes));
    ordo_command_encode(&shop->command, &w);
    cr_assert(!w.failed);
    shop->command_size = (uint32_t)ordo_writer_size(&w);
    if (shop->command.kind == ORDO_KIND_FACT) {
        struct ordo_bytes bytes = {shop->command_bytes, shop->command_size};
        ordo_command_content_hash(bytes, shop->command.content_size, shop->command_bytes + 1);
    }
}

uint16_t shop_resend(struct shop *shop)
{
    struct ordo_bytes bytes = {shop->command_bytes, shop->command_size};
    bool query = ordo_kind_is_query(shop->command_bytes[0]);
    size_t room = query ? ORDO_QUERY_SIZE_MAX : ORDO_OUTCOME_SIZE_MAX;
    struct ordo_writer w = ordo_writer_over(shop->outcome_bytes, room);
    ordo_apply_prefetch(shop->state, bytes);
    ordo_apply(shop->state, shop->time_us, bytes, &w, &shop->applied);
    cr_assert(!w.failed);
    shop->outcome_size = ordo_writer_size(&w);
    struct ordo_bytes out = {shop->outcome_bytes, (uint32_t)shop->outcome_size};
    struct ordo_result result;
    shop->body = ordo_reader_over(out.data, out.size);
    cr_assert(ordo_result_decode(&shop->body, shop->applied.seq, &result));
    cr_assert_eq(result.code, shop->applied.code);
    if (!query) {
        cr_assert(ordo_outcome_decode(out, shop->applied.seq, &shop->command, &shop->outcome));
        cr_assert_eq(shop->applied.update_count, shop->outcome.transition_count);
    }
    shop->outcome.result = result;
    return shop->applied.code;
}

uint16_t shop_send(struct shop *shop)
{
    uint8_t kind = shop->command.kind;
    if (ordo_kind_has_client_id(kind) && !ordo_kind_is_internal(kind)) {
        shop_new_id(shop, shop->command.id);
    }
    shop_encode(shop);
    return shop_resend(shop);
}

static void begin(struct shop *shop, uint8_t kind)
{
    memset(&shop->command, 0, sizeof(shop->command));
    shop->command.kind = kind;
}

struct ordo_product_put *make_product(struct shop *shop, uint32_t product, uint8_t mode)
{
    begin(shop, ORDO_KIND_PRODUCT_PUT);
    shop->command.product_put.product = product;
    shop->command.product_put.price = PRICE;
    shop->command.product_put.currency = CNY;
    shop->command.product_put.stock_mode = mode;
    return &shop->command.product_put;
}

uint16_t put_product(struct shop *shop, uint32_t product, int64_t price, uint8_t mode)
{
    struct ordo_product_put *put = make_product(shop, product, mode);
    put->price = price;
    put->counted = mode == ORDO_STOCK_COUNTED ? 100 : 0;
    return shop_send(shop);
}

struct ordo_coupon_put *
make_coupon(struct shop *shop, const char *coupon, int64_t discount, uint64_t uses_max)
{
    begin(shop, ORDO_KIND_COUPON_PUT);
    shop->command.coupon_put.coupon = text(coupon);
    shop->command.coupon_put.discount = discount;
    shop->command.coupon_put.uses_max = uses_max;
    return &shop->command.coupon_put;
}

uint16_t put_coupon(struct shop *shop, const char *coupon, int64_t discount, uint64_t uses_max)
{
    (void)make_coupon(shop, coupon, discount, uses_max);
    return shop_send(shop);
}

static void put_card(struct ordo_writer *w, uint32_t number, uint32_t size)
{
    uint8_t card[ORDO_SEALED_MAX];
    memset(card, 0x5a, sizeof(card));
    ordo_put_le32(card, number);      /* the tag */
    ordo_put_le32(card + 16, number); /* what is sealed */
    ordo_write_bytes(w, (struct ordo_bytes){card, size});
}

static uint16_t import(struct shop *shop, uint32_t product, uint32_t count, struct ordo_writer *w)
{
    cr_assert(!w->failed);
    begin(shop, ORDO_KIND_CARD_IMPORT);
    shop->command.card_import.product = product;
    shop->command.card_import.cards.raw =
        (struct ordo_bytes){shop->buffer, (uint32_t)ordo_writer_size(w)};
    shop->command.card_import.cards.count = count;
    return shop_send(shop);
}

uint16_t add_cards(struct shop *shop, uint32_t product, uint32_t first, uint32_t count)
{
    struct ordo_writer w = ordo_writer_over(shop->buffer, sizeof(shop->buffer));
    for (uint32_t number = first; number < first + count; number++) {
        put_card(&w, number, 57 + number % 34);
    }
    return import(shop, product, count, &w);
}

uint16_t add_large_cards(struct shop *shop, uint32_t product, uint32_t first, uint32_t count)
{
    struct ordo_writer w = ordo_writer_over(shop->buffer, sizeof(shop->buffer));
    for (uint32_t number = first; number < first + count; number++) {
        put_card(&w, number, ORDO_SEALED_MAX);
    }
    return import(shop, product, count, &w);
}

struct ordo_create *
make_create(struct shop *shop, const char *order, uint32_t buyer, uint32_t quantity)
{
    begin(shop, ORDO_KIND_CREATE);
    memset(shop->buffer, 0, ORDO_ID_SIZE);
    ordo_put_le32(shop->buffer, buyer);
    shop->command.create.order_id = text(order);
    shop->command.create.buyer = (struct ordo_bytes){shop->buffer, ORDO_ID_SIZE};
    shop->command.create.product = 1;
    shop->command.create.quantity = quantity;
    shop->command.create.amount = (int64_t)PRICE * quantity;
    shop->command.create.currency = CNY;
    return &shop->command.create;
}

uint16_t create(struct shop *shop, const char *order, uint32_t buyer, uint32_t quantity)
{
    (void)make_create(shop, order, buyer, quantity);
    return shop_send(shop);
}

void under_key(struct shop *shop, uint32_t key)
{
    memset(shop->second_key, 0x2e, ORDO_ID_SIZE);
    ordo_put_le32(shop->second_key, key);
    shop->command.create.second_key = (struct ordo_bytes){shop->second_key, ORDO_ID_SIZE};
}

void chain_begin(struct shop *shop)
{
    shop->members_size = 0;
    shop->member_count = 0;
}

void chain_add(struct shop *shop)
{
    uint8_t bytes[ORDO_MEMBER_MAX];
    struct ordo_writer member = ordo_writer_over(bytes, sizeof(bytes));
    ordo_member_encode(&shop->command, &member);
    cr_assert(!member.failed);
    struct ordo_writer all = ordo_writer_over(
        shop->members + shop->members_size, sizeof(shop->members) - shop->members_size);
    ordo_write_bytes(&all, (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&member)});
    cr_assert(!all.failed);
    shop->members_size += (uint32_t)ordo_writer_size(&all);
    shop->member_count++;
}

uint16_t chain_send(struct shop *shop)
{
    begin(shop, ORDO_KIND_CHAIN);
    shop->command.chain.members.raw = (struct ordo_bytes){shop->members, shop->members_size};
    shop->command.chain.members.count = shop->member_count;
    return shop_send(shop);
}

uint16_t attempt(struct shop *shop, const char *order, uint32_t channel)
{
    int64_t amount = get(shop, order).amount;
    begin(shop, ORDO_KIND_ATTEMPT);
    shop->command.attempt.order_id = text(order);
    shop->command.attempt.channel = channel;
    shop->command.attempt.merchant = text("m1");
    shop->command.attempt.amount = amount;
    shop->command.attempt.currency = CNY;
    return shop_send(shop);
}

struct ordo_fact *
make_fact(struct shop *shop, uint8_t kind, const char *order, const char *trade, int64_t amount)
{
    begin(shop, ORDO_KIND_FACT);
    struct ordo_fact *f = &shop->command.fact;
    f->fact = kind;
    f->channel = 1;
    f->merchant = text("m1");
    f->order_id = text(order);
    f->trade_no = text(trade);
    f->amount = amount;
    f->currency = CNY;
    f->gateway_time_us = shop->time_us;
    f->verified_by = ORDO_VERIFIED_SIGNATURE;
    return f;
}

uint8_t fact(struct shop *shop, uint8_t kind, const char *order, const char *trade, int64_t amount)
{
    (void)make_fact(shop, kind, order, trade, amount);
    uint16_t code = shop_send(shop);
    cr_assert_eq(code, ORDO_RESULT_OK, "%s", ordo_result_name(code));
    return shop->outcome.result.disposition;
}

uint8_t refund(struct shop *shop, const char *order, const char *trade, int64_t total)
{
    make_fact(shop, ORDO_FACT_REFUND, order, trade, 0)->refund_total = total;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    return shop->outcome.result.disposition;
}

uint16_t cancel(struct shop *shop, const char *order)
{
    begin(shop, ORDO_KIND_CANCEL);
    shop->command.cancel.order_id = text(order);
    return shop_send(shop);
}

uint16_t extend(struct shop *shop, const char *order, uint64_t hold_ttl_s)
{
    begin(shop, ORDO_KIND_EXTEND);
    shop->command.extend.order_id = text(order);
    shop->command.extend.hold_ttl_s = hold_ttl_s;
    return shop_send(shop);
}

uint16_t release(struct shop *shop, const char *order)
{
    begin(shop, ORDO_KIND_RELEASE);
    shop->command.release.order_id = text(order);
    return shop_send(shop);
}

uint16_t acknowledge(struct shop *shop, const char *order)
{
    begin(shop, ORDO_KIND_DELIVERY_ACK);
    shop->command.delivery_ack.order_id = text(order);
    return shop_send(shop);
}

uint16_t tick(struct shop *shop)
{
    begin(shop, ORDO_KIND_TICK);
    shop->command.tick.now_us = shop->time_us;
    return shop_send(shop);
}

uint16_t resume(struct shop *shop)
{
    begin(shop, ORDO_KIND_RESUME);
    shop->command.resume.now_us = shop->time_us;
    return shop_send(shop);
}

uint16_t set(struct shop *shop, const char *name, int64_t value)
{
    begin(shop, ORDO_KIND_SETTINGS);
    struct ordo_writer w = ordo_writer_over(shop->buffer, sizeof(shop->buffer));
    ordo_write_varint(&w, ordo_setting_named(name)->key);
    ordo_write_zigzag(&w, value);
    shop->command.settings.pairs.raw =
        (struct ordo_bytes){shop->buffer, (uint32_t)ordo_writer_size(&w)};
    shop->command.settings.pairs.count = 1;
    return shop_send(shop);
}

struct ordo_order_view get(struct shop *shop, const char *order)
{
    struct ordo_order_view view = {.state = ORDO_STATE_NONE};
    begin(shop, ORDO_KIND_GET);
    shop->command.get.order_id = text(order);
    if (shop_send(shop) != ORDO_RESULT_OK) {
        cr_assert_eq(shop->applied.code, ORDO_RESULT_ORDER_UNKNOWN);
        return view;
    }
    ordo_order_view_decode(&shop->body, &view);
    cr_assert(ordo_reader_done(&shop->body));
    return view;
}

struct ordo_coupon_view coupon(struct shop *shop, const char *coupon)
{
    struct ordo_coupon_view view = {.product = 0};
    begin(shop, ORDO_KIND_COUPON);
    shop->command.coupon.coupon = text(coupon);
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    ordo_coupon_view_decode(&shop->body, &view);
    cr_assert(ordo_reader_done(&shop->body));
    return view;
}

struct ordo_stock_view stock(struct shop *shop, uint32_t product)
{
    struct ordo_stock_view view = {.product = 0};
    begin(shop, ORDO_KIND_STOCK);
    shop->command.stock.product = product;
    cr_assert_eq(shop_send(shop), ORDO_RESULT_OK);
    ordo_stock_view_decode(&shop->body, &view);
    cr_assert(ordo_reader_done(&shop->body));
    return view;
}

int64_t account(struct shop *shop, enum ordo_account which)
{
    struct ordo_totals totals;
    ordo_state_totals(shop->state, &totals);
    return totals.accounts[which];
}

uint8_t state_of(struct shop *shop, const char *order)
{
    return get(shop, order).state;
}

uint32_t flags_of(struct shop *shop, const char *order)
{
    return get(shop, order).flags;
}

/* Most tests check when they end, where a failed assertion is told but not counted: so it aborts.
 */
void shop_check(struct shop *shop)
{
    struct ordo_fail fail = {.err = ORDO_OK};
    enum ordo_err err = ordo_state_check(shop->state, &fail);
    struct ordo_hash128 a = ordo_state_digest(shop->state);
    struct ordo_hash128 b = ordo_state_digest_full(shop->state);
    if (err != ORDO_OK || a.low != b.low || a.high != b.high) {
        (void)fprintf(stderr, "%s\n", err != ORDO_OK ? fail.text : "the digests differ");
        abort();
    }
}

struct ordo_hash128 shop_digest_of_orders(const struct ordo_state *s)
{
    struct ordo_hash128 h = {0, 0};
    for (uint32_t i = 0; i < ORDO_TABLE_COUNT; i++) {
        if (i != ORDO_TABLE_HEAD && i != ORDO_TABLE_ID) {
            struct ordo_hash128 d = ordo_table_digest_full(&s->tables[i], ordo_head(s)->used[i]);
            h = ordo_hash_chain(h, &d, sizeof(d));
        }
    }
    return h;
}

void chain_expect_refused(struct shop *shop, uint16_t code, uint32_t number)
{
    struct ordo_hash128 before = shop_digest_of_orders(shop->state);
    uint16_t got = chain_send(shop);
    cr_expect_eq(got, code, "%s", ordo_result_name(got));
    cr_expect_eq(shop->outcome.result.version, number);
    cr_expect_eq(shop->outcome.result.state, ORDO_STATE_NONE);
    cr_expect_eq(shop->outcome.effect_count, 0);
    struct ordo_hash128 after = shop_digest_of_orders(shop->state);
    cr_expect(before.low == after.low && before.high == after.high, "something has happened");
}
