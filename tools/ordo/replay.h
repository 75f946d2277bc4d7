/* replay.h - state from records: each journaled command is decided again and must come to the same
 * bytes.
 *
 * Used by `ordo serve` at recovery and by every offline verb that needs a state. Never skips a
 * record.
 */
#ifndef ORDO_TOOLS_REPLAY_H
#define ORDO_TOOLS_REPLAY_H

#include "journal/journal.h"
#include "order/state.h"

struct ordo_replay {
    struct ordo_arena *arena; /* not owned */
    struct ordo_state *state; /* in the arena; NULL until the genesis was seen */
    uint64_t records;
    uint8_t *mark; /* NULL, or 8 bytes for the sequence under way (replay_mark.h) */
    uint8_t outcome[ORDO_OUTCOME_SIZE_MAX];
};

void ordo_replay_init(struct ordo_replay *replay, struct ordo_arena *arena);

/* Decides one record again. The first must be the genesis, a settings command: the state is made by
 * its capacities. DIVERGED names the sequence and both outcomes; DAMAGED a genesis that is none.
 * One thread. */
enum ordo_err ordo_replay_record(
    struct ordo_replay *replay,
    const struct ordo_record *record,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The same for records that follow each other: the state is asked for the rows of the coming ones
 * while one is decided, as a server at work does. Stops at the very record that diverges; `records`
 * counts those before it. */
enum ordo_err ordo_replay_records(
    struct ordo_replay *replay,
    const struct ordo_record *records,
    uint32_t count,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* That, as the visitor of a recovery: replay is a struct ordo_replay. */
enum ordo_err ordo_replay_visit(
    void *replay, const struct ordo_record *records, uint32_t count, struct ordo_fail *fail)
    ORDO_MUST_USE;

#endif
