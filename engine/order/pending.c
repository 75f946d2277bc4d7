#include "order/parts.h"

uint16_t ordo_decide_coupon_put(struct ordo_state *s, const struct ordo_coupon_put *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_chain(struct ordo_state *s, const struct ordo_chain *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_extend(struct ordo_state *s, const struct ordo_extend *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_release(struct ordo_state *s, const struct ordo_release *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

void ordo_coupon_use(struct ordo_state *s, uint32_t order)
{
    (void)s;
    (void)order;
}

void ordo_coupon_return(struct ordo_state *s, uint32_t order)
{
    (void)s;
    (void)order;
}

uint16_t ordo_operator_check(struct ordo_bytes operator_name, struct ordo_bytes reason)
{
    if (!ordo_text_is_valid(operator_name)) {
        return ORDO_RESULT_OPERATOR_MISSING;
    }
    return reason.size == 0 ? ORDO_RESULT_REASON_MISSING : ORDO_RESULT_OK;
}
