/* record.h - one journal record for tools: decoded, and described for people and programs.
 *
 * A description never holds a secret: of sealed cards only count and size.
 */
#ifndef ORDO_TOOLS_RECORD_H
#define ORDO_TOOLS_RECORD_H

#include "base/err.h"
#include "journal/journal.h"
#include "order/outcome.h"
#include "order/schema.h"

#include <stdio.h>

struct json_t; /* jansson's, which stops in the sources */

struct ordo_record_view {
    const struct ordo_record *record; /* not owned; texts below point into its bytes */
    struct ordo_command command;
    struct ordo_outcome outcome;
};

/* Decodes both halves of a record. DAMAGED with the sequence when one is no canonical form. */
enum ordo_err ordo_record_decode(
    const struct ordo_record *record,
    struct ordo_record_view *view,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The index-th member of a chain as a command of its own in the chain's shop; its texts point into
 * the chain's bytes. False when it is none. */
bool ordo_record_chain_member(
    const struct ordo_command *chain, uint32_t index, struct ordo_command *member) ORDO_MUST_USE;

/* Everything of a record as one object; the caller owns it. NULL when out of memory. */
struct json_t *ordo_record_describe(const struct ordo_record_view *view);

/* A description as one line: key=value pairs, lists in brackets. */
void ordo_record_print(struct json_t *description, FILE *out);

#endif
