#include "vectors_json.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define NESTING_MAX 8

static uint8_t pool[4u << 20];
static size_t used;

void vectors_reset(void)
{
    used = 0;
}

static struct ordo_writer rest_of_pool(void)
{
    return ordo_writer_over(pool + used, sizeof(pool) - used);
}

static struct ordo_bytes keep(const struct ordo_writer *out)
{
    cr_assert(!out->failed, "the pool of the vectors is too small");
    struct ordo_bytes made = {out->begin, (uint32_t)ordo_writer_size(out)};
    used += made.size;
    return made;
}

json_t *vectors_load(const char *file, const char *key, json_t **root)
{
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/%s.json", ORDO_VECTORS, file);
    *root = json_load_file(path, 0, &error);
    cr_assert_not_null(*root, "%s: line %d: %s", path, error.line, error.text);
    json_t *list = json_object_get(*root, key);
    cr_assert(json_is_array(list), "%s has no array %s", path, key);
    return list;
}

uint64_t vectors_uint(const json_t *value)
{
    const json_t *wide = json_object_get(value, "int");
    if (wide != NULL) {
        return strtoull(json_string_value(wide), NULL, 10);
    }
    cr_assert(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

int64_t vectors_int(const json_t *value)
{
    const json_t *wide = json_object_get(value, "int");
    return wide != NULL ? strtoll(json_string_value(wide), NULL, 10) : json_integer_value(value);
}

static void put_hex(struct ordo_writer *out, const json_t *value)
{
    const char *hex = json_string_value(value);
    cr_assert_not_null(hex);
    for (; *hex != 0; hex += 2) {
        unsigned byte;
        cr_assert_eq(sscanf(hex, "%2x", &byte), 1, "not hex: %s", hex);
        ordo_write_u8(out, (uint8_t)byte);
    }
}

static void put_part(struct ordo_writer *out, const json_t *part)
{
    const json_t *of = json_object_get(part, "of");
    json_int_t times = of == NULL ? 1 : json_integer_value(json_object_get(part, "repeat"));
    for (json_int_t i = 0; i < times; i++) {
        put_hex(out, of == NULL ? part : of);
    }
}

struct ordo_bytes vectors_frame(const json_t *value)
{
    struct ordo_writer out = rest_of_pool();
    if (!json_is_array(value)) {
        put_part(&out, value);
        return keep(&out);
    }
    size_t i;
    json_t *part;
    json_array_foreach(value, i, part)
    {
        put_part(&out, part);
    }
    return keep(&out);
}

struct ordo_bytes vectors_bytes(const json_t *value)
{
    const json_t *hex = json_object_get(value, "hex");
    if (hex != NULL) {
        return vectors_frame(hex);
    }
    cr_assert(json_is_string(value));
    return (struct ordo_bytes){
        (const uint8_t *)json_string_value(value), (uint32_t)json_string_length(value)};
}

uint64_t vectors_member_uint(const json_t *value, const char *name)
{
    const json_t *member = json_object_get(value, name);
    return member == NULL ? 0 : vectors_uint(member);
}

struct ordo_bytes vectors_member_bytes(const json_t *value, const char *name)
{
    const json_t *member = json_object_get(value, name);
    return member == NULL ? (struct ordo_bytes){NULL, 0} : vectors_bytes(member);
}

static void put_element(struct ordo_writer *out, enum ordo_field_type type, const json_t *value)
{
    if (type == ORDO_FIELD_P) {
        ordo_write_varint(out, vectors_uint(json_array_get(value, 0)));
        ordo_write_zigzag(out, vectors_int(json_array_get(value, 1)));
        return;
    }
    ordo_write_bytes(out, vectors_bytes(value));
}

/* The elements' own bytes go to a place of their own: reading one of them may need the pool. */
static struct ordo_elements elements_of(const json_t *list, enum ordo_field_type type)
{
    static uint8_t bytes[1u << 17];
    struct ordo_writer made = ordo_writer_over(bytes, sizeof(bytes));
    uint32_t count = 0;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const json_t *of = json_object_get(item, "of");
        json_int_t times = of == NULL ? 1 : json_integer_value(json_object_get(item, "repeat"));
        for (json_int_t n = 0; n < times; n++, count++) {
            put_element(&made, type, of == NULL ? item : of);
        }
    }
    cr_assert(!made.failed);
    struct ordo_writer out = rest_of_pool();
    ordo_write_raw(&out, bytes, ordo_writer_size(&made));
    return (struct ordo_elements){keep(&out), count};
}

static const struct ordo_field *
field_named(const struct ordo_command_schema *schema, const char *name)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) {
            return &schema->fields[i];
        }
    }
    cr_assert_fail("%s has no field %s", schema->name, name);
    return NULL;
}

void vectors_fields(const json_t *fields, const struct ordo_command_schema *schema, uint8_t *base)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        const struct ordo_field *field = field_named(schema, name);
        void *place = base + field->offset;
        switch (field->type) {
        case ORDO_FIELD_U:
            *(uint64_t *)place = vectors_uint(value);
            break;
        case ORDO_FIELD_N:
            *(int64_t *)place = vectors_int(value);
            break;
        case ORDO_FIELD_T:
        case ORDO_FIELD_B:
        case ORDO_FIELD_K:
            *(struct ordo_bytes *)place = vectors_bytes(value);
            break;
        case ORDO_FIELD_L:
        case ORDO_FIELD_P:
            *(struct ordo_elements *)place = elements_of(value, field->type);
            break;
        }
    }
}

struct ordo_update vectors_update(const json_t *value)
{
    return (struct ordo_update){
        .update_seq = vectors_member_uint(value, "update_seq"),
        .seq = vectors_member_uint(value, "seq"),
        .time_us = vectors_member_uint(value, "time_us"),
        .shop = (uint32_t)vectors_member_uint(value, "shop"),
        .order_id = vectors_member_bytes(value, "order_id"),
        .version = (uint32_t)vectors_member_uint(value, "version"),
        .from = (uint8_t)vectors_member_uint(value, "from"),
        .to = (uint8_t)vectors_member_uint(value, "to"),
        .cause = (uint8_t)vectors_member_uint(value, "cause"),
        .disposition = (uint8_t)vectors_member_uint(value, "disposition"),
        .flags = (uint32_t)vectors_member_uint(value, "flags"),
    };
}

static void expect_one(struct ordo_mp_reader *in, const json_t *value, const char *name)
{
    if (json_is_null(value)) {
        ordo_mp_read_nil(in);
    } else if (json_is_string(value) || json_object_get(value, "hex") != NULL) {
        struct ordo_bytes wanted = vectors_bytes(value);
        struct ordo_bytes got = ordo_mp_read_raw(in, UINT32_MAX);
        cr_assert_eq(got.size, wanted.size, "%s", name);
        cr_assert_eq(memcmp(got.data, wanted.data, got.size), 0, "%s", name);
    } else if (json_is_integer(value) && json_integer_value(value) < 0) {
        cr_assert_eq(ordo_mp_read_int(in), json_integer_value(value), "%s", name);
    } else {
        cr_assert_eq(ordo_mp_read_uint(in, UINT64_MAX), vectors_uint(value), "%s", name);
    }
    cr_assert_null(in->error, "%s: %s", name, in->error);
}

void vectors_expect(struct ordo_mp_reader *in, const json_t *value, const char *name)
{
    struct {
        const json_t *list;
        size_t next;
    } open[NESTING_MAX]; /* the arrays that we are in */
    size_t depth = 0;
    const json_t *now = value;
    for (;;) {
        if (json_is_array(now)) {
            uint32_t count = ordo_mp_read_array(in, UINT32_MAX);
            cr_assert_eq(count, json_array_size(now), "%s: %" PRIu32 " elements", name, count);
            cr_assert_lt(depth, NESTING_MAX);
            open[depth].list = now;
            open[depth].next = 0;
            depth++;
        } else {
            expect_one(in, now, name);
        }
        while (depth > 0 && open[depth - 1].next == json_array_size(open[depth - 1].list)) {
            depth--;
        }
        if (depth == 0) {
            return;
        }
        now = json_array_get(open[depth - 1].list, open[depth - 1].next++);
    }
}
