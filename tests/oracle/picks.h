/* picks.h - what a random command is about: orders, products, payments and amounts that fit, most
 * of the time.
 */
#ifndef ORDO_TESTS_ORACLE_PICKS_H
#define ORDO_TESTS_ORACLE_PICKS_H

#include "history.h"

bool pick_wrong(struct history *h);
bool pick_rarely(struct history *h);
int64_t pick_within(int64_t amount);
int64_t pick_bent(struct history *h, int64_t wanted);
struct ordo_bytes pick_bytes_of(const char *text);
/* Some are long. */
struct ordo_bytes pick_number(struct history *h, uint32_t number);
struct ordo_bytes pick_trade_no(struct history *h, uint32_t number);
struct ordo_bytes pick_any_order_id(struct history *h);
/* An order to which this may happen, when one is found quickly. */
struct o_order *
pick(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event);
struct ordo_bytes
pick_id(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event);
/* One in these states (bits), when one is found quickly. */
const struct o_order *
pick_in(struct history *h, struct oracle *o, struct ordo_command *c, uint32_t states);
uint32_t pick_any_product(struct history *h);
/* One that was put, when one is found quickly; with cards when they are wanted. */
uint32_t pick_put_product(struct history *h, struct oracle *o, uint32_t shop, bool cards);
/* The order of a payment with money there, when one is found quickly. */
const struct o_order *
pick_with(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_account account);
/* A number that no order has, the nth from somewhere; any when all are taken. */
struct ordo_bytes
pick_free_number(struct history *h, struct oracle *o, uint32_t shop, uint32_t nth);
struct ordo_bytes pick_operator_name(struct history *h);
struct ordo_bytes pick_reason(struct history *h);
uint64_t pick_any_card(struct history *h, const struct oracle *o);

#endif
