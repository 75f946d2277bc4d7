/* sale.h - the parts of `ordo sale`: a load that is also an acceptance run.
 *
 *   sale.c         the line, and the order of the phases
 *   sale_plan.c    what happens to order i: a pure function of seed and i
 *   sale_cases.c   the cases beside plain orders, as scripts
 *   sale_presets.c the catalogue of cases, and the options that show each
 *   sale_script.c  a scripted order's life
 *   sale_build.c   the commands of scripts
 *   sale_setup.c   products and sealed cards, before the load
 *   sale_run.c     the open loop: queues, batches, connections
 *   sale_step.c    one order's life: which command is next, and what its answer must be
 *   sale_final.c   every order looked at once more at the end; cards given out once
 *   sale_acks.c    the log of acknowledged commands, and its verification
 *   sale_report.c  progress line and report
 *
 * Inside of the verb only; one thread.
 */
#ifndef ORDO_TOOLS_SALE_H
#define ORDO_TOOLS_SALE_H

#include "base/clock.h"
#include "base/histogram.h"
#include "online.h"
#include "order/result.h"

#include <stdio.h>

#define SALE_ORDERS_MAX      20000000
#define SALE_PRODUCTS_MAX    64
#define SALE_BATCH_MAX       256
#define SALE_PAYS_MAX        3    /* payment facts of one order: the first and its repetitions */
#define SALE_IN_FLIGHT_MAX   1024 /* requests of one connection */
#define SALE_SHORT_TTL_S     1    /* hold of orders that are paid late or never */
#define SALE_LATE_NS         (2500 * ORDO_NS_PER_MS) /* a late payment follows its create */
#define SALE_CODES_MAX       1000
#define SALE_CASES_MAX       48
#define SALE_BARRIERS_MAX    2
#define SALE_POLL_NS         (100 * ORDO_NS_PER_MS)
#define SALE_POLLS_MAX       600 /* a minute */
#define SALE_NAP_POLLS       10  /* about SALE_SHORT_TTL_S */
#define SALE_ANY             255 /* any state */
#define SALE_BYTES           8192
#define SALE_DISCOUNT        100 /* minor units, by the sale's coupon */
#define SALE_CHANNEL_QUERIED 77  /* a channel whose payments only a query confirms */
#define SALE_HOARDER_CAP     10  /* units */
#define SALE_CARD_NUMBER_MAX                                                                       \
    (1u << 28) /* card numbers that are checked for being given out twice */

struct sale_options {
    uint64_t orders;
    uint64_t rate; /* commands a second; 0 = as fast as answers come */
    uint64_t buyers;
    uint64_t products;
    uint64_t product_first;
    uint64_t quantity_max;
    uint64_t stock; /* units of each product; 0 = as many as are asked for */
    uint64_t duplicates_pct;
    uint64_t late_pct;
    uint64_t never_paid_pct;
    uint64_t fail_first_pct;
    uint64_t out_of_order_pct;
    uint64_t seed;
    uint64_t connections;
    uint64_t in_flight;
    uint64_t batch;
    uint64_t patience_ms;
    uint64_t quota; /* units a hoarder may hold; 0 = the node's setting stays */
    uint64_t case_pct[SALE_CASES_MAX];
    uint64_t cases_pct; /* their sum */
    const char *ack_log;
    const char *verify;
    bool list_cases;
};

/* ---- cases ---- */

enum sale_goods {
    SALE_GOODS_SALE,      /* what the plain orders buy */
    SALE_GOODS_CARDS,     /* enough of it */
    SALE_GOODS_AT_PAY,    /* held by the payment; enough for one order */
    SALE_GOODS_LATE,      /* late payments wait for stock */
    SALE_GOODS_STRICT,    /* late payments are never honoured */
    SALE_GOODS_WAIT,      /* none there */
    SALE_GOODS_SHARE,     /* a half of it may be held unpaid, and 10 units by one buyer */
    SALE_GOODS_LOOP,      /* one card for everybody */
    SALE_GOODS_COUNTED,   /* a number */
    SALE_GOODS_UNLIMITED, /* no number */
    SALE_GOODS_MANUAL,    /* a person issues */
    SALE_GOODS_FREE,      /* costs nothing */
    SALE_GOODS_COUNT
};

enum sale_act_kind {
    SALE_ACT_CREATE,
    SALE_ACT_ATTEMPT,
    SALE_ACT_FACT,
    SALE_ACT_ACK,
    SALE_ACT_CANCEL,
    SALE_ACT_RELEASE,
    SALE_ACT_EXTEND,
    SALE_ACT_ISSUE,
    SALE_ACT_MARK_PAID,
    SALE_ACT_ACCEPT,
    SALE_ACT_REFUND,
    SALE_ACT_FREEZE,
    SALE_ACT_UNFREEZE,
    SALE_ACT_REPLACE, /* the card that LOOK has seen */
    SALE_ACT_CHAIN,   /* the order and its companion */
    SALE_ACT_IMPORT,  /* as many units as the order has */
    SALE_ACT_LOOK,    /* keeps the order's first card */
    SALE_ACT_AWAIT,   /* asks until the order has the wanted state */
    SALE_ACT_NAP,     /* asks SALE_NAP_POLLS times */
    SALE_ACT_PAUSE,   /* until a short hold is over */
    SALE_ACT_BARRIER, /* until every order of the case has come here */
};

enum sale_act_flag {
    SALE_SHORT_TTL = 1,
    SALE_WAITS = 2,       /* create: waits for units */
    SALE_COUPON = 4,      /* create: with the sale's coupon */
    SALE_NAMES_OTHER = 8, /* about the companion, an order beside this one */
    SALE_QUERIED = 16,    /* fact: a query's answer */
    SALE_AGAIN = 32,      /* fact: of another time */
    SALE_ELSE_NEXT = 64,  /* the next act is for the second wanted result, and left out else */
    SALE_LIMITED = 128,   /* may be refused by a quota, a cap or a share: then the order ends */
    SALE_DONE = 256,      /* refund: was given back */
    SALE_BAD = 512,       /* chain: with a member that must be refused */
};

enum sale_sum {
    SALE_NOTHING,
    SALE_ALL, /* the order's amount */
    SALE_LESS,
    SALE_MORE,
    SALE_SURPLUS, /* MORE - ALL */
    SALE_HALF,
    SALE_REST, /* ALL - HALF */
};

struct sale_want {
    uint16_t code;
    uint8_t state; /* SALE_ANY = whatever */
    uint8_t disposition;
};

struct sale_act {
    enum sale_act_kind act;
    enum sale_sum amount;
    enum sale_sum refund; /* fact: refunded in all */
    uint8_t fact;
    char trade; /* which payment of the order */
    uint32_t flags;
    struct sale_want want[2];
    uint32_t want_count;
};

struct sale_end {   /* where the order stands in the end */
    uint8_t state;  /* NONE = nobody knows it */
    uint32_t flags; /* of FROZEN and REVIEW */
    enum sale_sum paid;
    enum sale_sum refund_due;
    enum sale_sum refunded;
    enum sale_sum review;
};

enum sale_cards { SALE_CARDS_EACH, SALE_CARDS_ONE, SALE_CARDS_NONE };

struct sale_case {
    const char *name; /* of its option: percent of the orders */
    const char *text;
    enum sale_goods goods;
    enum sale_cards cards; /* of a delivered order */
    const struct sale_act *acts;
    uint32_t act_count;
    struct sale_end end;
};

struct sale_preset {
    const char *name;    /* of the catalogue of cases */
    const char *options; /* "extra=30,..."; NULL when no load shows it */
    const char *text;
};

/* NULL past the last. Pure. */
const struct sale_case *sale_case_at(uint32_t index);
const struct sale_preset *sale_preset_at(uint32_t index);
const struct sale_preset *sale_preset_named(const char *name);

/* ---- the plan ---- */

enum sale_fate { SALE_PAID, SALE_LATE, SALE_NEVER };

struct sale_plan {
    enum sale_fate fate;
    const struct sale_case *scripted; /* NULL = a plain order, by the members below */
    uint32_t case_index;
    uint32_t product; /* index; those of the cases' goods follow the sale's own */
    uint32_t quantity;
    uint64_t buyer;
    uint32_t pays; /* payment facts sent, all for the same payment: 1..SALE_PAYS_MAX */
    bool attempts;
    bool fail_first;
    bool fail_after; /* out of order: the failure of an earlier attempt comes after the success */
};

/* Pure. */
struct sale_plan sale_plan_of(const struct sale_options *options, uint64_t index);
int64_t sale_price_of(const struct sale_options *options, uint32_t product);
uint32_t sale_goods_product(const struct sale_options *options, enum sale_goods goods);

/* Commands that the plan sends, repetitions included. */
uint32_t sale_plan_commands(const struct sale_plan *plan);

/* ---- an order's life ---- */

enum sale_step {
    SALE_STEP_CREATE,
    SALE_STEP_ATTEMPT,
    SALE_STEP_FAIL,
    SALE_STEP_PAY,         /* the first fact */
    SALE_STEP_PAY_AGAIN,   /* the same bytes again: must have the same result */
    SALE_STEP_PAY_CHANGED, /* the same payment in a fact of another time: DUPLICATE or it was first
                            */
    SALE_STEP_FAIL_AFTER,
    SALE_STEP_ACK,
    SALE_STEP_CASE, /* of the latencies: whatever a script sends */
    SALE_STEP_COUNT,
};

struct sale_order {
    uint64_t pay_bytes;  /* hash of the result of the first answered PAY or PAY_AGAIN; 0 = none */
    uint8_t open;        /* commands in flight or queued */
    uint8_t applied;     /* payment facts that were applied, in whatever way; exact repeats aside */
    uint8_t disposition; /* of the one that was applied */
    bool created;
    bool refused;
    bool acked;
    bool unknown;     /* a command of it has no known end */
    bool discounted;  /* it has the sale's coupon */
    uint8_t at;       /* scripted: the act that is next or on its way */
    uint8_t barriers; /* scripted: how many it has come to */
    uint16_t polls;
    uint32_t card; /* what LOOK has seen */
};

struct sale_entry { /* one command to be sent */
    uint32_t order;
    uint32_t step; /* enum sale_step, or the act of a script */
    uint64_t intended_ns;
};

struct sale_queue { /* a ring that grows */
    struct sale_entry *entries;
    uint64_t room; /* a power of two */
    uint64_t head;
    uint64_t tail;
};

struct sale_batch { /* of one request in flight */
    struct sale_batch *next_free;
    uint32_t count;
    struct sale_entry entries[SALE_BATCH_MAX];
};

struct sale_counts {
    uint64_t commands;
    uint64_t results[SALE_CODES_MAX];
    uint64_t dispositions[ORDO_DISPOSITION_COUNT];
    uint64_t states[ORDO_STATE_COUNT]; /* of the final look */
    uint64_t finished;                 /* orders whose life is over */
    uint64_t refused;
    uint64_t unknown;
    uint64_t wrong;
    uint64_t coupons; /* orders that stand with a coupon in the end */
    uint64_t cards_issued;
    uint64_t cards_opened;
    uint64_t acked;
    char wrong_first[256];
};

struct sale_case_run {
    uint64_t orders; /* planned */
    uint64_t units;
    uint64_t wrong;
    uint64_t arrived[SALE_BARRIERS_MAX];
    struct sale_queue parked[SALE_BARRIERS_MAX];
};

struct sale {
    struct ordo_online online; /* first: the child's input */
    struct sale_options options;
    struct ordo_clock clock;
    struct ordo_key key;
    struct ordo_client *clients[ORDO_CLIENTS_MAX];
    uint8_t run[8]; /* random: order numbers and secrets of two runs never meet */
    char run_text[17];
    FILE *acks;

    struct sale_order *orders;
    struct sale_queue ready;
    struct sale_queue later; /* by due time: late payments wait equally long */
    struct sale_queue polls; /* likewise: who asks again */
    struct sale_case_run cases[SALE_CASES_MAX];
    char coupon[ORDO_COUPON_MAX + 1];
    struct sale_batch *batches;
    struct sale_batch *free_batches;
    bool gone;         /* commands have ended unknown and nobody listens any more */
    uint64_t released; /* orders that have begun */
    uint64_t planned_commands;

    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t progress_ns;
    uint64_t progress_commands;
    struct sale_counts counts;
    struct ordo_histogram latency[SALE_STEP_COUNT];
    struct ordo_histogram latency_all;
};

/* Counts something that must not be and keeps the first in words. */
void sale_wrong(struct sale *sale, const char *format, ...) ORDO_PRINTF(2, 3);

/* "S<run>-<index>". */
struct ordo_bytes
sale_order_id(const struct sale *sale, uint64_t index, char out[ORDO_ORDER_ID_MAX + 1]);

/* ---- phases; each returns an exit code with its error printed ---- */

int sale_open(struct sale *sale); /* memory and connections */
int sale_setup(struct sale *sale);
int sale_run(struct sale *sale);
int sale_final(struct sale *sale);

/* Accepts what a failed open has left. */
void sale_close(struct sale *sale);

/* ---- steps ---- */

struct sale_texts { /* memory behind the texts of a built command */
    char order_id[ORDO_ORDER_ID_MAX + 1];
    char trade_no[ORDO_TRADE_NO_MAX + 1];
    uint8_t buyer[ORDO_ID_SIZE];
    uint8_t second_key[ORDO_ID_SIZE];
    uint8_t bytes[SALE_BYTES]; /* sealed cards, members of a chain */
};

void sale_build(
    const struct sale *sale,
    const struct sale_entry *entry,
    struct ordo_command *command,
    struct sale_texts *texts);

/* Checks the answer and queues what follows. */
void sale_on_answer(
    struct sale *sale,
    const struct sale_entry *entry,
    const struct ordo_answer *answer,
    uint64_t now_ns);

/* A command is leaving. The first payment fact of a plain order: queues its repetitions, which do
 * not wait for its answer. */
void sale_sent(struct sale *sale, const struct sale_entry *entry, uint64_t now_ns);

/* Queues the first command of an order. */
void sale_begin(struct sale *sale, uint64_t index, uint64_t intended_ns);

/* Makes a command ready to be sent; an order is finished. */
void sale_put(struct sale *sale, uint64_t index, uint32_t step, uint64_t intended_ns);
void sale_finish(struct sale *sale, uint64_t index);

/* ---- scripted orders ---- */

int64_t
sale_sum(const struct sale *sale, const struct sale_plan *plan, uint64_t index, enum sale_sum sum);
void sale_script_build(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    struct ordo_command *command,
    struct sale_texts *texts);
void sale_script_begin(
    struct sale *sale, const struct sale_plan *plan, uint64_t index, uint64_t intended_ns);

/* Checks the answer and goes on. */
void sale_script_answer(
    struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct ordo_answer *answer,
    uint64_t now_ns);

/* It will come to no barrier any more: nobody shall wait for it. */
void sale_script_end(struct sale *sale, const struct sale_plan *plan, uint64_t index);

/* One secret of this run, sealed, behind its length. False: not sealed. */
bool sale_seal(const struct sale *sale, uint32_t product, uint64_t number, struct ordo_writer *out);

/* ---- queues (sale_run.c) ---- */

bool sale_queue_put(struct sale_queue *queue, const struct sale_entry *entry);

static inline uint64_t sale_queue_count(const struct sale_queue *queue)
{
    return queue->tail - queue->head;
}

/* ---- acknowledged commands ---- */

/* Appends one line for a decided command: canonical bytes and result bytes in hex. */
void sale_ack_write(
    struct sale *sale, struct ordo_command *command, const struct ordo_answer *answer);

/* Makes what was written visible to who survives this process; a failure ends the sale. */
bool sale_ack_flush(struct sale *sale);

/* `ordo sale --verify FILE`. */
int sale_verify(struct sale *sale);

/* ---- report ---- */

void sale_progress(struct sale *sale, uint64_t now_ns, bool last);
int sale_report(struct sale *sale);

/* `ordo sale --cases`. */
int sale_list_cases(const struct sale *sale);

#endif
