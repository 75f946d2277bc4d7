#include "net/fault.h"

#include "base/canary.h"
#include "net/field.h"
#include "net/service.h"

#include <stdarg.h>
#include <stdio.h>

/* A frame is walked twice. Open skips through all of it: a frame with a broken structure is refused
 * whole, before anything of it was staged, and the walk finds the kinds for the request's class on
 * its way. Next reads one command by its schema. So a fault inside one command never hides the
 * others: after open every element's end can be found.
 *
 * Lists change form on the way (msgpack to canonical bytes), so they are copied into the caller's
 * scratch; everything else points into the frame.
 */

bool ordo_fault_set(struct ordo_wire_fault *fault, uint16_t code, const char *format, ...)
{
    va_list arguments;
    fault->code = code;
    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof(fault->text), format, arguments);
    va_end(arguments);
    return false;
}

/* Rows of the schema count from the start of a kind's own struct; all of them lie in one union. */
static uint8_t *fields_of(struct ordo_command *command)
{
    return (uint8_t *)&command->settings;
}

static const uint8_t *const_fields_of(const struct ordo_command *command)
{
    return (const uint8_t *)&command->settings;
}

enum ordo_wire_class ordo_wire_class_of(uint64_t kind)
{
    bool by_operator = kind >= ORDO_KIND_ISSUE && kind <= ORDO_KIND_CARD_VOID;
    if (kind == ORDO_KIND_FACT || kind == ORDO_KIND_DELIVERY_ACK || by_operator) {
        return ORDO_CLASS_FACT;
    }
    bool by_subscriber = kind >= ORDO_KIND_SUBSCRIBER_PUT && kind <= ORDO_KIND_SUBSCRIBER_DROP;
    return kind >= ORDO_QUERY_FIRST || by_subscriber ? ORDO_CLASS_QUERY : ORDO_CLASS_COMMAND;
}

/* ---- encode ---- */

void ordo_request_begin(struct ordo_writer *out, uint64_t request_id, uint32_t count)
{
    ORDO_ASSERT(count <= ORDO_WIRE_COMMANDS_MAX);
    ordo_mp_write_array(out, 4);
    ordo_mp_write_uint(out, ORDO_WIRE_VERSION);
    ordo_mp_write_uint(out, request_id);
    ordo_mp_write_nil(out);
    ordo_mp_write_array(out, count);
}

void ordo_request_command(struct ordo_writer *out, const struct ordo_command *command)
{
    const struct ordo_command_schema *schema = ordo_schema_of(command->kind);
    ORDO_ASSERT(schema != NULL);
    uint32_t count = schema->field_count;
    while (count > 0 && ordo_field_is_default(
                            const_fields_of(command) + schema->fields[count - 1].offset,
                            &schema->fields[count - 1])) {
        count--;
    }
    ordo_mp_write_array(out, 3 + count);
    ordo_mp_write_uint(out, command->kind);
    if (ordo_kind_has_client_id(command->kind)) {
        ordo_mp_write_bin(out, (struct ordo_bytes){command->id, ORDO_ID_SIZE});
    } else {
        ordo_mp_write_nil(out);
    }
    ordo_mp_write_uint(out, command->shop);
    for (uint32_t i = 0; i < count; i++) {
        ordo_field_write(
            out, const_fields_of(command) + schema->fields[i].offset, schema->fields[i].type);
    }
}

void ordo_request_encode(
    struct ordo_writer *out,
    uint64_t request_id,
    const struct ordo_command *commands,
    uint32_t count)
{
    ordo_request_begin(out, request_id, count);
    for (uint32_t i = 0; i < count; i++) {
        ordo_request_command(out, &commands[i]);
    }
}

/* ---- open ---- */

/* Walks the commands; finds the class and that every one has an end. */
static void scan_commands(struct ordo_request_reader *reader)
{
    struct ordo_mp_reader in = reader->mp;
    enum ordo_wire_class class = ORDO_CLASS_COMMAND;
    for (uint32_t i = 0; i < reader->count && in.error == NULL; i++) {
        struct ordo_mp_reader peek = in;
        (void)ordo_mp_read_array(&peek, UINT32_MAX);
        uint64_t kind = ordo_mp_read_uint(&peek, UINT8_MAX);
        enum ordo_wire_class own = ordo_wire_class_of(kind);
        reader->service = reader->count == 1 && kind >= ORDO_SERVICE_FIRST ? (uint8_t)kind : 0;
        class = own < class ? own : class;
        ordo_mp_skip(&in);
    }
    reader->class = class;
    if (in.error == NULL && !ordo_mp_is_done(&in) && !ORDO_CANARY(trailing_bytes_taken)) {
        ordo_mp_fail(&in, "bytes follow behind the frame");
    }
    reader->mp.error = in.error;
}

bool ordo_request_open(
    struct ordo_request_reader *reader, struct ordo_bytes frame, struct ordo_wire_fault *fault)
{
    struct ordo_mp_reader *in = &reader->mp;
    *in = ordo_mp_reader_over(frame.data, frame.size);
    reader->request_id = 0;
    reader->count = 0;
    reader->next = 0;
    reader->class = ORDO_CLASS_COMMAND;
    reader->service = 0;

    uint32_t count = ordo_mp_read_array(in, 4);
    if (in->error == NULL && count != 4) {
        ordo_mp_fail(in, "expected 4 elements");
    }
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "request: %s", in->error);
    }
    uint64_t version = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error == NULL && version != ORDO_WIRE_VERSION) {
        return ordo_fault_set(
            fault,
            ORDO_RESULT_MALFORMED,
            "version: this server speaks %d, not %llu",
            ORDO_WIRE_VERSION,
            (unsigned long long)version);
    }
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "version: %s", in->error);
    }
    reader->request_id = ordo_mp_read_uint(in, UINT64_MAX);
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "request id: %s", in->error);
    }
    if (ordo_mp_peek(in) == ORDO_MP_NIL) {
        ordo_mp_read_nil(in);
    } else if (ordo_mp_read_map(in, UINT32_MAX) != 0) {
        ordo_mp_fail(in, "this server knows none");
    }
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "options: %s", in->error);
    }
    reader->count = ordo_mp_read_array(in, ORDO_WIRE_COMMANDS_MAX);
    if (in->error == NULL) {
        scan_commands(reader);
    }
    if (in->error != NULL) {
        return ordo_fault_set(fault, ORDO_RESULT_MALFORMED, "commands: %s", in->error);
    }
    return true;
}

/* ---- next ---- */

static bool id_is_zero(const uint8_t id[ORDO_ID_SIZE])
{
    static const uint8_t zero[ORDO_ID_SIZE];
    return memcmp(id, zero, ORDO_ID_SIZE) == 0;
}

/* Reads the id to its place; ID_MISSING for nil and zero, which are well formed but no identity. */
static uint16_t read_id(struct ordo_mp_reader *in, struct ordo_command *command)
{
    memset(command->id, 0, ORDO_ID_SIZE);
    bool nil = ordo_mp_peek(in) == ORDO_MP_NIL;
    if (!ordo_kind_has_client_id(command->kind)) {
        if (!nil) {
            ordo_mp_fail(in, "expected nil: queries, facts and subscriber-acks have no id");
        }
        ordo_mp_read_nil(in);
        return ORDO_RESULT_OK;
    }
    if (nil) {
        ordo_mp_read_nil(in);
        return ORDO_RESULT_ID_MISSING;
    }
    struct ordo_bytes id = ordo_mp_read_raw(in, ORDO_ID_SIZE);
    if (in->error == NULL && id.size != ORDO_ID_SIZE) {
        ordo_mp_fail(in, "expected 16 bytes");
    }
    if (in->error != NULL) {
        return ORDO_RESULT_MALFORMED;
    }
    memcpy(command->id, id.data, ORDO_ID_SIZE);
    return id_is_zero(command->id) ? ORDO_RESULT_ID_MISSING : ORDO_RESULT_OK;
}

/* Reads the fields in the order of the schema; *field names the one that failed. */
static void read_fields(
    struct ordo_mp_reader *in,
    const struct ordo_command_schema *schema,
    uint32_t given,
    struct ordo_command *command,
    struct ordo_writer *scratch,
    const char **field)
{
    uint8_t *base = fields_of(command);
    uint32_t size = 1 + ORDO_ID_SIZE + ordo_field_varint_size(command->shop);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct ordo_field *f = &schema->fields[i];
        size += i < given ? ordo_field_read(in, f, base + f->offset, scratch)
                          : ordo_field_default(f, base + f->offset);
        if (in->error != NULL) {
            *field = f->name;
            return;
        }
    }
    if (size > ORDO_COMMAND_SIZE_MAX) {
        *field = schema->fields[schema->field_count - 1].name;
        ordo_mp_fail(in, "makes the command larger than 65535 bytes");
    }
}

static bool read_command(
    struct ordo_mp_reader *in,
    uint32_t index,
    struct ordo_command *command,
    struct ordo_writer *scratch,
    struct ordo_wire_fault *fault)
{
    uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
    const char *part = "kind";
    command->kind = count == 0 ? 0 : (uint8_t)ordo_mp_read_uint(in, UINT8_MAX);
    const struct ordo_command_schema *schema = ordo_schema_of(command->kind);
    if (in->error == NULL && ordo_kind_is_internal(command->kind)) {
        return ordo_fault_set(
            fault,
            ORDO_RESULT_UNAUTHORISED,
            "command %u: kind %s is made by the server alone",
            index,
            schema->name);
    }
    if (schema == NULL) {
        ordo_mp_fail(
            in,
            command->kind >= ORDO_SERVICE_FIRST ? "a service is alone in its request"
                                                : "expected one that this server knows");
    } else if (count < 3 || count > 3 + schema->field_count) {
        part = schema->name;
        ordo_mp_fail(in, count < 3 ? "expected kind, id, shop" : "has more fields than are known");
    }
    if (in->error != NULL) {
        return ordo_fault_set(
            fault, ORDO_RESULT_MALFORMED, "command %u: %s: %s", index, part, in->error);
    }
    uint16_t id_code = read_id(in, command);
    part = in->error != NULL ? "id" : "shop";
    command->shop = (uint32_t)ordo_mp_read_uint(in, UINT32_MAX);
    if (in->error == NULL) {
        read_fields(in, schema, count - 3, command, scratch, &part);
    }
    if (in->error != NULL) {
        return ordo_fault_set(
            fault, ORDO_RESULT_MALFORMED, "command %u: field %s: %s", index, part, in->error);
    }
    if (id_code != ORDO_RESULT_OK) {
        return ordo_fault_set(fault, id_code, "command %u: %s", index, ordo_result_text(id_code));
    }
    return true;
}

bool ordo_request_next(
    struct ordo_request_reader *reader,
    struct ordo_command *command,
    struct ordo_writer *scratch,
    struct ordo_wire_fault *fault)
{
    ORDO_ASSERT(reader->next < reader->count);
    ORDO_ASSERT(reader->mp.error == NULL);
    struct ordo_mp_reader before = reader->mp;
    uint32_t index = reader->next++;
    if (ORDO_LIKELY(read_command(&reader->mp, index, command, scratch, fault))) {
        return true;
    }
    reader->mp = before;
    ordo_mp_skip(&reader->mp);
    ORDO_ASSERT(reader->mp.error == NULL); /* open has walked it */
    return false;
}
