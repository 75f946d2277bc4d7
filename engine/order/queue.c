#include "base/canary.h"
#include "order/parts.h"

/* Who gets a freed unit: back-orders by sequence of payment, then waiting orders by sequence of
 * joining. Each product has both queues as chains through the extra rows of their orders. While one
 * of them has a member, nobody else is given a unit (ordo_stock_open), so units stay free until the
 * queue's head can have all of its own.
 *
 * Whatever frees units or changes who is first notes the product in the head's chain; every
 * accepted command ends by serving the noted products as far as its outcome has room. What is left
 * keeps its place for the next command, and ingress sequences `continue` for it at once (the next
 * deadline is 0). So a restock of a thousand units costs no command more than sixteen orders.
 *
 * An order has one effect in an outcome, and its history names each command once. So a head that
 * the command has touched already (a note about it, its own payment that made it the first) is
 * served by the next one.
 */

#define TRANSITIONS_OF_ONE 2 /* at most, for one order that is served */
#define POSTINGS_OF_ONE    2

static uint32_t *first_of(struct ordo_product_row *p, enum ordo_queue queue)
{
    return queue == ORDO_QUEUE_BACKORDER ? &p->backorder_first : &p->wait_first;
}

static uint32_t *last_of(struct ordo_product_row *p, enum ordo_queue queue)
{
    return queue == ORDO_QUEUE_BACKORDER ? &p->backorder_last : &p->wait_last;
}

static uint32_t *count_of(struct ordo_product_row *p, enum ordo_queue queue)
{
    return queue == ORDO_QUEUE_BACKORDER ? &p->backorder_count : &p->wait_count;
}

static struct ordo_extra_row *extra_of(struct ordo_state *s, uint32_t order)
{
    uint32_t extra = ordo_order_at(s, order)->extra;
    ORDO_ASSERT(extra != 0);
    return ordo_extra_edit(s, extra);
}

void ordo_queue_join(struct ordo_state *s, uint32_t order, enum ordo_queue queue)
{
    struct ordo_extra_row *extra = extra_of(s, order);
    struct ordo_product_row *p = ordo_product_edit(s, ordo_order_at(s, order)->product);
    uint32_t *last = last_of(p, queue);
    ORDO_ASSERT(extra->queue == ORDO_QUEUE_NONE);
    extra->queue = (uint8_t)queue;
    extra->queue_prev = *last;
    extra->queue_next = 0;
    if (*last != 0) {
        extra_of(s, *last)->queue_next = order;
    } else {
        *first_of(p, queue) = order;
    }
    *last = order;
    *count_of(p, queue) += 1;
    if (queue == ORDO_QUEUE_BACKORDER && extra->queue_prev == 0) {
        ordo_serve_mark(s, ordo_order_at(s, order)->product);
    }
}

void ordo_queue_leave(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    if (o->extra == 0 || ordo_extra_at(s, o->extra)->queue == ORDO_QUEUE_NONE) {
        return;
    }
    struct ordo_extra_row *extra = ordo_extra_edit(s, o->extra);
    struct ordo_product_row *p = ordo_product_edit(s, o->product);
    enum ordo_queue queue = (enum ordo_queue)extra->queue;
    if (extra->queue_prev != 0) {
        extra_of(s, extra->queue_prev)->queue_next = extra->queue_next;
    } else {
        *first_of(p, queue) = extra->queue_next;
    }
    if (extra->queue_next != 0) {
        extra_of(s, extra->queue_next)->queue_prev = extra->queue_prev;
    } else {
        *last_of(p, queue) = extra->queue_prev;
    }
    ORDO_ASSERT(*count_of(p, queue) != 0);
    *count_of(p, queue) -= 1;
    extra->queue = ORDO_QUEUE_NONE;
    extra->queue_prev = 0;
    extra->queue_next = 0;
    ordo_serve_mark(s, o->product);
}

/* ---- service ---- */

void ordo_serve_mark(struct ordo_state *s, uint32_t product)
{
    const struct ordo_product_row *p = ordo_product_at(s, product);
    if (p->serving || (p->backorder_first == 0 && p->wait_first == 0)) {
        return;
    }
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    struct ordo_product_row *noted = ordo_product_edit(s, product);
    noted->serving = true;
    noted->serve_next = 0;
    if (head->serve_last != 0) {
        ordo_product_edit(s, head->serve_last)->serve_next = product;
    } else {
        head->serve_first = product;
    }
    head->serve_last = product;
}

static void unmark_first(struct ordo_state *s)
{
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    struct ordo_product_row *p = ordo_product_edit(s, head->serve_first);
    head->serve_first = p->serve_next;
    if (head->serve_first == 0) {
        head->serve_last = 0;
    }
    p->serving = false;
    p->serve_next = 0;
}

/* Room for one more order. */
static bool outcome_has_room(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    const struct ordo_outcome *out = &s->outcome;
    ORDO_ASSERT(
        out->effect_count == ORDO_TRANSITIONS_MAX || /* four payments an order, and two */
        out->posting_count + POSTINGS_OF_ONE <= ORDO_POSTINGS_MAX);
    return o->last_seq < s->seq && out->effect_count < ORDO_TRANSITIONS_MAX &&
           out->transition_count + TRANSITIONS_OF_ONE <= ORDO_TRANSITIONS_MAX &&
           out->card_count + o->quantity <= ORDO_CARDS_MAX;
}

static void serve_backorder(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    ordo_stock_hold(s, order, false);
    bool by_hand = (ordo_product_at(s, o->product)->options & ORDO_PRODUCT_MANUAL) != 0;
    if (by_hand || (o->flags & ORDO_FLAG_FROZEN) != 0) {
        ordo_order_step(s, effect, order, ORDO_EVENT_STOCKED);
    } else {
        ordo_order_issue(s, effect, order);
    }
}

static void serve_one(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_effect *effect = ordo_effect_begin(s, order, false);
    ordo_queue_leave(s, order);
    if (ordo_order_is_waiting(o)) {
        ordo_order_unflag(s, order, ORDO_FLAG_WAITING);
        ordo_deadline_set(s, order, 0);
        ordo_order_admit(s, effect, order, ordo_extra_at(s, o->extra)->hold_ttl_s);
    } else {
        serve_backorder(s, effect, order);
    }
    ordo_effect_end(s, effect, order);
}

void ordo_serve(struct ordo_state *s)
{
    uint32_t product;
    while ((product = ordo_head(s)->serve_first) != 0) { /* ends: serves one, or unmarks one */
        const struct ordo_product_row *p = ordo_product_at(s, product);
        uint32_t first = ORDO_CANARY(backorders_lifo) ? p->backorder_last : p->backorder_first;
        uint32_t order = first != 0 ? first : p->wait_first;
        bool forget = ORDO_CANARY(restock_forgets_the_rest) && s->outcome.effect_count > 9;
        if (order == 0 || !ordo_stock_has(p, ordo_order_at(s, order)->quantity) || forget) {
            unmark_first(s);
            continue;
        }
        if (!outcome_has_room(s, order)) {
            return;
        }
        serve_one(s, order);
    }
}

uint16_t ordo_decide_continue(struct ordo_state *s)
{
    (void)s; /* what it goes on with is served at the end of every accepted command */
    return ORDO_RESULT_OK;
}
