/* Each number is a snapshot of its own; a stage may pass another one between two of them, so
 * whoever subtracts looks for less than nothing. */
#include "node_stats.h"

#include "net/service.h"

#include <stdio.h>

void ordo_node_stats(
    void *context, void (*add)(void *to, const char *name, uint64_t value), void *to)
{
    const struct ordo_node *node = context;
    struct ordo_journal_stats journal;
    struct ordo_snapshotter_stats snapshots;
    ordo_journal_stats(node->journal, &journal);
    ordo_snapshotter_stats(&node->snapshotter, &snapshots);
    add(to, "ring.applied", ordo_sequence_get(&node->pipeline.apply.stage.sequence));
    add(to, "ring.durable", ordo_sequence_get(&node->pipeline.journal.sequence));
    add(to, "ring.slots", node->pipeline.ring.capacity);
    add(to, "journal.records", journal.records);
    add(to, "journal.batches", journal.batches);
    add(to, "journal.bytes", journal.bytes);
    add(to, "journal.segments", journal.segments);
    add(to, "snapshot.made", snapshots.made);
    add(to, "snapshot.failed", snapshots.failed + snapshots.given_up);
    add(to, "snapshot.seq", snapshots.seq);
    for (uint32_t i = 0; i < node->pipeline.runner_count; i++) {
        const struct ordo_runner *runner = &node->pipeline.runners[i];
        char name[ORDO_STAT_NAME_MAX];
        (void)snprintf(name, sizeof(name), "cycles.%s", runner->name);
        add(to, name, atomic_load_explicit(&runner->cycles, memory_order_relaxed));
    }
}
