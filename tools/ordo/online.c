/* What the online verbs share. Every one of them is: parse, connect, one or a few calls, print. The
 * words (currencies, channels, buyers) are here so that they mean the same in every verb.
 */
#include "online.h"

#include "base/clock.h"
#include "cli.h"
#include "order/result.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    OPTION_DATA = 0x100,
    OPTION_ID,
    OPTION_TIMEOUT,
};

static const struct argp_option options[] = {
    {"connect",
     'c',
     "URL",
     0,
     "Where the node listens (default: $ORDO_CONNECT, else the folder)",
     9},
    {"data", OPTION_DATA, "DIR", 0, "The node's data folder, for the defaults: ./data", 9},
    {"shop", 's', "N", 0, "The shop's number (default 0)", 9},
    {"timeout", OPTION_TIMEOUT, "DURATION", 0, "Give up after this time (default 10s)", 9},
    {"id",
     OPTION_ID,
     "HEX",
     0,
     "The command's id, to ask again after UNKNOWN (default: random)",
     9},
    {"key", 'k', "FILE", 0, "The card key file (default: $ORDO_KEY, else DIR.key)", 9},
    {"json", 'j', NULL, 0, "Answer as one JSON object", 9},
    {0},
};

static void set_path(char *out, const char *value)
{
    (void)snprintf(out, ORDO_ONLINE_PATH_MAX, "%s", value);
}

static void set_folder(struct ordo_online *online, const char *folder)
{
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/') {
        size--;
    }
    int n = (int)size;
    (void)snprintf(online->connect, ORDO_ONLINE_PATH_MAX, "ipc://%.*s/ordo.ipc", n, folder);
    (void)snprintf(online->publish, ORDO_ONLINE_PATH_MAX, "ipc://%.*s/updates.ipc", n, folder);
    (void)snprintf(online->key, ORDO_ONLINE_PATH_MAX, "%.*s%s", n, folder, ORDO_KEY_SUFFIX);
}

static void set_from_environment(char *out, const char *name)
{
    const char *value = getenv(name);
    if (value != NULL && value[0] != '\0') {
        set_path(out, value);
    }
}

void ordo_online_init(struct ordo_online *online)
{
    memset(online, 0, sizeof(*online));
    online->timeout_ms = ORDO_ONLINE_TIMEOUT;
    set_folder(online, "data");
    set_from_environment(online->connect, "ORDO_CONNECT");
    set_from_environment(online->publish, "ORDO_PUBLISH");
    set_from_environment(online->key, "ORDO_KEY");
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct ordo_online *online = state->input;
    uint64_t number = 0;
    switch (key) {
    case 'c':
        set_path(online->connect, argument);
        return 0;
    case 'k':
        set_path(online->key, argument);
        return 0;
    case 'j':
        online->json = true;
        return 0;
    case OPTION_DATA:
        set_folder(online, argument);
        return 0;
    case 's':
        if (!ordo_cli_number(argument, UINT32_MAX, &number)) {
            argp_error(state, "--shop: \"%s\" is no number up to %u", argument, UINT32_MAX);
        }
        online->shop = (uint32_t)number;
        return 0;
    case OPTION_TIMEOUT:
        if (!ordo_cli_duration_us(argument, &number) || number < 1000 || number > 86400000000) {
            argp_error(state, "--timeout: \"%s\" is no duration from 1ms to 1d", argument);
        }
        online->timeout_ms = (uint32_t)(number / 1000);
        return 0;
    case OPTION_ID:
        online->has_id = true;
        if (!ordo_online_unhex(argument, online->id, ORDO_ID_SIZE)) {
            argp_error(state, "--id: \"%s\" is not 32 hexadecimal digits", argument);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp ordo_online_parser = {.options = options, .parser = on_option};

int ordo_online_parse(const struct argp *parser, int argc, char **argv, void *input)
{
    return argp_parse(parser, argc, argv, 0, NULL, input) == 0 ? ORDO_EXIT_OK : ORDO_EXIT_USAGE;
}

struct ordo_tunnel_files ordo_online_tls(void)
{
    return (struct ordo_tunnel_files){
        .ca = getenv("ORDO_TLS_CA"),
        .cert = getenv("ORDO_TLS_CERT"),
        .key = getenv("ORDO_TLS_KEY"),
        .server = getenv("ORDO_TLS_SERVER")};
}

/* ---- calls ---- */

int ordo_online_open(struct ordo_online *online)
{
    struct ordo_client_config config = {
        .url = online->connect, .tls = ordo_online_tls(), .patience_ms = online->timeout_ms};
    struct ordo_fail fail;
    if (ordo_client_open(&config, &online->client, &fail) != ORDO_OK) {
        return ordo_cli_fail(ORDO_EXIT_USAGE, "--connect: %s", fail.text);
    }
    uint32_t wait_ms = online->timeout_ms < 2000 ? online->timeout_ms : 2000;
    if (ordo_client_connect(online->client, wait_ms, &fail) == ORDO_OK) {
        return ORDO_EXIT_OK;
    }
    ordo_online_close(online);
    return ordo_cli_fail(
        ORDO_EXIT_UNAVAILABLE,
        "%s; is `ordo serve` running, and does --connect name its listen URL?",
        fail.text);
}

void ordo_online_close(struct ordo_online *online)
{
    ordo_client_close(online->client);
    online->client = NULL;
}

int ordo_online_call(
    struct ordo_online *online, struct ordo_command *command, const struct ordo_answer **answer)
{
    char hex[2 * ORDO_ID_SIZE + 1];
    bool takes_id = ordo_kind_has_client_id(command->kind);
    command->shop = online->shop;
    if (takes_id && online->has_id) {
        memcpy(command->id, online->id, ORDO_ID_SIZE);
        online->has_id = false; /* one command, one id */
    }
    enum ordo_err err = ordo_client_call(online->client, command, 1, online->timeout_ms, answer);
    if (err != ORDO_OK) {
        return ordo_cli_fail(
            ordo_exit_of(err), "the command could not be sent: %s", ordo_err_text(err));
    }
    uint16_t code = (*answer)->item.result.code;
    if (code != ORDO_RESULT_UNKNOWN && code != ORDO_RESULT_BUSY) {
        return ORDO_EXIT_OK;
    }
    ordo_online_hex(command->id, ORDO_ID_SIZE, hex);
    const char *state = code == ORDO_RESULT_BUSY
                            ? "the node is overloaded; nothing was decided"
                            : "the node gave no answer in time; what became of it is unknown";
    return ordo_cli_fail(
        ORDO_EXIT_UNAVAILABLE,
        "%s: ask again%s%s",
        state,
        takes_id ? " with --id " : "",
        takes_id ? hex : "");
}

int ordo_online_key(const struct ordo_online *online, bool make, struct ordo_key *key)
{
    struct ordo_fail fail;
    bool made = false;
    enum ordo_err err = make ? ordo_key_load_or_make(online->key, key, &made, &fail)
                             : ordo_key_load(online->key, key, &fail);
    if (err != ORDO_OK) {
        return ordo_cli_fail_with(&fail);
    }
    if (made) {
        (void)fprintf(
            stderr,
            "ordo: made the key file %s: keep a copy elsewhere, without it no card can be opened\n",
            online->key);
    }
    return ORDO_EXIT_OK;
}

static int call_query(
    struct ordo_online *online,
    struct ordo_command *command,
    const struct ordo_answer **answer,
    bool *answered)
{
    int code = ordo_online_call(online, command, answer);
    *answered = code == ORDO_EXIT_OK && (*answer)->item.result.code == ORDO_RESULT_OK &&
                (*answer)->item.has_body;
    return code;
}

static int bad_body(void)
{
    return ordo_cli_fail(
        ORDO_EXIT_UNAVAILABLE, "the node's answer is none of this version: update this program");
}

int ordo_online_order(
    struct ordo_online *online,
    const char *order_id,
    struct ordo_order_view *view,
    const struct ordo_answer **answer)
{
    struct ordo_command command = {.kind = ORDO_KIND_GET};
    bool answered = false;
    if (!ordo_online_order_id(order_id, &command.get.order_id)) {
        return ORDO_EXIT_USAGE;
    }
    int code = call_query(online, &command, answer, &answered);
    if (answered) {
        struct ordo_mp_reader body = (*answer)->item.body;
        ordo_body_order(&body, view);
        code = body.error == NULL ? code : bad_body();
    }
    return code;
}

int ordo_online_find(
    struct ordo_online *online,
    const struct ordo_find *find,
    struct ordo_order_view *view,
    const struct ordo_answer **answer)
{
    struct ordo_command command = {.kind = ORDO_KIND_FIND, .find = *find};
    bool answered = false;
    int code = call_query(online, &command, answer, &answered);
    if (answered) {
        struct ordo_mp_reader body = (*answer)->item.body;
        ordo_body_order(&body, view);
        code = body.error == NULL ? code : bad_body();
    }
    return code;
}

int ordo_online_coupon(
    struct ordo_online *online,
    const char *coupon,
    struct ordo_coupon_view *view,
    const struct ordo_answer **answer)
{
    struct ordo_command command = {.kind = ORDO_KIND_COUPON};
    bool answered = false;
    command.coupon.coupon = (struct ordo_bytes){(const uint8_t *)coupon, (uint32_t)strlen(coupon)};
    int code = call_query(online, &command, answer, &answered);
    if (answered) {
        struct ordo_mp_reader body = (*answer)->item.body;
        ordo_body_coupon(&body, view);
        code = body.error == NULL ? code : bad_body();
    }
    return code;
}

int ordo_online_stock(
    struct ordo_online *online,
    uint32_t product,
    struct ordo_stock_view *view,
    const struct ordo_answer **answer)
{
    struct ordo_command command = {.kind = ORDO_KIND_STOCK};
    bool answered = false;
    command.stock.product = product;
    int code = call_query(online, &command, answer, &answered);
    if (answered) {
        struct ordo_mp_reader body = (*answer)->item.body;
        ordo_body_stock(&body, view);
        code = body.error == NULL ? code : bad_body();
    }
    return code;
}

void ordo_chain_member(const struct ordo_create *create, struct ordo_writer *out)
{
    uint8_t bytes[ORDO_MEMBER_MAX];
    struct ordo_command command = {.kind = ORDO_KIND_CREATE, .create = *create};
    struct ordo_writer member = ordo_writer_over(bytes, sizeof(bytes));
    ordo_member_encode(&command, &member);
    ORDO_ASSERT(!member.failed);
    ordo_write_bytes(out, (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&member)});
}

/* ---- output ---- */

int ordo_online_print_json(json_t *root)
{
    int failed = root == NULL || json_dumpf(root, stdout, JSON_PRESERVE_ORDER) != 0;
    json_decref(root);
    if (failed || putchar('\n') == EOF || fflush(stdout) != 0) {
        return ordo_cli_fail(ORDO_EXIT_IO, "could not write the JSON to stdout");
    }
    return ORDO_EXIT_OK;
}

static json_t *result_json(const struct ordo_answer *answer)
{
    const struct ordo_result *result = &answer->item.result;
    const struct ordo_bytes *text = &answer->item.text;
    const char *meaning = ordo_result_text(result->code);
    json_t *root = json_pack(
        "{s:b, s:s, s:i, s:s%}",
        "ok",
        result->code == ORDO_RESULT_OK,
        "result",
        ordo_result_name(result->code),
        "code",
        (int)result->code,
        "text",
        text->size > 0 ? (const char *)text->data : meaning,
        text->size > 0 ? (size_t)text->size : strlen(meaning));
    if (root == NULL || answer->item.form != ORDO_REPLY_DECIDED) {
        return root;
    }
    (void)json_object_set_new(root, "seq", json_integer((json_int_t)result->seq));
    (void)json_object_set_new(root, "state", json_string(ordo_state_name(result->state)));
    (void)json_object_set_new(root, "version", json_integer(result->version));
    if (result->disposition != ORDO_DISPOSITION_NONE) {
        (void)json_object_set_new(
            root, "disposition", json_string(ordo_disposition_name(result->disposition)));
    }
    return root;
}

int ordo_online_refused(
    const struct ordo_online *online, const char *what, const struct ordo_answer *answer)
{
    const struct ordo_result *result = &answer->item.result;
    const struct ordo_bytes *text = &answer->item.text;
    if (online->json) {
        json_t *root = result_json(answer);
        if (root != NULL) {
            (void)json_object_set_new(root, "of", json_string(what));
        }
        int code = ordo_online_print_json(root);
        return code == ORDO_EXIT_OK ? ORDO_EXIT_FAILED : code;
    }
    const char *meaning = ordo_result_text(result->code);
    return ordo_cli_fail(
        ORDO_EXIT_FAILED,
        "%s: %s: %.*s",
        what,
        ordo_result_name(result->code),
        (int)(text->size > 0 ? text->size : strlen(meaning)),
        text->size > 0 ? (const char *)text->data : meaning);
}

int ordo_online_result(
    const struct ordo_online *online,
    const char *what,
    const struct ordo_command *command,
    const struct ordo_answer *answer)
{
    const struct ordo_result *result = &answer->item.result;
    if (online->json) {
        char hex[2 * ORDO_ID_SIZE + 1];
        json_t *root = result_json(answer);
        if (root != NULL && command->kind != ORDO_KIND_FACT) {
            ordo_online_hex(command->id, ORDO_ID_SIZE, hex);
            (void)json_object_set_new(root, "id", json_string(hex));
        }
        int code = ordo_online_print_json(root);
        return code != ORDO_EXIT_OK             ? code
               : result->code == ORDO_RESULT_OK ? ORDO_EXIT_OK
                                                : ORDO_EXIT_FAILED;
    }
    if (result->code != ORDO_RESULT_OK) {
        return ordo_online_refused(online, what, answer);
    }
    (void)printf("%s: ok", what);
    if (result->state != ORDO_STATE_NONE) {
        (void)printf(", %s", ordo_state_name(result->state));
        if (ordo_online_is_chinese()) {
            (void)printf(" %s", ordo_state_chinese(result->state));
        }
    }
    if (result->disposition != ORDO_DISPOSITION_NONE) {
        (void)printf(", %s", ordo_disposition_name(result->disposition));
    }
    (void)printf(" (seq %llu)\n", (unsigned long long)result->seq);
    return ORDO_EXIT_OK;
}

/* ---- words: the others are in words.c ---- */

bool ordo_online_read_time(const char *text, uint64_t *time_us)
{
    struct ordo_clock clock = ordo_clock_system();
    struct tm when;
    if (text[0] == '+') {
        uint64_t offset = 0;
        bool read = ordo_cli_duration_us(text + 1, &offset);
        *time_us = ordo_clock_realtime_us(&clock) + offset;
        return read;
    }
    memset(&when, 0, sizeof(when));
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M", &when);
    if (rest != NULL && rest[0] == ':') {
        rest = strptime(rest, ":%S", &when);
    }
    if (rest == NULL || (rest[0] != '\0' && strcmp(rest, "Z") != 0)) {
        return false;
    }
    when.tm_isdst = -1;
    time_t seconds = rest[0] == 'Z' ? timegm(&when) : mktime(&when);
    *time_us = (uint64_t)seconds * ORDO_US_PER_S;
    return seconds > 0;
}
