/* apply_load.h - the load of `ordo bench apply`: many live orders, each somewhere in its life, the
 * next command always for one picked at random.
 *
 * Commands are made in blocks outside of the measured time. Everything is a function of the seed.
 */
#ifndef ORDO_BENCH_APPLY_LOAD_H
#define ORDO_BENCH_APPLY_LOAD_H

#include "order/state.h"

#define ORDO_LOAD_BLOCK        8192u /* commands made at a time: their bytes fit the cache */
#define ORDO_LOAD_COMMAND_SIZE 160u  /* bytes set aside for one */

/* Hears of each decision, in order; all bytes live until it returns. */
struct ordo_load_hearer {
    void (*hear)(
        void *context,
        uint64_t time_us,
        struct ordo_bytes command,
        struct ordo_bytes outcome,
        const struct ordo_applied *applied);
    void *context;
};

struct ordo_load {
    struct ordo_state *state;
    uint32_t live;     /* orders alive at any time */
    uint32_t *numbers; /* of each live order's number */
    uint8_t *steps;    /* what each live order has had so far */
    uint8_t *bytes;    /* of the block */
    struct ordo_bytes commands[ORDO_LOAD_BLOCK];
    uint32_t spread; /* percent of the commands of ordo_load_next() that are for any live order */
    uint64_t nexts;  /* how many those were */
    uint64_t seed;
    uint64_t time_us;
    uint64_t ids;
    uint32_t orders_made;
    uint32_t orders_max;
    uint32_t products_made; /* how far the set-up is */
    uint32_t cards_made;
    uint32_t slots_made;
    uint32_t steps_left; /* of the live order that is being set up */
    uint64_t refused;    /* must stay 0 */
    uint64_t updates;
    uint64_t decided;
    const struct ordo_load_hearer *hearer; /* NULL in most benchmarks */
    uint8_t outcome[ORDO_OUTCOME_SIZE_MAX];
};

/* The texts of a command; it points into them. */
struct ordo_load_words {
    char order_id[20];
    char trade_no[28];
    uint8_t buyer[ORDO_ID_SIZE];
};

/* For who decides the commands elsewhere: memory and counters, no state. Then the set-up, one
 * command a call (the stock, and `live` orders spread over all steps) until it is false, and then
 * the load, one command a call, without end; what a command points to is good until the next call.
 * Orders that were made at the same time go on at the same time, but for load->spread percent of
 * the commands (100 at first). The state needs ordo_load_settings(). */
enum ordo_err ordo_load_begin(
    struct ordo_load *load, struct ordo_arena *arena, uint32_t live, uint32_t orders_max)
    ORDO_MUST_USE;
bool ordo_load_set_up(
    struct ordo_load *load,
    struct ordo_load_words *words,
    struct ordo_command *command) ORDO_MUST_USE;
void ordo_load_next(
    struct ordo_load *load, struct ordo_load_words *words, struct ordo_command *command);

/* Memory from the arena, the stock, and `live` orders spread over all steps. Starter thread. */
enum ordo_err ordo_load_open(
    struct ordo_load *load,
    struct ordo_arena *arena,
    uint32_t live,
    uint32_t orders_max,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The same, told to `hearer`, which outlives the load, from the genesis on: what it hears is a
 * whole journal. */
enum ordo_err ordo_load_open_heard(
    struct ordo_load *load,
    struct ordo_arena *arena,
    uint32_t live,
    uint32_t orders_max,
    const struct ordo_load_hearer *hearer,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The capacities for so many orders that live four commands each. */
struct ordo_settings_values ordo_load_settings(uint32_t orders_max);

/* Brings every live order to its end. */
void ordo_load_complete(struct ordo_load *load);

/* Makes the next block. False when the next block could need more orders than there is room for. */
bool ordo_load_make(struct ordo_load *load) ORDO_MUST_USE;

/* Applies the block; this is what is measured. */
void ordo_load_apply(struct ordo_load *load);

/* The limit: a table of `live` 64-byte orders and an index of keys, prefetched lookup and update of
 * one order at random, 32 at a time. `sink` keeps the compiler honest. */
struct ordo_bare {
    uint64_t *index; /* key << 32 | row */
    uint64_t *rows;  /* eight words each */
    uint32_t slots;  /* a power of two */
    uint32_t live;
    uint64_t seed;
    uint64_t sink;
};
enum ordo_err
ordo_bare_open(struct ordo_bare *bare, struct ordo_arena *arena, uint32_t live) ORDO_MUST_USE;
void ordo_bare_run(struct ordo_bare *bare, uint32_t count);

#endif
