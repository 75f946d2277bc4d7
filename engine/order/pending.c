#include "order/parts.h"

uint16_t ordo_decide_channel_put(struct ordo_state *s, const struct ordo_channel_put *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_mark_paid(struct ordo_state *s, const struct ordo_mark_paid *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_accept(struct ordo_state *s, const struct ordo_accept *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_refund(struct ordo_state *s, const struct ordo_refund *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_freeze(struct ordo_state *s, const struct ordo_freeze *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_unfreeze(struct ordo_state *s, const struct ordo_unfreeze *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_note(struct ordo_state *s, const struct ordo_note *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

const struct ordo_channel_row *
ordo_channel_of(const struct ordo_state *s, uint32_t shop, uint64_t channel)
{
    (void)shop;
    (void)channel;
    return ordo_channel_at(s, 0);
}

uint16_t ordo_operator_check(struct ordo_bytes operator_name, struct ordo_bytes reason)
{
    if (!ordo_text_is_valid(operator_name)) {
        return ORDO_RESULT_OPERATOR_MISSING;
    }
    return reason.size == 0 ? ORDO_RESULT_REASON_MISSING : ORDO_RESULT_OK;
}
