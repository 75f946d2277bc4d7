#include "order/outcome.h"

#include "base/assert.h"
#include "base/canary.h"
#include "order/query.h"

/* Encoder and decoder stand side by side, one function a part, so that a reader can compare them.
 * The decoder accepts exactly what the encoder writes: shortest integers, every count in its bound,
 * values in their ranges, no byte left over.
 */

#define FORM_OWN   0
#define FORM_OTHER 1

/* ---- the result ---- */

#define RESULT_MAX  (2 * ORDO_VARINT_MAX + 2 + 5)
#define EFFECT_MAX  (1 + 5 + 1 + ORDO_ORDER_ID_MAX + ORDO_VARINT_MAX + 4 * 5)
#define COUNTS_MAX  3
#define POSTING_MAX (5 + 5 + 1 + ORDO_VARINT_MAX)

/* The whole asks once for the room that it could need; its parts write without a look and give the
 * byte after them. */
static uint8_t *put_result(uint8_t *p, const struct ordo_result *result, uint64_t seq)
{
    if (ORDO_LIKELY(result->seq == seq)) {
        p = ordo_put_varint(p, (uint64_t)result->code * 2);
    } else {
        p = ordo_put_varint(p, (uint64_t)result->code * 2 + 1);
        p = ordo_put_varint(p, result->seq);
    }
    *p++ = result->state;
    *p++ = result->disposition;
    return ordo_put_varint(p, result->version);
}

void ordo_result_encode(const struct ordo_result *result, uint64_t seq, struct ordo_writer *out)
{
    uint8_t *p = ordo_write_room(out, RESULT_MAX);
    if (p != NULL) {
        out->at = put_result(p, result, seq);
    }
}

static uint64_t read_max(struct ordo_reader *in, uint64_t max)
{
    uint64_t value = ordo_read_varint(in);
    if (value > max) {
        ordo_reader_fail(in);
        return 0;
    }
    return value;
}

bool ordo_result_decode(struct ordo_reader *in, uint64_t seq, struct ordo_result *result)
{
    uint64_t code = read_max(in, UINT16_MAX * 2 + 1);
    result->code = (uint16_t)(code >> 1);
    result->seq = seq;
    if ((code & 1) != 0) {
        result->seq = ordo_read_varint(in);
        if (result->seq == seq) {
            ordo_reader_fail(in); /* the shorter form exists */
        }
    }
    result->state = ordo_read_u8(in);
    result->disposition = ordo_read_u8(in);
    result->version = (uint32_t)read_max(in, UINT32_MAX);
    if (result->state >= ORDO_STATE_COUNT || result->disposition >= ORDO_DISPOSITION_COUNT) {
        ordo_reader_fail(in);
    }
    return !in->failed;
}

/* ---- effects ---- */

static uint8_t *put_effect(
    uint8_t *p, const struct ordo_outcome *outcome, const struct ordo_effect *effect, uint64_t seq)
{
    ORDO_ASSERT(effect->prev_seq < seq);
    ORDO_ASSERT(effect->order_id.size <= ORDO_ORDER_ID_MAX);
    if (ORDO_LIKELY(effect->own)) {
        *p++ = FORM_OWN;
    } else {
        *p++ = FORM_OTHER;
        p = ordo_put_varint(p, effect->shop);
        *p++ = (uint8_t)effect->order_id.size;
        memcpy(p, effect->order_id.data, effect->order_id.size);
        p += effect->order_id.size;
    }
    p = ordo_put_varint(p, effect->prev_seq == 0 ? 0 : seq - effect->prev_seq);
    p = ordo_put_varint(p, effect->version);
    p = ordo_put_varint(p, effect->flags);
    *p++ = (uint8_t)effect->transition_count;
    const struct ordo_transition *t = &outcome->transitions[effect->transition_first];
    for (uint32_t i = effect->transition_count; i > 0; i--, t++) {
        *p++ = t->from;
        *p++ = t->to;
        *p++ = t->cause;
    }
    *p++ = (uint8_t)effect->card_count;
    const uint64_t *card = &outcome->cards[effect->card_first];
    for (uint32_t i = effect->card_count; i > 0; i--) {
        p = ordo_put_varint(p, *card++);
    }
    return p;
}

static void
decode_transitions(struct ordo_reader *in, struct ordo_outcome *outcome, struct ordo_effect *effect)
{
    effect->transition_first = outcome->transition_count;
    effect->transition_count =
        (uint32_t)read_max(in, ORDO_TRANSITIONS_MAX - outcome->transition_count);
    for (uint32_t i = 0; i < effect->transition_count && !in->failed; i++) {
        struct ordo_transition *t = &outcome->transitions[outcome->transition_count++];
        t->from = ordo_read_u8(in);
        t->to = ordo_read_u8(in);
        t->cause = ordo_read_u8(in);
        if (t->from >= ORDO_STATE_COUNT || t->to >= ORDO_STATE_COUNT) {
            ordo_reader_fail(in);
        }
    }
    if (effect->version < effect->transition_count) {
        ordo_reader_fail(in); /* each transition has a version of its own */
    }
}

static void
decode_card_list(struct ordo_reader *in, struct ordo_outcome *outcome, struct ordo_effect *effect)
{
    effect->card_first = outcome->card_count;
    effect->card_count = (uint32_t)read_max(in, ORDO_CARDS_MAX - outcome->card_count);
    for (uint32_t i = 0; i < effect->card_count && !in->failed; i++) {
        outcome->cards[outcome->card_count++] = ordo_read_varint(in);
    }
}

static void decode_effect(
    struct ordo_reader *in,
    uint64_t seq,
    const struct ordo_command *command,
    struct ordo_outcome *outcome,
    struct ordo_effect *effect)
{
    uint64_t form = read_max(in, FORM_OTHER);
    effect->own = form == FORM_OWN;
    if (effect->own) {
        effect->shop = command->shop;
        effect->order_id = ordo_command_order_id(command);
    } else {
        effect->shop = (uint32_t)read_max(in, UINT32_MAX);
        effect->order_id = ordo_read_bytes(in, ORDO_ORDER_ID_MAX);
    }
    uint64_t back = read_max(in, seq == 0 ? 0 : seq - 1); /* the previous seq is at least 1 */
    effect->prev_seq = back == 0 ? 0 : seq - back;
    effect->version = (uint32_t)read_max(in, UINT32_MAX);
    effect->flags = (uint32_t)read_max(in, UINT32_MAX);
    decode_transitions(in, outcome, effect);
    decode_card_list(in, outcome, effect);
    if (effect->order_id.size == 0) {
        ordo_reader_fail(in);
    }
}

/* ---- postings ---- */

static uint8_t *put_posting(uint8_t *p, const struct ordo_posting *posting)
{
    p = ordo_put_varint(p, posting->channel);
    p = ordo_put_varint(p, posting->currency);
    *p++ = posting->account;
    return ordo_put_zigzag(p, posting->amount);
}

static void decode_posting(struct ordo_reader *in, struct ordo_posting *posting)
{
    posting->channel = (uint32_t)read_max(in, UINT32_MAX);
    posting->currency = (uint32_t)read_max(in, UINT32_MAX);
    posting->account = ordo_read_u8(in);
    posting->amount = ordo_read_zigzag(in);
    if (posting->account >= ORDO_ACCOUNT_COUNT) {
        ordo_reader_fail(in);
    }
}

/* ---- the whole ---- */

void ordo_outcome_encode(const struct ordo_outcome *outcome, uint64_t seq, struct ordo_writer *out)
{
    ORDO_ASSERT(outcome->effect_count <= ORDO_TRANSITIONS_MAX);
    ORDO_ASSERT(outcome->posting_count <= ORDO_POSTINGS_MAX);
    size_t room = RESULT_MAX + COUNTS_MAX + outcome->effect_count * EFFECT_MAX +
                  outcome->transition_count * 3 + outcome->card_count * ORDO_VARINT_MAX +
                  outcome->posting_count * POSTING_MAX;
    uint8_t *p = ordo_write_room(out, room);
    if (p == NULL) {
        return;
    }
    p = put_result(p, &outcome->result, seq);
    *p++ = (uint8_t)outcome->effect_count;
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        p = put_effect(p, outcome, &outcome->effects[i], seq);
    }
    p = ordo_put_varint(p, outcome->posting_count);
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        p = put_posting(p, &outcome->postings[i]);
    }
    ORDO_ASSERT(p <= out->at);
    out->at = p;
}

bool ordo_outcome_decode(
    struct ordo_bytes bytes,
    uint64_t seq,
    const struct ordo_command *command,
    struct ordo_outcome *outcome)
{
    struct ordo_reader reader = ordo_reader_over(bytes.data, bytes.size);
    struct ordo_reader *in = &reader;

    outcome->effect_count = 0;
    outcome->transition_count = 0;
    outcome->card_count = 0;
    outcome->posting_count = 0;
    if (!ordo_result_decode(in, seq, &outcome->result)) {
        return false;
    }
    outcome->effect_count = (uint32_t)read_max(in, ORDO_TRANSITIONS_MAX);
    for (uint32_t i = 0; i < outcome->effect_count && !in->failed; i++) {
        decode_effect(in, seq, command, outcome, &outcome->effects[i]);
    }
    outcome->posting_count = (uint32_t)read_max(in, ORDO_POSTINGS_MAX);
    for (uint32_t i = 0; i < outcome->posting_count && !in->failed; i++) {
        decode_posting(in, &outcome->postings[i]);
    }
    return ordo_reader_done(in);
}

/* ---- updates ---- */

void ordo_outcome_updates(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    void (*visit)(void *context, const struct ordo_update *update),
    void *context)
{
    uint64_t update_seq = first_update_seq;
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        for (uint32_t j = 0; j < effect->transition_count; j++) {
            const struct ordo_transition *t = &outcome->transitions[effect->transition_first + j];
            struct ordo_update update = {
                .update_seq = update_seq++,
                .seq = outcome->result.seq,
                .time_us = time_us,
                .shop = effect->shop,
                .order_id = effect->order_id,
                .version = effect->version - effect->transition_count + 1 + j,
                .from = t->from,
                .to = t->to,
                .cause = t->cause,
                .disposition = outcome->result.disposition,
                .flags = effect->flags,
            };
            visit(context, &update);
        }
    }
}

/* The bytes that all updates of an effect have in common; their size. */
static size_t put_common(
    uint8_t *bytes, uint64_t seq, uint64_t time_us, uint32_t shop, struct ordo_bytes order_id)
{
    ORDO_ASSERT(order_id.size <= ORDO_ORDER_ID_MAX);
    ordo_put_le64(bytes + 8, seq);
    ordo_put_le64(bytes + 16, time_us);
    ordo_put_le32(bytes + 24, shop);
    bytes[40] = (uint8_t)order_id.size;
    ordo_copy_short(bytes + 41, order_id);
    return 41 + order_id.size;
}

static void put_word_of_moves(
    uint8_t *bytes, const struct ordo_transition *t, uint8_t disposition, uint32_t flags)
{
    ordo_put_le32(
        bytes + 32,
        (uint32_t)t->from | (uint32_t)t->to << 8 | (uint32_t)t->cause << 16 |
            (uint32_t)disposition << 24);
    ordo_put_le32(bytes + 36, flags);
}

size_t ordo_update_bytes(const struct ordo_update *update, uint8_t bytes[ORDO_UPDATE_SIZE_MAX])
{
    const struct ordo_transition t = {update->from, update->to, update->cause};
    ordo_put_le64(bytes, update->update_seq);
    ordo_put_le32(bytes + 28, update->version);
    put_word_of_moves(bytes, &t, update->disposition, update->flags);
    return put_common(bytes, update->seq, update->time_us, update->shop, update->order_id);
}

struct ordo_hash128 ordo_update_hash(struct ordo_hash128 previous, const struct ordo_update *update)
{
    uint8_t bytes[ORDO_HASH_SIZE + ORDO_UPDATE_SIZE_MAX]; /* what ordo_hash_chain() hashes */
    ordo_put_le64(bytes, previous.low);
    ordo_put_le64(bytes + 8, previous.high);
    size_t size = ordo_update_bytes(update, bytes + ORDO_HASH_SIZE);
    size += ORDO_CANARY(hash_over_padding) ? 1 : 0;
    return ordo_hash128(bytes, ORDO_HASH_SIZE + size, 0);
}

void ordo_outcome_put_updates(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    struct ordo_hash_input *input)
{
    input->count = 0;
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        uint32_t count = effect->transition_count;
        const struct ordo_transition *t = &outcome->transitions[effect->transition_first];
        for (uint32_t version = effect->version - count; version != effect->version; t++) {
            ORDO_ASSERT(input->count < ORDO_TRANSITIONS_MAX);
            uint8_t *update = input->bytes[input->count] + ORDO_HASH_SIZE;
            ordo_put_le64(update, first_update_seq + input->count);
            ordo_put_le32(update + 28, ++version);
            put_word_of_moves(update, t, outcome->result.disposition, effect->flags);
            size_t size =
                put_common(update, outcome->result.seq, time_us, effect->shop, effect->order_id);
            input->sizes[input->count++] = (uint8_t)(ORDO_HASH_SIZE + size);
        }
    }
}

struct ordo_hash128 ordo_hash_updates(struct ordo_hash_input *input, struct ordo_hash128 previous)
{
    ORDO_ASSERT(input->count <= ORDO_TRANSITIONS_MAX);
    for (uint32_t i = 0; i < input->count; i++) {
        ordo_put_le64(input->bytes[i], previous.low);
        ordo_put_le64(input->bytes[i] + 8, previous.high);
        previous = ordo_hash128(input->bytes[i], input->sizes[i], 0);
    }
    return previous;
}

struct ordo_hash128 ordo_outcome_hash(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    struct ordo_hash128 previous)
{
    struct ordo_hash_input input;
    ordo_outcome_put_updates(outcome, time_us, first_update_seq, &input);
    return ordo_hash_updates(&input, previous);
}
