#include "bench/flash_tell.h"

#include <string.h>

static void add_counts(struct ordo_flash_counts *sum, const struct ordo_flash_counts *more)
{
    sum->created += more->created;
    sum->refused += more->refused;
    sum->facts += more->facts;
    sum->repeats += more->repeats;
    sum->unknown += more->unknown;
    sum->busy += more->busy;
    sum->cards += more->cards;
    sum->sold += more->sold;
    sum->reasons += more->reasons;
    sum->expired += more->expired;
    for (uint32_t i = 0; i < ORDO_DISPOSITION_COUNT; i++) {
        sum->dispositions[i] += more->dispositions[i];
    }
    if (sum->wrong == 0) {
        memcpy(sum->wrong_first, more->wrong_first, sizeof(sum->wrong_first));
    }
    sum->wrong += more->wrong;
}

void ordo_flash_keep(struct ordo_flash_burst *burst, const struct ordo_flash *flash)
{
    const struct ordo_flash_shape *shape = &flash->config.shape;
    const struct ordo_timeline *timeline = &flash->timeline;
    uint64_t from_ns = (uint64_t)((shape->before_s + shape->ramp_s) * 1e9);
    uint64_t until_ns = from_ns + (uint64_t)(shape->hold_s * 1e9);
    uint64_t in_hold = ordo_timeline_sum(timeline, ORDO_TIMELINE_CREATE, from_ns, until_ns);
    uint64_t facts = ordo_timeline_sum(timeline, ORDO_TIMELINE_FACT, 0, UINT64_MAX);
    double whole_s = (double)(timeline->used * timeline->slice_ns) / 1e9;
    ordo_series_add(&burst->created, (double)in_hold / shape->hold_s);
    ordo_series_add(&burst->told, (double)facts / whole_s);
    add_counts(&burst->counts, &flash->counts);
}

void ordo_flash_add_rows(const struct ordo_flash_burst *burst, struct ordo_report *report)
{
    const struct ordo_flash_counts *c = &burst->counts;
    uint32_t products = burst->products;
    char name[ORDO_REPORT_NAME];
    (void)snprintf(
        name, sizeof(name), "burst, creates, %u product%s", products, products == 1 ? "" : "s");
    struct ordo_report_row *row = ordo_report_row(report, name, "commands/s");
    row->own = burst->created;
    ordo_report_latency(row, burst->creates);
    (void)snprintf(
        name,
        sizeof(name),
        "burst, payment facts, %u product%s",
        products,
        products == 1 ? "" : "s");
    row = ordo_report_row(report, name, "commands/s");
    row->own = burst->told;
    ordo_report_latency(row, burst->facts);
    ordo_report_note(
        report,
        "%u products: %llu orders created, %llu sold out, %llu facts (%llu repeated), %llu sold of "
        "%llu, %llu late or without stock, %llu expired, %llu BUSY, %llu without an end; %s%.120s",
        products,
        (unsigned long long)c->created,
        (unsigned long long)c->refused,
        (unsigned long long)c->facts,
        (unsigned long long)c->repeats,
        (unsigned long long)c->sold,
        (unsigned long long)c->cards,
        (unsigned long long)c->reasons,
        (unsigned long long)c->expired,
        (unsigned long long)c->busy,
        (unsigned long long)c->unknown,
        c->wrong == 0 ? "the books are right" : "WRONG: ",
        c->wrong_first);
}
