/* stockroom.h - more short words for the tests of units and cards: pools of every mode, waiting,
 * what operators do to stock. Product 1 is the one that they all sell, at PRICE.
 */
#ifndef ORDO_TESTS_ORDER_STOCKROOM_H
#define ORDO_TESTS_ORDER_STOCKROOM_H

#include "shop.h"

#include <stdio.h>

/* Puts a product at PRICE; counted units are added. */
uint16_t
put_pool(struct shop *shop, uint32_t product, uint8_t mode, uint32_t options, uint32_t counted);
/* Cards, with the numbers of their tags; the card numbers follow from the order of imports. */
uint16_t add_same_card(struct shop *shop, uint32_t product, uint32_t number, uint32_t count);

/* A create that takes a unit, waits for it, or names its card. */
uint16_t want(struct shop *shop, uint32_t product, const char *order, uint32_t quantity);
uint16_t want_or_wait(struct shop *shop, uint32_t product, const char *order, uint32_t quantity);
uint16_t want_card(struct shop *shop, uint32_t product, const char *order, uint64_t card);
/* The name of the order of this number: valid until the next call but seven. */
const char *numbered(uint32_t number);
/* Pays the order's whole amount. */
uint8_t pay_whole(struct shop *shop, const char *order);
/* Pays back all of it: the gateway says so. */
void pay_back(struct shop *shop, const char *order);

uint16_t issue(struct shop *shop, const char *order, bool partial);
uint16_t replace(struct shop *shop, const char *order, uint64_t card);
uint16_t recall(struct shop *shop, uint64_t card);
uint16_t card_void(struct shop *shop, uint32_t product, uint64_t first, uint64_t last);
uint16_t go_on(struct shop *shop); /* continue */
/* As a chargeback or an operator does. */
void set_frozen(struct shop *shop, const char *order, bool frozen);

/* The query CARDS; its code is in shop->applied.code. */
uint32_t cards_of(struct shop *shop, const char *order, uint64_t cards[ORDO_CARDS_MAX]);

#endif
