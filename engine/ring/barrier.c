/* Dependencies are fixed before traffic, so a barrier is only an array to walk. Three or four
 * entries are the rule (a gate over reply and publish, one for a chained stage): a walk of plain
 * loads is cheaper than any tree, and each load touches one line that its owner writes once a
 * batch. */
#include "ring/barrier.h"

#include <stddef.h>

void ordo_barrier_add(struct ordo_barrier *barrier, const struct ordo_sequence *dependency)
{
    ORDO_ASSERT(dependency != NULL);
    ORDO_ASSERT(barrier->count < ORDO_BARRIER_DEPENDENCIES_MAX);
    barrier->dependencies[barrier->count++] = dependency;
}
