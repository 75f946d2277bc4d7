/* R25: every command and every callback comes one to five times, out of order, over thirty days and
 * over restarts; each id has its effects once.
 *
 *   duplicates [--seed N] [--cases N]      cases: ids
 *
 * A shop's life is made as a list of events (product, imports, creates, attempts, payments, second
 * payments, acks, extensions, cancellations, refunds), each with a content that never changes. Each
 * is delivered at times of its own: most copies come within a second, some after hours, some after
 * weeks, so events of one order overtake each other in every way. The engine decides the deliveries
 * in the order of their times, with ticks between them. Three times it is thrown away and made anew
 * from its journal, outcome by outcome, up to the same digest.
 *
 * Checked at each delivery that is not the first: nothing is journaled, no update is made, no
 * sequence moves, the result is that of the first (and, by sample, not a bit of the state changes).
 * At the end: as many records as ids, every order issued at most once, every card bound at most
 * once, received money equal to the payments that counted, and all invariants of the state.
 */
#include "report.h"

#include "base/arena.h"
#include "base/hash.h"
#include "order/state.h"

#define BEGIN_US             1700000000000000ull
#define DAY_US               86400000000ull
#define SECOND_US            1000000ull
#define SPAN_US              (30 * DAY_US - 3600 * SECOND_US) /* within the horizon of ids */
#define COPIES_MAX           5
#define CARDS_AN_IMPORT      200
#define CARD_SIZE            60
#define ORDERS_A_CARD_IMPORT 400 /* half of the orders want a card */
#define RESTARTS             3
#define PRICE                1990
#define CNY                  156
#define CARD_PRODUCT         1
#define COUNTED_PRODUCT      2
#define TICKS_MAX            100000

struct event {
    uint8_t kind;
    uint8_t variant; /* of a payment: the first or a second one */
    uint32_t order;  /* or the number of an import, or the product */
    uint64_t time_us;
    bool decided;
    struct ordo_result result; /* of the first delivery */
};

struct delivery {
    uint64_t time_us;
    uint32_t event;
    uint32_t copy;
};

/* A journaled command with its outcome. */
struct record {
    uint64_t time_us;
    uint64_t at;
    uint32_t command_size;
    uint32_t outcome_size;
};

struct world {
    struct report *report;
    uint64_t random;
    struct event *events;
    uint32_t event_count;
    uint32_t orders;
    struct delivery *deliveries;
    uint32_t delivery_count;
    struct ordo_settings_values settings;
    struct ordo_arena arena;
    struct ordo_state *state;
    struct record *records;
    uint64_t record_count;
    uint64_t records_max;
    uint8_t *tape;
    uint64_t tape_size;
    uint64_t tape_max;
    uint8_t *completed; /* of each order: how often it was issued */
    uint8_t *bound;     /* of each card */
    uint32_t cards;
    int64_t received;
    uint64_t repeats;
    uint64_t ticks;
    struct ordo_command command;
    char texts[4][ORDO_TRADE_NO_MAX + 1];
    uint8_t buyer[ORDO_ID_SIZE];
    uint8_t lists[CARDS_AN_IMPORT * (CARD_SIZE + 2)];
    uint8_t bytes[ORDO_COMMAND_SIZE_MAX];
    uint8_t outcome_bytes[ORDO_OUTCOME_SIZE_MAX];
    uint32_t size;
    struct ordo_outcome outcome;
    struct ordo_applied applied;
};

static uint64_t draw(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random * 0x9e3779b97f4a7c15ull >> 11;
}

static bool chance(struct world *w, uint32_t percent)
{
    return draw(w) % 100 < percent;
}

static void *grow(void *memory, uint64_t count, uint64_t *max, size_t size)
{
    if (count < *max) {
        return memory;
    }
    *max = *max == 0 ? 1024 : *max * 2;
    void *more = realloc(memory, *max * size);
    if (more == NULL) {
        (void)fprintf(stderr, "duplicates: no memory\n");
        exit(1);
    }
    return more;
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

/* The same content for every copy; only stamps tell them apart. */
static void fill(struct world *w, uint32_t index, uint32_t copy, uint64_t time_us)
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

/* ---- the engine ---- */

static void open_state(struct world *w)
{
    struct ordo_fail fail = {0};
    ordo_arena_init(&w->arena);
    if (ordo_state_create(&w->arena, &w->settings, &w->state, &fail) != ORDO_OK) {
        (void)fprintf(stderr, "duplicates: %s\n", fail.text);
        exit(1);
    }
}

static void keep(struct world *w, uint64_t time_us, uint32_t outcome_size)
{
    uint64_t size = w->size + outcome_size;
    while (w->tape_size + size >= w->tape_max) {
        w->tape = grow(w->tape, w->tape_max, &w->tape_max, 1);
    }
    w->records = grow(w->records, w->record_count, &w->records_max, sizeof(w->records[0]));
    w->records[w->record_count++] = (struct record){time_us, w->tape_size, w->size, outcome_size};
    memcpy(w->tape + w->tape_size, w->bytes, w->size);
    memcpy(w->tape + w->tape_size + w->size, w->outcome_bytes, outcome_size);
    w->tape_size += size;
}

/* What a journaled command did, counted for the end. */
static void book(struct world *w)
{
    const struct ordo_outcome *outcome = &w->outcome;
    for (uint32_t i = 0; i < outcome->effect_count; i++) {
        const struct ordo_effect *effect = &outcome->effects[i];
        char text[ORDO_ORDER_ID_MAX + 1] = {0};
        memcpy(text, effect->order_id.data, effect->order_id.size);
        uint32_t order = (uint32_t)strtoul(text + 2, NULL, 10);
        for (uint32_t j = 0; j < effect->transition_count; j++) {
            const struct ordo_transition *move =
                &outcome->transitions[effect->transition_first + j];
            bool issued = move->to == ORDO_STATE_ISSUING && move->from != ORDO_STATE_ISSUING;
            if (issued && ++w->completed[order] > 1) {
                report_fail(
                    w->report,
                    "order %u was issued twice, seq %lu",
                    order,
                    (unsigned long)w->applied.seq);
            }
        }
    }
    for (uint32_t i = 0; i < outcome->card_count; i++) {
        uint64_t card = outcome->cards[i];
        if (card >= w->cards || ++w->bound[card] > 1) {
            report_fail(w->report, "card %lu was bound twice", (unsigned long)card);
        }
    }
}

static void apply(struct world *w, uint64_t time_us)
{
    struct ordo_bytes bytes = {w->bytes, w->size};
    struct ordo_writer out = ordo_writer_over(w->outcome_bytes, sizeof(w->outcome_bytes));
    ordo_apply(w->state, time_us, bytes, &out, &w->applied);
    struct ordo_bytes outcome = {w->outcome_bytes, (uint32_t)ordo_writer_size(&out)};
    if (out.failed || !ordo_outcome_decode(outcome, w->applied.seq, &w->command, &w->outcome)) {
        report_fail(w->report, "an outcome cannot be read, seq %lu", (unsigned long)w->applied.seq);
        return;
    }
    if (w->applied.journaled) {
        keep(w, time_us, outcome.size);
        book(w);
    }
}

static void encode(struct world *w)
{
    struct ordo_writer out = ordo_writer_over(w->bytes, sizeof(w->bytes));
    ordo_command_encode(&w->command, &out);
    w->size = (uint32_t)ordo_writer_size(&out);
    if (w->command.kind == ORDO_KIND_FACT) {
        struct ordo_bytes bytes = {w->bytes, w->size};
        ordo_command_content_hash(bytes, w->command.content_size, w->bytes + 1);
    }
}

/* Everything that is due before then. */
static void pass_time(struct world *w, uint64_t until_us)
{
    for (uint32_t i = 0; i < TICKS_MAX; i++) {
        uint64_t due_us = ordo_state_next_deadline_us(w->state);
        struct ordo_head_values head;
        if (due_us > until_us) {
            return;
        }
        ordo_state_head(w->state, &head);
        due_us = due_us < head.time_us ? head.time_us : due_us;
        memset(&w->command, 0, sizeof(w->command));
        w->command.kind =
            ordo_state_next_deadline_us(w->state) == 0 ? ORDO_KIND_CONTINUE : ORDO_KIND_TICK;
        if (w->command.kind == ORDO_KIND_TICK) {
            w->command.tick.now_us = due_us;
        }
        encode(w);
        apply(w, due_us);
        w->ticks++;
    }
    report_fail(w->report, "ticks without an end");
}

static bool same(const struct ordo_result *a, const struct ordo_result *b)
{
    return a->seq == b->seq && a->code == b->code && a->state == b->state &&
           a->version == b->version && a->disposition == b->disposition;
}

static bool counts_as_received(uint8_t disposition)
{
    return disposition != ORDO_DISPOSITION_NONE && disposition != ORDO_DISPOSITION_DUPLICATE &&
           disposition != ORDO_DISPOSITION_CONFLICT && disposition != ORDO_DISPOSITION_STALE;
}

static void deliver_first(struct world *w, struct event *event, uint32_t index)
{
    event->decided = true;
    event->result = w->outcome.result;
    if (!w->applied.journaled) {
        report_fail(
            w->report,
            "event %u (kind %u) was not decided: code %u",
            index,
            event->kind,
            w->applied.code);
    }
    if (event->kind == ORDO_KIND_FACT && counts_as_received(event->result.disposition)) {
        w->received += PRICE;
    }
}

static void deliver(struct world *w, const struct delivery *delivery)
{
    struct event *event = &w->events[delivery->event];
    struct ordo_head_values before;
    struct ordo_head_values after;
    bool sample = event->decided && draw(w) % 256 == 0;
    struct ordo_hash128 digest = {0};
    pass_time(w, delivery->time_us);
    ordo_state_head(w->state, &before);
    if (sample) {
        digest = ordo_state_digest(w->state);
    }
    fill(w, delivery->event, delivery->copy, delivery->time_us);
    encode(w);
    apply(w, delivery->time_us);
    if (!event->decided) {
        deliver_first(w, event, delivery->event);
        return;
    }
    w->repeats++;
    ordo_state_head(w->state, &after);
    bool moved = w->applied.journaled || w->applied.update_count != 0 || after.seq != before.seq ||
                 after.update_seq != before.update_seq;
    if (sample) {
        struct ordo_hash128 now = ordo_state_digest(w->state);
        moved = moved || now.low != digest.low || now.high != digest.high;
    }
    if (moved || !same(&event->result, &w->outcome.result)) {
        report_fail(
            w->report,
            "copy %u of event %u (kind %u): %s, code %u, first %u",
            delivery->copy,
            delivery->event,
            event->kind,
            moved ? "had an effect" : "another result",
            w->outcome.result.code,
            event->result.code);
    }
}

/* The state from the journal alone; each outcome is compared. */
static void restart(struct world *w)
{
    struct ordo_hash128 digest = ordo_state_digest(w->state);
    ordo_arena_fini(&w->arena);
    open_state(w);
    for (uint64_t i = 0; i < w->record_count; i++) {
        const struct record *record = &w->records[i];
        struct ordo_bytes command = {w->tape + record->at, record->command_size};
        struct ordo_writer out = ordo_writer_over(w->outcome_bytes, sizeof(w->outcome_bytes));
        struct ordo_applied applied;
        ordo_apply(w->state, record->time_us, command, &out, &applied);
        if (ordo_writer_size(&out) != record->outcome_size ||
            memcmp(w->outcome_bytes, command.data + command.size, record->outcome_size) != 0) {
            report_fail(w->report, "restart: record %lu decides otherwise", (unsigned long)i + 1);
            return;
        }
    }
    struct ordo_hash128 again = ordo_state_digest(w->state);
    if (again.low != digest.low || again.high != digest.high) {
        report_fail(w->report, "restart: another digest");
    }
}

static void check_end(struct world *w)
{
    struct ordo_fail fail = {0};
    struct ordo_totals totals;
    ordo_state_totals(w->state, &totals);
    if (ordo_state_check(w->state, &fail) != ORDO_OK) {
        report_fail(w->report, "%s", fail.text);
    }
    if (w->record_count != w->event_count + w->ticks) {
        report_fail(
            w->report,
            "%lu records for %u ids and %lu ticks",
            (unsigned long)w->record_count,
            w->event_count,
            (unsigned long)w->ticks);
    }
    if (totals.accounts[ORDO_ACCOUNT_RECEIVED] != w->received) {
        report_fail(
            w->report,
            "received %ld, the payments that counted are %ld",
            (long)totals.accounts[ORDO_ACCOUNT_RECEIVED],
            (long)w->received);
    }
    w->report->cases = w->event_count;
}

static void open_world(struct world *w, struct report *report)
{
    uint64_t ids = report->cases_wanted;
    *w = (struct world){.report = report, .random = report->seed * 2 + 1};
    for (int i = 0; i < 16; i++) {
        (void)draw(w);
    }
    w->cards = (uint32_t)(ids / 2 + 2 * CARDS_AN_IMPORT);
    w->events = calloc(ids, sizeof(w->events[0]));
    w->deliveries = calloc(ids * COPIES_MAX, sizeof(w->deliveries[0]));
    w->completed = calloc(ids + 1, 1);
    w->bound = calloc(w->cards, 1);
    if (w->events == NULL || w->deliveries == NULL || w->completed == NULL || w->bound == NULL) {
        (void)fprintf(stderr, "duplicates: no memory\n");
        exit(1);
    }
    ordo_settings_standard(&w->settings);
    w->settings.orders_max = (int64_t)ids / 2 + 1000;
    w->settings.cards_max = w->cards;
    w->settings.secret_bytes_max = (int64_t)w->cards * (CARD_SIZE + 8);
    w->settings.payments_max = (int64_t)ids * 2 + 1000;
    w->settings.ids_max = (int64_t)ids * 2 + 1000;
    w->settings.buyers_max = (int64_t)ids / 2 + 1000;
    w->settings.extras_max = 1000;
    add_event(w, ORDO_KIND_PRODUCT_PUT, CARD_PRODUCT, 0, BEGIN_US);
    add_event(w, ORDO_KIND_PRODUCT_PUT, COUNTED_PRODUCT, 0, BEGIN_US);
    while (w->event_count < ids) {
        add_order(w);
    }
    make_deliveries(w);
    open_state(w);
}

int main(int argc, char **argv)
{
    static struct world w;
    static struct report report;
    char more[128];
    report = report_begin("R25", 100000, argc, argv);
    open_world(&w, &report);
    uint32_t part = w.delivery_count / (RESTARTS + 1);
    for (uint32_t i = 0; i < w.delivery_count && report.fails == 0; i++) {
        if (i != 0 && i % part == 0 && i / part <= RESTARTS) {
            restart(&w);
        }
        deliver(&w, &w.deliveries[i]);
    }
    check_end(&w);
    (void)snprintf(
        more,
        sizeof(more),
        "deliveries=%u repeats=%lu orders=%u days=30 restarts=%d records=%lu",
        w.delivery_count,
        (unsigned long)w.repeats,
        w.orders,
        RESTARTS,
        (unsigned long)w.record_count);
    ordo_arena_fini(&w.arena);
    free(w.events);
    free(w.deliveries);
    free(w.completed);
    free(w.bound);
    free(w.records);
    free(w.tape);
    return report_end(&report, more);
}
