#include "order/parts.h"

/* Time. A tick works off at most sixteen due holds, first by (deadline, order row); what is left is
 * due at once, and ingress sequences the next tick. resume() lifts every hold that would end within
 * the grace to its end. That is the one command whose work grows with the holds (about half a
 * second for a million); it is sequenced once a start, before traffic. A floor kept in the head
 * would be one number, but holds made after the start would inherit it and outlive their TTL.
 */

uint16_t ordo_decide_tick(struct ordo_state *s, const struct ordo_tick *tick)
{
    uint64_t now_us = tick->now_us < s->now_us ? tick->now_us : s->now_us;
    for (uint32_t i = 0; i < ORDO_TICK_MAX; i++) {
        uint32_t order = ordo_deadline_due(s, now_us);
        if (order == 0) {
            break;
        }
        struct ordo_effect *effect = ordo_effect_begin(s, order, false);
        ordo_order_step(s, effect, order, ORDO_EVENT_EXPIRE);
        ordo_order_unhold(s, order);
        ordo_effect_end(s, effect, order);
    }
    return ORDO_RESULT_OK;
}

uint16_t ordo_decide_resume(struct ordo_state *s, const struct ordo_resume *resume)
{
    uint64_t now_us = resume->now_us < s->now_us ? resume->now_us : s->now_us;
    uint64_t grace_us = (uint64_t)ordo_settings_of(s)->resume_grace_s * 1000000;
    uint32_t order;
    while ((order = ordo_deadline_due(s, now_us + grace_us - 1)) != 0) { /* ends: each is lifted */
        ordo_deadline_set(s, order, now_us + grace_us);
    }
    return ORDO_RESULT_OK;
}

/* ---- settings: all or nothing ---- */

static uint16_t
set_one(struct ordo_settings_values *values, uint64_t key, int64_t value, bool is_genesis)
{
    const struct ordo_setting *setting = ordo_setting_of(key);
    if (setting == NULL) {
        return ORDO_RESULT_SETTING_UNKNOWN;
    }
    if (setting->capacity && !is_genesis) {
        return ORDO_RESULT_SETTING_FIXED;
    }
    return ordo_settings_set(values, setting, value) == ORDO_OK ? ORDO_RESULT_OK
                                                                : ORDO_RESULT_SETTING_RANGE;
}

uint16_t ordo_decide_settings(struct ordo_state *s, const struct ordo_settings *settings)
{
    bool is_genesis = ordo_head(s)->seq == 0;
    struct ordo_settings_values values = *ordo_settings_of(s);
    if (is_genesis) {
        ordo_settings_standard(&values);
    }
    struct ordo_reader in = ordo_reader_over(settings->pairs.raw.data, settings->pairs.raw.size);
    for (uint32_t i = 0; i < settings->pairs.count; i++) {
        uint64_t key = ordo_read_varint(&in);
        int64_t value = ordo_read_zigzag(&in);
        uint16_t code = set_one(&values, key, value, is_genesis);
        if (code != ORDO_RESULT_OK) {
            return code;
        }
    }
    if (is_genesis && !ordo_limits_set(s, &values)) {
        return ORDO_RESULT_SETTING_RANGE; /* more than memory was taken for */
    }
    ordo_head_edit(s, ORDO_HEAD)->settings = values;
    return ORDO_RESULT_OK;
}
