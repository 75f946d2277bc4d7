/* `ordo settings [NAME=VALUE...]`: the policies of a node. Without a value those in force; with
 * values one sequenced command, which takes all of them or none.
 */
#include "order/settings.h"
#include "cli.h"
#include "net/frame.h"
#include "online.h"
#include "operator.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct settings {
    struct ordo_online online; /* first: the child's input */
    struct ordo_operator by;
    uint8_t pairs[ORDO_SETTINGS_MAX * 20];
    struct ordo_writer out;
    uint32_t count;
};

static error_t on_pair(struct settings *settings, const char *argument, struct argp_state *state)
{
    const char *equals = strchr(argument, '=');
    char name[48];
    uint64_t value = 0;
    size_t size = equals == NULL ? 0 : (size_t)(equals - argument);
    if (size == 0 || size >= sizeof(name) || !ordo_cli_number(equals + 1, INT64_MAX, &value)) {
        argp_error(state, "\"%s\" is not NAME=VALUE", argument);
        return 0;
    }
    memcpy(name, argument, size);
    name[size] = '\0';
    const struct ordo_setting *setting = ordo_setting_named(name);
    if (setting == NULL) {
        argp_error(state, "there is no setting \"%s\"; `ordo settings` lists them", name);
        return 0;
    }
    if (settings->count++ == ORDO_SETTINGS_MAX) {
        argp_error(state, "at most %d settings at a time", ORDO_SETTINGS_MAX);
        return 0;
    }
    ordo_write_varint(&settings->out, setting->key);
    ordo_write_zigzag(&settings->out, (int64_t)value);
    return 0;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct settings *settings = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &settings->online;
        state->child_inputs[1] = &settings->by;
        return 0;
    case ARGP_KEY_ARG:
        return on_pair(settings, argument, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_row(
    const struct settings *settings,
    const struct ordo_setting *setting,
    int64_t value,
    json_t *rows)
{
    if (!settings->online.json) {
        (void)printf(
            "%-18s %12lld  %s%s\n",
            setting->name,
            (long long)value,
            setting->text,
            setting->capacity ? "; fixed when the folder is made" : "");
        return;
    }
    (void)json_array_append_new(
        rows,
        json_pack(
            "{s:s, s:I, s:I, s:I, s:I, s:b, s:s}",
            "name",
            setting->name,
            "value",
            (json_int_t)value,
            "default",
            (json_int_t)setting->standard,
            "min",
            (json_int_t)setting->min,
            "max",
            (json_int_t)setting->max,
            "fixed",
            setting->capacity,
            "text",
            setting->text));
}

/* What is in force. */
static int show(const struct settings *settings, const struct ordo_answer *answer)
{
    struct ordo_mp_reader body = answer->item.body;
    uint32_t count = ordo_body_settings(&body);
    json_t *rows = json_array();
    for (uint32_t i = 0; i < count && body.error == NULL; i++) {
        uint64_t key;
        int64_t value;
        ordo_body_setting(&body, &key, &value);
        const struct ordo_setting *setting = ordo_setting_of(key);
        if (setting != NULL && body.error == NULL) {
            add_row(settings, setting, value, rows);
        }
    }
    if (body.error == NULL && settings->online.json) {
        return ordo_online_print_json(json_pack("{s:b, s:o}", "ok", 1, "settings", rows));
    }
    json_decref(rows);
    return body.error == NULL
               ? ORDO_EXIT_OK
               : ordo_cli_fail(
                     ORDO_EXIT_UNAVAILABLE,
                     "the node's answer is none of this version: update this program");
}

static int list(struct settings *settings)
{
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS_GET};
    const struct ordo_answer *answer = NULL;
    int code = ordo_online_open(&settings->online);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = ordo_online_call(&settings->online, &command, &answer);
    if (code == ORDO_EXIT_OK) {
        bool answered = answer->item.result.code == ORDO_RESULT_OK && answer->item.has_body;
        code = answered ? show(settings, answer)
                        : ordo_online_refused(&settings->online, "settings", answer);
    }
    ordo_online_close(&settings->online);
    return code;
}

static int set(struct settings *settings)
{
    struct ordo_command command = {.kind = ORDO_KIND_SETTINGS};
    const struct ordo_answer *answer = NULL;
    command.settings.pairs.count = settings->count;
    command.settings.pairs.raw =
        (struct ordo_bytes){settings->pairs, (uint32_t)ordo_writer_size(&settings->out)};
    command.settings.operator_name = ordo_operator_name(&settings->by);
    int code = ordo_online_open(&settings->online);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    code = ordo_online_call(&settings->online, &command, &answer);
    if (code == ORDO_EXIT_OK) {
        code = ordo_online_result(&settings->online, "settings", &command, answer);
    }
    ordo_online_close(&settings->online);
    return code;
}

int ordo_verb_settings(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&ordo_online_parser, 0, "The node:", 9},
        {&ordo_operator_parser, 0, "For the record:", 8},
        {0}};
    static const struct argp parser = {
        .parser = on_option,
        .args_doc = "[NAME=VALUE...]",
        .doc =
            "Set policies of a node, for all of its shops: all of them or none. Without a value: "
            "list those in force. A capacity is given to a new folder: `ordo serve --set "
            "genesis.NAME=VALUE`.",
        .children = children,
    };
    struct settings settings;
    memset(&settings, 0, sizeof(settings));
    settings.out = ordo_writer_over(settings.pairs, sizeof(settings.pairs));
    ordo_online_init(&settings.online);
    ordo_operator_init(&settings.by);
    int code = ordo_online_parse(&parser, argc, argv, &settings);
    if (code != ORDO_EXIT_OK) {
        return code;
    }
    return settings.count == 0 ? list(&settings) : set(&settings);
}
