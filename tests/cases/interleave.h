/* interleave.h - all sequences of a few events, with a crash before each.
 *
 * Two orders, A and B, of one unit each; the product has one unit and gets one more by `restock`.
 * Depth first over all sequences of different events. Before each event the state is thrown away
 * and built again by replaying the commands so far; each outcome and the digest must be those of
 * the first time. After each event: every invariant of the engine, and promises that see only what
 * a client sees. A failure names the sequence.
 */
#ifndef ORDO_TESTS_INTERLEAVE_H
#define ORDO_TESTS_INTERLEAVE_H

#include "order/schema.h"

#define INTERLEAVE_EVENTS_MAX 20 /* of one plan */

/* X(NAME, what a failure calls it, how it is sent by interleave.c) */
#define INTERLEAVE_EVENTS(X)                                                                       \
    X(CREATE_A, "create A", send_create("A", 1, 0))                                                \
    X(CREATE_B, "create B", send_create("B", w.plan->one_buyer ? 1 : 2, 0))                        \
    X(WAIT_B, "wait B", send_create("B", 2, 500))                                                  \
    X(PAY_A, "pay A", pay(S, "A", "t1", PRICE))                                                    \
    X(PAY_A_AGAIN, "pay A again", pay(S, "A", "t1", PRICE))                                        \
    X(PAY_A_TWICE, "pay A twice", pay(S, "A", "t2", PRICE))                                        \
    X(PAY_A_SHORT, "pay A short", pay(S, "A", "t4", PRICE - 1))                                    \
    X(PAY_B, "pay B", pay(S, "B", "t3", PRICE))                                                    \
    X(EXPIRE, "expire", expire())                                                                  \
    X(CANCEL_A, "cancel A", cancel(S, "A"))                                                        \
    X(RELEASE_B, "release B", release(S, "B"))                                                     \
    X(REFUND_A, "refund A", refund(S, "A", "t1", PRICE))                                           \
    X(CHARGEBACK_A, "chargeback A", fact(S, ORDO_FACT_CHARGEBACK, "A", "t1", PRICE))               \
    X(RESTOCK, "restock", restock(2))                                                              \
    X(ATTEMPT_A, "attempt A", send_attempt())                                                      \
    X(FAIL_A, "fail A", fact(S, ORDO_FACT_FAIL, "A", "t1", PRICE))                                 \
    X(MARK_A, "mark A", mark_paid(S, "A", 1, PRICE))                                               \
    X(GIVE_BACK_A, "give back A", give_back(S, "A", 0, false))                                     \
    X(ACCEPT_A, "accept A", accept_money(S, "A"))                                                  \
    X(FREEZE_A, "freeze A", freeze(S, "A"))                                                        \
    X(UNFREEZE_A, "unfreeze A", unfreeze(S, "A"))                                                  \
    X(ACK_A, "ack A", acknowledge(S, "A"))                                                         \
    X(ISSUE_A, "issue A", issue(S, "A", false))                                                    \
    X(REPLACE_A, "replace A", send_replace())

enum event {
#define EVENT(NAME, text, call) NAME,
    INTERLEAVE_EVENTS(EVENT)
#undef EVENT
};

struct plan {
    const char *name;
    uint32_t options; /* of the product */
    uint32_t fixed;   /* the first events, in this order before all others */
    uint32_t depth;   /* with the fixed ones */
    uint32_t count;
    enum event events[INTERLEAVE_EVENTS_MAX];
    uint8_t mode;    /* of the product's stock */
    uint32_t coupon; /* uses of the coupon that every order names; 0 = none does */
    bool one_buyer;  /* A and B are of the same */
};

/* Runs the plan and prints what it has seen. A process runs one plan. */
void interleave(const struct plan *plan);

#endif
