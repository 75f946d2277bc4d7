/* config_keys.h - the table of keys behind config.h: sets one value from one source.
 *
 * Inside of the configuration only (config.c reads the sources). Starter thread.
 */
#ifndef ORDO_TOOLS_CONFIG_KEYS_H
#define ORDO_TOOLS_CONFIG_KEYS_H

#include "config.h"

#include <stdbool.h>

#define ORDO_CONFIG_KEYS 31

enum ordo_config_source {
    ORDO_CONFIG_FROM_NOWHERE,
    ORDO_CONFIG_FROM_DEFAULT,
    ORDO_CONFIG_FROM_FILE,
    ORDO_CONFIG_FROM_ENVIRONMENT,
    ORDO_CONFIG_FROM_FLAG,
};

struct ordo_config_setter {
    struct ordo_config *config; /* not owned */
    struct ordo_fail *fail;     /* not owned */
    enum ordo_config_source source;
    enum ordo_config_source set_by[ORDO_CONFIG_KEYS];
    const char *place; /* "file:line", the variable or the flag that is being read */
    bool failed;       /* fail holds the first mistake */
};

/* "section.key" and the default, NULL when the key has none. index < ORDO_CONFIG_KEYS. */
const char *ordo_config_key_name(size_t index);
const char *ordo_config_key_standard(size_t index);

/* Both: false after a mistake, which is then in fail. */
bool ordo_config_set(struct ordo_config_setter *setter, size_t index, const char *value);
bool ordo_config_set_named(struct ordo_config_setter *setter, const char *name, const char *value);

/* Puts "PLACE: NAME = "VALUE" is not WANTED" into fail; always false. */
bool ordo_config_refuse(
    struct ordo_config_setter *setter, const char *name, const char *value, const char *wanted);

/* ---- config_net.c: the values of [net] that are more than a number or a path ---- */

/* One element: "[ROLE=]URL", "URL", "ROLE=FILE". */
bool ordo_config_add_listen(struct ordo_config_setter *setter, const char *name, const char *item);
bool ordo_config_add_publish(struct ordo_config_setter *setter, const char *name, const char *item);
bool ordo_config_add_ca(struct ordo_config_setter *setter, const char *name, const char *item);

/* "off", "20%", "5000" */
bool ordo_config_set_throttle(
    struct ordo_config_setter *setter, const char *name, const char *value);

/* As a line of a file. index: of the list. */
void ordo_config_print_listen(
    const struct ordo_config *config, const char *name, uint32_t index, FILE *out);
void ordo_config_print_ca(
    const struct ordo_config *config, const char *name, uint32_t index, FILE *out);
void ordo_config_print_throttle(const struct ordo_config *config, const char *name, FILE *out);

#endif
