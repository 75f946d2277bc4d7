#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

/* The crash hook is one of the two globals of the project: an assert has no other way to find its
 * process. */
static void (*crash_hook)(void *);
static void *crash_hook_context;

void ordo_assert_set_hook(void (*hook)(void *), void *context)
{
    crash_hook = hook;
    crash_hook_context = context;
}

void ordo_assert_failed(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "ordo: assertion failed at %s:%d: %s\n", file, line, condition);
    if (crash_hook != NULL) {
        void (*hook)(void *) = crash_hook;
        crash_hook = NULL;
        hook(crash_hook_context);
    }
    abort();
}
