/* A record is described by the schema's tables, so that a new field or command shows up in every
 * dump without a line here. The text form is the JSON form with the brackets taken off: both cannot
 * disagree.
 */
#include "record.h"

#include "order/settings.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

enum ordo_err ordo_record_decode(
    const struct ordo_record *record, struct ordo_record_view *view, struct ordo_fail *fail)
{
    view->record = record;
    if (!ordo_command_decode(record->command, &view->command)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the record of seq %" PRIu64 " is whole, but its %u bytes of command are none",
            record->seq,
            record->command.size);
    }
    if (!ordo_outcome_decode(record->outcome, record->seq, &view->command, &view->outcome)) {
        return ordo_fail_set(
            fail,
            ORDO_ERR_DAMAGED,
            "the record of seq %" PRIu64 " is whole, but its %u bytes of outcome are none",
            record->seq,
            record->outcome.size);
    }
    return ORDO_OK;
}

bool ordo_record_chain_member(
    const struct ordo_command *chain, uint32_t index, struct ordo_command *member)
{
    const struct ordo_elements *members = &chain->chain.members;
    struct ordo_reader in = ordo_reader_over(members->raw.data, members->raw.size);
    struct ordo_bytes raw = {NULL, 0};

    ORDO_ASSERT(chain->kind == ORDO_KIND_CHAIN && index < members->count);
    for (uint32_t i = 0; i <= index; i++) {
        raw = ordo_read_bytes(&in, ORDO_MEMBER_MAX);
    }
    if (!ordo_member_decode(raw, member)) {
        return false;
    }
    member->shop = chain->shop;
    return true;
}

/* ---- values ---- */

static json_t *hex_of(struct ordo_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * 256];
    uint32_t size = bytes.size < 256 ? bytes.size : 256;

    for (uint32_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    return json_stringn(text, 2 * (size_t)size);
}

/* Opaque bytes that happen to be a text are shown as one. */
static json_t *text_of(struct ordo_bytes bytes)
{
    json_t *text = json_stringn((const char *)bytes.data, bytes.size); /* NULL unless UTF-8 */

    for (uint32_t i = 0; text != NULL && i < bytes.size; i++) {
        if (bytes.data[i] < 0x20) {
            json_decref(text);
            text = NULL;
        }
    }
    return text != NULL ? text : hex_of(bytes);
}

static json_t *settings_of(const struct ordo_elements *pairs)
{
    json_t *object = json_object();
    struct ordo_reader in = ordo_reader_over(pairs->raw.data, pairs->raw.size);

    for (uint32_t i = 0; i < pairs->count; i++) {
        uint64_t key = ordo_read_varint(&in);
        int64_t value = ordo_read_zigzag(&in);
        const struct ordo_setting *setting = ordo_setting_of(key);
        char number[24];
        (void)snprintf(number, sizeof(number), "%" PRIu64, key);
        json_object_set_new(object, setting == NULL ? number : setting->name, json_integer(value));
    }
    return object;
}

static json_t *list_of(const struct ordo_elements *list)
{
    return json_pack(
        "{s:I, s:I}", "count", (json_int_t)list->count, "bytes", (json_int_t)list->raw.size);
}

/* JSON has signed integers; "for ever" and the like do not fit and become texts. */
static json_t *unsigned_of(uint64_t value)
{
    char text[24];

    if (value <= INT64_MAX) {
        return json_integer((json_int_t)value);
    }
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    return json_string(text);
}

static json_t *field_of(const struct ordo_command *command, const struct ordo_field *field)
{
    const uint8_t *at = (const uint8_t *)&command->settings + field->offset; /* any kind's begin */
    uint64_t u;
    int64_t n;
    struct ordo_bytes bytes;
    struct ordo_elements elements;

    switch (field->type) {
    case ORDO_FIELD_U:
        memcpy(&u, at, sizeof(u));
        return unsigned_of(u);
    case ORDO_FIELD_N:
        memcpy(&n, at, sizeof(n));
        return json_integer(n);
    case ORDO_FIELD_T:
    case ORDO_FIELD_B:
    case ORDO_FIELD_K:
        memcpy(&bytes, at, sizeof(bytes));
        if (bytes.size == 0) {
            return NULL; /* not given */
        }
        return field->type == ORDO_FIELD_K ? hex_of(bytes) : text_of(bytes);
    case ORDO_FIELD_L:
        memcpy(&elements, at, sizeof(elements));
        return list_of(&elements);
    case ORDO_FIELD_P:
        memcpy(&elements, at, sizeof(elements));
        return settings_of(&elements);
    }
    return NULL;
}

static json_t *fields_of(const struct ordo_command *command)
{
    json_t *object = json_object();
    const struct ordo_command_schema *schema = ordo_schema_of(command->kind);

    for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
        json_t *value = field_of(command, &schema->fields[i]);
        if (value != NULL) {
            json_object_set_new(object, schema->fields[i].name, value);
        }
    }
    return object;
}

/* The members of a chain are commands themselves; of one that is none, count and size are said. */
static json_t *command_of(const struct ordo_command *command)
{
    json_t *object = fields_of(command);
    json_t *members = json_array();
    uint32_t count = command->kind == ORDO_KIND_CHAIN ? command->chain.members.count : 0;

    for (uint32_t i = 0; i < count; i++) {
        struct ordo_command member;
        if (!ordo_record_chain_member(command, i, &member)) {
            break;
        }
        json_array_append_new(members, fields_of(&member));
    }
    if (count != 0 && json_array_size(members) == count) {
        json_object_set(object, "members", members);
    }
    json_decref(members);
    return object;
}

static json_t *result_of(const struct ordo_result *result)
{
    json_t *object = json_object();

    json_object_set_new(object, "code", json_string(ordo_result_name(result->code)));
    if (result->state != ORDO_STATE_NONE) {
        json_object_set_new(object, "state", json_string(ordo_state_name(result->state)));
        json_object_set_new(object, "version", json_integer(result->version));
    }
    if (result->disposition != ORDO_DISPOSITION_NONE) {
        json_object_set_new(
            object, "disposition", json_string(ordo_disposition_name(result->disposition)));
    }
    return object;
}

static json_t *effect_of(const struct ordo_outcome *outcome, const struct ordo_effect *effect)
{
    json_t *object = json_pack("{s:I}", "shop", (json_int_t)effect->shop);
    json_t *transitions = json_array();

    json_object_set_new(object, "order_id", text_of(effect->order_id));
    json_object_set_new(object, "version", json_integer(effect->version));
    json_object_set_new(object, "prev_seq", unsigned_of(effect->prev_seq));
    json_object_set_new(object, "flags", json_integer(effect->flags));
    for (uint32_t i = 0; i < effect->transition_count; i++) {
        const struct ordo_transition *t = &outcome->transitions[effect->transition_first + i];
        const struct ordo_command_schema *cause = ordo_schema_of(t->cause);
        json_array_append_new(
            transitions,
            json_pack(
                "{s:s, s:s, s:s}",
                "from",
                ordo_state_name(t->from),
                "to",
                ordo_state_name(t->to),
                "cause",
                cause == NULL ? "?" : cause->name));
    }
    json_object_set_new(object, "transitions", transitions);
    json_t *cards = json_array();
    for (uint32_t i = 0; i < effect->card_count; i++) {
        json_array_append_new(cards, unsigned_of(outcome->cards[effect->card_first + i]));
    }
    json_object_set_new(object, "cards", cards);
    return object;
}

static json_t *posting_of(const struct ordo_posting *posting)
{
    return json_pack(
        "{s:I, s:I, s:s, s:I}",
        "channel",
        (json_int_t)posting->channel,
        "currency",
        (json_int_t)posting->currency,
        "account",
        ordo_account_name(posting->account),
        "amount",
        (json_int_t)posting->amount);
}

static json_t *time_of(uint64_t time_us)
{
    char date[32];
    char text[48];
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm calendar;

    if (gmtime_r(&seconds, &calendar) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &calendar) == 0) {
        return unsigned_of(time_us);
    }
    (void)snprintf(text, sizeof(text), "%s.%06uZ", date, (unsigned)(time_us % 1000000));
    return json_string(text);
}

json_t *ordo_record_describe(const struct ordo_record_view *view)
{
    const struct ordo_command *command = &view->command;
    const struct ordo_outcome *outcome = &view->outcome;
    const struct ordo_command_schema *schema = ordo_schema_of(command->kind);
    struct ordo_bytes id = {command->id, ORDO_ID_SIZE};
    json_t *effects = json_array();
    json_t *postings = json_array();

    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        json_array_append_new(effects, effect_of(outcome, &outcome->effects[i]));
    }
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        json_array_append_new(postings, posting_of(&outcome->postings[i]));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:o}",
        "seq",
        unsigned_of(view->record->seq),
        "time",
        time_of(view->record->time_us),
        "update_seq",
        unsigned_of(view->record->update_seq),
        "kind",
        schema == NULL ? "?" : schema->name,
        "id",
        hex_of(id),
        "shop",
        (json_int_t)command->shop,
        "command",
        command_of(command),
        "result",
        result_of(&outcome->result),
        "effects",
        effects,
        "postings",
        postings);
}

/* ---- text ---- */

static void print_scalar(const json_t *value, FILE *out)
{
    if (json_is_integer(value)) {
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (strpbrk(json_string_value(value), " =\"") == NULL) {
        (void)fputs(json_string_value(value), out);
    } else {
        (void)json_dumpf(value, out, JSON_ENCODE_ANY);
    }
}

/* "(d=2 e=3)" */
static void print_group(json_t *object, FILE *out)
{
    const char *name;
    json_t *value;
    const char *between = "(";

    json_object_foreach(object, name, value)
    {
        (void)fprintf(out, "%s%s=", between, name);
        print_scalar(value, out);
        between = " ";
    }
    (void)fputs(between[0] == '(' ? "()" : ")", out);
}

/* " a=1 b=x c=(d=2 e=3) f=[(g=4) (g=5)]" */
static void print_pairs(json_t *object, const char *separator, FILE *out)
{
    const char *name;
    json_t *value;
    size_t index;
    json_t *item;

    json_object_foreach(object, name, value)
    {
        (void)fprintf(out, "%s%s=", separator, name);
        if (json_is_object(value)) {
            print_group(value, out);
        } else if (json_is_array(value)) {
            json_array_foreach(value, index, item)
            {
                (void)fputc(index == 0 ? '[' : ' ', out);
                print_group(item, out);
            }
            (void)fputc(']', out);
        } else {
            print_scalar(value, out);
        }
    }
}

/* " | A-17 v3 PENDING>PAID>ISSUING cards=2" */
static void print_effect(json_t *effect, FILE *out)
{
    size_t index;
    json_t *transition;
    json_t *transitions = json_object_get(effect, "transitions");

    (void)fputs(" | ", out);
    print_scalar(json_object_get(effect, "order_id"), out);
    (void)fprintf(
        out, " v%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(effect, "version")));
    json_array_foreach(transitions, index, transition)
    {
        (void)fprintf(
            out,
            "%s%s>%s",
            index == 0 ? " " : ",",
            json_string_value(json_object_get(transition, "from")),
            json_string_value(json_object_get(transition, "to")));
    }
    size_t cards = json_array_size(json_object_get(effect, "cards"));
    if (cards > 0) {
        (void)fprintf(out, " cards=%zu", cards);
    }
}

void ordo_record_print(json_t *description, FILE *out)
{
    size_t index;
    json_t *item;

    (void)fputs("seq=", out);
    print_scalar(json_object_get(description, "seq"), out);
    (void)fprintf(out, " time=%s", json_string_value(json_object_get(description, "time")));
    (void)fprintf(out, " kind=%s", json_string_value(json_object_get(description, "kind")));
    (void)fputs(" shop=", out);
    print_scalar(json_object_get(description, "shop"), out);
    print_pairs(json_object_get(description, "command"), " ", out);
    (void)fputs(" |", out);
    print_pairs(json_object_get(description, "result"), " ", out);
    json_array_foreach(json_object_get(description, "effects"), index, item)
    {
        print_effect(item, out);
    }
    json_array_foreach(json_object_get(description, "postings"), index, item)
    {
        (void)fputs(" |", out);
        print_pairs(item, " ", out);
    }
    (void)fputc('\n', out);
}
