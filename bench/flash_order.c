/* An order of a flash sale: create, attempt, then the gateway's callbacks whenever they arrive, and
 * the delivery's acknowledgement when a callback has issued.
 *
 * The callbacks of one payment have the same content, so each must be answered with the same bytes,
 * in whatever order and however late they come. */
#include "bench/flash_run.h"

#include "base/hash.h"

#include <string.h>

struct ordo_bytes ordo_flash_name(uint32_t order, char text[ORDO_FLASH_NAME_SIZE])
{
    int size = snprintf(text, ORDO_FLASH_NAME_SIZE, "F%09u", order);
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)size};
}

static void build_fact(
    const struct ordo_flash_event *event,
    const struct ordo_flash_order *plan,
    struct ordo_bytes name,
    struct ordo_command *command,
    struct ordo_flash_texts *texts)
{
    bool pays = event->kind == ORDO_FLASH_PAY;
    int size = snprintf(
        texts->trade_no,
        sizeof(texts->trade_no),
        "%.*s%s",
        (int)name.size,
        texts->order_id,
        pays ? "t" : "f");
    command->kind = ORDO_KIND_FACT;
    command->fact.fact = pays ? ORDO_FACT_PAY : ORDO_FACT_FAIL;
    command->fact.channel = plan->callbacks.gateway + 1;
    command->fact.order_id = name;
    command->fact.trade_no = (struct ordo_bytes){(const uint8_t *)texts->trade_no, (uint32_t)size};
    command->fact.amount = ORDO_FLASH_PRICE;
    command->fact.currency = ORDO_FLASH_CURRENCY;
    command->fact.verified_by = ORDO_VERIFIED_SIGNATURE;
}

void ordo_flash_build(
    const struct ordo_flash *flash,
    const struct ordo_flash_event *event,
    struct ordo_command *command,
    struct ordo_flash_texts *texts)
{
    struct ordo_bytes name = ordo_flash_name(event->order, texts->order_id);
    struct ordo_flash_order plan;
    ordo_flash_order_of(&flash->config.shape, event->order, &plan);
    memset(command, 0, sizeof(*command));
    command->shop = ORDO_FLASH_SHOP;
    switch ((enum ordo_flash_kind)event->kind) {
    case ORDO_FLASH_CREATE:
        memset(texts->buyer, 0, sizeof(texts->buyer));
        ordo_put_le64(texts->buyer, event->order + 1ull);
        command->kind = ORDO_KIND_CREATE;
        command->create.order_id = name;
        command->create.buyer = (struct ordo_bytes){texts->buyer, sizeof(texts->buyer)};
        command->create.product = plan.product;
        command->create.quantity = 1;
        command->create.amount = ORDO_FLASH_PRICE;
        command->create.currency = ORDO_FLASH_CURRENCY;
        command->create.hold_ttl_s = plan.fate == ORDO_FLASH_PAID ? 0 : ORDO_FLASH_TTL_S;
        break;
    case ORDO_FLASH_ATTEMPT:
        command->kind = ORDO_KIND_ATTEMPT;
        command->attempt.order_id = name;
        command->attempt.channel = plan.callbacks.gateway + 1;
        command->attempt.amount = ORDO_FLASH_PRICE;
        command->attempt.currency = ORDO_FLASH_CURRENCY;
        break;
    case ORDO_FLASH_PAY:
    case ORDO_FLASH_FAIL:
        build_fact(event, &plan, name, command, texts);
        break;
    case ORDO_FLASH_ACK:
    default:
        command->kind = ORDO_KIND_DELIVERY_ACK;
        command->delivery_ack.order_id = name;
        break;
    }
}

/* ---- answers ---- */

static void put_next(
    struct ordo_flash *flash, const struct ordo_flash_event *event, uint32_t kind, uint64_t due_ns)
{
    struct ordo_flash_event next = {.due_ns = due_ns, .order = event->order, .kind = kind};
    ordo_flash_put(flash, &next);
}

static void on_create(
    struct ordo_flash *flash, const struct ordo_flash_event *event, uint16_t code, uint64_t now_ns)
{
    struct ordo_flash_life *life = &flash->lives[event->order];
    if (code == ORDO_RESULT_OK) {
        life->created = true;
        flash->counts.created++;
        put_next(flash, event, ORDO_FLASH_ATTEMPT, now_ns);
    } else if (code == ORDO_RESULT_STOCK_SHORT) {
        life->refused = true;
        flash->counts.refused++;
    } else {
        ordo_flash_wrong(flash, "create %u: %s", event->order, ordo_result_name(code));
    }
}

static void on_attempt(
    struct ordo_flash *flash, const struct ordo_flash_event *event, uint16_t code, uint64_t now_ns)
{
    struct ordo_flash_order plan;
    ordo_flash_order_of(&flash->config.shape, event->order, &plan);
    bool expired = code == ORDO_RESULT_STATE_EXPIRED && plan.fate != ORDO_FLASH_PAID;
    if (code != ORDO_RESULT_OK && !expired) {
        ordo_flash_wrong(flash, "attempt of %u: %s", event->order, ordo_result_name(code));
        return;
    }
    if (plan.fate == ORDO_FLASH_NEVER) {
        return;
    }
    uint64_t paid_ns = now_ns + plan.paid_ns;
    uint64_t first_ns = UINT64_MAX;
    for (uint32_t i = 0; i < plan.callbacks.count; i++) {
        uint64_t at_ns = paid_ns + plan.callbacks.at_ns[i];
        first_ns = at_ns < first_ns ? at_ns : first_ns;
        put_next(flash, event, ORDO_FLASH_PAY, at_ns);
    }
    if (plan.fails_after) {
        put_next(flash, event, ORDO_FLASH_FAIL, first_ns + ORDO_NS_PER_MS);
    }
}

static bool is_of_a_payment(uint8_t disposition)
{
    return disposition == ORDO_DISPOSITION_APPLIED ||
           disposition == ORDO_DISPOSITION_LATE_APPLIED ||
           disposition == ORDO_DISPOSITION_LATE_BACKORDER ||
           disposition == ORDO_DISPOSITION_LATE_REFUND_DUE;
}

static void on_pay(
    struct ordo_flash *flash,
    const struct ordo_flash_event *event,
    const struct ordo_answer *answer,
    uint64_t now_ns)
{
    struct ordo_flash_life *life = &flash->lives[event->order];
    const struct ordo_result *result = &answer->item.result;
    uint64_t hash = ordo_hash64(answer->bytes.data, answer->bytes.size, 0) | 1;
    if (result->code != ORDO_RESULT_OK || !is_of_a_payment(result->disposition)) {
        ordo_flash_wrong(
            flash,
            "payment of %u: %s, %s",
            event->order,
            ordo_result_name(result->code),
            ordo_disposition_name(result->disposition));
        return;
    }
    flash->counts.facts++;
    if (life->pay_bytes != 0) {
        flash->counts.repeats++;
        if (life->pay_bytes != hash) {
            ordo_flash_wrong(flash, "payment of %u: a repetition has another answer", event->order);
        }
        return;
    }
    life->pay_bytes = hash;
    life->disposition = result->disposition;
    flash->counts.dispositions[result->disposition]++;
    if (result->state == ORDO_STATE_ISSUING) {
        put_next(flash, event, ORDO_FLASH_ACK, now_ns);
    }
}

void ordo_flash_answered(
    struct ordo_flash *flash,
    const struct ordo_flash_event *event,
    const struct ordo_answer *answer,
    uint64_t now_ns)
{
    struct ordo_flash_life *life = &flash->lives[event->order];
    uint16_t code = answer->item.result.code;
    if (code == ORDO_RESULT_UNKNOWN || code == ORDO_RESULT_BUSY ||
        code == ORDO_RESULT_SHUTTING_DOWN) {
        life->unknown = true;
        flash->counts.unknown++;
        return;
    }
    switch ((enum ordo_flash_kind)event->kind) {
    case ORDO_FLASH_CREATE:
        on_create(flash, event, code, now_ns);
        break;
    case ORDO_FLASH_ATTEMPT:
        on_attempt(flash, event, code, now_ns);
        break;
    case ORDO_FLASH_PAY:
        on_pay(flash, event, answer, now_ns);
        break;
    case ORDO_FLASH_FAIL:
        flash->counts.facts++;
        if (code != ORDO_RESULT_OK) {
            ordo_flash_wrong(flash, "failure of %u: %s", event->order, ordo_result_name(code));
        }
        break;
    case ORDO_FLASH_ACK:
    default:
        life->acked = code == ORDO_RESULT_OK;
        if (code != ORDO_RESULT_OK) {
            ordo_flash_wrong(flash, "delivery of %u: %s", event->order, ordo_result_name(code));
        }
        break;
    }
}
