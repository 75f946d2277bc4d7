#include "order/stock.h"

/* Single cards: the queue of the free ones, and what a person does to one of them. A card that is
 * bad is made void where it is found; whoever had it gets the first free one in its place, before
 * anybody who waits, because it was promised already. A void card hangs nowhere and never comes
 * back.
 */

/* ---- the free queue ---- */

void ordo_card_append(struct ordo_state *s, uint32_t card)
{
    struct ordo_card_row *c = ordo_card_edit(s, card);
    struct ordo_product_row *p = ordo_product_edit(s, c->product);
    ORDO_ASSERT(c->state != ORDO_CARD_BOUND && c->state != ORDO_CARD_REVEALED);
    ORDO_ASSERT(c->state != ORDO_CARD_VOID);
    c->state = ORDO_CARD_FREE;
    c->order = 0;
    c->next = 0;
    c->prev = p->free_last;
    if (p->free_last != 0) {
        ordo_card_edit(s, p->free_last)->next = card;
    } else {
        p->free_first = card;
    }
    p->free_last = card;
    p->free++;
}

void ordo_card_take(struct ordo_state *s, uint32_t card)
{
    struct ordo_card_row *c = ordo_card_edit(s, card);
    struct ordo_product_row *p = ordo_product_edit(s, c->product);
    ORDO_ASSERT(card != 0 && c->state == ORDO_CARD_FREE);
    ORDO_ASSERT(p->free != 0);
    if (c->prev != 0) {
        ordo_card_edit(s, c->prev)->next = c->next;
    } else {
        p->free_first = c->next;
    }
    if (c->next != 0) {
        ordo_card_edit(s, c->next)->prev = c->prev;
    } else {
        p->free_last = c->prev;
    }
    c->next = 0;
    c->prev = 0;
    p->free--;
}

void ordo_card_void(struct ordo_state *s, uint32_t card)
{
    ordo_card_take(s, card);
    struct ordo_card_row *c = ordo_card_edit(s, card);
    c->state = ORDO_CARD_VOID;
    ordo_product_edit(s, c->product)->voided++;
}

/* ---- one card for another ---- */

/* Puts the first free card, in state `as`, into the place that `card` has in its order's chain;
 * `card` becomes void. Their product's counts of held, bound and revealed follow from it. */
static uint32_t exchange(struct ordo_state *s, uint32_t card, enum ordo_card_state as)
{
    struct ordo_card_row *old = ordo_card_edit(s, card);
    struct ordo_product_row *p = ordo_product_edit(s, old->product);
    struct ordo_order_row *o = ordo_order_edit(s, old->order);
    uint32_t row = p->free_first;
    ordo_card_take(s, row);
    struct ordo_card_row *fresh = ordo_card_edit(s, row);
    fresh->state = (uint8_t)as;
    fresh->order = old->order;
    fresh->next = old->next;
    if (o->card == card) {
        o->card = row;
    } else {
        uint32_t before = o->card;
        while (ordo_card_at(s, before)->next != card) { /* ends: the card is the order's */
            before = ordo_card_at(s, before)->next;
            ORDO_ASSERT(before != 0);
        }
        ordo_card_edit(s, before)->next = row;
    }
    p->held -= old->state == ORDO_CARD_HELD;
    p->bound -= old->state == ORDO_CARD_BOUND;
    p->revealed -= old->state == ORDO_CARD_REVEALED;
    p->held += as == ORDO_CARD_HELD;
    p->bound += as == ORDO_CARD_BOUND;
    p->voided++;
    old->state = ORDO_CARD_VOID;
    old->order = 0;
    old->next = 0;
    return row;
}

/* The card of an issued order is replaced, and its delivery begins anew. card 0: one that is none
 * of the order's. */
static uint16_t
replace_card(struct ordo_state *s, struct ordo_effect *effect, uint32_t order, uint32_t card)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_product_row *p = ordo_product_at(s, o->product);
    uint16_t code = ordo_order_code(o, ORDO_EVENT_REPLACE);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if ((o->flags & ORDO_FLAG_FROZEN) != 0) {
        return ORDO_RESULT_ORDER_FROZEN;
    }
    if (!ordo_stock_is_one_time(p->stock_mode)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (card == 0) {
        return ORDO_RESULT_CARD_NOT_OF_ORDER;
    }
    if (p->free_first == 0) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    uint32_t fresh = exchange(s, card, ORDO_CARD_BOUND);
    ordo_order_edit(s, order)->units = ORDO_UNITS_BOUND;
    ORDO_ASSERT(s->outcome.card_count < ORDO_CARDS_MAX);
    s->outcome.cards[s->outcome.card_count++] = fresh;
    effect->card_count++;
    ordo_order_step(s, effect, order, ORDO_EVENT_REPLACE);
    ordo_order_redeliver_from_now(s, order);
    return ORDO_RESULT_OK;
}

/* The row of a card of this shop; 0 = none. */
static uint32_t find_card(const struct ordo_state *s, uint64_t card)
{
    if (card == 0 || card > ordo_head(s)->used[ORDO_TABLE_CARD]) {
        return 0;
    }
    uint32_t product = ordo_card_at(s, (uint32_t)card)->product;
    return ordo_product_at(s, product)->shop == s->command.shop ? (uint32_t)card : 0;
}

uint16_t ordo_decide_replace(struct ordo_state *s, const struct ordo_replace *replace)
{
    uint16_t code = ordo_operator_check(replace->operator_name, replace->reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t order = ordo_order_known(s, s->command.shop, replace->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    uint32_t card = find_card(s, replace->card);
    if (card != 0 && ordo_card_at(s, card)->order != order) {
        card = 0;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    code = replace_card(s, effect, order, card);
    ordo_effect_end(s, effect, order);
    return code;
}

/* ---- recall: a card is bad, wherever it is ---- */

static uint16_t recall_held(struct ordo_state *s, uint32_t card)
{
    const struct ordo_card_row *c = ordo_card_at(s, card);
    if (ordo_product_at(s, c->product)->free_first == 0) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    (void)exchange(s, card, ORDO_CARD_HELD);
    return ORDO_RESULT_OK;
}

static uint16_t recall_issued(struct ordo_state *s, uint32_t card)
{
    uint32_t order = ordo_card_at(s, card)->order;
    struct ordo_effect *effect = ordo_effect_begin(s, order, false);
    uint16_t code = replace_card(s, effect, order, card);
    ordo_effect_end(s, effect, order);
    return code;
}

uint16_t ordo_decide_recall(struct ordo_state *s, const struct ordo_recall *recall)
{
    uint16_t code = ordo_operator_check(recall->operator_name, recall->reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t card = find_card(s, recall->card);
    if (card == 0) {
        return ORDO_RESULT_CARD_UNKNOWN;
    }
    switch ((enum ordo_card_state)ordo_card_at(s, card)->state) {
    case ORDO_CARD_FREE:
        ordo_card_void(s, card);
        return ORDO_RESULT_OK;
    case ORDO_CARD_HELD:
        return recall_held(s, card);
    case ORDO_CARD_BOUND:
    case ORDO_CARD_REVEALED:
        return recall_issued(s, card);
    case ORDO_CARD_VOID:
        break;
    }
    ORDO_ASSERT(ordo_card_at(s, card)->state == ORDO_CARD_VOID);
    return ORDO_RESULT_OK;
}

/* ---- card-void: a range of free cards goes out of sale ---- */

static uint16_t
check_void(const struct ordo_state *s, uint32_t product, const struct ordo_card_void *card_void)
{
    if (product == 0) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if (!ordo_stock_has_cards(ordo_product_at(s, product)->stock_mode)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (card_void->first == 0 || card_void->last < card_void->first ||
        card_void->last - card_void->first >= ORDO_VOID_MAX) {
        return ORDO_RESULT_CARD_RANGE;
    }
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_card_void(struct ordo_state *s, const struct ordo_card_void *card_void)
{
    uint16_t code = ordo_operator_check(card_void->operator_name, card_void->reason);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint32_t product = ordo_product_find(s, s->command.shop, card_void->product);
    code = check_void(s, product, card_void);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    uint64_t used = ordo_head(s)->used[ORDO_TABLE_CARD];
    uint64_t last = card_void->last < used ? card_void->last : used;
    uint32_t count = 0;
    for (uint64_t card = card_void->first; card <= last; card++) {
        const struct ordo_card_row *c = ordo_card_at(s, (uint32_t)card);
        if (c->product == product && c->state == ORDO_CARD_FREE) {
            ordo_card_void(s, (uint32_t)card);
            count++;
        }
    }
    s->outcome.result.version = count;
    return ORDO_RESULT_OK;
}
