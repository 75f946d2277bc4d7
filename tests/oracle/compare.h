/* compare.h - one engine beside one oracle: the same commands, answers and dumps compared.
 *
 * A mismatch is a line of text in `why`; the rest of the run is of no use then.
 */
#ifndef ORDO_TESTS_ORACLE_COMPARE_H
#define ORDO_TESTS_ORACLE_COMPARE_H

#include "oracle.h"
#include "order/state.h"

#define PAIR_WHY_SIZE 512
#define PAIR_CODES    1024

struct pair {
    struct ordo_settings_values settings;
    struct oracle *oracle;
    struct ordo_arena arena;
    struct ordo_state *state;
    bool trace;
    char why[PAIR_WHY_SIZE]; /* empty = equal so far */
    struct ordo_applied applied;
    struct ordo_outcome outcome;
    struct oracle_answer answer;
    uint8_t bytes[ORDO_OUTCOME_SIZE_MAX];   /* of the last outcome */
    uint8_t view[ORDO_QUERY_SIZE_MAX];      /* of the last query */
    struct ordo_reader body;                /* of the last query */
    uint64_t facts[ORDO_DISPOSITION_COUNT]; /* of this history */
    uint64_t codes[PAIR_CODES];             /* over all histories */
    uint64_t dispositions[ORDO_DISPOSITION_COUNT];
    uint64_t resends;
};

/* False without memory. */
bool pair_init(struct pair *pair, const struct ordo_settings_values *settings);

/* Both as new. */
void pair_begin(struct pair *pair);
void pair_fini(struct pair *pair);

/* One command in canonical bytes through both; false when the answers differ. */
bool pair_apply(struct pair *pair, uint64_t time_us, struct ordo_bytes command);

/* A query: its code; the body is in pair->body. */
uint16_t pair_ask(struct pair *pair, uint64_t time_us, struct ordo_command *query);
bool pair_same_readers(struct pair *pair, uint64_t time_us);

/* Everything that can be asked, the engine's own invariants and its digests. */
bool pair_dump(struct pair *pair, uint64_t time_us);

/* A command, the engine's answer and the oracle's in words on standard output. */
void pair_print_command(uint64_t time_us, struct ordo_bytes command);
void pair_print_answers(const struct pair *pair);

#endif
