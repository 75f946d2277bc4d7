/* clerk.h - short words for the commands that tests/unit/order/shop.h has no word for, and for the
 * questions of the acceptance cases.
 *
 * Like the words of shop.h: struct -> canonical bytes -> ordo_apply -> decoded outcome, the result
 * code is returned and everything else stands in the shop. make_ words set up shop->command only:
 * change it, then shop_send().
 */
#ifndef ORDO_TESTS_CLERK_H
#define ORDO_TESTS_CLERK_H

#include "shop.h"

#define HOUR_S 3600u
#define DAY_S  86400u

/* ---- products, cards, coupons, channels ---- */

struct ordo_product_put *
make_product(struct shop *shop, uint32_t product, uint8_t mode, uint32_t options);
/* Product 1 for PRICE with these options, and its first cards. */
void open_pool(struct shop *shop, uint32_t options, uint32_t cards);
/* A shop with that pool; every invariant, and its end. */
void case_open(struct shop *shop, uint32_t options, uint32_t cards);
void case_close(struct shop *shop);
uint16_t put_coupon(struct shop *shop, const char *coupon, int64_t discount, uint32_t uses_max);
struct ordo_channel_put *make_channel(struct shop *shop, uint32_t channel, uint32_t options);
struct ordo_coupon_view coupon_of(struct shop *shop, const char *coupon);

/* ---- buyers ---- */

uint16_t
create_with_coupon(struct shop *shop, const char *order, uint32_t buyer, const char *coupon);
uint16_t create_waiting(struct shop *shop, const char *order, uint32_t buyer, uint32_t wait_s);
struct ordo_attempt *
make_attempt(struct shop *shop, const char *order, uint32_t channel, int64_t amount);
uint16_t extend(struct shop *shop, const char *order, uint32_t hold_ttl_s);
uint16_t release_order(struct shop *shop, const char *order);
/* The order of a payment, state NONE when there is none. */
struct ordo_order_view find_order(struct shop *shop, const char *trade, uint32_t channel);
/* The card numbers that the deliverer gets for the order. */
uint32_t cards_of(struct shop *shop, const char *order, uint64_t cards[ORDO_CARDS_MAX]);

/* A chain is put together from creates that make_create() has set up. */
struct chain {
    uint32_t count;
    uint32_t size;
    uint8_t bytes[ORDO_CHAIN_MAX * ORDO_MEMBER_MAX];
};
void chain_add(struct chain *chain, struct shop *shop);
uint16_t chain_send(struct chain *chain, struct shop *shop);

/* ---- operators: "ann" for "why" ---- */

uint16_t mark_paid(struct shop *shop, const char *order, uint32_t channel, int64_t amount);
uint16_t accept_review(struct shop *shop, const char *order);
uint16_t refund_order(struct shop *shop, const char *order, int64_t amount, uint32_t done);
uint16_t freeze_order(struct shop *shop, const char *order);
uint16_t unfreeze_order(struct shop *shop, const char *order);
uint16_t note_reviewed(struct shop *shop, const char *order);
uint16_t issue_order(struct shop *shop, const char *order, uint32_t partial);
uint16_t replace_card(struct shop *shop, const char *order, uint64_t card);
uint16_t recall_card(struct shop *shop, uint64_t card);
uint16_t void_cards(struct shop *shop, uint32_t product, uint64_t first, uint64_t last);

/* ---- time ---- */

void pass_s(struct shop *shop, uint64_t seconds);
/* To the order's deadline, and the tick. */
void pass_deadline(struct shop *shop, const char *order);

/* ---- what a case claims ---- */

#define expect_state(shop, order, name)                                                            \
    cr_assert_eq(                                                                                  \
        state_of(shop, order),                                                                     \
        ORDO_STATE_##name,                                                                         \
        "%s is %s, not %s",                                                                        \
        order,                                                                                     \
        ordo_state_name(state_of(shop, order)),                                                    \
        #name)

#define expect_code(call, NAME)                                                                    \
    do {                                                                                           \
        uint16_t code_ = (call);                                                                   \
        cr_assert_eq(                                                                              \
            code_, ORDO_RESULT_##NAME, "%s is %s, not %s", #call, ordo_result_name(code_), #NAME); \
    } while (0)

#define expect_disposition(call, NAME)                                                             \
    do {                                                                                           \
        uint8_t got_ = (call);                                                                     \
        cr_assert_eq(                                                                              \
            got_,                                                                                  \
            ORDO_DISPOSITION_##NAME,                                                               \
            "%s is %s, not %s",                                                                    \
            #call,                                                                                 \
            ordo_disposition_name(got_),                                                           \
            #NAME);                                                                                \
    } while (0)

/* imported = free + held + bound + revealed + void, and nobody is shown more than there is. */
void expect_units(struct shop *shop, uint64_t free, uint64_t held, uint64_t given);
/* Where the money of all channels stands. */
void expect_money(struct shop *shop, int64_t applied, int64_t refund_due, int64_t review);

/* ---- a crash ---- */

#define TAPE_RECORDS 256
#define TAPE_BYTES   (1u << 18)

/* The journal of a test: each journaled command with its stamp and its outcome. */
struct tape {
    struct {
        uint64_t time_us;
        uint32_t command_at;
        uint32_t command_size;
        uint32_t outcome_at;
        uint32_t outcome_size;
    } records[TAPE_RECORDS];
    uint32_t count;
    uint32_t used;
    uint8_t bytes[TAPE_BYTES];
};

/* Records the shop's last command: tape_take(&tape, shop, create(shop, "A", 1, 1)). Gives the code
 * back. A tape has to have every journaled command of its shop. */
uint16_t tape_take(struct tape *tape, struct shop *shop, uint16_t code);
/* Throws the state away and replays the first `count` records into a fresh one. Each outcome must
 * be the recorded one. */
void tape_replay(const struct tape *tape, struct shop *shop, uint32_t count);
/* The same with all records; the digest must be that of the state thrown away. */
void crash(const struct tape *tape, struct shop *shop);

#endif
