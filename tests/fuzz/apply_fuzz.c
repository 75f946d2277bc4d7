/* Histories: bytes become commands and queries over a handful of orders, buyers, products and
 * payments, so that they meet; libFuzzer looks for those that reach new code. After each history
 * every invariant of the domain holds, the digest kept is the digest recomputed, and the state
 * comes back whole from its image. New kinds and fields of order/schema.h are in it by themselves.
 *
 * A command is its kind, a step of time, the number of its id, the shop, and a byte a field (an
 * element of a list: a byte as well). The state is made once; each input begins with a copy of the
 * memory as it was then. */
#include "fuzz.h"
#include "fuzz_state.h"

#include "base/hash.h"

#define COMMANDS_MAX 200

static uint8_t lists[ORDO_COMMAND_SIZE_MAX];
static uint8_t texts[64][ORDO_ID_SIZE];
static uint32_t text_count;

struct source {
    const uint8_t *at;
    const uint8_t *end;
};

static uint8_t take(struct source *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static struct ordo_bytes name_of(const struct ordo_field *field, uint8_t choice)
{
    static const char *const orders[] = {"A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "", "A 7"};
    static const char *const trades[] = {"2026", "2027", "x", "4200001", "4200002", ""};
    static const char *const others[] = {"m1", "m2", "wang", "SALE", "", "GIFT"};
    const char *text = others[choice % 6];
    if (strcmp(field->name, "order_id") == 0) {
        text = orders[choice % 8];
    } else if (strcmp(field->name, "trade_no") == 0) {
        text = trades[choice % 6];
    }
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* Values at which something changes: small ones, prices, moments of the sale, the largest. */
static uint64_t number_of(uint64_t max, uint8_t choice)
{
    static const uint64_t values[] = {
        0, 1, 2, 3, 4, 5, 100, 156, 300, 86400, 604800, 1000000, FUZZ_START, UINT32_MAX, 1000, 64};
    uint64_t value = choice < 64 ? values[choice % 16] : choice % 8;
    if (choice >= 0xf0) {
        value = max - (choice & 1);
    }
    return value > max ? max : value;
}

static struct ordo_bytes opaque_of(uint8_t choice)
{
    uint8_t *bytes = texts[text_count++ % 64];
    memset(bytes, 0, ORDO_ID_SIZE);
    bytes[0] = choice % 4 + 1;
    return (struct ordo_bytes){bytes, ORDO_ID_SIZE};
}

static struct ordo_elements elements_of(
    const struct ordo_field *field, struct source *in, struct ordo_writer *out, uint8_t choice)
{
    struct ordo_elements elements = {.raw = {out->at, 0}, .count = choice % 5};
    if (elements.count > field->count_max) {
        elements.count = field->count_max;
    }
    for (uint32_t i = 0; i < elements.count; i++) {
        uint8_t byte = take(in);
        if (field->type == ORDO_FIELD_P) {
            ordo_write_varint(out, byte % 40);
            ordo_write_varint(out, (uint64_t)take(in) << 1);
        } else {
            uint32_t size = byte < 200 ? 57 : byte % 60; /* sealed cards are 57 at least */
            size = size > field->max ? (uint32_t)field->max : size;
            ordo_write_varint(out, size);
            for (uint32_t k = 0; k < size && out->at < out->end; k++) {
                *out->at++ = k == 0 ? byte : 7;
            }
        }
    }
    elements.raw.size = (uint32_t)(out->at - elements.raw.data);
    return elements;
}

static void
fill(const struct ordo_field *field, void *at, struct source *in, struct ordo_writer *list_bytes)
{
    uint8_t choice = take(in);
    struct ordo_bytes bytes = {NULL, 0};
    struct ordo_elements elements;
    uint64_t number;
    switch (field->type) {
    case ORDO_FIELD_U:
        number = number_of(field->max, choice);
        memcpy(at, &number, sizeof(number));
        return;
    case ORDO_FIELD_N:
        number = number_of(ORDO_AMOUNT_MAX, choice);
        memcpy(at, &number, sizeof(number));
        return;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
        elements = elements_of(field, in, list_bytes, choice);
        memcpy(at, &elements, sizeof(elements));
        return;
    case ORDO_FIELD_T:
        bytes = name_of(field, choice);
        break;
    case ORDO_FIELD_K:
        bytes = opaque_of(choice);
        break;
    case ORDO_FIELD_B:
        bytes = choice % 4 == 0 ? bytes : opaque_of(choice);
        break;
    default:
        abort();
    }
    memcpy(at, &bytes, sizeof(bytes));
}

static bool read_command(struct source *in, struct ordo_command *command)
{
    struct ordo_writer list_bytes = ordo_writer_over(lists, sizeof(lists));
    uint8_t which = take(in);
    uint32_t count = 0;
    while (ordo_schema_at(count) != NULL) {
        count++;
    }
    const struct ordo_command_schema *schema = ordo_schema_at(which % count);
    memset(command, 0, sizeof(*command));
    command->kind = schema->kind;
    uint8_t id = take(in);
    if (ordo_kind_has_client_id(schema->kind) || schema->kind == ORDO_KIND_FACT) {
        command->id[0] = id;
        command->id[1] = 1;
    }
    command->shop = take(in) % 8 == 0 ? 8 : 7;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        /* every member of the union begins where the union does */
        fill(
            &schema->fields[i],
            (uint8_t *)&command->get + schema->fields[i].offset,
            in,
            &list_bytes);
    }
    return !list_bytes.failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source in = {data, data + size};
    uint64_t now_us = FUZZ_START;
    struct ordo_command command;
    fuzz_state_reset();
    for (uint32_t i = 0; i < COMMANDS_MAX && in.at < in.end; i++) {
        static const uint64_t steps[] = {
            0, 1, 1000000, 60000000, 900000000, 3600000000, 172800000000};
        uint8_t step = take(&in);
        now_us += step < 128 ? 0 : steps[step % 7];
        uint64_t due_us = ordo_state_next_deadline_us(fuzz_state);
        if (due_us <= now_us && (step & 8) == 0) {
            memset(&command, 0, sizeof(command));
            command.kind = due_us == 0 ? ORDO_KIND_CONTINUE : ORDO_KIND_TICK;
            command.tick.now_us = due_us == 0 ? 0 : now_us;
        } else if (!read_command(&in, &command)) {
            continue;
        }
        if (command.kind == ORDO_KIND_TICK || command.kind == ORDO_KIND_RESUME) {
            command.tick.now_us = now_us; /* as ingress makes them */
        }
        fuzz_state_apply(&command, now_us);
    }
    fuzz_state_check(ordo_hash64(data, size, 0) % 16 == 0);
    return 0;
}
