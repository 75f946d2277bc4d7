/* conservation_buy.c - one buy after the other, and the book of each: from what its buyer was told
 * alone, never from what the node should have done.
 */
#include "conservation.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHORT_HOLD_S 1
#define LATE_US      1300000u /* after the create: a hold of SHORT_HOLD_S is over */
#define THINK_US     200000u  /* at most, from the create to what follows */
#define PRODUCT      1
#define PRICE        990
#define TOO_LITTLE   980
#define TOO_MUCH     1000
#define CURRENCY     156
#define CHANNEL      1
#define FAILS_SAID   20

struct load load;

/* Out of 100 buys. */
static const struct {
    uint8_t share;
    uint8_t plan;
} shares[] = {
    {10, PLAN_TOLD_TWICE},
    {8, PLAN_TOLD_THRICE},
    {8, PLAN_LATE},
    {5, PLAN_LEAVE},
    {8, PLAN_CANCEL},
    {4, PLAN_CANCEL_PAY},
    {3, PLAN_SHORT},
    {4, PLAN_SHORT_REST},
    {4, PLAN_OVER},
    {4, PLAN_TWICE},
    {3, PLAN_REFUND_ALL},
    {2, PLAN_REFUND_ISSUING},
};

struct texts {
    char order[TEXT_SIZE];
    char trade[TEXT_SIZE];
    uint8_t buyer[ORDO_ID_SIZE];
};

uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15ull;
    uint64_t x = *random;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

void fail(const struct order *order, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (++load.fails <= FAILS_SAID) {
        (void)fprintf(stderr, "order C%" PRIu64 "-%td: ", load.worker, order - load.orders);
        (void)vfprintf(stderr, format, args);
        (void)fputc('\n', stderr);
    }
    va_end(args);
}

void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "conservation_load: %s: %s\n", what, why);
    exit(1);
}

static struct ordo_bytes text_of(const char *text)
{
    return (struct ordo_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

struct ordo_bytes order_id(uint32_t number, char text[TEXT_SIZE])
{
    (void)snprintf(text, TEXT_SIZE, "C%" PRIu64 "-%u", load.worker, number);
    return text_of(text);
}

/* ---- what is sent ---- */

static void send_by(struct slot *slot, uint32_t client, struct ordo_command *command, enum op op)
{
    slot->op = (uint8_t)op;
    slot->open++;
    if (ordo_client_send(load.clients[client % load.client_count], command, 1, &slot->calls[op]) !=
        ORDO_OK) {
        die("send", "refused");
    }
}

static void send_create(struct slot *slot)
{
    struct texts texts = {0};
    struct ordo_command command = {.kind = ORDO_KIND_CREATE};
    bool hold_is_short =
        slot->plan == PLAN_LATE || slot->plan == PLAN_LEAVE || slot->plan == PLAN_SHORT;
    uint64_t buyer[2] = {load.worker + 1, draw(&slot->random) % load.buys};
    memcpy(texts.buyer, buyer, sizeof(texts.buyer));
    command.create.order_id = order_id(slot->number, texts.order);
    command.create.buyer = (struct ordo_bytes){texts.buyer, sizeof(texts.buyer)};
    command.create.product = PRODUCT;
    command.create.quantity = 1;
    command.create.amount = PRICE;
    command.create.currency = CURRENCY;
    command.create.hold_ttl_s = hold_is_short ? SHORT_HOLD_S : 0;
    send_by(slot, slot->client, &command, OP_CREATE);
}

/* A cancel, an ack, a look at the cards. */
static void send_plain(struct slot *slot, enum op op)
{
    struct texts texts;
    struct ordo_bytes id = order_id(slot->number, texts.order);
    struct ordo_command command = {0};
    if (op == OP_CANCEL) {
        command.kind = ORDO_KIND_CANCEL;
        command.cancel.order_id = id;
    } else if (op == OP_ACK) {
        command.kind = ORDO_KIND_DELIVERY_ACK;
        command.delivery_ack.order_id = id;
    } else {
        command.kind = ORDO_KIND_CARDS;
        command.cards.order_id = id;
    }
    send_by(slot, slot->client, &command, op);
}

/* `copy` 1 differs in the gateway's time, so it is another fact of the same payment; every other
 * one is the same fact, byte for byte. Each goes over a connection of its own. */
static void
send_fact(struct slot *slot, uint32_t payment, int64_t refund, uint32_t copy, enum op op)
{
    struct texts texts;
    struct ordo_command command = {.kind = ORDO_KIND_FACT};
    struct ordo_fact *fact = &command.fact;
    fact->order_id = order_id(slot->number, texts.order);
    (void)snprintf(
        texts.trade, sizeof(texts.trade), "T%" PRIu64 "-%u-%u", load.worker, slot->number, payment);
    fact->fact = refund > 0 ? ORDO_FACT_REFUND : ORDO_FACT_PAY;
    fact->channel = CHANNEL;
    fact->merchant = text_of("shop");
    fact->trade_no = text_of(texts.trade);
    fact->amount = slot->payments[payment].amount;
    fact->currency = CURRENCY;
    fact->refund_total = refund;
    fact->gateway_time_us = copy == 1 ? 2000000 : 1000000;
    fact->verified_by = ORDO_VERIFIED_SIGNATURE;
    send_by(slot, slot->client + copy, &command, op);
}

static void send_payment(struct slot *slot, uint32_t payment, int64_t amount, uint32_t copies)
{
    slot->payments[payment].amount = amount;
    slot->order->told += amount;
    for (uint32_t copy = 0; copy < copies; copy++) {
        send_fact(slot, payment, 0, copy, payment == 0 ? OP_PAY : OP_PAY_SECOND);
    }
}

static void send_payments(struct slot *slot)
{
    uint32_t copies = slot->plan == PLAN_TOLD_TWICE ? 2 : slot->plan == PLAN_TOLD_THRICE ? 3 : 1;
    bool is_short = slot->plan == PLAN_SHORT || slot->plan == PLAN_SHORT_REST;
    int64_t amount = is_short ? TOO_LITTLE : slot->plan == PLAN_OVER ? TOO_MUCH : PRICE;
    send_payment(slot, 0, amount, copies);
    if (slot->plan == PLAN_TWICE) {
        send_payment(slot, 1, PRICE, 1);
    }
}

/* ---- what comes next ---- */

static void end_buy(struct slot *slot)
{
    slot->order = NULL;
    load.ended++;
}

void begin_buy(struct slot *slot)
{
    uint32_t number = load.begun++;
    uint32_t client = slot->client;
    uint32_t percent;
    *slot = (struct slot){.order = &load.orders[number], .number = number, .client = client};
    slot->random = load.seed ^ (load.worker << 40 | number);
    percent = (uint32_t)(draw(&slot->random) % 100);
    slot->plan = PLAN_PAY;
    for (uint32_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (percent < shares[i].share) {
            slot->plan = shares[i].plan;
            break;
        }
        percent -= shares[i].share;
    }
    for (int op = 0; op < OP_COUNT; op++) {
        slot->calls[op] = (struct call){slot, (uint8_t)op};
    }
    send_create(slot);
}

static void fetch_or_end(struct slot *slot)
{
    const struct order *order = slot->order;
    if (order->state == ORDO_STATE_ISSUING) {
        send_plain(slot, OP_CARDS);
        return;
    }
    if (order->applied > 0) { /* nobody waits here: who cannot be served gets his money back */
        fail(order, "is paid for and is %s", ordo_state_name(order->state));
    }
    end_buy(slot);
}

/* Half of what is due back is given back; the rest stays due. */
static void after_payments(struct slot *slot)
{
    for (uint8_t i = 0; i < PAYMENTS_A_BUY; i++) {
        if (slot->payments[i].due > 0 && draw(&slot->random) % 2 == 0) {
            slot->refunding = i;
            send_fact(slot, i, slot->payments[i].due, 0, OP_REFUND);
            return;
        }
    }
    fetch_or_end(slot);
}

static void after_create(struct slot *slot)
{
    if (!slot->order->created || slot->plan == PLAN_LEAVE) {
        end_buy(slot);
        return;
    }
    slot->wake_us =
        now_us() + 1 +
        (slot->plan == PLAN_LATE ? LATE_US : (uint32_t)(draw(&slot->random) % THINK_US));
}

static void refund_all_or_end(struct slot *slot)
{
    bool wanted = slot->plan == PLAN_REFUND_ALL || slot->plan == PLAN_REFUND_ISSUING;
    if (!wanted || slot->payments[0].applied == 0) {
        end_buy(slot);
        return;
    }
    slot->refunded_all = true;
    slot->refunding = 0;
    send_fact(slot, 0, slot->payments[0].amount, 0, OP_REFUND);
}

static void advance(struct slot *slot)
{
    switch ((enum op)slot->op) {
    case OP_CREATE:
        after_create(slot);
        break;
    case OP_CANCEL:
        if (slot->plan == PLAN_CANCEL_PAY) {
            send_payments(slot);
        } else {
            end_buy(slot);
        }
        break;
    case OP_PAY:
        if (slot->plan == PLAN_SHORT_REST) {
            send_payment(slot, 1, PRICE, 1);
            break;
        }
        after_payments(slot);
        break;
    case OP_PAY_SECOND:
        after_payments(slot);
        break;
    case OP_REFUND:
        if (slot->refunded_all) {
            end_buy(slot);
        } else {
            fetch_or_end(slot);
        }
        break;
    case OP_CARDS:
        if (slot->plan == PLAN_REFUND_ISSUING) {
            refund_all_or_end(slot);
        } else {
            send_plain(slot, OP_ACK);
        }
        break;
    case OP_ACK:
    case OP_COUNT:
        refund_all_or_end(slot);
        break;
    }
}

void wake(struct slot *slot)
{
    slot->wake_us = 0;
    if (slot->plan == PLAN_CANCEL || slot->plan == PLAN_CANCEL_PAY) {
        send_plain(slot, OP_CANCEL);
    } else {
        send_payments(slot);
    }
}

/* ---- what was answered ---- */

static void book_pay(struct slot *slot, struct payment *payment, const struct ordo_result *result)
{
    struct order *order = slot->order;
    if (payment->seq != 0) {
        fail(
            order,
            "a payment counts by seq %" PRIu64 " and by %" PRIu64,
            payment->seq,
            result->seq);
        return;
    }
    payment->seq = result->seq;
    load.facts_with[result->disposition]++;
    switch (result->disposition) {
    case ORDO_DISPOSITION_APPLIED:
    case ORDO_DISPOSITION_LATE_APPLIED:
    case ORDO_DISPOSITION_OVER_APPLIED:
        payment->applied = PRICE;
        payment->due = payment->amount - PRICE;
        break;
    case ORDO_DISPOSITION_LATE_REFUND_DUE:
    case ORDO_DISPOSITION_EXTRA_REFUND_DUE:
        payment->due = payment->amount;
        break;
    case ORDO_DISPOSITION_SHORT:
        order->review += payment->amount;
        break;
    default:
        fail(order, "a payment ends as %s", ordo_disposition_name(result->disposition));
        break;
    }
    order->applied += payment->applied;
    order->due += payment->due;
}

static void
book_refund(struct slot *slot, struct payment *payment, const struct ordo_result *result)
{
    struct order *order = slot->order;
    int64_t from_due = payment->due;
    int64_t from_applied = slot->refunded_all ? payment->applied : 0;
    load.facts_with[result->disposition]++;
    if (result->disposition != ORDO_DISPOSITION_REFUND_ECHO) {
        fail(order, "a refund ends as %s", ordo_disposition_name(result->disposition));
        return;
    }
    order->due -= from_due;
    order->applied -= from_applied;
    order->refunded += from_due + from_applied;
}

static void book_fact(struct slot *slot, enum op op, const struct ordo_result *result)
{
    struct payment *payment = &slot->payments
                                   [op == OP_REFUND       ? slot->refunding
                                    : op == OP_PAY_SECOND ? 1
                                                          : 0];
    if (op == OP_REFUND) {
        book_refund(slot, payment, result);
    } else if (result->seq == payment->seq || result->seq == payment->again_seq) {
        return; /* the same fact once more: the same result */
    } else if (result->disposition == ORDO_DISPOSITION_DUPLICATE) {
        payment->again_seq = result->seq;
        load.facts_with[result->disposition]++;
    } else {
        book_pay(slot, payment, result);
    }
}

static void book_card(struct slot *slot, const struct ordo_answer *answer)
{
    struct ordo_mp_reader body = answer->item.body;
    struct ordo_bytes sealed = {0};
    struct order *order = slot->order;
    uint32_t count = answer->item.has_body ? ordo_body_cards(&body) : 0;
    if (count != 1) {
        fail(order, "%u load.cards for one unit", count);
        return;
    }
    ordo_body_card(&body, &order->card, &sealed);
    order->has_card = body.error == NULL && sealed.size > 0;
    if (!order->has_card) {
        fail(order, "its card cannot be read");
    }
    (void)fprintf(load.cards, "%" PRIu64 "\n", order->card);
}

static void book(struct slot *slot, enum op op, const struct ordo_answer *answer)
{
    const struct ordo_result *result = &answer->item.result;
    struct order *order = slot->order;
    if (op == OP_CREATE && result->code == ORDO_RESULT_STOCK_SHORT) {
        load.refused++;
        return;
    }
    load.unknown += result->code == ORDO_RESULT_UNKNOWN ? 1 : 0;
    if (result->code != ORDO_RESULT_OK) {
        fail(order, "step %d: %s", op, ordo_result_name(result->code));
        return;
    }
    if (op == OP_CARDS) {
        book_card(slot, answer);
        return;
    }
    order->created = true;
    if (result->seq > order->seq) {
        order->seq = result->seq;
        order->state = result->state;
    }
    if (op == OP_PAY || op == OP_PAY_SECOND || op == OP_REFUND) {
        book_fact(slot, op, result);
    }
}

void on_answers(void *context, void *user, const struct ordo_answer *answers, uint32_t count)
{
    (void)context;
    if (user == NULL || count != 1) {
        return;
    }
    struct call *call = user;
    struct slot *slot = call->slot;
    book(slot, (enum op)call->op, answers);
    slot->open--;
    if (slot->open == 0) {
        advance(slot);
    }
}
