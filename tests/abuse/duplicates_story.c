/* The story of R25: orders with their commands and callbacks, each told one to five times. */
#include "duplicates.h"

uint64_t draw(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random * 0x9e3779b97f4a7c15ull >> 11;
}

bool chance(struct world *w, uint32_t percent)
{
    return draw(w) % 100 < percent;
}

/* ---- the events ---- */

static void
add_event(struct world *w, uint8_t kind, uint32_t order, uint8_t variant, uint64_t time_us)
{
    if (w->event_count < w->report->cases_wanted) {
        w->events[w->event_count++] =
            (struct event){.kind = kind, .order = order, .variant = variant, .time_us = time_us};
    }
}

/* One order's life, as its shop and its gateways would tell it in order. */
static void add_order(struct world *w)
{
    uint32_t order = w->orders++;
    uint64_t at = BEGIN_US + 60 * SECOND_US + draw(w) % (SPAN_US - 2 * 3600 * SECOND_US);
    if (order % ORDERS_A_CARD_IMPORT == 0) {
        add_event(w, ORDO_KIND_CARD_IMPORT, order / ORDERS_A_CARD_IMPORT, 0, BEGIN_US + SECOND_US);
    }
    add_event(w, ORDO_KIND_CREATE, order, 0, at);
    if (chance(w, 30)) {
        add_event(w, ORDO_KIND_ATTEMPT, order, 0, at + draw(w) % (10 * SECOND_US));
    }
    if (chance(w, 10)) {
        add_event(w, ORDO_KIND_EXTEND, order, 0, at + draw(w) % (60 * SECOND_US));
    }
    if (chance(w, 5)) {
        add_event(w, ORDO_KIND_CANCEL, order, 0, at + draw(w) % (600 * SECOND_US));
    }
    if (chance(w, 85)) {
        add_event(w, ORDO_KIND_FACT, order, 0, at + draw(w) % (1200 * SECOND_US));
        add_event(w, ORDO_KIND_DELIVERY_ACK, order, 0, at + 1200 * SECOND_US);
    }
    if (chance(w, 10)) { /* paid at another gateway, too */
        add_event(w, ORDO_KIND_FACT, order, 1, at + draw(w) % (1200 * SECOND_US));
    }
    if (chance(w, 4)) {
        add_event(w, ORDO_KIND_REFUND, order, 0, at + 1800 * SECOND_US);
    }
}

static uint64_t delay_us(struct world *w)
{
    uint64_t kind = draw(w) % 100;
    uint64_t most = kind < 50   ? SECOND_US
                    : kind < 80 ? 3600 * SECOND_US
                    : kind < 95 ? DAY_US
                                : SPAN_US;
    return draw(w) % most;
}

static int by_time(const void *left, const void *right)
{
    const struct delivery *a = left;
    const struct delivery *b = right;
    if (a->time_us != b->time_us) {
        return a->time_us < b->time_us ? -1 : 1;
    }
    return a->event != b->event ? (a->event < b->event ? -1 : 1) : (int)a->copy - (int)b->copy;
}

static void make_deliveries(struct world *w)
{
    for (uint32_t i = 0; i < w->event_count; i++) {
        uint32_t copies = 1 + (uint32_t)(draw(w) % COPIES_MAX);
        bool first_at_once = i < 3; /* products */
        for (uint32_t copy = 0; copy < copies; copy++) {
            uint64_t delay = copy == 0 && (first_at_once || chance(w, 90)) ? 0 : delay_us(w);
            uint64_t at = w->events[i].time_us + delay;
            at = at > BEGIN_US + SPAN_US ? BEGIN_US + SPAN_US : at;
            w->deliveries[w->delivery_count++] = (struct delivery){at, i, copy};
        }
    }
    qsort(w->deliveries, w->delivery_count, sizeof(w->deliveries[0]), by_time);
}

void make_story(struct world *w)
{
    add_event(w, ORDO_KIND_PRODUCT_PUT, CARD_PRODUCT, 0, BEGIN_US);
    add_event(w, ORDO_KIND_PRODUCT_PUT, COUNTED_PRODUCT, 0, BEGIN_US);
    while (w->event_count < w->report->cases_wanted) {
        add_order(w);
    }
    make_deliveries(w);
}

/* ---- a delivery as a command ---- */

__attribute__((format(printf, 3, 4))) static struct ordo_bytes
name(struct world *w, uint32_t slot, const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    int size = vsnprintf(w->texts[slot], sizeof(w->texts[slot]), format, rest);
    va_end(rest);
    return (struct ordo_bytes){(const uint8_t *)w->texts[slot], (uint32_t)size};
}

static void fill_import(struct world *w, const struct event *event)
{
    struct ordo_writer out = ordo_writer_over(w->lists, sizeof(w->lists));
    for (uint32_t i = 0; i < CARDS_AN_IMPORT; i++) {
        uint8_t card[CARD_SIZE] = {0};
        ordo_put_le64(card, (uint64_t)event->order * CARDS_AN_IMPORT + i + 1);
        ordo_write_bytes(&out, (struct ordo_bytes){card, sizeof(card)});
    }
    w->command.card_import.product = CARD_PRODUCT;
    w->command.card_import.cards.raw =
        (struct ordo_bytes){w->lists, (uint32_t)ordo_writer_size(&out)};
    w->command.card_import.cards.count = CARDS_AN_IMPORT;
}

static void fill_fact(struct world *w, const struct event *event, uint32_t copy, uint64_t time_us)
{
    struct ordo_fact *fact = &w->command.fact;
    fact->fact = ORDO_FACT_PAY;
    fact->channel = 1 + event->variant;
    fact->merchant = name(w, 1, "m%u", event->variant);
    fact->order_id = name(w, 0, "D-%u", event->order);
    fact->trade_no = name(w, 2, "T%u-%u", event->variant, event->order);
    fact->amount = PRICE;
    fact->currency = CNY;
    fact->verified_by = ORDO_VERIFIED_SIGNATURE;
    fact->received_us = time_us; /* stamps: no content */
    fact->notify_id = name(w, 3, "n%u", copy);
}

static void fill_product(struct world *w, const struct event *event)
{
    struct ordo_product_put *put = &w->command.product_put;
    put->product = event->order;
    put->price = PRICE;
    put->currency = CNY;
    put->stock_mode = event->order == CARD_PRODUCT ? ORDO_STOCK_CARDS : ORDO_STOCK_COUNTED;
    put->counted = event->order == CARD_PRODUCT ? 0 : 1000000;
}

void fill(struct world *w, uint32_t index, uint32_t copy, uint64_t time_us)
{
    const struct event *event = &w->events[index];
    struct ordo_command *command = &w->command;
    struct ordo_bytes order_id = name(w, 0, "D-%u", event->order);
    memset(command, 0, sizeof(*command));
    command->kind = event->kind;
    ordo_put_le64(command->id, index + 1);
    ordo_put_le64(command->id + 8, 25);
    switch (event->kind) {
    case ORDO_KIND_PRODUCT_PUT:
        fill_product(w, event);
        break;
    case ORDO_KIND_CARD_IMPORT:
        fill_import(w, event);
        break;
    case ORDO_KIND_CREATE:
        ordo_put_le64(w->buyer, event->order + 1);
        command->create = (struct ordo_create){
            .order_id = order_id,
            .buyer = {w->buyer, ORDO_ID_SIZE},
            .product = 1 + event->order % 2,
            .quantity = 1,
            .amount = PRICE,
            .currency = CNY,
            .trace = name(w, 3, "copy-%u", copy)};
        break;
    case ORDO_KIND_ATTEMPT:
        command->attempt = (struct ordo_attempt){
            .order_id = order_id,
            .channel = 1,
            .merchant = name(w, 1, "m0"),
            .amount = PRICE,
            .currency = CNY};
        break;
    case ORDO_KIND_EXTEND:
        command->extend = (struct ordo_extend){.order_id = order_id, .hold_ttl_s = 1200};
        break;
    case ORDO_KIND_CANCEL:
        command->cancel = (struct ordo_cancel){.order_id = order_id};
        break;
    case ORDO_KIND_DELIVERY_ACK:
        command->delivery_ack = (struct ordo_delivery_ack){.order_id = order_id};
        break;
    case ORDO_KIND_REFUND:
        command->refund = (struct ordo_refund){
            .order_id = order_id,
            .operator_name = name(w, 1, "ann"),
            .reason = name(w, 2, "asked")};
        break;
    default:
        fill_fact(w, event, copy, time_us);
    }
}
