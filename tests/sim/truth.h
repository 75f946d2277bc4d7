/* truth.h - what must be true: every command that the node has decided, the oracle that decides
 * them a second time, and what was acknowledged to anybody.
 *
 * Decisions are written down as apply makes them, and are fed to the oracle when they are durable,
 * so that a crash never takes anything back from it. After a restart the journal is held against
 * what was written down: nothing that was acknowledged may be missing, nothing may be there that
 * was not decided, and the state must have the oracle's digest.
 */
#ifndef ORDO_TESTS_SIM_TRUTH_H
#define ORDO_TESTS_SIM_TRUTH_H

#include "compare.h"

#define TRUTH_RECORDS_MAX 16384
#define TRUTH_BYTES_MAX   (32u << 20)

struct truth_counts {
    uint64_t commands;  /* fed to the oracle */
    uint64_t forgotten; /* decided, never acknowledged, gone with a crash */
    uint64_t dumps;
    uint64_t digests;
    uint64_t asked_again; /* answers compared with an earlier one */
};
extern struct truth_counts truth_counts;

/* A new world; false without memory. */
bool truth_begin(void);

struct oracle *truth_oracle(void);

/* One decision of the running node, or of its recovery. */
void truth_decided(
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied);
void truth_replayed(
    uint64_t time_us,
    struct ordo_bytes command,
    struct ordo_bytes outcome,
    const struct ordo_applied *applied);

/* Somebody knows of this sequence, or of this update. */
void truth_acked(uint64_t seq);
void truth_published(uint64_t update_seq);

/* Everything up to seq is durable. */
void truth_durable(uint64_t seq);

/* The journal ends there, and that is the state. lawful_cut: damage may have taken acknowledged
 * commands away from its end, as long as it was told. */
void truth_recovered(uint64_t seq, struct ordo_state *state, bool lawful_cut);

/* The node's state stands at the oracle's sequence: are they equal? Else nothing is compared. */
void truth_compare(struct ordo_state *state);

/* The oracle and the reference engine hold the same, and its invariants hold. */
void truth_dump(void);

/* Sequences decided, fed, and acknowledged. */
uint64_t truth_decided_seq(void);
uint64_t truth_durable_seq(void);
uint64_t truth_acked_seq(void);

/* Whether the update belongs to this command, as it was decided. */
bool truth_is_update(uint64_t update_seq, uint64_t seq);

/* Where the oracle's side stands. */
struct ordo_head_values truth_head(void);

/* A promise was broken; the first one counts. */
void truth_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool truth_failed(void);
const char *truth_why(void);

/* Over everything that was decided: equal for equal runs. */
uint64_t truth_hash(void);

#endif
