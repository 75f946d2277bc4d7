/* The conformance vectors of tests/conformance through our own codec: the same files that the
 * client in Python runs, so that two programs of which neither knows the other agree on every byte.
 * tests/conformance/run.py sends them to a node.
 */
#include "base/hash.h"
#include "net/role.h"
#include "net/service.h"
#include "order/result.h"

#include "vectors_json.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>

static uint8_t frame_bytes[1u << 20];
static uint8_t scratch_bytes[ORDO_COMMAND_SIZE_MAX];

/* A request of vectors: commands, or one service. */
struct request {
    uint64_t id;
    uint32_t count;
    struct ordo_service service; /* kind 0: none */
    struct ordo_command commands[ORDO_WIRE_COMMANDS_MAX];
};

static struct request made;

static const struct ordo_command_schema *schema_named(const char *name)
{
    const struct ordo_command_schema *schema;
    for (uint32_t i = 0; (schema = ordo_schema_at(i)) != NULL; i++) {
        if (strcmp(schema->name, name) == 0) {
            return schema;
        }
    }
    for (uint32_t i = 0; (schema = ordo_service_schema_at(i)) != NULL; i++) {
        if (strcmp(schema->name, name) == 0) {
            return schema;
        }
    }
    cr_assert_fail("no kind %s", name);
    return NULL;
}

static void make_command(const json_t *text)
{
    const char *name = json_string_value(json_object_get(text, "kind"));
    const struct ordo_command_schema *schema = schema_named(name);
    const json_t *fields = json_object_get(text, "fields");
    uint32_t shop = (uint32_t)vectors_member_uint(text, "shop");
    if (schema->kind >= ORDO_SERVICE_FIRST) {
        made.service = (struct ordo_service){.kind = schema->kind, .shop = shop};
        vectors_fields(fields, schema, (uint8_t *)&made.service.fetch);
        return;
    }
    struct ordo_command *command = &made.commands[made.count++];
    *command = (struct ordo_command){.kind = schema->kind, .shop = shop};
    struct ordo_bytes id = vectors_member_bytes(text, "id");
    cr_assert(id.size == 0 || id.size == sizeof(command->id), "%s", name);
    if (id.size != 0) {
        memcpy(command->id, id.data, sizeof(command->id));
    }
    vectors_fields(fields, schema, (uint8_t *)&command->create);
}

static void make_request(const json_t *vector)
{
    made.id = vectors_member_uint(vector, "request_id");
    made.count = 0;
    made.service.kind = 0;
    size_t i;
    json_t *text;
    json_array_foreach(json_object_get(vector, "commands"), i, text)
    {
        const json_t *of = json_object_get(text, "of");
        json_int_t times = of == NULL ? 1 : json_integer_value(json_object_get(text, "repeat"));
        for (json_int_t n = 0; n < times; n++) {
            make_command(of == NULL ? text : of);
        }
    }
}

static struct ordo_bytes encoded(uint8_t *room, size_t size)
{
    struct ordo_writer out = ordo_writer_over(room, size);
    if (made.service.kind != 0) {
        ordo_service_encode(&out, made.id, &made.service);
    } else {
        ordo_request_encode(&out, made.id, made.commands, made.count);
    }
    cr_assert(!out.failed);
    return (struct ordo_bytes){room, (uint32_t)ordo_writer_size(&out)};
}

static bool is_same(struct ordo_bytes a, struct ordo_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_canonical(const json_t *vector)
{
    return !json_is_false(json_object_get(vector, "canonical"));
}

static void expect_encoded(const json_t *vector, const char *name)
{
    struct ordo_bytes wanted = vectors_frame(json_object_get(vector, "frame"));
    struct ordo_bytes got = encoded(frame_bytes, sizeof(frame_bytes));
    cr_assert_eq(is_same(got, wanted), is_canonical(vector), "%s: other bytes", name);
}

/* Read and written again, each command is what it would be had we made it. */
static void expect_read(const json_t *vector, const char *name)
{
    static uint8_t again[1u << 20];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_bytes frame = vectors_frame(json_object_get(vector, "frame"));
    cr_assert(ordo_request_open(&reader, frame, &fault), "%s: %s", name, fault.text);
    cr_assert_eq(reader.request_id, made.id, "%s", name);
    struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    struct ordo_bytes wanted = encoded(frame_bytes, sizeof(frame_bytes));
    if (ordo_request_is_service(&reader)) {
        cr_assert(
            ordo_service_read(&reader, &made.service, &scratch, &fault),
            "%s: %s",
            name,
            fault.text);
        cr_assert(is_same(encoded(again, sizeof(again)), wanted), "%s", name);
        return;
    }
    cr_assert_eq(reader.count, made.count, "%s", name);
    for (uint32_t i = 0; i < made.count; i++) {
        bool is_read = ordo_request_next(&reader, &made.commands[i], &scratch, &fault);
        if (ordo_kind_is_internal(made.commands[i].kind)) {
            cr_assert(!is_read && fault.code == ORDO_RESULT_UNAUTHORISED, "%s", name);
            return;
        }
        cr_assert(is_read, "%s: %s", name, fault.text);
        made.commands[i].content_size = 0;
    }
    cr_assert(is_same(encoded(again, sizeof(again)), wanted), "%s", name);
}

static uint32_t requests_of(const char *file)
{
    json_t *root;
    const json_t *list = vectors_load(file, "requests", &root);
    size_t i;
    json_t *vector;
    json_array_foreach(list, i, vector)
    {
        const char *name = json_string_value(json_object_get(vector, "name"));
        vectors_reset();
        make_request(vector);
        expect_encoded(vector, name);
        expect_read(vector, name);
    }
    uint32_t count = (uint32_t)json_array_size(list);
    json_decref(root);
    return count;
}

Test(vectors, are_the_requests_that_we_write_and_read)
{
    uint32_t count = requests_of("requests") + requests_of("limits");
    cr_assert_geq(count, 150, "%" PRIu32, count);
}

/* ---- refusals ---- */

static uint16_t code_of_next(struct ordo_request_reader *reader)
{
    struct ordo_wire_fault fault = {.code = ORDO_RESULT_OK};
    struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    bool is_read = ordo_request_is_service(reader)
                       ? ordo_service_read(reader, &made.service, &scratch, &fault)
                       : ordo_request_next(reader, &made.commands[0], &scratch, &fault);
    return is_read ? ORDO_RESULT_OK : fault.code;
}

static void expect_refused(const json_t *vector, const char *name)
{
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault = {.code = ORDO_RESULT_OK};
    const json_t *codes = json_object_get(vector, "codes");
    const json_t *id = json_object_get(vector, "request_id");
    bool is_open =
        ordo_request_open(&reader, vectors_frame(json_object_get(vector, "frame")), &fault);
    cr_assert_eq(is_open, codes != NULL, "%s: %s", name, fault.text);
    cr_assert(id == NULL || reader.request_id == vectors_uint(id), "%s", name);
    if (!is_open) {
        cr_assert_eq(fault.code, vectors_member_uint(vector, "head"), "%s", name);
        return;
    }
    cr_assert_eq(reader.count, json_array_size(codes), "%s", name);
    size_t i;
    json_t *code;
    json_array_foreach(codes, i, code)
    {
        uint16_t wanted = json_is_null(code) ? ORDO_RESULT_OK : (uint16_t)vectors_uint(code);
        uint16_t got = code_of_next(&reader);
        cr_assert_eq(got, wanted, "%s: element %zu has code %u", name, i, got);
    }
}

Test(vectors, are_the_refusals_that_we_give)
{
    json_t *root;
    const json_t *list = vectors_load("refusals", "refusals", &root);
    cr_assert_geq(json_array_size(list), 125);
    size_t i;
    json_t *vector;
    json_array_foreach(list, i, vector)
    {
        vectors_reset();
        if (json_object_get(vector, "by") != NULL) {
            continue; /* the node refuses it, the decoder does not */
        }
        expect_refused(vector, json_string_value(json_object_get(vector, "name")));
    }
    json_decref(root);
}

static bool has_kind(const json_t *kinds, uint8_t kind)
{
    size_t i;
    json_t *one;
    json_array_foreach(kinds, i, one)
    {
        if (json_integer_value(one) == kind) {
            return true;
        }
    }
    return false;
}

static void expect_role(const json_t *vector, const struct ordo_command_schema *schema)
{
    enum ordo_door_role role;
    const char *name = json_string_value(json_object_get(vector, "role"));
    cr_assert(ordo_role_named(name, strlen(name), &role), "%s", name);
    bool allows = !ordo_kind_is_internal(schema->kind) && ordo_role_allows(role, schema->kind);
    bool wanted = has_kind(json_object_get(vector, "kinds"), schema->kind);
    cr_assert_eq(allows, wanted, "%s, %s", name, schema->name);
}

Test(vectors, are_the_roles_that_we_have)
{
    json_t *root;
    const json_t *list = vectors_load("refusals", "roles", &root);
    cr_assert_eq(json_array_size(list), ORDO_ROLE_COUNT);
    size_t i;
    json_t *vector;
    json_array_foreach(list, i, vector)
    {
        const struct ordo_command_schema *schema;
        for (uint32_t k = 0; (schema = ordo_schema_at(k)) != NULL; k++) {
            expect_role(vector, schema);
        }
        for (uint32_t k = 0; (schema = ordo_service_schema_at(k)) != NULL; k++) {
            expect_role(vector, schema);
        }
    }
    json_decref(root);
}

/* ---- replies ---- */

static void expect_result(struct ordo_reply_item *item, const json_t *wanted, const char *name)
{
    const struct ordo_result *result = &item->result;
    cr_assert_eq(result->code, vectors_member_uint(wanted, "code"), "%s", name);
    cr_assert_eq(result->seq, vectors_member_uint(wanted, "seq"), "%s", name);
    const json_t *body = json_object_get(wanted, "body");
    if (json_object_get(wanted, "text") != NULL) {
        cr_assert_eq(item->form, ORDO_REPLY_REFUSED, "%s", name);
        cr_assert(is_same(item->text, vectors_member_bytes(wanted, "text")), "%s", name);
    } else if (body != NULL) {
        cr_assert_eq(item->form, ORDO_REPLY_QUERY, "%s", name);
        cr_assert_eq(item->has_body, !json_is_null(body), "%s", name);
        if (item->has_body) {
            vectors_expect(&item->body, body, name);
        }
    } else {
        cr_assert_eq(item->form, ORDO_REPLY_DECIDED, "%s", name);
        cr_assert_eq(result->state, vectors_member_uint(wanted, "state"), "%s", name);
        cr_assert_eq(result->version, vectors_member_uint(wanted, "version"), "%s", name);
        cr_assert_eq(result->disposition, vectors_member_uint(wanted, "disposition"), "%s", name);
    }
}

static void expect_reply(const json_t *vector, const char *name)
{
    struct ordo_reply_reader reader;
    struct ordo_wire_fault fault;
    const json_t *wanted = json_object_get(vector, "reply");
    const json_t *results = json_object_get(wanted, "results");
    struct ordo_bytes frame = vectors_frame(json_object_get(vector, "frame"));
    cr_assert(ordo_reply_open(&reader, frame, &fault), "%s: %s", name, fault.text);
    struct ordo_bytes node = {reader.head.node, sizeof(reader.head.node)};
    cr_assert_eq(reader.request_id, vectors_member_uint(wanted, "request_id"), "%s", name);
    cr_assert(is_same(node, vectors_member_bytes(wanted, "node")), "%s", name);
    cr_assert_eq(reader.head.durable_seq, vectors_member_uint(wanted, "durable_seq"), "%s", name);
    cr_assert_eq(reader.head.time_us, vectors_member_uint(wanted, "time_us"), "%s", name);
    cr_assert_eq(reader.head.code, vectors_member_uint(wanted, "code"), "%s", name);
    cr_assert(is_same(reader.head.text, vectors_member_bytes(wanted, "text")), "%s", name);
    cr_assert_eq(reader.head.retry_ms, vectors_member_uint(wanted, "retry_ms"), "%s", name);
    cr_assert_eq(reader.count, json_array_size(results), "%s", name);
    size_t i;
    json_t *result;
    json_array_foreach(results, i, result)
    {
        struct ordo_reply_item item;
        cr_assert(ordo_reply_next(&reader, &item, &fault), "%s: %s", name, fault.text);
        expect_result(&item, result, name);
    }
}

static bool is_whole_reply(struct ordo_bytes frame)
{
    struct ordo_reply_reader reader;
    struct ordo_reply_item item;
    struct ordo_wire_fault fault;
    bool is_whole = ordo_reply_open(&reader, frame, &fault);
    while (is_whole && reader.next < reader.count) {
        is_whole = ordo_reply_next(&reader, &item, &fault);
    }
    return is_whole;
}

/* Each vector of a list. */
static void
for_each(const char *file, const char *key, void (*visit)(const json_t *vector, const char *name))
{
    json_t *root;
    const json_t *list = vectors_load(file, key, &root);
    cr_assert_geq(json_array_size(list), 4);
    size_t i;
    json_t *vector;
    json_array_foreach(list, i, vector)
    {
        vectors_reset();
        visit(vector, json_string_value(json_object_get(vector, "name")));
    }
    json_decref(root);
}

static void expect_no_reply(const json_t *vector, const char *name)
{
    cr_assert(!is_whole_reply(vectors_frame(json_object_get(vector, "frame"))), "%s", name);
}

Test(vectors, are_the_replies_that_we_read)
{
    for_each("replies", "replies", expect_reply);
    for_each("replies", "refused", expect_no_reply);
}

/* ---- stream ---- */

static void
expect_heartbeat(const struct ordo_heartbeat *got, const json_t *wanted, const char *name)
{
    cr_assert_eq(got->update_seq, vectors_member_uint(wanted, "update_seq"), "%s", name);
    cr_assert_eq(got->durable_seq, vectors_member_uint(wanted, "durable_seq"), "%s", name);
    cr_assert_eq(got->time_us, vectors_member_uint(wanted, "time_us"), "%s", name);
}

static void
expect_updates(struct ordo_stream_reader *reader, const json_t *wanted, const char *name)
{
    const json_t *updates = json_object_get(wanted, "updates");
    struct ordo_wire_fault fault;
    cr_assert_eq(reader->first_update_seq, vectors_member_uint(wanted, "first"), "%s", name);
    cr_assert_eq(reader->count, json_array_size(updates), "%s", name);
    size_t i;
    json_t *one;
    json_array_foreach(updates, i, one)
    {
        struct ordo_update got;
        struct ordo_update want = vectors_update(one);
        uint8_t got_bytes[ORDO_UPDATE_SIZE_MAX];
        uint8_t want_bytes[ORDO_UPDATE_SIZE_MAX];
        cr_assert(ordo_stream_next(reader, &got, &fault), "%s: %s", name, fault.text);
        struct ordo_bytes a = {got_bytes, (uint32_t)ordo_update_bytes(&got, got_bytes)};
        struct ordo_bytes b = {want_bytes, (uint32_t)ordo_update_bytes(&want, want_bytes)};
        cr_assert(is_same(a, b), "%s: update %zu", name, i);
    }
}

static void expect_frame(const json_t *vector, const char *name)
{
    struct ordo_stream_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_bytes frame = vectors_frame(json_object_get(vector, "frame"));
    bool is_open = ordo_stream_open(&reader, frame, &fault);
    if (json_is_true(json_object_get(vector, "skip"))) {
        cr_assert(!is_open, "%s", name);
        return;
    }
    cr_assert(is_open, "%s: %s", name, fault.text);
    const json_t *beat = json_object_get(vector, "heartbeat");
    const json_t *wanted = beat != NULL ? beat : json_object_get(vector, "updates");
    struct ordo_bytes node = {reader.heartbeat.node, sizeof(reader.heartbeat.node)};
    struct ordo_bytes hash = {reader.heartbeat.hash, sizeof(reader.heartbeat.hash)};
    cr_assert(is_same(node, vectors_member_bytes(wanted, "node")), "%s", name);
    cr_assert(is_same(hash, vectors_member_bytes(wanted, "hash")), "%s", name);
    cr_assert_eq(
        reader.topic, beat != NULL ? ORDO_TOPIC_HEARTBEAT : ORDO_TOPIC_UPDATES, "%s", name);
    if (beat != NULL) {
        expect_heartbeat(&reader.heartbeat, wanted, name);
    } else {
        expect_updates(&reader, wanted, name);
    }
}

static void expect_no_frame(const json_t *vector, const char *name)
{
    struct ordo_stream_reader reader;
    struct ordo_update update;
    struct ordo_wire_fault fault;
    bool is_whole =
        ordo_stream_open(&reader, vectors_frame(json_object_get(vector, "frame")), &fault);
    while (is_whole && reader.topic == ORDO_TOPIC_UPDATES && reader.next < reader.count) {
        is_whole = ordo_stream_next(&reader, &update, &fault);
    }
    cr_assert(!is_whole, "%s", name);
}

static struct ordo_hash128 hash_of(const json_t *value)
{
    struct ordo_hash128 hash;
    struct ordo_bytes bytes = vectors_bytes(value);
    struct ordo_reader in = ordo_reader_over(bytes.data, bytes.size);
    hash.low = ordo_read_le64(&in);
    hash.high = ordo_read_le64(&in);
    return hash;
}

static void expect_hash(const json_t *vector, const char *name)
{
    (void)name;
    uint8_t bytes[ORDO_UPDATE_SIZE_MAX];
    struct ordo_update update = vectors_update(json_object_get(vector, "update"));
    struct ordo_bytes canonical = {bytes, (uint32_t)ordo_update_bytes(&update, bytes)};
    cr_assert(is_same(canonical, vectors_frame(json_object_get(vector, "canonical"))));
    struct ordo_hash128 after =
        ordo_update_hash(hash_of(json_object_get(vector, "before")), &update);
    struct ordo_hash128 wanted = hash_of(json_object_get(vector, "after"));
    cr_assert(
        after.low == wanted.low && after.high == wanted.high, "update %" PRIu64, update.update_seq);
}

Test(vectors, are_the_stream_that_we_read_and_its_hash)
{
    for_each("stream", "frames", expect_frame);
    for_each("stream", "refused", expect_no_frame);
    for_each("stream", "hashes", expect_hash);
}
