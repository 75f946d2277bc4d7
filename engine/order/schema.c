#include "order/schema.h"

#include "base/hash.h"

#include <stddef.h>

/* ---- the table ---- */

#define ROW(TYPE, name, max, count_max)                                                            \
    {#name, ORDO_FIELD_##TYPE, (uint32_t)offsetof(HOLDER, name), max, count_max},
#define ROW_U(name, max)                 ROW(U, name, max, 0)
#define ROW_N(name)                      ROW(N, name, 0, 0)
#define ROW_T(name, size_max)            ROW(T, name, size_max, 0)
#define ROW_B(name, size_max)            ROW(B, name, size_max, 0)
#define ROW_K(name)                      ROW(K, name, ORDO_ID_SIZE, 0)
#define ROW_L(name, count_max, size_max) ROW(L, name, size_max, count_max)
#define ROW_P(name, count_max)           ROW(P, name, 0, count_max)
#define ROWS(NAME)                                                                                 \
    ORDO_##NAME##_FIELDS(ROW_U, ROW_N, ROW_T, ROW_B, ROW_K, ROW_L, ROW_P, )                        \
    {                                                                                              \
        NULL, ORDO_FIELD_U, 0, 0, 0                                                                \
    }

/* Every row is an offset into its own struct here; field_at() adds where the union lies. */
#define HOLDER struct ordo_settings
static const struct ordo_field settings_fields[] = {ROWS(SETTINGS)};
#undef HOLDER
#define HOLDER struct ordo_product_put
static const struct ordo_field product_put_fields[] = {ROWS(PRODUCT_PUT)};
#undef HOLDER
#define HOLDER struct ordo_card_import
static const struct ordo_field card_import_fields[] = {ROWS(CARD_IMPORT)};
#undef HOLDER
#define HOLDER struct ordo_create
static const struct ordo_field create_fields[] = {ROWS(CREATE)};
#undef HOLDER
#define HOLDER struct ordo_attempt
static const struct ordo_field attempt_fields[] = {ROWS(ATTEMPT)};
#undef HOLDER
#define HOLDER struct ordo_fact
static const struct ordo_field fact_fields[] = {ROWS(FACT)};
#undef HOLDER
#define HOLDER struct ordo_cancel
static const struct ordo_field cancel_fields[] = {ROWS(CANCEL)};
#undef HOLDER
#define HOLDER struct ordo_delivery_ack
static const struct ordo_field delivery_ack_fields[] = {ROWS(DELIVERY_ACK)};
#undef HOLDER
#define HOLDER struct ordo_tick
static const struct ordo_field tick_fields[] = {ROWS(TICK)};
#undef HOLDER
#define HOLDER struct ordo_resume
static const struct ordo_field resume_fields[] = {ROWS(RESUME)};
#undef HOLDER
#define HOLDER struct ordo_continue_
static const struct ordo_field continue__fields[] = {ROWS(CONTINUE)};
#undef HOLDER
#define HOLDER struct ordo_extend
static const struct ordo_field extend_fields[] = {ROWS(EXTEND)};
#undef HOLDER
#define HOLDER struct ordo_release
static const struct ordo_field release_fields[] = {ROWS(RELEASE)};
#undef HOLDER
#define HOLDER struct ordo_issue
static const struct ordo_field issue_fields[] = {ROWS(ISSUE)};
#undef HOLDER
#define HOLDER struct ordo_mark_paid
static const struct ordo_field mark_paid_fields[] = {ROWS(MARK_PAID)};
#undef HOLDER
#define HOLDER struct ordo_accept
static const struct ordo_field accept_fields[] = {ROWS(ACCEPT)};
#undef HOLDER
#define HOLDER struct ordo_refund
static const struct ordo_field refund_fields[] = {ROWS(REFUND)};
#undef HOLDER
#define HOLDER struct ordo_freeze
static const struct ordo_field freeze_fields[] = {ROWS(FREEZE)};
#undef HOLDER
#define HOLDER struct ordo_unfreeze
static const struct ordo_field unfreeze_fields[] = {ROWS(UNFREEZE)};
#undef HOLDER
#define HOLDER struct ordo_note
static const struct ordo_field note_fields[] = {ROWS(NOTE)};
#undef HOLDER
#define HOLDER struct ordo_replace
static const struct ordo_field replace_fields[] = {ROWS(REPLACE)};
#undef HOLDER
#define HOLDER struct ordo_recall
static const struct ordo_field recall_fields[] = {ROWS(RECALL)};
#undef HOLDER
#define HOLDER struct ordo_card_void
static const struct ordo_field card_void_fields[] = {ROWS(CARD_VOID)};
#undef HOLDER
#define HOLDER struct ordo_coupon_put
static const struct ordo_field coupon_put_fields[] = {ROWS(COUPON_PUT)};
#undef HOLDER
#define HOLDER struct ordo_channel_put
static const struct ordo_field channel_put_fields[] = {ROWS(CHANNEL_PUT)};
#undef HOLDER
#define HOLDER struct ordo_chain
static const struct ordo_field chain_fields[] = {ROWS(CHAIN)};
#undef HOLDER
#define HOLDER struct ordo_subscriber_put
static const struct ordo_field subscriber_put_fields[] = {ROWS(SUBSCRIBER_PUT)};
#undef HOLDER
#define HOLDER struct ordo_subscriber_ack
static const struct ordo_field subscriber_ack_fields[] = {ROWS(SUBSCRIBER_ACK)};
#undef HOLDER
#define HOLDER struct ordo_park
static const struct ordo_field park_fields[] = {ROWS(PARK)};
#undef HOLDER
#define HOLDER struct ordo_unpark
static const struct ordo_field unpark_fields[] = {ROWS(UNPARK)};
#undef HOLDER
#define HOLDER struct ordo_subscriber_drop
static const struct ordo_field subscriber_drop_fields[] = {ROWS(SUBSCRIBER_DROP)};
#undef HOLDER
#define HOLDER struct ordo_get
static const struct ordo_field get_fields[] = {ROWS(GET)};
#undef HOLDER
#define HOLDER struct ordo_cards
static const struct ordo_field cards_fields[] = {ROWS(CARDS)};
#undef HOLDER
#define HOLDER struct ordo_list
static const struct ordo_field list_fields[] = {ROWS(LIST)};
#undef HOLDER
#define HOLDER struct ordo_stock
static const struct ordo_field stock_fields[] = {ROWS(STOCK)};
#undef HOLDER
#define HOLDER struct ordo_head
static const struct ordo_field head_fields[] = {ROWS(HEAD)};
#undef HOLDER
#define HOLDER struct ordo_find
static const struct ordo_field find_fields[] = {ROWS(FIND)};
#undef HOLDER
#define HOLDER struct ordo_coupon
static const struct ordo_field coupon_fields[] = {ROWS(COUPON)};
#undef HOLDER
#define HOLDER struct ordo_settings_get
static const struct ordo_field settings_get_fields[] = {ROWS(SETTINGS_GET)};
#undef HOLDER
#define HOLDER struct ordo_subscriber
static const struct ordo_field subscriber_fields[] = {ROWS(SUBSCRIBER)};
#undef HOLDER
#define HOLDER struct ordo_subscribers
static const struct ordo_field subscribers_fields[] = {ROWS(SUBSCRIBERS)};
#undef HOLDER
#define HOLDER struct ordo_parks
static const struct ordo_field parks_fields[] = {ROWS(PARKS)};
#undef HOLDER
#define HOLDER struct ordo_wait
static const struct ordo_field wait_fields[] = {ROWS(WAIT)};
#undef HOLDER
#undef ROW

/* Counts the fields before STAMPS: "(0 +1 +1 STAMPS +1)" becomes "(0 +1 +1 ) + 0 * (0 +1)". */
#define ONE_1(a)       +1
#define ONE_2(a, b)    +1
#define ONE_3(a, b, c) +1
#define BREAK          ) + 0 * (0
#define COUNT(FIELDS) (0 FIELDS(ONE_2, ONE_1, ONE_2, ONE_2, ONE_1, ONE_3, ONE_2, BREAK))

static const struct ordo_command_schema schemas[] = {
#define SCHEMA(NAME, name, number, text)                                                           \
    {number,                                                                                       \
     text,                                                                                         \
     name##_fields,                                                                                \
     (uint32_t)(sizeof(name##_fields) / sizeof(name##_fields[0])) - 1,                             \
     (uint32_t)COUNT(ORDO_##NAME##_FIELDS)},
    ORDO_COMMANDS(SCHEMA)
#undef SCHEMA
};

#define SCHEMA_COUNT (sizeof(schemas) / sizeof(schemas[0]))

const struct ordo_command_schema *ordo_schema_at(uint32_t index)
{
    return index < SCHEMA_COUNT ? &schemas[index] : NULL;
}

const struct ordo_command_schema *ordo_schema_of(uint8_t kind)
{
    enum {
#define PLACE(NAME, name, number, text) PLACE_##NAME,
        ORDO_COMMANDS(PLACE)
#undef PLACE
    };
    switch ((enum ordo_command_kind)kind) {
#define SCHEMA_CASE(NAME, name, number, text)                                                      \
    case ORDO_KIND_##NAME:                                                                         \
        return &schemas[PLACE_##NAME];
        ORDO_COMMANDS(SCHEMA_CASE)
#undef SCHEMA_CASE
    default:
        return NULL;
    }
}

/* ---- encode: one straight-line function a kind, made from the field lists ---- */

static void encode_elements(struct ordo_writer *out, const struct ordo_elements *e)
{
    ordo_write_varint(out, e->count);
    ordo_write_raw(out, e->raw.data, e->raw.size);
}

#define PUT_U(name, max)                 ordo_write_varint(out, f->name);
#define PUT_N(name)                      ordo_write_zigzag(out, f->name);
#define PUT_T(name, size_max)            ordo_write_bytes(out, f->name);
#define PUT_B(name, size_max)            ordo_write_bytes(out, f->name);
#define PUT_K(name)                      put_key(out, f->name);
#define PUT_L(name, count_max, size_max) encode_elements(out, &f->name);
#define PUT_P(name, count_max)           encode_elements(out, &f->name);
#define PUT_STAMPS                       *content_size = (uint32_t)ordo_writer_size(out);

/* A key that was not given is written as zeros. */
static void put_key(struct ordo_writer *out, struct ordo_bytes key)
{
    static const uint8_t zero[ORDO_ID_SIZE];
    ORDO_ASSERT(key.size == 0 || key.size == ORDO_ID_SIZE);
    ordo_write_raw(out, key.size == 0 ? zero : key.data, ORDO_ID_SIZE);
}

#define ENCODE(NAME, name, number, text)                                                           \
    static void encode_##name(                                                                     \
        const struct ordo_##name *f, struct ordo_writer *out, uint32_t *content_size)              \
    {                                                                                              \
        (void)f;                                                                                   \
        ORDO_##NAME##_FIELDS(PUT_U, PUT_N, PUT_T, PUT_B, PUT_K, PUT_L, PUT_P, PUT_STAMPS)          \
    }
ORDO_COMMANDS(ENCODE)
#undef ENCODE

void ordo_command_encode(struct ordo_command *command, struct ordo_writer *out)
{
    struct ordo_writer own = {
        .begin = out->at, .at = out->at, .end = out->end, .failed = out->failed};

    ordo_write_u8(&own, command->kind);
    if (!ordo_kind_is_query(command->kind)) {
        ordo_write_raw(&own, command->id, ORDO_ID_SIZE);
    }
    ordo_write_varint(&own, command->shop);
    switch ((enum ordo_command_kind)command->kind) {
#define ENCODE_CASE(NAME, name, number, text)                                                      \
    case ORDO_KIND_##NAME:                                                                         \
        encode_##name(&command->name, &own, &command->content_size);                               \
        break;
        ORDO_COMMANDS(ENCODE_CASE)
#undef ENCODE_CASE
    default:
        own.failed = true;
    }
    if (own.failed || ordo_writer_size(&own) > ORDO_COMMAND_SIZE_MAX) {
        out->failed = true;
        return;
    }
    out->at = own.at;
}

/* ---- decode: everything in one function, with its reader in registers ---- */

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t get_u(struct ordo_reader *in, uint64_t max)
{
    uint64_t value = ordo_read_varint(in);
    if (value > max) {
        ordo_reader_fail(in);
    }
    return value;
}

INLINE int64_t get_n(struct ordo_reader *in)
{
    int64_t value = ordo_read_zigzag(in);
    if (value > ORDO_AMOUNT_MAX || value < -ORDO_AMOUNT_MAX) {
        ordo_reader_fail(in);
    }
    return value;
}

INLINE struct ordo_elements get_list(struct ordo_reader *in, uint32_t count_max, uint32_t size_max)
{
    uint64_t count = get_u(in, count_max);
    const uint8_t *begin = in->at;
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        (void)ordo_read_bytes(in, size_max);
    }
    return (struct ordo_elements){{begin, (uint32_t)(in->at - begin)}, (uint32_t)count};
}

INLINE struct ordo_elements get_pairs(struct ordo_reader *in, uint32_t count_max)
{
    uint64_t count = get_u(in, count_max);
    const uint8_t *begin = in->at;
    for (uint64_t i = 0; i < count && !in->failed; i++) {
        (void)ordo_read_varint(in);
        (void)ordo_read_zigzag(in);
    }
    return (struct ordo_elements){{begin, (uint32_t)(in->at - begin)}, (uint32_t)count};
}

INLINE struct ordo_bytes get_key(struct ordo_reader *in)
{
    const uint8_t *p = ordo_read_raw(in, ORDO_ID_SIZE);
    return (struct ordo_bytes){p, p == NULL ? 0 : ORDO_ID_SIZE};
}

#define GET_U(name, max)                 f->name = get_u(in, max);
#define GET_N(name)                      f->name = get_n(in);
#define GET_T(name, size_max)            f->name = ordo_read_bytes(in, size_max);
#define GET_B(name, size_max)            f->name = ordo_read_bytes(in, size_max);
#define GET_K(name)                      f->name = get_key(in);
#define GET_L(name, count_max, size_max) f->name = get_list(in, count_max, size_max);
#define GET_P(name, count_max)           f->name = get_pairs(in, count_max);
#define GET_STAMPS                       stamps = in->at;

#define DECODE(NAME, name, number, text)                                                           \
    INLINE const uint8_t *decode_##name(struct ordo_reader *in, struct ordo_##name *f)             \
    {                                                                                              \
        const uint8_t *stamps;                                                                     \
        (void)f;                                                                                   \
        ORDO_##NAME##_FIELDS(                                                                      \
            GET_U, GET_N, GET_T, GET_B, GET_K, GET_L, GET_P, GET_STAMPS) return stamps;            \
    }
ORDO_COMMANDS(DECODE)
#undef DECODE

bool ordo_command_decode(struct ordo_bytes bytes, struct ordo_command *command)
{
    struct ordo_reader reader = ordo_reader_over(bytes.data, bytes.size);
    struct ordo_reader *in = &reader; /* in registers: everything that reads is inline */
    const uint8_t *stamps = NULL;

    command->kind = ordo_read_u8(in);
    memset(command->id, 0, ORDO_ID_SIZE);
    if (!ordo_kind_is_query(command->kind)) {
        const uint8_t *id = ordo_read_raw(in, ORDO_ID_SIZE);
        if (id == NULL) {
            return false;
        }
        memcpy(command->id, id, ORDO_ID_SIZE);
        bool has_id = (ordo_get_le64(id) | ordo_get_le64(id + 8)) != 0;
        if (command->kind == ORDO_KIND_SUBSCRIBER_ACK && has_id) {
            return false;
        }
    }
    command->shop = (uint32_t)get_u(in, UINT32_MAX);
    switch ((enum ordo_command_kind)command->kind) {
#define DECODE_CASE(NAME, name, number, text)                                                      \
    case ORDO_KIND_##NAME:                                                                         \
        stamps = decode_##name(in, &command->name);                                                \
        break;
        ORDO_COMMANDS(DECODE_CASE)
#undef DECODE_CASE
    default:
        return false;
    }
    if (!ordo_reader_done(in)) {
        return false;
    }
    command->content_size = (uint32_t)(stamps - bytes.data);
    return true;
}

/* ---- members of a chain ---- */

void ordo_member_encode(const struct ordo_command *member, struct ordo_writer *out)
{
    struct ordo_writer own = {
        .begin = out->at, .at = out->at, .end = out->end, .failed = out->failed};
    uint32_t content_size;
    own.failed = own.failed || member->kind != ORDO_KIND_CREATE;
    ordo_write_u8(&own, member->kind);
    if (!own.failed) {
        encode_create(&member->create, &own, &content_size);
    }
    if (own.failed || ordo_writer_size(&own) > ORDO_MEMBER_MAX) {
        out->failed = true;
        return;
    }
    out->at = own.at;
}

bool ordo_member_decode(struct ordo_bytes bytes, struct ordo_command *member)
{
    struct ordo_reader in = ordo_reader_over(bytes.data, bytes.size);
    memset(member, 0, sizeof(*member));
    member->kind = ordo_read_u8(&in);
    if (member->kind != ORDO_KIND_CREATE) {
        return false;
    }
    (void)decode_create(&in, &member->create);
    return ordo_reader_done(&in);
}

/* ---- helpers ---- */

struct ordo_bytes ordo_command_order_id(const struct ordo_command *command)
{
    static const struct ordo_bytes none = {NULL, 0};
    switch (command->kind) {
    case ORDO_KIND_CREATE:
        return command->create.order_id;
    case ORDO_KIND_ATTEMPT:
        return command->attempt.order_id;
    case ORDO_KIND_FACT:
        return command->fact.order_id;
    case ORDO_KIND_CANCEL:
        return command->cancel.order_id;
    case ORDO_KIND_DELIVERY_ACK:
        return command->delivery_ack.order_id;
    case ORDO_KIND_EXTEND:
        return command->extend.order_id;
    case ORDO_KIND_RELEASE:
        return command->release.order_id;
    case ORDO_KIND_ISSUE:
        return command->issue.order_id;
    case ORDO_KIND_MARK_PAID:
        return command->mark_paid.order_id;
    case ORDO_KIND_ACCEPT:
        return command->accept.order_id;
    case ORDO_KIND_REFUND:
        return command->refund.order_id;
    case ORDO_KIND_FREEZE:
        return command->freeze.order_id;
    case ORDO_KIND_UNFREEZE:
        return command->unfreeze.order_id;
    case ORDO_KIND_NOTE:
        return command->note.order_id;
    case ORDO_KIND_REPLACE:
        return command->replace.order_id;
    case ORDO_KIND_GET:
        return command->get.order_id;
    case ORDO_KIND_CARDS:
        return command->cards.order_id;
    default: /* a park is about an order of whatever shop, and touches none */
        return none;
    }
}

void ordo_command_content_hash(
    struct ordo_bytes canonical, uint32_t content_size, uint8_t hash[ORDO_ID_SIZE])
{
    ORDO_ASSERT(canonical.size >= content_size);
    ORDO_ASSERT(content_size > 0);
    uint8_t kind = canonical.data[0];
    uint32_t skip = ordo_kind_is_query(kind) ? 1 : 1 + ORDO_ID_SIZE;
    ORDO_ASSERT(content_size >= skip);
    struct ordo_hash128 h = ordo_hash128(canonical.data + skip, content_size - skip, kind);
    ordo_put_le64(hash, h.low);
    ordo_put_le64(hash + 8, h.high);
}

/* Sixteen bytes at a time: texts are looked at in every command. ':' follows '9'. */
#define LANES 16
typedef uint8_t lanes __attribute__((vector_size(LANES)));
typedef uint64_t halves __attribute__((vector_size(LANES)));

static bool are_valid(const uint8_t *bytes)
{
    lanes c;
    memcpy(&c, bytes, sizeof(c));
    lanes letter = (lanes)((c | 32) - 'a' < 26);
    lanes digit = (lanes)(c - '0' < 11);
    lanes sign = (lanes)((c - '-' < 2) | (c == '_'));
    halves valid = (halves)(letter | digit | sign);
    return (valid[0] & valid[1]) == UINT64_MAX;
}

static bool is_short_valid(struct ordo_bytes text)
{
    uint8_t padded[LANES] = {
        '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
    if (text.size != 0) {
        memcpy(padded, text.data, text.size);
    }
    return text.size != 0 && are_valid(padded);
}

bool ordo_text_is_valid(struct ordo_bytes text)
{
    if (text.size < LANES) {
        return is_short_valid(text);
    }
    const uint8_t *last = text.data + text.size - LANES;
    for (const uint8_t *p = text.data; p < last; p += LANES) {
        if (!are_valid(p)) {
            return false;
        }
    }
    return are_valid(last);
}
