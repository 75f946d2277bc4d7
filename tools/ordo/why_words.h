/* why_words.h - every word that `ordo why` says, in English and Chinese, for people who answer
 * buyers.
 *
 * A sentence for each result code, disposition, event, command, flag, account and state; NULL for a
 * number that has none (a test walks them all). Where the engine has an English text of its own it
 * is used, so that both cannot disagree. Any thread, pure.
 */
#ifndef ORDO_TOOLS_WHY_WORDS_H
#define ORDO_TOOLS_WHY_WORDS_H

#include "order/machine.h"
#include "order/result.h"
#include "order/schema.h"

#include <stdbool.h>

enum ordo_language { ORDO_ENGLISH, ORDO_CHINESE, ORDO_LANGUAGE_COUNT };

const char *ordo_why_result(enum ordo_language language, uint16_t code);
const char *ordo_why_disposition(enum ordo_language language, uint8_t disposition);
const char *ordo_why_event(enum ordo_language language, enum ordo_event event);

/* What a command asks for; queries have none. */
const char *ordo_why_command(enum ordo_language language, uint8_t kind);

/* What a payment fact says, and by what it was verified. */
const char *ordo_why_fact(enum ordo_language language, uint64_t fact);
const char *ordo_why_verified(enum ordo_language language, uint64_t verified_by);

/* The name of one flag bit and what it means that it is there. */
const char *ordo_why_flag_name(uint32_t flag);
const char *ordo_why_flag(enum ordo_language language, uint32_t flag);

const char *ordo_why_account(enum ordo_language language, uint8_t account);

/* What an order in this state waits for. */
const char *ordo_why_waits(enum ordo_language language, uint8_t state);

/* The name of a state for people. */
const char *ordo_why_state(enum ordo_language language, uint8_t state);

/* A transition as it stands in an outcome, with what tells apart the events that look the same. */
struct ordo_why_step {
    uint8_t from;
    uint8_t to;
    uint8_t kind;        /* of the record's command */
    uint8_t disposition; /* of the record's result */
    int amount_sign;     /* of (the payment's amount - the order's) */
};

/* The event of a transition; ORDO_EVENT_COUNT when no event makes it. */
enum ordo_event ordo_why_event_of(const struct ordo_why_step *step);

/* The event of an accepted command that made no transition; ORDO_EVENT_COUNT when the command's
 * own sentence says it all. waits: the order waits for a unit after it. */
enum ordo_event
ordo_why_event_of_stay(const struct ordo_command *command, uint8_t disposition, bool waits);

#endif
