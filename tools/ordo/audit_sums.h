/* audit_sums.h - the conservation laws: what the records say (audit_tally.h) against what the
 * engine's state says.
 *
 * Each law is one line with its numbers, true or broken. One thread.
 */
#ifndef ORDO_TOOLS_AUDIT_SUMS_H
#define ORDO_TOOLS_AUDIT_SUMS_H

#include "audit_tally.h"
#include "order/state.h"

#define ORDO_LAWS_MAX 2200 /* two a balance and some forty */

/* How a law was proven: from the outcomes alone, from the replayed state alone, or from both, which
 * came to the same. */
enum ordo_law_way { ORDO_LAW_RECORDS, ORDO_LAW_STATE, ORDO_LAW_BOTH };

struct ordo_law {
    enum ordo_law_way way;
    char name[48];
    char text[320]; /* the equation with its numbers */
    bool holds;
};

struct ordo_laws {
    struct ordo_law *rows; /* owned */
    uint32_t count;
    uint32_t broken;
};

/* Checks every law. The state must stand at the tally's sequence. NO_MEMORY, LIMIT. */
enum ordo_err ordo_laws_check(
    const struct ordo_tally *tally,
    struct ordo_state *state,
    struct ordo_laws *laws,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* "records", "state", "both" */
const char *ordo_law_way_name(enum ordo_law_way way);

/* The first broken law; NULL when all hold. */
const struct ordo_law *ordo_laws_first_broken(const struct ordo_laws *laws);

void ordo_laws_free(struct ordo_laws *laws);

#endif
