/* Requests: every kind of command round trip through the wire, damaged in every way, and the texts
 * of refusals. Compared by canonical bytes, which are one form a value. Random values print their
 * seed.
 */
#include "net/frame.h"
#include "order/result.h"

#include "random.h"
#include "wire_bytes.h"

#include <criterion/criterion.h>

#define FRAME_MAX (2u << 20)

static uint8_t frame_bytes[FRAME_MAX];
static uint8_t scratch_bytes[ORDO_COMMAND_SIZE_MAX];

/* ---- random commands ---- */

struct store { /* what texts and lists of a random command point to */
    uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    struct ordo_writer out;
};

static struct ordo_bytes random_text(struct random *r, struct store *s, uint64_t size_max)
{
    static const char alphabet[] = "ABYZabyz0189_.:-";
    uint32_t size = (uint32_t)random_below(r, size_max + 1);
    uint8_t *at = s->out.at;
    for (uint32_t i = 0; i < size; i++) {
        ordo_write_u8(&s->out, (uint8_t)alphabet[random_below(r, sizeof(alphabet) - 1)]);
    }
    return (struct ordo_bytes){at, size};
}

static struct ordo_bytes random_bytes(struct random *r, struct store *s, uint64_t size)
{
    uint8_t *at = s->out.at;
    for (uint64_t i = 0; i < size; i++) {
        ordo_write_u8(&s->out, (uint8_t)random_next(r));
    }
    return (struct ordo_bytes){at, (uint32_t)size};
}

static struct ordo_elements
random_elements(struct random *r, struct store *s, const struct ordo_field *field)
{
    uint8_t own[1100];
    struct ordo_elements e = {{s->out.at, 0}, (uint32_t)random_below(r, field->count_max + 1)};
    for (uint32_t i = 0; i < e.count; i++) {
        if (field->type == ORDO_FIELD_P) {
            ordo_write_varint(&s->out, random_wide(r));
            ordo_write_zigzag(&s->out, (int64_t)random_next(r));
            continue;
        }
        uint64_t size_max = field->max < 200 ? field->max : 200;
        struct ordo_bytes element = {own, (uint32_t)random_below(r, size_max + 1)};
        memset(own, (int)random_below(r, 256), element.size);
        ordo_write_bytes(&s->out, element);
    }
    e.raw.size = (uint32_t)(s->out.at - e.raw.data);
    return e;
}

static void random_field(struct random *r, struct store *s, const struct ordo_field *f, uint8_t *at)
{
    uint64_t value = random_wide(r);
    bool empty = random_below(r, 4) == 0;
    switch (f->type) {
    case ORDO_FIELD_U:
        *(uint64_t *)(void *)at = empty ? 0 : f->max == UINT64_MAX ? value : value % (f->max + 1);
        break;
    case ORDO_FIELD_N:
        *(int64_t *)(void *)at =
            empty ? 0 : (int64_t)(value % (2 * ORDO_AMOUNT_MAX + 1)) - ORDO_AMOUNT_MAX;
        break;
    case ORDO_FIELD_T:
        *(struct ordo_bytes *)(void *)at = random_text(r, s, empty ? 0 : f->max);
        break;
    case ORDO_FIELD_B:
        *(struct ordo_bytes *)(void *)at =
            random_bytes(r, s, empty ? 0 : random_below(r, f->max + 1));
        break;
    case ORDO_FIELD_K:
        *(struct ordo_bytes *)(void *)at = random_bytes(r, s, empty ? 0 : ORDO_ID_SIZE);
        break;
    case ORDO_FIELD_L:
    case ORDO_FIELD_P:
    default:
        *(struct ordo_elements *)(void *)at =
            empty ? (struct ordo_elements){{NULL, 0}, 0} : random_elements(r, s, f);
        break;
    }
}

static void
random_command(struct random *r, struct store *s, uint8_t kind, struct ordo_command *command)
{
    const struct ordo_command_schema *schema = ordo_schema_of(kind);
    s->out = ordo_writer_over(s->bytes, sizeof(s->bytes));
    memset(command, 0, sizeof(*command));
    command->kind = kind;
    command->shop = (uint32_t)random_wide(r);
    if (ordo_kind_has_client_id(kind)) {
        for (int i = 0; i < ORDO_ID_SIZE; i++) {
            command->id[i] = (uint8_t)(random_next(r) | 1);
        }
    }
    for (uint32_t i = 0; i < schema->field_count; i++) {
        random_field(
            r, s, &schema->fields[i], (uint8_t *)&command->settings + schema->fields[i].offset);
    }
    cr_assert(!s->out.failed);
}

static bool next_sendable(uint32_t *index, uint8_t *kind)
{
    for (; ordo_schema_at(*index) != NULL; (*index)++) {
        *kind = ordo_schema_at(*index)->kind;
        if (!ordo_kind_is_internal(*kind)) {
            (*index)++;
            return true;
        }
    }
    return false;
}

static struct ordo_bytes canonical(struct ordo_command *command, uint8_t *bytes)
{
    struct ordo_writer out = ordo_writer_over(bytes, ORDO_COMMAND_SIZE_MAX);
    ordo_command_encode(command, &out);
    cr_assert(!out.failed);
    return (struct ordo_bytes){bytes, (uint32_t)ordo_writer_size(&out)};
}

static struct ordo_bytes frame_of(const struct ordo_command *commands, uint32_t count)
{
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    ordo_request_encode(&out, 77, commands, count);
    cr_assert(!out.failed);
    return (struct ordo_bytes){frame_bytes, (uint32_t)ordo_writer_size(&out)};
}

/* Opens the frame and reads the first command of it; the fault is of whichever failed. */
static bool
read_one(struct ordo_bytes frame, struct ordo_command *command, struct ordo_wire_fault *fault)
{
    struct ordo_request_reader reader;
    struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    *fault = (struct ordo_wire_fault){0};
    return ordo_request_open(&reader, frame, fault) &&
           ordo_request_next(&reader, command, &scratch, fault);
}

/* ---- tests ---- */

Test(frame, carries_every_kind_of_command)
{
    struct random r = random_begin("frame/carries_every_kind_of_command");
    static struct store store;
    static uint8_t sent_bytes[ORDO_COMMAND_SIZE_MAX];
    static uint8_t got_bytes[ORDO_COMMAND_SIZE_MAX];
    struct ordo_wire_fault fault;
    uint8_t kind;
    for (uint32_t index = 0; next_sendable(&index, &kind);) {
        for (int i = 0; i < 500; i++) {
            struct ordo_command sent;
            struct ordo_command got;
            memset(&got, 0xa5, sizeof(got));
            random_command(&r, &store, kind, &sent);
            struct ordo_bytes frame = frame_of(&sent, 1);
            cr_assert(read_one(frame, &got, &fault), "kind %u: %s", kind, fault.text);
            cr_assert_arr_eq(sent.id, got.id, ORDO_ID_SIZE);
            cr_assert(
                ordo_bytes_equal(canonical(&sent, sent_bytes), canonical(&got, got_bytes)),
                "kind %u",
                kind);
        }
    }
}

Test(frame, reads_a_batch_in_order_and_knows_its_class)
{
    static struct ordo_command commands[ORDO_WIRE_COMMANDS_MAX];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_command got;
    for (uint32_t i = 0; i < ORDO_WIRE_COMMANDS_MAX; i++) {
        commands[i].kind = ORDO_KIND_CANCEL;
        commands[i].id[0] = 1;
        commands[i].shop = i;
    }
    cr_assert(ordo_request_open(&reader, frame_of(commands, ORDO_WIRE_COMMANDS_MAX), &fault));
    cr_assert_eq(reader.request_id, 77);
    cr_assert_eq(reader.class, ORDO_CLASS_COMMAND);
    for (uint32_t i = 0; i < ORDO_WIRE_COMMANDS_MAX; i++) {
        struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
        cr_assert_eq(reader.next, i);
        cr_assert(ordo_request_next(&reader, &got, &scratch, &fault), "%s", fault.text);
        cr_assert_eq(got.shop, i);
    }
    cr_assert(ordo_mp_is_done(&reader.mp));
    commands[500].kind = ORDO_KIND_GET;
    cr_assert(ordo_request_open(&reader, frame_of(commands, ORDO_WIRE_COMMANDS_MAX), &fault));
    cr_assert_eq(reader.class, ORDO_CLASS_QUERY);
    commands[1000].kind = ORDO_KIND_FACT;
    cr_assert(ordo_request_open(&reader, frame_of(commands, ORDO_WIRE_COMMANDS_MAX), &fault));
    cr_assert_eq(reader.class, ORDO_CLASS_FACT);
}

Test(frame, puts_operators_beside_facts_and_the_shop_behind_queries_and_subscribers)
{
    static const uint8_t first[] = {
        ORDO_KIND_FACT,
        ORDO_KIND_DELIVERY_ACK,
        ORDO_KIND_ISSUE,
        ORDO_KIND_MARK_PAID,
        ORDO_KIND_ACCEPT,
        ORDO_KIND_REFUND,
        ORDO_KIND_FREEZE,
        ORDO_KIND_UNFREEZE,
        ORDO_KIND_NOTE,
        ORDO_KIND_REPLACE,
        ORDO_KIND_RECALL,
        ORDO_KIND_CARD_VOID,
    };
    const struct ordo_command_schema *schema;
    for (uint32_t i = 0; (schema = ordo_schema_at(i)) != NULL; i++) {
        enum ordo_wire_class expected =
            memchr(first, schema->kind, sizeof(first)) != NULL ? ORDO_CLASS_FACT
            : schema->kind >= ORDO_KIND_SUBSCRIBER_PUT         ? ORDO_CLASS_QUERY
                                                               : ORDO_CLASS_COMMAND;
        cr_assert_eq(ordo_wire_class_of(schema->kind), expected, "%s", schema->name);
    }
}

Test(frame, is_refused_whole_at_every_truncation)
{
    struct random r = random_begin("frame/is_refused_whole_at_every_truncation");
    static struct store store;
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    uint8_t kind;
    for (uint32_t index = 0; next_sendable(&index, &kind);) {
        struct ordo_command command;
        random_command(&r, &store, kind, &command);
        struct ordo_bytes frame = frame_of(&command, 1);
        for (uint32_t cut = 0; cut < frame.size; cut++) {
            uint8_t *copy = malloc(cut + 1);
            memcpy(copy, frame.data, cut);
            cr_assert_not(ordo_request_open(&reader, (struct ordo_bytes){copy, cut}, &fault));
            cr_assert_eq(fault.code, ORDO_RESULT_MALFORMED);
            cr_assert_neq(fault.text[0], 0);
            free(copy);
        }
        frame_bytes[frame.size] = 0xc0;
        frame.size++;
        cr_assert_not(ordo_request_open(&reader, frame, &fault));
        cr_assert_str_eq(fault.text, "commands: bytes follow behind the frame");
    }
}

Test(frame, survives_random_damage)
{
    struct random r = random_begin("frame/survives_random_damage");
    static struct store store;
    static uint8_t damaged[FRAME_MAX];
    static uint8_t canonical_bytes[ORDO_COMMAND_SIZE_MAX];
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    uint8_t kind;
    for (uint32_t index = 0; next_sendable(&index, &kind);) {
        for (int i = 0; i < 3000; i++) {
            struct ordo_command command;
            random_command(&r, &store, kind, &command);
            struct ordo_bytes frame = frame_of(&command, 1);
            if (frame.size > 4096) {
                continue;
            }
            memcpy(damaged, frame.data, frame.size);
            for (uint64_t n = 1 + random_below(&r, 4); n > 0; n--) {
                damaged[random_below(&r, frame.size)] = (uint8_t)random_next(&r);
            }
            frame.data = damaged;
            if (!ordo_request_open(&reader, frame, &fault)) {
                continue;
            }
            while (reader.next < reader.count) {
                struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
                if (ordo_request_next(&reader, &command, &scratch, &fault)) {
                    (void)canonical(&command, canonical_bytes);
                }
            }
            cr_assert(ordo_mp_is_done(&reader.mp));
        }
    }
}

Test(frame, names_what_is_wrong_with_it)
{
    static const struct {
        const char *hex;
        uint64_t request_id;
        const char *text;
    } cases[] = {
        {"", 0, "request: the frame ends too early"},
        {"c0", 0, "request: expected an array"},
        {"dd10000000", 0, "request: announces more elements than the frame has bytes"},
        {"93010190", 0, "request: expected 4 elements"},
        {"9402 07 c0 90", 0, "version: this server speaks 1, not 2"},
        {"94a131 07 c0 90", 0, "version: expected an integer"},
        {"9401 a137 c0 90", 0, "request id: expected an integer"},
        {"9401 07 81a16101 90", 7, "options: this server knows none"},
        {"9401 07 01 90", 7, "options: expected a map"},
        {"9401 07 c0 01", 7, "commands: expected an array"},
        {"9401 07 c0 dd10000000", 7, "commands: announces more elements than the frame has bytes"},
        {"9401 07 c0 91 9191919191919191 90", 7, NULL}, /* eight levels inside a command */
        {"9401 07 c0 91 919191919191919191 c0", 7, "commands: is nested too deeply"},
        {"9401 07 c0 91 c1", 7, "commands: has a byte that msgpack does not use"},
        {"9401 07 c0 90 00", 7, "commands: bytes follow behind the frame"},
    };
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ordo_bytes frame = bytes_of(cases[i].hex, bytes, sizeof(bytes));
        bool good = ordo_request_open(&reader, frame, &fault);
        cr_assert_eq(good, cases[i].text == NULL, "case %zu: %s", i, fault.text);
        cr_assert(good || strcmp(fault.text, cases[i].text) == 0, "case %zu: %s", i, fault.text);
        cr_assert_eq(reader.request_id, cases[i].request_id, "case %zu", i);
    }
}

Test(frame, with_more_commands_than_allowed_is_refused)
{
    struct ordo_request_reader reader;
    struct ordo_wire_fault fault;
    struct ordo_writer out = ordo_writer_over(frame_bytes, sizeof(frame_bytes));
    uint8_t head[16];
    ordo_write_raw(&out, head, bytes_of("9401 07 c0 dc0401", head, sizeof(head)).size);
    for (int i = 0; i < ORDO_WIRE_COMMANDS_MAX + 1; i++) {
        ordo_mp_write_nil(&out);
    }
    struct ordo_bytes frame = {frame_bytes, (uint32_t)ordo_writer_size(&out)};
    cr_assert_not(ordo_request_open(&reader, frame, &fault));
    cr_assert_str_eq(fault.text, "commands: has more elements than allowed");
}

/* tidy: allow function-size (a table of cases and one loop) */
Test(frame, names_the_command_and_field_that_is_wrong)
{
    /* one command each; ID stands for bin 16 of 11 */
    static const struct {
        const char *hex;
        uint16_t code;
        const char *text;
    } cases[] = {
        {"c0", ORDO_RESULT_MALFORMED, "command 0: kind: expected an array"},
        {"90", ORDO_RESULT_MALFORMED, "command 0: kind: expected one that this server knows"},
        {"93 7f c0 00",
         ORDO_RESULT_MALFORMED,
         "command 0: kind: expected one that this server knows"},
        {"93 cd0104 c0 00", ORDO_RESULT_MALFORMED, "command 0: kind: is above its maximum"},
        {"92 cc80 c0", ORDO_RESULT_MALFORMED, "command 0: get: expected kind, id, shop"},
        {"95 cc84 c0 00 01 02",
         ORDO_RESULT_MALFORMED,
         "command 0: head: has more fields than are known"},
        {"93 09 c0 00",
         ORDO_RESULT_UNAUTHORISED,
         "command 0: kind tick is made by the server alone"},
        {"93 0a c0 00",
         ORDO_RESULT_UNAUTHORISED,
         "command 0: kind resume is made by the server alone"},
        {"93 0b c0 00",
         ORDO_RESULT_UNAUTHORISED,
         "command 0: kind continue is made by the server alone"},
        {"93 cc80 ID 00",
         ORDO_RESULT_MALFORMED,
         "command 0: field id: expected nil: queries, facts and subscriber-acks have no id"},
        {"93 06 ID 00",
         ORDO_RESULT_MALFORMED,
         "command 0: field id: expected nil: queries, facts and subscriber-acks have no id"},
        {"94 07 c0 00 a131",
         ORDO_RESULT_ID_MISSING,
         "command 0: a command needs an id of 16 bytes that are not all zero"},
        {"94 07 c41000000000000000000000000000000000 00 a131",
         ORDO_RESULT_ID_MISSING,
         "command 0: a command needs an id of 16 bytes that are not all zero"},
        {"94 07 c40111 00 a131", ORDO_RESULT_MALFORMED, "command 0: field id: expected 16 bytes"},
        {"94 07 ID a130 a131", ORDO_RESULT_MALFORMED, "command 0: field shop: expected an integer"},
        {"94 07 ID ff a131", ORDO_RESULT_MALFORMED, "command 0: field shop: may not be negative"},
        {"94 07 ID 00 01",
         ORDO_RESULT_MALFORMED,
         "command 0: field order_id: expected a text or bytes"},
        {"94 07 ID 00 a3612062",
         ORDO_RESULT_MALFORMED,
         "command 0: field order_id: may have only A-Z a-z 0-9 _ . : -"},
        {"94 07 ID 00 d921414141414141414141414141414141414141414141414141414141414141414141",
         ORDO_RESULT_MALFORMED,
         "command 0: field order_id: is longer than allowed"},
        {"98 04 ID 00 a131 c0 01 01 05",
         ORDO_RESULT_MALFORMED,
         "command 0: field buyer: expected a text or bytes"},
        {"98 04 ID 00 a131 c40101 01 01 05",
         ORDO_RESULT_MALFORMED,
         "command 0: field buyer: expected 16 bytes"},
        {"98 04 ID 00 a131 ID 01 01 a135",
         ORDO_RESULT_MALFORMED,
         "command 0: field amount: expected an integer"},
        {"98 04 ID 00 a131 ID 01 01 cb4014000000000000",
         ORDO_RESULT_MALFORMED,
         "command 0: field amount: expected an integer"},
        {"98 04 ID 00 a131 ID 01 01 cf00038d7ea4c68001",
         ORDO_RESULT_MALFORMED,
         "command 0: field amount: is above the largest amount"},
        {"94 01 ID 00 91 9101",
         ORDO_RESULT_MALFORMED,
         "command 0: field pairs: expected pairs of key and value"},
        {"95 03 ID 00 01 91 c0",
         ORDO_RESULT_MALFORMED,
         "command 0: field cards: expected a text or bytes"},
    };
    struct ordo_command command;
    struct ordo_wire_fault fault;
    uint8_t bytes[256];
    char hex[512];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(hex, sizeof(hex), "9401 07 c0 91 %s", cases[i].hex);
        struct ordo_bytes frame = bytes_of(hex, bytes, sizeof(bytes));
        cr_assert_not(read_one(frame, &command, &fault), "case %zu", i);
        cr_assert_str_eq(fault.text, cases[i].text, "case %zu: %s", i, fault.text);
        cr_assert_eq(fault.code, cases[i].code, "case %zu: %u", i, fault.code);
    }
}

/* AC-31 (Ydisks-Xianyu-Helper#63): of a frame with several messages only the first was processed.
 */
Test(frame, reads_the_others_when_one_command_is_wrong)
{
    uint8_t bytes[256];
    struct ordo_request_reader reader;
    struct ordo_command command;
    struct ordo_wire_fault fault;
    struct ordo_bytes frame =
        bytes_of("9401 07 c0 93 94 cc80 c0 05 a131 81a1619291c001 93 cc84 c0 06", bytes, 256);
    struct ordo_writer scratch = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    cr_assert(ordo_request_open(&reader, frame, &fault), "%s", fault.text);
    cr_assert(ordo_request_next(&reader, &command, &scratch, &fault));
    cr_assert_eq(command.shop, 5);
    cr_assert_not(ordo_request_next(&reader, &command, &scratch, &fault));
    cr_assert_str_eq(fault.text, "command 1: kind: expected an array");
    cr_assert(ordo_request_next(&reader, &command, &scratch, &fault));
    cr_assert_eq(command.shop, 6);
}

Test(frame, refuses_a_command_too_large_for_its_canonical_form)
{
    static struct store store;
    static uint8_t element[ORDO_SEALED_MAX];
    struct ordo_command command = {.kind = ORDO_KIND_CARD_IMPORT, .id = {1}};
    struct ordo_wire_fault fault;
    store.out = ordo_writer_over(store.bytes, sizeof(store.bytes));
    struct ordo_elements *cards = &command.card_import.cards;
    for (cards->count = 0; cards->count < 63; cards->count++) {
        ordo_write_bytes(&store.out, (struct ordo_bytes){element, sizeof(element)});
    }
    ordo_write_bytes(&store.out, (struct ordo_bytes){element, 860});
    *cards = (struct ordo_elements){
        {store.bytes, (uint32_t)ordo_writer_size(&store.out)}, cards->count + 1};
    struct ordo_writer out = ordo_writer_over(scratch_bytes, sizeof(scratch_bytes));
    ordo_command_encode(&command, &out);
    size_t room = ORDO_COMMAND_SIZE_MAX - ordo_writer_size(&out);
    cr_assert(!out.failed && room > 0);
    struct ordo_command got;
    cr_assert(read_one(frame_of(&command, 1), &got, &fault), "%s", fault.text);
    uint8_t name[ORDO_OPERATOR_MAX];
    memset(name, 'a', sizeof(name));
    cr_assert(room < sizeof(name), "%zu bytes are left", room);
    command.card_import.operator_name = (struct ordo_bytes){name, (uint32_t)room};
    cr_assert(read_one(frame_of(&command, 1), &got, &fault), "%s", fault.text);
    command.card_import.operator_name.size++;
    cr_assert_not(read_one(frame_of(&command, 1), &got, &fault));
    cr_assert_str_eq(
        fault.text, "command 0: field operator_name: makes the command larger than 65535 bytes");
}
