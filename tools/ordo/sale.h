/* sale.h - the parts of `ordo sale`: a load that is also an acceptance run.
 *
 *   sale.c         the line, and the order of the phases
 *   sale_plan.c    what happens to order i: a pure function of seed and i
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

#define SALE_ORDERS_MAX    20000000
#define SALE_PRODUCTS_MAX  64
#define SALE_BATCH_MAX     256
#define SALE_PAYS_MAX      3    /* payment facts of one order: the first and its repetitions */
#define SALE_IN_FLIGHT_MAX 1024 /* requests of one connection */
#define SALE_SHORT_TTL_S   1    /* hold of orders that are paid late or never */
#define SALE_LATE_NS       (2500 * ORDO_NS_PER_MS) /* a late payment follows its create */
#define SALE_CODES_MAX     1000
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
    const char *ack_log;
    const char *verify;
};

/* ---- the plan ---- */

enum sale_fate { SALE_PAID, SALE_LATE, SALE_NEVER };

struct sale_plan {
    enum sale_fate fate;
    uint32_t product; /* index */
    uint32_t quantity;
    uint64_t buyer;
    uint32_t pays; /* payment facts sent, all for the same payment: 1..SALE_PAYS_MAX */
    bool attempts;
    bool fail_first;
    bool fail_after; /* out of order: the failure of an earlier attempt comes after the success */
};

/* Pure. */
struct sale_plan sale_plan_of(const struct sale_options *options, uint64_t index);
int64_t sale_price_of(uint32_t product);

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
    bool unknown; /* a command of it has no known end */
};

struct sale_entry { /* one command to be sent */
    uint32_t order;
    uint32_t step; /* enum sale_step */
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
    uint64_t cards_issued;
    uint64_t cards_opened;
    uint64_t acked;
    char wrong_first[256];
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

/* The first payment fact of an order is leaving: queues its repetitions, which do not wait for its
 * answer. */
void sale_pay_sent(struct sale *sale, uint64_t index, uint64_t now_ns);

/* Queues the first command of an order. */
void sale_begin(struct sale *sale, uint64_t index, uint64_t intended_ns);

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

#endif
