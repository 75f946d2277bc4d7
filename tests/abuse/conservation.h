/* conservation.h - the two halves of R12's load: the buys (conservation_buy.c), and the process
 * that has them made, then looks at every order again (conservation_load.c).
 */
#ifndef ORDO_TESTS_ABUSE_CONSERVATION_H
#define ORDO_TESTS_ABUSE_CONSERVATION_H

#include "client/client.h"
#include "order/result.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SLOTS_EACH     4 /* buys of one connection at a time */
#define SLOTS_MAX      (ORDO_CLIENTS_MAX * SLOTS_EACH)
#define TEXT_SIZE      32
#define PAYMENTS_A_BUY 2

enum plan {
    PLAN_PAY,
    PLAN_TOLD_TWICE,
    PLAN_TOLD_THRICE,
    PLAN_LATE,
    PLAN_LEAVE,
    PLAN_CANCEL,
    PLAN_CANCEL_PAY,
    PLAN_SHORT,
    PLAN_SHORT_REST,
    PLAN_OVER,
    PLAN_TWICE,
    PLAN_REFUND_ALL,     /* after the ack: the card stays with its buyer */
    PLAN_REFUND_ISSUING, /* before it: the card is void */
};

enum op { OP_CREATE, OP_CANCEL, OP_PAY, OP_PAY_SECOND, OP_REFUND, OP_CARDS, OP_ACK, OP_COUNT };

/* The book of an order, from the results alone; amounts in minor units. */
struct order {
    int64_t told;
    int64_t applied;
    int64_t due;
    int64_t refunded;
    int64_t review;
    uint64_t seq; /* of the newest result about it */
    uint64_t card;
    uint8_t state; /* in that result */
    bool created;
    bool has_card;
    bool verified;
};

struct payment {
    int64_t amount;
    int64_t due;
    int64_t applied;
    uint64_t seq;       /* of the fact that counted */
    uint64_t again_seq; /* of the one that was DUPLICATE */
};

struct slot;

struct call {
    struct slot *slot;
    uint8_t op;
};

/* A buy that goes on. */
struct slot {
    struct order *order; /* NULL: free */
    uint32_t number;     /* of the order */
    uint32_t client;
    uint32_t open;    /* requests without an end */
    uint64_t wake_us; /* not 0: it rests until then */
    uint64_t random;
    uint8_t plan;
    uint8_t op;        /* the one that was sent last */
    uint8_t refunding; /* the payment that OP_REFUND names */
    bool refunded_all;
    struct payment payments[PAYMENTS_A_BUY];
    struct call calls[OP_COUNT];
};

/* All that a process has. */
struct load {
    struct ordo_client *clients[ORDO_CLIENTS_MAX];
    struct slot slots[SLOTS_MAX];
    struct order *orders; /* `buys` of them */
    FILE *cards;          /* the number of each card that a buyer was shown, one a line */
    uint64_t worker;
    uint64_t seed;
    uint32_t client_count;
    uint32_t buys;
    uint32_t begun;
    uint32_t ended;
    uint32_t refused;
    uint32_t fails;
    uint32_t unknown;
    uint64_t facts_with[ORDO_DISPOSITION_COUNT];
};
extern struct load load;

uint64_t now_us(void);

/* Counts a failure and says the first of them on stderr. */
__attribute__((format(printf, 2, 3))) void fail(const struct order *order, const char *format, ...);
_Noreturn void die(const char *what, const char *why);

/* The number of an order as text, in `text`. */
struct ordo_bytes order_id(uint32_t number, char text[TEXT_SIZE]);

/* Sends the create of the next buy in a free slot; all else follows in on_answers, but for a slot
 * whose wake_us has passed: wake() goes on with it. */
void begin_buy(struct slot *slot);
void wake(struct slot *slot);
ordo_on_answers on_answers;

#endif
