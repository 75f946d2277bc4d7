/* halving.h - which of several settings is best, by short measurements first and longer ones of
 * those that are left: successive halving. And when to leave things as they are.
 *
 * The visits of one repeat belong together: the machine was the same. So a candidate is held
 * against the default pair by pair, and the spread is the range between the quartiles of the pairs.
 * What lies within it, or is better by less than ORDO_TUNE_MARGIN, is no reason to change a
 * setting. Pure.
 */
#ifndef ORDO_BENCH_HALVING_H
#define ORDO_BENCH_HALVING_H

#include "bench/visit.h"

#define ORDO_TUNE_MARGIN    1.05 /* times better, at least */
#define ORDO_TUNE_PAIRS_MIN 3u   /* fewer say nothing */
#define ORDO_TUNE_IDLE_MIN  0.01 /* cores: less than this is no difference at rest */

enum ordo_aim { ORDO_AIM_LATENCY, ORDO_AIM_THROUGHPUT, ORDO_AIM_IDLE, ORDO_AIM_COUNT };

/* "latency", "throughput", "idle"; false when it is none. */
bool ordo_aim_find(const char *name, enum ordo_aim *aim);
const char *ordo_aim_name(enum ordo_aim aim);
enum ordo_metric ordo_aim_metric(enum ordo_aim aim);

struct ordo_field {
    enum ordo_aim aim;
    double idle_max; /* cores that a node may use at rest; the default may always */
    const struct ordo_tried *tried;
    bool *alive; /* of each: still in the field */
    uint32_t count;
    uint32_t standard; /* the default; it stays to the end */
};

/* May be chosen: visited, not refused, not above idle_max. */
bool ordo_field_admits(const struct ordo_field *field, uint32_t index);

/* Takes out the worse half of those alive (the larger half stays), and who may not be chosen.
 * The default stays, and the best other. Returns how many are left. */
uint32_t ordo_field_halve(struct ordo_field *field);

enum ordo_verdict {
    ORDO_VERDICT_STANDARD_BEST, /* nothing has a better median than the default */
    ORDO_VERDICT_FEW_PAIRS,
    ORDO_VERDICT_WITHIN_SPREAD,
    ORDO_VERDICT_SMALL, /* below the margin */
    ORDO_VERDICT_BETTER
};

struct ordo_choice {
    uint32_t chosen;
    uint32_t best; /* by the median, among those alive; the default only when nothing else is */
    enum ordo_verdict verdict;
    uint32_t pairs;
    double gain;     /* median of: how many times better is best than the default */
    double gain_low; /* quartiles of the same */
    double gain_high;
    uint32_t runner_up; /* second of those alive behind the chosen one; = chosen when alone */
};

void ordo_field_choose(const struct ordo_field *field, struct ordo_choice *choice);

#endif
