/* A scripted order's life: one act after the other, each begun by the answer to the one before. An
 * answer that the script does not name ends the order and is counted against its case.
 *
 * Three things let an order wait. AWAIT asks again and again until the node has done something by
 * itself (an expiry, units for who waits). PAUSE is the time of a short hold. A BARRIER holds every
 * order of the case until all have come to it: what a shelf is empty of must not depend on who was
 * quick. An order that ends early counts as arrived at what it will not come to.
 */
#include "sale.h"

#include <string.h>

enum verdict {
    VERDICT_GO,
    VERDICT_LEAVE_OUT, /* the next act is for who had the other result */
    VERDICT_ASK_AGAIN,
    VERDICT_END,
};

static void advance(struct sale *sale, const struct sale_plan *plan, uint64_t index, uint64_t now);

/* ---- waiting ---- */

static void wait_in(struct sale *sale, struct sale_queue *queue, uint64_t index, uint64_t due_ns)
{
    struct sale_entry entry = {(uint32_t)index, sale->orders[index].at, due_ns};
    if (!sale_queue_put(queue, &entry)) {
        sale_wrong(sale, "out of memory for a queue of orders");
    }
}

/* The last one opens it. Those who waited go on before this returns. */
static void
arrive(struct sale *sale, const struct sale_plan *plan, uint64_t index, bool stays, uint64_t now)
{
    struct sale_case_run *run = &sale->cases[plan->case_index];
    uint8_t barrier = sale->orders[index].barriers++;
    struct sale_queue *parked = &run->parked[barrier];
    ORDO_ASSERT(barrier < SALE_BARRIERS_MAX);
    if (stays) {
        wait_in(sale, parked, index, now);
    }
    if (++run->arrived[barrier] < run->orders) {
        return;
    }
    while (sale_queue_count(parked) > 0) {
        struct sale_entry entry = parked->entries[parked->head++ & (parked->room - 1)];
        struct sale_plan own = sale_plan_of(&sale->options, entry.order);
        advance(sale, &own, entry.order, now);
    }
}

static uint32_t barriers_of(const struct sale_case *scripted)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < scripted->act_count; i++) {
        count += scripted->acts[i].act == SALE_ACT_BARRIER ? 1 : 0;
    }
    return count;
}

void sale_script_end(struct sale *sale, const struct sale_plan *plan, uint64_t index)
{
    uint64_t now = ordo_clock_monotonic_ns(&sale->clock);
    while (sale->orders[index].barriers < barriers_of(plan->scripted)) {
        arrive(sale, plan, index, false, now);
    }
}

/* ---- the way ---- */

/* Begins the act that order->at names. */
static void begin(struct sale *sale, const struct sale_plan *plan, uint64_t index, uint64_t now)
{
    struct sale_order *order = &sale->orders[index];
    if (order->at >= plan->scripted->act_count) {
        sale_finish(sale, index);
        return;
    }
    enum sale_act_kind act = plan->scripted->acts[order->at].act;
    if (act == SALE_ACT_BARRIER) {
        arrive(sale, plan, index, true, now);
        return;
    }
    if (act == SALE_ACT_PAUSE) {
        order->at++;
        ORDO_ASSERT(order->at < plan->scripted->act_count); /* a command follows */
        wait_in(sale, &sale->later, index, now + SALE_LATE_NS);
        return;
    }
    order->polls = 0;
    sale_put(sale, index, order->at, now);
}

static void advance(struct sale *sale, const struct sale_plan *plan, uint64_t index, uint64_t now)
{
    sale->orders[index].at++;
    begin(sale, plan, index, now);
}

void sale_script_begin(
    struct sale *sale, const struct sale_plan *plan, uint64_t index, uint64_t intended_ns)
{
    begin(sale, plan, index, intended_ns);
}

/* ---- what must hold ---- */

static void blame(
    struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct ordo_result *r)
{
    sale->cases[plan->case_index].wrong++;
    sale_wrong(
        sale,
        "order %u of case %s: act %u gave %s, state %s, disposition %s",
        entry->order,
        plan->scripted->name,
        entry->step + 1,
        ordo_result_name(r->code),
        ordo_state_name(r->state),
        ordo_disposition_name(r->disposition));
}

static bool is_wanted(const struct sale_want *want, const struct ordo_result *r)
{
    return r->code == want->code && (want->state == SALE_ANY || r->state == want->state) &&
           r->disposition == want->disposition;
}

static bool is_limit(uint16_t code)
{
    return code == ORDO_RESULT_PURCHASE_CAP || code == ORDO_RESULT_HOLD_QUOTA ||
           code == ORDO_RESULT_SECOND_KEY_QUOTA || code == ORDO_RESULT_HELD_SHARE;
}

static enum verdict on_decided(
    struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct ordo_result *r)
{
    const struct sale_act *act = &plan->scripted->acts[entry->step];
    struct sale_order *order = &sale->orders[entry->order];
    bool creates = act->act == SALE_ACT_CREATE || act->act == SALE_ACT_CHAIN;
    bool own = (act->flags & SALE_NAMES_OTHER) == 0;
    if ((act->flags & SALE_LIMITED) != 0 && is_limit(r->code)) {
        order->refused = true;
        sale->counts.refused++;
        return VERDICT_END;
    }
    uint32_t found = 0;
    while (found < act->want_count && !is_wanted(&act->want[found], r)) {
        found++;
    }
    if (found == act->want_count) {
        blame(sale, plan, entry, r);
        order->unknown = true; /* where it stands now nobody can tell */
        return VERDICT_END;
    }
    if (creates && own && r->code == ORDO_RESULT_OK) {
        order->created = true;
        order->discounted = (act->flags & SALE_COUPON) != 0;
    }
    bool else_next = (act->flags & SALE_ELSE_NEXT) != 0;
    return else_next && found == 0 ? VERDICT_LEAVE_OUT : VERDICT_GO;
}

static enum verdict on_view(
    struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct ordo_answer *answer)
{
    const struct sale_act *act = &plan->scripted->acts[entry->step];
    struct sale_order *order = &sale->orders[entry->order];
    struct ordo_order_view view = {.state = ORDO_STATE_NONE};
    struct ordo_result result = answer->item.result;
    bool read = result.code == ORDO_RESULT_OK && answer->item.has_body;
    if (read) {
        struct ordo_mp_reader body = answer->item.body;
        ordo_body_order(&body, &view);
        read = body.error == NULL;
        result.state = view.state;
    }
    if (read && act->act == SALE_ACT_LOOK && view.card_count > 0) {
        order->card = (uint32_t)view.cards[0];
        return VERDICT_GO;
    }
    order->polls++;
    if (read && act->act == SALE_ACT_NAP) {
        return order->polls < SALE_NAP_POLLS ? VERDICT_ASK_AGAIN : VERDICT_GO;
    }
    if (read && act->act == SALE_ACT_AWAIT && view.state == act->want[0].state) {
        return VERDICT_GO;
    }
    if (read && act->act == SALE_ACT_AWAIT && order->polls < SALE_POLLS_MAX) {
        return VERDICT_ASK_AGAIN;
    }
    blame(sale, plan, entry, &result);
    order->unknown = true;
    return VERDICT_END;
}

void sale_script_answer(
    struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct ordo_answer *answer,
    uint64_t now_ns)
{
    struct sale_order *order = &sale->orders[entry->order];
    enum verdict verdict = VERDICT_END;
    if (!order->unknown) {
        bool decided = answer->item.form == ORDO_REPLY_DECIDED;
        bool query = answer->item.form == ORDO_REPLY_QUERY;
        verdict = decided ? on_decided(sale, plan, entry, &answer->item.result)
                  : query ? on_view(sale, plan, entry, answer)
                          : VERDICT_END;
        if (!decided && !query) {
            blame(sale, plan, entry, &answer->item.result);
            order->unknown = true;
        }
    }
    switch (verdict) {
    case VERDICT_ASK_AGAIN:
        wait_in(sale, &sale->polls, entry->order, now_ns + SALE_POLL_NS);
        return;
    case VERDICT_LEAVE_OUT:
        order->at++;
        advance(sale, plan, entry->order, now_ns);
        return;
    case VERDICT_GO:
        advance(sale, plan, entry->order, now_ns);
        return;
    case VERDICT_END:
    default:
        sale_finish(sale, entry->order);
    }
}
