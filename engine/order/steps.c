#include "order/parts.h"

/* The short decisions about one known order: attempt and delivery-ack. Each asks the machine's
 * table for its cell; a refusal changes nothing but the order's history.
 *
 * Every attempt has an amount of its own: gateways without a reference tell payments apart by cents
 * that are put on top of the price. What an attempt asks for is what its payment has to be.
 */

static uint16_t count_attempts(const struct ordo_state *s, uint32_t order)
{
    uint16_t count = 0;
    uint32_t row = ordo_order_at(s, order)->attempt;
    for (; row != 0 && count < ORDO_ATTEMPTS_MAX; row = ordo_attempt_at(s, row)->next) {
        count++;
    }
    return count;
}

uint32_t ordo_attempt_find(const struct ordo_state *s, uint32_t order, uint32_t merchant)
{
    uint32_t row = ordo_order_at(s, order)->attempt;
    for (uint32_t i = 0; row != 0 && i < ORDO_ATTEMPTS_MAX; i++) {
        const struct ordo_attempt_row *attempt = ordo_attempt_at(s, row);
        if (attempt->merchant == merchant) {
            return row;
        }
        row = attempt->next;
    }
    return 0;
}

/* From the order's amount to what its channel may put on top of it. */
static bool
is_payable(const struct ordo_state *s, uint32_t order, const struct ordo_attempt *attempt)
{
    int64_t amount = ordo_order_at(s, order)->amount;
    const struct ordo_channel_row *channel = ordo_channel_of(s, s->command.shop, attempt->channel);
    return attempt->amount >= amount && attempt->amount <= amount + channel->attempt_spread;
}

static uint16_t check_new_attempt(const struct ordo_state *s, uint32_t order, uint32_t merchant)
{
    if (count_attempts(s, order) == ORDO_ATTEMPTS_MAX) {
        return ORDO_RESULT_ATTEMPTS_FULL;
    }
    bool room = ordo_rows_left(s, ORDO_TABLE_ATTEMPT) != 0 &&
                (merchant != 0 || ordo_rows_left(s, ORDO_TABLE_MERCHANT) != 0);
    return room ? ORDO_RESULT_OK : ORDO_RESULT_FULL_PAYMENTS;
}

static uint16_t
check_attempt(const struct ordo_state *s, uint32_t order, const struct ordo_attempt *attempt)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint16_t code = ordo_order_code(o, ORDO_EVENT_ATTEMPT);
    if (code != ORDO_RESULT_OK) {
        return code;
    }
    if (!is_payable(s, order, attempt)) {
        return ORDO_RESULT_AMOUNT_MISMATCH;
    }
    if (attempt->currency != ordo_product_at(s, o->product)->currency) {
        return ORDO_RESULT_CURRENCY_MISMATCH;
    }
    uint32_t merchant = ordo_merchant_find(s, s->command.shop, attempt->channel, attempt->merchant);
    uint32_t row = merchant == 0 ? 0 : ordo_attempt_find(s, order, merchant);
    if (row == 0) {
        return check_new_attempt(s, order, merchant);
    }
    const struct ordo_attempt_row *at = ordo_attempt_at(s, row);
    bool same = at->state != ORDO_ATTEMPT_OPEN || at->amount == attempt->amount;
    return same ? ORDO_RESULT_OK : ORDO_RESULT_AMOUNT_MISMATCH;
}

static void open_attempt(struct ordo_state *s, uint32_t order, const struct ordo_attempt *attempt)
{
    uint32_t merchant = ordo_merchant_take(s, s->command.shop, attempt->channel, attempt->merchant);
    uint32_t row = ordo_attempt_find(s, order, merchant);
    if (row == 0) {
        row = ordo_rows_take(s, ORDO_TABLE_ATTEMPT, 1);
        struct ordo_order_row *o = ordo_order_edit(s, order);
        ordo_attempt_edit(s, row)->merchant = (uint16_t)merchant;
        ordo_attempt_edit(s, row)->next = o->attempt;
        o->attempt = row;
    }
    struct ordo_attempt_row *at = ordo_attempt_edit(s, row);
    if (at->state != ORDO_ATTEMPT_OPEN) {
        at->amount = attempt->amount;
        at->state = ORDO_ATTEMPT_OPEN;
    }
}

uint16_t ordo_decide_attempt(struct ordo_state *s, const struct ordo_attempt *attempt)
{
    uint32_t order = ordo_order_known(s, s->command.shop, attempt->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    uint16_t code = check_attempt(s, order, attempt);
    if (code == ORDO_RESULT_OK) {
        open_attempt(s, order, attempt);
        if (ordo_order_at(s, order)->state != ORDO_STATE_PAYING) {
            ordo_order_step(s, effect, order, ORDO_EVENT_ATTEMPT);
        }
    }
    ordo_effect_end(s, effect, order);
    return code;
}

uint16_t ordo_decide_delivery_ack(struct ordo_state *s, const struct ordo_delivery_ack *ack)
{
    uint32_t order = ordo_order_known(s, s->command.shop, ack->order_id);
    if (order == 0) {
        return ORDO_RESULT_ORDER_UNKNOWN;
    }
    struct ordo_effect *effect = ordo_effect_begin(s, order, true);
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint16_t code = ordo_order_code(o, ORDO_EVENT_DELIVERY_ACK);
    if (o->state == ORDO_STATE_ISSUING) {
        ordo_order_step(s, effect, order, ORDO_EVENT_DELIVERY_ACK);
        ordo_stock_reveal(s, order);
    }
    ordo_effect_end(s, effect, order);
    return code;
}
