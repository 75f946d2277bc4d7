#include "bench/gateway.h"

#include "bench/draw.h"

#include "base/clock.h"

#include <math.h>
#include <stddef.h>

#define LATENCY_MEAN_MS  320.0
#define LATENCY_SIGMA    0.9
#define LATENCY_MS_MAX   30000.0
#define TRANSPORT_MS     30.0
#define TRANSPORT_MS_MAX 500.0
#define SLOW_NS          (3 * ORDO_NS_PER_S)
#define TWICE_NS         (20 * ORDO_NS_PER_MS)
#define TWO_PI           6.283185307179586

static const struct ordo_gateway gateways[] = {
    {"alipay", 38, 7, {240, 600, 600, 3600, 7200, 21600, 54000}},
    {"alipay-international", 4, 7, {120, 600, 600, 3600, 7200, 21600, 54000}},
    {"wechat",
     38,
     15,
     {15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600}},
    {"epay-short", 6, 5, {15, 60, 180, 1800, 3600}},
    {"epay-long", 5, 9, {15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600}},
    {"epay-day", 4, 7, {60, 180, 600, 3600, 7200, 43200, 86400}},
    {"usdt", 5, 10, {60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720}},
};

#define GATEWAYS (sizeof(gateways) / sizeof(gateways[0]))

const struct ordo_gateway *ordo_gateway_at(uint32_t index)
{
    return index < GATEWAYS ? &gateways[index] : NULL;
}

uint64_t ordo_gateway_latency_ns(uint64_t *state)
{
    double middle = log(LATENCY_MEAN_MS) - LATENCY_SIGMA * LATENCY_SIGMA / 2;
    double u = 1 - ordo_draw_share(state); /* never 0 */
    double normal = sqrt(-2 * log(u)) * cos(TWO_PI * ordo_draw_share(state));
    double ms = exp(middle + LATENCY_SIGMA * normal);
    return (uint64_t)((ms < LATENCY_MS_MAX ? ms : LATENCY_MS_MAX) * 1e6);
}

static bool happens(uint64_t *state, uint32_t percent)
{
    return ordo_draw_below(state, 100) < percent;
}

static uint32_t pick_gateway(uint64_t *state)
{
    uint32_t at = ordo_draw_below(state, 100);
    uint32_t index = 0;
    while (index + 1 < GATEWAYS && at >= gateways[index].share) {
        at -= gateways[index].share;
        index++;
    }
    return index;
}

static uint64_t transport_ns(const struct ordo_gateway_rules *rules, uint64_t *state)
{
    bool slow = happens(state, rules->slow_pct);
    double share = ordo_draw_share(state);
    double ms = -TRANSPORT_MS * log(1 - share);
    return slow ? (uint64_t)(share * SLOW_NS)
                : (uint64_t)((ms < TRANSPORT_MS_MAX ? ms : TRANSPORT_MS_MAX) * 1e6);
}

void ordo_gateway_callbacks(
    const struct ordo_gateway_rules *rules, uint64_t *state, struct ordo_callbacks *out)
{
    out->gateway = pick_gateway(state);
    out->count = 0;
    const struct ordo_gateway *gateway = &gateways[out->gateway];
    uint64_t sent_ns = 0;
    bool heard = false;
    for (uint32_t step = 0; step <= gateway->steps && !heard; step++) {
        if (sent_ns > rules->tail_ns) {
            break;
        }
        if (!happens(state, rules->lost_pct)) {
            uint64_t at_ns = sent_ns + transport_ns(rules, state);
            out->at_ns[out->count++] = at_ns;
            if (happens(state, rules->twice_pct)) {
                out->at_ns[out->count++] = at_ns + ordo_draw_below(state, TWICE_NS);
            }
            heard = !happens(state, rules->unheard_pct);
        }
        if (step < gateway->steps) {
            sent_ns += (uint64_t)(1e9 * gateway->ladder_s[step] / rules->ladder_scale);
        }
    }
    if (out->count == 0) {
        out->at_ns[out->count++] = rules->tail_ns;
    }
}
