#include "order/parts.h"

/* A min-heap with four children a node: shallow (10 levels at a million holds), and three quarters
 * of its entries are leaves, so taking out an order that was paid in time seldom moves anything.
 * Each order knows its place, so that nothing dead stays in it and each order is in it at most
 * once: the capacity is that of the order table. Order of work is (deadline, order row), a total
 * order, so the shape of the heap never shows: it is derived, made again from the rows.
 *
 * Rejected: a timing wheel. A million holds of one second share a slot and would have to be sorted
 * there before the first sixteen can be taken.
 */

#define CHILDREN 4

static bool is_before(const struct ordo_due *a, const struct ordo_due *b)
{
    return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us : a->order < b->order;
}

static void put_at(struct ordo_state *s, uint32_t at, struct ordo_due due)
{
    s->deadlines.heap[at] = due;
    s->links[due.order].heap_at = at;
}

static uint32_t parent_of(uint32_t at)
{
    return (at + CHILDREN - 2) / CHILDREN; /* entry 1 has the children 2..5 */
}

static void sift_up(struct ordo_state *s, uint32_t at, struct ordo_due due)
{
    while (at > 1) {
        uint32_t parent = parent_of(at);
        if (!is_before(&due, &s->deadlines.heap[parent])) {
            break;
        }
        put_at(s, at, s->deadlines.heap[parent]);
        at = parent;
    }
    put_at(s, at, due);
}

static uint32_t least_child(const struct ordo_deadlines *d, uint32_t at)
{
    uint64_t first = (uint64_t)at * CHILDREN - 2;
    if (first > d->count) {
        return 0;
    }
    uint32_t least = (uint32_t)first;
    for (uint64_t child = first + 1; child < first + CHILDREN && child <= d->count; child++) {
        if (is_before(&d->heap[child], &d->heap[least])) {
            least = (uint32_t)child;
        }
    }
    return least;
}

static void sift_down(struct ordo_state *s, uint32_t at, struct ordo_due due)
{
    for (;;) { /* ends: at grows */
        uint32_t child = least_child(&s->deadlines, at);
        if (child == 0 || !is_before(&s->deadlines.heap[child], &due)) {
            break;
        }
        put_at(s, at, s->deadlines.heap[child]);
        at = child;
    }
    put_at(s, at, due);
}

static void add(struct ordo_state *s, uint32_t order)
{
    struct ordo_deadlines *d = &s->deadlines;
    ORDO_ASSERT(d->count < d->count_max);
    ORDO_ASSERT(s->links[order].heap_at == 0);
    uint64_t deadline_us = ordo_order_at(s, order)->deadline_us;
    sift_up(s, ++d->count, (struct ordo_due){.deadline_us = deadline_us, .order = order});
}

static void take_out(struct ordo_state *s, uint32_t order)
{
    struct ordo_deadlines *d = &s->deadlines;
    uint32_t at = s->links[order].heap_at;
    ORDO_ASSERT(at != 0 && at <= d->count);
    ORDO_ASSERT(d->heap[at].order == order);
    struct ordo_due gone = d->heap[at];
    struct ordo_due last = d->heap[d->count--];
    s->links[order].heap_at = 0;
    if (last.order == order) {
        return;
    }
    if (is_before(&last, &gone)) { /* what is not before `gone` is not before its parent either */
        sift_up(s, at, last);
    } else {
        sift_down(s, at, last);
    }
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
    struct ordo_due *heap = s->deadlines.heap;
    ORDO_ASSERT(orders <= s->deadlines.count_max);
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
    s->deadlines.count = 0;
}

void ordo_deadlines_restore(struct ordo_state *s, uint32_t orders)
{
    ORDO_ASSERT(s->deadlines.count == 0);
    for (uint32_t row = 1; row <= orders; row++) {
        if (ordo_order_at(s, row)->deadline_us != 0) {
            add(s, row);
        }
    }
}

/* ---- decisions ---- */

void ordo_deadline_set(struct ordo_state *s, uint32_t order, uint64_t deadline_us)
{
    if (ordo_order_at(s, order)->deadline_us == deadline_us) {
        return;
    }
    if (ordo_order_at(s, order)->deadline_us != 0) {
        take_out(s, order);
    }
    ordo_order_edit(s, order)->deadline_us = deadline_us;
    if (deadline_us != 0) {
        add(s, order);
    }
}

uint32_t ordo_deadline_due(const struct ordo_state *s, uint64_t now_us)
{
    const struct ordo_deadlines *d = &s->deadlines;
    if (d->count == 0 || d->heap[1].deadline_us > now_us) {
        return 0;
    }
    return d->heap[1].order;
}

uint64_t ordo_state_next_deadline_us(const struct ordo_state *s)
{
    const struct ordo_deadlines *d = &s->deadlines;
    if (ordo_head(s)->serve_first != 0) {
        return 0; /* at once: somebody waits for units that are free */
    }
    return d->count == 0 ? UINT64_MAX : d->heap[1].deadline_us;
}
