/* One order's life:
 *
 *   create -> attempt -> [fail] -> pay, and at once its repetitions -> [fail after] -> ack
 *
 * A late order waits with its payment until its hold has expired; one that is never paid ends
 * behind create or attempt. The next step begins when every command of the one before has an
 * answer, so a command never overtakes what it depends on; only the payments of one order are in
 * flight together, as a gateway's repetitions are.
 *
 * What must hold for an answer is said here, one function a step. A code that the sale cannot
 * explain is counted as wrong: silence about it would make this run worthless as a test.
 */
#include "base/hash.h"
#include "sale.h"

#include <stdarg.h>
#include <string.h>

#define CHANNEL 1

void sale_wrong(struct sale *sale, const char *format, ...)
{
    if (sale->counts.wrong++ == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(sale->counts.wrong_first, sizeof(sale->counts.wrong_first), format, args);
        va_end(args);
    }
}

struct ordo_bytes
sale_order_id(const struct sale *sale, uint64_t index, char out[ORDO_ORDER_ID_MAX + 1])
{
    int size = snprintf(
        out, ORDO_ORDER_ID_MAX + 1, "S%.8s-%llu", sale->run_text, (unsigned long long)index);
    return (struct ordo_bytes){(const uint8_t *)out, (uint32_t)size};
}

/* ---- commands ---- */

static void
build_create(const struct sale *sale, const struct sale_plan *plan, struct ordo_create *c)
{
    c->product = sale->options.product_first + plan->product;
    c->quantity = plan->quantity;
    c->amount = sale_price_of(&sale->options, plan->product) * (int64_t)plan->quantity;
    c->currency = ORDO_CURRENCY_CNY;
    c->hold_ttl_s = plan->fate == SALE_PAID ? 0 : SALE_SHORT_TTL_S;
}

static void build_fact(
    const struct sale *sale,
    const struct sale_entry *entry,
    const struct sale_plan *plan,
    struct ordo_fact *f)
{
    bool fails = entry->step == SALE_STEP_FAIL || entry->step == SALE_STEP_FAIL_AFTER;
    f->fact = fails ? ORDO_FACT_FAIL : ORDO_FACT_PAY;
    f->channel = CHANNEL;
    f->amount = sale_price_of(&sale->options, plan->product) * (int64_t)plan->quantity;
    f->currency = ORDO_CURRENCY_CNY;
    f->gateway_time_us = 1000000ull * (entry->step == SALE_STEP_PAY_CHANGED ? 2 : 1);
    f->verified_by = ORDO_VERIFIED_SIGNATURE;
    f->received_us = ordo_clock_realtime_us(&sale->clock); /* a stamp: no part of the content */
}

/* Made from the run and the step, so that a command can be built a second time for the log. */
static void
build_id(const struct sale *sale, const struct sale_entry *entry, uint8_t id[ORDO_ID_SIZE])
{
    uint8_t name[16];
    memcpy(name, sale->run, sizeof(sale->run));
    ordo_put_le32(name + 8, entry->order);
    ordo_put_le32(name + 12, entry->step);
    struct ordo_hash128 hash = ordo_hash128(name, sizeof(name), 0);
    ordo_put_le64(id, hash.low);
    ordo_put_le64(id + 8, hash.high);
}

void sale_build(
    const struct sale *sale,
    const struct sale_entry *entry,
    struct ordo_command *command,
    struct sale_texts *texts)
{
    struct sale_plan plan = sale_plan_of(&sale->options, entry->order);
    struct ordo_bytes id = sale_order_id(sale, entry->order, texts->order_id);
    memset(command, 0, sizeof(*command));
    command->shop = sale->online.shop;
    build_id(sale, entry, command->id);
    if (plan.scripted != NULL) {
        sale_script_build(sale, &plan, entry, command, texts);
        return;
    }
    switch ((enum sale_step)entry->step) {
    case SALE_STEP_CREATE:
        command->kind = ORDO_KIND_CREATE;
        memset(texts->buyer, 0, sizeof(texts->buyer));
        ordo_put_le64(texts->buyer, plan.buyer + 1);
        command->create.order_id = id;
        command->create.buyer = (struct ordo_bytes){texts->buyer, sizeof(texts->buyer)};
        build_create(sale, &plan, &command->create);
        break;
    case SALE_STEP_ATTEMPT:
        command->kind = ORDO_KIND_ATTEMPT;
        command->attempt.order_id = id;
        command->attempt.channel = CHANNEL;
        command->attempt.amount =
            sale_price_of(&sale->options, plan.product) * (int64_t)plan.quantity;
        command->attempt.currency = ORDO_CURRENCY_CNY;
        break;
    case SALE_STEP_FAIL:
    case SALE_STEP_PAY:
    case SALE_STEP_PAY_AGAIN:
    case SALE_STEP_PAY_CHANGED:
    case SALE_STEP_FAIL_AFTER: {
        const char *suffix = entry->step == SALE_STEP_FAIL         ? "-f"
                             : entry->step == SALE_STEP_FAIL_AFTER ? "-g"
                                                                   : "-t";
        int size =
            snprintf(texts->trade_no, sizeof(texts->trade_no), "%s%s", texts->order_id, suffix);
        command->kind = ORDO_KIND_FACT;
        command->fact.order_id = id;
        command->fact.trade_no =
            (struct ordo_bytes){(const uint8_t *)texts->trade_no, (uint32_t)size};
        build_fact(sale, entry, &plan, &command->fact);
        break;
    }
    case SALE_STEP_ACK:
        command->kind = ORDO_KIND_DELIVERY_ACK;
        command->delivery_ack.order_id = id;
        break;
    case SALE_STEP_CASE:
    case SALE_STEP_COUNT:
    default:
        ORDO_ASSERT(false);
    }
}

/* ---- the way ---- */

void sale_put(struct sale *sale, uint64_t index, uint32_t step, uint64_t intended_ns)
{
    struct sale_entry entry = {(uint32_t)index, step, intended_ns};
    if (!sale_queue_put(&sale->ready, &entry)) {
        sale_wrong(sale, "out of memory for the queue of commands");
        return;
    }
    sale->orders[index].open++;
}

void sale_begin(struct sale *sale, uint64_t index, uint64_t intended_ns)
{
    struct sale_plan plan = sale_plan_of(&sale->options, index);
    if (plan.scripted != NULL) {
        sale_script_begin(sale, &plan, index, intended_ns);
        return;
    }
    sale_put(sale, index, SALE_STEP_CREATE, intended_ns);
}

void sale_finish(struct sale *sale, uint64_t index)
{
    struct sale_plan plan = sale_plan_of(&sale->options, index);
    sale->counts.finished++;
    if (plan.scripted != NULL) {
        sale_script_end(sale, &plan, index);
    }
}

static void
begin_payment(struct sale *sale, uint64_t index, const struct sale_plan *plan, uint64_t now)
{
    if (plan->fate == SALE_NEVER) {
        sale_finish(sale, index);
        return;
    }
    if (plan->fate == SALE_LATE) {
        struct sale_entry entry = {(uint32_t)index, SALE_STEP_PAY, now + SALE_LATE_NS};
        if (!sale_queue_put(&sale->later, &entry)) {
            sale_wrong(sale, "out of memory for the queue of late payments");
        }
        return;
    }
    sale_put(sale, index, plan->fail_first ? SALE_STEP_FAIL : SALE_STEP_PAY, now);
}

void sale_sent(struct sale *sale, const struct sale_entry *entry, uint64_t now)
{
    uint64_t index = entry->order;
    if (entry->step != SALE_STEP_PAY) {
        return;
    }
    struct sale_plan plan = sale_plan_of(&sale->options, index);
    if (plan.scripted != NULL) {
        return;
    }
    if (plan.pays >= 2) {
        sale_put(sale, index, SALE_STEP_PAY_AGAIN, now);
    }
    if (plan.pays >= 3) {
        sale_put(sale, index, SALE_STEP_PAY_CHANGED, now);
    }
}

/* Is a delivery due: the cards are bound or the goods are out? */
static bool is_delivered(uint8_t disposition)
{
    return disposition == ORDO_DISPOSITION_APPLIED ||
           disposition == ORDO_DISPOSITION_LATE_APPLIED ||
           disposition == ORDO_DISPOSITION_OVER_APPLIED;
}

static void
after_payment(struct sale *sale, uint64_t index, const struct sale_plan *plan, uint64_t now)
{
    const struct sale_order *order = &sale->orders[index];
    if (order->unknown) {
        sale_finish(sale, index);
        return;
    }
    if (order->applied != 1) {
        sale_wrong(
            sale,
            "order %llu: %u of its payment facts were applied instead of 1",
            (unsigned long long)index,
            order->applied);
    }
    if (plan->fail_after) {
        sale_put(sale, index, SALE_STEP_FAIL_AFTER, now);
    } else if (is_delivered(order->disposition)) {
        sale_put(sale, index, SALE_STEP_ACK, now);
    } else {
        sale_finish(sale, index);
    }
}

static void follow(struct sale *sale, const struct sale_entry *entry, uint64_t now)
{
    const struct sale_order *order = &sale->orders[entry->order];
    struct sale_plan plan = sale_plan_of(&sale->options, entry->order);
    if (order->open > 0) {
        return;
    }
    if (order->refused || (order->unknown && entry->step < SALE_STEP_PAY)) {
        sale_finish(sale, entry->order);
        return;
    }
    switch ((enum sale_step)entry->step) {
    case SALE_STEP_CREATE:
        if (plan.attempts) {
            sale_put(sale, entry->order, SALE_STEP_ATTEMPT, now);
        } else {
            begin_payment(sale, entry->order, &plan, now);
        }
        break;
    case SALE_STEP_ATTEMPT:
        begin_payment(sale, entry->order, &plan, now);
        break;
    case SALE_STEP_FAIL:
        sale_put(sale, entry->order, SALE_STEP_PAY, now);
        break;
    case SALE_STEP_PAY:
    case SALE_STEP_PAY_AGAIN:
    case SALE_STEP_PAY_CHANGED:
        after_payment(sale, entry->order, &plan, now);
        break;
    case SALE_STEP_FAIL_AFTER:
        if (is_delivered(order->disposition)) {
            sale_put(sale, entry->order, SALE_STEP_ACK, now);
        } else {
            sale_finish(sale, entry->order);
        }
        break;
    case SALE_STEP_ACK:
    case SALE_STEP_CASE:
    case SALE_STEP_COUNT:
    default:
        sale_finish(sale, entry->order);
        break;
    }
}

/* ---- what must hold ---- */

static void strange(struct sale *sale, const struct sale_entry *entry, const struct ordo_result *r)
{
    static const char *const names[SALE_STEP_COUNT] = {
        "create",
        "attempt",
        "fail",
        "pay",
        "pay again",
        "pay changed",
        "fail after",
        "ack",
        "case"};
    sale_wrong(
        sale,
        "order %u: %s gave %s, state %s, disposition %s",
        entry->order,
        names[entry->step],
        ordo_result_name(r->code),
        ordo_state_name(r->state),
        ordo_disposition_name(r->disposition));
}

/* Refusals that a shop must expect; out of stock only where the sale is short on purpose. */
static bool may_refuse_create(const struct sale *sale, uint16_t code)
{
    return (code == ORDO_RESULT_STOCK_SHORT && sale->options.stock != 0) ||
           code == ORDO_RESULT_PURCHASE_CAP || code == ORDO_RESULT_HOLD_QUOTA ||
           code == ORDO_RESULT_FULL_ORDERS;
}

static void
check_create(struct sale *sale, const struct sale_entry *entry, const struct ordo_result *r)
{
    struct sale_order *order = &sale->orders[entry->order];
    if (r->code == ORDO_RESULT_OK && r->state == ORDO_STATE_PENDING) {
        order->created = true;
        return;
    }
    order->refused = true;
    sale->counts.refused++;
    if (!may_refuse_create(sale, r->code)) {
        strange(sale, entry, r);
    }
}

static void
check_attempt(struct sale *sale, const struct sale_entry *entry, const struct ordo_result *r)
{
    struct sale_plan plan = sale_plan_of(&sale->options, entry->order);
    bool opened = r->code == ORDO_RESULT_OK && r->state == ORDO_STATE_PAYING;
    bool expired = r->code == ORDO_RESULT_STATE_EXPIRED && plan.fate != SALE_PAID;
    if (!opened && !expired) {
        strange(sale, entry, r);
    }
}

/* The same fact must have the same result, to the byte. */
static void check_same_bytes(
    struct sale *sale, const struct sale_entry *entry, const struct ordo_answer *answer)
{
    struct sale_order *order = &sale->orders[entry->order];
    uint64_t hash = ordo_hash64(answer->bytes.data, answer->bytes.size, 1) | 1;
    if (order->pay_bytes == 0) {
        order->pay_bytes = hash;
    } else if (order->pay_bytes != hash) {
        sale_wrong(sale, "order %u: the same payment fact had two different results", entry->order);
    }
}

static bool may_pay(enum sale_fate fate, uint8_t disposition)
{
    if (disposition == ORDO_DISPOSITION_APPLIED) {
        return true; /* also late: it came before its expiry was sequenced */
    }
    return fate == SALE_LATE && (disposition == ORDO_DISPOSITION_LATE_APPLIED ||
                                 disposition == ORDO_DISPOSITION_LATE_BACKORDER ||
                                 disposition == ORDO_DISPOSITION_LATE_REFUND_DUE);
}

static void
check_pay(struct sale *sale, const struct sale_entry *entry, const struct ordo_answer *answer)
{
    const struct ordo_result *r = &answer->item.result;
    struct sale_order *order = &sale->orders[entry->order];
    struct sale_plan plan = sale_plan_of(&sale->options, entry->order);
    bool exact = entry->step != SALE_STEP_PAY_CHANGED;
    bool repeated = exact && order->pay_bytes != 0;
    if (exact) {
        check_same_bytes(sale, entry, answer);
    }
    if (r->code != ORDO_RESULT_OK) {
        strange(sale, entry, r);
    } else if (repeated) {
        return; /* its equal was looked at */
    } else if (may_pay(plan.fate, r->disposition)) {
        order->applied++;
        order->disposition = r->disposition;
    } else if (r->disposition != ORDO_DISPOSITION_DUPLICATE || plan.pays < 3) {
        strange(sale, entry, r);
    }
}

static void
check_ack(struct sale *sale, const struct sale_entry *entry, const struct ordo_result *r)
{
    if (r->code == ORDO_RESULT_OK && r->state == ORDO_STATE_COMPLETED) {
        sale->orders[entry->order].acked = true;
        return;
    }
    strange(sale, entry, r);
}

static void
check(struct sale *sale, const struct sale_entry *entry, const struct ordo_answer *answer)
{
    const struct ordo_result *r = &answer->item.result;
    switch ((enum sale_step)entry->step) {
    case SALE_STEP_CREATE:
        check_create(sale, entry, r);
        break;
    case SALE_STEP_ATTEMPT:
        check_attempt(sale, entry, r);
        break;
    case SALE_STEP_PAY:
    case SALE_STEP_PAY_AGAIN:
    case SALE_STEP_PAY_CHANGED:
        check_pay(sale, entry, answer);
        break;
    case SALE_STEP_FAIL:
        if (r->code != ORDO_RESULT_OK || r->state != ORDO_STATE_PAY_FAILED) {
            strange(sale, entry, r);
        }
        break;
    case SALE_STEP_FAIL_AFTER:
        if (r->code != ORDO_RESULT_OK || r->disposition != ORDO_DISPOSITION_STALE) {
            strange(sale, entry, r);
        }
        break;
    case SALE_STEP_ACK:
        check_ack(sale, entry, r);
        break;
    case SALE_STEP_CASE:
    case SALE_STEP_COUNT:
    default:
        ORDO_ASSERT(false);
    }
}

void sale_on_answer(
    struct sale *sale,
    const struct sale_entry *entry,
    const struct ordo_answer *answer,
    uint64_t now_ns)
{
    const struct ordo_result *r = &answer->item.result;
    struct sale_order *order = &sale->orders[entry->order];
    uint64_t late_ns = now_ns > entry->intended_ns ? now_ns - entry->intended_ns : 1;
    ORDO_ASSERT(order->open > 0);
    order->open--;
    sale->counts.commands++;
    sale->counts.results[r->code < SALE_CODES_MAX ? r->code : SALE_CODES_MAX - 1]++;
    struct sale_plan plan = sale_plan_of(&sale->options, entry->order);
    uint32_t step = plan.scripted != NULL ? SALE_STEP_CASE : entry->step;
    ordo_histogram_record(&sale->latency[step], late_ns);
    ordo_histogram_record(&sale->latency_all, late_ns);
    if (r->code == ORDO_RESULT_UNKNOWN || r->code == ORDO_RESULT_BUSY) {
        order->unknown = true;
        sale->counts.unknown++;
    } else {
        if (answer->item.form == ORDO_REPLY_DECIDED && r->disposition < ORDO_DISPOSITION_COUNT) {
            sale->counts.dispositions[r->disposition]++;
        }
        if (plan.scripted == NULL) {
            check(sale, entry, answer);
        }
    }
    if (plan.scripted != NULL) {
        sale_script_answer(sale, &plan, entry, answer, now_ns);
        return;
    }
    follow(sale, entry, now_ns);
}
