#include "order/settings.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

static const struct ordo_setting settings[] = {
#define SETTING(key, name, standard, min, max, capacity, text)                                     \
    {key,                                                                                          \
     #name,                                                                                        \
     standard,                                                                                     \
     min,                                                                                          \
     max,                                                                                          \
     capacity,                                                                                     \
     (uint32_t)offsetof(struct ordo_settings_values, name),                                        \
     text},
    ORDO_SETTINGS(SETTING)
#undef SETTING
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

const struct ordo_setting *ordo_setting_at(uint32_t index)
{
    return index < SETTING_COUNT ? &settings[index] : NULL;
}

const struct ordo_setting *ordo_setting_of(uint64_t key)
{
    for (uint32_t i = 0; i < SETTING_COUNT; i++) {
        if (settings[i].key == key) {
            return &settings[i];
        }
    }
    return NULL;
}

const struct ordo_setting *ordo_setting_named(const char *name)
{
    for (uint32_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

void ordo_settings_standard(struct ordo_settings_values *values)
{
    *values = (struct ordo_settings_values){
#define STANDARD(key, name, standard, min, max, capacity, text) .name = standard,
        ORDO_SETTINGS(STANDARD)
#undef STANDARD
    };
}

int64_t
ordo_settings_get(const struct ordo_settings_values *values, const struct ordo_setting *setting)
{
    ORDO_ASSERT(setting->offset + sizeof(int64_t) <= sizeof(*values));
    int64_t value;
    memcpy(&value, (const uint8_t *)values + setting->offset, sizeof(value));
    return value;
}

enum ordo_err ordo_settings_set(
    struct ordo_settings_values *values, const struct ordo_setting *setting, int64_t value)
{
    ORDO_ASSERT(setting->offset + sizeof(int64_t) <= sizeof(*values));
    if (value < setting->min || value > setting->max) {
        return ORDO_ERR_LIMIT;
    }
    memcpy((uint8_t *)values + setting->offset, &value, sizeof(value));
    return ORDO_OK;
}
