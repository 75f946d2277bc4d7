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
#include "duplicates.h"

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
    make_story(w);
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
