#include "order/parts.h"

uint16_t ordo_decide_issue(struct ordo_state *s, const struct ordo_issue *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_card_void(struct ordo_state *s, const struct ordo_card_void *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_replace(struct ordo_state *s, const struct ordo_replace *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

uint16_t ordo_decide_recall(struct ordo_state *s, const struct ordo_recall *c)
{
    (void)s;
    (void)c;
    return ORDO_RESULT_MALFORMED;
}

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
