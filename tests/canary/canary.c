#include "base/canary.h"

#include <stdlib.h>
#include <string.h>

/* One bug a process, chosen by whoever starts it. The environment does not change while it runs. */
bool ordo_canary_is(const char *name)
{
    static const char *selected;
    if (selected == NULL) {
        selected = getenv("ORDO_CANARY");
        selected = selected == NULL ? "" : selected;
    }
    return strcmp(selected, name) == 0;
}
