/* tune_tell.h - a stage of `ordo bench tune` and what is said of it: the table, the rows, and why.
 *
 * One thread.
 */
#ifndef ORDO_BENCH_TUNE_TELL_H
#define ORDO_BENCH_TUNE_TELL_H

#include "bench/halving.h"
#include "bench/report.h"

#include <stdio.h>

#define ORDO_TUNE_ROUNDS 3u

struct ordo_tune_stage {
    const char *name;
    struct ordo_axes axes;
    struct ordo_tried *tried;
    bool alive[ORDO_POINTS_MAX];
    uint32_t last_round[ORDO_POINTS_MAX]; /* in which each was visited, from 1 */
    uint32_t count;
    struct ordo_field field; /* points into the above */
    struct ordo_choice choice;
};

void ordo_tune_print(const struct ordo_tune_stage *stage, FILE *out);
void ordo_tune_add_rows(const struct ordo_tune_stage *stage, struct ordo_report *report);

/* One note: the figures of the chosen one against the best other, and how that came out. */
void ordo_tune_note_why(const struct ordo_tune_stage *stage, struct ordo_report *report);

#endif
