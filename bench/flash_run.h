/* flash_run.h - one flash sale against a node: the load in an open loop, what each answer must be,
 * and the last look.
 *
 *   flash_run.c    events and requests: what is due is sent, whatever the node does
 *   flash_order.c  an order's life: create, attempt, callbacks, delivery
 *   flash_check.c  products and cards before; every order, card and unit after
 *
 * Creates and attempts go over one connection, payment facts and deliveries over another, as a
 * shop's front and its callback handler do. BUSY is asked again by libordo; a latency ends with the
 * answer that decided. One thread; blocks.
 */
#ifndef ORDO_BENCH_FLASH_RUN_H
#define ORDO_BENCH_FLASH_RUN_H

#include "bench/flash_plan.h"
#include "bench/timeline.h"

#include "base/clock.h"
#include "base/histogram.h"
#include "client/client.h"
#include "order/result.h"

#include <stdio.h>

#define ORDO_FLASH_BATCH_MAX 256u
#define ORDO_FLASH_CLIENTS   2u
#define ORDO_FLASH_SHOP      1u
#define ORDO_FLASH_PRICE     990
#define ORDO_FLASH_CURRENCY  156u

struct ordo_flash_config {
    const char *url;
    struct ordo_flash_shape shape;
    uint32_t stock_pct; /* cards, in percent of the orders that will come */
    uint32_t batch;     /* commands of a request, at most */
};

enum ordo_flash_kind {
    ORDO_FLASH_CREATE,
    ORDO_FLASH_ATTEMPT,
    ORDO_FLASH_PAY,
    ORDO_FLASH_FAIL,
    ORDO_FLASH_ACK
};

struct ordo_flash_event {
    uint64_t due_ns;
    uint32_t order;
    uint32_t kind; /* enum ordo_flash_kind */
};

struct ordo_flash_life { /* what is known of an order */
    uint64_t pay_bytes;  /* hash of the first answered payment; 0 = none yet */
    bool created;
    bool refused; /* nothing was left */
    bool acked;
    bool unknown; /* a command of it has no end */
    uint8_t disposition;
};

struct ordo_flash_counts {
    uint64_t created;
    uint64_t refused;
    uint64_t facts;   /* answered */
    uint64_t repeats; /* of those: the same payment again */
    uint64_t dispositions[ORDO_DISPOSITION_COUNT];
    uint64_t unknown;
    uint64_t busy;
    uint64_t cards;   /* put on sale */
    uint64_t sold;    /* units with a paid order */
    uint64_t reasons; /* paid orders without a key: they wait for stock, or money is due back */
    uint64_t expired;
    uint64_t wrong;
    char wrong_first[256];
};

struct ordo_flash_heap {
    struct ordo_flash_event *events;
    uint32_t count;
    uint32_t room;
};

struct ordo_flash_queue { /* a ring that grows */
    struct ordo_flash_event *events;
    uint32_t room; /* a power of two, or 0 */
    uint32_t head;
    uint32_t tail;
};

struct ordo_flash_batch {
    struct ordo_flash_batch *next_free;
    uint32_t count;
    struct ordo_flash_event events[ORDO_FLASH_BATCH_MAX];
};

struct ordo_flash {
    struct ordo_flash_config config;
    struct ordo_client *clients[ORDO_FLASH_CLIENTS];
    struct ordo_clock clock;
    uint64_t begin_ns;
    uint64_t *arrivals_ns;
    struct ordo_flash_life *lives;
    uint32_t orders;
    uint32_t released; /* orders that have arrived */
    struct ordo_flash_heap heap;
    struct ordo_flash_queue queues[ORDO_FLASH_CLIENTS];
    struct ordo_flash_batch *batches;
    struct ordo_flash_batch *free_batches;
    bool failed; /* no memory, or nothing can be sent */
    struct ordo_timeline timeline;
    struct ordo_histogram *creates; /* ns from when they were due; the caller's */
    struct ordo_histogram *facts;
    struct ordo_flash_counts counts;
};

/* Memory, connections (waits at most wait_ms), products and cards. close is owed after an error
 * too. The histograms are added to. */
enum ordo_err ordo_flash_open(
    struct ordo_flash *flash,
    const struct ordo_flash_config *config,
    uint32_t wait_ms,
    struct ordo_fail *fail) ORDO_MUST_USE;
enum ordo_err ordo_flash_run(struct ordo_flash *flash, struct ordo_fail *fail) ORDO_MUST_USE;

/* Looks at every order once more; what is not as it must be is counted in counts.wrong. */
enum ordo_err ordo_flash_check(struct ordo_flash *flash, struct ordo_fail *fail) ORDO_MUST_USE;
void ordo_flash_close(struct ordo_flash *flash);

/* ---- between its files ---- */

#define ORDO_FLASH_NAME_SIZE 16

struct ordo_flash_texts { /* behind a built command */
    char order_id[ORDO_FLASH_NAME_SIZE];
    char trade_no[ORDO_FLASH_NAME_SIZE];
    uint8_t buyer[ORDO_ID_SIZE];
};

struct ordo_bytes ordo_flash_name(uint32_t order, char text[ORDO_FLASH_NAME_SIZE]);
void ordo_flash_build(
    const struct ordo_flash *flash,
    const struct ordo_flash_event *event,
    struct ordo_command *command,
    struct ordo_flash_texts *texts);
void ordo_flash_answered(
    struct ordo_flash *flash,
    const struct ordo_flash_event *event,
    const struct ordo_answer *answer,
    uint64_t now_ns);
void ordo_flash_put(struct ordo_flash *flash, const struct ordo_flash_event *event);
void ordo_flash_wrong(struct ordo_flash *flash, const char *format, ...) ORDO_PRINTF(2, 3);
enum ordo_err ordo_flash_setup(struct ordo_flash *flash, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
