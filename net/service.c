#include "net/service.h"

#include "net/fault.h"
#include "net/field.h"
#include "net/update.h"

#include <stddef.h>

/* The table first, as in order/schema.c; then request, answer and body, each written and read side
 * by side. Bodies may grow at their ends: a reader skips what it does not know.
 */

#define FETCH_COUNT   5
#define UPDATE_COUNT  (1 + ORDO_UPDATE_FIELDS)
#define HISTORY_COUNT 2
#define ENTRY_COUNT   6
#define CHANGE_COUNT  4
#define STAT_COUNT    2
#define RESULT_COUNT  3

/* ---- the table ---- */

/* Names the struct for the rows below, which are expanded inside of its own enum and array. */
#define ROW_U(S, name, max_)    {#name, ORDO_FIELD_U, offsetof(struct S, name), (max_), 0},
#define ROW_T(S, name, max_)    {#name, ORDO_FIELD_T, offsetof(struct S, name), (max_), 0},
#define ROW_L(S, name, n, max_) {#name, ORDO_FIELD_L, offsetof(struct S, name), (max_), (n)},

#define FETCH_U(name, max)      ROW_U(ordo_fetch_request, name, max)
#define FETCH_T(name, max)      ROW_T(ordo_fetch_request, name, max)
#define FETCH_L(name, n, max)   ROW_L(ordo_fetch_request, name, n, max)
#define HISTORY_U(name, max)    ROW_U(ordo_history_request, name, max)
#define HISTORY_T(name, max)    ROW_T(ordo_history_request, name, max)
#define HISTORY_L(name, n, max) ROW_L(ordo_history_request, name, n, max)
#define STATS_U(name, max)      ROW_U(ordo_stats_request, name, max)
#define STATS_T(name, max)      ROW_T(ordo_stats_request, name, max)
#define STATS_L(name, n, max)   ROW_L(ordo_stats_request, name, n, max)

/* The last row ends the table, so that a service without fields has an array, too. */
#define SERVICE_ROWS(NAME, name, number, text)                                                     \
    static const struct ordo_field name##_fields[] = {                                             \
        ORDO_##NAME##_FIELDS(NAME##_U, NAME##_T, NAME##_L){NULL, ORDO_FIELD_U, 0, 0, 0}};
ORDO_SERVICES(SERVICE_ROWS)

#define SERVICE_SCHEMA(NAME, name, number, text)                                                   \
    {number,                                                                                       \
     text,                                                                                         \
     name##_fields,                                                                                \
     sizeof(name##_fields) / sizeof(name##_fields[0]) - 1,                                         \
     sizeof(name##_fields) / sizeof(name##_fields[0]) - 1},
static const struct ordo_command_schema schemas[] = {ORDO_SERVICES(SERVICE_SCHEMA)};

#define SCHEMA_COUNT (sizeof(schemas) / sizeof(schemas[0]))

const struct ordo_command_schema *ordo_service_schema_of(uint8_t kind)
{
    uint32_t index = (uint32_t)kind - ORDO_SERVICE_FIRST;
    return kind >= ORDO_SERVICE_FIRST ? ordo_service_schema_at(index) : NULL;
}

const struct ordo_command_schema *ordo_service_schema_at(uint32_t index)
{
    return index < SCHEMA_COUNT ? &schemas[index] : NULL;
}

/* ---- requests ---- */

void ordo_service_encode(
    struct ordo_writer *out, uint64_t request_id, const struct ordo_service *service)
{
    const struct ordo_command_schema *schema = ordo_service_schema_of(service->kind);
    ORDO_ASSERT(schema != NULL);
    const uint8_t *base = (const uint8_t *)&service->fetch;
    uint32_t count = schema->field_count;
    while (count > 0 && ordo_field_is_default(
                            base + schema->fields[count - 1].offset, &schema->fields[count - 1])) {
        count--;
    }
    ordo_request_begin(out, request_id, 1);
    ordo_mp_write_array(out, 3 + count);
    ordo_mp_write_uint(out, service->kind);
    ordo_mp_write_nil(out);
    ordo_mp_write_uint(out, service->shop);
    for (uint32_t i = 0; i < count; i++) {
        ordo_field_write(out, base + schema->fields[i].offset, schema->fields[i].type);
    }
}

/* Reads the fields; the name of the one that failed, NULL when all hold. */
static const char *read_fields(
    struct ordo_mp_reader *in,
    const struct ordo_command_schema *schema,
    uint32_t given,
    uint8_t *base,
    struct ordo_writer *scratch)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct ordo_field *field = &schema->fields[i];
        if (i < given) {
            (void)ordo_field_read(in, field, base + field->offset, scratch);
        } else {
            (void)ordo_field_default(field, base + field->offset);
        }
        if (in->error != NULL) {
            return field->name;
        }
    }
    return NULL;
}

bool ordo_service_read(
    struct ordo_request_reader *reader,
    struct ordo_service *service,
    struct ordo_writer *scratch,
    struct ordo_wire_fault *fault)
{
    ORDO_ASSERT(reader->service != 0 && reader->next == 0);
    struct ordo_mp_reader *in = &reader->mp;
    const char *part = "kind";
    memset(service, 0, sizeof(*service));
    reader->next = 1;
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    service->kind = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    const struct ordo_command_schema *schema = ordo_service_schema_of(service->kind);
    if (schema == NULL) {
        ordo_mp_fail(in, "expected one that this server knows");
    } else if (count < 3 || count > 3 + schema->field_count) {
        part = schema->name;
        ordo_mp_fail(in, count < 3 ? "expected kind, id, shop" : "has more fields than are known");
    }
    if (in->error == NULL && ordo_mp_peek(in) != ORDO_MP_NIL) {
        part = "id";
        ordo_mp_fail(in, "expected nil: services have no id of the client");
    }
    if (in->error == NULL) {
        part = "shop";
        ordo_mp_read_nil(in);
        service->shop = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    }
    if (in->error == NULL) {
        part = read_fields(in, schema, count - 3, (uint8_t *)&service->fetch, scratch);
    }
    return in->error == NULL ||
           ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "service: %s: %s", part, in->error);
}

/* ---- answers ---- */

void ordo_service_result(struct ordo_writer *out, uint16_t code, uint64_t durable_seq)
{
    ordo_mp_write_array(out, RESULT_COUNT);
    ordo_mp_write_uint(out, code);
    ordo_mp_write_uint(out, durable_seq);
    if (code != ORDO_RESULT_OK) {
        ordo_mp_write_nil(out);
    }
}

/* An array that may have grown: at least `known` elements. */
static uint32_t read_array_of(struct ordo_mp_reader *in, uint32_t known)
{
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    if (in->error == NULL && count < known) {
        ordo_mp_fail(in, "has fewer elements than this version of the protocol");
    }
    return count;
}

/* What an array has behind its elements is skipped later, because the elements are read one by one:
 * a reader that leaves them there only loses the check at the end. */
static uint32_t read_last_array(struct ordo_mp_reader *in, uint32_t count, uint32_t known)
{
    uint32_t elements = ordo_mp_read_array(in, UINT32_MAX);
    if (in->error == NULL && count > known) {
        struct ordo_mp_reader rest = *in;
        ordo_mp_skip_rest(&rest, elements, 0);
        ordo_mp_skip_rest(&rest, count, known);
        if (rest.error != NULL) {
            ordo_mp_fail(in, rest.error);
        }
    }
    return elements;
}

/* ---- fetch ---- */

void ordo_fetch_begin(struct ordo_writer *out, const struct ordo_fetch_head *head, uint32_t count)
{
    ordo_mp_write_array(out, FETCH_COUNT);
    ordo_mp_write_uint(out, head->first);
    ordo_mp_write_uint(out, head->last);
    ordo_mp_write_bin(out, (struct ordo_bytes){head->hash, sizeof(head->hash)});
    ordo_mp_write_uint(out, head->head);
    ordo_mp_write_array(out, count);
}

void ordo_fetch_update(struct ordo_writer *out, const struct ordo_update *update)
{
    ordo_mp_write_array(out, UPDATE_COUNT);
    ordo_mp_write_uint(out, update->update_seq);
    ordo_update_fields_write(out, update);
}

uint32_t ordo_body_fetch(struct ordo_mp_reader *in, struct ordo_fetch_head *head)
{
    uint32_t count = read_array_of(in, FETCH_COUNT);
    head->first = ordo_mp_read_uint(in, UINT64_MAX);
    head->last = ordo_mp_read_uint(in, UINT64_MAX);
    struct ordo_bytes hash = ordo_mp_read_raw(in, sizeof(head->hash));
    if (in->error == NULL && hash.size != sizeof(head->hash)) {
        ordo_mp_fail(in, "expected 16 bytes of hash");
    }
    if (in->error == NULL) {
        memcpy(head->hash, hash.data, sizeof(head->hash));
    }
    head->head = ordo_mp_read_uint(in, UINT64_MAX);
    return read_last_array(in, count, FETCH_COUNT);
}

void ordo_body_fetch_update(struct ordo_mp_reader *in, struct ordo_update *update)
{
    uint32_t count = read_array_of(in, UPDATE_COUNT);
    update->update_seq = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_update_fields_read(in, update);
    ordo_mp_skip_rest(in, count, UPDATE_COUNT);
}

/* ---- history ---- */

void ordo_history_begin(struct ordo_writer *out, uint64_t next, uint32_t count)
{
    ordo_mp_write_array(out, HISTORY_COUNT);
    ordo_mp_write_uint(out, next);
    ordo_mp_write_array(out, count);
}

void ordo_history_entry(struct ordo_writer *out, const struct ordo_history_entry *entry)
{
    ORDO_ASSERT(entry->change_count <= ORDO_TRANSITIONS_MAX);
    ordo_mp_write_array(out, ENTRY_COUNT);
    ordo_mp_write_uint(out, entry->seq);
    ordo_mp_write_uint(out, entry->time_us);
    ordo_mp_write_uint(out, entry->kind);
    ordo_mp_write_uint(out, entry->code);
    ordo_mp_write_uint(out, entry->disposition);
    ordo_mp_write_array(out, entry->change_count);
    for (uint32_t i = 0; i < entry->change_count; i++) {
        ordo_mp_write_array(out, CHANGE_COUNT);
        ordo_mp_write_uint(out, entry->changes[i].version);
        ordo_mp_write_uint(out, entry->changes[i].from);
        ordo_mp_write_uint(out, entry->changes[i].to);
        ordo_mp_write_uint(out, entry->changes[i].flags);
    }
}

uint32_t ordo_body_history(struct ordo_mp_reader *in, uint64_t *next)
{
    uint32_t count = read_array_of(in, HISTORY_COUNT);
    *next = ordo_mp_read_uint(in, UINT64_MAX);
    return read_last_array(in, count, HISTORY_COUNT);
}

void ordo_body_history_entry(struct ordo_mp_reader *in, struct ordo_history_entry *entry)
{
    uint32_t count = read_array_of(in, ENTRY_COUNT);
    entry->seq = ordo_mp_read_uint(in, UINT64_MAX);
    entry->time_us = ordo_mp_read_uint(in, UINT64_MAX);
    entry->kind = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    entry->code = (uint16_t)ordo_mp_read_uint(in, UINT16_MAX);
    entry->disposition = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    entry->change_count = ordo_mp_read_array(in, ORDO_TRANSITIONS_MAX);
    for (uint32_t i = 0; i < entry->change_count; i++) {
        uint32_t fields = read_array_of(in, CHANGE_COUNT);
        entry->changes[i].version = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
        entry->changes[i].from = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
        entry->changes[i].to = (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
        entry->changes[i].flags = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
        ordo_mp_skip_rest(in, fields, CHANGE_COUNT);
    }
    ordo_mp_skip_rest(in, count, ENTRY_COUNT);
}

/* ---- stats ---- */

void ordo_stats_begin(struct ordo_writer *out, uint32_t count)
{
    ORDO_ASSERT(count <= ORDO_STATS_MAX);
    ordo_mp_write_array(out, count);
}

void ordo_stats_number(struct ordo_writer *out, const char *name, uint64_t value)
{
    uint32_t size = (uint32_t)strnlen(name, ORDO_STAT_NAME_MAX);
    ordo_mp_write_array(out, STAT_COUNT);
    ordo_mp_write_str(out, (struct ordo_bytes){(const uint8_t *)name, size});
    ordo_mp_write_uint(out, value);
}

uint32_t ordo_body_stats(struct ordo_mp_reader *in)
{
    return ordo_mp_read_array(in, UINT32_MAX);
}

void ordo_body_stat(struct ordo_mp_reader *in, struct ordo_bytes *name, uint64_t *value)
{
    uint32_t count = read_array_of(in, STAT_COUNT);
    *name = ordo_mp_read_raw(in, UINT16_MAX);
    *value = ordo_mp_read_uint(in, UINT64_MAX);
    ordo_mp_skip_rest(in, count, STAT_COUNT);
}
