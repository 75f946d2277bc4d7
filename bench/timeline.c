#include "bench/timeline.h"

#include "base/assert.h"
#include "base/clock.h"

#include <stdlib.h>

#define FIRST_ROOM 64u

static const char *const kind_names[ORDO_TIMELINE_KINDS] = {"creates", "facts", "others"};

enum ordo_err
ordo_timeline_init(struct ordo_timeline *timeline, uint64_t begin_ns, uint64_t slice_ns)
{
    ORDO_ASSERT(slice_ns > 0);
    *timeline = (struct ordo_timeline){.begin_ns = begin_ns, .slice_ns = slice_ns};
    timeline->slices = calloc(ORDO_TIMELINE_SLICES_MAX, sizeof(*timeline->slices));
    return timeline->slices == NULL ? ORDO_ERR_NO_MEMORY : ORDO_OK;
}

void ordo_timeline_fini(struct ordo_timeline *timeline)
{
    for (uint32_t i = 0; i < timeline->used; i++) {
        for (uint32_t kind = 0; kind < ORDO_TIMELINE_KINDS; kind++) {
            free(timeline->slices[i].latencies_us[kind]);
        }
    }
    free(timeline->slices);
    *timeline = (struct ordo_timeline){0};
}

static struct ordo_timeline_slice *slice_at(struct ordo_timeline *timeline, uint64_t now_ns)
{
    uint64_t since = now_ns > timeline->begin_ns ? now_ns - timeline->begin_ns : 0;
    uint64_t at = since / timeline->slice_ns;
    uint32_t index = at < ORDO_TIMELINE_SLICES_MAX ? (uint32_t)at : ORDO_TIMELINE_SLICES_MAX - 1;
    if (index >= timeline->used) {
        timeline->used = index + 1;
    }
    return &timeline->slices[index];
}

void ordo_timeline_offered(
    struct ordo_timeline *timeline, enum ordo_timeline_kind kind, uint64_t due_ns)
{
    slice_at(timeline, due_ns)->offered[kind]++;
}

/* One that finds no memory is left out of the p99 and stands in every count. */
static void keep(struct ordo_timeline_slice *slice, enum ordo_timeline_kind kind, uint64_t spent_ns)
{
    uint64_t us = spent_ns / ORDO_NS_PER_US;
    if (slice->counts[kind] == slice->rooms[kind]) {
        uint32_t room = slice->rooms[kind] == 0 ? FIRST_ROOM : 2 * slice->rooms[kind];
        uint32_t *grown = realloc(slice->latencies_us[kind], room * sizeof(*grown));
        if (grown == NULL) {
            return;
        }
        slice->latencies_us[kind] = grown;
        slice->rooms[kind] = room;
    }
    slice->latencies_us[kind][slice->counts[kind]++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void ordo_timeline_answered(
    struct ordo_timeline *timeline, enum ordo_timeline_kind kind, uint64_t due_ns, uint64_t now_ns)
{
    slice_at(timeline, now_ns)->answered[kind]++;
    keep(slice_at(timeline, due_ns), kind, now_ns > due_ns ? now_ns - due_ns : 0);
}

void ordo_timeline_busy(struct ordo_timeline *timeline, uint64_t now_ns, uint64_t count)
{
    if (count != 0) {
        slice_at(timeline, now_ns)->busy += count;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t
ordo_timeline_p99(struct ordo_timeline *timeline, uint32_t slice, enum ordo_timeline_kind kind)
{
    ORDO_ASSERT(slice < ORDO_TIMELINE_SLICES_MAX);
    uint32_t *values = timeline->slices[slice].latencies_us[kind];
    uint64_t count = timeline->slices[slice].counts[kind];
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(*values), compare);
    return values[(count * 99 + 99) / 100 - 1];
}

uint64_t ordo_timeline_sum(
    const struct ordo_timeline *timeline,
    enum ordo_timeline_kind kind,
    uint64_t from_ns,
    uint64_t until_ns)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < timeline->used; i++) {
        uint64_t at_ns = i * timeline->slice_ns;
        if (at_ns >= from_ns && at_ns < until_ns) {
            sum += timeline->slices[i].answered[kind];
        }
    }
    return sum;
}

void ordo_timeline_write_csv(struct ordo_timeline *timeline, FILE *out)
{
    (void)fputs("ms", out);
    for (uint32_t kind = 0; kind < ORDO_TIMELINE_KINDS; kind++) {
        const char *name = kind_names[kind];
        (void)fprintf(out, ",%s_offered,%s_answered,%s_p99_us", name, name, name);
    }
    (void)fputs(",busy\n", out);
    for (uint32_t i = 0; i < timeline->used; i++) {
        const struct ordo_timeline_slice *slice = &timeline->slices[i];
        (void)fprintf(out, "%llu", (unsigned long long)(i * timeline->slice_ns / ORDO_NS_PER_MS));
        for (uint32_t kind = 0; kind < ORDO_TIMELINE_KINDS; kind++) {
            (void)fprintf(
                out,
                ",%llu,%llu,%u",
                (unsigned long long)slice->offered[kind],
                (unsigned long long)slice->answered[kind],
                ordo_timeline_p99(timeline, i, (enum ordo_timeline_kind)kind));
        }
        (void)fprintf(out, ",%llu\n", (unsigned long long)slice->busy);
    }
}
