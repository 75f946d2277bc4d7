/* shop.h - a state and short words to drive it, for the tests of engine/order.
 *
 * Every command goes the whole way: struct -> canonical bytes -> ordo_apply -> outcome bytes ->
 * decoded outcome. What each command returns is in the shop afterwards. Amounts are minor units of
 * currency 156; product 1 costs 500 and has one-time cards.
 */
#ifndef ORDO_TESTS_ORDER_SHOP_H
#define ORDO_TESTS_ORDER_SHOP_H

#include "order/query.h"
#include "order/state.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000ull
#define PRICE     500
#define CNY       156

struct shop {
    struct ordo_arena arena;
    struct ordo_state *state;
    struct ordo_settings_values settings;
    uint64_t time_us;
    uint64_t next_id;
    uint8_t command_bytes[ORDO_COMMAND_SIZE_MAX];
    uint32_t command_size;
    uint8_t outcome_bytes[ORDO_QUERY_SIZE_MAX];
    size_t outcome_size;
    struct ordo_command command;
    struct ordo_outcome outcome; /* of the last command that was no query */
    struct ordo_applied applied;
    struct ordo_reader body; /* of the last query */
    uint8_t buffer[ORDO_COMMAND_SIZE_MAX];
    uint8_t second_key[ORDO_ID_SIZE];
    uint8_t members[ORDO_CHAIN_MAX * 2 * ORDO_MEMBER_MAX];
    uint32_t members_size;
    uint32_t member_count;
};

struct ordo_settings_values shop_small(void);
void shop_open(struct shop *shop, const struct ordo_settings_values *settings);
void shop_close(struct shop *shop);

struct ordo_bytes text(const char *t);

/* Encodes and applies shop->command under a new id (facts: the content's), or sends it again as it
 * was. They return the result code. */
uint16_t shop_send(struct shop *shop);
uint16_t shop_resend(struct shop *shop);
void shop_encode(struct shop *shop);
void shop_new_id(struct shop *shop, uint8_t id[ORDO_ID_SIZE]);

uint16_t put_product(struct shop *shop, uint32_t product, int64_t price, uint8_t mode);
uint16_t add_cards(struct shop *shop, uint32_t product, uint32_t first, uint32_t count);
uint16_t add_large_cards(struct shop *shop, uint32_t product, uint32_t first, uint32_t count);
uint16_t create(struct shop *shop, const char *order, uint32_t buyer, uint32_t quantity);
uint16_t attempt(struct shop *shop, const char *order, uint32_t channel);
uint16_t cancel(struct shop *shop, const char *order);
uint16_t acknowledge(struct shop *shop, const char *order);
uint16_t extend(struct shop *shop, const char *order, uint64_t hold_ttl_s);
uint16_t release(struct shop *shop, const char *order);
uint16_t tick(struct shop *shop);
uint16_t resume(struct shop *shop);
uint16_t set(struct shop *shop, const char *name, int64_t value);

/* These return the disposition; the code must be OK. */
uint8_t fact(struct shop *shop, uint8_t kind, const char *order, const char *trade, int64_t amount);
uint8_t refund(struct shop *shop, const char *order, const char *trade, int64_t total);
static inline uint8_t pay(struct shop *shop, const char *order, const char *trade, int64_t amount)
{
    return fact(shop, ORDO_FACT_PAY, order, trade, amount);
}

/* Sets up shop->command as fact() sends it; change it and send it yourself. */
struct ordo_fact *
make_fact(struct shop *shop, uint8_t kind, const char *order, const char *trade, int64_t amount);
struct ordo_create *
make_create(struct shop *shop, const char *order, uint32_t buyer, uint32_t quantity);

/* As put_product sends it, for goods of product 1's price; change it and send it yourself. */
struct ordo_product_put *make_product(struct shop *shop, uint32_t product, uint8_t mode);
/* A coupon of so many uses that takes `discount` off, for every product and time. */
struct ordo_coupon_put *
make_coupon(struct shop *shop, const char *coupon, int64_t discount, uint64_t uses_max);
uint16_t put_coupon(struct shop *shop, const char *coupon, int64_t discount, uint64_t uses_max);
/* The second key of the create that is set up. */
void under_key(struct shop *shop, uint32_t key);

/* Chains: begin, for each member make_create() and chain_add(), then send. */
void chain_begin(struct shop *shop);
void chain_add(struct shop *shop);
uint16_t chain_send(struct shop *shop);
/* Sends it: member `number` is refused with the code, and nothing has happened. */
void chain_expect_refused(struct shop *shop, uint16_t code, uint32_t number);

/* Everything but the head (sequence, hashes) and the ids. */
struct ordo_hash128 shop_digest_of_orders(const struct ordo_state *state);

struct ordo_coupon_view coupon(struct shop *shop, const char *coupon); /* must exist */
struct ordo_order_view get(struct shop *shop, const char *order);      /* state NONE when unknown */
struct ordo_stock_view stock(struct shop *shop, uint32_t product);
int64_t account(struct shop *shop, enum ordo_account account);
uint8_t state_of(struct shop *shop, const char *order);
uint32_t flags_of(struct shop *shop, const char *order);

/* Every invariant, and that both digests agree. */
void shop_check(struct shop *shop);

#endif
