/* The keys of the configuration, one row each: type, place in the struct, default, bounds. A new
 * key is one row and one member.
 *
 * Values are checked here and nowhere else, so that a file, a variable and a flag get the same
 * answer. Each key remembers the source that set it last: a list of a later source replaces the
 * earlier one, and a scalar given twice in a file is a mistake, not "the last one wins".
 */
#include "config_keys.h"

#include "base/assert.h"
#include "cli.h"
#include "journal/disk.h"
#include "journal/format.h"
#include "order/schema.h"
#include "ring/stamps.h"

#include <stddef.h>
#include <string.h>

enum key_type {
    KEY_PATH,
    KEY_URLS,
    KEY_ROLE_URLS,
    KEY_ROLE_FILES,
    KEY_CPUS,
    KEY_COUNT,
    KEY_SIZE,
    KEY_CHOICE,
    KEY_THROTTLE
};

struct key {
    const char *name; /* section.key */
    enum key_type type;
    size_t offset;
    size_t count_offset;  /* lists */
    const char *standard; /* NULL = derived from the data folder, or an empty list */
    uint64_t min;
    uint64_t max;
    bool power_of_two;
    const char *choices[4]; /* the index is the value */
};

#define AT(member) offsetof(struct ordo_config, member)
#define GIB        (1ull << 30)
#define GENESIS    "genesis."

/* The journal's own bounds. */
#define SEGMENT_MAX   ORDO_JOURNAL_SEGMENT_MAX
#define BATCH_MIN     ORDO_JOURNAL_LIMIT_MIN
#define BATCH_MAX     ORDO_JOURNAL_BATCH_MAX
#define IN_FLIGHT_MAX ORDO_DISK_IN_FLIGHT_MAX

#define PATH(path, to, given)                                                                      \
    {                                                                                              \
        .name = path, .type = KEY_PATH, .offset = AT(to), .standard = given                        \
    }
#define LIST(path, kind, to, many)                                                                 \
    {                                                                                              \
        .name = path, .type = kind, .offset = AT(to), .count_offset = AT(many), .max = 1023        \
    }
#define NUMBER(path, kind, to, given, low, high, two)                                              \
    {                                                                                              \
        .name = path, .type = kind, .offset = AT(to), .standard = given, .min = low, .max = high,  \
        .power_of_two = two                                                                        \
    }
#define CHOICE(path, to, given, ...)                                                               \
    {                                                                                              \
        .name = path, .type = KEY_CHOICE, .offset = AT(to), .standard = given, .choices = {        \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct key keys[] = {
    PATH("node.data", data, "data"),
    PATH("node.key", key, NULL),
    LIST("net.listen", KEY_ROLE_URLS, listen, listen_count),
    LIST("net.publish", KEY_URLS, publish, publish_count),
    CHOICE("net.polled", polled, "auto", "auto", "on", "off"),
    NUMBER("net.connections_max", KEY_COUNT, connections_max, "1024", 1, 65536, false),
    NUMBER("net.requests_max", KEY_COUNT, requests_max, "4096", 1, 65536, false),
    NUMBER("net.request_size_max", KEY_COUNT, request_size_max, "1Mi", 65536, 1u << 26, false),
    NUMBER("net.heartbeat_ms", KEY_COUNT, heartbeat_ms, "200", 1, 60000, false),
    PATH("net.tls_certificate", tls_certificate, NULL),
    PATH("net.tls_key", tls_key, NULL),
    LIST("net.tls_ca", KEY_ROLE_FILES, tls_ca, tls_ca_count),
    {.name = "net.throttle", .type = KEY_THROTTLE, .standard = "off"},
    CHOICE("memory.take", memory_take, "as_used", "as_used", "at_start"),
    CHOICE("threads.layout", layout, "shared", "shared", "compact", "dedicated"),
    CHOICE("threads.strategy", strategy, "park", "spin", "yield", "park"),
    LIST("threads.cpus", KEY_CPUS, cpus, cpu_count),
    NUMBER("ring.slots", KEY_COUNT, slots, "16Ki", 64, 1u << 22, true),
    NUMBER("ring.command_size", KEY_SIZE, command_size, "16Mi", 1u << 18, 4 * GIB, true),
    NUMBER("ring.outcome_size", KEY_SIZE, outcome_size, "16Mi", 1u << 18, 4 * GIB, true),
    NUMBER("ring.sample", KEY_COUNT, sample, "64", 0, ORDO_STAMPS_EVERY_MAX, true),
    CHOICE("journal.backend", backend, "auto", "auto", "io_uring", "pwrite"),
    CHOICE("journal.durability", durability, "flush", "flush", "os", "none"),
    CHOICE("journal.flush", flush, "dsync", "dsync", "fdatasync"),
    NUMBER("journal.segment_size", KEY_SIZE, segment_size, "64Mi", 1u << 20, SEGMENT_MAX, false),
    NUMBER("journal.batch_size_max", KEY_COUNT, batch_size_max, "1Mi", BATCH_MIN, BATCH_MAX, false),
    NUMBER("journal.in_flight_max", KEY_COUNT, in_flight_max, "2", 1, IN_FLIGHT_MAX, false),
    PATH("journal.key_file", journal_key, NULL),
    NUMBER("snapshot.every_records", KEY_SIZE, snapshot_every_records, "5m", 0, 1ull << 40, false),
    CHOICE("snapshot.archive", snapshot_archive, "on", "off", "on"),
    NUMBER("snapshot.pool_size", KEY_SIZE, snapshot_pool_size, "64Mi", 1u << 18, 4 * GIB, true),
};

_Static_assert(sizeof(keys) / sizeof(keys[0]) == ORDO_CONFIG_KEYS, "count the rows");

const char *ordo_config_key_name(size_t index)
{
    ORDO_ASSERT(index < ORDO_CONFIG_KEYS);
    return keys[index].name;
}

const char *ordo_config_key_standard(size_t index)
{
    ORDO_ASSERT(index < ORDO_CONFIG_KEYS);
    return keys[index].standard;
}

_Static_assert(
    ORDO_LAYOUT_SHARED == 0 && ORDO_LAYOUT_COMPACT == 1 && ORDO_LAYOUT_DEDICATED == 2,
    "choices of threads.layout");
_Static_assert(
    ORDO_WAIT_SPIN == 0 && ORDO_WAIT_YIELD == 1 && ORDO_WAIT_PARK == 2,
    "choices of threads.strategy");
_Static_assert(
    ORDO_BACKEND_AUTO == 0 && ORDO_BACKEND_URING == 1 && ORDO_BACKEND_PWRITE == 2,
    "choices of journal.backend");
_Static_assert(
    ORDO_DURABILITY_FLUSH == 0 && ORDO_DURABILITY_OS == 1 && ORDO_DURABILITY_NONE == 2,
    "choices of journal.durability");
_Static_assert(ORDO_FLUSH_DSYNC == 0 && ORDO_FLUSH_FDATASYNC == 1, "choices of journal.flush");

bool ordo_config_refuse(
    struct ordo_config_setter *setter, const char *name, const char *value, const char *wanted)
{
    setter->failed = true;
    (void)ordo_fail_set(
        setter->fail,
        ORDO_ERR_CONFIG,
        "%s: %s = \"%s\" is not %s",
        setter->place,
        name,
        value,
        wanted);
    return false;
}

/* ---- values ---- */

static void *member(const struct ordo_config_setter *setter, size_t offset)
{
    return (uint8_t *)setter->config + offset;
}

static bool set_path(struct ordo_config_setter *setter, const struct key *key, const char *value)
{
    size_t size = strlen(value);

    if (size == 0 || size >= ORDO_CONFIG_PATH_MAX) {
        return ordo_config_refuse(setter, key->name, value, "a path of 1 to 1023 bytes");
    }
    if (value[0] == ';') { /* "data =; none yet": the file's reader wants a blank before it */
        return ordo_config_refuse(setter, key->name, value, "a path: it begins like a comment");
    }
    memcpy(member(setter, key->offset), value, size + 1);
    return true;
}

static bool set_number(struct ordo_config_setter *setter, const struct key *key, const char *value)
{
    uint64_t number;
    char wanted[128];

    bool good = ordo_cli_number(value, key->max, &number) && number >= key->min;
    if (!good || (key->power_of_two && (number & (number - 1)) != 0)) {
        (void)snprintf(
            wanted,
            sizeof(wanted),
            "a %s from %llu to %llu (suffixes k, m, g, Ki, Mi, Gi)",
            key->power_of_two ? "power of two" : "number",
            (unsigned long long)key->min,
            (unsigned long long)key->max);
        return ordo_config_refuse(setter, key->name, value, wanted);
    }
    if (key->type == KEY_SIZE) {
        memcpy(member(setter, key->offset), &number, sizeof(number));
    } else {
        uint32_t small = (uint32_t)number;
        memcpy(member(setter, key->offset), &small, sizeof(small));
    }
    return true;
}

static bool set_choice(struct ordo_config_setter *setter, const struct key *key, const char *value)
{
    char wanted[128] = "one of";

    for (uint32_t i = 0; i < 4 && key->choices[i] != NULL; i++) {
        if (strcmp(value, key->choices[i]) == 0) {
            memcpy(member(setter, key->offset), &i, sizeof(i));
            return true;
        }
        size_t used = strlen(wanted);
        (void)snprintf(wanted + used, sizeof(wanted) - used, " %s", key->choices[i]);
    }
    return ordo_config_refuse(setter, key->name, value, wanted);
}

static bool add_cpu(struct ordo_config_setter *setter, const struct key *key, const char *text)
{
    uint64_t cpu;

    if (!ordo_cli_number(text, key->max, &cpu) ||
        setter->config->cpu_count == ORDO_CONFIG_CPUS_MAX) {
        return ordo_config_refuse(
            setter, key->name, text, "a list of at most 8 CPU numbers, e.g. 0,1");
    }
    setter->config->cpus[setter->config->cpu_count++] = (int)cpu;
    return true;
}

static bool add_item(struct ordo_config_setter *setter, const struct key *key, const char *item)
{
    switch (key->type) {
    case KEY_ROLE_URLS:
        return ordo_config_add_listen(setter, key->name, item);
    case KEY_URLS:
        return ordo_config_add_publish(setter, key->name, item);
    case KEY_ROLE_FILES:
        return ordo_config_add_ca(setter, key->name, item);
    case KEY_CPUS:
        return add_cpu(setter, key, item);
    case KEY_PATH:
    case KEY_COUNT:
    case KEY_SIZE:
    case KEY_CHOICE:
    case KEY_THROTTLE:
        break;
    }
    return false;
}

static bool is_list(const struct key *key)
{
    return key->type == KEY_URLS || key->type == KEY_ROLE_URLS || key->type == KEY_ROLE_FILES ||
           key->type == KEY_CPUS;
}

/* Elements are separated by commas or blanks; the same key may also be given again. */
static bool add_list(struct ordo_config_setter *setter, const struct key *key, const char *value)
{
    char copy[ORDO_CONFIG_PATH_MAX];
    char *rest = NULL;
    size_t size = strlen(value);

    if (size >= sizeof(copy)) {
        return ordo_config_refuse(setter, key->name, value, "shorter than 1024 bytes");
    }
    memcpy(copy, value, size + 1);
    for (char *item = strtok_r(copy, ", \t", &rest); item != NULL;
         item = strtok_r(NULL, ", \t", &rest)) {
        if (!add_item(setter, key, item)) {
            return false;
        }
    }
    return true;
}

bool ordo_config_set(struct ordo_config_setter *setter, size_t index, const char *value)
{
    const struct key *key = &keys[index];
    bool again = setter->set_by[index] == setter->source;

    setter->set_by[index] = setter->source;
    if (is_list(key)) {
        if (!again) {
            memset(member(setter, key->count_offset), 0, sizeof(uint32_t));
        }
        return add_list(setter, key, value);
    }
    if (again && setter->source == ORDO_CONFIG_FROM_FILE) {
        return ordo_config_refuse(setter, key->name, value, "possible: the key was set above");
    }
    switch (key->type) {
    case KEY_PATH:
        return set_path(setter, key, value);
    case KEY_COUNT:
    case KEY_SIZE:
        return set_number(setter, key, value);
    case KEY_CHOICE:
        return set_choice(setter, key, value);
    case KEY_THROTTLE:
        return ordo_config_set_throttle(setter, key->name, value);
    case KEY_URLS:
    case KEY_ROLE_URLS:
    case KEY_ROLE_FILES:
    case KEY_CPUS:
        break;
    }
    return false;
}

/* genesis.NAME: a sequenced setting, for a new data folder. */
static bool set_genesis(struct ordo_config_setter *setter, const char *name, const char *value)
{
    const struct ordo_setting *setting;
    const char *names[ORDO_SETTINGS_MAX];
    char wanted[128];
    uint64_t number;
    uint32_t count = 0;

    for (; (setting = ordo_setting_at(count)) != NULL; count++) {
        names[count] = setting->name;
        if (strcmp(name + strlen(GENESIS), setting->name) != 0) {
            continue;
        }
        if (!ordo_cli_number(value, INT64_MAX, &number) ||
            ordo_settings_set(&setter->config->genesis, setting, (int64_t)number) != ORDO_OK) {
            (void)snprintf(
                wanted,
                sizeof(wanted),
                "a number from %lld to %lld: %s",
                (long long)setting->min,
                (long long)setting->max,
                setting->text);
            return ordo_config_refuse(setter, name, value, wanted);
        }
        setter->config->genesis_given |= 1ull << count;
        return true;
    }
    const char *nearest = ordo_cli_nearest(name + strlen(GENESIS), names, count);
    setter->failed = true;
    (void)ordo_fail_set(
        setter->fail,
        ORDO_ERR_CONFIG,
        "%s: there is no setting %s%s%s%s",
        setter->place,
        name,
        nearest == NULL ? "" : "; did you mean " GENESIS,
        nearest == NULL ? "" : nearest,
        nearest == NULL ? "" : "?");
    return false;
}

bool ordo_config_set_named(struct ordo_config_setter *setter, const char *name, const char *value)
{
    const char *names[ORDO_CONFIG_KEYS];

    if (strncmp(name, GENESIS, strlen(GENESIS)) == 0) {
        return set_genesis(setter, name, value);
    }
    for (size_t i = 0; i < ORDO_CONFIG_KEYS; i++) {
        names[i] = keys[i].name;
        if (strcmp(name, keys[i].name) == 0) {
            return ordo_config_set(setter, i, value);
        }
    }
    const char *nearest = ordo_cli_nearest(name, names, ORDO_CONFIG_KEYS);
    setter->failed = true;
    (void)ordo_fail_set(
        setter->fail,
        ORDO_ERR_CONFIG,
        nearest == NULL ? "%s: there is no key %s%s" : "%s: there is no key %s; did you mean %s?",
        setter->place,
        name,
        nearest == NULL ? "" : nearest);
    return false;
}

/* ---- print ---- */

static void
print_list(const struct ordo_config *config, const struct key *key, const char *name, FILE *out)
{
    const uint8_t *base = (const uint8_t *)config;
    uint32_t count;

    memcpy(&count, base + key->count_offset, sizeof(count));
    for (uint32_t i = 0; i < count; i++) {
        if (key->type == KEY_ROLE_URLS) {
            ordo_config_print_listen(config, name, i, out);
        } else if (key->type == KEY_URLS) {
            (void)fprintf(
                out, "%s = %s\n", name, (const char *)base + key->offset + i * ORDO_CONFIG_URL_MAX);
        } else if (key->type == KEY_ROLE_FILES) {
            ordo_config_print_ca(config, name, i, out);
        } else {
            (void)fprintf(out, "%s = %d\n", name, config->cpus[i]);
        }
    }
    if (count == 0) {
        (void)fprintf(out, "; %s =\n", name);
    }
}

static void
print_value(const struct ordo_config *config, const struct key *key, const char *name, FILE *out)
{
    const uint8_t *base = (const uint8_t *)config + key->offset;
    uint32_t small;
    uint64_t large;

    switch (key->type) {
    case KEY_PATH:
        (void)fprintf(out, base[0] == 0 ? "; %s =\n" : "%s = %s\n", name, (const char *)base);
        break;
    case KEY_COUNT:
        memcpy(&small, base, sizeof(small));
        (void)fprintf(out, "%s = %u\n", name, small);
        break;
    case KEY_SIZE:
        memcpy(&large, base, sizeof(large));
        (void)fprintf(out, "%s = %llu\n", name, (unsigned long long)large);
        break;
    case KEY_CHOICE:
        memcpy(&small, base, sizeof(small));
        (void)fprintf(out, "%s = %s\n", name, key->choices[small]);
        break;
    case KEY_THROTTLE:
        ordo_config_print_throttle(config, name, out);
        break;
    case KEY_URLS:
    case KEY_ROLE_URLS:
    case KEY_ROLE_FILES:
    case KEY_CPUS:
        print_list(config, key, name, out);
        break;
    }
}

void ordo_config_print(const struct ordo_config *config, FILE *out)
{
    const char *section = "";

    for (size_t i = 0; i < ORDO_CONFIG_KEYS; i++) {
        const char *name = keys[i].name;
        const char *point = strchr(name, '.');
        size_t size = (size_t)(point - name);
        if (strncmp(section, name, size + 1) != 0) {
            (void)fprintf(out, "%s[%.*s]\n", i == 0 ? "" : "\n", (int)size, name);
            section = name;
        }
        print_value(config, &keys[i], point + 1, out);
    }
    (void)fprintf(out, "\n[genesis]\n");
    for (uint32_t i = 0; ordo_setting_at(i) != NULL; i++) {
        const struct ordo_setting *setting = ordo_setting_at(i);
        bool given = (config->genesis_given >> i & 1) != 0;
        long long value = (long long)ordo_settings_get(&config->genesis, setting);
        (void)fprintf(out, "%s%s = %lld\n", given ? "" : "; ", setting->name, value);
    }
}
