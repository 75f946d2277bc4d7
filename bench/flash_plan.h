/* flash_plan.h - a flash sale as a pure function of its shape and a seed: when orders arrive, and
 * what becomes of order i.
 *
 * Arrivals: `base` a second, then within ramp_s up to burst times as many (each moment by the same
 * factor), hold_s there, and base again. Pure.
 */
#ifndef ORDO_BENCH_FLASH_PLAN_H
#define ORDO_BENCH_FLASH_PLAN_H

#include "bench/gateway.h"

#define ORDO_FLASH_PRODUCTS_MAX 64
#define ORDO_FLASH_ORDERS_MAX   4000000u
#define ORDO_FLASH_TTL_S        1u /* hold of an order that is paid late or never */

struct ordo_flash_shape {
    double base; /* creates a second */
    double burst;
    double before_s;
    double ramp_s;
    double hold_s;
    double after_s;
    uint64_t seed;
    uint32_t products;
    struct ordo_gateway_rules gateway;
};

/* Creates a second at t seconds from the begin; 0 behind the end. */
double ordo_flash_rate(const struct ordo_flash_shape *shape, double t);

/* When each order arrives, ns from the begin, rising; at most max are written. Returns how many
 * there are. */
uint32_t
ordo_flash_arrivals(const struct ordo_flash_shape *shape, uint64_t *arrivals_ns, uint32_t max);

enum ordo_flash_fate { ORDO_FLASH_PAID, ORDO_FLASH_LATE, ORDO_FLASH_NEVER };

struct ordo_flash_order {
    enum ordo_flash_fate fate;
    uint32_t product; /* from 1 */
    uint64_t paid_ns; /* behind the answered attempt; late: behind the end of the hold too */
    bool fails_after; /* a failure of an earlier attempt is told behind the success */
    struct ordo_callbacks callbacks; /* behind the payment */
};

void ordo_flash_order_of(
    const struct ordo_flash_shape *shape, uint32_t index, struct ordo_flash_order *out);

#endif
