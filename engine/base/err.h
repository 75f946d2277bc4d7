/* err.h - the one error type of operating errors.
 *
 * A function that can fail for a reason outside the program returns enum ordo_err and puts the
 * details into a struct ordo_fail when it takes one. Refusals of the business (no stock, wrong
 * amount) are not errors: they are result codes in an outcome (order/result.h). Broken assumptions
 * of our own are asserts (assert.h).
 */
#ifndef ORDO_BASE_ERR_H
#define ORDO_BASE_ERR_H

#include <stddef.h>

#define ORDO_ERRORS(X)                                                                             \
    X(OK, "ok")                                                                                    \
    X(FULL, "full: try again later")                                                               \
    X(EMPTY, "nothing there yet")                                                                  \
    X(INVALID, "invalid input")                                                                    \
    X(LIMIT, "over a limit")                                                                       \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(IN_USE, "in use by another process")                                                         \
    X(IO, "input or output failed")                                                                \
    X(NO_SPACE, "no space left on the device")                                                     \
    X(DAMAGED, "data is damaged")                                                                  \
    X(DIVERGED, "replay does not reproduce the journaled outcome")                                 \
    X(VERSION, "written by another version of the format")                                         \
    X(UNSUPPORTED, "not supported here")                                                           \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(CONFIG, "configuration error")                                                               \
    X(UNAVAILABLE, "not available")                                                                \
    X(TIMEOUT, "timed out")                                                                        \
    X(CLOSED, "closed")

enum ordo_err {
#define ORDO_ERR_ENUM(name, text) ORDO_ERR_##name,
    ORDO_ERRORS(ORDO_ERR_ENUM)
#undef ORDO_ERR_ENUM
        ORDO_ERR_COUNT
};

#define ORDO_OK ORDO_ERR_OK

/* The result must be looked at. */
#define ORDO_MUST_USE            __attribute__((warn_unused_result))
#define ORDO_PRINTF(text, first) __attribute__((format(printf, text, first)))

#define ORDO_FAIL_TEXT_MAX 512

/* Why something failed, in one line for a person: what was wrong, where, and what to do. The caller
 * owns it. */
struct ordo_fail {
    enum ordo_err err;
    char text[ORDO_FAIL_TEXT_MAX];
};

/* Static text of an error; never NULL. Any thread. */
const char *ordo_err_text(enum ordo_err err);

/* Short lower-case name, e.g. "no_space", for JSON and logs. Any thread. */
const char *ordo_err_name(enum ordo_err err);

/* The error for an errno value: ENOSPC is NO_SPACE, ENOMEM is NO_MEMORY, the rest IO. */
enum ordo_err ordo_err_from_errno(int errno_value);

/* Stores err and the formatted text into *fail (which may be NULL) and returns err. */
enum ordo_err ordo_fail_set(struct ordo_fail *fail, enum ordo_err err, const char *format, ...)
    ORDO_PRINTF(3, 4);

#endif
