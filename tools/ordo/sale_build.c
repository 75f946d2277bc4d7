/* The commands of scripts. A command is a function of the plan, the act and what the order has met
 * so far (its coupon, its first card), so it can be built a second time for the log.
 */
#include "sale.h"

#include <string.h>

#define CHANNEL        1
#define LONG_HOLD_S    1800 /* more than a hold has by default */
#define WAIT_S         3600
#define HOARDERS       4
#define SURPLUS        5 /* minor units */
#define DISCOUNT       SALE_DISCOUNT
#define OPERATOR       "sale"
#define REASON         "a case of a sale"
#define NO_SUCH_NUMBER UINT32_MAX /* of a product */

static struct ordo_bytes text_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

int64_t
sale_sum(const struct sale *sale, const struct sale_plan *plan, uint64_t index, enum sale_sum sum)
{
    int64_t all = sale_price_of(&sale->options, plan->product) * (int64_t)plan->quantity;
    all -= sale->orders[index].discounted ? DISCOUNT : 0;
    switch (sum) {
    case SALE_ALL:
        return all;
    case SALE_LESS:
        return all - 1;
    case SALE_MORE:
        return all + SURPLUS;
    case SALE_SURPLUS:
        return SURPLUS;
    case SALE_HALF:
        return all / 2;
    case SALE_REST:
        return all - all / 2;
    case SALE_NOTHING:
    default:
        return 0;
    }
}

/* ---- who buys what ---- */

/* Buyers of scripted orders are their own, also those of another run: a case must not meet another
 * order's cap. */
static void build_buyer(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct sale_act *act,
    struct sale_texts *texts)
{
    bool hoards = plan->scripted->goods == SALE_GOODS_SHARE;
    memset(texts->buyer, 0, sizeof(texts->buyer));
    bool one_of_few = hoards && entry->order % 2 == 0; /* the others have a name for each order */
    ordo_put_le64(texts->buyer, one_of_few ? entry->order / 2 % HOARDERS : entry->order);
    memcpy(texts->buyer + 8, sale->run, sizeof(sale->run));
    texts->buyer[ORDO_ID_SIZE - 1] = hoards ? 1 : (act->flags & SALE_NAMES_OTHER) == 0 ? 2 : 3;
    memcpy(texts->second_key, texts->buyer, sizeof(texts->second_key));
}

static void build_create(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_act *act,
    struct sale_texts *texts,
    struct ordo_create *c)
{
    bool coupon = (act->flags & SALE_COUPON) != 0;
    int64_t price = sale_price_of(&sale->options, plan->product) * (int64_t)plan->quantity;
    c->buyer = (struct ordo_bytes){texts->buyer, sizeof(texts->buyer)};
    c->product = sale->options.product_first + plan->product;
    c->quantity = plan->quantity;
    c->amount = price - (coupon ? DISCOUNT : 0);
    c->currency = ORDO_CURRENCY_CNY;
    c->hold_ttl_s = (act->flags & SALE_SHORT_TTL) != 0 ? SALE_SHORT_TTL_S : 0;
    c->wait_s = (act->flags & SALE_WAITS) != 0 ? WAIT_S : 0;
    if (coupon) {
        c->coupon = text_of(sale->coupon);
    }
    if (plan->scripted->goods == SALE_GOODS_SHARE) {
        c->second_key = (struct ordo_bytes){texts->second_key, sizeof(texts->second_key)};
    }
}

static void build_fact(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    const struct sale_act *act,
    struct ordo_fact *f)
{
    bool unconfirmed = strcmp(plan->scripted->name, "unconfirmed") == 0;
    f->fact = act->fact;
    f->channel = unconfirmed ? SALE_CHANNEL_QUERIED : CHANNEL;
    f->amount = sale_sum(sale, plan, entry->order, act->amount);
    f->currency = ORDO_CURRENCY_CNY;
    f->refund_total = sale_sum(sale, plan, entry->order, act->refund);
    f->gateway_time_us = 1000000ull * ((act->flags & SALE_AGAIN) != 0 ? 2 : 1);
    f->verified_by =
        (act->flags & SALE_QUERIED) != 0 ? ORDO_VERIFIED_QUERY : ORDO_VERIFIED_SIGNATURE;
    f->received_us = ordo_clock_realtime_us(&sale->clock);
}

/* ---- lists ---- */

bool sale_seal(const struct sale *sale, uint32_t product, uint64_t number, struct ordo_writer *out)
{
    char secret[64];
    uint32_t goods = (uint32_t)(sale->options.product_first + product);
    int size = snprintf(
        secret, sizeof(secret), "%s-%u-%llu", sale->run_text, goods, (unsigned long long)number);
    struct ordo_bytes bytes = {(const uint8_t *)secret, (uint32_t)size};
    ordo_write_varint(out, bytes.size + ORDO_SEAL_OVERHEAD);
    return ordo_seal(&sale->key, sale->online.shop, goods, bytes, out) == ORDO_OK;
}

/* The order's own restock: numbers that no import before the sale has. */
static struct ordo_elements build_cards(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    struct sale_texts *texts)
{
    struct ordo_writer out = ordo_writer_over(texts->bytes, sizeof(texts->bytes));
    uint64_t first = (1ull << 40) + (uint64_t)entry->order * ORDO_QUANTITY_MAX;
    for (uint32_t i = 0; i < plan->quantity; i++) {
        bool sealed = sale_seal(sale, plan->product, first + i, &out);
        ORDO_ASSERT(sealed);
    }
    ORDO_ASSERT(!out.failed);
    return (struct ordo_elements){{texts->bytes, (uint32_t)ordo_writer_size(&out)}, plan->quantity};
}

static struct ordo_elements build_members(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_act *act,
    struct ordo_bytes id,
    struct sale_texts *texts)
{
    struct ordo_writer out = ordo_writer_over(texts->bytes, sizeof(texts->bytes));
    struct ordo_command member = {.kind = ORDO_KIND_CREATE};
    char other[ORDO_ORDER_ID_MAX + 1];
    (void)snprintf(other, sizeof(other), "%.*sb", (int)id.size, (const char *)id.data);
    build_create(sale, plan, act, texts, &member.create);
    member.create.order_id = id;
    ordo_chain_member(&member.create, &out);
    member.create.order_id = text_of(other);
    if ((act->flags & SALE_BAD) != 0) {
        member.create.product = NO_SUCH_NUMBER;
    }
    ordo_chain_member(&member.create, &out);
    ORDO_ASSERT(!out.failed);
    return (struct ordo_elements){{texts->bytes, (uint32_t)ordo_writer_size(&out)}, 2};
}

/* ---- one act ---- */

/* The operators' kinds have the same names for the same things. */
#define OPERATE(NAME, name)                                                                        \
    command->kind = ORDO_KIND_##NAME;                                                              \
    command->name.order_id = id;                                                                   \
    command->name.operator_name = text_of(OPERATOR);                                               \
    command->name.reason = text_of(REASON)
#define ABOUT(NAME, name)                                                                          \
    command->kind = ORDO_KIND_##NAME;                                                              \
    command->name.order_id = id

static void build_operator(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    struct ordo_bytes id,
    struct ordo_command *command)
{
    const struct sale_act *act = &plan->scripted->acts[entry->step];
    switch ((int)act->act) { /* the rest is in the default */
    case SALE_ACT_ISSUE:
        OPERATE(ISSUE, issue);
        break;
    case SALE_ACT_MARK_PAID:
        OPERATE(MARK_PAID, mark_paid);
        command->mark_paid.channel = CHANNEL;
        command->mark_paid.amount = sale_sum(sale, plan, entry->order, SALE_ALL);
        command->mark_paid.currency = ORDO_CURRENCY_CNY;
        break;
    case SALE_ACT_ACCEPT:
        OPERATE(ACCEPT, accept);
        break;
    case SALE_ACT_REFUND:
        OPERATE(REFUND, refund);
        command->refund.amount = sale_sum(sale, plan, entry->order, act->amount);
        command->refund.done = (act->flags & SALE_DONE) != 0;
        break;
    case SALE_ACT_FREEZE:
        OPERATE(FREEZE, freeze);
        break;
    case SALE_ACT_UNFREEZE:
        OPERATE(UNFREEZE, unfreeze);
        break;
    case SALE_ACT_REPLACE:
        OPERATE(REPLACE, replace);
        command->replace.card = sale->orders[entry->order].card;
        break;
    default:
        ABOUT(GET, get); /* LOOK, AWAIT, NAP; the others send nothing */
        break;
    }
}

void sale_script_build(
    const struct sale *sale,
    const struct sale_plan *plan,
    const struct sale_entry *entry,
    struct ordo_command *command,
    struct sale_texts *texts)
{
    const struct sale_act *act = &plan->scripted->acts[entry->step];
    struct ordo_bytes own = sale_order_id(sale, entry->order, texts->order_id);
    struct ordo_bytes id = own;
    int size =
        snprintf(texts->trade_no, sizeof(texts->trade_no), "%s-%c", texts->order_id, act->trade);
    if ((act->flags & SALE_NAMES_OTHER) != 0) {
        texts->order_id[own.size] = 'b';
        id.size++;
    }
    build_buyer(sale, plan, entry, act, texts);
    switch ((int)act->act) { /* the rest is in the default */
    case SALE_ACT_CREATE:
        ABOUT(CREATE, create);
        build_create(sale, plan, act, texts, &command->create);
        break;
    case SALE_ACT_ATTEMPT:
        ABOUT(ATTEMPT, attempt);
        command->attempt.channel = CHANNEL;
        command->attempt.amount = sale_sum(sale, plan, entry->order, SALE_ALL);
        command->attempt.currency = ORDO_CURRENCY_CNY;
        break;
    case SALE_ACT_FACT:
        ABOUT(FACT, fact);
        command->fact.trade_no =
            (struct ordo_bytes){(const uint8_t *)texts->trade_no, (uint32_t)size};
        build_fact(sale, plan, entry, act, &command->fact);
        break;
    case SALE_ACT_ACK:
        ABOUT(DELIVERY_ACK, delivery_ack);
        break;
    case SALE_ACT_CANCEL:
        ABOUT(CANCEL, cancel);
        break;
    case SALE_ACT_RELEASE:
        ABOUT(RELEASE, release);
        break;
    case SALE_ACT_EXTEND:
        ABOUT(EXTEND, extend);
        command->extend.hold_ttl_s = LONG_HOLD_S;
        break;
    case SALE_ACT_IMPORT:
        command->kind = ORDO_KIND_CARD_IMPORT;
        command->card_import.product = sale->options.product_first + plan->product;
        command->card_import.cards = build_cards(sale, plan, entry, texts);
        break;
    case SALE_ACT_CHAIN:
        command->kind = ORDO_KIND_CHAIN;
        command->chain.members = build_members(sale, plan, act, id, texts);
        break;
    default:
        build_operator(sale, plan, entry, id, command);
        break;
    }
}
