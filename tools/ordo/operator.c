/* Operators' verbs are journaled with a name and a reason, which are content: they are looked at
 * here, so that a slip costs no round trip. The name of the login is good enough by default, a
 * reason is not: nobody but the person knows it.
 */
#include "operator.h"

#include "cli.h"
#include "order/schema.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_OPERATOR = 0x180,
    OPTION_REASON,
};

static const struct argp_option options[] = {
    {"operator",
     OPTION_OPERATOR,
     "NAME",
     0,
     "Who does it (default: $ORDO_OPERATOR, else $USER)",
     8},
    {"reason", OPTION_REASON, "TEXT", 0, "Why; an operator's verb needs it", 8},
    {0},
};

static struct ordo_bytes bytes_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, text == NULL ? 0 : (uint32_t)strlen(text)};
}

static bool is_name(const char *text)
{
    return text != NULL && strlen(text) <= ORDO_OPERATOR_MAX && ordo_text_is_valid(bytes_of(text));
}

void ordo_operator_init(struct ordo_operator *by)
{
    const char *name = getenv("ORDO_OPERATOR");
    if (name == NULL || name[0] == '\0') {
        name = getenv("USER");
    }
    by->name = is_name(name) ? name : "";
    by->reason = NULL;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct ordo_operator *by = state->input;
    switch (key) {
    case OPTION_OPERATOR:
        if (!is_name(argument)) {
            argp_error(
                state,
                "--operator: \"%s\" is not 1-%d of A-Z a-z 0-9 _ . : -",
                argument,
                ORDO_OPERATOR_MAX);
        }
        by->name = argument;
        return 0;
    case OPTION_REASON:
        if (argument[0] == '\0' || strlen(argument) > ORDO_REASON_MAX) {
            argp_error(state, "--reason has 1 to %d bytes", ORDO_REASON_MAX);
        }
        by->reason = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp ordo_operator_parser = {.options = options, .parser = on_option};

bool ordo_operator_is_there(const struct ordo_operator *by, const char *action)
{
    if (by->name[0] == '\0') {
        (void)ordo_cli_fail(
            ORDO_EXIT_USAGE,
            "%s is an operator's: name yourself with --operator or $ORDO_OPERATOR",
            action);
        return false;
    }
    if (by->reason == NULL) {
        (void)ordo_cli_fail(
            ORDO_EXIT_USAGE, "%s needs --reason TEXT: it is kept in the journal", action);
        return false;
    }
    return true;
}

struct ordo_bytes ordo_operator_name(const struct ordo_operator *by)
{
    return bytes_of(by->name);
}

struct ordo_bytes ordo_operator_reason(const struct ordo_operator *by)
{
    return bytes_of(by->reason);
}
