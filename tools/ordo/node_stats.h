/* node_stats.h - the numbers of a node beyond those of its edge: what `stats` tells and `ordo top`
 * shows.
 */
#ifndef ORDO_TOOLS_NODE_STATS_H
#define ORDO_TOOLS_NODE_STATS_H

#include "assemble.h"

/* For ordo_server_add_stats; node is a struct ordo_node that outlives the server. Any thread. */
void ordo_node_stats(void *node, void (*add)(void *to, const char *name, uint64_t value), void *to);

#endif
