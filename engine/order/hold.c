#include "order/parts.h"

/* What a shop does with a hold that it has: extend, release, cancel. A release can arrive before
 * the create that it takes back, when a saga's compensation overtakes its step on the way: then it
 * leaves a cancelled order without a product, and the late create is refused.
 */

uint16_t ordo_decide_cancel(struct ordo_state *s, const struct ordo_cancel *cancel)
{
    uint32_t order = ordo_order_known(s, s->command.shop, cancel->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    const struct ordo_order_row *o = ordo_order_at(s, order);
    enum ordo_event event = ordo_order_is_waiting(o) ? ORDO_EVENT_RELEASE : ORDO_EVENT_CANCEL;
    const struct ordo_cell *cell = ordo_machine_cell(o->state, event);
    if (cell->action == ORDO_CELL_MOVE) {
        ordo_order_step(s, effect, order, event);
        ordo_order_unhold(s, order);
    }
    ordo_effect_end(s, effect, order);
    return cell->code;
}

/* ---- release ---- */

static void cancel_in_advance(struct ordo_state *s, uint32_t order)
{
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    ordo_order_edit(s, order)->created_us = s->now_us;
    ordo_order_step(s, effect, order, ORDO_EVENT_RELEASE);
    ordo_effect_end(s, effect, order);
}

static uint16_t release_unknown(struct ordo_state *s, struct ordo_bytes order_id)
{
    if (!ordo_text_is_valid(order_id)) {
        return ORDO_RESULT_ORDER_ID_INVALID;
    }
    uint32_t order = ordo_order_find(s, s->command.shop, order_id);
    uint64_t orders_max = (uint64_t)ordo_settings_of(s)->orders_max;
    if (order == 0 && ordo_head(s)->used[ORDO_TABLE_ORDER] >= orders_max) {
        return ORDO_RESULT_FULL_ORDERS;
    }
    if (order == 0) {
        order = ordo_order_add(s, s->command.shop, order_id);
    }
    cancel_in_advance(s, order);
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_release(struct ordo_state *s, const struct ordo_release *release)
{
    uint32_t order = ordo_order_known(s, s->command.shop, release->order_id);
    if (order == 0) {
        return release_unknown(s, release->order_id);
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    const struct ordo_cell *cell =
        ordo_machine_cell(ordo_order_at(s, order)->state, ORDO_EVENT_RELEASE);
    if (cell->action == ORDO_CELL_MOVE) {
        ordo_order_step(s, effect, order, ORDO_EVENT_RELEASE);
        ordo_order_unhold(s, order);
    }
    ordo_effect_end(s, effect, order);
    return cell->code;
}

/* ---- extend ---- */

static uint16_t extend_hold(struct ordo_state *s, uint32_t order, uint64_t hold_ttl_s)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint64_t wanted_us = s->now_us + hold_ttl_s * 1000000;
    uint64_t limit_us = o->created_us + (uint64_t)ordo_settings_of(s)->hold_max_s * 1000000;
    uint64_t deadline_us = wanted_us < limit_us ? wanted_us : limit_us;
    ORDO_ASSERT(o->deadline_us != 0);
    if (hold_ttl_s == 0) {
        return ORDO_RESULT_OK;
    }
    if (deadline_us > o->deadline_us) {
        ordo_deadline_set(s, order, deadline_us);
        return ORDO_RESULT_OK;
    }
    return wanted_us > limit_us ? ORDO_RESULT_HOLD_LIMIT : ORDO_RESULT_OK;
}

uint16_t ordo_decide_extend(struct ordo_state *s, const struct ordo_extend *extend)
{
    uint32_t order = ordo_order_known(s, s->command.shop, extend->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    uint16_t code = ordo_order_code(ordo_order_at(s, order), ORDO_EVENT_EXTEND);
    if (code == ORDO_RESULT_OK) {
        code = extend_hold(s, order, extend->hold_ttl_s);
    }
    ordo_effect_end(s, effect, order);
    return code;
}
