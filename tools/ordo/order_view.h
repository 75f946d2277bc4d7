/* order_view.h - what `ordo order get|list|cards` prints. Inside of the verb only. */
#ifndef ORDO_TOOLS_ORDER_VIEW_H
#define ORDO_TOOLS_ORDER_VIEW_H

#include "online.h"

/* Each returns an exit code and has printed what it found. */
int ordo_order_show(struct ordo_online *online, const char *order_id);
int ordo_order_list(struct ordo_online *online, uint8_t state, uint64_t limit);
int ordo_order_cards(struct ordo_online *online, const char *order_id);

#endif
