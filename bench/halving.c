#include "bench/halving.h"

#include "base/assert.h"

#include <string.h>

struct rule {
    const char *name;
    enum ordo_metric metric;
    bool more; /* more is better */
};

static const struct rule rules[ORDO_AIM_COUNT] = {
    [ORDO_AIM_LATENCY] = {"latency", ORDO_METRIC_P99, false},
    [ORDO_AIM_THROUGHPUT] = {"throughput", ORDO_METRIC_THROUGHPUT, true},
    [ORDO_AIM_IDLE] = {"idle", ORDO_METRIC_IDLE_CPU, false},
};

bool ordo_aim_find(const char *name, enum ordo_aim *aim)
{
    for (uint32_t i = 0; i < ORDO_AIM_COUNT; i++) {
        if (strcmp(rules[i].name, name) == 0) {
            *aim = (enum ordo_aim)i;
            return true;
        }
    }
    return false;
}

const char *ordo_aim_name(enum ordo_aim aim)
{
    ORDO_ASSERT(aim < ORDO_AIM_COUNT);
    return rules[aim].name;
}

enum ordo_metric ordo_aim_metric(enum ordo_aim aim)
{
    ORDO_ASSERT(aim < ORDO_AIM_COUNT);
    return rules[aim].metric;
}

bool ordo_field_admits(const struct ordo_field *field, uint32_t index)
{
    const struct ordo_tried *tried = &field->tried[index];
    if (ordo_tried_is_out(tried) || tried->count == 0) {
        return false;
    }
    return index == field->standard ||
           ordo_tried_value(tried, ORDO_METRIC_IDLE_CPU, 0.5) <= field->idle_max;
}

static double median_of(const struct ordo_field *field, uint32_t index)
{
    return ordo_tried_value(&field->tried[index], rules[field->aim].metric, 0.5);
}

static bool is_better(const struct ordo_field *field, uint32_t a, uint32_t b)
{
    double x = median_of(field, a);
    double y = median_of(field, b);
    return rules[field->aim].more ? x > y : x < y;
}

/* How many of those alive are better than this one. */
static uint32_t place_of(const struct ordo_field *field, uint32_t index)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < field->count; i++) {
        bool equal_and_before = !is_better(field, index, i) && i < index;
        place += field->alive[i] && i != index && (is_better(field, i, index) || equal_and_before);
    }
    return place;
}

/* The best of those alive, but not `but`; count when there is none. */
static uint32_t best_but(const struct ordo_field *field, uint32_t but)
{
    uint32_t best = field->count;
    for (uint32_t i = 0; i < field->count; i++) {
        bool may = field->alive[i] && i != but && ordo_field_admits(field, i);
        if (may && (best == field->count || is_better(field, i, best))) {
            best = i;
        }
    }
    return best;
}

uint32_t ordo_field_halve(struct ordo_field *field)
{
    bool stays[ORDO_POINTS_MAX];
    uint32_t alive = 0;
    uint32_t left = 0;
    ORDO_ASSERT(field->count <= ORDO_POINTS_MAX);
    for (uint32_t i = 0; i < field->count; i++) {
        field->alive[i] = field->alive[i] && ordo_field_admits(field, i);
        alive += field->alive[i];
    }
    for (uint32_t i = 0; i < field->count; i++) {
        bool good = field->alive[i] && place_of(field, i) < (alive + 1) / 2;
        stays[i] = good || (field->alive[i] && i == field->standard);
        left += stays[i];
    }
    uint32_t other = best_but(field, field->standard);
    if (left == 1 && other != field->count) {
        stays[other] = true; /* the default wants somebody to be held against */
        left++;
    }
    memcpy(field->alive, stays, field->count * sizeof(bool));
    return left;
}

static void compare_pairs(const struct ordo_field *field, struct ordo_choice *choice)
{
    enum ordo_metric metric = rules[field->aim].metric;
    const struct ordo_series *best = &field->tried[choice->best].values[metric];
    const struct ordo_series *standard = &field->tried[field->standard].values[metric];
    double gains[ORDO_BENCH_REPEATS_MAX];
    uint32_t pairs = best->count < standard->count ? best->count : standard->count;
    choice->pairs = 0;
    for (uint32_t i = 0; i < pairs; i++) {
        double over = rules[field->aim].more ? best->values[i] : standard->values[i];
        double under = rules[field->aim].more ? standard->values[i] : best->values[i];
        if (under > 0) {
            gains[choice->pairs++] = over / under;
        }
    }
    choice->gain = ordo_quantile(gains, choice->pairs, 0.5);
    choice->gain_low = ordo_quantile(gains, choice->pairs, 0.25);
    choice->gain_high = ordo_quantile(gains, choice->pairs, 0.75);
}

static enum ordo_verdict judge(const struct ordo_field *field, const struct ordo_choice *choice)
{
    double difference = median_of(field, field->standard) - median_of(field, choice->best);
    if (!is_better(field, choice->best, field->standard)) {
        return ORDO_VERDICT_STANDARD_BEST;
    }
    if (choice->pairs < ORDO_TUNE_PAIRS_MIN) {
        return ORDO_VERDICT_FEW_PAIRS;
    }
    if (choice->gain_low <= 1) {
        return ORDO_VERDICT_WITHIN_SPREAD;
    }
    if (choice->gain < ORDO_TUNE_MARGIN ||
        (field->aim == ORDO_AIM_IDLE && difference < ORDO_TUNE_IDLE_MIN)) {
        return ORDO_VERDICT_SMALL;
    }
    return ORDO_VERDICT_BETTER;
}

void ordo_field_choose(const struct ordo_field *field, struct ordo_choice *choice)
{
    *choice = (struct ordo_choice){.chosen = field->standard, .best = field->standard};
    uint32_t best = best_but(field, field->standard);
    if (best == field->count) {
        choice->verdict = ORDO_VERDICT_STANDARD_BEST;
        choice->runner_up = field->standard;
        return;
    }
    choice->best = best;
    compare_pairs(field, choice);
    choice->verdict = judge(field, choice);
    choice->chosen = choice->verdict == ORDO_VERDICT_BETTER ? best : field->standard;
    uint32_t second = best_but(field, choice->chosen);
    choice->runner_up = second == field->count ? choice->chosen : second;
}
