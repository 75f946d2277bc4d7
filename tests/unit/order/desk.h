/* desk.h - what operators and the settings desk send, for the tests of engine/order: the words of
 * shop.h for money and time. Each returns the result code unless it says otherwise. */
#ifndef ORDO_TESTS_ORDER_DESK_H
#define ORDO_TESTS_ORDER_DESK_H

#include "stockroom.h"

/* Sets up shop->command of this kind, with operator and reason; change it and send it yourself. */
struct ordo_command *make_verb(struct shop *shop, uint8_t kind, const char *order);

uint16_t mark_paid(struct shop *shop, const char *order, uint32_t channel, int64_t amount);
uint16_t accept_money(struct shop *shop, const char *order);
uint16_t give_back(struct shop *shop, const char *order, int64_t amount, bool done);
uint16_t freeze(struct shop *shop, const char *order);
uint16_t unfreeze(struct shop *shop, const char *order);
uint16_t note(struct shop *shop, const char *order, bool reviewed);
uint16_t
put_channel(struct shop *shop, uint32_t channel, int64_t tolerance_short, int64_t tolerance_over);
uint16_t put_strict_channel(struct shop *shop, uint32_t channel); /* CONFIRM_BY_QUERY */
uint16_t put_counted(struct shop *shop, uint32_t product, uint64_t units, uint32_t options);
uint16_t create_of(struct shop *shop, const char *order, uint32_t buyer, uint32_t product);
uint16_t find(struct shop *shop, const char *trade, uint32_t channel, const char *merchant);

/* Sends a PAY of another channel, or verified by a query; the disposition. */
uint8_t
pay_by(struct shop *shop, uint32_t channel, const char *order, const char *trade, int64_t amount);

/* applied, refund due, refunded, review over all channels; what came in is their sum. */
void expect_money(
    struct shop *shop, int64_t applied, int64_t due, int64_t refunded, int64_t review);
/* Lets time pass until no tick has anything to do before then. Returns the number of ticks. */
uint32_t pass(struct shop *shop, uint64_t seconds);

#endif
