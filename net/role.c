#include "net/role.h"

#include "base/assert.h"
#include "net/frame.h"

#include <string.h>

/* Ranges of kinds by number, so that a row reads as in README.md; the test walks every cell of
 * both. What is in no range is refused: a new kind belongs to nobody but `operator` and `all` until
 * it is given to a role. */

#define RANGES_MAX 8

struct role {
    const char *name;
    struct {
        uint8_t first;
        uint8_t last; /* 0 ends the list */
    } kinds[RANGES_MAX];
};

#define CLIENT_KINDS                                                                               \
    {4, 8}, {12, 13}, {27, 27}, {128, 128}, {130, 135}, {139, 139},                                \
    {                                                                                              \
        193, 193                                                                                   \
    }

static const struct role roles[ORDO_ROLE_COUNT] = {
    [ORDO_ROLE_ALL] = {"all", {{0, UINT8_MAX}}},
    [ORDO_ROLE_CLIENT] = {"client", {CLIENT_KINDS}},
    [ORDO_ROLE_DELIVERER] = {"deliverer", {CLIENT_KINDS, {129, 129}}},
    [ORDO_ROLE_SUBSCRIBER] =
        {"subscriber", {{28, 31}, {128, 128}, {130, 130}, {132, 132}, {136, 139}, {192, 193}}},
    [ORDO_ROLE_REPLICA] = {"replica", {{132, 132}, {192, 192}}},
    [ORDO_ROLE_OPERATOR] = {"operator", {{0, 128}, {130, UINT8_MAX}}},
};

const char *ordo_role_name(enum ordo_door_role role)
{
    ORDO_ASSERT(role < ORDO_ROLE_COUNT);
    return roles[role].name;
}

bool ordo_role_named(const char *name, size_t size, enum ordo_door_role *role)
{
    for (uint32_t i = 0; i < ORDO_ROLE_COUNT; i++) {
        if (strlen(roles[i].name) == size && memcmp(roles[i].name, name, size) == 0) {
            *role = (enum ordo_door_role)i;
            return true;
        }
    }
    return false;
}

bool ordo_role_allows(enum ordo_door_role role, uint8_t kind)
{
    ORDO_ASSERT(role < ORDO_ROLE_COUNT);
    const struct role *row = &roles[role];
    for (uint32_t i = 0; i < RANGES_MAX && row->kinds[i].last != 0; i++) {
        if (kind >= row->kinds[i].first && kind <= row->kinds[i].last) {
            return true;
        }
    }
    return false;
}

bool ordo_role_is_urgent(enum ordo_door_role role)
{
    for (uint32_t kind = 0; kind <= UINT8_MAX; kind++) {
        if (ordo_wire_class_of(kind) == ORDO_CLASS_FACT && ordo_role_allows(role, (uint8_t)kind)) {
            return true;
        }
    }
    return false;
}
