#include "order/stock.h"
#include "base/canary.h"

/* The life of units: free -> held -> bound -> revealed, or void. One-time cards are rows that move
 * with them; a hold takes the card that the order named, or the first of the queue, and a release
 * puts each behind the last. Counted and unlimited goods move through the same counts without rows.
 * A loop order counts its units, too, and is told one card: the first, which then goes to the end
 * of the round.
 *
 * What moves is what the order has (units, unit_count, the states of its cards), not what it asked
 * for: a partial issue leaves it with fewer, a replaced card is bound while the others are revealed
 * already. What was bound never becomes free again: somebody may have read it.
 */

/* ---- what is there ---- */

bool ordo_stock_has(const struct ordo_product_row *product, uint64_t units)
{
    if (product->stock_mode == ORDO_STOCK_LOOP) {
        return product->free != 0;
    }
    return product->stock_mode == ORDO_STOCK_UNLIMITED || product->free >= units;
}

bool ordo_stock_open(const struct ordo_product_row *product, uint64_t units)
{
    bool waits = product->wait_first != 0 && !ORDO_CANARY(wait_overtaken_by_create);
    return product->backorder_first == 0 && !waits && ordo_stock_has(product, units);
}

uint32_t
ordo_order_cards(const struct ordo_state *s, uint32_t order, uint32_t cards[ORDO_CARDS_MAX])
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    bool one = ordo_product_at(s, o->product)->stock_mode == ORDO_STOCK_LOOP;
    uint32_t count = 0;
    for (uint32_t row = o->card; row != 0; row = one ? 0 : ordo_card_at(s, row)->next) {
        ORDO_ASSERT(count < ORDO_CARDS_MAX);
        cards[count++] = row;
    }
    return count;
}

/* ---- free <-> held ---- */

/* The card that the buyer named, else the first. */
static uint32_t next_card(const struct ordo_state *s, const struct ordo_order_row *o)
{
    uint32_t named = o->extra == 0 ? 0 : ordo_extra_at(s, o->extra)->card;
    return named != 0 ? named : ordo_product_at(s, o->product)->free_first;
}

/* Makes the next `units` cards the order's chain, in the order in which they were free. */
static void hold_cards(struct ordo_state *s, uint32_t order, uint32_t units)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    uint32_t last = 0;
    ORDO_ASSERT(o->card == 0);
    for (uint32_t i = 0; i < units; i++) {
        uint32_t row = next_card(s, o);
        ordo_card_take(s, row);
        struct ordo_card_row *card = ordo_card_edit(s, row);
        card->state = ORDO_CARD_HELD;
        card->order = order;
        if (last != 0) {
            ordo_card_edit(s, last)->next = row;
        } else {
            o->card = row;
        }
        last = row;
    }
}

/* Tells the order the first card of the round, which goes to the end. */
static void hold_round(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    o->card = ordo_product_at(s, o->product)->free_first;
    ORDO_ASSERT(o->card != 0);
    ordo_card_take(s, o->card);
    ordo_card_append(s, o->card);
}

static void hold_units(struct ordo_state *s, uint32_t order, uint32_t units, bool unpaid)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(ordo_stock_has(p, units) && units <= o->quantity);
    ORDO_ASSERT(o->units == ORDO_UNITS_NONE && units != 0);
    o->units = ORDO_UNITS_HELD;
    o->unit_count = (uint8_t)units;
    p->held += units;
    p->held_unpaid += unpaid ? units : 0;
    if (ordo_stock_is_one_time(p->stock_mode)) {
        hold_cards(s, order, units);
    } else if (p->stock_mode == ORDO_STOCK_LOOP) {
        hold_round(s, order);
    } else if (p->stock_mode == ORDO_STOCK_COUNTED) {
        p->free -= units;
    }
}

void ordo_stock_hold(struct ordo_state *s, uint32_t order, bool unpaid)
{
    hold_units(s, order, ordo_order_at(s, order)->quantity, unpaid);
}

void ordo_stock_paid(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(o->units == ORDO_UNITS_HELD);
    ORDO_ASSERT(p->held_unpaid >= o->unit_count);
    p->held_unpaid -= o->unit_count;
}

void ordo_stock_release(struct ordo_state *s, uint32_t order, bool unpaid)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->units != ORDO_UNITS_HELD) {
        return;
    }
    if (unpaid) {
        ordo_stock_paid(s, order);
    }
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(p->held >= o->unit_count);
    p->held -= o->unit_count;
    if (p->stock_mode == ORDO_STOCK_COUNTED) {
        p->free += o->unit_count;
    }
    if (ordo_stock_is_one_time(p->stock_mode)) {
        uint32_t cards[ORDO_CARDS_MAX];
        uint32_t count = ordo_order_cards(s, order, cards);
        ORDO_ASSERT(count == o->unit_count);
        for (uint32_t i = 0; i < count; i++) {
            ORDO_ASSERT(ordo_card_at(s, cards[i])->state == ORDO_CARD_HELD);
            ordo_card_append(s, cards[i]);
        }
    }
    o->units = ORDO_UNITS_NONE;
    o->unit_count = 0;
    o->card = 0;
    ordo_serve_mark(s, o->product);
}

/* ---- held -> bound -> revealed or void ---- */

/* The card of the round was made void while the order had it in prospect: it is told another. */
static void tell_again(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    bool void_card = p->stock_mode == ORDO_STOCK_LOOP && o->card != 0 &&
                     ordo_card_at(s, o->card)->state == ORDO_CARD_VOID;
    if (void_card && p->free_first != 0) {
        hold_round(s, order);
    }
}

void ordo_stock_bind(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(o->units == ORDO_UNITS_HELD && p->held >= o->unit_count);
    tell_again(s, order);
    o->units = ORDO_UNITS_BOUND;
    p->held -= o->unit_count;
    p->bound += o->unit_count;
    uint32_t cards[ORDO_CARDS_MAX];
    uint32_t count = ordo_order_cards(s, order, cards);
    ORDO_ASSERT(s->outcome.card_count + count <= ORDO_CARDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        s->outcome.cards[s->outcome.card_count++] = cards[i];
        effect->card_count++;
        if (ordo_stock_is_one_time(p->stock_mode)) {
            struct ordo_card_row *card = ordo_card_edit(s, cards[i]);
            ORDO_ASSERT(card->state == ORDO_CARD_HELD && card->order == order);
            card->state = ORDO_CARD_BOUND;
        }
    }
}

void ordo_stock_reveal(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(o->units == ORDO_UNITS_BOUND);
    uint32_t moved = o->unit_count;
    if (ordo_stock_is_one_time(p->stock_mode)) {
        moved = 0;
        for (uint32_t row = o->card; row != 0; row = ordo_card_at(s, row)->next) {
            if (ordo_card_at(s, row)->state == ORDO_CARD_BOUND) {
                ordo_card_edit(s, row)->state = ORDO_CARD_REVEALED;
                moved++;
            }
        }
    }
    ORDO_ASSERT(p->bound >= moved);
    p->bound -= moved;
    p->revealed += moved;
    o->units = ORDO_UNITS_REVEALED;
}

/* Bound cards become void and leave the order; the number of those that stay, revealed before. */
static uint32_t void_bound(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    uint32_t cards[ORDO_CARDS_MAX];
    uint32_t count = ordo_order_cards(s, order, cards);
    uint32_t kept = 0;
    o->card = 0;
    for (uint32_t i = count; i > 0; i--) {
        struct ordo_card_row *card = ordo_card_edit(s, cards[i - 1]);
        card->next = 0;
        if (card->state == ORDO_CARD_BOUND && ORDO_CANARY(read_card_back_to_pool)) {
            ordo_card_append(s, cards[i - 1]);
        } else if (card->state == ORDO_CARD_BOUND) {
            card->state = ORDO_CARD_VOID;
            card->order = 0;
        } else {
            card->next = o->card;
            o->card = cards[i - 1];
            kept++;
        }
    }
    return kept;
}

void ordo_stock_drop(struct ordo_state *s, uint32_t order)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    ORDO_ASSERT(o->units == ORDO_UNITS_BOUND);
    uint32_t kept = 0;
    if (ordo_stock_is_one_time(p->stock_mode)) {
        kept = void_bound(s, order);
    } else {
        o->card = 0;
    }
    uint32_t dropped = o->unit_count - kept;
    ORDO_ASSERT(p->bound >= dropped);
    p->bound -= dropped;
    p->voided += dropped;
    o->units = kept == 0 ? ORDO_UNITS_NONE : ORDO_UNITS_REVEALED;
    o->unit_count = (uint8_t)kept;
}

/* ---- issue: an operator gives a paid order its units ---- */

static void issue_part(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t units = (uint32_t)ordo_product_at(s, o->product)->free;
    ORDO_ASSERT(units != 0 && units < o->quantity);
    ordo_queue_leave(s, order);
    hold_units(s, order, units, false);
    ordo_order_flag(s, order, ORDO_FLAG_PARTIAL);
    ordo_order_issue(s, effect, order);
    int64_t applied = ordo_payment_applied(ordo_order_money(s, order));
    int64_t missing = applied - applied * units / o->quantity;
    int64_t there = ordo_money_there(s, order, ORDO_PLACE_APPLIED);
    ordo_money_back(s, order, ORDO_PLACE_APPLIED, missing < there ? missing : there, false);
}

static uint16_t
issue_backorder(struct ordo_state *s, struct ordo_effect *effect, uint32_t order, bool partial)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    if (ordo_stock_has(p, o->quantity)) {
        ordo_queue_leave(s, order);
        ordo_stock_hold(s, order, false);
        ordo_order_issue(s, effect, order);
        return ORDO_RESULT_OK;
    }
    if (!partial || p->free == 0) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    issue_part(s, effect, order);
    return ORDO_RESULT_OK;
}

static uint16_t
issue_order(struct ordo_state *s, struct ordo_effect *effect, uint32_t order, bool partial)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint16_t code = ordo_order_code(o, ORDO_EVENT_ISSUE);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if ((o->flags & ORDO_FLAG_FROZEN) != 0) {
        return ORDO_RESULT_ORDER_FROZEN;
    }
    if (o->state == ORDO_STATE_BACKORDER) {
        return issue_backorder(s, effect, order, partial);
    }
    if (o->state == ORDO_STATE_PAID) {
        ordo_order_issue(s, effect, order);
    }
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_issue(struct ordo_state *s, const struct ordo_issue *issue)
{
    uint16_t code = ordo_operator_check(issue->operator_name, issue->reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t order = ordo_order_known(s, s->command.shop, issue->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    code = issue_order(s, effect, order, issue->partial != 0);
    ordo_effect_end(s, effect, order);
    return code;
}
