#include "order/parts.h"

#include <string.h>

/* A min-heap with four children a node: shallow (10 levels at a million holds), and three quarters
 * of its entries are leaves, so taking out an order that was paid in time seldom moves anything.
 * Each order knows its place, so that nothing dead stays in it and each order is in it at most
 * once: the capacity is that of the order table. Order of work is (deadline, order row), a total
 * order, so the shape of the heap never shows: it is derived, made again from the rows.
 *
 * Holds and what is paid have a heap each: deadlines that are all as far ahead come in the order of
 * time and stay at the end of their heap, where a redelivery due before all holds would climb over
 * ten levels and touch an order at each. They share one array from both ends, because an order is
 * in one of them at most.
 *
 * Rejected: a timing wheel. A million holds of one second share a slot and would have to be sorted
 * there before the first sixteen can be taken.
 */

#define CHILDREN 4

static bool is_before(const struct ordo_due *a, const struct ordo_due *b)
{
    return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us : a->order < b->order;
}

enum side { SIDE_HOLDS, SIDE_PAID };

/* The side is known where these are called from, so that each is made for one of them. */
#define FOR_ONE_SIDE static inline __attribute__((always_inline))

FOR_ONE_SIDE uint32_t place_of(const struct ordo_deadlines *d, enum side side, uint32_t at)
{
    return side == SIDE_HOLDS ? at : d->place_max + 1 - at;
}

FOR_ONE_SIDE struct ordo_due *entry(const struct ordo_deadlines *d, enum side side, uint32_t at)
{
    return &d->places[place_of(d, side, at)];
}

FOR_ONE_SIDE void put_at(struct ordo_state *s, enum side side, uint32_t at, struct ordo_due due)
{
    uint32_t place = place_of(&s->deadlines, side, at);
    s->deadlines.places[place] = due;
    s->links[due.order].place = place;
}

static uint32_t parent_of(uint32_t at)
{
    return (at + CHILDREN - 2) / CHILDREN; /* entry 1 has the children 2..5 */
}

FOR_ONE_SIDE void sift_up(struct ordo_state *s, enum side side, uint32_t at, struct ordo_due due)
{
    while (at > 1) {
        uint32_t parent = parent_of(at);
        const struct ordo_due *above = entry(&s->deadlines, side, parent);
        if (ORDO_LIKELY(!is_before(&due, above))) {
            break;
        }
        put_at(s, side, at, *above);
        at = parent;
    }
    put_at(s, side, at, due);
}

FOR_ONE_SIDE uint32_t least_child(const struct ordo_deadlines *d, enum side side, uint32_t at)
{
    uint64_t first = (uint64_t)at * CHILDREN - 2;
    if (ORDO_LIKELY(first > d->counts[side])) {
        return 0;
    }
    uint32_t least = (uint32_t)first;
    for (uint64_t child = first + 1; child < first + CHILDREN && child <= d->counts[side];
         child++) {
        if (is_before(entry(d, side, (uint32_t)child), entry(d, side, least))) {
            least = (uint32_t)child;
        }
    }
    return least;
}

FOR_ONE_SIDE void sift_down(struct ordo_state *s, enum side side, uint32_t at, struct ordo_due due)
{
    for (;;) { /* ends: at grows */
        uint32_t child = least_child(&s->deadlines, side, at);
        if (child == 0 || !is_before(entry(&s->deadlines, side, child), &due)) {
            break;
        }
        put_at(s, side, at, *entry(&s->deadlines, side, child));
        at = child;
    }
    put_at(s, side, at, due);
}

FOR_ONE_SIDE void add_to(struct ordo_state *s, enum side side, struct ordo_due due)
{
    struct ordo_deadlines *d = &s->deadlines;
    ORDO_ASSERT(d->counts[SIDE_HOLDS] + d->counts[SIDE_PAID] < d->place_max);
    sift_up(s, side, ++d->counts[side], due);
}

static void add(struct ordo_state *s, uint32_t order)
{
    const struct ordo_order_row *o = ordo_order_at(s, order);
    struct ordo_due due = {.deadline_us = o->deadline_us, .order = order};
    ORDO_ASSERT(s->links[order].place == 0);
    if (o->state == ORDO_STATE_NONE || ordo_state_is_unpaid(o->state)) {
        add_to(s, SIDE_HOLDS, due);
    } else {
        add_to(s, SIDE_PAID, due);
    }
}

FOR_ONE_SIDE void take_off(struct ordo_state *s, enum side side, uint32_t place)
{
    struct ordo_deadlines *d = &s->deadlines;
    uint32_t at = place_of(d, side, place); /* the same in both directions */
    ORDO_ASSERT(at != 0 && at <= d->counts[side]);
    uint32_t end = d->counts[side]--;
    if (at == end) {
        return;
    }
    struct ordo_due gone = d->places[place];
    struct ordo_due last = *entry(d, side, end);
    if (ORDO_UNLIKELY(is_before(&last, &gone))) {
        sift_up(s, side, at, last);
    } else { /* what is not before `gone` is not before its parent either */
        sift_down(s, side, at, last);
    }
}

static void take_out(struct ordo_state *s, uint32_t order)
{
    uint32_t place = s->links[order].place;
    ORDO_ASSERT(s->deadlines.places[place].order == order);
    s->links[order].place = 0;
    if (place <= s->deadlines.counts[SIDE_HOLDS]) {
        take_off(s, SIDE_HOLDS, place);
    } else {
        take_off(s, SIDE_PAID, place);
    }
}

void ordo_deadline_places(const struct ordo_state *s, uint32_t order, const void *places[2])
{
    const struct ordo_deadlines *d = &s->deadlines;
    uint32_t place = s->links[order].place;
    enum side side = place <= d->counts[SIDE_HOLDS] ? SIDE_HOLDS : SIDE_PAID;
    uint64_t child = (uint64_t)place_of(d, side, place) * CHILDREN - 2;
    bool leaf = place == 0 || child > d->counts[side];
    places[0] = &d->places[place];
    places[1] = leaf ? places[0] : entry(d, side, (uint32_t)child);
}

bool ordo_deadline_is_kept(const struct ordo_state *s, uint32_t order)
{
    const struct ordo_deadlines *d = &s->deadlines;
    const struct ordo_order_row *o = ordo_order_at(s, order);
    uint32_t place = s->links[order].place;
    if (place == 0 || place > d->place_max) {
        return place == 0 && o->deadline_us == 0;
    }
    bool holds = place <= d->counts[SIDE_HOLDS];
    if (!holds && d->place_max + 1 - place > d->counts[SIDE_PAID]) {
        return false;
    }
    const struct ordo_due *due = &d->places[place];
    return due->order == order && due->deadline_us == o->deadline_us && o->deadline_us != 0;
}

uint32_t ordo_deadlines_out_of_order(const struct ordo_state *s)
{
    const struct ordo_deadlines *d = &s->deadlines;
    for (enum side side = SIDE_HOLDS; side <= SIDE_PAID; side++) {
        for (uint32_t at = 2; at <= d->counts[side]; at++) {
            if (is_before(entry(d, side, at), entry(d, side, parent_of(at)))) {
                return entry(d, side, at)->order;
            }
        }
    }
    return 0;
}

/* ---- after an image was loaded ---- */

/* Puts `due` below `at` in a binary heap of `count` entries with the greatest on top. */
static void sink(struct ordo_due *heap, uint32_t at, uint32_t count, struct ordo_due due)
{
    for (uint64_t child = (uint64_t)at * 2; child <= count; child = (uint64_t)at * 2) {
        child += child < count && is_before(&heap[child], &heap[child + 1]) ? 1 : 0;
        if (!is_before(&due, &heap[child])) {
            break;
        }
        heap[at] = heap[child];
        at = (uint32_t)child;
    }
    heap[at] = due;
}

void ordo_deadlines_sort_by_change(struct ordo_state *s, uint32_t orders)
{
    struct ordo_due *heap = s->deadlines.places;
    ORDO_ASSERT(orders <= s->deadlines.place_max);
    bool sorted = true;
    for (uint32_t row = 1; row <= orders; row++) {
        heap[row] =
            (struct ordo_due){.deadline_us = ordo_order_at(s, row)->changed_us, .order = row};
        sorted = sorted && (row == 1 || is_before(&heap[row - 1], &heap[row]));
    }
    for (uint32_t at = sorted ? 0 : orders / 2; at > 0; at--) {
        sink(heap, at, orders, heap[at]);
    }
    for (uint32_t left = sorted ? 0 : orders; left > 1; left--) {
        struct ordo_due due = heap[left];
        heap[left] = heap[1];
        sink(heap, 1, left - 1, due);
    }
    memset(s->deadlines.counts, 0, sizeof(s->deadlines.counts));
}

void ordo_deadlines_restore(struct ordo_state *s, uint32_t orders)
{
    ORDO_ASSERT(s->deadlines.counts[SIDE_HOLDS] + s->deadlines.counts[SIDE_PAID] == 0);
    for (uint32_t row = 1; row <= orders; row++) {
        if (ordo_order_at(s, row)->deadline_us != 0) {
            add(s, row);
        }
    }
}

/* ---- decisions ---- */

void ordo_deadline_set(struct ordo_state *s, uint32_t order, uint64_t deadline_us)
{
    struct ordo_order_row *o = ordo_order_edit(s, order);
    if (o->deadline_us == deadline_us) {
        return;
    }
    if (o->deadline_us != 0) {
        take_out(s, order);
    }
    o->deadline_us = deadline_us;
    if (deadline_us != 0) {
        add(s, order);
    }
}

/* The first due of both heaps; order 0 and the end of time when there is none. */
static struct ordo_due first_due(const struct ordo_state *s)
{
    const struct ordo_deadlines *d = &s->deadlines;
    struct ordo_due first = {.deadline_us = UINT64_MAX};
    for (enum side side = SIDE_HOLDS; side <= SIDE_PAID; side++) {
        if (d->counts[side] != 0 && is_before(entry(d, side, 1), &first)) {
            first = *entry(d, side, 1);
        }
    }
    return first;
}

uint32_t ordo_deadline_due(const struct ordo_state *s, uint64_t now_us)
{
    struct ordo_due due = first_due(s);
    return due.deadline_us > now_us ? 0 : due.order;
}

uint64_t ordo_state_next_deadline_us(const struct ordo_state *s)
{
    if (ordo_head(s)->serve_first != 0) {
        return 0; /* at once: somebody waits for units that are free */
    }
    return first_due(s).deadline_us;
}
