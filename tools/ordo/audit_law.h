/* audit_law.h - how a law is written into the list. For the files of the laws only. */
#ifndef ORDO_TOOLS_AUDIT_LAW_H
#define ORDO_TOOLS_AUDIT_LAW_H

#include "audit_sums.h"

void ordo_law_add(
    struct ordo_laws *laws,
    enum ordo_law_way way,
    bool holds,
    const char *name,
    const char *format,
    ...) ORDO_PRINTF(5, 6);

/* "N by the records = N by the state" */
void ordo_law_compare(struct ordo_laws *laws, const char *name, uint64_t records, uint64_t state);

/* audit_stock.c: products and coupons, each asked of the state by a query. */
void ordo_law_stock(
    const struct ordo_tally *tally, struct ordo_state *state, struct ordo_laws *laws);
void ordo_law_coupons(
    const struct ordo_tally *tally, struct ordo_state *state, struct ordo_laws *laws);

#endif
