/* The cases that a sale can bring about beside its plain orders: each a script of commands, what
 * every answer must be, and where the order stands in the end. A case is chosen by seed and order
 * like everything else (sale_plan.c), so the end is known before the first command is sent.
 *
 * A case has goods of its own kind, apart from what the plain orders buy: a short stock there takes
 * nothing from it, and a case that needs an empty shelf has one. Its buyers are its own too.
 */
#include "sale.h"

/* ---- how a script is written ---- */

#define WANT(c, s, d)                                                                              \
    .want = {{ORDO_RESULT_##c, ORDO_STATE_##s, ORDO_DISPOSITION_##d}}, .want_count = 1
#define WANT_TWO(c1, s1, d1, c2, s2, d2)                                                           \
    .want =                                                                                        \
        {{ORDO_RESULT_##c1, ORDO_STATE_##s1, ORDO_DISPOSITION_##d1},                               \
         {ORDO_RESULT_##c2, ORDO_STATE_##s2, ORDO_DISPOSITION_##d2}},                              \
    .want_count = 2
#define WANT_ANY_STATE(c) .want = {{ORDO_RESULT_##c, SALE_ANY, 0}}, .want_count = 1

#define CREATE_AS(how, state)                                                                      \
    {                                                                                              \
        .act = SALE_ACT_CREATE, .flags = how, WANT(OK, state, NONE)                                \
    }
#define CREATE CREATE_AS(0, PENDING)
#define PAY_AS(how, sum, d, s)                                                                     \
    {                                                                                              \
        SALE_ACT_FACT, sum, 0, ORDO_FACT_PAY, 'a', how, WANT(OK, s, d)                             \
    }
#define PAY(d, s) PAY_AS(0, SALE_ALL, d, s)
#define PAY_OTHER(d, s)                                                                            \
    {                                                                                              \
        SALE_ACT_FACT, SALE_ALL, 0, ORDO_FACT_PAY, 'b', 0, WANT(OK, s, d)                          \
    }
#define TELL(kind, refunded, d, s)                                                                 \
    {                                                                                              \
        SALE_ACT_FACT, SALE_ALL, refunded, ORDO_FACT_##kind, 'a', SALE_AGAIN, WANT(OK, s, d)       \
    }
#define DO(name, state)                                                                            \
    {                                                                                              \
        .act = SALE_ACT_##name, WANT(OK, state, NONE)                                              \
    }
#define REFUND_AS(how, sum, state)                                                                 \
    {                                                                                              \
        .act = SALE_ACT_REFUND, .amount = sum, .flags = how, WANT(OK, state, NONE)                 \
    }
#define ACK DO(ACK, COMPLETED)
#define RESTOCK                                                                                    \
    {                                                                                              \
        .act = SALE_ACT_IMPORT, WANT_ANY_STATE(OK)                                                 \
    }
#define AWAIT(s)                                                                                   \
    {                                                                                              \
        .act = SALE_ACT_AWAIT, WANT(OK, s, NONE)                                                   \
    }
#define STEP(name)                                                                                 \
    {                                                                                              \
        .act = SALE_ACT_##name                                                                     \
    }

#define END(s, ...)                                                                                \
    {                                                                                              \
        ORDO_STATE_##s, __VA_ARGS__                                                                \
    }
#define END_AT(s)                                                                                  \
    {                                                                                              \
        .state = ORDO_STATE_##s                                                                    \
    }
#define SOLD END(COMPLETED, .paid = SALE_ALL)

/* ---- money ---- */

static const struct sale_act short_acts[] = {CREATE, PAY_AS(0, SALE_LESS, SHORT, PENDING)};
static const struct sale_act accepted_acts[] = {
    CREATE, PAY_AS(0, SALE_LESS, SHORT, PENDING), DO(ACCEPT, ISSUING), ACK};
static const struct sale_act over_acts[] = {
    CREATE, PAY_AS(0, SALE_MORE, OVER_APPLIED, ISSUING), ACK};
static const struct sale_act extra_acts[] = {
    CREATE, PAY(APPLIED, ISSUING), PAY_OTHER(EXTRA_REFUND_DUE, ISSUING), ACK};
static const struct sale_act orphan_acts[] = {PAY(ORPHAN, NONE), CREATE_AS(0, ISSUING), ACK};
static const struct sale_act stray_acts[] = {PAY(ORPHAN, NONE)};
static const struct sale_act conflict_acts[] = {
    CREATE,
    PAY(APPLIED, ISSUING),
    PAY_AS(0, SALE_LESS, CONFLICT, ISSUING),
    PAY_AS(SALE_NAMES_OTHER, SALE_ALL, CONFLICT, NONE),
    ACK};
static const struct sale_act echo_acts[] = {
    CREATE,
    PAY(APPLIED, ISSUING),
    ACK,
    TELL(PAY, SALE_HALF, REFUND_ECHO, COMPLETED),
    TELL(REFUND, SALE_HALF, DUPLICATE, COMPLETED)};
static const struct sale_act partial_acts[] = {
    CREATE,
    PAY(APPLIED, ISSUING),
    ACK,
    REFUND_AS(0, SALE_HALF, COMPLETED),
    TELL(REFUND, SALE_HALF, REFUND_ECHO, COMPLETED)};
static const struct sale_act refund_acts[] = {
    CREATE,
    PAY(APPLIED, ISSUING),
    ACK,
    REFUND_AS(0, 0, REFUNDING),
    TELL(REFUND, SALE_ALL, REFUND_ECHO, REFUNDED),
    TELL(PAY, 0, DUPLICATE, REFUNDED)};
static const struct sale_act chargeback_acts[] = {
    CREATE, PAY(APPLIED, ISSUING), ACK, TELL(CHARGEBACK, 0, APPLIED, COMPLETED)};
static const struct sale_act cancelled_acts[] = {
    CREATE, DO(CANCEL, CANCELLED), PAY(LATE_REFUND_DUE, REFUNDING)};
static const struct sale_act manual_acts[] = {
    CREATE,
    DO(MARK_PAID, ISSUING),
    ACK,
    PAY(BOUND_MANUAL, COMPLETED),
    TELL(PAY, 0, DUPLICATE, COMPLETED)};
static const struct sale_act unconfirmed_acts[] = {
    CREATE,
    {SALE_ACT_FACT,
     SALE_ALL,
     0,
     ORDO_FACT_PAY,
     'a',
     0,
     WANT_TWO(FACT_UNCONFIRMED, PAYING, NONE, FACT_UNCONFIRMED, PENDING, NONE)},
    PAY_AS(SALE_QUERIED, SALE_ALL, APPLIED, ISSUING),
    ACK};

/* ---- operators, chains, time ---- */

static const struct sale_act frozen_acts[] = {
    CREATE, DO(FREEZE, PENDING), PAY(APPLIED, PAID), DO(UNFREEZE, ISSUING), ACK};
static const struct sale_act replaced_acts[] = {
    CREATE, PAY(APPLIED, ISSUING), STEP(LOOK), DO(REPLACE, ISSUING), ACK};
static const struct sale_act chained_acts[] = {
    {.act = SALE_ACT_CHAIN, .flags = SALE_BAD, WANT_ANY_STATE(PRODUCT_UNKNOWN)},
    {.act = SALE_ACT_CHAIN, WANT_ANY_STATE(OK)},
    {.act = SALE_ACT_CANCEL, .flags = SALE_NAMES_OTHER, WANT(OK, CANCELLED, NONE)},
    PAY(APPLIED, ISSUING),
    ACK};
static const struct sale_act again_acts[] = {
    CREATE, DO(ATTEMPT, PAYING), DO(ATTEMPT, PAYING), PAY(APPLIED, ISSUING), ACK};
static const struct sale_act extended_acts[] = {
    CREATE, DO(EXTEND, PENDING), PAY(APPLIED, ISSUING), ACK};
static const struct sale_act released_acts[] = {
    DO(RELEASE, CANCELLED), {.act = SALE_ACT_CREATE, WANT(STATE_CANCELLED, CANCELLED, NONE)}};
static const struct sale_act race_acts[] = {
    CREATE_AS(SALE_SHORT_TTL, PENDING),
    STEP(NAP),
    {SALE_ACT_FACT,
     SALE_ALL,
     0,
     ORDO_FACT_PAY,
     'a',
     0,
     WANT_TWO(OK, ISSUING, APPLIED, OK, ISSUING, LATE_APPLIED)},
    ACK};

/* ---- stock ---- */

static const struct sale_act strict_acts[] = {
    CREATE_AS(SALE_SHORT_TTL, PENDING),
    STEP(PAUSE),
    AWAIT(EXPIRED),
    PAY(LATE_REFUND_DUE, REFUNDING),
    REFUND_AS(SALE_DONE, 0, REFUNDED)};
static const struct sale_act backorder_acts[] = {
    CREATE,
    STEP(BARRIER),
    {SALE_ACT_FACT,
     SALE_ALL,
     0,
     ORDO_FACT_PAY,
     'a',
     0,
     WANT_TWO(OK, ISSUING, APPLIED, OK, BACKORDER, APPLIED)},
    RESTOCK,
    AWAIT(ISSUING),
    ACK};
static const struct sale_act late_backorder_acts[] = {
    CREATE_AS(SALE_SHORT_TTL, PENDING),
    STEP(BARRIER),
    STEP(PAUSE),
    AWAIT(EXPIRED),
    CREATE_AS(SALE_NAMES_OTHER, PENDING),
    PAY_AS(SALE_NAMES_OTHER, SALE_ALL, APPLIED, ISSUING),
    STEP(BARRIER),
    {SALE_ACT_FACT,
     SALE_ALL,
     0,
     ORDO_FACT_PAY,
     'b',
     0,
     WANT_TWO(OK, ISSUING, LATE_APPLIED, OK, BACKORDER, LATE_BACKORDER)},
    RESTOCK,
    AWAIT(ISSUING),
    ACK};
static const struct sale_act waiting_acts[] = {
    {.act = SALE_ACT_CREATE, .flags = SALE_WAITS, WANT_TWO(OK, NONE, NONE, OK, PENDING, NONE)},
    RESTOCK,
    AWAIT(PENDING),
    PAY(APPLIED, ISSUING),
    ACK};
static const struct sale_act hoarder_acts[] = {
    {.act = SALE_ACT_CREATE, .flags = SALE_LIMITED, WANT(OK, PENDING, NONE)}};
static const struct sale_act plain_acts[] = {CREATE, PAY(APPLIED, ISSUING), ACK};
static const struct sale_act by_hand_acts[] = {CREATE, PAY(APPLIED, PAID), DO(ISSUE, ISSUING), ACK};
static const struct sale_act free_acts[] = {CREATE_AS(0, ISSUING), ACK};

/* ---- coupons: the next act is for who comes too late for one ---- */

#define CREATE_WITH_COUPON(more)                                                                   \
    {                                                                                              \
        .act = SALE_ACT_CREATE, .flags = SALE_COUPON | SALE_ELSE_NEXT | (more),                    \
        WANT_TWO(OK, PENDING, NONE, COUPON_SPENT, NONE, NONE)                                      \
    }

static const struct sale_act coupon_acts[] = {
    CREATE_WITH_COUPON(0), CREATE, PAY(APPLIED, ISSUING), ACK};
static const struct sale_act coupon_back_acts[] = {
    CREATE_WITH_COUPON(0), CREATE, DO(CANCEL, CANCELLED)};
static const struct sale_act coupon_late_acts[] = {
    CREATE_WITH_COUPON(SALE_SHORT_TTL),
    CREATE_AS(SALE_SHORT_TTL, PENDING),
    STEP(PAUSE),
    AWAIT(EXPIRED),
    PAY(LATE_APPLIED, ISSUING),
    ACK};

#define ACTS(name) name##_acts, sizeof(name##_acts) / sizeof(name##_acts[0])
#define REVIEW     .flags = ORDO_FLAG_REVIEW

static const struct sale_case cases[] = {
    {"short",
     "Payments that are too small",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(short),
     END(PENDING, REVIEW, .review = SALE_LESS)},
    {"accepted",
     "Payments that are too small and that an operator accepts",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(accepted),
     END(COMPLETED, .paid = SALE_LESS)},
    {"over",
     "Payments that are too large",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(over),
     END(COMPLETED, .paid = SALE_ALL, .refund_due = SALE_SURPLUS)},
    {"extra",
     "Orders that are paid twice",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(extra),
     END(COMPLETED, .paid = SALE_ALL, .refund_due = SALE_ALL)},
    {"orphan",
     "Payments that come before their order",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(orphan),
     SOLD},
    {"stray",
     "Payments whose order never comes",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(stray),
     END_AT(NONE)},
    {"conflict",
     "Payments told again with another amount and for another order",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(conflict),
     END(COMPLETED, REVIEW, .paid = SALE_ALL)},
    {"refund-echo",
     "Payments told again with a part refunded at the gateway",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(echo),
     END(COMPLETED, .paid = SALE_REST, .refunded = SALE_HALF)},
    {"partial-refund",
     "Orders of which an operator gives back a half",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(partial),
     END(COMPLETED, .paid = SALE_REST, .refunded = SALE_HALF)},
    {"refund",
     "Orders that are refunded whole, and told as paid once more",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(refund),
     END(REFUNDED, .refunded = SALE_ALL)},
    {"chargeback",
     "Payments that the buyer's bank takes back",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(chargeback),
     END(COMPLETED, .flags = ORDO_FLAG_REVIEW | ORDO_FLAG_FROZEN, .review = SALE_ALL)},
    {"cancelled",
     "Orders that are cancelled and paid after",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(cancelled),
     END(REFUNDING, .refund_due = SALE_ALL)},
    {"mark-paid",
     "Orders that an operator marks as paid before the payment is told",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(manual),
     SOLD},
    {"unconfirmed",
     "Payments of a channel that only a query confirms",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(unconfirmed),
     SOLD},
    {"frozen",
     "Orders that are frozen while they are paid",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(frozen),
     SOLD},
    {"replaced",
     "Orders whose first card is bad",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(replaced),
     SOLD},
    {"chained",
     "Orders of a chain, after a chain that fails",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(chained),
     SOLD},
    {"attempt-again",
     "Orders whose payment attempt is opened twice",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(again),
     SOLD},
    {"extended",
     "Orders whose hold is made longer",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(extended),
     SOLD},
    {"released",
     "Orders that are released before they come",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(released),
     END_AT(CANCELLED)},
    {"race",
     "Payments at the very end of their hold",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(race),
     SOLD},
    {"late-refund",
     "Late payments of a product that never honours one",
     SALE_GOODS_STRICT,
     SALE_CARDS_EACH,
     ACTS(strict),
     END(REFUNDED, .refunded = SALE_ALL)},
    {"backorder",
     "Payments for more than there is, then stock comes",
     SALE_GOODS_AT_PAY,
     SALE_CARDS_EACH,
     ACTS(backorder),
     SOLD},
    {"late-backorder",
     "Late payments whose units went to others, then stock comes",
     SALE_GOODS_LATE,
     SALE_CARDS_EACH,
     ACTS(late_backorder),
     SOLD},
    {"waiting",
     "Orders that wait for a unit before they are paid",
     SALE_GOODS_WAIT,
     SALE_CARDS_EACH,
     ACTS(waiting),
     SOLD},
    {"hoarders",
     "Orders that are never paid, half of them of four buyers",
     SALE_GOODS_SHARE,
     SALE_CARDS_EACH,
     ACTS(hoarder),
     END_AT(PENDING)},
    {"coupon",
     "Orders with a coupon that half of them can have",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(coupon),
     SOLD},
    {"coupon-back",
     "The same, cancelled: the coupon comes back",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(coupon_back),
     END_AT(CANCELLED)},
    {"coupon-late",
     "The same, expired and paid late: the coupon is used again",
     SALE_GOODS_CARDS,
     SALE_CARDS_EACH,
     ACTS(coupon_late),
     SOLD},
    {"loop",
     "Orders of a card that is sold again and again",
     SALE_GOODS_LOOP,
     SALE_CARDS_ONE,
     ACTS(plain),
     SOLD},
    {"counted",
     "Orders of goods that are only counted",
     SALE_GOODS_COUNTED,
     SALE_CARDS_NONE,
     ACTS(plain),
     SOLD},
    {"unlimited",
     "Orders of goods without a number",
     SALE_GOODS_UNLIMITED,
     SALE_CARDS_NONE,
     ACTS(plain),
     SOLD},
    {"manual",
     "Orders of goods that a person issues",
     SALE_GOODS_MANUAL,
     SALE_CARDS_EACH,
     ACTS(by_hand),
     SOLD},
    {"free",
     "Orders that cost nothing",
     SALE_GOODS_FREE,
     SALE_CARDS_NONE,
     ACTS(free),
     END_AT(COMPLETED)},
};

_Static_assert(sizeof(cases) / sizeof(cases[0]) <= SALE_CASES_MAX, "room for every case");

const struct sale_case *sale_case_at(uint32_t index)
{
    return index < sizeof(cases) / sizeof(cases[0]) ? &cases[index] : NULL;
}
