/* canary.h - places where a bug can be planted, to prove that the tests would find it.
 *
 * if (... || ORDO_CANARY(amount_unchecked)): false at compile time in the product, nothing is left
 * of it there. Only a tree configured with -DORDO_CANARIES=ON has the bugs; there the environment
 * selects one, ORDO_CANARY=amount_unchecked. tests/canary/list.py has each name with the tests that
 * must fail under it.
 */
#ifndef ORDO_BASE_CANARY_H
#define ORDO_BASE_CANARY_H

#include <stdbool.h>

#ifdef ORDO_CANARIES
/* True for the selected bug. Any thread, pure while the process runs. */
bool ordo_canary_is(const char *name);
#define ORDO_CANARY(name) ordo_canary_is(#name)
#else
#define ORDO_CANARY(name) false
#endif

#endif
