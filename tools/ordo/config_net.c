/* The values of [net] that are more than a number or a path.
 *
 * A listener has its role in front of its address, so that a list of listeners reads as one: the
 * role is part of what an address is for, and a list apart would have to be kept in step with it.
 * A path may have a "=", so a role is looked for before "://" alone.
 */
#include "config_keys.h"

#include "cli.h"

#include <string.h>

#define RATE_MAX 100000000
#define ROLES    "all, client, deliverer, subscriber, replica or operator"

static bool
is_url(struct ordo_config_setter *setter, const char *name, const char *url, uint32_t count)
{
    if (strstr(url, "://") == NULL || strlen(url) >= ORDO_CONFIG_URL_MAX) {
        return ordo_config_refuse(
            setter, name, url, "a URL such as tcp://127.0.0.1:7400 or ipc:///run/ordo.ipc");
    }
    if (count == ORDO_CONFIG_URLS_MAX) {
        return ordo_config_refuse(setter, name, url, "possible: at most 8 URLs");
    }
    return true;
}

bool ordo_config_add_listen(struct ordo_config_setter *setter, const char *name, const char *item)
{
    struct ordo_config *config = setter->config;
    const char *url = item;
    const char *scheme = strstr(item, "://");
    const char *equals = strchr(item, '=');
    enum ordo_door_role role = ORDO_ROLE_ALL;

    if (scheme != NULL && equals != NULL && equals < scheme) {
        if (!ordo_role_named(item, (size_t)(equals - item), &role)) {
            return ordo_config_refuse(
                setter, name, item, "ROLE=URL or URL, the role one of " ROLES);
        }
        url = equals + 1;
    }
    if (!is_url(setter, name, url, config->listen_count)) {
        return false;
    }
    memcpy(config->listen[config->listen_count], url, strlen(url) + 1);
    config->listen_roles[config->listen_count++] = role;
    return true;
}

bool ordo_config_add_publish(struct ordo_config_setter *setter, const char *name, const char *item)
{
    struct ordo_config *config = setter->config;
    if (!is_url(setter, name, item, config->publish_count)) {
        return false;
    }
    memcpy(config->publish[config->publish_count++], item, strlen(item) + 1);
    return true;
}

bool ordo_config_add_ca(struct ordo_config_setter *setter, const char *name, const char *item)
{
    struct ordo_config *config = setter->config;
    const char *equals = strchr(item, '=');
    enum ordo_door_role role;

    if (equals == NULL || equals[1] == '\0' || strlen(equals + 1) >= ORDO_CONFIG_PATH_MAX ||
        !ordo_role_named(item, (size_t)(equals - item), &role)) {
        return ordo_config_refuse(setter, name, item, "ROLE=FILE, the role one of " ROLES);
    }
    for (uint32_t i = 0; i < config->tls_ca_count; i++) {
        if (config->tls_ca[i].role == role) {
            return ordo_config_refuse(setter, name, item, "possible: the role has a file already");
        }
    }
    config->tls_ca[config->tls_ca_count].role = role;
    memcpy(config->tls_ca[config->tls_ca_count++].file, equals + 1, strlen(equals + 1) + 1);
    return true;
}

bool ordo_config_set_throttle(
    struct ordo_config_setter *setter, const char *name, const char *value)
{
    char copy[32];
    size_t size = strlen(value);
    uint64_t number = 0;
    bool share = size > 1 && size < sizeof(copy) && value[size - 1] == '%';

    (void)snprintf(copy, sizeof(copy), "%s", value);
    if (share) {
        copy[size - 1] = '\0';
    }
    bool good = strcmp(value, "off") == 0 ||
                (size < sizeof(copy) && ordo_cli_number(copy, share ? 100 : RATE_MAX, &number) &&
                 number > 0);
    if (!good) {
        return ordo_config_refuse(
            setter, name, value, "\"off\", 1% to 100%, or commands a second up to 100m");
    }
    setter->config->throttle_share = share ? (uint32_t)number : 0;
    setter->config->throttle_rate = share ? 0 : number;
    return true;
}

void ordo_config_print_listen(
    const struct ordo_config *config, const char *name, uint32_t index, FILE *out)
{
    enum ordo_door_role role = config->listen_roles[index];
    bool all = role == ORDO_ROLE_ALL;
    (void)fprintf(
        out,
        "%s = %s%s%s\n",
        name,
        all ? "" : ordo_role_name(role),
        all ? "" : "=",
        config->listen[index]);
}

void ordo_config_print_ca(
    const struct ordo_config *config, const char *name, uint32_t index, FILE *out)
{
    (void)fprintf(
        out,
        "%s = %s=%s\n",
        name,
        ordo_role_name(config->tls_ca[index].role),
        config->tls_ca[index].file);
}

void ordo_config_print_throttle(const struct ordo_config *config, const char *name, FILE *out)
{
    if (config->throttle_share != 0) {
        (void)fprintf(out, "%s = %u%%\n", name, config->throttle_share);
    } else if (config->throttle_rate != 0) {
        (void)fprintf(out, "%s = %llu\n", name, (unsigned long long)config->throttle_rate);
    } else {
        (void)fprintf(out, "%s = off\n", name);
    }
}
