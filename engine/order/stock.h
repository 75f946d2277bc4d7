/* stock.h - the inside of the stock: the queue of a product's free cards, and which cards an order
 * has. For the files of engine/order that move or show cards.
 *
 * A free card hangs in its product's queue by next and prev, so that any card can be taken out of
 * the middle (a named one, one that is made void). The cards of an order hang together by next
 * alone. A void card hangs nowhere. The one card of a loop order stays in the queue: the order only
 * knows its number.
 */
#ifndef ORDO_ORDER_STOCK_H
#define ORDO_ORDER_STOCK_H

#include "order/parts.h"

/* One-time cards: each is a unit that moves through the states. */
static inline bool ordo_stock_is_one_time(uint8_t stock_mode)
{
    return stock_mode == ORDO_STOCK_CARDS || stock_mode == ORDO_STOCK_PRESELECT;
}

static inline bool ordo_stock_has_cards(uint8_t stock_mode)
{
    return ordo_stock_is_one_time(stock_mode) || stock_mode == ORDO_STOCK_LOOP;
}

/* A card that hangs nowhere goes free to the end of its product's queue. */
void ordo_card_append(struct ordo_state *s, uint32_t card);
/* Takes a free card out of the queue. The caller gives it its next state. */
void ordo_card_take(struct ordo_state *s, uint32_t card);
/* A free card becomes void, for good. */
void ordo_card_void(struct ordo_state *s, uint32_t card);

/* The numbers of the cards that an order has, in its order: how many. */
uint32_t
ordo_order_cards(const struct ordo_state *s, uint32_t order, uint32_t cards[ORDO_CARDS_MAX]);

#endif
