#include "bench/flash_plan.h"

#include "bench/draw.h"

#include "base/clock.h"

#include <math.h>

#define STEP_S    0.001
#define NEVER_PCT 10u
#define LATE_PCT  3u
#define FAILS_PCT 3u
#define LATE_NS   ((ORDO_FLASH_TTL_S + 1) * ORDO_NS_PER_S)

double ordo_flash_rate(const struct ordo_flash_shape *shape, double t)
{
    double ramp_from = shape->before_s;
    double hold_from = ramp_from + shape->ramp_s;
    double hold_until = hold_from + shape->hold_s;
    if (t < 0 || t >= hold_until + shape->after_s) {
        return 0;
    }
    if (t < ramp_from || t >= hold_until) {
        return shape->base;
    }
    if (t >= hold_from) {
        return shape->base * shape->burst;
    }
    return shape->base * pow(shape->burst, (t - ramp_from) / shape->ramp_s);
}

uint32_t
ordo_flash_arrivals(const struct ordo_flash_shape *shape, uint64_t *arrivals_ns, uint32_t max)
{
    double end = shape->before_s + shape->ramp_s + shape->hold_s + shape->after_s;
    double owed = 0;
    uint32_t count = 0;
    for (uint32_t step = 0; step * STEP_S < end; step++) {
        double t = step * STEP_S;
        double more = ordo_flash_rate(shape, t) * STEP_S;
        double begun = owed;
        owed += more;
        for (; owed >= 1; owed -= 1) {
            double within = (1 - begun) / more; /* when the sum reaches the next whole one */
            begun -= 1;
            if (count < max) {
                arrivals_ns[count] = (uint64_t)((t + within * STEP_S) * 1e9);
            }
            count++;
        }
    }
    return count;
}

void ordo_flash_order_of(
    const struct ordo_flash_shape *shape, uint32_t index, struct ordo_flash_order *out)
{
    uint64_t state = ordo_draw_of(shape->seed, index);
    uint32_t fate = ordo_draw_below(&state, 100);
    out->fate = ORDO_FLASH_PAID;
    if (fate < NEVER_PCT + LATE_PCT) {
        out->fate = fate < NEVER_PCT ? ORDO_FLASH_NEVER : ORDO_FLASH_LATE;
    }
    out->product = 1 + ordo_draw_below(&state, shape->products);
    out->fails_after = ordo_draw_below(&state, 100) < FAILS_PCT;
    out->paid_ns = ordo_gateway_latency_ns(&state);
    out->paid_ns += out->fate == ORDO_FLASH_LATE ? LATE_NS : 0;
    ordo_gateway_callbacks(&shape->gateway, &state, &out->callbacks);
}
