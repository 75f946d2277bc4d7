/* budget.h - where the microseconds of a command go: the spans that a node's stats tell, as a
 * table.
 *
 * A line is the time between a stage and the one before it, of the sampled commands
 * (ring/stamps.h). Shares are of sums, so those of claim, apply, durable and reply make up the
 * total; quantiles do not add up. publish runs beside reply, and the ack of a subscriber comes
 * after everything: they have no share. One thread.
 */
#ifndef ORDO_BENCH_BUDGET_H
#define ORDO_BENCH_BUDGET_H

#include "bench/child.h"
#include "bench/report.h"

#include <stdio.h>

#define ORDO_BUDGET_LINES 7u

struct ordo_budget_line {
    const char *name; /* of the stage at its end; the number in stats is stage.NAME.p50_ns */
    const char *from; /* the stage before */
    uint64_t count;   /* samples */
    double mean_us;
    double p50_us;
    double p99_us;
    double p999_us;
    double max_us;
    double share; /* of the total, 0 to 1; below 0: it has none */
};

struct ordo_budget {
    uint64_t every; /* one command in so many is sampled; 0 = none, or a node that does not tell */
    struct ordo_budget_line lines[ORDO_BUDGET_LINES];
};

/* number: what stats says under a name, 0 when it has none. */
void ordo_budget_fill(
    struct ordo_budget *budget, uint64_t (*number)(void *context, const char *name), void *context);

/* The lines that have samples; nothing when none has. */
void ordo_budget_print(const struct ordo_budget *budget, FILE *out);

/* For each of some loads of lifecycles: a node of its own as `config` says, the load for
 * options->seconds twice, and of the second time what its stats tell: rows "budget LOAD: STAGE p50"
 * (p99, p99.9, share) into the report, the tables to `out` (NULL = none). Blocks. */
enum ordo_err ordo_budget_measure(
    const struct ordo_child_config *config,
    struct ordo_report *report,
    FILE *out,
    struct ordo_fail *fail) ORDO_MUST_USE;

#endif
