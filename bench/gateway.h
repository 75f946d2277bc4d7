/* gateway.h - payment gateways as a shop sees them: how long a buyer takes to pay, and when the
 * callbacks about it arrive, with what the network and the shop's own silence do to them.
 *
 * The retry ladders are those that the gateways publish; --ladder-scale makes their seconds
 * shorter, so that a run of seconds sees repetitions of hours. Stripe publishes no steps, so it is
 * not here. Pure; the same numbers for the same state.
 */
#ifndef ORDO_BENCH_GATEWAY_H
#define ORDO_BENCH_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#define ORDO_LADDER_MAX    16
#define ORDO_CALLBACKS_MAX (2 * (ORDO_LADDER_MAX + 1))

struct ordo_gateway {
    const char *name;
    uint32_t share; /* percent of the payments */
    uint32_t steps;
    uint32_t
        ladder_s[ORDO_LADDER_MAX]; /* from one sending to the next, while nobody says success */
};

/* NULL past the last. The channel of a payment is the index + 1. */
const struct ordo_gateway *ordo_gateway_at(uint32_t index);

struct ordo_gateway_rules {
    double ladder_scale;  /* a step of s seconds takes s / scale */
    uint64_t tail_ns;     /* sendings later than this behind the payment are not seen any more */
    uint32_t lost_pct;    /* sendings that never arrive */
    uint32_t unheard_pct; /* arrivals whose "success" the gateway does not hear: it sends again */
    uint32_t twice_pct;   /* arrivals that come again at once, over a second link */
    uint32_t slow_pct;    /* arrivals that take up to 3 s, so that later ones overtake them */
};

struct ordo_callbacks {
    uint32_t gateway; /* index */
    uint32_t count;   /* at least 1: what no sending told, the shop learns by a query at the end */
    uint64_t at_ns[ORDO_CALLBACKS_MAX]; /* behind the payment; not sorted */
};

/* From opening a payment to its end: log-normal, mean 320 ms, 0.6 % above 2 s. */
uint64_t ordo_gateway_latency_ns(uint64_t *state);

void ordo_gateway_callbacks(
    const struct ordo_gateway_rules *rules, uint64_t *state, struct ordo_callbacks *out);

#endif
