#include "order/outcome.h"

#include "base/assert.h"
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
#define POSTING_MAX (5 + 5 + 1 + ORDO_VARINT_MAX)

/* Each part asks once for the room that it could need and then writes without a look. */
void ordo_result_encode(const struct ordo_result *result, uint64_t seq, struct ordo_writer *out)
{
    uint8_t *p = ordo_write_room(out, RESULT_MAX);
    if (p == NULL) {
        return;
    }
    bool other = result->seq != seq;
    p = ordo_put_varint(p, (uint64_t)result->code * 2 + (other ? 1 : 0));
    p = other ? ordo_put_varint(p, result->seq) : p;
    *p++ = result->state;
    *p++ = result->disposition;
    out->at = ordo_put_varint(p, result->version);
}

static uint64_t read_max(struct ordo_reader *in, uint64_t max)
{
    uint64_t value = ordo_read_varint(in);
    if (value > max) {
        in->failed = true;
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
        in->failed = in->failed || result->seq == seq; /* the shorter form exists */
    }
    result->state = ordo_read_u8(in);
    result->disposition = ordo_read_u8(in);
    result->version = (uint32_t)read_max(in, UINT32_MAX);
    if (result->state >= ORDO_STATE_COUNT || result->disposition >= ORDO_DISPOSITION_COUNT) {
        in->failed = true;
    }
    return !in->failed;
}

/* ---- effects ---- */

static void encode_effect(
    const struct ordo_outcome *outcome,
    const struct ordo_effect *effect,
    uint64_t seq,
    struct ordo_writer *out)
{
    ORDO_ASSERT(effect->prev_seq < seq);
    ORDO_ASSERT(effect->order_id.size <= ORDO_ORDER_ID_MAX);
    size_t moves = effect->transition_count;
    size_t cards = effect->card_count;
    uint8_t *p = ordo_write_room(out, EFFECT_MAX + 3 * moves + cards * ORDO_VARINT_MAX);
    if (p == NULL) {
        return;
    }
    *p++ = effect->own ? FORM_OWN : FORM_OTHER;
    if (!effect->own) {
        p = ordo_put_varint(p, effect->shop);
        *p++ = (uint8_t)effect->order_id.size;
        memcpy(p, effect->order_id.data, effect->order_id.size);
        p += effect->order_id.size;
    }
    p = ordo_put_varint(p, effect->prev_seq == 0 ? 0 : seq - effect->prev_seq);
    p = ordo_put_varint(p, effect->version);
    p = ordo_put_varint(p, effect->flags);
    *p++ = (uint8_t)moves;
    for (size_t i = 0; i < moves; i++) {
        const struct ordo_transition *t = &outcome->transitions[effect->transition_first + i];
        *p++ = t->from;
        *p++ = t->to;
        *p++ = t->cause;
    }
    *p++ = (uint8_t)cards;
    for (size_t i = 0; i < cards; i++) {
        p = ordo_put_varint(p, outcome->cards[effect->card_first + i]);
    }
    out->at = p;
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
            in->failed = true;
        }
    }
    if (effect->version < effect->transition_count) {
        in->failed = true; /* each transition has a version of its own */
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
        in->failed = true;
    }
}

/* ---- postings ---- */

static void encode_posting(const struct ordo_posting *posting, struct ordo_writer *out)
{
    uint8_t *p = ordo_write_room(out, POSTING_MAX);
    if (p == NULL) {
        return;
    }
    p = ordo_put_varint(p, posting->channel);
    p = ordo_put_varint(p, posting->currency);
    *p++ = posting->account;
    out->at = ordo_put_zigzag(p, posting->amount);
}

static void decode_posting(struct ordo_reader *in, struct ordo_posting *posting)
{
    posting->channel = (uint32_t)read_max(in, UINT32_MAX);
    posting->currency = (uint32_t)read_max(in, UINT32_MAX);
    posting->account = ordo_read_u8(in);
    posting->amount = ordo_read_zigzag(in);
    if (posting->account >= ORDO_ACCOUNT_COUNT) {
        in->failed = true;
    }
}

/* ---- the whole ---- */

void ordo_outcome_encode(const struct ordo_outcome *outcome, uint64_t seq, struct ordo_writer *out)
{
    ORDO_ASSERT(outcome->effect_count <= ORDO_TRANSITIONS_MAX);
    ORDO_ASSERT(outcome->posting_count <= ORDO_POSTINGS_MAX);
    ordo_result_encode(&outcome->result, seq, out);
    ordo_write_varint(out, outcome->effect_count);
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        encode_effect(outcome, &outcome->effects[i], seq, out);
    }
    ordo_write_varint(out, outcome->posting_count);
    for (uint32_t i = 0; i < outcome->posting_count; i++) {
        encode_posting(&outcome->postings[i], out);
    }
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

/* The part of an update's bytes in which the updates of one effect differ. */
static void
put_step(uint8_t *bytes, uint64_t update_seq, uint32_t version, const struct ordo_transition *t)
{
    ordo_put_le64(bytes, update_seq);
    ordo_put_le32(bytes + 28, version);
    bytes[32] = t->from;
    bytes[33] = t->to;
    bytes[34] = t->cause;
}

size_t ordo_update_bytes(const struct ordo_update *update, uint8_t bytes[ORDO_UPDATE_SIZE_MAX])
{
    ORDO_ASSERT(update->order_id.size <= ORDO_ORDER_ID_MAX);
    const struct ordo_transition t = {update->from, update->to, update->cause};
    put_step(bytes, update->update_seq, update->version, &t);
    ordo_put_le64(bytes + 8, update->seq);
    ordo_put_le64(bytes + 16, update->time_us);
    ordo_put_le32(bytes + 24, update->shop);
    bytes[35] = update->disposition;
    ordo_put_le32(bytes + 36, update->flags);
    bytes[40] = (uint8_t)update->order_id.size;
    if (update->order_id.size != 0) {
        memcpy(bytes + 41, update->order_id.data, update->order_id.size);
    }
    return 41 + update->order_id.size;
}

struct ordo_hash128 ordo_update_hash(struct ordo_hash128 previous, const struct ordo_update *update)
{
    uint8_t bytes[ORDO_HASH_SIZE + ORDO_UPDATE_SIZE_MAX]; /* what ordo_hash_chain() hashes */
    ordo_put_le64(bytes, previous.low);
    ordo_put_le64(bytes + 8, previous.high);
    size_t size = ordo_update_bytes(update, bytes + ORDO_HASH_SIZE);
    return ordo_hash128(bytes, ORDO_HASH_SIZE + size, 0);
}

struct ordo_hash128 ordo_outcome_hash(
    const struct ordo_outcome *outcome,
    uint64_t time_us,
    uint64_t first_update_seq,
    struct ordo_hash128 previous)
{
    uint8_t bytes[ORDO_HASH_SIZE + ORDO_UPDATE_SIZE_MAX];
    uint8_t *update_bytes = bytes + ORDO_HASH_SIZE;
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        if (effect->transition_count == 0) {
            continue;
        }
        const struct ordo_update update = {
            .seq = outcome->result.seq,
            .time_us = time_us,
            .shop = effect->shop,
            .order_id = effect->order_id,
            .disposition = outcome->result.disposition,
            .flags = effect->flags,
        };
        size_t size = ORDO_HASH_SIZE + ordo_update_bytes(&update, update_bytes);
        uint32_t version = effect->version - effect->transition_count;
        for (uint32_t j = 0; j < effect->transition_count; j++) {
            const struct ordo_transition *t = &outcome->transitions[effect->transition_first + j];
            put_step(update_bytes, first_update_seq++, ++version, t);
            ordo_put_le64(bytes, previous.low);
            ordo_put_le64(bytes + 8, previous.high);
            previous = ordo_hash128(bytes, size, 0);
        }
    }
    return previous;
}
