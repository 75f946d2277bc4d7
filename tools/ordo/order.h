/* order.h - the parts of `ordo order`.
 *
 *   order.c        the line: options, what to do, with which order
 *   order_act.c    what a shop does: create, attempt, pay, ack, extend, cancel, release
 *   order_ops.c    what an operator does: issue, mark-paid, accept, refund, freeze, note, replace
 *   order_chain.c  several orders or none
 *   order_view.c   what get, find, list and cards print
 *
 * Inside of the verb only; one thread.
 */
#ifndef ORDO_TOOLS_ORDER_H
#define ORDO_TOOLS_ORDER_H

#include "online.h"
#include "operator.h"

#define ORDER_WORDS_MAX ORDO_CHAIN_MAX

struct order {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    const char *action;
    const char *words[ORDER_WORDS_MAX]; /* behind the action: an order, a trade_no, members */
    uint32_t word_count;
    const char *order_id; /* words[0] where the action takes an order */
    const char *buyer;
    const char *second_key;
    const char *coupon;
    const char *trade_no;
    const char *merchant;
    bool has_amount;
    bool has_currency;
    bool has_channel;
    bool partial;
    bool done;
    bool reviewed;
    int64_t amount;
    int64_t refund_total;
    uint64_t currency;
    uint64_t product;
    uint64_t quantity;
    uint64_t ttl_s;
    uint64_t wait_s;
    uint64_t card;
    uint64_t channel;
    uint64_t fact;
    uint64_t limit;
    uint64_t until_us; /* list: only those that changed last by then; 0 = all */
    uint8_t state;
};

struct ordo_bytes order_bytes(const char *text); /* of NULL: empty */

/* Sends a command about order->order_id and prints its result. */
int order_decide(struct order *order, struct ordo_command *command);

/* Amount and currency of the order itself, where the line names none. */
int order_fill(struct order *order);

/* What `quantity` units cost with the line's coupon, and their currency, as the node has both now.
 * A coupon that it does not know takes nothing off: the node will say so. */
int order_price(
    struct order *order, uint64_t product, uint64_t quantity, int64_t *amount, uint64_t *currency);

/* The actions; each returns an exit code and has printed what came of it. */
int order_create(struct order *order);
int order_attempt(struct order *order);
int order_pay(struct order *order);
int order_ack(struct order *order);
int order_extend(struct order *order);
int order_cancel(struct order *order);
int order_release(struct order *order);
int order_chain(struct order *order);

int order_issue(struct order *order);
int order_mark_paid(struct order *order);
int order_accept(struct order *order);
int order_refund(struct order *order);
int order_freeze(struct order *order);
int order_unfreeze(struct order *order);
int order_note(struct order *order);
int order_replace(struct order *order);

int order_get(struct order *order);
int order_find(struct order *order);
int order_list(struct order *order);
int order_cards(struct order *order);

#endif
