#include "clerk.h"

#include <criterion/criterion.h>

static void begin(struct shop *shop, uint8_t kind)
{
    memset(&shop->command, 0, sizeof(shop->command));
    shop->command.kind = kind;
}

/* ---- products, cards, coupons, channels ---- */

struct ordo_product_put *
make_goods(struct shop *shop, uint32_t product, uint8_t mode, uint32_t options)
{
    begin(shop, ORDO_KIND_PRODUCT_PUT);
    struct ordo_product_put *put = &shop->command.product_put;
    put->product = product;
    put->price = PRICE;
    put->currency = CNY;
    put->stock_mode = mode;
    put->options = options;
    return put;
}

void open_pool(struct shop *shop, uint32_t options, uint32_t cards)
{
    (void)make_goods(shop, 1, ORDO_STOCK_CARDS, options);
    expect_code(shop_send(shop), OK);
    if (cards != 0) {
        expect_code(add_cards(shop, 1, 1, cards), OK);
    }
}

void case_open(struct shop *shop, uint32_t options, uint32_t cards)
{
    shop_open(shop, NULL);
    open_pool(shop, options, cards);
}

void case_close(struct shop *shop)
{
    shop_check(shop);
    shop_close(shop);
}

struct ordo_channel_put *make_channel(struct shop *shop, uint32_t channel, uint32_t options)
{
    begin(shop, ORDO_KIND_CHANNEL_PUT);
    shop->command.channel_put.channel = channel;
    shop->command.channel_put.options = options;
    return &shop->command.channel_put;
}

/* ---- buyers ---- */

uint16_t create_with_coupon(struct shop *shop, const char *order, uint32_t buyer, const char *name)
{
    int64_t discount = coupon(shop, name).discount;
    struct ordo_create *c = make_create(shop, order, buyer, 1);
    c->coupon = text(name);
    c->amount -= discount;
    return shop_send(shop);
}

uint16_t create_waiting(struct shop *shop, const char *order, uint32_t buyer, uint32_t wait_s)
{
    make_create(shop, order, buyer, 1)->wait_s = wait_s;
    return shop_send(shop);
}

struct ordo_attempt *
make_attempt(struct shop *shop, const char *order, uint32_t channel, int64_t amount)
{
    begin(shop, ORDO_KIND_ATTEMPT);
    shop->command.attempt.order_id = text(order);
    shop->command.attempt.channel = channel;
    shop->command.attempt.merchant = text("m1");
    shop->command.attempt.amount = amount;
    shop->command.attempt.currency = CNY;
    return &shop->command.attempt;
}

struct ordo_order_view find_order(struct shop *shop, const char *trade, uint32_t channel)
{
    struct ordo_order_view view = {.state = ORDO_STATE_NONE};
    begin(shop, ORDO_KIND_FIND);
    shop->command.find.trade_no = text(trade);
    shop->command.find.channel = channel;
    if (shop_send(shop) == ORDO_RESULT_OK) {
        ordo_order_view_decode(&shop->body, &view);
        cr_assert(ordo_reader_done(&shop->body));
    }
    return view;
}

/* ---- time ---- */

void pass_s(struct shop *shop, uint64_t seconds)
{
    shop->time_us += seconds * SECOND_US;
}

void pass_deadline(struct shop *shop, const char *order)
{
    uint64_t deadline_us = get(shop, order).deadline_us;
    cr_assert(deadline_us >= shop->time_us, "%s has no deadline", order);
    shop->time_us = deadline_us;
    expect_code(tick(shop), OK);
}

/* ---- what a case claims ---- */

void expect_units(struct shop *shop, uint64_t free, uint64_t held, uint64_t given)
{
    struct ordo_stock_view s = stock(shop, 1);
    cr_assert_eq(s.held, held, "held %lu, not %lu", s.held, held);
    cr_assert_eq(s.bound + s.revealed, given, "given %lu, not %lu", s.bound + s.revealed, given);
    cr_assert_eq(s.imported, free + held + given + s.voided, "imported %lu", s.imported);
    uint64_t open = s.backorders + s.waiting == 0 ? free : 0;
    cr_assert_eq(s.available, open, "available %lu, not %lu", s.available, open);
}

void expect_sums(struct shop *shop, int64_t applied, int64_t refund_due, int64_t review)
{
    int64_t is_applied = account(shop, ORDO_ACCOUNT_APPLIED);
    int64_t is_due = account(shop, ORDO_ACCOUNT_REFUND_DUE);
    int64_t is_review = account(shop, ORDO_ACCOUNT_REVIEW);
    int64_t in = account(shop, ORDO_ACCOUNT_RECEIVED) + account(shop, ORDO_ACCOUNT_MANUAL);
    int64_t refunded = account(shop, ORDO_ACCOUNT_REFUNDED);
    cr_assert_eq(is_applied, applied, "applied %ld, not %ld", is_applied, applied);
    cr_assert_eq(is_due, refund_due, "refund due %ld, not %ld", is_due, refund_due);
    cr_assert_eq(is_review, review, "review %ld, not %ld", is_review, review);
    cr_assert_eq(in, applied + refund_due + review + refunded, "money came or went by itself");
}

/* ---- a crash ---- */

static uint32_t tape_keep(struct tape *tape, const void *bytes, size_t size)
{
    uint32_t at = tape->used;
    cr_assert(tape->used + size <= TAPE_BYTES, "the tape is full");
    memcpy(tape->bytes + at, bytes, size);
    tape->used += (uint32_t)size;
    return at;
}

uint16_t tape_take(struct tape *tape, struct shop *shop, uint16_t code)
{
    if (!shop->applied.journaled) {
        return code;
    }
    cr_assert(tape->count < TAPE_RECORDS, "the tape is full");
    cr_assert_eq(shop->applied.seq, tape->count + 1, "the tape lacks a command");
    uint32_t i = tape->count++;
    tape->records[i].time_us = shop->time_us;
    tape->records[i].command_size = shop->command_size;
    tape->records[i].command_at = tape_keep(tape, shop->command_bytes, shop->command_size);
    tape->records[i].outcome_size = (uint32_t)shop->outcome_size;
    tape->records[i].outcome_at = tape_keep(tape, shop->outcome_bytes, shop->outcome_size);
    return code;
}

void tape_replay(const struct tape *tape, struct shop *shop, uint32_t count)
{
    struct ordo_settings_values settings = shop->settings;
    uint64_t time_us = shop->time_us;
    uint64_t next_id = shop->next_id;
    shop_close(shop);
    shop_open(shop, &settings);
    for (uint32_t i = 0; i < count; i++) {
        shop->time_us = tape->records[i].time_us;
        shop->command_size = tape->records[i].command_size;
        memcpy(shop->command_bytes, tape->bytes + tape->records[i].command_at, shop->command_size);
        struct ordo_bytes command = {shop->command_bytes, shop->command_size};
        cr_assert(ordo_command_decode(command, &shop->command));
        (void)shop_resend(shop);
        cr_assert(shop->applied.journaled, "record %u is not journaled again", i + 1);
        struct ordo_bytes now = {shop->outcome_bytes, (uint32_t)shop->outcome_size};
        struct ordo_bytes then = {
            tape->bytes + tape->records[i].outcome_at, tape->records[i].outcome_size};
        cr_assert(ordo_bytes_equal(now, then), "record %u has another outcome", i + 1);
    }
    shop->time_us = time_us;
    shop->next_id = next_id;
}

void crash(const struct tape *tape, struct shop *shop)
{
    struct ordo_hash128 before = ordo_state_digest(shop->state);
    tape_replay(tape, shop, tape->count);
    struct ordo_hash128 after = ordo_state_digest(shop->state);
    cr_assert(before.low == after.low && before.high == after.high, "another state after a crash");
}
