/* parts.h - what the parts of the domain offer to the decisions (create.c, fact.c, ...): orders,
 * stock, buyers, payments, identity, deadlines. For the files of engine/order only.
 *
 * Each part owns its tables and the structures derived from them. None of these functions can fail:
 * a decision checks everything first and then changes everything, or nothing.
 */
#ifndef ORDO_ORDER_PARTS_H
#define ORDO_ORDER_PARTS_H

#include "order/domain.h"
#include "order/query.h"

/* What a query's page may hold at most: a limit that was left out is the largest. */
static inline uint64_t ordo_page_limit(uint64_t limit)
{
    return limit == 0 ? 256 : limit;
}

/* ---- orders.c: the order table, state lists, transitions ---- */

static inline uint64_t ordo_order_hash(uint32_t shop, struct ordo_bytes order_id)
{
    return ordo_text_hash(order_id, shop);
}
/* The row of the order, placeholders included; 0 = none. */
uint32_t ordo_order_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id);
/* The row of the order if it was created; 0 = none. */
uint32_t ordo_order_known(const struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id);
/* A new row in state NONE. There must be room. */
uint32_t ordo_order_add(struct ordo_state *s, uint32_t shop, struct ordo_bytes order_id);

/* Makes the order an effect of the command under way: its history names this command. */
struct ordo_effect *ordo_effect_begin(struct ordo_state *s, uint32_t order, bool own);
/* Closes it: version and flags as they are now. */
void ordo_effect_end(struct ordo_state *s, struct ordo_effect *effect, uint32_t order);
/* The transition of a MOVE cell; asserts that the cell is one. */
void ordo_order_step(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event);

/* Waits for a unit: known to its client, in state NONE. */
static inline bool ordo_order_is_waiting(const struct ordo_order_row *o)
{
    return (o->flags & ORDO_FLAG_WAITING) != 0;
}
/* The code of the cell for an order that is known: one that waits is not unknown. */
static inline uint16_t ordo_order_code(const struct ordo_order_row *o, enum ordo_event event)
{
    uint16_t code = ordo_machine_cell(o->state, event)->code;
    bool waits = code == ORDO_RESULT_ORDER_UNKNOWN && ordo_order_is_waiting(o);
    return waits ? ORDO_RESULT_ORDER_WAITS : code;
}
void ordo_order_flag(struct ordo_state *s, uint32_t order, unsigned flags);
void ordo_order_unflag(struct ordo_state *s, uint32_t order, unsigned flags);

static inline bool ordo_state_is_unpaid(uint8_t state)
{
    return state == ORDO_STATE_PENDING || state == ORDO_STATE_PAYING ||
           state == ORDO_STATE_PAY_FAILED;
}

/* Paid, and the payment is kept. */
static inline bool ordo_state_is_paid(uint8_t state)
{
    return state == ORDO_STATE_PAID || state == ORDO_STATE_BACKORDER ||
           state == ORDO_STATE_ISSUING || state == ORDO_STATE_COMPLETED;
}

/* ---- stock.c: products, cards, units ---- */

uint64_t ordo_product_hash(uint32_t shop, uint64_t product);
uint32_t ordo_product_find(const struct ordo_state *s, uint32_t shop, uint64_t product);
uint16_t ordo_decide_product_put(struct ordo_state *s, const struct ordo_product_put *put);
uint16_t ordo_decide_card_import(struct ordo_state *s, const struct ordo_card_import *import);
/* Units that are free, whoever is first in line; a loop pool has all or none. */
bool ordo_stock_has(const struct ordo_product_row *product, uint64_t units);
/* Units that a create or a late payment may take now: free, and nobody is waiting for them. */
bool ordo_stock_open(const struct ordo_product_row *product, uint64_t units);
/* free -> held for an order without units: the card that it named, else the first. There must be
 * enough. unpaid: they count into held_unpaid until ordo_stock_paid() or the release. */
void ordo_stock_hold(struct ordo_state *s, uint32_t order, bool unpaid);
void ordo_stock_paid(struct ordo_state *s, uint32_t order);
/* held -> free, and the product is to be served; nothing for an order without units. */
void ordo_stock_release(struct ordo_state *s, uint32_t order, bool unpaid);
/* held -> bound, named in the effect. */
void ordo_stock_bind(struct ordo_state *s, struct ordo_effect *effect, uint32_t order);
/* bound -> revealed. */
void ordo_stock_reveal(struct ordo_state *s, uint32_t order);
/* bound -> void: the money goes back, and somebody may have read them. */
void ordo_stock_drop(struct ordo_state *s, uint32_t order);
uint16_t ordo_decide_issue(struct ordo_state *s, const struct ordo_issue *issue);

/* ---- cards.c: single cards ---- */

uint16_t ordo_decide_card_void(struct ordo_state *s, const struct ordo_card_void *card_void);
uint16_t ordo_decide_replace(struct ordo_state *s, const struct ordo_replace *replace);
uint16_t ordo_decide_recall(struct ordo_state *s, const struct ordo_recall *recall);

/* ---- queue.c: who gets a freed unit ---- */

/* The order has an extra row. */
void ordo_queue_join(struct ordo_state *s, uint32_t order, enum ordo_queue queue);
/* Leaves whatever queue it is in, and the product is to be served. */
void ordo_queue_leave(struct ordo_state *s, uint32_t order);
/* Notes that the product may have something for who waits. */
void ordo_serve_mark(struct ordo_state *s, uint32_t product);
/* Serves the noted products as far as the outcome has room; at the end of every accepted command.
 */
void ordo_serve(struct ordo_state *s);
uint16_t ordo_decide_continue(struct ordo_state *s);
uint64_t ordo_card_hash(uint32_t product, const uint8_t *tag);

/* ---- buyers.c: units of a product that a buyer holds and has paid, or that are held under a
 * second key ---- */

/* Units of the product that a buyer may hold and have paid; without a cap, as many as its row can
 * count: buyers whom a shop does not name are all one. */
static inline uint64_t ordo_purchase_cap(const struct ordo_product_row *product)
{
    return product->purchase_cap != 0 ? product->purchase_cap : UINT32_MAX;
}
uint64_t ordo_buyer_hash(uint32_t product, const uint8_t *buyer);
uint32_t ordo_buyer_find(const struct ordo_state *s, uint32_t product, const uint8_t *buyer);
bool ordo_buyer_room(const struct ordo_state *s, uint32_t row);
/* At least so many rows are left. */
bool ordo_buyer_rows_left(const struct ordo_state *s, uint32_t count);
/* Each changes the counts of the order's buyer by the order's quantity; hold, unhold and pay also
 * those of its second key (extra->second_row, when the order has one: hold is given its bytes). */
void ordo_buyer_hold(struct ordo_state *s, uint32_t order, struct ordo_bytes second_key);
void ordo_buyer_unhold(struct ordo_state *s, uint32_t order);
/* From held, or from nothing for a late payment (its units do not count: buyer_row is 0). */
void ordo_buyer_pay(struct ordo_state *s, uint32_t order);
void ordo_buyer_unpay(struct ordo_state *s, uint32_t order);

/* ---- deadlines.c: what is due by (deadline, order row) ---- */

/* The order's only deadline, in place of the one it has; 0 = none. */
void ordo_deadline_set(struct ordo_state *s, uint32_t order, uint64_t deadline_us);
/* The lines that taking the order out will look at, for the look-ahead. */
void ordo_deadline_places(const struct ordo_state *s, uint32_t order, const void *places[2]);
/* For audits: the order stands where its deadline says; the order that is out of order, 0 = none.
 */
bool ordo_deadline_is_kept(const struct ordo_state *s, uint32_t order);
uint32_t ordo_deadlines_out_of_order(const struct ordo_state *s);
/* The order whose deadline is first, at or before now_us; 0 = none. */
uint32_t ordo_deadline_due(const struct ordo_state *s, uint64_t now_us);

/* ---- payments.c: merchants, payments, attempts, accounts ---- */

struct ordo_payment_key {
    uint32_t merchant; /* row */
    struct ordo_bytes trade_no;
};

uint64_t ordo_merchant_hash(uint32_t shop, uint64_t channel, struct ordo_bytes merchant);
uint32_t ordo_merchant_find(
    const struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant);
/* The row, made if it is missing. There must be room. */
uint32_t ordo_merchant_take(
    struct ordo_state *s, uint32_t shop, uint64_t channel, struct ordo_bytes merchant);
/* By the gateway's number alone, so that a person can look for it without the merchant account. */
static inline uint64_t ordo_payment_hash(uint32_t shop, struct ordo_bytes trade_no)
{
    return ordo_text_hash(trade_no, shop);
}
uint32_t ordo_payment_find(const struct ordo_state *s, const struct ordo_payment_key *key);
/* The payment of this number that came first; channel 0 and an empty merchant stand for any. */
uint32_t
ordo_payment_search(const struct ordo_state *s, uint32_t shop, const struct ordo_find *find);

/* ---- trade.c: how a payment's trade_no is kept ---- */

/* Rows that it takes. */
uint32_t ordo_trade_granules(struct ordo_bytes trade_no);
/* Writes it; there must be room. */
void ordo_trade_put(struct ordo_state *s, uint32_t payment, struct ordo_bytes trade_no);
/* It, in the rows or in `text`. */
struct ordo_bytes
ordo_trade_get(const struct ordo_state *s, uint32_t payment, uint8_t text[ORDO_TRADE_NO_MAX]);
bool ordo_trade_equal(const struct ordo_state *s, uint32_t payment, struct ordo_bytes trade_no);
/* Bytes that it takes in the rows. */
uint32_t ordo_trade_kept_size(const struct ordo_payment_row *p);

/* What a new payment needs room for. */
struct ordo_payment_need {
    int64_t amount; /* that comes in now */
    uint64_t channel;
    struct ordo_bytes merchant;
    uint64_t currency;
    uint32_t trade_granules; /* 0 for a manual payment */
    uint32_t order;          /* row; 0 = never named before */
    bool has_row;            /* it was told of before, or is the order's manual payment */
};
bool ordo_payment_room(const struct ordo_state *s, const struct ordo_payment_need *need);
/* A new payment of nothing yet, chained to the order. Without a trade_no it is a manual one, which
 * no index finds until it is bound; an order has at most one in its life. */
uint32_t ordo_payment_add(
    struct ordo_state *s, uint32_t order, const struct ordo_payment_key *key, uint64_t currency);
/* The order's manual payment that is not bound yet; 0 = none. */
uint32_t ordo_payment_manual(const struct ordo_state *s, uint32_t order);
/* Gives a manual payment its real trade_no; all of it moves to the channel of key->merchant. */
void ordo_payment_bind(struct ordo_state *s, uint32_t payment, const struct ordo_payment_key *key);
/* The payment's bank took it back, or says so before it was received. */
void ordo_payment_charge_back(struct ordo_state *s, uint32_t payment);
/* The newest payment of the order: the chain without its summary row; 0 = none. */
uint32_t ordo_payment_newest(const struct ordo_state *s, uint32_t order);
/* The order's sums: all zero without a payment. */
const struct ordo_payment_row *ordo_order_money(const struct ordo_state *s, uint32_t order);

/* What a decision does to one payment; the accounts follow from it. */
struct ordo_money {
    int64_t received;
    int64_t refund_due;
    int64_t refunded;
    int64_t review;
};
void ordo_payment_post(struct ordo_state *s, uint32_t payment, const struct ordo_money *change);
/* The payment came: its whole amount, placed as `place` says apart from `received`. */
void ordo_payment_receive(
    struct ordo_state *s, uint32_t payment, int64_t amount, const struct ordo_money *place);
static inline int64_t ordo_payment_applied(const struct ordo_payment_row *p)
{
    if ((p->flags & ORDO_PAYMENT_RECEIVED) == 0) {
        return 0;
    }
    return p->amount - p->refund_due - p->refunded - p->review;
}

/* Where money of a payment may stand; a set is a sum of these. */
enum ordo_place { ORDO_PLACE_APPLIED = 1, ORDO_PLACE_REVIEW = 2, ORDO_PLACE_DUE = 4 };
int64_t ordo_payment_in(const struct ordo_payment_row *p, unsigned places);
/* The newest payments of the order with money in one of the places and in the currency (0 = any),
 * newest first; their number. */
uint32_t ordo_payments_in(
    const struct ordo_state *s,
    uint32_t order,
    unsigned places,
    uint64_t currency,
    uint32_t rows[ORDO_PAYMENTS_TOUCHED_MAX]);
uint64_t ordo_balance_hash(uint64_t channel, uint64_t currency);
uint32_t ordo_balance_find(const struct ordo_state *s, uint64_t channel, uint64_t currency);

/* The order's row of what few orders have, made if it has none; there must be room. */
uint32_t ordo_extra_take(struct ordo_state *s, uint32_t order);

/* ---- coupons.c ---- */

static inline struct ordo_bytes ordo_coupon_text(const struct ordo_coupon_row *coupon)
{
    return (struct ordo_bytes){coupon->coupon, coupon->coupon_size};
}
uint64_t ordo_coupon_hash(uint32_t shop, struct ordo_bytes coupon);
uint32_t ordo_coupon_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes coupon);
/* The use of the order's coupon counts, or does not any more; nothing without a coupon, and each at
 * most once. A use beyond the limit is an overdraft and is flagged. */
void ordo_coupon_use(struct ordo_state *s, uint32_t order);
void ordo_coupon_return(struct ordo_state *s, uint32_t order);
uint16_t ordo_decide_coupon_put(struct ordo_state *s, const struct ordo_coupon_put *put);

/* ---- life.c: the ways of an order that several decisions share ---- */

/* The order, in state NONE with its fields set, gets its hold: units, deadline, CREATE; or is paid
 * at once by money that waits for it or because it is free. hold_ttl_s 0 = the product's. The
 * caller has counted its units for buyer and second key as held, and its coupon. */
void ordo_order_admit(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, uint32_t hold_ttl_s);
/* The order was paid by `event`: units or a place in the queue, buyer, and issue when the product
 * issues by itself and the order is not frozen. */
void ordo_order_paid(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event);
/* Its held units are bound and due for delivery. From PAID or BACKORDER. */
void ordo_order_issue(struct ordo_state *s, struct ordo_effect *effect, uint32_t order);
/* The ladder of redelivery begins anew. */
void ordo_order_redeliver_from_now(struct ordo_state *s, uint32_t order);
/* REVIEW goes when no money of the order is in review, refunded or charged back. */
void ordo_order_review_done(struct ordo_state *s, uint32_t order);
/* After an unpaid or waiting order has ended without a payment: gives back units, place, quotas,
 * coupon. `unpaid` states and NONE. */
void ordo_order_unhold(struct ordo_state *s, uint32_t order);
/* After an honoured order has left `from` because its money goes back: units, place, cap, coupon.
 */
void ordo_order_unpay(struct ordo_state *s, uint32_t order, uint8_t from);

/* ---- late.c: orders whose hold has expired and that are paid after all ---- */

/* What stands in the way of honouring an expired order. */
enum ordo_late {
    ORDO_LATE_REFUSED = 1,    /* its product honours no late payment */
    ORDO_LATE_WINDOW = 2,     /* it expired too long ago */
    ORDO_LATE_PAID_TWICE = 4, /* the buyer has paid for the same product meanwhile */
    ORDO_LATE_CAP = 8,        /* the buyer's purchase cap */
    ORDO_LATE_UNITS = 16,     /* its units are not available, or its named card is not */
    ORDO_LATE_BUYERS = 32,    /* no row for the buyer */
};
/* A set of enum ordo_late; 0 = nothing. */
unsigned ordo_late_obstacles(const struct ordo_state *s, uint32_t order);
/* ordo_order_paid() for an order that may have expired: then it is flagged, and its coupon's use
 * counts again. */
void ordo_order_paid_late(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event);

/* ---- refund.c: money of an order that goes back ---- */

/* What ordo_money_back() could take. */
int64_t ordo_money_there(const struct ordo_state *s, uint32_t order, unsigned places);
/* Takes amount out of the places (due, then applied, then review, each from the newest payment on;
 * the newest four that have any) and makes it due for refund, or refunded when `done`. */
void ordo_money_back(
    struct ordo_state *s, uint32_t order, unsigned places, int64_t amount, bool done);
/* After money was refunded: REFUND_ALL or REFUND_PART. The cell's disposition. */
uint8_t ordo_order_settle(struct ordo_state *s, struct ordo_effect *effect, uint32_t order);
/* A move to REFUNDING; with nothing due it goes on to REFUNDED at once. */
void ordo_order_refunding(
    struct ordo_state *s, struct ordo_effect *effect, uint32_t order, enum ordo_event event);

/* A payment that waits for an order of this row and price: the newest that is exactly that; 0 =
 * none. */
uint32_t ordo_order_waiting_money(
    const struct ordo_state *s, uint32_t order, int64_t amount, uint16_t currency);

/* ---- compare.c, create.c, chain.c, hold.c ---- */

/* A create on its way from check to deed, as if the `earlier` ones of its chain were done. */
struct ordo_create_case {
    const struct ordo_create *create;
    const struct ordo_create_case *earlier;
    uint32_t earlier_count;
    /* found out by ordo_create_check() */
    uint32_t order; /* row of its number; 0 = never named before */
    uint32_t product;
    uint32_t coupon;
    bool known;       /* the order was created before, or waits */
    bool waits;       /* for a unit */
    bool paid;        /* at once: set by the chain, for those after it */
    bool makes_buyer; /* rows that are not there yet */
    bool makes_second;
    bool makes_extra;
};
/* Whether the order's number is there already, and what about it differs: sets order and known. */
uint16_t ordo_create_compare(const struct ordo_state *s, struct ordo_create_case *c);
/* The first check of README section 3 that fails, or OK. Changes nothing. */
uint16_t ordo_create_check(const struct ordo_state *s, struct ordo_create_case *c);
/* Does what was checked. own: the order is the command's own, not a member's. */
void ordo_create_do(struct ordo_state *s, const struct ordo_create_case *c, bool own);

uint16_t ordo_decide_chain(struct ordo_state *s, const struct ordo_chain *chain);
uint16_t ordo_decide_extend(struct ordo_state *s, const struct ordo_extend *extend);
uint16_t ordo_decide_release(struct ordo_state *s, const struct ordo_release *release);

/* ---- channels.c ---- */

uint64_t ordo_channel_hash(uint32_t shop, uint64_t channel);
/* Rules of the channel; all zero when none were put. */
const struct ordo_channel_row *
ordo_channel_of(const struct ordo_state *s, uint32_t shop, uint64_t channel);
uint16_t ordo_decide_channel_put(struct ordo_state *s, const struct ordo_channel_put *put);

/* ---- operator.c: what people decide ---- */

/* FROZEN: nothing is delivered again either. */
void ordo_order_freeze(struct ordo_state *s, uint32_t order);
/* OPERATOR_MISSING, REASON_MISSING or OK. */
uint16_t ordo_operator_check(struct ordo_bytes operator_name, struct ordo_bytes reason);
uint16_t ordo_decide_mark_paid(struct ordo_state *s, const struct ordo_mark_paid *mark);
uint16_t ordo_decide_accept(struct ordo_state *s, const struct ordo_accept *accept);
uint16_t ordo_decide_refund(struct ordo_state *s, const struct ordo_refund *refund);
uint16_t ordo_decide_freeze(struct ordo_state *s, const struct ordo_freeze *freeze);
uint16_t ordo_decide_unfreeze(struct ordo_state *s, const struct ordo_unfreeze *unfreeze);
uint16_t ordo_decide_note(struct ordo_state *s, const struct ordo_note *note);

/* ---- steps.c ---- */

/* The order's attempt with this merchant, whatever became of it; 0 = none. */
uint32_t ordo_attempt_find(const struct ordo_state *s, uint32_t order, uint32_t merchant);

/* ---- fact.c and refund.c: one payment fact on its way to a disposition ---- */

struct ordo_fact_case {
    const struct ordo_fact *fact;
    struct ordo_payment_key key;
    uint32_t payment;           /* row of this trade_no; 0 = a new one */
    uint32_t order;             /* row, maybe a placeholder; 0 = never named before */
    struct ordo_effect *effect; /* of the order */
};

/* Begins the case's effect, making a placeholder for an order that nobody has named before. */
void ordo_fact_begin(struct ordo_state *s, struct ordo_fact_case *c);
/* The case's payment, new and chained to the order. */
void ordo_fact_add_payment(struct ordo_state *s, struct ordo_fact_case *c);
/* Disposition of the cell of the order's state and the event, which must be a STAY. */
uint8_t
ordo_fact_stay(const struct ordo_state *s, const struct ordo_fact_case *c, enum ordo_event event);
/* Each decides one kind of fact, between ordo_fact_begin and ordo_effect_end. */
uint8_t ordo_fact_refund(struct ordo_state *s, struct ordo_fact_case *c);
uint8_t ordo_fact_chargeback(struct ordo_state *s, struct ordo_fact_case *c);
/* A PAY whose refund or chargeback was seen before it, or which brings its refund with it. */
uint8_t ordo_fact_pay_refunded(struct ordo_state *s, struct ordo_fact_case *c);

/* ---- ids.c: identity ---- */

static inline uint64_t ordo_id_hash(const uint8_t *id)
{
    return ordo_mix(ordo_get_le64(id), ordo_get_le64(id + 8));
}
/* The row of the id with this hash; 0 = it is new. */
uint32_t ordo_id_find(const struct ordo_state *s, const uint8_t *id, uint64_t hash);
/* False: the table is full for this kind of command: BUSY. */
bool ordo_id_room(const struct ordo_state *s, uint8_t kind);
void ordo_id_add(struct ordo_state *s, const uint8_t *content);
/* The stored result, or what about the command differs from it. */
void ordo_id_answer(
    const struct ordo_state *s, uint32_t row, const uint8_t *content, struct ordo_result *result);

/* The row of the oldest id remembered; 0 = none. */
uint32_t ordo_id_oldest(const struct ordo_state *s);
/* Seconds from the id before it in the ring; and how they are kept: never too few. */
uint32_t ordo_id_step(const struct ordo_id_row *id);
uint32_t ordo_id_step_encode(uint32_t seconds);
uint32_t ordo_id_step_decode(uint32_t code);

/* ---- for rebuild.c: what is derived from the rows of a loaded image ---- */

/* Whether every row stays inside of its tables; DAMAGED names the one that does not (rows.c). */
enum ordo_err ordo_rows_check(const struct ordo_state *s, struct ordo_fail *fail) ORDO_MUST_USE;
/* Empties the lists of all states. */
void ordo_orders_forget(struct ordo_state *s);
/* Appends the order to its state's list. */
void ordo_order_restore(struct ordo_state *s, uint32_t order);
/* Fills the memory of the heap with orders 1..orders by (last transition, row); then it is empty as
 * a heap. */
void ordo_deadlines_sort_by_change(struct ordo_state *s, uint32_t orders);
/* Fills the heap from the deadlines of orders 1..orders. */
void ordo_deadlines_restore(struct ordo_state *s, uint32_t orders);

/* ---- decisions: each fills s->outcome and returns a code; BUSY means that nothing changed ---- */

uint16_t ordo_decide_settings(struct ordo_state *s, const struct ordo_settings *settings);
uint16_t ordo_decide_create(struct ordo_state *s, const struct ordo_create *create);
uint16_t ordo_decide_attempt(struct ordo_state *s, const struct ordo_attempt *attempt);
uint16_t ordo_decide_fact(struct ordo_state *s, const struct ordo_fact *fact);
uint16_t ordo_decide_cancel(struct ordo_state *s, const struct ordo_cancel *cancel);
uint16_t ordo_decide_delivery_ack(struct ordo_state *s, const struct ordo_delivery_ack *ack);
uint16_t ordo_decide_tick(struct ordo_state *s, const struct ordo_tick *tick);
uint16_t ordo_decide_resume(struct ordo_state *s, const struct ordo_resume *resume);

/* ---- subscribers.c: cursors in the stream, orders set aside ---- */

uint64_t ordo_subscriber_hash(uint32_t shop, struct ordo_bytes name);
uint32_t ordo_subscriber_find(const struct ordo_state *s, uint32_t shop, struct ordo_bytes name);
uint64_t ordo_park_hash(uint32_t subscriber, uint32_t order_shop, struct ordo_bytes order_id);
uint32_t ordo_park_find(
    const struct ordo_state *s,
    uint32_t subscriber,
    uint32_t order_shop,
    struct ordo_bytes order_id);
uint16_t ordo_decide_subscriber_put(struct ordo_state *s, const struct ordo_subscriber_put *put);
uint16_t ordo_decide_subscriber_ack(struct ordo_state *s, const struct ordo_subscriber_ack *ack);
uint16_t ordo_decide_park(struct ordo_state *s, const struct ordo_park *park);
uint16_t ordo_decide_unpark(struct ordo_state *s, const struct ordo_unpark *unpark);
uint16_t ordo_decide_subscriber_drop(struct ordo_state *s, const struct ordo_subscriber_drop *drop);
void ordo_subscriber_view(
    const struct ordo_state *s, uint32_t row, struct ordo_subscriber_view *view);
/* Views of a page; their count. *next is where the next page begins, 0 = nowhere. */
uint64_t ordo_subscribers_page(
    const struct ordo_state *s,
    const struct ordo_subscribers *query,
    uint64_t *next,
    struct ordo_writer *out);
uint64_t ordo_parks_page(
    const struct ordo_state *s,
    uint32_t subscriber,
    const struct ordo_parks *query,
    uint64_t *next,
    struct ordo_writer *out);

/* ---- check_subscribers.c: the part of ordo_state_check that is about them ---- */
enum ordo_err
ordo_check_subscribers(const struct ordo_state *s, struct ordo_fail *fail) ORDO_MUST_USE;

/* ---- read.c: answers a query; writes the whole outcome and returns the code ---- */
uint16_t ordo_answer_query(struct ordo_state *s, struct ordo_writer *out);

/* ---- check_stock.c: the part that is about units, cards and queues ---- */
enum ordo_err ordo_check_stock(const struct ordo_state *s, struct ordo_fail *fail) ORDO_MUST_USE;

/* ---- check_money.c: the part of ordo_state_check that is about money and identity ---- */
enum ordo_err ordo_check_money(const struct ordo_state *s, struct ordo_fail *fail) ORDO_MUST_USE;

/* ---- check_holds.c: the part that is about buyers, second keys, extra rows and coupons ---- */
enum ordo_err ordo_check_holds(const struct ordo_state *s, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
