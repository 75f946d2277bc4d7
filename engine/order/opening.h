/* opening.h - a state as opening balances: what somebody who keeps books of his own has to enter in
 * order to go on from here without the commands before.
 *
 * Each function gives the row at index, from 0; false past the last. Texts point into the state and
 * are good until the next command, or into the view. Apply thread.
 */
#ifndef ORDO_ORDER_OPENING_H
#define ORDO_ORDER_OPENING_H

#include "order/state.h"

struct ordo_opening_product {
    uint32_t shop;
    uint32_t product;
    uint32_t options;
    uint32_t purchase_cap;
    uint8_t stock_mode;
    uint64_t imported;
    uint64_t held;
    uint64_t bound;
    uint64_t revealed;
    uint64_t backorders; /* orders */
    uint64_t waiting;
};
bool ordo_opening_product(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_product *product);

struct ordo_opening_order {
    uint32_t shop;
    struct ordo_bytes order_id;
    struct ordo_bytes buyer; /* 16 bytes */
    bool has_product;        /* false: nobody has created it */
    uint32_t product;        /* its number */
    struct ordo_bytes coupon;
    bool coupon_live; /* its use counts */
    uint32_t version;
    uint32_t flags;
    uint64_t last_seq;
    int64_t amount;
    int64_t applied; /* money that counts for it */
    uint16_t quantity;
    uint16_t held; /* units */
    uint16_t bound;
    uint16_t revealed;
    uint8_t state;
};
bool ordo_opening_order(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_order *order);

enum ordo_opening_card_state {
    ORDO_OPENING_CARD_FREE, /* or held */
    ORDO_OPENING_CARD_BOUND,
    ORDO_OPENING_CARD_REVEALED,
    ORDO_OPENING_CARD_VOID,
};
struct ordo_opening_card {
    uint64_t card; /* number */
    uint32_t shop;
    uint32_t product; /* number */
    const uint8_t *tag;
    uint32_t order; /* index + 1 of the order that has it; 0 = none, or its units are held */
    enum ordo_opening_card_state state;
};
bool ordo_opening_card(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_card *card);

struct ordo_opening_payment {
    uint32_t shop;
    uint32_t channel;
    struct ordo_bytes merchant;
    struct ordo_bytes trade_no; /* in `text` or in the state; empty: a manual one, not bound yet */
    bool received;
    uint8_t text[ORDO_TRADE_NO_MAX];
};
bool ordo_opening_payment(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_payment *payment);

struct ordo_opening_coupon {
    uint32_t shop;
    struct ordo_bytes coupon;
    uint64_t uses_max;
    uint64_t used;
    uint64_t returned;
    uint64_t overdrawn;
};
bool ordo_opening_coupon(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_coupon *coupon);

struct ordo_opening_channel {
    uint32_t shop;
    uint32_t channel;
    int64_t short_tolerance;
};
bool ordo_opening_channel(
    const struct ordo_state *state, uint32_t index, struct ordo_opening_channel *channel);

#endif
