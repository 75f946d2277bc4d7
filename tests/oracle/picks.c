/* Chooses what a command is about. "Wrong" is on purpose, as often as the history's adversity says.
 */
#include "picks.h"

#define TRIES 12 /* to find something that fits */

bool pick_wrong(struct history *h)
{
    return h->adversity > 0 && history_chance(h, (h->adversity + 3) / 4);
}

bool pick_rarely(struct history *h)
{
    return history_chance(h, 4) && history_chance(h, 8);
}

int64_t pick_within(int64_t amount)
{
    return amount > ORDO_AMOUNT_MAX    ? ORDO_AMOUNT_MAX
           : amount < -ORDO_AMOUNT_MAX ? -ORDO_AMOUNT_MAX
                                       : amount;
}

int64_t pick_bent(struct history *h, int64_t wanted)
{
    static const int64_t by[] = {-1, 1, -2, 2, -7, 7};
    int64_t amount = pick_within(wanted);
    if (!pick_wrong(h)) {
        return amount;
    }
    switch (history_below(h, 6)) {
    case 0:
        return 0;
    case 1:
        return pick_within(amount * 2);
    case 2:
        return amount / 2;
    case 3:
        return history_chance(h, 16) ? -amount : pick_within(amount + 1);
    default:
        return pick_within(amount + by[history_below(h, 6)]);
    }
}

struct ordo_bytes pick_bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* Some numbers are as long as they may be. */
struct ordo_bytes pick_number(struct history *h, uint32_t number)
{
    static const char longest[] = "an:order.with_a-long:number...1";
    bool is_long = number % 5 == 4;
    return history_text(h, is_long ? &longest[number > 9] : "o", number);
}

struct ordo_bytes pick_trade_no(struct history *h, uint32_t number)
{
    static const char *const prefixes[] = {
        "t",
        "a-trade-number-of-two-dozen-",
        "a_trade.number:of-some-fifty-bytes-as-gateways-have-"};
    return history_text(h, prefixes[number % 7 < 3 ? number % 7 : 0], number);
}

struct ordo_bytes pick_any_order_id(struct history *h)
{
    if (pick_wrong(h) && history_chance(h, 4)) {
        return history_chance(h, 32) ? pick_bytes_of("") : history_text(h, "nobody", 1);
    }
    return pick_number(h, history_below(h, h->orders));
}

struct o_order *
pick(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event)
{
    struct o_order *order = NULL;
    if (o->t.order_count == 0 || pick_wrong(h)) {
        return NULL;
    }
    for (uint32_t i = 0; i < TRIES; i++) {
        order = &o->t.orders[history_below(h, o->t.order_count)];
        if (o_may(order, event) == ORDO_RESULT_OK && order->created) {
            break;
        }
    }
    c->shop = order->shop;
    return order;
}

struct ordo_bytes
pick_id(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_event event)
{
    const struct o_order *order = pick(h, o, c, event);
    return order == NULL ? pick_any_order_id(h) : pick_bytes_of(order->id);
}

const struct o_order *
pick_in(struct history *h, struct oracle *o, struct ordo_command *c, uint32_t states)
{
    const struct o_order *order = pick(h, o, c, ORDO_EVENT_NOTE);
    for (uint32_t i = 0; order != NULL && i < 8 && (states >> order->state & 1) == 0; i++) {
        order = pick(h, o, c, ORDO_EVENT_NOTE);
    }
    return order;
}

uint32_t pick_any_product(struct history *h)
{
    return 1 + history_below(h, h->products + (pick_wrong(h) ? 1 : 0));
}

uint32_t pick_put_product(struct history *h, struct oracle *o, uint32_t shop, bool cards)
{
    uint32_t product = pick_any_product(h);
    for (uint32_t i = 0; i < TRIES && !pick_wrong(h); i++) {
        const struct o_product *p = o_find_product(o, shop, product);
        if (p != NULL && (!cards || p->put.stock_mode <= ORDO_STOCK_PRESELECT)) {
            break;
        }
        product = pick_any_product(h);
    }
    return product;
}

const struct o_order *
pick_with(struct history *h, struct oracle *o, struct ordo_command *c, enum ordo_account account)
{
    for (uint32_t i = 0; i < TRIES && o->t.payment_count != 0 && !pick_wrong(h); i++) {
        const struct o_payment *p = &o->t.payments[history_below(h, o->t.payment_count)];
        if (p->at[account] != 0) {
            c->shop = p->shop;
            return &o->t.orders[p->order];
        }
    }
    return pick(h, o, c, ORDO_EVENT_NOTE);
}

struct ordo_bytes pick_free_number(struct history *h, struct oracle *o, uint32_t shop, uint32_t nth)
{
    uint32_t first = history_below(h, h->orders);
    for (uint32_t i = 0; i < h->orders; i++) {
        struct ordo_bytes id = pick_number(h, (first + i) % h->orders);
        if (o_find_order(o, shop, id) == NULL && nth-- == 0) {
            return id;
        }
    }
    return pick_any_order_id(h);
}

struct ordo_bytes pick_operator_name(struct history *h)
{
    return pick_wrong(h) && history_chance(h, 16) ? pick_bytes_of("") : pick_bytes_of("ann");
}

struct ordo_bytes pick_reason(struct history *h)
{
    return pick_wrong(h) && history_chance(h, 16) ? pick_bytes_of("") : pick_bytes_of("because");
}

uint64_t pick_any_card(struct history *h, const struct oracle *o)
{
    return history_below(h, o->t.card_count + 2);
}
