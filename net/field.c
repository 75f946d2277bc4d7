#include "net/field.h"

/* One function a direction, a case a type. Lists change form on the way (msgpack to canonical
 * bytes), so they are copied into the caller's scratch; everything else points into the frame.
 */

bool ordo_field_is_default(const uint8_t *at, const struct ordo_field *field)
{
    switch (field->type) {
    case ORDO_FIELD_U:
    case ORDO_FIELD_N:
        return *(const uint64_t *)(const void *)at == 0;
    case ORDO_FIELD_T:
    case ORDO_FIELD_B:
    case ORDO_FIELD_K:
        return ((const struct ordo_bytes *)(const void *)at)->size == 0;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
        return ((const struct ordo_elements *)(const void *)at)->count == 0;
    default:
        return false;
    }
}

static void write_elements(
    struct ordo_writer *out, const struct ordo_elements *elements, enum ordo_field_type type)
{
    struct ordo_reader in = ordo_reader_over(elements->raw.data, elements->raw.size);
    ordo_mp_write_array(out, elements->count);
    for (uint32_t i = 0; i < elements->count; i++) {
        if (type == ORDO_FIELD_L) {
            ordo_mp_write_bin(out, ordo_read_bytes(&in, ORDO_COMMAND_SIZE_MAX));
            continue;
        }
        ordo_mp_write_array(out, 2);
        ordo_mp_write_uint(out, ordo_read_varint(&in));
        ordo_mp_write_int(out, ordo_read_zigzag(&in));
    }
    ORDO_ASSERT(ordo_reader_done(&in));
}

void ordo_field_write(struct ordo_writer *out, const uint8_t *at, enum ordo_field_type type)
{
    switch (type) {
    case ORDO_FIELD_U:
        ordo_mp_write_uint(out, *(const uint64_t *)(const void *)at);
        break;
    case ORDO_FIELD_N:
        ordo_mp_write_int(out, *(const int64_t *)(const void *)at);
        break;
    case ORDO_FIELD_T:
        ordo_mp_write_str(out, *(const struct ordo_bytes *)(const void *)at);
        break;
    case ORDO_FIELD_B:
    case ORDO_FIELD_K:
        ordo_mp_write_bin(out, *(const struct ordo_bytes *)(const void *)at);
        break;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
        write_elements(out, (const struct ordo_elements *)(const void *)at, type);
        break;
    default:
        out->failed = true;
    }
}

uint32_t ordo_field_varint_size(uint64_t value)
{
    uint32_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

static int64_t read_amount(struct ordo_mp_reader *in)
{
    int64_t value = ordo_mp_read_int(in);
    if (value > ORDO_AMOUNT_MAX || value < -ORDO_AMOUNT_MAX) {
        ordo_mp_fail(in, "is above the largest amount");
        return 0;
    }
    return value;
}

/* A list in msgpack becomes the canonical bytes of its elements, in the scratch. */
static struct ordo_elements read_elements(
    struct ordo_mp_reader *in, const struct ordo_field *field, struct ordo_writer *scratch)
{
    const uint8_t *begin = scratch->at;
    uint32_t count = ordo_mp_read_array(in, field->count_max);
    for (uint32_t i = 0; i < count && in->error == NULL; i++) {
        if (field->type == ORDO_FIELD_L) {
            ordo_write_bytes(scratch, ordo_mp_read_raw(in, (uint32_t)field->max));
            continue;
        }
        if (ordo_mp_read_array(in, 2) != 2) {
            ordo_mp_fail(in, "expected pairs of key and value");
        }
        ordo_write_varint(scratch, ordo_mp_read_uint(in, UINT64_MAX));
        ordo_write_zigzag(scratch, ordo_mp_read_int(in));
    }
    if (scratch->failed) {
        ordo_mp_fail(in, "is too large for one command");
    }
    return (struct ordo_elements){{begin, (uint32_t)(scratch->at - begin)}, count};
}

static struct ordo_bytes read_text(struct ordo_mp_reader *in, uint32_t size_max)
{
    struct ordo_bytes text = ordo_mp_read_raw(in, size_max);
    if (text.size != 0 && !ordo_text_is_valid(text)) {
        ordo_mp_fail(in, "may have only A-Z a-z 0-9 _ . : -");
    }
    return text;
}

static struct ordo_bytes read_key(struct ordo_mp_reader *in)
{
    struct ordo_bytes key = ordo_mp_read_raw(in, ORDO_ID_SIZE);
    if (in->error == NULL && key.size != 0 && key.size != ORDO_ID_SIZE) {
        ordo_mp_fail(in, "expected 16 bytes");
    }
    return key;
}

uint32_t ordo_field_read(
    struct ordo_mp_reader *in,
    const struct ordo_field *field,
    uint8_t *at,
    struct ordo_writer *scratch)
{
    struct ordo_bytes raw;
    switch (field->type) {
    case ORDO_FIELD_U: {
        uint64_t value = ordo_mp_read_uint(in, field->max);
        *(uint64_t *)(void *)at = value;
        return ordo_field_varint_size(value);
    }
    case ORDO_FIELD_N: {
        int64_t value = read_amount(in);
        *(int64_t *)(void *)at = value;
        return ordo_field_varint_size(((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
    }
    case ORDO_FIELD_T:
        raw = read_text(in, (uint32_t)field->max);
        break;
    case ORDO_FIELD_B:
        raw = ordo_mp_read_raw(in, (uint32_t)field->max);
        break;
    case ORDO_FIELD_K:
        *(struct ordo_bytes *)(void *)at = read_key(in);
        return ORDO_ID_SIZE;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P: {
        struct ordo_elements elements = read_elements(in, field, scratch);
        *(struct ordo_elements *)(void *)at = elements;
        return ordo_field_varint_size(elements.count) + elements.raw.size;
    }
    default:
        ordo_mp_fail(in, "has a type that this server does not know");
        return 0;
    }
    *(struct ordo_bytes *)(void *)at = raw;
    return ordo_field_varint_size(raw.size) + raw.size;
}

uint32_t ordo_field_default(const struct ordo_field *field, uint8_t *at)
{
    static const struct ordo_elements no_elements;
    static const struct ordo_bytes no_bytes;
    switch (field->type) {
    case ORDO_FIELD_U:
    case ORDO_FIELD_N:
        *(uint64_t *)(void *)at = 0;
        return 1;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
        *(struct ordo_elements *)(void *)at = no_elements;
        return 1;
    case ORDO_FIELD_K:
        *(struct ordo_bytes *)(void *)at = no_bytes;
        return ORDO_ID_SIZE;
    case ORDO_FIELD_T:
    case ORDO_FIELD_B:
    default:
        *(struct ordo_bytes *)(void *)at = no_bytes;
        return 1;
    }
}
