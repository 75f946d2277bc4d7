/* Products, units, who gets a freed one, and the verbs about cards. */
#include "oracle_parts.h"

#define SEALED_MIN 57 /* tag, nonce, seal */

static bool has_cards(const struct o_product *p)
{
    return p->put.stock_mode == ORDO_STOCK_CARDS || p->put.stock_mode == ORDO_STOCK_PRESELECT ||
           p->put.stock_mode == ORDO_STOCK_LOOP;
}

static bool is_loop(const struct o_product *p)
{
    return p->put.stock_mode == ORDO_STOCK_LOOP;
}

struct o_product *o_find_product(struct oracle *o, uint32_t shop, uint64_t product)
{
    for (uint32_t i = 0; i < o->product_count; i++) {
        if (o->t.products[i].shop == shop && o->t.products[i].put.product == product) {
            return &o->t.products[i];
        }
    }
    return NULL;
}

static struct o_product *product_of(struct oracle *o, const struct o_order *order)
{
    struct o_product *p = o_find_product(o, order->shop, order->product);
    ORDO_ASSERT(p != NULL);
    return p;
}

/* Cards are numbered from 1 over all shops, in the order in which they came. */
struct o_card *o_find_card(struct oracle *o, uint32_t shop, uint64_t number)
{
    bool known = number >= 1 && number <= o->t.card_count;
    return known && o->t.cards[number - 1].product->shop == shop ? &o->t.cards[number - 1] : NULL;
}

static uint64_t number_of(const struct oracle *o, const struct o_card *card)
{
    return (uint64_t)(card - o->t.cards) + 1;
}

static struct o_card *first_free(struct oracle *o, const struct o_product *p)
{
    struct o_card *first = NULL;
    for (uint32_t i = 0; i < o->t.card_count; i++) {
        struct o_card *card = &o->t.cards[i];
        if (card->product == p && card->unit == O_FREE &&
            (first == NULL || card->place < first->place)) {
            first = card;
        }
    }
    return first;
}

/* ---- counts ---- */

uint64_t o_free(const struct oracle *o, const struct o_product *p)
{
    if (p->put.stock_mode == ORDO_STOCK_UNLIMITED) {
        return UINT64_MAX;
    }
    uint64_t count = p->free;
    for (uint32_t i = 0; i < o->t.card_count; i++) {
        count += o->t.cards[i].product == p && o->t.cards[i].unit == O_FREE;
    }
    return count;
}

uint64_t o_units(const struct oracle *o, const struct o_product *p, enum o_unit unit, bool unpaid)
{
    uint64_t count = 0;
    if (has_cards(p) && !is_loop(p) && !unpaid) {
        for (uint32_t i = 0; i < o->t.card_count; i++) {
            count += o->t.cards[i].product == p && o->t.cards[i].unit == unit;
        }
        return count;
    }
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *order = &o->t.orders[i];
        bool counts = order->shop == p->shop && order->product == p->put.product &&
                      order->unit == unit && (!unpaid || o_is_unpaid(order));
        count += counts ? order->units : 0;
    }
    return count;
}

bool o_has_units(const struct oracle *o, const struct o_product *p, uint32_t quantity)
{
    return o_free(o, p) >= (is_loop(p) ? 1 : quantity);
}

/* Back-orders by sequence of payment, then those that wait by sequence of joining. */
const struct o_order *o_head(const struct oracle *o, const struct o_product *p)
{
    const struct o_order *head = NULL;
    for (uint32_t i = 0; i < o->t.order_count; i++) {
        const struct o_order *order = &o->t.orders[i];
        if (order->queue_place == 0 || order->shop != p->shop || order->product != p->put.product) {
            continue;
        }
        bool paid = order->state == ORDO_STATE_BACKORDER;
        bool head_paid = head != NULL && head->state == ORDO_STATE_BACKORDER;
        if (head == NULL || (paid && !head_paid) ||
            (paid == head_paid && order->queue_place < head->queue_place)) {
            head = order;
        }
    }
    return head;
}

/* All units of the order could be had by it now. */
bool o_is_available(struct oracle *o, const struct o_order *order)
{
    const struct o_product *p = product_of(o, order);
    if (o_head(o, p) != NULL || !o_has_units(o, p, order->quantity)) {
        return false;
    }
    return order->named_card == 0 || o->t.cards[order->named_card - 1].unit == O_FREE;
}

/* ---- units change hands ---- */

void o_note(struct oracle *o, struct o_product *p)
{
    for (uint32_t i = 0; i < o->noted_count; i++) {
        if (o->noted[i] == p) {
            return;
        }
    }
    o->noted[o->noted_count++] = p;
}

/* Free units become held by the order. */
void o_take(struct oracle *o, struct o_order *order, uint32_t units)
{
    struct o_product *p = product_of(o, order);
    ORDO_ASSERT(order->units == 0 && order->card_count == 0 && units > 0);
    order->unit = O_HELD;
    order->units = units;
    p->free -= p->put.stock_mode == ORDO_STOCK_COUNTED ? units : 0;
    uint32_t cards = is_loop(p) ? 1 : has_cards(p) ? units : 0;
    for (uint32_t i = 0; i < cards; i++) {
        bool named = order->named_card != 0 && !is_loop(p);
        struct o_card *card = named ? &o->t.cards[order->named_card - 1] : first_free(o, p);
        ORDO_ASSERT(card != NULL && card->unit == O_FREE);
        order->cards[order->card_count++] = number_of(o, card);
        if (is_loop(p)) {
            card->place = ++o->t.place;
        } else {
            card->unit = O_HELD;
            card->order = order;
        }
    }
}

static void set_cards(struct oracle *o, struct o_order *order, enum o_unit unit)
{
    for (uint32_t i = 0; i < order->card_count; i++) {
        struct o_card *card = &o->t.cards[order->cards[i] - 1];
        if (is_loop(card->product)) {
            continue;
        }
        card->unit = unit;
        card->place = unit == O_FREE ? ++o->t.place : 0;
        card->order = unit == O_FREE ? NULL : order;
    }
}

void o_set_units(struct oracle *o, struct o_order *order, enum o_unit unit)
{
    set_cards(o, order, unit);
    order->unit = unit;
}

static void forget_units(struct o_order *order)
{
    order->unit = O_NO_UNIT;
    order->units = 0;
    order->card_count = 0;
}

/* Held units, if there are, become free: last in the queue. */
void o_give_back(struct oracle *o, struct o_order *order)
{
    if (order->units == 0) {
        return;
    }
    struct o_product *p = product_of(o, order);
    ORDO_ASSERT(order->unit == O_HELD);
    p->free += p->put.stock_mode == ORDO_STOCK_COUNTED ? order->units : 0;
    set_cards(o, order, O_FREE);
    forget_units(order);
    o_note(o, p);
}

/* What is bound becomes void; a card that was revealed before a replace stays so. The cards of a
 * loop product go round all the same. */
void o_void_units(struct oracle *o, struct o_order *order)
{
    struct o_product *p = product_of(o, order);
    uint32_t stay = 0;
    ORDO_ASSERT(order->unit == O_BOUND);
    for (uint32_t i = 0; i < order->card_count && !is_loop(p); i++) {
        struct o_card *card = &o->t.cards[order->cards[i] - 1];
        if (card->unit == O_REVEALED) {
            order->cards[stay++] = order->cards[i];
            continue;
        }
        card->unit = O_VOID;
        card->order = NULL;
    }
    p->voided += order->units - stay;
    forget_units(order);
    order->card_count = stay;
}

void o_leave_queue(struct oracle *o, struct o_order *order)
{
    ORDO_ASSERT(order->queue_place != 0);
    order->queue_place = 0;
    order->flags &= ~(uint32_t)ORDO_FLAG_WAITING;
    o_note(o, product_of(o, order));
}

void o_start_delivery(struct oracle *o, struct o_order *order)
{
    uint64_t after_s = (uint64_t)o->settings.redelivery_s;
    order->deadline_us = after_s == 0 ? 0 : o->now + after_s * O_SECOND;
    order->tries = 0;
}

/* Held units are bound; the event is ISSUE. */
void o_issue(struct oracle *o, struct o_order *order)
{
    ORDO_ASSERT(order->unit == O_HELD);
    const struct o_product *p = product_of(o, order);
    if (is_loop(p) && o->t.cards[order->cards[0] - 1].unit == O_VOID && first_free(o, p) != NULL) {
        order->cards[0] = number_of(o, first_free(o, p));
        o->t.cards[order->cards[0] - 1].place = ++o->t.place;
    }
    o_set_units(o, order, O_BOUND);
    (void)o_event(o, order, ORDO_EVENT_ISSUE);
    order->was_bound = true;
    o_start_delivery(o, order);
    for (uint32_t i = 0; i < order->card_count; i++) {
        o_name_card(o, order, order->cards[i]);
    }
}

/* ---- who waits for units ---- */

static bool has_room(struct oracle *o, const struct o_order *head)
{
    const struct oracle_answer *answer = o->answer;
    uint32_t cards = 0;
    for (uint32_t i = 0; i < answer->effect_count; i++) {
        if (answer->effects[i].order_id == head->id) {
            return false; /* once in an outcome */
        }
        cards += answer->effects[i].card_count;
    }
    return answer->effect_count + 1 <= ORDO_TRANSITIONS_MAX &&
           o_transitions(o) + 2 <= ORDO_TRANSITIONS_MAX && cards + head->quantity <= ORDO_CARDS_MAX;
}

static void serve_one(struct oracle *o, struct o_order *order)
{
    struct o_product *p = product_of(o, order);
    bool waited = (order->flags & ORDO_FLAG_WAITING) != 0;
    (void)o_touch(o, order);
    o_leave_queue(o, order);
    if (!waited || (p->put.options & ORDO_PRODUCT_HOLD_AT_PAY) == 0) {
        o_take(o, order, order->quantity);
    }
    if (waited) {
        o_admit(o, order);
    } else if (
        (p->put.options & ORDO_PRODUCT_MANUAL) != 0 || (order->flags & ORDO_FLAG_FROZEN) != 0) {
        (void)o_event(o, order, ORDO_EVENT_STOCKED);
    } else {
        o_issue(o, order);
    }
}

/* Each noted product in its order. Without room the rest stays noted for the next command. */
void o_serve(struct oracle *o)
{
    while (o->noted_count > 0) {
        const struct o_product *p = o->noted[0];
        const struct o_order *head = o_head(o, p);
        if (head == NULL || !o_has_units(o, p, head->quantity)) {
            o->noted_count--;
            memmove(o->noted, o->noted + 1, o->noted_count * sizeof(o->noted[0]));
        } else if (has_room(o, head)) {
            serve_one(o, &o->t.orders[head - o->t.orders]);
        } else {
            return;
        }
    }
}

/* ---- commands ---- */

uint16_t o_product_put(struct oracle *o, uint32_t shop, const struct ordo_product_put *put)
{
    uint64_t known = ORDO_PRODUCT_MANUAL | ORDO_PRODUCT_HOLD_AT_PAY | ORDO_PRODUCT_LATE_BACKORDER |
                     ORDO_PRODUCT_LATE_REFUND | ORDO_PRODUCT_CLOSED | ORDO_PRODUCT_DUPLICATES;
    bool window = put->sale_until_us == 0 || put->sale_until_us > put->sale_from_us;
    if (put->product == 0 || put->price < 0 || put->currency == 0 || !window ||
        (put->options & ~known) != 0) {
        return ORDO_RESULT_PRODUCT_INVALID;
    }
    bool hold_at_pay = (put->options & ORDO_PRODUCT_HOLD_AT_PAY) != 0;
    if ((put->counted != 0 && put->stock_mode != ORDO_STOCK_COUNTED) ||
        (hold_at_pay && put->stock_mode == ORDO_STOCK_PRESELECT)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    struct o_product *p = o_find_product(o, shop, put->product);
    if (p != NULL && p->put.stock_mode != put->stock_mode) {
        return ORDO_RESULT_PRODUCT_MODE;
    }
    if (p != NULL && p->put.currency != put->currency) {
        return ORDO_RESULT_PRODUCT_CURRENCY;
    }
    if (p == NULL) {
        ORDO_ASSERT(o->product_count < O_PRODUCTS_MAX);
        p = &o->t.products[o->product_count++];
        p->shop = shop;
    }
    p->put = *put;
    p->free += put->counted;
    p->imported += put->counted;
    if (put->counted != 0) {
        o_note(o, p);
    }
    return ORDO_RESULT_OK;
}

static bool knows_tag(const struct oracle *o, const struct o_product *p, const uint8_t *tag)
{
    for (uint32_t i = 0; i < o->t.card_count; i++) {
        if (o->t.cards[i].product == p && memcmp(o->t.cards[i].tag, tag, ORDO_ID_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

uint16_t o_card_import(struct oracle *o, uint32_t shop, const struct ordo_card_import *import)
{
    struct o_product *p = o_find_product(o, shop, import->product);
    if (p == NULL) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if (!has_cards(p)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    bool valid = import->cards.count > 0;
    struct ordo_reader in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);
    for (uint32_t i = 0; i < import->cards.count; i++) {
        valid = ordo_read_bytes(&in, ORDO_SEALED_MAX).size >= SEALED_MIN && valid;
    }
    if (!valid) {
        return ORDO_RESULT_CARD_INVALID;
    }
    in = ordo_reader_over(import->cards.raw.data, import->cards.raw.size);
    for (uint32_t i = 0; i < import->cards.count; i++) {
        struct ordo_bytes sealed = ordo_read_bytes(&in, ORDO_SEALED_MAX);
        if ((p->put.options & ORDO_PRODUCT_DUPLICATES) == 0 && knows_tag(o, p, sealed.data)) {
            continue;
        }
        ORDO_ASSERT(o->t.card_count < O_CARDS_MAX);
        struct o_card *card = &o->t.cards[o->t.card_count++];
        *card = (struct o_card){.product = p, .unit = O_FREE, .place = ++o->t.place};
        memcpy(card->tag, sealed.data, ORDO_ID_SIZE);
        p->imported++;
        o->number++;
    }
    o_note(o, p);
    return ORDO_RESULT_OK;
}

uint16_t o_card_void(struct oracle *o, uint32_t shop, const struct ordo_card_void *c)
{
    struct o_product *p = o_find_product(o, shop, c->product);
    if (p == NULL) {
        return ORDO_RESULT_PRODUCT_UNKNOWN;
    }
    if (!has_cards(p)) {
        return ORDO_RESULT_STOCK_MODE;
    }
    if (c->first == 0 || c->last < c->first || c->last - c->first >= ORDO_VOID_MAX) {
        return ORDO_RESULT_CARD_RANGE;
    }
    for (uint64_t i = 0; i <= c->last - c->first; i++) {
        struct o_card *card = o_find_card(o, shop, c->first + i);
        if (card != NULL && card->product == p && card->unit == O_FREE) {
            card->unit = O_VOID;
            p->voided++;
            o->number++;
        }
    }
    return ORDO_RESULT_OK;
}

/* The first free card takes the place of the one at index, which becomes void. */
static bool exchange(struct oracle *o, struct o_order *order, uint32_t index)
{
    struct o_card *old = &o->t.cards[order->cards[index] - 1];
    struct o_card *fresh = first_free(o, old->product);
    if (fresh == NULL) {
        return false;
    }
    fresh->unit = old->unit;
    fresh->order = order;
    old->unit = O_VOID;
    old->order = NULL;
    old->product->voided++;
    order->cards[index] = number_of(o, fresh);
    return true;
}

static uint32_t index_of(const struct o_order *order, uint64_t card)
{
    uint32_t index = 0;
    while (index < order->card_count && order->cards[index] != card) {
        index++;
    }
    return index;
}

uint16_t o_replace(struct oracle *o, struct o_order *order, uint64_t card)
{
    uint16_t code = o_may(order, ORDO_EVENT_REPLACE);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if ((order->flags & ORDO_FLAG_FROZEN) != 0) {
        return ORDO_RESULT_ORDER_FROZEN;
    }
    const struct o_product *p = product_of(o, order);
    if (p->put.stock_mode != ORDO_STOCK_CARDS && p->put.stock_mode != ORDO_STOCK_PRESELECT) {
        return ORDO_RESULT_STOCK_MODE;
    }
    uint32_t index = index_of(order, card);
    if (index == order->card_count) {
        return ORDO_RESULT_CARD_NOT_OF_ORDER;
    }
    if (!exchange(o, order, index)) {
        return ORDO_RESULT_STOCK_SHORT;
    }
    o->t.cards[order->cards[index] - 1].unit = O_BOUND;
    order->unit = O_BOUND;
    (void)o_event(o, order, ORDO_EVENT_REPLACE);
    o_start_delivery(o, order);
    o_name_card(o, order, order->cards[index]);
    return ORDO_RESULT_OK;
}

uint16_t o_recall(struct oracle *o, uint32_t shop, uint64_t number)
{
    struct o_card *card = o_find_card(o, shop, number);
    if (card == NULL) {
        return ORDO_RESULT_CARD_UNKNOWN;
    }
    if (card->unit == O_FREE) {
        card->unit = O_VOID;
        card->product->voided++;
        return ORDO_RESULT_OK;
    }
    if (card->unit == O_VOID) {
        return ORDO_RESULT_OK;
    }
    if (card->unit == O_HELD) {
        bool done = exchange(o, card->order, index_of(card->order, number));
        return done ? ORDO_RESULT_OK : ORDO_RESULT_STOCK_SHORT;
    }
    (void)o_touch(o, card->order);
    return o_replace(o, card->order, number);
}
