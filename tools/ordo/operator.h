/* operator.h - who does it and why: the options that the operators' verbs share.
 *
 * A verb puts ordo_operator_parser into its argp children and hands over a struct ordo_operator as
 * the child's input. One thread.
 */
#ifndef ORDO_TOOLS_OPERATOR_H
#define ORDO_TOOLS_OPERATOR_H

#include "base/bytes.h"

#include <argp.h>
#include <stdbool.h>

struct ordo_operator {
    const char *name;   /* never NULL after init; empty when nothing names one */
    const char *reason; /* NULL when none was given */
};

/* The name from $ORDO_OPERATOR, else from $USER when that is a valid name. Call before argp_parse.
 */
void ordo_operator_init(struct ordo_operator *by);

/* --operator and --reason. */
extern const struct argp ordo_operator_parser;

/* An operator's verb needs both. False: the error, which names `action`, is printed and the exit
 * code is ORDO_EXIT_USAGE. */
bool ordo_operator_is_there(const struct ordo_operator *by, const char *action);

/* The fields of a command; they point into what *by points to. */
struct ordo_bytes ordo_operator_name(const struct ordo_operator *by);
struct ordo_bytes ordo_operator_reason(const struct ordo_operator *by);

#endif
