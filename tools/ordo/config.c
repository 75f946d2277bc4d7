/* The four sources of the configuration.
 *
 * libinih reads the file. Debian's build does not hand the line number to the handler, so the lines
 * are counted where they are read: the handler runs right after its line. Continuation lines are
 * switched off, because an indented "key = value" would silently become a part of the value above
 * it.
 */
#include "config.h"

#include "base/assert.h"
#include "config_keys.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct ordo_config_setter setter;
    const char *file;
    char place[ORDO_CONFIG_PATH_MAX + 16];
    FILE *stream;
    int line;
    bool line_too_long;
};

static void load_defaults(struct loader *loader)
{
    loader->setter.source = ORDO_CONFIG_FROM_DEFAULT;
    loader->setter.place = "defaults";
    for (size_t i = 0; i < ORDO_CONFIG_KEYS; i++) {
        if (ordo_config_key_standard(i) != NULL) {
            bool good = ordo_config_set(&loader->setter, i, ordo_config_key_standard(i));
            ORDO_ASSERT(good);
        }
    }
}

static char *read_line(char *text, int size, void *context)
{
    struct loader *loader = context;

    loader->line++;
    char *got = fgets(text, size, loader->stream);
    if (got != NULL && strchr(got, '\n') == NULL && !feof(loader->stream)) {
        loader->line_too_long = true;
    }
    return got;
}

static int on_pair(void *context, const char *section, const char *name, const char *value)
{
    struct loader *loader = context;
    char full[128];

    if (loader->setter.failed || loader->line_too_long) {
        return 0;
    }
    (void)snprintf(loader->place, sizeof(loader->place), "%s:%d", loader->file, loader->line);
    (void)snprintf(full, sizeof(full), "%s.%s", section, name);
    loader->setter.place = loader->place;
    return ordo_config_set_named(&loader->setter, full, value) ? 1 : 0;
}

static enum ordo_err load_file(struct loader *loader, const char *file)
{
    loader->setter.source = ORDO_CONFIG_FROM_FILE;
    loader->file = file;
    loader->stream = fopen(file, "re");
    if (loader->stream == NULL) {
        return ordo_fail_set(
            loader->setter.fail, ORDO_ERR_CONFIG, "%s: cannot be read: %s", file, strerror(errno));
    }
    ini_allow_multiline = false;
    int line = ini_parse_stream(read_line, loader, on_pair, loader);
    bool broken = ferror(loader->stream) != 0;
    (void)fclose(loader->stream);
    if (loader->setter.failed) {
        return ORDO_ERR_CONFIG;
    }
    if (broken) {
        return ordo_fail_set(loader->setter.fail, ORDO_ERR_CONFIG, "%s: cannot be read", file);
    }
    if (loader->line_too_long) {
        return ordo_fail_set(
            loader->setter.fail, ORDO_ERR_CONFIG, "%s: a line has 200 bytes or more", file);
    }
    if (line != 0) {
        return ordo_fail_set(
            loader->setter.fail,
            ORDO_ERR_CONFIG,
            "%s:%d: not [section], key = value or ; comment",
            file,
            line);
    }
    return ORDO_OK;
}

/* ORDO_NET_LISTEN for net.listen. */
static enum ordo_err load_environment(struct loader *loader)
{
    loader->setter.source = ORDO_CONFIG_FROM_ENVIRONMENT;
    for (size_t i = 0; i < ORDO_CONFIG_KEYS; i++) {
        char name[64] = "ORDO_";
        size_t used = strlen(name);
        for (const char *c = ordo_config_key_name(i); *c != '\0' && used + 1 < sizeof(name); c++) {
            name[used++] = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
        }
        const char *value = getenv(name);
        loader->setter.place = name;
        if (value != NULL && !ordo_config_set(&loader->setter, i, value)) {
            return ORDO_ERR_CONFIG;
        }
    }
    return ORDO_OK;
}

static enum ordo_err
load_flags(struct loader *loader, const struct ordo_config_flag *flags, uint32_t flag_count)
{
    loader->setter.source = ORDO_CONFIG_FROM_FLAG;
    loader->setter.place = "command line";
    for (uint32_t i = 0; i < flag_count; i++) {
        if (!ordo_config_set_named(&loader->setter, flags[i].key, flags[i].value)) {
            return ORDO_ERR_CONFIG;
        }
    }
    return ORDO_OK;
}

/* What was not given follows from the data folder, so that two nodes on one machine do not meet. */
static bool derive(struct loader *loader)
{
    struct ordo_config *config = loader->setter.config;
    size_t size = strlen(config->data);
    char url[ORDO_CONFIG_PATH_MAX + 32];
    bool good = true;

    loader->setter.place = "node.data";
    while (size > 1 && config->data[size - 1] == '/') {
        config->data[--size] = '\0';
    }
    if (config->key[0] == '\0') {
        int used = snprintf(config->key, sizeof(config->key), "%s.key", config->data);
        good = used > 0 && (size_t)used < sizeof(config->key);
    }
    if (good && config->listen_count == 0) {
        (void)snprintf(url, sizeof(url), "ipc://%s/ordo.ipc", config->data);
        good = ordo_config_set_named(&loader->setter, "net.listen", url);
    }
    if (good && config->publish_count == 0) {
        (void)snprintf(url, sizeof(url), "ipc://%s/updates.ipc", config->data);
        good = ordo_config_set_named(&loader->setter, "net.publish", url);
    }
    return good || ordo_config_refuse(
                       &loader->setter,
                       "node.data",
                       config->data,
                       "short enough: set net.listen and net.publish");
}

enum ordo_err ordo_config_load(
    struct ordo_config *config,
    const char *file,
    const struct ordo_config_flag *flags,
    uint32_t flag_count,
    struct ordo_fail *fail)
{
    struct loader loader = {.setter = {.config = config, .fail = fail}};

    memset(config, 0, sizeof(*config));
    ordo_settings_standard(&config->genesis);
    load_defaults(&loader);
    enum ordo_err err = file == NULL ? ORDO_OK : load_file(&loader, file);
    if (err == ORDO_OK) {
        err = load_environment(&loader);
    }
    if (err == ORDO_OK) {
        err = load_flags(&loader, flags, flag_count);
    }
    if (err == ORDO_OK && !derive(&loader)) {
        err = ORDO_ERR_CONFIG;
    }
    return err;
}
