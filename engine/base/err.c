#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const texts[] = {
#define ORDO_ERR_TEXT(name, text) text,
    ORDO_ERRORS(ORDO_ERR_TEXT)
#undef ORDO_ERR_TEXT
};

static const char *const names[] = {
    "ok",        "full",   "empty",       "invalid", "limit",    "not_found", "exists",
    "in_use",    "io",     "no_space",    "damaged", "diverged", "version",   "unsupported",
    "no_memory", "config", "unavailable", "timeout", "closed",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == ORDO_ERR_COUNT, "one name an error");

const char *ordo_err_text(enum ordo_err err)
{
    return (unsigned)err < ORDO_ERR_COUNT ? texts[err] : "unknown error";
}

const char *ordo_err_name(enum ordo_err err)
{
    return (unsigned)err < ORDO_ERR_COUNT ? names[err] : "unknown";
}

enum ordo_err ordo_err_from_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ORDO_ERR_NO_SPACE;
    case ENOMEM:
        return ORDO_ERR_NO_MEMORY;
    case ENOENT:
        return ORDO_ERR_NOT_FOUND;
    default:
        return ORDO_ERR_IO;
    }
}

enum ordo_err ordo_fail_set(struct ordo_fail *fail, enum ordo_err err, const char *format, ...)
{
    if (fail != NULL) {
        va_list args;
        va_start(args, format);
        fail->err = err;
        (void)vsnprintf(fail->text, sizeof(fail->text), format, args);
        va_end(args);
    }
    return err;
}
