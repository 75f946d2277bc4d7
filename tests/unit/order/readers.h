/* readers.h - short words for those who read the status stream: cursors and parked orders. */
#ifndef ORDO_TESTS_ORDER_READERS_H
#define ORDO_TESTS_ORDER_READERS_H

#include "desk.h"

uint16_t put_subscriber(struct shop *shop, const char *name, uint64_t acked);
uint16_t reset_subscriber(struct shop *shop, const char *name, uint64_t acked);
uint16_t ack_updates(struct shop *shop, const char *name, uint64_t acked);
uint16_t park(struct shop *shop, const char *name, const char *order);
uint16_t unpark(struct shop *shop, const char *name, const char *order);
uint16_t drop_subscriber(struct shop *shop, const char *name);

/* All zero when there is none of this name. */
struct ordo_subscriber_view subscriber(struct shop *shop, const char *name);

/* One of them, any way, out of few names and orders; `number` is random. */
void read_any(struct shop *shop, uint32_t number);

#endif
