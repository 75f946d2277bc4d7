#include "order/parts.h"

#include <string.h>

/* The ids of decided commands in a ring of rows in order of decision. A new id goes to the row
 * after the newest; ids older than the horizon are forgotten from the oldest on, at most two for
 * each new one, so that the table shrinks again after a peak and no command pays for many. When the
 * ring is full of ids that are not old enough, the answer is BUSY: nothing is forgotten early.
 */

#define FORGET_MAX 2

uint64_t ordo_id_hash(const uint8_t *id)
{
    return ordo_mix(ordo_get_le64(id), ordo_get_le64(id + 8));
}

static uint64_t hash_of_row(const void *context, uint32_t row)
{
    return ordo_id_hash(ordo_id_at(context, row)->id);
}

uint32_t ordo_id_find(const struct ordo_state *s, const uint8_t *id)
{
    const struct ordo_index *index = &s->indexes[ORDO_INDEX_ID];
    struct ordo_probe probe;
    uint32_t row = ordo_index_first(index, ordo_id_hash(id), &probe);
    for (; row != 0; row = ordo_index_next(index, &probe)) {
        if (ordo_id_equal(ordo_id_at(s, row)->id, id)) {
            return row;
        }
    }
    return 0;
}

static uint32_t oldest(const struct ordo_state *s)
{
    const struct ordo_head_row *head = ordo_head(s);
    uint32_t ring = s->limits[ORDO_TABLE_ID];
    if (head->id_count == 0) {
        return 0;
    }
    /* id_next is 1..ring, and 0 before the first id */
    return (head->id_next + ring - 1 - head->id_count) % ring + 1;
}

static bool is_forgettable(const struct ordo_state *s, uint32_t row)
{
    uint64_t age_s = s->now_us / 1000000 - ordo_id_at(s, row)->time_s;
    return age_s > (uint64_t)ordo_settings_of(s)->id_horizon_s;
}

/* Creates, chains and attempts leave 5 % to payment facts, cancellations, deliveries and operators.
 */
static uint32_t limit_for(const struct ordo_state *s, uint8_t kind)
{
    uint32_t ring = s->limits[ORDO_TABLE_ID];
    bool is_new_business =
        kind == ORDO_KIND_CREATE || kind == ORDO_KIND_CHAIN || kind == ORDO_KIND_ATTEMPT;
    return is_new_business ? ring - ring / ORDO_RESERVE_DIVISOR : ring;
}

bool ordo_id_room(const struct ordo_state *s, uint8_t kind)
{
    uint32_t row = oldest(s);
    bool makes_room = row != 0 && is_forgettable(s, row); /* takes one, gives one or two */
    return makes_room || ordo_head(s)->id_count < limit_for(s, kind);
}

static void forget_old(struct ordo_state *s)
{
    for (uint32_t i = 0; i < FORGET_MAX; i++) {
        uint32_t row = oldest(s);
        if (row == 0 || !is_forgettable(s, row)) {
            return;
        }
        ordo_index_remove(&s->indexes[ORDO_INDEX_ID], hash_of_row(s, row), row, hash_of_row, s);
        memset(ordo_id_edit(s, row), 0, sizeof(struct ordo_id_row));
        ordo_head_edit(s, ORDO_HEAD)->id_count--;
    }
}

void ordo_id_add(struct ordo_state *s, const uint8_t *content)
{
    forget_old(s);
    struct ordo_head_row *head = ordo_head_edit(s, ORDO_HEAD);
    ORDO_ASSERT(head->id_count < s->limits[ORDO_TABLE_ID]);
    uint32_t row = head->id_next == 0 ? 1 : head->id_next;
    head->id_next = row == s->limits[ORDO_TABLE_ID] ? 1 : row + 1;
    head->id_count++;
    if (head->used[ORDO_TABLE_ID] < row) {
        head->used[ORDO_TABLE_ID] = row;
    }
    const struct ordo_result *result = &s->outcome.result;
    struct ordo_id_row *id = ordo_id_edit(s, row);
    memcpy(id->id, s->command.id, ORDO_ID_SIZE);
    id->content = ordo_get_le64(content);
    id->seq = result->seq;
    id->version = result->version;
    id->code = result->code;
    id->kind = s->command.kind;
    id->state_disposition = (uint8_t)(result->state | result->disposition << 4);
    id->shop = s->command.shop;
    id->time_s = (uint32_t)(s->now_us / 1000000);
    ordo_index_insert(&s->indexes[ORDO_INDEX_ID], ordo_id_hash(id->id), row);
}

void ordo_id_answer(
    const struct ordo_state *s, uint32_t row, const uint8_t *content, struct ordo_result *result)
{
    const struct ordo_id_row *id = ordo_id_at(s, row);
    *result = (struct ordo_result){.seq = 0};
    if (id->kind != s->command.kind) {
        result->code = ORDO_RESULT_ID_KIND;
    } else if (id->shop != s->command.shop) {
        result->code = ORDO_RESULT_ID_SHOP;
    } else if (id->content != ordo_get_le64(content)) {
        result->code = ORDO_RESULT_ID_CONTENT;
    } else {
        result->seq = id->seq;
        result->version = id->version;
        result->code = id->code;
        result->state = id->state_disposition & 15;
        result->disposition = id->state_disposition >> 4;
    }
}
