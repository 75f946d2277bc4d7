/* machine.h - the order's state machine as a table: every cell of (state x event) is defined.
 *
 * apply finds out which event a command is (a payment fact is exact, short or over; the last
 * attempt failed or one of several) and asks the table; it has no transition of its own. `ordo
 * states` prints the same table. A cell is a move, a stay (an accepted command that changes no
 * state; also every idempotent repetition), or a refusal with its code. Cells of payment facts name
 * the disposition. Any thread, pure.
 */
#ifndef ORDO_ORDER_MACHINE_H
#define ORDO_ORDER_MACHINE_H

#include "order/result.h"

#include <stddef.h>

/* X(NAME, name, what it is and under which guard) */
#define ORDO_EVENTS(X)                                                                             \
    X(CREATE, "create", "the order is created, or its wait has ended, and it is held")             \
    X(CREATE_PAID, "create-paid", "the order is created with nothing left to pay")                 \
    X(WAIT, "wait", "the order is created and waits for a unit")                                   \
    X(WAIT_OVER, "wait-over", "the time of waiting for a unit is over")                            \
    X(ATTEMPT, "attempt", "a payment attempt is opened, or named again")                           \
    X(EXTEND, "extend", "the hold is extended")                                                    \
    X(PAY, "pay", "paid exactly; an expired order: it can be honoured")                            \
    X(PAY_SHORT, "pay-short", "paid too little, or in another currency")                           \
    X(PAY_OVER, "pay-over", "paid too much")                                                       \
    X(PAY_QUEUED, "pay-queued", "paid exactly, too late; its product lets it wait for stock")      \
    X(PAY_UNPLACED, "pay-unplaced", "paid exactly, but it cannot be honoured any more")            \
    X(PAY_UNCONFIRMED,                                                                             \
      "pay-unconfirmed",                                                                           \
      "said to be paid; its channel wants that confirmed by query")                                \
    X(PAY_AGAIN, "pay-again", "a payment that is known, for the same order")                       \
    X(PAY_CONFLICT, "pay-conflict", "a payment that is known, for other content")                  \
    X(PAY_MANUAL, "pay-manual", "the real payment of what an operator had marked as paid")         \
    X(MARK_PAID, "mark-paid", "an operator says that it is paid")                                  \
    X(ACCEPT, "accept", "an operator accepts the money in review")                                 \
    X(NO_STOCK, "no-stock", "paid, and its units are not free")                                    \
    X(STOCKED, "stocked", "its units came, and a person issues them")                              \
    X(ISSUE, "issue", "the order's units are bound")                                               \
    X(BACKORDER_OVER, "backorder-over", "the longest time of waiting for stock is over")           \
    X(REDELIVER, "redeliver", "the delivery was not seen to arrive: it is due again")              \
    X(DELIVERY_ACK, "delivery-ack", "the delivery was seen to arrive")                             \
    X(REPLACE, "replace", "a card is taken back and another one bound")                            \
    X(FAIL, "fail", "the last open payment attempt failed or was closed")                          \
    X(FAIL_ONE, "fail-one", "a payment attempt failed or was closed, another one is open")         \
    X(FAIL_STRAY, "fail-stray", "a failure or closing of no open attempt")                         \
    X(REFUND_PART, "refund-part", "money was given back; something is still applied or due")       \
    X(REFUND_ALL, "refund-all", "money was given back; nothing is left applied or due")            \
    X(REFUND_DUE, "refund-due", "money becomes due for refund; something stays applied")           \
    X(REFUND_DUE_ALL, "refund-due-all", "money becomes due for refund; nothing stays applied")     \
    X(CHARGEBACK, "chargeback", "the payer's bank took the money back")                            \
    X(CANCEL, "cancel", "the order is cancelled")                                                  \
    X(RELEASE, "release", "the order is cancelled, maybe before it is known")                      \
    X(QUERY_DUE, "query-due", "the hold's time is over; the gateway is asked first")               \
    X(EXPIRE, "expire", "the hold's time is over")                                                 \
    X(FREEZE, "freeze", "nothing is handed out until unfreeze")                                    \
    X(UNFREEZE, "unfreeze", "what the freeze held up goes on")                                     \
    X(NOTE, "note", "an operator writes something down")

enum ordo_event {
#define ORDO_EVENT(NAME, name, text) ORDO_EVENT_##NAME,
    ORDO_EVENTS(ORDO_EVENT)
#undef ORDO_EVENT
        ORDO_EVENT_COUNT
};

enum ordo_cell_action {
    ORDO_CELL_NONE,   /* in no cell of the table: a test walks it */
    ORDO_CELL_MOVE,   /* a transition to `to` */
    ORDO_CELL_STAY,   /* accepted, the state stays */
    ORDO_CELL_REFUSE, /* refused with `code` */
};

struct ordo_cell {
    uint8_t action;      /* enum ordo_cell_action */
    uint8_t to;          /* MOVE: the new state */
    uint8_t disposition; /* payment facts: enum ordo_disposition; else 0 */
    uint16_t code;       /* enum ordo_result_code; OK unless REFUSE */
};

/* The cell; state and event are in range. */
const struct ordo_cell *ordo_machine_cell(uint8_t state, enum ordo_event event);

/* Name and text of an event; "?" out of range. */
const char *ordo_event_name(enum ordo_event event);
const char *ordo_event_text(enum ordo_event event);

/* Writes "-> PAID, APPLIED", "stays, DUPLICATE" or "order_is_paid" with a final zero; cuts what
 * does not fit. */
void ordo_machine_cell_text(const struct ordo_cell *cell, char *text, size_t size);

/* The whole table in Markdown, a line for each event, states with the same cell together; without
 * line ends. engine/order/README.md holds it, a test compares. */
void ordo_machine_markdown(void (*line)(void *context, const char *text), void *context);

/* The diagram in Graphviz' language, line by line without line ends. Moves of several events
 * between two states share one edge. */
void ordo_machine_dot(void (*line)(void *context, const char *text), void *context);

#endif
