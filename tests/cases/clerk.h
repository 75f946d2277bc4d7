/* clerk.h - what the acceptance cases need beside the words of tests/unit/order (shop.h,
 * stockroom.h, desk.h): the start of a case, what it claims, and a crash.
 *
 * make_ words set up shop->command only: change it, then shop_send().
 */
#ifndef ORDO_TESTS_CLERK_H
#define ORDO_TESTS_CLERK_H

#include "desk.h"

#define HOUR_S 3600u
#define DAY_S  86400u

/* ---- products, cards, coupons, channels ---- */

struct ordo_product_put *
make_goods(struct shop *shop, uint32_t product, uint8_t mode, uint32_t options);
/* Product 1 for PRICE with these options, and its first cards. */
void open_pool(struct shop *shop, uint32_t options, uint32_t cards);
/* A shop with that pool; every invariant, and its end. */
void case_open(struct shop *shop, uint32_t options, uint32_t cards);
void case_close(struct shop *shop);
struct ordo_channel_put *make_channel(struct shop *shop, uint32_t channel, uint32_t options);

/* ---- buyers ---- */

uint16_t create_with_coupon(struct shop *shop, const char *order, uint32_t buyer, const char *name);
uint16_t create_waiting(struct shop *shop, const char *order, uint32_t buyer, uint32_t wait_s);
struct ordo_attempt *
make_attempt(struct shop *shop, const char *order, uint32_t channel, int64_t amount);
/* The order of a payment, state NONE when there is none. */
struct ordo_order_view find_order(struct shop *shop, const char *trade, uint32_t channel);

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
void expect_sums(struct shop *shop, int64_t applied, int64_t refund_due, int64_t review);

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
