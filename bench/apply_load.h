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
    uint64_t seed;
    uint64_t time_us;
    uint64_t ids;
    uint32_t orders_made;
    uint32_t orders_max;
    uint64_t refused; /* must stay 0 */
    uint64_t updates;
    uint64_t decided;
    const struct ordo_load_hearer *hearer; /* NULL in most benchmarks */
    uint8_t outcome[ORDO_OUTCOME_SIZE_MAX];
};

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
