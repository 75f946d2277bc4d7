/* ini_edit.h - sets keys in the text of a configuration file and leaves every other line as it is.
 *
 * What tools/ordo/config.c reads: [section], key = value, comments behind ; or #. One thread.
 */
#ifndef ORDO_BENCH_INI_EDIT_H
#define ORDO_BENCH_INI_EDIT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define ORDO_INI_CHANGES_MAX 8

struct ordo_ini_change {
    const char *key; /* section.key */
    const char *value;
};

struct ordo_ini_edit {
    const char *path; /* of the file; names it in errors */
    const struct ordo_ini_change *changes;
    uint32_t count; /* at most ORDO_INI_CHANGES_MAX */
    bool force;     /* also keys that have another value */
};

/* Writes the new text to out and what changes to diff, lines with - and +; nothing there when
 * nothing changes. A key with the same value stays as it is written (1Mi is 1048576). EXISTS, with
 * the place and both values, when a key has another value and force is not set. Pure but for the
 * streams. */
enum ordo_err ordo_ini_edit_text(
    const struct ordo_ini_edit *edit,
    const char *text,
    FILE *out,
    FILE *diff,
    struct ordo_fail *fail) ORDO_MUST_USE;

/* The same with the file, which may be missing: it is replaced as a whole (a new file beside it,
 * flushed, renamed), and only when `ordo serve` would take the result. CONFIG or IO when not. */
enum ordo_err ordo_ini_edit_file(
    const struct ordo_ini_edit *edit, FILE *diff, struct ordo_fail *fail) ORDO_MUST_USE;

#endif
