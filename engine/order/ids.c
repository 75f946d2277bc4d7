#include "base/canary.h"
#include "order/parts.h"

#include <string.h>

/* The ids of decided commands in a ring of rows in order of decision. A new id goes to the row
 * after the newest; ids older than the horizon are forgotten from the oldest on, at most two for
 * each new one, so that the table shrinks again after a peak and no command pays for many. When the
 * ring is full of ids that are not old enough, the answer is BUSY: nothing is forgotten early.
 *
 * Four ids stay for each order, so a byte here counts four times. An id's time is kept as the step
 * from the one before it: 13 bits with a mantissa of 8, exact below 512 seconds and never more than
 * 1/256 too long. A step is reckoned from the time as it was kept, so errors do not add up, and an
 * id never looks older than it is.
 *
 * A kind is kept as its low 5 bits: kinds 0 and the internal ones have no ids, so that 32 stands in
 * for 0, and the next ones for those.
 */

#define FORGET_MAX 2

/* ---- a row ---- */

#define STEP_MANTISSA 8
#define STEP_BITS     13
#define SEQ_BITS      44

uint32_t ordo_id_step_encode(uint32_t seconds)
{
    uint32_t exponent = 0;
    uint64_t mantissa = seconds;
    while (mantissa >= 2u << STEP_MANTISSA) { /* ends: 32 bits */
        exponent++;
        mantissa = ((uint64_t)seconds + (1ull << exponent) - 1) >> exponent;
    }
    if (mantissa < 1u << STEP_MANTISSA) {
        return (uint32_t)mantissa;
    }
    return (exponent + 1) << STEP_MANTISSA | ((uint32_t)mantissa & ((1u << STEP_MANTISSA) - 1));
}

uint32_t ordo_id_step_decode(uint32_t code)
{
    uint32_t mantissa = code & ((1u << STEP_MANTISSA) - 1);
    uint32_t exponent = code >> STEP_MANTISSA;
    if (exponent == 0) {
        return mantissa;
    }
    uint64_t seconds = (uint64_t)(mantissa | 1u << STEP_MANTISSA) << (exponent - 1);
    return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

uint32_t ordo_id_step(const struct ordo_id_row *id)
{
    return ordo_id_step_decode(id->packed >> (32 - STEP_BITS));
}

static uint64_t content_of(const struct ordo_id_row *id)
{
    return (uint64_t)id->content_high << 32 | id->content_low;
}

static uint64_t content_kept(const uint8_t *content)
{
    return ordo_get_le64(content) & 0xffffffffffffull;
}

/* What tells kinds with ids apart. */
static uint32_t kind_kept(uint8_t kind)
{
    ORDO_ASSERT(ordo_kind_has_client_id(kind) || kind == ORDO_KIND_FACT);
    ORDO_ASSERT(kind <= ORDO_KIND_SUBSCRIBER_DROP);
    return kind & 31;
}

static uint32_t pack(uint32_t code, uint32_t kind, uint32_t disposition, uint32_t step)
{
    ORDO_ASSERT(code < 1u << 10 && kind < 1u << 5);
    ORDO_ASSERT(disposition < 1u << 4 && step < 1u << STEP_BITS);
    return code | kind << 10 | disposition << 15 | step << 19;
}

/* The newest seq with the bits that were kept. */
static uint64_t seq_of(const struct ordo_state *s, const struct ordo_id_row *id)
{
    uint64_t kept = (uint64_t)(id->seq_state & 0xfff) << 32 | id->seq_low;
    uint64_t newest = ordo_head(s)->seq;
    return newest - ((newest - kept) & ((1ull << SEQ_BITS) - 1));
}

/* ---- the ring ---- */

static uint64_t hash_of_id(const void *context, uint32_t row)
{
    return ordo_id_hash(ordo_id_at(context, row)->id);
}

uint32_t ordo_id_find(const struct ordo_state *s, const uint8_t *id, uint64_t hash)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_ID];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, hash, &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        if (ordo_id_equal(ordo_id_at(s, row)->id, id)) {
            return row;
        }
    }
    return 0;
}

uint32_t ordo_id_oldest(const struct ordo_state *s)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint32_t ring = s->limits[ORDO_TABLE_ID];
    if (head->id_count == 0) {
        return 0;
    }
    /* id_next is 1..ring, and 0 before the first id */
    return (head->id_next + ring - 1 - head->id_count) % ring + 1;
}

/* The oldest, when there is one. By the horizon in force when the command came: one that makes it
 * longer was given its room by the old one. */
static bool is_forgettable(const struct ordo_state *s)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint64_t until_s = (uint64_t)head->id_oldest_s + s->horizon_s;
    return s->now_us / 1000000 > until_s && head->id_count != 0;
}

/* New business leaves 5 % to payment facts, cancellations, deliveries and operators. */
bool ordo_id_room(const struct ordo_state *s, uint8_t kind)
{
    uint32_t count = ordo_head(s)->id_count;
    uint32_t ring = s->limits[ORDO_TABLE_ID];
    if (ORDO_LIKELY(count < ring - ordo_rows_reserved(s, ORDO_TABLE_ID))) {
        return true;
    }
    bool is_new_business = kind == ORDO_KIND_CREATE || kind == ORDO_KIND_CHAIN ||
                           kind == ORDO_KIND_ATTEMPT || kind == ORDO_KIND_EXTEND;
    /* one that can be forgotten makes room: each new id takes one row and gives one or two */
    return is_forgettable(s) || (count < ring && !is_new_business);
}

static void forget_old(struct ordo_state *s)
{
    for (uint32_t i = 0; i < FORGET_MAX && is_forgettable(s); i++) {
        uint32_t row = ordo_id_oldest(s);
        ordo_index_remove(&s->indexes[ORDO_INDEX_ID], hash_of_id(s, row), row, hash_of_id, s);
        memset(ordo_id_edit(s, row), 0, sizeof(struct ordo_id_row));
        struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
        head->id_count--;
        row = row == s->limits[ORDO_TABLE_ID] ? 1 : row + 1;
        head->id_oldest_s += head->id_count == 0 ? 0 : ordo_id_step(ordo_id_at(s, row));
    }
}

/* The code of the step from the newest id to now; the head's times follow it. */
static uint32_t step_in_time(struct ordo_state *s)
{
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    uint32_t now_s = (uint32_t)(s->now_us / 1000000);
    if (head->id_count == 0) {
        head->id_oldest_s = now_s;
        head->id_newest_s = now_s;
        return 0;
    }
    uint32_t step = ordo_id_step_encode(now_s > head->id_newest_s ? now_s - head->id_newest_s : 0);
    head->id_newest_s += ordo_id_step_decode(step);
    return step;
}

void ordo_id_add(struct ordo_state *s, const uint8_t *content)
{
    forget_old(s);
    uint32_t step = step_in_time(s);
    struct ordo_head_row *head = ordo_head_own(s, ORDO_HEAD);
    ORDO_ASSERT(head->id_count < s->limits[ORDO_TABLE_ID]);
    uint32_t row = head->id_next == 0 ? 1 : head->id_next;
    head->id_next = row == s->limits[ORDO_TABLE_ID] ? 1 : row + 1;
    head->id_count++;
    if (head->used[ORDO_TABLE_ID] < row) {
        head->used[ORDO_TABLE_ID] = row;
    }
    ordo_rows_expect(&s->tables[ORDO_TABLE_ID], row + 1);
    const struct ordo_result *result = &s->outcome.result;
    uint64_t kept = content_kept(content);
    struct ordo_id_row *id = ordo_id_edit(s, row);
    memcpy(id->id, s->command.id, ORDO_ID_SIZE);
    id->version = result->version;
    id->shop = s->command.shop;
    id->content_low = (uint32_t)kept;
    id->seq_low = (uint32_t)result->seq;
    id->packed = pack(result->code, kind_kept(s->command.kind), result->disposition, step);
    id->content_high = (uint16_t)(kept >> 32);
    id->seq_state = (uint16_t)((result->seq >> 32 & 0xfff) | (uint32_t)result->state << 12);
    ordo_index_insert(&s->indexes[ORDO_INDEX_ID], s->id_hash, row);
}

void ordo_id_answer(
    const struct ordo_state *s, uint32_t row, const uint8_t *content, struct ordo_result *result)
{
    const struct ordo_id_row *id = ordo_id_at(s, row);
    *result = (struct ordo_result){.seq = 0};
    if ((id->packed >> 10 & 31) != kind_kept(s->command.kind)) {
        result->code = ORDO_RESULT_ID_KIND;
    } else if (id->shop != s->command.shop) {
        result->code = ORDO_RESULT_ID_SHOP;
    } else if (content_of(id) != content_kept(content) && !ORDO_CANARY(content_of_id_unchecked)) {
        result->code = ORDO_RESULT_ID_CONTENT;
    } else {
        result->seq = seq_of(s, id);
        result->version = id->version;
        result->code = id->packed & 1023;
        result->state = (uint8_t)(id->seq_state >> 12);
        result->disposition = id->packed >> 15 & 15;
    }
}
