/* cli.h - what the verbs of `ordo` share: exit codes, errors in one line, JSON or text, the table
 * of verbs.
 *
 * A verb is one file with one function int ordo_verb_NAME(int argc, char **argv): argv[0] is
 * "ordo NAME", for usage texts. Its options are an argp table, so --help, --usage and their exit
 * codes come with it; every verb takes --json.
 */
#ifndef ORDO_TOOLS_CLI_H
#define ORDO_TOOLS_CLI_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ordo_exit {
    ORDO_EXIT_OK = 0,
    ORDO_EXIT_FAILED = 1,
    ORDO_EXIT_VERIFY = 3, /* verification failed: damage, divergence, a broken sum */
    ORDO_EXIT_USAGE = 64,
    ORDO_EXIT_UNAVAILABLE = 69,
    ORDO_EXIT_IO = 74,
    ORDO_EXIT_CONFIG = 78,
};

/* The exit code for an operating error. */
int ordo_exit_of(enum ordo_err err);

/* Prints "ordo: text" to stderr and returns the code. */
int ordo_cli_fail(int exit_code, const char *format, ...) ORDO_PRINTF(2, 3);

/* Prints fail->text to stderr and returns ordo_exit_of(fail->err). */
int ordo_cli_fail_with(const struct ordo_fail *fail);

/* Parses a whole unsigned number with an optional suffix k, m, g (powers of 1,000) or Ki, Mi, Gi;
 * false when it is not one or passes max. */
bool ordo_cli_number(const char *text, uint64_t max, uint64_t *value);

/* Parses seconds with an optional suffix us, ms, s, m, h, d into us. */
bool ordo_cli_duration_us(const char *text, uint64_t *value_us);

/* Money: "12.34" with the currency's two digits, or an integer of minor units when it has no point.
 * Strict: digits and at most one point with exactly two digits behind. */
bool ordo_cli_amount(const char *text, int64_t *minor);

/* A share in percent, "12", "0.5" or "12.34", with or without a "%", into parts of 10,000; at most
 * 100. */
bool ordo_cli_share(const char *text, uint64_t *share);

/* The word of the list that a person who typed `word` meant by a slip of a letter or two; NULL when
 * none is near. */
const char *ordo_cli_nearest(const char *word, const char *const *words, size_t count);

/* When reading a journal from its start has failed with NOT_FOUND because the start was trimmed:
 * says so, and up to where. Returns err. */
enum ordo_err ordo_cli_explain_trim(const char *dir, enum ordo_err err, struct ordo_fail *fail);

/* True when stderr is a terminal: progress lines are for people only. */
bool ordo_cli_progress(void);

/* The verbs, each in a file of its own. */
int ordo_verb_serve(int argc, char **argv);
int ordo_verb_sku(int argc, char **argv);
int ordo_verb_card(int argc, char **argv);
int ordo_verb_coupon(int argc, char **argv);
int ordo_verb_channel(int argc, char **argv);
int ordo_verb_settings(int argc, char **argv);
int ordo_verb_order(int argc, char **argv);
int ordo_verb_wait(int argc, char **argv);
int ordo_verb_stuck(int argc, char **argv);
int ordo_verb_subscribe(int argc, char **argv);
int ordo_verb_subscriber(int argc, char **argv);
int ordo_verb_top(int argc, char **argv);
int ordo_verb_sale(int argc, char **argv);
int ordo_verb_journal(int argc, char **argv);
int ordo_verb_snapshot(int argc, char **argv);
int ordo_verb_recovery_plan(int argc, char **argv);
int ordo_verb_audit(int argc, char **argv);
int ordo_verb_replay(int argc, char **argv);
int ordo_verb_backup(int argc, char **argv);
int ordo_verb_restore(int argc, char **argv);
int ordo_verb_states(int argc, char **argv);
int ordo_verb_bench(int argc, char **argv);
int ordo_verb_why(int argc, char **argv);
int ordo_verb_version(int argc, char **argv);

#endif
