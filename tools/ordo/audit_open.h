/* audit_open.h - the tally of an audit that begins at a snapshot: its opening balances.
 *
 * Where the first records are gone, what they added up to cannot be proven again; it is entered
 * from the state of a snapshot whose every byte its root covers, and everything behind it is proven
 * as ever. One thread.
 */
#ifndef ORDO_TOOLS_AUDIT_OPEN_H
#define ORDO_TOOLS_AUDIT_OPEN_H

#include "audit_tally.h"
#include "order/state.h"

/* Enters everything that the state holds into an empty tally, which then stands at its sequence.
 * DAMAGED when it contradicts itself: an order twice, money of orders that is not what the accounts
 * say. NO_MEMORY, LIMIT. */
enum ordo_err ordo_tally_open(
    struct ordo_tally *tally, const struct ordo_state *state, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
