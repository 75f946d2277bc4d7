#include "order/parts.h"

/* Time. A tick works off at most sixteen due items, first by (deadline, order row); what is left is
 * due at once, and ingress sequences the next tick. What is due follows from the order's state: a
 * wait, an unpaid hold, the wait for stock, a delivery that nobody saw arrive.
 *
 * resume() lifts every unpaid hold that would end within the grace to its end. That is the one
 * command whose work grows with the holds; it is sequenced once a start, before traffic. A floor
 * kept in the head would be one number, but holds made after the start would inherit it and outlive
 * their TTL. It walks the lists of the unpaid states: the deadlines of paid orders stay, and would
 * be in the way of a walk over the heap.
 */

static uint64_t after_s(const struct ordo_state *s, uint64_t seconds)
{
    return s->now_us + seconds * 1000000;
}

/* ---- what is due ---- */

/* The buyer may have paid through a channel whose notify counts for nothing. */
static bool is_to_be_asked(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    if ((o->flags & ORDO_FLAG_QUERY_DUE) != 0) {
        return false;
    }
    uint32_t row = o->attempt;
    for (uint32_t i = 0; row != 0 && i < ORDO_ATTEMPTS_MAX; i++) {
        const struct ordo_attempt_row *attempt = ordo_attempt_at(s, row);
        uint8_t channel = ordo_merchant_at(s, attempt->merchant)->channel;
        uint32_t options = ordo_channel_of(s, o->shop, channel)->options;
        if ((options & ORDO_CHANNEL_CONFIRM_BY_QUERY) != 0) {
            return true;
        }
        row = attempt->next;
    }
    return false;
}

static void end_hold(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    if (is_to_be_asked(s, order)) {
        ordo_order_flag(s, order, ORDO_FLAG_QUERY_DUE);
        ordo_order_step(s, effect, order, ORDO_EVENT_QUERY_DUE);
        ordo_deadline_set(s, order, after_s(s, (uint64_t)ordo_settings_of(s)->query_grace_s));
        return;
    }
    ordo_order_step(s, effect, order, ORDO_EVENT_EXPIRE);
    ordo_order_unhold(s, order);
}

static void end_wait(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    ordo_order_step(s, effect, order, ORDO_EVENT_WAIT_OVER);
    ordo_order_unhold(s, order);
}

static void end_backorder(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    int64_t applied = ordo_money_there(s, order, ORDO_PLACE_APPLIED);
    ordo_money_back(s, order, ORDO_PLACE_APPLIED, applied, false);
    ordo_order_flag(s, order, ORDO_FLAG_REVIEW);
    ordo_order_refunding(s, effect, order, ORDO_EVENT_BACKORDER_OVER);
}

/* The ladder: twice as long to the next time, and a person after the last. */
static void deliver_again(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_settings_values *settings = ordo_settings_of(s);
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->tries >= settings->redelivery_max) {
        ordo_order_flag(s, order, ORDO_FLAG_REVIEW);
        ordo_deadline_set(s, order, 0);
        return;
    }
    o->tries++;
    ordo_order_step(s, effect, order, ORDO_EVENT_REDELIVER);
    uint64_t wait_s = (uint64_t)settings->redelivery_s << o->tries;
    ordo_deadline_set(s, order, wait_s == 0 ? 0 : after_s(s, wait_s));
}

static void work_off(struct ordo_state *s, struct ordo_effect *effect, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    if (ordo_order_is_waiting(o)) {
        end_wait(s, effect, order);
    } else if (ordo_state_is_unpaid(o->state)) {
        end_hold(s, effect, order);
    } else if (o->state == ORDO_STATE_BACKORDER) {
        end_backorder(s, effect, order);
    } else {
        ORDO_ASSERT(o->state == ORDO_STATE_ISSUING);
        deliver_again(s, effect, order);
    }
}

/* A back-order without any money has nothing to wait for in REFUNDING. */
static uint32_t transitions_of(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_payment_row *money = ordo_order_money(s, order);
    bool no_money = ordo_payment_in(money, ORDO_PLACE_APPLIED | ORDO_PLACE_DUE) == 0;
    return ordo_order_at(s, order)->state == ORDO_STATE_BACKORDER && no_money ? 2 : 1;
}

uint16_t ordo_decide_tick(struct ordo_state *s, const struct ordo_tick *tick)
{
    uint64_t now_us = tick->now_us < s->now_us ? tick->now_us : s->now_us;
    for (uint32_t i = 0; i < ORDO_TICK_MAX; i++) {
        uint32_t order = ordo_deadline_due(s, now_us);
        uint32_t left = ORDO_TRANSITIONS_MAX - s->outcome.transition_count;
        if (order == 0 || transitions_of(s, order) > left) {
            break;
        }
        struct ordo_effect *effect = ordo_effect_begin(s, order, false);
        work_off(s, effect, order);
        ordo_effect_end(s, effect, order);
    }
    return ORDO_RESULT_OK;
}

/* ---- after a start ---- */

uint16_t ordo_decide_resume(struct ordo_state *s, const struct ordo_resume *resume)
{
    static const uint8_t unpaid[] = {ORDO_STATE_PENDING, ORDO_STATE_PAYING, ORDO_STATE_PAY_FAILED};
    uint64_t now_us = resume->now_us < s->now_us ? resume->now_us : s->now_us;
    uint64_t until_us = now_us + (uint64_t)ordo_settings_of(s)->resume_grace_s * 1000000;
    for (uint32_t i = 0; i < sizeof(unpaid); i++) {
        uint32_t order = s->lists[unpaid[i]].first;
        for (; order != 0; order = s->links[order].next) {
            if (ordo_order_at(s, order)->deadline_us < until_us) {
                ordo_deadline_set(s, order, until_us);
            }
        }
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
